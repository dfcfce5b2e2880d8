/*
 * packing/instance.h - what may go into a box and what a good box is, as plain values.
 *
 * One instance is one request for K boxes: the items to choose from, what they are worth alone
 * (gain) and together (pairs, category bonus), and the rules no box may break. Money is in
 * minor units, gains in micro-points; all integers. The same thing as a line of JSON is
 * described in docs/boxes.md.
 *
 * Value of a box = gains + repeat gains of further copies + weights of the pairs inside it
 *                + category bonuses.
 *
 * Everything is borrowed. Arrays may be in any order: the answer does not depend on it.
 * Thread: any. Pure.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_PACKING_INSTANCE_H
#define HP_PACKING_INSTANCE_H

#include "base/bytes.h"
#include "domain/event.h"
#include "domain/limits.h"

#define HP_PACK_ITEMS_MAX      5000
#define HP_PACK_PAIRS_MAX      200000
#define HP_PACK_CATEGORIES_MAX 128
#define HP_PACK_RULES_MAX      32
#define HP_PACK_RESOURCES_MAX  8
#define HP_PACK_UNITS_MAX      64 /* per box; HP_BOX_UNITS_MAX is what the stream serves */
#define HP_PACK_LADDER_MAX     16
#define HP_PACK_EARLIER_MAX    16
#define HP_PACK_BONUS_MAX      HP_PACK_UNITS_MAX
#define HP_PACK_GAIN_MAX       1000000000000LL /* gains, weights and bonuses, either sign */
#define HP_PACK_PRICE_MAX      HP_MONEY_MAX
#define HP_PACK_AMOUNT_MAX     1000000000000000LL /* windows and capacities */
#define HP_PACK_NO_MAX         INT32_MAX          /* an upper count that binds nothing */

static_assert(HP_BOX_UNITS_MAX <= HP_PACK_UNITS_MAX, "the stream's boxes can be packed");

struct hp_pack_item {
    struct hp_bytes id; /* distinct */
    int64_t price;
    int64_t gain;
    int32_t category;            /* index in `categories` */
    struct hp_bytes group;       /* near-duplicate family; empty or no value: none */
    int32_t max_qty;             /* 1 or more; 0 means 1 */
    const int64_t *repeat_gains; /* of the 2nd, 3rd.. copy; 0 beyond */
    size_t repeat_count;
    const int64_t *resources; /* resource_count numbers; NULL: takes none */
    struct hp_bytes because;  /* optional: what of the shopper's past speaks for it */
    bool is_new;              /* the shopper never had it: NEW_TO_YOU */
};

struct hp_pack_category {
    struct hp_bytes id;
    struct hp_bytes name;
    int32_t min; /* units per box */
    int32_t max; /* HP_PACK_NO_MAX: no bound */
    const int64_t *bonus;
    size_t bonus_count; /* bonus[k]: for the (k+1)-th unit; not rising, not negative */
};

struct hp_pack_pair { /* weight when both are in the box, whatever the quantities */
    uint32_t a;       /* indexes in `items` */
    uint32_t b;
    int64_t weight;
};

struct hp_pack_slot {
    struct hp_bytes name;
    int64_t min;
    int64_t max;
    const int64_t *ladder; /* minima to try in order, the first = min; NULL: only min */
    size_t ladder_count;
    const int64_t *gains; /* item_count gains that replace the items' in this slot, or NULL */
};

struct hp_pack_rule { /* number of units from a subset of the items */
    struct hp_bytes name;
    int32_t min;
    int32_t max;           /* HP_PACK_NO_MAX: no bound */
    const uint32_t *items; /* indexes; a repeated one counts once */
    size_t item_count;
};

struct hp_pack_resource {
    struct hp_bytes name;
    int64_t max;
};

/* A box the shopper saw before: the sharing cap holds against it as against earlier slots.
 * A family is the group of an item, or its id when it has none. */
struct hp_pack_earlier {
    struct hp_strings families;
};

struct hp_pack_instance {
    struct hp_bytes id;
    const struct hp_pack_slot *slots; /* 1 to HP_BOXES_MAX, in priority order */
    size_t slot_count;
    int32_t count_min; /* units per box */
    int32_t count_max; /* at most HP_PACK_UNITS_MAX */
    const struct hp_pack_category *categories;
    size_t category_count;
    const struct hp_pack_item *items;
    size_t item_count;
    const struct hp_pack_pair *pairs;
    size_t pair_count;
    struct hp_strings must;    /* item ids; one that is not among the items cannot be met */
    struct hp_strings exclude; /* item ids; wins over must */
    const struct hp_pack_rule *rules;
    size_t rule_count;
    const struct hp_pack_resource *resources;
    size_t resource_count;
    int32_t max_share_pct; /* 100: no sharing cap */
    const struct hp_pack_earlier *earlier;
    size_t earlier_count;
    bool want_bound; /* prove an upper bound for every slot; costs about as much again */
};

/* HP_OK when every number and index keeps the limits above; otherwise HP_BAD_RECORD and a text
 * that begins with the field, as in "items[3].price: ...". hp_pack_solve() needs HP_OK. */
HP_MUST_CHECK enum hp_status hp_pack_instance_check(
    const struct hp_pack_instance *instance, struct hp_error *error);

#endif
