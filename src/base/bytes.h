/*
 * base/bytes.h - a borrowed view of bytes, and a growable buffer that owns some.
 *
 * A view with data == NULL means "no value" (a null key, a tombstone); an empty value has
 * size 0 and a non-NULL data.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_BASE_BYTES_H
#define HP_BASE_BYTES_H

#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

struct hp_bytes {
    const uint8_t *data;
    size_t size;
};

/* For printf("%.*s", HP_BYTES_FORMAT(bytes)). */
#define HP_BYTES_FORMAT(b) (int)(b).size, (const char *)(b).data

static inline struct hp_bytes
hp_bytes(const void *data, size_t size)
{
    return (struct hp_bytes){data, size};
}

/* View of a C string without its terminator; NULL gives no value. */
static inline struct hp_bytes
hp_bytes_text(const char *text)
{
    return (struct hp_bytes){(const uint8_t *)text, text ? strlen(text) : 0};
}

static inline bool
hp_bytes_equal(struct hp_bytes a, struct hp_bytes b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

static inline bool
hp_bytes_is(struct hp_bytes a, const char *text)
{
    return hp_bytes_equal(a, hp_bytes_text(text));
}

/* Bytewise, a prefix before what it begins; the order of RocksDB's default comparator. */
static inline int
hp_bytes_compare(struct hp_bytes a, struct hp_bytes b)
{
    size_t size = a.size < b.size ? a.size : b.size;
    int order = size ? memcmp(a.data, b.data, size) : 0;

    return order ? order : (a.size > b.size) - (a.size < b.size);
}

static inline bool
hp_bytes_starts(struct hp_bytes bytes, struct hp_bytes prefix)
{
    return bytes.size >= prefix.size &&
           (prefix.size == 0 || memcmp(bytes.data, prefix.data, prefix.size) == 0);
}

/* Whole input is well-formed UTF-8 (no surrogates, no overlong forms, at most U+10FFFF). */
bool hp_bytes_utf8(struct hp_bytes bytes);

/* A buffer that grows. Zeroed is empty; append never fails (allocation failure ends the
 * process). */
struct hp_buffer {
    uint8_t *data;
    size_t size;
    size_t capacity;
};

void hp_buffer_release(struct hp_buffer *buffer);
void hp_buffer_reserve(struct hp_buffer *buffer, size_t more);
void hp_buffer_append(struct hp_buffer *buffer, const void *data, size_t size);
void hp_buffer_printf(struct hp_buffer *buffer, const char *format, ...) HP_PRINTF(2, 3);

static inline void
hp_buffer_clear(struct hp_buffer *buffer)
{
    buffer->size = 0;
}

static inline struct hp_bytes
hp_buffer_bytes(const struct hp_buffer *buffer)
{
    return (struct hp_bytes){buffer->data, buffer->size};
}

/* Big-endian integers, the byte order of keys; and of stored values. */
static inline void
hp_put_u8(struct hp_buffer *buffer, uint8_t value)
{
    hp_buffer_append(buffer, &value, 1);
}
void hp_put_u16(struct hp_buffer *buffer, uint16_t value);
void hp_put_u32(struct hp_buffer *buffer, uint32_t value);
void hp_put_u64(struct hp_buffer *buffer, uint64_t value);
/* Zigzag varint, as Avro's long. */
void hp_put_varint(struct hp_buffer *buffer, int64_t value);
/* Length as varint, then the bytes. A null view is written as length -1. */
void hp_put_bytes(struct hp_buffer *buffer, struct hp_bytes bytes);

/* Reads what hp_put_* wrote. After any failure `failed` is set and every read gives 0 or no
 * value. */
struct hp_cursor {
    const uint8_t *at;
    const uint8_t *end;
    bool failed;
};

static inline struct hp_cursor
hp_cursor(struct hp_bytes bytes)
{
    return (struct hp_cursor){
        bytes.data, bytes.size ? bytes.data + bytes.size : bytes.data, false};
}
uint8_t hp_get_u8(struct hp_cursor *cursor);
uint16_t hp_get_u16(struct hp_cursor *cursor);
uint32_t hp_get_u32(struct hp_cursor *cursor);
uint64_t hp_get_u64(struct hp_cursor *cursor);
int64_t hp_get_varint(struct hp_cursor *cursor);
struct hp_bytes hp_get_bytes(struct hp_cursor *cursor); /* borrows from the input */
/* Everything was read and nothing failed. */
static inline bool
hp_cursor_done(const struct hp_cursor *cursor)
{
    return !cursor->failed && cursor->at == cursor->end;
}

#endif
