/*
 * app/progress.h - a bar on the terminal for what takes longer than two seconds.
 *
 * Nothing is drawn when standard error is no terminal.
 *
 * Thread: main.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_APP_PROGRESS_H
#define HP_APP_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hp_progress { /* zeroed is ready */
    int64_t started_ms;
    int64_t told_ms;
    bool drawn;
};

/* `done` of `total` of `what` ("orders learned"). Cheap to call often. */
void hp_progress_tell(
    struct hp_progress *progress, const char *what, size_t done, size_t total);
/* Wipes the bar. */
void hp_progress_end(struct hp_progress *progress);

#endif
