/* flow/state.c - stores read without a task. SPDX-License-Identifier: Apache-2.0 */
#include "flow/state.h"

#include "store/keys.h"

void
hp_state_release(struct hp_state *state)
{
    hp_arena_release(&state->arena);
}

static void
full_key(
    const struct hp_state *state, uint8_t store, struct hp_bytes key, struct hp_buffer *out)
{
    hp_key_head(out, state->partition, store);
    hp_buffer_append(out, key.data, key.size);
}

enum hp_status
hp_state_get(struct hp_state *state, uint8_t store, struct hp_bytes key, struct hp_bytes *value,
    struct hp_error *error)
{
    struct hp_buffer full = {0};
    enum hp_status status;

    full_key(state, store, key, &full);
    hp_arena_clear(&state->arena);
    status = hp_kv_get(state->kv, hp_buffer_bytes(&full), &state->arena, value, error);
    hp_buffer_release(&full);
    return status;
}

enum hp_status
hp_state_scan(struct hp_state *state, uint8_t store, struct hp_bytes prefix,
    bool (*visit)(void *, struct hp_bytes key, struct hp_bytes value), void *context,
    struct hp_error *error)
{
    struct hp_buffer from = {0};
    struct hp_buffer to = {0};
    struct hp_kv_cursor *cursor;
    struct hp_bytes key;
    struct hp_bytes value;

    full_key(state, store, prefix, &from);
    if (!hp_key_after_prefix(hp_buffer_bytes(&from), &to))
        hp_die("store %u has no end", store);
    cursor = hp_kv_scan(state->kv, hp_buffer_bytes(&from), hp_buffer_bytes(&to));
    while (hp_kv_next(cursor, &key, &value) &&
           visit(context, hp_bytes(key.data + HP_KEY_HEAD, key.size - HP_KEY_HEAD), value))
        continue;
    hp_buffer_release(&from);
    hp_buffer_release(&to);
    return hp_kv_cursor_free(cursor, error);
}

static enum hp_status
get(void *context, uint8_t store, struct hp_bytes key, struct hp_bytes *value,
    struct hp_error *error)
{
    return hp_state_get(context, store, key, value, error);
}

static enum hp_status
scan(void *context, uint8_t store,
    bool (*visit)(void *visitor, struct hp_bytes key, struct hp_bytes value), void *visitor,
    struct hp_error *error)
{
    return hp_state_scan(context, store, (struct hp_bytes){0}, visit, visitor, error);
}

enum hp_status
hp_state_blocks(struct hp_state *state, struct hp_blocks *blocks, struct hp_error *error)
{
    const struct hp_blocks_store store = {state, get, scan};

    return hp_blocks_open(blocks, &store, error);
}

enum hp_status
hp_state_load_row(
    struct hp_state *state, struct hp_blocks *blocks, uint32_t item, struct hp_error *error)
{
    const struct hp_blocks_store store = {state, get, scan};

    return hp_blocks_load_from(blocks, &store, item, error);
}
