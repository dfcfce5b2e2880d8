/* flow/order.c - somebody bought, changed or gave back. SPDX-License-Identifier: Apache-2.0 */
#include "base/bug.h"
#include "flow/ids.h"
#include "flow/shopper.h"
#include "ledger/orders.h"

/* The version that is kept already, if any. */
static enum hp_status
load_kept(struct hp_step *step, struct hp_bytes key, bool *kept, struct hp_order_fact *fact,
    struct hp_error *error)
{
    struct hp_bytes stored;
    enum hp_status status = hp_step_get(step, HP_STORE_ORDER, key, &stored, error);

    *kept = !status && stored.data;
    if (status || !stored.data)
        return status;
    return hp_order_fact_decode(stored, hp_step_arena(step), fact, error);
}

static enum hp_status
save(struct hp_step *step, struct hp_bytes key, const struct hp_order_fact *fact,
    struct hp_error *error)
{
    struct hp_buffer value = {0};
    enum hp_status status;

    hp_order_fact_encode(fact, &value);
    status = hp_step_put(step, HP_STORE_ORDER, key, hp_buffer_bytes(&value), error);
    hp_buffer_release(&value);
    return status;
}

enum hp_status
hp_flow_order(struct hp_flow *flow, struct hp_step *step, const struct hp_event *event,
    struct hp_error *error)
{
    struct hp_arena *arena = hp_step_arena(step);
    struct hp_bytes recipient = {0};
    struct hp_watermark mark;
    struct hp_order_fact before;
    struct hp_order_fact after;
    struct hp_order order;
    struct hp_bytes key;
    enum hp_status status;
    bool here;
    bool kept;

    status = hp_event_decode(flow, step, event, HP_RECORD_ORDER, &order, error);
    if (!status)
        status = hp_order_check(&order, event->origin.timestamp_ms, error);
    if (!status)
        status = hp_event_route(flow, step, event, order.user_id, &here, error);
    if (status || !here)
        return status;

    status = hp_watermark_load(flow, step, order.user_id, &mark, error);
    key = hp_key_user_and(step, order.user_id, order.order_id);
    if (!status)
        status = load_kept(step, key, &kept, &before, error);
    if (status)
        return status;

    if (order.recipient_id.data)
        recipient = hp_id_keyed(arena, flow->options.erasure_key, order.recipient_id);
    hp_order_fact_from_event(&order, recipient, arena, &after);
    if (hp_order_fact_void(&after, &mark) && !hp_bug(HP_BUG_MARK_FORGOTTEN))
        return HP_OK;
    hp_order_fact_scrub(&after, &mark);
    if (kept && !hp_order_fact_wins(&after, &before))
        return HP_OK;

    status = save(step, key, &after, error);
    if (status || (after.stub && (!kept || before.stub)))
        return status;
    return hp_pending_mark(step, order.user_id,
        &(struct hp_pending){
            HP_CAUSE_ORDER, event->origin.timestamp_ms, order.ordered_at, false},
        error);
}
