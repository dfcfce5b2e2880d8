/*
 * broker/kafka_producer.c - transactions that no late request can tear.
 *
 * librdkafka speaks the older transaction protocol, in which the epoch stays the same from one
 * transaction to the next. A request whose connection broke may still reach the broker, and
 * when it does so during the next transaction, it commits or aborts that one: silently, every
 * call here having returned success. Only a new epoch makes the broker refuse it. Hence the
 * doubt rule: after (a) any answer to Produce, AddPartitions, AddOffsets, EndTxn or
 * TxnOffsetCommit that did not arrive (seen by an interceptor, for commit itself says nothing),
 *  (b) EndTxn or TxnOffsetCommit sent more often than asked for, or
 *  (c) any failure of a transactional call,
 * the next begin destroys the client and makes a new one (20 to 80 ms), whose first request
 * raises the epoch.
 *
 *     begin ── doubt? ──► destroy, new, init_transactions
 *       ▼
 *     send … offsets ──► commit ──► HP_OK      every answer arrived: goes on with this client
 *       │                  └──────► HP_RETRY   doubt
 *       └──► fenced: once HP_RETRY and doubt, a second time without a commit between HP_FENCED
 *
 * What a transaction sends is held until it commits or is HELD_BYTES large. librdkafka
 * registers a partition with the transaction a millisecond after its first record, spins until
 * then, and spins for a millisecond more after each answer. Records that trickle in while boxes
 * are made cost a registration every other millisecond, a Produce request each, and a
 * processor; sent together, one registration and one request a partition.
 *
 * The interceptors run in librdkafka's threads and touch two atomics only.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/log.h"
#include "base/metric.h"
#include "broker/kafka_cluster.h"
#include "broker/kafka_errand.h"

#include <stdatomic.h>

#define CALL_MS         10000 /* one transactional call, its repetitions included */
#define INIT_MS         30000
#define FULL_MS         5000 /* waiting for room in the queue */
#define MESSAGE_MS      "20000"
#define POLL_EACH       64 /* sends between two looks at delivery reports */
#define HELD_BYTES      (256 << 10)
#define KEY_PRODUCE     0
#define KEY_ADD_PARTS   24
#define KEY_ADD_OFFSETS 25
#define KEY_END         26
#define KEY_OFFSETS     28
#ifdef HAMPER_TRUSTING /* tests/broker/torn.c shows what happens without the rule */
#define DOUBTS false
#else
#define DOUBTS true
#endif

struct watch { /* what the interceptors saw */
    atomic_bool failed;
    atomic_int ends;
    atomic_int offsets;
};

struct topic { /* of this client */
    struct topic *next;
    rd_kafka_topic_t *handle;
};

struct sent {
    char *topic;
    int32_t partition;
    int64_t next;     /* of the last committed transaction */
    int64_t reported; /* of this one, from delivery reports */
};

struct held {
    struct held *next;
    struct hp_outgoing record;
};

struct hp_producer {
    struct hp_broker_object object;
    struct hp_cluster *cluster;
    char *id;                 /* transactional.id; NULL: plain */
    struct hp_errand *errand; /* NULL before the first offsets */
    rd_kafka_t *client;
    struct topic *topics;
    struct watch watch;
    bool begun;
    bool doubt;
    int fenced;        /* times since the last commit */
    int offsets_asked; /* calls of hp_producer_offsets() in this transaction */
    struct held *held; /* records that librdkafka does not have yet, in order */
    struct held **last_held;
    struct hp_arena held_arena;
    bool large; /* the open transaction is: nothing is held any more */
    unsigned sends;
    rd_kafka_resp_err_t failure; /* first failed delivery report since begin */
    struct sent *sent;
    size_t sent_count;
    size_t sent_capacity;
};

/* ---- interceptors -------------------------------------------------------------------- */

static bool
transactional_key(int16_t key)
{
    return key == KEY_PRODUCE || key == KEY_ADD_PARTS || key == KEY_ADD_OFFSETS ||
           key == KEY_END || key == KEY_OFFSETS;
}

static rd_kafka_resp_err_t
on_request_sent(rd_kafka_t *client, int socket, const char *broker, int32_t broker_id,
    int16_t key, int16_t version, int32_t correlation, size_t size, void *opaque)
{
    struct watch *watch = opaque;

    (void)client, (void)socket, (void)broker, (void)broker_id;
    (void)version, (void)correlation, (void)size;
    if (key == KEY_END)
        atomic_fetch_add(&watch->ends, 1);
    else if (key == KEY_OFFSETS)
        atomic_fetch_add(&watch->offsets, 1);
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_resp_err_t
on_response_received(rd_kafka_t *client, int socket, const char *broker, int32_t broker_id,
    int16_t key, int16_t version, int32_t correlation, size_t size, int64_t rtt,
    rd_kafka_resp_err_t code, void *opaque)
{
    struct watch *watch = opaque;

    (void)client, (void)socket, (void)broker, (void)broker_id;
    (void)version, (void)correlation, (void)size, (void)rtt;
    if (code && (transactional_key(key) || key < 0))
        atomic_store(&watch->failed, true);
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_resp_err_t
on_new(rd_kafka_t *client, const rd_kafka_conf_t *conf, void *opaque, char *text, size_t size)
{
    rd_kafka_resp_err_t code;

    (void)conf, (void)text, (void)size;
    code = rd_kafka_interceptor_add_on_request_sent(client, "hamper", on_request_sent, opaque);
    if (!code)
        code = rd_kafka_interceptor_add_on_response_received(
            client, "hamper", on_response_received, opaque);
    return code;
}

/* (a) and (b). */
static bool
torn(const struct hp_producer *producer)
{
    const struct watch *watch = &producer->watch;

    return atomic_load(&watch->failed) || atomic_load(&watch->ends) > 1 ||
           atomic_load(&watch->offsets) > producer->offsets_asked;
}

static void
watch_reset(struct hp_producer *producer)
{
    atomic_store(&producer->watch.failed, false);
    atomic_store(&producer->watch.ends, 0);
    atomic_store(&producer->watch.offsets, 0);
    producer->offsets_asked = 0;
}

/* ---- delivery reports ---------------------------------------------------------------- */

static struct sent *
sent_entry(struct hp_producer *producer, const char *topic, int32_t partition)
{
    struct sent *entry;

    for (size_t i = 0; i < producer->sent_count; i++)
        if (producer->sent[i].partition == partition &&
            strcmp(producer->sent[i].topic, topic) == 0)
            return &producer->sent[i];
    if (producer->sent_count == producer->sent_capacity) {
        producer->sent_capacity = producer->sent_capacity ? producer->sent_capacity * 2 : 8;
        producer->sent =
            hp_realloc_array(producer->sent, producer->sent_capacity, sizeof(*producer->sent));
    }
    entry = &producer->sent[producer->sent_count++];
    *entry = (struct sent){hp_strdup(topic), partition, HP_OFFSET_NONE, HP_OFFSET_NONE};
    return entry;
}

static void
on_delivery(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque)
{
    struct hp_producer *producer = opaque;
    struct sent *entry;

    (void)client;
    if (message->err) {
        if (!producer->failure)
            producer->failure = message->err;
        return;
    }
    entry = sent_entry(producer, rd_kafka_topic_name(message->rkt), message->partition);
    if (message->offset >= entry->reported)
        entry->reported = message->offset + 1;
}

static void
sent_forget(struct hp_producer *producer)
{
    for (size_t i = 0; i < producer->sent_count; i++)
        producer->sent[i].reported = HP_OFFSET_NONE;
    producer->failure = RD_KAFKA_RESP_ERR_NO_ERROR;
}

static void
sent_settle(struct hp_producer *producer)
{
    for (size_t i = 0; i < producer->sent_count; i++)
        producer->sent[i].next = producer->sent[i].reported;
}

/* ---- fates --------------------------------------------------------------------------- */

static bool
means_fenced(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR__FENCED ||
           code == RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH ||
           code == RD_KAFKA_RESP_ERR_PRODUCER_FENCED ||
           code == RD_KAFKA_RESP_ERR_INVALID_PRODUCER_ID_MAPPING;
}

/* (c): every failure is a doubt. */
static enum hp_status
failed(struct hp_producer *producer, rd_kafka_resp_err_t code, const char *what,
    const char *text, struct hp_error *error)
{
    char fatal[256];
    rd_kafka_resp_err_t cause =
        producer->client ? rd_kafka_fatal_error(producer->client, fatal, sizeof(fatal))
                         : RD_KAFKA_RESP_ERR_NO_ERROR;
    enum hp_status status = hp_kafka_fate(code);

    producer->doubt = true;
    if (producer->id && (means_fenced(code) || means_fenced(cause))) {
        producer->fenced++;
        return hp_fail(error, producer->fenced > 1 ? HP_FENCED : HP_RETRY,
            "producer %s: %s: fenced, its transaction timed out or another instance uses "
            "the id",
            producer->id, what);
    }
    if (code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE)
        hp_kafka_limits_forget(producer->cluster);
    return hp_fail(error, status, "producer %s: %s: %s",
        producer->id ? producer->id : "(plain)", what, text);
}

/* Takes the failure. */
static enum hp_status
failed_call(struct hp_producer *producer, rd_kafka_error_t *failure, const char *what,
    struct hp_error *error)
{
    enum hp_status status = failed(
        producer, rd_kafka_error_code(failure), what, rd_kafka_error_string(failure), error);

    rd_kafka_error_destroy(failure);
    return status;
}

/* ---- the client ---------------------------------------------------------------------- */

static enum hp_status
client_open(struct hp_producer *producer, struct hp_error *error)
{
    struct hp_kafka_extra extra[] = {
        {"transactional.id", producer->id},
        {"message.timeout.ms", producer->id ? NULL : MESSAGE_MS},
    };
    rd_kafka_conf_t *conf;
    enum hp_status status = hp_kafka_conf(
        producer->cluster, HP_KAFKA_PRODUCER, extra, HP_ARRAY_SIZE(extra), &conf, error);

    if (status)
        return status;
    rd_kafka_conf_set_opaque(conf, producer);
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    if (producer->id)
        rd_kafka_conf_interceptor_add_on_new(conf, "hamper", on_new, &producer->watch);
    return hp_kafka_client(
        producer->cluster, RD_KAFKA_PRODUCER, conf, &producer->client, error);
}

static void
client_close(struct hp_producer *producer)
{
    if (!producer->client)
        return;
    while (producer->topics) {
        struct topic *topic = producer->topics;

        producer->topics = topic->next;
        rd_kafka_topic_destroy(topic->handle);
        free(topic);
    }
    rd_kafka_purge(producer->client,
        RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT | RD_KAFKA_PURGE_F_NON_BLOCKING);
    rd_kafka_destroy(producer->client);
    producer->client = NULL;
}

static enum hp_status
client_init(struct hp_producer *producer, struct hp_error *error)
{
    int64_t deadline_ms = hp_kafka_now_ms() + INIT_MS;
    rd_kafka_error_t *failure;

    for (;;) {
        int64_t left_ms = deadline_ms - hp_kafka_now_ms();

        failure = rd_kafka_init_transactions(producer->client, (int)left_ms);
        if (!failure)
            return HP_OK;
        if (!rd_kafka_error_is_retriable(failure) || hp_kafka_now_ms() >= deadline_ms)
            return failed_call(producer, failure, "init", error);
        rd_kafka_error_destroy(failure);
    }
}

static enum hp_status
client_renew(struct hp_producer *producer, struct hp_error *error)
{
    enum hp_status status;

    client_close(producer);
    watch_reset(producer);
    status = client_open(producer, error);
    if (!status && producer->id)
        status = client_init(producer, error);
    producer->doubt = status != HP_OK;
    return status;
}

enum hp_status
hp_kafka_producer_new(struct hp_cluster *cluster, const char *transactional_id,
    struct hp_producer **out, struct hp_error *error)
{
    struct hp_producer *producer = hp_alloc(sizeof(*producer));
    enum hp_status status;

    producer->object = cluster->object;
    producer->cluster = cluster;
    producer->id = transactional_id ? hp_strdup(transactional_id) : NULL;
    status = client_renew(producer, error);
    if (status) {
        hp_kafka_producer_free(producer, true);
        return status;
    }
    *out = producer;
    return HP_OK;
}

void
hp_kafka_producer_free(struct hp_producer *producer, bool abandon)
{
    if (!abandon && producer->begun)
        hp_kafka_abort(producer);
    hp_errand_free(producer->errand);
    client_close(producer);
    for (size_t i = 0; i < producer->sent_count; i++)
        free(producer->sent[i].topic);
    free(producer->sent);
    hp_arena_release(&producer->held_arena);
    free(producer->id);
    free(producer);
}

/* ---- held records -------------------------------------------------------------------- */

static void
held_forget(struct hp_producer *producer)
{
    producer->held = NULL;
    producer->last_held = &producer->held;
    producer->large = false;
    hp_arena_clear(&producer->held_arena);
}

static void
hold(struct hp_producer *producer, const struct hp_outgoing *record)
{
    struct held *held = HP_ARENA_NEW(&producer->held_arena, struct held);

    held->record = hp_outgoing_copy(&producer->held_arena, record);
    *producer->last_held = held;
    producer->last_held = &held->next;
}

/* ---- transactions -------------------------------------------------------------------- */

enum hp_status
hp_kafka_begin(struct hp_producer *producer, struct hp_error *error)
{
    rd_kafka_error_t *failure;

    HP_ASSERT(producer->id && !producer->begun);
    if (DOUBTS && (producer->doubt || torn(producer))) {
        enum hp_status status = client_renew(producer, error);

        if (status)
            return status;
        hp_metric_add(hp_metric_get(HP_METRIC_COUNTER, "hamper_producer_renewals_total", "",
                          "Producers replaced because a late request could have touched them"),
            1);
        HP_LOG(HP_LOG_INFO, "producer renewed", HP_S("id", producer->id));
    }
    watch_reset(producer);
    sent_forget(producer);
    held_forget(producer);
    failure = rd_kafka_begin_transaction(producer->client);
    if (failure)
        return failed_call(producer, failure, "begin", error);
    producer->begun = true;
    return HP_OK;
}

/*
 * A topic given by name is looked up when librdkafka scans its topics, once a second, and the
 * first record waits for that. A handle asks the broker at once. NULL: the client is out of
 * order.
 */
static rd_kafka_topic_t *
topic_handle(struct hp_producer *producer, const char *name)
{
    rd_kafka_topic_t *handle;
    struct topic *topic;

    for (topic = producer->topics; topic; topic = topic->next)
        if (strcmp(rd_kafka_topic_name(topic->handle), name) == 0)
            return topic->handle;
    handle = rd_kafka_topic_new(producer->client, name, NULL);
    if (!handle)
        return NULL;
    topic = hp_alloc(sizeof(*topic));
    *topic = (struct topic){producer->topics, handle};
    producer->topics = topic;
    return handle;
}

static rd_kafka_headers_t *
make_headers(const struct hp_outgoing *record)
{
    rd_kafka_headers_t *headers = rd_kafka_headers_new(record->header_count);

    for (size_t i = 0; i < record->header_count; i++) {
        const struct hp_header *header = &record->headers[i];

        rd_kafka_header_add(headers, (const char *)header->name.data,
            (ssize_t)header->name.size, header->value.data, (ssize_t)header->value.size);
    }
    return headers;
}

static rd_kafka_resp_err_t
produce(struct hp_producer *producer, const struct hp_outgoing *record)
{
    rd_kafka_topic_t *topic = topic_handle(producer, record->topic);
    rd_kafka_headers_t *headers;
    rd_kafka_resp_err_t code;

    if (!topic)
        return rd_kafka_last_error();
    headers = record->header_count ? make_headers(record) : NULL;
    code = rd_kafka_producev(producer->client, RD_KAFKA_V_RKT(topic),
        RD_KAFKA_V_PARTITION(record->partition), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
        RD_KAFKA_V_TIMESTAMP(record->timestamp_ms),
        RD_KAFKA_V_KEY(record->key.data, record->key.size),
        RD_KAFKA_V_VALUE((void *)(uintptr_t)record->value.data, record->value.size),
        RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_END);
    if (code && headers)
        rd_kafka_headers_destroy(headers);
    return code;
}

static enum hp_status
send_now(struct hp_producer *producer, const struct hp_outgoing *record, struct hp_error *error)
{
    int64_t deadline_ms = 0;
    rd_kafka_resp_err_t code;

    while ((code = produce(producer, record)) == RD_KAFKA_RESP_ERR__QUEUE_FULL) {
        if (!deadline_ms)
            deadline_ms = hp_kafka_now_ms() + FULL_MS;
        if (hp_kafka_now_ms() >= deadline_ms)
            break;
        rd_kafka_poll(producer->client, 10);
    }
    if (++producer->sends % POLL_EACH == 0)
        rd_kafka_poll(producer->client, 0);
    if (!code)
        code = producer->failure;
    if (code)
        return failed(producer, code, "send", rd_kafka_err2str(code), error);
    return HP_OK;
}

static enum hp_status
send_held(struct hp_producer *producer, struct hp_error *error)
{
    enum hp_status status = HP_OK;

    for (struct held *held = producer->held; held && !status; held = held->next)
        status = send_now(producer, &held->record, error);
    held_forget(producer);
    return status;
}

enum hp_status
hp_kafka_send(
    struct hp_producer *producer, const struct hp_outgoing *record, struct hp_error *error)
{
    size_t limit = hp_kafka_limit(producer->cluster, record->topic);
    enum hp_status status;

    HP_ASSERT(producer->begun || !producer->id);
    if (hp_outgoing_size(record) > limit)
        return hp_bad(error, "TOO_LARGE", "%s: a record of %zu bytes, max.message.bytes is %zu",
            record->topic, hp_outgoing_size(record), limit);
    if (!producer->id || producer->large)
        return send_now(producer, record, error);
    hold(producer, record);
    if (producer->held_arena.used < HELD_BYTES)
        return HP_OK;
    status = send_held(producer, error);
    producer->large = true;
    return status;
}

static rd_kafka_topic_partition_list_t *
position_list(const struct hp_position *positions, size_t count)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)count);

    for (size_t i = 0; i < count; i++)
        rd_kafka_topic_partition_list_add(list, positions[i].topic, positions[i].partition)
            ->offset = positions[i].offset;
    return list;
}

enum hp_status
hp_kafka_offsets(struct hp_producer *producer, struct hp_member *member,
    const struct hp_position *positions, size_t count, struct hp_error *error)
{
    const rd_kafka_consumer_group_metadata_t *metadata = hp_kafka_member_metadata(member);
    rd_kafka_error_t *failure;

    HP_ASSERT(producer->begun);
    if (!metadata)
        return hp_fail(
            error, HP_RETRY, "producer %s: offsets: nothing was assigned yet", producer->id);
    if (!producer->errand)
        producer->errand = hp_errand_new();
    failure = hp_errand_join(producer->errand);
    if (failure)
        return failed_call(producer, failure, "offsets", error);
    producer->offsets_asked++;
    hp_errand_send(
        producer->errand, producer->client, position_list(positions, count), metadata, CALL_MS);
    return HP_OK;
}

enum hp_status
hp_kafka_commit(struct hp_producer *producer, struct hp_error *error)
{
    int64_t deadline_ms = hp_kafka_now_ms() + CALL_MS;
    rd_kafka_error_t *failure;
    enum hp_status status;

    HP_ASSERT(producer->begun);
    status = send_held(producer, error); /* before the join: it registers its partitions */
    if (status)
        return status;
    failure = hp_errand_join(producer->errand);
    if (failure)
        return failed_call(producer, failure, "offsets", error);
    while ((failure = rd_kafka_commit_transaction(producer->client, CALL_MS))) {
        if (!rd_kafka_error_is_retriable(failure) || hp_kafka_now_ms() >= deadline_ms)
            return failed_call(producer, failure, "commit", error);
        rd_kafka_error_destroy(failure);
    }
    producer->begun = false;
    producer->fenced = 0;
    sent_settle(producer);
    return HP_OK;
}

/* An abort on request ends in a clean transaction; one after a failure proves nothing. */
void
hp_kafka_abort(struct hp_producer *producer)
{
    rd_kafka_error_t *failure = hp_errand_join(producer->errand);

    if (failure) {
        rd_kafka_error_destroy(failure);
        producer->doubt = true;
    }
    if (producer->begun && !producer->doubt) {
        failure = rd_kafka_abort_transaction(producer->client, CALL_MS);
        if (failure) {
            HP_LOG(HP_LOG_WARN, "transaction not aborted, the next producer will",
                HP_S("id", producer->id), HP_S("error", rd_kafka_error_string(failure)));
            rd_kafka_error_destroy(failure);
            producer->doubt = true;
        }
    }
    producer->begun = false;
}

enum hp_status
hp_kafka_flush(struct hp_producer *producer, struct hp_error *error)
{
    int64_t deadline_ms = hp_kafka_now_ms() + producer->cluster->options.timeout_ms;
    enum hp_status status = send_held(producer, error);
    rd_kafka_resp_err_t code;

    if (status)
        return status;
    do
        code = rd_kafka_flush(producer->client, 1000);
    while (code == RD_KAFKA_RESP_ERR__TIMED_OUT && hp_kafka_now_ms() < deadline_ms);
    if (!code)
        code = producer->failure;
    if (code) {
        if (!producer->id)
            producer->failure = RD_KAFKA_RESP_ERR_NO_ERROR;
        return failed(producer, code, "flush", rd_kafka_err2str(code), error);
    }
    if (!producer->id)
        sent_settle(producer);
    return HP_OK;
}

int64_t
hp_kafka_sent_to(const struct hp_producer *producer, const char *topic, int32_t partition)
{
    for (size_t i = 0; i < producer->sent_count; i++)
        if (producer->sent[i].partition == partition &&
            strcmp(producer->sent[i].topic, topic) == 0)
            return producer->sent[i].next;
    return HP_OFFSET_NONE;
}
