/* What the shrunk rate promises. SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/rng.h"
#include "model/rate.h"

#define AVERAGE 1000000

static int64_t
score(struct hp_rate_input input)
{
    return hp_rate_score(&input, NULL);
}

static void
a_stranger_gets_the_prior(void **state)
{
    (void)state;
    assert_int_equal(
        score((struct hp_rate_input){.repurchase_micros = AVERAGE, .trend_micros = 100000}),
        60000);
    assert_int_equal(
        score((struct hp_rate_input){.repurchase_micros = AVERAGE, .category_liked = true}),
        45000);
    assert_int_equal(score((struct hp_rate_input){.repurchase_micros = AVERAGE,
                         .trend_micros = 100000,
                         .category_liked = true,
                         .tag_liked = true}),
        150000);
}

static void
the_formula_is_the_documented_one(void **state)
{
    (void)state;
    /* (1 × 3 + 5 × 0.6 × 0.05) / (5 + 5) */
    assert_int_equal(
        score((struct hp_rate_input){
            .count = 3, .baskets = 5, .repurchase_micros = AVERAGE, .trend_micros = 50000}),
        315000);
    /* The root of 4 doubles the habit. */
    assert_int_equal(
        score((struct hp_rate_input){
            .count = 3, .baskets = 5, .repurchase_micros = 4 * AVERAGE, .trend_micros = 50000}),
        615000);
    /* 5 × (0.6 × 0.05 + 0.3 × 0.2) / (5 + 5) */
    assert_int_equal(score((struct hp_rate_input){.baskets = 5,
                         .repurchase_micros = AVERAGE,
                         .trend_micros = 50000,
                         .history_micros = 200000}),
        45000);
}

static void
a_habit_outweighs_the_trend_with_more_baskets(void **state)
{
    int64_t last = 0;

    (void)state;
    for (int64_t n = 1; n < 200; n++) {
        int64_t now = score((struct hp_rate_input){
            .count = n, .baskets = n, .repurchase_micros = AVERAGE, .trend_micros = 1000});

        assert_true(now >= last);
        last = now;
    }
    assert_true(last > 950000);
}

static void
what_was_removed_counts_half(void **state)
{
    struct hp_rate_input input = {.count = 3,
        .baskets = 5,
        .repurchase_micros = AVERAGE,
        .trend_micros = 50000,
        .removed_lately = true};

    (void)state;
    assert_int_equal(score(input), 157500);
}

static void
gains_stay_between_1_and_a_million_whatever_comes_in(void **state)
{
    struct hp_rng rng = {11};

    (void)state;
    assert_int_equal(score((struct hp_rate_input){0}), 1);
    for (int i = 0; i < 100000; i++) {
        struct hp_rate_input input = {
            .count = (int64_t)hp_rng_next(&rng) >> hp_rng_below(&rng, 64),
            .baskets = (int64_t)hp_rng_next(&rng) >> hp_rng_below(&rng, 64),
            .repurchase_micros = (int64_t)hp_rng_next(&rng) >> hp_rng_below(&rng, 64),
            .trend_micros = (int64_t)hp_rng_next(&rng) >> hp_rng_below(&rng, 64),
            .history_micros = (int64_t)hp_rng_next(&rng) >> hp_rng_below(&rng, 64),
            .category_liked = hp_rng_below(&rng, 2) == 1,
        };
        int64_t gain = score(input);

        assert_in_range(gain, 1, HP_GAIN_MAX);
    }
}

static void
repurchase_is_shrunk_to_the_average(void **state)
{
    (void)state;
    assert_int_equal(hp_rate_repurchase(0, 0, 10, 100), AVERAGE);
    assert_int_equal(hp_rate_repurchase(5, 5, 0, 0), AVERAGE);
    /* (10 + 20 × 0.1) / (20 + 20) = 0.3, three times 0.1. */
    assert_int_equal(hp_rate_repurchase(10, 20, 10, 100), 3 * AVERAGE);
    assert_int_equal(hp_rate_repurchase(0, 20, 10, 100), AVERAGE / 2);
    assert_int_equal(
        hp_rate_repurchase(10, 20, INT64_C(10) << 40, INT64_C(100) << 40), 3 * AVERAGE);
    assert_in_range(
        hp_rate_repurchase(INT64_MAX, INT64_MAX, 1, INT64_MAX), AVERAGE, 100 * AVERAGE);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stranger_gets_the_prior),
        cmocka_unit_test(the_formula_is_the_documented_one),
        cmocka_unit_test(a_habit_outweighs_the_trend_with_more_baskets),
        cmocka_unit_test(what_was_removed_counts_half),
        cmocka_unit_test(gains_stay_between_1_and_a_million_whatever_comes_in),
        cmocka_unit_test(repurchase_is_shrunk_to_the_average),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
