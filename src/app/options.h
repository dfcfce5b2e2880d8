/*
 * app/options.h - the configuration: strict, typed, and from four places.
 *
 * Precedence: `-o KEY=VALUE`, environment (`state.dir` is HAMPER_STATE_DIR), the file of
 * `-c FILE`, default. conf/hamper.conf lists every key. `${file:PATH}` and `${env:NAME}` inside
 * a value stand for what the file or the variable holds; secrets are accepted in no other form,
 * and error texts show values as they were written, never what they stand for.
 *
 * Every error is HP_USAGE and names the place (`hamper.conf:12`, `-o`, a variable) and the key.
 *
 * Thread: main, before others start; afterwards read by any.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_APP_OPTIONS_H
#define HP_APP_OPTIONS_H

#include "base/arena.h"
#include "base/log.h"
#include "flow/flow.h"
#include "flow/weights.h"
#include "model/rate.h"

struct hp_settings {
    const struct hp_setting *items;
    size_t count;
};

struct hp_options { /* texts live in `arena`; a text that may be unset is NULL then */
    /* Who and where. */
    const char *application_id;
    const char *bootstrap_servers;
    const char *instance; /* group.instance.id; the host's name when unset */
    const char *state_dir;
    const char *schema_registry_url;
    bool auto_register_schemas;
    struct hp_topic_names topics; /* in force, all of them */
    int64_t partitions;
    int64_t replication_factor;

    /* What counts. */
    const char *currency;
    const char *vocabulary_file;  /* NULL: built in */
    const char *occasions_file;   /* NULL: built in */
    const char *erasure_key_file; /* NULL: derived from application_id, with a warning */
    int64_t budget_default_minor;
    int64_t box_items_min;
    int64_t box_items_max;
    enum hp_slot_plan slots;
    int64_t privacy_min_buyers;
    int64_t sweep_interval_ms;
    struct hp_rate_constants rate;
    struct hp_weights_constants weights; /* min_buyers is privacy_min_buyers */
    int64_t model_resolve_ms;
    int64_t request_fence_ms;
    int64_t emit_batch_users;
    int64_t emit_defer_records;
    int64_t rows_publish_ms;
    bool errors_breaker;

    /* How much. */
    int64_t threads; /* num.stream.threads */
    int64_t commit_interval_ms;
    int64_t commit_gap_ms;
    int64_t batch_records;
    int64_t overlay_bytes;
    int64_t rows_cache_bytes;
    int64_t store_cache_bytes;
    int64_t store_buffer_bytes;

    /* What is told. */
    const char *http_host; /* NULL: http.listen=off */
    int64_t http_port;     /* 0: any free port */
    enum hp_log_level log_level;
    enum hp_log_format log_format;

    /* To librdkafka as they are, without their prefix. */
    struct hp_settings kafka;
    struct hp_settings kafka_consumer;
    struct hp_settings kafka_producer;

    struct hp_arena arena;
};

/*
 * Takes `-c FILE` and `-o KEY=VALUE` (any number, anywhere before `--`) out of argv and fills
 * `out`, which is released on failure.
 */
HP_MUST_CHECK enum hp_status hp_options_load(
    int *argc, char **argv, struct hp_options *out, struct hp_error *error);

/* The same from the text of one file called `name`: no command line, no environment. */
HP_MUST_CHECK enum hp_status hp_options_parse(
    struct hp_bytes text, const char *name, struct hp_options *out, struct hp_error *error);

void hp_options_release(struct hp_options *options);

/* Every key with its default and one comment, in the form of conf/hamper.conf. */
void hp_options_document(struct hp_buffer *out);

/*
 * `name` of `names` nearest to `word` by edit distance (ties: the first), or NULL when none is
 * near enough to be meant. For "did you mean".
 */
const char *hp_nearest(const char *word, const char *const *names, size_t count);

#endif
