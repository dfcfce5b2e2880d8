/*
 * app/cat.c - `hamper cat`: what lies in a topic, committed records only.
 *
 * A line a record: {"partition","offset","timestamp","key","value","headers"}. Values with a
 * schema are decoded; one that cannot be is shown as bytes beside the reason, so that cat never
 * hides a record. The changelog's keys are taken apart; values of our own formats are bytes.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "app/cards.h"
#include "app/command.h"
#include "app/commands.h"
#include "app/json_text.h"
#include "codec/frame.h"
#include "domain/instant.h"
#include "store/keys.h"

#include <inttypes.h>
#include <signal.h>

#define POLL_MS 500

enum where { FROM_EARLIEST, FROM_LATEST, FROM_OFFSET, FROM_TIME };

struct cat {
    struct hp_options options;
    enum hp_topic topic;
    enum where from;
    int64_t from_value; /* offset or time */
    bool follow;
    bool cards;

    struct hp_registry *registry;
    struct hp_codec *codec;
    struct hp_cluster *cluster;
    struct hp_reader *reader;
    int64_t *ends; /* per partition: read up to here; -1 = done */
    int32_t partitions;
    int32_t open; /* partitions not done */
    struct hp_card_options card_options;
    struct hp_arena arena;
    struct hp_buffer line;
};

static volatile sig_atomic_t interrupted;

static void
on_interrupt(int signal_number)
{
    (void)signal_number;
    interrupted = 1;
}

static struct hp_bytes
header_value(const struct hp_message *message, const char *name)
{
    for (size_t i = 0; i < message->header_count; i++)
        if (hp_bytes_is(message->headers[i].name, name))
            return message->headers[i].value;
    return (struct hp_bytes){0};
}

/* The topic whose records these are: dead letters and rerouted ones tell it in a header. */
static int
record_type(const struct cat *cat, const struct hp_message *message)
{
    struct hp_bytes origin = header_value(message, "__connect.errors.topic");

    if (hp_topic_rows[cat->topic].record_type >= 0)
        return hp_topic_rows[cat->topic].record_type;
    for (int i = 0; origin.data && i < HP_TOPIC_COUNT; i++)
        if (hp_bytes_is(origin, cat->options.topics.name[i]))
            return hp_topic_rows[i].record_type;
    return -1;
}

static enum hp_status
decode(struct cat *cat, int type, const struct hp_message *message, void **out,
    struct hp_error *error)
{
    *out = hp_arena_alloc(&cat->arena, hp_record_size((enum hp_record_type)type));
    return hp_codec_decode(cat->codec, (enum hp_record_type)type, message->value,
        header_value(message, HP_FRAME_HEADER_NAME), &cat->arena, *out, error);
}

static enum hp_status
put_value(struct cat *cat, const struct hp_message *message, struct hp_error *error)
{
    int type = record_type(cat, message);
    enum hp_status status;
    void *record;

    hp_buffer_printf(&cat->line, ",\"value\":");
    if (type < 0 || !message->value.data) {
        hp_json_hex(&cat->line, message->value);
        return HP_OK;
    }
    status = decode(cat, type, message, &record, error);
    if (!status) {
        hp_event_to_json((enum hp_record_type)type, record, &cat->line);
        return HP_OK;
    }
    if (status != HP_BAD_RECORD)
        return status;
    hp_json_hex(&cat->line, message->value);
    hp_buffer_printf(&cat->line, ",\"error\":");
    hp_json_text(&cat->line, hp_bytes_text(error->code));
    hp_buffer_printf(&cat->line, ",\"message\":");
    hp_json_text(&cat->line, hp_bytes_text(error->text));
    return HP_OK;
}

static const char *
store_name(uint8_t id)
{
    for (size_t i = 0; i < hp_flow_store_count; i++)
        if (hp_flow_stores[i].id == id)
            return hp_flow_stores[i].name;
    return id == HP_STORE_HEADER ? "header" : NULL;
}

/* The parts of a key as an array; false, with nothing written, when it has none. */
static bool
put_parts(struct hp_buffer *out, struct hp_bytes key)
{
    struct hp_cursor cursor = hp_cursor(key);
    struct hp_buffer part = {0};
    size_t before = out->size;
    bool good = key.size > 0;

    hp_buffer_printf(out, "[");
    while (good && cursor.at < cursor.end) {
        good = hp_key_part_read(&cursor, &part);
        if (!good)
            break;
        hp_buffer_printf(out, out->size > before + 1 ? "," : "");
        hp_json_text(out, hp_buffer_bytes(&part));
    }
    hp_buffer_printf(out, "]");
    hp_buffer_release(&part);
    if (!good)
        out->size = before;
    return good;
}

static bool
is_printable(struct hp_bytes text)
{
    for (size_t i = 0; i < text.size; i++)
        if (text.data[i] < 0x20 || text.data[i] == 0x7F)
            return false;
    return hp_bytes_utf8(text);
}

static void
put_key(struct cat *cat, struct hp_bytes key)
{
    const char *store =
        cat->topic == HP_TOPIC_LEDGER_CHANGELOG && key.size ? store_name(key.data[0]) : NULL;

    if (store) {
        hp_buffer_printf(&cat->line, ",\"store\":\"%s\"", store);
        key = hp_bytes(key.data + 1, key.size - 1);
    }
    hp_buffer_printf(&cat->line, ",\"key\":");
    if (store && put_parts(&cat->line, key))
        return;
    if (key.data && is_printable(key))
        hp_json_text(&cat->line, key);
    else
        hp_json_hex(&cat->line, key);
}

static void
put_headers(struct cat *cat, const struct hp_message *message)
{
    if (message->header_count == 0)
        return;
    hp_buffer_printf(&cat->line, ",\"headers\":[");
    for (size_t i = 0; i < message->header_count; i++) {
        hp_buffer_printf(&cat->line, i ? ",[" : "[");
        hp_json_text(&cat->line, message->headers[i].name);
        hp_buffer_printf(&cat->line, ",");
        hp_json_text(&cat->line, message->headers[i].value);
        hp_buffer_printf(&cat->line, "]");
    }
    hp_buffer_printf(&cat->line, "]");
}

static enum hp_status
print_line(struct cat *cat, const struct hp_message *message, struct hp_error *error)
{
    enum hp_status status;

    hp_buffer_clear(&cat->line);
    hp_buffer_printf(&cat->line,
        "{\"partition\":%d,\"offset\":%" PRId64 ",\"timestamp\":%" PRId64,
        (int)message->partition, message->offset, message->timestamp_ms);
    put_key(cat, message->key);
    status = put_value(cat, message, error);
    if (status)
        return status;
    put_headers(cat, message);
    hp_buffer_printf(&cat->line, "}\n");
    fwrite(cat->line.data, 1, cat->line.size, stdout);
    return HP_OK;
}

static enum hp_status
print_card(struct cat *cat, const struct hp_message *message, struct hp_error *error)
{
    enum hp_status status;
    void *record;

    if (!message->value.data) {
        printf("%.*s: no boxes any more\n", HP_BYTES_FORMAT(message->key));
        return HP_OK;
    }
    status = decode(cat, HP_RECORD_BOX_RECOMMENDATION, message, &record, error);
    if (!status)
        hp_cards_write(stdout, record, &cat->card_options);
    return status;
}

static enum hp_status
handle_record(struct cat *cat, const struct hp_message *message, struct hp_error *error)
{
    enum hp_status status;

    hp_arena_clear(&cat->arena);
    if (cat->from == FROM_TIME && message->timestamp_ms < cat->from_value)
        return HP_OK;
    status = cat->cards ? print_card(cat, message, error) : print_line(cat, message, error);
    if (!status && cat->follow)
        fflush(stdout);
    return !status && ferror(stdout) ? hp_output_end(error) : status;
}

static void
note_progress(struct cat *cat, int32_t partition, int64_t next)
{
    if (cat->follow || cat->ends[partition] < 0 || next < cat->ends[partition])
        return;
    cat->ends[partition] = -1;
    cat->open--;
}

static bool
is_wanted(const struct cat *cat, const struct hp_message *message)
{
    return cat->follow || (cat->ends[message->partition] >= 0 &&
                              message->offset < cat->ends[message->partition]);
}

static enum hp_status
read_records(struct cat *cat, struct hp_error *error)
{
    struct hp_poll poll;
    enum hp_status status = HP_OK;

    while (!status && cat->open > 0 && !interrupted) {
        status = hp_reader_poll(cat->reader, POLL_MS, &poll, error);
        if (status == HP_RETRY && cat->follow)
            status = HP_OK; /* the broker comes back, or somebody interrupts */
        else if (!status && poll.kind == HP_POLL_RECORD && is_wanted(cat, &poll.message))
            status = handle_record(cat, &poll.message, error);
        if (!status && poll.kind != HP_POLL_NOTHING)
            note_progress(cat, poll.message.partition,
                poll.message.offset + (poll.kind == HP_POLL_RECORD));
    }
    return status;
}

static int64_t
first_offset(const struct cat *cat, int64_t low, int64_t high)
{
    int64_t offset = cat->from == FROM_LATEST   ? high
                     : cat->from == FROM_OFFSET ? cat->from_value
                                                : low;

    return offset < low ? low : offset > high ? high : offset;
}

static enum hp_status
assign(struct cat *cat, const char *topic, struct hp_error *error)
{
    enum hp_status status = HP_OK;

    cat->ends = hp_realloc_array(NULL, (size_t)cat->partitions, sizeof(*cat->ends));
    for (int32_t i = 0; !status && i < cat->partitions; i++) {
        int64_t low;
        int64_t high;
        int64_t first;

        status = hp_cluster_watermarks(cat->cluster, topic, i, &low, &high, error);
        if (status)
            break;
        first = first_offset(cat, low, high);
        cat->ends[i] = high;
        cat->open++;
        status = hp_reader_assign(cat->reader, 0, i, first, error);
        note_progress(cat, i, first);
    }
    return status;
}

static enum hp_status
connect_all(struct cat *cat, const char *const *topic, struct hp_error *error)
{
    struct hp_registry_options registry = {.url = cat->options.schema_registry_url};
    struct hp_reader_options reader = {.topics = topic, .topic_count = 1};
    struct hp_topic_info info = {0};
    enum hp_status status = hp_registry_open(&registry, &cat->registry, error);

    if (status)
        return status;
    cat->codec = hp_codec_new(cat->registry);
    status = hp_command_cluster(&cat->options, &cat->cluster, error);
    if (!status)
        status = hp_cluster_topic(cat->cluster, *topic, &cat->arena, &info, error);
    if (!status && !info.exists)
        status = hp_fail(error, HP_USAGE, "topic %s does not exist", *topic);
    cat->partitions = info.partitions;
    if (!status)
        status = hp_reader_new(cat->cluster, &reader, &cat->reader, error);
    return status ? status : assign(cat, *topic, error);
}

static enum hp_status
read_where(struct cat *cat, const char *word, struct hp_error *error)
{
    char *end;

    if (!word || strcmp(word, "earliest") == 0)
        return HP_OK;
    if (strcmp(word, "latest") == 0) {
        cat->from = FROM_LATEST;
        return HP_OK;
    }
    cat->from_value = strtoll(word, &end, 10);
    cat->from = FROM_OFFSET;
    if (word[0] >= '0' && word[0] <= '9' && *end == '\0')
        return HP_OK;
    cat->from = FROM_TIME;
    if (hp_instant_parse(hp_bytes_text(word), &cat->from_value))
        return HP_OK;
    return hp_fail(
        error, HP_USAGE, "--from %.64s: expected earliest, latest, an offset or a time", word);
}

static enum hp_status
read_format(struct cat *cat, const char *word, struct hp_error *error)
{
    bool boxes =
        cat->topic == HP_TOPIC_BOX_RECOMMENDATIONS || cat->topic == HP_TOPIC_BOX_ANSWERS;

    if (!word || strcmp(word, "json") == 0)
        return HP_OK;
    if (strcmp(word, "cards") != 0)
        return hp_fail(error, HP_USAGE, "--format %.64s: expected json or cards", word);
    if (!boxes)
        return hp_fail(error, HP_USAGE, "--format cards is for topics of boxes");
    cat->cards = true;
    hp_card_options_detect(stdout, &cat->card_options);
    return HP_OK;
}

static enum hp_status
read_arguments(struct cat *cat, int argc, char **argv, struct hp_error *error)
{
    const char *from = NULL;
    const char *format = NULL;
    const struct hp_flag flags[] = {
        {"from", NULL, &from},
        {"follow", &cat->follow, NULL},
        {"format", NULL, &format},
    };
    enum hp_status status = hp_flags_take(&argc, argv, flags, HP_ARRAY_SIZE(flags), error);

    if (!status)
        status = hp_positional_check(argc, argv, 1, 1, error);
    if (!status)
        status = hp_topic_find(&cat->options, argv[1], &cat->topic, error);
    if (!status)
        status = read_where(cat, from, error);
    return status ? status : read_format(cat, format, error);
}

static enum hp_status
cat_all(struct cat *cat, int argc, char **argv, struct hp_error *error)
{
    struct sigaction action = {.sa_handler = on_interrupt};
    enum hp_status status = read_arguments(cat, argc, argv, error);

    if (status)
        return status;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    status =
        connect_all(cat, (const char *const *)&cat->options.topics.name[cat->topic], error);
    if (!status)
        status = read_records(cat, error);
    return status ? status : hp_output_end(error);
}

int
hp_cmd_cat(int argc, char **argv)
{
    struct cat cat = {0};
    struct hp_error error;
    enum hp_status status = hp_options_load(&argc, argv, &cat.options, &error);

    if (!status)
        status = cat_all(&cat, argc, argv, &error);
    if (cat.reader)
        hp_reader_free(cat.reader);
    if (cat.cluster)
        hp_command_cluster_free(cat.cluster);
    hp_codec_free(cat.codec);
    hp_registry_free(cat.registry);
    free(cat.ends);
    hp_arena_release(&cat.arena);
    hp_buffer_release(&cat.line);
    hp_options_release(&cat.options);
    return hp_command_end("cat", status, &error);
}
