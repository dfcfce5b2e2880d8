/*
 * packing/small.h - every box of a core of a few columns, for the best of them.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_PACKING_SMALL_H
#define HP_PACKING_SMALL_H

#include "packing/tabu.h"

#define HP_SMALL_COLUMNS 24

/* Looks at every box of the core that may be better than `best`, with at most HP_SMALL_COLUMNS
 * columns; true when it came to the end: `best` is then the best box of the core, or there is
 * none. False after a number of steps; `best` may have become better all the same. Empties the
 * core's box. */
bool hp_small_run(struct hp_core *core, struct hp_best *best);

#endif
