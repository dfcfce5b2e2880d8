/*
 * packing/tabu.h - improve a box by the best add, drop or exchange, again and again.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_PACKING_TABU_H
#define HP_PACKING_TABU_H

#include "packing/core.h"

/* The best box seen so far in a slot. */
struct hp_best {
    bool found;
    int64_t value; /* full precision */
    int64_t cost;
    struct hp_content box;
};

/* Takes the core's present box into account when it is inside the window: greater value wins,
 * then greater cost, then the box whose items come first by id. */
bool hp_best_offer(struct hp_best *best, const struct hp_core *core);

/* At most `steps` moves from the core's present box, which must keep the row rules (the window
 * may be missed); stops early after `patience` moves without a better box. `rate` is what
 * money is worth at the start, in the core's points. Every box passed is offered. */
void hp_tabu_run(
    struct hp_core *core, struct hp_best *best, int64_t rate, int steps, int patience);

#endif
