/*
 * app/eval_ratings.c - errors of predicted ratings, where the events have some.
 *
 * The stream takes from a rating whether it was good; it predicts none. So these are the
 * predictors of eval/ratings.h, on the same events in the same order: what a product built on
 * ratings would get out of them. Split by time: learned before, predicted within the window.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "app/eval.h"

#include "eval/roster.h"

struct names {
    struct hp_roster users;
    struct hp_roster items;
};

static bool
is_rating(const struct hp_file_event *event)
{
    return event->type == HP_RECORD_FEEDBACK &&
           event->event->feedback.kind == HP_FEEDBACK_RATED && event->event->feedback.rated &&
           event->event->feedback.item_id.data;
}

static void
read_names(struct hp_eval *eval, struct names *names)
{
    struct hp_arena arena = {0};
    struct hp_file_event event;

    while (hp_events_next(eval->events, &arena, &event)) {
        if (is_rating(&event)) {
            hp_roster_add(&names->users, event.event->feedback.user_id);
            hp_roster_add(&names->items, event.event->feedback.item_id);
        }
        hp_arena_clear(&arena);
    }
    hp_events_rewind(eval->events);
    hp_arena_release(&arena);
}

static void
take_rating(struct hp_eval *eval, const struct names *names, struct hp_ratings *ratings,
    const struct hp_file_event *event)
{
    const struct hp_feedback *rated = &event->event->feedback;
    uint32_t user = hp_roster_find(&names->users, rated->user_id);
    uint32_t item = hp_roster_find(&names->items, rated->item_id);
    bool split = eval->plan.mode == HP_EVAL_SPLIT;
    int64_t since_ms = event->time_ms - eval->plan.at_ms;
    double said[HP_RATER_COUNT];

    if (!split || (since_ms >= 0 && since_ms < eval->plan.window_ms)) {
        hp_ratings_predict(ratings, user, item, said);
        for (int rater = 0; rater < HP_RATER_COUNT; rater++)
            hp_rating_error_add(&eval->rating_errors[rater], said[rater], rated->rating);
    }
    if (!split || since_ms < 0)
        hp_ratings_learn(ratings, user, item, rated->rating);
}

void
hp_eval_ratings(struct hp_eval *eval)
{
    struct names names = {0};
    struct hp_ratings *ratings;
    struct hp_arena arena = {0};
    struct hp_file_event event;
    size_t done = 0;

    if (hp_events_count_of(eval->events, HP_RECORD_FEEDBACK) == 0)
        return;
    read_names(eval, &names);
    ratings = hp_ratings_new(names.users.count, names.items.count);
    while (hp_events_next(eval->events, &arena, &event)) {
        if (is_rating(&event))
            take_rating(eval, &names, ratings, &event);
        hp_progress_tell(&eval->progress, "events searched for ratings", ++done,
            hp_events_count(eval->events));
        hp_arena_clear(&arena);
    }
    hp_events_rewind(eval->events);
    hp_ratings_free(ratings);
    hp_roster_release(&names.users);
    hp_roster_release(&names.items);
    hp_arena_release(&arena);
}
