/*
 * shop/shoppers.c
 *
 * A shopper is a taste, a budget and the last order. An event picks a shopper at random (the
 * personas four times as often as others, so that a demo has something to show), then what they
 * do. Reactions to shown boxes wait in a short ring and go first.
 *
 *     show() --> ring: SHOWN box1, SHOWN box2, ACCEPTED box2, order of box2 --> next_event()
 *
 * Invariants:
 *  (1) times rise by at least 1 ms from event to event;
 *  (2) ids are counters, so an id never comes twice with other content, except a higher version
 *      of an order;
 *  (3) nothing depends on addresses, floats or the clock.
 *
 * An event costs about 5 us, nearly all of it weighing the shelf for an order.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "shop/shoppers.h"

#include "base/rng.h"
#include "domain/limits.h"
#include "shop/basket.h"

#define REACTIONS_MAX 512
#define PERSONA_PICK  20 /* per cent of events that are a persona's */

struct shopper {
    struct hp_taste taste;
    int64_t budget_minor;
    uint32_t last_order; /* 0: none that can still change */
    int64_t last_order_at;
    struct hp_basket basket; /* of the last order */
    uint16_t preferences_version;
};

struct reaction {
    uint32_t shopper;
    bool is_order;
    enum hp_feedback_kind kind;
    char box_id[HP_ID_BYTES_MAX + 1];
    uint16_t item; /* or HP_TASTE_NONE */
    struct hp_basket basket;
};

struct hp_shop {
    struct hp_shop_settings settings;
    struct hp_rng rng;
    struct hp_arena arena;
    struct hp_vocabulary *vocabulary;
    struct hp_shelf shelf;
    struct shopper *shoppers;
    uint32_t introduced; /* personas who have stated their preferences */
    uint32_t orders, feedbacks, requests;
    int64_t now;
    struct reaction *reactions;
    size_t reaction_first, reaction_count;
};

static bool
chance(struct hp_shop *shop, uint32_t percent)
{
    return hp_rng_below(&shop->rng, 100) < percent;
}

static void
new_shopper(struct hp_shop *shop, uint32_t number)
{
    struct shopper *shopper = &shop->shoppers[number];

    if (number < hp_persona_count()) {
        const struct hp_persona *persona = hp_persona(number);

        hp_taste_persona(&shop->shelf, shop->vocabulary, persona, &shop->rng, &shopper->taste);
        shopper->budget_minor = persona->budget_max_minor;
        return;
    }
    hp_taste_random(&shop->shelf, shop->vocabulary, &shop->rng, &shopper->taste);
    shopper->budget_minor = hp_rng_between(&shop->rng, 5, 40) * 10000;
}

struct hp_shop *
hp_shop_new(const struct hp_shop_settings *settings)
{
    struct hp_shop *shop = hp_alloc(sizeof(*shop));

    shop->settings = *settings;
    if (shop->settings.shoppers < hp_persona_count())
        shop->settings.shoppers = (uint32_t)hp_persona_count();
    shop->rng.state = settings->seed;
    shop->now = settings->start_ms;
    shop->vocabulary = hp_vocabulary_new();
    hp_shelf_load(&shop->arena, shop->vocabulary, shop->now, &shop->rng, &shop->shelf);
    shop->shoppers = hp_realloc_array(NULL, shop->settings.shoppers, sizeof(struct shopper));
    memset(shop->shoppers, 0, shop->settings.shoppers * sizeof(struct shopper));
    for (uint32_t i = 0; i < shop->settings.shoppers; i++)
        new_shopper(shop, i);
    shop->reactions = hp_alloc(REACTIONS_MAX * sizeof(struct reaction));
    return shop;
}

void
hp_shop_free(struct hp_shop *shop)
{
    if (!shop)
        return;
    hp_arena_release(&shop->arena);
    hp_vocabulary_free(shop->vocabulary);
    free(shop->shoppers);
    free(shop->reactions);
    free(shop);
}

const struct hp_shop_catalogue *
hp_shop_shelf(const struct hp_shop *shop)
{
    return &shop->shelf.catalogue;
}

int64_t
hp_shop_now(const struct hp_shop *shop)
{
    return shop->now;
}

static const char *const names[] = {"aarav", "aditi", "ananya", "arjun", "bhavna", "chetan",
    "deepa", "dev", "esha", "gauri", "harish", "isha", "jaya", "karan", "kavya", "leela",
    "manoj", "maya", "mohan", "naina", "neha", "nikhil", "omkar", "pooja", "priya", "rahul",
    "reema", "ritu", "sachin", "sana", "sunil", "tara", "uma", "varun", "vidya", "yash"};

static struct hp_bytes
user_id(uint32_t number, struct hp_arena *arena)
{
    if (number < hp_persona_count())
        return hp_bytes_text(hp_persona(number)->user_id);
    return hp_bytes_text(
        hp_arena_printf(arena, "%s-%05u", names[number % HP_ARRAY_SIZE(names)], number));
}

/* The reverse of user_id(); false when it is none of ours. */
static bool
find_shopper(const struct hp_shop *shop, struct hp_bytes id, uint32_t *number)
{
    const uint8_t *dash = id.size ? memrchr(id.data, '-', id.size) : NULL;
    struct hp_arena arena = {0};
    bool found;

    *number = 0;
    for (const uint8_t *at = dash ? dash + 1 : NULL; at && at < id.data + id.size; at++) {
        if (*at < '0' || *at > '9' || *number > 100000000)
            return false;
        *number = *number * 10 + (uint32_t)(*at - '0');
    }
    if (!dash)
        while (*number < hp_persona_count() && !hp_bytes_is(id, hp_persona(*number)->user_id))
            ++*number;
    if (*number >= shop->settings.shoppers)
        return false;
    found = hp_bytes_equal(user_id(*number, &arena), id);
    hp_arena_release(&arena);
    return found;
}

static uint32_t
pick_shopper(struct hp_shop *shop)
{
    if (chance(shop, PERSONA_PICK))
        return hp_rng_below(&shop->rng, (uint32_t)hp_persona_count());
    return hp_rng_below(&shop->rng, shop->settings.shoppers);
}

/* The shopper's basket as a new order. */
static void
place_order(
    struct hp_shop *shop, uint32_t number, struct hp_arena *arena, struct hp_shop_event *event)
{
    struct shopper *shopper = &shop->shoppers[number];

    shopper->last_order = ++shop->orders;
    shopper->last_order_at = shop->now;
    event->type = HP_SHOP_ORDER;
    event->order = (struct hp_order){
        .order_id = hp_bytes_text(hp_arena_printf(arena, "o-%u", shop->orders)),
        .version = 1,
        .user_id = event->key,
        .ordered_at = shop->now,
        .lines = hp_basket_lines(&shopper->basket, &shop->shelf, arena),
        .line_count = shopper->basket.count,
        .budget_minor = {true, shopper->budget_minor},
    };
}

static void
make_gift(struct hp_shop *shop, uint32_t number, struct hp_arena *arena, struct hp_order *order)
{
    const char *occasion = "Birthday";

    if (number < hp_persona_count())
        occasion = hp_persona(number)->occasion;
    order->recipient_id = hp_bytes_text(
        hp_arena_printf(arena, "friend-%u-%u", number, hp_rng_below(&shop->rng, 3)));
    order->occasion = hp_bytes_text(occasion);
}

static void
do_order(
    struct hp_shop *shop, uint32_t number, struct hp_arena *arena, struct hp_shop_event *event)
{
    struct shopper *shopper = &shop->shoppers[number];

    hp_basket_fill(
        &shopper->basket, &shop->shelf, &shopper->taste, shopper->budget_minor, &shop->rng);
    place_order(shop, number, arena, event);
    /* A gift order is left alone: all versions of an order carry the same recipient. */
    if (chance(shop, 25)) {
        make_gift(shop, number, arena, &event->order);
        shopper->last_order = 0;
    }
}

/* The last order again at version 2: cancelled, or without its last line. */
static void
do_change(
    struct hp_shop *shop, uint32_t number, struct hp_arena *arena, struct hp_shop_event *event)
{
    struct shopper *shopper = &shop->shoppers[number];
    bool cancel = shopper->basket.count < 2 || chance(shop, 50);

    if (!cancel)
        shopper->basket.count--;
    event->type = HP_SHOP_ORDER;
    event->order = (struct hp_order){
        .order_id = hp_bytes_text(hp_arena_printf(arena, "o-%u", shopper->last_order)),
        .version = 2,
        .user_id = event->key,
        .ordered_at = shopper->last_order_at,
        .status = cancel ? HP_ORDER_CANCELLED : HP_ORDER_PLACED,
        .lines = hp_basket_lines(&shopper->basket, &shop->shelf, arena),
        .line_count = shopper->basket.count,
        .budget_minor = {true, shopper->budget_minor},
    };
    shopper->last_order = 0;
}

static void
set_feedback(struct hp_shop *shop, enum hp_feedback_kind kind, uint16_t item,
    struct hp_arena *arena, struct hp_shop_event *event)
{
    event->type = HP_SHOP_FEEDBACK;
    event->feedback = (struct hp_feedback){
        .feedback_id = hp_bytes_text(hp_arena_printf(arena, "f-%u", ++shop->feedbacks)),
        .user_id = event->key,
        .at = shop->now,
        .kind = kind,
    };
    if (item != HP_TASTE_NONE)
        event->feedback.item_id = shop->shelf.catalogue.items[item].item_id;
}

/* Says something about an item: likes what weighs, dislikes a random one. */
static void
do_feedback(
    struct hp_shop *shop, uint32_t number, struct hp_arena *arena, struct hp_shop_event *event)
{
    const struct hp_basket empty = {.count = 0};
    uint32_t count = (uint32_t)shop->shelf.catalogue.count;
    uint16_t item = (uint16_t)hp_rng_below(&shop->rng, count);

    if (chance(shop, 25)) {
        set_feedback(shop, HP_FEEDBACK_DISLIKED, item, arena, event);
        return;
    }
    item = hp_basket_draw(
        &empty, &shop->shelf, &shop->shoppers[number].taste, 0, INT64_MAX, &shop->rng);
    HP_ASSERT(item != HP_TASTE_NONE);
    if (chance(shop, 60)) {
        set_feedback(shop, HP_FEEDBACK_LIKED, item, arena, event);
        return;
    }
    set_feedback(shop, HP_FEEDBACK_RATED, item, arena, event);
    event->feedback.rated = true;
    event->feedback.rating = (double)(3 + hp_rng_below(&shop->rng, 3));
}

/* The codes of a mask, as a list. */
static struct hp_strings
codes(const struct hp_vocabulary *vocabulary, uint64_t mask, struct hp_arena *arena,
    const char *(*name)(const struct hp_vocabulary *, int))
{
    struct hp_bytes *items = HP_ARENA_ARRAY(arena, HP_VOCABULARY_CODES_MAX, struct hp_bytes);
    size_t count = 0;

    for (int bit = 0; bit < HP_VOCABULARY_CODES_MAX; bit++)
        if (mask >> bit & 1)
            items[count++] = hp_arena_copy(arena, hp_bytes_text(name(vocabulary, bit)));
    return (struct hp_strings){items, count};
}

static struct hp_strings
loved_categories(
    const struct hp_shelf *shelf, const struct hp_taste *taste, struct hp_arena *arena)
{
    struct hp_bytes *items = HP_ARENA_ARRAY(arena, HP_TASTE_CATEGORIES_MAX, struct hp_bytes);
    size_t count = 0;

    for (size_t i = 0; i < shelf->category_count; i++)
        if (taste->categories[i] == 9)
            items[count++] = shelf->categories[i];
    return (struct hp_strings){items, count};
}

static void
do_preferences(
    struct hp_shop *shop, uint32_t number, struct hp_arena *arena, struct hp_shop_event *event)
{
    struct shopper *shopper = &shop->shoppers[number];
    int64_t version = ++shopper->preferences_version;

    event->type = HP_SHOP_PREFERENCES;
    if (number < hp_persona_count()) {
        hp_persona_preferences(
            hp_persona(number), version, shop->now, arena, &event->preferences);
        return;
    }
    event->preferences = (struct hp_preferences){
        .user_id = event->key,
        .version = version,
        .updated_at = shop->now,
        .budget_max_minor = {true, shopper->budget_minor},
        .liked_categories = loved_categories(&shop->shelf, &shopper->taste, arena),
        .avoid_allergens = codes(
            shop->vocabulary, shopper->taste.avoid.mask, arena, hp_vocabulary_allergen_name),
        .diets =
            codes(shop->vocabulary, shopper->taste.diets.mask, arena, hp_vocabulary_diet_name),
    };
}

static void
do_request(
    struct hp_shop *shop, uint32_t number, struct hp_arena *arena, struct hp_shop_event *event)
{
    struct hp_bytes request_id =
        hp_bytes_text(hp_arena_printf(arena, "q-%u", ++shop->requests));

    event->type = HP_SHOP_REQUEST;
    if (number < hp_persona_count()) {
        hp_persona_request(hp_persona(number), request_id, shop->now, &event->request);
        return;
    }
    event->request = (struct hp_box_request){
        .request_id = request_id,
        .user_id = event->key,
        .requested_at = shop->now,
        .budget_max_minor = {true, hp_rng_between(&shop->rng, 5, 30) * 10000},
        .explore = true,
    };
}

/* A price moves by up to a tenth, or a stock runs low, out or in again. */
static void
do_catalogue(struct hp_shop *shop, struct hp_shop_event *event)
{
    struct hp_shop_catalogue *catalogue = &shop->shelf.catalogue;
    struct hp_catalogue_item *item =
        &catalogue->items[hp_rng_below(&shop->rng, (uint32_t)catalogue->count)];

    if (item->stock.present) {
        item->stock.value = chance(shop, 30) ? 0 : hp_rng_between(&shop->rng, 1, 60);
    } else {
        item->price_minor += hp_rng_between(&shop->rng, -10, 10) * item->price_minor / 100;
        item->price_minor -= item->price_minor % 100;
        if (item->price_minor < 4000)
            item->price_minor = 4000;
    }
    item->version++;
    item->updated_at = shop->now;
    event->type = HP_SHOP_CATALOGUE;
    event->key = item->item_id;
    event->item = *item;
}

static void
do_reaction(struct hp_shop *shop, struct hp_arena *arena, struct hp_shop_event *event)
{
    const struct reaction *reaction = &shop->reactions[shop->reaction_first];
    struct hp_bytes box_id = hp_arena_copy(arena, hp_bytes_text(reaction->box_id));

    event->key = user_id(reaction->shopper, arena);
    if (reaction->is_order) {
        shop->shoppers[reaction->shopper].basket = reaction->basket;
        place_order(shop, reaction->shopper, arena, event);
        event->order.box_id = box_id;
        shop->shoppers[reaction->shopper].last_order = 0;
    } else {
        set_feedback(shop, reaction->kind, reaction->item, arena, event);
        event->feedback.box_id = box_id;
    }
    shop->reaction_first = (shop->reaction_first + 1) % REACTIONS_MAX;
    shop->reaction_count--;
}

/* What a shopper does of their own accord. */
static void
do_something(struct hp_shop *shop, struct hp_arena *arena, struct hp_shop_event *event)
{
    uint32_t number = pick_shopper(shop);
    uint32_t percent = hp_rng_below(&shop->rng, 100);

    event->key = user_id(number, arena);
    if (percent < 4 && shop->shoppers[number].last_order)
        do_change(shop, number, arena, event);
    else if (percent < 64)
        do_order(shop, number, arena, event);
    else if (percent < 88)
        do_feedback(shop, number, arena, event);
    else if (percent < 93)
        do_preferences(shop, number, arena, event);
    else
        do_request(shop, number, arena, event);
}

void
hp_shop_next_event(struct hp_shop *shop, struct hp_arena *arena, struct hp_shop_event *event)
{
    int64_t gap = shop->settings.gap_ms > 1 ? shop->settings.gap_ms : 1;

    *event = (struct hp_shop_event){0};
    shop->now += hp_rng_between(&shop->rng, 1, 2 * gap - 1); /* keeps (1) */
    event->at = shop->now;
    if (shop->introduced < hp_persona_count()) {
        event->key = user_id(shop->introduced, arena);
        do_preferences(shop, shop->introduced++, arena, event);
    } else if (shop->reaction_count > 0) {
        do_reaction(shop, arena, event);
    } else if (hp_rng_below(&shop->rng, 1000) < shop->settings.catalogue_permille) {
        do_catalogue(shop, event);
    } else {
        do_something(shop, arena, event);
    }
}

/* A place at the end of the ring. The caller has checked that there is one. */
static struct reaction *
react(struct hp_shop *shop, uint32_t number, enum hp_feedback_kind kind, struct hp_bytes box_id)
{
    size_t place = (shop->reaction_first + shop->reaction_count++) % REACTIONS_MAX;
    struct reaction *reaction = &shop->reactions[place];

    HP_ASSERT(shop->reaction_count <= REACTIONS_MAX);
    *reaction = (struct reaction){.shopper = number, .kind = kind, .item = HP_TASTE_NONE};
    memcpy(reaction->box_id, box_id.data, box_id.size);
    return reaction;
}

/* Mean weight of the items: how well the box meets the taste. */
static uint64_t
appeal(const struct hp_shop *shop, const struct hp_taste *taste, const struct hp_box *box)
{
    struct hp_basket basket;
    uint64_t sum = 0;

    hp_basket_of_box(&basket, &shop->shelf, box);
    for (size_t i = 0; i < basket.count; i++)
        sum += hp_taste_weight(&shop->shelf, taste, basket.lines[i].item, 0);
    return basket.count ? sum / basket.count : 0;
}

static void
accept(struct hp_shop *shop, uint32_t number, const struct hp_box *box)
{
    struct hp_basket basket;
    struct reaction *order;

    react(shop, number, HP_FEEDBACK_ACCEPTED, box->box_id);
    hp_basket_of_box(&basket, &shop->shelf, box);
    if (basket.count == 0)
        return;
    order = react(shop, number, HP_FEEDBACK_ACCEPTED, box->box_id);
    order->is_order = true;
    order->basket = basket;
}

/* Takes the best box, or looks at it, or turns the worst down, or does nothing. */
static void
decide(struct hp_shop *shop, uint32_t number, const struct hp_box *best,
    const struct hp_box *worst)
{
    uint32_t percent = hp_rng_below(&shop->rng, 100);

    if (percent < 35)
        accept(shop, number, best);
    else if (percent < 65)
        react(shop, number, HP_FEEDBACK_OPENED, best->box_id);
    else if (percent < 80)
        react(shop, number, HP_FEEDBACK_REJECTED, worst->box_id);
}

/* Boxes there are, each with an id a reaction can carry, and room for the reactions. */
static bool
can_show(const struct hp_shop *shop, const struct hp_recommendation *recommendation)
{
    for (size_t i = 0; i < recommendation->box_count; i++) {
        size_t size = recommendation->boxes[i].box_id.size;

        if (size == 0 || size > HP_ID_BYTES_MAX)
            return false;
    }
    return recommendation->box_count > 0 &&
           shop->reaction_count + recommendation->box_count + 2 <= REACTIONS_MAX;
}

void
hp_shop_show(struct hp_shop *shop, const struct hp_recommendation *recommendation)
{
    const struct hp_box *best = recommendation->boxes, *worst = recommendation->boxes;
    uint64_t highest = 0, lowest = UINT64_MAX;
    uint32_t number;

    if (!can_show(shop, recommendation) ||
        !find_shopper(shop, recommendation->user_id, &number))
        return;
    for (size_t i = 0; i < recommendation->box_count; i++) {
        const struct hp_box *box = &recommendation->boxes[i];
        uint64_t value = appeal(shop, &shop->shoppers[number].taste, box);

        if (value > highest) {
            highest = value;
            best = box;
        }
        if (value < lowest) {
            lowest = value;
            worst = box;
        }
        react(shop, number, HP_FEEDBACK_SHOWN, box->box_id);
    }
    decide(shop, number, best, worst);
}
