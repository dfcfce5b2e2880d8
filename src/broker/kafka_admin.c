/*
 * broker/kafka_admin.c - what topics are like, where logs end, what a group has committed.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "broker/kafka_cluster.h"

#define MESSAGE_BYTES 1048588 /* Kafka's default of max.message.bytes */
#define COMMITTED_MS  1000    /* whoever asks has others to serve, and asks again */

/* ---- topics -------------------------------------------------------------------------- */

/* Partitions and replicas; exists stays false for a topic the cluster does not know. */
static enum hp_status
ask_partitions(struct hp_cluster *cluster, const char *topic, struct hp_topic_info *info,
    struct hp_error *error)
{
    rd_kafka_topic_t *handle = rd_kafka_topic_new(cluster->admin, topic, NULL);
    const struct rd_kafka_metadata *metadata = NULL;
    rd_kafka_resp_err_t code =
        rd_kafka_metadata(cluster->admin, 0, handle, &metadata, cluster->options.timeout_ms);

    if (!code && metadata->topic_cnt == 1) {
        const rd_kafka_metadata_topic_t *is = &metadata->topics[0];

        code = is->err;
        info->exists = !code && is->partition_cnt > 0;
        info->partitions = is->partition_cnt;
        info->replication = info->exists ? is->partitions[0].replica_cnt : 0;
    }
    if (metadata)
        rd_kafka_metadata_destroy(metadata);
    rd_kafka_topic_destroy(handle);
    if (!code || code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
        code == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC ||
        code == RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE)
        return HP_OK;
    return hp_fail(error, hp_kafka_fate(code), "topic %s: %s", topic, rd_kafka_err2str(code));
}

static void
copy_settings(const rd_kafka_ConfigResource_t *resource, struct hp_arena *arena,
    struct hp_topic_info *info)
{
    size_t count;
    const rd_kafka_ConfigEntry_t **entries = rd_kafka_ConfigResource_configs(resource, &count);
    struct hp_setting *settings = HP_ARENA_ARRAY(arena, count, struct hp_setting);
    size_t kept = 0;

    for (size_t i = 0; i < count; i++) {
        const char *value = rd_kafka_ConfigEntry_value(entries[i]);

        if (!value)
            continue; /* sensitive */
        settings[kept].name =
            hp_arena_text(arena, hp_bytes_text(rd_kafka_ConfigEntry_name(entries[i])));
        settings[kept++].value = hp_arena_text(arena, hp_bytes_text(value));
    }
    info->settings = settings;
    info->setting_count = kept;
}

static rd_kafka_AdminOptions_t *
admin_options(const struct hp_cluster *cluster, rd_kafka_admin_op_t operation)
{
    rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(cluster->admin, operation);
    char text[128];

    rd_kafka_AdminOptions_set_request_timeout(
        options, cluster->options.timeout_ms, text, sizeof(text));
    return options;
}

static enum hp_status
take_settings(rd_kafka_event_t *event, const char *topic, struct hp_arena *arena,
    struct hp_topic_info *info, struct hp_error *error)
{
    const rd_kafka_ConfigResource_t **resources;
    size_t count;
    rd_kafka_resp_err_t code;

    if (!event)
        return hp_fail(error, HP_RETRY, "settings of topic %s: no answer", topic);
    code = rd_kafka_event_error(event);
    if (code)
        return hp_fail(error, hp_kafka_fate(code), "settings of topic %s: %s", topic,
            rd_kafka_event_error_string(event));
    resources = rd_kafka_DescribeConfigs_result_resources(
        rd_kafka_event_DescribeConfigs_result(event), &count);
    if (count == 1 && !rd_kafka_ConfigResource_error(resources[0]))
        copy_settings(resources[0], arena, info);
    return HP_OK;
}

static enum hp_status
ask_settings(struct hp_cluster *cluster, const char *topic, struct hp_arena *arena,
    struct hp_topic_info *info, struct hp_error *error)
{
    rd_kafka_ConfigResource_t *resource =
        rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic);
    rd_kafka_AdminOptions_t *options =
        admin_options(cluster, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(cluster->admin);
    rd_kafka_event_t *event;
    enum hp_status status;

    rd_kafka_DescribeConfigs(cluster->admin, &resource, 1, options, queue);
    event = rd_kafka_queue_poll(queue, cluster->options.timeout_ms + 1000);
    status = take_settings(event, topic, arena, info, error);
    if (event)
        rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(queue);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_ConfigResource_destroy(resource);
    return status;
}

enum hp_status
hp_kafka_topic(struct hp_cluster *cluster, const char *topic, struct hp_arena *arena,
    struct hp_topic_info *info, struct hp_error *error)
{
    enum hp_status status = ask_partitions(cluster, topic, info, error);

    if (!status && info->exists)
        status = ask_settings(cluster, topic, arena, info, error);
    return status;
}

/* ---- creating ------------------------------------------------------------------------ */

static enum hp_status
creation_result(const rd_kafka_event_t *event, const char *topic, struct hp_error *error)
{
    const rd_kafka_topic_result_t **results;
    size_t count;
    rd_kafka_resp_err_t code;

    if (!event)
        return hp_fail(error, HP_RETRY, "create topic %s: no answer", topic);
    code = rd_kafka_event_error((rd_kafka_event_t *)event);
    if (code)
        return hp_fail(
            error, hp_kafka_fate(code), "create topic %s: %s", topic, rd_kafka_err2str(code));
    results = rd_kafka_CreateTopics_result_topics(
        rd_kafka_event_CreateTopics_result((rd_kafka_event_t *)event), &count);
    HP_ASSERT(count == 1);
    code = rd_kafka_topic_result_error(results[0]);
    if (!code)
        return HP_OK;
    return hp_fail(error, hp_kafka_fate(code) == HP_FATAL ? HP_FATAL : HP_USAGE,
        "create topic %s: %s", topic, rd_kafka_topic_result_error_string(results[0]));
}

static enum hp_status
send_creation(struct hp_cluster *cluster, rd_kafka_NewTopic_t *topic, const char *name,
    struct hp_error *error)
{
    rd_kafka_AdminOptions_t *options = admin_options(cluster, RD_KAFKA_ADMIN_OP_CREATETOPICS);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(cluster->admin);
    rd_kafka_event_t *event;
    enum hp_status status;

    rd_kafka_CreateTopics(cluster->admin, &topic, 1, options, queue);
    event = rd_kafka_queue_poll(queue, cluster->options.timeout_ms + 1000);
    status = creation_result(event, name, error);
    if (event)
        rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(queue);
    rd_kafka_AdminOptions_destroy(options);
    return status;
}

/* Brokers learn of a new topic one after the other; whoever asked for it wants to use it. */
static enum hp_status
wait_for_topic(struct hp_cluster *cluster, const char *topic, struct hp_error *error)
{
    int64_t deadline_ms = hp_kafka_now_ms() + cluster->options.timeout_ms;

    while (hp_kafka_now_ms() < deadline_ms) {
        struct hp_topic_info info = {0};
        enum hp_status status = ask_partitions(cluster, topic, &info, error);
        int64_t low;
        int64_t high;

        if (status)
            return status;
        if (info.exists && !rd_kafka_query_watermark_offsets(
                               cluster->admin, topic, info.partitions - 1, &low, &high, 1000))
            return HP_OK;
        nanosleep(&(struct timespec){0, 20000000}, NULL);
    }
    return hp_fail(error, HP_RETRY, "topic %s was created, but no broker serves it", topic);
}

enum hp_status
hp_kafka_create(
    struct hp_cluster *cluster, const struct hp_topic_spec *spec, struct hp_error *error)
{
    char text[256];
    rd_kafka_NewTopic_t *topic = rd_kafka_NewTopic_new(
        spec->name, spec->partitions, spec->replication, text, sizeof(text));
    enum hp_status status;

    if (!topic)
        return hp_fail(error, HP_USAGE, "create topic %s: %s", spec->name, text);
    for (size_t i = 0; i < spec->setting_count; i++)
        rd_kafka_NewTopic_set_config(topic, spec->settings[i].name, spec->settings[i].value);
    status = send_creation(cluster, topic, spec->name, error);
    rd_kafka_NewTopic_destroy(topic);
    return status ? status : wait_for_topic(cluster, spec->name, error);
}

/* ---- how large a record may be ------------------------------------------------------- */

static size_t
ask_limit(struct hp_cluster *cluster, const char *topic)
{
    struct hp_arena arena = {0};
    struct hp_topic_info info = {0};
    struct hp_error error;
    size_t bytes = MESSAGE_BYTES;

    if (!ask_settings(cluster, topic, &arena, &info, &error))
        for (size_t i = 0; i < info.setting_count; i++)
            if (strcmp(info.settings[i].name, "max.message.bytes") == 0)
                bytes = strtoull(info.settings[i].value, NULL, 10);
    hp_arena_release(&arena);
    return bytes;
}

size_t
hp_kafka_limit(struct hp_cluster *cluster, const char *topic)
{
    struct hp_kafka_limit *limit;
    size_t bytes;

    pthread_mutex_lock(&cluster->lock);
    for (limit = cluster->limits; limit; limit = limit->next)
        if (strcmp(limit->topic, topic) == 0)
            break;
    if (!limit) {
        limit = hp_alloc(sizeof(*limit));
        limit->topic = hp_strdup(topic);
        limit->bytes = ask_limit(cluster, topic);
        limit->next = cluster->limits;
        cluster->limits = limit;
    }
    bytes = limit->bytes;
    pthread_mutex_unlock(&cluster->lock);
    return bytes;
}

void
hp_kafka_limits_forget(struct hp_cluster *cluster)
{
    pthread_mutex_lock(&cluster->lock);
    while (cluster->limits) {
        struct hp_kafka_limit *limit = cluster->limits;

        cluster->limits = limit->next;
        free(limit->topic);
        free(limit);
    }
    pthread_mutex_unlock(&cluster->lock);
}

/* ---- offsets ------------------------------------------------------------------------- */

enum hp_status
hp_kafka_watermarks(struct hp_cluster *cluster, const char *topic, int32_t partition,
    int64_t *low, int64_t *high, struct hp_error *error)
{
    rd_kafka_resp_err_t code = rd_kafka_query_watermark_offsets(
        cluster->admin, topic, partition, low, high, cluster->options.timeout_ms);

    if (!code)
        return HP_OK;
    return hp_fail(error, hp_kafka_fate(code), "watermarks of %s-%d: %s", topic, partition,
        rd_kafka_err2str(code));
}

/* A client with the group's name that never joins it. */
static enum hp_status
open_offsets(struct hp_cluster *cluster, const char *group, struct hp_error *error)
{
    struct hp_kafka_extra extra[] = {
        {"group.id", group}, {"isolation.level", "read_committed"}};
    rd_kafka_conf_t *conf;
    enum hp_status status;

    if (cluster->offsets && strcmp(cluster->offsets_group, group) == 0)
        return HP_OK;
    if (cluster->offsets)
        rd_kafka_destroy_flags(cluster->offsets, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    cluster->offsets = NULL;
    free(cluster->offsets_group);
    cluster->offsets_group = hp_strdup(group);
    status = hp_kafka_conf(cluster, HP_KAFKA_ADMIN, extra, HP_ARRAY_SIZE(extra), &conf, error);
    if (status)
        return status;
    return hp_kafka_client(cluster, RD_KAFKA_CONSUMER, conf, &cluster->offsets, error);
}

static enum hp_status
take_offsets(const rd_kafka_topic_partition_list_t *list, rd_kafka_resp_err_t code,
    struct hp_position *positions, const char *group, struct hp_error *error)
{
    for (int i = 0; !code && i < list->cnt; i++) {
        code = list->elems[i].err;
        positions[i].offset =
            list->elems[i].offset >= 0 ? list->elems[i].offset : HP_OFFSET_NONE;
    }
    if (!code)
        return HP_OK;
    if (code == RD_KAFKA_RESP_ERR__TIMED_OUT)
        return hp_fail(error, HP_RETRY,
            "offsets of group %s: a transaction holds them open, or nobody answers", group);
    return hp_fail(
        error, hp_kafka_fate(code), "offsets of group %s: %s", group, rd_kafka_err2str(code));
}

enum hp_status
hp_kafka_committed(struct hp_cluster *cluster, const char *group, struct hp_position *positions,
    size_t count, struct hp_error *error)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)count);
    enum hp_status status;

    for (size_t i = 0; i < count; i++)
        rd_kafka_topic_partition_list_add(list, positions[i].topic, positions[i].partition);
    pthread_mutex_lock(&cluster->lock);
    status = open_offsets(cluster, group, error);
    if (!status) {
        rd_kafka_resp_err_t code = rd_kafka_committed(cluster->offsets, list, COMMITTED_MS);

        status = take_offsets(list, code, positions, group, error);
    }
    pthread_mutex_unlock(&cluster->lock);
    rd_kafka_topic_partition_list_destroy(list);
    return status;
}
