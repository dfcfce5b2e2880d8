/*
 * engine/engine.h - when it counts: tasks, steps, transactions. Knows bytes, not hampers.
 *
 * One worker = one group member, one transactional producer, the tasks of its assignment. A
 * task is one partition number of every source. What is derived from records is written by an
 * application (flow/) through the callbacks below; the engine decides when it counts:
 *
 *   poll a round, order it -> step per record (writes and outputs staged; merged when HP_OK)
 *   -> emit steps -> outputs, changelog rows, !end row, audit record, offsets -> commit
 *   -> one key-value batch.
 *
 * Invariants: (1) nothing uncommitted reaches the key-value store; (2) positions live in the
 * same batch as the state they produced, and in the changelog's !end row; (3) a step that does
 * not return HP_OK leaves no trace but its dead letter; (4) after an abort everything in memory
 * is as the last commit left it.
 *
 * Thread: a worker, its tasks and all callbacks belong to one thread.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_ENGINE_ENGINE_H
#define HP_ENGINE_ENGINE_H

#include "base/hash.h"
#include "broker/broker.h"
#include "store/kv.h"

#define HP_SOURCES_MAX  16
#define HP_STORE_HEADER 0 /* the engine's own store: !end */

struct hp_worker;
struct hp_task;
struct hp_step;

/* An input topic. sources[0] is the driver. */
struct hp_source_spec {
    const char *topic;
    int order;         /* within a round, lower first */
    uint32_t wait_for; /* bit mask of sources: a record of this source appended at T is taken
                          after those were read to their end or past T (the request fence) */
    bool reroute;      /* carries forwarded records: coordinates are in its headers */
};

/* A store: changelogged ones hold facts, the others are derived by fact_changed() alone. */
struct hp_store_spec {
    uint8_t id; /* 1..255, unique */
    const char *name;
    bool changelogged;
};

struct hp_application {
    void *context;
    const struct hp_source_spec *sources;
    size_t source_count;
    const struct hp_store_spec *stores;
    size_t store_count;

    /* One record. HP_BAD_RECORD: dead letter with the error's code and text. */
    enum hp_status (*process)(void *context, struct hp_step *step,
        const struct hp_message *message, struct hp_error *error);
    /*
     * A changelogged row changes from `before` to `after` (absent = no row). Called before the
     * change is visible to hp_step_get(), for live steps, for replay after a crash and for a
     * rebuild alike; may write derived stores only. During a restore the task is not opened
     * yet (hp_task_user() is NULL) and rows come in key order or in log order: derive from
     * the stores alone, not from what is remembered elsewhere.
     */
    enum hp_status (*fact_changed)(void *context, struct hp_step *step, uint8_t store,
        struct hp_bytes key, struct hp_bytes before, struct hp_bytes after,
        struct hp_error *error);
    /*
     * After the records of a round (`now_ms` from the worker's clock) and when idle: emit what
     * changed, drain a bounded part of what is pending. `*more` = call again soon.
     */
    enum hp_status (*emit)(void *context, struct hp_step *step, int64_t now_ms, bool *more,
        struct hp_error *error);
    /*
     * Brackets of a task's life on this worker; hp_task_set_user() keeps what opened() makes.
     * opened() comes after the restore, with all stores as of the last commit. A task whose
     * state is restored again (a commit in doubt, a corrupt range) is closed and opened again.
     */
    enum hp_status (*opened)(void *context, struct hp_task *task, struct hp_error *error);
    void (*closed)(void *context, struct hp_task *task);
    /* The open transaction ended: drop or keep what was remembered outside the stores. */
    void (*committed)(void *context, struct hp_task *task);
    void (*aborted)(void *context, struct hp_task *task);
    /* Between polls: work beside the tasks (the solver). May be NULL. */
    enum hp_status (*tick)(
        void *context, struct hp_worker *worker, int64_t now_ms, struct hp_error *error);
};

struct hp_worker_options {
    struct hp_cluster *cluster;
    struct hp_kv *kv; /* shared by the workers of a process */
    const struct hp_application *application;
    const char *application_id; /* group */
    const char *instance;       /* "<instance>-<n>": group.instance.id and transactional id */
    const char *changelog_topic;
    const char *dead_letter_topic;
    const char *reroute_topic;
    const char *audit_topic;
    int32_t partitions; /* of every source and of the internal topics */
    int32_t dead_letter_partitions;
    int64_t (*clock_ms)(void *); /* wall clock; handed in so that a simulator may own it */
    void *clock_context;
    int64_t commit_interval_ms;
    int64_t commit_gap_ms;
    int64_t fence_ms;
    size_t overlay_bytes; /* uncommitted writes of a task; full = commit early */
    size_t round_records; /* at most so many records a round */
    bool breaker;
    int64_t delete_retention_ms;    /* of the changelog */
    const struct hp_position *skip; /* --skip TOPIC-P@OFFSET: dead-letter this record unread */
    size_t skip_count;
    const struct hp_position *accept_gap; /* --accept-gap TOPIC-P; offset unused */
    size_t accept_gap_count;
};

HP_MUST_CHECK enum hp_status hp_worker_new(
    const struct hp_worker_options *options, struct hp_worker **worker, struct hp_error *error);
/* Ends in order (aborts what is open, leaves the group), or as a crash would with `abandon`. */
void hp_worker_free(struct hp_worker *worker, bool abandon);
/*
 * One turn: poll at most `timeout_ms`, process, emit, perhaps commit. HP_RETRY never leaves
 * here; HP_FATAL, HP_STOP and HP_FENCED (seat taken by the same instance id) end the worker.
 */
HP_MUST_CHECK enum hp_status hp_worker_step(
    struct hp_worker *worker, int timeout_ms, struct hp_error *error);
/* Commits what is open now. HP_RETRY: it was aborted; the next steps run it again. */
HP_MUST_CHECK enum hp_status hp_worker_commit(struct hp_worker *worker, struct hp_error *error);
/*
 * Everything up to `positions` is processed and committed, nothing is pending (emit said so).
 * Positions of partitions that are not here, and of topics that are no source, are passed over.
 */
bool hp_worker_reached(
    const struct hp_worker *worker, const struct hp_position *positions, size_t count);

struct hp_worker_state {
    size_t task_count;
    size_t restoring; /* tasks not yet open */
    size_t paused;    /* partitions the breaker holds */
    bool assigned;    /* had its first assignment */
    bool idle;        /* every open task drained, nothing uncommitted, emit has no more */
    bool busy;        /* records wait, or emit has more */
    int64_t transactions;
};
void hp_worker_state(const struct hp_worker *worker, struct hp_worker_state *state);
struct hp_task *hp_worker_task(
    struct hp_worker *worker, int32_t partition); /* NULL: not here */
size_t hp_worker_tasks(struct hp_worker *worker, struct hp_task **tasks, size_t max);

/* ---- tasks --------------------------------------------------------------------------- */

int32_t hp_task_partition(const struct hp_task *task);
void hp_task_set_user(struct hp_task *task, void *user);
void *hp_task_user(const struct hp_task *task);
/* The next offset of a source, the step in hand included. */
int64_t hp_task_position(const struct hp_task *task, size_t source);
/* Records known to wait in the inputs (high watermarks seen minus positions). */
int64_t hp_task_lag(const struct hp_task *task);

/* ---- steps: reads see earlier steps of the transaction; writes are staged -------------- */

struct hp_task *hp_step_task(struct hp_step *step);
struct hp_arena *hp_step_arena(struct hp_step *step); /* cleared when the step is done */
/* Cleared by this very call: for large work of which nothing is needed at the next one. */
struct hp_arena *hp_step_scratch(struct hp_step *step);
/* Lives to the end of the transaction. */
struct hp_arena *hp_step_txn_arena(struct hp_step *step);
HP_MUST_CHECK enum hp_status hp_step_get(struct hp_step *step, uint8_t store,
    struct hp_bytes key, struct hp_bytes *value, struct hp_error *error);
/* Copies. An absent value deletes. */
HP_MUST_CHECK enum hp_status hp_step_put(struct hp_step *step, uint8_t store,
    struct hp_bytes key, struct hp_bytes value, struct hp_error *error);
/*
 * Calls visit() for every row of the store whose key begins with `prefix`, in order, staged and
 * uncommitted writes included, starting at `from` (inclusive; absent = the prefix). visit() may
 * put; what it puts is not visited. It returns false to stop.
 */
HP_MUST_CHECK enum hp_status hp_step_scan(struct hp_step *step, uint8_t store,
    struct hp_bytes prefix, struct hp_bytes from,
    bool (*visit)(void *context, struct hp_bytes key, struct hp_bytes value), void *context,
    struct hp_error *error);
/*
 * The same over those rows alone that the open transaction wrote: for a store that is known to
 * hold no others, since a scan has to pass whatever was deleted from the files lately.
 */
HP_MUST_CHECK enum hp_status hp_step_scan_written(struct hp_step *step, uint8_t store,
    struct hp_bytes prefix,
    bool (*visit)(void *context, struct hp_bytes key, struct hp_bytes value), void *context,
    struct hp_error *error);
/* The open transaction is committed as soon as `commit_gap_ms` allows, as after a record. */
void hp_step_hurry(struct hp_step *step);
/* An output in the same transaction. Copies. */
HP_MUST_CHECK enum hp_status hp_step_send(
    struct hp_step *step, const struct hp_outgoing *record, struct hp_error *error);
/* Sends the record in hand to the reroute topic's `partition`, coordinates in headers. */
HP_MUST_CHECK enum hp_status hp_step_forward(struct hp_step *step,
    const struct hp_message *message, int32_t partition, struct hp_error *error);

/*
 * A record from outside the sources that can never be used: its dead letter, in this
 * transaction. Sent at once: the step must not end in HP_BAD_RECORD, and must put what says
 * that it was done.
 */
HP_MUST_CHECK enum hp_status hp_step_dead_letter(struct hp_step *step, const char *topic,
    const struct hp_message *message, const struct hp_error *reason, struct hp_error *error);

/* Where a record first came from, also after a reroute. */
struct hp_origin {
    const char *topic; /* of the sources' names */
    int source;
    int32_t partition;
    int64_t offset;
    int64_t timestamp_ms;
};
HP_MUST_CHECK enum hp_status hp_step_origin(struct hp_step *step,
    const struct hp_message *message, struct hp_origin *origin, struct hp_error *error);

#endif
