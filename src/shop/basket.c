/*
 * shop/basket.c
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "shop/basket.h"

#define SHELF_MAX 512

static bool
holds(const struct hp_basket *basket, size_t item)
{
    for (size_t i = 0; i < basket->count; i++)
        if (basket->lines[i].item == item)
            return true;
    return false;
}

uint16_t
hp_basket_draw(const struct hp_basket *basket, const struct hp_shelf *shelf,
    const struct hp_taste *taste, uint64_t with_tags, int64_t budget_minor, struct hp_rng *rng)
{
    uint64_t weights[SHELF_MAX] = {0}, total = 0, target;
    uint16_t item = 0;

    HP_ASSERT(shelf->catalogue.count <= SHELF_MAX);
    for (size_t i = 0; i < shelf->catalogue.count; i++) {
        if (shelf->catalogue.items[i].price_minor <= budget_minor && !holds(basket, i))
            weights[i] = hp_taste_weight(shelf, taste, i, with_tags);
        total += weights[i];
    }
    if (total == 0)
        return HP_TASTE_NONE;
    target = hp_rng_next(rng) % total;
    while (target >= weights[item])
        target -= weights[item++];
    return item;
}

void
hp_basket_fill(struct hp_basket *basket, const struct hp_shelf *shelf,
    const struct hp_taste *taste, int64_t budget_minor, struct hp_rng *rng)
{
    size_t wanted = 2 + hp_rng_below(rng, 6);
    uint64_t tags = 0;

    basket->count = 0;
    while (basket->count < wanted) {
        struct hp_basket_line line = {0};
        int64_t price;

        line.item = hp_basket_draw(basket, shelf, taste, tags, budget_minor, rng);
        if (line.item == HP_TASTE_NONE)
            break;
        price = shelf->catalogue.items[line.item].price_minor;
        line.quantity = hp_rng_below(rng, 100) < 15 && 2 * price <= budget_minor ? 2 : 1;
        budget_minor -= price * line.quantity;
        tags |= shelf->items[line.item].tags;
        basket->lines[basket->count++] = line;
    }
}

void
hp_basket_of_box(
    struct hp_basket *basket, const struct hp_shelf *shelf, const struct hp_box *box)
{
    basket->count = 0;
    for (size_t i = 0; i < box->item_count && basket->count < HP_BASKET_MAX; i++) {
        const struct hp_catalogue_item *item =
            hp_shop_catalogue_find(&shelf->catalogue, box->items[i].item_id);
        int32_t quantity = box->items[i].quantity;

        if (item && quantity > 0 && quantity < 100)
            basket->lines[basket->count++] = (struct hp_basket_line){
                (uint16_t)(item - shelf->catalogue.items), (uint8_t)quantity};
    }
}

const struct hp_order_line *
hp_basket_lines(
    const struct hp_basket *basket, const struct hp_shelf *shelf, struct hp_arena *arena)
{
    struct hp_order_line *lines = HP_ARENA_ARRAY(arena, basket->count, struct hp_order_line);

    for (size_t i = 0; i < basket->count; i++) {
        const struct hp_catalogue_item *item = &shelf->catalogue.items[basket->lines[i].item];

        lines[i] =
            (struct hp_order_line){item->item_id, basket->lines[i].quantity, item->price_minor};
    }
    return lines;
}
