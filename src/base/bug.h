/*
 * base/bug.h - deliberate mistakes, so that the tests that look for mistakes are tested too.
 *
 * hp_bug(HP_BUG_X) stands where the mistake would be made. In every build but that of the
 * buggy simulator (HAMPER_BUGS) it is the constant false and leaves no code.
 *
 * Thread: set before threads start, then only read.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_BASE_BUG_H
#define HP_BASE_BUG_H

#include <stdbool.h>

enum hp_bug {
    HP_BUG_NONE,
    HP_BUG_STORE_BEFORE_COMMIT, /* rows reach the store before the broker has decided */
    HP_BUG_POSITION_LATE,       /* the !end row holds the positions of the commit before */
    HP_BUG_POSITION_EARLY,      /* the local header is written before the rows */
    HP_BUG_REROUTE_PLAIN,       /* forwarded records are sent outside the transaction */
    HP_BUG_LETTER_PLAIN,        /* dead letters are sent outside the transaction */
    HP_BUG_DEDUPE_SKIPPED,      /* a request is answered each time it comes */
    HP_BUG_END_MISSING,         /* a transaction without its !end row */
    HP_BUG_AUDIT_MISSING,       /* no audit record when only positions moved */
    HP_BUG_PRODUCER_KEPT,       /* after a doubt the same producer goes on */
    HP_BUG_DOUBT_REWOUND,       /* a commit in doubt counts as failed */
    HP_BUG_PENDING_LOST,        /* who does not fit into a batch is forgotten */
    HP_BUG_DERIVED_KEPT,        /* derived rows of an aborted transaction stay */
    HP_BUG_POSITION_KEPT,       /* an abort does not rewind */
    HP_BUG_MARK_FORGOTTEN,      /* the past of an erased user may come late */
    HP_BUG_FANOUT_EARLY,        /* the fan-out's cursor is stored when it begins */
    HP_BUG_FENCE_OPEN,          /* requests do not wait for preferences and erasures */
    HP_BUG_FENCE_BY_END,        /* ... or only until an END was told, however long ago */
    HP_BUG_GROUP_STALE,         /* whoever was a member once may commit */
    HP_BUG_RESTORE_SHORT,       /* a restore does not wait for open transactions */
    HP_BUG_TOMBSTONES_SKIPPED,  /* a restore passes over deletions */
    HP_BUG_OLD_COPY,            /* a copy older than the tombstones is believed */
    HP_BUG_REVISION_LOST,       /* a revision is used but not kept */
    HP_BUG_BLOCKS_KEPT,         /* co-counts in memory survive an abort */
    HP_BUG_SENT_EARLY,          /* a task's part is sent before what it emits */
    HP_BUG_TOLD_TWICE,          /* a commit holds two standing records of a user */
    HP_BUG_COUNT
};

#ifdef HAMPER_BUGS
bool hp_bug(enum hp_bug bug);
/* Turns one on, and all others off; false when no bug has this name. NULL: none. */
bool hp_bug_set(const char *name);
/* "store-before-commit", …; NULL beyond the last. */
const char *hp_bug_name(enum hp_bug bug);
#else
static inline bool
hp_bug(enum hp_bug bug)
{
    (void)bug;
    return false;
}
#endif

#endif
