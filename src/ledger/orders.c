/*
 * ledger/orders.c - which version of an order wins, and its canonical bytes.
 *
 * Layout: u8 version | u8 flags (1 = stub) | varint status | varint version | varint ordered_at
 * | u64 tie; unless it is a stub: varint count | count × (item id, varint quantity, varint unit
 * price) | box_id? | recipient? | occasion? | budget?.
 *
 * Invariants: (1) lines are sorted by item id without repeats; (2) a fact with lines has status
 * PLACED; (3) equal facts have equal bytes. A five-line order takes about 100 bytes, a stub 20.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ledger/orders.h"

#include "domain/limits.h"

#define VERSION   1
#define FLAG_STUB 1

/* CANCELLED is the last word about a version, RETURNED the one before. */
static int
rank(enum hp_order_status status)
{
    switch (status) {
    case HP_ORDER_RETURNED: return 1;
    case HP_ORDER_CANCELLED: return 2;
    default: return 0;
    }
}

static int
compare_lines(const void *a, const void *b)
{
    const struct hp_order_line *left = a;
    const struct hp_order_line *right = b;

    return hp_bytes_compare(left->item_id, right->item_id);
}

static void
merge_lines(const struct hp_order *order, struct hp_arena *arena, struct hp_order_fact *fact)
{
    struct hp_order_line *lines =
        HP_ARENA_ARRAY(arena, order->line_count, struct hp_order_line);
    size_t count = 0;

    if (order->line_count == 0)
        return;
    memcpy(lines, order->lines, order->line_count * sizeof(*lines));
    qsort(lines, order->line_count, sizeof(*lines), compare_lines);
    for (size_t i = 0; i < order->line_count; i++) {
        struct hp_order_line *last = count ? &lines[count - 1] : NULL;

        if (!last || !hp_bytes_equal(last->item_id, lines[i].item_id)) {
            lines[count++] = lines[i];
            continue;
        }
        last->quantity += lines[i].quantity;
        if (lines[i].unit_price_minor > last->unit_price_minor)
            last->unit_price_minor = lines[i].unit_price_minor;
    }
    fact->lines = lines;
    fact->line_count = count;
}

static void
put_lines(const struct hp_order_fact *fact, struct hp_buffer *out)
{
    hp_put_varint(out, (int64_t)fact->line_count);
    for (size_t i = 0; i < fact->line_count; i++) {
        hp_put_bytes(out, fact->lines[i].item_id);
        hp_put_varint(out, fact->lines[i].quantity);
        hp_put_varint(out, fact->lines[i].unit_price_minor);
    }
}

static uint64_t
tie_of(const struct hp_order_fact *fact)
{
    struct hp_buffer bytes = {0};
    uint64_t tie;

    hp_put_varint(&bytes, fact->version);
    hp_put_varint(&bytes, (int64_t)fact->status);
    hp_put_varint(&bytes, fact->ordered_at);
    put_lines(fact, &bytes);
    hp_put_bytes(&bytes, fact->box_id);
    hp_value_put_maybe(&bytes, fact->budget_minor);
    tie = hp_hash64(hp_buffer_bytes(&bytes));
    hp_buffer_release(&bytes);
    return tie;
}

/* An empty text says nothing; only one of "" and absent may be stored. */
static struct hp_bytes
something(struct hp_bytes text)
{
    return text.size ? text : (struct hp_bytes){0};
}

static void
make_stub(struct hp_order_fact *fact)
{
    *fact = (struct hp_order_fact){
        .version = fact->version,
        .status = fact->status,
        .ordered_at = fact->ordered_at,
        .tie = fact->tie,
        .stub = true,
    };
}

void
hp_order_fact_from_event(const struct hp_order *order, struct hp_bytes recipient,
    struct hp_arena *arena, struct hp_order_fact *fact)
{
    HP_ASSERT(order->status != HP_ORDER_UNKNOWN);
    HP_ASSERT(!recipient.data || recipient.size == HP_RECIPIENT_BYTES);
    *fact = (struct hp_order_fact){
        .version = order->version,
        .status = order->status,
        .ordered_at = order->ordered_at,
        .box_id = something(order->box_id),
        .recipient = recipient,
        .occasion = something(order->occasion),
        .budget_minor = order->budget_minor,
    };
    merge_lines(order, arena, fact);
    fact->tie = tie_of(fact);
    if (fact->status != HP_ORDER_PLACED || fact->line_count == 0)
        make_stub(fact);
}

static int
compare_numbers(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

bool
hp_order_fact_wins(const struct hp_order_fact *a, const struct hp_order_fact *b)
{
    int order = compare_numbers(a->version, b->version);

    if (order == 0)
        order = rank(a->status) - rank(b->status);
    if (order == 0)
        order = compare_numbers(a->ordered_at, b->ordered_at);
    if (order == 0)
        order = (a->tie > b->tie) - (a->tie < b->tie);
    if (order == 0)
        order = hp_bytes_compare(a->recipient, b->recipient);
    if (order == 0)
        order = hp_bytes_compare(a->occasion, b->occasion);
    return order > 0;
}

bool
hp_order_fact_void(const struct hp_order_fact *fact, const struct hp_watermark *mark)
{
    return hp_watermark_voids(mark, fact->ordered_at);
}

bool
hp_order_fact_scrub(struct hp_order_fact *fact, const struct hp_watermark *mark)
{
    if (!hp_watermark_hides(mark, fact->recipient, fact->ordered_at))
        return false;
    fact->recipient = (struct hp_bytes){0};
    fact->occasion = (struct hp_bytes){0};
    return true;
}

/* A line is at most 10^4 × 10^9 by the limits, 200 of them far below 2^63. */
int64_t
hp_order_fact_total(const struct hp_order_fact *fact)
{
    int64_t total = 0;

    for (size_t i = 0; i < fact->line_count; i++)
        total += fact->lines[i].quantity * fact->lines[i].unit_price_minor;
    return total;
}

void
hp_order_fact_encode(const struct hp_order_fact *fact, struct hp_buffer *out)
{
    hp_put_u8(out, VERSION);
    hp_put_u8(out, fact->stub ? FLAG_STUB : 0);
    hp_put_varint(out, (int64_t)fact->status);
    hp_put_varint(out, fact->version);
    hp_put_varint(out, fact->ordered_at);
    hp_put_u64(out, fact->tie);
    if (fact->stub)
        return;
    put_lines(fact, out);
    hp_put_bytes(out, fact->box_id);
    hp_put_bytes(out, fact->recipient);
    hp_put_bytes(out, fact->occasion);
    hp_value_put_maybe(out, fact->budget_minor);
}

static void
read_lines(struct hp_cursor *cursor, struct hp_arena *arena, struct hp_order_fact *fact)
{
    size_t count = hp_value_count(cursor, HP_ORDER_LINES_MAX, 4);
    struct hp_order_line *lines = HP_ARENA_ARRAY(arena, count, struct hp_order_line);

    for (size_t i = 0; i < count; i++) {
        lines[i].item_id = hp_value_bytes(cursor, 1, HP_ID_BYTES_MAX);
        lines[i].quantity = (int32_t)hp_value_number(cursor, 1, HP_QUANTITY_MAX);
        lines[i].unit_price_minor = hp_value_number(cursor, 0, HP_MONEY_MAX);
        if (i > 0 && !cursor->failed && compare_lines(&lines[i - 1], &lines[i]) >= 0)
            cursor->failed = true;
    }
    if (count == 0 || fact->status != HP_ORDER_PLACED)
        cursor->failed = true;
    fact->lines = lines;
    fact->line_count = count;
}

static void
read_rest(struct hp_cursor *cursor, struct hp_arena *arena, struct hp_order_fact *fact)
{
    read_lines(cursor, arena, fact);
    fact->box_id = hp_value_bytes_maybe(cursor, 1, HP_RECORD_BYTES_MAX);
    fact->recipient = hp_value_bytes_maybe(cursor, HP_RECIPIENT_BYTES, HP_RECIPIENT_BYTES);
    fact->occasion = hp_value_bytes_maybe(cursor, 1, HP_RECORD_BYTES_MAX);
    fact->budget_minor = hp_value_maybe(cursor, 0, HP_MONEY_MAX);
}

enum hp_status
hp_order_fact_decode(struct hp_bytes value, struct hp_arena *arena, struct hp_order_fact *fact,
    struct hp_error *error)
{
    struct hp_cursor cursor = hp_value_open(value, VERSION);
    uint8_t flags = hp_get_u8(&cursor);

    *fact = (struct hp_order_fact){.stub = flags == FLAG_STUB};
    if (flags > FLAG_STUB)
        cursor.failed = true;
    fact->status =
        (enum hp_order_status)hp_value_number(&cursor, HP_ORDER_PLACED, HP_ORDER_RETURNED);
    fact->version = hp_value_number(&cursor, INT64_MIN, INT64_MAX);
    fact->ordered_at = hp_value_number(&cursor, 1, INT64_MAX);
    fact->tie = hp_get_u64(&cursor);
    if (!fact->stub)
        read_rest(&cursor, arena, fact);
    return hp_value_close(&cursor, "order", error);
}

bool
hp_order_value_stub(struct hp_bytes value)
{
    return value.data && value.size >= 2 && value.data[1] == FLAG_STUB;
}
