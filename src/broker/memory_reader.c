/*
 * broker/memory_reader.c - cursors over partitions, and the reader, which is nothing else.
 *
 * Partitions take turns of up to BURST records, so one full partition does not starve the
 * others and the order in which records come is a function of the calls alone.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "broker/memory_cluster.h"

#define BURST 16

struct hp_reader {
    struct hp_broker_object object;
    struct hp_cluster *cluster;
    const char *const *topics;
    size_t topic_count;
    struct hp_memory_cursors cursors;
};

/* ---- cursors ------------------------------------------------------------------------- */

void
hp_memory_cursors_init(struct hp_cluster *cluster, struct hp_memory_cursors *cursors)
{
    cursors->next = cluster->cursors;
    cluster->cursors = cursors;
}

void
hp_memory_cursors_release(struct hp_cluster *cluster, struct hp_memory_cursors *cursors)
{
    struct hp_memory_cursors **link = &cluster->cursors;

    while (*link != cursors)
        link = &(*link)->next;
    *link = cursors->next;
    free(cursors->items);
    hp_arena_release(&cursors->arena);
}

struct hp_memory_cursor *
hp_memory_cursor(struct hp_memory_cursors *cursors, int source, int32_t partition)
{
    for (size_t i = 0; i < cursors->count; i++)
        if (cursors->items[i].source == source && cursors->items[i].partition == partition)
            return &cursors->items[i];
    return NULL;
}

struct hp_memory_cursor *
hp_memory_cursor_add(struct hp_memory_cursors *cursors, struct hp_memory_topic *topic,
    int source, int32_t partition)
{
    struct hp_memory_cursor *cursor = hp_memory_cursor(cursors, source, partition);

    if (!cursor) {
        if (cursors->count == cursors->capacity) {
            cursors->capacity = cursors->capacity ? cursors->capacity * 2 : 8;
            cursors->items =
                hp_realloc_array(cursors->items, cursors->capacity, sizeof(*cursors->items));
        }
        cursor = &cursors->items[cursors->count++];
    }
    *cursor = (struct hp_memory_cursor){.topic = topic,
        .source = source,
        .partition = partition,
        .position = HP_OFFSET_NONE,
        .told = HP_OFFSET_NONE};
    return cursor;
}

void
hp_memory_cursors_drop(struct hp_memory_cursors *cursors, int32_t partition)
{
    size_t kept = 0;

    for (size_t i = 0; i < cursors->count; i++)
        if (cursors->items[i].partition != partition)
            cursors->items[kept++] = cursors->items[i];
    cursors->count = kept;
    cursors->turn = 0;
    cursors->burst = 0;
}

static enum hp_status
in_range(const struct hp_memory_cursor *cursor, const struct hp_memory_log *log,
    struct hp_error *error)
{
    if (cursor->position >= log->start && cursor->position <= log->end)
        return HP_OK;
    return hp_fail(error, HP_STOP,
        "%s-%d: position %lld is outside the log, which has %lld to %lld", cursor->topic->name,
        cursor->partition, (long long)cursor->position, (long long)log->start,
        (long long)log->end);
}

static enum hp_status
cursor_next(struct hp_memory_cursors *cursors, struct hp_memory_cursor *cursor,
    struct hp_poll *poll, struct hp_error *error)
{
    const struct hp_memory_log *log = &cursor->topic->logs[cursor->partition];

    if (cursor->paused || cursor->position == HP_OFFSET_NONE)
        return HP_OK;
    if (in_range(cursor, log, error))
        return HP_STOP;
    poll->message.source = cursor->source;
    poll->message.partition = cursor->partition;
    if (hp_memory_log_next(
            log, cursors->uncommitted, &cursor->position, &cursors->arena, &poll->message)) {
        poll->kind = HP_POLL_RECORD;
    } else if (cursor->told != cursor->position) {
        cursor->told = cursor->position;
        poll->message.offset = cursor->position;
        poll->kind = HP_POLL_END;
    }
    return HP_OK;
}

enum hp_status
hp_memory_cursors_next(
    struct hp_memory_cursors *cursors, struct hp_poll *poll, struct hp_error *error)
{
    hp_arena_clear(&cursors->arena);
    for (size_t tries = 0; tries < cursors->count; tries++) {
        enum hp_status status;

        if (cursors->burst == BURST || cursors->turn >= cursors->count) {
            cursors->turn = (cursors->turn + 1) % cursors->count;
            cursors->burst = 0;
        }
        status = cursor_next(cursors, &cursors->items[cursors->turn], poll, error);
        cursors->burst++;
        if (status || poll->kind != HP_POLL_NOTHING)
            return status;
        cursors->burst = BURST;
    }
    return HP_OK;
}

/* ---- the reader ---------------------------------------------------------------------- */

enum hp_status
hp_memory_reader_new(struct hp_cluster *cluster, const struct hp_reader_options *options,
    struct hp_reader **out, struct hp_error *error)
{
    struct hp_reader *reader;
    enum hp_status status;

    hp_memory_enter(cluster);
    status = hp_memory_ask(cluster, "reader_new", error);
    if (!status) {
        reader = hp_alloc(sizeof(*reader));
        reader->object = cluster->object;
        reader->cluster = cluster;
        reader->topics = options->topics;
        reader->topic_count = options->topic_count;
        reader->cursors.uncommitted = options->read_uncommitted;
        hp_memory_cursors_init(cluster, &reader->cursors);
        *out = reader;
    }
    hp_memory_leave(cluster);
    return status;
}

void
hp_memory_reader_free(struct hp_reader *reader)
{
    struct hp_cluster *cluster = reader->cluster;

    hp_memory_enter(cluster);
    hp_memory_cursors_release(cluster, &reader->cursors);
    hp_memory_leave(cluster);
    free(reader);
}

enum hp_status
hp_memory_reader_assign(struct hp_reader *reader, int source, int32_t partition, int64_t offset,
    struct hp_error *error)
{
    struct hp_memory_topic *topic;
    struct hp_memory_log *log;
    enum hp_status status;

    HP_ASSERT(source >= 0 && (size_t)source < reader->topic_count);
    hp_memory_enter(reader->cluster);
    status = hp_memory_ask(reader->cluster, "reader_assign", error);
    log = status ? NULL
                 : hp_memory_partition(
                       reader->cluster, reader->topics[source], partition, &topic, error);
    if (log)
        hp_memory_cursor_add(&reader->cursors, topic, source, partition)->position =
            offset <= 0 ? log->start : offset;
    else if (!status)
        status = HP_USAGE;
    hp_memory_leave(reader->cluster);
    return status;
}

enum hp_status
hp_memory_reader_poll(
    struct hp_reader *reader, int timeout_ms, struct hp_poll *poll, struct hp_error *error)
{
    int64_t deadline_ms = hp_memory_deadline(timeout_ms);
    enum hp_status status;

    hp_memory_enter(reader->cluster);
    status = hp_memory_ask(reader->cluster, "reader_poll", error);
    while (!status) {
        status = hp_memory_cursors_next(&reader->cursors, poll, error);
        if (status || poll->kind != HP_POLL_NOTHING ||
            !hp_memory_wait(reader->cluster, deadline_ms))
            break;
    }
    hp_memory_leave(reader->cluster);
    return status;
}
