/*
 * flow/rows.c - partial rows leave for the rows topic.
 *
 * What is published is one number: every change up to it is in the topic. A walk collects the
 * rows whose last change is behind it, publishes each as it is when its turn comes, and then
 * raises the number to the last change there was when it began; a row that changed meanwhile is
 * behind that and comes again. So nothing is kept per row, and a walk that a crash cut short is
 * walked once more.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "flow/rows.h"

#include "base/log.h"
#include "domain/limits.h"
#include "ledger/partial.h"

#define PREFIX_BYTES  4   /* of a row's key: the partition */
#define COMPARE_POLLS 100 /* that give nothing, before the comparison is put off */
#define POLL_MS       50

/* ---- the comparison ---------------------------------------------------------------------- */

/* What the topic holds of this partition: the latest of each item, as seen while reading. */
struct comparison {
    struct hp_blocks *blocks;
    struct hp_step *step;
    const char *topic;
    int32_t partition;
    int64_t end;  /* read-uncommitted high watermark when it began */
    int64_t next; /* to be read */
};

static enum hp_status
send_row(struct hp_step *step, const char *topic, struct hp_bytes item, struct hp_bytes value,
    struct hp_error *error)
{
    int32_t partition = hp_task_partition(hp_step_task(step));
    struct hp_buffer key = {0};
    enum hp_status status;

    hp_put_u32(&key, (uint32_t)partition);
    hp_buffer_append(&key, item.data, item.size);
    status = hp_step_send(step,
        &(struct hp_outgoing){.topic = topic,
            .partition = partition,
            .key = hp_buffer_bytes(&key),
            .value = value},
        error);
    hp_buffer_release(&key);
    return status;
}

/* A row of an item that nobody here ever had is buried; others are published in their turn. */
static enum hp_status
compare_row(struct comparison *comparison, const struct hp_message *row, struct hp_error *error)
{
    struct hp_bytes id;
    uint32_t item;

    if (row->key.size <= PREFIX_BYTES || !row->value.data)
        return HP_OK;
    id = hp_bytes(row->key.data + PREFIX_BYTES, row->key.size - PREFIX_BYTES);
    if (id.size > HP_ID_BYTES_MAX || hp_rows_find(comparison->blocks->rows, id, &item))
        return HP_OK;
    return send_row(comparison->step, comparison->topic, id, (struct hp_bytes){0}, error);
}

static enum hp_status
read_rows(struct hp_reader *reader, struct comparison *comparison, struct hp_error *error)
{
    enum hp_status status = HP_OK;
    int nothing = 0;

    while (!status && comparison->next < comparison->end && nothing < COMPARE_POLLS) {
        struct hp_poll poll;

        status = hp_reader_poll(reader, POLL_MS, &poll, error);
        if (status)
            break;
        if (poll.kind == HP_POLL_RECORD) {
            status = compare_row(comparison, &poll.message, error);
            comparison->next = poll.message.offset + 1;
        } else if (poll.kind == HP_POLL_END && poll.message.offset > comparison->next) {
            comparison->next = poll.message.offset;
        } else {
            nothing++;
        }
    }
    return status;
}

/* `*done` stays false when somebody's transaction is still open in the topic. */
static enum hp_status
compare(const struct hp_rows_options *options, struct hp_blocks *blocks, struct hp_step *step,
    bool *done, struct hp_error *error)
{
    struct comparison comparison = {.blocks = blocks,
        .step = step,
        .topic = options->topic,
        .partition = hp_task_partition(hp_step_task(step))};
    struct hp_reader_options reading = {
        .topics = &options->topic, .topic_count = 1, .bulk = true};
    struct hp_reader *reader = NULL;
    enum hp_status status = hp_cluster_watermarks(options->cluster, options->topic,
        comparison.partition, &comparison.next, &comparison.end, error);

    if (!status && comparison.next < comparison.end) {
        status = hp_reader_new(options->cluster, &reading, &reader, error);
        if (!status)
            status = hp_reader_assign(reader, 0, comparison.partition, 0, error);
        if (!status)
            status = read_rows(reader, &comparison, error);
        hp_reader_free(reader);
    }
    *done = comparison.next >= comparison.end;
    return status;
}

static enum hp_status
compare_once(const struct hp_rows_options *options, struct hp_blocks *blocks,
    struct hp_step *step, bool *more, struct hp_error *error)
{
    bool done = false;
    enum hp_status status;

    if (blocks->compared)
        return HP_OK;
    status = compare(options, blocks, step, &done, error);
    if (status)
        return status;
    blocks->compared = done;
    blocks->meta_changed = done;
    *more = *more || !done;
    return HP_OK;
}

/* ---- the walk ---------------------------------------------------------------------------- */

static void
end_walk(struct hp_rows_pace *pace)
{
    free(pace->items);
    free(pace->by_id);
    free(pace->place);
    pace->items = pace->by_id = pace->place = NULL;
    pace->count = pace->at = 0;
    pace->ordered = 0;
}

struct entry {
    struct hp_bytes id;
    uint32_t item;
};

static int
compare_entries(const void *a, const void *b)
{
    return hp_bytes_compare(((const struct entry *)a)->id, ((const struct entry *)b)->id);
}

/* Partners are sorted by id in every row; comparing places is a tenth of comparing ids. */
static void
order_items(struct hp_rows_pace *pace, const struct hp_rows *rows)
{
    uint32_t count = hp_rows_count(rows);
    struct entry *entries;

    if (pace->ordered == count)
        return;
    entries = hp_alloc(count * sizeof(*entries));
    for (uint32_t i = 0; i < count; i++)
        entries[i] = (struct entry){hp_rows_id(rows, i), i};
    qsort(entries, count, sizeof(*entries), compare_entries);
    pace->by_id = hp_realloc_array(pace->by_id, count, sizeof(*pace->by_id));
    pace->place = hp_realloc_array(pace->place, count, sizeof(*pace->place));
    for (uint32_t i = 0; i < count; i++) {
        pace->by_id[i] = entries[i].item;
        pace->place[entries[i].item] = i;
    }
    pace->ordered = count;
    free(entries);
}

struct turn { /* of a row in a walk */
    uint64_t changed;
    uint32_t item;
};

static int
compare_turns(const void *a, const void *b)
{
    const struct turn *left = a;
    const struct turn *right = b;

    if (left->changed != right->changed)
        return left->changed < right->changed ? -1 : 1;
    return (left->item > right->item) - (left->item < right->item);
}

static void
begin_walk(struct hp_rows_pace *pace, const struct hp_blocks *blocks, struct hp_arena *arena)
{
    uint32_t items = hp_rows_count(blocks->rows);
    struct turn *turns = HP_ARENA_ARRAY(arena, items, struct turn);

    end_walk(pace);
    pace->until = blocks->committed_next - 1;
    for (uint32_t i = 0; i < items; i++)
        if (hp_rows_changed(blocks->rows, i) > blocks->published)
            turns[pace->count++] = (struct turn){hp_rows_changed(blocks->rows, i), i};
    pace->items = hp_alloc((pace->count + 1) * sizeof(*pace->items));
    if (pace->count)
        qsort(turns, pace->count, sizeof(*turns), compare_turns);
    for (size_t i = 0; i < pace->count; i++)
        pace->items[i] = turns[i].item;
}

static int
compare_counts(const void *a, const void *b)
{
    const struct hp_row_partner *left = a;
    const struct hp_row_partner *right = b;

    if (left->users != right->users)
        return left->users > right->users ? -1 : 1;
    return (left->item > right->item) - (left->item < right->item);
}

static int
compare_places(const void *a, const void *b)
{
    uint32_t left = ((const struct hp_row_partner *)a)->item;
    uint32_t right = ((const struct hp_row_partner *)b)->item;

    return (left > right) - (left < right);
}

/* Long rows are laid out by place instead of sorted. */
static void
sort_by_place(
    struct hp_row_partner *partners, size_t count, uint32_t items, struct hp_arena *arena)
{
    int32_t *users;
    size_t at = 0;

    if (count < items / 16) {
        if (count)
            qsort(partners, count, sizeof(*partners), compare_places);
        return;
    }
    users = HP_ARENA_ARRAY(arena, items, int32_t);
    for (size_t i = 0; i < count; i++)
        users[partners[i].item] = (int32_t)partners[i].users;
    for (uint32_t place = 0; place < items; place++)
        if (users[place])
            partners[at++] = (struct hp_row_partner){place, users[place]};
}

static void
partial_of(const struct hp_rows_pace *pace, const struct hp_rows *rows, uint32_t item,
    size_t most, struct hp_arena *arena, struct hp_partial *partial)
{
    struct hp_row_partner *partners;
    size_t count = hp_rows_partners(rows, item, arena, &partners);
    struct hp_partial_partner *list = HP_ARENA_ARRAY(arena, count, struct hp_partial_partner);

    for (size_t i = 0; i < count; i++)
        partners[i].item = pace->place[partners[i].item];
    if (count > most) {
        qsort(partners, count, sizeof(*partners), compare_counts);
        count = most;
    }
    sort_by_place(partners, count, pace->ordered, arena);
    for (size_t i = 0; i < count; i++)
        list[i] = (struct hp_partial_partner){
            hp_rows_id(rows, pace->by_id[partners[i].item]), partners[i].users};
    *partial = (struct hp_partial){hp_rows_head(rows, item, arena), list, count};
}

static enum hp_status
publish_item(const struct hp_rows_options *options, struct hp_rows_pace *pace,
    struct hp_blocks *blocks, struct hp_step *step, uint32_t item, size_t *bytes,
    struct hp_error *error)
{
    struct hp_arena arena = {0};
    struct hp_buffer value = {0};
    struct hp_partial partial;
    size_t most = HP_PARTIAL_PARTNERS_MAX;
    enum hp_status status = hp_blocks_load(blocks, step, item, error);

    if (status)
        return status;
    order_items(pace, blocks->rows);
    do { /* long ids: half as many partners, until the row fits a record */
        partial_of(pace, blocks->rows, item, most, &arena, &partial);
        hp_buffer_clear(&value);
        hp_partial_encode(&partial, &value);
        most = partial.partner_count / 2;
    } while (value.size > HP_ROWS_VALUE_MAX);
    status = send_row(
        step, options->topic, hp_rows_id(blocks->rows, item), hp_buffer_bytes(&value), error);
    *bytes += value.size + HP_ID_BYTES_MAX;
    hp_buffer_release(&value);
    hp_arena_release(&arena);
    return status;
}

static bool
due(const struct hp_rows_options *options, struct hp_rows_pace *pace,
    const struct hp_blocks *blocks, bool drained, int64_t now_ms)
{
    if (pace->items)
        return true;
    if (!pace->walked && blocks->published == 0) { /* not for the few changes of a start */
        pace->walked = true;
        pace->last_ms = now_ms;
    }
    if (pace->walked && !(options->eager && drained) &&
        now_ms - pace->last_ms < options->publish_ms && now_ms >= pace->last_ms)
        return false;
    pace->walked = true;
    pace->last_ms = now_ms;
    return true;
}

static enum hp_status
walk(const struct hp_rows_options *options, struct hp_rows_pace *pace, struct hp_blocks *blocks,
    struct hp_step *step, bool *more, struct hp_error *error)
{
    size_t most = options->eager ? HP_ROWS_BYTES_MAX : HP_ROWS_BYTES_LOW;
    enum hp_status status = HP_OK;
    size_t bytes = 0;

    if (!pace->items)
        begin_walk(pace, blocks, hp_step_arena(step));
    while (pace->at < pace->count && bytes < most && !status)
        status =
            publish_item(options, pace, blocks, step, pace->items[pace->at++], &bytes, error);
    if (status)
        return status;
    if (pace->at < pace->count) {
        *more = true;
        return HP_OK;
    }
    if (blocks->published != pace->until) {
        blocks->published = pace->until;
        blocks->meta_changed = true;
    }
    end_walk(pace);
    return HP_OK;
}

enum hp_status
hp_rows_publish(const struct hp_rows_options *options, struct hp_rows_pace *pace,
    struct hp_blocks *blocks, struct hp_step *step, int64_t now_ms, bool *more,
    struct hp_error *error)
{
    bool drained = hp_task_lag(hp_step_task(step)) == 0 && !blocks->open;
    enum hp_status status;

    if (hp_rows_done(pace, blocks) && blocks->compared)
        return HP_OK;
    if (!due(options, pace, blocks, drained, now_ms))
        return HP_OK;
    status = compare_once(options, blocks, step, more, error);
    if (!status && blocks->compared)
        status = walk(options, pace, blocks, step, more, error);
    return status ? status : hp_blocks_save(blocks, step, error);
}

void
hp_rows_aborted(struct hp_rows_pace *pace)
{
    end_walk(pace);
    *pace = (struct hp_rows_pace){0};
}

bool
hp_rows_done(const struct hp_rows_pace *pace, const struct hp_blocks *blocks)
{
    return !pace->items && blocks->published + 1 >= blocks->committed_next;
}
