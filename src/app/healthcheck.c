/* app/healthcheck.c - asks a running instance. SPDX-License-Identifier: Apache-2.0 */
#include "app/command.h"
#include "app/commands.h"

#include <errno.h>
#include <netdb.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define TIMEOUT_S        3
#define ANSWER_BYTES_MAX 1024

/* Who listens on all addresses is asked on the loopback. */
static const char *
host_to_ask(const char *host)
{
    if (strcmp(host, "0.0.0.0") == 0)
        return "127.0.0.1";
    return strcmp(host, "::") == 0 ? "::1" : host;
}

static enum hp_status
connect_to(const char *host, int64_t port, int *socket_out, struct hp_error *error)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct timeval timeout = {.tv_sec = TIMEOUT_S};
    struct addrinfo *address = NULL;
    char service[16];
    int code;
    int made;

    snprintf(service, sizeof(service), "%d", (int)port);
    code = getaddrinfo(host, service, &hints, &address);
    if (code)
        return hp_fail(error, HP_USAGE, "http.listen: %s: %s", host, gai_strerror(code));
    made = socket(address->ai_family, address->ai_socktype | SOCK_CLOEXEC, 0);
    if (made >= 0) {
        setsockopt(made, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
        setsockopt(made, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
    }
    code = made < 0 || connect(made, address->ai_addr, address->ai_addrlen) != 0 ? errno : 0;
    freeaddrinfo(address);
    if (code) {
        if (made >= 0)
            close(made);
        return hp_fail(error, HP_FATAL, "%s:%s: %s", host, service, strerror(code));
    }
    *socket_out = made;
    return HP_OK;
}

/* The answer's head and what of its body fits, as text. */
static enum hp_status
exchange(
    int connection, const char *path, char answer[ANSWER_BYTES_MAX], struct hp_error *error)
{
    char request[128];
    size_t used = 0;
    ssize_t size;

    snprintf(request, sizeof(request), "GET %s HTTP/1.0\r\nHost: localhost\r\n\r\n", path);
    size = send(connection, request, strlen(request), MSG_NOSIGNAL);
    if (size != (ssize_t)strlen(request))
        return hp_fail(error, HP_FATAL, "no request could be sent: %s", strerror(errno));
    do {
        size = recv(connection, answer + used, ANSWER_BYTES_MAX - 1 - used, 0);
        used += size > 0 ? (size_t)size : 0;
    } while (size > 0 && used < ANSWER_BYTES_MAX - 1);
    answer[used] = '\0';
    if (used == 0)
        return hp_fail(error, HP_FATAL, "no answer within %d s", TIMEOUT_S);
    return HP_OK;
}

static enum hp_status
judge(const char *answer, struct hp_error *error)
{
    const char *body = strstr(answer, "\r\n\r\n");
    const char *code = strchr(answer, ' ');

    body = body ? body + 4 : "";
    if (strncmp(answer, "HTTP/1.", 7) != 0 || !code)
        return hp_fail(error, HP_FATAL, "the answer is not HTTP");
    if (strncmp(code, " 200", 4) != 0)
        return hp_fail(error, HP_FATAL, "not ready: %.*s", (int)strcspn(body, "\n"), body);
    printf("%.*s\n", (int)strcspn(body, "\n"), body);
    return hp_output_end(error);
}

static enum hp_status
ask(const struct hp_options *options, const char *path, struct hp_error *error)
{
    char answer[ANSWER_BYTES_MAX];
    enum hp_status status;
    int connection = -1;

    if (!options->http_host)
        return hp_fail(error, HP_USAGE, "http.listen is off: there is nobody to ask");
    status =
        connect_to(host_to_ask(options->http_host), options->http_port, &connection, error);
    if (status)
        return status;
    status = exchange(connection, path, answer, error);
    close(connection);
    return status ? status : judge(answer, error);
}

int
hp_cmd_healthcheck(int argc, char **argv)
{
    bool live = false;
    const struct hp_flag flags[] = {{"live", &live, NULL}};
    struct hp_options options;
    struct hp_error error;
    enum hp_status status = hp_options_load(&argc, argv, &options, &error);

    if (status)
        return hp_command_end("healthcheck", status, &error);
    status = hp_flags_take(&argc, argv, flags, HP_ARRAY_SIZE(flags), &error);
    if (!status)
        status = hp_positional_check(argc, argv, 0, 0, &error);
    if (!status)
        status = ask(&options, live ? "/livez" : "/readyz", &error);
    hp_options_release(&options);
    return hp_command_end("healthcheck", status, &error);
}
