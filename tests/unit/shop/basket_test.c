/*
 * shop/basket.h: baskets stay within budget, diet and reason.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "shop/basket.h"

#define T(text) hp_bytes((text), sizeof(text) - 1)

struct fixture {
    struct hp_arena arena;
    struct hp_vocabulary *vocabulary;
    struct hp_rng rng;
    struct hp_shelf shelf;
};

static int
set_up(void **state)
{
    struct fixture *fixture = hp_alloc(sizeof(*fixture));

    fixture->vocabulary = hp_vocabulary_new();
    fixture->rng.state = 42;
    hp_shelf_load(&fixture->arena, fixture->vocabulary, 1, &fixture->rng, &fixture->shelf);
    *state = fixture;
    return 0;
}

static int
tear_down(void **state)
{
    struct fixture *fixture = *state;

    hp_arena_release(&fixture->arena);
    hp_vocabulary_free(fixture->vocabulary);
    free(fixture);
    return 0;
}

static void
check_basket(struct fixture *fixture, const struct hp_taste *taste,
    const struct hp_basket *basket, int64_t budget)
{
    const struct hp_order_line *lines =
        hp_basket_lines(basket, &fixture->shelf, &fixture->arena);
    int64_t total = 0;

    for (size_t i = 0; i < basket->count; i++) {
        size_t item = basket->lines[i].item;

        total += lines[i].quantity * lines[i].unit_price_minor;
        assert_true(hp_allergens_safe(fixture->shelf.items[item].allergens, taste->avoid));
        assert_true(hp_diets_suit(fixture->shelf.items[item].diets, taste->diets));
        for (size_t other = 0; other < i; other++)
            assert_int_not_equal(item, basket->lines[other].item);
    }
    assert_true(total <= budget);
}

static void
baskets_keep_budget_and_rules(void **state)
{
    struct fixture *fixture = *state;

    for (int i = 0; i < 2000; i++) {
        int64_t budget = hp_rng_between(&fixture->rng, 0, 3000) * 100;
        struct hp_basket basket;
        struct hp_taste taste;

        hp_taste_random(&fixture->shelf, fixture->vocabulary, &fixture->rng, &taste);
        hp_basket_fill(&basket, &fixture->shelf, &taste, budget, &fixture->rng);
        check_basket(fixture, &taste, &basket, budget);
        assert_true(basket.count >= 1 || budget < 40000);
    }
}

static void
nothing_fits_a_budget_of_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct hp_basket basket = {.count = 0};
    struct hp_taste taste;

    hp_taste_persona(&fixture->shelf, fixture->vocabulary, hp_persona_find(T("asha")),
        &fixture->rng, &taste);
    assert_int_equal(
        HP_TASTE_NONE, hp_basket_draw(&basket, &fixture->shelf, &taste, 0, 0, &fixture->rng));
    assert_int_not_equal(HP_TASTE_NONE,
        hp_basket_draw(&basket, &fixture->shelf, &taste, 0, INT64_MAX, &fixture->rng));
}

/* A persona's orders must show what the persona is said to like. */
static void
stated_likes_weigh_more_and_dislikes_nothing(void **state)
{
    struct fixture *fixture = *state;
    const struct hp_persona *vikram = hp_persona_find(T("vikram"));
    int liked = 0, drawn = 0;
    struct hp_taste taste;

    hp_taste_persona(&fixture->shelf, fixture->vocabulary, vikram, &fixture->rng, &taste);
    for (int i = 0; i < 300; i++) {
        struct hp_basket basket;

        hp_basket_fill(&basket, &fixture->shelf, &taste, 200000, &fixture->rng);
        for (size_t n = 0; n < basket.count; n++) {
            struct hp_bytes category =
                fixture->shelf.catalogue.items[basket.lines[n].item].category;

            assert_false(hp_bytes_is(category, "Sweets"));
            liked += hp_bytes_is(category, "Snacks") || hp_bytes_is(category, "Coffee");
            drawn++;
        }
    }
    assert_true(liked * 2 > drawn);
}

/* What a box says is not trusted to be on our shelf. */
static void
a_box_becomes_what_can_be_ordered(void **state)
{
    const struct hp_box_item items[] = {{.item_id = T("kaju-katli-250g"), .quantity = 2},
        {.item_id = T("not-on-the-shelf"), .quantity = 1},
        {.item_id = T("tea-assam-250g"), .quantity = 0},
        {.item_id = T("tea-green-100g"), .quantity = 10000}};
    const struct hp_box box = {.items = items, .item_count = HP_ARRAY_SIZE(items)};
    struct fixture *fixture = *state;
    struct hp_basket basket;
    const struct hp_order_line *lines;

    hp_basket_of_box(&basket, &fixture->shelf, &box);
    assert_int_equal(1, basket.count);
    lines = hp_basket_lines(&basket, &fixture->shelf, &fixture->arena);
    assert_true(hp_bytes_is(lines[0].item_id, "kaju-katli-250g"));
    assert_int_equal(2, lines[0].quantity);
    assert_int_equal(38000, lines[0].unit_price_minor);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(baskets_keep_budget_and_rules),
        cmocka_unit_test(nothing_fits_a_budget_of_nothing),
        cmocka_unit_test(stated_likes_weigh_more_and_dislikes_nothing),
        cmocka_unit_test(a_box_becomes_what_can_be_ordered),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
