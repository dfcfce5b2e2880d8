/*
 * domain/occasions.h: a festival moves the categories its file says, and no others.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "domain/occasions.h"

#define T(text) hp_bytes((text), sizeof(text) - 1)

static void
built_in_set_knows_the_festivals(void **state)
{
    struct hp_occasions *occasions = hp_occasions_new();

    (void)state;
    assert_true(hp_occasions_known(occasions, T("diwali")));
    assert_true(hp_occasions_known(occasions, T("Raksha_Bandhan")));
    assert_false(hp_occasions_known(occasions, T("tuesday")));
    assert_false(hp_occasions_known(occasions, hp_bytes(NULL, 0)));
    assert_true(hp_occasions_bonus(occasions, T("diwali"), T("Sweets")) > 0);
    assert_int_equal(hp_occasions_bonus(occasions, T("diwali"), T("Dry Fruits")),
        hp_occasions_bonus(occasions, T("DEEPAVALI"), T("dry-fruits")));
    hp_occasions_free(occasions);
}

static void
only_what_the_file_says_gains(void **state)
{
    struct hp_occasions *occasions;

    (void)state;
    assert_int_equal(
        HP_OK, hp_occasions_parse(T("# x\noccasion a, b c = Tea 5, Puja & Decor 200\n"
                                    "occasion d = Tea 0"),
                   "o", &occasions, NULL));
    assert_int_equal(5, hp_occasions_bonus(occasions, T("a"), T("tea")));
    assert_int_equal(200, hp_occasions_bonus(occasions, T("b-c"), T("puja & decor")));
    assert_int_equal(0, hp_occasions_bonus(occasions, T("a"), T("Sweets")));
    assert_int_equal(0, hp_occasions_bonus(occasions, T("d"), T("Tea")));
    assert_int_equal(0, hp_occasions_bonus(occasions, T("e"), T("Tea")));
    hp_occasions_free(occasions);
}

static void
errors_name_file_and_line(void **state)
{
    static const struct {
        const char *text, *error;
    } cases[] = {
        {"\noccasion a", "o:2: a line reads"},
        {"festival a = Tea 5", "o:1: a line reads"},
        {"occasion a = Tea 5 => b", "o:1: a line reads"},
        {"occasion a = Tea", "o:1: 'Tea' is not a category and its per cent"},
        {"occasion a = 5", "o:1: '5' is not a category and its per cent"},
        {"occasion a = Tea 201", "o:1: 'Tea 201' is not"},
        {"occasion a = Tea 5,", "o:1: '' is not"},
        {"occasion a = Tea 5\noccasion A = Tea 6", "o:2: occasion 'A' is there twice"},
        {"occasion = Tea 5", "o:1: a name has 1 to 64 bytes"},
    };

    (void)state;
    for (size_t i = 0; i < HP_ARRAY_SIZE(cases); i++) {
        struct hp_occasions *occasions;
        struct hp_error error = {0};

        assert_int_equal(HP_USAGE,
            hp_occasions_parse(hp_bytes_text(cases[i].text), "o", &occasions, &error));
        assert_null(occasions);
        assert_non_null(strstr(error.text, cases[i].error));
    }
}

static void
limits_are_refused_not_overrun(void **state)
{
    struct hp_buffer many = {0}, wide = {0};
    struct hp_occasions *occasions;

    (void)state;
    for (int i = 0; i <= HP_OCCASIONS_MAX; i++)
        hp_buffer_printf(&many, "occasion o%d = Tea 1\n", i);
    assert_int_equal(
        HP_USAGE, hp_occasions_parse(hp_buffer_bytes(&many), "o", &occasions, NULL));
    hp_buffer_printf(&wide, "occasion a = Tea 1");
    for (int i = 0; i < HP_OCCASION_LINES_MAX; i++)
        hp_buffer_printf(&wide, ", c%dx 1", i);
    assert_int_equal(
        HP_USAGE, hp_occasions_parse(hp_buffer_bytes(&wide), "o", &occasions, NULL));
    hp_buffer_release(&many);
    hp_buffer_release(&wide);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(built_in_set_knows_the_festivals),
        cmocka_unit_test(only_what_the_file_says_gains),
        cmocka_unit_test(errors_name_file_and_line),
        cmocka_unit_test(limits_are_refused_not_overrun),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
