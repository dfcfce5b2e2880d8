/*
 * flow/boxes.h - from a user and a wish to a recommendation: candidates, instance, packing,
 * words.
 *
 * Thread: the task's. The result lives in the step's arena and borrows from both snapshots,
 * which must be held until it is encoded.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_FLOW_BOXES_H
#define HP_FLOW_BOXES_H

#include "flow/candidates.h"
#include "packing/pack.h"

struct hp_box_order {
    struct hp_flow *flow;
    struct hp_step *step;
    const struct hp_offer *offer;
    const struct hp_shopper *shopper;
    const struct hp_wish *wish;
    int64_t now;
};

#define HP_VALID_MS (7 * 86400000LL)

/*
 * Fills status, window, boxes or advice, times, as_of: everything but ids, revision, cause and
 * request. `families` (may be NULL) gets those of each box, for the standing row. Both are good
 * until the next boxes are made in the same step.
 */
void hp_boxes_make(const struct hp_box_order *order, struct hp_recommendation *recommendation,
    struct hp_strings *families);

/* An answer that names why there is nothing: INFEASIBLE with advice. */
void hp_boxes_refuse(const struct hp_box_order *order, const char *reason, const char *message,
    struct hp_recommendation *recommendation);

/* Ids that follow from the revision. */
void hp_boxes_name(struct hp_flow *flow, struct hp_arena *arena, struct hp_bytes user,
    int64_t revision, struct hp_recommendation *recommendation);

/* What makes a record new: status, window, items, quantities, prices, advice. */
struct hp_digest hp_boxes_content(const struct hp_recommendation *recommendation);

#endif
