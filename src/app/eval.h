/*
 * app/eval.h - what the parts of `hamper eval` share.
 *
 * A trial is the stream itself, in memory (app/demo_stage.c), with standing boxes switched off:
 * events in, then the scores its boxes would be made from. Beside it run the baselines of
 * eval/peers.h; eval/tally.h keeps how good each was.
 *
 * Thread: main.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_APP_EVAL_H
#define HP_APP_EVAL_H

#include "app/options.h"
#include "app/progress.h"
#include "archive/jsonl.h"
#include "eval/peers.h"
#include "eval/purchases.h"
#include "eval/ratings.h"
#include "eval/tally.h"

#define HP_EVAL_MODELS  (1 + HP_PEER_COUNT) /* hamper first */
#define HP_EVAL_CUT     10
#define HP_EVAL_CUT_MAX 20

enum hp_eval_mode { HP_EVAL_SPLIT, HP_EVAL_PREQUENTIAL, HP_EVAL_OFF_POLICY };

struct hp_eval_plan {
    const char *path;
    enum hp_eval_mode mode;
    bool at_given;
    int64_t at_ms;
    int64_t window_ms;
    size_t cold; /* items nobody bought before, as far as is told; 0: no such trial */
    uint64_t seed;
    const char *json; /* NULL: none */
    const char *svg;
};

/* ---- the stream on trial ------------------------------------------------------------------
 */

struct hp_trial; /* opaque */

/* What is learned of boxes: means over the boxes of the users asked for. */
struct hp_box_measures {
    size_t users;
    size_t boxes;
    double fill;       /* total against the most it may cost */
    double categories; /* distinct ones in a box */
    double items;      /* distinct ones in a box */
    double overlap;    /* of two boxes of a user: items in common against items in either */
    double hit_rate;   /* users with a chosen item in a box */
    double precision;  /* boxed items that were chosen */
};

/* Options and purchases are kept; the purchases are sealed. */
HP_MUST_CHECK enum hp_status hp_trial_open(struct hp_options *options,
    const struct hp_purchases *purchases, struct hp_trial **trial, struct hp_error *error);
void hp_trial_free(struct hp_trial *trial); /* NULL is fine */

HP_MUST_CHECK enum hp_status hp_trial_send(struct hp_trial *trial, enum hp_record_type type,
    const union hp_any_event *event, struct hp_error *error);
/* Everything sent is in the ledger. */
HP_MUST_CHECK enum hp_status hp_trial_catch_up(struct hp_trial *trial, struct hp_error *error);
/* And in the item model. */
HP_MUST_CHECK enum hp_status hp_trial_settle(struct hp_trial *trial, struct hp_error *error);

/* The gain of every item for the user, as boxes would be made from at `now_ms`; items that are
 * not in the catalogue get 0. */
HP_MUST_CHECK enum hp_status hp_trial_score(struct hp_trial *trial, uint32_t user,
    int64_t now_ms, double *scores, struct hp_error *error);
/* How well every item goes with what is in the box. */
void hp_trial_complete(struct hp_trial *trial, struct hp_item_set box, double *scores);
/* Boxes asked for at `now_ms` by these users, against what each chose. */
struct hp_box_trial {
    const uint32_t *users;
    const struct hp_item_set *targets; /* by user above */
    size_t count;
    int64_t now_ms;
};
HP_MUST_CHECK enum hp_status hp_trial_boxes(struct hp_trial *trial,
    const struct hp_box_trial *plan, struct hp_box_measures *measures, struct hp_error *error);
/* Dead letters so far; the first reason and topic, or NULL. */
int64_t hp_trial_refused(const struct hp_trial *trial, const char **reason, const char **topic);

/* ---- one evaluation -----------------------------------------------------------------------
 */

struct hp_eval {
    struct hp_eval_plan plan;
    struct hp_options options;
    struct hp_events *events;
    struct hp_purchases purchases;
    struct hp_peers *peers;
    struct hp_tally *tally;
    struct hp_tally *completion; /* split: models are hamper and cosine; or NULL */
    struct hp_tally *cold;       /* split with --cold: hamper and popularity; or NULL */
    struct hp_trial *trial;
    struct hp_box_measures boxes;
    struct hp_rating_error rating_errors[HP_RATER_COUNT];
    bool from_feedback; /* without orders: days of positive feedback stand for them */
    struct hp_progress progress;
    double *scores; /* of all items */
    char protocol[200];
};

extern const char *const hp_eval_model_names[HP_EVAL_MODELS];

/* All models' lists about one user into the tally; the case is begun. */
HP_MUST_CHECK enum hp_status hp_eval_case(struct hp_eval *eval, uint32_t user, int64_t now_ms,
    struct hp_item_set chosen, struct hp_error *error);

/* A tally of so many models; how surprising each item is, as the baselines know it now. */
struct hp_tally *hp_eval_tally(struct hp_eval *eval, size_t models);
void hp_eval_surprise(struct hp_eval *eval, struct hp_tally *tally);

/* A trial with everything on its shelves. */
HP_MUST_CHECK enum hp_status hp_eval_open_shelves(struct hp_eval *eval, struct hp_error *error);
/* The event is one the stream is taught with. */
bool hp_eval_learns(const struct hp_file_event *event);

HP_MUST_CHECK enum hp_status hp_eval_split(struct hp_eval *eval, struct hp_error *error);
HP_MUST_CHECK enum hp_status hp_eval_prequential(struct hp_eval *eval, struct hp_error *error);
HP_MUST_CHECK enum hp_status hp_eval_off_policy(
    const struct hp_eval_plan *plan, struct hp_error *error);

/* Errors of predicted ratings. */
void hp_eval_ratings(struct hp_eval *eval);

/* Table, --json, --svg. */
HP_MUST_CHECK enum hp_status hp_eval_report(struct hp_eval *eval, struct hp_error *error);
/* HP_FATAL: the file cannot be written. */
HP_MUST_CHECK enum hp_status hp_eval_write(
    const char *path, struct hp_bytes text, struct hp_error *error);

#endif
