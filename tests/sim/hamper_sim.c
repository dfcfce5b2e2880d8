/*
 * tests/sim/hamper_sim.c - the simulator's command line.
 *
 *     hamper-sim [--seeds N] [--seed S] [--jobs J] [--twice]
 *
 * Plays N schedules from seed S on. A failing one prints the command that repeats it. With
 * --twice each is played a second time, and the two traces must be equal.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/log.h"
#include "tests/sim/sim.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define JOBS_MAX 64

struct plan {
    uint64_t seeds;
    uint64_t seed;
    uint64_t jobs;
    bool twice;
};

static bool
play(const struct plan *plan, uint64_t seed)
{
    uint64_t trace;
    uint64_t again;

    if (!sim_play(seed, &trace))
        return false;
    if (!plan->twice)
        return true;
    if (!sim_play(seed, &again))
        return false;
    if (trace != again)
        fprintf(stderr, "seed %" PRIu64 ": the second run took another way\n", seed);
    return trace == again;
}

/* The seeds of one job; how many failed. */
static uint64_t
play_share(const struct plan *plan, uint64_t job)
{
    uint64_t failed = 0;

    sim_global_init();
    for (uint64_t i = job; i < plan->seeds; i += plan->jobs)
        if (!play(plan, plan->seed + i)) {
            fprintf(stderr, "seed %" PRIu64 " failed; again: hamper-sim --seed %" PRIu64 "\n",
                plan->seed + i, plan->seed + i);
            failed++;
        }
    sim_global_release();
    return failed;
}

static int
play_all(const struct plan *plan)
{
    pid_t children[JOBS_MAX];
    int failed = 0;

    if (plan->jobs == 1)
        return play_share(plan, 0) > 0;
    for (uint64_t job = 0; job < plan->jobs; job++) {
        children[job] = fork();
        if (children[job] < 0)
            hp_die("fork: %s", strerror(errno));
        if (children[job] == 0)
            _exit(play_share(plan, job) > 0);
    }
    for (uint64_t job = 0; job < plan->jobs; job++) {
        int status = 0;

        if (waitpid(children[job], &status, 0) < 0 || status != 0)
            failed = 1;
    }
    return failed;
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

static bool
parse(int argc, char **argv, struct plan *plan)
{
    for (int i = 1; i < argc; i++) {
        uint64_t *value = strcmp(argv[i], "--seeds") == 0  ? &plan->seeds
                          : strcmp(argv[i], "--seed") == 0 ? &plan->seed
                          : strcmp(argv[i], "--jobs") == 0 ? &plan->jobs
                                                           : NULL;

        if (strcmp(argv[i], "--twice") == 0) {
            plan->twice = true;
            continue;
        }
        if (!value || !number(argv[++i], value))
            return false;
    }
    return plan->jobs >= 1 && plan->jobs <= JOBS_MAX;
}

int
main(int argc, char **argv)
{
    struct plan plan = {.seeds = 1, .seed = 1, .jobs = 1};
    int failed;

    if (!parse(argc, argv, &plan)) {
        fprintf(stderr, "usage: hamper-sim [--seeds N] [--seed S] [--jobs J] [--twice]\n");
        return 2;
    }
    hp_log_configure(
        &(struct hp_log_options){.level = plan.seeds > 1 ? HP_LOG_ERROR : HP_LOG_DEBUG});
    failed = play_all(&plan);
    printf("%" PRIu64 " schedules from seed %" PRIu64 ": %s\n", plan.seeds, plan.seed,
        failed ? "some failed" : "all as without trouble");
    return failed;
}
