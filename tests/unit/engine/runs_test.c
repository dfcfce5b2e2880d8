/* The promises of engine/runs.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/rng.h"
#include "engine/runs.h"

#include <stdio.h>
#include <stdlib.h>

#define KEYS 300
#define ROWS 5000

static int
number(struct hp_bytes digits)
{
    char text[16];

    snprintf(text, sizeof(text), "%.*s", HP_BYTES_FORMAT(digits));
    return (int)strtol(text, NULL, 10);
}

/* Keys that differ early, late, or only in length; each at last with the value put last. */
static void
rows_are_ordered_and_the_last_of_a_key_stays(void **state)
{
    struct hp_rng rng = {7};
    struct hp_run run = {0};
    int last[KEYS];

    (void)state;
    for (int round = 0; round < 2; round++) {
        for (int k = 0; k < KEYS; k++)
            last[k] = -1;
        for (int i = 0; i < ROWS; i++) {
            int k = (int)hp_rng_below(&rng, KEYS);
            char key[64];
            char value[16];

            snprintf(key, sizeof(key), "0000%cthe same in all of them %0*d", 'a' + k % 3,
                3 + k % 2, k);
            snprintf(value, sizeof(value), "%d", i);
            last[k] = i % 7 ? i : -2;
            hp_run_add(
                &run, hp_bytes_text(key), i % 7 ? hp_bytes_text(value) : (struct hp_bytes){0});
        }
        hp_run_sort(&run);
        assert_int_equal(run.ordered, KEYS);
        for (size_t i = 0; i < run.ordered; i++) {
            const struct hp_run_row *row = run.order[i];
            int k = number(hp_bytes(row->key.data + row->key.size - 3, 3));

            if (i)
                assert_true(hp_bytes_compare(run.order[i - 1]->key, row->key) < 0);
            if (last[k] == -2)
                assert_null(row->value.data);
            else
                assert_int_equal(number(row->value), last[k]);
        }
        hp_run_clear(&run);
    }
    hp_run_sort(&run);
    assert_int_equal(run.ordered, 0);
    hp_run_release(&run);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_ordered_and_the_last_of_a_key_stays),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
