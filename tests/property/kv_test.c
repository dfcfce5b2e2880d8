/*
 * tests/property/kv_test.c - RocksDB and the map in memory never differ, whatever is done.
 *
 * Few short keys, so that puts, deletes and ranges meet often; cursors are kept open across
 * writes and compared at the end of their lives. HAMPER_SEED repeats a failing run.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/rng.h"
#include "store/kv_memory.h"
#include "store/kv_rocks.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include <cmocka.h>

#define ROUNDS  40
#define STEPS   60
#define CURSORS 3

struct pair {
    struct hp_kv *memory;
    struct hp_kv *rocks;
    struct hp_kv_cursor *memory_cursors[CURSORS];
    struct hp_kv_cursor *rocks_cursors[CURSORS];
};

static struct hp_bytes
random_key(struct hp_rng *rng, char buffer[4])
{
    uint32_t size = hp_rng_below(rng, 4);

    for (uint32_t i = 0; i < size; i++)
        buffer[i] = "\x00\x01m\xFF"[hp_rng_below(rng, 4)];
    return hp_bytes(buffer, size);
}

static void
random_batch(struct hp_rng *rng, struct hp_kv_batch *batch)
{
    uint32_t count = hp_rng_below(rng, 20);

    for (uint32_t i = 0; i < count; i++) {
        char a[4];
        char b[4];
        uint64_t value = hp_rng_next(rng);

        switch (hp_rng_below(rng, 8)) {
        case 0:
            hp_kv_delete_range(batch, random_key(rng, a),
                hp_rng_below(rng, 8) ? random_key(rng, b) : (struct hp_bytes){0});
            break;
        case 1:
        case 2: hp_kv_delete(batch, random_key(rng, a)); break;
        default: hp_kv_put(batch, random_key(rng, a), hp_bytes(&value, hp_rng_below(rng, 9)));
        }
    }
}

static void
compare_rest(struct hp_kv_cursor *a, struct hp_kv_cursor *b)
{
    struct hp_bytes keys[2];
    struct hp_bytes values[2];

    for (;;) {
        bool more = hp_kv_next(a, &keys[0], &values[0]);

        assert_int_equal(hp_kv_next(b, &keys[1], &values[1]), more);
        if (!more)
            break;
        assert_true(hp_bytes_equal(keys[0], keys[1]));
        assert_true(hp_bytes_equal(values[0], values[1]));
    }
    assert_int_equal(hp_kv_cursor_free(a, NULL), HP_OK);
    assert_int_equal(hp_kv_cursor_free(b, NULL), HP_OK);
}

/* Ends one pair of cursors and starts another in its place. */
static void
turn_cursor(struct pair *pair, struct hp_rng *rng)
{
    uint32_t at = hp_rng_below(rng, CURSORS);
    char a[4];
    char b[4];
    struct hp_bytes from = random_key(rng, a);
    struct hp_bytes to = hp_rng_below(rng, 2) ? random_key(rng, b) : (struct hp_bytes){0};

    if (pair->memory_cursors[at])
        compare_rest(pair->memory_cursors[at], pair->rocks_cursors[at]);
    pair->memory_cursors[at] = hp_kv_scan(pair->memory, from, to);
    pair->rocks_cursors[at] = hp_kv_scan(pair->rocks, from, to);
}

static void
compare_get(struct pair *pair, struct hp_rng *rng)
{
    struct hp_arena arena = {0};
    struct hp_bytes values[2];
    char buffer[4];
    struct hp_bytes key = random_key(rng, buffer);

    assert_int_equal(hp_kv_get(pair->memory, key, &arena, &values[0], NULL), HP_OK);
    assert_int_equal(hp_kv_get(pair->rocks, key, &arena, &values[1], NULL), HP_OK);
    assert_int_equal(values[0].data == NULL, values[1].data == NULL);
    assert_true(hp_bytes_equal(values[0], values[1]));
    hp_arena_release(&arena);
}

static void
step(struct pair *pair, struct hp_rng *rng)
{
    struct hp_kv_batch batch = {0};

    random_batch(rng, &batch);
    assert_int_equal(hp_kv_write(pair->memory, &batch, NULL), HP_OK);
    assert_int_equal(hp_kv_write(pair->rocks, &batch, NULL), HP_OK);
    hp_kv_batch_release(&batch);
    for (int i = 0; i < 5; i++)
        compare_get(pair, rng);
    turn_cursor(pair, rng);
    if (hp_rng_below(rng, 40) == 0)
        assert_int_equal(
            hp_kv_compact(pair->rocks, (struct hp_bytes){0}, (struct hp_bytes){0}, NULL),
            HP_OK);
}

static int
remove_entry(const char *path, const struct stat *info, int kind, struct FTW *where)
{
    (void)info, (void)kind, (void)where;
    return remove(path);
}

static void
round_of(uint64_t seed)
{
    char path[] = "/tmp/hamper-kv-property-XXXXXX";
    struct hp_kv_rocks_options options = {.path = path};
    struct hp_rng rng = {seed};
    struct pair pair = {0};

    print_message("HAMPER_SEED=%llu\n", (unsigned long long)seed);
    assert_non_null(mkdtemp(path));
    pair.memory = hp_kv_memory_new();
    assert_int_equal(hp_kv_rocks_open(&options, &pair.rocks, NULL), HP_OK);
    for (int i = 0; i < STEPS; i++)
        step(&pair, &rng);
    for (int i = 0; i < CURSORS; i++)
        if (pair.memory_cursors[i])
            compare_rest(pair.memory_cursors[i], pair.rocks_cursors[i]);
    compare_rest(hp_kv_scan(pair.memory, (struct hp_bytes){0}, (struct hp_bytes){0}),
        hp_kv_scan(pair.rocks, (struct hp_bytes){0}, (struct hp_bytes){0}));
    hp_kv_free(pair.memory);
    hp_kv_free(pair.rocks);
    nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static void
both_maps_agree(void **state)
{
    const char *seed = getenv("HAMPER_SEED");

    (void)state;
    if (seed) {
        round_of(strtoull(seed, NULL, 10));
        return;
    }
    for (uint64_t i = 1; i <= ROUNDS; i++)
        round_of(i);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(both_maps_agree)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
