/*
 * engine/header.h - the rows the engine keeps about itself: where a task stands.
 *
 * The `!end` row ends every transaction's part of a changelog partition and is the truth about
 * positions; the local header is the same plus what the local copy knows; the audit record says
 * what one transaction did. All begin with a version byte. Layouts: state/README.md.
 *
 * Thread: any. Decoders borrow from their input.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_ENGINE_HEADER_H
#define HP_ENGINE_HEADER_H

#include "base/hash.h"
#include "engine/engine.h"
#include "store/kv.h"

#define HP_HEADER_VERSION 1
#define HP_END_NAME       "!end"

struct hp_end_position {
    struct hp_bytes topic;
    int64_t offset; /* the next to read */
};

struct hp_end {
    bool present;
    int64_t sequence; /* of transactions of this partition, from 1 */
    int32_t partitions;
    struct hp_digest digest; /* sum of XXH3-128(store | key | value) over changelogged rows */
    size_t count;
    struct hp_end_position positions[HP_SOURCES_MAX];
};

struct hp_local_header {
    int64_t changelog_offset; /* the next changelog record to apply */
    int64_t wall_ms;          /* when the copy was last known to be complete */
    struct hp_digest digest;  /* of the rows in this copy */
    struct hp_end end;        /* the latest seen; absent when none */
    int64_t end_offset;       /* where it lies in the changelog */
};

struct hp_audit_source {
    struct hp_bytes topic;
    int64_t from;
    int64_t to;
};

struct hp_audit {
    int64_t sequence;
    int64_t processed;
    int64_t dead;
    int64_t rerouted;
    int64_t emitted;
    struct hp_digest digest;
    size_t count;
    struct hp_audit_source sources[HP_SOURCES_MAX];
};

void hp_end_encode(const struct hp_end *end, struct hp_buffer *out);
/* False when malformed or of another version; `end` is then absent. */
HP_MUST_CHECK bool hp_end_decode(struct hp_bytes value, struct hp_end *end);
/* The position of `topic`, or HP_OFFSET_NONE. */
int64_t hp_end_position(const struct hp_end *end, const char *topic);

void hp_local_header_encode(const struct hp_local_header *header, struct hp_buffer *out);
HP_MUST_CHECK bool hp_local_header_decode(
    struct hp_bytes value, struct hp_local_header *header);
/*
 * Reads the header of a partition's local range. `*found` is false when there is none or it
 * cannot be read by this version. Strings live in the arena.
 */
HP_MUST_CHECK enum hp_status hp_local_header_read(struct hp_kv *kv, int32_t partition,
    struct hp_arena *arena, struct hp_local_header *header, bool *found,
    struct hp_error *error);
/* The key of a partition's local header. */
void hp_local_header_key(struct hp_buffer *out, int32_t partition);

void hp_audit_encode(const struct hp_audit *audit, struct hp_buffer *out);
HP_MUST_CHECK bool hp_audit_decode(struct hp_bytes value, struct hp_audit *audit);

#endif
