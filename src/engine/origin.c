/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/internal.h"

/* Digits only, at most `max`. */
static bool
read_number(struct hp_bytes text, int64_t max, int64_t *number)
{
    *number = 0;
    if (text.size == 0 || text.size > 19)
        return false;
    for (size_t i = 0; i < text.size; i++) {
        int digit = text.data[i] - '0';

        if (digit < 0 || digit > 9 || *number > (max - digit) / 10)
            return false;
        *number = *number * 10 + digit;
    }
    return true;
}

static int
find_source(const struct hp_worker *worker, struct hp_bytes topic)
{
    for (size_t i = 0; i < worker->application->source_count; i++)
        if (!worker->application->sources[i].reroute && hp_bytes_is(topic, worker->topics[i]))
            return (int)i;
    return -1;
}

static bool
parse(const struct hp_worker *worker, const struct hp_header *headers, struct hp_origin *origin)
{
    int64_t partition;

    if (!hp_bytes_is(headers[0].name, "hamper.topic") ||
        !hp_bytes_is(headers[1].name, "hamper.partition") ||
        !hp_bytes_is(headers[2].name, "hamper.offset") ||
        !hp_bytes_is(headers[3].name, "hamper.timestamp"))
        return false;
    origin->source = find_source(worker, headers[0].value);
    if (origin->source < 0)
        return false;
    origin->topic = worker->topics[origin->source];
    if (!read_number(headers[1].value, worker->options.partitions - 1, &partition) ||
        !read_number(headers[2].value, INT64_MAX, &origin->offset) ||
        !read_number(headers[3].value, INT64_MAX, &origin->timestamp_ms))
        return false;
    origin->partition = (int32_t)partition;
    return true;
}

enum hp_status
hp_origin_read(const struct hp_worker *worker, const struct hp_message *message,
    struct hp_origin *origin, struct hp_error *error)
{
    bool rerouted = worker->application->sources[message->source].reroute;

    *origin = (struct hp_origin){.topic = worker->topics[message->source],
        .source = message->source,
        .partition = message->partition,
        .offset = message->offset,
        .timestamp_ms = message->timestamp_ms};
    if (!rerouted)
        return HP_OK;
    if (message->header_count >= HP_FORWARD_HEADERS &&
        parse(worker, message->headers + message->header_count - HP_FORWARD_HEADERS, origin))
        return HP_OK;
    return hp_bad(error, "REROUTE",
        "the last four headers of a forwarded record are hamper.topic, .partition, .offset and "
        ".timestamp; these are not");
}
