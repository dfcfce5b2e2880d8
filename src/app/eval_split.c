/*
 * app/eval_split.c - learn everything before a moment, predict what came after it.
 *
 * Target: the first order of each user known by then, within the window. The catalogue is
 * learned whole whatever its times, since it says what can be recommended; items that were
 * ordered and that it does not know are put on the shelves under their ids.
 *
 * Beside the lists of next orders there are
 *   completion: half of each target order, drawn by seed, is shown; the other half is sought
 *   among all other items by what goes with the shown ones in a box;
 *   cold (--cold N): N items, drawn by seed, are taken out of all orders before the moment; the
 *   stream learns the rest, and they are ranked among themselves for those who bought some;
 *   this COLD_DRAWS times with other items;
 *   boxes: asked for by users of the targets, as the stream answers them.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "app/eval.h"

#include "base/rng.h"
#include "domain/instant.h"

#include <stdio.h>

#define BOX_USERS  500
#define COLD_DRAWS 3
#define BUCKET     "without catalogue record"

struct target {
    uint32_t user;
    struct hp_item_set items;
};

struct targets {
    struct target *items;
    size_t count;
};

/* ---- the shelves --------------------------------------------------------------------------
 */

static enum hp_status
send_unlisted(struct hp_eval *eval, const uint8_t *listed, struct hp_error *error)
{
    enum hp_status status = HP_OK;

    for (size_t i = 0; i < eval->purchases.items.count && !status; i++) {
        union hp_any_event event = {
            .catalogue_item = {.item_id = eval->purchases.items.items[i],
                .version = 1,
                .updated_at = 1,
                .name = eval->purchases.items.items[i],
                .category = hp_bytes_text(BUCKET),
                .price_minor = 100,
                .currency = hp_bytes_text(eval->options.currency),
                .max_per_box = 1,
                .active = true}};

        if (!listed[i])
            status = hp_trial_send(eval->trial, HP_RECORD_CATALOGUE_ITEM, &event, error);
    }
    return status;
}

static void
adopt_currency(struct hp_eval *eval)
{
    struct hp_arena arena = {0};
    struct hp_file_event event;

    while (hp_events_next(eval->events, &arena, &event)) {
        if (event.type == HP_RECORD_CATALOGUE_ITEM) {
            eval->options.currency =
                hp_arena_text(&eval->options.arena, event.event->catalogue_item.currency);
            break;
        }
        hp_arena_clear(&arena);
    }
    hp_events_rewind(eval->events);
    hp_arena_release(&arena);
}

enum hp_status
hp_eval_open_shelves(struct hp_eval *eval, struct hp_error *error)
{
    uint8_t *listed = hp_alloc(eval->purchases.items.count + 1);
    struct hp_arena arena = {0};
    struct hp_file_event event;
    enum hp_status status;

    adopt_currency(eval);
    status = hp_trial_open(&eval->options, &eval->purchases, &eval->trial, error);
    while (!status && hp_events_next(eval->events, &arena, &event)) {
        if (event.type == HP_RECORD_CATALOGUE_ITEM) {
            uint32_t item =
                hp_roster_find(&eval->purchases.items, event.event->catalogue_item.item_id);

            listed[item] = 1;
            status = hp_trial_send(eval->trial, event.type, event.event, error);
        }
        hp_arena_clear(&arena);
    }
    hp_events_rewind(eval->events);
    if (!status)
        status = send_unlisted(eval, listed, error);
    if (!status)
        status = hp_trial_catch_up(eval->trial, error);
    hp_arena_release(&arena);
    free(listed);
    return status;
}

/* ---- learning -----------------------------------------------------------------------------
 */

/* Requests ask for nothing here. */
bool
hp_eval_learns(const struct hp_file_event *event)
{
    return event->type == HP_RECORD_ORDER || event->type == HP_RECORD_FEEDBACK ||
           event->type == HP_RECORD_PREFERENCES || event->type == HP_RECORD_ERASURE;
}

/* Takes the cold items out of an order; false when nothing is left. */
static bool
strip(const struct hp_eval *eval, struct hp_item_set cold, union hp_any_event *event,
    struct hp_order_line *lines)
{
    struct hp_order *order = &event->order;
    size_t count = 0;

    for (size_t i = 0; i < order->line_count; i++) {
        uint32_t item = hp_roster_find(&eval->purchases.items, order->lines[i].item_id);

        if (!hp_item_set_has(cold, item))
            lines[count++] = order->lines[i];
    }
    order->lines = lines;
    order->line_count = count;
    return count > 0;
}

static enum hp_status
send_past(struct hp_eval *eval, struct hp_item_set cold, struct hp_error *error)
{
    struct hp_arena arena = {0};
    struct hp_file_event event;
    size_t done = 0, total = hp_events_count(eval->events);
    enum hp_status status = HP_OK;

    while (!status && hp_events_next(eval->events, &arena, &event)) {
        union hp_any_event copy = *event.event;
        bool wanted = hp_eval_learns(&event) && event.time_ms < eval->plan.at_ms;

        if (wanted && cold.count && event.type == HP_RECORD_ORDER)
            wanted = strip(eval, cold, &copy,
                HP_ARENA_ARRAY(&arena, copy.order.line_count + 1, struct hp_order_line));
        if (wanted)
            status = hp_trial_send(eval->trial, event.type, &copy, error);
        hp_progress_tell(&eval->progress, "events learned", ++done, total);
        hp_arena_clear(&arena);
    }
    hp_events_rewind(eval->events);
    hp_arena_release(&arena);
    return status ? status : hp_trial_settle(eval->trial, error);
}

static void
teach_peers(struct hp_eval *eval, struct hp_peers *peers, struct hp_item_set cold)
{
    uint32_t *kept = hp_alloc((eval->purchases.items.count + 1) * sizeof(*kept));

    for (size_t i = 0; i < eval->purchases.order_count; i++) {
        const struct hp_purchase *order = &eval->purchases.orders[i];
        struct hp_item_set items = hp_purchase_items(&eval->purchases, order);

        if (order->at_ms >= eval->plan.at_ms)
            break;
        if (cold.count)
            items = (struct hp_item_set){kept, hp_item_set_pick(items, cold, false, kept)};
        hp_peers_learn(peers, order->user, order->at_ms, items);
    }
    hp_peers_solve(peers);
    free(kept);
}

static void
find_targets(struct hp_eval *eval, struct targets *targets)
{
    const struct hp_purchases *purchases = &eval->purchases;
    uint8_t *seen = hp_alloc(purchases->users.count + 1);

    targets->items = hp_alloc((purchases->users.count + 1) * sizeof(*targets->items));
    for (size_t i = 0; i < purchases->order_count; i++) {
        const struct hp_purchase *order = &purchases->orders[i];

        if (order->at_ms < eval->plan.at_ms || seen[order->user] ||
            order->at_ms - eval->plan.at_ms >= eval->plan.window_ms ||
            hp_peers_had(eval->peers, order->user).count == 0)
            continue;
        seen[order->user] = 1;
        targets->items[targets->count++] =
            (struct target){order->user, hp_purchase_items(purchases, order)};
    }
    free(seen);
}

/* ---- completion ---------------------------------------------------------------------------
 */

static int
compare_items(const void *left, const void *right)
{
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;

    return (a > b) - (a < b);
}

/* Copies the set with a half drawn to the front; both halves sorted. */
static size_t
halve(struct hp_item_set set, struct hp_rng *rng, uint32_t *items)
{
    size_t half = set.count / 2;

    memcpy(items, set.items, set.count * sizeof(*items));
    for (size_t i = 0; i < half; i++) {
        size_t with = i + hp_rng_below(rng, (uint32_t)(set.count - i));
        uint32_t item = items[i];

        items[i] = items[with];
        items[with] = item;
    }
    qsort(items, half, sizeof(*items), compare_items);
    qsort(items + half, set.count - half, sizeof(*items), compare_items);
    return half;
}

static void
complete_one(struct hp_eval *eval, struct hp_item_set box, struct hp_item_set rest)
{
    uint32_t ranked[HP_RANKED_MAX];
    size_t count;

    for (size_t model = 0; model < 2; model++) {
        if (model == 0)
            hp_trial_complete(eval->trial, box, eval->scores);
        else
            hp_peers_complete(eval->peers, box, eval->scores);
        count = hp_rank(eval->scores, eval->purchases.items.count, HP_POOL_WITHOUT, box,
            HP_EVAL_CUT_MAX, ranked);
        hp_tally_add(eval->completion, model, HP_SLICE_ALL, ranked, count, rest);
    }
}

static void
complete_boxes(struct hp_eval *eval, const struct targets *targets)
{
    struct hp_rng rng = {eval->plan.seed};
    uint32_t *items = hp_alloc((eval->purchases.items.count + 1) * sizeof(*items));

    eval->completion = hp_eval_tally(eval, 2);
    for (size_t i = 0; i < targets->count; i++) {
        const struct target *target = &targets->items[i];
        size_t half = halve(target->items, &rng, items);

        hp_progress_tell(&eval->progress, "orders completed", i, targets->count);
        if (half == 0)
            continue;
        hp_tally_begin(eval->completion, target->user, eval->plan.at_ms);
        complete_one(eval, (struct hp_item_set){items, half},
            (struct hp_item_set){items + half, target->items.count - half});
    }
    free(items);
}

/* ---- boxes --------------------------------------------------------------------------------
 */

static enum hp_status
pack_boxes(struct hp_eval *eval, const struct targets *targets, struct hp_error *error)
{
    size_t count = targets->count < BOX_USERS ? targets->count : BOX_USERS;
    uint32_t *users = hp_alloc((count + 1) * sizeof(*users));
    struct hp_item_set *items = hp_alloc((count + 1) * sizeof(*items));
    enum hp_status status;

    for (size_t i = 0; i < count; i++) {
        users[i] = targets->items[i].user;
        items[i] = targets->items[i].items;
    }
    status = hp_trial_boxes(eval->trial,
        &(struct hp_box_trial){users, items, count, eval->plan.at_ms}, &eval->boxes, error);
    free(users);
    free(items);
    return status;
}

/* ---- cold items ---------------------------------------------------------------------------
 */

/* So many items, drawn by seed among all; sorted. */
static struct hp_item_set
draw_cold(const struct hp_eval *eval, uint64_t draw, uint32_t *items)
{
    struct hp_rng rng = {eval->plan.seed + draw};
    size_t all = eval->purchases.items.count;
    size_t count = eval->plan.cold < all ? eval->plan.cold : all;

    for (size_t i = 0; i < all; i++)
        items[i] = (uint32_t)i;
    for (size_t i = 0; i < count; i++) {
        size_t with = i + hp_rng_below(&rng, (uint32_t)(all - i));
        uint32_t item = items[i];

        items[i] = items[with];
        items[with] = item;
    }
    qsort(items, count, sizeof(*items), compare_items);
    return (struct hp_item_set){items, count};
}

static enum hp_status
rank_cold(struct hp_eval *eval, const struct hp_peers *peers, const struct targets *targets,
    struct hp_item_set cold, struct hp_error *error)
{
    uint32_t *some = hp_alloc((cold.count + 1) * sizeof(*some));
    uint32_t ranked[HP_RANKED_MAX];
    enum hp_status status = HP_OK;

    for (size_t i = 0; i < targets->count && !status; i++) {
        const struct target *target = &targets->items[i];
        struct hp_item_set sought = {some, hp_item_set_pick(cold, target->items, true, some)};

        if (sought.count == 0 || hp_peers_had(peers, target->user).count == 0)
            continue;
        hp_tally_begin(eval->cold, target->user, eval->plan.at_ms);
        for (size_t model = 0; model < 2 && !status; model++) {
            if (model == 0)
                status = hp_trial_score(
                    eval->trial, target->user, eval->plan.at_ms, eval->scores, error);
            else
                hp_peers_score(
                    peers, HP_PEER_COSINE, target->user, eval->plan.at_ms, eval->scores);
            hp_tally_add(eval->cold, model, HP_SLICE_NOVEL, ranked,
                hp_rank(eval->scores, eval->purchases.items.count, HP_POOL_ONLY, cold,
                    HP_EVAL_CUT_MAX, ranked),
                sought);
        }
    }
    free(some);
    return status;
}

static enum hp_status
try_draw(struct hp_eval *eval, const struct targets *targets, struct hp_item_set cold,
    struct hp_error *error)
{
    struct hp_peers *peers =
        hp_peers_new(eval->purchases.users.count, eval->purchases.items.count);
    enum hp_status status;

    hp_trial_free(eval->trial);
    eval->trial = NULL;
    teach_peers(eval, peers, cold);
    status = hp_eval_open_shelves(eval, error);
    if (!status)
        status = send_past(eval, cold, error);
    if (!status)
        status = rank_cold(eval, peers, targets, cold, error);
    hp_peers_free(peers);
    return status;
}

/* One draw of items is a matter of luck; several are less so. */
static enum hp_status
try_cold(struct hp_eval *eval, const struct targets *targets, struct hp_error *error)
{
    uint32_t *items = hp_alloc((eval->purchases.items.count + 1) * sizeof(*items));
    enum hp_status status = HP_OK;

    eval->cold = hp_eval_tally(eval, 2);
    for (uint64_t draw = 0; draw < COLD_DRAWS && !status; draw++)
        status = try_draw(eval, targets, draw_cold(eval, draw, items), error);
    free(items);
    return status;
}

/* ---- all of it ----------------------------------------------------------------------------
 */

static enum hp_status
rank_targets(struct hp_eval *eval, const struct targets *targets, struct hp_error *error)
{
    enum hp_status status = HP_OK;

    hp_eval_surprise(eval, eval->tally);
    for (size_t i = 0; i < targets->count && !status; i++) {
        status = hp_eval_case(
            eval, targets->items[i].user, eval->plan.at_ms, targets->items[i].items, error);
        hp_progress_tell(&eval->progress, "users ranked", i, targets->count);
    }
    return status;
}

static void
describe(struct hp_eval *eval)
{
    char at[HP_INSTANT_TEXT];

    hp_instant_text(eval->plan.at_ms, at);
    snprintf(eval->protocol, sizeof(eval->protocol),
        "learn everything before %s, predict each known user's first order within %.4g days",
        at, (double)eval->plan.window_ms / HP_DAY_MS);
}

enum hp_status
hp_eval_split(struct hp_eval *eval, struct hp_error *error)
{
    struct targets targets = {0};
    enum hp_status status;

    describe(eval);
    teach_peers(eval, eval->peers, (struct hp_item_set){0});
    find_targets(eval, &targets);
    if (targets.count == 0)
        status = hp_fail(error, HP_USAGE,
            "%.200s: no user with an order before the split has one within the window",
            eval->plan.path);
    else
        status = hp_eval_open_shelves(eval, error);
    if (!status)
        status = send_past(eval, (struct hp_item_set){0}, error);
    if (!status)
        status = rank_targets(eval, &targets, error);
    if (!status)
        complete_boxes(eval, &targets);
    if (!status)
        status = pack_boxes(eval, &targets, error);
    if (!status && eval->plan.cold)
        status = try_cold(eval, &targets, error);
    free(targets.items);
    return status;
}
