/*
 * tests/sim/sim.h - the production stream on a broker and stores in memory, several instances
 * of it, and everything that can go wrong, all of it drawn from one number.
 *
 *     schedule.c   what happens: who steps, what is sent, what breaks
 *     world.c      topics, clock, instances, and the faults they meet
 *     events.c     what the platform writes, and what may be expected of it
 *     store.c      a state directory in memory that can be copied, and a process that dies in
 * it check.c      what must hold at every quiet moment
 *
 * Thread: one. Nothing depends on time, addresses or the machine.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_TESTS_SIM_H
#define HP_TESTS_SIM_H

#include "base/rng.h"
#include "broker/broker_memory.h"
#include "flow/flow.h"

#define SIM_START_MS       1767225600000LL /* 2026-01-01 */
#define SIM_DAY_MS         86400000LL
#define SIM_PARTITIONS_MAX 4
#define SIM_INSTANCES_MAX  4
#define SIM_GHOSTS_MAX     2
#define SIM_USERS          6
#define SIM_ITEMS          12
#define SIM_NEVER          INT64_MAX

struct sim;

/* ---- what the platform wrote ------------------------------------------------------------- */

struct sim_input {
    enum hp_topic topic;
    int32_t partition;
    int64_t offset;
    int64_t at_ms; /* append time */
    struct hp_bytes key;
    struct hp_bytes value; /* absent: tombstone */
    bool bad;              /* must become one dead letter */
    const void *record;    /* the good one's struct, or NULL */
};

/* ---- one process ------------------------------------------------------------------------- */

struct sim_instance {
    struct sim *sim;
    int number;
    char name[16];
    const char *group;    /* and application id */
    bool reads_only;      /* begins no transaction */
    bool dead;            /* every call it makes fails: it is over but for the release */
    int64_t die_at;       /* operations left until it dies; SIM_NEVER */
    int64_t die_at_write; /* the same, of writes to its store only */
    bool after;           /* ... and the write in which it dies is applied */
    const char *die_in;   /* the call to the broker in which it dies next; NULL */
    int64_t freeze_at;    /* reads of its store until it stands still in the middle of a turn */
    bool failed;          /* a call failed for good */
    int64_t asleep_until_ms;
    struct hp_kv *disk; /* its state directory; survives it */
    struct hp_kv *kv;   /* `disk` as it sees it while it lives */
    struct hp_codec *codec;
    struct hp_flow *flow;
    struct hp_worker *worker;
};

/* What a seed decides beside the schedule. */
struct sim_tunables {
    int32_t partitions;
    int instances;
    int64_t commit_interval_ms;
    int64_t commit_gap_ms;
    int64_t fence_ms;
    int64_t rows_publish_ms;
    size_t rows_cache_bytes;
    size_t overlay_bytes;
    size_t round_records;
    int32_t emit_batch_users;
    int32_t walk_users;
    bool eager_rows;
    uint32_t retry_chance;    /* of 1,000 broker calls, so many fail in passing */
    uint32_t fatal_chance;    /* of 10,000, so many for good */
    uint32_t late_chance;     /* of 1,000 requests, so many come late or twice, or unheard */
    uint32_t registry_chance; /* of 100 schema look-ups, so many find nobody */
    bool catalogue_bad;
};

struct sim {
    uint64_t seed;
    struct hp_rng rng;
    struct hp_rng faults_rng;
    int64_t now_ms;
    struct sim_tunables tunables;
    struct hp_arena arena;
    struct hp_cluster *cluster;
    struct hp_topic_names topics;
    struct hp_producer *producer; /* the platform's */
    struct hp_vocabulary *vocabulary;
    struct hp_occasions *occasions;
    struct hp_registry *registry; /* fails as told */
    struct sim_instance *instances[SIM_INSTANCES_MAX];
    struct sim_instance *ghosts[SIM_GHOSTS_MAX]; /* replaced, but not gone; or NULL */
    struct sim_instance *current;                /* whose code runs */
    bool frozen;                                 /* somebody stands still within a turn */
    bool faults;
    struct hp_error error;   /* of the last instance that ended */
    struct hp_buffer inputs; /* of struct sim_input */
    int64_t events;
    bool compacted[HP_TOPIC_COUNT]; /* topics that lost records before they were read */
    bool days_passed;
    bool trimmed[HP_TOPIC_COUNT]; /* topics that lost records after that */
    struct hp_kv *backup;         /* somebody's disk as it was once; or NULL */
    uint64_t trace;               /* hash of every call and answer */
    struct sim *reference;        /* a world without trouble that was sent the same; or NULL */
    int64_t fences;
    int64_t rebuilds; /* as counted when it began */
    bool broken;      /* a process ended without a reason */
};

/* ---- world.c ----------------------------------------------------------------------------- */

/* What all seeds share and never changes; once a process. */
void sim_global_init(void);
void sim_global_release(void);
struct hp_codec *sim_codec(void); /* the platform's */
/* Local copies dropped since the program began, because they contradicted themselves. */
int64_t sim_rebuilds(void);

void sim_init(struct sim *sim, uint64_t seed);
void sim_release(struct sim *sim);
void sim_trace(struct sim *sim, const char *what, int64_t value);
/* Starts a process; false when it could not, with `sim->error`. */
bool sim_start(struct sim *sim, struct sim_instance *instance);
/* Ends it as a crash would, or in order. */
void sim_end(struct sim_instance *instance, bool crash);
void sim_end_all(struct sim *sim);
/* One turn of views and worker; false when the process ended. Time does not move. */
bool sim_turn(struct sim_instance *instance, bool views);
/* A process loses its name to a successor, and goes on as if it had not. */
void sim_replace(struct sim *sim, int number, bool with_state);
/* Time passes and the others go on while this one is in the middle of something. */
void sim_freeze(struct sim_instance *instance);
/* The group puts its member out; it does not know yet. */
void sim_evict(struct sim_instance *instance);
/* A fresh store restored from the changelogs by a stranger; NULL with `sim->error`. */
struct hp_kv *sim_restore_cold(struct sim *sim);
/* Whether everything is read, committed, emitted and solved. */
bool sim_quiet(struct sim *sim);
/* No more faults, until nothing is left to do; false with `sim->error`. */
bool sim_settle(struct sim *sim);

/* ---- store.c ----------------------------------------------------------------------------- */

struct hp_kv *sim_disk_copy(struct hp_kv *disk);
/* The disk as a process sees it; its free leaves the disk. */
struct hp_kv *sim_disk_open(struct sim_instance *instance);
/* Counts an operation; true when the process is or has just become dead. */
bool sim_dies(struct sim_instance *instance);

/* ---- events.c ---------------------------------------------------------------------------- */

void sim_stock(struct sim *sim);
void sim_send_some(struct sim *sim);
void sim_send_catalogue(struct sim *sim);
/* Writes the same inputs at the same times to another world's topics. */
void sim_replay(struct sim *to, const struct sim *from);
size_t sim_inputs(const struct sim *sim, const struct sim_input **inputs);

/* ---- check.c ----------------------------------------------------------------------------- */

/* What must hold now that it is quiet; prints what does not. */
bool sim_check(struct sim *sim);

/* ---- schedule.c -------------------------------------------------------------------------- */

/* Plays the seed's schedule; false when something did not hold. */
bool sim_play(uint64_t seed, uint64_t *trace);

#endif
