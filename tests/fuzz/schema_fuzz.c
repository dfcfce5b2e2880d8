/*
 * tests/fuzz/schema_fuzz.c - schema texts as a registry might give them.
 *
 * Whatever is accepted is compiled against every record, and short hostile bodies run through
 * what compiles.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "codec/resolve.h"
#include "domain/event.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
run_bodies(const struct hp_program *program, enum hp_record_type type, struct hp_arena *arena)
{
    static const uint8_t bodies[][16] = {{0}, {2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2},
        {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1, 2, 2, 2, 2, 2, 2},
        {1, 8, 2, 97, 1, 8, 2, 97, 1, 8, 2, 97, 1, 8, 2, 97}};
    uint8_t *out = hp_alloc(hp_record_size(type));

    for (size_t i = 0; i < HP_ARRAY_SIZE(bodies); i++)
        for (size_t size = 0; size <= sizeof(bodies[i]); size++) {
            struct hp_bytes body = hp_bytes(bodies[i], size);

            if (hp_program_run(program, body, arena, out, NULL) == HP_OK)
                continue;
        }
    free(out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hp_arena arena = {0};
    struct hp_error error = {0};
    const struct hp_schema *schema;

    if (hp_schema_parse(hp_bytes(data, size), &arena, &schema, &error) == HP_OK) {
        HP_ASSERT(schema->weight <= HP_SCHEMA_NODES_MAX);
        for (int type = 0; type < HP_RECORD_TYPES; type++) {
            const struct hp_program *program;

            if (hp_program_compile(
                    schema, (enum hp_record_type)type, &arena, &program, &error) == HP_OK)
                run_bodies(program, (enum hp_record_type)type, &arena);
            else
                HP_ASSERT(error.code[0]);
        }
    } else {
        HP_ASSERT(error.code[0]);
    }
    hp_arena_release(&arena);
    return 0;
}
