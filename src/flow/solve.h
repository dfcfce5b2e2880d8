/*
 * flow/solve.h - adds up the partial rows of all tasks and publishes the item model in epochs.
 *
 * Belongs to the owner of task 0: made when that task opens, freed when it closes, stepped from
 * tick(). A pure function of the rows topic: a new solver reads back what was published, solves
 * everything, and publishes only differences. An epoch is one transaction of the producer
 * `<application id>-solver` on the model's single partition: changed items, then the manifest.
 *
 * An item is solved again soon after its own counts changed. Its weights depend on others'
 * counts as well; so from time to time all items are solved again, whatever changed. After such
 * a pass without a change meanwhile the solver is *settled*: the rows of the model are a
 * function of the rows topic alone, not of how it came about.
 *
 * Thread: the worker's that owns task 0.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_FLOW_SOLVE_H
#define HP_FLOW_SOLVE_H

#include "broker/broker.h"
#include "flow/weights.h"

#define HP_EPOCH_GAP_MS      1000 /* at least so long between two epochs */
#define HP_SOLVER_CACHE      ((size_t)16 << 20)
#define HP_SOLVER_RESOLVE_MS (10 * 60000LL)

struct hp_solver;

struct hp_solver_options {
    struct hp_cluster *cluster;
    const char *application_id;
    const char *rows_topic;
    const char *model_topic;
    int32_t partitions;   /* of the rows topic */
    int64_t epoch_gap_ms; /* 0: HP_EPOCH_GAP_MS */
    bool eager;           /* pass over all items whenever something changed: settles at once */
    int64_t resolve_ms;   /* otherwise at least so long between two passes; 0: the default */
    size_t cache_bytes;   /* of summed rows; 0: HP_SOLVER_CACHE */
    const struct hp_weights_constants *weights; /* NULL: defaults */
};

/* Strings and cluster are kept. Touches no network; never fails. */
struct hp_solver *hp_solver_new(const struct hp_solver_options *options);
void hp_solver_free(struct hp_solver *solver); /* NULL is fine */

/*
 * A bounded slice of work; a small one when the worker is `occupied` otherwise. What fails in
 * passing is tried again later, from reading on; a fenced producer waits and reads again as
 * well. Only HP_FATAL, HP_STOP and HP_USAGE (no such topic) come out.
 */
HP_MUST_CHECK enum hp_status hp_solver_step(
    struct hp_solver *solver, bool occupied, int64_t now_ms, struct hp_error *error);

/* Everything in the rows topic, up to its end now, is in the published model; an eager solver
 * has settled as well. Asks the broker. */
bool hp_solver_idle(struct hp_solver *solver);
int64_t hp_solver_epoch(const struct hp_solver *solver);

#endif
