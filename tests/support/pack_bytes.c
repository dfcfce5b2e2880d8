/*
 * tests/support/pack_bytes.c - one number for many boxes, to compare builds.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/property/packing_cases.h"

static uint64_t
mixed(uint64_t digest, uint64_t number)
{
    return (digest ^ number) * 1099511628211U;
}

static uint64_t
mixed_answer(uint64_t digest, const struct hp_pack_answer *answer)
{
    digest = mixed(digest, answer->box_count);
    for (size_t b = 0; b < answer->box_count; b++) {
        const struct hp_pack_box *box = &answer->boxes[b];

        digest = mixed(digest, (uint64_t)box->bound);
        for (size_t l = 0; l < box->line_count; l++) {
            digest = mixed(digest, box->lines[l].item);
            digest = mixed(digest, (uint64_t)box->lines[l].quantity);
            digest = mixed(digest, (uint64_t)box->lines[l].points);
        }
        for (size_t r = 0; r < box->reason_count; r++)
            digest = mixed(digest, (uint64_t)box->reasons[r].code << 32 | box->reasons[r].item);
    }
    for (size_t k = 0; k < answer->missing_count; k++)
        digest = mixed(digest, answer->missing[k].obstacle);
    if (answer->status != HP_PACK_INFEASIBLE)
        return digest;
    digest = mixed(digest, (uint64_t)answer->advice.min_budget);
    for (size_t k = 0; k < answer->advice.option_count; k++)
        digest = mixed(digest, (uint64_t)answer->advice.options[k].min_budget);
    return digest;
}

int
main(void)
{
    struct hp_arena arena = {0};
    uint64_t digest = 1;

    for (uint64_t seed = 1; seed <= 260; seed++) {
        struct hp_rng rng = {seed};
        struct case_shape shape = {
            .kind = (int)(seed % CASE_KINDS), .items = 20 + (uint32_t)seed % 180, .slots = 4};
        struct hp_pack_instance *in =
            seed <= 60 ? case_realistic(&rng, &arena, &shape) : case_tiny(&rng, &arena);
        struct hp_pack_answer answer;

        in->want_bound = true;
        hp_pack_solve(in, &arena, &answer);
        digest = mixed_answer(digest, &answer);
        hp_arena_clear(&arena);
    }
    printf("%016llx\n", (unsigned long long)digest);
    hp_arena_release(&arena);
    return 0;
}
