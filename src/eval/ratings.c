/* eval/ratings.c - biases and pair sums. SPDX-License-Identifier: Apache-2.0 */
#include "eval/ratings.h"

#include <math.h>

#define ITEM_SHRINK 10
#define USER_SHRINK 15
#define PAIR_SHRINK 100
#define NEAREST     40
#define SLOTS_MIN   4096
#define RATING_LOW  1
#define RATING_HIGH 5
#define RATING_NONE 3

const char *const hp_rater_names[HP_RATER_COUNT] = {"mean", "bias", "neighbours"};

struct rated {
    uint32_t item;
    float value;
    float residual; /* when it was rated */
};

struct rater {
    struct rated *past; /* in the order of arrival */
    uint32_t count;
    uint32_t capacity;
};

struct pair {
    uint64_t key; /* smaller item, greater item, and 1 in all, so that 0 is free */
    uint32_t users;
    float product, low_square, high_square;
};

struct hp_ratings {
    size_t user_count;
    struct rater *users;
    double *item_sums;
    uint32_t *item_counts;
    double sum;
    size_t count;
    struct pair *pairs; /* open addressing */
    size_t slot_count;
    size_t pair_count;
};

struct hp_ratings *
hp_ratings_new(size_t user_count, size_t item_count)
{
    struct hp_ratings *ratings = hp_alloc(sizeof(*ratings));

    ratings->user_count = user_count;
    ratings->users = hp_alloc((user_count + 1) * sizeof(*ratings->users));
    ratings->item_sums = hp_alloc((item_count + 1) * sizeof(*ratings->item_sums));
    ratings->item_counts = hp_alloc((item_count + 1) * sizeof(*ratings->item_counts));
    ratings->slot_count = SLOTS_MIN;
    ratings->pairs = hp_alloc(SLOTS_MIN * sizeof(*ratings->pairs));
    return ratings;
}

void
hp_ratings_free(struct hp_ratings *ratings)
{
    if (!ratings)
        return;
    for (size_t i = 0; i < ratings->user_count; i++)
        free(ratings->users[i].past);
    free(ratings->users);
    free(ratings->item_sums);
    free(ratings->item_counts);
    free(ratings->pairs);
    free(ratings);
}

/* ---- pairs --------------------------------------------------------------------------------
 */

static uint64_t
key_of(uint32_t a, uint32_t b)
{
    return (a < b ? (uint64_t)a << 32 | b : (uint64_t)b << 32 | a) + 1;
}

static size_t
slot_of(const struct pair *pairs, size_t slot_count, uint64_t key)
{
    size_t at = (key * 0x9e3779b97f4a7c15U >> 20) % slot_count;

    while (pairs[at].key && pairs[at].key != key)
        at = (at + 1) % slot_count;
    return at;
}

static void
grow(struct hp_ratings *ratings)
{
    size_t slot_count = ratings->slot_count * 2;
    struct pair *pairs = hp_alloc(slot_count * sizeof(*pairs));

    for (size_t i = 0; i < ratings->slot_count; i++)
        if (ratings->pairs[i].key)
            pairs[slot_of(pairs, slot_count, ratings->pairs[i].key)] = ratings->pairs[i];
    free(ratings->pairs);
    ratings->pairs = pairs;
    ratings->slot_count = slot_count;
}

static void
add_pair(struct hp_ratings *ratings, const struct rated *a, const struct rated *b)
{
    uint64_t key = key_of(a->item, b->item);
    const struct rated *low = a->item < b->item ? a : b;
    const struct rated *high = a->item < b->item ? b : a;
    struct pair *pair = &ratings->pairs[slot_of(ratings->pairs, ratings->slot_count, key)];

    if (!pair->key) {
        if (ratings->pair_count == HP_RATED_PAIRS_MAX)
            return;
        if (++ratings->pair_count * 2 > ratings->slot_count) {
            grow(ratings);
            pair = &ratings->pairs[slot_of(ratings->pairs, ratings->slot_count, key)];
        }
        pair->key = key;
    }
    pair->users++;
    pair->product += a->residual * b->residual;
    pair->low_square += low->residual * low->residual;
    pair->high_square += high->residual * high->residual;
}

static double
likeness(const struct hp_ratings *ratings, uint32_t a, uint32_t b)
{
    const struct pair *pair =
        &ratings->pairs[slot_of(ratings->pairs, ratings->slot_count, key_of(a, b))];
    double scale = sqrt((double)pair->low_square * (double)pair->high_square);

    if (!pair->key || !(scale > 0))
        return 0;
    return (double)pair->product / scale * pair->users / (pair->users + PAIR_SHRINK);
}

/* ---- biases -------------------------------------------------------------------------------
 */

static double
mean_of(const struct hp_ratings *ratings)
{
    return ratings->count ? ratings->sum / (double)ratings->count : RATING_NONE;
}

static double
item_bias(const struct hp_ratings *ratings, uint32_t item)
{
    double count = ratings->item_counts[item];

    return (ratings->item_sums[item] - count * mean_of(ratings)) / (count + ITEM_SHRINK);
}

static double
user_bias(const struct hp_ratings *ratings, const struct rater *rater)
{
    double sum = 0;

    for (uint32_t i = 0; i < rater->count; i++)
        sum += (double)rater->past[i].value - mean_of(ratings) -
               item_bias(ratings, rater->past[i].item);
    return sum / (rater->count + USER_SHRINK);
}

/* ---- predicting ---------------------------------------------------------------------------
 */

struct speaker {
    double likeness;
    double surplus; /* the user's rating above what biases say */
};

static void
keep_nearest(struct speaker *nearest, size_t *count, struct speaker speaker)
{
    size_t at;

    if (*count == NEAREST && speaker.likeness <= nearest[NEAREST - 1].likeness)
        return;
    at = *count < NEAREST ? (*count)++ : NEAREST - 1;
    for (; at > 0 && nearest[at - 1].likeness < speaker.likeness; at--)
        nearest[at] = nearest[at - 1];
    nearest[at] = speaker;
}

static double
clamp(double value)
{
    return value < RATING_LOW ? RATING_LOW : value > RATING_HIGH ? RATING_HIGH : value;
}

void
hp_ratings_predict(const struct hp_ratings *ratings, uint32_t user, uint32_t item,
    double values[HP_RATER_COUNT])
{
    const struct rater *rater = &ratings->users[user];
    double base = mean_of(ratings) + user_bias(ratings, rater);
    struct speaker nearest[NEAREST];
    double sum = 0, weight = 0;
    size_t count = 0;

    for (uint32_t i = 0; i < rater->count; i++) {
        const struct rated *rated = &rater->past[i];
        double alike = rated->item == item ? 0 : likeness(ratings, item, rated->item);

        if (alike > 0)
            keep_nearest(nearest, &count,
                (struct speaker){
                    alike, (double)rated->value - base - item_bias(ratings, rated->item)});
    }
    for (size_t i = 0; i < count; i++) {
        sum += nearest[i].likeness * nearest[i].surplus;
        weight += nearest[i].likeness;
    }
    base += item_bias(ratings, item);
    values[HP_RATER_MEAN] = mean_of(ratings);
    values[HP_RATER_BIAS] = clamp(base);
    values[HP_RATER_NEIGHBOURS] = clamp(base + (weight > 0 ? sum / weight : 0));
}

/* ---- learning -----------------------------------------------------------------------------
 */

static struct rated *
find_rated(struct rater *rater, uint32_t item)
{
    for (uint32_t i = 0; i < rater->count; i++)
        if (rater->past[i].item == item)
            return &rater->past[i];
    return NULL;
}

static void
keep_past(struct rater *rater, struct rated rated)
{
    if (rater->count == HP_RATED_PAST_MAX) {
        rater->count--;
        memmove(rater->past, rater->past + 1, rater->count * sizeof(*rater->past));
    }
    if (rater->count == rater->capacity) {
        rater->capacity = rater->capacity ? 2 * rater->capacity : 8;
        rater->past = hp_realloc_array(rater->past, rater->capacity, sizeof(*rater->past));
    }
    rater->past[rater->count++] = rated;
}

void
hp_ratings_learn(struct hp_ratings *ratings, uint32_t user, uint32_t item, double value)
{
    struct rater *rater = &ratings->users[user];
    struct rated *old = find_rated(rater, item);
    double said[HP_RATER_COUNT];
    struct rated rated;

    HP_ASSERT(user < ratings->user_count);
    if (old) {
        ratings->sum += value - (double)old->value;
        ratings->item_sums[item] += value - (double)old->value;
        old->value = (float)value;
        return;
    }
    hp_ratings_predict(ratings, user, item, said);
    rated = (struct rated){item, (float)value, (float)(value - said[HP_RATER_BIAS])};
    for (uint32_t i = 0; i < rater->count; i++)
        add_pair(ratings, &rated, &rater->past[i]);
    keep_past(rater, rated);
    ratings->sum += value;
    ratings->count++;
    ratings->item_sums[item] += value;
    ratings->item_counts[item]++;
}

/* ---- errors -------------------------------------------------------------------------------
 */

void
hp_rating_error_add(struct hp_rating_error *error, double predicted, double value)
{
    error->squares += (predicted - value) * (predicted - value);
    error->distances += fabs(predicted - value);
    error->count++;
}

double
hp_rating_rmse(const struct hp_rating_error *error)
{
    return error->count ? sqrt(error->squares / (double)error->count) : 0;
}

double
hp_rating_mae(const struct hp_rating_error *error)
{
    return error->count ? error->distances / (double)error->count : 0;
}
