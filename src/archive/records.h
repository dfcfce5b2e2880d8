/*
 * archive/records.h - what all records share: their user (or item), their time, their check.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_ARCHIVE_RECORDS_H
#define HP_ARCHIVE_RECORDS_H

#include "codec/records.h"
#include "domain/event.h"

/* A record of an input topic, by its type. */
union hp_any_event {
    struct hp_order order;
    struct hp_feedback feedback;
    struct hp_preferences preferences;
    struct hp_box_request box_request;
    struct hp_erasure erasure;
    struct hp_catalogue_item catalogue_item;
};

/* The key its topic wants: the user's id, or the item's. */
struct hp_bytes hp_any_event_key(enum hp_record_type type, const union hp_any_event *event);
/* When it happened. */
int64_t hp_any_event_time(enum hp_record_type type, const union hp_any_event *event);
/* The check of domain/event.h. */
HP_MUST_CHECK enum hp_status hp_any_event_check(enum hp_record_type type,
    const union hp_any_event *event, int64_t append_ms, struct hp_error *error);

#endif
