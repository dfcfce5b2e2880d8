/*
 * broker/kafka_member.c - a seat in the group: driver topic, siblings, generation, loss.
 *
 * cooperative-sticky places topics independently, so only the driver is subscribed to; the same
 * partition numbers of the other topics follow it by hand. The rebalance callback acknowledges
 * with empty lists: what librdkafka reports to the group as owned is what the group gave it,
 * not what it fetches. Partitions enter its assignment with hp_member_start() alone.
 *
 * The broker checks generation and member, never who owns the partition. Hence:
 *  (1) the group metadata is taken first thing in the callback, before the acknowledgement lets
 *      librdkafka join the next generation behind our back, and this copy is used to commit;
 *  (2) when giving up, it is renewed only if nothing was lost, so that the last batch can still
 *      be committed;
 *  (3) another member id than the one the assignment was given to means lost, whatever the flag
 *      says: the flag is forgotten when a missed poll meets a rebalance.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/log.h"
#include "broker/kafka_cluster.h"

#define CLOSE_MS         10000
#define CLOSE_WORKS_FROM 0x020300ff /* before, closing without an assignment crashes */
#define ENDS_FROM        0x020300ff /* before, a leader put out too early dies when destroyed */

struct hp_member {
    struct hp_broker_object object;
    struct hp_cluster *cluster;
    struct hp_member_options options;
    struct hp_kafka_cursors cursors;
    rd_kafka_consumer_group_metadata_t *metadata;
    char *id;      /* the member id the partitions were given to */
    int32_t *held; /* partition numbers */
    size_t held_count;
    size_t held_capacity;
    bool called; /* the rebalance callback, at least once */
    bool silent; /* abandoned: the listener hears nothing */
    struct hp_kafka_watch watch;
};

/* Without (1), as tests/broker/torn.c is built a second time: what the client says now. */
#ifdef HAMPER_TRUSTING
const rd_kafka_consumer_group_metadata_t *
hp_kafka_member_metadata(const struct hp_member *member)
{
    return rd_kafka_consumer_group_metadata(member->cursors.client);
}
#else
const rd_kafka_consumer_group_metadata_t *
hp_kafka_member_metadata(const struct hp_member *member)
{
    return member->metadata;
}
#endif

/* Keeps (1). */
static void
keep_metadata(struct hp_member *member, rd_kafka_t *client)
{
    char *id = rd_kafka_memberid(client);

    if (member->metadata)
        rd_kafka_consumer_group_metadata_destroy(member->metadata);
    member->metadata = rd_kafka_consumer_group_metadata(client);
    free(member->id);
    member->id = hp_strdup(id ? id : "");
    if (id)
        rd_kafka_mem_free(client, id);
}

static bool
same_member(const struct hp_member *member, rd_kafka_t *client)
{
    char *id = rd_kafka_memberid(client);
    bool same = id && member->id && *id && strcmp(id, member->id) == 0;

    if (id)
        rd_kafka_mem_free(client, id);
    return same;
}

static size_t
held_index(const struct hp_member *member, int32_t partition)
{
    size_t i = 0;

    while (i < member->held_count && member->held[i] != partition)
        i++;
    return i;
}

static void
hold(struct hp_member *member, int32_t partition)
{
    if (member->held_count == member->held_capacity) {
        member->held_capacity = member->held_capacity ? member->held_capacity * 2 : 16;
        member->held =
            hp_realloc_array(member->held, member->held_capacity, sizeof(*member->held));
    }
    member->held[member->held_count++] = partition;
}

/* ---- the callback -------------------------------------------------------------------- */

static void
acknowledge(rd_kafka_t *client, bool assign)
{
    rd_kafka_topic_partition_list_t *nothing = rd_kafka_topic_partition_list_new(0);
    rd_kafka_error_t *failure = assign ? rd_kafka_incremental_assign(client, nothing)
                                       : rd_kafka_incremental_unassign(client, nothing);

    if (failure) {
        HP_LOG(HP_LOG_WARN, "rebalance not acknowledged",
            HP_S("error", rd_kafka_error_string(failure)));
        rd_kafka_error_destroy(failure);
    }
    rd_kafka_topic_partition_list_destroy(nothing);
}

/*
 * All of them in one call: it is also the acknowledgement, and when the member is leaving,
 * librdkafka's group thread ends with it and would not answer a second one.
 */
static bool
stop_partitions(struct hp_member *member, const int32_t *partitions, size_t count)
{
    size_t topics = member->options.topic_count;
    struct hp_kafka_cursor **list = hp_alloc((count * topics + 1) * sizeof(*list));
    size_t found = 0;
    bool stopped;

    for (size_t i = 0; i < count; i++)
        for (size_t t = 0; t < topics; t++) {
            list[found] = hp_kafka_cursor(&member->cursors, (int)t, partitions[i]);
            found += list[found] != NULL;
        }
    stopped = hp_kafka_cursors_stop(&member->cursors, list, found);
    free(list);
    return stopped;
}

/* True when librdkafka has been told. */
static bool
give_up(struct hp_member *member, const int32_t *partitions, size_t count, bool lost)
{
    const struct hp_member_listener *listener = &member->options.listener;
    bool stopped;

    if (count == 0)
        return false;
    if (!member->silent)
        listener->revoked(listener->context, partitions, count, lost);
    stopped = stop_partitions(member, partitions, count);
    for (size_t i = 0; i < count; i++) {
        hp_kafka_cursors_drop(&member->cursors, partitions[i]);
        member->held[held_index(member, partitions[i])] = member->held[--member->held_count];
    }
    return stopped;
}

static void
give_up_all(struct hp_member *member)
{
    size_t count = member->held_count;
    int32_t *copy = hp_alloc((count + 1) * sizeof(*copy));

    memcpy(copy, member->held, count * sizeof(*copy));
    give_up(member, copy, count, true);
    free(copy);
}

/* The partitions of the callback's list that are held (or are not), as numbers. */
static size_t
pick(const struct hp_member *member, const rd_kafka_topic_partition_list_t *list, bool held,
    int32_t *out)
{
    size_t count = 0;

    for (int i = 0; i < list->cnt; i++)
        if ((held_index(member, list->elems[i].partition) < member->held_count) == held)
            out[count++] = list->elems[i].partition;
    return count;
}

static void
on_assigned(struct hp_member *member, rd_kafka_t *client, int32_t *partitions, size_t count)
{
    const struct hp_member_listener *listener = &member->options.listener;

    keep_metadata(member, client);
    for (size_t i = 0; i < count; i++)
        hold(member, partitions[i]);
    acknowledge(client, true);
    if (count && !member->silent)
        listener->assigned(listener->context, partitions, count);
}

static void
on_revoked(struct hp_member *member, rd_kafka_t *client, int32_t *partitions, size_t count)
{
    bool lost = rd_kafka_assignment_lost(client) || !same_member(member, client);

    if (!lost)
        keep_metadata(member, client); /* (2) */
    if (!give_up(member, partitions, count, lost))
        acknowledge(client, false);
}

static void
on_rebalance(rd_kafka_t *client, rd_kafka_resp_err_t code,
    rd_kafka_topic_partition_list_t *list, void *opaque)
{
    struct hp_member *member = opaque;
    int32_t *partitions = hp_alloc(((size_t)list->cnt + 1) * sizeof(*partitions));

    member->called = true;
    if (code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS)
        on_assigned(member, client, partitions, pick(member, list, false, partitions));
    else
        on_revoked(member, client, partitions, pick(member, list, true, partitions));
    free(partitions);
}

/* ---- life ---------------------------------------------------------------------------- */

static enum hp_status
open_client(struct hp_cluster *cluster, struct hp_member *member, struct hp_error *error)
{
    struct hp_kafka_extra extra[] = {
        {"group.id", member->options.group},
        {"group.instance.id", member->options.instance},
        {"isolation.level", "read_committed"},
    };
    rd_kafka_conf_t *conf;
    enum hp_status status =
        hp_kafka_conf(cluster, HP_KAFKA_MEMBER, extra, HP_ARRAY_SIZE(extra), &conf, error);

    if (status)
        return status;
    rd_kafka_conf_set_opaque(conf, member);
    rd_kafka_conf_set_rebalance_cb(conf, on_rebalance);
    status = hp_kafka_client(cluster, RD_KAFKA_CONSUMER, conf, &member->cursors.client, error);
    if (!status)
        rd_kafka_poll_set_consumer(member->cursors.client);
    return status;
}

static enum hp_status
subscribe(struct hp_member *member, struct hp_error *error)
{
    rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(1);
    rd_kafka_resp_err_t code;

    rd_kafka_topic_partition_list_add(topics, member->options.topics[0], RD_KAFKA_PARTITION_UA);
    code = rd_kafka_subscribe(member->cursors.client, topics);
    rd_kafka_topic_partition_list_destroy(topics);
    if (!code)
        return HP_OK;
    return hp_fail(error, hp_kafka_fate(code), "join group %s: %s", member->options.group,
        rd_kafka_err2str(code));
}

enum hp_status
hp_kafka_member_new(struct hp_cluster *cluster, const struct hp_member_options *options,
    struct hp_member **out, struct hp_error *error)
{
    struct hp_member *member = hp_alloc(sizeof(*member));
    enum hp_status status;

    HP_ASSERT(options->topic_count > 0);
    member->object = cluster->object;
    member->cluster = cluster;
    member->options = *options;
    member->cursors.topics = options->topics;
    member->cursors.topic_count = options->topic_count;
    status = open_client(cluster, member, error);
    if (!status)
        status = subscribe(member, error);
    if (status && member->cursors.client)
        rd_kafka_destroy_flags(member->cursors.client, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    if (status)
        free(member);
    else
        *out = member;
    return status;
}

static void
drop_message(rd_kafka_message_t *message)
{
    if (message)
        rd_kafka_message_destroy(message);
}

/*
 * As rd_kafka_consumer_close(), which has no time-out. Destroying an open client instead would
 * wait for ever for the siblings, of which the group knows nothing. A static member keeps its
 * seat. False when librdkafka did not come to an end.
 *
 * The queue hands over what was fetched before it hears of the end. It is consumed, not served
 * with rd_kafka_queue_poll_callback(): that one aborts the process at the first message.
 */
static bool
leave(struct hp_member *member)
{
    rd_kafka_t *client = member->cursors.client;
    int64_t deadline_ms = hp_kafka_now_ms() + CLOSE_MS;
    rd_kafka_queue_t *queue;
    rd_kafka_error_t *failure;
    bool closed;

    if (rd_kafka_fatal_error(client, NULL, 0))
        return true; /* it has left, and closing would hang */
    if (!member->called && rd_kafka_version() < CLOSE_WORKS_FROM)
        return true;
    queue = rd_kafka_queue_new(client);
    failure = rd_kafka_consumer_close_queue(client, queue);
    while (!failure && !rd_kafka_consumer_closed(client) && hp_kafka_now_ms() < deadline_ms)
        drop_message(rd_kafka_consume_queue(queue, 50));
    closed = failure || rd_kafka_consumer_closed(client);
    if (failure) {
        HP_LOG(HP_LOG_WARN, "group not left", HP_S("error", rd_kafka_error_string(failure)));
        rd_kafka_error_destroy(failure);
    }
    rd_kafka_queue_destroy(queue);
    return closed;
}

/*
 * A client that the group made its leader and that was fenced before it dealt out partitions
 * aborts the process when it is destroyed (librdkafka issue 4312).
 */
static bool
dies_of_an_end(rd_kafka_t *client)
{
    return rd_kafka_version() < ENDS_FROM && rd_kafka_fatal_error(client, NULL, 0);
}

void
hp_kafka_member_free(struct hp_member *member, bool abandon)
{
    rd_kafka_t *client = member->cursors.client;

    hp_kafka_watch_end(&member->watch);
    member->silent = abandon;
    if (!leave(member) || dies_of_an_end(client)) {
        /* Its threads may still call back: it keeps what it has until the process ends. */
        HP_LOG(HP_LOG_WARN, "consumer left behind");
        return;
    }
    give_up_all(member); /* what no callback asked for: it is too late to commit */
    hp_kafka_cursors_release(&member->cursors);
    rd_kafka_destroy_flags(client, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    if (member->metadata)
        rd_kafka_consumer_group_metadata_destroy(member->metadata);
    free(member->held);
    free(member->id);
    free(member);
}

bool
hp_kafka_member_seated(const struct hp_member *member)
{
    return member->called;
}

/* ---- use ----------------------------------------------------------------------------- */

enum hp_status
hp_kafka_member_start(
    struct hp_member *member, int32_t partition, const int64_t *offsets, struct hp_error *error)
{
    size_t count = member->options.topic_count;
    struct hp_kafka_cursor **list;
    enum hp_status status;

    if (held_index(member, partition) == member->held_count)
        return hp_fail(error, HP_RETRY, "partition %d is not assigned", partition);
    for (size_t t = 0; t < count; t++) /* all first: adding may move the array */
        hp_kafka_cursor_add(&member->cursors, (int)t, partition)->next = offsets[t];
    list = hp_alloc(count * sizeof(*list));
    for (size_t t = 0; t < count; t++)
        list[t] = hp_kafka_cursor(&member->cursors, (int)t, partition);
    status = hp_kafka_cursors_start(&member->cursors, list, count, error);
    free(list);
    return status;
}

enum hp_status
hp_kafka_member_pause(struct hp_member *member, int source, int32_t partition, bool paused,
    struct hp_error *error)
{
    if (held_index(member, partition) == member->held_count)
        return hp_fail(error, HP_RETRY, "%s-%d is not assigned", member->options.topics[source],
            partition);
    return hp_kafka_cursor_pause(&member->cursors,
        hp_kafka_cursor_add(&member->cursors, source, partition), paused, error);
}

/* After a fatal error librdkafka delivers nothing more: the seat is gone. */
static enum hp_status
check_fatal(struct hp_member *member, struct hp_error *error)
{
    char text[256];
    rd_kafka_resp_err_t code = rd_kafka_fatal_error(member->cursors.client, text, sizeof(text));

    if (!code)
        return HP_OK;
    give_up_all(member);
    return hp_fail(error, code == RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID ? HP_FENCED : HP_FATAL,
        "group %s: %s", member->options.group, text);
}

enum hp_status
hp_kafka_member_poll(
    struct hp_member *member, int timeout_ms, struct hp_poll *poll, struct hp_error *error)
{
    enum hp_status status;

    hp_kafka_watch(&member->watch, member->cluster, &member->options);
    status = hp_kafka_cursors_poll(&member->cursors, timeout_ms, poll, error);
    if (status || poll->kind != HP_POLL_NOTHING)
        return status;
    return check_fatal(member, error);
}
