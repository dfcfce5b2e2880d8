/*
 * flow/residue.c - retention added up, and files written anew.
 *
 * A topic that deletes drops whole segments when their newest record is past the retention, so
 * its oldest record lives as long as a segment is written to, and the retention. One that
 * compacts has a record no longer than the lag after a newer one of its key came; the
 * tombstone, whose key is the user, goes in the first compaction after its own retention.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "flow/residue.h"

#include "store/keys.h"

#include <stdlib.h>

/* Of Kafka, where neither topic nor table says. */
#define SEGMENT_MS   604800000
#define RETENTION_MS 604800000
#define TOMBSTONE_MS 86400000

/* The topics of ours whose keys or values hold user ids. */
static const enum hp_topic personal[] = {HP_TOPIC_BOX_RECOMMENDATIONS, HP_TOPIC_BOX_ANSWERS,
    HP_TOPIC_DEAD_LETTERS, HP_TOPIC_REROUTE, HP_TOPIC_LEDGER_CHANGELOG};

static int64_t
add(int64_t a, int64_t b)
{
    return a > HP_RESIDUE_FOREVER - b ? HP_RESIDUE_FOREVER : a + b;
}

static const char *
setting_of(const struct hp_setting *settings, size_t count, const char *name)
{
    for (size_t i = 0; i < count && settings[i].name; i++)
        if (strcmp(settings[i].name, name) == 0)
            return settings[i].value;
    return NULL;
}

struct topic_settings {
    const struct hp_topic_row *row;
    struct hp_topic_info info;
};

static const char *
text_of(const struct topic_settings *topic, const char *name)
{
    return topic->info.exists
               ? setting_of(topic->info.settings, topic->info.setting_count, name)
               : setting_of(topic->row->settings, HP_ARRAY_SIZE(topic->row->settings), name);
}

/* Below 0 is without end. */
static int64_t
ms_of(const struct topic_settings *topic, const char *name, int64_t unsaid)
{
    const char *text = text_of(topic, name);
    long long ms = text ? strtoll(text, NULL, 10) : unsaid;

    return ms < 0 ? HP_RESIDUE_FOREVER : (int64_t)ms;
}

static int64_t
topic_ms(const struct topic_settings *topic)
{
    const char *policy = text_of(topic, "cleanup.policy");
    int64_t lag;

    if (!policy || !strstr(policy, "compact"))
        return add(
            ms_of(topic, "retention.ms", RETENTION_MS), ms_of(topic, "segment.ms", SEGMENT_MS));
    lag = ms_of(topic, "max.compaction.lag.ms", HP_RESIDUE_FOREVER);
    return add(add(lag, ms_of(topic, "delete.retention.ms", TOMBSTONE_MS)), lag);
}

enum hp_status
hp_residue_ms(struct hp_cluster *cluster, const struct hp_topic_names *names, int64_t *ms,
    struct hp_error *error)
{
    struct hp_arena arena = {0};
    enum hp_status status = HP_OK;

    *ms = 0;
    for (size_t i = 0; i < HP_ARRAY_SIZE(personal) && !status; i++) {
        struct topic_settings topic = {.row = &hp_topic_rows[personal[i]]};
        int64_t own;

        status =
            hp_cluster_topic(cluster, names->name[personal[i]], &arena, &topic.info, error);
        own = status ? 0 : topic_ms(&topic);
        if (own > *ms)
            *ms = own;
    }
    hp_arena_release(&arena);
    return status;
}

/* ---- bytes in files ------------------------------------------------------------------------
 */

enum hp_status
hp_residue_note(struct hp_step *step, uint8_t source, int64_t offset, struct hp_error *error)
{
    struct hp_buffer key = {0};
    enum hp_status status;

    hp_put_u8(&key, source);
    hp_put_u64(&key, (uint64_t)offset);
    status =
        hp_step_put(step, HP_STORE_FORGOTTEN, hp_buffer_bytes(&key), hp_bytes_text(""), error);
    hp_buffer_release(&key);
    return status;
}

/* Deletes of the notes there are now. */
static enum hp_status
read_notes(
    struct hp_kv *kv, int32_t partition, struct hp_kv_batch *batch, struct hp_error *error)
{
    struct hp_buffer from = {0};
    struct hp_buffer to = {0};
    struct hp_kv_cursor *cursor;
    struct hp_bytes key;
    struct hp_bytes value;
    enum hp_status status;

    hp_key_head(&from, partition, HP_STORE_FORGOTTEN);
    hp_key_head(&to, partition, HP_STORE_FORGOTTEN + 1);
    cursor = hp_kv_scan(kv, hp_buffer_bytes(&from), hp_buffer_bytes(&to));
    while (hp_kv_next(cursor, &key, &value))
        hp_kv_delete(batch, key);
    status = hp_kv_cursor_free(cursor, error);
    hp_buffer_release(&from);
    hp_buffer_release(&to);
    return status;
}

/* Notes that come meanwhile stay for the next time. */
static enum hp_status
compact_one(struct hp_kv *kv, int32_t partition, int32_t *count, struct hp_error *error)
{
    struct hp_kv_batch batch = {0};
    struct hp_buffer from = {0};
    struct hp_buffer to = {0};
    enum hp_status status = read_notes(kv, partition, &batch, error);

    if (!status && batch.count > 0) {
        hp_key_head(&from, partition, 0);
        hp_key_head(&to, partition + 1, 0);
        ++*count;
        status = hp_kv_compact(kv, hp_buffer_bytes(&from), hp_buffer_bytes(&to), error);
        if (!status)
            status = hp_kv_write(kv, &batch, error);
    }
    hp_kv_batch_release(&batch);
    hp_buffer_release(&from);
    hp_buffer_release(&to);
    return status;
}

enum hp_status
hp_residue_compact(struct hp_kv *kv, int32_t partitions, int32_t *count, struct hp_error *error)
{
    enum hp_status status = HP_OK;

    *count = 0;
    for (int32_t p = 0; p < partitions && !status; p++)
        status = compact_one(kv, p, count, error);
    return status;
}
