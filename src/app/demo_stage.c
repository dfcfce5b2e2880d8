/*
 * app/demo_stage.c - the whole stream in one thread, stepped by hand.
 *
 *     send --> inputs --> hp_flow_views_step, hp_worker_step --> outputs --> drain --> watched
 *
 * It is the same code that `hamper run` drives with threads; only the cluster and the state are
 * those in memory. Settled means: the worker has committed everything sent, it has nothing to
 * emit, the solver has published, and a few more turns changed nothing (a new catalogue or
 * model reaches the views one turn after it was written).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "app/command.h"
#include "app/demo.h"
#include "broker/broker_memory.h"
#include "store/kv_memory.h"

#include <inttypes.h>
#include <time.h>

#define QUIET_TURNS     4
#define WAIT_MS         2
#define READY_TURNS     1000
#define TERMINAL_MS     100
#define PLAIN_MS        2000
#define USERS_MIN       1024
#define CODE_HEADER     "__connect.errors.exception.class.name"
#define TOPIC_HEADER    "__connect.errors.topic"
#define OUTPUT_BOXES    0
#define OUTPUT_ANSWERS  1
#define OUTPUT_DEAD     2
#define OUTPUT_RECEIPTS 3
#define OUTPUT_COUNT    4
#define TURN_MS         10 /* of the stage's own clock */
#define LONG_MS         (INT64_C(1) << 50)
#define SHED_BYTES      ((size_t)64 << 20) /* logs may grow so much before they are shed */
#define LOG_BYTES       ((size_t)4 << 20)  /* a partition keeps, on its own clock */

static const enum hp_topic outputs[OUTPUT_COUNT] = {HP_TOPIC_BOX_RECOMMENDATIONS,
    HP_TOPIC_BOX_ANSWERS, HP_TOPIC_DEAD_LETTERS, HP_TOPIC_ERASURE_RECEIPTS};

/* In the order of enum hp_record_type. */
static const enum hp_topic inputs[] = {HP_TOPIC_ORDERS, HP_TOPIC_FEEDBACK, HP_TOPIC_PREFERENCES,
    HP_TOPIC_BOX_REQUESTS, HP_TOPIC_ERASURES, HP_TOPIC_CATALOGUE};

int64_t
hp_stage_clock_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t
wall_clock(void *context)
{
    (void)context;
    return hp_now_ms();
}

static int64_t
own_clock(void *context)
{
    const struct hp_stage *stage = context;

    return stage->now_ms;
}

static struct hp_cluster *
make_cluster(struct hp_stage *stage)
{
    struct hp_memory_options options = {0};

    if (stage->own_clock)
        options = (struct hp_memory_options){.clock = own_clock,
            .clock_context = stage,
            .session_timeout_ms = LONG_MS,
            .poll_interval_ms = LONG_MS,
            .transaction_timeout_ms = LONG_MS,
            .retention_bytes = LOG_BYTES};
    return hp_cluster_memory_new(&options);
}

static int32_t
partitions_of(const struct hp_stage *stage, enum hp_topic topic)
{
    return hp_topic_rows[topic].by_partitions ? (int32_t)stage->options->partitions : 1;
}

/* ---- opening ---------------------------------------------------------------------------- */

static enum hp_status
make_topics(struct hp_stage *stage, struct hp_error *error)
{
    enum hp_status status = HP_OK;

    for (int i = 0; i < HP_TOPIC_COUNT && !status; i++) {
        const struct hp_topic_row *row = &hp_topic_rows[i];
        size_t settings = 0;

        while (settings < HP_ARRAY_SIZE(row->settings) && row->settings[settings].name)
            settings++;
        status = hp_cluster_create(stage->cluster,
            &(struct hp_topic_spec){.name = stage->options->topics.name[i],
                .partitions = partitions_of(stage, (enum hp_topic)i),
                .replication = 1,
                .settings = row->settings,
                .setting_count = settings},
            error);
    }
    return status;
}

/* The processor prepares what it writes; the stage writes the inputs as well. */
static enum hp_status
prepare_inputs(struct hp_stage *stage, struct hp_error *error)
{
    enum hp_status status = HP_OK;

    for (size_t type = 0; type < HP_ARRAY_SIZE(inputs) && !status; type++) {
        char subject[300];

        snprintf(
            subject, sizeof(subject), "%s-value", stage->options->topics.name[inputs[type]]);
        status =
            hp_codec_prepare(stage->process->codec, (enum hp_record_type)type, subject, error);
    }
    return status;
}

static enum hp_status
open_reader(struct hp_stage *stage, struct hp_error *error)
{
    const char **topics = HP_ARENA_ARRAY(&stage->options->arena, OUTPUT_COUNT, const char *);
    enum hp_status status;

    for (int i = 0; i < OUTPUT_COUNT; i++)
        topics[i] = stage->options->topics.name[outputs[i]];
    status = hp_reader_new(stage->cluster,
        &(struct hp_reader_options){.topics = topics, .topic_count = OUTPUT_COUNT},
        &stage->reader, error);
    for (int i = 0; i < OUTPUT_COUNT && !status; i++)
        for (int32_t p = 0; p < partitions_of(stage, outputs[i]) && !status; p++)
            status = hp_reader_assign(stage->reader, i, p, 0, error);
    return status;
}

static enum hp_status
join(struct hp_stage *stage, struct hp_error *error)
{
    enum hp_status status = HP_OK;

    for (int i = 0; !status && !hp_flow_ready(stage->process->flow); i++) {
        if (i == READY_TURNS)
            return hp_fail(error, HP_FATAL, "the views do not become ready");
        status = hp_flow_views_step(stage->process->flow, WAIT_MS, error);
    }
    return status ? status : hp_process_join(stage->process, &stage->process_options, error);
}

enum hp_status
hp_stage_open(struct hp_stage *stage, struct hp_options *options, struct hp_error *error)
{
    enum hp_status status;

    HP_ASSERT(options->threads == 1);
    stage->options = options;
    stage->start_ms = hp_stage_clock_ms();
    stage->cluster = make_cluster(stage);
    stage->kv = hp_kv_memory_new();
    stage->process_options = (struct hp_process_options){.options = options,
        .cluster = stage->cluster,
        .kv = stage->kv,
        .clock_ms = stage->own_clock ? own_clock : wall_clock,
        .clock_context = stage,
        .batch = !stage->own_clock};
    status = make_topics(stage, error);
    if (!status)
        status = hp_process_new(&stage->process_options, &stage->process, error);
    if (!status)
        status = prepare_inputs(stage, error);
    if (!status)
        status = open_reader(stage, error);
    if (!status)
        status = hp_producer_new(stage->cluster, NULL, &stage->producer, error);
    return status ? status : join(stage, error);
}

void
hp_stage_close(struct hp_stage *stage)
{
    for (size_t i = 0; i < stage->watched_count; i++) {
        free(stage->watched[i].user);
        hp_buffer_release(&stage->watched[i].standing);
        hp_buffer_release(&stage->watched[i].answer);
    }
    if (stage->producer)
        hp_producer_free(stage->producer, false);
    if (stage->reader)
        hp_reader_free(stage->reader);
    hp_process_free(stage->process);
    hp_kv_free(stage->kv);
    hp_cluster_free(stage->cluster);
    hp_arena_release(&stage->arena);
    hp_buffer_release(&stage->value);
    free(stage->users);
}

/* ---- in ---------------------------------------------------------------------------------- */

enum hp_status
hp_stage_send(struct hp_stage *stage, enum hp_record_type type, const void *record,
    struct hp_error *error)
{
    enum hp_topic topic = inputs[type];
    struct hp_bytes key = hp_any_event_key(type, record);
    enum hp_status status;

    hp_buffer_clear(&stage->value);
    status = hp_codec_encode(stage->process->codec, type, record, &stage->value, error);
    if (!status)
        status = hp_producer_send(stage->producer,
            &(struct hp_outgoing){.topic = stage->options->topics.name[topic],
                .partition = hp_partition_of(key, partitions_of(stage, topic)),
                .key = key,
                .value = hp_buffer_bytes(&stage->value)},
            error);
    stage->sent += status == HP_OK;
    stage->items_sent += status == HP_OK && topic == HP_TOPIC_CATALOGUE;
    return status;
}

/* ---- out --------------------------------------------------------------------------------- */

static bool
put_user(uint64_t *slots, size_t slot_count, uint64_t hash)
{
    size_t at = hash % slot_count;

    while (slots[at] && slots[at] != hash)
        at = (at + 1) % slot_count;
    if (slots[at])
        return false;
    slots[at] = hash;
    return true;
}

static void
count_user(struct hp_stage *stage, struct hp_bytes user)
{
    uint64_t hash = hp_hash64(user);

    if (stage->user_count * 2 >= stage->user_slots) {
        size_t wider = stage->user_slots ? stage->user_slots * 2 : USERS_MIN;
        uint64_t *slots = hp_alloc(wider * sizeof(*slots));

        for (size_t i = 0; i < stage->user_slots; i++)
            if (stage->users[i])
                put_user(slots, wider, stage->users[i]);
        free(stage->users);
        stage->users = slots;
        stage->user_slots = wider;
    }
    stage->user_count += put_user(stage->users, stage->user_slots, hash ? hash : 1);
}

static struct hp_watched *
find_watched(struct hp_stage *stage, struct hp_bytes user)
{
    for (size_t i = 0; i < stage->watched_count; i++)
        if (hp_bytes_is(user, stage->watched[i].user))
            return &stage->watched[i];
    return NULL;
}

struct hp_watched *
hp_stage_watch(struct hp_stage *stage, struct hp_bytes user)
{
    struct hp_watched *watched = find_watched(stage, user);
    struct hp_buffer text = {0};

    if (watched)
        return watched;
    HP_ASSERT(stage->watched_count < HP_STAGE_WATCHED_MAX);
    watched = &stage->watched[stage->watched_count++];
    hp_buffer_append(&text, user.data, user.size);
    hp_put_u8(&text, 0);
    *watched = (struct hp_watched){.user = (char *)text.data};
    return watched;
}

static enum hp_status
decode(struct hp_stage *stage, struct hp_bytes value, struct hp_arena *arena,
    struct hp_recommendation *recommendation, struct hp_error *error)
{
    return hp_codec_decode(stage->process->codec, HP_RECORD_BOX_RECOMMENDATION, value,
        (struct hp_bytes){0}, arena, recommendation, error);
}

/* A tombstone (an erased user) takes away what is kept. */
static enum hp_status
take_boxes(struct hp_stage *stage, const struct hp_message *message, struct hp_error *error)
{
    bool standing = message->source == OUTPUT_BOXES;
    struct hp_watched *watched = find_watched(stage, message->key);
    struct hp_recommendation recommendation;
    enum hp_status status;

    if (watched) {
        struct hp_buffer *kept = standing ? &watched->standing : &watched->answer;

        hp_buffer_clear(kept);
        if (message->value.data)
            hp_buffer_append(kept, message->value.data, message->value.size);
        watched->seen_ms = hp_stage_clock_ms();
    }
    if (!message->value.data)
        return HP_OK;
    status = decode(stage, message->value, &stage->arena, &recommendation, error);
    if (status)
        return status;
    *(standing ? &stage->recommendations : &stage->answers) += 1;
    stage->boxes += (int64_t)recommendation.box_count;
    count_user(stage, recommendation.user_id);
    if (stage->shown && (standing || stage->show_answers))
        stage->shown(stage->shown_context, &recommendation);
    return HP_OK;
}

static void
copy_header(const struct hp_message *message, const char *name, char *text, size_t size)
{
    snprintf(text, size, "?");
    for (size_t i = 0; i < message->header_count; i++)
        if (hp_bytes_is(message->headers[i].name, name) && message->headers[i].value.data)
            snprintf(text, size, "%.*s", HP_BYTES_FORMAT(message->headers[i].value));
}

static void
take_dead_letter(struct hp_stage *stage, const struct hp_message *message)
{
    struct hp_dead_count found = {.count = 1};

    stage->dead_letters++;
    copy_header(message, CODE_HEADER, found.code, sizeof(found.code));
    copy_header(message, TOPIC_HEADER, found.topic, sizeof(found.topic));
    for (size_t i = 0; i < stage->dead_kinds; i++)
        if (strcmp(stage->dead[i].code, found.code) == 0 &&
            strcmp(stage->dead[i].topic, found.topic) == 0) {
            stage->dead[i].count++;
            return;
        }
    if (stage->dead_kinds < HP_STAGE_REASONS_MAX)
        stage->dead[stage->dead_kinds++] = found;
}

static enum hp_status
drain(struct hp_stage *stage, struct hp_error *error)
{
    for (;;) {
        struct hp_poll poll;
        enum hp_status status = hp_reader_poll(stage->reader, 0, &poll, error);

        if (status || poll.kind == HP_POLL_NOTHING)
            return status;
        if (poll.kind != HP_POLL_RECORD)
            continue;
        hp_arena_clear(&stage->arena);
        if (poll.message.source <= OUTPUT_ANSWERS)
            status = take_boxes(stage, &poll.message, error);
        else if (poll.message.source == OUTPUT_DEAD)
            take_dead_letter(stage, &poll.message);
        else
            stage->receipts++;
        if (status)
            return status;
    }
}

/* Decodes a copy, since what is kept changes with the next record. */
static bool
read_kept(struct hp_stage *stage, const struct hp_buffer *kept, struct hp_arena *arena,
    struct hp_recommendation *recommendation)
{
    struct hp_error error;

    return kept->size > 0 && decode(stage, hp_arena_copy(arena, hp_buffer_bytes(kept)), arena,
                                 recommendation, &error) == HP_OK;
}

bool
hp_stage_standing(struct hp_stage *stage, const struct hp_watched *watched,
    struct hp_arena *arena, struct hp_recommendation *recommendation)
{
    return read_kept(stage, &watched->standing, arena, recommendation);
}

bool
hp_stage_answer(struct hp_stage *stage, const struct hp_watched *watched,
    struct hp_arena *arena, struct hp_recommendation *recommendation)
{
    return read_kept(stage, &watched->answer, arena, recommendation);
}

/* ---- progress ---------------------------------------------------------------------------- */

/* Positions count what was sent and no markers: the inputs' producer has no transactions. The
 * catalogue is no input of the tasks; the views read it whole in each turn. */
int64_t
hp_stage_processed(const struct hp_stage *stage)
{
    struct hp_worker *worker = stage->process->workers[0];
    int64_t processed = stage->items_sent;

    for (int32_t p = 0; p < stage->options->partitions; p++) {
        struct hp_task *task = hp_worker_task(worker, p);

        for (size_t source = 0; task && source < HP_SOURCE_COUNT; source++) {
            int64_t position = hp_task_position(task, source);

            if (source != HP_SOURCE_REROUTE && position > 0)
                processed += position;
        }
    }
    return processed;
}

int64_t
hp_stage_transactions(const struct hp_stage *stage)
{
    struct hp_worker_state state;

    hp_worker_state(stage->process->workers[0], &state);
    return state.transactions;
}

static void
draw_progress(struct hp_stage *stage)
{
    int64_t ms = hp_stage_clock_ms() - stage->start_ms;
    int64_t processed = hp_stage_processed(stage);

    fflush(stdout);
    fprintf(stderr,
        "%s%" PRId64 " events  %" PRId64 "/s  %zu users  %" PRId64 " transactions  %" PRId64
        " boxes%s",
        stage->terminal ? "\r  " : "  ", processed, processed * 1000 / (ms > 0 ? ms : 1),
        stage->user_count, hp_stage_transactions(stage), stage->boxes,
        stage->terminal ? "\033[K" : "\n");
    stage->line_open = stage->terminal;
    stage->told_ms = hp_stage_clock_ms();
}

void
hp_stage_progress_begin(struct hp_stage *stage)
{
    stage->progress = true;
    stage->told_ms = hp_stage_clock_ms();
}

void
hp_stage_progress_end(struct hp_stage *stage)
{
    if (!stage->progress)
        return;
    draw_progress(stage);
    if (stage->line_open)
        fputc('\n', stderr);
    stage->line_open = false;
    stage->progress = false;
}

/* ---- turning ----------------------------------------------------------------------------- */

enum hp_status
hp_stage_turn(struct hp_stage *stage, int timeout_ms, struct hp_error *error)
{
    int64_t pause_ms = stage->terminal ? TERMINAL_MS : PLAIN_MS;
    enum hp_status status = hp_flow_views_step(stage->process->flow, 0, error);

    stage->now_ms += TURN_MS;
    if (hp_demo_interrupted())
        return hp_fail(error, HP_STOP, "interrupted");
    if (!status)
        status = hp_worker_step(stage->process->workers[0], timeout_ms, error);
    if (!status)
        status = drain(stage, error);
    if (!status && stage->progress && hp_stage_clock_ms() - stage->told_ms >= pause_ms)
        draw_progress(stage);
    return status;
}

static enum hp_status
read_targets(
    struct hp_stage *stage, struct hp_position *targets, size_t *count, struct hp_error *error)
{
    enum hp_status status = HP_OK;

    *count = 0;
    for (size_t i = 0; i < HP_ARRAY_SIZE(inputs) && !status; i++)
        for (int32_t p = 0; p < partitions_of(stage, inputs[i]) && !status; p++) {
            struct hp_position *target = &targets[(*count)++];
            int64_t low;

            *target = (struct hp_position){stage->options->topics.name[inputs[i]], p, 0};
            status = hp_cluster_watermarks(
                stage->cluster, target->topic, p, &low, &target->offset, error);
        }
    return status;
}

static bool
is_caught_up(struct hp_stage *stage, const struct hp_position *targets, size_t count)
{
    struct hp_worker *worker = stage->process->workers[0];
    struct hp_worker_state state;

    hp_worker_state(worker, &state);
    return state.idle && hp_worker_reached(worker, targets, count);
}

/* Turns until `quiet_turns` in a row found nothing to do, with the solver or without. */
static enum hp_status
turn_until_quiet(struct hp_stage *stage, int quiet_turns, bool solved, struct hp_error *error)
{
    struct hp_position *targets =
        hp_alloc(HP_ARRAY_SIZE(inputs) * (size_t)stage->options->partitions * sizeof(*targets));
    enum hp_status status = hp_producer_flush(stage->producer, error);
    size_t count = 0;

    if (!status)
        status = read_targets(stage, targets, &count, error);
    for (int quiet = 0; !status && quiet < quiet_turns;) {
        status = hp_stage_turn(stage, stage->own_clock ? 0 : WAIT_MS, error);
        quiet = is_caught_up(stage, targets, count) &&
                        (!solved ||
                            hp_flow_settled(stage->process->flow, stage->process->workers[0]))
                    ? quiet + 1
                    : 0;
    }
    free(targets);
    return status;
}

/* Logs that are read to their ends, and logs of which only the latest of a key counts. */
static enum hp_status
shed_logs(struct hp_stage *stage, struct hp_error *error)
{
    static const enum hp_topic compacted[] = {
        HP_TOPIC_LEDGER_CHANGELOG, HP_TOPIC_ROWS, HP_TOPIC_MODEL, HP_TOPIC_BOX_RECOMMENDATIONS};
    static const enum hp_topic read[] = {
        HP_TOPIC_AUDIT, HP_TOPIC_DEAD_LETTERS, HP_TOPIC_BOX_ANSWERS};
    const struct hp_topic_names *topics = &stage->options->topics;
    enum hp_status status = HP_OK;

    for (size_t i = 0; i < HP_ARRAY_SIZE(compacted); i++)
        for (int32_t p = 0; p < partitions_of(stage, compacted[i]) && !status; p++)
            status = hp_memory_compact(stage->cluster, topics->name[compacted[i]], p, error);
    for (size_t i = 0; i < HP_ARRAY_SIZE(read); i++)
        for (int32_t p = 0; p < partitions_of(stage, read[i]) && !status; p++) {
            int64_t low, high;

            status = hp_cluster_watermarks(
                stage->cluster, topics->name[read[i]], p, &low, &high, error);
            if (!status)
                status = hp_memory_trim(stage->cluster, topics->name[read[i]], p, high, error);
        }
    return status;
}

enum hp_status
hp_stage_catch_up(struct hp_stage *stage, struct hp_error *error)
{
    enum hp_status status = turn_until_quiet(stage, 1, false, error);

    if (!status && stage->own_clock && hp_memory_bytes(stage->cluster) > stage->shed_bytes) {
        status = shed_logs(stage, error);
        stage->shed_bytes = hp_memory_bytes(stage->cluster) + SHED_BYTES;
    }
    return status;
}

enum hp_status
hp_stage_settle(struct hp_stage *stage, struct hp_error *error)
{
    enum hp_status status = HP_OK;

    if (stage->own_clock) {
        status = turn_until_quiet(stage, 1, false, error);
        stage->now_ms += stage->options->rows_publish_ms;
    }
    return status ? status : turn_until_quiet(stage, QUIET_TURNS, true, error);
}
