/*
 * store/kv_operations.h - a batch read back, for the implementations of kv.h only.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_STORE_KV_OPERATIONS_H
#define HP_STORE_KV_OPERATIONS_H

#include "store/kv.h"

enum hp_kv_kind { HP_KV_PUT = 1, HP_KV_DELETE, HP_KV_DELETE_RANGE };

struct hp_kv_operation {
    enum hp_kv_kind kind;
    struct hp_bytes a; /* key, or where a range begins (absent = at the start) */
    struct hp_bytes b; /* value, or where a range ends (absent = at the end) */
};

/* The next operation of hp_cursor(batch bytes); false at the end. Views borrow from the batch.
 */
bool hp_kv_batch_next(struct hp_cursor *cursor, struct hp_kv_operation *operation);

#endif
