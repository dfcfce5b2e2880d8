/*
 * broker/memory_producer.c - transactional ids as their coordinator sees them, and producers.
 *
 *     begin ──► send, offsets ──► commit: markers, offsets applied
 *       ▲            │   └──────► abort: markers, records flagged
 *       │            └── time-out, or a newer producer: aborted, epoch raised
 *       └── epoch behind (fenced once, or in doubt): raised again, that is, a new producer
 *
 * An id has one producer number for ever; a producer is current while its epoch is the id's.
 * Fenced and timed out look alike to the loser, as in Kafka: it may take the id back once, and
 * only when it is fenced again without a commit in between is it told HP_FENCED.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "broker/memory_cluster.h"

#include "base/bug.h"

struct sent { /* what sent_to() answers */
    const struct hp_memory_topic *topic;
    int32_t partition;
    int64_t next;
};

struct hp_producer {
    struct hp_broker_object object;
    struct hp_cluster *cluster;
    struct hp_memory_transaction *transaction; /* NULL: plain */
    int epoch;
    bool begun;
    bool doubt; /* the next begin makes a new producer */
    int fenced; /* times since the last commit */
    struct sent *sent;
    size_t sent_count;
    size_t sent_capacity;
};

/* ---- the coordinator ----------------------------------------------------------------- */

static struct hp_memory_transaction *
transaction_get(struct hp_cluster *cluster, const char *id)
{
    struct hp_memory_transaction *transaction = cluster->transactions;

    while (transaction && strcmp(transaction->id, id) != 0)
        transaction = transaction->next;
    if (!transaction) {
        transaction = hp_alloc(sizeof(*transaction));
        transaction->id = hp_strdup(id);
        transaction->producer = cluster->next_id++;
        transaction->next = cluster->transactions;
        cluster->transactions = transaction;
    }
    return transaction;
}

static void
late_free(struct hp_memory_late *late)
{
    free(late->offsets.items);
    free(late);
}

void
hp_memory_transactions_release(struct hp_cluster *cluster)
{
    while (cluster->late) {
        struct hp_memory_late *next = cluster->late->next;

        late_free(cluster->late);
        cluster->late = next;
    }
    while (cluster->transactions) {
        struct hp_memory_transaction *next = cluster->transactions->next;

        free(cluster->transactions->offsets.items);
        free(cluster->transactions->written);
        free(cluster->transactions->id);
        free(cluster->transactions);
        cluster->transactions = next;
    }
}

static void
finish(struct hp_cluster *cluster, struct hp_memory_transaction *transaction, bool commit)
{
    int64_t now_ms = hp_memory_now(cluster);

    if (!transaction->ongoing)
        return;
    for (size_t i = 0; i < transaction->written_count; i++) {
        struct hp_memory_written *written = &transaction->written[i];

        hp_memory_log_finish(
            &written->topic->logs[written->partition], transaction->producer, commit, now_ms);
        hp_memory_retain(cluster, written->topic, written->partition);
    }
    if (commit && transaction->group)
        hp_memory_offsets_apply(cluster, transaction->group, &transaction->offsets);
    transaction->written_count = 0;
    transaction->offsets.count = 0;
    transaction->group = NULL;
    transaction->ongoing = false;
    hp_memory_changed(cluster);
}

void
hp_memory_transactions_expire(struct hp_cluster *cluster, int64_t now_ms)
{
    struct hp_memory_transaction *transaction = cluster->transactions;

    for (; transaction; transaction = transaction->next)
        if (transaction->ongoing &&
            transaction->started_ms + cluster->options.transaction_timeout_ms <= now_ms) {
            transaction->epoch++;
            finish(cluster, transaction, false);
        }
}

/* ---- late requests ---------------------------------------------------------------------- */

static struct hp_memory_late *
late_add(struct hp_producer *producer, enum hp_memory_request request)
{
    struct hp_memory_late **last = &producer->cluster->late;
    struct hp_memory_late *late = hp_alloc(sizeof(*late));

    late->transaction = producer->transaction;
    late->epoch = producer->epoch;
    late->request = request;
    while (*last)
        last = &(*last)->next;
    *last = late;
    return late;
}

/*
 * What the coordinators do with it: they know the epoch, and nothing of what it was meant for.
 * Offsets outside of any transaction are refused (Kafka 3.8 and later ask the coordinator).
 */
static void
late_arrive(struct hp_cluster *cluster, const struct hp_memory_late *late)
{
    struct hp_memory_transaction *transaction = late->transaction;

    if (late->epoch != transaction->epoch || !transaction->ongoing)
        return;
    if (late->request != HP_MEMORY_OFFSETS) {
        finish(cluster, transaction, late->request == HP_MEMORY_COMMIT);
        return;
    }
    transaction->group = late->group;
    for (size_t i = 0; i < late->offsets.count; i++)
        hp_memory_offset_set(&transaction->offsets, late->offsets.items[i].topic,
            late->offsets.items[i].partition, late->offsets.items[i].offset);
}

bool
hp_memory_deliver(struct hp_cluster *cluster)
{
    struct hp_memory_late *late;

    hp_memory_enter(cluster);
    late = cluster->late;
    if (late) {
        cluster->late = late->next;
        late_arrive(cluster, late);
        late_free(late);
    }
    hp_memory_leave(cluster);
    return late != NULL;
}

static int64_t *
written_to(
    struct hp_memory_transaction *transaction, struct hp_memory_topic *topic, int32_t partition)
{
    struct hp_memory_written *written;

    for (size_t i = 0; i < transaction->written_count; i++)
        if (transaction->written[i].topic == topic &&
            transaction->written[i].partition == partition)
            return &transaction->written[i].next;
    if (transaction->written_count == transaction->written_capacity) {
        transaction->written_capacity =
            transaction->written_capacity ? transaction->written_capacity * 2 : 8;
        transaction->written = hp_realloc_array(
            transaction->written, transaction->written_capacity, sizeof(*written));
    }
    written = &transaction->written[transaction->written_count++];
    *written = (struct hp_memory_written){topic, partition, 0};
    return &written->next;
}

/* ---- the producer -------------------------------------------------------------------- */

/* The coordinator's InitProducerId: ends what the id has open and fences whoever used it. */
static void
take_over(struct hp_producer *producer)
{
    finish(producer->cluster, producer->transaction, false);
    producer->epoch = ++producer->transaction->epoch;
    producer->doubt = false;
}

enum hp_status
hp_memory_producer_new(struct hp_cluster *cluster, const char *transactional_id,
    struct hp_producer **out, struct hp_error *error)
{
    enum hp_status status;

    hp_memory_enter(cluster);
    status = hp_memory_ask(cluster, "producer_new", error);
    if (!status) {
        struct hp_producer *producer = hp_alloc(sizeof(*producer));

        producer->object = cluster->object;
        producer->cluster = cluster;
        if (transactional_id) {
            producer->transaction = transaction_get(cluster, transactional_id);
            take_over(producer);
        }
        *out = producer;
    }
    hp_memory_leave(cluster);
    return status;
}

static bool
current(const struct hp_producer *producer)
{
    return producer->epoch == producer->transaction->epoch;
}

void
hp_memory_producer_free(struct hp_producer *producer, bool abandon)
{
    hp_memory_enter(producer->cluster);
    if (!abandon && producer->transaction && current(producer))
        finish(producer->cluster, producer->transaction, false);
    hp_memory_leave(producer->cluster);
    free(producer->sent);
    free(producer);
}

static enum hp_status
fenced(struct hp_producer *producer, struct hp_error *error)
{
    producer->doubt = true;
    producer->fenced++;
    return hp_fail(error, producer->fenced > 1 ? HP_FENCED : HP_RETRY,
        "producer %s: fenced, its transaction timed out or another instance uses the id",
        producer->transaction->id);
}

enum hp_status
hp_memory_begin(struct hp_producer *producer, struct hp_error *error)
{
    struct hp_cluster *cluster = producer->cluster;
    enum hp_status status;

    HP_ASSERT(producer->transaction && !producer->begun);
    hp_memory_enter(cluster);
    status = hp_memory_ask(cluster, "begin", error);
    if (!status && producer->doubt && !hp_bug(HP_BUG_PRODUCER_KEPT))
        take_over(producer);
    if (!status)
        producer->begun = true;
    hp_memory_leave(cluster);
    return status;
}

/* The coordinator hears of a transaction with its first partition or offsets. */
static enum hp_status
join_transaction(struct hp_producer *producer, struct hp_error *error)
{
    struct hp_memory_transaction *transaction = producer->transaction;

    HP_ASSERT(producer->begun);
    if (!current(producer))
        return fenced(producer, error);
    if (!transaction->ongoing) {
        transaction->ongoing = true;
        transaction->started_ms = hp_memory_now(producer->cluster);
    }
    return HP_OK;
}

static int64_t *
sent_entry(struct hp_producer *producer, const struct hp_memory_topic *topic, int32_t partition)
{
    for (size_t i = 0; i < producer->sent_count; i++)
        if (producer->sent[i].topic == topic && producer->sent[i].partition == partition)
            return &producer->sent[i].next;
    if (producer->sent_count == producer->sent_capacity) {
        producer->sent_capacity = producer->sent_capacity ? producer->sent_capacity * 2 : 8;
        producer->sent =
            hp_realloc_array(producer->sent, producer->sent_capacity, sizeof(*producer->sent));
    }
    producer->sent[producer->sent_count] = (struct sent){topic, partition, HP_OFFSET_NONE};
    return &producer->sent[producer->sent_count++].next;
}

/* HP_BUG_REROUTE_PLAIN, HP_BUG_LETTER_PLAIN. */
static bool
is_plain(const char *topic)
{
    return (hp_bug(HP_BUG_REROUTE_PLAIN) && strstr(topic, "reroute")) ||
           (hp_bug(HP_BUG_LETTER_PLAIN) && strstr(topic, "dead-letters"));
}

static enum hp_status
append(struct hp_producer *producer, const struct hp_outgoing *record, struct hp_error *error)
{
    struct hp_cluster *cluster = producer->cluster;
    struct hp_memory_transaction *transaction =
        is_plain(record->topic) ? NULL : producer->transaction;
    int64_t now_ms = hp_memory_now(cluster);
    struct hp_memory_topic *topic;
    struct hp_memory_log *log =
        hp_memory_partition(cluster, record->topic, record->partition, &topic, error);
    int64_t timestamp_ms = record->timestamp_ms ? record->timestamp_ms : now_ms;
    int64_t offset;
    enum hp_status status;

    if (!log)
        return HP_USAGE;
    if (hp_outgoing_size(record) > topic->message_bytes)
        return hp_bad(error, "TOO_LARGE", "%s: a record of %zu bytes, max.message.bytes is %zu",
            record->topic, hp_outgoing_size(record), topic->message_bytes);
    status = transaction ? join_transaction(producer, error) : HP_OK;
    if (status)
        return status;
    offset = hp_memory_log_append(log, transaction ? transaction->producer : 0,
        topic->append_time ? now_ms : timestamp_ms, record);
    if (transaction) {
        *written_to(transaction, topic, record->partition) = offset + 1;
    } else {
        *sent_entry(producer, topic, record->partition) = offset + 1;
        hp_memory_retain(cluster, topic, record->partition);
    }
    hp_memory_changed(cluster);
    return HP_OK;
}

enum hp_status
hp_memory_send(
    struct hp_producer *producer, const struct hp_outgoing *record, struct hp_error *error)
{
    enum hp_status status;

    hp_memory_enter(producer->cluster);
    status = hp_memory_ask(producer->cluster, "send", error);
    if (!status)
        status = append(producer, record, error);
    else
        producer->doubt = true;
    hp_memory_leave(producer->cluster);
    return status;
}

static enum hp_status
fill_offsets(struct hp_cluster *cluster, const struct hp_position *positions, size_t count,
    struct hp_memory_offsets *offsets, struct hp_error *error)
{
    for (size_t i = 0; i < count; i++) {
        struct hp_memory_topic *topic;

        if (!hp_memory_partition(
                cluster, positions[i].topic, positions[i].partition, &topic, error))
            return HP_USAGE;
        hp_memory_offset_set(offsets, topic, positions[i].partition, positions[i].offset);
    }
    return HP_OK;
}

static enum hp_status
add_offsets(struct hp_producer *producer, struct hp_member *member,
    const struct hp_position *positions, size_t count, struct hp_error *error)
{
    struct hp_memory_transaction *transaction = producer->transaction;
    struct hp_memory_group *group;
    enum hp_status status = join_transaction(producer, error);
    enum hp_status late = HP_OK;

    if (!status)
        status = hp_memory_member_group(member, &group, error);
    if (status)
        return status;
    HP_ASSERT(!transaction->group || transaction->group == group);
    late = hp_memory_ask(producer->cluster, "offsets_late", error);
    if (late || hp_memory_ask(producer->cluster, "offsets_twice", NULL)) {
        struct hp_memory_late *request = late_add(producer, HP_MEMORY_OFFSETS);

        producer->doubt = true;
        request->group = group;
        status = fill_offsets(producer->cluster, positions, count, &request->offsets, error);
    }
    if (late || status)
        return late ? late : status;
    transaction->group = group;
    return fill_offsets(producer->cluster, positions, count, &transaction->offsets, error);
}

enum hp_status
hp_memory_offsets(struct hp_producer *producer, struct hp_member *member,
    const struct hp_position *positions, size_t count, struct hp_error *error)
{
    enum hp_status status;

    hp_memory_enter(producer->cluster);
    status = hp_memory_ask(producer->cluster, "offsets", error);
    if (!status)
        status = add_offsets(producer, member, positions, count, error);
    if (status)
        producer->doubt = true;
    hp_memory_leave(producer->cluster);
    return status;
}

static void
remember_sent(struct hp_producer *producer)
{
    const struct hp_memory_transaction *transaction = producer->transaction;

    producer->sent_count = 0;
    for (size_t i = 0; i < transaction->written_count; i++)
        *sent_entry(producer, transaction->written[i].topic,
            transaction->written[i].partition) = transaction->written[i].next;
}

static enum hp_status
commit(struct hp_producer *producer, struct hp_error *error)
{
    HP_ASSERT(producer->begun);
    if (!current(producer))
        return fenced(producer, error);
    remember_sent(producer);
    finish(producer->cluster, producer->transaction, true);
    producer->begun = false;
    producer->fenced = 0;
    return HP_OK;
}

enum hp_status
hp_memory_commit(struct hp_producer *producer, struct hp_error *error)
{
    enum hp_status status;

    hp_memory_enter(producer->cluster);
    status = hp_memory_ask(producer->cluster, "commit", error);
    if (!status && (status = hp_memory_ask(producer->cluster, "commit_late", error)))
        late_add(producer, HP_MEMORY_COMMIT);
    if (!status) {
        status = commit(producer, error);
        if (!status && hp_memory_ask(producer->cluster, "commit_twice", NULL)) {
            late_add(producer, HP_MEMORY_COMMIT);
            producer->doubt = true;
        }
        if (!status)
            status = hp_memory_ask(producer->cluster, "committed_unheard", error);
    }
    if (status)
        producer->doubt = true;
    hp_memory_leave(producer->cluster);
    return status;
}

void
hp_memory_abort(struct hp_producer *producer)
{
    struct hp_error error = {0};

    hp_memory_enter(producer->cluster);
    if (hp_memory_ask(producer->cluster, "abort", &error) || !current(producer)) {
        producer->doubt = true;
    } else if (hp_memory_ask(producer->cluster, "abort_late", &error)) {
        producer->doubt = true;
        late_add(producer, HP_MEMORY_ABORT);
    } else
        finish(producer->cluster, producer->transaction, false);
    producer->begun = false;
    hp_memory_leave(producer->cluster);
}

enum hp_status
hp_memory_flush(struct hp_producer *producer, struct hp_error *error)
{
    enum hp_status status;

    hp_memory_enter(producer->cluster);
    status = hp_memory_ask(producer->cluster, "flush", error);
    hp_memory_leave(producer->cluster);
    return status;
}

int64_t
hp_memory_sent_to(const struct hp_producer *producer, const char *name, int32_t partition)
{
    for (size_t i = 0; i < producer->sent_count; i++)
        if (producer->sent[i].partition == partition &&
            strcmp(producer->sent[i].topic->name, name) == 0)
            return producer->sent[i].next;
    return HP_OFFSET_NONE;
}
