/*
 * tests/churn/shadow.h - every box once more, from nothing but what the topics hold.
 *
 * A shadow is a second stream with empty stores. For each recommendation, in the order of their
 * as_of, it is given the inputs, the catalogue and the model up to exactly there, and asked
 * what it would send. The bytes must be those that were sent.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_TESTS_CHURN_SHADOW_H
#define HP_TESTS_CHURN_SHADOW_H

#include "tests/support/flow_rig.h"

struct shadow_result {
    size_t boxes;
    size_t recommendations; /* worked out again */
    size_t refused;         /* answers whose reason is the clock or the rate, passed over */
    size_t different;       /* told on standard error */
};

void shadow_check(struct flow_rig *seen, struct shadow_result *result);

#endif
