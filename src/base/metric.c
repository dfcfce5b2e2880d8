/*
 * base/metric.c - numbers that many threads raise and one reader prints.
 *
 * The registry is an array of pointers kept sorted by (name, labels) under a mutex: making a
 * metric is rare, printing needs the order. The numbers themselves are relaxed atomics, so that
 * an update costs one locked add and never waits.
 *
 * A histogram keeps log-linear buckets: eight per power of two, so a quantile is known to about
 * six per cent, and prints only the powers of two, from 1 µs to 2^26 µs (67 s), which
 * Prometheus gets as cumulative `le` bounds. A value v lies in the power 2^k when 2^(k-1) < v
 * <= 2^k. 209 counters, 1.7 KB a histogram.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/metric.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>

#define SUB_BITS     3
#define SUB_COUNT    (1 << SUB_BITS)
#define POWER_MAX    26
#define BUCKET_COUNT ((POWER_MAX - SUB_BITS + 1) * SUB_COUNT) /* one more for what is above */

struct hp_metric {
    enum hp_metric_kind kind;
    char *name;
    char *labels;
    char *help;
    atomic_int_least64_t value;    /* histograms: the sum in µs */
    atomic_int_least64_t *buckets; /* histograms: BUCKET_COUNT + 1 */
};

static pthread_mutex_t registry_lock = PTHREAD_MUTEX_INITIALIZER;
static struct hp_metric **registry;
static size_t registry_count;

static int
metric_compare(const struct hp_metric *metric, const char *name, const char *labels)
{
    int order = strcmp(metric->name, name);

    return order ? order : strcmp(metric->labels, labels);
}

/* Where {name, labels} stands or belongs. */
static size_t
registry_find(const char *name, const char *labels)
{
    size_t low = 0;
    size_t high = registry_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (metric_compare(registry[middle], name, labels) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct hp_metric *
metric_new(enum hp_metric_kind kind, const char *name, const char *labels, const char *help)
{
    struct hp_metric *metric = hp_alloc(sizeof(*metric));

    metric->kind = kind;
    metric->name = hp_strdup(name);
    metric->labels = hp_strdup(labels);
    metric->help = hp_strdup(help);
    if (kind == HP_METRIC_HISTOGRAM)
        metric->buckets = hp_alloc((BUCKET_COUNT + 1) * sizeof(*metric->buckets));
    return metric;
}

struct hp_metric *
hp_metric_get(enum hp_metric_kind kind, const char *name, const char *labels, const char *help)
{
    struct hp_metric *metric;
    size_t at;

    pthread_mutex_lock(&registry_lock);
    at = registry_find(name, labels);
    if (at < registry_count && metric_compare(registry[at], name, labels) == 0) {
        metric = registry[at];
        HP_ASSERT(metric->kind == kind);
    } else {
        metric = metric_new(kind, name, labels, help);
        registry = hp_realloc_array(registry, registry_count + 1, sizeof(*registry));
        memmove(registry + at + 1, registry + at, (registry_count - at) * sizeof(*registry));
        registry[at] = metric;
        registry_count++;
    }
    pthread_mutex_unlock(&registry_lock);
    return metric;
}

void
hp_metric_add(struct hp_metric *metric, int64_t value)
{
    HP_ASSERT(metric->kind != HP_METRIC_HISTOGRAM);
    HP_ASSERT(metric->kind != HP_METRIC_COUNTER || value >= 0);
    atomic_fetch_add_explicit(&metric->value, value, memory_order_relaxed);
}

void
hp_metric_set(struct hp_metric *metric, int64_t value)
{
    HP_ASSERT(metric->kind == HP_METRIC_GAUGE);
    atomic_store_explicit(&metric->value, value, memory_order_relaxed);
}

static size_t
bucket_of(int64_t microseconds)
{
    uint64_t offset = microseconds > 1 ? (uint64_t)microseconds - 1 : 0;
    unsigned power;

    if (offset < SUB_COUNT)
        return (size_t)offset;
    if (offset >= (uint64_t)1 << POWER_MAX)
        return BUCKET_COUNT;
    power = 63 - (unsigned)__builtin_clzll(offset);
    return (power - SUB_BITS + 1) * SUB_COUNT +
           ((offset >> (power - SUB_BITS)) & (SUB_COUNT - 1));
}

/* The largest value of the buckets below `bucket`. */
static int64_t
bucket_low(size_t bucket)
{
    size_t group = bucket / SUB_COUNT;
    int64_t sub = (int64_t)(bucket % SUB_COUNT);

    return group == 0 ? sub : (SUB_COUNT + sub) << (group - 1);
}

void
hp_metric_observe_us(struct hp_metric *metric, int64_t microseconds)
{
    HP_ASSERT(metric->kind == HP_METRIC_HISTOGRAM);
    if (microseconds < 0)
        microseconds = 0; /* a clock that was set back */
    atomic_fetch_add_explicit(
        &metric->buckets[bucket_of(microseconds)], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&metric->value, microseconds, memory_order_relaxed);
}

int64_t
hp_metric_value(const struct hp_metric *metric)
{
    return atomic_load_explicit(&metric->value, memory_order_relaxed);
}

static int64_t
bucket_count(const struct hp_metric *metric, size_t bucket)
{
    return atomic_load_explicit(&metric->buckets[bucket], memory_order_relaxed);
}

int64_t
hp_metric_quantile_us(const struct hp_metric *metric, double q)
{
    int64_t total = 0;
    double left;

    HP_ASSERT(metric->kind == HP_METRIC_HISTOGRAM);
    for (size_t i = 0; i <= BUCKET_COUNT; i++)
        total += bucket_count(metric, i);
    left = q * (double)total;
    for (size_t i = 0; i < BUCKET_COUNT; i++) {
        int64_t count = bucket_count(metric, i);
        int64_t low = bucket_low(i);

        if (count > 0 && left <= (double)count)
            return low + (int64_t)((double)(bucket_low(i + 1) - low) * left / (double)count);
        left -= (double)count;
    }
    return total ? bucket_low(BUCKET_COUNT) : 0;
}

static void
print_seconds(struct hp_buffer *out, int64_t microseconds)
{
    hp_buffer_printf(
        out, "%" PRId64 ".%06" PRId64, microseconds / 1000000, microseconds % 1000000);
}

static void
print_bucket(
    struct hp_buffer *out, const struct hp_metric *metric, int64_t bound_us, int64_t count)
{
    hp_buffer_printf(
        out, "%s_bucket{%s%sle=\"", metric->name, metric->labels, metric->labels[0] ? "," : "");
    if (bound_us < 0)
        hp_buffer_printf(out, "+Inf");
    else
        print_seconds(out, bound_us);
    hp_buffer_printf(out, "\"} %" PRId64 "\n", count);
}

static void
print_labels(struct hp_buffer *out, const struct hp_metric *metric)
{
    if (metric->labels[0])
        hp_buffer_printf(out, "{%s}", metric->labels);
}

static void
print_histogram(struct hp_buffer *out, const struct hp_metric *metric)
{
    int64_t sum = hp_metric_value(metric); /* before the counts: never more than they hold */
    int64_t count = 0;
    size_t bucket = 0;

    for (unsigned power = 0; power <= POWER_MAX; power++) {
        int64_t bound = (int64_t)1 << power;

        for (; bucket < BUCKET_COUNT && bucket_low(bucket + 1) <= bound; bucket++)
            count += bucket_count(metric, bucket);
        print_bucket(out, metric, bound, count);
    }
    count += bucket_count(metric, BUCKET_COUNT);
    print_bucket(out, metric, -1, count);
    hp_buffer_printf(out, "%s_sum", metric->name);
    print_labels(out, metric);
    hp_put_u8(out, ' ');
    print_seconds(out, sum);
    hp_buffer_printf(out, "\n%s_count", metric->name);
    print_labels(out, metric);
    hp_buffer_printf(out, " %" PRId64 "\n", count);
}

static void
print_metric(struct hp_buffer *out, const struct hp_metric *metric, bool first)
{
    static const char *const kinds[] = {"counter", "gauge", "histogram"};

    if (first)
        hp_buffer_printf(out, "# HELP %s %s\n# TYPE %s %s\n", metric->name, metric->help,
            metric->name, kinds[metric->kind]);
    if (metric->kind == HP_METRIC_HISTOGRAM) {
        print_histogram(out, metric);
        return;
    }
    hp_buffer_printf(out, "%s", metric->name);
    print_labels(out, metric);
    hp_buffer_printf(out, " %" PRId64 "\n", hp_metric_value(metric));
}

void
hp_metrics_print(struct hp_buffer *out)
{
    pthread_mutex_lock(&registry_lock);
    for (size_t i = 0; i < registry_count; i++)
        print_metric(
            out, registry[i], i == 0 || strcmp(registry[i - 1]->name, registry[i]->name) != 0);
    pthread_mutex_unlock(&registry_lock);
}
