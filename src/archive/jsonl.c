/*
 * archive/jsonl.c - every line is read once when the files are opened, to check it and to learn
 * its time, and a second time when its turn comes. So the memory is that of the text, not of
 * the values, and no bad line surprises later.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "archive/jsonl.h"

#include "archive/lines.h"
#include "codec/event.h"

#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

struct entry {
    int64_t time_ms;
    size_t at; /* in the text */
    uint32_t size;
    uint32_t line;
};

struct source {
    enum hp_record_type type;
    char *path;
    struct hp_buffer text;
    struct entry *entries;
    size_t count;
    size_t capacity;
    size_t next;
};

static const struct {
    const char *stem;
    enum hp_record_type type;
} files[] = {
    {"catalogue", HP_RECORD_CATALOGUE_ITEM},
    {"preferences", HP_RECORD_PREFERENCES},
    {"orders", HP_RECORD_ORDER},
    {"feedback", HP_RECORD_FEEDBACK},
    {"box-requests", HP_RECORD_BOX_REQUEST},
    {"erasures", HP_RECORD_ERASURE},
};

struct hp_events {
    struct hp_events_options options;
    struct source sources[HP_ARRAY_SIZE(files)];
    struct hp_arena arena; /* of the line being checked */
};

static enum hp_status
read_line(enum hp_record_type type, struct hp_bytes text, int64_t now_ms,
    struct hp_arena *arena, union hp_any_event *event, struct hp_error *error)
{
    enum hp_status status;

    memset(event, 0, sizeof(*event));
    status = hp_event_from_json(type, text, arena, event, error);
    return status ? status : hp_any_event_check(type, event, now_ms, error);
}

static void
add_entry(struct source *source, const struct hp_line *line, int64_t time_ms)
{
    if (source->count == source->capacity) {
        source->capacity = source->capacity ? 2 * source->capacity : 1024;
        source->entries =
            hp_realloc_array(source->entries, source->capacity, sizeof(*source->entries));
    }
    source->entries[source->count++] = (struct entry){
        time_ms, source->text.size, (uint32_t)line->text.size, (uint32_t)line->number};
    hp_buffer_append(&source->text, line->text.data, line->text.size);
}

static enum hp_status
tell_bad(struct hp_events *events, const struct source *source, int64_t line,
    const struct hp_error *bad, struct hp_error *error)
{
    struct hp_error full = {.status = HP_USAGE, .code = bad->code};

    snprintf(full.text, sizeof(full.text), "%.150s:%" PRId64 ": %s: %.250s", source->path, line,
        bad->code, bad->text);
    if (events->options.on_bad) {
        events->options.on_bad(events->options.context, source->path, line, &full);
        return HP_OK;
    }
    return hp_fail(error, HP_USAGE, "%s", full.text);
}

static enum hp_status
check_line(struct hp_events *events, struct source *source, const struct hp_line *line,
    struct hp_error *error)
{
    union hp_any_event event;
    struct hp_error bad;
    enum hp_status status;

    hp_arena_clear(&events->arena);
    if (line->too_long)
        status =
            hp_bad(&bad, "TOO_LARGE", "the line is longer than %zu bytes", HP_LINE_BYTES_MAX);
    else
        status = read_line(
            source->type, line->text, events->options.now_ms, &events->arena, &event, &bad);
    if (status == HP_BAD_RECORD)
        return tell_bad(events, source, line->number, &bad, error);
    if (status)
        return hp_fail(error, status, "%s", bad.text);
    add_entry(source, line, hp_any_event_time(source->type, &event));
    return HP_OK;
}

static int
compare_entries(const void *left, const void *right)
{
    const struct entry *a = left;
    const struct entry *b = right;

    if (a->time_ms != b->time_ms)
        return a->time_ms < b->time_ms ? -1 : 1;
    return a->line < b->line ? -1 : a->line > b->line;
}

static bool
is_sorted(const struct source *source)
{
    for (size_t i = 1; i < source->count; i++)
        if (source->entries[i - 1].time_ms > source->entries[i].time_ms)
            return false;
    return true;
}

static enum hp_status
read_source(struct hp_events *events, struct source *source, struct hp_error *error)
{
    struct hp_lines *lines;
    struct hp_line line;
    enum hp_status status = hp_lines_open(source->path, &lines, error);

    if (status)
        return status;
    while (!(status = hp_lines_next(lines, &line, error)) && line.number) {
        if (hp_events_count(events) >= HP_EVENTS_MAX)
            status = hp_fail(error, HP_USAGE, "%.200s:%" PRId64 ": more than %d events",
                source->path, line.number, HP_EVENTS_MAX);
        else
            status = check_line(events, source, &line, error);
        if (status)
            break;
    }
    hp_lines_free(lines);
    if (!status && !is_sorted(source))
        qsort(source->entries, source->count, sizeof(*source->entries), compare_entries);
    return status;
}

/* DIR/STEM.jsonl or DIR/STEM.jsonl.gz; NULL when there is neither. */
static char *
find_file(const char *directory, const char *stem)
{
    static const char *const ends[] = {".jsonl", ".jsonl.gz"};

    for (size_t i = 0; i < HP_ARRAY_SIZE(ends); i++) {
        struct hp_buffer path = {0};

        hp_buffer_printf(&path, "%s/%s%s", directory, stem, ends[i]);
        if (access((const char *)path.data, F_OK) == 0)
            return (char *)path.data;
        hp_buffer_release(&path);
    }
    return NULL;
}

static enum hp_status
read_all(struct hp_events *events, struct hp_error *error)
{
    size_t found = 0;

    for (size_t i = 0; i < HP_ARRAY_SIZE(files); i++) {
        struct source *source = &events->sources[i];
        enum hp_status status;

        source->type = files[i].type;
        source->path = find_file(events->options.path, files[i].stem);
        if (!source->path)
            continue;
        found++;
        status = read_source(events, source, error);
        if (status)
            return status;
    }
    return found ? HP_OK
                 : hp_fail(error, HP_USAGE,
                       "%.200s: holds none of the event files "
                       "(catalogue.jsonl, orders.jsonl, …)",
                       events->options.path);
}

enum hp_status
hp_events_open(
    const struct hp_events_options *options, struct hp_events **events, struct hp_error *error)
{
    struct stat info;
    enum hp_status status;

    *events = NULL;
    if (stat(options->path, &info) != 0 || !S_ISDIR(info.st_mode))
        return hp_fail(error, HP_USAGE, "%.200s: is not a directory", options->path);
    *events = hp_alloc(sizeof(**events));
    (*events)->options = *options;
    status = read_all(*events, error);
    hp_arena_release(&(*events)->arena);
    if (status) {
        hp_events_free(*events);
        *events = NULL;
    }
    return status;
}

void
hp_events_free(struct hp_events *events)
{
    if (!events)
        return;
    for (size_t i = 0; i < HP_ARRAY_SIZE(files); i++) {
        free(events->sources[i].path);
        free(events->sources[i].entries);
        hp_buffer_release(&events->sources[i].text);
    }
    hp_arena_release(&events->arena);
    free(events);
}

size_t
hp_events_count(const struct hp_events *events)
{
    size_t count = 0;

    for (size_t i = 0; i < HP_ARRAY_SIZE(files); i++)
        count += events->sources[i].count;
    return count;
}

size_t
hp_events_count_of(const struct hp_events *events, enum hp_record_type type)
{
    for (size_t i = 0; i < HP_ARRAY_SIZE(files); i++)
        if (files[i].type == type)
            return events->sources[i].count;
    return 0;
}

static struct source *
earliest(struct hp_events *events)
{
    struct source *best = NULL;

    for (size_t i = 0; i < HP_ARRAY_SIZE(files); i++) {
        struct source *source = &events->sources[i];

        if (source->next == source->count)
            continue;
        if (!best || source->entries[source->next].time_ms < best->entries[best->next].time_ms)
            best = source;
    }
    return best;
}

bool
hp_events_next(struct hp_events *events, struct hp_arena *arena, struct hp_file_event *event)
{
    struct source *source = earliest(events);
    union hp_any_event *value;
    const struct entry *entry;
    struct hp_error error;

    if (!source)
        return false;
    entry = &source->entries[source->next++];
    value = HP_ARENA_NEW(arena, union hp_any_event);
    HP_ASSERT(read_line(source->type, hp_bytes(source->text.data + entry->at, entry->size),
                  events->options.now_ms, arena, value, &error) == HP_OK);
    *event =
        (struct hp_file_event){source->type, entry->time_ms, value, source->path, entry->line};
    return true;
}

void
hp_events_rewind(struct hp_events *events)
{
    for (size_t i = 0; i < HP_ARRAY_SIZE(files); i++)
        events->sources[i].next = 0;
}
