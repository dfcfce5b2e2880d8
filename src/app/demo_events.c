/*
 * app/demo_events.c - `hamper demo --events`: one's own event files through the same stream.
 *
 * The files are read and checked whole before the first record is sent, so a malformed line
 * leaves nothing half done. Boxes are put off until all is read (emit.defer.records), since
 * only the last ones are shown.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "app/columns.h"
#include "app/command.h"
#include "app/demo.h"
#include "archive/jsonl.h"

#include <inttypes.h>

#define TOLD_MAX    20 /* bad lines that are listed */
#define SHOWN_USERS 3
#define SEND_EVENTS 5000

struct named_item {
    struct hp_bytes id;
    struct hp_bytes name;
    size_t order; /* of lines: a later one wins */
};

struct hp_demo_files {
    const char *path;
    struct hp_events *events;
    int64_t bad;
    struct hp_arena arena; /* names of items and users */
    struct named_item *items;
    size_t item_count;
    struct hp_bytes shown[SHOWN_USERS];
    size_t shown_count;
};

static void
note_bad(void *context, const char *file, int64_t line, const struct hp_error *error)
{
    struct hp_demo_files *files = context;

    (void)file;
    (void)line;
    if (files->bad++ < TOLD_MAX)
        fprintf(stderr, "%s\n", error->text);
}

static int
compare_items(const void *a, const void *b)
{
    const struct named_item *left = a, *right = b;
    int order = hp_bytes_compare(left->id, right->id);

    return order ? order : (left->order > right->order) - (left->order < right->order);
}

/* Users with an order or a request, the first ones in time. */
static void
note_user(struct hp_demo_files *files, const struct hp_file_event *event)
{
    struct hp_bytes user = hp_any_event_key(event->type, event->event);

    if ((event->type != HP_RECORD_ORDER && event->type != HP_RECORD_BOX_REQUEST) ||
        files->shown_count == SHOWN_USERS)
        return;
    for (size_t i = 0; i < files->shown_count; i++)
        if (hp_bytes_equal(files->shown[i], user))
            return;
    files->shown[files->shown_count++] = hp_arena_copy(&files->arena, user);
}

/* One walk over all events for what the cards need: names of items, and whose cards. */
static void
note_names(struct hp_demo_files *files)
{
    struct hp_arena arena = {0};
    struct hp_file_event event;
    size_t capacity = hp_events_count_of(files->events, HP_RECORD_CATALOGUE_ITEM);

    files->items = HP_ARENA_ARRAY(&files->arena, capacity, struct named_item);
    while (hp_events_next(files->events, &arena, &event)) {
        if (event.type == HP_RECORD_CATALOGUE_ITEM) {
            const struct hp_catalogue_item *item = &event.event->catalogue_item;

            HP_ASSERT(files->item_count < capacity);
            files->items[files->item_count] =
                (struct named_item){hp_arena_copy(&files->arena, item->item_id),
                    hp_arena_copy(&files->arena, item->name), files->item_count};
            files->item_count++;
        }
        note_user(files, &event);
        hp_arena_clear(&arena);
    }
    hp_events_rewind(files->events);
    hp_arena_release(&arena);
    if (files->item_count)
        qsort(files->items, files->item_count, sizeof(*files->items), compare_items);
}

/* The last entry of this id. */
static struct hp_bytes
name_of(void *context, struct hp_bytes item_id)
{
    const struct hp_demo_files *files = context;
    size_t low = 0, high = files->item_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (hp_bytes_compare(files->items[middle].id, item_id) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0 || !hp_bytes_equal(files->items[low - 1].id, item_id))
        return (struct hp_bytes){0};
    return files->items[low - 1].name;
}

enum hp_status
hp_demo_files_open(const char *path, struct hp_demo_files **files, struct hp_error *error)
{
    struct hp_demo_files *made = hp_alloc(sizeof(*made));
    enum hp_status status;

    made->path = path;
    status = hp_events_open(
        &(struct hp_events_options){
            .path = path, .now_ms = hp_now_ms(), .on_bad = note_bad, .context = made},
        &made->events, error);
    if (!status && made->bad > 0)
        status = hp_fail(error, HP_USAGE,
            "%s: %" PRId64 " bad lines, the first ones are listed above; nothing was processed",
            path, made->bad);
    if (status) {
        hp_demo_files_free(made);
        return status;
    }
    note_names(made);
    *files = made;
    return HP_OK;
}

void
hp_demo_files_free(struct hp_demo_files *files)
{
    if (!files)
        return;
    hp_events_free(files->events);
    hp_arena_release(&files->arena);
    free(files);
}

static enum hp_status
send_all(struct hp_demo_files *files, struct hp_stage *stage, struct hp_error *error)
{
    struct hp_arena arena = {0};
    struct hp_file_event event;
    enum hp_status status = HP_OK;

    while (!status && hp_events_next(files->events, &arena, &event)) {
        status = hp_stage_send(stage, event.type, event.event, error);
        hp_arena_clear(&arena);
        if (!status && stage->sent % SEND_EVENTS == 0)
            status = hp_producer_flush(stage->producer, error);
    }
    hp_arena_release(&arena);
    return status ? status : hp_stage_settle(stage, error);
}

static void
show_boxes(struct hp_demo_files *files, struct hp_stage *stage)
{
    struct hp_card_options options = {0};

    hp_card_options_detect(stdout, &options);
    options.name_of = name_of;
    options.context = files;
    for (size_t i = 0; i < files->shown_count; i++) {
        struct hp_watched *watched = hp_stage_watch(stage, files->shown[i]);
        struct hp_recommendation boxes;
        struct hp_arena arena = {0};

        if (hp_stage_standing(stage, watched, &arena, &boxes) ||
            hp_stage_answer(stage, watched, &arena, &boxes)) {
            putchar('\n');
            hp_cards_write(stdout, &boxes, &options);
        }
        hp_arena_release(&arena);
    }
}

static void
say_summary(struct hp_demo_files *files, struct hp_stage *stage)
{
    printf("\n%zu records:\n", hp_events_count(files->events));
    for (int type = HP_RECORD_ORDER; type <= HP_RECORD_CATALOGUE_ITEM; type++) {
        size_t count = hp_events_count_of(files->events, (enum hp_record_type)type);

        if (count)
            printf("  %8zu  %s\n", count, hp_record_name((enum hp_record_type)type));
    }
    printf("%" PRId64 " dead letters%s\n", stage->dead_letters, stage->dead_letters ? ":" : "");
    for (size_t i = 0; i < stage->dead_kinds; i++)
        printf("  %8" PRId64 "  %s from %s\n", stage->dead[i].count, stage->dead[i].code,
            stage->dead[i].topic);
    printf("%" PRId64 " recommendations, %" PRId64 " answers, %" PRId64
           " boxes for %zu users, %" PRId64 " erasure receipts\n",
        stage->recommendations, stage->answers, stage->boxes, stage->user_count,
        stage->receipts);
}

enum hp_status
hp_demo_files_play(struct hp_demo_files *files, struct hp_stage *stage, struct hp_error *error)
{
    enum hp_status status;

    printf("hamper %s: %zu events of %s through the stream, on a broker in memory.\n",
        HAMPER_VERSION, hp_events_count(files->events), files->path);
    fflush(stdout);
    for (size_t i = 0; i < files->shown_count; i++)
        hp_stage_watch(stage, files->shown[i]);
    hp_stage_progress_begin(stage);
    status = send_all(files, stage, error);
    hp_stage_progress_end(stage);
    if (status)
        return status;
    show_boxes(files, stage);
    say_summary(files, stage);
    return HP_OK;
}
