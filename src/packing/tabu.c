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
 * One pass values all exchanges of one chosen column o at once, sixteen columns j at a time:
 *
 *     add[j] - weight[o][j] + same category? - charge(cost - price[o] + price[j])
 *
 * in 16-bit integers: gains keep twelve bits, which tells a fortieth of a percent of the best
 * item apart and decides only where to go next; what is met is valued in full. Many passes are
 * not needed: charge() grows by at least `rate` above `high`, so no exchange of o is worth more
 * than
 *
 *     max(add[j] - rate * price[j]) + spite[o] - worth[o] + rate * (high - cost + price[o])
 *
 * and a column whose bound does not beat the best move so far is passed over.
 *
 * The loops are plain, for the compiler to make lanes of (hence -O3 for this file), and
 * compiled for AVX2 as well, picked at run time. Integers, so both give the same result.
 *
 * Cost: about 0.3 us a move with 112 columns and 10 chosen; a quarter of it the passes, the
 * rest keeping the columns' worth, rows and bounds.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "packing/tabu.h"

#include "base/rng.h"

#define NEVER         INT32_MIN
#define HOLD_OUT      4 /* moves a column that left stays away */
#define MET_MAX       2 /* known boxes in a row end a run */
#define STREAK        2
#define EIGHTHS_MIN   8
#define EIGHTHS_MAX   64
#define SLACK         4
#define NOTHING_CODE  HP_CORE_MAX /* goes or comes */
#define LANE          16
#define SHUT          INT16_MIN
#define WORTH_MAX     6000
#define REWARD        8000 /* WORTH_MAX, REWARD and charges together stay within 16 bits */
#define COARSE_POINTS 16383
#define LOAD_SHIFT    8

struct boundary {          /* one capacity, or the window */
    const int32_t *fine;   /* by column: what it takes, in points */
    const int16_t *points; /* and coarser */
    int32_t eighths;       /* what a point outside costs, in eighths of a point */
    int32_t streak;        /* moves inside (positive) or outside in a row */
};

struct scan { /* what the exchanges of one column have in common */
    const int16_t *add;
    const int16_t *weight;
    const int16_t *limit; /* by column: INT16_MAX, or SHUT when it may not come */
    int16_t category;
    int16_t same;      /* more for columns of `category` */
    int16_t room_high; /* points that may come in without passing `high` */
    int16_t room_low;  /* points that must come in to reach `low` */
};

struct leaver {
    int32_t worth;
    int32_t more; /* what exchanges can be worth above the column that comes */
    int32_t room_high;
    uint32_t column;
};

struct found {
    int32_t score;
    uint32_t out;
    int32_t in; /* below 0: the first of `scores` that is `raw` */
    int16_t raw;
    int16_t *scores; /* of all columns, of the best exchange so far */
    int16_t *spare;
};

struct search {
    struct hp_core *core;
    int64_t rate;
    int64_t money_max; /* beyond it money is as many points as there are */
    int32_t room_high; /* points that may come in without passing `high` */
    int32_t room_low;  /* points that must come in to reach `low` */
    int32_t room[HP_PACK_RESOURCES_MAX];
    size_t capacities;
    int32_t most;     /* the most that a column which may come is worth */
    int32_t most_net; /* and is worth above its price at the base rate */
    int moves;
    uint32_t came;           /* the column that came last may not leave at once */
    uint32_t left[HOLD_OUT]; /* the last columns that left, */
    struct hp_columns away;  /* as a set */
    struct hp_columns held;  /* may not come in */
    uint32_t ban;            /* may not come in; HP_NO_COLUMN: none */
    uint64_t full;           /* of the first 64 live rows but the count */
    uint64_t tight;
    bool crowded;            /* the count is full */
    struct hp_columns once;  /* in a full row */
    struct hp_columns twice; /* in two of them */
    struct hp_columns open;  /* may just come, but for the count */
    bool common_known;
    int16_t common[HP_CORE_MAX]; /* `open`, spread */
    int16_t limit[HP_CORE_MAX];
    int16_t add[HP_CORE_MAX];
    int16_t lighter[HP_CORE_MAX]; /* `add` less charges for capacities */
    int16_t scores[2][HP_CORE_MAX];
    struct boundary window;
    struct boundary capacity[HP_PACK_RESOURCES_MAX];
};

#define INLINE static inline __attribute__((always_inline))
typedef int16_t lanes __attribute__((vector_size(2 * LANE), aligned(2), may_alias));

/* Columns in the core, in whole lanes, said so that the compiler sees it. */
INLINE uint32_t
whole(const struct search *search)
{
    return search->core->padded / LANE * LANE;
}

INLINE int32_t
clamp(int32_t value, int32_t most)
{
    return value > most ? most : value < -most ? -most : value;
}

INLINE int16_t
coarse_points(const struct search *search, int32_t points)
{
    return (int16_t)clamp(points >> search->core->coarse, COARSE_POINTS);
}

/* All of a capacity is 2^14, whatever gains are. */
INLINE int16_t
coarse_load(int32_t load)
{
    return (int16_t)clamp(load >> LOAD_SHIFT, COARSE_POINTS);
}

/* INT16_MAX for the columns in the set, SHUT for others. */
INLINE void
spread(const struct hp_columns *set, int16_t *limit)
{
    const lanes bit = {
        1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, INT16_MIN};

    for (uint32_t w = 0; w < HP_CORE_WORDS; w++)
        for (uint32_t k = 0; k < 64; k += LANE) {
            int16_t bits = (int16_t)(set->word[w] >> k);

            *(lanes *)(limit + w * 64 + k) = ((bits & bit) == 0) ^ INT16_MAX;
        }
}

/* Charges beyond the greatest 16-bit product are that. */
INLINE int16_t
charged(int16_t outside, int32_t eighths)
{
    return (int16_t)((uint16_t)((uint16_t)outside * (uint16_t)eighths) >> 3);
}

/* All exchanges of one column, valued but for its own worth; returns the greatest. */
INLINE int16_t
scan_all(const struct search *search, const struct scan *scan, int16_t *restrict scores)
{
    const int16_t *restrict points = search->window.points;
    const int16_t *restrict category = search->core->coarse_category;
    const int16_t *restrict add = scan->add;
    const int16_t *restrict weight = scan->weight;
    const int16_t *restrict limit = scan->limit;
    const uint16_t eighths = (uint16_t)search->window.eighths;
    const int16_t outside_max = (int16_t)(UINT16_MAX / eighths);
    const struct scan at = *scan;
    uint32_t padded = whole(search);
    int16_t most = SHUT;

    for (uint32_t j = 0; j < padded; j++) {
        int16_t over = (int16_t)(points[j] - at.room_high);
        int16_t under = (int16_t)(at.room_low - points[j]);
        int16_t outside = over > under ? over : under;
        int16_t score = (int16_t)(add[j] - weight[j]);

        outside = outside > 0 ? outside : 0;
        outside = outside < outside_max ? outside : outside_max;
        score = (int16_t)(score + (category[j] == at.category ? at.same : 0));
        score = (int16_t)(score - charged(outside, eighths));
        score = score < limit[j] ? score : limit[j];
        scores[j] = score;
        most = score > most ? score : most;
    }
    return most;
}

/* `add` less what the capacities charge once `out` (or HP_NO_COLUMN) is gone. */
INLINE const int16_t *
mind_capacities(struct search *search, uint32_t out)
{
    const int16_t *from = search->add;
    uint32_t padded = whole(search);

    for (size_t r = 0; r < search->capacities; r++) {
        const struct boundary *capacity = &search->capacity[r];
        const int16_t *load = capacity->points;
        int32_t eighths = capacity->eighths;
        int32_t gone = out == HP_NO_COLUMN ? 0 : capacity->fine[out];
        int16_t room = coarse_load(search->room[r] + gone);
        int16_t most = (int16_t)(UINT16_MAX / eighths);

        for (uint32_t j = 0; j < padded; j++) {
            int16_t over = (int16_t)(load[j] - room);
            int16_t worth;

            over = over > 0 ? over : 0;
            over = over < most ? over : most;
            worth = (int16_t)(from[j] - charged(over, eighths));
            search->lighter[j] = worth < -WORTH_MAX ? -WORTH_MAX : worth;
        }
        from = search->lighter;
    }
    return from;
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

/* What columns are worth, in 16 bits, and the most of it. */
INLINE void
look_at_worth(struct search *search)
{
    const struct hp_core *core = search->core;
    const int32_t *restrict fine = core->box.add;
    const int16_t *restrict points = search->window.points;
    int16_t *restrict add = search->add;
    int16_t limit[HP_CORE_MAX];
    int16_t most = SHUT;
    int16_t most_net = SHUT;
    uint32_t padded = whole(search);
    uint32_t shift = core->coarse;

    spread(&(struct hp_columns){{~search->held.word[0], ~search->held.word[1]}}, limit);
    for (uint32_t j = 0; j < padded; j++) {
        int32_t worth = fine[j] >> shift;

        worth = worth > WORTH_MAX ? WORTH_MAX : worth;
        worth = worth < -WORTH_MAX ? -WORTH_MAX : worth;
        add[j] = (int16_t)worth;
    }
    if (core->box.deficit) {
        struct hp_columns needed = hp_core_needed(core);

        for (uint32_t j = 0; j < padded; j++)
            add[j] = (int16_t)(add[j] + (hp_columns_has(&needed, j) ? REWARD : 0));
    }
    for (uint32_t j = 0; j < padded; j++) {
        int16_t worth = add[j] < limit[j] ? add[j] : limit[j];
        int16_t net = (int16_t)(add[j] - points[j]);

        net = net < limit[j] ? net : limit[j];
        most = worth > most ? worth : most;
        most_net = net > most_net ? net : most_net;
    }
    search->most = most;
    search->most_net = most_net;
}

/* Which columns the full rows keep out: one row alone, or more. The count of units is left to
 * itself: when it is full, nothing just comes, and what is exchanged for something always fits.
 */
INLINE void
look_at_edges(struct search *search)
{
    const struct hp_core *core = search->core;
    uint64_t count = core->count_live;

    search->common_known = false;
    search->crowded = core->count_live && (core->box.full.word[0] & 1);
    search->full = core->box.full.word[0] & ~count;
    search->tight = core->box.tight.word[0] & ~count;
    search->once = search->twice = (struct hp_columns){0};
    for (uint64_t bits = search->full; bits; bits &= bits - 1) {
        const struct hp_columns *row = &core->row_columns[__builtin_ctzll(bits)];

        for (uint32_t w = 0; w < HP_CORE_WORDS; w++) {
            search->twice.word[w] |= search->once.word[w] & row->word[w];
            search->once.word[w] |= row->word[w];
        }
    }
    for (uint32_t w = 0; w < HP_CORE_WORDS; w++)
        search->open.word[w] = ~search->held.word[w] & ~search->once.word[w] &
                               ~core->box.shut.word[w] & ~core->box.early.word[w];
}

/* Room of a boundary, but no farther outside than the greatest charge reaches: beyond it every
 * column would be charged the same, and no exchange lead back inside. */
INLINE int32_t
near(const struct boundary *boundary, int32_t room, uint32_t shift)
{
    int32_t most = (UINT16_MAX / boundary->eighths * 3 / 4) << shift;

    return room < -most ? -most : room;
}

INLINE void
look_at_rows(struct search *search)
{
    const struct hp_core *core = search->core;
    const struct boundary *window = &search->window;

    for (uint32_t w = 0; w < HP_CORE_WORDS; w++)
        search->held.word[w] =
            core->box.chosen.word[w] | search->away.word[w] | ~core->there.word[w];
    search->room_high = near(window, edge(search, core->high - core->box.cost), core->coarse);
    search->room_low = -near(window, edge(search, core->box.cost - core->low), core->coarse);
    for (size_t r = 0; r < search->capacities; r++) {
        int64_t left = core->problem->instance->resources[r].max - core->box.use[r];

        search->room[r] = near(&search->capacity[r], load_of(core, r, left), LOAD_SHIFT);
    }
    look_at_worth(search);
    look_at_edges(search);
}

static const int16_t nothing[HP_CORE_MAX];

/* Columns that may come once `out` is gone. */
INLINE const int16_t *
limit_without(struct search *search, uint32_t out)
{
    const struct hp_core *core = search->core;
    struct hp_columns open = search->open;
    uint64_t full = 0;
    uint64_t tight = 0;

    if (out != HP_NO_COLUMN) {
        full = core->rows[out].word[0] & search->full;
        tight = core->rows[out].word[0] & search->tight;
    }
    if (core->row_words > 1 || full & (full - 1) ||
        (out != HP_NO_COLUMN && hp_columns_has(&core->tied, out))) {
        open = hp_core_open(core, out);
        for (uint32_t w = 0; w < HP_CORE_WORDS; w++)
            open.word[w] &= ~search->held.word[w];
    } else if (full | tight) {
        for (uint32_t w = 0; full && w < HP_CORE_WORDS; w++)
            open.word[w] |= core->row_columns[__builtin_ctzll(full)].word[w] &
                            ~search->twice.word[w] & ~search->held.word[w] &
                            ~core->box.shut.word[w] & ~core->box.early.word[w];
        for (; tight; tight &= tight - 1)
            for (uint32_t w = 0; w < HP_CORE_WORDS; w++)
                open.word[w] &= core->row_columns[__builtin_ctzll(tight)].word[w];
    } else {
        if (!search->common_known)
            spread(&open, search->common);
        search->common_known = true;
        return search->common;
    }
    spread(&open, search->limit);
    return search->limit;
}

/* Exchanges of a leaver, or (HP_NO_COLUMN) columns that just come. */
INLINE void
scan_exchanges(struct search *search, const struct leaver *leaver, struct found *found)
{
    const struct hp_core *core = search->core;
    uint32_t out = leaver->column;
    int32_t gone = out == HP_NO_COLUMN ? 0 : search->window.fine[out];
    struct scan scan;
    int16_t most;

    scan.limit = limit_without(search, out);
    scan.add = search->capacities ? mind_capacities(search, out) : search->add;
    scan.weight = nothing;
    scan.category = INT16_MIN;
    scan.same = 0;
    scan.room_high = coarse_points(search, search->room_high + gone);
    scan.room_low = coarse_points(search, search->room_low + gone);
    if (out != HP_NO_COLUMN) {
        scan.weight = core->coarse_weight + (size_t)out * core->padded;
        scan.category = core->coarse_category[out];
        scan.same = (int16_t)clamp(
            core->box.same[core->category[out]] >> core->coarse, HP_COARSE_MAX / 2);
    }
    most = scan_all(search, &scan, found->spare);
    if (most != SHUT && most - leaver->worth > found->score) {
        int16_t *swap = found->scores;

        found->score = most - leaver->worth;
        found->raw = most;
        found->out = out;
        found->in = -1;
        found->scores = found->spare;
        found->spare = swap;
    }
}

/* Dropping is exchanging for nothing. */
INLINE void
scan_drop(const struct search *search, const struct leaver *leaver, struct found *found)
{
    const struct hp_core *core = search->core;
    uint32_t out = leaver->column;
    int32_t score = -leaver->worth;
    int32_t over;
    int32_t under;

    if (score <= found->score)
        return;
    over = -search->room_high - search->window.fine[out];
    under = search->room_low + search->window.fine[out];
    over = (over > under ? over : under) >> core->coarse;
    score -= over > 0 ? over * search->window.eighths >> 3 : 0;
    if (score <= found->score)
        return;
    for (uint32_t w = 0; w < core->row_words; w++)
        if (core->rows[out].word[w] & core->box.tight.word[w])
            return;
    for (size_t r = 0; r < search->capacities; r++) {
        over = (-search->room[r] - search->capacity[r].fine[out]) >> LOAD_SHIFT;
        score -= over > 0 ? over * search->capacity[r].eighths >> 3 : 0;
    }
    if (score > found->score) {
        found->score = score;
        found->out = out;
        found->in = NOTHING_CODE;
    }
}

INLINE struct leaver
leaver_of(const struct search *search, uint32_t out)
{
    const struct hp_core *core = search->core;
    int32_t same = core->box.same[core->category[out]];
    int32_t worth = (core->box.add[out] + same) >> core->coarse;
    int32_t most = (core->spite[out] + (same > 0 ? same : 0)) >> core->coarse;

    return (struct leaver){worth, most - worth + SLACK,
        (search->room_high + search->window.fine[out]) >> core->coarse, out};
}

/* Columns that may go; the one whose exchanges promise most stands first. */
INLINE uint32_t
list_leavers(const struct search *search, struct leaver *leavers)
{
    struct hp_columns movable = hp_core_movable(search->core);
    uint32_t count = 0;
    uint32_t first = 0;

    for (uint32_t w = 0; w < HP_CORE_WORDS; w++)
        for (uint64_t bits = movable.word[w]; bits; bits &= bits - 1) {
            uint32_t out = w * 64 + (uint32_t)__builtin_ctzll(bits);

            if (out == search->came)
                continue;
            leavers[count] = leaver_of(search, out);
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

/* May an exchange of it beat the best so far? */
INLINE bool
promises(const struct search *search, const struct leaver *leaver, const struct found *found)
{
    int32_t net = search->most_net + leaver->room_high;
    int32_t most = search->most < net ? search->most : net;

    return most + leaver->more > found->score;
}

INLINE uint32_t
found_in(const struct found *found)
{
    uint32_t in = 0;

    if (found->in >= 0)
        return (uint32_t)found->in;
    for (;; in += LANE) {
        lanes hit = *(const lanes *)(found->scores + in) == found->raw;
        uint64_t words[LANE / 4];

        memcpy(words, &hit, sizeof(words));
        if (words[0] | words[1] | words[2] | words[3])
            break;
    }
    while (found->scores[in] != found->raw)
        in++;
    return in;
}

/* The best move as out << 8 | in, or -1. */
INLINE int32_t
best_move(struct search *search)
{
    static const struct leaver none = {0, 0, 0, HP_NO_COLUMN};
    struct leaver leavers[HP_PACK_UNITS_MAX];
    struct found found = {
        .score = NEVER, .scores = search->scores[0], .spare = search->scores[1]};
    bool banned = search->moves == 0 && search->ban != HP_NO_COLUMN;
    uint32_t count = 1;

    if (banned) {
        leavers[0] = leaver_of(search, search->ban);
    } else {
        if (!search->crowded)
            scan_exchanges(search, &none, &found);
        count = list_leavers(search, leavers);
    }
    for (uint32_t k = 0; k < count; k++)
        if (found.score == NEVER || promises(search, &leavers[k], &found))
            scan_exchanges(search, &leavers[k], &found);
    for (uint32_t k = 0; k < count; k++)
        scan_drop(search, &leavers[k], &found);
    if (found.score == NEVER && banned)
        return (
            int32_t)(search->ban << 8 | NOTHING_CODE); /* whatever minimum that leaves open */
    if (found.score == NEVER)
        return -1;
    return (int32_t)((found.out == HP_NO_COLUMN ? NOTHING_CODE : found.out) << 8 |
                     found_in(&found));
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
    if (out < NOTHING_CODE && in < NOTHING_CODE)
        hp_core_exchange(core, out, in);
    else if (out < NOTHING_CODE)
        hp_core_remove(core, out);
    else
        hp_core_put(core, in);
    if (out < NOTHING_CODE) {
        if (out != search->ban)
            hp_columns_flip(&search->away, out);
        *slot = out;
    }
    if (in < NOTHING_CODE)
        search->came = in;
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
price_columns(struct search *search)
{
    struct hp_core *core = search->core;

    if (core->priced_rate == search->rate)
        return;
    core->priced_rate = search->rate;
    for (uint32_t j = 0; j < core->padded; j++) {
        core->priced[j] = hp_core_points(core->price[j], search->rate);
        core->coarse_priced[j] = coarse_points(search, core->priced[j]);
    }
}

static void
load_columns(struct hp_core *core)
{
    size_t capacities = core->problem->instance->resource_count;

    for (size_t r = 0; r < capacities && !core->loaded; r++)
        for (uint32_t j = 0; j < core->padded; j++) {
            int64_t use = j < core->count ? hp_problem_use(core->problem, core->item[j], r) : 0;

            core->loads[r][j] = load_of(core, r, use);
            core->coarse_loads[r][j] = coarse_load(core->loads[r][j]);
        }
    core->loaded = true;
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
    search->capacities = core->problem->instance->resource_count;
    price_columns(search);
    load_columns(core);
    search->window = (struct boundary){core->priced, core->coarse_priced, plan->eighths, 0};
    for (size_t r = 0; r < search->capacities; r++) {
        search->capacity[r] =
            (struct boundary){core->loads[r], core->coarse_loads[r], plan->eighths, 0};
    }
}

/* Did this run or one before it in the slot pass the present box? From now on, one did. */
static bool
met_before(struct hp_core *core)
{
    struct hp_rng digest = {core->era};
    uint64_t *place;
    bool met;

    for (uint32_t w = 0; w < HP_CORE_WORDS; w++)
        digest.state = hp_rng_next(&digest) ^ core->box.chosen.word[w];
    place = &core->met[hp_rng_next(&digest) % HP_CORE_MET];
    met = *place == digest.state;
    *place = digest.state;
    return met;
}

INLINE bool
run_body(struct search *search, struct hp_best *best, const struct hp_tabu_plan *plan)
{
    bool improved;
    int idle = 0;
    int met = 0;

    prepare(search, plan);
    improved = hp_best_offer(best, search->core);
    while (search->moves < plan->steps && idle < plan->patience && met < MET_MAX) {
        int32_t move;

        look_at_rows(search);
        move = best_move(search);
        if (move < 0)
            break;
        make_move(search, move);
        met = met_before(search->core) ? met + 1 : 0;
        idle++;
        if (!met && hp_best_offer(best, search->core)) {
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

HP_CORE_WIDE static bool
run_wide(struct search *search, struct hp_best *best, const struct hp_tabu_plan *plan)
{
    return run_body(search, best, plan);
}

bool
hp_tabu_run(struct hp_core *core, struct hp_best *best, const struct hp_tabu_plan *plan)
{
    struct search search;

    search.core = core;
    return hp_core_wide() ? run_wide(&search, best, plan) : run_plain(&search, best, plan);
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
