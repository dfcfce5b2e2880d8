/*
 * base/failpoint.h - named places at which a test makes the program die, fail or wait.
 *
 * In builds with HAMPER_FAILPOINTS the environment arms them:
 *
 *     HAMPER_FAILPOINT=LABEL:HIT:ACTION[,LABEL:HIT:ACTION]…
 *
 * HIT counts from 1 how often the place is passed; ACTION is `die` (SIGKILL to oneself),
 * `error` (the step fails in passing) or `delay=MS`. Labels are listed in docs/operations.md.
 * In every other build a place is the constant HP_OK and leaves no code.
 *
 * Thread: any; armed before threads start.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_BASE_FAILPOINT_H
#define HP_BASE_FAILPOINT_H

#include "base/status.h"

#ifdef HAMPER_FAILPOINTS

#include <stdbool.h>

HP_MUST_CHECK enum hp_status hp_failpoint(const char *label, struct hp_error *error);
/* As the environment does, and counts from 1 again; NULL disarms. HP_USAGE when malformed. */
HP_MUST_CHECK enum hp_status hp_failpoint_arm(const char *plan, struct hp_error *error);
/* Called instead of dying; the place then fails with HP_FATAL. NULL: die. */
void hp_failpoint_on_die(void (*die)(void *context), void *context);
/* Whether an armed place was reached often enough to act. */
bool hp_failpoint_fired(void);

#else

static inline enum hp_status
hp_failpoint(const char *label, struct hp_error *error)
{
    (void)label;
    (void)error;
    return HP_OK;
}

#endif

#endif
