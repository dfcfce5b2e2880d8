/*
 * app/produce.c - `hamper produce`: JSON lines become records, checked before they are sent.
 *
 * Every line stands for itself: a bad one is listed with its number and reason code and
 * nothing of it is sent, the others are. The checks are those the processor makes, so a line
 * that passes is no dead letter.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "app/command.h"
#include "app/commands.h"
#include "archive/lines.h"
#include "archive/records.h"
#include "base/hash.h"
#include "codec/event.h"

#include <inttypes.h>

#define FLUSH_RECORDS 10000

struct produce {
    struct hp_options options;
    enum hp_topic topic;
    enum hp_record_type type;
    const char *path;
    bool check;
    bool crc32; /* consistent_random */

    struct hp_registry *registry;
    struct hp_codec *codec;
    struct hp_cluster *cluster;
    struct hp_producer *producer;
    int32_t partitions;

    struct hp_arena arena;
    struct hp_buffer value;
    int64_t good;
    int64_t bad;
};

/* CRC-32 of ISO 3309, bit by bit: keys are short. */
static uint32_t
crc32_of(struct hp_bytes bytes)
{
    uint32_t crc = UINT32_MAX;

    for (size_t i = 0; i < bytes.size; i++) {
        crc ^= bytes.data[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320U : 0);
    }
    return ~crc;
}

/* Where librdkafka's default partitioner puts a key. */
static int32_t
crc32_partition(struct hp_bytes key, int32_t count)
{
    return (int32_t)(crc32_of(key) % (uint32_t)count);
}

static enum hp_status
encode(struct produce *produce, const struct hp_line *line, union hp_any_event *event,
    struct hp_error *error)
{
    enum hp_status status;

    if (line->too_long)
        return hp_bad(
            error, "TOO_LARGE", "the line is longer than %zu bytes", HP_LINE_BYTES_MAX);
    status = hp_event_from_json(produce->type, line->text, &produce->arena, event, error);
    if (!status)
        status = hp_any_event_check(produce->type, event, hp_now_ms(), error);
    if (status)
        return status;
    hp_buffer_clear(&produce->value);
    if (produce->check)
        return hp_event_encode(produce->type, event, &produce->value, error);
    return hp_codec_encode(produce->codec, produce->type, event, &produce->value, error);
}

static enum hp_status
send_value(struct produce *produce, const union hp_any_event *event, struct hp_error *error)
{
    struct hp_bytes key = hp_any_event_key(produce->type, event);
    struct hp_outgoing record = {
        .topic = produce->options.topics.name[produce->topic],
        .key = key,
        .value = hp_buffer_bytes(&produce->value),
        .partition = produce->crc32 ? crc32_partition(key, produce->partitions)
                                    : hp_partition_of(key, produce->partitions),
    };
    enum hp_status status = hp_producer_send(produce->producer, &record, error);

    if (!status && (produce->good + 1) % FLUSH_RECORDS == 0)
        status = hp_producer_flush(produce->producer, error);
    return status;
}

/* HP_BAD_RECORD never leaves here: it is listed. */
static enum hp_status
handle_line(struct produce *produce, const struct hp_line *line, struct hp_error *error)
{
    union hp_any_event event;
    enum hp_status status;

    memset(&event, 0, sizeof(event));
    hp_arena_clear(&produce->arena);
    status = encode(produce, line, &event, error);
    if (!status && !produce->check)
        status = send_value(produce, &event, error);
    if (status == HP_BAD_RECORD) {
        fprintf(stderr, "%s:%" PRId64 ": %s: %s\n", produce->path, line->number, error->code,
            error->text);
        produce->bad++;
        return HP_OK;
    }
    produce->good += status == HP_OK;
    return status;
}

static enum hp_status
handle_lines(struct produce *produce, struct hp_error *error)
{
    struct hp_lines *lines;
    struct hp_line line;
    enum hp_status status = hp_lines_open(produce->path, &lines, error);

    if (status)
        return status;
    while (!(status = hp_lines_next(lines, &line, error)) && line.number) {
        status = handle_line(produce, &line, error);
        if (status)
            break;
    }
    if (!status && produce->producer)
        status = hp_producer_flush(produce->producer, error);
    hp_lines_free(lines);
    return status;
}

static enum hp_status
connect_all(struct produce *produce, struct hp_error *error)
{
    const char *topic = produce->options.topics.name[produce->topic];
    struct hp_registry_options registry = {.url = produce->options.schema_registry_url,
        .auto_register = produce->options.auto_register_schemas};
    struct hp_topic_info info = {0};
    char subject[300];
    enum hp_status status = hp_registry_open(&registry, &produce->registry, error);

    if (status)
        return status;
    produce->codec = hp_codec_new(produce->registry);
    snprintf(subject, sizeof(subject), "%s-value", topic);
    status = hp_codec_prepare(produce->codec, produce->type, subject, error);
    if (!status)
        status = hp_command_cluster(&produce->options, &produce->cluster, error);
    if (!status)
        status = hp_cluster_topic(produce->cluster, topic, &produce->arena, &info, error);
    if (!status && !info.exists)
        status = hp_fail(
            error, HP_USAGE, "topic %s does not exist (`hamper topics --create`)", topic);
    produce->partitions = info.partitions;
    return status ? status : hp_producer_new(produce->cluster, NULL, &produce->producer, error);
}

static enum hp_status
read_partitioner(struct produce *produce, const char *word, struct hp_error *error)
{
    if (!word || strcmp(word, "murmur2") == 0)
        return HP_OK;
    produce->crc32 = strcmp(word, "consistent_random") == 0;
    return produce->crc32
               ? HP_OK
               : hp_fail(error, HP_USAGE,
                     "--partitioner %.64s: expected murmur2 or consistent_random", word);
}

static enum hp_status
read_arguments(struct produce *produce, int argc, char **argv, struct hp_error *error)
{
    const char *partitioner = NULL;
    const struct hp_flag flags[] = {
        {"check", &produce->check, NULL},
        {"partitioner", NULL, &partitioner},
    };
    enum hp_status status = hp_flags_take(&argc, argv, flags, HP_ARRAY_SIZE(flags), error);

    if (!status)
        status = hp_positional_check(argc, argv, 1, 2, error);
    if (!status)
        status = read_partitioner(produce, partitioner, error);
    if (!status)
        status = hp_topic_find(&produce->options, argv[1], &produce->topic, error);
    if (status)
        return status;
    if (hp_topic_rows[produce->topic].role != HP_ROLE_INPUT)
        return hp_fail(error, HP_USAGE, "%s is not an input: only hamper writes it",
            produce->options.topics.name[produce->topic]);
    produce->type = (enum hp_record_type)hp_topic_rows[produce->topic].record_type;
    produce->path = argc > 2 ? argv[2] : "-";
    return HP_OK;
}

static enum hp_status
produce_all(struct produce *produce, int argc, char **argv, struct hp_error *error)
{
    enum hp_status status = read_arguments(produce, argc, argv, error);

    if (!status && !produce->check)
        status = connect_all(produce, error);
    if (!status)
        status = handle_lines(produce, error);
    if (status)
        return status;
    fprintf(stderr, "%" PRId64 " %s, %" PRId64 " bad\n", produce->good,
        produce->check ? "good" : "sent", produce->bad);
    return produce->bad ? hp_fail(error, HP_USAGE,
                              "%" PRId64 " lines are bad and were not sent", produce->bad)
                        : HP_OK;
}

int
hp_cmd_produce(int argc, char **argv)
{
    struct produce produce = {0};
    struct hp_error error;
    enum hp_status status = hp_options_load(&argc, argv, &produce.options, &error);

    if (!status)
        status = produce_all(&produce, argc, argv, &error);
    if (produce.producer)
        hp_producer_free(produce.producer, false);
    if (produce.cluster)
        hp_command_cluster_free(produce.cluster);
    hp_codec_free(produce.codec);
    hp_registry_free(produce.registry);
    hp_arena_release(&produce.arena);
    hp_buffer_release(&produce.value);
    hp_options_release(&produce.options);
    return hp_command_end("produce", status, &error);
}
