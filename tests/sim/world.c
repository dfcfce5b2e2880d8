/*
 * tests/sim/world.c - the cluster, its clock, and the processes on it.
 *
 * A process dies when one of its calls to the broker or its store says so: from then on every
 * call it makes fails, so nothing it still does is seen outside, and it is released as a crash
 * releases it. Faults are asked for under the name of whoever runs; the platform has none.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/log.h"
#include "base/metric.h"
#include "codec/event.h"
#include "codec/registry_ops.h"
#include "flow/topology.h"
#include "store/kv_memory.h"
#include "tests/sim/sim.h"

#include <stdio.h>

#define APPLICATION "sim"
#define QUIET_TURNS 25
#define TURNS_MAX   40000
#define TURN_MS     5
#define FENCES_MAX  60

static struct {
    struct hp_registry *registry;
    struct hp_codec *codec;
} global;

static void
must(enum hp_status status, const struct hp_error *error)
{
    if (status)
        hp_die("sim: %s", error->text);
}

static int64_t
clock_ms(void *context)
{
    return ((struct sim *)context)->now_ms;
}

void
sim_trace(struct sim *sim, const char *what, int64_t value)
{
    uint64_t mixed = hp_hash64(hp_bytes_text(what)) + (uint64_t)value;

    if (sim->current)
        mixed += (uint64_t)sim->current->name[0] * 131 + (uint64_t)sim->current->number;
    mixed ^= sim->trace;
    sim->trace = hp_hash64(hp_bytes(&mixed, sizeof(mixed))) + (uint64_t)sim->now_ms;
}

/* ---- shared by all seeds ----------------------------------------------------------------- */

static void
prepare(struct hp_codec *codec)
{
    struct hp_error error;
    char subject[128];

    for (size_t i = 0; i < HP_TOPIC_COUNT; i++) {
        if (hp_topic_rows[i].record_type < 0)
            continue;
        snprintf(subject, sizeof(subject), "%s-value", hp_topic_rows[i].default_name);
        must(hp_codec_prepare(
                 codec, (enum hp_record_type)hp_topic_rows[i].record_type, subject, &error),
            &error);
    }
}

void
sim_global_init(void)
{
    struct hp_error error;

    must(hp_registry_open(
             &(struct hp_registry_options){.url = "file:schemas"}, &global.registry, &error),
        &error);
    global.codec = hp_codec_new(global.registry);
    prepare(global.codec);
}

void
sim_global_release(void)
{
    hp_codec_free(global.codec);
    hp_registry_free(global.registry);
}

int64_t
sim_rebuilds(void)
{
    return hp_metric_value(hp_metric_get(
        HP_METRIC_COUNTER, "hamper_restore_rebuilds_total", "", "local ranges dropped"));
}

struct hp_codec *
sim_codec(void)
{
    return global.codec;
}

/* ---- a registry that is not always there ------------------------------------------------- */

struct moody {
    struct hp_registry object;
    struct sim *sim;
};

static bool
is_away(struct moody *moody)
{
    struct sim *sim = moody->sim;

    return sim->faults && hp_rng_below(&sim->faults_rng, 100) < sim->tunables.registry_chance;
}

static enum hp_status
moody_schema(
    struct hp_registry *registry, int32_t id, struct hp_buffer *json, struct hp_error *error)
{
    if (is_away((struct moody *)registry))
        return hp_fail(error, HP_RETRY, "the registry is away");
    return hp_registry_schema(global.registry, id, json, error);
}

static enum hp_status
moody_id(struct hp_registry *registry, const char *subject, struct hp_bytes schema, int32_t *id,
    struct hp_error *error)
{
    if (is_away((struct moody *)registry))
        return hp_fail(error, HP_RETRY, "the registry is away");
    return hp_registry_id(global.registry, subject, schema, id, error);
}

static void
moody_free(struct hp_registry *registry)
{
    free(registry);
}

static const struct hp_registry_ops moody_ops = {moody_schema, moody_id, moody_free};

static struct hp_registry *
moody_new(struct sim *sim)
{
    struct moody *moody = hp_alloc(sizeof(*moody));

    moody->object.ops = &moody_ops;
    moody->sim = sim;
    return &moody->object;
}

/* ---- faults ------------------------------------------------------------------------------ */

/* Operations that go well, but not as the sender thinks. */
static bool
is_late(const char *operation)
{
    return strstr(operation, "_late") || strstr(operation, "_twice") ||
           strstr(operation, "_unheard") || strstr(operation, "_lost");
}

static enum hp_status
draw_fault(struct sim *sim, const char *operation, struct hp_error *error)
{
    if (!sim->faults)
        return HP_OK;
    if (is_late(operation))
        return hp_rng_below(&sim->faults_rng, 1000) < sim->tunables.late_chance
                   ? hp_fail(error, HP_RETRY, "%s", operation)
                   : HP_OK;
    if (hp_rng_below(&sim->faults_rng, 10000) < sim->tunables.fatal_chance) {
        sim->current->failed = true;
        return hp_fail(error, HP_FATAL, "%s fails for good", operation);
    }
    if (hp_rng_below(&sim->faults_rng, 1000) < sim->tunables.retry_chance)
        return hp_fail(error, HP_RETRY, "%s fails in passing", operation);
    return HP_OK;
}

static enum hp_status
fault(void *context, const char *operation, struct hp_error *error)
{
    struct sim *sim = context;
    enum hp_status status;

    if (!sim->current)
        return HP_OK;
    if (sim->current->die_in && strcmp(sim->current->die_in, operation) == 0)
        sim->current->dead = true;
    if (sim_dies(sim->current))
        return hp_fail(error, HP_FATAL, "the process died");
    if (sim->current->reads_only && strcmp(operation, "begin") == 0)
        return hp_fail(error, HP_RETRY, "reads only");
    status = draw_fault(sim, operation, error);
    sim_trace(sim, operation, (int64_t)status);
    return status;
}

/* ---- the cluster ------------------------------------------------------------------------- */

static void
draw_tunables(struct sim *sim)
{
    struct hp_rng *rng = &sim->rng;
    struct sim_tunables *t = &sim->tunables;
    static const uint32_t chances[] = {0, 0, 2, 10, 30, 60};

    t->partitions = (int32_t)hp_rng_between(rng, 1, SIM_PARTITIONS_MAX);
    t->instances = (int)hp_rng_between(rng, 1, SIM_INSTANCES_MAX);
    t->commit_interval_ms = hp_rng_between(rng, 1, 200);
    t->commit_gap_ms = hp_rng_between(rng, 0, 20);
    t->fence_ms = hp_rng_below(rng, 2) ? SIM_DAY_MS : hp_rng_between(rng, 1, 1000);
    t->rows_publish_ms = hp_rng_between(rng, 1, 2000);
    t->rows_cache_bytes = hp_rng_below(rng, 2) ? 1U << 24 : 1024;
    t->overlay_bytes = hp_rng_below(rng, 3) ? 1U << 20 : 2000 + hp_rng_below(rng, 8000);
    t->round_records = 1 + hp_rng_below(rng, hp_rng_below(rng, 2) ? 8 : 200);
    t->emit_batch_users = (int32_t)(1 + hp_rng_below(rng, hp_rng_below(rng, 2) ? 2 : 50));
    t->walk_users = hp_rng_below(rng, 3) ? (int32_t)(1 + hp_rng_below(rng, 3)) : 0;
    t->eager_rows = hp_rng_below(rng, 2);
    t->retry_chance = chances[hp_rng_below(rng, HP_ARRAY_SIZE(chances))];
    t->fatal_chance = hp_rng_below(rng, 3) ? 0 : hp_rng_below(rng, 40);
    t->late_chance = chances[hp_rng_below(rng, HP_ARRAY_SIZE(chances))];
    t->registry_chance = hp_rng_below(rng, 4) ? 0 : hp_rng_below(rng, 60);
    t->catalogue_bad = hp_rng_below(rng, 2);
}

static void
make_topics(struct sim *sim)
{
    struct hp_error error;

    for (size_t i = 0; i < HP_TOPIC_COUNT; i++) {
        const struct hp_topic_row *row = &hp_topic_rows[i];
        size_t settings = 0;

        while (settings < HP_ARRAY_SIZE(row->settings) && row->settings[settings].name)
            settings++;
        must(hp_cluster_create(sim->cluster,
                 &(struct hp_topic_spec){sim->topics.name[i],
                     row->by_partitions ? sim->tunables.partitions : 1, 1, row->settings,
                     settings},
                 &error),
            &error);
    }
}

static void
disarm(struct sim_instance *instance)
{
    instance->die_at = SIM_NEVER;
    instance->die_at_write = SIM_NEVER;
    instance->freeze_at = SIM_NEVER;
    instance->die_in = NULL;
}

static struct sim_instance *
instance_new(struct sim *sim, int number, struct hp_kv *disk)
{
    struct sim_instance *instance = hp_alloc(sizeof(*instance));

    instance->sim = sim;
    instance->number = number;
    disarm(instance);
    instance->disk = disk;
    instance->group = APPLICATION;
    snprintf(instance->name, sizeof(instance->name), "i%d-0", number);
    return instance;
}

static void
instance_free(struct sim_instance *instance)
{
    if (!instance)
        return;
    sim_end(instance, true);
    hp_kv_free(instance->disk);
    free(instance);
}

void
sim_init(struct sim *sim, uint64_t seed)
{
    struct hp_error error;

    *sim = (struct sim){.seed = seed,
        .rng = {seed},
        .faults_rng = {seed ^ 0xfa017U},
        .rebuilds = sim_rebuilds(),
        .now_ms = SIM_START_MS};
    draw_tunables(sim);
    sim->cluster = hp_cluster_memory_new(&(struct hp_memory_options){
        .clock = clock_ms, .clock_context = sim, .fault = fault, .fault_context = sim});
    hp_topic_names_init(&sim->topics, APPLICATION, NULL);
    make_topics(sim);
    must(hp_producer_new(sim->cluster, NULL, &sim->producer, &error), &error);
    sim->vocabulary = hp_vocabulary_new();
    sim->occasions = hp_occasions_new();
    if (sim->tunables.registry_chance)
        sim->registry = moody_new(sim);
    for (int i = 0; i < SIM_INSTANCES_MAX; i++)
        sim->instances[i] = instance_new(sim, i, hp_kv_memory_new());
}

void
sim_release(struct sim *sim)
{
    for (int i = 0; i < SIM_INSTANCES_MAX; i++)
        instance_free(sim->instances[i]);
    for (int i = 0; i < SIM_GHOSTS_MAX; i++)
        instance_free(sim->ghosts[i]);
    if (sim->reference)
        sim_release(sim->reference);
    free(sim->reference);
    hp_kv_free(sim->backup);
    hp_producer_free(sim->producer, false);
    if (sim->registry)
        hp_registry_free(sim->registry);
    hp_vocabulary_free(sim->vocabulary);
    hp_occasions_free(sim->occasions);
    hp_topic_names_release(&sim->topics);
    hp_cluster_free(sim->cluster);
    hp_buffer_release(&sim->inputs);
    hp_arena_release(&sim->arena);
}

/* ---- processes --------------------------------------------------------------------------- */

static enum hp_status
open_codec(struct sim_instance *instance, struct hp_error *error)
{
    static const enum hp_topic outputs[] = {
        HP_TOPIC_BOX_RECOMMENDATIONS, HP_TOPIC_BOX_ANSWERS, HP_TOPIC_ERASURE_RECEIPTS};
    enum hp_status status = HP_OK;
    char subject[128];

    if (!instance->sim->registry)
        return HP_OK;
    instance->codec = hp_codec_new(instance->sim->registry);
    for (size_t i = 0; i < HP_ARRAY_SIZE(outputs) && !status; i++) {
        const struct hp_topic_row *row = &hp_topic_rows[outputs[i]];

        snprintf(subject, sizeof(subject), "%s-value", row->default_name);
        status = hp_codec_prepare(
            instance->codec, (enum hp_record_type)row->record_type, subject, error);
    }
    return status;
}

static enum hp_status
open_flow(struct sim_instance *instance, struct hp_error *error)
{
    struct sim *sim = instance->sim;
    const struct hp_flow_options options = {.application_id = instance->group,
        .topics = &sim->topics,
        .partitions = sim->tunables.partitions,
        .currency = "INR",
        .cluster = sim->cluster,
        .codec = instance->codec ? instance->codec : global.codec,
        .vocabulary = sim->vocabulary,
        .occasions = sim->occasions,
        .erasure_key = hp_bytes_text("the key of the simulator, 32 bytes"),
        .clock_ms = clock_ms,
        .clock_context = sim,
        .budget_default_minor = 150000,
        .box_items_min = 3,
        .box_items_max = 12,
        .residue_ms = 8 * SIM_DAY_MS,
        .sweep_interval_ms = SIM_DAY_MS,
        .rows_publish_ms = sim->tunables.rows_publish_ms,
        .rows_cache_bytes = sim->tunables.rows_cache_bytes,
        .emit_batch_users = sim->tunables.emit_batch_users,
        .walk_users = sim->tunables.walk_users,
        .emit_defer_records = 100000,
        .privacy_min_buyers = 2,
        .eager_rows = sim->tunables.eager_rows,
        .epoch_gap_ms = 50};

    return hp_flow_new(&options, &instance->flow, error);
}

static enum hp_status
open_worker(struct sim_instance *instance, struct hp_error *error)
{
    struct sim *sim = instance->sim;
    const struct sim_tunables *t = &sim->tunables;
    const struct hp_worker_options options = {.cluster = sim->cluster,
        .kv = instance->kv,
        .application = hp_flow_application(instance->flow),
        .application_id = instance->group,
        .instance = instance->name,
        .changelog_topic = sim->topics.name[HP_TOPIC_LEDGER_CHANGELOG],
        .dead_letter_topic = sim->topics.name[HP_TOPIC_DEAD_LETTERS],
        .reroute_topic = sim->topics.name[HP_TOPIC_REROUTE],
        .audit_topic = sim->topics.name[HP_TOPIC_AUDIT],
        .partitions = t->partitions,
        .dead_letter_partitions = t->partitions,
        .clock_ms = clock_ms,
        .clock_context = sim,
        .commit_interval_ms = t->commit_interval_ms,
        .commit_gap_ms = t->commit_gap_ms,
        .fence_ms = t->fence_ms,
        .overlay_bytes = t->overlay_bytes,
        .round_records = t->round_records,
        .breaker = false,
        .delete_retention_ms = SIM_DAY_MS};

    return hp_worker_new(&options, &instance->worker, error);
}

bool
sim_start(struct sim *sim, struct sim_instance *instance)
{
    enum hp_status status;

    HP_ASSERT(!instance->worker && !instance->flow);
    sim->current = instance;
    instance->dead = false;
    instance->kv = sim_disk_open(instance);
    status = open_codec(instance, &sim->error);
    if (!status)
        status = open_flow(instance, &sim->error);
    if (!status)
        status = open_worker(instance, &sim->error);
    sim_trace(sim, "start", (int64_t)status);
    sim->current = NULL;
    if (status)
        sim_end(instance, true);
    return status == HP_OK;
}

void
sim_end(struct sim_instance *instance, bool crash)
{
    struct sim *sim = instance->sim;

    sim->current = instance;
    instance->dead = instance->dead || crash;
    if (instance->worker)
        hp_worker_free(instance->worker, crash);
    hp_flow_free(instance->flow);
    if (instance->codec)
        hp_codec_free(instance->codec);
    hp_kv_free(instance->kv);
    instance->worker = NULL;
    instance->flow = NULL;
    instance->codec = NULL;
    instance->kv = NULL;
    instance->dead = false;
    instance->failed = false;
    disarm(instance);
    instance->asleep_until_ms = 0;
    sim->current = NULL;
}

static bool
is_ghost(const struct sim *sim, const struct sim_instance *instance)
{
    for (int i = 0; i < SIM_GHOSTS_MAX; i++)
        if (sim->ghosts[i] == instance)
            return true;
    return false;
}

bool
sim_turn(struct sim_instance *instance, bool views)
{
    struct sim *sim = instance->sim;
    enum hp_status status = HP_OK;

    sim->current = instance;
    if (views)
        status = hp_flow_views_step(instance->flow, 0, &sim->error);
    if (!status || status == HP_RETRY)
        status = hp_worker_step(instance->worker, 0, &sim->error);
    sim->current = NULL;
    if (!status && !instance->dead)
        return true;
    sim_trace(sim, "ended", (int64_t)status);
    sim->fences += status == HP_FENCED;
    if (!instance->dead && !instance->failed && status != HP_FENCED && !is_ghost(sim, instance))
        sim->broken = true;
    sim_end(instance, true);
    return false;
}

void
sim_end_all(struct sim *sim)
{
    for (int i = 0; i < SIM_INSTANCES_MAX; i++)
        sim_end(sim->instances[i], true);
    for (int i = 0; i < SIM_GHOSTS_MAX; i++) {
        instance_free(sim->ghosts[i]);
        sim->ghosts[i] = NULL;
    }
}

void
sim_replace(struct sim *sim, int number, bool with_state)
{
    uint32_t place = hp_rng_below(&sim->rng, SIM_GHOSTS_MAX);
    struct sim_instance *ghost = sim->instances[number];

    instance_free(sim->ghosts[place]);
    sim->ghosts[place] = ghost;
    sim->instances[number] =
        instance_new(sim, number, with_state ? sim_disk_copy(ghost->disk) : hp_kv_memory_new());
}

#define FROZEN_TURNS_MAX 40
#define FROZEN_MS_MAX    60000

void
sim_freeze(struct sim_instance *instance)
{
    struct sim *sim = instance->sim;
    struct sim_instance *current = sim->current;
    int64_t turns = hp_rng_between(&sim->rng, 1, FROZEN_TURNS_MAX);

    if (sim->frozen || instance->dead)
        return;
    sim->frozen = true;
    sim_trace(sim, "frozen", turns);
    if (hp_rng_below(&sim->rng, 2))
        sim_evict(instance);
    else
        sim->now_ms += (int64_t)hp_rng_below(&sim->rng, FROZEN_MS_MAX);
    for (int64_t i = 0; i < turns; i++) {
        struct sim_instance *other =
            sim->instances[hp_rng_below(&sim->rng, (uint32_t)sim->tunables.instances)];

        if (other != instance && other->worker)
            sim_turn(other, true);
        sim->now_ms += TURN_MS;
    }
    sim->frozen = false;
    sim->current = current;
}

void
sim_evict(struct sim_instance *instance)
{
    hp_memory_evict_instance(instance->sim->cluster, instance->group, instance->name);
    sim_trace(instance->sim, "evicted", instance->number);
}

/* ---- a restore by a stranger ---------------------------------------------------------------
 */

#define RESTORE_TURNS_MAX 2000
#define TRANSACTION_MS    10001 /* after that the broker ends a transaction */

struct hp_kv *
sim_restore_cold(struct sim *sim)
{
    struct sim_instance *reader = instance_new(sim, 9, hp_kv_memory_new());
    struct hp_worker_state state = {.restoring = 1};
    struct hp_kv *disk = NULL;
    int64_t now_ms = sim->now_ms;
    bool going = true;

    reader->group = "stranger";
    reader->reads_only = true;
    going = sim_start(sim, reader);
    for (int i = 0; i < RESTORE_TURNS_MAX && going && state.restoring; i++) {
        going = sim_turn(reader, true);
        if (going)
            hp_worker_state(reader->worker, &state);
        state.restoring += state.task_count < (size_t)sim->tunables.partitions;
        sim->now_ms += TURN_MS;
    }
    sim->now_ms = now_ms;
    if (going && !state.restoring) {
        disk = reader->disk;
        reader->disk = NULL;
    } else {
        fprintf(stderr, "a cold restore does not end: %s\n", sim->error.text);
    }
    instance_free(reader);
    return disk;
}

/* ---- quiet ------------------------------------------------------------------------------- */

bool
sim_quiet(struct sim *sim)
{
    size_t tasks = 0;

    for (int i = 0; i < sim->tunables.instances; i++) {
        struct sim_instance *instance = sim->instances[i];
        struct hp_worker_state state;

        if (!instance->worker)
            continue;
        hp_worker_state(instance->worker, &state);
        if (!hp_flow_ready(instance->flow) ||
            !hp_flow_settled(instance->flow, instance->worker))
            return false;
        if (!state.idle && state.task_count)
            return false;
        tasks += state.task_count;
    }
    return tasks == (size_t)sim->tunables.partitions;
}

/* Who is not, for whoever looks into a seed that never is. */
static void
describe(struct sim *sim)
{
    for (int i = 0; i < sim->tunables.instances; i++) {
        struct sim_instance *instance = sim->instances[i];
        struct hp_worker_state state = {0};

        if (instance->worker)
            hp_worker_state(instance->worker, &state);
        HP_LOG(HP_LOG_WARN, "not quiet", HP_S("instance", instance->name),
            HP_I("running", instance->worker != NULL),
            HP_I("ready", instance->flow && hp_flow_ready(instance->flow)),
            HP_I("settled",
                instance->worker && hp_flow_settled(instance->flow, instance->worker)),
            HP_I("assigned", state.assigned), HP_I("idle", state.idle),
            HP_I("tasks", (int64_t)state.task_count),
            HP_I("restoring", (int64_t)state.restoring));
    }
}

/* A seat that was taken is tried again; for ever would be a fight. */
static bool
keep_running(struct sim *sim, struct sim_instance *instance)
{
    if (!instance->worker)
        return sim_start(sim, instance);
    return sim_turn(instance, true) || sim->fences < FENCES_MAX;
}

bool
sim_settle(struct sim *sim)
{
    int quiet = 0;

    sim->faults = false;
    sim->fences = 0;
    sim->now_ms += TRANSACTION_MS; /* those of the dead no longer hide what lies behind them */
    while (hp_memory_deliver(sim->cluster))
        sim_trace(sim, "late", 0);
    for (int i = 0; i < SIM_INSTANCES_MAX; i++)
        disarm(sim->instances[i]);
    for (int i = 0; i < SIM_GHOSTS_MAX; i++)
        if (sim->ghosts[i])
            disarm(sim->ghosts[i]);
    for (int turn = 0; quiet < QUIET_TURNS; turn++) {
        for (int i = 0; i < sim->tunables.instances; i++)
            if (!keep_running(sim, sim->instances[i]) || sim->broken)
                return false;
        for (int i = 0; i < SIM_GHOSTS_MAX; i++)
            if (sim->ghosts[i] && sim->ghosts[i]->worker)
                sim_turn(sim->ghosts[i], true);
        if (turn == TURNS_MAX) {
            describe(sim);
            hp_fail(&sim->error, HP_FATAL, "not quiet after %d turns", TURNS_MAX);
            return false;
        }
        sim->now_ms += TURN_MS;
        quiet = sim_quiet(sim) ? quiet + 1 : 0;
    }
    return true;
}
