/*
 * flow/candidates.h - which items may go into this user's boxes, what each is worth to the
 * user, and which few of them the optimiser gets to see.
 *
 * Thread: the task's. Pure but for the offer handed in; results live in the arena.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_FLOW_CANDIDATES_H
#define HP_FLOW_CANDIDATES_H

#include "flow/offer.h"
#include "flow/shopper.h"

struct hp_candidate {
    const struct hp_shelf *shelf;
    int64_t gain;
    int32_t category; /* its number in the offer */
    uint32_t index;   /* on the shelves */
    bool bought;      /* the user had it before */
};

struct hp_candidates {
    struct hp_candidate *items; /* by item id */
    size_t count;
    int64_t mean_gain; /* of the best 20 */
};

/* Everything eligible, scored; columns are as the offer's. */
struct hp_pool {
    const struct hp_offer *offer;
    struct hp_scores scores; /* gains of what is not eligible are 0 */
    const uint8_t *marks;    /* what the user and the wish say of it */
    size_t count;            /* eligible */
    int64_t mean_gain;       /* of the best 20 */
};

void hp_pool_fill(const struct hp_offer *offer, const struct hp_shopper *shopper,
    const struct hp_wish *wish, int64_t now, struct hp_arena *arena, struct hp_pool *pool);

/*
 * The part worth searching: best by gain - price x what money is worth, for several such
 * worths, best and cheapest of each category, dearest, musts. Some 200.
 */
void hp_candidates_choose(const struct hp_pool *pool, const struct hp_wish *wish,
    struct hp_arena *arena, struct hp_candidates *chosen);
/* All of the pool, or as many as the optimiser takes: the chosen, then the cheapest. */
void hp_candidates_all(const struct hp_pool *pool, const struct hp_candidates *chosen,
    struct hp_arena *arena, struct hp_candidates *all);

#endif
