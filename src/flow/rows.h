/*
 * flow/rows.h - a task's item heads on their way to the rows topic.
 *
 * A row is the head as it is now, under the key partition (4 bytes, big-endian) | item:
 * absolute values, so that publishing twice does no harm. A head that is gone is a tombstone.
 *
 * HP_STORE_DIRTY holds the items whose head changed since it was published. A walk through it
 * starts at most once per `publish_ms` and passes every item, in as many transactions as it
 * takes, so no change waits longer. `eager` walks at once: batch mode and settling.
 *
 * Local state that was lost comes back from the changelog, which knows no heads that are gone.
 * So the first walk over a state without the mark "compared" reads the rows topic once and
 * buries what it still holds of items without a head.
 *
 * Thread: the worker's; one pace per task.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_FLOW_ROWS_H
#define HP_FLOW_ROWS_H

#include "domain/limits.h"
#include "flow/topology.h"

#define HP_ROWS_BYTES_MAX (4 << 20) /* of one publication */
#define HP_ROWS_COUNT_MAX 4096

struct hp_rows_options {
    struct hp_cluster *cluster;
    const char *topic;
    int64_t publish_ms;
    bool eager;
};

/* A task's walk, kept in memory: zeroed at opened(). */
struct hp_rows_pace {
    bool compared;   /* the mark was seen or set */
    bool walking;    /* `from` is where it goes on */
    bool walked;     /* `last_ms` holds */
    int64_t last_ms; /* the last walk's start */
    uint8_t from[HP_ID_BYTES_MAX + 1];
    size_t from_size;
};

/*
 * Part of an emit step: publishes what is due. `*more` is set (never cleared) when a walk is
 * unfinished.
 */
HP_MUST_CHECK enum hp_status hp_rows_publish(const struct hp_rows_options *options,
    struct hp_rows_pace *pace, struct hp_step *step, int64_t now_ms, bool *more,
    struct hp_error *error);

/* The transaction was aborted: walk again from the start, at once. */
void hp_rows_aborted(struct hp_rows_pace *pace);

#endif
