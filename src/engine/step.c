/*
 * A step is one call of the application: what it writes and sends is staged here and joins the
 * transaction only when the call succeeds (engine.h, invariant 3).
 *
 *     read:   staged (this step) -> overlay (this transaction) -> key-value store
 *     write:  staged; hp_step_merge() moves it to the overlay
 *
 * A changed fact passes through fact_changed() before it is staged, so derived rows are staged
 * beside it and the row digest moves by H(after) - H(before). A put that changes nothing stops
 * there: no changelog row, no derived work.
 *
 * In a cold restore all facts are in the store before anything is derived; the horizon hides
 * those whose turn has not come, so that fact_changed() sees what it would see live.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "engine/internal.h"

#include "base/bug.h"
#include "base/log.h"
#include "store/keys.h"

#include <inttypes.h>

void
hp_step_begin(struct hp_step *step, struct hp_task *task)
{
    HP_ASSERT(!step->task);
    step->task = task;
    hp_table_init(&step->staged, &step->arena, false);
    step->sends = NULL;
    step->last_send = &step->sends;
    step->digest = (struct hp_digest){0};
    step->horizon = (struct hp_bytes){0};
    step->counts = (struct hp_counts){0};
    step->in_fact_changed = false;
}

void
hp_step_drop(struct hp_step *step)
{
    step->task = NULL;
    hp_table_clear(&step->staged);
    step->sends = NULL;
    hp_arena_clear(&step->arena);
}

void
hp_step_release(struct hp_step *step)
{
    hp_arena_release(&step->arena);
    hp_arena_release(&step->scratch);
    hp_buffer_release(&step->key);
}

static enum hp_status
merge_sends(struct hp_step *step, struct hp_error *error)
{
    struct hp_worker *worker = step->task->worker;

    for (struct hp_staged_send *send = step->sends; send; send = send->next) {
        enum hp_status status = hp_producer_send(worker->producer, &send->record, error);

        if (status)
            return status;
    }
    return HP_OK;
}

/* HP_BUG_DERIVED_KEPT. */
static void
keep_derived(struct hp_task *task, const struct hp_table_entry *entry)
{
    struct hp_kv_batch batch = {0};

    if (task->worker->stores[entry->key.data[HP_KEY_HEAD - 1]]->changelogged)
        return;
    if (entry->value.data)
        hp_kv_put(&batch, entry->key, entry->value);
    else
        hp_kv_delete(&batch, entry->key);
    if (hp_kv_write(task->worker->options.kv, &batch, NULL))
        HP_LOG(HP_LOG_WARN, "a derived row was not kept");
    hp_kv_batch_release(&batch);
}

static void
merge_writes(struct hp_step *step)
{
    struct hp_task *task = step->task;
    const struct hp_table_entry *entry = hp_table_seek(&step->staged, (struct hp_bytes){0});

    for (; entry; entry = hp_table_next(entry)) {
        if (hp_bug(HP_BUG_DERIVED_KEPT))
            keep_derived(task, entry);
        hp_table_put(&task->overlay, entry->key, entry->value);
    }
    task->digest = hp_digest_add(task->digest, step->digest);
    task->counts.processed += step->counts.processed;
    task->counts.dead += step->counts.dead;
    task->counts.rerouted += step->counts.rerouted;
    task->counts.emitted += step->counts.emitted;
}

enum hp_status
hp_step_merge(struct hp_step *step, struct hp_error *error)
{
    struct hp_task *task = step->task;
    bool anything = step->sends || step->staged.count || step->counts.processed;
    enum hp_status status = HP_OK;

    if (anything && task->state == HP_TASK_RUNNING) {
        status = hp_txn_begin(task->worker, error);
        if (!status)
            status = merge_sends(step, error);
        task->dirty = true;
    }
    if (!status)
        merge_writes(step);
    hp_step_drop(step);
    return status;
}

struct hp_task *
hp_step_task(struct hp_step *step)
{
    return step->task;
}

struct hp_arena *
hp_step_arena(struct hp_step *step)
{
    return &step->arena;
}

struct hp_arena *
hp_step_scratch(struct hp_step *step)
{
    hp_arena_clear(&step->scratch);
    return &step->scratch;
}

struct hp_arena *
hp_step_txn_arena(struct hp_step *step)
{
    return &step->task->arena;
}

static const struct hp_store_spec *
store_spec(const struct hp_step *step, uint8_t store)
{
    const struct hp_store_spec *spec = step->task->worker->stores[store];

    if (!spec)
        hp_die("store %u is not declared", store);
    return spec;
}

static struct hp_bytes
full_key(struct hp_step *step, uint8_t store, struct hp_bytes key)
{
    hp_buffer_clear(&step->key);
    hp_key_head(&step->key, step->task->partition, store);
    hp_buffer_append(&step->key, key.data, key.size);
    return hp_buffer_bytes(&step->key);
}

static bool
hidden(const struct hp_step *step, const struct hp_store_spec *spec, struct hp_bytes full)
{
    return step->horizon.data && spec->changelogged &&
           hp_bytes_compare(full, step->horizon) >= 0;
}

enum hp_status
hp_step_get(struct hp_step *step, uint8_t store, struct hp_bytes key, struct hp_bytes *value,
    struct hp_error *error)
{
    const struct hp_store_spec *spec = store_spec(step, store);
    struct hp_bytes full = full_key(step, store, key);
    const struct hp_table_entry *entry;

    *value = (struct hp_bytes){0};
    if (hidden(step, spec, full))
        return HP_OK;
    entry = hp_table_find(&step->staged, full);
    if (!entry)
        entry = hp_table_find(&step->task->overlay, full);
    if (entry) {
        *value = entry->value;
        return HP_OK;
    }
    return hp_kv_get(step->task->worker->options.kv, full, &step->arena, value, error);
}

/* H(store | key | value), the member of the row digest; nothing for an absent row. */
static struct hp_digest
row_digest(struct hp_step *step, uint8_t store, struct hp_bytes key, struct hp_bytes value)
{
    if (!value.data)
        return (struct hp_digest){0};
    hp_buffer_clear(&step->key);
    hp_put_u8(&step->key, store);
    hp_buffer_append(&step->key, key.data, key.size);
    hp_buffer_append(&step->key, value.data, value.size);
    return hp_hash128(hp_buffer_bytes(&step->key));
}

static enum hp_status
tell_fact(struct hp_step *step, uint8_t store, struct hp_bytes key, struct hp_bytes before,
    struct hp_bytes after, struct hp_error *error)
{
    const struct hp_application *application = step->task->worker->application;
    enum hp_status status;

    step->digest = hp_digest_add(step->digest, row_digest(step, store, key, after));
    step->digest = hp_digest_subtract(step->digest, row_digest(step, store, key, before));
    if (!application->fact_changed)
        return HP_OK;
    step->in_fact_changed = true;
    status =
        application->fact_changed(application->context, step, store, key, before, after, error);
    step->in_fact_changed = false;
    return status;
}

enum hp_status
hp_step_derive(struct hp_step *step, uint8_t store, struct hp_bytes key, struct hp_bytes value,
    struct hp_error *error)
{
    step->horizon = hp_arena_copy(&step->arena, full_key(step, store, key));
    return tell_fact(step, store, key, (struct hp_bytes){0}, value, error);
}

enum hp_status
hp_step_put(struct hp_step *step, uint8_t store, struct hp_bytes key, struct hp_bytes value,
    struct hp_error *error)
{
    const struct hp_store_spec *spec = store_spec(step, store);

    if (spec->changelogged) {
        struct hp_bytes before;
        enum hp_status status;

        if (step->in_fact_changed)
            hp_die("store %s is changelogged: fact_changed() must not write it", spec->name);
        status = hp_step_get(step, store, key, &before, error);
        if (status)
            return status;
        if (!before.data == !value.data && hp_bytes_equal(before, value))
            return HP_OK;
        status = tell_fact(step, store, key, before, value, error);
        if (status)
            return status;
    }
    hp_table_put(&step->staged, full_key(step, store, key), value);
    return HP_OK;
}

/* ---- scan: three sorted streams, the newest wins ---- */

struct scan {
    struct hp_bytes low; /* full keys */
    struct hp_bytes prefix;
    const struct hp_table_entry **staged; /* as they were at the start */
    struct hp_bytes *staged_values;
    size_t staged_count;
    size_t staged_at;
    const struct hp_table_entry *overlay;
    struct hp_kv_cursor *cursor;
    bool stored;
    struct hp_bytes stored_key;
    struct hp_bytes stored_value;
};

static struct hp_bytes
arena_key(struct hp_step *step, uint8_t store, struct hp_bytes key)
{
    return hp_arena_copy(&step->arena, full_key(step, store, key));
}

static void
remember_staged(struct hp_step *step, struct scan *scan)
{
    const struct hp_table_entry *entry = hp_table_seek(&step->staged, scan->low);
    size_t count = 0;

    for (const struct hp_table_entry *e = entry; e && hp_bytes_starts(e->key, scan->prefix);
         e = hp_table_next(e))
        count++;
    scan->staged = HP_ARENA_ARRAY(&step->arena, count, const struct hp_table_entry *);
    scan->staged_values = HP_ARENA_ARRAY(&step->arena, count, struct hp_bytes);
    for (; scan->staged_count < count; entry = hp_table_next(entry)) {
        scan->staged[scan->staged_count] = entry;
        scan->staged_values[scan->staged_count++] = entry->value;
    }
}

static void
advance_stored(struct scan *scan)
{
    scan->stored = hp_kv_next(scan->cursor, &scan->stored_key, &scan->stored_value);
}

static void
scan_written(struct hp_step *step, struct scan *scan)
{
    remember_staged(step, scan);
    scan->overlay = hp_table_seek(&step->task->overlay, scan->low);
}

static void
scan_stored(struct hp_step *step, struct scan *scan)
{
    struct hp_buffer after = {0};
    struct hp_bytes to = {0};

    if (hp_key_after_prefix(scan->prefix, &after))
        to = hp_buffer_bytes(&after);
    scan->cursor = hp_kv_scan(step->task->worker->options.kv, scan->low, to);
    hp_buffer_release(&after);
    advance_stored(scan);
}

/* The next row of the merged streams, deletions included; false at the end. */
static bool
scan_next(struct scan *scan, struct hp_bytes *key, struct hp_bytes *value, bool *from_store)
{
    const struct hp_table_entry *staged =
        scan->staged_at < scan->staged_count ? scan->staged[scan->staged_at] : NULL;
    const struct hp_table_entry *open = scan->overlay;

    if (open && !hp_bytes_starts(open->key, scan->prefix))
        open = NULL;
    if (!staged && !open && !scan->stored)
        return false;
    *key = staged ? staged->key : open ? open->key : scan->stored_key;
    if (open && hp_bytes_compare(open->key, *key) < 0)
        *key = open->key;
    if (scan->stored && hp_bytes_compare(scan->stored_key, *key) < 0)
        *key = scan->stored_key;
    *from_store = scan->stored && hp_bytes_equal(scan->stored_key, *key);
    if (*from_store)
        *value = scan->stored_value;
    if (open && hp_bytes_equal(open->key, *key)) {
        *value = open->value;
        scan->overlay = hp_table_next(open);
    }
    if (staged && hp_bytes_equal(staged->key, *key))
        *value = scan->staged_values[scan->staged_at++];
    return true;
}

enum hp_status
hp_step_scan(struct hp_step *step, uint8_t store, struct hp_bytes prefix, struct hp_bytes from,
    bool (*visit)(void *context, struct hp_bytes key, struct hp_bytes value), void *context,
    struct hp_error *error)
{
    const struct hp_store_spec *spec = store_spec(step, store);
    struct scan scan = {.prefix = arena_key(step, store, prefix)};
    struct hp_bytes key;
    struct hp_bytes value;
    bool from_store;
    bool going = true;

    scan.low = scan.prefix;
    if (from.data && hp_bytes_compare(from, prefix) > 0)
        scan.low = arena_key(step, store, from);
    scan_written(step, &scan);
    scan_stored(step, &scan);
    while (going && scan_next(&scan, &key, &value, &from_store)) {
        if (hidden(step, spec, key))
            break;
        if (value.data)
            going =
                visit(context, hp_bytes(key.data + HP_KEY_HEAD, key.size - HP_KEY_HEAD), value);
        if (from_store)
            advance_stored(&scan);
    }
    return hp_kv_cursor_free(scan.cursor, error);
}

enum hp_status
hp_step_scan_written(struct hp_step *step, uint8_t store, struct hp_bytes prefix,
    bool (*visit)(void *context, struct hp_bytes key, struct hp_bytes value), void *context,
    struct hp_error *error)
{
    struct scan scan = {.prefix = arena_key(step, store, prefix)};
    struct hp_bytes key;
    struct hp_bytes value;
    bool from_store;
    bool going = true;

    (void)error;
    HP_ASSERT(!store_spec(step, store)->changelogged); /* no horizon hides them */
    scan.low = scan.prefix;
    scan_written(step, &scan);
    while (going && scan_next(&scan, &key, &value, &from_store))
        if (value.data)
            going =
                visit(context, hp_bytes(key.data + HP_KEY_HEAD, key.size - HP_KEY_HEAD), value);
    return HP_OK;
}

/* ---- outputs ---- */

static void
stage(struct hp_step *step, const struct hp_outgoing *record)
{
    struct hp_staged_send *send = HP_ARENA_NEW(&step->arena, struct hp_staged_send);

    send->record = *record;
    *step->last_send = send;
    step->last_send = &send->next;
}

enum hp_status
hp_step_send(struct hp_step *step, const struct hp_outgoing *record, struct hp_error *error)
{
    struct hp_outgoing copy = hp_outgoing_copy(&step->arena, record);

    (void)error;
    stage(step, &copy);
    step->counts.emitted++;
    return HP_OK;
}

void
hp_step_hurry(struct hp_step *step)
{
    step->task->worker->answered = true;
}

/* The message lives as long as the step, so only the added headers take memory. */
enum hp_status
hp_step_forward(struct hp_step *step, const struct hp_message *message, int32_t partition,
    struct hp_error *error)
{
    const struct hp_worker *worker = step->task->worker;
    struct hp_arena *arena = &step->arena;
    size_t count = message->header_count;
    struct hp_header *headers =
        HP_ARENA_ARRAY(arena, count + HP_FORWARD_HEADERS, struct hp_header);
    struct hp_outgoing record = {.topic = worker->options.reroute_topic,
        .partition = partition,
        .timestamp_ms = message->timestamp_ms,
        .key = message->key,
        .value = message->value,
        .headers = headers,
        .header_count = count};

    if (partition < 0 || partition >= worker->options.partitions)
        return hp_fail(error, HP_FATAL, "forward to partition %d of %d", partition,
            worker->options.partitions);
    for (size_t i = 0; i < count; i++)
        headers[i] = message->headers[i];
    if (!worker->application->sources[message->source].reroute) {
        const struct hp_header added[HP_FORWARD_HEADERS] = {
            {hp_bytes_text("hamper.topic"), hp_bytes_text(worker->topics[message->source])},
            {hp_bytes_text("hamper.partition"),
                hp_bytes_text(hp_arena_printf(arena, "%d", message->partition))},
            {hp_bytes_text("hamper.offset"),
                hp_bytes_text(hp_arena_printf(arena, "%" PRId64, message->offset))},
            {hp_bytes_text("hamper.timestamp"),
                hp_bytes_text(hp_arena_printf(arena, "%" PRId64, message->timestamp_ms))}};

        memcpy(headers + count, added, sizeof(added));
        record.header_count += HP_FORWARD_HEADERS;
    }
    stage(step, &record);
    step->counts.rerouted++;
    return HP_OK;
}

enum hp_status
hp_step_origin(struct hp_step *step, const struct hp_message *message, struct hp_origin *origin,
    struct hp_error *error)
{
    return hp_origin_read(step->task->worker, message, origin, error);
}
