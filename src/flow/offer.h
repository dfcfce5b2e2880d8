/*
 * flow/offer.h - what boxes are made from at one moment: a catalogue snapshot, a model
 * snapshot, and both joined, with what every user's masks and prices ask of an item side by
 * side.
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

struct hp_offer_item {          /* as catalogue->shelves */
    int64_t price;              /* minor units */
    int32_t category;           /* number in the assortment */
    struct hp_item_rules rules; /* quantity_max 0: vanished, or not for sale */
};

struct hp_offer {
    const struct hp_catalogue *catalogue;
    struct hp_model_snapshot *model;
    struct hp_assortment *assortment;
    struct hp_offer_item *items;
};

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
