/*
 * flow/score.c - the catalogue joined with the model, and gains for one user.
 *
 *     e_uj = Σ over i in the user's past of 2^(-age_i / 120 d) · w_ij
 *
 * walks from what the user had to what that speaks for: a hundred items speak for a few
 * thousand others, so this is some 6,000 additions of whole numbers, in any order. One pass
 * over the shelves turns e and popularity into the prior, a second one the prior into gains;
 * what only concerns a few items (habit, likes, dislikes) is put right one by one.
 *
 * Items few people bought borrow: with n users of its own, an item's e is
 *
 *     n / (n + 5) · e_uj  +  5 / (n + 5) · mean over its 10 nearest warm items k of
 *                                              (e_uk + 0.15 · [u had k])
 *
 * nearest by what is said of them (model/content.h), warm with at least 5 users.
 *
 * Cost with 10,000 items on the shelves and a past of 100: about 50 µs.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "flow/score.h"

#include "base/hash.h"
#include "base/wide.h"
#include "domain/instant.h"
#include "flow/items.h"
#include "model/content.h"
#include "model/fixed.h"

#include <assert.h>
#include <stdatomic.h>

#define MILLIS         1000
#define E_BITS         20 /* of e, after the point */
#define FRESH_ONE      32768
#define AGES           2048 /* days; what is older says nothing */
#define COLD_USERS     10   /* an item with as many borrows nothing */
#define WARM_USERS     5
#define BORROW_FROM    10
#define PUSH_COSTS     3                    /* to add to a borrower, against to ask a lender */
#define HAD_NEIGHBOUR  ((3 << E_BITS) / 20) /* 0.15 */
#define LIKED_CATEGORY 1
#define LIKED_TAG      2

static_assert(HP_MODEL_WEIGHT_ONE == 1 << 14, "weight × freshness >> 9 is in 1 / 2^20");

/* Who is like whom; shared by assortments that say the same of their items. */
struct likeness {
    atomic_long holders;
    struct hp_digest said;
    struct hp_content content;
};

struct cold { /* an item that borrows */
    uint32_t index;
    uint32_t users;
    uint32_t from; /* in `lenders` */
    uint32_t count;
};

struct group { /* a category, or a tag */
    struct hp_item_node node;
    uint32_t number;
    uint32_t count;
    uint32_t *members; /* owned; indexes, rising */
    uint32_t capacity;
};

struct hp_assortment {
    const struct hp_catalogue *catalogue;
    const struct hp_model_snapshot *model;
    const struct hp_rate_constants *constants;
    size_t count;    /* on the shelves */
    size_t numbers;  /* of the model */
    uint32_t *slots; /* of ids: index + 1; 0: empty */
    size_t slot_count;
    uint64_t *hashes;
    uint32_t *of_number;
    struct hp_model_item *items;
    uint32_t *number_of;
    int32_t *category_of;
    int32_t *trends; /* weighted, in micros */
    int32_t *habits;
    struct cold *colds;
    size_t cold_count;
    uint32_t *lenders;   /* indexes */
    uint32_t *borrowers; /* in `colds`; of shelf i: [borrowed[i], borrowed[i + 1]) */
    uint32_t *borrowed;
    struct hp_items categories;
    struct hp_items tags;
    struct likeness *likeness;
    uint16_t fresh[AGES];
};

/* ---- who is like whom ---------------------------------------------------------------------
 */

static struct hp_digest
what_is_said(const struct hp_catalogue *catalogue)
{
    struct hp_buffer said = {0};
    struct hp_digest sum = {0};

    for (size_t i = 0; i < catalogue->count; i++) {
        const struct hp_catalogue_item *item = &catalogue->shelves[i]->item;

        hp_buffer_clear(&said);
        hp_put_bytes(&said, item->item_id);
        hp_put_bytes(&said, item->name);
        hp_put_bytes(&said, item->category);
        hp_put_bytes(&said, item->family);
        for (size_t k = 0; k < item->tags.count; k++)
            hp_put_bytes(&said, item->tags.items[k]);
        sum = hp_digest_add(sum, hp_hash128(hp_buffer_bytes(&said)));
    }
    hp_buffer_release(&said);
    return sum;
}

static struct likeness *
likeness_of(const struct hp_catalogue *catalogue, const struct hp_assortment *previous)
{
    struct hp_digest said = what_is_said(catalogue);
    struct hp_content_item *items;
    struct likeness *likeness;

    if (previous && hp_digest_equal(previous->likeness->said, said)) {
        atomic_fetch_add(&previous->likeness->holders, 1);
        return previous->likeness;
    }
    likeness = hp_alloc(sizeof(*likeness));
    atomic_init(&likeness->holders, 1);
    likeness->said = said;
    items = hp_alloc((catalogue->count + 1) * sizeof(*items));
    for (size_t i = 0; i < catalogue->count; i++) {
        const struct hp_catalogue_item *item = &catalogue->shelves[i]->item;

        items[i] =
            (struct hp_content_item){item->name, item->category, item->family, item->tags};
    }
    hp_content_build(items, catalogue->count, &likeness->content);
    free(items);
    return likeness;
}

static void
likeness_release(struct likeness *likeness)
{
    if (!likeness || atomic_fetch_sub(&likeness->holders, 1) > 1)
        return;
    hp_content_release(&likeness->content);
    free(likeness);
}

/* ---- joining ------------------------------------------------------------------------------
 */

static void
fill_slots(struct hp_assortment *assortment)
{
    size_t count = assortment->count;

    for (assortment->slot_count = 2; assortment->slot_count < 2 * count;)
        assortment->slot_count *= 2;
    assortment->slots = hp_alloc(assortment->slot_count * sizeof(*assortment->slots));
    assortment->hashes = hp_alloc((count + 1) * sizeof(*assortment->hashes));
    for (size_t i = 0; i < count; i++) {
        uint64_t hash = hp_hash64(assortment->catalogue->shelves[i]->item.item_id);
        size_t slot = hash & (assortment->slot_count - 1);

        while (assortment->slots[slot])
            slot = (slot + 1) & (assortment->slot_count - 1);
        assortment->slots[slot] = (uint32_t)i + 1;
        assortment->hashes[i] = hash;
    }
}

static void
group_add(struct group *group, uint32_t index)
{
    if (group->count == group->capacity) {
        uint32_t wider = group->capacity ? 2 * group->capacity : 8;
        uint32_t *grown = hp_alloc(wider * sizeof(*grown));

        if (group->count)
            memcpy(grown, group->members, group->count * sizeof(*grown));
        free(group->members);
        group->members = grown;
        group->capacity = wider;
    }
    if (group->count == 0 || group->members[group->count - 1] != index)
        group->members[group->count++] = index;
}

static struct group *
group_of(struct hp_items *groups, struct hp_bytes id)
{
    size_t count = groups->count;
    struct group *group = (struct group *)hp_items_get(groups, id, sizeof(*group));

    if (groups->count > count)
        group->number = (uint32_t)count;
    return group;
}

static void
groups_release(struct hp_items *groups)
{
    struct hp_item_node *node = NULL;

    while ((node = hp_items_next(groups, node)))
        free(((struct group *)node)->members);
    hp_items_release(groups);
}

static void
fill_groups(struct hp_assortment *assortment, uint32_t index)
{
    const struct hp_catalogue_item *item = &assortment->catalogue->shelves[index]->item;
    struct group *category = group_of(
        &assortment->categories, item->category.data ? item->category : hp_bytes_text(""));

    group_add(category, index);
    assortment->category_of[index] = (int32_t)category->number;
    for (size_t k = 0; k < item->tags.count; k++)
        group_add(group_of(&assortment->tags, item->tags.items[k]), index);
}

static void
fill_columns(struct hp_assortment *assortment)
{
    const struct hp_rate_constants *constants = assortment->constants;
    size_t count = assortment->count;

    memset(assortment->of_number, 0xff, (assortment->numbers + 1) * sizeof(uint32_t));
    for (size_t i = 0; i < count; i++) {
        const struct hp_shelf *shelf = assortment->catalogue->shelves[i];
        uint32_t number = hp_model_snapshot_number(assortment->model, shelf->item.item_id);
        struct hp_model_item model = hp_model_snapshot_item(assortment->model, number);

        assortment->items[i] = model;
        assortment->number_of[i] = number;
        if (number != HP_MODEL_NOBODY)
            assortment->of_number[number] = (uint32_t)i;
        assortment->trends[i] =
            (int32_t)(model.trend_micros * constants->trend_weight_millis / MILLIS);
        assortment->habits[i] = hp_rate_habit(model.repurchase_micros);
        fill_groups(assortment, (uint32_t)i);
    }
}

/* Items of few users, and from whom they borrow. */
static void
fill_cold(struct hp_assortment *assortment)
{
    const struct hp_content *content = &assortment->likeness->content;
    uint32_t used = 0;

    for (size_t i = 0; i < content->count; i++) {
        struct cold *cold = &assortment->colds[assortment->cold_count];

        if (assortment->items[i].users >= COLD_USERS)
            continue;
        *cold = (struct cold){(uint32_t)i, (uint32_t)assortment->items[i].users, used, 0};
        for (size_t k = 0; k < HP_CONTENT_NEAREST && cold->count < BORROW_FROM; k++) {
            uint32_t other = content->nearest[i * HP_CONTENT_NEAREST + k];

            if (other == HP_CONTENT_NOBODY)
                break;
            if (assortment->items[other].users < WARM_USERS)
                continue;
            assortment->lenders[used++] = other;
            cold->count++;
        }
        assortment->cold_count += cold->count > 0;
    }
}

/* The same from the other side. */
static void
fill_borrowers(struct hp_assortment *assortment)
{
    const struct cold *colds = assortment->colds;
    size_t count = assortment->count;
    uint32_t *next = hp_alloc((count + 1) * sizeof(*next));

    for (size_t c = 0; c < assortment->cold_count; c++)
        for (uint32_t k = 0; k < colds[c].count; k++)
            assortment->borrowed[assortment->lenders[colds[c].from + k] + 1]++;
    for (size_t i = 0; i < count; i++) {
        assortment->borrowed[i + 1] += assortment->borrowed[i];
        next[i] = assortment->borrowed[i];
    }
    assortment->borrowers =
        hp_alloc((assortment->borrowed[count] + 1) * sizeof(*assortment->borrowers));
    for (size_t c = 0; c < assortment->cold_count; c++)
        for (uint32_t k = 0; k < colds[c].count; k++)
            assortment->borrowers[next[assortment->lenders[colds[c].from + k]]++] = (uint32_t)c;
    free(next);
}

static void
fill_fresh(struct hp_assortment *assortment, const struct hp_assortment *previous)
{
    if (previous && previous->constants == assortment->constants) {
        memcpy(assortment->fresh, previous->fresh, sizeof(assortment->fresh));
        return;
    }
    for (int64_t age = 0; age < AGES; age++)
        assortment->fresh[age] =
            (uint16_t)(hp_fixed_decay(age, assortment->constants->history_half_life_days) *
                           (FRESH_ONE - 1) >>
                       HP_DECAY_BITS);
}

struct hp_assortment *
hp_assortment_renew(const struct hp_assortment *previous, const struct hp_catalogue *catalogue,
    const struct hp_model_snapshot *model, const struct hp_rate_constants *constants)
{
    struct hp_assortment *assortment = hp_alloc(sizeof(*assortment));
    size_t room = catalogue->count + 1;

    assortment->catalogue = catalogue;
    assortment->model = model;
    assortment->constants = constants ? constants : &hp_rate_defaults;
    assortment->numbers = hp_model_snapshot_numbers(model);
    assortment->items = hp_alloc(room * sizeof(*assortment->items));
    assortment->number_of = hp_alloc(room * sizeof(*assortment->number_of));
    assortment->category_of = hp_alloc(room * sizeof(*assortment->category_of));
    assortment->trends = hp_alloc(room * sizeof(*assortment->trends));
    assortment->habits = hp_alloc(room * sizeof(*assortment->habits));
    assortment->colds = hp_alloc(room * sizeof(*assortment->colds));
    assortment->lenders = hp_alloc(room * BORROW_FROM * sizeof(*assortment->lenders));
    assortment->borrowed = hp_alloc((room + 1) * sizeof(*assortment->borrowed));
    assortment->of_number = hp_alloc((assortment->numbers + 1) * sizeof(uint32_t));
    assortment->count = catalogue->count;
    fill_slots(assortment);
    fill_columns(assortment);
    assortment->likeness = likeness_of(catalogue, previous);
    fill_cold(assortment);
    fill_borrowers(assortment);
    fill_fresh(assortment, previous);
    return assortment;
}

struct hp_assortment *
hp_assortment_new(const struct hp_catalogue *catalogue, const struct hp_model_snapshot *model,
    const struct hp_rate_constants *constants)
{
    return hp_assortment_renew(NULL, catalogue, model, constants);
}

void
hp_assortment_free(struct hp_assortment *assortment)
{
    if (!assortment)
        return;
    likeness_release(assortment->likeness);
    groups_release(&assortment->categories);
    groups_release(&assortment->tags);
    free(assortment->slots);
    free(assortment->hashes);
    free(assortment->of_number);
    free(assortment->items);
    free(assortment->number_of);
    free(assortment->category_of);
    free(assortment->trends);
    free(assortment->habits);
    free(assortment->colds);
    free(assortment->lenders);
    free(assortment->borrowers);
    free(assortment->borrowed);
    free(assortment);
}

uint32_t
hp_assortment_index(const struct hp_assortment *assortment, struct hp_bytes item_id)
{
    uint64_t hash = hp_hash64(item_id);
    size_t slot = hash & (assortment->slot_count - 1);

    for (; assortment->slots[slot]; slot = (slot + 1) & (assortment->slot_count - 1)) {
        uint32_t index = assortment->slots[slot] - 1;

        if (assortment->hashes[index] == hash &&
            hp_bytes_equal(assortment->catalogue->shelves[index]->item.item_id, item_id))
            return index;
    }
    return HP_NO_INDEX;
}

const struct hp_model_item *
hp_assortment_item(const struct hp_assortment *assortment, size_t index)
{
    return &assortment->items[index];
}

size_t
hp_assortment_category_count(const struct hp_assortment *assortment)
{
    return assortment->categories.count;
}

const int32_t *
hp_assortment_categories(const struct hp_assortment *assortment)
{
    return assortment->category_of;
}

int32_t
hp_assortment_category(const struct hp_assortment *assortment, struct hp_bytes category)
{
    const struct group *group =
        (const struct group *)hp_items_find(&assortment->categories, category);

    return group ? (int32_t)group->number : -1;
}

const struct hp_model_snapshot *
hp_assortment_model(const struct hp_assortment *assortment)
{
    return assortment->model;
}

size_t
hp_assortment_size(const struct hp_assortment *assortment)
{
    return assortment->count;
}

uint32_t
hp_assortment_number(const struct hp_assortment *assortment, uint32_t index)
{
    return assortment->number_of[index];
}

uint32_t
hp_assortment_of_number(const struct hp_assortment *assortment, uint32_t number)
{
    return number < assortment->numbers ? assortment->of_number[number] : HP_NO_INDEX;
}

/* ---- one user -----------------------------------------------------------------------------
 */

struct scoring {
    const struct hp_assortment *assortment;
    const struct hp_score_query *query;
    struct hp_arena *arena;
    struct hp_scores *scores;
    int32_t *history; /* e, by index */
    size_t links;     /* that were added to it */
    double *priors;
    uint8_t *likes;
};

static int64_t
chosen_at(const struct hp_user_item *item)
{
    bool liked = item->reaction == HP_REACTION_POSITIVE;

    return liked && item->reaction_at > item->last_order_at ? item->reaction_at
                                                            : item->last_order_at;
}

static int
by_latest(const void *a, const void *b)
{
    const struct hp_past *left = *(struct hp_past *const *)a;
    const struct hp_past *right = *(struct hp_past *const *)b;
    int64_t left_at = chosen_at(left->item);
    int64_t right_at = chosen_at(right->item);

    if (left_at != right_at)
        return left_at > right_at ? -1 : 1;
    return (left->item > right->item) - (left->item < right->item); /* sorted by id */
}

/* A long past speaks through its latest part. */
static void
cut_past(struct hp_arena *arena, struct hp_past *past, size_t count)
{
    struct hp_past **latest = HP_ARENA_ARRAY(arena, count, struct hp_past *);

    for (size_t i = 0; i < count; i++)
        latest[i] = &past[i];
    qsort(latest, count, sizeof(*latest), by_latest);
    for (size_t i = HP_HISTORY_MAX; i < count; i++)
        latest[i]->fresh = 0;
}

static void
collect_past(struct scoring *scoring)
{
    const struct hp_assortment *assortment = scoring->assortment;
    const struct hp_aggregate *aggregate = scoring->query->aggregate;
    struct hp_past *past =
        HP_ARENA_ARRAY(scoring->arena, aggregate->item_count, struct hp_past);
    int64_t today = scoring->query->now / HP_DAY_MS;
    size_t count = 0;

    for (size_t i = 0; i < aggregate->item_count; i++) {
        const struct hp_user_item *item = &aggregate->items[i];
        int64_t age = today - chosen_at(item) / HP_DAY_MS;
        uint32_t index;

        if (hp_user_item_count(item) == 0 || hp_user_item_masked(item))
            continue;
        index = hp_assortment_index(assortment, item->item_id);
        past[count++] = (struct hp_past){.item = item,
            .index = index,
            .number = index != HP_NO_INDEX
                          ? assortment->number_of[index]
                          : hp_model_snapshot_number(assortment->model, item->item_id),
            .fresh = age >= AGES ? 0 : assortment->fresh[age > 0 ? age : 0]};
    }
    if (count > HP_HISTORY_MAX)
        cut_past(scoring->arena, past, count);
    scoring->scores->past = past;
    scoring->scores->past_count = count;
}

static void
add_history(struct scoring *scoring)
{
    const struct hp_assortment *assortment = scoring->assortment;

    for (size_t i = 0; i < scoring->scores->past_count; i++) {
        const struct hp_past *past = &scoring->scores->past[i];
        struct hp_model_links links =
            hp_model_snapshot_speaks_for(assortment->model, past->number);

        scoring->links += links.count;
        for (size_t k = 0; k < links.count && past->fresh; k++) {
            uint32_t index = assortment->of_number[links.items[k]];

            if (index != HP_NO_INDEX)
                scoring->history[index] +=
                    (int32_t)((uint32_t)links.weights[k] * past->fresh >> 9);
        }
    }
}

/* From e in 1 / 2^20 to millionths of the prior. */
static double
history_weight(const struct hp_assortment *assortment)
{
    return (double)assortment->constants->history_weight_millis * MILLIS /
           (double)(1 << E_BITS);
}

static double
like_weight(const struct hp_assortment *assortment)
{
    return (double)(assortment->constants->like_weight_millis * MILLIS);
}

HP_WIDE static void
fill_priors(struct scoring *scoring)
{
    const struct hp_assortment *assortment = scoring->assortment;
    const int32_t *history = scoring->history;
    const int32_t *trends = assortment->trends;
    double *priors = scoring->priors;
    double weight = history_weight(assortment);
    size_t count = assortment->count;

    for (size_t i = 0; i < count; i++)
        priors[i] = (double)history[i] * weight + (double)trends[i];
}

/* A short past: each item it speaks for goes to its borrowers. Clears marks as it goes. */
static void
lend_out(const struct scoring *scoring, uint32_t index, int32_t *marks, int64_t *lent)
{
    const struct hp_assortment *assortment = scoring->assortment;
    int32_t amount = marks[index];

    marks[index] = 0;
    for (uint32_t at = assortment->borrowed[index];
         amount && at < assortment->borrowed[index + 1]; at++)
        lent[assortment->borrowers[at]] += amount;
}

static void
lend_by_past(const struct scoring *scoring, int32_t *marks, int64_t *lent)
{
    const struct hp_assortment *assortment = scoring->assortment;

    for (size_t i = 0; i < scoring->scores->past_count; i++) {
        const struct hp_past *past = &scoring->scores->past[i];
        struct hp_model_links links =
            hp_model_snapshot_speaks_for(assortment->model, past->number);

        if (past->index != HP_NO_INDEX)
            lend_out(scoring, past->index, marks, lent);
        for (size_t k = 0; k < links.count; k++)
            if (assortment->of_number[links.items[k]] != HP_NO_INDEX)
                lend_out(scoring, assortment->of_number[links.items[k]], marks, lent);
    }
}

/* A long past: each borrower asks its lenders. */
HP_WIDE static void
lend_by_borrower(const struct scoring *scoring, const int32_t *marks, int64_t *lent)
{
    const struct hp_assortment *assortment = scoring->assortment;

    for (size_t i = 0; i < assortment->cold_count; i++) {
        const struct cold *cold = &assortment->colds[i];
        const uint32_t *lenders = assortment->lenders + cold->from;
        uint32_t count = cold->count;
        int64_t sum = 0;

        for (uint32_t k = 0; k < count; k++)
            sum += marks[lenders[k]];
        lent[i] = sum;
    }
}

/* What the lenders of each cold item have together: e, and a mark for what the user had. */
static const int64_t *
lend(const struct scoring *scoring)
{
    const struct hp_assortment *assortment = scoring->assortment;
    const struct hp_scores *scores = scoring->scores;
    int64_t *lent = HP_ARENA_ARRAY(scoring->arena, assortment->cold_count, int64_t);
    int32_t *marks = HP_ARENA_ARRAY(scoring->arena, assortment->count, int32_t);

    memcpy(marks, scoring->history, assortment->count * sizeof(*marks));
    for (size_t i = 0; i < scores->past_count; i++)
        if (scores->past[i].index != HP_NO_INDEX)
            marks[scores->past[i].index] += HAD_NEIGHBOUR;
    if (PUSH_COSTS * scoring->links < assortment->count)
        lend_by_past(scoring, marks, lent);
    else
        lend_by_borrower(scoring, marks, lent);
    return lent;
}

static void
borrow(struct scoring *scoring)
{
    const struct hp_assortment *assortment = scoring->assortment;
    double share = (double)assortment->constants->content_users;
    double weight = history_weight(assortment);
    const int64_t *lent;

    if (scoring->scores->past_count == 0 || share <= 0 || assortment->cold_count == 0)
        return;
    lent = lend(scoring);
    for (size_t i = 0; i < assortment->cold_count; i++) {
        const struct cold *cold = &assortment->colds[i];
        double users = (double)cold->users;
        double own = (double)scoring->history[cold->index] * weight;

        if (lent[i] == 0 && scoring->history[cold->index] == 0)
            continue;
        own = users * own + share * ((double)lent[i] * weight / BORROW_FROM);
        scoring->priors[cold->index] =
            own / (users + share) + (double)assortment->trends[cold->index];
    }
}

static void
like_group(
    struct scoring *scoring, const struct hp_items *groups, struct hp_bytes id, uint8_t flag)
{
    const struct group *group = (const struct group *)hp_items_find(groups, id);

    for (uint32_t k = 0; group && k < group->count; k++) {
        uint32_t index = group->members[k];

        if (scoring->likes[index] & flag)
            continue;
        scoring->likes[index] |= flag;
        scoring->priors[index] += like_weight(scoring->assortment);
    }
}

static void
add_likes(struct scoring *scoring)
{
    const struct hp_preferences *preferences = scoring->query->preferences;
    const struct hp_assortment *assortment = scoring->assortment;

    if (!preferences ||
        preferences->liked_categories.count + preferences->liked_tags.count == 0)
        return;
    scoring->likes = HP_ARENA_ARRAY(scoring->arena, assortment->count + 1, uint8_t);
    for (size_t i = 0; i < preferences->liked_categories.count; i++)
        like_group(scoring, &assortment->categories, preferences->liked_categories.items[i],
            LIKED_CATEGORY);
    for (size_t i = 0; i < preferences->liked_tags.count; i++)
        like_group(scoring, &assortment->tags, preferences->liked_tags.items[i], LIKED_TAG);
}

static void
halve(int32_t *gain)
{
    *gain = *gain > 1 ? *gain / 2 : 1;
}

HP_WIDE static void
fill_gains(struct scoring *scoring)
{
    struct hp_rate rate = scoring->scores->rate;
    int32_t *gains = scoring->scores->gains;
    const double *priors = scoring->priors;
    size_t count = scoring->scores->count;

    for (size_t i = 0; i < count; i++)
        gains[i] = hp_rate_gain(&rate, 0, priors[i]);
}

static void
add_habit(struct scoring *scoring)
{
    struct hp_scores *scores = scoring->scores;

    for (size_t i = 0; i < scores->past_count; i++) {
        const struct hp_past *past = &scores->past[i];

        if (past->index != HP_NO_INDEX)
            scores->gains[past->index] = hp_rate_gain(&scores->rate,
                (double)scoring->assortment->habits[past->index] *
                    (double)hp_user_item_count(past->item),
                scores->priors[past->index]);
    }
}

static void
subtract_dislikes(struct scoring *scoring)
{
    const struct hp_preferences *preferences = scoring->query->preferences;
    const struct hp_aggregate *aggregate = scoring->query->aggregate;
    struct hp_scores *scores = scoring->scores;

    for (size_t i = 0; i < aggregate->item_count; i++) {
        const struct hp_user_item *item = &aggregate->items[i];
        uint32_t index;

        if (item->reaction != HP_REACTION_REMOVED ||
            scoring->query->now - item->reaction_at >= HP_REMOVED_MS)
            continue;
        index = hp_assortment_index(scoring->assortment, item->item_id);
        if (index != HP_NO_INDEX)
            halve(&scores->gains[index]);
    }
    for (size_t i = 0; preferences && i < preferences->disliked_categories.count; i++) {
        const struct group *group = (const struct group *)hp_items_find(
            &scoring->assortment->categories, preferences->disliked_categories.items[i]);

        for (size_t k = 0; k < i; k++) /* said twice is not meant twice */
            if (hp_bytes_equal(preferences->disliked_categories.items[k],
                    preferences->disliked_categories.items[i]))
                group = NULL;

        for (uint32_t k = 0; group && k < group->count; k++)
            halve(&scores->gains[group->members[k]]);
    }
}

void
hp_scores_make(const struct hp_assortment *assortment, const struct hp_score_query *query,
    struct hp_arena *arena, struct hp_scores *scores)
{
    size_t count = assortment->count;
    struct scoring scoring = {
        .assortment = assortment, .query = query, .arena = arena, .scores = scores};

    *scores = (struct hp_scores){.count = count};
    scores->rate = hp_rate_of(query->aggregate->order_count, assortment->constants);
    if (query->for_recipient)
        scores->rate.habit = 0;
    scores->gains = HP_ARENA_ARRAY(arena, count, int32_t);
    scoring.priors = HP_ARENA_ARRAY(arena, count, double);
    scoring.history = HP_ARENA_ARRAY(arena, count, int32_t);
    scores->priors = scoring.priors;
    collect_past(&scoring);
    add_history(&scoring);
    fill_priors(&scoring);
    borrow(&scoring);
    add_likes(&scoring);
    fill_gains(&scoring);
    add_habit(&scoring);
    subtract_dislikes(&scoring);
    scores->likes = scoring.likes;
}

/* ---- why ----------------------------------------------------------------------------------
 */

/* The weight of `index` among what `number` speaks for; links are sorted. */
static uint32_t
weight_in(struct hp_model_links links, uint32_t number)
{
    size_t from = 0;
    size_t end = links.count;

    while (from < end) {
        size_t middle = (from + end) / 2;

        if (links.items[middle] < number)
            from = middle + 1;
        else
            end = middle;
    }
    return from < links.count && links.items[from] == number ? links.weights[from] : 0;
}

void
hp_scores_explain(const struct hp_assortment *assortment, const struct hp_scores *scores,
    uint32_t index, struct hp_score_why *why)
{
    uint32_t number = assortment->number_of[index];
    double history = scores->priors[index] - (double)assortment->trends[index]; /* and likes */
    double quarter = (double)scores->gains[index] / 4;
    uint32_t loudest = 0;

    *why = (struct hp_score_why){.because = {NULL, 0}};
    why->trending = scores->rate.prior * (double)assortment->trends[index] >= quarter;
    if (scores->likes) {
        uint8_t likes = scores->likes[index];

        why->category_liked = (likes & LIKED_CATEGORY) != 0;
        history -= (double)((likes & 1) + (likes >> 1)) * like_weight(assortment);
    }
    if (scores->rate.prior * history < quarter)
        return;
    for (size_t i = 0; i < scores->past_count; i++) {
        const struct hp_past *past = &scores->past[i];
        uint32_t says =
            weight_in(hp_model_snapshot_speaks_for(assortment->model, past->number), number) *
            past->fresh;

        if (says > loudest && past->index != index) {
            loudest = says;
            why->because = past->item->item_id;
        }
    }
}
