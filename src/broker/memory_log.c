/*
 * broker/memory_log.c - a partition as a list of chunks, each a byte buffer and an index.
 *
 *     chunk: base = 4096 | index: 0 31 - 62 …  | bytes: flags producer time key value headers …
 *                                    ^ compacted away: the offset stays, the bytes are gone
 *
 * A record costs its own bytes, about ten bytes of framing and four of index, so a partition of
 * a million records of 200 bytes takes 215 MB, and deleting the head frees whole chunks.
 *
 * Invariants:
 *  (1) chunks follow each other without gaps: base + count of one is the base of the next, and
 *      of the last it is the log's `end`;
 *  (2) a transaction's records lie between its `first` and its marker; when it is aborted they
 *      are flagged there and then, so readers need no list of aborted ranges;
 *  (3) only offsets below hp_memory_log_stable() are shown to readers of committed data.
 *
 * Readers get copies: a chunk may move or go while they look at their record.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "broker/memory_log.h"

#include "base/hash.h"

#define CHUNK_RECORDS 1024
#define CHUNK_BYTES   ((size_t)256 << 10)
#define GONE          UINT32_MAX

enum record_flag {
    RECORD_MARKER = 1,
    RECORD_ABORTED = 2,
};

struct hp_memory_chunk {
    int64_t base;
    uint32_t count; /* offsets covered, gone ones included */
    uint32_t room;  /* entries the index has */
    uint32_t *starts;
    struct hp_buffer bytes;
};

struct record { /* views into a chunk */
    uint8_t *flags;
    uint64_t producer;
    int64_t timestamp_ms;
    struct hp_bytes key;
    struct hp_bytes value;
    struct hp_cursor headers;
};

static void
chunk_free(struct hp_memory_chunk *chunk)
{
    hp_buffer_release(&chunk->bytes);
    free(chunk->starts);
    free(chunk);
}

void
hp_memory_log_release(struct hp_memory_log *log)
{
    for (size_t i = 0; i < log->chunk_count; i++)
        chunk_free(log->chunks[i]);
    free(log->chunks);
    free(log->open);
    *log = (struct hp_memory_log){0};
}

/* ---- writing ------------------------------------------------------------------------- */

static struct hp_memory_chunk *
chunk_add(struct hp_memory_log *log)
{
    struct hp_memory_chunk *chunk = hp_alloc(sizeof(*chunk));

    if (log->chunk_count == log->chunk_capacity) {
        log->chunk_capacity = log->chunk_capacity ? log->chunk_capacity * 2 : 4;
        log->chunks = hp_realloc_array(log->chunks, log->chunk_capacity, sizeof(*log->chunks));
    }
    chunk->base = log->end;
    log->chunks[log->chunk_count++] = chunk;
    return chunk;
}

static struct hp_memory_chunk *
chunk_for(struct hp_memory_log *log)
{
    struct hp_memory_chunk *chunk = log->chunk_count ? log->chunks[log->chunk_count - 1] : NULL;

    if (!chunk || chunk->count == CHUNK_RECORDS || chunk->bytes.size >= CHUNK_BYTES)
        chunk = chunk_add(log);
    if (chunk->count == chunk->room) {
        chunk->room = chunk->room ? chunk->room * 2 : 16;
        chunk->starts = hp_realloc_array(chunk->starts, chunk->room, sizeof(*chunk->starts));
    }
    return chunk;
}

static int64_t
write_record(struct hp_memory_log *log, uint8_t flags, uint64_t producer, int64_t timestamp_ms,
    const struct hp_outgoing *record)
{
    struct hp_memory_chunk *chunk = chunk_for(log);
    size_t before = chunk->bytes.size;

    chunk->starts[chunk->count++] = (uint32_t)before;
    hp_put_u8(&chunk->bytes, flags);
    hp_put_varint(&chunk->bytes, (int64_t)producer);
    hp_put_varint(&chunk->bytes, timestamp_ms);
    hp_put_bytes(&chunk->bytes, record->key);
    hp_put_bytes(&chunk->bytes, record->value);
    hp_put_varint(&chunk->bytes, (int64_t)record->header_count);
    for (size_t i = 0; i < record->header_count; i++) {
        hp_put_bytes(&chunk->bytes, record->headers[i].name);
        hp_put_bytes(&chunk->bytes, record->headers[i].value);
    }
    log->bytes += chunk->bytes.size - before;
    return log->end++;
}

static struct hp_memory_open *
open_find(struct hp_memory_log *log, uint64_t producer)
{
    for (size_t i = 0; i < log->open_count; i++)
        if (log->open[i].producer == producer)
            return &log->open[i];
    return NULL;
}

static void
open_add(struct hp_memory_log *log, uint64_t producer)
{
    if (log->open_count == log->open_capacity) {
        log->open_capacity = log->open_capacity ? log->open_capacity * 2 : 4;
        log->open = hp_realloc_array(log->open, log->open_capacity, sizeof(*log->open));
    }
    log->open[log->open_count++] = (struct hp_memory_open){producer, log->end};
}

int64_t
hp_memory_log_append(struct hp_memory_log *log, uint64_t producer, int64_t timestamp_ms,
    const struct hp_outgoing *record)
{
    if (producer && !open_find(log, producer))
        open_add(log, producer);
    return write_record(log, 0, producer, timestamp_ms, record);
}

/* ---- looking up ---------------------------------------------------------------------- */

/* The chunk that covers `offset`, which lies in [base of the first, end). */
static size_t
chunk_index(const struct hp_memory_log *log, int64_t offset)
{
    size_t low = 0;
    size_t high = log->chunk_count;

    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;

        if (log->chunks[middle]->base <= offset)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* False when the record at the chunk's entry was compacted away. */
static bool
record_at(const struct hp_memory_chunk *chunk, uint32_t entry, struct record *record)
{
    struct hp_cursor cursor;
    uint32_t start = chunk->starts ? chunk->starts[entry] : GONE;

    if (start == GONE)
        return false;
    record->flags = chunk->bytes.data + start;
    cursor =
        (struct hp_cursor){record->flags + 1, chunk->bytes.data + chunk->bytes.size, false};
    record->producer = (uint64_t)hp_get_varint(&cursor);
    record->timestamp_ms = hp_get_varint(&cursor);
    record->key = hp_get_bytes(&cursor);
    record->value = hp_get_bytes(&cursor);
    record->headers = cursor;
    HP_ASSERT(!cursor.failed);
    return true;
}

int64_t
hp_memory_log_stable(const struct hp_memory_log *log)
{
    int64_t stable = log->end;

    for (size_t i = 0; i < log->open_count; i++)
        if (log->open[i].first < stable)
            stable = log->open[i].first;
    return stable;
}

/* Keeps (2). */
static void
flag_aborted(struct hp_memory_log *log, const struct hp_memory_open *open)
{
    for (size_t i = chunk_index(log, open->first); i < log->chunk_count; i++) {
        struct hp_memory_chunk *chunk = log->chunks[i];

        for (uint32_t k = 0; k < chunk->count; k++) {
            struct record record;

            if (chunk->base + k < open->first || !record_at(chunk, k, &record))
                continue;
            if (record.producer == open->producer)
                *record.flags |= RECORD_ABORTED;
        }
    }
}

bool
hp_memory_log_finish(
    struct hp_memory_log *log, uint64_t producer, bool commit, int64_t timestamp_ms)
{
    struct hp_memory_open *open = open_find(log, producer);

    if (!open)
        return false;
    if (!commit)
        flag_aborted(log, open);
    *open = log->open[--log->open_count];
    write_record(log, RECORD_MARKER, producer, timestamp_ms, &(struct hp_outgoing){0});
    return true;
}

/* ---- reading ------------------------------------------------------------------------- */

static void
copy_out(struct record *record, int64_t offset, struct hp_arena *arena, struct hp_message *out)
{
    size_t count = (size_t)hp_get_varint(&record->headers);
    struct hp_header *headers = HP_ARENA_ARRAY(arena, count, struct hp_header);

    for (size_t i = 0; i < count; i++) {
        headers[i].name = hp_arena_copy(arena, hp_get_bytes(&record->headers));
        headers[i].value = hp_arena_copy(arena, hp_get_bytes(&record->headers));
    }
    HP_ASSERT(!record->headers.failed);
    out->offset = offset;
    out->timestamp_ms = record->timestamp_ms;
    out->key = hp_arena_copy(arena, record->key);
    out->value = hp_arena_copy(arena, record->value);
    out->headers = headers;
    out->header_count = count;
}

static bool
visible(const struct record *record, bool uncommitted)
{
    if (*record->flags & RECORD_MARKER)
        return false;
    return uncommitted || !(*record->flags & RECORD_ABORTED);
}

bool
hp_memory_log_next(const struct hp_memory_log *log, bool uncommitted, int64_t *position,
    struct hp_arena *arena, struct hp_message *message)
{
    int64_t end = uncommitted ? log->end : hp_memory_log_stable(log);
    size_t index;

    HP_ASSERT(*position >= log->start);
    if (*position >= end)
        return false;
    index = chunk_index(log, *position);
    while (*position < end) {
        const struct hp_memory_chunk *chunk = log->chunks[index];
        struct record record;

        if (*position == chunk->base + chunk->count) {
            index++;
            continue;
        }
        if (record_at(chunk, (uint32_t)(*position - chunk->base), &record) &&
            visible(&record, uncommitted)) {
            copy_out(&record, *position, arena, message);
            ++*position;
            return true;
        }
        ++*position;
    }
    return false;
}

/* ---- deleting ------------------------------------------------------------------------ */

void
hp_memory_log_trim(struct hp_memory_log *log, int64_t before)
{
    size_t gone = 0;

    if (before <= log->start)
        return;
    log->start = before < log->end ? before : log->end;
    while (gone + 1 < log->chunk_count && log->chunks[gone + 1]->base <= log->start) {
        log->bytes -= log->chunks[gone]->bytes.size;
        chunk_free(log->chunks[gone++]);
    }
    log->chunk_count -= gone;
    if (gone)
        memmove(log->chunks, log->chunks + gone, log->chunk_count * sizeof(*log->chunks));
}

int64_t
hp_memory_log_head(const struct hp_memory_log *log)
{
    return log->chunk_count > 1 ? log->chunks[1]->base : 0;
}

/* ---- compaction ---------------------------------------------------------------------- */

struct latest {
    struct hp_digest key;
    int64_t offset;
};

static int
latest_order(const void *left, const void *right)
{
    const struct latest *a = left;
    const struct latest *b = right;

    if (a->key.high != b->key.high)
        return a->key.high < b->key.high ? -1 : 1;
    if (a->key.low != b->key.low)
        return a->key.low < b->key.low ? -1 : 1;
    return (a->offset > b->offset) - (a->offset < b->offset);
}

static bool
counts(const struct record *record)
{
    return visible(record, false) && record->key.data;
}

/* The committed keyed records below `end`, sorted by key, then offset. */
static struct latest *
collect(const struct hp_memory_log *log, int64_t end, size_t *count)
{
    struct latest *all = hp_alloc(((size_t)(end - log->start) + 1) * sizeof(*all));

    *count = 0;
    for (size_t i = 0; i < log->chunk_count; i++) {
        const struct hp_memory_chunk *chunk = log->chunks[i];

        for (uint32_t k = 0; k < chunk->count; k++) {
            struct record record;
            int64_t offset = chunk->base + k;

            if (offset >= log->start && offset < end && record_at(chunk, k, &record) &&
                counts(&record))
                all[(*count)++] = (struct latest){hp_hash128(record.key), offset};
        }
    }
    qsort(all, *count, sizeof(*all), latest_order);
    return all;
}

/* One bit per offset from the log's start: this record stays. */
static uint8_t *
mark_latest(const struct hp_memory_log *log, int64_t end)
{
    size_t count;
    struct latest *all = collect(log, end, &count);
    uint8_t *stays = hp_alloc((size_t)(end - log->start) / 8 + 1);

    for (size_t i = 0; i < count; i++)
        if (i + 1 == count || !hp_digest_equal(all[i].key, all[i + 1].key))
            stays[(all[i].offset - log->start) / 8] |=
                (uint8_t)(1U << ((all[i].offset - log->start) % 8));
    free(all);
    return stays;
}

static size_t
record_size(const struct hp_memory_chunk *chunk, uint32_t entry)
{
    for (uint32_t k = entry + 1; k < chunk->count; k++)
        if (chunk->starts[k] != GONE)
            return chunk->starts[k] - chunk->starts[entry];
    return chunk->bytes.size - chunk->starts[entry];
}

static bool
keeps(const struct hp_memory_log *log, const uint8_t *stays, int64_t offset,
    const struct record *record, int64_t tombstones_before_ms)
{
    int64_t bit = offset - log->start;

    if (bit < 0)
        return false;
    if (*record->flags & RECORD_MARKER || (visible(record, false) && !record->key.data))
        return true;
    if (!record->value.data && record->timestamp_ms < tombstones_before_ms)
        return false;
    return stays[bit / 8] >> (bit % 8) & 1;
}

void
hp_memory_log_compact(struct hp_memory_log *log, int64_t tombstones_before_ms)
{
    int64_t end = hp_memory_log_stable(log);
    uint8_t *stays = mark_latest(log, end);

    for (size_t i = 0; i < log->chunk_count && log->chunks[i]->base < end; i++) {
        struct hp_memory_chunk *chunk = log->chunks[i];
        struct hp_buffer bytes = {0};

        for (uint32_t k = 0; k < chunk->count; k++) {
            struct record record;
            size_t size;

            if (!record_at(chunk, k, &record))
                continue;
            size = record_size(chunk, k);
            if (chunk->base + k < end &&
                !keeps(log, stays, chunk->base + k, &record, tombstones_before_ms)) {
                chunk->starts[k] = GONE;
                continue;
            }
            hp_buffer_append(&bytes, record.flags, size);
            chunk->starts[k] = (uint32_t)(bytes.size - size);
        }
        log->bytes = log->bytes - chunk->bytes.size + bytes.size;
        hp_buffer_release(&chunk->bytes);
        chunk->bytes = bytes;
    }
    free(stays);
}
