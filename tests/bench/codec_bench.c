/*
 * tests/bench/codec_bench.c - one order of five lines, decoded by us and by Avro C.
 *
 * Avro C is measured at its best: a generic value made once and reused, nothing read out of it.
 * Each row is the median of 2,001 rounds, each shorter than a time slice of a shared machine.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "codec/event.h"
#include "codec/resolve.h"

#include <avro.h>

#define ROUNDS 2001
#define PASSES 1000

static struct hp_arena arena;
static struct hp_buffer body;
static struct hp_order order;
static const struct hp_program *program;
static avro_value_t value;
static avro_reader_t reader;

static struct hp_order
five_lines(void)
{
    static struct hp_order_line lines[5];
    static const char *const items[] = {"almonds-mamra-250", "tea-darjeeling-100",
        "cookies-oat-150", "raisins-black-200", "honey-forest-350"};

    for (int i = 0; i < 5; i++)
        lines[i] = (struct hp_order_line){hp_bytes_text(items[i]), i + 1, 32500 + i};
    return (struct hp_order){.order_id = hp_bytes_text("o-20260301-0117"),
        .version = 1,
        .user_id = hp_bytes_text("u-000123456"),
        .ordered_at = 1772353800000,
        .lines = lines,
        .line_count = 5,
        .box_id = hp_bytes_text("bk3v7q2m5xw4tz6ay"),
        .budget_minor = {true, 150000}};
}

static void
decode_ours(void)
{
    hp_arena_clear(&arena);
    HP_ASSERT(hp_program_run(program, hp_buffer_bytes(&body), &arena, &order, NULL) == HP_OK);
}

static void
encode_ours(void)
{
    static struct hp_buffer out;

    out.size = 0;
    HP_ASSERT(hp_event_encode(HP_RECORD_ORDER, &order, &out, NULL) == HP_OK);
}

static void
decode_avro(void)
{
    avro_reader_memory_set_source(reader, (const char *)body.data, (int64_t)body.size);
    HP_ASSERT(avro_value_read(reader, &value) == 0);
}

static int
compare_doubles(const void *a, const void *b)
{
    double left = *(const double *)a;
    double right = *(const double *)b;

    return (left > right) - (left < right);
}

static double
now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static double
measure(void (*work)(void))
{
    double rounds[ROUNDS];

    for (int i = 0; i < ROUNDS; i++) {
        double start = now_ns();

        for (int j = 0; j < PASSES; j++)
            work();
        rounds[i] = (now_ns() - start) / PASSES;
    }
    qsort(rounds, ROUNDS, sizeof(rounds[0]), compare_doubles);
    return rounds[ROUNDS / 2];
}

static void
prepare_avro(void)
{
    struct hp_bytes json = hp_record_schema_json(HP_RECORD_ORDER);
    avro_schema_t schema;
    avro_value_iface_t *class;

    HP_ASSERT(avro_schema_from_json_length((const char *)json.data, json.size, &schema) == 0);
    class = avro_generic_class_from_schema(schema);
    HP_ASSERT(avro_generic_value_new(class, &value) == 0);
    reader = avro_reader_memory((const char *)body.data, (int64_t)body.size);
}

int
main(void)
{
    struct hp_arena schemas = {0};
    double ours;
    double theirs;

    order = five_lines();
    HP_ASSERT(hp_event_encode(HP_RECORD_ORDER, &order, &body, NULL) == HP_OK);
    HP_ASSERT(hp_program_compile(hp_record_schema(HP_RECORD_ORDER), HP_RECORD_ORDER, &schemas,
                  &program, NULL) == HP_OK);
    prepare_avro();
    ours = measure(decode_ours);
    theirs = measure(decode_avro);
    printf("order of five lines, %zu bytes      ns each\n", body.size);
    printf("decode into struct, checked        %8.0f\n", ours);
    printf("decode, Avro C generic value       %8.0f   (%.1f times as long)\n", theirs,
        theirs / ours);
    printf("encode from struct                 %8.0f\n", measure(encode_ours));
    return 0;
}
