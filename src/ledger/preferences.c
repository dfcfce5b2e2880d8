/*
 * ledger/preferences.c - preferences as bytes.
 *
 * Layout: u8 version | varint version | varint updated_at | budget_min? | budget_max? | six
 * lists of strings in the order of the struct | list of (category, varint min, max?) |
 * items_min? | items_max? | boxes?.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ledger/preferences.h"

#include "domain/limits.h"

#define VERSION 1

static void
put_strings(struct hp_buffer *out, struct hp_strings strings)
{
    hp_put_varint(out, (int64_t)strings.count);
    for (size_t i = 0; i < strings.count; i++)
        hp_put_bytes(out, strings.items[i]);
}

static void
put_mixes(struct hp_buffer *out, struct hp_mixes mixes)
{
    hp_put_varint(out, (int64_t)mixes.count);
    for (size_t i = 0; i < mixes.count; i++) {
        hp_put_bytes(out, mixes.items[i].category);
        hp_put_varint(out, mixes.items[i].min);
        hp_value_put_maybe(out, mixes.items[i].max);
    }
}

void
hp_preferences_encode(const struct hp_preferences *preferences, struct hp_buffer *out)
{
    hp_put_u8(out, VERSION);
    hp_put_varint(out, preferences->version);
    hp_put_varint(out, preferences->updated_at);
    hp_value_put_maybe(out, preferences->budget_min_minor);
    hp_value_put_maybe(out, preferences->budget_max_minor);
    put_strings(out, preferences->liked_categories);
    put_strings(out, preferences->disliked_categories);
    put_strings(out, preferences->liked_tags);
    put_strings(out, preferences->disliked_items);
    put_strings(out, preferences->avoid_allergens);
    put_strings(out, preferences->diets);
    put_mixes(out, preferences->category_mix);
    hp_value_put_maybe(out, preferences->items_min);
    hp_value_put_maybe(out, preferences->items_max);
    hp_value_put_maybe(out, preferences->boxes);
}

static struct hp_strings
read_strings(struct hp_cursor *cursor, struct hp_arena *arena)
{
    size_t count = hp_value_count(cursor, HP_LIST_MAX, 1);
    struct hp_bytes *items = HP_ARENA_ARRAY(arena, count, struct hp_bytes);

    for (size_t i = 0; i < count; i++)
        items[i] = hp_value_bytes(cursor, 0, HP_RECORD_BYTES_MAX);
    return (struct hp_strings){items, count};
}

static struct hp_mixes
read_mixes(struct hp_cursor *cursor, struct hp_arena *arena)
{
    size_t count = hp_value_count(cursor, HP_LIST_MAX, 3);
    struct hp_mix *items = HP_ARENA_ARRAY(arena, count, struct hp_mix);

    for (size_t i = 0; i < count; i++) {
        items[i].category = hp_value_bytes(cursor, 0, HP_RECORD_BYTES_MAX);
        items[i].min = (int32_t)hp_value_number(cursor, INT32_MIN, INT32_MAX);
        items[i].max = hp_value_maybe(cursor, INT32_MIN, INT32_MAX);
    }
    return (struct hp_mixes){items, count};
}

enum hp_status
hp_preferences_decode(struct hp_bytes value, struct hp_arena *arena,
    struct hp_preferences *preferences, struct hp_error *error)
{
    struct hp_cursor cursor = hp_value_open(value, VERSION);

    *preferences =
        (struct hp_preferences){.version = hp_value_number(&cursor, INT64_MIN, INT64_MAX)};
    preferences->updated_at = hp_value_number(&cursor, 1, INT64_MAX);
    preferences->budget_min_minor = hp_value_maybe(&cursor, INT64_MIN, INT64_MAX);
    preferences->budget_max_minor = hp_value_maybe(&cursor, INT64_MIN, INT64_MAX);
    preferences->liked_categories = read_strings(&cursor, arena);
    preferences->disliked_categories = read_strings(&cursor, arena);
    preferences->liked_tags = read_strings(&cursor, arena);
    preferences->disliked_items = read_strings(&cursor, arena);
    preferences->avoid_allergens = read_strings(&cursor, arena);
    preferences->diets = read_strings(&cursor, arena);
    preferences->category_mix = read_mixes(&cursor, arena);
    preferences->items_min = hp_value_maybe(&cursor, INT32_MIN, INT32_MAX);
    preferences->items_max = hp_value_maybe(&cursor, INT32_MIN, INT32_MAX);
    preferences->boxes = hp_value_maybe(&cursor, INT32_MIN, INT32_MAX);
    return hp_value_close(&cursor, "set of preferences", error);
}
