/*
 * flow/internal.h - what the steps of the flow share; nobody outside flow/ includes it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_FLOW_INTERNAL_H
#define HP_FLOW_INTERNAL_H

#include "engine/table.h"
#include "flow/catalogue.h"
#include "flow/derive.h"
#include "flow/flow.h"
#include "flow/pending.h"
#include "flow/rows.h"
#include "flow/standing.h"
#include "flow/weights.h"

struct hp_fanout;
struct hp_offers;
struct hp_refuser;
struct hp_solver;

struct hp_flow {
    struct hp_flow_options options;
    struct hp_source_spec sources[HP_SOURCE_COUNT];
    struct hp_application application;
    struct hp_catalogue_view *catalogue;
    struct hp_model_view *model;
    struct hp_weights_constants weights; /* of the solver */
    struct hp_offers *offers;
    struct hp_pasts_tally pasts;
    struct hp_metric *rows_gauge;
};

#define HP_QUEUE_FLOOR_BYTES 48

/* The beginning of a key before which a queue is empty: an iterator from there need not pass
 * the deleted ones. Zeroed: anything may be in it. */
struct hp_queue_floor {
    uint8_t data[HP_QUEUE_FLOOR_BYTES];
    size_t size;
};

/* What a task remembers outside its stores; rebuilt when it opens. */
struct hp_flow_task {
    int64_t catalogue_done[HP_CATALOGUE_PARTITIONS_MAX]; /* changes before it are walked */
    uint64_t generation;                                 /* of the snapshot last looked at */
    struct hp_fanout *fanout;                            /* items still to be walked, or NULL */
    bool absent_checked;        /* items that vanished while hamper was down were looked for */
    int64_t sweep_at;           /* 0: not read yet */
    struct hp_bytes sweep_user; /* cursor of a running sweep; owned, no value when none runs */
    struct hp_queue_floor queue_floor; /* of the pending users; where a scan begins */
    size_t fresh;                      /* records since users were last looked at */
    struct hp_table told; /* users of whom the open transaction has a standing record */
    struct hp_arena told_arena;
    struct hp_blocks blocks;
    struct hp_deriver deriver;
    struct hp_rows_pace rows;
    struct hp_refuser *refuser; /* of the owner of task 0 */
    struct hp_solver *solver;   /* of the owner of task 0 */
};

/* One record in hand. */
struct hp_event {
    const struct hp_message *message;
    struct hp_origin origin;
    enum hp_source source; /* what it is, also after a reroute */
};

/* Decodes the value of `event` into the struct of `type`, in the step's arena. */
HP_MUST_CHECK enum hp_status hp_event_decode(struct hp_flow *flow, struct hp_step *step,
    const struct hp_event *event, enum hp_record_type type, void *out, struct hp_error *error);
/* `*here` false: the record belongs to another task and was forwarded. */
HP_MUST_CHECK enum hp_status hp_event_route(struct hp_flow *flow, struct hp_step *step,
    const struct hp_event *event, struct hp_bytes user, bool *here, struct hp_error *error);

/* One short recipe a source. */
HP_MUST_CHECK enum hp_status hp_flow_order(struct hp_flow *flow, struct hp_step *step,
    const struct hp_event *event, struct hp_error *error);
HP_MUST_CHECK enum hp_status hp_flow_feedback(struct hp_flow *flow, struct hp_step *step,
    const struct hp_event *event, struct hp_error *error);
HP_MUST_CHECK enum hp_status hp_flow_preferences(struct hp_flow *flow, struct hp_step *step,
    const struct hp_event *event, struct hp_error *error);
HP_MUST_CHECK enum hp_status hp_flow_request(struct hp_flow *flow, struct hp_step *step,
    const struct hp_event *event, struct hp_error *error);
HP_MUST_CHECK enum hp_status hp_flow_erasure(struct hp_flow *flow, struct hp_step *step,
    const struct hp_event *event, struct hp_error *error);

/* The open transaction has a standing record, or a tombstone, of the user. */
void hp_told_add(struct hp_step *step, struct hp_bytes user);
bool hp_told_has(struct hp_step *step, struct hp_bytes user);
void hp_told_clear(struct hp_flow_task *own); /* it has ended */

/* Emit: at most `emit.batch.users` of the pending; `*more` when some are left. */
HP_MUST_CHECK enum hp_status hp_flow_emit(struct hp_flow *flow, struct hp_step *step,
    int64_t now_ms, bool *more, struct hp_error *error);
/* Marks users whose boxes a change of the catalogue can touch, a bounded part a call. */
HP_MUST_CHECK enum hp_status hp_fanout_walk(
    struct hp_flow *flow, struct hp_step *step, bool *more, struct hp_error *error);
void hp_fanout_drop(struct hp_flow_task *own);
/* Reads from the stores what the fan-out and the sweep had done. */
HP_MUST_CHECK enum hp_status hp_fanout_load(
    struct hp_flow *flow, struct hp_step *step, struct hp_error *error);
HP_MUST_CHECK enum hp_status hp_sweep_walk(struct hp_flow *flow, struct hp_step *step,
    int64_t now_ms, bool *more, struct hp_error *error);

/* Task 0: dead letters for catalogue records nobody can use; other tasks do nothing. */
HP_MUST_CHECK enum hp_status hp_flow_refuse(
    struct hp_flow *flow, struct hp_step *step, bool *more, struct hp_error *error);
void hp_refuser_free(struct hp_refuser *refuser); /* NULL is fine */

/* Key of a user's rows, and of a user's row about something, in the step's arena. */
struct hp_bytes hp_key_user(struct hp_step *step, struct hp_bytes user);
struct hp_bytes hp_key_user_and(
    struct hp_step *step, struct hp_bytes user, struct hp_bytes second);

#endif
