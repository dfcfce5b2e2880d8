/*
 * flow/standing.h - what a user's standing boxes hold, as stored: enough to see whether a
 * change of the catalogue can touch them, whether new boxes say anything new, and when they
 * end.
 *
 * Thread: pure.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_FLOW_STANDING_H
#define HP_FLOW_STANDING_H

#include "base/arena.h"
#include "base/hash.h"
#include "domain/event.h"

struct hp_standing_box {
    struct hp_bytes box_id;
    const struct hp_item_quantity *items; /* by item id */
    size_t item_count;
    struct hp_strings families; /* group, or the item's id */
};

struct hp_standing {
    int64_t revision;
    int64_t generated_at;
    int64_t valid_until;
    int64_t model_epoch;
    enum hp_box_status status;
    struct hp_digest content; /* of what makes a record new */
    const struct hp_standing_box *boxes;
    size_t box_count;
};

void hp_standing_encode(const struct hp_standing *standing, struct hp_buffer *out);
/* Borrows from `bytes`, lists in the arena. HP_CORRUPT when malformed. */
HP_MUST_CHECK enum hp_status hp_standing_decode(struct hp_bytes bytes, struct hp_arena *arena,
    struct hp_standing *standing, struct hp_error *error);
/* Each distinct item id of the boxes once, sorted; false when malformed. */
bool hp_standing_items(struct hp_bytes bytes, struct hp_arena *arena, struct hp_strings *items);

#endif
