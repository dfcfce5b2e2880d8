/*
 * flow/candidates.c - hard masks first, then a score, then a choice.
 *
 * Allergens, diets, dislikes, exclusions and stock are masks, never weights: an item that fails
 * one is not there. What is left gets its shrunk personal rate. The choice keeps every item
 * that is among the best by gain - λ·price for one of four λ (money worthless; half, once,
 * twice the worth at which the budget buys the middle number of average items), so that neither
 * dear nor cheap items are lost to the search; per category the best and the cheapest, so that
 * minima can be met; the dearest, so that a high floor can be reached; and all musts.
 *
 * Cost: one pass over the catalogue, bounded heaps: about 60 ns an item.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "flow/candidates.h"

#include "flow/score.h"

#define HEAP_GAIN       48
#define HEAP_DEAR       24
#define HEAP_CHEAP      24
#define ASKED_BEST      8 /* of a category the mix names */
#define ASKED_CHEAP     6
#define CATEGORY_BEST   2
#define CATEGORY_CHEAP  1
#define CATEGORIES_TOLD 64
#define GAIN_TOP        20

static bool
listed(struct hp_strings strings, struct hp_bytes text)
{
    for (size_t i = 0; i < strings.count; i++)
        if (hp_bytes_equal(strings.items[i], text))
            return true;
    return false;
}

static bool
eligible(
    const struct hp_shelf *shelf, const struct hp_user_item *had, const struct hp_wish *wish)
{
    struct hp_bytes id = shelf->item.item_id;

    if (shelf->vanished || !hp_item_suits(shelf->rules, wish->avoid, wish->diets))
        return false;
    if (listed(wish->exclude, id) || (had && hp_user_item_masked(had)))
        return false;
    return !listed(wish->sent, id) || listed(wish->must, id);
}

static void
describe(const struct hp_shelf *shelf, const struct hp_user_item *had,
    struct hp_model_item model, const struct hp_shopper *shopper,
    struct hp_candidate *candidate)
{
    candidate->shelf = shelf;
    candidate->bought = had && had->orders > 0;
    candidate->liked = listed(shopper->preferences.liked_categories, shelf->item.category) ||
                       (had && had->reaction == HP_REACTION_POSITIVE);
    candidate->trending = model.trend_micros > 0;
}

/* Mean of the best GAIN_TOP gains, at least 1. */
static int64_t
mean_of_best(const struct hp_candidates *candidates)
{
    int64_t best[GAIN_TOP];
    size_t count = 0;
    int64_t sum = 0;

    for (size_t i = 0; i < candidates->count; i++) {
        int64_t gain = candidates->items[i].gain;
        size_t at;

        if (count == GAIN_TOP && gain <= best[count - 1])
            continue;
        at = count < GAIN_TOP ? count++ : count - 1;
        for (; at > 0 && best[at - 1] < gain; at--)
            best[at] = best[at - 1];
        best[at] = gain;
    }
    for (size_t i = 0; i < count; i++)
        sum += best[i];
    return count && sum / (int64_t)count > 0 ? sum / (int64_t)count : 1;
}

void
hp_candidates_score(const struct hp_catalogue *catalogue, const struct hp_model_snapshot *model,
    const struct hp_shopper *shopper, const struct hp_wish *wish, int64_t now,
    struct hp_arena *arena, struct hp_candidates *candidates)
{
    const struct hp_aggregate *aggregate = &shopper->aggregate;
    struct hp_assortment *assortment = hp_assortment_new(catalogue, model, NULL);
    struct hp_scores scores;
    size_t at = 0;

    hp_scores_make(assortment,
        &(struct hp_score_query){.aggregate = aggregate,
            .preferences = &shopper->preferences,
            .now = now,
            .for_recipient = wish->for_recipient},
        arena, &scores);
    hp_assortment_free(assortment);
    *candidates = (struct hp_candidates){.shown = catalogue->count};
    candidates->items = HP_ARENA_ARRAY(arena, catalogue->count, struct hp_candidate);
    for (size_t i = 0; i < catalogue->count; i++) {
        const struct hp_shelf *shelf = catalogue->shelves[i];
        struct hp_candidate *candidate = &candidates->items[candidates->count];
        const struct hp_user_item *had = NULL;
        struct hp_bytes id = shelf->item.item_id;

        while (at < aggregate->item_count &&
               hp_bytes_compare(aggregate->items[at].item_id, id) < 0)
            at++;
        if (at < aggregate->item_count && hp_bytes_equal(aggregate->items[at].item_id, id))
            had = &aggregate->items[at];
        if (!eligible(shelf, had, wish))
            continue;
        *candidate = (struct hp_candidate){.gain = scores.gains[i]};
        describe(shelf, had, hp_model_snapshot_find(model, id), shopper, candidate);
        candidates->count++;
    }
    candidates->mean_gain = mean_of_best(candidates);
}

/* ---- the choice ------------------------------------------------------------------------- */

/* Keeps the `max` greatest keys in a heap, the least on top; ties go to the smaller index. */
struct heap {
    int64_t keys[HEAP_GAIN];
    uint32_t items[HEAP_GAIN];
    size_t count;
    size_t max;
};

static bool
heap_less(const struct heap *heap, size_t a, size_t b)
{
    if (heap->keys[a] != heap->keys[b])
        return heap->keys[a] < heap->keys[b];
    return heap->items[a] > heap->items[b];
}

static void
heap_swap(struct heap *heap, size_t a, size_t b)
{
    int64_t key = heap->keys[a];
    uint32_t item = heap->items[a];

    heap->keys[a] = heap->keys[b];
    heap->items[a] = heap->items[b];
    heap->keys[b] = key;
    heap->items[b] = item;
}

static void
heap_sink(struct heap *heap)
{
    size_t at = 0;

    for (;;) {
        size_t least = at;

        if (2 * at + 1 < heap->count && heap_less(heap, 2 * at + 1, least))
            least = 2 * at + 1;
        if (2 * at + 2 < heap->count && heap_less(heap, 2 * at + 2, least))
            least = 2 * at + 2;
        if (least == at)
            return;
        heap_swap(heap, at, least);
        at = least;
    }
}

static void
heap_offer(struct heap *heap, int64_t key, uint32_t item)
{
    if (heap->count == heap->max) {
        if (key <= heap->keys[0])
            return; /* a later index loses a tie */
        heap->keys[0] = key;
        heap->items[0] = item;
        heap_sink(heap);
        return;
    }
    heap->keys[heap->count] = key;
    heap->items[heap->count] = item;
    for (size_t at = heap->count++; at > 0 && heap_less(heap, at, (at - 1) / 2);
         at = (at - 1) / 2)
        heap_swap(heap, at, (at - 1) / 2);
}

static void
mark(const struct heap *heap, bool *taken)
{
    for (size_t i = 0; i < heap->count; i++)
        taken[heap->items[i]] = true;
}

/* What a paisa is worth, in 1/1024 points: at this price the budget buys the middle number of
 * average items. */
static int64_t
price_of_money(const struct hp_candidates *all, const struct hp_wish *wish)
{
    int64_t middle = (wish->items_min + wish->items_max + 1) / 2;

    return all->mean_gain * middle * 1024 / (wish->budget_max > 0 ? wish->budget_max : 1);
}

struct shelf_group { /* the best and the cheapest of a category */
    struct hp_bytes category;
    struct heap best;
    struct heap cheap;
};

static struct shelf_group *
group_of(struct shelf_group *groups, size_t *count, struct hp_bytes category, bool asked)
{
    for (size_t i = 0; i < *count; i++)
        if (hp_bytes_equal(groups[i].category, category))
            return &groups[i];
    if (*count == CATEGORIES_TOLD)
        return NULL;
    groups[*count] = (struct shelf_group){.category = category,
        .best.max = asked ? ASKED_BEST : CATEGORY_BEST,
        .cheap.max = asked ? ASKED_CHEAP : CATEGORY_CHEAP};
    return &groups[(*count)++];
}

static void
mark_by_worth(const struct hp_candidates *all, const struct hp_wish *wish, bool *taken)
{
    int64_t money = price_of_money(all, wish);
    struct heap heaps[6];

    for (size_t i = 0; i < HP_ARRAY_SIZE(heaps); i++) {
        heaps[i].count = 0;
        heaps[i].max = i < 4 ? HEAP_GAIN : i == 4 ? HEAP_DEAR : HEAP_CHEAP;
    }
    for (size_t i = 0; i < all->count; i++) {
        int64_t gain = all->items[i].gain;
        int64_t price = all->items[i].shelf->item.price_minor;

        if (price <= wish->budget_max) {
            heap_offer(&heaps[0], gain, (uint32_t)i);
            heap_offer(&heaps[1], gain - price * money / 2048, (uint32_t)i);
            heap_offer(&heaps[2], gain - price * money / 1024, (uint32_t)i);
            heap_offer(&heaps[3], gain - price * money / 512, (uint32_t)i);
            heap_offer(&heaps[4], price, (uint32_t)i);
        }
        heap_offer(&heaps[5], -price, (uint32_t)i);
    }
    for (size_t i = 0; i < HP_ARRAY_SIZE(heaps); i++)
        mark(&heaps[i], taken);
}

static void
mark_by_category(const struct hp_candidates *all, const struct hp_wish *wish,
    struct hp_arena *arena, bool *taken)
{
    struct shelf_group *groups = HP_ARENA_ARRAY(arena, CATEGORIES_TOLD, struct shelf_group);
    int64_t money = price_of_money(all, wish);
    size_t count = 0;

    for (size_t i = 0; i < wish->mix.count; i++)
        group_of(groups, &count, wish->mix.items[i].category, true);
    for (size_t i = 0; i < all->count; i++) {
        const struct hp_catalogue_item *item = &all->items[i].shelf->item;
        struct shelf_group *group = group_of(groups, &count, item->category, false);

        if (!group)
            continue;
        heap_offer(
            &group->best, all->items[i].gain - item->price_minor * money / 1024, (uint32_t)i);
        heap_offer(&group->cheap, -item->price_minor, (uint32_t)i);
    }
    for (size_t i = 0; i < count; i++) {
        mark(&groups[i].best, taken);
        mark(&groups[i].cheap, taken);
    }
}

void
hp_candidates_choose(const struct hp_candidates *all, const struct hp_wish *wish,
    struct hp_arena *arena, struct hp_candidates *chosen)
{
    bool *taken = HP_ARENA_ARRAY(arena, all->count, bool);

    *chosen = (struct hp_candidates){.shown = all->shown, .mean_gain = all->mean_gain};
    mark_by_worth(all, wish, taken);
    mark_by_category(all, wish, arena, taken);
    chosen->items = HP_ARENA_ARRAY(arena, all->count, struct hp_candidate);
    for (size_t i = 0; i < all->count; i++)
        if (taken[i] || listed(wish->must, all->items[i].shelf->item.item_id))
            chosen->items[chosen->count++] = all->items[i];
}
