/*
 * tests/sim/failpoint_test.c - dies, or fails, at every named place of commit and restore, on a
 * RocksDB directory, and must end as if nothing had happened.
 *
 * To die is to be copied: at the place, the directory is copied as a kill would leave it, every
 * later call of the worker to the broker fails, the worker is dropped, and the next life opens
 * the copy. So the broker in memory outlives the process that dies on it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/failpoint.h"
#include "base/log.h"
#include "store/kv_rocks.h"
#include "tests/support/engine_rig.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define HITS      3
#define ROUNDS    6
#define SETTLE    20000
#define TEXT_MAX  512
#define LIVES_MAX 8

static const char *const labels[] = {"commit-rows", "commit-end", "commit-audit",
    "commit-offsets", "commit-broker", "commit-answer", "commit-store", "commit-stored",
    "restore-begin", "restore-chosen", "restore-read", "restore-load", "restore-derive",
    "restore-flush", "restore-flushed"};

struct life {
    struct rig rig;
    char root[TEXT_MAX];
    int number; /* of the directory in use */
    bool dead;
};

static void
directory(const struct life *life, int number, char path[TEXT_MAX])
{
    int size = snprintf(path, TEXT_MAX, "%.400s/%d", life->root, number);

    assert_in_range(size, 1, TEXT_MAX - 1);
}

static void
copy_file(int from_directory, int to_directory, const char *name)
{
    static char block[1 << 16];
    int from = openat(from_directory, name, O_RDONLY);
    ssize_t size;
    int to;

    if (from < 0 && errno == ENOENT)
        return; /* the store has just removed it */
    to = openat(to_directory, name, O_WRONLY | O_CREAT | O_EXCL, 0600);
    assert_true(from >= 0 && to >= 0);
    while ((size = read(from, block, sizeof(block))) > 0)
        assert_int_equal(write(to, block, (size_t)size), size);
    close(from);
    close(to);
}

/* What a kill leaves: all that was written, nothing that was meant to be. */
static void
die(void *context)
{
    struct life *life = context;
    char from[TEXT_MAX];
    char to[TEXT_MAX];
    struct dirent *entry;
    DIR *open_from;
    DIR *open_to;

    directory(life, life->number, from);
    directory(life, life->number + 1, to);
    assert_int_equal(mkdir(to, 0700), 0);
    open_from = opendir(from);
    open_to = opendir(to);
    assert_true(open_from && open_to);
    while ((entry = readdir(open_from)))
        if (entry->d_name[0] != '.' && strcmp(entry->d_name, "LOCK") != 0)
            copy_file(dirfd(open_from), dirfd(open_to), entry->d_name);
    closedir(open_from);
    closedir(open_to);
    life->dead = true;
    life->rig.faults = true;
    life->rig.chance = 1000;
}

static void
open_store(struct life *life)
{
    struct hp_error error;
    char path[TEXT_MAX];

    directory(life, life->number, path);
    if (hp_kv_rocks_open(
            &(struct hp_kv_rocks_options){
                .path = path, .cache_bytes = 1 << 20, .write_buffer_bytes = 1 << 20},
            &life->rig.kv[0], &error))
        fail_msg("%s", error.text);
}

static void
remove_root(const char *root)
{
    char command[TEXT_MAX + 16];

    snprintf(command, sizeof(command), "rm -rf '%s'", root);
    assert_int_equal(system(command), 0);
}

static void
begin(struct life *life)
{
    memset(life, 0, sizeof(*life));
    snprintf(life->root, sizeof(life->root), "%s/hamper-failpoint-XXXXXX",
        getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
    assert_non_null(mkdtemp(life->root));
    rig_init(&life->rig, 1);
    hp_kv_free(life->rig.kv[0]);
    open_store(life);
    hp_failpoint_on_die(die, life);
}

/* The next life of a process that died, or stopped because of a failure. */
static void
revive(struct life *life)
{
    rig_crash(&life->rig, 0);
    hp_kv_free(life->rig.kv[0]);
    life->number += life->dead;
    life->dead = false;
    life->rig.faults = false;
    life->rig.chance = 0;
    open_store(life);
}

static void
keep_alive(struct life *life)
{
    for (int i = 0; !life->rig.worker[0]; i++) {
        if (i == LIVES_MAX)
            fail_msg("does not start: %s", life->rig.error.text);
        if (rig_start(&life->rig, 0))
            revive(life);
    }
}

static void
run(struct life *life, int turns)
{
    for (int i = 0; i < turns; i++) {
        keep_alive(life);
        if (rig_step(&life->rig) || life->dead)
            revive(life);
    }
}

/* Rounds of records, between which the worker stops and finds its state, or loses it. */
static void
work(struct life *life)
{
    static const char *const users[] = {"ann", "bob", "cyd"};

    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < 9; i++)
            rig_send(&life->rig, RIG_ORDERS, i % RIG_PARTITIONS, users[i % 3], "x");
        run(life, 40);
        if (round == ROUNDS / 3)
            revive(life);
        if (round == 2 * ROUNDS / 3) {
            revive(life);
            hp_kv_free(life->rig.kv[0]);
            life->number += 2 * LIVES_MAX;
            open_store(life);
        }
    }
}

static void
check(struct life *life)
{
    struct rig *rig = &life->rig;

    for (int i = 0; i < LIVES_MAX; i++) {
        keep_alive(life);
        if (rig_settle(rig, SETTLE) && !life->dead)
            break;
        revive(life);
    }
    for (int32_t p = 0; p < RIG_PARTITIONS; p++) {
        int64_t count = 0;

        count += rig_count(rig, p, "ann") > 0 ? rig_count(rig, p, "ann") : 0;
        count += rig_count(rig, p, "bob") > 0 ? rig_count(rig, p, "bob") : 0;
        count += rig_count(rig, p, "cyd") > 0 ? rig_count(rig, p, "cyd") : 0;
        assert_int_equal(count, p == 0 ? 5 * ROUNDS : 4 * ROUNDS);
    }
    assert_true(rig_verify(rig));
}

static void
end(struct life *life)
{
    rig_crash(&life->rig, 0);
    hp_failpoint_on_die(NULL, NULL);
    rig_release(&life->rig);
    remove_root(life->root);
}

static void
play(const char *label, int hit, const char *action)
{
    struct life *life = hp_alloc(sizeof(*life));
    struct hp_error error;
    char plan[TEXT_MAX];

    snprintf(plan, sizeof(plan), "%s:%d:%s", label, hit, action);
    if (hp_failpoint_arm(plan, &error))
        fail_msg("%s", error.text);
    begin(life);
    work(life);
    check(life);
    if (!hp_failpoint_fired())
        fail_msg("%s is never reached", plan);
    end(life);
    free(life);
}

static void
every_place_may_be_the_last(void **state)
{
    (void)state;
    for (size_t i = 0; i < HP_ARRAY_SIZE(labels); i++)
        for (int hit = 1; hit <= HITS; hit++)
            play(labels[i], hit, "die");
}

static void
every_place_may_fail(void **state)
{
    (void)state;
    for (size_t i = 0; i < HP_ARRAY_SIZE(labels); i++)
        for (int hit = 1; hit <= HITS; hit++)
            play(labels[i], hit, "error");
}

static void
plans_are_checked(void **state)
{
    static const char *const wrong[] = {"commit-rows", "commit-rows:1", "commit-rows:0:die",
        "commit-rows:1:explode", "commit-rows:1:delay=-1"};
    struct hp_error error;

    (void)state;
    for (size_t i = 0; i < HP_ARRAY_SIZE(wrong); i++)
        assert_int_equal(hp_failpoint_arm(wrong[i], &error), HP_USAGE);
    assert_int_equal(hp_failpoint_arm("a:2:delay=0,b:1:error", &error), HP_OK);
    assert_int_equal(hp_failpoint("b", &error), HP_RETRY);
    assert_int_equal(hp_failpoint("b", &error), HP_OK);
    assert_int_equal(hp_failpoint("a", &error), HP_OK);
    assert_int_equal(hp_failpoint("a", &error), HP_OK);
    assert_int_equal(hp_failpoint_arm(NULL, &error), HP_OK);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plans_are_checked),
        cmocka_unit_test(every_place_may_be_the_last),
        cmocka_unit_test(every_place_may_fail),
    };

    hp_log_configure(&(struct hp_log_options){.level = HP_LOG_ERROR});
    return cmocka_run_group_tests(tests, NULL, NULL);
}
