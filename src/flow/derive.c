/*
 * flow/derive.c - what follows from a changed fact.
 *
 *     order, reaction --> the user's facts without and with the change
 *                           --> aggregate(after)                        HP_STORE_AGGREGATE
 *                           --> share(after) - share(before) per item   HP_STORE_HEAD
 *                                                                       HP_STORE_DIRTY
 *     standing boxes  --> items they hold                               HP_STORE_ITEM_USERS
 *
 * Both shares are computed from facts, never from what was added earlier, so that a cancelled
 * order leaves nothing behind. That reads every order of the user once per change: some tens of
 * microseconds for ordinary users, a few milliseconds for one with thousands of orders, whose
 * history therefore costs quadratic time, at 0.2 µs a line and order.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "flow/derive.h"

#include "flow/standing.h"
#include "ledger/heads.h"
#include "store/keys.h"

/* A user's rows as they were, but for the one that changes. */
struct history {
    struct hp_arena *arena;
    struct hp_bytes changed; /* the key that changes */
    struct hp_user_order *orders;
    size_t order_count;
    size_t order_room;
    struct hp_user_reaction *reactions;
    size_t reaction_count;
    size_t reaction_room;
    enum hp_status status;
    struct hp_error *error;
};

/* The next part of a composed key, copied; false when malformed. */
static bool
read_part(struct hp_cursor *cursor, struct hp_arena *arena, struct hp_bytes *part)
{
    struct hp_buffer scratch = {0};
    bool good = hp_key_part_read(cursor, &scratch);

    hp_put_u8(&scratch, 0); /* so that an empty part has data, too */
    if (good)
        *part = hp_arena_copy(arena, hp_bytes(scratch.data, scratch.size - 1));
    hp_buffer_release(&scratch);
    return good;
}

static bool
read_key(
    struct hp_bytes key, struct hp_arena *arena, struct hp_bytes *user, struct hp_bytes *second)
{
    struct hp_cursor cursor = hp_cursor(key);

    return read_part(&cursor, arena, user) && read_part(&cursor, arena, second) &&
           hp_cursor_done(&cursor);
}

static enum hp_status
bad_key(uint8_t store, struct hp_error *error)
{
    return hp_fail(error, HP_CORRUPT, "a key of store %u is malformed", (unsigned)store);
}

/* One more element at the end of an array that doubles in the arena. */
static void *
grow(struct hp_arena *arena, void *array, size_t *count, size_t *room, size_t size)
{
    if (*count == *room) {
        size_t more = *room ? *room * 2 : 16;
        void *copy = hp_arena_array(arena, more, size);

        if (*count)
            memcpy(copy, array, *count * size);
        array = copy;
        *room = more;
    }
    ++*count;
    return array;
}

static enum hp_status
add_order(struct history *history, struct hp_bytes key, struct hp_bytes value)
{
    struct hp_user_order order;
    struct hp_bytes user;
    enum hp_status status;

    if (!value.data || hp_order_value_stub(value))
        return HP_OK;
    if (!read_key(key, history->arena, &user, &order.order_id))
        return bad_key(HP_STORE_ORDER, history->error);
    status = hp_order_fact_decode(
        hp_arena_copy(history->arena, value), history->arena, &order.fact, history->error);
    if (status)
        return status;
    history->orders = grow(history->arena, history->orders, &history->order_count,
        &history->order_room, sizeof(order));
    history->orders[history->order_count - 1] = order;
    return HP_OK;
}

static enum hp_status
add_reaction(struct history *history, struct hp_bytes key, struct hp_bytes value)
{
    struct hp_user_reaction reaction;
    struct hp_bytes user;
    enum hp_status status;

    if (!value.data)
        return HP_OK;
    if (!read_key(key, history->arena, &user, &reaction.item_id))
        return bad_key(HP_STORE_REACTION, history->error);
    status = hp_reaction_decode(
        hp_arena_copy(history->arena, value), &reaction.reaction, history->error);
    if (status)
        return status;
    history->reactions = grow(history->arena, history->reactions, &history->reaction_count,
        &history->reaction_room, sizeof(reaction));
    history->reactions[history->reaction_count - 1] = reaction;
    return HP_OK;
}

static bool
visit_order(void *context, struct hp_bytes key, struct hp_bytes value)
{
    struct history *history = context;

    if (!hp_bytes_equal(key, history->changed))
        history->status = add_order(history, key, value);
    return history->status == HP_OK;
}

static bool
visit_reaction(void *context, struct hp_bytes key, struct hp_bytes value)
{
    struct history *history = context;

    if (!hp_bytes_equal(key, history->changed))
        history->status = add_reaction(history, key, value);
    return history->status == HP_OK;
}

/* Orders and reactions have keys of the same form; only those of the changed store may be
 * passed over. */
static enum hp_status
load(struct hp_step *step, struct history *history, uint8_t store, struct hp_bytes key,
    struct hp_bytes user)
{
    struct hp_buffer prefix = {0};
    enum hp_status status;

    hp_key_part(&prefix, user);
    history->changed = store == HP_STORE_ORDER ? key : (struct hp_bytes){0};
    status = hp_step_scan(step, HP_STORE_ORDER, hp_buffer_bytes(&prefix), (struct hp_bytes){0},
        visit_order, history, history->error);
    history->changed = store == HP_STORE_REACTION ? key : (struct hp_bytes){0};
    if (!status && !history->status)
        status = hp_step_scan(step, HP_STORE_REACTION, hp_buffer_bytes(&prefix),
            (struct hp_bytes){0}, visit_reaction, history, history->error);
    hp_buffer_release(&prefix);
    return status ? status : history->status;
}

/* The history with `value` as the row that changes; arrays of its own, since what is built from
 * it points into them, and the next call puts another row in the same place. */
static enum hp_status
with(const struct history *others, uint8_t store, struct hp_bytes key, struct hp_bytes value,
    struct hp_bytes user, struct hp_aggregate *aggregate)
{
    struct history all = *others;
    enum hp_status status;

    all.order_room = all.order_count;
    all.reaction_room = all.reaction_count;
    status =
        store == HP_STORE_ORDER ? add_order(&all, key, value) : add_reaction(&all, key, value);
    if (status)
        return status;
    hp_aggregate_build(&(struct hp_user_facts){.user_id = user,
                           .orders = all.orders,
                           .order_count = all.order_count,
                           .reactions = all.reactions,
                           .reaction_count = all.reaction_count},
        all.arena, aggregate);
    return HP_OK;
}

/* ---- heads ------------------------------------------------------------------------------- */

static enum hp_status
change_head(struct hp_step *step, const struct hp_share *change, struct hp_error *error)
{
    struct hp_buffer value = {0};
    struct hp_bytes stored;
    struct hp_head head;
    enum hp_status status = hp_step_get(step, HP_STORE_HEAD, change->item_id, &stored, error);

    if (!status)
        status = hp_head_decode(stored, hp_step_arena(step), &head, error);
    if (!status)
        status = hp_head_add(&head, &change->head, hp_step_arena(step), error);
    if (status)
        return status;
    hp_head_encode(&head, &value);
    status = hp_step_put(step, HP_STORE_HEAD, change->item_id, hp_buffer_bytes(&value), error);
    if (!status)
        status = hp_step_put(step, HP_STORE_DIRTY, change->item_id, hp_bytes_text(""), error);
    hp_buffer_release(&value);
    return status;
}

static enum hp_status
change_heads(struct hp_step *step, const struct hp_aggregate *before,
    const struct hp_aggregate *after, struct hp_error *error)
{
    struct hp_arena *arena = hp_step_arena(step);
    struct hp_shares old;
    struct hp_shares new;
    struct hp_shares difference;
    enum hp_status status = HP_OK;

    hp_shares_build(before, arena, &old);
    hp_shares_build(after, arena, &new);
    hp_shares_difference(&old, &new, arena, &difference);
    for (size_t i = 0; i < difference.count && !status; i++)
        status = change_head(step, &difference.items[i], error);
    return status;
}

static enum hp_status
save_aggregate(struct hp_step *step, struct hp_bytes user, const struct hp_aggregate *aggregate,
    struct hp_error *error)
{
    struct hp_buffer key = {0};
    struct hp_buffer value = {0};
    enum hp_status status;

    hp_key_part(&key, user);
    if (!hp_aggregate_empty(aggregate))
        hp_aggregate_encode(aggregate, &value);
    status = hp_step_put(
        step, HP_STORE_AGGREGATE, hp_buffer_bytes(&key), hp_buffer_bytes(&value), error);
    hp_buffer_release(&key);
    hp_buffer_release(&value);
    return status;
}

static enum hp_status
user_changed(struct hp_step *step, uint8_t store, struct hp_bytes key, struct hp_bytes before,
    struct hp_bytes after, struct hp_error *error)
{
    struct hp_arena *arena = hp_step_arena(step);
    struct history history = {.arena = arena, .error = error};
    struct hp_aggregate old;
    struct hp_aggregate new;
    struct hp_bytes user;
    struct hp_bytes second;
    enum hp_status status;

    if (!read_key(key, arena, &user, &second))
        return bad_key(store, error);
    status = load(step, &history, store, key, user);
    if (!status)
        status = with(&history, store, key, before, user, &old);
    if (!status)
        status = with(&history, store, key, after, user, &new);
    if (!status)
        status = save_aggregate(step, user, &new, error);
    if (!status)
        status = change_heads(step, &old, &new, error);
    return status;
}

/* ---- who holds an item ------------------------------------------------------------------- */

static enum hp_status
put_holder(struct hp_step *step, struct hp_bytes item, struct hp_bytes user_part,
    struct hp_bytes value, struct hp_error *error)
{
    struct hp_buffer key = {0};
    enum hp_status status;

    hp_key_part(&key, item);
    hp_buffer_append(&key, user_part.data, user_part.size);
    status = hp_step_put(step, HP_STORE_ITEM_USERS, hp_buffer_bytes(&key), value, error);
    hp_buffer_release(&key);
    return status;
}

static enum hp_status
held_items(struct hp_bytes value, struct hp_arena *arena, struct hp_strings *items,
    struct hp_error *error)
{
    *items = (struct hp_strings){0};
    if (!value.data || hp_standing_items(value, arena, items))
        return HP_OK;
    return hp_fail(error, HP_CORRUPT, "a stored value is not a valid standing record");
}

/* `key` is the user as one part, as it stands in the index's keys. Both lists are sorted. */
static enum hp_status
standing_changed(struct hp_step *step, struct hp_bytes key, struct hp_bytes before,
    struct hp_bytes after, struct hp_error *error)
{
    struct hp_strings old;
    struct hp_strings new;
    size_t i = 0;
    size_t k = 0;
    enum hp_status status = held_items(before, hp_step_arena(step), &old, error);

    if (!status)
        status = held_items(after, hp_step_arena(step), &new, error);
    while (!status && (i < old.count || k < new.count)) {
        int order = i == old.count   ? 1
                    : k == new.count ? -1
                                     : hp_bytes_compare(old.items[i], new.items[k]);

        if (order < 0)
            status = put_holder(step, old.items[i], key, (struct hp_bytes){0}, error);
        if (order > 0)
            status = put_holder(step, new.items[k], key, hp_bytes_text(""), error);
        i += order <= 0;
        k += order >= 0;
    }
    return status;
}

/* A stub that follows a stub, or nothing, says nothing new. */
static bool
without_effect(struct hp_bytes before, struct hp_bytes after)
{
    return (!before.data || hp_order_value_stub(before)) &&
           (!after.data || hp_order_value_stub(after));
}

enum hp_status
hp_flow_fact_changed(void *flow, struct hp_step *step, uint8_t store, struct hp_bytes key,
    struct hp_bytes before, struct hp_bytes after, struct hp_error *error)
{
    (void)flow;
    switch (store) {
    case HP_STORE_ORDER:
        if (without_effect(before, after))
            return HP_OK;
        return user_changed(step, store, key, before, after, error);
    case HP_STORE_REACTION: return user_changed(step, store, key, before, after, error);
    case HP_STORE_STANDING: return standing_changed(step, key, before, after, error);
    default: return HP_OK;
    }
}
