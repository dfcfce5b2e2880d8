/*
 * engine/runs.h - rows as a changelog tells them, put in order once: a sorted run.
 *
 * Cheaper by half than an ordered map when nobody looks before all are there. Rows and their
 * bytes live in the run until it is cleared. Thread: one at a time.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_ENGINE_RUNS_H
#define HP_ENGINE_RUNS_H

#include "base/arena.h"

struct hp_run_row {
    struct hp_bytes key;
    struct hp_bytes value; /* absent: deleted */
};

struct hp_run {
    struct hp_arena arena;
    struct hp_run_row *rows;
    const struct hp_run_row **order; /* once sorted: by key, the last of each */
    size_t count;
    size_t capacity;
    size_t ordered;
};

void hp_run_add(struct hp_run *run, struct hp_bytes key, struct hp_bytes value);
/* In bytes, all that the run holds. */
size_t hp_run_size(const struct hp_run *run);
/* Fills `order` and `ordered`; nothing may be added after it but behind a clear. */
void hp_run_sort(struct hp_run *run);
void hp_run_clear(struct hp_run *run);
void hp_run_release(struct hp_run *run);

#endif
