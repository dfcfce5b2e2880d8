/* Means, intervals and differences. SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/rng.h"
#include "eval/picture.h"
#include "eval/tally.h"

#include <math.h>

static void
near(double value, double expected, double within)
{
    if (!(fabs(value - expected) <= within))
        fail_msg("%.9f is not %.9f", value, expected);
}

static struct hp_tally *
make(void)
{
    return hp_tally_new(&(struct hp_tally_options){.model_count = 2,
        .cuts = {1, 2},
        .cut_count = 2,
        .item_count = 10,
        .user_count = 200,
        .seed = 7});
}

/* Model 0 puts the chosen item first when `good`, else second; model 1 always second. */
static void
add_case(struct hp_tally *tally, uint32_t user, int64_t at_ms, bool good)
{
    static const uint32_t first[] = {3, 4}, second[] = {4, 3}, chosen[] = {3};
    struct hp_item_set target = {chosen, 1};

    hp_tally_begin(tally, user, at_ms);
    hp_tally_add(tally, 0, HP_SLICE_ALL, good ? first : second, 2, target);
    hp_tally_add(tally, 1, HP_SLICE_ALL, second, 2, target);
}

static void
means_coverage_and_novelty(void **state)
{
    struct hp_tally *tally = make();
    struct hp_tally_row row;

    (void)state;
    hp_tally_set_surprise(tally, 3, 5);
    hp_tally_set_surprise(tally, 4, 1);
    add_case(tally, 0, 10, true);
    add_case(tally, 1, 20, false);
    hp_tally_row(tally, 0, HP_SLICE_ALL, 0, &row); /* at 1 */
    near(row.mean[HP_MEASURE_NDCG], 0.5, 1e-9);
    near(row.mean[HP_MEASURE_HIT], 0.5, 1e-9);
    near(row.coverage, 0.2, 1e-9);
    near(row.novelty, 3, 1e-9);
    hp_tally_row(tally, 1, HP_SLICE_ALL, 1, &row); /* at 2 */
    near(row.mean[HP_MEASURE_NDCG], 1 / log2(3), 1e-6);
    near(row.mean[HP_MEASURE_RECALL], 1, 1e-9);
    assert_int_equal(hp_tally_cases(tally, HP_SLICE_ALL), 2);
    assert_int_equal(hp_tally_cases(tally, HP_SLICE_NOVEL), 0);
    hp_tally_free(tally);
}

/* Two models that always differ alike have no doubt in their difference, whatever each has. */
static void
a_difference_is_paired(void **state)
{
    struct hp_tally *tally = make();
    struct hp_tally_gap gap;
    struct hp_tally_row row;
    struct hp_rng rng = {3};

    (void)state;
    for (uint32_t user = 0; user < 200; user++)
        add_case(tally, user, user, hp_rng_below(&rng, 2) == 0);
    hp_tally_gap(tally, 1, 1, HP_SLICE_ALL, 0, HP_MEASURE_NDCG, &gap);
    near(gap.low, 0, 0);
    near(gap.high, 0, 0);
    hp_tally_gap(tally, 0, 1, HP_SLICE_ALL, 0, HP_MEASURE_NDCG, &gap);
    hp_tally_row(tally, 0, HP_SLICE_ALL, 0, &row);
    near(gap.mean, row.mean[HP_MEASURE_NDCG], 1e-9); /* model 1 is 0 at 1 */
    assert_true(gap.low < gap.mean && gap.mean < gap.high);
    assert_true(gap.low > 0.35 && gap.high < 0.65);
    near(gap.low, row.low, 1e-9); /* same draws, same seed */
    hp_tally_free(tally);
}

/* A user with many cases is one voice in the drawing. */
static void
cases_of_a_user_are_drawn_together(void **state)
{
    struct hp_tally *tally = make();
    struct hp_tally_row row;

    (void)state;
    for (int i = 0; i < 1000; i++) {
        add_case(tally, 0, i, true);
        add_case(tally, 1, i, false);
    }
    hp_tally_row(tally, 0, HP_SLICE_ALL, 0, &row);
    near(row.mean[HP_MEASURE_NDCG], 0.5, 1e-9);
    near(row.low, 0, 1e-9); /* both draws the same user: one time in four each */
    near(row.high, 1, 1e-9);
    assert_int_equal(hp_tally_users(tally, HP_SLICE_ALL), 2);
    hp_tally_free(tally);
}

static void
means_by_time(void **state)
{
    struct hp_tally *tally = make();
    int64_t first, last;
    double mean;

    (void)state;
    add_case(tally, 0, 10, true);
    add_case(tally, 1, 20, false);
    add_case(tally, 1, 30, true);
    hp_tally_span(tally, &first, &last);
    assert_int_equal(first, 10);
    assert_int_equal(last, 30);
    assert_true(hp_tally_mean_between(tally, 0, HP_SLICE_ALL, 0, 10, 30, &mean));
    near(mean, 0.5, 1e-9);
    assert_false(hp_tally_mean_between(tally, 0, HP_SLICE_ALL, 0, 31, 40, &mean));
    hp_tally_free(tally);
}

/* What a model is called must not end the picture. */
static void
a_picture_escapes_names_and_breaks_at_gaps(void **state)
{
    const double values[] = {0.1, NAN, 0.3};
    const int64_t times[] = {0, 86400000, 172800000};
    struct hp_picture picture = {.title = "a < b & c",
        .measure = "NDCG",
        .times = times,
        .point_count = 3,
        .lines = {{"<x>", values}},
        .line_count = 1};
    struct hp_buffer svg = {0};

    (void)state;
    hp_picture_draw(&picture, &svg);
    hp_put_u8(&svg, 0);
    assert_non_null(strstr((const char *)svg.data, "a &lt; b &amp; c"));
    assert_non_null(strstr((const char *)svg.data, "&lt;x&gt;"));
    assert_null(strstr((const char *)svg.data, "nan"));
    assert_null(strstr((const char *)svg.data, " L"));
    hp_buffer_release(&svg);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(means_coverage_and_novelty),
        cmocka_unit_test(a_difference_is_paired),
        cmocka_unit_test(cases_of_a_user_are_drawn_together),
        cmocka_unit_test(means_by_time),
        cmocka_unit_test(a_picture_escapes_names_and_breaks_at_gaps),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
