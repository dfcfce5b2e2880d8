/*
 * ledger/reactions.h - what a user last said about an item.
 *
 * A register per (user, item): the greatest by (at, feedback_id, canonical bytes) among LIKED,
 * DISLIKED, RATED and REMOVED. What the rating means is decided once, exactly, when it arrives;
 * afterwards there are only integers.
 *
 * Thread: any. Pure. Views are borrowed from the event or the stored value.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_LEDGER_REACTIONS_H
#define HP_LEDGER_REACTIONS_H

#include "ledger/value.h"

enum hp_reaction_sense {
    HP_REACTION_NONE,     /* RATED between 2 and 4, or no reaction at all */
    HP_REACTION_POSITIVE, /* LIKED, RATED >= 4: counts 1 */
    HP_REACTION_NEGATIVE, /* DISLIKED, RATED <= 2: masks the item */
    HP_REACTION_REMOVED   /* taken out of a box: halves the gain for a while */
};

struct hp_reaction {
    int64_t at;
    struct hp_bytes feedback_id;
    enum hp_feedback_kind kind;
    int64_t rating_millis; /* cut, 1000..5000; 0 when not RATED */
    enum hp_reaction_sense sense;
};

/* False when this kind of feedback is not a reaction to an item. The event is checked. */
bool hp_reaction_from_event(const struct hp_feedback *feedback, struct hp_reaction *reaction);

/* `a` takes the place of `b`: it is strictly greater. */
bool hp_reaction_wins(const struct hp_reaction *a, const struct hp_reaction *b);

void hp_reaction_encode(const struct hp_reaction *reaction, struct hp_buffer *out);
HP_MUST_CHECK enum hp_status hp_reaction_decode(
    struct hp_bytes value, struct hp_reaction *reaction, struct hp_error *error);

#endif
