/*
 * engine/internal.h - what the files of engine/ share: worker, task, step.
 *
 *     WAITING --restore begins--> RESTORING --state complete--> PARKED --unpark--> RUNNING
 *        ^                            |                            ^                 |
 *        +---- doubt, corruption -----+                            +----- abort -----+
 *        +-------------------------------------------------------------------------- +
 *
 * WAITING -> RESTORING: hp_restore_step(). RESTORING -> PARKED: restore.c finish().
 * PARKED -> RUNNING: worker.c unpark(). RUNNING -> PARKED: hp_txn_abort().
 * Any -> WAITING: hp_task_reset().
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_ENGINE_INTERNAL_H
#define HP_ENGINE_INTERNAL_H

#include "base/metric.h"
#include "engine/engine.h"
#include "engine/header.h"
#include "engine/table.h"

#define HP_BREAKER_WINDOW 1000
#define HP_BREAKER_LEAST  100
#define HP_FORWARD_HEADERS                                                                     \
    4 /* hamper.topic, .partition, .offset, .timestamp, in this order                          \
       */

enum hp_task_state { HP_TASK_WAITING, HP_TASK_RESTORING, HP_TASK_PARKED, HP_TASK_RUNNING };

/* A record taken from the broker and not processed yet; one block of memory. */
struct hp_queued {
    struct hp_queued *next;
    int64_t arrived_ms;
    struct hp_message message;
};

struct hp_breaker { /* the last HP_BREAKER_WINDOW verdicts of one source partition */
    uint8_t bad[HP_BREAKER_WINDOW];
    uint16_t at;
    uint16_t count;
    uint16_t bad_count;
    bool open; /* the partition is held */
};

struct hp_source {
    int64_t position;  /* the next offset to process */
    int64_t committed; /* position in the last commit */
    int64_t expected;  /* the next offset to take from the broker */
    int64_t end;       /* an END not applied yet, or HP_OFFSET_NONE */
    int64_t high;      /* the furthest offset known to exist, for lag */
    int64_t read_ms;   /* the latest append time taken from the broker */
    int64_t asked_ms;  /* when the broker was last asked for the end, 0: never */
    int64_t asked_end; /* what it said */
    bool at_end;       /* nothing came after the last END */
    bool paused;       /* delivery is stopped because the queue is long */
    struct hp_queued *first;
    struct hp_queued **last;
    size_t queued;
    struct hp_breaker breaker;
};

struct hp_counts {
    int64_t processed;
    int64_t dead;
    int64_t rerouted;
    int64_t emitted;
};

struct hp_restore;

struct hp_task {
    struct hp_worker *worker;
    int32_t partition;
    enum hp_task_state state;
    bool opened;            /* the application knows it */
    bool quiet;             /* PARKED: delivery is stopped */
    bool dirty;             /* the open transaction holds something of it */
    bool moved;             /* END moved a position since the last commit */
    bool force;             /* positions are to be committed, moved or not */
    bool more;              /* emit wants to be called again */
    bool took;              /* records since it last emitted */
    bool sent;              /* its part of the transaction is, and is closed */
    bool rebuild;           /* the local range is not to be trusted */
    int failures;           /* mismatches and corruptions in a row */
    int64_t retry_at_ms;    /* WAITING: not before */
    int64_t retry_delay_ms; /* the last one; 0 once restored */
    void *user;
    struct hp_source *sources;
    struct hp_arena arena; /* of the open transaction */
    struct hp_table overlay;
    struct hp_digest digest; /* of all changelogged rows, open ones included */
    struct hp_counts counts; /* of the open transaction */
    /* As of the last commit. */
    int64_t sequence;
    struct hp_digest committed_digest;
    int64_t changelog_offset;
    int64_t end_offset;         /* of the latest !end row */
    struct hp_restore *restore; /* while RESTORING */
    struct hp_metric *lag_metric;
};

/* An output that waits for its step to succeed. */
struct hp_staged_send {
    struct hp_staged_send *next;
    struct hp_outgoing record;
};

struct hp_step {
    struct hp_task *task;
    struct hp_arena arena;
    struct hp_arena scratch;
    struct hp_table staged;
    struct hp_staged_send *sends;
    struct hp_staged_send **last_send;
    struct hp_buffer key;    /* scratch: partition | store | key */
    struct hp_digest digest; /* change of the task's digest */
    struct hp_bytes horizon; /* present: facts at or behind this key are not there yet */
    struct hp_counts counts;
    bool in_fact_changed;
};

/* A record whose outputs the broker refused for their size: dead letter at the next attempt. */
struct hp_poison {
    struct hp_poison *next;
    int32_t partition;
    size_t source;
    int64_t offset;
    struct hp_error error;
};

struct hp_worker {
    struct hp_worker_options options;
    const struct hp_application *application;
    const struct hp_store_spec *stores[256]; /* by id */
    size_t order[HP_SOURCES_MAX];            /* sources by their order */
    const char *topics[HP_SOURCES_MAX];
    struct hp_member *member;
    struct hp_producer *producer;
    struct hp_task **tasks; /* by partition, NULL = not here */
    struct hp_step step;
    size_t queued; /* records in all queues */
    bool assigned;
    bool begun;         /* the producer's transaction is open */
    bool offsets_sent;  /* it has the positions it ends with */
    bool answered;      /* it holds what an input record caused */
    bool doubt;         /* the last commit's outcome is unknown */
    bool drained;       /* the last poll had nothing */
    bool cut;           /* the round ended before its queues did */
    bool closing;       /* the round ends in a commit */
    int32_t first_task; /* which task begins a round */
    bool ending;        /* hp_worker_free() */
    int64_t begun_ms;   /* when the first record of the transaction was taken */
    int64_t commit_ms;  /* when the last commit began */
    int64_t emit_ms;    /* when a task without new records emitted last */
    int64_t recheck_ms; /* the last commit of all positions */
    int64_t retry_at_ms;
    int64_t retry_delay_ms;
    int64_t transactions;
    struct hp_task *culprit; /* whose data a failing call was about */
    struct hp_poison *poison;
    enum hp_status failed; /* of a callback inside a poll */
    struct hp_error failure;
    struct hp_metric *processed[HP_SOURCES_MAX];
    struct hp_metric *rerouted[HP_SOURCES_MAX];
    struct hp_metric *commits;
    struct hp_metric *aborts;
    struct hp_metric *commit_seconds;
    struct hp_metric *restored_rows;
    struct hp_metric *restores;
    struct hp_metric *rebuilds;
};

#define HP_DELAY_MS_MAX 5000

/* How long to wait before the next try: twice as long as before, `least_ms` at first. */
static inline int64_t
hp_longer(int64_t delay_ms, int64_t least_ms)
{
    int64_t next_ms = delay_ms ? delay_ms * 2 : least_ms;

    return next_ms < HP_DELAY_MS_MAX ? next_ms : HP_DELAY_MS_MAX;
}

static inline int64_t
hp_worker_now(const struct hp_worker *worker)
{
    return worker->options.clock_ms(worker->options.clock_context);
}

/* ---- task.c ---- */

struct hp_task *hp_task_new(struct hp_worker *worker, int32_t partition);
void hp_task_free(struct hp_task *task);
/* Drops what is queued. */
void hp_task_forget_queues(struct hp_task *task);
/* Back to the last commit, in memory. */
void hp_task_rewind(struct hp_task *task);
/* Tells the application goodbye and restores again; `rebuild` drops the local range. */
void hp_task_reset(struct hp_task *task, bool rebuild);
/* Takes a record or an end from the broker. */
void hp_task_take(struct hp_task *task, const struct hp_poll *poll);
struct hp_queued *hp_source_pop(struct hp_task *task, struct hp_source *source);
/* Every queue is empty; held partitions do not count. */
bool hp_task_drained(const struct hp_task *task);
/* An END behind which nothing waits becomes the position. */
void hp_task_apply_ends(struct hp_task *task);
void hp_task_end(const struct hp_task *task, struct hp_end *end);

/* ---- step.c ---- */

void hp_step_begin(struct hp_step *step, struct hp_task *task);
/* Sends what was staged and moves the writes to the task's overlay. */
HP_MUST_CHECK enum hp_status hp_step_merge(struct hp_step *step, struct hp_error *error);
void hp_step_drop(struct hp_step *step);
void hp_step_release(struct hp_step *step);
/* fact_changed() for a row that is stored already (cold restore). */
HP_MUST_CHECK enum hp_status hp_step_derive(struct hp_step *step, uint8_t store,
    struct hp_bytes key, struct hp_bytes value, struct hp_error *error);

/* ---- deadletter.c, origin.c, breaker.c ---- */

HP_MUST_CHECK enum hp_status hp_dead_letter_send(struct hp_task *task,
    const struct hp_message *message, const struct hp_error *reason, struct hp_error *error);
/* HP_BAD_RECORD REROUTE when the headers of a forwarded record are wrong. */
HP_MUST_CHECK enum hp_status hp_origin_read(const struct hp_worker *worker,
    const struct hp_message *message, struct hp_origin *origin, struct hp_error *error);
/* True when this verdict opened the breaker. */
bool hp_breaker_note(struct hp_breaker *breaker, bool bad);

/* ---- txn.c ---- */

HP_MUST_CHECK enum hp_status hp_txn_begin(struct hp_worker *worker, struct hp_error *error);
/*
 * Sends what the task adds to the transaction, which nothing may follow but the commit. Early,
 * so that the broker stores it while the next task is at work; else the commit does it.
 */
HP_MUST_CHECK enum hp_status hp_txn_send(struct hp_task *task, struct hp_error *error);
/* Sends all positions, once a transaction, when the round is known to end in a commit: none
 * moves any more, and the broker's two answers come while tasks still emit. */
HP_MUST_CHECK enum hp_status hp_txn_offsets(struct hp_worker *worker, struct hp_error *error);
/* Commits what tasks have open; nothing to do is HP_OK. */
HP_MUST_CHECK enum hp_status hp_txn_commit(struct hp_worker *worker, struct hp_error *error);
void hp_txn_abort(struct hp_worker *worker);
/* Writes the overlay and the header of one task to the key-value store, outside a commit. */
HP_MUST_CHECK enum hp_status hp_txn_flush(
    struct hp_task *task, const struct hp_local_header *header, struct hp_error *error);

/* ---- restore.c ---- */

/* A bounded slice of the task's way to PARKED. */
HP_MUST_CHECK enum hp_status hp_restore_step(
    struct hp_task *task, int timeout_ms, struct hp_error *error);
void hp_restore_free(struct hp_task *task);

#endif
