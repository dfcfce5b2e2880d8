/*
 * flow/request.c - a user asks for boxes; answer with the best ones.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "flow/boxes.h"

#include "base/bug.h"
#include "base/metric.h"
#include "domain/limits.h"
#include "domain/reasons.h"

#define REQUESTS_VERSION 1
#define EXPIRED_MS       (10 * 60000LL)
#define RATE_WINDOW_MS   60000LL
#define RATE_MAX         30

static_assert(RATE_MAX < HP_REQUESTS_KNOWN_MAX, "something can always be forgotten");

/* The last requests of a user, oldest first; room for one more than are kept. */
struct known {
    struct hp_bytes ids[HP_REQUESTS_KNOWN_MAX + 1];
    int64_t times[HP_REQUESTS_KNOWN_MAX + 1]; /* append times; 0: answered without counting */
    size_t count;
};

static enum hp_status
known_load(
    struct hp_step *step, struct hp_bytes key, struct known *known, struct hp_error *error)
{
    struct hp_cursor cursor;
    struct hp_bytes stored;
    enum hp_status status = hp_step_get(step, HP_STORE_REQUESTS, key, &stored, error);

    known->count = 0;
    if (status || !stored.data)
        return status;
    cursor = hp_cursor(stored);
    if (hp_get_u8(&cursor) != REQUESTS_VERSION)
        cursor.failed = true;
    known->count = hp_get_u8(&cursor);
    if (known->count > HP_REQUESTS_KNOWN_MAX)
        cursor.failed = true;
    for (size_t i = 0; i < known->count && !cursor.failed; i++) {
        known->ids[i] = hp_get_bytes(&cursor);
        known->times[i] = hp_get_varint(&cursor);
    }
    if (!hp_cursor_done(&cursor))
        return hp_fail(
            error, HP_CORRUPT, "requests row of %zu bytes is malformed", stored.size);
    return HP_OK;
}

/*
 * The oldest, but none of the last RATE_MAX that count: a flood of refused ones must not push
 * out those it is refused for.
 */
static size_t
least_needed(const struct known *known)
{
    size_t oldest = 0;
    size_t counting = 0;

    for (size_t i = known->count; i-- > 0;) {
        counting += known->times[i] != 0;
        if (known->times[i] == 0 || counting > RATE_MAX)
            oldest = i;
    }
    return oldest;
}

static enum hp_status
known_add(struct hp_step *step, struct hp_bytes key, struct known *known, struct hp_bytes id,
    int64_t time, struct hp_error *error)
{
    struct hp_buffer value = {0};
    enum hp_status status;
    size_t forgotten;
    bool full;

    known->ids[known->count] = id;
    known->times[known->count] = time;
    known->count++;
    full = known->count > HP_REQUESTS_KNOWN_MAX;
    forgotten = full ? least_needed(known) : known->count;
    hp_put_u8(&value, REQUESTS_VERSION);
    hp_put_u8(&value, (uint8_t)(known->count - full));
    for (size_t i = 0; i < known->count; i++) {
        if (i == forgotten)
            continue;
        hp_put_bytes(&value, known->ids[i]);
        hp_put_varint(&value, known->times[i]);
    }
    status = hp_step_put(step, HP_STORE_REQUESTS, key, hp_buffer_bytes(&value), error);
    hp_buffer_release(&value);
    return status;
}

static bool
is_known(const struct known *known, struct hp_bytes id)
{
    for (size_t i = 0; i < known->count; i++)
        if (hp_bytes_equal(known->ids[i], id))
            return !hp_bug(HP_BUG_DEDUPE_SKIPPED);
    return false;
}

static bool
is_limited(const struct known *known, int64_t time)
{
    size_t recent = 0;

    for (size_t i = 0; i < known->count; i++)
        recent += known->times[i] > time - RATE_WINDOW_MS;
    return recent >= RATE_MAX;
}

static enum hp_status
send_answer(struct hp_flow *flow, struct hp_step *step, struct hp_recommendation *answer,
    struct hp_error *error)
{
    struct hp_buffer value = {0};
    struct hp_revision revision;
    enum hp_status status = hp_revision_load(flow, step, answer->user_id, &revision, error);

    if (status)
        return status;
    revision.last++;
    hp_boxes_name(flow, hp_step_arena(step), answer->user_id, revision.last, answer);
    status = hp_codec_encode(
        flow->options.codec, HP_RECORD_BOX_RECOMMENDATION, answer, &value, error);
    if (!status)
        status = hp_step_send(step,
            &(struct hp_outgoing){.topic = flow->options.topics->name[HP_TOPIC_BOX_ANSWERS],
                .partition = hp_task_partition(hp_step_task(step)),
                .key = answer->user_id,
                .value = hp_buffer_bytes(&value)},
            error);
    hp_buffer_release(&value);
    if (!status)
        hp_metric_add(hp_metric_get(HP_METRIC_COUNTER, "hamper_answers_total",
                          answer->status == HP_BOXES_INFEASIBLE ? "status=\"infeasible\""
                                                                : "status=\"ok\"",
                          "Answers to box requests"),
            1);
    return status ? status : hp_revision_save(flow, step, answer->user_id, &revision, error);
}

/* Why a request is answered without looking for boxes. */
struct refusal {
    const char *reason;
    const char *message;
};

static enum hp_status
answer_request(struct hp_flow *flow, struct hp_step *step, const struct hp_box_request *request,
    const struct refusal *refusal, struct hp_error *error)
{
    const struct hp_offer *offer = hp_offer_acquire(flow->offers);
    struct hp_recommendation answer;
    struct hp_shopper shopper;
    struct hp_wish wish = {0};
    enum hp_status status = hp_shopper_load(step, request->user_id, &shopper, error);

    if (!status && !refusal->reason)
        status = hp_wish_make(flow, step, &shopper, request, &wish, error);
    if (!status) {
        struct hp_box_order order = {flow, step, offer, &shopper, &wish,
            request->requested_at > shopper.latest_at ? request->requested_at
                                                      : shopper.latest_at};

        if (refusal->reason)
            hp_boxes_refuse(&order, refusal->reason, refusal->message, &answer);
        else
            hp_boxes_make(&order, &answer, NULL);
        answer.request_id = request->request_id;
        answer.cause = HP_CAUSE_REQUEST;
        status = send_answer(flow, step, &answer, error);
    }
    hp_offer_release(flow->offers, offer);
    return status;
}

/* A time that cannot be meant must not come back in an answer, nor void the request. */
static int64_t
sane_time(int64_t requested, int64_t appended)
{
    return requested > 0 && requested <= appended + HP_FUTURE_MS_MAX ? requested : appended;
}

/* Expired and limited ones do not count towards the limit; everything else answered does. */
static bool
is_limited_or_late(
    struct hp_flow *flow, const struct known *known, int64_t appended, struct refusal *refusal)
{
    if (flow->options.clock_ms(flow->options.clock_context) - appended > EXPIRED_MS)
        *refusal = (struct refusal){"EXPIRED", "the request waited more than ten minutes"};
    else if (is_limited(known, appended))
        *refusal = (struct refusal){"RATE_LIMITED", "30 requests in 60 seconds are answered"};
    else
        return false;
    return true;
}

/*
 * Decodes and checks. A request that breaks a limit, but whose sender can be told, is HP_OK
 * with a refusal. Of bytes that are no request nothing is believed; a list with too many
 * members is well-formed up to there, and what was read before it stands.
 */
static enum hp_status
read_request(struct hp_flow *flow, struct hp_step *step, const struct hp_event *event,
    struct hp_box_request *request, struct refusal *refusal, struct hp_error *error)
{
    enum hp_status status;
    bool believed;

    memset(request, 0, sizeof(*request));
    status = hp_event_decode(flow, step, event, HP_RECORD_BOX_REQUEST, request, error);
    believed = !status || (status == HP_BAD_RECORD && request->requested_at != 0 &&
                              strcmp(error->code, HP_CODE_LIMIT) == 0);
    if (!status)
        status = hp_box_request_check(request, event->origin.timestamp_ms, error);
    if (status != HP_BAD_RECORD || !believed || !hp_id_valid(request->user_id) ||
        !hp_id_valid(request->request_id))
        return status;
    *refusal = (struct refusal){error->code, error->text};
    return HP_OK;
}

enum hp_status
hp_flow_request(struct hp_flow *flow, struct hp_step *step, const struct hp_event *event,
    struct hp_error *error)
{
    int64_t appended = event->origin.timestamp_ms;
    struct refusal refusal = {NULL, NULL};
    struct hp_box_request request;
    struct hp_watermark watermark;
    struct known known;
    enum hp_status status;
    struct hp_bytes key;
    int64_t counted;
    bool here;

    status = read_request(flow, step, event, &request, &refusal, error);
    if (!status)
        status = hp_event_route(flow, step, event, request.user_id, &here, error);
    if (status || !here)
        return status;

    request.requested_at = sane_time(request.requested_at, appended);
    key = hp_key_user(step, request.user_id);
    status = hp_watermark_load(flow, step, request.user_id, &watermark, error);
    if (!status)
        status = known_load(step, key, &known, error);
    if (status || is_known(&known, request.request_id) ||
        hp_watermark_voids(&watermark, request.requested_at))
        return status;

    counted = is_limited_or_late(flow, &known, appended, &refusal) ? 0 : appended;
    status = known_add(step, key, &known, request.request_id, counted, error);
    return status ? status : answer_request(flow, step, &request, &refusal, error);
}
