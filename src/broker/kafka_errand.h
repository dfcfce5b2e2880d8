/*
 * broker/kafka_errand.h - a transaction's offsets on their way.
 *
 * librdkafka's call waits for two answers of the broker, one after the other. In a thread of
 * its own it does so while the caller sends records of the same transaction.
 *
 * Thread: the producer's, all calls.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_BROKER_KAFKA_ERRAND_H
#define HP_BROKER_KAFKA_ERRAND_H

#include "broker/kafka_cluster.h"

struct hp_errand;

struct hp_errand *hp_errand_new(void);
/* Waits for what is under way. NULL is fine. */
void hp_errand_free(struct hp_errand *errand);
/* Nothing is under way. Takes the list, copies `metadata`, borrows `client` until the join. */
void hp_errand_send(struct hp_errand *errand, rd_kafka_t *client,
    rd_kafka_topic_partition_list_t *list, const rd_kafka_consumer_group_metadata_t *metadata,
    int timeout_ms);
/* Waits for what is under way: NULL or its failure, which is the caller's and told once. NULL
 * is fine. */
rd_kafka_error_t *hp_errand_join(struct hp_errand *errand);

#endif
