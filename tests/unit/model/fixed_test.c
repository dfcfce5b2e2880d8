/* Integer mathematics against the library's. SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/rng.h"
#include "base/status.h"
#include "model/fixed.h"

#include <math.h>

#define Q32 4294967296.0

static void
root_is_the_floor_of_the_square_root(void **state)
{
    struct hp_rng rng = {7};

    (void)state;
    assert_int_equal(hp_fixed_sqrt(0), 0);
    assert_int_equal(hp_fixed_sqrt(UINT64_MAX), UINT32_MAX);
    for (int i = 0; i < 100000; i++) {
        uint64_t value = hp_rng_next(&rng) >> hp_rng_below(&rng, 64);
        uint64_t root = hp_fixed_sqrt(value);

        assert_true(root * root <= value);
        assert_true(root == UINT32_MAX || (root + 1) * (root + 1) > value);
    }
}

static void
logarithm_is_within_2_to_the_minus_30(void **state)
{
    struct hp_rng rng = {8};

    (void)state;
    assert_int_equal(hp_fixed_log2(1), 0);
    assert_int_equal(hp_fixed_log2(UINT64_C(1) << 63), INT64_C(63) << 32);
    for (int i = 0; i < 100000; i++) {
        uint64_t value = (hp_rng_next(&rng) >> hp_rng_below(&rng, 63)) | 1;
        double wrong = (double)hp_fixed_log2(value) / Q32 - log2((double)value);

        assert_true(fabs(wrong) < ldexp(1, -30));
    }
}

static void
power_is_within_2_to_the_minus_28(void **state)
{
    struct hp_rng rng = {9};

    (void)state;
    assert_int_equal(hp_fixed_exp2(0), INT64_C(1) << 32);
    assert_int_equal(hp_fixed_exp2(INT64_C(5) << 32), INT64_C(32) << 32);
    assert_int_equal(hp_fixed_exp2(-(INT64_C(3) << 32)), INT64_C(1) << 29);
    assert_int_equal(hp_fixed_exp2(INT64_C(32) << 32), UINT64_MAX);
    assert_int_equal(hp_fixed_exp2(INT64_MAX), UINT64_MAX);
    assert_int_equal(hp_fixed_exp2(INT64_MIN), 0);
    for (int i = 0; i < 100000; i++) {
        int64_t exponent = hp_rng_between(&rng, -(INT64_C(2) << 32), (INT64_C(32) << 32) - 1);
        double right = exp2((double)exponent / Q32);
        double wrong = (double)hp_fixed_exp2(exponent) / Q32 - right;

        assert_true(fabs(wrong) / right < ldexp(1, -28));
    }
}

static void
decay_halves_every_half_life_and_ends(void **state)
{
    (void)state;
    assert_int_equal(hp_fixed_decay(0, 20), HP_DECAY_ONE);
    assert_int_equal(hp_fixed_decay(-5, 20), HP_DECAY_ONE);
    assert_int_equal(hp_fixed_decay(20, 20), HP_DECAY_ONE / 2);
    assert_int_equal(hp_fixed_decay(60, 20), HP_DECAY_ONE / 8);
    assert_int_equal(hp_fixed_decay(10, 20), 11863283); /* 2^24 / sqrt(2), rounded */
    assert_int_equal(hp_fixed_decay(INT64_MAX, 20), 0);
    for (int64_t age = 0; age < 600; age++)
        assert_true(hp_fixed_decay(age + 1, 20) <= hp_fixed_decay(age, 20));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(root_is_the_floor_of_the_square_root),
        cmocka_unit_test(logarithm_is_within_2_to_the_minus_30),
        cmocka_unit_test(power_is_within_2_to_the_minus_28),
        cmocka_unit_test(decay_halves_every_half_life_and_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
