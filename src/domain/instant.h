/*
 * domain/instant.h - moments as people write them: ISO 8601 to and from milliseconds UTC.
 *
 * Thread: any. Pure: no time zone of the machine, no clock.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_DOMAIN_INSTANT_H
#define HP_DOMAIN_INSTANT_H

#include "base/bytes.h"

#define HP_DAY_MS 86400000LL

/*
 * `2026-03-01`, `2026-03-01T08:30`, `2026-03-01 08:30:15.250+05:30`, `…Z`. Without an offset it
 * is UTC; digits beyond milliseconds are cut. Years 0001 to 9999, days of the Gregorian
 * calendar, no leap seconds. False, and nothing written, when it is anything else.
 */
HP_MUST_CHECK bool hp_instant_parse(struct hp_bytes text, int64_t *ms);

/* `2026-03-01T08:30:15.250Z`, at most HP_INSTANT_TEXT - 1 bytes. Years out of range are
 * clamped. */
#define HP_INSTANT_TEXT 32
void hp_instant_text(int64_t ms, char text[HP_INSTANT_TEXT]);

/* The UTC day that holds `ms`, days since 1970-01-01, rounded down also before 1970. */
static inline int64_t
hp_instant_day(int64_t ms)
{
    return ms / HP_DAY_MS - (ms % HP_DAY_MS < 0);
}

#endif
