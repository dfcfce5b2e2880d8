/*
 * tests/support/engine_rig.h - a tiny application on the real engine, with a broker and stores
 * in memory and a clock that only moves when told to.
 *
 * The application counts records per user (a fact), keeps users by count (derived), and emits
 * every new count once from a pending row. What a record's value says:
 *     anything     counted                       bad       HP_BAD_RECORD before any write
 *     late-bad     HP_BAD_RECORD after writes    forward   goes to the next partition first
 *     huge         an output no topic takes      corrupt   HP_CORRUPT, once
 *     retry        HP_RETRY, once
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_TESTS_ENGINE_RIG_H
#define HP_TESTS_ENGINE_RIG_H

#include "base/rng.h"
#include "broker/broker_memory.h"
#include "engine/engine.h"
#include "engine/header.h"

#define RIG_PARTITIONS 2
#define RIG_WORKERS    2
#define RIG_USERS      8
#define RIG_VISITS     4096

enum { RIG_ORDERS, RIG_REQUESTS, RIG_REROUTE, RIG_SOURCES };
enum { RIG_COUNT = 1, RIG_PENDING = 2, RIG_BY_COUNT = 3, RIG_STORES = 3 };

struct rig {
    int64_t now_ms;
    struct hp_cluster *cluster;
    struct hp_producer *producer; /* of inputs, never faulty */
    struct hp_application application;
    struct hp_worker_options options;
    struct hp_kv *kv[RIG_WORKERS];
    struct hp_worker *worker[RIG_WORKERS];
    struct hp_error error; /* of the last step that failed */
    /* Faults: the countdown-th operation fails, and from then on each with `chance` in 1000. */
    bool faults;
    int64_t operations;
    int64_t fail_at; /* 0: none */
    uint32_t chance;
    struct hp_rng rng;
    bool fired;              /* `retry` and `corrupt` happened */
    char visits[RIG_VISITS]; /* source letters in the order of processing: o q r */
    size_t visit_count;
    int opened;
    int closed;
};

/* Zeroed options of the rig are filled in; change them before rig_start(). */
void rig_init(struct rig *rig, uint64_t seed);
void rig_release(struct rig *rig);
/* Makes worker `n`, which keeps its store from an earlier life. */
enum hp_status rig_start(struct rig *rig, int n);
void rig_crash(struct rig *rig, int n);
void rig_leave(struct rig *rig, int n);
/* Empties the store of a worker that does not run. */
void rig_wipe(struct rig *rig, int n);
void rig_send(
    struct rig *rig, int source, int32_t partition, const char *user, const char *value);
void rig_send_record(struct rig *rig, const struct hp_outgoing *record);
/* One turn of every worker and 5 ms; the first failure is returned. */
enum hp_status rig_step(struct rig *rig);
/* Steps until every worker is idle and the inputs are read; false after `most` turns. */
bool rig_settle(struct rig *rig, int most);
const char *rig_topic(int source);

/* What a read-committed stranger sees. */
struct rig_record {
    int32_t partition;
    struct hp_message message; /* lives in the arena */
};
size_t rig_read(struct rig *rig, const char *topic, struct hp_arena *arena,
    struct rig_record *records, size_t max);
/* The count in the store of the worker that holds the partition; -1 = none. */
int64_t rig_count(struct rig *rig, int32_t partition, const char *user);
/*
 * Checks derived rows against facts, the store against the changelog, digests, outputs without
 * repeats, and committed offsets at the logs' ends. Prints what is wrong and returns false.
 */
bool rig_verify(struct rig *rig);

#endif
