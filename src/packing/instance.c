/* packing/instance.c - the limits of an instance. SPDX-License-Identifier: Apache-2.0 */
#include "packing/instance.h"

#define IN(value, low, high) ((value) >= (low) && (value) <= (high))

static enum hp_status
bad(struct hp_error *error, const char *list, size_t index, const char *field, const char *what)
{
    return hp_bad(
        error, "INSTANCE", "%s[%zu]%s%s: %s", list, index, *field ? "." : "", field, what);
}

static bool
gains_fit(const int64_t *gains, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!IN(gains[i], -HP_PACK_GAIN_MAX, HP_PACK_GAIN_MAX))
            return false;
    return true;
}

static bool
bonus_fits(const struct hp_pack_category *category)
{
    int64_t before = HP_PACK_GAIN_MAX;

    for (size_t k = 0; k < category->bonus_count; k++) {
        if (!IN(category->bonus[k], 0, before))
            return false;
        before = category->bonus[k];
    }
    return true;
}

static enum hp_status
check_slots(const struct hp_pack_instance *in, struct hp_error *error)
{
    if (!IN(in->slot_count, 1, HP_BOXES_MAX))
        return hp_bad(
            error, "INSTANCE", "slots: %zu, not 1 to %d", in->slot_count, HP_BOXES_MAX);
    for (size_t k = 0; k < in->slot_count; k++) {
        const struct hp_pack_slot *slot = &in->slots[k];

        if (!IN(slot->min, 0, HP_PACK_AMOUNT_MAX))
            return bad(error, "slots", k, "min", "out of range");
        if (!IN(slot->max, 0, HP_PACK_AMOUNT_MAX))
            return bad(error, "slots", k, "max", "out of range");
        if (slot->ladder_count > HP_PACK_LADDER_MAX)
            return bad(error, "slots", k, "ladder", "too many steps");
        if (slot->ladder_count && slot->ladder[0] != slot->min)
            return bad(error, "slots", k, "ladder", "does not begin with min");
        for (size_t s = 0; s < slot->ladder_count; s++)
            if (!IN(slot->ladder[s], 0, HP_PACK_AMOUNT_MAX))
                return bad(error, "slots", k, "ladder", "out of range");
        if (slot->gains && !gains_fit(slot->gains, in->item_count))
            return bad(error, "slots", k, "gains", "out of range");
    }
    return HP_OK;
}

static enum hp_status
check_categories(const struct hp_pack_instance *in, struct hp_error *error)
{
    if (in->category_count > HP_PACK_CATEGORIES_MAX)
        return hp_bad(error, "INSTANCE", "categories: more than %d", HP_PACK_CATEGORIES_MAX);
    for (size_t c = 0; c < in->category_count; c++) {
        const struct hp_pack_category *category = &in->categories[c];

        if (!IN(category->min, 0, HP_QUANTITY_MAX))
            return bad(error, "categories", c, "min", "out of range");
        if (category->max < 0)
            return bad(error, "categories", c, "max", "negative");
        if (category->bonus_count > HP_PACK_BONUS_MAX)
            return bad(error, "categories", c, "bonus", "too many");
        if (!bonus_fits(category))
            return bad(error, "categories", c, "bonus", "negative, rising or out of range");
    }
    return HP_OK;
}

static enum hp_status
check_item(const struct hp_pack_instance *in, size_t i, struct hp_error *error)
{
    const struct hp_pack_item *item = &in->items[i];

    if (!IN(item->id.size, 1, HP_ID_BYTES_MAX))
        return bad(error, "items", i, "id", "must have 1 to 128 bytes");
    if (!IN(item->price, 0, HP_PACK_PRICE_MAX))
        return bad(error, "items", i, "price", "out of range");
    if (!gains_fit(&item->gain, 1))
        return bad(error, "items", i, "gain", "out of range");
    if (item->category < 0 || (size_t)item->category >= in->category_count)
        return bad(error, "items", i, "cat", "no such category");
    if (!IN(item->max_qty, 0, HP_QUANTITY_MAX))
        return bad(error, "items", i, "max_qty", "out of range");
    if (item->repeat_count > HP_PACK_UNITS_MAX)
        return bad(error, "items", i, "repeat_gain", "too many");
    if (!gains_fit(item->repeat_gains, item->repeat_count))
        return bad(error, "items", i, "repeat_gain", "out of range");
    for (size_t r = 0; item->resources && r < in->resource_count; r++)
        if (!IN(item->resources[r], 0, HP_PACK_PRICE_MAX))
            return bad(error, "items", i, "res", "out of range");
    return HP_OK;
}

static enum hp_status
check_pairs(const struct hp_pack_instance *in, struct hp_error *error)
{
    if (in->pair_count > HP_PACK_PAIRS_MAX)
        return hp_bad(error, "INSTANCE", "pairs: more than %d", HP_PACK_PAIRS_MAX);
    for (size_t p = 0; p < in->pair_count; p++) {
        const struct hp_pack_pair *pair = &in->pairs[p];

        if (pair->a >= in->item_count || pair->b >= in->item_count)
            return bad(error, "pairs", p, "", "no such item");
        if (!gains_fit(&pair->weight, 1))
            return bad(error, "pairs", p, "", "weight out of range");
    }
    return HP_OK;
}

static enum hp_status
check_rules(const struct hp_pack_instance *in, struct hp_error *error)
{
    if (in->rule_count > HP_PACK_RULES_MAX)
        return hp_bad(error, "INSTANCE", "rules: more than %d", HP_PACK_RULES_MAX);
    for (size_t r = 0; r < in->rule_count; r++) {
        const struct hp_pack_rule *rule = &in->rules[r];

        if (!IN(rule->min, 0, HP_QUANTITY_MAX))
            return bad(error, "rules", r, "min", "out of range");
        if (rule->max < 0)
            return bad(error, "rules", r, "max", "negative");
        for (size_t k = 0; k < rule->item_count; k++)
            if (rule->items[k] >= in->item_count)
                return bad(error, "rules", r, "items", "no such item");
    }
    if (in->resource_count > HP_PACK_RESOURCES_MAX)
        return hp_bad(error, "INSTANCE", "resources: more than %d", HP_PACK_RESOURCES_MAX);
    for (size_t r = 0; r < in->resource_count; r++)
        if (!IN(in->resources[r].max, 0, HP_PACK_AMOUNT_MAX))
            return bad(error, "resources", r, "max", "out of range");
    return HP_OK;
}

static enum hp_status
check_whole(const struct hp_pack_instance *in, struct hp_error *error)
{
    if (!IN(in->count_min, 0, HP_PACK_UNITS_MAX))
        return hp_bad(error, "INSTANCE", "count.min: not 0 to %d", HP_PACK_UNITS_MAX);
    if (!IN(in->count_max, 0, HP_PACK_UNITS_MAX))
        return hp_bad(error, "INSTANCE", "count.max: not 0 to %d", HP_PACK_UNITS_MAX);
    if (!IN(in->max_share_pct, 0, 100))
        return hp_bad(error, "INSTANCE", "diversity.max_share_pct: not 0 to 100");
    if (in->item_count > HP_PACK_ITEMS_MAX)
        return hp_bad(error, "INSTANCE", "items: more than %d", HP_PACK_ITEMS_MAX);
    if (in->earlier_count > HP_PACK_EARLIER_MAX)
        return hp_bad(error, "INSTANCE", "earlier: more than %d", HP_PACK_EARLIER_MAX);
    return HP_OK;
}

enum hp_status
hp_pack_instance_check(const struct hp_pack_instance *in, struct hp_error *error)
{
    enum hp_status status = check_whole(in, error);

    if (!status)
        status = check_slots(in, error);
    if (!status)
        status = check_categories(in, error);
    for (size_t i = 0; !status && i < in->item_count; i++)
        status = check_item(in, i, error);
    if (!status)
        status = check_pairs(in, error);
    if (!status)
        status = check_rules(in, error);
    return status;
}
