/*
 * domain/money.h: what people read is the amount, to the paisa.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "domain/limits.h"
#include "domain/money.h"

static void
assert_text(int64_t minor, const char *currency, const char *expected)
{
    char text[HP_MONEY_TEXT];

    hp_money_text(minor, hp_bytes_text(currency), text);
    assert_string_equal(expected, text);
}

static void
rupees_group_the_indian_way(void **state)
{
    (void)state;
    assert_text(0, "INR", "₹0");
    assert_text(99900, "INR", "₹999");
    assert_text(100000, "INR", "₹1,000");
    assert_text(1500000, "INR", "₹15,000");
    assert_text(12345600, "INR", "₹1,23,456");
    assert_text(12345650, "INR", "₹1,23,456.50");
    assert_text(1000000000, "INR", "₹1,00,00,000");
    assert_text(5, "INR", "₹0.05");
    assert_text(-12345600, NULL, "-₹1,23,456");
}

static void
other_currencies_are_plain(void **state)
{
    (void)state;
    assert_text(123450, "GBP", "GBP 1234.50");
    assert_text(-5, "GBP", "-GBP 0.05");
    assert_text(100, "a currency name", "a curren 1.00");
}

static void
every_amount_fits(void **state)
{
    (void)state;
    assert_text(INT64_MAX, "INR", "₹92,23,37,20,36,85,47,758.07");
    assert_text(INT64_MIN, "INR", "-₹92,23,37,20,36,85,47,758.08");
}

static void
typed_amounts_are_read(void **state)
{
    static const struct {
        const char *text;
        int64_t minor;
    } cases[] = {{"₹1,500", 150000}, {"1500", 150000}, {" Rs. 1,23,456.50 ", 12345650},
        {"INR 10.5", 1050}, {"Rs40", 4000}, {"0", 0}, {"10000000", HP_MONEY_MAX}};

    (void)state;
    for (size_t i = 0; i < HP_ARRAY_SIZE(cases); i++) {
        int64_t minor = -1;

        assert_true(hp_money_parse(hp_bytes_text(cases[i].text), &minor));
        assert_int_equal(cases[i].minor, minor);
    }
}

static void
anything_else_is_refused(void **state)
{
    static const char *const cases[] = {"", "₹", "-5", "1,", ",1", "1,,2", "1.", ".5", "1.234",
        "1.a", "1.5a", "12a", "$5", "10000000.01", "99999999999999999999999", "1 500"};

    (void)state;
    for (size_t i = 0; i < HP_ARRAY_SIZE(cases); i++) {
        int64_t minor = -1;

        assert_false(hp_money_parse(hp_bytes_text(cases[i]), &minor));
        assert_int_equal(-1, minor);
    }
}

static void
what_is_written_is_read_back(void **state)
{
    (void)state;
    for (int64_t minor = 0; minor <= HP_MONEY_MAX; minor = minor * 3 + 7) {
        char text[HP_MONEY_TEXT];
        int64_t back = -1;

        hp_money_text(minor, hp_bytes_text("INR"), text);
        assert_true(hp_money_parse(hp_bytes_text(text), &back));
        assert_int_equal(minor, back);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rupees_group_the_indian_way),
        cmocka_unit_test(other_currencies_are_plain),
        cmocka_unit_test(every_amount_fits),
        cmocka_unit_test(typed_amounts_are_read),
        cmocka_unit_test(anything_else_is_refused),
        cmocka_unit_test(what_is_written_is_read_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
