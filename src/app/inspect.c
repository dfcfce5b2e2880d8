/*
 * app/inspect.c - the state directory, read only: of a stopped instance, or beside a running
 * one (then as of its last commits at the moment of opening).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "app/command.h"
#include "app/commands.h"
#include "flow/counts.h"
#include "app/process.h"

#include "engine/header.h"
#include "flow/ids.h"
#include "flow/pending.h"
#include "flow/standing.h"
#include "flow/verify.h"
#include "ledger/digest.h"
#include "ledger/heads.h"
#include "ledger/preferences.h"
#include "store/keys.h"
#include "store/kv_rocks.h"

#include <jansson.h>

struct inspect {
    struct hp_options options;
    struct hp_kv *kv;
    struct hp_arena arena; /* of the whole command */
    struct hp_arena row;   /* of the row in hand */
    char **lines;
    size_t line_count;
    size_t line_capacity;
    struct hp_ledger_digests digests;
    struct hp_digest rows;
    const char *wanted; /* a user or item id */
    struct hp_bytes keyed;
    struct hp_counts_sum sum;
};

typedef enum hp_status visit_row(struct inspect *inspect, int32_t partition, uint8_t store,
    struct hp_bytes key, struct hp_bytes value, struct hp_error *error);

/* Every row of every task, header rows left out. */
static enum hp_status
each_row(struct inspect *inspect, visit_row *visit, struct hp_error *error)
{
    struct hp_kv_cursor *cursor =
        hp_kv_scan(inspect->kv, hp_bytes("", 0), (struct hp_bytes){0});
    enum hp_status status = HP_OK;
    enum hp_status end;
    struct hp_bytes key;
    struct hp_bytes value;

    while (!status && hp_kv_next(cursor, &key, &value)) {
        struct hp_cursor head = hp_cursor(key);
        int32_t partition = (int32_t)hp_get_u32(&head);
        uint8_t store = hp_get_u8(&head);

        if (head.failed || store == HP_STORE_HEADER)
            continue;
        status = visit(inspect, partition, store,
            hp_bytes(key.data + HP_KEY_HEAD, key.size - HP_KEY_HEAD), value, error);
        hp_arena_clear(&inspect->row);
    }
    end = hp_kv_cursor_free(cursor, status ? NULL : error);
    return status ? status : end;
}

/* ---- lines
 * ------------------------------------------------------------------------------------ */

static void
add_line(struct inspect *inspect, json_t *object)
{
    if (inspect->line_count == inspect->line_capacity) {
        inspect->line_capacity = inspect->line_capacity ? inspect->line_capacity * 2 : 1024;
        inspect->lines =
            hp_realloc_array(inspect->lines, inspect->line_capacity, sizeof(char *));
    }
    inspect->lines[inspect->line_count] = json_dumps(object, JSON_COMPACT);
    HP_ASSERT(inspect->lines[inspect->line_count]);
    inspect->line_count++;
    json_decref(object);
}

static int
compare_lines(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void
print_lines(struct inspect *inspect, bool sorted)
{
    if (sorted && inspect->line_count)
        qsort(inspect->lines, inspect->line_count, sizeof(char *), compare_lines);
    for (size_t i = 0; i < inspect->line_count; i++) {
        puts(inspect->lines[i]);
        free(inspect->lines[i]);
    }
    inspect->line_count = 0;
}

static json_t *
text(struct hp_bytes bytes)
{
    json_t *string =
        bytes.data ? json_stringn((const char *)bytes.data, bytes.size) : json_null();

    return string ? string : json_string("(not UTF-8)");
}

/* The parts of a key: user, and what follows. */
static enum hp_status
key_parts(struct inspect *inspect, struct hp_bytes key, struct hp_bytes *first,
    struct hp_bytes *second, struct hp_error *error)
{
    struct hp_cursor cursor = hp_cursor(key);
    struct hp_buffer part = {0};
    bool good = hp_key_part_read(&cursor, &part);

    *first = hp_arena_copy(&inspect->row, hp_buffer_bytes(&part));
    *second = (struct hp_bytes){0};
    if (good && cursor.at < cursor.end) {
        good = hp_key_part_read(&cursor, &part);
        *second = hp_arena_copy(&inspect->row, hp_buffer_bytes(&part));
    }
    hp_buffer_release(&part);
    return good ? HP_OK : hp_fail(error, HP_CORRUPT, "key of %zu bytes is malformed", key.size);
}

/* ---- digest
 * ----------------------------------------------------------------------------------- */

static bool
is_changelogged(uint8_t store)
{
    for (size_t i = 0; i < hp_flow_store_count; i++)
        if (hp_flow_stores[i].id == store)
            return hp_flow_stores[i].changelogged;
    return false;
}

static enum hp_status
visit_digest(struct inspect *inspect, int32_t partition, uint8_t store, struct hp_bytes key,
    struct hp_bytes value, struct hp_error *error)
{
    enum hp_fact_kind kind = store == HP_STORE_ORDER         ? HP_FACT_ORDER
                             : store == HP_STORE_REACTION    ? HP_FACT_REACTION
                             : store == HP_STORE_PREFERENCES ? HP_FACT_PREFERENCES
                             : store == HP_STORE_WATERMARK   ? HP_FACT_WATERMARK
                             : store == HP_STORE_STANDING    ? HP_FACT_HISTORY
                                                             : HP_FACT_OTHER;

    (void)partition;
    (void)error;
    hp_ledger_digests_change(&inspect->digests, kind, store, key, (struct hp_bytes){0}, value);
    if (is_changelogged(store))
        inspect->rows = hp_digest_add(inspect->rows, hp_row_digest(store, key, value));
    return HP_OK;
}

static void
print_digest(const char *name, struct hp_digest digest)
{
    char hex[HP_DIGEST_TEXT];

    hp_digest_text(digest, hex);
    printf("%s %s\n", name, hex);
}

static enum hp_status
inspect_digest(struct inspect *inspect, struct hp_error *error)
{
    enum hp_status status = each_row(inspect, visit_digest, error);

    if (status)
        return status;
    print_digest("set", inspect->digests.set);
    print_digest("effect", inspect->digests.effect);
    print_digest("rows", inspect->rows);
    print_digest("history", inspect->digests.history);
    return HP_OK;
}

/* ---- dump
 * ------------------------------------------------------------------------------------- */

static json_t *
order_json(struct hp_bytes user, struct hp_bytes order_id, const struct hp_order_fact *fact)
{
    static const char *const names[] = {"PLACED", "CANCELLED", "RETURNED", "UNKNOWN"};
    json_t *lines = json_array();

    for (size_t i = 0; i < fact->line_count; i++)
        json_array_append_new(lines,
            json_pack("[o,i,I]", text(fact->lines[i].item_id), (int)fact->lines[i].quantity,
                (json_int_t)fact->lines[i].unit_price_minor));
    return json_pack("{s:o,s:o,s:I,s:s,s:I,s:o}", "user", text(user), "order", text(order_id),
        "version", (json_int_t)fact->version, "status", names[fact->status], "ordered_at",
        (json_int_t)fact->ordered_at, "lines", lines);
}

static enum hp_status
visit_dump(struct inspect *inspect, int32_t partition, uint8_t store, struct hp_bytes key,
    struct hp_bytes value, struct hp_error *error)
{
    struct hp_order_fact fact;
    struct hp_bytes user;
    struct hp_bytes order_id;
    enum hp_status status;

    (void)partition;
    if (store != HP_STORE_ORDER || hp_order_value_stub(value))
        return HP_OK;
    status = hp_order_fact_decode(value, &inspect->row, &fact, error);
    if (!status)
        status = key_parts(inspect, key, &user, &order_id, error);
    if (!status)
        add_line(inspect, order_json(user, order_id, &fact));
    return status;
}

static json_t *
item_json(const struct hp_item_counts *item)
{
    json_t *days = json_object();

    for (size_t i = 0; i < item->head.day_count; i++) {
        char day[24];

        snprintf(day, sizeof(day), "%lld", (long long)item->head.days[i].day);
        json_object_set_new(days, day, json_integer(item->head.days[i].users));
    }
    return json_pack("{s:o,s:I,s:I,s:I,s:o}", "item", text(item->item_id), "users",
        (json_int_t)item->head.users, "opportunities", (json_int_t)item->head.opportunities,
        "hits", (json_int_t)item->head.hits, "days", days);
}

/* Items nobody has any more, and the imaginary one of everybody, are not told. */
static bool
is_told(const struct hp_item_counts *item)
{
    return !hp_head_empty(&item->head) && !hp_bytes_equal(item->item_id, HP_HEAD_EVERYBODY);
}

static json_t *
pair_json(const struct hp_counts_sum *sum, const struct hp_pair_counts *pair)
{
    return json_pack("{s:[o,o],s:I}", "pair", text(sum->items[pair->a].item_id),
        text(sum->items[pair->b].item_id), "users", (json_int_t)pair->users);
}

static enum hp_status
inspect_dump(struct inspect *inspect, struct hp_error *error)
{
    enum hp_status status = each_row(inspect, visit_dump, error);

    if (!status)
        status =
            hp_counts_read(inspect->kv, 0, inspect->options.partitions, &inspect->sum, error);
    if (status)
        return status;
    for (size_t i = 0; i < inspect->sum.item_count; i++)
        if (is_told(&inspect->sum.items[i]))
            add_line(inspect, item_json(&inspect->sum.items[i]));
    for (size_t i = 0; i < inspect->sum.pair_count; i++)
        add_line(inspect, pair_json(&inspect->sum, &inspect->sum.pairs[i]));
    print_lines(inspect, true);
    return HP_OK;
}

/* ---- one item, one user
 * ------------------------------------------------------------------------ */

/* The item, then its pairs, most users first. */
static int
compare_users(const void *a, const void *b)
{
    const struct hp_pair_counts *left = *(const struct hp_pair_counts *const *)a;
    const struct hp_pair_counts *right = *(const struct hp_pair_counts *const *)b;

    if (left->users != right->users)
        return left->users > right->users ? -1 : 1;
    return (left > right) - (left < right);
}

static void
add_pairs_of(struct inspect *inspect, uint32_t item)
{
    const struct hp_counts_sum *sum = &inspect->sum;
    const struct hp_pair_counts **pairs =
        HP_ARENA_ARRAY(&inspect->arena, sum->pair_count, const struct hp_pair_counts *);
    size_t count = 0;

    for (size_t i = 0; i < sum->pair_count; i++)
        if (sum->pairs[i].a == item || sum->pairs[i].b == item)
            pairs[count++] = &sum->pairs[i];
    if (count)
        qsort(pairs, count, sizeof(pairs[0]), compare_users);
    for (size_t i = 0; i < count; i++)
        add_line(inspect, pair_json(sum, pairs[i]));
}

static enum hp_status
inspect_item(struct inspect *inspect, struct hp_error *error)
{
    const struct hp_counts_sum *sum = &inspect->sum;
    enum hp_status status =
        hp_counts_read(inspect->kv, 0, inspect->options.partitions, &inspect->sum, error);

    for (size_t i = 0; i < sum->item_count && !status; i++)
        if (hp_bytes_is(sum->items[i].item_id, inspect->wanted) && is_told(&sum->items[i])) {
            add_line(inspect, item_json(&sum->items[i]));
            add_pairs_of(inspect, (uint32_t)i);
        }
    if (!status && inspect->line_count == 0)
        return hp_fail(error, HP_FATAL, "nothing is held about item %.128s", inspect->wanted);
    print_lines(inspect, false);
    return status;
}

static json_t *
preferences_json(const struct hp_preferences *preferences)
{
    struct hp_buffer line = {0};
    json_t *object;

    hp_event_to_json(HP_RECORD_PREFERENCES, preferences, &line);
    object = json_loadb((const char *)line.data, line.size, 0, NULL);
    hp_buffer_release(&line);
    return json_pack("{s:o}", "preferences", object ? object : json_null());
}

static json_t *
reaction_json(struct hp_bytes item, const struct hp_reaction *reaction)
{
    static const char *const senses[] = {"neutral", "positive", "negative", "removed"};

    return json_pack("{s:o,s:s,s:I}", "item", text(item), "reaction", senses[reaction->sense],
        "at", (json_int_t)reaction->at);
}

static enum hp_status
user_row(struct inspect *inspect, uint8_t store, struct hp_bytes user, struct hp_bytes second,
    struct hp_bytes value, struct hp_error *error)
{
    struct hp_preferences preferences;
    struct hp_order_fact fact;
    struct hp_reaction reaction;
    struct hp_standing standing;
    struct hp_pending pending;
    enum hp_status status = HP_OK;

    if (store == HP_STORE_ORDER) {
        status = hp_order_fact_decode(value, &inspect->row, &fact, error);
        if (!status)
            add_line(inspect, order_json(user, second, &fact));
    } else if (store == HP_STORE_REACTION) {
        status = hp_reaction_decode(value, &reaction, error);
        if (!status)
            add_line(inspect, reaction_json(second, &reaction));
    } else if (store == HP_STORE_PREFERENCES) {
        status = hp_preferences_decode(value, &inspect->row, &preferences, error);
        preferences.user_id = user;
        if (!status)
            add_line(inspect, preferences_json(&preferences));
    } else if (store == HP_STORE_STANDING) {
        status = hp_standing_decode(value, &inspect->row, &standing, error);
        if (!status)
            add_line(
                inspect, json_pack("{s:{s:I,s:i,s:I,s:I}}", "standing", "revision",
                             (json_int_t)standing.revision, "boxes", (int)standing.box_count,
                             "generated_at", (json_int_t)standing.generated_at, "valid_until",
                             (json_int_t)standing.valid_until));
    } else if (store == HP_STORE_PENDING) {
        status = hp_pending_decode(value, &pending, error);
        if (!status)
            add_line(inspect, json_pack("{s:{s:i,s:I}}", "pending", "cause", (int)pending.cause,
                                  "since", (json_int_t)pending.since));
    } else if (store == HP_STORE_REQUESTS || store == HP_STORE_REJECTED ||
               store == HP_STORE_AGGREGATE) {
        add_line(inspect, json_pack("{s:s,s:I}", "row",
                              store == HP_STORE_REQUESTS   ? "requests"
                              : store == HP_STORE_REJECTED ? "rejected"
                                                           : "aggregate",
                              "bytes", (json_int_t)value.size));
    }
    return status;
}

static enum hp_status
visit_user(struct inspect *inspect, int32_t partition, uint8_t store, struct hp_bytes key,
    struct hp_bytes value, struct hp_error *error)
{
    struct hp_bytes user;
    struct hp_bytes second;
    enum hp_status status;

    (void)partition;
    if (store == HP_STORE_WATERMARK || store == HP_STORE_REVISION) {
        if (hp_bytes_equal(key, inspect->keyed))
            add_line(inspect, json_pack("{s:s,s:I}", "row",
                                  store == HP_STORE_REVISION ? "revision" : "watermark",
                                  "bytes", (json_int_t)value.size));
        return HP_OK;
    }
    if (store == HP_STORE_PROGRESS ||
        (store >= HP_STORE_DERIVED && store != HP_STORE_AGGREGATE))
        return HP_OK;
    status = key_parts(inspect, key, &user, &second, error);
    if (status || !hp_bytes_is(user, inspect->wanted))
        return status;
    return user_row(inspect, store, user, second, value, error);
}

static enum hp_status
inspect_user(struct inspect *inspect, struct hp_error *error)
{
    uint8_t key[HP_SHA256_SIZE];
    enum hp_status status = hp_erasure_key_load(&inspect->options, key, error);

    if (status)
        return status;
    inspect->keyed = hp_id_keyed(
        &inspect->arena, hp_bytes(key, sizeof(key)), hp_bytes_text(inspect->wanted));
    status = each_row(inspect, visit_user, error);
    if (!status && inspect->line_count == 0)
        return hp_fail(error, HP_FATAL, "nothing is held about this user");
    print_lines(inspect, false);
    return status;
}

/* ---- tasks
 * ------------------------------------------------------------------------------------- */

static bool
count_row(void *context, struct hp_bytes key, struct hp_bytes value)
{
    (void)key;
    (void)value;
    ++*(int64_t *)context;
    return true;
}

static enum hp_status
count_pending(
    struct inspect *inspect, int32_t partition, int64_t *pending, struct hp_error *error)
{
    struct hp_state state = {.kv = inspect->kv, .partition = partition};
    enum hp_status status;

    *pending = 0;
    status = hp_state_scan(
        &state, HP_STORE_PENDING, (struct hp_bytes){0}, count_row, pending, error);
    hp_state_release(&state);
    return status;
}

static enum hp_status
print_task(struct inspect *inspect, int32_t partition, struct hp_error *error)
{
    struct hp_local_header header;
    char hex[HP_DIGEST_TEXT];
    json_t *positions;
    enum hp_status status;
    int64_t pending;
    bool found;

    status =
        hp_local_header_read(inspect->kv, partition, &inspect->arena, &header, &found, error);
    if (!status && found)
        status = count_pending(inspect, partition, &pending, error);
    if (status || !found)
        return status;
    positions = json_object();
    for (size_t i = 0; i < header.end.count; i++) {
        const char *topic = hp_arena_text(&inspect->arena, header.end.positions[i].topic);

        json_object_set_new(positions, topic, json_integer(header.end.positions[i].offset));
    }
    hp_digest_text(header.digest, hex);
    add_line(inspect,
        json_pack("{s:i,s:I,s:I,s:o,s:I,s:s}", "task", (int)partition, "sequence",
            (json_int_t)header.end.sequence, "changelog", (json_int_t)header.changelog_offset,
            "positions", positions, "pending", (json_int_t)pending, "rows", hex));
    return HP_OK;
}

static enum hp_status
inspect_tasks(struct inspect *inspect, struct hp_error *error)
{
    enum hp_status status = HP_OK;

    for (int32_t p = 0; p < inspect->options.partitions && !status; p++)
        status = print_task(inspect, p, error);
    print_lines(inspect, false);
    return status;
}

/* ---- verify
 * ------------------------------------------------------------------------------------ */

static enum hp_status
inspect_verify(struct inspect *inspect, struct hp_error *error)
{
    enum hp_status status = HP_OK;

    for (int32_t p = 0; p < inspect->options.partitions && !status; p++) {
        struct hp_verdict verdict;

        status = hp_verify(inspect->kv, p, &verdict, error);
        if (status)
            break;
        if (!verdict.same)
            return hp_fail(error, HP_FATAL, "task %d: %s", (int)p, verdict.difference);
        add_line(
            inspect, json_pack("{s:i,s:b,s:I,s:I,s:I,s:I,s:I}", "task", (int)p, "same", 1,
                         "facts", (json_int_t)verdict.facts, "users", (json_int_t)verdict.users,
                         "waiting", (json_int_t)verdict.waiting, "items",
                         (json_int_t)verdict.items, "pairs", (json_int_t)verdict.pairs));
    }
    print_lines(inspect, false);
    return status;
}

/* ---- the command
 * -------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    bool takes_id;
    enum hp_status (*run)(struct inspect *, struct hp_error *);
} views[] = {
    {"digest", false, inspect_digest},
    {"dump", false, inspect_dump},
    {"verify", false, inspect_verify},
    {"user", true, inspect_user},
    {"item", true, inspect_item},
    {"tasks", false, inspect_tasks},
};

static enum hp_status
inspect_run(struct inspect *inspect, int argc, char **argv, struct hp_error *error)
{
    enum hp_status status = hp_flags_take(&argc, argv, NULL, 0, error);

    if (!status)
        status = hp_positional_check(argc, argv, 1, 2, error);
    if (status)
        return status;
    for (size_t i = 0; i < HP_ARRAY_SIZE(views); i++) {
        if (strcmp(views[i].name, argv[1]) != 0)
            continue;
        if ((argc == 3) != views[i].takes_id)
            return hp_fail(error, HP_USAGE, "%s takes %s", argv[1],
                views[i].takes_id ? "an id" : "no argument");
        inspect->wanted = argc == 3 ? argv[2] : NULL;
        status =
            hp_kv_rocks_open(&(struct hp_kv_rocks_options){.path = inspect->options.state_dir,
                                 .read_only = true},
                &inspect->kv, error);
        if (!status)
            status = views[i].run(inspect, error);
        return status ? status : hp_output_end(error);
    }
    return hp_fail(error, HP_USAGE,
        "%.64s: expected digest, dump, verify, user ID, item ID or tasks", argv[1]);
}

int
hp_cmd_inspect(int argc, char **argv)
{
    struct inspect inspect = {0};
    struct hp_error error = {0};
    enum hp_status status = hp_options_load(&argc, argv, &inspect.options, &error);

    if (!status)
        status = inspect_run(&inspect, argc, argv, &error);
    for (size_t i = 0; i < inspect.line_count; i++)
        free(inspect.lines[i]);
    free(inspect.lines);
    hp_counts_release(&inspect.sum);
    hp_kv_free(inspect.kv);
    hp_arena_release(&inspect.arena);
    hp_arena_release(&inspect.row);
    hp_options_release(&inspect.options);
    return hp_command_end("inspect", status, &error);
}
