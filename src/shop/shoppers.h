/*
 * shop/shoppers.h - seeded shoppers who order, react, state preferences and ask for boxes.
 *
 * One stream of events over simulated time, times strictly rising. The personas come first and
 * begin with their preferences; everybody else has a drawn taste, favourites bought again, a
 * budget and sometimes an allergy or a diet. Some orders are cancelled or partly returned, some
 * are gifts to a recipient. Shown a recommendation, a shopper reacts to its boxes in the events
 * that follow, so that the loop closes.
 *
 * The same settings, calls and recommendations give the same events on every machine.
 *
 * Thread: one at a time. Pure.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_SHOP_SHOPPERS_H
#define HP_SHOP_SHOPPERS_H

#include "shop/catalogue.h"
#include "shop/personas.h"

enum hp_shop_event_type {
    HP_SHOP_ORDER,
    HP_SHOP_FEEDBACK,
    HP_SHOP_PREFERENCES,
    HP_SHOP_REQUEST,
    HP_SHOP_CATALOGUE
};

struct hp_shop_event {
    enum hp_shop_event_type type;
    int64_t at;
    struct hp_bytes key; /* of the topic: user_id, or item_id of a catalogue change */
    union {
        struct hp_order order;
        struct hp_feedback feedback;
        struct hp_preferences preferences;
        struct hp_box_request request;
        struct hp_catalogue_item item;
    };
};

struct hp_shop_settings {
    uint64_t seed;
    uint32_t shoppers;           /* personas included, who are always there */
    int64_t start_ms;            /* simulated time before the first event */
    int64_t gap_ms;              /* mean time between events */
    uint32_t catalogue_permille; /* of events that change a price or a stock; 0: none */
};

struct hp_shop; /* opaque */

struct hp_shop *hp_shop_new(const struct hp_shop_settings *settings);
void hp_shop_free(struct hp_shop *shop);

/* The shelf as it stands after the changes so far. Belongs to the shop. */
const struct hp_shop_catalogue *hp_shop_shelf(const struct hp_shop *shop);

/* Time of the last event, or the start. */
int64_t hp_shop_now(const struct hp_shop *shop);

/* The next event. Strings live in the arena or in the shop. There is always another one. */
void hp_shop_next_event(
    struct hp_shop *shop, struct hp_arena *arena, struct hp_shop_event *event);

/* Shows a shopper their boxes; strangers and tombstones are passed over, and so is a
 * recommendation when too many reactions wait already. */
void hp_shop_show(struct hp_shop *shop, const struct hp_recommendation *recommendation);

#endif
