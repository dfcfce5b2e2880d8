/*
 * ledger/aggregates.h - everything about one user that scoring wants, worked out from his
 * facts.
 *
 * A pure function of the live orders and reactions: no event order, no clock, no float. Kept as
 * a derived row so that emission need not read every order again.
 *
 * H_u, the items through which a user speaks to the item model, is every item he ordered or
 * reacted positively to; when there are more than HP_SAMPLE_MAX, those with the smallest
 * XXH3-64(user_id, 0x00, item_id), ties by id. A sample by hash is the same whatever the order
 * of arrival, which "the most recent" is not.
 *
 * For items of H_u the row also holds the user's share in their heads, so that the next change
 * of this user knows what he had added before.
 *
 * Thread: any. Pure.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_LEDGER_AGGREGATES_H
#define HP_LEDGER_AGGREGATES_H

#include "ledger/orders.h"
#include "ledger/reactions.h"

#ifndef HP_SAMPLE_MAX /* tests/bench/counts.py also compares a build without the sample */
#define HP_SAMPLE_MAX 256
#endif
#define HP_REPURCHASE_BASKETS 8
#define HP_AGGREGATE_DAYS_MAX 65536 /* later days are not told */

struct hp_user_order {
    struct hp_bytes order_id;
    struct hp_order_fact fact;
};

struct hp_user_reaction {
    struct hp_bytes item_id;
    struct hp_reaction reaction;
};

/* The facts of one user, in any order; stubs are passed over. Borrowed. */
struct hp_user_facts {
    struct hp_bytes user_id;
    const struct hp_user_order *orders;
    size_t order_count;
    const struct hp_user_reaction *reactions;
    size_t reaction_count;
};

struct hp_user_item {
    struct hp_bytes item_id;
    int64_t orders;        /* live orders that hold it */
    int64_t last_order_at; /* 0 when none */
    enum hp_reaction_sense reaction;
    int64_t reaction_at; /* 0 when there is no reaction */
    bool sampled;        /* in H_u; the rest is 0 otherwise */
    /* The user's share in the item's head (ledger/heads.h). */
    int64_t opportunities;
    int64_t hits;
    const int64_t *days; /* UTC days with a live order that holds it, rising */
    size_t day_count;
};

struct hp_aggregate {
    int64_t order_count;        /* N_u: live orders, the baskets of the purchase rate */
    int64_t choice_count;       /* sum of hp_user_item_count() over the items */
    int64_t median_total_minor; /* lower median of order totals; 0 without orders */
    int64_t latest_at;          /* latest time of a live order or a reaction; 0 when none */
    int64_t latest_order_at;
    const struct hp_user_item *items; /* sorted by id; ordered ones and those reacted to */
    size_t item_count;
    const int64_t *days; /* UTC days with a live order, rising; none when H_u is empty */
    size_t day_count;
    bool speaks; /* H_u is not empty */
};

/* c_uj: live orders that hold the item, and one for a positive reaction. */
static inline int64_t
hp_user_item_count(const struct hp_user_item *item)
{
    return item->orders + (item->reaction == HP_REACTION_POSITIVE);
}

/* Not to be offered: a negative reaction that no later order has taken back. */
static inline bool
hp_user_item_masked(const struct hp_user_item *item)
{
    return item->reaction == HP_REACTION_NEGATIVE && item->last_order_at <= item->reaction_at;
}

/* The item's entry, or NULL. */
const struct hp_user_item *hp_aggregate_find(
    const struct hp_aggregate *aggregate, struct hp_bytes item_id);

/* The orders that count, by (ordered_at, order id); `orders` has room for all. Their number. */
size_t hp_user_orders_live(
    const struct hp_user_facts *facts, const struct hp_user_order **orders);

/* Results live in the arena and borrow ids from the facts. */
void hp_aggregate_build(
    const struct hp_user_facts *facts, struct hp_arena *arena, struct hp_aggregate *aggregate);

/* Nothing to keep: no live order and no reaction; such a user has no row. */
static inline bool
hp_aggregate_empty(const struct hp_aggregate *aggregate)
{
    return aggregate->item_count == 0 && aggregate->order_count == 0;
}

void hp_aggregate_encode(const struct hp_aggregate *aggregate, struct hp_buffer *out);
/* Only the array of items is allocated; ids borrow from `value`. An absent value is the empty
 * aggregate. */
HP_MUST_CHECK enum hp_status hp_aggregate_decode(struct hp_bytes value, struct hp_arena *arena,
    struct hp_aggregate *aggregate, struct hp_error *error);

#endif
