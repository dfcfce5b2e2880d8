/*
 * flow/rows.c - heads leave for the rows topic.
 *
 * The dirty list is a set of items, walked from its start to its end. A walk that does not fit
 * one publication goes on behind the item where it stopped; items that become dirty in front of
 * that wait for the next walk, which is at most `publish_ms` later.
 *
 * In HP_STORE_DIRTY the key "\x02" is the mark that this local state was compared with the rows
 * topic; no item has such an id.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "flow/rows.h"

#include "base/log.h"
#include "ledger/partial.h"

#define MARK          (hp_bytes("\x02", 1))
#define PREFIX_BYTES  4   /* of a row's key: the partition */
#define COMPARE_POLLS 100 /* that give nothing, before the comparison is put off */
#define POLL_MS       50

/* ---- the comparison ---------------------------------------------------------------------- */

/* What the topic holds of this partition: the latest of each item, as seen while reading. */
struct comparison {
    struct hp_step *step;
    int32_t partition;
    int64_t end;  /* read-uncommitted high watermark when it began */
    int64_t next; /* to be read */
};

/* An item with a row but without a head is dirty: its row will be buried. */
static enum hp_status
compare_row(struct comparison *comparison, const struct hp_message *row, struct hp_error *error)
{
    struct hp_bytes item;
    struct hp_bytes head;
    enum hp_status status;

    if (row->key.size <= PREFIX_BYTES || !row->value.data)
        return HP_OK;
    item = hp_bytes(row->key.data + PREFIX_BYTES, row->key.size - PREFIX_BYTES);
    if (item.size > HP_ID_BYTES_MAX || hp_bytes_equal(item, MARK))
        return HP_OK;
    status = hp_step_get(comparison->step, HP_STORE_HEAD, item, &head, error);
    if (!status && !head.data)
        status = hp_step_put(comparison->step, HP_STORE_DIRTY, item, hp_bytes_text(""), error);
    return status;
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
compare(const struct hp_rows_options *options, struct hp_step *step, bool *done,
    struct hp_error *error)
{
    struct comparison comparison = {
        .step = step, .partition = hp_task_partition(hp_step_task(step))};
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
compare_once(const struct hp_rows_options *options, struct hp_rows_pace *pace,
    struct hp_step *step, bool *more, struct hp_error *error)
{
    struct hp_bytes mark;
    enum hp_status status = hp_step_get(step, HP_STORE_DIRTY, MARK, &mark, error);
    bool done = mark.data != NULL;

    if (status || done) {
        pace->compared = done;
        return status;
    }
    status = compare(options, step, &done, error);
    if (status)
        return status;
    pace->compared = done;
    if (done)
        return hp_step_put(step, HP_STORE_DIRTY, MARK, hp_bytes_text(""), error);
    *more = true;
    return HP_OK;
}

/* ---- the walk ---------------------------------------------------------------------------- */

struct walk {
    const struct hp_rows_options *options;
    struct hp_rows_pace *pace;
    struct hp_step *step;
    size_t count;
    size_t bytes;
    bool full;
    enum hp_status status;
    struct hp_error *error;
};

static enum hp_status
send_row(struct walk *walk, struct hp_bytes item, struct hp_bytes value)
{
    int32_t partition = hp_task_partition(hp_step_task(walk->step));
    struct hp_buffer key = {0};
    enum hp_status status;

    hp_put_u32(&key, (uint32_t)partition);
    hp_buffer_append(&key, item.data, item.size);
    walk->bytes += key.size + value.size;
    status = hp_step_send(walk->step,
        &(struct hp_outgoing){.topic = walk->options->topic,
            .partition = partition,
            .key = hp_buffer_bytes(&key),
            .value = value},
        walk->error);
    hp_buffer_release(&key);
    return status;
}

static enum hp_status
publish_item(struct walk *walk, struct hp_bytes item)
{
    struct hp_partial partial = {0};
    struct hp_buffer value = {0};
    struct hp_bytes stored;
    enum hp_status status = hp_step_get(walk->step, HP_STORE_HEAD, item, &stored, walk->error);

    if (!status)
        status = hp_head_decode(stored, hp_step_arena(walk->step), &partial.head, walk->error);
    if (status)
        return status;
    hp_partial_encode(&partial, &value);
    status = send_row(walk, item, hp_buffer_bytes(&value));
    hp_buffer_release(&value);
    if (status)
        return status;
    return hp_step_put(walk->step, HP_STORE_DIRTY, item, (struct hp_bytes){0}, walk->error);
}

static bool
visit_dirty(void *context, struct hp_bytes key, struct hp_bytes value)
{
    struct walk *walk = context;

    (void)value;
    if (hp_bytes_equal(key, MARK))
        return true;
    if (walk->count >= HP_ROWS_COUNT_MAX || walk->bytes >= HP_ROWS_BYTES_MAX) {
        HP_ASSERT(key.size <= sizeof(walk->pace->from));
        memcpy(walk->pace->from, key.data, key.size);
        walk->pace->from_size = key.size;
        walk->full = true;
        return false;
    }
    walk->count++;
    walk->status = publish_item(walk, hp_arena_copy(hp_step_arena(walk->step), key));
    return walk->status == HP_OK;
}

static bool
due(const struct hp_rows_options *options, struct hp_rows_pace *pace, int64_t now_ms)
{
    if (pace->walking)
        return true;
    if (!options->eager && pace->walked && now_ms - pace->last_ms < options->publish_ms &&
        now_ms >= pace->last_ms)
        return false;
    pace->walked = true;
    pace->last_ms = now_ms;
    pace->from_size = 0;
    return true;
}

enum hp_status
hp_rows_publish(const struct hp_rows_options *options, struct hp_rows_pace *pace,
    struct hp_step *step, int64_t now_ms, bool *more, struct hp_error *error)
{
    struct walk walk = {.options = options, .pace = pace, .step = step, .error = error};
    enum hp_status status = HP_OK;

    if (!due(options, pace, now_ms))
        return HP_OK;
    if (!pace->compared)
        status = compare_once(options, pace, step, more, error);
    if (!status)
        status = hp_step_scan(step, HP_STORE_DIRTY, (struct hp_bytes){0},
            pace->from_size ? hp_bytes(pace->from, pace->from_size) : (struct hp_bytes){0},
            visit_dirty, &walk, error);
    if (!status)
        status = walk.status;
    if (status)
        return status;
    pace->walking = walk.full;
    if (walk.full)
        *more = true;
    return HP_OK;
}

void
hp_rows_aborted(struct hp_rows_pace *pace)
{
    *pace = (struct hp_rows_pace){0};
}
