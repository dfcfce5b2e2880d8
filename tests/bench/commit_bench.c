/*
 * tests/bench/commit_bench.c - what exactly once with state costs beside the bare loop.
 *
 *     commit_bench BROKERS STATE [RECORDS]
 *
 * BROKERS is an empty broker of one's own (tests/broker/kafka.sh start DIR), STATE a directory
 * that is made for what the bench leaves behind.
 *
 * plain: librdkafka alone by way of broker.h, consume, produce the same, send offsets, commit;
 * nothing is kept. engine: the same copy through src/engine with a counter a user in RocksDB
 * and in the changelog, positions, digest, audit record. First the latency of a commit of one
 * record on an idle broker, then records a second over a backlog, by commit interval.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "broker/broker_kafka.h"
#include "engine/engine.h"
#include "store/kv_rocks.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PARTITIONS  4
#define USERS       20000
#define VALUE_BYTES 200
#define IDLE_ROUNDS 100
#define STORE_COUNT 1

struct bench {
    struct hp_cluster *cluster;
    int64_t records;
    int64_t seen;
    int64_t began_us;
    int32_t held[PARTITIONS];
    size_t held_count;
    int64_t next[PARTITIONS];
    struct hp_error error;
};

static const char *const in_topic[] = {"bench-in"};

static int64_t
now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int64_t
wall_ms(void *context)
{
    struct timespec now;

    (void)context;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void
must(struct bench *bench, enum hp_status status)
{
    if (status)
        hp_die("%s", bench->error.text);
}

static void
make_topic(struct bench *bench, const char *name)
{
    const struct hp_topic_spec spec = {name, PARTITIONS, 1, NULL, 0};

    must(bench, hp_cluster_create(bench->cluster, &spec, &bench->error));
}

static void
send_one(struct bench *bench, struct hp_producer *producer, int64_t number)
{
    static const uint8_t value[VALUE_BYTES];
    char key[32];

    snprintf(key, sizeof(key), "user-%d", (int)(number * 7919 % USERS));
    must(bench, hp_producer_send(producer,
                    &(struct hp_outgoing){.topic = in_topic[0],
                        .partition = (int32_t)(number % PARTITIONS),
                        .key = hp_bytes_text(key),
                        .value = hp_bytes(value, sizeof(value))},
                    &bench->error));
}

/* ---- plain --------------------------------------------------------------------------- */

static void
on_assigned(void *context, const int32_t *partitions, size_t count)
{
    struct bench *bench = context;

    for (size_t i = 0; i < count; i++)
        bench->held[bench->held_count++] = partitions[i];
}

static void
on_revoked(void *context, const int32_t *partitions, size_t count, bool lost)
{
    (void)context, (void)partitions, (void)count, (void)lost;
}

static void
commit_plain(struct bench *bench, struct hp_member *member, struct hp_producer *producer)
{
    struct hp_position positions[PARTITIONS];

    for (int32_t p = 0; p < PARTITIONS; p++)
        positions[p] = (struct hp_position){in_topic[0], p, bench->next[p]};
    must(bench, hp_producer_offsets(producer, member, positions, PARTITIONS, &bench->error));
    must(bench, hp_producer_commit(producer, &bench->error));
}

static void
copy_plain(struct bench *bench, struct hp_producer *producer, const struct hp_message *message)
{
    if (bench->seen++ == 0)
        bench->began_us = now_us();
    bench->next[message->partition] = message->offset + 1;
    must(bench, hp_producer_send(producer,
                    &(struct hp_outgoing){.topic = "bench-out",
                        .partition = message->partition,
                        .key = message->key,
                        .value = message->value},
                    &bench->error));
}

static struct hp_member *
join_plain(struct bench *bench, const char *group)
{
    const struct hp_member_options options = {.group = group,
        .topics = in_topic,
        .topic_count = 1,
        .listener = {bench, on_assigned, on_revoked}};
    struct hp_member *member;
    struct hp_poll poll;
    int64_t start = 0;

    bench->held_count = 0;
    must(bench, hp_member_new(bench->cluster, &options, &member, &bench->error));
    while (bench->held_count < PARTITIONS)
        must(bench, hp_member_poll(member, 100, &poll, &bench->error));
    for (size_t i = 0; i < bench->held_count; i++)
        must(bench, hp_member_start(member, bench->held[i], &start, &bench->error));
    return member;
}

/* Records a second. */
static double
run_plain(struct bench *bench, int64_t interval_ms)
{
    struct hp_producer *producer;
    struct hp_member *member;
    int64_t begun_us = 0;
    char name[64];

    snprintf(name, sizeof(name), "plain-%d", (int)interval_ms);
    bench->seen = 0;
    memset(bench->next, 0, sizeof(bench->next));
    must(bench, hp_producer_new(bench->cluster, name, &producer, &bench->error));
    member = join_plain(bench, name);
    while (bench->seen < bench->records) {
        struct hp_poll poll;

        must(bench, hp_member_poll(member, 20, &poll, &bench->error));
        if (poll.kind == HP_POLL_RECORD) {
            if (!begun_us) {
                must(bench, hp_producer_begin(producer, &bench->error));
                begun_us = now_us();
            }
            copy_plain(bench, producer, &poll.message);
        }
        if (begun_us &&
            (now_us() - begun_us > interval_ms * 1000 || bench->seen == bench->records)) {
            commit_plain(bench, member, producer);
            begun_us = 0;
        }
    }
    begun_us = now_us();
    hp_producer_free(producer, false);
    hp_member_free(member, false);
    return (double)bench->records * 1e6 / (double)(begun_us - bench->began_us);
}

/* ---- engine -------------------------------------------------------------------------- */

static enum hp_status
process(void *context, struct hp_step *step, const struct hp_message *message,
    struct hp_error *error)
{
    struct bench *bench = context;
    struct hp_buffer count = {0};
    struct hp_bytes stored;
    enum hp_status status = hp_step_get(step, STORE_COUNT, message->key, &stored, error);

    if (bench->seen++ == 0)
        bench->began_us = now_us();
    if (!status) {
        struct hp_cursor cursor = hp_cursor(stored);

        hp_put_u64(&count, stored.data ? hp_get_u64(&cursor) + 1 : 1);
        status = hp_step_put(step, STORE_COUNT, message->key, hp_buffer_bytes(&count), error);
    }
    if (!status)
        status = hp_step_send(step,
            &(struct hp_outgoing){.topic = "bench-out",
                .partition = message->partition,
                .key = message->key,
                .value = message->value},
            error);
    hp_buffer_release(&count);
    return status;
}

static enum hp_status
nothing_follows(void *context, struct hp_step *step, uint8_t store, struct hp_bytes key,
    struct hp_bytes before, struct hp_bytes after, struct hp_error *error)
{
    (void)context, (void)step, (void)store, (void)key, (void)before, (void)after, (void)error;
    return HP_OK;
}

struct engine {
    struct hp_source_spec source;
    struct hp_store_spec store;
    struct hp_application application;
    struct hp_kv *kv;
    struct hp_worker *worker;
    char names[4][64];
};

static void
engine_start(struct bench *bench, struct engine *engine, const char *name, int64_t interval_ms)
{
    static const char *const rest[] = {"changelog", "letters", "reroute", "audit"};

    for (size_t i = 0; i < HP_ARRAY_SIZE(rest); i++) {
        snprintf(engine->names[i], sizeof(engine->names[i]), "%s-%s", name, rest[i]);
        make_topic(bench, engine->names[i]);
    }
    engine->source = (struct hp_source_spec){.topic = in_topic[0]};
    engine->store = (struct hp_store_spec){STORE_COUNT, "count", true};
    engine->application = (struct hp_application){.context = bench,
        .sources = &engine->source,
        .source_count = 1,
        .stores = &engine->store,
        .store_count = 1,
        .process = process,
        .fact_changed = nothing_follows};
    must(bench, hp_kv_rocks_open(
                    &(struct hp_kv_rocks_options){.path = name}, &engine->kv, &bench->error));
    must(bench, hp_worker_new(&(struct hp_worker_options){.cluster = bench->cluster,
                                  .kv = engine->kv,
                                  .application = &engine->application,
                                  .application_id = name,
                                  .instance = name,
                                  .changelog_topic = engine->names[0],
                                  .dead_letter_topic = engine->names[1],
                                  .reroute_topic = engine->names[2],
                                  .audit_topic = engine->names[3],
                                  .partitions = PARTITIONS,
                                  .dead_letter_partitions = PARTITIONS,
                                  .clock_ms = wall_ms,
                                  .commit_interval_ms = interval_ms,
                                  .commit_gap_ms = interval_ms < 10 ? interval_ms : 10,
                                  .overlay_bytes = 64 << 20,
                                  .round_records = 2000},
                    &engine->worker, &bench->error));
}

static void
engine_end(struct engine *engine)
{
    hp_worker_free(engine->worker, false);
    hp_kv_free(engine->kv);
}

static double
run_engine(struct bench *bench, int64_t interval_ms)
{
    struct engine engine;
    char name[64];
    int64_t end_us;

    snprintf(name, sizeof(name), "engine-%d", (int)interval_ms);
    bench->seen = 0;
    engine_start(bench, &engine, name, interval_ms);
    while (bench->seen < bench->records)
        must(bench, hp_worker_step(engine.worker, 20, &bench->error));
    must(bench, hp_worker_commit(engine.worker, &bench->error));
    end_us = now_us();
    engine_end(&engine);
    return (double)bench->records * 1e6 / (double)(end_us - bench->began_us);
}

/* ---- idle ---------------------------------------------------------------------------- */

static int
compare(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a;
    int64_t right = *(const int64_t *)b;

    return (left > right) - (left < right);
}

static void
print_latency(const char *what, int64_t *us)
{
    qsort(us, IDLE_ROUNDS, sizeof(*us), compare);
    printf("%-8s p50 %6.2f ms   p90 %6.2f ms   p99 %6.2f ms\n", what,
        (double)us[IDLE_ROUNDS / 2] / 1000, (double)us[IDLE_ROUNDS * 9 / 10] / 1000,
        (double)us[IDLE_ROUNDS - 1] / 1000);
}

static void
idle_plain(struct bench *bench, struct hp_producer *source)
{
    struct hp_producer *producer;
    struct hp_member *member;
    int64_t us[IDLE_ROUNDS];

    bench->seen = 0;
    memset(bench->next, 0, sizeof(bench->next));
    must(bench, hp_producer_new(bench->cluster, "idle-plain", &producer, &bench->error));
    member = join_plain(bench, "idle-plain");
    for (int64_t i = 0; i < IDLE_ROUNDS; i++) {
        struct hp_poll poll = {.kind = HP_POLL_NOTHING};

        send_one(bench, source, i);
        must(bench, hp_producer_flush(source, &bench->error));
        while (poll.kind != HP_POLL_RECORD)
            must(bench, hp_member_poll(member, 100, &poll, &bench->error));
        must(bench, hp_producer_begin(producer, &bench->error));
        us[i] = now_us();
        copy_plain(bench, producer, &poll.message);
        commit_plain(bench, member, producer);
        us[i] = now_us() - us[i];
    }
    hp_producer_free(producer, false);
    hp_member_free(member, false);
    print_latency("plain", us);
}

static void
idle_engine(struct bench *bench, struct hp_producer *source)
{
    struct engine engine;
    int64_t us[IDLE_ROUNDS];

    bench->seen = 0;
    engine_start(bench, &engine, "idle-engine", 10000);
    while (bench->seen < IDLE_ROUNDS) /* what the plain one read */
        must(bench, hp_worker_step(engine.worker, 20, &bench->error));
    must(bench, hp_worker_commit(engine.worker, &bench->error));
    for (int64_t i = 0; i < IDLE_ROUNDS; i++) {
        int64_t seen = bench->seen;

        send_one(bench, source, i);
        must(bench, hp_producer_flush(source, &bench->error));
        while (bench->seen == seen) {
            must(bench, hp_worker_step(engine.worker, 100, &bench->error));
            us[i] = now_us();
        }
        must(bench, hp_worker_commit(engine.worker, &bench->error));
        us[i] = now_us() - us[i];
    }
    engine_end(&engine);
    print_latency("engine", us);
}

int
main(int argc, char **argv)
{
    static const int64_t intervals[] = {10, 30, 100, 300, 1000};
    struct bench bench = {.records = argc > 3 ? strtoll(argv[3], NULL, 10) : 300000};
    struct hp_kafka_options options = {.bootstrap = argc > 2 ? argv[1] : NULL};
    struct hp_producer *source;

    if (!options.bootstrap)
        hp_die("usage: commit_bench BROKERS STATE [RECORDS]");
    if ((mkdir(argv[2], 0777) && errno != EEXIST) || chdir(argv[2]))
        hp_die("%s: %s", argv[2], strerror(errno));
    must(&bench, hp_cluster_kafka_new(&options, &bench.cluster, &bench.error));
    make_topic(&bench, in_topic[0]);
    make_topic(&bench, "bench-out");
    must(&bench, hp_producer_new(bench.cluster, NULL, &source, &bench.error));
    printf("commit of one record, idle broker\n");
    idle_plain(&bench, source);
    idle_engine(&bench, source);
    for (int64_t i = 2 * IDLE_ROUNDS; i < bench.records; i++)
        send_one(&bench, source, i);
    must(&bench, hp_producer_flush(source, &bench.error));
    hp_producer_free(source, false);
    printf("\n%lld records of %d bytes\n%11s %12s %12s %8s\n", (long long)bench.records,
        VALUE_BYTES, "interval ms", "plain /s", "engine /s", "ratio");
    for (size_t i = 0; i < HP_ARRAY_SIZE(intervals); i++) {
        double plain = run_plain(&bench, intervals[i]);
        double engine = run_engine(&bench, intervals[i]);

        printf("%11lld %12.0f %12.0f %8.2f\n", (long long)intervals[i], plain, engine,
            engine / plain);
        fflush(stdout);
    }
    hp_cluster_free(bench.cluster);
    return 0;
}
