/*
 * Times in event files decide which order came first, so every accepted spelling means one
 * moment, and what is no date is refused instead of rolled over.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/rng.h"
#include "domain/instant.h"

static void
spellings_mean_one_moment(void **state)
{
    static const struct {
        const char *text;
        int64_t ms;
    } cases[] = {{"1970-01-01", 0}, {"1970-01-01T00:00:00.001Z", 1},
        {"1969-12-31T23:59:59Z", -1000}, {"2026-03-01T08:30:00Z", 1772353800000},
        {"2026-03-01 08:30", 1772353800000}, {"2026-03-01T14:00:00+05:30", 1772353800000},
        {"2026-03-01T14:00+0530", 1772353800000}, {"2026-03-01T00:30-08", 1772353800000},
        {"2026-03-01T08:30:00,25Z", 1772353800250},
        {"2026-03-01t08:30:00.2509999z", 1772353800250}, {"2024-02-29", 1709164800000},
        {"0001-01-01", -62135596800000}, {"9999-12-31T23:59:59.999Z", 253402300799999}};

    (void)state;
    for (size_t i = 0; i < HP_ARRAY_SIZE(cases); i++) {
        int64_t ms = 42;

        if (!hp_instant_parse(hp_bytes_text(cases[i].text), &ms) || ms != cases[i].ms)
            fail_msg("%s gave %lld", cases[i].text, (long long)ms);
    }
}

static void
what_is_no_time_is_refused(void **state)
{
    static const char *const bad[] = {"", "2026", "2026-03", "2026-3-1", "2026-02-29",
        "2023-02-29", "1900-02-29", "2026-04-31", "2026-13-01", "2026-00-01", "2026-01-00",
        "0000-01-01", "2026-03-01T", "2026-03-01T08", "2026-03-01T24:00", "2026-03-01T08:60",
        "2026-03-01T08:30:60", "2026-03-01T08:30Zx", "2026-03-01T08:30:00.",
        "2026-03-01T08:30+5", "2026-03-01T08:30+24:00", "+2026-03-01", "2026-03-01Z",
        "1772353800000", "yesterday"};

    (void)state;
    for (size_t i = 0; i < HP_ARRAY_SIZE(bad); i++) {
        int64_t ms = 42;

        if (hp_instant_parse(hp_bytes_text(bad[i]), &ms))
            fail_msg("%s was taken", bad[i]);
        assert_int_equal(ms, 42);
    }
}

static void
text_is_read_back_to_the_same_moment(void **state)
{
    struct hp_rng rng = {20260301};

    (void)state;
    for (int i = 0; i < 20000; i++) {
        int64_t ms = hp_rng_between(&rng, -62135596800000, 253402300799999);
        char text[HP_INSTANT_TEXT];
        int64_t again;

        hp_instant_text(ms, text);
        assert_true(hp_instant_parse(hp_bytes_text(text), &again));
        assert_true(again == ms);
    }
}

static void
years_out_of_range_are_clamped(void **state)
{
    char text[HP_INSTANT_TEXT];

    (void)state;
    hp_instant_text(INT64_MAX, text);
    assert_string_equal(text, "9999-12-31T23:59:59.999Z");
    hp_instant_text(INT64_MIN, text);
    assert_string_equal(text, "0001-01-01T00:00:00.000Z");
    assert_int_equal(hp_instant_day(-1), -1);
    assert_int_equal(hp_instant_day(0), 0);
    assert_int_equal(hp_instant_day(-HP_DAY_MS), -1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spellings_mean_one_moment),
        cmocka_unit_test(what_is_no_time_is_refused),
        cmocka_unit_test(text_is_read_back_to_the_same_moment),
        cmocka_unit_test(years_out_of_range_are_clamped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
