/*
 * flow/blocks.h - a task's rows of co-counts (ledger/rows.h) and their life in the stores.
 *
 *     change of a user -> HP_STORE_ROW_LOG, in the transaction of the facts
 *     commit           -> applied to the rows in memory
 *     later commits    -> HP_STORE_BLOCK, oldest change first; the log is cut behind them
 *     open             -> blocks are announced, the log is applied again
 *
 * So rows in memory never hold anything uncommitted and an abort has nothing to undo but
 * numbers given and blocks written in the open transaction. At most HP_BLOCKS_LOG_MAX changes
 * are in the log, four an item in a small shop, so opening takes a fraction of a second.
 *
 * Thread: the task's.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_FLOW_BLOCKS_H
#define HP_FLOW_BLOCKS_H

#include "base/metric.h"
#include "flow/topology.h"
#include "ledger/rows.h"

#define HP_BLOCKS_LOG_MAX 16384 /* changes that a restart has to apply again */

struct hp_pending_change; /* a change that is not applied yet */

/* Zeroed is closed. */
struct hp_blocks {
    struct hp_rows *rows;    /* NULL: not open */
    size_t bytes_max;        /* of rows in memory */
    struct hp_metric *gauge; /* what all tasks have in memory; NULL: nobody looks */
    size_t shown;            /* this task's part of it */
    uint64_t next;           /* sequence of the next change */
    uint64_t published;      /* changes up to it are on the rows topic */
    bool compared;           /* the rows topic was compared with what is here */
    uint64_t log_first;      /* the oldest change in the log, or `next` */
    uint64_t tended;         /* `next` at the last hp_blocks_tend() */
    /* Of the open transaction; an abort goes back to them. */
    uint64_t committed_next;
    uint64_t committed_published;
    uint64_t committed_log_first;
    bool committed_compared;
    uint32_t committed_items;
    bool meta_changed;
    struct hp_pending_change *open;  /* newest first */
    struct hp_pending_change *ready; /* committed, oldest first */
    struct hp_pending_change **ready_end;
    uint32_t *storing; /* items whose blocks the transaction holds */
    size_t storing_count;
    size_t storing_room;
};

/* Where rows are read from when there is no step: a state directory that is looked at. */
struct hp_blocks_store {
    void *context;
    enum hp_status (*get)(void *context, uint8_t store, struct hp_bytes key,
        struct hp_bytes *value, struct hp_error *error);
    enum hp_status (*scan)(void *context, uint8_t store,
        bool (*visit)(void *visitor, struct hp_bytes key, struct hp_bytes value), void *visitor,
        struct hp_error *error);
};

/* Reads what the stores hold. HP_CORRUPT when they contradict themselves, or hold derived rows
 * of another version: the engine then restores the task. */
HP_MUST_CHECK enum hp_status hp_blocks_open(
    struct hp_blocks *blocks, const struct hp_blocks_store *store, struct hp_error *error);
void hp_blocks_close(struct hp_blocks *blocks);

/* hp_blocks_open() from a step, when it is not open. */
HP_MUST_CHECK enum hp_status hp_blocks_ready(
    struct hp_blocks *blocks, struct hp_step *step, struct hp_error *error);
/* Applies what was committed since the last call. */
HP_MUST_CHECK enum hp_status hp_blocks_apply(
    struct hp_blocks *blocks, struct hp_step *step, struct hp_error *error);
/* The open transaction holds changes or numbers. */
bool hp_blocks_changed(const struct hp_blocks *blocks);
/* Keeps log and memory in their bounds: stores blocks, cuts the log, drops rows. What one batch
 * touches is in memory whatever the bound. */
HP_MUST_CHECK enum hp_status hp_blocks_tend(
    struct hp_blocks *blocks, struct hp_step *step, struct hp_error *error);

/* The number of an item, stored when it is new. */
HP_MUST_CHECK enum hp_status hp_blocks_number(struct hp_blocks *blocks, struct hp_step *step,
    struct hp_bytes item_id, uint32_t *item, struct hp_error *error);
/* Logs a change. */
HP_MUST_CHECK enum hp_status hp_blocks_log(struct hp_blocks *blocks, struct hp_step *step,
    const struct hp_row_change *change, struct hp_error *error);
/* Stores `next`, `published` and `compared` when they changed. */
HP_MUST_CHECK enum hp_status hp_blocks_save(
    struct hp_blocks *blocks, struct hp_step *step, struct hp_error *error);
HP_MUST_CHECK enum hp_status hp_blocks_load(
    struct hp_blocks *blocks, struct hp_step *step, uint32_t item, struct hp_error *error);
HP_MUST_CHECK enum hp_status hp_blocks_load_from(struct hp_blocks *blocks,
    const struct hp_blocks_store *store, uint32_t item, struct hp_error *error);

void hp_blocks_committed(struct hp_blocks *blocks);
void hp_blocks_aborted(struct hp_blocks *blocks);

#endif
