/* tests/unit/store/keys_test.c - the layout of keys. SPDX-License-Identifier: Apache-2.0 */
#include "store/keys.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const char *const parts[] = {"", "a", "a\x01", "ab", "b", "\xFF", "\xFF\xFF"};

/* Rows of one partition and store lie together, partitions in order. */
static void
head_is_partition_and_store(void **state)
{
    struct hp_buffer key = {0};

    (void)state;
    hp_key_head(&key, 0x01020304, 7);
    assert_int_equal(key.size, HP_KEY_HEAD);
    assert_memory_equal(key.data, "\x01\x02\x03\x04\x07", 5);
    hp_buffer_release(&key);
}

static void
parts_are_read_back_as_written(void **state)
{
    struct hp_bytes odd = hp_bytes("a\0\0b\0", 5);
    struct hp_buffer key = {0};
    struct hp_buffer part = {0};
    struct hp_cursor cursor;

    (void)state;
    hp_key_part(&key, odd);
    hp_key_part(&key, hp_bytes_text(""));
    hp_key_part(&key, hp_bytes_text("z"));
    cursor = hp_cursor(hp_buffer_bytes(&key));
    assert_true(hp_key_part_read(&cursor, &part));
    assert_true(hp_bytes_equal(hp_buffer_bytes(&part), odd));
    assert_true(hp_key_part_read(&cursor, &part));
    assert_int_equal(part.size, 0);
    assert_true(hp_key_part_read(&cursor, &part));
    assert_true(hp_bytes_is(hp_buffer_bytes(&part), "z"));
    assert_true(hp_cursor_done(&cursor));
    hp_buffer_release(&key);
    hp_buffer_release(&part);
}

/* A scan over a user's rows relies on the order of users being the order of keys. */
static void
order_of_keys_is_order_of_parts(void **state)
{
    (void)state;
    for (size_t i = 0; i + 1 < HP_ARRAY_SIZE(parts); i++) {
        struct hp_buffer low = {0};
        struct hp_buffer high = {0};

        hp_key_part(&low, hp_bytes_text(parts[i]));
        hp_key_part(&low, hp_bytes_text("\xFF"));
        hp_key_part(&high, hp_bytes_text(parts[i + 1]));
        assert_true(hp_bytes_compare(hp_buffer_bytes(&low), hp_buffer_bytes(&high)) < 0);
        hp_buffer_release(&low);
        hp_buffer_release(&high);
    }
}

static void
malformed_parts_are_refused(void **state)
{
    static const struct hp_bytes bad[] = {
        {(const uint8_t *)"abc", 3},
        {(const uint8_t *)"a\0", 2},
        {(const uint8_t *)"a\0\x02", 3},
        {(const uint8_t *)"", 0},
    };
    struct hp_buffer part = {0};

    (void)state;
    for (size_t i = 0; i < HP_ARRAY_SIZE(bad); i++) {
        struct hp_cursor cursor = hp_cursor(bad[i]);

        assert_false(hp_key_part_read(&cursor, &part));
        assert_true(cursor.failed);
    }
    hp_buffer_release(&part);
}

static void
key_after_a_prefix_is_the_smallest_beyond(void **state)
{
    struct hp_buffer out = {0};

    (void)state;
    assert_true(hp_key_after_prefix(hp_bytes_text("ab"), &out));
    assert_true(hp_bytes_is(hp_buffer_bytes(&out), "ac"));
    assert_true(hp_key_after_prefix(hp_bytes_text("a\xFF\xFF"), &out));
    assert_true(hp_bytes_is(hp_buffer_bytes(&out), "b"));
    assert_false(hp_key_after_prefix(hp_bytes_text("\xFF\xFF"), &out));
    assert_false(hp_key_after_prefix(hp_bytes_text(""), &out));
    hp_buffer_release(&out);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(head_is_partition_and_store),
        cmocka_unit_test(parts_are_read_back_as_written),
        cmocka_unit_test(order_of_keys_is_order_of_parts),
        cmocka_unit_test(malformed_parts_are_refused),
        cmocka_unit_test(key_after_a_prefix_is_the_smallest_beyond),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
