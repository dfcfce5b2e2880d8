/*
 * broker/broker_memory.h - a cluster in memory with Kafka's semantics and no surprises.
 *
 * Partitions, groups with generations and static members, transactions (control markers take an
 * offset, aborted records stay invisible, readers of committed data wait at the last stable
 * offset, a newer producer fences the older one, forgotten transactions end by time-out),
 * compaction, deletion, append times. With a clock of the caller's nothing depends on real time
 * and no call waits: the same calls give the same answers.
 *
 * Where it differs from Kafka on purpose: one coordinator that never moves, rebalances that are
 * decided at once, and deletion and compaction only when asked or by `retention_bytes`.
 *
 * Topic settings it honours: message.timestamp.type, max.message.bytes, cleanup.policy,
 * delete.retention.ms (in hp_memory_compact). Others are kept and told.
 *
 * Thread: any; one lock for the whole cluster. Faults are asked under the lock and must not
 * call back.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_BROKER_BROKER_MEMORY_H
#define HP_BROKER_BROKER_MEMORY_H

#include "broker/broker.h"

/*
 * Asked before every operation; anything but HP_OK is its answer, and nothing happens. Names:
 * topic create watermarks committed reader_new reader_assign reader_poll member_new member_poll
 * producer_new begin send offsets commit abort flush. "committed_unheard" is asked after a
 * commit took effect: the caller hears the failure although the records are visible. A failing
 * abort leaves the transaction open until the next begin or its time-out.
 *
 * Requests that come late, as those of a client without KIP-890 may: "commit_late",
 * "abort_late" and "offsets_late" are asked before the request is seen: the caller hears the
 * failure, and the request arrives with hp_memory_deliver(). After "commit_twice" or
 * "offsets_twice" the request is answered well and arrives once more. Whoever sent it under an
 * epoch that is over is refused.
 *
 * "callback_lost" is asked when a member finds its seat gone: it is not told which partitions
 * it lost, only what it is given next, and afterwards what of the old it did not get back.
 */
typedef enum hp_status hp_memory_fault(
    void *context, const char *operation, struct hp_error *error);

struct hp_memory_options { /* zeroed: real time, Kafka's time-outs, nothing is deleted */
    int64_t (*clock)(void *context); /* milliseconds; NULL = the system's, and polls wait */
    void *clock_context;
    hp_memory_fault *fault; /* NULL = none */
    void *fault_context;
    int64_t session_timeout_ms;     /* a crashed member keeps its seat so long; 0 = 45 000 */
    int64_t poll_interval_ms;       /* a silent member is put out after it; 0 = 300 000 */
    int64_t transaction_timeout_ms; /* 0 = 10 000 */
    size_t retention_bytes; /* > 0: a partition of a topic that is not compacted gives up, above
                               this size, what every group has committed and every open reader
                               has passed; one that no group commits keeps all */
};

struct hp_cluster *hp_cluster_memory_new(const struct hp_memory_options *options);

/* As the log cleaner would, up to the last stable offset. HP_USAGE: no such partition. */
HP_MUST_CHECK enum hp_status hp_memory_compact(
    struct hp_cluster *cluster, const char *topic, int32_t partition, struct hp_error *error);
/* Deletes everything below `before`. */
HP_MUST_CHECK enum hp_status hp_memory_trim(struct hp_cluster *cluster, const char *topic,
    int32_t partition, int64_t before, struct hp_error *error);
/* Puts the member out of its group as a missed session would; it does not know yet. */
void hp_memory_evict(struct hp_member *member);
/* The same for whoever sits there under this group.instance.id, if anybody does. */
void hp_memory_evict_instance(
    struct hp_cluster *cluster, const char *group, const char *instance);
/* The oldest late request arrives; false when there is none. */
bool hp_memory_deliver(struct hp_cluster *cluster);
/* The group's offsets of one topic expire. */
void hp_memory_forget(struct hp_cluster *cluster, const char *group, const char *topic);
/* Bytes of records in all partitions, framing included. */
size_t hp_memory_bytes(struct hp_cluster *cluster);

#endif
