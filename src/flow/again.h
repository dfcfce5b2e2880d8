/*
 * flow/again.h - boxes worked out a second time, for whoever wants to check that a
 * recommendation follows from what its as_of names.
 *
 * Thread: the task's; the positions from any.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_FLOW_AGAIN_H
#define HP_FLOW_AGAIN_H

#include "domain/event.h"
#include "flow/flow.h"

/*
 * What the state and the views of this moment make of the user of `sent`, for its trigger and
 * under its revision: appends the bytes that would be sent. `request` is that of an answer,
 * NULL for standing boxes, which then stand here as well.
 */
HP_MUST_CHECK enum hp_status hp_flow_again(struct hp_flow *flow, struct hp_step *step,
    const struct hp_recommendation *sent, const struct hp_box_request *request,
    struct hp_buffer *value, struct hp_error *error);

/* How far the views of this process are. */
int64_t hp_flow_epoch(struct hp_flow *flow);
int64_t hp_flow_catalogue_position(struct hp_flow *flow, int32_t partition);

#endif
