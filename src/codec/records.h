/*
 * codec/records.h - the eight records: their schemas, and where each field stands in its C
 * struct.
 *
 * The schema texts of `schemas/` are part of the binary. At first use they are parsed and laid
 * beside the tables of records.c; a field, type or symbol that differs ends the process.
 *
 * Thread: any; immutable after first use.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_CODEC_RECORDS_H
#define HP_CODEC_RECORDS_H

#include "base/bytes.h"
#include "codec/schema.h"

enum hp_record_type {
    HP_RECORD_ORDER,              /* struct hp_order */
    HP_RECORD_FEEDBACK,           /* struct hp_feedback */
    HP_RECORD_PREFERENCES,        /* struct hp_preferences */
    HP_RECORD_BOX_REQUEST,        /* struct hp_box_request */
    HP_RECORD_ERASURE,            /* struct hp_erasure */
    HP_RECORD_CATALOGUE_ITEM,     /* struct hp_catalogue_item */
    HP_RECORD_BOX_RECOMMENDATION, /* struct hp_recommendation */
    HP_RECORD_ERASURE_RECEIPT,    /* struct hp_erasure_receipt */
};
#define HP_RECORD_TYPES 8

enum hp_slot_kind {
    HP_SLOT_TEXT,    /* struct hp_bytes */
    HP_SLOT_INT32,   /* int32_t */
    HP_SLOT_INT64,   /* int64_t */
    HP_SLOT_BOOLEAN, /* bool */
    HP_SLOT_DOUBLE,  /* double */
    HP_SLOT_ENUM,    /* an enum whose values are the symbols' positions */
    HP_SLOT_RECORD,  /* a struct inside the struct */
    HP_SLOT_LIST, /* pointer and count; of records, or of struct hp_bytes when `of` is NULL */
    HP_SLOT_MAP,  /* pointer and count; of records with two texts, the key first */
};

#define HP_SLOT_NONE UINT32_MAX

struct hp_layout;

struct hp_slot {
    const char *name; /* the schema's field */
    enum hp_slot_kind kind;
    uint32_t offset;
    uint32_t present; /* offset of the bool that says a nullable is there; or HP_SLOT_NONE */
    uint32_t count;   /* lists: offset of the size_t */
    uint32_t limit;   /* most bytes of a text, most members of a list */
    const struct hp_layout *of;
};

struct hp_layout {
    const char *name;            /* the record's short name */
    size_t size;                 /* of the struct */
    const struct hp_slot *slots; /* in the order of the schema's fields */
    size_t count;
};

const struct hp_layout *hp_record_layout(enum hp_record_type type);
const struct hp_schema *hp_record_schema(enum hp_record_type type);

/* The schema's JSON as in schemas/, for registries and container files. */
struct hp_bytes hp_record_schema_json(enum hp_record_type type);

/* "Order", …; and the size of the C struct. */
const char *hp_record_name(enum hp_record_type type);
size_t hp_record_size(enum hp_record_type type);

/* The schema of a nullable's value, or `schema` itself; `nullable` and `null_branch` may be
 * NULL. */
const struct hp_schema *hp_schema_value(
    const struct hp_schema *schema, bool *nullable, size_t *null_branch);

#endif
