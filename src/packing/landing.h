/*
 * packing/landing.h - boxes inside a narrow window that single exchanges pass over.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_PACKING_LANDING_H
#define HP_PACKING_LANDING_H

#include "packing/tabu.h"

/* From the core's present box, which may miss window and minima: every exchange of none, one or
 * two columns for none, one or two others whose prices land in the window; then the same from
 * what was found, as long as it is better. Takes from `steps` what was looked at and ends when
 * they are used up. Says whether `best` became better; leaves some box in the core. */
bool hp_land(struct hp_core *core, struct hp_best *best, int64_t *steps);

/* Every box of the core in the window, two units of each as a pair: true when it came to the
 * end, `best` is then the best box of the core, or there is none. False when `steps` were used
 * up; `best` may have become better all the same. Empties the core's box. */
bool hp_land_all(struct hp_core *core, struct hp_best *best, int64_t *steps);

#endif
