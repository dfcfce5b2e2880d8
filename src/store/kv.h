/*
 * store/kv.h - an ordered map of bytes with atomic batches; RocksDB (kv_rocks.h) or memory
 * (kv_memory.h). Keys order bytewise. One batch is applied whole or not at all, also by a
 * crash.
 *
 * Statuses: HP_CORRUPT when stored bytes contradict themselves, HP_FATAL when the disk fails.
 *
 * Thread: reads from any thread; write, ingest and compact from one thread at a time per range.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_STORE_KV_H
#define HP_STORE_KV_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/status.h"

struct hp_kv;
struct hp_kv_cursor;

/* A batch: operations in order, a later one wins. Owns its bytes. Zeroed is empty. */
struct hp_kv_batch {
    struct hp_buffer bytes; /* u8 kind (1 put, 2 delete, 3 delete range), two hp_put_bytes */
    size_t count;
};
void hp_kv_batch_release(struct hp_kv_batch *batch);
void hp_kv_batch_clear(struct hp_kv_batch *batch);
void hp_kv_put(struct hp_kv_batch *batch, struct hp_bytes key, struct hp_bytes value);
void hp_kv_delete(struct hp_kv_batch *batch, struct hp_bytes key);
/* Every key in [from, to); `to` absent = to the end. */
void hp_kv_delete_range(struct hp_kv_batch *batch, struct hp_bytes from, struct hp_bytes to);

void hp_kv_free(struct hp_kv *kv);
/* The value copied into the arena; an absent view when there is none. */
HP_MUST_CHECK enum hp_status hp_kv_get(struct hp_kv *kv, struct hp_bytes key,
    struct hp_arena *arena, struct hp_bytes *value, struct hp_error *error);
HP_MUST_CHECK enum hp_status hp_kv_write(
    struct hp_kv *kv, const struct hp_kv_batch *batch, struct hp_error *error);
/*
 * A cursor over [from, to) of a snapshot taken now (`to` absent = to the end). next() returns
 * false at the end or after a failure, which status() tells. Views are valid until the next
 * call.
 */
struct hp_kv_cursor *hp_kv_scan(struct hp_kv *kv, struct hp_bytes from, struct hp_bytes to);
bool hp_kv_next(struct hp_kv_cursor *cursor, struct hp_bytes *key, struct hp_bytes *value);
HP_MUST_CHECK enum hp_status hp_kv_cursor_free(
    struct hp_kv_cursor *cursor, struct hp_error *error);
/*
 * Loads many pairs fast into a range that holds no keys yet. Pairs come sorted by key, without
 * repeats, from next(), which returns false at the end.
 */
HP_MUST_CHECK enum hp_status hp_kv_ingest(struct hp_kv *kv,
    bool (*next)(void *context, struct hp_bytes *key, struct hp_bytes *value), void *context,
    struct hp_error *error);
/* Rewrites [from, to) so that deleted bytes are gone from the files. */
HP_MUST_CHECK enum hp_status hp_kv_compact(
    struct hp_kv *kv, struct hp_bytes from, struct hp_bytes to, struct hp_error *error);

struct hp_kv_operations {
    void (*free)(struct hp_kv *);
    enum hp_status (*get)(struct hp_kv *, struct hp_bytes, struct hp_arena *, struct hp_bytes *,
        struct hp_error *);
    enum hp_status (*write)(struct hp_kv *, const struct hp_kv_batch *, struct hp_error *);
    struct hp_kv_cursor *(*scan)(struct hp_kv *, struct hp_bytes, struct hp_bytes);
    bool (*next)(struct hp_kv_cursor *, struct hp_bytes *, struct hp_bytes *);
    enum hp_status (*cursor_free)(struct hp_kv_cursor *, struct hp_error *);
    enum hp_status (*ingest)(struct hp_kv *,
        bool (*)(void *, struct hp_bytes *, struct hp_bytes *), void *, struct hp_error *);
    enum hp_status (*compact)(
        struct hp_kv *, struct hp_bytes, struct hp_bytes, struct hp_error *);
};

struct hp_kv_object { /* first member of every implementation's kv and cursor */
    const struct hp_kv_operations *operations;
};

#endif
