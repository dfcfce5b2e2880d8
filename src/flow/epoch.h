/*
 * flow/epoch.h - what stands in the model topic: solved items and the manifest of an epoch.
 *
 * A row holds an item's numbers and the weights of its partners. Numbers change only when the
 * item's own counters do: its trend is decayed to the item's own last day, and averages stand
 * in the manifest alone; readers put the two together.
 *
 * Keys: an item's id, with a `!` in front when it begins with one; the manifest is `!epoch`.
 *
 * Thread: any. Pure.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_FLOW_EPOCH_H
#define HP_FLOW_EPOCH_H

#include "base/hash.h"
#include "ledger/heads.h"
#include "model/fixed.h"
#include "model/llr.h"
#include "model/ridge.h"

#define HP_MANIFEST_KEY "!epoch"

struct hp_model_row {
    int64_t users; /* n_i */
    int64_t opportunities;
    int64_t hits;
    int64_t last_day; /* UTC, of the last day somebody ordered it; 0 when nobody did */
    int64_t trend;    /* users per day, halved every HP_TREND_HALF_LIFE days before last_day; in
                         1 / HP_DECAY_ONE */
};

/* What a purchase of `item_id` says of the row's item: byte / 2^shift of its set. */
struct hp_model_partner {
    struct hp_bytes item_id;
    uint8_t next; /* for the next choice; at most 127 */
    uint8_t box;  /* for compatibility inside a box; at most 127; not both 0 */
};

struct hp_model_weights {
    const struct hp_model_partner *partners; /* by id */
    size_t count;                            /* at most HP_PARTNERS_MAX */
    uint8_t next_shift;                      /* at most HP_RIDGE_SHIFT_MAX */
    uint8_t box_shift;
};

struct hp_manifest {
    int64_t epoch;            /* from 1 */
    int64_t item_count;       /* rows of the model */
    struct hp_model_row all;  /* users with any item; sums of opportunities and hits; decayed
                                 users with any order */
    struct hp_digest rows;    /* Σ XXH3-128(0x00 | key | value) over all rows of the model */
    const int64_t *positions; /* of the rows topic: the next to read, by partition */
    size_t position_count;
};

/* The row of a summed head. */
struct hp_model_row hp_model_row_of(const struct hp_head *head);

/* `trend` as of `day`: rows behind it fade further. */
int64_t hp_model_row_trend(const struct hp_model_row *row, int64_t day);

void hp_model_key(struct hp_bytes item_id, struct hp_buffer *out);
/* The item of a key; absent for the manifest and for keys nobody writes. */
struct hp_bytes hp_model_key_item(struct hp_bytes key);

void hp_model_row_encode(const struct hp_model_row *row, const struct hp_model_weights *weights,
    struct hp_buffer *out);
/* Partners go to the arena and borrow their ids from `value`. */
HP_MUST_CHECK enum hp_status hp_model_row_decode(struct hp_bytes value, struct hp_arena *arena,
    struct hp_model_row *row, struct hp_model_weights *weights, struct hp_error *error);

void hp_manifest_encode(const struct hp_manifest *manifest, struct hp_buffer *out);
/* Positions go to the arena. */
HP_MUST_CHECK enum hp_status hp_manifest_decode(struct hp_bytes value, struct hp_arena *arena,
    struct hp_manifest *manifest, struct hp_error *error);

#endif
