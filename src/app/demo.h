/*
 * app/demo.h - what the parts of `hamper demo` share: the whole stream inside one thread.
 *
 * A stage is an embedded broker, a state in memory, the process of app/process.h with one
 * worker, a producer for the inputs and a reader of the outputs. Nothing is kept when it ends.
 * Events are sent with hp_stage_send(); hp_stage_turn() lets everything take one step, and
 * hp_stage_settle() steps until nothing is left to do.
 *
 * Thread: one.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_APP_DEMO_H
#define HP_APP_DEMO_H

#include "app/cards.h"
#include "app/process.h"
#include "archive/records.h"
#include "store/kv.h"

#define HP_STAGE_WATCHED_MAX 16
#define HP_STAGE_REASONS_MAX 32

/* A user whose newest boxes are kept. */
struct hp_watched {
    char *user;
    struct hp_buffer standing; /* as it came from the topic; empty before the first */
    struct hp_buffer answer;   /* to the last request */
    int64_t seen_ms;           /* when either came last, on the clock of hp_stage_clock_ms() */
};

/* Dead letters of one reason from one topic. */
struct hp_dead_count {
    char code[64];
    char topic[256];
    int64_t count;
};

struct hp_stage {
    struct hp_options *options;
    struct hp_cluster *cluster;
    struct hp_kv *kv;
    struct hp_process *process;
    struct hp_process_options process_options;
    struct hp_producer *producer;
    struct hp_reader *reader;
    struct hp_arena arena; /* of the record in hand */
    struct hp_buffer value;

    struct hp_watched watched[HP_STAGE_WATCHED_MAX];
    size_t watched_count;
    struct hp_dead_count dead[HP_STAGE_REASONS_MAX];
    size_t dead_kinds; /* one beyond the table is counted in `dead_letters` only */

    int64_t sent;
    int64_t items_sent; /* of these to the catalogue */
    int64_t recommendations;
    int64_t answers;
    int64_t boxes;
    int64_t dead_letters;
    int64_t receipts;

    uint64_t *users; /* hashes of ids that got boxes; open addressing, 0 = free */
    size_t user_slots;
    size_t user_count;

    /* Every standing recommendation, when set: the shop reacts to it. */
    void (*shown)(void *context, const struct hp_recommendation *recommendation);
    void *shown_context;
    bool show_answers; /* answers to requests as well */

    /*
     * Set before opening: time is `now_ms`, moved on by each turn, and nothing waits for real
     * time. Rows and epochs come when their time has come, which hp_stage_settle() brings on;
     * logs give up what everybody has read, so that memory is that of the state.
     */
    bool own_clock;
    int64_t now_ms;
    size_t shed_bytes; /* of all logs: beyond it they are compacted and trimmed */

    bool terminal;   /* the progress line is drawn over */
    bool progress;   /* there is one */
    bool line_open;  /* and it stands there */
    int64_t told_ms; /* when it was drawn last */
    int64_t start_ms;
};

/* Makes the topics, the stream and its worker; ready for events. The options are kept and must
 * ask for one worker. Released with hp_stage_close(), also after a failure. */
HP_MUST_CHECK enum hp_status hp_stage_open(
    struct hp_stage *stage, struct hp_options *options, struct hp_error *error);
void hp_stage_close(struct hp_stage *stage);

/* One record into its input topic. */
HP_MUST_CHECK enum hp_status hp_stage_send(struct hp_stage *stage, enum hp_record_type type,
    const void *record, struct hp_error *error);
/* One step of views and worker, then what came out. HP_STOP: a signal asked to end. */
HP_MUST_CHECK enum hp_status hp_stage_turn(
    struct hp_stage *stage, int timeout_ms, struct hp_error *error);
/* Turns until everything sent is processed and committed. */
HP_MUST_CHECK enum hp_status hp_stage_catch_up(struct hp_stage *stage, struct hp_error *error);
/* The same, and published, solved and read back. */
HP_MUST_CHECK enum hp_status hp_stage_settle(struct hp_stage *stage, struct hp_error *error);

/* Keeps the newest boxes of a user from now on; the same twice is one. The table must have
 * room. */
struct hp_watched *hp_stage_watch(struct hp_stage *stage, struct hp_bytes user);
/* What a watched user has, decoded into the arena; false when nothing came. */
bool hp_stage_standing(struct hp_stage *stage, const struct hp_watched *watched,
    struct hp_arena *arena, struct hp_recommendation *recommendation);
bool hp_stage_answer(struct hp_stage *stage, const struct hp_watched *watched,
    struct hp_arena *arena, struct hp_recommendation *recommendation);

/* Events the stream has read. */
int64_t hp_stage_processed(const struct hp_stage *stage);
int64_t hp_stage_transactions(const struct hp_stage *stage);

/* From here on a progress line is drawn on standard error, until hp_stage_progress_end(), which
 * leaves the last state of it. */
void hp_stage_progress_begin(struct hp_stage *stage);
void hp_stage_progress_end(struct hp_stage *stage);

/* Milliseconds that never go back, for durations. */
int64_t hp_stage_clock_ms(void);
/* SIGINT or SIGTERM came. */
bool hp_demo_interrupted(void);

/* The made-up shop: first boxes, a season of events, four twists. */
HP_MUST_CHECK enum hp_status hp_demo_story(
    struct hp_stage *stage, uint64_t seed, struct hp_error *error);
/* The event files of a folder. They are read and checked before the stage is set. */
struct hp_demo_files; /* opaque */
HP_MUST_CHECK enum hp_status hp_demo_files_open(
    const char *path, struct hp_demo_files **files, struct hp_error *error);
void hp_demo_files_free(struct hp_demo_files *files);
HP_MUST_CHECK enum hp_status hp_demo_files_play(
    struct hp_demo_files *files, struct hp_stage *stage, struct hp_error *error);

#endif
