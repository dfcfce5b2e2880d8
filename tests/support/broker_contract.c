/*
 * tests/support/broker_contract.c - one suite for the real cluster and the one in memory, so
 * that they cannot drift apart.
 *
 * Everything asynchronous is waited for in a bounded number of polls; no test looks at a clock.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/support/broker_contract.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <unistd.h>

#define PARTITIONS 4
#define POLLS_MAX  600 /* of POLL_MS each: longer than any healthy rebalance */
#define POLL_MS    100

struct fixture {
    struct hp_cluster *cluster;
    struct hp_arena arena;
    struct hp_error error;
    const char *driver; /* two topics of PARTITIONS partitions */
    const char *sibling;
    const char *topics[2];
    const char *group;
};

static struct hp_cluster *(*open_cluster)(void);
static int names;

#define OK(call) assert_ok((call), &f->error, #call, __LINE__)

static void
assert_ok(enum hp_status status, const struct hp_error *error, const char *call, int line)
{
    if (status)
        fail_msg("line %d: %s: %s: %s", line, call, hp_status_name(status), error->text);
}

/* ---- fixture ------------------------------------------------------------------------- */

static const char *
fresh_name(struct fixture *f, const char *what)
{
    return hp_arena_printf(&f->arena, "contract-%d-%lld-%d-%s", (int)getpid(),
        (long long)time(NULL), names++, what);
}

static const char *
fresh_topic_with(struct fixture *f, const char *what, const char *setting, const char *value)
{
    struct hp_setting settings[] = {{setting, value}};
    struct hp_topic_spec spec = {fresh_name(f, what), PARTITIONS, 1, settings, setting ? 1 : 0};

    OK(hp_cluster_create(f->cluster, &spec, &f->error));
    return spec.name;
}

static int
set_up(void **state)
{
    struct fixture *f = hp_alloc(sizeof(*f));

    f->cluster = open_cluster();
    f->driver = fresh_topic_with(f, "driver", NULL, NULL);
    f->sibling = fresh_topic_with(f, "sibling", NULL, NULL);
    f->topics[0] = f->driver;
    f->topics[1] = f->sibling;
    f->group = fresh_name(f, "group");
    *state = f;
    return 0;
}

static int
tear_down(void **state)
{
    struct fixture *f = *state;

    hp_cluster_free(f->cluster);
    hp_arena_release(&f->arena);
    free(f);
    return 0;
}

static struct hp_producer *
producer(struct fixture *f, const char *id)
{
    struct hp_producer *producer;

    OK(hp_producer_new(f->cluster, id, &producer, &f->error));
    return producer;
}

static void
send_text(struct fixture *f, struct hp_producer *p, const char *topic, int32_t partition,
    const char *value)
{
    struct hp_outgoing record = {.topic = topic,
        .partition = partition,
        .key = hp_bytes_text("key"),
        .value = hp_bytes_text(value)};

    OK(hp_producer_send(p, &record, &f->error));
}

/* Writes the values in one committed transaction of a producer of its own. */
static void
publish(struct fixture *f, const char *topic, int32_t partition, int first, int count)
{
    struct hp_producer *p = producer(f, NULL);

    for (int i = first; i < first + count; i++)
        send_text(f, p, topic, partition, hp_arena_printf(&f->arena, "%d", i));
    OK(hp_producer_flush(p, &f->error));
    hp_producer_free(p, false);
}

static struct hp_reader *
reader_of(struct fixture *f, const char *const *topic, bool uncommitted, int32_t partition,
    int64_t offset)
{
    struct hp_reader_options options = {topic, 1, uncommitted, false};
    struct hp_reader *reader;

    OK(hp_reader_new(f->cluster, &options, &reader, &f->error));
    OK(hp_reader_assign(reader, 0, partition, offset, &f->error));
    return reader;
}

/* Polls to the first END; the values read are joined by spaces. Returns the END's offset. */
static int64_t
read_to_end(struct fixture *f, struct hp_reader *reader, struct hp_buffer *values)
{
    struct hp_poll poll;

    for (int i = 0; i < POLLS_MAX; i++) {
        OK(hp_reader_poll(reader, POLL_MS, &poll, &f->error));
        if (poll.kind == HP_POLL_RECORD) {
            hp_buffer_append(values, poll.message.value.data, poll.message.value.size);
            hp_buffer_append(values, " ", 1);
            i = 0;
        } else if (poll.kind == HP_POLL_END) {
            return poll.message.offset;
        }
    }
    fail_msg("no end in sight");
    return -1;
}

static void
expect_values(struct fixture *f, const char *topic, bool uncommitted, int32_t partition,
    const char *expected, int64_t end)
{
    struct hp_reader *reader = reader_of(f, &topic, uncommitted, partition, 0);
    struct hp_buffer values = {0};

    assert_int_equal(read_to_end(f, reader, &values), end);
    hp_put_u8(&values, 0);
    assert_string_equal((const char *)values.data, expected);
    hp_buffer_release(&values);
    hp_reader_free(reader);
}

/* ---- topics -------------------------------------------------------------------------- */

/* `hamper topics` compares what exists with what is needed. */
static void
a_topic_tells_its_partitions_and_settings(void **state)
{
    struct fixture *f = *state;
    const char *topic = fresh_topic_with(f, "told", "cleanup.policy", "compact");
    struct hp_topic_info info;
    bool told = false;

    OK(hp_cluster_topic(f->cluster, topic, &f->arena, &info, &f->error));
    assert_true(info.exists);
    assert_int_equal(info.partitions, PARTITIONS);
    assert_int_equal(info.replication, 1);
    for (size_t i = 0; i < info.setting_count; i++)
        told |= strcmp(info.settings[i].name, "cleanup.policy") == 0 &&
                strcmp(info.settings[i].value, "compact") == 0;
    assert_true(told);
}

static void
a_missing_topic_is_no_error(void **state)
{
    struct fixture *f = *state;
    struct hp_topic_info info;

    OK(hp_cluster_topic(f->cluster, fresh_name(f, "missing"), &f->arena, &info, &f->error));
    assert_false(info.exists);
}

static void
an_existing_topic_is_not_created_again(void **state)
{
    struct fixture *f = *state;
    struct hp_topic_spec spec = {f->driver, PARTITIONS, 1, NULL, 0};

    assert_int_equal(hp_cluster_create(f->cluster, &spec, &f->error), HP_USAGE);
    assert_non_null(strstr(f->error.text, f->driver));
}

/* ---- records ------------------------------------------------------------------------- */

static void
assert_bytes(struct hp_bytes is, struct hp_bytes expected)
{
    assert_int_equal(is.data == NULL, expected.data == NULL);
    assert_int_equal(is.size, expected.size);
    if (is.size)
        assert_memory_equal(is.data, expected.data, is.size);
}

static void
assert_same(const struct hp_message *is, const struct hp_outgoing *sent, int64_t offset)
{
    assert_int_equal(is->offset, offset);
    assert_int_equal(is->partition, sent->partition);
    assert_int_equal(is->timestamp_ms, sent->timestamp_ms);
    assert_bytes(is->key, sent->key);
    assert_bytes(is->value, sent->value);
    assert_int_equal(is->header_count, sent->header_count);
    for (size_t i = 0; i < is->header_count; i++) {
        assert_bytes(is->headers[i].name, sent->headers[i].name);
        assert_bytes(is->headers[i].value, sent->headers[i].value);
    }
}

/* Dead letters carry what came in, byte for byte: nulls, empties, zeros, repeated headers. */
static void
records_come_back_byte_for_byte_in_order(void **state)
{
    struct fixture *f = *state;
    struct hp_header headers[] = {
        {hp_bytes_text("h"), hp_bytes("\0\xff", 2)},
        {hp_bytes_text("h"), {0}},
        {hp_bytes_text("empty"), hp_bytes("", 0)},
    };
    struct hp_outgoing sent[] = {
        {f->driver, 1, 1700000000000, hp_bytes_text("k"), hp_bytes_text("v"), headers, 3},
        {f->driver, 1, 1700000000001, {0}, hp_bytes("a\0b\xfe", 4), NULL, 0},
        {f->driver, 1, 1, hp_bytes_text("k"), {0}, NULL, 0},
        {f->driver, 1, 1700000000000, hp_bytes("", 0), hp_bytes("", 0), headers, 1},
    };
    struct hp_producer *p = producer(f, NULL);
    struct hp_reader *reader;
    struct hp_poll poll;
    size_t seen = 0;

    for (size_t i = 0; i < HP_ARRAY_SIZE(sent); i++)
        OK(hp_producer_send(p, &sent[i], &f->error));
    OK(hp_producer_flush(p, &f->error));
    hp_producer_free(p, false);
    reader = reader_of(f, &f->driver, false, 1, 0);
    for (int i = 0; i < POLLS_MAX && seen < HP_ARRAY_SIZE(sent); i++) {
        OK(hp_reader_poll(reader, POLL_MS, &poll, &f->error));
        if (poll.kind != HP_POLL_RECORD)
            continue;
        assert_int_equal(poll.message.source, 0);
        assert_same(&poll.message, &sent[seen], (int64_t)seen);
        seen++;
    }
    assert_int_equal(seen, HP_ARRAY_SIZE(sent));
    hp_reader_free(reader);
}

/* Event times are checked against the append time, so a producer must not set it. */
static void
append_time_replaces_the_producers(void **state)
{
    struct fixture *f = *state;
    const char *topic =
        fresh_topic_with(f, "appended", "message.timestamp.type", "LogAppendTime");
    struct hp_outgoing record = {.topic = topic, .timestamp_ms = 5, .value = hp_bytes("", 0)};
    struct hp_producer *p = producer(f, NULL);
    struct hp_reader *reader;
    struct hp_poll poll = {0};

    OK(hp_producer_send(p, &record, &f->error));
    OK(hp_producer_flush(p, &f->error));
    hp_producer_free(p, false);
    reader = reader_of(f, &topic, false, 0, 0);
    for (int i = 0; i < POLLS_MAX && poll.kind != HP_POLL_RECORD; i++)
        OK(hp_reader_poll(reader, POLL_MS, &poll, &f->error));
    assert_true(poll.message.timestamp_ms > 1500000000000);
    hp_reader_free(reader);
}

static void
a_record_too_large_for_its_topic_is_a_bad_record(void **state)
{
    struct fixture *f = *state;
    const char *topic = fresh_topic_with(f, "small", "max.message.bytes", "20000");
    struct hp_outgoing record = {.topic = topic};
    struct hp_producer *p = producer(f, fresh_name(f, "id"));

    record.value = hp_bytes(hp_arena_alloc(&f->arena, 20001), 20001);
    OK(hp_producer_begin(p, &f->error));
    assert_int_equal(hp_producer_send(p, &record, &f->error), HP_BAD_RECORD);
    assert_string_equal(f->error.code, "TOO_LARGE");
    record.value.size = 19000;
    OK(hp_producer_send(p, &record, &f->error));
    OK(hp_producer_commit(p, &f->error));
    hp_producer_free(p, false);
}

/* ---- reading ------------------------------------------------------------------------- */

/* Committed positions are ends, and lag shows 0 only when they count the markers. */
static void
the_end_lies_past_the_marker(void **state)
{
    struct fixture *f = *state;
    struct hp_producer *p = producer(f, fresh_name(f, "id"));
    int64_t low;
    int64_t high;

    OK(hp_producer_begin(p, &f->error));
    send_text(f, p, f->driver, 0, "1");
    send_text(f, p, f->driver, 0, "2");
    send_text(f, p, f->driver, 0, "3");
    OK(hp_producer_commit(p, &f->error));
    expect_values(f, f->driver, false, 0, "1 2 3 ", 4);
    OK(hp_cluster_watermarks(f->cluster, f->driver, 0, &low, &high, &f->error));
    assert_int_equal(low, 0);
    assert_int_equal(high, 4);
    hp_producer_free(p, false);
}

static void
an_empty_partition_ends_at_zero(void **state)
{
    struct fixture *f = *state;
    struct hp_reader *reader = reader_of(f, &f->driver, false, 2, 0);
    struct hp_buffer values = {0};

    assert_int_equal(read_to_end(f, reader, &values), 0);
    assert_int_equal(values.size, 0);
    hp_reader_free(reader);
}

static void
an_aborted_record_is_seen_by_no_committed_reader(void **state)
{
    struct fixture *f = *state;
    struct hp_producer *p = producer(f, fresh_name(f, "id"));

    OK(hp_producer_begin(p, &f->error));
    send_text(f, p, f->driver, 0, "gone");
    send_text(f, p, f->driver, 0, "gone");
    OK(hp_producer_flush(p, &f->error)); /* they must be at the broker to prove anything */
    hp_producer_abort(p);
    OK(hp_producer_begin(p, &f->error));
    send_text(f, p, f->driver, 0, "stays");
    OK(hp_producer_commit(p, &f->error));
    expect_values(f, f->driver, false, 0, "stays ", 5);
    expect_values(f, f->driver, true, 0, "gone gone stays ", 5);
    hp_producer_free(p, false);
}

/* A restore must not take the end of committed data for the end of the log. */
static void
a_reader_waits_at_the_first_open_transaction(void **state)
{
    struct fixture *f = *state;
    struct hp_producer *p = producer(f, fresh_name(f, "id"));
    struct hp_reader *reader;
    struct hp_buffer values = {0};
    int64_t low;
    int64_t high;

    OK(hp_producer_begin(p, &f->error));
    send_text(f, p, f->driver, 0, "open");
    OK(hp_producer_flush(p, &f->error));
    publish(f, f->driver, 0, 7, 1);

    reader = reader_of(f, &f->driver, false, 0, 0);
    assert_int_equal(read_to_end(f, reader, &values), 0);
    assert_int_equal(values.size, 0);
    expect_values(f, f->driver, true, 0, "open 7 ", 2);
    OK(hp_cluster_watermarks(f->cluster, f->driver, 0, &low, &high, &f->error));
    assert_int_equal(high, 2);

    OK(hp_producer_commit(p, &f->error));
    assert_int_equal(read_to_end(f, reader, &values), 3);
    assert_memory_equal(values.data, "open 7 ", 7);
    hp_buffer_release(&values);
    hp_reader_free(reader);
    hp_producer_free(p, false);
}

static void
a_reader_starts_and_moves_where_told(void **state)
{
    struct fixture *f = *state;
    struct hp_reader *reader;
    struct hp_buffer values = {0};

    publish(f, f->driver, 3, 0, 6);
    reader = reader_of(f, &f->driver, false, 3, 4);
    assert_int_equal(read_to_end(f, reader, &values), 6);
    OK(hp_reader_assign(reader, 0, 3, 2, &f->error));
    assert_int_equal(read_to_end(f, reader, &values), 6);
    assert_int_equal(values.size, 12);
    assert_memory_equal(values.data, "4 5 2 3 4 5 ", 12);
    hp_buffer_release(&values);
    hp_reader_free(reader);
}

/* Local state older than the log, or from another cluster: nobody may guess a new position. */
static void
a_position_outside_the_log_stops(void **state)
{
    struct fixture *f = *state;
    struct hp_reader *reader = reader_of(f, &f->driver, false, 0, 1000);
    enum hp_status status = HP_OK;
    struct hp_poll poll;

    for (int i = 0; i < POLLS_MAX && !status; i++)
        status = hp_reader_poll(reader, POLL_MS, &poll, &f->error);
    assert_int_equal(status, HP_STOP);
    assert_non_null(strstr(f->error.text, f->driver));
    hp_reader_free(reader);
}

static void
one_reader_tells_its_topics_apart(void **state)
{
    struct fixture *f = *state;
    struct hp_reader_options options = {f->topics, 2, false, true};
    struct hp_reader *reader;
    struct hp_poll poll;
    int seen[2] = {0};

    publish(f, f->driver, 0, 0, 3);
    publish(f, f->sibling, 0, 0, 5);
    OK(hp_reader_new(f->cluster, &options, &reader, &f->error));
    OK(hp_reader_assign(reader, 0, 0, 0, &f->error));
    OK(hp_reader_assign(reader, 1, 0, 0, &f->error));
    for (int i = 0; i < POLLS_MAX && seen[0] + seen[1] < 8; i++) {
        OK(hp_reader_poll(reader, POLL_MS, &poll, &f->error));
        if (poll.kind == HP_POLL_RECORD)
            seen[poll.message.source]++;
    }
    assert_int_equal(seen[0], 3);
    assert_int_equal(seen[1], 5);
    hp_reader_free(reader);
}

/* ---- producers ----------------------------------------------------------------------- */

/* The changelog position that goes into the local batch is what sent_to() says. */
static void
sent_to_is_the_offset_after_the_last_record(void **state)
{
    struct fixture *f = *state;
    struct hp_producer *p = producer(f, fresh_name(f, "id"));

    assert_int_equal(hp_producer_sent_to(p, f->driver, 0), HP_OFFSET_NONE);
    OK(hp_producer_begin(p, &f->error));
    send_text(f, p, f->driver, 0, "a");
    send_text(f, p, f->driver, 0, "b");
    send_text(f, p, f->sibling, 3, "c");
    OK(hp_producer_commit(p, &f->error));
    assert_int_equal(hp_producer_sent_to(p, f->driver, 0), 2);
    assert_int_equal(hp_producer_sent_to(p, f->sibling, 3), 1);
    assert_int_equal(hp_producer_sent_to(p, f->driver, 1), HP_OFFSET_NONE);
    OK(hp_producer_begin(p, &f->error));
    send_text(f, p, f->driver, 0, "d"); /* after the marker at 2 */
    OK(hp_producer_commit(p, &f->error));
    assert_int_equal(hp_producer_sent_to(p, f->driver, 0), 4);
    assert_int_equal(hp_producer_sent_to(p, f->sibling, 3), HP_OFFSET_NONE);
    hp_producer_free(p, false);
}

static void
an_empty_transaction_commits_and_aborts(void **state)
{
    struct fixture *f = *state;
    struct hp_producer *p = producer(f, fresh_name(f, "id"));

    OK(hp_producer_begin(p, &f->error));
    OK(hp_producer_commit(p, &f->error));
    OK(hp_producer_begin(p, &f->error));
    hp_producer_abort(p);
    publish(f, f->driver, 0, 1, 1);
    expect_values(f, f->driver, false, 0, "1 ", 1);
    hp_producer_free(p, false);
}

/* The rest of a transaction; the first status that is not HP_OK. */
static enum hp_status
send_and_commit(struct fixture *f, struct hp_producer *p, const char *value)
{
    struct hp_outgoing record = {.topic = f->driver, .value = hp_bytes_text(value)};
    enum hp_status status = hp_producer_send(p, &record, &f->error);

    if (!status)
        status = hp_producer_commit(p, &f->error);
    if (status)
        hp_producer_abort(p);
    return status;
}

static enum hp_status
attempt(struct fixture *f, struct hp_producer *p, const char *value)
{
    enum hp_status status = hp_producer_begin(p, &f->error);

    return status ? status : send_and_commit(f, p, value);
}

/* Two processes with one identity: the older one's work must not become visible. */
static void
a_newer_producer_fences_the_older(void **state)
{
    struct fixture *f = *state;
    const char *id = fresh_name(f, "id");
    struct hp_producer *older = producer(f, id);
    struct hp_producer *newer;

    OK(hp_producer_begin(older, &f->error));
    send_text(f, older, f->driver, 0, "older");
    OK(hp_producer_flush(older, &f->error));
    newer = producer(f, id);
    assert_int_equal(hp_producer_commit(older, &f->error), HP_RETRY);
    hp_producer_abort(older);
    assert_int_equal(attempt(f, newer, "newer"), HP_OK);
    expect_values(f, f->driver, false, 0, "newer ", 4);
    hp_producer_free(older, false);
    hp_producer_free(newer, false);
}

/* Fenced and timed out look alike, so the loser may come back once; then it must go. */
static void
a_producer_fenced_twice_gives_up(void **state)
{
    struct fixture *f = *state;
    const char *id = fresh_name(f, "id");
    struct hp_producer *first = producer(f, id);
    struct hp_producer *second = producer(f, id);

    assert_int_equal(attempt(f, first, "no"), HP_RETRY);
    OK(hp_producer_begin(first, &f->error)); /* takes the id back */
    hp_producer_free(second, true);
    second = producer(f, id);
    assert_int_equal(send_and_commit(f, first, "no"), HP_FENCED);
    hp_producer_free(first, false);
    assert_int_equal(attempt(f, second, "yes"), HP_OK);
    hp_producer_free(second, false);
}

/* ---- members ------------------------------------------------------------------------- */

struct seat {
    struct fixture *f;
    struct hp_member *member;
    bool held[PARTITIONS];
    int64_t from[2]; /* where assigned() starts; from[0] < -1: it does not */
    int lost;
    int records[2];
};

static void
on_assigned(void *context, const int32_t *partitions, size_t count)
{
    struct seat *seat = context;
    struct fixture *f = seat->f;

    for (size_t i = 0; i < count; i++) {
        assert_in_range(partitions[i], 0, PARTITIONS - 1);
        assert_false(seat->held[partitions[i]]);
        seat->held[partitions[i]] = true;
        if (seat->from[0] >= HP_OFFSET_NONE)
            OK(hp_member_start(seat->member, partitions[i], seat->from, &f->error));
    }
}

static void
on_revoked(void *context, const int32_t *partitions, size_t count, bool lost)
{
    struct seat *seat = context;

    for (size_t i = 0; i < count; i++) {
        assert_true(seat->held[partitions[i]]);
        seat->held[partitions[i]] = false;
        seat->lost += lost;
    }
}

static void
join(struct fixture *f, struct seat *seat, const char *instance)
{
    struct hp_member_options options = {.group = f->group,
        .instance = instance,
        .topics = f->topics,
        .topic_count = 2,
        .listener = {seat, on_assigned, on_revoked}};

    seat->f = f;
    OK(hp_member_new(f->cluster, &options, &seat->member, &f->error));
}

static int
held(const struct seat *seat)
{
    int count = 0;

    for (int p = 0; p < PARTITIONS; p++)
        count += seat->held[p];
    return count;
}

/* Counts the record, which must be of a held partition. */
static enum hp_poll_kind
poll_seat(struct fixture *f, struct seat *seat, struct hp_poll *poll)
{
    OK(hp_member_poll(seat->member, POLL_MS, poll, &f->error));
    if (poll->kind == HP_POLL_RECORD) {
        assert_true(seat->held[poll->message.partition]);
        seat->records[poll->message.source]++;
    }
    return poll->kind;
}

/* Polls both seats (the second may be NULL) until they hold so many. */
static void
settle(struct fixture *f, struct seat *a, int a_held, struct seat *b, int b_held)
{
    struct hp_poll poll;

    for (int i = 0; i < POLLS_MAX; i++) {
        poll_seat(f, a, &poll);
        if (b)
            poll_seat(f, b, &poll);
        if (held(a) == a_held && (!b || held(b) == b_held))
            return;
    }
    fail_msg("hold %d and %d instead of %d and %d", held(a), b ? held(b) : 0, a_held, b_held);
}

static void
a_lone_member_gets_every_partition_of_every_topic(void **state)
{
    struct fixture *f = *state;
    struct seat seat = {0};
    struct hp_poll poll;

    for (int32_t p = 0; p < PARTITIONS; p++) {
        publish(f, f->driver, p, 0, 2);
        publish(f, f->sibling, p, 0, 3);
    }
    join(f, &seat, NULL);
    settle(f, &seat, PARTITIONS, NULL, 0);
    for (int i = 0; i < POLLS_MAX && seat.records[0] + seat.records[1] < 5 * PARTITIONS; i++)
        poll_seat(f, &seat, &poll);
    assert_int_equal(seat.records[0], 2 * PARTITIONS);
    assert_int_equal(seat.records[1], 3 * PARTITIONS);
    hp_member_free(seat.member, false);
    assert_int_equal(held(&seat), 0);
    assert_int_equal(seat.lost, 0);
}

/* The end of a process that has a backlog: what was fetched is nobody's any more. */
static void
a_member_leaves_with_records_unread(void **state)
{
    struct fixture *f = *state;
    struct seat seat = {0};
    struct hp_poll poll;

    for (int32_t p = 0; p < PARTITIONS; p++) {
        publish(f, f->driver, p, 0, 50);
        publish(f, f->sibling, p, 0, 50);
    }
    join(f, &seat, NULL);
    settle(f, &seat, PARTITIONS, NULL, 0);
    for (int i = 0; i < POLLS_MAX && seat.records[0] + seat.records[1] == 0; i++)
        poll_seat(f, &seat, &poll);
    assert_true(seat.records[0] + seat.records[1] > 0);
    hp_member_free(seat.member, false);
    assert_int_equal(held(&seat), 0);
    assert_int_equal(seat.lost, 0);
}

/* A task may restore for minutes; its inputs must wait for it. */
static void
nothing_is_delivered_before_start(void **state)
{
    struct fixture *f = *state;
    struct seat seat = {.from = {-2, -2}};
    int64_t from[2] = {1, 2};
    struct hp_poll poll;

    publish(f, f->driver, 1, 0, 3);
    publish(f, f->sibling, 1, 0, 3);
    join(f, &seat, NULL);
    settle(f, &seat, PARTITIONS, NULL, 0);
    for (int i = 0; i < 10; i++)
        assert_int_equal(poll_seat(f, &seat, &poll), HP_POLL_NOTHING);
    OK(hp_member_start(seat.member, 1, from, &f->error));
    for (int i = 0; i < POLLS_MAX && seat.records[0] + seat.records[1] < 3; i++)
        if (poll_seat(f, &seat, &poll) == HP_POLL_RECORD)
            assert_true(poll.message.offset >= from[poll.message.source]);
    assert_int_equal(seat.records[0], 2);
    assert_int_equal(seat.records[1], 1);
    hp_member_free(seat.member, false);
}

/* After an abort everything is read again, from where the state stands. */
static void
start_rewinds(void **state)
{
    struct fixture *f = *state;
    struct seat seat = {0};
    int64_t from[2] = {2, 0};
    struct hp_poll poll = {0};
    int64_t expected = 2;

    publish(f, f->driver, 0, 0, 4);
    join(f, &seat, NULL);
    settle(f, &seat, PARTITIONS, NULL, 0);
    for (int i = 0; i < POLLS_MAX && seat.records[0] < 4; i++)
        poll_seat(f, &seat, &poll);
    OK(hp_member_start(seat.member, 0, from, &f->error));
    for (int i = 0; i < POLLS_MAX && expected < 4; i++)
        if (poll_seat(f, &seat, &poll) == HP_POLL_RECORD)
            assert_int_equal(poll.message.offset, expected++);
    assert_int_equal(expected, 4);
    assert_int_equal(seat.records[0], 6);
    hp_member_free(seat.member, false);
}

static void
a_paused_partition_delivers_nothing_and_loses_nothing(void **state)
{
    struct fixture *f = *state;
    struct seat seat = {0};
    struct hp_poll poll;
    int64_t next = 0;

    join(f, &seat, NULL);
    settle(f, &seat, PARTITIONS, NULL, 0);
    OK(hp_member_pause(seat.member, 1, 2, true, &f->error));
    OK(hp_member_pause(seat.member, 1, 2, true, &f->error));
    publish(f, f->driver, 2, 0, 3);
    publish(f, f->sibling, 2, 0, 3);
    for (int i = 0; i < POLLS_MAX && seat.records[0] < 3; i++)
        poll_seat(f, &seat, &poll);
    for (int i = 0; i < 10; i++)
        poll_seat(f, &seat, &poll);
    assert_int_equal(seat.records[0], 3);
    assert_int_equal(seat.records[1], 0);
    OK(hp_member_pause(seat.member, 1, 2, false, &f->error));
    OK(hp_member_pause(seat.member, 1, 2, false, &f->error));
    for (int i = 0; i < POLLS_MAX && next < 3; i++)
        if (poll_seat(f, &seat, &poll) == HP_POLL_RECORD)
            assert_int_equal(poll.message.offset, next++);
    assert_int_equal(next, 3);
    hp_member_free(seat.member, false);
}

/* Two members halve the partitions, each with its siblings; the last one has all of them. */
static void
members_come_and_go(void **state)
{
    struct fixture *f = *state;
    struct seat a = {0};
    struct seat b = {0};
    struct hp_poll poll;

    join(f, &a, NULL);
    settle(f, &a, PARTITIONS, NULL, 0);
    join(f, &b, NULL);
    settle(f, &a, PARTITIONS / 2, &b, PARTITIONS / 2);
    for (int32_t p = 0; p < PARTITIONS; p++) {
        assert_int_equal(a.held[p] + b.held[p], 1);
        publish(f, f->driver, p, 0, 1);
        publish(f, f->sibling, p, 0, 1);
    }
    for (int i = 0; i < POLLS_MAX &&
                    a.records[0] + a.records[1] + b.records[0] + b.records[1] < 2 * PARTITIONS;
         i++) {
        poll_seat(f, &a, &poll);
        poll_seat(f, &b, &poll);
    }
    assert_int_equal(b.records[0], PARTITIONS / 2);
    assert_int_equal(b.records[1], PARTITIONS / 2);
    hp_member_free(b.member, false);
    assert_int_equal(held(&b), 0);
    settle(f, &a, PARTITIONS, NULL, 0);
    assert_int_equal(a.lost + b.lost, 0);
    hp_member_free(a.member, false);
}

static enum hp_status
commit_offset(struct fixture *f, struct hp_producer *p, struct hp_member *member,
    int32_t partition, int64_t offset)
{
    struct hp_position position = {f->driver, partition, offset};
    enum hp_status status = hp_producer_begin(p, &f->error);

    if (!status)
        status = hp_producer_offsets(p, member, &position, 1, &f->error);
    if (!status)
        status = hp_producer_commit(p, &f->error);
    if (status)
        hp_producer_abort(p);
    return status;
}

static int64_t
committed(struct fixture *f, int32_t partition)
{
    struct hp_position position = {f->driver, partition, 77};

    OK(hp_cluster_committed(f->cluster, f->group, &position, 1, &f->error));
    return position.offset;
}

static void
offsets_live_and_die_with_their_transaction(void **state)
{
    struct fixture *f = *state;
    struct hp_producer *p = producer(f, fresh_name(f, "id"));
    struct hp_position position = {f->driver, 2, 9};
    struct seat seat = {0};

    join(f, &seat, NULL);
    settle(f, &seat, PARTITIONS, NULL, 0);
    assert_int_equal(committed(f, 2), HP_OFFSET_NONE);
    assert_int_equal(commit_offset(f, p, seat.member, 2, 5), HP_OK);
    assert_int_equal(committed(f, 2), 5);
    OK(hp_producer_begin(p, &f->error));
    OK(hp_producer_offsets(p, seat.member, &position, 1, &f->error));
    hp_producer_abort(p);
    assert_int_equal(committed(f, 2), 5);
    assert_int_equal(committed(f, 3), HP_OFFSET_NONE);
    hp_member_free(seat.member, false);
    hp_producer_free(p, false);
}

/* A member that missed a rebalance must not commit for what may be another's by now. */
static void
offsets_of_a_past_generation_are_refused(void **state)
{
    struct fixture *f = *state;
    struct hp_producer *p = producer(f, fresh_name(f, "id"));
    enum hp_status status = HP_OK;
    struct seat a = {0};
    struct seat b = {0};
    struct hp_poll poll;

    join(f, &a, NULL);
    settle(f, &a, PARTITIONS, NULL, 0);
    assert_int_equal(commit_offset(f, p, a.member, 0, 1), HP_OK);
    join(f, &b, NULL);
    for (int i = 0; i < POLLS_MAX && !status; i++) { /* a does not poll: it cannot know */
        poll_seat(f, &b, &poll);
        status = commit_offset(f, p, a.member, 0, 2 + i);
    }
    assert_int_equal(status, HP_RETRY);
    settle(f, &a, PARTITIONS / 2, &b, PARTITIONS / 2);
    for (int i = 0; i < POLLS_MAX && status; i++) { /* the hand-over ends in one more */
        status = commit_offset(f, p, a.member, 0, 4000);
        poll_seat(f, &a, &poll);
        poll_seat(f, &b, &poll);
    }
    assert_int_equal(status, HP_OK);
    assert_int_equal(committed(f, 0), 4000);
    hp_member_free(a.member, false);
    hp_member_free(b.member, false);
    hp_producer_free(p, false);
}

/* A pod that comes back under its old name takes its partitions without a rebalance. */
static void
a_static_member_takes_over_from_its_ghost(void **state)
{
    struct fixture *f = *state;
    struct hp_producer *p = producer(f, fresh_name(f, "id"));
    const char *instance = fresh_name(f, "instance");
    enum hp_status status = HP_OK;
    struct seat ghost = {0};
    struct seat next = {0};
    struct hp_poll poll;

    join(f, &ghost, instance);
    settle(f, &ghost, PARTITIONS, NULL, 0);
    assert_int_equal(commit_offset(f, p, ghost.member, 0, 1), HP_OK);
    join(f, &next, instance);
    settle(f, &next, PARTITIONS, NULL, 0);
    assert_int_equal(commit_offset(f, p, ghost.member, 0, 2), HP_RETRY);
    for (int i = 0; i < POLLS_MAX && !status; i++)
        status = hp_member_poll(ghost.member, POLL_MS, &poll, &f->error);
    assert_int_equal(status, HP_FENCED);
    assert_int_equal(held(&ghost), 0);
    assert_int_equal(ghost.lost, PARTITIONS);
    assert_int_equal(commit_offset(f, p, next.member, 0, 3), HP_OK);
    assert_int_equal(committed(f, 0), 3);
    hp_member_free(ghost.member, true);
    hp_member_free(next.member, false);
    hp_producer_free(p, false);
}

/* kill -9 and restart: the new process goes on where the crashed one had committed. */
static void
a_crashed_static_member_is_replaced_at_once(void **state)
{
    struct fixture *f = *state;
    const char *instance = fresh_name(f, "instance");
    struct seat crashed = {0};
    struct seat next = {0};

    join(f, &crashed, instance);
    settle(f, &crashed, PARTITIONS, NULL, 0);
    hp_member_free(crashed.member, true);
    assert_int_equal(held(&crashed), PARTITIONS); /* it was told nothing */
    join(f, &next, instance);
    settle(f, &next, PARTITIONS, NULL, 0);
    hp_member_free(next.member, false);
}

#define PROMISE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
hp_broker_contract_run(struct hp_cluster *(*open)(void))
{
    const struct CMUnitTest promises[] = {
        PROMISE(a_topic_tells_its_partitions_and_settings),
        PROMISE(a_missing_topic_is_no_error),
        PROMISE(an_existing_topic_is_not_created_again),
        PROMISE(records_come_back_byte_for_byte_in_order),
        PROMISE(append_time_replaces_the_producers),
        PROMISE(a_record_too_large_for_its_topic_is_a_bad_record),
        PROMISE(the_end_lies_past_the_marker),
        PROMISE(an_empty_partition_ends_at_zero),
        PROMISE(an_aborted_record_is_seen_by_no_committed_reader),
        PROMISE(a_reader_waits_at_the_first_open_transaction),
        PROMISE(a_reader_starts_and_moves_where_told),
        PROMISE(a_position_outside_the_log_stops),
        PROMISE(one_reader_tells_its_topics_apart),
        PROMISE(sent_to_is_the_offset_after_the_last_record),
        PROMISE(an_empty_transaction_commits_and_aborts),
        PROMISE(a_newer_producer_fences_the_older),
        PROMISE(a_producer_fenced_twice_gives_up),
        PROMISE(a_lone_member_gets_every_partition_of_every_topic),
        PROMISE(a_member_leaves_with_records_unread),
        PROMISE(nothing_is_delivered_before_start),
        PROMISE(start_rewinds),
        PROMISE(a_paused_partition_delivers_nothing_and_loses_nothing),
        PROMISE(members_come_and_go),
        PROMISE(offsets_live_and_die_with_their_transaction),
        PROMISE(offsets_of_a_past_generation_are_refused),
        PROMISE(a_static_member_takes_over_from_its_ghost),
        PROMISE(a_crashed_static_member_is_replaced_at_once),
    };

    open_cluster = open;
    cmocka_set_test_filter(getenv("HAMPER_PROMISE")); /* one of them, or a pattern */
    return cmocka_run_group_tests_name("broker contract", promises, NULL, NULL);
}
