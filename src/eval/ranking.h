/*
 * eval/ranking.h - how good a ranked list is against what was really chosen.
 *
 *     DCG@k  = sum over hits at place r (from 1, at most k) of 1 / log2(r + 1)
 *     NDCG@k = DCG@k / the DCG@k of a list that begins with all the targets
 *     recall@k = hits among the first k / number of targets
 *     hit@k  = 1 when there is a hit among the first k
 *
 * Always over the full catalogue, never against sampled negatives (Krichene and Rendle 2020).
 * Items are small numbers in the order of their ids; ties go to the smaller one.
 *
 * Thread: any. Pure.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_EVAL_RANKING_H
#define HP_EVAL_RANKING_H

#include "base/bytes.h"

#define HP_RANKED_MAX 100

/* A set of items: sorted, without repetition. Borrowed. */
struct hp_item_set {
    const uint32_t *items;
    size_t count;
};

bool hp_item_set_has(struct hp_item_set set, uint32_t item);
/* Members of `a` that are (`kept`) or are not in `b`; `out` has room for all of `a`. */
size_t hp_item_set_pick(struct hp_item_set a, struct hp_item_set b, bool kept, uint32_t *out);

/* Which items may be ranked. */
enum hp_pool {
    HP_POOL_ALL,
    HP_POOL_WITHOUT, /* all but those of the set */
    HP_POOL_ONLY,    /* those of the set */
};

/* The best `max` (at most HP_RANKED_MAX) items of the pool by score, best first; returns how
 * many there are. */
size_t hp_rank(const double *scores, size_t item_count, enum hp_pool pool,
    struct hp_item_set set, size_t max, uint32_t *ranked);

struct hp_quality {
    double ndcg;
    double recall;
    double hit;
};
/* `target` is not empty; k at most HP_RANKED_MAX. A list shorter than k has no hits behind its
 * end. */
struct hp_quality hp_quality_of(
    const uint32_t *ranked, size_t ranked_count, struct hp_item_set target, size_t k);

#endif
