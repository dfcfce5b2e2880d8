/*
 * store/kv_memory.h - the ordered map in memory, for tests, the simulator and the demo.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_STORE_KV_MEMORY_H
#define HP_STORE_KV_MEMORY_H

#include "store/kv.h"

struct hp_kv *hp_kv_memory_new(void);

#endif
