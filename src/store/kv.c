/* store/kv.c - batches, and the way to an implementation. SPDX-License-Identifier: Apache-2.0
 */
#include "store/kv.h"

#include "store/kv_operations.h"

void
hp_kv_batch_release(struct hp_kv_batch *batch)
{
    hp_buffer_release(&batch->bytes);
    batch->count = 0;
}

void
hp_kv_batch_clear(struct hp_kv_batch *batch)
{
    hp_buffer_clear(&batch->bytes);
    batch->count = 0;
}

static void
batch_add(struct hp_kv_batch *batch, enum hp_kv_kind kind, struct hp_bytes a, struct hp_bytes b)
{
    hp_put_u8(&batch->bytes, (uint8_t)kind);
    hp_put_bytes(&batch->bytes, a);
    hp_put_bytes(&batch->bytes, b);
    batch->count++;
}

void
hp_kv_put(struct hp_kv_batch *batch, struct hp_bytes key, struct hp_bytes value)
{
    HP_ASSERT(key.data);
    HP_ASSERT(value.data);
    batch_add(batch, HP_KV_PUT, key, value);
}

void
hp_kv_delete(struct hp_kv_batch *batch, struct hp_bytes key)
{
    HP_ASSERT(key.data);
    batch_add(batch, HP_KV_DELETE, key, (struct hp_bytes){0});
}

void
hp_kv_delete_range(struct hp_kv_batch *batch, struct hp_bytes from, struct hp_bytes to)
{
    batch_add(batch, HP_KV_DELETE_RANGE, from, to);
}

bool
hp_kv_batch_next(struct hp_cursor *cursor, struct hp_kv_operation *operation)
{
    if (cursor->at == cursor->end)
        return false;
    operation->kind = (enum hp_kv_kind)hp_get_u8(cursor);
    operation->a = hp_get_bytes(cursor);
    operation->b = hp_get_bytes(cursor);
    HP_ASSERT(!cursor->failed);
    return true;
}

static const struct hp_kv_operations *
operations_of(void *object)
{
    return ((struct hp_kv_object *)object)->operations;
}

void
hp_kv_free(struct hp_kv *kv)
{
    if (kv)
        operations_of(kv)->free(kv);
}

enum hp_status
hp_kv_get(struct hp_kv *kv, struct hp_bytes key, struct hp_arena *arena, struct hp_bytes *value,
    struct hp_error *error)
{
    return operations_of(kv)->get(kv, key, arena, value, error);
}

enum hp_status
hp_kv_write(struct hp_kv *kv, const struct hp_kv_batch *batch, struct hp_error *error)
{
    return operations_of(kv)->write(kv, batch, error);
}

struct hp_kv_cursor *
hp_kv_scan(struct hp_kv *kv, struct hp_bytes from, struct hp_bytes to)
{
    return operations_of(kv)->scan(kv, from, to);
}

bool
hp_kv_next(struct hp_kv_cursor *cursor, struct hp_bytes *key, struct hp_bytes *value)
{
    return operations_of(cursor)->next(cursor, key, value);
}

enum hp_status
hp_kv_cursor_free(struct hp_kv_cursor *cursor, struct hp_error *error)
{
    return cursor ? operations_of(cursor)->cursor_free(cursor, error) : HP_OK;
}

enum hp_status
hp_kv_ingest(struct hp_kv *kv,
    bool (*next)(void *context, struct hp_bytes *key, struct hp_bytes *value), void *context,
    struct hp_error *error)
{
    return operations_of(kv)->ingest(kv, next, context, error);
}

enum hp_status
hp_kv_compact(
    struct hp_kv *kv, struct hp_bytes from, struct hp_bytes to, struct hp_error *error)
{
    return operations_of(kv)->compact(kv, from, to, error);
}
