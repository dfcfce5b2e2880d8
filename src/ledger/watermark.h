/*
 * ledger/watermark.h - up to when a user, or a recipient of his, is erased.
 *
 * An erasure is a watermark: every event of the user with an event time at or below it is void,
 * whenever it arrives. Watermarks only rise, so they can be merged in any order. A recipient's
 * mark says nothing once the user's own is as high, and is dropped then.
 *
 * Thread: any. Pure.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_LEDGER_WATERMARK_H
#define HP_LEDGER_WATERMARK_H

#include "ledger/value.h"

#define HP_RECIPIENT_BYTES          32 /* of a recipient's keyed hash */
#define HP_WATERMARK_RECIPIENTS_MAX 4096

struct hp_recipient_mark {
    struct hp_bytes recipient; /* HP_RECIPIENT_BYTES */
    int64_t ms;
};

/* Zeroed erases nothing: event times are above 0. */
struct hp_watermark {
    int64_t user_ms;
    const struct hp_recipient_mark *recipients; /* sorted by hash, each above user_ms */
    size_t recipient_count;
};

/*
 * Raises the user's mark (recipient absent) or one recipient's to at least `ms`; the new list
 * goes to the arena. `*changed` tells whether anything rose. HP_BAD_RECORD (LIMIT) when a user
 * would have too many erased recipients.
 */
HP_MUST_CHECK enum hp_status hp_watermark_raise(struct hp_watermark *mark,
    struct hp_bytes recipient, int64_t ms, struct hp_arena *arena, bool *changed,
    struct hp_error *error);

/* An event of time `ms` is void. `mark` may be NULL. */
static inline bool
hp_watermark_voids(const struct hp_watermark *mark, int64_t ms)
{
    return mark && ms <= mark->user_ms;
}

/* An event of time `ms` must not name this recipient any more. Both may be NULL or absent. */
bool hp_watermark_hides(const struct hp_watermark *mark, struct hp_bytes recipient, int64_t ms);

void hp_watermark_encode(const struct hp_watermark *mark, struct hp_buffer *out);
HP_MUST_CHECK enum hp_status hp_watermark_decode(struct hp_bytes value, struct hp_arena *arena,
    struct hp_watermark *mark, struct hp_error *error);

#endif
