/*
 * packing/problem.h - an instance made ready for searching.
 *
 * Items that cannot be in any box (excluded, of a must's family, in a closed category) are left
 * out; the rest is numbered in id order, so that everything after this point is independent of
 * the caller's order. All counting rules become *rows*: a row has a count, a minimum and a
 * maximum, and an item adds one per unit to each of its rows (to sharing rows: one, whatever
 * its quantity). A set of rows is a bit set, so that "may this come in for that" is a few
 * ANDs.
 *
 * Rows: 0 the units of the box | categories | rules | one for every earlier box.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_PACKING_PROBLEM_H
#define HP_PACKING_PROBLEM_H

#include "base/arena.h"
#include "packing/pack.h"

#define HP_ROWS_MAX                                                                            \
    (1 + HP_PACK_CATEGORIES_MAX + HP_PACK_RULES_MAX + HP_PACK_EARLIER_MAX + HP_BOXES_MAX)
#define HP_ROW_WORDS ((HP_ROWS_MAX + 63) / 64)

struct hp_rowset {
    uint64_t word[HP_ROW_WORDS];
};

struct hp_problem {
    const struct hp_pack_instance *instance;
    struct hp_arena *arena;

    uint32_t item_count;
    uint32_t *source; /* index in the instance */
    int64_t *price;
    int64_t *gain; /* without the slot's draw; pairs of an item with itself are in `self` */
    int64_t *self;
    int32_t *category;
    int32_t *quantity; /* at most this many copies; what count and capacities allow */
    uint32_t *family;  /* equal numbers: at most one of them in a box */
    uint32_t family_count;
    bool *must;
    uint32_t must_count;
    struct hp_rowset *unit_rows;  /* of every copy */
    struct hp_rowset *first_rows; /* of the first copy: unit_rows and sharing rows */

    uint32_t *pair_start; /* item_count + 1; both directions, duplicates add up */
    uint32_t *pair_item;
    int64_t *pair_weight;
    int64_t *credit; /* half of the best pair's weight, when positive */

    uint32_t row_count;
    uint32_t row_words;
    int32_t row_min[HP_ROWS_MAX];
    int32_t row_max[HP_ROWS_MAX];
    uint32_t share_row; /* the first sharing row */

    /* The musts contradict each other or an exclusion. */
    enum hp_pack_obstacle obstacle;
    const char *subject;
};

/* A box in terms of a problem: items by id, quantities at least 1. */
struct hp_content {
    uint32_t count; /* distinct items */
    uint32_t item[HP_PACK_UNITS_MAX];
    int32_t quantity[HP_PACK_UNITS_MAX];
};

static inline bool
hp_rowset_has(const struct hp_rowset *set, uint32_t row)
{
    return set->word[row >> 6] >> (row & 63) & 1;
}

static inline void
hp_rowset_add(struct hp_rowset *set, uint32_t row)
{
    set->word[row >> 6] |= UINT64_C(1) << (row & 63);
}

static inline void
hp_rowset_put(struct hp_rowset *set, uint32_t row, bool on)
{
    uint64_t bit = UINT64_C(1) << (row & 63);

    set->word[row >> 6] = on ? set->word[row >> 6] | bit : set->word[row >> 6] & ~bit;
}

/* Units of `resource` that item takes. */
static inline int64_t
hp_problem_use(const struct hp_problem *problem, uint32_t item, size_t resource)
{
    const int64_t *use = problem->instance->items[problem->source[item]].resources;

    return use ? use[resource] : 0;
}

void hp_problem_build(struct hp_problem *problem, const struct hp_pack_instance *instance,
    struct hp_arena *arena);

/* Adds the sharing row of a box just packed. */
void hp_problem_share(struct hp_problem *problem, const struct hp_content *box);
/* Takes away the sharing row added last. */
void hp_problem_unshare(struct hp_problem *problem);

int64_t hp_content_cost(const struct hp_problem *problem, const struct hp_content *box);
/* `gain` by item, as the slot sees it. */
int64_t hp_content_value(
    const struct hp_problem *problem, const int64_t *gain, const struct hp_content *box);
/* Every rule but the budget window holds. */
bool hp_content_valid(const struct hp_problem *problem, const struct hp_content *box);

#endif
