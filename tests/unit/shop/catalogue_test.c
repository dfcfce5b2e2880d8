/*
 * shop/catalogue.h: what the demo sells must pass every rule real catalogues pass.
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

#define T(text) hp_bytes((text), sizeof(text) - 1)

struct fixture {
    struct hp_arena arena;
    struct hp_shop_catalogue catalogue;
    struct hp_vocabulary *vocabulary;
};

static int
set_up(void **state)
{
    struct fixture *fixture = hp_alloc(sizeof(*fixture));

    hp_shop_catalogue_load(&fixture->arena, 1000, &fixture->catalogue);
    fixture->vocabulary = hp_vocabulary_new();
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

#define FOR_EACH_ITEM(item, fixture)                                                           \
    for (const struct hp_catalogue_item *item = (fixture)->catalogue.items;                    \
         item < (fixture)->catalogue.items + (fixture)->catalogue.count; item++)

static void
the_shelf_is_full_and_priced_for_gifts(void **state)
{
    struct fixture *fixture = *state;

    assert_true(fixture->catalogue.count >= 130);
    FOR_EACH_ITEM(item, fixture)
    {
        assert_in_range(item->price_minor, 4000, 150000);
        assert_in_range(item->max_per_box, 1, 3);
        assert_true(item->family.size > 0);
        assert_true(item->category.size > 0);
        assert_true(item->tags.count > 0);
        assert_int_equal(1000, item->updated_at);
        assert_true(hp_item_for_sale(item, T("INR")));
    }
}

/* Ids are keys of the compacted catalogue topic: one twice would hide an item. */
static void
ids_are_unique_and_found(void **state)
{
    struct fixture *fixture = *state;

    FOR_EACH_ITEM(item, fixture)
    assert_ptr_equal(item, hp_shop_catalogue_find(&fixture->catalogue, item->item_id));
    assert_null(hp_shop_catalogue_find(&fixture->catalogue, T("no-such-item")));
}

static void
every_code_is_in_the_vocabulary(void **state)
{
    struct fixture *fixture = *state;

    FOR_EACH_ITEM(item, fixture)
    {
        struct hp_allergens allergens = hp_vocabulary_allergens(fixture->vocabulary, item);

        assert_int_equal(item->allergens_known, allergens.known);
        for (size_t i = 0; i < item->diets.count; i++)
            assert_true(hp_vocabulary_diet(fixture->vocabulary, item->diets.items[i]) >= 0);
    }
}

/* A diet and an allergen of one item must not contradict each other. */
static void
diets_agree_with_allergens(void **state)
{
    static const struct {
        const char *diet, *allergen;
    } contradictions[] = {{"vegan", "milk"}, {"vegan", "egg"}, {"eggless", "egg"},
        {"vegetarian", "fish"}, {"gluten-free", "gluten"}};
    struct fixture *fixture = *state;

    FOR_EACH_ITEM(item, fixture)
    {
        uint64_t diets = hp_vocabulary_item_diets(fixture->vocabulary, item);
        uint64_t contains = hp_vocabulary_allergens(fixture->vocabulary, item).mask;

        for (size_t i = 0; i < HP_ARRAY_SIZE(contradictions); i++) {
            int diet =
                hp_vocabulary_diet(fixture->vocabulary, hp_bytes_text(contradictions[i].diet));
            int allergen = hp_vocabulary_allergen(
                fixture->vocabulary, hp_bytes_text(contradictions[i].allergen));

            assert_false((diets >> diet & 1) && (contains >> allergen & 1));
        }
    }
}

static void
some_items_show_the_hard_cases(void **state)
{
    struct fixture *fixture = *state;
    int unknown = 0, stocked = 0, peanuts = 0, free_of_all = 0;
    int peanut = hp_vocabulary_allergen(fixture->vocabulary, T("peanut"));

    FOR_EACH_ITEM(item, fixture)
    {
        struct hp_allergens allergens = hp_vocabulary_allergens(fixture->vocabulary, item);

        unknown += !allergens.known;
        stocked += item->stock.present;
        peanuts += (int)(allergens.mask >> peanut & 1);
        free_of_all += allergens.known && allergens.mask == 0;
    }
    assert_in_range(unknown, 1, 5);
    assert_true(stocked >= 5);
    assert_true(peanuts >= 5);
    assert_true(free_of_all >= 40);
}

static bool
has_category(
    const struct fixture *fixture, const struct hp_occasions *occasions, const char *occasion)
{
    FOR_EACH_ITEM(item, fixture)
    if (hp_occasions_bonus(occasions, hp_bytes_text(occasion), item->category) > 0)
        return true;
    return false;
}

static void
festivals_find_their_categories_on_the_shelf(void **state)
{
    static const char *const names[] = {"diwali", "holi", "eid", "christmas", "navratri",
        "wedding", "housewarming", "birthday", "onam", "pongal"};
    struct hp_occasions *occasions = hp_occasions_new();

    for (size_t i = 0; i < HP_ARRAY_SIZE(names); i++)
        assert_true(has_category(*state, occasions, names[i]));
    hp_occasions_free(occasions);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_shelf_is_full_and_priced_for_gifts),
        cmocka_unit_test(ids_are_unique_and_found),
        cmocka_unit_test(every_code_is_in_the_vocabulary),
        cmocka_unit_test(diets_agree_with_allergens),
        cmocka_unit_test(some_items_show_the_hard_cases),
        cmocka_unit_test(festivals_find_their_categories_on_the_shelf),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
