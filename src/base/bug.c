/* base/bug.c - which mistake is made. SPDX-License-Identifier: Apache-2.0 */
#include "base/bug.h"

#ifdef HAMPER_BUGS

#include <stddef.h>
#include <string.h>

static enum hp_bug planted;

static const char *const names[HP_BUG_COUNT] = {
    [HP_BUG_NONE] = "none",
    [HP_BUG_STORE_BEFORE_COMMIT] = "store-before-commit",
    [HP_BUG_POSITION_LATE] = "position-late",
    [HP_BUG_POSITION_EARLY] = "position-early",
    [HP_BUG_REROUTE_PLAIN] = "reroute-plain",
    [HP_BUG_LETTER_PLAIN] = "letter-plain",
    [HP_BUG_DEDUPE_SKIPPED] = "dedupe-skipped",
    [HP_BUG_END_MISSING] = "end-missing",
    [HP_BUG_AUDIT_MISSING] = "audit-missing",
    [HP_BUG_PRODUCER_KEPT] = "producer-kept",
    [HP_BUG_DOUBT_REWOUND] = "doubt-rewound",
    [HP_BUG_PENDING_LOST] = "pending-lost",
    [HP_BUG_DERIVED_KEPT] = "derived-kept",
    [HP_BUG_POSITION_KEPT] = "position-kept",
    [HP_BUG_MARK_FORGOTTEN] = "mark-forgotten",
    [HP_BUG_FANOUT_EARLY] = "fanout-early",
    [HP_BUG_FENCE_OPEN] = "fence-open",
    [HP_BUG_FENCE_BY_END] = "fence-by-end",
    [HP_BUG_GROUP_STALE] = "group-stale",
    [HP_BUG_RESTORE_SHORT] = "restore-short",
    [HP_BUG_TOMBSTONES_SKIPPED] = "tombstones-skipped",
    [HP_BUG_OLD_COPY] = "old-copy",
    [HP_BUG_REVISION_LOST] = "revision-lost",
    [HP_BUG_BLOCKS_KEPT] = "blocks-kept",
    [HP_BUG_SENT_EARLY] = "sent-early",
    [HP_BUG_TOLD_TWICE] = "told-twice",
};

bool
hp_bug(enum hp_bug bug)
{
    return planted == bug;
}

bool
hp_bug_set(const char *name)
{
    planted = HP_BUG_NONE;
    for (int i = 0; name && i < HP_BUG_COUNT; i++)
        if (strcmp(names[i], name) == 0) {
            planted = (enum hp_bug)i;
            return true;
        }
    return !name;
}

const char *
hp_bug_name(enum hp_bug bug)
{
    return bug < HP_BUG_COUNT ? names[bug] : NULL;
}

#endif
