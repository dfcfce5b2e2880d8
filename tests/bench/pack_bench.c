/*
 * tests/bench/pack_bench.c - what boxes cost: one table over items and slots.
 *
 *     pack_bench [INSTANCES]      times of whole answers with explanations, per size
 *
 * Time of this thread on the processor, so that other programs on the machine do not count.
 * tests/bench/pack_exact.py prints CBC's time beside ours, on instances of its own.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/property/packing_cases.h"

static int64_t
now_ns(void)
{
    struct timespec time;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static int
compare_times(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

enum mix { REALISTIC, ADVERSARIAL, IMPOSSIBLE };

static const char *const mix_names[] = {"realistic", "adversarial", "impossible"};

struct line {
    enum mix mix;
    uint32_t items;
    uint32_t slots;
    uint32_t count;
};

/* Least of three runs of the same answer: other processes of the machine are not ours. */
static int64_t
time_one(const struct hp_pack_instance *in, struct hp_arena *arena, uint64_t *boxes)
{
    int64_t least = INT64_MAX;

    for (int run = 0; run < 3; run++) {
        struct hp_pack_answer answer;
        int64_t begin = now_ns();
        int64_t took;

        hp_pack_solve(in, arena, &answer);
        took = now_ns() - begin;
        hp_arena_clear(arena);
        least = took < least ? took : least;
        *boxes += run ? 0 : answer.box_count;
    }
    return least;
}

/* No box at all: too little money, or a window of one paisa. */
static void
make_impossible(struct hp_pack_instance *in, struct hp_arena *arena, uint32_t k)
{
    struct hp_pack_slot *slots = HP_ARENA_ARRAY(arena, in->slot_count, struct hp_pack_slot);

    for (size_t s = 0; s < in->slot_count; s++) {
        slots[s] = in->slots[s];
        slots[s].max = k % 2 ? slots[s].max / 40 : slots[s].max / 100 * 100 + 1;
        slots[s].min = k % 2 ? slots[s].max / 2 : slots[s].max;
    }
    in->slots = slots;
}

static void
bench(struct line line)
{
    int64_t *times = hp_alloc(line.count * sizeof(*times));
    struct hp_arena instance_arena = {0};
    struct hp_arena arena = {0};
    uint64_t boxes = 0;

    for (uint32_t k = 0; k < line.count; k++) {
        struct hp_rng rng = {k * 7919 + line.items};
        struct case_shape shape = {.kind = (int)(k % 3) + (line.mix == ADVERSARIAL ? 3 : 0),
            .items = line.items,
            .slots = line.slots,
            .share_pct = 50};
        struct hp_pack_instance *in = case_realistic(&rng, &instance_arena, &shape);

        if (line.mix == IMPOSSIBLE)
            make_impossible(in, &instance_arena, k);
        times[k] = time_one(in, &arena, &boxes);
        hp_arena_clear(&instance_arena);
    }
    qsort(times, line.count, sizeof(*times), compare_times);
    printf("%-12s %6u %5u %8.1f %8.1f %8.1f %8.1f %8.2f\n", mix_names[line.mix], line.items,
        line.slots, (double)times[line.count / 2] / 1000,
        (double)times[line.count * 95 / 100] / 1000,
        (double)times[line.count * 99 / 100] / 1000, (double)times[line.count - 1] / 1000,
        (double)boxes / line.count);
    hp_arena_release(&instance_arena);
    hp_arena_release(&arena);
    free(times);
}

int
main(int argc, char **argv)
{
    static const uint32_t sizes[] = {50, 100, 200, 500, 1000};
    uint32_t count = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 600;

    printf("%-12s %6s %5s %8s %8s %8s %8s %8s\n", "microseconds", "items", "slots", "p50",
        "p95", "p99", "max", "boxes");
    for (size_t k = 0; k < HP_ARRAY_SIZE(sizes); k++)
        bench((struct line){REALISTIC, sizes[k], 4, count});
    for (uint32_t slots = 1; slots <= 8; slots++)
        bench((struct line){REALISTIC, 200, slots, count});
    for (size_t k = 0; k < HP_ARRAY_SIZE(sizes); k++)
        bench((struct line){ADVERSARIAL, sizes[k], 4, count});
    for (size_t k = 0; k < HP_ARRAY_SIZE(sizes); k++)
        bench((struct line){IMPOSSIBLE, sizes[k], 4, count});
    return 0;
}
