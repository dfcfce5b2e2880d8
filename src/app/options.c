/*
 * app/options.c - from four places to one struct.
 *
 * Values are first gathered as they were written, the layers lowest first, each remembering its
 * place; then the winners are expanded (`${…}`), read by their row and stored. So an error can
 * always name the place, and a value that a higher layer replaces is not even read.
 *
 * What is expanded is not expanded again, and never appears in an error.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "app/options.h"

#include "app/option_table.h"
#include "app/properties.h"
#include "broker/broker_kafka.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_BYTES_MAX     ((size_t)1 << 20)
#define INSERTED_BYTES_MAX ((size_t)64 << 10) /* of one ${file:…} */
#define SETTINGS_MAX       512                /* kafka.* keys */
#define ROWS_MAX           64
#define KEY_BYTES_MAX      128

enum layer { LAYER_DEFAULT, LAYER_FILE, LAYER_ENVIRONMENT, LAYER_COMMAND };

struct value { /* as written; key NULL: not set */
    const char *key;
    const char *text;
    const char *place;
    enum layer layer;
};

struct gathered {
    struct hp_options *options;
    struct value rows[ROWS_MAX];
    struct value settings[SETTINGS_MAX];
    size_t setting_count;
};

/* ---- nearest name -------------------------------------------------------------------- */

/* Levenshtein, one row at a time; words longer than KEY_BYTES_MAX are far from everything. */
static size_t
distance(const char *a, const char *b)
{
    size_t row[KEY_BYTES_MAX + 1];
    size_t width = strlen(b);

    if (width > KEY_BYTES_MAX || strlen(a) > KEY_BYTES_MAX)
        return SIZE_MAX;
    for (size_t j = 0; j <= width; j++)
        row[j] = j;
    for (size_t i = 0; a[i]; i++) {
        size_t diagonal = row[0];

        row[0] = i + 1;
        for (size_t j = 0; j < width; j++) {
            size_t best = diagonal + (a[i] != b[j]);

            diagonal = row[j + 1];
            if (diagonal + 1 < best)
                best = diagonal + 1;
            if (row[j] + 1 < best)
                best = row[j] + 1;
            row[j + 1] = best;
        }
    }
    return row[width];
}

const char *
hp_nearest(const char *word, const char *const *names, size_t count)
{
    const char *nearest = NULL;
    size_t best = strlen(word) / 3 + 2; /* farther is no misspelling */

    for (size_t i = 0; i < count; i++) {
        size_t far = distance(word, names[i]);

        if (far < best) {
            best = far;
            nearest = names[i];
        }
    }
    return nearest;
}

static const char *
nearest_key(const char *key)
{
    const char *names[ROWS_MAX];

    for (size_t i = 0; i < hp_option_row_count; i++)
        names[i] = hp_option_rows[i].key;
    return hp_nearest(key, names, hp_option_row_count);
}

/* ---- gathering ----------------------------------------------------------------------- */

static bool
is_passed_on(const char *key)
{
    return strncmp(key, "kafka.", 6) == 0;
}

static const char *
without_prefix(const char *key)
{
    static const char *const prefixes[] = {"kafka.consumer.", "kafka.producer.", "kafka."};

    for (size_t i = 0; i < HP_ARRAY_SIZE(prefixes); i++)
        if (strncmp(key, prefixes[i], strlen(prefixes[i])) == 0)
            return key + strlen(prefixes[i]);
    return key;
}

static struct value *
find_row(struct gathered *gathered, const char *key)
{
    for (size_t i = 0; i < hp_option_row_count; i++)
        if (strcmp(hp_option_rows[i].key, key) == 0)
            return &gathered->rows[i];
    return NULL;
}

/* The place of a kafka.* key; NULL when there are too many. */
static struct value *
find_setting(struct gathered *gathered, const char *key)
{
    for (size_t i = 0; i < gathered->setting_count; i++)
        if (strcmp(gathered->settings[i].key, key) == 0)
            return &gathered->settings[i];
    return gathered->setting_count < SETTINGS_MAX
               ? &gathered->settings[gathered->setting_count++]
               : NULL;
}

static enum hp_status
refuse_unknown(const struct value *given, struct hp_error *error)
{
    const char *nearest = nearest_key(given->key);

    if (nearest)
        return hp_fail(error, HP_USAGE, "%s: unknown key %.64s, did you mean %s?", given->place,
            given->key, nearest);
    return hp_fail(error, HP_USAGE, "%s: unknown key %.64s (`hamper help options` lists them)",
        given->place, given->key);
}

static enum hp_status
check_setting(const struct value *given, struct hp_error *error)
{
    const char *name = without_prefix(given->key);
    const char *reason = hp_kafka_setting_owned(name);

    if (name[0] == '\0')
        return hp_fail(
            error, HP_USAGE, "%s: %s: names no librdkafka property", given->place, given->key);
    if (reason)
        return hp_fail(
            error, HP_USAGE, "%s: %.64s may not be set: %s", given->place, given->key, reason);
    if (hp_option_secret(name) && !strstr(given->text, "${"))
        return hp_fail(error, HP_USAGE,
            "%s: %.64s is a secret: write it as ${file:PATH} or ${env:NAME}", given->place,
            given->key);
    return HP_OK;
}

/* `given` lives in the options' arena. */
static enum hp_status
gather(struct gathered *gathered, struct value given, struct hp_error *error)
{
    struct value *value;
    enum hp_status status;

    if (is_passed_on(given.key)) {
        status = check_setting(&given, error);
        if (status)
            return status;
        value = find_setting(gathered, given.key);
        if (!value)
            return hp_fail(
                error, HP_USAGE, "%s: more than %d kafka.* keys", given.place, SETTINGS_MAX);
    } else {
        value = find_row(gathered, given.key);
        if (!value)
            return refuse_unknown(&given, error);
    }
    if (value->key && value->layer == given.layer)
        return hp_fail(error, HP_USAGE, "%s: %.64s is set twice (first: %s)", given.place,
            given.key, value->place);
    *value = given;
    return HP_OK;
}

static enum hp_status
gather_text(
    struct gathered *gathered, struct hp_bytes text, const char *name, struct hp_error *error)
{
    struct hp_arena *arena = &gathered->options->arena;
    struct hp_properties properties = {.rest = text, .name = name, .arena = arena};
    struct hp_property property;
    enum hp_status status;

    while (!(status = hp_properties_next(&properties, &property, error)) && property.key) {
        const char *place = hp_arena_printf(arena, "%.200s:%d", name, property.line);

        status = gather(
            gathered, (struct value){property.key, property.value, place, LAYER_FILE}, error);
        if (status)
            break;
    }
    return status;
}

/* Regular files only, so that a pipe or a device cannot hold up or fill the process. */
static enum hp_status
read_file(const char *path, size_t bytes_max, struct hp_buffer *out, struct hp_error *error)
{
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat info;
    ssize_t size = 0;

    if (file < 0)
        return hp_fail(error, HP_USAGE, "%.200s: %s", path, strerror(errno));
    if (fstat(file, &info) != 0 || !S_ISREG(info.st_mode)) {
        close(file);
        return hp_fail(error, HP_USAGE, "%.200s: is not a regular file", path);
    }
    do {
        hp_buffer_reserve(out, 4096);
        size = read(file, out->data + out->size, 4096);
        out->size += size > 0 ? (size_t)size : 0;
    } while (size > 0 && out->size <= bytes_max);
    close(file);
    if (size < 0)
        return hp_fail(error, HP_USAGE, "%.200s: %s", path, strerror(errno));
    if (out->size > bytes_max)
        return hp_fail(error, HP_USAGE, "%.200s: is larger than %zu bytes", path, bytes_max);
    return HP_OK;
}

static enum hp_status
gather_file(struct gathered *gathered, const char *path, struct hp_error *error)
{
    struct hp_buffer text = {0};
    enum hp_status status = read_file(path, FILE_BYTES_MAX, &text, error);

    if (!status)
        status = gather_text(gathered, hp_buffer_bytes(&text), path, error);
    hp_buffer_release(&text);
    return status;
}

/* state.dir is HAMPER_STATE_DIR. */
static const char *
variable_name(struct hp_arena *arena, const char *key)
{
    char *name = hp_arena_printf(arena, "HAMPER_%s", key);

    for (char *at = name + 7; *at; at++)
        *at = (char)(*at == '.' || *at == '-'   ? '_'
                     : *at >= 'a' && *at <= 'z' ? *at - 'a' + 'A'
                                                : *at);
    return name;
}

static enum hp_status
gather_environment(struct gathered *gathered, struct hp_error *error)
{
    struct hp_arena *arena = &gathered->options->arena;

    for (size_t i = 0; i < hp_option_row_count; i++) {
        const char *key = hp_option_rows[i].key;
        const char *name = variable_name(arena, key);
        const char *text = getenv(name);
        struct value given = {.key = key, .place = name, .layer = LAYER_ENVIRONMENT};
        enum hp_status status;

        if (!text)
            continue;
        if (!hp_bytes_utf8(hp_bytes_text(text)))
            return hp_fail(error, HP_USAGE, "%s: is not UTF-8 text", name);
        given.text = hp_arena_text(arena, hp_bytes_text(text));
        status = gather(gathered, given, error);
        if (status)
            return status;
    }
    return HP_OK;
}

static enum hp_status
gather_argument(struct gathered *gathered, const char *argument, struct hp_error *error)
{
    struct hp_arena *arena = &gathered->options->arena;
    const char *equals = strchr(argument, '=');

    if (!equals || equals == argument)
        return hp_fail(error, HP_USAGE, "-o %.64s: expected KEY=VALUE", argument);
    if (!hp_bytes_utf8(hp_bytes_text(argument)))
        return hp_fail(error, HP_USAGE, "-o: is not UTF-8 text");
    return gather(gathered,
        (struct value){
            .key = hp_arena_text(arena, hp_bytes(argument, (size_t)(equals - argument))),
            .text = hp_arena_text(arena, hp_bytes_text(equals + 1)),
            .place = "-o",
            .layer = LAYER_COMMAND,
        },
        error);
}

/* ---- expanding ----------------------------------------------------------------------- */

static enum hp_status
insert_file(
    const struct value *value, const char *path, struct hp_buffer *out, struct hp_error *error)
{
    struct hp_buffer text = {0};
    struct hp_error why;
    enum hp_status status = read_file(path, INSERTED_BYTES_MAX, &text, &why);

    if (status) {
        hp_fail(error, status, "%s: %.64s: %.200s", value->place, value->key, why.text);
    } else {
        if (text.size && text.data[text.size - 1] == '\n')
            text.size--;
        if (text.size && text.data[text.size - 1] == '\r')
            text.size--;
        if (!hp_bytes_utf8(hp_buffer_bytes(&text)) || memchr(text.data, '\0', text.size))
            status = hp_fail(error, HP_USAGE, "%s: %.64s: %.200s: is not UTF-8 text",
                value->place, value->key, path);
        else
            hp_buffer_append(out, text.data, text.size);
    }
    hp_buffer_release(&text);
    return status;
}

/* `what` is `file:PATH` or `env:NAME`. */
static enum hp_status
insert(
    const struct value *value, const char *what, struct hp_buffer *out, struct hp_error *error)
{
    if (strncmp(what, "file:", 5) == 0)
        return insert_file(value, what + 5, out, error);
    if (strncmp(what, "env:", 4) == 0) {
        const char *text = getenv(what + 4);

        if (!text || !hp_bytes_utf8(hp_bytes_text(text)))
            return hp_fail(error, HP_USAGE, "%s: %.64s: variable %.64s is %s", value->place,
                value->key, what + 4, text ? "not UTF-8 text" : "not set");
        hp_buffer_append(out, text, strlen(text));
        return HP_OK;
    }
    return hp_fail(error, HP_USAGE, "%s: %.64s: ${%.64s}: expected ${file:PATH} or ${env:NAME}",
        value->place, value->key, what);
}

static enum hp_status
expand(struct hp_arena *arena, const struct value *value, const char **text,
    struct hp_error *error)
{
    struct hp_buffer out = {0};
    const char *at = value->text;
    enum hp_status status = HP_OK;

    while (!status) {
        const char *open = strstr(at, "${");
        const char *close = open ? strchr(open, '}') : NULL;

        if (!open)
            break;
        if (!close) {
            status =
                hp_fail(error, HP_USAGE, "%s: %.64s: ${ without }", value->place, value->key);
            break;
        }
        hp_buffer_append(&out, at, (size_t)(open - at));
        status = insert(value,
            hp_arena_text(arena, hp_bytes(open + 2, (size_t)(close - open - 2))), &out, error);
        at = close + 1;
    }
    if (!status) {
        hp_buffer_append(&out, at, strlen(at));
        *text = hp_arena_text(arena, hp_buffer_bytes(&out));
    }
    hp_buffer_release(&out);
    return status;
}

/* ---- storing ------------------------------------------------------------------------- */

/* A literal password in //user:password@ . */
static bool
holds_password(const char *url)
{
    const char *begin = strstr(url, "://");
    const char *at = begin ? strchr(begin + 3, '@') : NULL;
    const char *colon = begin ? strchr(begin + 3, ':') : NULL;
    const char *inserted = colon ? strstr(colon, "${") : NULL;

    if (!at || !colon || colon > at)
        return false;
    return !inserted || inserted > at;
}

static enum hp_status
store_row(struct hp_options *options, const struct hp_option_row *row,
    const struct value *value, const char *renamed[HP_TOPIC_COUNT], struct hp_error *error)
{
    const char *text;
    char what[160];
    enum hp_status status = expand(&options->arena, value, &text, error);

    if (status)
        return status;
    if (row->offset == offsetof(struct hp_options, schema_registry_url) &&
        row->kind == HP_OPTION_TEXT && value->layer != LAYER_ENVIRONMENT &&
        holds_password(value->text))
        return hp_fail(error, HP_USAGE,
            "%s: %s: a password in it is a secret: write it as ${file:PATH} or ${env:NAME}",
            value->place, row->key);
    if (!hp_option_store(row, text, options, what)) {
        bool secret = row->offset == offsetof(struct hp_options, schema_registry_url);

        return hp_fail(error, HP_USAGE, "%s: %s=%.64s: expected %s", value->place, row->key,
            secret ? "…" : value->text, what);
    }
    if (row->kind == HP_OPTION_TOPIC)
        renamed[row->offset] = text;
    return HP_OK;
}

static enum hp_status
store_rows(
    struct gathered *gathered, const char *renamed[HP_TOPIC_COUNT], struct hp_error *error)
{
    enum hp_status status = HP_OK;

    for (size_t i = 0; !status && i < hp_option_row_count; i++) {
        const struct hp_option_row *row = &hp_option_rows[i];
        struct value value = gathered->rows[i];

        if (!value.key)
            value = (struct value){row->key, row->initial, "default", LAYER_DEFAULT};
        if (value.text)
            status = store_row(gathered->options, row, &value, renamed, error);
    }
    return status;
}

static enum hp_status
store_settings(struct gathered *gathered, const char *prefix, struct hp_settings *settings,
    struct hp_error *error)
{
    struct hp_arena *arena = &gathered->options->arena;
    struct hp_setting *items =
        HP_ARENA_ARRAY(arena, gathered->setting_count, struct hp_setting);
    size_t count = 0;

    for (size_t i = 0; i < gathered->setting_count; i++) {
        const struct value *value = &gathered->settings[i];
        const char *name = without_prefix(value->key);
        enum hp_status status;

        if ((size_t)(name - value->key) != strlen(prefix) ||
            strncmp(value->key, prefix, strlen(prefix)) != 0)
            continue;
        status = expand(arena, value, &items[count].value, error);
        if (status)
            return status;
        items[count++].name = name;
    }
    *settings = (struct hp_settings){items, count};
    return HP_OK;
}

static enum hp_status
check_topics(const struct hp_topic_names *topics, struct hp_error *error)
{
    for (int i = 0; i < HP_TOPIC_COUNT; i++)
        for (int j = i + 1; j < HP_TOPIC_COUNT; j++)
            if (strcmp(topics->name[i], topics->name[j]) == 0)
                return hp_fail(error, HP_USAGE, "topic %s would be both %s and %s",
                    topics->name[i], hp_topic_rows[i].default_name,
                    hp_topic_rows[j].default_name);
    return HP_OK;
}

static enum hp_status
check_together(const struct hp_options *options, struct hp_error *error)
{
    if (options->box_items_min > options->box_items_max)
        return hp_fail(error, HP_USAGE, "box.items.min is greater than box.items.max");
    if (options->commit_gap_ms > options->commit_interval_ms)
        return hp_fail(error, HP_USAGE, "commit.gap.ms is greater than commit.interval.ms");
    return check_topics(&options->topics, error);
}

/* Any host name becomes a name Kafka accepts. */
static const char *
host_name(struct hp_arena *arena)
{
    char name[256] = "";

    gethostname(name, sizeof(name) - 1);
    for (char *at = name; *at; at++)
        if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-", *at))
            *at = '-';
    return hp_arena_text(arena, hp_bytes_text(name[0] ? name : "hamper"));
}

static enum hp_status
store(struct gathered *gathered, struct hp_error *error)
{
    struct hp_options *options = gathered->options;
    const char *renamed[HP_TOPIC_COUNT] = {0};
    enum hp_status status = store_rows(gathered, renamed, error);

    if (!status)
        status = store_settings(gathered, "kafka.", &options->kafka, error);
    if (!status)
        status = store_settings(gathered, "kafka.consumer.", &options->kafka_consumer, error);
    if (!status)
        status = store_settings(gathered, "kafka.producer.", &options->kafka_producer, error);
    if (status)
        return status;
    hp_topic_names_init(&options->topics, options->application_id, renamed);
    if (!options->instance)
        options->instance = host_name(&options->arena);
    return check_together(options, error);
}

static struct gathered *
gathered_new(struct hp_options *options)
{
    struct gathered *gathered = hp_alloc(sizeof(*gathered));

    HP_ASSERT(hp_option_row_count <= ROWS_MAX);
    *options = (struct hp_options){0};
    gathered->options = options;
    return gathered;
}

static enum hp_status
finish(struct gathered *gathered, enum hp_status status, struct hp_error *error)
{
    if (!status)
        status = store(gathered, error);
    if (status)
        hp_options_release(gathered->options);
    free(gathered);
    return status;
}

enum hp_status
hp_options_parse(
    struct hp_bytes text, const char *name, struct hp_options *out, struct hp_error *error)
{
    struct gathered *gathered = gathered_new(out);

    return finish(gathered, gather_text(gathered, text, name, error), error);
}

/* What -c and -o said; pointers into argv. */
struct arguments {
    const char *file;
    const char **overrides;
    size_t override_count;
};

/* `-xVALUE` or `-x VALUE`: the value, and how many arguments it took; NULL when it is missing.
 */
static const char *
argument_value(int argc, char **argv, int at, int *taken)
{
    *taken = argv[at][2] ? 1 : 2;
    if (argv[at][2])
        return argv[at] + 2;
    return at + 1 < argc ? argv[at + 1] : NULL;
}

static enum hp_status
take_argument(
    struct arguments *arguments, char which, const char *value, struct hp_error *error)
{
    if (!value)
        return hp_fail(error, HP_USAGE, "-%c needs a value", which);
    if (which == 'o') {
        arguments->overrides[arguments->override_count++] = value;
        return HP_OK;
    }
    if (arguments->file)
        return hp_fail(error, HP_USAGE, "-c is given twice");
    arguments->file = value;
    return HP_OK;
}

/* Moves what is not ours to the front of argv. */
static enum hp_status
take_arguments(int *argc, char **argv, struct arguments *arguments, struct hp_error *error)
{
    int kept = 0;
    int at = 0;
    int taken;

    while (at < *argc && strcmp(argv[at], "--") != 0) {
        enum hp_status status;

        if (at == 0 || (strncmp(argv[at], "-c", 2) != 0 && strncmp(argv[at], "-o", 2) != 0)) {
            argv[kept++] = argv[at++];
            continue;
        }
        status = take_argument(
            arguments, argv[at][1], argument_value(*argc, argv, at, &taken), error);
        if (status)
            return status;
        at += taken;
    }
    while (at < *argc)
        argv[kept++] = argv[at++];
    *argc = kept;
    argv[kept] = NULL;
    return HP_OK;
}

enum hp_status
hp_options_load(int *argc, char **argv, struct hp_options *out, struct hp_error *error)
{
    struct gathered *gathered = gathered_new(out);
    struct arguments arguments = {0};
    enum hp_status status;

    arguments.overrides = HP_ARENA_ARRAY(&out->arena, (size_t)*argc + 1, const char *);
    status = take_arguments(argc, argv, &arguments, error);
    if (!status && arguments.file)
        status = gather_file(gathered, arguments.file, error);
    if (!status)
        status = gather_environment(gathered, error);
    for (size_t i = 0; !status && i < arguments.override_count; i++)
        status = gather_argument(gathered, arguments.overrides[i], error);
    return finish(gathered, status, error);
}

void
hp_options_release(struct hp_options *options)
{
    hp_topic_names_release(&options->topics);
    hp_arena_release(&options->arena);
    *options = (struct hp_options){0};
}

/* ---- the document -------------------------------------------------------------------- */

/* Breaks at spaces before column 96. */
static void
put_comment(struct hp_buffer *out, const char *text)
{
    size_t column = 0;

    while (*text) {
        size_t size = strcspn(text, " ");

        if (column && column + 1 + size > 95) {
            hp_put_u8(out, '\n');
            column = 0;
        }
        hp_buffer_append(out, column ? " " : "# ", column ? 1 : 2);
        hp_buffer_append(out, text, size);
        column += size + (column ? 1 : 2);
        text += size + (text[size] == ' ');
    }
    hp_put_u8(out, '\n');
}

static void
put_row(struct hp_buffer *out, const struct hp_option_row *row, const struct hp_options *all)
{
    struct hp_buffer comment = {0};
    const char *initial = row->initial ? row->initial : "";
    char what[160];

    if (row->kind == HP_OPTION_TOPIC)
        initial = all->topics.name[row->offset];
    hp_buffer_printf(&comment, "%s", row->comment);
    if (row->kind != HP_OPTION_TEXT && row->kind != HP_OPTION_TOPIC) {
        hp_option_describe(row, what);
        hp_buffer_printf(&comment, " Takes %s.", what);
    }
    hp_put_u8(&comment, 0);
    hp_put_u8(out, '\n');
    put_comment(out, (const char *)comment.data);
    hp_buffer_printf(out, "#%s=%s\n", row->key, initial);
    hp_buffer_release(&comment);
}

void
hp_options_document(struct hp_buffer *out)
{
    struct hp_options all;

    HP_ASSERT(hp_options_parse(hp_bytes_text(""), "defaults", &all, NULL) == HP_OK);
    put_comment(out,
        "hamper's configuration. Every key is here with its default; take away the "
        "# before a key to set it. A key may also come from the environment "
        "(state.dir as HAMPER_STATE_DIR) or from the command line (-o "
        "state.dir=…), which win over this file in this order. Secrets are written "
        "as ${file:PATH} or ${env:NAME}.");
    for (size_t i = 0; i < hp_option_row_count; i++) {
        const struct hp_option_row *row = &hp_option_rows[i];

        if (row->section)
            hp_buffer_printf(out, "\n## %s\n", row->section);
        put_row(out, row, &all);
    }
    hp_buffer_printf(out, "\n## To librdkafka\n\n");
    put_comment(out, "kafka.* goes to librdkafka as it is, for all its clients; "
                     "kafka.consumer.* and kafka.producer.* for one kind. What exactly-once "
                     "needs (acks, isolation.level, group.id, …) is refused.");
    hp_buffer_printf(out, "#kafka.security.protocol=sasl_ssl\n"
                          "#kafka.sasl.mechanism=SCRAM-SHA-512\n"
                          "#kafka.sasl.username=hamper\n"
                          "#kafka.sasl.password=${file:/run/secrets/hamper-kafka}\n");
    hp_options_release(&all);
}
