/* ledger/digest.c - sums of row hashes. SPDX-License-Identifier: Apache-2.0 */
#include "ledger/digest.h"

#include "ledger/orders.h"

struct hp_digest
hp_row_digest(uint8_t store, struct hp_bytes key, struct hp_bytes value)
{
    struct hp_buffer row = {0};
    struct hp_digest digest;

    hp_put_u8(&row, store);
    hp_buffer_append(&row, key.data, key.size);
    hp_buffer_append(&row, value.data, value.size);
    digest = hp_hash128(hp_buffer_bytes(&row));
    hp_buffer_release(&row);
    return digest;
}

static bool
has_effect(enum hp_fact_kind kind, struct hp_bytes value)
{
    switch (kind) {
    case HP_FACT_ORDER: return !hp_order_value_stub(value);
    case HP_FACT_REACTION:
    case HP_FACT_PREFERENCES: return true;
    default: return false;
    }
}

typedef struct hp_digest combine(struct hp_digest, struct hp_digest);

static void
apply(struct hp_ledger_digests *digests, enum hp_fact_kind kind, struct hp_digest row,
    struct hp_bytes value, combine *operation)
{
    if (kind == HP_FACT_HISTORY)
        digests->history = operation(digests->history, row);
    else
        digests->set = operation(digests->set, row);
    if (has_effect(kind, value))
        digests->effect = operation(digests->effect, row);
}

void
hp_ledger_digests_change(struct hp_ledger_digests *digests, enum hp_fact_kind kind,
    uint8_t store, struct hp_bytes key, struct hp_bytes before, struct hp_bytes after)
{
    if (kind == HP_FACT_OTHER)
        return;
    if (before.data)
        apply(digests, kind, hp_row_digest(store, key, before), before, hp_digest_subtract);
    if (after.data)
        apply(digests, kind, hp_row_digest(store, key, after), after, hp_digest_add);
}
