/*
 * app/eval_prequential.c - predict each order from what came before, then learn it.
 *
 * Orders are predicted for users with an earlier one. What a user had is always up to date: the
 * stream is let through whenever somebody whose events still wait is to be predicted. The item
 * model, which moves slowly, is settled once a day of event time, or at SETTLES_MAX even steps
 * when there are more days; cosine's neighbours at the same moments.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "app/eval.h"

#include "domain/instant.h"

#include <stdio.h>

#define SETTLES_MAX 128

struct run {
    struct hp_eval *eval;
    size_t next;       /* order to be predicted */
    size_t learned;    /* by the baselines: orders before it */
    uint8_t *waiting;  /* by user: sent, and not let through */
    int64_t step_ms;   /* between two settlings */
    int64_t settle_at; /* the next one */
};

static enum hp_status
settle(struct run *run, int64_t now_ms, struct hp_error *error)
{
    struct hp_eval *eval = run->eval;
    enum hp_status status = hp_trial_settle(eval->trial, error);

    hp_peers_solve(eval->peers);
    hp_eval_surprise(eval, eval->tally);
    memset(run->waiting, 0, eval->purchases.users.count);
    run->settle_at = now_ms - now_ms % run->step_ms + run->step_ms;
    return status;
}

static enum hp_status
let_through(struct run *run, struct hp_error *error)
{
    memset(run->waiting, 0, run->eval->purchases.users.count);
    return hp_trial_catch_up(run->eval->trial, error);
}

static enum hp_status
predict(struct run *run, const struct hp_purchase *order, struct hp_error *error)
{
    struct hp_eval *eval = run->eval;
    enum hp_status status = HP_OK;

    if (hp_peers_had(eval->peers, order->user).count == 0)
        return HP_OK;
    if (order->at_ms >= run->settle_at)
        status = settle(run, order->at_ms, error);
    if (!status && run->waiting[order->user])
        status = let_through(run, error);
    if (!status)
        status = hp_eval_case(
            eval, order->user, order->at_ms, hp_purchase_items(&eval->purchases, order), error);
    return status;
}

/* All orders of this moment are predicted before any of them is learned. */
static enum hp_status
predict_until(struct run *run, int64_t now_ms, struct hp_error *error)
{
    const struct hp_purchases *purchases = &run->eval->purchases;
    enum hp_status status = HP_OK;

    while (!status && run->next < purchases->order_count &&
           purchases->orders[run->next].at_ms <= now_ms) {
        const struct hp_purchase *order = &purchases->orders[run->next];

        while (
            run->learned < run->next && purchases->orders[run->learned].at_ms < order->at_ms) {
            const struct hp_purchase *past = &purchases->orders[run->learned++];

            hp_peers_learn(
                run->eval->peers, past->user, past->at_ms, hp_purchase_items(purchases, past));
        }
        status = predict(run, order, error);
        run->next++;
        hp_progress_tell(
            &run->eval->progress, "orders predicted", run->next, purchases->order_count);
    }
    return status;
}

static enum hp_status
take_event(struct run *run, const struct hp_file_event *event, struct hp_error *error)
{
    struct hp_eval *eval = run->eval;
    enum hp_status status = predict_until(run, event->time_ms, error);
    uint32_t user;

    if (status || !hp_eval_learns(event))
        return status;
    user = hp_roster_find(&eval->purchases.users, hp_any_event_key(event->type, event->event));
    if (user != HP_ROSTER_NONE)
        run->waiting[user] = 1;
    return hp_trial_send(eval->trial, event->type, event->event, error);
}

static int64_t
choose_step(const struct hp_purchases *purchases)
{
    int64_t span =
        purchases->order_count
            ? purchases->orders[purchases->order_count - 1].at_ms - purchases->orders[0].at_ms
            : 0;
    int64_t days = span / HP_DAY_MS / SETTLES_MAX + 1;

    return days * HP_DAY_MS;
}

enum hp_status
hp_eval_prequential(struct hp_eval *eval, struct hp_error *error)
{
    struct run run = {.eval = eval,
        .waiting = hp_alloc(eval->purchases.users.count + 1),
        .step_ms = choose_step(&eval->purchases)};
    struct hp_arena arena = {0};
    struct hp_file_event event;
    enum hp_status status = hp_eval_open_shelves(eval, error);

    snprintf(eval->protocol, sizeof(eval->protocol),
        "predict each order of a known user from what came before, then learn it; "
        "item model every %d days",
        (int)(run.step_ms / HP_DAY_MS));
    while (!status && hp_events_next(eval->events, &arena, &event)) {
        status = take_event(&run, &event, error);
        hp_arena_clear(&arena);
    }
    if (!status && hp_tally_cases(eval->tally, HP_SLICE_ALL) == 0)
        status =
            hp_fail(error, HP_USAGE, "%.200s: no user ordered more than once", eval->plan.path);
    hp_arena_release(&arena);
    free(run.waiting);
    return status;
}
