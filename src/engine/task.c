/*
 * A task: one partition number of every source, its queues and its uncommitted writes.
 *
 * A position moves in two ways: past a record that was processed, or to an END behind which
 * nothing waits, since control markers take offsets that no record will ever have. Both are
 * committed, so that a group's lag can reach 0.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "engine/internal.h"

#include "base/bug.h"

struct hp_task *
hp_task_new(struct hp_worker *worker, int32_t partition)
{
    struct hp_task *task = hp_alloc(sizeof(*task));
    size_t count = worker->application->source_count;
    char labels[32];

    task->worker = worker;
    task->partition = partition;
    task->sources = hp_alloc(count * sizeof(*task->sources));
    for (size_t i = 0; i < count; i++) {
        task->sources[i].last = &task->sources[i].first;
        task->sources[i].end = HP_OFFSET_NONE;
    }
    hp_table_init(&task->overlay, &task->arena, true);
    snprintf(labels, sizeof(labels), "task=\"%d\"", partition);
    task->lag_metric = hp_metric_get(HP_METRIC_GAUGE, "hamper_task_lag", labels,
        "records known to wait in the inputs of a task");
    return task;
}

struct hp_queued *
hp_source_pop(struct hp_task *task, struct hp_source *source)
{
    struct hp_queued *queued = source->first;

    if (!queued)
        return NULL;
    source->first = queued->next;
    if (!source->first)
        source->last = &source->first;
    source->queued--;
    task->worker->queued--;
    return queued;
}

static void
forget_queue(struct hp_task *task, struct hp_source *source)
{
    struct hp_queued *queued;

    while ((queued = hp_source_pop(task, source)))
        free(queued);
    source->end = HP_OFFSET_NONE;
    source->at_end = false;
    source->read_ms = 0;
    source->asked_ms = 0;
}

void
hp_task_forget_queues(struct hp_task *task)
{
    for (size_t i = 0; i < task->worker->application->source_count; i++)
        forget_queue(task, &task->sources[i]);
}

static void
say_closed(struct hp_task *task)
{
    const struct hp_application *application = task->worker->application;

    if (task->opened && application->closed)
        application->closed(application->context, task);
    task->opened = false;
    task->user = NULL;
}

void
hp_task_free(struct hp_task *task)
{
    say_closed(task);
    hp_restore_free(task);
    hp_task_forget_queues(task);
    hp_metric_set(task->lag_metric, 0);
    hp_arena_release(&task->arena);
    free(task->sources);
    free(task);
}

void
hp_task_rewind(struct hp_task *task)
{
    hp_task_forget_queues(task);
    for (size_t i = 0; i < task->worker->application->source_count; i++)
        if (!hp_bug(HP_BUG_POSITION_KEPT))
            task->sources[i].position = task->sources[i].committed;
    hp_table_clear(&task->overlay);
    hp_arena_clear(&task->arena);
    task->digest = task->committed_digest;
    task->counts = (struct hp_counts){0};
    task->dirty = false;
    task->sent = false;
    task->took = false;
    task->moved = false;
    task->more = false;
}

void
hp_task_reset(struct hp_task *task, bool rebuild)
{
    hp_task_rewind(task);
    say_closed(task);
    hp_restore_free(task);
    task->state = HP_TASK_WAITING;
    task->quiet = false;
    task->rebuild = task->rebuild || rebuild;
}

/* Room for a message's bytes behind its struct, in one block. */
static size_t
message_size(const struct hp_message *message)
{
    size_t size = message->key.size + message->value.size +
                  message->header_count * sizeof(struct hp_header);

    for (size_t i = 0; i < message->header_count; i++)
        size += message->headers[i].name.size + message->headers[i].value.size;
    return size;
}

static struct hp_bytes
place(uint8_t **at, struct hp_bytes bytes)
{
    struct hp_bytes copy = {bytes.data ? *at : NULL, bytes.size};

    if (bytes.size)
        memcpy(*at, bytes.data, bytes.size);
    *at += bytes.size;
    return copy;
}

static struct hp_queued *
queued_new(const struct hp_message *message, int64_t now_ms)
{
    struct hp_queued *queued = hp_alloc(sizeof(*queued) + message_size(message) + 1);
    struct hp_header *headers = (struct hp_header *)(queued + 1);
    uint8_t *at = (uint8_t *)(headers + message->header_count);

    queued->arrived_ms = now_ms;
    queued->message = *message;
    queued->message.headers = headers;
    for (size_t i = 0; i < message->header_count; i++) {
        headers[i].name = place(&at, message->headers[i].name);
        headers[i].value = place(&at, message->headers[i].value);
    }
    queued->message.key = place(&at, message->key);
    queued->message.value = place(&at, message->value);
    return queued;
}

static void
take_record(struct hp_task *task, const struct hp_message *message)
{
    struct hp_source *source = &task->sources[message->source];
    struct hp_queued *queued;

    if (message->offset < source->expected || source->breaker.open)
        return;
    queued = queued_new(message, hp_worker_now(task->worker));
    *source->last = queued;
    source->last = &queued->next;
    source->queued++;
    task->worker->queued++;
    source->expected = message->offset + 1;
    source->at_end = false;
    source->end = HP_OFFSET_NONE;
    if (source->high <= message->offset)
        source->high = message->offset + 1;
    if (source->read_ms < message->timestamp_ms)
        source->read_ms = message->timestamp_ms;
}

static void
take_end(struct hp_task *task, int index, int64_t offset)
{
    struct hp_source *source = &task->sources[index];

    if (offset < source->expected)
        return;
    source->at_end = true;
    source->end = offset;
    source->expected = offset;
    if (source->high < offset)
        source->high = offset;
}

void
hp_task_take(struct hp_task *task, const struct hp_poll *poll)
{
    if (task->state != HP_TASK_RUNNING)
        return; /* delivery starts again when the task does */
    if (poll->kind == HP_POLL_END)
        take_end(task, poll->message.source, poll->message.offset);
    else
        take_record(task, &poll->message);
}

bool
hp_task_drained(const struct hp_task *task)
{
    for (size_t i = 0; i < task->worker->application->source_count; i++)
        if (task->sources[i].first ||
            (!task->sources[i].at_end && !task->sources[i].breaker.open))
            return false;
    return true;
}

void
hp_task_apply_ends(struct hp_task *task)
{
    for (size_t i = 0; i < task->worker->application->source_count; i++) {
        struct hp_source *source = &task->sources[i];

        if (source->first || source->breaker.open || source->end <= source->position)
            continue;
        source->position = source->end;
        task->moved = true;
    }
}

void
hp_task_end(const struct hp_task *task, struct hp_end *end)
{
    const struct hp_worker *worker = task->worker;

    *end = (struct hp_end){.present = true,
        .sequence = task->sequence + 1,
        .partitions = worker->options.partitions,
        .digest = task->digest,
        .count = worker->application->source_count};
    for (size_t i = 0; i < end->count; i++) {
        end->positions[i].topic = hp_bytes_text(worker->topics[i]);
        end->positions[i].offset = hp_bug(HP_BUG_POSITION_LATE) ? task->sources[i].committed
                                                                : task->sources[i].position;
    }
}

int32_t
hp_task_partition(const struct hp_task *task)
{
    return task->partition;
}

void
hp_task_set_user(struct hp_task *task, void *user)
{
    task->user = user;
}

void *
hp_task_user(const struct hp_task *task)
{
    return task->user;
}

int64_t
hp_task_position(const struct hp_task *task, size_t source)
{
    HP_ASSERT(source < task->worker->application->source_count);
    return task->sources[source].position;
}

int64_t
hp_task_lag(const struct hp_task *task)
{
    int64_t lag = 0;

    for (size_t i = 0; i < task->worker->application->source_count; i++)
        if (task->sources[i].high > task->sources[i].position)
            lag += task->sources[i].high - task->sources[i].position;
    return lag;
}
