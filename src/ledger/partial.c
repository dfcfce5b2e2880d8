/*
 * ledger/partial.c - partial rows as bytes.
 *
 * Ids of a shop resemble one another and stand in order, so most of an id is what the one
 * before has, too: 4 to 6 bytes a partner instead of 10.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ledger/partial.h"

#include "domain/limits.h"

#define VERSION 1

static size_t
shared_bytes(struct hp_bytes a, struct hp_bytes b)
{
    size_t most = a.size < b.size ? a.size : b.size;
    size_t shared = 0;

    while (shared < most && a.data[shared] == b.data[shared])
        shared++;
    return shared;
}

void
hp_partial_encode(const struct hp_partial *partial, struct hp_buffer *out)
{
    struct hp_bytes last = {0};

    HP_ASSERT(partial->partner_count <= HP_PARTIAL_PARTNERS_MAX);
    if (hp_head_empty(&partial->head))
        return;
    hp_put_u8(out, VERSION);
    hp_head_put(&partial->head, out);
    hp_put_varint(out, (int64_t)partial->partner_count);
    for (size_t i = 0; i < partial->partner_count; i++) {
        const struct hp_partial_partner *partner = &partial->partners[i];
        size_t shared = shared_bytes(last, partner->item_id);

        hp_put_u8(out, (uint8_t)shared);
        hp_put_bytes(
            out, hp_bytes(partner->item_id.data + shared, partner->item_id.size - shared));
        hp_put_varint(out, partner->users);
        last = partner->item_id;
    }
}

/* The next id, of its own in the arena; it fails unless it is greater than `last`. */
static struct hp_bytes
read_id(struct hp_cursor *cursor, struct hp_bytes last, struct hp_arena *arena)
{
    size_t shared = hp_get_u8(cursor);
    struct hp_bytes rest = hp_value_bytes(cursor, 1, HP_ID_BYTES_MAX);
    struct hp_bytes id;
    uint8_t *bytes;

    if (cursor->failed || shared > last.size || shared + rest.size > HP_ID_BYTES_MAX) {
        cursor->failed = true;
        return last;
    }
    if (shared < last.size && rest.data[0] <= last.data[shared])
        cursor->failed = true; /* not behind the last one, or more is shared than it says */
    if (shared == 0)           /* nothing to put together */
        return rest;
    bytes = hp_arena_array(arena, shared + rest.size, 1);
    memcpy(bytes, last.data, shared);
    memcpy(bytes + shared, rest.data, rest.size);
    id = hp_bytes(bytes, shared + rest.size);
    return id;
}

enum hp_status
hp_partial_decode(struct hp_bytes value, struct hp_arena *arena, struct hp_partial *partial,
    struct hp_error *error)
{
    struct hp_cursor cursor = hp_value_open(value, VERSION);
    struct hp_partial_partner *partners;
    struct hp_bytes last = {0};
    size_t count;

    *partial = (struct hp_partial){0};
    if (!value.data)
        return HP_OK;
    hp_head_get(&cursor, arena, &partial->head);
    count = hp_value_count(&cursor, HP_PARTIAL_PARTNERS_MAX, 4);
    partners = HP_ARENA_ARRAY(arena, count, struct hp_partial_partner);
    for (size_t i = 0; i < count && !cursor.failed; i++) {
        last = read_id(&cursor, last, arena);
        partners[i].item_id = last;
        partners[i].users = hp_value_number(&cursor, 1, HP_HEAD_COUNT_MAX);
    }
    partial->partners = partners;
    partial->partner_count = count;
    return hp_value_close(&cursor, "partial row", error);
}
