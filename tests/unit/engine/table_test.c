/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/rng.h"
#include "engine/table.h"

#define KEYS 300

static struct hp_bytes
key_of(int number, char text[8])
{
    snprintf(text, 8, "%04d", number);
    return hp_bytes(text, 4);
}

/* Random puts and deletes against an array that remembers the last of each. */
static void
entries_are_the_last_put_in_order(void **state)
{
    int last[KEYS];
    struct hp_arena arena = {0};
    struct hp_table table;
    struct hp_rng rng = {42};
    const struct hp_table_entry *entry;
    char text[8];

    (void)state;
    hp_table_init(&table, &arena, true);
    for (int i = 0; i < KEYS; i++)
        last[i] = -1;
    for (int i = 0; i < 5000; i++) {
        int k = (int)hp_rng_below(&rng, KEYS);

        last[k] = (int)hp_rng_below(&rng, 4);
        hp_table_put(&table, key_of(k, text),
            last[k] ? hp_bytes("abc", (size_t)last[k]) : (struct hp_bytes){0});
    }
    entry = hp_table_seek(&table, hp_bytes("", 0));
    for (int i = 0; i < KEYS; i++) {
        if (last[i] < 0) {
            assert_null(hp_table_find(&table, key_of(i, text)));
            continue;
        }
        assert_non_null(entry);
        assert_ptr_equal(entry, hp_table_find(&table, key_of(i, text)));
        assert_int_equal(entry->value.size, last[i]);
        assert_int_equal(!entry->value.data, last[i] == 0);
        entry = hp_table_next(entry);
    }
    assert_null(entry);
    hp_arena_release(&arena);
}

/* A step may keep what it read while it writes the same row. */
static void
without_overwrite_old_values_stay(void **state)
{
    struct hp_arena arena = {0};
    struct hp_table table;
    struct hp_bytes before;

    (void)state;
    hp_table_init(&table, &arena, false);
    hp_table_put(&table, hp_bytes("k", 1), hp_bytes("old", 3));
    before = hp_table_find(&table, hp_bytes("k", 1))->value;
    hp_table_put(&table, hp_bytes("k", 1), hp_bytes("new", 3));
    assert_true(hp_bytes_is(before, "old"));
    assert_true(hp_bytes_is(hp_table_find(&table, hp_bytes("k", 1))->value, "new"));
    hp_arena_release(&arena);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries_are_the_last_put_in_order),
        cmocka_unit_test(without_overwrite_old_values_stay),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
