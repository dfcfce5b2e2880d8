/* flow/history.c - a user's facts from their rows. SPDX-License-Identifier: Apache-2.0 */
#include "flow/history.h"

#include "store/keys.h"

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
bad_key(const char *store, struct hp_error *error)
{
    return hp_fail(error, HP_CORRUPT, "a key of the %s is malformed", store);
}

/* One more element at the end of an array that doubles in the arena. */
static void *
grow(struct hp_arena *arena, void *array, size_t *count, size_t *room, size_t size)
{
    if (*count == *room) {
        size_t more = *room ? *room * 2 : 4;
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
add_order(struct hp_history *history, struct hp_bytes key, struct hp_bytes value)
{
    struct hp_user_order order;
    struct hp_bytes user;
    enum hp_status status;

    if (hp_order_value_stub(value))
        return HP_OK;
    if (!read_key(key, history->arena, &user, &order.order_id))
        return bad_key("orders", history->error);
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
add_reaction(struct hp_history *history, struct hp_bytes key, struct hp_bytes value)
{
    struct hp_user_reaction reaction;
    struct hp_bytes user;
    enum hp_status status;

    if (!read_key(key, history->arena, &user, &reaction.item_id))
        return bad_key("reactions", history->error);
    status = hp_reaction_decode(
        hp_arena_copy(history->arena, value), &reaction.reaction, history->error);
    if (status)
        return status;
    history->reactions = grow(history->arena, history->reactions, &history->reaction_count,
        &history->reaction_room, sizeof(reaction));
    history->reactions[history->reaction_count - 1] = reaction;
    return HP_OK;
}

bool
hp_history_order(void *context, struct hp_bytes key, struct hp_bytes value)
{
    struct hp_history *history = context;

    history->status = add_order(history, key, value);
    return history->status == HP_OK;
}

bool
hp_history_reaction(void *context, struct hp_bytes key, struct hp_bytes value)
{
    struct hp_history *history = context;

    history->status = add_reaction(history, key, value);
    return history->status == HP_OK;
}

struct hp_user_facts
hp_history_facts(const struct hp_history *history, struct hp_bytes user)
{
    return (struct hp_user_facts){.user_id = user,
        .orders = history->orders,
        .order_count = history->order_count,
        .reactions = history->reactions,
        .reaction_count = history->reaction_count};
}

void
hp_history_aggregate(
    const struct hp_history *history, struct hp_bytes user, struct hp_aggregate *aggregate)
{
    const struct hp_user_facts facts = hp_history_facts(history, user);

    hp_aggregate_build(&facts, history->arena, aggregate);
}

bool
hp_history_user(
    struct hp_bytes key, struct hp_arena *arena, struct hp_bytes *user, struct hp_bytes *part)
{
    struct hp_cursor cursor = hp_cursor(key);

    if (!read_part(&cursor, arena, user))
        return false;
    *part = hp_bytes(key.data, (size_t)(cursor.at - key.data));
    return true;
}
