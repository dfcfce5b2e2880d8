/* ledger/value.c - strict readers of stored values. SPDX-License-Identifier: Apache-2.0 */
#include "ledger/value.h"

struct hp_cursor
hp_value_open(struct hp_bytes value, uint8_t version)
{
    struct hp_cursor cursor = hp_cursor(value);

    if (!value.data || hp_get_u8(&cursor) != version)
        cursor.failed = true;
    return cursor;
}

enum hp_status
hp_value_close(const struct hp_cursor *cursor, const char *what, struct hp_error *error)
{
    if (hp_cursor_done(cursor))
        return HP_OK;
    return hp_fail(error, HP_CORRUPT, "a stored value is not a valid %s", what);
}

/* A varint whose last byte is 0 has a shorter spelling. */
static int64_t
shortest_varint(struct hp_cursor *cursor)
{
    const uint8_t *start = cursor->at;
    int64_t value = hp_get_varint(cursor);

    if (!cursor->failed && cursor->at - start > 1 && cursor->at[-1] == 0)
        cursor->failed = true;
    return cursor->failed ? 0 : value;
}

int64_t
hp_value_number(struct hp_cursor *cursor, int64_t low, int64_t high)
{
    int64_t value = shortest_varint(cursor);

    if (value < low || value > high)
        cursor->failed = true;
    return cursor->failed ? low : value;
}

size_t
hp_value_count(struct hp_cursor *cursor, size_t max, size_t least)
{
    int64_t count = hp_value_number(cursor, 0, (int64_t)max);

    if (!cursor->failed && (size_t)count > (size_t)(cursor->end - cursor->at) / least)
        cursor->failed = true;
    return cursor->failed ? 0 : (size_t)count;
}

struct hp_bytes
hp_value_bytes_maybe(struct hp_cursor *cursor, size_t low, size_t high)
{
    int64_t size = shortest_varint(cursor);
    struct hp_bytes bytes = {0};

    if (cursor->failed || size == -1)
        return bytes;
    if (size < (int64_t)low || size > (int64_t)high || size > cursor->end - cursor->at) {
        cursor->failed = true;
        return bytes;
    }
    bytes = hp_bytes(cursor->at, (size_t)size);
    cursor->at += size;
    return bytes;
}

struct hp_bytes
hp_value_bytes(struct hp_cursor *cursor, size_t low, size_t high)
{
    struct hp_bytes bytes = hp_value_bytes_maybe(cursor, low, high);

    if (!bytes.data)
        cursor->failed = true;
    return bytes;
}

struct hp_maybe
hp_value_maybe(struct hp_cursor *cursor, int64_t low, int64_t high)
{
    struct hp_maybe maybe = {.present = hp_value_number(cursor, 0, 1) == 1};

    if (maybe.present)
        maybe.value = hp_value_number(cursor, low, high);
    return maybe;
}

void
hp_value_put_maybe(struct hp_buffer *out, struct hp_maybe maybe)
{
    hp_put_varint(out, maybe.present);
    if (maybe.present)
        hp_put_varint(out, maybe.value);
}
