/*
 * app/eval_trial.c - the stream on trial.
 *
 * Everything goes the way of `hamper run`: encoded, through the broker (the one in memory), the
 * ledger, the rows topic, the solver, the model topic, the view. Only what a user has is then
 * read from the store directly, where a box would read it from.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "app/command.h"
#include "app/demo.h"
#include "app/eval.h"
#include "flow/score.h"
#include "ledger/preferences.h"
#include "store/keys.h"

#define SEND_EVENTS 1000 /* before they are let through */
#define ASKED_USERS 64   /* requests before they are let through */
#define SWEEP_NEVER (INT64_C(1) << 40)

struct hp_trial {
    struct hp_options *options;
    const struct hp_purchases *purchases;
    struct hp_stage stage;
    struct hp_arena arena;
    size_t waiting; /* sent and not let through */

    /* The views of the last settling, joined. */
    const struct hp_catalogue *catalogue;
    struct hp_model_snapshot *model;
    struct hp_assortment *assortment;
    uint32_t *numbers; /* of the shelves in the purchases; HP_ROSTER_NONE: never heard of */
    uint32_t *shelves; /* and back; HP_NO_INDEX */

    /* While boxes are asked for. */
    const struct hp_box_trial *boxes;
    struct hp_box_measures sums;
    size_t pairs;
    size_t units; /* items in boxes */
    size_t hits;
};

enum hp_status
hp_trial_open(struct hp_options *options, const struct hp_purchases *purchases,
    struct hp_trial **trial, struct hp_error *error)
{
    struct hp_trial *made = hp_alloc(sizeof(*made));
    enum hp_status status;

    options->schema_registry_url = "embedded:";
    options->threads = 1;
    options->errors_breaker = false;
    options->emit_defer_records = -1; /* nobody reads standing boxes here */
    options->sweep_interval_ms = SWEEP_NEVER;
    made->options = options;
    made->purchases = purchases;
    made->stage.own_clock = true;
    made->stage.now_ms = hp_now_ms();
    status = hp_stage_open(&made->stage, options, error);
    if (status) {
        hp_trial_free(made);
        return status;
    }
    *trial = made;
    return HP_OK;
}

static void
drop_views(struct hp_trial *trial)
{
    hp_assortment_free(trial->assortment);
    hp_model_snapshot_release(trial->model);
    if (trial->catalogue)
        hp_catalogue_release(hp_flow_catalogue(trial->stage.process->flow), trial->catalogue);
    free(trial->numbers);
    free(trial->shelves);
    trial->assortment = NULL;
    trial->model = NULL;
    trial->catalogue = NULL;
    trial->numbers = trial->shelves = NULL;
}

void
hp_trial_free(struct hp_trial *trial)
{
    if (!trial)
        return;
    drop_views(trial);
    hp_stage_close(&trial->stage);
    hp_arena_release(&trial->arena);
    free(trial);
}

enum hp_status
hp_trial_send(struct hp_trial *trial, enum hp_record_type type, const union hp_any_event *event,
    struct hp_error *error)
{
    enum hp_status status = hp_stage_send(&trial->stage, type, event, error);

    if (!status && ++trial->waiting >= SEND_EVENTS)
        status = hp_trial_catch_up(trial, error);
    return status;
}

enum hp_status
hp_trial_catch_up(struct hp_trial *trial, struct hp_error *error)
{
    if (trial->waiting == 0)
        return HP_OK;
    trial->waiting = 0;
    return hp_stage_catch_up(&trial->stage, error);
}

/* Shelves and purchases are both in the order of ids: one walk joins them. */
static void
join_numbers(struct hp_trial *trial)
{
    const struct hp_roster *items = &trial->purchases->items;
    size_t at = 0;

    trial->numbers = hp_alloc((trial->catalogue->count + 1) * sizeof(*trial->numbers));
    trial->shelves = hp_alloc((items->count + 1) * sizeof(*trial->shelves));
    for (size_t i = 0; i < items->count; i++)
        trial->shelves[i] = HP_NO_INDEX;
    for (size_t i = 0; i < trial->catalogue->count; i++) {
        struct hp_bytes id = trial->catalogue->shelves[i]->item.item_id;

        while (at < items->count && hp_bytes_compare(items->items[at], id) < 0)
            at++;
        trial->numbers[i] = HP_ROSTER_NONE;
        if (at < items->count && hp_bytes_equal(items->items[at], id)) {
            trial->numbers[i] = (uint32_t)at;
            trial->shelves[at] = (uint32_t)i;
        }
    }
}

enum hp_status
hp_trial_settle(struct hp_trial *trial, struct hp_error *error)
{
    struct hp_flow *flow = trial->stage.process->flow;
    struct hp_assortment *renewed;
    const struct hp_catalogue *catalogue;
    struct hp_model_snapshot *model;
    enum hp_status status = hp_stage_settle(&trial->stage, error);

    trial->waiting = 0;
    if (status)
        return status;
    catalogue = hp_catalogue_acquire(hp_flow_catalogue(flow));
    model = hp_model_view_acquire(hp_flow_model(flow));
    renewed = hp_assortment_renew(trial->assortment, catalogue, model, &trial->options->rate);
    drop_views(trial);
    trial->catalogue = catalogue;
    trial->model = model;
    trial->assortment = renewed;
    join_numbers(trial);
    return HP_OK;
}

/* ---- scores -------------------------------------------------------------------------------
 */

static enum hp_status
read_row(struct hp_trial *trial, uint8_t store, struct hp_bytes user, struct hp_bytes *value,
    struct hp_error *error)
{
    struct hp_buffer key = {0};
    enum hp_status status;

    hp_key_head(&key, hp_partition_of(user, (int32_t)trial->options->partitions), store);
    hp_key_part(&key, user);
    status = hp_kv_get(trial->stage.kv, hp_buffer_bytes(&key), &trial->arena, value, error);
    hp_buffer_release(&key);
    return status;
}

enum hp_status
hp_trial_score(struct hp_trial *trial, uint32_t user, int64_t now_ms, double *scores,
    struct hp_error *error)
{
    struct hp_bytes id = trial->purchases->users.items[user];
    struct hp_aggregate aggregate;
    struct hp_preferences preferences;
    struct hp_bytes value, told;
    struct hp_scores made;
    enum hp_status status;

    HP_ASSERT(trial->assortment);
    hp_arena_clear(&trial->arena);
    status = read_row(trial, HP_STORE_AGGREGATE, id, &value, error);
    if (!status)
        status = hp_aggregate_decode(value, &trial->arena, &aggregate, error);
    if (!status)
        status = read_row(trial, HP_STORE_PREFERENCES, id, &told, error);
    if (!status && told.data)
        status = hp_preferences_decode(told, &trial->arena, &preferences, error);
    if (status)
        return status;
    hp_scores_make(trial->assortment,
        &(struct hp_score_query){.aggregate = &aggregate,
            .preferences = told.data ? &preferences : NULL,
            .now = now_ms},
        &trial->arena, &made);
    memset(scores, 0, trial->purchases->items.count * sizeof(*scores));
    for (size_t i = 0; i < made.count; i++)
        if (trial->numbers[i] != HP_ROSTER_NONE)
            scores[trial->numbers[i]] = made.gains[i];
    return HP_OK;
}

void
hp_trial_complete(struct hp_trial *trial, struct hp_item_set box, double *scores)
{
    const struct hp_purchases *purchases = trial->purchases;

    for (uint32_t item = 0; item < purchases->items.count; item++) {
        uint32_t number = hp_model_snapshot_number(trial->model, purchases->items.items[item]);
        struct hp_model_links links;

        scores[item] = 0;
        if (number == HP_MODEL_NOBODY)
            continue;
        links = hp_model_snapshot_goes_with(trial->model, number);
        for (size_t i = 0; i < links.count; i++) {
            uint32_t shelf = hp_assortment_of_number(trial->assortment, links.items[i]);

            if (shelf != HP_NO_INDEX && trial->numbers[shelf] != HP_ROSTER_NONE &&
                hp_item_set_has(box, trial->numbers[shelf]))
                scores[item] += links.weights[i];
        }
    }
}

/* ---- boxes --------------------------------------------------------------------------------
 */

static size_t
in_common(const struct hp_box *a, const struct hp_box *b)
{
    size_t count = 0;

    for (size_t i = 0; i < a->item_count; i++)
        for (size_t j = 0; j < b->item_count; j++)
            count += hp_bytes_equal(a->items[i].item_id, b->items[j].item_id);
    return count;
}

static size_t
categories_of(const struct hp_box *box)
{
    size_t count = 0;

    for (size_t i = 0; i < box->item_count; i++) {
        bool seen = false;

        for (size_t j = 0; j < i && !seen; j++)
            seen = hp_bytes_equal(box->items[i].category, box->items[j].category);
        count += !seen;
    }
    return count;
}

static struct hp_item_set
target_of(const struct hp_trial *trial, struct hp_bytes user_id)
{
    uint32_t user = hp_roster_find(&trial->purchases->users, user_id);

    for (size_t i = 0; i < trial->boxes->count; i++)
        if (trial->boxes->users[i] == user)
            return trial->boxes->targets[i];
    return (struct hp_item_set){0};
}

static size_t
chosen_in(const struct hp_trial *trial, const struct hp_box *box, struct hp_item_set target)
{
    size_t count = 0;

    for (size_t i = 0; i < box->item_count; i++) {
        uint32_t item = hp_roster_find(&trial->purchases->items, box->items[i].item_id);

        count += item != HP_ROSTER_NONE && hp_item_set_has(target, item);
    }
    return count;
}

static void
measure(void *context, const struct hp_recommendation *answer)
{
    struct hp_trial *trial = context;
    struct hp_item_set target = target_of(trial, answer->user_id);
    struct hp_box_measures *sums = &trial->sums;
    size_t chosen = 0;

    sums->users++;
    for (size_t i = 0; i < answer->box_count; i++) {
        const struct hp_box *box = &answer->boxes[i];

        sums->boxes++;
        if (answer->budget_max_minor > 0)
            sums->fill += (double)box->total_minor / (double)answer->budget_max_minor;
        sums->categories += (double)categories_of(box);
        trial->units += box->item_count;
        chosen += chosen_in(trial, box, target);
        for (size_t j = 0; j < i; j++) {
            size_t common = in_common(box, &answer->boxes[j]);
            size_t either = box->item_count + answer->boxes[j].item_count - common;

            sums->overlap += either ? (double)common / (double)either : 0;
            trial->pairs++;
        }
    }
    trial->hits += chosen;
    sums->hit_rate += chosen > 0;
}

static enum hp_status
ask(struct hp_trial *trial, size_t number, struct hp_error *error)
{
    char id[40];
    union hp_any_event event = {
        .box_request = {.user_id = trial->purchases->users.items[trial->boxes->users[number]],
            .requested_at = trial->boxes->now_ms}};

    snprintf(id, sizeof(id), "eval-%zu", number);
    event.box_request.request_id = hp_bytes_text(id);
    return hp_stage_send(&trial->stage, HP_RECORD_BOX_REQUEST, &event, error);
}

static double
ratio(double sum, size_t count)
{
    return count ? sum / (double)count : 0;
}

enum hp_status
hp_trial_boxes(struct hp_trial *trial, const struct hp_box_trial *plan,
    struct hp_box_measures *measures, struct hp_error *error)
{
    enum hp_status status = HP_OK;

    trial->boxes = plan;
    trial->stage.shown = measure;
    trial->stage.shown_context = trial;
    trial->stage.show_answers = true;
    for (size_t i = 0; i < plan->count && !status; i++) {
        status = ask(trial, i, error);
        if (!status && (i % ASKED_USERS == ASKED_USERS - 1 || i + 1 == plan->count))
            status = hp_stage_catch_up(&trial->stage, error);
    }
    trial->stage.shown = NULL;
    *measures = trial->sums;
    measures->fill = ratio(measures->fill, measures->boxes);
    measures->categories = ratio(measures->categories, measures->boxes);
    measures->items = ratio((double)trial->units, measures->boxes);
    measures->overlap = ratio(measures->overlap, trial->pairs);
    measures->hit_rate = ratio(measures->hit_rate, measures->users);
    measures->precision = ratio((double)trial->hits, trial->units);
    return status;
}

int64_t
hp_trial_refused(const struct hp_trial *trial, const char **reason, const char **topic)
{
    *reason = trial->stage.dead_kinds ? trial->stage.dead[0].code : NULL;
    *topic = trial->stage.dead_kinds ? trial->stage.dead[0].topic : NULL;
    return trial->stage.dead_letters;
}
