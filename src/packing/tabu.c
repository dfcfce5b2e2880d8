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

#define LANES     8
#define NEVER     (-(1 << 30))
#define HOLD_OUT  7 /* moves a column that left stays away */
#define HOLD_IN   3 /* moves a column that came stays in */
#define STREAK    3 /* moves on one side of the boundary before the charge changes */
#define EDGE_MAX  (1 << 26)
#define NO_COLUMN UINT32_MAX

typedef int32_t lanes __attribute__((vector_size(4 * LANES), aligned(4), may_alias));

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
    const lanes bit = {1, 2, 4, 8, 16, 32, 64, 128};
    const lanes number = {0, 1, 2, 3, 4, 5, 6, 7};
    lanes best = *(const lanes *)found->score;
    lanes move = *(const lanes *)found->move;

    for (uint32_t j = 0; j < scan->padded; j += LANES) {
        int32_t mask = (int32_t)(scan->allowed.word[j >> 6] >> (j & 63) & 255);
        lanes points;
        lanes over;
        lanes under;
        lanes score;
        lanes better;

        if (!mask)
            continue;
        points = *(const lanes *)(scan->points + j);
        over = points - scan->room_high;
        over &= over > 0;
        under = scan->room_low - points;
        under &= under > 0;
        score = *(const lanes *)(scan->add + j) - *(const lanes *)(scan->weight + j) -
                scan->worth - over - under;
        score +=
            (*(const lanes *)(scan->category + j) == scan->same_category) & scan->same_bonus;
        better = ((mask & bit) != 0) & (score > best);
        best = (score & better) | (best & ~better);
        move = ((scan->tag + (int32_t)j + number) & better) | (move & ~better);
    }
    *(lanes *)found->score = best;
    *(lanes *)found->move = move;
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
    int until[HP_CORE_MAX]; /* a column may not move before this move */
    int streak;             /* moves inside (positive) or outside the window in a row */
    struct hp_rowset full;
    struct hp_rowset tight;
    struct hp_columns held; /* may not come in */
    bool known[HP_CORE_MAX];
    struct hp_columns open[HP_CORE_MAX]; /* by kind going out, when known */
    int32_t *nothing;                    /* a row of zeroes */
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
    const struct hp_problem *problem = core->problem;

    memset(&search->full, 0, sizeof(search->full));
    memset(&search->tight, 0, sizeof(search->tight));
    for (uint32_t row = 0; row < problem->row_count; row++) {
        if (core->row[row] >= problem->row_max[row])
            hp_rowset_add(&search->full, row);
        if (core->row[row] <= problem->row_min[row])
            hp_rowset_add(&search->tight, row);
    }
    memset(search->known, 0, core->kind_count * sizeof(search->known[0]));
    search->held = core->chosen;
    for (uint32_t j = 0; j < core->count; j++)
        if (search->until[j] > search->moves)
            search->held.word[j >> 6] |= UINT64_C(1) << (j & 63);
}

/* Rows that `in` fills and `out` does not empty, or the reverse: the exchange is not allowed.
 */
static bool
kinds_block(
    const struct search *search, const struct hp_rowset *out, const struct hp_rowset *in)
{
    uint64_t blocked = 0;

    for (uint32_t w = 0; w < search->core->problem->row_words; w++)
        blocked |= (in->word[w] & ~out->word[w] & search->full.word[w]) |
                   (out->word[w] & ~in->word[w] & search->tight.word[w]);
    return blocked != 0;
}

static const struct hp_columns *
open_for_kind(struct search *search, uint32_t out)
{
    const struct hp_core *core = search->core;
    struct hp_columns open = {{0}};

    if (search->known[out])
        return &search->open[out];
    for (uint32_t kind = 0; kind < core->kind_count; kind++) {
        if (kinds_block(search, &core->kind_rows[out], &core->kind_rows[kind]))
            continue;
        for (uint32_t w = 0; w < HP_CORE_WORDS; w++)
            open.word[w] |= core->kind_columns[kind].word[w];
    }
    for (uint32_t w = 0; w < HP_CORE_WORDS; w++)
        open.word[w] &= ~search->held.word[w];
    search->known[out] = true;
    search->open[out] = open;
    return &search->open[out];
}

static struct hp_columns
open_to_add(const struct search *search)
{
    const struct hp_core *core = search->core;
    const struct hp_rowset none = {{0}};
    struct hp_columns open = {{0}};

    for (uint32_t kind = 0; kind < core->kind_count; kind++)
        if (!kinds_block(search, &none, &core->kind_rows[kind]))
            for (uint32_t w = 0; w < HP_CORE_WORDS; w++)
                open.word[w] |= core->kind_columns[kind].word[w];
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

static void
scan_moves(struct search *search, uint32_t out, struct found *found)
{
    const struct hp_core *core = search->core;
    struct scan scan = {.add = core->add,
        .weight = search->nothing,
        .category = core->category,
        .points = search->points,
        .padded = core->padded,
        .same_category = -2,
        .tag = HP_CORE_MAX << 8};
    int64_t cost = core->cost;

    if (out == NO_COLUMN) {
        scan.allowed = open_to_add(search);
    } else {
        scan.allowed = *open_for_kind(search, core->kind[out]);
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
    const struct hp_rowset none = {{0}};
    int32_t score;

    if (kinds_block(search, &core->kind_rows[core->kind[out]], &none))
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
    scan_moves(search, NO_COLUMN, &found);
    for (uint32_t w = 0; w < HP_CORE_WORDS; w++)
        for (uint64_t bits = core->chosen.word[w] & ~core->pinned.word[w]; bits;
             bits &= bits - 1) {
            uint32_t out = w * 64 + (uint32_t)__builtin_ctzll(bits);

            if (search->until[out] > search->moves)
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
        search->until[out] = search->moves + HOLD_OUT;
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

void
hp_tabu_run(struct hp_core *core, struct hp_best *best, int64_t rate, int steps, int patience)
{
    struct search search = {.core = core, .scan = scan_for_this_machine()};
    int32_t nothing[HP_CORE_MAX] = {0};
    int idle = 0;

    search.nothing = nothing;
    set_rate(&search, rate);
    hp_best_offer(best, core);
    while (search.moves < steps && idle < patience) {
        int32_t score;
        int32_t move;

        look_at_rows(&search);
        move = best_move(&search, &score);
        if (score <= -HP_CORE_CLASH / 2)
            break;
        make_move(&search, move);
        idle = hp_best_offer(best, core) ? 0 : idle + 1;
        adapt_rate(&search);
    }
}
