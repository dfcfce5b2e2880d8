/*
 * flow/pairs.c - in-box weights among candidates.
 *
 * Each candidate's row is walked once (60 partners at most); partners that are candidates too
 * leave a note with the smaller of the two. A second walk adds up the two notes of a pair. 200
 * candidates: about 20 µs.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "flow/pairs.h"

#define LEAST_PART 200 /* of the mean gain */
#define MOST_PART  5

struct note {
    uint32_t other; /* the greater of the two; of all notes of the smaller one */
    uint32_t weight;
};

struct notes {
    const struct hp_assortment *assortment;
    const struct hp_candidates *candidates;
    size_t count;
    uint32_t *places; /* by index on the shelves: place among candidates + 1 */
    uint32_t *starts; /* of each candidate's notes */
    struct note *notes;
};

/* Calls for each directed weight: counts when `notes` is NULL, else writes. */
static void
walk(struct notes *notes, uint32_t *next)
{
    const struct hp_model_snapshot *model = hp_assortment_model(notes->assortment);

    for (uint32_t i = 0; i < notes->count; i++) {
        struct hp_model_links links = hp_model_snapshot_goes_with(
            model, hp_assortment_number(notes->assortment, notes->candidates->items[i].index));

        for (size_t k = 0; k < links.count; k++) {
            uint32_t index = hp_assortment_of_number(notes->assortment, links.items[k]);
            uint32_t j = index == HP_NO_INDEX ? 0 : notes->places[index];
            uint32_t low;

            if (j-- == 0)
                continue;
            low = i < j ? i : j;
            if (notes->notes)
                notes->notes[next[low]++] = (struct note){i < j ? j : i, links.weights[k]};
            else
                next[low + 1]++;
        }
    }
}

static int64_t
weight_of(int64_t mean, uint32_t both_ways)
{
    int64_t weight = mean * both_ways / (2 * HP_MODEL_WEIGHT_ONE);

    return weight < mean / MOST_PART ? weight : mean / MOST_PART;
}

/* Two notes of a pair become one weight. */
static size_t
add_up(const struct notes *notes, struct hp_arena *arena, struct hp_pack_pair *pairs)
{
    uint32_t *sums = HP_ARENA_ARRAY(arena, notes->count + 1, uint32_t);
    int64_t mean = notes->candidates->mean_gain;
    size_t count = 0;

    for (uint32_t i = 0; i < notes->count; i++) {
        for (uint32_t at = notes->starts[i]; at < notes->starts[i + 1]; at++)
            sums[notes->notes[at].other] += notes->notes[at].weight;
        for (uint32_t at = notes->starts[i]; at < notes->starts[i + 1]; at++) {
            uint32_t other = notes->notes[at].other;
            int64_t weight = weight_of(mean, sums[other]);

            sums[other] = 0;
            if (weight > mean / LEAST_PART && count < HP_PACK_PAIRS_MAX)
                pairs[count++] = (struct hp_pack_pair){i, other, weight};
        }
    }
    return count;
}

size_t
hp_pairs_make(const struct hp_assortment *assortment, const struct hp_candidates *candidates,
    size_t count, struct hp_arena *arena, const struct hp_pack_pair **pairs)
{
    struct notes notes = {.assortment = assortment, .candidates = candidates, .count = count};
    uint32_t *next = HP_ARENA_ARRAY(arena, count + 1, uint32_t);
    struct hp_pack_pair *made;

    notes.places = HP_ARENA_ARRAY(arena, hp_assortment_size(assortment) + 1, uint32_t);
    notes.starts = HP_ARENA_ARRAY(arena, count + 1, uint32_t);
    for (uint32_t i = 0; i < count; i++)
        notes.places[candidates->items[i].index] = i + 1;
    walk(&notes, notes.starts);
    for (size_t i = 0; i < count; i++)
        notes.starts[i + 1] += notes.starts[i];
    memcpy(next, notes.starts, (count + 1) * sizeof(*next));
    notes.notes = HP_ARENA_ARRAY(arena, notes.starts[count] + 1, struct note);
    walk(&notes, next);
    made = HP_ARENA_ARRAY(arena, notes.starts[count] + 1, struct hp_pack_pair);
    *pairs = made;
    return add_up(&notes, arena, made);
}
