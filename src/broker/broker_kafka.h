/*
 * broker/broker_kafka.h - a cluster of Apache Kafka brokers, by way of librdkafka.
 *
 * Works with librdkafka 2.0.2 (Debian 12) and newer, classic group protocol, brokers from 2.5.
 * Settings are librdkafka's. The defaults that matter are ours (see kafka_settings.c); those
 * that exactly-once depends on cannot be changed and are refused by name.
 *
 * Thread: the cluster may be shared; what it makes belongs to one thread each.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_BROKER_BROKER_KAFKA_H
#define HP_BROKER_BROKER_KAFKA_H

#include "broker/broker.h"

struct hp_kafka_options {
    const char *bootstrap; /* bootstrap.servers */
    const char *group;     /* application.id; readers use it as their name only. NULL: hamper */
    const struct hp_setting *settings; /* `kafka.*`, without the prefix: for every client */
    size_t setting_count;
    const struct hp_setting *consumer_settings; /* `kafka.consumer.*` */
    size_t consumer_setting_count;
    const struct hp_setting *producer_settings; /* `kafka.producer.*` */
    size_t producer_setting_count;
    int timeout_ms; /* of calls that wait for a broker; 0 = 15 000 */
};

/*
 * Copies the options. HP_USAGE names the setting that is unknown, invalid or owned. Does not
 * wait for a broker: the first call that needs one answers HP_RETRY while there is none.
 */
HP_MUST_CHECK enum hp_status hp_cluster_kafka_new(const struct hp_kafka_options *options,
    struct hp_cluster **cluster, struct hp_error *error);

/* Why hamper does not let this setting be changed, or NULL when it does. */
const char *hp_kafka_setting_owned(const char *name);

/* For instance "2.0.2". */
const char *hp_kafka_library_version(void);

#endif
