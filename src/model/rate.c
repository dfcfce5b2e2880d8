/*
 * model/rate.c - the shrunk personal rate.
 *
 * A user's own rate c / N is unbiased and noisy; the prior pi is steady and knows nothing of
 * him. Adding m imaginary baskets at the prior's rate is the mean of a Gamma-Poisson model (the
 * family of Bhagat et al., "Buy It Again", KDD 2018, with a prior of the shop of today instead
 * of the item's whole past). With N = 0 it is the prior, with many baskets the user's habit.
 * Items people tend to buy again count more in the habit: by the root of their repurchase rate
 * against the average, itself shrunk by 20 imaginary opportunities.
 *
 * The same doubles on every machine: no operation but + - × ÷, no fused multiply-add, no
 * library.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "model/rate.h"

#include "model/fixed.h"

#define MICROS         1000000
#define MILLIS         1000
#define COUNT_MAX      100000    /* keeps every product below 2^63 */
#define REPURCHASE_MAX 100000000 /* a hundred times the average */
#define SHRINK         20        /* imaginary opportunities */

const struct hp_rate_constants hp_rate_defaults = {
    .prior_millis = 5000,
    .history_weight_millis = 300,
    .trend_weight_millis = 600,
    .like_weight_millis = 45,
    .history_half_life_days = 120,
    .content_users = 5,
    .variety_millis = 0,
};

static int64_t
clamp(int64_t value, int64_t low, int64_t high)
{
    return value < low ? low : (value > high ? high : value);
}

struct hp_rate
hp_rate_of(int64_t baskets, const struct hp_rate_constants *constants)
{
    double prior = (double)constants->prior_millis / MILLIS;
    double below = (double)clamp(baskets, 0, COUNT_MAX) + prior;

    return (struct hp_rate){
        .habit = (double)(MILLIS - constants->variety_millis) / MILLIS / below,
        .prior = prior / below,
    };
}

int32_t
hp_rate_habit(int64_t repurchase_micros)
{
    return (int32_t)hp_fixed_sqrt(
        (uint64_t)clamp(repurchase_micros, 0, REPURCHASE_MAX) * MICROS);
}

int64_t
hp_rate_score(const struct hp_rate_input *input, const struct hp_rate_constants *constants)
{
    const struct hp_rate_constants *use = constants ? constants : &hp_rate_defaults;
    struct hp_rate rate = hp_rate_of(input->baskets, use);
    int64_t likes = (int64_t)input->category_liked + (int64_t)input->tag_liked;
    double habit = (double)hp_rate_habit(input->repurchase_micros) *
                   (double)clamp(input->count, 0, COUNT_MAX);
    double history =
        (double)input->history_micros * (double)use->history_weight_millis / MILLIS;
    double trend = (double)input->trend_micros * (double)use->trend_weight_millis / MILLIS;
    double prior =
        history + trend + (double)(likes * use->like_weight_millis * (MICROS / MILLIS));
    int64_t gain = hp_rate_gain(&rate, habit, prior);

    if (input->removed_lately)
        gain = gain > 1 ? gain / 2 : 1;
    return gain;
}

/* (h + 20 H/O) / (o + 20) / (H/O) = (h O + 20 H) / ((o + 20) H), with H hits and O
 * opportunities of all items; halved together until nothing can overflow. */
int64_t
hp_rate_repurchase(
    int64_t hits, int64_t opportunities, int64_t all_hits, int64_t all_opportunities)
{
    int64_t above;
    int64_t below;

    if (all_hits <= 0 || all_opportunities <= 0 || hits < 0 || opportunities < 0)
        return MICROS;
    if (hits > opportunities || all_hits > all_opportunities)
        return MICROS;
    for (; all_opportunities >= INT64_C(1) << 30; all_opportunities /= 2)
        all_hits = (all_hits + 1) / 2;
    for (; opportunities >= INT64_C(1) << 30; opportunities /= 2)
        hits /= 2;
    above = hits * all_opportunities + SHRINK * all_hits;
    below = (opportunities + SHRINK) * all_hits;
    for (; above >= INT64_C(1) << 42; above /= 2)
        below = (below + 1) / 2;
    return clamp((above * MICROS + below / 2) / below, 0, REPURCHASE_MAX);
}
