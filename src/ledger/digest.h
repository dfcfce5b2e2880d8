/*
 * ledger/digest.h - two ledgers are equal when their digests are.
 *
 * A digest is the sum (mod 2^128) of XXH3-128(store | key | value) over rows. Keys are
 * self-delimiting and values begin with a version byte, so the concatenation is unambiguous.
 *
 *     set      orders with stubs, reactions, preferences, watermarks
 *     effect   the same without stubs and watermarks: what an erasure must leave no trace in
 *     history  what was served: not a function of the set of events
 *
 * Thread: any. Pure.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_LEDGER_DIGEST_H
#define HP_LEDGER_DIGEST_H

#include "base/hash.h"

enum hp_fact_kind {
    HP_FACT_ORDER,
    HP_FACT_REACTION,
    HP_FACT_PREFERENCES,
    HP_FACT_WATERMARK,
    HP_FACT_HISTORY,
    HP_FACT_OTHER /* in none of them */
};

struct hp_ledger_digests {
    struct hp_digest set;
    struct hp_digest effect;
    struct hp_digest history;
};

struct hp_digest hp_row_digest(uint8_t store, struct hp_bytes key, struct hp_bytes value);

/* A row of this kind changes from `before` to `after`; absent = no row. */
void hp_ledger_digests_change(struct hp_ledger_digests *digests, enum hp_fact_kind kind,
    uint8_t store, struct hp_bytes key, struct hp_bytes before, struct hp_bytes after);

#endif
