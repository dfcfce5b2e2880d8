/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/header.h"

#include "store/keys.h"

void
hp_end_encode(const struct hp_end *end, struct hp_buffer *out)
{
    HP_ASSERT(end->count <= HP_SOURCES_MAX);
    hp_put_u8(out, HP_HEADER_VERSION);
    hp_put_varint(out, end->sequence);
    hp_put_varint(out, end->partitions);
    hp_put_u64(out, end->digest.high);
    hp_put_u64(out, end->digest.low);
    hp_put_varint(out, (int64_t)end->count);
    for (size_t i = 0; i < end->count; i++) {
        hp_put_bytes(out, end->positions[i].topic);
        hp_put_varint(out, end->positions[i].offset);
    }
}

static size_t
get_count(struct hp_cursor *cursor)
{
    int64_t count = hp_get_varint(cursor);

    if (count < 0 || count > HP_SOURCES_MAX)
        cursor->failed = true;
    return cursor->failed ? 0 : (size_t)count;
}

static struct hp_digest
get_digest(struct hp_cursor *cursor)
{
    uint64_t high = hp_get_u64(cursor);

    return (struct hp_digest){high, hp_get_u64(cursor)};
}

bool
hp_end_decode(struct hp_bytes value, struct hp_end *end)
{
    struct hp_cursor cursor = hp_cursor(value);
    int64_t partitions;

    *end = (struct hp_end){0};
    if (hp_get_u8(&cursor) != HP_HEADER_VERSION)
        return false;
    end->sequence = hp_get_varint(&cursor);
    partitions = hp_get_varint(&cursor);
    end->digest = get_digest(&cursor);
    end->count = get_count(&cursor);
    for (size_t i = 0; i < end->count; i++) {
        end->positions[i].topic = hp_get_bytes(&cursor);
        end->positions[i].offset = hp_get_varint(&cursor);
        if (!end->positions[i].topic.data || end->positions[i].offset < 0)
            cursor.failed = true;
    }
    if (!hp_cursor_done(&cursor) || end->sequence < 1 || partitions < 1 ||
        partitions > INT32_MAX) {
        *end = (struct hp_end){0};
        return false;
    }
    end->partitions = (int32_t)partitions;
    end->present = true;
    return true;
}

int64_t
hp_end_position(const struct hp_end *end, const char *topic)
{
    for (size_t i = 0; i < end->count; i++)
        if (hp_bytes_is(end->positions[i].topic, topic))
            return end->positions[i].offset;
    return HP_OFFSET_NONE;
}

void
hp_local_header_encode(const struct hp_local_header *header, struct hp_buffer *out)
{
    struct hp_buffer end = {0};

    hp_put_u8(out, HP_HEADER_VERSION);
    hp_put_varint(out, header->changelog_offset);
    hp_put_varint(out, header->wall_ms);
    hp_put_u64(out, header->digest.high);
    hp_put_u64(out, header->digest.low);
    if (header->end.present)
        hp_end_encode(&header->end, &end);
    hp_put_bytes(out, hp_buffer_bytes(&end));
    hp_put_varint(out, header->end_offset);
    hp_buffer_release(&end);
}

bool
hp_local_header_decode(struct hp_bytes value, struct hp_local_header *header)
{
    struct hp_cursor cursor = hp_cursor(value);
    struct hp_bytes end;

    *header = (struct hp_local_header){0};
    if (hp_get_u8(&cursor) != HP_HEADER_VERSION)
        return false;
    header->changelog_offset = hp_get_varint(&cursor);
    header->wall_ms = hp_get_varint(&cursor);
    header->digest = get_digest(&cursor);
    end = hp_get_bytes(&cursor);
    header->end_offset = hp_get_varint(&cursor);
    if (!hp_cursor_done(&cursor) || header->changelog_offset < 0)
        return false;
    return !end.data || hp_end_decode(end, &header->end);
}

void
hp_local_header_key(struct hp_buffer *out, int32_t partition)
{
    hp_key_head(out, partition, HP_STORE_HEADER);
    hp_buffer_append(out, HP_END_NAME, sizeof(HP_END_NAME) - 1);
}

enum hp_status
hp_local_header_read(struct hp_kv *kv, int32_t partition, struct hp_arena *arena,
    struct hp_local_header *header, bool *found, struct hp_error *error)
{
    struct hp_buffer key = {0};
    struct hp_bytes value;
    enum hp_status status;

    *found = false;
    *header = (struct hp_local_header){0};
    hp_local_header_key(&key, partition);
    status = hp_kv_get(kv, hp_buffer_bytes(&key), arena, &value, error);
    hp_buffer_release(&key);
    if (status)
        return status;
    *found = value.data && hp_local_header_decode(value, header);
    return HP_OK;
}

void
hp_audit_encode(const struct hp_audit *audit, struct hp_buffer *out)
{
    HP_ASSERT(audit->count <= HP_SOURCES_MAX);
    hp_put_u8(out, HP_HEADER_VERSION);
    hp_put_varint(out, audit->sequence);
    hp_put_varint(out, audit->processed);
    hp_put_varint(out, audit->dead);
    hp_put_varint(out, audit->rerouted);
    hp_put_varint(out, audit->emitted);
    hp_put_u64(out, audit->digest.high);
    hp_put_u64(out, audit->digest.low);
    hp_put_varint(out, (int64_t)audit->count);
    for (size_t i = 0; i < audit->count; i++) {
        hp_put_bytes(out, audit->sources[i].topic);
        hp_put_varint(out, audit->sources[i].from);
        hp_put_varint(out, audit->sources[i].to);
    }
}

bool
hp_audit_decode(struct hp_bytes value, struct hp_audit *audit)
{
    struct hp_cursor cursor = hp_cursor(value);

    *audit = (struct hp_audit){0};
    if (hp_get_u8(&cursor) != HP_HEADER_VERSION)
        return false;
    audit->sequence = hp_get_varint(&cursor);
    audit->processed = hp_get_varint(&cursor);
    audit->dead = hp_get_varint(&cursor);
    audit->rerouted = hp_get_varint(&cursor);
    audit->emitted = hp_get_varint(&cursor);
    audit->digest = get_digest(&cursor);
    audit->count = get_count(&cursor);
    for (size_t i = 0; i < audit->count; i++) {
        audit->sources[i].topic = hp_get_bytes(&cursor);
        audit->sources[i].from = hp_get_varint(&cursor);
        audit->sources[i].to = hp_get_varint(&cursor);
    }
    return hp_cursor_done(&cursor);
}
