/*
 * tests/unit/ledger/past_test.c - a past that changes step by step says what a fold of all its
 * facts says. SPDX-License-Identifier: Apache-2.0
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/rng.h"
#include "domain/instant.h"
#include "ledger/past.h"

#define ORDERS 120
#define ITEMS  400 /* more than a sample */
#define LINES  12

static const struct hp_bytes user = {(const uint8_t *)"user", 4};
static char names[ITEMS][8];

/* The facts as they are. */
struct world {
    struct hp_arena arena;
    struct hp_rng rng;
    int items;
    bool ordered[ORDERS];
    struct hp_order_fact orders[ORDERS];
    bool reacted[ITEMS];
    struct hp_reaction reactions[ITEMS];
};

static struct hp_bytes
name(int number)
{
    return hp_bytes_text(names[number]);
}

static struct hp_order_fact
random_order(struct world *world)
{
    struct hp_order_line *lines = HP_ARENA_ARRAY(&world->arena, LINES, struct hp_order_line);
    struct hp_order order = {.version = 1,
        .ordered_at =
            HP_DAY_MS * hp_rng_between(&world->rng, 100, 130) + hp_rng_below(&world->rng, 2),
        .status = hp_rng_below(&world->rng, 8) ? HP_ORDER_PLACED : HP_ORDER_CANCELLED,
        .lines = lines,
        .line_count = hp_rng_below(&world->rng, LINES + 1)};
    struct hp_order_fact fact;

    for (size_t i = 0; i < order.line_count; i++)
        lines[i] =
            (struct hp_order_line){name((int)hp_rng_below(&world->rng, (uint32_t)world->items)),
                1, hp_rng_below(&world->rng, 50)};
    hp_order_fact_from_event(&order, (struct hp_bytes){0}, &world->arena, &fact);
    return fact;
}

static struct hp_reaction
random_reaction(struct world *world)
{
    return (struct hp_reaction){.at = HP_DAY_MS * hp_rng_between(&world->rng, 100, 140),
        .sense = (enum hp_reaction_sense)hp_rng_below(&world->rng, 4)};
}

static void
fold(struct world *world, struct hp_aggregate *aggregate, struct hp_past **past)
{
    struct hp_user_facts facts = {.user_id = user};
    struct hp_user_order *orders = HP_ARENA_ARRAY(&world->arena, ORDERS, struct hp_user_order);
    struct hp_user_reaction *reactions =
        HP_ARENA_ARRAY(&world->arena, ITEMS, struct hp_user_reaction);

    for (int i = 0; i < ORDERS; i++)
        if (world->ordered[i])
            orders[facts.order_count++] = (struct hp_user_order){name(i), world->orders[i]};
    for (int i = 0; i < ITEMS; i++)
        if (world->reacted[i])
            reactions[facts.reaction_count++] =
                (struct hp_user_reaction){name(i), world->reactions[i]};
    facts.orders = orders;
    facts.reactions = reactions;
    hp_aggregate_build(&facts, &world->arena, aggregate);
    if (past)
        assert_non_null(*past = hp_past_new(&facts));
}

static void
change_one(struct world *world, struct hp_past *past)
{
    int at = (int)hp_rng_below(&world->rng, ORDERS);

    if (hp_rng_below(&world->rng, 3)) {
        struct hp_order_fact after = random_order(world);
        bool stays = hp_rng_below(&world->rng, 4) > 0;

        assert_true(hp_past_order(past, name(at),
            world->ordered[at] ? &world->orders[at] : NULL, stays ? &after : NULL));
        world->ordered[at] = stays;
        world->orders[at] = after;
    } else {
        at = (int)hp_rng_below(&world->rng, (uint32_t)world->items);
        world->reacted[at] = hp_rng_below(&world->rng, 3) > 0;
        world->reactions[at] = random_reaction(world);
        hp_past_reaction(past, name(at), world->reacted[at] ? &world->reactions[at] : NULL);
    }
}

static void
assert_says(struct world *world, struct hp_past *past, const struct hp_aggregate *wanted)
{
    struct hp_aggregate aggregate;
    struct hp_buffer a = {0};
    struct hp_buffer b = {0};

    hp_past_aggregate(past, &world->arena, &aggregate);
    hp_aggregate_encode(&aggregate, &a);
    hp_aggregate_encode(wanted, &b);
    assert_int_equal(a.size, b.size);
    assert_memory_equal(a.data, b.data, a.size);
    assert_int_equal(aggregate.choice_count, wanted->choice_count);
    assert_int_equal(aggregate.speaks, wanted->speaks);
    hp_buffer_release(&a);
    hp_buffer_release(&b);
}

static void
assert_sample(const struct hp_past_view *view, const struct hp_aggregate *aggregate)
{
    size_t count = 0;

    for (size_t i = 0; i < aggregate->item_count; i++)
        count += aggregate->items[i].sampled;
    assert_int_equal(view->sample_count, count);
    for (size_t i = 0; i < view->sample_count; i++) {
        const struct hp_user_item *item = hp_aggregate_find(aggregate, view->sample[i]);

        assert_true(item && item->sampled);
    }
}

static void
put_shares(const struct hp_shares *shares, struct hp_buffer *out)
{
    for (size_t i = 0; i < shares->count; i++) {
        hp_put_bytes(out, shares->items[i].item_id);
        hp_head_put(&shares->items[i].head, out);
    }
}

/* The views differ as the shares of whole aggregates do. */
static void
assert_settles(struct world *world, struct hp_past *past, const struct hp_aggregate *before,
    const struct hp_aggregate *after)
{
    struct hp_past_view views[2];
    struct hp_shares whole[2];
    struct hp_shares difference;
    struct hp_buffer told = {0};
    struct hp_buffer wanted = {0};

    hp_past_settle(past, &world->arena, &views[0], &views[1]);
    assert_sample(&views[0], before);
    assert_sample(&views[1], after);
    hp_shares_difference(&views[0].shares, &views[1].shares, &world->arena, &difference);
    put_shares(&difference, &told);
    hp_shares_build(before, &world->arena, &whole[0]);
    hp_shares_build(after, &world->arena, &whole[1]);
    hp_shares_difference(&whole[0], &whole[1], &world->arena, &difference);
    put_shares(&difference, &wanted);
    assert_true(hp_bytes_equal(hp_buffer_bytes(&told), hp_buffer_bytes(&wanted)));
    hp_buffer_release(&told);
    hp_buffer_release(&wanted);
}

/* An order comes, is looked at, and goes again. */
static void
look_and_go_back(struct world *world, struct hp_past *past, const struct hp_aggregate *before)
{
    static const struct hp_bytes stranger = {(const uint8_t *)"x", 1};
    struct hp_order_fact fact = random_order(world);
    struct hp_aggregate between;

    assert_true(hp_past_order(past, stranger, NULL, &fact));
    hp_past_aggregate(past, &world->arena, &between);
    assert_true(hp_past_order(past, stranger, &fact, NULL));
    assert_says(world, past, before);
}

static void
play(uint64_t seed, int items, int rounds)
{
    struct world *world = hp_alloc(sizeof(*world));
    struct hp_past *past;
    struct hp_aggregate before;

    world->rng = (struct hp_rng){seed};
    world->items = items;
    for (int i = 0; i < ORDERS; i++) {
        world->ordered[i] = hp_rng_below(&world->rng, 2);
        world->orders[i] = random_order(world);
    }
    fold(world, &before, &past);
    assert_says(world, past, &before);
    for (int round = 0; round < rounds; round++) {
        struct hp_aggregate after;

        if (round % 5 == 0)
            look_and_go_back(world, past, &before);
        for (uint32_t i = hp_rng_below(&world->rng, 6); i > 0; i--)
            change_one(world, past);
        fold(world, &after, NULL);
        if (round % 2)
            assert_says(world, past, &after);
        assert_settles(world, past, &before, &after);
        assert_says(world, past, &after);
        before = after;
    }
    hp_past_free(past);
    hp_arena_release(&world->arena);
    free(world);
}

static void
changes_say_what_a_fold_says(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        play(seed, 8, 150);
        play(seed, ITEMS, 150);
    }
}

static void
emptied_and_filled_again(void **state)
{
    static const struct hp_order_line line = {{(const uint8_t *)"a", 1}, 1, 100};
    const struct hp_order_fact fact = {.ordered_at = 5, .lines = &line, .line_count = 1};
    const struct hp_user_facts none = {.user_id = user};
    struct hp_past *past = hp_past_new(&none);
    struct hp_aggregate aggregate;
    struct hp_arena arena = {0};
    size_t empty = hp_past_bytes(past);

    (void)state;
    for (int i = 0; i < 3; i++) {
        assert_true(hp_past_order(past, user, NULL, &fact));
        assert_false(hp_past_order(past, user, NULL, &fact)); /* it is there */
        hp_past_aggregate(past, &arena, &aggregate);
        assert_int_equal(aggregate.item_count, 1);
        assert_true(hp_past_bytes(past) > empty);
        assert_true(hp_past_order(past, user, &fact, NULL));
        assert_false(hp_past_order(past, user, &fact, NULL)); /* it is not */
        hp_past_aggregate(past, &arena, &aggregate);
        assert_true(hp_aggregate_empty(&aggregate));
    }
    hp_past_free(past);
    hp_arena_release(&arena);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(changes_say_what_a_fold_says),
        cmocka_unit_test(emptied_and_filled_again),
    };

    for (int i = 0; i < ITEMS; i++)
        snprintf(names[i], sizeof(names[i]), "i%d", i);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
