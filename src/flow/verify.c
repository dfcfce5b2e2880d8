/* flow/verify.c - facts against what is derived from them. SPDX-License-Identifier: Apache-2.0
 */
#include "flow/verify.h"

#include "base/order.h"
#include "engine/header.h"
#include "flow/history.h"
#include "flow/pending.h"
#include "flow/standing.h"
#include "flow/state.h"
#include "ledger/digest.h"
#include "ledger/heads.h"
#include "store/keys.h"

#include <inttypes.h>
#include <stdarg.h>

#define WHOLE ((struct hp_bytes){0})

struct verify {
    struct hp_state state; /* scans */
    struct hp_state look;  /* reads within scans */
    struct hp_verdict *verdict;
    struct hp_arena arena; /* of the row or user in hand */
    struct hp_rows *wanted;
    struct hp_buffer last; /* the user worked out last, as a part */
    uint64_t sequence;
    size_t count;
    uint8_t store; /* whose facts are added to the digest */
    struct hp_digest digest;
    enum hp_status status;
    struct hp_error *error;
};

static void HP_PRINTF(2, 3) differ(struct verify *verify, const char *format, ...)
{
    va_list list;

    if (!verify->verdict->same)
        return;
    va_start(list, format);
    vsnprintf(verify->verdict->difference, sizeof(verify->verdict->difference), format, list);
    va_end(list);
    verify->verdict->same = false;
}

static bool
going(const struct verify *verify)
{
    return verify->status == HP_OK && verify->verdict->same;
}

static void
scan(struct verify *verify, uint8_t store,
    bool (*visit)(void *context, struct hp_bytes key, struct hp_bytes value))
{
    enum hp_status status;

    if (!going(verify))
        return;
    status = hp_state_scan(&verify->state, store, WHOLE, visit, verify, verify->error);
    if (!verify->status)
        verify->status = status;
}

static bool
bad_key(struct verify *verify, const char *what)
{
    verify->status = hp_fail(verify->error, HP_CORRUPT, "a key of the %s is malformed", what);
    return false;
}

/* ---- aggregates ----------------------------------------------------------------------------
 */

static void
worked_out(
    struct verify *verify, struct hp_bytes part, struct hp_bytes user, struct hp_buffer *out)
{
    struct hp_history history = {.arena = &verify->arena, .error = verify->error};
    struct hp_aggregate aggregate;

    verify->status = hp_state_scan(
        &verify->look, HP_STORE_ORDER, part, hp_history_order, &history, verify->error);
    if (!verify->status)
        verify->status = history.status;
    if (!verify->status)
        verify->status = hp_state_scan(&verify->look, HP_STORE_REACTION, part,
            hp_history_reaction, &history, verify->error);
    if (!verify->status)
        verify->status = history.status;
    if (verify->status)
        return;
    hp_history_aggregate(&history, user, &aggregate);
    if (!hp_aggregate_empty(&aggregate))
        hp_aggregate_encode(&aggregate, out);
}

static bool
visit_mark(void *context, struct hp_bytes key, struct hp_bytes value)
{
    (void)key;
    (void)value;
    *(bool *)context = true;
    return false;
}

static void
check_user(struct verify *verify, struct hp_bytes part, struct hp_bytes user)
{
    struct hp_buffer wanted = {0};
    struct hp_bytes stored;
    bool waits = false;

    verify->status =
        hp_state_scan(&verify->look, HP_STORE_TOUCHED, part, visit_mark, &waits, verify->error);
    if (verify->status || waits) {
        verify->verdict->waiting += waits;
        return;
    }
    worked_out(verify, part, user, &wanted);
    if (!verify->status)
        verify->status =
            hp_state_get(&verify->look, HP_STORE_AGGREGATE, part, &stored, verify->error);
    if (!verify->status && !hp_bytes_equal(stored, hp_buffer_bytes(&wanted)))
        differ(verify, "the aggregate of user %.*s is not that of his orders and reactions",
            HP_BYTES_FORMAT(user));
    hp_buffer_release(&wanted);
}

/* Rows of one user are neighbours. */
static bool
visit_user(void *context, struct hp_bytes key, struct hp_bytes value)
{
    struct verify *verify = context;
    struct hp_bytes user;
    struct hp_bytes part;

    (void)value;
    hp_arena_clear(&verify->arena);
    if (!hp_history_user(key, &verify->arena, &user, &part))
        return bad_key(verify, "orders, reactions or aggregates");
    if (hp_bytes_equal(part, hp_buffer_bytes(&verify->last)) && verify->last.size)
        return true;
    hp_buffer_clear(&verify->last);
    hp_buffer_append(&verify->last, part.data, part.size);
    check_user(verify, part, user);
    return going(verify);
}

static void
check_users(struct verify *verify)
{
    static const uint8_t stores[] = {HP_STORE_ORDER, HP_STORE_REACTION, HP_STORE_AGGREGATE};

    for (size_t i = 0; i < sizeof(stores); i++) {
        hp_buffer_clear(&verify->last);
        scan(verify, stores[i], visit_user);
    }
}

/* ---- rows ----------------------------------------------------------------------------------
 */

static enum hp_status
no_block(void *context, uint32_t item, struct hp_bytes *value, struct hp_error *error)
{
    (void)context;
    (void)error;
    hp_die("row %u was dropped", (unsigned)item);
    *value = WHOLE;
}

/* All a user says is new to rows that are empty. */
static bool
visit_aggregate(void *context, struct hp_bytes key, struct hp_bytes value)
{
    static const struct hp_rows_reader reader = {NULL, no_block};
    struct verify *verify = context;
    struct hp_row_change change = {0};
    struct hp_aggregate aggregate;
    struct hp_shares shares;
    struct hp_row_head *heads;
    uint32_t *added;

    (void)key;
    hp_arena_clear(&verify->arena);
    verify->status = hp_aggregate_decode(value, &verify->arena, &aggregate, verify->error);
    if (verify->status)
        return false;
    verify->verdict->users++;
    hp_shares_build(&aggregate, &verify->arena, &shares);
    added = HP_ARENA_ARRAY(&verify->arena, shares.count, uint32_t);
    heads = HP_ARENA_ARRAY(&verify->arena, shares.count, struct hp_row_head);
    for (size_t i = 0; i < shares.count; i++) {
        uint32_t item = hp_rows_number(verify->wanted, shares.items[i].item_id);

        heads[change.head_count++] = (struct hp_row_head){item, shares.items[i].head};
        if (!hp_bytes_equal(shares.items[i].item_id, HP_HEAD_EVERYBODY))
            added[change.added_count++] = item;
    }
    if (change.added_count)
        qsort(added, change.added_count, sizeof(*added), hp_order_uint32);
    change.added = added;
    change.heads = heads;
    verify->status =
        hp_rows_apply(verify->wanted, &reader, ++verify->sequence, &change, verify->error);
    return going(verify);
}

static bool
same_heads(const struct hp_head *a, const struct hp_head *b)
{
    return a->users == b->users && a->opportunities == b->opportunities && a->hits == b->hits &&
           a->day_count == b->day_count &&
           (a->day_count == 0 ||
               memcmp(a->days, b->days, a->day_count * sizeof(*a->days)) == 0);
}

struct named { /* a partner */
    struct hp_bytes id;
    int64_t users;
};

static int
compare_named(const void *a, const void *b)
{
    return hp_bytes_compare(((const struct named *)a)->id, ((const struct named *)b)->id);
}

static struct named *
partners_of(const struct hp_rows *rows, uint32_t item, struct hp_arena *arena, size_t *count)
{
    struct hp_row_partner *partners;
    struct named *named;

    *count = hp_rows_partners(rows, item, arena, &partners);
    named = HP_ARENA_ARRAY(arena, *count, struct named);
    for (size_t i = 0; i < *count; i++)
        named[i] = (struct named){hp_rows_id(rows, partners[i].item), partners[i].users};
    if (*count)
        qsort(named, *count, sizeof(*named), compare_named);
    return named;
}

static void
compare_partners(struct verify *verify, struct hp_bytes id, const struct hp_rows *kept,
    uint32_t item, uint32_t wanted)
{
    size_t count;
    size_t wanted_count;
    const struct named *here = partners_of(kept, item, &verify->arena, &count);
    const struct named *there =
        partners_of(verify->wanted, wanted, &verify->arena, &wanted_count);
    size_t i = 0;

    while (i < count && i < wanted_count && hp_bytes_equal(here[i].id, there[i].id) &&
           here[i].users == there[i].users)
        i++;
    verify->verdict->pairs += (int64_t)count;
    if (i == count && i == wanted_count)
        return;
    differ(verify, "the pair of items %.*s and %.*s is not what the aggregates say",
        HP_BYTES_FORMAT(id),
        HP_BYTES_FORMAT(i == count                                       ? there[i].id
                        : i == wanted_count                              ? here[i].id
                        : hp_bytes_compare(here[i].id, there[i].id) <= 0 ? here[i].id
                                                                         : there[i].id));
}

static void
compare_row(struct verify *verify, struct hp_blocks *blocks, uint32_t item)
{
    struct hp_bytes id = hp_rows_id(blocks->rows, item);
    uint32_t wanted = hp_rows_number(verify->wanted, id);
    static const struct hp_rows_reader reader = {NULL, no_block};
    struct hp_head kept;
    struct hp_head due;

    hp_arena_clear(&verify->arena);
    verify->status = hp_state_load_row(&verify->look, blocks, item, verify->error);
    if (!verify->status)
        verify->status = hp_rows_load(verify->wanted, &reader, wanted, verify->error);
    if (verify->status)
        return;
    kept = hp_rows_head(blocks->rows, item, &verify->arena);
    due = hp_rows_head(verify->wanted, wanted, &verify->arena);
    verify->verdict->items += !hp_head_empty(&kept);
    if (!same_heads(&kept, &due))
        differ(verify, "the head of item %.*s is not what the aggregates say",
            HP_BYTES_FORMAT(id));
    compare_partners(verify, id, blocks->rows, item, wanted);
}

static void
check_rows(struct verify *verify)
{
    struct hp_blocks blocks = {0};
    uint32_t item;

    verify->wanted = hp_rows_new();
    scan(verify, HP_STORE_AGGREGATE, visit_aggregate);
    if (going(verify))
        verify->status = hp_state_blocks(&verify->look, &blocks, verify->error);
    for (uint32_t i = 0; going(verify) && i < hp_rows_count(verify->wanted); i++)
        if (!hp_rows_find(blocks.rows, hp_rows_id(verify->wanted, i), &item))
            differ(
                verify, "item %.*s has no row", HP_BYTES_FORMAT(hp_rows_id(verify->wanted, i)));
    for (uint32_t i = 0; going(verify) && i < hp_rows_count(blocks.rows); i++)
        compare_row(verify, &blocks, i);
    verify->verdict->pairs /= 2;
    hp_blocks_close(&blocks);
    hp_rows_free(verify->wanted);
}

/* ---- the index of holders, and the queue ---------------------------------------------------
 */

static void
must_exist(struct verify *verify, uint8_t store, const struct hp_buffer *key, const char *what)
{
    struct hp_bytes found;

    verify->status =
        hp_state_get(&verify->look, store, hp_buffer_bytes(key), &found, verify->error);
    if (!verify->status && !found.data)
        differ(verify, "%s is missing", what);
    verify->count++;
}

static bool
visit_standing(void *context, struct hp_bytes key, struct hp_bytes value)
{
    struct verify *verify = context;
    struct hp_buffer place = {0};
    struct hp_strings items;

    hp_arena_clear(&verify->arena);
    if (!hp_standing_items(value, &verify->arena, &items))
        verify->status = hp_fail(verify->error, HP_CORRUPT, "a standing record is malformed");
    for (size_t i = 0; going(verify) && i < items.count; i++) {
        hp_buffer_clear(&place);
        hp_key_part(&place, items.items[i]);
        hp_buffer_append(&place, key.data, key.size);
        must_exist(verify, HP_STORE_ITEM_USERS, &place, "who holds an item of a box");
    }
    hp_buffer_release(&place);
    return going(verify);
}

static bool
visit_pending(void *context, struct hp_bytes key, struct hp_bytes value)
{
    struct verify *verify = context;
    struct hp_pending pending;
    struct hp_buffer place = {0};

    verify->status = hp_pending_decode(value, &pending, verify->error);
    if (!verify->status) {
        hp_put_u64(&place, (uint64_t)pending.since);
        hp_buffer_append(&place, key.data, key.size);
        must_exist(verify, HP_STORE_QUEUE, &place, "a pending user's place in the queue");
    }
    hp_buffer_release(&place);
    return going(verify);
}

static bool
visit_count(void *context, struct hp_bytes key, struct hp_bytes value)
{
    (void)key;
    (void)value;
    ((struct verify *)context)->count--;
    return true;
}

static void
check_index(struct verify *verify, uint8_t facts,
    bool (*visit)(void *, struct hp_bytes, struct hp_bytes), uint8_t index, const char *name)
{
    verify->count = 0;
    scan(verify, facts, visit);
    scan(verify, index, visit_count);
    if (going(verify) && verify->count != 0)
        differ(verify, "the %s holds rows that no fact asks for", name);
}

/* ---- the digest ----------------------------------------------------------------------------
 */

static bool
visit_fact(void *context, struct hp_bytes key, struct hp_bytes value)
{
    struct verify *verify = context;

    verify->digest = hp_digest_add(verify->digest, hp_row_digest(verify->store, key, value));
    verify->verdict->facts++;
    return true;
}

static void
check_digest(struct verify *verify)
{
    struct hp_local_header header;
    bool found = false;

    for (size_t i = 0; i < hp_flow_store_count; i++)
        if (hp_flow_stores[i].changelogged) {
            verify->store = hp_flow_stores[i].id;
            scan(verify, verify->store, visit_fact);
        }
    hp_arena_clear(&verify->arena);
    if (going(verify))
        verify->status = hp_local_header_read(verify->state.kv, verify->state.partition,
            &verify->arena, &header, &found, verify->error);
    if (going(verify) && found && !hp_digest_equal(header.digest, verify->digest))
        differ(verify, "the row digest is not that of the facts");
}

enum hp_status
hp_verify(
    struct hp_kv *kv, int32_t partition, struct hp_verdict *verdict, struct hp_error *error)
{
    struct verify verify = {.state = {kv, partition, {0}},
        .look = {kv, partition, {0}},
        .verdict = verdict,
        .error = error};

    *verdict = (struct hp_verdict){.same = true};
    check_digest(&verify);
    check_users(&verify);
    if (going(&verify))
        check_rows(&verify);
    check_index(
        &verify, HP_STORE_STANDING, visit_standing, HP_STORE_ITEM_USERS, "index of holders");
    check_index(&verify, HP_STORE_PENDING, visit_pending, HP_STORE_QUEUE, "queue");
    hp_buffer_release(&verify.last);
    hp_arena_release(&verify.arena);
    hp_state_release(&verify.state);
    hp_state_release(&verify.look);
    return verify.status;
}
