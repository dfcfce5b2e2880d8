/*
 * packing/tabu.c - tabu search over the columns of a core (Glover 1989; for knapsacks with
 * oscillation around the boundary, Glover and Kochenberger 1996).
 *
 * A move adds, drops or exchanges one column. The row rules and capacities hold throughout, so
 * a move is allowed or not by kinds (core.h): a few ANDs for each pair of kinds. The window is
 * soft: money above `high` or below `low` is charged at a rate that rises while the box stays
 * outside and falls while it stays inside, so that the search keeps crossing the boundary,
 * where the best boxes are. The best move is made even when it makes the box worse; what left
 * may not come back for a while, and what came may not leave.
 *
 * One pass values all exchanges of one chosen column at once: eight columns a lane,
 *
 *     add[j] - weight[o][j] + same category? - charge(cost - price[o] + price[j])
 *
 * in 32-bit integers. Lanes are the compiler's vector type; the same source is compiled for
 * AVX2 as well and picked at run time. Integers, so both give the same result.
 *
 * Cost: about 0.3 us a move with 64 columns and 10 chosen.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "packing/tabu.h"

#define LANES     HP_LANES
#define NEVER     (-(1 << 30))
#define HOLD_OUT  5 /* moves a column that left stays away */
#define HOLD_IN   1 /* moves a column that came stays in */
#define STREAK    2 /* moves on one side of the boundary before the charge changes */
#define EDGE_MAX  (1 << 26)
#define NO_COLUMN UINT32_MAX

struct scan { /* what the exchanges of one column have in common */
    const int32_t *add;
    const int32_t *weight;
    const int32_t *category;
    const int32_t *points;
    uint32_t padded;
    int32_t same_category;
    int32_t same_bonus;
    int32_t room_high; /* points that may come in without passing `high` */
    int32_t room_low;  /* points that must come in to reach `low` */
    int32_t worth;     /* of what goes out */
    int32_t tag;       /* number of the column that goes out, shifted left by 8 */
    struct hp_columns allowed;
};

struct found { /* best per lane */
    int32_t score[LANES];
    int32_t move[LANES]; /* out << 8 | in */
};

static inline __attribute__((always_inline)) void
scan_body(const struct scan *scan, struct found *found)
{
    const hp_lanes bit = {1, 2, 4, 8, 16, 32, 64, 128};
    const hp_lanes number = {0, 1, 2, 3, 4, 5, 6, 7};
    hp_lanes best = *(const hp_lanes *)found->score;
    hp_lanes move = *(const hp_lanes *)found->move;

    for (uint32_t j = 0; j < scan->padded; j += LANES) {
        int32_t mask = (int32_t)(scan->allowed.word[j >> 6] >> (j & 63) & 255);
        hp_lanes points;
        hp_lanes over;
        hp_lanes under;
        hp_lanes score;
        hp_lanes better;

        if (!mask)
            continue;
        points = *(const hp_lanes *)(scan->points + j);
        over = points - scan->room_high;
        over &= over > 0;
        under = scan->room_low - points;
        under &= under > 0;
        score = *(const hp_lanes *)(scan->add + j) - *(const hp_lanes *)(scan->weight + j) -
                scan->worth - over - under;
        score +=
            (*(const hp_lanes *)(scan->category + j) == scan->same_category) & scan->same_bonus;
        better = ((mask & bit) != 0) & (score > best);
        best = (score & better) | (best & ~better);
        move = ((scan->tag + (int32_t)j + number) & better) | (move & ~better);
    }
    *(hp_lanes *)found->score = best;
    *(hp_lanes *)found->move = move;
}

static void
scan_plain(const struct scan *scan, struct found *found)
{
    scan_body(scan, found);
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) static void
scan_avx2(const struct scan *scan, struct found *found)
{
    scan_body(scan, found);
}
#endif

typedef void scan_function(const struct scan *, struct found *);

static scan_function *
scan_for_this_machine(void)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2"))
        return scan_avx2;
#endif
    return scan_plain;
}

struct search {
    struct hp_core *core;
    scan_function *scan;
    int64_t rate;
    int32_t points[HP_CORE_MAX];
    int moves;
    int until[HP_CORE_MAX];   /* a column that came may not leave before this move */
    uint32_t left[HOLD_OUT];  /* the last columns that left, */
    int left_until[HOLD_OUT]; /* and when they may come back */
    int streak;               /* moves inside (positive) or outside the window in a row */
    struct hp_edges edges;
    struct hp_columns held; /* may not come in */
    uint32_t ban;           /* may not come in; HP_TABU_ANY: none */
};

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
    struct hp_content box;
    int64_t value;

    if (core->cost < core->low || core->cost > core->high || !hp_core_filled(core))
        return false;
    if (core->shift == 0 && best->found &&
        (core->value < best->value || (core->value == best->value && core->cost < best->cost)))
        return false;
    hp_core_save(core, &box);
    value = hp_content_value(core->problem, core->gain, &box);
    if (best->found &&
        (value < best->value || (value == best->value && core->cost < best->cost) ||
            (value == best->value && core->cost == best->cost &&
                !content_first(&box, &best->box))))
        return false;
    *best = (struct hp_best){true, value, core->cost, box};
    return true;
}

static void
set_rate(struct search *search, int64_t rate)
{
    struct hp_core *core = search->core;

    search->rate = rate < 1 ? 1 : rate > core->rate_max ? core->rate_max : rate;
    for (uint32_t j = 0; j < core->padded; j++)
        search->points[j] = hp_core_points(core->price[j], search->rate);
}

static int32_t
edge(const struct search *search, int64_t money)
{
    int64_t limit = INT64_MAX / 2 / search->rate;
    int64_t points = money > limit    ? EDGE_MAX
                     : money < -limit ? -EDGE_MAX
                                      : money * search->rate >> HP_CORE_RATE_BITS;

    return points > EDGE_MAX ? EDGE_MAX : points < -EDGE_MAX ? -EDGE_MAX : (int32_t)points;
}

static void
look_at_rows(struct search *search)
{
    const struct hp_core *core = search->core;

    hp_core_edges(core, &search->edges);
    search->held = core->chosen;
    for (uint32_t k = 0; k < HOLD_OUT; k++)
        if (search->left_until[k] > search->moves)
            search->held.word[search->left[k] >> 6] |= UINT64_C(1) << (search->left[k] & 63);
    if (search->ban != HP_TABU_ANY)
        search->held.word[search->ban >> 6] |= UINT64_C(1) << (search->ban & 63);
    for (uint32_t w = 0; w < HP_CORE_WORDS; w++)
        search->held.word[w] |= ~core->row_columns[0].word[w];
}

/* What may come in when a column with the rows `out` goes (NULL: nothing goes). */
static struct hp_columns
open_after(const struct search *search, const struct hp_rowset *out)
{
    struct hp_columns open = hp_core_open(search->core, &search->edges, out);

    for (uint32_t w = 0; w < HP_CORE_WORDS; w++)
        open.word[w] &= ~search->held.word[w];
    return open;
}

/* Takes out of `allowed` what a capacity has no room for after `out` has gone. */
static void
mind_capacities(const struct hp_core *core, uint32_t out, struct hp_columns *allowed)
{
    const struct hp_pack_instance *in = core->problem->instance;

    for (size_t r = 0; r < in->resource_count; r++) {
        int64_t room = in->resources[r].max - core->use[r];

        if (out != NO_COLUMN)
            room += hp_problem_use(core->problem, core->item[out], r);
        for (uint32_t w = 0; w < HP_CORE_WORDS; w++)
            for (uint64_t bits = allowed->word[w]; bits; bits &= bits - 1) {
                uint32_t j = w * 64 + (uint32_t)__builtin_ctzll(bits);

                if (hp_problem_use(core->problem, core->item[j], r) > room)
                    hp_columns_flip(allowed, j);
            }
    }
}

static const int32_t nothing[HP_CORE_MAX];

static void
scan_moves(struct search *search, uint32_t out, struct found *found)
{
    const struct hp_core *core = search->core;
    struct scan scan = {.add = core->add,
        .weight = nothing,
        .category = core->category,
        .points = search->points,
        .padded = core->padded,
        .same_category = -2,
        .tag = HP_CORE_MAX << 8};
    int64_t cost = core->cost;

    if (out == NO_COLUMN) {
        scan.allowed = open_after(search, NULL);
    } else {
        scan.allowed = open_after(search, core->rows[out]);
        scan.weight = core->weight + (size_t)out * core->padded;
        scan.same_category = core->category[out];
        scan.same_bonus = hp_core_same(core, core->category[out]);
        scan.worth = core->add[out] + scan.same_bonus;
        scan.tag = (int32_t)(out << 8);
        cost -= core->price[out];
    }
    scan.room_high = edge(search, core->high - cost);
    scan.room_low = edge(search, core->low - cost);
    if (core->problem->instance->resource_count)
        mind_capacities(core, out, &scan.allowed);
    search->scan(&scan, found);
}

static int32_t
charge(const struct search *search, int64_t cost)
{
    const struct hp_core *core = search->core;

    if (cost > core->high)
        return edge(search, cost - core->high);
    return cost < core->low ? edge(search, core->low - cost) : 0;
}

/* Dropping is exchanging for nothing; coded as in = HP_CORE_MAX. */
static void
scan_drop(struct search *search, uint32_t out, struct found *found)
{
    const struct hp_core *core = search->core;
    int32_t score;

    for (uint32_t k = 0; k < search->edges.tight_count; k++)
        if (hp_rowset_has(core->rows[out], search->edges.tight[k]))
            return;
    score = -hp_core_worth(core, out) - charge(search, core->cost - core->price[out]);
    if (score > found->score[0]) {
        found->score[0] = score;
        found->move[0] = (int32_t)(out << 8 | HP_CORE_MAX);
    }
}

/* The best move, or NEVER. Equal scores: the smaller code. */
static int32_t
best_move(struct search *search, int32_t *score)
{
    const struct hp_core *core = search->core;
    struct found found;
    int32_t best = 0;

    for (int k = 0; k < LANES; k++) {
        found.score[k] = NEVER;
        found.move[k] = 0;
    }
    bool banning = search->moves == 0 && search->ban != HP_TABU_ANY;

    if (!banning)
        scan_moves(search, NO_COLUMN, &found);
    for (uint32_t w = 0; w < HP_CORE_WORDS; w++)
        for (uint64_t bits = core->chosen.word[w] & ~core->pinned.word[w]; bits;
             bits &= bits - 1) {
            uint32_t out = w * 64 + (uint32_t)__builtin_ctzll(bits);

            if (search->until[out] > search->moves || (banning && out != search->ban))
                continue;
            scan_moves(search, out, &found);
            scan_drop(search, out, &found);
        }
    for (int k = 1; k < LANES; k++)
        if (found.score[k] > found.score[best] ||
            (found.score[k] == found.score[best] && found.move[k] < found.move[best]))
            best = k;
    *score = found.score[best];
    return found.move[best];
}

static void
make_move(struct search *search, int32_t move)
{
    struct hp_core *core = search->core;
    uint32_t out = (uint32_t)move >> 8;
    uint32_t in = (uint32_t)move & 255;

    search->moves++;
    if (out < HP_CORE_MAX) {
        hp_core_remove(core, out);
        search->left[search->moves % HOLD_OUT] = out;
        search->left_until[search->moves % HOLD_OUT] = search->moves + HOLD_OUT;
    }
    if (in < HP_CORE_MAX) {
        hp_core_put(core, in);
        search->until[in] = search->moves + HOLD_IN;
    }
}

static void
adapt_rate(struct search *search)
{
    const struct hp_core *core = search->core;
    bool inside = core->cost >= core->low && core->cost <= core->high;

    if (inside != (search->streak > 0))
        search->streak = 0;
    search->streak += inside ? 1 : -1;
    if (search->streak >= STREAK) {
        set_rate(search, search->rate - search->rate / 4);
        search->streak = 0;
    } else if (search->streak <= -STREAK) {
        set_rate(search, search->rate + search->rate / 2 + 1);
        search->streak = 0;
    }
}

bool
hp_tabu_run(struct hp_core *core, struct hp_best *best, const struct hp_tabu_plan *plan)
{
    struct search search = {.core = core, .scan = scan_for_this_machine(), .ban = plan->ban};
    bool improved = false;
    int idle = 0;

    set_rate(&search, plan->rate);
    improved = hp_best_offer(best, core);
    while (search.moves < plan->steps && idle < plan->patience) {
        int32_t score;
        int32_t move;

        look_at_rows(&search);
        move = best_move(&search, &score);
        if (score <= -HP_CORE_CLASH / 2)
            break;
        make_move(&search, move);
        idle++;
        if (hp_best_offer(best, core)) {
            improved = true;
            idle = 0;
        }
        adapt_rate(&search);
    }
    return improved;
}
