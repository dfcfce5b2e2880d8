/*
 * broker/broker.h - a record arrives and leaves: a cluster, readers, group members, producers.
 *
 * Two implementations: librdkafka against Apache Kafka (broker_kafka.h) and a log in memory
 * with the same semantics (broker_memory.h). tests/support/broker_contract.c holds both to this
 * page.
 *
 * Statuses: HP_RETRY = nothing is decided, abort the transaction and run again; HP_FENCED =
 * another instance took over (member or producer); HP_FATAL = this client cannot go on;
 * HP_STOP = a promise is in danger (offset out of range). Every call has a finite time-out.
 *
 * Thread: a cluster may be shared; a reader, member or producer belongs to one thread.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_BROKER_BROKER_H
#define HP_BROKER_BROKER_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/status.h"

struct hp_cluster;
struct hp_reader;
struct hp_member;
struct hp_producer;

#define HP_OFFSET_NONE (-1) /* no committed offset, or no record */

struct hp_header {
    struct hp_bytes name;
    struct hp_bytes value; /* may be absent */
};

/* A record as it lies in a log. Views are borrowed until the next poll of the same client. */
struct hp_message {
    int source; /* index into the topics the client was opened with */
    int32_t partition;
    int64_t offset;
    int64_t timestamp_ms; /* append time with LogAppendTime, else the producer's */
    struct hp_bytes key;
    struct hp_bytes value;
    const struct hp_header *headers;
    size_t header_count;
};

/* A record to be sent. */
struct hp_outgoing {
    const char *topic;
    int32_t partition;    /* explicit, always */
    int64_t timestamp_ms; /* 0: now */
    struct hp_bytes key;
    struct hp_bytes value; /* absent: tombstone */
    const struct hp_header *headers;
    size_t header_count;
};

/* Bytes a broker may count for it against max.message.bytes: at most a few dozen too many. */
size_t hp_outgoing_size(const struct hp_outgoing *record);
struct hp_outgoing hp_outgoing_copy(struct hp_arena *arena, const struct hp_outgoing *record);

struct hp_position {
    const char *topic;
    int32_t partition;
    int64_t offset; /* the next to read */
};

enum hp_poll_kind {
    HP_POLL_NOTHING, /* the time-out passed */
    HP_POLL_RECORD,
    HP_POLL_END, /* `offset` is the end of {source, partition} as seen now, past markers */
};

struct hp_poll {
    enum hp_poll_kind kind;
    struct hp_message message; /* RECORD: all; END: source, partition, offset */
};

/* ---- cluster ------------------------------------------------------------------------- */

struct hp_setting {
    const char *name;
    const char *value;
};

struct hp_topic_spec {
    const char *name;
    int32_t partitions;
    int32_t replication;
    const struct hp_setting *settings;
    size_t setting_count;
};

struct hp_topic_info {
    bool exists;
    int32_t partitions;
    int32_t replication;
    const struct hp_setting *settings; /* all the broker tells, in the arena */
    size_t setting_count;
};

/* Ends the cluster; all its clients must be gone. NULL is fine. */
void hp_cluster_free(struct hp_cluster *cluster);
/* What the topic is like; a missing one is HP_OK with exists = false. */
HP_MUST_CHECK enum hp_status hp_cluster_topic(struct hp_cluster *cluster, const char *topic,
    struct hp_arena *arena, struct hp_topic_info *info, struct hp_error *error);
HP_MUST_CHECK enum hp_status hp_cluster_create(
    struct hp_cluster *cluster, const struct hp_topic_spec *spec, struct hp_error *error);
/* Log start and read-uncommitted high watermark. */
HP_MUST_CHECK enum hp_status hp_cluster_watermarks(struct hp_cluster *cluster,
    const char *topic, int32_t partition, int64_t *low, int64_t *high, struct hp_error *error);
/* Stable committed offsets of a group, filled into `positions`; HP_OFFSET_NONE where none. */
HP_MUST_CHECK enum hp_status hp_cluster_committed(struct hp_cluster *cluster, const char *group,
    struct hp_position *positions, size_t count, struct hp_error *error);

/* ---- reader: partitions of one's own choice, no group -------------------------------- */

struct hp_reader_options {
    const char *const *topics; /* `source` of a message indexes these; kept */
    size_t topic_count;
    bool read_uncommitted;
    bool bulk; /* favour throughput (restore) over latency */
};

HP_MUST_CHECK enum hp_status hp_reader_new(struct hp_cluster *cluster,
    const struct hp_reader_options *options, struct hp_reader **reader, struct hp_error *error);
void hp_reader_free(struct hp_reader *reader);
/* Adds a partition, or moves it, to `offset` (0 = log start when that is later: HP_OK). */
HP_MUST_CHECK enum hp_status hp_reader_assign(struct hp_reader *reader, int source,
    int32_t partition, int64_t offset, struct hp_error *error);
HP_MUST_CHECK enum hp_status hp_reader_poll(
    struct hp_reader *reader, int timeout_ms, struct hp_poll *poll, struct hp_error *error);

/* ---- member: a worker's seat in the consumer group ------------------------------------ */

/*
 * Called from hp_member_poll() and hp_member_free() only. `partitions` are numbers: the
 * driver's, and with them the same number of every other topic. No record of a new partition is
 * delivered before hp_member_start(). When revoked() returns, the partitions are given up;
 * `lost` means that they already belong to somebody else, so nothing may be committed for them.
 */
struct hp_member_listener {
    void *context;
    void (*assigned)(void *context, const int32_t *partitions, size_t count);
    void (*revoked)(void *context, const int32_t *partitions, size_t count, bool lost);
};

struct hp_member_options {
    const char *group;
    const char *instance;      /* group.instance.id, NULL = dynamic member; kept */
    const char *const *topics; /* topics[0] is the driver; kept */
    size_t topic_count;
    struct hp_member_listener listener;
};

HP_MUST_CHECK enum hp_status hp_member_new(struct hp_cluster *cluster,
    const struct hp_member_options *options, struct hp_member **member, struct hp_error *error);
/*
 * Leaves the group (revoked() is called for what is held); a static member keeps its seat for
 * the session time-out, so that its next life finds it. `abandon`: as a crash, the listener
 * hears nothing. (The real client cannot crash in part: a dynamic member's seat is given up.)
 */
void hp_member_free(struct hp_member *member, bool abandon);
/* Delivers records of `partition` from offsets[source] on, one per topic. Also rewinds.
 * HP_OFFSET_NONE: from the log's start; any other offset must lie in the log (HP_STOP in poll).
 */
HP_MUST_CHECK enum hp_status hp_member_start(struct hp_member *member, int32_t partition,
    const int64_t *offsets, struct hp_error *error);
/* Stops or resumes delivery of one topic's partition; idempotent. */
HP_MUST_CHECK enum hp_status hp_member_pause(struct hp_member *member, int source,
    int32_t partition, bool paused, struct hp_error *error);
/* HP_FENCED: the membership is gone (static member replaced). HP_STOP: offset out of range. */
HP_MUST_CHECK enum hp_status hp_member_poll(
    struct hp_member *member, int timeout_ms, struct hp_poll *poll, struct hp_error *error);

/* ---- producer -------------------------------------------------------------------------- */

/*
 * transactional_id NULL gives a plain idempotent producer: send and flush only. After any doubt
 * (docs/decisions: the doubt rule) the next begin destroys the client and makes a new one, so
 * that no late request can touch a later transaction. Statuses of offsets/commit: HP_RETRY =
 * call abort, rewind, run again; HP_FENCED after the id was taken by a newer producer twice.
 */
HP_MUST_CHECK enum hp_status hp_producer_new(struct hp_cluster *cluster,
    const char *transactional_id, struct hp_producer **producer, struct hp_error *error);
void hp_producer_free(struct hp_producer *producer, bool abandon);
HP_MUST_CHECK enum hp_status hp_producer_begin(
    struct hp_producer *producer, struct hp_error *error);
/* Copies. HP_BAD_RECORD with code TOO_LARGE when the topic would refuse its size. */
HP_MUST_CHECK enum hp_status hp_producer_send(
    struct hp_producer *producer, const struct hp_outgoing *record, struct hp_error *error);
/* Positions of the member's assignment, with the group metadata kept since it was given. They
 * are on their way when it returns; commit tells how it went. */
HP_MUST_CHECK enum hp_status hp_producer_offsets(struct hp_producer *producer,
    struct hp_member *member, const struct hp_position *positions, size_t count,
    struct hp_error *error);
HP_MUST_CHECK enum hp_status hp_producer_commit(
    struct hp_producer *producer, struct hp_error *error);
/* Never fails: what cannot be aborted becomes a doubt. */
void hp_producer_abort(struct hp_producer *producer);
/* Waits until everything sent is acknowledged. A transaction may not have sent anything before.
 */
HP_MUST_CHECK enum hp_status hp_producer_flush(
    struct hp_producer *producer, struct hp_error *error);
/* Offset after the last record sent to it in the last committed transaction, or HP_OFFSET_NONE.
 */
int64_t hp_producer_sent_to(
    const struct hp_producer *producer, const char *topic, int32_t partition);

/* ---- what an implementation fills in --------------------------------------------------- */

struct hp_broker_operations {
    void (*cluster_free)(struct hp_cluster *);
    enum hp_status (*topic)(struct hp_cluster *, const char *, struct hp_arena *,
        struct hp_topic_info *, struct hp_error *);
    enum hp_status (*create)(
        struct hp_cluster *, const struct hp_topic_spec *, struct hp_error *);
    enum hp_status (*watermarks)(
        struct hp_cluster *, const char *, int32_t, int64_t *, int64_t *, struct hp_error *);
    enum hp_status (*committed)(
        struct hp_cluster *, const char *, struct hp_position *, size_t, struct hp_error *);
    enum hp_status (*reader_new)(struct hp_cluster *, const struct hp_reader_options *,
        struct hp_reader **, struct hp_error *);
    void (*reader_free)(struct hp_reader *);
    enum hp_status (*reader_assign)(
        struct hp_reader *, int, int32_t, int64_t, struct hp_error *);
    enum hp_status (*reader_poll)(struct hp_reader *, int, struct hp_poll *, struct hp_error *);
    enum hp_status (*member_new)(struct hp_cluster *, const struct hp_member_options *,
        struct hp_member **, struct hp_error *);
    void (*member_free)(struct hp_member *, bool);
    enum hp_status (*member_start)(
        struct hp_member *, int32_t, const int64_t *, struct hp_error *);
    enum hp_status (*member_pause)(struct hp_member *, int, int32_t, bool, struct hp_error *);
    enum hp_status (*member_poll)(struct hp_member *, int, struct hp_poll *, struct hp_error *);
    enum hp_status (*producer_new)(
        struct hp_cluster *, const char *, struct hp_producer **, struct hp_error *);
    void (*producer_free)(struct hp_producer *, bool);
    enum hp_status (*begin)(struct hp_producer *, struct hp_error *);
    enum hp_status (*send)(struct hp_producer *, const struct hp_outgoing *, struct hp_error *);
    enum hp_status (*offsets)(struct hp_producer *, struct hp_member *,
        const struct hp_position *, size_t, struct hp_error *);
    enum hp_status (*commit)(struct hp_producer *, struct hp_error *);
    void (*abort)(struct hp_producer *);
    enum hp_status (*flush)(struct hp_producer *, struct hp_error *);
    int64_t (*sent_to)(const struct hp_producer *, const char *, int32_t);
};

/* The first member of every implementation's cluster, reader, member and producer. */
struct hp_broker_object {
    const struct hp_broker_operations *operations;
};

#endif
