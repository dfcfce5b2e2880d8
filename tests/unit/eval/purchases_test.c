/* Which orders count, and what baselines make of them. SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "eval/peers.h"
#include "eval/purchases.h"

#include <math.h>

#define DAY 86400000LL

static void
near(double value, double expected)
{
    if (fabs(value - expected) > 1e-9)
        fail_msg("%.12f is not %.12f", value, expected);
}

/* An order of single-letter items. */
static void
add(struct hp_purchases *purchases, const char *user, const char *id, int64_t version,
    enum hp_order_status status, int64_t at_ms, const char *items)
{
    struct hp_order_line lines[16];
    struct hp_order order = {.order_id = hp_bytes_text(id),
        .version = version,
        .user_id = hp_bytes_text(user),
        .ordered_at = at_ms,
        .status = status,
        .lines = lines,
        .line_count = strlen(items)};

    for (size_t i = 0; i < order.line_count; i++)
        lines[i] = (struct hp_order_line){hp_bytes(items + i, 1), 1, 100};
    hp_purchases_add_order(purchases, &order);
}

/* An evaluation that predicts cancelled orders would measure something else. */
static void
only_the_winning_version_counts_and_only_when_placed(void **state)
{
    struct hp_purchases purchases = {0};

    (void)state;
    add(&purchases, "u", "1", 1, HP_ORDER_PLACED, 20, "cb");
    add(&purchases, "u", "2", 1, HP_ORDER_PLACED, 10, "a");
    add(&purchases, "u", "2", 2, HP_ORDER_CANCELLED, 10, "a");
    add(&purchases, "v", "1", 2, HP_ORDER_PLACED, 30, "bab");
    add(&purchases, "v", "1", 1, HP_ORDER_PLACED, 30, "c"); /* late, and older */
    add(&purchases, "v", "2", 1, HP_ORDER_PLACED, 31, "");
    hp_purchases_seal(&purchases);
    assert_int_equal(purchases.order_count, 2);
    assert_int_equal(purchases.items.count, 3);
    assert_int_equal(purchases.orders[0].at_ms, 20);
    assert_int_equal(purchases.orders[0].line_count, 2);
    assert_int_equal(hp_purchase_items(&purchases, &purchases.orders[0]).items[0], 1); /* b */
    assert_int_equal(hp_purchase_items(&purchases, &purchases.orders[0]).items[1], 2); /* c */
    assert_int_equal(purchases.orders[1].line_count, 2); /* b is one item */
    hp_purchases_release(&purchases);
}

static void
what_an_erasure_voids_was_never_there(void **state)
{
    struct hp_purchases purchases = {0};

    (void)state;
    hp_purchases_erase(&purchases, hp_bytes_text("u"), 15);
    add(&purchases, "u", "1", 1, HP_ORDER_PLACED, 15, "a");
    add(&purchases, "u", "2", 1, HP_ORDER_PLACED, 16, "a");
    add(&purchases, "v", "3", 1, HP_ORDER_PLACED, 15, "a");
    hp_purchases_seal(&purchases);
    assert_int_equal(purchases.order_count, 2);
    assert_int_equal(purchases.orders[0].at_ms, 15);
    assert_int_equal(purchases.orders[1].at_ms, 16);
    hp_purchases_release(&purchases);
}

/* Two users take turns, so that lines of one day are not beside each other as they come. */
static void
choices_of_a_day_are_one_order(void **state)
{
    struct hp_purchases purchases = {0};
    struct hp_bytes u = hp_bytes_text("u"), v = hp_bytes_text("v");

    (void)state;
    hp_purchases_add_choice(&purchases, u, DAY + 5, hp_bytes_text("c"));
    hp_purchases_add_choice(&purchases, v, DAY + 6, hp_bytes_text("a"));
    hp_purchases_add_choice(&purchases, u, DAY + 7, hp_bytes_text("a"));
    hp_purchases_add_choice(&purchases, v, DAY + 8, hp_bytes_text("b"));
    hp_purchases_add_choice(&purchases, u, 2 * DAY, hp_bytes_text("b"));
    hp_purchases_seal(&purchases);
    assert_int_equal(purchases.order_count, 3);
    assert_int_equal(purchases.orders[0].at_ms, DAY + 5);
    assert_int_equal(purchases.orders[0].line_count, 2);
    assert_memory_equal(hp_purchase_items(&purchases, &purchases.orders[0]).items,
        ((uint32_t[]){0, 2}), 2 * sizeof(uint32_t));
    assert_memory_equal(hp_purchase_items(&purchases, &purchases.orders[1]).items,
        ((uint32_t[]){0, 1}), 2 * sizeof(uint32_t));
    assert_int_equal(purchases.orders[2].line_count, 1);
    hp_purchases_release(&purchases);
}

static struct hp_item_set
set(const uint32_t *items, size_t count)
{
    return (struct hp_item_set){items, count};
}

/* Users 0 {0,1}, 1 {0,1}, 2 {0,2}; user 2 bought 0 twice, the second time 20 days later. */
static struct hp_peers *
small_shop(void)
{
    struct hp_peers *peers = hp_peers_new(3, 4);

    hp_peers_learn(peers, 0, 0, set((uint32_t[]){0, 1}, 2));
    hp_peers_learn(peers, 1, 0, set((uint32_t[]){0, 1}, 2));
    hp_peers_learn(peers, 2, 0, set((uint32_t[]){2}, 1));
    hp_peers_learn(peers, 2, 0, set((uint32_t[]){0}, 1));
    hp_peers_learn(peers, 2, 20 * DAY, set((uint32_t[]){0}, 1));
    hp_peers_solve(peers);
    return peers;
}

static void
popularity_counts_users_and_the_decayed_one_orders(void **state)
{
    struct hp_peers *peers = small_shop();
    double scores[4];

    (void)state;
    hp_peers_score(peers, HP_PEER_POPULARITY, 0, 20 * DAY, scores);
    near(scores[0], 3);
    near(scores[1], 2);
    near(scores[3], 0);
    hp_peers_score(peers, HP_PEER_DECAYED, 0, 20 * DAY, scores);
    near(scores[0] / scores[1], (3 + 2) / 2.0); /* an order of 20 days later weighs twice */
    hp_peers_free(peers);
}

static void
frequency_breaks_ties_by_decayed_popularity(void **state)
{
    struct hp_peers *peers = small_shop();
    double scores[4];

    (void)state;
    hp_peers_score(peers, HP_PEER_FREQUENCY, 2, 20 * DAY, scores);
    near(floor(scores[0]), 2);
    near(floor(scores[2]), 1);
    assert_true(scores[1] > scores[3]);
    assert_true(scores[1] < 1);
    hp_peers_free(peers);
}

/* cos(0, 1) = 2 / sqrt(3 * 2), cos(0, 2) = 1 / sqrt(3); the profile halves in 120 days. */
static void
cosine_adds_up_what_the_user_had(void **state)
{
    struct hp_peers *peers = small_shop();
    double scores[4];

    (void)state;
    hp_peers_score(peers, HP_PEER_COSINE, 0, 120 * DAY, scores);
    near(scores[0], 0.5 * 2 / sqrt(6));
    near(scores[1], 0.5 * 2 / sqrt(6));
    near(scores[2], 0.5 * 1 / sqrt(3));
    near(scores[3], 0);
    hp_peers_complete(peers, set((uint32_t[]){1}, 1), scores);
    near(scores[0], 2 / sqrt(6));
    near(scores[1], 0);
    hp_peers_free(peers);
}

static void
what_a_user_had_is_sorted_whatever_the_order(void **state)
{
    struct hp_peers *peers = hp_peers_new(1, 10);

    (void)state;
    assert_int_equal(hp_peers_had(peers, 0).count, 0);
    hp_peers_learn(peers, 0, 0, set((uint32_t[]){4, 7}, 2));
    hp_peers_learn(peers, 0, 1, set((uint32_t[]){0, 4, 5, 9}, 4));
    assert_int_equal(hp_peers_had(peers, 0).count, 5);
    assert_memory_equal(
        hp_peers_had(peers, 0).items, ((uint32_t[]){0, 4, 5, 7, 9}), 5 * sizeof(uint32_t));
    assert_int_equal(hp_peers_buyers(peers, 4), 1);
    assert_int_equal(hp_peers_users(peers), 1);
    hp_peers_free(peers);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_the_winning_version_counts_and_only_when_placed),
        cmocka_unit_test(what_an_erasure_voids_was_never_there),
        cmocka_unit_test(choices_of_a_day_are_one_order),
        cmocka_unit_test(popularity_counts_users_and_the_decayed_one_orders),
        cmocka_unit_test(frequency_breaks_ties_by_decayed_popularity),
        cmocka_unit_test(cosine_adds_up_what_the_user_had),
        cmocka_unit_test(what_a_user_had_is_sorted_whatever_the_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
