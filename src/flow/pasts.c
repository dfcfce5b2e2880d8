/*
 * flow/pasts.c - a table of pasts, the oldest dropped first.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "flow/pasts.h"

#include "base/hash.h"

struct hp_kept_past {
    struct hp_past *past;
    size_t bytes;              /* as counted in the sums */
    struct hp_kept_past *next; /* in the bucket */
    struct hp_kept_past *newer;
    struct hp_kept_past *older;
    size_t size;
    uint8_t part[];
};

static struct hp_kept_past **
slot_of(struct hp_pasts *pasts, struct hp_bytes part)
{
    struct hp_kept_past **slot = &pasts->buckets[hp_hash64(part) % HP_PASTS_BUCKETS];

    while (*slot && !hp_bytes_equal(hp_bytes((*slot)->part, (*slot)->size), part))
        slot = &(*slot)->next;
    return slot;
}

static void
take_off(struct hp_pasts *pasts, struct hp_kept_past *kept)
{
    *(kept->newer ? &kept->newer->older : &pasts->newest) = kept->older;
    *(kept->older ? &kept->older->newer : &pasts->oldest) = kept->newer;
    kept->newer = kept->older = NULL;
}

static void
put_first(struct hp_pasts *pasts, struct hp_kept_past *kept)
{
    kept->older = pasts->newest;
    *(pasts->newest ? &pasts->newest->newer : &pasts->oldest) = kept;
    pasts->newest = kept;
}

static void
count_bytes(struct hp_pasts *pasts, struct hp_kept_past *kept, size_t bytes)
{
    pasts->bytes += bytes - kept->bytes;
    atomic_fetch_add(&pasts->tally->bytes, bytes - kept->bytes);
    if (pasts->tally->gauge)
        hp_metric_add(pasts->tally->gauge, (int64_t)bytes - (int64_t)kept->bytes);
    kept->bytes = bytes;
}

static size_t
weight_of(const struct hp_kept_past *kept)
{
    return sizeof(*kept) + kept->size + hp_past_bytes(kept->past);
}

bool
hp_pasts_has(const struct hp_pasts *pasts, struct hp_bytes part)
{
    return pasts->newest && *slot_of((struct hp_pasts *)pasts, part);
}

struct hp_past *
hp_pasts_find(struct hp_pasts *pasts, struct hp_bytes part)
{
    struct hp_kept_past *kept = pasts->newest ? *slot_of(pasts, part) : NULL;

    if (!kept)
        return NULL;
    take_off(pasts, kept);
    put_first(pasts, kept);
    return kept->past;
}

void
hp_pasts_keep(struct hp_pasts *pasts, struct hp_bytes part, const struct hp_user_facts *facts)
{
    struct hp_kept_past **slot = slot_of(pasts, part);
    struct hp_kept_past *kept;
    struct hp_past *past;

    HP_ASSERT(!*slot);
    if (facts->order_count + facts->reaction_count < pasts->least)
        return;
    past = hp_past_new(facts);
    if (!past)
        return;
    kept = hp_alloc(sizeof(*kept) + part.size);
    kept->past = past;
    kept->size = part.size;
    memcpy(kept->part, part.data, part.size);
    *slot = kept;
    put_first(pasts, kept);
    count_bytes(pasts, kept, weight_of(kept));
}

void
hp_pasts_weigh(struct hp_pasts *pasts, struct hp_bytes part)
{
    struct hp_kept_past *kept = *slot_of(pasts, part);

    if (kept)
        count_bytes(pasts, kept, weight_of(kept));
}

void
hp_pasts_drop(struct hp_pasts *pasts, struct hp_bytes part)
{
    struct hp_kept_past **slot = slot_of(pasts, part);
    struct hp_kept_past *kept = *slot;

    if (!kept)
        return;
    *slot = kept->next;
    take_off(pasts, kept);
    count_bytes(pasts, kept, 0);
    hp_past_free(kept->past);
    free(kept);
}

void
hp_pasts_shrink(struct hp_pasts *pasts)
{
    while (pasts->oldest && pasts->bytes > pasts->share &&
           atomic_load(&pasts->tally->bytes) > pasts->bytes_max)
        hp_pasts_drop(pasts, hp_bytes(pasts->oldest->part, pasts->oldest->size));
}

void
hp_pasts_clear(struct hp_pasts *pasts)
{
    while (pasts->oldest)
        hp_pasts_drop(pasts, hp_bytes(pasts->oldest->part, pasts->oldest->size));
}
