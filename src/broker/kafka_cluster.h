/*
 * broker/kafka_cluster.h - what the parts of the Kafka cluster share. Internal.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_BROKER_KAFKA_CLUSTER_H
#define HP_BROKER_KAFKA_CLUSTER_H

#include "broker/broker_kafka.h"

#include <librdkafka/rdkafka.h>
#include <pthread.h>

struct hp_kafka_limit { /* max.message.bytes of a topic, asked once */
    struct hp_kafka_limit *next;
    char *topic;
    size_t bytes;
};

struct hp_cluster {
    struct hp_broker_object object;
    struct hp_kafka_options options; /* texts in `arena` */
    struct hp_arena arena;
    pthread_mutex_t lock; /* of what follows */
    rd_kafka_t *admin;    /* reads uncommitted: its watermarks are the log's */
    rd_kafka_t *offsets;  /* a member of nothing, to ask for a group's offsets */
    char *offsets_group;
    struct hp_kafka_limit *limits;
};

/* settings: kafka_settings.c */
enum hp_kafka_role { HP_KAFKA_ADMIN, HP_KAFKA_READER, HP_KAFKA_MEMBER, HP_KAFKA_PRODUCER };

struct hp_kafka_extra { /* what one client has of its own; NULL value = not set */
    const char *name;
    const char *value;
};

/* A configuration with our defaults, then the options' settings, then `extra`. */
enum hp_status hp_kafka_conf(const struct hp_cluster *cluster, enum hp_kafka_role role,
    const struct hp_kafka_extra *extra, size_t extra_count, rd_kafka_conf_t **conf,
    struct hp_error *error);
/* Takes the configuration. */
enum hp_status hp_kafka_client(const struct hp_cluster *cluster, rd_kafka_type_t type,
    rd_kafka_conf_t *conf, rd_kafka_t **client, struct hp_error *error);
/* HP_FATAL when no repetition can help (authorisation, authentication), else HP_RETRY. */
enum hp_status hp_kafka_fate(rd_kafka_resp_err_t code);
int64_t hp_kafka_now_ms(void); /* monotonic */

/* consuming: kafka_reader.c */
struct hp_kafka_cursor {
    int source;
    int32_t partition;
    int64_t next; /* lower offsets are dropped */
    bool started; /* in librdkafka's assignment */
    bool paused;
};

struct hp_kafka_cursors {
    rd_kafka_t *client;
    const char *const *topics;
    size_t topic_count;
    struct hp_kafka_cursor *items;
    size_t count;
    size_t capacity;
    rd_kafka_message_t *message; /* lent to the caller until the next poll */
    struct hp_arena arena;       /* its headers */
};

void hp_kafka_cursors_release(struct hp_kafka_cursors *cursors);
struct hp_kafka_cursor *hp_kafka_cursor(
    struct hp_kafka_cursors *cursors, int source, int32_t partition);
struct hp_kafka_cursor *hp_kafka_cursor_add(
    struct hp_kafka_cursors *cursors, int source, int32_t partition);
/* Forgets all topics' cursors of the partition; they must not be started. */
void hp_kafka_cursors_drop(struct hp_kafka_cursors *cursors, int32_t partition);
/* (Re)starts the listed cursors at their `next`. */
enum hp_status hp_kafka_cursors_start(struct hp_kafka_cursors *cursors,
    struct hp_kafka_cursor *const *list, size_t count, struct hp_error *error);
/* Takes those that are started out of librdkafka's assignment; false when none was. */
bool hp_kafka_cursors_stop(
    struct hp_kafka_cursors *cursors, struct hp_kafka_cursor *const *list, size_t count);
enum hp_status hp_kafka_cursor_pause(struct hp_kafka_cursors *cursors,
    struct hp_kafka_cursor *cursor, bool paused, struct hp_error *error);
enum hp_status hp_kafka_cursors_poll(struct hp_kafka_cursors *cursors, int timeout_ms,
    struct hp_poll *poll, struct hp_error *error);
enum hp_status hp_kafka_reader_new(struct hp_cluster *cluster,
    const struct hp_reader_options *options, struct hp_reader **reader, struct hp_error *error);
void hp_kafka_reader_free(struct hp_reader *reader);
enum hp_status hp_kafka_reader_assign(struct hp_reader *reader, int source, int32_t partition,
    int64_t offset, struct hp_error *error);
enum hp_status hp_kafka_reader_poll(
    struct hp_reader *reader, int timeout_ms, struct hp_poll *poll, struct hp_error *error);

/* members: kafka_member.c */
/* Kept since the assignment was given; NULL before the first. */
/* One member's look at partitions that nobody has; begins zeroed. */
struct hp_kafka_watch {
    int64_t next_ms; /* of the next look; the first is only set */
    bool missing;    /* the last look missed a partition */
    struct hp_member *guest;
    int64_t until_ms; /* the guest goes */
};

void hp_kafka_watch(struct hp_kafka_watch *watch, struct hp_cluster *cluster,
    const struct hp_member_options *options);
void hp_kafka_watch_end(struct hp_kafka_watch *watch);

const rd_kafka_consumer_group_metadata_t *hp_kafka_member_metadata(
    const struct hp_member *member);
enum hp_status hp_kafka_member_new(struct hp_cluster *cluster,
    const struct hp_member_options *options, struct hp_member **member, struct hp_error *error);
void hp_kafka_member_free(struct hp_member *member, bool abandon);
/* The group gave it a seat, perhaps an empty one. */
bool hp_kafka_member_seated(const struct hp_member *member);
enum hp_status hp_kafka_member_start(struct hp_member *member, int32_t partition,
    const int64_t *offsets, struct hp_error *error);
enum hp_status hp_kafka_member_pause(struct hp_member *member, int source, int32_t partition,
    bool paused, struct hp_error *error);
enum hp_status hp_kafka_member_poll(
    struct hp_member *member, int timeout_ms, struct hp_poll *poll, struct hp_error *error);

/* producers: kafka_producer.c */
enum hp_status hp_kafka_producer_new(struct hp_cluster *cluster, const char *transactional_id,
    struct hp_producer **producer, struct hp_error *error);
void hp_kafka_producer_free(struct hp_producer *producer, bool abandon);
enum hp_status hp_kafka_begin(struct hp_producer *producer, struct hp_error *error);
enum hp_status hp_kafka_send(
    struct hp_producer *producer, const struct hp_outgoing *record, struct hp_error *error);
enum hp_status hp_kafka_offsets(struct hp_producer *producer, struct hp_member *member,
    const struct hp_position *positions, size_t count, struct hp_error *error);
enum hp_status hp_kafka_commit(struct hp_producer *producer, struct hp_error *error);
void hp_kafka_abort(struct hp_producer *producer);
enum hp_status hp_kafka_flush(struct hp_producer *producer, struct hp_error *error);
int64_t hp_kafka_sent_to(
    const struct hp_producer *producer, const char *topic, int32_t partition);

/* topics: kafka_admin.c */
enum hp_status hp_kafka_topic(struct hp_cluster *cluster, const char *topic,
    struct hp_arena *arena, struct hp_topic_info *info, struct hp_error *error);
enum hp_status hp_kafka_create(
    struct hp_cluster *cluster, const struct hp_topic_spec *spec, struct hp_error *error);
enum hp_status hp_kafka_watermarks(struct hp_cluster *cluster, const char *topic,
    int32_t partition, int64_t *low, int64_t *high, struct hp_error *error);
enum hp_status hp_kafka_committed(struct hp_cluster *cluster, const char *group,
    struct hp_position *positions, size_t count, struct hp_error *error);
/* max.message.bytes of the topic, Kafka's default when the broker does not tell. */
size_t hp_kafka_limit(struct hp_cluster *cluster, const char *topic);
void hp_kafka_limits_forget(struct hp_cluster *cluster);

#endif
