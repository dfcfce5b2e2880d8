/*
 * The layer the rest of the program uses: framed records through a registry, and JSON lines.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "codec/event.h"
#include "codec/frame.h"
#include "domain/limits.h"
#include "domain/reasons.h"

#include <math.h>
#include <pthread.h>

static const char *const subjects[HP_RECORD_TYPES] = {
    [HP_RECORD_ORDER] = "gofig.orders-value",
    [HP_RECORD_FEEDBACK] = "gofig.feedback-value",
    [HP_RECORD_PREFERENCES] = "gofig.preferences-value",
    [HP_RECORD_BOX_REQUEST] = "gofig.box-requests-value",
    [HP_RECORD_ERASURE] = "gofig.erasures-value",
    [HP_RECORD_CATALOGUE_ITEM] = "gofig.catalogue-value",
    [HP_RECORD_BOX_RECOMMENDATION] = "gofig.box-recommendations-value",
    [HP_RECORD_ERASURE_RECEIPT] = "gofig.erasure-receipts-value",
};

union any_record {
    struct hp_order order;
    struct hp_feedback feedback;
    struct hp_preferences preferences;
    struct hp_box_request request;
    struct hp_erasure erasure;
    struct hp_catalogue_item item;
    struct hp_recommendation recommendation;
    struct hp_erasure_receipt receipt;
};

struct fixture {
    struct hp_registry *registry;
    struct hp_codec *codec;
    struct hp_arena arena;
    struct hp_buffer bytes;
    struct hp_buffer json;
    struct hp_error error;
};

static const struct hp_bytes no_header;

/* Opened in the source folder: ctest runs there. */
static int
set_up(void **state)
{
    struct hp_registry_options options = {.url = "file:schemas"};
    struct fixture *fixture = hp_alloc(sizeof(*fixture));

    if (hp_registry_open(&options, &fixture->registry, &fixture->error))
        fail_msg("%s", fixture->error.text);
    fixture->codec = hp_codec_new(fixture->registry);
    for (int type = 0; type < HP_RECORD_TYPES; type++)
        if (hp_codec_prepare(
                fixture->codec, (enum hp_record_type)type, subjects[type], &fixture->error))
            fail_msg("%s", fixture->error.text);
    *state = fixture;
    return 0;
}

static int
tear_down(void **state)
{
    struct fixture *fixture = *state;

    hp_codec_free(fixture->codec);
    hp_registry_free(fixture->registry);
    hp_arena_release(&fixture->arena);
    hp_buffer_release(&fixture->bytes);
    hp_buffer_release(&fixture->json);
    free(fixture);
    return 0;
}

static struct hp_bytes
read_example(struct fixture *fixture, enum hp_record_type type)
{
    char path[80];
    FILE *file;
    int c;

    snprintf(path, sizeof(path), "schemas/examples/%s.json", hp_record_name(type));
    file = fopen(path, "rb");
    assert_non_null(file);
    fixture->json.size = 0;
    while ((c = fgetc(file)) != EOF)
        hp_put_u8(&fixture->json, (uint8_t)c);
    fclose(file);
    return hp_buffer_bytes(&fixture->json);
}

static void
from_json(struct fixture *fixture, enum hp_record_type type, const char *text, void *out)
{
    if (hp_event_from_json(type, hp_bytes_text(text), &fixture->arena, out, &fixture->error))
        fail_msg("%s: %s", fixture->error.code, fixture->error.text);
}

static const char *
to_json(struct fixture *fixture, enum hp_record_type type, const void *record)
{
    struct hp_buffer text = {0};
    const char *copy;

    hp_event_to_json(type, record, &text);
    copy = hp_arena_text(&fixture->arena, hp_buffer_bytes(&text));
    hp_buffer_release(&text);
    return copy;
}

/* JSON, struct, Avro, struct, JSON, struct, JSON: nothing is lost on the way. */
static void
every_example_survives_the_round_trip(void **state)
{
    struct fixture *fixture = *state;

    for (int i = 0; i < HP_RECORD_TYPES; i++) {
        enum hp_record_type type = (enum hp_record_type)i;
        union any_record first;
        union any_record second;
        const char *text;

        read_example(fixture, type);
        hp_put_u8(&fixture->json, 0);
        from_json(fixture, type, (const char *)fixture->json.data, &first);
        fixture->bytes.size = 0;
        assert_int_equal(
            hp_codec_encode(fixture->codec, type, &first, &fixture->bytes, &fixture->error),
            HP_OK);
        assert_int_equal(hp_codec_decode(fixture->codec, type, hp_buffer_bytes(&fixture->bytes),
                             no_header, &fixture->arena, &second, &fixture->error),
            HP_OK);
        text = to_json(fixture, type, &first);
        assert_string_equal(to_json(fixture, type, &second), text);
        from_json(fixture, type, text, &first);
        assert_string_equal(to_json(fixture, type, &first), text);
    }
}

/* Consumers copy the names from it, so they are those that the stream writes. */
static void
example_boxes_use_the_words_of_the_contract(void **state)
{
    struct fixture *fixture = *state;
    struct hp_recommendation boxes = {0};

    read_example(fixture, HP_RECORD_BOX_RECOMMENDATION);
    from_json(fixture, HP_RECORD_BOX_RECOMMENDATION,
        hp_arena_text(&fixture->arena, hp_buffer_bytes(&fixture->json)), &boxes);
    assert_true(hp_bytes_is(boxes.advice.reason, "SHARING_EXHAUSTED"));
    assert_true(hp_bytes_is(boxes.boxes[0].reasons[0].code, "FILL"));
    assert_true(hp_bytes_is(boxes.boxes[0].reasons[0].args[0].key, "pct"));
}

static void
example_order_means_what_it_says(void **state)
{
    struct fixture *fixture = *state;
    struct hp_order order;

    read_example(fixture, HP_RECORD_ORDER);
    assert_int_equal(hp_event_from_json(HP_RECORD_ORDER, hp_buffer_bytes(&fixture->json),
                         &fixture->arena, &order, &fixture->error),
        HP_OK);
    assert_true(hp_bytes_is(order.user_id, "u-asha"));
    assert_true(order.ordered_at == 1772353800000);
    assert_int_equal(order.status, HP_ORDER_PLACED);
    assert_int_equal(order.line_count, 2);
    assert_true(hp_bytes_is(order.lines[1].item_id, "tea-darjeeling-100"));
    assert_int_equal(order.lines[1].quantity, 2);
    assert_int_equal(order.lines[1].unit_price_minor, 32500);
    assert_true(order.budget_minor.present);
    assert_int_equal(order.budget_minor.value, 150000);
    assert_int_equal(hp_order_check(&order, order.ordered_at, &fixture->error), HP_OK);
}

static void
unknown_id_and_odd_frames_have_their_own_reasons(void **state)
{
    static const uint8_t unknown[] = {0, 0x77, 0x35, 0x94, 0x63, 1};
    struct fixture *fixture = *state;
    struct hp_order order;
    struct hp_bytes value = hp_bytes(unknown, sizeof(unknown));

    for (int i = 0; i < 3; i++) /* not only the first time */
        assert_int_equal(hp_codec_decode(fixture->codec, HP_RECORD_ORDER, value, no_header,
                             &fixture->arena, &order, &fixture->error),
            HP_BAD_RECORD);
    assert_string_equal(fixture->error.code, HP_CODE_UNKNOWN_SCHEMA);
    assert_non_null(strstr(fixture->error.text, "2000000099"));
    assert_int_equal(hp_codec_decode(fixture->codec, HP_RECORD_ORDER, (struct hp_bytes){0},
                         no_header, &fixture->arena, &order, &fixture->error),
        HP_BAD_RECORD);
    assert_string_equal(fixture->error.code, HP_CODE_NULL_VALUE);
}

static void
another_records_schema_is_a_mismatch_every_time(void **state)
{
    struct fixture *fixture = *state;
    struct hp_erasure erasure = {
        .erasure_id = hp_bytes_text("e"), .user_id = hp_bytes_text("u"), .requested_at = 1};
    struct hp_order order;

    assert_int_equal(hp_codec_encode(fixture->codec, HP_RECORD_ERASURE, &erasure,
                         &fixture->bytes, &fixture->error),
        HP_OK);
    for (int i = 0; i < 3; i++) {
        fixture->error.text[0] = 0;
        assert_int_equal(
            hp_codec_decode(fixture->codec, HP_RECORD_ORDER, hp_buffer_bytes(&fixture->bytes),
                no_header, &fixture->arena, &order, &fixture->error),
            HP_BAD_RECORD);
        assert_string_equal(fixture->error.code, HP_CODE_SCHEMA_MISMATCH);
        assert_non_null(strstr(fixture->error.text, "2000000005"));
        assert_non_null(strstr(fixture->error.text, "Erasure"));
    }
}

/* Writers in Python, Java and data frames write the same thing in different ways. */
static void
json_is_taken_in_every_usual_form(void **state)
{
    static const char *const same[] = {
        "{\"order_id\":\"o\",\"version\":1,\"user_id\":\"u\",\"ordered_at\":1772353800000,"
        "\"status\":\"PLACED\",\"lines\":[],\"box_id\":\"b\",\"budget_minor\":5}",
        "{\"order_id\":\"o\",\"user_id\":\"u\",\"ordered_at\":\"2026-03-01T08:30:00Z\","
        "\"lines\":[],\"box_id\":{\"string\":\"b\"},\"occasion\":null,"
        "\"budget_minor\":{\"long\":5}}",
        " {\"order_id\":\"o\",\"customer_id\":\"u\",\"ordered_at\":\"2026-03-01 "
        "14:00+05:30\",\n"
        "\"lines\":[],\"box_id\":\"b\",\"budget_minor\":5.0}\n",
    };
    struct fixture *fixture = *state;
    struct hp_order order;

    for (size_t i = 0; i < HP_ARRAY_SIZE(same); i++) {
        from_json(fixture, HP_RECORD_ORDER, same[i], &order);
        assert_string_equal(to_json(fixture, HP_RECORD_ORDER, &order), same[0]);
    }
}

static void
tagged_record_and_list_are_taken(void **state)
{
    struct fixture *fixture = *state;
    struct hp_catalogue_item item;

    from_json(fixture, HP_RECORD_CATALOGUE_ITEM,
        "{\"item_id\":\"i\",\"version\":1,\"updated_at\":1,\"title\":\"T\",\"category\":\"c\","
        "\"price_minor\":1,\"allergens\":{\"array\":[\"milk\"]}}",
        &item);
    assert_true(item.allergens_known);
    assert_int_equal(item.allergens.count, 1);
    assert_true(hp_bytes_is(item.allergens.items[0], "milk"));
    assert_true(hp_bytes_is(item.name, "T"));
    assert_true(hp_bytes_is(item.currency, "INR"));

    from_json(fixture, HP_RECORD_CATALOGUE_ITEM,
        "{\"item_id\":\"i\",\"version\":1,\"updated_at\":1,\"title\":\"T\",\"category\":\"c\","
        "\"price_minor\":1,\"allergens\":[]}",
        &item);
    assert_true(item.allergens_known); /* known to hold none is not unknown */
    assert_int_equal(item.allergens.count, 0);
}

struct bad_line {
    const char *text;
    const char *code;
    const char *names;
};

static void
bad_json_names_the_field(void **state)
{
#define HEAD "{\"order_id\":\"o\",\"user_id\":\"u\",\"ordered_at\":1,"
#define LINE "\"lines\":[{\"item_id\":\"i\",\"quantity\":1,\"unit_price_minor\":1},"
    static const struct bad_line lines[] = {
        {"", HP_CODE_BAD_JSON, "line 1"},
        {"[]", HP_CODE_BAD_JSON, "a list"},
        {"{\"order_id\":", HP_CODE_BAD_JSON, "column"},
        {HEAD "\"lines\":[]} x", HP_CODE_BAD_JSON, "column"},
        {HEAD "\"lines\":[],\"lines\":[]}", HP_CODE_BAD_JSON, "lines"},
        {HEAD "\"lines\":[],\"colour\":1}", HP_CODE_UNKNOWN_FIELD, "colour"},
        {HEAD LINE "{\"item_id\":\"i\",\"qty\":1,\"quantity\":1,\"unit_price_minor\":1}]}",
            HP_CODE_UNKNOWN_FIELD, "lines[1].qty"},
        {HEAD "\"customer_id\":\"v\",\"lines\":[]}", HP_CODE_BAD_JSON, "customer_id"},
        {"{\"order_id\":\"o\",\"user_id\":\"u\",\"lines\":[]}", HP_CODE_MISSING_FIELD,
            "ordered_at"},
        {HEAD LINE "{\"item_id\":\"i\",\"unit_price_minor\":1}]}", HP_CODE_MISSING_FIELD,
            "lines[1].quantity"},
        {HEAD LINE "{\"item_id\":\"i\",\"quantity\":2147483648,\"unit_price_minor\":1}]}",
            HP_CODE_OVERFLOW, "lines[1].quantity"},
        {HEAD LINE "{\"item_id\":\"i\",\"quantity\":1.5,\"unit_price_minor\":1}]}",
            HP_CODE_BAD_JSON, "lines[1].quantity"},
        {HEAD LINE "7]}", HP_CODE_BAD_JSON, "lines[1]"},
        {HEAD "\"lines\":{}}", HP_CODE_BAD_JSON, "lines"},
        {HEAD "\"lines\":null}", HP_CODE_BAD_JSON, "lines"},
        {HEAD "\"lines\":[],\"status\":\"LOST\"}", HP_CODE_BAD_ENUM, "status"},
        {HEAD "\"lines\":[],\"status\":3}", HP_CODE_BAD_JSON, "status"},
        {HEAD "\"lines\":[],\"box_id\":7}", HP_CODE_BAD_JSON, "box_id"},
        {HEAD "\"lines\":[],\"budget_minor\":{\"string\":\"5\"}}", HP_CODE_BAD_JSON,
            "budget_minor"},
        {"{\"order_id\":\"o\",\"user_id\":\"u\",\"ordered_at\":\"yesterday\",\"lines\":[]}",
            HP_CODE_BAD_TIME, "ordered_at"},
        {"{\"order_id\":\"o\",\"user_id\":\"\xFF\",\"ordered_at\":1,\"lines\":[]}",
            HP_CODE_BAD_JSON, "line 1"},
    };
    struct fixture *fixture = *state;
    struct hp_order order;

    for (size_t i = 0; i < HP_ARRAY_SIZE(lines); i++) {
        assert_int_equal(hp_event_from_json(HP_RECORD_ORDER, hp_bytes_text(lines[i].text),
                             &fixture->arena, &order, &fixture->error),
            HP_BAD_RECORD);
        if (strcmp(fixture->error.code, lines[i].code) != 0 ||
            !strstr(fixture->error.text, lines[i].names))
            fail_msg("%s gave %s: %s", lines[i].text, fixture->error.code, fixture->error.text);
    }
}

static void
json_escapes_what_it_must(void **state)
{
    struct fixture *fixture = *state;
    struct hp_erasure erasure = {.erasure_id = hp_bytes_text("a\"b\\c\n\x01\x7F"),
        .user_id = hp_bytes_text("काजू"),
        .requested_at = -5};
    struct hp_erasure again;
    const char *text = to_json(fixture, HP_RECORD_ERASURE, &erasure);

    assert_string_equal(text, "{\"erasure_id\":\"a\\\"b\\\\c\\n\\u0001\\u007f\",\"user_id\":"
                              "\"काजू\",\"requested_at\":-5}");
    from_json(fixture, HP_RECORD_ERASURE, text, &again);
    assert_true(hp_bytes_equal(again.erasure_id, erasure.erasure_id));
}

static void
doubles_are_printed_short_and_exact(void **state)
{
    static const struct {
        double value;
        const char *text;
    } cases[] = {{1, "1.0"}, {0.1, "0.1"}, {4.5, "4.5"}, {1e300, "1e+300"},
        {0.1 + 0.2, "0.30000000000000004"}, {-2.5, "-2.5"}};
    struct fixture *fixture = *state;

    for (size_t i = 0; i < HP_ARRAY_SIZE(cases); i++) {
        struct hp_feedback feedback = {.feedback_id = hp_bytes_text("f"),
            .user_id = hp_bytes_text("u"),
            .kind = HP_FEEDBACK_OTHER,
            .rated = true,
            .rating = cases[i].value};
        const char *text = to_json(fixture, HP_RECORD_FEEDBACK, &feedback);
        struct hp_feedback again;

        assert_non_null(strstr(text, cases[i].text));
        from_json(fixture, HP_RECORD_FEEDBACK, text, &again);
        assert_true(again.rating == cases[i].value);
    }
}

static struct hp_bytes
filled(struct fixture *fixture, size_t size)
{
    uint8_t *data = hp_arena_alloc(&fixture->arena, size);

    memset(data, 'x', size);
    return hp_bytes(data, size);
}

static const struct hp_reason *
largest_reasons(struct fixture *fixture)
{
    struct hp_reason *reasons =
        HP_ARENA_ARRAY(&fixture->arena, HP_REASONS_MAX, struct hp_reason);
    struct hp_reason_arg *args =
        HP_ARENA_ARRAY(&fixture->arena, HP_REASON_ARGS_MAX, struct hp_reason_arg);

    for (int i = 0; i < HP_REASON_ARGS_MAX; i++)
        args[i] = (struct hp_reason_arg){
            filled(fixture, HP_CODE_BYTES_MAX), filled(fixture, HP_REASON_ARG_BYTES_MAX)};
    for (int i = 0; i < HP_REASONS_MAX; i++)
        reasons[i] =
            (struct hp_reason){filled(fixture, HP_CODE_BYTES_MAX), args, HP_REASON_ARGS_MAX};
    return reasons;
}

static void
fill_boxes(struct fixture *fixture, struct hp_recommendation *recommendation)
{
    struct hp_box *boxes = HP_ARENA_ARRAY(&fixture->arena, HP_BOXES_MAX, struct hp_box);
    struct hp_box_item *items =
        HP_ARENA_ARRAY(&fixture->arena, HP_BOX_UNITS_MAX, struct hp_box_item);
    const struct hp_reason *reasons = largest_reasons(fixture);

    for (int i = 0; i < HP_BOX_UNITS_MAX; i++)
        items[i] = (struct hp_box_item){.item_id = filled(fixture, HP_ID_BYTES_MAX),
            .name = filled(fixture, HP_NAME_BYTES_MAX),
            .category = filled(fixture, HP_CATEGORY_BYTES_MAX),
            .quantity = INT32_MAX,
            .unit_price_minor = INT64_MAX,
            .score_micros = INT64_MIN,
            .reasons = reasons,
            .reason_count = HP_REASONS_MAX};
    for (int i = 0; i < HP_BOXES_MAX; i++)
        boxes[i] = (struct hp_box){.box_id = filled(fixture, HP_ID_BYTES_MAX),
            .slot = INT32_MAX,
            .items = items,
            .item_count = HP_BOX_UNITS_MAX,
            .total_minor = INT64_MAX,
            .value_micros = INT64_MIN,
            .propensity = 0.25,
            .reasons = reasons,
            .reason_count = HP_REASONS_MAX};
    recommendation->boxes = boxes;
    recommendation->box_count = HP_BOXES_MAX;
}

/* What hamper writes fits a record, because nobody could act on a dead letter of ours. */
static void
recommendation_at_every_limit_fits_and_keeps_its_items(void **state)
{
    struct fixture *fixture = *state;
    struct hp_bytes id = filled(fixture, HP_ID_BYTES_MAX);
    struct hp_bytes code = filled(fixture, HP_CODE_BYTES_MAX);
    struct hp_recommendation recommendation = {.recommendation_id = id,
        .user_id = id,
        .request_id = id,
        .currency = code,
        .arm = code,
        .hamper_version = code};
    struct hp_recommendation again;

    fill_boxes(fixture, &recommendation);
    assert_int_equal(hp_codec_encode(fixture->codec, HP_RECORD_BOX_RECOMMENDATION,
                         &recommendation, &fixture->bytes, &fixture->error),
        HP_OK);
    assert_true(fixture->bytes.size <= HP_RECORD_BYTES_MAX);
    assert_int_equal(hp_codec_decode(fixture->codec, HP_RECORD_BOX_RECOMMENDATION,
                         hp_buffer_bytes(&fixture->bytes), no_header, &fixture->arena, &again,
                         &fixture->error),
        HP_OK);
    assert_int_equal(again.box_count, HP_BOXES_MAX);
    assert_int_equal(again.boxes[0].items[0].reason_count, HP_REASONS_MAX);
    assert_int_equal(again.boxes[HP_BOXES_MAX - 1].item_count, HP_BOX_UNITS_MAX);
    assert_int_equal(again.boxes[HP_BOXES_MAX - 1].items[0].reason_count, 0);
}

static void
refuse_encoding(
    struct fixture *fixture, enum hp_record_type type, const void *record, const char *code)
{
    fixture->bytes.size = 0;
    hp_put_u8(&fixture->bytes, 'x');
    assert_int_equal(
        hp_codec_encode(fixture->codec, type, record, &fixture->bytes, &fixture->error),
        HP_BAD_RECORD);
    assert_string_equal(fixture->error.code, code);
    assert_int_equal(fixture->bytes.size, 1); /* nothing appended */
}

static void
value_the_schema_cannot_hold_is_not_written(void **state)
{
    struct fixture *fixture = *state;
    struct hp_bytes id = hp_bytes_text("id");
    struct hp_order order = {.order_id = id, .user_id = id, .status = (enum hp_order_status)9};
    struct hp_preferences preferences = {
        .user_id = id, .boxes = {.present = true, .value = (int64_t)INT32_MAX + 1}};
    struct hp_erasure erasure = {.erasure_id = id};
    struct hp_erasure_receipt receipt = {
        .erasure_id = filled(fixture, HP_ID_BYTES_MAX + 1), .state_digest = id};
    struct hp_erasure_receipt text = {.erasure_id = hp_bytes_text("\xFF"), .state_digest = id};
    struct hp_box box = {.box_id = id, .propensity = NAN};
    struct hp_recommendation recommendation = {.recommendation_id = id,
        .user_id = id,
        .currency = id,
        .arm = id,
        .hamper_version = id,
        .boxes = &box,
        .box_count = 1};

    refuse_encoding(fixture, HP_RECORD_ORDER, &order, HP_CODE_BAD_ENUM);
    refuse_encoding(fixture, HP_RECORD_PREFERENCES, &preferences, HP_CODE_OVERFLOW);
    refuse_encoding(fixture, HP_RECORD_ERASURE, &erasure, HP_CODE_MISSING_FIELD);
    assert_non_null(strstr(fixture->error.text, "Erasure.user_id"));
    refuse_encoding(fixture, HP_RECORD_ERASURE_RECEIPT, &receipt, HP_CODE_LIMIT);
    refuse_encoding(fixture, HP_RECORD_ERASURE_RECEIPT, &text, HP_CODE_BAD_UTF8);
    refuse_encoding(
        fixture, HP_RECORD_BOX_RECOMMENDATION, &recommendation, HP_CODE_NOT_A_NUMBER);
    erasure.user_id = filled(fixture, HP_RECORD_BYTES_MAX);
    refuse_encoding(fixture, HP_RECORD_ERASURE, &erasure, HP_CODE_TOO_LARGE);
}

#define THREADS 4

static void *
decode_often(void *argument)
{
    struct fixture *fixture = argument;
    struct hp_arena arena = {0};
    struct hp_erasure erasure;
    intptr_t good = 0;

    for (int i = 0; i < 2000; i++) {
        good +=
            hp_codec_decode(fixture->codec, HP_RECORD_ERASURE, hp_buffer_bytes(&fixture->bytes),
                no_header, &arena, &erasure, NULL) == HP_OK &&
            erasure.requested_at == 11;
        hp_arena_clear(&arena);
    }
    hp_arena_release(&arena);
    return (void *)good;
}

/* Workers share one codec; the first to see a schema compiles it for all. */
static void
threads_share_a_codec(void **state)
{
    struct fixture *fixture = *state;
    struct hp_erasure erasure = {
        .erasure_id = hp_bytes_text("e"), .user_id = hp_bytes_text("u"), .requested_at = 11};
    pthread_t threads[THREADS];

    assert_int_equal(hp_codec_encode(fixture->codec, HP_RECORD_ERASURE, &erasure,
                         &fixture->bytes, &fixture->error),
        HP_OK);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, decode_often, fixture), 0);
    for (int i = 0; i < THREADS; i++) {
        void *good;

        assert_int_equal(pthread_join(threads[i], &good), 0);
        assert_int_equal((intptr_t)good, 2000);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_example_survives_the_round_trip),
        TEST(example_boxes_use_the_words_of_the_contract),
        TEST(example_order_means_what_it_says),
        TEST(unknown_id_and_odd_frames_have_their_own_reasons),
        TEST(another_records_schema_is_a_mismatch_every_time),
        TEST(json_is_taken_in_every_usual_form),
        TEST(tagged_record_and_list_are_taken),
        TEST(bad_json_names_the_field),
        TEST(json_escapes_what_it_must),
        TEST(doubles_are_printed_short_and_exact),
        TEST(recommendation_at_every_limit_fits_and_keeps_its_items),
        TEST(value_the_schema_cannot_hold_is_not_written),
        TEST(threads_share_a_codec),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
