/*
 * ledger/past.h - the live orders and reactions of one user, laid out so that one more costs
 * little however many there are.
 *
 * What it says is what hp_aggregate_build() says of the same facts, for any order of changes:
 * a change costs its lines and those of the eight orders before it, not the history. Worth its
 * memory for users whose history is long: some 150 bytes an order of five lines.
 *
 * Thread: one at a time. Pure. Facts handed in are copied.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_LEDGER_PAST_H
#define HP_LEDGER_PAST_H

#include "ledger/heads.h"

struct hp_past;

/* NULL when the facts contradict themselves: an order that is there twice. */
struct hp_past *hp_past_new(const struct hp_user_facts *facts);
void hp_past_free(struct hp_past *past); /* NULL is fine */

size_t hp_past_bytes(const struct hp_past *past); /* of memory */
size_t hp_past_orders(const struct hp_past *past);

/*
 * An order changes. NULL and stubs do not count. False when `before` is not there or `after`
 * is there already: the past is not that of these facts and must be dropped.
 */
HP_MUST_CHECK bool hp_past_order(struct hp_past *past, struct hp_bytes order_id,
    const struct hp_order_fact *before, const struct hp_order_fact *after);
/* The reaction to an item becomes `reaction`; NULL: none. */
void hp_past_reaction(
    struct hp_past *past, struct hp_bytes item_id, const struct hp_reaction *reaction);

/* What hp_aggregate_build() gives. Ids and days are borrowed until the next change. */
void hp_past_aggregate(
    struct hp_past *past, struct hp_arena *arena, struct hp_aggregate *aggregate);

/* H_u, by hash, and shares: of the items whose share may differ, and of everybody. */
struct hp_past_view {
    const struct hp_bytes *sample;
    size_t sample_count;
    struct hp_shares shares;
};

/*
 * Before and after the changes since the last call. Lists go to the arena, ids are borrowed
 * until the next change.
 */
void hp_past_settle(struct hp_past *past, struct hp_arena *arena, struct hp_past_view *before,
    struct hp_past_view *after);

#endif
