/*
 * broker/memory_cluster.h - what the parts of the memory cluster share.
 *
 * Internal. Everything here is touched under the cluster's lock only. Topics, groups and
 * transactions live as long as the cluster, so pointers to them stay good.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_BROKER_MEMORY_CLUSTER_H
#define HP_BROKER_MEMORY_CLUSTER_H

#include "broker/broker_memory.h"
#include "broker/memory_log.h"

#include <pthread.h>

struct hp_memory_topic {
    struct hp_memory_topic *next;
    char *name;
    int32_t partitions;
    int32_t replication;
    struct hp_setting *settings;
    size_t setting_count;
    struct hp_memory_log *logs; /* one per partition */
    bool append_time;
    bool compacted;
    int64_t tombstones_ms; /* delete.retention.ms */
    size_t message_bytes;  /* max.message.bytes */
};

/* Where a reader or member stands in one partition. */
struct hp_memory_cursor {
    struct hp_memory_topic *topic;
    int source;
    int32_t partition;
    int64_t position; /* HP_OFFSET_NONE: not started */
    int64_t told;     /* the end last told, or HP_OFFSET_NONE */
    bool paused;
};

/* The partitions of one client, and the record it was last given. */
struct hp_memory_cursors {
    struct hp_memory_cursors *next; /* all of the cluster, for retention */
    struct hp_memory_cursor *items;
    size_t count;
    size_t capacity;
    size_t turn; /* whose turn it is */
    int burst;   /* records it was given in this turn */
    bool uncommitted;
    struct hp_arena arena;
};

struct hp_memory_offset { /* a group's position */
    struct hp_memory_topic *topic;
    int32_t partition;
    int64_t offset;
};

struct hp_memory_offsets {
    struct hp_memory_offset *items;
    size_t count;
    size_t capacity;
};

struct hp_memory_group; /* layout in memory_group.c */

struct hp_memory_written { /* a partition a transaction wrote to */
    struct hp_memory_topic *topic;
    int32_t partition;
    int64_t next; /* offset after the last record */
};

struct hp_memory_transaction { /* what the coordinator knows of a transactional id */
    struct hp_memory_transaction *next;
    char *id;
    uint64_t producer;
    int epoch;
    bool ongoing;
    int64_t started_ms;
    struct hp_memory_written *written;
    size_t written_count;
    size_t written_capacity;
    struct hp_memory_group *group; /* whose offsets are pending; NULL = none */
    struct hp_memory_offsets offsets;
};

enum hp_memory_request { HP_MEMORY_COMMIT, HP_MEMORY_ABORT, HP_MEMORY_OFFSETS };

struct hp_memory_late { /* a request that is still on its way when its sender has given up */
    struct hp_memory_late *next;
    struct hp_memory_transaction *transaction;
    int epoch; /* of its sender */
    enum hp_memory_request request;
    struct hp_memory_group *group;
    struct hp_memory_offsets offsets;
};

struct hp_cluster {
    struct hp_broker_object object;
    struct hp_memory_options options;
    pthread_mutex_t lock;
    pthread_cond_t change;
    int waiting;
    struct hp_memory_topic *topics;
    struct hp_memory_group *groups;
    struct hp_memory_transaction *transactions;
    struct hp_memory_late *late; /* oldest first */
    struct hp_memory_cursors *cursors;
    uint64_t next_id; /* of producers and seats */
};

/* cluster: broker_memory.c */
int64_t hp_memory_now(const struct hp_cluster *cluster);
/* Takes the lock and ends what has timed out. */
void hp_memory_enter(struct hp_cluster *cluster);
void hp_memory_leave(struct hp_cluster *cluster);
/* Something a waiting poll may want to see has happened. */
void hp_memory_changed(struct hp_cluster *cluster);
/* Waits for a change until `deadline_ms` of real time; false when it passed, or at once with a
 * clock of the caller's. */
bool hp_memory_wait(struct hp_cluster *cluster, int64_t deadline_ms);
int64_t hp_memory_deadline(int timeout_ms);
enum hp_status hp_memory_ask(
    struct hp_cluster *cluster, const char *operation, struct hp_error *error);
struct hp_memory_topic *hp_memory_topic(const struct hp_cluster *cluster, const char *name);
/* NULL, and the text written, when there is no such partition. */
struct hp_memory_log *hp_memory_partition(struct hp_cluster *cluster, const char *topic,
    int32_t partition, struct hp_memory_topic **found, struct hp_error *error);
void hp_memory_retain(
    struct hp_cluster *cluster, struct hp_memory_topic *topic, int32_t partition);

/* cursors: memory_reader.c */
void hp_memory_cursors_init(struct hp_cluster *cluster, struct hp_memory_cursors *cursors);
void hp_memory_cursors_release(struct hp_cluster *cluster, struct hp_memory_cursors *cursors);
struct hp_memory_cursor *hp_memory_cursor(
    struct hp_memory_cursors *cursors, int source, int32_t partition);
struct hp_memory_cursor *hp_memory_cursor_add(struct hp_memory_cursors *cursors,
    struct hp_memory_topic *topic, int source, int32_t partition);
void hp_memory_cursors_drop(struct hp_memory_cursors *cursors, int32_t partition);
/* One record or end; kind NOTHING when every partition is dry. HP_STOP: out of range. */
enum hp_status hp_memory_cursors_next(
    struct hp_memory_cursors *cursors, struct hp_poll *poll, struct hp_error *error);

/* groups: memory_group.c */
void hp_memory_groups_release(struct hp_cluster *cluster);
void hp_memory_groups_expire(struct hp_cluster *cluster, int64_t now_ms);
int64_t hp_memory_offset(
    struct hp_memory_offsets *offsets, const struct hp_memory_topic *topic, int32_t partition);
void hp_memory_offset_set(struct hp_memory_offsets *offsets, struct hp_memory_topic *topic,
    int32_t partition, int64_t offset);
void hp_memory_offsets_apply(
    struct hp_cluster *cluster, struct hp_memory_group *group, struct hp_memory_offsets *from);
/* The least offset any group has committed for it, or HP_OFFSET_NONE. */
int64_t hp_memory_offset_least(
    const struct hp_cluster *cluster, const struct hp_memory_topic *topic, int32_t partition);
/* The member's group when it may commit now; else HP_RETRY. */
enum hp_status hp_memory_member_group(
    struct hp_member *member, struct hp_memory_group **group, struct hp_error *error);
enum hp_status hp_memory_committed(struct hp_cluster *cluster, const char *group,
    struct hp_position *positions, size_t count, struct hp_error *error);
enum hp_status hp_memory_member_new(struct hp_cluster *cluster,
    const struct hp_member_options *options, struct hp_member **member, struct hp_error *error);
void hp_memory_member_free(struct hp_member *member, bool abandon);
enum hp_status hp_memory_member_start(struct hp_member *member, int32_t partition,
    const int64_t *offsets, struct hp_error *error);
enum hp_status hp_memory_member_pause(struct hp_member *member, int source, int32_t partition,
    bool paused, struct hp_error *error);
enum hp_status hp_memory_member_poll(
    struct hp_member *member, int timeout_ms, struct hp_poll *poll, struct hp_error *error);

/* readers: memory_reader.c */
enum hp_status hp_memory_reader_new(struct hp_cluster *cluster,
    const struct hp_reader_options *options, struct hp_reader **reader, struct hp_error *error);
void hp_memory_reader_free(struct hp_reader *reader);
enum hp_status hp_memory_reader_assign(struct hp_reader *reader, int source, int32_t partition,
    int64_t offset, struct hp_error *error);
enum hp_status hp_memory_reader_poll(
    struct hp_reader *reader, int timeout_ms, struct hp_poll *poll, struct hp_error *error);

/* producers: memory_producer.c */
void hp_memory_transactions_release(struct hp_cluster *cluster);
void hp_memory_transactions_expire(struct hp_cluster *cluster, int64_t now_ms);
enum hp_status hp_memory_producer_new(struct hp_cluster *cluster, const char *transactional_id,
    struct hp_producer **producer, struct hp_error *error);
void hp_memory_producer_free(struct hp_producer *producer, bool abandon);
enum hp_status hp_memory_begin(struct hp_producer *producer, struct hp_error *error);
enum hp_status hp_memory_send(
    struct hp_producer *producer, const struct hp_outgoing *record, struct hp_error *error);
enum hp_status hp_memory_offsets(struct hp_producer *producer, struct hp_member *member,
    const struct hp_position *positions, size_t count, struct hp_error *error);
enum hp_status hp_memory_commit(struct hp_producer *producer, struct hp_error *error);
void hp_memory_abort(struct hp_producer *producer);
enum hp_status hp_memory_flush(struct hp_producer *producer, struct hp_error *error);
int64_t hp_memory_sent_to(
    const struct hp_producer *producer, const char *topic, int32_t partition);

#endif
