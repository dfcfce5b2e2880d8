/* store/keys.c - escaped parts, heads, prefix ends. SPDX-License-Identifier: Apache-2.0 */
#include "store/keys.h"

void
hp_key_head(struct hp_buffer *out, int32_t partition, uint8_t store)
{
    HP_ASSERT(partition >= 0);
    hp_put_u32(out, (uint32_t)partition);
    hp_put_u8(out, store);
}

/* Zeroes are rare: whole runs between them are copied. */
void
hp_key_part(struct hp_buffer *out, struct hp_bytes part)
{
    const uint8_t *at = part.data;
    const uint8_t *end = part.size ? part.data + part.size : part.data;

    while (at < end) {
        const uint8_t *zero = memchr(at, 0, (size_t)(end - at));
        const uint8_t *stop = zero ? zero : end;

        hp_buffer_append(out, at, (size_t)(stop - at));
        if (!zero)
            break;
        hp_buffer_append(out, "\x00\xFF", 2);
        at = zero + 1;
    }
    hp_buffer_append(out, "\x00\x01", 2);
}

bool
hp_key_part_read(struct hp_cursor *cursor, struct hp_buffer *out)
{
    hp_buffer_clear(out);
    hp_buffer_reserve(out, 1); /* an empty part is a value, too */
    while (!cursor->failed) {
        uint8_t byte = hp_get_u8(cursor);

        if (byte == 0) {
            byte = hp_get_u8(cursor);
            if (byte == 0x01 && !cursor->failed)
                return true;
            if (byte != 0xFF)
                break;
            byte = 0;
        }
        hp_put_u8(out, byte);
    }
    cursor->failed = true;
    return false;
}

bool
hp_key_after_prefix(struct hp_bytes prefix, struct hp_buffer *out)
{
    hp_buffer_clear(out);
    while (prefix.size && prefix.data[prefix.size - 1] == 0xFF)
        prefix.size--;
    if (prefix.size == 0)
        return false;
    hp_buffer_append(out, prefix.data, prefix.size);
    out->data[out->size - 1]++;
    return true;
}
