/*
 * flow/history.h - a user's orders and reactions, collected from their rows.
 *
 * Thread: any. Everything lives in the arena.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_FLOW_HISTORY_H
#define HP_FLOW_HISTORY_H

#include "ledger/aggregates.h"

struct hp_history {
    struct hp_arena *arena;
    struct hp_user_order *orders;
    size_t order_count;
    size_t order_room;
    struct hp_user_reaction *reactions;
    size_t reaction_count;
    size_t reaction_room;
    enum hp_status status; /* of the row that could not be read */
    struct hp_error *error;
};

/* For scans over HP_STORE_ORDER and HP_STORE_REACTION; false when `status` is set. */
bool hp_history_order(void *history, struct hp_bytes key, struct hp_bytes value);
bool hp_history_reaction(void *history, struct hp_bytes key, struct hp_bytes value);

struct hp_user_facts hp_history_facts(const struct hp_history *history, struct hp_bytes user);
void hp_history_aggregate(
    const struct hp_history *history, struct hp_bytes user, struct hp_aggregate *aggregate);

/* The user of a key that begins with one; false when malformed. `part`: its bytes there. */
bool hp_history_user(
    struct hp_bytes key, struct hp_arena *arena, struct hp_bytes *user, struct hp_bytes *part);

#endif
