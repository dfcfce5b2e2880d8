/*
 * tests/broker/contract_test.c - the promises of broker/broker.h, kept by a real Apache Kafka.
 * timeout: 600
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "broker/broker_kafka.h"
#include "tests/support/broker_contract.h"

#include <stdio.h>
#include <stdlib.h>

static struct hp_cluster *
open_kafka(void)
{
    struct hp_kafka_options options = {.bootstrap = getenv("HAMPER_BROKERS")};
    struct hp_cluster *cluster;
    struct hp_error error;

    if (hp_cluster_kafka_new(&options, &cluster, &error))
        hp_die("%s", error.text);
    return cluster;
}

int
main(void)
{
    if (!getenv("HAMPER_BROKERS")) {
        fprintf(stderr, "skipped: HAMPER_BROKERS is not set\n");
        return 77;
    }
    return hp_broker_contract_run(open_kafka);
}
