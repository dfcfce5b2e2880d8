/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/view.h"

#include <stdatomic.h>
#include <stdlib.h>

#define BATCH_MAX 2000

struct hp_view {
    struct hp_view_options options;
    struct hp_reader *reader;
    int32_t partitions;
    int64_t *positions; /* the next to read */
    int64_t *targets;   /* ends at the start */
    bool told;          /* readiness was told to batch_done() */
    atomic_bool ready;
};

static enum hp_status
ask_topic(struct hp_view *view, struct hp_error *error)
{
    struct hp_arena arena = {0};
    struct hp_topic_info info = {0};
    enum hp_status status =
        hp_cluster_topic(view->options.cluster, view->options.topic, &arena, &info, error);

    hp_arena_release(&arena);
    if (status)
        return status;
    if (!info.exists || info.partitions < 1)
        return hp_fail(error, HP_USAGE, "topic %s does not exist", view->options.topic);
    view->partitions = info.partitions;
    view->positions = hp_alloc((size_t)info.partitions * sizeof(*view->positions));
    view->targets = hp_alloc((size_t)info.partitions * sizeof(*view->targets));
    return HP_OK;
}

static enum hp_status
assign(struct hp_view *view, struct hp_error *error)
{
    enum hp_status status = HP_OK;

    for (int32_t p = 0; p < view->partitions && !status; p++) {
        status = hp_cluster_watermarks(view->options.cluster, view->options.topic, p,
            &view->positions[p], &view->targets[p], error);
        if (!status)
            status = hp_reader_assign(view->reader, 0, p, 0, error);
    }
    return status;
}

enum hp_status
hp_view_new(const struct hp_view_options *options, struct hp_view **out, struct hp_error *error)
{
    struct hp_view *view = hp_alloc(sizeof(*view));
    enum hp_status status;

    *out = NULL;
    view->options = *options;
    status = ask_topic(view, error);
    if (!status) {
        const struct hp_reader_options reader = {
            .topics = &view->options.topic, .topic_count = 1};

        status = hp_reader_new(options->cluster, &reader, &view->reader, error);
    }
    if (!status)
        status = assign(view, error);
    if (status)
        hp_view_free(view);
    else
        *out = view;
    return status;
}

void
hp_view_free(struct hp_view *view)
{
    if (!view)
        return;
    if (view->reader)
        hp_reader_free(view->reader);
    free(view->positions);
    free(view->targets);
    free(view);
}

/* True when the poll moved the view on. */
static bool
take(struct hp_view *view, const struct hp_poll *poll)
{
    int32_t p = poll->message.partition;
    int64_t next = poll->message.offset + (poll->kind == HP_POLL_RECORD);

    if (p < 0 || p >= view->partitions || next <= view->positions[p])
        return false;
    if (poll->kind == HP_POLL_RECORD && view->options.apply)
        view->options.apply(view->options.context, &poll->message);
    view->positions[p] = next;
    return true;
}

static bool
reached(const struct hp_view *view)
{
    for (int32_t p = 0; p < view->partitions; p++)
        if (view->positions[p] < view->targets[p])
            return false;
    return true;
}

enum hp_status
hp_view_step(struct hp_view *view, int timeout_ms, struct hp_error *error)
{
    enum hp_status status = HP_OK;
    bool moved = false;

    for (int i = 0; i < BATCH_MAX; i++) {
        struct hp_poll poll;

        status = hp_reader_poll(view->reader, i ? 0 : timeout_ms, &poll, error);
        if (status || poll.kind == HP_POLL_NOTHING)
            break;
        moved |= take(view, &poll);
    }
    if (!view->told && reached(view))
        moved = view->told = true;
    if (moved && view->options.batch_done)
        view->options.batch_done(view->options.context, view->positions, view->partitions);
    if (view->told)
        atomic_store(&view->ready, true);
    return status;
}

bool
hp_view_ready(const struct hp_view *view)
{
    return atomic_load(&((struct hp_view *)view)->ready);
}
