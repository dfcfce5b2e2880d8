/* flow/feedback.c - what a user thinks of an item or a box. SPDX-License-Identifier: Apache-2.0
 */
#include "flow/shopper.h"
#include "ledger/reactions.h"

static enum hp_status
mark(struct hp_step *step, const struct hp_event *event, const struct hp_feedback *feedback,
    struct hp_error *error)
{
    return hp_pending_mark(step, feedback->user_id,
        &(struct hp_pending){
            HP_CAUSE_FEEDBACK, event->origin.timestamp_ms, feedback->at, false},
        error);
}

/* A register per user and item: the greatest wins. */
static enum hp_status
take_reaction(struct hp_step *step, const struct hp_event *event,
    const struct hp_feedback *feedback, const struct hp_reaction *reaction,
    struct hp_error *error)
{
    struct hp_bytes key = hp_key_user_and(step, feedback->user_id, feedback->item_id);
    struct hp_reaction before;
    struct hp_buffer value = {0};
    struct hp_bytes stored;
    enum hp_status status = hp_step_get(step, HP_STORE_REACTION, key, &stored, error);

    if (!status && stored.data)
        status = hp_reaction_decode(stored, &before, error);
    if (status || (stored.data && !hp_reaction_wins(reaction, &before)))
        return status;
    hp_reaction_encode(reaction, &value);
    status = hp_step_put(step, HP_STORE_REACTION, key, hp_buffer_bytes(&value), error);
    hp_buffer_release(&value);
    return status ? status : mark(step, event, feedback, error);
}

/* A standing box turned down counts as an earlier one from now on. */
static enum hp_status
take_rejection(struct hp_step *step, const struct hp_event *event,
    const struct hp_feedback *feedback, struct hp_error *error)
{
    struct hp_standing standing;
    struct hp_bytes stored;
    bool changed = false;
    enum hp_status status = hp_step_get(
        step, HP_STORE_STANDING, hp_key_user(step, feedback->user_id), &stored, error);

    if (!status && stored.data)
        status = hp_standing_decode(stored, hp_step_arena(step), &standing, error);
    if (status || !stored.data)
        return status;
    for (size_t i = 0; i < standing.box_count && !status; i++)
        if (hp_bytes_equal(standing.boxes[i].box_id, feedback->box_id))
            status = hp_rejected_add(
                step, feedback->user_id, standing.boxes[i].families, &changed, error);
    return status || !changed ? status : mark(step, event, feedback, error);
}

enum hp_status
hp_flow_feedback(struct hp_flow *flow, struct hp_step *step, const struct hp_event *event,
    struct hp_error *error)
{
    struct hp_feedback feedback;
    struct hp_reaction reaction;
    struct hp_watermark watermark;
    enum hp_status status;
    bool here;

    status = hp_event_decode(flow, step, event, HP_RECORD_FEEDBACK, &feedback, error);
    if (!status)
        status = hp_feedback_check(&feedback, event->origin.timestamp_ms, error);
    if (!status)
        status = hp_event_route(flow, step, event, feedback.user_id, &here, error);
    if (status || !here)
        return status;

    status = hp_watermark_load(flow, step, feedback.user_id, &watermark, error);
    if (status || hp_watermark_voids(&watermark, feedback.at))
        return status;
    if (feedback.item_id.data && hp_reaction_from_event(&feedback, &reaction))
        return take_reaction(step, event, &feedback, &reaction, error);
    if (feedback.kind == HP_FEEDBACK_REJECTED && feedback.box_id.data)
        return take_rejection(step, event, &feedback, error);
    return HP_OK;
}
