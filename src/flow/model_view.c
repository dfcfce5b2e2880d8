/*
 * flow/model_view.c - epochs become snapshots.
 *
 * The master table holds every row up to the last manifest; rows read since wait in a queue.
 * A manifest moves the queue into the table; then the digest of the table must be the
 * manifest's, otherwise the epoch is not shown. That is common while the start of a compacted
 * topic is read (rows an old manifest speaks of have newer versions further on) and a fault
 * afterwards; the solver compares the topic with its own results when it starts and repairs it.
 * After a batch of reading, the last whole epoch becomes one flat, immutable table, in which
 * rates and trends are worked out already, and rows are turned round: scoring walks from what a
 * user had to what that speaks for. 50 bytes an item and its id, 6 bytes a weight.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "flow/model_view.h"

#include "base/log.h"
#include "base/metric.h"
#include "engine/view.h"
#include "flow/epoch.h"
#include "flow/items.h"
#include "ledger/digest.h"
#include "model/rate.h"

#include <pthread.h>
#include <stdatomic.h>

#define MICROS 1000000

struct links { /* of all numbers: `starts` has one entry more */
    uint32_t *starts;
    uint32_t *items;
    uint16_t *weights;
};

struct hp_model_snapshot {
    atomic_long holders;
    int64_t epoch;
    int64_t users;
    int64_t latest_day;
    size_t count;      /* rows */
    size_t numbers;    /* rows and partners */
    size_t slot_count; /* a power of two, at least 2 × numbers */
    uint32_t *slots;   /* number + 1; 0: empty */
    uint64_t *hashes;
    uint32_t *id_starts; /* one more than numbers */
    uint8_t *ids;
    struct hp_model_item *items;
    bool *known; /* it has a row */
    struct links speaks_for;
    struct links goes_with;
};

struct partner {
    uint32_t number;
    uint8_t next;
    uint8_t box;
};

struct row { /* of the master table; also for items that are only partners */
    struct hp_item_node node;
    uint32_t number;
    bool known; /* the rest holds */
    uint8_t next_shift;
    uint8_t box_shift;
    uint8_t partner_count;
    struct partner *partners; /* owned */
    struct hp_model_row row;
    struct hp_digest digest;
};

struct hp_model_view {
    struct hp_view *view;
    struct hp_items rows; /* nobody leaves it, so that numbers stay */
    struct row **by_number;
    size_t number_capacity;
    size_t row_count;
    struct hp_buffer waiting; /* key and value of rows behind the last manifest */
    struct hp_digest digest;  /* of the master table */
    struct hp_manifest manifest;
    bool fresh; /* the table is a whole epoch not yet shown */
    bool torn;  /* the last manifest did not fit the rows in front of it */
    struct hp_arena arena;
    struct hp_metric *epoch_metric;
    pthread_mutex_t lock; /* of `snapshot` */
    struct hp_model_snapshot *snapshot;
};

/* ---- snapshots --------------------------------------------------------------------------- */

/* Decayed buyers of a day against all decayed buyers; halved together until it fits. */
static int64_t
share_micros(int64_t part, int64_t whole)
{
    while (part >= INT64_C(1) << 42) {
        part >>= 1;
        whole >>= 1;
    }
    return whole > 0 ? (part * MICROS + whole / 2) / whole : 0;
}

static struct hp_model_item
item_of(const struct hp_model_row *row, const struct hp_model_row *all)
{
    return (struct hp_model_item){
        .users = row->users,
        .trend_micros = share_micros(
            hp_model_row_trend(row, all->last_day), hp_model_row_trend(all, all->last_day)),
        .repurchase_micros =
            hp_rate_repurchase(row->hits, row->opportunities, all->hits, all->opportunities),
    };
}

static void
links_release(struct links *links)
{
    free(links->starts);
    free(links->items);
    free(links->weights);
}

/* From counts of numbers 0 to numbers - 1, in starts[1..], to starts; returns the sum. */
static size_t
starts_of(uint32_t *starts, size_t numbers)
{
    for (size_t i = 0; i < numbers; i++)
        starts[i + 1] += starts[i];
    return starts[numbers];
}

static void
links_alloc(struct links *links, size_t count)
{
    links->items = hp_alloc((count + 1) * sizeof(*links->items));
    links->weights = hp_alloc((count + 1) * sizeof(*links->weights));
}

static uint16_t
weight_of(uint8_t byte, uint8_t shift)
{
    uint32_t weight = (uint32_t)byte << (HP_RIDGE_SHIFT_MAX - shift);

    return weight > UINT16_MAX ? UINT16_MAX : (uint16_t)weight;
}

/* Partners of each row, as published. */
static void
fill_goes_with(const struct hp_model_view *view, size_t numbers, struct links *links)
{
    uint32_t *starts = hp_alloc((numbers + 1) * sizeof(*starts));
    size_t used = 0;

    for (size_t i = 0; i < numbers; i++)
        for (size_t k = 0; k < view->by_number[i]->partner_count; k++)
            starts[i + 1] += view->by_number[i]->partners[k].box > 0;
    links->starts = starts;
    links_alloc(links, starts_of(starts, numbers));
    for (size_t i = 0; i < numbers; i++) {
        const struct row *row = view->by_number[i];

        for (size_t k = 0; k < row->partner_count; k++) {
            if (row->partners[k].box == 0)
                continue;
            links->items[used] = row->partners[k].number;
            links->weights[used++] = weight_of(row->partners[k].box, row->box_shift);
        }
    }
}

/* The rows turned round: from a partner to the items it speaks for. */
static void
fill_speaks_for(const struct hp_model_view *view, size_t numbers, struct links *links)
{
    uint32_t *starts = hp_alloc((numbers + 1) * sizeof(*starts));
    uint32_t *next = hp_alloc((numbers + 1) * sizeof(*next));

    for (size_t i = 0; i < numbers; i++)
        for (size_t k = 0; k < view->by_number[i]->partner_count; k++)
            if (view->by_number[i]->partners[k].next > 0)
                starts[view->by_number[i]->partners[k].number + 1]++;
    links->starts = starts;
    links_alloc(links, starts_of(starts, numbers));
    memcpy(next, starts, (numbers + 1) * sizeof(*next));
    for (size_t i = 0; i < numbers; i++) {
        const struct row *row = view->by_number[i];

        for (size_t k = 0; k < row->partner_count; k++) {
            uint32_t at;

            if (row->partners[k].next == 0)
                continue;
            at = next[row->partners[k].number]++;
            links->items[at] = (uint32_t)i;
            links->weights[at] = weight_of(row->partners[k].next, row->next_shift);
        }
    }
    free(next);
}

static void
fill_ids(const struct hp_model_view *view, struct hp_model_snapshot *snapshot)
{
    size_t size = 0;

    for (size_t i = 0; i < snapshot->numbers; i++)
        size += view->by_number[i]->node.id.size;
    snapshot->id_starts = hp_alloc((snapshot->numbers + 1) * sizeof(*snapshot->id_starts));
    snapshot->hashes = hp_alloc((snapshot->numbers + 1) * sizeof(*snapshot->hashes));
    snapshot->ids = hp_alloc(size + 1);
    for (snapshot->slot_count = 2; snapshot->slot_count < 2 * snapshot->numbers;)
        snapshot->slot_count *= 2;
    snapshot->slots = hp_alloc(snapshot->slot_count * sizeof(*snapshot->slots));
    for (size_t i = 0; i < snapshot->numbers; i++) {
        const struct hp_item_node *node = &view->by_number[i]->node;
        size_t slot = node->hash & (snapshot->slot_count - 1);

        while (snapshot->slots[slot])
            slot = (slot + 1) & (snapshot->slot_count - 1);
        snapshot->slots[slot] = (uint32_t)i + 1;
        snapshot->hashes[i] = node->hash;
        memcpy(snapshot->ids + snapshot->id_starts[i], node->id.data, node->id.size);
        snapshot->id_starts[i + 1] = snapshot->id_starts[i] + (uint32_t)node->id.size;
    }
}

static struct hp_model_snapshot *
snapshot_new(const struct hp_model_view *view)
{
    struct hp_model_snapshot *snapshot = hp_alloc(sizeof(*snapshot));
    size_t numbers = view->rows.count;

    atomic_init(&snapshot->holders, 1);
    snapshot->epoch = view->manifest.epoch;
    snapshot->users = view->manifest.all.users;
    snapshot->latest_day = view->manifest.all.last_day;
    snapshot->count = view->row_count;
    snapshot->numbers = numbers;
    snapshot->items = hp_alloc((numbers + 1) * sizeof(*snapshot->items));
    snapshot->known = hp_alloc((numbers + 1) * sizeof(*snapshot->known));
    for (size_t i = 0; i < numbers; i++) {
        const struct row *row = view->by_number[i];

        snapshot->known[i] = row->known;
        snapshot->items[i] = row->known ? item_of(&row->row, &view->manifest.all)
                                        : (struct hp_model_item){.repurchase_micros = MICROS};
    }
    fill_ids(view, snapshot);
    fill_speaks_for(view, numbers, &snapshot->speaks_for);
    fill_goes_with(view, numbers, &snapshot->goes_with);
    return snapshot;
}

struct hp_model_snapshot *
hp_model_view_acquire(struct hp_model_view *view)
{
    struct hp_model_snapshot *snapshot;

    pthread_mutex_lock(&view->lock);
    snapshot = view->snapshot;
    atomic_fetch_add(&snapshot->holders, 1);
    pthread_mutex_unlock(&view->lock);
    return snapshot;
}

void
hp_model_snapshot_release(struct hp_model_snapshot *snapshot)
{
    if (!snapshot || atomic_fetch_sub(&snapshot->holders, 1) > 1)
        return;
    free(snapshot->slots);
    free(snapshot->hashes);
    free(snapshot->id_starts);
    free(snapshot->ids);
    free(snapshot->items);
    free(snapshot->known);
    links_release(&snapshot->speaks_for);
    links_release(&snapshot->goes_with);
    free(snapshot);
}

int64_t
hp_model_snapshot_epoch(const struct hp_model_snapshot *snapshot)
{
    return snapshot->epoch;
}

int64_t
hp_model_snapshot_users(const struct hp_model_snapshot *snapshot)
{
    return snapshot->users;
}

int64_t
hp_model_snapshot_latest_day(const struct hp_model_snapshot *snapshot)
{
    return snapshot->latest_day;
}

size_t
hp_model_snapshot_count(const struct hp_model_snapshot *snapshot)
{
    return snapshot->count;
}

struct hp_model_item
hp_model_snapshot_find(const struct hp_model_snapshot *snapshot, struct hp_bytes item_id)
{
    return hp_model_snapshot_item(snapshot, hp_model_snapshot_number(snapshot, item_id));
}

size_t
hp_model_snapshot_numbers(const struct hp_model_snapshot *snapshot)
{
    return snapshot->numbers;
}

uint32_t
hp_model_snapshot_number(const struct hp_model_snapshot *snapshot, struct hp_bytes item_id)
{
    uint64_t hash = hp_hash64(item_id);
    size_t slot = hash & (snapshot->slot_count - 1);

    for (; snapshot->slots[slot]; slot = (slot + 1) & (snapshot->slot_count - 1)) {
        uint32_t number = snapshot->slots[slot] - 1;

        if (snapshot->hashes[number] == hash &&
            hp_bytes_equal(hp_model_snapshot_id(snapshot, number), item_id))
            return number;
    }
    return HP_MODEL_NOBODY;
}

struct hp_model_item
hp_model_snapshot_item(const struct hp_model_snapshot *snapshot, uint32_t number)
{
    if (number >= snapshot->numbers)
        return (struct hp_model_item){.repurchase_micros = MICROS};
    return snapshot->items[number];
}

struct hp_bytes
hp_model_snapshot_id(const struct hp_model_snapshot *snapshot, uint32_t number)
{
    uint32_t from = snapshot->id_starts[number];

    return hp_bytes(snapshot->ids + from, snapshot->id_starts[number + 1] - from);
}

static struct hp_model_links
links_of(const struct links *links, size_t numbers, uint32_t number)
{
    uint32_t from;

    if (number >= numbers)
        return (struct hp_model_links){.count = 0};
    from = links->starts[number];
    return (struct hp_model_links){
        links->items + from, links->weights + from, links->starts[number + 1] - from};
}

struct hp_model_links
hp_model_snapshot_speaks_for(const struct hp_model_snapshot *snapshot, uint32_t number)
{
    return links_of(&snapshot->speaks_for, snapshot->numbers, number);
}

struct hp_model_links
hp_model_snapshot_goes_with(const struct hp_model_snapshot *snapshot, uint32_t number)
{
    return links_of(&snapshot->goes_with, snapshot->numbers, number);
}

size_t
hp_model_snapshot_bytes(const struct hp_model_snapshot *snapshot)
{
    size_t numbers = snapshot->numbers;
    size_t links =
        (size_t)snapshot->speaks_for.starts[numbers] + snapshot->goes_with.starts[numbers];

    return sizeof(*snapshot) + snapshot->slot_count * sizeof(*snapshot->slots) +
           snapshot->id_starts[numbers] +
           (numbers + 1) * (sizeof(*snapshot->hashes) + 3 * sizeof(uint32_t) +
                               sizeof(*snapshot->items) + 1) +
           links * (sizeof(uint32_t) + sizeof(uint16_t));
}

/* ---- reading ----------------------------------------------------------------------------- */

static struct row *
get_row(struct hp_model_view *view, struct hp_bytes id)
{
    size_t count = view->rows.count;
    struct row *row = (struct row *)hp_items_get(&view->rows, id, sizeof(*row));

    if (view->rows.count == count)
        return row;
    if (count == view->number_capacity) {
        size_t wider = count ? 2 * count : 64;
        struct row **grown = hp_alloc(wider * sizeof(struct row *));

        if (count)
            memcpy(grown, view->by_number, count * sizeof(struct row *));
        free(view->by_number);
        view->by_number = grown;
        view->number_capacity = wider;
    }
    row->number = (uint32_t)count;
    view->by_number[count] = row;
    return row;
}

static void
clear_row(struct hp_model_view *view, struct row *row)
{
    if (!row->known)
        return;
    view->digest = hp_digest_subtract(view->digest, row->digest);
    view->row_count--;
    free(row->partners);
    row->partners = NULL;
    row->partner_count = 0;
    row->known = false;
}

static void
set_partners(
    struct hp_model_view *view, struct row *row, const struct hp_model_weights *weights)
{
    row->partners = hp_alloc((weights->count + 1) * sizeof(*row->partners));
    row->partner_count = (uint8_t)weights->count;
    row->next_shift = weights->next_shift;
    row->box_shift = weights->box_shift;
    for (size_t i = 0; i < weights->count; i++)
        row->partners[i] = (struct partner){get_row(view, weights->partners[i].item_id)->number,
            weights->partners[i].next, weights->partners[i].box};
}

/* A row that cannot be read is left out, and the digest will not fit. */
static void
set_row(struct hp_model_view *view, struct hp_bytes key, struct hp_bytes value)
{
    struct hp_bytes id = hp_model_key_item(key);
    struct hp_model_weights weights;
    struct hp_model_row numbers;
    struct row *row;

    if (!id.data)
        return;
    row = (struct row *)hp_items_find(&view->rows, id);
    if (row)
        clear_row(view, row);
    if (value.data && !hp_model_row_decode(value, &view->arena, &numbers, &weights, NULL)) {
        row = get_row(view, id);
        row->known = true;
        row->row = numbers;
        set_partners(view, row, &weights);
        row->digest = hp_row_digest(0, key, value);
        view->row_count++;
        view->digest = hp_digest_add(view->digest, row->digest);
    }
    hp_arena_clear(&view->arena);
}

static void
take_waiting(struct hp_model_view *view)
{
    struct hp_cursor cursor = hp_cursor(hp_buffer_bytes(&view->waiting));

    while (cursor.at != cursor.end) {
        struct hp_bytes key = hp_get_bytes(&cursor);
        struct hp_bytes value = hp_get_bytes(&cursor);

        HP_ASSERT(!cursor.failed);
        set_row(view, key, value);
    }
    hp_buffer_clear(&view->waiting);
}

static bool
epoch_whole(const struct hp_model_view *view, const struct hp_manifest *manifest)
{
    return hp_digest_equal(view->digest, manifest->rows) &&
           view->row_count == (size_t)manifest->item_count;
}

static void
take_manifest(struct hp_model_view *view, struct hp_bytes value)
{
    struct hp_manifest manifest;

    take_waiting(view);
    view->fresh = false;
    if (!value.data)
        return;
    view->fresh = hp_manifest_decode(value, &view->arena, &manifest, NULL) == HP_OK &&
                  epoch_whole(view, &manifest);
    view->torn = !view->fresh;
    if (view->fresh) {
        view->manifest = manifest;
        view->manifest.positions = NULL;
        view->manifest.position_count = 0;
    }
    hp_arena_clear(&view->arena);
}

static void
apply(void *context, const struct hp_message *message)
{
    struct hp_model_view *view = context;

    if (hp_bytes_is(message->key, HP_MANIFEST_KEY)) {
        take_manifest(view, message->value);
        return;
    }
    hp_put_bytes(&view->waiting, message->key);
    hp_put_bytes(&view->waiting, message->value);
}

static void
batch_done(void *context, const int64_t *positions, int32_t partitions)
{
    struct hp_model_view *view = context;
    struct hp_model_snapshot *old;
    struct hp_model_snapshot *new;

    (void)positions;
    (void)partitions;
    if (view->torn && hp_view_ready(view->view))
        HP_LOG(HP_LOG_WARN, "an epoch of the item model does not match its manifest",
            HP_I("shown_epoch", view->manifest.epoch), HP_I("items", view->row_count));
    if (!view->fresh)
        return;
    new = snapshot_new(view);
    pthread_mutex_lock(&view->lock);
    old = view->snapshot;
    view->snapshot = new;
    pthread_mutex_unlock(&view->lock);
    hp_model_snapshot_release(old);
    hp_metric_set(view->epoch_metric, new->epoch);
    view->fresh = false;
}

enum hp_status
hp_model_view_new(struct hp_cluster *cluster, const char *topic, struct hp_model_view **out,
    struct hp_error *error)
{
    struct hp_model_view *view = hp_alloc(sizeof(*view));
    enum hp_status status;

    *out = NULL;
    pthread_mutex_init(&view->lock, NULL);
    view->epoch_metric = hp_metric_get(HP_METRIC_GAUGE, "hamper_model_epoch", "",
        "Epoch of the item model that boxes are made with.");
    view->snapshot = snapshot_new(view);
    status = hp_view_new(&(struct hp_view_options){.cluster = cluster,
                             .topic = topic,
                             .context = view,
                             .apply = apply,
                             .batch_done = batch_done},
        &view->view, error);
    if (status)
        hp_model_view_free(view);
    else
        *out = view;
    return status;
}

void
hp_model_view_free(struct hp_model_view *view)
{
    if (!view)
        return;
    hp_view_free(view->view);
    for (size_t i = 0; i < view->rows.count; i++)
        free(view->by_number[i]->partners);
    free(view->by_number);
    hp_items_release(&view->rows);
    hp_buffer_release(&view->waiting);
    hp_arena_release(&view->arena);
    hp_model_snapshot_release(view->snapshot);
    pthread_mutex_destroy(&view->lock);
    free(view);
}

enum hp_status
hp_model_view_step(struct hp_model_view *view, int timeout_ms, struct hp_error *error)
{
    return hp_view_step(view->view, timeout_ms, error);
}

bool
hp_model_view_ready(const struct hp_model_view *view)
{
    return hp_view_ready(view->view);
}
