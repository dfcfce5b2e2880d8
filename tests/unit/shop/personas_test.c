/*
 * shop/personas.h: every persona can be served from the shelf, and shows what it says.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "domain/item.h"
#include "domain/occasions.h"
#include "shop/catalogue.h"
#include "shop/personas.h"

#define T(text) hp_bytes((text), sizeof(text) - 1)

static void
personas_are_found_by_id(void **state)
{
    (void)state;
    assert_true(hp_persona_count() >= 8);
    for (size_t i = 0; i < hp_persona_count(); i++)
        assert_ptr_equal(hp_persona(i), hp_persona_find(hp_bytes_text(hp_persona(i)->user_id)));
    assert_null(hp_persona_find(T("nobody")));
    assert_null(hp_persona_find(hp_bytes(NULL, 0)));
}

static void
preferences_say_what_the_persona_is(void **state)
{
    struct hp_arena arena = {0};
    struct hp_preferences preferences;

    (void)state;
    hp_persona_preferences(hp_persona_find(T("asha")), 3, 99, &arena, &preferences);
    assert_true(hp_bytes_is(preferences.user_id, "asha"));
    assert_int_equal(3, preferences.version);
    assert_int_equal(99, preferences.updated_at);
    assert_int_equal(150000, preferences.budget_max_minor.value);
    assert_int_equal(1, preferences.avoid_allergens.count);
    assert_true(hp_bytes_is(preferences.avoid_allergens.items[0], "peanut"));
    assert_int_equal(0, preferences.diets.count);
    hp_persona_preferences(hp_persona_find(T("joseph")), 1, 1, &arena, &preferences);
    assert_int_equal(1, preferences.category_mix.count);
    assert_int_equal(1, preferences.category_mix.items[0].min);
    hp_arena_release(&arena);
}

static void
requests_name_an_occasion_that_exists(void **state)
{
    struct hp_occasions *occasions = hp_occasions_new();

    (void)state;
    for (size_t i = 0; i < hp_persona_count(); i++) {
        struct hp_box_request request;

        hp_persona_request(hp_persona(i), T("q-1"), 5, &request);
        assert_true(hp_bytes_is(request.user_id, hp_persona(i)->user_id));
        assert_true(hp_bytes_is(request.request_id, "q-1"));
        assert_true(hp_occasions_known(occasions, request.occasion));
    }
    hp_occasions_free(occasions);
}

/* A persona whose rules leave too little would make a poor demo and hide a data error. */
static void
twelve_items_suit_every_persona(void **state)
{
    struct hp_vocabulary *vocabulary = hp_vocabulary_new();
    struct hp_arena arena = {0};
    struct hp_shop_catalogue shelf;

    (void)state;
    hp_shop_catalogue_load(&arena, 1, &shelf);
    for (size_t i = 0; i < hp_persona_count(); i++) {
        struct hp_preferences preferences;
        struct hp_avoid avoid = {0};
        struct hp_diets diets = {0};
        int suiting = 0;

        hp_persona_preferences(hp_persona(i), 1, 1, &arena, &preferences);
        hp_vocabulary_avoid(vocabulary, preferences.avoid_allergens, &avoid);
        hp_vocabulary_require(vocabulary, preferences.diets, &diets);
        assert_false(avoid.has_unknown);
        assert_false(diets.has_unknown);
        for (size_t n = 0; n < shelf.count; n++)
            suiting += hp_item_suits(
                hp_item_rules(&shelf.items[n], T("INR"), vocabulary), avoid, diets);
        assert_true(suiting >= 12);
    }
    hp_arena_release(&arena);
    hp_vocabulary_free(vocabulary);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(personas_are_found_by_id),
        cmocka_unit_test(preferences_say_what_the_persona_is),
        cmocka_unit_test(requests_name_an_occasion_that_exists),
        cmocka_unit_test(twelve_items_suit_every_persona),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
