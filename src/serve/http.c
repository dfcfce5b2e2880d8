/* serve/http.c - libmicrohttpd with limits. SPDX-License-Identifier: Apache-2.0 */
#include "serve/http.h"

#include "base/metric.h"

#include <errno.h>
#include <microhttpd.h>
#include <netdb.h>

#define CONNECTIONS_MAX   32
#define TIMEOUT_S         5
#define REQUEST_BYTES_MAX ((size_t)16 << 10)

struct hp_http {
    struct MHD_Daemon *daemon;
    bool (*ready)(void *context, struct hp_buffer *why);
    void *context;
    int port;
};

/* Takes the body. */
static enum MHD_Result
answer(
    struct MHD_Connection *connection, unsigned code, const char *type, struct hp_buffer *body)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(body->size, body->data, MHD_RESPMEM_MUST_FREE);
    enum MHD_Result result;

    if (!response) {
        hp_buffer_release(body);
        return MHD_NO;
    }
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    result = MHD_queue_response(connection, code, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result
answer_text(struct MHD_Connection *connection, unsigned code, const char *text)
{
    struct hp_buffer body = {0};

    hp_buffer_printf(&body, "%s\n", text);
    return answer(connection, code, "text/plain; charset=utf-8", &body);
}

static enum MHD_Result
answer_ready(struct hp_http *http, struct MHD_Connection *connection)
{
    struct hp_buffer why = {0};

    if (!http->ready || http->ready(http->context, &why)) {
        hp_buffer_release(&why);
        return answer_text(connection, MHD_HTTP_OK, "ready");
    }
    hp_put_u8(&why, '\n');
    return answer(connection, MHD_HTTP_SERVICE_UNAVAILABLE, "text/plain; charset=utf-8", &why);
}

static enum MHD_Result
on_request(void *context, struct MHD_Connection *connection, const char *url,
    const char *method, const char *version, const char *upload, size_t *upload_size,
    void **request)
{
    struct hp_http *http = context;
    struct hp_buffer body = {0};

    (void)version, (void)upload, (void)upload_size, (void)request;
    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
        return answer_text(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET and HEAD");
    if (strcmp(url, "/livez") == 0)
        return answer_text(connection, MHD_HTTP_OK, "alive");
    if (strcmp(url, "/readyz") == 0)
        return answer_ready(http, connection);
    if (strcmp(url, "/metrics") == 0) {
        hp_metrics_print(&body);
        return answer(connection, MHD_HTTP_OK, "text/plain; version=0.0.4", &body);
    }
    return answer_text(connection, MHD_HTTP_NOT_FOUND, "try /metrics, /livez or /readyz");
}

static enum hp_status
find_address(
    const struct hp_http_options *options, struct addrinfo **address, struct hp_error *error)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    char port[16];
    int code;

    snprintf(port, sizeof(port), "%d", options->port);
    code = getaddrinfo(options->host, port, &hints, address);
    return code ? hp_fail(
                      error, HP_USAGE, "http.listen: %s: %s", options->host, gai_strerror(code))
                : HP_OK;
}

static struct MHD_Daemon *
start_daemon(struct hp_http *http, const struct addrinfo *address)
{
    unsigned flags = MHD_USE_AUTO_INTERNAL_THREAD;

    if (address->ai_family == AF_INET6)
        flags |= MHD_USE_IPv6;
    return MHD_start_daemon(flags, 0, NULL, NULL, on_request, http, MHD_OPTION_SOCK_ADDR,
        address->ai_addr, MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)TIMEOUT_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        REQUEST_BYTES_MAX, MHD_OPTION_END);
}

enum hp_status
hp_http_start(
    const struct hp_http_options *options, struct hp_http **http, struct hp_error *error)
{
    struct addrinfo *address = NULL;
    const union MHD_DaemonInfo *info;
    struct hp_http *made;
    enum hp_status status = find_address(options, &address, error);

    *http = NULL;
    if (status)
        return status;
    made = hp_alloc(sizeof(*made));
    made->ready = options->ready;
    made->context = options->context;
    made->daemon = start_daemon(made, address);
    freeaddrinfo(address);
    if (!made->daemon) {
        free(made);
        return hp_fail(error, HP_FATAL, "http.listen: cannot listen on %s:%d: %s",
            options->host, options->port, strerror(errno));
    }
    info = MHD_get_daemon_info(made->daemon, MHD_DAEMON_INFO_BIND_PORT);
    made->port = info ? info->port : options->port;
    *http = made;
    return HP_OK;
}

void
hp_http_stop(struct hp_http *http)
{
    if (!http)
        return;
    MHD_stop_daemon(http->daemon);
    free(http);
}

int
hp_http_port(const struct hp_http *http)
{
    return http->port;
}

const char *
hp_http_library_version(void)
{
    return MHD_get_version();
}
