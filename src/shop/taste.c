/*
 * shop/taste.c
 *
 * Co-occurrence in the orders comes from two places: shoppers with the same category weights
 * buy alike, and an item that shares a tag with what is already in the basket weighs twice as
 * much. So tea goes with tea-time biscuits and festive with festive, which is what the item
 * model is there to find.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "shop/taste.h"

#include "base/hash.h"

#define POPULARITY     4000 /* of the best seller; rank r sells 1 / (1 + r / 4) as often */
#define FAVOURITE_GAIN 10
#define TAG_GAIN       3
#define TOGETHER_GAIN  2

uint64_t
hp_taste_tags(struct hp_strings tags)
{
    uint64_t set = 0;

    for (size_t i = 0; i < tags.count; i++)
        set |= UINT64_C(1) << (hp_hash64(tags.items[i]) & 63);
    return set;
}

static uint8_t
category_number(struct hp_shelf *shelf, struct hp_bytes category)
{
    for (size_t i = 0; i < shelf->category_count; i++)
        if (hp_bytes_equal(shelf->categories[i], category))
            return (uint8_t)i;
    HP_ASSERT(shelf->category_count < HP_TASTE_CATEGORIES_MAX);
    shelf->categories[shelf->category_count] = category;
    return (uint8_t)shelf->category_count++;
}

/* A seeded order of the items (Fisher-Yates), best seller first. */
static void
rank_items(struct hp_shelf *shelf, struct hp_arena *arena, struct hp_rng *rng)
{
    size_t count = shelf->catalogue.count;
    uint16_t *order = HP_ARENA_ARRAY(arena, count, uint16_t);

    for (size_t i = 0; i < count; i++)
        order[i] = (uint16_t)i;
    for (size_t i = count - 1; i > 0; i--) {
        size_t other = hp_rng_below(rng, (uint32_t)i + 1);
        uint16_t swap = order[i];

        order[i] = order[other];
        order[other] = swap;
    }
    for (size_t rank = 0; rank < count; rank++)
        shelf->items[order[rank]].popularity = POPULARITY * 4 / (4 + (uint32_t)rank);
}

void
hp_shelf_load(struct hp_arena *arena, const struct hp_vocabulary *vocabulary,
    int64_t updated_at, struct hp_rng *rng, struct hp_shelf *shelf)
{
    *shelf = (struct hp_shelf){0};
    hp_shop_catalogue_load(arena, updated_at, &shelf->catalogue);
    shelf->items = HP_ARENA_ARRAY(arena, shelf->catalogue.count, struct hp_shelf_item);
    for (size_t i = 0; i < shelf->catalogue.count; i++) {
        const struct hp_catalogue_item *item = &shelf->catalogue.items[i];

        shelf->items[i].allergens = hp_vocabulary_allergens(vocabulary, item);
        shelf->items[i].diets = hp_vocabulary_item_diets(vocabulary, item);
        shelf->items[i].tags = hp_taste_tags(item->tags);
        shelf->items[i].category = category_number(shelf, item->category);
    }
    rank_items(shelf, arena, rng);
}

static bool
may_eat(const struct hp_shelf *shelf, const struct hp_taste *taste, size_t item)
{
    const struct hp_shelf_item *of = &shelf->items[item];

    return hp_allergens_safe(of->allergens, taste->avoid) &&
           hp_diets_suit(of->diets, taste->diets);
}

/* Favourites are drawn by weight from a handful of candidates each. */
static void
draw_favourites(const struct hp_shelf *shelf, struct hp_rng *rng, struct hp_taste *taste)
{
    for (size_t f = 0; f < HP_TASTE_FAVOURITES; f++)
        taste->favourites[f] = HP_TASTE_NONE;
    for (size_t f = 0; f < HP_TASTE_FAVOURITES; f++) {
        uint64_t best = 0;

        for (int tries = 0; tries < 6; tries++) {
            size_t item = hp_rng_below(rng, (uint32_t)shelf->catalogue.count);
            uint64_t weight = hp_taste_weight(shelf, taste, item, 0);

            if (weight > best) {
                best = weight;
                taste->favourites[f] = (uint16_t)item;
            }
        }
    }
}

static void
draw_categories(
    const struct hp_shelf *shelf, int loved, struct hp_rng *rng, struct hp_taste *taste)
{
    for (size_t i = 0; i < shelf->category_count; i++)
        taste->categories[i] = (uint8_t)(1 + hp_rng_below(rng, 3));
    for (int i = 0; i < loved; i++)
        taste->categories[hp_rng_below(rng, (uint32_t)shelf->category_count)] = 9;
}

static void
add_code(const struct hp_vocabulary *vocabulary, const char *avoid, const char *diet,
    struct hp_taste *taste)
{
    struct hp_bytes code = hp_bytes_text(avoid ? avoid : diet);

    if (avoid)
        hp_vocabulary_avoid(vocabulary, (struct hp_strings){&code, 1}, &taste->avoid);
    else
        hp_vocabulary_require(vocabulary, (struct hp_strings){&code, 1}, &taste->diets);
}

void
hp_taste_random(const struct hp_shelf *shelf, const struct hp_vocabulary *vocabulary,
    struct hp_rng *rng, struct hp_taste *taste)
{
    static const char *const allergies[] = {"peanut", "tree-nut", "milk", "gluten", "soy"};
    static const char *const diets[] = {"vegetarian", "eggless", "jain", "vegan"};

    *taste = (struct hp_taste){0};
    draw_categories(shelf, 2, rng, taste);
    taste->tags = UINT64_C(1) << hp_rng_below(rng, 64) | UINT64_C(1) << hp_rng_below(rng, 64);
    if (hp_rng_below(rng, 100) < 12)
        add_code(
            vocabulary, allergies[hp_rng_below(rng, HP_ARRAY_SIZE(allergies))], NULL, taste);
    if (hp_rng_below(rng, 100) < 25)
        add_code(vocabulary, NULL, diets[hp_rng_below(rng, HP_ARRAY_SIZE(diets))], taste);
    draw_favourites(shelf, rng, taste);
}

/* Sets the weight of the listed categories. */
static void
set_categories(const struct hp_shelf *shelf, struct hp_strings names, uint8_t weight,
    struct hp_taste *taste)
{
    for (size_t n = 0; n < names.count; n++)
        for (size_t i = 0; i < shelf->category_count; i++)
            if (hp_bytes_equal(shelf->categories[i], names.items[n]))
                taste->categories[i] = weight;
}

void
hp_taste_persona(const struct hp_shelf *shelf, const struct hp_vocabulary *vocabulary,
    const struct hp_persona *persona, struct hp_rng *rng, struct hp_taste *taste)
{
    struct hp_arena arena = {0};
    struct hp_preferences stated;

    hp_persona_preferences(persona, 1, 1, &arena, &stated);
    *taste = (struct hp_taste){0};
    draw_categories(shelf, 0, rng, taste);
    set_categories(shelf, stated.liked_categories, 9, taste);
    set_categories(shelf, stated.disliked_categories, 0, taste);
    taste->tags = hp_taste_tags(stated.liked_tags);
    hp_vocabulary_avoid(vocabulary, stated.avoid_allergens, &taste->avoid);
    hp_vocabulary_require(vocabulary, stated.diets, &taste->diets);
    draw_favourites(shelf, rng, taste);
    hp_arena_release(&arena);
}

uint64_t
hp_taste_weight(
    const struct hp_shelf *shelf, const struct hp_taste *taste, size_t item, uint64_t with_tags)
{
    const struct hp_shelf_item *of = &shelf->items[item];
    uint64_t weight = (uint64_t)of->popularity * taste->categories[of->category];

    if (weight == 0 || !may_eat(shelf, taste, item))
        return 0;
    for (size_t f = 0; f < HP_TASTE_FAVOURITES; f++)
        if (taste->favourites[f] == item)
            weight *= FAVOURITE_GAIN;
    if (of->tags & taste->tags)
        weight *= TAG_GAIN;
    if (of->tags & with_tags)
        weight *= TOGETHER_GAIN;
    return weight;
}
