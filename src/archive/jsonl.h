/*
 * archive/jsonl.h - a directory of event files as one sequence in the order of time.
 *
 * catalogue.jsonl, preferences.jsonl, orders.jsonl, feedback.jsonl, box-requests.jsonl and
 * erasures.jsonl, those that exist, each plain or .gz. Events of the same moment come in the
 * order of this list, then of lines. Lines need not be in order.
 *
 * Costs 24 bytes an event and the text of the files; at most HP_EVENTS_MAX events.
 *
 * Thread: one at a time.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_ARCHIVE_JSONL_H
#define HP_ARCHIVE_JSONL_H

#include "archive/records.h"
#include "base/arena.h"

#define HP_EVENTS_MAX 10000000

struct hp_events; /* opaque */

struct hp_file_event {
    enum hp_record_type type;
    int64_t time_ms;
    const union hp_any_event *event; /* strings live in the arena given to next() */
    const char *file;                /* for messages; lives with the events */
    int64_t line;
};

struct hp_events_options {
    const char *path; /* of the directory */
    int64_t now_ms;   /* events may lie an hour ahead of it */
    /* A line that is no event, `file:line` and code in the error's text. It is left out. NULL:
     * the first one ends the opening with HP_USAGE. */
    void (*on_bad)(void *context, const char *file, int64_t line, const struct hp_error *error);
    void *context;
};

/* HP_USAGE: no directory, none of the files, too many events, or a bad line (see above). */
HP_MUST_CHECK enum hp_status hp_events_open(
    const struct hp_events_options *options, struct hp_events **events, struct hp_error *error);
void hp_events_free(struct hp_events *events);

size_t hp_events_count(const struct hp_events *events);
size_t hp_events_count_of(const struct hp_events *events, enum hp_record_type type);

/* The next event; false at the end. */
bool hp_events_next(
    struct hp_events *events, struct hp_arena *arena, struct hp_file_event *event);
/* Starts again from the first. */
void hp_events_rewind(struct hp_events *events);

#endif
