/*
 * flow/candidates.h - which items may go into this user's boxes, what each is worth to the
 * user, and which few of them the optimiser gets to see.
 *
 * Thread: the task's. Pure but for the snapshots handed in; results live in the arena.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_FLOW_CANDIDATES_H
#define HP_FLOW_CANDIDATES_H

#include "flow/catalogue.h"
#include "flow/model_view.h"
#include "flow/shopper.h"

struct hp_candidate {
    const struct hp_shelf *shelf;
    int64_t gain;
    bool bought;   /* the user had it before */
    bool liked;    /* its category, or it, is liked */
    bool trending; /* popularity speaks for it */
};

struct hp_candidates {
    struct hp_candidate *items; /* by item id */
    size_t count;
    size_t shown;      /* items in the catalogue snapshot */
    int64_t mean_gain; /* of the best 20 */
};

/* Everything eligible, scored. */
void hp_candidates_score(const struct hp_catalogue *catalogue,
    const struct hp_model_snapshot *model, const struct hp_shopper *shopper,
    const struct hp_wish *wish, int64_t now, struct hp_arena *arena,
    struct hp_candidates *candidates);

/*
 * The part worth searching: best by gain - price x what money is worth, for several such
 * worths, best and cheapest of each category, dearest, musts. Some 200.
 */
void hp_candidates_choose(const struct hp_candidates *all, const struct hp_wish *wish,
    struct hp_arena *arena, struct hp_candidates *chosen);

#endif
