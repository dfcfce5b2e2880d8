/* flow/preferences.c - what a user says of themselves. SPDX-License-Identifier: Apache-2.0 */
#include "flow/shopper.h"

#include "base/metric.h"

static enum hp_status
mark(struct hp_step *step, const struct hp_event *event, struct hp_bytes user, int64_t now,
    struct hp_error *error)
{
    return hp_pending_mark(step, user,
        &(struct hp_pending){HP_CAUSE_PREFERENCES, event->origin.timestamp_ms, now, false},
        error);
}

/* What was said before no longer counts; nothing is said instead. */
static enum hp_status
drop(struct hp_step *step, const struct hp_event *event, struct hp_bytes user, int64_t now,
    struct hp_error *error)
{
    struct hp_bytes key = hp_key_user(step, user);
    struct hp_bytes stored;
    enum hp_status status = hp_step_get(step, HP_STORE_PREFERENCES, key, &stored, error);

    if (status || !stored.data)
        return status;
    status = hp_step_put(step, HP_STORE_PREFERENCES, key, (struct hp_bytes){0}, error);
    return status ? status : mark(step, event, user, now, error);
}

/* A tombstone is placed by its key, which is the user. */
static enum hp_status
forget(struct hp_flow *flow, struct hp_step *step, const struct hp_event *event,
    struct hp_error *error)
{
    struct hp_bytes user = event->message->key;
    enum hp_status status;
    bool here;

    if (!hp_id_valid(user))
        return hp_bad(
            error, "KEY_MISMATCH", "preferences without value, and the key is no user");
    status = hp_event_route(flow, step, event, user, &here, error);
    if (status || !here)
        return status;
    return drop(step, event, user, event->origin.timestamp_ms, error);
}

static void
count_fall(const struct hp_preferences *before, const struct hp_preferences *after)
{
    if (after->version < before->version)
        hp_metric_add(
            hp_metric_get(HP_METRIC_COUNTER, "hamper_version_falls_total",
                "topic=\"preferences\"", "Records whose version is below the one kept"),
            1);
}

static enum hp_status
keep(struct hp_step *step, const struct hp_event *event,
    const struct hp_preferences *preferences, struct hp_error *error)
{
    struct hp_bytes key = hp_key_user(step, preferences->user_id);
    struct hp_preferences before;
    struct hp_buffer value = {0};
    struct hp_bytes stored;
    enum hp_status status = hp_step_get(step, HP_STORE_PREFERENCES, key, &stored, error);

    hp_preferences_encode(preferences, &value);
    if (!status && stored.data)
        status = hp_preferences_decode(stored, hp_step_arena(step), &before, error);
    if (!status && stored.data)
        count_fall(&before, preferences);
    if (!status && !(stored.data && hp_bytes_equal(stored, hp_buffer_bytes(&value)))) {
        status = hp_step_put(step, HP_STORE_PREFERENCES, key, hp_buffer_bytes(&value), error);
        if (!status)
            status = mark(step, event, preferences->user_id, preferences->updated_at, error);
    }
    hp_buffer_release(&value);
    return status;
}

enum hp_status
hp_flow_preferences(struct hp_flow *flow, struct hp_step *step, const struct hp_event *event,
    struct hp_error *error)
{
    struct hp_preferences preferences;
    struct hp_watermark watermark;
    enum hp_status status;
    bool here;

    if (!event->message->value.data)
        return forget(flow, step, event, error);
    status = hp_event_decode(flow, step, event, HP_RECORD_PREFERENCES, &preferences, error);
    if (!status)
        status = hp_preferences_check(&preferences, event->origin.timestamp_ms, error);
    if (!status && !hp_bytes_equal(preferences.user_id, event->message->key))
        status = hp_bad(error, "KEY_MISMATCH", "the key is not the value's user_id");
    if (!status)
        status = hp_event_route(flow, step, event, preferences.user_id, &here, error);
    if (status || !here)
        return status;

    status = hp_watermark_load(flow, step, preferences.user_id, &watermark, error);
    if (status)
        return status;
    /* The latest by offset, void or not: an erasure that came first leaves the same. */
    if (hp_watermark_voids(&watermark, preferences.updated_at))
        return drop(step, event, preferences.user_id, event->origin.timestamp_ms, error);
    return keep(step, event, &preferences, error);
}
