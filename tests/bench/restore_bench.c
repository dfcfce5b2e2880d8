/*
 * tests/bench/restore_bench.c - how fast a lost state directory is back.
 *
 *     restore_bench BROKERS STATE [ROWS]
 *
 * BROKERS is an empty broker of one's own (tests/broker/kafka.sh start DIR), STATE a directory
 * that is made for what the bench leaves behind.
 *
 * An application writes ROWS rows of its own in one partition, a thousand a record; then a
 * process without a directory restores them from the changelog and processes one record more.
 * Beside it: the same rows, sorted, loaded into an empty store. Times are of the wall and of
 * the processor, all threads of the client included.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/log.h"
#include "broker/broker_kafka.h"
#include "engine/engine.h"
#include "store/keys.h"
#include "store/kv_rocks.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define ROWS_A_RECORD 1000
#define VALUE_BYTES   64
#define STORE_ROW     1

struct bench {
    struct hp_cluster *cluster;
    struct hp_error error;
    struct hp_source_spec source;
    struct hp_store_spec store;
    struct hp_application application;
    int64_t rows;
    int64_t seen;
    int64_t loaded;
    struct hp_buffer key;
};

static const char input[] = "restore-in";

static void
must(struct bench *bench, enum hp_status status)
{
    if (status)
        hp_die("%s", bench->error.text);
}

static double
seconds(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int64_t
wall_ms(void *context)
{
    (void)context;
    return (int64_t)(seconds(CLOCK_REALTIME) * 1000);
}

static struct hp_bytes
row_value(int64_t number)
{
    static uint8_t value[VALUE_BYTES];

    for (size_t i = 0; i < sizeof(value); i++)
        value[i] = (uint8_t)((uint64_t)(number * 31) >> (i % 24));
    return hp_bytes(value, sizeof(value));
}

static enum hp_status
process(void *context, struct hp_step *step, const struct hp_message *message,
    struct hp_error *error)
{
    struct bench *bench = context;
    int64_t first = strtoll((const char *)message->key.data, NULL, 10);
    enum hp_status status = HP_OK;
    char key[48];

    bench->seen++;
    for (int64_t i = first; i < first + ROWS_A_RECORD && first >= 0 && !status; i++) {
        /* spread, as the keys of users are */
        snprintf(key, sizeof(key), "user-%012llu-%012lld",
            (unsigned long long)i * 0x9E3779B97F4A7C15ULL % 1000000000000ULL, (long long)i);
        status = hp_step_put(step, STORE_ROW, hp_bytes_text(key), row_value(i), error);
    }
    return status;
}

static enum hp_status
nothing_follows(void *context, struct hp_step *step, uint8_t store, struct hp_bytes key,
    struct hp_bytes before, struct hp_bytes after, struct hp_error *error)
{
    (void)context, (void)step, (void)store, (void)key, (void)before, (void)after, (void)error;
    return HP_OK;
}

static struct hp_kv *
open_store(struct bench *bench, const char *path)
{
    struct hp_kv *kv;

    must(bench,
        hp_kv_rocks_open(&(struct hp_kv_rocks_options){.path = path}, &kv, &bench->error));
    return kv;
}

static struct hp_worker *
start(struct bench *bench, struct hp_kv *kv)
{
    struct hp_worker *worker;

    must(bench, hp_worker_new(&(struct hp_worker_options){.cluster = bench->cluster,
                                  .kv = kv,
                                  .application = &bench->application,
                                  .application_id = "restore",
                                  .instance = "one",
                                  .changelog_topic = "restore-changelog",
                                  .dead_letter_topic = "restore-letters",
                                  .reroute_topic = "restore-reroute",
                                  .audit_topic = "restore-audit",
                                  .partitions = 1,
                                  .dead_letter_partitions = 1,
                                  .clock_ms = wall_ms,
                                  .commit_interval_ms = 100,
                                  .commit_gap_ms = 10,
                                  .overlay_bytes = 64 << 20,
                                  .round_records = 2000},
                    &worker, &bench->error));
    return worker;
}

static void
send_record(struct bench *bench, struct hp_producer *producer, int64_t first)
{
    char key[32];

    snprintf(key, sizeof(key), "%lld", (long long)first);
    must(bench, hp_producer_send(producer,
                    &(struct hp_outgoing){.topic = input,
                        .key = hp_bytes(key, strlen(key) + 1),
                        .value = hp_bytes_text("x")},
                    &bench->error));
}

static void
work_off(struct bench *bench, struct hp_worker *worker, int64_t records)
{
    while (bench->seen < records)
        must(bench, hp_worker_step(worker, 20, &bench->error));
    must(bench, hp_worker_commit(worker, &bench->error));
}

static void
report(struct bench *bench, const char *what, double wall, double processor)
{
    printf("%-44s %6.2f s, processor %6.2f s: %5.2f M rows/s, %5.2f M a core\n", what, wall,
        processor, (double)bench->rows / wall / 1e6, (double)bench->rows / processor / 1e6);
}

static bool
next_row(void *context, struct hp_bytes *key, struct hp_bytes *value)
{
    struct bench *bench = context;
    char text[48];

    if (bench->loaded == bench->rows)
        return false;
    hp_buffer_clear(&bench->key);
    hp_key_head(&bench->key, 0, STORE_ROW);
    snprintf(text, sizeof(text), "user-%012lld-%012d", (long long)bench->loaded, 0);
    hp_buffer_append(&bench->key, text, strlen(text));
    *key = hp_buffer_bytes(&bench->key);
    *value = row_value(bench->loaded++);
    return true;
}

static void
measure_load(struct bench *bench)
{
    struct hp_kv *kv = open_store(bench, "restore-bench-load");
    double wall = seconds(CLOCK_MONOTONIC);
    double processor = seconds(CLOCK_PROCESS_CPUTIME_ID);

    must(bench, hp_kv_ingest(kv, next_row, bench, &bench->error));
    report(bench, "load of sorted rows", seconds(CLOCK_MONOTONIC) - wall,
        seconds(CLOCK_PROCESS_CPUTIME_ID) - processor);
    hp_kv_free(kv);
    hp_buffer_release(&bench->key);
}

static void
measure_restore(struct bench *bench, struct hp_producer *producer)
{
    struct hp_kv *kv = open_store(bench, "restore-bench-after");
    double wall = seconds(CLOCK_MONOTONIC);
    double processor = seconds(CLOCK_PROCESS_CPUTIME_ID);
    struct hp_worker *worker;

    bench->seen = 0;
    send_record(bench, producer, -1);
    must(bench, hp_producer_flush(producer, &bench->error));
    worker = start(bench, kv);
    while (bench->seen == 0)
        must(bench, hp_worker_step(worker, 20, &bench->error));
    report(bench, "cold, from the start to the first record", seconds(CLOCK_MONOTONIC) - wall,
        seconds(CLOCK_PROCESS_CPUTIME_ID) - processor);
    hp_worker_free(worker, false);
    hp_kv_free(kv);
}

static void
fill(struct bench *bench, struct hp_producer *producer)
{
    struct hp_kv *kv = open_store(bench, "restore-bench-before");
    struct hp_worker *worker = start(bench, kv);

    for (int64_t i = 0; i < bench->rows; i += ROWS_A_RECORD)
        send_record(bench, producer, i);
    must(bench, hp_producer_flush(producer, &bench->error));
    work_off(bench, worker, bench->rows / ROWS_A_RECORD);
    hp_worker_free(worker, false);
    hp_kv_free(kv);
}

int
main(int argc, char **argv)
{
    static const char *const topics[] = {
        input, "restore-changelog", "restore-letters", "restore-reroute", "restore-audit"};
    struct bench bench = {.rows = argc > 3 ? strtoll(argv[3], NULL, 10) : 3000000};
    struct hp_kafka_options options = {.bootstrap = argc > 2 ? argv[1] : NULL};
    struct hp_producer *producer;

    if (!options.bootstrap || bench.rows % ROWS_A_RECORD)
        hp_die("usage: restore_bench BROKERS STATE [ROWS, a multiple of %d]", ROWS_A_RECORD);
    if ((mkdir(argv[2], 0777) && errno != EEXIST) || chdir(argv[2]))
        hp_die("%s: %s", argv[2], strerror(errno));
    bench.source = (struct hp_source_spec){.topic = input};
    bench.store = (struct hp_store_spec){STORE_ROW, "row", true};
    bench.application = (struct hp_application){.context = &bench,
        .sources = &bench.source,
        .source_count = 1,
        .stores = &bench.store,
        .store_count = 1,
        .process = process,
        .fact_changed = nothing_follows};
    must(&bench, hp_cluster_kafka_new(&options, &bench.cluster, &bench.error));
    for (size_t i = 0; i < HP_ARRAY_SIZE(topics); i++)
        must(&bench, hp_cluster_create(bench.cluster,
                         &(struct hp_topic_spec){topics[i], 1, 1, NULL, 0}, &bench.error));
    must(&bench, hp_producer_new(bench.cluster, NULL, &producer, &bench.error));
    measure_load(&bench);
    fill(&bench, producer);
    measure_restore(&bench, producer);
    hp_producer_free(producer, false);
    hp_cluster_free(bench.cluster);
    return 0;
}
