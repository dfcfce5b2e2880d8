/*
 * flow/verify.h - everything derived, worked out again from the facts and compared.
 *
 * Aggregates from orders and reactions, co-counts from aggregates, the index of who holds what
 * from standing rows, the queue from pending rows, the row digest from all facts. In memory:
 * the rows of one task, and one user at a time.
 *
 * Thread: one. The state is that of a commit: a stopped instance, or a snapshot of a running
 * one.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_FLOW_VERIFY_H
#define HP_FLOW_VERIFY_H

#include "store/kv.h"

struct hp_verdict {
    bool same;
    char difference[512]; /* the first one, when not the same */
    int64_t users;        /* with an aggregate */
    int64_t waiting;      /* of them marked: worked out by the task's next turns */
    int64_t items;        /* with a row */
    int64_t pairs;        /* of two items, counted once */
    int64_t facts;
};

HP_MUST_CHECK enum hp_status hp_verify(
    struct hp_kv *kv, int32_t partition, struct hp_verdict *verdict, struct hp_error *error);

#endif
