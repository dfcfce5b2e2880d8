/*
 * tests/property/packing_cases.h - made-up instances, an independent checker of answers and an
 * exhaustive search, shared by the tests and benches of packing.
 *
 * Nothing here uses packing's own preparation: rules are read from the instance as a caller
 * wrote it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_TESTS_PACKING_CASES_H
#define HP_TESTS_PACKING_CASES_H

#include "base/rng.h"
#include "packing/pack.h"

#define CASE_ITEMS_MAX HP_PACK_ITEMS_MAX

enum case_kind {
    CASE_LONG_TAIL,  /* a few favourites, many so-so */
    CASE_CORRELATED, /* gains follow prices, with noise */
    CASE_NOISY,      /* a draw around a flat mean */
    CASE_FLAT,       /* all gains equal: the pairs decide */
    CASE_STRONG,     /* gain proportional to price */
    CASE_TIGHT,      /* a narrow window, every bound active */
    CASE_KINDS
};

static inline const char *
case_kind_name(int kind)
{
    static const char *const names[] = {
        "long-tail", "correlated", "noisy", "flat", "strong", "tight"};

    return names[kind];
}

struct case_shape {
    int kind;
    uint32_t items;
    uint32_t slots;
    int32_t share_pct; /* 0: drawn */
};

static inline struct hp_bytes
case_name(struct hp_arena *arena, const char *prefix, uint32_t number)
{
    return hp_bytes_text(hp_arena_printf(arena, "%s%04u", prefix, number));
}

static inline bool
case_chance(struct hp_rng *rng, uint32_t percent)
{
    return hp_rng_below(rng, 100) < percent;
}

/* Roughly log-normal between 40 and 900 rupees, ending in nine. */
static inline int64_t
case_price(struct hp_rng *rng)
{
    int64_t price = 40;

    for (int k = 0; k < 6; k++)
        price = price * (int64_t)(100 + hp_rng_below(rng, 90)) / 100;
    if (price > 900)
        price = 900 - (int64_t)hp_rng_below(rng, 300);
    return (price / 10 * 10 + 9) * 100;
}

static inline int64_t
case_gain(struct hp_rng *rng, int kind, int64_t price)
{
    int64_t u = 1 + hp_rng_below(rng, 1000000);

    switch (kind) {
    case CASE_LONG_TAIL: return 20000 + u * u / 1000000 * u / 1000000;
    case CASE_CORRELATED: return 100000 + price * 8 + u / 3;
    case CASE_NOISY: return 500000 + (u - 500000) / 4;
    case CASE_FLAT: return 500000;
    case CASE_STRONG: return price * 10;
    default: return 200000 + u / 2;
    }
}

static inline void
case_items(struct hp_rng *rng, struct hp_arena *arena, const struct case_shape *shape,
    struct hp_pack_instance *in)
{
    struct hp_pack_item *items = HP_ARENA_ARRAY(arena, shape->items, struct hp_pack_item);

    for (uint32_t i = 0; i < shape->items; i++) {
        items[i].id = case_name(arena, "i", i);
        items[i].price = case_price(rng);
        items[i].gain = case_gain(rng, shape->kind, items[i].price);
        items[i].category = (int32_t)hp_rng_below(rng, (uint32_t)in->category_count);
        items[i].max_qty = 1;
        if (case_chance(rng, 15))
            items[i].group = case_name(arena, "g", hp_rng_below(rng, shape->items / 12 + 1));
    }
    in->items = items;
    in->item_count = shape->items;
}

static inline void
case_pairs(struct hp_rng *rng, struct hp_arena *arena, struct hp_pack_instance *in)
{
    size_t count = in->item_count * 3;
    struct hp_pack_pair *pairs = HP_ARENA_ARRAY(arena, count, struct hp_pack_pair);

    for (size_t p = 0; p < count; p++) {
        uint32_t a = hp_rng_below(rng, (uint32_t)in->item_count);
        uint32_t b = hp_rng_below(rng, (uint32_t)in->item_count);
        int64_t weight = 20000 + hp_rng_below(rng, 100000);

        if (a == b)
            b = (a + 1) % (uint32_t)in->item_count;
        if (in->items[a].category == in->items[b].category)
            weight = -weight;
        pairs[p] = (struct hp_pack_pair){a, b, weight};
    }
    in->pairs = pairs;
    in->pair_count = in->item_count > 1 ? count : 0;
}

static inline void
case_categories(
    struct hp_rng *rng, struct hp_arena *arena, bool tight, struct hp_pack_instance *in)
{
    size_t count = 3 + hp_rng_below(rng, 6);
    struct hp_pack_category *categories = HP_ARENA_ARRAY(arena, count, struct hp_pack_category);

    for (size_t c = 0; c < count; c++) {
        int64_t *bonus = HP_ARENA_ARRAY(arena, 3, int64_t);

        bonus[0] = 150000;
        bonus[1] = 75000;
        bonus[2] = 25000;
        categories[c].id = case_name(arena, "c", (uint32_t)c);
        categories[c].name = categories[c].id;
        categories[c].min = tight || case_chance(rng, 25) ? 1 : 0;
        categories[c].max = 2 + (int32_t)hp_rng_below(rng, 3);
        categories[c].bonus = bonus;
        categories[c].bonus_count = 3;
    }
    in->categories = categories;
    in->category_count = count;
}

/* A shop's request: what the stream sends, in sizes and proportions. */
static inline struct hp_pack_instance *
case_realistic(struct hp_rng *rng, struct hp_arena *arena, const struct case_shape *shape)
{
    struct hp_pack_instance *in = HP_ARENA_NEW(arena, struct hp_pack_instance);
    struct hp_pack_slot *slots = HP_ARENA_ARRAY(arena, shape->slots, struct hp_pack_slot);
    static const int32_t shares[] = {34, 50, 50, 67};
    bool tight = shape->kind == CASE_TIGHT;
    int64_t budget = 50000 + (int64_t)hp_rng_below(rng, 45) * 10000;

    in->id = hp_bytes_text("case");
    case_categories(rng, arena, tight, in);
    case_items(rng, arena, shape, in);
    case_pairs(rng, arena, in);
    in->count_min = 3;
    in->count_max = 6 + (int32_t)hp_rng_below(rng, 7);
    if (tight && in->count_min < (int32_t)in->category_count)
        in->count_min = (int32_t)in->category_count;
    if (in->count_max < in->count_min)
        in->count_max = in->count_min;
    if (budget > in->count_max * INT64_C(40000))
        budget = in->count_max * INT64_C(40000);
    if (tight && budget < in->count_min * INT64_C(20000))
        budget = in->count_min * INT64_C(20000);
    for (uint32_t k = 0; k < shape->slots; k++) {
        slots[k].name = case_name(arena, "box", k + 1);
        slots[k].max = budget;
        slots[k].min = tight ? budget / 100 * 97 : budget / 100 * 85;
    }
    in->slots = slots;
    in->slot_count = shape->slots;
    in->max_share_pct = shape->share_pct ? shape->share_pct : shares[hp_rng_below(rng, 4)];
    if (case_chance(rng, 25)) {
        struct hp_bytes *must = HP_ARENA_NEW(arena, struct hp_bytes);

        *must = in->items[hp_rng_below(rng, shape->items)].id;
        in->must = (struct hp_strings){must, 1};
    }
    if (shape->items > 20) {
        struct hp_bytes *exclude = HP_ARENA_ARRAY(arena, shape->items / 12, struct hp_bytes);

        for (uint32_t k = 0; k < shape->items / 12; k++) {
            exclude[k] = in->items[hp_rng_below(rng, shape->items)].id;
            if (in->must.count && hp_bytes_equal(exclude[k], in->must.items[0]))
                exclude[k] = hp_bytes_text("nobody");
        }
        in->exclude = (struct hp_strings){exclude, shape->items / 12};
    }
    return in;
}

/* ---- tiny instances with every feature on, odd corners included ---- */

static inline void
tiny_categories(struct hp_rng *rng, struct hp_arena *arena, struct hp_pack_instance *in)
{
    size_t count = 1 + hp_rng_below(rng, 4);
    struct hp_pack_category *categories = HP_ARENA_ARRAY(arena, count, struct hp_pack_category);

    for (size_t c = 0; c < count; c++) {
        size_t bonuses = hp_rng_below(rng, 4);
        int64_t *bonus = HP_ARENA_ARRAY(arena, bonuses, int64_t);
        int64_t before = 60;

        for (size_t k = 0; k < bonuses; k++)
            before = bonus[k] = hp_rng_between(rng, 0, before);
        categories[c].id = case_name(arena, "c", (uint32_t)c);
        categories[c].name = categories[c].id;
        categories[c].min = case_chance(rng, 30) ? 1 + (int32_t)hp_rng_below(rng, 2) : 0;
        categories[c].max =
            case_chance(rng, 50) ? HP_PACK_NO_MAX : (int32_t)hp_rng_below(rng, 5);
        categories[c].bonus = bonus;
        categories[c].bonus_count = bonuses;
    }
    in->categories = categories;
    in->category_count = count;
}

static inline void
tiny_items(struct hp_rng *rng, struct hp_arena *arena, struct hp_pack_instance *in)
{
    size_t count = 1 + hp_rng_below(rng, 12);
    struct hp_pack_item *items = HP_ARENA_ARRAY(arena, count, struct hp_pack_item);
    int64_t dearest = case_chance(rng, 50) ? 12 : 200;
    uint32_t copies = 0;

    for (size_t i = 0; i < count; i++) {
        struct hp_pack_item *item = &items[i];
        int64_t *use = HP_ARENA_ARRAY(arena, in->resource_count, int64_t);

        item->id = case_name(arena, "i", (uint32_t)(i * 7919 % 97));
        item->price = hp_rng_between(rng, case_chance(rng, 5) ? 0 : 1, dearest);
        item->gain = hp_rng_between(rng, case_chance(rng, 10) ? -30 : 0, 100);
        item->category = (int32_t)hp_rng_below(rng, (uint32_t)in->category_count);
        item->max_qty = 1;
        if (copies < 4 && case_chance(rng, 20)) {
            int64_t *repeat = HP_ARENA_ARRAY(arena, 2, int64_t);

            item->max_qty = 2 + (int32_t)hp_rng_below(rng, 2);
            copies += (uint32_t)item->max_qty - 1;
            repeat[0] = item->gain / 2;
            repeat[1] = item->gain / 5;
            item->repeat_gains = repeat;
            item->repeat_count = hp_rng_below(rng, 3);
        }
        if (case_chance(rng, 25))
            item->group = case_name(arena, "g", hp_rng_below(rng, 3));
        for (size_t r = 0; r < in->resource_count; r++)
            use[r] = hp_rng_between(rng, 0, 10);
        item->resources = use;
    }
    in->items = items;
    in->item_count = count;
}

static inline void
tiny_rules(struct hp_rng *rng, struct hp_arena *arena, struct hp_pack_instance *in)
{
    size_t count = case_chance(rng, 60) ? hp_rng_below(rng, 4) : 0;
    struct hp_pack_rule *rules = HP_ARENA_ARRAY(arena, count, struct hp_pack_rule);

    for (size_t r = 0; r < count; r++) {
        uint32_t *members = HP_ARENA_ARRAY(arena, in->item_count, uint32_t);

        for (uint32_t i = 0; i < in->item_count; i++)
            if (case_chance(rng, 40))
                members[rules[r].item_count++] = i;
        rules[r].name = case_name(arena, "r", (uint32_t)r);
        rules[r].items = members;
        rules[r].min = case_chance(rng, 40) ? 1 + (int32_t)hp_rng_below(rng, 2) : 0;
        rules[r].max = case_chance(rng, 50) ? HP_PACK_NO_MAX : (int32_t)hp_rng_below(rng, 4);
    }
    in->rules = rules;
    in->rule_count = count;
}

static inline struct hp_strings
tiny_ids(struct hp_rng *rng, struct hp_arena *arena, const struct hp_pack_instance *in,
    uint32_t percent)
{
    struct hp_bytes *ids = HP_ARENA_ARRAY(arena, in->item_count, struct hp_bytes);
    size_t count = 0;

    for (size_t i = 0; i < in->item_count; i++)
        if (case_chance(rng, percent))
            ids[count++] = in->items[i].id;
    return (struct hp_strings){ids, count};
}

static inline void
tiny_pairs(struct hp_rng *rng, struct hp_arena *arena, struct hp_pack_instance *in)
{
    size_t count = hp_rng_below(rng, (uint32_t)in->item_count * 3);
    struct hp_pack_pair *pairs = HP_ARENA_ARRAY(arena, count, struct hp_pack_pair);

    for (size_t p = 0; p < count; p++)
        pairs[p] = (struct hp_pack_pair){hp_rng_below(rng, (uint32_t)in->item_count),
            hp_rng_below(rng, (uint32_t)in->item_count), hp_rng_between(rng, -30, 40)};
    in->pairs = pairs;
    in->pair_count = count;
}

static inline void
tiny_slots(struct hp_rng *rng, struct hp_arena *arena, struct hp_pack_instance *in)
{
    size_t count = 1 + hp_rng_below(rng, 4);
    struct hp_pack_slot *slots = HP_ARENA_ARRAY(arena, count, struct hp_pack_slot);
    int64_t sum = 1;

    for (size_t i = 0; i < in->item_count; i++)
        sum += in->items[i].price;
    for (size_t k = 0; k < count; k++) {
        slots[k].name = case_name(arena, "box", (uint32_t)k + 1);
        if (k && case_chance(rng, 60)) {
            slots[k].min = slots[k - 1].min;
            slots[k].max = slots[k - 1].max;
        } else {
            slots[k].max = hp_rng_between(rng, 0, sum);
            slots[k].min = hp_rng_between(rng, 0, slots[k].max + case_chance(rng, 3));
        }
        if (case_chance(rng, 30)) {
            int64_t *ladder = HP_ARENA_ARRAY(arena, 3, int64_t);

            ladder[0] = slots[k].min;
            ladder[1] = slots[k].min / 2;
            slots[k].ladder = ladder;
            slots[k].ladder_count = 1 + hp_rng_below(rng, 3);
        }
        if (case_chance(rng, 20)) {
            int64_t *gains = HP_ARENA_ARRAY(arena, in->item_count, int64_t);

            for (size_t i = 0; i < in->item_count; i++)
                gains[i] = hp_rng_between(rng, 0, 100);
            slots[k].gains = gains;
        }
    }
    in->slots = slots;
    in->slot_count = count;
}

static inline struct hp_pack_instance *
case_tiny(struct hp_rng *rng, struct hp_arena *arena)
{
    struct hp_pack_instance *in = HP_ARENA_NEW(arena, struct hp_pack_instance);
    static const int32_t shares[] = {0, 20, 34, 50, 67, 100};

    in->id = hp_bytes_text("tiny");
    tiny_categories(rng, arena, in);
    if (case_chance(rng, 30)) {
        size_t count = 1 + hp_rng_below(rng, 2);
        struct hp_pack_resource *resources =
            HP_ARENA_ARRAY(arena, count, struct hp_pack_resource);

        for (size_t r = 0; r < count; r++)
            resources[r] = (struct hp_pack_resource){
                case_name(arena, "m", (uint32_t)r), hp_rng_between(rng, 3, 50)};
        in->resources = resources;
        in->resource_count = count;
    }
    tiny_items(rng, arena, in);
    tiny_rules(rng, arena, in);
    tiny_pairs(rng, arena, in);
    tiny_slots(rng, arena, in);
    in->count_min = (int32_t)hp_rng_below(rng, 4);
    in->count_max = in->count_min + (int32_t)hp_rng_below(rng, 6) - case_chance(rng, 2);
    if (in->count_max < 0)
        in->count_max = 0;
    in->must = tiny_ids(rng, arena, in, 5);
    in->exclude = tiny_ids(rng, arena, in, case_chance(rng, 50) ? 8 : 0);
    in->max_share_pct = shares[hp_rng_below(rng, 6)];
    in->want_bound = case_chance(rng, 50);
    return in;
}

/* ---- the checker ---- */

static inline bool
same_family(const struct hp_pack_instance *in, size_t a, size_t b)
{
    return a == b ||
           (in->items[a].group.size && hp_bytes_equal(in->items[a].group, in->items[b].group));
}

static inline bool
names_item(const struct hp_strings *ids, const struct hp_pack_item *item)
{
    for (size_t k = 0; k < ids->count; k++)
        if (hp_bytes_equal(ids->items[k], item->id))
            return true;
    return false;
}

/* Everything but the window and sharing. NULL, or what is wrong. */
static inline const char *
check_rules_of(const struct hp_pack_instance *in, const int32_t *quantity)
{
    int64_t units = 0;

    for (size_t i = 0; i < in->item_count; i++) {
        int32_t most = in->items[i].max_qty > 1 ? in->items[i].max_qty : 1;

        units += quantity[i];
        if (quantity[i] < 0 || quantity[i] > most)
            return "quantity";
        if (quantity[i] && names_item(&in->exclude, &in->items[i]))
            return "excluded";
        if (!quantity[i] && names_item(&in->must, &in->items[i]))
            return "must";
        for (size_t k = i + 1; quantity[i] && k < in->item_count; k++)
            if (quantity[k] && same_family(in, i, k))
                return "family";
    }
    for (size_t k = 0; k < in->must.count; k++) {
        bool known = false;

        for (size_t i = 0; i < in->item_count; i++)
            known = known || hp_bytes_equal(in->must.items[k], in->items[i].id);
        if (!known)
            return "unknown must";
    }
    if (units < in->count_min || units > in->count_max)
        return "count";
    for (size_t c = 0; c < in->category_count; c++) {
        int64_t count = 0;

        for (size_t i = 0; i < in->item_count; i++)
            count += in->items[i].category == (int32_t)c ? quantity[i] : 0;
        if (count < in->categories[c].min || count > in->categories[c].max)
            return "category";
    }
    for (size_t r = 0; r < in->rule_count; r++) {
        int64_t count = 0;

        for (size_t k = 0; k < in->rules[r].item_count; k++)
            count += quantity[in->rules[r].items[k]];
        if (count < in->rules[r].min || count > in->rules[r].max)
            return "rule";
    }
    for (size_t r = 0; r < in->resource_count; r++) {
        int64_t use = 0;

        for (size_t i = 0; i < in->item_count; i++)
            if (in->items[i].resources)
                use += in->items[i].resources[r] * quantity[i];
        if (use > in->resources[r].max)
            return "resource";
    }
    return NULL;
}

/* Families of `quantity` that `before` has, musts not counted. */
static inline int64_t
count_shared(const struct hp_pack_instance *in, const int32_t *quantity, const int32_t *before)
{
    int64_t shared = 0;

    for (size_t i = 0; i < in->item_count; i++)
        for (size_t k = 0; quantity[i] && k < in->item_count; k++)
            shared += before[k] && same_family(in, i, k) &&
                      !names_item(&in->must, &in->items[k]) &&
                      !names_item(&in->must, &in->items[i]);
    return shared;
}

static inline int64_t
share_cap(const struct hp_pack_instance *in, const int32_t *before)
{
    int64_t families = 0;

    for (size_t i = 0; i < in->item_count; i++)
        families += before[i] && !names_item(&in->must, &in->items[i]);
    return families * in->max_share_pct / 100;
}

static inline int64_t
value_of(const struct hp_pack_instance *in, size_t slot, const int32_t *quantity)
{
    int64_t value = 0;

    for (size_t i = 0; i < in->item_count; i++) {
        if (!quantity[i])
            continue;
        value += in->slots[slot].gains ? in->slots[slot].gains[i] : in->items[i].gain;
        for (size_t r = 0; r + 1 < (size_t)quantity[i] && r < in->items[i].repeat_count; r++)
            value += in->items[i].repeat_gains[r];
    }
    for (size_t p = 0; p < in->pair_count; p++)
        if (quantity[in->pairs[p].a] && quantity[in->pairs[p].b])
            value += in->pairs[p].weight;
    for (size_t c = 0; c < in->category_count; c++) {
        size_t units = 0;

        for (size_t i = 0; i < in->item_count; i++)
            units += in->items[i].category == (int32_t)c ? (size_t)quantity[i] : 0;
        for (size_t u = 0; u < units && u < in->categories[c].bonus_count; u++)
            value += in->categories[c].bonus[u];
    }
    return value;
}

static inline int64_t
cost_of(const struct hp_pack_instance *in, const int32_t *quantity)
{
    int64_t cost = 0;

    for (size_t i = 0; i < in->item_count; i++)
        cost += in->items[i].price * quantity[i];
    return cost;
}

static inline int32_t *
quantities(struct hp_arena *arena, const struct hp_pack_instance *in,
    const struct hp_pack_line *lines, size_t count)
{
    int32_t *quantity = HP_ARENA_ARRAY(arena, in->item_count, int32_t);

    for (size_t k = 0; k < count; k++)
        quantity[lines[k].item] += lines[k].quantity;
    return quantity;
}

static inline bool
code_true(const struct hp_pack_instance *in, const struct hp_pack_answer *answer, size_t b,
    const struct hp_pack_reason *reason, int32_t *const *boxes)
{
    const struct hp_pack_box *box = &answer->boxes[b];
    const int32_t *quantity = boxes[b];
    int64_t weight = 0;
    size_t covered = 0;

    switch (reason->code) {
    case HP_PACK_FILL: return reason->number == box->cost * 100 / in->slots[box->slot].max;
    case HP_PACK_MUST:
        return quantity[reason->item] && names_item(&in->must, &in->items[reason->item]);
    case HP_PACK_GOES_WITH:
        for (size_t p = 0; p < in->pair_count; p++)
            if ((in->pairs[p].a == reason->item && in->pairs[p].b == reason->other) ||
                (in->pairs[p].b == reason->item && in->pairs[p].a == reason->other))
                weight += in->pairs[p].weight;
        return quantity[reason->item] && quantity[reason->other] && weight > 0 &&
               weight == reason->number;
    case HP_PACK_COVERS:
        for (size_t c = 0; c < in->category_count; c++) {
            bool inside = false;
            bool listed = false;

            for (size_t i = 0; i < in->item_count; i++)
                inside = inside || (quantity[i] && in->items[i].category == (int32_t)c);
            for (size_t k = 0; k < reason->list_count; k++)
                listed = listed || reason->list[k] == c;
            if (inside != listed)
                return false;
            covered += inside;
        }
        return covered == reason->list_count;
    case HP_PACK_DIFFERS:
        for (size_t k = 0; k < b; k++)
            if (answer->boxes[k].slot == reason->from)
                return reason->number == count_shared(in, quantity, boxes[k]);
        return false;
    default: return quantity[reason->item] > 0;
    }
}

/* Every promise of one box that needs no optimum. NULL, or what is broken. */
static inline const char *
check_box(struct hp_arena *arena, const struct hp_pack_instance *in,
    const struct hp_pack_answer *answer, size_t b, int32_t **boxes)
{
    const struct hp_pack_box *box = &answer->boxes[b];
    const struct hp_pack_slot *slot = &in->slots[box->slot];
    int64_t low = slot->ladder_count ? slot->ladder[box->fill_step] : slot->min;
    int64_t points = 0;
    const char *wrong;

    boxes[b] = quantities(arena, in, box->lines, box->line_count);
    wrong = check_rules_of(in, boxes[b]);
    if (wrong)
        return wrong;
    if (box->cost != cost_of(in, boxes[b]) || box->cost < low || box->cost > slot->max)
        return "cost";
    if (box->value != value_of(in, box->slot, boxes[b]))
        return "value";
    if (box->bounded && box->bound < box->value)
        return "bound";
    for (size_t k = 0; k < box->line_count; k++) {
        points += box->lines[k].points;
        if (k && hp_bytes_compare(in->items[box->lines[k - 1].item].id,
                     in->items[box->lines[k].item].id) >= 0)
            return "order of lines";
    }
    if (box->line_count && points != box->value)
        return "split";
    for (size_t k = 0; k < b; k++)
        if (count_shared(in, boxes[b], boxes[k]) > share_cap(in, boxes[k]))
            return "sharing";
    if (!box->reason_count)
        return "no reason";
    for (size_t k = 0; k < box->reason_count; k++)
        if (!code_true(in, answer, b, &box->reasons[k], boxes))
            return hp_pack_code_name(box->reasons[k].code);
    return NULL;
}

static inline const char *
check_answer(struct hp_arena *arena, const struct hp_pack_instance *in,
    const struct hp_pack_answer *answer, int32_t **boxes)
{
    size_t told[HP_BOXES_MAX] = {0};

    for (size_t b = 0; b < answer->box_count; b++) {
        const char *wrong = check_box(arena, in, answer, b, boxes);

        if (wrong)
            return wrong;
        told[answer->boxes[b].slot]++;
    }
    for (size_t k = 0; k < answer->missing_count; k++) {
        if (answer->missing[k].obstacle == HP_PACK_NO_OBSTACLE)
            return "missing without reason";
        told[answer->missing[k].slot]++;
    }
    for (size_t k = 0; k < in->slot_count; k++)
        if (told[k] != 1)
            return "a slot is not accounted for";
    if ((answer->status == HP_PACK_OK) != (answer->missing_count == 0) ||
        (answer->status == HP_PACK_INFEASIBLE) != (answer->box_count == 0))
        return "status";
    return NULL;
}

/* ---- exhaustive search ---- */

struct exhaustive {
    const struct hp_pack_instance *in;
    size_t slot;
    int32_t **before;
    size_t before_count;
    int64_t low;
    int64_t high;
    bool found; /* inside the window, with sharing */
    int64_t value;
    int64_t cheapest; /* whatever the window, without sharing; -1: none */
    int32_t quantity[64];
};

static inline void
exhaust_leaf(struct exhaustive *all, int64_t cost)
{
    const struct hp_pack_instance *in = all->in;
    bool inside = cost >= all->low && cost <= all->high;
    int64_t value;

    if (!inside && all->cheapest >= 0 && cost >= all->cheapest)
        return;
    if (check_rules_of(in, all->quantity))
        return;
    if (all->cheapest < 0 || cost < all->cheapest)
        all->cheapest = cost;
    if (!inside)
        return;
    for (size_t k = 0; k < all->before_count; k++)
        if (count_shared(in, all->quantity, all->before[k]) > share_cap(in, all->before[k]))
            return;
    value = value_of(in, all->slot, all->quantity);
    if (!all->found || value > all->value)
        all->value = value;
    all->found = true;
}

static inline void
exhaust(struct exhaustive *all, size_t i, int64_t cost, int32_t units)
{
    const struct hp_pack_item *item = &all->in->items[i];

    if (i == all->in->item_count) {
        exhaust_leaf(all, cost);
        return;
    }
    for (int32_t q = 0; q <= (item->max_qty > 1 ? item->max_qty : 1); q++) {
        if (units + q > all->in->count_max)
            break;
        all->quantity[i] = q;
        exhaust(all, i + 1, cost + item->price * q, units + q);
    }
    all->quantity[i] = 0;
}

#endif
