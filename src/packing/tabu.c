/*
 * packing/tabu.c - tabu search over the columns of a core (Glover 1989; for knapsacks with
 * oscillation around the boundary, Glover and Kochenberger 1996).
 *
 * A move adds, drops or exchanges one column. Row maxima hold throughout, and a minimum once
 * reached is not left; so a move is allowed or not by a few ANDs of row sets (core.h). The
 * window and the capacities are soft: money above `high` or below `low`, and use above a
 * capacity, is charged at a rate that rises while the box stays outside and falls while it
 * stays inside, so that the search keeps crossing the boundary, where the best boxes are. A
 * column that brings a row nearer to its minimum is worth REWARD more. The best move is made
 * even when it makes the box worse; what left may not come back for a while.
 *
 * One pass values all exchanges of one chosen column o at once, eight columns j a lane:
 *
 *     add[j] - weight[o][j] + same category? - charge(cost - price[o] + price[j])
 *
 * in 32-bit integers. Most passes are not needed: charge() grows by at least `rate` above
 * `high`, so no exchange of o is worth more than
 *
 *     max(add[j] - rate * price[j]) + spite[o] - worth[o] + rate * (high - cost + price[o])
 *
 * and columns whose bound does not beat the best move so far are passed over.
 *
 * Lanes are the compiler's vector type; the same source is compiled for AVX2 as well and picked
 * at run time. Integers, so both give the same result.
 *
 * Cost: about 0.15 us a move with 64 columns and 10 chosen.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "packing/tabu.h"

#define NEVER        INT32_MIN
#define HOLD_OUT     4 /* moves a column that left stays away */
#define STREAK       2
#define EIGHTHS_MIN  8
#define EIGHTHS_MAX  64
#define REWARD       (1 << 25)
#define HALF_CLASH   (HP_CORE_CLASH / 2)
#define SLACK        4
#define SEEN_MAX     8
#define NOTHING_CODE HP_CORE_MAX /* goes or comes */

struct boundary { /* one capacity, or the window */
    int32_t points[HP_CORE_MAX];
    int32_t eighths; /* what a point outside costs, in eighths of a point */
    int32_t streak;  /* moves inside (positive) or outside in a row */
};

struct scan { /* what the exchanges of one column have in common */
    const int32_t *add;
    const int32_t *weight;
    const int32_t *category;
    uint32_t padded;
    int32_t same_category;
    int32_t same_bonus;
    int32_t room_high; /* points that may come in without passing `high` */
    int32_t room_low;  /* points that must come in to reach `low` */
    int32_t worth;     /* of what goes out */
    int32_t tag;       /* number of the column that goes out, shifted left by 8 */
    int32_t least;     /* columns worth less than this (and than least_net with the price */
    int32_t least_net; /* taken off) make no better move */
    size_t capacities;
    int32_t room[HP_PACK_RESOURCES_MAX];
    struct hp_columns allowed;
};

struct found { /* best per lane */
    int32_t score[HP_LANES];
    int32_t move[HP_LANES]; /* out << 8 | in */
};

struct search {
    struct hp_core *core;
    int64_t rate;
    int64_t money_max; /* beyond it money is as many points as there are */
    int32_t room_high; /* points that may come in without passing `high` */
    int32_t room_low;  /* points that must come in to reach `low` */
    int32_t room[HP_PACK_RESOURCES_MAX];
    int32_t most[HP_CORE_MAX / HP_LANES / 2]; /* by two lanes: see most_body() */
    int32_t most_net[HP_CORE_MAX / HP_LANES / 2];
    struct boundary window;
    struct boundary capacity[HP_PACK_RESOURCES_MAX];
    int moves;
    uint32_t came;                    /* the column that came last may not leave at once */
    uint32_t left[HOLD_OUT];          /* the last columns that left, */
    struct hp_columns away;           /* as a set */
    struct hp_columns held;           /* may not come in */
    struct hp_columns open[SEEN_MAX]; /* what rows let in, by */
    uint64_t edges[SEEN_MAX];         /* the rows at an edge that what goes has */
    int seen;
    uint32_t ban; /* may not come in; HP_NO_COLUMN: none */
    int32_t rewarded[HP_CORE_MAX];
    const int32_t *add; /* core's, or `rewarded` while a minimum is missed */
};

#define INLINE             static inline __attribute__((always_inline))
#define LANES_AT(array, j) (*(const hp_lanes *)((array) + (j)))

/* The greatest of eight numbers. */
INLINE int32_t
lanes_most(const hp_lanes *lanes)
{
    hp_lanes a = *lanes;
    hp_lanes b = __builtin_shufflevector(a, a, 4, 5, 6, 7, 0, 1, 2, 3);
    hp_lanes more = a > b;

    a = (a & more) | (b & ~more);
    b = __builtin_shufflevector(a, a, 2, 3, 0, 1, 6, 7, 4, 5);
    more = a > b;
    a = (a & more) | (b & ~more);
    return a[0] > a[1] ? a[0] : a[1];
}

/* Bit k: columns 16 k to 16 k + 15 may hold a better move. */
INLINE uint32_t
worth_a_look(const struct search *search, const struct scan *scan)
{
    uint32_t look = 0;

    for (uint32_t k = 0; k < search->core->padded / (2 * HP_LANES); k++)
        look |= (uint32_t)((search->most[k] >= scan->least) &
                           (search->most_net[k] >= scan->least_net))
                << k;
    return look;
}

/* Exchanges for columns j to j + 7; `mask`: those allowed. */
INLINE void
scan_lanes(const struct search *search, const struct scan *scan, uint32_t j, int32_t mask,
    hp_lanes *best, hp_lanes *move)
{
    const hp_lanes bit = {1, 2, 4, 8, 16, 32, 64, 128};
    const hp_lanes number = {0, 1, 2, 3, 4, 5, 6, 7};
    hp_lanes points = LANES_AT(search->window.points, j);
    hp_lanes worth = LANES_AT(scan->add, j) - LANES_AT(scan->weight, j);
    hp_lanes over = points - scan->room_high;
    hp_lanes under = scan->room_low - points;
    hp_lanes score;
    hp_lanes better;

    over &= over > 0;
    under &= under > 0;
    score = worth - scan->worth - ((over + under) * search->window.eighths >> 3) +
            ((LANES_AT(scan->category, j) == scan->same_category) & scan->same_bonus);
    for (size_t r = 0; r < scan->capacities; r++) {
        over = LANES_AT(search->capacity[r].points, j) - scan->room[r];
        over &= over > 0;
        score -= over * search->capacity[r].eighths >> 3;
    }
    better = ((mask & bit) != 0) & (score > *best) & (worth > -HALF_CLASH);
    *best = (score & better) | (*best & ~better);
    *move = ((scan->tag + (int32_t)j + number) & better) | (*move & ~better);
}

INLINE void
scan_body(const struct search *search, const struct scan *scan, struct found *found)
{
    hp_lanes best = *(const hp_lanes *)found->score;
    hp_lanes move = *(const hp_lanes *)found->move;

    for (uint32_t look = worth_a_look(search, scan); look; look &= look - 1) {
        uint32_t j = (uint32_t)__builtin_ctz(look) * 2 * HP_LANES;
        int32_t mask = (int32_t)(scan->allowed.word[j >> 6] >> (j & 63) & 65535);

        scan_lanes(search, scan, j, mask, &best, &move);
        scan_lanes(search, scan, j + HP_LANES, mask >> 8, &best, &move);
    }
    *(hp_lanes *)found->score = best;
    *(hp_lanes *)found->move = move;
}

/* The most that columns not in `held` are worth, and are worth above their price at the base
 * rate, by two lanes. */
INLINE void
most_body(struct search *search)
{
    const hp_lanes bit = {1, 2, 4, 8, 16, 32, 64, 128};

    for (uint32_t j = 0; j < search->core->padded; j += 2 * HP_LANES) {
        int32_t mask = (int32_t)(~search->held.word[j >> 6] >> (j & 63) & 65535);
        hp_lanes first = (mask & bit) != 0;
        hp_lanes second = (mask >> 8 & bit) != 0;
        hp_lanes a = (LANES_AT(search->add, j) & first) | (NEVER / 2 & ~first);
        hp_lanes b = (LANES_AT(search->add, j + HP_LANES) & second) | (NEVER / 2 & ~second);
        hp_lanes more = a > b;
        hp_lanes most = (a & more) | (b & ~more);

        search->most[j / (2 * HP_LANES)] = lanes_most(&most);
        a -= LANES_AT(search->window.points, j);
        b -= LANES_AT(search->window.points, j + HP_LANES);
        more = a > b;
        most = (a & more) | (b & ~more);
        search->most_net[j / (2 * HP_LANES)] = lanes_most(&most);
    }
}

static int32_t
clamp_points(int64_t points)
{
    return points > HP_POINTS_MAX    ? HP_POINTS_MAX
           : points < -HP_POINTS_MAX ? -HP_POINTS_MAX
                                     : (int32_t)points;
}

/* Money in points at the base rate. */
static int32_t
edge(const struct search *search, int64_t money)
{
    if (money > search->money_max || money < -search->money_max)
        return money > 0 ? HP_POINTS_MAX : -HP_POINTS_MAX;
    return clamp_points(money * search->rate >> HP_CORE_RATE_BITS);
}

/* Use of a capacity in points: all of it is LOAD points. */
#define LOAD (1 << 22)

static int32_t
load_of(const struct hp_core *core, size_t r, int64_t use)
{
    int64_t max = core->problem->instance->resources[r].max;

    if (use > 2 * max)
        return HP_POINTS_MAX;
    if (use < -2 * max)
        return -HP_POINTS_MAX;
    if (max > INT64_C(1) << 40)
        return clamp_points((use >> 20) * LOAD / ((max >> 20) + 1));
    return clamp_points(use * LOAD / (max + 1));
}

INLINE void
look_at_rows(struct search *search)
{
    const struct hp_core *core = search->core;
    struct hp_columns needed;

    for (uint32_t w = 0; w < HP_CORE_WORDS; w++)
        search->held.word[w] =
            core->box.chosen.word[w] | search->away.word[w] | ~core->there.word[w];
    search->add = core->box.add;
    search->room_high = edge(search, core->high - core->box.cost);
    search->room_low = edge(search, core->low - core->box.cost);
    for (size_t r = 0; r < core->problem->instance->resource_count; r++)
        search->room[r] =
            load_of(core, r, core->problem->instance->resources[r].max - core->box.use[r]);
    if (!core->box.deficit)
        return;
    needed = hp_core_needed(core);
    for (uint32_t j = 0; j < core->padded; j++)
        search->rewarded[j] = core->box.add[j] + (hp_columns_has(&needed, j) ? REWARD : 0);
    search->add = search->rewarded;
}

static const int32_t nothing[HP_CORE_MAX];

/* Columns that no row keeps out once `out` is gone; equal rows at an edge, equal columns. */
INLINE struct hp_columns
open_without(struct search *search, uint32_t out)
{
    const struct hp_core *core = search->core;
    uint64_t edges;

    if (core->row_words > 1)
        return hp_core_open(core, out);
    edges = out == HP_NO_COLUMN
                ? 0
                : core->rows[out].word[0] & (core->box.full.word[0] | core->box.tight.word[0]);
    for (int k = 0; k < search->seen; k++)
        if (search->edges[k] == edges)
            return search->open[k];
    search->edges[search->seen] = edges;
    search->open[search->seen] = hp_core_open(core, out);
    if (search->seen + 1 < SEEN_MAX)
        return search->open[search->seen++];
    return search->open[search->seen];
}

/* Exchanges of `out`, or (HP_NO_COLUMN) columns that just come. */
INLINE void
scan_exchanges(
    struct search *search, uint32_t out, int32_t least, int32_t least_net, struct found *found)
{
    const struct hp_core *core = search->core;
    struct scan scan;

    scan.add = search->add;
    scan.weight = nothing;
    scan.category = core->category;
    scan.padded = core->padded;
    scan.same_category = -2;
    scan.same_bonus = 0;
    scan.room_high = search->room_high;
    scan.room_low = search->room_low;
    scan.worth = 0;
    scan.tag = NOTHING_CODE << 8;
    scan.least = least;
    scan.least_net = least_net;
    scan.capacities = core->problem->instance->resource_count;
    scan.allowed = open_without(search, out);

    for (uint32_t w = 0; w < HP_CORE_WORDS; w++)
        scan.allowed.word[w] &= ~search->held.word[w];
    for (size_t r = 0; r < scan.capacities; r++)
        scan.room[r] = search->room[r];
    if (out != HP_NO_COLUMN) {
        scan.weight = core->weight + (size_t)out * core->padded;
        scan.same_category = core->category[out];
        scan.same_bonus = core->box.same[core->category[out]];
        scan.worth = hp_core_worth(core, out);
        scan.tag = (int32_t)(out << 8);
        scan.room_high += search->window.points[out];
        scan.room_low += search->window.points[out];
        for (size_t r = 0; r < scan.capacities; r++)
            scan.room[r] += search->capacity[r].points[out];
    }
    scan_body(search, &scan, found);
}

/* Dropping is exchanging for nothing. */
INLINE void
scan_drop(const struct search *search, uint32_t out, struct found *found)
{
    const struct hp_core *core = search->core;
    int32_t over = -search->room_high - search->window.points[out];
    int32_t under = search->room_low + search->window.points[out];
    int32_t outside = over > 0 ? over : under > 0 ? under : 0;
    int32_t score = -hp_core_worth(core, out) - (outside * search->window.eighths >> 3);

    if (score <= found->score[0])
        return;
    for (uint32_t w = 0; w < core->row_words; w++)
        if (core->rows[out].word[w] & core->box.tight.word[w])
            return;
    for (size_t r = 0; r < core->problem->instance->resource_count; r++) {
        over = -search->room[r] - search->capacity[r].points[out];
        score -= over > 0 ? over * search->capacity[r].eighths >> 3 : 0;
    }
    if (score > found->score[0]) {
        found->score[0] = score;
        found->move[0] = (int32_t)(out << 8 | NOTHING_CODE);
    }
}

struct leaver {
    int32_t more;
    uint32_t column;
};

/* What exchanges of `out` can be worth above the column that comes; plus SLACK for rounding. */
INLINE int32_t
more_of(const struct search *search, uint32_t out)
{
    const struct hp_core *core = search->core;
    int32_t same = core->box.same[core->category[out]];

    if (hp_columns_has(&core->clashing, out))
        return INT32_MAX / 2;
    return core->spite[out] + (same > 0 ? same : 0) - core->box.add[out] - same + SLACK;
}

/* Columns that may go, and what more_of() says of each; one of the most stands first. */
INLINE uint32_t
list_leavers(const struct search *search, struct leaver *leavers)
{
    const struct hp_core *core = search->core;
    uint32_t count = 0;
    uint32_t first = 0;

    for (uint32_t w = 0; w < HP_CORE_WORDS; w++)
        for (uint64_t bits = core->box.chosen.word[w] & ~core->pinned.word[w]; bits;
             bits &= bits - 1) {
            uint32_t out = w * 64 + (uint32_t)__builtin_ctzll(bits);

            if (out == search->came || core->box.add[out] > HALF_CLASH)
                continue;
            leavers[count] = (struct leaver){more_of(search, out), out};
            first = leavers[count].more > leavers[first].more ? count : first;
            count++;
        }
    if (first) {
        struct leaver swap = leavers[0];

        leavers[0] = leavers[first];
        leavers[first] = swap;
    }
    return count;
}

/* The best move, or -1. Equal scores: the smaller code. */
INLINE int32_t
best_move(struct search *search)
{
    struct leaver leavers[HP_PACK_UNITS_MAX];
    struct found found;
    uint32_t count;
    int32_t best = 0;

    for (int k = 0; k < HP_LANES; k++) {
        found.score[k] = NEVER;
        found.move[k] = -1;
    }
    search->seen = 0;
    most_body(search);
    if (search->moves == 0 && search->ban != HP_NO_COLUMN) {
        if (search->core->box.add[search->ban] > HALF_CLASH) /* a copy depends on it */
            return -1;
        scan_exchanges(search, search->ban, NEVER, NEVER, &found);
        scan_drop(search, search->ban, &found);
    } else {
        scan_exchanges(search, HP_NO_COLUMN, NEVER, NEVER, &found);
        count = list_leavers(search, leavers);
        for (uint32_t k = 0; k < count; k++) {
            uint32_t out = leavers[k].column;
            int32_t best_yet = lanes_most((const hp_lanes *)found.score);
            int32_t least = best_yet < -HALF_CLASH ? NEVER : best_yet - leavers[k].more;

            scan_exchanges(search, out, least,
                least == NEVER ? NEVER : least - search->room_high - search->window.points[out],
                &found);
        }
        for (uint32_t k = 0; k < count; k++)
            scan_drop(search, leavers[k].column, &found);
    }
    for (int k = 1; k < HP_LANES; k++)
        if (found.score[k] > found.score[best] ||
            (found.score[k] == found.score[best] && found.move[k] < found.move[best]))
            best = k;
    return found.move[best];
}

INLINE void
make_move(struct search *search, int32_t move)
{
    struct hp_core *core = search->core;
    uint32_t out = (uint32_t)move >> 8;
    uint32_t in = (uint32_t)move & 255;
    uint32_t *slot = &search->left[++search->moves % HOLD_OUT];

    if (*slot != HP_NO_COLUMN && *slot != search->ban)
        hp_columns_flip(&search->away, *slot);
    *slot = HP_NO_COLUMN;
    search->came = HP_NO_COLUMN;
    if (out < NOTHING_CODE) {
        hp_core_remove(core, out);
        if (out != search->ban)
            hp_columns_flip(&search->away, out);
        *slot = out;
    }
    if (in < NOTHING_CODE) {
        hp_core_put(core, in);
        search->came = in;
    }
}

static void
adapt(struct boundary *boundary, bool inside)
{
    if (inside != (boundary->streak > 0))
        boundary->streak = 0;
    boundary->streak += inside ? 1 : -1;
    if (boundary->streak >= STREAK) {
        boundary->eighths -= boundary->eighths / 4;
        boundary->streak = 0;
    } else if (boundary->streak <= -STREAK) {
        boundary->eighths += boundary->eighths / 2 + 1;
        boundary->streak = 0;
    }
    if (boundary->eighths < EIGHTHS_MIN)
        boundary->eighths = EIGHTHS_MIN;
    if (boundary->eighths > EIGHTHS_MAX)
        boundary->eighths = EIGHTHS_MAX;
}

static void
adapt_all(struct search *search)
{
    const struct hp_core *core = search->core;
    const struct hp_pack_instance *in = core->problem->instance;

    adapt(&search->window, core->box.cost >= core->low && core->box.cost <= core->high);
    for (size_t r = 0; r < in->resource_count; r++)
        adapt(&search->capacity[r], core->box.use[r] <= in->resources[r].max);
}

static void
prepare(struct search *search, const struct hp_tabu_plan *plan)
{
    struct hp_core *core = search->core;

    search->moves = 0;
    search->came = HP_NO_COLUMN;
    search->away = (struct hp_columns){0};
    search->ban = plan->ban;
    if (plan->ban != HP_NO_COLUMN)
        hp_columns_flip(&search->away, plan->ban);
    for (int k = 0; k < HOLD_OUT; k++)
        search->left[k] = HP_NO_COLUMN;
    search->rate = plan->rate < 1                ? 1
                   : plan->rate > core->rate_max ? core->rate_max
                                                 : plan->rate;
    search->money_max = (INT64_C(1) << 61) / search->rate;
    search->window.eighths = plan->eighths;
    search->window.streak = 0;
    for (uint32_t j = 0; j < core->padded; j++)
        search->window.points[j] = hp_core_points(core->price[j], search->rate);
    for (size_t r = 0; r < core->problem->instance->resource_count; r++) {
        search->capacity[r].eighths = plan->eighths;
        search->capacity[r].streak = 0;
        for (uint32_t j = 0; j < core->padded; j++)
            search->capacity[r].points[j] =
                j < core->count
                    ? load_of(core, r, hp_problem_use(core->problem, core->item[j], r))
                    : 0;
    }
}

INLINE bool
run_body(struct search *search, struct hp_best *best, const struct hp_tabu_plan *plan)
{
    bool improved;
    int idle = 0;

    prepare(search, plan);
    improved = hp_best_offer(best, search->core);
    while (search->moves < plan->steps && idle < plan->patience) {
        int32_t move;

        look_at_rows(search);
        move = best_move(search);
        if (move < 0)
            break;
        make_move(search, move);
        idle++;
        if (hp_best_offer(best, search->core)) {
            improved = true;
            idle = 0;
        }
        adapt_all(search);
    }
    search->core->moves += search->moves;
    return improved;
}

static bool
run_plain(struct search *search, struct hp_best *best, const struct hp_tabu_plan *plan)
{
    return run_body(search, best, plan);
}

#if defined(__x86_64__) && !defined(HP_NO_AVX2)
__attribute__((target("avx2"))) static bool
run_avx2(struct search *search, struct hp_best *best, const struct hp_tabu_plan *plan)
{
    return run_body(search, best, plan);
}
#endif

bool
hp_tabu_run(struct hp_core *core, struct hp_best *best, const struct hp_tabu_plan *plan)
{
    struct search search;

    search.core = core;
#if defined(__x86_64__) && !defined(HP_NO_AVX2)
    if (__builtin_cpu_supports("avx2"))
        return run_avx2(&search, best, plan);
#endif
    return run_plain(&search, best, plan);
}

/* Is `content` before `other` in id order of items, then quantities? */
static bool
content_first(const struct hp_content *content, const struct hp_content *other)
{
    uint32_t count = content->count < other->count ? content->count : other->count;

    for (uint32_t k = 0; k < count; k++) {
        if (content->item[k] != other->item[k])
            return content->item[k] < other->item[k];
        if (content->quantity[k] != other->quantity[k])
            return content->quantity[k] < other->quantity[k];
    }
    return content->count < other->count;
}

bool
hp_best_offer(struct hp_best *best, const struct hp_core *core)
{
    const struct hp_core_state *state = &core->box;
    struct hp_content box;
    int64_t value;

    if (state->deficit || state->cost < core->low || state->cost > core->high)
        return false;
    if (core->shift == 0 && best->found &&
        (state->value < best->value ||
            (state->value == best->value && state->cost < best->cost)))
        return false;
    if (!hp_core_light(core))
        return false;
    hp_core_save(core, &box);
    value = core->shift == 0 ? state->value : hp_content_value(core->problem, core->gain, &box);
    if (best->found &&
        (value < best->value || (value == best->value && state->cost < best->cost) ||
            (value == best->value && state->cost == best->cost &&
                !content_first(&box, &best->box))))
        return false;
    *best = (struct hp_best){true, value, state->cost, box};
    return true;
}
