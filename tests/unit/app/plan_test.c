/*
 * tests/unit/app/plan_test.c - which differences of a topic are told, and which stop a start.
 *
 * A compacted orders topic forgets orders, an uncompacted preferences topic grows for ever, and
 * with the producers' time stamps a request's fence means nothing: all of it silently.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "app/plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct hp_options options;

static int
set_up(void **state)
{
    struct hp_error error;

    (void)state;
    return hp_options_parse(
        hp_bytes_text("replication.factor=3\n"), "t.conf", &options, &error);
}

static int
tear_down(void **state)
{
    (void)state;
    hp_options_release(&options);
    return 0;
}

static struct hp_topic_info
as_needed(enum hp_topic topic)
{
    struct hp_topic_spec spec = hp_plan_spec(&options, &hp_topic_rows[topic]);

    return (struct hp_topic_info){
        true, spec.partitions, spec.replication, spec.settings, spec.setting_count};
}

static void
assert_told(enum hp_topic topic, const struct hp_topic_info *info, bool vital, const char *text)
{
    const struct hp_topic_row *row = &hp_topic_rows[topic];
    struct hp_topic_spec spec = hp_plan_spec(&options, row);
    struct hp_buffer out = {0};

    hp_plan_compare(row, &spec, info, vital, &out);
    hp_put_u8(&out, 0);
    assert_string_equal((const char *)out.data, text);
    hp_buffer_release(&out);
}

static void
a_topic_as_needed_does_not_differ(void **state)
{
    (void)state;
    for (int i = 0; i < HP_TOPIC_COUNT; i++) {
        struct hp_topic_info info = as_needed((enum hp_topic)i);

        assert_told((enum hp_topic)i, &info, false, "");
        assert_told((enum hp_topic)i, &info, true, "");
    }
}

static void
the_number_of_partitions_is_vital_except_the_catalogues(void **state)
{
    struct hp_topic_info orders = as_needed(HP_TOPIC_ORDERS);
    struct hp_topic_info model = as_needed(HP_TOPIC_MODEL);
    struct hp_topic_info catalogue = as_needed(HP_TOPIC_CATALOGUE);

    (void)state;
    orders.partitions = 3;
    model.partitions = 2;
    catalogue.partitions = 7;
    assert_told(HP_TOPIC_ORDERS, &orders, true, ", 3 partitions, needs 4");
    assert_told(HP_TOPIC_MODEL, &model, true, ", 2 partitions, needs 1");
    assert_told(HP_TOPIC_CATALOGUE, &catalogue, false, "");
}

static void
clean_up_and_time_stamps_are_vital(void **state)
{
    static const struct hp_setting swapped[] = {
        {"message.timestamp.type", "CreateTime"}, {"cleanup.policy", "compact"}};
    struct hp_topic_info orders = as_needed(HP_TOPIC_ORDERS);

    (void)state;
    orders.settings = swapped;
    orders.setting_count = HP_ARRAY_SIZE(swapped);
    assert_told(HP_TOPIC_ORDERS, &orders, true,
        ", cleanup.policy=compact, needs delete, message.timestamp.type=CreateTime, needs "
        "LogAppendTime");
}

static void
replication_and_retention_are_only_told(void **state)
{
    static const struct hp_setting shorter[] = {
        {"cleanup.policy", "delete"}, {"retention.ms", "1000"}};
    struct hp_topic_info answers = as_needed(HP_TOPIC_BOX_ANSWERS);

    (void)state;
    answers.replication = 1;
    answers.settings = shorter;
    answers.setting_count = HP_ARRAY_SIZE(shorter);
    assert_told(HP_TOPIC_BOX_ANSWERS, &answers, true, "");
    assert_told(HP_TOPIC_BOX_ANSWERS, &answers, false,
        ", replicated 1 times, needs 3, retention.ms=1000, needs 604800000, "
        "segment.ms=(not told), needs 86400000");
}

/* A broker may keep its settings to itself; that alone is no reason to stand still. */
static void
what_the_broker_does_not_tell_does_not_stop(void **state)
{
    struct hp_topic_info answers = as_needed(HP_TOPIC_BOX_ANSWERS);

    (void)state;
    answers.setting_count = 0;
    assert_told(HP_TOPIC_BOX_ANSWERS, &answers, true, "");
    assert_told(HP_TOPIC_BOX_ANSWERS, &answers, false,
        ", cleanup.policy=(not told), needs delete, retention.ms=(not told), needs 604800000, "
        "segment.ms=(not told), needs 86400000");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_topic_as_needed_does_not_differ, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            the_number_of_partitions_is_vital_except_the_catalogues, set_up, tear_down),
        cmocka_unit_test_setup_teardown(clean_up_and_time_stamps_are_vital, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            replication_and_retention_are_only_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            what_the_broker_does_not_tell_does_not_stop, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
