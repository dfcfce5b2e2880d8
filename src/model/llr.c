/*
 * model/llr.c - log-likelihood ratios, and the best partners by them.
 *
 * T. Dunning, "Accurate methods for the statistics of surprise and coincidence", 1993. As a
 * *selector* of partners it beat cosine, Jaccard and raw counts on every data set we have; the
 * weights come from the ridge (model/ridge.h).
 *
 * The logarithm: x = 2^e · m with m in [√½, √2); ln m = 2 atanh((m-1)/(m+1)), whose series in
 * the square of at most 0.0295 is cut after the term of degree 21, below 1e-17. The C library's
 * log() differs between versions in the last digit, and that digit may decide a rounding.
 *
 * A ratio costs four of these, mostly from a table of small numbers: about 10 ns.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "model/llr.h"

#include "base/status.h"

#include <stdbool.h>
#include <stdlib.h>

#define SMALL     65536
#define LN2       0x1.62e42fefa39efp-1
#define SQRT_HALF 0x1.6a09e667f3bcdp-1

static double
natural_log(int64_t count)
{
    double value = (double)count;
    uint64_t bits;
    int64_t exponent;
    double mantissa;
    double ratio;
    double square;
    double sum = 0;

    memcpy(&bits, &value, sizeof(bits));
    exponent = (int64_t)(bits >> 52) - 1022;
    bits = (bits & UINT64_C(0xfffffffffffff)) | UINT64_C(1022) << 52;
    memcpy(&mantissa, &bits, sizeof(mantissa)); /* in [1/2, 1) */
    if (mantissa < SQRT_HALF) {
        mantissa += mantissa;
        exponent--;
    }
    ratio = (mantissa - 1) / (mantissa + 1);
    square = ratio * ratio;
    for (int degree = 21; degree >= 1; degree -= 2)
        sum = sum * square + 1.0 / degree;
    return (double)exponent * LN2 + 2 * ratio * sum;
}

double
hp_llr_entropy(int64_t count)
{
    return count > 1 ? (double)count * natural_log(count) : 0;
}

void
hp_llr_world_set(struct hp_llr_world *world, int64_t users)
{
    size_t wanted = users < SMALL - 1 ? (size_t)(users < 0 ? 0 : users) + 1 : SMALL;

    if (wanted > world->small_count) {
        size_t grown = 2 * world->small_count < SMALL ? 2 * world->small_count : SMALL;

        wanted = wanted < grown ? grown : wanted;
        world->small = hp_realloc_array(world->small, wanted, sizeof(*world->small));
        for (size_t i = world->small_count; i < wanted; i++)
            world->small[i] = hp_llr_entropy((int64_t)i);
        world->small_count = wanted;
    }
    world->users = users;
    world->entropy = hp_llr_entropy(users);
}

void
hp_llr_world_release(struct hp_llr_world *world)
{
    free(world->small);
    *world = (struct hp_llr_world){0};
}

/* The same number, looked up when it can be. */
static inline double
entropy(const struct hp_llr_world *world, int64_t count)
{
    return (uint64_t)count < world->small_count ? world->small[count] : hp_llr_entropy(count);
}

struct hp_llr_item
hp_llr_item(const struct hp_llr_world *world, int64_t users)
{
    int64_t kept = users < world->users ? users : world->users;

    return (struct hp_llr_item){
        kept, entropy(world, kept) + entropy(world, world->users - kept)};
}

static int64_t
positive(int64_t value)
{
    return value > 0 ? value : 0;
}

int64_t
hp_llr(const struct hp_llr_world *world, const struct hp_llr_item *a,
    const struct hp_llr_item *b, int64_t both)
{
    int64_t only_a = positive(a->users - both);
    int64_t only_b = positive(b->users - both);
    int64_t neither = positive(world->users - both - only_a - only_b);
    double inside;
    double ratio;

    if ((double)both * (double)world->users <= (double)a->users * (double)b->users)
        return 0;
    inside = entropy(world, both) + entropy(world, only_a);
    inside = inside + entropy(world, only_b);
    inside = inside + entropy(world, neither);
    ratio = 2 * (inside - a->entropy - b->entropy + world->entropy);
    return ratio > 0 ? (int64_t)(ratio * HP_LLR_ONE + 0.5) : 0;
}

static bool
worse(const struct hp_partner *a, const struct hp_partner *b)
{
    return a->llr != b->llr ? a->llr < b->llr : a->item > b->item;
}

static void
swap(struct hp_partner *a, struct hp_partner *b)
{
    struct hp_partner kept = *a;

    *a = *b;
    *b = kept;
}

static void
sink(struct hp_partners *partners)
{
    size_t at = 0;

    for (;;) {
        size_t worst = at;

        for (size_t child = 2 * at + 1; child <= 2 * at + 2 && child < partners->count; child++)
            if (worse(&partners->items[child], &partners->items[worst]))
                worst = child;
        if (worst == at)
            return;
        swap(&partners->items[at], &partners->items[worst]);
        at = worst;
    }
}

void
hp_partners_offer(struct hp_partners *partners, struct hp_partner partner)
{
    if (partner.llr <= 0)
        return;
    if (partners->count == HP_PARTNERS_MAX) {
        if (worse(&partner, &partners->items[0]))
            return;
        partners->items[0] = partner;
        sink(partners);
        return;
    }
    partners->items[partners->count] = partner;
    for (size_t at = partners->count++;
         at > 0 && worse(&partners->items[at], &partners->items[(at - 1) / 2]);
         at = (at - 1) / 2)
        swap(&partners->items[at], &partners->items[(at - 1) / 2]);
}

static int
by_number(const void *a, const void *b)
{
    const struct hp_partner *left = a;
    const struct hp_partner *right = b;

    return (left->item > right->item) - (left->item < right->item);
}

void
hp_partners_sort(struct hp_partners *partners)
{
    qsort(partners->items, partners->count, sizeof(partners->items[0]), by_number);
}
