/* app/process.c - wiring. SPDX-License-Identifier: Apache-2.0 */
#include "app/process.h"

#include "base/log.h"
#include "flow/residue.h"

#include <unistd.h>

#define FILE_BYTES_MAX     (1 << 20)
#define ERASURE_KEY_MIN    16
#define DELETE_RETENTION   86400000LL
#define EPOCH_GAP_BATCH_MS 50

static enum hp_status
read_file(const char *path, struct hp_buffer *out, struct hp_error *error)
{
    FILE *file = fopen(path, "rb");
    uint8_t block[4096];
    size_t size;

    if (!file)
        return hp_fail(error, HP_USAGE, "%s: cannot be read", path);
    while ((size = fread(block, 1, sizeof(block), file)) > 0 && out->size <= FILE_BYTES_MAX)
        hp_buffer_append(out, block, size);
    fclose(file);
    if (out->size > FILE_BYTES_MAX)
        return hp_fail(error, HP_USAGE, "%s: larger than 1 MiB", path);
    return HP_OK;
}

static enum hp_status
load_vocabulary(struct hp_process *process, struct hp_error *error)
{
    const char *path = process->options->vocabulary_file;
    struct hp_buffer text = {0};
    enum hp_status status = HP_OK;

    if (!path) {
        process->vocabulary = hp_vocabulary_new();
        return HP_OK;
    }
    status = read_file(path, &text, error);
    if (!status)
        status = hp_vocabulary_parse(hp_buffer_bytes(&text), path, &process->vocabulary, error);
    hp_buffer_release(&text);
    return status;
}

static enum hp_status
load_occasions(struct hp_process *process, struct hp_error *error)
{
    const char *path = process->options->occasions_file;
    struct hp_buffer text = {0};
    enum hp_status status = HP_OK;

    if (!path) {
        process->occasions = hp_occasions_new();
        return HP_OK;
    }
    status = read_file(path, &text, error);
    if (!status)
        status = hp_occasions_parse(hp_buffer_bytes(&text), path, &process->occasions, error);
    hp_buffer_release(&text);
    return status;
}

/* A guessable key is allowed, and told. */
enum hp_status
hp_erasure_key_load(
    const struct hp_options *options, uint8_t key[HP_SHA256_SIZE], struct hp_error *error)
{
    const char *path = options->erasure_key_file;
    struct hp_buffer text = {0};
    enum hp_status status = HP_OK;

    if (path) {
        status = read_file(path, &text, error);
        if (!status && text.size < ERASURE_KEY_MIN)
            status = hp_fail(error, HP_USAGE, "%s: an erasure key has at least %d bytes", path,
                ERASURE_KEY_MIN);
    } else {
        hp_buffer_printf(&text, "hamper erasure key of %s", options->application_id);
    }
    if (!status)
        hp_sha256(hp_buffer_bytes(&text), key);
    hp_buffer_release(&text);
    return status;
}

static enum hp_status
load_erasure_key(struct hp_process *process, struct hp_error *error)
{
    uint8_t *key = hp_alloc(HP_SHA256_SIZE);

    process->erasure_key = hp_bytes(key, HP_SHA256_SIZE);
    if (!process->options->erasure_key_file)
        HP_LOG(HP_LOG_WARN, "erasure.key.file is not set: the key follows from application.id");
    return hp_erasure_key_load(process->options, key, error);
}

static enum hp_status
open_codec(struct hp_process *process, struct hp_error *error)
{
    static const enum hp_topic outputs[] = {
        HP_TOPIC_BOX_RECOMMENDATIONS, HP_TOPIC_BOX_ANSWERS, HP_TOPIC_ERASURE_RECEIPTS};
    const struct hp_options *options = process->options;
    enum hp_status status =
        hp_registry_open(&(struct hp_registry_options){.url = options->schema_registry_url,
                             .auto_register = options->auto_register_schemas},
            &process->registry, error);

    if (status)
        return status;
    process->codec = hp_codec_new(process->registry);
    for (size_t i = 0; i < HP_ARRAY_SIZE(outputs) && !status; i++) {
        char subject[320];

        snprintf(subject, sizeof(subject), "%s-value", options->topics.name[outputs[i]]);
        status = hp_codec_prepare(process->codec,
            (enum hp_record_type)hp_topic_rows[outputs[i]].record_type, subject, error);
    }
    return status;
}

static struct hp_flow_options
flow_options(const struct hp_process *process, const struct hp_process_options *from)
{
    const struct hp_options *options = process->options;

    return (struct hp_flow_options){.application_id = options->application_id,
        .topics = &options->topics,
        .partitions = (int32_t)options->partitions,
        .currency = options->currency,
        .cluster = process->cluster,
        .codec = process->codec,
        .vocabulary = process->vocabulary,
        .occasions = process->occasions,
        .erasure_key = process->erasure_key,
        .clock_ms = from->clock_ms,
        .clock_context = from->clock_context,
        .budget_default_minor = options->budget_default_minor,
        .box_items_min = (int32_t)options->box_items_min,
        .box_items_max = (int32_t)options->box_items_max,
        .slots = options->slots,
        .sweep_interval_ms = options->sweep_interval_ms,
        .rows_publish_ms = options->rows_publish_ms,
        .rows_cache_bytes = (size_t)options->rows_cache_bytes,
        .emit_batch_users = (int32_t)options->emit_batch_users,
        .emit_defer_records = options->emit_defer_records,
        .privacy_min_buyers = (int32_t)options->privacy_min_buyers,
        .rate = &options->rate,
        .weights = &options->weights,
        .resolve_ms = options->model_resolve_ms,
        .eager_rows = from->batch,
        .epoch_gap_ms = from->batch ? EPOCH_GAP_BATCH_MS : 0};
}

enum hp_status
hp_process_new(const struct hp_process_options *options, struct hp_process **process,
    struct hp_error *error)
{
    struct hp_process *made = hp_alloc(sizeof(*made));
    enum hp_status status;

    made->options = options->options;
    made->cluster = options->cluster;
    made->kv = options->kv;
    status = load_vocabulary(made, error);
    if (!status)
        status = load_occasions(made, error);
    if (!status)
        status = load_erasure_key(made, error);
    if (!status)
        status = open_codec(made, error);
    if (!status) {
        struct hp_flow_options flow = flow_options(made, options);

        status = hp_residue_ms(made->cluster, flow.topics, &flow.residue_ms, error);
        if (!status)
            status = hp_flow_new(&flow, &made->flow, error);
    }
    if (status) {
        hp_process_free(made);
        return status;
    }
    *process = made;
    return HP_OK;
}

static char *
instance_name(const struct hp_options *options, size_t number)
{
    char host[128] = "local";
    struct hp_buffer name = {0};

    gethostname(host, sizeof(host) - 1);
    hp_buffer_printf(&name, "%s-%zu", options->instance ? options->instance : host, number);
    return (char *)name.data;
}

size_t
hp_process_workers(const struct hp_options *options)
{
    int64_t count =
        options->threads < options->partitions ? options->threads : options->partitions;

    return count < HP_WORKERS_MAX ? (size_t)count : HP_WORKERS_MAX;
}

enum hp_status
hp_process_join(
    struct hp_process *process, const struct hp_process_options *from, struct hp_error *error)
{
    const struct hp_options *options = process->options;
    const struct hp_topic_names *topics = &options->topics;

    for (size_t i = 0; i < hp_process_workers(options); i++) {
        char *instance = instance_name(options, i);
        enum hp_status status;

        process->instances[i] = instance;
        status = hp_worker_new(&(struct hp_worker_options){.cluster = process->cluster,
                                   .kv = process->kv,
                                   .application = hp_flow_application(process->flow),
                                   .application_id = options->application_id,
                                   .instance = instance,
                                   .changelog_topic = topics->name[HP_TOPIC_LEDGER_CHANGELOG],
                                   .dead_letter_topic = topics->name[HP_TOPIC_DEAD_LETTERS],
                                   .reroute_topic = topics->name[HP_TOPIC_REROUTE],
                                   .audit_topic = topics->name[HP_TOPIC_AUDIT],
                                   .partitions = (int32_t)options->partitions,
                                   .dead_letter_partitions = (int32_t)options->partitions,
                                   .clock_ms = from->clock_ms,
                                   .clock_context = from->clock_context,
                                   .commit_interval_ms = options->commit_interval_ms,
                                   .commit_gap_ms = options->commit_gap_ms,
                                   .fence_ms = options->request_fence_ms,
                                   .overlay_bytes = (size_t)options->overlay_bytes,
                                   .round_records = (size_t)options->batch_records,
                                   .breaker = options->errors_breaker,
                                   .delete_retention_ms = DELETE_RETENTION,
                                   .skip = from->skip,
                                   .skip_count = from->skip_count,
                                   .accept_gap = from->accept_gap,
                                   .accept_gap_count = from->accept_gap_count},
            &process->workers[i], error);
        if (status)
            return status;
        process->worker_count++;
    }
    return HP_OK;
}

void
hp_process_free(struct hp_process *process)
{
    if (!process)
        return;
    for (size_t i = 0; i < process->worker_count; i++)
        hp_worker_free(process->workers[i], false);
    for (size_t i = 0; i < HP_WORKERS_MAX; i++)
        free(process->instances[i]);
    hp_flow_free(process->flow);
    hp_codec_free(process->codec);
    hp_registry_free(process->registry);
    hp_vocabulary_free(process->vocabulary);
    hp_occasions_free(process->occasions);
    free((void *)process->erasure_key.data);
    free(process);
}
