/*
 * codec/registry_embedded.c - the schemas built into the program, for work without files.
 *
 * Ids are those of schemas/index.json, so that what one run wrote another can read: the first
 * id of our own range, then one a record in the order of enum hp_record_type.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "codec/records.h"
#include "codec/registry_ops.h"
#include "domain/reasons.h"

#define FIRST_ID 2000000001

static enum hp_status
embedded_schema(
    struct hp_registry *registry, int32_t id, struct hp_buffer *json, struct hp_error *error)
{
    struct hp_bytes text;

    (void)registry;
    if (id < FIRST_ID || id - FIRST_ID >= HP_RECORD_TYPES)
        return hp_bad(
            error, HP_CODE_UNKNOWN_SCHEMA, "schema id %d is none of the built-in ones", id);
    text = hp_record_schema_json((enum hp_record_type)(id - FIRST_ID));
    hp_buffer_append(json, text.data, text.size);
    return HP_OK;
}

/* Any subject: topics may be renamed, and each schema has one id. */
static enum hp_status
embedded_id(struct hp_registry *registry, const char *subject, struct hp_bytes schema_json,
    int32_t *id, struct hp_error *error)
{
    (void)registry;
    for (int type = 0; type < HP_RECORD_TYPES; type++)
        if (hp_bytes_equal(hp_record_schema_json((enum hp_record_type)type), schema_json)) {
            *id = FIRST_ID + type;
            return HP_OK;
        }
    return hp_fail(
        error, HP_USAGE, "embedded: %s has no schema equal to the one asked for", subject);
}

static void
embedded_free(struct hp_registry *registry)
{
    free(registry);
}

void
hp_registry_embedded_open(struct hp_registry **registry)
{
    static const struct hp_registry_ops ops = {embedded_schema, embedded_id, embedded_free};
    struct hp_registry *made = hp_alloc(sizeof(*made));

    made->ops = &ops;
    made->name = hp_strdup("embedded:");
    *registry = made;
}
