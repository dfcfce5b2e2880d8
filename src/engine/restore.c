/*
 * Restore: make the local range of a partition equal to its changelog, and find the positions.
 *
 *     begin ---- header usable ----> READ: apply rows in order, derive as we go --+
 *       |                                                                         +--> finish
 *       +------- no header --------> READ: collect rows -> store -> DERIVE in key order
 *
 * The target is the high watermark (read-uncommitted) taken after the group's committed
 * offsets; reading, of committed data only, ends with an END at or past it. A last record at
 * the target never comes when the log ends in control markers or aborted records, and an END
 * before it only means that a predecessor's transaction is not decided yet.
 *
 * 1. The !end row is the truth about positions; the group's offsets only tell whether there
 *    ought to be one.
 * 2. The local header moves in the same batch as the rows it describes, so a crash in the
 *    middle of a warm restore loses nothing. Its time stays the old one until the range is
 *    complete: a deletion may have been compacted away behind a copy that is older than half
 *    of delete.retention.ms, so such a copy is dropped. A cold restore has no header until it
 *    is complete; a crash in it starts again.
 * 3. A copy is believed when the changelog knows it: a warm restore begins with the !end row
 * that the copy ends with, and finds it there, unchanged, or a later one behind it. So the
 *    directory of another cluster, application or time is found out, also one that is as long
 *    as the changelog and has nothing to read. The rows that are in
 *    it must add up to its header's digest as well.
 * 4. The digest of the rows equals the one in !end, or the range is dropped and restored once
 *    more, then the process stops.
 *
 * Cost: a warm restore reads each row once more; a cold one holds at most COLLECT_BYTES, loads
 * the rest in sorted runs and derives in one scan.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "engine/internal.h"
#include "engine/runs.h"

#include "base/bug.h"
#include "base/failpoint.h"
#include "base/log.h"
#include "store/keys.h"

#include <inttypes.h>

#define SLICE         2048 /* rows a step */
#define COLLECT_BYTES (192U << 20)
#define RETRY_MS_MIN  200

struct hp_restore {
    bool cold;
    bool deriving;
    bool loaded; /* a first sorted run is in the store */
    bool group_known;
    struct hp_reader *reader;
    int64_t target;
    int64_t offset;     /* the next changelog record */
    int64_t end_offset; /* of `end` */
    bool proven;        /* an !end row was read, or there is none to prove anything by */
    int64_t old_ms;
    int64_t began_ms;
    int64_t read_ms; /* when all rows were in the store */
    int64_t rows;
    struct hp_end end;
    struct hp_buffer end_bytes; /* what `end` borrows from */
    struct hp_run collected;    /* cold */
    size_t store_at;
    struct hp_kv_cursor *cursor;
};

void
hp_restore_free(struct hp_task *task)
{
    struct hp_restore *restore = task->restore;

    if (!restore)
        return;
    if (restore->cursor && hp_kv_cursor_free(restore->cursor, NULL) != HP_OK)
        HP_LOG(HP_LOG_WARN, "a scan of the restore failed", HP_I("task", task->partition));
    hp_reader_free(restore->reader);
    hp_buffer_release(&restore->end_bytes);
    hp_run_release(&restore->collected);
    free(restore);
    task->restore = NULL;
}

/* ---- begin ---- */

static enum hp_status
ask_group(struct hp_task *task, struct hp_error *error)
{
    struct hp_worker *worker = task->worker;
    struct hp_position positions[HP_SOURCES_MAX];
    size_t count = worker->application->source_count;
    enum hp_status status;

    for (size_t i = 0; i < count; i++)
        positions[i] = (struct hp_position){worker->topics[i], task->partition, HP_OFFSET_NONE};
    status = hp_cluster_committed(
        worker->options.cluster, worker->options.application_id, positions, count, error);
    for (size_t i = 0; i < count && !status; i++)
        if (positions[i].offset != HP_OFFSET_NONE)
            task->restore->group_known = true;
    return status;
}

static enum hp_status
drop_range(struct hp_task *task, struct hp_error *error)
{
    struct hp_kv_batch batch = {0};
    struct hp_buffer from = {0};
    struct hp_buffer to = {0};
    enum hp_status status;

    hp_key_head(&from, task->partition, 0);
    hp_key_head(&to, task->partition + 1, 0);
    hp_kv_delete_range(&batch, hp_buffer_bytes(&from), hp_buffer_bytes(&to));
    status = hp_kv_write(task->worker->options.kv, &batch, error);
    hp_buffer_release(&from);
    hp_buffer_release(&to);
    hp_kv_batch_release(&batch);
    return status;
}

static void
keep_end(struct hp_restore *restore, const struct hp_end *end)
{
    struct hp_buffer bytes = {0};

    restore->end = (struct hp_end){0};
    if (end->present) {
        hp_end_encode(end, &bytes);
        HP_ASSERT(hp_end_decode(hp_buffer_bytes(&bytes), &restore->end));
    }
    hp_buffer_release(&restore->end_bytes);
    restore->end_bytes = bytes;
}

static enum hp_status
check_partitions(struct hp_task *task, const struct hp_end *end, struct hp_error *error)
{
    int32_t partitions = task->worker->options.partitions;

    if (!end->present || end->partitions == partitions)
        return HP_OK;
    return hp_fail(error, HP_USAGE,
        "the state in %s was made with %d partitions, the topics have %d: the number is pinned "
        "at the first start",
        task->worker->options.changelog_topic, end->partitions, partitions);
}

/* Why the local copy cannot be used; NULL when it can. */
static const char *
unusable(const struct hp_task *task, const struct hp_local_header *header, bool found,
    int64_t low, int64_t high)
{
    const struct hp_worker *worker = task->worker;
    int64_t age_ms = hp_worker_now(worker) - header->wall_ms;

    if (task->rebuild)
        return "the copy contradicted itself";
    if (!found)
        return "no copy";
    if (header->changelog_offset < low)
        return "the copy ends before the changelog begins";
    if (header->changelog_offset > high)
        return "the copy is ahead of the changelog";
    if (worker->options.delete_retention_ms > 0 && !hp_bug(HP_BUG_OLD_COPY) &&
        age_ms > worker->options.delete_retention_ms / 2)
        return "the copy is too old to know of all deletions";
    return NULL;
}

/* Adds the rows of one store that are really here. */
static enum hp_status
digest_store(struct hp_task *task, uint8_t store, struct hp_digest *sum, struct hp_error *error)
{
    struct hp_buffer from = {0};
    struct hp_buffer to = {0};
    struct hp_buffer row = {0};
    struct hp_kv_cursor *cursor;
    struct hp_bytes key;
    struct hp_bytes value;

    hp_key_head(&from, task->partition, store);
    HP_ASSERT(hp_key_after_prefix(hp_buffer_bytes(&from), &to));
    cursor = hp_kv_scan(task->worker->options.kv, hp_buffer_bytes(&from), hp_buffer_bytes(&to));
    while (hp_kv_next(cursor, &key, &value)) {
        hp_buffer_clear(&row);
        hp_buffer_append(&row, key.data + HP_KEY_HEAD - 1, key.size - (HP_KEY_HEAD - 1));
        hp_buffer_append(&row, value.data, value.size);
        *sum = hp_digest_add(*sum, hp_hash128(hp_buffer_bytes(&row)));
    }
    hp_buffer_release(&row);
    hp_buffer_release(&from);
    hp_buffer_release(&to);
    return hp_kv_cursor_free(cursor, error);
}

/*
 * The digest of the facts that are really here. RocksDB's list of files, cut short, loses the
 * rows of a table while later ones, the header among them, come back from its log. What is
 * derived is several times as much, and not read.
 */
static enum hp_status
digest_rows(struct hp_task *task, struct hp_digest *sum, struct hp_error *error)
{
    const struct hp_application *application = task->worker->application;
    enum hp_status status = HP_OK;

    *sum = (struct hp_digest){0};
    for (size_t i = 0; i < application->store_count && !status; i++)
        if (application->stores[i].changelogged)
            status = digest_store(task, application->stores[i].id, sum, error);
    return status;
}

static enum hp_status
open_reader(struct hp_task *task, struct hp_error *error)
{
    struct hp_restore *restore = task->restore;
    const struct hp_reader_options options = {
        .topics = &task->worker->options.changelog_topic, .topic_count = 1, .bulk = true};
    enum hp_status status =
        hp_reader_new(task->worker->options.cluster, &options, &restore->reader, error);

    if (status)
        return status;
    return hp_reader_assign(restore->reader, 0, task->partition, restore->offset, error);
}

static enum hp_status
choose(struct hp_task *task, int64_t low, struct hp_error *error)
{
    struct hp_restore *restore = task->restore;
    struct hp_local_header header;
    struct hp_arena arena = {0};
    bool found;
    const char *why;
    enum hp_status status = hp_local_header_read(
        task->worker->options.kv, task->partition, &arena, &header, &found, error);

    if (!status)
        status = check_partitions(task, &header.end, error);
    if (status) {
        hp_arena_release(&arena);
        return status;
    }
    why = unusable(task, &header, found, low, restore->target);
    if (!why) {
        struct hp_digest here;

        status = digest_rows(task, &here, error);
        if (status) {
            hp_arena_release(&arena);
            return status;
        }
        if (!hp_digest_equal(here, header.digest)) {
            why = "the copy lost rows";
            hp_metric_add(task->worker->rebuilds, 1);
        }
    }
    restore->cold = why != NULL;
    restore->proven = why || !header.end.present;
    restore->end_offset = why ? HP_OFFSET_NONE : header.end_offset;
    restore->offset = why                                          ? low
                      : restore->proven || header.end_offset < low ? header.changelog_offset
                                                                   : header.end_offset;
    restore->old_ms = why ? hp_worker_now(task->worker) : header.wall_ms;
    task->digest = why ? (struct hp_digest){0} : header.digest;
    if (!why)
        keep_end(restore, &header.end);
    else
        status = drop_range(task, error);
    if (!status)
        status = hp_failpoint("restore-chosen", error);
    task->rebuild = false;
    hp_arena_release(&arena);
    HP_LOG(HP_LOG_INFO, "restore begins", HP_I("task", task->partition),
        HP_S("way", why ? why : "the copy goes on"), HP_I("from", restore->offset),
        HP_I("to", restore->target));
    return status;
}

static enum hp_status
begin(struct hp_task *task, struct hp_error *error)
{
    struct hp_worker *worker = task->worker;
    struct hp_restore *restore = hp_alloc(sizeof(*restore));
    enum hp_status status;
    int64_t low;

    HP_ASSERT(!task->restore);
    task->restore = restore;
    restore->began_ms = hp_worker_now(worker);
    task->state = HP_TASK_RESTORING;
    hp_metric_add(worker->restores, 1);
    status = hp_failpoint("restore-begin", error);
    if (!status)
        status = ask_group(task, error);
    if (!status)
        status = hp_cluster_watermarks(worker->options.cluster, worker->options.changelog_topic,
            task->partition, &low, &restore->target, error);
    if (!status)
        status = choose(task, low, error);
    if (!status && restore->offset < restore->target)
        status = open_reader(task, error);
    return status;
}

/* ---- finish ---- */

static bool
gap_accepted(const struct hp_worker *worker, const char *topic, int32_t partition)
{
    for (size_t i = 0; i < worker->options.accept_gap_count; i++)
        if (worker->options.accept_gap[i].partition == partition &&
            strcmp(worker->options.accept_gap[i].topic, topic) == 0)
            return true;
    return false;
}

static enum hp_status
check_end(struct hp_task *task, struct hp_error *error)
{
    const struct hp_restore *restore = task->restore;
    const char *topic = task->worker->options.changelog_topic;

    if (restore->end.present || !restore->group_known ||
        gap_accepted(task->worker, topic, task->partition))
        return HP_OK;
    return hp_fail(error, HP_STOP,
        "group %s has offsets for partition %d but %s-%d has no !end row: the state is lost; "
        "--accept-gap %s-%d starts again from the beginning of the inputs",
        task->worker->options.application_id, task->partition, topic, task->partition, topic,
        task->partition);
}

static enum hp_status
place_source(struct hp_task *task, size_t index, struct hp_error *error)
{
    struct hp_worker *worker = task->worker;
    const char *topic = worker->topics[index];
    struct hp_source *source = &task->sources[index];
    int64_t position = hp_end_position(&task->restore->end, topic);
    int64_t low;
    int64_t high;
    enum hp_status status = hp_cluster_watermarks(
        worker->options.cluster, topic, task->partition, &low, &high, error);

    if (status)
        return status;
    if (position == HP_OFFSET_NONE)
        position = low;
    if (position < low || position > high) {
        if (!gap_accepted(worker, topic, task->partition))
            return hp_fail(error, HP_STOP,
                "%s-%d: the next offset to read is %" PRId64 ", but the log reaches from "
                "%" PRId64 " to %" PRId64 "; --accept-gap %s-%d goes on from %" PRId64,
                topic, task->partition, position, low, high, topic, task->partition, low);
        HP_LOG(HP_LOG_WARN, "gap accepted", HP_S("topic", topic),
            HP_I("partition", task->partition), HP_I("from", position), HP_I("to", low));
        position = low;
    }
    source->position = position;
    source->committed = position;
    source->high = high;
    return HP_OK;
}

static enum hp_status
check_digest(struct hp_task *task, struct hp_error *error)
{
    char here[HP_DIGEST_TEXT];
    char there[HP_DIGEST_TEXT];

    if (!task->restore->proven)
        return hp_fail(error, HP_CORRUPT,
            "task %d: %s does not know the state in this directory", task->partition,
            task->worker->options.changelog_topic);
    if (hp_digest_equal(task->digest, task->restore->end.digest))
        return HP_OK;
    hp_digest_text(task->digest, here);
    hp_digest_text(task->restore->end.digest, there);
    return hp_fail(error, HP_CORRUPT,
        "task %d: the rows of %s have digest %s, its !end row says %s", task->partition,
        task->worker->options.changelog_topic, here, there);
}

static void
local_header(const struct hp_task *task, int64_t wall_ms, struct hp_local_header *header)
{
    *header = (struct hp_local_header){.changelog_offset = task->restore->offset,
        .wall_ms = wall_ms,
        .digest = task->digest,
        .end = task->restore->end,
        .end_offset = task->restore->end_offset};
}

static void
park(struct hp_task *task)
{
    struct hp_restore *restore = task->restore;

    task->sequence = restore->end.sequence;
    task->committed_digest = task->digest;
    task->changelog_offset = restore->offset;
    task->end_offset = restore->end_offset;
    task->state = HP_TASK_PARKED;
    task->quiet = true;
    task->force = true;
    task->retry_delay_ms = 0;
    HP_LOG(HP_LOG_INFO, "restored", HP_I("task", task->partition), HP_I("rows", restore->rows),
        HP_I("sequence", task->sequence), HP_I("read_ms", restore->read_ms - restore->began_ms),
        HP_I("derive_ms", hp_worker_now(task->worker) - restore->read_ms));
    hp_restore_free(task);
}

static enum hp_status
finish(struct hp_task *task, struct hp_error *error)
{
    struct hp_local_header header;
    enum hp_status status = check_end(task, error);

    if (!status)
        status = check_digest(task, error);
    for (size_t i = 0; i < task->worker->application->source_count && !status; i++)
        status = place_source(task, i, error);
    if (status)
        return status;
    local_header(task, hp_worker_now(task->worker), &header);
    status = hp_failpoint("restore-flush", error);
    if (!status)
        status = hp_txn_flush(task, &header, error);
    if (!status)
        status = hp_failpoint("restore-flushed", error);
    if (!status)
        park(task);
    return status;
}

/* ---- rows ---- */

static enum hp_status
apply_row(struct hp_task *task, uint8_t store, struct hp_bytes key, struct hp_bytes value,
    struct hp_error *error)
{
    struct hp_step *step = &task->worker->step;
    enum hp_status status;

    hp_step_begin(step, task);
    status = hp_step_put(step, store, key, value, error);
    if (!status)
        return hp_step_merge(step, error);
    hp_step_drop(step);
    return status;
}

struct collected {
    const struct hp_run *run;
    size_t at;
};

static bool
next_collected(void *context, struct hp_bytes *key, struct hp_bytes *value)
{
    struct collected *collected = context;
    const struct hp_run *run = collected->run;

    while (collected->at < run->ordered && !run->order[collected->at]->value.data)
        collected->at++;
    if (collected->at == run->ordered)
        return false;
    *key = run->order[collected->at]->key;
    *value = run->order[collected->at++]->value;
    return true;
}

static enum hp_status
write_collected(struct hp_kv *kv, const struct hp_run *run, struct hp_error *error)
{
    struct hp_kv_batch batch = {0};
    enum hp_status status;

    for (size_t i = 0; i < run->ordered; i++) {
        if (run->order[i]->value.data)
            hp_kv_put(&batch, run->order[i]->key, run->order[i]->value);
        else
            hp_kv_delete(&batch, run->order[i]->key);
    }
    status = hp_kv_write(kv, &batch, error);
    hp_kv_batch_release(&batch);
    return status;
}

/* The first run is loaded as a whole, since the range is empty; later ones are written. */
static enum hp_status
store_collected(struct hp_task *task, struct hp_error *error)
{
    struct hp_restore *restore = task->restore;
    struct collected collected = {.run = &restore->collected};
    struct hp_kv *kv = task->worker->options.kv;
    enum hp_status status = hp_failpoint("restore-load", error);

    if (status)
        return status;
    hp_run_sort(&restore->collected);
    status = restore->loaded ? write_collected(kv, &restore->collected, error)
                             : hp_kv_ingest(kv, next_collected, &collected, error);
    restore->loaded = true;
    hp_run_clear(&restore->collected);
    return status;
}

static enum hp_status
collect_row(
    struct hp_task *task, struct hp_bytes key, struct hp_bytes value, struct hp_error *error)
{
    struct hp_restore *restore = task->restore;
    struct hp_buffer full = {0};

    hp_key_head(&full, task->partition, key.data[0]);
    hp_buffer_append(&full, key.data + 1, key.size - 1);
    hp_run_add(&restore->collected, hp_buffer_bytes(&full), value);
    hp_buffer_release(&full);
    return hp_run_size(&restore->collected) > COLLECT_BYTES ? store_collected(task, error)
                                                            : HP_OK;
}

/* Whether the row is the one the copy ends with, or a later one. */
static bool
is_sequel(const struct hp_restore *restore, const struct hp_end *end, int64_t offset)
{
    if (!restore->end.present)
        return true;
    if (offset == restore->end_offset)
        return end->sequence == restore->end.sequence &&
               hp_digest_equal(end->digest, restore->end.digest);
    return end->sequence > restore->end.sequence;
}

static enum hp_status
take_end(struct hp_task *task, const struct hp_message *message, struct hp_error *error)
{
    struct hp_end end;

    if (hp_bytes_is(hp_bytes(message->key.data + 1, message->key.size - 1), HP_END_NAME) &&
        message->value.data && hp_end_decode(message->value, &end)) {
        if (!is_sequel(task->restore, &end, message->offset))
            return hp_fail(error, HP_CORRUPT,
                "task %d: %s does not go on from the state in this directory", task->partition,
                task->worker->options.changelog_topic);
        task->restore->proven = true;
        task->restore->end_offset = message->offset;
        keep_end(task->restore, &end);
        return check_partitions(task, &end, error);
    }
    return hp_fail(error, HP_STOP,
        "%s-%d, offset %" PRId64 ": a row of hamper's own that this version cannot read",
        task->worker->options.changelog_topic, message->partition, message->offset);
}

static enum hp_status
take_row(struct hp_task *task, const struct hp_message *message, struct hp_error *error)
{
    struct hp_worker *worker = task->worker;
    struct hp_restore *restore = task->restore;
    const struct hp_store_spec *spec;

    restore->offset = message->offset + 1;
    if (message->key.size > 0 && message->key.data[0] == HP_STORE_HEADER)
        return take_end(task, message, error);
    spec = message->key.size > 0 ? worker->stores[message->key.data[0]] : NULL;
    if (!spec || !spec->changelogged)
        return hp_fail(error, HP_STOP,
            "%s-%d, offset %" PRId64 ": a row of a store that this version does not know",
            worker->options.changelog_topic, message->partition, message->offset);
    if (!message->value.data && hp_bug(HP_BUG_TOMBSTONES_SKIPPED))
        return HP_OK;
    restore->rows++;
    hp_metric_add(worker->restored_rows, 1);
    if (restore->cold)
        return collect_row(task, message->key, message->value, error);
    return apply_row(task, spec->id, hp_bytes(message->key.data + 1, message->key.size - 1),
        message->value, error);
}

static enum hp_status
flush_warm(struct hp_task *task, struct hp_error *error)
{
    struct hp_local_header header;

    if (task->overlay.bytes < task->worker->options.overlay_bytes)
        return HP_OK;
    local_header(task, task->restore->old_ms, &header);
    return hp_txn_flush(task, &header, error);
}

static enum hp_status
read_done(struct hp_task *task, struct hp_error *error)
{
    struct hp_restore *restore = task->restore;

    enum hp_status status;

    hp_reader_free(restore->reader);
    restore->reader = NULL;
    restore->deriving = restore->cold;
    status = restore->cold ? store_collected(task, error) : HP_OK;
    restore->read_ms = hp_worker_now(task->worker);
    return status || restore->cold ? status : finish(task, error);
}

static enum hp_status
read_slice(struct hp_task *task, int timeout_ms, struct hp_error *error)
{
    struct hp_restore *restore = task->restore;
    enum hp_status status = hp_failpoint("restore-read", error);

    if (status)
        return status;
    if (!restore->reader)
        return read_done(task, error);
    for (int i = 0; i < SLICE && !status; i++) {
        struct hp_poll poll;

        status = hp_reader_poll(restore->reader, i ? 0 : timeout_ms, &poll, error);
        if (status || poll.kind == HP_POLL_NOTHING)
            break;
        if (poll.kind == HP_POLL_RECORD) {
            status = take_row(task, &poll.message, error);
        } else if (poll.message.offset >= restore->target || hp_bug(HP_BUG_RESTORE_SHORT)) {
            if (restore->offset < poll.message.offset)
                restore->offset = poll.message.offset;
            return read_done(task, error);
        }
    }
    return status || restore->cold ? status : flush_warm(task, error);
}

/* ---- derive: one scan over the facts of each store, in key order ---- */

static void
open_store(struct hp_task *task)
{
    struct hp_restore *restore = task->restore;
    uint8_t store = (uint8_t)restore->store_at;
    struct hp_buffer from = {0};
    struct hp_buffer to = {0};

    hp_key_head(&from, task->partition, store);
    HP_ASSERT(hp_key_after_prefix(hp_buffer_bytes(&from), &to));
    restore->cursor =
        hp_kv_scan(task->worker->options.kv, hp_buffer_bytes(&from), hp_buffer_bytes(&to));
    hp_buffer_release(&from);
    hp_buffer_release(&to);
}

static enum hp_status
derive_row(
    struct hp_task *task, struct hp_bytes full, struct hp_bytes value, struct hp_error *error)
{
    struct hp_step *step = &task->worker->step;
    enum hp_status status;

    hp_step_begin(step, task);
    status = hp_step_derive(step, full.data[HP_KEY_HEAD - 1],
        hp_bytes(full.data + HP_KEY_HEAD, full.size - HP_KEY_HEAD), value, error);
    if (!status)
        return hp_step_merge(step, error);
    hp_step_drop(step);
    return status;
}

static enum hp_status
next_store(struct hp_task *task, struct hp_error *error)
{
    struct hp_restore *restore = task->restore;
    struct hp_kv_cursor *cursor = restore->cursor;

    restore->cursor = NULL;
    restore->store_at++;
    return cursor ? hp_kv_cursor_free(cursor, error) : HP_OK;
}

static enum hp_status
derive_slice(struct hp_task *task, struct hp_error *error)
{
    struct hp_worker *worker = task->worker;
    struct hp_restore *restore = task->restore;
    enum hp_status status = hp_failpoint("restore-derive", error);

    for (int i = 0; i < SLICE && !status && restore->store_at < 256; i++) {
        const struct hp_store_spec *spec = worker->stores[restore->store_at];
        struct hp_bytes key;
        struct hp_bytes value;

        if (spec && spec->changelogged && !restore->cursor)
            open_store(task);
        if (restore->cursor && hp_kv_next(restore->cursor, &key, &value))
            status = derive_row(task, key, value, error);
        else
            status = next_store(task, error);
        if (!status && task->overlay.bytes > worker->options.overlay_bytes)
            status = hp_txn_flush(task, NULL, error);
    }
    if (status || restore->store_at < 256)
        return status;
    return finish(task, error);
}

/* ---- what a failure means for the task ---- */

static enum hp_status
judge(struct hp_task *task, enum hp_status status, struct hp_error *error)
{
    bool warm = task->restore && !task->restore->cold;

    if (status == HP_STOP && task->restore && task->restore->reader && warm &&
        task->restore->rows == 0)
        status = HP_CORRUPT; /* the log start moved past the copy meanwhile */
    switch (status) {
    case HP_RETRY:
        HP_LOG(HP_LOG_WARN, "restore interrupted", HP_I("task", task->partition),
            HP_S("error", error->text));
        hp_task_reset(task, task->restore && task->restore->cold);
        task->retry_delay_ms = hp_longer(task->retry_delay_ms, RETRY_MS_MIN);
        task->retry_at_ms = hp_worker_now(task->worker) + task->retry_delay_ms;
        return HP_OK;
    case HP_CORRUPT:
        HP_LOG(HP_LOG_WARN, "the range is dropped and restored", HP_I("task", task->partition),
            HP_S("error", error->text));
        hp_metric_add(task->worker->rebuilds, 1);
        hp_task_reset(task, true);
        if (++task->failures < 2)
            return HP_OK;
        error->status = HP_FATAL;
        return HP_FATAL;
    default: return status;
    }
}

enum hp_status
hp_restore_step(struct hp_task *task, int timeout_ms, struct hp_error *error)
{
    enum hp_status status = HP_OK;

    if (task->state == HP_TASK_WAITING)
        status = begin(task, error);
    if (!status)
        status = task->restore->deriving ? derive_slice(task, error)
                                         : read_slice(task, timeout_ms, error);
    return status ? judge(task, status, error) : HP_OK;
}
