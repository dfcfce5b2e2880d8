/*
 * flow/shopper.h - everything the stores know of a user that a box depends on, and the wish:
 * what the boxes must keep, after request, preferences, history and configuration are put
 * together.
 *
 * Thread: the task's. Results live in the step's arena.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_FLOW_SHOPPER_H
#define HP_FLOW_SHOPPER_H

#include "flow/internal.h"
#include "ledger/aggregates.h"
#include "ledger/preferences.h"
#include "ledger/watermark.h"

#define HP_REJECTED_MAX 3

struct hp_rejected { /* boxes the user turned down, newest first: families of each */
    struct hp_strings boxes[HP_REJECTED_MAX];
    size_t count;
};

struct hp_shopper {
    struct hp_bytes user;
    bool has_preferences;
    struct hp_preferences preferences;
    struct hp_aggregate aggregate;
    struct hp_rejected rejected;
    int64_t latest_at; /* latest time of a live order, reaction or the preferences */
};

HP_MUST_CHECK enum hp_status hp_shopper_load(struct hp_step *step, struct hp_bytes user,
    struct hp_shopper *shopper, struct hp_error *error);

struct hp_wish {
    int64_t budget_max;
    int64_t budget_min; /* above budget_max: no box, only advice */
    bool max_stated;    /* by the request or the preferences; otherwise a guess of ours */
    bool min_hard;      /* somebody stated it: no ladder below */
    int32_t items_min;
    int32_t items_max;
    int32_t boxes;
    struct hp_avoid avoid;
    struct hp_diets diets;
    struct hp_mixes mix;
    struct hp_strings must;
    struct hp_strings exclude; /* disliked items and exclusions, unsorted */
    struct hp_strings sent;    /* what the recipient got within a year; sorted */
    struct hp_bytes occasion;
    bool for_recipient;
    bool unknown_diet;
    const char *contradiction; /* why it cannot be met whatever there is, or NULL */
};

/* `request` NULL: standing boxes. */
HP_MUST_CHECK enum hp_status hp_wish_make(struct hp_flow *flow, struct hp_step *step,
    const struct hp_shopper *shopper, const struct hp_box_request *request,
    struct hp_wish *wish, struct hp_error *error);

/* The user's rows of revision and watermark, kept under a keyed hash. */
struct hp_revision {
    int64_t last; /* 0: none yet */
    bool had_standing;
};
HP_MUST_CHECK enum hp_status hp_revision_load(struct hp_flow *flow, struct hp_step *step,
    struct hp_bytes user, struct hp_revision *revision, struct hp_error *error);
HP_MUST_CHECK enum hp_status hp_revision_save(struct hp_flow *flow, struct hp_step *step,
    struct hp_bytes user, const struct hp_revision *revision, struct hp_error *error);
HP_MUST_CHECK enum hp_status hp_watermark_load(struct hp_flow *flow, struct hp_step *step,
    struct hp_bytes user, struct hp_watermark *mark, struct hp_error *error);

/* The last rejected boxes; adding one drops the oldest, a box already there changes nothing. */
HP_MUST_CHECK enum hp_status hp_rejected_load(struct hp_step *step, struct hp_bytes user,
    struct hp_rejected *rejected, struct hp_error *error);
HP_MUST_CHECK enum hp_status hp_rejected_add(struct hp_step *step, struct hp_bytes user,
    struct hp_strings families, bool *changed, struct hp_error *error);

#endif
