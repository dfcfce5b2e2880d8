/* eval/names.c - open addressing over copies. SPDX-License-Identifier: Apache-2.0 */
#include "eval/names.h"

#include "base/hash.h"

#define SLOTS_MIN 1024

void
hp_names_release(struct hp_names *names)
{
    free(names->items);
    free(names->slots);
    hp_arena_release(&names->arena);
    *names = (struct hp_names){0};
}

/* The slot of `name`: taken by it, or free. */
static size_t
slot_of(const struct hp_names *names, struct hp_bytes name)
{
    size_t at = hp_hash64(name) % names->slot_count;

    while (names->slots[at] && !hp_bytes_equal(names->items[names->slots[at] - 1], name))
        at = (at + 1) % names->slot_count;
    return at;
}

static void
index_all(struct hp_names *names, size_t slot_count)
{
    free(names->slots);
    names->slot_count = slot_count;
    names->slots = hp_alloc(slot_count * sizeof(*names->slots));
    for (size_t i = 0; i < names->count; i++)
        names->slots[slot_of(names, names->items[i])] = (uint32_t)i + 1;
}

uint32_t
hp_names_add(struct hp_names *names, struct hp_bytes name)
{
    size_t at;

    if (names->count * 2 >= names->slot_count)
        index_all(names, names->slot_count ? names->slot_count * 2 : SLOTS_MIN);
    at = slot_of(names, name);
    if (names->slots[at])
        return names->slots[at] - 1;
    if (names->count == names->capacity) {
        names->capacity = names->capacity ? names->capacity * 2 : SLOTS_MIN;
        names->items = hp_realloc_array(names->items, names->capacity, sizeof(*names->items));
    }
    names->items[names->count] = hp_arena_copy(&names->arena, name);
    names->slots[at] = (uint32_t)++names->count;
    return (uint32_t)names->count - 1;
}

uint32_t
hp_names_find(const struct hp_names *names, struct hp_bytes name)
{
    size_t at;

    if (names->slot_count == 0)
        return HP_NAME_NONE;
    at = slot_of(names, name);
    return names->slots[at] ? names->slots[at] - 1 : HP_NAME_NONE;
}

struct placed {
    struct hp_bytes name;
    uint32_t was;
};

static int
compare_names(const void *left, const void *right)
{
    const struct placed *a = left, *b = right;

    return hp_bytes_compare(a->name, b->name);
}

uint32_t *
hp_names_sort(struct hp_names *names)
{
    uint32_t *places = hp_alloc((names->count + 1) * sizeof(*places));
    struct placed *sorted = hp_alloc((names->count + 1) * sizeof(*sorted));

    for (size_t i = 0; i < names->count; i++)
        sorted[i] = (struct placed){names->items[i], (uint32_t)i};
    if (names->count)
        qsort(sorted, names->count, sizeof(*sorted), compare_names);
    for (size_t i = 0; i < names->count; i++) {
        names->items[i] = sorted[i].name;
        places[sorted[i].was] = (uint32_t)i;
    }
    free(sorted);
    if (names->slot_count)
        index_all(names, names->slot_count);
    return places;
}
