/*
 * domain/item.c
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "domain/item.h"

bool
hp_item_for_sale(const struct hp_catalogue_item *item, struct hp_bytes currency)
{
    return item->active && hp_bytes_equal(item->currency, currency) && item->max_per_box > 0 &&
           (!item->stock.present || item->stock.value > 0);
}

struct hp_item_rules
hp_item_rules(const struct hp_catalogue_item *item, struct hp_bytes currency,
    const struct hp_vocabulary *vocabulary)
{
    struct hp_item_rules rules = {
        .allergens = hp_vocabulary_allergens(vocabulary, item),
        .diets = hp_vocabulary_item_diets(vocabulary, item),
    };

    if (!hp_item_for_sale(item, currency))
        return rules;
    rules.quantity_max = item->max_per_box;
    if (item->stock.present && item->stock.value < rules.quantity_max)
        rules.quantity_max = (int32_t)item->stock.value;
    return rules;
}
