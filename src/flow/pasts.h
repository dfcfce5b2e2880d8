/*
 * flow/pasts.h - the long histories of a task's users that changed lately, ready for one more
 * order (ledger/past.h).
 *
 * A copy of facts and nothing else: dropping one costs the time to read that user's facts
 * again. It holds what the open transaction changed, so an abort drops all.
 *
 * Thread: the task's; the tally is shared by all tasks of a process.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_FLOW_PASTS_H
#define HP_FLOW_PASTS_H

#include "base/metric.h"
#include "ledger/past.h"

#include <stdatomic.h>

#define HP_PASTS_BUCKETS 256
#define HP_PASTS_LEAST   32 /* facts of a user; shorter histories are read again as quickly */

struct hp_pasts_tally { /* zeroed is none */
    atomic_size_t bytes;
    struct hp_metric *gauge; /* shows the bytes; NULL: nobody looks */
};

struct hp_kept_past;

/* Zeroed, with the first four set, is empty. */
struct hp_pasts {
    struct hp_pasts_tally *tally;
    size_t bytes_max; /* of all that share the tally */
    size_t share;     /* of them, what this task may keep however much others hold */
    size_t least;
    struct hp_kept_past *buckets[HP_PASTS_BUCKETS];
    struct hp_kept_past *newest;
    struct hp_kept_past *oldest;
    size_t bytes;
};

/* The user's past, or NULL; it becomes the newest. `part`: the user as one part of a key. */
struct hp_past *hp_pasts_find(struct hp_pasts *pasts, struct hp_bytes part);
bool hp_pasts_has(const struct hp_pasts *pasts, struct hp_bytes part);
/* Keeps a past of these facts when they are many; there is none of this user yet. */
void hp_pasts_keep(
    struct hp_pasts *pasts, struct hp_bytes part, const struct hp_user_facts *facts);
/* After a past was changed: counts its bytes anew. */
void hp_pasts_weigh(struct hp_pasts *pasts, struct hp_bytes part);
void hp_pasts_drop(struct hp_pasts *pasts, struct hp_bytes part); /* none is fine */
/* Drops the oldest until the bounds hold. */
void hp_pasts_shrink(struct hp_pasts *pasts);
void hp_pasts_clear(struct hp_pasts *pasts);

#endif
