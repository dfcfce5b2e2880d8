/*
 * ledger/partial.h - what one task tells the solver about an item: a row of the rows topic.
 *
 * The head counts the task's own users; a partner is another item, with how many of these users
 * have both in H_u. Partial rows of different tasks add up, since no user belongs to two.
 *
 * Layout: u8 version | the head (heads.h), without partners ever empty | varint partners |
 * partners × (u8 bytes shared with the id before, bytes rest, varint users), by id.
 *
 * Thread: any. Pure. Decoded views borrow from the arena.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_LEDGER_PARTIAL_H
#define HP_LEDGER_PARTIAL_H

#include "ledger/heads.h"

/* Where rows are cut, their sum depends on the number of partitions; so this is more than any
 * shop should need. (Of the 3,364 items of Online Retail, 384 have more than 2,048.) */
#define HP_PARTIAL_PARTNERS_MAX 16384

struct hp_partial_partner {
    struct hp_bytes item_id;
    int64_t users; /* at least 1 */
};

struct hp_partial {
    struct hp_head head;
    const struct hp_partial_partner *partners; /* sorted by id, each once */
    size_t partner_count;
};

/* Of at most HP_PARTIAL_PARTNERS_MAX partners. A partial with an empty head is encoded as
 * nothing: the row is absent. */
void hp_partial_encode(const struct hp_partial *partial, struct hp_buffer *out);

/* An absent value is the empty partial. Refuses everything hp_partial_encode() does not write.
 */
HP_MUST_CHECK enum hp_status hp_partial_decode(struct hp_bytes value, struct hp_arena *arena,
    struct hp_partial *partial, struct hp_error *error);

#endif
