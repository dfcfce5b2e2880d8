/*
 * tests/unit/packing/pack_test.c - the promises of packing/pack.h, one small case each.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "packing/pack.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>

/* A shop of six items: two kinds of nuts of one family, tea, honey, a cheap sweet, a dear
 * basket. Tests change what they are about. */
struct shop {
    struct hp_arena arena;
    struct hp_pack_category categories[3];
    struct hp_pack_item items[6];
    struct hp_pack_slot slots[3];
    struct hp_bytes must[2];
    struct hp_bytes exclude[2];
    struct hp_pack_rule rules[1];
    uint32_t rule_items[6];
    struct hp_pack_instance in;
    struct hp_pack_answer answer;
};

enum { ALMONDS, CASHEWS, TEA, HONEY, SWEET, BASKET };

static struct hp_pack_item
item(const char *id, int64_t price, int64_t gain, int32_t category)
{
    return (struct hp_pack_item){.id = hp_bytes_text(id),
        .price = price,
        .gain = gain,
        .category = category,
        .max_qty = 1};
}

static int
set_up(void **state)
{
    static const char *const names[] = {"nuts", "drinks", "sweets"};
    struct shop *shop = hp_alloc(sizeof(*shop));

    for (int c = 0; c < 3; c++)
        shop->categories[c] = (struct hp_pack_category){
            .id = hp_bytes_text(names[c]), .name = hp_bytes_text(names[c]), .max = 3};
    shop->items[ALMONDS] = item("almonds", 300, 900, 0);
    shop->items[CASHEWS] = item("cashews", 320, 800, 0);
    shop->items[ALMONDS].group = shop->items[CASHEWS].group = hp_bytes_text("nuts-200g");
    shop->items[TEA] = item("tea", 200, 500, 1);
    shop->items[HONEY] = item("honey", 250, 600, 2);
    shop->items[SWEET] = item("sweet", 50, 100, 2);
    shop->items[BASKET] = item("basket", 900, 1000, 2);
    shop->slots[0] =
        (struct hp_pack_slot){.name = hp_bytes_text("box1"), .min = 600, .max = 800};
    shop->slots[1] = shop->slots[0];
    shop->slots[2] = shop->slots[0];
    shop->in = (struct hp_pack_instance){.slots = shop->slots,
        .slot_count = 1,
        .count_min = 1,
        .count_max = 3,
        .categories = shop->categories,
        .category_count = 3,
        .items = shop->items,
        .item_count = 6,
        .max_share_pct = 50};
    *state = shop;
    return 0;
}

static int
tear_down(void **state)
{
    struct shop *shop = *state;

    hp_arena_release(&shop->arena);
    free(shop);
    return 0;
}

static void
solve(struct shop *shop)
{
    struct hp_error error;

    assert_int_equal(hp_pack_instance_check(&shop->in, &error), HP_OK);
    hp_pack_solve(&shop->in, &shop->arena, &shop->answer);
}

static bool
box_has(const struct shop *shop, size_t box, uint32_t wanted)
{
    for (size_t k = 0; k < shop->answer.boxes[box].line_count; k++)
        if (shop->answer.boxes[box].lines[k].item == wanted)
            return true;
    return false;
}

static const struct hp_pack_reason *
reason_of(const struct shop *shop, size_t box, enum hp_pack_code code)
{
    for (size_t k = 0; k < shop->answer.boxes[box].reason_count; k++)
        if (shop->answer.boxes[box].reasons[k].code == code)
            return &shop->answer.boxes[box].reasons[k];
    return NULL;
}

static void
the_best_affordable_items_are_packed(void **state)
{
    struct shop *shop = *state;

    solve(shop);
    assert_int_equal(shop->answer.status, HP_PACK_OK);
    assert_int_equal(shop->answer.boxes[0].value, 2000);
    assert_int_equal(shop->answer.boxes[0].cost, 750);
    assert_true(box_has(shop, 0, ALMONDS));
    assert_false(box_has(shop, 0, CASHEWS));
    assert_int_equal(reason_of(shop, 0, HP_PACK_FILL)->number, 93);
    assert_int_equal(reason_of(shop, 0, HP_PACK_COVERS)->list_count, 3);
}

static void
a_strong_pair_changes_the_choice_and_is_told(void **state)
{
    struct shop *shop = *state;
    const struct hp_pack_pair pair = {CASHEWS, TEA, 401};

    shop->in.pairs = &pair;
    shop->in.pair_count = 1;
    solve(shop);
    assert_true(box_has(shop, 0, CASHEWS));
    assert_int_equal(reason_of(shop, 0, HP_PACK_GOES_WITH)->item, CASHEWS);
    assert_int_equal(reason_of(shop, 0, HP_PACK_GOES_WITH)->other, TEA);
    /* Half of 401 each, the odd point to the first line. */
    assert_int_equal(shop->answer.boxes[0].lines[0].points, 800 + 201);
    assert_int_equal(shop->answer.boxes[0].lines[2].points, 500 + 200);
}

static void
copies_count_in_full_and_are_worth_their_repeat_gain(void **state)
{
    struct shop *shop = *state;
    const int64_t repeat[] = {700};

    shop->items[TEA].max_qty = 2;
    shop->items[TEA].repeat_gains = repeat;
    shop->items[TEA].repeat_count = 1;
    solve(shop);
    assert_int_equal(shop->answer.boxes[0].value, 900 + 500 + 700);
    assert_int_equal(shop->answer.boxes[0].line_count, 2);
    assert_int_equal(shop->answer.boxes[0].lines[1].quantity, 2);
}

static void
an_exclusion_beats_a_must(void **state)
{
    struct shop *shop = *state;

    shop->must[0] = shop->exclude[0] = shop->items[TEA].id;
    shop->in.must = (struct hp_strings){shop->must, 1};
    shop->in.exclude = (struct hp_strings){shop->exclude, 1};
    solve(shop);
    assert_int_equal(shop->answer.status, HP_PACK_INFEASIBLE);
    assert_int_equal(shop->answer.advice.obstacle, HP_PACK_CONTRADICTION);
    assert_string_equal(shop->answer.advice.subject, "excluded must tea");
    assert_false(shop->answer.advice.has_min_budget);
    assert_string_equal(shop->answer.advice.options[0].relax, "must tea");
}

static void
two_musts_of_one_family_conflict(void **state)
{
    struct shop *shop = *state;

    shop->must[0] = shop->items[ALMONDS].id;
    shop->must[1] = shop->items[CASHEWS].id;
    shop->in.must = (struct hp_strings){shop->must, 2};
    solve(shop);
    assert_int_equal(shop->answer.advice.obstacle, HP_PACK_MUST_CONFLICT);
    assert_int_equal(shop->answer.missing[0].obstacle, HP_PACK_MUST_CONFLICT);
}

static void
a_must_beyond_the_budget_names_the_least_budget(void **state)
{
    struct shop *shop = *state;

    shop->must[0] = shop->items[BASKET].id;
    shop->in.must = (struct hp_strings){shop->must, 1};
    shop->in.count_min = 2;
    solve(shop);
    assert_int_equal(shop->answer.advice.obstacle, HP_PACK_BUDGET_TOO_LOW);
    assert_int_equal(shop->answer.advice.min_budget, 950);
    assert_true(shop->answer.advice.min_proved);
    assert_int_equal(shop->answer.advice.cheapest_count, 2);
    assert_string_equal(shop->answer.advice.options[0].relax, "must basket");
    assert_int_equal(shop->answer.advice.options[0].min_budget, 250);
}

static void
a_must_is_packed_and_told(void **state)
{
    struct shop *shop = *state;

    shop->must[0] = shop->items[SWEET].id;
    shop->in.must = (struct hp_strings){shop->must, 1};
    solve(shop);
    assert_true(box_has(shop, 0, SWEET));
    assert_int_equal(reason_of(shop, 0, HP_PACK_MUST)->item, SWEET);
}

static void
the_ladder_is_climbed_only_when_earlier_steps_are_impossible(void **state)
{
    struct shop *shop = *state;
    const int64_t ladder[] = {780, 760, 700};

    shop->in.count_max = 3;
    shop->slots[0].min = ladder[0];
    shop->slots[0].max = 790;
    shop->slots[0].ladder = ladder;
    shop->slots[0].ladder_count = 3;
    solve(shop); /* 770 = cashews, tea, honey; nothing costs 780 to 790 */
    assert_int_equal(shop->answer.boxes[0].fill_step, 1);
    assert_int_equal(shop->answer.boxes[0].cost, 770);
}

static void
later_boxes_share_at_most_half_of_the_families(void **state)
{
    struct shop *shop = *state;

    shop->slots[0].min = shop->slots[1].min = 200;
    shop->in.slot_count = 2;
    solve(shop);
    assert_int_equal(shop->answer.status, HP_PACK_OK);
    assert_true(reason_of(shop, 1, HP_PACK_DIFFERS)->number <= 1);
    /* Cashews stand for almonds here: they are of one family. */
    assert_true(box_has(shop, 0, ALMONDS));
}

static void
boxes_seen_before_bind_like_earlier_slots(void **state)
{
    struct shop *shop = *state;
    const struct hp_bytes families[] = {hp_bytes_text("nuts-200g"), hp_bytes_text("tea")};
    const struct hp_pack_earlier earlier = {{families, 2}};

    shop->slots[0].min = 250;
    shop->in.earlier = &earlier;
    shop->in.earlier_count = 1;
    solve(shop);
    assert_false(
        (box_has(shop, 0, ALMONDS) || box_has(shop, 0, CASHEWS)) && box_has(shop, 0, TEA));
}

static void
a_slot_without_a_box_says_why(void **state)
{
    struct shop *shop = *state;

    shop->in.slot_count = 2;
    shop->in.max_share_pct = 0;
    solve(shop);
    assert_int_equal(shop->answer.status, HP_PACK_PARTIAL);
    assert_int_equal(shop->answer.missing[0].slot, 1);
    assert_int_equal(shop->answer.missing[0].obstacle, HP_PACK_SHARING_EXHAUSTED);
}

static void
an_unreachable_window_is_not_called_a_low_budget(void **state)
{
    struct shop *shop = *state;

    shop->slots[0].min = 791;
    shop->slots[0].max = 799;
    solve(shop);
    assert_int_equal(shop->answer.advice.obstacle, HP_PACK_FILL_UNREACHABLE);
    assert_int_equal(shop->answer.advice.min_budget, 50);
}

static void
a_category_that_cannot_be_filled_is_named(void **state)
{
    struct shop *shop = *state;

    shop->categories[1].min = 2;
    solve(shop);
    assert_int_equal(shop->answer.advice.obstacle, HP_PACK_CATEGORY_UNFILLABLE);
    assert_string_equal(shop->answer.advice.subject, "category drinks");
    assert_string_equal(shop->answer.advice.options[0].relax, "category drinks");
}

static void
a_rule_bounds_the_units_of_its_items(void **state)
{
    struct shop *shop = *state;

    shop->rule_items[0] = ALMONDS;
    shop->rule_items[1] = HONEY;
    shop->rules[0] = (struct hp_pack_rule){
        .name = hp_bytes_text("rich"), .max = 1, .items = shop->rule_items, .item_count = 2};
    shop->slots[0].min = 500;
    shop->in.rules = shop->rules;
    shop->in.rule_count = 1;
    solve(shop);
    assert_false(box_has(shop, 0, ALMONDS) && box_has(shop, 0, HONEY));
}

static void
capacities_hold(void **state)
{
    struct shop *shop = *state;
    const struct hp_pack_resource grams = {hp_bytes_text("grams"), 500};
    const int64_t heavy[] = {400};
    const int64_t light[] = {100};

    for (int k = 0; k < 6; k++)
        shop->items[k].resources = k == ALMONDS || k == HONEY ? heavy : light;
    shop->slots[0].min = 500;
    shop->in.resources = &grams;
    shop->in.resource_count = 1;
    solve(shop);
    assert_int_equal(shop->answer.status, HP_PACK_OK);
    assert_false(box_has(shop, 0, ALMONDS) && box_has(shop, 0, HONEY));
}

static void
the_bound_is_not_below_the_value(void **state)
{
    struct shop *shop = *state;

    shop->in.want_bound = true;
    solve(shop);
    assert_true(shop->answer.boxes[0].bounded);
    assert_true(shop->answer.boxes[0].bound >= shop->answer.boxes[0].value);
    assert_true(shop->answer.boxes[0].bound < 2500);
}

static void
numbers_outside_the_limits_are_refused_by_field(void **state)
{
    struct shop *shop = *state;
    struct hp_error error;

    shop->items[3].price = -1;
    assert_int_equal(hp_pack_instance_check(&shop->in, &error), HP_BAD_RECORD);
    assert_string_equal(error.text, "items[3].price: out of range");
    shop->items[3].price = 1;
    shop->items[4].category = 3;
    assert_int_equal(hp_pack_instance_check(&shop->in, &error), HP_BAD_RECORD);
    assert_string_equal(error.text, "items[4].cat: no such category");
    shop->items[4].category = 2;
    shop->in.slot_count = 9;
    assert_int_equal(hp_pack_instance_check(&shop->in, &error), HP_BAD_RECORD);
}

static void
nothing_to_choose_from_is_an_answer_too(void **state)
{
    struct shop *shop = *state;

    shop->in.item_count = 0;
    solve(shop);
    assert_int_equal(shop->answer.status, HP_PACK_INFEASIBLE);
    assert_int_equal(shop->answer.advice.obstacle, HP_PACK_COUNT_UNREACHABLE);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(the_best_affordable_items_are_packed),
        CASE(a_strong_pair_changes_the_choice_and_is_told),
        CASE(copies_count_in_full_and_are_worth_their_repeat_gain),
        CASE(an_exclusion_beats_a_must),
        CASE(two_musts_of_one_family_conflict),
        CASE(a_must_beyond_the_budget_names_the_least_budget),
        CASE(a_must_is_packed_and_told),
        CASE(the_ladder_is_climbed_only_when_earlier_steps_are_impossible),
        CASE(later_boxes_share_at_most_half_of_the_families),
        CASE(boxes_seen_before_bind_like_earlier_slots),
        CASE(a_slot_without_a_box_says_why),
        CASE(an_unreachable_window_is_not_called_a_low_budget),
        CASE(a_category_that_cannot_be_filled_is_named),
        CASE(a_rule_bounds_the_units_of_its_items),
        CASE(capacities_hold),
        CASE(the_bound_is_not_below_the_value),
        CASE(numbers_outside_the_limits_are_refused_by_field),
        CASE(nothing_to_choose_from_is_an_answer_too),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
