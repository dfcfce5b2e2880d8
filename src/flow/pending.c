/*
 * flow/pending.c - marks as facts, their order as a derived index.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "flow/pending.h"

#include "flow/internal.h"
#include "flow/topology.h"
#include "store/keys.h"

#define PENDING_VERSION 1

static struct hp_bytes
user_key(struct hp_step *step, struct hp_bytes user)
{
    struct hp_buffer key = {0};
    struct hp_bytes copy;

    hp_key_part(&key, user);
    copy = hp_arena_copy(hp_step_arena(step), hp_buffer_bytes(&key));
    hp_buffer_release(&key);
    return copy;
}

static void
pending_encode(const struct hp_pending *pending, struct hp_buffer *out)
{
    hp_put_u8(out, PENDING_VERSION);
    hp_put_u8(out, (uint8_t)pending->cause);
    hp_put_u8(out, pending->conditional);
    hp_put_u64(out, (uint64_t)pending->since);
    hp_put_u64(out, (uint64_t)pending->now);
}

enum hp_status
hp_pending_decode(struct hp_bytes bytes, struct hp_pending *pending, struct hp_error *error)
{
    struct hp_cursor cursor = hp_cursor(bytes);

    if (hp_get_u8(&cursor) != PENDING_VERSION)
        cursor.failed = true;
    pending->cause = (enum hp_cause)hp_get_u8(&cursor);
    pending->conditional = hp_get_u8(&cursor) != 0;
    pending->since = (int64_t)hp_get_u64(&cursor);
    pending->now = (int64_t)hp_get_u64(&cursor);
    if (!hp_cursor_done(&cursor) || pending->cause > HP_CAUSE_REFRESH)
        return hp_fail(error, HP_CORRUPT, "pending row of %zu bytes is malformed", bytes.size);
    return HP_OK;
}

enum hp_status
hp_pending_mark(struct hp_step *step, struct hp_bytes user, const struct hp_pending *pending,
    struct hp_error *error)
{
    struct hp_bytes key = user_key(step, user);
    struct hp_pending merged = *pending;
    struct hp_buffer value = {0};
    struct hp_bytes stored;
    enum hp_status status;

    status = hp_step_get(step, HP_STORE_PENDING, key, &stored, error);
    if (status)
        return status;
    if (stored.data) {
        struct hp_pending before;

        status = hp_pending_decode(stored, &before, error);
        if (status)
            return status;
        merged.since = before.since < merged.since ? before.since : merged.since;
        merged.cause = before.cause < merged.cause ? before.cause : merged.cause;
        merged.now = before.now > merged.now ? before.now : merged.now;
        merged.conditional = before.conditional && merged.conditional;
    }
    pending_encode(&merged, &value);
    status = hp_step_put(step, HP_STORE_PENDING, key, hp_buffer_bytes(&value), error);
    hp_buffer_release(&value);
    return status;
}

enum hp_status
hp_pending_clear(struct hp_step *step, struct hp_bytes user, struct hp_error *error)
{
    return hp_step_put(
        step, HP_STORE_PENDING, user_key(step, user), (struct hp_bytes){0}, error);
}

static void
set_floor(struct hp_queue_floor *floor, struct hp_bytes place)
{
    floor->size = place.size < HP_QUEUE_FLOOR_BYTES ? place.size : HP_QUEUE_FLOOR_BYTES;
    memcpy(floor->data, place.data, floor->size);
}

/* In a restore nobody keeps a floor; it begins at nothing. */
static void
lower_floor(struct hp_step *step, struct hp_bytes place)
{
    struct hp_flow_task *own = hp_task_user(hp_step_task(step));

    if (own &&
        hp_bytes_compare(place, hp_bytes(own->queue_floor.data, own->queue_floor.size)) < 0)
        set_floor(&own->queue_floor, place);
}

static enum hp_status
queue_put(struct hp_step *step, int64_t since, struct hp_bytes key, struct hp_bytes value,
    struct hp_error *error)
{
    struct hp_buffer place = {0};
    enum hp_status status;

    hp_put_u64(&place, (uint64_t)since);
    hp_buffer_append(&place, key.data, key.size);
    lower_floor(step, hp_buffer_bytes(&place));
    status = hp_step_put(step, HP_STORE_QUEUE, hp_buffer_bytes(&place), value, error);
    hp_buffer_release(&place);
    return status;
}

enum hp_status
hp_pending_changed(struct hp_step *step, struct hp_bytes key, struct hp_bytes before,
    struct hp_bytes after, struct hp_error *error)
{
    struct hp_pending old = {0};
    struct hp_pending new = {0};
    enum hp_status status;

    if (before.data && (status = hp_pending_decode(before, &old, error)))
        return status;
    if (after.data && (status = hp_pending_decode(after, &new, error)))
        return status;
    if (before.data && after.data && old.since == new.since)
        return HP_OK;
    if (before.data && (status = queue_put(step, old.since, key, (struct hp_bytes){0}, error)))
        return status;
    return after.data ? queue_put(step, new.since, key, hp_bytes("", 0), error) : HP_OK;
}

struct oldest {
    struct hp_arena *arena;
    struct hp_bytes *keys;
    size_t count;
    size_t max;
};

static bool
visit_oldest(void *context, struct hp_bytes key, struct hp_bytes value)
{
    struct oldest *oldest = context;

    (void)value;
    if (oldest->count == oldest->max)
        return false;
    oldest->keys[oldest->count++] = hp_arena_copy(oldest->arena, key);
    return true;
}

/* No time is so late. */
static const struct hp_bytes after_all = {
    (const uint8_t *)"\xff\xff\xff\xff\xff\xff\xff\xff", 8};

enum hp_status
hp_pending_oldest(struct hp_step *step, size_t max, struct hp_pending_user *users,
    size_t *count, struct hp_error *error)
{
    struct hp_flow_task *own = hp_task_user(hp_step_task(step));
    struct hp_arena *arena = hp_step_arena(step);
    struct oldest oldest = {.arena = arena, .max = max};
    struct hp_buffer user = {0};
    enum hp_status status;

    *count = 0;
    oldest.keys = HP_ARENA_ARRAY(arena, max, struct hp_bytes);
    status = hp_step_scan(step, HP_STORE_QUEUE, hp_bytes("", 0),
        hp_bytes(own->queue_floor.data, own->queue_floor.size), visit_oldest, &oldest, error);
    set_floor(&own->queue_floor, after_all); /* the first key found lowers it */
    for (size_t i = 0; i < oldest.count && !status; i++) {
        struct hp_bytes key = oldest.keys[i];
        struct hp_bytes stored;
        struct hp_cursor cursor;

        if (key.size < 8) {
            status =
                hp_fail(error, HP_CORRUPT, "queue key of %zu bytes is malformed", key.size);
            break;
        }
        lower_floor(step, key);
        key = hp_bytes(key.data + 8, key.size - 8);
        cursor = hp_cursor(key);
        status = hp_step_get(step, HP_STORE_PENDING, key, &stored, error);
        if (!status && (!stored.data || !hp_key_part_read(&cursor, &user)))
            status = hp_fail(error, HP_CORRUPT, "queue names a user who is not pending");
        if (!status)
            status = hp_pending_decode(stored, &users[*count].pending, error);
        if (!status)
            users[(*count)++].user = hp_arena_copy(arena, hp_buffer_bytes(&user));
    }
    hp_buffer_release(&user);
    return status;
}
