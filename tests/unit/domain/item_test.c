/*
 * domain/item.h: only what can be sold, and suits, goes into a box.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "domain/item.h"

#define T(text) hp_bytes((text), sizeof(text) - 1)

static struct hp_catalogue_item
good_item(void)
{
    return (struct hp_catalogue_item){.item_id = T("a"),
        .currency = T("INR"),
        .allergens_known = true,
        .max_per_box = 3,
        .active = true};
}

static int32_t
quantity_max(struct hp_catalogue_item item)
{
    struct hp_vocabulary *vocabulary = hp_vocabulary_new();
    struct hp_item_rules rules = hp_item_rules(&item, T("INR"), vocabulary);

    hp_vocabulary_free(vocabulary);
    return rules.quantity_max;
}

static void
stock_and_box_limit_bound_the_quantity(void **state)
{
    struct hp_catalogue_item item = good_item();

    (void)state;
    assert_int_equal(3, quantity_max(item));
    item.stock = (struct hp_maybe){true, 2};
    assert_int_equal(2, quantity_max(item));
    item.stock.value = INT64_MAX;
    assert_int_equal(3, quantity_max(item));
}

static void
what_cannot_be_sold_has_no_quantity(void **state)
{
    struct hp_catalogue_item none_left = good_item(), negative = good_item();
    struct hp_catalogue_item inactive = good_item(), foreign = good_item();
    struct hp_catalogue_item zero = good_item();

    (void)state;
    none_left.stock = (struct hp_maybe){true, 0};
    negative.stock = (struct hp_maybe){true, -4};
    inactive.active = false;
    foreign.currency = T("GBP");
    zero.max_per_box = 0;
    assert_int_equal(0, quantity_max(none_left));
    assert_int_equal(0, quantity_max(negative));
    assert_int_equal(0, quantity_max(inactive));
    assert_int_equal(0, quantity_max(foreign));
    assert_int_equal(0, quantity_max(zero));
}

static void
one_objection_is_enough(void **state)
{
    const struct hp_item_rules rules = {{true, 1}, 2, 1};
    const struct hp_item_rules sold_out = {{true, 1}, 2, 0};
    const struct hp_avoid nothing = {0, false}, its_allergen = {1, false};
    const struct hp_diets any = {0, false}, its_diet = {2, false}, other = {4, false};

    (void)state;
    assert_true(hp_item_suits(rules, nothing, any));
    assert_true(hp_item_suits(rules, nothing, its_diet));
    assert_false(hp_item_suits(rules, its_allergen, any));
    assert_false(hp_item_suits(rules, nothing, other));
    assert_false(hp_item_suits(sold_out, nothing, any));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stock_and_box_limit_bound_the_quantity),
        cmocka_unit_test(what_cannot_be_sold_has_no_quantity),
        cmocka_unit_test(one_objection_is_enough),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
