/*
 * flow/derive.h - what follows from facts: aggregates, co-counts, who holds an item.
 *
 * Thread: the worker's.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_FLOW_DERIVE_H
#define HP_FLOW_DERIVE_H

#include "flow/blocks.h"
#include "flow/pasts.h"

/*
 * For hp_application.fact_changed. A changed order or reaction only marks its user in
 * HP_STORE_TOUCHED: what follows is worked out once a transaction, however often the user
 * changed in it. `pasts` is NULL when the task is not open yet: then the whole user is marked.
 */
HP_MUST_CHECK enum hp_status hp_derive_fact(struct hp_pasts *pasts, struct hp_step *step,
    uint8_t store, struct hp_bytes key, struct hp_bytes before, struct hp_bytes after,
    struct hp_error *error);

/*
 * The first part of an emit step: applies committed changes to the blocks, works out a bounded
 * number of marked users, and keeps blocks and pasts in bounds. `*more` is set (never cleared)
 * when users are left; after a restore all of them are, and nobody may use what is derived
 * before. After an abort `pasts` must be cleared.
 */
HP_MUST_CHECK enum hp_status hp_derive(struct hp_blocks *blocks, struct hp_pasts *pasts,
    struct hp_step *step, bool *more, struct hp_error *error);

/* The user's aggregate as of this step, worked out from facts when he is marked. */
HP_MUST_CHECK enum hp_status hp_derive_aggregate(struct hp_pasts *pasts, struct hp_step *step,
    struct hp_bytes user, struct hp_aggregate *aggregate, struct hp_error *error);

#endif
