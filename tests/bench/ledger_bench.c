/*
 * tests/bench/ledger_bench.c - what facts, co-counts and commits cost, on the broker in memory
 * and RocksDB.
 *
 *     ledger_bench DIR STATE [DUMP]   orders of event files; STATE is a directory that is made
 *     ledger_bench --influence STATE [EVENTS]   what one user can move with so many events
 *
 * One worker takes every record of DIR/orders.jsonl through decode, ledger, derived counts,
 * changelog and commit; boxes are not packed, since the views are never ready. Times are
 * processor time of the process, RocksDB's threads included. Beside it, in the same run, the
 * layout that keeps one RocksDB key per pair, over the first orders. DUMP gets the counts as
 * lines, for tests/bench/counts.py.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "archive/jsonl.h"
#include "base/metric.h"
#include "base/order.h"
#include "base/rng.h"
#include "flow/counts.h"
#include "flow/verify.h"
#include "store/keys.h"
#include "store/kv_rocks.h"
#include "tests/support/flow_rig.h"

#include <stdlib.h>
#include <time.h>

#define BATCH       2000 /* orders that lie in the topic before the worker goes on */
#define TRICKLE     500  /* orders sent one by one */
#define SETTLE      20   /* turns after a batch */
#define PAIR_ORDERS 300  /* of the layout beside it */
#define ROUND       5000
#define GROWTH      201 /* orders of each line of cost against basket and history */
#define HOT_ORDERS  20000
#define HOT_USERS   4000
#define HOT_ITEMS   5000
#define NANO        1000000000LL

struct bench {
    struct flow_rig rig;
    struct hp_worker *worker;
    struct hp_flow *flow;
    const char *state;
    int64_t sent;
};

static void
must(enum hp_status status, const struct hp_error *error)
{
    if (status)
        hp_die("ledger bench: %s", error->text);
}

static int64_t
clock_ns(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return now.tv_sec * NANO + now.tv_nsec;
}

static int64_t
wall_ms(void *context)
{
    (void)context;
    return clock_ns(CLOCK_REALTIME) / 1000000;
}

static int64_t
cpu_ns(void)
{
    return clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

/* ---- one worker -------------------------------------------------------------------------- */

static void
start(struct bench *bench)
{
    struct hp_error error;
    struct flow_rig *rig = &bench->rig;

    must(
        hp_kv_rocks_open(&(struct hp_kv_rocks_options){.path = bench->state}, &rig->kv, &error),
        &error);
    must(hp_flow_new(&rig->options, &bench->flow, &error), &error);
    must(hp_worker_new(&(struct hp_worker_options){.cluster = rig->cluster,
                           .kv = rig->kv,
                           .application = hp_flow_application(bench->flow),
                           .application_id = "hamper",
                           .instance = "bench-0",
                           .changelog_topic = rig->topics.name[HP_TOPIC_LEDGER_CHANGELOG],
                           .dead_letter_topic = rig->topics.name[HP_TOPIC_DEAD_LETTERS],
                           .reroute_topic = rig->topics.name[HP_TOPIC_REROUTE],
                           .audit_topic = rig->topics.name[HP_TOPIC_AUDIT],
                           .partitions = RIG_PARTITIONS,
                           .dead_letter_partitions = RIG_PARTITIONS,
                           .clock_ms = wall_ms,
                           .commit_interval_ms = 100,
                           .fence_ms = 1000,
                           .overlay_bytes = 64 << 20,
                           .round_records = ROUND,
                           .breaker = true,
                           .delete_retention_ms = RIG_DAY_MS},
             &bench->worker, &error),
        &error);
}

static void
stop(struct bench *bench)
{
    hp_worker_free(bench->worker, true);
    hp_flow_free(bench->flow);
    hp_kv_free(bench->rig.kv);
    bench->rig.kv = NULL;
}

static void
turn(struct bench *bench)
{
    struct hp_error error;

    must(hp_worker_step(bench->worker, 0, &error), &error);
}

/* Until everything that was sent is committed. */
static void
catch_up(struct bench *bench)
{
    struct flow_rig *rig = &bench->rig;
    int64_t orders[RIG_PARTITIONS];
    int64_t feedback[RIG_PARTITIONS];
    struct hp_worker_state state = {0};
    struct hp_error error;

    for (int32_t p = 0; p < RIG_PARTITIONS; p++) {
        int64_t low;

        must(hp_cluster_watermarks(
                 rig->cluster, rig->topics.name[HP_TOPIC_ORDERS], p, &low, &orders[p], &error),
            &error);
        must(hp_cluster_watermarks(rig->cluster, rig->topics.name[HP_TOPIC_FEEDBACK], p, &low,
                 &feedback[p], &error),
            &error);
    }
    do {
        const struct hp_task *task;
        bool there = true;

        turn(bench);
        hp_worker_state(bench->worker, &state);
        for (int32_t p = 0; p < RIG_PARTITIONS; p++) {
            task = hp_worker_task(bench->worker, p);
            there &= task && hp_task_position(task, HP_SOURCE_ORDERS) >= orders[p] &&
                     hp_task_position(task, HP_SOURCE_FEEDBACK) >= feedback[p];
        }
        if (there && state.restoring == 0) {
            must(hp_worker_commit(bench->worker, &error), &error);
            return;
        }
    } while (true);
}

static void
send_record(struct bench *bench, enum hp_topic topic, enum hp_record_type type,
    struct hp_bytes user, const void *record)
{
    struct hp_buffer value = {0};
    struct hp_error error;

    must(hp_codec_encode(bench->rig.codec, type, record, &value, &error), &error);
    must(hp_producer_send(bench->rig.producer,
             &(struct hp_outgoing){.topic = bench->rig.topics.name[topic],
                 .partition = hp_partition_of(user, RIG_PARTITIONS),
                 .timestamp_ms = wall_ms(NULL),
                 .key = user,
                 .value = hp_buffer_bytes(&value)},
             &error),
        &error);
    hp_buffer_release(&value);
    bench->sent++;
}

static void
send(struct bench *bench, const struct hp_order *order)
{
    send_record(bench, HP_TOPIC_ORDERS, HP_RECORD_ORDER, order->user_id, order);
}

static void
flush(struct bench *bench)
{
    struct hp_error error;

    must(hp_producer_flush(bench->rig.producer, &error), &error);
}

/* ---- figures ----------------------------------------------------------------------------- */

static void
print_times(const char *what, int64_t *times, size_t count)
{
    if (count == 0)
        return;
    qsort(times, count, sizeof(*times), hp_order_int64);
    printf("%-44s p50 %8.1f us  p99 %8.1f us  most %8.1f us\n", what,
        (double)times[count / 2] / 1e3, (double)times[count * 99 / 100] / 1e3,
        (double)times[count - 1] / 1e3);
}

/* What was sent is committed; the processor time of it. */
static int64_t
take(struct bench *bench)
{
    int64_t began;

    flush(bench);
    began = cpu_ns();
    catch_up(bench);
    return cpu_ns() - began;
}

/* Sends an order, and with `time` takes it alone, with a commit of its own. */
static void
place(struct bench *bench, const struct hp_order *order, int64_t *time)
{
    send(bench, order);
    if (time)
        *time = take(bench);
}

/* A batch's changes reach the rows after its commit: they are not the next order's. */
static int64_t
settle(struct bench *bench)
{
    int64_t began = cpu_ns();

    for (int i = 0; i < SETTLE; i++)
        turn(bench);
    catch_up(bench);
    return cpu_ns() - began;
}

static void
measure_orders(struct bench *bench, struct hp_events *events)
{
    int64_t trickled[TRICKLE];
    struct hp_arena arena = {0};
    struct hp_file_event event;
    size_t total = hp_events_count_of(events, HP_RECORD_ORDER);
    size_t slow = total > TRICKLE ? TRICKLE : total / 2;
    size_t count = 0;
    int64_t spent = 0;
    size_t at = 0;

    while (hp_events_next(events, &arena, &event)) {
        if (event.type == HP_RECORD_ORDER && count < total - slow) {
            send(bench, &event.event->order);
            if (++count % BATCH == 0 || count == total - slow)
                spent += take(bench);
            if (count == total - slow)
                spent += settle(bench);
        } else if (event.type == HP_RECORD_ORDER) {
            place(bench, &event.event->order, &trickled[at++]);
        }
        hp_arena_clear(&arena);
    }
    hp_arena_release(&arena);
    printf("%-44s %zu orders, %.0f orders/s of processor time\n", "in batches", count,
        (double)count * 1e9 / (double)(spent ? spent : 1));
    print_times("one by one, a commit each", trickled, at);
}

/* ---- one key a pair, beside it ----------------------------------------------------------- */

struct bought {
    char user[32];
    char items[2048][16];
    size_t count;
};

static void
count_pair(struct hp_kv *kv, struct hp_kv_batch *batch, const char *a, const char *b,
    struct hp_arena *arena)
{
    struct hp_buffer key = {0};
    struct hp_buffer value = {0};
    struct hp_bytes stored;
    struct hp_error error;
    struct hp_cursor cursor;

    hp_key_part(&key, hp_bytes_text(a));
    hp_key_part(&key, hp_bytes_text(b));
    must(hp_kv_get(kv, hp_buffer_bytes(&key), arena, &stored, &error), &error);
    cursor = hp_cursor(stored);
    hp_put_u32(&value, (stored.data ? hp_get_u32(&cursor) : 0) + 1);
    hp_kv_put(batch, hp_buffer_bytes(&key), hp_buffer_bytes(&value));
    hp_buffer_release(&key);
    hp_buffer_release(&value);
}

static struct bought *
find_user(struct bought **users, size_t *count, struct hp_bytes id)
{
    for (size_t i = 0; i < *count; i++)
        if (hp_bytes_is(id, users[i]->user))
            return users[i];
    users[*count] = hp_alloc(sizeof(**users));
    snprintf(users[*count]->user, sizeof(users[0]->user), "%.*s", HP_BYTES_FORMAT(id));
    return users[(*count)++];
}

static void
pair_order(
    struct hp_kv *kv, struct bought *user, const struct hp_order *order, struct hp_arena *arena)
{
    struct hp_kv_batch batch = {0};
    struct hp_error error;

    for (size_t i = 0; i < order->line_count && user->count < 2048; i++) {
        char *item = user->items[user->count];
        size_t k = 0;

        snprintf(
            item, sizeof(user->items[0]), "%.*s", HP_BYTES_FORMAT(order->lines[i].item_id));
        while (k < user->count && strcmp(user->items[k], item) != 0)
            k++;
        if (k < user->count)
            continue;
        for (k = 0; k < user->count; k++) {
            count_pair(kv, &batch, item, user->items[k], arena);
            count_pair(kv, &batch, user->items[k], item, arena);
        }
        user->count++;
    }
    must(hp_kv_write(kv, &batch, &error), &error);
    hp_kv_batch_release(&batch);
    hp_arena_clear(arena);
}

static void
measure_pairs(const char *state, struct hp_events *events)
{
    struct bought **users = hp_alloc(PAIR_ORDERS * sizeof(*users));
    int64_t times[PAIR_ORDERS];
    struct hp_buffer path = {0};
    struct hp_arena arena = {0};
    struct hp_arena scratch = {0};
    struct hp_file_event event;
    struct hp_error error;
    struct hp_kv *kv;
    size_t user_count = 0;
    size_t count = 0;
    int64_t total = 0;

    hp_buffer_printf(&path, "%s-pairs", state);
    hp_put_u8(&path, 0);
    must(hp_kv_rocks_open(
             &(struct hp_kv_rocks_options){.path = (const char *)path.data}, &kv, &error),
        &error);
    hp_events_rewind(events);
    while (count < PAIR_ORDERS && hp_events_next(events, &arena, &event)) {
        if (event.type == HP_RECORD_ORDER) {
            const struct hp_order *order = &event.event->order;
            int64_t began = cpu_ns();

            pair_order(kv, find_user(users, &user_count, order->user_id), order, &scratch);
            times[count] = cpu_ns() - began;
            total += times[count++];
        }
        hp_arena_clear(&arena);
    }
    hp_kv_free(kv);
    must(hp_kv_rocks_destroy((const char *)path.data, &error), &error);
    printf("%-44s %zu orders, %.0f orders/s of processor time\n",
        "one RocksDB key a pair alone", count,
        (double)count * 1e9 / (double)(total ? total : 1));
    print_times("one RocksDB key a pair, the first orders", times, count);
    for (size_t i = 0; i < user_count; i++)
        free(users[i]);
    free(users);
    hp_buffer_release(&path);
    hp_arena_release(&arena);
    hp_arena_release(&scratch);
}

/* ---- an item in nine orders of ten ---------------------------------------------------------
 */

static void
hot_order(struct bench *bench, struct hp_rng *rng, const char *items, const char *hot,
    int number, int64_t *time)
{
    struct hp_order_line lines[5];
    char ids[5][16];
    char user[24];
    char id[24];

    snprintf(user, sizeof(user), "%s-%u", items, (unsigned)hp_rng_below(rng, HOT_USERS));
    snprintf(id, sizeof(id), "%s-%d", items, number);
    for (int i = 0; i < 5; i++) {
        snprintf(ids[i], sizeof(ids[i]), "%s%u", items, (unsigned)hp_rng_below(rng, HOT_ITEMS));
        lines[i] = (struct hp_order_line){hp_bytes_text(ids[i]), 1, 100};
    }
    if (hot && hp_rng_below(rng, 10) > 0)
        lines[0].item_id = hp_bytes_text(hot);
    struct hp_order order = {.order_id = hp_bytes_text(id),
        .user_id = hp_bytes_text(user),
        .version = 1,
        .ordered_at = RIG_START_MS - RIG_DAY_MS * 400 + number * 60000LL,
        .lines = lines,
        .line_count = 5};

    place(bench, &order, time);
}

static void
measure_hot(struct bench *bench, const char *items, const char *hot)
{
    struct hp_rng rng = {90};
    int64_t times[GROWTH];
    int64_t spent = 0;

    for (int i = 1; i <= HOT_ORDERS; i++) {
        hot_order(bench, &rng, items, hot, i, NULL);
        if (i % BATCH == 0)
            spent += take(bench);
    }
    spent += settle(bench);
    for (int k = 0; k < GROWTH; k++)
        hot_order(bench, &rng, items, hot, HOT_ORDERS + 1 + k, &times[k]);
    printf("%-44s %d orders, %.0f orders/s of processor time\n",
        hot ? "an item in nine orders of ten" : "no such item", HOT_ORDERS,
        HOT_ORDERS * 1e9 / (double)spent);
    print_times("one by one of them", times, GROWTH);
}

/* ---- bytes, counts, verification --------------------------------------------------------- */

static double
gauge(const char *name)
{
    return (double)hp_metric_value(hp_metric_get(HP_METRIC_GAUGE, name, "", ""));
}

static double
disk_bytes(const char *path)
{
    struct hp_buffer command = {0};
    double bytes = 0;
    FILE *pipe;

    hp_buffer_printf(&command, "du -sb '%s'", path);
    hp_put_u8(&command, 0);
    pipe = popen((const char *)command.data, "r");
    if (!pipe || fscanf(pipe, "%lf", &bytes) != 1)
        hp_die("cannot tell the size of %s", path);
    pclose(pipe);
    hp_buffer_release(&command);
    return bytes;
}

/* What the process holds, and the files once everything is written and nothing twice. */
static void
measure_sizes(const struct bench *bench, int64_t users, int64_t items, int64_t pairs)
{
    double rows = gauge("hamper_rows_cache_bytes");
    double pasts = gauge("hamper_history_cache_bytes");
    struct hp_error error;
    double files;

    must(hp_kv_compact(bench->rig.kv, hp_bytes("", 0), (struct hp_bytes){0}, &error), &error);
    files = disk_bytes(bench->state);
    printf("in memory: %.1f MB of rows (%.0f bytes an item, %.1f a pair), %.1f MB of long "
           "histories (%.0f a user)\n",
        rows / 1e6, rows / (double)items, rows / (double)pairs, pasts / 1e6,
        pasts / (double)users);
    printf("on disk: %.1f MB (%.0f bytes a user, %.0f an item, %.1f a pair)\n", files / 1e6,
        files / (double)users, files / (double)items, files / (double)pairs);
}

/* Bytes of keys and values by kind: derived stores, facts; and of the changelog's live rows. */
static void
measure_bytes(struct hp_kv *kv, int64_t users, int64_t items, int64_t pairs)
{
    int64_t bytes[256] = {0};
    struct hp_kv_cursor *cursor = hp_kv_scan(kv, hp_bytes("", 0), (struct hp_bytes){0});
    struct hp_bytes key;
    struct hp_bytes value;
    struct hp_error error;
    int64_t facts = 0;
    int64_t derived = 0;

    while (hp_kv_next(cursor, &key, &value))
        bytes[key.data[HP_KEY_HEAD - 1]] += (int64_t)(key.size + value.size);
    must(hp_kv_cursor_free(cursor, &error), &error);
    for (size_t i = 0; i < hp_flow_store_count; i++) {
        int64_t size = bytes[hp_flow_stores[i].id];

        *(hp_flow_stores[i].changelogged ? &facts : &derived) += size;
        if (size)
            printf("  store %-12s %12lld bytes\n", hp_flow_stores[i].name, (long long)size);
    }
    printf("facts, as in the changelog: %.0f bytes a user; derived: %.0f a user, %.0f an item, "
           "%.1f a pair\n",
        (double)facts / (double)users, (double)derived / (double)users,
        (double)derived / (double)items, (double)derived / (double)pairs);
}

/* Somebody has it, and it is not the imaginary item of everybody. */
static bool
is_told(const struct hp_item_counts *item)
{
    return item->head.users > 0 && !hp_bytes_equal(item->item_id, HP_HEAD_EVERYBODY);
}

static void
write_dump(const struct hp_counts_sum *sum, const char *path)
{
    FILE *file = fopen(path, "w");

    if (!file)
        hp_die("cannot write %s", path);
    for (size_t i = 0; i < sum->item_count; i++)
        if (is_told(&sum->items[i]))
            fprintf(file, "%.*s\t\t%lld\n", HP_BYTES_FORMAT(sum->items[i].item_id),
                (long long)sum->items[i].head.users);
    for (size_t i = 0; i < sum->pair_count; i++)
        fprintf(file, "%.*s\t%.*s\t%lld\n",
            HP_BYTES_FORMAT(sum->items[sum->pairs[i].a].item_id),
            HP_BYTES_FORMAT(sum->items[sum->pairs[i].b].item_id),
            (long long)sum->pairs[i].users);
    fclose(file);
}

static void
check(struct bench *bench, const char *dump)
{
    struct hp_counts_sum sum = {0};
    struct hp_error error;
    int64_t users = 0;
    int64_t items = 0;

    for (int32_t p = 0; p < RIG_PARTITIONS; p++) {
        struct hp_verdict verdict;

        must(hp_verify(bench->rig.kv, p, &verdict, &error), &error);
        if (!verdict.same)
            hp_die("task %d: %s", (int)p, verdict.difference);
        users += verdict.users;
    }
    must(hp_counts_read(bench->rig.kv, 0, RIG_PARTITIONS, &sum, &error), &error);
    for (size_t i = 0; i < sum.item_count; i++)
        items += is_told(&sum.items[i]);
    printf("verified: %lld users, %lld items, %zu pairs\n", (long long)users, (long long)items,
        sum.pair_count);
    measure_bytes(bench->rig.kv, users, items, (int64_t)sum.pair_count);
    measure_sizes(bench, users, items, (int64_t)sum.pair_count);
    if (dump)
        write_dump(&sum, dump);
    hp_counts_release(&sum);
}

/* ---- cost against basket size and history ------------------------------------------------ */

static void
make_order(
    struct bench *bench, const char *user, int number, int lines, int items, int64_t *time)
{
    struct hp_order_line list[200];
    char ids[200][16];
    char id[24];
    struct hp_order order = {.user_id = hp_bytes_text(user),
        .version = 1,
        .ordered_at = RIG_START_MS - RIG_DAY_MS * 400 + number * 1000,
        .lines = list,
        .line_count = (size_t)lines};

    snprintf(id, sizeof(id), "o%d", number);
    order.order_id = hp_bytes_text(id);
    for (int i = 0; i < lines; i++) {
        snprintf(ids[i], sizeof(ids[i]), "x%d", (number * lines + i) % items);
        list[i] = (struct hp_order_line){hp_bytes_text(ids[i]), 1, 100};
    }
    place(bench, &order, time);
}

static void
measure_growth(struct bench *bench)
{
    static const int baskets[] = {1, 5, 20, 100, 200};
    static const int histories[] = {1, 10, 100, 1000, 10000, 100000};
    int64_t times[GROWTH];
    char user[24];
    char what[64];
    int number = 0;

    for (size_t i = 0; i < HP_ARRAY_SIZE(baskets); i++) {
        for (int k = 0; k < GROWTH; k++) {
            snprintf(user, sizeof(user), "basket-%d-%d", baskets[i], k);
            make_order(bench, user, 0, baskets[i], 1000, &times[k]);
        }
        snprintf(what, sizeof(what), "a new user's order of %d lines", baskets[i]);
        print_times(what, times, GROWTH);
    }
    for (size_t i = 0; i < HP_ARRAY_SIZE(histories); i++) {
        for (; number < histories[i]; number++) {
            make_order(bench, "regular", number, 5, 500, NULL);
            if (number % BATCH == 0)
                flush(bench);
        }
        flush(bench);
        catch_up(bench);
        for (int k = 0; k < GROWTH; k++)
            make_order(bench, "regular", number++, 5, 500, &times[k]);
        snprintf(what, sizeof(what), "an order of 5 lines after %d", histories[i]);
        print_times(what, times, GROWTH);
    }
}

/* ---- restart, rebuild -------------------------------------------------------------------- */

/* The files as a killed process leaves them: copied while it runs. */
static void
measure_restart(struct bench *bench, const struct hp_order *order)
{
    struct hp_buffer command = {0};
    struct hp_buffer path = {0};
    int64_t began;
    int64_t cpu;

    hp_buffer_printf(&path, "%s-killed", bench->state);
    hp_put_u8(&path, 0);
    hp_buffer_printf(&command, "rm -rf '%s' && cp -r '%s' '%s'", (const char *)path.data,
        bench->state, (const char *)path.data);
    hp_put_u8(&command, 0);
    if (system((const char *)command.data) != 0)
        hp_die("cannot copy the state");
    stop(bench);
    bench->state = (const char *)path.data;
    send(bench, order);
    flush(bench);
    began = clock_ns(CLOCK_MONOTONIC);
    cpu = cpu_ns();
    start(bench);
    catch_up(bench);
    printf("%-44s %.2f s, of processor time %.2f s\n",
        "killed, state kept: to the first commit",
        (double)(clock_ns(CLOCK_MONOTONIC) - began) / 1e9, (double)(cpu_ns() - cpu) / 1e9);
    hp_buffer_release(&command);
}

/* Users whose facts are restored and whose counts are not. */
static bool
users_wait(struct bench *bench)
{
    bool any = false;

    for (int32_t p = 0; p < RIG_PARTITIONS && !any; p++) {
        struct hp_buffer from = {0};
        struct hp_buffer to = {0};
        struct hp_kv_cursor *cursor;
        struct hp_bytes key;
        struct hp_bytes value;
        struct hp_error error;

        hp_key_head(&from, p, HP_STORE_TOUCHED);
        hp_key_head(&to, p, HP_STORE_TOUCHED + 1);
        cursor = hp_kv_scan(bench->rig.kv, hp_buffer_bytes(&from), hp_buffer_bytes(&to));
        any = hp_kv_next(cursor, &key, &value);
        must(hp_kv_cursor_free(cursor, &error), &error);
        hp_buffer_release(&from);
        hp_buffer_release(&to);
    }
    return any;
}

static void
measure_rebuild(struct bench *bench, const struct hp_order *order)
{
    struct hp_error error;
    int64_t rows = 0;
    int64_t cpu;
    int64_t began;
    int64_t first;
    int64_t high;
    int64_t low;

    stop(bench);
    must(hp_kv_rocks_destroy(bench->state, &error), &error);
    for (int32_t p = 0; p < RIG_PARTITIONS; p++) {
        must(hp_cluster_watermarks(bench->rig.cluster,
                 bench->rig.topics.name[HP_TOPIC_LEDGER_CHANGELOG], p, &low, &high, &error),
            &error);
        rows += high - low;
    }
    send(bench, order);
    flush(bench);
    began = clock_ns(CLOCK_MONOTONIC);
    cpu = cpu_ns();
    start(bench);
    catch_up(bench);
    first = clock_ns(CLOCK_MONOTONIC) - began;
    while (users_wait(bench))
        turn(bench);
    printf("%-44s %.2f s to the first commit, %.0f changelog records/s; counts after %.2f s, "
           "of processor time %.2f s\n",
        "state deleted", (double)first / 1e9, (double)rows * 1e9 / (double)first,
        (double)(clock_ns(CLOCK_MONOTONIC) - began) / 1e9, (double)(cpu_ns() - cpu) / 1e9);
}

/* ---- what one user can move -------------------------------------------------------------- */

#define INFLUENCE_ITEMS  400
#define INFLUENCE_OTHERS 40

static void
send_feedback(struct bench *bench, const struct hp_feedback *feedback)
{
    send_record(bench, HP_TOPIC_FEEDBACK, HP_RECORD_FEEDBACK, feedback->user_id, feedback);
}

/* An order or a reaction of `user`: later and later, one in a hundred long ago, one in eight a
 * new version of an old one. */
static void
send_something(struct bench *bench, struct hp_rng *rng, const char *user, int64_t number)
{
    static const enum hp_feedback_kind kinds[] = {
        HP_FEEDBACK_LIKED, HP_FEEDBACK_DISLIKED, HP_FEEDBACK_REMOVED, HP_FEEDBACK_RATED};
    bool again = hp_rng_below(rng, 8) == 0 && number > 0;
    int64_t known =
        again ? number - hp_rng_between(rng, 1, number < 5000 ? number : 5000) : number;
    struct hp_rng fixed = {(uint64_t)known};
    int64_t at = RIG_START_MS - RIG_DAY_MS * 400 +
                 (hp_rng_below(&fixed, 100) ? known * 20 : hp_rng_below(&fixed, 1000000000));
    struct hp_order_line lines[5];
    char items[5][16];
    char id[32];

    snprintf(id, sizeof(id), "n%lld", (long long)known);
    for (int i = 0; i < 5; i++) {
        snprintf(
            items[i], sizeof(items[i]), "y%u", (unsigned)hp_rng_below(rng, INFLUENCE_ITEMS));
        lines[i] = (struct hp_order_line){hp_bytes_text(items[i]), 1, 100};
    }
    if (known % 2)
        send_feedback(bench, &(struct hp_feedback){.feedback_id = hp_bytes_text(id),
                                 .user_id = hp_bytes_text(user),
                                 .at = at,
                                 .kind = kinds[hp_rng_below(rng, 4)],
                                 .item_id = lines[0].item_id,
                                 .rated = true,
                                 .rating = 1 + hp_rng_below(rng, 9) * 0.5});
    else
        send(bench,
            &(struct hp_order){.order_id = hp_bytes_text(id),
                .user_id = hp_bytes_text(user),
                .version = again ? number : 1,
                .status = again && hp_rng_below(rng, 2) ? HP_ORDER_CANCELLED : HP_ORDER_PLACED,
                .ordered_at = at,
                .lines = lines,
                .line_count = 1 + hp_rng_below(rng, 5)});
}

static const struct hp_item_counts *
item_before(const struct hp_counts_sum *sum, struct hp_bytes id)
{
    for (size_t i = 0; i < sum->item_count; i++)
        if (hp_bytes_equal(sum->items[i].item_id, id))
            return &sum->items[i];
    return NULL;
}

static int64_t
day_before(const struct hp_item_counts *item, int64_t day)
{
    for (size_t i = 0; item && i < item->head.day_count; i++)
        if (item->head.days[i].day == day)
            return item->head.days[i].users;
    return 0;
}

struct moved {
    int64_t users;
    int64_t day;
    int64_t pair;
    int64_t repurchases;
};

static void
most(int64_t *most, int64_t before, int64_t after)
{
    int64_t change = after > before ? after - before : before - after;

    if (change > *most)
        *most = change;
}

/* The user comes last and adds: every counter of before is still there. */
static struct moved
compare_counts(const struct hp_counts_sum *before, const struct hp_counts_sum *after)
{
    const struct hp_item_counts **old = hp_alloc((after->item_count + 1) * sizeof(*old));
    struct moved moved = {0};
    size_t k = 0;

    for (size_t i = 0; i < after->item_count; i++) {
        const struct hp_head *head = &after->items[i].head;

        old[i] = item_before(before, after->items[i].item_id);
        most(&moved.users, old[i] ? old[i]->head.users : 0, head->users);
        most(&moved.repurchases, old[i] ? old[i]->head.opportunities : 0, head->opportunities);
        most(&moved.repurchases, old[i] ? old[i]->head.hits : 0, head->hits);
        for (size_t d = 0; d < head->day_count; d++)
            most(&moved.day, day_before(old[i], head->days[d].day), head->days[d].users);
    }
    for (size_t i = 0; i < after->pair_count; i++) {
        const struct hp_pair_counts *pair = &after->pairs[i];
        int64_t users = 0;

        if (k < before->pair_count && old[pair->a] && old[pair->b] &&
            old[pair->a] == &before->items[before->pairs[k].a] &&
            old[pair->b] == &before->items[before->pairs[k].b])
            users = before->pairs[k++].users;
        most(&moved.pair, users, pair->users);
    }
    if (k != before->pair_count)
        hp_die("a pair of others is gone");
    free(old);
    return moved;
}

static void
measure_influence(struct bench *bench, int64_t events)
{
    struct hp_rng rng = {6};
    struct hp_counts_sum before = {0};
    struct hp_counts_sum after = {0};
    struct hp_error error;
    struct hp_verdict verdict;
    struct moved moved;
    int32_t partition = hp_partition_of(hp_bytes_text("loud"), RIG_PARTITIONS);
    int64_t began;

    for (int user = 0; user < INFLUENCE_OTHERS; user++) {
        char name[16];

        snprintf(name, sizeof(name), "quiet-%d", user);
        for (int i = 0; i < 20; i++)
            send_something(bench, &rng, name, i);
    }
    flush(bench);
    catch_up(bench);
    catch_up(bench);
    must(hp_counts_read(bench->rig.kv, 0, RIG_PARTITIONS, &before, &error), &error);
    began = cpu_ns();
    for (int64_t i = 0; i < events; i++) {
        send_something(bench, &rng, "loud", i);
        if (i % BATCH == BATCH - 1 || i == events - 1) {
            flush(bench);
            catch_up(bench);
        }
    }
    catch_up(bench);
    must(hp_verify(bench->rig.kv, partition, &verdict, &error), &error);
    if (!verdict.same)
        hp_die("task %d: %s", (int)partition, verdict.difference);
    must(hp_counts_read(bench->rig.kv, 0, RIG_PARTITIONS, &after, &error), &error);
    moved = compare_counts(&before, &after);
    printf("%lld events of one user, %.0f a second of processor time\n", (long long)events,
        (double)events * 1e9 / (double)(cpu_ns() - began));
    printf("moved at most: an item's users %lld, a day %lld, a pair %lld, repurchases %lld; of "
           "%zu items and %zu pairs\n",
        (long long)moved.users, (long long)moved.day, (long long)moved.pair,
        (long long)moved.repurchases, after.item_count, after.pair_count);
    hp_counts_release(&before);
    hp_counts_release(&after);
    if (moved.users > 1 || moved.day > 1 || moved.pair > 1 ||
        moved.repurchases > HP_REPURCHASE_BASKETS)
        hp_die("one user moved more than that");
}

static void
fresh_order(struct hp_order *order, const char *id)
{
    static const struct hp_order_line line = {{(const uint8_t *)"x1", 2}, 1, 100};

    *order = (struct hp_order){.order_id = hp_bytes_text(id),
        .version = 1,
        .user_id = hp_bytes_text("newcomer"),
        .ordered_at = RIG_START_MS - RIG_DAY_MS,
        .lines = &line,
        .line_count = 1};
}

static void
set_up(struct bench *bench, size_t rows_cache_bytes)
{
    flow_rig_init(&bench->rig);
    hp_kv_free(bench->rig.kv);
    bench->rig.options.clock_ms = wall_ms;
    bench->rig.options.rows_cache_bytes = rows_cache_bytes;
    bench->rig.options.eager_rows = false;
    start(bench);
    catch_up(bench);
}

static void
tear_down(struct bench *bench)
{
    struct hp_error error;

    stop(bench);
    must(hp_kv_rocks_destroy(bench->state, &error), &error);
}

static void
measure_all(struct bench *bench, struct hp_events *events, const char *dump)
{
    const char *state = bench->state;
    struct hp_order order;

    measure_orders(bench, events);
    check(bench, dump);
    measure_pairs(state, events);
    fresh_order(&order, "after-the-kill");
    measure_restart(bench, &order);
    fresh_order(&order, "after-the-loss");
    measure_rebuild(bench, &order);
    measure_growth(bench);
    measure_hot(bench, "cool", NULL);
    measure_hot(bench, "warm", "hot");
}

int
main(int argc, char **argv)
{
    struct bench bench = {.state = argc > 2 ? argv[2] : ""};
    struct hp_events *events;
    struct hp_error error;

    if (argc < 3 || argc > 4) {
        fprintf(stderr, "usage: ledger_bench EVENTS-DIR STATE-DIR [DUMP]\n"
                        "       ledger_bench --influence STATE-DIR [EVENTS]\n");
        return 2;
    }
    setvbuf(stdout, NULL, _IOLBF, 0); /* figures as they come */
    if (strcmp(argv[1], "--influence") == 0) {
        set_up(&bench, (size_t)2 << 30);
        measure_influence(&bench, argc > 3 ? strtoll(argv[3], NULL, 10) : 1000000);
        tear_down(&bench);
        return 0;
    }
    must(hp_events_open(&(struct hp_events_options){.path = argv[1], .now_ms = wall_ms(NULL)},
             &events, &error),
        &error);
    set_up(&bench, 256 << 20);
    measure_all(&bench, events, argc > 3 ? argv[3] : NULL);
    hp_events_free(events);
    tear_down(&bench);
    return 0;
}
