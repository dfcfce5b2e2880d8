/*
 * shop/basket.h - what a made-up shopper puts together for one order.
 *
 * Thread: any. Pure.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_SHOP_BASKET_H
#define HP_SHOP_BASKET_H

#include "shop/taste.h"

#define HP_BASKET_MAX 12

struct hp_basket {
    struct hp_basket_line {
        uint16_t item; /* index on the shelf */
        uint8_t quantity;
    } lines[HP_BASKET_MAX];
    size_t count;
};

/*
 * One more item for at most `budget_minor`, drawn by the taste's weights; HP_TASTE_NONE when
 * nothing fits. `with_tags` are those of what is in the basket already.
 */
uint16_t hp_basket_draw(const struct hp_basket *basket, const struct hp_shelf *shelf,
    const struct hp_taste *taste, uint64_t with_tags, int64_t budget_minor, struct hp_rng *rng);

/* Two to seven different items within the budget, mostly one of each; fewer when no more fit.
 */
void hp_basket_fill(struct hp_basket *basket, const struct hp_shelf *shelf,
    const struct hp_taste *taste, int64_t budget_minor, struct hp_rng *rng);

/* What of a box is on the shelf, in order-sized quantities. */
void hp_basket_of_box(
    struct hp_basket *basket, const struct hp_shelf *shelf, const struct hp_box *box);

/* As lines of an order, at the shelf's prices. */
const struct hp_order_line *hp_basket_lines(
    const struct hp_basket *basket, const struct hp_shelf *shelf, struct hp_arena *arena);

#endif
