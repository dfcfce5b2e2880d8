/*
 * A skip list (Pugh 1990), a node in four on the next level. It takes what a transaction of a
 * few thousand rows needs: a lookup in about a dozen comparisons, order for scans without
 * sorting, memory from an arena, and an end by forgetting. Balanced trees cost the same here
 * and more code; a hash map would sort at every scan, and steps scan their user's rows at each
 * record. The levels come from a generator with a fixed seed: the shape never matters to a
 * result, only to speed.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "engine/table.h"

#define SEED 0x2545f4914f6cdd1dU

void
hp_table_init(struct hp_table *table, struct hp_arena *arena, bool overwrite)
{
    *table = (struct hp_table){.arena = arena, .overwrite = overwrite, .random = SEED};
}

void
hp_table_clear(struct hp_table *table)
{
    memset(table->head, 0, sizeof(table->head));
    table->levels = 0;
    table->count = 0;
    table->bytes = 0;
}

/* Walks to `key`; `link[level]` is the pointer that leads to the first entry at or after it. */
static struct hp_table_entry *
walk(struct hp_table *table, struct hp_bytes key, struct hp_table_entry **link[HP_TABLE_LEVELS])
{
    struct hp_table_entry **at = table->head;

    for (int level = table->levels - 1; level >= 0; level--) {
        while (at[level] && hp_bytes_compare(at[level]->key, key) < 0)
            at = at[level]->next;
        link[level] = &at[level];
    }
    return table->levels ? *link[0] : NULL;
}

struct hp_table_entry *
hp_table_seek(const struct hp_table *table, struct hp_bytes key)
{
    struct hp_table_entry *const *at = table->head;

    for (int level = table->levels - 1; level >= 0; level--)
        while (at[level] && hp_bytes_compare(at[level]->key, key) < 0)
            at = at[level]->next;
    return at[0];
}

const struct hp_table_entry *
hp_table_find(const struct hp_table *table, struct hp_bytes key)
{
    const struct hp_table_entry *entry = hp_table_seek(table, key);

    return entry && hp_bytes_equal(entry->key, key) ? entry : NULL;
}

static int
random_levels(struct hp_table *table)
{
    int levels = 1;

    table->random ^= table->random << 13;
    table->random ^= table->random >> 7;
    table->random ^= table->random << 17;
    for (uint64_t bits = table->random; levels < HP_TABLE_LEVELS && (bits & 3) == 0; bits >>= 2)
        levels++;
    return levels;
}

static void
set_value(struct hp_table *table, struct hp_table_entry *entry, struct hp_bytes value)
{
    if (table->overwrite && entry->value.data && value.data && value.size <= entry->capacity) {
        memmove((uint8_t *)entry->value.data, value.data, value.size);
        entry->value.size = value.size;
        return;
    }
    entry->value = hp_arena_copy(table->arena, value);
    entry->capacity = entry->value.size;
    table->bytes += value.size;
}

void
hp_table_put(struct hp_table *table, struct hp_bytes key, struct hp_bytes value)
{
    struct hp_table_entry **link[HP_TABLE_LEVELS];
    struct hp_table_entry *entry = walk(table, key, link);
    int levels;

    if (entry && hp_bytes_equal(entry->key, key)) {
        set_value(table, entry, value);
        return;
    }
    levels = random_levels(table);
    for (; table->levels < levels; table->levels++)
        link[table->levels] = &table->head[table->levels];
    entry =
        hp_arena_alloc(table->arena, sizeof(*entry) + (size_t)levels * sizeof(entry->next[0]));
    entry->key = hp_arena_copy(table->arena, key);
    set_value(table, entry, value);
    for (int level = 0; level < levels; level++) {
        entry->next[level] = *link[level];
        *link[level] = entry;
    }
    table->count++;
    table->bytes += key.size + sizeof(*entry);
}
