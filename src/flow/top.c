/* flow/top.c - quickselect. SPDX-License-Identifier: Apache-2.0 */
#include "flow/top.h"

#include <assert.h>

struct hp_top
hp_top_new(struct hp_arena *arena, size_t max, int32_t bar)
{
    assert(max > 0);
    return (struct hp_top){
        .items = HP_ARENA_ARRAY(arena, 2 * max, int64_t), .max = max, .bar = bar};
}

static void
swap(int64_t *a, int64_t *b)
{
    int64_t kept = *a;

    *a = *b;
    *b = kept;
}

/* Parts [from, to] round its middle number: greater ones first. Returns where that ends up. */
static size_t
part(int64_t *items, size_t from, size_t to)
{
    size_t middle = from + (to - from) / 2;
    int64_t pivot;
    size_t at = from;

    if (items[middle] > items[from])
        swap(&items[middle], &items[from]);
    if (items[to] > items[from])
        swap(&items[to], &items[from]);
    if (items[middle] > items[to])
        swap(&items[middle], &items[to]); /* the middle number of the three is last */
    pivot = items[to];
    for (size_t i = from; i < to; i++) {
        bool greater = items[i] > pivot;

        swap(&items[i], &items[at]);
        at += greater;
    }
    swap(&items[at], &items[to]);
    return at;
}

void
hp_top_cut(struct hp_top *top)
{
    size_t from = 0;
    size_t to = top->count;
    int64_t least;

    if (top->count < top->max)
        return;
    while (to - from > 1) { /* the border is in [from, to) */
        size_t at = part(top->items, from, to - 1);

        if (at + 1 == top->max)
            break;
        if (at < top->max)
            from = at + 1;
        else
            to = at;
    }
    top->count = top->max;
    least = top->items[0];
    for (size_t i = 1; i < top->count; i++)
        least = top->items[i] < least ? top->items[i] : least;
    top->bar = hp_top_key(least);
}
