/*
 * flow/solve.c - from partial rows to epochs.
 *
 *     CLOSED --open()--> RECALLING --model read--> FOLLOWING --failure--> CLOSED (later again)
 *
 * CLOSED: nothing is held. RECALLING: the producer is ours, so nobody else publishes, and the
 * model topic is read to learn what is published already. FOLLOWING: the rows topic is read;
 * items whose partial rows changed are solved again and compared with what is published; what
 * differs waits for the next epoch. When none is left, a pass over all items may begin.
 *
 * `changes` counts rows that said something new. An item is stale when it was solved before the
 * last change: its own counts may be the same, but those of its partners, N or λ may not be. A
 * pass that ends with nothing stale has settled.
 *
 * Invariants: (1) an item's row is a function of the sums of all partial rows at the moment it
 * was solved; (2) `totals` and `digest` cover exactly the items as solved; (3) nothing counts
 * as published before its transaction committed; after any doubt we read again.
 *
 * Costs per item one table entry, its published row, and what flow/sums.h says.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "flow/solve.h"

#include "base/log.h"
#include "base/metric.h"
#include "engine/view.h"
#include "flow/epoch.h"
#include "flow/items.h"
#include "ledger/digest.h"

#define SLICE_ITEMS  100  /* solved between two polls: some 10 to 15 ms */
#define SLICE_BUSY   20   /* when the worker has other work */
#define QUIET_MS     90   /* between two steps: the worker waits for records */
#define SLICE_LOOKED 4096 /* looked at, most of them not stale */
#define RETRY_MS     1000
#define FENCED_MS    5000
#define PREFIX_BYTES 4

enum state { CLOSED, RECALLING, FOLLOWING };

struct item {
    struct hp_item_node node;
    uint32_t number;            /* in the sums */
    struct hp_bytes published;  /* the row in the model topic; owned */
    struct hp_bytes solved;     /* the row as it should be, when `changed`; owned */
    struct hp_model_row totals; /* its part in the solver's totals */
    int64_t solved_at;          /* `changes` then; 0: never */
    struct item *next_dirty;
    struct item *next_changed;
    bool has_row; /* as solved */
    bool dirty;
    bool changed; /* solved differs from published, or did */
};

struct hp_solver {
    struct hp_solver_options options;
    char *producer_id;
    enum state state;
    int64_t retry_at_ms;
    struct hp_producer *producer;
    struct hp_view *model;
    struct hp_view *rows;
    struct hp_items items;
    struct hp_sums *sums;
    struct hp_weigher *weigher;
    struct item *dirty;
    struct item *changed;
    int64_t changes;    /* from 1 */
    int64_t settled_at; /* `changes` at the start of the last whole pass; 0: none */
    bool passing;
    size_t pass_at;     /* number to be looked at next */
    int64_t pass_began; /* `changes` then */
    int64_t pass_began_ms;
    int64_t *positions; /* of the rows topic */
    bool recalled;      /* a manifest was read or published: `manifest` holds */
    struct hp_manifest manifest;
    int64_t item_count;
    struct hp_model_row totals;
    struct hp_digest digest;
    int64_t epoch_at_ms;
    int64_t stepped_ms; /* the step before this one */
    struct hp_arena arena;
    struct hp_metric *epochs;
    struct hp_metric *published_rows;
};

struct hp_solver *
hp_solver_new(const struct hp_solver_options *options)
{
    struct hp_solver *solver = hp_alloc(sizeof(*solver));
    struct hp_buffer id = {0};

    solver->options = *options;
    if (solver->options.epoch_gap_ms == 0)
        solver->options.epoch_gap_ms = HP_EPOCH_GAP_MS;
    if (solver->options.resolve_ms == 0)
        solver->options.resolve_ms = HP_SOLVER_RESOLVE_MS;
    if (solver->options.cache_bytes == 0)
        solver->options.cache_bytes = HP_SOLVER_CACHE;
    hp_buffer_printf(&id, "%s-solver", options->application_id);
    hp_put_u8(&id, 0);
    solver->producer_id = hp_strdup((const char *)id.data);
    hp_buffer_release(&id);
    solver->changes = 1;
    solver->positions = hp_alloc((size_t)options->partitions * sizeof(*solver->positions));
    solver->epochs = hp_metric_get(HP_METRIC_COUNTER, "hamper_model_epochs_total", "",
        "Epochs of the item model published by this process.");
    solver->published_rows = hp_metric_get(HP_METRIC_COUNTER, "hamper_model_rows_total", "",
        "Rows of the item model published by this process.");
    return solver;
}

static void
free_bytes(struct hp_bytes *bytes)
{
    free((void *)bytes->data);
    *bytes = (struct hp_bytes){0};
}

static void
set_bytes(struct hp_bytes *bytes, struct hp_bytes value)
{
    uint8_t *copy = NULL;

    if (value.data) {
        copy = hp_alloc(value.size ? value.size : 1);
        memcpy(copy, value.data, value.size);
    }
    free_bytes(bytes);
    *bytes = hp_bytes(copy, value.data ? value.size : 0);
}

static void
release_items(struct hp_solver *solver)
{
    struct hp_item_node *node = NULL;

    while ((node = hp_items_next(&solver->items, node))) {
        struct item *item = (struct item *)node;

        free_bytes(&item->published);
        free_bytes(&item->solved);
    }
    hp_items_release(&solver->items);
}

/* Back to CLOSED. */
static void
close_solver(struct hp_solver *solver)
{
    hp_view_free(solver->rows);
    hp_view_free(solver->model);
    if (solver->producer)
        hp_producer_free(solver->producer, false);
    release_items(solver);
    hp_weigher_free(solver->weigher);
    hp_sums_free(solver->sums);
    solver->weigher = NULL;
    solver->sums = NULL;
    solver->changes = 1;
    solver->settled_at = 0;
    solver->passing = false;
    solver->rows = NULL;
    solver->model = NULL;
    solver->producer = NULL;
    solver->dirty = NULL;
    solver->changed = NULL;
    solver->recalled = false;
    solver->manifest = (struct hp_manifest){0};
    solver->item_count = 0;
    solver->totals = (struct hp_model_row){0};
    solver->digest = (struct hp_digest){0};
    memset(
        solver->positions, 0, (size_t)solver->options.partitions * sizeof(*solver->positions));
    solver->state = CLOSED;
}

void
hp_solver_free(struct hp_solver *solver)
{
    if (!solver)
        return;
    close_solver(solver);
    hp_arena_release(&solver->arena);
    free(solver->positions);
    free(solver->producer_id);
    free(solver);
}

static struct item *
get_item(struct hp_solver *solver, struct hp_bytes id)
{
    size_t count = solver->items.count;
    struct item *item = (struct item *)hp_items_get(&solver->items, id, sizeof(*item));

    if (solver->items.count > count)
        item->number = hp_sums_number(solver->sums, id);
    return item;
}

/* Items by number of the sums; partners nobody sent a row of have none. */
static struct item *
item_of(const struct hp_solver *solver, size_t number)
{
    return (struct item *)hp_items_find(
        &solver->items, hp_sums_id(solver->sums, (uint32_t)number));
}

static void
mark_dirty(struct hp_solver *solver, struct item *item)
{
    if (item->dirty)
        return;
    item->dirty = true;
    item->next_dirty = solver->dirty;
    solver->dirty = item;
}

/* ---- what is read ------------------------------------------------------------------------ */

static void
recall_manifest(struct hp_solver *solver, struct hp_bytes value)
{
    struct hp_manifest manifest;

    if (!value.data)
        return;
    if (hp_manifest_decode(value, &solver->arena, &manifest, NULL)) {
        HP_LOG(HP_LOG_WARN, "a manifest in the model topic is unreadable; a new one follows");
        return;
    }
    manifest.positions = NULL;
    manifest.position_count = 0;
    solver->manifest = manifest;
    solver->recalled = true;
}

static void
apply_model(void *context, const struct hp_message *message)
{
    struct hp_solver *solver = context;
    struct hp_bytes id = hp_model_key_item(message->key);
    struct item *item;

    if (hp_bytes_is(message->key, HP_MANIFEST_KEY))
        recall_manifest(solver, message->value);
    hp_arena_clear(&solver->arena);
    if (!id.data)
        return;
    item = get_item(solver, id);
    set_bytes(&item->published, message->value);
    mark_dirty(solver, item);
}

static void
apply_row(void *context, const struct hp_message *message)
{
    struct hp_solver *solver = context;
    struct hp_cursor cursor = hp_cursor(message->key);
    uint32_t partition = hp_get_u32(&cursor);
    struct hp_partial partial;
    struct hp_error error;
    struct item *item;

    if (message->key.size <= PREFIX_BYTES || partition != (uint32_t)message->partition ||
        message->partition >= solver->options.partitions ||
        hp_partial_decode(message->value, &solver->arena, &partial, &error)) {
        HP_LOG(HP_LOG_WARN, "a row in the rows topic is unreadable and passed over",
            HP_I("partition", message->partition), HP_I("offset", message->offset));
        hp_arena_clear(&solver->arena);
        return;
    }
    item = get_item(
        solver, hp_bytes(message->key.data + PREFIX_BYTES, message->key.size - PREFIX_BYTES));
    hp_sums_set(
        solver->sums, message->partition, item->number, message->value.data ? &partial : NULL);
    hp_arena_clear(&solver->arena);
    solver->changes++;
    mark_dirty(solver, item);
}

static void
rows_read(void *context, const int64_t *positions, int32_t partitions)
{
    struct hp_solver *solver = context;

    for (int32_t p = 0; p < partitions && p < solver->options.partitions; p++)
        solver->positions[p] = positions[p];
}

/* ---- solving ----------------------------------------------------------------------------- */

/* Keys are self-delimiting: no id holds the version byte a row begins with. */
static struct hp_digest
digest_of(struct hp_bytes id, struct hp_bytes value)
{
    struct hp_buffer key = {0};
    struct hp_digest digest;

    hp_model_key(id, &key);
    digest = hp_row_digest(0, hp_buffer_bytes(&key), value);
    hp_buffer_release(&key);
    return digest;
}

/* The row as it was solved last. */
static struct hp_bytes
row_of(const struct item *item)
{
    return item->changed ? item->solved : item->published;
}

static bool
same_bytes(struct hp_bytes a, struct hp_bytes b)
{
    return !a.data == !b.data && hp_bytes_equal(a, b);
}

static void
set_solved(struct hp_solver *solver, struct item *item, struct hp_bytes value)
{
    if (item->has_row) {
        solver->digest =
            hp_digest_subtract(solver->digest, digest_of(item->node.id, row_of(item)));
        solver->item_count--;
    }
    item->has_row = value.data != NULL;
    if (item->has_row) {
        solver->digest = hp_digest_add(solver->digest, digest_of(item->node.id, value));
        solver->item_count++;
    }
    if (!item->changed && same_bytes(value, item->published))
        return;
    set_bytes(&item->solved, value);
    if (item->changed)
        return;
    item->changed = true;
    item->next_changed = solver->changed;
    solver->changed = item;
}

static void
set_row(struct hp_solver *solver, struct item *item, const struct hp_head *sum)
{
    struct hp_model_row row = hp_model_row_of(sum);
    struct hp_model_weights weights;
    struct hp_buffer value = {0};

    if (!hp_head_empty(sum)) {
        hp_weigher_solve(solver->weigher, item->number, &solver->arena, &weights);
        hp_model_row_encode(&row, &weights, &value);
    }
    solver->totals.opportunities += row.opportunities - item->totals.opportunities;
    solver->totals.hits += row.hits - item->totals.hits;
    item->totals = row;
    set_solved(solver, item, hp_buffer_bytes(&value));
    hp_buffer_release(&value);
}

static enum hp_status
solve_item(struct hp_solver *solver, struct item *item, struct hp_error *error)
{
    struct hp_head sum;
    enum hp_status status =
        hp_sums_head(solver->sums, item->number, &solver->arena, &sum, error);

    if (!status && hp_bytes_equal(item->node.id, HP_HEAD_EVERYBODY)) {
        struct hp_model_row row = hp_model_row_of(&sum);

        solver->totals.users = row.users;
        solver->totals.last_day = row.last_day;
        solver->totals.trend = row.trend;
    } else if (!status) {
        set_row(solver, item, &sum);
    }
    item->solved_at = solver->changes;
    hp_arena_clear(&solver->arena);
    hp_sums_trim(solver->sums);
    return status;
}

/* ---- in slices ----------------------------------------------------------------------------
 */

static bool
pass_due(const struct hp_solver *solver, int64_t now_ms)
{
    if (solver->settled_at == solver->changes)
        return false;
    return solver->options.eager || solver->settled_at == 0 || now_ms < solver->pass_began_ms ||
           now_ms - solver->pass_began_ms >= solver->options.resolve_ms;
}

static enum hp_status
solve_dirty(struct hp_solver *solver, int *room, struct hp_error *error)
{
    enum hp_status status = HP_OK;

    while (*room > 0 && solver->dirty && !status) {
        struct item *item = solver->dirty;

        solver->dirty = item->next_dirty;
        item->dirty = false;
        status = solve_item(solver, item, error);
        --*room;
    }
    return status;
}

/* What was solved since the last change needs it no more. */
static enum hp_status
solve_stale(struct hp_solver *solver, int *room, struct hp_error *error)
{
    enum hp_status status = HP_OK;

    for (int looked = 0; *room > 0 && looked < SLICE_LOOKED && !status &&
                         solver->pass_at < hp_sums_count(solver->sums);
         looked++) {
        struct item *item = item_of(solver, solver->pass_at++);

        if (!item || item->solved_at >= solver->changes)
            continue;
        status = solve_item(solver, item, error);
        --*room;
    }
    if (solver->pass_at == hp_sums_count(solver->sums)) {
        solver->passing = false;
        solver->settled_at = solver->pass_began;
    }
    return status;
}

/* Who comes back soon has records to process, and they wait for this slice. An eager solver is
 * to end with all there is: what it solves before the last row came it solves again. */
static int
slice_items(const struct hp_solver *solver, bool occupied, int64_t now_ms)
{
    int64_t since_ms = now_ms - solver->stepped_ms;

    if (solver->options.eager)
        return occupied ? 1 : SLICE_ITEMS;
    return occupied || (since_ms >= 0 && since_ms < QUIET_MS) ? SLICE_BUSY : SLICE_ITEMS;
}

static enum hp_status
solve_slice(struct hp_solver *solver, bool occupied, int64_t now_ms, struct hp_error *error)
{
    int room = slice_items(solver, occupied, now_ms);
    enum hp_status status;

    hp_weigher_look(solver->weigher);
    status = solve_dirty(solver, &room, error);
    if (!status && !solver->dirty && !solver->passing && pass_due(solver, now_ms)) {
        solver->passing = true;
        solver->pass_at = 0;
        solver->pass_began = solver->changes;
        solver->pass_began_ms = now_ms;
    }
    if (!status && solver->passing && room > 0)
        status = solve_stale(solver, &room, error);
    return status;
}

/* ---- publishing -------------------------------------------------------------------------- */

static bool
same_numbers(const struct hp_model_row *a, const struct hp_model_row *b)
{
    return a->users == b->users && a->opportunities == b->opportunities && a->hits == b->hits &&
           a->last_day == b->last_day && a->trend == b->trend;
}

/* Positions alone are no reason for an epoch. */
static bool
worth_an_epoch(const struct hp_solver *solver)
{
    const struct hp_manifest *last = &solver->manifest;

    if (!solver->recalled)
        return solver->item_count > 0 || solver->totals.users > 0;
    return !same_numbers(&last->all, &solver->totals) ||
           !hp_digest_equal(last->rows, solver->digest) ||
           last->item_count != solver->item_count;
}

/* Rows that lead back to what is published need not be sent. */
static void
prune_changed(struct hp_solver *solver)
{
    struct item **link = &solver->changed;

    while (*link) {
        struct item *item = *link;

        if (same_bytes(item->solved, item->published)) {
            item->changed = false;
            free_bytes(&item->solved);
            *link = item->next_changed;
        } else {
            link = &item->next_changed;
        }
    }
}

static enum hp_status
send(struct hp_solver *solver, struct hp_bytes key, struct hp_bytes value,
    struct hp_error *error)
{
    return hp_producer_send(solver->producer,
        &(struct hp_outgoing){
            .topic = solver->options.model_topic, .partition = 0, .key = key, .value = value},
        error);
}

static enum hp_status
send_changed(struct hp_solver *solver, int64_t *count, struct hp_error *error)
{
    struct hp_buffer key = {0};
    enum hp_status status = HP_OK;

    for (struct item *item = solver->changed; item && !status; item = item->next_changed) {
        hp_buffer_clear(&key);
        hp_model_key(item->node.id, &key);
        status = send(solver, hp_buffer_bytes(&key), item->solved, error);
        ++*count;
    }
    hp_buffer_release(&key);
    return status;
}

static enum hp_status
send_manifest(
    struct hp_solver *solver, const struct hp_manifest *manifest, struct hp_error *error)
{
    struct hp_buffer value = {0};
    enum hp_status status;

    hp_manifest_encode(manifest, &value);
    status = send(solver, hp_bytes_text(HP_MANIFEST_KEY), hp_buffer_bytes(&value), error);
    hp_buffer_release(&value);
    return status;
}

static void
remember_published(struct hp_solver *solver, const struct hp_manifest *manifest)
{
    while (solver->changed) {
        struct item *item = solver->changed;

        solver->changed = item->next_changed;
        item->changed = false;
        free_bytes(&item->published);
        item->published = item->solved;
        item->solved = (struct hp_bytes){0};
    }
    solver->manifest = *manifest;
    solver->manifest.positions = NULL;
    solver->manifest.position_count = 0;
    solver->recalled = true;
}

static enum hp_status
publish(struct hp_solver *solver, struct hp_error *error)
{
    struct hp_manifest manifest = {
        .epoch = solver->manifest.epoch + 1,
        .item_count = solver->item_count,
        .all = solver->totals,
        .rows = solver->digest,
        .positions = solver->positions,
        .position_count = (size_t)solver->options.partitions,
    };
    int64_t count = 0;
    enum hp_status status = hp_producer_begin(solver->producer, error);

    if (status)
        return status;
    status = send_changed(solver, &count, error);
    if (!status)
        status = send_manifest(solver, &manifest, error);
    if (!status)
        status = hp_producer_commit(solver->producer, error);
    if (status) {
        hp_producer_abort(solver->producer);
        return status;
    }
    remember_published(solver, &manifest);
    hp_metric_add(solver->epochs, 1);
    hp_metric_add(solver->published_rows, count);
    HP_LOG(HP_LOG_DEBUG, "epoch published", HP_I("epoch", manifest.epoch), HP_I("rows", count),
        HP_I("items", manifest.item_count));
    return HP_OK;
}

/* ---- the states -------------------------------------------------------------------------- */

/* The producer comes first: from then on nobody else can add to the model topic. */
static enum hp_status
open_solver(struct hp_solver *solver, struct hp_error *error)
{
    enum hp_status status =
        hp_producer_new(solver->options.cluster, solver->producer_id, &solver->producer, error);

    solver->sums = hp_sums_new(solver->options.partitions, solver->options.cache_bytes);
    solver->weigher = hp_weigher_new(solver->sums, solver->options.weights);
    if (!status)
        status = hp_producer_begin(solver->producer, error);
    if (!status)
        status = hp_producer_commit(solver->producer, error);
    if (!status)
        status = hp_view_new(&(struct hp_view_options){.cluster = solver->options.cluster,
                                 .topic = solver->options.model_topic,
                                 .context = solver,
                                 .apply = apply_model},
            &solver->model, error);
    if (!status)
        solver->state = RECALLING;
    return status;
}

static enum hp_status
recall(struct hp_solver *solver, struct hp_error *error)
{
    enum hp_status status = hp_view_step(solver->model, 0, error);

    if (status || !hp_view_ready(solver->model))
        return status;
    hp_view_free(solver->model);
    solver->model = NULL;
    status = hp_view_new(&(struct hp_view_options){.cluster = solver->options.cluster,
                             .topic = solver->options.rows_topic,
                             .context = solver,
                             .apply = apply_row,
                             .batch_done = rows_read},
        &solver->rows, error);
    if (!status)
        solver->state = FOLLOWING;
    return status;
}

/* An epoch can wait for what is under way; a pass in the background is not waited for. */
static bool
busy(const struct hp_solver *solver)
{
    return solver->dirty || ((solver->options.eager || solver->settled_at == 0) &&
                                solver->settled_at != solver->changes);
}

static enum hp_status
follow(struct hp_solver *solver, bool occupied, int64_t now_ms, struct hp_error *error)
{
    enum hp_status status = hp_view_step(solver->rows, 0, error);

    if (status || !hp_view_ready(solver->rows))
        return status;
    status = solve_slice(solver, occupied, now_ms, error);
    solver->stepped_ms = now_ms;
    if (status || busy(solver) || !worth_an_epoch(solver))
        return status;
    if (now_ms >= solver->epoch_at_ms &&
        now_ms - solver->epoch_at_ms < solver->options.epoch_gap_ms)
        return HP_OK;
    prune_changed(solver);
    status = publish(solver, error);
    if (!status)
        solver->epoch_at_ms = now_ms;
    return status;
}

/* Nothing of ours is lost by reading again, so most failures only cost time. */
static enum hp_status
start_over(struct hp_solver *solver, enum hp_status status, int64_t now_ms,
    const struct hp_error *error)
{
    close_solver(solver);
    solver->retry_at_ms = now_ms + (status == HP_FENCED ? FENCED_MS : RETRY_MS);
    HP_LOG(HP_LOG_WARN, "the solver starts over", HP_S("status", hp_status_name(status)),
        HP_S("reason", error->text));
    return HP_OK;
}

enum hp_status
hp_solver_step(struct hp_solver *solver, bool occupied, int64_t now_ms, struct hp_error *error)
{
    struct hp_error own = {0};
    enum hp_status status = HP_OK;

    if (solver->state == CLOSED && now_ms < solver->retry_at_ms)
        return HP_OK;
    switch (solver->state) {
    case CLOSED: status = open_solver(solver, &own); break;
    case RECALLING: status = recall(solver, &own); break;
    case FOLLOWING: status = follow(solver, occupied, now_ms, &own); break;
    }
    if (status == HP_FATAL || status == HP_STOP || status == HP_USAGE) {
        if (error)
            *error = own;
        return status;
    }
    return status ? start_over(solver, status, now_ms, &own) : HP_OK;
}

bool
hp_solver_idle(struct hp_solver *solver)
{
    if (solver->state != FOLLOWING || !hp_view_ready(solver->rows) || busy(solver) ||
        worth_an_epoch(solver))
        return false;
    for (int32_t p = 0; p < solver->options.partitions; p++) {
        int64_t low;
        int64_t high;

        if (hp_cluster_watermarks(
                solver->options.cluster, solver->options.rows_topic, p, &low, &high, NULL) ||
            (high > low && solver->positions[p] < high))
            return false;
    }
    return true;
}

int64_t
hp_solver_epoch(const struct hp_solver *solver)
{
    return solver->manifest.epoch;
}
