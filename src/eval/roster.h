/*
 * eval/roster.h - ids as small numbers: a set of byte strings, each with the number of its
 * arrival, and at the end with its place in the order of the bytes.
 *
 * Thread: one at a time.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_EVAL_ROSTER_H
#define HP_EVAL_ROSTER_H

#include "base/arena.h"

#define HP_ROSTER_NONE UINT32_MAX

struct hp_roster { /* zeroed is empty */
    struct hp_bytes *items;
    size_t count;
    size_t capacity;
    uint32_t *slots; /* number + 1; open addressing, 0 = free */
    size_t slot_count;
    struct hp_arena arena;
};

void hp_roster_release(struct hp_roster *roster);
/* The number of `name`, a new one when it was not there. Copies. */
uint32_t hp_roster_add(struct hp_roster *roster, struct hp_bytes name);
/* HP_ROSTER_NONE when it is not there. */
uint32_t hp_roster_find(const struct hp_roster *roster, struct hp_bytes name);
/*
 * Numbers become places in bytewise order. `places[old]` is the new number of each; the caller
 * frees it.
 */
uint32_t *hp_roster_sort(struct hp_roster *roster);

#endif
