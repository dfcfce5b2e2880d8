/*
 * broker/broker_memory.c - the cluster itself: topics, time, the lock, retention.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "broker/broker_memory.h"

#include "broker/memory_cluster.h"

#define SESSION_MS       45000
#define POLL_INTERVAL_MS 300000
#define TRANSACTION_MS   10000
#define MESSAGE_BYTES    1048588 /* Kafka's default of max.message.bytes */
#define TOMBSTONES_MS    86400000
#define WAIT_SLICE_MS    20 /* time-outs of transactions and seats are noticed so late */

/* ---- time and the lock --------------------------------------------------------------- */

static int64_t
clock_ms(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t
hp_memory_now(const struct hp_cluster *cluster)
{
    return cluster->options.clock ? cluster->options.clock(cluster->options.clock_context)
                                  : clock_ms(CLOCK_REALTIME);
}

int64_t
hp_memory_deadline(int timeout_ms)
{
    return clock_ms(CLOCK_MONOTONIC) + timeout_ms;
}

void
hp_memory_enter(struct hp_cluster *cluster)
{
    int64_t now_ms = hp_memory_now(cluster);

    pthread_mutex_lock(&cluster->lock);
    hp_memory_transactions_expire(cluster, now_ms);
    hp_memory_groups_expire(cluster, now_ms);
}

void
hp_memory_leave(struct hp_cluster *cluster)
{
    pthread_mutex_unlock(&cluster->lock);
}

void
hp_memory_changed(struct hp_cluster *cluster)
{
    if (cluster->waiting)
        pthread_cond_broadcast(&cluster->change);
}

bool
hp_memory_wait(struct hp_cluster *cluster, int64_t deadline_ms)
{
    int64_t until_ms = clock_ms(CLOCK_MONOTONIC);
    struct timespec until;

    if (cluster->options.clock || until_ms >= deadline_ms)
        return false;
    until_ms += WAIT_SLICE_MS;
    if (until_ms > deadline_ms)
        until_ms = deadline_ms;
    until.tv_sec = until_ms / 1000;
    until.tv_nsec = (until_ms % 1000) * 1000000;
    cluster->waiting++;
    pthread_cond_timedwait(&cluster->change, &cluster->lock, &until);
    cluster->waiting--;
    hp_memory_transactions_expire(cluster, hp_memory_now(cluster));
    hp_memory_groups_expire(cluster, hp_memory_now(cluster));
    return true;
}

enum hp_status
hp_memory_ask(struct hp_cluster *cluster, const char *operation, struct hp_error *error)
{
    if (!cluster->options.fault)
        return HP_OK;
    return cluster->options.fault(cluster->options.fault_context, operation, error);
}

/* ---- topics -------------------------------------------------------------------------- */

struct hp_memory_topic *
hp_memory_topic(const struct hp_cluster *cluster, const char *name)
{
    struct hp_memory_topic *topic = cluster->topics;

    while (topic && strcmp(topic->name, name) != 0)
        topic = topic->next;
    return topic;
}

struct hp_memory_log *
hp_memory_partition(struct hp_cluster *cluster, const char *name, int32_t partition,
    struct hp_memory_topic **found, struct hp_error *error)
{
    struct hp_memory_topic *topic = hp_memory_topic(cluster, name);

    *found = topic;
    if (!topic)
        hp_fail(error, HP_USAGE, "topic %s does not exist", name);
    else if (partition < 0 || partition >= topic->partitions)
        hp_fail(error, HP_USAGE, "topic %s has %d partitions, there is no partition %d", name,
            topic->partitions, partition);
    else
        return &topic->logs[partition];
    return NULL;
}

static void
apply_setting(struct hp_memory_topic *topic, const struct hp_setting *setting)
{
    if (strcmp(setting->name, "message.timestamp.type") == 0)
        topic->append_time = strcmp(setting->value, "LogAppendTime") == 0;
    else if (strcmp(setting->name, "cleanup.policy") == 0)
        topic->compacted = strstr(setting->value, "compact") != NULL;
    else if (strcmp(setting->name, "delete.retention.ms") == 0)
        topic->tombstones_ms = strtoll(setting->value, NULL, 10);
    else if (strcmp(setting->name, "max.message.bytes") == 0)
        topic->message_bytes = strtoull(setting->value, NULL, 10);
}

static struct hp_memory_topic *
topic_new(const struct hp_topic_spec *spec)
{
    struct hp_memory_topic *topic = hp_alloc(sizeof(*topic));

    topic->name = hp_strdup(spec->name);
    topic->partitions = spec->partitions;
    topic->replication = spec->replication;
    topic->logs = hp_alloc((size_t)spec->partitions * sizeof(*topic->logs));
    topic->tombstones_ms = TOMBSTONES_MS;
    topic->message_bytes = MESSAGE_BYTES;
    topic->settings = hp_alloc((spec->setting_count + 1) * sizeof(*topic->settings));
    for (size_t i = 0; i < spec->setting_count; i++) {
        topic->settings[i].name = hp_strdup(spec->settings[i].name);
        topic->settings[i].value = hp_strdup(spec->settings[i].value);
        apply_setting(topic, &spec->settings[i]);
    }
    topic->setting_count = spec->setting_count;
    return topic;
}

static void
topic_free(struct hp_memory_topic *topic)
{
    for (size_t i = 0; i < topic->setting_count; i++) {
        free((char *)topic->settings[i].name);
        free((char *)topic->settings[i].value);
    }
    for (int32_t p = 0; p < topic->partitions; p++)
        hp_memory_log_release(&topic->logs[p]);
    free(topic->settings);
    free(topic->logs);
    free(topic->name);
    free(topic);
}

static enum hp_status
create(struct hp_cluster *cluster, const struct hp_topic_spec *spec, struct hp_error *error)
{
    enum hp_status status;

    if (spec->partitions < 1)
        return hp_fail(error, HP_USAGE, "create topic %s: %d partitions, at least 1 is needed",
            spec->name, spec->partitions);
    hp_memory_enter(cluster);
    status = hp_memory_ask(cluster, "create", error);
    if (!status && hp_memory_topic(cluster, spec->name))
        status = hp_fail(error, HP_USAGE, "create topic %s: it exists", spec->name);
    if (!status) {
        struct hp_memory_topic *topic = topic_new(spec);

        topic->next = cluster->topics;
        cluster->topics = topic;
        hp_memory_changed(cluster);
    }
    hp_memory_leave(cluster);
    return status;
}

static void
describe(
    const struct hp_memory_topic *topic, struct hp_arena *arena, struct hp_topic_info *info)
{
    struct hp_setting *settings =
        HP_ARENA_ARRAY(arena, topic->setting_count, struct hp_setting);

    for (size_t i = 0; i < topic->setting_count; i++) {
        settings[i].name = hp_arena_text(arena, hp_bytes_text(topic->settings[i].name));
        settings[i].value = hp_arena_text(arena, hp_bytes_text(topic->settings[i].value));
    }
    *info = (struct hp_topic_info){.exists = true,
        .partitions = topic->partitions,
        .replication = topic->replication,
        .settings = settings,
        .setting_count = topic->setting_count};
}

static enum hp_status
topic_info(struct hp_cluster *cluster, const char *name, struct hp_arena *arena,
    struct hp_topic_info *info, struct hp_error *error)
{
    const struct hp_memory_topic *topic;
    enum hp_status status;

    hp_memory_enter(cluster);
    status = hp_memory_ask(cluster, "topic", error);
    topic = hp_memory_topic(cluster, name);
    if (!status && topic)
        describe(topic, arena, info);
    hp_memory_leave(cluster);
    return status;
}

static enum hp_status
watermarks(struct hp_cluster *cluster, const char *name, int32_t partition, int64_t *low,
    int64_t *high, struct hp_error *error)
{
    struct hp_memory_topic *topic;
    struct hp_memory_log *log = NULL;
    enum hp_status status;

    hp_memory_enter(cluster);
    status = hp_memory_ask(cluster, "watermarks", error);
    if (!status)
        log = hp_memory_partition(cluster, name, partition, &topic, error);
    if (log) {
        *low = log->start;
        *high = log->end;
    } else if (!status) {
        status = HP_USAGE;
    }
    hp_memory_leave(cluster);
    return status;
}

/* ---- deleting ------------------------------------------------------------------------ */

static int64_t
least_cursor(
    const struct hp_cluster *cluster, const struct hp_memory_topic *topic, int32_t partition)
{
    int64_t least = INT64_MAX;

    for (const struct hp_memory_cursors *c = cluster->cursors; c; c = c->next)
        for (size_t i = 0; i < c->count; i++)
            if (c->items[i].topic == topic && c->items[i].partition == partition &&
                c->items[i].position >= 0 && c->items[i].position < least)
                least = c->items[i].position;
    return least;
}

void
hp_memory_retain(struct hp_cluster *cluster, struct hp_memory_topic *topic, int32_t partition)
{
    struct hp_memory_log *log = &topic->logs[partition];
    int64_t committed;

    if (!cluster->options.retention_bytes || topic->compacted ||
        log->bytes <= cluster->options.retention_bytes)
        return;
    committed = hp_memory_offset_least(cluster, topic, partition);
    while (log->bytes > cluster->options.retention_bytes) {
        int64_t head = hp_memory_log_head(log);

        if (head == 0 || head > committed || head > least_cursor(cluster, topic, partition) ||
            head > hp_memory_log_stable(log))
            return;
        hp_memory_log_trim(log, head);
    }
}

enum hp_status
hp_memory_compact(
    struct hp_cluster *cluster, const char *name, int32_t partition, struct hp_error *error)
{
    struct hp_memory_topic *topic;
    struct hp_memory_log *log;

    hp_memory_enter(cluster);
    log = hp_memory_partition(cluster, name, partition, &topic, error);
    if (log)
        hp_memory_log_compact(log, hp_memory_now(cluster) - topic->tombstones_ms);
    hp_memory_leave(cluster);
    return log ? HP_OK : HP_USAGE;
}

enum hp_status
hp_memory_trim(struct hp_cluster *cluster, const char *name, int32_t partition, int64_t before,
    struct hp_error *error)
{
    struct hp_memory_topic *topic;
    struct hp_memory_log *log;

    hp_memory_enter(cluster);
    log = hp_memory_partition(cluster, name, partition, &topic, error);
    if (log)
        hp_memory_log_trim(log, before);
    hp_memory_leave(cluster);
    return log ? HP_OK : HP_USAGE;
}

size_t
hp_memory_bytes(struct hp_cluster *cluster)
{
    size_t bytes = 0;

    hp_memory_enter(cluster);
    for (const struct hp_memory_topic *topic = cluster->topics; topic; topic = topic->next)
        for (int32_t p = 0; p < topic->partitions; p++)
            bytes += topic->logs[p].bytes;
    hp_memory_leave(cluster);
    return bytes;
}

/* ---- the cluster --------------------------------------------------------------------- */

static void
cluster_free(struct hp_cluster *cluster)
{
    HP_ASSERT(!cluster->cursors);
    hp_memory_transactions_release(cluster);
    hp_memory_groups_release(cluster);
    while (cluster->topics) {
        struct hp_memory_topic *next = cluster->topics->next;

        topic_free(cluster->topics);
        cluster->topics = next;
    }
    pthread_cond_destroy(&cluster->change);
    pthread_mutex_destroy(&cluster->lock);
    free(cluster);
}

static const struct hp_broker_operations memory_operations = {
    .cluster_free = cluster_free,
    .topic = topic_info,
    .create = create,
    .watermarks = watermarks,
    .committed = hp_memory_committed,
    .reader_new = hp_memory_reader_new,
    .reader_free = hp_memory_reader_free,
    .reader_assign = hp_memory_reader_assign,
    .reader_poll = hp_memory_reader_poll,
    .member_new = hp_memory_member_new,
    .member_free = hp_memory_member_free,
    .member_start = hp_memory_member_start,
    .member_pause = hp_memory_member_pause,
    .member_poll = hp_memory_member_poll,
    .producer_new = hp_memory_producer_new,
    .producer_free = hp_memory_producer_free,
    .begin = hp_memory_begin,
    .send = hp_memory_send,
    .offsets = hp_memory_offsets,
    .commit = hp_memory_commit,
    .abort = hp_memory_abort,
    .flush = hp_memory_flush,
    .sent_to = hp_memory_sent_to,
};

struct hp_cluster *
hp_cluster_memory_new(const struct hp_memory_options *options)
{
    struct hp_cluster *cluster = hp_alloc(sizeof(*cluster));
    pthread_condattr_t attributes;

    cluster->object.operations = &memory_operations;
    cluster->options = *options;
    if (!cluster->options.session_timeout_ms)
        cluster->options.session_timeout_ms = SESSION_MS;
    if (!cluster->options.poll_interval_ms)
        cluster->options.poll_interval_ms = POLL_INTERVAL_MS;
    if (!cluster->options.transaction_timeout_ms)
        cluster->options.transaction_timeout_ms = TRANSACTION_MS;
    cluster->next_id = 1;
    pthread_mutex_init(&cluster->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&cluster->change, &attributes);
    pthread_condattr_destroy(&attributes);
    return cluster;
}
