/*
 * serve/http.h - read-only HTTP beside the stream: /metrics, /livez, /readyz.
 *
 * Bounded: few connections, small requests, short time-outs; GET and HEAD only.
 *
 * Thread: start and stop on one; requests are answered on a thread of its own, which calls
 * `ready`.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_SERVE_HTTP_H
#define HP_SERVE_HTTP_H

#include "base/bytes.h"

struct hp_http; /* opaque */

struct hp_http_options {
    const char *host; /* a name or an address, to bind to */
    int port;         /* 0: any free one */
    /* Ready to be relied on? Otherwise `why` gets a line. NULL: always. */
    bool (*ready)(void *context, struct hp_buffer *why);
    void *context;
};

/* HP_USAGE: the host is unknown. HP_FATAL: the port is taken or may not be used. */
HP_MUST_CHECK enum hp_status hp_http_start(
    const struct hp_http_options *options, struct hp_http **http, struct hp_error *error);
/* Waits for requests being answered. NULL does nothing. */
void hp_http_stop(struct hp_http *http);
/* The port bound. */
int hp_http_port(const struct hp_http *http);

const char *hp_http_library_version(void);

#endif
