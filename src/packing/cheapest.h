/*
 * packing/cheapest.h - exact answers to "is there a box at all": the cheapest one, or one in a
 * window.
 *
 * Branch and bound over units sorted by price. `steps` is a budget shared by all searches of
 * one request: it goes down, and a search that runs dry says so instead of guessing.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_PACKING_CHEAPEST_H
#define HP_PACKING_CHEAPEST_H

#include "packing/problem.h"

enum hp_verdict {
    HP_VERDICT_FOUND,
    HP_VERDICT_IMPOSSIBLE, /* proved: no such box */
    HP_VERDICT_OPEN,       /* out of steps */
};

/* The least cost of a box that keeps every rule, whatever the budget. With HP_VERDICT_OPEN
 * `box` is the best found so far, and empty (`*cost` < 0) when there is none. */
enum hp_verdict hp_cheapest_find(
    const struct hp_problem *problem, int64_t *steps, struct hp_content *box, int64_t *cost);

/* Any box with low <= cost <= high. */
enum hp_verdict hp_window_find(const struct hp_problem *problem, int64_t low, int64_t high,
    int64_t *steps, struct hp_content *box);

#endif
