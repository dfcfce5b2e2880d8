/* tests/unit/archive/jsonl_test.c - a directory of events. SPDX-License-Identifier: Apache-2.0
 */
#include "archive/jsonl.h"

#include "archive/lines.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>
#include <zlib.h>

#include <cmocka.h>

#define NOW 2000000000000

static char folder[64];

static void
write_file(const char *name, const char *text, bool compressed)
{
    char path[128];
    gzFile file;

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    file = gzopen(path, compressed ? "wb" : "wbT"); /* T: as it is */
    assert_non_null(file);
    assert_int_equal(gzwrite(file, text, (unsigned)strlen(text)), strlen(text));
    assert_int_equal(gzclose(file), Z_OK);
}

static int
set_up(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/hamper-events-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int
tear_down(void **state)
{
    static const char *const names[] = {
        "orders.jsonl", "orders.jsonl.gz", "erasures.jsonl", "feedback.jsonl.gz"};
    char path[128];

    (void)state;
    for (size_t i = 0; i < HP_ARRAY_SIZE(names); i++) {
        snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
        unlink(path);
    }
    return rmdir(folder);
}

static enum hp_status
open_events(struct hp_events **events, struct hp_error *error)
{
    struct hp_events_options options = {.path = folder, .now_ms = NOW};

    return hp_events_open(&options, events, error);
}

#define ORDER(id, at)                                                                          \
    "{\"order_id\":\"" id "\",\"user_id\":\"u\",\"ordered_at\":" at ",\"lines\":[]}\n"
#define ERASURE(id, at)                                                                        \
    "{\"erasure_id\":\"" id "\",\"user_id\":\"u\",\"requested_at\":" at "}\n"

/* Whoever learns from files must learn in the order of life. */
static void
files_are_merged_by_time_then_by_line(void **state)
{
    struct hp_events *events;
    struct hp_file_event event;
    struct hp_arena arena = {0};
    struct hp_buffer seen = {0};

    (void)state;
    write_file("orders.jsonl",
        ORDER("o3", "3000") "\n" ORDER("o1", "1000") ORDER("o1b", "1000"), false);
    write_file("erasures.jsonl",
        ERASURE("e1", "1000") ERASURE("e2", "\"1970-01-01T00:00:02Z\""), false);
    assert_int_equal(open_events(&events, NULL), HP_OK);
    assert_int_equal(hp_events_count(events), 5);
    assert_int_equal(hp_events_count_of(events, HP_RECORD_ORDER), 3);
    for (int round = 0; round < 2; round++) {
        while (hp_events_next(events, &arena, &event)) {
            struct hp_bytes id = event.type == HP_RECORD_ORDER
                                     ? event.event->order.order_id
                                     : event.event->erasure.erasure_id;

            hp_buffer_printf(&seen, "%.*s:%d ", HP_BYTES_FORMAT(id), (int)event.line);
        }
        hp_events_rewind(events);
    }
    hp_put_u8(&seen, 0);
    assert_string_equal(
        (const char *)seen.data, "o1:3 o1b:4 e1:1 e2:2 o3:1 o1:3 o1b:4 e1:1 e2:2 o3:1 ");
    hp_events_free(events);
    hp_arena_release(&arena);
    hp_buffer_release(&seen);
}

static void
gzip_is_read_like_plain_text(void **state)
{
    struct hp_events *events;

    (void)state;
    write_file("orders.jsonl.gz", ORDER("o1", "1000"), true);
    assert_int_equal(open_events(&events, NULL), HP_OK);
    assert_int_equal(hp_events_count(events), 1);
    hp_events_free(events);
}

static void
bad_line_is_named_with_file_line_and_code(void **state)
{
    struct hp_events *events;
    struct hp_error error;

    (void)state;
    write_file("orders.jsonl", ORDER("o1", "1000") "{\"order_id\":\n", false);
    assert_int_equal(open_events(&events, &error), HP_USAGE);
    assert_null(events);
    assert_non_null(strstr(error.text, "/orders.jsonl:2: BAD_JSON: "));
}

static void
count_bad(void *context, const char *file, int64_t line, const struct hp_error *error)
{
    int *count = context;

    assert_non_null(strstr(file, "orders.jsonl"));
    assert_int_equal(line, 1 + *count);
    assert_true(strlen(error->text) > 0);
    ++*count;
}

static void
bad_lines_can_be_left_out(void **state)
{
    int count = 0;
    struct hp_events_options options = {
        .path = folder, .now_ms = NOW, .on_bad = count_bad, .context = &count};
    struct hp_events *events;

    (void)state;
    write_file("orders.jsonl", "[]\n" ORDER("o1", "-1") ORDER("o2", "1000"), false);
    assert_int_equal(hp_events_open(&options, &events, NULL), HP_OK);
    assert_int_equal(count, 2);
    assert_int_equal(hp_events_count(events), 1);
    hp_events_free(events);
}

static void
a_directory_without_events_is_refused(void **state)
{
    struct hp_events_options nowhere = {.path = "/nowhere/at/all"};
    struct hp_events *events;
    struct hp_error error;

    (void)state;
    assert_int_equal(open_events(&events, &error), HP_USAGE);
    assert_non_null(strstr(error.text, folder));
    assert_int_equal(hp_events_open(&nowhere, &events, &error), HP_USAGE);
    assert_non_null(strstr(error.text, "/nowhere/at/all"));
}

/* A torn download must not look like a short file. */
static void
torn_gzip_is_an_error(void **state)
{
    struct hp_events *events;
    struct hp_buffer text = {0};
    char path[128];
    struct hp_error error;

    (void)state;
    for (int i = 0; i < 2000; i++)
        hp_buffer_printf(&text,
            "{\"order_id\":\"%d\",\"user_id\":\"u%d\",\"ordered_at\":%d,\"lines\":[]}\n",
            i * 7919, i * 104729, i + 1);
    hp_put_u8(&text, 0);
    write_file("orders.jsonl.gz", (const char *)text.data, true);
    snprintf(path, sizeof(path), "%s/orders.jsonl.gz", folder);
    assert_int_equal(truncate(path, 4000), 0);
    assert_int_equal(open_events(&events, &error), HP_FATAL);
    hp_buffer_release(&text);
}

/* One endless line must not fill the memory. */
static void
endless_line_is_cut_and_the_next_is_read(void **state)
{
    size_t size = HP_LINE_BYTES_MAX + 5000;
    char *text = hp_alloc(size + 8);
    char path[128];
    struct hp_lines *lines;
    struct hp_line line;

    (void)state;
    memset(text, 'x', size);
    memcpy(text + size, "\n\r\nnext", 8);
    write_file("orders.jsonl", text, false);
    free(text);
    snprintf(path, sizeof(path), "%s/orders.jsonl", folder);
    assert_int_equal(hp_lines_open(path, &lines, NULL), HP_OK);
    assert_int_equal(hp_lines_next(lines, &line, NULL), HP_OK);
    assert_true(line.too_long);
    assert_int_equal(line.text.size, HP_LINE_BYTES_MAX);
    assert_int_equal(hp_lines_next(lines, &line, NULL), HP_OK);
    assert_false(line.too_long);
    assert_int_equal(line.number, 3);
    assert_true(hp_bytes_is(line.text, "next"));
    assert_int_equal(hp_lines_next(lines, &line, NULL), HP_OK);
    assert_int_equal(line.number, 0);
    hp_lines_free(lines);
}

/* Who writes by hand or from a queue does not fill a buffer first. */
static void
a_line_is_read_while_the_writer_goes_on(void **state)
{
    struct hp_lines *lines;
    struct hp_line line;
    char path[64];
    int ends[2];

    (void)state;
    assert_int_equal(pipe(ends), 0);
    snprintf(path, sizeof(path), "/dev/fd/%d", ends[0]);
    assert_int_equal(hp_lines_open(path, &lines, NULL), HP_OK);
    for (int i = 1; i <= 3; i++) {
        assert_int_equal(write(ends[1], "line\n", 5), 5);
        assert_int_equal(hp_lines_next(lines, &line, NULL), HP_OK);
        assert_int_equal(line.number, i);
        assert_true(hp_bytes_is(line.text, "line"));
    }
    close(ends[1]);
    assert_int_equal(hp_lines_next(lines, &line, NULL), HP_OK);
    assert_int_equal(line.number, 0);
    hp_lines_free(lines);
    close(ends[0]);
}

/* As `cat a.gz b.gz` makes them. */
static void
gzip_members_follow_one_another(void **state)
{
    struct hp_lines *lines;
    struct hp_line line;
    char path[128];
    gzFile file;

    (void)state;
    write_file("orders.jsonl.gz", "first\n", true);
    snprintf(path, sizeof(path), "%s/orders.jsonl.gz", folder);
    file = gzopen(path, "ab");
    assert_non_null(file);
    assert_int_equal(gzwrite(file, "second", 6), 6);
    assert_int_equal(gzclose(file), Z_OK);
    assert_int_equal(hp_lines_open(path, &lines, NULL), HP_OK);
    assert_int_equal(hp_lines_next(lines, &line, NULL), HP_OK);
    assert_true(hp_bytes_is(line.text, "first"));
    assert_int_equal(hp_lines_next(lines, &line, NULL), HP_OK);
    assert_true(hp_bytes_is(line.text, "second"));
    assert_int_equal(hp_lines_next(lines, &line, NULL), HP_OK);
    assert_int_equal(line.number, 0);
    hp_lines_free(lines);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            files_are_merged_by_time_then_by_line, set_up, tear_down),
        cmocka_unit_test_setup_teardown(gzip_is_read_like_plain_text, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            bad_line_is_named_with_file_line_and_code, set_up, tear_down),
        cmocka_unit_test_setup_teardown(bad_lines_can_be_left_out, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            a_directory_without_events_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(torn_gzip_is_an_error, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            endless_line_is_cut_and_the_next_is_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            a_line_is_read_while_the_writer_goes_on, set_up, tear_down),
        cmocka_unit_test_setup_teardown(gzip_members_follow_one_another, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
