/* Partial rows: written, read back, refused. SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/rng.h"
#include "ledger/partial.h"

static const struct hp_head_day days[] = {{20454, 2}, {20460, 1}};
static const struct hp_head head = {3, 5, 2, days, 2};
static struct hp_arena arena;
static struct hp_buffer buffer;

static struct hp_bytes
encoded(const struct hp_partial_partner *partners, size_t count)
{
    hp_buffer_clear(&buffer);
    hp_partial_encode(&(struct hp_partial){head, partners, count}, &buffer);
    return hp_buffer_bytes(&buffer);
}

static bool
readable(struct hp_bytes value)
{
    struct hp_partial partial;
    struct hp_error error;

    return hp_partial_decode(value, &arena, &partial, &error) == HP_OK;
}

/* What tasks say must reach the solver as it was meant, shared beginnings of ids included. */
static void
partners_come_back_as_they_were(void **state)
{
    static const char *const ids[] = {"1", "10", "1000A", "1000B", "85123A", "85123AB", "b"};
    struct hp_partial_partner partners[7];
    struct hp_partial back;
    struct hp_error error;

    (void)state;
    for (size_t i = 0; i < 7; i++)
        partners[i] = (struct hp_partial_partner){hp_bytes_text(ids[i]), (int64_t)i * 1000 + 1};
    assert_int_equal(hp_partial_decode(encoded(partners, 7), &arena, &back, &error), HP_OK);
    assert_int_equal(back.head.users, 3);
    assert_int_equal(back.head.day_count, 2);
    assert_int_equal(back.partner_count, 7);
    for (size_t i = 0; i < 7; i++) {
        assert_true(hp_bytes_equal(back.partners[i].item_id, partners[i].item_id));
        assert_int_equal(back.partners[i].users, partners[i].users);
    }
}

/* An item nobody has is no row; an item without partners is one. */
static void
an_empty_head_is_no_row(void **state)
{
    (void)state;
    hp_buffer_clear(&buffer);
    hp_partial_encode(&(struct hp_partial){.partner_count = 0}, &buffer);
    assert_int_equal(buffer.size, 0);
    assert_true(readable(encoded(NULL, 0)));
    assert_true(readable((struct hp_bytes){0}));
}

/* Equal rows have equal bytes, so every other spelling is a fault. */
static void
other_spellings_are_refused(void **state)
{
    const struct hp_partial_partner two[] = {
        {hp_bytes_text("ab"), 1}, {hp_bytes_text("ac"), 2}};
    const struct hp_partial_partner turned[] = {
        {hp_bytes_text("ac"), 2}, {hp_bytes_text("ab"), 1}};
    const struct hp_partial_partner same[] = {
        {hp_bytes_text("ab"), 1}, {hp_bytes_text("ab"), 1}};
    const struct hp_partial_partner nobody[] = {{hp_bytes_text("ab"), 0}};
    struct hp_bytes value = encoded(two, 2);
    uint8_t bytes[64];

    (void)state;
    assert_true(value.size < sizeof(bytes));
    memcpy(bytes, value.data, value.size);
    for (size_t cut = 0; cut < value.size; cut++)
        assert_false(readable(hp_bytes(bytes, cut)));
    bytes[value.size] = 0;
    assert_false(readable(hp_bytes(bytes, value.size + 1)));
    bytes[0]++;
    assert_false(readable(hp_bytes(bytes, value.size)));
    assert_false(readable(encoded(turned, 2)));
    assert_false(readable(encoded(same, 2)));
    assert_false(readable(encoded(nobody, 1)));
}

/* Bytes from a topic may be anything: refused, or the one spelling of what they say. */
static void
hostile_bytes_are_refused_or_canonical(void **state)
{
    const struct hp_partial_partner two[] = {
        {hp_bytes_text("item-1"), 7}, {hp_bytes_text("item-2"), 9}};
    struct hp_rng rng = {5};

    (void)state;
    for (int round = 0; round < 50000; round++) {
        struct hp_bytes value = encoded(two, 2);
        uint8_t bytes[64];
        struct hp_partial back;
        struct hp_error error;

        memcpy(bytes, value.data, value.size);
        for (uint32_t i = 1 + hp_rng_below(&rng, 3); i > 0; i--)
            bytes[hp_rng_below(&rng, (uint32_t)value.size)] = (uint8_t)hp_rng_below(&rng, 256);
        if (hp_partial_decode(hp_bytes(bytes, value.size), &arena, &back, &error))
            continue;
        hp_buffer_clear(&buffer);
        hp_partial_encode(&back, &buffer);
        assert_true(hp_bytes_equal(hp_buffer_bytes(&buffer), hp_bytes(bytes, value.size)));
        hp_arena_clear(&arena);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(partners_come_back_as_they_were),
        cmocka_unit_test(an_empty_head_is_no_row),
        cmocka_unit_test(other_spellings_are_refused),
        cmocka_unit_test(hostile_bytes_are_refused_or_canonical),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    hp_buffer_release(&buffer);
    hp_arena_release(&arena);
    return failed;
}
