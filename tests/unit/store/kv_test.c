/*
 * tests/unit/store/kv_test.c - one suite for both maps, and what only files can get wrong.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "store/kv.h"
#include "store/kv_memory.h"
#include "store/kv_rocks.h"

#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <setjmp.h>
#include <spawn.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* RocksDB is not built with the thread sanitizer, which therefore cannot see its locks. */
const char *__tsan_default_suppressions(void);
const char *
__tsan_default_suppressions(void)
{
    return "race:librocksdb.so\n";
}

struct fixture {
    bool rocks;
    char path[64];
    struct hp_kv *kv;
    struct hp_arena arena;
    struct hp_kv_batch batch;
};

static struct hp_kv *
open_rocks(const char *path, bool read_only)
{
    struct hp_kv_rocks_options options = {.path = path, .read_only = read_only};
    struct hp_kv *kv;

    assert_int_equal(hp_kv_rocks_open(&options, &kv, NULL), HP_OK);
    return kv;
}

static int
set_up_memory(void **state)
{
    struct fixture *fixture = hp_alloc(sizeof(*fixture));

    fixture->kv = hp_kv_memory_new();
    *state = fixture;
    return 0;
}

static int
set_up_rocks(void **state)
{
    struct fixture *fixture = hp_alloc(sizeof(*fixture));

    fixture->rocks = true;
    snprintf(fixture->path, sizeof(fixture->path), "/tmp/hamper-kv-XXXXXX");
    if (!mkdtemp(fixture->path))
        return -1;
    fixture->kv = open_rocks(fixture->path, false);
    *state = fixture;
    return 0;
}

static int
remove_entry(const char *path, const struct stat *info, int kind, struct FTW *where)
{
    (void)info, (void)kind, (void)where;
    return remove(path);
}

static int
tear_down(void **state)
{
    struct fixture *fixture = *state;

    hp_kv_free(fixture->kv);
    hp_kv_batch_release(&fixture->batch);
    hp_arena_release(&fixture->arena);
    if (fixture->rocks)
        nftw(fixture->path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    free(fixture);
    return 0;
}

static struct hp_bytes
text(const char *value)
{
    return hp_bytes_text(value);
}

static void
put(struct fixture *fixture, const char *key, const char *value)
{
    hp_kv_put(&fixture->batch, text(key), text(value));
}

static void
flush(struct fixture *fixture)
{
    assert_int_equal(hp_kv_write(fixture->kv, &fixture->batch, NULL), HP_OK);
    hp_kv_batch_clear(&fixture->batch);
}

static void
assert_value(struct fixture *fixture, const char *key, const char *expected)
{
    struct hp_bytes value;

    assert_int_equal(hp_kv_get(fixture->kv, text(key), &fixture->arena, &value, NULL), HP_OK);
    if (!expected) {
        assert_null(value.data);
        return;
    }
    assert_non_null(value.data);
    assert_true(hp_bytes_is(value, expected));
}

/* "a=1 b=2 " of what the cursor still gives; ends it. */
static void
assert_rest(struct hp_kv_cursor *cursor, const char *expected)
{
    struct hp_buffer seen = {0};
    struct hp_bytes key;
    struct hp_bytes value;

    while (hp_kv_next(cursor, &key, &value))
        hp_buffer_printf(&seen, "%.*s=%.*s ", HP_BYTES_FORMAT(key), HP_BYTES_FORMAT(value));
    assert_false(hp_kv_next(cursor, &key, &value));
    assert_int_equal(hp_kv_cursor_free(cursor, NULL), HP_OK);
    hp_put_u8(&seen, 0);
    assert_string_equal((const char *)seen.data, expected);
    hp_buffer_release(&seen);
}

static void
assert_all(struct fixture *fixture, const char *expected)
{
    assert_rest(hp_kv_scan(fixture->kv, (struct hp_bytes){0}, (struct hp_bytes){0}), expected);
}

static void
missing_key_has_no_value_and_an_empty_value_is_one(void **state)
{
    struct fixture *fixture = *state;

    put(fixture, "empty", "");
    flush(fixture);
    assert_value(fixture, "empty", "");
    assert_value(fixture, "missing", NULL);
    assert_all(fixture, "empty= ");
}

static void
later_operation_of_a_batch_wins(void **state)
{
    struct fixture *fixture = *state;

    put(fixture, "a", "1");
    put(fixture, "a", "2");
    put(fixture, "b", "1");
    hp_kv_delete(&fixture->batch, text("b"));
    hp_kv_delete(&fixture->batch, text("never there"));
    hp_kv_delete(&fixture->batch, text("c"));
    put(fixture, "c", "3");
    flush(fixture);
    assert_all(fixture, "a=2 c=3 ");
}

static void
empty_batch_changes_nothing(void **state)
{
    struct fixture *fixture = *state;

    put(fixture, "a", "1");
    flush(fixture);
    flush(fixture);
    assert_all(fixture, "a=1 ");
}

static void
scan_is_ordered_and_half_open(void **state)
{
    struct fixture *fixture = *state;

    for (const char *key = "dbaec"; *key; key++)
        hp_kv_put(&fixture->batch, hp_bytes(key, 1), hp_bytes(key, 1));
    flush(fixture);
    assert_rest(hp_kv_scan(fixture->kv, text("b"), text("d")), "b=b c=c ");
    assert_rest(hp_kv_scan(fixture->kv, text("bb"), (struct hp_bytes){0}), "c=c d=d e=e ");
    assert_rest(hp_kv_scan(fixture->kv, (struct hp_bytes){0}, text("b")), "a=a ");
    assert_rest(hp_kv_scan(fixture->kv, text("x"), (struct hp_bytes){0}), "");
    assert_rest(hp_kv_scan(fixture->kv, text("d"), text("b")), "");
}

/* A walk over users runs while their rows are rewritten. */
static void
scan_sees_the_moment_it_began(void **state)
{
    struct fixture *fixture = *state;
    struct hp_kv_cursor *cursor;
    struct hp_bytes key;
    struct hp_bytes value;

    put(fixture, "a", "1");
    put(fixture, "b", "1");
    put(fixture, "c", "1");
    flush(fixture);
    cursor = hp_kv_scan(fixture->kv, (struct hp_bytes){0}, (struct hp_bytes){0});
    assert_true(hp_kv_next(cursor, &key, &value));
    assert_true(hp_bytes_is(key, "a"));
    hp_kv_delete(&fixture->batch, text("b"));
    put(fixture, "bb", "2");
    put(fixture, "c", "2");
    flush(fixture);
    hp_kv_delete_range(&fixture->batch, text("a"), (struct hp_bytes){0});
    put(fixture, "d", "3");
    flush(fixture);
    assert_rest(cursor, "b=1 c=1 ");
    assert_all(fixture, "d=3 ");
}

static void
range_delete_takes_what_is_inside(void **state)
{
    struct fixture *fixture = *state;

    for (const char *key = "abcdef"; *key; key++)
        hp_kv_put(&fixture->batch, hp_bytes(key, 1), text("0"));
    hp_kv_delete_range(&fixture->batch, text("b"), text("d"));
    put(fixture, "c", "1");
    flush(fixture);
    assert_all(fixture, "a=0 c=1 d=0 e=0 f=0 ");
    hp_kv_delete_range(&fixture->batch, text("d"), text("b"));
    hp_kv_delete_range(&fixture->batch, text("d"), text("d"));
    flush(fixture);
    assert_all(fixture, "a=0 c=1 d=0 e=0 f=0 ");
    put(fixture, "zz", "0");
    hp_kv_delete_range(&fixture->batch, text("e"), (struct hp_bytes){0});
    flush(fixture);
    assert_all(fixture, "a=0 c=1 d=0 ");
    hp_kv_delete_range(&fixture->batch, (struct hp_bytes){0}, text("c"));
    flush(fixture);
    assert_all(fixture, "c=1 d=0 ");
}

struct load {
    int next;
    int count;
    int step;
    char key[16];
};

static bool
load_next(void *context, struct hp_bytes *key, struct hp_bytes *value)
{
    struct load *load = context;

    if (load->count-- == 0)
        return false;
    snprintf(load->key, sizeof(load->key), "k%08d", load->next);
    load->next += load->step;
    *key = *value = hp_bytes_text(load->key);
    return true;
}

static size_t
count_all(struct fixture *fixture)
{
    struct hp_kv_cursor *cursor =
        hp_kv_scan(fixture->kv, (struct hp_bytes){0}, (struct hp_bytes){0});
    struct hp_bytes key;
    struct hp_bytes value;
    size_t count = 0;

    while (hp_kv_next(cursor, &key, &value)) {
        assert_true(hp_bytes_equal(key, value));
        count++;
    }
    assert_int_equal(hp_kv_cursor_free(cursor, NULL), HP_OK);
    return count;
}

/* The cold restore: what was in the range is dropped, then the range is loaded. */
static void
load_fills_a_range_that_was_emptied(void **state)
{
    struct fixture *fixture = *state;
    struct load load = {.next = 1, .count = 20000, .step = 1};

    put(fixture, "a", "a");
    put(fixture, "k00000500", "old");
    put(fixture, "k99999999", "old");
    flush(fixture);
    hp_kv_delete_range(&fixture->batch, text("k"), text("l"));
    flush(fixture);
    assert_int_equal(hp_kv_ingest(fixture->kv, load_next, &load, NULL), HP_OK);
    assert_value(fixture, "k00000500", "k00000500");
    assert_value(fixture, "k99999999", NULL);
    assert_int_equal(count_all(fixture), 20001);
    put(fixture, "k00000500", "new");
    flush(fixture);
    assert_value(fixture, "k00000500", "new");
}

static void
load_of_nothing_is_fine(void **state)
{
    struct fixture *fixture = *state;
    struct load load = {0};

    assert_int_equal(hp_kv_ingest(fixture->kv, load_next, &load, NULL), HP_OK);
    assert_all(fixture, "");
}

/* A restore whose sort went wrong must not leave half a partition. */
static void
load_out_of_order_fails_and_changes_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct load falling = {.next = 100, .count = 3, .step = -1};
    struct load repeated = {.next = 7, .count = 2, .step = 0};
    struct hp_error error;

    assert_int_equal(hp_kv_ingest(fixture->kv, load_next, &falling, &error), HP_FATAL);
    assert_true(strlen(error.text) > 0);
    assert_int_equal(hp_kv_ingest(fixture->kv, load_next, &repeated, &error), HP_FATAL);
    assert_all(fixture, "");
}

static void
compaction_keeps_what_is_live(void **state)
{
    struct fixture *fixture = *state;

    put(fixture, "a", "1");
    put(fixture, "b", "1");
    flush(fixture);
    hp_kv_delete(&fixture->batch, text("a"));
    flush(fixture);
    assert_int_equal(hp_kv_compact(fixture->kv, text("a"), (struct hp_bytes){0}, NULL), HP_OK);
    assert_all(fixture, "b=1 ");
}

static void
freeing_nothing_is_fine(void **state)
{
    (void)state;
    hp_kv_free(NULL);
    assert_int_equal(hp_kv_cursor_free(NULL, NULL), HP_OK);
}

static void *
write_pairs(void *context)
{
    struct fixture *fixture = context;

    for (int i = 0; i < 500; i++) {
        char value[16];

        snprintf(value, sizeof(value), "%d", i);
        put(fixture, "a", value);
        put(fixture, "z", value);
        hp_kv_delete_range(&fixture->batch, text("b"), text("y"));
        put(fixture, value, value);
        flush(fixture);
    }
    return NULL;
}

/* A batch is there whole or not at all, also for threads that look on. */
static void
reader_beside_a_writer_sees_whole_batches(void **state)
{
    struct fixture *fixture = *state;
    struct hp_bytes key;
    struct hp_bytes value;
    pthread_t writer;

    put(fixture, "a", "first");
    put(fixture, "z", "first");
    flush(fixture);
    assert_int_equal(pthread_create(&writer, NULL, write_pairs, fixture), 0);
    for (int i = 0; i < 500; i++) {
        struct hp_kv_cursor *cursor = hp_kv_scan(fixture->kv, text("a"), (struct hp_bytes){0});
        char first[16];

        assert_true(hp_kv_next(cursor, &key, &value));
        snprintf(first, sizeof(first), "%.*s", HP_BYTES_FORMAT(value));
        assert_true(hp_kv_next(cursor, &key, &value));
        assert_true(hp_bytes_is(key, "z"));
        assert_true(hp_bytes_is(value, first));
        assert_int_equal(hp_kv_cursor_free(cursor, NULL), HP_OK);
    }
    pthread_join(writer, NULL);
}

static void
state_survives_reopening(void **state)
{
    struct fixture *fixture = *state;

    put(fixture, "a", "1");
    flush(fixture);
    hp_kv_free(fixture->kv);
    fixture->kv = open_rocks(fixture->path, false);
    assert_all(fixture, "a=1 ");
}

/* What the child does: this program again, so that no thread is lost in a fork. */
static void
write_and_die(const char *path)
{
    struct fixture fixture = {.kv = open_rocks(path, false)};

    for (int i = 0; i < 100; i++) {
        char key[16];

        snprintf(key, sizeof(key), "%03d", i);
        put(&fixture, key, key);
        put(&fixture, "last", key);
        flush(&fixture);
    }
    _exit(42); /* no close, no flush */
}

/* The log is not synced, but a dying process must not lose what it wrote. */
static void
killed_process_loses_nothing(void **state)
{
    struct fixture *fixture = *state;
    char *argv[] = {fixture->path, fixture->path, NULL};
    pid_t child;
    int result;

    hp_kv_free(fixture->kv);
    assert_int_equal(posix_spawn(&child, "/proc/self/exe", NULL, NULL, argv, environ), 0);
    assert_int_equal(waitpid(child, &result, 0), child);
    assert_int_equal(WEXITSTATUS(result), 42);
    fixture->kv = open_rocks(fixture->path, false);
    assert_value(fixture, "last", "099");
    assert_value(fixture, "057", "057");
}

/* Two processes on one state directory would both believe they own it. */
static void
second_opener_is_told_why_not(void **state)
{
    struct fixture *fixture = *state;
    struct hp_kv_rocks_options options = {.path = fixture->path};
    struct hp_kv *kv;
    struct hp_error error;

    assert_int_equal(hp_kv_rocks_open(&options, &kv, &error), HP_FATAL);
    assert_null(kv);
    assert_non_null(strstr(error.text, fixture->path));
    assert_non_null(strstr(error.text, "another process"));
}

static void
reader_beside_the_writer_sees_the_state_at_its_open(void **state)
{
    struct fixture *fixture = *state;
    struct fixture reader = {0};

    put(fixture, "a", "1");
    flush(fixture);
    reader.kv = open_rocks(fixture->path, true);
    put(fixture, "a", "2");
    flush(fixture);
    assert_int_equal(
        hp_kv_compact(fixture->kv, (struct hp_bytes){0}, (struct hp_bytes){0}, NULL), HP_OK);
    assert_value(&reader, "a", "1");
    hp_kv_put(&reader.batch, text("a"), text("3"));
    assert_int_equal(hp_kv_write(reader.kv, &reader.batch, NULL), HP_FATAL);
    hp_kv_batch_release(&reader.batch);
    hp_arena_release(&reader.arena);
    hp_kv_free(reader.kv);
    assert_value(fixture, "a", "2");
}

static void
reading_a_state_that_is_not_there_fails(void **state)
{
    struct hp_kv_rocks_options options = {
        .path = "/tmp/hamper-no-such-state", .read_only = true};
    struct hp_kv *kv;
    struct hp_error error;

    (void)state;
    assert_int_equal(hp_kv_rocks_open(&options, &kv, &error), HP_USAGE);
    assert_non_null(strstr(error.text, "hamper-no-such-state"));
    assert_int_not_equal(access(options.path, F_OK), 0);
}

#define FORGOTTEN "somebody-to-be-forgotten"

static size_t files_naming_somebody;

static int
look_into(const char *path, const struct stat *info, int kind, struct FTW *where)
{
    FILE *file = kind == FTW_F ? fopen(path, "rb") : NULL;
    char *bytes = hp_alloc((size_t)info->st_size + 1);

    (void)where;
    if (file) {
        size_t size = fread(bytes, 1, (size_t)info->st_size, file);

        files_naming_somebody += memmem(bytes, size, FORGOTTEN, strlen(FORGOTTEN)) != NULL;
        fclose(file);
    }
    free(bytes);
    return 0;
}

static size_t
count_files_naming_somebody(const struct fixture *fixture)
{
    files_naming_somebody = 0;
    assert_int_equal(nftw(fixture->path, look_into, 8, FTW_PHYS), 0);
    return files_naming_somebody;
}

/* Also where keys stand as bounds of files, and in the write-ahead log. */
static void
compaction_leaves_no_byte_of_what_was_deleted(void **state)
{
    struct fixture *fixture = *state;

    put(fixture, "a", "1");
    put(fixture, FORGOTTEN, "2");
    flush(fixture);
    assert_true(count_files_naming_somebody(fixture) > 0);
    assert_int_equal(hp_kv_compact(fixture->kv, text("a"), text("z"), NULL), HP_OK);
    assert_true(count_files_naming_somebody(fixture) > 0);
    hp_kv_delete(&fixture->batch, text(FORGOTTEN));
    flush(fixture);
    assert_int_equal(hp_kv_compact(fixture->kv, text("a"), text("z"), NULL), HP_OK);
    assert_int_equal(count_files_naming_somebody(fixture), 0);
    assert_value(fixture, "a", "1");
}

static void
state_directory_is_made_for_the_owner_only(void **state)
{
    struct fixture *fixture = *state;
    char path[96];
    struct stat info;

    snprintf(path, sizeof(path), "%s/deep/er", fixture->path);
    hp_kv_free(open_rocks(path, false));
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0700);
}

static void
leftovers_of_a_load_are_removed(void **state)
{
    struct fixture *fixture = *state;
    char path[96];
    FILE *file;

    hp_kv_free(fixture->kv);
    snprintf(path, sizeof(path), "%s/load-3.sst", fixture->path);
    file = fopen(path, "w");
    assert_non_null(file);
    fclose(file);
    fixture->kv = open_rocks(fixture->path, false);
    assert_int_not_equal(access(path, F_OK), 0);
}

static void
flip_byte(const char *path, off_t at)
{
    int file = open(path, O_RDWR);
    uint8_t byte;

    assert_true(file >= 0);
    assert_int_equal(pread(file, &byte, 1, at), 1);
    byte ^= 0x55;
    assert_int_equal(pwrite(file, &byte, 1, at), 1);
    close(file);
}

static const char *found_table;

static int
find_table(const char *path, const struct stat *info, int kind, struct FTW *where)
{
    static char copy[256];
    size_t size = strlen(path);

    (void)where;
    if (kind == FTW_F && info->st_size > 0 && size > 4 && !strcmp(path + size - 4, ".sst")) {
        snprintf(copy, sizeof(copy), "%s", path);
        found_table = copy;
    }
    return 0;
}

/* A rotten disk means: drop the range and restore, so it must not look like a broken disk. */
static void
rotten_table_is_corrupt(void **state)
{
    struct fixture *fixture = *state;
    struct load load = {.next = 1, .count = 5000, .step = 1};
    struct hp_kv_cursor *cursor;
    struct hp_bytes key;
    struct hp_bytes value;
    struct hp_error error;

    assert_int_equal(hp_kv_ingest(fixture->kv, load_next, &load, NULL), HP_OK);
    hp_kv_free(fixture->kv);
    found_table = NULL;
    nftw(fixture->path, find_table, 16, FTW_PHYS);
    assert_non_null(found_table);
    flip_byte(found_table, 100);
    fixture->kv = open_rocks(fixture->path, false);
    cursor = hp_kv_scan(fixture->kv, (struct hp_bytes){0}, (struct hp_bytes){0});
    while (hp_kv_next(cursor, &key, &value))
        ;
    assert_int_equal(hp_kv_cursor_free(cursor, &error), HP_CORRUPT);
    assert_int_equal(
        hp_kv_get(fixture->kv, text("k00000001"), &fixture->arena, &value, &error), HP_CORRUPT);
    assert_non_null(strstr(error.text, "orruption"));
}

static void
destroyed_state_is_empty(void **state)
{
    struct fixture *fixture = *state;

    put(fixture, "a", "1");
    flush(fixture);
    hp_kv_free(fixture->kv);
    assert_int_equal(hp_kv_rocks_destroy(fixture->path, NULL), HP_OK);
    assert_int_equal(hp_kv_rocks_destroy("/tmp/hamper-no-such-state", NULL), HP_OK);
    fixture->kv = open_rocks(fixture->path, false);
    assert_all(fixture, "");
}

#define BOTH(test)                                                                             \
    {#test " (memory)", test, set_up_memory, tear_down, NULL},                                 \
    {                                                                                          \
#test " (rocks)", test, set_up_rocks, tear_down, NULL                                  \
    }
#define ROCKS(test) cmocka_unit_test_setup_teardown(test, set_up_rocks, tear_down)

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        BOTH(missing_key_has_no_value_and_an_empty_value_is_one),
        BOTH(later_operation_of_a_batch_wins),
        BOTH(empty_batch_changes_nothing),
        BOTH(scan_is_ordered_and_half_open),
        BOTH(scan_sees_the_moment_it_began),
        BOTH(range_delete_takes_what_is_inside),
        BOTH(load_fills_a_range_that_was_emptied),
        BOTH(load_of_nothing_is_fine),
        BOTH(load_out_of_order_fails_and_changes_nothing),
        BOTH(compaction_keeps_what_is_live),
        BOTH(freeing_nothing_is_fine),
        BOTH(reader_beside_a_writer_sees_whole_batches),
        ROCKS(state_survives_reopening),
        ROCKS(killed_process_loses_nothing),
        ROCKS(second_opener_is_told_why_not),
        ROCKS(reader_beside_the_writer_sees_the_state_at_its_open),
        ROCKS(reading_a_state_that_is_not_there_fails),
        ROCKS(compaction_leaves_no_byte_of_what_was_deleted),
        ROCKS(state_directory_is_made_for_the_owner_only),
        ROCKS(leftovers_of_a_load_are_removed),
        ROCKS(rotten_table_is_corrupt),
        ROCKS(destroyed_state_is_empty),
    };

    if (argc > 1)
        write_and_die(argv[1]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
