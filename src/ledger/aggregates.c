/*
 * ledger/aggregates.c - one user's facts, folded.
 *
 * The lines of all live orders are laid out in one array and sorted by (item, basket); a run of
 * equal items is then everything the user ever ordered of it, in time order. Reactions, sorted
 * by item as well, are merged in. Costs one sort of the user's lines: about 0.1 ms for a
 * thousand of them.
 *
 * Layout: u8 version | varint orders | varint median total | varint latest | varint latest
 * order | days | varint count | count × (item id, varint orders, varint last order, varint
 * sense, varint reaction time, varint sampled, and when sampled: varint opportunities, varint
 * hits, days). Days: varint n | n × varint step.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ledger/aggregates.h"

#include "base/hash.h"
#include "base/order.h"
#include "domain/instant.h"
#include "domain/limits.h"

#define VERSION 2
#define DAY_MAX (INT64_MAX / HP_DAY_MS)

/* A line of a live order; `basket` is its place among the orders. */
struct basket_line {
    struct hp_bytes item_id;
    size_t basket;
};

/* The live orders in the order of (ordered_at, order_id), and all their lines by item. */
struct baskets {
    const struct hp_user_order **orders;
    size_t order_count;
    const struct basket_line *lines; /* sorted by (item id, basket) */
    size_t line_count;
};

static int
compare_orders(const void *a, const void *b)
{
    const struct hp_user_order *left = *(const struct hp_user_order *const *)a;
    const struct hp_user_order *right = *(const struct hp_user_order *const *)b;

    if (left->fact.ordered_at != right->fact.ordered_at)
        return left->fact.ordered_at < right->fact.ordered_at ? -1 : 1;
    return hp_bytes_compare(left->order_id, right->order_id);
}

static int
compare_lines(const void *a, const void *b)
{
    const struct basket_line *left = a;
    const struct basket_line *right = b;
    int order = hp_bytes_compare(left->item_id, right->item_id);

    return order ? order : (left->basket > right->basket) - (left->basket < right->basket);
}

static int
compare_reactions(const void *a, const void *b)
{
    const struct hp_user_reaction *left = *(const struct hp_user_reaction *const *)a;
    const struct hp_user_reaction *right = *(const struct hp_user_reaction *const *)b;

    return hp_bytes_compare(left->item_id, right->item_id);
}

size_t
hp_user_orders_live(const struct hp_user_facts *facts, const struct hp_user_order **orders)
{
    size_t count = 0;

    for (size_t i = 0; i < facts->order_count; i++)
        if (hp_order_fact_counts(&facts->orders[i].fact))
            orders[count++] = &facts->orders[i];
    if (count)
        qsort(orders, count, sizeof(*orders), compare_orders);
    return count;
}

static const struct baskets *
build_baskets(const struct hp_user_facts *facts, struct hp_arena *arena)
{
    struct baskets *baskets = HP_ARENA_NEW(arena, struct baskets);
    struct basket_line *lines;
    size_t count = 0;

    baskets->orders = HP_ARENA_ARRAY(arena, facts->order_count, const struct hp_user_order *);
    baskets->order_count = hp_user_orders_live(facts, baskets->orders);
    for (size_t i = 0; i < baskets->order_count; i++)
        count += baskets->orders[i]->fact.line_count;
    lines = HP_ARENA_ARRAY(arena, count, struct basket_line);
    for (size_t i = 0; i < baskets->order_count; i++) {
        const struct hp_order_fact *fact = &baskets->orders[i]->fact;

        for (size_t k = 0; k < fact->line_count; k++)
            lines[baskets->line_count++] = (struct basket_line){fact->lines[k].item_id, i};
    }
    if (count)
        qsort(lines, count, sizeof(*lines), compare_lines);
    baskets->lines = lines;
    return baskets;
}

static const struct hp_user_reaction **
sort_reactions(const struct hp_user_facts *facts, struct hp_arena *arena)
{
    const struct hp_user_reaction **sorted =
        HP_ARENA_ARRAY(arena, facts->reaction_count, const struct hp_user_reaction *);

    for (size_t i = 0; i < facts->reaction_count; i++)
        sorted[i] = &facts->reactions[i];
    if (facts->reaction_count)
        qsort(sorted, facts->reaction_count, sizeof(sorted[0]), compare_reactions);
    return sorted;
}

static void
add_line(struct hp_user_item *items, size_t *count, const struct baskets *baskets,
    const struct basket_line *line)
{
    struct hp_user_item *item = *count ? &items[*count - 1] : NULL;

    if (!item || !hp_bytes_equal(item->item_id, line->item_id)) {
        item = &items[(*count)++];
        *item = (struct hp_user_item){.item_id = line->item_id};
    }
    item->orders++;
    item->last_order_at = baskets->orders[line->basket]->fact.ordered_at;
}

static void
add_reaction(struct hp_user_item *items, size_t *count, const struct hp_user_reaction *reaction)
{
    struct hp_user_item *item = *count ? &items[*count - 1] : NULL;

    if (!item || !hp_bytes_equal(item->item_id, reaction->item_id)) {
        item = &items[(*count)++];
        *item = (struct hp_user_item){.item_id = reaction->item_id};
    }
    item->reaction = reaction->reaction.sense;
    item->reaction_at = reaction->reaction.at;
}

/* Both inputs are sorted; lines of an item come before its reaction. */
static void
merge_items(const struct hp_user_facts *facts, const struct baskets *baskets,
    struct hp_arena *arena, struct hp_aggregate *aggregate)
{
    const struct hp_user_reaction **reactions = sort_reactions(facts, arena);
    struct hp_user_item *items =
        HP_ARENA_ARRAY(arena, baskets->line_count + facts->reaction_count, struct hp_user_item);
    size_t line = 0;
    size_t reaction = 0;

    while (line < baskets->line_count || reaction < facts->reaction_count) {
        bool lines_first =
            reaction == facts->reaction_count ||
            (line < baskets->line_count && hp_bytes_compare(baskets->lines[line].item_id,
                                               reactions[reaction]->item_id) <= 0);

        if (lines_first)
            add_line(items, &aggregate->item_count, baskets, &baskets->lines[line++]);
        else
            add_reaction(items, &aggregate->item_count, reactions[reaction++]);
    }
    aggregate->items = items;
}

/* ---- the sample H_u ---------------------------------------------------------------------- */

struct ticket {
    uint64_t hash;
    struct hp_user_item *item;
};

static int
compare_tickets(const void *a, const void *b)
{
    const struct ticket *left = a;
    const struct ticket *right = b;

    if (left->hash != right->hash)
        return left->hash < right->hash ? -1 : 1;
    return hp_bytes_compare(left->item->item_id, right->item->item_id);
}

static uint64_t
ticket_hash(struct hp_bytes user_id, struct hp_bytes item_id, struct hp_buffer *scratch)
{
    hp_buffer_clear(scratch);
    hp_buffer_append(scratch, user_id.data, user_id.size);
    hp_put_u8(scratch, 0);
    hp_buffer_append(scratch, item_id.data, item_id.size);
    return hp_hash64(hp_buffer_bytes(scratch));
}

static void
draw_sample(struct hp_bytes user_id, struct ticket *tickets, size_t count)
{
    struct hp_buffer scratch = {0};

    for (size_t i = 0; i < count; i++)
        tickets[i].hash = ticket_hash(user_id, tickets[i].item->item_id, &scratch);
    qsort(tickets, count, sizeof(*tickets), compare_tickets);
    hp_buffer_release(&scratch);
}

static void
mark_sample(
    struct hp_bytes user_id, struct hp_arena *arena, struct hp_user_item *items, size_t count)
{
    struct ticket *tickets = HP_ARENA_ARRAY(arena, count, struct ticket);
    size_t chosen = 0;

    for (size_t i = 0; i < count; i++)
        if (hp_user_item_count(&items[i]) > 0)
            tickets[chosen++].item = &items[i];
    if (chosen > HP_SAMPLE_MAX) {
        draw_sample(user_id, tickets, chosen);
        chosen = HP_SAMPLE_MAX;
    }
    for (size_t i = 0; i < chosen; i++)
        tickets[i].item->sampled = true;
}

/* ---- shares in heads --------------------------------------------------------------------- */

/* Baskets stand in time order, so equal days are neighbours. */
static void
add_day(int64_t *days, size_t *count, const struct baskets *baskets, size_t basket)
{
    int64_t day = hp_instant_day(baskets->orders[basket]->fact.ordered_at);

    if (*count == HP_AGGREGATE_DAYS_MAX)
        return;
    if (*count == 0 || days[*count - 1] != day)
        days[(*count)++] = day;
}

/* `lines` are the user's live baskets with the item, in time order. */
static void
add_share(struct hp_user_item *item, const struct baskets *baskets,
    const struct basket_line *lines, struct hp_arena *arena)
{
    size_t count = (size_t)item->orders;
    int64_t *days = HP_ARENA_ARRAY(arena, count, int64_t);
    size_t later;

    item->days = days;
    if (count == 0)
        return;
    later = baskets->order_count - 1 - lines[0].basket;
    item->opportunities =
        (int64_t)(later < HP_REPURCHASE_BASKETS ? later : HP_REPURCHASE_BASKETS);
    for (size_t i = 0; i < count; i++) {
        item->hits += i > 0 && lines[i].basket - lines[0].basket <= HP_REPURCHASE_BASKETS;
        add_day(days, &item->day_count, baskets, lines[i].basket);
    }
}

static void
add_shares(
    const struct baskets *baskets, struct hp_arena *arena, struct hp_aggregate *aggregate)
{
    struct hp_user_item *items = (struct hp_user_item *)aggregate->items;
    int64_t *days = HP_ARENA_ARRAY(arena, baskets->order_count, int64_t);
    size_t line = 0;

    for (size_t i = 0; i < aggregate->item_count; i++) {
        if (items[i].sampled)
            add_share(&items[i], baskets, baskets->lines + line, arena);
        aggregate->speaks = aggregate->speaks || items[i].sampled;
        line += (size_t)items[i].orders;
    }
    for (size_t i = 0; i < baskets->order_count && aggregate->speaks; i++)
        add_day(days, &aggregate->day_count, baskets, i);
    aggregate->days = days;
}

/* ---- numbers ----------------------------------------------------------------------------- */

static int64_t
lower_median_total(const struct baskets *baskets, struct hp_arena *arena)
{
    int64_t *totals = HP_ARENA_ARRAY(arena, baskets->order_count, int64_t);

    if (baskets->order_count == 0)
        return 0;
    for (size_t i = 0; i < baskets->order_count; i++)
        totals[i] = hp_order_fact_total(&baskets->orders[i]->fact);
    qsort(totals, baskets->order_count, sizeof(totals[0]), hp_order_int64);
    return totals[(baskets->order_count - 1) / 2];
}

static void
sum_up(struct hp_aggregate *aggregate)
{
    for (size_t i = 0; i < aggregate->item_count; i++) {
        const struct hp_user_item *item = &aggregate->items[i];

        aggregate->choice_count += hp_user_item_count(item);
        if (item->reaction_at > aggregate->latest_at)
            aggregate->latest_at = item->reaction_at;
    }
    if (aggregate->latest_order_at > aggregate->latest_at)
        aggregate->latest_at = aggregate->latest_order_at;
}

void
hp_aggregate_build(
    const struct hp_user_facts *facts, struct hp_arena *arena, struct hp_aggregate *aggregate)
{
    const struct baskets *baskets = build_baskets(facts, arena);
    size_t count = baskets->order_count;

    *aggregate = (struct hp_aggregate){
        .order_count = (int64_t)count,
        .median_total_minor = lower_median_total(baskets, arena),
        .latest_order_at = count ? baskets->orders[count - 1]->fact.ordered_at : 0,
    };
    merge_items(facts, baskets, arena, aggregate);
    mark_sample(
        facts->user_id, arena, (struct hp_user_item *)aggregate->items, aggregate->item_count);
    add_shares(baskets, arena, aggregate);
    sum_up(aggregate);
}

const struct hp_user_item *
hp_aggregate_find(const struct hp_aggregate *aggregate, struct hp_bytes item_id)
{
    size_t low = 0;
    size_t high = aggregate->item_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = hp_bytes_compare(aggregate->items[middle].item_id, item_id);

        if (order == 0)
            return &aggregate->items[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

static void
put_days(const int64_t *days, size_t count, struct hp_buffer *out)
{
    int64_t last = 0;

    hp_put_varint(out, (int64_t)count);
    for (size_t i = 0; i < count; i++) {
        hp_put_varint(out, days[i] - last);
        last = days[i];
    }
}

static const int64_t *
read_days(struct hp_cursor *cursor, struct hp_arena *arena, size_t *count)
{
    int64_t *days;
    int64_t last = 0;

    *count = hp_value_count(cursor, HP_AGGREGATE_DAYS_MAX, 1);
    days = HP_ARENA_ARRAY(arena, *count, int64_t);
    for (size_t i = 0; i < *count; i++) {
        last += hp_value_number(cursor, i ? 1 : 0, DAY_MAX);
        if (last > DAY_MAX)
            cursor->failed = true;
        if (cursor->failed)
            break;
        days[i] = last;
    }
    return days;
}

void
hp_aggregate_encode(const struct hp_aggregate *aggregate, struct hp_buffer *out)
{
    hp_put_u8(out, VERSION);
    hp_put_varint(out, aggregate->order_count);
    hp_put_varint(out, aggregate->median_total_minor);
    hp_put_varint(out, aggregate->latest_at);
    hp_put_varint(out, aggregate->latest_order_at);
    put_days(aggregate->days, aggregate->day_count, out);
    hp_put_varint(out, (int64_t)aggregate->item_count);
    for (size_t i = 0; i < aggregate->item_count; i++) {
        const struct hp_user_item *item = &aggregate->items[i];

        hp_put_bytes(out, item->item_id);
        hp_put_varint(out, item->orders);
        hp_put_varint(out, item->last_order_at);
        hp_put_varint(out, (int64_t)item->reaction);
        hp_put_varint(out, item->reaction_at);
        hp_put_varint(out, item->sampled);
        if (!item->sampled)
            continue;
        hp_put_varint(out, item->opportunities);
        hp_put_varint(out, item->hits);
        put_days(item->days, item->day_count, out);
    }
}

static void
read_share(struct hp_cursor *cursor, struct hp_arena *arena, struct hp_user_item *item)
{
    item->opportunities = hp_value_number(cursor, 0, HP_REPURCHASE_BASKETS);
    item->hits = hp_value_number(cursor, 0, item->opportunities);
    item->days = read_days(cursor, arena, &item->day_count);
    if ((item->orders == 0) != (item->day_count == 0) || item->day_count > (size_t)item->orders)
        cursor->failed = true;
}

static void
read_item(struct hp_cursor *cursor, struct hp_arena *arena, int64_t order_count,
    struct hp_user_item *item)
{
    item->item_id = hp_value_bytes(cursor, 1, HP_ID_BYTES_MAX);
    item->orders = hp_value_number(cursor, 0, order_count);
    item->last_order_at = hp_value_number(cursor, 0, INT64_MAX);
    item->reaction =
        (enum hp_reaction_sense)hp_value_number(cursor, HP_REACTION_NONE, HP_REACTION_REMOVED);
    item->reaction_at = hp_value_number(cursor, 0, INT64_MAX);
    item->sampled = hp_value_number(cursor, 0, 1) == 1;
    if ((item->orders == 0) != (item->last_order_at == 0))
        cursor->failed = true;
    if (item->sampled && hp_user_item_count(item) == 0)
        cursor->failed = true;
    if (item->sampled)
        read_share(cursor, arena, item);
}

static void
read_items(struct hp_cursor *cursor, struct hp_arena *arena, struct hp_aggregate *aggregate)
{
    size_t count = hp_value_count(cursor, SIZE_MAX >> 1, 7);
    struct hp_user_item *items = HP_ARENA_ARRAY(arena, count, struct hp_user_item);

    for (size_t i = 0; i < count; i++) {
        read_item(cursor, arena, aggregate->order_count, &items[i]);
        if (i > 0 && hp_bytes_compare(items[i - 1].item_id, items[i].item_id) >= 0)
            cursor->failed = true;
        if (cursor->failed)
            return;
        aggregate->choice_count += hp_user_item_count(&items[i]);
        aggregate->speaks = aggregate->speaks || items[i].sampled;
    }
    aggregate->items = items;
    aggregate->item_count = count;
}

enum hp_status
hp_aggregate_decode(struct hp_bytes value, struct hp_arena *arena,
    struct hp_aggregate *aggregate, struct hp_error *error)
{
    struct hp_cursor cursor = hp_value_open(value, VERSION);

    *aggregate = (struct hp_aggregate){0};
    if (!value.data)
        return HP_OK;
    aggregate->order_count = hp_value_number(&cursor, 0, INT32_MAX);
    aggregate->median_total_minor = hp_value_number(&cursor, 0, INT64_MAX);
    aggregate->latest_at = hp_value_number(&cursor, 0, INT64_MAX);
    aggregate->latest_order_at = hp_value_number(&cursor, 0, INT64_MAX);
    aggregate->days = read_days(&cursor, arena, &aggregate->day_count);
    read_items(&cursor, arena, aggregate);
    return hp_value_close(&cursor, "user aggregate", error);
}
