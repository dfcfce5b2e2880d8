/*
 * flow/pairs.h - which candidates are worth more together, for the optimiser.
 *
 *     weight(i, j) = clamp(½ ḡ · (box_ij + box_ji), ±0.2 ḡ)
 *
 * box: the in-box weights of the model, ḡ: the mean gain of the user's best. Pairs worth less
 * than ḡ / 200 are left out.
 *
 * Thread: any. Pure.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_FLOW_PAIRS_H
#define HP_FLOW_PAIRS_H

#include "flow/candidates.h"
#include "packing/instance.h"

/* Among the first `count` candidates; indexes are theirs, a below b, each pair once. Returns
 * how many, at most HP_PACK_PAIRS_MAX. In the arena. */
size_t hp_pairs_make(const struct hp_assortment *assortment,
    const struct hp_candidates *candidates, size_t count, struct hp_arena *arena,
    const struct hp_pack_pair **pairs);

#endif
