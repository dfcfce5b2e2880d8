/* Lists and what they are worth, against values worked out by hand.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "eval/ranking.h"

#include <math.h>

static void
near(double value, double expected)
{
    if (!(fabs(value - expected) <= 1e-12))
        fail_msg("%.12f is not %.12f", value, expected);
}

static const double scores[] = {0.5, 2, 1, 2, 0, 3};
#define ITEMS HP_ARRAY_SIZE(scores)

static void
assert_list(
    const uint32_t *ranked, size_t count, const uint32_t *expected, size_t expected_count)
{
    assert_int_equal(count, expected_count);
    assert_memory_equal(ranked, expected, expected_count * sizeof(*expected));
}

/* Ties decide who is recommended; they must not depend on how a heap happens to move. */
static void
the_best_come_first_and_ties_go_to_the_smaller_item(void **state)
{
    uint32_t ranked[HP_RANKED_MAX];
    size_t count = hp_rank(scores, ITEMS, HP_POOL_ALL, (struct hp_item_set){0}, 4, ranked);

    (void)state;
    assert_list(ranked, count, (uint32_t[]){5, 1, 3, 2}, 4);
}

static void
a_set_is_left_out_or_ranked_alone(void **state)
{
    static const uint32_t had[] = {1, 5};
    struct hp_item_set set = {had, 2};
    uint32_t ranked[HP_RANKED_MAX];
    size_t count = hp_rank(scores, ITEMS, HP_POOL_WITHOUT, set, 10, ranked);

    (void)state;
    assert_list(ranked, count, (uint32_t[]){3, 2, 0, 4}, 4);
    count = hp_rank(scores, ITEMS, HP_POOL_ONLY, set, 10, ranked);
    assert_list(ranked, count, (uint32_t[]){5, 1}, 2);
}

/* Hits at places 1 and 3 of two targets: (1 + 1/2) / (1 + 1/log2 3). */
static void
ndcg_is_the_textbook_one(void **state)
{
    static const uint32_t ranked[] = {7, 1, 9, 2};
    static const uint32_t target[] = {7, 9};
    struct hp_quality quality = hp_quality_of(ranked, 4, (struct hp_item_set){target, 2}, 4);

    (void)state;
    near(quality.ndcg, 1.5 / (1 + 0.63092975357145743710));
    near(quality.recall, 1);
    near(quality.hit, 1);
}

/* The ideal list is cut as well; recall divides by all that was chosen. */
static void
more_targets_than_places(void **state)
{
    static const uint32_t ranked[] = {4, 1};
    static const uint32_t target[] = {1, 2, 3, 5};
    struct hp_quality quality = hp_quality_of(ranked, 2, (struct hp_item_set){target, 4}, 2);

    (void)state;
    near(quality.ndcg, 0.63092975357145743710 / (1 + 0.63092975357145743710));
    near(quality.recall, 0.25);
    near(quality.hit, 1);
}

static void
a_short_list_has_no_hits_behind_its_end(void **state)
{
    static const uint32_t ranked[] = {4, 1};
    static const uint32_t target[] = {1};
    struct hp_quality quality = hp_quality_of(ranked, 1, (struct hp_item_set){target, 1}, 10);

    (void)state;
    near(quality.ndcg, 0);
    near(quality.hit, 0);
}

static void
sets_are_parted_by_another(void **state)
{
    static const uint32_t a[] = {1, 3, 5, 8}, b[] = {0, 3, 8, 9};
    uint32_t out[4];

    (void)state;
    assert_list(out,
        hp_item_set_pick((struct hp_item_set){a, 4}, (struct hp_item_set){b, 4}, true, out),
        (uint32_t[]){3, 8}, 2);
    assert_list(out,
        hp_item_set_pick((struct hp_item_set){a, 4}, (struct hp_item_set){b, 4}, false, out),
        (uint32_t[]){1, 5}, 2);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_best_come_first_and_ties_go_to_the_smaller_item),
        cmocka_unit_test(a_set_is_left_out_or_ranked_alone),
        cmocka_unit_test(ndcg_is_the_textbook_one),
        cmocka_unit_test(more_targets_than_places),
        cmocka_unit_test(a_short_list_has_no_hits_behind_its_end),
        cmocka_unit_test(sets_are_parted_by_another),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
