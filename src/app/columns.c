/*
 * app/columns.c
 *
 * wcwidth() needs a locale and answers by it, so a card would depend on the environment. The
 * tables here hold what names of goods are written in; ranges after Unicode 15's East Asian
 * Width (wide) and categories Mn, Me, Cf (zero), shortened to the scripts of India and the
 * blocks around them.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "app/columns.h"

struct range {
    uint32_t first, last;
};

static const struct range zero_width[] = {
    {0x0300, 0x036f}, /* combining accents */
    {0x0483, 0x0489},
    {0x0591, 0x05bd},
    {0x0610, 0x061a},
    {0x064b, 0x065f},
    {0x0670, 0x0670},
    {0x06d6, 0x06dc}, /* Arabic, Urdu */
    {0x0900, 0x0902},
    {0x093a, 0x093a},
    {0x093c, 0x093c},
    {0x0941, 0x0948},
    {0x094d, 0x094d},
    {0x0951, 0x0957},
    {0x0962, 0x0963}, /* Devanagari */
    {0x0981, 0x0981},
    {0x09bc, 0x09bc},
    {0x09c1, 0x09c4},
    {0x09cd, 0x09cd}, /* Bengali */
    {0x0a01, 0x0a02},
    {0x0a3c, 0x0a3c},
    {0x0a41, 0x0a51},
    {0x0a70, 0x0a71}, /* Gurmukhi */
    {0x0a81, 0x0a82},
    {0x0abc, 0x0abc},
    {0x0ac1, 0x0ac8},
    {0x0acd, 0x0acd}, /* Gujarati */
    {0x0b01, 0x0b01},
    {0x0b3c, 0x0b3c},
    {0x0b3f, 0x0b3f},
    {0x0b41, 0x0b44},
    {0x0b4d, 0x0b56},
    {0x0b82, 0x0b82},
    {0x0bc0, 0x0bc0},
    {0x0bcd, 0x0bcd}, /* Tamil */
    {0x0c00, 0x0c00},
    {0x0c3e, 0x0c40},
    {0x0c46, 0x0c56}, /* Telugu */
    {0x0cbc, 0x0cbc},
    {0x0cbf, 0x0cbf},
    {0x0cc6, 0x0cc6},
    {0x0ccc, 0x0ccd}, /* Kannada */
    {0x0d00, 0x0d01},
    {0x0d41, 0x0d44},
    {0x0d4d, 0x0d4d}, /* Malayalam */
    {0x200b, 0x200d},
    {0x2060, 0x2064},
    {0x20d0, 0x20f0},
    {0xfe00, 0xfe0f},
    {0xfe20, 0xfe2f},
};

static const struct range wide[] = {
    {0x1100, 0x115f},
    {0x2e80, 0x303e},
    {0x3041, 0xa4cf},
    {0xac00, 0xd7a3},
    {0xf900, 0xfaff},
    {0xfe30, 0xfe6f},
    {0xff00, 0xff60},
    {0xffe0, 0xffe6},
    {0x1f300, 0x1f64f},
    {0x1f680, 0x1f6ff},
    {0x1f900, 0x1f9ff},
    {0x20000, 0x3fffd},
};

/* Changes of direction and invisible marks that can make text read as something else. */
static const struct range steering[] = {
    {0x0000, 0x001f},
    {0x007f, 0x009f},
    {0x200e, 0x200f},
    {0x2028, 0x202e},
    {0x2066, 0x2069},
    {0xfeff, 0xfeff},
    {0xe0000, 0xe007f},
};

static bool
is_in(uint32_t point, const struct range *ranges, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (point >= ranges[i].first && point <= ranges[i].last)
            return true;
    return false;
}

/* Takes one character off the front of a text that is not empty; bytes that are not UTF-8 come
 * one by one as 0 with `*valid` false. */
static uint32_t
next_point(struct hp_bytes *text, struct hp_bytes *bytes, bool *valid)
{
    uint8_t lead = text->data[0];
    size_t size = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    uint32_t point = size == 1 ? lead : lead & (0x7fu >> size);

    *valid = size <= text->size && hp_bytes_utf8(hp_bytes(text->data, size));
    if (!*valid)
        size = 1;
    for (size_t i = 1; i < size; i++)
        point = point << 6 | (text->data[i] & 0x3f);
    *bytes = hp_bytes(text->data, size);
    text->data += size;
    text->size -= size;
    return *valid ? point : 0;
}

static int
width_of(uint32_t point, bool valid)
{
    if (!valid || point < 0x300)
        return 1;
    if (is_in(point, zero_width, HP_ARRAY_SIZE(zero_width)))
        return 0;
    return is_in(point, wide, HP_ARRAY_SIZE(wide)) ? 2 : 1;
}

int
hp_columns(struct hp_bytes text)
{
    int columns = 0;

    while (text.size > 0) {
        struct hp_bytes bytes;
        bool valid;
        uint32_t point = next_point(&text, &bytes, &valid);

        columns += width_of(point, valid);
    }
    return columns;
}

struct hp_bytes
hp_columns_cut(struct hp_bytes text, int columns)
{
    struct hp_bytes rest = text;

    while (rest.size > 0) {
        struct hp_bytes before = rest, bytes;
        bool valid;
        uint32_t point = next_point(&rest, &bytes, &valid);

        columns -= width_of(point, valid);
        if (columns < 0)
            return hp_bytes(text.data, (size_t)(before.data - text.data));
    }
    return text;
}

static const char *
ascii_of(uint32_t point)
{
    switch (point) {
    case 0x20b9: return "Rs ";
    case 0xb7:
    case 0x2013:
    case 0x2014:
    case 0x2212: return "-";
    case 0xd7: return "x";
    case 0x2026: return "...";
    case 0x2192: return "->";
    case 0x2018:
    case 0x2019: return "'";
    default: return "?";
    }
}

void
hp_columns_append(struct hp_buffer *buffer, struct hp_bytes text, bool utf8)
{
    while (text.size > 0) {
        struct hp_bytes bytes;
        bool valid;
        uint32_t point = next_point(&text, &bytes, &valid);

        if (!valid || is_in(point, steering, HP_ARRAY_SIZE(steering)))
            bytes = hp_bytes_text("?");
        else if (point >= 0x80 && !utf8)
            bytes = hp_bytes_text(ascii_of(point));
        hp_buffer_append(buffer, bytes.data, bytes.size);
    }
}
