/*
 * Producers upgrade before we do, or long after. What they wrote is read as they meant it, or
 * refused with the name of the field; it is never misread, and hostile bytes cost one message.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "codec/resolve.h"
#include "domain/event.h"
#include "domain/limits.h"
#include "domain/reasons.h"

#include <math.h>

struct fixture {
    struct hp_arena arena;
    struct hp_buffer body;
    struct hp_error error;
    const struct hp_program *program;
};

static int
set_up(void **state)
{
    *state = hp_alloc(sizeof(struct fixture));
    return 0;
}

static int
tear_down(void **state)
{
    struct fixture *fixture = *state;

    hp_arena_release(&fixture->arena);
    hp_buffer_release(&fixture->body);
    free(fixture);
    return 0;
}

static enum hp_status
compile(struct fixture *fixture, enum hp_record_type type, const char *json)
{
    const struct hp_schema *writer;

    assert_int_equal(
        hp_schema_parse(hp_bytes_text(json), &fixture->arena, &writer, &fixture->error), HP_OK);
    return hp_program_compile(
        writer, type, &fixture->arena, &fixture->program, &fixture->error);
}

static enum hp_status
run(struct fixture *fixture, void *out)
{
    return hp_program_run(fixture->program, hp_buffer_bytes(&fixture->body), &fixture->arena,
        out, &fixture->error);
}

static void
put_text(struct fixture *fixture, const char *text)
{
    hp_put_bytes(&fixture->body, hp_bytes_text(text));
}

static void
put_long(struct fixture *fixture, int64_t value)
{
    hp_put_varint(&fixture->body, value);
}

#define assert_text(bytes, text)    assert_true(hp_bytes_is((bytes), (text)))
#define assert_code(fixture, want)  assert_string_equal((fixture)->error.code, (want))
#define assert_names(fixture, word) assert_non_null(strstr((fixture)->error.text, (word)))

#define RECORD(name, fields)                                                                   \
    "{\"type\":\"record\",\"name\":\"" name                                                    \
    "\",\"namespace\":\"com.gofig.hamper\",\"fields\":[" fields "]}"
#define FIELD(name, type) "{\"name\":\"" name "\",\"type\":" type "}"
#define STRING            "\"string\""
#define LONG              "\"long\""

/* An erasure of a writer without recipient_id. */
#define OLD_ERASURE                                                                            \
    FIELD("erasure_id", STRING) "," FIELD("user_id", STRING) "," FIELD("requested_at", LONG)

static void
put_old_erasure(struct fixture *fixture)
{
    put_text(fixture, "e1");
    put_text(fixture, "u1");
    put_long(fixture, 1700000000000);
}

static void
field_the_writer_lacks_takes_its_default(void **state)
{
    static const char json[] = RECORD(
        "CatalogueItem", FIELD("item_id", STRING) "," FIELD("version", LONG) "," FIELD(
                             "updated_at", LONG) "," FIELD("name", STRING) "," FIELD("category",
                             STRING) "," FIELD("price_minor", LONG));
    struct fixture *fixture = *state;
    struct hp_catalogue_item item;

    assert_int_equal(compile(fixture, HP_RECORD_CATALOGUE_ITEM, json), HP_OK);
    put_text(fixture, "almonds");
    put_long(fixture, 3);
    put_long(fixture, 5);
    put_text(fixture, "Almonds");
    put_text(fixture, "dry-fruits");
    put_long(fixture, 64900);
    assert_int_equal(run(fixture, &item), HP_OK);
    assert_text(item.item_id, "almonds");
    assert_int_equal(item.price_minor, 64900);
    assert_text(item.currency, "INR");
    assert_int_equal(item.max_per_box, 1);
    assert_true(item.active);
    assert_false(item.allergens_known);
    assert_int_equal(item.tags.count, 0);
    assert_false(item.stock.present);
    assert_null(item.family.data);
}

static void
field_we_lack_is_passed_over_whatever_its_type(void **state)
{
    static const char json[] = RECORD("Erasure",
        FIELD("extra_map", "{\"type\":\"map\",\"values\":[\"null\",\"double\"]}") "," FIELD(
            "erasure_id", STRING) "," FIELD("extra_list",
            "{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":\"X\","
            "\"fields\":[{\"name\":\"a\",\"type\":\"boolean\"},{\"name\":\"b\","
            "\"type\":\"bytes\"}]}}") "," FIELD("user_id", STRING) "," FIELD("extra_fixed",
            "{\"type\":\"fixed\",\"name\":\"F\",\"size\":3}") "," FIELD("requested_at",
            LONG) "," FIELD("extra_float", "\"float\"") "," FIELD("extra_null",
            "\"null\"") "," FIELD("extra_enum",
            "{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\",\"B\"]}"));
    struct fixture *fixture = *state;
    struct hp_erasure erasure;

    assert_int_equal(compile(fixture, HP_RECORD_ERASURE, json), HP_OK);
    put_long(fixture, 1); /* map: one block of one, then the end */
    put_text(fixture, "key");
    put_long(fixture, 1);
    hp_buffer_append(&fixture->body, "\0\0\0\0\0\0\0\0", 8);
    put_long(fixture, 0);
    put_text(fixture, "e1");
    put_long(fixture, -1); /* list: a block that says its size */
    put_long(fixture, 4);
    hp_put_u8(&fixture->body, 1);
    put_text(fixture, "xy");
    put_long(fixture, 1); /* and one that does not */
    hp_put_u8(&fixture->body, 0);
    put_text(fixture, "");
    put_long(fixture, 0);
    put_text(fixture, "u1");
    hp_buffer_append(&fixture->body, "abc", 3);
    put_long(fixture, 77);
    hp_buffer_append(&fixture->body, "ffff", 4);
    put_long(fixture, 1);
    assert_int_equal(run(fixture, &erasure), HP_OK);
    assert_text(erasure.erasure_id, "e1");
    assert_text(erasure.user_id, "u1");
    assert_int_equal(erasure.requested_at, 77);
}

static void
renamed_field_is_found_by_its_alias(void **state)
{
    static const char json[] =
        RECORD("Erasure", FIELD("requested_at", LONG) "," FIELD(
                              "customer_id", STRING) "," FIELD("erasure_id", STRING));
    struct fixture *fixture = *state;
    struct hp_erasure erasure;

    assert_int_equal(compile(fixture, HP_RECORD_ERASURE, json), HP_OK);
    put_long(fixture, 9);
    put_text(fixture, "u-asha");
    put_text(fixture, "e1");
    assert_int_equal(run(fixture, &erasure), HP_OK);
    assert_text(erasure.user_id, "u-asha");
    assert_int_equal(erasure.requested_at, 9);
}

/* A writer in the middle of a rename sends both; the new name is the one that counts. */
static void
name_wins_over_alias(void **state)
{
    static const char json[] = RECORD("Erasure", FIELD("customer_id", STRING) "," OLD_ERASURE);
    struct fixture *fixture = *state;
    struct hp_erasure erasure;

    assert_int_equal(compile(fixture, HP_RECORD_ERASURE, json), HP_OK);
    put_text(fixture, "old name");
    put_old_erasure(fixture);
    assert_int_equal(run(fixture, &erasure), HP_OK);
    assert_text(erasure.user_id, "u1");
}

static void
int_grows_into_long_and_double(void **state)
{
    static const char json[] = RECORD(
        "Feedback", FIELD("feedback_id", "\"bytes\"") "," FIELD("user_id", STRING) "," FIELD(
                        "at", "\"int\"") "," FIELD("rating", "\"int\""));
    struct fixture *fixture = *state;
    struct hp_feedback feedback;

    assert_int_equal(compile(fixture, HP_RECORD_FEEDBACK, json), HP_OK);
    put_text(fixture, "f1");
    put_text(fixture, "u1");
    put_long(fixture, INT32_MAX);
    put_long(fixture, 4);
    assert_int_equal(run(fixture, &feedback), HP_OK);
    assert_text(feedback.feedback_id, "f1");
    assert_int_equal(feedback.at, INT32_MAX);
    assert_true(feedback.rated);
    assert_true(feedback.rating == 4.0);
    assert_int_equal(feedback.kind, HP_FEEDBACK_OTHER);

    fixture->body.size = 0;
    put_text(fixture, "f1");
    put_text(fixture, "u1");
    put_long(fixture, (int64_t)INT32_MAX + 1);
    put_long(fixture, 4);
    assert_int_equal(run(fixture, &feedback), HP_BAD_RECORD);
    assert_code(fixture, HP_CODE_OVERFLOW);
    assert_names(fixture, "field at");
}

static void
float_grows_into_double(void **state)
{
    static const char json[] =
        RECORD("Feedback", FIELD("feedback_id", STRING) "," FIELD("user_id", STRING) "," FIELD(
                               "at", LONG) "," FIELD("rating", "[\"float\",\"null\"]"));
    static const uint8_t two_and_a_half[] = {0, 0, 0x20, 0x40};
    struct fixture *fixture = *state;
    struct hp_feedback feedback;

    assert_int_equal(compile(fixture, HP_RECORD_FEEDBACK, json), HP_OK);
    put_text(fixture, "f1");
    put_text(fixture, "u1");
    put_long(fixture, 1);
    put_long(fixture, 0);
    hp_buffer_append(&fixture->body, two_and_a_half, sizeof(two_and_a_half));
    assert_int_equal(run(fixture, &feedback), HP_OK);
    assert_true(feedback.rated && feedback.rating == 2.5);
}

#define FEEDBACK_OF(kind)                                                                      \
    RECORD("Feedback", FIELD("feedback_id", STRING) "," FIELD("user_id", STRING) "," FIELD(    \
                           "at", LONG) "," FIELD("kind", kind))

/* A symbol we do not know becomes the enum's own default; known ones are matched by name. */
static void
newer_symbol_becomes_the_default(void **state)
{
    static const char json[] = FEEDBACK_OF("{\"type\":\"enum\",\"name\":\"FeedbackKind\","
                                           "\"symbols\":[\"PRINTED\",\"LIKED\"]}");
    struct fixture *fixture = *state;
    struct hp_feedback feedback;

    assert_int_equal(compile(fixture, HP_RECORD_FEEDBACK, json), HP_OK);
    for (int symbol = 0; symbol < 3; symbol++) {
        fixture->body.size = 0;
        put_text(fixture, "f1");
        put_text(fixture, "u1");
        put_long(fixture, 1);
        put_long(fixture, symbol);
        if (symbol < 2) {
            assert_int_equal(run(fixture, &feedback), HP_OK);
            assert_int_equal(feedback.kind, symbol ? HP_FEEDBACK_LIKED : HP_FEEDBACK_OTHER);
        }
    }
    assert_int_equal(run(fixture, &feedback), HP_BAD_RECORD);
    assert_code(fixture, HP_CODE_BAD_ENUM);
    assert_names(fixture, "kind");
}

#define NULLABLE_ERASURE(user, recipient)                                                      \
    RECORD("Erasure", FIELD("erasure_id", STRING) "," FIELD("user_id", user) "," FIELD(        \
                          "requested_at", LONG) "," FIELD("recipient_id", recipient))

/* The writer may leave null out, put it elsewhere, or offer more types than we take. */
static void
unions_are_widened_and_narrowed(void **state)
{
    static const char bare[] = NULLABLE_ERASURE(STRING, STRING);
    static const char turned[] = NULLABLE_ERASURE(STRING, "[\"string\",\"null\"]");
    static const char wide[] =
        NULLABLE_ERASURE("[\"null\",\"string\"]", "[\"int\",\"null\",\"bytes\"]");
    struct fixture *fixture = *state;
    struct hp_erasure erasure;

    assert_int_equal(compile(fixture, HP_RECORD_ERASURE, bare), HP_OK);
    put_old_erasure(fixture);
    put_text(fixture, "r1");
    assert_int_equal(run(fixture, &erasure), HP_OK);
    assert_text(erasure.recipient_id, "r1");

    assert_int_equal(compile(fixture, HP_RECORD_ERASURE, turned), HP_OK);
    fixture->body.size = 0;
    put_old_erasure(fixture);
    put_long(fixture, 1);
    assert_int_equal(run(fixture, &erasure), HP_OK);
    assert_null(erasure.recipient_id.data);

    assert_int_equal(compile(fixture, HP_RECORD_ERASURE, wide), HP_OK);
    fixture->body.size = 0;
    put_text(fixture, "e1");
    put_long(fixture, 1);
    put_text(fixture, "u1");
    put_long(fixture, 8);
    put_long(fixture, 2);
    put_text(fixture, "r2");
    assert_int_equal(run(fixture, &erasure), HP_OK);
    assert_text(erasure.user_id, "u1");
    assert_text(erasure.recipient_id, "r2");
}

static void
branch_without_a_place_is_refused_by_name(void **state)
{
    static const char wide[] =
        NULLABLE_ERASURE("[\"null\",\"string\"]", "[\"int\",\"null\",\"bytes\"]");
    struct fixture *fixture = *state;
    struct hp_erasure erasure;

    assert_int_equal(compile(fixture, HP_RECORD_ERASURE, wide), HP_OK);
    put_text(fixture, "e1");
    put_long(fixture, 0); /* null, where we need a string */
    assert_int_equal(run(fixture, &erasure), HP_BAD_RECORD);
    assert_code(fixture, HP_CODE_BAD_UNION);
    assert_names(fixture, "user_id");

    fixture->body.size = 0;
    put_text(fixture, "e1");
    put_long(fixture, 1);
    put_text(fixture, "u1");
    put_long(fixture, 8);
    put_long(fixture, 0); /* an int, where we take a string */
    assert_int_equal(run(fixture, &erasure), HP_BAD_RECORD);
    assert_code(fixture, HP_CODE_BAD_UNION);
    assert_names(fixture, "recipient_id");
}

struct mismatch {
    enum hp_record_type type;
    const char *json;
    const char *names;
};

#define ITEM(line) "{\"type\":\"array\",\"items\":" line "}"
#define ORDER_WITH(lines)                                                                      \
    RECORD("Order", FIELD("order_id", STRING) "," FIELD("user_id", STRING) "," FIELD(          \
                        "ordered_at", LONG) "," FIELD("lines", lines))

static void
mismatch_names_the_field(void **state)
{
    static const struct mismatch cases[] = {
        {HP_RECORD_ERASURE,
            RECORD("Erasure", FIELD("erasure_id", STRING) "," FIELD("user_id", STRING)),
            "requested_at"},
        {HP_RECORD_ERASURE, NULLABLE_ERASURE("\"long\"", STRING), "user_id"},
        {HP_RECORD_ERASURE, NULLABLE_ERASURE("\"null\"", STRING), "user_id"},
        {HP_RECORD_ERASURE, NULLABLE_ERASURE(STRING, "[\"null\",\"int\"]"), "recipient_id"},
        {HP_RECORD_ERASURE, NULLABLE_ERASURE(STRING, "[\"null\",\"int\",\"double\"]"),
            "recipient_id"},
        {HP_RECORD_ERASURE, RECORD("Erase", OLD_ERASURE), "com.gofig.hamper.Erase"},
        {HP_RECORD_FEEDBACK, FEEDBACK_OF("\"string\""), "kind"},
        {HP_RECORD_FEEDBACK,
            RECORD("Feedback",
                FIELD("feedback_id", STRING) "," FIELD("user_id", STRING) "," FIELD(
                    "at", "{\"type\":\"long\",\"logicalType\":\"timestamp-micros\"}")),
            "timestamp-micros"},
        {HP_RECORD_ORDER, ORDER_WITH(STRING), "lines"},
        {HP_RECORD_ORDER, ORDER_WITH(ITEM(STRING)), "lines"},
        {HP_RECORD_ORDER,
            ORDER_WITH(
                ITEM(RECORD("OrderLine", FIELD("item_id", STRING) "," FIELD("quantity",
                                             LONG) "," FIELD("unit_price_minor", LONG)))),
            "lines.quantity"},
        {HP_RECORD_ORDER, ORDER_WITH(ITEM(RECORD("OrderLine", FIELD("item_id", STRING)))),
            "lines.quantity"},
        {HP_RECORD_ORDER, "\"string\"", "string"},
    };
    struct fixture *fixture = *state;

    for (size_t i = 0; i < HP_ARRAY_SIZE(cases); i++) {
        assert_int_equal(compile(fixture, cases[i].type, cases[i].json), HP_BAD_RECORD);
        assert_code(fixture, HP_CODE_SCHEMA_MISMATCH);
        assert_names(fixture, cases[i].names);
    }
}

#define ORDER                                                                                  \
    ORDER_WITH(ITEM(RECORD("OrderLine", FIELD("item_id", STRING) "," FIELD("quantity",         \
                                            "\"int\"") "," FIELD("unit_price_minor", LONG))))

static void
put_order_head(struct fixture *fixture)
{
    fixture->body.size = 0;
    put_text(fixture, "o1");
    put_text(fixture, "u1");
    put_long(fixture, 5);
}

static void
put_line(struct fixture *fixture, const char *item, int64_t quantity)
{
    put_text(fixture, item);
    put_long(fixture, quantity);
    put_long(fixture, 100);
}

static void
list_in_many_blocks_is_one_list(void **state)
{
    struct fixture *fixture = *state;
    struct hp_order order;

    assert_int_equal(compile(fixture, HP_RECORD_ORDER, ORDER), HP_OK);
    put_order_head(fixture);
    for (int i = 0; i < 40; i++) {
        put_long(fixture, i % 2 ? 1 : -1);
        if (i % 2 == 0)
            put_long(fixture, 5); /* bytes of the block */
        put_line(fixture, "x", i);
    }
    put_long(fixture, 0);
    assert_int_equal(run(fixture, &order), HP_OK);
    assert_int_equal(order.line_count, 40);
    for (int i = 0; i < 40; i++)
        assert_int_equal(order.lines[i].quantity, i);
    assert_int_equal(order.version, 1);
    assert_int_equal(order.status, HP_ORDER_PLACED);
}

static void
order_of_200_lines_is_read_and_201_refused(void **state)
{
    struct fixture *fixture = *state;
    struct hp_order order;

    assert_int_equal(compile(fixture, HP_RECORD_ORDER, ORDER), HP_OK);
    for (int count = 200; count <= 201; count++) {
        put_order_head(fixture);
        put_long(fixture, count);
        for (int i = 0; i < count; i++)
            put_line(fixture, "item", 1);
        put_long(fixture, 0);
        assert_int_equal(run(fixture, &order), count == 200 ? HP_OK : HP_BAD_RECORD);
    }
    assert_code(fixture, HP_CODE_LIMIT);
    assert_names(fixture, "lines");
}

/* The promise behind "resident memory does not grow": what is claimed is not allocated. */
static void
claims_beyond_the_body_allocate_nothing(void **state)
{
    static const int64_t claims[] = {
        2000000000, INT64_MAX, INT64_MIN, INT64_MIN + 1, -2000000000};
    struct fixture *fixture = *state;
    struct hp_order order;
    size_t used;

    assert_int_equal(compile(fixture, HP_RECORD_ORDER, ORDER), HP_OK);
    used = fixture->arena.used;
    for (size_t i = 0; i < HP_ARRAY_SIZE(claims); i++) {
        put_order_head(fixture);
        put_long(fixture, claims[i]);
        if (claims[i] < 0)
            put_long(fixture, 5);
        put_line(fixture, "x", 1);
        put_long(fixture, 0);
        assert_int_equal(run(fixture, &order), HP_BAD_RECORD);
        assert_code(fixture, HP_CODE_BAD_LENGTH);
    }
    assert_int_equal(fixture->arena.used, used);
}

static void
block_must_be_as_long_as_it_says(void **state)
{
    struct fixture *fixture = *state;
    struct hp_order order;

    assert_int_equal(compile(fixture, HP_RECORD_ORDER, ORDER), HP_OK);
    for (int size = -1; size <= 7; size++) {
        put_order_head(fixture);
        put_long(fixture, -1);
        put_long(fixture, size);
        put_line(fixture, "x", 1);
        put_long(fixture, 0);
        assert_int_equal(run(fixture, &order), size == 5 ? HP_OK : HP_BAD_RECORD);
        if (size != 5)
            assert_code(fixture, HP_CODE_BAD_LENGTH);
    }
}

static void
length_beyond_the_body_is_refused(void **state)
{
    static const int64_t lengths[] = {3, -1, INT64_MIN, (int64_t)1 << 62, INT64_MAX};
    struct fixture *fixture = *state;
    struct hp_erasure erasure;

    assert_int_equal(
        compile(fixture, HP_RECORD_ERASURE, RECORD("Erasure", OLD_ERASURE)), HP_OK);
    for (size_t i = 0; i < HP_ARRAY_SIZE(lengths); i++) {
        fixture->body.size = 0;
        put_text(fixture, "e1");
        put_long(fixture, lengths[i]);
        hp_buffer_append(&fixture->body, "u1", 2);
        assert_int_equal(run(fixture, &erasure), HP_BAD_RECORD);
        assert_code(fixture, HP_CODE_BAD_LENGTH);
        assert_names(fixture, "user_id");
    }
}

/* Every prefix of a body ends too early, and one byte more is one too many. */
static void
body_is_consumed_exactly(void **state)
{
    struct fixture *fixture = *state;
    struct hp_error *error = &fixture->error;
    struct hp_order order;

    assert_int_equal(compile(fixture, HP_RECORD_ORDER, ORDER), HP_OK);
    put_order_head(fixture);
    put_long(fixture, 2);
    put_line(fixture, "almonds", 300);
    put_line(fixture, "tea", 1);
    put_long(fixture, 0);
    for (size_t size = 0; size < fixture->body.size; size++) {
        struct hp_bytes cut = {fixture->body.data, size};

        assert_int_equal(hp_program_run(fixture->program, cut, &fixture->arena, &order, error),
            HP_BAD_RECORD);
        assert_true(strcmp(error->code, HP_CODE_TRUNCATED) == 0 ||
                    strcmp(error->code, HP_CODE_BAD_LENGTH) == 0);
    }
    assert_int_equal(run(fixture, &order), HP_OK);
    put_long(fixture, 0);
    assert_int_equal(run(fixture, &order), HP_BAD_RECORD);
    assert_code(fixture, HP_CODE_TRAILING_BYTES);
}

static void
number_of_eleven_bytes_is_refused(void **state)
{
    static const uint8_t endless[] = {
        0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1};
    static const uint8_t too_wide[] = {0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 2};
    static const uint8_t widest[] = {0xFE, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1};
    static const uint8_t padded[] = {0x82, 0x00}; /* 1, in more bytes than needed: allowed */
    struct fixture *fixture = *state;
    struct hp_erasure erasure;

    assert_int_equal(
        compile(fixture, HP_RECORD_ERASURE, RECORD("Erasure", OLD_ERASURE)), HP_OK);
    for (int i = 0; i < 4; i++) {
        fixture->body.size = 0;
        put_text(fixture, "e1");
        put_text(fixture, "u1");
        switch (i) {
        case 0: hp_buffer_append(&fixture->body, endless, sizeof(endless)); break;
        case 1: hp_buffer_append(&fixture->body, too_wide, sizeof(too_wide)); break;
        case 2: hp_buffer_append(&fixture->body, widest, sizeof(widest)); break;
        default: hp_buffer_append(&fixture->body, padded, sizeof(padded)); break;
        }
        assert_int_equal(run(fixture, &erasure), i < 2 ? HP_BAD_RECORD : HP_OK);
        if (i < 2)
            assert_code(fixture, HP_CODE_OVERFLOW);
        if (i == 2)
            assert_true(erasure.requested_at == INT64_MAX);
        if (i == 3)
            assert_int_equal(erasure.requested_at, 1);
    }
}

static void
text_that_is_no_utf8_is_refused(void **state)
{
    static const char *const bad[] = {"\x80", "\xC0\xAF", "\xED\xA0\x80", "abcdefgh\xFF",
        "abcdefghijkl\xE2\x82", "\xF4\x90\x80\x80"};
    static const char *const good[] = {"", "a", "काजू कतली", "abcdefg\xC3\xA9", "😀"};
    struct fixture *fixture = *state;
    struct hp_erasure erasure;

    assert_int_equal(
        compile(fixture, HP_RECORD_ERASURE, RECORD("Erasure", OLD_ERASURE)), HP_OK);
    for (size_t i = 0; i < HP_ARRAY_SIZE(bad) + HP_ARRAY_SIZE(good); i++) {
        bool is_bad = i < HP_ARRAY_SIZE(bad);

        fixture->body.size = 0;
        put_text(fixture, "e1");
        put_text(fixture, is_bad ? bad[i] : good[i - HP_ARRAY_SIZE(bad)]);
        put_long(fixture, 1);
        assert_int_equal(run(fixture, &erasure), is_bad ? HP_BAD_RECORD : HP_OK);
        if (is_bad) {
            assert_code(fixture, HP_CODE_BAD_UTF8);
            assert_names(fixture, "user_id");
        }
    }
}

static void
boolean_of_two_is_refused(void **state)
{
    static const char json[] =
        RECORD("BoxRequest", FIELD("request_id", STRING) "," FIELD("user_id", STRING) "," FIELD(
                                 "requested_at", LONG) "," FIELD("explore", "\"boolean\""));
    struct fixture *fixture = *state;
    struct hp_box_request request;

    assert_int_equal(compile(fixture, HP_RECORD_BOX_REQUEST, json), HP_OK);
    for (uint8_t byte = 0; byte < 3; byte++) {
        fixture->body.size = 0;
        put_text(fixture, "q1");
        put_text(fixture, "u1");
        put_long(fixture, 1);
        hp_put_u8(&fixture->body, byte);
        assert_int_equal(run(fixture, &request), byte < 2 ? HP_OK : HP_BAD_RECORD);
        if (byte < 2)
            assert_int_equal(request.explore, byte);
    }
    assert_code(fixture, HP_CODE_BAD_BOOLEAN);
}

static void
rating_that_is_no_number_is_refused(void **state)
{
    static const double odd[] = {NAN, INFINITY, -INFINITY};
    static const char json[] =
        RECORD("Feedback", FIELD("feedback_id", STRING) "," FIELD("user_id", STRING) "," FIELD(
                               "at", LONG) "," FIELD("rating", "\"double\""));
    struct fixture *fixture = *state;
    struct hp_feedback feedback;

    assert_int_equal(compile(fixture, HP_RECORD_FEEDBACK, json), HP_OK);
    for (size_t i = 0; i < HP_ARRAY_SIZE(odd); i++) {
        fixture->body.size = 0;
        put_text(fixture, "f1");
        put_text(fixture, "u1");
        put_long(fixture, 1);
        hp_buffer_append(&fixture->body, &odd[i], sizeof(odd[i]));
        assert_int_equal(run(fixture, &feedback), HP_BAD_RECORD);
        assert_code(fixture, HP_CODE_NOT_A_NUMBER);
        assert_names(fixture, "rating");
    }
}

static void
union_branch_out_of_range_is_refused(void **state)
{
    static const int64_t branches[] = {2, -1, INT64_MAX, INT64_MIN};
    struct fixture *fixture = *state;
    struct hp_erasure erasure;

    assert_int_equal(
        compile(fixture, HP_RECORD_ERASURE, NULLABLE_ERASURE(STRING, "[\"null\",\"string\"]")),
        HP_OK);
    for (size_t i = 0; i < HP_ARRAY_SIZE(branches); i++) {
        fixture->body.size = 0;
        put_old_erasure(fixture);
        put_long(fixture, branches[i]);
        assert_int_equal(run(fixture, &erasure), HP_BAD_RECORD);
        assert_code(fixture, HP_CODE_BAD_UNION);
    }
}

/* Nulls take no bytes, so 2^62 of them fit any body; passing over them must not take 2^62
 * steps. */
static void
list_of_nothing_is_passed_over_at_once(void **state)
{
    static const char json[] = RECORD(
        "Erasure", FIELD("nothing", "{\"type\":\"array\",\"items\":\"null\"}") "," OLD_ERASURE);
    struct fixture *fixture = *state;
    struct hp_erasure erasure;

    assert_int_equal(compile(fixture, HP_RECORD_ERASURE, json), HP_OK);
    put_long(fixture, (int64_t)1 << 62);
    put_long(fixture, 0);
    put_old_erasure(fixture);
    assert_int_equal(run(fixture, &erasure), HP_OK);
    assert_text(erasure.user_id, "u1");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(field_the_writer_lacks_takes_its_default),
        TEST(field_we_lack_is_passed_over_whatever_its_type),
        TEST(renamed_field_is_found_by_its_alias),
        TEST(name_wins_over_alias),
        TEST(int_grows_into_long_and_double),
        TEST(float_grows_into_double),
        TEST(newer_symbol_becomes_the_default),
        TEST(unions_are_widened_and_narrowed),
        TEST(branch_without_a_place_is_refused_by_name),
        TEST(mismatch_names_the_field),
        TEST(list_in_many_blocks_is_one_list),
        TEST(order_of_200_lines_is_read_and_201_refused),
        TEST(claims_beyond_the_body_allocate_nothing),
        TEST(block_must_be_as_long_as_it_says),
        TEST(length_beyond_the_body_is_refused),
        TEST(body_is_consumed_exactly),
        TEST(number_of_eleven_bytes_is_refused),
        TEST(text_that_is_no_utf8_is_refused),
        TEST(boolean_of_two_is_refused),
        TEST(rating_that_is_no_number_is_refused),
        TEST(union_branch_out_of_range_is_refused),
        TEST(list_of_nothing_is_passed_over_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
