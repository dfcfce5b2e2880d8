/*
 * eval/tally.c - columns of numbers, one a (model, slice, cut, measure), and their means.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "eval/tally.h"

#include "base/rng.h"

#define DRAWN_MAX 20000000 /* users drawn for one interval, all resamples together */
#define DRAWS_MIN 200

const char *const hp_slice_names[HP_SLICE_COUNT] = {"all", "novel", "repeat"};
const char *const hp_measure_names[HP_MEASURE_COUNT] = {"ndcg", "recall", "hit_rate"};

struct column {
    float *values; /* by case of the slice */
    size_t count;
    size_t capacity;
};

struct shelf_use {   /* what a model recommended in a slice within a cut */
    uint64_t *items; /* bits */
    size_t distinct;
    double surprise;
    int64_t shown;
};

struct cases { /* of a slice */
    uint32_t *users;
    int64_t *times;
    size_t count;
    size_t capacity;
    uint32_t case_number; /* the last one that was added */
};

struct hp_tally {
    struct hp_tally_options options;
    struct column columns[HP_MODELS_MAX][HP_SLICE_COUNT][HP_CUTS_MAX][HP_MEASURE_COUNT];
    struct shelf_use uses[HP_MODELS_MAX][HP_SLICE_COUNT][HP_CUTS_MAX];
    struct cases cases[HP_SLICE_COUNT];
    double *surprise;     /* by item */
    uint32_t case_number; /* from 1 */
    uint32_t user;
    int64_t at_ms;
};

struct hp_tally *
hp_tally_new(const struct hp_tally_options *options)
{
    struct hp_tally *tally = hp_alloc(sizeof(*tally));
    size_t words = options->item_count / 64 + 1;

    HP_ASSERT(options->model_count <= HP_MODELS_MAX && options->cut_count <= HP_CUTS_MAX);
    tally->options = *options;
    tally->surprise = hp_alloc((options->item_count + 1) * sizeof(*tally->surprise));
    for (size_t model = 0; model < options->model_count; model++)
        for (int slice = 0; slice < HP_SLICE_COUNT; slice++)
            for (size_t cut = 0; cut < options->cut_count; cut++)
                tally->uses[model][slice][cut].items = hp_alloc(words * sizeof(uint64_t));
    return tally;
}

void
hp_tally_free(struct hp_tally *tally)
{
    if (!tally)
        return;
    for (size_t model = 0; model < HP_MODELS_MAX; model++)
        for (int slice = 0; slice < HP_SLICE_COUNT; slice++)
            for (size_t cut = 0; cut < HP_CUTS_MAX; cut++) {
                free(tally->uses[model][slice][cut].items);
                for (int measure = 0; measure < HP_MEASURE_COUNT; measure++)
                    free(tally->columns[model][slice][cut][measure].values);
            }
    for (int slice = 0; slice < HP_SLICE_COUNT; slice++) {
        free(tally->cases[slice].users);
        free(tally->cases[slice].times);
    }
    free(tally->surprise);
    free(tally);
}

void
hp_tally_set_surprise(struct hp_tally *tally, uint32_t item, double bits)
{
    tally->surprise[item] = bits;
}

void
hp_tally_begin(struct hp_tally *tally, uint32_t user, int64_t at_ms)
{
    HP_ASSERT(user < tally->options.user_count);
    tally->case_number++;
    tally->user = user;
    tally->at_ms = at_ms;
}

static void
note_case(struct hp_tally *tally, enum hp_slice slice)
{
    struct cases *cases = &tally->cases[slice];

    if (cases->case_number == tally->case_number)
        return;
    cases->case_number = tally->case_number;
    if (cases->count == cases->capacity) {
        cases->capacity = cases->capacity ? 2 * cases->capacity : 1024;
        cases->users = hp_realloc_array(cases->users, cases->capacity, sizeof(*cases->users));
        cases->times = hp_realloc_array(cases->times, cases->capacity, sizeof(*cases->times));
    }
    cases->users[cases->count] = tally->user;
    cases->times[cases->count++] = tally->at_ms;
}

static void
push(struct column *column, double value)
{
    if (column->count == column->capacity) {
        column->capacity = column->capacity ? 2 * column->capacity : 1024;
        column->values =
            hp_realloc_array(column->values, column->capacity, sizeof(*column->values));
    }
    column->values[column->count++] = (float)value;
}

static void
note_use(struct hp_tally *tally, struct shelf_use *use, const uint32_t *ranked, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t bit = (uint64_t)1 << (ranked[i] % 64);

        use->distinct += !(use->items[ranked[i] / 64] & bit);
        use->items[ranked[i] / 64] |= bit;
        use->surprise += tally->surprise[ranked[i]];
        use->shown++;
    }
}

void
hp_tally_add(struct hp_tally *tally, size_t model, enum hp_slice slice, const uint32_t *ranked,
    size_t ranked_count, struct hp_item_set target)
{
    HP_ASSERT(model < tally->options.model_count);
    note_case(tally, slice);
    for (size_t cut = 0; cut < tally->options.cut_count; cut++) {
        size_t k = tally->options.cuts[cut];
        struct hp_quality quality = hp_quality_of(ranked, ranked_count, target, k);
        struct column *columns = tally->columns[model][slice][cut];

        push(&columns[HP_MEASURE_NDCG], quality.ndcg);
        push(&columns[HP_MEASURE_RECALL], quality.recall);
        push(&columns[HP_MEASURE_HIT], quality.hit);
        HP_ASSERT(columns[0].count == tally->cases[slice].count);
        note_use(tally, &tally->uses[model][slice][cut], ranked,
            ranked_count < k ? ranked_count : k);
    }
}

size_t
hp_tally_cases(const struct hp_tally *tally, enum hp_slice slice)
{
    return tally->cases[slice].count;
}

/* ---- by user ----------------------------------------------------------------------------- */

struct user_sum {
    double sum;
    double count;
};

/* The sums of `a` - `b` (`b` may be NULL) of those users who have cases. */
static struct user_sum *
sum_by_user(const struct hp_tally *tally, const struct cases *cases, const struct column *a,
    const struct column *b, size_t *count)
{
    size_t users = tally->options.user_count;
    struct user_sum *sums = hp_alloc((users + 1) * sizeof(*sums));

    for (size_t i = 0; i < cases->count; i++) {
        sums[cases->users[i]].sum += (double)a->values[i] - (b ? (double)b->values[i] : 0);
        sums[cases->users[i]].count++;
    }
    *count = 0;
    for (size_t i = 0; i < users; i++)
        if (sums[i].count > 0)
            sums[(*count)++] = sums[i];
    return sums;
}

size_t
hp_tally_users(const struct hp_tally *tally, enum hp_slice slice)
{
    const struct cases *cases = &tally->cases[slice];
    uint8_t *seen = hp_alloc(tally->options.user_count + 1);
    size_t count = 0;

    for (size_t i = 0; i < cases->count; i++) {
        count += !seen[cases->users[i]];
        seen[cases->users[i]] = 1;
    }
    free(seen);
    return count;
}

static int
compare_doubles(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;

    return (a > b) - (a < b);
}

static double
draw_mean(const struct user_sum *sums, size_t count, struct hp_rng *rng)
{
    double sum = 0, cases = 0;

    for (size_t i = 0; i < count; i++) {
        const struct user_sum *drawn = &sums[hp_rng_below(rng, (uint32_t)count)];

        sum += drawn->sum;
        cases += drawn->count;
    }
    return sum / cases;
}

static void
interval(const struct user_sum *sums, size_t count, uint64_t seed, double *low, double *high)
{
    size_t draws = HP_DRAWS;
    struct hp_rng rng = {seed};
    double *means;

    *low = *high = 0;
    if (count == 0)
        return;
    if (draws * count > DRAWN_MAX)
        draws = DRAWN_MAX / count > DRAWS_MIN ? DRAWN_MAX / count : DRAWS_MIN;
    means = hp_alloc(draws * sizeof(*means));
    for (size_t i = 0; i < draws; i++)
        means[i] = draw_mean(sums, count, &rng);
    qsort(means, draws, sizeof(*means), compare_doubles);
    *low = means[(size_t)((double)(draws - 1) * 0.025 + 0.5)];
    *high = means[(size_t)((double)(draws - 1) * 0.975 + 0.5)];
    free(means);
}

static double
mean_of(const struct column *column)
{
    double sum = 0;

    for (size_t i = 0; i < column->count; i++)
        sum += (double)column->values[i];
    return column->count ? sum / (double)column->count : 0;
}

void
hp_tally_row(const struct hp_tally *tally, size_t model, enum hp_slice slice, size_t cut,
    struct hp_tally_row *row)
{
    const struct column *columns = tally->columns[model][slice][cut];
    const struct shelf_use *use = &tally->uses[model][slice][cut];
    size_t items = tally->options.item_count;
    size_t count;
    struct user_sum *sums = sum_by_user(tally, &tally->cases[slice], &columns[0], NULL, &count);

    *row = (struct hp_tally_row){.coverage = items ? (double)use->distinct / (double)items : 0,
        .novelty = use->shown ? use->surprise / (double)use->shown : 0};
    for (int measure = 0; measure < HP_MEASURE_COUNT; measure++)
        row->mean[measure] = mean_of(&columns[measure]);
    interval(sums, count, tally->options.seed, &row->low, &row->high);
    free(sums);
}

void
hp_tally_gap(const struct hp_tally *tally, size_t model, size_t other, enum hp_slice slice,
    size_t cut, enum hp_measure measure, struct hp_tally_gap *gap)
{
    const struct column *a = &tally->columns[model][slice][cut][measure];
    const struct column *b = &tally->columns[other][slice][cut][measure];
    size_t count;
    struct user_sum *sums = sum_by_user(tally, &tally->cases[slice], a, b, &count);

    gap->mean = mean_of(a) - mean_of(b);
    interval(sums, count, tally->options.seed, &gap->low, &gap->high);
    free(sums);
}

bool
hp_tally_mean_between(const struct hp_tally *tally, size_t model, enum hp_slice slice,
    size_t cut, int64_t from_ms, int64_t to_ms, double *mean)
{
    const struct column *column = &tally->columns[model][slice][cut][HP_MEASURE_NDCG];
    const struct cases *cases = &tally->cases[slice];
    double sum = 0;
    size_t count = 0;

    for (size_t i = 0; i < cases->count; i++)
        if (cases->times[i] >= from_ms && cases->times[i] < to_ms) {
            sum += (double)column->values[i];
            count++;
        }
    *mean = count ? sum / (double)count : 0;
    return count > 0;
}

void
hp_tally_span(const struct hp_tally *tally, int64_t *first_ms, int64_t *last_ms)
{
    const struct cases *cases = &tally->cases[HP_SLICE_ALL];

    *first_ms = *last_ms = cases->count ? cases->times[0] : 0;
    for (size_t i = 0; i < cases->count; i++) {
        if (cases->times[i] < *first_ms)
            *first_ms = cases->times[i];
        if (cases->times[i] > *last_ms)
            *last_ms = cases->times[i];
    }
}
