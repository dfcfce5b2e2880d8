/*
 * flow/fanout.c - a change of the catalogue finds the users whose boxes it can touch.
 *
 * The index item -> users is derived from the standing rows. A task compares each new snapshot
 * with how far it has walked (offsets of the catalogue's partitions, a fact): items whose last
 * change of consequence lies at or after that are walked, safety first, then price, then stock,
 * and every holder is marked pending. The offsets are written when the whole list is walked. A
 * crash in between walks again from the start of the list; a user recomputed twice gets the
 * same boxes, and the same boxes are no record. So a crash neither loses a refresh nor repeats
 * one.
 *
 * Safety does not wait for a long walk over prices: while a list is walked, items of newer
 * snapshots that turned out unsafe, or that nobody sells any more, go in front of it, and their
 * holders in front of the queue. They are met once more in the next list, for what that costs.
 *
 * A task that opens also asks of every item in its index whether the catalogue still has it: a
 * tombstone may be compacted away while hamper is down.
 *
 * Cost: one pass over the snapshot per new snapshot, and `walk_users` index rows a call.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "flow/internal.h"

#include "base/bug.h"
#include "base/metric.h"
#include "store/keys.h"

#define PROGRESS_VERSION 1
#define REFRESH_DUE_MS   (2 * 86400000LL)

#define SEVERITY_SAFETY 0
#define SEVERITY_STOCK  2
#define HEAD_START_MS   (365 * 86400000LL) /* of safety before all else that is pending */
#define HELD_ANY        0

struct walk_item {
    struct hp_bytes item_id;
    int severity;
    int64_t changed_at;
    int64_t held_above;      /* only boxes that hold more units of it are touched */
    struct hp_buffer cursor; /* key to go on from; empty: its start */
};

struct hp_fanout {
    struct hp_arena arena;
    struct walk_item *items;
    size_t count;
    size_t at;
    size_t room;
    uint64_t generation; /* of the snapshot last searched for what is urgent, */
    int64_t urgent[HP_CATALOGUE_PARTITIONS_MAX];    /* and where that one stood */
    int64_t positions[HP_CATALOGUE_PARTITIONS_MAX]; /* done when the list is walked */
    int32_t partitions;
};

static const char catalogue_key[] = "catalogue";
static const char sweep_key[] = "sweep";

void
hp_fanout_drop(struct hp_flow_task *own)
{
    if (!own->fanout)
        return;
    for (size_t i = 0; i < own->fanout->count; i++)
        hp_buffer_release(&own->fanout->items[i].cursor);
    hp_arena_release(&own->fanout->arena);
    free(own->fanout);
    own->fanout = NULL;
}

enum hp_status
hp_fanout_load(struct hp_flow *flow, struct hp_step *step, struct hp_error *error)
{
    struct hp_flow_task *own = hp_task_user(hp_step_task(step));
    struct hp_cursor cursor;
    struct hp_bytes stored;
    enum hp_status status;
    uint16_t count;

    (void)flow;
    status = hp_step_get(step, HP_STORE_PROGRESS, hp_bytes_text(catalogue_key), &stored, error);
    if (status || !stored.data)
        return status;
    cursor = hp_cursor(stored);
    if (hp_get_u8(&cursor) != PROGRESS_VERSION)
        cursor.failed = true;
    count = hp_get_u16(&cursor);
    for (int i = 0; i < count && i < HP_CATALOGUE_PARTITIONS_MAX; i++)
        own->catalogue_done[i] = (int64_t)hp_get_u64(&cursor);
    if (!hp_cursor_done(&cursor))
        return hp_fail(
            error, HP_CORRUPT, "progress row of %zu bytes is malformed", stored.size);
    return HP_OK;
}

static enum hp_status
progress_save(struct hp_step *step, const struct hp_fanout *fanout, struct hp_error *error)
{
    struct hp_buffer value = {0};
    enum hp_status status;

    hp_put_u8(&value, PROGRESS_VERSION);
    hp_put_u16(&value, (uint16_t)fanout->partitions);
    for (int i = 0; i < fanout->partitions; i++)
        hp_put_u64(&value, (uint64_t)fanout->positions[i]);
    status = hp_step_put(
        step, HP_STORE_PROGRESS, hp_bytes_text(catalogue_key), hp_buffer_bytes(&value), error);
    hp_buffer_release(&value);
    return status;
}

static int
compare_items(const void *a, const void *b)
{
    const struct walk_item *left = a;
    const struct walk_item *right = b;

    if (left->severity != right->severity)
        return left->severity - right->severity;
    return hp_bytes_compare(left->item_id, right->item_id);
}

static void
add_item(struct hp_fanout *fanout, const struct walk_item *item)
{
    if (fanout->count == fanout->room) {
        struct walk_item *grown =
            HP_ARENA_ARRAY(&fanout->arena, 2 * fanout->room + 2, struct walk_item);

        if (fanout->count)
            memcpy(grown, fanout->items, fanout->count * sizeof(*grown));
        fanout->items = grown;
        fanout->room = 2 * fanout->room + 2;
    }
    fanout->items[fanout->count] = *item;
    fanout->items[fanout->count++].item_id = hp_arena_copy(&fanout->arena, item->item_id);
}

/* What of the shelf's changes lies at or after `done`. */
static void
add_changes(struct hp_fanout *fanout, const struct hp_shelf *shelf, int64_t done)
{
    struct hp_bytes id = shelf->item.item_id;

    if (shelf->material_at >= done)
        add_item(
            fanout, &(struct walk_item){id, shelf->severity, shelf->changed_at, HELD_ANY, {0}});
    else if (shelf->stock_at >= done)
        add_item(fanout, &(struct walk_item){id, SEVERITY_STOCK, shelf->changed_at,
                             shelf->rules.quantity_max, {0}});
}

struct absent {
    struct hp_fanout *fanout;
    const struct hp_catalogue *catalogue;
    struct hp_buffer item;
    struct hp_buffer last;
};

/* A key of the index: what it holds and nobody sells any more is walked as vanished. */
static bool
visit_index(void *context, struct hp_bytes key, struct hp_bytes value)
{
    struct absent *absent = context;
    struct hp_cursor cursor = hp_cursor(key);

    (void)value;
    if (!hp_key_part_read(&cursor, &absent->item))
        return true;
    if (hp_bytes_equal(hp_buffer_bytes(&absent->item), hp_buffer_bytes(&absent->last)))
        return true;
    hp_buffer_clear(&absent->last);
    hp_buffer_append(&absent->last, absent->item.data, absent->item.size);
    if (!hp_catalogue_find(absent->catalogue, hp_buffer_bytes(&absent->item)))
        add_item(absent->fanout, &(struct walk_item){hp_buffer_bytes(&absent->item),
                                     SEVERITY_SAFETY, 0, HELD_ANY, {0}});
    return true;
}

static enum hp_status
add_absent(struct hp_step *step, struct hp_fanout *fanout, const struct hp_catalogue *catalogue,
    struct hp_error *error)
{
    struct absent absent = {.fanout = fanout, .catalogue = catalogue};
    enum hp_status status = hp_step_scan(step, HP_STORE_ITEM_USERS, hp_bytes("", 0),
        (struct hp_bytes){0}, visit_index, &absent, error);

    hp_buffer_release(&absent.item);
    hp_buffer_release(&absent.last);
    return status;
}

/* The list of items that changed since what is done. */
static enum hp_status
fanout_begin(struct hp_flow_task *own, struct hp_step *step,
    const struct hp_catalogue *catalogue, struct hp_error *error)
{
    struct hp_fanout *fanout = hp_alloc(sizeof(*fanout));
    enum hp_status status = HP_OK;

    own->fanout = fanout;
    own->generation = catalogue->generation;
    fanout->partitions = catalogue->partitions;
    fanout->generation = catalogue->generation;
    memcpy(fanout->positions, catalogue->positions, sizeof(fanout->positions));
    memcpy(fanout->urgent, catalogue->positions, sizeof(fanout->urgent));
    for (size_t i = 0; i < catalogue->count; i++)
        add_changes(fanout, catalogue->shelves[i],
            own->catalogue_done[catalogue->shelves[i]->partition]);
    if (!own->absent_checked)
        status = add_absent(step, fanout, catalogue, error);
    own->absent_checked = true;
    if (fanout->count)
        qsort(fanout->items, fanout->count, sizeof(*fanout->items), compare_items);
    if (!status && fanout->count && hp_bug(HP_BUG_FANOUT_EARLY))
        status = progress_save(step, fanout, error);
    return status;
}

static bool
is_urgent(const struct hp_fanout *fanout, const struct hp_shelf *shelf)
{
    return shelf->severity == SEVERITY_SAFETY &&
           shelf->material_at >= fanout->urgent[shelf->partition];
}

/* What became unsafe since the list was made, or since this was asked last, goes in front. */
static void
add_urgent(struct hp_fanout *fanout, const struct hp_catalogue *catalogue)
{
    size_t before = fanout->count;
    size_t found;
    struct walk_item *sorted;

    for (size_t i = 0; i < catalogue->count; i++)
        if (is_urgent(fanout, catalogue->shelves[i]))
            add_changes(fanout, catalogue->shelves[i], 0);
    fanout->generation = catalogue->generation;
    memcpy(fanout->urgent, catalogue->positions, sizeof(fanout->urgent));
    found = fanout->count - before;
    if (found == 0)
        return;
    sorted = HP_ARENA_ARRAY(&fanout->arena, found, struct walk_item);
    memcpy(sorted, fanout->items + before, found * sizeof(*sorted));
    memmove(fanout->items + fanout->at + found, fanout->items + fanout->at,
        (before - fanout->at) * sizeof(*sorted));
    memcpy(fanout->items + fanout->at, sorted, found * sizeof(*sorted));
}

struct holders {
    struct hp_arena *arena;
    struct hp_bytes *keys;
    size_t count;
    size_t max;
};

static bool
visit_holder(void *context, struct hp_bytes key, struct hp_bytes value)
{
    struct holders *holders = context;

    (void)value;
    holders->keys[holders->count++] = hp_arena_copy(holders->arena, key);
    return holders->count < holders->max;
}

static bool
holds_above(const struct hp_standing *standing, const struct walk_item *item)
{
    for (size_t i = 0; i < standing->box_count; i++)
        for (size_t j = 0; j < standing->boxes[i].item_count; j++)
            if (standing->boxes[i].items[j].quantity > item->held_above &&
                hp_bytes_equal(standing->boxes[i].items[j].item_id, item->item_id))
                return true;
    return false;
}

/* Whether some box of the user is touched: always, unless only the stock fell. */
static enum hp_status
is_touched(struct hp_step *step, struct hp_bytes user, const struct walk_item *item,
    bool *touched, struct hp_error *error)
{
    struct hp_standing standing;
    struct hp_bytes stored;
    enum hp_status status;

    *touched = true;
    if (item->held_above == HELD_ANY)
        return HP_OK;
    status = hp_step_get(step, HP_STORE_STANDING, hp_key_user(step, user), &stored, error);
    if (!status && stored.data)
        status = hp_standing_decode(stored, hp_step_arena(step), &standing, error);
    if (!status && stored.data)
        *touched = holds_above(&standing, item);
    return status;
}

static int64_t
waits_since(const struct walk_item *item)
{
    if (item->severity != SEVERITY_SAFETY)
        return item->changed_at;
    return item->changed_at > HEAD_START_MS ? item->changed_at - HEAD_START_MS : 0;
}

static enum hp_status
mark_holder(struct hp_step *step, struct hp_bytes key, const struct walk_item *item,
    struct hp_error *error)
{
    struct hp_buffer user = {0};
    struct hp_cursor cursor = hp_cursor(key);
    enum hp_status status = HP_OK;
    bool touched = false;

    if (!hp_key_part_read(&cursor, &user) || !hp_key_part_read(&cursor, &user))
        status =
            hp_fail(error, HP_CORRUPT, "item-users key of %zu bytes is malformed", key.size);
    if (!status)
        status = is_touched(step, hp_buffer_bytes(&user), item, &touched, error);
    if (!status && touched)
        status = hp_pending_mark(step, hp_buffer_bytes(&user),
            &(struct hp_pending){
                HP_CAUSE_CATALOGUE, waits_since(item), item->changed_at, false},
            error);
    hp_buffer_release(&user);
    return status;
}

static void
count_walk(void)
{
    hp_metric_add(hp_metric_get(HP_METRIC_COUNTER, "hamper_catalogue_walks_total", "",
                      "Changed items whose holders were looked through, for each task"),
        1);
}

static struct hp_metric *
users_metric(void)
{
    return hp_metric_get(HP_METRIC_COUNTER, "hamper_catalogue_walked_users_total", "",
        "Holders of changed items that were looked at");
}

/* Up to `room` holders of the item in hand; moves on when there are no more. */
static enum hp_status
walk_item(struct hp_step *step, struct hp_fanout *fanout, size_t *room, struct hp_error *error)
{
    struct walk_item *item = &fanout->items[fanout->at];
    struct holders holders = {.arena = hp_step_arena(step), .max = *room};
    struct hp_bytes prefix = hp_key_user(step, item->item_id);
    struct hp_bytes from =
        item->cursor.size ? hp_buffer_bytes(&item->cursor) : (struct hp_bytes){0};
    enum hp_status status;

    holders.keys = HP_ARENA_ARRAY(holders.arena, *room, struct hp_bytes);
    status =
        hp_step_scan(step, HP_STORE_ITEM_USERS, prefix, from, visit_holder, &holders, error);
    for (size_t i = 0; i < holders.count && !status; i++)
        status = mark_holder(step, holders.keys[i], item, error);
    if (status)
        return status;
    *room -= holders.count;
    if (from.data == NULL)
        count_walk();
    hp_metric_add(users_metric(), (int64_t)holders.count);
    hp_buffer_clear(&item->cursor);
    if (*room > 0) {
        fanout->at++;
        return HP_OK;
    }
    hp_buffer_append(&item->cursor, holders.keys[holders.count - 1].data,
        holders.keys[holders.count - 1].size);
    hp_put_u8(&item->cursor, 0); /* the next key after it */
    return HP_OK;
}

static enum hp_status
fanout_end(struct hp_flow_task *own, struct hp_step *step, struct hp_error *error)
{
    struct hp_fanout *fanout = own->fanout;
    bool moved = false;
    enum hp_status status;

    for (int i = 0; i < fanout->partitions; i++)
        moved |= own->catalogue_done[i] != fanout->positions[i];
    /* Nobody was told of anything: the next list begins at the same place, for free. */
    status = moved && fanout->count ? progress_save(step, fanout, error) : HP_OK;
    if (status)
        return status;
    memcpy(own->catalogue_done, fanout->positions, sizeof(own->catalogue_done));
    hp_fanout_drop(own);
    return HP_OK;
}

enum hp_status
hp_fanout_walk(struct hp_flow *flow, struct hp_step *step, bool *more, struct hp_error *error)
{
    struct hp_flow_task *own = hp_task_user(hp_step_task(step));
    size_t room = (size_t)flow->options.walk_users;
    enum hp_status status = HP_OK;

    if (!own->fanout) {
        const struct hp_catalogue *catalogue = hp_catalogue_acquire(flow->catalogue);

        if (catalogue->generation != own->generation)
            status = fanout_begin(own, step, catalogue, error);
        hp_catalogue_release(flow->catalogue, catalogue);
    } else {
        const struct hp_catalogue *catalogue = hp_catalogue_acquire(flow->catalogue);

        if (catalogue->generation != own->fanout->generation)
            add_urgent(own->fanout, catalogue);
        hp_catalogue_release(flow->catalogue, catalogue);
    }
    while (!status && own->fanout && room > 0 && own->fanout->at < own->fanout->count)
        status = walk_item(step, own->fanout, &room, error);
    if (!status && own->fanout && own->fanout->at == own->fanout->count)
        status = fanout_end(own, step, error);
    if (own->fanout)
        *more = true;
    return status;
}

/* ---- the sweep: once per interval everybody with a standing record is looked at ---------- */

struct sweep {
    struct hp_step *step;
    struct hp_bytes *keys;
    size_t count;
    size_t max;
};

static bool
visit_standing(void *context, struct hp_bytes key, struct hp_bytes value)
{
    struct sweep *sweep = context;

    (void)value;
    sweep->keys[sweep->count++] = hp_arena_copy(hp_step_arena(sweep->step), key);
    return sweep->count < sweep->max;
}

static enum hp_status
sweep_save(struct hp_step *step, const struct hp_flow_task *own, struct hp_error *error)
{
    struct hp_buffer value = {0};
    enum hp_status status;

    hp_put_u8(&value, PROGRESS_VERSION);
    hp_put_u64(&value, (uint64_t)own->sweep_at);
    hp_put_bytes(&value, own->sweep_user);
    status = hp_step_put(
        step, HP_STORE_PROGRESS, hp_bytes_text(sweep_key), hp_buffer_bytes(&value), error);
    hp_buffer_release(&value);
    return status;
}

static void
sweep_move(struct hp_flow_task *own, struct hp_bytes user_key)
{
    uint8_t *copy = NULL;

    if (user_key.data) {
        copy = hp_alloc(user_key.size);
        memcpy(copy, user_key.data, user_key.size);
    }
    free((void *)own->sweep_user.data);
    own->sweep_user = hp_bytes(copy, user_key.size);
}

static enum hp_status
sweep_load(struct hp_flow *flow, struct hp_step *step, int64_t now_ms, struct hp_error *error)
{
    struct hp_flow_task *own = hp_task_user(hp_step_task(step));
    struct hp_cursor cursor;
    struct hp_bytes stored;
    enum hp_status status;

    status = hp_step_get(step, HP_STORE_PROGRESS, hp_bytes_text(sweep_key), &stored, error);
    if (status)
        return status;
    if (!stored.data) {
        own->sweep_at = now_ms + flow->options.sweep_interval_ms;
        return sweep_save(step, own, error);
    }
    cursor = hp_cursor(stored);
    if (hp_get_u8(&cursor) != PROGRESS_VERSION)
        cursor.failed = true;
    own->sweep_at = (int64_t)hp_get_u64(&cursor);
    sweep_move(own, hp_get_bytes(&cursor));
    if (!hp_cursor_done(&cursor))
        return hp_fail(error, HP_CORRUPT, "sweep row of %zu bytes is malformed", stored.size);
    return HP_OK;
}

static enum hp_status
sweep_users(
    struct hp_step *step, const struct sweep *sweep, int64_t now_ms, struct hp_error *error)
{
    struct hp_buffer user = {0};
    enum hp_status status = HP_OK;

    for (size_t i = 0; i < sweep->count && !status; i++) {
        struct hp_cursor cursor = hp_cursor(sweep->keys[i]);

        if (hp_key_part_read(&cursor, &user))
            status = hp_pending_mark(step, hp_buffer_bytes(&user),
                &(struct hp_pending){HP_CAUSE_REFRESH, now_ms, now_ms, true}, error);
    }
    hp_buffer_release(&user);
    return status;
}

enum hp_status
hp_sweep_walk(struct hp_flow *flow, struct hp_step *step, int64_t now_ms, bool *more,
    struct hp_error *error)
{
    struct hp_flow_task *own = hp_task_user(hp_step_task(step));
    struct sweep sweep = {.step = step, .max = (size_t)flow->options.walk_users};
    enum hp_status status;

    if (own->sweep_at == 0 && (status = sweep_load(flow, step, now_ms, error)))
        return status;
    if (now_ms < own->sweep_at)
        return HP_OK;
    sweep.keys = HP_ARENA_ARRAY(hp_step_arena(step), sweep.max, struct hp_bytes);
    status = hp_step_scan(step, HP_STORE_STANDING, hp_bytes("", 0), own->sweep_user,
        visit_standing, &sweep, error);
    if (!status)
        status = sweep_users(step, &sweep, now_ms, error);
    if (status)
        return status;
    if (sweep.count == sweep.max) {
        struct hp_buffer next = {0};

        hp_buffer_append(
            &next, sweep.keys[sweep.count - 1].data, sweep.keys[sweep.count - 1].size);
        hp_put_u8(&next, 0);
        sweep_move(own, hp_buffer_bytes(&next));
        hp_buffer_release(&next);
        *more = true;
    } else {
        sweep_move(own, (struct hp_bytes){0});
        own->sweep_at = now_ms + flow->options.sweep_interval_ms;
    }
    return sweep_save(step, own, error);
}
