/*
 * flow/top.h - the few greatest of many keys, and a quick look whether a stretch of them holds
 * any worth a closer one.
 *
 * A key is 32 bits and sits above the bits of its place, turned round, in one number; so keys
 * and places compare at once, and of equal keys the smaller place wins. What is kept is kept
 * unsorted: at twice `max` the lesser half goes (Hoare's quickselect), and the least that stays
 * becomes the bar for what comes. Offer in the order of rising places.
 *
 * Thread: any; one owner a top.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_FLOW_TOP_H
#define HP_FLOW_TOP_H

#include "base/arena.h"

struct hp_top {
    int64_t *items; /* room for 2 x max */
    size_t count;
    size_t max;
    int32_t bar; /* only a key above it can belong */
};

/* `bar`: what a key must be above to be offered at all. */
struct hp_top hp_top_new(struct hp_arena *arena, size_t max, int32_t bar);
void hp_top_cut(struct hp_top *top); /* down to `max`: afterwards items[0..count) are the top */

static inline void
hp_top_offer(struct hp_top *top, int32_t key, uint32_t place)
{
    if (key <= top->bar)
        return;
    top->items[top->count++] = (int64_t)key * (INT64_C(1) << 32) + (UINT32_MAX - place);
    if (top->count == 2 * top->max)
        hp_top_cut(top);
}

static inline uint32_t
hp_top_place(int64_t item)
{
    return UINT32_MAX - (uint32_t)(uint64_t)item;
}

static inline int32_t
hp_top_key(int64_t item)
{
    return (int32_t)(item >> 32);
}

#endif
