/*
 * app/process.h - the stream put together from options, a cluster and a store: registry, codec,
 * vocabulary, views, workers. `run` drives it with threads, `demo` step by step.
 *
 * Thread: made and freed on one; views are stepped by one thread, each worker by one.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_APP_PROCESS_H
#define HP_APP_PROCESS_H

#include "app/options.h"
#include "base/hash.h"
#include "flow/flow.h"

#define HP_WORKERS_MAX 64

struct hp_process {
    const struct hp_options *options;
    struct hp_cluster *cluster;
    struct hp_kv *kv;
    struct hp_registry *registry;
    struct hp_codec *codec;
    struct hp_vocabulary *vocabulary;
    struct hp_occasions *occasions;
    struct hp_bytes erasure_key; /* owned */
    struct hp_flow *flow;
    struct hp_worker *workers[HP_WORKERS_MAX];
    char *instances[HP_WORKERS_MAX];
    size_t worker_count;
};

struct hp_process_options {
    const struct hp_options *options;
    struct hp_cluster *cluster; /* kept */
    struct hp_kv *kv;           /* kept */
    int64_t (*clock_ms)(void *);
    void *clock_context;
    bool batch; /* publish rows and epochs at once, for --until-caught-up and demos */
    const struct hp_position *skip;
    size_t skip_count;
    const struct hp_position *accept_gap;
    size_t accept_gap_count;
};

/* Everything but the workers. HP_RETRY: a broker or registry cannot be reached yet. */
HP_MUST_CHECK enum hp_status hp_process_new(const struct hp_process_options *options,
    struct hp_process **process, struct hp_error *error);
/* num.stream.threads, but no more than there are partitions to share. */
size_t hp_process_workers(const struct hp_options *options);
/* Joins the group; call when the views are ready. */
HP_MUST_CHECK enum hp_status hp_process_join(struct hp_process *process,
    const struct hp_process_options *options, struct hp_error *error);
void hp_process_free(struct hp_process *process);

/* The key that remains of erased users are kept under; HP_USAGE when its file cannot be used.
 */
HP_MUST_CHECK enum hp_status hp_erasure_key_load(
    const struct hp_options *options, uint8_t key[HP_SHA256_SIZE], struct hp_error *error);

#endif
