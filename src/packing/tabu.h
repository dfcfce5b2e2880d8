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

/* Takes the core's present box into account when it is inside the window and every minimum and
 * capacity is kept: greater value wins, then greater cost, then the box whose items come first
 * by id. */
bool hp_best_offer(struct hp_best *best, const struct hp_core *core);

struct hp_tabu_plan {
    int64_t rate; /* what money outside the window costs at least, in the core's points */
    int eighths;  /* at the start: so many eighths of `rate` */
    int steps;    /* at most so many moves */
    int patience; /* and at most so many in a row without a better box */
    uint32_t ban; /* the first move puts this column out, for good: none that a chosen copy
                   * needs; or HP_NO_COLUMN */
};

/* Moves from the core's present box, whose row maxima must hold; window, minima and capacities
 * may be missed. Every box passed is offered. Says whether `best` became better. */
bool hp_tabu_run(struct hp_core *core, struct hp_best *best, const struct hp_tabu_plan *plan);

#endif
