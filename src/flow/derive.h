/*
 * flow/derive.h - what follows from facts: aggregates, item heads, who holds an item.
 *
 * Thread: the worker's.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_FLOW_DERIVE_H
#define HP_FLOW_DERIVE_H

#include "flow/topology.h"

/* hp_application.fact_changed; `flow` is not used. Marks changed heads in HP_STORE_DIRTY. */
HP_MUST_CHECK enum hp_status hp_flow_fact_changed(void *flow, struct hp_step *step,
    uint8_t store, struct hp_bytes key, struct hp_bytes before, struct hp_bytes after,
    struct hp_error *error);

#endif
