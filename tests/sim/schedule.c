/*
 * tests/sim/schedule.c - one seed, one schedule: steps and trouble in turn, then peace, in
 * which everything must drain, then the checks.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "flow/topology.h"
#include "store/kv_memory.h"
#include "tests/sim/sim.h"

#include <inttypes.h>
#include <stdio.h>

#define ACTIONS_MIN  40
#define ACTIONS_MAX  220
#define TURNS        6
#define SLEEP_MS_MAX 120000
#define JUMP_MS_MAX  20000

static struct sim_instance *
some_instance(struct sim *sim)
{
    return sim->instances[hp_rng_below(&sim->rng, (uint32_t)sim->tunables.instances)];
}

static int32_t
some_partition(struct sim *sim)
{
    return (int32_t)hp_rng_below(&sim->rng, (uint32_t)sim->tunables.partitions);
}

static bool
is_awake(const struct sim *sim, const struct sim_instance *instance)
{
    return instance && instance->worker && instance->asleep_until_ms <= sim->now_ms;
}

/* Everybody gets turns, in an order and number of the moment. */
static void
take_turns(struct sim *sim)
{
    uint32_t turns = 1 + hp_rng_below(&sim->rng, TURNS);

    for (uint32_t i = 0; i < turns; i++) {
        struct sim_instance *instance = some_instance(sim);

        if (is_awake(sim, instance))
            sim_turn(instance, hp_rng_below(&sim->rng, 3) > 0);
        sim->now_ms += hp_rng_below(&sim->rng, 12);
    }
    for (int i = 0; i < SIM_GHOSTS_MAX; i++)
        if (is_awake(sim, sim->ghosts[i]) && hp_rng_below(&sim->rng, 4) == 0)
            sim_turn(sim->ghosts[i], true);
}

static void
start_somebody(struct sim *sim)
{
    struct sim_instance *instance = some_instance(sim);

    if (!instance->worker)
        sim_start(sim, instance);
}

static void
start_all(struct sim *sim)
{
    for (int i = 0; i < sim->tunables.instances; i++)
        if (!sim->instances[i]->worker)
            sim_start(sim, sim->instances[i]);
}

/* Everybody works for a while, until `until` is over if that is sooner. */
static void
bustle(struct sim *sim, uint32_t rounds, const struct sim_instance *until)
{
    for (uint32_t i = 0; i < rounds && (!until || until->worker); i++) {
        for (int k = 0; k < sim->tunables.instances; k++)
            if (is_awake(sim, sim->instances[k]))
                sim_turn(sim->instances[k], true);
        sim->now_ms += hp_rng_below(&sim->rng, 12);
    }
}

/* Dies in one of its next calls, the write to the store among them. */
static void
arm(struct sim *sim)
{
    struct sim_instance *instance = some_instance(sim);

    if (hp_rng_below(&sim->rng, 3))
        instance->die_at = hp_rng_below(&sim->rng, hp_rng_below(&sim->rng, 2) ? 12 : 80);
    else
        instance->die_at_write = hp_rng_below(&sim->rng, 4);
    instance->after = hp_rng_below(&sim->rng, 2);
}

/* Will stand still in the middle of a turn, at best while there is something to do. */
static void
arm_freeze(struct sim *sim)
{
    some_instance(sim)->freeze_at = hp_rng_below(&sim->rng, 100);
    if (hp_rng_below(&sim->rng, 2))
        return;
    start_all(sim);
    sim_send_some(sim);
    bustle(sim, 20, NULL);
}

static void
evict(struct sim *sim)
{
    struct sim_instance *instance = some_instance(sim);

    if (instance->worker)
        sim_evict(instance);
}

/*
 * Its owner dies between the rows and the offsets of a commit and is put out at once, the next
 * one loses the partition again: what the dead wrote is open all the time, with the rows of the
 * living behind it.
 */
static void
relay(struct sim *sim)
{
    struct sim_instance *instance = some_instance(sim);

    start_all(sim);
    instance->die_in = "offsets";
    sim_send_some(sim);
    bustle(sim, 20, instance);
    sim_evict(instance);
    bustle(sim, 20, NULL);
    sim_send_some(sim);
    bustle(sim, 20, NULL);
    evict(sim);
    bustle(sim, 20, NULL);
}

static void
lose_disk(struct sim *sim)
{
    struct sim_instance *instance = some_instance(sim);

    sim_end(instance, true);
    hp_kv_free(instance->disk);
    instance->disk = hp_kv_memory_new();
}

static void
succeed(struct sim *sim)
{
    int number = (int)hp_rng_below(&sim->rng, (uint32_t)sim->tunables.instances);

    if (sim->instances[number]->worker)
        sim_replace(sim, number, hp_rng_below(&sim->rng, 2));
}

static void
fall_asleep(struct sim *sim)
{
    some_instance(sim)->asleep_until_ms =
        sim->now_ms + (int64_t)hp_rng_below(&sim->rng, SLEEP_MS_MAX);
}

static void
compact(struct sim *sim)
{
    static const enum hp_topic topics[] = {HP_TOPIC_LEDGER_CHANGELOG, HP_TOPIC_LEDGER_CHANGELOG,
        HP_TOPIC_ROWS, HP_TOPIC_MODEL, HP_TOPIC_CATALOGUE, HP_TOPIC_PREFERENCES};
    enum hp_topic topic = topics[hp_rng_below(&sim->rng, HP_ARRAY_SIZE(topics))];
    int32_t partition = hp_topic_rows[topic].by_partitions ? some_partition(sim) : 0;
    struct hp_error error;

    if (sim->days_passed && topic != HP_TOPIC_LEDGER_CHANGELOG)
        return; /* a tombstone that nobody has read would be lost, as it would in Kafka */
    if (hp_memory_compact(sim->cluster, sim->topics.name[topic], partition, &error))
        hp_die("seed %" PRIu64 ": %s", sim->seed, error.text);
    sim->compacted[topic] = true;
}

/* Items change, and somebody dies while the boxes that hold them are looked for. */
static void
churn(struct sim *sim)
{
    uint32_t items = 1 + hp_rng_below(&sim->rng, 6);

    start_all(sim);
    bustle(sim, 20, NULL);
    for (uint32_t i = 0; i < items; i++)
        sim_send_catalogue(sim);
    bustle(sim, 1 + hp_rng_below(&sim->rng, 8), NULL);
    sim_end(some_instance(sim), true);
}

/* The inputs lose what the group has read. */
static void
trim(struct sim *sim)
{
    static const enum hp_topic topics[] = {HP_TOPIC_ORDERS, HP_TOPIC_FEEDBACK,
        HP_TOPIC_PREFERENCES, HP_TOPIC_BOX_REQUESTS, HP_TOPIC_ERASURES, HP_TOPIC_REROUTE};
    enum hp_topic topic = topics[hp_rng_below(&sim->rng, HP_ARRAY_SIZE(topics))];
    struct hp_position position = {sim->topics.name[topic], some_partition(sim), 0};
    struct hp_error error;

    if (hp_cluster_committed(sim->cluster, "sim", &position, 1, &error) ||
        position.offset == HP_OFFSET_NONE)
        return; /* a transaction is open, or nothing was read */
    if (hp_memory_trim(
            sim->cluster, position.topic, position.partition, position.offset, &error))
        hp_die("seed %" PRIu64 ": %s", sim->seed, error.text);
    sim->trimmed[topic] = true;
}

/* Kafka forgets the offsets of topics that no member subscribes to: all but the driver's. */
static void
forget_offsets(struct sim *sim)
{
    static const enum hp_topic siblings[] = {HP_TOPIC_FEEDBACK, HP_TOPIC_PREFERENCES,
        HP_TOPIC_BOX_REQUESTS, HP_TOPIC_ERASURES, HP_TOPIC_REROUTE};

    for (size_t i = 0; i < HP_ARRAY_SIZE(siblings); i++)
        hp_memory_forget(sim->cluster, "sim", sim->topics.name[siblings[i]]);
}

/* A state directory of the past comes back, or that of another machine. */
static void
swap_disk(struct sim *sim)
{
    struct sim_instance *instance = some_instance(sim);
    struct sim_instance *other = some_instance(sim);

    if (sim->backup && hp_rng_below(&sim->rng, 2)) {
        sim_end(instance, true);
        hp_kv_free(instance->disk);
        instance->disk = sim_disk_copy(sim->backup);
    } else if (instance != other && hp_rng_below(&sim->rng, 2)) {
        sim_end(instance, true);
        hp_kv_free(instance->disk);
        instance->disk = sim_disk_copy(other->disk);
    } else {
        hp_kv_free(sim->backup);
        sim->backup = sim_disk_copy(instance->disk);
    }
}

/* Everything stands still for longer than tombstones are kept. A disk may be one of before. */
static void
pass_a_day(struct sim *sim)
{
    struct sim_instance *instance = some_instance(sim);
    struct hp_kv *before = NULL;
    struct hp_error error;

    if (hp_rng_below(&sim->rng, 2))
        return;
    if (hp_rng_below(&sim->rng, 2)) {
        before = sim_disk_copy(instance->disk);
        sim_send_some(sim);
        sim_send_some(sim);
        bustle(sim, 40, NULL);
    }
    sim_end_all(sim);
    if (before) {
        hp_kv_free(instance->disk);
        instance->disk = before;
    }
    sim->now_ms += SIM_DAY_MS + SIM_DAY_MS / 4;
    sim->days_passed = true;
    for (int32_t p = 0; p < sim->tunables.partitions; p++)
        if (hp_memory_compact(
                sim->cluster, sim->topics.name[HP_TOPIC_LEDGER_CHANGELOG], p, &error))
            hp_die("seed %" PRIu64 ": %s", sim->seed, error.text);
}

static void
act(struct sim *sim)
{
    switch (hp_rng_below(&sim->rng, 72)) {
    case 0: sim_end(some_instance(sim), true); return;
    case 1: sim_end(some_instance(sim), false); return;
    case 2:
    case 3: arm(sim); return;
    case 4: lose_disk(sim); return;
    case 5: succeed(sim); return;
    case 6: fall_asleep(sim); return;
    case 7: compact(sim); return;
    case 8: sim->now_ms += (int64_t)hp_rng_below(&sim->rng, JUMP_MS_MAX); return;
    case 9: sim->faults = !sim->faults; return;
    case 60: trim(sim); return;
    case 61: forget_offsets(sim); return;
    case 62: swap_disk(sim); return;
    case 63: evict(sim); return;
    case 64: hp_memory_deliver(sim->cluster); return;
    case 66:
    case 67: arm_freeze(sim); return;
    case 65: pass_a_day(sim); return;
    case 70:
    case 71: churn(sim); return;
    case 68:
    case 69: relay(sim); return;
    case 10:
    case 11:
    case 12:
    case 13: start_somebody(sim); return;
    case 14:
    case 15:
    case 16:
    case 17:
    case 18:
    case 19:
    case 20:
    case 21: sim_send_some(sim); return;
    default: take_turns(sim);
    }
}

static bool
rest(struct sim *sim)
{
    if (sim->broken || !sim_settle(sim)) {
        fprintf(stderr, "seed %" PRIu64 ": not quiet: %s\n", sim->seed, sim->error.text);
        return false;
    }
    return sim_check(sim);
}

bool
sim_play(uint64_t seed, uint64_t *trace)
{
    struct sim sim;
    uint32_t actions;
    bool right = true;

    sim_init(&sim, seed);
    actions = (uint32_t)hp_rng_between(&sim.rng, ACTIONS_MIN, ACTIONS_MAX);
    sim_stock(&sim);
    sim.faults = true;
    for (uint32_t i = 0; i < actions && right; i++) {
        act(&sim);
        if (sim.broken)
            break;
        if (hp_rng_below(&sim.rng, 150) == 0) {
            right = rest(&sim);
            sim.faults = true;
        }
    }
    right = right && rest(&sim);
    *trace = sim.trace;
    sim_release(&sim);
    return right;
}
