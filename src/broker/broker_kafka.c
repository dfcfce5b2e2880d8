/*
 * broker/broker_kafka.c - making and ending a cluster of real brokers.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "broker/broker_kafka.h"

#include "base/log.h"
#include "broker/kafka_cluster.h"

#define TIMEOUT_MS       15000
#define SCRAM_WORKS_FROM 0x020601ff /* librdkafka 2.6.1 */

static void
cluster_free(struct hp_cluster *cluster)
{
    hp_kafka_limits_forget(cluster);
    if (cluster->offsets)
        rd_kafka_destroy_flags(cluster->offsets, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    if (cluster->admin)
        rd_kafka_destroy(cluster->admin);
    free(cluster->offsets_group);
    pthread_mutex_destroy(&cluster->lock);
    hp_arena_release(&cluster->arena);
    free(cluster);
}

static const struct hp_broker_operations kafka_operations = {
    .cluster_free = cluster_free,
    .topic = hp_kafka_topic,
    .create = hp_kafka_create,
    .watermarks = hp_kafka_watermarks,
    .committed = hp_kafka_committed,
    .reader_new = hp_kafka_reader_new,
    .reader_free = hp_kafka_reader_free,
    .reader_assign = hp_kafka_reader_assign,
    .reader_poll = hp_kafka_reader_poll,
    .member_new = hp_kafka_member_new,
    .member_free = hp_kafka_member_free,
    .member_start = hp_kafka_member_start,
    .member_pause = hp_kafka_member_pause,
    .member_poll = hp_kafka_member_poll,
    .producer_new = hp_kafka_producer_new,
    .producer_free = hp_kafka_producer_free,
    .begin = hp_kafka_begin,
    .send = hp_kafka_send,
    .offsets = hp_kafka_offsets,
    .commit = hp_kafka_commit,
    .abort = hp_kafka_abort,
    .flush = hp_kafka_flush,
    .sent_to = hp_kafka_sent_to,
};

static const char *
keep(struct hp_arena *arena, const char *text)
{
    return text ? hp_arena_text(arena, hp_bytes_text(text)) : NULL;
}

/* Copies the list; HP_USAGE at the first setting that is ours. */
static enum hp_status
keep_settings(struct hp_arena *arena, const struct hp_setting **settings, size_t count,
    struct hp_error *error)
{
    struct hp_setting *copy = HP_ARENA_ARRAY(arena, count, struct hp_setting);

    for (size_t i = 0; i < count; i++) {
        const struct hp_setting *setting = &(*settings)[i];
        const char *reason = hp_kafka_setting_owned(setting->name);

        if (reason)
            return hp_fail(error, HP_USAGE, "kafka setting %s cannot be changed: %s",
                setting->name, reason);
        copy[i].name = keep(arena, setting->name);
        copy[i].value = keep(arena, setting->value);
    }
    *settings = copy;
    return HP_OK;
}

static enum hp_status
keep_options(struct hp_cluster *cluster, struct hp_error *error)
{
    struct hp_kafka_options *o = &cluster->options;
    enum hp_status status;

    o->bootstrap = keep(&cluster->arena, o->bootstrap);
    o->group = keep(&cluster->arena, o->group ? o->group : "hamper");
    if (!o->timeout_ms)
        o->timeout_ms = TIMEOUT_MS;
    status = keep_settings(&cluster->arena, &o->settings, o->setting_count, error);
    if (!status)
        status = keep_settings(
            &cluster->arena, &o->consumer_settings, o->consumer_setting_count, error);
    if (!status)
        status = keep_settings(
            &cluster->arena, &o->producer_settings, o->producer_setting_count, error);
    return status;
}

/* Kafka 4 refuses the form of SCRAM's first message that older libraries send. */
static void
warn_of_scram(const struct hp_kafka_options *options)
{
    for (size_t i = 0; i < options->setting_count; i++)
        if (strncmp(options->settings[i].name, "sasl.mechanism", 14) == 0 &&
            strncmp(options->settings[i].value, "SCRAM", 5) == 0 &&
            rd_kafka_version() < SCRAM_WORKS_FROM)
            HP_LOG(HP_LOG_WARN,
                "this librdkafka cannot do SCRAM with Kafka 4; brokers 3.x accept it, "
                "otherwise use librdkafka 2.6.1 or newer, PLAIN over TLS, or mTLS",
                HP_S("librdkafka", rd_kafka_version_str()));
}

/* Settings are checked by making a configuration of every kind. */
static enum hp_status
check_settings(const struct hp_cluster *cluster, struct hp_error *error)
{
    enum hp_status status = HP_OK;

    for (int role = HP_KAFKA_ADMIN; !status && role <= HP_KAFKA_PRODUCER; role++) {
        rd_kafka_conf_t *conf;

        status = hp_kafka_conf(cluster, (enum hp_kafka_role)role, NULL, 0, &conf, error);
        if (!status)
            rd_kafka_conf_destroy(conf);
    }
    return status;
}

static enum hp_status
open_admin(struct hp_cluster *cluster, struct hp_error *error)
{
    struct hp_kafka_extra extra[] = {{"isolation.level", "read_uncommitted"}};
    rd_kafka_conf_t *conf;
    enum hp_status status = hp_kafka_conf(cluster, HP_KAFKA_ADMIN, extra, 1, &conf, error);

    if (status)
        return status;
    return hp_kafka_client(cluster, RD_KAFKA_CONSUMER, conf, &cluster->admin, error);
}

enum hp_status
hp_cluster_kafka_new(
    const struct hp_kafka_options *options, struct hp_cluster **out, struct hp_error *error)
{
    struct hp_cluster *cluster = hp_alloc(sizeof(*cluster));
    enum hp_status status;

    *out = NULL;
    cluster->object.operations = &kafka_operations;
    cluster->options = *options;
    pthread_mutex_init(&cluster->lock, NULL);
    status = keep_options(cluster, error);
    if (!status)
        status = check_settings(cluster, error);
    if (!status)
        status = open_admin(cluster, error);
    if (status) {
        cluster_free(cluster);
        return status;
    }
    warn_of_scram(&cluster->options);
    *out = cluster;
    return HP_OK;
}
