/*
 * packing/explain.h - why these items: the exact split of the value, and codes that are true.
 *
 * The value is a cooperative game of the items: every gain belongs to one item, a pair's weight
 * to two, a category's bonus to all units of the category. Its Shapley value needs no
 * enumeration: own gains + half of each pair weight + the bonus by units. Fractions are
 * rounded by largest remainder, so that the points of a box sum to its value.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_PACKING_EXPLAIN_H
#define HP_PACKING_EXPLAIN_H

#include "packing/problem.h"

struct hp_explained {
    const struct hp_problem *problem;
    const int64_t *gain; /* by item, the slot's */
    const struct hp_content *box;
    uint32_t slot;
    const struct hp_content *before; /* boxes of this answer so far */
    const uint32_t *before_slots;
    uint32_t before_count;
};

/* Fills lines and reasons of `out`, which already has slot, cost and value. */
void hp_explain_box(const struct hp_explained *what, struct hp_pack_box *out);

#endif
