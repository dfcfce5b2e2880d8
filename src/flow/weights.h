/*
 * flow/weights.h - from the counts of all items to the weights of one item's partners.
 *
 * A function of the sums alone: partners are chosen and the system is set up by rank, so it
 * does not matter in which order items or rows came. N and λ are rounded, so that not every
 * order changes every row of the model a little.
 *
 * Thread: one at a time.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_FLOW_WEIGHTS_H
#define HP_FLOW_WEIGHTS_H

#include "flow/epoch.h"
#include "flow/sums.h"

struct hp_weights_constants {
    int64_t min_buyers;         /* users a pair needs to be published; 1 or more */
    int64_t next_lambda_millis; /* λ of the next choice, in thousandths of the mean n */
    int64_t box_lambda;         /* λ inside a box */
    int64_t similarity_millis;  /* of √(LLR / N), added to the weights of the next choice */
};
extern const struct hp_weights_constants hp_weights_defaults;

struct hp_weigher;

/* `constants` NULL: defaults. Keeps `sums`. */
struct hp_weigher *hp_weigher_new(
    struct hp_sums *sums, const struct hp_weights_constants *constants);
void hp_weigher_free(struct hp_weigher *weigher); /* NULL is fine */

/* Takes N and λ from the sums as they are now; true when either changed. */
bool hp_weigher_look(struct hp_weigher *weigher);

/* Partners and ids are in the arena. */
void hp_weigher_solve(struct hp_weigher *weigher, uint32_t number, struct hp_arena *arena,
    struct hp_model_weights *weights);

#endif
