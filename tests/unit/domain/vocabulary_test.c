/*
 * domain/vocabulary.h: nobody gets what they must not eat.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "domain/vocabulary.h"

#define CODES(...)                                                                             \
    (struct hp_strings)                                                                        \
    {                                                                                          \
        (const struct hp_bytes[]){__VA_ARGS__},                                                \
            sizeof((const struct hp_bytes[]){__VA_ARGS__}) / sizeof(struct hp_bytes)           \
    }
#define T(text) hp_bytes((text), sizeof(text) - 1)

static int
set_up(void **state)
{
    *state = hp_vocabulary_new();
    return 0;
}

static int
tear_down(void **state)
{
    hp_vocabulary_free(*state);
    return 0;
}

static struct hp_catalogue_item
item_with(struct hp_strings allergens)
{
    return (struct hp_catalogue_item){.allergens_known = true, .allergens = allergens};
}

static bool
is_safe(
    struct hp_vocabulary *vocabulary, struct hp_catalogue_item item, struct hp_strings codes)
{
    struct hp_avoid avoid = {0};

    hp_vocabulary_avoid(vocabulary, codes, &avoid);
    return hp_allergens_safe(hp_vocabulary_allergens(vocabulary, &item), avoid);
}

static bool
suits(struct hp_vocabulary *vocabulary, struct hp_strings item, struct hp_strings wanted)
{
    struct hp_catalogue_item of = {.diets = item};
    struct hp_diets diets = {0};

    hp_vocabulary_require(vocabulary, wanted, &diets);
    return hp_diets_suit(hp_vocabulary_item_diets(vocabulary, &of), diets);
}

/* Producers do not agree on spelling; safety must not depend on it. */
static void
spellings_of_one_allergen_are_one_number(void **state)
{
    struct hp_vocabulary *vocabulary = *state;
    int peanut = hp_vocabulary_allergen(vocabulary, T("peanut"));

    assert_true(peanut >= 0);
    assert_int_equal(peanut, hp_vocabulary_allergen(vocabulary, T("groundnuts")));
    assert_int_equal(peanut, hp_vocabulary_allergen(vocabulary, T("  Ground Nut\t")));
    assert_int_equal(peanut, hp_vocabulary_allergen(vocabulary, T("GROUND_NUTS")));
    assert_int_not_equal(peanut, hp_vocabulary_allergen(vocabulary, T("almond")));
    assert_string_equal("peanut", hp_vocabulary_allergen_name(vocabulary, peanut));
}

static void
what_is_not_listed_is_unknown(void **state)
{
    struct hp_vocabulary *vocabulary = *state;
    char endless[200];

    memset(endless, 'a', sizeof(endless));
    assert_int_equal(HP_CODE_UNKNOWN, hp_vocabulary_allergen(vocabulary, T("kryptonite")));
    assert_int_equal(HP_CODE_UNKNOWN, hp_vocabulary_allergen(vocabulary, T("")));
    assert_int_equal(HP_CODE_UNKNOWN, hp_vocabulary_allergen(vocabulary, T(" ")));
    assert_int_equal(HP_CODE_UNKNOWN, hp_vocabulary_allergen(vocabulary, T("peanut\0")));
    assert_int_equal(HP_CODE_UNKNOWN,
        hp_vocabulary_allergen(vocabulary, hp_bytes(endless, sizeof(endless))));
    assert_int_equal(HP_CODE_UNKNOWN, hp_vocabulary_allergen(vocabulary, T("vegan")));
}

/* A word that may mean two allergens must not be taken for one of them. */
static void
words_with_two_meanings_stay_unknown(void **state)
{
    assert_int_equal(HP_CODE_UNKNOWN, hp_vocabulary_allergen(*state, T("nuts")));
    assert_int_equal(HP_CODE_UNKNOWN, hp_vocabulary_allergen(*state, T("shellfish")));
    assert_int_equal(HP_CODE_UNKNOWN, hp_vocabulary_diet(*state, T("no-added-sugar")));
}

static void
all_fourteen_allergens_and_seven_diets_are_there(void **state)
{
    static const char *const allergens[] = {"gluten", "crustacean", "mollusc", "egg", "fish",
        "peanut", "soy", "milk", "tree-nut", "celery", "mustard", "sesame", "sulphite",
        "lupin"};
    static const char *const diets[] = {
        "vegetarian", "vegan", "jain", "eggless", "sugar-free", "gluten-free", "halal"};

    for (size_t i = 0; i < HP_ARRAY_SIZE(allergens); i++)
        assert_true(hp_vocabulary_allergen(*state, hp_bytes_text(allergens[i])) >= 0);
    for (size_t i = 0; i < HP_ARRAY_SIZE(diets); i++)
        assert_true(hp_vocabulary_diet(*state, hp_bytes_text(diets[i])) >= 0);
    assert_int_equal(HP_ARRAY_SIZE(allergens), hp_vocabulary_allergen_count(*state));
    assert_int_equal(HP_ARRAY_SIZE(diets), hp_vocabulary_diet_count(*state));
}

static void
an_item_is_safe_only_without_what_is_avoided(void **state)
{
    struct hp_catalogue_item chikki = item_with(CODES(T("groundnut"), T("milk")));

    assert_false(is_safe(*state, chikki, CODES(T("peanut"))));
    assert_false(is_safe(*state, chikki, CODES(T("soy"), T("Dairy"))));
    assert_true(is_safe(*state, chikki, CODES(T("soy"), T("egg"))));
    assert_true(is_safe(*state, chikki, (struct hp_strings){0}));
}

/* Null allergens mean nobody looked. */
static void
an_item_nobody_looked_at_is_safe_only_for_those_who_avoid_nothing(void **state)
{
    struct hp_catalogue_item item = {0};

    assert_true(is_safe(*state, item, (struct hp_strings){0}));
    assert_false(is_safe(*state, item, CODES(T("lupin"))));
    assert_false(is_safe(*state, item, CODES(T("kryptonite"))));
}

static void
an_unknown_code_makes_the_items_allergens_unknown(void **state)
{
    struct hp_catalogue_item item = item_with(CODES(T("milk"), T("kryptonite")));

    assert_false(hp_vocabulary_allergens(*state, &item).known);
    assert_false(is_safe(*state, item, CODES(T("lupin"))));
    assert_true(is_safe(*state, item, (struct hp_strings){0}));
}

static void
who_avoids_an_unknown_code_gets_only_items_without_allergens(void **state)
{
    struct hp_catalogue_item tea = item_with((struct hp_strings){0});
    struct hp_catalogue_item sweet = item_with(CODES(T("milk")));

    assert_true(is_safe(*state, tea, CODES(T("kryptonite"))));
    assert_false(is_safe(*state, sweet, CODES(T("kryptonite"))));
    assert_false(is_safe(*state, sweet, CODES(T("kryptonite"), T("egg"))));
}

/* Preferences and request are joined: neither can take back what the other avoids. */
static void
avoiding_adds_up(void **state)
{
    struct hp_catalogue_item item = item_with(CODES(T("milk")));
    struct hp_avoid avoid = {0};

    hp_vocabulary_avoid(*state, CODES(T("milk")), &avoid);
    hp_vocabulary_avoid(*state, CODES(T("egg")), &avoid);
    assert_false(hp_allergens_safe(hp_vocabulary_allergens(*state, &item), avoid));
    hp_vocabulary_avoid(*state, (struct hp_strings){0}, &avoid);
    assert_false(hp_allergens_safe(hp_vocabulary_allergens(*state, &item), avoid));
}

static void
diets_follow_from_diets_but_not_back(void **state)
{
    assert_true(suits(*state, CODES(T("vegan")), CODES(T("vegetarian"), T("egg-free"))));
    assert_true(suits(*state, CODES(T("Jain")), CODES(T("eggless"))));
    assert_false(suits(*state, CODES(T("vegetarian"), T("eggless")), CODES(T("vegan"))));
    assert_false(suits(*state, CODES(T("vegetarian")), CODES(T("eggless"))));
    assert_false(suits(*state, CODES(T("vegan")), CODES(T("jain"))));
    assert_true(suits(*state, (struct hp_strings){0}, (struct hp_strings){0}));
}

static void
an_unknown_diet_suits_nothing_and_promises_nothing(void **state)
{
    assert_false(suits(*state, CODES(T("vegan"), T("paleo")), CODES(T("paleo"))));
    assert_true(suits(*state, CODES(T("vegan"), T("paleo")), CODES(T("vegan"))));
}

static void
what_follows_is_closed_over_steps_and_loops(void **state)
{
    struct hp_vocabulary *vocabulary;

    (void)state;
    assert_int_equal(HP_OK, hp_vocabulary_parse(T("diet a => b\ndiet b => c\n"
                                                  "diet c\ndiet c => d # later\ndiet d => b"),
                                "t", &vocabulary, NULL));
    assert_true(suits(vocabulary, CODES(T("a")), CODES(T("d"))));
    assert_true(suits(vocabulary, CODES(T("d")), CODES(T("c"))));
    assert_false(suits(vocabulary, CODES(T("d")), CODES(T("a"))));
    hp_vocabulary_free(vocabulary);
}

/* An operator's typing mistake must not turn into a wrong promise at run time. */
static void
errors_name_file_and_line(void **state)
{
    static const struct {
        const char *text, *error;
    } cases[] = {
        {"\nallergen a\nallergy b\n", "v:3: a line begins with allergen or diet"},
        {"allergen a = x\nallergen b = X", "v:2: 'x' already means a"},
        {"allergen a = b\nallergen b", "v:2: 'b' already means a"},
        {"diet a => b", "v:1: unknown diet 'b' after =>"},
        {"diet a => ", "v:1: unknown diet '' after =>"},
        {"allergen a => b", "v:1: nothing follows from an allergen"},
        {"allergen", "v:1: a code has 1 to 64 bytes, not ''"},
        {"allergen a = b,,c", "v:1: a code has 1 to 64 bytes, not ''"},
        {"allergen a, b", "v:1: a code has 1 to 64 bytes, not 'a, b'"},
        {"diet a = b = c", "v:1: a code has 1 to 64 bytes, not 'b = c'"},
    };

    (void)state;
    for (size_t i = 0; i < HP_ARRAY_SIZE(cases); i++) {
        struct hp_vocabulary *vocabulary;
        struct hp_error error = {0};

        assert_int_equal(HP_USAGE,
            hp_vocabulary_parse(hp_bytes_text(cases[i].text), "v", &vocabulary, &error));
        assert_null(vocabulary);
        assert_non_null(strstr(error.text, cases[i].error));
    }
}

static void
no_more_names_than_bits(void **state)
{
    struct hp_vocabulary *vocabulary;
    struct hp_buffer text = {0};
    struct hp_error error = {0};

    (void)state;
    for (int i = 0; i < HP_VOCABULARY_CODES_MAX; i++)
        hp_buffer_printf(&text, "allergen a%d\n", i);
    assert_int_equal(
        HP_OK, hp_vocabulary_parse(hp_buffer_bytes(&text), "v", &vocabulary, &error));
    assert_int_equal(63, hp_vocabulary_allergen(vocabulary, T("a63")));
    hp_vocabulary_free(vocabulary);
    hp_buffer_printf(&text, "allergen one-more\n");
    assert_int_equal(
        HP_USAGE, hp_vocabulary_parse(hp_buffer_bytes(&text), "v", &vocabulary, &error));
    hp_buffer_release(&text);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spellings_of_one_allergen_are_one_number),
        cmocka_unit_test(what_is_not_listed_is_unknown),
        cmocka_unit_test(words_with_two_meanings_stay_unknown),
        cmocka_unit_test(all_fourteen_allergens_and_seven_diets_are_there),
        cmocka_unit_test(an_item_is_safe_only_without_what_is_avoided),
        cmocka_unit_test(an_item_nobody_looked_at_is_safe_only_for_those_who_avoid_nothing),
        cmocka_unit_test(an_unknown_code_makes_the_items_allergens_unknown),
        cmocka_unit_test(who_avoids_an_unknown_code_gets_only_items_without_allergens),
        cmocka_unit_test(avoiding_adds_up),
        cmocka_unit_test(diets_follow_from_diets_but_not_back),
        cmocka_unit_test(an_unknown_diet_suits_nothing_and_promises_nothing),
        cmocka_unit_test(what_follows_is_closed_over_steps_and_loops),
        cmocka_unit_test(errors_name_file_and_line),
        cmocka_unit_test(no_more_names_than_bits),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
