/*
 * codec/registry.h - where schemas are found by id, and ids by schema.
 *
 * Three implementations behind one header, chosen by the URL:
 *   file:DIR           a folder with index.json (schemas/README.md), for work without a server;
 *   embedded:          the schemas built into the program, and nothing else; for the demo;
 *   http:// https://   a Confluent-compatible registry; `user:password@` gives basic auth.
 *
 * Thread: any number; one lock inside. A slow server holds up only those who ask for a schema
 * not seen before.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_CODEC_REGISTRY_H
#define HP_CODEC_REGISTRY_H

#include "base/bytes.h"

struct hp_registry; /* opaque */

struct hp_registry_options {
    const char *url;         /* `schema.registry.url`; copied */
    bool auto_register;      /* `auto.register.schemas`: hp_registry_id may add a schema */
    int32_t timeout_ms;      /* of one HTTP request, connecting included; 0 = 3000 */
    int32_t unknown_ttl_ms;  /* how long a 404 is believed; 0 = 30000 */
    int32_t back_off_ms;     /* pause after an unreachable server; 0 = 500 */
    int64_t (*now_ms)(void); /* a clock that never goes back; NULL = the machine's */
};

#define HP_REGISTRY_SCHEMA_MAX (1 << 20)

/*
 * HP_USAGE when the URL has none of these forms, or the folder or its index.json cannot be used
 * (the text names the file and the entry). A server is not contacted.
 */
HP_MUST_CHECK enum hp_status hp_registry_open(const struct hp_registry_options *options,
    struct hp_registry **registry, struct hp_error *error);

/* NULL does nothing. */
void hp_registry_free(struct hp_registry *registry);

/*
 * Appends the JSON text of schema `id`, at most HP_REGISTRY_SCHEMA_MAX bytes.
 * HP_BAD_RECORD UNKNOWN_SCHEMA: the registry answers and does not know it (remembered for
 * `unknown_ttl_ms`). HP_BAD_RECORD SCHEMA_REFUSED: it is not Avro, has references, or is too
 * large. HP_RETRY: it cannot be asked now.
 */
HP_MUST_CHECK enum hp_status hp_registry_schema(
    struct hp_registry *registry, int32_t id, struct hp_buffer *json, struct hp_error *error);

/*
 * The id under which `subject` holds exactly this schema. HP_USAGE: it does not, and
 * registering is off or refused. HP_RETRY: it cannot be asked now.
 */
HP_MUST_CHECK enum hp_status hp_registry_id(struct hp_registry *registry, const char *subject,
    struct hp_bytes schema_json, int32_t *id, struct hp_error *error);

/* The URL without user and password, for messages. */
const char *hp_registry_name(const struct hp_registry *registry);

#endif
