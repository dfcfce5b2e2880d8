/*
 * tests/fuzz/pack_fuzz.c - any line of bytes is answered: refused with a field, or packed.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "app/pack_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hp_pack_line_in line = {.root = NULL};
    struct hp_arena arena = {0};
    struct hp_error error;
    json_t *answer;

    if (hp_pack_json_read(hp_bytes(data, size), &arena, &line, &error) == HP_OK) {
        struct hp_pack_answer packed;

        line.instance.want_bound = size % 2;
        hp_pack_solve(&line.instance, &arena, &packed);
        answer = hp_pack_json_answer(&line, &packed, 0);
    } else {
        answer = hp_pack_json_refusal(&line, 1, &error);
    }
    free(json_dumps(answer, JSON_COMPACT));
    json_decref(answer);
    json_decref(line.root);
    hp_arena_release(&arena);
    return 0;
}
