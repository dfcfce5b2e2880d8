/*
 * packing/pack.h - choose K boxes, best first, every one inside the rules, and say why.
 *
 * hp_pack_solve() is a pure function of its instance: no clock, no random numbers, no floating
 * point; the same instance gives the same answer on every machine, whatever the order of its
 * arrays. Effort is counted in steps. Memory comes from the arena; the answer lives there.
 *
 * Slots are filled in order. Against every box before it (and every `earlier` one) a box shares
 * at most max_share_pct of that box's families, musts not counted.
 *
 * Thread: any; one arena each.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_PACKING_PACK_H
#define HP_PACKING_PACK_H

#include "base/arena.h"
#include "packing/instance.h"

enum hp_pack_status { HP_PACK_OK, HP_PACK_PARTIAL, HP_PACK_INFEASIBLE };

/* Why a slot is empty, or why there is no box at all. */
enum hp_pack_obstacle {
    HP_PACK_NO_OBSTACLE,
    HP_PACK_BUDGET_TOO_LOW,      /* the cheapest box costs more than the slot's max */
    HP_PACK_FILL_UNREACHABLE,    /* boxes exist, but none with a cost inside the window */
    HP_PACK_SHARING_EXHAUSTED,   /* the only boxes left share too much with earlier ones */
    HP_PACK_CONTRADICTION,       /* a must is excluded, unknown or out of reach */
    HP_PACK_MUST_CONFLICT,       /* the musts alone break a rule */
    HP_PACK_CATEGORY_UNFILLABLE, /* a category cannot reach its minimum */
    HP_PACK_RULE_UNFILLABLE,     /* a tag rule cannot reach its minimum */
    HP_PACK_COUNT_UNREACHABLE,   /* not enough units for count_min */
    HP_PACK_RESOURCES_EXHAUSTED, /* a capacity is too small for any box */
    HP_PACK_RULES_CONTRADICT,    /* each rule can be met, but not all of them together */
    HP_PACK_SEARCH_LIMIT,        /* nothing found and nothing proved within the step limit */
};

/* As in the answer's JSON: "BUDGET_TOO_LOW" and so on. */
const char *hp_pack_obstacle_name(enum hp_pack_obstacle obstacle);

enum hp_pack_code {
    HP_PACK_FILL,       /* number: percent of the slot's max, rounded down */
    HP_PACK_COVERS,     /* list: categories in the box, by id */
    HP_PACK_GOES_WITH,  /* item, other: a pair with positive weight; number: the weight */
    HP_PACK_MUST,       /* item */
    HP_PACK_DIFFERS,    /* from: index of an earlier slot; number: families shared with it */
    HP_PACK_BECAUSE,    /* item: its `because` speaks for it */
    HP_PACK_NEW_TO_YOU, /* item */
};

const char *hp_pack_code_name(enum hp_pack_code code);

struct hp_pack_reason {
    enum hp_pack_code code;
    uint32_t item; /* indexes in the instance's items */
    uint32_t other;
    uint32_t from;
    int64_t number;
    const uint32_t *list; /* indexes in the instance's categories */
    size_t list_count;
};

struct hp_pack_line {
    uint32_t item; /* index in the instance's items */
    int32_t quantity;
    int64_t points; /* the item's exact share of the value (Shapley); the lines sum to it */
};

struct hp_pack_box {
    uint32_t slot;
    const struct hp_pack_line *lines; /* by item id */
    size_t line_count;
    int64_t cost;
    int64_t value;
    bool bounded;
    int64_t bound;      /* no box of this slot can be worth more */
    uint32_t fill_step; /* index in the slot's ladder */
    const struct hp_pack_reason *reasons;
    size_t reason_count;
};

struct hp_pack_missing {
    uint32_t slot;
    enum hp_pack_obstacle obstacle;
};

struct hp_pack_option { /* what leaving out one rule would make possible */
    const char *relax;  /* as in "category sweets", "count", "must a17" */
    int64_t min_budget;
};

struct hp_pack_advice {
    enum hp_pack_obstacle obstacle;
    const char *subject; /* which category, rule, must..; "" when the obstacle says it all */
    bool has_min_budget; /* false: no box at any budget */
    bool min_proved;     /* min_budget is the least possible, not only the least found */
    int64_t min_budget;
    const struct hp_pack_line *cheapest; /* by item id; points are 0 */
    size_t cheapest_count;
    const struct hp_pack_option *options; /* cheapest first */
    size_t option_count;
};

struct hp_pack_answer {
    enum hp_pack_status status;
    const struct hp_pack_box *boxes; /* in slot order */
    size_t box_count;
    const struct hp_pack_missing *missing; /* every slot without a box, in slot order */
    size_t missing_count;
    struct hp_pack_advice advice; /* only when HP_PACK_INFEASIBLE */
};

/* Borrows the instance, which hp_pack_instance_check() must have accepted. */
void hp_pack_solve(const struct hp_pack_instance *instance, struct hp_arena *arena,
    struct hp_pack_answer *answer);

#endif
