/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/engine_rig.h"

#include "store/keys.h"
#include "store/kv_memory.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define READ_MAX  8192
#define EMIT_MAX  3
#define HUGE_SIZE (2U << 20)

static const struct hp_source_spec sources[RIG_SOURCES] = {
    [RIG_ORDERS] = {.topic = "orders", .order = 2},
    [RIG_REQUESTS] = {.topic = "requests", .order = 3, .wait_for = 1U << RIG_ORDERS},
    [RIG_REROUTE] = {.topic = "reroute", .order = 1, .reroute = true}};

static const struct hp_store_spec stores[RIG_STORES] = {{RIG_COUNT, "count", true},
    {RIG_PENDING, "pending", true}, {RIG_BY_COUNT, "by-count", false}};

const char *
rig_topic(int source)
{
    return sources[source].topic;
}

static struct hp_bytes
number(struct hp_arena *arena, int64_t value)
{
    uint8_t *data = hp_arena_alloc(arena, 8);

    for (int i = 0; i < 8; i++)
        data[i] = (uint8_t)((uint64_t)value >> (56 - 8 * i));
    return hp_bytes(data, 8);
}

static int64_t
as_number(struct hp_bytes bytes)
{
    struct hp_cursor cursor = hp_cursor(bytes);

    return bytes.data ? (int64_t)hp_get_u64(&cursor) : 0;
}

/* ---- the application ---- */

static enum hp_status
count_user(struct hp_step *step, struct hp_bytes user, struct hp_error *error)
{
    struct hp_bytes value;
    enum hp_status status = hp_step_get(step, RIG_COUNT, user, &value, error);

    if (!status)
        status = hp_step_put(
            step, RIG_COUNT, user, number(hp_step_arena(step), as_number(value) + 1), error);
    if (!status)
        status = hp_step_put(step, RIG_PENDING, user, hp_bytes("", 0), error);
    return status;
}

static bool
fires(struct rig *rig)
{
    bool first = !rig->fired;

    rig->fired = true;
    return first;
}

static enum hp_status
process(void *context, struct hp_step *step, const struct hp_message *message,
    struct hp_error *error)
{
    static const char letters[] = "oqr";
    struct rig *rig = context;
    struct hp_origin origin;
    enum hp_status status = hp_step_origin(step, message, &origin, error);

    if (rig->visit_count < RIG_VISITS)
        rig->visits[rig->visit_count++] = letters[message->source];
    if (status)
        return status;
    if (!message->key.data || hp_bytes_is(message->value, "bad"))
        return hp_bad(error, "BAD", "a bad record");
    if (hp_bytes_is(message->value, "retry") && fires(rig))
        return hp_fail(error, HP_RETRY, "later");
    if (hp_bytes_is(message->value, "corrupt") && fires(rig))
        return hp_fail(error, HP_CORRUPT, "broken");
    if (hp_bytes_is(message->value, "forward") && message->source != RIG_REROUTE)
        return hp_step_forward(step, message, (message->partition + 1) % RIG_PARTITIONS, error);
    status = count_user(step, message->key, error);
    if (!status && hp_bytes_is(message->value, "late-bad"))
        return hp_bad(error, "LATE", "bad after its writes");
    if (!status && hp_bytes_is(message->value, "huge"))
        status = hp_step_send(step,
            &(struct hp_outgoing){.topic = "out",
                .key = message->key,
                .value = {hp_arena_alloc(hp_step_arena(step), HUGE_SIZE), HUGE_SIZE}},
            error);
    return status;
}

static struct hp_bytes
by_count_key(struct hp_step *step, struct hp_bytes user, struct hp_bytes count)
{
    struct hp_arena *arena = hp_step_arena(step);
    uint8_t *data = hp_arena_alloc(arena, 8 + user.size);

    memcpy(data, count.data, 8);
    memcpy(data + 8, user.data, user.size);
    return hp_bytes(data, 8 + user.size);
}

static enum hp_status
fact_changed(void *context, struct hp_step *step, uint8_t store, struct hp_bytes key,
    struct hp_bytes before, struct hp_bytes after, struct hp_error *error)
{
    struct hp_bytes seen;
    enum hp_status status = hp_step_get(step, store, key, &seen, error);

    (void)context;
    if (!status && !hp_bytes_equal(seen, before))
        return hp_fail(error, HP_FATAL, "the change is visible before it is told");
    if (status || store != RIG_COUNT)
        return status;
    if (before.data)
        status = hp_step_put(
            step, RIG_BY_COUNT, by_count_key(step, key, before), (struct hp_bytes){0}, error);
    if (!status && after.data)
        status = hp_step_put(step, RIG_BY_COUNT, by_count_key(step, key, after), key, error);
    return status;
}

struct pending {
    struct hp_step *step;
    struct hp_bytes users[EMIT_MAX + 1];
    size_t count;
};

static bool
note_pending(void *context, struct hp_bytes key, struct hp_bytes value)
{
    struct pending *pending = context;

    (void)value;
    pending->users[pending->count++] = hp_arena_copy(hp_step_arena(pending->step), key);
    return pending->count <= EMIT_MAX;
}

static enum hp_status
emit_user(struct hp_step *step, struct hp_bytes user, struct hp_error *error)
{
    struct hp_bytes count;
    enum hp_status status = hp_step_get(step, RIG_COUNT, user, &count, error);

    if (!status)
        status = hp_step_send(step,
            &(struct hp_outgoing){.topic = "out",
                .partition = hp_task_partition(hp_step_task(step)),
                .key = user,
                .value = count},
            error);
    if (!status)
        status = hp_step_put(step, RIG_PENDING, user, (struct hp_bytes){0}, error);
    return status;
}

static enum hp_status
emit(void *context, struct hp_step *step, int64_t now_ms, bool *more, struct hp_error *error)
{
    struct pending pending = {.step = step};
    enum hp_status status = hp_step_scan(step, RIG_PENDING, hp_bytes("", 0),
        (struct hp_bytes){0}, note_pending, &pending, error);

    (void)context;
    (void)now_ms;
    *more = pending.count > EMIT_MAX;
    for (size_t i = 0; i < pending.count && i < EMIT_MAX && !status; i++)
        status = emit_user(step, pending.users[i], error);
    return status;
}

static enum hp_status
opened(void *context, struct hp_task *task, struct hp_error *error)
{
    struct rig *rig = context;

    (void)error;
    HP_ASSERT(!hp_task_user(task));
    hp_task_set_user(task, rig);
    rig->opened++;
    return HP_OK;
}

static void
closed(void *context, struct hp_task *task)
{
    struct rig *rig = context;

    HP_ASSERT(hp_task_user(task) == rig);
    rig->closed++;
}

/* ---- the rig ---- */

static int64_t
clock_ms(void *context)
{
    return ((struct rig *)context)->now_ms;
}

static enum hp_status
fault(void *context, const char *operation, struct hp_error *error)
{
    struct rig *rig = context;

    if (!rig->faults || strcmp(operation, "abort") == 0)
        return HP_OK;
    rig->operations++;
    if (rig->operations == rig->fail_at)
        return hp_fail(
            error, HP_RETRY, "operation %" PRId64 ", %s", rig->operations, operation);
    if (rig->chance && hp_rng_below(&rig->rng, 1000) < rig->chance)
        return hp_fail(error, HP_RETRY, "a fault in %s", operation);
    return HP_OK;
}

static void
must(enum hp_status status, const struct hp_error *error)
{
    if (status)
        hp_die("rig: %s", error->text);
}

static void
make_topic(struct rig *rig, const char *name, const char *policy)
{
    const struct hp_setting settings[] = {
        {"cleanup.policy", policy}, {"message.timestamp.type", "CreateTime"}};
    const struct hp_topic_spec spec = {name, RIG_PARTITIONS, 1, settings, 2};
    struct hp_error error;

    must(hp_cluster_create(rig->cluster, &spec, &error), &error);
}

static struct hp_worker_options
default_options(struct rig *rig)
{
    return (struct hp_worker_options){.cluster = rig->cluster,
        .application = &rig->application,
        .application_id = "rig",
        .changelog_topic = "changelog",
        .dead_letter_topic = "dead",
        .reroute_topic = "reroute",
        .audit_topic = "audit",
        .partitions = RIG_PARTITIONS,
        .dead_letter_partitions = RIG_PARTITIONS,
        .clock_ms = clock_ms,
        .clock_context = rig,
        .commit_interval_ms = 100,
        .commit_gap_ms = 10,
        .fence_ms = 200,
        .overlay_bytes = 1 << 20,
        .round_records = 64,
        .breaker = true,
        .delete_retention_ms = 86400000};
}

void
rig_init(struct rig *rig, uint64_t seed)
{
    struct hp_memory_options memory = {
        .clock = clock_ms, .clock_context = rig, .fault = fault, .fault_context = rig};
    struct hp_error error;

    *rig = (struct rig){.now_ms = 1000000, .rng = {seed}};
    rig->cluster = hp_cluster_memory_new(&memory);
    make_topic(rig, "orders", "delete");
    make_topic(rig, "requests", "delete");
    make_topic(rig, "reroute", "delete");
    make_topic(rig, "out", "delete");
    make_topic(rig, "dead", "delete");
    make_topic(rig, "audit", "delete");
    make_topic(rig, "changelog", "compact");
    must(hp_producer_new(rig->cluster, NULL, &rig->producer, &error), &error);
    rig->application = (struct hp_application){.context = rig,
        .sources = sources,
        .source_count = RIG_SOURCES,
        .stores = stores,
        .store_count = RIG_STORES,
        .process = process,
        .fact_changed = fact_changed,
        .emit = emit,
        .opened = opened,
        .closed = closed};
    rig->options = default_options(rig);
    for (int n = 0; n < RIG_WORKERS; n++)
        rig->kv[n] = hp_kv_memory_new();
}

void
rig_release(struct rig *rig)
{
    rig->faults = false;
    for (int n = 0; n < RIG_WORKERS; n++) {
        rig_leave(rig, n);
        hp_kv_free(rig->kv[n]);
    }
    hp_producer_free(rig->producer, false);
    hp_cluster_free(rig->cluster);
}

enum hp_status
rig_start(struct rig *rig, int n)
{
    static const char *const instances[RIG_WORKERS] = {"a-0", "b-0"};
    struct hp_worker_options options = rig->options;

    HP_ASSERT(!rig->worker[n]);
    options.kv = rig->kv[n];
    options.instance = instances[n];
    return hp_worker_new(&options, &rig->worker[n], &rig->error);
}

static void
stop(struct rig *rig, int n, bool abandon)
{
    hp_worker_free(rig->worker[n], abandon);
    rig->worker[n] = NULL;
}

void
rig_crash(struct rig *rig, int n)
{
    stop(rig, n, true);
}

void
rig_leave(struct rig *rig, int n)
{
    stop(rig, n, false);
}

void
rig_wipe(struct rig *rig, int n)
{
    HP_ASSERT(!rig->worker[n]);
    hp_kv_free(rig->kv[n]);
    rig->kv[n] = hp_kv_memory_new();
}

void
rig_send_record(struct rig *rig, const struct hp_outgoing *record)
{
    bool faults = rig->faults;
    struct hp_error error;

    rig->faults = false;
    must(hp_producer_send(rig->producer, record, &error), &error);
    must(hp_producer_flush(rig->producer, &error), &error);
    rig->faults = faults;
}

void
rig_send(struct rig *rig, int source, int32_t partition, const char *user, const char *value)
{
    rig_send_record(rig, &(struct hp_outgoing){.topic = sources[source].topic,
                             .partition = partition,
                             .timestamp_ms = rig->now_ms,
                             .key = hp_bytes_text(user),
                             .value = hp_bytes_text(value)});
}

enum hp_status
rig_step(struct rig *rig)
{
    enum hp_status first = HP_OK;

    for (int n = 0; n < RIG_WORKERS; n++) {
        struct hp_error error = {0};
        enum hp_status status =
            rig->worker[n] ? hp_worker_step(rig->worker[n], 0, &error) : HP_OK;

        if (status && !first) {
            first = status;
            rig->error = error;
        }
    }
    rig->now_ms += 5;
    return first;
}

static bool
all_idle(const struct rig *rig)
{
    size_t tasks = 0;

    for (int n = 0; n < RIG_WORKERS; n++) {
        struct hp_worker_state state;

        if (!rig->worker[n])
            continue;
        hp_worker_state(rig->worker[n], &state);
        if (!state.idle)
            return false;
        tasks += state.task_count;
    }
    return tasks == RIG_PARTITIONS;
}

bool
rig_settle(struct rig *rig, int most)
{
    int quiet = 0;

    for (int i = 0; i < most && quiet < 60; i++) {
        if (rig_step(rig))
            return false;
        quiet = all_idle(rig) ? quiet + 1 : 0;
    }
    return quiet > 0;
}

/* ---- what can be seen from outside ---- */

static struct hp_message
copy_message(struct hp_arena *arena, const struct hp_message *message)
{
    struct hp_message copy = *message;
    struct hp_header *headers = HP_ARENA_ARRAY(arena, message->header_count, struct hp_header);

    for (size_t i = 0; i < message->header_count; i++) {
        headers[i].name = hp_arena_copy(arena, message->headers[i].name);
        headers[i].value = hp_arena_copy(arena, message->headers[i].value);
    }
    copy.headers = headers;
    copy.key = hp_arena_copy(arena, message->key);
    copy.value = hp_arena_copy(arena, message->value);
    return copy;
}

size_t
rig_read(struct rig *rig, const char *topic, struct hp_arena *arena, struct rig_record *records,
    size_t max)
{
    const struct hp_reader_options options = {.topics = &topic, .topic_count = 1};
    struct hp_reader *reader;
    struct hp_error error;
    struct hp_poll poll;
    bool faults = rig->faults;
    int ends = 0;
    size_t count = 0;

    rig->faults = false;
    must(hp_reader_new(rig->cluster, &options, &reader, &error), &error);
    for (int32_t p = 0; p < RIG_PARTITIONS; p++)
        must(hp_reader_assign(reader, 0, p, 0, &error), &error);
    while (ends < RIG_PARTITIONS) {
        must(hp_reader_poll(reader, 0, &poll, &error), &error);
        if (poll.kind == HP_POLL_NOTHING)
            break;
        ends += poll.kind == HP_POLL_END;
        if (poll.kind == HP_POLL_RECORD && count < max)
            records[count++] =
                (struct rig_record){poll.message.partition, copy_message(arena, &poll.message)};
    }
    hp_reader_free(reader);
    rig->faults = faults;
    return count;
}

static struct hp_kv *
holder(struct rig *rig, int32_t partition)
{
    for (int n = 0; n < RIG_WORKERS; n++)
        if (rig->worker[n] && hp_worker_task(rig->worker[n], partition))
            return rig->kv[n];
    return NULL;
}

static struct hp_bytes
stored(struct hp_kv *kv, struct hp_arena *arena, int32_t partition, uint8_t store,
    struct hp_bytes key)
{
    struct hp_buffer full = {0};
    struct hp_bytes value;
    struct hp_error error;

    hp_key_head(&full, partition, store);
    hp_buffer_append(&full, key.data, key.size);
    must(hp_kv_get(kv, hp_buffer_bytes(&full), arena, &value, &error), &error);
    hp_buffer_release(&full);
    return value;
}

int64_t
rig_count(struct rig *rig, int32_t partition, const char *user)
{
    struct hp_arena arena = {0};
    struct hp_kv *kv = holder(rig, partition);
    struct hp_bytes value = {0};
    int64_t count;

    if (kv)
        value = stored(kv, &arena, partition, RIG_COUNT, hp_bytes_text(user));
    count = value.data ? as_number(value) : -1;
    hp_arena_release(&arena);
    return count;
}

static bool
wrong(int32_t partition, const char *what)
{
    fprintf(stderr, "partition %d: %s\n", partition, what);
    return false;
}

/* Facts and derived rows of a partition's range against each other; counts them. */
static bool
verify_range(struct hp_kv *kv, int32_t partition, int64_t *facts, struct hp_digest *digest)
{
    struct hp_buffer from = {0};
    struct hp_buffer to = {0};
    struct hp_arena arena = {0};
    struct hp_bytes key;
    struct hp_bytes value;
    struct hp_error error;
    struct hp_kv_cursor *cursor;
    int64_t counts = 0;
    int64_t derived = 0;
    bool right = true;

    hp_key_head(&from, partition, 0);
    hp_key_head(&to, partition + 1, 0);
    cursor = hp_kv_scan(kv, hp_buffer_bytes(&from), hp_buffer_bytes(&to));
    while (hp_kv_next(cursor, &key, &value)) {
        uint8_t store = key.data[4];
        struct hp_bytes rest = {key.data + HP_KEY_HEAD, key.size - HP_KEY_HEAD};
        struct hp_buffer row = {0};

        if (store == RIG_BY_COUNT) {
            struct hp_bytes count = stored(
                kv, &arena, partition, RIG_COUNT, hp_bytes(rest.data + 8, rest.size - 8));

            right &= hp_bytes_equal(count, hp_bytes(rest.data, 8));
            derived++;
        } else if (store != HP_STORE_HEADER) {
            hp_buffer_append(&row, key.data + 4, key.size - 4);
            hp_buffer_append(&row, value.data, value.size);
            *digest = hp_digest_add(*digest, hp_hash128(hp_buffer_bytes(&row)));
            hp_buffer_release(&row);
            counts += store == RIG_COUNT;
            ++*facts;
        }
    }
    must(hp_kv_cursor_free(cursor, &error), &error);
    hp_buffer_release(&from);
    hp_buffer_release(&to);
    hp_arena_release(&arena);
    return right && derived == counts;
}

static bool
verify_partition(struct rig *rig, int32_t partition)
{
    struct hp_kv *kv = holder(rig, partition);
    struct hp_local_header header;
    struct hp_arena arena = {0};
    struct hp_digest digest = {0};
    struct hp_error error;
    int64_t facts = 0;
    bool found;

    if (!kv)
        return wrong(partition, "nobody holds it");
    must(hp_local_header_read(kv, partition, &arena, &header, &found, &error), &error);
    hp_arena_release(&arena);
    if (!found)
        return wrong(partition, "no local header");
    if (!verify_range(kv, partition, &facts, &digest))
        return wrong(partition, "derived rows are not what the facts say");
    if (!hp_digest_equal(digest, header.digest) || !hp_digest_equal(digest, header.end.digest))
        return wrong(partition, "the digest is not that of the rows");
    return true;
}

/* The changelog's last rows are the facts, no more and no less. */
static bool
verify_changelog(struct rig *rig, const struct rig_record *records, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct hp_message *row = &records[i].message;
        struct hp_arena arena = {0};
        bool last = true;
        bool equal;

        for (size_t j = i + 1; j < count && last; j++)
            last = records[j].partition != records[i].partition ||
                   !hp_bytes_equal(records[j].message.key, row->key);
        if (!last || row->key.data[0] == HP_STORE_HEADER)
            continue;
        equal = hp_bytes_equal(
            row->value, stored(holder(rig, records[i].partition), &arena, records[i].partition,
                            row->key.data[0], hp_bytes(row->key.data + 1, row->key.size - 1)));
        hp_arena_release(&arena);
        if (!equal)
            return wrong(records[i].partition, "a row of the changelog is not in the store");
    }
    return true;
}

/* Counts of a user rise on each partition: nothing is emitted twice. */
static bool
verify_outputs(const struct rig_record *records, size_t count)
{
    for (size_t i = 0; i < count; i++)
        for (size_t j = i + 1; j < count; j++)
            if (records[i].partition == records[j].partition &&
                hp_bytes_equal(records[i].message.key, records[j].message.key) &&
                as_number(records[i].message.value) >= as_number(records[j].message.value))
                return wrong(records[i].partition, "an output is repeated or out of order");
    return true;
}

static bool
verify_offsets(struct rig *rig)
{
    for (int i = 0; i < RIG_SOURCES; i++)
        for (int32_t p = 0; p < RIG_PARTITIONS; p++) {
            struct hp_position position = {sources[i].topic, p, HP_OFFSET_NONE};
            struct hp_error error;
            int64_t low;
            int64_t high;

            must(hp_cluster_committed(rig->cluster, "rig", &position, 1, &error), &error);
            must(hp_cluster_watermarks(rig->cluster, position.topic, p, &low, &high, &error),
                &error);
            if (position.offset != high)
                return wrong(p, "the group's lag is not 0");
        }
    return true;
}

bool
rig_verify(struct rig *rig)
{
    struct hp_arena arena = {0};
    struct rig_record *records = HP_ARENA_ARRAY(&arena, READ_MAX, struct rig_record);
    bool right = true;

    rig->faults = false;
    for (int32_t p = 0; p < RIG_PARTITIONS; p++)
        right = right && verify_partition(rig, p);
    right = right && verify_changelog(
                         rig, records, rig_read(rig, "changelog", &arena, records, READ_MAX));
    right = right && verify_outputs(records, rig_read(rig, "out", &arena, records, READ_MAX));
    right = right && verify_offsets(rig);
    hp_arena_release(&arena);
    return right;
}
