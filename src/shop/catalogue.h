/*
 * shop/catalogue.h - the made-up shop's shelf: some 180 Indian gift foods, none a real brand.
 *
 * The table itself is src/shop/catalogue.txt, built into the program: right allergens and
 * diets, prices from ₹40 to ₹1,500, a few items nobody looked at (allergens null).
 *
 * Thread: any. Pure.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_SHOP_CATALOGUE_H
#define HP_SHOP_CATALOGUE_H

#include "base/arena.h"
#include "domain/event.h"

struct hp_shop_catalogue {
    struct hp_catalogue_item
        *items; /* by category as on the shelf; the caller may change them */
    size_t count;
};

/* Everything on the shelf at version 1, `updated_at` as given. Lives in the arena. */
void hp_shop_catalogue_load(
    struct hp_arena *arena, int64_t updated_at, struct hp_shop_catalogue *catalogue);

/* NULL when it is not on the shelf. */
struct hp_catalogue_item *hp_shop_catalogue_find(
    const struct hp_shop_catalogue *catalogue, struct hp_bytes item_id);

#endif
