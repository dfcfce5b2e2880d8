/*
 * hamper's registry client against a real registry: codec/registry.h keeps its promises with a
 * server that nobody here wrote. The answers of broken servers are a unit test's matter.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "codec/registry.h"

#include "codec/embedded.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

static const char *url;

static struct hp_registry *
opened(const char *at, bool auto_register)
{
    struct hp_registry_options options = {
        .url = at, .auto_register = auto_register, .timeout_ms = 10000};
    struct hp_registry *registry = NULL;
    struct hp_error error;

    assert_int_equal(hp_registry_open(&options, &registry, &error), HP_OK);
    return registry;
}

/* A subject nobody else uses: the registry is shared by all tests of a run. */
static const char *
subject(const char *name)
{
    static char text[128];

    snprintf(text, sizeof(text), "client-%ld-%s-value", (long)getpid(), name);
    return text;
}

static struct hp_bytes
embedded(size_t i)
{
    return hp_bytes(hp_embedded_schemas[i].data, hp_embedded_schemas[i].size);
}

static void
assert_same_json(struct hp_bytes a, struct hp_bytes b)
{
    json_t *left = json_loadb((const char *)a.data, a.size, 0, NULL);
    json_t *right = json_loadb((const char *)b.data, b.size, 0, NULL);

    assert_non_null(left);
    assert_true(json_equal(left, right));
    json_decref(left);
    json_decref(right);
}

/* What is registered under one process must be what another reads by the id in a record. */
static void
every_schema_comes_back_by_its_id(void **state)
{
    struct hp_registry *writer = opened(url, true);
    struct hp_registry *reader = opened(url, false);
    struct hp_error error;

    (void)state;
    assert_int_equal(hp_embedded_schema_count, 8);
    for (size_t i = 0; i < hp_embedded_schema_count; i++) {
        const char *name = subject(hp_embedded_schemas[i].name);
        struct hp_buffer json = {0};
        int32_t id = 0;
        int32_t again = 0;

        assert_int_equal(hp_registry_id(writer, name, embedded(i), &id, &error), HP_OK);
        assert_int_equal(hp_registry_id(reader, name, embedded(i), &again, &error), HP_OK);
        assert_int_equal(id, again);
        assert_int_equal(hp_registry_schema(reader, id, &json, &error), HP_OK);
        assert_same_json(hp_bytes(json.data, json.size), embedded(i));
        hp_buffer_release(&json);
    }
    hp_registry_free(writer);
    hp_registry_free(reader);
}

/* Registering is the operator's decision: without it a missing schema stops the start. */
static void
a_missing_schema_is_not_registered_unasked(void **state)
{
    struct hp_registry *registry = opened(url, false);
    struct hp_error error;
    int32_t id = 0;

    (void)state;
    assert_int_equal(
        hp_registry_id(registry, subject("missing"), embedded(0), &id, &error), HP_USAGE);
    assert_non_null(strstr(error.text, subject("missing")));
    assert_int_equal(
        hp_registry_id(registry, subject("missing"), embedded(0), &id, &error), HP_USAGE);
    hp_registry_free(registry);
}

/* A subject that holds another schema does not hold ours. */
static void
another_schema_under_the_subject_is_not_ours(void **state)
{
    struct hp_registry *writer = opened(url, true);
    struct hp_registry *reader = opened(url, false);
    struct hp_error error;
    int32_t id = 0;

    (void)state;
    assert_int_equal(hp_registry_id(writer, subject("other"), embedded(0), &id, &error), HP_OK);
    assert_int_equal(
        hp_registry_id(reader, subject("other"), embedded(1), &id, &error), HP_USAGE);
    hp_registry_free(writer);
    hp_registry_free(reader);
}

/* An id the registry does not know makes a dead letter, not a stop. */
static void
an_unknown_id_is_a_bad_record(void **state)
{
    struct hp_registry *registry = opened(url, false);
    struct hp_buffer json = {0};
    struct hp_error error;

    (void)state;
    assert_int_equal(hp_registry_schema(registry, 1900000000, &json, &error), HP_BAD_RECORD);
    assert_string_equal(error.code, "UNKNOWN_SCHEMA");
    assert_int_equal(json.size, 0);
    hp_buffer_release(&json);
    hp_registry_free(registry);
}

/* A server that is away says nothing about a record: the partition waits. */
static void
nobody_listening_is_no_answer(void **state)
{
    struct hp_registry *registry = opened("http://127.0.0.1:1/apis/ccompat/v7", false);
    struct hp_buffer json = {0};
    struct hp_error error;
    int32_t id = 0;

    (void)state;
    assert_int_equal(hp_registry_schema(registry, 1, &json, &error), HP_RETRY);
    assert_int_equal(
        hp_registry_id(registry, subject("away"), embedded(0), &id, &error), HP_RETRY);
    hp_buffer_release(&json);
    hp_registry_free(registry);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_schema_comes_back_by_its_id),
        cmocka_unit_test(a_missing_schema_is_not_registered_unasked),
        cmocka_unit_test(another_schema_under_the_subject_is_not_ours),
        cmocka_unit_test(an_unknown_id_is_a_bad_record),
        cmocka_unit_test(nobody_listening_is_no_answer),
    };

    url = getenv("HAMPER_REGISTRY");
    if (!url) {
        puts("SKIPPED: HAMPER_REGISTRY names no registry");
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
