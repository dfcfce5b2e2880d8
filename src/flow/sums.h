/*
 * flow/sums.h - the partial rows of all tasks, kept small, and added up when somebody asks.
 *
 * Items get numbers from 0 in the order they are first heard of; a rank is an item's place
 * among all by id, the same whatever came first. What a partition says of an item replaces what
 * it said before. Rows are kept as varints, two to four bytes a partner, and summed on demand
 * into a cache of bounded size.
 *
 * Thread: one at a time.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_FLOW_SUMS_H
#define HP_FLOW_SUMS_H

#include "ledger/partial.h"

struct hp_sums;

struct hp_sums *hp_sums_new(int32_t partitions, size_t cache_bytes);
void hp_sums_free(struct hp_sums *sums); /* NULL is fine */

/* The number of an item; made when there is none. */
uint32_t hp_sums_number(struct hp_sums *sums, struct hp_bytes item_id);
struct hp_bytes hp_sums_id(const struct hp_sums *sums, uint32_t number);
size_t hp_sums_count(const struct hp_sums *sums); /* numbers given */

/* What the partition says now; `partial` NULL: nothing any more. */
void hp_sums_set(
    struct hp_sums *sums, int32_t partition, uint32_t number, const struct hp_partial *partial);

/* n_i: users with the item. */
int64_t hp_sums_users(const struct hp_sums *sums, uint32_t number);
/* Σ n_i, and how many items have one, HP_HEAD_EVERYBODY left out. */
int64_t hp_sums_choices(const struct hp_sums *sums);
int64_t hp_sums_chosen(const struct hp_sums *sums);

/* The sum of the heads. */
HP_MUST_CHECK enum hp_status hp_sums_head(const struct hp_sums *sums, uint32_t number,
    struct hp_arena *arena, struct hp_head *head, struct hp_error *error);

/*
 * The sum of an item's row: partners by number and how many users have both; of an item that
 * many others were bought with, a number for every item up to `count` instead. Good until
 * hp_sums_trim() or a set.
 */
struct hp_sums_row {
    const uint32_t *numbers; /* NULL: there is one for every item */
    const uint32_t *users;
    const uint16_t *all;
    size_t count;
};
struct hp_sums_row hp_sums_row(struct hp_sums *sums, uint32_t number);
/* The i-th of a row; users may be 0. */
static inline uint32_t
hp_sums_row_number(const struct hp_sums_row *row, size_t i)
{
    return row->numbers ? row->numbers[i] : (uint32_t)i;
}
static inline uint32_t
hp_sums_row_users(const struct hp_sums_row *row, size_t i)
{
    return row->numbers ? row->users[i] : row->all[i];
}
/* g_ij from i's row. */
uint32_t hp_sums_both(const struct hp_sums_row *row, uint32_t number);
/* Brings the cache below its size. */
void hp_sums_trim(struct hp_sums *sums);

/* Ranks by id. Sorts when items came since it was last asked. */
uint32_t hp_sums_rank(struct hp_sums *sums, uint32_t number);
uint32_t hp_sums_at_rank(struct hp_sums *sums, uint32_t rank);

/* Bytes held: rows as varints, and summed. */
void hp_sums_bytes(const struct hp_sums *sums, size_t *kept, size_t *summed);

#endif
