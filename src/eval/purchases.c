/*
 * eval/purchases.c - drafts while events come, a table afterwards.
 *
 * A draft is the winning version of an order so far: the greatest by (version, rank,
 * ordered_at) with PLACED < RETURNED < CANCELLED, as in ledger/orders.h. (Versions equal in all
 * three are told apart there by a hash of their bytes, here by arrival: no producer should
 * write such.)
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "eval/purchases.h"

#include "domain/instant.h"

#include <inttypes.h>
#include <stdio.h>

struct draft {
    struct hp_purchase order;
    int64_t version;
    int rank; /* 0: it counts */
};

struct hp_purchase_drafts {
    struct hp_roster ids; /* user number (4 bytes) and order id */
    struct draft *items;  /* by number of the id */
    size_t capacity;
    size_t line_count;
    size_t line_capacity;
    int64_t *erased; /* by user */
    size_t erased_count;
};

static struct hp_purchase_drafts *
drafts_of(struct hp_purchases *purchases)
{
    if (!purchases->drafts)
        purchases->drafts = hp_alloc(sizeof(*purchases->drafts));
    return purchases->drafts;
}

static void
drafts_free(struct hp_purchases *purchases)
{
    if (!purchases->drafts)
        return;
    hp_roster_release(&purchases->drafts->ids);
    free(purchases->drafts->items);
    free(purchases->drafts->erased);
    free(purchases->drafts);
    purchases->drafts = NULL;
}

void
hp_purchases_release(struct hp_purchases *purchases)
{
    drafts_free(purchases);
    hp_roster_release(&purchases->users);
    hp_roster_release(&purchases->items);
    free(purchases->orders);
    free(purchases->lines);
    *purchases = (struct hp_purchases){0};
}

void
hp_purchases_add_item(struct hp_purchases *purchases, struct hp_bytes item_id)
{
    hp_roster_add(&purchases->items, item_id);
}

static int
rank_of(enum hp_order_status status)
{
    return status == HP_ORDER_CANCELLED ? 2 : status == HP_ORDER_RETURNED ? 1 : 0;
}

/* The draft of this order; `*fresh` when it was never seen. */
static struct draft *
draft_of(struct hp_purchases *purchases, uint32_t user, struct hp_bytes order_id, bool *fresh)
{
    struct hp_purchase_drafts *drafts = drafts_of(purchases);
    size_t known = drafts->ids.count;
    struct hp_buffer key = {0};
    uint32_t number;

    hp_put_u32(&key, user);
    hp_buffer_append(&key, order_id.data, order_id.size);
    number = hp_roster_add(&drafts->ids, hp_buffer_bytes(&key));
    hp_buffer_release(&key);
    *fresh = number == known;
    if (number >= drafts->capacity) {
        drafts->capacity = drafts->capacity ? 2 * drafts->capacity : 1024;
        drafts->items =
            hp_realloc_array(drafts->items, drafts->capacity, sizeof(*drafts->items));
    }
    if (*fresh)
        drafts->items[number] = (struct draft){.order = {.user = user, .id = number}};
    return &drafts->items[number];
}

static bool
wins(const struct draft *old, const struct hp_order *order)
{
    int rank = rank_of(order->status);

    if (order->version != old->version)
        return order->version > old->version;
    if (rank != old->rank)
        return rank > old->rank;
    return order->ordered_at > old->order.at_ms;
}

static void
reserve_lines(struct hp_purchases *purchases, size_t more)
{
    struct hp_purchase_drafts *drafts = purchases->drafts;

    if (drafts->line_count + more <= drafts->line_capacity)
        return;
    drafts->line_capacity = (drafts->line_count + more) * 2;
    purchases->lines =
        hp_realloc_array(purchases->lines, drafts->line_capacity, sizeof(*purchases->lines));
}

static void
take_lines(struct hp_purchases *purchases, struct draft *draft, const struct hp_order *order)
{
    struct hp_purchase_drafts *drafts = purchases->drafts;

    reserve_lines(purchases, order->line_count);
    draft->order.first = drafts->line_count;
    draft->order.line_count = (uint32_t)order->line_count;
    for (size_t i = 0; i < order->line_count; i++)
        purchases->lines[drafts->line_count++] =
            hp_roster_add(&purchases->items, order->lines[i].item_id);
}

void
hp_purchases_add_order(struct hp_purchases *purchases, const struct hp_order *order)
{
    uint32_t user = hp_roster_add(&purchases->users, order->user_id);
    bool fresh;
    struct draft *draft = draft_of(purchases, user, order->order_id, &fresh);

    if (!fresh && !wins(draft, order))
        return;
    draft->version = order->version;
    draft->rank = rank_of(order->status);
    draft->order.at_ms = order->ordered_at;
    take_lines(purchases, draft, order);
}

void
hp_purchases_add_choice(struct hp_purchases *purchases, struct hp_bytes user_id, int64_t at_ms,
    struct hp_bytes item_id)
{
    uint32_t user = hp_roster_add(&purchases->users, user_id);
    struct hp_purchase_drafts *drafts;
    struct draft *draft;
    char day[32];
    bool fresh;

    snprintf(day, sizeof(day), "%" PRId64, hp_instant_day(at_ms));
    draft = draft_of(purchases, user, hp_bytes_text(day), &fresh);
    drafts = purchases->drafts;
    if (fresh)
        draft->order.at_ms = at_ms;
    reserve_lines(purchases, draft->order.line_count + 1);
    if (draft->order.first + draft->order.line_count != drafts->line_count) { /* to the end */
        memcpy(purchases->lines + drafts->line_count, purchases->lines + draft->order.first,
            draft->order.line_count * sizeof(*purchases->lines));
        draft->order.first = drafts->line_count;
        drafts->line_count += draft->order.line_count;
    }
    purchases->lines[drafts->line_count++] = hp_roster_add(&purchases->items, item_id);
    draft->order.line_count++;
}

void
hp_purchases_erase(struct hp_purchases *purchases, struct hp_bytes user_id, int64_t until_ms)
{
    struct hp_purchase_drafts *drafts = drafts_of(purchases);
    uint32_t user = hp_roster_add(&purchases->users, user_id);

    if (user >= drafts->erased_count) {
        size_t count = 2 * (size_t)user + 64;

        drafts->erased = hp_realloc_array(drafts->erased, count, sizeof(*drafts->erased));
        for (size_t i = drafts->erased_count; i < count; i++)
            drafts->erased[i] = INT64_MIN;
        drafts->erased_count = count;
    }
    if (until_ms > drafts->erased[user])
        drafts->erased[user] = until_ms;
}

static bool
counts(const struct hp_purchase_drafts *drafts, const struct draft *draft)
{
    bool erased = draft->order.user < drafts->erased_count &&
                  draft->order.at_ms <= drafts->erased[draft->order.user];

    return draft->rank == 0 && draft->order.line_count > 0 && !erased;
}

static int
compare_orders(const void *left, const void *right)
{
    const struct hp_purchase *a = left, *b = right;

    if (a->at_ms != b->at_ms)
        return a->at_ms < b->at_ms ? -1 : 1;
    return (a->id > b->id) - (a->id < b->id);
}

static int
compare_items(const void *left, const void *right)
{
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;

    return (a > b) - (a < b);
}

/* Lines of an order: new numbers, sorted, each once. */
static void
order_lines(struct hp_purchases *purchases, struct hp_purchase *order, const uint32_t *places)
{
    uint32_t *lines = purchases->lines + order->first;
    uint32_t kept = 0;

    for (uint32_t i = 0; i < order->line_count; i++)
        lines[i] = places[lines[i]];
    qsort(lines, order->line_count, sizeof(*lines), compare_items);
    for (uint32_t i = 0; i < order->line_count; i++)
        if (kept == 0 || lines[kept - 1] != lines[i])
            lines[kept++] = lines[i];
    order->line_count = kept;
}

void
hp_purchases_seal(struct hp_purchases *purchases)
{
    struct hp_purchase_drafts *drafts = drafts_of(purchases);
    uint32_t *places = hp_roster_sort(&purchases->items);

    purchases->orders = hp_alloc((drafts->ids.count + 1) * sizeof(*purchases->orders));
    for (size_t i = 0; i < drafts->ids.count; i++)
        if (counts(drafts, &drafts->items[i])) {
            struct hp_purchase *order = &purchases->orders[purchases->order_count++];

            *order = drafts->items[i].order;
            order_lines(purchases, order, places);
        }
    if (purchases->order_count)
        qsort(purchases->orders, purchases->order_count, sizeof(*purchases->orders),
            compare_orders);
    free(places);
    drafts_free(purchases);
}
