/*
 * flow/erasure.c - forget a user, or one recipient of a user, up to a moment.
 *
 * The watermark stays, under a keyed hash; everything at or before it is void whenever it
 * arrives. Rows are scanned first and changed afterwards, since a visit may not change what it
 * walks.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "flow/ids.h"
#include "flow/residue.h"
#include "flow/shopper.h"
#include "ledger/orders.h"
#include "ledger/preferences.h"
#include "ledger/reactions.h"

struct erasing {
    struct hp_arena *arena;
    const struct hp_watermark *mark;
    struct hp_error *error;
    enum hp_status status;
    struct hp_buffer keys; /* array of struct hp_bytes: rows that go, or change */
    int64_t live;          /* of them, events that counted */
    int64_t left;          /* live events that stay */
};

static void
note_key(struct erasing *erasing, struct hp_bytes key)
{
    struct hp_bytes copy = hp_arena_copy(erasing->arena, key);

    hp_buffer_append(&erasing->keys, &copy, sizeof(copy));
}

static const struct hp_bytes *
noted(const struct erasing *erasing, size_t *count)
{
    *count = erasing->keys.size / sizeof(struct hp_bytes);
    return (const struct hp_bytes *)(const void *)erasing->keys.data;
}

static bool
visit_order(void *context, struct hp_bytes key, struct hp_bytes value)
{
    struct erasing *erasing = context;
    struct hp_order_fact fact;

    erasing->status = hp_order_fact_decode(value, erasing->arena, &fact, erasing->error);
    if (erasing->status)
        return false;
    if (hp_order_fact_void(&fact, erasing->mark)) {
        erasing->live += hp_order_fact_counts(&fact);
        note_key(erasing, key);
    } else {
        erasing->left += hp_order_fact_counts(&fact);
    }
    return true;
}

static bool
visit_reaction(void *context, struct hp_bytes key, struct hp_bytes value)
{
    struct erasing *erasing = context;
    struct hp_reaction reaction;

    erasing->status = hp_reaction_decode(value, &reaction, erasing->error);
    if (erasing->status)
        return false;
    if (hp_watermark_voids(erasing->mark, reaction.at)) {
        erasing->live++;
        note_key(erasing, key);
    } else {
        erasing->left++;
    }
    return true;
}

static bool
visit_hidden(void *context, struct hp_bytes key, struct hp_bytes value)
{
    struct erasing *erasing = context;
    struct hp_order_fact fact;

    erasing->status = hp_order_fact_decode(value, erasing->arena, &fact, erasing->error);
    if (erasing->status)
        return false;
    if (hp_order_fact_scrub(&fact, erasing->mark))
        note_key(erasing, key);
    return true;
}

/* Deletes the rows of one store that `visit` notes. */
static enum hp_status
delete_noted(struct erasing *erasing, struct hp_step *step, uint8_t store, struct hp_bytes user,
    bool (*visit)(void *, struct hp_bytes, struct hp_bytes))
{
    const struct hp_bytes *keys;
    enum hp_status status;
    size_t count;

    hp_buffer_clear(&erasing->keys);
    status = hp_step_scan(step, store, hp_key_user(step, user), (struct hp_bytes){0}, visit,
        erasing, erasing->error);
    if (!status)
        status = erasing->status;
    keys = noted(erasing, &count);
    for (size_t i = 0; i < count && !status; i++)
        status = hp_step_put(step, store, keys[i], (struct hp_bytes){0}, erasing->error);
    return status;
}

static enum hp_status
delete_preferences(struct erasing *erasing, struct hp_step *step, struct hp_bytes user)
{
    struct hp_bytes key = hp_key_user(step, user);
    struct hp_preferences preferences;
    struct hp_bytes stored;
    enum hp_status status =
        hp_step_get(step, HP_STORE_PREFERENCES, key, &stored, erasing->error);

    if (status || !stored.data)
        return status;
    status = hp_preferences_decode(stored, erasing->arena, &preferences, erasing->error);
    if (status)
        return status;
    if (!hp_watermark_voids(erasing->mark, preferences.updated_at)) {
        erasing->left++;
        return HP_OK;
    }
    erasing->live++;
    return hp_step_put(step, HP_STORE_PREFERENCES, key, (struct hp_bytes){0}, erasing->error);
}

/* The standing record goes, with a tombstone when there ever was one. */
static enum hp_status
bury_standing(
    struct hp_flow *flow, struct hp_step *step, struct hp_bytes user, struct hp_error *error)
{
    static const uint8_t stores[] = {HP_STORE_STANDING, HP_STORE_REQUESTS, HP_STORE_REJECTED};
    struct hp_revision revision;
    enum hp_status status = hp_revision_load(flow, step, user, &revision, error);

    for (size_t i = 0; i < HP_ARRAY_SIZE(stores) && !status; i++)
        status =
            hp_step_put(step, stores[i], hp_key_user(step, user), (struct hp_bytes){0}, error);
    if (status || !revision.had_standing)
        return status;
    hp_told_add(step, user);
    return hp_step_send(step,
        &(struct hp_outgoing){.topic = flow->options.topics->name[HP_TOPIC_BOX_RECOMMENDATIONS],
            .partition = hp_task_partition(hp_step_task(step)),
            .key = user},
        error);
}

static enum hp_status
erase_user(
    struct hp_flow *flow, struct erasing *erasing, struct hp_step *step, struct hp_bytes user)
{
    enum hp_status status = delete_noted(erasing, step, HP_STORE_ORDER, user, visit_order);

    if (!status)
        status = delete_noted(erasing, step, HP_STORE_REACTION, user, visit_reaction);
    if (!status)
        status = delete_preferences(erasing, step, user);
    if (!status)
        status = bury_standing(flow, step, user, erasing->error);
    return status ? status : hp_pending_clear(step, user, erasing->error);
}

static enum hp_status
erase_recipient(struct erasing *erasing, struct hp_step *step, struct hp_bytes user)
{
    const struct hp_bytes *keys;
    enum hp_status status = hp_step_scan(step, HP_STORE_ORDER, hp_key_user(step, user),
        (struct hp_bytes){0}, visit_hidden, erasing, erasing->error);
    size_t count;

    if (!status)
        status = erasing->status;
    keys = noted(erasing, &count);
    for (size_t i = 0; i < count && !status; i++) {
        struct hp_order_fact fact;
        struct hp_buffer value = {0};
        struct hp_bytes stored;

        status = hp_step_get(step, HP_STORE_ORDER, keys[i], &stored, erasing->error);
        if (!status)
            status = hp_order_fact_decode(stored, erasing->arena, &fact, erasing->error);
        if (status)
            return status;
        hp_order_fact_scrub(&fact, erasing->mark);
        hp_order_fact_encode(&fact, &value);
        status =
            hp_step_put(step, HP_STORE_ORDER, keys[i], hp_buffer_bytes(&value), erasing->error);
        hp_buffer_release(&value);
        erasing->live++;
    }
    return status;
}

/* Of the user's rows that are left: all zeros says that none is. */
struct remains {
    struct hp_digest digest;
    uint8_t store;
    struct hp_buffer row;
};

static bool
visit_remains(void *context, struct hp_bytes key, struct hp_bytes value)
{
    struct remains *remains = context;

    hp_buffer_clear(&remains->row);
    hp_put_u8(&remains->row, remains->store);
    hp_buffer_append(&remains->row, key.data, key.size);
    hp_buffer_append(&remains->row, value.data, value.size);
    remains->digest =
        hp_digest_add(remains->digest, hp_hash128(hp_buffer_bytes(&remains->row)));
    return true;
}

static enum hp_status
digest_remains(
    struct hp_step *step, struct hp_bytes user, struct hp_bytes *text, struct hp_error *error)
{
    static const uint8_t stores[] = {HP_STORE_ORDER, HP_STORE_REACTION, HP_STORE_PREFERENCES};
    struct remains remains = {.digest = {0, 0}};
    char *hex = hp_arena_alloc(hp_step_arena(step), HP_DIGEST_TEXT);
    enum hp_status status = HP_OK;

    for (size_t i = 0; i < HP_ARRAY_SIZE(stores) && !status; i++) {
        remains.store = stores[i];
        status = hp_step_scan(step, stores[i], hp_key_user(step, user), (struct hp_bytes){0},
            visit_remains, &remains, error);
    }
    hp_buffer_release(&remains.row);
    hp_digest_text(remains.digest, hex);
    *text = hp_bytes_text(hex);
    return status;
}

/* The latest a timestamp of the contract can say stands for "never". */
static int64_t
residual_until(const struct hp_flow *flow, int64_t appended)
{
    int64_t ms = flow->options.residue_ms;

    return ms > INT64_MAX - appended ? INT64_MAX : appended + ms;
}

static enum hp_status
send_receipt(struct hp_flow *flow, struct hp_step *step, const struct hp_erasure *erasure,
    int64_t appended, int64_t voided, struct hp_error *error)
{
    struct hp_erasure_receipt receipt = {.erasure_id = erasure->erasure_id,
        .requested_at = erasure->requested_at,
        .erased_at = appended,
        .events_voided = voided,
        .residual_until = residual_until(flow, appended)};
    struct hp_buffer value = {0};
    enum hp_status status =
        digest_remains(step, erasure->user_id, &receipt.state_digest, error);

    if (!status)
        status = hp_codec_encode(
            flow->options.codec, HP_RECORD_ERASURE_RECEIPT, &receipt, &value, error);
    if (!status)
        status = hp_step_send(step,
            &(struct hp_outgoing){
                .topic = flow->options.topics->name[HP_TOPIC_ERASURE_RECEIPTS],
                .key = erasure->erasure_id,
                .value = hp_buffer_bytes(&value)},
            error);
    hp_buffer_release(&value);
    return status;
}

static enum hp_status
save_mark(struct hp_flow *flow, struct hp_step *step, struct hp_bytes user,
    const struct hp_watermark *mark, struct hp_error *error)
{
    struct hp_bytes key = hp_id_keyed(hp_step_arena(step), flow->options.erasure_key, user);
    struct hp_buffer value = {0};
    enum hp_status status;

    hp_watermark_encode(mark, &value);
    status = hp_step_put(step, HP_STORE_WATERMARK, key, hp_buffer_bytes(&value), error);
    hp_buffer_release(&value);
    return status;
}

enum hp_status
hp_flow_erasure(struct hp_flow *flow, struct hp_step *step, const struct hp_event *event,
    struct hp_error *error)
{
    int64_t appended = event->origin.timestamp_ms;
    struct erasing erasing = {.arena = hp_step_arena(step), .error = error};
    struct hp_bytes recipient = {0};
    struct hp_watermark mark;
    struct hp_erasure erasure;
    enum hp_status status;
    bool changed;
    bool here;

    status = hp_event_decode(flow, step, event, HP_RECORD_ERASURE, &erasure, error);
    if (!status)
        status = hp_erasure_check(&erasure, appended, error);
    if (!status)
        status = hp_event_route(flow, step, event, erasure.user_id, &here, error);
    if (status || !here)
        return status;

    if (erasure.recipient_id.data)
        recipient = hp_id_keyed(erasing.arena, flow->options.erasure_key, erasure.recipient_id);
    status = hp_watermark_load(flow, step, erasure.user_id, &mark, error);
    if (!status)
        status = hp_watermark_raise(&mark, recipient,
            erasure.requested_at < appended ? erasure.requested_at : appended, erasing.arena,
            &changed, error);
    erasing.mark = &mark;
    if (!status && changed)
        status = save_mark(flow, step, erasure.user_id, &mark, error);
    if (!status)
        status = recipient.data ? erase_recipient(&erasing, step, erasure.user_id)
                                : erase_user(flow, &erasing, step, erasure.user_id);
    if (!status)
        status = hp_residue_note(
            step, (uint8_t)event->message->source, event->message->offset, error);
    if (!status)
        status = send_receipt(flow, step, &erasure, appended, erasing.live, error);
    if (!status && (recipient.data ? erasing.live > 0 : erasing.left > 0))
        status = hp_pending_mark(step, erasure.user_id,
            &(struct hp_pending){HP_CAUSE_ORDER, appended, appended, false}, error);
    hp_buffer_release(&erasing.keys);
    return status;
}
