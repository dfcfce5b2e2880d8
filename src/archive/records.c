/* archive/records.c - a switch each. SPDX-License-Identifier: Apache-2.0 */
#include "archive/records.h"

struct hp_bytes
hp_any_event_key(enum hp_record_type type, const union hp_any_event *event)
{
    switch (type) {
    case HP_RECORD_ORDER: return event->order.user_id;
    case HP_RECORD_FEEDBACK: return event->feedback.user_id;
    case HP_RECORD_PREFERENCES: return event->preferences.user_id;
    case HP_RECORD_BOX_REQUEST: return event->box_request.user_id;
    case HP_RECORD_ERASURE: return event->erasure.user_id;
    case HP_RECORD_CATALOGUE_ITEM: return event->catalogue_item.item_id;
    default: hp_die("record type %d is no input", (int)type);
    }
}

int64_t
hp_any_event_time(enum hp_record_type type, const union hp_any_event *event)
{
    switch (type) {
    case HP_RECORD_ORDER: return event->order.ordered_at;
    case HP_RECORD_FEEDBACK: return event->feedback.at;
    case HP_RECORD_PREFERENCES: return event->preferences.updated_at;
    case HP_RECORD_BOX_REQUEST: return event->box_request.requested_at;
    case HP_RECORD_ERASURE: return event->erasure.requested_at;
    case HP_RECORD_CATALOGUE_ITEM: return event->catalogue_item.updated_at;
    default: hp_die("record type %d is no input", (int)type);
    }
}

enum hp_status
hp_any_event_check(enum hp_record_type type, const union hp_any_event *event, int64_t append_ms,
    struct hp_error *error)
{
    switch (type) {
    case HP_RECORD_ORDER: return hp_order_check(&event->order, append_ms, error);
    case HP_RECORD_FEEDBACK: return hp_feedback_check(&event->feedback, append_ms, error);
    case HP_RECORD_PREFERENCES:
        return hp_preferences_check(&event->preferences, append_ms, error);
    case HP_RECORD_BOX_REQUEST:
        return hp_box_request_check(&event->box_request, append_ms, error);
    case HP_RECORD_ERASURE: return hp_erasure_check(&event->erasure, append_ms, error);
    case HP_RECORD_CATALOGUE_ITEM:
        return hp_catalogue_item_check(&event->catalogue_item, append_ms, error);
    default: hp_die("record type %d is no input", (int)type);
    }
}
