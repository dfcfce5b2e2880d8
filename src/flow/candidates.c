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
 * Cost: some passes over rows of 16 bytes an item; each keeps a short sorted list whose least
 * key almost every item fails to reach. About 10 ns an item.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "flow/candidates.h"

#define BEST_GAIN       48
#define BEST_DEAR       24
#define BEST_CHEAP      24
#define ASKED_BEST      8 /* of a category the mix names */
#define ASKED_CHEAP     6
#define CATEGORY_BEST   2
#define CATEGORY_CHEAP  1
#define CATEGORIES_TOLD 64
#define GAIN_TOP        20

#define MARK_OUT    1U /* excluded, disliked, turned down, or sent to this recipient lately */
#define MARK_MUST   2U
#define MARK_BOUGHT 4U

/* ---- the pool ---------------------------------------------------------------------------- */

static void
mark_listed(const struct hp_offer *offer, struct hp_strings ids, uint8_t mark, uint8_t *marks)
{
    for (size_t i = 0; i < ids.count; i++) {
        uint32_t index = hp_assortment_index(offer->assortment, ids.items[i]);

        if (index != HP_NO_INDEX)
            marks[index] |= mark;
    }
}

/* What was sent lately is out unless it is a must; the rest is out whatever else is said. */
static const uint8_t *
mark_shelves(const struct hp_offer *offer, const struct hp_shopper *shopper,
    const struct hp_wish *wish, struct hp_arena *arena)
{
    uint8_t *marks = HP_ARENA_ARRAY(arena, offer->catalogue->count + 1, uint8_t);
    const struct hp_aggregate *aggregate = &shopper->aggregate;

    mark_listed(offer, wish->sent, MARK_OUT, marks);
    for (size_t i = 0; i < wish->must.count; i++) {
        uint32_t index = hp_assortment_index(offer->assortment, wish->must.items[i]);

        if (index != HP_NO_INDEX)
            marks[index] = MARK_MUST;
    }
    mark_listed(offer, wish->exclude, MARK_OUT, marks);
    for (size_t i = 0; i < aggregate->item_count; i++) {
        const struct hp_user_item *had = &aggregate->items[i];
        uint32_t index = hp_assortment_index(offer->assortment, had->item_id);

        if (index == HP_NO_INDEX)
            continue;
        marks[index] |= hp_user_item_masked(had) ? MARK_OUT : 0;
        marks[index] |= had->orders > 0 ? MARK_BOUGHT : 0;
    }
    return marks;
}

/* Mean of the best GAIN_TOP gains, at least 1. */
static int64_t
mean_of_best(const struct hp_pool *pool)
{
    int32_t best[GAIN_TOP];
    size_t count = 0;
    int64_t sum = 0;

    for (size_t i = 0; i < pool->count; i++) {
        int32_t gain = pool->items[i].gain;
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
hp_pool_fill(const struct hp_offer *offer, const struct hp_shopper *shopper,
    const struct hp_wish *wish, int64_t now, struct hp_arena *arena, struct hp_pool *pool)
{
    const struct hp_catalogue *catalogue = offer->catalogue;

    *pool = (struct hp_pool){.offer = offer, .shopper = shopper};
    pool->marks = mark_shelves(offer, shopper, wish, arena);
    pool->items = HP_ARENA_ARRAY(arena, catalogue->count, struct hp_pool_item);
    hp_scores_make(offer->assortment,
        &(struct hp_score_query){.aggregate = &shopper->aggregate,
            .preferences = &shopper->preferences,
            .now = now,
            .for_recipient = wish->for_recipient},
        arena, &pool->scores);
    for (size_t i = 0; i < catalogue->count; i++) {
        const struct hp_offer_item *item = &offer->items[i];

        if (pool->marks[i] & MARK_OUT || !hp_item_suits(item->rules, wish->avoid, wish->diets))
            continue;
        pool->items[pool->count++] = (struct hp_pool_item){
            (int32_t)item->price, pool->scores.gains[i], (uint32_t)i, item->category};
    }
    pool->mean_gain = mean_of_best(pool);
}

/* ---- the choice -------------------------------------------------------------------------- */

/* The `max` greatest keys, greatest first; ties go to the smaller index. */
struct best {
    int64_t least; /* a key must be above it */
    int64_t *keys;
    uint32_t *items; /* positions in the pool */
    size_t count;
    size_t max;
};

static struct best
best_of(struct hp_arena *arena, size_t max)
{
    return (struct best){.least = INT64_MIN,
        .keys = HP_ARENA_ARRAY(arena, max, int64_t),
        .items = HP_ARENA_ARRAY(arena, max, uint32_t),
        .max = max};
}

static void
insert(struct best *best, int64_t key, uint32_t item)
{
    size_t at = best->count < best->max ? best->count++ : best->count - 1;

    for (; at > 0 && best->keys[at - 1] < key; at--) {
        best->keys[at] = best->keys[at - 1];
        best->items[at] = best->items[at - 1];
    }
    best->keys[at] = key;
    best->items[at] = item;
    if (best->count == best->max)
        best->least = best->keys[best->max - 1];
}

/* Offered in the order of positions, so a later one loses a tie. */
static inline void
best_offer(struct best *best, int64_t key, size_t item)
{
    if (key > best->least)
        insert(best, key, (uint32_t)item);
}

static void
take_best(const struct best *best, bool *taken)
{
    for (size_t i = 0; i < best->count; i++)
        taken[best->items[i]] = true;
}

/* What a paisa is worth, in 1/1024 points: at this price the budget buys the middle number of
 * average items. */
static int64_t
price_of_money(const struct hp_pool *pool, const struct hp_wish *wish)
{
    int64_t middle = (wish->items_min + wish->items_max + 1) / 2;

    return pool->mean_gain * middle * 1024 / (wish->budget_max > 0 ? wish->budget_max : 1);
}

enum { GAIN, HALF, ONCE, TWICE, DEAR, CHEAP, LISTS };

static void
offer_all(struct best *lists, const int64_t *keys, size_t item, int64_t *least)
{
    for (int list = 0; list < LISTS; list++) {
        best_offer(&lists[list], keys[list], item);
        least[list] = lists[list].least;
    }
}

/* Nearly all items are above none of the six bars: those are told with one branch. */
static void
take_by_worth(
    const struct hp_pool *pool, const struct hp_wish *wish, struct hp_arena *arena, bool *taken)
{
    int64_t money = price_of_money(pool, wish);
    const struct hp_pool_item *items = pool->items;
    size_t count = pool->count;
    struct best lists[LISTS];
    int64_t least[LISTS];

    for (int list = 0; list < LISTS; list++) {
        lists[list] = best_of(arena, list == DEAR    ? BEST_DEAR
                                     : list == CHEAP ? BEST_CHEAP
                                                     : BEST_GAIN);
        least[list] = INT64_MIN;
    }
    for (size_t i = 0; i < count; i++) {
        int64_t price = items[i].price;
        int64_t points = items[i].gain;
        int64_t spent = price * money;
        int64_t keys[LISTS] = {points, points - (spent >> 11), points - (spent >> 10),
            points - (spent >> 9), price, -price};

        if (!((keys[GAIN] > least[GAIN]) | (keys[HALF] > least[HALF]) |
                (keys[ONCE] > least[ONCE]) | (keys[TWICE] > least[TWICE]) |
                (keys[DEAR] > least[DEAR]) | (keys[CHEAP] > least[CHEAP])))
            continue;
        if (price <= wish->budget_max)
            offer_all(lists, keys, i, least);
        else
            best_offer(&lists[CHEAP], -price, i);
    }
    for (int list = 0; list < LISTS; list++)
        take_best(&lists[list], taken);
}

struct group { /* the best and the cheapest of a category */
    struct best best;
    struct best cheap;
};

struct groups {
    struct group items[CATEGORIES_TOLD];
    size_t count;
    int16_t *of; /* by category: place in `items` from 1, 0 none yet, -1 there was no room */
};

static struct group *
group_of(struct groups *groups, int32_t category, bool asked, struct hp_arena *arena)
{
    struct group *group;

    if (groups->of[category] > 0)
        return &groups->items[groups->of[category] - 1];
    if (groups->count == CATEGORIES_TOLD)
        return NULL;
    group = &groups->items[groups->count++];
    group->best = best_of(arena, asked ? ASKED_BEST : CATEGORY_BEST);
    group->cheap = best_of(arena, asked ? ASKED_CHEAP : CATEGORY_CHEAP);
    groups->of[category] = (int16_t)groups->count;
    return group;
}

static void
take_by_category(
    const struct hp_pool *pool, const struct hp_wish *wish, struct hp_arena *arena, bool *taken)
{
    const struct hp_assortment *assortment = pool->offer->assortment;
    int64_t money = price_of_money(pool, wish);
    const struct hp_pool_item *items = pool->items;
    size_t count = pool->count;
    struct groups groups = {
        .of = HP_ARENA_ARRAY(arena, hp_assortment_category_count(assortment) + 1, int16_t)};

    for (size_t i = 0; i < wish->mix.count; i++) {
        int32_t category = hp_assortment_category(assortment, wish->mix.items[i].category);

        if (category >= 0)
            group_of(&groups, category, true, arena);
    }
    for (size_t i = 0; i < count; i++) {
        const struct hp_pool_item *item = &items[i];
        struct group *group = group_of(&groups, item->category, false, arena);

        if (!group)
            continue;
        best_offer(&group->best, item->gain - ((int64_t)item->price * money >> 10), i);
        best_offer(&group->cheap, -(int64_t)item->price, i);
    }
    for (size_t i = 0; i < groups.count; i++) {
        take_best(&groups.items[i].best, taken);
        take_best(&groups.items[i].cheap, taken);
    }
}

static struct hp_candidate
describe(const struct hp_pool *pool, const struct hp_pool_item *item)
{
    const struct hp_offer *offer = pool->offer;
    const struct hp_shelf *shelf = offer->catalogue->shelves[item->shelf];
    uint8_t marks = pool->marks[item->shelf];

    return (struct hp_candidate){.shelf = shelf,
        .gain = item->gain,
        .category = offer->items[item->shelf].category,
        .index = item->shelf,
        .bought = (marks & MARK_BOUGHT) != 0};
}

void
hp_candidates_choose(const struct hp_pool *pool, const struct hp_wish *wish,
    struct hp_arena *arena, struct hp_candidates *chosen)
{
    bool *taken = HP_ARENA_ARRAY(arena, pool->count + 1, bool);
    const struct hp_pool_item *items = pool->items;
    const uint8_t *marks = pool->marks;
    size_t pool_count = pool->count;
    size_t count = 0;

    *chosen = (struct hp_candidates){.mean_gain = pool->mean_gain};
    take_by_worth(pool, wish, arena, taken);
    take_by_category(pool, wish, arena, taken);
    for (size_t i = 0; i < pool_count; i++) {
        taken[i] |= (marks[items[i].shelf] & MARK_MUST) != 0;
        count += taken[i];
    }
    chosen->items = HP_ARENA_ARRAY(arena, count, struct hp_candidate);
    for (size_t i = 0; i < pool_count; i++)
        if (taken[i])
            chosen->items[chosen->count++] = describe(pool, &items[i]);
}

void
hp_candidates_all(const struct hp_pool *pool, struct hp_arena *arena, struct hp_candidates *all)
{
    *all = (struct hp_candidates){.mean_gain = pool->mean_gain, .count = pool->count};
    all->items = HP_ARENA_ARRAY(arena, pool->count, struct hp_candidate);
    for (size_t i = 0; i < pool->count; i++)
        all->items[i] = describe(pool, &pool->items[i]);
}
