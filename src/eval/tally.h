/*
 * eval/tally.h - keeps the quality of every prediction, and sums them up: means, intervals,
 * differences between models, coverage, novelty, and means by stretches of time.
 *
 * A case is one prediction about one user: a ranked list and what was really chosen. Models are
 * held against each other on the same cases. Intervals are the 2.5th and 97.5th percentile of
 * means over users drawn with replacement (cases of one user stay together), the same users for
 * both models of a difference; seeded, so that they come out again.
 *
 * Costs 24 bytes per case and list.
 *
 * Thread: one at a time.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_EVAL_TALLY_H
#define HP_EVAL_TALLY_H

#include "eval/ranking.h"

enum hp_slice {
    HP_SLICE_ALL,    /* all items ranked, all that was chosen */
    HP_SLICE_NOVEL,  /* without what the user had, in both */
    HP_SLICE_REPEAT, /* only what the user had, in both */
};
#define HP_SLICE_COUNT 3
extern const char *const hp_slice_names[HP_SLICE_COUNT];

#define HP_CUTS_MAX   4
#define HP_MODELS_MAX 8
#define HP_DRAWS      1000 /* resamples of an interval, fewer when there are many users */

enum hp_measure { HP_MEASURE_NDCG, HP_MEASURE_RECALL, HP_MEASURE_HIT };
#define HP_MEASURE_COUNT 3
extern const char *const hp_measure_names[HP_MEASURE_COUNT];

struct hp_tally_options {
    size_t model_count; /* at most HP_MODELS_MAX */
    size_t cuts[HP_CUTS_MAX];
    size_t cut_count;
    size_t item_count;
    size_t user_count;
    uint64_t seed;
};

struct hp_tally; /* opaque */

struct hp_tally *hp_tally_new(const struct hp_tally_options *options);
void hp_tally_free(struct hp_tally *tally); /* NULL is fine */

/* The case that the next lists belong to. */
void hp_tally_begin(struct hp_tally *tally, uint32_t user, int64_t at_ms);
/*
 * A model's list, best first, long enough for the greatest cut, and what was chosen (not
 * empty). Every model adds to the same slices of a case.
 */
void hp_tally_add(struct hp_tally *tally, size_t model, enum hp_slice slice,
    const uint32_t *ranked, size_t ranked_count, struct hp_item_set target);
/* How surprising an item is, in bits: novelty is the mean over all recommended ones. Set before
 * the lists are added; zero to begin with. */
void hp_tally_set_surprise(struct hp_tally *tally, uint32_t item, double bits);

size_t hp_tally_cases(const struct hp_tally *tally, enum hp_slice slice);
size_t hp_tally_users(const struct hp_tally *tally, enum hp_slice slice);

struct hp_tally_row {
    double mean[HP_MEASURE_COUNT];
    double low, high; /* of the NDCG */
    double coverage;  /* share of the catalogue that was recommended to anybody */
    double novelty;   /* bits */
};
void hp_tally_row(const struct hp_tally *tally, size_t model, enum hp_slice slice, size_t cut,
    struct hp_tally_row *row);

struct hp_tally_gap { /* mean of `model` minus mean of `other` */
    double mean, low, high;
};
void hp_tally_gap(const struct hp_tally *tally, size_t model, size_t other, enum hp_slice slice,
    size_t cut, enum hp_measure measure, struct hp_tally_gap *gap);

/* Mean NDCG of the cases with from_ms <= time < to_ms; false when there are none. */
bool hp_tally_mean_between(const struct hp_tally *tally, size_t model, enum hp_slice slice,
    size_t cut, int64_t from_ms, int64_t to_ms, double *mean);
/* Of all cases. */
void hp_tally_span(const struct hp_tally *tally, int64_t *first_ms, int64_t *last_ms);

#endif
