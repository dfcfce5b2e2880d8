/* tests/unit/base/metric_test.c - what Prometheus gets. SPDX-License-Identifier: Apache-2.0 */
#include "base/metric.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static char *
printed(void)
{
    static struct hp_buffer out;

    hp_buffer_clear(&out);
    hp_metrics_print(&out);
    hp_put_u8(&out, 0);
    return (char *)out.data;
}

static void
same_name_and_labels_give_the_same_metric(void **state)
{
    struct hp_metric *a =
        hp_metric_get(HP_METRIC_COUNTER, "same_total", "topic=\"x\"", "Counted.");
    struct hp_metric *b =
        hp_metric_get(HP_METRIC_COUNTER, "same_total", "topic=\"y\"", "Counted.");

    (void)state;
    assert_ptr_not_equal(a, b);
    assert_ptr_equal(
        a, hp_metric_get(HP_METRIC_COUNTER, "same_total", "topic=\"x\"", "Counted."));
    hp_metric_add(a, 2);
    hp_metric_add(a, 3);
    assert_int_equal(hp_metric_value(a), 5);
    assert_int_equal(hp_metric_value(b), 0);
}

static void
text_is_sorted_with_one_head_a_name(void **state)
{
    (void)state;
    hp_metric_set(hp_metric_get(HP_METRIC_GAUGE, "text_z", "", "Last."), -4);
    hp_metric_set(hp_metric_get(HP_METRIC_GAUGE, "text_a", "p=\"2\"", "First."), 2);
    hp_metric_set(hp_metric_get(HP_METRIC_GAUGE, "text_a", "p=\"1\"", "First."), 1);
    assert_non_null(strstr(printed(), "# HELP text_a First.\n# TYPE text_a gauge\n"
                                      "text_a{p=\"1\"} 1\ntext_a{p=\"2\"} 2\n"
                                      "# HELP text_z Last.\n# TYPE text_z gauge\ntext_z -4\n"));
}

static void
histogram_is_cumulative_in_seconds(void **state)
{
    struct hp_metric *metric =
        hp_metric_get(HP_METRIC_HISTOGRAM, "took_seconds", "w=\"0\"", "Took.");
    const char *text;

    (void)state;
    hp_metric_observe_us(metric, 0);
    hp_metric_observe_us(metric, 1024); /* a bound holds its own value */
    hp_metric_observe_us(metric, 1025);
    hp_metric_observe_us(metric, 90000000); /* above the last bound */
    text = printed();
    assert_non_null(strstr(text, "# TYPE took_seconds histogram\n"));
    assert_non_null(strstr(text, "took_seconds_bucket{w=\"0\",le=\"0.000001\"} 1\n"));
    assert_non_null(strstr(text, "took_seconds_bucket{w=\"0\",le=\"0.001024\"} 2\n"));
    assert_non_null(strstr(text, "took_seconds_bucket{w=\"0\",le=\"0.002048\"} 3\n"));
    assert_non_null(strstr(text, "took_seconds_bucket{w=\"0\",le=\"67.108864\"} 3\n"));
    assert_non_null(strstr(text, "took_seconds_bucket{w=\"0\",le=\"+Inf\"} 4\n"));
    assert_non_null(strstr(text, "took_seconds_sum{w=\"0\"} 90.002049\n"));
    assert_non_null(strstr(text, "took_seconds_count{w=\"0\"} 4\n"));
}

static void
quantile_is_within_an_eighth(void **state)
{
    struct hp_metric *metric = hp_metric_get(HP_METRIC_HISTOGRAM, "quantile_seconds", "", "Q.");

    (void)state;
    assert_int_equal(hp_metric_quantile_us(metric, 0.5), 0);
    for (int i = 1; i <= 100000; i++)
        hp_metric_observe_us(metric, i);
    assert_in_range(hp_metric_quantile_us(metric, 0.5), 46000, 54000);
    assert_in_range(hp_metric_quantile_us(metric, 0.99), 93000, 106500);
    assert_in_range(hp_metric_quantile_us(metric, 0.0001), 1, 20);
}

static void *
raise_often(void *metric)
{
    for (int i = 0; i < 100000; i++)
        hp_metric_add(metric, 1);
    return NULL;
}

static void
no_update_is_lost_between_threads(void **state)
{
    struct hp_metric *metric = hp_metric_get(HP_METRIC_COUNTER, "threads_total", "", "T.");
    pthread_t threads[3];

    (void)state;
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, raise_often, metric), 0);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(hp_metric_value(metric), 300000);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_name_and_labels_give_the_same_metric),
        cmocka_unit_test(text_is_sorted_with_one_head_a_name),
        cmocka_unit_test(histogram_is_cumulative_in_seconds),
        cmocka_unit_test(quantile_is_within_an_eighth),
        cmocka_unit_test(no_update_is_lost_between_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
