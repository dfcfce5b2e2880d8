/* app/json_text.c - escapes. SPDX-License-Identifier: Apache-2.0 */
#include "app/json_text.h"

void
hp_json_hex(struct hp_buffer *out, struct hp_bytes bytes)
{
    static const char digits[] = "0123456789abcdef";

    if (!bytes.data) {
        hp_buffer_printf(out, "null");
        return;
    }
    hp_buffer_printf(out, "{\"hex\":\"");
    for (size_t i = 0; i < bytes.size; i++) {
        hp_put_u8(out, (uint8_t)digits[bytes.data[i] >> 4]);
        hp_put_u8(out, (uint8_t)digits[bytes.data[i] & 15]);
    }
    hp_buffer_printf(out, "\"}");
}

void
hp_json_text(struct hp_buffer *out, struct hp_bytes text)
{
    if (!text.data || !hp_bytes_utf8(text)) {
        hp_json_hex(out, text);
        return;
    }
    hp_put_u8(out, '"');
    for (size_t i = 0; i < text.size; i++) {
        uint8_t byte = text.data[i];

        if (byte == '"' || byte == '\\')
            hp_buffer_printf(out, "\\%c", byte);
        else if (byte < 0x20 || byte == 0x7F)
            hp_buffer_printf(out, "\\u%04x", byte);
        else
            hp_put_u8(out, byte);
    }
    hp_put_u8(out, '"');
}
