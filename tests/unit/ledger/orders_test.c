/* Which version of an order is kept, and how. SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "ledger/orders.h"

static struct hp_arena arena;

static int
clear(void **state)
{
    (void)state;
    hp_arena_clear(&arena);
    return 0;
}

static struct hp_order_line
line(const char *item, int32_t quantity, int64_t price)
{
    return (struct hp_order_line){hp_bytes_text(item), quantity, price};
}

static struct hp_order_fact
fact_of(struct hp_order order)
{
    struct hp_order_fact fact;

    hp_order_fact_from_event(&order, (struct hp_bytes){0}, &arena, &fact);
    return fact;
}

static struct hp_order
placed(const struct hp_order_line *lines, size_t count)
{
    return (struct hp_order){.order_id = hp_bytes_text("o"),
        .version = 1,
        .user_id = hp_bytes_text("u"),
        .ordered_at = 1000,
        .status = HP_ORDER_PLACED,
        .lines = lines,
        .line_count = count};
}

static struct hp_bytes
encoded(const struct hp_order_fact *fact)
{
    struct hp_buffer out = {0};
    struct hp_bytes copy;

    hp_order_fact_encode(fact, &out);
    copy = hp_arena_copy(&arena, hp_buffer_bytes(&out));
    hp_buffer_release(&out);
    return copy;
}

static void
lines_of_one_item_are_merged_and_sorted(void **state)
{
    const struct hp_order_line lines[] = {
        line("tea", 2, 300), line("nuts", 1, 50), line("tea", 3, 250)};
    struct hp_order_fact fact = fact_of(placed(lines, 3));

    (void)state;
    assert_int_equal(fact.line_count, 2);
    assert_true(hp_bytes_is(fact.lines[0].item_id, "nuts"));
    assert_true(hp_bytes_is(fact.lines[1].item_id, "tea"));
    assert_int_equal(fact.lines[1].quantity, 5);
    assert_int_equal(fact.lines[1].unit_price_minor, 300);
    assert_int_equal(hp_order_fact_total(&fact), 5 * 300 + 50);
    assert_true(hp_order_fact_counts(&fact));
}

static void
the_order_of_lines_does_not_matter(void **state)
{
    const struct hp_order_line one[] = {line("a", 1, 5), line("b", 2, 6), line("a", 3, 7)};
    const struct hp_order_line two[] = {line("a", 3, 7), line("a", 1, 5), line("b", 2, 6)};
    struct hp_order_fact first = fact_of(placed(one, 3));
    struct hp_order_fact second = fact_of(placed(two, 3));

    (void)state;
    assert_true(hp_bytes_equal(encoded(&first), encoded(&second)));
}

static void
what_does_not_count_is_a_stub_without_lines(void **state)
{
    const struct hp_order_line lines[] = {line("a", 1, 5)};
    struct hp_order order = placed(lines, 1);
    struct hp_order_fact fact;

    (void)state;
    order.status = HP_ORDER_CANCELLED;
    order.box_id = hp_bytes_text("box");
    order.occasion = hp_bytes_text("diwali");
    fact = fact_of(order);
    assert_true(fact.stub);
    assert_int_equal(fact.line_count, 0);
    assert_null(fact.box_id.data);
    assert_null(fact.occasion.data);
    assert_true(hp_order_value_stub(encoded(&fact)));
    assert_in_range(encoded(&fact).size, 1, 24);
    fact = fact_of(placed(NULL, 0));
    assert_true(fact.stub);
    assert_false(hp_order_fact_counts(&fact));
}

/* The order of the contract: version, then rank, then time. */
static void
the_winner_is_the_greatest_version_rank_and_time(void **state)
{
    const struct hp_order_line lines[] = {line("a", 1, 5)};
    struct hp_order orders[5];
    struct hp_order_fact facts[5];

    (void)state;
    for (int i = 0; i < 5; i++)
        orders[i] = placed(lines, 1);
    orders[1].ordered_at = 2000;
    orders[2].status = HP_ORDER_RETURNED;
    orders[3].status = HP_ORDER_CANCELLED;
    orders[4].version = 2;
    for (int i = 0; i < 5; i++)
        facts[i] = fact_of(orders[i]);
    for (int i = 0; i < 5; i++)
        for (int k = 0; k < 5; k++)
            assert_int_equal(hp_order_fact_wins(&facts[i], &facts[k]), i > k);
}

/* A stub must decide a later arrival as the full fact would. */
static void
a_stub_compares_like_the_event_it_came_from(void **state)
{
    const struct hp_order_line one[] = {line("a", 1, 5)};
    const struct hp_order_line two[] = {line("b", 1, 5)};
    struct hp_order first = placed(one, 1);
    struct hp_order second = placed(two, 1);
    struct hp_order_fact a;
    struct hp_order_fact b;
    struct hp_order_fact stored;

    (void)state;
    first.status = second.status = HP_ORDER_CANCELLED;
    a = fact_of(first);
    b = fact_of(second);
    assert_int_equal(hp_order_fact_decode(encoded(&a), &arena, &stored, NULL), HP_OK);
    assert_int_not_equal(a.tie, b.tie);
    assert_int_equal(hp_order_fact_wins(&a, &b), a.tie > b.tie);
    assert_int_equal(hp_order_fact_wins(&stored, &b), a.tie > b.tie);
    assert_false(hp_order_fact_wins(&stored, &a));
    assert_false(hp_order_fact_wins(&a, &stored));
}

static void
every_field_survives_storage(void **state)
{
    const struct hp_order_line lines[] = {line("a", 10000, 1000000000), line("b", 1, 0)};
    uint8_t hash[HP_RECIPIENT_BYTES] = {1, 2, 3};
    struct hp_order order = placed(lines, 2);
    struct hp_order_fact fact;
    struct hp_order_fact stored;

    (void)state;
    order.version = -5;
    order.box_id = hp_bytes_text("b1");
    order.occasion = hp_bytes_text("wedding");
    order.budget_minor = (struct hp_maybe){true, 150000};
    hp_order_fact_from_event(&order, hp_bytes(hash, sizeof(hash)), &arena, &fact);
    assert_int_equal(hp_order_fact_decode(encoded(&fact), &arena, &stored, NULL), HP_OK);
    assert_int_equal(stored.version, -5);
    assert_int_equal(stored.tie, fact.tie);
    assert_int_equal(stored.line_count, 2);
    assert_int_equal(stored.lines[0].quantity, 10000);
    assert_true(hp_bytes_is(stored.box_id, "b1"));
    assert_true(hp_bytes_is(stored.occasion, "wedding"));
    assert_true(hp_bytes_equal(stored.recipient, hp_bytes(hash, sizeof(hash))));
    assert_int_equal(stored.budget_minor.value, 150000);
    assert_true(hp_bytes_equal(encoded(&fact), encoded(&stored)));
}

/* A stored value either is refused or is exactly what we would write. */
static void
damaged_bytes_are_refused_or_canonical(void **state)
{
    const struct hp_order_line lines[] = {line("apple", 3, 5), line("nut", 1, 70)};
    struct hp_order_fact fact = fact_of(placed(lines, 2));
    struct hp_bytes good = encoded(&fact);

    (void)state;
    for (size_t i = 0; i < good.size; i++)
        for (int bit = 0; bit < 8; bit++) {
            struct hp_bytes bad = hp_arena_copy(&arena, good);
            struct hp_order_fact read;

            ((uint8_t *)bad.data)[i] ^= (uint8_t)(1 << bit);
            if (hp_order_fact_decode(bad, &arena, &read, NULL) == HP_OK)
                assert_true(hp_bytes_equal(encoded(&read), bad));
            assert_int_equal(
                hp_order_fact_decode(hp_bytes(good.data, i), &arena, &read, NULL), HP_CORRUPT);
        }
}

static void
watermarks_void_orders_and_hide_recipients(void **state)
{
    const struct hp_order_line lines[] = {line("a", 1, 5)};
    uint8_t hash[HP_RECIPIENT_BYTES] = {7};
    struct hp_bytes recipient = hp_bytes(hash, sizeof(hash));
    struct hp_order order = placed(lines, 1);
    struct hp_watermark mark = {0};
    struct hp_order_fact fact;
    bool changed;

    (void)state;
    order.occasion = hp_bytes_text("wedding");
    hp_order_fact_from_event(&order, recipient, &arena, &fact);
    assert_false(hp_order_fact_void(&fact, NULL));
    assert_false(hp_order_fact_scrub(&fact, NULL));
    assert_int_equal(hp_watermark_raise(&mark, recipient, 999, &arena, &changed, NULL), HP_OK);
    assert_true(changed);
    assert_false(hp_order_fact_scrub(&fact, &mark));
    assert_int_equal(hp_watermark_raise(&mark, recipient, 1000, &arena, &changed, NULL), HP_OK);
    assert_false(hp_order_fact_void(&fact, &mark));
    assert_true(hp_order_fact_scrub(&fact, &mark));
    assert_null(fact.recipient.data);
    assert_null(fact.occasion.data);
    assert_int_equal(fact.line_count, 1);
    assert_int_equal(
        hp_watermark_raise(&mark, (struct hp_bytes){0}, 1000, &arena, &changed, NULL), HP_OK);
    assert_true(hp_order_fact_void(&fact, &mark));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(lines_of_one_item_are_merged_and_sorted, clear),
        cmocka_unit_test_setup(the_order_of_lines_does_not_matter, clear),
        cmocka_unit_test_setup(what_does_not_count_is_a_stub_without_lines, clear),
        cmocka_unit_test_setup(the_winner_is_the_greatest_version_rank_and_time, clear),
        cmocka_unit_test_setup(a_stub_compares_like_the_event_it_came_from, clear),
        cmocka_unit_test_setup(every_field_survives_storage, clear),
        cmocka_unit_test_setup(damaged_bytes_are_refused_or_canonical, clear),
        cmocka_unit_test_setup(watermarks_void_orders_and_hide_recipients, clear),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    hp_arena_release(&arena);
    return failed;
}
