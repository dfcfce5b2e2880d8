/*
 * The cluster in memory keeps the promises of broker/broker.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "broker/broker_memory.h"
#include "tests/support/broker_contract.h"

static struct hp_cluster *
open_memory(void)
{
    return hp_cluster_memory_new(&(struct hp_memory_options){0});
}

int
main(void)
{
    return hp_broker_contract_run(open_memory);
}
