/* tests/unit/serve/http_test.c - what a probe gets. SPDX-License-Identifier: Apache-2.0 */
#include "serve/http.h"

#include "base/metric.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static struct hp_http *http;
static bool is_ready;
static char answer[65536];

static bool
ready(void *context, struct hp_buffer *why)
{
    (void)context;
    if (!is_ready)
        hp_buffer_printf(why, "restoring partition 3");
    return is_ready;
}

static int
start(void **state)
{
    struct hp_http_options options = {.host = "127.0.0.1", .ready = ready};

    (void)state;
    return hp_http_start(&options, &http, NULL) == HP_OK ? 0 : -1;
}

static int
stop(void **state)
{
    (void)state;
    hp_http_stop(http);
    hp_http_stop(NULL);
    return 0;
}

static const char *
ask(const char *request)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
        .sin_port = htons((uint16_t)hp_http_port(http)),
        .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int connection = socket(AF_INET, SOCK_STREAM, 0);
    size_t used = 0;
    ssize_t size;

    assert_int_equal(connect(connection, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(send(connection, request, strlen(request), 0), strlen(request));
    while ((size = recv(connection, answer + used, sizeof(answer) - 1 - used, 0)) > 0)
        used += (size_t)size;
    answer[used] = '\0';
    close(connection);
    return answer;
}

static void
readiness_follows_the_process_and_says_why_not(void **state)
{
    (void)state;
    is_ready = false;
    assert_non_null(strstr(ask("GET /readyz HTTP/1.0\r\n\r\n"), " 503 "));
    assert_non_null(strstr(answer, "restoring partition 3\n"));
    assert_non_null(strstr(ask("GET /livez HTTP/1.0\r\n\r\n"), " 200 "));
    is_ready = true;
    assert_non_null(strstr(ask("GET /readyz HTTP/1.0\r\n\r\n"), " 200 "));
}

static void
metrics_are_prometheus_text(void **state)
{
    (void)state;
    hp_metric_add(hp_metric_get(HP_METRIC_COUNTER, "http_test_total", "", "Tested."), 3);
    assert_non_null(strstr(ask("GET /metrics HTTP/1.0\r\n\r\n"), " 200 "));
    assert_non_null(strstr(answer, "text/plain; version=0.0.4"));
    assert_non_null(strstr(answer, "\nhttp_test_total 3\n"));
}

static void
nothing_can_be_written_and_nothing_else_is_there(void **state)
{
    (void)state;
    assert_non_null(
        strstr(ask("POST /metrics HTTP/1.0\r\nContent-Length: 0\r\n\r\n"), " 405 "));
    assert_non_null(strstr(ask("GET /../etc/passwd HTTP/1.0\r\n\r\n"), " 404 "));
}

static void
unusable_addresses_are_refused(void **state)
{
    struct hp_http_options taken = {.host = "127.0.0.1", .port = hp_http_port(http)};
    struct hp_http_options unknown = {.host = "no.such.host.invalid", .port = 1};
    struct hp_http *other;
    struct hp_error error;

    (void)state;
    assert_int_equal(hp_http_start(&taken, &other, &error), HP_FATAL);
    assert_non_null(strstr(error.text, "127.0.0.1:"));
    assert_null(other);
    assert_int_equal(hp_http_start(&unknown, &other, &error), HP_USAGE);
    assert_non_null(strstr(error.text, "no.such.host.invalid"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(readiness_follows_the_process_and_says_why_not),
        cmocka_unit_test(metrics_are_prometheus_text),
        cmocka_unit_test(nothing_can_be_written_and_nothing_else_is_there),
        cmocka_unit_test(unusable_addresses_are_refused),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
