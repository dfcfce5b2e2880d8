/*
 * packing/advice.c - what to say when nothing fits.
 *
 * Every "what if" is the same instance with one rule left out, solved exactly for its cheapest
 * box. A rule whose removal makes boxes possible, or cheaper, is worth telling.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "packing/advice.h"

#define MAIN_STEPS   15000
#define OPTION_STEPS 1000
#define TRIES_MAX    48 /* rules left out one at a time */

/* Families of different kinds aside, at most this many units can have the row. */
static int64_t
row_supply(const struct hp_problem *problem, uint32_t row)
{
    int32_t *most = HP_ARENA_ARRAY(problem->arena, problem->family_count, int32_t);
    int64_t supply = 0;

    for (uint32_t i = 0; i < problem->item_count; i++) {
        int32_t *best = &most[problem->family[i]];

        if (hp_rowset_has(&problem->unit_rows[i], row) && problem->quantity[i] > *best) {
            supply += problem->quantity[i] - *best;
            *best = problem->quantity[i];
        }
    }
    return supply;
}

struct what_if { /* an instance with one rule left out */
    const struct hp_pack_instance *instance;
    struct hp_arena *arena;
    struct hp_pack_instance changed;
};

static void
without_category(struct what_if *what, size_t c)
{
    size_t count = what->instance->category_count;
    struct hp_pack_category *copy = HP_ARENA_ARRAY(what->arena, count, struct hp_pack_category);

    what->changed = *what->instance;
    memcpy(copy, what->instance->categories, count * sizeof(*copy));
    copy[c].min = 0;
    what->changed.categories = copy;
}

static void
without_rule(struct what_if *what, size_t r)
{
    size_t count = what->instance->rule_count;
    struct hp_pack_rule *copy = HP_ARENA_ARRAY(what->arena, count, struct hp_pack_rule);

    what->changed = *what->instance;
    memcpy(copy, what->instance->rules, count * sizeof(*copy));
    copy[r].min = 0;
    copy[r].max = HP_PACK_NO_MAX;
    what->changed.rules = copy;
}

static void
without_must(struct what_if *what, size_t k)
{
    size_t count = what->instance->must.count;
    struct hp_bytes *copy = HP_ARENA_ARRAY(what->arena, count, struct hp_bytes);
    size_t kept = 0;

    what->changed = *what->instance;
    for (size_t m = 0; m < count; m++)
        if (!hp_bytes_equal(what->instance->must.items[m], what->instance->must.items[k]))
            copy[kept++] = what->instance->must.items[m];
    what->changed.must = (struct hp_strings){copy, kept};
}

/* An empty box is no advice: one unit stays. */
static void
without_count(struct what_if *what)
{
    what->changed = *what->instance;
    what->changed.count_min = 1;
}

static void
without_resources(struct what_if *what)
{
    what->changed = *what->instance;
    what->changed.resource_count = 0;
}

static void
without_sharing(struct what_if *what)
{
    what->changed = *what->instance;
    what->changed.max_share_pct = 100;
}

/* The least cost once the rule is left out; -1: none, or not settled within the steps. */
static int64_t
cost_without(struct what_if *what)
{
    struct hp_problem *problem = HP_ARENA_NEW(what->arena, struct hp_problem);
    struct hp_content *box = HP_ARENA_NEW(what->arena, struct hp_content);
    int64_t steps = OPTION_STEPS;
    int64_t cost;

    hp_problem_build(problem, &what->changed, what->arena);
    return hp_cheapest_find(problem, &steps, box, &cost) == HP_VERDICT_FOUND ? cost : -1;
}

struct options {
    struct hp_pack_option list[HP_OPTIONS_MAX];
    size_t count;
    int tries;
};

/* Dearer, or equally dear and later by name. */
static bool
option_after(const struct hp_pack_option *option, const char *relax, int64_t cost)
{
    return option->min_budget != cost ? option->min_budget > cost
                                      : strcmp(option->relax, relax) > 0;
}

static void
add_option(struct options *options, const char *relax, int64_t cost)
{
    size_t at = options->count;

    if (at == HP_OPTIONS_MAX && !option_after(&options->list[at - 1], relax, cost))
        return;
    if (at < HP_OPTIONS_MAX)
        options->count++;
    else
        at--;
    for (; at && option_after(&options->list[at - 1], relax, cost); at--)
        options->list[at] = options->list[at - 1];
    options->list[at] = (struct hp_pack_option){relax, cost};
}

/* `now`: the least budget with every rule, -1 for none. */
static void
try_option(struct what_if *what, struct options *options, const char *relax, int64_t now)
{
    int64_t cost;

    if (++options->tries > TRIES_MAX)
        return;
    cost = cost_without(what);
    if (cost >= 0 && (now < 0 || cost < now))
        add_option(options, relax, cost);
}

static const char *
named(struct what_if *what, const char *kind, struct hp_bytes name)
{
    return hp_arena_printf(what->arena, "%s %.*s", kind, HP_BYTES_FORMAT(name));
}

static void
find_options(struct what_if *what, int64_t now, struct options *options)
{
    const struct hp_pack_instance *in = what->instance;

    for (size_t k = 0; k < in->must.count; k++) {
        without_must(what, k);
        try_option(what, options, named(what, "must", in->must.items[k]), now);
    }
    if (in->count_min > 1) {
        without_count(what);
        try_option(what, options, "count", now);
    }
    for (size_t c = 0; c < in->category_count; c++)
        if (in->categories[c].min > 0) {
            without_category(what, c);
            try_option(what, options, named(what, "category", in->categories[c].id), now);
        }
    for (size_t r = 0; r < in->rule_count; r++) {
        without_rule(what, r);
        try_option(what, options, named(what, "rule", in->rules[r].name), now);
    }
    if (in->resource_count) {
        without_resources(what);
        try_option(what, options, "resources", now);
    }
}

static void
blame(struct hp_pack_advice *advice, enum hp_pack_obstacle obstacle, const char *subject)
{
    advice->obstacle = obstacle;
    advice->subject = subject;
}

/* A minimum that no choice of items reaches, whatever the other rules. */
static bool
blame_supply(
    struct what_if *what, const struct hp_problem *problem, struct hp_pack_advice *advice)
{
    const struct hp_pack_instance *in = what->instance;

    for (uint32_t row = 0; row < problem->share_row; row++) {
        int32_t most = problem->row_max[row];
        int64_t supply = row_supply(problem, row);

        if (problem->row_min[row] <= (supply < most ? supply : most))
            continue;
        if (row == 0)
            blame(advice, HP_PACK_COUNT_UNREACHABLE, "count");
        else if (row <= in->category_count)
            blame(advice, HP_PACK_CATEGORY_UNFILLABLE,
                named(what, "category", in->categories[row - 1].id));
        else
            blame(advice, HP_PACK_RULE_UNFILLABLE,
                named(what, "rule", in->rules[row - 1 - in->category_count].name));
        return true;
    }
    return false;
}

/* No box at any budget: which rule is in the way. */
static void
blame_rules(
    struct what_if *what, const struct hp_problem *problem, struct hp_pack_advice *advice)
{
    const struct hp_pack_instance *in = what->instance;

    if (problem->obstacle != HP_PACK_NO_OBSTACLE) {
        blame(advice, problem->obstacle, problem->subject);
        return;
    }
    if (blame_supply(what, problem, advice))
        return;
    without_resources(what);
    if (in->resource_count && cost_without(what) >= 0) {
        blame(advice, HP_PACK_RESOURCES_EXHAUSTED, "resources");
        return;
    }
    without_sharing(what);
    if (in->earlier_count && cost_without(what) >= 0) {
        blame(advice, HP_PACK_SHARING_EXHAUSTED, "earlier boxes");
        return;
    }
    without_count(what);
    if (in->count_min > 0 && cost_without(what) >= 0) {
        blame(advice, HP_PACK_COUNT_UNREACHABLE, "count");
        return;
    }
    blame(advice, HP_PACK_RULES_CONTRADICT, "");
}

static bool
above_every_slot(const struct hp_pack_instance *instance, int64_t cost)
{
    for (size_t k = 0; k < instance->slot_count; k++)
        if (cost <= instance->slots[k].max)
            return false;
    return true;
}

static void
give_cheapest(struct hp_arena *arena, const struct hp_problem *problem,
    const struct hp_content *box, struct hp_pack_advice *advice)
{
    struct hp_pack_line *lines = HP_ARENA_ARRAY(arena, box->count, struct hp_pack_line);

    for (uint32_t k = 0; k < box->count; k++)
        lines[k] = (struct hp_pack_line){problem->source[box->item[k]], box->quantity[k], 0};
    advice->cheapest = lines;
    advice->cheapest_count = box->count;
}

static void
find_cheapest(const struct hp_pack_instance *instance, struct hp_arena *arena,
    struct hp_cheapest *cheapest)
{
    int64_t steps = MAIN_STEPS;

    hp_problem_build(&cheapest->problem, instance, arena);
    cheapest->verdict =
        hp_cheapest_find(&cheapest->problem, &steps, &cheapest->box, &cheapest->cost);
    cheapest->known = true;
}

static void
find_unshared(const struct hp_pack_instance *instance, struct hp_arena *arena,
    struct hp_cheapest *unshared)
{
    struct what_if *what = HP_ARENA_NEW(arena, struct what_if); /* the problem refers to it */

    if (unshared->known)
        return;
    what->instance = instance;
    without_sharing(what);
    find_cheapest(&what->changed, arena, unshared);
}

void
hp_advice_give(const struct hp_pack_instance *instance, struct hp_arena *arena,
    enum hp_pack_obstacle first, struct hp_cheapest *unshared, struct hp_pack_advice *advice)
{
    struct what_if what = {.instance = instance, .arena = arena};
    struct options *options = HP_ARENA_NEW(arena, struct options);
    struct hp_cheapest *cheapest = unshared;

    *advice = (struct hp_pack_advice){.subject = ""};
    if (instance->earlier_count) { /* boxes the shopper saw before: another problem */
        cheapest = HP_ARENA_NEW(arena, struct hp_cheapest);
        find_cheapest(instance, arena, cheapest);
    } else {
        find_unshared(instance, arena, cheapest);
    }
    if (cheapest->cost >= 0) {
        advice->has_min_budget = true;
        advice->min_proved = cheapest->verdict == HP_VERDICT_FOUND;
        advice->min_budget = cheapest->cost;
        give_cheapest(arena, &cheapest->problem, &cheapest->box, advice);
        blame(advice,
            above_every_slot(instance, cheapest->cost) ? HP_PACK_BUDGET_TOO_LOW : first, "");
    } else if (cheapest->verdict == HP_VERDICT_OPEN) {
        blame(advice, HP_PACK_SEARCH_LIMIT, "");
    } else {
        blame_rules(&what, &cheapest->problem, advice);
    }
    find_options(&what, cheapest->cost, options);
    advice->options = options->list;
    advice->option_count = options->count;
}

/* Does a box exist in some window of the slot when boxes may share all they like? */
static bool
exists_unshared(
    const struct hp_problem *problem, const struct hp_pack_slot *slot, int64_t *steps)
{
    struct hp_content *box = HP_ARENA_NEW(problem->arena, struct hp_content);
    int64_t low = slot->ladder_count ? slot->ladder[0] : slot->min;

    for (size_t s = 1; s < slot->ladder_count; s++)
        if (slot->ladder[s] < low)
            low = slot->ladder[s];
    return hp_window_find(problem, low, slot->max, steps, box) == HP_VERDICT_FOUND;
}

enum hp_pack_obstacle
hp_advice_slot(const struct hp_pack_instance *instance, const struct hp_problem *problem,
    uint32_t slot, bool open, struct hp_cheapest *unshared, int64_t *steps)
{
    struct what_if what = {.instance = instance, .arena = problem->arena};
    struct hp_pack_advice advice = {.subject = ""};

    find_unshared(instance, problem->arena, unshared);
    if (unshared->cost > instance->slots[slot].max && unshared->verdict == HP_VERDICT_FOUND)
        return HP_PACK_BUDGET_TOO_LOW;
    if (unshared->verdict == HP_VERDICT_IMPOSSIBLE) {
        without_sharing(&what);
        blame_rules(&what, &unshared->problem, &advice);
        return advice.obstacle;
    }
    if (problem->row_count > problem->share_row &&
        exists_unshared(&unshared->problem, &instance->slots[slot], steps))
        return HP_PACK_SHARING_EXHAUSTED;
    return open ? HP_PACK_SEARCH_LIMIT : HP_PACK_FILL_UNREACHABLE;
}
