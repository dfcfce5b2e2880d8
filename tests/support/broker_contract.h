/*
 * tests/support/broker_contract.h - what broker/broker.h promises, as tests of any cluster.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_TESTS_SUPPORT_BROKER_CONTRACT_H
#define HP_TESTS_SUPPORT_BROKER_CONTRACT_H

#include "broker/broker.h"

/* Runs every promise on clusters made by `open`; returns how many failed. Topics, groups and
 * ids get names of their own for each run. */
int hp_broker_contract_run(struct hp_cluster *(*open)(void));

#endif
