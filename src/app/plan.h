/*
 * app/plan.h - a topic as it is needed against a topic as it is.
 *
 * Thread: any.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_APP_PLAN_H
#define HP_APP_PLAN_H

#include "app/options.h"
#include "base/bytes.h"
#include "broker/broker.h"
#include "flow/topology.h"

/* What the options ask of the row's topic. Points into both. */
struct hp_topic_spec hp_plan_spec(
    const struct hp_options *options, const struct hp_topic_row *row);

/*
 * Appends what differs from the row's `spec`, each difference with ", " before it: all of it,
 * or only what is `vital`: partitions, clean-up and the kind of time stamps, without which
 * records are lost or times mean something else. A vital setting the broker does not tell is
 * let pass.
 */
void hp_plan_compare(const struct hp_topic_row *row, const struct hp_topic_spec *spec,
    const struct hp_topic_info *info, bool vital, struct hp_buffer *out);

#endif
