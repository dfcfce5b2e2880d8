/*
 * base/status.h - how things fail: every status names the fate of the work in hand.
 *
 * The first function to see a failure writes the text with hp_fail(); callers pass the
 * status on unchanged and only the engine acts on it. Broken invariants and failed
 * allocation end the process: the open transaction is never committed, so stopping is safe.
 *
 * Thread: any; an error buffer belongs to its caller.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_BASE_STATUS_H
#define HP_BASE_STATUS_H

#include "base/banned.h"

#include <stddef.h>

#define HP_MUST_CHECK    __attribute__((warn_unused_result))
#define HP_PRINTF(f, a)  __attribute__((format(printf, f, a)))
#define HP_NORETURN      __attribute__((noreturn))
#define HP_ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

enum hp_status {
    HP_OK = 0,
    HP_BAD_RECORD, /* this record can never be processed: dead letter, go on */
    HP_RETRY,      /* something outside failed in passing: abort, rewind, back off, again */
    HP_CORRUPT,    /* local data contradicts itself: drop the range, restore */
    HP_FENCED,     /* another instance owns the partition now: drop the task */
    HP_FATAL,      /* the process cannot do its job: stop, a restart may help (exit 1) */
    HP_USAGE,      /* wrong usage or configuration, nothing was touched (exit 2) */
    HP_STOP,       /* going on could break a promise: stop, say the way past (exit 3) */
};

/* What failed. `code` is a reason code of docs/topics.md (static storage), "" when none. */
struct hp_error {
    enum hp_status status;
    const char *code;
    char text[480];
};

/* Writes the text (truncated when too long), code = "", and returns `status`. `error` may be
 * NULL. */
enum hp_status hp_fail(struct hp_error *error, enum hp_status status, const char *format, ...)
    HP_PRINTF(3, 4);

/* The same with HP_BAD_RECORD and a reason code; keeps `code`. */
enum hp_status hp_bad(struct hp_error *error, const char *code, const char *format, ...)
    HP_PRINTF(3, 4);

const char *hp_status_name(enum hp_status status);

/* Prints the text to standard error and aborts the process. Never returns. */
HP_NORETURN void hp_die(const char *format, ...) HP_PRINTF(1, 2);

#define HP_ASSERT(condition)                                                                   \
    do {                                                                                       \
        if (!(condition))                                                                      \
            hp_die("%s:%d: broken invariant: %s", __FILE__, __LINE__, #condition);             \
    } while (0)

/* malloc family that never returns NULL. `count * size` is checked for overflow. */
void *hp_alloc(size_t size); /* zeroed; caller frees with free() */
void *hp_realloc_array(void *data, size_t count, size_t size);
char *hp_strdup(const char *text);

#endif
