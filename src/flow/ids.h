/*
 * flow/ids.h - names that follow from what they name, so that a retry gives the same.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_FLOW_IDS_H
#define HP_FLOW_IDS_H

#include "base/arena.h"

/* "r" + base32 of 10 bytes of SHA-256(application, user, revision), zero bytes between them. */
struct hp_bytes hp_id_recommendation(
    struct hp_arena *arena, const char *application_id, struct hp_bytes user, int64_t revision);
/* "b" + the same with the slot. */
struct hp_bytes hp_id_box(struct hp_arena *arena, const char *application_id,
    struct hp_bytes user, int64_t revision, int32_t slot);
/* HMAC-SHA-256 of an id under the erasure key: what stays when the user goes. */
struct hp_bytes hp_id_keyed(struct hp_arena *arena, struct hp_bytes key, struct hp_bytes id);

#endif
