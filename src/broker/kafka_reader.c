/*
 * broker/kafka_reader.c - cursors in librdkafka's assignment, and the reader on top of them.
 *
 * A partition enters librdkafka's assignment only when it is started with a position, so it
 * never asks for a committed offset and never delivers early. Moving takes it out and puts it
 * in again: the version barrier of a stopped fetch throws away what was prefetched, on every
 * library version, while seek's time-out is wrong in 2.0.2 and resume may rewind before 2.4.
 * As a second fence, offsets below the next expected one are dropped.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/log.h"
#include "broker/kafka_cluster.h"

struct hp_reader {
    struct hp_broker_object object;
    struct hp_kafka_cursors cursors;
};

/* ---- cursors ------------------------------------------------------------------------- */

void
hp_kafka_cursors_release(struct hp_kafka_cursors *cursors)
{
    if (cursors->message)
        rd_kafka_message_destroy(cursors->message);
    free(cursors->items);
    hp_arena_release(&cursors->arena);
    *cursors = (struct hp_kafka_cursors){0};
}

struct hp_kafka_cursor *
hp_kafka_cursor(struct hp_kafka_cursors *cursors, int source, int32_t partition)
{
    for (size_t i = 0; i < cursors->count; i++)
        if (cursors->items[i].source == source && cursors->items[i].partition == partition)
            return &cursors->items[i];
    return NULL;
}

struct hp_kafka_cursor *
hp_kafka_cursor_add(struct hp_kafka_cursors *cursors, int source, int32_t partition)
{
    struct hp_kafka_cursor *cursor = hp_kafka_cursor(cursors, source, partition);

    if (cursor)
        return cursor;
    if (cursors->count == cursors->capacity) {
        cursors->capacity = cursors->capacity ? cursors->capacity * 2 : 16;
        cursors->items =
            hp_realloc_array(cursors->items, cursors->capacity, sizeof(*cursors->items));
    }
    cursor = &cursors->items[cursors->count++];
    *cursor = (struct hp_kafka_cursor){.source = source, .partition = partition};
    return cursor;
}

void
hp_kafka_cursors_drop(struct hp_kafka_cursors *cursors, int32_t partition)
{
    size_t kept = 0;

    for (size_t i = 0; i < cursors->count; i++)
        if (cursors->items[i].partition != partition)
            cursors->items[kept++] = cursors->items[i];
        else
            HP_ASSERT(!cursors->items[i].started);
    cursors->count = kept;
}

static void
list_add(rd_kafka_topic_partition_list_t *list, const struct hp_kafka_cursors *cursors,
    const struct hp_kafka_cursor *cursor)
{
    rd_kafka_topic_partition_list_add(list, cursors->topics[cursor->source], cursor->partition)
        ->offset = cursor->next >= 0 ? cursor->next : RD_KAFKA_OFFSET_BEGINNING;
}

/* Takes the list and the error. */
static enum hp_status
assignment_result(const char *what, rd_kafka_topic_partition_list_t *list,
    rd_kafka_error_t *failure, struct hp_error *error)
{
    enum hp_status status = HP_OK;

    if (failure)
        status = hp_fail(error, HP_RETRY, "%s %d partitions: %s", what, list->cnt,
            rd_kafka_error_string(failure));
    if (failure)
        rd_kafka_error_destroy(failure);
    rd_kafka_topic_partition_list_destroy(list);
    return status;
}

static enum hp_status
pause_or_resume(struct hp_kafka_cursors *cursors, const struct hp_kafka_cursor *cursor,
    bool paused, struct hp_error *error)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_resp_err_t code;

    list_add(list, cursors, cursor);
    code = paused ? rd_kafka_pause_partitions(cursors->client, list)
                  : rd_kafka_resume_partitions(cursors->client, list);
    if (!code)
        code = list->elems[0].err;
    rd_kafka_topic_partition_list_destroy(list);
    if (!code)
        return HP_OK;
    return hp_fail(error, HP_RETRY, "%s %s-%d: %s", paused ? "pause" : "resume",
        cursors->topics[cursor->source], cursor->partition, rd_kafka_err2str(code));
}

bool
hp_kafka_cursors_stop(
    struct hp_kafka_cursors *cursors, struct hp_kafka_cursor *const *list, size_t count)
{
    rd_kafka_topic_partition_list_t *stop = rd_kafka_topic_partition_list_new((int)count);
    struct hp_error error = {0};

    for (size_t i = 0; i < count; i++) {
        if (!list[i]->started)
            continue;
        /* A partition keeps its pause in librdkafka beyond the assignment. */
        if (list[i]->paused && pause_or_resume(cursors, list[i], false, &error))
            HP_LOG(HP_LOG_DEBUG, "resume before stop", HP_S("error", error.text));
        list_add(stop, cursors, list[i]);
        list[i]->started = false;
    }
    if (stop->cnt == 0) {
        rd_kafka_topic_partition_list_destroy(stop);
        return false;
    }
    if (assignment_result(
            "stop", stop, rd_kafka_incremental_unassign(cursors->client, stop), &error))
        HP_LOG(HP_LOG_WARN, "partitions not given back", HP_S("error", error.text));
    return true;
}

enum hp_status
hp_kafka_cursors_start(struct hp_kafka_cursors *cursors, struct hp_kafka_cursor *const *list,
    size_t count, struct hp_error *error)
{
    rd_kafka_topic_partition_list_t *start = rd_kafka_topic_partition_list_new((int)count);
    enum hp_status status;

    hp_kafka_cursors_stop(cursors, list, count);
    for (size_t i = 0; i < count; i++)
        list_add(start, cursors, list[i]);
    status = assignment_result(
        "start", start, rd_kafka_incremental_assign(cursors->client, start), error);
    for (size_t i = 0; !status && i < count; i++) {
        list[i]->started = true;
        if (list[i]->paused)
            status = pause_or_resume(cursors, list[i], true, error);
    }
    return status;
}

enum hp_status
hp_kafka_cursor_pause(struct hp_kafka_cursors *cursors, struct hp_kafka_cursor *cursor,
    bool paused, struct hp_error *error)
{
    enum hp_status status = HP_OK;

    if (cursor->paused == paused)
        return HP_OK; /* 2.0.2 rewinds a partition that is resumed without having been paused */
    if (cursor->started)
        status = pause_or_resume(cursors, cursor, paused, error);
    if (!status)
        cursor->paused = paused;
    return status;
}

/* ---- messages ------------------------------------------------------------------------ */

static struct hp_kafka_cursor *
cursor_of(struct hp_kafka_cursors *cursors, const rd_kafka_message_t *message)
{
    const char *topic = message->rkt ? rd_kafka_topic_name(message->rkt) : "";

    for (size_t t = 0; t < cursors->topic_count; t++)
        if (strcmp(cursors->topics[t], topic) == 0)
            return hp_kafka_cursor(cursors, (int)t, message->partition);
    return NULL;
}

static void
take_headers(const rd_kafka_message_t *message, struct hp_arena *arena, struct hp_message *out)
{
    rd_kafka_headers_t *list;
    struct hp_header *headers;

    hp_arena_clear(arena);
    if (rd_kafka_message_headers(message, &list))
        return;
    out->header_count = rd_kafka_header_cnt(list);
    headers = HP_ARENA_ARRAY(arena, out->header_count, struct hp_header);
    for (size_t i = 0; i < out->header_count; i++) {
        const char *name = NULL;
        const void *value = NULL;
        size_t size = 0;

        rd_kafka_header_get_all(list, i, &name, &value, &size);
        headers[i].name = hp_bytes_text(name);
        headers[i].value = hp_bytes(value, size);
    }
    out->headers = headers;
}

static void
take_record(
    struct hp_kafka_cursors *cursors, struct hp_kafka_cursor *cursor, struct hp_poll *poll)
{
    const rd_kafka_message_t *message = cursors->message;

    poll->kind = HP_POLL_RECORD;
    poll->message = (struct hp_message){.source = cursor->source,
        .partition = cursor->partition,
        .offset = message->offset,
        .timestamp_ms = rd_kafka_message_timestamp(message, NULL),
        .key = hp_bytes(message->key, message->key_len),
        .value = hp_bytes(message->payload, message->len)};
    take_headers(message, &cursors->arena, &poll->message);
    cursor->next = message->offset + 1;
}

static void
take_end(struct hp_kafka_cursors *cursors, struct hp_kafka_cursor *cursor, struct hp_poll *poll)
{
    poll->kind = HP_POLL_END;
    poll->message = (struct hp_message){.source = cursor->source,
        .partition = cursor->partition,
        .offset = cursors->message->offset};
    cursor->next = cursors->message->offset;
}

static enum hp_status
take_error(const rd_kafka_message_t *message, struct hp_error *error)
{
    const char *topic = message->rkt ? rd_kafka_topic_name(message->rkt) : "(no topic)";
    enum hp_status fate = hp_kafka_fate(message->err);

    switch (message->err) {
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
    case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
        return hp_fail(error, HP_STOP, "%s-%d: the position is outside the log: %s", topic,
            message->partition, rd_kafka_message_errstr(message));
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
        return hp_fail(error, HP_RETRY, "%s-%d does not exist", topic, message->partition);
    case RD_KAFKA_RESP_ERR__BAD_MSG:
        return hp_fail(error, HP_STOP, "%s-%d: damaged at offset %lld: %s", topic,
            message->partition, (long long)message->offset, rd_kafka_message_errstr(message));
    default:
        if (fate == HP_FATAL)
            return hp_fail(error, HP_FATAL, "%s: %s", topic, rd_kafka_message_errstr(message));
        HP_LOG(HP_LOG_DEBUG, "kafka consumer", HP_S("topic", topic),
            HP_S("error", rd_kafka_message_errstr(message)));
        return HP_OK; /* librdkafka goes on by itself */
    }
}

/* Sorts out one message. HP_POLL_NOTHING and HP_OK: it is of no concern to the caller. */
static enum hp_status
take_message(struct hp_kafka_cursors *cursors, struct hp_poll *poll, struct hp_error *error)
{
    const rd_kafka_message_t *message = cursors->message;
    struct hp_kafka_cursor *cursor = cursor_of(cursors, message);

    if (message->err && message->err != RD_KAFKA_RESP_ERR__PARTITION_EOF)
        return take_error(message, error);
    if (!cursor || !cursor->started || cursor->paused || message->offset < cursor->next)
        return HP_OK;
    if (message->err)
        take_end(cursors, cursor, poll);
    else
        take_record(cursors, cursor, poll);
    return HP_OK;
}

enum hp_status
hp_kafka_cursors_poll(struct hp_kafka_cursors *cursors, int timeout_ms, struct hp_poll *poll,
    struct hp_error *error)
{
    int64_t deadline_ms = timeout_ms > 0 ? hp_kafka_now_ms() + timeout_ms : 0;
    int64_t left_ms = timeout_ms;

    do {
        enum hp_status status;

        if (cursors->message)
            rd_kafka_message_destroy(cursors->message);
        cursors->message = rd_kafka_consumer_poll(cursors->client, (int)left_ms);
        if (!cursors->message)
            return HP_OK;
        status = take_message(cursors, poll, error);
        if (status || poll->kind != HP_POLL_NOTHING ||
            cursors->message->err == RD_KAFKA_RESP_ERR__FATAL)
            return status;
        left_ms = timeout_ms > 0 ? deadline_ms - hp_kafka_now_ms() : 0;
    } while (left_ms > 0);
    return HP_OK;
}

/* ---- the reader ---------------------------------------------------------------------- */

enum hp_status
hp_kafka_reader_new(struct hp_cluster *cluster, const struct hp_reader_options *options,
    struct hp_reader **out, struct hp_error *error)
{
    struct hp_kafka_extra extra[] = {
        {"group.id", cluster->options.group}, /* assigning asks for a name; it never joins */
        {"isolation.level", options->read_uncommitted ? "read_uncommitted" : "read_committed"},
        {"fetch.wait.max.ms", options->bulk ? "20" : NULL}, /* ends come at its pace */
        {"queued.max.messages.kbytes", options->bulk ? "16384" : NULL},
        {"queued.min.messages", options->bulk ? "100000" : NULL},
    };
    rd_kafka_conf_t *conf;
    rd_kafka_t *client;
    enum hp_status status =
        hp_kafka_conf(cluster, HP_KAFKA_READER, extra, HP_ARRAY_SIZE(extra), &conf, error);

    if (!status)
        status = hp_kafka_client(cluster, RD_KAFKA_CONSUMER, conf, &client, error);
    if (status)
        return status;
    rd_kafka_poll_set_consumer(client);
    *out = hp_alloc(sizeof(**out));
    (*out)->object = cluster->object;
    (*out)->cursors = (struct hp_kafka_cursors){
        .client = client, .topics = options->topics, .topic_count = options->topic_count};
    return HP_OK;
}

void
hp_kafka_reader_free(struct hp_reader *reader)
{
    rd_kafka_t *client = reader->cursors.client;

    hp_kafka_cursors_release(&reader->cursors);
    rd_kafka_destroy_flags(client, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    free(reader);
}

/* Librdkafka would stop at a position below the log's start; for 0 the start is meant. */
enum hp_status
hp_kafka_reader_assign(struct hp_reader *reader, int source, int32_t partition, int64_t offset,
    struct hp_error *error)
{
    struct hp_kafka_cursor *cursor;

    HP_ASSERT(source >= 0 && (size_t)source < reader->cursors.topic_count);
    cursor = hp_kafka_cursor_add(&reader->cursors, source, partition);
    cursor->next = offset > 0 ? offset : HP_OFFSET_NONE;
    return hp_kafka_cursors_start(&reader->cursors, &cursor, 1, error);
}

enum hp_status
hp_kafka_reader_poll(
    struct hp_reader *reader, int timeout_ms, struct hp_poll *poll, struct hp_error *error)
{
    return hp_kafka_cursors_poll(&reader->cursors, timeout_ms, poll, error);
}
