/* packing/search.c - see pack.c for the method. SPDX-License-Identifier: Apache-2.0 */
#include "packing/search.h"

#include "base/rng.h"
#include "packing/landing.h"
#include "packing/small.h"
#include "packing/toll.h"

#define UNITS_ALL     512 /* up to here every copy is looked at */
#define BANDS         64  /* of prices up to HP_PACK_PRICE_MAX */
#define FILLS_LEAST   2
#define FILLS_MAX     8
#define CHARGE        16 /* eighths of the rate, where a run begins */
#define MAIN_STEPS    40
#define MAIN_PATIENCE 16
#define SEED_STEPS    24
#define SEED_PATIENCE 12
#define BAN_STEPS     16
#define BAN_PATIENCE  10
#define RUNS_IDLE     8 /* runs in a row without a better box end a slot, */
#define RUNS_TOLL     4 /* so many more for each of at most TOLLS_MAX sharing rows that cost, */
#define TOLLS_MAX     2
#define RUNS_MORE     3 /* and for each run that found one */
#define RUGGED        4 /* so many better boxes, and slots no longer share a centre */
#define MOVED         4 /* or when the price of money changed by such a part, */
#define BLUNT         4 /* or when such a part of the columns is worth much the same */
#define POOR          8 /* a box such a part below the best one tells of a wrong core */
#define SCALE_HARD    4
#define SLOT_MOVES    1500 /* of improve() in a slot */
#define ALL_MOVES     7000 /* of all slots; LAST_MOVES in a slot beyond that */
#define LAST_MOVES    150
#define HARD_STEPS    100
#define NOISY_STARTS  24
#define NARROW        64 /* a window narrower than such a part of its maximum is landed in, */
#define SLOT_LOOKS    60000   /* with so many looks at columns and pairs in a slot */
#define ALL_LOOKS     1000000 /* and in all */
#define FEW_WIDTH     10 /* in one narrower than this part all boxes are looked at when that */
#define FEW_LOOKS     400000 /* takes fewer looks */

struct unit { /* a copy of an item that could be a column */
    int64_t score;
    uint32_t item;
    int32_t copy;
};

struct seed { /* a pair of columns to begin with */
    int64_t score;
    uint32_t a;
    uint32_t b;
};

#define SEEDS_MAX 32

struct hp_search {
    const struct hp_problem *problem;
    const struct hp_slot_task *task;
    struct unit *units; /* by item and copy */
    uint32_t unit_count;
    int64_t *alone;  /* by unit: worth with no box around */
    int64_t *worth;  /* by unit, as the core to come is chosen */
    int64_t *credit; /* by item */
    uint32_t *order; /* of units */
    bool *listed;    /* by unit: a column of the core to come */
    uint32_t listed_count;
    int64_t rate; /* raw points per unit of money, times 2^16 */
    int64_t rate_max;
    struct hp_core *core;
    struct hp_core_state start;
    bool warm; /* the core serves any slot with the same gains and maximum */
    int64_t core_rate;
    int64_t average; /* what money is worth on average in the core */
    struct seed seeds[SEEDS_MAX];
    uint32_t seed_count;
    uint32_t tolls;    /* sharing rows that cost something */
    int scale;         /* of all step limits: hard slots get more */
    int finds;         /* of runs from elsewhere, in all slots */
    int64_t strongest; /* weight of a pair */
    bool narrow;       /* the window is: runs end with landings */
    int64_t looks;     /* that landings may still take in the slot, */
    int64_t left;      /* and in all slots, those at all boxes included */
    int64_t most;      /* value of the best box with these gains and maximum; 0: none yet */
};

/* Copies of an item that are looked at: those beyond the repeat gains are worth little, and
 * only small problems have the time for all. */
static int32_t
copies_of(const struct hp_problem *problem, uint32_t i, bool all)
{
    const struct hp_pack_item *item = &problem->instance->items[problem->source[i]];
    int32_t most = (int32_t)item->repeat_count + 2;

    return all || problem->quantity[i] < most ? problem->quantity[i] : most;
}

static size_t
units_of(const struct hp_problem *problem, bool all)
{
    size_t count = 0;

    for (uint32_t i = 0; i < problem->item_count; i++)
        count += (size_t)copies_of(problem, i, all);
    return count;
}

struct hp_search *
hp_search_new(const struct hp_problem *problem)
{
    struct hp_arena *arena = problem->arena;
    struct hp_search *search = HP_ARENA_NEW(arena, struct hp_search);
    size_t count = units_of(problem, true);

    if (count > UNITS_ALL)
        count = units_of(problem, false);
    search->problem = problem;
    search->units = HP_ARENA_ARRAY(arena, count, struct unit);
    search->alone = HP_ARENA_ARRAY(arena, count, int64_t);
    search->worth = HP_ARENA_ARRAY(arena, count, int64_t);
    search->order = HP_ARENA_ARRAY(arena, count, uint32_t);
    search->listed = HP_ARENA_ARRAY(arena, count, bool);
    search->credit = HP_ARENA_ARRAY(arena, problem->item_count, int64_t);
    search->core = hp_core_new(problem);
    search->left = ALL_LOOKS;
    for (uint32_t p = 0; p < problem->pair_start[problem->item_count]; p++)
        if (problem->pair_weight[p] > search->strongest)
            search->strongest = problem->pair_weight[p];
    return search;
}

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

static int64_t
unit_worth(const struct hp_search *search, uint32_t i, int32_t copy)
{
    const struct hp_problem *problem = search->problem;
    const struct hp_pack_item *item = &problem->instance->items[problem->source[i]];

    if (copy == 0)
        return search->task->gain[i] + problem->self[i] + problem->credit[i];
    return (size_t)copy <= item->repeat_count ? item->repeat_gains[copy - 1] : 0;
}

static void
list_units(struct hp_search *search)
{
    const struct hp_problem *problem = search->problem;
    bool all = units_of(problem, true) <= UNITS_ALL;
    int64_t dearest = 1;

    search->unit_count = 0;
    for (uint32_t i = 0; i < problem->item_count; i++) {
        int32_t copies = copies_of(problem, i, all);

        if (!possible(search->task, i))
            continue;
        if (problem->price[i] > dearest)
            dearest = problem->price[i];
        while (copies > 1 && copies * problem->price[i] > search->task->high)
            copies--; /* no box could pay for so many */
        for (int32_t copy = 0; copy < copies; copy++) {
            search->alone[search->unit_count] = unit_worth(search, i, copy);
            search->units[search->unit_count++] = (struct unit){0, i, copy};
        }
    }
    search->rate_max = (INT64_C(1) << 61) / (dearest * (HP_PACK_UNITS_MAX + 1));
}

/* Cost of the best units at a rate, as many as a box may hold, rules aside. */
static int64_t
cost_at(const struct hp_search *search, int64_t rate)
{
    const struct hp_problem *problem = search->problem;
    int64_t scores[HP_PACK_UNITS_MAX];
    int64_t prices[HP_PACK_UNITS_MAX];
    uint32_t most = (uint32_t)problem->row_max[0];
    uint32_t count = 0;
    int64_t cost = 0;

    for (uint32_t u = 0; most && u < search->unit_count; u++) {
        int64_t price = problem->price[search->units[u].item];
        int64_t score = search->alone[u] - (price * rate >> HP_CORE_RATE_BITS);
        uint32_t at;

        if (score <= 0 || (count == most && score <= scores[count - 1]))
            continue;
        at = count < most ? count++ : count - 1;
        for (; at && scores[at - 1] < score; at--) {
            scores[at] = scores[at - 1];
            prices[at] = prices[at - 1];
        }
        scores[at] = score;
        prices[at] = price;
    }
    for (uint32_t k = 0; k < count; k++)
        cost += prices[k];
    return cost;
}

static int64_t
first_guess(const struct hp_search *search)
{
    int64_t points = 0;
    int64_t money = 1;
    int64_t guess;

    for (uint32_t u = 0; u < search->unit_count; u++) {
        if (search->alone[u] > 0)
            points += search->alone[u] / (1 + search->unit_count / 64);
        money += search->problem->price[search->units[u].item] / (1 + search->unit_count / 64);
    }
    guess = points / money >= search->rate_max >> HP_CORE_RATE_BITS
                ? search->rate_max
                : (points / money << HP_CORE_RATE_BITS) +
                      ((points % money << HP_CORE_RATE_BITS) / money);
    return guess < 1 ? 1 : guess > search->rate_max ? search->rate_max : guess;
}

/* The rate at which the best units just cost what the slot may cost; below 0 when a box must
 * cost more than the best units do. */
static void
find_rate(struct hp_search *search)
{
    int64_t guess = first_guess(search);
    int64_t high = search->task->high;
    int64_t free_cost = cost_at(search, 0);
    int64_t cheap = 0; /* a rate that costs too much */
    int64_t dear = guess;

    if (free_cost <= high) {
        search->rate = free_cost >= search->task->low ? 0 : -(guess / 2);
        return;
    }
    while (cost_at(search, dear) > high && dear < search->rate_max) {
        cheap = dear;
        dear = dear > search->rate_max / 2 ? search->rate_max : dear * 2;
    }
    for (int k = 0; k < 4 && dear - cheap > 1; k++) {
        int64_t middle = cheap + (dear - cheap) / 2;

        if (cost_at(search, middle) > high)
            cheap = middle;
        else
            dear = middle;
    }
    search->rate = dear;
}

static void
list(struct hp_search *search, uint32_t u)
{
    while (search->listed_count < HP_CORE_MAX && !search->listed[u]) {
        search->listed[u] = true;
        search->listed_count++;
        if (search->units[u].copy == 0)
            break;
        u--;
    }
}

/* Lists a unit with its earlier copies, if all of them still find room. */
static void
list_whole(struct hp_search *search, uint32_t u)
{
    if (search->listed_count + (uint32_t)search->units[u].copy < HP_CORE_MAX)
        list(search, u);
}

/* The `wanted` best units that have `row`, by score or (with `cheap`) by price. */
static void
list_row(struct hp_search *search, uint32_t row, int32_t wanted, bool cheap)
{
    const struct hp_problem *problem = search->problem;
    uint32_t top[HP_PACK_UNITS_MAX + 2];
    int64_t keys[HP_PACK_UNITS_MAX + 2];
    uint32_t most = (uint32_t)wanted < HP_PACK_UNITS_MAX ? (uint32_t)wanted : HP_PACK_UNITS_MAX;
    uint32_t count = 0;

    for (uint32_t u = 0; u < search->unit_count; u++) {
        const struct unit *unit = &search->units[u];
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
        list_whole(search, top[k]);
}

/* What the rules need at least, whatever it is worth. */
static void
list_needs(struct hp_search *search)
{
    const struct hp_problem *problem = search->problem;

    if (problem->must_count)
        for (uint32_t u = 0; u < search->unit_count; u++)
            if (problem->must[search->units[u].item] && search->units[u].copy == 0)
                list(search, u);
    for (uint32_t row = 1; row < problem->share_row; row++)
        if (problem->row_min[row] > 0) {
            list_row(search, row, problem->row_min[row] + 2, false);
            list_row(search, row, problem->row_min[row] + 1, true);
        }
    list_row(search, 0, 4, true);
}

static void
list_content(struct hp_search *search, const struct hp_content *box)
{
    for (uint32_t k = 0; k < box->count; k++) {
        uint32_t low = 0;
        uint32_t high = search->unit_count;

        while (low < high) {
            uint32_t middle = (low + high) / 2;

            if (search->units[middle].item < box->item[k])
                low = middle + 1;
            else
                high = middle;
        }
        for (; low < search->unit_count && search->units[low].item == box->item[k] &&
               search->units[low].copy < box->quantity[k];
             low++)
            list(search, low);
    }
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

/* Merge sort of at most HP_CORE_MAX, runs of growing length. */
static void
sort_best(const struct unit *units, uint32_t *order, uint32_t count)
{
    uint32_t spare[HP_CORE_MAX];
    uint32_t *from = order;
    uint32_t *to = spare;

    for (uint32_t run = 1; run < count; run *= 2) {
        uint32_t *swap = from;

        for (uint32_t begin = 0; begin < count; begin += 2 * run) {
            uint32_t a = begin;
            uint32_t middle = begin + run < count ? begin + run : count;
            uint32_t end = middle + run < count ? middle + run : count;
            uint32_t b = middle;

            for (uint32_t k = begin; k < end; k++)
                to[k] = b == end || (a < middle && unit_before(units, from[a], from[b]))
                            ? from[a++]
                            : from[b++];
        }
        from = to;
        to = swap;
    }
    if (from != order)
        memcpy(order, from, count * sizeof(*order));
}

/* Price bands are half an octave wide: 1, 2, 3, 4, 6, 8, 12 and so on. */
static uint32_t
band_of(int64_t price)
{
    uint64_t doubled = 2 * (uint64_t)price | 1;
    uint32_t octave = 63U - (uint32_t)__builtin_clzll(doubled);

    return octave ? 2 * octave + (uint32_t)(doubled >> (octave - 1) & 1) : 0;
}

/* The best two items of every price band: whatever money is worth, a window may have room for
 * just such a price. */
static void
list_bands(struct hp_search *search)
{
    uint32_t top[BANDS][2] = {{0}};
    uint32_t count[BANDS] = {0};

    for (uint32_t u = 0; u < search->unit_count; u++) {
        uint32_t band = band_of(search->problem->price[search->units[u].item]);
        int64_t score = search->units[u].score;

        if (search->units[u].copy)
            continue;
        if (count[band] == 0 || score > search->units[top[band][0]].score) {
            top[band][1] = top[band][0];
            top[band][0] = u;
        } else if (count[band] == 1 || score > search->units[top[band][1]].score) {
            top[band][1] = u;
        } else {
            continue;
        }
        count[band] += count[band] < 2;
    }
    for (uint32_t band = 0; band < BANDS; band++)
        for (uint32_t k = 0; k < count[band]; k++)
            list(search, top[band][k]);
}

static void
list_best(struct hp_search *search)
{
    uint32_t wanted = HP_CORE_MAX - search->listed_count;
    uint32_t count = 0;

    for (uint32_t u = 0; u < search->unit_count; u++)
        if (!search->listed[u])
            search->order[count++] = u;
    if (wanted < count)
        select_best(search->units, search->order, count, wanted);
    for (uint32_t k = 0; k < count && k < wanted; k++)
        list_whole(search, search->order[k]);
}

/* What money is worth on average in the core, in its points. */
static int64_t
average_rate(const struct hp_core *core)
{
    const struct hp_pack_instance *in = core->problem->instance;
    int64_t points = 0;
    int64_t money = 1;

    for (size_t c = 0; c < in->category_count; c++)
        for (size_t u = 0; u < in->categories[c].bonus_count; u++)
            points += hp_core_bonus(core, (int32_t)c, (int32_t)u);
    for (uint32_t j = 0; j < core->count; j++) {
        points += core->copy[j] == 0 && core->base[j] > 0 ? core->base[j] : 0;
        money += core->price[j];
    }
    return (points << HP_CORE_RATE_BITS) / money + 1;
}

/* Chooses the columns by score (worth less price at the present rate) and builds the core.
 * Columns around `box`, when given: worth is then what an item adds to that box. */
static void
build_core(struct hp_search *search, const int64_t *worth, const struct hp_content *box)
{
    const struct hp_problem *problem = search->problem;
    struct hp_core *core = search->core;

    memset(search->listed, 0, search->unit_count * sizeof(*search->listed));
    search->listed_count = 0;
    for (uint32_t u = 0; u < search->unit_count; u++)
        search->units[u].score =
            worth[u] -
            (problem->price[search->units[u].item] * search->rate >> HP_CORE_RATE_BITS);
    if (box)
        list_content(search, box);
    list_needs(search);
    list_bands(search);
    list_best(search);
    core->gain = search->task->gain;
    core->low = search->task->low;
    core->high = search->task->high;
    core->count = 0;
    for (uint32_t u = 0; u < search->unit_count; u++)
        if (search->listed[u])
            search->order[core->count++] = u;
    sort_best(search->units, search->order, core->count);
    for (uint32_t j = 0; j < core->count; j++) {
        core->item[j] = search->units[search->order[j]].item;
        core->copy[j] = search->units[search->order[j]].copy;
    }
    hp_core_build(core);
    search->average = average_rate(core);
}

static int64_t
core_rate(const struct hp_search *search)
{
    int64_t rate = search->rate / (INT64_C(1) << search->core->shift);

    return rate > search->core->rate_max    ? search->core->rate_max
           : rate < -search->core->rate_max ? -search->core->rate_max
                                            : rate;
}

static int64_t
raw_rate(const struct hp_search *search, int64_t rate)
{
    int64_t most = search->rate_max >> search->core->shift;

    rate = rate > most ? most : rate < -most ? -most : rate;
    return rate * (INT64_C(1) << search->core->shift);
}

/* What money outside the window costs at least: the price of money, but where money hardly
 * counts still enough to be felt beside the items. */
static int64_t
charge_rate(const struct hp_search *search, int64_t rate)
{
    int64_t least = search->average / 2 + 1;

    return rate > least ? rate : least;
}

static int64_t
miss(const struct hp_core *core)
{
    if (core->box.cost > core->high)
        return core->box.cost - core->high;
    return core->box.cost < core->low ? core->low - core->box.cost : 0;
}

/* A fill that missed minima: again with the scarcest first, as all that follow in the slot; or,
 * when it may have run out of a capacity, with dearer and dearer capacities. */
static void
fill_at(struct hp_core *core, int64_t rate)
{
    hp_core_reset(core);
    hp_core_fill(core, rate, 0, NULL);
    if (!core->problem->instance->resource_count) {
        if (core->box.deficit && !core->scarce) {
            core->scarce = true;
            hp_core_reset(core);
            hp_core_fill(core, rate, 0, NULL);
        }
        return;
    }
    for (int64_t load = 1 << 12; core->box.deficit && load <= 1 << 24; load *= 4) {
        hp_core_reset(core);
        hp_core_fill(core, rate, load, NULL);
    }
}

/*
 * Fills the core's box at several rates until one lands in the window from both sides. Keeps
 * in `search->start` the fill that misses the window least and is worth most; returns the rate
 * it was made with.
 */
static int64_t
fill_window(struct hp_search *search, struct hp_best *best)
{
    struct hp_core *core = search->core;
    int64_t cheap = INT64_MIN; /* greatest rate seen that costs too much */
    int64_t dear = INT64_MAX;  /* least rate seen that does not */
    int64_t at = search->core_rate;
    int64_t unit = (at < 0 ? -at : at) / 8 + search->average / 32 + 16;
    int64_t least = -1;
    int64_t rate = at;

    for (int k = 0; k < FILLS_MAX; k++) {
        bool inside;

        fill_at(core, at);
        inside = miss(core) == 0;
        hp_best_offer(best, core);
        if (least < 0 || miss(core) < least ||
            (miss(core) == least && core->box.value > search->start.value)) {
            least = miss(core);
            search->start = core->box;
            rate = at;
        }
        if (core->box.cost > core->high)
            cheap = at;
        else
            dear = at;
        if (inside && k + 1 >= FILLS_LEAST)
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
    return rate;
}

static void
worth_around(struct hp_search *search, const struct hp_content *box)
{
    const struct hp_problem *problem = search->problem;
    int64_t *credit = search->credit;

    memset(credit, 0, problem->item_count * sizeof(*credit));
    for (uint32_t k = 0; k < box->count; k++) {
        uint32_t i = box->item[k];

        for (uint32_t p = problem->pair_start[i]; p < problem->pair_start[i + 1]; p++)
            credit[problem->pair_item[p]] += problem->pair_weight[p];
    }
    for (uint32_t u = 0; u < search->unit_count; u++) {
        uint32_t i = search->units[u].item;

        search->worth[u] = search->alone[u];
        if (search->units[u].copy == 0)
            search->worth[u] += (credit[i] + problem->credit[i]) / 2;
    }
}

/* The strongest pairs of the core. */
static void
find_seeds(struct hp_search *search)
{
    const struct hp_core *core = search->core;

    search->seed_count = 0;
    for (uint32_t j = 0; j < core->count; j++)
        for (uint32_t k = core->pair_start[j]; k < core->pair_start[j + 1]; k++) {
            uint32_t other = core->pair_column[k];
            int32_t weight = core->weight[(size_t)j * core->padded + other];
            struct seed seed = {0, j, other};
            uint32_t at;

            if (weight <= 0)
                continue;
            seed.score =
                (int64_t)core->base[j] + core->base[other] + 2 * (int64_t)weight -
                hp_core_points(core->price[j] + core->price[other], search->core_rate) -
                core->toll[j] - core->toll[other];
            at = search->seed_count < SEEDS_MAX ? search->seed_count++ : SEEDS_MAX;
            if (at == SEEDS_MAX && seed.score <= search->seeds[--at].score)
                continue;
            for (; at && search->seeds[at - 1].score < seed.score; at--)
                search->seeds[at] = search->seeds[at - 1];
            search->seeds[at] = seed;
        }
}

static void
put_if_open(struct hp_core *core, uint32_t column)
{
    struct hp_columns open = hp_core_open(core, HP_NO_COLUMN);

    if (hp_columns_has(&open, column) && !hp_columns_has(&core->box.chosen, column))
        hp_core_bring(core, column);
}

static bool
run_plan(struct hp_search *search, struct hp_best *best, const struct hp_tabu_plan *plan)
{
    bool better = hp_tabu_run(search->core, best, plan);
    int64_t looks = search->looks;

    if (!search->narrow)
        return better;
    better |= hp_land(search->core, best, &search->looks);
    search->left -= looks - search->looks;
    return better;
}

static bool
run(struct hp_search *search, struct hp_best *best, int steps, int patience, uint32_t ban)
{
    return run_plan(search, best,
        &(struct hp_tabu_plan){charge_rate(search, search->core_rate), CHARGE,
            steps * search->scale, patience * search->scale, ban});
}

static bool
run_seed(struct hp_search *search, struct hp_best *best, struct seed seed)
{
    struct hp_core *core = search->core;

    hp_core_reset(core);
    put_if_open(core, seed.a);
    put_if_open(core, seed.b);
    hp_core_fill(core, search->core_rate, 0, NULL);
    return run(search, best, SEED_STEPS, SEED_PATIENCE, HP_NO_COLUMN);
}

/* From the best box without one of its columns. */
static bool
run_ban(struct hp_search *search, struct hp_best *best, uint32_t column)
{
    search->core->box = search->start;
    return run(search, best, BAN_STEPS, BAN_PATIENCE, column);
}

/* The next column of the best box that may go, last ones first, or HP_NO_COLUMN; `from` are the
 * columns passed. */
static uint32_t
next_chosen(const struct hp_search *search, uint32_t *from)
{
    uint32_t count = search->core->count;

    for (uint32_t k = 0; k < count; k++) {
        uint32_t column = count - 1 - (*from)++ % count;

        if (hp_columns_has(&search->start.chosen, column) &&
            !hp_columns_has(&search->start.needed, column) &&
            !hp_columns_has(&search->core->pinned, column))
            return column;
    }
    return HP_NO_COLUMN;
}

/* The next seed from `from` on that the best box does not hold already. */
static uint32_t
next_seed(const struct hp_search *search, uint32_t from)
{
    const struct hp_columns *chosen = &search->start.chosen;

    while (from < search->seed_count && hp_columns_has(chosen, search->seeds[from].a) &&
           hp_columns_has(chosen, search->seeds[from].b))
        from++;
    return from;
}

static void
start_from(struct hp_search *search, const struct hp_content *box)
{
    hp_core_load(search->core, box);
    search->start = search->core->box;
}

/* Runs from elsewhere until a number of them in a row found nothing better: two seeds, then a
 * ban, again and again; bans only when the seeds are used up. Where runs keep finding better
 * boxes there are many of about the same value, and the best is farther away: they get more. */
static void
improve(struct hp_search *search, struct hp_best *best)
{
    uint32_t tolls = search->tolls < TOLLS_MAX ? search->tolls : TOLLS_MAX;
    int idle_max = (RUNS_IDLE + RUNS_TOLL * (int)tolls) * (1 + search->scale) / 2;
    uint32_t seed = 0;
    uint32_t from = 0;
    int idle = 0;
    int64_t moves = search->core->moves;
    int64_t most = moves + (moves < ALL_MOVES ? SLOT_MOVES : LAST_MOVES);

    start_from(search, &best->box);
    for (int k = 0; idle < idle_max && search->core->moves < most; k++) {
        bool better;

        seed = next_seed(search, seed);
        if (k % 3 != 0 && seed < search->seed_count) {
            better = run_seed(search, best, search->seeds[seed++]);
        } else {
            uint32_t column = next_chosen(search, &from);

            if (column == HP_NO_COLUMN)
                break;
            better = run_ban(search, best, column);
        }
        if (seed >= search->seed_count)
            seed = 0;
        idle = better ? 0 : idle + 1;
        if (better) {
            start_from(search, &best->box);
            idle_max += RUNS_MORE;
            search->finds++;
        }
    }
}

/* Starts spread over the core, by numbers that depend on nothing but their place in line. */
static void
search_noisy(
    struct hp_search *search, struct hp_best *best, int64_t unit, int starts, bool stop)
{
    struct hp_core *core = search->core;
    struct hp_rng rng = {1};
    int64_t most = 0;

    for (uint32_t j = 0; j < core->count; j++)
        if (core->copy[j] == 0 && core->base[j] > most)
            most = core->base[j];
    for (int k = 0; k < starts && !(stop && best->found); k++) {
        struct hp_tabu_plan plan = {
            unit * (1 << k % 4), 64, HARD_STEPS, HARD_STEPS, HP_NO_COLUMN};
        int64_t rate = unit / 4 * (k % 7 - 3);
        int32_t noise[HP_CORE_MAX];

        for (uint32_t j = 0; j < core->count; j++)
            noise[j] = (int32_t)hp_rng_between(&rng, 0, most);
        hp_core_reset(core);
        hp_core_fill(core, rate, 0, noise);
        run_plan(search, best, &plan);
    }
}

/* No box so far: from fills at many rates, with money outside the window charged so dearly that
 * reaching it is all that counts at first. */
static void
search_harder(struct hp_search *search, struct hp_best *best)
{
    static const int8_t eighths[] = {8, 0, 4, 16, -4, 32, -16, -64};
    struct hp_core *core = search->core;
    int64_t unit = charge_rate(search, 0);

    for (size_t k = 0; k < HP_ARRAY_SIZE(eighths) && !best->found; k++) {
        int64_t rate = unit / 8 * eighths[k];
        struct hp_tabu_plan plan = {unit * 2, 64, HARD_STEPS, HARD_STEPS, HP_NO_COLUMN};

        if (rate > core->rate_max || rate < -core->rate_max)
            continue;
        fill_at(core, rate);
        run_plan(search, best, &plan);
    }
    search_noisy(search, best, unit, NOISY_STARTS, true);
}

/* Around the best box: columns by what they add to it. */
static void
recentre(struct hp_search *search, struct hp_best *best)
{
    search->rate = raw_rate(search, search->core_rate);
    worth_around(search, &best->box);
    build_core(search, search->worth, &best->box);
    search->core_rate = core_rate(search);
    hp_core_load(search->core, &best->box);
    run(search, best, MAIN_STEPS, MAIN_PATIENCE, HP_NO_COLUMN);
}

static void
search_main(struct hp_search *search, struct hp_best *best)
{
    search->tolls = hp_toll_find(search->core, search->core_rate);
    search->core_rate = fill_window(search, best);
    search->core->box = search->start;
    run(search, best, MAIN_STEPS, MAIN_PATIENCE, HP_NO_COLUMN);
}

/* A core from nothing but the worth of items at the price of money. */
static void
search_afresh(struct hp_search *search, struct hp_best *best)
{
    list_units(search);
    find_rate(search);
    build_core(search, search->alone, best->found ? &best->box : NULL);
    search->core_rate = core_rate(search);
    search_main(search, best);
}

/* Narrow windows and capacities make good boxes rare, and so does a box that was hard to find:
 * such slots get more steps. */
static int
scale_of(const struct hp_slot_task *task, bool hard)
{
    return 1 + 2 * (task->high - task->low < task->high / 10) +
           2 * (task->problem->instance->resource_count > 0) + SCALE_HARD * hard;
}

/* May the slot begin with the core as it is? Not where capacities bind: what is left of them
 * decides which columns are of use. */
static bool
core_serves(const struct hp_search *search, const struct hp_slot_task *task)
{
    return search->warm && search->core->gain == task->gain &&
           search->core->high == task->high && !task->problem->instance->resource_count;
}

/* Are all columns of the box in the core? */
static bool
core_holds(struct hp_core *core, const struct hp_best *best)
{
    hp_core_load(core, &best->box);
    return core->box.cost == best->cost;
}

/* Far below the best one there is less left to pack, or the core lacks what the slot needs. */
static bool
is_poor(const struct hp_search *search, const struct hp_best *best)
{
    return search->most - best->value > search->most / POOR;
}

/* May all boxes of the core be looked at, the last two units of each as pairs? Not in a wide
 * window, where most pairs land. */
static bool
few_boxes(const struct hp_search *search)
{
    const struct hp_core *core = search->core;
    int64_t count = core->count;
    int64_t looks = count;
    int64_t boxes = 1;
    int32_t units = search->problem->row_max[0] - hp_columns_count(&core->pinned) - 2;

    if (core->high - core->low >= core->high / FEW_WIDTH)
        return false;
    for (int32_t k = 1; k <= units && k <= count && looks < FEW_LOOKS; k++) {
        boxes = boxes * (count - k + 1) / k;
        looks += boxes * count;
    }
    return looks < FEW_LOOKS && looks < search->left;
}

/* Every box of the core, when there are few: true when there can be no other. */
static bool
search_few(struct hp_search *search, struct hp_best *best)
{
    bool whole = search->core->count == search->unit_count;

    if (whole && search->core->count <= HP_SMALL_COLUMNS && hp_small_run(search->core, best))
        return true;
    return few_boxes(search) && hp_land_all(search->core, best, &search->left) && whole;
}

/* Has what money is worth left the rate that the columns were chosen at? Earlier boxes took the
 * items that set it. */
static bool
rate_moved(const struct hp_search *search)
{
    int64_t built = core_rate(search);
    int64_t by = search->core_rate - built;

    return (by < 0 ? -by : by) > (built < 0 ? -built : built) / MOVED;
}

/* Do the scores of a box's last column and of the core's last ones differ by less than a pair
 * is worth? Pairs then tell which columns are of use, and other boxes need others. */
static bool
is_blunt(const struct hp_search *search)
{
    const struct hp_core *core = search->core;
    uint32_t units = (uint32_t)search->problem->row_max[0];
    uint32_t last = core->count * (BLUNT - 1) / BLUNT;

    return units < last && search->units[search->order[units]].score -
                                   search->units[search->order[last]].score <
                               search->strongest * 3 / 4;
}

/* May the slot do without a centre of its own? */
static bool
centre_serves(const struct hp_search *search)
{
    return search->finds < RUGGED && !is_blunt(search) && !rate_moved(search);
}

void
hp_search_slot(
    struct hp_search *search, const struct hp_slot_task *task, bool hard, struct hp_best *best)
{
    bool warm = core_serves(search, task);

    if (search->core->gain != task->gain || search->core->high != task->high)
        search->most = 0;
    search->task = task;
    search->core->scarce = false;
    search->scale = scale_of(task, hard);
    search->narrow = task->high - task->low < task->high / NARROW;
    search->looks = search->left < SLOT_LOOKS ? search->left : SLOT_LOOKS;
    if (warm) {
        search->core->low = task->low;
        hp_core_share(search->core);
        warm = !best->found || core_holds(search->core, best);
    }
    if (warm) {
        search_main(search, best);
        warm = best->found && !is_poor(search, best);
    }
    if (!warm)
        search_afresh(search, best);
    if (search_few(search, best)) {
        search->warm = best->found;
        return;
    }
    if (!best->found && hard)
        search_harder(search, best);
    search->warm = best->found;
    if (!best->found)
        return;
    if (!(warm && centre_serves(search)) && search->core->count < search->unit_count)
        recentre(search, best);
    find_seeds(search);
    if (search->scale > SCALE_HARD && search->core->moves < ALL_MOVES)
        search_noisy(search, best, charge_rate(search, 0), NOISY_STARTS, false);
    improve(search, best);
    if (search->most < best->value)
        search->most = best->value;
}
