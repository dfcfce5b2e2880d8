/*
 * flow/flow.c - the topology put together: which step takes which record.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "flow/flow.h"

#include "base/bug.h"
#include "base/log.h"
#include "base/metric.h"
#include "codec/frame.h"
#include "flow/derive.h"
#include "flow/internal.h"
#include "flow/model_view.h"
#include "flow/offer.h"
#include "flow/rows.h"
#include "flow/solve.h"
#include "store/keys.h"

#define WALK_USERS 32 /* index rows read in one call */

static const enum hp_topic source_topics[HP_SOURCE_COUNT] = {
    [HP_SOURCE_ORDERS] = HP_TOPIC_ORDERS,
    [HP_SOURCE_FEEDBACK] = HP_TOPIC_FEEDBACK,
    [HP_SOURCE_PREFERENCES] = HP_TOPIC_PREFERENCES,
    [HP_SOURCE_BOX_REQUESTS] = HP_TOPIC_BOX_REQUESTS,
    [HP_SOURCE_ERASURES] = HP_TOPIC_ERASURES,
    [HP_SOURCE_REROUTE] = HP_TOPIC_REROUTE,
};

/* Erasures, preferences, orders, feedback, reroute, requests last. */
static const int source_orders[HP_SOURCE_COUNT] = {
    [HP_SOURCE_ERASURES] = 0,
    [HP_SOURCE_PREFERENCES] = 1,
    [HP_SOURCE_ORDERS] = 2,
    [HP_SOURCE_FEEDBACK] = 3,
    [HP_SOURCE_REROUTE] = 4,
    [HP_SOURCE_BOX_REQUESTS] = 5,
};

struct hp_bytes
hp_key_user_and(struct hp_step *step, struct hp_bytes user, struct hp_bytes second)
{
    struct hp_buffer key = {0};
    struct hp_bytes copy;

    hp_key_part(&key, user);
    if (second.data)
        hp_key_part(&key, second);
    copy = hp_arena_copy(hp_step_arena(step), hp_buffer_bytes(&key));
    hp_buffer_release(&key);
    return copy;
}

struct hp_bytes
hp_key_user(struct hp_step *step, struct hp_bytes user)
{
    return hp_key_user_and(step, user, (struct hp_bytes){0});
}

enum hp_status
hp_event_decode(struct hp_flow *flow, struct hp_step *step, const struct hp_event *event,
    enum hp_record_type type, void *out, struct hp_error *error)
{
    const struct hp_message *message = event->message;
    struct hp_bytes schema_header = {0};

    for (size_t i = 0; i < message->header_count; i++)
        if (hp_bytes_is(message->headers[i].name, HP_FRAME_HEADER_NAME))
            schema_header = message->headers[i].value;
    return hp_codec_decode(flow->options.codec, type, message->value, schema_header,
        hp_step_arena(step), out, error);
}

enum hp_status
hp_event_route(struct hp_flow *flow, struct hp_step *step, const struct hp_event *event,
    struct hp_bytes user, bool *here, struct hp_error *error)
{
    int32_t partition = hp_partition_of(user, flow->options.partitions);

    *here = partition == hp_task_partition(hp_step_task(step));
    if (*here)
        return HP_OK;
    if (event->message->source == HP_SOURCE_REROUTE)
        return hp_bad(error, "REROUTE", "a forwarded record names a user of partition %d",
            (int)partition);
    return hp_step_forward(step, event->message, partition, error);
}

static enum hp_status
flow_process(void *context, struct hp_step *step, const struct hp_message *message,
    struct hp_error *error)
{
    struct hp_flow *flow = context;
    struct hp_event event = {.message = message};
    enum hp_status status = hp_step_origin(step, message, &event.origin, error);

    if (status)
        return status;
    event.source = (enum hp_source)event.origin.source;
    ((struct hp_flow_task *)hp_task_user(hp_step_task(step)))->fresh++;
    switch (event.source) {
    case HP_SOURCE_ORDERS: return hp_flow_order(flow, step, &event, error);
    case HP_SOURCE_FEEDBACK: return hp_flow_feedback(flow, step, &event, error);
    case HP_SOURCE_PREFERENCES: return hp_flow_preferences(flow, step, &event, error);
    case HP_SOURCE_BOX_REQUESTS: return hp_flow_request(flow, step, &event, error);
    case HP_SOURCE_ERASURES: return hp_flow_erasure(flow, step, &event, error);
    case HP_SOURCE_REROUTE:
    case HP_SOURCE_COUNT: break;
    }
    return hp_bad(error, "REROUTE", "a forwarded record comes from the reroute topic itself");
}

static enum hp_status
flow_fact_changed(void *context, struct hp_step *step, uint8_t store, struct hp_bytes key,
    struct hp_bytes before, struct hp_bytes after, struct hp_error *error)
{
    struct hp_flow_task *own = hp_task_user(hp_step_task(step));

    (void)context;
    if (store == HP_STORE_PENDING)
        return hp_pending_changed(step, key, before, after, error);
    return hp_derive_fact(own ? &own->deriver : NULL, step, store, key, before, after, error);
}

static enum hp_status
publish_rows(struct hp_flow *flow, struct hp_step *step, int64_t now_ms, bool *more,
    struct hp_error *error)
{
    struct hp_flow_task *own = hp_task_user(hp_step_task(step));

    enum hp_status status =
        hp_rows_publish(&(struct hp_rows_options){.cluster = flow->options.cluster,
                            .topic = flow->options.topics->name[HP_TOPIC_ROWS],
                            .publish_ms = flow->options.rows_publish_ms,
                            .eager = flow->options.eager_rows},
            &own->rows, &own->blocks, step, now_ms, more, error);

    if (flow->options.eager_rows &&
        (own->blocks.open || !hp_rows_done(&own->rows, &own->blocks)))
        *more = true; /* what this transaction changes is published after its commit */
    return status;
}

static enum hp_status
flow_emit(
    void *context, struct hp_step *step, int64_t now_ms, bool *more, struct hp_error *error)
{
    struct hp_flow *flow = context;
    struct hp_flow_task *own = hp_task_user(hp_step_task(step));
    enum hp_status status;

    *more = false; /* after a restore nothing is done until what is derived is there again */
    status = hp_derive(&own->blocks, &own->deriver, step, more, error);
    if (status || *more)
        return status;
    if (!hp_flow_ready(flow)) {
        *more = true;
        return publish_rows(flow, step, now_ms, more, error);
    }
    if (own->generation == 0)
        status = hp_fanout_load(flow, step, error);
    if (!status)
        status = hp_fanout_walk(flow, step, more, error);
    if (!status)
        status = hp_flow_refuse(flow, step, more, error);
    if (!status)
        status = hp_sweep_walk(flow, step, now_ms, more, error);
    if (!status)
        status = hp_flow_emit(flow, step, now_ms, more, error);
    if (!status)
        status = publish_rows(flow, step, now_ms, more, error);
    return status;
}

static void
task_reset(struct hp_flow_task *own)
{
    hp_fanout_drop(own);
    hp_refuser_free(own->refuser);
    own->refuser = NULL;
    free((void *)own->sweep_user.data);
    own->sweep_user = (struct hp_bytes){0};
    own->sweep_at = 0;
    own->generation = 0;
    own->queue_floor = (struct hp_queue_floor){0};
    own->fresh = 0;
    hp_told_clear(own);
    own->absent_checked = false;
    memset(own->catalogue_done, 0, sizeof(own->catalogue_done));
}

static enum hp_status
flow_opened(void *context, struct hp_task *task, struct hp_error *error)
{
    struct hp_flow *flow = context;
    struct hp_flow_task *own = hp_alloc(sizeof(*own));

    (void)error;
    hp_table_init(&own->told, &own->told_arena, false);
    own->deriver.pasts.tally = &flow->pasts;
    own->deriver.pasts.bytes_max = flow->options.rows_cache_bytes / 4;
    own->deriver.pasts.share = own->deriver.pasts.bytes_max / (size_t)flow->options.partitions;
    own->deriver.pasts.least = HP_PASTS_LEAST;
    own->blocks.gauge = flow->rows_gauge;
    own->blocks.bytes_max = (flow->options.rows_cache_bytes - own->deriver.pasts.bytes_max) /
                            (size_t)flow->options.partitions;
    hp_task_set_user(task, own);
    if (hp_task_partition(task) != 0)
        return HP_OK;
    own->solver = hp_solver_new(&(struct hp_solver_options){.cluster = flow->options.cluster,
        .application_id = flow->options.application_id,
        .rows_topic = flow->options.topics->name[HP_TOPIC_ROWS],
        .model_topic = flow->options.topics->name[HP_TOPIC_MODEL],
        .partitions = flow->options.partitions,
        .epoch_gap_ms = flow->options.epoch_gap_ms,
        .eager = flow->options.eager_rows,
        .resolve_ms = flow->options.resolve_ms,
        .weights = &flow->weights});
    return HP_OK;
}

static void
flow_closed(void *context, struct hp_task *task)
{
    struct hp_flow_task *own = hp_task_user(task);

    (void)context;
    if (!own)
        return;
    hp_solver_free(own->solver);
    task_reset(own);
    hp_rows_aborted(&own->rows);
    hp_deriver_forget(&own->deriver);
    hp_blocks_close(&own->blocks);
    hp_arena_release(&own->told_arena);
    free(own);
    hp_task_set_user(task, NULL);
}

static void
flow_committed(void *context, struct hp_task *task)
{
    struct hp_flow_task *own = hp_task_user(task);

    (void)context;
    if (!own)
        return;
    hp_told_clear(own);
    hp_blocks_committed(&own->blocks);
    hp_deriver_committed(&own->deriver);
}

/* What was remembered of an aborted transaction is read again from the stores. */
static void
flow_aborted(void *context, struct hp_task *task)
{
    struct hp_flow_task *own = hp_task_user(task);

    (void)context;
    if (!own)
        return;
    task_reset(own);
    hp_rows_aborted(&own->rows);
    hp_deriver_forget(&own->deriver);
    if (!hp_bug(HP_BUG_BLOCKS_KEPT))
        hp_blocks_aborted(&own->blocks);
}

static enum hp_status
flow_tick(void *context, struct hp_worker *worker, int64_t now_ms, struct hp_error *error)
{
    struct hp_task *task = hp_worker_task(worker, 0);
    struct hp_flow_task *own = task ? hp_task_user(task) : NULL;
    struct hp_worker_state state;

    (void)context;
    if (!own || !own->solver)
        return HP_OK;
    hp_worker_state(worker, &state);
    return hp_solver_step(own->solver, state.busy, now_ms, error);
}

static void
fill_application(struct hp_flow *flow)
{
    for (int i = 0; i < HP_SOURCE_COUNT; i++)
        flow->sources[i] = (struct hp_source_spec){
            .topic = flow->options.topics->name[source_topics[i]], .order = source_orders[i]};
    flow->sources[HP_SOURCE_REROUTE].reroute = true;
    /* A request may come either way. */
    flow->sources[HP_SOURCE_BOX_REQUESTS].wait_for = flow->sources[HP_SOURCE_REROUTE].wait_for =
        1U << HP_SOURCE_ERASURES | 1U << HP_SOURCE_PREFERENCES;
    flow->application = (struct hp_application){
        .context = flow,
        .sources = flow->sources,
        .source_count = HP_SOURCE_COUNT,
        .stores = hp_flow_stores,
        .store_count = hp_flow_store_count,
        .process = flow_process,
        .fact_changed = flow_fact_changed,
        .emit = flow_emit,
        .opened = flow_opened,
        .closed = flow_closed,
        .committed = flow_committed,
        .aborted = flow_aborted,
        .tick = flow_tick,
    };
}

enum hp_status
hp_flow_new(
    const struct hp_flow_options *options, struct hp_flow **flow, struct hp_error *error)
{
    struct hp_flow *made = hp_alloc(sizeof(*made));
    enum hp_status status;

    made->options = *options;
    if (made->options.walk_users == 0)
        made->options.walk_users = WALK_USERS;
    made->weights = options->weights ? *options->weights : hp_weights_defaults;
    if (options->privacy_min_buyers > 0)
        made->weights.min_buyers = options->privacy_min_buyers;
    fill_application(made);
    made->rows_gauge = hp_metric_get(HP_METRIC_GAUGE, "hamper_rows_cache_bytes", "",
        "Memory of co-counts, three quarters of rows.cache.bytes at most.");
    made->pasts.gauge = hp_metric_get(HP_METRIC_GAUGE, "hamper_history_cache_bytes", "",
        "Memory of long histories, a quarter of rows.cache.bytes at most.");
    status = hp_catalogue_view_new(&made->options, &made->catalogue, error);
    if (!status)
        status = hp_model_view_new(made->options.cluster,
            made->options.topics->name[HP_TOPIC_MODEL], &made->model, error);
    if (status) {
        hp_flow_free(made);
        return status;
    }
    made->offers = hp_offers_new(made->catalogue, made->model, made->options.rate);
    *flow = made;
    return HP_OK;
}

void
hp_flow_free(struct hp_flow *flow)
{
    if (!flow)
        return;
    hp_offers_free(flow->offers);
    hp_catalogue_view_free(flow->catalogue);
    hp_model_view_free(flow->model);
    free(flow);
}

const struct hp_application *
hp_flow_application(struct hp_flow *flow)
{
    return &flow->application;
}

enum hp_status
hp_flow_views_step(struct hp_flow *flow, int timeout_ms, struct hp_error *error)
{
    enum hp_status status = hp_model_view_step(flow->model, 0, error);

    return status ? status : hp_catalogue_view_step(flow->catalogue, timeout_ms, error);
}

bool
hp_flow_ready(const struct hp_flow *flow)
{
    return hp_catalogue_view_ready(flow->catalogue) && hp_model_view_ready(flow->model);
}

struct hp_catalogue_view *
hp_flow_catalogue(struct hp_flow *flow)
{
    return flow->catalogue;
}

struct hp_model_view *
hp_flow_model(struct hp_flow *flow)
{
    return flow->model;
}

bool
hp_flow_settled(struct hp_flow *flow, struct hp_worker *worker)
{
    struct hp_task *task = hp_worker_task(worker, 0);
    struct hp_flow_task *own = task ? hp_task_user(task) : NULL;

    (void)flow;
    return !own || !own->solver || hp_solver_idle(own->solver);
}
