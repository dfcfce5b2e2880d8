/* app/progress.c - the bar. SPDX-License-Identifier: Apache-2.0 */
#include "app/progress.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_MS 2000
#define REDRAW_MS   100
#define BAR_COLUMNS 30

static int64_t
monotonic_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void
hp_progress_tell(struct hp_progress *progress, const char *what, size_t done, size_t total)
{
    int64_t now_ms = monotonic_ms();
    int filled = total ? (int)(done * BAR_COLUMNS / total) : 0;

    if (progress->started_ms == 0)
        progress->started_ms = now_ms;
    if (now_ms - progress->started_ms < PATIENCE_MS || now_ms - progress->told_ms < REDRAW_MS ||
        !isatty(STDERR_FILENO))
        return;
    progress->told_ms = now_ms;
    progress->drawn = true;
    fprintf(stderr, "\r  [%.*s%*s] %zu of %zu %s\033[K", filled,
        "##############################", BAR_COLUMNS - filled, "", done, total, what);
}

void
hp_progress_end(struct hp_progress *progress)
{
    if (progress->drawn)
        fputs("\r\033[K", stderr);
    *progress = (struct hp_progress){0};
}
