/*
 * engine/view.h - a compacted topic read whole by every instance, outside the group.
 *
 * The view polls all partitions from their start (read-committed) and hands records to apply()
 * in offset order per partition; after each batch it calls batch_done(), where the owner may
 * publish an immutable snapshot. Ready once every partition reached the end read at start.
 *
 * Thread: one at a time (a view thread, or whoever steps it). hp_view_ready() from any.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_ENGINE_VIEW_H
#define HP_ENGINE_VIEW_H

#include "broker/broker.h"

struct hp_view;

struct hp_view_options {
    struct hp_cluster *cluster;
    const char *topic;
    void *context;
    void (*apply)(void *context, const struct hp_message *message);
    /* positions[partition] = next to read. */
    void (*batch_done)(void *context, const int64_t *positions, int32_t partitions);
};

HP_MUST_CHECK enum hp_status hp_view_new(
    const struct hp_view_options *options, struct hp_view **view, struct hp_error *error);
void hp_view_free(struct hp_view *view);
/* Polls at most `timeout_ms` for the first record and takes what is there, bounded. */
HP_MUST_CHECK enum hp_status hp_view_step(
    struct hp_view *view, int timeout_ms, struct hp_error *error);
bool hp_view_ready(const struct hp_view *view);

#endif
