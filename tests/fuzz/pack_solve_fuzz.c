/*
 * tests/fuzz/pack_solve_fuzz.c - the search on instances built from bytes, with numbers at the
 * limits: no overflow, no broken rule, an end within the step limits.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/property/packing_cases.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct source {
    const uint8_t *data;
    size_t size;
};

static uint8_t
next(struct source *source)
{
    if (!source->size)
        return 0;
    source->size--;
    return *source->data++;
}

/* Now and then the limit itself. */
static int64_t
amount(struct source *source, int64_t most)
{
    uint8_t byte = next(source);

    return byte == 255 ? most : byte == 254 ? most / 3 : byte;
}

static void
stretch(struct source *source, struct hp_pack_instance *in, struct hp_arena *arena)
{
    struct hp_pack_item *items = HP_ARENA_ARRAY(arena, in->item_count, struct hp_pack_item);
    struct hp_pack_slot *slots = HP_ARENA_ARRAY(arena, in->slot_count, struct hp_pack_slot);
    struct hp_pack_pair *pairs = HP_ARENA_ARRAY(arena, in->pair_count, struct hp_pack_pair);

    for (size_t i = 0; i < in->item_count; i++) {
        items[i] = in->items[i];
        items[i].price = amount(source, HP_PACK_PRICE_MAX);
        items[i].gain = amount(source, HP_PACK_GAIN_MAX) - amount(source, HP_PACK_GAIN_MAX);
        items[i].max_qty = (int32_t)amount(source, HP_QUANTITY_MAX);
    }
    for (size_t k = 0; k < in->slot_count; k++) {
        slots[k] = in->slots[k];
        slots[k].max = amount(source, HP_PACK_AMOUNT_MAX);
        slots[k].min = amount(source, HP_PACK_AMOUNT_MAX);
        slots[k].ladder_count = 0;
    }
    for (size_t p = 0; p < in->pair_count; p++) {
        pairs[p] = in->pairs[p];
        pairs[p].weight = amount(source, HP_PACK_GAIN_MAX) - amount(source, HP_PACK_GAIN_MAX);
    }
    in->items = items;
    in->slots = slots;
    in->pairs = pairs;
    in->count_max = (int32_t)amount(source, HP_PACK_UNITS_MAX) % (HP_PACK_UNITS_MAX + 1);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct source source = {data, size};
    struct hp_rng rng = {next(&source) | (uint64_t)next(&source) << 8};
    struct hp_arena arena = {0};
    struct hp_pack_instance *in = case_tiny(&rng, &arena);
    struct hp_pack_answer answer;
    int32_t *boxes[HP_BOXES_MAX];
    struct hp_error error;

    if (in->slot_count > 2) /* the sharing cap needs two; more only take time */
        in->slot_count = 2;
    if (next(&source) % 4)
        stretch(&source, in, &arena);
    if (hp_pack_instance_check(in, &error) == HP_OK) {
        const char *wrong;

        hp_pack_solve(in, &arena, &answer);
        wrong = check_answer(&arena, in, &answer, boxes);
        if (wrong)
            hp_die("broken rule: %s", wrong);
    }
    hp_arena_release(&arena);
    return 0;
}
