/*
 * flow/rows.h - a task's co-counts on their way to the rows topic.
 *
 * A row is a partial (ledger/partial.h) as it is now, under the key partition (4 bytes,
 * big-endian) | item: absolute values, so that publishing twice does no harm. A row of nobody
 * is a tombstone. Of more than HP_PARTIAL_PARTNERS_MAX partners those with most users are
 * told, ties by id.
 *
 * A walk starts at most once per `publish_ms`, oldest change first, and passes every row that
 * changed since it was published, in as many transactions as it takes. `eager` walks as soon as
 * the inputs are drained: batch mode and settling.
 *
 * Local state that was lost comes back from the changelog, which knows no rows that are gone.
 * So the first walk over a state that was not compared reads the rows topic once and buries
 * what it still holds of items without a row.
 *
 * Thread: the worker's; one pace per task.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_FLOW_ROWS_H
#define HP_FLOW_ROWS_H

#include "flow/blocks.h"

#define HP_ROWS_BYTES_MAX (4 << 20)   /* of one publication, when eager */
#define HP_ROWS_BYTES_LOW (64 << 10)  /* otherwise: orders and requests wait for its commit */
#define HP_ROWS_VALUE_MAX (768 << 10) /* of one row: topics take records of 1 MiB */

struct hp_rows_options {
    struct hp_cluster *cluster;
    const char *topic;
    int64_t publish_ms;
    bool eager;
};

/* A task's walk, kept in memory: zeroed at opened(). */
struct hp_rows_pace {
    bool walked;     /* `last_ms` holds */
    int64_t last_ms; /* the last walk's start */
    /* The walk under way: changed rows, oldest change first; NULL when none is. */
    uint32_t *items;
    size_t count;
    size_t at;
    uint64_t until; /* the last change there was when it began */
    /* Numbers in the order of ids, and the place of each; of as many items as were known. */
    uint32_t *by_id;
    uint32_t *place;
    uint32_t ordered;
};

/*
 * Part of an emit step, with all committed changes applied: publishes what is due. `*more` is
 * set (never cleared) when a walk is unfinished.
 */
HP_MUST_CHECK enum hp_status hp_rows_publish(const struct hp_rows_options *options,
    struct hp_rows_pace *pace, struct hp_blocks *blocks, struct hp_step *step, int64_t now_ms,
    bool *more, struct hp_error *error);

/* The transaction was aborted, or the task closes: walk again from the start, at once. */
void hp_rows_aborted(struct hp_rows_pace *pace);
/* Every change there is, is published. */
bool hp_rows_done(const struct hp_rows_pace *pace, const struct hp_blocks *blocks);

#endif
