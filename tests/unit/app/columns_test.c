/*
 * app/columns.h: cards line up, and no name of an item can take over a terminal.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "app/columns.h"

static void
widths_are_those_of_a_terminal(void **state)
{
    static const struct {
        const char *text;
        int columns;
    } cases[] = {{"", 0}, {"tea", 3}, {"₹1,500", 6}, {"─", 1}, {"काजू", 3}, {"दिल्ली", 5},
        {"茶", 2}, {"🎁", 2}, {"é", 1}, {"e\xcc\x81", 1}, {"\xff\xfe", 2}, {"\xe2\x82", 2}};

    (void)state;
    for (size_t i = 0; i < HP_ARRAY_SIZE(cases); i++)
        assert_int_equal(cases[i].columns, hp_columns(hp_bytes_text(cases[i].text)));
}

static void
cutting_keeps_characters_whole(void **state)
{
    struct hp_bytes text = hp_bytes_text("₹茶e\xcc\x81x");

    (void)state;
    assert_int_equal(0, hp_columns_cut(text, 0).size);
    assert_int_equal(3, hp_columns_cut(text, 1).size);
    assert_int_equal(3, hp_columns_cut(text, 2).size);
    assert_int_equal(6, hp_columns_cut(text, 3).size);
    assert_int_equal(9, hp_columns_cut(text, 4).size);
    assert_int_equal(text.size, hp_columns_cut(text, 99).size);
}

static void
assert_safe(const char *text, size_t size, bool utf8, const char *expected)
{
    struct hp_buffer buffer = {0};

    hp_columns_append(&buffer, hp_bytes(text, size), utf8);
    assert_int_equal(strlen(expected), buffer.size);
    if (buffer.size)
        assert_memory_equal(expected, buffer.data, buffer.size);
    hp_buffer_release(&buffer);
}

/* An escape sequence in a product name must not clear the operator's screen. */
static void
names_cannot_steer_the_terminal(void **state)
{
    static const char escape[] = "a\033[2Jb\nc\0d\xc2\x9b";
    static const char direction[] = "x\xe2\x80\xaey\xe2\x81\xa6z\xff";

    (void)state;
    assert_safe(escape, sizeof(escape) - 1, true, "a?[2Jb?c?d?");
    assert_safe(direction, sizeof(direction) - 1, true, "x?y?z?");
    assert_safe("\xe2\x82", 2, true, "??");
}

static void
ascii_keeps_the_meaning(void **state)
{
    static const char text[] = "₹180 · 2 × tea – काजू…";

    (void)state;
    assert_safe(text, sizeof(text) - 1, false, "Rs 180 - 2 x tea - ????...");
    assert_safe(text, sizeof(text) - 1, true, text);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(widths_are_those_of_a_terminal),
        cmocka_unit_test(cutting_keeps_characters_whole),
        cmocka_unit_test(names_cannot_steer_the_terminal),
        cmocka_unit_test(ascii_keeps_the_meaning),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
