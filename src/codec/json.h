/*
 * codec/json.h - the part of the JSON reader that resolution needs: defaults.
 *
 * Thread: any.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_CODEC_JSON_H
#define HP_CODEC_JSON_H

#include "base/arena.h"
#include "codec/records.h"

/*
 * Puts the field's default into its slot of the zeroed struct `base`; strings live in `arena`.
 * The defaults are those of our own schemas: one that does not fit its slot ends the process.
 * False when the field has no default.
 */
bool hp_slot_default(const struct hp_slot *slot, const struct hp_schema_field *field,
    struct hp_arena *arena, void *base);

/* Bytes of the slot's value in its struct, the count of a list and the presence bool not
 * included.
 */
size_t hp_slot_size(const struct hp_slot *slot);

#endif
