/*
 * model/llr.h - how surprising it is that two items have so many users in common: Dunning's
 * signed log-likelihood ratio, and the best partners of an item by it.
 *
 *     LLR = 2 · ( h(both) + h(only i) + h(only j) + h(neither)
 *                 - h(n_i) - h(N - n_i) - h(n_j) - h(N - n_j) + h(N) ),   h(x) = x ln x
 *
 * Doubles are used for nothing but + - × ÷ in a fixed order, with a logarithm of our own; the
 * result is a whole number before anything is compared.
 *
 * Thread: any. Pure.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_MODEL_LLR_H
#define HP_MODEL_LLR_H

#include <stddef.h>
#include <stdint.h>

#define HP_LLR_ONE      65536 /* a ratio of 1 */
#define HP_PARTNERS_MAX 60    /* M: candidates of an item */

/* What is the same for all pairs: N, and x ln x of small numbers, worked out once. */
struct hp_llr_world {
    int64_t users; /* N */
    double entropy;
    double *small; /* owned; of 0 to small_count - 1 */
    size_t small_count;
};
void hp_llr_world_set(struct hp_llr_world *world, int64_t users);
void hp_llr_world_release(struct hp_llr_world *world); /* zeroed is fine */

/* What is the same for all pairs of an item. */
struct hp_llr_item {
    int64_t users; /* n_i */
    double entropy;
};

/* x ln x; 0 for 0. Exact to about 1e-14 relative. */
double hp_llr_entropy(int64_t count);
/* More users than the world has count as all of them. */
struct hp_llr_item hp_llr_item(const struct hp_llr_world *world, int64_t users);

/* In 1 / HP_LLR_ONE; 0 unless the two have more users in common than chance would give. */
int64_t hp_llr(const struct hp_llr_world *world, const struct hp_llr_item *a,
    const struct hp_llr_item *b, int64_t both);

struct hp_partner {
    uint32_t item; /* the caller's number; smaller wins a tie, so it should follow the ids */
    int32_t both;  /* g_ij */
    int64_t llr;
};

/* The HP_PARTNERS_MAX best offered so far, the worst on top. Zeroed is empty. */
struct hp_partners {
    struct hp_partner items[HP_PARTNERS_MAX];
    size_t count;
};
/* A ratio of 0 is never kept. */
void hp_partners_offer(struct hp_partners *partners, struct hp_partner partner);
void hp_partners_sort(struct hp_partners *partners); /* by number; ends the offering */

#endif
