/*
 * domain/instant.c - calendar arithmetic without tables of months or the machine's time zone.
 *
 * Days are counted from 0000-03-01 in eras of 400 years (146 097 days): with March first, the
 * leap day ends the year and the days before month m are (153 m + 2) / 5. The method is Howard
 * Hinnant's, "chrono-Compatible Low-Level Date Algorithms".
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "domain/instant.h"

#define DAYS_PER_ERA 146097
#define EPOCH_DAYS   719468 /* from 0000-03-01 to 1970-01-01 */

struct date {
    int64_t year;
    int64_t month; /* 1 to 12 */
    int64_t day;   /* 1 to 31 */
};

static int64_t
days_from_date(struct date date)
{
    int64_t year = date.year - (date.month <= 2);
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t of_era = year - era * 400;
    int64_t of_year = (153 * ((date.month + 9) % 12) + 2) / 5 + date.day - 1;

    return era * DAYS_PER_ERA + of_era * 365 + of_era / 4 - of_era / 100 + of_year - EPOCH_DAYS;
}

static struct date
date_from_days(int64_t days)
{
    int64_t shifted = days + EPOCH_DAYS;
    int64_t era = (shifted >= 0 ? shifted : shifted - DAYS_PER_ERA + 1) / DAYS_PER_ERA;
    int64_t of_era = shifted - era * DAYS_PER_ERA;
    int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
    int64_t month = (5 * of_year + 2) / 153;

    return (struct date){
        .year = year + era * 400 + (month >= 10),
        .month = month < 10 ? month + 3 : month - 9,
        .day = of_year - (153 * month + 2) / 5 + 1,
    };
}

/* Exactly `digits` digits, at most `max`; moves on. False leaves `*value` alone. */
static bool
take_number(struct hp_bytes *text, size_t digits, int64_t max, int64_t *value)
{
    int64_t number = 0;

    if (text->size < digits)
        return false;
    for (size_t i = 0; i < digits; i++) {
        if (text->data[i] < '0' || text->data[i] > '9')
            return false;
        number = number * 10 + (text->data[i] - '0');
    }
    if (number > max)
        return false;
    *text = hp_bytes(text->data + digits, text->size - digits);
    *value = number;
    return true;
}

static bool
take_char(struct hp_bytes *text, char c)
{
    if (text->size == 0 || text->data[0] != (uint8_t)c)
        return false;
    *text = hp_bytes(text->data + 1, text->size - 1);
    return true;
}

static bool
take_date(struct hp_bytes *text, int64_t *days)
{
    struct date date = {0};
    struct date back;

    if (!take_number(text, 4, 9999, &date.year) || !take_char(text, '-') ||
        !take_number(text, 2, 12, &date.month) || !take_char(text, '-') ||
        !take_number(text, 2, 31, &date.day))
        return false;
    if (date.year == 0 || date.month == 0 || date.day == 0)
        return false;
    *days = days_from_date(date);
    back = date_from_days(*days); /* 31 April comes back as 1 May */
    return back.month == date.month && back.day == date.day;
}

/* Up to three digits count; the rest is cut. */
static bool
take_fraction(struct hp_bytes *text, int64_t *ms)
{
    int64_t scale = 100;
    int64_t digit;

    *ms = 0;
    if (!take_char(text, '.') && !take_char(text, ','))
        return true;
    if (!take_number(text, 1, 9, &digit))
        return false;
    do {
        *ms += digit * scale;
        scale /= 10;
    } while (take_number(text, 1, 9, &digit));
    return true;
}

static bool
take_clock(struct hp_bytes *text, int64_t *ms)
{
    int64_t hour = 0;
    int64_t minute = 0;
    int64_t second = 0;
    int64_t fraction = 0;

    if (!take_number(text, 2, 23, &hour) || !take_char(text, ':') ||
        !take_number(text, 2, 59, &minute))
        return false;
    if (take_char(text, ':') &&
        (!take_number(text, 2, 59, &second) || !take_fraction(text, &fraction)))
        return false;
    *ms = ((hour * 60 + minute) * 60 + second) * 1000 + fraction;
    return true;
}

static bool
take_offset(struct hp_bytes *text, int64_t *offset_ms)
{
    int64_t sign = 1;
    int64_t hour = 0;
    int64_t minute = 0;

    *offset_ms = 0;
    if (text->size == 0 || take_char(text, 'Z') || take_char(text, 'z'))
        return true;
    if (take_char(text, '-'))
        sign = -1;
    else if (!take_char(text, '+'))
        return false;
    if (!take_number(text, 2, 23, &hour))
        return false;
    take_char(text, ':');
    if (text->size > 0 && !take_number(text, 2, 59, &minute))
        return false;
    *offset_ms = sign * (hour * 60 + minute) * 60000;
    return true;
}

bool
hp_instant_parse(struct hp_bytes text, int64_t *ms)
{
    int64_t days = 0;
    int64_t clock_ms = 0;
    int64_t offset_ms = 0;

    if (!take_date(&text, &days))
        return false;
    if (take_char(&text, 'T') || take_char(&text, 't') || take_char(&text, ' ')) {
        if (!take_clock(&text, &clock_ms) || !take_offset(&text, &offset_ms))
            return false;
    }
    if (text.size > 0)
        return false;
    *ms = days * HP_DAY_MS + clock_ms - offset_ms;
    return true;
}

void
hp_instant_text(int64_t ms, char text[HP_INSTANT_TEXT])
{
    const int64_t first = days_from_date((struct date){1, 1, 1}) * HP_DAY_MS;
    const int64_t last = days_from_date((struct date){10000, 1, 1}) * HP_DAY_MS - 1;
    int64_t clamped = ms < first ? first : ms > last ? last : ms;
    int64_t day = hp_instant_day(clamped);
    unsigned clock_ms = (unsigned)(clamped - day * HP_DAY_MS);
    struct date date = date_from_days(day);

    snprintf(text, HP_INSTANT_TEXT, "%04d-%02d-%02dT%02u:%02u:%02u.%03uZ",
        (int)date.year % 10000, (int)date.month % 100, (int)date.day % 100,
        clock_ms / 3600000 % 24, clock_ms / 60000 % 60, clock_ms / 1000 % 60, clock_ms % 1000);
}
