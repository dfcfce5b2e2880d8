/*
 * model/rate.h - how likely a user's next basket holds an item: one formula for all of them.
 *
 *     p  = ((rho_j / rho_0)^1/2 * c_uj + m * pi_uj) / (N_u + m)
 *     pi = trend_weight * t_j + like_weight * [category liked] + like_weight * [a tag liked]
 *
 * c_uj times chosen, N_u baskets, rho_j the item's shrunk repurchase rate against that of all
 * items, t_j its decayed popularity. docs/model.md explains it. All integers: micros are
 * millionths.
 *
 * Thread: any. Pure.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_MODEL_RATE_H
#define HP_MODEL_RATE_H

#include <stdbool.h>
#include <stdint.h>

#define HP_GAIN_MAX        1000000
#define HP_REMOVED_MS      (INT64_C(30) * 86400000) /* how long REMOVED halves the gain */
#define HP_TREND_HALF_LIFE 20                       /* whole UTC days */

struct hp_rate_constants {
    int64_t prior_millis;        /* m, in thousandths of a basket */
    int64_t trend_weight_micros; /* of t_j */
    int64_t like_weight_micros;
};
extern const struct hp_rate_constants hp_rate_defaults;

struct hp_rate_input {
    int64_t count;             /* c_uj; 0 when choosing for somebody else */
    int64_t baskets;           /* N_u */
    int64_t repurchase_micros; /* rho_j / rho_0; 1,000,000 when nothing is known */
    int64_t trend_micros;      /* t_j */
    bool category_liked;
    bool tag_liked;
    bool removed_lately; /* taken out of a box within HP_REMOVED_MS before now */
};

/* The rate as a gain, 1 to HP_GAIN_MAX. `constants` NULL means the defaults. */
int64_t hp_rate_score(
    const struct hp_rate_input *input, const struct hp_rate_constants *constants);

/* (hits + 20 rho_0) / (opportunities + 20) against rho_0 = all_hits / all_opportunities, in
 * micros; 1,000,000 when nothing was ever bought again or the numbers make no sense. */
int64_t hp_rate_repurchase(
    int64_t hits, int64_t opportunities, int64_t all_hits, int64_t all_opportunities);

#endif
