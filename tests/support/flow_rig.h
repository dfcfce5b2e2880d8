/*
 * tests/support/flow_rig.h - the whole stream on a broker and a store in memory, with a clock
 * that only moves when told to: write events as JSON, settle, read boxes back.
 *
 * JSON is written with ' instead of ", so that a scenario reads as text. Records are placed by
 * murmur2 of their key, as producers should.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_TESTS_FLOW_RIG_H
#define HP_TESTS_FLOW_RIG_H

#include "broker/broker_memory.h"
#include "flow/flow.h"

#define RIG_PARTITIONS 2
#define RIG_START_MS   1767225600000LL /* 2026-01-01 */
#define RIG_DAY_MS     86400000LL

struct flow_rig {
    int64_t now_ms;
    struct hp_arena arena; /* of everything read back */
    struct hp_cluster *cluster;
    struct hp_producer *producer;
    struct hp_topic_names topics;
    struct hp_registry *registry;
    struct hp_codec *codec;
    struct hp_vocabulary *vocabulary;
    struct hp_occasions *occasions;
    struct hp_flow_options options; /* change before flow_rig_start() */
    struct hp_kv *kv;
    struct hp_flow *flow;
    struct hp_worker *worker;
    const struct hp_application *wrap; /* instead of the flow's own; NULL: that */
};

/* An output record as a read-committed stranger sees it. */
struct flow_seen {
    int32_t partition;
    int64_t offset;
    int64_t timestamp_ms;
    struct hp_bytes key;
    struct hp_bytes value;            /* absent: tombstone */
    struct hp_recommendation content; /* of the two box topics */
};

struct flow_seen_list {
    struct flow_seen *items; /* by partition, in log order */
    size_t count;
};

/* Topics without records, an empty store, the default options; nothing runs yet. */
void flow_rig_init(struct flow_rig *rig);
void flow_rig_release(struct flow_rig *rig);
/* Views to their ends, then a worker on the store that is there. */
void flow_rig_start(struct flow_rig *rig);
/* The same in two parts: the flow alone, then views to their ends and the worker. */
void flow_rig_make(struct flow_rig *rig);
void flow_rig_join(struct flow_rig *rig);
/* The worker and the views go as in a crash; the store stays. */
void flow_rig_crash(struct flow_rig *rig);
void flow_rig_wipe(struct flow_rig *rig);

/* Writes one event. `key` NULL: the record's own user or item. */
void flow_rig_send(struct flow_rig *rig, enum hp_topic topic, const char *key,
    const char *format, ...) HP_PRINTF(4, 5);
/* The same on a partition of one's choice, for records that are misplaced. */
void flow_rig_send_to(struct flow_rig *rig, enum hp_topic topic, int32_t partition,
    const char *key, const char *format, ...) HP_PRINTF(5, 6);
/* Bytes as they are; `value` absent is a tombstone. */
void flow_rig_send_raw(struct flow_rig *rig, enum hp_topic topic, int32_t partition,
    const char *key, struct hp_bytes value);
/* A catalogue record; `more` are further fields of the JSON, or "". */
void flow_rig_item(struct flow_rig *rig, const char *id, const char *category, int price_minor,
    const char *more);
/*
 * 32 items: nuts, sweets, tea, snacks, fruit and spice, -1 to -5 each, at 10,000 to 31,000
 * paise. The first of each category holds peanut; odd ones are vegan, even ones vegetarian;
 * fruit-x does not tell its allergens, tea-x tells one nobody knows.
 */
void flow_rig_shop(struct flow_rig *rig);
int32_t flow_rig_place(const char *key);

/* One turn and 5 ms. */
void flow_rig_step(struct flow_rig *rig);
/* Until nothing is left to do, the model included. */
void flow_rig_settle(struct flow_rig *rig);

struct flow_seen_list flow_rig_read(struct flow_rig *rig, enum hp_topic topic);
/* The same, values left as they are. */
struct flow_seen_list flow_rig_read_raw(struct flow_rig *rig, enum hp_topic topic);
/* The last standing record of a user; NULL when there is none or it is a tombstone. */
const struct hp_recommendation *flow_rig_standing(struct flow_rig *rig, const char *user);
/* The answer with this request id, NULL when there is none. */
const struct hp_recommendation *flow_rig_answer(struct flow_rig *rig, const char *request);
/* How many records a topic holds of this key. */
size_t flow_rig_count(struct flow_rig *rig, enum hp_topic topic, const char *key);
/* The reason code of the last dead letter, or NULL; `count` may be NULL. */
const char *flow_rig_dead(struct flow_rig *rig, size_t *count);

/* Of the orders, reactions, preferences and watermarks in the store. */
struct hp_digest flow_rig_set_digest(struct flow_rig *rig);

/* What the boxes of a user must keep beyond what is always true. */
struct flow_rules {
    const char *allergen; /* no item may contain it, or not say */
    const char *diet;     /* every item must claim it, or `or_diet` */
    const char *or_diet;
    int items_min;    /* 0: 3 */
    int items_max;    /* 0: 12 */
    const char *must; /* asked for: does not count as shared */
};
/*
 * Checks every box against the newest records of the catalogue topic, with code of its own:
 * prices, sums, window, stock, families, counts, rules; at most half of a box's families in
 * common. Prints what is wrong and returns false.
 */
bool flow_rig_valid(struct flow_rig *rig, const struct hp_recommendation *recommendation,
    const struct flow_rules *rules);
/* Some box holds the item. */
bool flow_rig_holds(const struct hp_recommendation *recommendation, const char *item);
/* Nobody has one revision twice, and each user's rise by one over both topics. */
bool flow_rig_revisions(struct flow_rig *rig);

#endif
