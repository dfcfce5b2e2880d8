/*
 * flow/derive.c - what follows from a changed fact.
 *
 *     order, reaction --> its user is marked, of a kept past the fact   HP_STORE_TOUCHED
 *     marked user     --> aggregate of all his facts                    HP_STORE_AGGREGATE
 *                         H_u and shares against those before           HP_STORE_ROW_LOG
 *     standing boxes  --> items they hold                               HP_STORE_ITEM_USERS
 *
 * What a user had added before is read from his aggregate, which was itself worked out from
 * facts; what he adds now is worked out from facts again. The difference goes to the rows. So a
 * cancelled order leaves nothing behind, whatever came in between, and replaying the tail of
 * the changelog or restoring all of it needs no other code: it marks users.
 *
 * A user's history is read once a transaction in which he changed: some tens of microseconds
 * for ordinary users. Long ones are kept in memory (flow/pasts.h), and then the changed facts
 * are marked with what they were before, so that one more order does not cost the history. A
 * mark is a derived row like others: it goes when its step fails, and says the same in a
 * replay.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "flow/derive.h"

#include "base/order.h"
#include "flow/history.h"
#include "flow/standing.h"
#include "ledger/heads.h"
#include "store/keys.h"

#define USERS_MAX 1024 /* worked out in one turn */

static enum hp_status
bad_key(uint8_t store, struct hp_error *error)
{
    return hp_fail(error, HP_CORRUPT, "a key of store %u is malformed", (unsigned)store);
}

/* `key` is the user as one part. */
static enum hp_status
read_history(struct hp_step *step, struct hp_bytes key, struct hp_history *history,
    struct hp_error *error)
{
    enum hp_status status;

    *history = (struct hp_history){.arena = hp_step_arena(step), .error = error};
    status = hp_step_scan(
        step, HP_STORE_ORDER, key, (struct hp_bytes){0}, hp_history_order, history, error);
    if (!status && !history->status)
        status = hp_step_scan(step, HP_STORE_REACTION, key, (struct hp_bytes){0},
            hp_history_reaction, history, error);
    return status ? status : history->status;
}

static enum hp_status
stored_aggregate(struct hp_step *step, struct hp_bytes key, struct hp_aggregate *aggregate,
    struct hp_error *error)
{
    struct hp_bytes stored;
    enum hp_status status = hp_step_get(step, HP_STORE_AGGREGATE, key, &stored, error);

    if (status)
        return status;
    return hp_aggregate_decode(stored, hp_step_arena(step), aggregate, error);
}

/* ---- what changed, for the rows ---------------------------------------------------------- */

static int
compare_heads(const void *a, const void *b)
{
    return hp_order_uint32(
        &((const struct hp_row_head *)a)->item, &((const struct hp_row_head *)b)->item);
}

/* H_u as numbers, rising. */
static enum hp_status
numbers_of(struct hp_blocks *blocks, struct hp_step *step, const struct hp_past_view *view,
    uint32_t *numbers, struct hp_error *error)
{
    enum hp_status status = HP_OK;

    HP_ASSERT(view->sample_count <= HP_SAMPLE_MAX);
    for (size_t i = 0; i < view->sample_count && !status; i++)
        status = hp_blocks_number(blocks, step, view->sample[i], &numbers[i], error);
    if (view->sample_count)
        qsort(numbers, view->sample_count, sizeof(*numbers), hp_order_uint32);
    return status;
}

struct sets {
    uint32_t old[HP_SAMPLE_MAX];
    uint32_t new[HP_SAMPLE_MAX];
    uint32_t kept[HP_SAMPLE_MAX];
    uint32_t added[HP_SAMPLE_MAX];
    uint32_t removed[HP_SAMPLE_MAX];
    struct hp_row_head heads[2 * HP_SAMPLE_MAX + 1];
};

static void
split(struct sets *sets, size_t old_count, size_t new_count, struct hp_row_change *change)
{
    size_t i = 0;
    size_t k = 0;

    while (i < old_count || k < new_count) {
        bool old = k == new_count || (i < old_count && sets->old[i] <= sets->new[k]);
        bool new = i == old_count || (k < new_count && sets->new[k] <= sets->old[i]);

        if (old && new)
            sets->kept[change->kept_count++] = sets->old[i];
        else if (old)
            sets->removed[change->removed_count++] = sets->old[i];
        else
            sets->added[change->added_count++] = sets->new[k];
        i += old;
        k += new;
    }
    if (change->added_count == 0 && change->removed_count == 0)
        change->kept_count = 0; /* no pair changes */
}

static enum hp_status
head_changes(struct hp_blocks *blocks, struct hp_step *step, const struct hp_past_view *before,
    const struct hp_past_view *after, struct sets *sets, struct hp_row_change *change,
    struct hp_error *error)
{
    struct hp_shares difference;
    enum hp_status status = HP_OK;

    hp_shares_difference(&before->shares, &after->shares, hp_step_arena(step), &difference);
    for (size_t i = 0; i < difference.count && !status; i++) {
        struct hp_row_head *head = &sets->heads[change->head_count++];

        head->change = difference.items[i].head;
        status =
            hp_blocks_number(blocks, step, difference.items[i].item_id, &head->item, error);
    }
    if (change->head_count)
        qsort(sets->heads, change->head_count, sizeof(sets->heads[0]), compare_heads);
    return status;
}

static enum hp_status
log_change(struct hp_blocks *blocks, struct hp_step *step, const struct hp_past_view *before,
    const struct hp_past_view *after, struct hp_error *error)
{
    struct sets sets; /* not in the arena, which holds a thousand users of a turn */
    struct hp_row_change change = {
        .kept = sets.kept, .added = sets.added, .removed = sets.removed, .heads = sets.heads};
    enum hp_status status = numbers_of(blocks, step, before, sets.old, error);

    if (!status)
        status = numbers_of(blocks, step, after, sets.new, error);
    if (status)
        return status;
    split(&sets, before->sample_count, after->sample_count, &change);
    status = head_changes(blocks, step, before, after, &sets, &change, error);
    if (status ||
        (change.head_count == 0 && change.added_count == 0 && change.removed_count == 0))
        return status;
    return hp_blocks_log(blocks, step, &change, error);
}

/* ---- marks ------------------------------------------------------------------------------- */

/* Key: the user as one part, and then nothing (read him again), or the fact: its store as one
 * byte, and the rest of its key. */
struct mark {
    uint8_t store; /* 0: read him again */
    struct hp_bytes second;
    struct hp_bytes fact_key;
    struct hp_bytes before; /* empty: there was nothing that counted */
};

struct marks {
    struct hp_arena *arena;
    struct hp_bytes part;
    struct mark *list;
    size_t count;
    size_t room;
    bool whole;
    bool bad;
};

static void
read_fact_mark(struct marks *marks, struct hp_bytes key, struct mark *mark)
{
    struct hp_bytes rest =
        hp_bytes(key.data + marks->part.size + 1, key.size - marks->part.size - 1);
    struct hp_cursor cursor = hp_cursor(rest);
    struct hp_buffer second = {0};
    uint8_t *fact_key = hp_arena_alloc(marks->arena, key.size - 1);

    mark->store = key.data[marks->part.size];
    memcpy(fact_key, key.data, marks->part.size);
    if (rest.size)
        memcpy(fact_key + marks->part.size, rest.data, rest.size);
    mark->fact_key = hp_bytes(fact_key, key.size - 1);
    marks->bad = marks->bad || !hp_key_part_read(&cursor, &second) || !hp_cursor_done(&cursor);
    mark->second = hp_arena_copy(marks->arena, hp_buffer_bytes(&second));
    hp_buffer_release(&second);
}

static bool
visit_mark(void *context, struct hp_bytes key, struct hp_bytes value)
{
    struct marks *marks = context;
    struct mark mark = {.before = hp_arena_copy(marks->arena, value)};

    if (marks->count == marks->room) {
        size_t room = marks->room ? marks->room * 2 : 4;
        struct mark *list = HP_ARENA_ARRAY(marks->arena, room, struct mark);

        if (marks->count)
            memcpy(list, marks->list, marks->count * sizeof(*list));
        marks->list = list;
        marks->room = room;
    }
    if (key.size > marks->part.size)
        read_fact_mark(marks, key, &mark);
    else
        marks->whole = true;
    marks->list[marks->count++] = mark;
    return true;
}

static enum hp_status
read_marks(const struct hp_marked *marked, struct hp_step *step, struct hp_bytes part,
    struct marks *marks, struct hp_error *error)
{
    enum hp_status status;

    *marks = (struct marks){.arena = hp_step_arena(step), .part = part};
    if (marked->stored_none)
        status = hp_step_scan_written(step, HP_STORE_TOUCHED, part, visit_mark, marks, error);
    else
        status = hp_step_scan(
            step, HP_STORE_TOUCHED, part, (struct hp_bytes){0}, visit_mark, marks, error);
    return !status && marks->bad ? bad_key(HP_STORE_TOUCHED, error) : status;
}

static struct hp_bytes
mark_key(struct hp_buffer *key, struct hp_bytes part, uint8_t store, struct hp_bytes fact_key)
{
    hp_buffer_clear(key);
    hp_buffer_append(key, part.data, part.size);
    if (store) {
        hp_put_u8(key, store);
        hp_buffer_append(key, fact_key.data + part.size, fact_key.size - part.size);
    }
    return hp_buffer_bytes(key);
}

static enum hp_status
clear_marks(struct hp_step *step, const struct marks *marks, struct hp_error *error)
{
    struct hp_buffer key = {0};
    enum hp_status status = HP_OK;

    for (size_t i = 0; i < marks->count && !status; i++)
        status = hp_step_put(step, HP_STORE_TOUCHED,
            mark_key(&key, marks->part, marks->list[i].store, marks->list[i].fact_key),
            (struct hp_bytes){0}, error);
    hp_buffer_release(&key);
    return status;
}

/* ---- a past that is kept ----------------------------------------------------------------- */

/* An order of a row; NULL when it does not count. */
static enum hp_status
order_of(struct hp_step *step, struct hp_bytes value, struct hp_order_fact *fact,
    const struct hp_order_fact **order, struct hp_error *error)
{
    *order = value.size ? fact : NULL;
    if (!value.size)
        return HP_OK;
    return hp_order_fact_decode(
        hp_arena_copy(hp_step_arena(step), value), hp_step_arena(step), fact, error);
}

/* The facts of a mark, from before to after; of reactions only what is after. */
static enum hp_status
move_order(struct hp_step *step, struct hp_past *past, const struct mark *mark,
    struct hp_bytes now, bool back, bool *good, struct hp_error *error)
{
    const struct hp_order_fact *before;
    const struct hp_order_fact *after;
    struct hp_order_fact facts[2];
    enum hp_status status = order_of(step, mark->before, &facts[0], &before, error);

    if (!status)
        status = order_of(step, now, &facts[1], &after, error);
    if (!status)
        *good = hp_past_order(past, mark->second, back ? after : before, back ? before : after);
    return status;
}

static enum hp_status
move_reaction(struct hp_step *step, struct hp_past *past, const struct mark *mark,
    struct hp_bytes now, struct hp_error *error)
{
    struct hp_reaction reaction;
    enum hp_status status = HP_OK;

    if (now.size)
        status = hp_reaction_decode(hp_arena_copy(hp_step_arena(step), now), &reaction, error);
    if (!status)
        hp_past_reaction(past, mark->second, now.size ? &reaction : NULL);
    return status;
}

/* From what was before to what is now, or `back`. `*good` false: the past fits neither. */
static enum hp_status
move_past(struct hp_step *step, struct hp_past *past, const struct marks *marks, bool back,
    bool *good, struct hp_error *error)
{
    enum hp_status status = HP_OK;

    *good = true;
    for (size_t i = 0; i < marks->count && *good && !status; i++) {
        const struct mark *mark = &marks->list[back ? marks->count - 1 - i : i];
        struct hp_bytes now;

        status = hp_step_get(step, mark->store, mark->fact_key, &now, error);
        if (!status && mark->store == HP_STORE_ORDER)
            status = move_order(step, past, mark, now, back, good, error);
        else if (!status)
            status = move_reaction(step, past, mark, back ? mark->before : now, error);
    }
    return status;
}

/* The user's past, when it is kept and reading him anew would cost more. */
static struct hp_past *
usable_past(struct hp_pasts *pasts, const struct marks *marks)
{
    struct hp_past *past = hp_pasts_find(pasts, marks->part);

    if (!past || marks->whole || marks->count > 64 + hp_past_orders(past) / 8)
        return NULL;
    return past;
}

/* The aggregate as of this step; the past goes back to what the last derivation left. */
static enum hp_status
peek(struct hp_pasts *pasts, struct hp_step *step, const struct marks *marks,
    struct hp_aggregate *aggregate, bool *done, struct hp_error *error)
{
    struct hp_past *past = usable_past(pasts, marks);
    struct hp_buffer value = {0};
    enum hp_status status;

    *done = false;
    if (!past)
        return HP_OK;
    status = move_past(step, past, marks, false, done, error);
    if (!status && *done) {
        hp_past_aggregate(past, hp_step_arena(step), aggregate);
        hp_aggregate_encode(aggregate, &value);
        status = move_past(step, past, marks, true, done, error);
    }
    if (status || !*done)
        hp_pasts_drop(pasts, marks->part);
    else
        status =
            hp_aggregate_decode(hp_arena_copy(hp_step_arena(step), hp_buffer_bytes(&value)),
                hp_step_arena(step), aggregate, error);
    hp_buffer_release(&value);
    return status;
}

enum hp_status
hp_derive_aggregate(struct hp_deriver *deriver, struct hp_step *step, struct hp_bytes user,
    struct hp_aggregate *aggregate, struct hp_error *error)
{
    struct hp_buffer buffer = {0};
    struct hp_history history;
    struct marks marks;
    enum hp_status status;
    struct hp_bytes key;
    bool done;

    hp_key_part(&buffer, user);
    key = hp_arena_copy(hp_step_arena(step), hp_buffer_bytes(&buffer));
    hp_buffer_release(&buffer);
    status = read_marks(&deriver->marked, step, key, &marks, error);
    if (status)
        return status;
    if (marks.count == 0)
        return stored_aggregate(step, key, aggregate, error);
    status = peek(&deriver->pasts, step, &marks, aggregate, &done, error);
    if (status || done)
        return status;
    status = read_history(step, key, &history, error);
    if (!status)
        hp_history_aggregate(&history, user, aggregate);
    return status;
}

/* ---- marked users ------------------------------------------------------------------------ */

static enum hp_status
save_aggregate(struct hp_step *step, struct hp_bytes key, const struct hp_aggregate *aggregate,
    struct hp_error *error)
{
    struct hp_buffer value = {0};
    enum hp_status status;

    if (!hp_aggregate_empty(aggregate))
        hp_aggregate_encode(aggregate, &value);
    status = hp_step_put(step, HP_STORE_AGGREGATE, key, hp_buffer_bytes(&value), error);
    hp_buffer_release(&value);
    return status;
}

static void
view_of(const struct hp_aggregate *aggregate, struct hp_arena *arena, struct hp_past_view *view)
{
    struct hp_bytes *sample = HP_ARENA_ARRAY(arena, aggregate->item_count, struct hp_bytes);

    *view = (struct hp_past_view){.sample = sample};
    for (size_t i = 0; i < aggregate->item_count; i++)
        if (aggregate->items[i].sampled)
            sample[view->sample_count++] = aggregate->items[i].item_id;
    hp_shares_build(aggregate, arena, &view->shares);
}

/* From all his facts, against what is stored. */
static enum hp_status
derive_anew(struct hp_blocks *blocks, struct hp_pasts *pasts, struct hp_step *step,
    struct hp_bytes key, struct hp_bytes user, struct hp_error *error)
{
    struct hp_arena *arena = hp_step_arena(step);
    struct hp_aggregate before;
    struct hp_aggregate after;
    struct hp_past_view views[2];
    struct hp_history history;
    enum hp_status status = stored_aggregate(step, key, &before, error);

    if (!status)
        status = read_history(step, key, &history, error);
    if (status)
        return status;
    hp_history_aggregate(&history, user, &after);
    view_of(&before, arena, &views[0]);
    view_of(&after, arena, &views[1]);
    status = log_change(blocks, step, &views[0], &views[1], error);
    if (!status)
        status = save_aggregate(step, key, &after, error);
    if (!status) {
        const struct hp_user_facts facts = hp_history_facts(&history, user);

        hp_pasts_drop(pasts, key);
        hp_pasts_keep(pasts, key, &facts);
    }
    return status;
}

/* From the past that is kept and the facts that changed. */
static enum hp_status
derive_further(struct hp_blocks *blocks, struct hp_pasts *pasts, struct hp_step *step,
    const struct marks *marks, bool *done, struct hp_error *error)
{
    struct hp_past *past = usable_past(pasts, marks);
    struct hp_aggregate aggregate;
    struct hp_past_view before;
    struct hp_past_view after;
    enum hp_status status;

    *done = false;
    if (!past)
        return HP_OK;
    status = move_past(step, past, marks, false, done, error);
    if (status || !*done)
        return status;
    hp_past_settle(past, hp_step_arena(step), &before, &after);
    status = log_change(blocks, step, &before, &after, error);
    if (status)
        return status;
    hp_past_aggregate(past, hp_step_arena(step), &aggregate);
    hp_pasts_weigh(pasts, marks->part);
    return save_aggregate(step, marks->part, &aggregate, error);
}

static enum hp_status
derive_user(struct hp_blocks *blocks, struct hp_deriver *deriver, struct hp_step *step,
    struct hp_bytes key, struct hp_error *error)
{
    struct hp_bytes user;
    struct hp_bytes part;
    struct marks marks;
    enum hp_status status;
    bool done;

    if (!hp_history_user(key, hp_step_arena(step), &user, &part))
        return bad_key(HP_STORE_TOUCHED, error);
    status = read_marks(&deriver->marked, step, key, &marks, error);
    if (!status)
        status = derive_further(blocks, &deriver->pasts, step, &marks, &done, error);
    if (!status && !done)
        status = derive_anew(blocks, &deriver->pasts, step, key, user, error);
    blocks->meta_changed = true; /* says by which rules the aggregate was made */
    return status ? status : clear_marks(step, &marks, error);
}

struct listing {
    struct hp_arena *arena;
    struct hp_bytes parts[USERS_MAX];
    size_t count;
    size_t max;
    bool full;
    bool bad;
};

/* Marks of one user are neighbours. */
static bool
visit_touched(void *context, struct hp_bytes key, struct hp_bytes value)
{
    struct listing *listing = context;
    struct hp_bytes user;
    struct hp_bytes part;

    (void)value;
    if (listing->count && hp_bytes_starts(key, listing->parts[listing->count - 1]))
        return true;
    listing->full = listing->count == listing->max;
    listing->bad = !hp_history_user(key, listing->arena, &user, &part);
    if (!listing->full && !listing->bad)
        listing->parts[listing->count++] = hp_arena_copy(listing->arena, part);
    return !listing->full && !listing->bad;
}

static enum hp_status
derive_listed(struct hp_blocks *blocks, struct hp_deriver *deriver, struct hp_step *step,
    const struct listing *listing, struct hp_error *error)
{
    enum hp_status status = listing->bad ? bad_key(HP_STORE_TOUCHED, error) : HP_OK;

    for (size_t i = 0; i < listing->count && !status; i++)
        status = derive_user(blocks, deriver, step, listing->parts[i], error);
    return status;
}

/* First the users of this transaction; what is left of the turn goes to those in the store. */
static enum hp_status
derive_marked(struct hp_blocks *blocks, struct hp_deriver *deriver, struct hp_step *step,
    bool *more, struct hp_error *error)
{
    struct hp_marked *marked = &deriver->marked;
    struct listing open = {.arena = hp_step_arena(step), .max = USERS_MAX};
    struct listing stored = {.arena = hp_step_arena(step)};
    enum hp_status status = HP_OK;

    if (marked->open)
        status = hp_step_scan_written(
            step, HP_STORE_TOUCHED, (struct hp_bytes){0}, visit_touched, &open, error);
    if (!status)
        status = derive_listed(blocks, deriver, step, &open, error);
    if (status)
        return status;
    marked->open = open.full;
    *more |= open.full;
    if (marked->stored_none)
        return HP_OK;
    stored.max = USERS_MAX - open.count;
    status = hp_step_scan(step, HP_STORE_TOUCHED, (struct hp_bytes){0},
        hp_buffer_bytes(&marked->from), visit_touched, &stored, error);
    if (!status)
        status = derive_listed(blocks, deriver, step, &stored, error);
    *more |= stored.full;
    marked->stored_none = !stored.full;
    if (stored.count) {
        struct hp_bytes last = stored.parts[stored.count - 1];

        hp_buffer_clear(&marked->from);
        hp_buffer_append(&marked->from, last.data, last.size);
    }
    return status;
}

enum hp_status
hp_derive(struct hp_blocks *blocks, struct hp_deriver *deriver, struct hp_step *step,
    bool *more, struct hp_error *error)
{
    enum hp_status status = hp_blocks_ready(blocks, step, error);

    hp_pasts_shrink(&deriver->pasts);
    if (!status)
        status = hp_blocks_apply(blocks, step, error);
    if (!status)
        status = derive_marked(blocks, deriver, step, more, error);
    if (!status)
        status = hp_blocks_tend(blocks, step, error);
    return status ? status : hp_blocks_save(blocks, step, error);
}

void
hp_deriver_committed(struct hp_deriver *deriver)
{
    if (!deriver->marked.open)
        return;
    deriver->marked.open = false;
    deriver->marked.stored_none = false;
    hp_buffer_clear(&deriver->marked.from);
}

void
hp_deriver_forget(struct hp_deriver *deriver)
{
    hp_pasts_clear(&deriver->pasts);
    hp_buffer_release(&deriver->marked.from);
    deriver->marked = (struct hp_marked){0};
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

/* The fact's own mark; the first one of a transaction says what was before. */
static enum hp_status
touch_fact(struct hp_step *step, uint8_t store, struct hp_bytes part, struct hp_bytes key,
    struct hp_bytes before, struct hp_error *error)
{
    bool counted = before.data && (store != HP_STORE_ORDER || !hp_order_value_stub(before));
    struct hp_buffer mark = {0};
    struct hp_bytes there;
    enum hp_status status =
        hp_step_get(step, HP_STORE_TOUCHED, mark_key(&mark, part, store, key), &there, error);

    if (!status && !there.data)
        status = hp_step_put(step, HP_STORE_TOUCHED, hp_buffer_bytes(&mark),
            counted ? before : hp_bytes_text(""), error);
    hp_buffer_release(&mark);
    return status;
}

/* Keys begin with the user as one part. */
static enum hp_status
touch(struct hp_deriver *deriver, struct hp_step *step, uint8_t store, struct hp_bytes key,
    struct hp_bytes before, struct hp_error *error)
{
    struct hp_bytes user;
    struct hp_bytes part;

    if (!hp_history_user(key, hp_step_arena(step), &user, &part))
        return bad_key(store, error);
    if (deriver)
        deriver->marked.open = true;
    if (deriver && hp_pasts_has(&deriver->pasts, part))
        return touch_fact(step, store, part, key, before, error);
    return hp_step_put(step, HP_STORE_TOUCHED, part, hp_bytes_text(""), error);
}

enum hp_status
hp_derive_fact(struct hp_deriver *deriver, struct hp_step *step, uint8_t store,
    struct hp_bytes key, struct hp_bytes before, struct hp_bytes after, struct hp_error *error)
{
    switch (store) {
    case HP_STORE_ORDER:
        return without_effect(before, after) ? HP_OK
                                             : touch(deriver, step, store, key, before, error);
    case HP_STORE_REACTION: return touch(deriver, step, store, key, before, error);
    case HP_STORE_STANDING: return standing_changed(step, key, before, after, error);
    default: return HP_OK;
    }
}
