/*
 * broker/kafka_settings.c - how librdkafka is set up: its defaults are for other programs.
 *
 * Turned over: CRCs are checked; a position outside the log is an error instead of a jump; ends
 * of partitions are told; queues hold megabytes, not gigabytes (its 64 MiB per partition and
 * 1 GiB per producer); transactions time out after 10 s, the longest a dead owner may block
 * readers; batches stay below what the smallest topic accepts, because a broker refuses a
 * batch, not a record; a transaction that follows on another's heels is refused by the broker
 * for some milliseconds and asks again after 10 instead of 100; packets leave at once; batches
 * are compressed, because recommendations of one transaction have most of their words in
 * common.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "broker/kafka_cluster.h"

#include "base/log.h"

struct setting_row {
    unsigned roles; /* bits 1 << enum hp_kafka_role */
    const char *name;
    const char *value;
};

#define A         (1U << HP_KAFKA_ADMIN)
#define R         (1U << HP_KAFKA_READER)
#define M         (1U << HP_KAFKA_MEMBER)
#define P         (1U << HP_KAFKA_PRODUCER)
#define CONSUMERS (A | R | M)

/* May be changed by the configuration. */
static const struct setting_row defaults[] = {
    {A | R | M | P, "client.id", "hamper"},
    {A | R | M | P, "socket.nagle.disable", "true"},
    {A | R | M | P, "reconnect.backoff.max.ms", "2000"},
    {A | R | M | P, "topic.metadata.propagation.max.ms", "10000"},
    {R | M, "fetch.wait.max.ms", "100"},
    {R | M, "fetch.error.backoff.ms", "100"},
    {R | M, "queued.min.messages", "10000"},
    {R | M, "queued.max.messages.kbytes", "4096"},
    {R | M, "fetch.max.bytes", "8388608"},
    {M, "heartbeat.interval.ms", "1000"},
    {P, "transaction.timeout.ms", "10000"},
    {P, "retry.backoff.ms", "10"},
    {P, "linger.ms", "1"},
    {P, "batch.size", "65536"},
    {P, "compression.type", "lz4"},
    {P, "message.max.bytes", "16777216"},
    {P, "queue.buffering.max.messages", "100000"},
    {P, "queue.buffering.max.kbytes", "65536"},
};

/* May not. */
static const struct setting_row fixed[] = {
    {CONSUMERS, "enable.auto.commit", "false"},
    {CONSUMERS, "enable.auto.offset.store", "false"},
    {CONSUMERS, "auto.offset.reset", "error"},
    {CONSUMERS, "check.crcs", "true"},
    {CONSUMERS, "allow.auto.create.topics", "false"},
    {R | M, "enable.partition.eof", "true"},
    {M, "partition.assignment.strategy", "cooperative-sticky"},
    {P, "enable.idempotence", "true"},
    {P, "partitioner", "murmur2_random"},
};

static const struct {
    const char *name;
    const char *reason;
} owned[] = {
    {"bootstrap.servers", "it has a key of its own, bootstrap.servers"},
    {"metadata.broker.list", "use bootstrap.servers"},
    {"group.id", "the group is application.id"},
    {"group.instance.id", "it has a key of its own, group.instance.id"},
    {"group.protocol", "static members cannot take over in the newer protocol"},
    {"transactional.id", "it is made of application.id and the instance"},
    {"enable.idempotence", "exactly-once needs it"},
    {"acks", "exactly-once needs all of them"},
    {"request.required.acks", "exactly-once needs all of them"},
    {"enable.auto.commit", "positions are committed with the transaction"},
    {"enable.auto.offset.store", "positions are committed with the transaction"},
    {"isolation.level", "aborted records must stay invisible"},
    {"auto.offset.reset", "a lost position must stop the work, not move it"},
    {"enable.partition.eof", "ends of partitions are positions"},
    {"partition.assignment.strategy", "the partitions of all inputs must stay together"},
    {"partitioner", "records are placed as Kafka's Java clients place them"},
    {"check.crcs", "damaged records must not be read"},
    {"allow.auto.create.topics", "topics are made by `hamper topics --create`"},
    {"max.in.flight", "the order of records depends on it"},
    {"max.in.flight.requests.per.connection", "the order of records depends on it"},
    {"enable.gapless.guarantee", "transactions give it"},
};

const char *
hp_kafka_setting_owned(const char *name)
{
    for (size_t i = 0; i < HP_ARRAY_SIZE(owned); i++)
        if (strcmp(owned[i].name, name) == 0)
            return owned[i].reason;
    return NULL;
}

const char *
hp_kafka_library_version(void)
{
    return rd_kafka_version_str();
}

int64_t
hp_kafka_now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

enum hp_status
hp_kafka_fate(rd_kafka_resp_err_t code)
{
    switch (code) {
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
    case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION:
    case RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE:
    case RD_KAFKA_RESP_ERR_INVALID_TRANSACTION_TIMEOUT: return HP_FATAL;
    default: return HP_RETRY;
    }
}

/* ---- configurations ------------------------------------------------------------------ */

/* librdkafka's own lines: severe ones are mostly a broker that is away, and passing. */
static void
on_log(const rd_kafka_t *client, int level, const char *facility, const char *text)
{
    enum hp_log_level ours = level <= 3 ? HP_LOG_WARN : level <= 5 ? HP_LOG_INFO : HP_LOG_DEBUG;

    HP_LOG(ours, "librdkafka", HP_S("client", client ? rd_kafka_name(client) : ""),
        HP_S("facility", facility), HP_S("text", text));
}

static void
on_error(rd_kafka_t *client, int code, const char *text, void *opaque)
{
    (void)opaque;
    if (code == RD_KAFKA_RESP_ERR__PARTITION_EOF)
        return; /* of a queue that is being emptied */
    HP_LOG(HP_LOG_WARN, "kafka client in trouble", HP_S("client", rd_kafka_name(client)),
        HP_S("error", rd_kafka_err2name((rd_kafka_resp_err_t)code)), HP_S("text", text));
}

static enum hp_status
set(rd_kafka_conf_t *conf, const char *name, const char *value, struct hp_error *error)
{
    char text[256];

    if (rd_kafka_conf_set(conf, name, value, text, sizeof(text)) == RD_KAFKA_CONF_OK)
        return HP_OK;
    return hp_fail(error, HP_USAGE, "kafka setting %s: %s", name, text);
}

static enum hp_status
set_rows(rd_kafka_conf_t *conf, enum hp_kafka_role role, const struct setting_row *rows,
    size_t count, struct hp_error *error)
{
    for (size_t i = 0; i < count; i++)
        if (rows[i].roles & 1U << role && set(conf, rows[i].name, rows[i].value, error))
            return HP_USAGE;
    return HP_OK;
}

static enum hp_status
set_list(rd_kafka_conf_t *conf, const struct hp_setting *settings, size_t count,
    struct hp_error *error)
{
    for (size_t i = 0; i < count; i++)
        if (set(conf, settings[i].name, settings[i].value, error))
            return HP_USAGE;
    return HP_OK;
}

static enum hp_status
fill(const struct hp_cluster *cluster, enum hp_kafka_role role, rd_kafka_conf_t *conf,
    struct hp_error *error)
{
    const struct hp_kafka_options *o = &cluster->options;
    enum hp_status status = set(conf, "bootstrap.servers", o->bootstrap, error);

    if (!status)
        status = set_rows(conf, role, defaults, HP_ARRAY_SIZE(defaults), error);
    if (!status)
        status = set_list(conf, o->settings, o->setting_count, error);
    if (!status && role == HP_KAFKA_PRODUCER)
        status = set_list(conf, o->producer_settings, o->producer_setting_count, error);
    if (!status && (role == HP_KAFKA_READER || role == HP_KAFKA_MEMBER))
        status = set_list(conf, o->consumer_settings, o->consumer_setting_count, error);
    if (!status)
        status = set_rows(conf, role, fixed, HP_ARRAY_SIZE(fixed), error);
    return status;
}

enum hp_status
hp_kafka_conf(const struct hp_cluster *cluster, enum hp_kafka_role role,
    const struct hp_kafka_extra *extra, size_t extra_count, rd_kafka_conf_t **out,
    struct hp_error *error)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    enum hp_status status = fill(cluster, role, conf, error);

    for (size_t i = 0; !status && i < extra_count; i++)
        if (extra[i].value)
            status = set(conf, extra[i].name, extra[i].value, error);
    if (status) {
        rd_kafka_conf_destroy(conf);
        return status;
    }
    rd_kafka_conf_set_log_cb(conf, on_log);
    rd_kafka_conf_set_error_cb(conf, on_error);
    *out = conf;
    return HP_OK;
}

enum hp_status
hp_kafka_client(const struct hp_cluster *cluster, rd_kafka_type_t type, rd_kafka_conf_t *conf,
    rd_kafka_t **client, struct hp_error *error)
{
    char text[256];

    (void)cluster;
    *client = rd_kafka_new(type, conf, text, sizeof(text));
    if (*client)
        return HP_OK;
    rd_kafka_conf_destroy(conf);
    return hp_fail(error, HP_USAGE, "kafka client: %s", text);
}
