/* What the choice of partners promises. SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/rng.h"
#include "model/llr.h"

#include <math.h>
#include <stdlib.h>

static double
h(double x)
{
    return x > 0 ? x * log(x) : 0;
}

/* The formula of the header with the library's logarithm. */
static double
textbook(double n, double a, double b, double both)
{
    if (both * n <= a * b)
        return 0;
    return 2 * (h(both) + h(a - both) + h(b - both) + h(n - a - b + both) - h(a) - h(n - a) -
                   h(b) - h(n - b) + h(n));
}

static void
the_logarithm_is_as_good_as_the_library_s(void **state)
{
    struct hp_rng rng = {3};

    (void)state;
    assert_true(hp_llr_entropy(0) == 0);
    assert_true(hp_llr_entropy(1) == 0);
    for (int i = 0; i < 100000; i++) {
        int64_t count = 2 + (int64_t)(hp_rng_next(&rng) >> (1 + hp_rng_below(&rng, 61))) / 4;

        assert_true(fabs(hp_llr_entropy(count) / h((double)count) - 1) < 1e-14);
    }
}

static void
the_ratio_is_the_textbook_s(void **state)
{
    struct hp_llr_world world = {0};
    struct hp_rng rng = {4};

    (void)state;
    for (int i = 0; i < 20000; i++) {
        int64_t n = 10 + (int64_t)hp_rng_below(&rng, i % 2 ? 1000 : 1000000);
        int64_t a = 1 + (int64_t)hp_rng_below(&rng, (uint64_t)n);
        int64_t b = 1 + (int64_t)hp_rng_below(&rng, (uint64_t)n);
        int64_t most = a < b ? a : b;
        int64_t least = a + b > n ? a + b - n : 0;
        int64_t both = least + (int64_t)hp_rng_below(&rng, (uint64_t)(most - least) + 1);
        struct hp_llr_item left;
        struct hp_llr_item right;
        double ratio;

        hp_llr_world_set(&world, n);
        left = hp_llr_item(&world, a);
        right = hp_llr_item(&world, b);
        ratio = (double)hp_llr(&world, &left, &right, both) / HP_LLR_ONE;
        assert_true(fabs(ratio - textbook((double)n, (double)a, (double)b, (double)both)) <
                    1e-4 + ratio * 1e-9);
        assert_int_equal(
            hp_llr(&world, &left, &right, both), hp_llr(&world, &right, &left, both));
    }
    hp_llr_world_release(&world);
}

/* N is rounded and counts of several tasks arrive one by one: nothing must break. */
static void
counts_that_contradict_each_other_do_no_harm(void **state)
{
    struct hp_llr_world world = {0};
    struct hp_rng rng = {5};

    (void)state;
    for (int i = 0; i < 100000; i++) {
        struct hp_llr_item a;
        struct hp_llr_item b;

        hp_llr_world_set(&world, (int64_t)hp_rng_below(&rng, 50));
        a = hp_llr_item(&world, (int64_t)hp_rng_below(&rng, 100));
        b = hp_llr_item(&world, (int64_t)hp_rng_below(&rng, 100));
        assert_true(hp_llr(&world, &a, &b, (int64_t)hp_rng_below(&rng, 100)) >= 0);
    }
    hp_llr_world_release(&world);
}

static int
better(const void *a, const void *b)
{
    const struct hp_partner *left = a;
    const struct hp_partner *right = b;

    if (left->llr != right->llr)
        return left->llr > right->llr ? -1 : 1;
    return (left->item > right->item) - (left->item < right->item);
}

static int
by_item(const void *a, const void *b)
{
    const struct hp_partner *left = a;
    const struct hp_partner *right = b;

    return (left->item > right->item) - (left->item < right->item);
}

static void
the_best_sixty_are_kept_in_any_order_of_arrival(void **state)
{
    struct hp_rng rng = {6};

    (void)state;
    for (int i = 0; i < 500; i++) {
        struct hp_partner offered[200];
        size_t count = hp_rng_below(&rng, 200);
        struct hp_partners kept = {.count = 0};
        size_t wanted = 0;

        for (size_t k = 0; k < count; k++) {
            offered[k] = (struct hp_partner){(uint32_t)k, 1, (int64_t)hp_rng_below(&rng, 40)};
            wanted += offered[k].llr > 0;
        }
        for (size_t k = count; k > 1; k--) {
            size_t other = hp_rng_below(&rng, k);
            struct hp_partner one = offered[k - 1];

            offered[k - 1] = offered[other];
            offered[other] = one;
        }
        for (size_t k = 0; k < count; k++)
            hp_partners_offer(&kept, offered[k]);
        hp_partners_sort(&kept);
        qsort(offered, count, sizeof(*offered), better);
        wanted = wanted < HP_PARTNERS_MAX ? wanted : HP_PARTNERS_MAX;
        qsort(offered, wanted, sizeof(*offered), by_item);
        assert_int_equal(kept.count, wanted);
        for (size_t k = 0; k < wanted; k++)
            assert_int_equal(kept.items[k].item, offered[k].item);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_logarithm_is_as_good_as_the_library_s),
        cmocka_unit_test(the_ratio_is_the_textbook_s),
        cmocka_unit_test(counts_that_contradict_each_other_do_no_harm),
        cmocka_unit_test(the_best_sixty_are_kept_in_any_order_of_arrival),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
