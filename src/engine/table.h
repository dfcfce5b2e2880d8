/*
 * engine/table.h - an ordered map in memory for uncommitted writes; a deletion is an entry.
 *
 * Entries and their bytes live in an arena the owner clears. Thread: one at a time.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_ENGINE_TABLE_H
#define HP_ENGINE_TABLE_H

#include "base/arena.h"

#define HP_TABLE_LEVELS 12

struct hp_table_entry {
    struct hp_bytes key;
    struct hp_bytes value; /* absent: deleted */
    size_t capacity;
    bool needless; /* a deletion of what was never stored; set by the owner */
    struct hp_table_entry *next[];
};

struct hp_table {
    struct hp_arena *arena; /* kept */
    struct hp_table_entry *head[HP_TABLE_LEVELS];
    int levels;
    bool overwrite; /* a new value may take the old one's place in memory */
    uint64_t random;
    size_t count;
    size_t bytes; /* of keys and values put, those replaced included */
};

void hp_table_init(struct hp_table *table, struct hp_arena *arena, bool overwrite);
/* Forgets all entries; the arena is the owner's to clear. */
void hp_table_clear(struct hp_table *table);
/* NULL when there is no entry. */
const struct hp_table_entry *hp_table_find(const struct hp_table *table, struct hp_bytes key);
/* The first entry whose key is not less than `key`. */
struct hp_table_entry *hp_table_seek(const struct hp_table *table, struct hp_bytes key);
static inline struct hp_table_entry *
hp_table_next(const struct hp_table_entry *entry)
{
    return entry->next[0];
}
/* Copies both. */
void hp_table_put(struct hp_table *table, struct hp_bytes key, struct hp_bytes value);

#endif
