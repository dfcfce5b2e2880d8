/*
 * shop/taste.h - what a made-up shopper would like to buy, as integer weights over the shelf.
 *
 * A weight is popularity x category x favourite x tag; items the shopper must not eat weigh
 * nothing, so nobody in this shop ever orders an allergen they avoid.
 *
 * Thread: any. Pure; no floating point, so that a seed means the same everywhere.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_SHOP_TASTE_H
#define HP_SHOP_TASTE_H

#include "base/rng.h"
#include "domain/item.h"
#include "shop/catalogue.h"
#include "shop/personas.h"

#define HP_TASTE_CATEGORIES_MAX 16
#define HP_TASTE_FAVOURITES     6
#define HP_TASTE_NONE           UINT16_MAX

/* The shelf as tastes see it. */
struct hp_shelf {
    struct hp_shop_catalogue catalogue;
    struct hp_bytes categories[HP_TASTE_CATEGORIES_MAX];
    size_t category_count;
    struct hp_shelf_item {
        struct hp_allergens allergens;
        uint64_t diets;
        uint64_t tags; /* a set of hashed tags */
        uint32_t popularity;
        uint8_t category;
    } * items;
};

struct hp_taste {
    uint8_t categories[HP_TASTE_CATEGORIES_MAX]; /* weight of each, 0 never */
    uint16_t favourites[HP_TASTE_FAVOURITES];    /* bought again and again */
    uint64_t tags;                               /* hashed tags that are liked */
    struct hp_avoid avoid;
    struct hp_diets diets;
};

/* The shelf with seeded popularity (a few items sell most). Lives in the arena. */
void hp_shelf_load(struct hp_arena *arena, const struct hp_vocabulary *vocabulary,
    int64_t updated_at, struct hp_rng *rng, struct hp_shelf *shelf);

/* A taste at random; some avoid something, some keep a diet. */
void hp_taste_random(const struct hp_shelf *shelf, const struct hp_vocabulary *vocabulary,
    struct hp_rng *rng, struct hp_taste *taste);

/* The taste of a persona: what they state, the rest at random. */
void hp_taste_persona(const struct hp_shelf *shelf, const struct hp_vocabulary *vocabulary,
    const struct hp_persona *persona, struct hp_rng *rng, struct hp_taste *taste);

/* How much the shopper would like to add `item` (an index) to a box with these tags. */
uint64_t hp_taste_weight(const struct hp_shelf *shelf, const struct hp_taste *taste,
    size_t item, uint64_t with_tags);

/* The set that hashed tags make. */
uint64_t hp_taste_tags(struct hp_strings tags);

#endif
