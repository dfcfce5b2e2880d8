/* What the small systems promise. SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/hash.h"
#include "base/rng.h"
#include "model/ridge.h"

#include <math.h>

#define USERS 300

/* Counts of random users: a system as it comes up in life. */
static void
random_system(struct hp_rng *rng, struct hp_ridge *ridge)
{
    *ridge = (struct hp_ridge){.count = 1 + hp_rng_below(rng, HP_RIDGE_MAX)};
    for (int u = 0; u < USERS; u++) {
        bool has[HP_RIDGE_MAX];
        bool target = hp_rng_below(rng, 3) == 0;

        for (size_t i = 0; i < ridge->count; i++)
            has[i] = hp_rng_below(rng, 4) == 0;
        for (size_t i = 0; i < ridge->count; i++) {
            ridge->shared[i] += has[i] && target;
            for (size_t j = i; j < ridge->count; j++)
                ridge->gram[i * HP_RIDGE_WIDTH + j] += has[i] && has[j];
        }
    }
}

static int32_t
entry(const struct hp_ridge *ridge, size_t i, size_t j)
{
    return ridge->gram[i < j ? i * HP_RIDGE_WIDTH + j : j * HP_RIDGE_WIDTH + i];
}

static void
the_weights_solve_the_system(void **state)
{
    struct hp_rng rng = {1};

    (void)state;
    for (int round = 0; round < 200; round++) {
        double lambda = 1 + (double)hp_rng_below(&rng, 500);
        double weights[HP_RIDGE_MAX];
        struct hp_ridge ridge;

        random_system(&rng, &ridge);
        hp_ridge_solve(&ridge, lambda, weights);
        for (size_t i = 0; i < ridge.count; i++) {
            double sum = lambda * weights[i];

            for (size_t j = 0; j < ridge.count; j++)
                sum += entry(&ridge, i, j) * weights[j];
            assert_true(fabs(sum - ridge.shared[i]) < 1e-9 * (1 + ridge.shared[i]));
        }
    }
}

/* Counts of different moments need not fit together; the ridge grows until they do. */
static void
a_system_that_cannot_be_solved_gets_a_greater_ridge(void **state)
{
    struct hp_ridge ridge = {.count = 2, .shared = {1, 1}};
    double weights[HP_RIDGE_MAX];

    (void)state;
    ridge.gram[0] = 1;
    ridge.gram[1] = 100;
    ridge.gram[HP_RIDGE_WIDTH + 1] = 1;
    hp_ridge_solve(&ridge, 1, weights); /* λ = 128 is the first that will do */
    assert_true(fabs(weights[0] - 1.0 / 229) < 1e-12);
    assert_true(fabs(weights[1] - 1.0 / 229) < 1e-12);
}

static void
bytes_are_within_half_a_step(void **state)
{
    struct hp_rng rng = {2};

    (void)state;
    for (int round = 0; round < 10000; round++) {
        double weights[HP_RIDGE_MAX];
        size_t count = 1 + hp_rng_below(&rng, HP_RIDGE_MAX);
        struct hp_quantised quantised;
        int greatest = 0;

        for (size_t i = 0; i < count; i++)
            weights[i] = ((double)hp_rng_below(&rng, 2000000) - 700000) /
                         (double)(1 + hp_rng_below(&rng, 100000000));
        hp_ridge_quantise(weights, count, &quantised);
        assert_in_range(quantised.shift, 0, HP_RIDGE_SHIFT_MAX);
        for (size_t i = 0; i < count; i++) {
            double kept = ldexp(quantised.bytes[i], -quantised.shift);

            assert_in_range(quantised.bytes[i], 0, 127);
            greatest = quantised.bytes[i] > greatest ? quantised.bytes[i] : greatest;
            if (weights[i] <= 0)
                assert_int_equal(quantised.bytes[i], 0);
            else if (weights[i] < 127)
                assert_true(fabs(kept - weights[i]) <= ldexp(0.5, -quantised.shift));
        }
        if (quantised.shift < HP_RIDGE_SHIFT_MAX && greatest > 0 && quantised.shift > 0)
            assert_in_range(greatest, 63, 127); /* no finer scale would have done */
    }
}

static void
nothing_good_means_no_weights(void **state)
{
    const double weights[] = {-1, 0, -0.5};
    struct hp_quantised quantised;

    (void)state;
    hp_ridge_quantise(weights, 3, &quantised);
    for (int i = 0; i < 3; i++)
        assert_int_equal(quantised.bytes[i], 0);
}

/* The same number on every machine, compiler and level of optimisation. */
static void
every_build_gets_the_same_bits(void **state)
{
    struct hp_rng rng = {7};
    struct hp_buffer bits = {0};
    char text[HP_DIGEST_TEXT];

    (void)state;
    for (int round = 0; round < 100; round++) {
        double weights[HP_RIDGE_MAX];
        struct hp_ridge ridge;

        random_system(&rng, &ridge);
        hp_ridge_solve(&ridge, 50, weights);
        for (size_t i = 0; i < ridge.count; i++) {
            uint64_t word;

            memcpy(&word, &weights[i], sizeof(word));
            hp_put_u64(&bits, word);
        }
    }
    hp_digest_text(hp_hash128(hp_buffer_bytes(&bits)), text);
    hp_buffer_release(&bits);
    assert_string_equal(text, "a2f2bb74bd68baff78e312b5b32cdbb3");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_weights_solve_the_system),
        cmocka_unit_test(a_system_that_cannot_be_solved_gets_a_greater_ridge),
        cmocka_unit_test(bytes_are_within_half_a_step),
        cmocka_unit_test(nothing_good_means_no_weights),
        cmocka_unit_test(every_build_gets_the_same_bits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
