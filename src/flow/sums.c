/*
 * flow/sums.c - partial rows, kept small.
 *
 * Of each partition and item: varint size of the head, the head as ledger/heads.h writes it,
 * then for each partner, by number, the step from the number before and the users, both as
 * unsigned varints (seven bits a byte, low first). Numbers instead of ids: 2 to 4 bytes a
 * partner where the topic has 5 to 6.
 *
 * Rows of up to a thousand partners are wanted sixty times each when all items are solved, so
 * sums stay decoded in a cache: eight bytes a partner, or two an item when a quarter of all
 * items are partners, where a count is found in one step. The hand of a clock walks over the
 * rows and drops those nobody asked for since it last came by.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "flow/sums.h"

#include "flow/items.h"

#define NUMBERS_FIRST 256

struct summed { /* one allocation with its arrays */
    struct hp_sums_row row;
    size_t bytes;
};

struct entry {
    struct hp_item_node node;
    uint32_t number;
    uint32_t rank;
    bool everybody;
    bool asked; /* for its sum, since the hand came by */
    int64_t users;
    int64_t *users_of; /* by partition; owned, as `partials` is */
    struct hp_bytes *partials;
    struct summed *summed;
};

struct hp_sums {
    int32_t partitions;
    size_t cache_bytes;
    struct hp_items items;
    struct entry **by_number;
    size_t capacity;
    uint32_t *by_rank;
    size_t ranked; /* items the ranks hold for */
    size_t kept;
    size_t summed;
    size_t hand;
    int64_t choices;
    int64_t chosen;
    struct hp_buffer scratch;
};

struct hp_sums *
hp_sums_new(int32_t partitions, size_t cache_bytes)
{
    struct hp_sums *sums = hp_alloc(sizeof(*sums));

    sums->partitions = partitions;
    sums->cache_bytes = cache_bytes;
    return sums;
}

static void
drop_summed(struct hp_sums *sums, struct entry *entry)
{
    if (!entry->summed)
        return;
    sums->summed -= entry->summed->bytes;
    free(entry->summed);
    entry->summed = NULL;
}

void
hp_sums_free(struct hp_sums *sums)
{
    if (!sums)
        return;
    for (size_t i = 0; i < sums->items.count; i++) {
        struct entry *entry = sums->by_number[i];

        for (int32_t p = 0; entry->partials && p < sums->partitions; p++)
            free((void *)entry->partials[p].data);
        free(entry->partials);
        free(entry->users_of);
        drop_summed(sums, entry);
    }
    free(sums->by_number);
    free(sums->by_rank);
    hp_items_release(&sums->items);
    hp_buffer_release(&sums->scratch);
    free(sums);
}

/* ---- numbers and ranks --------------------------------------------------------------------
 */

static void
grow(struct hp_sums *sums)
{
    size_t wider = sums->capacity ? 2 * sums->capacity : NUMBERS_FIRST;
    struct entry **grown = hp_alloc(wider * sizeof(struct entry *));

    if (sums->capacity)
        memcpy(grown, sums->by_number, sums->capacity * sizeof(struct entry *));
    free(sums->by_number);
    sums->by_number = grown;
    sums->capacity = wider;
}

uint32_t
hp_sums_number(struct hp_sums *sums, struct hp_bytes item_id)
{
    size_t count = sums->items.count;
    struct entry *entry = (struct entry *)hp_items_get(&sums->items, item_id, sizeof(*entry));

    if (sums->items.count == count)
        return entry->number;
    if (count == sums->capacity)
        grow(sums);
    sums->by_number[count] = entry;
    entry->number = (uint32_t)count;
    entry->everybody = hp_bytes_equal(item_id, HP_HEAD_EVERYBODY);
    return entry->number;
}

struct hp_bytes
hp_sums_id(const struct hp_sums *sums, uint32_t number)
{
    return sums->by_number[number]->node.id;
}

size_t
hp_sums_count(const struct hp_sums *sums)
{
    return sums->items.count;
}

static int
by_id(const void *a, const void *b)
{
    const struct entry *left = *(struct entry *const *)a;
    const struct entry *right = *(struct entry *const *)b;

    return hp_bytes_compare(left->node.id, right->node.id);
}

static void
sort_ranks(struct hp_sums *sums)
{
    size_t count = sums->items.count;
    struct entry **sorted;

    if (sums->ranked == count)
        return;
    sorted = hp_alloc(count * sizeof(struct entry *));
    memcpy(sorted, sums->by_number, count * sizeof(struct entry *));
    qsort(sorted, count, sizeof(struct entry *), by_id);
    free(sums->by_rank);
    sums->by_rank = hp_alloc(count * sizeof(*sums->by_rank));
    for (size_t i = 0; i < count; i++) {
        sorted[i]->rank = (uint32_t)i;
        sums->by_rank[i] = sorted[i]->number;
    }
    free(sorted);
    sums->ranked = count;
}

uint32_t
hp_sums_rank(struct hp_sums *sums, uint32_t number)
{
    sort_ranks(sums);
    return sums->by_number[number]->rank;
}

uint32_t
hp_sums_at_rank(struct hp_sums *sums, uint32_t rank)
{
    sort_ranks(sums);
    return sums->by_rank[rank];
}

/* ---- partial rows -------------------------------------------------------------------------
 */

static void
put_unsigned(struct hp_buffer *out, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        hp_put_u8(out, (uint8_t)(value | 0x80));
    hp_put_u8(out, (uint8_t)value);
}

static inline uint64_t
get_unsigned(const uint8_t **at)
{
    uint64_t value = *(*at)++;

    if (value < 0x80)
        return value;
    value &= 0x7f;
    for (int shift = 7;; shift += 7) {
        uint64_t byte = *(*at)++;

        value |= (byte & 0x7f) << shift;
        if (byte < 0x80)
            return value;
    }
}

struct pair {
    uint32_t number;
    uint32_t users;
};

static int
by_number(const void *a, const void *b)
{
    const struct pair *left = a;
    const struct pair *right = b;

    return (left->number > right->number) - (left->number < right->number);
}

/* Long rows are laid out by number instead of sorted. Nobody counts 0 users. */
static size_t
sort_pairs(const struct hp_sums *sums, struct pair *pairs, size_t count)
{
    uint32_t *users;
    size_t at = 0;

    if (count < sums->items.count / 16) {
        qsort(pairs, count, sizeof(*pairs), by_number);
        return count;
    }
    users = hp_alloc((sums->items.count + 1) * sizeof(*users));
    for (size_t i = 0; i < count; i++)
        users[pairs[i].number] += pairs[i].users;
    for (uint32_t number = 0; number < sums->items.count; number++)
        if (users[number])
            pairs[at++] = (struct pair){number, users[number]};
    free(users);
    return at;
}

static void
pack_partial(struct hp_sums *sums, const struct hp_partial *partial, struct hp_buffer *out)
{
    struct pair *pairs = hp_alloc((partial->partner_count + 1) * sizeof(*pairs));
    struct hp_buffer head = {0};
    uint32_t last = 0;
    size_t count;

    for (size_t i = 0; i < partial->partner_count; i++)
        pairs[i] = (struct pair){hp_sums_number(sums, partial->partners[i].item_id),
            (uint32_t)partial->partners[i].users};
    count = sort_pairs(sums, pairs, partial->partner_count);
    hp_head_encode(&partial->head, &head);
    put_unsigned(out, head.size);
    hp_buffer_append(out, head.data, head.size);
    for (size_t i = 0; i < count; i++) {
        put_unsigned(out, pairs[i].number - last);
        put_unsigned(out, pairs[i].users);
        last = pairs[i].number;
    }
    hp_buffer_release(&head);
    free(pairs);
}

static void
count_users(struct hp_sums *sums, struct entry *entry, int32_t partition, int64_t users)
{
    int64_t before = entry->users;

    entry->users += users - entry->users_of[partition];
    entry->users_of[partition] = users;
    if (entry->everybody)
        return;
    sums->choices += entry->users - before;
    sums->chosen += (entry->users > 0) - (before > 0);
}

void
hp_sums_set(
    struct hp_sums *sums, int32_t partition, uint32_t number, const struct hp_partial *partial)
{
    struct entry *entry = sums->by_number[number];
    size_t partitions = (size_t)sums->partitions;
    struct hp_bytes *kept;
    uint8_t *copy = NULL;

    if (!entry->partials) {
        entry->partials = hp_alloc(partitions * sizeof(*entry->partials));
        entry->users_of = hp_alloc(partitions * sizeof(*entry->users_of));
    }
    hp_buffer_clear(&sums->scratch);
    if (partial) {
        pack_partial(sums, partial, &sums->scratch);
        copy = hp_alloc(sums->scratch.size);
        memcpy(copy, sums->scratch.data, sums->scratch.size);
    }
    kept = &entry->partials[partition];
    sums->kept += sums->scratch.size;
    sums->kept -= kept->size;
    free((void *)kept->data);
    *kept = hp_bytes(copy, sums->scratch.size);
    count_users(sums, entry, partition, partial ? partial->head.users : 0);
    drop_summed(sums, entry);
}

int64_t
hp_sums_users(const struct hp_sums *sums, uint32_t number)
{
    return sums->by_number[number]->users;
}

int64_t
hp_sums_choices(const struct hp_sums *sums)
{
    return sums->choices;
}

int64_t
hp_sums_chosen(const struct hp_sums *sums)
{
    return sums->chosen;
}

enum hp_status
hp_sums_head(const struct hp_sums *sums, uint32_t number, struct hp_arena *arena,
    struct hp_head *head, struct hp_error *error)
{
    const struct entry *entry = sums->by_number[number];
    enum hp_status status = HP_OK;

    *head = (struct hp_head){0};
    for (int32_t p = 0; entry->partials && p < sums->partitions && !status; p++) {
        const uint8_t *at = entry->partials[p].data;
        struct hp_head part;
        size_t size;

        if (!at)
            continue;
        size = get_unsigned(&at);
        status = hp_head_decode(hp_bytes(at, size), arena, &part, error);
        if (!status)
            status = hp_head_add(head, &part, arena, error);
    }
    return status;
}

/* ---- sums ---------------------------------------------------------------------------------
 */

/* Partners of one partition, behind its head. At most one for every two bytes. */
static size_t
unpack(struct hp_bytes partial, struct pair *pairs)
{
    const uint8_t *at = partial.data;
    const uint8_t *end = partial.data + partial.size;
    uint32_t number = 0;
    size_t count = 0;
    size_t head = get_unsigned(&at);

    for (at += head; at < end; count++) {
        number += (uint32_t)get_unsigned(&at);
        pairs[count] = (struct pair){number, (uint32_t)get_unsigned(&at)};
    }
    return count;
}

static size_t
merge(const struct pair *a, size_t a_count, const struct pair *b, size_t b_count,
    struct pair *out)
{
    size_t i = 0;
    size_t j = 0;
    size_t count = 0;

    while (i < a_count && j < b_count) {
        if (a[i].number == b[j].number) {
            out[count] = a[i++];
            out[count++].users += b[j++].users;
        } else if (a[i].number < b[j].number) {
            out[count++] = a[i++];
        } else {
            out[count++] = b[j++];
        }
    }
    while (i < a_count)
        out[count++] = a[i++];
    while (j < b_count)
        out[count++] = b[j++];
    return count;
}

static struct summed *
summed_new(size_t arrays)
{
    struct summed *summed = hp_alloc(sizeof(*summed) + arrays);

    summed->bytes = sizeof(*summed) + arrays;
    return summed;
}

static struct summed *
by_partner(const struct pair *pairs, size_t count)
{
    struct summed *summed = summed_new(2 * count * sizeof(uint32_t));
    uint32_t *numbers = (uint32_t *)(summed + 1);
    uint32_t *users = numbers + count;

    for (size_t i = 0; i < count; i++) {
        numbers[i] = pairs[i].number;
        users[i] = pairs[i].users;
    }
    summed->row = (struct hp_sums_row){.numbers = numbers, .users = users, .count = count};
    return summed;
}

static struct summed *
for_all(const struct pair *pairs, size_t count, size_t items)
{
    struct summed *summed = summed_new(items * sizeof(uint16_t));
    uint16_t *all = (uint16_t *)(summed + 1);

    for (size_t i = 0; i < count; i++)
        all[pairs[i].number] = (uint16_t)pairs[i].users;
    summed->row = (struct hp_sums_row){.all = all, .count = items};
    return summed;
}

static bool
fits_for_all(const struct pair *pairs, size_t count, size_t items)
{
    if (count < items / 4)
        return false;
    for (size_t i = 0; i < count; i++)
        if (pairs[i].users > UINT16_MAX)
            return false;
    return true;
}

static struct summed *
sum_up(const struct hp_sums *sums, const struct entry *entry)
{
    size_t items = sums->items.count;
    struct summed *summed;
    size_t count = 0;
    size_t room = 1;
    struct pair *sum;
    struct pair *part;
    struct pair *next;

    for (int32_t p = 0; entry->partials && p < sums->partitions; p++)
        room += entry->partials[p].size / 2;
    sum = hp_alloc(3 * room * sizeof(*sum));
    part = sum + room;
    next = part + room;
    for (int32_t p = 0; entry->partials && p < sums->partitions; p++) {
        struct pair *old = sum;

        if (!entry->partials[p].data)
            continue;
        count = merge(sum, count, part, unpack(entry->partials[p], part), next);
        sum = next;
        next = old;
    }
    summed =
        fits_for_all(sum, count, items) ? for_all(sum, count, items) : by_partner(sum, count);
    free(sum < next ? sum : next);
    return summed;
}

struct hp_sums_row
hp_sums_row(struct hp_sums *sums, uint32_t number)
{
    struct entry *entry = sums->by_number[number];

    if (!entry->summed) {
        entry->summed = sum_up(sums, entry);
        sums->summed += entry->summed->bytes;
    }
    entry->asked = true;
    return entry->summed->row;
}

uint32_t
hp_sums_both(const struct hp_sums_row *row, uint32_t number)
{
    const uint32_t *base = row->numbers;
    size_t left = row->count;

    if (left == 0)
        return 0;
    if (!base)
        return number < left ? row->all[number] : 0;
    while (left > 1) { /* without branches that depend on the numbers */
        size_t half = left / 2;

        base = base[half] <= number ? base + half : base;
        left -= half;
    }
    return *base == number ? row->users[base - row->numbers] : 0;
}

void
hp_sums_trim(struct hp_sums *sums)
{
    while (sums->summed > sums->cache_bytes) {
        struct entry *entry = sums->by_number[sums->hand];

        sums->hand = (sums->hand + 1) % sums->items.count;
        if (!entry->asked)
            drop_summed(sums, entry);
        entry->asked = false;
    }
}

void
hp_sums_bytes(const struct hp_sums *sums, size_t *kept, size_t *summed)
{
    *kept = sums->kept;
    *summed = sums->summed;
}
