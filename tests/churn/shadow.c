/* tests/churn/shadow.c - the second stream. SPDX-License-Identifier: Apache-2.0 */
#include "tests/churn/shadow.h"

#include "flow/again.h"
#include "flow/epoch.h"
#include "flow/topology.h"

#include <stdio.h>
#include <stdlib.h>

#define STEPS_MAX 100000

static const enum hp_topic inputs[HP_SOURCE_COUNT] = {
    [HP_SOURCE_ORDERS] = HP_TOPIC_ORDERS,
    [HP_SOURCE_FEEDBACK] = HP_TOPIC_FEEDBACK,
    [HP_SOURCE_PREFERENCES] = HP_TOPIC_PREFERENCES,
    [HP_SOURCE_BOX_REQUESTS] = HP_TOPIC_BOX_REQUESTS,
    [HP_SOURCE_ERASURES] = HP_TOPIC_ERASURES,
    [HP_SOURCE_REROUTE] = HP_TOPIC_REROUTE,
};

struct sent { /* a recommendation that was sent */
    struct hp_recommendation content;
    struct hp_bytes value;
    int32_t partition;
};

struct shadow {
    struct flow_rig rig;
    struct flow_seen_list logs[HP_TOPIC_COUNT]; /* raw */
    int64_t *times[HP_TOPIC_COUNT];
    size_t fed[HP_TOPIC_COUNT][RIG_PARTITIONS];
    size_t first[HP_TOPIC_COUNT][RIG_PARTITIONS];
    struct hp_application application;
    const struct sent *asked;
    const struct hp_box_request *request;
    struct hp_buffer answer;
    bool answered;
};

static struct shadow *the_shadow; /* callbacks get the flow as their context */

static void
must(enum hp_status status, const struct hp_error *error)
{
    if (status)
        hp_die("shadow: %s", error->text);
}

/* ---- what was seen ----------------------------------------------------------------------- */

static int64_t
as_of_sum(const struct hp_as_of *as_of)
{
    int64_t sum = 0;

    for (size_t i = 0; i < as_of->input_count; i++)
        sum += as_of->inputs[i].offset;
    return sum;
}

static int64_t
catalogue_of(const struct hp_as_of *as_of)
{
    return as_of->catalogue_count ? as_of->catalogue[0].offset : 0;
}

/* Views and inputs only move on, so this is the order in which things were sent. */
static int
compare_sent(const void *a, const void *b)
{
    const struct hp_as_of *left = &((const struct sent *)a)->content.as_of;
    const struct hp_as_of *right = &((const struct sent *)b)->content.as_of;
    int64_t order = catalogue_of(left) - catalogue_of(right);

    if (!order)
        order = left->model_epoch - right->model_epoch;
    if (!order)
        order = as_of_sum(left) - as_of_sum(right);
    if (!order)
        order = ((const struct sent *)a)->content.revision -
                ((const struct sent *)b)->content.revision;
    return order < 0 ? -1 : order > 0;
}

static struct sent *
collect(struct flow_rig *seen, size_t *count)
{
    struct flow_seen_list standing = flow_rig_read(seen, HP_TOPIC_BOX_RECOMMENDATIONS);
    struct flow_seen_list answers = flow_rig_read(seen, HP_TOPIC_BOX_ANSWERS);
    struct sent *all =
        HP_ARENA_ARRAY(&seen->arena, standing.count + answers.count + 1, struct sent);

    *count = 0;
    for (size_t i = 0; i < standing.count + answers.count; i++) {
        const struct flow_seen *one =
            i < standing.count ? &standing.items[i] : &answers.items[i - standing.count];

        if (one->value.data)
            all[(*count)++] = (struct sent){one->content, one->value, one->partition};
    }
    qsort(all, *count, sizeof(*all), compare_sent);
    return all;
}

/* ---- giving the shadow what the first one had -------------------------------------------- */

static void
feed(struct shadow *shadow, enum hp_topic topic, const struct flow_seen *record)
{
    struct hp_error error;

    shadow->rig.now_ms = record->timestamp_ms;
    must(hp_producer_send(shadow->rig.producer,
             &(struct hp_outgoing){.topic = shadow->rig.topics.name[topic],
                 .partition = record->partition,
                 .key = record->key,
                 .value = record->value},
             &error),
        &error);
}

/* Records of `partition` with an offset below `end`. */
static void
feed_to(struct shadow *shadow, enum hp_topic topic, int32_t partition, int64_t end)
{
    const struct flow_seen_list *log = &shadow->logs[topic];
    size_t *at = &shadow->fed[topic][partition];
    struct hp_error error;

    for (; *at < log->count && log->items[*at].partition <= partition; ++*at) {
        if (log->items[*at].partition < partition)
            continue;
        if (log->items[*at].offset >= end)
            break;
        feed(shadow, topic, &log->items[*at]);
    }
    must(hp_producer_flush(shadow->rig.producer, &error), &error);
}

static void
feed_model(struct shadow *shadow, int64_t epoch)
{
    const struct flow_seen_list *log = &shadow->logs[HP_TOPIC_MODEL];
    size_t *at = &shadow->fed[HP_TOPIC_MODEL][0];
    struct hp_arena arena = {0};
    struct hp_error error;

    while (hp_flow_epoch(shadow->rig.flow) < epoch && *at < log->count) {
        const struct flow_seen *record = &log->items[(*at)++];
        struct hp_manifest manifest;

        feed(shadow, HP_TOPIC_MODEL, record);
        if (!hp_bytes_is(record->key, HP_MANIFEST_KEY))
            continue;
        must(hp_manifest_decode(record->value, &arena, &manifest, &error), &error);
        hp_arena_clear(&arena);
        must(hp_producer_flush(shadow->rig.producer, &error), &error);
        for (int i = 0;
             manifest.epoch <= epoch && hp_flow_epoch(shadow->rig.flow) < manifest.epoch; i++) {
            must(hp_flow_views_step(shadow->rig.flow, 0, &error), &error);
            HP_ASSERT(i < STEPS_MAX);
        }
    }
    hp_arena_release(&arena);
}

static bool
has_read(struct shadow *shadow, const struct sent *sent)
{
    struct hp_task *task = hp_worker_task(shadow->rig.worker, sent->partition);

    for (size_t i = 0; task && i < sent->content.as_of.input_count; i++)
        if (hp_task_position(task, i) < sent->content.as_of.inputs[i].offset)
            return false;
    return task && hp_flow_catalogue_position(shadow->rig.flow, 0) ==
                       catalogue_of(&sent->content.as_of);
}

static void
bring_to(struct shadow *shadow, const struct sent *sent)
{
    const struct hp_as_of *as_of = &sent->content.as_of;

    feed_to(shadow, HP_TOPIC_CATALOGUE, 0, catalogue_of(as_of));
    feed_model(shadow, as_of->model_epoch);
    for (size_t i = 0; i < as_of->input_count; i++)
        feed_to(shadow, inputs[i], sent->partition, as_of->inputs[i].offset);
    for (int i = 0; !has_read(shadow, sent); i++) {
        flow_rig_step(&shadow->rig);
        if (i == STEPS_MAX)
            hp_die("shadow: never gets to an as_of");
    }
}

/* ---- the second stream ------------------------------------------------------------------- */

static enum hp_status
process(
    void *flow, struct hp_step *step, const struct hp_message *message, struct hp_error *error)
{
    if (message->source == HP_SOURCE_BOX_REQUESTS)
        return HP_OK; /* asked for one by one */
    return hp_flow_application(flow)->process(flow, step, message, error);
}

static enum hp_status
answer(void *flow, struct hp_step *step, int64_t now_ms, bool *more, struct hp_error *error)
{
    struct shadow *shadow = the_shadow;

    (void)now_ms;
    *more = false;
    if (!shadow->asked || shadow->answered ||
        hp_task_partition(hp_step_task(step)) != shadow->asked->partition)
        return HP_OK;
    shadow->answered = true;
    hp_buffer_clear(&shadow->answer);
    return hp_flow_again(
        flow, step, &shadow->asked->content, shadow->request, &shadow->answer, error);
}

static void
shadow_init(struct shadow *shadow, struct flow_rig *seen)
{
    struct flow_rig *rig = &shadow->rig;

    flow_rig_init(rig);
    rig->options.emit_batch_users = seen->options.emit_batch_users;
    rig->options.slots = seen->options.slots;
    rig->wrap = &shadow->application;
    for (int t = 0; t < HP_TOPIC_COUNT; t++)
        shadow->logs[t] = flow_rig_read_raw(seen, (enum hp_topic)t);
    the_shadow = shadow;
    flow_rig_make(rig);
    shadow->application = *hp_flow_application(rig->flow);
    shadow->application.process = process;
    shadow->application.emit = answer;
    shadow->application.tick = NULL; /* the model comes from the first one's topic */
    flow_rig_join(rig);
}

/* The request of an answer is the last one read. */
static const struct hp_box_request *
request_of(struct shadow *shadow, const struct sent *sent, struct hp_box_request *request)
{
    const struct flow_seen_list *log = &shadow->logs[HP_TOPIC_BOX_REQUESTS];
    int64_t offset = sent->content.as_of.inputs[HP_SOURCE_BOX_REQUESTS].offset - 1;
    struct hp_error error;

    for (size_t i = shadow->first[HP_TOPIC_BOX_REQUESTS][sent->partition]; i < log->count;
         i++) {
        if (log->items[i].partition != sent->partition || log->items[i].offset != offset)
            continue;
        shadow->first[HP_TOPIC_BOX_REQUESTS][sent->partition] = i;
        must(hp_codec_decode(shadow->rig.codec, HP_RECORD_BOX_REQUEST, log->items[i].value,
                 (struct hp_bytes){0}, &shadow->rig.arena, request, &error),
            &error);
        return request;
    }
    hp_die("shadow: an answer without its request");
}

static bool
by_clock_or_rate(const struct hp_recommendation *sent)
{
    return sent->advised && (hp_bytes_is(sent->advice.reason, "EXPIRED") ||
                                hp_bytes_is(sent->advice.reason, "RATE_LIMITED"));
}

static void
tell(const struct shadow *shadow, const struct sent *sent)
{
    struct hp_buffer was = {0};
    struct hp_buffer is = {0};
    struct hp_recommendation again;
    struct hp_arena arena = {0};
    struct hp_error error;

    hp_event_to_json(HP_RECORD_BOX_RECOMMENDATION, &sent->content, &was);
    if (hp_codec_decode(shadow->rig.codec, HP_RECORD_BOX_RECOMMENDATION,
            hp_buffer_bytes(&shadow->answer), (struct hp_bytes){0}, &arena, &again,
            &error) == HP_OK)
        hp_event_to_json(HP_RECORD_BOX_RECOMMENDATION, &again, &is);
    fprintf(stderr, "sent:  %.*s\nagain: %.*s\n", (int)was.size, (const char *)was.data,
        (int)is.size, is.data ? (const char *)is.data : "");
    hp_buffer_release(&was);
    hp_buffer_release(&is);
    hp_arena_release(&arena);
}

static void
check_one(struct shadow *shadow, const struct sent *sent, struct shadow_result *result)
{
    struct hp_box_request request;
    struct hp_error error;

    if (by_clock_or_rate(&sent->content)) {
        result->refused++;
        return;
    }
    bring_to(shadow, sent);
    shadow->request = sent->content.request_id.data ? request_of(shadow, sent, &request) : NULL;
    shadow->asked = sent;
    shadow->answered = false;
    while (!shadow->answered)
        flow_rig_step(&shadow->rig);
    shadow->asked = NULL;
    /* The clock is about to jump, and an open transaction would time out. */
    must(hp_worker_commit(shadow->rig.worker, &error), &error);
    result->recommendations++;
    result->boxes += sent->content.box_count;
    if (!hp_bytes_equal(hp_buffer_bytes(&shadow->answer), sent->value)) {
        if (result->different++ < 3)
            tell(shadow, sent);
    }
    hp_arena_clear(&shadow->rig.arena);
}

void
shadow_check(struct flow_rig *seen, struct shadow_result *result)
{
    struct shadow *shadow = hp_alloc(sizeof(*shadow));
    size_t count;
    struct sent *all = collect(seen, &count);

    shadow_init(shadow, seen);
    for (size_t i = 0; i < count; i++)
        check_one(shadow, &all[i], result);
    hp_buffer_release(&shadow->answer);
    flow_rig_release(&shadow->rig);
    free(shadow);
}
