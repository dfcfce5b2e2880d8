/*
 * tests/property/ledger_test.c - the ledger, what is derived from it, and the settled model are
 * functions of the set of events: whatever their order, how often they come, over how many
 * partitions and instances, through crashes and lost state.
 *
 * A small application on the real engine applies made-up events with the ledger's functions;
 * derived rows, published rows, epochs and snapshots are the flow's own.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/rng.h"
#include "broker/broker_memory.h"
#include "domain/instant.h"
#include "flow/derive.h"
#include "flow/model_view.h"
#include "flow/rows.h"
#include "flow/solve.h"
#include "flow/verify.h"
#include "ledger/digest.h"
#include "flow/counts.h"
#include "ledger/heads.h"
#include "store/keys.h"
#include "store/kv_memory.h"

#define USERS     10
#define ITEMS     25
#define ORDERS    9 /* of each user */
#define EVENTS    420
#define LINES_MAX 6
#define ROUNDS    12
#define INSTANCES 3

enum kind { ORDER, FEEDBACK, ERASURE, RECIPIENT_ERASURE };

struct event {
    enum kind kind;
    int user;
    int64_t at;
    struct hp_order order;
    struct hp_order_line lines[LINES_MAX];
    uint8_t recipient[HP_RECIPIENT_BYTES];
    struct hp_feedback feedback;
    bool unseen; /* left out of a run that never saw what was erased or cancelled */
};

/*
 * HAMPER_HISTORIES=100000 is the long form, by hand: so many histories of a user, and what is
 * derived verified at every commit. HAMPER_SEED is the first seed, for a share of them.
 */
static uint64_t
rounds(void)
{
    const char *histories = getenv("HAMPER_HISTORIES");

    return histories ? strtoull(histories, NULL, 10) / USERS : ROUNDS;
}

static uint64_t
first_seed(void)
{
    const char *seed = getenv("HAMPER_SEED");

    return seed ? strtoull(seed, NULL, 10) : 1;
}

static char user_names[USERS][8];
static char item_names[ITEMS][8];
static char order_names[ORDERS][8];
static char feedback_names[EVENTS][8];
static struct event events[EVENTS];

/* ---- events ------------------------------------------------------------------------------ */

static void
name_everything(void)
{
    for (int i = 0; i < USERS; i++)
        snprintf(user_names[i], sizeof(user_names[i]), "u%d", i);
    for (int i = 0; i < ITEMS; i++)
        snprintf(item_names[i], sizeof(item_names[i]), i == 3 ? "!epoch" : "i%d", i);
    for (int i = 0; i < ORDERS; i++)
        snprintf(order_names[i], sizeof(order_names[i]), "o%d", i);
    for (int i = 0; i < EVENTS; i++)
        snprintf(feedback_names[i], sizeof(feedback_names[i]), "f%d", i % 50);
}

/* All versions of an order carry the same time and recipient. */
static void
make_order(struct hp_rng *rng, struct event *event)
{
    int number = (int)hp_rng_below(rng, ORDERS);
    struct hp_rng fixed = {(uint64_t)(event->user * 100 + number)};

    event->at = HP_DAY_MS * hp_rng_between(&fixed, 100, 140) + hp_rng_below(&fixed, 3);
    event->recipient[0] = (uint8_t)hp_rng_below(&fixed, 3);
    event->order = (struct hp_order){.order_id = hp_bytes_text(order_names[number]),
        .version = hp_rng_between(rng, 1, 3),
        .user_id = hp_bytes_text(user_names[event->user]),
        .ordered_at = event->at,
        .status = (enum hp_order_status)(hp_rng_below(rng, 5) ? 0 : hp_rng_below(rng, 3)),
        .lines = event->lines,
        .line_count = hp_rng_below(rng, LINES_MAX + 1),
        .occasion = hp_bytes_text(hp_rng_below(rng, 2) ? "diwali" : NULL)};
    for (size_t i = 0; i < event->order.line_count; i++)
        event->lines[i] =
            (struct hp_order_line){hp_bytes_text(item_names[hp_rng_below(rng, ITEMS)]),
                (int32_t)hp_rng_between(rng, 1, 9), hp_rng_between(rng, 0, 900)};
}

static void
make_feedback(struct hp_rng *rng, struct event *event, int number)
{
    static const enum hp_feedback_kind kinds[] = {
        HP_FEEDBACK_LIKED, HP_FEEDBACK_DISLIKED, HP_FEEDBACK_REMOVED, HP_FEEDBACK_RATED};

    event->at = HP_DAY_MS * hp_rng_between(rng, 100, 140);
    event->feedback = (struct hp_feedback){
        .feedback_id = hp_bytes_text(feedback_names[number]),
        .user_id = hp_bytes_text(user_names[event->user]),
        .at = event->at,
        .kind = kinds[hp_rng_below(rng, 4)],
        .item_id = hp_bytes_text(item_names[hp_rng_below(rng, ITEMS)]),
        .rated = true,
        .rating = 1 + hp_rng_below(rng, 9) * 0.5,
    };
}

static void
make_events(uint64_t seed)
{
    struct hp_rng rng = {seed};

    name_everything();
    for (int i = 0; i < EVENTS; i++) {
        struct event *event = &events[i];
        uint32_t dice = hp_rng_below(&rng, 100);

        *event = (struct event){.user = (int)hp_rng_below(&rng, USERS)};
        if (i > 0 && dice < 10) {
            *event = events[hp_rng_below(&rng, (uint32_t)i)]; /* comes twice */
            event->order.lines = event->lines;
            continue;
        }
        event->kind = dice < 70 ? ORDER : dice < 96 ? FEEDBACK : ERASURE;
        if (event->kind == ORDER)
            make_order(&rng, event);
        if (event->kind == FEEDBACK)
            make_feedback(&rng, event, i);
        if (event->kind == ERASURE) {
            event->kind = hp_rng_below(&rng, 2) ? RECIPIENT_ERASURE : ERASURE;
            event->at = HP_DAY_MS * hp_rng_between(&rng, 95, 130);
            event->recipient[0] = (uint8_t)hp_rng_below(&rng, 3);
        }
    }
}

/* ---- the application --------------------------------------------------------------------- */

struct world {
    int64_t now_ms;
    int32_t partitions;
    struct hp_cluster *cluster;
    struct hp_producer *producer;
    int instances; /* at the end; they join one by one */
    struct hp_kv *kv[INSTANCES];
    struct hp_worker *worker[INSTANCES]; /* NULL: not joined yet */
    struct hp_model_view *view;
    struct hp_source_spec source;
    struct hp_application application;
    struct hp_rows_options rows;
    struct hp_pasts_tally pasts;
    uint32_t fail_one_in; /* commits */
    struct hp_rng rng;
};

struct task_state {
    struct hp_blocks blocks;
    struct hp_deriver deriver;
    struct hp_rows_pace pace;
    struct hp_solver *solver;
};

static struct hp_bytes
user_key(struct hp_step *step, const struct event *event, struct hp_bytes second)
{
    struct hp_buffer key = {0};
    struct hp_bytes copy;

    hp_key_part(&key, hp_bytes_text(user_names[event->user]));
    if (second.data)
        hp_key_part(&key, second);
    copy = hp_arena_copy(hp_step_arena(step), hp_buffer_bytes(&key));
    hp_buffer_release(&key);
    return copy;
}

static struct hp_bytes
get(struct hp_step *step, uint8_t store, struct hp_bytes key)
{
    struct hp_bytes value;

    assert_int_equal(hp_step_get(step, store, key, &value, NULL), HP_OK);
    return value;
}

static void
put(struct hp_step *step, uint8_t store, struct hp_bytes key, struct hp_buffer *value)
{
    struct hp_error error = {0};

    if (hp_step_put(step, store, key, hp_buffer_bytes(value), &error))
        fail_msg("put: %s", error.text);
    hp_buffer_release(value);
}

static struct hp_watermark
load_mark(struct hp_step *step, const struct event *event)
{
    struct hp_bytes value =
        get(step, HP_STORE_WATERMARK, user_key(step, event, (struct hp_bytes){0}));
    struct hp_watermark mark = {0};

    if (value.data)
        assert_int_equal(hp_watermark_decode(value, hp_step_arena(step), &mark, NULL), HP_OK);
    return mark;
}

static void
apply_order(struct hp_step *step, const struct event *event)
{
    struct hp_arena *arena = hp_step_arena(step);
    struct hp_watermark mark = load_mark(step, event);
    struct hp_bytes key = user_key(step, event, event->order.order_id);
    struct hp_bytes stored = get(step, HP_STORE_ORDER, key);
    struct hp_buffer value = {0};
    struct hp_order_fact fact;
    struct hp_order_fact old;

    hp_order_fact_from_event(
        &event->order, hp_bytes(event->recipient, HP_RECIPIENT_BYTES), arena, &fact);
    if (hp_order_fact_void(&fact, &mark))
        return;
    hp_order_fact_scrub(&fact, &mark);
    if (stored.data) {
        assert_int_equal(hp_order_fact_decode(stored, arena, &old, NULL), HP_OK);
        if (!hp_order_fact_wins(&fact, &old))
            return;
    }
    hp_order_fact_encode(&fact, &value);
    put(step, HP_STORE_ORDER, key, &value);
}

static void
apply_feedback(struct hp_step *step, const struct event *event)
{
    struct hp_watermark mark = load_mark(step, event);
    struct hp_bytes key = user_key(step, event, event->feedback.item_id);
    struct hp_bytes stored = get(step, HP_STORE_REACTION, key);
    struct hp_buffer value = {0};
    struct hp_reaction reaction;
    struct hp_reaction old;

    assert_true(hp_reaction_from_event(&event->feedback, &reaction));
    if (hp_watermark_voids(&mark, reaction.at))
        return;
    if (stored.data) {
        assert_int_equal(hp_reaction_decode(stored, &old, NULL), HP_OK);
        if (!hp_reaction_wins(&reaction, &old))
            return;
    }
    hp_reaction_encode(&reaction, &value);
    put(step, HP_STORE_REACTION, key, &value);
}

struct eraser {
    struct hp_step *step;
    struct hp_watermark mark;
};

static bool
erase_order(void *context, struct hp_bytes key, struct hp_bytes stored)
{
    struct eraser *eraser = context;
    struct hp_arena *arena = hp_step_arena(eraser->step);
    struct hp_bytes copy = hp_arena_copy(arena, key);
    struct hp_buffer value = {0};
    struct hp_order_fact fact;

    assert_int_equal(
        hp_order_fact_decode(hp_arena_copy(arena, stored), arena, &fact, NULL), HP_OK);
    if (hp_order_fact_void(&fact, &eraser->mark)) {
        put(eraser->step, HP_STORE_ORDER, copy, &value);
    } else if (hp_order_fact_scrub(&fact, &eraser->mark)) {
        hp_order_fact_encode(&fact, &value);
        put(eraser->step, HP_STORE_ORDER, copy, &value);
    }
    return true;
}

static bool
erase_reaction(void *context, struct hp_bytes key, struct hp_bytes stored)
{
    struct eraser *eraser = context;
    struct hp_buffer nothing = {0};
    struct hp_reaction reaction;

    assert_int_equal(hp_reaction_decode(stored, &reaction, NULL), HP_OK);
    if (hp_watermark_voids(&eraser->mark, reaction.at))
        put(eraser->step, HP_STORE_REACTION, hp_arena_copy(hp_step_arena(eraser->step), key),
            &nothing);
    return true;
}

static void
apply_erasure(struct hp_step *step, const struct event *event)
{
    struct hp_bytes key = user_key(step, event, (struct hp_bytes){0});
    struct hp_bytes whom = event->kind == ERASURE
                               ? (struct hp_bytes){0}
                               : hp_bytes(event->recipient, HP_RECIPIENT_BYTES);
    struct eraser eraser = {.step = step, .mark = load_mark(step, event)};
    struct hp_buffer value = {0};
    bool changed;

    assert_int_equal(
        hp_watermark_raise(&eraser.mark, whom, event->at, hp_step_arena(step), &changed, NULL),
        HP_OK);
    if (!changed)
        return;
    hp_watermark_encode(&eraser.mark, &value);
    put(step, HP_STORE_WATERMARK, key, &value);
    assert_int_equal(hp_step_scan(step, HP_STORE_ORDER, key, (struct hp_bytes){0}, erase_order,
                         &eraser, NULL),
        HP_OK);
    assert_int_equal(hp_step_scan(step, HP_STORE_REACTION, key, (struct hp_bytes){0},
                         erase_reaction, &eraser, NULL),
        HP_OK);
}

static enum hp_status
process(void *context, struct hp_step *step, const struct hp_message *message,
    struct hp_error *error)
{
    struct hp_cursor cursor = hp_cursor(message->value);
    const struct event *event = &events[hp_get_u32(&cursor)];

    (void)context;
    (void)error;
    switch (event->kind) {
    case ORDER: apply_order(step, event); break;
    case FEEDBACK: apply_feedback(step, event); break;
    case ERASURE:
    case RECIPIENT_ERASURE: apply_erasure(step, event); break;
    }
    return HP_OK;
}

static enum hp_status
emit(void *context, struct hp_step *step, int64_t now_ms, bool *more, struct hp_error *error)
{
    struct world *world = context;
    struct task_state *own = hp_task_user(hp_step_task(step));

    enum hp_status status;

    *more = false;
    status = hp_derive(&own->blocks, &own->deriver, step, more, error);
    if (!status && !*more)
        status =
            hp_rows_publish(&world->rows, &own->pace, &own->blocks, step, now_ms, more, error);
    *more = *more || own->blocks.open || !hp_rows_done(&own->pace, &own->blocks);
    return status;
}

static enum hp_status
opened(void *context, struct hp_task *task, struct hp_error *error)
{
    struct world *world = context;
    struct task_state *own = hp_alloc(sizeof(*own));

    (void)error;
    own->blocks.bytes_max = 1 << 12;       /* rows come and go, */
    own->deriver.pasts = (struct hp_pasts){/* and so do pasts */
        .tally = &world->pasts,
        .bytes_max = 6000,
        .share = 6000 / (size_t)world->partitions,
        .least = 3};
    if (hp_task_partition(task) == 0)
        own->solver = hp_solver_new(&(struct hp_solver_options){.cluster = world->cluster,
            .application_id = "test",
            .rows_topic = "rows",
            .model_topic = "model",
            .partitions = world->partitions});
    hp_task_set_user(task, own);
    return HP_OK;
}

static void
closed(void *context, struct hp_task *task)
{
    struct task_state *own = hp_task_user(task);

    (void)context;
    if (!own)
        return;
    hp_solver_free(own->solver);
    hp_rows_aborted(&own->pace);
    hp_blocks_close(&own->blocks);
    hp_deriver_forget(&own->deriver);
    free(own);
    hp_task_set_user(task, NULL);
}

static void
aborted(void *context, struct hp_task *task)
{
    struct task_state *own = hp_task_user(task);

    (void)context;
    if (!own)
        return;
    hp_rows_aborted(&own->pace);
    hp_blocks_aborted(&own->blocks);
    hp_deriver_forget(&own->deriver);
}

static enum hp_status
fact_changed(void *context, struct hp_step *step, uint8_t store, struct hp_bytes key,
    struct hp_bytes before, struct hp_bytes after, struct hp_error *error)
{
    struct task_state *own = hp_task_user(hp_step_task(step));

    (void)context;
    return hp_derive_fact(own ? &own->deriver : NULL, step, store, key, before, after, error);
}

/* The instance that has the partition now, or this task of it; -1: nobody. */
static int
seat_of_partition(const struct world *world, int32_t partition, const struct hp_task *task)
{
    for (int i = 0; i < INSTANCES; i++) {
        struct hp_task *here =
            world->worker[i] ? hp_worker_task(world->worker[i], partition) : NULL;

        if (here && (!task || here == task))
            return i;
    }
    return -1;
}

static int
seat_of(const struct world *world, const struct hp_task *task)
{
    int seat = seat_of_partition(world, hp_task_partition(task), task);

    assert_true(seat >= 0);
    return seat;
}

static void
committed(void *context, struct hp_task *task)
{
    struct task_state *own = hp_task_user(task);
    struct world *world = context;
    struct hp_verdict verdict;

    if (own) {
        hp_blocks_committed(&own->blocks);
        hp_deriver_committed(&own->deriver);
    }
    if (!getenv("HAMPER_HISTORIES"))
        return;
    assert_int_equal(
        hp_verify(world->kv[seat_of(world, task)], hp_task_partition(task), &verdict, NULL),
        HP_OK);
    if (!verdict.same)
        fail_msg("task %d: %s", (int)hp_task_partition(task), verdict.difference);
}

static struct hp_solver *
solver_of(struct hp_worker *worker)
{
    struct hp_task *task = worker ? hp_worker_task(worker, 0) : NULL;
    struct task_state *own = task ? hp_task_user(task) : NULL;

    return own ? own->solver : NULL;
}

static enum hp_status
tick(void *context, struct hp_worker *worker, int64_t now_ms, struct hp_error *error)
{
    struct hp_solver *solver = solver_of(worker);

    (void)context;
    return solver ? hp_solver_step(solver, false, now_ms, error) : HP_OK;
}

/* ---- the world --------------------------------------------------------------------------- */

static int64_t
clock_ms(void *context)
{
    return ((struct world *)context)->now_ms;
}

static enum hp_status
fault(void *context, const char *operation, struct hp_error *error)
{
    struct world *world = context;

    if (world->fail_one_in == 0 || strncmp(operation, "commit", 6) != 0 ||
        strcmp(operation, "committed") == 0 || hp_rng_below(&world->rng, world->fail_one_in))
        return HP_OK;
    return hp_fail(error, HP_RETRY, "made-up failure of %s", operation);
}

static void
make_topic(struct world *world, const char *name, int32_t partitions, const char *policy)
{
    const struct hp_setting settings[] = {
        {"cleanup.policy", policy}, {"message.timestamp.type", "CreateTime"}};
    const struct hp_topic_spec spec = {name, partitions, 1, settings, 2};

    assert_int_equal(hp_cluster_create(world->cluster, &spec, NULL), HP_OK);
}

static void
start(struct world *world, int seat)
{
    static const char *const names[INSTANCES] = {"a-0", "b-0", "c-0"};
    struct hp_error error = {0};

    if (!world->kv[seat])
        world->kv[seat] = hp_kv_memory_new();

    if (hp_worker_new(&(struct hp_worker_options){.cluster = world->cluster,
                          .kv = world->kv[seat],
                          .application = &world->application,
                          .application_id = "test",
                          .instance = names[seat],
                          .changelog_topic = "changelog",
                          .dead_letter_topic = "dead",
                          .reroute_topic = "reroute",
                          .audit_topic = "audit",
                          .partitions = world->partitions,
                          .dead_letter_partitions = world->partitions,
                          .clock_ms = clock_ms,
                          .clock_context = world,
                          .commit_interval_ms = 100,
                          .commit_gap_ms = 10,
                          .fence_ms = 200,
                          .overlay_bytes = 1 << 20,
                          .round_records = 16,
                          .breaker = true,
                          .delete_retention_ms = 86400000},
            &world->worker[seat], &error))
        fail_msg("worker: %s", error.text);
}

static void
init(struct world *world, int32_t partitions, uint64_t seed)
{
    struct hp_memory_options memory = {
        .clock = clock_ms, .clock_context = world, .fault = fault, .fault_context = world};

    *world = (struct world){.now_ms = HP_DAY_MS * 200, .partitions = partitions, .rng = {seed}};
    world->cluster = hp_cluster_memory_new(&memory);
    make_topic(world, "orders", partitions, "delete");
    make_topic(world, "reroute", partitions, "delete");
    make_topic(world, "dead", partitions, "delete");
    make_topic(world, "audit", partitions, "delete");
    make_topic(world, "changelog", partitions, "compact");
    make_topic(world, "rows", partitions, "compact");
    make_topic(world, "model", 1, "compact");
    assert_int_equal(hp_producer_new(world->cluster, NULL, &world->producer, NULL), HP_OK);
    world->source = (struct hp_source_spec){.topic = "orders"};
    world->rows = (struct hp_rows_options){
        .cluster = world->cluster, .topic = "rows", .publish_ms = 60000, .eager = true};
    world->application = (struct hp_application){.context = world,
        .sources = &world->source,
        .source_count = 1,
        .stores = hp_flow_stores,
        .store_count = hp_flow_store_count,
        .process = process,
        .fact_changed = fact_changed,
        .emit = emit,
        .opened = opened,
        .closed = closed,
        .committed = committed,
        .aborted = aborted,
        .tick = tick};
    world->instances = 1;
    assert_int_equal(hp_model_view_new(world->cluster, "model", &world->view, NULL), HP_OK);
    start(world, 0);
}

static void
release(struct world *world)
{
    world->fail_one_in = 0;
    for (int i = 0; i < INSTANCES; i++)
        if (world->worker[i])
            hp_worker_free(world->worker[i], false);
    hp_model_view_free(world->view);
    for (int i = 0; i < INSTANCES; i++)
        if (world->kv[i])
            hp_kv_free(world->kv[i]);
    hp_producer_free(world->producer, false);
    hp_cluster_free(world->cluster);
}

static void
send_event(struct world *world, int number)
{
    struct hp_bytes user = hp_bytes_text(user_names[events[number].user]);
    struct hp_buffer value = {0};

    hp_put_u32(&value, (uint32_t)number);
    assert_int_equal(hp_producer_send(world->producer,
                         &(struct hp_outgoing){.topic = "orders",
                             .partition = hp_partition_of(user, world->partitions),
                             .timestamp_ms = world->now_ms,
                             .key = user,
                             .value = hp_buffer_bytes(&value)},
                         NULL),
        HP_OK);
    hp_buffer_release(&value);
}

static void
turn(struct world *world)
{
    struct hp_error error = {0};

    for (int i = 0; i < INSTANCES; i++)
        if (world->worker[i] && hp_worker_step(world->worker[i], 0, &error))
            fail_msg("worker %d: %s", i, error.text);
    if (hp_model_view_step(world->view, 0, &error))
        fail_msg("view: %s", error.text);
    world->now_ms += 50;
}

static bool
is_quiet(const struct world *world)
{
    bool solved = false;
    size_t tasks = 0;

    for (int i = 0; i < world->instances; i++) {
        struct hp_solver *solver = solver_of(world->worker[i]);
        struct hp_worker_state state;

        if (!world->worker[i])
            return false;
        hp_worker_state(world->worker[i], &state);
        if (!state.idle || state.restoring || !state.assigned)
            return false;
        tasks += state.task_count;
        solved = solved || (solver && hp_solver_idle(solver));
    }
    return solved && tasks == (size_t)world->partitions;
}

/* Until nothing is left to do, in the inputs, in the rows and in the model. */
static void
settle(struct world *world)
{
    int quiet = 0;

    assert_int_equal(hp_producer_flush(world->producer, NULL), HP_OK);
    for (int i = 0; i < 20000 && quiet < 50; i++) {
        turn(world);
        quiet = is_quiet(world) ? quiet + 1 : 0;
    }
    assert_true(quiet >= 50);
}

static void
wipe(struct world *world)
{
    hp_kv_free(world->kv[0]);
    world->kv[0] = NULL;
}

/* The tasks of all instances, as one state. */
static struct hp_kv *
gathered(const struct world *world)
{
    struct hp_kv *kv = hp_kv_memory_new();

    for (int32_t p = 0; p < world->partitions; p++) {
        int seat = seat_of_partition(world, p, NULL);
        struct hp_kv_batch batch = {0};
        struct hp_buffer from = {0};
        struct hp_buffer to = {0};
        struct hp_kv_cursor *cursor;
        struct hp_bytes key;
        struct hp_bytes value;

        assert_true(seat >= 0);
        hp_key_head(&from, p, 0);
        hp_key_head(&to, p + 1, 0);
        cursor = hp_kv_scan(world->kv[seat], hp_buffer_bytes(&from), hp_buffer_bytes(&to));
        while (hp_kv_next(cursor, &key, &value))
            hp_kv_put(&batch, key, value);
        assert_int_equal(hp_kv_cursor_free(cursor, NULL), HP_OK);
        assert_int_equal(hp_kv_write(kv, &batch, NULL), HP_OK);
        hp_kv_batch_release(&batch);
        hp_buffer_release(&from);
        hp_buffer_release(&to);
    }
    return kv;
}

/* ---- what is compared -------------------------------------------------------------------- */

struct outcome {
    struct hp_ledger_digests facts;
    struct hp_digest aggregates;
    struct hp_digest counts; /* heads and pairs, summed over the partitions */
    struct hp_model_item model[ITEMS];
    int64_t model_users;
    size_t model_count;
};

static enum hp_fact_kind
kind_of(uint8_t store)
{
    switch (store) {
    case HP_STORE_ORDER: return HP_FACT_ORDER;
    case HP_STORE_REACTION: return HP_FACT_REACTION;
    case HP_STORE_WATERMARK: return HP_FACT_WATERMARK;
    default: return HP_FACT_OTHER;
    }
}

static void
read_store(struct hp_kv *kv, int32_t partition, uint8_t store, struct outcome *outcome)
{
    struct hp_buffer from = {0};
    struct hp_buffer to = {0};
    struct hp_kv_cursor *cursor;
    struct hp_bytes key;
    struct hp_bytes value;

    hp_key_head(&from, partition, store);
    assert_true(hp_key_after_prefix(hp_buffer_bytes(&from), &to));
    cursor = hp_kv_scan(kv, hp_buffer_bytes(&from), hp_buffer_bytes(&to));
    while (hp_kv_next(cursor, &key, &value)) {
        struct hp_bytes inner = hp_bytes(key.data + HP_KEY_HEAD, key.size - HP_KEY_HEAD);
        struct hp_digest row = hp_row_digest(store, inner, value);

        hp_ledger_digests_change(
            &outcome->facts, kind_of(store), store, inner, (struct hp_bytes){0}, value);
        if (store == HP_STORE_AGGREGATE)
            outcome->aggregates = hp_digest_add(outcome->aggregates, row);
    }
    assert_int_equal(hp_kv_cursor_free(cursor, NULL), HP_OK);
    hp_buffer_release(&from);
    hp_buffer_release(&to);
}

/* As a stranger reads them from the state directory. */
static struct hp_digest
digest_of_counts(struct hp_kv *kv, int32_t partitions)
{
    struct hp_counts_sum sum = {0};
    struct hp_digest digest = {0};
    struct hp_buffer bytes = {0};

    assert_int_equal(hp_counts_read(kv, 0, partitions, &sum, NULL), HP_OK);
    for (size_t i = 0; i < sum.item_count; i++) {
        hp_buffer_clear(&bytes);
        hp_head_encode(&sum.items[i].head, &bytes);
        if (bytes.size)
            digest = hp_digest_add(
                digest, hp_row_digest(1, sum.items[i].item_id, hp_buffer_bytes(&bytes)));
    }
    for (size_t i = 0; i < sum.pair_count; i++) {
        hp_buffer_clear(&bytes);
        hp_put_bytes(&bytes, sum.items[sum.pairs[i].b].item_id);
        hp_put_varint(&bytes, sum.pairs[i].users);
        digest = hp_digest_add(digest,
            hp_row_digest(2, sum.items[sum.pairs[i].a].item_id, hp_buffer_bytes(&bytes)));
    }
    hp_buffer_release(&bytes);
    hp_counts_release(&sum);
    return digest;
}

static struct outcome
outcome_of(struct world *world)
{
    static const uint8_t stores[] = {
        HP_STORE_ORDER, HP_STORE_REACTION, HP_STORE_WATERMARK, HP_STORE_AGGREGATE};
    struct hp_model_snapshot *snapshot = hp_model_view_acquire(world->view);
    struct hp_kv *kv = gathered(world);
    struct outcome outcome;

    memset(&outcome, 0, sizeof(outcome));
    for (int32_t p = 0; p < world->partitions; p++)
        for (size_t i = 0; i < sizeof(stores); i++)
            read_store(kv, p, stores[i], &outcome);
    outcome.counts = digest_of_counts(kv, world->partitions);
    hp_kv_free(kv);
    for (int i = 0; i < ITEMS; i++)
        outcome.model[i] = hp_model_snapshot_find(snapshot, hp_bytes_text(item_names[i]));
    outcome.model_users = hp_model_snapshot_users(snapshot);
    outcome.model_count = hp_model_snapshot_count(snapshot);
    hp_model_snapshot_release(snapshot);
    return outcome;
}

static void
shuffle(struct hp_rng *rng, int *order, int count)
{
    for (int i = 0; i < count; i++)
        order[i] = i;
    for (int i = count - 1; i > 0; i--) {
        int k = (int)hp_rng_below(rng, (uint32_t)i + 1);
        int swap = order[i];

        order[i] = order[k];
        order[k] = swap;
    }
}

/* Sends all events in an order of the seed's, with turns in between, and settles. */
static void
play(struct world *world, uint64_t seed, bool without_unseen)
{
    struct hp_rng rng = {seed};
    int order[EVENTS];

    shuffle(&rng, order, EVENTS);
    for (int i = 0; i < EVENTS; i++) {
        int seat = i * INSTANCES / EVENTS;

        if (seat > 0 && seat < world->instances && !world->worker[seat])
            start(world, seat);
        if (without_unseen && events[order[i]].unseen)
            continue;
        send_event(world, order[i]);
        for (uint32_t k = hp_rng_below(&rng, 4); k > 2; k--)
            turn(world);
    }
    settle(world);
}

static struct outcome
run(int32_t partitions, int instances, uint64_t seed, uint32_t fail_one_in, bool without_unseen)
{
    struct world world;
    struct outcome outcome;

    init(&world, partitions, seed);
    world.instances = instances;
    world.fail_one_in = fail_one_in;
    play(&world, seed, without_unseen);
    outcome = outcome_of(&world);
    release(&world);
    return outcome;
}

static void
assert_same_derived(const struct outcome *a, const struct outcome *b)
{
    assert_true(hp_digest_equal(a->facts.effect, b->facts.effect));
    assert_true(hp_digest_equal(a->aggregates, b->aggregates));
    assert_true(hp_digest_equal(a->counts, b->counts));
    assert_int_equal(a->model_users, b->model_users);
    assert_int_equal(a->model_count, b->model_count);
    assert_memory_equal(a->model, b->model, sizeof(a->model));
}

/* ---- promises ---------------------------------------------------------------------------- */

/* The product is a function of what happened, not of how the records travelled. */
static void
any_arrival_order_gives_equal_state_and_model(void **state)
{
    static const int32_t partitions[] = {1, 4, 16, 1, 4, 16};
    static const int instances[] = {1, 1, 1, 1, 2, 3};

    (void)state;
    for (uint64_t seed = first_seed(); seed < first_seed() + rounds(); seed++) {
        struct outcome first;

        make_events(seed);
        first = run(1, 1, seed * 1000, 0, false);
        assert_true(first.model_count > 0);
        for (uint64_t i = 1; i < HP_ARRAY_SIZE(partitions); i++) {
            struct outcome other = run(
                partitions[i], instances[i], seed * 1000 + i, i == 3 || i == 5 ? 20 : 0, false);

            if (!hp_digest_equal(first.facts.set, other.facts.set))
                fail_msg("seed %d order %d: set digests differ", (int)seed, (int)i);
            assert_same_derived(&first, &other);
            if (i == 3)
                assert_true(hp_digest_equal(first.counts, other.counts));
        }
    }
}

/* Marks what a run that never saw the erased and the cancelled would not contain. */
static void
mark_unseen(void)
{
    for (int i = 0; i < EVENTS; i++) {
        struct event *event = &events[i];

        event->unseen = event->kind == ERASURE;
        for (int k = 0; k < EVENTS; k++)
            if (events[k].kind == ERASURE && events[k].user == event->user &&
                (event->kind == ORDER || event->kind == FEEDBACK) && event->at <= events[k].at)
                event->unseen = true;
    }
}

/* Exact unlearning: nothing but watermarks and stubs tells an erased run from one that never
 * saw the erased. */
static void
erased_is_as_if_it_had_never_come(void **state)
{
    (void)state;
    for (uint64_t seed = 50; seed < 50 + (rounds() < 1000 ? rounds() : 1000); seed++) {
        struct outcome erased;
        struct outcome never;

        make_events(seed);
        mark_unseen();
        erased = run(1, 1, seed, 0, false);
        never = run(1, 1, seed + 7, 0, true);
        assert_same_derived(&erased, &never);
        assert_true(hp_digest_equal(erased.counts, never.counts));
    }
}

static void
cancelled_is_as_if_it_had_never_come(void **state)
{
    struct outcome cancelled;
    struct outcome never;
    struct world world;

    (void)state;
    make_events(99);
    for (int i = 0; i < EVENTS; i++)
        if (events[i].kind == ORDER && events[i].user % 2 == 0)
            events[i].unseen = true;
    never = run(1, 1, 5, 0, true);
    init(&world, 1, 6);
    play(&world, 6, false);
    for (int i = 0; i < EVENTS; i++)
        if (events[i].unseen) {
            events[i].order.version = 4;
            events[i].order.status = HP_ORDER_CANCELLED;
            send_event(&world, i);
        }
    settle(&world);
    cancelled = outcome_of(&world);
    release(&world);
    assert_same_derived(&cancelled, &never);
    assert_true(hp_digest_equal(cancelled.counts, never.counts));
    assert_false(hp_digest_equal(cancelled.facts.set, never.facts.set)); /* stubs stay */
}

/* A head that vanished while its tombstone was not out yet must not stay in the model. */
static void
lost_state_buries_rows_of_items_that_are_gone(void **state)
{
    struct world world;
    struct outcome after;
    int last = EVENTS - 1;

    (void)state;
    make_events(7);
    init(&world, 1, 7);
    for (int i = 0; i < USERS; i++) {
        events[i] = (struct event){.kind = ERASURE, .user = i, .at = HP_DAY_MS * 150};
    }
    events[last] = (struct event){.kind = FEEDBACK, .user = 0, .at = HP_DAY_MS * 160};
    events[last].feedback = (struct hp_feedback){.feedback_id = hp_bytes_text("f"),
        .at = HP_DAY_MS * 160,
        .kind = HP_FEEDBACK_LIKED,
        .item_id = hp_bytes_text(item_names[0])};
    for (int i = USERS; i < last; i++)
        if (events[i].kind != ERASURE)
            send_event(&world, i);
    settle(&world);
    assert_true(outcome_of(&world).model_count > 3);
    world.rows.eager = false; /* the next walk is a minute away */
    for (int i = 0; i < USERS; i++)
        send_event(&world, i);
    send_event(&world, last);
    assert_int_equal(hp_producer_flush(world.producer, NULL), HP_OK);
    for (int i = 0; i < 40; i++)
        turn(&world);
    assert_true(outcome_of(&world).model_count > 3);
    hp_worker_free(world.worker[0], true);
    wipe(&world);
    world.now_ms += 60000;
    world.rows.eager = true;
    start(&world, 0);
    settle(&world);
    after = outcome_of(&world);
    assert_int_equal(after.model_count, 1);
    assert_int_equal(after.model_users, 1);
    assert_int_equal(after.model[0].users, 1);
    release(&world);
}

/* Derived rows after a rebuild from the changelog equal those kept all along. */
static void
rebuilt_state_equals_kept_state(void **state)
{
    (void)state;
    for (uint64_t seed = 20; seed < 24; seed++) {
        struct world world;
        struct outcome kept;
        struct outcome rebuilt;

        make_events(seed);
        init(&world, 2, seed);
        play(&world, seed, false);
        kept = outcome_of(&world);
        hp_worker_free(world.worker[0], true);
        wipe(&world);
        world.now_ms += 60000;
        start(&world, 0);
        settle(&world);
        rebuilt = outcome_of(&world);
        assert_same_derived(&kept, &rebuilt);
        assert_true(hp_digest_equal(kept.facts.set, rebuilt.facts.set));
        assert_true(hp_digest_equal(kept.counts, rebuilt.counts));
        release(&world);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_arrival_order_gives_equal_state_and_model),
        cmocka_unit_test(erased_is_as_if_it_had_never_come),
        cmocka_unit_test(cancelled_is_as_if_it_had_never_come),
        cmocka_unit_test(lost_state_buries_rows_of_items_that_are_gone),
        cmocka_unit_test(rebuilt_state_equals_kept_state),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
