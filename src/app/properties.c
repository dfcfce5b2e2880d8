/* app/properties.c - lines, continuations, escapes. SPDX-License-Identifier: Apache-2.0 */
#include "app/properties.h"

static bool
is_blank(uint8_t byte)
{
    return byte == ' ' || byte == '\t' || byte == '\f' || byte == '\r';
}

static struct hp_bytes
trim(struct hp_bytes text)
{
    while (text.size && is_blank(text.data[0]))
        text = hp_bytes(text.data + 1, text.size - 1);
    while (text.size && is_blank(text.data[text.size - 1]))
        text.size--;
    return text;
}

/* One line of the file, without its end. */
static struct hp_bytes
take_line(struct hp_properties *properties)
{
    struct hp_bytes rest = properties->rest;
    const uint8_t *end = memchr(rest.data, '\n', rest.size);
    size_t size = end ? (size_t)(end - rest.data) : rest.size;
    size_t taken = end ? size + 1 : size;

    properties->rest = hp_bytes(rest.data + taken, rest.size - taken);
    properties->line++;
    return trim(hp_bytes(rest.data, size));
}

static bool
is_continued(struct hp_bytes line)
{
    size_t slashes = 0;

    while (slashes < line.size && line.data[line.size - 1 - slashes] == '\\')
        slashes++;
    return slashes % 2 == 1;
}

/* A line and what continues it; false at the end of the text. */
static bool
take_logical_line(struct hp_properties *properties, struct hp_buffer *out, int *first)
{
    struct hp_bytes line = {0};

    do {
        if (properties->rest.size == 0)
            return false;
        line = take_line(properties);
    } while (line.size == 0 || line.data[0] == '#' || line.data[0] == '!');
    *first = properties->line;
    hp_buffer_clear(out);
    while (is_continued(line)) {
        hp_buffer_append(out, line.data, line.size - 1);
        line = properties->rest.size ? take_line(properties) : hp_bytes("", 0);
    }
    hp_buffer_append(out, line.data, line.size);
    return true;
}

static int
hex_digit(uint8_t byte)
{
    if (byte >= '0' && byte <= '9')
        return byte - '0';
    byte |= 0x20;
    return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

/* Reads XXXX of \uXXXX; 0 (and surrogates, which are no characters) when malformed. */
static uint32_t
hex_character(struct hp_bytes text)
{
    uint32_t character = 0;

    if (text.size < 4)
        return 0;
    for (size_t i = 0; i < 4; i++) {
        int digit = hex_digit(text.data[i]);

        if (digit < 0)
            return 0;
        character = character << 4 | (uint32_t)digit;
    }
    return character >= 0xD800 && character < 0xE000 ? 0 : character;
}

static void
put_character(struct hp_buffer *out, uint32_t character)
{
    if (character < 0x80) {
        hp_put_u8(out, (uint8_t)character);
    } else if (character < 0x800) {
        hp_put_u8(out, (uint8_t)(0xC0 | character >> 6));
        hp_put_u8(out, (uint8_t)(0x80 | (character & 0x3F)));
    } else {
        hp_put_u8(out, (uint8_t)(0xE0 | character >> 12));
        hp_put_u8(out, (uint8_t)(0x80 | (character >> 6 & 0x3F)));
        hp_put_u8(out, (uint8_t)(0x80 | (character & 0x3F)));
    }
}

/* `text` begins after the backslash; returns the bytes used, 0 when it is no escape. */
static size_t
unescape(struct hp_bytes text, struct hp_buffer *out)
{
    uint32_t character;

    if (text.size == 0)
        return 0;
    switch (text.data[0]) {
    case 't': hp_put_u8(out, '\t'); return 1;
    case 'n': hp_put_u8(out, '\n'); return 1;
    case 'r': hp_put_u8(out, '\r'); return 1;
    case 'u':
        character = hex_character(hp_bytes(text.data + 1, text.size - 1));
        put_character(out, character);
        return character ? 5 : 0;
    default:
        if (!strchr("\\=:#! ", text.data[0]) || text.data[0] == '\0')
            return 0;
        hp_put_u8(out, text.data[0]);
        return 1;
    }
}

static bool
unescape_all(struct hp_bytes text, struct hp_buffer *out)
{
    hp_buffer_clear(out);
    for (size_t i = 0; i < text.size; i++) {
        size_t used;

        if (text.data[i] != '\\') {
            hp_put_u8(out, text.data[i]);
            continue;
        }
        used = unescape(hp_bytes(text.data + i + 1, text.size - i - 1), out);
        if (used == 0)
            return false;
        i += used;
    }
    return true;
}

static enum hp_status
split(struct hp_properties *properties, struct hp_bytes line, struct hp_property *property,
    struct hp_error *error)
{
    const uint8_t *equals = memchr(line.data, '=', line.size);
    struct hp_buffer plain = {0};
    struct hp_bytes key;
    bool good;

    if (!hp_bytes_utf8(line) || memchr(line.data, '\0', line.size))
        return hp_fail(
            error, HP_USAGE, "%s:%d: is not UTF-8 text", properties->name, property->line);
    if (!equals || equals == line.data)
        return hp_fail(
            error, HP_USAGE, "%s:%d: expected KEY=VALUE", properties->name, property->line);
    key = trim(hp_bytes(line.data, (size_t)(equals - line.data)));
    property->key = hp_arena_text(properties->arena, key);
    good = unescape_all(
        trim(hp_bytes(equals + 1, line.size - (size_t)(equals + 1 - line.data))), &plain);
    if (good)
        property->value = hp_arena_text(properties->arena, hp_buffer_bytes(&plain));
    hp_buffer_release(&plain);
    return good ? HP_OK
                : hp_fail(error, HP_USAGE,
                      "%s:%d: %.64s: unknown escape after a backslash (write \\\\ for one)",
                      properties->name, property->line, property->key);
}

enum hp_status
hp_properties_next(
    struct hp_properties *properties, struct hp_property *property, struct hp_error *error)
{
    struct hp_buffer line = {0};
    enum hp_status status = HP_OK;

    *property = (struct hp_property){0};
    if (properties->line == 0 && hp_bytes_starts(properties->rest, hp_bytes("\xEF\xBB\xBF", 3)))
        properties->rest = hp_bytes(properties->rest.data + 3, properties->rest.size - 3);
    if (take_logical_line(properties, &line, &property->line))
        status = split(properties, hp_buffer_bytes(&line), property, error);
    hp_buffer_release(&line);
    return status;
}
