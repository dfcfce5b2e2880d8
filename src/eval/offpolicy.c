/* eval/offpolicy.c - weights, a reward model, resampling. SPDX-License-Identifier: Apache-2.0
 */
#include "eval/offpolicy.h"

#include "base/hash.h"
#include "base/rng.h"

const char *const hp_estimator_names[HP_ESTIMATOR_COUNT] = {
    "logged", "ipw", "snipw", "dm", "dr"};

struct term { /* what an impression adds */
    double weight;
    double reward;
    double predicted; /* q of what was shown */
    double expected;  /* sum of pi q */
};

/* Halves by a hash of the place in the log, so that they do not follow time. */
static unsigned
half_of(size_t number)
{
    uint64_t place = number;

    return hp_hash64(hp_bytes(&place, sizeof(place))) & 1;
}

/* q by half and item: learned on the impressions of the other half. */
static double *
learn_rewards(const struct hp_impression *impressions, size_t count, size_t item_count)
{
    double *sums = hp_alloc(2 * (item_count + 1) * sizeof(*sums));
    double *counts = hp_alloc(2 * (item_count + 1) * sizeof(*counts));
    double all[2] = {0}, shown[2] = {0};

    for (size_t i = 0; i < count; i++) {
        unsigned teaches = !half_of(i);

        sums[teaches * item_count + impressions[i].item] += impressions[i].reward;
        counts[teaches * item_count + impressions[i].item]++;
        all[teaches] += impressions[i].reward;
        shown[teaches]++;
    }
    for (unsigned half = 0; half < 2; half++) {
        double mean = shown[half] > 0 ? all[half] / shown[half] : 0;

        for (size_t item = 0; item < item_count; item++) {
            size_t at = half * item_count + item;

            sums[at] = (sums[at] + HP_REWARD_PRIOR * mean) / (counts[at] + HP_REWARD_PRIOR);
        }
    }
    free(counts);
    return sums;
}

static struct term *
make_terms(
    const struct hp_impression *impressions, size_t count, const struct hp_policy *policy)
{
    size_t items = policy->item_count;
    double *rewards = learn_rewards(impressions, count, items);
    double *expected = hp_alloc(2 * (policy->position_count + 1) * sizeof(*expected));
    struct term *terms = hp_alloc(count * sizeof(*terms));

    for (unsigned half = 0; half < 2; half++)
        for (size_t position = 0; position < policy->position_count; position++)
            for (size_t item = 0; item < items; item++)
                expected[half * policy->position_count + position] +=
                    policy->probabilities[position * items + item] *
                    rewards[half * items + item];
    for (size_t i = 0; i < count; i++) {
        const struct hp_impression *shown = &impressions[i];
        unsigned half = half_of(i);

        HP_ASSERT(shown->item < items && shown->position < policy->position_count);
        HP_ASSERT(shown->propensity > 0);
        terms[i] = (struct term){
            .weight = policy->probabilities[shown->position * items + shown->item] /
                      shown->propensity,
            .reward = shown->reward,
            .predicted = rewards[half * items + shown->item],
            .expected = expected[half * policy->position_count + shown->position]};
    }
    free(rewards);
    free(expected);
    return terms;
}

struct sums {
    double weight, square, reward, weighted, expected, correction;
};

static void
add_term(struct sums *sums, const struct term *term)
{
    sums->weight += term->weight;
    sums->square += term->weight * term->weight;
    sums->reward += term->reward;
    sums->weighted += term->weight * term->reward;
    sums->expected += term->expected;
    sums->correction += term->weight * (term->reward - term->predicted);
}

static void
values_of(const struct sums *sums, size_t count, double values[HP_ESTIMATOR_COUNT])
{
    double n = (double)count;

    values[HP_LOGGED] = sums->reward / n;
    values[HP_IPW] = sums->weighted / n;
    values[HP_SNIPW] = sums->weight > 0 ? sums->weighted / sums->weight : 0;
    values[HP_DM] = sums->expected / n;
    values[HP_DR] = sums->expected / n + sums->correction / n;
}

static int
compare_doubles(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;

    return (a > b) - (a < b);
}

static void
draw_intervals(
    const struct term *terms, size_t count, uint64_t seed, struct hp_offpolicy *result)
{
    double(*drawn)[HP_OFFPOLICY_DRAWS] = hp_alloc(HP_ESTIMATOR_COUNT * sizeof(*drawn));
    struct hp_rng rng = {seed};

    for (size_t draw = 0; draw < HP_OFFPOLICY_DRAWS; draw++) {
        double values[HP_ESTIMATOR_COUNT];
        struct sums sums = {0};

        for (size_t i = 0; i < count; i++)
            add_term(&sums, &terms[hp_rng_below(&rng, (uint32_t)count)]);
        values_of(&sums, count, values);
        for (int i = 0; i < HP_ESTIMATOR_COUNT; i++)
            drawn[i][draw] = values[i];
    }
    for (int i = 0; i < HP_ESTIMATOR_COUNT; i++) {
        qsort(drawn[i], HP_OFFPOLICY_DRAWS, sizeof(double), compare_doubles);
        result->estimates[i].low = drawn[i][HP_OFFPOLICY_DRAWS / 40];
        result->estimates[i].high = drawn[i][HP_OFFPOLICY_DRAWS - 1 - HP_OFFPOLICY_DRAWS / 40];
    }
    free(drawn);
}

void
hp_offpolicy_estimate(const struct hp_impression *impressions, size_t count,
    const struct hp_policy *policy, uint64_t seed, struct hp_offpolicy *result)
{
    struct term *terms = make_terms(impressions, count, policy);
    double values[HP_ESTIMATOR_COUNT];
    struct sums sums = {0};

    HP_ASSERT(count > 0);
    *result = (struct hp_offpolicy){0};
    for (size_t i = 0; i < count; i++) {
        add_term(&sums, &terms[i]);
        if (terms[i].weight > result->weight_max)
            result->weight_max = terms[i].weight;
    }
    values_of(&sums, count, values);
    for (int i = 0; i < HP_ESTIMATOR_COUNT; i++)
        result->estimates[i].value = values[i];
    result->weight_mean = sums.weight / (double)count;
    result->effective = sums.square > 0 ? sums.weight * sums.weight / sums.square : 0;
    draw_intervals(terms, count, seed, result);
    free(terms);
}
