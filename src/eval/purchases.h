/*
 * eval/purchases.h - who ordered what and when, as numbers: what baselines learn from and what
 * recommendations are held against.
 *
 * Made from the events of a directory: of an order's versions the winner counts, cancelled,
 * returned and empty ones do not, and what an erasure voids was never there.
 *
 *     add items, orders, erasures --> hp_purchases_seal() --> users, items, orders to read
 *
 * Costs 32 bytes an order and 4 a line, and the ids.
 *
 * Thread: one at a time; sealed, any reads.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_EVAL_PURCHASES_H
#define HP_EVAL_PURCHASES_H

#include "domain/event.h"
#include "eval/roster.h"
#include "eval/ranking.h"

struct hp_purchase {
    int64_t at_ms;
    size_t first; /* of its lines */
    uint32_t line_count;
    uint32_t user;
    uint32_t id; /* of (user, order id), by arrival */
};

struct hp_purchase_drafts; /* what is only needed until sealed */

struct hp_purchases {           /* zeroed is empty; the fields are to be read when sealed */
    struct hp_roster users;     /* by arrival */
    struct hp_roster items;     /* in the order of their ids */
    struct hp_purchase *orders; /* by time, then by arrival */
    size_t order_count;
    uint32_t *lines;
    struct hp_purchase_drafts *drafts;
};

void hp_purchases_release(struct hp_purchases *purchases);
/* An item that can be recommended whether it was ordered or not. */
void hp_purchases_add_item(struct hp_purchases *purchases, struct hp_bytes item_id);
/* Its items can be recommended as well. The event is checked. */
void hp_purchases_add_order(struct hp_purchases *purchases, const struct hp_order *order);
/* An item chosen otherwise: those of a user's UTC day make one order, at the time of the first
 * one that is told. */
void hp_purchases_add_choice(struct hp_purchases *purchases, struct hp_bytes user_id,
    int64_t at_ms, struct hp_bytes item_id);
/* Orders of the user up to `until_ms` are void, in whatever order this is told. */
void hp_purchases_erase(
    struct hp_purchases *purchases, struct hp_bytes user_id, int64_t until_ms);
void hp_purchases_seal(struct hp_purchases *purchases);

/* The items of an order. */
static inline struct hp_item_set
hp_purchase_items(const struct hp_purchases *purchases, const struct hp_purchase *order)
{
    return (struct hp_item_set){purchases->lines + order->first, order->line_count};
}

#endif
