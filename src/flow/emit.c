/*
 * flow/emit.c - users whose boxes must be looked at get them.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "flow/boxes.h"

#include "base/bug.h"
#include "base/metric.h"
#include "flow/again.h"

#define EXTEND_MS (2 * 86400000LL) /* boxes that end sooner are extended */
#define STEP_MS   4 /* others go on in the next step: requests wait for this one */
#define AT_ONCE   4 /* users, between two looks at the clock */

void
hp_told_add(struct hp_step *step, struct hp_bytes user)
{
    struct hp_flow_task *own = hp_task_user(hp_step_task(step));

    hp_table_put(&own->told, user, hp_bytes("", 0));
}

bool
hp_told_has(struct hp_step *step, struct hp_bytes user)
{
    struct hp_flow_task *own = hp_task_user(hp_step_task(step));

    return hp_table_find(&own->told, user) && !hp_bug(HP_BUG_TOLD_TWICE);
}

void
hp_told_clear(struct hp_flow_task *own)
{
    hp_table_clear(&own->told);
    hp_arena_clear(&own->told_arena);
}

/* One user's refresh, with everything it needs in hand. */
struct refresh {
    struct hp_flow *flow;
    struct hp_step *step;
    const struct hp_offer *offer;
    const struct hp_pending_user *pending;
    struct hp_shopper shopper;
    struct hp_wish wish;
    bool stands; /* a standing row is there */
    struct hp_standing standing;
};

static void
count_boxes(const struct hp_recommendation *recommendation)
{
    static const char *const labels[] = {
        "status=\"ok\"", "status=\"partial\"", "status=\"infeasible\"", "status=\"unknown\""};

    hp_metric_add(hp_metric_get(HP_METRIC_COUNTER, "hamper_recommendations_total",
                      labels[recommendation->status], "Standing recommendations sent"),
        1);
}

static enum hp_status
load_standing(struct refresh *refresh, struct hp_error *error)
{
    struct hp_bytes stored;
    enum hp_status status = hp_step_get(refresh->step, HP_STORE_STANDING,
        hp_key_user(refresh->step, refresh->pending->user), &stored, error);

    refresh->stands = !status && stored.data;
    if (status || !stored.data)
        return status;
    return hp_standing_decode(stored, hp_step_arena(refresh->step), &refresh->standing, error);
}

/* Nobody to serve: an erased user, or one who never told anything that counts. */
static bool
knows_nothing(const struct hp_shopper *shopper)
{
    return hp_aggregate_empty(&shopper->aggregate) && !shopper->has_preferences;
}

/* What a sweep looks for. */
static bool
is_due(const struct refresh *refresh)
{
    const struct hp_standing *standing = &refresh->standing;

    return !refresh->stands || standing->status != HP_BOXES_OK ||
           standing->model_epoch < hp_model_snapshot_epoch(refresh->offer->model) ||
           standing->valid_until < refresh->pending->pending.now + EXTEND_MS;
}

static enum hp_status
save_standing(struct refresh *refresh, const struct hp_recommendation *recommendation,
    const struct hp_strings *families, struct hp_digest content, struct hp_error *error)
{
    struct hp_arena *arena = hp_step_arena(refresh->step);
    struct hp_standing_box *boxes =
        HP_ARENA_ARRAY(arena, recommendation->box_count, struct hp_standing_box);
    struct hp_buffer value = {0};
    enum hp_status status;

    for (size_t i = 0; i < recommendation->box_count; i++) {
        const struct hp_box *box = &recommendation->boxes[i];
        struct hp_item_quantity *items =
            HP_ARENA_ARRAY(arena, box->item_count, struct hp_item_quantity);

        for (size_t j = 0; j < box->item_count; j++)
            items[j] = (struct hp_item_quantity){box->items[j].item_id, box->items[j].quantity};
        boxes[i] = (struct hp_standing_box){box->box_id, items, box->item_count, families[i]};
    }
    hp_standing_encode(&(struct hp_standing){.revision = recommendation->revision,
                           .generated_at = recommendation->generated_at,
                           .valid_until = recommendation->valid_until,
                           .model_epoch = recommendation->as_of.model_epoch,
                           .status = recommendation->status,
                           .content = content,
                           .boxes = boxes,
                           .box_count = recommendation->box_count},
        &value);
    status = hp_step_put(refresh->step, HP_STORE_STANDING,
        hp_key_user(refresh->step, refresh->shopper.user), hp_buffer_bytes(&value), error);
    hp_buffer_release(&value);
    return status;
}

static enum hp_status
send_standing(struct refresh *refresh, const struct hp_recommendation *recommendation,
    struct hp_error *error)
{
    struct hp_buffer value = {0};
    enum hp_status status = hp_codec_encode(refresh->flow->options.codec,
        HP_RECORD_BOX_RECOMMENDATION, recommendation, &value, error);

    if (!status)
        status = hp_step_send(refresh->step,
            &(struct hp_outgoing){
                .topic = refresh->flow->options.topics->name[HP_TOPIC_BOX_RECOMMENDATIONS],
                .partition = hp_task_partition(hp_step_task(refresh->step)),
                .key = refresh->shopper.user,
                .value = hp_buffer_bytes(&value)},
            error);
    if (!status)
        hp_told_add(refresh->step, refresh->shopper.user);
    hp_buffer_release(&value);
    return status;
}

/* Same content and far from its end: nothing to tell, only to remember what was looked at. */
static bool
is_news(const struct refresh *refresh, const struct hp_recommendation *recommendation,
    struct hp_digest content)
{
    return !refresh->stands || !hp_digest_equal(content, refresh->standing.content) ||
           refresh->standing.valid_until < recommendation->generated_at + EXTEND_MS;
}

/* Never before the boxes that stand: what comes late must not make them end earlier. */
static int64_t
now_of(const struct refresh *refresh)
{
    int64_t now = refresh->pending->pending.now;

    if (now < refresh->shopper.latest_at)
        now = refresh->shopper.latest_at;
    if (refresh->stands && now < refresh->standing.generated_at)
        now = refresh->standing.generated_at;
    return now;
}

static enum hp_status
emit_boxes(struct refresh *refresh, struct hp_error *error)
{
    int64_t now = now_of(refresh);
    struct hp_strings families[HP_BOXES_MAX] = {{0}};
    struct hp_recommendation recommendation;
    struct hp_revision revision;
    struct hp_digest content;
    enum hp_status status;

    hp_boxes_make(&(struct hp_box_order){refresh->flow, refresh->step, refresh->offer,
                      &refresh->shopper, &refresh->wish, now},
        &recommendation, families);
    content = hp_boxes_content(&recommendation);
    if (!is_news(refresh, &recommendation, content))
        return HP_OK;
    status =
        hp_revision_load(refresh->flow, refresh->step, refresh->shopper.user, &revision, error);
    if (status)
        return status;
    revision.last++;
    revision.had_standing = true;
    recommendation.cause = refresh->pending->pending.cause;
    hp_boxes_name(refresh->flow, hp_step_arena(refresh->step), refresh->shopper.user,
        revision.last, &recommendation);
    status = send_standing(refresh, &recommendation, error);
    if (!status)
        status = save_standing(refresh, &recommendation, families, content, error);
    if (!status)
        status = hp_revision_save(
            refresh->flow, refresh->step, refresh->shopper.user, &revision, error);
    if (!status)
        count_boxes(&recommendation);
    return status;
}

static enum hp_status
refresh_user(struct refresh *refresh, struct hp_error *error)
{
    struct hp_step *step = refresh->step;
    struct hp_bytes user = refresh->pending->user;
    enum hp_status status = hp_pending_clear(step, user, error);

    if (!status)
        status = hp_shopper_load(step, user, &refresh->shopper, error);
    if (!status)
        status = load_standing(refresh, error);
    if (status || (knows_nothing(&refresh->shopper) && !refresh->stands))
        return status;
    if (refresh->pending->pending.conditional && !is_due(refresh))
        return HP_OK;
    status = hp_wish_make(refresh->flow, step, &refresh->shopper, NULL, &refresh->wish, error);
    return status ? status : emit_boxes(refresh, error);
}

/* HP_BUG_PENDING_LOST. */
static enum hp_status
forget_rest(struct hp_step *step, struct hp_error *error)
{
    struct hp_pending_user user;
    size_t count;
    enum hp_status status = hp_pending_oldest(step, 1, &user, &count, error);

    return status || count == 0 ? status : hp_pending_clear(step, user.user, error);
}

/* As many users as records came are looked at however long it takes, so that a batch has its
 * boxes in its own transaction, and no more, so that it is soon committed. When none came, a
 * step is short. */
static bool
goes_on(const struct hp_flow *flow, size_t done, size_t fresh, int64_t began_ms)
{
    if (fresh)
        return done <= fresh;
    return flow->options.clock_ms(flow->options.clock_context) - began_ms < STEP_MS;
}

/* `*left`: there are more. `*told`: the next one has a record in the open transaction, and a
 * commit has one of each; that one and those behind wait for it. */
static enum hp_status
refresh_some(struct hp_flow *flow, struct hp_step *step, const struct hp_offer *offer,
    size_t max, size_t *done, bool *left, bool *told, struct hp_error *error)
{
    struct hp_pending_user *users =
        HP_ARENA_ARRAY(hp_step_arena(step), max, struct hp_pending_user);
    size_t count;
    enum hp_status status = hp_pending_oldest(step, max, users, &count, error);

    for (size_t i = 0; i < count && !status; i++) {
        struct refresh refresh = {
            .flow = flow, .step = step, .offer = offer, .pending = &users[i]};

        *told = hp_told_has(step, users[i].user);
        if (*told)
            break;
        status = refresh_user(&refresh, error);
        ++*done;
    }
    *left = *told || count == max;
    return status;
}

enum hp_status
hp_flow_emit(struct hp_flow *flow, struct hp_step *step, int64_t now_ms, bool *more,
    struct hp_error *error)
{
    struct hp_flow_task *own = hp_task_user(hp_step_task(step));
    size_t max = (size_t)flow->options.emit_batch_users;
    const struct hp_offer *offer;
    enum hp_status status = HP_OK;
    bool left = true;
    bool told = false;
    size_t done = 0;

    if (hp_task_lag(hp_step_task(step)) > flow->options.emit_defer_records)
        return HP_OK; /* far behind: standing boxes wait, requests do not */
    offer = hp_offer_acquire(flow->offers);
    while (!status && left && !told && done < max && goes_on(flow, done, own->fresh, now_ms))
        status = refresh_some(flow, step, offer, max - done < AT_ONCE ? max - done : AT_ONCE,
            &done, &left, &told, error);
    if (told)
        hp_step_hurry(step);
    hp_offer_release(flow->offers, offer);
    own->fresh = 0;
    *more |= left;
    if (!status && *more && hp_bug(HP_BUG_PENDING_LOST))
        status = forget_rest(step, error);
    return status;
}

/* ---- a second time ----------------------------------------------------------------------- */

static enum hp_status
make_again(struct refresh *refresh, const struct hp_recommendation *sent,
    const struct hp_box_request *request, struct hp_buffer *value, struct hp_error *error)
{
    struct hp_arena *arena = hp_step_arena(refresh->step);
    struct hp_strings families[HP_BOXES_MAX] = {{0}};
    struct hp_recommendation made;
    enum hp_status status;

    status = hp_wish_make(
        refresh->flow, refresh->step, &refresh->shopper, request, &refresh->wish, error);
    if (status)
        return status;
    hp_boxes_make(&(struct hp_box_order){refresh->flow, refresh->step, refresh->offer,
                      &refresh->shopper, &refresh->wish, sent->as_of.now},
        &made, families);
    made.cause = sent->cause;
    if (request)
        made.request_id = request->request_id;
    hp_boxes_name(refresh->flow, arena, sent->user_id, sent->revision, &made);
    status = hp_codec_encode(
        refresh->flow->options.codec, HP_RECORD_BOX_RECOMMENDATION, &made, value, error);
    if (status || request)
        return status;
    return save_standing(refresh, &made, families, hp_boxes_content(&made), error);
}

enum hp_status
hp_flow_again(struct hp_flow *flow, struct hp_step *step, const struct hp_recommendation *sent,
    const struct hp_box_request *request, struct hp_buffer *value, struct hp_error *error)
{
    struct refresh refresh = {.flow = flow, .step = step};
    enum hp_status status = hp_shopper_load(step, sent->user_id, &refresh.shopper, error);

    if (!status && !request)
        status = hp_pending_clear(step, sent->user_id, error);
    if (status)
        return status;
    refresh.offer = hp_offer_acquire(flow->offers);
    status = make_again(&refresh, sent, request, value, error);
    hp_offer_release(flow->offers, refresh.offer);
    return status;
}

int64_t
hp_flow_epoch(struct hp_flow *flow)
{
    struct hp_model_snapshot *model = hp_model_view_acquire(flow->model);
    int64_t epoch = hp_model_snapshot_epoch(model);

    hp_model_snapshot_release(model);
    return epoch;
}

int64_t
hp_flow_catalogue_position(struct hp_flow *flow, int32_t partition)
{
    const struct hp_catalogue *catalogue = hp_catalogue_acquire(flow->catalogue);
    int64_t position = partition < catalogue->partitions ? catalogue->positions[partition] : 0;

    hp_catalogue_release(flow->catalogue, catalogue);
    return position;
}
