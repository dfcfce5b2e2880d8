/*
 * packing/core.h - the few dozen columns a search looks at, and a box being changed.
 *
 * A *column* is one copy of one item. What two columns mean to each other is one number in a
 * dense matrix: the pair's weight, -CLASH for two of a family, +CLASH between a copy and the
 * next (whose own worth starts at -CLASH, so that it is worth something only beside it). With
 * that, the worth of adding column j to the box is one array entry, add[j], kept up to date
 * by one row addition a change.
 *
 * All numbers inside are 32 bit: values are shifted right until everything fits. The box that
 * comes out is valued again in full precision by the caller.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_PACKING_CORE_H
#define HP_PACKING_CORE_H

#include "base/rng.h"
#include "packing/problem.h"

#define HP_CORE_MAX       128 /* columns; whole lanes and whole words */
#define HP_CORE_WORDS     (HP_CORE_MAX / 64)
#define HP_CORE_CLASH     (1 << 28)
#define HP_CORE_RATE_BITS 16 /* a rate is points per unit of money, times 2^16 */

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

#define HP_LANES 8
/* Eight numbers side by side; loads and stores need no alignment. */
typedef int32_t hp_lanes __attribute__((vector_size(4 * HP_LANES), aligned(4), may_alias));

struct hp_core {
    const struct hp_problem *problem;
    const int64_t *gain; /* by item, this slot's */
    int64_t low;
    int64_t high;
    uint32_t shift;
    int64_t rate_max; /* greatest rate that cannot overflow */

    uint32_t count;
    uint32_t padded; /* count rounded up to whole lanes */
    uint32_t item[HP_CORE_MAX];
    int32_t copy[HP_CORE_MAX];
    int64_t price[HP_CORE_MAX];
    int32_t category[HP_CORE_MAX];
    int32_t base[HP_CORE_MAX];
    int32_t *weight; /* padded x padded */
    struct hp_columns pinned;

    const struct hp_rowset *rows[HP_CORE_MAX];  /* by column */
    struct hp_columns row_columns[HP_ROWS_MAX]; /* by row */
    uint32_t live_row[HP_ROWS_MAX];             /* rows that any column has */
    uint32_t live_count;

    /* The box being changed; copied as a whole by hp_core_keep(). */
    struct hp_columns chosen;
    int32_t add[HP_CORE_MAX]; /* worth of one more; for a chosen one see hp_core_worth() */
    int64_t use[HP_PACK_RESOURCES_MAX];
    int64_t cost;
    int64_t value; /* shifted */
    int32_t units[HP_PACK_CATEGORIES_MAX];
    int32_t row[HP_ROWS_MAX];
};

struct hp_core_state { /* a box to come back to */
    struct hp_columns chosen;
    int32_t add[HP_CORE_MAX];
    int64_t use[HP_PACK_RESOURCES_MAX];
    int64_t cost;
    int64_t value;
    int32_t units[HP_PACK_CATEGORIES_MAX];
    int32_t row[HP_ROWS_MAX];
};

void hp_core_keep(const struct hp_core *core, struct hp_core_state *state);
void hp_core_restore(struct hp_core *core, const struct hp_core_state *state);

/* Takes over the columns listed in item/copy[0 .. count) (sorted, without repetition, every
 * copy after the one before it, all musts among them) and empties the box but for musts. */
void hp_core_build(struct hp_core *core);
void hp_core_reset(struct hp_core *core);

void hp_core_put(struct hp_core *core, uint32_t column);
void hp_core_remove(struct hp_core *core, uint32_t column);

/* The bonus of a category's (units + 1)-th unit, shifted. */
int32_t hp_core_bonus(const struct hp_core *core, int32_t category, int32_t units);
/* What the box would lose without the chosen column. */
int32_t hp_core_worth(const struct hp_core *core, uint32_t column);
/* What an exchange gains over worth and add when both are of one category: one marginal bonus.
 */
int32_t hp_core_same(const struct hp_core *core, int32_t category);

/* Rows of the present box that are at their maximum, and at a minimum above 0. */
struct hp_edges {
    uint32_t full[HP_ROWS_MAX];
    uint32_t full_count;
    uint32_t tight[HP_ROWS_MAX];
    uint32_t tight_count;
};

void hp_core_edges(const struct hp_core *core, struct hp_edges *edges);

/* Columns that no row keeps out once a column with the rows `out` is gone (NULL: none goes).
 */
struct hp_columns hp_core_open(
    const struct hp_core *core, const struct hp_edges *edges, const struct hp_rowset *out);

/* Row and capacity rules allow `column` in. */
bool hp_core_fits(const struct hp_core *core, uint32_t column);
/* Minima are reached (maxima always hold). */
bool hp_core_filled(const struct hp_core *core);

/* Fills the box up: first what minima need, then while the worth exceeds the price at `rate`.
 * With `load` > 0 an item pays for the capacities it uses as well: `load` points for all of
 * one. False when a minimum cannot be reached this way. */
bool hp_core_fill(struct hp_core *core, int64_t rate, int64_t load);
/* The same with up to `noise` points taken from each column by the numbers of `rng`: another
 * start from the same columns. */
bool hp_core_fill_noisy(struct hp_core *core, int64_t rate, int64_t noise, struct hp_rng *rng);

/* Empties the box and puts the content in, as far as it is among the columns. */
void hp_core_load(struct hp_core *core, const struct hp_content *box);
void hp_core_save(const struct hp_core *core, struct hp_content *box);

/* Price in shifted points at a rate, at most 2^26 either way. */
int32_t hp_core_points(int64_t price, int64_t rate);

#endif
