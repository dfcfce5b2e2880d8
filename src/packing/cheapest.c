/*
 * packing/cheapest.c - exact search for a cheapest box, or for any box in a window.
 *
 * Every copy of every item is a *unit*. Units stand in a list by price; the search walks the
 * list and at each unit either takes it (and goes one level deeper) or leaves it for good.
 *
 *   cheapest: prices rising. Whatever completes the minima first is a candidate.
 *   window:   prices falling. Dear units first fill the window, cheap ones trim.
 *
 * A branch is cut when (1) a row cannot reach its minimum with the units left, (2) the cheapest
 * completion costs too much, (3) for a window, the dearest completion costs too little, or (4)
 * what the minima need is more than a capacity still holds, however light it is.
 * The completion bound of (2) is exact for counts and categories (they nest), so that without
 * tag rules, capacities, families and sharing the first dive is already the answer: the limit
 * starts at that bound and is raised three times only when nothing is found under it.
 *
 * (5) Cheapest only: two units with equal rows, no family and no use of capacities are
 * interchangeable, so leaving the cheaper closes the dearer ones of its kind.
 *
 * Cost: a step is one look at one unit, 30 to 80 ns; typical requests need under 100.
 *
 * Rules that overlap leave such a list long dead ends: each row alone looks as if it could be
 * met. When the search for the cheapest runs dry, another one goes on from the best box it met:
 * it branches on the row that is short and has the fewest units to spare (Knuth's algorithm X
 * chooses its columns so), each unit of it in turn. Of 1,800 made-up requests with overlapping
 * rules and capacities, 52 had no proven least budget without it and 17 with it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "packing/cheapest.h"

#include "base/order.h"

#include <stdlib.h>

struct unit {
    int64_t price;
    uint32_t item;
    int32_t copy;  /* 0: the first */
    uint32_t kind; /* equal kinds are interchangeable; NO_KIND: with none */
};

#define NO_KIND UINT32_MAX
#define LOOKS   40 /* at units, of the second search, for each step of the first */

struct needy { /* a row with a minimum, and the units that can fill it, in list order */
    uint32_t row;
    uint32_t count;
    uint32_t *units;
    int64_t *sums;                        /* sums[k]: price of the first k */
    int64_t *uses[HP_PACK_RESOURCES_MAX]; /* uses[r][k]: what the k lightest take of it */
};

struct dive {
    const struct hp_problem *problem;
    bool window;
    int64_t low;
    int64_t limit; /* cost may be at most this */
    int64_t *steps;
    bool dry;
    bool found;

    struct unit *units;
    uint32_t unit_count;
    int64_t *sums;
    struct needy needy[HP_ROWS_MAX];
    uint32_t needy_count;
    uint32_t category_needs; /* needy[1 ..] up to here are categories; needy[0] is the count */

    uint32_t *closed; /* by kind */
    uint8_t *out;     /* by item: no more copies; 1 + the depth that says so */
    bool *open;       /* by depth and unit: may still come */
    int32_t *taken;   /* copies by item */
    uint8_t *family_taken;
    int32_t row[HP_ROWS_MAX];
    int64_t use[HP_PACK_RESOURCES_MAX];
    int64_t cost;
    uint32_t chosen[HP_PACK_UNITS_MAX]; /* items, with repetition */
    uint32_t chosen_count;

    uint32_t best[HP_PACK_UNITS_MAX];
    uint32_t best_count;
    int64_t best_cost;
};

static const struct hp_rowset *
rows_of(const struct dive *dive, uint32_t item, int32_t copy)
{
    return copy ? &dive->problem->unit_rows[item] : &dive->problem->first_rows[item];
}

static int
unit_compare(const struct unit *a, const struct unit *b, bool falling)
{
    if (a->price != b->price)
        return (a->price < b->price ? -1 : 1) * (falling ? -1 : 1);
    if (a->item != b->item)
        return a->item < b->item ? -1 : 1;
    return a->copy - b->copy;
}

static void
units_sort(struct unit *units, size_t count, struct unit *spare, bool falling)
{
    size_t half = count / 2;
    size_t a = 0;
    size_t b = half;

    if (count < 2)
        return;
    units_sort(units, half, spare, falling);
    units_sort(units + half, count - half, spare, falling);
    memcpy(spare, units, count * sizeof(*units));
    for (size_t k = 0; k < count; k++) {
        bool left = b == count || (a < half && unit_compare(&spare[a], &spare[b], falling) < 0);

        units[k] = left ? spare[a++] : spare[b++];
    }
}

static bool
uses_capacity(const struct hp_problem *problem, uint32_t item)
{
    for (size_t r = 0; r < problem->instance->resource_count; r++)
        if (hp_problem_use(problem, item, r))
            return true;
    return false;
}

/* Kinds by comparing with one representative each; more than KINDS_MAX are told apart for
 * nothing, so the rest goes without. */
#define KINDS_MAX 64

static void
find_kinds(struct dive *dive)
{
    const struct hp_problem *problem = dive->problem;
    uint32_t *members = HP_ARENA_ARRAY(problem->arena, problem->family_count, uint32_t);
    const struct hp_rowset *kinds[KINDS_MAX];
    uint32_t count = 0;

    for (uint32_t i = 0; i < problem->item_count; i++)
        members[problem->family[i]]++;
    for (uint32_t u = 0; u < dive->unit_count; u++) {
        struct unit *unit = &dive->units[u];
        const struct hp_rowset *rows = rows_of(dive, unit->item, unit->copy);
        uint32_t kind = 0;

        unit->kind = NO_KIND;
        if (members[problem->family[unit->item]] > 1 || uses_capacity(problem, unit->item))
            continue;
        while (kind < count && memcmp(kinds[kind], rows, sizeof(*rows)) != 0)
            kind++;
        if (kind == KINDS_MAX)
            continue;
        if (kind == count)
            kinds[count++] = rows;
        unit->kind = kind;
    }
    dive->closed = HP_ARENA_ARRAY(problem->arena, KINDS_MAX, uint32_t);
}

static void
list_units(struct dive *dive)
{
    const struct hp_problem *problem = dive->problem;
    size_t count = 0;
    struct unit *spare;

    for (uint32_t i = 0; i < problem->item_count; i++)
        count += (size_t)problem->quantity[i];
    dive->units = HP_ARENA_ARRAY(problem->arena, count, struct unit);
    spare = HP_ARENA_ARRAY(problem->arena, count, struct unit);
    for (uint32_t i = 0; i < problem->item_count; i++)
        for (int32_t copy = problem->must[i]; copy < problem->quantity[i]; copy++)
            dive->units[dive->unit_count++] =
                (struct unit){problem->price[i], i, copy, NO_KIND};
    units_sort(dive->units, dive->unit_count, spare, dive->window);
    dive->sums = HP_ARENA_ARRAY(problem->arena, dive->unit_count + 1, int64_t);
    for (uint32_t u = 0; u < dive->unit_count; u++)
        dive->sums[u + 1] = dive->sums[u] + dive->units[u].price;
}

static void
add_uses(const struct dive *dive, struct needy *needy)
{
    const struct hp_problem *problem = dive->problem;

    for (size_t r = 0; r < problem->instance->resource_count; r++) {
        int64_t *uses = HP_ARENA_ARRAY(problem->arena, needy->count + 1, int64_t);

        for (uint32_t k = 0; k < needy->count; k++)
            uses[k + 1] = hp_problem_use(problem, dive->units[needy->units[k]].item, r);
        qsort(uses + 1, needy->count, sizeof(*uses), hp_order_int64);
        for (uint32_t k = 0; k < needy->count; k++)
            uses[k + 1] += uses[k];
        needy->uses[r] = uses;
    }
}

static void
add_needy(struct dive *dive, uint32_t row)
{
    const struct hp_problem *problem = dive->problem;
    struct needy *needy = &dive->needy[dive->needy_count++];

    needy->row = row;
    needy->count = 0;
    needy->units = HP_ARENA_ARRAY(problem->arena, dive->unit_count, uint32_t);
    needy->sums = HP_ARENA_ARRAY(problem->arena, dive->unit_count + 1, int64_t);
    for (uint32_t u = 0; u < dive->unit_count; u++) {
        if (!hp_rowset_has(&problem->unit_rows[dive->units[u].item], row))
            continue;
        needy->units[needy->count] = u;
        needy->sums[needy->count + 1] = needy->sums[needy->count] + dive->units[u].price;
        needy->count++;
    }
    add_uses(dive, needy);
}

static void
list_needy(struct dive *dive)
{
    const struct hp_problem *problem = dive->problem;
    uint32_t categories = 1 + (uint32_t)problem->instance->category_count;

    add_needy(dive, 0);
    for (uint32_t row = 1; row < problem->share_row; row++) {
        if (row == categories)
            dive->category_needs = dive->needy_count;
        if (problem->row_min[row] > 0)
            add_needy(dive, row);
    }
    if (problem->share_row == categories)
        dive->category_needs = dive->needy_count;
}

/* Is there room for one more unit of the item in its rows and the capacities? */
static bool
has_room(const struct dive *dive, uint32_t item, const struct hp_rowset *rows)
{
    const struct hp_problem *problem = dive->problem;

    for (uint32_t w = 0; w < problem->row_words; w++)
        for (uint64_t bits = rows->word[w]; bits; bits &= bits - 1) {
            uint32_t row = w * 64 + (uint32_t)__builtin_ctzll(bits);

            if (dive->row[row] >= problem->row_max[row])
                return false;
        }
    for (size_t r = 0; r < problem->instance->resource_count; r++)
        if (dive->use[r] + hp_problem_use(problem, item, r) >
            problem->instance->resources[r].max)
            return false;
    return true;
}

static bool
fits(const struct dive *dive, const struct unit *unit)
{
    if (dive->taken[unit->item] != unit->copy)
        return false;
    if (unit->copy == 0 && dive->family_taken[dive->problem->family[unit->item]])
        return false;
    if (dive->cost + unit->price > dive->limit)
        return false;
    return has_room(dive, unit->item, rows_of(dive, unit->item, unit->copy));
}

static void
count_unit(struct dive *dive, uint32_t item, int32_t copy, int32_t sign)
{
    const struct hp_problem *problem = dive->problem;
    const struct hp_rowset *rows = rows_of(dive, item, copy);

    for (uint32_t w = 0; w < problem->row_words; w++)
        for (uint64_t bits = rows->word[w]; bits; bits &= bits - 1)
            dive->row[w * 64 + (uint32_t)__builtin_ctzll(bits)] += sign;
    for (size_t r = 0; r < problem->instance->resource_count; r++)
        dive->use[r] += sign * hp_problem_use(problem, item, r);
    dive->cost += sign * problem->price[item];
    dive->taken[item] += sign;
    if (copy == 0)
        dive->family_taken[problem->family[item]] = sign > 0;
}

static void
take(struct dive *dive, uint32_t item, int32_t copy)
{
    count_unit(dive, item, copy, 1);
    dive->chosen[dive->chosen_count++] = item;
}

static void
give_back(struct dive *dive, uint32_t item, int32_t copy)
{
    dive->chosen_count--;
    count_unit(dive, item, copy, -1);
}

/* How many of the row's units stand before position `from`. */
static uint32_t
rank(const struct needy *needy, uint32_t from)
{
    uint32_t low = 0;
    uint32_t high = needy->count;

    while (low < high) {
        uint32_t middle = (low + high) / 2;

        if (needy->units[middle] < from)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Least price of `need` more units of the row from the `first` on; -1: there are not so many.
 */
static int64_t
least_of(const struct dive *dive, const struct needy *needy, uint32_t first, uint32_t need)
{
    if (needy->count - first < need)
        return -1;
    if (dive->window)
        return needy->sums[needy->count] - needy->sums[needy->count - need];
    return needy->sums[first + need] - needy->sums[first];
}

static int64_t
least(const struct dive *dive, const struct needy *needy, uint32_t from, uint32_t need)
{
    return least_of(dive, needy, rank(needy, from), need);
}

/* Price of the first units of the list from `from` on, as many or all. */
static int64_t
price_of_next(const struct dive *dive, uint32_t from, int64_t count)
{
    uint32_t left = dive->unit_count - from;

    return dive->sums[from + (count < left ? (uint32_t)count : left)] - dive->sums[from];
}

/* Least price that fills the categories' needs and then the count; -1: impossible, or the most
 * that what fills them may cost leaves a box below its window. */
static int64_t
nested_bound(const struct dive *dive, uint32_t from)
{
    const struct hp_problem *problem = dive->problem;
    int64_t room = problem->row_max[0] - dive->row[0];
    int64_t needs = 0;
    int64_t bound = 0;
    int64_t most = 0;
    int64_t whole;

    for (uint32_t k = 1; k < dive->category_needs; k++) {
        const struct needy *needy = &dive->needy[k];
        int32_t need = problem->row_min[needy->row] - dive->row[needy->row];
        uint32_t first;
        int64_t price;

        if (need <= 0)
            continue;
        first = rank(needy, from);
        price = least_of(dive, needy, first, (uint32_t)need);
        if (price < 0)
            return -1;
        bound += price;
        most += needy->sums[first + (uint32_t)need] - needy->sums[first];
        needs += need;
    }
    if (needs > room)
        return -1;
    if (dive->window && dive->cost + most + price_of_next(dive, from, room - needs) < dive->low)
        return -1;
    needs = problem->row_min[0] - dive->row[0] - needs;
    if (needs > 0 && from < dive->unit_count) {
        uint32_t cheapest = dive->window ? dive->unit_count - 1 : from;

        bound += needs * dive->units[cheapest].price;
    }
    if (problem->row_min[0] <= dive->row[0])
        return bound;
    whole = least(dive, &dive->needy[0], from, (uint32_t)(problem->row_min[0] - dive->row[0]));
    return whole < 0 || whole > bound ? whole : bound;
}

/* Can what the minima need still be carried? */
static bool
light(const struct dive *dive, size_t r)
{
    const struct hp_problem *problem = dive->problem;
    int64_t left = problem->instance->resources[r].max - dive->use[r];
    int32_t more = problem->row_min[0] - dive->row[0];
    int64_t needs = 0;

    for (uint32_t k = 1; k < dive->needy_count; k++) {
        const struct needy *needy = &dive->needy[k];
        int32_t need = problem->row_min[needy->row] - dive->row[needy->row];

        if (need <= 0)
            continue;
        if (needy->uses[r][need] > left)
            return false;
        if (k >= dive->category_needs)
            continue;
        needs += needy->uses[r][need];
        more -= need;
    }
    if (more > 0)
        needs += more * dive->needy[0].uses[r][1];
    more = problem->row_min[0] - dive->row[0];
    return needs <= left && (more <= 0 || dive->needy[0].uses[r][more] <= left);
}

/* Cuts (1) to (4) for the units from `from` on. */
static bool
promising(const struct dive *dive, uint32_t from)
{
    const struct hp_problem *problem = dive->problem;
    int64_t bound = nested_bound(dive, from);

    if (bound < 0 || dive->cost + bound > dive->limit)
        return false;
    for (uint32_t k = dive->category_needs; k < dive->needy_count; k++) {
        const struct needy *needy = &dive->needy[k];
        int32_t need = problem->row_min[needy->row] - dive->row[needy->row];

        if (need <= 0)
            continue;
        bound = least(dive, needy, from, (uint32_t)need);
        if (bound < 0 || dive->cost + bound > dive->limit)
            return false;
    }
    for (size_t r = 0; r < problem->instance->resource_count; r++)
        if (!light(dive, r))
            return false;
    return !dive->window ||
           dive->cost + price_of_next(dive, from, problem->row_max[0] - dive->row[0]) >=
               dive->low;
}

static bool
complete(const struct dive *dive)
{
    if (dive->cost > dive->limit || (dive->window && dive->cost < dive->low))
        return false;
    for (uint32_t k = 0; k < dive->needy_count; k++)
        if (dive->row[dive->needy[k].row] < dive->problem->row_min[dive->needy[k].row])
            return false;
    return true;
}

static void
record(struct dive *dive)
{
    memcpy(dive->best, dive->chosen, dive->chosen_count * sizeof(*dive->best));
    dive->best_count = dive->chosen_count;
    dive->best_cost = dive->cost;
    dive->found = true;
    dive->limit = dive->cost - 1;
}

static void
descend(struct dive *dive, uint32_t from)
{
    uint32_t left[KINDS_MAX];
    uint32_t left_count = 0;

    if (complete(dive)) {
        record(dive);
        return;
    }
    for (uint32_t u = from; u < dive->unit_count; u++) {
        const struct unit *unit = &dive->units[u];
        bool closes = !dive->window && unit->kind != NO_KIND;

        if (--*dive->steps < 0) {
            dive->dry = true;
            break;
        }
        if (!promising(dive, u))
            break;
        if ((closes && dive->closed[unit->kind]) || !fits(dive, unit))
            continue;
        take(dive, unit->item, unit->copy);
        descend(dive, u + 1);
        give_back(dive, unit->item, unit->copy);
        if (dive->dry || (dive->window && dive->found))
            break;
        if (closes) { /* cut (5) */
            dive->closed[unit->kind] = 1;
            left[left_count++] = unit->kind;
        }
    }
    while (left_count)
        dive->closed[left[--left_count]] = 0;
}

/* ---- the scarcest minimum first ------------------------------------------------------------
 */

/* A later copy may come when the ones before it may. */
static bool
may_come(const struct dive *dive, const struct unit *unit)
{
    int32_t taken = dive->taken[unit->item];

    if (unit->copy < taken || dive->out[unit->item] || dive->cost + unit->price > dive->limit)
        return false;
    if (unit->kind != NO_KIND && dive->closed[unit->kind])
        return false;
    if (taken == 0 && dive->family_taken[dive->problem->family[unit->item]])
        return false;
    return has_room(dive, unit->item, rows_of(dive, unit->item, taken));
}

/* Least price of `need` open units of the row, or -1; `*count` is how many are open. */
static int64_t
open_least(const struct dive *dive, const bool *open, const struct needy *needy, int32_t need,
    uint32_t *count)
{
    int64_t price = 0;

    *count = 0;
    for (uint32_t k = 0; k < needy->count; k++) {
        if (!open[needy->units[k]])
            continue;
        ++*count;
        if ((int32_t)*count <= need)
            price += dive->units[needy->units[k]].price;
    }
    return (int32_t)*count < need ? -1 : price;
}

/* The row that is short of its minimum and has the fewest units to spare. NULL: what is missing
 * costs too much or is not there. */
static const struct needy *
scarcest(const struct dive *dive, const bool *open)
{
    const struct hp_problem *problem = dive->problem;
    const struct needy *scarce = NULL;
    uint32_t spare = UINT32_MAX;
    int64_t nested = 0; /* of categories together */
    int64_t least = 0;

    for (uint32_t k = 0; k < dive->needy_count; k++) {
        const struct needy *needy = &dive->needy[k];
        int32_t need = problem->row_min[needy->row] - dive->row[needy->row];
        uint32_t count;
        int64_t price;

        if (need <= 0)
            continue;
        price = open_least(dive, open, needy, need, &count);
        if (price < 0)
            return NULL;
        if (k > 0 && k < dive->category_needs)
            nested += price;
        least = price > least ? price : least;
        if (count - (uint32_t)need < spare) {
            spare = count - (uint32_t)need;
            scarce = needy;
        }
    }
    least = nested > least ? nested : least;
    return dive->cost + least > dive->limit ? NULL : scarce;
}

/* Can it be the next one of the branch? */
static bool
is_next(const struct dive *dive, const struct unit *unit)
{
    return unit->copy == dive->taken[unit->item] && !dive->out[unit->item] &&
           (unit->kind == NO_KIND || !dive->closed[unit->kind]);
}

static void
leave_out(struct dive *dive, const struct unit *unit, uint32_t depth)
{
    dive->out[unit->item] = (uint8_t)(depth + 1);
    if (unit->kind != NO_KIND)
        dive->closed[unit->kind]++;
}

static void
let_in_again(struct dive *dive, const struct needy *needy, uint32_t depth)
{
    for (uint32_t k = 0; k < needy->count; k++) {
        const struct unit *unit = &dive->units[needy->units[k]];

        if (dive->out[unit->item] != depth + 1 || unit->copy != dive->taken[unit->item])
            continue;
        dive->out[unit->item] = 0;
        if (unit->kind != NO_KIND)
            dive->closed[unit->kind]--;
    }
}

/*
 * Every box that is still missing something holds a unit of the scarcest row. Its units one
 * after another, the cheapest first: each comes in, and those the branches before brought in
 * stay out. So no box is met twice, and rows with little choice are settled before those with
 * much.
 */
static void
cover(struct dive *dive, uint32_t depth)
{
    bool *open = dive->open + (size_t)depth * dive->unit_count;
    const struct needy *needy;

    if (complete(dive)) {
        record(dive);
        return;
    }
    *dive->steps -= dive->unit_count;
    if (*dive->steps < 0) {
        dive->dry = true;
        return;
    }
    for (uint32_t u = 0; u < dive->unit_count; u++)
        open[u] = may_come(dive, &dive->units[u]);
    needy = scarcest(dive, open);
    if (!needy)
        return;
    for (uint32_t k = 0; k < needy->count && !dive->dry; k++) {
        const struct unit *unit = &dive->units[needy->units[k]];

        if (!open[needy->units[k]] || !is_next(dive, unit) ||
            dive->cost + unit->price > dive->limit)
            continue;
        take(dive, unit->item, unit->copy);
        cover(dive, depth + 1);
        give_back(dive, unit->item, unit->copy);
        leave_out(dive, unit, depth);
    }
    let_in_again(dive, needy, depth);
}

static void
prepare(struct dive *dive, const struct hp_problem *problem, int64_t *steps, bool window)
{
    memset(dive, 0, sizeof(*dive));
    dive->problem = problem;
    dive->window = window;
    dive->steps = steps;
    dive->taken = HP_ARENA_ARRAY(problem->arena, problem->item_count, int32_t);
    dive->family_taken = HP_ARENA_ARRAY(problem->arena, problem->family_count, uint8_t);
    for (uint32_t i = 0; i < problem->item_count; i++)
        if (problem->must[i])
            take(dive, i, 0);
    list_units(dive);
    find_kinds(dive);
    list_needy(dive);
}

/* No minimum above its maximum. */
static bool
rows_agree(const struct hp_problem *problem)
{
    for (uint32_t row = 0; row < problem->row_count; row++)
        if (problem->row_min[row] > problem->row_max[row])
            return false;
    return problem->obstacle == HP_PACK_NO_OBSTACLE;
}

static void
copy_best(const struct dive *dive, struct hp_content *box)
{
    const struct hp_problem *problem = dive->problem;
    int32_t *copies = HP_ARENA_ARRAY(problem->arena, problem->item_count, int32_t);

    box->count = 0;
    for (uint32_t k = 0; k < dive->best_count; k++)
        copies[dive->best[k]]++;
    for (uint32_t i = 0; i < problem->item_count; i++) {
        if (!copies[i])
            continue;
        box->item[box->count] = i;
        box->quantity[box->count++] = copies[i];
    }
}

/* The other search, for a box cheaper than what was found. */
static void
cover_from_start(struct dive *dive, int64_t looks)
{
    const struct hp_problem *problem = dive->problem;

    dive->open = HP_ARENA_ARRAY(
        problem->arena, (size_t)dive->unit_count * ((size_t)problem->row_max[0] + 1), bool);
    dive->out = HP_ARENA_ARRAY(problem->arena, problem->item_count, uint8_t);
    dive->limit = dive->found ? dive->best_cost - 1 : HP_PACK_AMOUNT_MAX;
    dive->steps = &looks;
    dive->dry = false;
    memset(dive->closed, 0, KINDS_MAX * sizeof(*dive->closed));
    cover(dive, 0);
}

enum hp_verdict
hp_cheapest_find(
    const struct hp_problem *problem, int64_t *steps, struct hp_content *box, int64_t *cost)
{
    struct dive *dive = HP_ARENA_NEW(problem->arena, struct dive);
    int64_t looks = *steps * LOOKS;
    int64_t bound;

    box->count = 0;
    *cost = -1;
    if (!rows_agree(problem))
        return HP_VERDICT_IMPOSSIBLE;
    prepare(dive, problem, steps, false);
    bound = nested_bound(dive, 0);
    if (bound < 0)
        return HP_VERDICT_IMPOSSIBLE;
    for (int round = 0; round < 4 && !dive->found && !dive->dry; round++) {
        static const int64_t eighths[] = {0, 1, 8};

        dive->limit = round < 3 ? dive->cost + bound + (bound / 8 + 1) * eighths[round]
                                : HP_PACK_AMOUNT_MAX;
        descend(dive, 0);
    }
    if (dive->dry)
        cover_from_start(dive, looks);
    if (dive->found) {
        copy_best(dive, box);
        *cost = dive->best_cost;
    }
    if (dive->dry)
        return HP_VERDICT_OPEN;
    return dive->found ? HP_VERDICT_FOUND : HP_VERDICT_IMPOSSIBLE;
}

enum hp_verdict
hp_window_find(const struct hp_problem *problem, int64_t low, int64_t high, int64_t *steps,
    struct hp_content *box)
{
    struct dive *dive;

    box->count = 0;
    if (!rows_agree(problem) || low > high)
        return HP_VERDICT_IMPOSSIBLE;
    dive = HP_ARENA_NEW(problem->arena, struct dive);
    prepare(dive, problem, steps, true);
    dive->low = low;
    dive->limit = high;
    descend(dive, 0);
    if (dive->found) {
        copy_best(dive, box);
        return HP_VERDICT_FOUND;
    }
    return dive->dry ? HP_VERDICT_OPEN : HP_VERDICT_IMPOSSIBLE;
}
