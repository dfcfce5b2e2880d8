/*
 * tests/sim/state_test.c - state directories that are cut, spoilt, old, new, foreign, gone, or
 * on a full disk: found out and rebuilt, or refused with a message, but never served.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/log.h"
#include "base/metric.h"
#include "store/kv_rocks.h"
#include "tests/support/engine_rig.h"

#include <dirent.h>
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

#define SETTLE   20000
#define TEXT_MAX 600
#define CUT      20

static char root[TEXT_MAX];

static void
shell(const char *what)
{
    char command[2 * TEXT_MAX];

    assert_in_range(
        snprintf(command, sizeof(command), "cd '%s' && %s", root, what), 1, TEXT_MAX * 2 - 1);
    if (system(command) != 0)
        fail_msg("%s", command);
}

static int
set_up(void **state)
{
    (void)state;
    snprintf(root, sizeof(root), "%.400s/hamper-state-XXXXXX",
        getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
    return mkdtemp(root) ? 0 : -1;
}

static int
tear_down(void **state)
{
    (void)state;
    shell("rm -rf * && rmdir \"$PWD\"");
    return 0;
}

/* Opens the directory as the program does: a damaged one is dropped. True when it was. */
static bool
open_state(struct rig *rig, const char *name, size_t free_bytes_least)
{
    char path[2 * TEXT_MAX];
    struct hp_kv_rocks_options options = {.path = path,
        .cache_bytes = 1 << 20,
        .write_buffer_bytes = 1 << 20,
        .free_bytes_least = free_bytes_least};
    struct hp_error error;
    enum hp_status status;

    snprintf(path, sizeof(path), "%s/%s", root, name);
    status = hp_kv_rocks_open(&options, &rig->kv[0], &error);
    if (!status)
        return false;
    if (status != HP_CORRUPT)
        fail_msg("%s", error.text);
    if (hp_kv_rocks_destroy(path, &error) || hp_kv_rocks_open(&options, &rig->kv[0], &error))
        fail_msg("%s", error.text);
    return true;
}

static void
close_state(struct rig *rig)
{
    rig_crash(rig, 0);
    hp_kv_free(rig->kv[0]);
    rig->kv[0] = NULL;
}

static void
begin(struct rig *rig, const char *name)
{
    rig_init(rig, 1);
    hp_kv_free(rig->kv[0]);
    open_state(rig, name, 0);
}

static void
end(struct rig *rig)
{
    rig_crash(rig, 0);
    rig_release(rig);
}

static void
send(struct rig *rig, const char *user, int count)
{
    for (int i = 0; i < count; i++)
        rig_send(rig, RIG_ORDERS, 0, user, "x");
}

static void
settle(struct rig *rig)
{
    if (!rig->worker[0] && rig_start(rig, 0))
        fail_msg("%s", rig->error.text);
    if (!rig_settle(rig, SETTLE))
        fail_msg("not settled: %s", rig->error.text);
    assert_true(rig_verify(rig));
}

static int64_t
rebuilds(void)
{
    return hp_metric_value(hp_metric_get(
        HP_METRIC_COUNTER, "hamper_restore_rebuilds_total", "", "local ranges dropped"));
}

static void
fill(struct rig *rig, const char *name)
{
    begin(rig, name);
    send(rig, "ann", 5);
    settle(rig);
    send(rig, "bob", 3);
    settle(rig);
    close_state(rig);
    /* A second life writes its tables out, so that there is more than a log. */
    open_state(rig, name, 0);
    settle(rig);
    close_state(rig);
}

static void
counts_are(struct rig *rig, int64_t ann, int64_t bob)
{
    assert_int_equal(rig_count(rig, 0, "ann"), ann);
    assert_int_equal(rig_count(rig, 0, "bob"), bob);
}

static void
spoil(const char *name, bool cut)
{
    struct stat stat;
    int file = open(name, O_RDWR);
    uint8_t byte;

    assert_true(file >= 0);
    assert_int_equal(fstat(file, &stat), 0);
    if (cut && stat.st_size > CUT) {
        assert_int_equal(ftruncate(file, stat.st_size - CUT), 0);
    } else if (!cut && stat.st_size > 0) {
        assert_int_equal(pread(file, &byte, 1, stat.st_size / 2), 1);
        byte ^= 0x40;
        assert_int_equal(pwrite(file, &byte, 1, stat.st_size / 2), 1);
    }
    close(file);
}

/* Each file of the directory in turn, in a copy. */
static void
spoil_each(bool cut)
{
    struct rig rig;
    char path[2 * TEXT_MAX];
    struct dirent *entry;
    DIR *files;

    fill(&rig, "good");
    snprintf(path, sizeof(path), "%s/good", root);
    files = opendir(path);
    assert_non_null(files);
    while ((entry = readdir(files))) {
        if (entry->d_name[0] == '.' || strncmp(entry->d_name, "LO", 2) == 0)
            continue; /* the lock, and what RocksDB tells people */
        shell("rm -rf copy && cp -r good copy");
        snprintf(path, sizeof(path), "%s/copy/%s", root, entry->d_name);
        spoil(path, cut);
        open_state(&rig, "copy", 0);
        settle(&rig);
        counts_are(&rig, 5, 3);
        close_state(&rig);
    }
    closedir(files);
    open_state(&rig, "good", 0);
    end(&rig);
}

static void
cut_files_are_rebuilt(void **state)
{
    (void)state;
    spoil_each(true);
}

static void
spoilt_files_are_rebuilt(void **state)
{
    (void)state;
    spoil_each(false);
}

static void
an_older_directory_catches_up(void **state)
{
    struct rig rig;

    (void)state;
    fill(&rig, "state");
    shell("cp -r state older");
    open_state(&rig, "state", 0);
    send(&rig, "ann", 2);
    settle(&rig);
    close_state(&rig);
    open_state(&rig, "older", 0);
    settle(&rig);
    counts_are(&rig, 7, 3);
    end(&rig);
}

static void
a_missing_directory_is_restored(void **state)
{
    struct rig rig;

    (void)state;
    fill(&rig, "state");
    open_state(&rig, "elsewhere", 0);
    settle(&rig);
    counts_are(&rig, 5, 3);
    end(&rig);
}

/* Another cluster's, with as many transactions and records: nothing is left to read. */
static void
a_foreign_directory_is_found_out(void **state)
{
    int64_t before = rebuilds();
    struct rig foreign;
    struct rig rig;

    (void)state;
    begin(&foreign, "foreign");
    send(&foreign, "eve", 5);
    settle(&foreign);
    send(&foreign, "fay", 3);
    settle(&foreign);
    close_state(&foreign);
    fill(&rig, "own");
    open_state(&rig, "foreign", 0);
    settle(&rig);
    counts_are(&rig, 5, 3);
    assert_int_equal(rig_count(&rig, 0, "eve"), -1);
    assert_true(rebuilds() > before);
    end(&rig);
    open_state(&foreign, "unused", 0);
    end(&foreign);
}

/* The cluster was lost and begun anew: the directory knows more than the changelog. */
static void
a_newer_directory_is_rebuilt(void **state)
{
    struct rig rich;
    struct rig rig;

    (void)state;
    fill(&rich, "rich");
    begin(&rig, "poor");
    send(&rig, "ann", 1);
    settle(&rig);
    close_state(&rig);
    open_state(&rig, "rich", 0);
    settle(&rig);
    counts_are(&rig, 1, -1);
    end(&rig);
    open_state(&rich, "unused", 0);
    end(&rich);
}

static void
a_full_disk_stops_and_loses_nothing(void **state)
{
    enum hp_status status = HP_OK;
    struct rig rig;

    (void)state;
    fill(&rig, "state");
    open_state(&rig, "state", SIZE_MAX);
    send(&rig, "ann", 4);
    status = rig_start(&rig, 0);
    for (int i = 0; i < SETTLE && !status; i++)
        status = rig_step(&rig);
    assert_int_equal(status, HP_FATAL);
    assert_non_null(strstr(rig.error.text, "free space and start again"));
    close_state(&rig);
    open_state(&rig, "state", 0);
    settle(&rig);
    counts_are(&rig, 9, 3);
    end(&rig);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(cut_files_are_rebuilt, set_up, tear_down),
        cmocka_unit_test_setup_teardown(spoilt_files_are_rebuilt, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_older_directory_catches_up, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_missing_directory_is_restored, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_foreign_directory_is_found_out, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_newer_directory_is_rebuilt, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_full_disk_stops_and_loses_nothing, set_up, tear_down),
    };

    hp_log_configure(&(struct hp_log_options){.level = HP_LOG_ERROR});
    return cmocka_run_group_tests(tests, NULL, NULL);
}
