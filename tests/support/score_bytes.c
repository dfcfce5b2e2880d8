/*
 * tests/support/score_bytes.c - one digest of gains, candidates and pair weights of many users.
 *
 * Built by tests/property/model_bytes_test.sh with each compiler at hand, without and with all
 * optimisation, with and without wide registers: the digests must be one. The model here is
 * made up; it stands behind the functions of flow/model_view.h. A plain count beside
 * flow/top.h says whether the choice holds what it promises.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/hash.h"
#include "base/rng.h"
#include "flow/candidates.h"
#include "flow/pairs.h"
#include "flow/top.h"

#define ITEMS  1200
#define LINKS  20
#define USERS  200
#define PAST   40
#define DAY_MS INT64_C(86400000)

static struct hp_bytes ids[ITEMS];
static uint32_t next_items[ITEMS][LINKS];
static uint16_t next_weights[ITEMS][LINKS];
static struct hp_model_item models[ITEMS];

/* ---- a model and a catalogue without topics -----------------------------------------------
 */

static const struct hp_model_snapshot *const no_snapshot = NULL;

size_t
hp_model_snapshot_numbers(const struct hp_model_snapshot *snapshot)
{
    (void)snapshot;
    return ITEMS;
}

uint32_t
hp_model_snapshot_number(const struct hp_model_snapshot *snapshot, struct hp_bytes item_id)
{
    (void)snapshot;
    for (uint32_t i = 0; i < ITEMS; i++)
        if (i % 7 && hp_bytes_equal(ids[i], item_id))
            return i;
    return HP_MODEL_NOBODY;
}

struct hp_model_item
hp_model_snapshot_item(const struct hp_model_snapshot *snapshot, uint32_t number)
{
    (void)snapshot;
    if (number >= ITEMS)
        return (struct hp_model_item){.repurchase_micros = 1000000};
    return models[number];
}

struct hp_model_links
hp_model_snapshot_speaks_for(const struct hp_model_snapshot *snapshot, uint32_t number)
{
    (void)snapshot;
    if (number >= ITEMS)
        return (struct hp_model_links){NULL, NULL, 0};
    return (struct hp_model_links){next_items[number], next_weights[number], LINKS};
}

struct hp_model_links
hp_model_snapshot_goes_with(const struct hp_model_snapshot *snapshot, uint32_t number)
{
    return hp_model_snapshot_speaks_for(snapshot, number);
}

struct hp_model_snapshot *
hp_model_view_acquire(struct hp_model_view *view)
{
    (void)view;
    abort();
}

void
hp_model_snapshot_release(struct hp_model_snapshot *snapshot)
{
    (void)snapshot;
}

const struct hp_catalogue *
hp_catalogue_acquire(struct hp_catalogue_view *view)
{
    (void)view;
    abort();
}

void
hp_catalogue_release(struct hp_catalogue_view *view, const struct hp_catalogue *catalogue)
{
    (void)view;
    (void)catalogue;
}

/* ---- many users ---------------------------------------------------------------------------
 */

static void
make_model(struct hp_rng *rng)
{
    for (uint32_t i = 0; i < ITEMS; i++) {
        models[i] = (struct hp_model_item){.users = hp_rng_below(rng, 40),
            .trend_micros = hp_rng_below(rng, 20000),
            .repurchase_micros = hp_rng_below(rng, 4000000)};
        for (size_t k = 0; k < LINKS; k++) {
            next_items[i][k] = (i * LINKS + (uint32_t)k * 61) % ITEMS;
            next_weights[i][k] = (uint16_t)(1 + hp_rng_below(rng, HP_MODEL_WEIGHT_ONE));
        }
    }
}

static void
make_shelves(struct hp_rng *rng, struct hp_arena *arena, struct hp_shelf *shelves,
    const struct hp_shelf **list)
{
    for (uint32_t i = 0; i < ITEMS; i++) {
        unsigned word = hp_rng_below(rng, 90);
        unsigned kind = hp_rng_below(rng, 30);

        shelves[i].item.item_id = ids[i];
        shelves[i].item.name = hp_bytes_text(hp_arena_printf(arena, "thing w%u", word));
        shelves[i].item.category = hp_bytes_text(hp_arena_printf(arena, "kind %u", kind));
        shelves[i].item.price_minor = 1000 * (int64_t)hp_rng_below(rng, 200);
        shelves[i].rules.quantity_max = hp_rng_below(rng, 12) ? 2 : 0;
        shelves[i].rules.allergens.known = hp_rng_below(rng, 9) > 0;
        shelves[i].rules.allergens.mask = hp_rng_below(rng, 4) ? 0 : hp_rng_below(rng, 8);
        shelves[i].rules.diets = hp_rng_below(rng, 8);
        shelves[i].family = ids[i];
        list[i] = &shelves[i];
    }
}

/* The best by gain that the budget reaches, counted the slow way, must all be there. */
static void
check_choice(const struct hp_pool *pool, const struct hp_wish *wish,
    const struct hp_candidates *chosen, int user)
{
    for (uint32_t i = 0; i < ITEMS; i++) {
        const struct hp_shelf *shelf = pool->offer->catalogue->shelves[i];
        int32_t gain = pool->scores.gains[i];
        size_t better = 0;
        bool there = false;

        for (size_t k = 0; k < chosen->count; k++)
            there = there || chosen->items[k].index == i;
        if (gain > 0 && !hp_item_suits(shelf->rules, wish->avoid, wish->diets))
            hp_die("user %d: item %u does not suit", user, (unsigned)i);
        if (there != (there && gain > 0))
            hp_die("user %d is offered what does not suit", user);
        if (gain == 0 || pool->offer->prices[i] > wish->budget_max)
            continue;
        for (uint32_t j = 0; j < ITEMS; j++)
            better +=
                pool->offer->prices[j] <= wish->budget_max &&
                (pool->scores.gains[j] > gain || (pool->scores.gains[j] == gain && j < i));
        if (better < 48 && !there)
            hp_die("user %d: number %zu by gain is not among the candidates", user, better + 1);
    }
}

static void
put_user(const struct hp_offer *offer, struct hp_rng *rng, int user, struct hp_buffer *out)
{
    struct hp_arena arena = {0};
    struct hp_user_item *items = HP_ARENA_ARRAY(&arena, PAST, struct hp_user_item);
    struct hp_shopper shopper = {
        .aggregate = {.order_count = hp_rng_below(rng, 30), .items = items}};
    struct hp_wish wish = {.budget_max = 1000 * (1 + (int64_t)hp_rng_below(rng, 250)),
        .items_min = 3,
        .items_max = 12,
        .avoid = {.mask = user % 3 ? 0 : hp_rng_below(rng, 8), .has_unknown = user % 31 == 0},
        .diets = {.mask = user % 4 ? 0 : hp_rng_below(rng, 4)},
        .boxes = 3};
    struct hp_candidates chosen;
    struct hp_candidates all;
    const struct hp_pack_pair *pairs;
    size_t pair_count;
    struct hp_pool pool;

    for (size_t i = 0; i < 1 + (size_t)user % PAST; i++)
        items[shopper.aggregate.item_count++] =
            (struct hp_user_item){.item_id = ids[(i * 29 + (size_t)user) % ITEMS],
                .orders = 1 + hp_rng_below(rng, 3),
                .last_order_at = DAY_MS * (int64_t)(20000 - hp_rng_below(rng, 300)),
                .reaction = hp_rng_below(rng, 9) ? HP_REACTION_NONE : HP_REACTION_NEGATIVE};
    hp_pool_fill(offer, &shopper, &wish, DAY_MS * 20000, &arena, &pool);
    hp_candidates_choose(&pool, &wish, &arena, &chosen);
    check_choice(&pool, &wish, &chosen, user);
    hp_candidates_all(&pool, &chosen, &arena, &all);
    if (all.count != pool.count)
        hp_die("user %d: %zu of %zu are all", user, all.count, pool.count);
    pair_count = hp_pairs_make(offer->assortment, &chosen, chosen.count, &arena, &pairs);
    for (size_t i = 0; i < ITEMS; i++)
        hp_put_varint(out, pool.scores.gains[i]);
    for (size_t i = 0; i < chosen.count; i++)
        hp_put_u32(out, chosen.items[i].index);
    for (size_t i = 0; i < pair_count; i++) {
        hp_put_u32(out, pairs[i].a);
        hp_put_u32(out, pairs[i].b);
        hp_put_varint(out, pairs[i].weight);
    }
    hp_arena_release(&arena);
}

int
main(void)
{
    static struct hp_shelf shelves[ITEMS];
    static const struct hp_shelf *list[ITEMS];
    struct hp_rng rng = {1};
    struct hp_arena arena = {0};
    struct hp_buffer out = {0};
    struct hp_catalogue catalogue = {.shelves = list, .count = ITEMS};
    struct hp_offer offer = {.catalogue = &catalogue};
    char text[HP_DIGEST_TEXT];

    for (int i = 0; i < ITEMS; i++)
        ids[i] = hp_bytes_text(hp_arena_printf(&arena, "item-%04d", i));
    make_model(&rng);
    make_shelves(&rng, &arena, shelves, list);
    offer.assortment = hp_assortment_new(&catalogue, no_snapshot, NULL);
    hp_offer_fill(&offer);
    for (int user = 0; user < USERS; user++)
        put_user(&offer, &rng, user, &out);
    hp_digest_text(hp_hash128(hp_buffer_bytes(&out)), text);
    printf("%s %zu bytes\n", text, out.size);
    hp_offer_release_columns(&offer);
    hp_assortment_free(offer.assortment);
    hp_buffer_release(&out);
    hp_arena_release(&arena);
    return 0;
}
