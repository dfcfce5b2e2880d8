/*
 * ledger/reactions.c - the last word about an item.
 *
 * Layout: u8 version | varint at | feedback_id | varint kind | varint rating_millis | varint
 * sense.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ledger/reactions.h"

#include "domain/limits.h"

#define VERSION     1
#define RATING_LOW  2.0
#define RATING_HIGH 4.0
#define MILLIS_MIN  1000
#define MILLIS_MAX  5000

static enum hp_reaction_sense
sense_of(const struct hp_feedback *feedback)
{
    switch (feedback->kind) {
    case HP_FEEDBACK_LIKED: return HP_REACTION_POSITIVE;
    case HP_FEEDBACK_DISLIKED: return HP_REACTION_NEGATIVE;
    case HP_FEEDBACK_REMOVED: return HP_REACTION_REMOVED;
    default: break;
    }
    if (feedback->rating >= RATING_HIGH)
        return HP_REACTION_POSITIVE;
    return feedback->rating <= RATING_LOW ? HP_REACTION_NEGATIVE : HP_REACTION_NONE;
}

static bool
is_reaction(enum hp_feedback_kind kind)
{
    return kind == HP_FEEDBACK_LIKED || kind == HP_FEEDBACK_DISLIKED ||
           kind == HP_FEEDBACK_RATED || kind == HP_FEEDBACK_REMOVED;
}

bool
hp_reaction_from_event(const struct hp_feedback *feedback, struct hp_reaction *reaction)
{
    bool rated = feedback->kind == HP_FEEDBACK_RATED;

    if (!is_reaction(feedback->kind) || !feedback->item_id.data || (rated && !feedback->rated))
        return false;
    *reaction = (struct hp_reaction){
        .at = feedback->at,
        .feedback_id = feedback->feedback_id,
        .kind = feedback->kind,
        .rating_millis = rated ? (int64_t)(feedback->rating * 1000.0) : 0,
        .sense = sense_of(feedback),
    };
    return true;
}

static int
compare_numbers(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

bool
hp_reaction_wins(const struct hp_reaction *a, const struct hp_reaction *b)
{
    int order = compare_numbers(a->at, b->at);

    if (order == 0)
        order = hp_bytes_compare(a->feedback_id, b->feedback_id);
    if (order == 0)
        order = compare_numbers((int64_t)a->kind, (int64_t)b->kind);
    if (order == 0)
        order = compare_numbers(a->rating_millis, b->rating_millis);
    if (order == 0)
        order = compare_numbers((int64_t)a->sense, (int64_t)b->sense);
    return order > 0;
}

void
hp_reaction_encode(const struct hp_reaction *reaction, struct hp_buffer *out)
{
    hp_put_u8(out, VERSION);
    hp_put_varint(out, reaction->at);
    hp_put_bytes(out, reaction->feedback_id);
    hp_put_varint(out, (int64_t)reaction->kind);
    hp_put_varint(out, reaction->rating_millis);
    hp_put_varint(out, (int64_t)reaction->sense);
}

/* The kind decides the sense, but for a rating. */
static bool
consistent(const struct hp_reaction *reaction)
{
    switch (reaction->kind) {
    case HP_FEEDBACK_LIKED:
        return reaction->sense == HP_REACTION_POSITIVE && reaction->rating_millis == 0;
    case HP_FEEDBACK_DISLIKED:
        return reaction->sense == HP_REACTION_NEGATIVE && reaction->rating_millis == 0;
    case HP_FEEDBACK_REMOVED:
        return reaction->sense == HP_REACTION_REMOVED && reaction->rating_millis == 0;
    case HP_FEEDBACK_RATED:
        return reaction->sense != HP_REACTION_REMOVED && reaction->rating_millis >= MILLIS_MIN;
    default: return false;
    }
}

enum hp_status
hp_reaction_decode(struct hp_bytes value, struct hp_reaction *reaction, struct hp_error *error)
{
    struct hp_cursor cursor = hp_value_open(value, VERSION);

    *reaction = (struct hp_reaction){.at = hp_value_number(&cursor, 1, INT64_MAX)};
    reaction->feedback_id = hp_value_bytes(&cursor, 1, HP_ID_BYTES_MAX);
    reaction->kind =
        (enum hp_feedback_kind)hp_value_number(&cursor, HP_FEEDBACK_SHOWN, HP_FEEDBACK_OTHER);
    reaction->rating_millis = hp_value_number(&cursor, 0, MILLIS_MAX);
    reaction->sense =
        (enum hp_reaction_sense)hp_value_number(&cursor, HP_REACTION_NONE, HP_REACTION_REMOVED);
    if (!consistent(reaction))
        cursor.failed = true;
    return hp_value_close(&cursor, "reaction", error);
}
