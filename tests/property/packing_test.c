/*
 * tests/property/packing_test.c - boxes against an exhaustive search, and what must not matter.
 *
 * The number of tiny instances and the seed come from the environment for long runs:
 * HAMPER_PACKING_CASES, HAMPER_PACKING_SEED.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/property/packing_cases.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>

static uint64_t
setting(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);

    return text ? strtoull(text, NULL, 10) : otherwise;
}

struct tally {
    uint64_t boxes;
    uint64_t optimal;
    uint64_t gaps;
    double gap_sum;
    double gap_most;
    uint64_t infeasible;
    uint64_t missed;
};

static void
complain(uint64_t seed, const char *what)
{
    fail_msg("instance of seed %llu: %s", (unsigned long long)seed, what);
}

static void
judge_gap(struct tally *tally, uint64_t seed, const struct exhaustive *all,
    const struct hp_pack_box *box)
{
    double gap;

    if (box->value > all->value)
        complain(seed, "worth more than the optimum");
    if (box->bounded && box->bound < all->value)
        complain(seed, "the bound is below the optimum");
    tally->boxes++;
    tally->optimal += box->value == all->value;
    if (all->value <= 0)
        return;
    gap = 100.0 * (double)(all->value - box->value) / (double)all->value;
    tally->gaps++;
    tally->gap_sum += gap;
    tally->gap_most = gap > tally->gap_most ? gap : tally->gap_most;
}

/* One slot against the exhaustive search, given the answer's own earlier boxes. */
static void
judge_slot(struct tally *tally, uint64_t seed, const struct hp_pack_instance *in,
    const struct hp_pack_answer *answer, size_t slot, int32_t **boxes)
{
    const struct hp_pack_slot *entry = &in->slots[slot];
    size_t steps = entry->ladder_count ? entry->ladder_count : 1;
    size_t b = 0;

    while (b < answer->box_count && answer->boxes[b].slot < slot)
        b++;
    for (size_t step = 0; step < steps; step++) {
        bool filled = b < answer->box_count && answer->boxes[b].slot == slot;
        struct exhaustive all = {.in = in,
            .slot = slot,
            .before = boxes,
            .before_count = b,
            .low = entry->ladder_count ? entry->ladder[step] : entry->min,
            .high = entry->max,
            .cheapest = -1};

        exhaust(&all, 0, 0, 0);
        if (filled && answer->boxes[b].fill_step == step) {
            judge_gap(tally, seed, &all, &answer->boxes[b]);
            return;
        }
        if (all.found)
            complain(seed, filled ? "an earlier step was possible" : "a box was missed");
    }
}

static void
judge_advice(uint64_t seed, struct hp_arena *arena, const struct hp_pack_instance *in,
    const struct hp_pack_advice *advice)
{
    struct exhaustive all = {.in = in, .low = 1, .high = 0, .cheapest = -1};
    bool too_low = true;

    exhaust(&all, 0, 0, 0);
    if (advice->has_min_budget != (all.cheapest >= 0))
        complain(seed, "whether any budget helps");
    for (size_t k = 0; k < in->slot_count; k++)
        too_low = too_low && all.cheapest > in->slots[k].max;
    if ((advice->obstacle == HP_PACK_BUDGET_TOO_LOW) != too_low)
        complain(seed, "BUDGET_TOO_LOW");
    if (advice->obstacle == HP_PACK_NO_OBSTACLE || advice->obstacle == HP_PACK_SEARCH_LIMIT)
        complain(seed, "no obstacle named");
    if (!advice->has_min_budget)
        return;
    if (advice->min_budget != all.cheapest || !advice->min_proved)
        complain(seed, "the least budget");
    {
        int32_t *quantity = quantities(arena, in, advice->cheapest, advice->cheapest_count);

        if (cost_of(in, quantity) != advice->min_budget || check_rules_of(in, quantity))
            complain(seed, "the cheapest box");
    }
}

/* Verdict, least budget and cheapest box are exact; values never exceed the optimum. */
static void
small_instances_agree_with_an_exhaustive_search(void **state)
{
    uint64_t count = setting("HAMPER_PACKING_CASES", 10000);
    uint64_t first = setting("HAMPER_PACKING_SEED", 1);
    struct hp_arena arena = {0};
    struct tally tally = {0};

    (void)state;
    for (uint64_t seed = first; seed < first + count; seed++) {
        struct hp_rng rng = {seed};
        struct hp_pack_instance *in = case_tiny(&rng, &arena);
        struct hp_pack_answer answer;
        int32_t *boxes[HP_BOXES_MAX];
        struct hp_error error;
        const char *wrong;

        if (hp_pack_instance_check(in, &error))
            complain(seed, error.text);
        hp_pack_solve(in, &arena, &answer);
        wrong = check_answer(&arena, in, &answer, boxes);
        if (wrong)
            complain(seed, wrong);
        for (size_t slot = 0; slot < in->slot_count; slot++)
            judge_slot(&tally, seed, in, &answer, slot, boxes);
        if (answer.status == HP_PACK_INFEASIBLE) {
            judge_advice(seed, &arena, in, &answer.advice);
            tally.infeasible++;
        }
        hp_arena_clear(&arena);
    }
    print_message("%llu instances, %llu without a box, %llu boxes: %.2f %% optimal, "
                  "gap mean %.4f %%, max %.2f %%\n",
        (unsigned long long)count, (unsigned long long)tally.infeasible,
        (unsigned long long)tally.boxes,
        100.0 * (double)tally.optimal / (double)(tally.boxes ? tally.boxes : 1),
        tally.gap_sum / (double)(tally.gaps ? tally.gaps : 1), tally.gap_most);
    hp_arena_release(&arena);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_instances_agree_with_an_exhaustive_search),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
