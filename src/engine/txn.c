/*
 * A transaction: what the tasks of a worker did since the last commit, all or nothing.
 *
 *     outputs (sent as steps succeed) -> changelog rows, !end, audit -> commit
 *     offsets (once all records of the round are processed) ----------------^
 *     -> one key-value batch of all tasks -> committed()
 *
 * 1. Only the last value of a row is sent, so a changelog partition holds after each commit
 *    exactly the rows whose digest its !end row tells.
 * 2. A crash before the commit leaves nothing; one between the commit and the batch leaves a
 *    changelog ahead of the local copy, which the next restore replays.
 * 3. A commit whose outcome is unknown is not repeated and not rewound: the producer is begun
 *    anew, which makes the broker decide, and the tasks are restored from what it decided.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "engine/internal.h"

#include "base/bug.h"
#include "base/failpoint.h"
#include "base/log.h"
#include "store/keys.h"

#define TASK_NUMBER_TEXT 16
#define REFUSAL_TEXT     200
#define PARTITION_BYTES  4 /* of a full key, before store | key */

enum hp_status
hp_txn_begin(struct hp_worker *worker, struct hp_error *error)
{
    enum hp_status status;

    if (worker->begun)
        return HP_OK;
    status = hp_producer_begin(worker->producer, error);
    if (status)
        return status;
    worker->begun = true;
    worker->begun_ms = hp_worker_now(worker);
    return HP_OK;
}

static enum hp_status
send_internal(
    struct hp_worker *worker, const struct hp_outgoing *record, struct hp_error *error)
{
    enum hp_status status = hp_producer_send(worker->producer, record, error);
    char text[REFUSAL_TEXT];

    if (status != HP_BAD_RECORD)
        return status;
    snprintf(text, sizeof(text), "%.*s", REFUSAL_TEXT - 1, error ? error->text : "");
    return hp_fail(error, HP_FATAL, "%s-%d refuses a record of hamper's own: %s", record->topic,
        record->partition, text);
}

/*
 * Finds rows that came and went within this transaction (marks, the queue of users whose boxes
 * are looked at at once): deleting them again in the changelog and in the store would fill both
 * with tombstones, which every scan of such a queue had to pass.
 */
static enum hp_status
find_needless(struct hp_task *task, struct hp_error *error)
{
    struct hp_table_entry *entry = hp_table_seek(&task->overlay, (struct hp_bytes){0});
    struct hp_arena arena = {0};
    enum hp_status status = HP_OK;

    for (; entry && !status; entry = hp_table_next(entry)) {
        struct hp_bytes stored;

        entry->needless = false;
        if (entry->value.data)
            continue;
        status = hp_kv_get(task->worker->options.kv, entry->key, &arena, &stored, error);
        entry->needless = !status && !stored.data;
        hp_arena_clear(&arena);
    }
    hp_arena_release(&arena);
    return status;
}

static enum hp_status
send_rows(struct hp_task *task, struct hp_error *error)
{
    struct hp_worker *worker = task->worker;
    const struct hp_table_entry *entry = hp_table_seek(&task->overlay, (struct hp_bytes){0});
    enum hp_status status = HP_OK;

    for (; entry && !status; entry = hp_table_next(entry)) {
        const struct hp_outgoing record = {.topic = worker->options.changelog_topic,
            .partition = task->partition,
            .key = {entry->key.data + PARTITION_BYTES, entry->key.size - PARTITION_BYTES},
            .value = entry->value};

        if (worker->stores[entry->key.data[PARTITION_BYTES]]->changelogged && !entry->needless)
            status = send_internal(worker, &record, error);
    }
    return status;
}

static enum hp_status
send_end(struct hp_task *task, struct hp_error *error)
{
    static const char key[] = "\0" HP_END_NAME; /* HP_STORE_HEADER, then the name */
    struct hp_buffer value = {0};
    struct hp_outgoing record = {.topic = task->worker->options.changelog_topic,
        .partition = task->partition,
        .key = {(const uint8_t *)key, sizeof(key) - 1}};
    struct hp_end end;
    enum hp_status status;

    if (hp_bug(HP_BUG_END_MISSING))
        return HP_OK;
    hp_task_end(task, &end);
    hp_end_encode(&end, &value);
    record.value = hp_buffer_bytes(&value);
    status = send_internal(task->worker, &record, error);
    hp_buffer_release(&value);
    return status;
}

/* The partition for all audit records of a transaction: each more is a request more, which
 * those who wait for the commit wait for. */
static int32_t
audit_partition(const struct hp_worker *worker)
{
    int32_t p = 0;

    while (!worker->tasks[p])
        p++;
    return p;
}

static enum hp_status
send_audit(struct hp_task *task, struct hp_error *error)
{
    struct hp_worker *worker = task->worker;
    struct hp_buffer value = {0};
    char key[TASK_NUMBER_TEXT];
    struct hp_outgoing record = {
        .topic = worker->options.audit_topic, .partition = audit_partition(worker)};
    struct hp_audit audit = {.sequence = task->sequence + 1,
        .processed = task->counts.processed,
        .dead = task->counts.dead,
        .rerouted = task->counts.rerouted,
        .emitted = task->counts.emitted,
        .digest = task->digest,
        .count = worker->application->source_count};
    enum hp_status status;

    for (size_t i = 0; i < audit.count; i++)
        audit.sources[i] = (struct hp_audit_source){hp_bytes_text(worker->topics[i]),
            task->sources[i].committed, task->sources[i].position};
    hp_audit_encode(&audit, &value);
    snprintf(key, sizeof(key), "%d", task->partition);
    record.key = hp_bytes_text(key);
    record.value = hp_buffer_bytes(&value);
    status = send_internal(worker, &record, error);
    hp_buffer_release(&value);
    return status;
}

static bool
takes_part(const struct hp_task *task)
{
    return task && task->state == HP_TASK_RUNNING &&
           (task->dirty || task->moved || task->force);
}

/* The next task of the transaction from `*at` on. */
static struct hp_task *
next_task(struct hp_worker *worker, int32_t *at)
{
    while (*at < worker->options.partitions) {
        struct hp_task *task = worker->tasks[(*at)++];

        if (takes_part(task))
            return task;
    }
    return NULL;
}

enum hp_status
hp_txn_send(struct hp_task *task, struct hp_error *error)
{
    enum hp_status status;

    if (!takes_part(task) || task->sent)
        return HP_OK;
    status = hp_failpoint("commit-rows", error);
    if (!status)
        status = hp_txn_begin(task->worker, error);
    if (!status)
        status = find_needless(task, error);
    if (!status)
        status = send_rows(task, error);
    if (!status)
        status = hp_failpoint("commit-end", error);
    if (!status)
        status = send_end(task, error);
    if (!status)
        status = hp_failpoint("commit-audit", error);
    if (!status && (task->dirty || !hp_bug(HP_BUG_AUDIT_MISSING)))
        status = send_audit(task, error);
    task->sent = !status;
    return status;
}

/* Of everybody: where nothing was read they say what the group knows. */
enum hp_status
hp_txn_offsets(struct hp_worker *worker, struct hp_error *error)
{
    size_t sources = worker->application->source_count;
    struct hp_position *positions;
    enum hp_status status;
    size_t count = 0;

    if (worker->offsets_sent)
        return HP_OK;
    status = hp_failpoint("commit-offsets", error);
    if (!status)
        status = hp_txn_begin(worker, error);
    if (status)
        return status;
    positions = hp_alloc((size_t)worker->options.partitions * sources * sizeof(*positions));
    for (int32_t p = 0; p < worker->options.partitions; p++) {
        const struct hp_task *task = worker->tasks[p];

        if (!task || task->state != HP_TASK_RUNNING)
            continue;
        for (size_t i = 0; i < sources; i++)
            positions[count++] = (struct hp_position){
                worker->topics[i], task->partition, task->sources[i].position};
    }
    status = hp_producer_offsets(worker->producer, worker->member, positions, count, error);
    free(positions);
    worker->offsets_sent = !status;
    return status;
}

static enum hp_status
send_all(struct hp_worker *worker, struct hp_error *error)
{
    enum hp_status status = HP_OK;
    struct hp_task *task;
    int32_t at = 0;

    while (!status && (task = next_task(worker, &at)))
        status = hp_txn_send(task, error);
    return status ? status : hp_txn_offsets(worker, error);
}

static void
put_header(struct hp_kv_batch *batch, int32_t partition, const struct hp_local_header *header)
{
    struct hp_buffer key = {0};
    struct hp_buffer value = {0};

    hp_local_header_key(&key, partition);
    hp_local_header_encode(header, &value);
    hp_kv_put(batch, hp_buffer_bytes(&key), hp_buffer_bytes(&value));
    hp_buffer_release(&key);
    hp_buffer_release(&value);
}

static void
put_overlay(struct hp_kv_batch *batch, const struct hp_table *overlay)
{
    const struct hp_table_entry *entry = hp_table_seek(overlay, (struct hp_bytes){0});

    for (; entry; entry = hp_table_next(entry)) {
        if (entry->value.data)
            hp_kv_put(batch, entry->key, entry->value);
        else if (!entry->needless)
            hp_kv_delete(batch, entry->key);
    }
}

static void
put_task(struct hp_kv_batch *batch, struct hp_task *task)
{
    struct hp_worker *worker = task->worker;
    int64_t sent =
        hp_producer_sent_to(worker->producer, worker->options.changelog_topic, task->partition);
    struct hp_local_header header = {.wall_ms = hp_worker_now(worker), .digest = task->digest};

    if (sent != HP_OFFSET_NONE) {
        task->changelog_offset = sent;
        task->end_offset = sent - 1; /* the !end row is a transaction's last */
    }
    header.changelog_offset = task->changelog_offset;
    header.end_offset = task->end_offset;
    hp_task_end(task, &header.end);
    put_overlay(batch, &task->overlay);
    put_header(batch, task->partition, &header);
}

static void
settle(struct hp_task *task)
{
    const struct hp_application *application = task->worker->application;

    for (size_t i = 0; i < application->source_count; i++)
        task->sources[i].committed = task->sources[i].position;
    task->sequence++;
    task->committed_digest = task->digest;
    task->counts = (struct hp_counts){0};
    task->dirty = false;
    task->sent = false;
    task->moved = false;
    task->force = false;
    task->failures = 0;
    if (application->committed)
        application->committed(application->context, task);
    hp_table_clear(&task->overlay);
    hp_arena_clear(&task->arena);
}

/* A poison record whose letter is committed is past. */
static void
forget_poison(struct hp_worker *worker)
{
    struct hp_poison **link = &worker->poison;

    while (*link) {
        struct hp_poison *poison = *link;
        const struct hp_task *task = worker->tasks[poison->partition];

        if (task && task->state == HP_TASK_RUNNING &&
            task->sources[poison->source].committed <= poison->offset) {
            link = &poison->next;
        } else {
            *link = poison->next;
            free(poison);
        }
    }
}

/* HP_BUG_POSITION_EARLY. */
static enum hp_status
write_headers(struct hp_worker *worker, struct hp_error *error)
{
    struct hp_kv_batch batch = {0};
    enum hp_status status;
    struct hp_task *task;
    int32_t at = 0;

    while ((task = next_task(worker, &at))) {
        struct hp_local_header header = {.changelog_offset = task->changelog_offset,
            .end_offset = task->end_offset,
            .wall_ms = hp_worker_now(worker),
            .digest = task->digest};

        hp_task_end(task, &header.end);
        put_header(&batch, task->partition, &header);
    }
    status = hp_kv_write(worker->options.kv, &batch, error);
    hp_kv_batch_release(&batch);
    return status;
}

static enum hp_status
write_batch(struct hp_worker *worker, struct hp_error *error)
{
    struct hp_kv_batch batch = {0};
    enum hp_status status;
    struct hp_task *task;
    int32_t at = 0;

    while ((task = next_task(worker, &at)))
        put_task(&batch, task);
    if (hp_bug(HP_BUG_POSITION_EARLY)) {
        status = write_headers(worker, error);
        if (status)
            return status;
    }
    status = hp_failpoint("commit-store", error);
    if (!status)
        status = hp_kv_write(worker->options.kv, &batch, error);
    hp_kv_batch_release(&batch);
    if (!status)
        status = hp_failpoint("commit-stored", error);
    if (status) /* committed, but not here: only a restart can tell the two apart again */
        return error ? (error->status = HP_FATAL) : HP_FATAL;
    at = 0;
    while ((task = next_task(worker, &at)))
        settle(task);
    forget_poison(worker);
    return HP_OK;
}

static void
count_commit(struct hp_worker *worker, int64_t began_ms)
{
    worker->begun = false;
    worker->offsets_sent = false;
    worker->answered = false;
    worker->commit_ms = began_ms;
    worker->retry_delay_ms = 0;
    worker->transactions++;
    hp_metric_add(worker->commits, 1);
    hp_metric_observe_us(worker->commit_seconds, (hp_worker_now(worker) - began_ms) * 1000);
}

enum hp_status
hp_txn_commit(struct hp_worker *worker, struct hp_error *error)
{
    int64_t began_ms = hp_worker_now(worker);
    int32_t at = 0;
    enum hp_status status;

    if (!next_task(worker, &at))
        return HP_OK;
    status = send_all(worker, error);
    if (status)
        return status;
    if (hp_bug(HP_BUG_STORE_BEFORE_COMMIT)) {
        struct hp_kv_batch batch = {0};

        for (at = 0; at < worker->options.partitions; at++)
            if (takes_part(worker->tasks[at]))
                put_overlay(&batch, &worker->tasks[at]->overlay);
        status = hp_kv_write(worker->options.kv, &batch, error);
        hp_kv_batch_release(&batch);
        if (status)
            return status;
    }
    status = hp_failpoint("commit-broker", error);
    if (status)
        return status;
    status = hp_producer_commit(worker->producer, error);
    if (!status && (status = hp_failpoint("commit-answer", error)) == HP_FATAL)
        return status;
    if (status) {
        worker->doubt = true;
        return status;
    }
    count_commit(worker, began_ms);
    return write_batch(worker, error);
}

void
hp_txn_abort(struct hp_worker *worker)
{
    const struct hp_application *application = worker->application;

    if (worker->begun) {
        hp_producer_abort(worker->producer);
        hp_metric_add(worker->aborts, 1);
    }
    worker->begun = false;
    worker->offsets_sent = false;
    worker->answered = false;
    for (int32_t p = 0; p < worker->options.partitions; p++) {
        struct hp_task *task = worker->tasks[p];
        bool in_doubt = worker->doubt && takes_part(task) && !hp_bug(HP_BUG_DOUBT_REWOUND);

        if (!task || task->state != HP_TASK_RUNNING)
            continue;
        hp_task_rewind(task);
        if (application->aborted)
            application->aborted(application->context, task);
        task->state = HP_TASK_PARKED;
        task->quiet = false;
        if (in_doubt)
            hp_task_reset(task, false);
    }
}

enum hp_status
hp_txn_flush(struct hp_task *task, const struct hp_local_header *header, struct hp_error *error)
{
    struct hp_kv_batch batch = {0};
    enum hp_status status;

    put_overlay(&batch, &task->overlay);
    if (header)
        put_header(&batch, task->partition, header);
    status = hp_kv_write(task->worker->options.kv, &batch, error);
    hp_kv_batch_release(&batch);
    if (!status) {
        hp_table_clear(&task->overlay);
        hp_arena_clear(&task->arena);
    }
    return status;
}
