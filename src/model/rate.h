/*
 * model/rate.h - how likely a user's next basket holds an item: one formula for all of them.
 *
 *     p  = ((rho_j / rho_0)^1/2 * c_uj + m * pi_uj) / (N_u + m)
 *     pi = history_weight * e_uj + trend_weight * t_j + like_weight * [category liked]
 *                                                     + like_weight * [a tag liked]
 *
 * c_uj times chosen, N_u baskets, rho_j the item's shrunk repurchase rate against that of all
 * items, e_uj what the user's other items say of this one, t_j its decayed popularity.
 * docs/model.md explains it. Micros are millionths.
 *
 * Doubles see nothing but + - × ÷ in a fixed order here; gains are whole numbers.
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
    int64_t prior_millis;           /* m, in thousandths of a basket; above 0 */
    int64_t history_weight_millis;  /* of e_uj */
    int64_t trend_weight_millis;    /* of t_j */
    int64_t like_weight_millis;     /* of a liked category, and of a liked tag */
    int64_t history_half_life_days; /* how fast what was bought fades in e_uj; above 0 */
    int64_t content_users;          /* neighbours count as much as so many users of an item */
    int64_t variety_millis;         /* 0: habit counts in full; 1000: not at all */
};
extern const struct hp_rate_constants hp_rate_defaults;

/* What is the same for all items of a user: gain = habit · c' + prior · pi, in micros. */
struct hp_rate {
    double habit; /* 1 / (N + m), less the variety */
    double prior; /* m / (N + m) */
};
struct hp_rate hp_rate_of(int64_t baskets, const struct hp_rate_constants *constants);

/* `habit_micros` = (rho_j / rho_0)^1/2 · c_uj; between 1 and HP_GAIN_MAX. */
static inline int32_t
hp_rate_gain(const struct hp_rate *rate, double habit_micros, double prior_micros)
{
    double gain = rate->habit * habit_micros + rate->prior * prior_micros + 0.5;

    gain = gain < HP_GAIN_MAX ? gain : HP_GAIN_MAX;
    return (int32_t)(gain > 1 ? gain : 1);
}

struct hp_rate_input {
    int64_t count;             /* c_uj; 0 when choosing for somebody else */
    int64_t baskets;           /* N_u */
    int64_t repurchase_micros; /* rho_j / rho_0; 1,000,000 when nothing is known */
    int64_t history_micros;    /* e_uj */
    int64_t trend_micros;      /* t_j */
    bool category_liked;
    bool tag_liked;
    bool removed_lately; /* taken out of a box within HP_REMOVED_MS before now */
};

/* All of it for one item. `constants` NULL means the defaults. */
int64_t hp_rate_score(
    const struct hp_rate_input *input, const struct hp_rate_constants *constants);

/* (rho_j / rho_0)^1/2 in micros, of a ratio in micros. */
int32_t hp_rate_habit(int64_t repurchase_micros);

/* (hits + 20 rho_0) / (opportunities + 20) against rho_0 = all_hits / all_opportunities, in
 * micros; 1,000,000 when nothing was ever bought again or the numbers make no sense. */
int64_t hp_rate_repurchase(
    int64_t hits, int64_t opportunities, int64_t all_hits, int64_t all_opportunities);

#endif
