/*
 * ledger/past.c - a user's orders by time, his items by id, and his sample by hash, kept
 * sorted.
 *
 *     orders[]   by (ordered_at, order id)       totals[] by amount     days[] by day
 *     entries[]  by item id, each with its orders by time and its days
 *     tickets[]  items of H_u and those that wait, by (hash, item id)
 *
 * A change of an order marks the items whose share it can move: its own, and those of the eight
 * orders before it, since their repurchase window may reach it. Marked items are worked out
 * again when somebody asks (refresh). The first mark since hp_past_settle() keeps what the item
 * said then, so that the difference can be told.
 *
 * Invariants: (1) sorted arrays have no equal neighbours, totals[] excepted; (2) an entry
 * stands in entries[] while the item is ordered or reacted to, and its memory is there until
 * the change after the next settle; (3) after refresh the first 256 tickets, and only they, are
 * sampled.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ledger/past.h"

#include "base/order.h"
#include "domain/instant.h"

struct basket;

struct list { /* of elements of one size, sorted */
    void *data;
    size_t count;
    size_t room;
};

struct entry {
    struct hp_user_item item; /* its days stay empty: they are in `days` */
    uint64_t hash;
    struct list baskets; /* struct basket * */
    struct list days;    /* int64_t */
    bool has_reaction;
    bool ticketed;
    bool marked;
    bool gone;
    uint64_t sampled_turn;
    struct hp_user_item old; /* since it was marked */
    struct entry *next_gone;
    uint8_t id[];
};

struct basket {
    int64_t ordered_at;
    int64_t total_minor;
    struct hp_bytes order_id; /* behind the lines */
    size_t line_count;
    struct entry *lines[];
};

struct ticket {
    uint64_t hash;
    struct entry *entry;
};

struct hp_past {
    struct hp_buffer user_id;
    struct list orders;  /* struct basket * */
    struct list totals;  /* int64_t */
    struct list days;    /* int64_t */
    struct list entries; /* struct entry * */
    struct list tickets; /* struct ticket */
    struct list marked;  /* struct entry *, in no order */
    struct entry *sample[HP_SAMPLE_MAX];
    size_t sample_count;
    uint64_t turn;
    size_t bytes;
    /* As of the last settle, kept from the first change after it. */
    bool open;
    struct hp_arena old;
    struct hp_bytes *old_sample;
    size_t old_sample_count;
    int64_t *old_days;
    size_t old_day_count;
    struct entry *gone; /* to be freed when the next change begins */
};

/* ---- sorted lists ------------------------------------------------------------------------ */

static void *
insert_at(struct hp_past *past, struct list *list, size_t at, size_t size)
{
    char *data;

    HP_ASSERT(at <= list->count);
    if (list->count == list->room) {
        size_t room = list->room + list->room / 2 + 2;

        list->data = hp_realloc_array(list->data, room, size);
        past->bytes += (room - list->room) * size;
        list->room = room;
    }
    data = (char *)list->data + at * size;
    memmove(data + size, data, (list->count - at) * size);
    list->count++;
    return data;
}

static void
remove_at(struct list *list, size_t at, size_t size)
{
    char *data = (char *)list->data + at * size;

    HP_ASSERT(at < list->count);
    list->count--;
    memmove(data, data + size, (list->count - at) * size);
}

static void
release_list(struct hp_past *past, struct list *list, size_t size)
{
    past->bytes -= list->room * size;
    free(list->data);
    *list = (struct list){0};
}

/* The first place whose element is not before `wanted`. */
static size_t
place_of(const struct list *list, size_t size, const void *wanted,
    int (*compare)(const void *a, const void *b))
{
    size_t low = 0;
    size_t high = list->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (compare((const char *)list->data + middle * size, wanted) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static int
compare_baskets(const void *a, const void *b)
{
    const struct basket *left = *(const struct basket *const *)a;
    const struct basket *right = *(const struct basket *const *)b;

    if (left->ordered_at != right->ordered_at)
        return left->ordered_at < right->ordered_at ? -1 : 1;
    return hp_bytes_compare(left->order_id, right->order_id);
}

static int
compare_entries(const void *a, const void *b)
{
    return hp_bytes_compare((*(const struct entry *const *)a)->item.item_id,
        (*(const struct entry *const *)b)->item.item_id);
}

static int
compare_tickets(const void *a, const void *b)
{
    const struct ticket *left = a;
    const struct ticket *right = b;

    if (left->hash != right->hash)
        return left->hash < right->hash ? -1 : 1;
    return hp_bytes_compare(left->entry->item.item_id, right->entry->item.item_id);
}

static struct basket **
baskets_of(const struct list *list)
{
    return list->data;
}

static struct entry **
entries_of(const struct list *list)
{
    return list->data;
}

static struct ticket *
tickets_of(const struct list *list)
{
    return list->data;
}

static size_t
basket_place(const struct list *list, const struct basket *basket)
{
    return place_of(list, sizeof(basket), &basket, compare_baskets);
}

static bool
stands_at(const struct list *list, size_t at, const struct basket *basket)
{
    return at < list->count && compare_baskets(&baskets_of(list)[at], &basket) == 0;
}

/* ---- what was said before ---------------------------------------------------------------- */

static void
free_entry(struct hp_past *past, struct entry *entry)
{
    release_list(past, &entry->baskets, sizeof(struct basket *));
    release_list(past, &entry->days, sizeof(int64_t));
    past->bytes -= sizeof(*entry) + entry->item.item_id.size;
    free(entry);
}

static void
free_gone(struct hp_past *past)
{
    while (past->gone) {
        struct entry *entry = past->gone;

        past->gone = entry->next_gone;
        free_entry(past, entry);
    }
}

static int64_t *
copy_days(struct hp_arena *arena, const struct list *days)
{
    int64_t *copy = HP_ARENA_ARRAY(arena, days->count, int64_t);

    if (days->count)
        memcpy(copy, days->data, days->count * sizeof(*copy));
    return copy;
}

/* The first change since the last settle. */
static void
begin(struct hp_past *past)
{
    if (past->open)
        return;
    past->open = true;
    free_gone(past);
    hp_arena_clear(&past->old);
    past->old_sample = HP_ARENA_ARRAY(&past->old, past->sample_count, struct hp_bytes);
    past->old_sample_count = past->sample_count;
    for (size_t i = 0; i < past->sample_count; i++)
        past->old_sample[i] = past->sample[i]->item.item_id;
    past->old_days = copy_days(&past->old, &past->days);
    past->old_day_count = past->days.count;
}

static size_t
days_told(size_t count)
{
    return count < HP_AGGREGATE_DAYS_MAX ? count : HP_AGGREGATE_DAYS_MAX;
}

/* Items outside H_u say nothing of days and repurchases. */
static struct hp_user_item
told(const struct entry *entry, const int64_t *days)
{
    struct hp_user_item item = entry->item;

    if (item.sampled) {
        item.days = days;
        item.day_count = days_told(entry->days.count);
    } else {
        item.opportunities = item.hits = 0;
    }
    return item;
}

static void
mark(struct hp_past *past, struct entry *entry)
{
    if (entry->marked)
        return;
    entry->marked = true;
    entry->old = told(entry, entry->item.sampled ? copy_days(&past->old, &entry->days) : NULL);
    *(struct entry **)insert_at(past, &past->marked, past->marked.count, sizeof(entry)) = entry;
}

/* ---- items ------------------------------------------------------------------------------- */

static uint64_t
hash_of(struct hp_past *past, struct hp_bytes item_id)
{
    size_t size = past->user_id.size;
    uint64_t hash;

    hp_put_u8(&past->user_id, 0);
    hp_buffer_append(&past->user_id, item_id.data, item_id.size);
    hash = hp_hash64(hp_buffer_bytes(&past->user_id));
    past->user_id.size = size;
    return hash;
}

static struct entry *
new_entry(struct hp_past *past, struct hp_bytes item_id)
{
    struct entry *entry = hp_alloc(sizeof(*entry) + item_id.size);

    memcpy(entry->id, item_id.data, item_id.size);
    entry->item.item_id = hp_bytes(entry->id, item_id.size);
    entry->hash = hash_of(past, item_id);
    past->bytes += sizeof(*entry) + item_id.size;
    return entry;
}

/* The item's entry, marked; NULL when there is none and none shall be made. */
static struct entry *
entry_of(struct hp_past *past, struct hp_bytes item_id, bool make)
{
    struct entry wanted = {.item = {.item_id = item_id}};
    struct entry *key = &wanted;
    size_t at = place_of(&past->entries, sizeof(key), &key, compare_entries);
    struct entry *entry = at < past->entries.count ? entries_of(&past->entries)[at] : NULL;

    if (!entry || !hp_bytes_equal(entry->item.item_id, item_id)) {
        if (!make)
            return NULL;
        entry = new_entry(past, item_id);
        *(struct entry **)insert_at(past, &past->entries, at, sizeof(entry)) = entry;
    }
    mark(past, entry);
    return entry;
}

/* ---- days -------------------------------------------------------------------------------- */

/* Whether an order at `at`, which is or would be there, is alone on its day. */
static bool
alone(const struct list *baskets, size_t before, size_t after, int64_t day)
{
    struct basket **list = baskets_of(baskets);

    return (before == 0 || hp_instant_day(list[before - 1]->ordered_at) != day) &&
           (after == baskets->count || hp_instant_day(list[after]->ordered_at) != day);
}

static void
add_day(struct hp_past *past, struct list *days, int64_t day)
{
    size_t at = place_of(days, sizeof(day), &day, hp_order_int64);

    *(int64_t *)insert_at(past, days, at, sizeof(day)) = day;
}

static void
drop_number(struct list *numbers, int64_t number)
{
    remove_at(
        numbers, place_of(numbers, sizeof(number), &number, hp_order_int64), sizeof(number));
}

/* Into orders by time, and the day with it when it is new. */
static void
add_basket(struct hp_past *past, struct list *baskets, struct list *days, struct basket *basket)
{
    size_t at = basket_place(baskets, basket);
    int64_t day = hp_instant_day(basket->ordered_at);

    if (alone(baskets, at, at, day))
        add_day(past, days, day);
    *(struct basket **)insert_at(past, baskets, at, sizeof(basket)) = basket;
}

static void
drop_basket(struct list *baskets, struct list *days, const struct basket *basket)
{
    size_t at = basket_place(baskets, basket);
    int64_t day = hp_instant_day(basket->ordered_at);

    if (alone(baskets, at, at + 1, day))
        drop_number(days, day);
    remove_at(baskets, at, sizeof(basket));
}

/* ---- orders ------------------------------------------------------------------------------ */

/* Items whose repurchase window can reach an order at this place. */
static void
mark_window(struct hp_past *past, size_t at)
{
    size_t first = at < HP_REPURCHASE_BASKETS ? 0 : at - HP_REPURCHASE_BASKETS;

    for (size_t i = first; i < at; i++) {
        const struct basket *basket = baskets_of(&past->orders)[i];

        for (size_t k = 0; k < basket->line_count; k++)
            mark(past, basket->lines[k]);
    }
}

static size_t
basket_bytes(size_t lines, size_t id_size)
{
    return sizeof(struct basket) + lines * sizeof(struct entry *) + id_size;
}

static struct basket *
new_basket(struct hp_past *past, struct hp_bytes order_id, const struct hp_order_fact *fact)
{
    struct basket *basket = hp_alloc(basket_bytes(fact->line_count, order_id.size));
    uint8_t *id = (uint8_t *)&basket->lines[fact->line_count];

    if (order_id.size)
        memcpy(id, order_id.data, order_id.size);
    basket->order_id = hp_bytes(id, order_id.size);
    basket->ordered_at = fact->ordered_at;
    basket->total_minor = hp_order_fact_total(fact);
    basket->line_count = fact->line_count;
    past->bytes += basket_bytes(fact->line_count, order_id.size);
    return basket;
}

static void
link_lines(struct hp_past *past, struct basket *basket, const struct hp_order_fact *fact)
{
    for (size_t i = 0; i < fact->line_count; i++) {
        struct entry *entry = entry_of(past, fact->lines[i].item_id, true);

        basket->lines[i] = entry;
        add_basket(past, &entry->baskets, &entry->days, basket);
    }
}

/* `*basket` is made, without a place in totals[]. */
static bool
insert_order(struct hp_past *past, struct hp_bytes order_id, const struct hp_order_fact *fact,
    struct basket **basket)
{
    const struct basket key = {.ordered_at = fact->ordered_at, .order_id = order_id};
    size_t at = basket_place(&past->orders, &key);

    if (stands_at(&past->orders, at, &key))
        return false;
    mark_window(past, at);
    *basket = new_basket(past, order_id, fact);
    link_lines(past, *basket, fact);
    add_basket(past, &past->orders, &past->days, *basket);
    return true;
}

static void
free_basket(struct hp_past *past, struct basket *basket)
{
    past->bytes -= basket_bytes(basket->line_count, basket->order_id.size);
    free(basket);
}

static bool
remove_order(struct hp_past *past, struct hp_bytes order_id, const struct hp_order_fact *fact)
{
    const struct basket key = {.ordered_at = fact->ordered_at, .order_id = order_id};
    size_t at = basket_place(&past->orders, &key);
    struct basket *basket;

    if (!stands_at(&past->orders, at, &key))
        return false;
    mark_window(past, at);
    basket = baskets_of(&past->orders)[at];
    for (size_t i = 0; i < basket->line_count; i++) {
        mark(past, basket->lines[i]);
        drop_basket(&basket->lines[i]->baskets, &basket->lines[i]->days, basket);
    }
    drop_basket(&past->orders, &past->days, basket);
    drop_number(&past->totals, basket->total_minor);
    free_basket(past, basket);
    return true;
}

static bool
counts(const struct hp_order_fact *fact)
{
    return fact && hp_order_fact_counts(fact);
}

bool
hp_past_order(struct hp_past *past, struct hp_bytes order_id,
    const struct hp_order_fact *before, const struct hp_order_fact *after)
{
    struct basket *basket;
    size_t at;

    begin(past);
    if (counts(before) && !remove_order(past, order_id, before))
        return false;
    if (!counts(after))
        return true;
    if (!insert_order(past, order_id, after, &basket))
        return false;
    at = place_of(&past->totals, sizeof(int64_t), &basket->total_minor, hp_order_int64);
    *(int64_t *)insert_at(past, &past->totals, at, sizeof(int64_t)) = basket->total_minor;
    return true;
}

void
hp_past_reaction(
    struct hp_past *past, struct hp_bytes item_id, const struct hp_reaction *reaction)
{
    struct entry *entry;

    begin(past);
    entry = entry_of(past, item_id, reaction != NULL);
    if (!entry)
        return;
    entry->has_reaction = reaction != NULL;
    entry->item.reaction = reaction ? reaction->sense : HP_REACTION_NONE;
    entry->item.reaction_at = reaction ? reaction->at : 0;
}

/* ---- working out what is marked ---------------------------------------------------------- */

static void
count_repurchases(const struct hp_past *past, struct entry *entry)
{
    struct basket **mine = entry->baskets.data;
    struct basket **all = past->orders.data;
    size_t first;
    size_t window;

    entry->item.opportunities = entry->item.hits = 0;
    if (entry->baskets.count == 0)
        return;
    first = basket_place(&past->orders, mine[0]);
    window = past->orders.count - 1 - first;
    if (window > HP_REPURCHASE_BASKETS)
        window = HP_REPURCHASE_BASKETS;
    entry->item.opportunities = (int64_t)window;
    for (size_t i = 1; i < entry->baskets.count; i++) {
        if (compare_baskets(&mine[i], &all[first + window]) > 0)
            break;
        entry->item.hits++;
    }
}

static void
move_ticket(struct hp_past *past, struct entry *entry)
{
    struct ticket ticket = {entry->hash, entry};
    bool wanted = hp_user_item_count(&entry->item) > 0;
    size_t at;

    if (wanted == entry->ticketed)
        return;
    entry->ticketed = wanted;
    at = place_of(&past->tickets, sizeof(ticket), &ticket, compare_tickets);
    if (wanted)
        *(struct ticket *)insert_at(past, &past->tickets, at, sizeof(ticket)) = ticket;
    else
        remove_at(&past->tickets, at, sizeof(ticket));
}

static void
work_out(struct hp_past *past, struct entry *entry)
{
    size_t orders = entry->baskets.count;

    if (entry->gone)
        return;
    entry->item.orders = (int64_t)orders;
    entry->item.last_order_at =
        orders ? baskets_of(&entry->baskets)[orders - 1]->ordered_at : 0;
    count_repurchases(past, entry);
    move_ticket(past, entry);
    if (orders > 0 || entry->has_reaction)
        return;
    remove_at(&past->entries, place_of(&past->entries, sizeof(entry), &entry, compare_entries),
        sizeof(entry));
    entry->gone = true;
    entry->next_gone = past->gone;
    past->gone = entry;
}

static void
draw_sample(struct hp_past *past)
{
    size_t count = past->tickets.count < HP_SAMPLE_MAX ? past->tickets.count : HP_SAMPLE_MAX;

    past->turn++;
    for (size_t i = 0; i < count; i++)
        tickets_of(&past->tickets)[i].entry->sampled_turn = past->turn;
    for (size_t i = 0; i < past->sample_count; i++) {
        if (past->sample[i]->sampled_turn == past->turn)
            continue;
        mark(past, past->sample[i]);
        past->sample[i]->item.sampled = false;
    }
    for (size_t i = 0; i < count; i++) {
        struct entry *entry = tickets_of(&past->tickets)[i].entry;

        if (!entry->item.sampled)
            mark(past, entry);
        entry->item.sampled = true;
        past->sample[i] = entry;
    }
    past->sample_count = count;
}

static void
refresh(struct hp_past *past)
{
    if (!past->open)
        return;
    for (size_t i = 0; i < past->marked.count; i++)
        work_out(past, entries_of(&past->marked)[i]);
    draw_sample(past);
}

/* ---- what it says ------------------------------------------------------------------------ */

static int64_t
later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* All but the items. */
static struct hp_aggregate
outline(const struct hp_past *past)
{
    size_t orders = past->orders.count;
    const int64_t *totals = past->totals.data;
    bool speaks = past->sample_count > 0;

    return (struct hp_aggregate){
        .order_count = (int64_t)orders,
        .median_total_minor = orders ? totals[(orders - 1) / 2] : 0,
        .latest_order_at = orders ? baskets_of(&past->orders)[orders - 1]->ordered_at : 0,
        .days = past->days.data,
        .day_count = speaks ? days_told(past->days.count) : 0,
        .speaks = speaks,
    };
}

void
hp_past_aggregate(struct hp_past *past, struct hp_arena *arena, struct hp_aggregate *aggregate)
{
    struct hp_user_item *items;

    refresh(past);
    *aggregate = outline(past);
    aggregate->latest_at = aggregate->latest_order_at;
    items = HP_ARENA_ARRAY(arena, past->entries.count, struct hp_user_item);
    for (size_t i = 0; i < past->entries.count; i++) {
        const struct entry *entry = entries_of(&past->entries)[i];

        items[i] = told(entry, entry->days.data);
        aggregate->choice_count += hp_user_item_count(&items[i]);
        aggregate->latest_at = later(aggregate->latest_at, items[i].reaction_at);
    }
    aggregate->items = items;
    aggregate->item_count = past->entries.count;
}

static int
compare_items(const void *a, const void *b)
{
    return hp_bytes_compare(
        ((const struct hp_user_item *)a)->item_id, ((const struct hp_user_item *)b)->item_id);
}

static void
view_before(const struct hp_past *past, struct hp_arena *arena, struct hp_past_view *view)
{
    struct hp_user_item *items = HP_ARENA_ARRAY(arena, past->marked.count, struct hp_user_item);
    struct hp_aggregate aggregate = {
        .items = items, .days = past->old_days, .speaks = past->old_sample_count > 0};

    aggregate.day_count = aggregate.speaks ? days_told(past->old_day_count) : 0;
    for (size_t i = 0; i < past->marked.count; i++)
        if (entries_of(&past->marked)[i]->old.sampled)
            items[aggregate.item_count++] = entries_of(&past->marked)[i]->old;
    if (aggregate.item_count)
        qsort(items, aggregate.item_count, sizeof(*items), compare_items);
    *view = (struct hp_past_view){past->old_sample, past->old_sample_count, {0}};
    hp_shares_build(&aggregate, arena, &view->shares);
}

static void
view_after(const struct hp_past *past, struct hp_arena *arena, struct hp_past_view *view)
{
    struct hp_user_item *items = HP_ARENA_ARRAY(arena, past->marked.count, struct hp_user_item);
    struct hp_bytes *sample = HP_ARENA_ARRAY(arena, past->sample_count, struct hp_bytes);
    struct hp_aggregate aggregate = outline(past);

    for (size_t i = 0; i < past->marked.count; i++) {
        const struct entry *entry = entries_of(&past->marked)[i];

        if (entry->item.sampled)
            items[aggregate.item_count++] = told(entry, entry->days.data);
    }
    if (aggregate.item_count)
        qsort(items, aggregate.item_count, sizeof(*items), compare_items);
    aggregate.items = items;
    for (size_t i = 0; i < past->sample_count; i++)
        sample[i] = past->sample[i]->item.item_id;
    *view = (struct hp_past_view){sample, past->sample_count, {0}};
    hp_shares_build(&aggregate, arena, &view->shares);
}

void
hp_past_settle(struct hp_past *past, struct hp_arena *arena, struct hp_past_view *before,
    struct hp_past_view *after)
{
    begin(past);
    refresh(past);
    view_before(past, arena, before);
    view_after(past, arena, after);
    for (size_t i = 0; i < past->marked.count; i++)
        entries_of(&past->marked)[i]->marked = false;
    past->marked.count = 0;
    past->open = false;
}

/* ---- all at once ------------------------------------------------------------------------- */

/* In the order of time everything goes to an end; totals are sorted once. */
static bool
take_orders(struct hp_past *past, const struct hp_user_facts *facts)
{
    const struct hp_user_order **orders = hp_alloc((facts->order_count + 1) * sizeof(*orders));
    struct basket *basket;
    size_t count = hp_user_orders_live(facts, orders);
    bool good = true;

    for (size_t i = 0; i < count && good; i++) {
        good = insert_order(past, orders[i]->order_id, &orders[i]->fact, &basket);
        if (good)
            *(int64_t *)insert_at(past, &past->totals, i, sizeof(int64_t)) =
                basket->total_minor;
    }
    if (past->totals.count)
        qsort(past->totals.data, past->totals.count, sizeof(int64_t), hp_order_int64);
    free(orders);
    return good;
}

struct hp_past *
hp_past_new(const struct hp_user_facts *facts)
{
    struct hp_past *past = hp_alloc(sizeof(*past));
    struct hp_past_view before;
    struct hp_past_view after;
    struct hp_arena arena = {0};

    past->bytes = sizeof(*past);
    hp_buffer_append(&past->user_id, facts->user_id.data, facts->user_id.size);
    begin(past);
    if (!take_orders(past, facts)) {
        hp_past_free(past);
        return NULL;
    }
    for (size_t i = 0; i < facts->reaction_count; i++)
        hp_past_reaction(past, facts->reactions[i].item_id, &facts->reactions[i].reaction);
    hp_past_settle(past, &arena, &before, &after);
    hp_arena_release(&arena);
    return past;
}

void
hp_past_free(struct hp_past *past)
{
    if (!past)
        return;
    free_gone(past);
    for (size_t i = 0; i < past->entries.count; i++)
        free_entry(past, entries_of(&past->entries)[i]);
    for (size_t i = 0; i < past->orders.count; i++)
        free(baskets_of(&past->orders)[i]);
    free(past->orders.data);
    free(past->totals.data);
    free(past->days.data);
    free(past->entries.data);
    free(past->tickets.data);
    free(past->marked.data);
    hp_arena_release(&past->old);
    hp_buffer_release(&past->user_id);
    free(past);
}

size_t
hp_past_bytes(const struct hp_past *past)
{
    return past->bytes;
}

size_t
hp_past_orders(const struct hp_past *past)
{
    return past->orders.count;
}
