/*
 * Our encoder and decoder against Avro C's, on random values of all eight records.
 *
 * Avro C makes a random generic value of our schema and writes it; we decode that and encode it
 * again; the bytes must be Avro C's own. Avro C then reads ours and must find its value again.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/rng.h"
#include "codec/event.h"
#include "codec/resolve.h"
#include "domain/limits.h"

#include <avro.h>

#define ROUNDS 2000

struct oracle {
    struct hp_rng rng;
    uint64_t seed;
    avro_value_t value;
    uint8_t *bytes;
    int64_t size;
};

static void fill(struct hp_rng *rng, avro_value_t *value, int depth);

static void
fill_text(struct hp_rng *rng, avro_value_t *value)
{
    static const char *const pieces[] = {"", "a", "almonds-", "काजू", "\xC3\xA9", "0123456789"};
    char text[64] = "";
    size_t size = 0;

    for (uint32_t i = hp_rng_below(rng, 3); i > 0; i--) {
        const char *piece = pieces[hp_rng_below(rng, HP_ARRAY_SIZE(pieces))];

        memcpy(text + size, piece, strlen(piece));
        size += strlen(piece);
    }
    assert_int_equal(avro_value_set_string_len(value, text, size + 1), 0);
}

static int64_t
random_long(struct hp_rng *rng)
{
    return (int64_t)hp_rng_next(rng) >> hp_rng_below(rng, 64);
}

static void
fill_list(struct hp_rng *rng, avro_value_t *value, int depth)
{
    for (uint32_t i = hp_rng_below(rng, 5); i > 0; i--) {
        avro_value_t member;

        assert_int_equal(avro_value_append(value, &member, NULL), 0);
        fill(rng, &member, depth + 1);
    }
}

static void
fill_map(struct hp_rng *rng, avro_value_t *value, int depth)
{
    for (uint32_t i = hp_rng_below(rng, 4); i > 0; i--) {
        char key[16];
        avro_value_t member;

        snprintf(key, sizeof(key), "k%u", i);
        assert_int_equal(avro_value_add(value, key, &member, NULL, NULL), 0);
        fill(rng, &member, depth + 1);
    }
}

static void
fill_fields(struct hp_rng *rng, avro_value_t *value, int depth)
{
    size_t count = 0;

    assert_int_equal(avro_value_get_size(value, &count), 0);
    for (size_t i = 0; i < count; i++) {
        avro_value_t field;

        assert_int_equal(avro_value_get_by_index(value, i, &field, NULL), 0);
        fill(rng, &field, depth + 1);
    }
}

static void
fill_enum(struct hp_rng *rng, avro_value_t *value)
{
    avro_schema_t schema = avro_value_get_schema(value);
    uint32_t count = (uint32_t)avro_schema_enum_number_of_symbols(schema);

    assert_int_equal(avro_value_set_enum(value, (int)hp_rng_below(rng, count)), 0);
}

static void
fill(struct hp_rng *rng, avro_value_t *value, int depth)
{
    avro_value_t branch;

    switch (avro_value_get_type(value)) {
    case AVRO_STRING: fill_text(rng, value); return;
    case AVRO_INT32: avro_value_set_int(value, (int32_t)random_long(rng)); return;
    case AVRO_INT64: avro_value_set_long(value, random_long(rng)); return;
    case AVRO_DOUBLE: avro_value_set_double(value, (double)random_long(rng) / 1024); return;
    case AVRO_BOOLEAN: avro_value_set_boolean(value, (int)hp_rng_below(rng, 2)); return;
    case AVRO_ENUM: fill_enum(rng, value); return;
    case AVRO_ARRAY: fill_list(rng, value, depth); return;
    case AVRO_MAP: fill_map(rng, value, depth); return;
    case AVRO_RECORD: fill_fields(rng, value, depth); return;
    case AVRO_NULL: avro_value_set_null(value); return;
    case AVRO_UNION:
        assert_int_equal(avro_value_set_branch(value, (int)hp_rng_below(rng, 2), &branch), 0);
        fill(rng, &branch, depth + 1);
        return;
    default: fail_msg("a type our schemas do not have");
    }
}

/* Random value, and its bytes as Avro C writes them. */
static void
oracle_next(struct oracle *oracle)
{
    avro_writer_t writer = avro_writer_memory((char *)oracle->bytes, HP_RECORD_BYTES_MAX);

    avro_value_reset(&oracle->value);
    fill(&oracle->rng, &oracle->value, 0);
    assert_int_equal(avro_value_write(writer, &oracle->value), 0);
    oracle->size = avro_writer_tell(writer);
    avro_writer_free(writer);
}

static void
oracle_reads_back(struct oracle *oracle, struct hp_bytes ours, avro_value_t *again)
{
    avro_reader_t reader = avro_reader_memory((const char *)ours.data, (int64_t)ours.size);

    assert_int_equal(avro_value_read(reader, again), 0);
    assert_int_equal(avro_value_equal(again, &oracle->value), 1);
    avro_reader_free(reader);
}

static void
compare(struct oracle *oracle, enum hp_record_type type, avro_value_iface_t *class)
{
    struct hp_arena schemas = {0};
    struct hp_arena arena = {0};
    struct hp_buffer ours = {0};
    struct hp_error error = {0};
    uint8_t *record = hp_alloc(hp_record_size(type));
    const struct hp_program *program;
    avro_value_t again;

    assert_int_equal(
        hp_program_compile(hp_record_schema(type), type, &schemas, &program, &error), HP_OK);
    assert_int_equal(avro_generic_value_new(class, &again), 0);
    for (int round = 0; round < ROUNDS; round++) {
        struct hp_bytes theirs;

        oracle_next(oracle);
        theirs = hp_bytes(oracle->bytes, (size_t)oracle->size);
        ours.size = 0;
        hp_arena_clear(&arena);
        if (hp_program_run(program, theirs, &arena, record, &error) ||
            hp_event_encode(type, record, &ours, &error))
            fail_msg("%s, seed %llu, round %d: %s", hp_record_name(type),
                (unsigned long long)oracle->seed, round, error.text);
        if (!hp_bytes_equal(hp_buffer_bytes(&ours), theirs))
            fail_msg("%s, seed %llu, round %d: other bytes", hp_record_name(type),
                (unsigned long long)oracle->seed, round);
        oracle_reads_back(oracle, hp_buffer_bytes(&ours), &again);
    }
    avro_value_decref(&again);
    free(record);
    hp_buffer_release(&ours);
    hp_arena_release(&arena);
    hp_arena_release(&schemas);
}

static void
bytes_are_those_of_avro_c(void **state)
{
    (void)state;
    for (int type = 0; type < HP_RECORD_TYPES; type++) {
        struct hp_bytes json = hp_record_schema_json((enum hp_record_type)type);
        struct oracle oracle = {.seed = 20260301 + (uint64_t)type};
        avro_schema_t schema;
        avro_value_iface_t *class;

        oracle.rng.state = oracle.seed;
        oracle.bytes = hp_alloc(HP_RECORD_BYTES_MAX);
        assert_int_equal(
            avro_schema_from_json_length((const char *)json.data, json.size, &schema), 0);
        class = avro_generic_class_from_schema(schema);
        assert_int_equal(avro_generic_value_new(class, &oracle.value), 0);
        compare(&oracle, (enum hp_record_type)type, class);
        avro_value_decref(&oracle.value);
        avro_value_iface_decref(class);
        avro_schema_decref(schema);
        free(oracle.bytes);
    }
}

/* One flipped byte: we may refuse or read another value, but what we read we can write, and
 * Avro C agrees about it. */
static void
flipped_bytes_read_as_avro_c_or_not_at_all(void **state)
{
    enum hp_record_type type = HP_RECORD_ORDER;
    struct hp_bytes json = hp_record_schema_json(type);
    struct oracle oracle = {.seed = 7, .rng = {7}};
    struct hp_arena schemas = {0};
    struct hp_arena arena = {0};
    struct hp_buffer ours = {0};
    const struct hp_program *program;
    struct hp_order order;
    avro_schema_t schema;
    avro_value_iface_t *class;
    avro_value_t theirs;
    int read_count = 0;

    (void)state;
    oracle.bytes = hp_alloc(HP_RECORD_BYTES_MAX);
    assert_int_equal(
        avro_schema_from_json_length((const char *)json.data, json.size, &schema), 0);
    class = avro_generic_class_from_schema(schema);
    assert_int_equal(avro_generic_value_new(class, &oracle.value), 0);
    assert_int_equal(avro_generic_value_new(class, &theirs), 0);
    assert_int_equal(
        hp_program_compile(hp_record_schema(type), type, &schemas, &program, NULL), HP_OK);
    for (int round = 0; round < ROUNDS; round++) {
        uint32_t at;

        oracle_next(&oracle);
        at = hp_rng_below(&oracle.rng, (uint32_t)oracle.size);
        oracle.bytes[at] ^= (uint8_t)(1U << hp_rng_below(&oracle.rng, 8));
        hp_arena_clear(&arena);
        ours.size = 0;
        if (hp_program_run(
                program, hp_bytes(oracle.bytes, (size_t)oracle.size), &arena, &order, NULL) ||
            hp_event_encode(type, &order, &ours, NULL))
            continue;
        read_count++;
        avro_reader_t reader = avro_reader_memory((const char *)oracle.bytes, oracle.size);
        assert_int_equal(avro_value_read(reader, &oracle.value), 0);
        avro_reader_free(reader);
        oracle_reads_back(&oracle, hp_buffer_bytes(&ours), &theirs);
    }
    assert_true(read_count > ROUNDS / 20);
    avro_value_decref(&theirs);
    avro_value_decref(&oracle.value);
    avro_value_iface_decref(class);
    avro_schema_decref(schema);
    free(oracle.bytes);
    hp_buffer_release(&ours);
    hp_arena_release(&arena);
    hp_arena_release(&schemas);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_are_those_of_avro_c),
        cmocka_unit_test(flipped_bytes_read_as_avro_c_or_not_at_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
