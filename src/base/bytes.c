/* base/bytes.c - buffers and fixed encodings. SPDX-License-Identifier: Apache-2.0 */
#include "base/bytes.h"

#include <stdarg.h>

/* Length of the well-formed sequence at `at`, or 0. Table 3-7 of the Unicode standard. */
static size_t
utf8_sequence(const uint8_t *at, size_t left)
{
    uint8_t lead = at[0];
    uint8_t low = 0x80;
    uint8_t high = 0xBF;
    size_t size;

    if (lead < 0x80)
        return 1;
    if (lead < 0xC2 || lead > 0xF4)
        return 0;
    size = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    if (left < size)
        return 0;
    if (lead == 0xE0)
        low = 0xA0;
    else if (lead == 0xED)
        high = 0x9F;
    else if (lead == 0xF0)
        low = 0x90;
    else if (lead == 0xF4)
        high = 0x8F;
    if (at[1] < low || at[1] > high)
        return 0;
    for (size_t i = 2; i < size; i++)
        if ((at[i] & 0xC0) != 0x80)
            return 0;
    return size;
}

bool
hp_bytes_utf8(struct hp_bytes bytes)
{
    size_t at = 0;

    while (at < bytes.size) {
        size_t size = utf8_sequence(bytes.data + at, bytes.size - at);

        if (size == 0)
            return false;
        at += size;
    }
    return true;
}

void
hp_buffer_release(struct hp_buffer *buffer)
{
    free(buffer->data);
    *buffer = (struct hp_buffer){0};
}

void
hp_buffer_reserve(struct hp_buffer *buffer, size_t more)
{
    size_t capacity = buffer->capacity ? buffer->capacity : 64;

    if (more > SIZE_MAX / 2 - buffer->size)
        hp_die("out of memory: buffer of %zu bytes", more);
    if (buffer->size + more <= buffer->capacity)
        return;
    while (capacity < buffer->size + more)
        capacity *= 2;
    buffer->data = hp_realloc_array(buffer->data, capacity, 1);
    buffer->capacity = capacity;
}

void
hp_buffer_append(struct hp_buffer *buffer, const void *data, size_t size)
{
    hp_buffer_reserve(buffer, size ? size : 1);
    if (size)
        memcpy(buffer->data + buffer->size, data, size);
    buffer->size += size;
}

void
hp_buffer_printf(struct hp_buffer *buffer, const char *format, ...)
{
    va_list args;
    va_list again;
    int size;

    va_start(args, format);
    va_copy(again, args);
    size = vsnprintf(NULL, 0, format, args);
    HP_ASSERT(size >= 0);
    hp_buffer_reserve(buffer, (size_t)size + 1);
    vsnprintf((char *)buffer->data + buffer->size, (size_t)size + 1, format, again);
    buffer->size += (size_t)size;
    va_end(again);
    va_end(args);
}

static void
put_big_endian(struct hp_buffer *buffer, uint64_t value, size_t size)
{
    uint8_t bytes[8];

    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(value >> (8 * (size - 1 - i)));
    hp_buffer_append(buffer, bytes, size);
}

void
hp_put_u16(struct hp_buffer *buffer, uint16_t value)
{
    put_big_endian(buffer, value, 2);
}

void
hp_put_u32(struct hp_buffer *buffer, uint32_t value)
{
    put_big_endian(buffer, value, 4);
}

void
hp_put_u64(struct hp_buffer *buffer, uint64_t value)
{
    put_big_endian(buffer, value, 8);
}

void
hp_put_varint(struct hp_buffer *buffer, int64_t value)
{
    uint64_t left = ((uint64_t)value << 1) ^ (uint64_t)(value >> 63);
    uint8_t bytes[10];
    size_t size = 0;

    while (left >= 0x80) {
        bytes[size++] = (uint8_t)(left | 0x80);
        left >>= 7;
    }
    bytes[size++] = (uint8_t)left;
    hp_buffer_append(buffer, bytes, size);
}

void
hp_put_bytes(struct hp_buffer *buffer, struct hp_bytes bytes)
{
    hp_put_varint(buffer, bytes.data ? (int64_t)bytes.size : -1);
    if (bytes.data)
        hp_buffer_append(buffer, bytes.data, bytes.size);
}

static uint64_t
get_big_endian(struct hp_cursor *cursor, size_t size)
{
    uint64_t value = 0;

    if (cursor->failed || (size_t)(cursor->end - cursor->at) < size) {
        cursor->failed = true;
        return 0;
    }
    for (size_t i = 0; i < size; i++)
        value = value << 8 | *cursor->at++;
    return value;
}

uint8_t
hp_get_u8(struct hp_cursor *cursor)
{
    return (uint8_t)get_big_endian(cursor, 1);
}

uint16_t
hp_get_u16(struct hp_cursor *cursor)
{
    return (uint16_t)get_big_endian(cursor, 2);
}

uint32_t
hp_get_u32(struct hp_cursor *cursor)
{
    return (uint32_t)get_big_endian(cursor, 4);
}

uint64_t
hp_get_u64(struct hp_cursor *cursor)
{
    return get_big_endian(cursor, 8);
}

int64_t
hp_get_varint(struct hp_cursor *cursor)
{
    uint64_t value = 0;

    for (unsigned shift = 0; shift < 64 && !cursor->failed; shift += 7) {
        uint8_t byte;

        if (cursor->at == cursor->end)
            break;
        byte = *cursor->at++;
        if (shift == 63 && byte > 1)
            break;
        value |= (uint64_t)(byte & 0x7F) << shift;
        if (byte < 0x80)
            return (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
    }
    cursor->failed = true;
    return 0;
}

struct hp_bytes
hp_get_bytes(struct hp_cursor *cursor)
{
    int64_t size = hp_get_varint(cursor);
    struct hp_bytes bytes = {0};

    if (cursor->failed || size == -1)
        return bytes;
    if (size < 0 || size > cursor->end - cursor->at) {
        cursor->failed = true;
        return bytes;
    }
    bytes = hp_bytes(cursor->at, (size_t)size);
    cursor->at += size;
    return bytes;
}
