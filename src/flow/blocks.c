/*
 * flow/blocks.c - rows of co-counts between memory and the stores.
 *
 * HP_STORE_NUMBER   item          varint number
 * HP_STORE_BLOCK    u32 number    ledger/rows.h
 * HP_STORE_ROW_LOG  u64 sequence  ledger/rows.h
 * HP_STORE_ROW_META ""            u8 version | varint next | varint published | u8 compared
 *
 * Blocks are written a part at a time, riding on transactions that have other work, as long as
 * the log is more than half as long as it may be, or the rows take more memory than allowed. A
 * turn stores for each of its changes what makes all rows stored once in half a log: an order
 * alone pays for a block or two, not for a megabyte of them. With rows over their memory it is
 * TEND_BYTES at least, and as much as they are over it; with a full log TEND_MOST. Rows go as
 * soon as their blocks are committed: the changes of the next batch may be to all of them.
 *
 * Costs, measured on 19 lines an order: 300 bytes of log and 0.04 ms an order, 2 kB of blocks.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "flow/blocks.h"

#include "ledger/value.h"

#define META_VERSION 1
#define TEND_BYTES   (1 << 20)
#define TEND_MOST    (4 << 20)
#define LOG_LEAST    512 /* changes that are left in the log of the smallest shop */
#define META_KEY     (hp_bytes_text(""))

struct hp_pending_change {
    struct hp_pending_change *next;
    uint64_t sequence;
    struct hp_bytes bytes; /* owned, in the same block of memory */
};

/* ---- the two kinds of stores ---------------------------------------------------------- */

static enum hp_status
step_get(void *context, uint8_t store, struct hp_bytes key, struct hp_bytes *value,
    struct hp_error *error)
{
    return hp_step_get(context, store, key, value, error);
}

static enum hp_status
step_scan(void *context, uint8_t store,
    bool (*visit)(void *visitor, struct hp_bytes key, struct hp_bytes value), void *visitor,
    struct hp_error *error)
{
    return hp_step_scan(
        context, store, (struct hp_bytes){0}, (struct hp_bytes){0}, visit, visitor, error);
}

static struct hp_blocks_store
store_of(struct hp_step *step)
{
    return (struct hp_blocks_store){step, step_get, step_scan};
}

static struct hp_bytes
number_key(struct hp_buffer *key, uint32_t item)
{
    hp_buffer_clear(key);
    hp_put_u32(key, item);
    return hp_buffer_bytes(key);
}

static enum hp_status
read_row(void *context, uint32_t item, struct hp_bytes *value, struct hp_error *error)
{
    const struct hp_blocks_store *store = context;
    struct hp_buffer key = {0};
    enum hp_status status =
        store->get(store->context, HP_STORE_BLOCK, number_key(&key, item), value, error);

    hp_buffer_release(&key);
    return status;
}

/* ---- opening -------------------------------------------------------------------------------
 */

struct opening {
    struct hp_blocks *blocks;
    const struct hp_blocks_store *store;
    struct hp_arena arena;
    struct hp_bytes *ids; /* by number, in the arena */
    size_t id_count;
    size_t id_room;
    bool any;
    enum hp_status status;
    struct hp_error *error;
};

static enum hp_status
malformed(struct hp_error *error, const char *what)
{
    return hp_fail(error, HP_CORRUPT, "%s of the co-counts is malformed", what);
}

static enum hp_status
read_meta(struct opening *opening, bool *found)
{
    struct hp_blocks *blocks = opening->blocks;
    struct hp_bytes value;
    struct hp_cursor cursor;
    enum hp_status status = opening->store->get(
        opening->store->context, HP_STORE_ROW_META, META_KEY, &value, opening->error);

    *found = value.data != NULL;
    if (status || !value.data)
        return status;
    cursor = hp_value_open(value, META_VERSION);
    blocks->next = (uint64_t)hp_value_number(&cursor, 1, INT64_MAX);
    blocks->published = (uint64_t)hp_value_number(&cursor, 0, INT64_MAX);
    blocks->compared = hp_value_number(&cursor, 0, 1) == 1;
    return hp_value_close(&cursor, "state of the co-counts", opening->error);
}

static bool
visit_number(void *context, struct hp_bytes key, struct hp_bytes value)
{
    struct opening *opening = context;
    struct hp_cursor cursor = hp_cursor(value);
    size_t number = (size_t)hp_value_number(&cursor, 0, HP_ROWS_ITEMS_MAX - 1);

    if (!hp_cursor_done(&cursor)) {
        opening->status = malformed(opening->error, "a number");
        return false;
    }
    while (number >= opening->id_room) {
        size_t room = opening->id_room ? opening->id_room * 2 : 256;

        opening->ids = hp_realloc_array(opening->ids, room, sizeof(*opening->ids));
        memset(&opening->ids[opening->id_room], 0,
            (room - opening->id_room) * sizeof(*opening->ids));
        opening->id_room = room;
    }
    opening->ids[number] = hp_arena_copy(&opening->arena, key);
    if (opening->id_count <= number)
        opening->id_count = number + 1;
    return true;
}

/* Numbers have no holes: each was stored with the transaction that first used it. */
static enum hp_status
read_numbers(struct opening *opening)
{
    enum hp_status status = opening->store->scan(
        opening->store->context, HP_STORE_NUMBER, visit_number, opening, opening->error);

    if (!status)
        status = opening->status;
    for (size_t i = 0; i < opening->id_count && !status; i++)
        if (!opening->ids[i].data ||
            hp_rows_number(opening->blocks->rows, opening->ids[i]) != i)
            status = malformed(opening->error, "the list of numbers");
    return status;
}

static bool
visit_block(void *context, struct hp_bytes key, struct hp_bytes value)
{
    struct opening *opening = context;
    struct hp_cursor cursor = hp_cursor(key);
    uint32_t item = hp_get_u32(&cursor);

    opening->status = hp_cursor_done(&cursor)
                          ? hp_rows_announce(opening->blocks->rows, item, value, opening->error)
                          : malformed(opening->error, "a block's key");
    return opening->status == HP_OK;
}

static bool
visit_log(void *context, struct hp_bytes key, struct hp_bytes value)
{
    struct opening *opening = context;
    struct hp_blocks *blocks = opening->blocks;
    struct hp_rows_reader reader = {(void *)opening->store, read_row};
    struct hp_cursor cursor = hp_cursor(key);
    uint64_t sequence = hp_get_u64(&cursor);
    struct hp_row_change change;

    if (!hp_cursor_done(&cursor) || sequence == 0 || sequence >= blocks->next)
        opening->status = malformed(opening->error, "the log");
    if (!opening->status)
        opening->status = hp_row_change_decode(value, &opening->arena, &change, opening->error);
    if (!opening->status)
        opening->status =
            hp_rows_apply(blocks->rows, &reader, sequence, &change, opening->error);
    if (blocks->log_first == 0)
        blocks->log_first = sequence;
    hp_arena_clear(&opening->arena);
    return opening->status == HP_OK;
}

static bool
visit_any(void *context, struct hp_bytes key, struct hp_bytes value)
{
    (void)key;
    (void)value;
    ((struct opening *)context)->any = true;
    return false;
}

/* Nothing may have been derived by another version of the rules. */
static enum hp_status
check_new(struct opening *opening)
{
    enum hp_status status = opening->store->scan(
        opening->store->context, HP_STORE_AGGREGATE, visit_any, opening, opening->error);

    if (!status && opening->any)
        status = hp_fail(opening->error, HP_CORRUPT, "derived rows are of another version");
    return status;
}

static enum hp_status
read_all(struct opening *opening)
{
    const struct hp_blocks_store *store = opening->store;
    bool found;
    enum hp_status status = read_meta(opening, &found);

    if (status || !found)
        return status ? status : check_new(opening);
    status = read_numbers(opening);
    hp_arena_clear(&opening->arena);
    if (!status)
        status =
            store->scan(store->context, HP_STORE_BLOCK, visit_block, opening, opening->error);
    if (!status && !opening->status)
        status =
            store->scan(store->context, HP_STORE_ROW_LOG, visit_log, opening, opening->error);
    return status ? status : opening->status;
}

static void
keep_committed(struct hp_blocks *blocks)
{
    blocks->committed_next = blocks->next;
    blocks->committed_published = blocks->published;
    blocks->committed_log_first = blocks->log_first;
    blocks->committed_compared = blocks->compared;
    blocks->committed_items = hp_rows_count(blocks->rows);
    blocks->meta_changed = false;
}

enum hp_status
hp_blocks_open(
    struct hp_blocks *blocks, const struct hp_blocks_store *store, struct hp_error *error)
{
    struct opening opening = {.blocks = blocks, .store = store, .error = error};
    enum hp_status status;

    blocks->rows = hp_rows_new();
    blocks->next = 1;
    blocks->ready_end = &blocks->ready;
    status = read_all(&opening);
    hp_arena_release(&opening.arena);
    free(opening.ids);
    if (status) {
        hp_blocks_close(blocks);
        return status;
    }
    if (blocks->log_first == 0)
        blocks->log_first = blocks->next;
    keep_committed(blocks);
    blocks->tended = blocks->next;
    return HP_OK;
}

static void
free_changes(struct hp_pending_change **list)
{
    while (*list) {
        struct hp_pending_change *next = (*list)->next;

        free(*list);
        *list = next;
    }
}

static void
show_bytes(struct hp_blocks *blocks)
{
    size_t bytes = blocks->rows ? hp_rows_bytes(blocks->rows) : 0;

    if (blocks->gauge)
        hp_metric_add(blocks->gauge, (int64_t)bytes - (int64_t)blocks->shown);
    blocks->shown = bytes;
}

void
hp_blocks_close(struct hp_blocks *blocks)
{
    struct hp_blocks closed = {.bytes_max = blocks->bytes_max, .gauge = blocks->gauge};

    hp_rows_free(blocks->rows);
    blocks->rows = NULL;
    show_bytes(blocks);
    free_changes(&blocks->open);
    free_changes(&blocks->ready);
    free(blocks->storing);
    *blocks = closed;
}

enum hp_status
hp_blocks_ready(struct hp_blocks *blocks, struct hp_step *step, struct hp_error *error)
{
    struct hp_blocks_store store = store_of(step);

    return blocks->rows ? HP_OK : hp_blocks_open(blocks, &store, error);
}

/* ---- changes -------------------------------------------------------------------------------
 */

enum hp_status
hp_blocks_number(struct hp_blocks *blocks, struct hp_step *step, struct hp_bytes item_id,
    uint32_t *item, struct hp_error *error)
{
    struct hp_buffer value = {0};
    enum hp_status status;

    if (hp_rows_find(blocks->rows, item_id, item))
        return HP_OK;
    *item = hp_rows_number(blocks->rows, item_id);
    hp_put_varint(&value, *item);
    status = hp_step_put(step, HP_STORE_NUMBER, item_id, hp_buffer_bytes(&value), error);
    hp_buffer_release(&value);
    blocks->meta_changed = true;
    return status;
}

static struct hp_bytes
log_key(struct hp_buffer *key, uint64_t sequence)
{
    hp_buffer_clear(key);
    hp_put_u64(key, sequence);
    return hp_buffer_bytes(key);
}

static void
remember(struct hp_blocks *blocks, struct hp_bytes bytes)
{
    struct hp_pending_change *change = hp_alloc(sizeof(*change) + bytes.size);

    memcpy(change + 1, bytes.data, bytes.size);
    change->bytes = hp_bytes((uint8_t *)(change + 1), bytes.size);
    change->sequence = blocks->next;
    change->next = blocks->open;
    blocks->open = change;
}

enum hp_status
hp_blocks_log(struct hp_blocks *blocks, struct hp_step *step,
    const struct hp_row_change *change, struct hp_error *error)
{
    struct hp_buffer key = {0};
    struct hp_buffer value = {0};
    enum hp_status status;

    hp_row_change_encode(change, &value);
    status = hp_step_put(
        step, HP_STORE_ROW_LOG, log_key(&key, blocks->next), hp_buffer_bytes(&value), error);
    remember(blocks, hp_buffer_bytes(&value));
    blocks->next++;
    blocks->meta_changed = true;
    hp_buffer_release(&key);
    hp_buffer_release(&value);
    return status;
}

enum hp_status
hp_blocks_save(struct hp_blocks *blocks, struct hp_step *step, struct hp_error *error)
{
    struct hp_buffer value = {0};
    enum hp_status status;

    if (!blocks->meta_changed)
        return HP_OK;
    hp_put_u8(&value, META_VERSION);
    hp_put_varint(&value, (int64_t)blocks->next);
    hp_put_varint(&value, (int64_t)blocks->published);
    hp_put_varint(&value, blocks->compared);
    status = hp_step_put(step, HP_STORE_ROW_META, META_KEY, hp_buffer_bytes(&value), error);
    hp_buffer_release(&value);
    blocks->meta_changed = false;
    return status;
}

enum hp_status
hp_blocks_load_from(struct hp_blocks *blocks, const struct hp_blocks_store *store,
    uint32_t item, struct hp_error *error)
{
    const struct hp_rows_reader reader = {(void *)store, read_row};

    return hp_rows_load(blocks->rows, &reader, item, error);
}

enum hp_status
hp_blocks_load(
    struct hp_blocks *blocks, struct hp_step *step, uint32_t item, struct hp_error *error)
{
    struct hp_blocks_store store = store_of(step);

    return hp_blocks_load_from(blocks, &store, item, error);
}

enum hp_status
hp_blocks_apply(struct hp_blocks *blocks, struct hp_step *step, struct hp_error *error)
{
    struct hp_blocks_store store = store_of(step);
    struct hp_rows_reader reader = {&store, read_row};
    struct hp_arena arena = {0};
    enum hp_status status = HP_OK;

    while (blocks->ready && !status) {
        struct hp_pending_change *ready = blocks->ready;
        struct hp_row_change change;

        status = hp_row_change_decode(ready->bytes, &arena, &change, error);
        if (!status)
            status = hp_rows_apply(blocks->rows, &reader, ready->sequence, &change, error);
        hp_arena_clear(&arena);
        blocks->ready = ready->next;
        free(ready);
    }
    if (!blocks->ready)
        blocks->ready_end = &blocks->ready;
    show_bytes(blocks);
    hp_arena_release(&arena);
    return status;
}

/* ---- storing -------------------------------------------------------------------------------
 */

static enum hp_status
store_block(struct hp_blocks *blocks, struct hp_step *step, uint32_t item, size_t *bytes,
    struct hp_error *error)
{
    struct hp_buffer key = {0};
    struct hp_buffer value = {0};
    enum hp_status status = hp_blocks_load(blocks, step, item, error);

    if (status)
        return status;
    hp_rows_store(blocks->rows, item, &value);
    if (blocks->storing_count == blocks->storing_room) {
        blocks->storing_room = blocks->storing_room ? blocks->storing_room * 2 : 64;
        blocks->storing =
            hp_realloc_array(blocks->storing, blocks->storing_room, sizeof(*blocks->storing));
    }
    blocks->storing[blocks->storing_count++] = item;
    *bytes += value.size;
    status = hp_step_put(
        step, HP_STORE_BLOCK, number_key(&key, item), hp_buffer_bytes(&value), error);
    hp_buffer_release(&key);
    hp_buffer_release(&value);
    return status;
}

/* What is older than every unstored change, and than the open transaction's blocks. */
static enum hp_status
cut_log(struct hp_blocks *blocks, struct hp_step *step, struct hp_error *error)
{
    struct hp_buffer key = {0};
    uint64_t end;
    enum hp_status status = HP_OK;
    uint32_t item;

    HP_ASSERT(!blocks->ready);
    if (!hp_rows_oldest(blocks->rows, &item, &end))
        end = blocks->committed_next;
    for (; blocks->log_first < end && !status; blocks->log_first++)
        status = hp_step_put(step, HP_STORE_ROW_LOG, log_key(&key, blocks->log_first),
            (struct hp_bytes){0}, error);
    hp_buffer_release(&key);
    return status;
}

bool
hp_blocks_changed(const struct hp_blocks *blocks)
{
    return blocks->open || blocks->meta_changed;
}

/* A small shop has few blocks to write, and no need of a long log. */
static uint64_t
log_max(const struct hp_blocks *blocks)
{
    uint64_t most = 4 * (uint64_t)hp_rows_count(blocks->rows);

    return most < LOG_LEAST ? LOG_LEAST : most > HP_BLOCKS_LOG_MAX ? HP_BLOCKS_LOG_MAX : most;
}

/* Bytes of blocks that this turn may store. A block is smaller than its row in memory. */
static size_t
tend_limit(const struct hp_blocks *blocks, uint64_t log, uint64_t most)
{
    size_t rows = hp_rows_bytes(blocks->rows);
    size_t over = rows > blocks->bytes_max ? rows - blocks->bytes_max : 0;
    uint64_t bytes = (blocks->next - blocks->tended) * (rows / (most / 2));

    if (over && bytes < TEND_BYTES)
        bytes = TEND_BYTES;
    if (bytes < over)
        bytes = over;
    return log > most || bytes > TEND_MOST ? TEND_MOST : (size_t)bytes;
}

enum hp_status
hp_blocks_tend(struct hp_blocks *blocks, struct hp_step *step, struct hp_error *error)
{
    uint64_t log = blocks->next - blocks->log_first;
    uint64_t most = log_max(blocks);
    size_t limit = tend_limit(blocks, log, most);
    enum hp_status status = HP_OK;
    size_t bytes = 0;
    uint64_t since;
    uint32_t item;

    if (!hp_blocks_changed(blocks) && hp_rows_bytes(blocks->rows) <= blocks->bytes_max)
        return HP_OK;
    while (!status && bytes < limit && hp_rows_oldest(blocks->rows, &item, &since) &&
           (blocks->next - since > most / 2 || hp_rows_bytes(blocks->rows) > blocks->bytes_max))
        status = store_block(blocks, step, item, &bytes, error);
    if (!status && log > most / 2)
        status = cut_log(blocks, step, error);
    blocks->tended = blocks->next;
    hp_rows_shrink(blocks->rows, blocks->bytes_max);
    show_bytes(blocks);
    return status;
}

/* ---- the transaction's end -----------------------------------------------------------------
 */

void
hp_blocks_committed(struct hp_blocks *blocks)
{
    struct hp_pending_change *turned = NULL;

    if (!blocks->rows)
        return;
    while (blocks->open) {
        struct hp_pending_change *change = blocks->open;

        blocks->open = change->next;
        change->next = turned;
        turned = change;
    }
    *blocks->ready_end = turned;
    while (*blocks->ready_end)
        blocks->ready_end = &(*blocks->ready_end)->next;
    for (size_t i = 0; i < blocks->storing_count; i++)
        hp_rows_stored(blocks->rows, blocks->storing[i]);
    if (blocks->storing_count > 0)
        hp_rows_shrink(blocks->rows, blocks->bytes_max);
    blocks->storing_count = 0;
    keep_committed(blocks);
}

void
hp_blocks_aborted(struct hp_blocks *blocks)
{
    if (!blocks->rows)
        return;
    free_changes(&blocks->open);
    while (blocks->storing_count > 0)
        hp_rows_unstored(blocks->rows, blocks->storing[--blocks->storing_count]);
    hp_rows_forget(blocks->rows, blocks->committed_items);
    blocks->next = blocks->tended = blocks->committed_next;
    blocks->published = blocks->committed_published;
    blocks->log_first = blocks->committed_log_first;
    blocks->compared = blocks->committed_compared;
    blocks->meta_changed = false;
}
