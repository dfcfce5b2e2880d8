/* eval/ranking.c - a bounded heap and the metrics. SPDX-License-Identifier: Apache-2.0 */
#include "eval/ranking.h"

#include <math.h>

bool
hp_item_set_has(struct hp_item_set set, uint32_t item)
{
    size_t low = 0, high = set.count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (set.items[middle] < item)
            low = middle + 1;
        else
            high = middle;
    }
    return low < set.count && set.items[low] == item;
}

size_t
hp_item_set_pick(struct hp_item_set a, struct hp_item_set b, bool kept, uint32_t *out)
{
    size_t count = 0;

    for (size_t i = 0; i < a.count; i++)
        if (hp_item_set_has(b, a.items[i]) == kept)
            out[count++] = a.items[i];
    return count;
}

/* `a` ranks behind `b`. */
static bool
behind(const double *scores, uint32_t a, uint32_t b)
{
    return scores[a] != scores[b] ? scores[a] < scores[b] : a > b;
}

/* The last in rank on top. */
static void
sink(const double *scores, uint32_t *heap, size_t count, size_t at)
{
    for (;;) {
        size_t last = at;
        uint32_t item = heap[at];

        if (2 * at + 1 < count && behind(scores, heap[2 * at + 1], heap[last]))
            last = 2 * at + 1;
        if (2 * at + 2 < count && behind(scores, heap[2 * at + 2], heap[last]))
            last = 2 * at + 2;
        if (last == at)
            return;
        heap[at] = heap[last];
        heap[last] = item;
        at = last;
    }
}

static void
rise(const double *scores, uint32_t *heap, size_t at)
{
    for (; at > 0 && behind(scores, heap[at], heap[(at - 1) / 2]); at = (at - 1) / 2) {
        uint32_t item = heap[at];

        heap[at] = heap[(at - 1) / 2];
        heap[(at - 1) / 2] = item;
    }
}

static void
offer(const double *scores, uint32_t *heap, size_t *count, size_t max, uint32_t item)
{
    if (*count < max) {
        heap[*count] = item;
        rise(scores, heap, (*count)++);
    } else if (behind(scores, heap[0], item)) {
        heap[0] = item;
        sink(scores, heap, max, 0);
    }
}

size_t
hp_rank(const double *scores, size_t item_count, enum hp_pool pool, struct hp_item_set set,
    size_t max, uint32_t *ranked)
{
    size_t count = 0, next = 0;

    HP_ASSERT(max > 0 && max <= HP_RANKED_MAX);
    if (pool == HP_POOL_ONLY)
        for (size_t i = 0; i < set.count; i++)
            offer(scores, ranked, &count, max, set.items[i]);
    else
        for (uint32_t item = 0; item < item_count; item++) {
            if (pool == HP_POOL_WITHOUT && next < set.count && set.items[next] == item)
                next++;
            else
                offer(scores, ranked, &count, max, item);
        }
    for (size_t left = count; left > 1; left--) { /* the last in rank goes to the end */
        uint32_t last = ranked[0];

        ranked[0] = ranked[left - 1];
        ranked[left - 1] = last;
        sink(scores, ranked, left - 1, 0);
    }
    return count;
}

struct hp_quality
hp_quality_of(const uint32_t *ranked, size_t ranked_count, struct hp_item_set target, size_t k)
{
    double gain = 0, ideal = 0;
    size_t hits = 0;

    HP_ASSERT(target.count > 0);
    for (size_t i = 0; i < k; i++) {
        double worth = 1 / log2((double)i + 2);

        if (i < target.count)
            ideal += worth;
        if (i < ranked_count && hp_item_set_has(target, ranked[i])) {
            gain += worth;
            hits++;
        }
    }
    return (struct hp_quality){
        gain / ideal, (double)hits / (double)target.count, hits > 0 ? 1 : 0};
}
