/*
 * broker/broker.c - every call goes to the implementation its object belongs to.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "broker/broker.h"

/* The first member of all four kinds of object is a struct hp_broker_object. */
static const struct hp_broker_operations *
operations(const void *object)
{
    return ((const struct hp_broker_object *)object)->operations;
}

/* Framing of a batch with one record, all lengths at their widest (KIP-98 message format). */
#define BATCH_BYTES  61
#define RECORD_BYTES 36
#define HEADER_BYTES 10

size_t
hp_outgoing_size(const struct hp_outgoing *record)
{
    size_t size = BATCH_BYTES + RECORD_BYTES + record->key.size + record->value.size;

    for (size_t i = 0; i < record->header_count; i++)
        size += HEADER_BYTES + record->headers[i].name.size + record->headers[i].value.size;
    return size;
}

static const struct hp_header *
copy_headers(struct hp_arena *arena, const struct hp_header *headers, size_t count)
{
    struct hp_header *copy = HP_ARENA_ARRAY(arena, count, struct hp_header);

    for (size_t i = 0; i < count; i++) {
        copy[i].name = hp_arena_copy(arena, headers[i].name);
        copy[i].value = hp_arena_copy(arena, headers[i].value);
    }
    return copy;
}

struct hp_outgoing
hp_outgoing_copy(struct hp_arena *arena, const struct hp_outgoing *record)
{
    struct hp_outgoing copy = *record;

    copy.topic = hp_arena_text(arena, hp_bytes_text(record->topic));
    copy.key = hp_arena_copy(arena, record->key);
    copy.value = hp_arena_copy(arena, record->value);
    copy.headers = copy_headers(arena, record->headers, record->header_count);
    return copy;
}

void
hp_cluster_free(struct hp_cluster *cluster)
{
    if (cluster)
        operations(cluster)->cluster_free(cluster);
}

enum hp_status
hp_cluster_topic(struct hp_cluster *cluster, const char *topic, struct hp_arena *arena,
    struct hp_topic_info *info, struct hp_error *error)
{
    *info = (struct hp_topic_info){0};
    return operations(cluster)->topic(cluster, topic, arena, info, error);
}

enum hp_status
hp_cluster_create(
    struct hp_cluster *cluster, const struct hp_topic_spec *spec, struct hp_error *error)
{
    return operations(cluster)->create(cluster, spec, error);
}

enum hp_status
hp_cluster_watermarks(struct hp_cluster *cluster, const char *topic, int32_t partition,
    int64_t *low, int64_t *high, struct hp_error *error)
{
    return operations(cluster)->watermarks(cluster, topic, partition, low, high, error);
}

enum hp_status
hp_cluster_committed(struct hp_cluster *cluster, const char *group,
    struct hp_position *positions, size_t count, struct hp_error *error)
{
    return operations(cluster)->committed(cluster, group, positions, count, error);
}

enum hp_status
hp_reader_new(struct hp_cluster *cluster, const struct hp_reader_options *options,
    struct hp_reader **reader, struct hp_error *error)
{
    *reader = NULL;
    return operations(cluster)->reader_new(cluster, options, reader, error);
}

void
hp_reader_free(struct hp_reader *reader)
{
    if (reader)
        operations(reader)->reader_free(reader);
}

enum hp_status
hp_reader_assign(struct hp_reader *reader, int source, int32_t partition, int64_t offset,
    struct hp_error *error)
{
    return operations(reader)->reader_assign(reader, source, partition, offset, error);
}

enum hp_status
hp_reader_poll(
    struct hp_reader *reader, int timeout_ms, struct hp_poll *poll, struct hp_error *error)
{
    *poll = (struct hp_poll){.kind = HP_POLL_NOTHING};
    return operations(reader)->reader_poll(reader, timeout_ms, poll, error);
}

enum hp_status
hp_member_new(struct hp_cluster *cluster, const struct hp_member_options *options,
    struct hp_member **member, struct hp_error *error)
{
    *member = NULL;
    return operations(cluster)->member_new(cluster, options, member, error);
}

void
hp_member_free(struct hp_member *member, bool abandon)
{
    if (member)
        operations(member)->member_free(member, abandon);
}

enum hp_status
hp_member_start(
    struct hp_member *member, int32_t partition, const int64_t *offsets, struct hp_error *error)
{
    return operations(member)->member_start(member, partition, offsets, error);
}

enum hp_status
hp_member_pause(struct hp_member *member, int source, int32_t partition, bool paused,
    struct hp_error *error)
{
    return operations(member)->member_pause(member, source, partition, paused, error);
}

enum hp_status
hp_member_poll(
    struct hp_member *member, int timeout_ms, struct hp_poll *poll, struct hp_error *error)
{
    *poll = (struct hp_poll){.kind = HP_POLL_NOTHING};
    return operations(member)->member_poll(member, timeout_ms, poll, error);
}

enum hp_status
hp_producer_new(struct hp_cluster *cluster, const char *transactional_id,
    struct hp_producer **producer, struct hp_error *error)
{
    *producer = NULL;
    return operations(cluster)->producer_new(cluster, transactional_id, producer, error);
}

void
hp_producer_free(struct hp_producer *producer, bool abandon)
{
    if (producer)
        operations(producer)->producer_free(producer, abandon);
}

enum hp_status
hp_producer_begin(struct hp_producer *producer, struct hp_error *error)
{
    return operations(producer)->begin(producer, error);
}

enum hp_status
hp_producer_send(
    struct hp_producer *producer, const struct hp_outgoing *record, struct hp_error *error)
{
    return operations(producer)->send(producer, record, error);
}

enum hp_status
hp_producer_offsets(struct hp_producer *producer, struct hp_member *member,
    const struct hp_position *positions, size_t count, struct hp_error *error)
{
    return operations(producer)->offsets(producer, member, positions, count, error);
}

enum hp_status
hp_producer_commit(struct hp_producer *producer, struct hp_error *error)
{
    return operations(producer)->commit(producer, error);
}

void
hp_producer_abort(struct hp_producer *producer)
{
    operations(producer)->abort(producer);
}

enum hp_status
hp_producer_flush(struct hp_producer *producer, struct hp_error *error)
{
    return operations(producer)->flush(producer, error);
}

int64_t
hp_producer_sent_to(const struct hp_producer *producer, const char *topic, int32_t partition)
{
    return operations(producer)->sent_to(producer, topic, partition);
}
