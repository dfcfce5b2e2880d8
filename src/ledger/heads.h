/*
 * ledger/heads.h - what all users together say about one item, and what one user adds to it.
 *
 * A head counts distinct users (n_i), distinct users per UTC day with a live order, and
 * repurchase opportunities and hits: of the first 8 live baskets of a user after his first with
 * the item (by ordered_at, order_id) how many there are, and how many hold it again.
 *
 * A change of a user's facts changes heads by contribution(after) - contribution(before), both
 * computed from facts. Only items of H_u contribute, also to the day counters, so that nobody
 * speaks for more than HP_SAMPLE_MAX items. One user adds at most 1 to `users`, 1 to a day, 8
 * to `opportunities` and `hits`.
 *
 * HP_HEAD_EVERYBODY stands for "any item": users with a non-empty H_u, and users with a live
 * order per day. No item can have this id (control characters are refused).
 *
 * Thread: any. Pure.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_LEDGER_HEADS_H
#define HP_LEDGER_HEADS_H

#include "ledger/aggregates.h"

#define HP_HEAD_EVERYBODY (hp_bytes("\x01", 1))
#define HP_HEAD_COUNT_MAX (INT64_C(1) << 31)
#define HP_HEAD_DAYS_MAX  65536

struct hp_head_day {
    int64_t day;   /* UTC, since 1970-01-01 */
    int64_t users; /* in a head above 0; in a difference never 0 */
};

/* A head, one user's share of it, or a difference of two shares. */
struct hp_head {
    int64_t users;
    int64_t opportunities;
    int64_t hits;
    const struct hp_head_day *days; /* sorted */
    size_t day_count;
};

struct hp_share {
    struct hp_bytes item_id;
    struct hp_head head;
};

/* Sorted by item id, HP_HEAD_EVERYBODY first. */
struct hp_shares {
    const struct hp_share *items;
    size_t count;
};

/* One user's shares. Borrows ids from the aggregate. */
void hp_shares_build(
    const struct hp_aggregate *aggregate, struct hp_arena *arena, struct hp_shares *shares);

/* after - before, without items that stay the same. */
void hp_shares_difference(const struct hp_shares *before, const struct hp_shares *after,
    struct hp_arena *arena, struct hp_shares *difference);

bool hp_head_empty(const struct hp_head *head);

/* head += change. HP_CORRUPT when a counter would leave [0, HP_HEAD_COUNT_MAX]. */
HP_MUST_CHECK enum hp_status hp_head_add(struct hp_head *head, const struct hp_head *change,
    struct hp_arena *arena, struct hp_error *error);

/* An empty head is encoded as nothing: the row is absent. */
void hp_head_encode(const struct hp_head *head, struct hp_buffer *out);
/* An absent value is the empty head. */
HP_MUST_CHECK enum hp_status hp_head_decode(struct hp_bytes value, struct hp_arena *arena,
    struct hp_head *head, struct hp_error *error);

/* The same inside another value: no version byte. hp_head_get() fails the cursor. */
void hp_head_put(const struct hp_head *head, struct hp_buffer *out);
void hp_head_get(struct hp_cursor *cursor, struct hp_arena *arena, struct hp_head *head);

#endif
