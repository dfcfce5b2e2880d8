/* packing/core.c - see the header. SPDX-License-Identifier: Apache-2.0 */
#include "packing/core.h"

#define SCORE_BITS 24 /* |gain| + |all weights| of a column stay below 2^24 */
#define POINTS_MAX (1 << 26)

int32_t
hp_core_points(int64_t price, int64_t rate)
{
    int64_t points = price * rate >> HP_CORE_RATE_BITS;

    if (points > POINTS_MAX)
        return POINTS_MAX;
    return points < -POINTS_MAX ? -POINTS_MAX : (int32_t)points;
}

static int64_t
magnitude(int64_t value)
{
    return value < 0 ? -value : value;
}

static int64_t
column_gain(const struct hp_core *core, uint32_t column)
{
    const struct hp_problem *problem = core->problem;
    uint32_t i = core->item[column];
    const struct hp_pack_item *item = &problem->instance->items[problem->source[i]];
    size_t repeat = (size_t)core->copy[column];

    if (repeat == 0)
        return core->gain[i] + problem->self[i];
    return repeat <= item->repeat_count ? item->repeat_gains[repeat - 1] : 0;
}

/* By item: its first column + 1, or 0. */
static void
map_items(const struct hp_core *core, uint32_t *column_of)
{
    for (uint32_t j = 0; j < core->count; j++)
        if (core->copy[j] == 0)
            column_of[core->item[j]] = j + 1;
}

static uint32_t
shift_for(const struct hp_core *core, const uint32_t *column_of)
{
    const struct hp_problem *problem = core->problem;
    int64_t most = 0;
    uint32_t shift = 0;

    for (uint32_t j = 0; j < core->count; j++) {
        uint32_t i = core->item[j];
        int64_t sum = magnitude(column_gain(core, j));

        for (uint32_t p = problem->pair_start[i]; p < problem->pair_start[i + 1]; p++)
            if (column_of[problem->pair_item[p]])
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

static void
fill_weights(struct hp_core *core, const uint32_t *column_of)
{
    const struct hp_problem *problem = core->problem;
    uint32_t stride = core->padded;

    core->weight = HP_ARENA_ARRAY(problem->arena, (size_t)stride * stride, int32_t);
    for (uint32_t j = 0; j < core->count; j++) {
        uint32_t i = core->item[j];
        int32_t *row = core->weight + (size_t)j * stride;

        if (core->copy[j] > 0) {
            row[j - 1] = HP_CORE_CLASH;
            core->weight[(size_t)(j - 1) * stride + j] = HP_CORE_CLASH;
            continue;
        }
        for (uint32_t p = problem->pair_start[i]; p < problem->pair_start[i + 1]; p++) {
            uint32_t other = column_of[problem->pair_item[p]];

            if (other)
                row[other - 1] += (int32_t)(problem->pair_weight[p] / (1 << core->shift));
        }
    }
}

/* Two of a family clash. Families with one column in the core are the rule. */
static void
fill_clashes(struct hp_core *core)
{
    const struct hp_problem *problem = core->problem;
    uint32_t *last = HP_ARENA_ARRAY(problem->arena, problem->family_count, uint32_t);
    uint32_t before[HP_CORE_MAX];

    for (uint32_t j = 0; j < core->count; j++) {
        uint32_t family = problem->family[core->item[j]];

        if (core->copy[j] > 0)
            continue;
        before[j] = last[family];
        last[family] = j + 1;
        for (uint32_t k = before[j]; k; k = before[k - 1]) {
            core->weight[(size_t)j * core->padded + k - 1] = -HP_CORE_CLASH;
            core->weight[(size_t)(k - 1) * core->padded + j] = -HP_CORE_CLASH;
        }
    }
}

/* Which rows a column has, and which columns a row. */
static void
map_rows(struct hp_core *core)
{
    const struct hp_problem *problem = core->problem;

    memset(core->row_columns, 0, problem->row_count * sizeof(*core->row_columns));
    for (uint32_t j = 0; j < core->count; j++) {
        uint32_t i = core->item[j];
        const struct hp_rowset *rows =
            core->copy[j] ? &problem->unit_rows[i] : &problem->first_rows[i];

        core->rows[j] = rows;
        for (uint32_t w = 0; w < problem->row_words; w++)
            for (uint64_t bits = rows->word[w]; bits; bits &= bits - 1)
                hp_columns_flip(
                    &core->row_columns[w * 64 + (uint32_t)__builtin_ctzll(bits)], j);
    }
    core->live_count = 0;
    for (uint32_t row = 0; row < problem->row_count; row++) {
        uint64_t any = 0;

        for (uint32_t w = 0; w < HP_CORE_WORDS; w++)
            any |= core->row_columns[row].word[w];
        if (any)
            core->live_row[core->live_count++] = row;
    }
}

void
hp_core_build(struct hp_core *core)
{
    const struct hp_problem *problem = core->problem;
    uint32_t *column_of = HP_ARENA_ARRAY(problem->arena, problem->item_count, uint32_t);
    int64_t total = 1;

    core->padded = (core->count + 7) / 8 * 8;
    core->pinned = (struct hp_columns){0};
    map_items(core, column_of);
    core->shift = shift_for(core, column_of);
    for (uint32_t j = 0; j < core->count; j++) {
        uint32_t i = core->item[j];
        int32_t gain = (int32_t)(column_gain(core, j) / (INT64_C(1) << core->shift));

        core->price[j] = problem->price[i];
        core->category[j] = problem->category[i];
        core->base[j] = core->copy[j] ? gain - HP_CORE_CLASH : gain;
        if (problem->must[i] && core->copy[j] == 0)
            hp_columns_flip(&core->pinned, j);
        if (core->price[j] > total)
            total = core->price[j];
    }
    for (uint32_t j = core->count; j < core->padded; j++) {
        core->category[j] = -1;
        core->base[j] = 0;
        core->price[j] = 0;
    }
    core->rate_max = (INT64_C(1) << 61) / (total * (HP_PACK_UNITS_MAX + 1));
    map_rows(core);
    fill_weights(core, column_of);
    fill_clashes(core);
    hp_core_reset(core);
}

void
hp_core_reset(struct hp_core *core)
{
    memset(core->units, 0, core->problem->instance->category_count * sizeof(*core->units));
    memset(core->row, 0, core->problem->row_count * sizeof(*core->row));
    memset(core->use, 0, sizeof(core->use));
    core->chosen = (struct hp_columns){0};
    core->cost = 0;
    core->value = 0;
    for (uint32_t j = 0; j < core->count; j++)
        core->add[j] = core->base[j] + hp_core_bonus(core, core->category[j], 0);
    for (uint32_t j = core->count; j < core->padded; j++)
        core->add[j] = 0;
    for (uint32_t w = 0; w < HP_CORE_WORDS; w++)
        for (uint64_t bits = core->pinned.word[w]; bits; bits &= bits - 1)
            hp_core_put(core, w * 64 + (uint32_t)__builtin_ctzll(bits));
}

int32_t
hp_core_bonus(const struct hp_core *core, int32_t category, int32_t units)
{
    const struct hp_pack_category *entry = &core->problem->instance->categories[category];

    if (units < 0 || (size_t)units >= entry->bonus_count)
        return 0;
    return (int32_t)(entry->bonus[units] >> core->shift);
}

int32_t
hp_core_same(const struct hp_core *core, int32_t category)
{
    int32_t units = core->units[category];

    return hp_core_bonus(core, category, units - 1) - hp_core_bonus(core, category, units);
}

int32_t
hp_core_worth(const struct hp_core *core, uint32_t column)
{
    return core->add[column] + hp_core_same(core, core->category[column]);
}

/* add[] after `column` came: its row of weights, and its category's next bonus. */
static void
add_weights(struct hp_core *core, uint32_t column, int32_t bonus)
{
    const int32_t *row = core->weight + (size_t)column * core->padded;
    int32_t category = core->category[column];

    for (uint32_t j = 0; j < core->padded; j += HP_LANES)
        *(hp_lanes *)(core->add + j) +=
            *(const hp_lanes *)(row + j) +
            ((*(const hp_lanes *)(core->category + j) == category) & bonus);
}

/* The same after it went. */
static void
subtract_weights(struct hp_core *core, uint32_t column, int32_t bonus)
{
    const int32_t *row = core->weight + (size_t)column * core->padded;
    int32_t category = core->category[column];

    for (uint32_t j = 0; j < core->padded; j += HP_LANES)
        *(hp_lanes *)(core->add + j) +=
            ((*(const hp_lanes *)(core->category + j) == category) & bonus) -
            *(const hp_lanes *)(row + j);
}

static void
update_rows(struct hp_core *core, uint32_t column, int32_t sign)
{
    const struct hp_problem *problem = core->problem;
    const struct hp_rowset *rows = core->rows[column];

    for (uint32_t w = 0; w < problem->row_words; w++)
        for (uint64_t bits = rows->word[w]; bits; bits &= bits - 1)
            core->row[w * 64 + (uint32_t)__builtin_ctzll(bits)] += sign;
    for (size_t r = 0; r < problem->instance->resource_count; r++)
        core->use[r] += sign * hp_problem_use(problem, core->item[column], r);
    core->cost += sign * core->price[column];
    hp_columns_flip(&core->chosen, column);
}

void
hp_core_put(struct hp_core *core, uint32_t column)
{
    int32_t category = core->category[column];

    core->value += core->add[column];
    core->units[category]++;
    add_weights(core, column, -hp_core_same(core, category));
    update_rows(core, column, 1);
}

void
hp_core_remove(struct hp_core *core, uint32_t column)
{
    int32_t category = core->category[column];

    subtract_weights(core, column, hp_core_same(core, category));
    core->units[category]--;
    core->value -= core->add[column];
    update_rows(core, column, -1);
}

static bool
capacities_allow(const struct hp_core *core, uint32_t column)
{
    const struct hp_pack_instance *in = core->problem->instance;

    for (size_t r = 0; r < in->resource_count; r++)
        if (core->use[r] + hp_problem_use(core->problem, core->item[column], r) >
            in->resources[r].max)
            return false;
    return true;
}

bool
hp_core_fits(const struct hp_core *core, uint32_t column)
{
    const struct hp_problem *problem = core->problem;
    const struct hp_rowset *rows = core->rows[column];

    for (uint32_t w = 0; w < problem->row_words; w++)
        for (uint64_t bits = rows->word[w]; bits; bits &= bits - 1) {
            uint32_t row = w * 64 + (uint32_t)__builtin_ctzll(bits);

            if (core->row[row] >= problem->row_max[row])
                return false;
        }
    return capacities_allow(core, column);
}

bool
hp_core_filled(const struct hp_core *core)
{
    for (uint32_t row = 0; row < core->problem->share_row; row++)
        if (core->row[row] < core->problem->row_min[row])
            return false;
    return true;
}

void
hp_core_edges(const struct hp_core *core, struct hp_edges *edges)
{
    const struct hp_problem *problem = core->problem;

    edges->full_count = 0;
    edges->tight_count = 0;
    for (uint32_t k = 0; k < core->live_count; k++) {
        uint32_t row = core->live_row[k];

        if (core->row[row] >= problem->row_max[row])
            edges->full[edges->full_count++] = row;
        if (core->row[row] <= problem->row_min[row] && core->row[row] > 0)
            edges->tight[edges->tight_count++] = row;
    }
}

struct hp_columns
hp_core_open(
    const struct hp_core *core, const struct hp_edges *edges, const struct hp_rowset *out)
{
    struct hp_columns open;

    memset(&open, 255, sizeof(open));
    for (uint32_t k = 0; k < edges->full_count; k++)
        if (!out || !hp_rowset_has(out, edges->full[k]))
            for (uint32_t w = 0; w < HP_CORE_WORDS; w++)
                open.word[w] &= ~core->row_columns[edges->full[k]].word[w];
    for (uint32_t k = 0; out && k < edges->tight_count; k++)
        if (hp_rowset_has(out, edges->tight[k]))
            for (uint32_t w = 0; w < HP_CORE_WORDS; w++)
                open.word[w] &= core->row_columns[edges->tight[k]].word[w];
    return open;
}

/* Columns that may come in; with `needed`, only those that help a row below its minimum. */
static struct hp_columns
columns_open(const struct hp_core *core, bool needed)
{
    const struct hp_problem *problem = core->problem;
    struct hp_edges edges;
    struct hp_columns open;
    struct hp_columns helps = {{0}};

    hp_core_edges(core, &edges);
    open = hp_core_open(core, &edges, NULL);
    for (uint32_t row = 1; needed && row < problem->share_row; row++)
        if (core->row[row] < problem->row_min[row])
            for (uint32_t w = 0; w < HP_CORE_WORDS; w++)
                helps.word[w] |= core->row_columns[row].word[w];
    for (uint32_t w = 0; w < HP_CORE_WORDS; w++) {
        uint64_t there = core->row_columns[0].word[w] & ~core->chosen.word[w];

        open.word[w] &= needed ? helps.word[w] & there : there;
    }
    return open;
}

#define NONE UINT32_MAX

static uint32_t
best_column(const struct hp_core *core, const int32_t *points, bool needed, int32_t *score)
{
    struct hp_columns open = columns_open(core, needed);
    bool limited = core->problem->instance->resource_count > 0;
    uint32_t best = NONE;

    for (uint32_t w = 0; w < HP_CORE_WORDS; w++)
        for (uint64_t bits = open.word[w]; bits; bits &= bits - 1) {
            uint32_t j = w * 64 + (uint32_t)__builtin_ctzll(bits);
            int32_t worth = core->add[j] - points[j];

            if (core->add[j] < -HP_CORE_CLASH / 2 || (best != NONE && worth <= *score))
                continue;
            if (limited && !capacities_allow(core, j))
                continue;
            best = j;
            *score = worth;
        }
    return best;
}

static bool
needs_rows(const struct hp_core *core)
{
    for (uint32_t row = 1; row < core->problem->share_row; row++)
        if (core->row[row] < core->problem->row_min[row])
            return true;
    return false;
}

/* What the column's use of capacities costs, when a whole capacity costs `load`. */
static int32_t
load_points(const struct hp_core *core, uint32_t column, int64_t load)
{
    const struct hp_pack_instance *in = core->problem->instance;
    int64_t points = 0;

    for (size_t r = 0; r < in->resource_count; r++) {
        int64_t use = hp_problem_use(core->problem, core->item[column], r);

        if (use > 0) /* at most the whole, and 2^10 parts of it are fine enough */
            points += load * (use * 1024 / (in->resources[r].max + 1)) / 1024;
    }
    return points > POINTS_MAX ? POINTS_MAX : (int32_t)points;
}

static bool
fill_by(struct hp_core *core, const int32_t *points)
{
    while (core->row[0] < core->problem->row_max[0]) {
        bool needed = needs_rows(core);
        int32_t score = 0;
        uint32_t j = best_column(core, points, needed, &score);

        if (j == NONE)
            break;
        if (!needed && score <= 0 && core->row[0] >= core->problem->row_min[0])
            break;
        hp_core_put(core, j);
    }
    return hp_core_filled(core);
}

bool
hp_core_fill(struct hp_core *core, int64_t rate, int64_t load)
{
    int32_t points[HP_CORE_MAX];

    for (uint32_t j = 0; j < core->count; j++) {
        points[j] = hp_core_points(core->price[j], rate);
        if (load)
            points[j] += load_points(core, j, load);
    }
    return fill_by(core, points);
}

bool
hp_core_fill_noisy(struct hp_core *core, int64_t rate, int64_t noise, struct hp_rng *rng)
{
    int32_t points[HP_CORE_MAX];

    for (uint32_t j = 0; j < core->count; j++)
        points[j] = hp_core_points(core->price[j], rate) +
                    (int32_t)hp_rng_between(rng, 0, noise > POINTS_MAX ? POINTS_MAX : noise);
    return fill_by(core, points);
}

void
hp_core_load(struct hp_core *core, const struct hp_content *box)
{
    uint32_t k = 0;

    hp_core_reset(core);
    for (uint32_t j = 0; j < core->count; j++) {
        while (k < box->count && box->item[k] < core->item[j])
            k++;
        if (k == box->count)
            break;
        if (box->item[k] == core->item[j] && core->copy[j] < box->quantity[k] &&
            !hp_columns_has(&core->chosen, j))
            hp_core_put(core, j);
    }
}

void
hp_core_keep(const struct hp_core *core, struct hp_core_state *state)
{
    state->chosen = core->chosen;
    memcpy(state->add, core->add, core->padded * sizeof(*core->add));
    memcpy(state->use, core->use, sizeof(core->use));
    state->cost = core->cost;
    state->value = core->value;
    memcpy(state->units, core->units,
        core->problem->instance->category_count * sizeof(*core->units));
    memcpy(state->row, core->row, core->problem->row_count * sizeof(*core->row));
}

void
hp_core_restore(struct hp_core *core, const struct hp_core_state *state)
{
    core->chosen = state->chosen;
    memcpy(core->add, state->add, core->padded * sizeof(*core->add));
    memcpy(core->use, state->use, sizeof(core->use));
    core->cost = state->cost;
    core->value = state->value;
    memcpy(core->units, state->units,
        core->problem->instance->category_count * sizeof(*core->units));
    memcpy(core->row, state->row, core->problem->row_count * sizeof(*core->row));
}

void
hp_core_save(const struct hp_core *core, struct hp_content *box)
{
    box->count = 0;
    for (uint32_t w = 0; w < HP_CORE_WORDS; w++)
        for (uint64_t bits = core->chosen.word[w]; bits; bits &= bits - 1) {
            uint32_t j = w * 64 + (uint32_t)__builtin_ctzll(bits);

            if (core->copy[j] > 0) {
                box->quantity[box->count - 1]++;
                continue;
            }
            box->item[box->count] = core->item[j];
            box->quantity[box->count++] = 1;
        }
}
