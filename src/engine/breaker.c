/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/internal.h"

bool
hp_breaker_note(struct hp_breaker *breaker, bool bad)
{
    if (breaker->count == HP_BREAKER_WINDOW)
        breaker->bad_count -= breaker->bad[breaker->at];
    else
        breaker->count++;
    breaker->bad[breaker->at] = bad;
    breaker->bad_count += bad;
    breaker->at = (uint16_t)((breaker->at + 1) % HP_BREAKER_WINDOW);
    if (breaker->open || breaker->count < HP_BREAKER_LEAST ||
        breaker->bad_count * 2 <= breaker->count)
        return false;
    breaker->open = true;
    return true;
}
