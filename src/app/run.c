/*
 * app/run.c - the processor: a thread for the views, one for each worker, main waits for
 * signals.
 *
 * SIGTERM and SIGINT end it in order: each worker commits or aborts what is open and leaves the
 * group; a second one ends the process at once, which is safe because nothing uncommitted
 * counts.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "app/command.h"
#include "app/commands.h"
#include "app/plan.h"
#include "app/process.h"

#include "base/log.h"
#include "flow/residue.h"
#include "serve/http.h"
#include "store/kv_rocks.h"

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <unistd.h>

#define STEP_MS    100
#define VIEW_MS    50
#define WAIT_MS    20
#define RETRY_MS   500
#define COMPACT_MS 60000 /* between two rounds of writing files anew */
#define LOOK_MS    1000  /* between two looks whether there is anything to forget */
#define PLACES_MAX 64
#define INPUTS_MAX 4096

struct run {
    struct hp_options options;
    struct hp_cluster *cluster;
    struct hp_kv *kv;
    struct hp_process *process;
    struct hp_process_options process_options;
    struct hp_position skip[PLACES_MAX];
    struct hp_position accept_gap[PLACES_MAX];
    bool until_caught_up;
    struct hp_position *targets; /* ends of the inputs at start */
    size_t target_count;
    atomic_bool stop;
    atomic_size_t done; /* workers that reached the targets */
    atomic_bool joined;
    pthread_mutex_t lock; /* guards failure */
    enum hp_status failure;
    struct hp_error error;
    int64_t compact_ms; /* erased bytes: not before; the main thread's */
};

struct seat {
    struct run *run;
    size_t number;
    pthread_t thread;
    bool started;
    atomic_size_t restoring;
    atomic_size_t paused;
    atomic_bool assigned;
    atomic_bool reached;
};

static volatile sig_atomic_t signals_seen;

static void
on_signal(int number)
{
    (void)number;
    if (signals_seen++)
        _exit(1);
}

static int64_t
clock_now(void *context)
{
    (void)context;
    return hp_now_ms();
}

static void
sleep_ms(int64_t ms)
{
    struct timespec pause = {ms / 1000, ms % 1000 * 1000000};

    nanosleep(&pause, NULL);
}

static bool
stopping(struct run *run)
{
    return signals_seen > 0 || atomic_load(&run->stop);
}

static void
fail_run(struct run *run, enum hp_status status, const struct hp_error *error)
{
    pthread_mutex_lock(&run->lock);
    if (!run->failure) {
        run->failure = status;
        run->error = *error;
    }
    pthread_mutex_unlock(&run->lock);
    atomic_store(&run->stop, true);
}

static void *
views_main(void *context)
{
    struct run *run = context;
    struct hp_error error = {0};

    while (!stopping(run)) {
        enum hp_status status = hp_flow_views_step(run->process->flow, VIEW_MS, &error);

        if (status == HP_RETRY) {
            HP_LOG(HP_LOG_WARN, "views wait", HP_S("text", error.text));
            sleep_ms(RETRY_MS);
        } else if (status) {
            fail_run(run, status, &error);
        }
    }
    return NULL;
}

/* Batch mode: this worker has nothing left, and neither has the solver if it runs here. */
static bool
caught_up(struct run *run, struct hp_worker *worker)
{
    struct hp_worker_state state;

    if (!hp_worker_reached(worker, run->targets, run->target_count))
        return false;
    hp_worker_state(worker, &state);
    return state.idle && hp_flow_settled(run->process->flow, worker);
}

static void
note_state(struct seat *seat, struct hp_worker *worker)
{
    struct hp_worker_state state;

    hp_worker_state(worker, &state);
    atomic_store(&seat->restoring, state.restoring);
    atomic_store(&seat->paused, state.paused);
    atomic_store(&seat->assigned, state.assigned);
}

static void *
worker_main(void *context)
{
    struct seat *seat = context;
    struct run *run = seat->run;
    struct hp_worker *worker = run->process->workers[seat->number];
    struct hp_error error = {0};

    while (!stopping(run)) {
        enum hp_status status =
            hp_worker_step(worker, run->until_caught_up ? WAIT_MS : STEP_MS, &error);

        if (status) {
            fail_run(run, status, &error);
            return NULL;
        }
        note_state(seat, worker);
        if (run->until_caught_up)
            atomic_store(&seat->reached, caught_up(run, worker));
    }
    if (hp_worker_commit(worker, &error))
        HP_LOG(HP_LOG_WARN, "last commit left to the next start", HP_S("text", error.text));
    return NULL;
}

/* ---- places on the command line: TOPIC-P and TOPIC-P@OFFSET --------------------------------
 */

static bool
read_number(const char *text, int64_t *number)
{
    char *end;

    if (*text < '0' || *text > '9')
        return false;
    errno = 0;
    *number = strtoll(text, &end, 10);
    return !errno && *end == 0;
}

static enum hp_status
read_place(struct run *run, const char *option, char *text, bool with_offset,
    struct hp_position *place, struct hp_error *error)
{
    char *at = with_offset ? strrchr(text, '@') : NULL;
    char *dash;
    int64_t partition;

    if (with_offset && (!at || !read_number(at + 1, &place->offset)))
        return hp_fail(error, HP_USAGE, "%s: expected TOPIC-P@OFFSET, not %.80s", option, text);
    if (at)
        *at = 0;
    dash = strrchr(text, '-');
    if (!dash || !read_number(dash + 1, &partition) || partition >= run->options.partitions)
        return hp_fail(error, HP_USAGE, "%s: expected TOPIC-P with P below %lld, not %.80s",
            option, (long long)run->options.partitions, text);
    *dash = 0;
    place->topic = text;
    place->partition = (int32_t)partition;
    for (int i = 0; i < HP_TOPIC_COUNT; i++)
        if (strcmp(run->options.topics.name[i], text) == 0)
            return HP_OK;
    return hp_fail(error, HP_USAGE, "%s: there is no topic %.80s here", option, text);
}

/* Takes `--skip X` and `--accept-gap X` (any number of each) out of argv. */
static enum hp_status
take_places(struct run *run, int *argc, char **argv, struct hp_error *error)
{
    int kept = 0;

    for (int i = 0; i < *argc; i++) {
        bool skip = strcmp(argv[i], "--skip") == 0;
        size_t *count =
            skip ? &run->process_options.skip_count : &run->process_options.accept_gap_count;
        struct hp_position *places = skip ? run->skip : run->accept_gap;
        enum hp_status status;

        if (!skip && strcmp(argv[i], "--accept-gap") != 0) {
            argv[kept++] = argv[i];
            continue;
        }
        if (i + 1 >= *argc || *count == PLACES_MAX)
            return hp_fail(
                error, HP_USAGE, "%s: names one place, at most %d times", argv[i], PLACES_MAX);
        status = read_place(run, argv[i], argv[i + 1], skip, &places[*count], error);
        if (status)
            return status;
        (*count)++;
        i++;
    }
    *argc = kept;
    run->process_options.skip = run->skip;
    run->process_options.accept_gap = run->accept_gap;
    return HP_OK;
}

static enum hp_status
take_arguments(struct run *run, int *argc, char **argv, struct hp_error *error)
{
    const struct hp_flag flags[] = {{"until-caught-up", &run->until_caught_up, NULL}};
    enum hp_status status = hp_options_load(argc, argv, &run->options, error);

    if (!status)
        status = take_places(run, argc, argv, error);
    if (!status)
        status = hp_flags_take(argc, argv, flags, HP_ARRAY_SIZE(flags), error);
    return status ? status : hp_positional_check(*argc, argv, 0, 0, error);
}

/* ---- start
 * ------------------------------------------------------------------------------------ */

/* What is vital and differs stops; the rest is `hamper topics`' to tell, and worth a warning.
 */
static enum hp_status
check_settings(struct run *run, const struct hp_topic_row *row,
    const struct hp_topic_info *info, struct hp_error *error)
{
    struct hp_topic_spec spec = hp_plan_spec(&run->options, row);
    struct hp_buffer vital = {0};
    struct hp_buffer all = {0};
    enum hp_status status = HP_OK;

    hp_plan_compare(row, &spec, info, true, &vital);
    hp_plan_compare(row, &spec, info, false, &all);
    if (vital.size)
        status = hp_fail(error, HP_USAGE, "topic %s: %.*s (`hamper topics` compares them all)",
            spec.name, (int)vital.size - 2, (const char *)vital.data + 2);
    else if (all.size)
        HP_LOG(HP_LOG_WARN, "topic differs", HP_S("topic", spec.name),
            HP_B("text", hp_bytes(all.data + 2, all.size - 2)));
    hp_buffer_release(&vital);
    hp_buffer_release(&all);
    return status;
}

/* Every topic must be there, and fit, before anything is touched. */
static enum hp_status
check_topics(struct run *run, struct hp_error *error)
{
    struct hp_arena arena = {0};
    enum hp_status status = HP_OK;

    for (int i = 0; i < HP_TOPIC_COUNT && !status; i++) {
        const char *topic = run->options.topics.name[i];
        struct hp_topic_info info;

        status = hp_cluster_topic(run->cluster, topic, &arena, &info, error);
        if (!status && !info.exists)
            status = hp_fail(error, HP_USAGE,
                "topic %s does not exist; `hamper topics -c FILE --create` makes it", topic);
        if (!status)
            status = check_settings(run, &hp_topic_rows[i], &info, error);
    }
    hp_arena_release(&arena);
    return status;
}

/* Where batch mode ends: what lies in the inputs now. */
static enum hp_status
note_targets(struct run *run, struct hp_error *error)
{
    static const enum hp_topic inputs[] = {HP_TOPIC_ORDERS, HP_TOPIC_FEEDBACK,
        HP_TOPIC_PREFERENCES, HP_TOPIC_BOX_REQUESTS, HP_TOPIC_ERASURES};

    run->targets = hp_alloc(
        HP_ARRAY_SIZE(inputs) * (size_t)run->options.partitions * sizeof(*run->targets));
    for (size_t i = 0; i < HP_ARRAY_SIZE(inputs); i++)
        for (int32_t p = 0; p < run->options.partitions; p++) {
            struct hp_position *target = &run->targets[run->target_count++];
            enum hp_status status;
            int64_t low;

            target->topic = run->options.topics.name[inputs[i]];
            target->partition = p;
            status = hp_cluster_watermarks(
                run->cluster, target->topic, p, &low, &target->offset, error);
            if (status)
                return status;
        }
    return HP_OK;
}

/* Files that contradict themselves are worth less than none; they come back from Kafka. */
static enum hp_status
drop_state(const struct run *run, const char *why, struct hp_error *error)
{
    HP_LOG(HP_LOG_WARN, "the state is damaged and dropped, it is restored from the changelog",
        HP_S("directory", run->options.state_dir), HP_S("error", why));
    return hp_kv_rocks_destroy(run->options.state_dir, error);
}

static enum hp_status
open_state(struct run *run, struct hp_error *error)
{
    struct hp_kv_rocks_options rocks = {.path = run->options.state_dir,
        .cache_bytes = (size_t)run->options.store_cache_bytes,
        .write_buffer_bytes = (size_t)run->options.store_buffer_bytes};

    enum hp_status status = hp_kv_rocks_open(&rocks, &run->kv, error);

    if (status != HP_CORRUPT)
        return status;
    status = drop_state(run, error->text, error);
    return status ? status : hp_kv_rocks_open(&rocks, &run->kv, error);
}

/* Whoever comes next must not meet a damaged file again. */
static void
close_state(struct run *run, const char *why)
{
    bool damaged = run->kv && hp_kv_rocks_damaged(run->kv);
    struct hp_error error;

    hp_kv_free(run->kv);
    if (damaged && drop_state(run, why, &error))
        HP_LOG(HP_LOG_ERROR, "the damaged state stays", HP_S("error", error.text));
}

/* Tries again while something outside cannot be reached. */
static enum hp_status
patiently(struct run *run, enum hp_status (*what)(struct run *, struct hp_error *),
    struct hp_error *error)
{
    enum hp_status status;

    while ((status = what(run, error)) == HP_RETRY && !stopping(run)) {
        HP_LOG(HP_LOG_WARN, "waiting", HP_S("for", error->text));
        sleep_ms(RETRY_MS);
    }
    return status;
}

static enum hp_status
make_process(struct run *run, struct hp_error *error)
{
    return hp_process_new(&run->process_options, &run->process, error);
}

static enum hp_status
start(struct run *run, struct hp_error *error)
{
    enum hp_status status = hp_command_cluster(&run->options, &run->cluster, error);

    if (!status)
        status = patiently(run, check_topics, error);
    if (!status && run->until_caught_up)
        status = patiently(run, note_targets, error);
    if (!status)
        status = open_state(run, error);
    if (status)
        return status;
    run->process_options.options = &run->options;
    run->process_options.cluster = run->cluster;
    run->process_options.kv = run->kv;
    run->process_options.clock_ms = clock_now;
    run->process_options.batch = run->until_caught_up;
    return patiently(run, make_process, error);
}

/* ---- while it runs
 * ---------------------------------------------------------------------------- */

struct ready {
    struct run *run;
    struct seat *seats;
    size_t count;
};

static bool
is_ready(void *context, struct hp_buffer *why)
{
    struct ready *ready = context;

    if (!atomic_load(&ready->run->joined)) {
        hp_buffer_printf(why, "views are catching up\n");
        return false;
    }
    for (size_t i = 0; i < ready->count; i++) {
        struct seat *seat = &ready->seats[i];

        if (!atomic_load(&seat->assigned))
            hp_buffer_printf(why, "worker %zu waits for its assignment\n", i);
        if (atomic_load(&seat->restoring))
            hp_buffer_printf(
                why, "worker %zu restores %zu tasks\n", i, atomic_load(&seat->restoring));
        if (atomic_load(&seat->paused))
            hp_buffer_printf(why, "worker %zu: the breaker holds %zu partitions\n", i,
                atomic_load(&seat->paused));
    }
    return why->size == 0;
}

static bool
all_reached(struct seat *seats, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!atomic_load(&seats[i].reached))
            return false;
    return true;
}

/* Of the partitions that other instances hold, or a dead one held: the group is past them too.
 */
static bool
group_reached(struct run *run)
{
    struct hp_position *positions = hp_alloc(run->target_count * sizeof(*positions));
    struct hp_error error;
    bool reached;

    memcpy(positions, run->targets, run->target_count * sizeof(*positions));
    reached = !hp_cluster_committed(
        run->cluster, run->options.application_id, positions, run->target_count, &error);
    for (size_t i = 0; i < run->target_count && reached; i++)
        reached = positions[i].offset >= run->targets[i].offset;
    free(positions);
    return reached;
}

/*
 * What was erased is deleted in the store, but its bytes stay in the files until these are
 * written anew. That costs seconds on a large state, so it is done in the background, at most
 * once a minute, and when the process ends.
 */
static void
forget_bytes(struct run *run, bool ending)
{
    int64_t now_ms = hp_now_ms();
    struct hp_error error;
    int32_t count;

    if (!ending && now_ms < run->compact_ms)
        return;
    if (hp_residue_compact(run->process->kv, (int32_t)run->options.partitions, &count, &error))
        HP_LOG(HP_LOG_WARN, "erased bytes are still in the state", HP_S("text", error.text));
    else if (count > 0)
        HP_LOG(HP_LOG_INFO, "erased bytes are gone from the state", HP_I("partitions", count),
            HP_I("ms", hp_now_ms() - now_ms));
    run->compact_ms = hp_now_ms() + (count > 0 ? COMPACT_MS : LOOK_MS);
}

static enum hp_status
run_workers(struct run *run, struct seat *seats, struct hp_error *error)
{
    enum hp_status status;
    size_t count;

    while (!hp_flow_ready(run->process->flow) && !stopping(run))
        sleep_ms(5);
    if (stopping(run))
        return HP_OK;
    while ((status = hp_process_join(run->process, &run->process_options, error)) == HP_RETRY &&
           run->process->worker_count == 0 && !stopping(run))
        sleep_ms(RETRY_MS);
    if (status)
        return stopping(run) ? HP_OK : status;
    count = run->process->worker_count;
    for (size_t i = 0; i < count; i++) {
        seats[i].run = run;
        seats[i].number = i;
        seats[i].started = pthread_create(&seats[i].thread, NULL, worker_main, &seats[i]) == 0;
        HP_ASSERT(seats[i].started);
    }
    atomic_store(&run->joined, true);
    HP_LOG(HP_LOG_INFO, "running", HP_S("application", run->options.application_id),
        HP_I("workers", count));
    while (!stopping(run)) {
        sleep_ms(WAIT_MS);
        forget_bytes(run, false);
        if (run->until_caught_up && all_reached(seats, count) && group_reached(run))
            atomic_store(&run->stop, true);
    }
    return HP_OK;
}

static enum hp_status
run_process(struct run *run, struct hp_error *error)
{
    struct seat *seats = hp_alloc(HP_WORKERS_MAX * sizeof(*seats));
    struct ready ready = {run, seats, hp_process_workers(&run->options)};
    struct hp_http *http = NULL;
    pthread_t views;
    enum hp_status status = HP_OK;

    if (run->options.http_host)
        status = hp_http_start(&(struct hp_http_options){run->options.http_host,
                                   (int)run->options.http_port, is_ready, &ready},
            &http, error);
    if (!status) {
        HP_ASSERT(pthread_create(&views, NULL, views_main, run) == 0);
        status = run_workers(run, seats, error);
        atomic_store(&run->stop, true);
        for (size_t i = 0; i < ready.count; i++)
            if (seats[i].started)
                pthread_join(seats[i].thread, NULL);
        pthread_join(views, NULL);
        forget_bytes(run, true);
    }
    hp_http_stop(http);
    free(seats);
    if (!status && run->failure) {
        *error = run->error;
        status = run->failure;
    }
    return status;
}

static void
install_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal};

    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
}

static int64_t
log_clock(void)
{
    return hp_now_ms();
}

int
hp_cmd_run(int argc, char **argv)
{
    struct run *run = hp_alloc(sizeof(*run));
    struct hp_error error = {0};
    enum hp_status status;

    mallopt(M_ARENA_MAX, 2); /* one a thread keeps a sixth more memory, and is no faster */
    install_signals();
    status = take_arguments(run, &argc, argv, &error);
    pthread_mutex_init(&run->lock, NULL);
    if (!status) {
        hp_log_configure(&(struct hp_log_options){.level = run->options.log_level,
            .format = run->options.log_format,
            .clock_ms = log_clock,
            .user_seed = hp_hash64(hp_bytes_text(run->options.application_id))});
        status = start(run, &error);
    }
    if (!status)
        status = run_process(run, &error);
    if (status == HP_RETRY && signals_seen)
        status = HP_OK;
    hp_process_free(run->process);
    close_state(run, status ? error.text : "a file did not keep its checksum");
    hp_command_cluster_free(run->cluster);
    hp_options_release(&run->options);
    free(run->targets);
    pthread_mutex_destroy(&run->lock);
    free(run);
    return hp_command_end("run", status, &error);
}
