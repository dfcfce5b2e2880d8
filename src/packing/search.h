/*
 * packing/search.h - a good box for one slot: price of money, core, tabu, recentre, seeds.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_PACKING_SEARCH_H
#define HP_PACKING_SEARCH_H

#include "packing/tabu.h"

struct hp_slot_task {
    const struct hp_problem *problem;
    const int64_t *gain; /* by item of the problem */
    int64_t low;
    int64_t high;
};

/* Memory for the searches of a problem's slots, one after another. */
struct hp_search;

struct hp_search *hp_search_new(const struct hp_problem *problem);

/* Looks for the best box of the slot. When `best` already holds one (in the window and valid),
 * the search begins there and only improves. `best->found` stays false when no box was met,
 * which proves nothing. With `hard`, for slots where boxes are rare, every limit is higher, and
 * many more starts are tried before giving up. Allocates nothing. */
void hp_search_slot(
    struct hp_search *search, const struct hp_slot_task *task, bool hard, struct hp_best *best);

#endif
