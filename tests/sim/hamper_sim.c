/*
 * tests/sim/hamper_sim.c - the simulator's command line.
 *
 *     hamper-sim [--seeds N] [--seed S] [--jobs J] [--twice]
 *     hamper-sim-bugs [--bugs | --bug NAME] [--seeds N] [--seed S] [--jobs J]
 *
 * Plays N schedules from seed S on. A failing one prints the command that repeats it. With
 * --twice each is played a second time, and the two traces must be equal.
 *
 * The second program has mistakes to choose from. --bugs plays up to N schedules (2,000) with
 * each of them, until one shows it, and fails when none does.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/bug.h"
#include "base/log.h"
#include "tests/sim/sim.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define JOBS_MAX     64
#define BUG_SEEDS    2000
#define SHOW_SECONDS 20

struct plan {
    uint64_t seeds;
    uint64_t seed;
    uint64_t jobs;
    bool twice;
    bool bugs;
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

#ifdef HAMPER_BUGS

/* Everything a failing schedule says, and how it may end, concerns only this process. */
static bool
fails(const char *bug, uint64_t seed)
{
    pid_t child;
    int status = 0;

    fflush(NULL);
    child = fork();
    if (child < 0)
        hp_die("fork: %s", strerror(errno));
    if (child == 0) {
        uint64_t trace;

        if (!freopen("/dev/null", "w", stderr))
            _exit(2);
        hp_bug_set(bug);
        alarm(SHOW_SECONDS); /* to hang is to show */
        sim_global_init();
        _exit(sim_play(seed, &trace) ? 0 : 1);
    }
    if (waitpid(child, &status, 0) < 0)
        hp_die("wait: %s", strerror(errno));
    return status != 0;
}

/* The schedules a mistake needs; 0 when none shows it. One that fails without it shows nothing.
 */
static uint64_t
find_bug(const struct plan *plan, const char *bug)
{
    for (uint64_t i = 0; i < plan->seeds; i++)
        if (fails(bug, plan->seed + i) && !fails(NULL, plan->seed + i))
            return i + 1;
    return 0;
}

static uint64_t
find_share(const struct plan *plan, uint64_t job)
{
    uint64_t missed = 0;

    for (int i = 1 + (int)job; hp_bug_name((enum hp_bug)i); i += (int)plan->jobs) {
        const char *name = hp_bug_name((enum hp_bug)i);
        uint64_t seeds = find_bug(plan, name);

        missed += seeds == 0;
        printf(seeds ? "%-22s shown by seed %" PRIu64 "\n" : "%-22s NOT shown\n", name,
            plan->seed + seeds - 1);
        fflush(stdout);
    }
    return missed;
}

#else

static uint64_t
find_share(const struct plan *plan, uint64_t job)
{
    (void)plan;
    (void)job;
    return 0;
}

#endif

static int
play_all(const struct plan *plan)
{
    uint64_t (*share)(const struct plan *, uint64_t) = plan->bugs ? find_share : play_share;
    pid_t children[JOBS_MAX];
    int failed = 0;

    if (plan->jobs == 1)
        return share(plan, 0) > 0;
    fflush(NULL);
    for (uint64_t job = 0; job < plan->jobs; job++) {
        children[job] = fork();
        if (children[job] < 0)
            hp_die("fork: %s", strerror(errno));
        if (children[job] == 0)
            _exit(share(plan, job) > 0);
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
#ifdef HAMPER_BUGS
        if (strcmp(argv[i], "--bugs") == 0) {
            plan->bugs = true;
            continue;
        }
        if (strcmp(argv[i], "--bug") == 0) {
            if (!argv[++i] || !hp_bug_set(argv[i]))
                return false;
            continue;
        }
#endif
        if (!value || !number(argv[++i], value))
            return false;
    }
    if (plan->seeds == 0)
        plan->seeds = plan->bugs ? BUG_SEEDS : 1;
    return plan->jobs >= 1 && plan->jobs <= JOBS_MAX;
}

int
main(int argc, char **argv)
{
    struct plan plan = {.seed = 1, .jobs = 1};
    int failed;

    if (!parse(argc, argv, &plan)) {
        fprintf(stderr, "usage: hamper-sim [--seeds N] [--seed S] [--jobs J] [--twice]\n");
        return 2;
    }
    hp_log_configure(&(struct hp_log_options){
        .level = plan.seeds > 1 || plan.bugs ? HP_LOG_ERROR : HP_LOG_DEBUG});
    failed = play_all(&plan);
    if (plan.bugs) {
        printf(failed ? "some mistakes are not found\n" : "every mistake is found\n");
        return failed;
    }
    printf("%" PRIu64 " schedules from seed %" PRIu64 ": %s\n", plan.seeds, plan.seed,
        failed ? "some failed" : "all as without trouble");
    return failed;
}
