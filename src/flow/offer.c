/* flow/offer.c - the newest offer, counted. SPDX-License-Identifier: Apache-2.0 */
#include "flow/offer.h"

#include <pthread.h>

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
    free(held->offer.items);
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

static void
fill_items(struct hp_offer *offer)
{
    const struct hp_catalogue *catalogue = offer->catalogue;
    const int32_t *categories = hp_assortment_categories(offer->assortment);

    offer->items = hp_alloc((catalogue->count + 1) * sizeof(*offer->items));
    for (size_t i = 0; i < catalogue->count; i++) {
        const struct hp_shelf *shelf = catalogue->shelves[i];

        offer->items[i] = (struct hp_offer_item){
            .price = shelf->item.price_minor, .category = categories[i], .rules = shelf->rules};
        if (shelf->vanished)
            offer->items[i].rules.quantity_max = 0;
    }
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
    fill_items(&held->offer);
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
