/*
 * packing/toll.h - what sharing families with earlier boxes costs.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_PACKING_TOLL_H
#define HP_PACKING_TOLL_H

#include "packing/core.h"

/* Sets the toll of every column, in points, for fills at about `rate`; empties the box. Returns
 * the number of sharing rows that cost something. */
uint32_t hp_toll_find(struct hp_core *core, int64_t rate);

#endif
