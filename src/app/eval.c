/*
 * app/eval.c - `hamper eval`: how good the recommendations are, on one's own events.
 *
 * The events are read and checked whole first. One walk over them makes the table of purchases;
 * then they go through the stream in the order of time, up to where it has to predict.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "app/eval.h"

#include "app/command.h"
#include "app/commands.h"
#include "base/log.h"
#include "domain/instant.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <unistd.h>

#define TOLD_MAX      20 /* bad lines that are listed */
#define WINDOW_DAYS   30
#define DEFAULT_SHARE 5 /* without --at the last fifth of the time is predicted */
#define COLD_MAX      100000
#define RATING_HIGH   4
#define DAYS_MAX      36500

const char *const hp_eval_model_names[HP_EVAL_MODELS] = {
    "hamper", "popularity", "popularity, decayed", "frequency", "cosine"};

/* ---- arguments ----------------------------------------------------------------------------
 */

struct texts {
    const char *at;
    const char *window;
    const char *seed;
    const char *cold;
    bool prequential;
    bool off_policy;
};

static enum hp_status
read_number(
    const char *flag, const char *text, uint64_t max, uint64_t *number, struct hp_error *error)
{
    char *end = NULL;

    if (!text)
        return HP_OK;
    errno = 0;
    if (*text >= '0' && *text <= '9')
        *number = strtoull(text, &end, 10);
    if (!end || *end || errno || *number > max)
        return hp_fail(error, HP_USAGE,
            "--%s %.40s: expected a whole number of at most %" PRIu64, flag, text, max);
    return HP_OK;
}

/* Milliseconds, or as people write it. */
static enum hp_status
read_time(const char *text, int64_t *ms, struct hp_error *error)
{
    char *end = NULL;

    if (hp_instant_parse(hp_bytes_text(text), ms))
        return HP_OK;
    errno = 0;
    *ms = strtoll(text, &end, 10);
    if (end == text || *end || errno || *ms <= 0)
        return hp_fail(error, HP_USAGE,
            "--at %.40s: expected a time like 2026-03-01T08:00 or milliseconds", text);
    return HP_OK;
}

static enum hp_status
check_together(const struct texts *texts, struct hp_error *error)
{
    if (texts->prequential && texts->off_policy)
        return hp_fail(error, HP_USAGE, "--prequential and --off-policy exclude each other");
    if ((texts->prequential || texts->off_policy) && texts->at)
        return hp_fail(error, HP_USAGE, "--at and %s exclude each other",
            texts->prequential ? "--prequential" : "--off-policy");
    if (texts->window && !texts->at)
        return hp_fail(error, HP_USAGE, "--window needs --at, from which it is counted");
    if (texts->cold && (texts->prequential || texts->off_policy))
        return hp_fail(error, HP_USAGE, "--cold is for the split by time");
    return HP_OK;
}

static enum hp_status
read_texts(const struct texts *texts, struct hp_eval_plan *plan, struct hp_error *error)
{
    uint64_t days = WINDOW_DAYS, cold = 0;
    enum hp_status status = check_together(texts, error);

    plan->seed = 1;
    plan->at_given = texts->at != NULL;
    if (!status && texts->at)
        status = read_time(texts->at, &plan->at_ms, error);
    if (!status)
        status = read_number("window", texts->window, DAYS_MAX, &days, error);
    if (!status && days == 0)
        status = hp_fail(error, HP_USAGE, "--window 0: a window of no days holds no orders");
    if (!status)
        status = read_number("seed", texts->seed, UINT64_MAX, &plan->seed, error);
    if (!status)
        status = read_number("cold", texts->cold, COLD_MAX, &cold, error);
    plan->window_ms = (int64_t)days * HP_DAY_MS;
    plan->cold = cold;
    plan->mode = texts->prequential  ? HP_EVAL_PREQUENTIAL
                 : texts->off_policy ? HP_EVAL_OFF_POLICY
                                     : HP_EVAL_SPLIT;
    return status;
}

/* Told before minutes of work, not after them. */
static enum hp_status
check_writable(const char *path, struct hp_error *error)
{
    const char *slash = path ? strrchr(path, '/') : NULL;
    char folder[4096];

    if (!path || access(path, W_OK) == 0)
        return HP_OK;
    snprintf(folder, sizeof(folder), "%.*s", slash ? (int)(slash - path) + 1 : 1,
        slash ? path : ".");
    if (access(path, F_OK) == 0 || access(folder, W_OK) != 0)
        return hp_fail(error, HP_USAGE, "%.200s: cannot be written: %s", path, strerror(errno));
    return HP_OK;
}

static enum hp_status
take_arguments(struct hp_eval *eval, int *argc, char **argv, struct hp_error *error)
{
    struct texts texts = {0};
    const struct hp_flag flags[] = {
        {"at", NULL, &texts.at},
        {"window", NULL, &texts.window},
        {"prequential", &texts.prequential, NULL},
        {"off-policy", &texts.off_policy, NULL},
        {"json", NULL, &eval->plan.json},
        {"svg", NULL, &eval->plan.svg},
        {"seed", NULL, &texts.seed},
        {"cold", NULL, &texts.cold},
    };
    enum hp_status status = hp_options_load(argc, argv, &eval->options, error);

    if (!status)
        status = hp_flags_take(argc, argv, flags, HP_ARRAY_SIZE(flags), error);
    if (!status)
        status = hp_positional_check(*argc, argv, 1, 1, error);
    if (!status)
        status = read_texts(&texts, &eval->plan, error);
    if (!status)
        status = check_writable(eval->plan.json, error);
    if (!status)
        status = check_writable(eval->plan.svg, error);
    if (!status)
        eval->plan.path = argv[1];
    return status;
}

/* ---- events -------------------------------------------------------------------------------
 */

static void
note_bad(void *context, const char *file, int64_t line, const struct hp_error *error)
{
    int64_t *bad = context;

    (void)file;
    (void)line;
    if ((*bad)++ < TOLD_MAX)
        fprintf(stderr, "%s\n", error->text);
}

static enum hp_status
open_events(struct hp_eval *eval, struct hp_error *error)
{
    int64_t bad = 0;
    enum hp_status status = hp_events_open(&(struct hp_events_options){.path = eval->plan.path,
                                               .now_ms = hp_now_ms(),
                                               .on_bad = note_bad,
                                               .context = &bad},
        &eval->events, error);

    if (!status && bad > 0)
        return hp_fail(error, HP_USAGE,
            "%.200s: %" PRId64 " bad lines, the first ones are listed above", eval->plan.path,
            bad);
    if (!status && hp_events_count_of(eval->events, HP_RECORD_ORDER) == 0 &&
        hp_events_count_of(eval->events, HP_RECORD_FEEDBACK) == 0)
        return hp_fail(
            error, HP_USAGE, "%.200s: holds neither orders nor feedback", eval->plan.path);
    return status;
}

/* As the ledger sees it: LIKED, or rated 4 and more. */
static void
note_feedback(struct hp_eval *eval, const struct hp_feedback *feedback)
{
    bool liked = feedback->kind == HP_FEEDBACK_LIKED ||
                 (feedback->kind == HP_FEEDBACK_RATED && feedback->rated &&
                     feedback->rating >= RATING_HIGH);

    if (liked && feedback->item_id.data)
        hp_purchases_add_choice(
            &eval->purchases, feedback->user_id, feedback->at, feedback->item_id);
}

static void
note_event(struct hp_eval *eval, const struct hp_file_event *event)
{
    if (event->type == HP_RECORD_ORDER)
        hp_purchases_add_order(&eval->purchases, &event->event->order);
    else if (event->type == HP_RECORD_FEEDBACK && eval->from_feedback)
        note_feedback(eval, &event->event->feedback);
    else if (event->type == HP_RECORD_CATALOGUE_ITEM)
        hp_purchases_add_item(&eval->purchases, event->event->catalogue_item.item_id);
    else if (event->type == HP_RECORD_ERASURE && !event->event->erasure.recipient_id.data)
        hp_purchases_erase(&eval->purchases, event->event->erasure.user_id,
            event->event->erasure.requested_at);
}

static void
read_purchases(struct hp_eval *eval)
{
    struct hp_arena arena = {0};
    struct hp_file_event event;

    eval->from_feedback = hp_events_count_of(eval->events, HP_RECORD_ORDER) == 0;
    while (hp_events_next(eval->events, &arena, &event)) {
        note_event(eval, &event);
        hp_arena_clear(&arena);
    }
    hp_events_rewind(eval->events);
    hp_arena_release(&arena);
    hp_purchases_seal(&eval->purchases);
}

/* ---- one case -----------------------------------------------------------------------------
 */

/* What may be ranked and what counts as found, by slice. */
static void
add_lists(struct hp_eval *eval, size_t model, struct hp_item_set had, struct hp_item_set chosen,
    uint32_t *some)
{
    static const enum hp_pool pools[] = {HP_POOL_ALL, HP_POOL_WITHOUT, HP_POOL_ONLY};
    uint32_t ranked[HP_RANKED_MAX];

    for (int slice = 0; slice < HP_SLICE_COUNT; slice++) {
        struct hp_item_set target = chosen;
        size_t count;

        if (slice != HP_SLICE_ALL)
            target = (struct hp_item_set){
                some, hp_item_set_pick(chosen, had, slice == HP_SLICE_REPEAT, some)};
        if (target.count == 0)
            continue;
        count = hp_rank(eval->scores, eval->purchases.items.count, pools[slice], had,
            HP_EVAL_CUT_MAX, ranked);
        hp_tally_add(eval->tally, model, (enum hp_slice)slice, ranked, count, target);
    }
}

enum hp_status
hp_eval_case(struct hp_eval *eval, uint32_t user, int64_t now_ms, struct hp_item_set chosen,
    struct hp_error *error)
{
    struct hp_item_set had = hp_peers_had(eval->peers, user);
    uint32_t *some = hp_alloc((chosen.count + 1) * sizeof(*some));
    enum hp_status status = hp_trial_score(eval->trial, user, now_ms, eval->scores, error);

    if (!status) {
        hp_tally_begin(eval->tally, user, now_ms);
        add_lists(eval, 0, had, chosen, some);
        for (int peer = 0; peer < HP_PEER_COUNT; peer++) {
            hp_peers_score(eval->peers, (enum hp_peer)peer, user, now_ms, eval->scores);
            add_lists(eval, 1 + (size_t)peer, had, chosen, some);
        }
    }
    free(some);
    return status;
}

void
hp_eval_surprise(struct hp_eval *eval, struct hp_tally *tally)
{
    double users = hp_peers_users(eval->peers) + 1.0;

    for (uint32_t item = 0; item < eval->purchases.items.count; item++)
        hp_tally_set_surprise(
            tally, item, -log2((hp_peers_buyers(eval->peers, item) + 1.0) / users));
}

struct hp_tally *
hp_eval_tally(struct hp_eval *eval, size_t models)
{
    return hp_tally_new(&(struct hp_tally_options){.model_count = models,
        .cuts = {HP_EVAL_CUT, HP_EVAL_CUT_MAX},
        .cut_count = 2,
        .item_count = eval->purchases.items.count,
        .user_count = eval->purchases.users.count,
        .seed = eval->plan.seed});
}

/* ---- all of it ----------------------------------------------------------------------------
 */

/* Without --at: the last fifth of the time between the first order and the last. */
static void
choose_split(struct hp_eval *eval)
{
    const struct hp_purchases *purchases = &eval->purchases;
    int64_t first, last;

    if (eval->plan.mode != HP_EVAL_SPLIT || eval->plan.at_given || purchases->order_count == 0)
        return;
    first = purchases->orders[0].at_ms;
    last = purchases->orders[purchases->order_count - 1].at_ms;
    eval->plan.at_ms = hp_instant_day(last - (last - first) / DEFAULT_SHARE) * HP_DAY_MS;
    eval->plan.window_ms = last + 1 - eval->plan.at_ms;
}

static enum hp_status
evaluate(struct hp_eval *eval, struct hp_error *error)
{
    enum hp_status status = open_events(eval, error);

    if (status)
        return status;
    read_purchases(eval);
    choose_split(eval);
    eval->scores = hp_alloc((eval->purchases.items.count + 1) * sizeof(*eval->scores));
    eval->peers = hp_peers_new(eval->purchases.users.count, eval->purchases.items.count);
    eval->tally = hp_eval_tally(eval, HP_EVAL_MODELS);
    status = eval->plan.mode == HP_EVAL_SPLIT ? hp_eval_split(eval, error)
                                              : hp_eval_prequential(eval, error);
    if (!status)
        hp_eval_ratings(eval);
    hp_progress_end(&eval->progress);
    return status ? status : hp_eval_report(eval, error);
}

static void
release(struct hp_eval *eval)
{
    hp_trial_free(eval->trial);
    hp_tally_free(eval->tally);
    hp_tally_free(eval->completion);
    hp_tally_free(eval->cold);
    hp_peers_free(eval->peers);
    hp_purchases_release(&eval->purchases);
    hp_events_free(eval->events);
    hp_options_release(&eval->options);
    free(eval->scores);
    free(eval);
}

static int64_t
log_clock(void)
{
    return hp_now_ms();
}

int
hp_cmd_eval(int argc, char **argv)
{
    struct hp_eval *eval = hp_alloc(sizeof(*eval));
    struct hp_error error = {0};
    enum hp_status status = take_arguments(eval, &argc, argv, &error);

    if (!status) {
        hp_log_configure(&(struct hp_log_options){
            .level = HP_LOG_ERROR, .format = eval->options.log_format, .clock_ms = log_clock});
        status = eval->plan.mode == HP_EVAL_OFF_POLICY ? hp_eval_off_policy(&eval->plan, &error)
                                                       : evaluate(eval, &error);
    }
    release(eval);
    if (!status)
        status = hp_output_end(&error);
    return hp_command_end("eval", status, &error);
}
