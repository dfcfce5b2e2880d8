/*
 * flow/counts.h - the co-counts in a state directory, read only, summed over its tasks.
 *
 * Thread: one.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_FLOW_COUNTS_H
#define HP_FLOW_COUNTS_H

#include "flow/state.h"

struct hp_item_counts {
    struct hp_bytes item_id;
    struct hp_head head;
};

struct hp_pair_counts {
    uint32_t a; /* of `items`; a < b */
    uint32_t b;
    int64_t users;
};

struct hp_counts_sum {
    struct hp_arena arena;
    struct hp_item_counts *items; /* sorted by id */
    size_t item_count;
    struct hp_pair_counts *pairs; /* sorted by a and b */
    size_t pair_count;
    size_t pair_room;
};

/* Of the tasks from `first` to before `end`. */
HP_MUST_CHECK enum hp_status hp_counts_read(struct hp_kv *kv, int32_t first, int32_t end,
    struct hp_counts_sum *sum, struct hp_error *error);
void hp_counts_release(struct hp_counts_sum *sum);

#endif
