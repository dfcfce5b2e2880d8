/* codec/registry.c - which kind of registry a URL means. SPDX-License-Identifier: Apache-2.0 */
#include "codec/registry.h"

#include "codec/registry_ops.h"

#include <strings.h>

/* What follows `scheme` in `url`, or NULL. */
static const char *
after(const char *url, const char *scheme)
{
    size_t size = strlen(scheme);

    return strncasecmp(url, scheme, size) == 0 ? url + size : NULL;
}

enum hp_status
hp_registry_open(const struct hp_registry_options *options, struct hp_registry **registry,
    struct hp_error *error)
{
    const char *folder = after(options->url, "file:");

    if (folder)
        return hp_registry_file_open(
            strncmp(folder, "///", 3) == 0 ? folder + 2 : folder, registry, error);
    if (strcmp(options->url, "embedded:") == 0) {
        hp_registry_embedded_open(registry);
        return HP_OK;
    }
    if (after(options->url, "http://") || after(options->url, "https://"))
        return hp_registry_http_open(options, registry, error);
    return hp_fail(
        error, HP_USAGE, "schema.registry.url: neither file:FOLDER nor http://… nor https://…");
}

void
hp_registry_free(struct hp_registry *registry)
{
    if (!registry)
        return;
    free(registry->name);
    registry->ops->free(registry);
}

enum hp_status
hp_registry_schema(
    struct hp_registry *registry, int32_t id, struct hp_buffer *json, struct hp_error *error)
{
    return registry->ops->schema(registry, id, json, error);
}

enum hp_status
hp_registry_id(struct hp_registry *registry, const char *subject, struct hp_bytes schema_json,
    int32_t *id, struct hp_error *error)
{
    return registry->ops->id(registry, subject, schema_json, id, error);
}

const char *
hp_registry_name(const struct hp_registry *registry)
{
    return registry->name;
}
