/*
 * A dead letter is the record as it was received, with headers in Kafka Connect's vocabulary
 * that say where it came from and why. A record that the dead-letter topic refuses for its size
 * gives up its value, then its headers, then its key, each replaced by SHA-256 and size: a
 * letter always gets through, so no record can stall its partition.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "engine/internal.h"

#include <inttypes.h>

#define PREFIX      "__connect.errors."
#define ADDED_MAX   16
#define DIGEST_TEXT (2 * HP_SHA256_SIZE + 1)

struct letter {
    struct hp_arena *arena;
    struct hp_header *headers;
    size_t count;
};

static void
add(struct letter *letter, const char *name, const char *value)
{
    letter->headers[letter->count++] =
        (struct hp_header){hp_bytes_text(name), hp_bytes_text(value)};
}

static void
add_number(struct letter *letter, const char *name, int64_t value)
{
    add(letter, name, hp_arena_printf(letter->arena, "%" PRId64, value));
}

static void
add_errors(struct letter *letter, const struct hp_worker *worker,
    const struct hp_origin *origin, const struct hp_error *reason)
{
    add(letter, PREFIX "topic", origin->topic);
    add_number(letter, PREFIX "partition", origin->partition);
    add_number(letter, PREFIX "offset", origin->offset);
    add(letter, PREFIX "connector.name", worker->options.application_id);
    add_number(letter, PREFIX "task.id", origin->partition);
    add(letter, PREFIX "stage", "TRANSFORMATION");
    add(letter, PREFIX "class.name", "hamper/" HAMPER_VERSION);
    add(letter, PREFIX "exception.class.name", reason->code[0] ? reason->code : "BAD_RECORD");
    add(letter, PREFIX "exception.message",
        hp_arena_text(letter->arena, hp_bytes_text(reason->text)));
}

static void
add_digest(struct letter *letter, const char *digest_name, const char *size_name,
    struct hp_bytes bytes)
{
    uint8_t digest[HP_SHA256_SIZE];
    char *text = hp_arena_alloc(letter->arena, DIGEST_TEXT);

    hp_sha256(bytes, digest);
    for (size_t i = 0; i < HP_SHA256_SIZE; i++)
        snprintf(text + 2 * i, 3, "%02x", digest[i]);
    add(letter, digest_name, text);
    add_number(letter, size_name, (int64_t)bytes.size);
}

/* How much is left out: 0 nothing, 1 the value, 2 the headers too, 3 the key too. */
static enum hp_status
send_reduced(struct hp_task *task, const struct hp_message *message, size_t kept_headers,
    const struct hp_origin *origin, const struct hp_error *reason, int level,
    struct hp_error *error)
{
    struct hp_worker *worker = task->worker;
    struct hp_arena arena = {0};
    struct letter letter = {&arena, NULL, 0};
    struct hp_outgoing record = {.topic = worker->options.dead_letter_topic,
        .partition = origin->partition % worker->options.dead_letter_partitions,
        .timestamp_ms = origin->timestamp_ms,
        .key = level < 3 ? message->key : hp_bytes(NULL, 0),
        .value = level < 1 ? message->value : hp_bytes(NULL, 0)};
    enum hp_status status;

    letter.headers = HP_ARENA_ARRAY(&arena, kept_headers + ADDED_MAX, struct hp_header);
    for (; level < 2 && letter.count < kept_headers; letter.count++)
        letter.headers[letter.count] = message->headers[letter.count];
    add_errors(&letter, worker, origin, reason);
    if (level >= 1 && message->value.data)
        add_digest(&letter, "hamper.value.sha256", "hamper.value.size", message->value);
    if (level >= 2)
        add_number(&letter, "hamper.headers.dropped", (int64_t)kept_headers);
    if (level >= 3 && message->key.data)
        add_digest(&letter, "hamper.key.sha256", "hamper.key.size", message->key);
    record.headers = letter.headers;
    record.header_count = letter.count;
    status = hp_producer_send(worker->producer, &record, error);
    hp_arena_release(&arena);
    return status;
}

static void
count_letter(const struct hp_origin *origin, const struct hp_error *reason)
{
    char labels[400];

    snprintf(labels, sizeof(labels), "topic=\"%s\",reason=\"%s\"", origin->topic,
        reason->code[0] ? reason->code : "BAD_RECORD");
    hp_metric_add(hp_metric_get(HP_METRIC_COUNTER, "hamper_dead_letters_total", labels,
                      "records sent to the dead-letter topic"),
        1);
}

/* Takes less and less of the record until the topic takes it. */
static enum hp_status
send_letter(struct hp_task *task, const struct hp_message *message, size_t kept_headers,
    const struct hp_origin *origin, const struct hp_error *reason, struct hp_error *error)
{
    enum hp_status status = HP_BAD_RECORD;

    for (int level = 0; level <= 3 && status == HP_BAD_RECORD; level++)
        status = send_reduced(task, message, kept_headers, origin, reason, level, error);
    if (status == HP_BAD_RECORD)
        return hp_fail(error, HP_FATAL, "topic %s takes not even an empty dead letter",
            task->worker->options.dead_letter_topic);
    if (!status)
        count_letter(origin, reason);
    return status;
}

enum hp_status
hp_dead_letter_send(struct hp_task *task, const struct hp_message *message,
    const struct hp_error *reason, struct hp_error *error)
{
    struct hp_worker *worker = task->worker;
    struct hp_origin origin;
    size_t kept = message->header_count;
    enum hp_status status = hp_txn_begin(worker, error);

    if (status)
        return status;
    if (hp_origin_read(worker, message, &origin, NULL) == HP_OK &&
        worker->application->sources[message->source].reroute)
        kept -= HP_FORWARD_HEADERS;
    return send_letter(task, message, kept, &origin, reason, error);
}

enum hp_status
hp_step_dead_letter(struct hp_step *step, const char *topic, const struct hp_message *message,
    const struct hp_error *reason, struct hp_error *error)
{
    struct hp_origin origin = {.topic = topic,
        .source = -1,
        .partition = message->partition,
        .offset = message->offset,
        .timestamp_ms = message->timestamp_ms};
    enum hp_status status = hp_txn_begin(step->task->worker, error);

    return status ? status
                  : send_letter(
                        step->task, message, message->header_count, &origin, reason, error);
}
