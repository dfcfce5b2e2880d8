/* Estimators against hand-worked values, and against what must hold for any log.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/rng.h"
#include "eval/offpolicy.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#define ITEMS     5
#define POSITIONS 2

static void
near(double value, double expected, double within)
{
    if (!(fabs(value - expected) <= within))
        fail_msg("%.12f is not %.12f", value, expected);
}

/* Weights 2, 0, 1 with rewards 1, 1, 0: IPW 2/3, SNIPW 2/3, effective (3)²/5. */
static void
three_impressions_by_hand(void **state)
{
    static const double policy[] = {0.5, 0.0, 0.5};
    static const struct hp_impression log[] = {
        {0, 0, 0.25, 1}, {1, 0, 0.25, 1}, {2, 0, 0.5, 0}};
    struct hp_offpolicy result;

    (void)state;
    hp_offpolicy_estimate(log, 3, &(struct hp_policy){policy, 3, 1}, 1, &result);
    near(result.estimates[HP_LOGGED].value, 2.0 / 3, 1e-12);
    near(result.estimates[HP_IPW].value, 2.0 / 3, 1e-12);
    near(result.estimates[HP_SNIPW].value, 2.0 / 3, 1e-12);
    near(result.effective, 9.0 / 5, 1e-12);
    near(result.weight_max, 2, 1e-12);
    near(result.weight_mean, 1, 1e-12);
}

/* Draws `count` impressions of a logging policy with rewards that depend on the item. */
static struct hp_impression *
draw_log(struct hp_rng *rng, size_t count, const double *shown_permille, bool clicks)
{
    struct hp_impression *log = calloc(count, sizeof(*log));

    for (size_t i = 0; i < count; i++) {
        uint32_t at = hp_rng_below(rng, 1000), item = 0;

        while (item < ITEMS - 1 && at >= (uint32_t)shown_permille[item])
            at -= (uint32_t)shown_permille[item++];
        log[i] = (struct hp_impression){item, hp_rng_below(rng, POSITIONS),
            shown_permille[item] / 1000, clicks ? hp_rng_below(rng, 100) < 10 * item : 0.25};
    }
    return log;
}

/* The policy that logged has earned what the log earned: weights are 1. */
static void
the_logging_policy_gets_its_own_mean(void **state)
{
    static const double permille[] = {400, 300, 150, 100, 50};
    double policy[POSITIONS * ITEMS];

    (void)state;
    for (size_t i = 0; i < HP_ARRAY_SIZE(policy); i++)
        policy[i] = permille[i % ITEMS] / 1000;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct hp_rng rng = {seed};
        size_t count = 50 + hp_rng_below(&rng, 500);
        struct hp_impression *log = draw_log(&rng, count, permille, true);
        struct hp_offpolicy result;

        hp_offpolicy_estimate(
            log, count, &(struct hp_policy){policy, ITEMS, POSITIONS}, seed, &result);
        near(result.estimates[HP_IPW].value, result.estimates[HP_LOGGED].value, 1e-12);
        near(result.estimates[HP_SNIPW].value, result.estimates[HP_LOGGED].value, 1e-12);
        near(result.effective, (double)count, 1e-6);
        free(log);
    }
}

/* A reward that is always the same is known to all that normalise, under any weights. */
static void
a_constant_reward_is_found_whatever_the_weights(void **state)
{
    static const double permille[] = {200, 200, 200, 200, 200};

    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct hp_rng rng = {seed};
        struct hp_impression *log = draw_log(&rng, 300, permille, false);
        double policy[POSITIONS * ITEMS];
        struct hp_offpolicy result;

        for (size_t position = 0; position < POSITIONS; position++) {
            double sum = 0;

            for (size_t item = 0; item < ITEMS; item++)
                sum += policy[position * ITEMS + item] = 1 + hp_rng_below(&rng, 100);
            for (size_t item = 0; item < ITEMS; item++)
                policy[position * ITEMS + item] /= sum;
        }
        hp_offpolicy_estimate(
            log, 300, &(struct hp_policy){policy, ITEMS, POSITIONS}, seed, &result);
        near(result.estimates[HP_SNIPW].value, 0.25, 1e-12);
        near(result.estimates[HP_DM].value, 0.25, 1e-12);
        near(result.estimates[HP_DR].value, 0.25, 1e-12);
        assert_true(result.effective <= 300 + 1e-6);
        free(log);
    }
}

/* Item i earns 0.1 i; a policy of item 4 alone earns 0.4. Of 40 logs some two miss it. */
static void
a_better_policy_is_found_and_intervals_hold(void **state)
{
    static const double permille[] = {200, 200, 200, 200, 200};
    static const double policy[POSITIONS * ITEMS] = {[4] = 1, [9] = 1};
    int held[HP_ESTIMATOR_COUNT] = {0};

    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct hp_rng rng = {seed * 1000};
        struct hp_impression *log = draw_log(&rng, 1000, permille, true);
        struct hp_offpolicy result;

        hp_offpolicy_estimate(
            log, 1000, &(struct hp_policy){policy, ITEMS, POSITIONS}, seed, &result);
        for (int i = 0; i < HP_ESTIMATOR_COUNT; i++)
            held[i] += result.estimates[i].low <= 0.4 && result.estimates[i].high >= 0.4;
        near(result.estimates[HP_DR].value, 0.4, 0.15);
        near(result.weight_max, 5, 1e-9);
        free(log);
    }
    assert_true(held[HP_IPW] >= 34);
    assert_true(held[HP_SNIPW] >= 34);
    assert_true(held[HP_DR] >= 34);
    assert_int_equal(held[HP_LOGGED], 0);
}

static void
a_policy_that_never_did_it_gets_nothing(void **state)
{
    static const double policy[] = {0, 1};
    static const struct hp_impression log[] = {{0, 0, 0.5, 1}, {0, 0, 0.5, 1}};
    struct hp_offpolicy result;

    (void)state;
    hp_offpolicy_estimate(log, 2, &(struct hp_policy){policy, 2, 1}, 1, &result);
    near(result.estimates[HP_IPW].value, 0, 0);
    near(result.estimates[HP_SNIPW].value, 0, 0);
    near(result.effective, 0, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(three_impressions_by_hand),
        cmocka_unit_test(the_logging_policy_gets_its_own_mean),
        cmocka_unit_test(a_constant_reward_is_found_whatever_the_weights),
        cmocka_unit_test(a_better_policy_is_found_and_intervals_hold),
        cmocka_unit_test(a_policy_that_never_did_it_gets_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
