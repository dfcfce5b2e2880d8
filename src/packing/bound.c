/*
 * packing/bound.c - Lagrangian upper bound.
 *
 * For any rate r >= 0 and any box in the window, value <= value - r (cost - high); for r < 0
 * the same with `low`. The greatest right-hand side over a larger, simpler set of boxes is
 * therefore a bound: a pair's positive weight is given half to each side (at most count - 1
 * of them an item), families, rules, capacities, minima and sharing are forgotten, and what is
 * left (counts and category maxima with a falling bonus) is solved exactly by taking the best
 * marginals. The bound is convex in r; its slope is how far that best choice misses the window,
 * which drives a bisection. Money times rate is rounded so that the bound can only grow.
 *
 * Cost: about 25 evaluations of n log n.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "packing/bound.h"

#define ROUNDS 24

struct mark { /* a unit and its marginal */
    int64_t score;
    uint32_t unit;
};

struct dual {
    const struct hp_slot_task *task;
    int64_t *worth; /* by unit */
    uint32_t *item;
    uint32_t count;
    struct mark *marks;
    struct mark *spare;
    int64_t best;
    int64_t cost; /* of the last evaluation's choice */
};

/* Half of the sum of the item's count - 1 best positive weights, rounded up. `sums` is zero for
 * every item, and left so; a pair listed twice is one weight. */
static int64_t
pair_share(const struct hp_problem *problem, uint32_t i, int64_t *sums)
{
    int64_t top[HP_PACK_UNITS_MAX];
    uint32_t most = problem->row_max[0] > 1 ? (uint32_t)problem->row_max[0] - 1 : 0;
    uint32_t count = 0;
    int64_t sum = 0;

    for (uint32_t p = problem->pair_start[i]; p < problem->pair_start[i + 1]; p++)
        sums[problem->pair_item[p]] += problem->pair_weight[p];
    for (uint32_t p = problem->pair_start[i]; p < problem->pair_start[i + 1]; p++) {
        int64_t weight = sums[problem->pair_item[p]];
        uint32_t at;

        sums[problem->pair_item[p]] = 0;
        if (!most || weight <= 0 || (count == most && weight <= top[count - 1]))
            continue;
        at = count < most ? count++ : count - 1;
        for (; at && top[at - 1] < weight; at--)
            top[at] = top[at - 1];
        top[at] = weight;
    }
    for (uint32_t k = 0; k < count; k++)
        sum += top[k];
    return (sum + 1) / 2;
}

static void
list_units(struct dual *dual)
{
    const struct hp_problem *problem = dual->task->problem;
    int64_t *sums = HP_ARENA_ARRAY(problem->arena, problem->item_count, int64_t);
    size_t count = 0;

    for (uint32_t i = 0; i < problem->item_count; i++)
        count += (size_t)problem->quantity[i];
    dual->worth = HP_ARENA_ARRAY(problem->arena, count, int64_t);
    dual->item = HP_ARENA_ARRAY(problem->arena, count, uint32_t);
    dual->marks = HP_ARENA_ARRAY(problem->arena, count, struct mark);
    dual->spare = HP_ARENA_ARRAY(problem->arena, count, struct mark);
    for (uint32_t i = 0; i < problem->item_count; i++) {
        const struct hp_pack_item *item = &problem->instance->items[problem->source[i]];

        if (problem->price[i] > dual->task->high)
            continue;
        for (int32_t copy = 0; copy < problem->quantity[i]; copy++) {
            int64_t worth = copy == 0 ? dual->task->gain[i] + problem->self[i] +
                                            pair_share(problem, i, sums)
                            : (size_t)copy <= item->repeat_count ? item->repeat_gains[copy - 1]
                                                                 : 0;

            dual->worth[dual->count] = worth;
            dual->item[dual->count++] = i;
        }
    }
}

static void
marks_sort(struct mark *marks, size_t count, struct mark *spare)
{
    size_t half = count / 2;
    size_t a = 0;
    size_t b = half;

    if (count < 2)
        return;
    marks_sort(marks, half, spare);
    marks_sort(marks + half, count - half, spare);
    memcpy(spare, marks, count * sizeof(*marks));
    for (size_t k = 0; k < count; k++) {
        bool left = b == count || (a < half && spare[a].score >= spare[b].score);

        marks[k] = left ? spare[a++] : spare[b++];
    }
}

static int64_t
bonus_of(const struct hp_problem *problem, int32_t category, int32_t unit)
{
    const struct hp_pack_category *entry = &problem->instance->categories[category];

    return (size_t)unit < entry->bonus_count ? entry->bonus[unit] : 0;
}

/* Adds each unit's bonus in its category's order of score, and drops what a maximum forbids. */
static size_t
add_bonuses(struct dual *dual)
{
    const struct hp_problem *problem = dual->task->problem;
    int32_t units[HP_PACK_CATEGORIES_MAX] = {0};
    size_t kept = 0;

    for (size_t k = 0; k < dual->count; k++) {
        int32_t category = problem->category[dual->item[dual->marks[k].unit]];
        int32_t unit = units[category];

        if (unit >= problem->row_max[1 + category])
            continue;
        units[category]++;
        dual->marks[kept] = dual->marks[k];
        dual->marks[kept++].score += bonus_of(problem, category, unit);
    }
    return kept;
}

/* The bound at one rate; INT64_MAX when it cannot be computed in 64 bits. */
static int64_t
evaluate(struct dual *dual, int64_t rate)
{
    const struct hp_problem *problem = dual->task->problem;
    int64_t side = rate < 0 ? dual->task->low : dual->task->high;
    int64_t size = rate < 0 ? -rate : rate;
    int64_t bound = 0;
    size_t kept;

    if (size && side > INT64_MAX / 4 / size)
        return INT64_MAX;
    for (uint32_t u = 0; u < dual->count; u++) {
        int64_t price = problem->price[dual->item[u]];

        dual->marks[u] = (struct mark){dual->worth[u] - (price * rate >> HP_CORE_RATE_BITS), u};
    }
    marks_sort(dual->marks, dual->count, dual->spare);
    kept = add_bonuses(dual);
    marks_sort(dual->marks, kept, dual->spare);
    dual->cost = 0;
    for (size_t k = 0; k < kept && k < (size_t)problem->row_max[0]; k++) {
        if (dual->marks[k].score <= 0 && k >= (size_t)problem->row_min[0])
            break;
        bound += dual->marks[k].score;
        dual->cost += problem->price[dual->item[dual->marks[k].unit]];
    }
    bound += (side * rate >> HP_CORE_RATE_BITS) + 1;
    if (bound < dual->best)
        dual->best = bound;
    return bound;
}

static int64_t
rate_limit(const struct dual *dual)
{
    const struct hp_problem *problem = dual->task->problem;
    int64_t dearest = 1;

    for (uint32_t u = 0; u < dual->count; u++)
        if (problem->price[dual->item[u]] > dearest)
            dearest = problem->price[dual->item[u]];
    return (INT64_C(1) << 61) / dearest;
}

/* Bisection between 0 and the first doubled rate whose choice is on the other side. */
static void
descend(struct dual *dual, bool falling)
{
    int64_t limit = rate_limit(dual);
    int64_t near = 0;
    int64_t far = 1;

    while (far < limit / 2) {
        if (evaluate(dual, falling ? -far : far) == INT64_MAX)
            break;
        if (falling ? dual->cost >= dual->task->low : dual->cost <= dual->task->high)
            break;
        near = far;
        far *= 2;
    }
    for (int k = 0; k < ROUNDS && far - near > 1; k++) {
        int64_t middle = near + (far - near) / 2;
        int64_t bound = evaluate(dual, falling ? -middle : middle);

        if (bound == INT64_MAX ||
            (falling ? dual->cost >= dual->task->low : dual->cost <= dual->task->high))
            far = middle;
        else
            near = middle;
    }
}

int64_t
hp_slot_bound(const struct hp_slot_task *task)
{
    struct dual dual = {.task = task, .best = INT64_MAX};

    list_units(&dual);
    evaluate(&dual, 0);
    if (dual.cost > task->high)
        descend(&dual, false);
    else if (dual.cost < task->low)
        descend(&dual, true);
    return dual.best;
}
