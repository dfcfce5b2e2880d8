/*
 * domain/item.h - what the rules need to know of a catalogue item, worked out once a version.
 *
 * Thread: any. Pure.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_DOMAIN_ITEM_H
#define HP_DOMAIN_ITEM_H

#include "domain/vocabulary.h"

struct hp_item_rules {
    struct hp_allergens allergens;
    uint64_t diets;       /* closed under "follows from" */
    int32_t quantity_max; /* units one box may hold: max_per_box and stock; 0: not for sale */
};

/* For sale: active, in the application's currency, at least one unit in stock and a box. */
bool hp_item_for_sale(const struct hp_catalogue_item *item, struct hp_bytes currency);

struct hp_item_rules hp_item_rules(const struct hp_catalogue_item *item,
    struct hp_bytes currency, const struct hp_vocabulary *vocabulary);

/* For sale, and neither an allergen nor a diet stands against it. */
static inline bool
hp_item_suits(struct hp_item_rules rules, struct hp_avoid avoid, struct hp_diets wanted)
{
    return rules.quantity_max > 0 && hp_allergens_safe(rules.allergens, avoid) &&
           hp_diets_suit(rules.diets, wanted);
}

#endif
