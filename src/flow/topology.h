/*
 * flow/topology.h - topics, sources and stores as one table: what the platform and hamper
 * share.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_FLOW_TOPOLOGY_H
#define HP_FLOW_TOPOLOGY_H

#include "codec/event.h"
#include "engine/engine.h"

/* All topics, in the order of docs/topics.md. */
enum hp_topic {
    HP_TOPIC_ORDERS,
    HP_TOPIC_FEEDBACK,
    HP_TOPIC_PREFERENCES,
    HP_TOPIC_BOX_REQUESTS,
    HP_TOPIC_ERASURES,
    HP_TOPIC_CATALOGUE,
    HP_TOPIC_BOX_RECOMMENDATIONS,
    HP_TOPIC_BOX_ANSWERS,
    HP_TOPIC_ERASURE_RECEIPTS,
    HP_TOPIC_DEAD_LETTERS,
    HP_TOPIC_REROUTE,
    HP_TOPIC_LEDGER_CHANGELOG,
    HP_TOPIC_ROWS,
    HP_TOPIC_MODEL,
    HP_TOPIC_AUDIT,
    HP_TOPIC_COUNT
};

enum hp_topic_role { HP_ROLE_INPUT, HP_ROLE_OUTPUT, HP_ROLE_INTERNAL };

struct hp_topic_row {
    enum hp_topic topic;
    const char *option;       /* configuration key that renames it, or NULL */
    const char *default_name; /* internal ones: suffix after the application id */
    enum hp_topic_role role;
    bool by_partitions;            /* as many partitions as `partitions`; otherwise 1 */
    bool partitions_free;          /* any number works (the catalogue) */
    int record_type;               /* enum hp_record_type of its values, or -1 */
    struct hp_setting settings[6]; /* wanted; ends with a NULL name */
};

extern const struct hp_topic_row hp_topic_rows[HP_TOPIC_COUNT];

/* The names in force: `renamed[topic]` when not NULL, else default. Kept in `names` (owned). */
struct hp_topic_names {
    char *name[HP_TOPIC_COUNT];
};
void hp_topic_names_init(struct hp_topic_names *names, const char *application_id,
    const char *const renamed[HP_TOPIC_COUNT]);
void hp_topic_names_release(struct hp_topic_names *names);

/* What a record of a source is; sources[] of the group in this order. */
enum hp_source {
    HP_SOURCE_ORDERS, /* the driver */
    HP_SOURCE_FEEDBACK,
    HP_SOURCE_PREFERENCES,
    HP_SOURCE_BOX_REQUESTS,
    HP_SOURCE_ERASURES,
    HP_SOURCE_REROUTE,
    HP_SOURCE_COUNT
};

/* Stores: facts below 32 (changelogged), derived from 32 on. Layouts in state/README.md. */
#define HP_STORE_DERIVED 32 /* the first derived one */
enum hp_flow_store {
    HP_STORE_ORDER = 1,       /* part(user) part(order_id)  -> ledger/orders.h */
    HP_STORE_REACTION = 2,    /* part(user) part(item)      -> ledger/reactions.h */
    HP_STORE_PREFERENCES = 3, /* part(user)                 -> ledger/preferences.h */
    HP_STORE_WATERMARK = 4,   /* hmac(user)                 -> ledger/watermark.h */
    HP_STORE_REVISION = 5,    /* hmac(user)                 -> last revision, had standing */
    HP_STORE_STANDING = 6,    /* part(user)                 -> flow/standing.h */
    HP_STORE_PENDING = 7,     /* part(user)                 -> flow/pending.h */
    HP_STORE_REQUESTS = 8,   /* part(user)                 -> known request ids, answer times */
    HP_STORE_REJECTED = 9,   /* part(user)                 -> last 3 rejected boxes */
    HP_STORE_PROGRESS = 10,  /* catalogue_done, fan-out cursor, sweep */
    HP_STORE_AGGREGATE = 32, /* part(user)                 -> ledger/aggregates.h */
    HP_STORE_BLOCK = 33,     /* u32 number -> row of co-counts (ledger/rows.h) */
    HP_STORE_ROW_LOG = 34,   /* u64 sequence -> change of rows, not yet in all blocks */
    HP_STORE_ITEM_USERS = 35, /* part(item) part(user)      -> empty; who holds it */
    HP_STORE_QUEUE = 36,      /* u64 since | part(user) -> empty; pending, oldest first */
    HP_STORE_TOUCHED = 37,    /* part(user) -> empty; his aggregate is not worked out yet */
    HP_STORE_NUMBER = 38,     /* item -> its number in rows */
    HP_STORE_ROW_META = 39,   /* flow/blocks.c */
    HP_STORE_FORGOTTEN = 40,  /* u8 source | u64 offset -> empty; flow/residue.h */
};

extern const struct hp_store_spec hp_flow_stores[];
extern const size_t hp_flow_store_count;

#endif
