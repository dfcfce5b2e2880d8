/*
 * flow/state.h - one task's stores as a state directory holds them, without a task.
 *
 * Thread: one.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_FLOW_STATE_H
#define HP_FLOW_STATE_H

#include "flow/blocks.h"
#include "store/kv.h"

struct hp_state {
    struct hp_kv *kv;
    int32_t partition;
    struct hp_arena arena; /* of the value read last */
};
void hp_state_release(struct hp_state *state);

/* The value is valid until the next call. */
HP_MUST_CHECK enum hp_status hp_state_get(struct hp_state *state, uint8_t store,
    struct hp_bytes key, struct hp_bytes *value, struct hp_error *error);
/* Rows whose key begins with `prefix`, in order; visit() returns false to stop. */
HP_MUST_CHECK enum hp_status hp_state_scan(struct hp_state *state, uint8_t store,
    struct hp_bytes prefix, bool (*visit)(void *, struct hp_bytes key, struct hp_bytes value),
    void *context, struct hp_error *error);

/* The task's rows as of its last commit; hp_blocks_close() closes them. */
HP_MUST_CHECK enum hp_status hp_state_blocks(
    struct hp_state *state, struct hp_blocks *blocks, struct hp_error *error);
HP_MUST_CHECK enum hp_status hp_state_load_row(
    struct hp_state *state, struct hp_blocks *blocks, uint32_t item, struct hp_error *error);

#endif
