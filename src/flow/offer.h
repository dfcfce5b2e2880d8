/*
 * flow/offer.h - what boxes are made from at one moment: a catalogue snapshot, a model
 * snapshot, and both joined, with what every user's masks and prices ask of an item in columns.
 *
 * The newest offer is kept and shared until either snapshot is replaced, so that joining costs
 * once per snapshot and not once per user.
 *
 * Thread: an offer is immutable and counted; acquire and release from any.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_FLOW_OFFER_H
#define HP_FLOW_OFFER_H

#include "flow/score.h"

struct hp_offer {
    const struct hp_catalogue *catalogue;
    struct hp_model_snapshot *model;
    struct hp_assortment *assortment;
    /* Columns, as catalogue->shelves: */
    int32_t *prices;     /* minor units */
    uint8_t *absent;     /* 1: vanished, or not for sale */
    uint64_t *allergens; /* hp_allergens_word() */
    uint64_t *diets;
    /* Shelves by price, ties by index: all of them, and those of each category. */
    uint32_t *by_price;
    uint32_t *of_category; /* category c's are [starts[c], starts[c + 1]) of it */
    uint32_t *starts;
};

/* Fills the columns from the three above; the release is for the columns alone. */
void hp_offer_fill(struct hp_offer *offer);
void hp_offer_release_columns(struct hp_offer *offer);

struct hp_offers; /* keeps the newest */

/* `rate` (NULL: defaults) is kept. */
struct hp_offers *hp_offers_new(struct hp_catalogue_view *catalogue,
    struct hp_model_view *model, const struct hp_rate_constants *rate);
void hp_offers_free(struct hp_offers *offers); /* NULL is fine; none may be held any more */

/* Of the newest snapshots; give it back with the release. */
const struct hp_offer *hp_offer_acquire(struct hp_offers *offers);
void hp_offer_release(
    struct hp_offers *offers, const struct hp_offer *offer); /* NULL is fine */

#endif
