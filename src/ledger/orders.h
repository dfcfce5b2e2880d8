/*
 * ledger/orders.h - the live version of an order, in the form that is kept.
 *
 * Identity is (user, order id), which the row's key holds. Among all versions of an order that
 * ever arrive the greatest by (version, rank, ordered_at, tie, recipient, occasion) is kept,
 * rank being PLACED < RETURNED < CANCELLED, so the arrival order does not matter.
 *
 * `tie` is the XXH3-64 of the canonical bytes of everything but recipient and occasion. What no
 * longer counts (cancelled, returned, without lines) is kept as a stub of version, rank, time
 * and tie: enough to decide a later arrival exactly as the full fact would, and nothing more.
 * Recipient and occasion stand outside the tie because a recipient's erasure drops them.
 *
 * Thread: any. Pure. Views are borrowed from the event or the stored value.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_LEDGER_ORDERS_H
#define HP_LEDGER_ORDERS_H

#include "base/hash.h"
#include "ledger/value.h"
#include "ledger/watermark.h"

struct hp_order_fact {
    int64_t version;
    enum hp_order_status status; /* never HP_ORDER_UNKNOWN */
    int64_t ordered_at;
    uint64_t tie;
    bool stub; /* the rest is empty */
    /* Sorted by item id, each id once: quantities summed, the greatest unit price. */
    const struct hp_order_line *lines;
    size_t line_count;
    struct hp_bytes box_id;
    struct hp_bytes recipient; /* keyed hash of HP_RECIPIENT_BYTES, or absent */
    struct hp_bytes occasion;
    struct hp_maybe budget_minor;
};

/*
 * The fact of a checked event; a stub when it does not count. `recipient` is the keyed hash of
 * the event's recipient_id, absent when it has none. Lines go to the arena.
 */
void hp_order_fact_from_event(const struct hp_order *order, struct hp_bytes recipient,
    struct hp_arena *arena, struct hp_order_fact *fact);

/* `a` takes the place of `b`: it is strictly greater. */
bool hp_order_fact_wins(const struct hp_order_fact *a, const struct hp_order_fact *b);

/* What the user's watermark voids is deleted, stubs too. `mark` may be NULL. */
bool hp_order_fact_void(const struct hp_order_fact *fact, const struct hp_watermark *mark);
/* Drops recipient and occasion when the recipient was erased since. True when it changed. */
bool hp_order_fact_scrub(struct hp_order_fact *fact, const struct hp_watermark *mark);

/* It is live: placed, with lines. (Void ones have no row.) */
static inline bool
hp_order_fact_counts(const struct hp_order_fact *fact)
{
    return !fact->stub;
}

/* Σ quantity × unit price, saturating. 0 for stubs. */
int64_t hp_order_fact_total(const struct hp_order_fact *fact);

void hp_order_fact_encode(const struct hp_order_fact *fact, struct hp_buffer *out);
/* Only the array of lines is allocated; item ids borrow from `value`. */
HP_MUST_CHECK enum hp_status hp_order_fact_decode(struct hp_bytes value, struct hp_arena *arena,
    struct hp_order_fact *fact, struct hp_error *error);

/* Whether stored bytes are a stub, without decoding them. */
bool hp_order_value_stub(struct hp_bytes value);

#endif
