/* The promises of engine/engine.h, on a broker and a store in memory.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/support/engine_rig.h"

#define SETTLE 12000 /* turns of 5 ms: past the session time-out of a static seat */

static struct rig rig;

static int
setup(void **state)
{
    (void)state;
    rig_init(&rig, 1);
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    rig_release(&rig);
    return 0;
}

static void
start(int n)
{
    if (rig_start(&rig, n) != HP_OK)
        fail_msg("%s", rig.error.text);
}

static void
settle(void)
{
    if (!rig_settle(&rig, SETTLE))
        fail_msg("not settled: %s", rig.error.text);
}

static size_t
dead_letters(struct hp_arena *arena, struct rig_record *records)
{
    return rig_read(&rig, "dead", arena, records, 2000);
}

static const char *
header_of(const struct hp_message *message, const char *name)
{
    static char text[600];

    for (size_t i = 0; i < message->header_count; i++)
        if (hp_bytes_is(message->headers[i].name, name)) {
            snprintf(text, sizeof(text), "%.*s", HP_BYTES_FORMAT(message->headers[i].value));
            return text;
        }
    return NULL;
}

/* The main path: what is counted, emitted and committed is what was sent. */
static void
records_are_counted_once_and_lag_is_zero(void **state)
{
    (void)state;
    start(0);
    for (int i = 0; i < 50; i++)
        rig_send(&rig, RIG_ORDERS, i % 2, i % 3 ? "ann" : "bob", "x");
    settle();
    assert_int_equal(rig_count(&rig, 0, "ann") + rig_count(&rig, 1, "ann"), 33);
    assert_int_equal(rig_count(&rig, 0, "bob") + rig_count(&rig, 1, "bob"), 17);
    assert_true(rig_verify(&rig));
}

/* Markers take offsets: an idle worker must not chase the ones it writes itself. */
static void
an_idle_worker_does_not_commit_for_ever(void **state)
{
    struct hp_worker_state before;
    struct hp_worker_state after;

    (void)state;
    start(0);
    rig_send(&rig, RIG_ORDERS, 0, "ann", "forward");
    settle();
    hp_worker_state(rig.worker[0], &before);
    for (int i = 0; i < 500; i++)
        assert_int_equal(rig_step(&rig), HP_OK);
    hp_worker_state(rig.worker[0], &after);
    assert_int_equal(before.transactions, after.transactions);
    assert_true(after.idle);
}

/* Group offsets nobody commits are forgotten by the broker. */
static void
positions_are_committed_at_start_and_hourly(void **state)
{
    struct hp_worker_state before;
    struct hp_worker_state after;

    (void)state;
    start(0);
    settle();
    hp_worker_state(rig.worker[0], &before);
    assert_true(before.transactions > 0);
    assert_true(rig_verify(&rig));
    rig.now_ms += 3600001;
    settle();
    hp_worker_state(rig.worker[0], &after);
    assert_true(after.transactions > before.transactions);
}

/* Producers debug with what they sent, so it must be what they sent. */
static void
a_dead_letter_is_the_record_with_reasons(void **state)
{
    const struct hp_header headers[] = {
        {hp_bytes_text("a"), hp_bytes_text("1")}, {hp_bytes_text("empty"), {0}}};
    struct rig_record records[2000];
    struct hp_arena arena = {0};

    (void)state;
    start(0);
    rig_send_record(&rig, &(struct hp_outgoing){.topic = "orders",
                              .partition = 1,
                              .timestamp_ms = 777,
                              .key = hp_bytes_text("ann"),
                              .value = hp_bytes_text("bad"),
                              .headers = headers,
                              .header_count = 2});
    settle();
    assert_int_equal(dead_letters(&arena, records), 1);
    assert_int_equal(records[0].partition, 1);
    assert_int_equal(records[0].message.timestamp_ms, 777);
    assert_true(hp_bytes_is(records[0].message.key, "ann"));
    assert_true(hp_bytes_is(records[0].message.value, "bad"));
    assert_true(hp_bytes_is(records[0].message.headers[0].value, "1"));
    assert_null(records[0].message.headers[1].value.data);
    assert_string_equal(header_of(&records[0].message, "__connect.errors.topic"), "orders");
    assert_string_equal(header_of(&records[0].message, "__connect.errors.partition"), "1");
    assert_string_equal(header_of(&records[0].message, "__connect.errors.offset"), "0");
    assert_string_equal(
        header_of(&records[0].message, "__connect.errors.exception.class.name"), "BAD");
    assert_string_equal(
        header_of(&records[0].message, "__connect.errors.exception.message"), "a bad record");
    assert_true(rig_verify(&rig));
    hp_arena_release(&arena);
}

static void
a_bad_record_leaves_no_trace_of_its_writes(void **state)
{
    (void)state;
    start(0);
    rig_send(&rig, RIG_ORDERS, 0, "ann", "late-bad");
    rig_send(&rig, RIG_ORDERS, 0, "bob", "x");
    settle();
    assert_int_equal(rig_count(&rig, 0, "ann"), -1);
    assert_int_equal(rig_count(&rig, 0, "bob"), 1);
    assert_true(rig_verify(&rig));
}

/* Size is known only when the broker is asked, after earlier outputs may have gone. */
static void
a_record_whose_output_is_too_large_becomes_a_dead_letter(void **state)
{
    struct rig_record records[2000];
    struct hp_arena arena = {0};

    (void)state;
    start(0);
    rig_send(&rig, RIG_ORDERS, 0, "ann", "huge");
    rig_send(&rig, RIG_ORDERS, 0, "ann", "x");
    settle();
    assert_int_equal(rig_count(&rig, 0, "ann"), 1);
    assert_int_equal(dead_letters(&arena, records), 1);
    assert_string_equal(
        header_of(&records[0].message, "__connect.errors.exception.class.name"), "TOO_LARGE");
    assert_true(rig_verify(&rig));
    hp_arena_release(&arena);
}

static void
a_forwarded_record_keeps_its_coordinates(void **state)
{
    struct rig_record records[2000];
    struct hp_arena arena = {0};

    (void)state;
    start(0);
    rig_send(&rig, RIG_ORDERS, 0, "ann", "x");
    rig_send(&rig, RIG_ORDERS, 0, "ann", "forward");
    settle();
    assert_int_equal(rig_count(&rig, 0, "ann"), 1);
    assert_int_equal(rig_count(&rig, 1, "ann"), 1);
    assert_int_equal(rig_read(&rig, "reroute", &arena, records, 2000), 1);
    assert_int_equal(records[0].partition, 1);
    assert_string_equal(header_of(&records[0].message, "hamper.topic"), "orders");
    assert_string_equal(header_of(&records[0].message, "hamper.offset"), "1");
    assert_true(rig_verify(&rig));
    hp_arena_release(&arena);
}

static void
a_forwarded_record_with_wrong_headers_is_a_dead_letter(void **state)
{
    struct rig_record records[2000];
    struct hp_arena arena = {0};

    (void)state;
    start(0);
    rig_send(&rig, RIG_REROUTE, 0, "ann", "x");
    settle();
    assert_int_equal(dead_letters(&arena, records), 1);
    assert_string_equal(
        header_of(&records[0].message, "__connect.errors.exception.class.name"), "REROUTE");
    assert_int_equal(rig_count(&rig, 0, "ann"), -1);
    hp_arena_release(&arena);
}

/* A request sees the order that was appended before it, even when polled first. */
static void
requests_wait_for_earlier_orders(void **state)
{
    (void)state;
    start(0);
    settle();
    rig_send(&rig, RIG_REQUESTS, 0, "ann", "x");
    rig_send(&rig, RIG_ORDERS, 0, "ann", "x");
    settle();
    assert_int_equal(rig.visit_count, 2);
    assert_memory_equal(rig.visits, "oq", 2);
    assert_true(rig_verify(&rig));
}

static void
the_breaker_holds_a_partition_that_is_mostly_bad(void **state)
{
    struct hp_worker_state worker;
    struct rig_record records[2000];
    struct hp_arena arena = {0};

    (void)state;
    start(0);
    for (int i = 0; i < 400; i++)
        rig_send(&rig, RIG_ORDERS, 0, "ann", "bad");
    rig_send(&rig, RIG_ORDERS, 1, "bob", "x");
    for (int i = 0; i < 200; i++)
        assert_int_equal(rig_step(&rig), HP_OK);
    hp_worker_state(rig.worker[0], &worker);
    assert_int_equal(worker.paused, 1);
    assert_false(worker.idle);
    assert_int_equal(dead_letters(&arena, records), 100);
    assert_int_equal(rig_count(&rig, 1, "bob"), 1);
    hp_arena_release(&arena);
}

static void
without_breaker_every_bad_record_is_a_dead_letter(void **state)
{
    struct rig_record records[2000];
    struct hp_arena arena = {0};

    (void)state;
    rig.options.breaker = false;
    start(0);
    for (int i = 0; i < 400; i++)
        rig_send(&rig, RIG_ORDERS, 0, "ann", "bad");
    settle();
    assert_int_equal(dead_letters(&arena, records), 400);
    assert_true(rig_verify(&rig));
    hp_arena_release(&arena);
}

static void
a_skipped_record_is_not_processed(void **state)
{
    const struct hp_position skip = {"orders", 0, 1};
    struct rig_record records[2000];
    struct hp_arena arena = {0};

    (void)state;
    rig.options.skip = &skip;
    rig.options.skip_count = 1;
    start(0);
    for (int i = 0; i < 3; i++)
        rig_send(&rig, RIG_ORDERS, 0, "ann", "x");
    settle();
    assert_int_equal(rig_count(&rig, 0, "ann"), 2);
    assert_int_equal(dead_letters(&arena, records), 1);
    assert_string_equal(
        header_of(&records[0].message, "__connect.errors.exception.class.name"), "SKIPPED");
    hp_arena_release(&arena);
}

static void
a_retry_runs_the_transaction_again(void **state)
{
    (void)state;
    start(0);
    rig_send(&rig, RIG_ORDERS, 0, "ann", "x");
    rig_send(&rig, RIG_ORDERS, 0, "ann", "retry");
    settle();
    assert_int_equal(rig_count(&rig, 0, "ann"), 2);
    assert_true(rig_verify(&rig));
}

static void
corrupt_data_are_restored_from_the_changelog(void **state)
{
    (void)state;
    start(0);
    rig_send(&rig, RIG_ORDERS, 0, "ann", "x");
    settle();
    rig_send(&rig, RIG_ORDERS, 0, "ann", "corrupt");
    settle();
    assert_int_equal(rig_count(&rig, 0, "ann"), 2);
    assert_true(rig_verify(&rig));
}

static void
a_lost_store_costs_time_not_data(void **state)
{
    (void)state;
    start(0);
    for (int i = 0; i < 30; i++)
        rig_send(&rig, RIG_ORDERS, i % 2, i % 3 ? "ann" : "bob", "x");
    settle();
    rig_crash(&rig, 0);
    rig_wipe(&rig, 0);
    rig_send(&rig, RIG_ORDERS, 0, "ann", "x");
    start(0);
    settle();
    assert_int_equal(rig_count(&rig, 0, "ann") + rig_count(&rig, 1, "ann"), 21);
    assert_true(rig_verify(&rig));
}

/* A row that was changed behind the engine's back shows in the digest. */
static void
a_wrong_row_is_noticed_and_the_range_rebuilt(void **state)
{
    struct hp_kv_batch batch = {0};
    static const char key[] = {0, 0, 0, 0, RIG_COUNT, 'a', 'n', 'n'};
    struct hp_local_header header;
    struct hp_arena arena = {0};
    struct hp_buffer bytes = {0};
    struct hp_buffer name = {0};
    bool found;

    (void)state;
    start(0);
    rig_send(&rig, RIG_ORDERS, 0, "ann", "x");
    settle();
    rig_crash(&rig, 0);
    assert_int_equal(hp_local_header_read(rig.kv[0], 0, &arena, &header, &found, NULL), HP_OK);
    header.digest.low++;
    hp_local_header_key(&name, 0);
    hp_local_header_encode(&header, &bytes);
    hp_kv_put(&batch, hp_buffer_bytes(&name), hp_buffer_bytes(&bytes));
    hp_kv_put(&batch, hp_bytes(key, sizeof(key)), hp_bytes("12345678", 8));
    assert_int_equal(hp_kv_write(rig.kv[0], &batch, NULL), HP_OK);
    start(0);
    settle();
    assert_int_equal(rig_count(&rig, 0, "ann"), 1);
    assert_true(rig_verify(&rig));
    hp_kv_batch_release(&batch);
    hp_buffer_release(&bytes);
    hp_buffer_release(&name);
    hp_arena_release(&arena);
}

/* Deletions older than delete.retention.ms may be compacted away behind an old copy. */
static void
a_copy_that_is_too_old_is_rebuilt(void **state)
{
    struct hp_kv_batch batch = {0};
    static const char key[] = {
        0, 0, 0, 0, RIG_BY_COUNT, '0', '0', '0', '0', '0', '0', '0', '0', 'z'};

    (void)state;
    start(0);
    rig_send(&rig, RIG_ORDERS, 0, "ann", "x");
    settle();
    rig_leave(&rig, 0);
    hp_kv_put(&batch, hp_bytes(key, sizeof(key)), hp_bytes("z", 1));
    assert_int_equal(hp_kv_write(rig.kv[0], &batch, NULL), HP_OK);
    rig.now_ms += 86400000 / 2 + 1;
    start(0);
    settle();
    assert_true(rig_verify(&rig)); /* the foreign derived row is gone with the old copy */
    hp_kv_batch_release(&batch);
}

static enum hp_status
run_to_failure(void)
{
    enum hp_status status = HP_OK;

    for (int i = 0; i < 200 && !status; i++)
        status = rig_step(&rig);
    return status;
}

static void
positions_below_the_log_start_stop_the_worker(void **state)
{
    const struct hp_position gap = {"orders", 0, 0};

    (void)state;
    start(0);
    for (int i = 0; i < 5; i++)
        rig_send(&rig, RIG_ORDERS, 0, "ann", "x");
    settle();
    rig_leave(&rig, 0);
    for (int i = 0; i < 5; i++)
        rig_send(&rig, RIG_ORDERS, 0, "ann", "x");
    assert_int_equal(hp_memory_trim(rig.cluster, "orders", 0, 8, NULL), HP_OK);
    start(0);
    assert_int_equal(run_to_failure(), HP_STOP);
    assert_non_null(strstr(rig.error.text, "orders-0"));
    assert_non_null(strstr(rig.error.text, "--accept-gap"));
    rig_leave(&rig, 0);
    rig.options.accept_gap = &gap;
    rig.options.accept_gap_count = 1;
    start(0);
    settle();
    assert_int_equal(rig_count(&rig, 0, "ann"), 7);
    assert_true(rig_verify(&rig));
}

/* A predecessor's transaction that is not decided yet may still become part of the state. */
static void
a_restore_waits_for_open_transactions(void **state)
{
    static const char key[] = {RIG_COUNT, 'z'};
    struct hp_producer *other;
    struct hp_worker_state worker;

    (void)state;
    start(0);
    rig_send(&rig, RIG_ORDERS, 0, "ann", "x");
    settle();
    rig_leave(&rig, 0);
    assert_int_equal(hp_producer_new(rig.cluster, "other", &other, NULL), HP_OK);
    assert_int_equal(hp_producer_begin(other, NULL), HP_OK);
    assert_int_equal(hp_producer_send(other,
                         &(struct hp_outgoing){.topic = "changelog",
                             .key = hp_bytes(key, sizeof(key)),
                             .value = hp_bytes("12345678", 8)},
                         NULL),
        HP_OK);
    start(0);
    for (int i = 0; i < 100; i++)
        assert_int_equal(rig_step(&rig), HP_OK);
    hp_worker_state(rig.worker[0], &worker);
    assert_int_equal(worker.restoring, 1);
    hp_producer_abort(other);
    settle();
    assert_int_equal(rig_count(&rig, 0, "z"), -1);
    assert_true(rig_verify(&rig));
    hp_producer_free(other, false);
}

/* Without the !end row nobody can say which records the state holds. */
static void
offsets_without_state_stop_the_worker(void **state)
{
    struct hp_position gap[] = {{"changelog", 0, 0}, {"changelog", 1, 0}};

    (void)state;
    start(0);
    rig_send(&rig, RIG_ORDERS, 0, "ann", "x");
    settle();
    rig_crash(&rig, 0);
    rig_wipe(&rig, 0);
    for (int32_t p = 0; p < RIG_PARTITIONS; p++) {
        int64_t low;
        int64_t high;

        assert_int_equal(
            hp_cluster_watermarks(rig.cluster, "changelog", p, &low, &high, NULL), HP_OK);
        assert_int_equal(hp_memory_trim(rig.cluster, "changelog", p, high, NULL), HP_OK);
    }
    start(0);
    assert_int_equal(run_to_failure(), HP_STOP);
    assert_non_null(strstr(rig.error.text, "changelog-0"));
    rig_crash(&rig, 0);
    rig.options.accept_gap = gap;
    rig.options.accept_gap_count = 2;
    start(0);
    settle();
    assert_int_equal(rig_count(&rig, 0, "ann"), 1);
}

static void
another_number_of_partitions_is_refused(void **state)
{
    (void)state;
    rig.options.partitions = 3;
    assert_int_equal(rig_start(&rig, 0), HP_USAGE);
    assert_non_null(strstr(rig.error.text, "partitions"));
}

static void
two_workers_share_and_hand_over(void **state)
{
    (void)state;
    start(0);
    for (int i = 0; i < 20; i++)
        rig_send(&rig, RIG_ORDERS, i % 2, "ann", "x");
    for (int i = 0; i < 3; i++)
        assert_int_equal(rig_step(&rig), HP_OK);
    start(1);
    for (int i = 0; i < 20; i++) {
        rig_send(&rig, RIG_ORDERS, i % 2, "ann", "x");
        assert_int_equal(rig_step(&rig), HP_OK);
    }
    settle();
    assert_int_equal(hp_worker_tasks(rig.worker[0], (struct hp_task *[2]){0}, 2), 1);
    assert_int_equal(rig_count(&rig, 0, "ann") + rig_count(&rig, 1, "ann"), 40);
    assert_true(rig_verify(&rig));
    rig_leave(&rig, 0);
    rig_send(&rig, RIG_ORDERS, 0, "ann", "x");
    settle();
    assert_int_equal(rig_count(&rig, 0, "ann") + rig_count(&rig, 1, "ann"), 41);
    assert_true(rig_verify(&rig));
    assert_int_equal(rig.opened, rig.closed + RIG_PARTITIONS);
}

/* Exactly once, whichever single operation of the broker fails. */
static void
any_operation_may_fail_once(void **state)
{
    (void)state;
    for (int64_t n = 1;; n++) {
        rig_release(&rig);
        rig_init(&rig, (uint64_t)n);
        start(0);
        rig.faults = true;
        rig.fail_at = n;
        for (int i = 0; i < 6; i++)
            rig_send(&rig, RIG_ORDERS, i % 2, "ann", i == 3 ? "forward" : "x");
        settle();
        if (rig_count(&rig, 0, "ann") + rig_count(&rig, 1, "ann") != 6 || !rig_verify(&rig))
            fail_msg("operation %d", (int)n);
        if (rig.operations < n)
            break;
        if (n > 400)
            break;
    }
}

/* A commit in doubt whose task goes elsewhere must not hold up those that stay. */
static void
a_doubt_about_a_task_that_left_is_settled(void **state)
{
    (void)state;
    for (int64_t n = 1; n < 120; n++) {
        rig_release(&rig);
        rig_init(&rig, (uint64_t)n);
        start(0);
        settle();
        rig.faults = true;
        rig.fail_at = n;
        rig_send(&rig, RIG_ORDERS, 1, "ann", "x");
        for (int i = 0; i < 60 && rig.operations < n; i++)
            assert_int_equal(rig_step(&rig), HP_OK);
        rig.faults = false;
        start(1);
        settle();
        rig_send(&rig, RIG_ORDERS, 0, "ann", "x");
        settle();
        if (rig_count(&rig, 0, "ann") != 1 || rig_count(&rig, 1, "ann") != 1 ||
            !rig_verify(&rig))
            fail_msg("operation %d", (int)n);
    }
}

/* Exactly once, whichever operation of the broker is the last one before a crash. */
static void
a_crash_after_any_turn_is_survived(void **state)
{
    (void)state;
    for (int turns = 0; turns < 40; turns++) {
        rig_release(&rig);
        rig_init(&rig, 7);
        start(0);
        for (int i = 0; i < 6; i++)
            rig_send(&rig, RIG_ORDERS, i % 2, "ann", i == 3 ? "forward" : "x");
        for (int i = 0; i < turns; i++)
            assert_int_equal(rig_step(&rig), HP_OK);
        rig_crash(&rig, 0);
        if (turns % 3 == 0)
            rig_wipe(&rig, 0);
        start(0);
        settle();
        if (rig_count(&rig, 0, "ann") + rig_count(&rig, 1, "ann") != 6 || !rig_verify(&rig))
            fail_msg("crash after %d turns", turns);
    }
}

static void
reached_means_committed(void **state)
{
    const struct hp_position position = {"orders", 0, 5};

    (void)state;
    start(0);
    for (int i = 0; i < 5; i++)
        rig_send(&rig, RIG_ORDERS, 0, "ann", "x");
    assert_false(hp_worker_reached(rig.worker[0], &position, 1));
    settle();
    assert_true(hp_worker_reached(rig.worker[0], &position, 1));
    rig_send(&rig, RIG_ORDERS, 0, "ann", "x");
    assert_false(hp_worker_reached(rig.worker[0], &(struct hp_position){"orders", 0, 6}, 1));
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(records_are_counted_once_and_lag_is_zero),
        TEST(an_idle_worker_does_not_commit_for_ever),
        TEST(positions_are_committed_at_start_and_hourly),
        TEST(a_dead_letter_is_the_record_with_reasons),
        TEST(a_bad_record_leaves_no_trace_of_its_writes),
        TEST(a_record_whose_output_is_too_large_becomes_a_dead_letter),
        TEST(a_forwarded_record_keeps_its_coordinates),
        TEST(a_forwarded_record_with_wrong_headers_is_a_dead_letter),
        TEST(requests_wait_for_earlier_orders),
        TEST(the_breaker_holds_a_partition_that_is_mostly_bad),
        TEST(without_breaker_every_bad_record_is_a_dead_letter),
        TEST(a_skipped_record_is_not_processed),
        TEST(a_retry_runs_the_transaction_again),
        TEST(corrupt_data_are_restored_from_the_changelog),
        TEST(a_lost_store_costs_time_not_data),
        TEST(a_wrong_row_is_noticed_and_the_range_rebuilt),
        TEST(a_copy_that_is_too_old_is_rebuilt),
        TEST(positions_below_the_log_start_stop_the_worker),
        TEST(a_restore_waits_for_open_transactions),
        TEST(offsets_without_state_stop_the_worker),
        TEST(another_number_of_partitions_is_refused),
        TEST(two_workers_share_and_hand_over),
        TEST(any_operation_may_fail_once),
        TEST(a_doubt_about_a_task_that_left_is_settled),
        TEST(a_crash_after_any_turn_is_survived),
        TEST(reached_means_committed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
