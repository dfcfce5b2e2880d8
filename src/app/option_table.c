/*
 * app/option_table.c - the table behind conf/hamper.conf, and how a value is read.
 *
 * One row a key: adding an option is adding a row and a field. Ranges are what the process can
 * stand, not what is wise; the comment says what is wise.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "app/option_table.h"

#include "domain/limits.h"
#include "domain/money.h"

#include <inttypes.h>

#define FIELD(name) offsetof(struct hp_options, name)
#define SECONDS(n)  ((n)*INT64_C(1000))
#define DAYS(n)     ((n)*INT64_C(86400000))
#define KIB(n)      ((n)*INT64_C(1024))
#define MIB(n)      ((n)*INT64_C(1048576))
#define GIB(n)      ((n)*INT64_C(1073741824))

#define NAME_BYTES_MAX 249 /* of a Kafka topic */

static_assert(sizeof(enum hp_slot_plan) == sizeof(int), "choices are stored as int");
static_assert(sizeof(enum hp_log_level) == sizeof(int), "choices are stored as int");
static_assert(sizeof(enum hp_log_format) == sizeof(int), "choices are stored as int");

const struct hp_option_row hp_option_rows[] = {
    {.section = "Who and where",
        .key = "application.id",
        .kind = HP_OPTION_NAME,
        .offset = FIELD(application_id),
        .initial = "hamper",
        .comment = "The consumer group, and what the names of internal topics begin with."},
    {.key = "bootstrap.servers",
        .kind = HP_OPTION_TEXT,
        .offset = FIELD(bootstrap_servers),
        .initial = "localhost:9092",
        .comment = "Brokers to ask first, HOST:PORT with commas between them."},
    {.key = "group.instance.id",
        .kind = HP_OPTION_NAME,
        .offset = FIELD(instance),
        .comment =
            "This instance among those of the application: stable over restarts, unique. "
            "The host's name when unset."},
    {.key = "state.dir",
        .kind = HP_OPTION_TEXT,
        .offset = FIELD(state_dir),
        .initial = "state/hamper",
        .comment = "Where RocksDB lives. Losing it costs time, never data."},
    {.key = "schema.registry.url",
        .kind = HP_OPTION_TEXT,
        .offset = FIELD(schema_registry_url),
        .initial = "file:schemas",
        .comment = "A Confluent-compatible registry (http, https), or a folder with index.json "
                   "(file:DIR). A password in it only as ${file:PATH} or ${env:NAME}."},
    {.key = "auto.register.schemas",
        .kind = HP_OPTION_SWITCH,
        .offset = FIELD(auto_register_schemas),
        .initial = "false",
        .comment =
            "Register schemas the registry does not have, instead of refusing to start."},

    {.section = "Topics",
        .key = "topic.orders",
        .kind = HP_OPTION_TOPIC,
        .offset = HP_TOPIC_ORDERS,
        .comment = "Orders, cancellations and returns, in."},
    {.key = "topic.feedback",
        .kind = HP_OPTION_TOPIC,
        .offset = HP_TOPIC_FEEDBACK,
        .comment = "What users did with boxes and items, in."},
    {.key = "topic.preferences",
        .kind = HP_OPTION_TOPIC,
        .offset = HP_TOPIC_PREFERENCES,
        .comment = "What users state about themselves, in, compacted."},
    {.key = "topic.box-requests",
        .kind = HP_OPTION_TOPIC,
        .offset = HP_TOPIC_BOX_REQUESTS,
        .comment = "Requests for boxes, in."},
    {.key = "topic.erasures",
        .kind = HP_OPTION_TOPIC,
        .offset = HP_TOPIC_ERASURES,
        .comment = "Users to be forgotten, in."},
    {.key = "topic.catalogue",
        .kind = HP_OPTION_TOPIC,
        .offset = HP_TOPIC_CATALOGUE,
        .comment = "Items, in, compacted; every instance reads all of it."},
    {.key = "topic.box-recommendations",
        .kind = HP_OPTION_TOPIC,
        .offset = HP_TOPIC_BOX_RECOMMENDATIONS,
        .comment = "Standing boxes of every user, out, compacted."},
    {.key = "topic.box-answers",
        .kind = HP_OPTION_TOPIC,
        .offset = HP_TOPIC_BOX_ANSWERS,
        .comment = "Answers to requests, out."},
    {.key = "topic.erasure-receipts",
        .kind = HP_OPTION_TOPIC,
        .offset = HP_TOPIC_ERASURE_RECEIPTS,
        .comment = "One receipt per erasure, out."},
    {.key = "topic.dead-letters",
        .kind = HP_OPTION_TOPIC,
        .offset = HP_TOPIC_DEAD_LETTERS,
        .comment = "Records that can never be processed, out."},
    {.key = "partitions",
        .kind = HP_OPTION_NUMBER,
        .offset = FIELD(partitions),
        .initial = "4",
        .min = 1,
        .max = 10000,
        .comment = "Of the topics keyed by user. Cannot be changed later."},
    {.key = "replication.factor",
        .kind = HP_OPTION_NUMBER,
        .offset = FIELD(replication_factor),
        .initial = "3",
        .min = 1,
        .max = 32,
        .comment = "Of topics that `hamper topics --create` makes; 1 on a single broker."},

    {.section = "What counts",
        .key = "currency",
        .kind = HP_OPTION_CURRENCY,
        .offset = FIELD(currency),
        .initial = "INR",
        .comment = "The one currency of the application; items in another are not for sale."},
    {.key = "vocabulary.file",
        .kind = HP_OPTION_TEXT,
        .offset = FIELD(vocabulary_file),
        .comment = "Allergens and diets in the form of conf/vocabulary, which is built in."},
    {.key = "occasions.file",
        .kind = HP_OPTION_TEXT,
        .offset = FIELD(occasions_file),
        .comment = "Occasions in the form of conf/occasions, which is built in."},
    {.key = "erasure.key.file",
        .kind = HP_OPTION_TEXT,
        .offset = FIELD(erasure_key_file),
        .comment =
            "Secret bytes that hide the ids of erased users; the same for all instances, "
            "forever. Unset, the key follows from application.id, with a warning."},
    {.key = "budget.default",
        .kind = HP_OPTION_MONEY,
        .offset = FIELD(budget_default_minor),
        .initial = "1500",
        .min = 1,
        .max = HP_MONEY_MAX,
        .comment = "Largest total of a box for a user we know nothing of."},
    {.key = "box.items.min",
        .kind = HP_OPTION_NUMBER,
        .offset = FIELD(box_items_min),
        .initial = "3",
        .min = 1,
        .max = HP_BOX_UNITS_MAX,
        .comment = "Fewest items of a box when nobody states a number."},
    {.key = "box.items.max",
        .kind = HP_OPTION_NUMBER,
        .offset = FIELD(box_items_max),
        .initial = "12",
        .min = 1,
        .max = HP_BOX_UNITS_MAX,
        .comment = "Most items of a box when nobody states a number."},
    {.key = "slots",
        .kind = HP_OPTION_CHOICE,
        .offset = FIELD(slots),
        .initial = "equal",
        .choices = {"equal", "tiers"},
        .comment = "Boxes of a user aim at the same spend, or at a value and a classic tier."},
    {.key = "privacy.min.buyers",
        .kind = HP_OPTION_NUMBER,
        .offset = FIELD(privacy_min_buyers),
        .initial = "5",
        .min = 1,
        .max = 1000000,
        .comment = "Users a pair of items needs before it is published."},
    {.key = "model.prior.millis",
        .kind = HP_OPTION_NUMBER,
        .offset = FIELD(rate.prior_millis),
        .initial = "5000",
        .min = 1,
        .max = 1000000,
        .comment = "Imaginary baskets at the rate of the prior that every user starts with, in "
                   "thousandths."},
    {.key = "model.history.millis",
        .kind = HP_OPTION_NUMBER,
        .offset = FIELD(rate.history_weight_millis),
        .initial = "300",
        .min = 0,
        .max = 1000000,
        .comment = "Weight of what a user had in the prior, in thousandths."},
    {.key = "model.history.days",
        .kind = HP_OPTION_NUMBER,
        .offset = FIELD(rate.history_half_life_days),
        .initial = "120",
        .min = 1,
        .max = 36500,
        .comment = "Days after which what was bought says half as much of other items."},
    {.key = "model.trend.millis",
        .kind = HP_OPTION_NUMBER,
        .offset = FIELD(rate.trend_weight_millis),
        .initial = "600",
        .min = 0,
        .max = 1000000,
        .comment = "Weight of recent popularity in the prior, in thousandths."},
    {.key = "model.like.millis",
        .kind = HP_OPTION_NUMBER,
        .offset = FIELD(rate.like_weight_millis),
        .initial = "45",
        .min = 0,
        .max = 1000000,
        .comment =
            "Weight of a liked category, and of a liked tag, in the prior, in thousandths."},
    {.key = "model.content.users",
        .kind = HP_OPTION_NUMBER,
        .offset = FIELD(rate.content_users),
        .initial = "5",
        .min = 0,
        .max = 1000000,
        .comment = "Users of its own an item needs before they count as much as those of items "
                   "like it."},
    {.key = "model.variety.millis",
        .kind = HP_OPTION_NUMBER,
        .offset = FIELD(rate.variety_millis),
        .initial = "0",
        .min = 0,
        .max = 1000,
        .comment = "How much of the habit is left out in favour of new items, in thousandths."},
    {.key = "model.next.lambda.millis",
        .kind = HP_OPTION_NUMBER,
        .offset = FIELD(weights.next_lambda_millis),
        .initial = "3000",
        .min = 1,
        .max = 1000000,
        .comment =
            "Ridge of the next choice, in thousandths of the mean number of users of an item."},
    {.key = "model.next.similarity.millis",
        .kind = HP_OPTION_NUMBER,
        .offset = FIELD(weights.similarity_millis),
        .initial = "333",
        .min = 0,
        .max = 100000,
        .comment =
            "Weight of plain correlation beside the ridge of the next choice, in thousandths."},
    {.key = "model.box.lambda",
        .kind = HP_OPTION_NUMBER,
        .offset = FIELD(weights.box_lambda),
        .initial = "50",
        .min = 1,
        .max = 1000000000,
        .comment = "Ridge of what goes well together inside a box, in users."},
    {.key = "model.resolve.interval",
        .kind = HP_OPTION_DURATION,
        .offset = FIELD(model_resolve_ms),
        .initial = "10m",
        .min = SECONDS(1),
        .max = DAYS(365),
        .comment = "Items whose own counts stand still are solved again once in this time."},
    {.key = "sweep.interval",
        .kind = HP_OPTION_DURATION,
        .offset = FIELD(sweep_interval_ms),
        .initial = "24h",
        .min = SECONDS(1),
        .max = DAYS(365),
        .comment = "Every user's boxes are looked at again once in this time."},
    {.key = "request.fence.ms",
        .kind = HP_OPTION_DURATION,
        .offset = FIELD(request_fence_ms),
        .initial = "1000",
        .min = 0,
        .max = SECONDS(60),
        .comment = "Longest a request waits for erasures and preferences before it."},
    {.key = "emit.batch.users",
        .kind = HP_OPTION_NUMBER,
        .offset = FIELD(emit_batch_users),
        .initial = "500",
        .min = 1,
        .max = 1000000,
        .comment = "Users whose boxes are computed in one transaction; others come later."},
    {.key = "emit.defer.records",
        .kind = HP_OPTION_NUMBER,
        .offset = FIELD(emit_defer_records),
        .initial = "10000",
        .min = 1,
        .max = INT64_C(1000000000000),
        .comment =
            "With more records than this waiting, boxes are put off until they are read."},
    {.key = "rows.publish.ms",
        .kind = HP_OPTION_DURATION,
        .offset = FIELD(rows_publish_ms),
        .initial = "60000",
        .min = 1,
        .max = DAYS(1),
        .comment = "Oldest a change of counts may become before it is published to the model."},
    {.key = "errors.breaker",
        .kind = HP_OPTION_SWITCH,
        .offset = FIELD(errors_breaker),
        .initial = "on",
        .comment = "Pause a partition when more than half of its last 1000 records are bad."},

    {.section = "How much",
        .key = "num.stream.threads",
        .kind = HP_OPTION_NUMBER,
        .offset = FIELD(threads),
        .initial = "1",
        .min = 1,
        .max = 64,
        .comment = "Workers of this process; more than partitions are idle."},
    {.key = "commit.interval.ms",
        .kind = HP_OPTION_DURATION,
        .offset = FIELD(commit_interval_ms),
        .initial = "100",
        .min = 1,
        .max = SECONDS(10),
        .comment = "Longest a record waits for its commit."},
    {.key = "commit.gap.ms",
        .kind = HP_OPTION_DURATION,
        .offset = FIELD(commit_gap_ms),
        .initial = "10",
        .min = 0,
        .max = SECONDS(10),
        .comment =
            "A drained worker commits at once, but this long after the last commit began."},
    {.key = "batch.records",
        .kind = HP_OPTION_NUMBER,
        .offset = FIELD(batch_records),
        .initial = "2000",
        .min = 1,
        .max = 1000000,
        .comment = "Most records of one round."},
    {.key = "overlay.bytes",
        .kind = HP_OPTION_BYTES,
        .offset = FIELD(overlay_bytes),
        .initial = "64MiB",
        .min = MIB(1),
        .max = GIB(64),
        .comment = "Uncommitted writes of a task; full means commit early."},
    {.key = "rows.cache.bytes",
        .kind = HP_OPTION_BYTES,
        .offset = FIELD(rows_cache_bytes),
        .initial = "256MiB",
        .min = MIB(1),
        .max = GIB(1024),
        .comment = "Row blocks, and a quarter for long histories, in memory, all tasks."},
    {.key = "store.cache.bytes",
        .kind = HP_OPTION_BYTES,
        .offset = FIELD(store_cache_bytes),
        .initial = "16MiB",
        .min = MIB(1),
        .max = GIB(1024),
        .comment = "RocksDB's cache of blocks, indexes and filters."},
    {.key = "store.write.buffer.bytes",
        .kind = HP_OPTION_BYTES,
        .offset = FIELD(store_buffer_bytes),
        .initial = "32MiB",
        .min = MIB(1),
        .max = GIB(64),
        .comment = "RocksDB's tables in memory."},

    {.section = "What is told",
        .key = "http.listen",
        .kind = HP_OPTION_LISTEN,
        .initial = "127.0.0.1:8080",
        .comment = "/metrics, /livez and /readyz. 0.0.0.0:8080 to be seen from outside."},
    {.key = "log.level",
        .kind = HP_OPTION_CHOICE,
        .offset = FIELD(log_level),
        .initial = "info",
        .choices = {"debug", "info", "warn", "error"},
        .comment = "Lines below it are dropped."},
    {.key = "log.format",
        .kind = HP_OPTION_CHOICE,
        .offset = FIELD(log_format),
        .initial = "logfmt",
        .choices = {"logfmt", "json"},
        .comment = "How a line looks."},
};
const size_t hp_option_row_count = HP_ARRAY_SIZE(hp_option_rows);

struct unit {
    const char *name;
    int64_t factor;
};

static const struct unit no_units[] = {{"", 1}, {NULL, 0}};
static const struct unit time_units[] = {
    {"", 1}, {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}, {NULL, 0}};
static const struct unit byte_units[] = {
    {"", 1}, {"KiB", KIB(1)}, {"MiB", MIB(1)}, {"GiB", GIB(1)}, {NULL, 0}};

/* Digits and a unit; false on anything else and on overflow. */
static bool
read_number(const char *text, const struct unit *unit, int64_t *out)
{
    int64_t value = 0;
    const char *at = text;

    for (; *at >= '0' && *at <= '9'; at++)
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, *at - '0', &value))
            return false;
    if (at == text)
        return false;
    while (unit->name && strcmp(unit->name, at) != 0)
        unit++;
    return unit->name && !__builtin_mul_overflow(value, unit->factor, out);
}

static bool
is_name(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (!strchr(
                "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-", text[i]))
            return false;
    return size > 0 && size <= NAME_BYTES_MAX && strcmp(text, ".") != 0 &&
           strcmp(text, "..") != 0;
}

static bool
is_currency(const char *text)
{
    for (int i = 0; i < 3; i++)
        if (text[i] < 'A' || text[i] > 'Z')
            return false;
    return text[3] == '\0';
}

static int64_t *
number_field(struct hp_options *options, const struct hp_option_row *row)
{
    return (int64_t *)(void *)((char *)options + row->offset);
}

static bool
store_number(const struct hp_option_row *row, const char *value, struct hp_options *options)
{
    int64_t number;
    bool good;

    if (row->kind == HP_OPTION_MONEY)
        good = hp_money_parse(hp_bytes_text(value), &number);
    else
        good = read_number(value,
            row->kind == HP_OPTION_DURATION ? time_units
            : row->kind == HP_OPTION_BYTES  ? byte_units
                                            : no_units,
            &number);
    if (!good || number < row->min || number > row->max)
        return false;
    *number_field(options, row) = number;
    return true;
}

static bool
store_switch(const struct hp_option_row *row, const char *value, struct hp_options *options)
{
    bool on = strcmp(value, "on") == 0 || strcmp(value, "true") == 0;

    memcpy((char *)options + row->offset, &on, sizeof(on));
    return on || strcmp(value, "off") == 0 || strcmp(value, "false") == 0;
}

static bool
store_choice(const struct hp_option_row *row, const char *value, struct hp_options *options)
{
    for (int i = 0; row->choices[i]; i++)
        if (strcmp(row->choices[i], value) == 0) {
            memcpy((char *)options + row->offset, &i, sizeof(i));
            return true;
        }
    return false;
}

static void
store_text(const struct hp_option_row *row, const char *value, struct hp_options *options)
{
    const char *copy = hp_arena_text(&options->arena, hp_bytes_text(value));

    memcpy((char *)options + row->offset, &copy, sizeof(copy));
}

/* HOST:PORT, [IPv6]:PORT or off. */
static bool
store_listen(const char *value, struct hp_options *options)
{
    const char *colon = strrchr(value, ':');
    struct hp_bytes host;
    int64_t port;

    if (strcmp(value, "off") == 0)
        return true;
    if (!colon || colon == value || !read_number(colon + 1, no_units, &port) || port > 65535)
        return false;
    host = hp_bytes(value, (size_t)(colon - value));
    if (host.size > 2 && host.data[0] == '[' && host.data[host.size - 1] == ']')
        host = hp_bytes(host.data + 1, host.size - 2);
    else if (memchr(host.data, ':', host.size))
        return false;
    options->http_host = hp_arena_text(&options->arena, host);
    options->http_port = port;
    return true;
}

static bool
store_any(const struct hp_option_row *row, const char *value, struct hp_options *options)
{
    switch (row->kind) {
    case HP_OPTION_TEXT:
        if (value[0] == '\0')
            return false;
        break;
    case HP_OPTION_NAME:
    case HP_OPTION_TOPIC:
        if (!is_name(value, strlen(value)))
            return false;
        break;
    case HP_OPTION_CURRENCY:
        if (!is_currency(value))
            return false;
        break;
    case HP_OPTION_NUMBER:
    case HP_OPTION_DURATION:
    case HP_OPTION_BYTES:
    case HP_OPTION_MONEY: return store_number(row, value, options);
    case HP_OPTION_SWITCH: return store_switch(row, value, options);
    case HP_OPTION_CHOICE: return store_choice(row, value, options);
    case HP_OPTION_LISTEN: return store_listen(value, options);
    }
    if (row->kind != HP_OPTION_TOPIC) /* topics are named all at once, by options.c */
        store_text(row, value, options);
    return true;
}

bool
hp_option_store(const struct hp_option_row *row, const char *value, struct hp_options *options,
    char what[160])
{
    if (store_any(row, value, options))
        return true;
    hp_option_describe(row, what);
    return false;
}

/* A limit with the largest unit that holds it without a rest. */
static void
limit_text(int64_t value, const struct unit *units, char text[32])
{
    const struct unit *best = units;

    for (const struct unit *unit = units; unit->name; unit++)
        if (value && value % unit->factor == 0 && unit->factor >= best->factor)
            best = unit;
    snprintf(text, 32, "%" PRId64 "%s%s", value / best->factor, best->name[0] ? " " : "",
        best->name);
}

static void
describe_range(
    const struct hp_option_row *row, const struct unit *units, const char *what, char text[160])
{
    char low[32];
    char high[32];

    limit_text(row->min, units, low);
    limit_text(row->max, units, high);
    snprintf(text, 160, "%s, from %s to %s", what, low, high);
}

static void
describe_choices(const struct hp_option_row *row, char text[160])
{
    size_t used = 0;

    for (int i = 0; row->choices[i]; i++) {
        const char *between = i == 0 ? "" : row->choices[i + 1] ? ", " : " or ";

        used += (size_t)snprintf(text + used, 160 - used, "%s%s", between, row->choices[i]);
    }
}

void
hp_option_describe(const struct hp_option_row *row, char what[160])
{
    const char *text = "";

    switch (row->kind) {
    case HP_OPTION_NUMBER: describe_range(row, no_units, "a number", what); return;
    case HP_OPTION_DURATION:
        describe_range(row, time_units, "a time in ms, or with ms, s, m, h or d", what);
        return;
    case HP_OPTION_BYTES:
        describe_range(row, byte_units, "a size in bytes, or with KiB, MiB or GiB", what);
        return;
    case HP_OPTION_CHOICE: describe_choices(row, what); return;
    case HP_OPTION_TEXT: text = "a text"; break;
    case HP_OPTION_NAME:
    case HP_OPTION_TOPIC: text = "a name of letters, digits, '.', '_' and '-'"; break;
    case HP_OPTION_MONEY:
        text = "an amount in the currency, with at most two decimals, above 0";
        break;
    case HP_OPTION_CURRENCY: text = "three capital letters"; break;
    case HP_OPTION_SWITCH: text = "on or off (true or false)"; break;
    case HP_OPTION_LISTEN: text = "HOST:PORT, or off"; break;
    }
    snprintf(what, 160, "%s", text);
}

bool
hp_option_secret(const char *name)
{
    return strstr(name, "password") || strstr(name, "secret") ||
           strcmp(name, "ssl.key.pem") == 0 || strcmp(name, "sasl.oauthbearer.config") == 0;
}
