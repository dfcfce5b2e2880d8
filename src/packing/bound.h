/*
 * packing/bound.h - an upper bound on the value of any box of a slot, proved by duality.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_PACKING_BOUND_H
#define HP_PACKING_BOUND_H

#include "packing/search.h"

/* No box of the slot is worth more. */
int64_t hp_slot_bound(const struct hp_slot_task *task);

#endif
