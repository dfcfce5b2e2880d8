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
 * Where marks of users can be. They come and go with almost every transaction, and a scan of
 * their store passes all that were deleted since the files were last written anew: so the store
 * is scanned only when it may hold some, and from where the last scan ended.
 */
struct hp_marked {
    bool open;             /* the open transaction made some that are not worked out */
    bool stored_none;      /* the store holds none */
    struct hp_buffer from; /* else: none of a user before this one, as one part */
};

/* What a task remembers of its users; zeroed, with the settings of `pasts`, knows nothing. */
struct hp_deriver {
    struct hp_pasts pasts;
    struct hp_marked marked;
};
/* What the open transaction made is in the store now. */
void hp_deriver_committed(struct hp_deriver *deriver);
/* After an abort, and at the end. */
void hp_deriver_forget(struct hp_deriver *deriver);

/*
 * For hp_application.fact_changed. A changed order or reaction only marks its user in
 * HP_STORE_TOUCHED: what follows is worked out once a transaction, however often the user
 * changed in it. `deriver` is NULL when the task is not open yet: then the whole user is
 * marked.
 */
HP_MUST_CHECK enum hp_status hp_derive_fact(struct hp_deriver *deriver, struct hp_step *step,
    uint8_t store, struct hp_bytes key, struct hp_bytes before, struct hp_bytes after,
    struct hp_error *error);

/*
 * The first part of an emit step: applies committed changes to the blocks, works out a bounded
 * number of marked users, and keeps blocks and pasts in bounds. `*more` is set (never cleared)
 * when users are left; after a restore all of them are, and nobody may use what is derived
 * before.
 */
HP_MUST_CHECK enum hp_status hp_derive(struct hp_blocks *blocks, struct hp_deriver *deriver,
    struct hp_step *step, bool *more, struct hp_error *error);

/* The user's aggregate as of this step, worked out from facts when he is marked. */
HP_MUST_CHECK enum hp_status hp_derive_aggregate(struct hp_deriver *deriver,
    struct hp_step *step, struct hp_bytes user, struct hp_aggregate *aggregate,
    struct hp_error *error);

#endif
