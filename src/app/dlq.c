/*
 * app/dlq.c - `hamper dlq list|replay`: what was refused, and a second chance for it.
 *
 * The dead-letter topic is read once up to its end as of now, so a replayed record that is
 * refused again is not met in the same run. Replaying twice is harmless: orders, feedback and
 * requests have identities. A letter whose value was left out for its size cannot be replayed;
 * it is counted and the exit status is 1.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "app/command.h"
#include "app/commands.h"
#include "base/hash.h"
#include "domain/instant.h"

#include <inttypes.h>

#define PREFIX      "__connect.errors."
#define POLL_MS     500
#define GROUPS_MAX  1024
#define FLUSH_EVERY 1000

struct group {
    char *topic;
    char *reason;
    int64_t count;
    int64_t first_ms;
    int64_t last_ms;
};

struct dlq {
    struct hp_options options;
    const char *reason;
    const char *topic;
    bool replay;
    bool dry_run;

    struct hp_cluster *cluster;
    struct hp_reader *reader;
    struct hp_producer *producer;
    int64_t *ends;
    int32_t partitions;
    int32_t open;
    struct group groups[GROUPS_MAX];
    size_t group_count;
    int64_t sent;
    int64_t without_value;
    struct hp_arena arena;
};

static struct hp_bytes
header_value(const struct hp_message *message, const char *name)
{
    for (size_t i = message->header_count; i-- > 0;) /* ours are the last */
        if (hp_bytes_is(message->headers[i].name, name))
            return message->headers[i].value;
    return hp_bytes_text("");
}

static bool
is_chosen(const struct dlq *dlq, struct hp_bytes topic, struct hp_bytes reason)
{
    return (!dlq->topic || hp_bytes_is(topic, dlq->topic)) &&
           (!dlq->reason || hp_bytes_is(reason, dlq->reason));
}

static char *
copy_text(struct hp_bytes text)
{
    char *copy = hp_alloc(text.size + 1);

    if (text.size)
        memcpy(copy, text.data, text.size);
    return copy;
}

static void
count_letter(
    struct dlq *dlq, struct hp_bytes topic, struct hp_bytes reason, int64_t timestamp_ms)
{
    struct group *group = dlq->groups;
    struct group *end = group + dlq->group_count;

    while (group < end &&
           !(hp_bytes_is(topic, group->topic) && hp_bytes_is(reason, group->reason)))
        group++;
    if (group == end) {
        if (dlq->group_count == GROUPS_MAX)
            group--; /* more kinds than codes and topics allow: all in the last */
        else
            dlq->groups[dlq->group_count++] =
                (struct group){copy_text(topic), copy_text(reason), 0, timestamp_ms, 0};
    }
    group->count++;
    if (timestamp_ms < group->first_ms)
        group->first_ms = timestamp_ms;
    if (timestamp_ms > group->last_ms)
        group->last_ms = timestamp_ms;
}

/* What hamper added goes; the producer's own headers stay. */
static size_t
keep_headers(const struct hp_message *message, struct hp_header *kept)
{
    size_t count = 0;

    for (size_t i = 0; i < message->header_count; i++)
        if (!hp_bytes_starts(message->headers[i].name, hp_bytes_text(PREFIX)) &&
            !hp_bytes_starts(message->headers[i].name, hp_bytes_text("hamper.")))
            kept[count++] = message->headers[i];
    return count;
}

/* By its key as producers place it; without a key, where it was. */
static enum hp_status
choose_partition(struct dlq *dlq, const struct hp_message *message, const char *topic,
    int32_t *partition, struct hp_error *error)
{
    struct hp_topic_info info;
    const char *text = hp_arena_text(&dlq->arena, header_value(message, PREFIX "partition"));
    enum hp_status status = hp_cluster_topic(dlq->cluster, topic, &dlq->arena, &info, error);

    if (status)
        return status;
    if (!info.exists)
        return hp_fail(error, HP_USAGE, "topic %s does not exist", topic);
    *partition = message->key.data
                     ? hp_partition_of(message->key, info.partitions)
                     : (int32_t)(strtoul(text, NULL, 10) % (unsigned long)info.partitions);
    return HP_OK;
}

static bool
is_input(const struct dlq *dlq, struct hp_bytes topic)
{
    for (int i = 0; i < HP_TOPIC_COUNT; i++)
        if (hp_topic_rows[i].role == HP_ROLE_INPUT &&
            hp_bytes_is(topic, dlq->options.topics.name[i]))
            return true;
    return false;
}

static enum hp_status
replay(struct dlq *dlq, const struct hp_message *message, struct hp_bytes topic,
    struct hp_error *error)
{
    struct hp_header *headers =
        HP_ARENA_ARRAY(&dlq->arena, message->header_count + 1, struct hp_header);
    struct hp_outgoing record = {.topic = hp_arena_text(&dlq->arena, topic),
        .key = message->key,
        .value = message->value,
        .headers = headers,
        .header_count = keep_headers(message, headers)};
    enum hp_status status;

    if (!is_input(dlq, topic) || header_value(message, "hamper.value.size").size) {
        dlq->without_value++;
        return HP_OK;
    }
    dlq->sent++;
    if (dlq->dry_run)
        return HP_OK;
    status = choose_partition(dlq, message, record.topic, &record.partition, error);
    if (!status)
        status = hp_producer_send(dlq->producer, &record, error);
    if (!status && dlq->sent % FLUSH_EVERY == 0)
        status = hp_producer_flush(dlq->producer, error);
    return status;
}

static enum hp_status
handle_letter(struct dlq *dlq, const struct hp_message *message, struct hp_error *error)
{
    struct hp_bytes topic = header_value(message, PREFIX "topic");
    struct hp_bytes reason = header_value(message, PREFIX "exception.class.name");

    hp_arena_clear(&dlq->arena);
    if (!is_chosen(dlq, topic, reason))
        return HP_OK;
    if (dlq->replay)
        return replay(dlq, message, topic, error);
    count_letter(dlq, topic, reason, message->timestamp_ms);
    return HP_OK;
}

static void
note_progress(struct dlq *dlq, int32_t partition, int64_t next)
{
    if (dlq->ends[partition] < 0 || next < dlq->ends[partition])
        return;
    dlq->ends[partition] = -1;
    dlq->open--;
}

static enum hp_status
read_letters(struct dlq *dlq, struct hp_error *error)
{
    struct hp_poll poll;
    enum hp_status status = HP_OK;

    while (!status && dlq->open > 0) {
        int32_t partition;

        status = hp_reader_poll(dlq->reader, POLL_MS, &poll, error);
        if (status || poll.kind == HP_POLL_NOTHING)
            continue;
        partition = poll.message.partition;
        if (poll.kind == HP_POLL_RECORD && poll.message.offset < dlq->ends[partition])
            status = handle_letter(dlq, &poll.message, error);
        note_progress(dlq, partition, poll.message.offset + (poll.kind == HP_POLL_RECORD));
    }
    if (!status && dlq->producer)
        status = hp_producer_flush(dlq->producer, error);
    return status;
}

static enum hp_status
assign(struct dlq *dlq, const char *topic, struct hp_error *error)
{
    enum hp_status status = HP_OK;

    dlq->ends = hp_realloc_array(NULL, (size_t)dlq->partitions, sizeof(*dlq->ends));
    for (int32_t i = 0; !status && i < dlq->partitions; i++) {
        int64_t low;
        int64_t high;

        status = hp_cluster_watermarks(dlq->cluster, topic, i, &low, &high, error);
        if (status)
            break;
        dlq->ends[i] = high;
        dlq->open++;
        status = hp_reader_assign(dlq->reader, 0, i, low, error);
        note_progress(dlq, i, low);
    }
    return status;
}

static enum hp_status
connect_all(struct dlq *dlq, const char *const *topic, struct hp_error *error)
{
    struct hp_reader_options reader = {.topics = topic, .topic_count = 1};
    struct hp_topic_info info = {0};
    enum hp_status status = hp_command_cluster(&dlq->options, &dlq->cluster, error);

    if (!status)
        status = hp_cluster_topic(dlq->cluster, *topic, &dlq->arena, &info, error);
    if (!status && !info.exists)
        status = hp_fail(error, HP_USAGE, "topic %s does not exist", *topic);
    dlq->partitions = info.partitions;
    if (!status)
        status = hp_reader_new(dlq->cluster, &reader, &dlq->reader, error);
    if (!status && dlq->replay && !dlq->dry_run)
        status = hp_producer_new(dlq->cluster, NULL, &dlq->producer, error);
    return status ? status : assign(dlq, *topic, error);
}

static int
compare_groups(const void *left, const void *right)
{
    const struct group *a = left;
    const struct group *b = right;
    int order = strcmp(a->topic, b->topic);

    return order ? order : strcmp(a->reason, b->reason);
}

static void
print_groups(struct dlq *dlq)
{
    qsort(dlq->groups, dlq->group_count, sizeof(*dlq->groups), compare_groups);
    for (size_t i = 0; i < dlq->group_count; i++) {
        const struct group *group = &dlq->groups[i];
        char first[HP_INSTANT_TEXT];
        char last[HP_INSTANT_TEXT];

        hp_instant_text(group->first_ms, first);
        hp_instant_text(group->last_ms, last);
        printf("%-28s %-18s %10" PRId64 "  %s to %s\n", group->topic, group->reason,
            group->count, first, last);
    }
}

static enum hp_status
tell(struct dlq *dlq, struct hp_error *error)
{
    if (!dlq->replay) {
        print_groups(dlq);
        return hp_output_end(error);
    }
    fprintf(stderr, "%" PRId64 " %s\n", dlq->sent, dlq->dry_run ? "would be sent" : "sent");
    if (dlq->without_value)
        return hp_fail(error, HP_FATAL,
            "%" PRId64 " cannot be sent again: their value was left out, or they came from a "
            "topic that is no input",
            dlq->without_value);
    return HP_OK;
}

static enum hp_status
read_arguments(struct dlq *dlq, int argc, char **argv, struct hp_error *error)
{
    const char *topic = NULL;
    const struct hp_flag flags[] = {
        {"reason", NULL, &dlq->reason},
        {"topic", NULL, &topic},
        {"dry-run", &dlq->dry_run, NULL},
    };
    enum hp_topic found;
    enum hp_status status = hp_flags_take(&argc, argv, flags, HP_ARRAY_SIZE(flags), error);

    if (!status)
        status = hp_positional_check(argc, argv, 1, 1, error);
    if (!status && topic)
        status = hp_topic_find(&dlq->options, topic, &found, error);
    if (status)
        return status;
    if (topic)
        dlq->topic = dlq->options.topics.name[found];
    dlq->replay = strcmp(argv[1], "replay") == 0;
    if (!dlq->replay && strcmp(argv[1], "list") != 0)
        return hp_fail(error, HP_USAGE, "%.64s: expected list or replay", argv[1]);
    if (!dlq->replay && dlq->dry_run)
        return hp_fail(error, HP_USAGE, "--dry-run belongs to replay");
    return HP_OK;
}

static enum hp_status
dlq_all(struct dlq *dlq, int argc, char **argv, struct hp_error *error)
{
    const char *const *topic =
        (const char *const *)&dlq->options.topics.name[HP_TOPIC_DEAD_LETTERS];
    enum hp_status status = read_arguments(dlq, argc, argv, error);

    if (!status)
        status = connect_all(dlq, topic, error);
    if (!status)
        status = read_letters(dlq, error);
    return status ? status : tell(dlq, error);
}

static void
dlq_free(struct dlq *dlq)
{
    if (dlq->reader)
        hp_reader_free(dlq->reader);
    if (dlq->producer)
        hp_producer_free(dlq->producer, false);
    if (dlq->cluster)
        hp_command_cluster_free(dlq->cluster);
    for (size_t i = 0; i < dlq->group_count; i++) {
        free(dlq->groups[i].topic);
        free(dlq->groups[i].reason);
    }
    free(dlq->ends);
    hp_arena_release(&dlq->arena);
    hp_options_release(&dlq->options);
    free(dlq);
}

int
hp_cmd_dlq(int argc, char **argv)
{
    struct dlq *dlq = hp_alloc(sizeof(*dlq));
    struct hp_error error;
    enum hp_status status = hp_options_load(&argc, argv, &dlq->options, &error);

    if (!status)
        status = dlq_all(dlq, argc, argv, &error);
    dlq_free(dlq);
    return hp_command_end("dlq", status, &error);
}
