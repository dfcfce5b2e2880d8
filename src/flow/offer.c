/* flow/offer.c - the newest offer, counted. SPDX-License-Identifier: Apache-2.0 */
#include "flow/offer.h"

#include <pthread.h>

/* ---- columns ------------------------------------------------------------------------------
 */

struct priced {
    int32_t price;
    uint32_t shelf;
};

static int
by_price(const void *a, const void *b)
{
    const struct priced *left = a;
    const struct priced *right = b;

    if (left->price != right->price)
        return left->price < right->price ? -1 : 1;
    return (left->shelf > right->shelf) - (left->shelf < right->shelf);
}

static void
fill_orders(struct hp_offer *offer)
{
    size_t count = offer->catalogue->count;
    size_t categories = hp_assortment_category_count(offer->assortment);
    const int32_t *category_of = hp_assortment_categories(offer->assortment);
    struct priced *sorted = hp_alloc((count + 1) * sizeof(*sorted));
    uint32_t *next = hp_alloc((categories + 1) * sizeof(*next));

    for (size_t i = 0; i < count; i++) {
        sorted[i] = (struct priced){offer->prices[i], (uint32_t)i};
        offer->starts[category_of[i] + 1]++;
    }
    for (size_t c = 0; c < categories; c++) {
        offer->starts[c + 1] += offer->starts[c];
        next[c] = offer->starts[c];
    }
    qsort(sorted, count, sizeof(*sorted), by_price);
    for (size_t i = 0; i < count; i++) {
        offer->by_price[i] = sorted[i].shelf;
        offer->of_category[next[category_of[sorted[i].shelf]]++] = sorted[i].shelf;
    }
    free(next);
    free(sorted);
}

void
hp_offer_fill(struct hp_offer *offer)
{
    const struct hp_catalogue *catalogue = offer->catalogue;
    size_t count = catalogue->count;
    size_t categories = hp_assortment_category_count(offer->assortment);

    offer->prices = hp_alloc((count + 1) * sizeof(*offer->prices));
    offer->absent = hp_alloc((count + 1) * sizeof(*offer->absent));
    offer->allergens = hp_alloc((count + 1) * sizeof(*offer->allergens));
    offer->diets = hp_alloc((count + 1) * sizeof(*offer->diets));
    offer->by_price = hp_alloc((count + 1) * sizeof(*offer->by_price));
    offer->of_category = hp_alloc((count + 1) * sizeof(*offer->of_category));
    offer->starts = hp_alloc((categories + 2) * sizeof(*offer->starts));
    for (size_t i = 0; i < count; i++) {
        const struct hp_shelf *shelf = catalogue->shelves[i];
        const struct hp_item_rules *rules = &shelf->rules;

        offer->prices[i] = (int32_t)shelf->item.price_minor;
        offer->absent[i] = shelf->vanished || rules->quantity_max <= 0;
        offer->allergens[i] = hp_allergens_word(rules->allergens);
        offer->diets[i] = rules->diets;
    }
    fill_orders(offer);
}

void
hp_offer_release_columns(struct hp_offer *offer)
{
    free(offer->prices);
    free(offer->absent);
    free(offer->allergens);
    free(offer->diets);
    free(offer->by_price);
    free(offer->of_category);
    free(offer->starts);
}

/* ---- the newest ---------------------------------------------------------------------------
 */

struct held {
    struct hp_offer offer; /* first, so that the one is the other */
    size_t holders;
};

struct hp_offers {
    struct hp_catalogue_view *catalogue;
    struct hp_model_view *model;
    const struct hp_rate_constants *rate;
    pthread_mutex_t lock; /* guards what follows, and every count */
    struct held *newest;
};

struct hp_offers *
hp_offers_new(struct hp_catalogue_view *catalogue, struct hp_model_view *model,
    const struct hp_rate_constants *rate)
{
    struct hp_offers *offers = hp_alloc(sizeof(*offers));

    offers->catalogue = catalogue;
    offers->model = model;
    offers->rate = rate;
    pthread_mutex_init(&offers->lock, NULL);
    return offers;
}

static void
drop(struct hp_offers *offers, struct held *held)
{
    if (!held || --held->holders)
        return;
    hp_assortment_free(held->offer.assortment);
    hp_offer_release_columns(&held->offer);
    hp_model_snapshot_release(held->offer.model);
    hp_catalogue_release(offers->catalogue, held->offer.catalogue);
    free(held);
}

void
hp_offers_free(struct hp_offers *offers)
{
    if (!offers)
        return;
    drop(offers, offers->newest);
    pthread_mutex_destroy(&offers->lock);
    free(offers);
}

/* Takes both snapshots; who is like whom comes from the one before where that still holds. */
static struct held *
join(const struct hp_offers *offers, const struct hp_catalogue *catalogue,
    struct hp_model_snapshot *model)
{
    const struct held *previous = offers->newest;
    struct held *held = hp_alloc(sizeof(*held));

    held->holders = 1;
    held->offer = (struct hp_offer){.catalogue = catalogue,
        .model = model,
        .assortment = hp_assortment_renew(
            previous ? previous->offer.assortment : NULL, catalogue, model, offers->rate)};
    hp_offer_fill(&held->offer);
    return held;
}

const struct hp_offer *
hp_offer_acquire(struct hp_offers *offers)
{
    const struct hp_catalogue *catalogue = hp_catalogue_acquire(offers->catalogue);
    struct hp_model_snapshot *model = hp_model_view_acquire(offers->model);
    struct held *newest;

    pthread_mutex_lock(&offers->lock);
    newest = offers->newest;
    if (newest && newest->offer.catalogue == catalogue && newest->offer.model == model) {
        hp_model_snapshot_release(model);
        hp_catalogue_release(offers->catalogue, catalogue);
    } else {
        newest = join(offers, catalogue, model);
        drop(offers, offers->newest);
        offers->newest = newest;
    }
    newest->holders++;
    pthread_mutex_unlock(&offers->lock);
    return &newest->offer;
}

void
hp_offer_release(struct hp_offers *offers, const struct hp_offer *offer)
{
    if (!offer)
        return;
    pthread_mutex_lock(&offers->lock);
    drop(offers, (struct held *)offer);
    pthread_mutex_unlock(&offers->lock);
}
