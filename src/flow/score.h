/*
 * flow/score.h - what every item on the shelves is worth to one user: the one place where
 * scores are made, for boxes and for evaluation alike.
 *
 * An assortment is a catalogue snapshot joined with a model snapshot. Scores are a function of
 * both, of the user's aggregate and preferences, and of `now`; nothing else. They are whole
 * numbers before anything is compared, so every machine gets the same; ties go to the smaller
 * item id, which is the smaller index.
 *
 * Thread: an assortment is immutable, any thread reads it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_FLOW_SCORE_H
#define HP_FLOW_SCORE_H

#include "flow/catalogue.h"
#include "flow/model_view.h"
#include "ledger/aggregates.h"
#include "model/rate.h"

struct hp_assortment;

/* Borrows both snapshots, which must be held until it is freed. `constants` NULL: defaults. */
struct hp_assortment *hp_assortment_new(const struct hp_catalogue *catalogue,
    const struct hp_model_snapshot *model, const struct hp_rate_constants *constants);
void hp_assortment_free(struct hp_assortment *assortment); /* NULL is fine */

struct hp_score_query {
    const struct hp_aggregate *aggregate;
    const struct hp_preferences *preferences; /* NULL: none are known */
    int64_t now;                              /* milliseconds; decays use its UTC day */
    bool for_recipient;                       /* what the user had counts for nothing */
};

/*
 * Gains, 1 to HP_GAIN_MAX (millionths: the chance that the next basket holds the item), for
 * catalogue->shelves[i], masks and eligibility not looked at. The array is in the arena.
 */
struct hp_scores {
    int32_t *gains;
    size_t count;
};
void hp_scores_make(const struct hp_assortment *assortment, const struct hp_score_query *query,
    struct hp_arena *arena, struct hp_scores *scores);

#endif
