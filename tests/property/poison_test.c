/*
 * tests/property/poison_test.c - bad records among good ones, through the whole stream.
 *
 * Good and bad records of every input lie side by side on the cluster in memory. Each bad one
 * must make exactly one dead letter, with a reason, its bytes, its append time and its place;
 * or, when it is a request whose ids can be read, one answer INFEASIBLE and no letter. What is
 * known afterwards is what a run knows that met the good records alone, and memory does not
 * grow with the number of records.
 *
 * Method: rounds of ROUND good and ROUND bad records. A bad one is noted by its place (input,
 * partition, offset) and struck off when its letter comes; a round ends when nothing is left to
 * strike off. A letter nobody waits for, a second one, or one with other bytes fails the test.
 * Logs are cut behind their readers after each round, so that they stay small, and good records
 * repeat the same users and orders in rising versions, so that the state stays small too.
 *
 * HAMPER_POISON_RECORDS=1000000 sets how many of each, HAMPER_POISON_SEED another seed. Short
 * runs judge what the heap holds, long ones resident memory too:
 *
 *   HAMPER_POISON_RECORDS=1000000 build/release/tests/property/property_poison_test
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "app/process.h"

#include "base/log.h"
#include "base/rng.h"
#include "broker/broker_memory.h"
#include "codec/frame.h"
#include "domain/limits.h"
#include "domain/reasons.h"
#include "ledger/digest.h"
#include "store/keys.h"
#include "store/kv_memory.h"

#include <inttypes.h>
#include <math.h>
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define RECORDS    20000 /* good, and as many bad, unless HAMPER_POISON_RECORDS says otherwise */
#define ROUND      250
#define PARTITIONS 4
#define INPUTS     6
#define WAITING    4096 /* bad records of a partition, or told requests, that may be open */
#define TURNS_MAX  20000
#define USERS      16
#define ORDERS     8 /* of a user */
#define ITEMS      48
#define START_MS   1750000000000LL
#define STEP_MS    5
#define GROWTH_KB  1024
#define LONG       200000 /* from here on a quarter warms up the allocator as well */
#define ADDED      9      /* headers of a dead letter that hamper adds */
#define ERRORS     "__connect.errors."
#define TEXT_MAX   400
#define MANY       257
#define TO_OTHERS  1000003U
#define HUGE_EVERY 100
#define HUGE_BYTES (HP_RECORD_BYTES_MAX + 1)
#define NO_SCHEMA  2100000000U

static const char configuration[] = "application.id=poison\n"
                                    "schema.registry.url=file:schemas\n"
                                    "group.instance.id=one\n"
                                    "partitions=4\n"
                                    "errors.breaker=off\n"
                                    "rows.publish.ms=600000\n"
                                    "batch.records=1000\n";

/* The inputs, as enum hp_topic and enum hp_record_type count them alike. */
_Static_assert((int)HP_TOPIC_ORDERS == (int)HP_RECORD_ORDER, "topics follow records");
_Static_assert(
    (int)HP_TOPIC_CATALOGUE == (int)HP_RECORD_CATALOGUE_ITEM, "topics follow records");
_Static_assert(HP_TOPIC_CATALOGUE + 1 == INPUTS, "six inputs");

union record {
    struct hp_order order;
    struct hp_feedback feedback;
    struct hp_preferences preferences;
    struct hp_box_request request;
    struct hp_erasure erasure;
    struct hp_catalogue_item item;
};

/* A record in the making, good or bad. */
struct maker {
    enum hp_record_type type;
    int64_t number;
    int64_t at; /* its event time */
    union record record;
    struct hp_order_line lines[HP_ORDER_LINES_MAX + 1];
    struct hp_bytes texts[MANY];
    char id[TEXT_MAX];
    char user[TEXT_MAX];
    char long_id[HP_ID_BYTES_MAX + 2];
    struct hp_bytes key;
    struct hp_buffer value;
    bool no_value;
    bool named_by_guid;
};

struct waiting {
    bool open;
    const char *code; /* NULL: any of the table's */
    struct hp_digest bytes;
    int64_t timestamp_ms;
    int64_t offset;
    const char *kind;
};

struct stream {
    int64_t now_ms;
    struct hp_rng rng;
    struct hp_options options;
    struct hp_cluster *cluster;
    struct hp_kv *kv;
    struct hp_process *process;
    struct hp_registry *registry;
    struct hp_codec *codec; /* the producers' */
    struct hp_producer *producer;
    struct hp_reader *reader; /* of dead letters and answers */
    const char *read_topics[2];
    int64_t read_to[2][PARTITIONS];
    int64_t ends[INPUTS][PARTITIONS];         /* next offset to write */
    int64_t ended_before[INPUTS][PARTITIONS]; /* as it was a round ago */
    struct waiting letters[INPUTS][PARTITIONS][WAITING];
    bool told[WAITING]; /* requests that wait for their refusal, by number */
    int64_t open;       /* letters and refusals that have not come */
    int64_t letter_count;
    int64_t refusal_count;
    int64_t codes[64];
    struct maker maker;
    struct hp_arena arena;
};

/* ---- makers: a good record of a type ---------------------------------------------------- */

static struct hp_bytes
name_into(char text[TEXT_MAX], const char *prefix, int64_t number)
{
    snprintf(text, TEXT_MAX, "%s-%" PRId64, prefix, number);
    return hp_bytes_text(text);
}

static struct hp_bytes
item_name(int64_t number)
{
    static char names[ITEMS][TEXT_MAX];
    int64_t at = number % ITEMS;

    return name_into(names[at], "item", at);
}

static void
fill_order(struct maker *maker, struct hp_bytes id, struct hp_bytes user)
{
    size_t count = 1 + (size_t)(maker->number % 4);

    for (size_t i = 0; i < count; i++)
        maker->lines[i] = (struct hp_order_line){
            item_name(maker->number * 7 + (int64_t)i), 1 + (int32_t)(maker->number % 3), 25000};
    maker->record.order = (struct hp_order){.order_id = id,
        .version = maker->number,
        .user_id = user,
        .ordered_at = maker->at,
        .lines = maker->lines,
        .line_count = count};
}

static void
fill_record(struct maker *maker, struct hp_bytes id, struct hp_bytes user)
{
    union record *record = &maker->record;

    memset(record, 0, sizeof(*record));
    switch (maker->type) {
    case HP_RECORD_FEEDBACK:
        record->feedback = (struct hp_feedback){.feedback_id = id,
            .user_id = user,
            .at = maker->at,
            .kind = HP_FEEDBACK_RATED,
            .item_id = item_name(maker->number),
            .rated = true,
            .rating = 1 + (double)(maker->number % 5)};
        break;
    case HP_RECORD_PREFERENCES:
        record->preferences = (struct hp_preferences){
            .user_id = user, .version = maker->number, .updated_at = maker->at};
        break;
    case HP_RECORD_BOX_REQUEST:
        record->request = (struct hp_box_request){.request_id = id,
            .user_id = user,
            .requested_at = maker->at,
            .boxes = {true, 1},
            .explore = true};
        break;
    case HP_RECORD_ERASURE:
        record->erasure =
            (struct hp_erasure){.erasure_id = id, .user_id = user, .requested_at = maker->at};
        break;
    case HP_RECORD_CATALOGUE_ITEM:
        record->item = (struct hp_catalogue_item){.item_id = id,
            .version = maker->number,
            .updated_at = maker->at,
            .name = id,
            .category = hp_bytes_text("nuts"),
            .price_minor = 20000 + maker->number % 7 * 5000,
            .currency = hp_bytes_text("INR"),
            .allergens_known = true,
            .max_per_box = 2,
            .active = true};
        break;
    default: fill_order(maker, id, user); break;
    }
}

static void
encode(struct stream *stream, struct maker *maker)
{
    struct hp_error error = {0};

    hp_buffer_clear(&maker->value);
    if (hp_codec_encode(stream->codec, maker->type, &maker->record, &maker->value, &error))
        fail_msg("%s: %s", hp_record_name(maker->type), error.text);
}

/* What a producer sends when all is well. */
static void
make_good(struct stream *stream, int64_t number)
{
    struct maker *maker = &stream->maker;
    int64_t user = number * 31 % USERS;
    uint32_t draw = hp_rng_below(&stream->rng, 100);

    maker->type = draw < 60   ? HP_RECORD_ORDER
                  : draw < 80 ? HP_RECORD_FEEDBACK
                  : draw < 92 ? HP_RECORD_PREFERENCES
                  : draw < 96 ? HP_RECORD_BOX_REQUEST
                  : draw < 98 ? HP_RECORD_ERASURE
                              : HP_RECORD_CATALOGUE_ITEM;
    maker->number = number + 1;
    maker->at = START_MS + number + 1;
    maker->no_value = maker->named_by_guid = false;
    maker->key = name_into(maker->user, "user", user);
    name_into(
        maker->id, "good", maker->type == HP_RECORD_ORDER ? number / USERS % ORDERS : number);
    if (maker->type == HP_RECORD_CATALOGUE_ITEM)
        maker->key = name_into(maker->id, "item", number % ITEMS);
    fill_record(maker, hp_bytes_text(maker->id), hp_bytes_text(maker->user));
    encode(stream, maker);
}

/* ---- poison: the record is spoilt before it is encoded ----------------------------------- */

static void
spoil_nan(struct maker *maker)
{
    maker->record.feedback.rating = maker->number % 2 ? (double)NAN : (double)INFINITY;
}

static void
spoil_id(struct maker *maker)
{
    union record *record = &maker->record;
    struct hp_bytes long_id;

    memset(maker->long_id, 'x', HP_ID_BYTES_MAX + 1);
    long_id = hp_bytes(maker->long_id, HP_ID_BYTES_MAX + 1);
    maker->texts[0] = long_id;
    switch (maker->type) {
    case HP_RECORD_FEEDBACK: record->feedback.item_id = long_id; break;
    case HP_RECORD_PREFERENCES: record->preferences.user_id = long_id; break;
    case HP_RECORD_BOX_REQUEST:
        record->request.must_items = (struct hp_strings){maker->texts, 1};
        break;
    case HP_RECORD_ERASURE: record->erasure.recipient_id = long_id; break;
    case HP_RECORD_CATALOGUE_ITEM: record->item.item_id = long_id; break;
    default: record->order.order_id = long_id; break;
    }
}

/* Nobody can be told. */
static void
spoil_request_user(struct maker *maker)
{
    memset(maker->long_id, 'y', HP_ID_BYTES_MAX + 1);
    maker->record.request.user_id = hp_bytes(maker->long_id, HP_ID_BYTES_MAX + 1);
}

static void
spoil_count(struct maker *maker)
{
    union record *record = &maker->record;
    struct hp_strings many = {maker->texts, MANY};

    for (size_t i = 0; i < MANY; i++)
        maker->texts[i] = hp_bytes_text("nutty");
    for (size_t i = 0; i <= HP_ORDER_LINES_MAX; i++)
        maker->lines[i] = (struct hp_order_line){hp_bytes_text("item-1"), 1, 100};
    switch (maker->type) {
    case HP_RECORD_PREFERENCES: record->preferences.liked_tags = many; break;
    case HP_RECORD_BOX_REQUEST: record->request.must_items = many; break;
    case HP_RECORD_CATALOGUE_ITEM: record->item.tags = many; break;
    default: record->order.line_count = HP_ORDER_LINES_MAX + 1; break;
    }
}

static void
spoil_time(struct maker *maker)
{
    static const int64_t shifts[] = {
        2 * HP_FUTURE_MS_MAX + 86400000, INT64_MAX / 2, -START_MS - 86400000, INT64_MIN / 2};
    int64_t at = maker->at + shifts[maker->number % (int64_t)HP_ARRAY_SIZE(shifts)];
    union record *record = &maker->record;

    switch (maker->type) {
    case HP_RECORD_FEEDBACK: record->feedback.at = at; break;
    case HP_RECORD_PREFERENCES: record->preferences.updated_at = at; break;
    case HP_RECORD_BOX_REQUEST: record->request.requested_at = at; break;
    case HP_RECORD_CATALOGUE_ITEM: record->item.updated_at = at; break;
    default: record->order.ordered_at = at; break;
    }
}

static void
spoil_money(struct maker *maker)
{
    int64_t amount = maker->number % 2 ? HP_MONEY_MAX + 1 : INT64_MIN;
    union record *record = &maker->record;

    switch (maker->type) {
    case HP_RECORD_PREFERENCES:
        record->preferences.budget_max_minor = (struct hp_maybe){true, amount};
        break;
    case HP_RECORD_BOX_REQUEST:
        record->request.budget_max_minor = (struct hp_maybe){true, amount};
        break;
    case HP_RECORD_CATALOGUE_ITEM: record->item.price_minor = amount; break;
    default: maker->lines[0].unit_price_minor = amount; break;
    }
}

/* Each line keeps the limit, their sum does not. */
static void
spoil_sum(struct maker *maker)
{
    for (size_t i = 0; i < 3; i++)
        maker->lines[i] = (struct hp_order_line){hp_bytes_text("item-1"), 5000, 100};
    maker->record.order.line_count = 3;
}

static void
spoil_status(struct maker *maker)
{
    maker->record.order.status = HP_ORDER_UNKNOWN;
}

static void
spoil_parts(struct maker *maker)
{
    maker->record.feedback.item_id = (struct hp_bytes){0};
}

static void
spoil_bounds(struct maker *maker)
{
    maker->record.preferences.budget_min_minor = (struct hp_maybe){true, 2000};
    maker->record.preferences.budget_max_minor = (struct hp_maybe){true, 1000};
}

static void
spoil_key(struct maker *maker)
{
    maker->key = maker->number % 2 ? hp_bytes_text("somebody else") : hp_bytes("", 0);
}

static void
spoil_currency(struct maker *maker)
{
    maker->record.item.currency = hp_bytes_text("USD");
}

/* ---- poison: the bytes are mangled after --------------------------------------------------
 */

static struct hp_rng noise = {1};

static void
put_noise(struct hp_buffer *out, size_t size)
{
    for (size_t i = 0; i < size; i++)
        hp_put_u8(out, (uint8_t)hp_rng_next(&noise));
}

static void
keep_prefix(struct maker *maker)
{
    maker->value.size = HP_FRAME_PREFIX_SIZE;
}

static void
put_text(struct hp_buffer *out, const char *text)
{
    hp_put_bytes(out, hp_bytes_text(text));
}

static void
mangle_all(struct maker *maker)
{
    hp_buffer_clear(&maker->value);
    put_noise(&maker->value, 1 + hp_rng_below(&noise, 200));
    maker->value.data[0] |= 1;
}

static void
mangle_body(struct maker *maker)
{
    keep_prefix(maker);
    put_noise(&maker->value, hp_rng_below(&noise, 200));
}

static void
mangle_magic(struct maker *maker)
{
    maker->value.data[0] = (uint8_t)(1 + hp_rng_below(&noise, 255));
}

static void
mangle_schema(struct maker *maker)
{
    uint32_t id = NO_SCHEMA + (uint32_t)maker->number % TO_OTHERS;

    for (int i = 0; i < 4; i++)
        maker->value.data[1 + i] = (uint8_t)(id >> (24 - 8 * i));
}

/* The schema of another record. */
static void
mangle_mixed(struct maker *maker)
{
    maker->value.data[4] = (uint8_t)(maker->value.data[4] % 6 + 1);
}

static void
mangle_cut(struct maker *maker)
{
    maker->value.size -=
        1 + hp_rng_below(&noise, (uint32_t)(maker->value.size - HP_FRAME_PREFIX_SIZE));
}

static void
mangle_tail(struct maker *maker)
{
    put_noise(&maker->value, 1 + hp_rng_below(&noise, 20));
}

static void
mangle_length(struct maker *maker)
{
    int64_t length = (int64_t)1 << (20 + maker->number % 43);

    keep_prefix(maker);
    hp_put_varint(&maker->value, maker->number % 5 ? length : -length);
    put_noise(&maker->value, 40);
}

static void
mangle_varint(struct maker *maker)
{
    keep_prefix(maker);
    for (int i = 0; i < 12; i++)
        hp_put_u8(&maker->value, 0xff);
    hp_put_u8(&maker->value, 1);
}

static void
mangle_text(struct maker *maker)
{
    static const char *const bad[] = {
        "\xff\xfe", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "ab\xe2\x82"};

    keep_prefix(maker);
    put_text(&maker->value, bad[maker->number % (int64_t)HP_ARRAY_SIZE(bad)]);
    put_noise(&maker->value, 40);
}

/* The order or feedback up to its enum. */
static void
put_up_to_enum(struct maker *maker)
{
    keep_prefix(maker);
    put_text(&maker->value, maker->id);
    if (maker->type == HP_RECORD_ORDER)
        hp_put_varint(&maker->value, 1);
    put_text(&maker->value, maker->user);
    hp_put_varint(&maker->value, maker->at);
}

static void
mangle_enum(struct maker *maker)
{
    put_up_to_enum(maker);
    hp_put_varint(&maker->value, maker->number % 2 ? 99 : -1);
    put_noise(&maker->value, 20);
}

static void
put_up_to_list(struct maker *maker)
{
    struct hp_buffer *out = &maker->value;

    if (maker->type == HP_RECORD_ORDER) {
        put_up_to_enum(maker);
        hp_put_varint(out, 0);
        return;
    }
    keep_prefix(maker);
    if (maker->type != HP_RECORD_PREFERENCES)
        put_text(out, maker->id);
    if (maker->type != HP_RECORD_CATALOGUE_ITEM)
        put_text(out, maker->user);
    if (maker->type != HP_RECORD_BOX_REQUEST)
        hp_put_varint(out, 1);
    hp_put_varint(out, maker->at);
    if (maker->type == HP_RECORD_CATALOGUE_ITEM) {
        put_text(out, "name");
        put_text(out, "nuts");
        hp_put_varint(out, 100);
        put_text(out, "INR");
        return;
    }
    for (int i = 0; i < (maker->type == HP_RECORD_BOX_REQUEST ? 4 : 2); i++)
        hp_put_varint(out, 0);
}

static void
mangle_block(struct maker *maker)
{
    put_up_to_list(maker);
    if (maker->number % 2) {
        hp_put_varint(&maker->value, 2000000000);
    } else {
        hp_put_varint(&maker->value, -2000000000);
        hp_put_varint(&maker->value, (int64_t)1 << 40);
    }
    put_noise(&maker->value, 30);
}

static void
mangle_int(struct maker *maker)
{
    put_up_to_list(maker);
    hp_put_varint(&maker->value, 1);
    put_text(&maker->value, "item-1");
    hp_put_varint(&maker->value, (int64_t)1 << (32 + maker->number % 30));
    put_noise(&maker->value, 30);
}

static void
mangle_null(struct maker *maker)
{
    maker->no_value = true;
}

static void
mangle_guid(struct maker *maker)
{
    maker->named_by_guid = true;
}

static void
mangle_size(struct maker *maker)
{
    static const uint8_t block[4096];

    while (maker->value.size < HUGE_BYTES)
        hp_buffer_append(&maker->value, block, sizeof(block));
}

/* ---- poison: all kinds --------------------------------------------------------------------
 */

#define OF(TYPE) (1U << HP_RECORD_##TYPE)
#define ALL      ((1U << INPUTS) - 1)
#define TIMED    (ALL & ~OF(ERASURE))
#define LISTED   (OF(ORDER) | OF(PREFERENCES) | OF(BOX_REQUEST) | OF(CATALOGUE_ITEM))
#define VALUED   (ALL & ~OF(PREFERENCES) & ~OF(CATALOGUE_ITEM))

static const struct kind {
    const char *name;
    uint32_t types;
    const char *code; /* NULL: whatever is met first */
    void (*spoil)(struct maker *);
    void (*mangle)(struct maker *);
    bool told; /* a request gets an answer */
    bool rare;
} kinds[] = {
    {"random bytes", ALL, HP_CODE_BAD_FRAME, NULL, mangle_all, false, false},
    {"random body", ALL, NULL, NULL, mangle_body, false, false},
    {"wrong magic", ALL, HP_CODE_BAD_FRAME, NULL, mangle_magic, false, false},
    {"unknown schema id", ALL, HP_CODE_UNKNOWN_SCHEMA, NULL, mangle_schema, false, false},
    {"schema of another record", ALL, HP_CODE_SCHEMA_MISMATCH, NULL, mangle_mixed, false,
        false},
    {"truncated", ALL, NULL, NULL, mangle_cut, false, false},
    {"trailing bytes", ALL, HP_CODE_TRAILING_BYTES, NULL, mangle_tail, false, false},
    {"length up to 2^62", ALL, HP_CODE_BAD_LENGTH, NULL, mangle_length, false, false},
    {"endless varint", ALL, HP_CODE_OVERFLOW, NULL, mangle_varint, false, false},
    {"invalid UTF-8", ALL, HP_CODE_BAD_UTF8, NULL, mangle_text, false, false},
    {"enum out of range", OF(ORDER) | OF(FEEDBACK), HP_CODE_BAD_ENUM, NULL, mangle_enum, false,
        false},
    {"block count of 2e9", LISTED, HP_CODE_BAD_LENGTH, NULL, mangle_block, false, false},
    {"int overflow", OF(ORDER), HP_CODE_OVERFLOW, NULL, mangle_int, false, false},
    {"no value", VALUED, HP_CODE_NULL_VALUE, NULL, mangle_null, false, false},
    {"schema GUID", ALL, HP_CODE_SCHEMA_GUID, NULL, mangle_guid, false, false},
    {"more than 256 KiB", ALL, HP_CODE_TOO_LARGE, NULL, mangle_size, false, true},
    {"NaN", OF(FEEDBACK), HP_CODE_NOT_A_NUMBER, spoil_nan, NULL, false, false},
    {"id of 129 bytes", ALL, HP_CODE_BAD_ID, spoil_id, NULL, true, false},
    {"user of 129 bytes", OF(BOX_REQUEST), HP_CODE_BAD_ID, spoil_request_user, NULL, false,
        false},
    {"201 lines", LISTED, HP_CODE_LIMIT, spoil_count, NULL, true, false},
    {"times outside", TIMED, HP_CODE_BAD_TIME, spoil_time, NULL, true, false},
    {"money outside", LISTED, HP_CODE_LIMIT, spoil_money, NULL, true, false},
    {"sum of lines", OF(ORDER), HP_CODE_LIMIT, spoil_sum, NULL, false, false},
    {"unknown status", OF(ORDER), HP_CODE_UNKNOWN_STATUS, spoil_status, NULL, false, false},
    {"rated what", OF(FEEDBACK), HP_CODE_INCOMPLETE, spoil_parts, NULL, false, false},
    {"min above max", OF(PREFERENCES), HP_CODE_CONTRADICTION, spoil_bounds, NULL, false, false},
    {"another key", OF(PREFERENCES) | OF(CATALOGUE_ITEM), HP_CODE_KEY_MISMATCH, spoil_key, NULL,
        false, false},
    {"another currency", OF(CATALOGUE_ITEM), HP_CODE_CURRENCY, spoil_currency, NULL, false,
        false},
};

static bool
decodes(struct stream *stream, const struct maker *maker)
{
    union record record;
    bool good = hp_codec_decode(stream->codec, maker->type, hp_buffer_bytes(&maker->value),
                    (struct hp_bytes){0}, &stream->arena, &record, NULL) == HP_OK;

    hp_arena_clear(&stream->arena);
    return good;
}

static const struct kind *
draw_kind(struct maker *maker)
{
    const struct kind *kind;

    do {
        kind = &kinds[hp_rng_below(&noise, HP_ARRAY_SIZE(kinds))];
        maker->type = (enum hp_record_type)hp_rng_below(&noise, INPUTS);
    } while (
        !(kind->types >> maker->type & 1) || (kind->rare && hp_rng_below(&noise, HUGE_EVERY)));
    return kind;
}

static const struct kind *
make_poison(struct stream *stream, int64_t number)
{
    struct maker *maker = &stream->maker;
    const struct kind *kind = draw_kind(maker);

    maker->number = number + 1;
    maker->at = START_MS + number + 1;
    maker->no_value = maker->named_by_guid = false;
    maker->key = name_into(maker->user, "asker", number % USERS);
    name_into(maker->id, "bad", number);
    if (maker->type == HP_RECORD_CATALOGUE_ITEM)
        maker->key = name_into(maker->id, "spoilt", number % ITEMS);
    do {
        fill_record(maker, hp_bytes_text(maker->id), hp_bytes_text(maker->user));
        if (kind->spoil)
            kind->spoil(maker);
        encode(stream, maker);
        if (kind->mangle)
            kind->mangle(maker);
    } while (kind->mangle == mangle_body && decodes(stream, maker));
    return kind;
}

/* ---- the stream ---------------------------------------------------------------------------
 */

static int64_t
clock_now(void *context)
{
    return ((struct stream *)context)->now_ms;
}

static void
must(enum hp_status status, const struct hp_error *error, const char *what)
{
    if (status)
        fail_msg("%s: %s", what, error->text);
}

static void
create_topics(struct stream *stream)
{
    struct hp_error error = {0};

    for (int i = 0; i < HP_TOPIC_COUNT; i++) {
        const struct hp_topic_row *row = &hp_topic_rows[i];
        size_t count = 0;

        while (count < HP_ARRAY_SIZE(row->settings) && row->settings[count].name)
            count++;
        must(hp_cluster_create(stream->cluster,
                 &(struct hp_topic_spec){stream->options.topics.name[i],
                     row->by_partitions ? PARTITIONS : 1, 1, row->settings, count},
                 &error),
            &error, "create");
    }
}

static void
open_producers(struct stream *stream)
{
    struct hp_error error = {0};
    char subject[300];

    must(hp_registry_open(
             &(struct hp_registry_options){.url = "file:schemas"}, &stream->registry, &error),
        &error, "registry");
    stream->codec = hp_codec_new(stream->registry);
    for (int i = 0; i < INPUTS; i++) {
        snprintf(subject, sizeof(subject), "%s-value", stream->options.topics.name[i]);
        must(hp_codec_prepare(stream->codec, (enum hp_record_type)i, subject, &error), &error,
            "prepare");
    }
    must(hp_codec_prepare(
             stream->codec, HP_RECORD_BOX_RECOMMENDATION, "gofig.box-answers-value", &error),
        &error, "prepare");
    must(hp_producer_new(stream->cluster, NULL, &stream->producer, &error), &error, "producer");
}

static void
open_readers(struct stream *stream)
{
    struct hp_error error = {0};

    stream->read_topics[0] = stream->options.topics.name[HP_TOPIC_DEAD_LETTERS];
    stream->read_topics[1] = stream->options.topics.name[HP_TOPIC_BOX_ANSWERS];
    must(hp_reader_new(stream->cluster,
             &(struct hp_reader_options){.topics = stream->read_topics, .topic_count = 2},
             &stream->reader, &error),
        &error, "reader");
    for (int source = 0; source < 2; source++)
        for (int32_t p = 0; p < PARTITIONS; p++)
            must(hp_reader_assign(stream->reader, source, p, 0, &error), &error, "assign");
}

static void
open_process(struct stream *stream)
{
    struct hp_process_options options = {.options = &stream->options,
        .cluster = stream->cluster,
        .kv = stream->kv,
        .clock_ms = clock_now,
        .clock_context = stream};
    struct hp_error error = {0};

    must(hp_process_new(&options, &stream->process, &error), &error, "process");
    for (int i = 0; i < 100 && !hp_flow_ready(stream->process->flow); i++)
        must(hp_flow_views_step(stream->process->flow, 0, &error), &error, "views");
    must(hp_process_join(stream->process, &options, &error), &error, "join");
}

static struct stream *
stream_new(uint64_t seed)
{
    struct stream *stream = hp_alloc(sizeof(*stream));
    struct hp_error error = {0};

    stream->now_ms = START_MS + HP_FUTURE_MS_MAX;
    stream->rng = (struct hp_rng){seed};
    noise = (struct hp_rng){seed + 1};
    must(hp_options_parse(hp_bytes_text(configuration), "poison", &stream->options, &error),
        &error, "options");
    stream->cluster = hp_cluster_memory_new(&(struct hp_memory_options){.clock = clock_now,
        .clock_context = stream,
        .transaction_timeout_ms = 600000,
        .retention_bytes = 1 << 16});
    stream->kv = hp_kv_memory_new();
    create_topics(stream);
    open_producers(stream);
    open_readers(stream);
    open_process(stream);
    return stream;
}

static void
stream_free(struct stream *stream)
{
    hp_process_free(stream->process);
    hp_reader_free(stream->reader);
    hp_producer_free(stream->producer, false);
    hp_codec_free(stream->codec);
    hp_registry_free(stream->registry);
    hp_kv_free(stream->kv);
    hp_cluster_free(stream->cluster);
    hp_options_release(&stream->options);
    hp_arena_release(&stream->arena);
    hp_buffer_release(&stream->maker.value);
    free(stream);
}

/* ---- sending ------------------------------------------------------------------------------
 */

static struct hp_digest
digest_record(
    struct hp_bytes key, struct hp_bytes value, const struct hp_header *headers, size_t count)
{
    struct hp_buffer all = {0};
    struct hp_digest digest;

    hp_put_bytes(&all, key);
    hp_put_bytes(&all, value);
    for (size_t i = 0; i < count; i++) {
        hp_put_bytes(&all, headers[i].name);
        hp_put_bytes(&all, headers[i].value);
    }
    digest = hp_hash128(hp_buffer_bytes(&all));
    hp_buffer_release(&all);
    return digest;
}

static const struct hp_header *
record_headers(const struct maker *maker, size_t *count)
{
    static const uint8_t guid[1 + HP_FRAME_GUID_SIZE] = {1, 2, 3};
    static struct hp_header headers[2];

    headers[0] = (struct hp_header){hp_bytes_text("trace"), hp_bytes_text("abc")};
    headers[1] = (struct hp_header){hp_bytes_text(HP_FRAME_HEADER_NAME), {guid, sizeof(guid)}};
    *count = maker->named_by_guid ? 2 : maker->number % 3 == 0;
    return headers;
}

/* Sends the record in hand; the digest of its bytes comes back. */
static struct hp_digest
send(struct stream *stream, int32_t partition)
{
    struct maker *maker = &stream->maker;
    struct hp_bytes value = hp_buffer_bytes(&maker->value);
    struct hp_error error = {0};
    struct hp_outgoing record = {.topic = stream->options.topics.name[maker->type],
        .partition = partition,
        .key = maker->key};

    if (!maker->no_value)
        record.value = value;
    record.headers = record_headers(maker, &record.header_count);
    must(hp_producer_send(stream->producer, &record, &error), &error, "send");
    stream->ends[maker->type][partition]++;
    return digest_record(record.key, record.value, record.headers, record.header_count);
}

static int32_t
place(const struct maker *maker)
{
    return maker->type == HP_RECORD_CATALOGUE_ITEM ? 0
                                                   : hp_partition_of(maker->key, PARTITIONS);
}

static void
send_good(struct stream *stream, int64_t number)
{
    make_good(stream, number);
    send(stream, place(&stream->maker));
}

/* Half of it lies where its key does not belong. */
static void
send_poison(struct stream *stream, int64_t number)
{
    const struct kind *kind = make_poison(stream, number);
    struct maker *maker = &stream->maker;
    bool told = kind->told && maker->type == HP_RECORD_BOX_REQUEST;
    int32_t partition = place(maker);
    struct waiting *waiting;
    struct hp_digest bytes;
    int64_t offset;

    if (maker->type != HP_RECORD_CATALOGUE_ITEM && hp_rng_below(&noise, 2))
        partition = (int32_t)hp_rng_below(&noise, PARTITIONS);
    offset = stream->ends[maker->type][partition];
    bytes = send(stream, partition);
    stream->open++;
    if (told) {
        assert_false(stream->told[number % WAITING]);
        stream->told[number % WAITING] = true;
        return;
    }
    waiting = &stream->letters[maker->type][partition][offset % WAITING];
    assert_false(waiting->open);
    *waiting = (struct waiting){true, kind->code, bytes, stream->now_ms, offset, kind->name};
}

/* ---- reading ------------------------------------------------------------------------------
 */

static const char *
error_header(struct stream *stream, const struct hp_message *message, const char *name)
{
    for (size_t i = message->header_count; i-- > 0;)
        if (hp_bytes_is(message->headers[i].name, name))
            return hp_arena_text(&stream->arena, message->headers[i].value);
    fail_msg("a dead letter without %s", name);
    return "";
}

static int
find_input(const struct stream *stream, const char *topic)
{
    for (int i = 0; i < INPUTS; i++)
        if (strcmp(stream->options.topics.name[i], topic) == 0)
            return i;
    fail_msg("a dead letter from %s", topic);
    return 0;
}

static void
count_code(
    struct stream *stream, const struct waiting *waiting, const char *code, const char *text)
{
    const char *known = hp_code_find(code);
    size_t at = 0;

    if (!known || (waiting->code && strcmp(code, waiting->code) != 0))
        fail_msg("%s: %s (%s), expected %s", waiting->kind, code, text,
            waiting->code ? waiting->code : "a known code");
    while (hp_codes[at].code != known)
        at++;
    stream->codes[at]++;
}

static void
take_letter(struct stream *stream, const struct hp_message *message)
{
    const char *topic = error_header(stream, message, ERRORS "topic");
    const char *code = error_header(stream, message, ERRORS "exception.class.name");
    const char *text = error_header(stream, message, ERRORS "exception.message");
    int64_t partition = strtoll(error_header(stream, message, ERRORS "partition"), NULL, 10);
    int64_t offset = strtoll(error_header(stream, message, ERRORS "offset"), NULL, 10);
    int input = find_input(stream, topic);
    struct waiting *waiting;

    assert_in_range(partition, 0, PARTITIONS - 1);
    waiting = &stream->letters[input][partition][offset % WAITING];
    if (!waiting->open || waiting->offset != offset)
        fail_msg("nobody waits for a letter of %s-%" PRId64 "@%" PRId64 ": %s, %s", topic,
            partition, offset, code, text);
    count_code(stream, waiting, code, text);
    assert_true(message->header_count >= ADDED);
    assert_true(
        hp_digest_equal(waiting->bytes, digest_record(message->key, message->value,
                                            message->headers, message->header_count - ADDED)));
    assert_int_equal(message->timestamp_ms, waiting->timestamp_ms);
    waiting->open = false;
    stream->open--;
    stream->letter_count++;
}

static void
take_answer(struct stream *stream, const struct hp_message *message)
{
    struct hp_recommendation answer;
    struct hp_error error = {0};
    int64_t number;
    const char *id;

    must(hp_codec_decode(stream->codec, HP_RECORD_BOX_RECOMMENDATION, message->value,
             (struct hp_bytes){0}, &stream->arena, &answer, &error),
        &error, "answer");
    id = hp_arena_text(&stream->arena, answer.request_id);
    if (strncmp(id, "bad-", 4) != 0)
        return;
    number = strtoll(id + 4, NULL, 10);
    if (!stream->told[number % WAITING])
        fail_msg("nobody waits for an answer to %s", id);
    assert_int_equal(answer.status, HP_BOXES_INFEASIBLE);
    assert_true(answer.advised && answer.advice.reason.size > 0);
    stream->told[number % WAITING] = false;
    stream->open--;
    stream->refusal_count++;
}

static void
read_outputs(struct stream *stream)
{
    struct hp_error error = {0};
    struct hp_poll poll;

    for (;;) {
        must(hp_reader_poll(stream->reader, 0, &poll, &error), &error, "read");
        if (poll.kind == HP_POLL_NOTHING)
            return;
        if (poll.kind == HP_POLL_END) {
            stream->read_to[poll.message.source][poll.message.partition] = poll.message.offset;
            continue;
        }
        if (poll.message.source == 0)
            take_letter(stream, &poll.message);
        else
            take_answer(stream, &poll.message);
        hp_arena_clear(&stream->arena);
    }
}

/* ---- rounds -------------------------------------------------------------------------------
 */

static bool
drained(struct stream *stream)
{
    struct hp_position targets[(INPUTS - 1) * PARTITIONS];
    struct hp_worker *worker = stream->process->workers[0];
    struct hp_worker_state state;
    size_t count = 0;

    for (int i = 0; i < INPUTS - 1; i++)
        for (int32_t p = 0; p < PARTITIONS; p++)
            targets[count++] =
                (struct hp_position){stream->options.topics.name[i], p, stream->ends[i][p]};
    hp_worker_state(worker, &state);
    return state.idle && hp_worker_reached(worker, targets, count);
}

/* Names what never came. */
static void
fail_open(const struct stream *stream)
{
    for (int i = 0; i < INPUTS; i++)
        for (int p = 0; p < PARTITIONS; p++)
            for (int k = 0; k < WAITING; k++)
                if (stream->letters[i][p][k].open)
                    print_error("%s-%d@%" PRId64 ": %s\n", stream->options.topics.name[i], p,
                        stream->letters[i][p][k].offset, stream->letters[i][p][k].kind);
    for (int k = 0; k < WAITING; k++)
        if (stream->told[k])
            print_error("request bad-%d has no refusal\n", k);
    fail_msg("%" PRId64 " letters and refusals never came", stream->open);
}

static void
settle(struct stream *stream)
{
    struct hp_error error = {0};

    for (int turn = 0; turn < TURNS_MAX; turn++) {
        stream->now_ms += STEP_MS;
        must(hp_flow_views_step(stream->process->flow, 0, &error), &error, "views");
        must(hp_worker_step(stream->process->workers[0], 0, &error), &error, "worker");
        read_outputs(stream);
        if (stream->open == 0 && drained(stream))
            return;
    }
    fail_open(stream);
}

static void
trim(struct stream *stream, enum hp_topic topic, int32_t partition, int64_t before)
{
    struct hp_error error = {0};

    must(hp_memory_trim(
             stream->cluster, stream->options.topics.name[topic], partition, before, &error),
        &error, "trim");
}

static int64_t
end_of(struct stream *stream, enum hp_topic topic, int32_t partition)
{
    struct hp_error error = {0};
    int64_t low;
    int64_t high;

    must(hp_cluster_watermarks(stream->cluster, stream->options.topics.name[topic], partition,
             &low, &high, &error),
        &error, "watermarks");
    return high;
}

/* Cuts every log behind its readers; the catalogue's and preferences' a round later. */
static void
cut_logs(struct stream *stream)
{
    static const enum hp_topic unread[] = {
        HP_TOPIC_BOX_RECOMMENDATIONS, HP_TOPIC_LEDGER_CHANGELOG, HP_TOPIC_AUDIT};

    for (int32_t p = 0; p < PARTITIONS; p++) {
        for (size_t i = 0; i < HP_ARRAY_SIZE(unread); i++)
            trim(stream, unread[i], p, end_of(stream, unread[i], p));
        trim(stream, HP_TOPIC_DEAD_LETTERS, p, stream->read_to[0][p]);
        trim(stream, HP_TOPIC_BOX_ANSWERS, p, stream->read_to[1][p]);
        trim(stream, HP_TOPIC_PREFERENCES, p, stream->ended_before[HP_TOPIC_PREFERENCES][p]);
    }
    trim(stream, HP_TOPIC_ERASURE_RECEIPTS, 0, end_of(stream, HP_TOPIC_ERASURE_RECEIPTS, 0));
    trim(stream, HP_TOPIC_CATALOGUE, 0, stream->ended_before[HP_TOPIC_CATALOGUE][0]);
    memcpy(stream->ended_before, stream->ends, sizeof(stream->ends));
}

static int64_t
resident_kb(void)
{
    FILE *file = fopen("/proc/self/status", "r");
    char line[256];
    long long kb = -1;

    malloc_trim(0); /* what the allocator keeps for later is not in use */
    assert_non_null(file);
    while (fgets(line, sizeof(line), file))
        if (strncmp(line, "VmRSS:", 6) == 0)
            kb = strtoll(line + 6, NULL, 10);
    fclose(file);
    return kb;
}

/* What the heap holds besides the topics, which stand for the broker's disk. */
static int64_t
held_kb(const struct stream *stream)
{
    struct mallinfo2 heap = mallinfo2();

    return (int64_t)((heap.uordblks + heap.hblkhd - hp_memory_bytes(stream->cluster)) / 1024);
}

static void
stock_shelves(struct stream *stream)
{
    struct maker *maker = &stream->maker;

    for (int64_t i = 0; i < ITEMS; i++) {
        maker->type = HP_RECORD_CATALOGUE_ITEM;
        maker->number = i;
        maker->at = START_MS + 1;
        maker->key = item_name(i);
        fill_record(maker, item_name(i), (struct hp_bytes){0});
        encode(stream, maker);
        send(stream, 0);
    }
    settle(stream);
}

/* The set digest, as `hamper inspect digest` sums it. */
static struct hp_digest
set_digest(struct stream *stream)
{
    static const enum hp_fact_kind facts[256] = {[HP_STORE_ORDER] = HP_FACT_ORDER,
        [HP_STORE_REACTION] = HP_FACT_REACTION,
        [HP_STORE_PREFERENCES] = HP_FACT_PREFERENCES,
        [HP_STORE_WATERMARK] = HP_FACT_WATERMARK};
    struct hp_kv_cursor *cursor = hp_kv_scan(stream->kv, hp_bytes("", 0), (struct hp_bytes){0});
    struct hp_ledger_digests digests = {0};
    struct hp_error error = {0};
    struct hp_bytes key;
    struct hp_bytes value;

    while (hp_kv_next(cursor, &key, &value)) {
        uint8_t store = key.data[HP_KEY_HEAD - 1];

        if (store < HP_STORE_ORDER || store > HP_STORE_WATERMARK)
            continue;
        hp_ledger_digests_change(&digests, facts[store], store,
            hp_bytes(key.data + HP_KEY_HEAD, key.size - HP_KEY_HEAD), (struct hp_bytes){0},
            value);
    }
    must(hp_kv_cursor_free(cursor, &error), &error, "scan");
    return digests.set;
}

struct memory {
    int64_t held_kb;
    int64_t resident_kb;
};

/* Of the rounds of a quarter, summed up. One look alone meets the allocator's ups and downs. */
struct quarter {
    struct memory sum;
    int64_t rounds;
};

struct outcome {
    struct hp_digest set;
    int64_t letters;
    int64_t refusals;
    struct memory growth; /* from the second quarter to the last, on average */
};

static void
look(const struct stream *stream, struct quarter *quarter)
{
    quarter->sum.held_kb += held_kb(stream);
    quarter->sum.resident_kb += resident_kb();
    quarter->rounds++;
}

static struct memory
difference(const struct quarter *from, const struct quarter *to)
{
    return (struct memory){to->sum.held_kb / to->rounds - from->sum.held_kb / from->rounds,
        to->sum.resident_kb / to->rounds - from->sum.resident_kb / from->rounds};
}

static struct outcome
play(uint64_t seed, int64_t records, bool poison)
{
    struct stream *stream = stream_new(seed);
    struct outcome outcome = {0};
    struct quarter quarters[4] = {0};

    stock_shelves(stream);
    for (int64_t from = 0; from < records; from += ROUND) {
        for (int64_t i = from; i < from + ROUND && i < records; i++) {
            stream->now_ms++;
            send_good(stream, i);
            if (poison)
                send_poison(stream, i);
        }
        settle(stream);
        cut_logs(stream);
        look(stream, &quarters[from * 4 / records]);
        if (poison && from % (records / 10 / ROUND * ROUND + ROUND) == 0)
            print_message("%" PRId64 " records, resident %" PRId64 " kB, held %" PRId64
                          " kB, topics %zu kB\n",
                2 * (from + ROUND), resident_kb(), held_kb(stream),
                hp_memory_bytes(stream->cluster) / 1024);
    }
    outcome.growth = difference(&quarters[1], &quarters[3]);
    outcome.set = set_digest(stream);
    outcome.letters = stream->letter_count;
    outcome.refusals = stream->refusal_count;
    for (size_t i = 0; i < hp_code_count && poison; i++)
        if (stream->codes[i])
            print_message("%8" PRId64 " %s\n", stream->codes[i], hp_codes[i].code);
    stream_free(stream);
    return outcome;
}

static int64_t
setting(const char *name, int64_t otherwise)
{
    const char *text = getenv(name);

    return text && *text ? strtoll(text, NULL, 10) : otherwise;
}

static bool
memory_is_measurable(void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    return false;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
    return false;
#endif
#endif
    return true;
}

static void
poison_makes_one_letter_each_and_nothing_else(void **state)
{
    int64_t records = setting("HAMPER_POISON_RECORDS", RECORDS);
    uint64_t seed = (uint64_t)setting("HAMPER_POISON_SEED", 7);
    struct outcome with = play(seed, records, true);
    struct outcome without = play(seed, records, false);

    (void)state;
    print_message("%" PRId64 " good and %" PRId64 " bad: %" PRId64 " dead letters, %" PRId64
                  " refusals; after warm-up held %+" PRId64 " kB, resident %+" PRId64 " kB\n",
        records, records, with.letters, with.refusals, with.growth.held_kb,
        with.growth.resident_kb);
    assert_int_equal(with.letters + with.refusals, records);
    assert_int_equal(without.letters + without.refusals, 0);
    assert_true(with.set.high != 0 || with.set.low != 0);
    assert_true(hp_digest_equal(with.set, without.set));
    if (!memory_is_measurable())
        return;
    assert_true(with.growth.held_kb <= GROWTH_KB);
    if (records >= LONG)
        assert_true(with.growth.resident_kb <= GROWTH_KB);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(poison_makes_one_letter_each_and_nothing_else),
    };

    hp_log_configure(&(struct hp_log_options){.level = HP_LOG_ERROR});
    return cmocka_run_group_tests(tests, NULL, NULL);
}
