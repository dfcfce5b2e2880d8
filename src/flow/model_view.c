/*
 * flow/model_view.c - epochs become snapshots.
 *
 * The master table holds every row up to the last manifest; rows read since wait in a queue.
 * A manifest moves the queue into the table; then the digest of the table must be the
 * manifest's, otherwise the epoch is not shown. That is common while the start of a compacted
 * topic is read (rows an old manifest speaks of have newer versions further on) and a fault
 * afterwards; the solver compares the topic with its own results when it starts and repairs it.
 * After a batch of reading, the last whole epoch becomes one flat, immutable table, in which
 * rates and trends are worked out already: 64 bytes an item and its id.
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

struct entry { /* of the flat table; empty when the id has no data */
    uint64_t hash;
    struct hp_bytes id;
    struct hp_model_item item;
};

struct hp_model_snapshot {
    atomic_long holders;
    int64_t epoch;
    int64_t users;
    int64_t latest_day;
    size_t count;
    size_t slot_count; /* a power of two, at least 2 × count */
    struct entry *slots;
    uint8_t *ids;
};

struct row { /* of the master table */
    struct hp_item_node node;
    struct hp_model_row row;
    struct hp_digest digest;
};

struct hp_model_view {
    struct hp_view *view;
    struct hp_items rows;
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

static struct entry *
slot_of(const struct hp_model_snapshot *snapshot, uint64_t hash, struct hp_bytes id)
{
    size_t at = hash & (snapshot->slot_count - 1);

    while (snapshot->slots[at].id.data &&
           !(snapshot->slots[at].hash == hash && hp_bytes_equal(snapshot->slots[at].id, id)))
        at = (at + 1) & (snapshot->slot_count - 1);
    return &snapshot->slots[at];
}

static size_t
ids_size(const struct hp_items *rows)
{
    struct hp_item_node *node = NULL;
    size_t size = 0;

    while ((node = hp_items_next(rows, node)))
        size += node->id.size;
    return size;
}

static struct hp_model_snapshot *
snapshot_new(const struct hp_model_view *view)
{
    struct hp_model_snapshot *snapshot = hp_alloc(sizeof(*snapshot));
    struct hp_item_node *node = NULL;
    size_t used = 0;

    atomic_init(&snapshot->holders, 1);
    snapshot->epoch = view->manifest.epoch;
    snapshot->users = view->manifest.all.users;
    snapshot->latest_day = view->manifest.all.last_day;
    snapshot->count = view->rows.count;
    for (snapshot->slot_count = 2; snapshot->slot_count < 2 * snapshot->count;)
        snapshot->slot_count *= 2;
    snapshot->slots = hp_alloc(snapshot->slot_count * sizeof(*snapshot->slots));
    snapshot->ids = hp_alloc(ids_size(&view->rows) + 1);
    while ((node = hp_items_next(&view->rows, node))) {
        struct entry *slot = slot_of(snapshot, node->hash, node->id);

        memcpy(snapshot->ids + used, node->id.data, node->id.size);
        slot->hash = node->hash;
        slot->id = hp_bytes(snapshot->ids + used, node->id.size);
        slot->item = item_of(&((struct row *)node)->row, &view->manifest.all);
        used += node->id.size;
    }
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
    free(snapshot->ids);
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
    const struct entry *slot = slot_of(snapshot, hp_hash64(item_id), item_id);

    return slot->id.data ? slot->item : (struct hp_model_item){.repurchase_micros = MICROS};
}

/* ---- reading ----------------------------------------------------------------------------- */

static void
drop_row(struct hp_model_view *view, struct hp_bytes id)
{
    struct row *row = (struct row *)hp_items_find(&view->rows, id);

    if (!row)
        return;
    view->digest = hp_digest_subtract(view->digest, row->digest);
    hp_items_remove(&view->rows, &row->node);
}

/* A row that cannot be read is left out, and the digest will not fit. */
static void
set_row(struct hp_model_view *view, struct hp_bytes key, struct hp_bytes value)
{
    struct hp_bytes id = hp_model_key_item(key);
    struct hp_model_row numbers;
    struct row *row;

    if (!id.data)
        return;
    drop_row(view, id);
    if (!value.data || hp_model_row_decode(value, &numbers, NULL))
        return;
    row = (struct row *)hp_items_get(&view->rows, id, sizeof(*row));
    row->row = numbers;
    row->digest = hp_row_digest(0, key, value);
    view->digest = hp_digest_add(view->digest, row->digest);
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
           view->rows.count == (size_t)manifest->item_count;
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
            HP_I("shown_epoch", view->manifest.epoch), HP_I("items", view->rows.count));
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
