/*
 * The contract's limits, from both sides: what just keeps them passes, what just breaks them is
 * refused with the field's name and a code a producer can act on.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "domain/event.h"
#include "domain/limits.h"
#include "domain/reasons.h"

#include <math.h>

#define NOW 1772353800000LL

static char long_text[HP_TEXT_BYTES_MAX + 2];
static struct hp_error error;

static int
set_up(void **state)
{
    (void)state;
    memset(long_text, 'x', sizeof(long_text) - 1);
    return 0;
}

static struct hp_bytes
of_size(size_t size)
{
    return hp_bytes(long_text, size);
}

static struct hp_bytes
text(const char *characters)
{
    return hp_bytes_text(characters);
}

static struct hp_order
good_order(void)
{
    static const struct hp_order_line lines[] = {
        {{(const uint8_t *)"tea", 3}, 1, 100}, {{(const uint8_t *)"nuts", 4}, 10000, 0}};

    return (struct hp_order){.order_id = text("o"),
        .version = 1,
        .user_id = text("u"),
        .ordered_at = NOW,
        .lines = lines,
        .line_count = 2};
}

static struct hp_feedback
good_feedback(void)
{
    return (struct hp_feedback){.feedback_id = text("f"),
        .user_id = text("u"),
        .at = NOW,
        .kind = HP_FEEDBACK_LIKED,
        .item_id = text("tea")};
}

static struct hp_preferences
good_preferences(void)
{
    return (struct hp_preferences){.user_id = text("u"), .version = 1, .updated_at = NOW};
}

static struct hp_box_request
good_request(void)
{
    return (struct hp_box_request){
        .request_id = text("q"), .user_id = text("u"), .requested_at = NOW};
}

static struct hp_catalogue_item
good_item(void)
{
    return (struct hp_catalogue_item){.item_id = text("tea"),
        .version = 1,
        .updated_at = NOW,
        .name = text("Tea"),
        .category = text("tea"),
        .price_minor = 100,
        .currency = text("INR"),
        .max_per_box = 1};
}

static void
refused(enum hp_status status, const char *code, const char *field)
{
    assert_int_equal(status, HP_BAD_RECORD);
    assert_string_equal(error.code, code);
    if (!strstr(error.text, field))
        fail_msg("%s is not named in: %s", field, error.text);
}

static void
ids_are_1_to_128_bytes_without_control_characters(void **state)
{
    (void)state;
    assert_true(hp_id_valid(of_size(1)));
    assert_true(hp_id_valid(of_size(128)));
    assert_false(hp_id_valid(of_size(129)));
    assert_false(hp_id_valid(of_size(0)));
    assert_false(hp_id_valid((struct hp_bytes){0}));
    assert_true(hp_id_valid(text("काजू कतली\xC2\xA0!~")));
    assert_false(hp_id_valid(text("a\tb")));
    assert_false(hp_id_valid(text("a\x7F")));
    assert_false(hp_id_valid(text("a\xC2\x85"))); /* U+0085 */
    assert_false(hp_id_valid(text("a\xC2")));
    assert_false(hp_id_valid(text("\xED\xA0\x80")));
    assert_false(hp_id_valid(hp_bytes("a\0b", 3)));
}

static void
good_records_pass(void **state)
{
    struct hp_order order = good_order();
    struct hp_feedback feedback = good_feedback();
    struct hp_preferences preferences = good_preferences();
    struct hp_box_request request = good_request();
    struct hp_catalogue_item item = good_item();

    (void)state;
    assert_int_equal(hp_order_check(&order, NOW, &error), HP_OK);
    assert_int_equal(hp_feedback_check(&feedback, NOW, &error), HP_OK);
    assert_int_equal(hp_preferences_check(&preferences, NOW, &error), HP_OK);
    assert_int_equal(hp_box_request_check(&request, NOW, &error), HP_OK);
    assert_int_equal(hp_catalogue_item_check(&item, NOW, &error), HP_OK);
    order.line_count = 0; /* an order of nothing contributes nothing */
    assert_int_equal(hp_order_check(&order, NOW, &error), HP_OK);
    item.stock = (struct hp_maybe){true, -3}; /* oversold is out of stock */
    assert_int_equal(hp_catalogue_item_check(&item, NOW, &error), HP_OK);
}

static void
event_time_is_after_1970_and_at_most_an_hour_ahead(void **state)
{
    struct hp_order order = good_order();

    (void)state;
    order.ordered_at = NOW + HP_FUTURE_MS_MAX;
    assert_int_equal(hp_order_check(&order, NOW, &error), HP_OK);
    order.ordered_at++;
    refused(hp_order_check(&order, NOW, &error), HP_CODE_BAD_TIME, "ordered_at");
    order.ordered_at = 0;
    refused(hp_order_check(&order, NOW, &error), HP_CODE_BAD_TIME, "ordered_at");
    order.ordered_at = 1;
    assert_int_equal(hp_order_check(&order, NOW, &error), HP_OK);
    order.ordered_at = HP_TIME_MS_MAX;
    assert_int_equal(hp_order_check(&order, INT64_MAX, &error), HP_OK);
    order.ordered_at++;
    refused(hp_order_check(&order, INT64_MAX, &error), HP_CODE_BAD_TIME, "ordered_at");
}

/* Whoever asks to be forgotten is, whatever their clock says. */
static void
erasure_is_never_refused_for_its_time(void **state)
{
    static const int64_t times[] = {
        INT64_MIN, -1, 0, 1, NOW + 10 * HP_FUTURE_MS_MAX, INT64_MAX};
    struct hp_erasure erasure = {.erasure_id = text("e"), .user_id = text("u")};

    (void)state;
    for (size_t i = 0; i < HP_ARRAY_SIZE(times); i++) {
        erasure.requested_at = times[i];
        assert_int_equal(hp_erasure_check(&erasure, NOW, &error), HP_OK);
    }
    erasure.user_id = of_size(129);
    refused(hp_erasure_check(&erasure, NOW, &error), HP_CODE_BAD_ID, "user_id");
    erasure.user_id = text("u");
    erasure.recipient_id = text("");
    refused(hp_erasure_check(&erasure, NOW, &error), HP_CODE_BAD_ID, "recipient_id");
}

static void
order_of_unknown_status_is_refused(void **state)
{
    struct hp_order order = good_order();

    (void)state;
    order.status = HP_ORDER_UNKNOWN;
    refused(hp_order_check(&order, NOW, &error), HP_CODE_UNKNOWN_STATUS, "status");
    order.status = HP_ORDER_RETURNED;
    assert_int_equal(hp_order_check(&order, NOW, &error), HP_OK);
}

static void
lines_of_one_item_share_a_limit(void **state)
{
    struct hp_order order = good_order();
    struct hp_order_line lines[] = {
        {text("tea"), 6000, 1}, {text("nuts"), 9000, 1}, {text("tea"), 4000, 1}};

    (void)state;
    order.lines = lines;
    order.line_count = 3;
    assert_int_equal(hp_order_check(&order, NOW, &error), HP_OK);
    lines[2].quantity = 4001;
    refused(hp_order_check(&order, NOW, &error), HP_CODE_LIMIT, "all lines of the item");
}

static void
order_lines_keep_their_limits(void **state)
{
    struct hp_order order = good_order();
    struct hp_order_line line = {text("tea"), 0, 1};

    (void)state;
    order.lines = &line;
    order.line_count = 1;
    refused(hp_order_check(&order, NOW, &error), HP_CODE_LIMIT, "lines.quantity");
    line.quantity = 10001;
    refused(hp_order_check(&order, NOW, &error), HP_CODE_LIMIT, "lines.quantity");
    line.quantity = 1;
    line.unit_price_minor = HP_MONEY_MAX + 1;
    refused(hp_order_check(&order, NOW, &error), HP_CODE_LIMIT, "lines.unit_price_minor");
    line.unit_price_minor = -1;
    refused(hp_order_check(&order, NOW, &error), HP_CODE_LIMIT, "lines.unit_price_minor");
    line.unit_price_minor = 0;
    line.item_id = text("");
    refused(hp_order_check(&order, NOW, &error), HP_CODE_BAD_ID, "lines.item_id");
    order.line_count = HP_ORDER_LINES_MAX + 1;
    refused(hp_order_check(&order, NOW, &error), HP_CODE_LIMIT, "lines");
}

static void
feedback_says_what_it_is_about(void **state)
{
    static const enum hp_feedback_kind about_items[] = {
        HP_FEEDBACK_LIKED, HP_FEEDBACK_DISLIKED, HP_FEEDBACK_ADDED, HP_FEEDBACK_REMOVED};
    struct hp_feedback feedback = good_feedback();

    (void)state;
    for (size_t i = 0; i < HP_ARRAY_SIZE(about_items); i++) {
        feedback.kind = about_items[i];
        feedback.item_id = feedback.box_id = (struct hp_bytes){0};
        refused(hp_feedback_check(&feedback, NOW, &error), HP_CODE_INCOMPLETE, "kind");
        feedback.box_id = text("b");
        assert_int_equal(hp_feedback_check(&feedback, NOW, &error), HP_OK);
    }
    feedback.kind = HP_FEEDBACK_OTHER;
    feedback.box_id = (struct hp_bytes){0};
    assert_int_equal(hp_feedback_check(&feedback, NOW, &error), HP_OK);
}

static void
rating_needs_an_item_and_1_to_5(void **state)
{
    static const double bad[] = {0.99, 5.01, -3, 1e300};
    struct hp_feedback feedback = good_feedback();

    (void)state;
    feedback.kind = HP_FEEDBACK_RATED;
    refused(hp_feedback_check(&feedback, NOW, &error), HP_CODE_INCOMPLETE, "rating");
    feedback.rated = true;
    for (int stars = 1; stars <= 5; stars++) {
        feedback.rating = stars;
        assert_int_equal(hp_feedback_check(&feedback, NOW, &error), HP_OK);
    }
    for (size_t i = 0; i < HP_ARRAY_SIZE(bad); i++) {
        feedback.rating = bad[i];
        refused(hp_feedback_check(&feedback, NOW, &error), HP_CODE_LIMIT, "rating");
    }
    feedback.rating = NAN;
    refused(hp_feedback_check(&feedback, NOW, &error), HP_CODE_NOT_A_NUMBER, "rating");
    feedback.rating = 4;
    feedback.item_id = (struct hp_bytes){0};
    feedback.box_id = text("b");
    refused(hp_feedback_check(&feedback, NOW, &error), HP_CODE_INCOMPLETE, "item_id");
}

static void
preferences_do_not_contradict_themselves(void **state)
{
    struct hp_preferences preferences = good_preferences();
    struct hp_mix mix = {text("tea"), 3, {true, 2}};
    struct hp_mix lines[] = {{text("tea"), 3, {false, 0}}, {text("nuts"), 0, {true, 2}},
        {text("tea"), 0, {true, 2}}};

    (void)state;
    preferences.budget_min_minor = (struct hp_maybe){true, 200};
    preferences.budget_max_minor = (struct hp_maybe){true, 199};
    refused(hp_preferences_check(&preferences, NOW, &error), HP_CODE_CONTRADICTION,
        "budget_min_minor");
    preferences.budget_max_minor.value = 200;
    assert_int_equal(hp_preferences_check(&preferences, NOW, &error), HP_OK);
    preferences.items_min = (struct hp_maybe){true, 5};
    preferences.items_max = (struct hp_maybe){true, 4};
    refused(
        hp_preferences_check(&preferences, NOW, &error), HP_CODE_CONTRADICTION, "items_min");
    preferences.items_max.value = 5;
    preferences.category_mix = (struct hp_mixes){&mix, 1};
    refused(
        hp_preferences_check(&preferences, NOW, &error), HP_CODE_CONTRADICTION, "category_mix");
    preferences.category_mix = (struct hp_mixes){lines, 3};
    refused(
        hp_preferences_check(&preferences, NOW, &error), HP_CODE_CONTRADICTION, "category_mix");
    lines[2].max.value = 3;
    assert_int_equal(hp_preferences_check(&preferences, NOW, &error), HP_OK);
}

/* Whichever line comes last, none is forgotten. */
static void
lines_of_a_category_bind_together(void **state)
{
    struct hp_mix lines[] = {{text("tea"), 2, {true, 9}}, {text("tea"), 4, {false, 0}},
        {text("nuts"), 7, {true, 7}}, {text("tea"), 0, {true, 5}}, {text("tea"), 1, {true, 6}}};
    struct hp_mix tea = hp_mixes_bounds((struct hp_mixes){lines, 5}, text("tea"));
    struct hp_mix none = hp_mixes_bounds((struct hp_mixes){lines, 5}, text("spice"));

    (void)state;
    assert_int_equal(tea.min, 4);
    assert_true(tea.max.present);
    assert_int_equal(tea.max.value, 5);
    assert_int_equal(none.min, 0);
    assert_false(none.max.present);
}

static void
preferences_keep_their_limits(void **state)
{
    struct hp_preferences preferences = good_preferences();
    struct hp_bytes too_long = of_size(HP_TEXT_BYTES_MAX + 1);
    struct hp_bytes odd_id = text("a\n");

    (void)state;
    preferences.boxes = (struct hp_maybe){true, 9};
    refused(hp_preferences_check(&preferences, NOW, &error), HP_CODE_LIMIT, "boxes");
    preferences.boxes.value = 8;
    preferences.items_max = (struct hp_maybe){true, HP_BOX_UNITS_MAX + 1};
    refused(hp_preferences_check(&preferences, NOW, &error), HP_CODE_LIMIT, "items_max");
    preferences.items_max.value = HP_BOX_UNITS_MAX;
    preferences.liked_tags = (struct hp_strings){&too_long, 1};
    refused(hp_preferences_check(&preferences, NOW, &error), HP_CODE_LIMIT, "liked_tags");
    preferences.liked_tags.count = 0;
    preferences.disliked_items = (struct hp_strings){&odd_id, 1};
    refused(hp_preferences_check(&preferences, NOW, &error), HP_CODE_BAD_ID, "disliked_items");
    preferences.disliked_items.count = HP_LIST_MAX + 1;
    refused(hp_preferences_check(&preferences, NOW, &error), HP_CODE_LIMIT, "disliked_items");
}

/* The shopper is waiting: a budget that cannot be met is answered with advice, not silence. */
static void
request_with_a_contradictory_budget_passes(void **state)
{
    struct hp_box_request request = good_request();

    (void)state;
    request.budget_min_minor = (struct hp_maybe){true, 500};
    request.budget_max_minor = (struct hp_maybe){true, 100};
    assert_int_equal(hp_box_request_check(&request, NOW, &error), HP_OK);
    request.budget_max_minor.value = -1;
    refused(hp_box_request_check(&request, NOW, &error), HP_CODE_LIMIT, "budget_max_minor");
    request.budget_max_minor.value = 100;
    request.boxes = (struct hp_maybe){true, 0};
    refused(hp_box_request_check(&request, NOW, &error), HP_CODE_LIMIT, "boxes");
}

static void
catalogue_item_keeps_its_limits(void **state)
{
    struct hp_catalogue_item item = good_item();

    (void)state;
    item.name = of_size(HP_NAME_BYTES_MAX + 1);
    refused(hp_catalogue_item_check(&item, NOW, &error), HP_CODE_LIMIT, "name");
    item.name = text("");
    refused(hp_catalogue_item_check(&item, NOW, &error), HP_CODE_INCOMPLETE, "name");
    item.name = of_size(HP_NAME_BYTES_MAX);
    item.category = of_size(HP_CATEGORY_BYTES_MAX + 1);
    refused(hp_catalogue_item_check(&item, NOW, &error), HP_CODE_LIMIT, "category");
    item.category = of_size(HP_CATEGORY_BYTES_MAX);
    item.price_minor = HP_MONEY_MAX + 1;
    refused(hp_catalogue_item_check(&item, NOW, &error), HP_CODE_LIMIT, "price_minor");
    item.price_minor = HP_MONEY_MAX;
    item.max_per_box = 0;
    refused(hp_catalogue_item_check(&item, NOW, &error), HP_CODE_LIMIT, "max_per_box");
    item.max_per_box = 10000;
    item.weight_g = (struct hp_maybe){true, -1};
    refused(hp_catalogue_item_check(&item, NOW, &error), HP_CODE_LIMIT, "weight_g");
    item.weight_g.present = false;
    item.family = of_size(129);
    refused(hp_catalogue_item_check(&item, NOW, &error), HP_CODE_BAD_ID, "family");
}

static void
every_code_has_one_meaning(void **state)
{
    (void)state;
    for (size_t i = 0; i < hp_code_count; i++) {
        assert_true(strlen(hp_codes[i].meaning) > 20);
        assert_ptr_equal(hp_code_find(hp_codes[i].code), hp_codes[i].code);
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(hp_codes[i].code, hp_codes[j].code);
    }
    assert_null(hp_code_find("NO_SUCH_CODE"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_are_1_to_128_bytes_without_control_characters),
        cmocka_unit_test(good_records_pass),
        cmocka_unit_test(event_time_is_after_1970_and_at_most_an_hour_ahead),
        cmocka_unit_test(erasure_is_never_refused_for_its_time),
        cmocka_unit_test(order_of_unknown_status_is_refused),
        cmocka_unit_test(lines_of_one_item_share_a_limit),
        cmocka_unit_test(order_lines_keep_their_limits),
        cmocka_unit_test(feedback_says_what_it_is_about),
        cmocka_unit_test(rating_needs_an_item_and_1_to_5),
        cmocka_unit_test(preferences_do_not_contradict_themselves),
        cmocka_unit_test(lines_of_a_category_bind_together),
        cmocka_unit_test(preferences_keep_their_limits),
        cmocka_unit_test(request_with_a_contradictory_budget_passes),
        cmocka_unit_test(catalogue_item_keeps_its_limits),
        cmocka_unit_test(every_code_has_one_meaning),
    };

    return cmocka_run_group_tests(tests, set_up, NULL);
}
