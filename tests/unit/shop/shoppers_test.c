/*
 * shop/shoppers.h: made-up people behave, and the same way every time.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/hash.h"
#include "domain/item.h"
#include "domain/limits.h"
#include "shop/shoppers.h"

#define EVENTS 5000

static struct hp_shop *
new_shop(uint64_t seed)
{
    const struct hp_shop_settings settings = {.seed = seed,
        .shoppers = 200,
        .start_ms = 1700000000000,
        .gap_ms = 60000,
        .catalogue_permille = 10};

    return hp_shop_new(&settings);
}

/* What tells two events apart, as text. */
static void
describe(const struct hp_shop_event *event, struct hp_buffer *out)
{
    hp_buffer_printf(out, "%d %lld %.*s ", (int)event->type, (long long)event->at,
        HP_BYTES_FORMAT(event->key));
    if (event->type == HP_SHOP_ORDER)
        for (size_t i = 0; i < event->order.line_count; i++)
            hp_buffer_printf(out, "%.*s x%d, ", HP_BYTES_FORMAT(event->order.lines[i].item_id),
                event->order.lines[i].quantity);
    if (event->type == HP_SHOP_FEEDBACK)
        hp_buffer_printf(out, "%d %.*s", (int)event->feedback.kind,
            HP_BYTES_FORMAT(event->feedback.item_id));
}

static uint64_t
hash_of_run(uint64_t seed)
{
    struct hp_shop *shop = new_shop(seed);
    struct hp_arena arena = {0};
    struct hp_buffer text = {0};
    uint64_t hash;

    for (int i = 0; i < EVENTS; i++) {
        struct hp_shop_event event;

        hp_shop_next_event(shop, &arena, &event);
        describe(&event, &text);
        hp_arena_clear(&arena);
    }
    hash = hp_hash64(hp_buffer_bytes(&text));
    hp_buffer_release(&text);
    hp_arena_release(&arena);
    hp_shop_free(shop);
    return hash;
}

/* The demo's text and the simulator's failures are reproduced by their seed. */
static void
a_seed_is_a_story(void **state)
{
    (void)state;
    assert_true(hash_of_run(1) == hash_of_run(1));
    assert_true(hash_of_run(1) != hash_of_run(2));
}

static void
personas_introduce_themselves_first(void **state)
{
    struct hp_shop *shop = new_shop(7);
    struct hp_arena arena = {0};

    (void)state;
    for (size_t i = 0; i < hp_persona_count(); i++) {
        struct hp_shop_event event;

        hp_shop_next_event(shop, &arena, &event);
        assert_int_equal(HP_SHOP_PREFERENCES, event.type);
        assert_true(hp_bytes_is(event.preferences.user_id, hp_persona(i)->user_id));
    }
    hp_arena_release(&arena);
    hp_shop_free(shop);
}

static void
check_order(const struct hp_shop *shop, const struct hp_order *order)
{
    int64_t total = 0;

    assert_in_range(order->line_count, 0, HP_ORDER_LINES_MAX);
    assert_true(order->line_count > 0 || order->version > 1);
    for (size_t i = 0; i < order->line_count; i++) {
        assert_non_null(hp_shop_catalogue_find(hp_shop_shelf(shop), order->lines[i].item_id));
        assert_in_range(order->lines[i].quantity, 1, 99);
        total += order->lines[i].quantity * order->lines[i].unit_price_minor;
        for (size_t other = 0; other < i; other++)
            assert_false(hp_bytes_equal(order->lines[i].item_id, order->lines[other].item_id));
    }
    assert_in_range(total, 0, HP_MONEY_MAX);
}

static enum hp_status
check_contract(const struct hp_shop_event *event, struct hp_error *error)
{
    switch (event->type) {
    case HP_SHOP_ORDER: return hp_order_check(&event->order, event->at, error);
    case HP_SHOP_FEEDBACK: return hp_feedback_check(&event->feedback, event->at, error);
    case HP_SHOP_PREFERENCES:
        return hp_preferences_check(&event->preferences, event->at, error);
    case HP_SHOP_REQUEST: return hp_box_request_check(&event->request, event->at, error);
    case HP_SHOP_CATALOGUE: return hp_catalogue_item_check(&event->item, event->at, error);
    }
    return HP_FATAL;
}

/* A demo that fills the dead letters would teach the wrong thing. */
static void
every_event_and_item_keeps_the_contract(void **state)
{
    struct hp_shop *shop = new_shop(21);
    struct hp_arena arena = {0};
    struct hp_error error = {0};

    (void)state;
    for (size_t i = 0; i < hp_shop_shelf(shop)->count; i++)
        assert_int_equal(HP_OK,
            hp_catalogue_item_check(&hp_shop_shelf(shop)->items[i], hp_shop_now(shop), &error));
    for (int i = 0; i < EVENTS; i++) {
        struct hp_shop_event event;

        hp_shop_next_event(shop, &arena, &event);
        if (check_contract(&event, &error))
            fail_msg("event %d: %s %s", i, error.code, error.text);
        hp_arena_clear(&arena);
    }
    hp_arena_release(&arena);
    hp_shop_free(shop);
}

static void
events_are_complete_and_times_rise(void **state)
{
    struct hp_shop *shop = new_shop(3);
    struct hp_arena arena = {0};
    int64_t before = hp_shop_now(shop);
    int seen[HP_SHOP_CATALOGUE + 1] = {0}, cancelled = 0, gifts = 0;

    (void)state;
    for (int i = 0; i < EVENTS; i++) {
        struct hp_shop_event event;

        hp_shop_next_event(shop, &arena, &event);
        assert_true(event.at > before);
        assert_true(event.key.size > 0);
        before = event.at;
        seen[event.type]++;
        if (event.type == HP_SHOP_ORDER) {
            check_order(shop, &event.order);
            assert_true(hp_bytes_equal(event.key, event.order.user_id));
            cancelled += event.order.status == HP_ORDER_CANCELLED;
            gifts += event.order.recipient_id.data != NULL;
        }
        hp_arena_clear(&arena);
    }
    for (size_t type = 0; type < HP_ARRAY_SIZE(seen); type++)
        assert_true(seen[type] > 0);
    assert_true(seen[HP_SHOP_ORDER] > EVENTS / 2);
    assert_true(cancelled > 0);
    assert_true(gifts > 0);
    hp_arena_release(&arena);
    hp_shop_free(shop);
}

/* A shopper who ordered their own allergen would make a lie of every allergy in the demo. */
static void
nobody_orders_what_they_avoid(void **state)
{
    struct hp_vocabulary *vocabulary = hp_vocabulary_new();
    int peanut = hp_vocabulary_allergen(vocabulary, hp_bytes_text("peanut"));
    struct hp_shop *shop = new_shop(11);
    struct hp_arena arena = {0};
    int orders = 0;

    (void)state;
    for (int i = 0; i < 4 * EVENTS; i++) {
        struct hp_shop_event event;

        hp_shop_next_event(shop, &arena, &event);
        if (event.type == HP_SHOP_ORDER && hp_bytes_is(event.key, "asha")) {
            orders++;
            for (size_t n = 0; n < event.order.line_count; n++) {
                struct hp_allergens allergens = hp_vocabulary_allergens(vocabulary,
                    hp_shop_catalogue_find(hp_shop_shelf(shop), event.order.lines[n].item_id));

                assert_true(allergens.known);
                assert_int_equal(0, allergens.mask >> peanut & 1);
            }
        }
        hp_arena_clear(&arena);
    }
    assert_true(orders > 20);
    hp_arena_release(&arena);
    hp_shop_free(shop);
    hp_vocabulary_free(vocabulary);
}

/* Without repeats there would be nothing for the personal rate to learn. */
static void
favourites_are_bought_again(void **state)
{
    struct hp_shop *shop = new_shop(5);
    struct hp_arena arena = {0};
    int counts[512] = {0}, most = 0, lines = 0;

    (void)state;
    for (int i = 0; i < 4 * EVENTS; i++) {
        struct hp_shop_event event;

        hp_shop_next_event(shop, &arena, &event);
        if (event.type != HP_SHOP_ORDER || !hp_bytes_is(event.key, "rohan"))
            continue;
        for (size_t n = 0; n < event.order.line_count; n++) {
            const struct hp_catalogue_item *item =
                hp_shop_catalogue_find(hp_shop_shelf(shop), event.order.lines[n].item_id);
            int *count = &counts[item - hp_shop_shelf(shop)->items];

            lines++;
            if (++*count > most)
                most = *count;
        }
    }
    assert_true(lines > 100);
    assert_true(most * 20 > lines);
    hp_arena_release(&arena);
    hp_shop_free(shop);
}

static struct hp_recommendation
two_boxes(const char *user, struct hp_box boxes[2], const struct hp_box_item *items)
{
    boxes[0] = (struct hp_box){
        .box_id = hp_bytes_text("b-one"), .slot = 1, .items = items, .item_count = 1};
    boxes[1] = (struct hp_box){
        .box_id = hp_bytes_text("b-two"), .slot = 2, .items = items + 1, .item_count = 1};
    return (struct hp_recommendation){
        .user_id = hp_bytes_text(user), .boxes = boxes, .box_count = 2};
}

static void
shown_boxes_are_reacted_to(void **state)
{
    const struct hp_box_item items[2] = {
        {.item_id = hp_bytes_text("kaju-katli-250g"), .quantity = 1},
        {.item_id = hp_bytes_text("tea-assam-250g"), .quantity = 1}};
    struct hp_shop *shop = new_shop(9);
    struct hp_arena arena = {0};
    struct hp_shop_event event;
    struct hp_box boxes[2];
    struct hp_recommendation recommendation = two_boxes("rohan", boxes, items);
    int accepted = 0, ordered = 0;

    (void)state;
    for (size_t i = 0; i < hp_persona_count(); i++)
        hp_shop_next_event(shop, &arena, &event);
    for (int round = 0; round < 60; round++) {
        hp_shop_show(shop, &recommendation);
        for (int box = 0; box < 2; box++) {
            hp_shop_next_event(shop, &arena, &event);
            assert_int_equal(HP_SHOP_FEEDBACK, event.type);
            assert_int_equal(HP_FEEDBACK_SHOWN, event.feedback.kind);
            assert_true(hp_bytes_equal(boxes[box].box_id, event.feedback.box_id));
        }
        for (int i = 0; i < 3; i++) {
            hp_shop_next_event(shop, &arena, &event);
            accepted +=
                event.type == HP_SHOP_FEEDBACK && event.feedback.kind == HP_FEEDBACK_ACCEPTED;
            ordered += event.type == HP_SHOP_ORDER && event.order.box_id.size > 0;
        }
    }
    assert_true(accepted > 0);
    assert_int_equal(accepted, ordered);
    hp_arena_release(&arena);
    hp_shop_free(shop);
}

static void
strangers_and_floods_are_passed_over(void **state)
{
    static const char *const strangers[] = {
        "", "nobody", "asha-00000", "maya-99999999999999", "maya-", "-", "aarav-00200", "12"};
    const struct hp_box_item items[2] = {{.item_id = hp_bytes_text("x")}, {.quantity = 1}};
    struct hp_shop *shop = new_shop(9);
    struct hp_box boxes[2];
    struct hp_arena arena = {0};
    struct hp_shop_event event;
    struct hp_recommendation recommendation;

    (void)state;
    for (size_t i = 0; i < HP_ARRAY_SIZE(strangers); i++) {
        recommendation = two_boxes(strangers[i], boxes, items);
        hp_shop_show(shop, &recommendation);
    }
    for (size_t i = 0; i <= hp_persona_count(); i++)
        hp_shop_next_event(shop, &arena, &event);
    assert_true(event.type != HP_SHOP_FEEDBACK || event.feedback.box_id.data == NULL);
    recommendation = two_boxes("asha", boxes, items);
    for (int i = 0; i < 2000; i++)
        hp_shop_show(shop, &recommendation);
    boxes[1].box_id = hp_bytes(NULL, 0);
    hp_shop_show(shop, &recommendation);
    for (int i = 0; i < 2000; i++)
        hp_shop_next_event(shop, &arena, &event);
    hp_arena_release(&arena);
    hp_shop_free(shop);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_seed_is_a_story),
        cmocka_unit_test(personas_introduce_themselves_first),
        cmocka_unit_test(every_event_and_item_keeps_the_contract),
        cmocka_unit_test(events_are_complete_and_times_rise),
        cmocka_unit_test(nobody_orders_what_they_avoid),
        cmocka_unit_test(favourites_are_bought_again),
        cmocka_unit_test(shown_boxes_are_reacted_to),
        cmocka_unit_test(strangers_and_floods_are_passed_over),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
