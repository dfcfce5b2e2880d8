/*
 * eval/offpolicy.h - what a policy would have earned, from what another one logged.
 *
 * Impression i showed item a_i at position s_i with propensity p_i and earned r_i; the policy
 * in question shows item a at s with probability pi(a|s). With w_i = pi(a_i|s_i) / p_i
 *
 *     IPW   = mean of w r                     unbiased, wild when weights are
 *     SNIPW = sum of w r / sum of w           a little biased, much calmer
 *     DM    = mean of sum_a pi(a|s) q(a)      only as good as the reward model q
 *     DR    = DM + mean of w (r - q(a))       unbiased when p or q is right
 *
 * (Horvitz and Thompson 1952; Swaminathan and Joachims 2015; Dudik, Langford and Li 2011.) q is
 * an item's mean reward shrunk to that of all with the strength of HP_REWARD_PRIOR impressions,
 * learned on the half of the log that an impression is not in.
 *
 * The effective sample size is (sum w)² / sum w². Intervals are percentiles over impressions
 * drawn with replacement, seeded.
 *
 * Thread: any. Pure.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_EVAL_OFFPOLICY_H
#define HP_EVAL_OFFPOLICY_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

#define HP_REWARD_PRIOR     100
#define HP_OFFPOLICY_DRAWS  1000
#define HP_EFFECTIVE_ENOUGH 200 /* below it estimates say nothing */

struct hp_impression {
    uint32_t item;
    uint32_t position;
    double propensity; /* above 0 */
    double reward;
};

struct hp_policy {
    const double *probabilities; /* position * item_count + item */
    size_t item_count;
    size_t position_count;
};

struct hp_estimate {
    double value;
    double low;
    double high;
};

enum hp_estimator {
    HP_LOGGED,
    HP_IPW,
    HP_SNIPW,
    HP_DM,
    HP_DR
}; /* HP_LOGGED: what was earned */
#define HP_ESTIMATOR_COUNT 5
extern const char *const hp_estimator_names[HP_ESTIMATOR_COUNT];

struct hp_offpolicy {
    struct hp_estimate estimates[HP_ESTIMATOR_COUNT];
    double effective;
    double weight_max;
    double weight_mean; /* near 1 when the log covers the policy */
};

/* `count` is at least 1. SNIPW is 0 when the policy never does what the log did. */
void hp_offpolicy_estimate(const struct hp_impression *impressions, size_t count,
    const struct hp_policy *policy, uint64_t seed, struct hp_offpolicy *result);

#endif
