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
 * Cost: a few passes over columns, 32 items at a time; each keeps the greatest so far, whose
 * least almost no item reaches. What goes by price alone is read off lists sorted once a
 * snapshot.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "flow/candidates.h"

#include "base/wide.h"
#include "flow/top.h"
#include "packing/instance.h"

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
#define MARK_BOUGHT 2U

#define BLOCK       8  /* items looked at together */
#define SAMPLE      17 /* prime: ids tend to be numbered in tens */
#define SAMPLE_BEST 8
#define SPENT_MAX   ((1 << 30) - 1)
#define NOWHERE     (-(1 << 30)) /* below every key of what is there */

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
static void
mark_shelves(const struct hp_offer *offer, const struct hp_shopper *shopper,
    const struct hp_wish *wish, uint8_t *marks)
{
    const struct hp_aggregate *aggregate = &shopper->aggregate;

    mark_listed(offer, wish->sent, MARK_OUT, marks);
    for (size_t i = 0; i < wish->must.count; i++) {
        uint32_t index = hp_assortment_index(offer->assortment, wish->must.items[i]);

        if (index != HP_NO_INDEX)
            marks[index] = 0;
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
}

/* What is safe and suits; a rule nobody knows the meaning of lets nothing pass. */
HP_WIDE static void
mark_rules(const struct hp_offer *offer, const struct hp_wish *wish, uint8_t *marks)
{
    size_t count = offer->catalogue->count;
    const uint64_t *allergens = offer->allergens;
    const uint64_t *diets = offer->diets;
    const uint8_t *absent = offer->absent;
    uint64_t avoid = hp_avoid_word(wish->avoid);
    uint64_t wanted = wish->diets.mask;
    uint8_t none = wish->diets.has_unknown ? MARK_OUT : 0;

    if (avoid == 0 && wanted == 0) {
        for (size_t i = 0; i < count; i++)
            marks[i] |= absent[i] | none;
        return;
    }
    for (size_t i = 0; i < count; i++)
        marks[i] |= (uint8_t)(absent[i] | none | ((allergens[i] & avoid) != 0) |
                              ((diets[i] & wanted) != wanted));
}

static bool
any_above(const int32_t *keys, size_t count, int32_t bar)
{
    int32_t any = 0;

    for (size_t i = 0; i < count; i++)
        any |= keys[i] > bar;
    return any != 0;
}

/* Mean of the best GAIN_TOP gains, at least 1. */
HP_WIDE static int64_t
mean_of_best(const int32_t *gains, size_t count, struct hp_arena *arena)
{
    struct hp_top top = hp_top_new(arena, GAIN_TOP, 0);
    int64_t sum = 0;

    for (size_t from = 0; from < count; from += BLOCK) {
        size_t here = count - from < BLOCK ? count - from : BLOCK;

        if (any_above(gains + from, here, top.bar))
            for (size_t i = from; i < from + here; i++)
                hp_top_offer(&top, gains[i], (uint32_t)i);
    }
    hp_top_cut(&top);
    for (size_t i = 0; i < top.count; i++)
        sum += hp_top_key(top.items[i]);
    return top.count && sum / (int64_t)top.count > 0 ? sum / (int64_t)top.count : 1;
}

HP_WIDE static size_t
drop_out(int32_t *gains, const uint8_t *marks, size_t count)
{
    size_t kept = 0;

    for (size_t i = 0; i < count; i++) {
        gains[i] = marks[i] & MARK_OUT ? 0 : gains[i];
        kept += gains[i] > 0;
    }
    return kept;
}

void
hp_pool_fill(const struct hp_offer *offer, const struct hp_shopper *shopper,
    const struct hp_wish *wish, int64_t now, struct hp_arena *arena, struct hp_pool *pool)
{
    size_t count = offer->catalogue->count;
    uint8_t *marks = HP_ARENA_ARRAY(arena, count, uint8_t);

    *pool = (struct hp_pool){.offer = offer, .marks = marks};
    mark_shelves(offer, shopper, wish, marks);
    mark_rules(offer, wish, marks);
    hp_scores_make(offer->assortment,
        &(struct hp_score_query){.aggregate = &shopper->aggregate,
            .preferences = &shopper->preferences,
            .now = now,
            .for_recipient = wish->for_recipient},
        arena, &pool->scores);
    pool->count = drop_out(pool->scores.gains, marks, count);
    pool->mean_gain = mean_of_best(pool->scores.gains, count, arena);
}

/* ---- the choice -------------------------------------------------------------------------- */

struct choice {
    const struct hp_pool *pool;
    const struct hp_wish *wish;
    struct hp_arena *arena;
    size_t count;
    const int32_t *points; /* the gain; NOWHERE when it is not eligible, or too dear */
    const int32_t *spent;  /* what twice its price is worth in points */
    uint8_t *taken;
};

/* What a paisa is worth, in 1/1024 points: at this price the budget buys the middle number of
 * average items. */
static int64_t
price_of_money(const struct hp_pool *pool, const struct hp_wish *wish)
{
    int64_t middle = (wish->items_min + wish->items_max + 1) / 2;
    int64_t money =
        pool->mean_gain * middle * 1024 / (wish->budget_max > 0 ? wish->budget_max : 1);

    return money < INT32_MAX ? money : INT32_MAX;
}

HP_WIDE static void
fill_columns(struct choice *choice)
{
    const int32_t *prices = choice->pool->offer->prices;
    const int32_t *gains = choice->pool->scores.gains;
    int64_t money = price_of_money(choice->pool, choice->wish);
    int32_t most =
        choice->wish->budget_max < INT32_MAX ? (int32_t)choice->wish->budget_max : INT32_MAX;
    size_t count = choice->count;
    int32_t *points = HP_ARENA_ARRAY(choice->arena, count, int32_t);
    int32_t *spent = HP_ARENA_ARRAY(choice->arena, count, int32_t);
    int64_t bound = money > 0 ? ((int64_t)SPENT_MAX << 9) / money : INT32_MAX;
    int32_t dear = bound < INT32_MAX ? (int32_t)bound : INT32_MAX; /* what is dearer, is this */

    for (size_t i = 0; i < count; i++) {
        int32_t price = prices[i] < dear ? prices[i] : dear;

        spent[i] = (int32_t)((uint64_t)(uint32_t)price * (uint64_t)money >> 9);
        points[i] = ((gains[i] > 0) & (prices[i] <= most)) ? gains[i] : NOWHERE;
    }
    choice->points = points;
    choice->spent = spent;
}

static void
take_top(const struct choice *choice, struct hp_top *top)
{
    hp_top_cut(top);
    for (size_t i = 0; i < top->count; i++)
        choice->taken[hp_top_place(top->items[i])] = 1;
}

enum { GAIN, HALF, ONCE, TWICE, LISTS };

/* Nearly all items are above none of the bars: a stretch of them is told at once. */
static inline bool
any_worth(const int32_t *points, const int32_t *spent, size_t count, const struct hp_top *tops)
{
    int32_t any = 0;

    for (size_t i = 0; i < count; i++)
        any |= (points[i] > tops[GAIN].bar) | (points[i] - (spent[i] >> 2) > tops[HALF].bar) |
               (points[i] - (spent[i] >> 1) > tops[ONCE].bar) |
               (points[i] - spent[i] > tops[TWICE].bar);
    return any != 0;
}

static inline void
offer_worths(const struct choice *choice, size_t item, struct hp_top *tops)
{
    int32_t points = choice->points[item];
    int32_t spent = choice->spent[item];

    hp_top_offer(&tops[GAIN], points, (uint32_t)item);
    hp_top_offer(&tops[HALF], points - (spent >> 2), (uint32_t)item);
    hp_top_offer(&tops[ONCE], points - (spent >> 1), (uint32_t)item);
    hp_top_offer(&tops[TWICE], points - spent, (uint32_t)item);
}

/* Bars that some SAMPLE_BEST x SAMPLE items are expected to reach, from one item in SAMPLE. */
static void
guess_bars(const struct choice *choice, struct hp_top *tops)
{
    struct hp_top few[LISTS];

    for (int list = 0; list < LISTS; list++)
        few[list] = hp_top_new(choice->arena, SAMPLE_BEST, NOWHERE);
    for (size_t i = 0; i < choice->count; i += SAMPLE)
        offer_worths(choice, i, few);
    for (int list = 0; list < LISTS; list++) {
        hp_top_cut(&few[list]);
        tops[list].bar = few[list].bar > NOWHERE ? few[list].bar - 1 : NOWHERE;
    }
}

HP_WIDE static void
offer_all(const struct choice *choice, struct hp_top *tops)
{
    const int32_t *points = choice->points;
    const int32_t *spent = choice->spent;

    for (size_t from = 0; from < choice->count; from += BLOCK) {
        size_t end = choice->count - from < BLOCK ? choice->count : from + BLOCK;

        if (!any_worth(points + from, spent + from, end - from, tops))
            continue;
        for (size_t i = from; i < end; i++)
            offer_worths(choice, i, tops);
    }
}

/* Guessed bars save most of the work; when one was too high, everything is offered again. */
static void
take_by_worth(const struct choice *choice)
{
    struct hp_top tops[LISTS];
    bool full = true;

    for (int list = 0; list < LISTS; list++)
        tops[list] = hp_top_new(choice->arena, BEST_GAIN, NOWHERE);
    guess_bars(choice, tops);
    offer_all(choice, tops);
    for (int list = 0; list < LISTS; list++)
        full = full && tops[list].count >= tops[list].max;
    if (!full) {
        for (int list = 0; list < LISTS; list++) {
            tops[list].count = 0;
            tops[list].bar = NOWHERE;
        }
        offer_all(choice, tops);
    }
    for (int list = 0; list < LISTS; list++)
        take_top(choice, &tops[list]);
}

/* The first `wanted` eligible ones of a list that is sorted by price. */
static void
take_cheap(const struct choice *choice, const uint32_t *shelves, size_t count, size_t wanted)
{
    for (size_t i = 0; i < count && wanted; i++) {
        if (choice->pool->scores.gains[shelves[i]] == 0)
            continue;
        choice->taken[shelves[i]] = 1;
        wanted--;
    }
}

/* The dearest that the budget reaches. */
static void
take_dear(const struct choice *choice)
{
    const uint32_t *shelves = choice->pool->offer->by_price;
    size_t wanted = BEST_DEAR;

    for (size_t i = choice->count; i-- > 0 && wanted;) {
        if (choice->points[shelves[i]] == NOWHERE)
            continue;
        choice->taken[shelves[i]] = 1;
        wanted--;
    }
}

static void
take_of_category(const struct choice *choice, int32_t category, bool asked)
{
    const struct hp_offer *offer = choice->pool->offer;
    const uint32_t *shelves = offer->of_category + offer->starts[category];
    size_t count = offer->starts[category + 1] - offer->starts[category];
    struct hp_top top = hp_top_new(choice->arena, asked ? ASKED_BEST : CATEGORY_BEST, NOWHERE);

    for (size_t i = 0; i < count; i++) {
        uint32_t shelf = shelves[i];

        hp_top_offer(&top, choice->points[shelf] - (choice->spent[shelf] >> 1), shelf);
    }
    take_top(choice, &top);
    take_cheap(choice, shelves, count, asked ? ASKED_CHEAP : CATEGORY_CHEAP);
}

/* Those the mix names, and as many others as CATEGORIES_TOLD leaves room for. */
static void
take_by_category(const struct choice *choice)
{
    const struct hp_assortment *assortment = choice->pool->offer->assortment;
    size_t count = hp_assortment_category_count(assortment);
    const struct hp_mixes *mix = &choice->wish->mix;
    bool *asked = HP_ARENA_ARRAY(choice->arena, count + 1, bool);
    size_t told = 0;

    for (size_t i = 0; i < mix->count; i++) {
        int32_t category = hp_assortment_category(assortment, mix->items[i].category);

        if (category < 0 || asked[category])
            continue;
        asked[category] = true;
        take_of_category(choice, category, true);
        told++;
    }
    for (size_t i = 0; i < count && told < CATEGORIES_TOLD; i++) {
        if (asked[i])
            continue;
        take_of_category(choice, (int32_t)i, false);
        told++;
    }
}

static struct hp_candidate
describe(const struct hp_pool *pool, size_t shelf)
{
    return (struct hp_candidate){.shelf = pool->offer->catalogue->shelves[shelf],
        .gain = pool->scores.gains[shelf],
        .category = hp_assortment_categories(pool->offer->assortment)[shelf],
        .index = (uint32_t)shelf,
        .bought = (pool->marks[shelf] & MARK_BOUGHT) != 0};
}

static void
take_musts(const struct choice *choice)
{
    const struct hp_assortment *assortment = choice->pool->offer->assortment;
    const struct hp_strings *must = &choice->wish->must;

    for (size_t i = 0; i < must->count; i++) {
        uint32_t index = hp_assortment_index(assortment, must->items[i]);

        if (index != HP_NO_INDEX && choice->pool->scores.gains[index] > 0)
            choice->taken[index] = 1;
    }
}

void
hp_candidates_choose(const struct hp_pool *pool, const struct hp_wish *wish,
    struct hp_arena *arena, struct hp_candidates *chosen)
{
    struct choice choice = {.pool = pool, .wish = wish, .arena = arena};
    size_t shelves = pool->offer->catalogue->count;
    size_t count = 0;

    choice.count = shelves;
    choice.taken = HP_ARENA_ARRAY(arena, shelves, uint8_t);
    fill_columns(&choice);
    take_by_worth(&choice);
    take_dear(&choice);
    take_cheap(&choice, pool->offer->by_price, shelves, BEST_CHEAP);
    take_by_category(&choice);
    take_musts(&choice);
    for (size_t i = 0; i < shelves; i++)
        count += choice.taken[i];
    *chosen = (struct hp_candidates){.mean_gain = pool->mean_gain};
    chosen->items = HP_ARENA_ARRAY(arena, count, struct hp_candidate);
    for (size_t i = 0; i < shelves; i++)
        if (choice.taken[i])
            chosen->items[chosen->count++] = describe(pool, i);
}

void
hp_candidates_all(const struct hp_pool *pool, const struct hp_candidates *chosen,
    struct hp_arena *arena, struct hp_candidates *all)
{
    const struct hp_offer *offer = pool->offer;
    size_t shelves = offer->catalogue->count;
    size_t room = pool->count < HP_PACK_ITEMS_MAX ? pool->count : HP_PACK_ITEMS_MAX;
    uint8_t *taken = HP_ARENA_ARRAY(arena, shelves, uint8_t);
    size_t count = chosen->count;

    for (size_t i = 0; i < chosen->count; i++)
        taken[chosen->items[i].index] = 1;
    for (size_t i = 0; i < shelves && count < room; i++) {
        uint32_t shelf = offer->by_price[i];

        if (pool->scores.gains[shelf] == 0 || taken[shelf])
            continue;
        taken[shelf] = 1;
        count++;
    }
    *all = (struct hp_candidates){.mean_gain = pool->mean_gain};
    all->items = HP_ARENA_ARRAY(arena, count, struct hp_candidate);
    for (size_t i = 0; i < shelves; i++)
        if (taken[i])
            all->items[all->count++] = describe(pool, i);
}
