/* packing/core.c - see the header. SPDX-License-Identifier: Apache-2.0 */
#include "packing/core.h"

#define NEVER      INT32_MIN
#define SCORE_BITS 22 /* |gain| + |all weights| of a column stay below 2^22 */

static int64_t
magnitude(int64_t value)
{
    return value < 0 ? -value : value;
}

struct hp_core *
hp_core_new(const struct hp_problem *problem)
{
    struct hp_core *core = HP_ARENA_NEW(problem->arena, struct hp_core);

    core->problem = problem;
    core->column_of = HP_ARENA_ARRAY(problem->arena, problem->item_count, uint32_t);
    core->last_of = HP_ARENA_ARRAY(problem->arena, problem->family_count, uint32_t);
    return core;
}

static int64_t
column_gain(const struct hp_core *core, uint32_t column)
{
    const struct hp_problem *problem = core->problem;
    uint32_t i = core->item[column];
    const struct hp_pack_item *item;
    size_t repeat = (size_t)core->copy[column];

    if (repeat == 0)
        return core->gain[i] + problem->self[i];
    item = &problem->instance->items[problem->source[i]];
    return repeat <= item->repeat_count ? item->repeat_gains[repeat - 1] : 0;
}

static uint32_t
shift_for(const struct hp_core *core)
{
    const struct hp_problem *problem = core->problem;
    int64_t most = 0;
    uint32_t shift = 0;

    for (uint32_t j = 0; j < core->count; j++) {
        uint32_t i = core->item[j];
        int64_t sum = magnitude(column_gain(core, j));

        if (core->copy[j] == 0)
            for (uint32_t p = problem->pair_start[i]; p < problem->pair_start[i + 1]; p++)
                if (core->column_of[problem->pair_item[p]])
                    sum += magnitude(problem->pair_weight[p]);
        most = sum > most ? sum : most;
    }
    for (size_t c = 0; c < problem->instance->category_count; c++)
        if (problem->instance->categories[c].bonus_count &&
            problem->instance->categories[c].bonus[0] > most)
            most = problem->instance->categories[c].bonus[0];
    while (most >> shift >= 1 << SCORE_BITS)
        shift++;
    return shift;
}

static int16_t
coarse(const struct hp_core *core, int32_t value)
{
    int32_t most = HP_COARSE_MAX / 2 - 1;

    value >>= core->coarse;
    return (int16_t)(value > most ? most : value < -most ? -most : value);
}

static void
add_weight(struct hp_core *core, uint32_t j, uint32_t other, int32_t weight)
{
    size_t at = (size_t)j * core->padded + other;

    core->weight[at] += weight;
    core->coarse_weight[at] = coarse(core, core->weight[at]);
    if (-core->weight[at] > core->spite[j])
        core->spite[j] = -core->weight[at];
}

static void
fill_weights(struct hp_core *core)
{
    const struct hp_problem *problem = core->problem;
    size_t cells = (size_t)core->padded * core->padded;

    memset(core->weight, 0, cells * sizeof(*core->weight));
    memset(core->coarse_weight, 0, cells * sizeof(*core->coarse_weight));
    memset(core->spite, 0, core->padded * sizeof(*core->spite));
    core->pair_start[0] = 0;
    for (uint32_t j = 0; j < core->count; j++) {
        uint32_t i = core->item[j];

        core->pair_start[j + 1] = core->pair_start[j];
        if (core->copy[j] > 0)
            continue;
        for (uint32_t p = problem->pair_start[i]; p < problem->pair_start[i + 1]; p++) {
            uint32_t other = core->column_of[problem->pair_item[p]];

            if (!other)
                continue;
            add_weight(core, j, other - 1,
                (int32_t)(problem->pair_weight[p] / (INT64_C(1) << core->shift)));
            if (other - 1 > j && core->pair_start[j + 1] < HP_CORE_PAIRS_MAX)
                core->pair_column[core->pair_start[j + 1]++] = other - 1;
        }
    }
}

static void
tie(struct hp_core *core, uint32_t a, uint32_t b)
{
    core->tied.word[a >> 6] |= UINT64_C(1) << (a & 63);
    core->tied.word[b >> 6] |= UINT64_C(1) << (b & 63);
}

/* At most one of a family. Families with one column in the core are the rule. */
static void
fill_kin(struct hp_core *core)
{
    const struct hp_problem *problem = core->problem;
    uint32_t before[HP_CORE_MAX];

    memset(core->kin, 0, core->count * sizeof(*core->kin));
    for (uint32_t j = 0; j < core->count; j++) {
        uint32_t family = problem->family[core->item[j]];

        if (core->copy[j] > 0)
            continue;
        before[j] = core->last_of[family];
        core->last_of[family] = j + 1;
        for (uint32_t k = before[j]; k; k = before[k - 1]) {
            hp_columns_flip(&core->kin[j], k - 1);
            hp_columns_flip(&core->kin[k - 1], j);
            tie(core, j, k - 1);
        }
    }
    for (uint32_t j = 0; j < core->count; j++)
        core->last_of[problem->family[core->item[j]]] = 0;
}

/* No copy without the one before. */
static void
chain_copies(struct hp_core *core)
{
    core->copies = (struct hp_columns){0};
    for (uint32_t j = 0; j < core->count; j++)
        core->before[j] = core->after[j] = HP_NO_COLUMN;
    for (uint32_t j = 0; j < core->count; j++) {
        uint32_t before = 0;

        if (core->copy[j] == 0)
            continue;
        while (core->item[before] != core->item[j] || core->copy[before] + 1 != core->copy[j])
            before++;
        core->before[j] = before;
        core->after[before] = j;
        hp_columns_flip(&core->copies, j);
        tie(core, j, before);
    }
}

/* The shift by which gains and first bonuses become less than HP_COARSE_MAX. */
static uint32_t
coarse_for(const struct hp_core *core)
{
    int32_t most = 0;
    uint32_t shift = 0;

    for (uint32_t j = 0; j < core->count; j++) {
        int32_t size = core->base[j] < 0 ? -core->base[j] : core->base[j];

        size += hp_core_bonus(core, core->category[j], 0);
        most = size > most ? size : most;
    }
    while (most >> shift >= HP_COARSE_MAX)
        shift++;
    return shift;
}

/* Which columns each row of the problem has. */
static void
collect_rows(const struct hp_core *core, struct hp_columns *columns)
{
    const struct hp_problem *problem = core->problem;

    memset(columns, 0, problem->row_count * sizeof(*columns));
    for (uint32_t j = 0; j < core->count; j++) {
        uint32_t i = core->item[j];
        const struct hp_rowset *rows =
            core->copy[j] ? &problem->unit_rows[i] : &problem->first_rows[i];

        for (uint32_t w = 0; w < problem->row_words; w++)
            for (uint64_t bits = rows->word[w]; bits; bits &= bits - 1)
                hp_columns_flip(&columns[w * 64 + (uint32_t)__builtin_ctzll(bits)], j);
    }
}

/* Keeps the rows that can bind, and tells every column which of them it has. */
static void
map_rows(struct hp_core *core)
{
    const struct hp_problem *problem = core->problem;
    struct hp_columns columns[HP_ROWS_MAX];

    collect_rows(core, columns);
    core->row_count = 0;
    core->share_row = 0;
    core->count_live = false;
    memset(core->rows, 0, core->count * sizeof(*core->rows));
    for (uint32_t row = 0; row < problem->row_count; row++) {
        uint32_t live = core->row_count;

        if (problem->row_min[row] <= 0 &&
            hp_columns_count(&columns[row]) <= problem->row_max[row])
            continue;
        core->count_live = core->count_live || row == 0;
        core->share_row += row < problem->share_row;
        core->row_min[live] = problem->row_min[row];
        core->row_max[live] = problem->row_max[row];
        core->row_columns[live] = columns[row];
        for (uint32_t w = 0; w < HP_CORE_WORDS; w++)
            for (uint64_t bits = columns[row].word[w]; bits; bits &= bits - 1)
                hp_rowset_add(&core->rows[w * 64 + (uint32_t)__builtin_ctzll(bits)], live);
        core->row_count++;
    }
    core->row_words = (core->row_count + 63) / 64;
    memset(core->toll, 0, sizeof(core->toll));
    core->fill_rate = INT64_MIN;
}

/* The box with nothing but musts in it. */
static void
empty_box(struct hp_core *core)
{
    struct hp_core_state *box = &core->box;

    core->era++;
    box->chosen = (struct hp_columns){0};
    box->shut = (struct hp_columns){0};
    box->needed = (struct hp_columns){0};
    box->early = core->copies;
    memset(&box->full, 0, sizeof(box->full));
    memset(&box->tight, 0, sizeof(box->tight));
    memset(box->use, 0, sizeof(box->use));
    memset(box->row, 0, core->row_count * sizeof(*box->row));
    for (size_t c = 0; c < core->problem->instance->category_count; c++) {
        box->units[c] = 0;
        box->same[c] = -hp_core_bonus(core, (int32_t)c, 0);
    }
    box->cost = 0;
    box->value = 0;
    box->deficit = 0;
    for (uint32_t row = 0; row < core->row_count; row++) {
        if (core->row_max[row] <= 0)
            hp_rowset_add(&box->full, row);
        if (core->row_min[row] >= 0)
            hp_rowset_add(&box->tight, row);
        box->deficit += core->row_min[row];
    }
    for (uint32_t j = 0; j < core->count; j++)
        box->add[j] = core->base[j] + hp_core_bonus(core, core->category[j], 0);
    for (uint32_t j = core->count; j < core->padded; j++)
        box->add[j] = 0;
    for (uint32_t w = 0; w < HP_CORE_WORDS; w++)
        for (uint64_t bits = core->pinned.word[w]; bits; bits &= bits - 1)
            hp_core_put(core, w * 64 + (uint32_t)__builtin_ctzll(bits));
    core->empty = *box;
}

void
hp_core_build(struct hp_core *core)
{
    const struct hp_problem *problem = core->problem;
    int64_t dearest = 1;

    core->padded = (core->count + 2 * HP_LANES - 1) / (2 * HP_LANES) * (2 * HP_LANES);
    core->pinned = (struct hp_columns){0};
    core->there = (struct hp_columns){0};
    memset(core->column_of, 0, problem->item_count * sizeof(*core->column_of));
    for (uint32_t j = 0; j < core->count; j++)
        if (core->copy[j] == 0)
            core->column_of[core->item[j]] = j + 1;
    core->shift = shift_for(core);
    for (uint32_t j = 0; j < core->count; j++) {
        uint32_t i = core->item[j];
        int32_t gain = (int32_t)(column_gain(core, j) / (INT64_C(1) << core->shift));

        core->price[j] = problem->price[i];
        core->category[j] = problem->category[i];
        core->base[j] = gain;
        hp_columns_flip(&core->there, j);
        if (problem->must[i] && core->copy[j] == 0)
            hp_columns_flip(&core->pinned, j);
        dearest = core->price[j] > dearest ? core->price[j] : dearest;
    }
    for (uint32_t j = core->count; j < core->padded; j++) {
        core->category[j] = -1;
        core->base[j] = 0;
        core->price[j] = 0;
    }
    core->rate_max = (INT64_C(1) << 61) / (dearest * (HP_PACK_UNITS_MAX + 1));
    for (uint32_t j = 0; j < core->padded; j++)
        core->coarse_category[j] = (int16_t)core->category[j];
    core->coarse = coarse_for(core);
    core->priced_rate = 0;
    core->loaded = false;
    core->tied = (struct hp_columns){0};
    map_rows(core);
    fill_weights(core);
    fill_kin(core);
    chain_copies(core);
    empty_box(core);
}

void
hp_core_share(struct hp_core *core)
{
    map_rows(core);
    empty_box(core);
}

void
hp_core_reset(struct hp_core *core)
{
    core->box = core->empty;
}

void
hp_core_change_rows(struct hp_core *core, uint32_t column, int32_t sign)
{
    const struct hp_problem *problem = core->problem;
    struct hp_core_state *box = &core->box;

    for (uint32_t w = 0; w < core->row_words; w++)
        for (uint64_t bits = core->rows[column].word[w]; bits; bits &= bits - 1) {
            uint32_t row = w * 64 + (uint32_t)__builtin_ctzll(bits);
            int32_t before = box->row[row];
            int32_t now = before + sign;

            box->row[row] = now;
            box->deficit -= sign * ((sign > 0 ? before : now) < core->row_min[row]);
            hp_rowset_put(&box->full, row, now >= core->row_max[row]);
            hp_rowset_put(&box->tight, row, now <= core->row_min[row]);
        }
    for (size_t r = 0; r < problem->instance->resource_count; r++)
        box->use[r] += sign * hp_problem_use(problem, core->item[column], r);
    box->cost += sign * core->price[column];
    hp_columns_flip(&box->chosen, column);
    if (!hp_columns_has(&core->tied, column))
        return;
    for (uint32_t w = 0; w < HP_CORE_WORDS; w++)
        box->shut.word[w] ^= core->kin[column].word[w];
    if (core->before[column] != HP_NO_COLUMN)
        hp_columns_flip(&box->needed, core->before[column]);
    if (core->after[column] != HP_NO_COLUMN)
        hp_columns_flip(&box->early, core->after[column]);
}

struct hp_columns
hp_core_needed(const struct hp_core *core)
{
    struct hp_columns needed = {{0}};
    bool other = false;

    for (uint32_t row = core->row_count; row-- > 0;) {
        if (core->box.row[row] >= core->row_min[row] || (row == 0 && core->count_live && other))
            continue;
        other = true;
        for (uint32_t w = 0; w < HP_CORE_WORDS; w++)
            needed.word[w] |= core->row_columns[row].word[w];
    }
    return needed;
}

bool
hp_core_light(const struct hp_core *core)
{
    const struct hp_pack_instance *in = core->problem->instance;

    for (size_t r = 0; r < in->resource_count; r++)
        if (core->box.use[r] > in->resources[r].max)
            return false;
    return true;
}

int32_t
hp_core_load_points(const struct hp_core *core, uint32_t column, size_t resource, int64_t load)
{
    const struct hp_problem *problem = core->problem;
    int64_t use = hp_problem_use(problem, core->item[column], resource);
    int64_t max = problem->instance->resources[resource].max;
    int64_t parts = use > max ? 1 << 12 : (use << 12) / (max + 1);
    int64_t points = load * parts >> 12;

    return points > HP_POINTS_MAX ? HP_POINTS_MAX : (int32_t)points;
}

static bool
capacities_allow(const struct hp_core *core, uint32_t column)
{
    const struct hp_pack_instance *in = core->problem->instance;

    for (size_t r = 0; r < in->resource_count; r++)
        if (core->box.use[r] + hp_problem_use(core->problem, core->item[column], r) >
            in->resources[r].max)
            return false;
    return true;
}

/* Of `open`, the column with the most worth above its points; equal ones: the first. */
static inline __attribute__((always_inline)) uint32_t
best_column(const struct hp_core *core, const struct hp_columns *open, const int32_t *points,
    int32_t *score)
{
    const hp_lanes bit = {1, 2, 4, 8, 16, 32, 64, 128};
    const hp_lanes number = {0, 1, 2, 3, 4, 5, 6, 7};
    hp_lanes most = {NEVER, NEVER, NEVER, NEVER, NEVER, NEVER, NEVER, NEVER};
    hp_lanes column = {0};
    int32_t best = 0;

    for (uint32_t j = 0; j < core->padded; j += HP_LANES) {
        int32_t mask = (int32_t)(open->word[j >> 6] >> (j & 63) & 255);
        hp_lanes worth =
            *(const hp_lanes *)(core->box.add + j) - *(const hp_lanes *)(points + j);
        hp_lanes better = ((mask & bit) != 0) & (worth > most);

        most = (worth & better) | (most & ~better);
        column = (((int32_t)j + number) & better) | (column & ~better);
    }
    for (int k = 1; k < HP_LANES; k++)
        if (most[k] > most[best] || (most[k] == most[best] && column[k] < column[best]))
            best = k;
    *score = most[best];
    return *score == NEVER ? HP_NO_COLUMN : (uint32_t)column[best];
}

/* Takes out of `open` what a capacity has no room for. */
static void
mind_capacities(const struct hp_core *core, struct hp_columns *open)
{
    for (uint32_t w = 0; w < HP_CORE_WORDS; w++)
        for (uint64_t bits = open->word[w]; bits; bits &= bits - 1) {
            uint32_t j = w * 64 + (uint32_t)__builtin_ctzll(bits);

            if (!capacities_allow(core, j))
                hp_columns_flip(open, j);
        }
}

/* Of `open`, the columns of the missed minimum that has the fewest: once others have filled a
 * row they share there may be none. The count of units last. */
static struct hp_columns
scarcest(const struct hp_core *core, const struct hp_columns *open)
{
    struct hp_columns best = {{0}};
    int32_t least = HP_CORE_MAX + 1;

    for (uint32_t row = core->row_count; row-- > 0;) {
        struct hp_columns some;
        int32_t count;

        if (core->box.row[row] >= core->row_min[row] ||
            (row == 0 && core->count_live && least <= HP_CORE_MAX))
            continue;
        for (uint32_t w = 0; w < HP_CORE_WORDS; w++)
            some.word[w] = open->word[w] & core->row_columns[row].word[w];
        count = hp_columns_count(&some);
        if (count && count < least) {
            best = some;
            least = count;
        }
    }
    return best;
}

static inline __attribute__((always_inline)) void
fill_body(struct hp_core *core, const int32_t *points)
{
    for (;;) {
        struct hp_columns open = hp_core_open(core, HP_NO_COLUMN);
        int32_t score;
        uint32_t j;

        for (uint32_t w = 0; w < HP_CORE_WORDS; w++)
            open.word[w] &= ~core->box.chosen.word[w];
        if (core->box.deficit) {
            struct hp_columns needed = hp_core_needed(core);

            for (uint32_t w = 0; w < HP_CORE_WORDS; w++)
                open.word[w] &= needed.word[w];
        }
        if (core->problem->instance->resource_count)
            mind_capacities(core, &open);
        if (core->box.deficit && core->scarce)
            open = scarcest(core, &open);
        j = best_column(core, &open, points, &score);
        if (j == HP_NO_COLUMN || (!core->box.deficit && score <= 0))
            break;
        hp_core_put(core, j);
    }
}

static void
fill_plain(struct hp_core *core, const int32_t *points)
{
    fill_body(core, points);
}

HP_CORE_WIDE static void
fill_wide(struct hp_core *core, const int32_t *points)
{
    fill_body(core, points);
}

HP_CORE_WIDE static void
bring_wide(struct hp_core *core, uint32_t column)
{
    hp_core_put(core, column);
}

static void
fill_by(struct hp_core *core, const int32_t *points)
{
    if (hp_core_wide())
        fill_wide(core, points);
    else
        fill_plain(core, points);
}

void
hp_core_bring(struct hp_core *core, uint32_t column)
{
    if (hp_core_wide())
        bring_wide(core, column);
    else
        hp_core_put(core, column);
}

/* Most fills are at the rate of the one before. */
static void
price_fill(struct hp_core *core, int64_t rate)
{
    if (core->fill_rate == rate)
        return;
    core->fill_rate = rate;
    for (uint32_t j = 0; j < core->padded; j++)
        core->fill_points[j] = hp_core_points(core->price[j], rate) + core->toll[j];
}

void
hp_core_fill(struct hp_core *core, int64_t rate, int64_t load, const int32_t *noise)
{
    size_t capacities = core->problem->instance->resource_count;
    int32_t points[HP_CORE_MAX];

    price_fill(core, rate);
    if (!noise && (!load || !capacities)) {
        fill_by(core, core->fill_points);
        return;
    }
    for (uint32_t j = 0; j < core->padded; j++)
        points[j] = core->fill_points[j];
    for (uint32_t j = 0; j < core->count; j++) {
        points[j] += noise ? noise[j] : 0;
        for (size_t r = 0; r < capacities && load; r++)
            points[j] += hp_core_load_points(core, j, r, load);
    }
    fill_by(core, points);
}

/* Position of item `i` in the content, or its count. */
static uint32_t
content_find(const struct hp_content *box, uint32_t i)
{
    uint32_t k = 0;

    while (k < box->count && box->item[k] != i)
        k++;
    return k;
}

void
hp_core_load(struct hp_core *core, const struct hp_content *box)
{
    hp_core_reset(core);
    for (uint32_t k = 0; k < box->count; k++) {
        uint32_t j = core->column_of[box->item[k]] - 1;

        for (int32_t copy = 0; copy < box->quantity[k] && j != HP_NO_COLUMN; copy++) {
            if (!hp_columns_has(&core->box.chosen, j))
                hp_core_bring(core, j);
            j = core->after[j];
        }
    }
}

void
hp_core_save(const struct hp_core *core, struct hp_content *box)
{
    box->count = 0;
    for (uint32_t w = 0; w < HP_CORE_WORDS; w++)
        for (uint64_t bits = core->box.chosen.word[w]; bits; bits &= bits - 1) {
            uint32_t i = core->item[w * 64 + (uint32_t)__builtin_ctzll(bits)];
            uint32_t at = content_find(box, i);

            if (at < box->count) {
                box->quantity[at]++;
                continue;
            }
            for (; at && box->item[at - 1] > i; at--) {
                box->item[at] = box->item[at - 1];
                box->quantity[at] = box->quantity[at - 1];
            }
            box->item[at] = i;
            box->quantity[at] = 1;
            box->count++;
        }
}
