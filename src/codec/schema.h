/*
 * codec/schema.h - an Avro schema as a checked tree of our own.
 *
 * Avro C parses schemas but forgets defaults, aliases, enum defaults and logical types, and its
 * parser trusts its input. Here the JSON is checked and bounded first, the tree keeps what
 * resolution needs, and Avro C gives a second opinion on every schema accepted.
 *
 * Refused: more than 1 MiB, 32 levels, 1 000 fields or 20 000 nodes with references spelled
 * out, a type that contains itself, `fixed` above 4 096 bytes, undefined or repeated names.
 *
 * Thread: a finished tree is immutable. Parsing is serialised inside (Avro C keeps its error
 * text in one global).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_CODEC_SCHEMA_H
#define HP_CODEC_SCHEMA_H

#include "base/arena.h"

#define HP_SCHEMA_BYTES_MAX  (1 << 20)
#define HP_SCHEMA_DEPTH_MAX  32
#define HP_SCHEMA_FIELDS_MAX 1000
#define HP_SCHEMA_NODES_MAX  20000
#define HP_SCHEMA_FIXED_MAX  4096
#define HP_SCHEMA_NAME_MAX   256

enum hp_schema_kind {
    HP_SCHEMA_NULL,
    HP_SCHEMA_BOOLEAN,
    HP_SCHEMA_INT,
    HP_SCHEMA_LONG,
    HP_SCHEMA_FLOAT,
    HP_SCHEMA_DOUBLE,
    HP_SCHEMA_BYTES,
    HP_SCHEMA_STRING,
    HP_SCHEMA_FIXED,
    HP_SCHEMA_ENUM,
    HP_SCHEMA_ARRAY,
    HP_SCHEMA_MAP,
    HP_SCHEMA_UNION,
    HP_SCHEMA_RECORD
};

struct hp_names {
    const char *const *items;
    size_t count;
};

struct hp_schema;

struct hp_schema_field {
    const char *name;
    struct hp_names aliases;
    const struct hp_schema *schema;
    const char *default_json; /* NULL: none */
};

struct hp_schema {
    enum hp_schema_kind kind;
    const char *name;         /* full name; of unnamed kinds the kind's name */
    struct hp_names aliases;  /* full names; record, enum, fixed */
    const char *logical_type; /* NULL: none */

    const struct hp_schema_field *fields; /* record */
    size_t field_count;

    struct hp_names symbols;    /* enum */
    const char *symbol_default; /* enum; NULL: none */

    const struct hp_schema *const *branches; /* union */
    size_t branch_count;

    const struct hp_schema *items; /* array, map: the values */
    size_t size;                   /* fixed */

    size_t weight;   /* nodes of the tree with every reference spelled out */
    size_t size_min; /* fewest bytes a value can take; 0 only when every value takes none */
};

/* The tree lives in `arena`. HP_BAD_RECORD SCHEMA_REFUSED with the reason. */
HP_MUST_CHECK enum hp_status hp_schema_parse(struct hp_bytes json, struct hp_arena *arena,
    const struct hp_schema **schema, struct hp_error *error);

const char *hp_schema_kind_name(enum hp_schema_kind kind);

/* The part of a full name after the last dot. */
const char *hp_schema_short_name(const char *name);

bool hp_names_have(struct hp_names names, const char *name);

#endif
