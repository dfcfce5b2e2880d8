/*
 * ledger/rows.c - co-counts in memory, one open table a row.
 *
 * A counter takes four bytes: 24 for the partner's number plus one, 8 for the count. Counts of
 * 255 and more stand in a short list beside the table, which only the pairs of best sellers
 * need. A table is two thirds to four fifths full, whatever its size, so a counter costs 5 to 6
 * bytes (in tables of 2^k it was 5 to 11, and 200,000 orders of 5 lines took a third more); as
 * RocksDB keys it would be about 30, and every order of 19 lines would write 1,900 of them.
 *
 *     row:  head | days[] | slots[n]: partner + 1 : 24, users : 8 | more[]: partner, users
 *
 * A count that falls to 0 keeps its slot until the table is made anew, so that probing needs no
 * marks. Blocks hold the partners sorted by number, as differences: about three bytes each.
 *
 * Block: u8 version | varint sequence | varint last change | u8 whether there is a head, and
 * the head | varint partners | partners × (varint number, as a step from the one before;
 * varint users).
 *
 * Change: u8 version | three lists: varint n, n × varint step | varint heads | heads × (varint
 * step, varint users, opportunities, hits, days, days × (varint step, varint users)), signed.
 *
 * Invariants: (1) rows are in the list of unstored ones in the order of their oldest unstored
 * change; (2) g_ij = g_ji, since both are changed by the same change or both have it; (3) a row
 * that is unstored or being stored is not dropped.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ledger/rows.h"

#include "base/hash.h"
#include "domain/instant.h"

#define VERSION     1
#define NONE        UINT32_MAX
#define SLOTS_MIN   6
#define SLOTS_STEP  4 /* and two more: malloc hands out 16 bytes a step, less 8 */
#define COUNT_BITS  8
#define COUNT_MORE  255 /* the count is in `more` */
#define LIST_MAX    HP_SAMPLE_MAX
#define HEADS_MAX   (2 * HP_SAMPLE_MAX + 1)
#define DAY_MAX     UINT32_MAX /* far beyond HP_TIME_MS_MAX */
#define STEP_OF_DAY 1
#define AHEAD       8 /* rows and counters that are fetched before their turn */

struct more {
    uint32_t partner;
    int32_t users;
};

struct day { /* struct hp_head_day in half the room */
    uint32_t day;
    uint32_t users;
};

struct row {
    uint64_t stored;  /* the sequence its block holds; 0: there is no block */
    uint64_t changed; /* of its last change */
    uint64_t since;   /* its oldest unstored change; 0: none */
    uint64_t storing; /* `stored` before hp_rows_store() */
    uint64_t storing_since;
    uint32_t before; /* in the list of unstored rows */
    uint32_t behind;
    struct day *days; /* sorted */
    uint32_t day_count;
    uint32_t day_room;
    uint32_t *slots;
    uint32_t slot_count;
    uint32_t slots_used;
    struct more *more;
    uint32_t more_count;
    uint32_t users; /* of the head, as these two */
    uint32_t opportunities;
    uint32_t hits;
    bool loaded;
    bool used;      /* since the last round of hp_rows_shrink() */
    bool in_flight; /* between hp_rows_store() and its outcome */
};

struct hp_rows {
    struct hp_bytes *ids; /* by number; owned */
    struct row *rows;     /* by number */
    uint32_t count;
    uint32_t room;
    uint32_t *index; /* by hash: number + 1 */
    uint32_t index_size;
    uint32_t oldest; /* of the list of unstored rows */
    uint32_t newest;
    uint32_t hand; /* of the clock */
    size_t bytes;
    uint64_t sequence; /* the last one applied */
};

struct hp_rows *
hp_rows_new(void)
{
    struct hp_rows *rows = hp_alloc(sizeof(*rows));

    rows->oldest = rows->newest = NONE;
    return rows;
}

static size_t
row_bytes(const struct row *row)
{
    return sizeof(*row) + row->day_room * sizeof(*row->days) +
           row->slot_count * sizeof(uint32_t) + row->more_count * sizeof(struct more);
}

static void
drop_row(struct hp_rows *rows, struct row *row)
{
    if (!row->loaded)
        return;
    rows->bytes -= row_bytes(row);
    free(row->days);
    free(row->slots);
    free(row->more);
    row->users = row->opportunities = row->hits = 0;
    row->day_count = row->day_room = row->slot_count = row->slots_used = row->more_count = 0;
    row->days = NULL;
    row->slots = NULL;
    row->more = NULL;
    row->loaded = false;
}

void
hp_rows_free(struct hp_rows *rows)
{
    if (!rows)
        return;
    for (uint32_t i = 0; i < rows->count; i++) {
        drop_row(rows, &rows->rows[i]);
        free((void *)rows->ids[i].data);
    }
    free(rows->ids);
    free(rows->rows);
    free(rows->index);
    free(rows);
}

/* ---- numbers ------------------------------------------------------------------------------
 */

static uint32_t *
index_slot(const struct hp_rows *rows, struct hp_bytes id)
{
    uint32_t at = (uint32_t)hp_hash64(id) & (rows->index_size - 1);

    while (rows->index[at] && !hp_bytes_equal(rows->ids[rows->index[at] - 1], id))
        at = (at + 1) & (rows->index_size - 1);
    return &rows->index[at];
}

static void
index_again(struct hp_rows *rows, uint32_t size)
{
    free(rows->index);
    rows->index = hp_alloc(size * sizeof(*rows->index));
    rows->index_size = size;
    for (uint32_t i = 0; i < rows->count; i++)
        *index_slot(rows, rows->ids[i]) = i + 1;
}

bool
hp_rows_find(const struct hp_rows *rows, struct hp_bytes item_id, uint32_t *item)
{
    uint32_t found = rows->index_size ? *index_slot(rows, item_id) : 0;

    if (found)
        *item = found - 1;
    return found != 0;
}

uint32_t
hp_rows_number(struct hp_rows *rows, struct hp_bytes item_id)
{
    uint32_t item;
    uint8_t *copy;

    if (hp_rows_find(rows, item_id, &item))
        return item;
    if (rows->count == HP_ROWS_ITEMS_MAX)
        hp_die("more than %u items in one task", (unsigned)HP_ROWS_ITEMS_MAX);
    if (rows->count == rows->room) {
        rows->room = rows->room ? rows->room * 2 : 64;
        rows->ids = hp_realloc_array(rows->ids, rows->room, sizeof(*rows->ids));
        rows->rows = hp_realloc_array(rows->rows, rows->room, sizeof(*rows->rows));
    }
    copy = hp_alloc(item_id.size ? item_id.size : 1);
    memcpy(copy, item_id.data, item_id.size);
    rows->ids[rows->count] = hp_bytes(copy, item_id.size);
    rows->rows[rows->count] = (struct row){.before = NONE, .behind = NONE};
    rows->count++;
    if (rows->count * 2 > rows->index_size)
        index_again(rows, rows->index_size ? rows->index_size * 2 : 128);
    else
        *index_slot(rows, item_id) = rows->count;
    return rows->count - 1;
}

struct hp_bytes
hp_rows_id(const struct hp_rows *rows, uint32_t item)
{
    HP_ASSERT(item < rows->count);
    return rows->ids[item];
}

uint32_t
hp_rows_count(const struct hp_rows *rows)
{
    return rows->count;
}

void
hp_rows_forget(struct hp_rows *rows, uint32_t count)
{
    if (count >= rows->count)
        return;
    for (uint32_t i = count; i < rows->count; i++) {
        HP_ASSERT(rows->rows[i].changed == 0);
        drop_row(rows, &rows->rows[i]);
        free((void *)rows->ids[i].data);
    }
    rows->count = count;
    index_again(rows, rows->index_size);
}

/* ---- the list of unstored rows -------------------------------------------------------------
 */

static void
list_remove(struct hp_rows *rows, uint32_t item)
{
    struct row *row = &rows->rows[item];

    if (row->before == NONE)
        rows->oldest = row->behind;
    else
        rows->rows[row->before].behind = row->behind;
    if (row->behind == NONE)
        rows->newest = row->before;
    else
        rows->rows[row->behind].before = row->before;
    row->before = row->behind = NONE;
}

static void
list_append(struct hp_rows *rows, uint32_t item)
{
    struct row *row = &rows->rows[item];

    row->before = rows->newest;
    row->behind = NONE;
    if (rows->newest == NONE)
        rows->oldest = item;
    else
        rows->rows[rows->newest].behind = item;
    rows->newest = item;
}

static void
list_prepend(struct hp_rows *rows, uint32_t item)
{
    struct row *row = &rows->rows[item];

    row->behind = rows->oldest;
    row->before = NONE;
    if (rows->oldest == NONE)
        rows->newest = item;
    else
        rows->rows[rows->oldest].before = item;
    rows->oldest = item;
}

/* Keeps (1): sequences rise. */
static void
changed_now(struct hp_rows *rows, uint32_t item, uint64_t sequence)
{
    struct row *row = &rows->rows[item];

    row->changed = sequence;
    row->used = true;
    if (row->since)
        return;
    row->since = sequence;
    list_append(rows, item);
}

/* ---- counters ------------------------------------------------------------------------------
 */

static uint32_t
hash_of(uint32_t partner)
{
    uint32_t hash = partner * UINT32_C(0x9E3779B1);

    return hash ^ hash >> 15;
}

/* Where the search for a partner begins: the hash as a fraction of the table. */
static uint32_t
place_of(const struct row *row, uint32_t partner)
{
    return (uint32_t)((uint64_t)hash_of(partner) * row->slot_count >> 32);
}

static uint32_t *
slot_of(const struct row *row, uint32_t partner)
{
    uint32_t at = place_of(row, partner);

    while (row->slots[at] && row->slots[at] >> COUNT_BITS != partner + 1)
        at = at + 1 < row->slot_count ? at + 1 : 0;
    return &row->slots[at];
}

static void
tables_again(struct row *row, uint32_t slot_count)
{
    uint32_t *old = row->slots;
    uint32_t old_count = row->slot_count;

    row->slots = hp_alloc(slot_count * sizeof(*row->slots));
    row->slot_count = slot_count;
    row->slots_used = 0;
    for (uint32_t i = 0; i < old_count; i++)
        if (old[i] & COUNT_MORE) {
            *slot_of(row, (old[i] >> COUNT_BITS) - 1) = old[i];
            row->slots_used++;
        }
    free(old);
}

/* Two thirds full with so many. */
static uint32_t
slots_for(uint32_t count)
{
    uint32_t steps = (count + count / 2) / SLOTS_STEP;

    return SLOTS_MIN + steps * SLOTS_STEP;
}

static void
make_room(struct row *row)
{
    uint32_t live = 0;

    if ((uint64_t)row->slots_used * 5 < (uint64_t)row->slot_count * 4)
        return;
    for (uint32_t i = 0; i < row->slot_count; i++)
        live += (row->slots[i] & COUNT_MORE) != 0;
    tables_again(row, slots_for(live));
}

/* Where the partner stands in the sorted list, or would stand. */
static uint32_t
more_at(const struct row *row, uint32_t partner)
{
    uint32_t low = 0;
    uint32_t high = row->more_count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (row->more[middle].partner < partner)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The slot says that the partner is in there. */
static struct more *
more_of(const struct row *row, uint32_t partner)
{
    uint32_t at = more_at(row, partner);

    HP_ASSERT(at < row->more_count);
    HP_ASSERT(row->more[at].partner == partner);
    return &row->more[at];
}

static int64_t
count_of(const struct row *row, uint32_t slot)
{
    uint32_t count = slot & COUNT_MORE;

    if (count < COUNT_MORE)
        return count;
    return more_of(row, (slot >> COUNT_BITS) - 1)->users;
}

static void
more_add(struct row *row, uint32_t partner, int64_t users)
{
    uint32_t at = more_at(row, partner);

    row->more = hp_realloc_array(row->more, row->more_count + 1, sizeof(*row->more));
    memmove(&row->more[at + 1], &row->more[at], (row->more_count - at) * sizeof(*row->more));
    row->more[at] = (struct more){partner, (int32_t)users};
    row->more_count++;
}

static void
more_remove(struct row *row, uint32_t partner)
{
    uint32_t at = more_at(row, partner);

    row->more_count--;
    memmove(&row->more[at], &row->more[at + 1], (row->more_count - at) * sizeof(*row->more));
}

static void
set_count(struct row *row, uint32_t *slot, uint32_t partner, int64_t users)
{
    bool was_more = (*slot & COUNT_MORE) == COUNT_MORE;

    if (was_more && users >= COUNT_MORE) {
        more_of(row, partner)->users = (int32_t)users;
        return;
    }
    if (was_more)
        more_remove(row, partner);
    if (users >= COUNT_MORE)
        more_add(row, partner, users);
    *slot = (partner + 1) << COUNT_BITS | (uint32_t)(users < COUNT_MORE ? users : COUNT_MORE);
}

/* False when the count would leave its range. */
static bool
add_pair(struct row *row, uint32_t partner, int change)
{
    uint32_t *slot;
    int64_t users;

    make_room(row);
    slot = slot_of(row, partner);
    if (!*slot)
        row->slots_used++;
    users = (*slot ? count_of(row, *slot) : 0) + change;
    if (users < 0 || users > INT32_MAX)
        return false;
    set_count(row, slot, partner, users);
    return true;
}

/* ---- heads ---------------------------------------------------------------------------------
 */

static uint32_t
day_at(const struct row *row, int64_t day)
{
    uint32_t low = 0;
    uint32_t high = row->day_count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (row->days[middle].day < day)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Days are mostly added at the end, one now and then. */
static void
insert_day(struct row *row, uint32_t at, int64_t day)
{
    if (row->day_count == row->day_room) {
        row->day_room += row->day_room / 4 + 3;
        row->days = hp_realloc_array(row->days, row->day_room, sizeof(*row->days));
    }
    memmove(&row->days[at + 1], &row->days[at], (row->day_count - at) * sizeof(*row->days));
    row->days[at] = (struct day){(uint32_t)day, 0};
    row->day_count++;
}

static bool
add_count(uint32_t *count, int64_t change)
{
    int64_t sum = *count + change;

    *count = (uint32_t)sum;
    return sum >= 0 && sum <= HP_HEAD_COUNT_MAX;
}

static bool
add_day(struct row *row, const struct hp_head_day *change)
{
    uint32_t at = day_at(row, change->day);

    if (change->day < 0 || change->day > DAY_MAX)
        return false;
    if (at == row->day_count || row->days[at].day != change->day) {
        if (row->day_count == HP_HEAD_DAYS_MAX)
            return false;
        insert_day(row, at, change->day);
    }
    if (!add_count(&row->days[at].users, change->users))
        return false;
    if (row->days[at].users == 0) {
        row->day_count--;
        memmove(&row->days[at], &row->days[at + 1], (row->day_count - at) * sizeof(*row->days));
    }
    return true;
}

static bool
add_head(struct row *row, const struct hp_head *change)
{
    if (!add_count(&row->users, change->users) ||
        !add_count(&row->opportunities, change->opportunities) ||
        !add_count(&row->hits, change->hits) || row->hits > row->opportunities)
        return false;
    for (size_t i = 0; i < change->day_count; i++)
        if (!add_day(row, &change->days[i]))
            return false;
    return true;
}

/* ---- blocks --------------------------------------------------------------------------------
 */

static uint64_t
get_sequence(struct hp_cursor *cursor)
{
    return (uint64_t)hp_value_number(cursor, 0, INT64_MAX);
}

enum hp_status
hp_rows_announce(
    struct hp_rows *rows, uint32_t item, struct hp_bytes block, struct hp_error *error)
{
    struct hp_cursor cursor = hp_value_open(block, VERSION);
    uint64_t stored = get_sequence(&cursor);
    uint64_t changed = get_sequence(&cursor);

    if (cursor.failed || item >= rows->count || stored < changed || rows->rows[item].loaded)
        return hp_fail(error, HP_CORRUPT, "block of item %u is malformed", (unsigned)item);
    rows->rows[item].stored = stored;
    rows->rows[item].changed = changed;
    if (rows->sequence < stored)
        rows->sequence = stored;
    return HP_OK;
}

static void
read_partners(const struct hp_rows *rows, struct hp_cursor *cursor, struct row *row)
{
    size_t count = hp_value_count(cursor, HP_ROWS_ITEMS_MAX, 2);
    int64_t partner = -1;

    tables_again(row, slots_for((uint32_t)count));
    for (size_t i = 0; i < count && !cursor->failed; i++) {
        int64_t users;
        uint32_t *slot;

        partner += hp_value_number(cursor, 1, HP_ROWS_ITEMS_MAX);
        users = hp_value_number(cursor, 1, INT32_MAX);
        if (partner >= rows->count)
            cursor->failed = true;
        if (cursor->failed)
            return;
        slot = slot_of(row, (uint32_t)partner);
        row->slots_used++;
        set_count(row, slot, (uint32_t)partner, users);
    }
}

static enum hp_status
read_block(struct hp_rows *rows, uint32_t item, struct hp_bytes block, struct hp_error *error)
{
    struct row *row = &rows->rows[item];
    struct hp_cursor cursor = hp_value_open(block, VERSION);
    struct hp_arena arena = {0};
    struct hp_head head = {0};

    if (get_sequence(&cursor) != row->stored)
        cursor.failed = true;
    get_sequence(&cursor);
    if (hp_value_number(&cursor, 0, 1))
        hp_head_get(&cursor, &arena, &head);
    if (!add_head(row, &head))
        cursor.failed = true;
    hp_arena_release(&arena);
    read_partners(rows, &cursor, row);
    return hp_value_close(&cursor, "row block", error);
}

enum hp_status
hp_rows_load(struct hp_rows *rows, const struct hp_rows_reader *reader, uint32_t item,
    struct hp_error *error)
{
    struct row *row = &rows->rows[item];
    struct hp_bytes block = {0};
    enum hp_status status = HP_OK;

    HP_ASSERT(item < rows->count);
    row->used = true;
    if (row->loaded)
        return HP_OK;
    if (row->stored)
        status = reader->read(reader->context, item, &block, error);
    if (!status && row->stored && !block.data)
        status = hp_fail(error, HP_CORRUPT, "block of item %u is missing", (unsigned)item);
    if (!status && block.data)
        status = read_block(rows, item, block, error);
    row->loaded = true;
    rows->bytes += row_bytes(row);
    if (status)
        drop_row(rows, row);
    return status;
}

static void
put_head(const struct hp_rows *rows, uint32_t item, struct hp_buffer *out)
{
    struct hp_arena arena = {0};
    struct hp_head head = hp_rows_head(rows, item, &arena);

    hp_put_varint(out, !hp_head_empty(&head));
    if (!hp_head_empty(&head))
        hp_head_put(&head, out);
    hp_arena_release(&arena);
}

static int
compare_partners(const void *a, const void *b)
{
    uint32_t left = ((const struct hp_row_partner *)a)->item;
    uint32_t right = ((const struct hp_row_partner *)b)->item;

    return (left > right) - (left < right);
}

static void
put_partners(const struct hp_rows *rows, uint32_t item, struct hp_buffer *out)
{
    struct hp_arena arena = {0};
    struct hp_row_partner *partners;
    size_t count = hp_rows_partners(rows, item, &arena, &partners);
    int64_t last = -1;

    if (count)
        qsort(partners, count, sizeof(*partners), compare_partners);
    hp_put_varint(out, (int64_t)count);
    for (size_t i = 0; i < count; i++) {
        hp_put_varint(out, partners[i].item - last);
        hp_put_varint(out, partners[i].users);
        last = partners[i].item;
    }
    hp_arena_release(&arena);
}

void
hp_rows_store(struct hp_rows *rows, uint32_t item, struct hp_buffer *out)
{
    struct row *row = &rows->rows[item];

    HP_ASSERT(row->loaded);
    HP_ASSERT(row->since);
    HP_ASSERT(!row->in_flight);
    hp_put_u8(out, VERSION);
    hp_put_varint(out, (int64_t)rows->sequence);
    hp_put_varint(out, (int64_t)row->changed);
    put_head(rows, item, out);
    put_partners(rows, item, out);
    list_remove(rows, item);
    row->storing = row->stored;
    row->storing_since = row->since;
    row->stored = rows->sequence;
    row->since = 0;
    row->in_flight = true;
}

void
hp_rows_stored(struct hp_rows *rows, uint32_t item)
{
    HP_ASSERT(rows->rows[item].in_flight);
    rows->rows[item].in_flight = false;
}

void
hp_rows_unstored(struct hp_rows *rows, uint32_t item)
{
    struct row *row = &rows->rows[item];

    HP_ASSERT(row->in_flight);
    if (row->since)
        list_remove(rows, item);
    row->in_flight = false;
    row->stored = row->storing;
    row->since = row->storing_since;
    list_prepend(rows, item);
}

bool
hp_rows_oldest(const struct hp_rows *rows, uint32_t *item, uint64_t *sequence)
{
    if (rows->oldest == NONE)
        return false;
    *item = rows->oldest;
    *sequence = rows->rows[rows->oldest].since;
    return true;
}

size_t
hp_rows_bytes(const struct hp_rows *rows)
{
    return rows->bytes;
}

/* Keeps (3). Two rounds of the clock at most. */
void
hp_rows_shrink(struct hp_rows *rows, size_t bytes)
{
    for (uint64_t i = 0; i < 2 * (uint64_t)rows->count && rows->bytes > bytes; i++) {
        struct row *row;

        rows->hand = rows->hand + 1 < rows->count ? rows->hand + 1 : 0;
        row = &rows->rows[rows->hand];
        if (!row->loaded || row->since || row->in_flight)
            continue;
        if (row->used)
            row->used = false;
        else
            drop_row(rows, row);
    }
}

/* ---- changes -------------------------------------------------------------------------------
 */

struct applying {
    struct hp_rows *rows;
    const struct hp_rows_reader *reader;
    uint64_t sequence;
    struct hp_error *error;
};

/* The row to change, or NULL when it has this change already. */
static enum hp_status
open_row(struct applying *applying, uint32_t item, struct row **row)
{
    struct hp_rows *rows = applying->rows;
    enum hp_status status;

    *row = NULL;
    if (item >= rows->count)
        return hp_fail(
            applying->error, HP_CORRUPT, "a change names item %u of %u", item, rows->count);
    if (rows->rows[item].stored >= applying->sequence)
        return HP_OK;
    status = hp_rows_load(rows, applying->reader, item, applying->error);
    if (status)
        return status;
    *row = &rows->rows[item];
    rows->bytes -= row_bytes(*row);
    changed_now(rows, item, applying->sequence);
    return HP_OK;
}

static enum hp_status
close_row(struct applying *applying, uint32_t item, bool good)
{
    applying->rows->bytes += row_bytes(&applying->rows->rows[item]);
    if (good)
        return HP_OK;
    return hp_fail(applying->error, HP_CORRUPT, "counts of item %u do not fit its users' facts",
        (unsigned)item);
}

/* The first few of them. Inlined: gcc takes a function that only prefetches for one that does
 * nothing. */
static inline __attribute__((always_inline)) void
fetch_slots(const struct row *row, const uint32_t *partners, size_t count)
{
    for (size_t i = 0; i < count && i < AHEAD && row->slot_count; i++)
        __builtin_prefetch(&row->slots[place_of(row, partners[i])], 1);
}

static bool
add_all(struct row *row, uint32_t self, const uint32_t *partners, size_t count, int change)
{
    for (size_t i = 0; i < count; i++) {
        if (i + AHEAD < count)
            fetch_slots(row, &partners[i + AHEAD], 1);
        if (partners[i] != self && !add_pair(row, partners[i], change))
            return false;
    }
    return true;
}

/* Rows of `items` gain or lose the pairs with `first` and `second`. */
struct pairing {
    const uint32_t *items;
    size_t count;
    const uint32_t *first;
    size_t first_count;
    int first_change;
    const uint32_t *second;
    size_t second_count;
    int second_change;
};

/* Every counter is a cache line nobody has seen for long: rows are fetched two strides ahead,
 * the first counters of a row one stride. */
static inline __attribute__((always_inline)) void
fetch_ahead(const struct hp_rows *rows, const struct pairing *pairing, size_t i)
{
    if (i + 2 * AHEAD < pairing->count && pairing->items[i + 2 * AHEAD] < rows->count) {
        __builtin_prefetch(&rows->rows[pairing->items[i + 2 * AHEAD]], 1);
        __builtin_prefetch(&rows->rows[pairing->items[i + 2 * AHEAD]].slots, 1);
    }
    if (i + AHEAD < pairing->count && pairing->items[i + AHEAD] < rows->count) {
        const struct row *row = &rows->rows[pairing->items[i + AHEAD]];

        fetch_slots(row, pairing->first, pairing->first_count);
        fetch_slots(row, pairing->second, pairing->second_count);
    }
}

static enum hp_status
apply_pairing(struct applying *applying, const struct pairing *pairing)
{
    enum hp_status status = HP_OK;

    for (size_t i = 0; i < pairing->count && !status; i++) {
        uint32_t item = pairing->items[i];
        struct row *row;
        bool good;

        fetch_ahead(applying->rows, pairing, i);
        status = open_row(applying, item, &row);
        if (status || !row)
            continue;
        good = add_all(row, item, pairing->first, pairing->first_count, pairing->first_change);
        good = good && add_all(row, item, pairing->second, pairing->second_count,
                           pairing->second_change);
        status = close_row(applying, item, good);
    }
    return status;
}

enum hp_status
hp_rows_apply(struct hp_rows *rows, const struct hp_rows_reader *reader, uint64_t sequence,
    const struct hp_row_change *change, struct hp_error *error)
{
    struct applying applying = {rows, reader, sequence, error};
    const struct pairing pairings[] = {
        {change->kept, change->kept_count, change->added, change->added_count, 1,
            change->removed, change->removed_count, -1},
        {change->added, change->added_count, change->kept, change->kept_count, 1, change->added,
            change->added_count, 1},
        {change->removed, change->removed_count, change->kept, change->kept_count, -1,
            change->removed, change->removed_count, -1},
    };
    enum hp_status status = HP_OK;

    for (size_t i = 0; i < HP_ARRAY_SIZE(pairings) && !status; i++)
        status = apply_pairing(&applying, &pairings[i]);
    for (size_t i = 0; i < change->head_count && !status; i++) {
        uint32_t item = change->heads[i].item;
        struct row *row;

        status = open_row(&applying, item, &row);
        if (!status && row)
            status = close_row(&applying, item, add_head(row, &change->heads[i].change));
    }
    if (rows->sequence < sequence)
        rows->sequence = sequence;
    return status;
}

static void
put_list(struct hp_buffer *out, const uint32_t *items, size_t count)
{
    int64_t last = -1;

    hp_put_varint(out, (int64_t)count);
    for (size_t i = 0; i < count; i++) {
        hp_put_varint(out, items[i] - last);
        last = items[i];
    }
}

void
hp_row_change_encode(const struct hp_row_change *change, struct hp_buffer *out)
{
    int64_t last = -1;

    hp_put_u8(out, VERSION);
    put_list(out, change->kept, change->kept_count);
    put_list(out, change->added, change->added_count);
    put_list(out, change->removed, change->removed_count);
    hp_put_varint(out, (int64_t)change->head_count);
    for (size_t i = 0; i < change->head_count; i++) {
        const struct hp_head *head = &change->heads[i].change;
        int64_t day = 0;

        hp_put_varint(out, change->heads[i].item - last);
        hp_put_varint(out, head->users);
        hp_put_varint(out, head->opportunities);
        hp_put_varint(out, head->hits);
        hp_put_varint(out, (int64_t)head->day_count);
        for (size_t k = 0; k < head->day_count; k++) {
            hp_put_varint(out, head->days[k].day - day);
            hp_put_varint(out, head->days[k].users);
            day = head->days[k].day;
        }
        last = change->heads[i].item;
    }
}

static const uint32_t *
get_list(struct hp_cursor *cursor, struct hp_arena *arena, size_t *count)
{
    int64_t item = -1;
    uint32_t *items;

    *count = hp_value_count(cursor, LIST_MAX, 1);
    items = HP_ARENA_ARRAY(arena, *count, uint32_t);
    for (size_t i = 0; i < *count; i++) {
        item += hp_value_number(cursor, 1, HP_ROWS_ITEMS_MAX);
        if (item >= HP_ROWS_ITEMS_MAX)
            cursor->failed = true;
        items[i] = cursor->failed ? 0 : (uint32_t)item;
    }
    return items;
}

static void
get_head_change(struct hp_cursor *cursor, struct hp_arena *arena, struct hp_head *head)
{
    struct hp_head_day *days;
    int64_t day = 0;

    head->users = hp_value_number(cursor, -1, 1);
    head->opportunities =
        hp_value_number(cursor, -HP_REPURCHASE_BASKETS, HP_REPURCHASE_BASKETS);
    head->hits = hp_value_number(cursor, -HP_REPURCHASE_BASKETS, HP_REPURCHASE_BASKETS);
    head->day_count = hp_value_count(cursor, HP_HEAD_DAYS_MAX, 2);
    days = HP_ARENA_ARRAY(arena, head->day_count, struct hp_head_day);
    for (size_t i = 0; i < head->day_count; i++) {
        day += hp_value_number(cursor, i ? STEP_OF_DAY : 0, DAY_MAX);
        days[i] = (struct hp_head_day){day, hp_value_number(cursor, -1, 1)};
        if (days[i].users == 0 || day > DAY_MAX)
            cursor->failed = true;
        if (cursor->failed)
            break;
    }
    head->days = days;
}

enum hp_status
hp_row_change_decode(struct hp_bytes value, struct hp_arena *arena,
    struct hp_row_change *change, struct hp_error *error)
{
    struct hp_cursor cursor = hp_value_open(value, VERSION);
    struct hp_row_head *heads;
    int64_t item = -1;

    change->kept = get_list(&cursor, arena, &change->kept_count);
    change->added = get_list(&cursor, arena, &change->added_count);
    change->removed = get_list(&cursor, arena, &change->removed_count);
    change->head_count = hp_value_count(&cursor, HEADS_MAX, 5);
    heads = HP_ARENA_ARRAY(arena, change->head_count, struct hp_row_head);
    for (size_t i = 0; i < change->head_count && !cursor.failed; i++) {
        item += hp_value_number(&cursor, 1, HP_ROWS_ITEMS_MAX);
        if (item >= HP_ROWS_ITEMS_MAX)
            cursor.failed = true;
        heads[i].item = cursor.failed ? 0 : (uint32_t)item;
        get_head_change(&cursor, arena, &heads[i].change);
    }
    change->heads = heads;
    return hp_value_close(&cursor, "change of rows", error);
}

/* ---- reading -------------------------------------------------------------------------------
 */

struct hp_head
hp_rows_head(const struct hp_rows *rows, uint32_t item, struct hp_arena *arena)
{
    const struct row *row = &rows->rows[item];
    struct hp_head_day *days;

    HP_ASSERT(item < rows->count);
    HP_ASSERT(row->loaded);
    days = HP_ARENA_ARRAY(arena, row->day_count, struct hp_head_day);
    for (uint32_t i = 0; i < row->day_count; i++)
        days[i] = (struct hp_head_day){row->days[i].day, row->days[i].users};
    return (struct hp_head){row->users, row->opportunities, row->hits, days, row->day_count};
}

size_t
hp_rows_partners(const struct hp_rows *rows, uint32_t item, struct hp_arena *arena,
    struct hp_row_partner **partners)
{
    const struct row *row = &rows->rows[item];
    size_t count = 0;

    HP_ASSERT(row->loaded);
    *partners = HP_ARENA_ARRAY(arena, row->slots_used, struct hp_row_partner);
    for (uint32_t i = 0; i < row->slot_count; i++)
        if (row->slots[i] & COUNT_MORE)
            (*partners)[count++] = (struct hp_row_partner){
                (row->slots[i] >> COUNT_BITS) - 1, count_of(row, row->slots[i])};
    return count;
}

uint64_t
hp_rows_changed(const struct hp_rows *rows, uint32_t item)
{
    return rows->rows[item].changed;
}
