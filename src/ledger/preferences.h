/*
 * ledger/preferences.h - a user's stated preferences, as they are kept.
 *
 * The latest by log offset is kept as it came (lists in their order). The user's id is the
 * row's key and not repeated in the value: decoding leaves `user_id` absent.
 *
 * Thread: any. Pure.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_LEDGER_PREFERENCES_H
#define HP_LEDGER_PREFERENCES_H

#include "ledger/value.h"

void hp_preferences_encode(const struct hp_preferences *preferences, struct hp_buffer *out);
/* Lists go to the arena, strings borrow from `value`. */
HP_MUST_CHECK enum hp_status hp_preferences_decode(struct hp_bytes value,
    struct hp_arena *arena, struct hp_preferences *preferences, struct hp_error *error);

#endif
