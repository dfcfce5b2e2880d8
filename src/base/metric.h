/*
 * base/metric.h - counters, gauges and histograms, printed as Prometheus text.
 *
 * A metric is made once (name + label text) and kept; making it again gives the same one, so a
 * module may ask for its metrics at start without owning them. Updates are lock-free.
 *
 * Thread: any.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_BASE_METRIC_H
#define HP_BASE_METRIC_H

#include "base/bytes.h"

struct hp_metric; /* lives until the process ends */

enum hp_metric_kind { HP_METRIC_COUNTER, HP_METRIC_GAUGE, HP_METRIC_HISTOGRAM };

/*
 * `name` in snake_case with unit and _total for counters; `labels` like
 * `topic="x",partition="0"` or "" (copied). Histograms have fixed exponential buckets from 1 µs
 * to 60 s, in seconds; observe in microseconds.
 */
struct hp_metric *hp_metric_get(
    enum hp_metric_kind kind, const char *name, const char *labels, const char *help);
void hp_metric_add(struct hp_metric *metric, int64_t value);
void hp_metric_set(struct hp_metric *metric, int64_t value);
void hp_metric_observe_us(struct hp_metric *metric, int64_t microseconds);
int64_t hp_metric_value(const struct hp_metric *metric);
/* Value at quantile q in (0, 1) of a histogram in µs, interpolated in its bucket; 0 when empty.
 */
int64_t hp_metric_quantile_us(const struct hp_metric *metric, double q);

/* All metrics as Prometheus text exposition 0.0.4, sorted by name and labels. */
void hp_metrics_print(struct hp_buffer *out);

#endif
