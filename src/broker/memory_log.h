/*
 * broker/memory_log.h - one partition kept in memory: records, markers, open transactions.
 *
 * Internal to the memory cluster, which holds its lock around every call.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_BROKER_MEMORY_LOG_H
#define HP_BROKER_MEMORY_LOG_H

#include "broker/broker.h"

struct hp_memory_chunk; /* layout in memory_log.c */

struct hp_memory_open { /* a transaction that is neither committed nor aborted */
    uint64_t producer;
    int64_t first; /* its first offset here */
};

struct hp_memory_log { /* zeroed is an empty partition */
    struct hp_memory_chunk **chunks;
    size_t chunk_count;
    size_t chunk_capacity;
    int64_t start; /* first offset that may be read */
    int64_t end;   /* next offset to be given */
    size_t bytes;
    struct hp_memory_open *open;
    size_t open_count;
    size_t open_capacity;
};

void hp_memory_log_release(struct hp_memory_log *log);

/* Returns the record's offset. `producer` 0 writes outside transactions; any other one opens a
 * transaction here or goes on with it. */
int64_t hp_memory_log_append(struct hp_memory_log *log, uint64_t producer, int64_t timestamp_ms,
    const struct hp_outgoing *record);

/* Writes the control marker that ends the producer's transaction; false when it has none. */
bool hp_memory_log_finish(
    struct hp_memory_log *log, uint64_t producer, bool commit, int64_t timestamp_ms);

/* The last stable offset: everything below it is decided. */
int64_t hp_memory_log_stable(const struct hp_memory_log *log);

/*
 * The first visible record at or after `*position`, copied into the arena; `*position` moves
 * past it. False at the end (`*position` is then the end, past markers and aborted records).
 * `*position` must not be below the log's start. `source` and `partition` are left alone.
 */
bool hp_memory_log_next(const struct hp_memory_log *log, bool uncommitted, int64_t *position,
    struct hp_arena *arena, struct hp_message *message);

/* Deletes what lies below `before`; whole chunks give their memory back. */
void hp_memory_log_trim(struct hp_memory_log *log, int64_t before);

/* Bytes that would be freed first, and the offset after them; 0 when only one chunk is left. */
int64_t hp_memory_log_head(const struct hp_memory_log *log);

/* Keeps the last committed record of every key; tombstones appended before
 * `tombstones_before_ms` go as well. Nothing at or after the last stable offset changes. */
void hp_memory_log_compact(struct hp_memory_log *log, int64_t tombstones_before_ms);

#endif
