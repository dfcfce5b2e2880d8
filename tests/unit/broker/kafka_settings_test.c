/*
 * Settings of the real cluster that need no broker: what is refused, and that it is named.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "broker/broker_kafka.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

static enum hp_status
open_with(const char *name, const char *value, struct hp_error *error)
{
    struct hp_setting settings[] = {{name, value}};
    struct hp_kafka_options options = {
        .bootstrap = "127.0.0.1:1", .settings = settings, .setting_count = 1};
    struct hp_cluster *cluster;
    enum hp_status status = hp_cluster_kafka_new(&options, &cluster, error);

    hp_cluster_free(cluster);
    return status;
}

/* Exactly-once must not be switched off by a line in a file. */
static void
a_setting_exactly_once_owns_is_refused_by_name(void **state)
{
    static const char *const names[] = {"group.id", "group.instance.id", "transactional.id",
        "enable.idempotence", "acks", "enable.auto.commit", "enable.auto.offset.store",
        "isolation.level", "auto.offset.reset", "enable.partition.eof",
        "partition.assignment.strategy", "partitioner", "check.crcs"};
    struct hp_error error;

    (void)state;
    for (size_t i = 0; i < HP_ARRAY_SIZE(names); i++) {
        assert_non_null(hp_kafka_setting_owned(names[i]));
        assert_int_equal(open_with(names[i], "x", &error), HP_USAGE);
        assert_non_null(strstr(error.text, names[i]));
    }
    assert_null(hp_kafka_setting_owned("linger.ms"));
}

static void
an_unknown_setting_is_refused_by_name(void **state)
{
    struct hp_error error;

    (void)state;
    assert_int_equal(open_with("linger.milliseconds", "5", &error), HP_USAGE);
    assert_non_null(strstr(error.text, "linger.milliseconds"));
}

static void
a_value_out_of_range_is_refused(void **state)
{
    struct hp_error error;

    (void)state;
    assert_int_equal(open_with("socket.timeout.ms", "-7", &error), HP_USAGE);
    assert_non_null(strstr(error.text, "socket.timeout.ms"));
}

static void
a_cluster_opens_without_a_broker_and_says_so_later(void **state)
{
    struct hp_kafka_options options = {.bootstrap = "127.0.0.1:1", .timeout_ms = 200};
    struct hp_cluster *cluster;
    struct hp_error error;
    int64_t low;
    int64_t high;

    (void)state;
    assert_int_equal(hp_cluster_kafka_new(&options, &cluster, &error), HP_OK);
    assert_int_equal(hp_cluster_watermarks(cluster, "t", 0, &low, &high, &error), HP_RETRY);
    hp_cluster_free(cluster);
}

int
main(void)
{
    const struct CMUnitTest promises[] = {
        cmocka_unit_test(a_setting_exactly_once_owns_is_refused_by_name),
        cmocka_unit_test(an_unknown_setting_is_refused_by_name),
        cmocka_unit_test(a_value_out_of_range_is_refused),
        cmocka_unit_test(a_cluster_opens_without_a_broker_and_says_so_later),
    };

    return cmocka_run_group_tests(promises, NULL, NULL);
}
