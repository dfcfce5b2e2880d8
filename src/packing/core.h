/*
 * packing/core.h - the few dozen columns a search looks at, and a box being changed.
 *
 * A *column* is one copy of one item. What two columns mean to each other is one number in a
 * dense matrix, the pair's weight. With that, the worth of adding column j to the box is one
 * array entry, add[j], kept up to date by one row addition a change. Which columns may not come
 * because one of their family is in, or because the copy before is not, are two bit sets.
 *
 * Columns stand in falling order of score, so that a search may stop early.
 *
 * Of the problem's rows only those are kept that can bind: with a minimum, or with more columns
 * than their maximum. Which of them are full (nothing more may come) and which are tight
 * (nothing may go) are two bit sets, so that "may this come in for that" is a few ANDs.
 *
 * All numbers inside are 32 bit: values are shifted right until everything fits. The box that
 * comes out is valued again in full precision by the caller. For looking at very many moves
 * there are 16-bit numbers beside them, shifted further by `coarse`.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_PACKING_CORE_H
#define HP_PACKING_CORE_H

#include "packing/problem.h"

#define HP_CORE_MAX       128 /* columns; whole lanes and whole words */
#define HP_CORE_WORDS     (HP_CORE_MAX / 64)
#define HP_CORE_RATE_BITS 16 /* a rate is points per unit of money, times 2^16 */
#define HP_POINTS_MAX     (1 << 23)
#define HP_COARSE_MAX     (1 << 12)
#define HP_NO_COLUMN      UINT32_MAX
#define HP_CORE_PAIRS_MAX 1024 /* listed; more are only in the matrix */
#define HP_CORE_MET       1024 /* boxes remembered; a power of two */

struct hp_columns { /* a set of columns */
    uint64_t word[HP_CORE_WORDS];
};

static inline bool
hp_columns_has(const struct hp_columns *set, uint32_t column)
{
    return set->word[column >> 6] >> (column & 63) & 1;
}

static inline void
hp_columns_flip(struct hp_columns *set, uint32_t column)
{
    set->word[column >> 6] ^= UINT64_C(1) << (column & 63);
}

static inline int32_t
hp_columns_count(const struct hp_columns *set)
{
    int32_t count = 0;

    for (uint32_t w = 0; w < HP_CORE_WORDS; w++)
        count += __builtin_popcountll(set->word[w]);
    return count;
}

#define HP_LANES 8
/* Eight numbers side by side; loads and stores need no alignment. */
typedef int32_t hp_lanes __attribute__((vector_size(4 * HP_LANES), aligned(4), may_alias));

/* A second copy of a function, for the registers of AVX2; hp_core_wide() says whether this
 * machine has them. Integers, so both give the same result. */
#if defined(__x86_64__) && !defined(HP_NO_AVX2)
#define HP_CORE_WIDE __attribute__((target("avx2")))
#else
#define HP_CORE_WIDE
#endif

static inline bool
hp_core_wide(void)
{
#if defined(__x86_64__) && !defined(HP_NO_AVX2)
    return __builtin_cpu_supports("avx2");
#else
    return false;
#endif
}

struct hp_core_state { /* a box being changed */
    struct hp_columns chosen;
    struct hp_columns shut;   /* of a family that a chosen column has */
    struct hp_columns early;  /* copies whose copy before is not chosen */
    struct hp_columns needed; /* the copy after is chosen */
    struct hp_rowset full;    /* live rows at their maximum */
    struct hp_rowset tight;   /* live rows not above their minimum */
    int64_t cost;
    int64_t value;   /* shifted */
    int64_t deficit; /* units missing to all minima together */
    int64_t use[HP_PACK_RESOURCES_MAX];
    int32_t add[HP_CORE_MAX]; /* worth of one more; for a chosen one see hp_core_worth() */
    int32_t row[HP_ROWS_MAX]; /* by live row */
    int32_t units[HP_PACK_CATEGORIES_MAX];
    /* What an exchange gains over worth and add when both are of one category: one marginal
     * bonus. */
    int32_t same[HP_PACK_CATEGORIES_MAX];
};

struct hp_core {
    const struct hp_problem *problem;
    const int64_t *gain; /* by item, this slot's */
    int64_t low;
    int64_t high;
    uint32_t shift;
    int64_t rate_max; /* greatest rate that cannot overflow */

    uint32_t count;
    uint32_t padded; /* count rounded up to two whole lanes: the stride of `weight` */
    uint32_t item[HP_CORE_MAX];
    int32_t copy[HP_CORE_MAX];
    int64_t price[HP_CORE_MAX];
    int32_t category[HP_CORE_MAX];
    int32_t base[HP_CORE_MAX];
    int32_t spite[HP_CORE_MAX]; /* the most that another column gains when this one goes */
    struct hp_columns there;    /* 0 .. count - 1 */
    struct hp_columns pinned;   /* musts */
    struct hp_columns copies;   /* all but first ones */
    struct hp_columns tied; /* with a column of the family or a copy beside it in the core */
    struct hp_columns kin[HP_CORE_MAX]; /* others of the family */
    uint32_t before[HP_CORE_MAX];       /* the copy before, or HP_NO_COLUMN */
    uint32_t after[HP_CORE_MAX];        /* the copy after */

    uint32_t row_count; /* live rows */
    uint32_t row_words;
    bool count_live;    /* the first live row is the count of units */
    uint32_t share_row; /* the first live sharing row; row_count: none */
    int32_t row_min[HP_ROWS_MAX];
    int32_t row_max[HP_ROWS_MAX];
    struct hp_rowset rows[HP_CORE_MAX];         /* by column: its live rows */
    struct hp_columns row_columns[HP_ROWS_MAX]; /* by live row */

    uint32_t pair_start[HP_CORE_MAX + 1]; /* columns' pairs with later ones */
    uint32_t pair_column[HP_CORE_PAIRS_MAX];

    int64_t moves; /* made in this core since it was new */
    uint64_t era;  /* of columns and rows: what was met in another era is forgotten */
    uint64_t met[HP_CORE_MET]; /* digests of boxes that moves led to; a later one replaces */
    bool loaded;               /* `loads` are those of these columns */
    int64_t priced_rate;       /* prices in points at this rate; 0: none */
    int32_t priced[HP_CORE_MAX];
    int16_t coarse_priced[HP_CORE_MAX];
    int32_t loads[HP_PACK_RESOURCES_MAX][HP_CORE_MAX]; /* of capacities, in points */
    int16_t coarse_loads[HP_PACK_RESOURCES_MAX][HP_CORE_MAX];
    bool scarce;       /* fills begin with the minima that have the fewest columns */
    int64_t fill_rate; /* `fill_points` are prices at this rate; INT64_MIN: none */
    int32_t fill_points[HP_CORE_MAX]; /* and tolls */
    int32_t toll[HP_CORE_MAX]; /* what a column pays for its sharing rows; 0 for new rows */
    struct hp_core_state box;
    struct hp_core_state empty; /* but for musts */
    int32_t weight[HP_CORE_MAX * HP_CORE_MAX];

    uint32_t coarse; /* gains and first bonuses are below HP_COARSE_MAX when shifted by it */
    int16_t coarse_category[HP_CORE_MAX];
    int16_t coarse_weight[HP_CORE_MAX * HP_CORE_MAX];

    uint32_t *column_of; /* by item: its first column + 1, or 0 */
    uint32_t *last_of;   /* by family, likewise; all 0 between calls */
};

/* Memory for any core of the problem. */
struct hp_core *hp_core_new(const struct hp_problem *problem);

/* Takes over the columns listed in item/copy[0 .. count) (without repetition, no copy without
 * the ones before it, all musts among them) and empties the box but for musts. */
void hp_core_build(struct hp_core *core);
/* After the problem got another sharing row; empties the box. */
void hp_core_share(struct hp_core *core);
void hp_core_reset(struct hp_core *core);

/* The bonus of a category's (units + 1)-th unit, shifted. */
static inline int32_t
hp_core_bonus(const struct hp_core *core, int32_t category, int32_t units)
{
    const struct hp_pack_category *entry = &core->problem->instance->categories[category];

    if (units < 0 || (size_t)units >= entry->bonus_count)
        return 0;
    return (int32_t)(entry->bonus[units] >> core->shift);
}

/* What the box would lose without the chosen column. */
static inline int32_t
hp_core_worth(const struct hp_core *core, uint32_t column)
{
    return core->box.add[column] + core->box.same[core->category[column]];
}

/* add[] of a category's columns changes by `bonus`. */
static inline __attribute__((always_inline)) void
hp_core_change_bonus(struct hp_core *core, int32_t category, int32_t bonus)
{
    if (bonus == 0)
        return;
    for (uint32_t j = 0; j < core->padded; j += HP_LANES)
        *(hp_lanes *)(core->box.add + j) +=
            (*(const hp_lanes *)(core->category + j) == category) & bonus;
}

/* Rows, capacities, cost and the set of chosen columns after `column` came (1) or went (-1). */
void hp_core_change_rows(struct hp_core *core, uint32_t column, int32_t sign);

/* One unit more (1) or less (-1) of a category. */
static inline void
hp_core_change_units(struct hp_core *core, int32_t category, int32_t sign)
{
    int32_t units = core->box.units[category] += sign;

    core->box.same[category] =
        hp_core_bonus(core, category, units - 1) - hp_core_bonus(core, category, units);
}

static inline __attribute__((always_inline)) void
hp_core_put(struct hp_core *core, uint32_t column)
{
    const int32_t *row = core->weight + (size_t)column * core->padded;
    int32_t category = core->category[column];

    core->box.value += core->box.add[column];
    hp_core_change_units(core, category, 1);
    for (uint32_t j = 0; j < core->padded; j += HP_LANES)
        *(hp_lanes *)(core->box.add + j) += *(const hp_lanes *)(row + j);
    hp_core_change_bonus(core, category, -core->box.same[category]);
    hp_core_change_rows(core, column, 1);
}

static inline __attribute__((always_inline)) void
hp_core_remove(struct hp_core *core, uint32_t column)
{
    const int32_t *row = core->weight + (size_t)column * core->padded;
    int32_t category = core->category[column];

    for (uint32_t j = 0; j < core->padded; j += HP_LANES)
        *(hp_lanes *)(core->box.add + j) -= *(const hp_lanes *)(row + j);
    hp_core_change_bonus(core, category, core->box.same[category]);
    hp_core_change_units(core, category, -1);
    core->box.value -= core->box.add[column];
    hp_core_change_rows(core, column, -1);
}

/* The same as removing one and putting in another, in one pass. */
static inline __attribute__((always_inline)) void
hp_core_exchange(struct hp_core *core, uint32_t out, uint32_t in)
{
    const int32_t *gone = core->weight + (size_t)out * core->padded;
    const int32_t *come = core->weight + (size_t)in * core->padded;
    int32_t left = core->category[out];
    int32_t joined = core->category[in];
    int32_t more = core->box.same[left];
    int32_t less;

    core->box.value -= core->box.add[out] + more;
    core->box.value += core->box.add[in] - gone[in] + (joined == left ? more : 0);
    hp_core_change_units(core, left, -1);
    hp_core_change_units(core, joined, 1);
    less = core->box.same[joined];
    for (uint32_t j = 0; j < core->padded; j += HP_LANES) {
        hp_lanes category = *(const hp_lanes *)(core->category + j);

        *(hp_lanes *)(core->box.add + j) +=
            *(const hp_lanes *)(come + j) - *(const hp_lanes *)(gone + j) +
            ((category == left) & more) - ((category == joined) & less);
    }
    hp_core_change_rows(core, out, -1);
    hp_core_change_rows(core, in, 1);
}

/* Columns that no row, family or copy before keeps out once `out` is gone (HP_NO_COLUMN: none
 * goes). */
static inline struct hp_columns
hp_core_open(const struct hp_core *core, uint32_t out)
{
    struct hp_columns open;

    for (uint32_t k = 0; k < HP_CORE_WORDS; k++) {
        uint64_t shut = core->box.shut.word[k];

        if (out != HP_NO_COLUMN)
            shut &= ~core->kin[out].word[k];
        open.word[k] = core->there.word[k] & ~shut & ~core->box.early.word[k];
    }
    if (out != HP_NO_COLUMN && core->after[out] != HP_NO_COLUMN)
        open.word[core->after[out] >> 6] &= ~(UINT64_C(1) << (core->after[out] & 63));
    for (uint32_t w = 0; w < core->row_words; w++) {
        uint64_t rows = out == HP_NO_COLUMN ? 0 : core->rows[out].word[w];

        for (uint64_t bits = core->box.full.word[w] & ~rows; bits; bits &= bits - 1)
            for (uint32_t k = 0; k < HP_CORE_WORDS; k++)
                open.word[k] &=
                    ~core->row_columns[w * 64 + (uint32_t)__builtin_ctzll(bits)].word[k];
        for (uint64_t bits = core->box.tight.word[w] & rows; bits; bits &= bits - 1)
            for (uint32_t k = 0; k < HP_CORE_WORDS; k++)
                open.word[k] &=
                    core->row_columns[w * 64 + (uint32_t)__builtin_ctzll(bits)].word[k];
    }
    return open;
}

/* Chosen columns that may go: no musts, no copy before a chosen one. */
static inline __attribute__((always_inline)) struct hp_columns
hp_core_movable(const struct hp_core *core)
{
    struct hp_columns movable;

    for (uint32_t w = 0; w < HP_CORE_WORDS; w++)
        movable.word[w] =
            core->box.chosen.word[w] & ~core->pinned.word[w] & ~core->box.needed.word[w];
    return movable;
}

/* hp_core_put() of a column that is not chosen yet, for callers outside inner loops. */
void hp_core_bring(struct hp_core *core, uint32_t column);

/* Columns that would help a row that is below its minimum; the count of units last. */
struct hp_columns hp_core_needed(const struct hp_core *core);

/* Capacities hold. */
bool hp_core_light(const struct hp_core *core);

/* Fills the box up: first what minima need, then while the worth exceeds toll and price at
 * `rate`. With `load` > 0 an item pays for the capacities it uses as well: `load` points for
 * all of one. `noise`: by column, taken from its worth, or NULL. Minima may stay short. */
void hp_core_fill(struct hp_core *core, int64_t rate, int64_t load, const int32_t *noise);

/* Empties the box and puts the content in, as far as it is among the columns. */
void hp_core_load(struct hp_core *core, const struct hp_content *box);
void hp_core_save(const struct hp_core *core, struct hp_content *box);

/* Price in shifted points at a rate, at most HP_POINTS_MAX either way. */
static inline int32_t
hp_core_points(int64_t price, int64_t rate)
{
    int64_t points = price * rate >> HP_CORE_RATE_BITS;

    if (points > HP_POINTS_MAX)
        return HP_POINTS_MAX;
    return points < -HP_POINTS_MAX ? -HP_POINTS_MAX : (int32_t)points;
}

/* Share of a capacity in points, when all of it costs `load`. */
int32_t hp_core_load_points(
    const struct hp_core *core, uint32_t column, size_t resource, int64_t load);

#endif
