/*
 * flow/score.h - what every item on the shelves is worth to one user: the one place where
 * scores are made, for boxes and for evaluation alike.
 *
 * An assortment is a catalogue snapshot joined with a model snapshot. Scores are a function of
 * both, of the user's aggregate and preferences, and of `now`; nothing else. They are whole
 * numbers before anything is compared, so every machine gets the same; ties go to the smaller
 * item id, which is the smaller index.
 *
 * Thread: an assortment is immutable, any thread reads it; one thread makes one from another.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_FLOW_SCORE_H
#define HP_FLOW_SCORE_H

#include "flow/catalogue.h"
#include "flow/model_view.h"
#include "ledger/aggregates.h"
#include "model/rate.h"

#define HP_NO_INDEX    UINT32_MAX
#define HP_HISTORY_MAX 256 /* of what a user had, the latest so many speak for other items */

struct hp_assortment;

/* Borrows both snapshots, which must be held until it is freed. `constants` NULL: defaults;
 * else kept. */
struct hp_assortment *hp_assortment_new(const struct hp_catalogue *catalogue,
    const struct hp_model_snapshot *model, const struct hp_rate_constants *constants);
/* The same; who is like whom is taken from `previous` (may be NULL) when nothing was said anew
 * of any item, which saves most of the work. */
struct hp_assortment *hp_assortment_renew(const struct hp_assortment *previous,
    const struct hp_catalogue *catalogue, const struct hp_model_snapshot *model,
    const struct hp_rate_constants *constants);
void hp_assortment_free(struct hp_assortment *assortment); /* NULL is fine */

const struct hp_model_snapshot *hp_assortment_model(const struct hp_assortment *assortment);
size_t hp_assortment_size(const struct hp_assortment *assortment); /* items on the shelves */
/* Index on the shelves of an item id; HP_NO_INDEX when it is not there. */
uint32_t hp_assortment_index(const struct hp_assortment *assortment, struct hp_bytes item_id);
/* The same of a number of the model. */
uint32_t hp_assortment_of_number(const struct hp_assortment *assortment, uint32_t number);
/* Its number in the model; HP_MODEL_NOBODY when that knows nothing. */
uint32_t hp_assortment_number(const struct hp_assortment *assortment, uint32_t index);
/* What the model says of catalogue->shelves[index]. */
const struct hp_model_item *hp_assortment_item(
    const struct hp_assortment *assortment, size_t index);
/* Categories are numbered from 0 in the order of their first item. */
size_t hp_assortment_category_count(const struct hp_assortment *assortment);
const int32_t *hp_assortment_categories(const struct hp_assortment *assortment); /* by index */
/* The number of a category, -1 when no item has it. */
int32_t hp_assortment_category(
    const struct hp_assortment *assortment, struct hp_bytes category);

struct hp_score_query {
    const struct hp_aggregate *aggregate;
    const struct hp_preferences *preferences; /* NULL: none are known */
    int64_t now;                              /* milliseconds; decays use its UTC day */
    bool for_recipient;                       /* habit counts for nothing */
};

/* An item the user chose: ordered, or liked. */
struct hp_past {
    const struct hp_user_item *item;
    uint32_t index;  /* on the shelves, or HP_NO_INDEX */
    uint32_t number; /* in the model, or HP_MODEL_NOBODY */
    uint32_t fresh;  /* how much it still says, in 1/32768; 0 beyond HP_HISTORY_MAX */
};

/* Everything lives in the arena. */
struct hp_scores {
    int32_t *gains; /* by index: 1 to HP_GAIN_MAX, millionths: the chance that the next basket
                       holds the item; masks and eligibility are not looked at */
    size_t count;
    const double *priors;       /* pi, in millionths */
    const struct hp_past *past; /* by item id */
    size_t past_count;
    const uint8_t *likes; /* by index: 1 category liked, 2 a tag liked; NULL: nothing is */
    struct hp_rate rate;
};
void hp_scores_make(const struct hp_assortment *assortment, const struct hp_score_query *query,
    struct hp_arena *arena, struct hp_scores *scores);

/* What a score was made of, as far as it can be said truly in a word. */
struct hp_score_why {
    struct hp_bytes because; /* what of the user's past speaks loudest for it; absent when that
                                is less than a quarter of the score */
    bool trending;           /* popularity makes at least a quarter */
    bool category_liked;
};
void hp_scores_explain(const struct hp_assortment *assortment, const struct hp_scores *scores,
    uint32_t index, struct hp_score_why *why);

#endif
