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

/* Dies in one of its next calls, the write to the store among them. */
static void
arm(struct sim *sim)
{
    struct sim_instance *instance = some_instance(sim);

    instance->die_at = hp_rng_below(&sim->rng, hp_rng_below(&sim->rng, 2) ? 12 : 80);
    instance->after = hp_rng_below(&sim->rng, 2);
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

    if (hp_memory_compact(sim->cluster, sim->topics.name[topic], partition, &error))
        hp_die("seed %" PRIu64 ": %s", sim->seed, error.text);
    sim->compacted[topic] = true;
}

static void
act(struct sim *sim)
{
    switch (hp_rng_below(&sim->rng, 60)) {
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
    if (!sim_settle(sim)) {
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
