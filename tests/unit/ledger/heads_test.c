/* What a user's facts add to the item model. SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/hash.h"
#include "domain/instant.h"
#include "domain/limits.h"
#include "ledger/heads.h"

static struct hp_arena arena;

static int
clear(void **state)
{
    (void)state;
    hp_arena_clear(&arena);
    return 0;
}

static struct hp_bytes
text(const char *format, int number)
{
    return hp_bytes_text(hp_arena_printf(&arena, "%s%d", format, number));
}

/* An order of the given day with one unit of each of `items` (one letter an item). */
static struct hp_user_order
order(int number, int64_t day, const char *items)
{
    struct hp_user_order out = {.order_id = text("o", number)};
    struct hp_order_line *lines = HP_ARENA_ARRAY(&arena, strlen(items), struct hp_order_line);
    struct hp_order event = {.version = 1,
        .ordered_at = day * HP_DAY_MS + 1,
        .lines = lines,
        .line_count = strlen(items)};

    for (size_t i = 0; i < event.line_count; i++)
        lines[i] = (struct hp_order_line){hp_bytes(items + i, 1), 1, 100};
    hp_order_fact_from_event(&event, (struct hp_bytes){0}, &arena, &out.fact);
    return out;
}

static struct hp_aggregate
aggregate_of(const struct hp_user_order *orders, size_t count,
    const struct hp_user_reaction *reactions, size_t reaction_count)
{
    struct hp_aggregate aggregate;

    hp_aggregate_build(&(struct hp_user_facts){.user_id = hp_bytes_text("user"),
                           .orders = orders,
                           .order_count = count,
                           .reactions = reactions,
                           .reaction_count = reaction_count},
        &arena, &aggregate);
    return aggregate;
}

static struct hp_head
share_of(const struct hp_user_order *orders, size_t count, struct hp_bytes item)
{
    struct hp_aggregate aggregate = aggregate_of(orders, count, NULL, 0);
    struct hp_shares shares;

    hp_shares_build(&aggregate, &arena, &shares);
    for (size_t i = 0; i < shares.count; i++)
        if (hp_bytes_equal(shares.items[i].item_id, item))
            return shares.items[i].head;
    return (struct hp_head){0};
}

static void
the_aggregate_counts_orders_and_positive_reactions(void **state)
{
    const struct hp_user_order orders[] = {
        order(2, 12, "ab"), order(1, 10, "bc"), order(3, 11, "b")};
    const struct hp_user_reaction reactions[] = {
        {hp_bytes_text("c"), {.at = 10 * HP_DAY_MS + 5,
                                 .feedback_id = hp_bytes_text("f"),
                                 .sense = HP_REACTION_NEGATIVE}},
        {hp_bytes_text("d"), {.at = 13 * HP_DAY_MS,
                                 .feedback_id = hp_bytes_text("g"),
                                 .sense = HP_REACTION_POSITIVE}},
        {hp_bytes_text("a"), {.at = 11 * HP_DAY_MS,
                                 .feedback_id = hp_bytes_text("h"),
                                 .sense = HP_REACTION_NEGATIVE}},
    };
    struct hp_aggregate aggregate = aggregate_of(orders, 3, reactions, 3);

    (void)state;
    assert_int_equal(aggregate.order_count, 3);
    assert_int_equal(aggregate.item_count, 4);
    assert_int_equal(aggregate.choice_count, 6);
    assert_int_equal(aggregate.median_total_minor, 200);
    assert_int_equal(aggregate.latest_order_at, 12 * HP_DAY_MS + 1);
    assert_int_equal(aggregate.latest_at, 13 * HP_DAY_MS);
    assert_int_equal(hp_aggregate_find(&aggregate, hp_bytes_text("b"))->orders, 3);
    assert_int_equal(hp_user_item_count(hp_aggregate_find(&aggregate, hp_bytes_text("d"))), 1);
    assert_true(hp_user_item_masked(hp_aggregate_find(&aggregate, hp_bytes_text("c"))));
    /* A later order takes the dislike back. */
    assert_false(hp_user_item_masked(hp_aggregate_find(&aggregate, hp_bytes_text("a"))));
    assert_null(hp_aggregate_find(&aggregate, hp_bytes_text("e")));
}

static void
the_median_is_the_lower_one(void **state)
{
    const struct hp_user_order orders[] = {
        order(1, 1, "a"), order(2, 2, "abc"), order(3, 3, "abcd"), order(4, 4, "ab")};

    (void)state;
    assert_int_equal(aggregate_of(orders, 4, NULL, 0).median_total_minor, 200);
    assert_int_equal(aggregate_of(orders, 3, NULL, 0).median_total_minor, 300);
    assert_int_equal(aggregate_of(orders, 0, NULL, 0).median_total_minor, 0);
}

static void
a_day_counts_once_however_many_orders(void **state)
{
    const struct hp_user_order orders[] = {
        order(1, 5, "a"), order(2, 5, "ab"), order(3, 7, "a"), order(4, 6, "b")};
    struct hp_head head = share_of(orders, 4, hp_bytes_text("a"));
    struct hp_head everybody = share_of(orders, 4, HP_HEAD_EVERYBODY);

    (void)state;
    assert_int_equal(head.users, 1);
    assert_int_equal(head.day_count, 2);
    assert_int_equal(head.days[0].day, 5);
    assert_int_equal(head.days[0].users, 1);
    assert_int_equal(head.days[1].day, 7);
    assert_int_equal(everybody.users, 1);
    assert_int_equal(everybody.day_count, 3);
}

/* The first 8 baskets after the first one with the item, no more. */
static void
repurchase_looks_at_eight_baskets(void **state)
{
    struct hp_user_order orders[12];
    struct hp_head head;

    (void)state;
    for (int i = 0; i < 12; i++)
        orders[i] = order(i, i, i == 1 || i == 4 || i == 9 || i == 10 ? "ax" : "x");
    head = share_of(orders, 12, hp_bytes_text("a"));
    assert_int_equal(head.opportunities, 8); /* baskets 2 to 9 */
    assert_int_equal(head.hits, 2);          /* 4 and 9 */
    head = share_of(orders, 5, hp_bytes_text("a"));
    assert_int_equal(head.opportunities, 3);
    assert_int_equal(head.hits, 1);
    head = share_of(orders, 12, hp_bytes_text("x"));
    assert_int_equal(head.opportunities, 8);
    assert_int_equal(head.hits, 8);
}

/* Whatever one user sends, he speaks for at most 256 items. */
static void
influence_is_bounded_by_a_sample_by_hash(void **state)
{
    struct hp_user_order orders[20];
    struct hp_aggregate aggregate;
    struct hp_shares shares;
    uint64_t greatest_in = 0;
    uint64_t smallest_out = UINT64_MAX;

    (void)state;
    for (int i = 0; i < 20; i++) {
        struct hp_order_line *lines =
            HP_ARENA_ARRAY(&arena, HP_ORDER_LINES_MAX, struct hp_order_line);
        struct hp_order event = {.version = 1,
            .ordered_at = (i + 1) * HP_DAY_MS,
            .lines = lines,
            .line_count = HP_ORDER_LINES_MAX};

        for (int k = 0; k < HP_ORDER_LINES_MAX; k++)
            lines[k] =
                (struct hp_order_line){text("i", (i * 50 + k) % 1000), HP_QUANTITY_MAX, 1};
        orders[i].order_id = text("o", i);
        hp_order_fact_from_event(&event, (struct hp_bytes){0}, &arena, &orders[i].fact);
    }
    aggregate = aggregate_of(orders, 20, NULL, 0);
    hp_shares_build(&aggregate, &arena, &shares);
    assert_int_equal(aggregate.item_count, 1000);
    assert_int_equal(shares.count, HP_SAMPLE_MAX + 1);
    for (size_t i = 0; i < shares.count; i++) {
        const struct hp_head *head = &shares.items[i].head;

        assert_int_equal(head->users, 1);
        assert_in_range(head->opportunities, 0, HP_REPURCHASE_BASKETS);
        assert_in_range(head->hits, 0, head->opportunities);
        for (size_t d = 0; d < head->day_count; d++)
            assert_int_equal(head->days[d].users, 1);
    }
    for (size_t i = 0; i < aggregate.item_count; i++) {
        const struct hp_user_item *item = &aggregate.items[i];
        struct hp_buffer bytes = {0};
        uint64_t hash;

        hp_buffer_append(&bytes, "user", 5); /* the user's id and a zero byte */
        hp_buffer_append(&bytes, item->item_id.data, item->item_id.size);
        hash = hp_hash64(hp_buffer_bytes(&bytes));
        hp_buffer_release(&bytes);
        if (item->sampled && hash > greatest_in)
            greatest_in = hash;
        if (!item->sampled && hash < smallest_out)
            smallest_out = hash;
    }
    assert_true(greatest_in < smallest_out);
}

static struct hp_bytes
head_bytes(const struct hp_head *head)
{
    struct hp_buffer out = {0};
    struct hp_bytes copy;

    hp_head_encode(head, &out);
    copy = hp_arena_copy(&arena, hp_buffer_bytes(&out));
    hp_buffer_release(&out);
    return copy;
}

static void
heads_add_up_and_end_as_nothing(void **state)
{
    const struct hp_head_day days[] = {{5, 1}, {7, 1}};
    const struct hp_head_day gone[] = {{5, -1}, {7, -1}};
    const struct hp_head share = {1, 3, 2, days, 2};
    const struct hp_head minus = {-1, -3, -2, gone, 2};
    struct hp_head head = {0};
    struct hp_head read;

    (void)state;
    for (int i = 0; i < 3; i++)
        assert_int_equal(hp_head_add(&head, &share, &arena, NULL), HP_OK);
    assert_int_equal(head.users, 3);
    assert_int_equal(head.days[1].users, 3);
    assert_int_equal(hp_head_decode(head_bytes(&head), &arena, &read, NULL), HP_OK);
    assert_true(hp_bytes_equal(head_bytes(&read), head_bytes(&head)));
    for (int i = 0; i < 3; i++)
        assert_int_equal(hp_head_add(&head, &minus, &arena, NULL), HP_OK);
    assert_true(hp_head_empty(&head));
    assert_null(head_bytes(&head).data);
    assert_int_equal(hp_head_add(&head, &minus, &arena, NULL), HP_CORRUPT);
    assert_int_equal(hp_head_decode((struct hp_bytes){0}, &arena, &read, NULL), HP_OK);
    assert_true(hp_head_empty(&read));
}

static void
damaged_heads_and_aggregates_are_refused_or_canonical(void **state)
{
    const struct hp_user_order orders[] = {order(2, 12, "ab"), order(1, 10, "bc")};
    struct hp_aggregate aggregate = aggregate_of(orders, 2, NULL, 0);
    const struct hp_head_day days[] = {{5, 1}, {700, 130}};
    const struct hp_head head = {200, 300, 200, days, 2};
    struct hp_buffer bytes = {0};
    struct hp_bytes good[2];

    (void)state;
    hp_aggregate_encode(&aggregate, &bytes);
    good[0] = hp_arena_copy(&arena, hp_buffer_bytes(&bytes));
    good[1] = head_bytes(&head);
    for (int kind = 0; kind < 2; kind++)
        for (size_t i = 0; i < good[kind].size * 8; i++) {
            struct hp_bytes bad = hp_arena_copy(&arena, good[kind]);
            struct hp_aggregate read;
            struct hp_head read_head;
            enum hp_status status;

            ((uint8_t *)bad.data)[i / 8] ^= (uint8_t)(1 << (i % 8));
            hp_buffer_clear(&bytes);
            status = kind == 0 ? hp_aggregate_decode(bad, &arena, &read, NULL)
                               : hp_head_decode(bad, &arena, &read_head, NULL);
            if (status == HP_OK) {
                if (kind == 0)
                    hp_aggregate_encode(&read, &bytes);
                else
                    hp_head_encode(&read_head, &bytes);
                assert_true(hp_bytes_equal(hp_buffer_bytes(&bytes), bad));
            }
        }
    hp_buffer_release(&bytes);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_aggregate_counts_orders_and_positive_reactions, clear),
        cmocka_unit_test_setup(the_median_is_the_lower_one, clear),
        cmocka_unit_test_setup(a_day_counts_once_however_many_orders, clear),
        cmocka_unit_test_setup(repurchase_looks_at_eight_baskets, clear),
        cmocka_unit_test_setup(influence_is_bounded_by_a_sample_by_hash, clear),
        cmocka_unit_test_setup(heads_add_up_and_end_as_nothing, clear),
        cmocka_unit_test_setup(damaged_heads_and_aggregates_are_refused_or_canonical, clear),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    hp_arena_release(&arena);
    return failed;
}
