/*
 * eval/ratings.h - what a rating will be: three predictors that learn rating by rating.
 *
 *     mean        mu, of all ratings so far
 *     bias        b_ui = mu + b_i + b_u;  b_i = sum (r - mu) / (n_i + 10),
 *                 b_u = sum (r - mu - b_i) / (n_u + 15), over what was rated so far
 *     neighbours  b_ui + sum s_ij (r_uj - b_uj) / sum s_ij over the 40 nearest rated items with
 *                 s_ij > 0;  s_ij = n / (n + 100) * sum e_i e_j / sqrt(sum e_i² sum e_j²) over
 *                 users who rated both, e = r - b_ui when it was rated
 *
 * The sums of a pair are only added to. At most HP_RATED_PAIRS_MAX pairs are kept (192 MB),
 * later ones are not; of a user the latest HP_RATED_PAST_MAX ratings speak.
 *
 * Thread: one at a time.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_EVAL_RATINGS_H
#define HP_EVAL_RATINGS_H

#include "base/bytes.h"

#define HP_RATED_PAIRS_MAX (1 << 22)
#define HP_RATED_PAST_MAX  500

enum hp_rater { HP_RATER_MEAN, HP_RATER_BIAS, HP_RATER_NEIGHBOURS };
#define HP_RATER_COUNT 3
extern const char *const hp_rater_names[HP_RATER_COUNT];

struct hp_ratings; /* opaque */

struct hp_ratings *hp_ratings_new(size_t user_count, size_t item_count);
void hp_ratings_free(struct hp_ratings *ratings); /* NULL is fine */

/* Within [1, 5]; 3 while nothing was rated. */
void hp_ratings_predict(const struct hp_ratings *ratings, uint32_t user, uint32_t item,
    double values[HP_RATER_COUNT]);
/* A second rating of the same item takes the place of the first in the user's past. */
void hp_ratings_learn(struct hp_ratings *ratings, uint32_t user, uint32_t item, double value);

struct hp_rating_error { /* of one predictor; zeroed to begin with */
    double squares;
    double distances;
    size_t count;
};
void hp_rating_error_add(struct hp_rating_error *error, double predicted, double value);
double hp_rating_rmse(const struct hp_rating_error *error); /* 0 without ratings */
double hp_rating_mae(const struct hp_rating_error *error);

#endif
