/*
 * flow/score.c - the catalogue joined with the model, and gains for one user.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "flow/score.h"

struct hp_assortment {
    const struct hp_catalogue *catalogue;
    const struct hp_rate_constants *constants;
    struct hp_model_item *items; /* by index of the catalogue */
};

struct hp_assortment *
hp_assortment_new(const struct hp_catalogue *catalogue, const struct hp_model_snapshot *model,
    const struct hp_rate_constants *constants)
{
    struct hp_assortment *assortment = hp_alloc(sizeof(*assortment));

    assortment->catalogue = catalogue;
    assortment->constants = constants;
    assortment->items = hp_alloc((catalogue->count + 1) * sizeof(*assortment->items));
    for (size_t i = 0; i < catalogue->count; i++)
        assortment->items[i] =
            hp_model_snapshot_find(model, catalogue->shelves[i]->item.item_id);
    return assortment;
}

void
hp_assortment_free(struct hp_assortment *assortment)
{
    if (!assortment)
        return;
    free(assortment->items);
    free(assortment);
}

static bool
listed(struct hp_strings strings, struct hp_bytes text)
{
    for (size_t i = 0; i < strings.count; i++)
        if (hp_bytes_equal(strings.items[i], text))
            return true;
    return false;
}

static bool
any_listed(struct hp_strings strings, struct hp_strings texts)
{
    for (size_t i = 0; i < texts.count; i++)
        if (listed(strings, texts.items[i]))
            return true;
    return false;
}

static int32_t
score(const struct hp_assortment *assortment, size_t index, const struct hp_user_item *had,
    const struct hp_score_query *query)
{
    static const struct hp_preferences nothing;
    const struct hp_preferences *preferences =
        query->preferences ? query->preferences : &nothing;
    const struct hp_catalogue_item *item = &assortment->catalogue->shelves[index]->item;
    const struct hp_model_item *model = &assortment->items[index];
    int64_t gain = hp_rate_score(
        &(struct hp_rate_input){
            .count = had && !query->for_recipient ? hp_user_item_count(had) : 0,
            .baskets = query->aggregate->order_count,
            .repurchase_micros = model->repurchase_micros,
            .trend_micros = model->trend_micros,
            .category_liked = listed(preferences->liked_categories, item->category),
            .tag_liked = any_listed(preferences->liked_tags, item->tags),
            .removed_lately = had && had->reaction == HP_REACTION_REMOVED &&
                              query->now - had->reaction_at < HP_REMOVED_MS},
        assortment->constants);

    if (listed(preferences->disliked_categories, item->category))
        gain = gain > 1 ? gain / 2 : 1;
    return (int32_t)gain;
}

void
hp_scores_make(const struct hp_assortment *assortment, const struct hp_score_query *query,
    struct hp_arena *arena, struct hp_scores *scores)
{
    const struct hp_catalogue *catalogue = assortment->catalogue;
    const struct hp_aggregate *aggregate = query->aggregate;
    size_t at = 0;

    scores->count = catalogue->count;
    scores->gains = HP_ARENA_ARRAY(arena, catalogue->count, int32_t);
    for (size_t i = 0; i < catalogue->count; i++) {
        struct hp_bytes id = catalogue->shelves[i]->item.item_id;
        const struct hp_user_item *had = NULL;

        while (at < aggregate->item_count &&
               hp_bytes_compare(aggregate->items[at].item_id, id) < 0)
            at++;
        if (at < aggregate->item_count && hp_bytes_equal(aggregate->items[at].item_id, id))
            had = &aggregate->items[at];
        scores->gains[i] = score(assortment, i, had, query);
    }
}
