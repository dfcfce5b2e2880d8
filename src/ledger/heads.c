/*
 * ledger/heads.c - counters of items, and one user's share in them.
 *
 * Layout of a head: u8 version | varint users | varint opportunities | varint hits | varint
 * count | count × (varint day, as a step from the one before; varint users).
 *
 * Invariants: (1) a share's counters never depend on how it came about, only on the facts;
 * (2) hits <= opportunities <= HP_REPURCHASE_BASKETS × users; (3) days rise, none counts 0.
 * A head of a year of daily sales takes about 900 bytes.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ledger/heads.h"

#include "domain/instant.h"

#define VERSION 1

static const struct hp_head_day *
share_days(const int64_t *days, size_t count, struct hp_arena *arena)
{
    struct hp_head_day *list = HP_ARENA_ARRAY(arena, count, struct hp_head_day);

    for (size_t i = 0; i < count; i++)
        list[i] = (struct hp_head_day){days[i], 1};
    return list;
}

void
hp_shares_build(
    const struct hp_aggregate *aggregate, struct hp_arena *arena, struct hp_shares *shares)
{
    struct hp_share *list = HP_ARENA_ARRAY(arena, aggregate->item_count + 1, struct hp_share);

    *shares = (struct hp_shares){.items = list};
    if (aggregate->speaks)
        list[shares->count++] = (struct hp_share){HP_HEAD_EVERYBODY,
            {.users = 1,
                .days = share_days(aggregate->days, aggregate->day_count, arena),
                .day_count = aggregate->day_count}};
    for (size_t i = 0; i < aggregate->item_count; i++) {
        const struct hp_user_item *item = &aggregate->items[i];

        if (!item->sampled)
            continue;
        list[shares->count++] = (struct hp_share){
            item->item_id, {.users = 1,
                               .opportunities = item->opportunities,
                               .hits = item->hits,
                               .days = share_days(item->days, item->day_count, arena),
                               .day_count = item->day_count}};
    }
}

/* Merges two sorted lists of days; `sign` is applied to the second. Zero sums vanish. */
static void
merge_days(struct hp_head *out, const struct hp_head *a, const struct hp_head *b, int sign,
    struct hp_arena *arena)
{
    struct hp_head_day *days =
        HP_ARENA_ARRAY(arena, a->day_count + b->day_count, struct hp_head_day);
    size_t i = 0;
    size_t k = 0;
    size_t count = 0;

    while (i < a->day_count || k < b->day_count) {
        bool left = k == b->day_count || (i < a->day_count && a->days[i].day <= b->days[k].day);
        bool right =
            i == a->day_count || (k < b->day_count && b->days[k].day <= a->days[i].day);
        int64_t day = left ? a->days[i].day : b->days[k].day;
        int64_t users = (left ? a->days[i].users : 0) + sign * (right ? b->days[k].users : 0);

        i += left;
        k += right;
        if (users != 0)
            days[count++] = (struct hp_head_day){day, users};
    }
    out->days = days;
    out->day_count = count;
}

static struct hp_head
combine(const struct hp_head *a, const struct hp_head *b, int sign, struct hp_arena *arena)
{
    struct hp_head sum = {
        .users = a->users + sign * b->users,
        .opportunities = a->opportunities + sign * b->opportunities,
        .hits = a->hits + sign * b->hits,
    };

    merge_days(&sum, a, b, sign, arena);
    return sum;
}

void
hp_shares_difference(const struct hp_shares *before, const struct hp_shares *after,
    struct hp_arena *arena, struct hp_shares *difference)
{
    static const struct hp_head nothing;
    struct hp_share *list =
        HP_ARENA_ARRAY(arena, before->count + after->count, struct hp_share);
    size_t i = 0;
    size_t k = 0;

    *difference = (struct hp_shares){.items = list};
    while (i < before->count || k < after->count) {
        const struct hp_share *old = i < before->count ? &before->items[i] : NULL;
        const struct hp_share *new = k < after->count ? &after->items[k] : NULL;
        int order = !old ? 1 : (!new ? -1 : hp_bytes_compare(old->item_id, new->item_id));
        struct hp_share *change = &list[difference->count];

        *change = (struct hp_share){
            order <= 0 ? old->item_id : new->item_id,
            combine(order >= 0 ? &new->head : &nothing, order <= 0 ? &old->head : &nothing, -1,
                arena),
        };
        i += order <= 0;
        k += order >= 0;
        difference->count += !hp_head_empty(&change->head);
    }
}

bool
hp_head_empty(const struct hp_head *head)
{
    return head->users == 0 && head->opportunities == 0 && head->hits == 0 &&
           head->day_count == 0;
}

static bool
in_range(int64_t count)
{
    return count >= 0 && count <= HP_HEAD_COUNT_MAX;
}

static bool
head_valid(const struct hp_head *head)
{
    if (!in_range(head->users) || !in_range(head->opportunities) || !in_range(head->hits))
        return false;
    if (head->hits > head->opportunities || head->day_count > HP_HEAD_DAYS_MAX)
        return false;
    for (size_t i = 0; i < head->day_count; i++)
        if (!in_range(head->days[i].users))
            return false;
    return true;
}

enum hp_status
hp_head_add(struct hp_head *head, const struct hp_head *change, struct hp_arena *arena,
    struct hp_error *error)
{
    *head = combine(head, change, 1, arena);
    if (head_valid(head))
        return HP_OK;
    return hp_fail(error, HP_CORRUPT, "an item's counters do not fit its users' facts");
}

void
hp_head_put(const struct hp_head *head, struct hp_buffer *out)
{
    int64_t last = 0;

    hp_put_varint(out, head->users);
    hp_put_varint(out, head->opportunities);
    hp_put_varint(out, head->hits);
    hp_put_varint(out, (int64_t)head->day_count);
    for (size_t i = 0; i < head->day_count; i++) {
        hp_put_varint(out, head->days[i].day - last);
        hp_put_varint(out, head->days[i].users);
        last = head->days[i].day;
    }
}

void
hp_head_encode(const struct hp_head *head, struct hp_buffer *out)
{
    if (hp_head_empty(head))
        return;
    hp_put_u8(out, VERSION);
    hp_head_put(head, out);
}

static void
read_days(struct hp_cursor *cursor, struct hp_arena *arena, struct hp_head *head)
{
    size_t count = hp_value_count(cursor, HP_HEAD_DAYS_MAX, 2);
    struct hp_head_day *days = HP_ARENA_ARRAY(arena, count, struct hp_head_day);
    int64_t last = 0;

    for (size_t i = 0; i < count; i++) {
        last += hp_value_number(cursor, i ? 1 : 0, INT64_MAX / HP_DAY_MS);
        days[i].day = last;
        days[i].users = hp_value_number(cursor, 1, HP_HEAD_COUNT_MAX);
    }
    head->days = days;
    head->day_count = count;
}

void
hp_head_get(struct hp_cursor *cursor, struct hp_arena *arena, struct hp_head *head)
{
    head->users = hp_value_number(cursor, 0, HP_HEAD_COUNT_MAX);
    head->opportunities = hp_value_number(cursor, 0, HP_HEAD_COUNT_MAX);
    head->hits = hp_value_number(cursor, 0, HP_HEAD_COUNT_MAX);
    read_days(cursor, arena, head);
    if (hp_head_empty(head) || !head_valid(head))
        cursor->failed = true;
}

enum hp_status
hp_head_decode(
    struct hp_bytes value, struct hp_arena *arena, struct hp_head *head, struct hp_error *error)
{
    struct hp_cursor cursor = hp_value_open(value, VERSION);

    *head = (struct hp_head){0};
    if (!value.data)
        return HP_OK;
    hp_head_get(&cursor, arena, head);
    return hp_value_close(&cursor, "item head", error);
}
