/* tests/unit/base/log_test.c - what a log line may hold. SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

static int pipe_ends[2];
static char line[8192];

static int64_t
fixed_clock(void)
{
    return 1767225600123; /* 2026-01-01 */
}

static void
configure(enum hp_log_format format, enum hp_log_level level, int64_t (*clock_ms)(void))
{
    struct hp_log_options options = {
        .level = level, .format = format, .clock_ms = clock_ms, .user_seed = 7};

    options.descriptor = pipe_ends[1];
    hp_log_configure(&options);
}

static const char *
read_line(void)
{
    ssize_t size = read(pipe_ends[0], line, sizeof(line) - 1);

    assert_true(size > 0);
    line[size] = '\0';
    return line;
}

static void
logfmt_quotes_only_what_needs_it(void **state)
{
    (void)state;
    configure(HP_LOG_LOGFMT, HP_LOG_INFO, fixed_clock);
    HP_LOG(HP_LOG_WARN, "task restored", HP_I("partition", -3), HP_S("topic", "a.b"),
        HP_S("odd", "x=\"1\""), HP_S("none", ""));
    assert_string_equal(read_line(),
        "time=2026-01-01T00:00:00.123Z level=warn msg=\"task restored\" partition=-3 "
        "topic=a.b odd=\"x=\\\"1\\\"\" none=\"\"\n");
}

static void
json_is_one_object_a_line(void **state)
{
    (void)state;
    configure(HP_LOG_JSON, HP_LOG_INFO, NULL);
    HP_LOG(HP_LOG_INFO, "ready", HP_I("n", 5), HP_S("s", "a\tb"));
    assert_string_equal(
        read_line(), "{\"level\":\"info\",\"msg\":\"ready\",\"n\":5,\"s\":\"a\\u0009b\"}\n");
}

/* A record's content must not forge a line, nor break a JSON reader. */
static void
hostile_text_stays_inside_its_field(void **state)
{
    (void)state;
    configure(HP_LOG_LOGFMT, HP_LOG_INFO, NULL);
    HP_LOG(HP_LOG_INFO, "m", HP_S("a", "x\nlevel=error"), HP_B("b", hp_bytes("\xC3(", 2)));
    assert_string_equal(read_line(), "level=info msg=m a=\"x\\nlevel=error\" b=\"\\ufffd(\"\n");
    configure(HP_LOG_JSON, HP_LOG_INFO, NULL);
    HP_LOG(HP_LOG_INFO, "m", HP_B("b", hp_bytes("a\0\x7F\"", 4)));
    assert_string_equal(
        read_line(), "{\"level\":\"info\",\"msg\":\"m\",\"b\":\"a\\u0000\\u007f\\\"\"}\n");
}

static void
long_text_is_cut_between_characters(void **state)
{
    static char text[5001];

    (void)state;
    for (size_t i = 0; i + 3 <= 5000; i += 3)
        memcpy(text + i, "\xE2\x82\xB9", 3);
    configure(HP_LOG_LOGFMT, HP_LOG_INFO, NULL);
    HP_LOG(HP_LOG_INFO, "m", HP_S("a", text));
    assert_true(strlen(read_line()) < 1100);
    assert_true(hp_bytes_utf8(hp_bytes_text(line)));
    assert_null(strstr(line, "ufffd"));
}

/* Logs travel further than the data they are about. */
static void
user_is_hashed_with_the_seed(void **state)
{
    char first[8192];

    (void)state;
    configure(HP_LOG_LOGFMT, HP_LOG_INFO, NULL);
    HP_LOG(HP_LOG_INFO, "m", HP_U("user", hp_bytes_text("asha")));
    snprintf(first, sizeof(first), "%s", read_line());
    assert_null(strstr(first, "asha"));
    HP_LOG(HP_LOG_INFO, "m", HP_U("user", hp_bytes_text("asha")));
    assert_string_equal(read_line(), first);
    HP_LOG(HP_LOG_INFO, "m", HP_U("user", hp_bytes_text("asho")));
    assert_string_not_equal(read_line(), first);
    hp_log_configure(&(struct hp_log_options){
        .level = HP_LOG_INFO, .user_seed = 8, .descriptor = pipe_ends[1]});
    HP_LOG(HP_LOG_INFO, "m", HP_U("user", hp_bytes_text("asha")));
    assert_string_not_equal(read_line(), first);
}

static void
lines_below_the_level_are_dropped(void **state)
{
    (void)state;
    configure(HP_LOG_LOGFMT, HP_LOG_WARN, NULL);
    assert_false(hp_log_enabled(HP_LOG_INFO));
    HP_LOG(HP_LOG_INFO, "not this");
    HP_LOG(HP_LOG_ERROR, "this");
    assert_string_equal(read_line(), "level=error msg=this\n");
}

static int
open_pipe(void **state)
{
    (void)state;
    return pipe(pipe_ends);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(logfmt_quotes_only_what_needs_it),
        cmocka_unit_test(json_is_one_object_a_line),
        cmocka_unit_test(hostile_text_stays_inside_its_field),
        cmocka_unit_test(long_text_is_cut_between_characters),
        cmocka_unit_test(user_is_hashed_with_the_seed),
        cmocka_unit_test(lines_below_the_level_are_dropped),
    };

    return cmocka_run_group_tests(tests, open_pipe, NULL);
}
