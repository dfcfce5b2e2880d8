/*
 * tests/unit/flow/scenario_requests_test.c - who asks is answered once, with boxes or with the
 * reason there are none.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/support/flow_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct flow_rig rig;

static int
set_up(void **state)
{
    (void)state;
    flow_rig_init(&rig);
    flow_rig_shop(&rig);
    flow_rig_start(&rig);
    return 0;
}

static int
tear_down(void **state)
{
    (void)state;
    flow_rig_release(&rig);
    return 0;
}

static void
request(const char *id, const char *user, const char *more)
{
    flow_rig_send(&rig, HP_TOPIC_BOX_REQUESTS, NULL,
        "{'request_id':'%s','user_id':'%s','requested_at':%lld%s}", id, user,
        (long long)rig.now_ms, more);
}

static void
preferences(const char *user, const char *more)
{
    flow_rig_send(&rig, HP_TOPIC_PREFERENCES, NULL,
        "{'user_id':'%s','version':1,'updated_at':%lld%s}", user, (long long)rig.now_ms, more);
}

static const struct hp_recommendation *
answer_of(const char *id, const struct flow_rules *rules)
{
    const struct hp_recommendation *answer;

    flow_rig_settle(&rig);
    answer = flow_rig_answer(&rig, id);
    assert_non_null(answer);
    assert_int_equal(answer->cause, HP_CAUSE_REQUEST);
    assert_true(flow_rig_valid(&rig, answer, rules));
    return answer;
}

static void
assert_refused(const char *id, const char *reason)
{
    const struct hp_recommendation *answer = flow_rig_answer(&rig, id);

    assert_non_null(answer);
    assert_int_equal(answer->status, HP_BOXES_INFEASIBLE);
    assert_int_equal(answer->box_count, 0);
    assert_true(answer->advised);
    assert_string_equal(hp_arena_text(&rig.arena, answer->advice.reason), reason);
}

static size_t
answers_to(const char *user)
{
    return flow_rig_count(&rig, HP_TOPIC_BOX_ANSWERS, user);
}

static void
a_request_is_answered_once_and_leaves_no_standing_boxes(void **state)
{
    const struct hp_recommendation *answer;

    (void)state;
    for (int i = 0; i < 3; i++) {
        request("q1", "asha", ",'budget_max_minor':100000,'boxes':2");
        flow_rig_settle(&rig);
    }
    answer = answer_of("q1", NULL);
    assert_int_equal(answer->status, HP_BOXES_OK);
    assert_int_equal(answer->box_count, 2);
    assert_int_equal(answer->budget_max_minor, 100000);
    assert_int_equal(answers_to("asha"), 1);
    assert_int_equal(flow_rig_count(&rig, HP_TOPIC_BOX_RECOMMENDATIONS, "asha"), 0);
}

static void
a_request_sees_preferences_written_just_before(void **state)
{
    (void)state;
    preferences("asha", ",'avoid_allergens':['milk'],'boxes':1");
    request("q1", "asha", "");
    assert_int_equal(answer_of("q1", &(struct flow_rules){.allergen = "milk"})->box_count, 1);
}

/* Rules of safety add up; what is a matter of taste is replaced. */
static void
a_request_adds_rules_and_replaces_wishes(void **state)
{
    const struct hp_recommendation *answer;

    (void)state;
    preferences("asha", ",'avoid_allergens':['peanut'],'diets':['vegetarian'],'boxes':1,"
                        "'items_min':8,'items_max':9,'disliked_items':['tea-3'],"
                        "'budget_min_minor':140000,'budget_max_minor':200000");
    request("q1", "asha",
        ",'avoid_allergens':['milk'],'exclude_items':['tea-5'],'boxes':2,'items_min':4,"
        "'items_max':5,'budget_max_minor':100000");
    answer = answer_of("q1", &(struct flow_rules){.allergen = "peanut",
                                 .diet = "vegetarian",
                                 .or_diet = "vegan",
                                 .items_min = 4,
                                 .items_max = 5});
    assert_true(flow_rig_valid(&rig, answer,
        &(struct flow_rules){.allergen = "milk", .items_min = 4, .items_max = 5}));
    assert_int_equal(answer->status, HP_BOXES_OK);
    assert_int_equal(answer->box_count, 2);
    assert_false(flow_rig_holds(answer, "tea-3"));
    assert_false(flow_rig_holds(answer, "tea-5"));
    assert_int_equal(answer->budget_min_minor, 85000);
}

static void
musts_are_in_every_box_and_exclusions_beat_them(void **state)
{
    const struct hp_recommendation *answer;

    (void)state;
    request("q1", "asha", ",'must_items':['nuts-4'],'boxes':2");
    request("q2", "asha", ",'must_items':['nuts-4'],'exclude_items':['nuts-4']");
    request("q3", "asha", ",'must_items':['no-such-item']");
    answer = answer_of("q1", &(struct flow_rules){.must = "nuts-4"});
    assert_int_equal(answer->box_count, 2);
    for (size_t i = 0; i < 2; i++) {
        bool there = false;

        for (size_t j = 0; j < answer->boxes[i].item_count; j++)
            there |= hp_bytes_is(answer->boxes[i].items[j].item_id, "nuts-4");
        assert_true(there);
    }
    assert_int_equal(answer_of("q2", NULL)->status, HP_BOXES_INFEASIBLE);
    assert_int_equal(answer_of("q3", NULL)->status, HP_BOXES_INFEASIBLE);
    assert_true(flow_rig_answer(&rig, "q3")->advised);
}

/* The three cheapest are nuts-1 (10,000), sweets-1 (11,000), and 12,000: tea-1 and the two x.
 */
static void
a_budget_too_low_is_told_the_least_that_does(void **state)
{
    const struct hp_advice *advice;
    int64_t total = 0;

    (void)state;
    request("q1", "asha", ",'budget_max_minor':32000");
    assert_int_equal(answer_of("q1", NULL)->status, HP_BOXES_INFEASIBLE);
    assert_refused("q1", "BUDGET_TOO_LOW");
    advice = &flow_rig_answer(&rig, "q1")->advice;
    assert_true(advice->min_budget_minor.present);
    assert_int_equal(advice->min_budget_minor.value, 33000);
    for (size_t i = 0; i < advice->cheapest_count; i++)
        total += hp_bytes_is(advice->cheapest_box[i].item_id, "nuts-1")     ? 10000
                 : hp_bytes_is(advice->cheapest_box[i].item_id, "sweets-1") ? 11000
                                                                            : 12000;
    assert_int_equal(advice->cheapest_count, 3);
    assert_int_equal(total, 33000);
    request("q2", "asha", ",'budget_max_minor':33000,'boxes':1");
    assert_int_equal(answer_of("q2", NULL)->status, HP_BOXES_OK);
}

static void
assert_message(const char *id, const char *message)
{
    assert_string_equal(
        hp_arena_text(&rig.arena, flow_rig_answer(&rig, id)->advice.message), message);
}

/* A guess of ours is a most like any other: nobody is sold a dearer box than the record says.
 */
static void
a_least_above_a_guessed_most_contradicts(void **state)
{
    const struct hp_recommendation *answer;

    (void)state;
    request("q1", "asha", ",'budget_min_minor':200000");
    request("q2", "asha", ",'budget_min_minor':90000,'budget_max_minor':80000");
    request("q3", "asha", ",'budget_min_minor':150000,'boxes':1");
    answer = answer_of("q1", NULL);
    assert_refused("q1", "CONTRADICTION");
    assert_message("q1", "the least to spend, ₹2,000, is above the most, ₹1,500, which nobody "
                         "stated: state both");
    assert_int_equal(answer->budget_min_minor, 200000);
    assert_int_equal(answer->budget_max_minor, 150000);
    assert_int_equal(answer->advice.min_budget_minor.value, 33000);
    assert_int_equal(answer->advice.cheapest_count, 3);
    assert_refused("q2", "CONTRADICTION");
    assert_message("q2", "the least to spend, ₹900, is above the most, ₹800");
    assert_int_equal(flow_rig_answer(&rig, "q2")->advice.min_budget_minor.value, 33000);
    answer = answer_of("q3", NULL);
    assert_int_equal(answer->box_count, 1);
    assert_int_equal(answer->boxes[0].total_minor, 150000);
}

static void
contradictions_are_answered_and_never_dead_letters(void **state)
{
    size_t dead;

    (void)state;
    request("q1", "asha", ",'budget_min_minor':90000,'budget_max_minor':80000");
    request("q2", "asha", ",'items_min':6,'items_max':5");
    request("q3", "asha", ",'category_mix':[{'category':'tea','min':3,'max':2}]");
    request("q4", "asha", ",'diets':['breatharian']");
    request("q5", "asha", ",'boxes':9");
    request("q6", "asha", ",'items_min':0,'items_max':0");
    request("q7", "asha", ",'category_mix':[{'category':'','min':1}]");
    flow_rig_settle(&rig);
    assert_refused("q1", "CONTRADICTION");
    assert_refused("q2", "CONTRADICTION");
    assert_refused("q3", "CONTRADICTION");
    assert_refused("q4", "UNKNOWN_DIET");
    assert_refused("q5", "LIMIT");
    assert_refused("q6", "CONTRADICTION");
    assert_message("q6", "the most items wanted is 0, and a box holds at least one");
    assert_refused("q7", "INCOMPLETE");
    flow_rig_dead(&rig, &dead);
    assert_int_equal(dead, 0);
}

static int
units_of(const struct hp_box *box, const char *category)
{
    int units = 0;

    for (size_t i = 0; i < box->item_count; i++)
        if (hp_bytes_is(box->items[i].category, category))
            units += box->items[i].quantity;
    return units;
}

/* Nobody sees which of two lines was meant, so a box keeps both. */
static void
lines_of_the_mix_about_one_category_bind_together(void **state)
{
    static const char *const both[] = {
        ",'boxes':1,'category_mix':[{'category':'spice','min':2},{'category':'spice','max':2}]",
        ",'boxes':1,'category_mix':[{'category':'spice','max':2},{'category':'spice','min':2}"
        "]"};
    size_t dead;

    (void)state;
    for (size_t i = 0; i < HP_ARRAY_SIZE(both); i++) {
        const struct hp_recommendation *boxes;
        const char *id = i ? "q1" : "q0";

        request(id, "asha", both[i]);
        boxes = answer_of(id, NULL);
        assert_int_equal(boxes->box_count, 1);
        assert_int_equal(units_of(&boxes->boxes[0], "spice"), 2);
        preferences(i ? "ravi" : "mira", both[i]);
        flow_rig_settle(&rig);
        boxes = flow_rig_standing(&rig, i ? "ravi" : "mira");
        assert_int_equal(boxes->box_count, 1);
        assert_int_equal(units_of(&boxes->boxes[0], "spice"), 2);
    }
    request("q2", "asha",
        ",'category_mix':[{'category':'tea','min':3},{'category':'nuts'},"
        "{'category':'tea','max':2}]");
    preferences(
        "asha", ",'category_mix':[{'category':'tea','max':2},{'category':'tea','min':3}]");
    flow_rig_settle(&rig);
    assert_refused("q2", "CONTRADICTION");
    assert_string_equal(flow_rig_dead(&rig, &dead), "CONTRADICTION");
    assert_int_equal(dead, 1);
}

/* More categories than a box has places for are told, not cut off. */
static void
a_mix_of_too_many_categories_is_refused(void **state)
{
    struct hp_buffer more = {0};

    (void)state;
    hp_buffer_printf(&more, ",'category_mix':[");
    for (int i = 0; i < 200; i++)
        hp_buffer_printf(&more, "{'category':'c%d','max':1},", i);
    hp_buffer_printf(&more, "{'category':'spice','max':0}]%c", '\0');
    request("q1", "asha", (const char *)more.data);
    flow_rig_settle(&rig);
    assert_refused("q1", "LIMIT");
    hp_buffer_release(&more);
}

/* Times that cannot be meant: the answer's own times stay sane. */
static void
an_impossible_time_is_answered_with_a_possible_one(void **state)
{
    static const char *const times[] = {
        "-5", "0", "9223372036854775807", "-9223372036854775808", "32503680000000"};

    (void)state;
    for (size_t i = 0; i < HP_ARRAY_SIZE(times); i++) {
        const struct hp_recommendation *answer;
        char id[8];

        snprintf(id, sizeof(id), "q%zu", i);
        flow_rig_send(&rig, HP_TOPIC_BOX_REQUESTS, NULL,
            "{'request_id':'%s','user_id':'asha','requested_at':%s}", id, times[i]);
        answer = answer_of(id, NULL);
        assert_refused(id, "BAD_TIME");
        assert_true(answer->generated_at >= RIG_START_MS && answer->generated_at <= rig.now_ms);
    }
}

static void
a_request_that_waited_too_long_has_expired(void **state)
{
    (void)state;
    flow_rig_crash(&rig);
    request("q1", "asha", "");
    rig.now_ms += 9 * 60000;
    request("q2", "asha", "");
    rig.now_ms += 2 * 60000;
    flow_rig_start(&rig);
    flow_rig_settle(&rig);
    assert_refused("q1", "EXPIRED");
    assert_int_equal(flow_rig_answer(&rig, "q2")->status, HP_BOXES_OK);
}

static void
ask(int from, int to, const char *more)
{
    for (int i = from; i <= to; i++) {
        char id[8];

        snprintf(id, sizeof(id), "q%d", i);
        request(id, "asha", more);
    }
    flow_rig_settle(&rig);
}

static void
thirty_requests_a_minute_are_answered_with_boxes(void **state)
{
    (void)state;
    ask(1, 30, ",'boxes':1");
    ask(1, 30, ",'boxes':1");
    assert_int_equal(flow_rig_answer(&rig, "q30")->status, HP_BOXES_OK);
    ask(31, 40, "");
    assert_refused("q31", "RATE_LIMITED");
    assert_refused("q40", "RATE_LIMITED");
    request("r1", "ravi", "");
    assert_int_equal(answer_of("r1", NULL)->status, HP_BOXES_OK);
    rig.now_ms += 60000;
    ask(41, 41, "");
    assert_int_equal(flow_rig_answer(&rig, "q41")->status, HP_BOXES_OK);
    assert_int_equal(answers_to("asha"), 41);
    assert_true(flow_rig_revisions(&rig));
}

/* Refused ones fill the row of known requests, and must not push out those that count. */
static void
a_flood_is_answered_thirty_times(void **state)
{
    struct flow_seen_list answers;
    size_t served = 0;

    (void)state;
    ask(1, 400, ",'boxes':1");
    ask(1, 30, ",'boxes':1");
    answers = flow_rig_read(&rig, HP_TOPIC_BOX_ANSWERS);
    for (size_t i = 0; i < answers.count; i++)
        served += answers.items[i].content.status == HP_BOXES_OK;
    assert_int_equal(served, 30);
    assert_int_equal(answers.count, 400);
    assert_refused("q31", "RATE_LIMITED");
    assert_refused("q400", "RATE_LIMITED");
    rig.now_ms += 60000;
    ask(401, 430, ",'boxes':1");
    ask(367, 430, ",'boxes':1");
    assert_int_equal(flow_rig_answer(&rig, "q430")->status, HP_BOXES_OK);
    assert_int_equal(answers_to("asha"), 430);
}

/* What is refused for its content costs an answer as well. */
static void
nonsense_counts_towards_the_limit(void **state)
{
    (void)state;
    ask(1, 30, ",'items_min':6,'items_max':5");
    ask(31, 31, "");
    assert_refused("q30", "CONTRADICTION");
    assert_refused("q31", "RATE_LIMITED");
}

static void
gift(const char *id, const char *recipient, int64_t at, const char *item)
{
    flow_rig_send(&rig, HP_TOPIC_ORDERS, NULL,
        "{'order_id':'%s','user_id':'asha','ordered_at':%lld,'recipient_id':'%s',"
        "'lines':[{'item_id':'%s','quantity':1,'unit_price_minor':100}]}",
        id, (long long)at, recipient, item);
}

static void
a_recipient_is_not_sent_the_same_again_within_a_year(void **state)
{
    const struct hp_recommendation *answer;

    (void)state;
    gift("o1", "mum", rig.now_ms - 300 * RIG_DAY_MS, "tea-2");
    gift("o2", "mum", rig.now_ms - 366 * RIG_DAY_MS, "tea-3");
    gift("o3", "dad", rig.now_ms - 10 * RIG_DAY_MS, "tea-4");
    request("q1", "asha",
        ",'recipient_id':'mum','category_mix':[{'category':'tea','min':1}],"
        "'exclude_items':['tea-1','tea-4','tea-5','tea-x'],'boxes':1");
    request("q2", "asha", ",'recipient_id':'mum','must_items':['tea-2'],'boxes':1");
    request("q3", "asha", ",'recipient_id':'mum','must_items':['tea-4'],'boxes':1");
    answer = answer_of("q1", NULL);
    assert_false(flow_rig_holds(answer, "tea-2"));
    assert_true(flow_rig_holds(answer, "tea-3"));
    assert_true(flow_rig_holds(answer_of("q2", NULL), "tea-2"));
    assert_true(flow_rig_holds(answer_of("q3", NULL), "tea-4"));
}

static void
an_occasion_is_told_back(void **state)
{
    (void)state;
    request("q1", "asha", ",'occasion':'diwali','boxes':1");
    request("q2", "asha", ",'occasion':'never heard of','boxes':1");
    assert_true(hp_bytes_is(answer_of("q1", NULL)->occasion, "diwali"));
    assert_int_equal(answer_of("q2", NULL)->status, HP_BOXES_OK);
}

static void
standing_boxes_and_answers_share_one_row_of_revisions(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        char more[64];
        char id[8];

        snprintf(more, sizeof(more), ",'budget_max_minor':%d", 100000 + 20000 * i);
        preferences("asha", more);
        flow_rig_settle(&rig);
        snprintf(id, sizeof(id), "q%d", i);
        request(id, "asha", "");
        flow_rig_settle(&rig);
    }
    assert_int_equal(flow_rig_answer(&rig, "q3")->revision, 8);
    assert_true(flow_rig_revisions(&rig));
}

/* ---- misplaced records ---- */

static int32_t
wrong_place(const char *user)
{
    return (flow_rig_place(user) + 1) % RIG_PARTITIONS;
}

static void
misplaced_records_find_their_task(void **state)
{
    const struct hp_recommendation *standing;
    size_t dead;

    (void)state;
    flow_rig_send_to(&rig, HP_TOPIC_ORDERS, wrong_place("asha"), "",
        "{'order_id':'o1','user_id':'asha','ordered_at':%lld,'lines':[{'item_id':'tea-1',"
        "'quantity':1,'unit_price_minor':100}]}",
        (long long)rig.now_ms);
    flow_rig_send_to(&rig, HP_TOPIC_PREFERENCES, wrong_place("asha"), "asha",
        "{'user_id':'asha','version':4,'updated_at':%lld,'boxes':1}", (long long)rig.now_ms);
    flow_rig_settle(&rig);
    flow_rig_send_to(&rig, HP_TOPIC_BOX_REQUESTS, wrong_place("asha"), "elsewhere",
        "{'request_id':'q1','user_id':'asha','requested_at':%lld}", (long long)rig.now_ms);
    flow_rig_settle(&rig);
    standing = flow_rig_standing(&rig, "asha");
    assert_non_null(standing);
    assert_int_equal(standing->box_count, 1);
    assert_int_equal(standing->as_of.preferences_version.value, 4);
    assert_int_equal(flow_rig_answer(&rig, "q1")->box_count, 1);
    flow_rig_send_raw(
        &rig, HP_TOPIC_PREFERENCES, wrong_place("asha"), "asha", (struct hp_bytes){0});
    flow_rig_settle(&rig);
    assert_int_equal(flow_rig_standing(&rig, "asha")->box_count, 3);
    flow_rig_dead(&rig, &dead);
    assert_int_equal(dead, 0);
    assert_true(flow_rig_revisions(&rig));
}

static void
preferences_under_another_key_are_a_dead_letter(void **state)
{
    size_t dead;

    (void)state;
    flow_rig_send(&rig, HP_TOPIC_PREFERENCES, "ravi",
        "{'user_id':'asha','version':1,'updated_at':%lld}", (long long)rig.now_ms);
    flow_rig_settle(&rig);
    assert_string_equal(flow_rig_dead(&rig, &dead), "KEY_MISMATCH");
    flow_rig_send_raw(&rig, HP_TOPIC_PREFERENCES, 0, "", (struct hp_bytes){0});
    flow_rig_settle(&rig);
    assert_string_equal(flow_rig_dead(&rig, &dead), "KEY_MISMATCH");
    assert_int_equal(dead, 2);
    assert_null(flow_rig_standing(&rig, "asha"));
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_request_is_answered_once_and_leaves_no_standing_boxes),
        CASE(a_request_sees_preferences_written_just_before),
        CASE(a_request_adds_rules_and_replaces_wishes),
        CASE(musts_are_in_every_box_and_exclusions_beat_them),
        CASE(a_budget_too_low_is_told_the_least_that_does),
        CASE(a_least_above_a_guessed_most_contradicts),
        CASE(contradictions_are_answered_and_never_dead_letters),
        CASE(lines_of_the_mix_about_one_category_bind_together),
        CASE(a_mix_of_too_many_categories_is_refused),
        CASE(an_impossible_time_is_answered_with_a_possible_one),
        CASE(a_request_that_waited_too_long_has_expired),
        CASE(thirty_requests_a_minute_are_answered_with_boxes),
        CASE(a_flood_is_answered_thirty_times),
        CASE(nonsense_counts_towards_the_limit),
        CASE(a_recipient_is_not_sent_the_same_again_within_a_year),
        CASE(an_occasion_is_told_back),
        CASE(standing_boxes_and_answers_share_one_row_of_revisions),
        CASE(misplaced_records_find_their_task),
        CASE(preferences_under_another_key_are_a_dead_letter),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
