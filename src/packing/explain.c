/* packing/explain.c - see the header. SPDX-License-Identifier: Apache-2.0 */
#include "packing/explain.h"

#define PAIRS_TOLD 3 /* the strongest pairs are told */

struct part { /* whole + rest / over, 0 <= rest < over */
    int64_t whole;
    int64_t rest;
    int64_t over;
};

static int64_t
floor_divide(int64_t number, int64_t by)
{
    int64_t quotient = number / by;

    return number % by < 0 ? quotient - 1 : quotient;
}

/* Weight of all pairs of line `k` with other lines. */
static int64_t
pair_sum(const struct hp_explained *what, uint32_t k)
{
    const struct hp_problem *problem = what->problem;
    uint32_t i = what->box->item[k];
    int64_t sum = 0;

    for (uint32_t p = problem->pair_start[i]; p < problem->pair_start[i + 1]; p++)
        for (uint32_t other = 0; other < what->box->count; other++)
            if (what->box->item[other] == problem->pair_item[p])
                sum += problem->pair_weight[p];
    return sum;
}

static int64_t
own_gain(const struct hp_explained *what, uint32_t k)
{
    const struct hp_problem *problem = what->problem;
    uint32_t i = what->box->item[k];
    const struct hp_pack_item *item = &problem->instance->items[problem->source[i]];
    int64_t gain = what->gain[i] + problem->self[i];

    for (size_t r = 0; r + 1 < (size_t)what->box->quantity[k] && r < item->repeat_count; r++)
        gain += item->repeat_gains[r];
    return gain;
}

/* Units of the box in the category of line `k`, and their bonus together. */
static int64_t
category_bonus(const struct hp_explained *what, uint32_t k, int64_t *units)
{
    const struct hp_problem *problem = what->problem;
    int32_t category = problem->category[what->box->item[k]];
    const struct hp_pack_category *entry = &problem->instance->categories[category];
    int64_t bonus = 0;

    *units = 0;
    for (uint32_t other = 0; other < what->box->count; other++)
        if (problem->category[what->box->item[other]] == category)
            *units += what->box->quantity[other];
    for (size_t u = 0; u < (size_t)*units && u < entry->bonus_count; u++)
        bonus += entry->bonus[u];
    return bonus;
}

static struct part
part_of(const struct hp_explained *what, uint32_t k)
{
    int64_t units;
    int64_t bonus = category_bonus(what, k, &units);
    int64_t over = 2 * units;
    int64_t fraction = pair_sum(what, k) * units + 2 * bonus * what->box->quantity[k];
    int64_t floored = floor_divide(fraction, over);

    return (struct part){own_gain(what, k) + floored, fraction - floored * over, over};
}

/* Gives the points that rounding down left over to the largest remainders. */
static void
round_parts(const struct hp_explained *what, struct part *parts, int64_t value)
{
    for (uint32_t k = 0; k < what->box->count; k++)
        value -= parts[k].whole;
    for (; value > 0; value--) {
        uint32_t most = 0;

        for (uint32_t k = 1; k < what->box->count; k++)
            if (parts[k].rest * parts[most].over > parts[most].rest * parts[k].over)
                most = k;
        parts[most].whole++;
        parts[most].rest = -1;
    }
}

static void
split_value(const struct hp_explained *what, struct hp_pack_box *out)
{
    const struct hp_problem *problem = what->problem;
    uint32_t count = what->box->count;
    struct hp_pack_line *lines = HP_ARENA_ARRAY(problem->arena, count, struct hp_pack_line);
    struct part parts[HP_PACK_UNITS_MAX];

    for (uint32_t k = 0; k < count; k++)
        parts[k] = part_of(what, k);
    round_parts(what, parts, out->value);
    for (uint32_t k = 0; k < count; k++)
        lines[k] = (struct hp_pack_line){
            problem->source[what->box->item[k]], what->box->quantity[k], parts[k].whole};
    out->lines = lines;
    out->line_count = count;
}

static struct hp_pack_reason *
reason(struct hp_pack_box *out, struct hp_pack_reason *reasons, enum hp_pack_code code)
{
    reasons[out->reason_count] = (struct hp_pack_reason){.code = code};
    return &reasons[out->reason_count++];
}

/* Categories in the box, sorted by id. */
static void
tell_covers(const struct hp_explained *what, struct hp_pack_reason *covers)
{
    const struct hp_problem *problem = what->problem;
    const struct hp_pack_category *categories = problem->instance->categories;
    uint32_t *list = HP_ARENA_ARRAY(problem->arena, what->box->count, uint32_t);

    for (uint32_t k = 0; k < what->box->count; k++) {
        uint32_t category = (uint32_t)problem->category[what->box->item[k]];
        size_t at = covers->list_count;
        bool known = false;

        for (size_t c = 0; c < covers->list_count; c++)
            known = known || list[c] == category;
        if (known)
            continue;
        for (; at && hp_bytes_compare(categories[list[at - 1]].id, categories[category].id) > 0;
             at--)
            list[at] = list[at - 1];
        list[at] = category;
        covers->list_count++;
    }
    covers->list = list;
}

/* The box's positive pairs, strongest first; duplicates of a pair count together. */
static void
tell_pairs(
    const struct hp_explained *what, struct hp_pack_box *out, struct hp_pack_reason *reasons)
{
    const struct hp_problem *problem = what->problem;
    const struct hp_content *box = what->box;
    struct hp_pack_reason told[PAIRS_TOLD] = {{.number = 0}};

    for (uint32_t a = 0; a < box->count; a++)
        for (uint32_t b = a + 1; b < box->count; b++) {
            uint32_t i = box->item[a];
            int64_t weight = 0;
            int at = PAIRS_TOLD - 1;

            for (uint32_t p = problem->pair_start[i]; p < problem->pair_start[i + 1]; p++)
                if (problem->pair_item[p] == box->item[b])
                    weight += problem->pair_weight[p];
            if (weight <= told[at].number)
                continue;
            for (; at && told[at - 1].number < weight; at--)
                told[at] = told[at - 1];
            told[at] = (struct hp_pack_reason){.code = HP_PACK_GOES_WITH,
                .item = problem->source[i],
                .other = problem->source[box->item[b]],
                .number = weight};
        }
    for (int k = 0; k < PAIRS_TOLD && told[k].number > 0; k++)
        reasons[out->reason_count++] = told[k];
}

static int64_t
families_shared(const struct hp_explained *what, const struct hp_content *before)
{
    const struct hp_problem *problem = what->problem;
    int64_t shared = 0;

    for (uint32_t k = 0; k < what->box->count; k++)
        for (uint32_t other = 0; other < before->count; other++)
            shared +=
                !problem->must[what->box->item[k]] &&
                problem->family[what->box->item[k]] == problem->family[before->item[other]];
    return shared;
}

static void
tell_items(
    const struct hp_explained *what, struct hp_pack_box *out, struct hp_pack_reason *reasons)
{
    const struct hp_problem *problem = what->problem;

    for (uint32_t k = 0; k < what->box->count; k++)
        if (problem->must[what->box->item[k]])
            reason(out, reasons, HP_PACK_MUST)->item = problem->source[what->box->item[k]];
    for (uint32_t k = 0; k < what->box->count; k++) {
        uint32_t source = problem->source[what->box->item[k]];

        if (problem->instance->items[source].because.size)
            reason(out, reasons, HP_PACK_BECAUSE)->item = source;
        if (problem->instance->items[source].is_new)
            reason(out, reasons, HP_PACK_NEW_TO_YOU)->item = source;
    }
}

void
hp_explain_box(const struct hp_explained *what, struct hp_pack_box *out)
{
    const struct hp_problem *problem = what->problem;
    size_t most = 2 + PAIRS_TOLD + what->before_count + 3 * what->box->count;
    struct hp_pack_reason *reasons =
        HP_ARENA_ARRAY(problem->arena, most, struct hp_pack_reason);
    int64_t max = problem->instance->slots[what->slot].max;

    split_value(what, out);
    out->reason_count = 0;
    if (max > 0)
        reason(out, reasons, HP_PACK_FILL)->number = out->cost * 100 / max;
    tell_covers(what, reason(out, reasons, HP_PACK_COVERS));
    tell_pairs(what, out, reasons);
    for (uint32_t k = 0; k < what->before_count; k++) {
        struct hp_pack_reason *differs = reason(out, reasons, HP_PACK_DIFFERS);

        differs->from = what->before_slots[k];
        differs->number = families_shared(what, &what->before[k]);
    }
    tell_items(what, out, reasons);
    out->reasons = reasons;
}
