/*
 * A worker's turn: poll a round, go on restoring, process by source order, emit, commit.
 *
 *     hp_worker_step
 *       back-off?  -> only keep the seat in the group
 *       unpark        tasks whose state is complete start to read
 *       poll_round    records into the queues of their tasks; rebalances happen in here
 *       restore       a slice for each of at most RESTORES_AT_ONCE tasks
 *       process       task by task, source by source, in the sources' order, fence observed
 *       emit          per task; what it sends joins the same transaction
 *       commit        when due
 *
 * Commit rule: what is open is committed when the inputs are drained, `commit_gap_ms` passed
 * since the last commit began, and a record was answered or nothing more is to be emitted; or
 * when it is `commit_interval_ms` old, or when an overlay is full. A round is cut at the
 * interval, or at BATCH_MS_MAX whatever the interval, so that nothing waits behind a long
 * backlog. Positions moved by an END alone are committed once the inputs are drained; all
 * positions at the start and hourly, since a group forgets offsets nobody commits.
 *
 * Any HP_RETRY aborts the transaction of all tasks, since they share it, and parks them until
 * the back-off has passed; then they read again from their committed positions.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "engine/internal.h"

#include "base/bug.h"
#include "base/log.h"

#include <inttypes.h>

#define RESTORES_AT_ONCE 4
#define BATCH_MS_MAX     2000
#define RETRY_MS_MIN     50
#define RECHECK_MS       3600000
#define RESTORE_WAIT_MS  20
#define RESTORE_TURN_MS  100
#define HELD_WAIT_MS     5
#define EMIT_MS          4
#define EMIT_LEAST_MS    50
#define LABELS           320

/* ---- making and ending ---- */

static enum hp_status
check_options(const struct hp_worker_options *options, struct hp_error *error)
{
    const struct hp_application *application = options->application;

    if (application->source_count < 1 || application->source_count > HP_SOURCES_MAX)
        return hp_fail(error, HP_USAGE, "an application has 1 to %d sources, not %zu",
            HP_SOURCES_MAX, application->source_count);
    if (options->partitions < 1 || options->dead_letter_partitions < 1)
        return hp_fail(error, HP_USAGE, "topics have at least one partition");
    for (size_t i = 0; i < application->store_count; i++)
        if (application->stores[i].id == HP_STORE_HEADER)
            return hp_fail(error, HP_USAGE, "store %s: id %d is the engine's own",
                application->stores[i].name, HP_STORE_HEADER);
    return HP_OK;
}

static enum hp_status
check_topic(struct hp_worker *worker, const char *topic, int32_t partitions,
    enum hp_status verdict, struct hp_error *error)
{
    struct hp_arena arena = {0};
    struct hp_topic_info info = {0};
    enum hp_status status =
        hp_cluster_topic(worker->options.cluster, topic, &arena, &info, error);

    hp_arena_release(&arena);
    if (status)
        return status;
    if (!info.exists)
        return hp_fail(error, verdict, "topic %s does not exist", topic);
    if (info.partitions != partitions)
        return hp_fail(error, verdict, "topic %s has %d partitions, %d are expected", topic,
            info.partitions, partitions);
    return HP_OK;
}

static enum hp_status
check_topics(struct hp_worker *worker, enum hp_status verdict, struct hp_error *error)
{
    const struct hp_worker_options *options = &worker->options;
    enum hp_status status = HP_OK;

    for (size_t i = 0; i < worker->application->source_count && !status; i++)
        status = check_topic(worker, worker->topics[i], options->partitions, verdict, error);
    if (!status)
        status =
            check_topic(worker, options->changelog_topic, options->partitions, verdict, error);
    if (!status)
        status = check_topic(worker, options->audit_topic, options->partitions, verdict, error);
    if (!status)
        status = check_topic(worker, options->dead_letter_topic,
            options->dead_letter_partitions, verdict, error);
    return status;
}

static struct hp_metric *
counter(const char *name, const char *help)
{
    return hp_metric_get(HP_METRIC_COUNTER, name, "", help);
}

static void
make_metrics(struct hp_worker *worker)
{
    char labels[LABELS];

    for (size_t i = 0; i < worker->application->source_count; i++) {
        snprintf(labels, sizeof(labels), "topic=\"%s\"", worker->topics[i]);
        worker->processed[i] = hp_metric_get(HP_METRIC_COUNTER,
            "hamper_records_processed_total", labels, "records processed, bad ones included");
        worker->rerouted[i] = hp_metric_get(HP_METRIC_COUNTER, "hamper_rerouted_total", labels,
            "records found on another partition than their user's");
    }
    worker->commits = counter("hamper_transactions_total", "transactions committed");
    worker->aborts = counter("hamper_transactions_aborted_total", "transactions aborted");
    worker->commit_seconds = hp_metric_get(HP_METRIC_HISTOGRAM, "hamper_commit_seconds", "",
        "from the first changelog row to the answer of the commit");
    worker->restored_rows =
        counter("hamper_restore_rows_total", "changelog rows read by restores");
    worker->restores = counter("hamper_restores_total", "restores of a partition");
    worker->rebuilds = counter(
        "hamper_restore_rebuilds_total", "local ranges dropped because they were wrong");
}

static void
arrange_sources(struct hp_worker *worker)
{
    const struct hp_application *application = worker->application;

    for (size_t i = 0; i < application->source_count; i++) {
        size_t at = i;

        worker->topics[i] = application->sources[i].topic;
        for (; at > 0 && application->sources[worker->order[at - 1]].order >
                             application->sources[i].order;
             at--)
            worker->order[at] = worker->order[at - 1];
        worker->order[at] = i;
    }
    for (size_t i = 0; i < application->store_count; i++)
        worker->stores[application->stores[i].id] = &application->stores[i];
}

static void
keep_failure(struct hp_worker *worker, enum hp_status status, const struct hp_error *error)
{
    if (worker->failed && worker->failed != HP_RETRY)
        return;
    worker->failed = status;
    worker->failure = *error;
}

/* Given again without having been taken: somebody else may have had it in between. */
static void
forget_task(struct hp_worker *worker, int32_t partition)
{
    HP_LOG(HP_LOG_WARN, "task assigned although it is here", HP_I("task", partition));
    hp_txn_abort(worker);
    hp_task_free(worker->tasks[partition]);
    worker->tasks[partition] = NULL;
}

static void
on_assigned(void *context, const int32_t *partitions, size_t count)
{
    struct hp_worker *worker = context;

    worker->assigned = true;
    for (size_t i = 0; i < count; i++) {
        int32_t p = partitions[i];

        if (p < 0 || p >= worker->options.partitions) {
            struct hp_error error;

            keep_failure(worker,
                hp_fail(&error, HP_STOP, "partition %d assigned, %d are expected", p,
                    worker->options.partitions),
                &error);
            continue;
        }
        if (worker->tasks[p])
            forget_task(worker, p);
        worker->tasks[p] = hp_task_new(worker, p);
        HP_LOG(HP_LOG_INFO, "task assigned", HP_I("task", p));
    }
}

static void
on_revoked(void *context, const int32_t *partitions, size_t count, bool lost)
{
    struct hp_worker *worker = context;
    struct hp_error error;
    enum hp_status status = HP_OK;

    if (lost || worker->ending)
        hp_txn_abort(worker);
    else
        status = hp_txn_commit(worker, &error);
    if (status) {
        hp_txn_abort(worker);
        keep_failure(worker, status, &error);
    }
    for (size_t i = 0; i < count; i++) {
        int32_t p = partitions[i];

        if (p < 0 || p >= worker->options.partitions || !worker->tasks[p])
            continue;
        HP_LOG(HP_LOG_INFO, lost ? "task lost" : "task revoked", HP_I("task", p));
        hp_task_free(worker->tasks[p]);
        worker->tasks[p] = NULL;
    }
}

static enum hp_status
open_clients(struct hp_worker *worker, struct hp_error *error)
{
    const struct hp_worker_options *options = &worker->options;
    const struct hp_member_options member = {.group = options->application_id,
        .instance = options->instance,
        .topics = worker->topics,
        .topic_count = worker->application->source_count,
        .listener = {worker, on_assigned, on_revoked}};
    char id[LABELS];
    enum hp_status status;

    snprintf(id, sizeof(id), "%s-%s", options->application_id,
        options->instance ? options->instance : "0");
    status = hp_producer_new(options->cluster, id, &worker->producer, error);
    if (status)
        return status;
    return hp_member_new(options->cluster, &member, &worker->member, error);
}

enum hp_status
hp_worker_new(
    const struct hp_worker_options *options, struct hp_worker **out, struct hp_error *error)
{
    enum hp_status status = check_options(options, error);
    struct hp_worker *worker;

    *out = NULL;
    if (status)
        return status;
    worker = hp_alloc(sizeof(*worker));
    worker->options = *options;
    worker->application = options->application;
    worker->tasks = hp_alloc((size_t)options->partitions * sizeof(struct hp_task *));
    arrange_sources(worker);
    make_metrics(worker);
    status = check_topics(worker, HP_USAGE, error);
    if (!status)
        status = open_clients(worker, error);
    if (status) {
        hp_worker_free(worker, true);
        return status;
    }
    worker->recheck_ms = hp_worker_now(worker);
    worker->commit_ms = worker->recheck_ms - options->commit_gap_ms;
    *out = worker;
    return HP_OK;
}

void
hp_worker_free(struct hp_worker *worker, bool abandon)
{
    if (!worker)
        return;
    worker->ending = true;
    if (!abandon && worker->producer)
        hp_txn_abort(worker);
    if (worker->member)
        hp_member_free(worker->member, abandon);
    for (int32_t p = 0; p < worker->options.partitions; p++)
        if (worker->tasks[p])
            hp_task_free(worker->tasks[p]);
    if (worker->producer)
        hp_producer_free(worker->producer, abandon);
    while (worker->poison) {
        struct hp_poison *next = worker->poison->next;

        free(worker->poison);
        worker->poison = next;
    }
    hp_step_release(&worker->step);
    free(worker->tasks);
    free(worker);
}

/* ---- parked tasks ---- */

static enum hp_status
set_delivery(struct hp_task *task, bool paused, struct hp_error *error)
{
    struct hp_worker *worker = task->worker;
    enum hp_status status = HP_OK;

    for (size_t i = 0; i < worker->application->source_count && !status; i++) {
        task->sources[i].paused = false;
        status = hp_member_pause(worker->member, (int)i, task->partition,
            paused || task->sources[i].breaker.open, error);
    }
    return status;
}

/* What a task that cannot take records would be sent is not fetched for nothing. */
static void
quiet_parked(struct hp_worker *worker)
{
    for (int32_t p = 0; p < worker->options.partitions; p++) {
        struct hp_task *task = worker->tasks[p];

        if (!task || task->state == HP_TASK_RUNNING || task->quiet)
            continue;
        if (set_delivery(task, true, NULL) != HP_OK)
            HP_LOG(HP_LOG_DEBUG, "pause failed", HP_I("task", p));
        task->quiet = true;
    }
}

static enum hp_status
open_task(struct hp_task *task, struct hp_error *error)
{
    const struct hp_application *application = task->worker->application;
    enum hp_status status = HP_OK;

    if (!task->opened && application->opened)
        status = application->opened(application->context, task, error);
    if (!status)
        task->opened = true;
    return status;
}

static enum hp_status
start_task(struct hp_task *task, struct hp_error *error)
{
    struct hp_worker *worker = task->worker;
    int64_t offsets[HP_SOURCES_MAX];
    enum hp_status status;

    for (size_t i = 0; i < worker->application->source_count; i++) {
        offsets[i] = task->sources[i].position;
        task->sources[i].expected = offsets[i];
    }
    worker->culprit = task;
    status = open_task(task, error);
    if (!status)
        status = hp_member_start(worker->member, task->partition, offsets, error);
    if (!status)
        status = set_delivery(task, false, error);
    if (status)
        return status;
    task->state = HP_TASK_RUNNING;
    task->quiet = false;
    return HP_OK;
}

static enum hp_status
unpark(struct hp_worker *worker, struct hp_error *error)
{
    enum hp_status status = HP_OK;

    for (int32_t p = 0; p < worker->options.partitions && !status; p++)
        if (worker->tasks[p] && worker->tasks[p]->state == HP_TASK_PARKED)
            status = start_task(worker->tasks[p], error);
    return status;
}

/* ---- polling ---- */

/*
 * A queue that a fence or a slow step holds must not grow without bound. But a round may bring
 * nothing but one queue's records, and a pause makes the client throw away and fetch again what
 * it has: so two rounds fit.
 */
static enum hp_status
bound_queue(struct hp_task *task, int index, struct hp_error *error)
{
    struct hp_source *source = &task->sources[index];
    size_t most = 2 * task->worker->options.round_records;
    bool pause = source->queued > (source->paused ? most / 2 : most);

    if (task->state != HP_TASK_RUNNING || source->breaker.open || pause == source->paused)
        return HP_OK;
    source->paused = pause;
    return hp_member_pause(task->worker->member, index, task->partition, pause, error);
}

static enum hp_status
resume_queues(struct hp_worker *worker, struct hp_error *error)
{
    enum hp_status status = HP_OK;

    for (int32_t p = 0; p < worker->options.partitions; p++)
        for (size_t i = 0; worker->tasks[p] && i < worker->application->source_count; i++)
            if (!status && worker->tasks[p]->sources[i].paused)
                status = bound_queue(worker->tasks[p], (int)i, error);
    return status;
}

static enum hp_status
take_poll(struct hp_worker *worker, const struct hp_poll *poll, struct hp_error *error)
{
    int32_t p = poll->message.partition;
    struct hp_task *task = p >= 0 && p < worker->options.partitions ? worker->tasks[p] : NULL;

    if (!task || poll->message.source < 0 ||
        (size_t)poll->message.source >= worker->application->source_count)
        return HP_OK;
    hp_task_take(task, poll);
    return bound_queue(task, poll->message.source, error);
}

static enum hp_status
poll_once(
    struct hp_worker *worker, int timeout_ms, struct hp_poll *poll, struct hp_error *error)
{
    enum hp_status status = hp_member_poll(worker->member, timeout_ms, poll, error);

    if (worker->failed && (!status || status == HP_RETRY)) {
        *error = worker->failure;
        status = worker->failed;
    }
    worker->failed = HP_OK;
    return status;
}

static enum hp_status
poll_round(struct hp_worker *worker, int timeout_ms, struct hp_error *error)
{
    size_t room = worker->options.round_records;
    enum hp_status status = resume_queues(worker, error);

    worker->drained = false;
    for (size_t i = 0; i <= room && !status; i++) {
        struct hp_poll poll;

        status = poll_once(worker, i ? 0 : timeout_ms, &poll, error);
        if (status)
            return status;
        if (poll.kind == HP_POLL_NOTHING) {
            worker->drained = true;
            break;
        }
        status = take_poll(worker, &poll, error);
        if (worker->cut && i >= room / 8)
            break; /* enough is waiting */
    }
    return status;
}

/* ---- processing ---- */

static bool
is_skipped(const struct hp_worker *worker, const struct hp_message *message)
{
    for (size_t i = 0; i < worker->options.skip_count; i++) {
        const struct hp_position *skip = &worker->options.skip[i];

        if (skip->offset == message->offset && skip->partition == message->partition &&
            strcmp(skip->topic, worker->topics[message->source]) == 0)
            return true;
    }
    return false;
}

static const struct hp_poison *
find_poison(const struct hp_worker *worker, const struct hp_message *message)
{
    for (const struct hp_poison *poison = worker->poison; poison; poison = poison->next)
        if (poison->offset == message->offset && poison->partition == message->partition &&
            poison->source == (size_t)message->source)
            return poison;
    return NULL;
}

static enum hp_status
remember_poison(
    struct hp_worker *worker, const struct hp_message *message, struct hp_error *error)
{
    struct hp_poison *poison = hp_alloc(sizeof(*poison));

    poison->partition = message->partition;
    poison->source = (size_t)message->source;
    poison->offset = message->offset;
    poison->error = *error;
    poison->next = worker->poison;
    worker->poison = poison;
    error->status = HP_RETRY;
    return HP_RETRY;
}

/* The application's step. HP_BAD_RECORD: nothing of it remains, `error` is the reason. */
static enum hp_status
run_application(struct hp_task *task, const struct hp_message *message, struct hp_error *error)
{
    struct hp_worker *worker = task->worker;
    struct hp_step *step = &worker->step;
    const struct hp_poison *poison = find_poison(worker, message);
    enum hp_status status;

    if (is_skipped(worker, message))
        return hp_bad(error, "SKIPPED", "skipped by --skip");
    if (poison) {
        *error = poison->error;
        return HP_BAD_RECORD;
    }
    hp_step_begin(step, task);
    step->counts.processed = 1;
    status = worker->application->process(worker->application->context, step, message, error);
    if (status) {
        hp_step_drop(step);
        return status;
    }
    hp_metric_add(worker->rerouted[message->source], step->counts.rerouted);
    status = hp_step_merge(step, error);
    return status == HP_BAD_RECORD ? remember_poison(worker, message, error) : status;
}

static void
open_breaker(struct hp_task *task, const struct hp_message *message)
{
    struct hp_worker *worker = task->worker;
    struct hp_source *source = &task->sources[message->source];
    struct hp_queued *queued;
    char labels[LABELS];

    HP_LOG(HP_LOG_ERROR,
        "more than half of the last records are bad: the partition is held until a restart",
        HP_S("topic", worker->topics[message->source]), HP_I("partition", task->partition),
        HP_I("offset", message->offset));
    snprintf(labels, sizeof(labels), "topic=\"%s\"", worker->topics[message->source]);
    hp_metric_add(hp_metric_get(HP_METRIC_COUNTER, "hamper_breaker_opened_total", labels,
                      "partitions held because most records were bad"),
        1);
    while ((queued = hp_source_pop(task, source)))
        free(queued);
    if (hp_member_pause(worker->member, message->source, task->partition, true, NULL) != HP_OK)
        HP_LOG(HP_LOG_WARN, "pause failed", HP_I("task", task->partition));
}

static enum hp_status
run_record(struct hp_task *task, const struct hp_message *message, struct hp_error *error)
{
    struct hp_worker *worker = task->worker;
    struct hp_source *source = &task->sources[message->source];
    struct hp_error reason = {0};
    enum hp_status status;
    bool bad;

    worker->culprit = task;
    HP_ASSERT(message->offset >= source->position);
    source->position = message->offset + 1; /* the step in hand included */
    status = run_application(task, message, &reason);
    bad = status == HP_BAD_RECORD;
    if (bad)
        status = hp_dead_letter_send(task, message, &reason, error);
    else if (status)
        *error = reason;
    if (status)
        return status;
    task->dirty = true;
    task->took = true;
    worker->answered = true;
    task->counts.processed += bad;
    task->counts.dead += bad;
    hp_metric_add(worker->processed[message->source], 1);
    if (hp_breaker_note(&source->breaker, bad)) {
        source->breaker.open = worker->options.breaker;
        if (source->breaker.open)
            open_breaker(task, message);
    }
    return HP_OK;
}

/*
 * Whether `source` is known to hold nothing more that was appended before the record came. That
 * an END was told says nothing: what came after the END may be on its way behind the record.
 */
static bool
has_passed(const struct hp_source *source, const struct hp_queued *queued)
{
    int64_t time_ms = queued->message.timestamp_ms;

    if (source->breaker.open)
        return true;
    if (source->first)
        return source->first->message.timestamp_ms > time_ms;
    if (hp_bug(HP_BUG_FENCE_BY_END) && source->at_end)
        return true;
    return source->read_ms > time_ms ||
           (source->asked_ms >= queued->arrived_ms && source->expected >= source->asked_end);
}

static bool
is_held(
    const struct hp_task *task, size_t index, const struct hp_queued *queued, int64_t now_ms)
{
    const struct hp_worker *worker = task->worker;
    uint32_t wait_for = worker->application->sources[index].wait_for;

    if (now_ms - queued->arrived_ms >= worker->options.fence_ms || hp_bug(HP_BUG_FENCE_OPEN))
        return false;
    for (size_t i = 0; i < worker->application->source_count; i++)
        if ((wait_for >> i & 1) && !has_passed(&task->sources[i], queued))
            return true;
    return false;
}

/* Asks where the sources end that a held record waits for, once for all that have arrived. */
static enum hp_status
ask_ends(
    struct hp_task *task, size_t index, const struct hp_queued *queued, struct hp_error *error)
{
    struct hp_worker *worker = task->worker;
    uint32_t wait_for = worker->application->sources[index].wait_for;
    enum hp_status status = HP_OK;

    for (size_t i = 0; i < worker->application->source_count && !status; i++) {
        struct hp_source *source = &task->sources[i];
        int64_t now_ms = hp_worker_now(worker);
        int64_t low;

        if (!(wait_for >> i & 1) || source->first || source->asked_ms >= queued->arrived_ms ||
            has_passed(source, queued))
            continue;
        status = hp_cluster_watermarks(worker->options.cluster, worker->topics[i],
            task->partition, &low, &source->asked_end, error);
        source->asked_ms = status ? 0 : now_ms;
    }
    return status;
}

static bool
must_cut(const struct hp_worker *worker, const struct hp_task *task, int64_t now_ms)
{
    int64_t most = worker->options.commit_interval_ms;

    if (task->overlay.bytes + task->arena.used > worker->options.overlay_bytes)
        return true;
    return worker->begun &&
           now_ms - worker->begun_ms >= (most < BATCH_MS_MAX ? most : BATCH_MS_MAX);
}

static enum hp_status
process_source(struct hp_task *task, size_t index, struct hp_error *error)
{
    struct hp_worker *worker = task->worker;
    struct hp_source *source = &task->sources[index];
    enum hp_status status = HP_OK;

    while (source->first && !status) {
        int64_t now_ms = hp_worker_now(worker);
        struct hp_queued *queued = source->first;

        if (must_cut(worker, task, now_ms)) {
            worker->cut = true;
            break;
        }
        status = ask_ends(task, index, queued, error);
        if (status || is_held(task, index, queued, now_ms))
            break;
        hp_source_pop(task, source);
        status = run_record(task, &queued->message, error);
        free(queued);
    }
    return status;
}

static enum hp_status
process_task(struct hp_task *task, struct hp_error *error)
{
    struct hp_worker *worker = task->worker;
    enum hp_status status = HP_OK;

    for (size_t i = 0; i < worker->application->source_count && !status && !worker->cut; i++)
        status = process_source(task, worker->order[i], error);
    hp_task_apply_ends(task);
    return status;
}

/* ---- when to commit ---- */

struct survey {
    bool running;  /* a task runs */
    bool dirty;    /* something is open */
    bool moved;    /* positions moved by an END alone, or are to be confirmed */
    bool waiting;  /* records that could be processed now */
    bool held;     /* records a fence holds */
    bool more;     /* emit wants to go on */
    bool drained;  /* all inputs are read to their end */
    bool full;     /* an overlay is full */
    bool restores; /* a task is not open yet */
};

static void
survey_task(const struct hp_task *task, struct survey *survey, int64_t now_ms)
{
    const struct hp_worker *worker = task->worker;

    survey->running = true;
    survey->dirty |= task->dirty;
    survey->moved |= task->moved || task->force;
    survey->more |= task->more;
    survey->drained &= hp_task_drained(task);
    survey->full |= task->overlay.bytes + task->arena.used > worker->options.overlay_bytes;
    for (size_t i = 0; i < worker->application->source_count; i++) {
        const struct hp_queued *first = task->sources[i].first;

        if (first && is_held(task, i, first, now_ms))
            survey->held = true;
        else if (first)
            survey->waiting = true;
    }
}

static struct survey
survey_worker(const struct hp_worker *worker)
{
    struct survey survey = {.drained = true};
    int64_t now_ms = hp_worker_now(worker);

    for (int32_t p = 0; p < worker->options.partitions; p++) {
        const struct hp_task *task = worker->tasks[p];

        if (task && task->state == HP_TASK_RUNNING)
            survey_task(task, &survey, now_ms);
        else if (task)
            survey.restores = true;
    }
    return survey;
}

static bool
commit_due(const struct hp_worker *worker, const struct survey *survey)
{
    int64_t now_ms = hp_worker_now(worker);
    bool rested = now_ms - worker->commit_ms >= worker->options.commit_gap_ms;
    bool caught_up = worker->drained && !survey->waiting && !survey->held;
    bool quiet = caught_up && !survey->more;

    if (survey->full || worker->cut)
        return true;
    if (survey->dirty)
        return now_ms - worker->begun_ms >= worker->options.commit_interval_ms ||
               (caught_up && rested && (worker->answered || !survey->more));
    return survey->moved && quiet &&
           now_ms - worker->commit_ms >= worker->options.commit_interval_ms;
}

/* ---- emitting ---- */

static enum hp_status
emit_task(struct hp_task *task, struct hp_error *error)
{
    struct hp_worker *worker = task->worker;
    const struct hp_application *application = worker->application;
    struct hp_step *step = &worker->step;
    enum hp_status status;

    if (!application->emit)
        return HP_OK;
    worker->culprit = task;
    task->more = false;
    task->took = false;
    hp_step_begin(step, task);
    status = application->emit(
        application->context, step, hp_worker_now(worker), &task->more, error);
    if (!status)
        status = hp_step_merge(step, error);
    else
        hp_step_drop(step);
    if (status == HP_BAD_RECORD)
        error->status = status = HP_FATAL;
    return status;
}

static struct hp_task *
nth_task(const struct hp_worker *worker, int32_t n)
{
    struct hp_task *task = worker->tasks[(worker->first_task + n) % worker->options.partitions];

    return task && task->state == HP_TASK_RUNNING ? task : NULL;
}

/*
 * Each round begins with another task, so that one with a backlog takes nobody's turn. What
 * came in goes first, of all tasks; then they emit: those that took the last records there
 * are, and others for EMIT_MS or little more, so that a request that comes in meanwhile waits
 * for little. What was answered waits for its commit: then others emit only when none did for
 * EMIT_LEAST_MS, and one of them. With a backlog of records the others wait, and users of whom
 * more comes get boxes once. A transaction that is old is committed before the next task joins
 * it: the broker ends those that take too long, and the same work would be too long again. Once
 * it is known that the round ends in a commit, the positions are sent, and each task's part
 * when it has emitted: the broker stores a large one beside the next task.
 */
static enum hp_status
run_tasks(struct hp_worker *worker, struct hp_error *error)
{
    enum hp_status status = HP_OK;
    struct hp_task *task;
    struct survey survey;
    int64_t began_ms;
    bool late;

    worker->cut = false;
    worker->first_task = (worker->first_task + 1) % worker->options.partitions;
    for (int32_t i = 0; i < worker->options.partitions && !status && !worker->cut; i++) {
        if ((task = nth_task(worker, i)) == NULL)
            continue;
        status = process_task(task, error);
        worker->cut |= must_cut(worker, task, hp_worker_now(worker));
    }
    began_ms = hp_worker_now(worker);
    late = worker->answered && began_ms - worker->emit_ms < EMIT_LEAST_MS;
    survey = survey_worker(worker);
    worker->closing = commit_due(worker, &survey);
    if (!status && worker->closing && survey.dirty)
        status = hp_txn_offsets(worker, error);
    for (int32_t i = 0; i < worker->options.partitions && !status; i++) {
        if ((task = nth_task(worker, i)) == NULL)
            continue;
        if (late && (worker->cut || !worker->drained || !task->took)) {
            task->more = worker->application->emit != NULL; /* in one of the next rounds */
            continue;
        }
        if (!task->took)
            worker->emit_ms = began_ms;
        if (worker->closing && hp_bug(HP_BUG_SENT_EARLY))
            status = hp_txn_send(task, error);
        if (!status)
            status = emit_task(task, error);
        worker->closing |= commit_due(worker, &survey);
        if (!status && worker->closing && worker->begun)
            status = hp_txn_offsets(worker, error);
        if (!status && worker->closing)
            status = hp_txn_send(task, error);
        hp_metric_set(task->lag_metric, hp_task_lag(task));
        worker->cut |= must_cut(worker, task, hp_worker_now(worker));
        late = worker->cut || worker->answered || hp_worker_now(worker) - began_ms >= EMIT_MS;
    }
    return status;
}

/* ---- restoring ---- */

static bool
wants_restore(const struct hp_task *task, int64_t now_ms)
{
    if (!task)
        return false;
    return task->state == HP_TASK_RESTORING ||
           (task->state == HP_TASK_WAITING && now_ms >= task->retry_at_ms);
}

/* One that had to wait for the broker is the last of its turn. */
static enum hp_status
restore_tasks(struct hp_worker *worker, int timeout_ms, struct hp_error *error)
{
    enum hp_status status = HP_OK;
    int64_t now_ms = hp_worker_now(worker);
    int budget = RESTORES_AT_ONCE;

    for (int pass = 0; pass < 2; pass++) /* first those that began */
        for (int32_t p = 0; p < worker->options.partitions && !status && budget > 0; p++) {
            struct hp_task *task = worker->tasks[p];

            if (!wants_restore(task, now_ms) || (task->state == HP_TASK_RESTORING) == pass)
                continue;
            status = hp_restore_step(task, timeout_ms, error);
            timeout_ms = 0;
            budget = hp_worker_now(worker) - now_ms > RESTORE_TURN_MS ? 0 : budget - 1;
        }
    return status;
}

/* ---- committing ---- */

static enum hp_status
recheck(struct hp_worker *worker, struct hp_error *error)
{
    int64_t now_ms = hp_worker_now(worker);

    if (now_ms - worker->recheck_ms < RECHECK_MS)
        return HP_OK;
    worker->recheck_ms = now_ms;
    for (int32_t p = 0; p < worker->options.partitions; p++)
        if (worker->tasks[p])
            worker->tasks[p]->force = true;
    return check_topics(worker, HP_STOP, error);
}

static enum hp_status
commit_if_due(struct hp_worker *worker, struct hp_error *error)
{
    struct survey survey = survey_worker(worker);
    enum hp_status status = recheck(worker, error);

    if (!status && (worker->closing || commit_due(worker, &survey)))
        status = hp_txn_commit(worker, error);
    return status;
}

/* ---- a turn ---- */

static int
at_most(int64_t timeout_ms, int64_t most_ms)
{
    int64_t wait = timeout_ms < most_ms ? timeout_ms : most_ms;

    return wait > 0 ? (int)wait : 0;
}

static int
poll_time(const struct hp_worker *worker, int timeout_ms)
{
    struct survey survey = survey_worker(worker);
    int64_t now_ms = hp_worker_now(worker);

    if (survey.waiting || survey.more || survey.full)
        return 0;
    if (survey.restores)
        timeout_ms = survey.running ? 0 : at_most(timeout_ms, 1);
    if (survey.held)
        timeout_ms = at_most(timeout_ms, HELD_WAIT_MS);
    if (survey.dirty)
        timeout_ms =
            at_most(timeout_ms, worker->commit_ms + worker->options.commit_gap_ms - now_ms);
    if (survey.moved)
        timeout_ms = at_most(
            timeout_ms, worker->commit_ms + worker->options.commit_interval_ms - now_ms);
    return timeout_ms;
}

static void
drop_corrupt(struct hp_worker *worker, struct hp_error *error, enum hp_status *status)
{
    struct hp_task *task = worker->culprit;

    if (!task || ++task->failures >= 2) {
        *status = error->status = HP_FATAL;
        return;
    }
    hp_metric_add(worker->rebuilds, 1);
    hp_task_reset(task, true);
    *status = HP_OK;
}

/* What a failure means for the worker; HP_OK when it goes on. */
static enum hp_status
recover(struct hp_worker *worker, enum hp_status status, struct hp_error *error)
{
    HP_LOG(HP_LOG_WARN, "transaction aborted", HP_S("status", hp_status_name(status)),
        HP_S("error", error->text));
    hp_txn_abort(worker);
    if (status == HP_CORRUPT)
        drop_corrupt(worker, error, &status);
    if (status != HP_OK && status != HP_RETRY)
        return status;
    worker->retry_delay_ms = hp_longer(worker->retry_delay_ms, RETRY_MS_MIN);
    worker->retry_at_ms = hp_worker_now(worker) + worker->retry_delay_ms;
    return HP_OK;
}

static enum hp_status
back_off(struct hp_worker *worker, int timeout_ms, int64_t now_ms, struct hp_error *error)
{
    struct hp_poll poll;

    quiet_parked(worker);
    return poll_once(worker, at_most(timeout_ms, worker->retry_at_ms - now_ms), &poll, error);
}

/*
 * Begins the producer anew, which makes the broker decide what became of the last commit. The
 * transaction is empty and ends at once: left open, with the tasks in doubt restored elsewhere,
 * nobody would commit it, and it would soon be too old for the next record to join.
 */
static enum hp_status
settle_doubt(struct hp_worker *worker, struct hp_error *error)
{
    enum hp_status status;

    if (!worker->doubt)
        return HP_OK;
    status = hp_txn_begin(worker, error);
    if (status)
        return status;
    worker->doubt = false;
    worker->begun = false;
    hp_producer_abort(worker->producer);
    return HP_OK;
}

static enum hp_status
turn(struct hp_worker *worker, int timeout_ms, struct hp_error *error)
{
    const struct hp_application *application = worker->application;
    int64_t now_ms = hp_worker_now(worker);
    enum hp_status status;

    worker->culprit = NULL;
    if (now_ms < worker->retry_at_ms)
        return back_off(worker, timeout_ms, now_ms, error);
    status = settle_doubt(worker, error);
    if (!status)
        status = unpark(worker, error);
    if (!status)
        status = poll_round(worker, poll_time(worker, timeout_ms), error);
    if (!status)
        status = restore_tasks(worker, at_most(timeout_ms, RESTORE_WAIT_MS), error);
    if (!status)
        status = run_tasks(worker, error);
    if (!status)
        status = commit_if_due(worker, error);
    if (!status && application->tick)
        status = application->tick(application->context, worker, hp_worker_now(worker), error);
    return status;
}

enum hp_status
hp_worker_step(struct hp_worker *worker, int timeout_ms, struct hp_error *error)
{
    struct hp_error own = {0};
    enum hp_status status = turn(worker, timeout_ms, error ? error : &own);

    return status ? recover(worker, status, error ? error : &own) : HP_OK;
}

enum hp_status
hp_worker_commit(struct hp_worker *worker, struct hp_error *error)
{
    struct hp_error own = {0};
    enum hp_status status = hp_txn_commit(worker, error ? error : &own);
    enum hp_status after = status ? recover(worker, status, error ? error : &own) : HP_OK;

    return after ? after : status;
}

/* ---- what others may know ---- */

bool
hp_worker_reached(
    const struct hp_worker *worker, const struct hp_position *positions, size_t count)
{
    struct survey survey = survey_worker(worker);

    if (!worker->assigned || survey.restores || survey.dirty || survey.more)
        return false;
    for (size_t n = 0; n < count; n++) {
        int32_t p = positions[n].partition;
        const struct hp_task *task =
            p >= 0 && p < worker->options.partitions ? worker->tasks[p] : NULL;

        for (size_t i = 0; task && i < worker->application->source_count; i++)
            if (strcmp(positions[n].topic, worker->topics[i]) == 0 &&
                task->sources[i].committed < positions[n].offset)
                return false;
    }
    return true;
}

static void
count_task(const struct hp_task *task, struct hp_worker_state *state)
{
    state->task_count++;
    state->restoring +=
        task->state == HP_TASK_WAITING || task->state == HP_TASK_RESTORING || !task->opened;
    for (size_t i = 0; i < task->worker->application->source_count; i++)
        state->paused += task->sources[i].breaker.open;
}

void
hp_worker_state(const struct hp_worker *worker, struct hp_worker_state *state)
{
    struct survey survey = survey_worker(worker);

    *state = (struct hp_worker_state){.assigned = worker->assigned,
        .busy = survey.waiting || survey.more,
        .transactions = worker->transactions};
    for (int32_t p = 0; p < worker->options.partitions; p++)
        if (worker->tasks[p])
            count_task(worker->tasks[p], state);
    state->idle = worker->assigned && survey.drained && !survey.restores && !survey.dirty &&
                  !survey.moved && !survey.more && !worker->begun && state->paused == 0;
}

struct hp_task *
hp_worker_task(struct hp_worker *worker, int32_t partition)
{
    return partition >= 0 && partition < worker->options.partitions ? worker->tasks[partition]
                                                                    : NULL;
}

size_t
hp_worker_tasks(struct hp_worker *worker, struct hp_task **tasks, size_t max)
{
    size_t count = 0;

    for (int32_t p = 0; p < worker->options.partitions && count < max; p++)
        if (worker->tasks[p])
            tasks[count++] = worker->tasks[p];
    return count;
}
