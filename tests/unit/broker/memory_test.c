/*
 * What the cluster in memory promises beyond broker/broker.h: a clock and faults of the
 * caller's, compaction, deletion, forgotten transactions. The simulator stands on these.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "broker/broker_memory.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

struct world {
    struct hp_cluster *cluster;
    struct hp_error error;
    int64_t now_ms;
    const char *failing; /* operation */
    int32_t held;
    int lost;
};

static const char *const topics[] = {"t"};

static int64_t
clock_of(void *context)
{
    return ((struct world *)context)->now_ms;
}

static enum hp_status
fault_of(void *context, const char *operation, struct hp_error *error)
{
    const struct world *w = context;

    if (w->failing && strcmp(w->failing, operation) == 0)
        return hp_fail(error, HP_RETRY, "made to fail: %s", operation);
    return HP_OK;
}

static int
set_up_with(void **state, size_t retention_bytes, const char *policy)
{
    struct world *w = hp_alloc(sizeof(*w));
    struct hp_setting settings[] = {
        {"cleanup.policy", policy}, {"delete.retention.ms", "1000"}};
    struct hp_topic_spec spec = {"t", 2, 1, settings, 2};

    w->now_ms = 5000;
    w->cluster = hp_cluster_memory_new(&(struct hp_memory_options){.clock = clock_of,
        .clock_context = w,
        .fault = fault_of,
        .fault_context = w,
        .retention_bytes = retention_bytes});
    assert_int_equal(hp_cluster_create(w->cluster, &spec, &w->error), HP_OK);
    *state = w;
    return 0;
}

static int
set_up(void **state)
{
    return set_up_with(state, 0, "compact");
}

static int
set_up_small(void **state)
{
    return set_up_with(state, 100000, "delete");
}

static int
tear_down(void **state)
{
    struct world *w = *state;

    hp_cluster_free(w->cluster);
    free(w);
    return 0;
}

static struct hp_producer *
producer(struct world *w, const char *id)
{
    struct hp_producer *p;

    assert_int_equal(hp_producer_new(w->cluster, id, &p, &w->error), HP_OK);
    return p;
}

static void
send(struct world *w, struct hp_producer *p, const char *key, const char *value)
{
    struct hp_outgoing record = {
        .topic = "t", .key = hp_bytes_text(key), .value = hp_bytes_text(value)};

    assert_int_equal(hp_producer_send(p, &record, &w->error), HP_OK);
}

static struct hp_reader *
reader(struct world *w, int64_t offset)
{
    struct hp_reader_options options = {topics, 1, false, false};
    struct hp_reader *r;

    assert_int_equal(hp_reader_new(w->cluster, &options, &r, &w->error), HP_OK);
    assert_int_equal(hp_reader_assign(r, 0, 0, offset, &w->error), HP_OK);
    return r;
}

/* "offset:key=value " of every record, "-" for a tombstone, then "end N". */
static void
expect_log(struct world *w, const char *expected)
{
    struct hp_reader *r = reader(w, 0);
    struct hp_buffer text = {0};
    struct hp_poll poll;

    do {
        assert_int_equal(hp_reader_poll(r, 0, &poll, &w->error), HP_OK);
        if (poll.kind == HP_POLL_RECORD)
            hp_buffer_printf(&text, "%d:%.*s=%.*s ", (int)poll.message.offset,
                HP_BYTES_FORMAT(poll.message.key),
                poll.message.value.data ? (int)poll.message.value.size : 1,
                poll.message.value.data ? (const char *)poll.message.value.data : "-");
    } while (poll.kind == HP_POLL_RECORD);
    assert_int_equal(poll.kind, HP_POLL_END);
    hp_buffer_printf(&text, "end %d", (int)poll.message.offset);
    hp_put_u8(&text, 0);
    assert_string_equal((const char *)text.data, expected);
    hp_buffer_release(&text);
    hp_reader_free(r);
}

/* ---- compaction and deletion --------------------------------------------------------- */

/* A restore after compaction must give the same state, and aborted values must not win. */
static void
compaction_keeps_the_last_committed_record_of_a_key(void **state)
{
    struct world *w = *state;
    struct hp_producer *p = producer(w, "id");

    assert_int_equal(hp_producer_begin(p, &w->error), HP_OK);
    send(w, p, "a", "1");
    send(w, p, "b", "1");
    send(w, p, "a", "2");
    assert_int_equal(hp_producer_commit(p, &w->error), HP_OK);
    assert_int_equal(hp_producer_begin(p, &w->error), HP_OK);
    send(w, p, "b", "aborted");
    hp_producer_abort(p);
    assert_int_equal(hp_memory_compact(w->cluster, "t", 0, &w->error), HP_OK);
    expect_log(w, "1:b=1 2:a=2 end 6");
    assert_int_equal(hp_memory_compact(w->cluster, "t", 0, &w->error), HP_OK);
    expect_log(w, "1:b=1 2:a=2 end 6");
    hp_producer_free(p, false);
}

/* Who reads in time sees the tombstone; who comes late must not see the value again either. */
static void
tombstones_go_after_their_retention(void **state)
{
    struct world *w = *state;
    struct hp_producer *p = producer(w, NULL);

    send(w, p, "a", "1");
    send(w, p, "a", NULL);
    send(w, p, "b", "1");
    assert_int_equal(hp_memory_compact(w->cluster, "t", 0, &w->error), HP_OK);
    expect_log(w, "1:a=- 2:b=1 end 3");
    w->now_ms += 1001;
    assert_int_equal(hp_memory_compact(w->cluster, "t", 0, &w->error), HP_OK);
    expect_log(w, "2:b=1 end 3");
    hp_producer_free(p, false);
}

static void
compaction_leaves_open_transactions_alone(void **state)
{
    struct world *w = *state;
    struct hp_producer *plain = producer(w, NULL);
    struct hp_producer *p = producer(w, "id");

    send(w, plain, "a", "1");
    assert_int_equal(hp_producer_begin(p, &w->error), HP_OK);
    send(w, p, "a", "2");
    send(w, plain, "a", "3");
    assert_int_equal(hp_memory_compact(w->cluster, "t", 0, &w->error), HP_OK);
    expect_log(w, "0:a=1 end 1");
    assert_int_equal(hp_producer_commit(p, &w->error), HP_OK);
    expect_log(w, "0:a=1 1:a=2 2:a=3 end 4");
    hp_producer_free(p, false);
    hp_producer_free(plain, false);
}

static void
a_position_below_the_log_start_stops(void **state)
{
    struct world *w = *state;
    struct hp_producer *p = producer(w, NULL);
    struct hp_reader *r;
    struct hp_poll poll;
    int64_t low;
    int64_t high;

    for (int i = 0; i < 3000; i++)
        send(w, p, "a", "1");
    assert_int_equal(hp_memory_trim(w->cluster, "t", 0, 2000, &w->error), HP_OK);
    assert_int_equal(hp_cluster_watermarks(w->cluster, "t", 0, &low, &high, &w->error), HP_OK);
    assert_int_equal(low, 2000);
    assert_int_equal(high, 3000);
    r = reader(w, 1999);
    assert_int_equal(hp_reader_poll(r, 0, &poll, &w->error), HP_STOP);
    assert_non_null(strstr(w->error.text, "t-0"));
    hp_reader_free(r);
    r = reader(w, 0); /* 0 is the start, wherever that is */
    assert_int_equal(hp_reader_poll(r, 0, &poll, &w->error), HP_OK);
    assert_int_equal(poll.message.offset, 2000);
    hp_reader_free(r);
    hp_producer_free(p, false);
}

/* ---- members ------------------------------------------------------------------------- */

static void
on_assigned(void *context, const int32_t *partitions, size_t count)
{
    (void)partitions;
    ((struct world *)context)->held += (int32_t)count;
}

static void
on_revoked(void *context, const int32_t *partitions, size_t count, bool lost)
{
    struct world *w = context;

    (void)partitions;
    w->held -= (int32_t)count;
    w->lost += lost;
}

static struct hp_member *
member(struct world *w)
{
    struct hp_member_options options = {"g", NULL, topics, 1, {w, on_assigned, on_revoked}};
    struct hp_member *m;
    struct hp_poll poll;

    assert_int_equal(hp_member_new(w->cluster, &options, &m, &w->error), HP_OK);
    assert_int_equal(hp_member_poll(m, 0, &poll, &w->error), HP_OK);
    return m;
}

static enum hp_status
commit_at(struct world *w, struct hp_producer *p, struct hp_member *m, int64_t offset)
{
    struct hp_position position = {"t", 0, offset};
    enum hp_status status = hp_producer_begin(p, &w->error);

    if (!status)
        status = hp_producer_offsets(p, m, &position, 1, &w->error);
    if (!status)
        status = hp_producer_commit(p, &w->error);
    if (status)
        hp_producer_abort(p);
    return status;
}

/* A zombie: put out while it was away, it may commit nothing and hears of its loss. */
static void
an_evicted_member_commits_nothing_and_joins_again(void **state)
{
    struct world *w = *state;
    struct hp_producer *p = producer(w, "id");
    struct hp_member *m = member(w);
    struct hp_poll poll;

    assert_int_equal(w->held, 2);
    hp_memory_evict(m);
    assert_int_equal(commit_at(w, p, m, 1), HP_RETRY);
    assert_int_equal(hp_member_poll(m, 0, &poll, &w->error), HP_OK);
    assert_int_equal(w->lost, 1);
    assert_int_equal(w->held, 2);
    assert_int_equal(commit_at(w, p, m, 2), HP_OK);
    hp_member_free(m, false);
    hp_producer_free(p, false);
}

static void
a_silent_member_loses_its_seat(void **state)
{
    struct world *w = *state;
    struct hp_member *m = member(w);
    struct hp_poll poll;

    w->now_ms += 300000;
    assert_int_equal(hp_member_poll(m, 0, &poll, &w->error), HP_OK);
    assert_int_equal(w->lost, 1);
    hp_member_free(m, false);
}

static void
a_crashed_member_keeps_its_seat_for_the_session(void **state)
{
    struct world *w = *state;
    struct hp_member *crashed = member(w);
    struct hp_member *next;
    struct hp_poll poll;

    hp_member_free(crashed, true);
    w->held = 0;
    next = member(w);
    assert_int_equal(w->held, 0); /* everything is the ghost's */
    w->now_ms += 45000;
    assert_int_equal(hp_member_poll(next, 0, &poll, &w->error), HP_OK);
    assert_int_equal(w->held, 2);
    hp_member_free(next, false);
}

/* Millions of poison records must not need the memory to hold them all. */
static void
retention_frees_what_every_group_has_committed(void **state)
{
    struct world *w = *state;
    struct hp_producer *p = producer(w, NULL);
    struct hp_producer *committer = producer(w, "id");
    struct hp_member *m = member(w);
    size_t before;
    int64_t low;
    int64_t high;

    for (int i = 0; i < 50000; i++)
        send(w, p, "key", "a value of some size");
    before = hp_memory_bytes(w->cluster);
    assert_true(before > 1000000);
    assert_int_equal(commit_at(w, committer, m, 40000), HP_OK);
    assert_int_equal(hp_cluster_watermarks(w->cluster, "t", 0, &low, &high, &w->error), HP_OK);
    assert_true(low > 38000);
    assert_true(low <= 40000);
    assert_int_equal(high, 50000);
    assert_true(hp_memory_bytes(w->cluster) < before / 3);
    hp_member_free(m, false);
    hp_producer_free(p, false);
    hp_producer_free(committer, false);
}

/* ---- transactions and faults --------------------------------------------------------- */

static void
a_forgotten_transaction_ends_by_time_out(void **state)
{
    struct world *w = *state;
    struct hp_producer *p = producer(w, "id");

    assert_int_equal(hp_producer_begin(p, &w->error), HP_OK);
    send(w, p, "a", "1");
    expect_log(w, "end 0");
    w->now_ms += 10000;
    expect_log(w, "end 2");
    assert_int_equal(hp_producer_commit(p, &w->error), HP_RETRY);
    hp_producer_abort(p);
    assert_int_equal(hp_producer_begin(p, &w->error), HP_OK);
    send(w, p, "a", "2");
    assert_int_equal(hp_producer_commit(p, &w->error), HP_OK);
    expect_log(w, "2:a=2 end 4");
    hp_producer_free(p, false);
}

static void
a_crashed_producers_work_is_aborted_by_its_successor(void **state)
{
    struct world *w = *state;
    struct hp_producer *p = producer(w, "id");

    assert_int_equal(hp_producer_begin(p, &w->error), HP_OK);
    send(w, p, "a", "1");
    hp_producer_free(p, true);
    expect_log(w, "end 0");
    p = producer(w, "id");
    expect_log(w, "end 2");
    hp_producer_free(p, false);
}

/* The hardest case for an engine: it hears a failure of what has happened. */
static void
a_commit_may_happen_unheard(void **state)
{
    struct world *w = *state;
    struct hp_producer *p = producer(w, "id");

    assert_int_equal(hp_producer_begin(p, &w->error), HP_OK);
    send(w, p, "a", "1");
    w->failing = "committed_unheard";
    assert_int_equal(hp_producer_commit(p, &w->error), HP_RETRY);
    w->failing = NULL;
    hp_producer_abort(p);
    expect_log(w, "0:a=1 end 2");
    assert_int_equal(hp_producer_begin(p, &w->error), HP_OK);
    hp_producer_free(p, false);
}

static void
a_failed_commit_changes_nothing(void **state)
{
    struct world *w = *state;
    struct hp_producer *p = producer(w, "id");

    assert_int_equal(hp_producer_begin(p, &w->error), HP_OK);
    send(w, p, "a", "1");
    w->failing = "commit";
    assert_int_equal(hp_producer_commit(p, &w->error), HP_RETRY);
    assert_string_equal(w->error.text, "made to fail: commit");
    w->failing = "abort";
    hp_producer_abort(p);
    expect_log(w, "end 0");
    w->failing = NULL;
    assert_int_equal(hp_producer_begin(p, &w->error), HP_OK); /* a new producer ends the old */
    expect_log(w, "end 2");
    hp_producer_free(p, false);
}

static void
offsets_held_by_a_transaction_are_not_told(void **state)
{
    struct world *w = *state;
    struct hp_producer *p = producer(w, "id");
    struct hp_member *m = member(w);
    struct hp_position position = {"t", 0, 7};

    assert_int_equal(hp_producer_begin(p, &w->error), HP_OK);
    assert_int_equal(hp_producer_offsets(p, m, &position, 1, &w->error), HP_OK);
    assert_int_equal(hp_cluster_committed(w->cluster, "g", &position, 1, &w->error), HP_RETRY);
    assert_int_equal(hp_producer_commit(p, &w->error), HP_OK);
    assert_int_equal(hp_cluster_committed(w->cluster, "g", &position, 1, &w->error), HP_OK);
    assert_int_equal(position.offset, 7);
    hp_member_free(m, false);
    hp_producer_free(p, false);
}

#define PROMISE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest promises[] = {
        PROMISE(compaction_keeps_the_last_committed_record_of_a_key),
        PROMISE(tombstones_go_after_their_retention),
        PROMISE(compaction_leaves_open_transactions_alone),
        PROMISE(a_position_below_the_log_start_stops),
        PROMISE(an_evicted_member_commits_nothing_and_joins_again),
        PROMISE(a_silent_member_loses_its_seat),
        PROMISE(a_crashed_member_keeps_its_seat_for_the_session),
        cmocka_unit_test_setup_teardown(
            retention_frees_what_every_group_has_committed, set_up_small, tear_down),
        PROMISE(a_forgotten_transaction_ends_by_time_out),
        PROMISE(a_crashed_producers_work_is_aborted_by_its_successor),
        PROMISE(a_commit_may_happen_unheard),
        PROMISE(a_failed_commit_changes_nothing),
        PROMISE(offsets_held_by_a_transaction_are_not_told),
    };

    return cmocka_run_group_tests(promises, NULL, NULL);
}
