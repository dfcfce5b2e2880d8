/*
 * packing/advice.h - when nothing fits: what is in the way, what the least budget is, what
 * leaving out one rule would save.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_PACKING_ADVICE_H
#define HP_PACKING_ADVICE_H

#include "packing/cheapest.h"

struct hp_cheapest { /* the cheapest box of a problem */
    bool known;      /* false: nobody asked yet */
    struct hp_problem problem;
    enum hp_verdict verdict;
    struct hp_content box;
    int64_t cost;
};

/* Why the slot stays empty, given the boxes before it. `open`: the search for a box in its
 * window ended without proof. `unshared`, of boxes that may share all they like, is found by
 * whoever needs it first. */
enum hp_pack_obstacle hp_advice_slot(const struct hp_pack_instance *instance,
    const struct hp_problem *problem, uint32_t slot, bool open, struct hp_cheapest *unshared,
    int64_t *steps);

/* Advice for an instance without any box; `first` is to blame when some slot
 * could pay for the cheapest box. */
void hp_advice_give(const struct hp_pack_instance *instance, struct hp_arena *arena,
    enum hp_pack_obstacle first, struct hp_cheapest *unshared, struct hp_pack_advice *advice);

#endif
