/*
 * The first 16 bytes of each key are compared as two numbers that lie beside each other, so
 * that most comparisons touch no key. Rows of one key stay in the order in which they came,
 * since the places of rows in memory are that order.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "engine/runs.h"

#include "store/keys.h"

#include <stdlib.h>

#define ROWS_MIN  1024
#define SKIPPED   (HP_KEY_HEAD - 1) /* the partition: the same in all */
#define WORD_SIZE 8

struct place {
    uint64_t words[2];
    const struct hp_run_row *row;
};

void
hp_run_add(struct hp_run *run, struct hp_bytes key, struct hp_bytes value)
{
    if (run->count == run->capacity) {
        run->capacity = run->capacity ? run->capacity * 2 : ROWS_MIN;
        run->rows = hp_realloc_array(run->rows, run->capacity, sizeof(*run->rows));
    }
    run->rows[run->count++] = (struct hp_run_row){hp_arena_copy(&run->arena, key),
        value.data ? hp_arena_copy(&run->arena, value) : (struct hp_bytes){0}};
}

size_t
hp_run_size(const struct hp_run *run)
{
    return run->arena.used +
           run->count * (sizeof(*run->rows) + sizeof(*run->order) + sizeof(struct place));
}

static uint64_t
word_at(struct hp_bytes key, size_t at)
{
    uint64_t word = 0;

    for (size_t i = at; i < at + WORD_SIZE; i++)
        word = word << 8 | (i < key.size ? key.data[i] : 0);
    return word;
}

static int
compare(const void *a, const void *b)
{
    const struct place *left = a;
    const struct place *right = b;
    int order;

    for (int i = 0; i < 2; i++)
        if (left->words[i] != right->words[i])
            return left->words[i] < right->words[i] ? -1 : 1;
    order = hp_bytes_compare(left->row->key, right->row->key);
    return order ? order : (left->row > right->row) - (left->row < right->row);
}

void
hp_run_sort(struct hp_run *run)
{
    struct place *places = hp_alloc((run->count + 1) * sizeof(*places));

    for (size_t i = 0; i < run->count; i++)
        places[i] = (struct place){{word_at(run->rows[i].key, SKIPPED),
                                       word_at(run->rows[i].key, SKIPPED + WORD_SIZE)},
            &run->rows[i]};
    if (run->count)
        qsort(places, run->count, sizeof(*places), compare);
    run->order = hp_realloc_array(run->order, run->count + 1, sizeof(*run->order));
    run->ordered = 0;
    for (size_t i = 0; i < run->count; i++)
        if (i + 1 == run->count || !hp_bytes_equal(places[i].row->key, places[i + 1].row->key))
            run->order[run->ordered++] = places[i].row;
    free(places);
}

void
hp_run_clear(struct hp_run *run)
{
    hp_arena_clear(&run->arena);
    run->count = 0;
    run->ordered = 0;
}

void
hp_run_release(struct hp_run *run)
{
    hp_arena_release(&run->arena);
    free(run->rows);
    free(run->order);
    *run = (struct hp_run){0};
}
