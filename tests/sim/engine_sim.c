/*
 * engine-sim: the engine against crashes, faults, rebalances, evictions and lost disks.
 *
 * A seed is a schedule: which records are sent, who steps, what fails and when. After it all
 * faults end, the workers run until they are idle, and the state must be that of a run without
 * trouble: every record counted once on the partition it belongs to, derived rows and digests
 * equal to their recomputation, no output twice, no lag. A failing seed prints the command that
 * repeats it.
 *
 * What is expected is counted while sending, by rules of its own: a record counts for its user
 * on its partition, a forwarded one on the next partition, a bad one nowhere but among the dead
 * letters.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/log.h"
#include "tests/support/engine_rig.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define ACTIONS_MAX 400
#define SETTLE      20000

struct expected {
    int64_t counts[RIG_PARTITIONS][RIG_USERS];
    int64_t dead;
};

static const char *const users[RIG_USERS] = {
    "ann", "bob", "cyd", "dev", "eve", "fay", "gus", "hal"};

static void
send_some(struct rig *rig, struct hp_rng *rng, struct expected *expected)
{
    static const char *const values[] = {
        "x", "x", "x", "x", "bad", "late-bad", "forward", "huge"};
    uint32_t count = 1 + hp_rng_below(rng, 6);

    for (uint32_t i = 0; i < count; i++) {
        int32_t partition = (int32_t)hp_rng_below(rng, RIG_PARTITIONS);
        uint32_t user = hp_rng_below(rng, RIG_USERS);
        uint32_t kind = hp_rng_below(rng, HP_ARRAY_SIZE(values));
        int source = hp_rng_below(rng, 3) ? RIG_ORDERS : RIG_REQUESTS;

        if (kind == 7 && hp_rng_below(rng, 4))
            kind = 0;
        rig_send(rig, source, partition, users[user], values[kind]);
        if (kind < 4)
            expected->counts[partition][user]++;
        else if (kind == 6)
            expected->counts[(partition + 1) % RIG_PARTITIONS][user]++;
        else
            expected->dead++;
    }
}

static bool
start_if_stopped(struct rig *rig, int n)
{
    if (rig->worker[n])
        return true;
    return rig_start(rig, n) == HP_OK || rig->error.status == HP_RETRY;
}

/* A worker whose seat was taken, as an evicted member's may be, starts anew. */
static bool
step(struct rig *rig)
{
    enum hp_status status = rig_step(rig);

    if (status == HP_FENCED) {
        for (int n = 0; n < RIG_WORKERS; n++)
            rig_crash(rig, n);
        return true;
    }
    return status == HP_OK;
}

static bool
act(struct rig *rig, struct hp_rng *rng, struct expected *expected)
{
    int n = (int)hp_rng_below(rng, RIG_WORKERS);

    switch (hp_rng_below(rng, 40)) {
    case 0:
        if (rig->worker[n])
            rig_crash(rig, n);
        if (hp_rng_below(rng, 2))
            rig_wipe(rig, n);
        return true;
    case 1: rig_leave(rig, n); return true;
    case 2:
    case 3:
    case 4: return start_if_stopped(rig, n);
    case 5: rig->now_ms += hp_rng_between(rng, 0, 15000); return true;
    case 6: rig->faults = true; return true;
    case 7: rig->faults = false; return true;
    case 8:
        return hp_memory_compact(rig->cluster, "changelog",
                   (int32_t)hp_rng_below(rng, RIG_PARTITIONS), &rig->error) == HP_OK;
    case 9:
    case 10:
    case 11:
    case 12: send_some(rig, rng, expected); return true;
    default: return step(rig);
    }
}

static bool
settle(struct rig *rig)
{
    for (int attempt = 0; attempt < 8; attempt++) {
        for (int n = 0; n < RIG_WORKERS; n++)
            if (!rig->worker[n] && rig_start(rig, n) != HP_OK)
                return false;
        rig->error = (struct hp_error){0};
        if (rig_settle(rig, SETTLE))
            return true;
        if (rig->error.status != HP_FENCED)
            return false;
        for (int n = 0; n < RIG_WORKERS; n++)
            rig_crash(rig, n);
    }
    return false;
}

static bool
compare(struct rig *rig, const struct expected *expected)
{
    static struct rig_record records[8192];
    struct hp_arena arena = {0};
    size_t dead;

    for (int32_t p = 0; p < RIG_PARTITIONS; p++)
        for (int u = 0; u < RIG_USERS; u++) {
            int64_t count = rig_count(rig, p, users[u]);
            int64_t wanted = expected->counts[p][u] ? expected->counts[p][u] : -1;

            if (count == wanted)
                continue;
            fprintf(stderr, "partition %d, %s: counted %" PRId64 ", sent %" PRId64 "\n", p,
                users[u], count, wanted);
            return false;
        }
    dead = rig_read(rig, "dead", &arena, records, HP_ARRAY_SIZE(records));
    hp_arena_release(&arena);
    if ((int64_t)dead == expected->dead)
        return true;
    fprintf(stderr, "%zu dead letters, %" PRId64 " expected\n", dead, expected->dead);
    return false;
}

static bool
run_seed(uint64_t seed)
{
    struct hp_rng rng = {seed};
    struct expected expected = {0};
    struct rig rig;
    uint32_t actions = 50 + hp_rng_below(&rng, ACTIONS_MAX - 50);
    bool right = true;

    rig_init(&rig, seed ^ 0x5eedU);
    rig.chance = hp_rng_below(&rng, 60);
    rig.options.breaker = false;
    rig.options.round_records = 1 + hp_rng_below(&rng, 64);
    rig.options.overlay_bytes = hp_rng_below(&rng, 2) ? 300 : 1 << 20;
    for (uint32_t i = 0; i < actions && right; i++)
        right = act(&rig, &rng, &expected);
    rig.faults = false;
    if (!right)
        fprintf(stderr, "stopped: %s\n", rig.error.text);
    else if (!(right = settle(&rig)))
        fprintf(stderr, "not settled: %s\n", rig.error.text);
    right = right && compare(&rig, &expected) && rig_verify(&rig);
    rig_release(&rig);
    return right;
}

static bool
number(const char *text, uint64_t *value)
{
    char *end;

    if (!text || *text < '0' || *text > '9')
        return false;
    errno = 0;
    *value = strtoull(text, &end, 10);
    return !*end && !errno;
}

int
main(int argc, char **argv)
{
    uint64_t seeds = 1;
    uint64_t seed = 1;
    int failed = 0;

    for (int i = 1; i < argc; i += 2) {
        uint64_t *value = strcmp(argv[i], "--seeds") == 0  ? &seeds
                          : strcmp(argv[i], "--seed") == 0 ? &seed
                                                           : NULL;

        if (!value || !number(argv[i + 1], value)) {
            fprintf(stderr, "usage: engine-sim [--seeds N] [--seed S]\n");
            return 2;
        }
    }
    hp_log_configure(
        &(struct hp_log_options){.level = seeds > 1 ? HP_LOG_ERROR : HP_LOG_DEBUG});
    for (uint64_t s = seed; s < seed + seeds; s++)
        if (!run_seed(s)) {
            fprintf(stderr, "seed %" PRIu64 " failed; again: engine-sim --seed %" PRIu64 "\n",
                s, s);
            failed++;
        }
    printf("%" PRIu64 " schedules, %d failed\n", seeds, failed);
    return failed ? 1 : 0;
}
