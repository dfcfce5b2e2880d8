/*
 * domain/money.c
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "domain/money.h"

#include "domain/limits.h"
#include "domain/listing.h"

#include <inttypes.h>

/* Digits with commas the Indian way: three at the end, then twos. Returns their start. */
static const char *
group(uint64_t rupees, char digits[32])
{
    char *at = digits + 31;
    int written = 0;

    *at = 0;
    do {
        if (written >= 3 && written % 2 == 1)
            *--at = ',';
        *--at = (char)('0' + rupees % 10);
        rupees /= 10;
        written++;
    } while (rupees > 0);
    return at;
}

void
hp_money_text(int64_t minor, struct hp_bytes currency, char text[HP_MONEY_TEXT])
{
    uint64_t amount = minor < 0 ? 0 - (uint64_t)minor : (uint64_t)minor;
    const char *sign = minor < 0 ? "-" : "";
    unsigned paise = (unsigned)(amount % 100);
    char digits[32];

    if (currency.size > 8)
        currency.size = 8;
    if (currency.size > 0 && !hp_bytes_is(currency, "INR"))
        snprintf(text, HP_MONEY_TEXT, "%s%.*s %" PRIu64 ".%02u", sign,
            HP_BYTES_FORMAT(currency), amount / 100, paise);
    else if (paise)
        snprintf(text, HP_MONEY_TEXT, "%s₹%s.%02u", sign, group(amount / 100, digits), paise);
    else
        snprintf(text, HP_MONEY_TEXT, "%s₹%s", sign, group(amount / 100, digits));
}

static struct hp_bytes
without_sign(struct hp_bytes text)
{
    static const char *const signs[] = {"₹", "INR", "Rs.", "Rs"};

    for (size_t i = 0; i < HP_ARRAY_SIZE(signs); i++) {
        struct hp_bytes sign = hp_bytes_text(signs[i]);

        if (hp_bytes_starts(text, sign))
            return hp_listing_trim(hp_bytes(text.data + sign.size, text.size - sign.size));
    }
    return text;
}

static bool
is_digit(uint8_t byte)
{
    return byte >= '0' && byte <= '9';
}

/* One or two decimals after the point, as paise. */
static bool
parse_paise(struct hp_bytes decimals, int64_t *paise)
{
    if (decimals.size < 1 || decimals.size > 2 || !is_digit(decimals.data[0]))
        return false;
    *paise = (decimals.data[0] - '0') * 10;
    if (decimals.size == 1)
        return true;
    if (!is_digit(decimals.data[1]))
        return false;
    *paise += decimals.data[1] - '0';
    return true;
}

bool
hp_money_parse(struct hp_bytes text, int64_t *minor)
{
    int64_t rupees = 0, paise = 0;
    size_t i;

    text = without_sign(hp_listing_trim(text));
    for (i = 0; i < text.size && text.data[i] != '.'; i++) {
        bool between = i > 0 && i + 1 < text.size && is_digit(text.data[i - 1]) &&
                       is_digit(text.data[i + 1]);

        if (text.data[i] == ',' && between)
            continue;
        if (!is_digit(text.data[i]))
            return false;
        rupees = rupees * 10 + (text.data[i] - '0');
        if (rupees > HP_MONEY_MAX)
            return false;
    }
    if (i == 0)
        return false;
    if (i < text.size && !parse_paise(hp_bytes(text.data + i + 1, text.size - i - 1), &paise))
        return false;
    if (rupees * 100 + paise > HP_MONEY_MAX)
        return false;
    *minor = rupees * 100 + paise;
    return true;
}
