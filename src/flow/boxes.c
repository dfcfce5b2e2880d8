/*
 * flow/boxes.c - the integer programme of a user: what goes in, and what its answer means.
 *
 * From the stream (docs/boxes.md): the gain of an item is its rate as micro-points; ḡ is the
 * mean of the best 20; the first three units of a category earn 0.30, 0.15 and 0.05 ḡ, half as
 * much again in a liked one, more on an occasion; further copies of one item earn a third each.
 * Items that go together by what was bought earn more together (flow/pairs.h).
 * The window is hard when somebody stated a minimum; otherwise a ladder of floors, 85, 70, 50
 * and 0 % of the maximum, and `budget_min_minor` tells the lowest rung that was used.
 *
 * When the chosen candidates hold no box, everything eligible is tried, so that "infeasible"
 * and the least budget are true of the catalogue and not of a selection.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "flow/boxes.h"

#include "domain/money.h"
#include "flow/ids.h"
#include "flow/pairs.h"

#include <stdarg.h>

#define CATEGORIES_MAX (HP_PACK_CATEGORIES_MAX - 1) /* the last one takes what is left */
#define SHARE_PCT      50
#define COPIES_TOLD    3

struct work { /* one instance in the making */
    const struct hp_box_order *order;
    struct hp_arena *arena;
    const struct hp_pool *pool;
    const struct hp_candidates *candidates;
    struct hp_pack_instance instance;
    struct hp_pack_category *categories;
    size_t category_count;
    int32_t
        *category_of; /* by number in the offer: place in `categories` from 1; 0: none yet */
};

static struct hp_bytes
text_of(struct hp_arena *arena, long long number)
{
    return hp_bytes_text(hp_arena_printf(arena, "%lld", number));
}

/* 0.30, 0.15, 0.05 of the mean gain, half as much again when liked, more on an occasion. */
static void
category_bonus(struct work *work, struct hp_pack_category *category)
{
    const struct hp_wish *wish = work->order->wish;
    const struct hp_flow_options *options = &work->order->flow->options;
    int64_t mean = work->candidates->mean_gain;
    int64_t *bonus = HP_ARENA_ARRAY(work->arena, 3, int64_t);
    bool liked =
        hp_strings_hold(work->order->shopper->preferences.liked_categories, category->id);
    int64_t occasion = wish->occasion.data ? hp_occasions_bonus(options->occasions,
                                                 wish->occasion, category->id)
                                           : 0;
    static const int64_t parts[3] = {30, 15, 5};

    for (int i = 0; i < 3; i++) {
        bonus[i] = mean * parts[i] / 100;
        bonus[i] = liked ? bonus[i] * 3 / 2 : bonus[i];
        bonus[i] += mean * occasion / (100 << i);
    }
    category->bonus = bonus;
    category->bonus_count = 3;
}

static int32_t
category_add(struct work *work, struct hp_bytes id)
{
    struct hp_pack_category *category;

    for (size_t i = 0; i < work->category_count; i++)
        if (hp_bytes_equal(work->categories[i].id, id))
            return (int32_t)i;
    if (work->category_count == CATEGORIES_MAX) {
        category = &work->categories[CATEGORIES_MAX];
        *category = (struct hp_pack_category){
            .id = hp_bytes_text("*"), .name = hp_bytes_text("*"), .max = HP_PACK_NO_MAX};
        work->instance.category_count = CATEGORIES_MAX + 1;
        return CATEGORIES_MAX;
    }
    category = &work->categories[work->category_count];
    *category = (struct hp_pack_category){.id = id, .name = id, .max = HP_PACK_NO_MAX};
    category_bonus(work, category);
    work->category_count++;
    return (int32_t)work->category_count - 1;
}

static int32_t
category_index(struct work *work, const struct hp_candidate *candidate)
{
    int32_t *known = &work->category_of[candidate->category];

    if (*known == 0)
        *known = category_add(work, candidate->shelf->item.category) + 1;
    return *known - 1;
}

/*
 * The mix first, so that its categories have a place of their own; lines of one category bind
 * together. False when there are more categories than places.
 */
static bool
add_mix(struct work *work)
{
    const struct hp_mixes *mix = &work->order->wish->mix;

    for (size_t i = 0; i < mix->count; i++) {
        struct hp_mix bounds = hp_mixes_bounds(*mix, mix->items[i].category);
        int32_t index = category_add(work, bounds.category);
        struct hp_pack_category *category = &work->categories[index];

        if (index == CATEGORIES_MAX)
            return false;
        category->min = bounds.min;
        if (bounds.max.present && bounds.max.value < HP_PACK_NO_MAX)
            category->max = (int32_t)bounds.max.value;
    }
    return true;
}

static void
add_items(struct work *work)
{
    const struct hp_candidates *candidates = work->candidates;
    size_t count =
        candidates->count < HP_PACK_ITEMS_MAX ? candidates->count : HP_PACK_ITEMS_MAX;
    struct hp_pack_item *items = HP_ARENA_ARRAY(work->arena, count, struct hp_pack_item);

    for (size_t i = 0; i < count; i++) {
        const struct hp_candidate *candidate = &candidates->items[i];
        const struct hp_catalogue_item *item = &candidate->shelf->item;
        int64_t *copies = HP_ARENA_ARRAY(work->arena, COPIES_TOLD, int64_t);

        for (int64_t j = 0, gain = candidate->gain; j < COPIES_TOLD; j++)
            copies[j] = gain /= 3;
        items[i] = (struct hp_pack_item){.id = item->item_id,
            .price = item->price_minor,
            .gain = candidate->gain,
            .category = category_index(work, candidate),
            .group = item->family,
            .max_qty = candidate->shelf->rules.quantity_max < HP_BOX_UNITS_MAX
                           ? candidate->shelf->rules.quantity_max
                           : HP_BOX_UNITS_MAX,
            .repeat_gains = copies,
            .repeat_count = COPIES_TOLD,
            .is_new = !candidate->bought && work->order->shopper->aggregate.order_count > 0};
    }
    work->instance.items = items;
    work->instance.item_count = count;
}

static void
add_slots(struct work *work)
{
    static const int rungs[] = {85, 70, 50, 0};
    const struct hp_wish *wish = work->order->wish;
    struct hp_pack_slot *slots =
        HP_ARENA_ARRAY(work->arena, (size_t)wish->boxes, struct hp_pack_slot);
    int64_t *ladder = HP_ARENA_ARRAY(work->arena, HP_ARRAY_SIZE(rungs), int64_t);

    for (size_t i = 0; i < HP_ARRAY_SIZE(rungs); i++)
        ladder[i] = wish->budget_max * rungs[i] / 100;
    for (int32_t i = 0; i < wish->boxes; i++) {
        slots[i] =
            (struct hp_pack_slot){.name = text_of(work->arena, i + 1), .max = wish->budget_max};
        if (wish->min_hard) {
            slots[i].min = wish->budget_min;
            continue;
        }
        slots[i].min = ladder[0];
        slots[i].ladder = ladder;
        slots[i].ladder_count = HP_ARRAY_SIZE(rungs);
        if (work->order->flow->options.slots == HP_SLOTS_TIERS && i % 2 == 1) {
            int64_t *value = HP_ARENA_ARRAY(work->arena, 3, int64_t);

            value[0] = wish->budget_max * 60 / 100;
            value[1] = wish->budget_max * 50 / 100;
            slots[i].min = value[0];
            slots[i].max = wish->budget_max * 75 / 100;
            slots[i].ladder = value;
            slots[i].ladder_count = 3;
        }
    }
    work->instance.slots = slots;
    work->instance.slot_count = (size_t)wish->boxes;
}

static void
add_earlier(struct work *work)
{
    const struct hp_rejected *rejected = &work->order->shopper->rejected;
    struct hp_pack_earlier *earlier =
        HP_ARENA_ARRAY(work->arena, HP_REJECTED_MAX, struct hp_pack_earlier);

    for (size_t i = 0; i < rejected->count; i++)
        earlier[i].families = rejected->boxes[i];
    work->instance.earlier = earlier;
    work->instance.earlier_count = rejected->count;
}

static bool
work_fill(struct work *work)
{
    const struct hp_wish *wish = work->order->wish;

    work->instance = (struct hp_pack_instance){.id = work->order->shopper->user,
        .count_min = wish->items_min,
        .count_max = wish->items_max,
        .must = wish->must,
        .exclude = wish->exclude,
        .max_share_pct = SHARE_PCT};
    work->category_count = 0;
    work->categories =
        HP_ARENA_ARRAY(work->arena, HP_PACK_CATEGORIES_MAX, struct hp_pack_category);
    work->category_of = HP_ARENA_ARRAY(
        work->arena, hp_assortment_category_count(work->order->offer->assortment) + 1, int32_t);
    if (!add_mix(work))
        return false;
    add_items(work);
    work->instance.pair_count = hp_pairs_make(work->order->offer->assortment, work->candidates,
        work->instance.item_count, work->arena, &work->instance.pairs);
    add_slots(work);
    add_earlier(work);
    work->instance.categories = work->categories;
    if (work->instance.category_count == 0)
        work->instance.category_count = work->category_count;
    return true;
}

/* ---- the answer in the words of the contract ----------------------------------------------
 */

static struct hp_reason
reason(struct hp_arena *arena, const char *code, size_t arg_count, ...)
{
    struct hp_reason_arg *args = HP_ARENA_ARRAY(arena, arg_count, struct hp_reason_arg);
    va_list list;

    va_start(list, arg_count);
    for (size_t i = 0; i < arg_count; i++) {
        args[i].key = hp_bytes_text(va_arg(list, const char *));
        args[i].value = va_arg(list, struct hp_bytes);
        if (args[i].value.size > HP_REASON_ARG_BYTES_MAX)
            args[i].value.size = HP_REASON_ARG_BYTES_MAX;
    }
    va_end(list);
    return (struct hp_reason){hp_bytes_text(code), args, arg_count};
}

struct reasons {
    struct hp_reason items[HP_REASONS_MAX];
    size_t count;
};

static void
add_reason(struct reasons *reasons, struct hp_reason one)
{
    if (reasons->count < HP_REASONS_MAX)
        reasons->items[reasons->count++] = one;
}

static const struct hp_reason *
keep_reasons(struct hp_arena *arena, const struct reasons *reasons)
{
    struct hp_reason *kept = HP_ARENA_ARRAY(arena, reasons->count, struct hp_reason);

    if (reasons->count)
        memcpy(kept, reasons->items, reasons->count * sizeof(*kept));
    return kept;
}

static bool
is_told(const struct hp_pack_box *box, enum hp_pack_code code, uint32_t item)
{
    for (size_t i = 0; i < box->reason_count; i++)
        if (box->reasons[i].code == code && box->reasons[i].item == item)
            return true;
    return false;
}

static void
company_reasons(const struct work *work, const struct hp_pack_box *box, uint32_t item,
    struct reasons *reasons)
{
    const struct hp_pack_item *items = work->instance.items;

    for (size_t i = 0; i < box->reason_count; i++) {
        const struct hp_pack_reason *told = &box->reasons[i];

        if (told->code == HP_PACK_GOES_WITH && (told->item == item || told->other == item))
            add_reason(reasons, reason(work->arena, "GOES_WITH", 1, "item",
                                    items[told->item == item ? told->other : told->item].id));
    }
}

/* What weighs most comes first: there is room for HP_REASONS_MAX. */
static void
item_reasons(const struct work *work, const struct hp_pack_box *box, uint32_t item,
    struct reasons *reasons)
{
    const struct hp_candidate *candidate = &work->candidates->items[item];
    struct hp_arena *arena = work->arena;
    struct hp_score_why why;

    hp_scores_explain(
        work->order->offer->assortment, &work->pool->scores, candidate->index, &why);
    if (is_told(box, HP_PACK_MUST, item))
        add_reason(reasons, reason(arena, "MUST", 1, "item", work->instance.items[item].id));
    if (candidate->bought && !work->order->wish->for_recipient)
        add_reason(reasons, reason(arena, "BOUGHT_BEFORE", 0));
    if (why.because.data)
        add_reason(reasons, reason(arena, "BECAUSE", 1, "item", why.because));
    if (is_told(box, HP_PACK_NEW_TO_YOU, item))
        add_reason(reasons, reason(arena, "NEW_TO_YOU", 0));
    if (why.category_liked)
        add_reason(reasons,
            reason(arena, "LIKED_CATEGORY", 1, "category", candidate->shelf->item.category));
    if (why.trending)
        add_reason(reasons, reason(arena, "TRENDING", 0));
    company_reasons(work, box, item, reasons);
}

static struct hp_bytes
covered(const struct work *work, const struct hp_pack_reason *told)
{
    struct hp_buffer names = {0};
    struct hp_bytes kept;

    for (size_t i = 0; i < told->list_count; i++) {
        struct hp_bytes id = work->instance.categories[told->list[i]].id;

        if (names.size + id.size + 2 > HP_REASON_ARG_BYTES_MAX)
            break;
        hp_buffer_printf(&names, "%s%.*s", i ? ", " : "", HP_BYTES_FORMAT(id));
    }
    kept = hp_arena_copy(work->arena, hp_buffer_bytes(&names));
    hp_buffer_release(&names);
    return kept.data ? kept : hp_bytes_text("");
}

/*
 * The record has one maximum, so FILL speaks of that, whatever window the slot was packed for.
 * The packer tells it of no slot without a maximum.
 */
static void
box_reasons(const struct work *work, const struct hp_pack_box *box, struct reasons *reasons)
{
    struct hp_arena *arena = work->arena;
    int64_t most = work->order->wish->budget_max;

    for (size_t i = 0; i < box->reason_count; i++) {
        const struct hp_pack_reason *told = &box->reasons[i];

        if (told->code == HP_PACK_FILL)
            add_reason(reasons,
                reason(arena, "FILL", 1, "pct", text_of(arena, box->cost * 100 / most)));
        if (told->code == HP_PACK_COVERS)
            add_reason(reasons, reason(arena, "COVERS", 1, "categories", covered(work, told)));
        if (told->code == HP_PACK_DIFFERS)
            add_reason(
                reasons, reason(arena, "DIFFERS", 2, "from", text_of(arena, told->from + 1),
                             "shared", text_of(arena, told->number)));
    }
}

static void
make_box(const struct work *work, const struct hp_pack_box *packed, struct hp_box *box,
    struct hp_strings *families)
{
    struct hp_box_item *items =
        HP_ARENA_ARRAY(work->arena, packed->line_count, struct hp_box_item);
    struct hp_bytes *kin = HP_ARENA_ARRAY(work->arena, packed->line_count, struct hp_bytes);
    struct reasons told = {.count = 0};

    for (size_t i = 0; i < packed->line_count; i++) {
        const struct hp_pack_line *line = &packed->lines[i];
        const struct hp_shelf *shelf = work->candidates->items[line->item].shelf;
        struct reasons why = {.count = 0};

        item_reasons(work, packed, line->item, &why);
        kin[i] = shelf->family;
        items[i] = (struct hp_box_item){.item_id = shelf->item.item_id,
            .name = shelf->item.name,
            .category = shelf->item.category,
            .quantity = line->quantity,
            .unit_price_minor = shelf->item.price_minor,
            .score_micros = line->points,
            .reasons = keep_reasons(work->arena, &why),
            .reason_count = why.count};
    }
    box_reasons(work, packed, &told);
    *box = (struct hp_box){.slot = (int32_t)packed->slot + 1,
        .items = items,
        .item_count = packed->line_count,
        .total_minor = packed->cost,
        .value_micros = packed->value,
        .propensity = 1.0,
        .reasons = keep_reasons(work->arena, &told),
        .reason_count = told.count};
    if (families)
        *families = (struct hp_strings){kin, packed->line_count};
}

/* The lowest floor any box stands on. */
static int64_t
lowest_rung(const struct work *work, const struct hp_pack_answer *answer)
{
    int64_t lowest = INT64_MAX;

    for (size_t i = 0; i < answer->box_count; i++) {
        const struct hp_pack_box *box = &answer->boxes[i];
        const struct hp_pack_slot *slot = &work->instance.slots[box->slot];
        int64_t rung = slot->ladder ? slot->ladder[box->fill_step] : slot->min;

        lowest = rung < lowest ? rung : lowest;
    }
    return answer->box_count ? lowest : work->order->wish->budget_min;
}

static const char *
advice_words(struct hp_arena *arena, const struct hp_pack_answer *answer, const char *currency)
{
    const struct hp_pack_advice *advice = &answer->advice;
    char money[HP_MONEY_TEXT];

    if (!advice->has_min_budget)
        return hp_arena_printf(arena, "no box keeps these rules at any budget%s%s",
            advice->subject && advice->subject[0] ? ": " : "",
            advice->subject ? advice->subject : "");
    hp_money_text(advice->min_budget, hp_bytes_text(currency), money);
    return hp_arena_printf(arena, "the cheapest box that keeps these rules costs %s", money);
}

static void
make_advice(
    const struct work *work, const struct hp_pack_answer *answer, struct hp_advice *advice)
{
    const struct hp_pack_advice *found = &answer->advice;
    size_t option_count =
        found->option_count < HP_OPTIONS_MAX ? found->option_count : HP_OPTIONS_MAX;
    struct hp_item_quantity *cheapest =
        HP_ARENA_ARRAY(work->arena, found->cheapest_count, struct hp_item_quantity);
    struct hp_advice_option *options =
        HP_ARENA_ARRAY(work->arena, option_count, struct hp_advice_option);

    for (size_t i = 0; i < found->cheapest_count; i++)
        cheapest[i] = (struct hp_item_quantity){
            work->instance.items[found->cheapest[i].item].id, found->cheapest[i].quantity};
    for (size_t i = 0; i < option_count; i++)
        options[i] = (struct hp_advice_option){
            hp_bytes_text(found->options[i].relax), found->options[i].min_budget};
    *advice =
        (struct hp_advice){.reason = hp_bytes_text(hp_pack_obstacle_name(found->obstacle)),
            .message = hp_bytes_text(
                advice_words(work->arena, answer, work->order->flow->options.currency)),
            .min_budget_minor = {found->has_min_budget, found->min_budget},
            .cheapest_box = cheapest,
            .cheapest_count = found->cheapest_count,
            .options = options,
            .option_count = option_count};
}

static void
missing_advice(
    const struct hp_pack_answer *answer, struct hp_arena *arena, struct hp_advice *advice)
{
    const char *name = hp_pack_obstacle_name(answer->missing[0].obstacle);

    *advice = (struct hp_advice){.reason = hp_bytes_text(name),
        .message = hp_bytes_text(hp_arena_printf(arena, "%zu of %zu boxes could be packed",
            answer->box_count, answer->box_count + answer->missing_count))};
}

static void
take_answer(const struct work *work, const struct hp_pack_answer *answer,
    struct hp_recommendation *recommendation, struct hp_strings *families)
{
    struct hp_box *boxes = HP_ARENA_ARRAY(work->arena, answer->box_count, struct hp_box);

    for (size_t i = 0; i < answer->box_count; i++)
        make_box(work, &answer->boxes[i], &boxes[i], families ? &families[i] : NULL);
    recommendation->boxes = boxes;
    recommendation->box_count = answer->box_count;
    recommendation->budget_min_minor = lowest_rung(work, answer);
    recommendation->status = answer->box_count == 0  ? HP_BOXES_INFEASIBLE
                             : answer->missing_count ? HP_BOXES_PARTIAL
                                                     : HP_BOXES_OK;
    recommendation->advised = recommendation->status != HP_BOXES_OK;
    if (recommendation->status == HP_BOXES_INFEASIBLE)
        make_advice(work, answer, &recommendation->advice);
    else if (recommendation->advised)
        missing_advice(answer, work->arena, &recommendation->advice);
}

/* ---- around it ------------------------------------------------------------------------------
 */

static void
fill_as_of(const struct hp_box_order *order, struct hp_as_of *as_of)
{
    struct hp_arena *arena = hp_step_arena(order->step);
    struct hp_task *task = hp_step_task(order->step);
    struct hp_input_position *inputs =
        HP_ARENA_ARRAY(arena, HP_SOURCE_COUNT, struct hp_input_position);
    struct hp_input_position *catalogue = HP_ARENA_ARRAY(
        arena, (size_t)order->offer->catalogue->partitions, struct hp_input_position);

    for (size_t i = 0; i < HP_SOURCE_COUNT; i++)
        inputs[i] = (struct hp_input_position){hp_bytes_text(order->flow->sources[i].topic),
            hp_task_partition(task), hp_task_position(task, i)};
    for (int32_t i = 0; i < order->offer->catalogue->partitions; i++)
        catalogue[i] =
            (struct hp_input_position){{0}, i, order->offer->catalogue->positions[i]};
    *as_of = (struct hp_as_of){.inputs = inputs,
        .input_count = HP_SOURCE_COUNT,
        .catalogue = catalogue,
        .catalogue_count = (size_t)order->offer->catalogue->partitions,
        .model_epoch = hp_model_snapshot_epoch(order->offer->model),
        .preferences_version = {order->shopper->has_preferences,
            order->shopper->preferences.version},
        .now = order->now};
}

static void
fill_frame(const struct hp_box_order *order, struct hp_recommendation *recommendation)
{
    const struct hp_wish *wish = order->wish;

    *recommendation = (struct hp_recommendation){.user_id = order->shopper->user,
        .generated_at = order->now,
        .valid_until = order->now + HP_VALID_MS,
        .currency = hp_bytes_text(order->flow->options.currency),
        .budget_min_minor = wish->budget_min,
        .budget_max_minor = wish->budget_max,
        .occasion = wish->occasion,
        .arm = hp_bytes_text("default"),
        .hamper_version = hp_bytes_text(HAMPER_VERSION)};
    fill_as_of(order, &recommendation->as_of);
}

void
hp_boxes_refuse(const struct hp_box_order *order, const char *reason_code, const char *message,
    struct hp_recommendation *recommendation)
{
    fill_frame(order, recommendation);
    recommendation->status = HP_BOXES_INFEASIBLE;
    recommendation->advised = true;
    recommendation->advice = (struct hp_advice){
        .reason = hp_bytes_text(reason_code), .message = hp_bytes_text(message)};
}

/* Of preferences kept by a version that looked at each line alone; newer ones are refused. */
static const char *
mix_contradiction(const struct hp_mixes *mix)
{
    for (size_t i = 0; i < mix->count; i++) {
        struct hp_mix bounds = hp_mixes_bounds(*mix, mix->items[i].category);

        if (bounds.max.present && bounds.max.value < bounds.min)
            return "a category's least number is above its most";
    }
    return NULL;
}

/* Solves with these candidates; false when the instance breaks a limit. */
static bool
solve(struct work *work, const struct hp_candidates *candidates, struct hp_pack_answer *answer)
{
    struct hp_error error;

    work->candidates = candidates;
    if (!work_fill(work) || hp_pack_instance_check(&work->instance, &error))
        return false;
    hp_pack_solve(&work->instance, work->arena, answer);
    return true;
}

static void
make_boxes(const struct hp_box_order *order, struct hp_recommendation *recommendation,
    struct hp_strings *families)
{
    const struct hp_wish *wish = order->wish;
    const char *contradiction =
        wish->contradiction ? wish->contradiction : mix_contradiction(&wish->mix);
    struct work work = {.order = order, .arena = hp_step_scratch(order->step)};
    struct hp_candidates chosen;
    struct hp_candidates all;
    struct hp_pool pool;
    struct hp_pack_answer answer;
    bool solved;

    if (contradiction) {
        hp_boxes_refuse(order, "CONTRADICTION", contradiction, recommendation);
        return;
    }
    if (wish->unknown_diet) {
        hp_boxes_refuse(order, "UNKNOWN_DIET",
            "a diet that is asked for is not known here, so nothing can be shown to suit it",
            recommendation);
        return;
    }
    hp_pool_fill(order->offer, order->shopper, wish, order->now, work.arena, &pool);
    work.pool = &pool;
    if (pool.count == 0) {
        bool empty = order->offer->catalogue->count == 0;

        hp_boxes_refuse(order, empty ? "EMPTY_CATALOGUE" : "NOTHING_SUITS",
            !empty ? "no item on sale suits these rules" : "there is no catalogue yet",
            recommendation);
        return;
    }
    hp_candidates_choose(&pool, wish, work.arena, &chosen);
    solved = solve(&work, &chosen, &answer);
    if (solved && answer.box_count == 0 && chosen.count < pool.count) {
        hp_candidates_all(&pool, &chosen, work.arena, &all);
        solved = solve(&work, &all, &answer);
    }
    if (!solved) {
        hp_boxes_refuse(
            order, "LIMIT", "the wish is beyond what one box may hold", recommendation);
        return;
    }
    fill_frame(order, recommendation);
    take_answer(&work, &answer, recommendation, families);
}

static const char *
window_words(const struct hp_box_order *order)
{
    struct hp_bytes currency = hp_bytes_text(order->flow->options.currency);
    char least[HP_MONEY_TEXT];
    char most[HP_MONEY_TEXT];

    hp_money_text(order->wish->budget_min, currency, least);
    hp_money_text(order->wish->budget_max, currency, most);
    return hp_arena_printf(hp_step_arena(order->step),
        "the least to spend, %s, is above the most, %s%s", least, most,
        order->wish->max_stated ? "" : ", which nobody stated: state both");
}

/*
 * A window with nothing in it is packed like any other, for the sake of the advice: what the
 * cheapest box costs. Whatever else is in the way, the window is.
 */
void
hp_boxes_make(const struct hp_box_order *order, struct hp_recommendation *recommendation,
    struct hp_strings *families)
{
    make_boxes(order, recommendation, families);
    if (order->wish->budget_min <= order->wish->budget_max)
        return;
    HP_ASSERT(recommendation->box_count == 0);
    recommendation->advice.reason = hp_bytes_text("CONTRADICTION");
    recommendation->advice.message = hp_bytes_text(window_words(order));
}

void
hp_boxes_name(struct hp_flow *flow, struct hp_arena *arena, struct hp_bytes user,
    int64_t revision, struct hp_recommendation *recommendation)
{
    const char *application = flow->options.application_id;
    struct hp_box *boxes = HP_ARENA_ARRAY(arena, recommendation->box_count, struct hp_box);

    recommendation->revision = revision;
    recommendation->recommendation_id =
        hp_id_recommendation(arena, application, user, revision);
    for (size_t i = 0; i < recommendation->box_count; i++) {
        boxes[i] = recommendation->boxes[i];
        boxes[i].box_id = hp_id_box(arena, application, user, revision, boxes[i].slot);
    }
    recommendation->boxes = boxes;
}

struct hp_digest
hp_boxes_content(const struct hp_recommendation *recommendation)
{
    struct hp_buffer bytes = {0};
    struct hp_digest digest;

    hp_put_u8(&bytes, (uint8_t)recommendation->status);
    hp_put_varint(&bytes, recommendation->budget_min_minor);
    hp_put_varint(&bytes, recommendation->budget_max_minor);
    for (size_t i = 0; i < recommendation->box_count; i++) {
        const struct hp_box *box = &recommendation->boxes[i];

        hp_put_varint(&bytes, box->slot);
        for (size_t j = 0; j < box->item_count; j++) {
            hp_put_bytes(&bytes, box->items[j].item_id);
            hp_put_varint(&bytes, box->items[j].quantity);
            hp_put_varint(&bytes, box->items[j].unit_price_minor);
        }
    }
    if (recommendation->advised) {
        const struct hp_advice *advice = &recommendation->advice;

        hp_put_bytes(&bytes, advice->reason);
        hp_put_varint(&bytes, advice->min_budget_minor.value);
        for (size_t i = 0; i < advice->cheapest_count; i++) {
            hp_put_bytes(&bytes, advice->cheapest_box[i].item_id);
            hp_put_varint(&bytes, advice->cheapest_box[i].quantity);
        }
    }
    digest = hp_hash128(hp_buffer_bytes(&bytes));
    hp_buffer_release(&bytes);
    return digest;
}
