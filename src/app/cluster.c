/* app/cluster.c - the cluster commands work on. SPDX-License-Identifier: Apache-2.0 */
#include "app/command.h"

#include "broker/broker_kafka.h"

static struct hp_cluster *given;

void
hp_command_cluster_set(struct hp_cluster *cluster)
{
    given = cluster;
}

enum hp_status
hp_command_cluster(
    const struct hp_options *options, struct hp_cluster **cluster, struct hp_error *error)
{
    struct hp_kafka_options kafka = {
        .bootstrap = options->bootstrap_servers,
        .group = options->application_id,
        .settings = options->kafka.items,
        .setting_count = options->kafka.count,
        .consumer_settings = options->kafka_consumer.items,
        .consumer_setting_count = options->kafka_consumer.count,
        .producer_settings = options->kafka_producer.items,
        .producer_setting_count = options->kafka_producer.count,
    };

    *cluster = given;
    return given ? HP_OK : hp_cluster_kafka_new(&kafka, cluster, error);
}

void
hp_command_cluster_free(struct hp_cluster *cluster)
{
    if (cluster != given)
        hp_cluster_free(cluster);
}
