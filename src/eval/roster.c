/* eval/roster.c - open addressing over copies. SPDX-License-Identifier: Apache-2.0 */
#include "eval/roster.h"

#include "base/hash.h"

#define SLOTS_MIN 1024

void
hp_roster_release(struct hp_roster *roster)
{
    free(roster->items);
    free(roster->slots);
    hp_arena_release(&roster->arena);
    *roster = (struct hp_roster){0};
}

/* The slot of `name`: taken by it, or free. */
static size_t
slot_of(const struct hp_roster *roster, struct hp_bytes name)
{
    size_t at = hp_hash64(name) % roster->slot_count;

    while (roster->slots[at] && !hp_bytes_equal(roster->items[roster->slots[at] - 1], name))
        at = (at + 1) % roster->slot_count;
    return at;
}

static void
index_all(struct hp_roster *roster, size_t slot_count)
{
    free(roster->slots);
    roster->slot_count = slot_count;
    roster->slots = hp_alloc(slot_count * sizeof(*roster->slots));
    for (size_t i = 0; i < roster->count; i++)
        roster->slots[slot_of(roster, roster->items[i])] = (uint32_t)i + 1;
}

uint32_t
hp_roster_add(struct hp_roster *roster, struct hp_bytes name)
{
    size_t at;

    if (roster->count * 2 >= roster->slot_count)
        index_all(roster, roster->slot_count ? roster->slot_count * 2 : SLOTS_MIN);
    at = slot_of(roster, name);
    if (roster->slots[at])
        return roster->slots[at] - 1;
    if (roster->count == roster->capacity) {
        roster->capacity = roster->capacity ? roster->capacity * 2 : SLOTS_MIN;
        roster->items =
            hp_realloc_array(roster->items, roster->capacity, sizeof(*roster->items));
    }
    roster->items[roster->count] = hp_arena_copy(&roster->arena, name);
    roster->slots[at] = (uint32_t)++roster->count;
    return (uint32_t)roster->count - 1;
}

uint32_t
hp_roster_find(const struct hp_roster *roster, struct hp_bytes name)
{
    size_t at;

    if (roster->slot_count == 0)
        return HP_ROSTER_NONE;
    at = slot_of(roster, name);
    return roster->slots[at] ? roster->slots[at] - 1 : HP_ROSTER_NONE;
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
hp_roster_sort(struct hp_roster *roster)
{
    uint32_t *places = hp_alloc((roster->count + 1) * sizeof(*places));
    struct placed *sorted = hp_alloc((roster->count + 1) * sizeof(*sorted));

    for (size_t i = 0; i < roster->count; i++)
        sorted[i] = (struct placed){roster->items[i], (uint32_t)i};
    if (roster->count)
        qsort(sorted, roster->count, sizeof(*sorted), compare_names);
    for (size_t i = 0; i < roster->count; i++) {
        roster->items[i] = sorted[i].name;
        places[sorted[i].was] = (uint32_t)i;
    }
    free(sorted);
    if (roster->slot_count)
        index_all(roster, roster->slot_count);
    return places;
}
