/*
 * Schemas come from a registry others write to. What a schema claims must not cost more than
 * its own size, and what resolution needs must survive parsing.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "codec/records.h"
#include "codec/schema.h"
#include "domain/reasons.h"

#include <jansson.h>

static int
set_up(void **state)
{
    *state = hp_alloc(sizeof(struct hp_arena));
    return 0;
}

static int
tear_down(void **state)
{
    hp_arena_release(*state);
    free(*state);
    return 0;
}

static const struct hp_schema *
parsed(struct hp_arena *arena, const char *json)
{
    struct hp_error error = {0};
    const struct hp_schema *schema = NULL;

    if (hp_schema_parse(hp_bytes_text(json), arena, &schema, &error))
        fail_msg("%s: %s", json, error.text);
    return schema;
}

static void
refused(struct hp_arena *arena, const char *json, const char *word)
{
    struct hp_error error = {0};
    const struct hp_schema *schema;

    assert_int_equal(
        hp_schema_parse(hp_bytes_text(json), arena, &schema, &error), HP_BAD_RECORD);
    assert_string_equal(error.code, HP_CODE_SCHEMA_REFUSED);
    if (!strstr(error.text, word))
        fail_msg("%.80s gave: %s", json, error.text);
}

static void
what_resolution_needs_is_kept(void **state)
{
    const struct hp_schema *schema = parsed(*state,
        "{\"type\":\"record\",\"name\":\"R\",\"namespace\":\"a.b\",\"aliases\":[\"Q\",\"c.P\"],"
        "\"fields\":[{\"name\":\"at\",\"aliases\":[\"when\"],\"default\":7,"
        "\"type\":{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"}},"
        "{\"name\":\"e\",\"type\":{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\",\"B\"],"
        "\"default\":\"B\"}},{\"name\":\"again\",\"type\":[\"null\",\"E\"],\"default\":null}]"
        "}");

    assert_string_equal(schema->name, "a.b.R");
    assert_true(hp_names_have(schema->aliases, "a.b.Q"));
    assert_true(hp_names_have(schema->aliases, "c.P"));
    assert_true(hp_names_have(schema->fields[0].aliases, "when"));
    assert_string_equal(schema->fields[0].default_json, "7");
    assert_string_equal(schema->fields[0].schema->logical_type, "timestamp-millis");
    assert_string_equal(schema->fields[1].schema->symbol_default, "B");
    assert_null(schema->fields[1].default_json);
    assert_string_equal(schema->fields[2].default_json, "null");
    assert_string_equal(schema->fields[2].schema->branches[1]->name, "a.b.E");
    assert_int_equal(schema->size_min, 3);
}

#define R(fields) "{\"type\":\"record\",\"name\":\"R\",\"fields\":[" fields "]}"
#define F(type)   R("{\"name\":\"f\",\"type\":" type "}")

static void
what_is_no_schema_is_refused(void **state)
{
    refused(*state, "", "line");
    refused(*state, "nonsense", "line");
    refused(*state, "7", "missing");
    refused(*state, "[]", "branches");
    refused(*state, "{}", "missing");
    refused(*state, "{\"type\":\"record\",\"name\":\"R\"}", "fields");
    refused(*state, "{\"type\":\"record\",\"fields\":[]}", "name");
    refused(*state, "{\"type\":\"record\",\"name\":\"9\",\"fields\":[]}", "name");
    refused(*state, "{\"type\":\"record\",\"name\":\"a..b\",\"fields\":[]}", "name");
    refused(*state, "{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[]}", "symbols");
    refused(*state, "{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A B\"]}", "symbols");
    refused(*state, "{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\"],\"default\":\"C\"}",
        "default");
    refused(*state, F("\"Unheard\""), "not defined");
    refused(*state, F("\"record\""), "parts");
    refused(*state, F("[\"int\",\"int\"]"), "twice");
    refused(*state, F("[\"int\",[\"null\"]]"), "union");
    refused(*state, F("{\"type\":\"array\"}"), "missing");
    refused(*state, R("{\"name\":\"f\",\"type\":\"int\"},{\"name\":\"f\",\"type\":\"int\"}"),
        "two fields");
    refused(*state, "{\"type\":\"int\",\"type\":\"long\"}", "duplicate");
}

static void
type_inside_itself_is_refused(void **state)
{
    refused(*state, F("[\"null\",\"R\"]"), "contains itself");
    refused(*state, F("{\"type\":\"array\",\"items\":\"R\"}"), "contains itself");
    refused(*state,
        F("{\"type\":\"record\",\"name\":\"S\",\"fields\":[{\"name\":\"g\",\"type\":\"R\"}]}"),
        "contains itself");
}

static void
fixed_keeps_its_bound(void **state)
{
    parsed(*state, F("{\"type\":\"fixed\",\"name\":\"X\",\"size\":4096}"));
    refused(*state, F("{\"type\":\"fixed\",\"name\":\"X\",\"size\":4097}"), "4096");
    refused(*state, F("{\"type\":\"fixed\",\"name\":\"X\",\"size\":-1}"), "4096");
    refused(*state, F("{\"type\":\"fixed\",\"name\":\"X\",\"size\":1.5}"), "4096");
    refused(*state, F("{\"type\":\"fixed\",\"name\":\"X\"}"), "4096");
}

static void
nested(struct hp_buffer *json, int levels)
{
    json->size = 0;
    for (int i = 0; i < levels - 1; i++)
        hp_buffer_printf(json, "{\"type\":\"array\",\"items\":");
    hp_buffer_printf(json, "\"int\"");
    for (int i = 0; i < levels - 1; i++)
        hp_buffer_printf(json, "}");
    hp_put_u8(json, 0);
}

static void
depth_keeps_its_bound(void **state)
{
    struct hp_buffer json = {0};

    nested(&json, HP_SCHEMA_DEPTH_MAX);
    parsed(*state, (const char *)json.data);
    nested(&json, HP_SCHEMA_DEPTH_MAX + 1);
    refused(*state, (const char *)json.data, "levels");
    nested(&json, 10000);
    refused(*state, (const char *)json.data, "schema");
    hp_buffer_release(&json);
}

static void
with_fields(struct hp_buffer *json, int count)
{
    json->size = 0;
    hp_buffer_printf(json, "{\"type\":\"record\",\"name\":\"R\",\"fields\":[");
    for (int i = 0; i < count; i++)
        hp_buffer_printf(json, "%s{\"name\":\"f%d\",\"type\":\"int\"}", i ? "," : "", i);
    hp_buffer_printf(json, "]}");
    hp_put_u8(json, 0);
}

static void
fields_keep_their_bound(void **state)
{
    struct hp_buffer json = {0};

    with_fields(&json, HP_SCHEMA_FIELDS_MAX);
    parsed(*state, (const char *)json.data);
    with_fields(&json, HP_SCHEMA_FIELDS_MAX + 1);
    refused(*state, (const char *)json.data, "1000");
    hp_buffer_release(&json);
}

/* Each record holds the one before twice: twenty levels would unfold to a million nodes. */
static void
references_cannot_multiply(void **state)
{
    struct hp_buffer json = {0};

    hp_buffer_printf(&json, "{\"type\":\"record\",\"name\":\"Top\",\"fields\":["
                            "{\"name\":\"f\",\"type\":{\"type\":\"record\",\"name\":\"T0\","
                            "\"fields\":[]}}");
    for (int i = 1; i < 20; i++)
        hp_buffer_printf(&json,
            ",{\"name\":\"f%d\",\"type\":{\"type\":\"record\",\"name\":\"T%d\",\"fields\":["
            "{\"name\":\"a\",\"type\":\"T%d\"},{\"name\":\"b\",\"type\":\"T%d\"}]}}",
            i, i, i - 1, i - 1);
    hp_buffer_printf(&json, "]}");
    hp_put_u8(&json, 0);
    refused(*state, (const char *)json.data, "spelled out");
    hp_buffer_release(&json);
}

static void
schema_of_more_than_a_mebibyte_is_refused(void **state)
{
    struct hp_error error = {0};
    const struct hp_schema *schema;
    uint8_t *text = hp_alloc(HP_SCHEMA_BYTES_MAX + 1);

    memset(text, ' ', HP_SCHEMA_BYTES_MAX + 1);
    memcpy(text, "\"int\"", 5);
    assert_int_equal(
        hp_schema_parse(hp_bytes(text, HP_SCHEMA_BYTES_MAX + 1), *state, &schema, &error),
        HP_BAD_RECORD);
    assert_string_equal(error.code, HP_CODE_SCHEMA_REFUSED);
    free(text);
}

/* A field without a doc is a question a producer will ask us. */
static void
check_docs(const json_t *json, const char *where)
{
    const json_t *fields = json_object_get(json, "fields");
    size_t i;
    json_t *field;

    if (json_is_array(json)) {
        json_array_foreach(json, i, field) check_docs(field, where);
        return;
    }
    if (!json_is_object(json))
        return;
    if (json_object_get(json, "name") && !json_is_string(json_object_get(json, "doc")))
        fail_msg("%s: %s has no doc", where, json_string_value(json_object_get(json, "name")));
    json_array_foreach(fields, i, field)
    {
        check_docs(field, where);
        check_docs(json_object_get(field, "type"), where);
    }
    check_docs(json_object_get(json, "items"), where);
}

static void
every_field_and_type_of_ours_has_a_doc(void **state)
{
    (void)state;
    for (int type = 0; type < HP_RECORD_TYPES; type++) {
        struct hp_bytes text = hp_record_schema_json((enum hp_record_type)type);
        json_t *json = json_loadb((const char *)text.data, text.size, 0, NULL);

        assert_non_null(json);
        check_docs(json, hp_record_name((enum hp_record_type)type));
        json_decref(json);
        assert_non_null(hp_record_schema((enum hp_record_type)type));
    }
}

/* FULL compatibility both ways needs it: a nullable can always be left out. */
static void
every_nullable_of_ours_defaults_to_null(void **state)
{
    (void)state;
    for (int type = 0; type < HP_RECORD_TYPES; type++) {
        const struct hp_schema *schema = hp_record_schema((enum hp_record_type)type);

        for (size_t i = 0; i < schema->field_count; i++)
            if (schema->fields[i].schema->kind == HP_SCHEMA_UNION) {
                assert_int_equal(schema->fields[i].schema->branches[0]->kind, HP_SCHEMA_NULL);
                assert_string_equal(schema->fields[i].default_json, "null");
            }
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_resolution_needs_is_kept),
        TEST(what_is_no_schema_is_refused),
        TEST(type_inside_itself_is_refused),
        TEST(fixed_keeps_its_bound),
        TEST(depth_keeps_its_bound),
        TEST(fields_keep_their_bound),
        TEST(references_cannot_multiply),
        TEST(schema_of_more_than_a_mebibyte_is_refused),
        TEST(every_field_and_type_of_ours_has_a_doc),
        TEST(every_nullable_of_ours_defaults_to_null),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
