/* packing/search.c - see pack.c for the method. SPDX-License-Identifier: Apache-2.0 */
#include "packing/search.h"

#define CORE_TARGET   88
#define FILLS_MAX     8
#define MAIN_STEPS    40
#define MAIN_PATIENCE 18
#define HARD_STEPS    100
#define NOISY_STARTS  24
#define SEED_STEPS    20
#define BAN_STEPS     24
#define BAN_PATIENCE  12
#define BAN_RUNS      20

struct unit { /* a copy of an item that could be a column */
    int64_t score;
    uint32_t item;
    int32_t copy;
};

struct slot {
    const struct hp_slot_task *task;
    struct unit *units; /* by item and copy */
    uint32_t unit_count;
    bool *listed; /* by unit: a column of the core to come */
    uint32_t listed_count;
    int64_t rate; /* raw points per unit of money, times 2^16 */
    int64_t rate_max;
    struct hp_core *core;
};

/* Affordable, and no row of it is closed for good. */
static bool
possible(const struct hp_slot_task *task, uint32_t i)
{
    const struct hp_problem *problem = task->problem;

    if (problem->must[i])
        return true;
    if (problem->price[i] > task->high)
        return false;
    for (uint32_t w = 0; w < problem->row_words; w++)
        for (uint64_t bits = problem->first_rows[i].word[w]; bits; bits &= bits - 1)
            if (problem->row_max[w * 64 + (uint32_t)__builtin_ctzll(bits)] < 1)
                return false;
    return true;
}

static void
list_units(struct slot *slot)
{
    const struct hp_problem *problem = slot->task->problem;
    int64_t dearest = 1;
    size_t count = 0;

    for (uint32_t i = 0; i < problem->item_count; i++)
        count += (size_t)problem->quantity[i];
    slot->units = HP_ARENA_ARRAY(problem->arena, count, struct unit);
    slot->listed = HP_ARENA_ARRAY(problem->arena, count, bool);
    for (uint32_t i = 0; i < problem->item_count; i++) {
        if (!possible(slot->task, i))
            continue;
        if (problem->price[i] > dearest)
            dearest = problem->price[i];
        for (int32_t copy = 0; copy < problem->quantity[i]; copy++)
            slot->units[slot->unit_count++] = (struct unit){0, i, copy};
    }
    slot->rate_max = (INT64_C(1) << 61) / (dearest * (HP_PACK_UNITS_MAX + 1));
}

static int64_t
unit_worth(const struct slot *slot, const struct unit *unit)
{
    const struct hp_problem *problem = slot->task->problem;
    const struct hp_pack_item *item = &problem->instance->items[problem->source[unit->item]];
    size_t repeat = (size_t)unit->copy;

    if (repeat == 0)
        return slot->task->gain[unit->item] + problem->self[unit->item] +
               problem->credit[unit->item];
    return repeat <= item->repeat_count ? item->repeat_gains[repeat - 1] : 0;
}

/* Cost of the best units at a rate, as many as a box may hold, rules aside. */
static int64_t
cost_at(const struct slot *slot, const int64_t *worth, int64_t rate)
{
    const struct hp_problem *problem = slot->task->problem;
    struct unit top[HP_PACK_UNITS_MAX];
    uint32_t most = (uint32_t)problem->row_max[0];
    uint32_t count = 0;
    int64_t cost = 0;

    for (uint32_t u = 0; most && u < slot->unit_count; u++) {
        uint32_t i = slot->units[u].item;
        int64_t score = worth[u] - (problem->price[i] * rate >> HP_CORE_RATE_BITS);
        uint32_t at;

        if (score <= 0 || (count == most && score <= top[count - 1].score))
            continue;
        at = count < most ? count++ : count - 1;
        for (; at && top[at - 1].score < score; at--)
            top[at] = top[at - 1];
        top[at] = (struct unit){score, i, 0};
    }
    for (uint32_t k = 0; k < count; k++)
        cost += problem->price[top[k].item];
    return cost;
}

static int64_t
first_guess(const struct slot *slot, const int64_t *worth)
{
    int64_t points = 0;
    int64_t money = 1;
    int64_t guess;

    for (uint32_t u = 0; u < slot->unit_count; u++) {
        if (worth[u] > 0)
            points += worth[u] / (1 + slot->unit_count / 64);
        money += slot->task->problem->price[slot->units[u].item] / (1 + slot->unit_count / 64);
    }
    guess = points / money >= slot->rate_max >> HP_CORE_RATE_BITS
                ? slot->rate_max
                : (points / money << HP_CORE_RATE_BITS) +
                      ((points % money << HP_CORE_RATE_BITS) / money);
    return guess < 1 ? 1 : guess > slot->rate_max ? slot->rate_max : guess;
}

/* The rate at which the best units just cost what the slot may cost; below 0 when a box must
 * cost more than the best units do. */
static void
find_rate(struct slot *slot, const int64_t *worth)
{
    int64_t guess = first_guess(slot, worth);
    int64_t cheap = 0; /* a rate that costs too much */
    int64_t dear;

    if (cost_at(slot, worth, 0) <= slot->task->high) {
        slot->rate = cost_at(slot, worth, 0) >= slot->task->low ? 0 : -(guess / 2);
        return;
    }
    dear = guess;
    while (cost_at(slot, worth, dear) > slot->task->high && dear < slot->rate_max) {
        cheap = dear;
        dear = dear > slot->rate_max / 2 ? slot->rate_max : dear * 2;
    }
    for (int k = 0; k < 5 && dear - cheap > 1; k++) {
        int64_t middle = cheap + (dear - cheap) / 2;

        if (cost_at(slot, worth, middle) > slot->task->high)
            cheap = middle;
        else
            dear = middle;
    }
    slot->rate = dear;
}

static void
list(struct slot *slot, uint32_t u)
{
    while (slot->listed_count < HP_CORE_MAX && !slot->listed[u]) {
        slot->listed[u] = true;
        slot->listed_count++;
        if (slot->units[u].copy == 0)
            break;
        u--;
    }
}

/* Lists a unit with its earlier copies, if all of them still find room. */
static void
list_whole(struct slot *slot, uint32_t u)
{
    if (slot->listed_count + (uint32_t)slot->units[u].copy < HP_CORE_MAX)
        list(slot, u);
}

/* The `wanted` best units that have `row`, by score or (with `cheap`) by price. */
static void
list_row(struct slot *slot, uint32_t row, int32_t wanted, bool cheap)
{
    const struct hp_problem *problem = slot->task->problem;
    uint32_t top[HP_PACK_UNITS_MAX + 2];
    int64_t keys[HP_PACK_UNITS_MAX + 2];
    uint32_t most = (uint32_t)wanted < HP_PACK_UNITS_MAX ? (uint32_t)wanted : HP_PACK_UNITS_MAX;
    uint32_t count = 0;

    for (uint32_t u = 0; u < slot->unit_count; u++) {
        const struct unit *unit = &slot->units[u];
        int64_t key = cheap ? -problem->price[unit->item] : unit->score;
        uint32_t at;

        if (!hp_rowset_has(&problem->unit_rows[unit->item], row))
            continue;
        if (count == most && key <= keys[count - 1])
            continue;
        at = count < most ? count++ : count - 1;
        for (; at && keys[at - 1] < key; at--) {
            keys[at] = keys[at - 1];
            top[at] = top[at - 1];
        }
        keys[at] = key;
        top[at] = u;
    }
    for (uint32_t k = 0; k < count; k++)
        list_whole(slot, top[k]);
}

/* What the rules need at least, whatever it is worth. */
static void
list_needs(struct slot *slot)
{
    const struct hp_problem *problem = slot->task->problem;

    for (uint32_t u = 0; u < slot->unit_count; u++)
        if (problem->must[slot->units[u].item] && slot->units[u].copy == 0)
            list(slot, u);
    for (uint32_t row = 1; row < problem->share_row; row++)
        if (problem->row_min[row] > 0) {
            list_row(slot, row, problem->row_min[row] + 2, false);
            list_row(slot, row, problem->row_min[row] + 1, true);
        }
    list_row(slot, 0, 4, true);
}

static void
list_content(struct slot *slot, const struct hp_content *box)
{
    for (uint32_t k = 0; k < box->count; k++)
        for (uint32_t u = 0; u < slot->unit_count; u++)
            if (slot->units[u].item == box->item[k] && slot->units[u].copy < box->quantity[k])
                list(slot, u);
}

static bool
unit_before(const struct unit *units, uint32_t a, uint32_t b)
{
    return units[a].score != units[b].score ? units[a].score > units[b].score : a < b;
}

/* Moves the `wanted` best of `order` to its front (quickselect, middle as pivot). */
static void
select_best(const struct unit *units, uint32_t *order, uint32_t count, uint32_t wanted)
{
    uint32_t low = 0;
    uint32_t high = count;

    while (high - low > 1 && wanted > low && wanted < high) {
        uint32_t pivot = order[low + (high - low) / 2];
        uint32_t a = low;
        uint32_t b = high - 1;

        for (;;) {
            uint32_t swap;

            while (unit_before(units, order[a], pivot))
                a++;
            while (unit_before(units, pivot, order[b]))
                b--;
            if (a >= b)
                break;
            swap = order[a];
            order[a++] = order[b];
            order[b--] = swap;
        }
        if (wanted <= a)
            high = a;
        else
            low = a;
    }
}

static void
list_best(struct slot *slot, uint32_t target)
{
    uint32_t *order = HP_ARENA_ARRAY(slot->task->problem->arena, slot->unit_count, uint32_t);
    uint32_t count = 0;
    uint32_t wanted;

    if (slot->listed_count >= target)
        return;
    wanted = target - slot->listed_count;
    for (uint32_t u = 0; u < slot->unit_count; u++)
        if (!slot->listed[u])
            order[count++] = u;
    if (wanted < count)
        select_best(slot->units, order, count, wanted);
    for (uint32_t k = 0; k < count && k < wanted; k++)
        list_whole(slot, order[k]);
}

/* Chooses the columns by score (worth less price at the present rate) and builds the core.
 * Columns around `box`, when given: worth is then what an item adds to that box. */
static void
build_core(struct slot *slot, const int64_t *worth, const struct hp_content *box)
{
    const struct hp_problem *problem = slot->task->problem;
    struct hp_core *core = slot->core;
    uint32_t target = CORE_TARGET + (uint32_t)problem->row_max[0] / 2;

    memset(slot->listed, 0, slot->unit_count * sizeof(*slot->listed));
    slot->listed_count = 0;
    for (uint32_t u = 0; u < slot->unit_count; u++)
        slot->units[u].score =
            worth[u] - (problem->price[slot->units[u].item] * slot->rate >> HP_CORE_RATE_BITS);
    if (box)
        list_content(slot, box);
    list_needs(slot);
    list_best(slot, target < HP_CORE_MAX ? target : HP_CORE_MAX);
    *core = (struct hp_core){.problem = problem,
        .gain = slot->task->gain,
        .low = slot->task->low,
        .high = slot->task->high};
    for (uint32_t u = 0; u < slot->unit_count; u++)
        if (slot->listed[u]) {
            core->item[core->count] = slot->units[u].item;
            core->copy[core->count++] = slot->units[u].copy;
        }
    hp_core_build(core);
}

static int64_t
core_rate(const struct slot *slot)
{
    int64_t rate = slot->rate / (INT64_C(1) << slot->core->shift);

    return rate > slot->core->rate_max ? slot->core->rate_max : rate;
}

static int64_t
raw_rate(const struct slot *slot, int64_t rate)
{
    int64_t most = slot->rate_max >> slot->core->shift;

    rate = rate > most ? most : rate < -most ? -most : rate;
    return rate * (INT64_C(1) << slot->core->shift);
}

static int64_t
miss(const struct hp_core *core)
{
    if (core->cost > core->high)
        return core->cost - core->high;
    return core->cost < core->low ? core->low - core->cost : 0;
}

/* A fill that ran out of a capacity, again with dearer and dearer capacities. */
static bool
fill_loaded(struct hp_core *core, int64_t rate)
{
    if (!core->problem->instance->resource_count)
        return false;
    for (int64_t load = 1 << 12; load <= 1 << 26; load *= 4) {
        hp_core_reset(core);
        if (hp_core_fill(core, rate, load))
            return true;
    }
    return false;
}

/*
 * Fills the core's box at several rates until one lands in the window from both sides. Leaves
 * in `start` the fill that misses the window least, and the rate it was made with in `rate`.
 */
static bool
fill_window(struct slot *slot, struct hp_best *best, struct hp_content *start, int64_t *rate)
{
    struct hp_core *core = slot->core;
    int64_t cheap = INT64_MIN; /* greatest rate seen that costs too much */
    int64_t dear = INT64_MAX;  /* least rate seen that does not */
    int64_t at = core_rate(slot);
    int64_t unit = (at < 0 ? -at : at) / 4 + 16;
    int64_t least = -1;

    for (int k = 0; k < FILLS_MAX; k++) {
        hp_core_reset(core);
        if (!hp_core_fill(core, at, 0) && !fill_loaded(core, at))
            break;
        hp_best_offer(best, core);
        if (least < 0 || miss(core) < least) {
            least = miss(core);
            hp_core_save(core, start);
            *rate = at;
        }
        if (core->cost > core->high)
            cheap = at;
        else
            dear = at;
        if (core->cost <= core->high && core->cost >= core->low && k >= 3)
            break;
        if (cheap == INT64_MIN)
            at = dear - unit;
        else if (dear == INT64_MAX)
            at = cheap + unit;
        else if (dear - cheap <= 1)
            break;
        else
            at = cheap + (dear - cheap) / 2;
        unit *= 2;
        if (at > core->rate_max || at < -core->rate_max)
            break;
    }
    return least >= 0;
}

static int64_t
charge_rate(const struct slot *slot, int64_t rate)
{
    const struct hp_core *core = slot->core;
    int64_t points = 0;
    int64_t money = 1;

    if (rate > 0)
        return rate * 2;
    for (uint32_t j = 0; j < core->count; j++) {
        points += core->copy[j] == 0 && core->base[j] > 0 ? core->base[j] : 0;
        money += core->price[j];
    }
    return (points << HP_CORE_RATE_BITS) / money + 1;
}

static void
worth_around(const struct slot *slot, const struct hp_content *box, int64_t *worth)
{
    const struct hp_problem *problem = slot->task->problem;
    int64_t *credit = HP_ARENA_ARRAY(problem->arena, problem->item_count, int64_t);

    for (uint32_t k = 0; k < box->count; k++) {
        uint32_t i = box->item[k];

        for (uint32_t p = problem->pair_start[i]; p < problem->pair_start[i + 1]; p++)
            credit[problem->pair_item[p]] += problem->pair_weight[p];
    }
    for (uint32_t u = 0; u < slot->unit_count; u++) {
        uint32_t i = slot->units[u].item;

        worth[u] = unit_worth(slot, &slot->units[u]);
        if (slot->units[u].copy == 0)
            worth[u] += credit[i] - problem->credit[i] / 2;
    }
}

struct seed {
    int64_t score;
    uint32_t a;
    uint32_t b;
};

#define SEEDS 3

static void
seed_insert(struct seed *seeds, struct seed seed)
{
    int at = SEEDS - 1;

    if (seed.score <= seeds[at].score)
        return;
    for (; at && seeds[at - 1].score < seed.score; at--)
        seeds[at] = seeds[at - 1];
    seeds[at] = seed;
}

/* The strongest pairs of the core that the best box does not hold together. */
static void
find_seeds(
    const struct slot *slot, const struct hp_core *core, int64_t rate, struct seed *seeds)
{
    int32_t net[HP_CORE_MAX];

    (void)slot;
    for (int k = 0; k < SEEDS; k++)
        seeds[k] = (struct seed){INT64_MIN, 0, 0};
    for (uint32_t j = 0; j < core->count; j++)
        net[j] = core->base[j] - hp_core_points(core->price[j], rate);
    for (uint32_t j = 0; j < core->count; j++) {
        const int32_t *row = core->weight + (size_t)j * core->padded;

        if (core->copy[j] > 0)
            continue;
        for (uint32_t k = j + 1; k < core->count; k++) {
            if (row[k] <= 0 || row[k] >= HP_CORE_CLASH / 2)
                continue;
            if (hp_columns_has(&core->chosen, j) && hp_columns_has(&core->chosen, k))
                continue;
            seed_insert(seeds, (struct seed){(int64_t)net[j] + net[k] + 2 * row[k], j, k});
        }
    }
}

static void
run_seeds(struct slot *slot, struct hp_best *best, int64_t rate)
{
    struct hp_core *core = slot->core;
    struct seed seeds[SEEDS];

    hp_core_load(core, &best->box);
    find_seeds(slot, core, rate, seeds);
    for (int k = 0; k < SEEDS && seeds[k].score > INT64_MIN; k++) {
        uint32_t pair[2] = {seeds[k].a, seeds[k].b};

        hp_core_reset(core);
        for (int side = 0; side < 2; side++)
            if (!hp_columns_has(&core->chosen, pair[side]) && hp_core_fits(core, pair[side]) &&
                core->add[pair[side]] > -HP_CORE_CLASH / 2)
                hp_core_put(core, pair[side]);
        if (hp_core_fill(core, rate, 0))
            hp_tabu_run(core, best,
                &(struct hp_tabu_plan){
                    charge_rate(slot, rate), SEED_STEPS, SEED_STEPS / 2, HP_TABU_ANY});
    }
}

/* Starts again from the best box, without one of its columns, for each in turn; a better box
 * begins anew. At most `runs` runs. */
static void
run_bans(struct slot *slot, struct hp_best *best, int64_t rate, int runs)
{
    struct hp_core *core = slot->core;
    struct hp_tabu_plan plan = {charge_rate(slot, rate), BAN_STEPS, BAN_PATIENCE, HP_TABU_ANY};
    struct hp_core_state state;
    uint32_t from = 0;

    hp_core_load(core, &best->box);
    hp_core_keep(core, &state);
    for (uint32_t tried = 0; runs > 0 && tried < core->count; tried++) {
        uint32_t column = (from + tried) % core->count;

        if (!hp_columns_has(&state.chosen, column) || hp_columns_has(&core->pinned, column))
            continue;
        runs--;
        plan.ban = column;
        hp_core_restore(core, &state);
        if (!hp_tabu_run(core, best, &plan))
            continue;
        hp_core_load(core, &best->box);
        hp_core_keep(core, &state);
        from = column + 1;
        tried = 0;
    }
}

/* Starts spread over the core, by numbers that depend on nothing but their place in line. */
static void
search_noisy(struct slot *slot, struct hp_best *best, int64_t unit)
{
    struct hp_core *core = slot->core;
    struct hp_rng rng = {1};
    int64_t noise = 0;

    for (uint32_t j = 0; j < core->count; j++)
        if (core->copy[j] == 0 && core->base[j] > noise)
            noise = core->base[j];
    for (int k = 0; k < NOISY_STARTS && !best->found; k++) {
        struct hp_tabu_plan plan = {unit * (4 << k % 4), HARD_STEPS, HARD_STEPS, HP_TABU_ANY};
        int64_t rate = unit / 4 * (k % 7 - 3);

        hp_core_reset(core);
        if (rate <= core->rate_max && rate >= -core->rate_max &&
            (hp_core_fill_noisy(core, rate, noise, &rng) || fill_loaded(core, rate)))
            hp_tabu_run(core, best, &plan);
    }
}

/* No box so far: from fills at many rates, with money outside the window charged so dearly that
 * reaching it is all that counts at first. */
static void
search_harder(struct slot *slot, struct hp_best *best)
{
    static const int8_t eighths[] = {8, 0, 4, 16, -4, 32, -16, -64};
    struct hp_core *core = slot->core;
    int64_t unit = charge_rate(slot, 0);

    for (size_t k = 0; k < HP_ARRAY_SIZE(eighths) && !best->found; k++) {
        int64_t rate = unit / 8 * eighths[k];
        struct hp_tabu_plan plan = {unit * 16, HARD_STEPS, HARD_STEPS, HP_TABU_ANY};

        hp_core_reset(core);
        if (rate <= core->rate_max && rate >= -core->rate_max &&
            (hp_core_fill(core, rate, 0) || fill_loaded(core, rate)))
            hp_tabu_run(core, best, &plan);
    }
    search_noisy(slot, best, unit);
}

void
hp_slot_search(const struct hp_slot_task *task, bool hard, struct hp_best *best)
{
    struct hp_arena *arena = task->problem->arena;
    struct slot slot = {.task = task, .core = HP_ARENA_NEW(arena, struct hp_core)};
    struct hp_content start;
    int64_t *worth;
    int64_t rate = 0;
    bool small;

    list_units(&slot);
    worth = HP_ARENA_ARRAY(arena, slot.unit_count, int64_t);
    for (uint32_t u = 0; u < slot.unit_count; u++)
        worth[u] = unit_worth(&slot, &slot.units[u]);
    find_rate(&slot, worth);
    build_core(&slot, worth, best->found ? &best->box : NULL);
    small = slot.core->count == slot.unit_count;
    if (fill_window(&slot, best, &start, &rate)) {
        hp_core_load(slot.core, best->found ? &best->box : &start);
        hp_tabu_run(slot.core, best,
            &(struct hp_tabu_plan){
                charge_rate(&slot, rate), MAIN_STEPS, MAIN_PATIENCE, HP_TABU_ANY});
    } else if (best->found) {
        rate = core_rate(&slot);
        hp_core_load(slot.core, &best->box);
        hp_tabu_run(slot.core, best,
            &(struct hp_tabu_plan){
                charge_rate(&slot, rate), MAIN_STEPS, MAIN_PATIENCE, HP_TABU_ANY});
    }
    if (!best->found && hard)
        search_harder(&slot, best);
    if (!best->found)
        return;
    if (!small) {
        slot.rate = raw_rate(&slot, rate);
        worth_around(&slot, &best->box, worth);
        build_core(&slot, worth, &best->box);
        rate = core_rate(&slot);
        hp_core_load(slot.core, &best->box);
        hp_tabu_run(slot.core, best,
            &(struct hp_tabu_plan){
                charge_rate(&slot, rate), MAIN_STEPS, MAIN_PATIENCE, HP_TABU_ANY});
    }
    run_seeds(&slot, best, rate);
    run_bans(&slot, best, rate, BAN_RUNS);
}
