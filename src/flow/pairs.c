/*
 * flow/pairs.c - in-box weights among candidates.
 *
 * Each candidate's row is walked once (60 partners at most); partners that are candidates too
 * leave a note with the smaller of the two, where the two notes of a pair add up.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "flow/pairs.h"

#define LEAST_PART 200 /* of the mean gain */
#define MOST_PART  5

struct note {
    uint16_t low; /* places among candidates */
    uint16_t high;
    uint16_t weight;
};
static_assert(HP_PACK_ITEMS_MAX <= UINT16_MAX, "a place fits a note");

struct notes {
    const struct hp_assortment *assortment;
    const struct hp_candidates *candidates;
    size_t count;
    struct note *notes; /* a directed weight each */
    size_t note_count;
    uint32_t *starts; /* of those with the same `low`, in `sorted` */
    struct note *sorted;
};

static struct hp_model_links
links_of(const struct notes *notes, size_t place)
{
    return hp_model_snapshot_goes_with(hp_assortment_model(notes->assortment),
        hp_assortment_number(notes->assortment, notes->candidates->items[place].index));
}

/* Candidates by number of the model: place + 1, or 0. */
static uint16_t *
number_places(const struct notes *notes, struct hp_arena *arena)
{
    size_t numbers = hp_model_snapshot_numbers(hp_assortment_model(notes->assortment));
    uint16_t *places = HP_ARENA_ARRAY(arena, numbers + 1, uint16_t);

    for (size_t i = 0; i < notes->count; i++) {
        uint32_t number =
            hp_assortment_number(notes->assortment, notes->candidates->items[i].index);

        if (number < numbers)
            places[number] = (uint16_t)(i + 1);
    }
    return places;
}

static void
take_notes(struct notes *notes, struct hp_arena *arena)
{
    const uint16_t *places = number_places(notes, arena);
    size_t room = 0;

    for (size_t i = 0; i < notes->count; i++)
        room += links_of(notes, i).count;
    notes->notes = HP_ARENA_ARRAY(arena, room, struct note);
    for (size_t i = 0; i < notes->count; i++) {
        struct hp_model_links links = links_of(notes, i);

        for (size_t k = 0; k < links.count; k++) {
            size_t j = places[links.items[k]];

            if (j-- == 0)
                continue;
            notes->notes[notes->note_count++] = (struct note){
                (uint16_t)(i < j ? i : j), (uint16_t)(i < j ? j : i), links.weights[k]};
        }
    }
}

/* By their low end, in the order they were taken. */
static void
sort_notes(struct notes *notes, struct hp_arena *arena)
{
    uint32_t *next = HP_ARENA_ARRAY(arena, notes->count + 1, uint32_t);

    notes->starts = HP_ARENA_ARRAY(arena, notes->count + 1, uint32_t);
    notes->sorted = HP_ARENA_ARRAY(arena, notes->note_count, struct note);
    for (size_t at = 0; at < notes->note_count; at++)
        notes->starts[notes->notes[at].low + 1]++;
    for (size_t i = 0; i < notes->count; i++) {
        notes->starts[i + 1] += notes->starts[i];
        next[i] = notes->starts[i];
    }
    for (size_t at = 0; at < notes->note_count; at++)
        notes->sorted[next[notes->notes[at].low]++] = notes->notes[at];
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
        const struct note *end = notes->sorted + notes->starts[i + 1];

        for (const struct note *at = notes->sorted + notes->starts[i]; at < end; at++)
            sums[at->high] += at->weight;
        for (const struct note *at = notes->sorted + notes->starts[i]; at < end; at++) {
            int64_t weight = weight_of(mean, sums[at->high]);

            sums[at->high] = 0;
            if (weight > mean / LEAST_PART && count < HP_PACK_PAIRS_MAX)
                pairs[count++] = (struct hp_pack_pair){i, at->high, weight};
        }
    }
    return count;
}

size_t
hp_pairs_make(const struct hp_assortment *assortment, const struct hp_candidates *candidates,
    size_t count, struct hp_arena *arena, const struct hp_pack_pair **pairs)
{
    struct notes notes = {.assortment = assortment, .candidates = candidates, .count = count};
    struct hp_pack_pair *made;

    take_notes(&notes, arena);
    sort_notes(&notes, arena);
    made = HP_ARENA_ARRAY(arena, notes.note_count, struct hp_pack_pair);
    *pairs = made;
    return add_up(&notes, arena, made);
}
