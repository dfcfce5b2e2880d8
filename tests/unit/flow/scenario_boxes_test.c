/*
 * tests/unit/flow/scenario_boxes_test.c - standing boxes: what moves them, with which cause,
 * and what they always keep.
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

/* An order of three items at 20,000 paise each; sixty thousand is its total. */
static void
order(const char *id, const char *user, const char *more)
{
    flow_rig_send(&rig, HP_TOPIC_ORDERS, NULL,
        "{'order_id':'%s','user_id':'%s','ordered_at':%lld%s,'lines':["
        "{'item_id':'nuts-2','quantity':1,'unit_price_minor':20000},"
        "{'item_id':'tea-2','quantity':1,'unit_price_minor':20000},"
        "{'item_id':'fruit-2','quantity':1,'unit_price_minor':20000}]}",
        id, user, (long long)rig.now_ms, more);
}

static void
order_of(const char *id, const char *user, long long paise)
{
    flow_rig_send(&rig, HP_TOPIC_ORDERS, NULL,
        "{'order_id':'%s','user_id':'%s','ordered_at':%lld,'lines':["
        "{'item_id':'nuts-2','quantity':1,'unit_price_minor':%lld}]}",
        id, user, (long long)rig.now_ms, paise);
}

static void
preferences(const char *user, const char *more)
{
    flow_rig_send(&rig, HP_TOPIC_PREFERENCES, NULL,
        "{'user_id':'%s','version':1,'updated_at':%lld%s}", user, (long long)rig.now_ms, more);
}

static void
feedback(const char *kind, const char *user, const char *more)
{
    static int number;

    flow_rig_send(&rig, HP_TOPIC_FEEDBACK, NULL,
        "{'feedback_id':'f%d','user_id':'%s','at':%lld,'kind':'%s'%s}", ++number, user,
        (long long)rig.now_ms, kind, more);
}

static size_t
records_of(const char *user)
{
    return flow_rig_count(&rig, HP_TOPIC_BOX_RECOMMENDATIONS, user);
}

/* Settles; the user's boxes, which must be there and be valid. */
static const struct hp_recommendation *
boxes_of(const char *user, const struct flow_rules *rules)
{
    const struct hp_recommendation *standing;

    flow_rig_settle(&rig);
    standing = flow_rig_standing(&rig, user);
    assert_non_null(standing);
    assert_true(flow_rig_valid(&rig, standing, rules));
    return standing;
}

static void
an_order_gives_three_valid_boxes(void **state)
{
    const struct hp_recommendation *standing;

    (void)state;
    order("o1", "asha", "");
    standing = boxes_of("asha", NULL);
    assert_int_equal(standing->status, HP_BOXES_OK);
    assert_int_equal(standing->cause, HP_CAUSE_ORDER);
    assert_int_equal(standing->box_count, 3);
    assert_int_equal(standing->revision, 1);
    assert_int_equal(standing->budget_max_minor, 150000);
    assert_null(standing->request_id.data);
}

static void
one_event_is_one_record_whatever_is_sent_twice(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        flow_rig_send(&rig, HP_TOPIC_ORDERS, NULL,
            "{'order_id':'o1','user_id':'asha','ordered_at':%lld,'lines':["
            "{'item_id':'tea-1','quantity':1,'unit_price_minor':100}]}",
            RIG_START_MS);
        flow_rig_settle(&rig);
        assert_int_equal(records_of("asha"), 1);
    }
    for (int i = 0; i < 2; i++) {
        flow_rig_send(&rig, HP_TOPIC_PREFERENCES, NULL,
            "{'user_id':'asha','version':1,'updated_at':%lld,'budget_max_minor':100000}",
            RIG_START_MS);
        flow_rig_settle(&rig);
        assert_int_equal(records_of("asha"), 2);
    }
    for (int i = 0; i < 2; i++) {
        flow_rig_send(&rig, HP_TOPIC_FEEDBACK, NULL,
            "{'feedback_id':'f','user_id':'asha','at':%lld,'kind':'DISLIKED',"
            "'item_id':'%.*s'}",
            RIG_START_MS,
            HP_BYTES_FORMAT(flow_rig_standing(&rig, "asha")->boxes[0].items[0].item_id));
        flow_rig_settle(&rig);
        assert_true(records_of("asha") == 3 || i == 1);
    }
}

static void
feedback_that_says_nothing_of_taste_is_no_record(void **state)
{
    static const char *const kinds[] = {"SHOWN", "OPENED", "ADDED", "ACCEPTED", "OTHER"};

    (void)state;
    order("o1", "asha", "");
    flow_rig_settle(&rig);
    for (size_t i = 0; i < HP_ARRAY_SIZE(kinds); i++)
        feedback(kinds[i], "asha", ",'item_id':'tea-3','box_id':'b'");
    feedback("REJECTED", "asha", ",'box_id':'never-served'");
    feedback("LIKED", "ravi", ",'box_id':'never-served'");
    flow_rig_settle(&rig);
    assert_int_equal(records_of("asha"), 1);
    assert_int_equal(records_of("ravi"), 0);
}

static void
an_avoided_allergen_is_in_no_box_and_what_does_not_say_is_out(void **state)
{
    const struct hp_recommendation *standing;

    (void)state;
    preferences("asha", ",'avoid_allergens':['Peanuts']");
    standing = boxes_of("asha", &(struct flow_rules){.allergen = "peanut"});
    assert_int_equal(standing->status, HP_BOXES_OK);
    assert_int_equal(standing->cause, HP_CAUSE_PREFERENCES);
    assert_false(flow_rig_holds(standing, "fruit-x"));
    assert_false(flow_rig_holds(standing, "tea-x"));
}

/* Only what is known to hold nothing at all is safe then. */
static void
an_allergen_nobody_knows_leaves_items_known_to_hold_none(void **state)
{
    const struct hp_recommendation *standing;

    (void)state;
    preferences("asha", ",'avoid_allergens':['moon-dust']");
    standing = boxes_of("asha", NULL);
    assert_true(standing->box_count > 0);
    for (size_t i = 0; i < standing->box_count; i++)
        for (size_t j = 0; j < standing->boxes[i].item_count; j++) {
            struct hp_bytes id = standing->boxes[i].items[j].item_id;

            assert_true(hp_bytes_starts(id, hp_bytes_text("tea-")) ||
                        hp_bytes_starts(id, hp_bytes_text("fruit-")) ||
                        hp_bytes_starts(id, hp_bytes_text("spice-")));
            assert_false(id.data[id.size - 1] == '1' || id.data[id.size - 1] == 'x');
        }
}

static void
vegan_items_suit_vegetarians_and_not_the_other_way_round(void **state)
{
    const struct hp_recommendation *vegetarian;

    (void)state;
    preferences("asha", ",'diets':['vegetarian'],'disliked_items':['nuts-2','tea-2']");
    preferences("ravi", ",'diets':['Vegan']");
    vegetarian =
        boxes_of("asha", &(struct flow_rules){.diet = "vegetarian", .or_diet = "vegan"});
    assert_int_equal(vegetarian->status, HP_BOXES_OK);
    assert_false(flow_rig_holds(vegetarian, "nuts-2"));
    assert_int_equal(
        boxes_of("ravi", &(struct flow_rules){.diet = "vegan"})->status, HP_BOXES_OK);
}

static void
an_unknown_diet_has_no_box_and_says_why(void **state)
{
    const struct hp_recommendation *standing;

    (void)state;
    preferences("asha", ",'diets':['breatharian']");
    standing = boxes_of("asha", NULL);
    assert_int_equal(standing->status, HP_BOXES_INFEASIBLE);
    assert_int_equal(standing->box_count, 0);
    assert_true(standing->advised);
    assert_true(hp_bytes_is(standing->advice.reason, "UNKNOWN_DIET"));
}

static void
what_preferences_say_of_boxes_holds(void **state)
{
    const struct hp_recommendation *standing;

    (void)state;
    preferences("asha", ",'boxes':2,'items_min':4,'items_max':5,'budget_min_minor':80000,"
                        "'budget_max_minor':90000,'category_mix':[{'category':'tea','min':2}]");
    standing = boxes_of("asha", &(struct flow_rules){.items_min = 4, .items_max = 5});
    assert_int_equal(standing->box_count, 2);
    assert_int_equal(standing->budget_min_minor, 80000);
    assert_int_equal(standing->budget_max_minor, 90000);
    for (size_t i = 0; i < 2; i++) {
        int tea = 0;

        for (size_t j = 0; j < standing->boxes[i].item_count; j++)
            tea += hp_bytes_is(standing->boxes[i].items[j].category, "tea");
        assert_true(tea >= 2);
    }
}

/* Forgotten preferences bind no longer; who stands keeps standing. */
static void
a_tombstone_forgets_preferences(void **state)
{
    const struct hp_recommendation *standing;

    (void)state;
    preferences("asha", ",'budget_max_minor':90000");
    assert_int_equal(boxes_of("asha", NULL)->budget_max_minor, 90000);
    flow_rig_send_raw(
        &rig, HP_TOPIC_PREFERENCES, flow_rig_place("asha"), "asha", (struct hp_bytes){0});
    standing = boxes_of("asha", NULL);
    assert_int_equal(standing->revision, 2);
    assert_int_equal(standing->budget_max_minor, 150000);
    assert_int_equal(standing->cause, HP_CAUSE_PREFERENCES);
    assert_false(standing->as_of.preferences_version.present);
}

/* ---- budgets ---- */

static void
one_order_is_no_habit_and_two_are(void **state)
{
    (void)state;
    order_of("o1", "asha", 81000);
    assert_int_equal(boxes_of("asha", NULL)->budget_max_minor, 150000);
    order_of("o2", "asha", 230000);
    assert_int_equal(boxes_of("asha", NULL)->budget_max_minor, 90000);
    order_of("o3", "asha", 220000);
    assert_int_equal(boxes_of("asha", NULL)->budget_max_minor, 220000);
}

static void
habits_are_kept_between_500_and_10000_rupees(void **state)
{
    (void)state;
    order_of("o1", "asha", 100);
    order_of("o2", "asha", 200);
    order_of("o1", "ravi", 99999999);
    order_of("o2", "ravi", 99999999);
    flow_rig_settle(&rig);
    assert_int_equal(flow_rig_standing(&rig, "asha")->budget_max_minor, 50000);
    assert_int_equal(flow_rig_standing(&rig, "ravi")->budget_max_minor, 1000000);
}

/* Twelve items at ₹310 or less never come to half of ₹12,000. */
static void
a_ladder_of_floors_is_told_by_its_lowest_rung(void **state)
{
    const struct hp_recommendation *standing;

    (void)state;
    preferences("asha", ",'budget_max_minor':1200000,'boxes':1");
    standing = boxes_of("asha", NULL);
    assert_int_equal(standing->status, HP_BOXES_OK);
    assert_true(standing->boxes[0].total_minor < 600000);
    assert_int_equal(standing->budget_min_minor, 0);
    preferences("asha", ",'budget_max_minor':300000,'boxes':1");
    standing = boxes_of("asha", NULL);
    assert_int_equal(standing->budget_min_minor, 255000);
}

static void
a_stated_floor_is_hard(void **state)
{
    const struct hp_recommendation *standing;

    (void)state;
    preferences("asha", ",'budget_min_minor':590000,'budget_max_minor':600000,'boxes':1");
    standing = boxes_of("asha", NULL);
    assert_int_equal(standing->status, HP_BOXES_INFEASIBLE);
    assert_true(standing->advised);
}

static long
told_pct(const struct hp_box *box)
{
    for (size_t i = 0; i < box->reason_count; i++)
        if (hp_bytes_is(box->reasons[i].code, "FILL"))
            return strtol(hp_arena_text(&rig.arena, box->reasons[i].args[0].value), NULL, 10);
    return -1;
}

/* The record knows one maximum; what is said of a value box must be true of that one. */
static void
tiers_fill_parts_of_one_maximum(void **state)
{
    const struct hp_recommendation *standing;

    (void)state;
    flow_rig_crash(&rig);
    rig.options.slots = HP_SLOTS_TIERS;
    flow_rig_start(&rig);
    preferences("asha", ",'boxes':4");
    standing = boxes_of("asha", NULL);
    assert_int_equal(standing->box_count, 4);
    assert_int_equal(standing->budget_max_minor, 150000);
    for (size_t i = 0; i < 4; i++) {
        const struct hp_box *box = &standing->boxes[i];
        bool value = box->slot % 2 == 0;

        assert_in_range(box->total_minor, value ? 90000 : 127500, value ? 112500 : 150000);
        assert_int_equal(told_pct(box), box->total_minor * 100 / 150000);
    }
    assert_int_equal(standing->budget_min_minor, 90000);
}

/* Orders may lift the usual most later, so the preferences themselves are kept. */
static void
a_floor_above_the_usual_most_waits_for_a_higher_one(void **state)
{
    const struct hp_recommendation *standing;
    size_t count;

    (void)state;
    preferences("asha", ",'budget_min_minor':160000,'boxes':1");
    standing = boxes_of("asha", NULL);
    assert_int_equal(standing->status, HP_BOXES_INFEASIBLE);
    assert_true(hp_bytes_is(standing->advice.reason, "CONTRADICTION"));
    assert_true(standing->advice.min_budget_minor.present);
    flow_rig_dead(&rig, &count);
    assert_int_equal(count, 0);
    order_of("o1", "asha", 171000);
    order_of("o2", "asha", 172000);
    standing = boxes_of("asha", NULL);
    assert_int_equal(standing->status, HP_BOXES_OK);
    assert_int_equal(standing->budget_max_minor, 180000);
    assert_int_equal(standing->budget_min_minor, 160000);
}

static void
contradicting_preferences_are_a_dead_letter(void **state)
{
    size_t count;

    (void)state;
    preferences("asha", ",'budget_min_minor':90000,'budget_max_minor':80000");
    flow_rig_settle(&rig);
    assert_string_equal(flow_rig_dead(&rig, &count), "CONTRADICTION");
    assert_int_equal(count, 1);
    assert_int_equal(records_of("asha"), 0);
}

/* ---- orders as facts ---- */

static void
cancelled_orders_leave_as_if_they_had_never_been(void **state)
{
    const struct hp_recommendation *standing;

    (void)state;
    order_of("o1", "asha", 81000);
    order_of("o2", "asha", 230000);
    assert_int_equal(boxes_of("asha", NULL)->budget_max_minor, 90000);
    flow_rig_send(&rig, HP_TOPIC_ORDERS, NULL,
        "{'order_id':'o2','version':2,'user_id':'asha','ordered_at':%lld,"
        "'status':'CANCELLED','lines':[]}",
        (long long)rig.now_ms);
    standing = boxes_of("asha", NULL);
    assert_int_equal(standing->budget_max_minor, 150000);
    assert_int_equal(standing->cause, HP_CAUSE_ORDER);
}

/* The cancellation may come first. */
static void
an_older_version_changes_nothing(void **state)
{
    struct hp_digest digest;

    (void)state;
    order("o1", "asha", ",'version':2,'status':'RETURNED'");
    flow_rig_settle(&rig);
    digest = flow_rig_set_digest(&rig);
    order("o1", "asha", ",'version':1");
    flow_rig_settle(&rig);
    assert_int_equal(records_of("asha"), 0);
    assert_true(hp_digest_equal(digest, flow_rig_set_digest(&rig)));
}

static void
a_partial_return_is_a_version_with_fewer_lines(void **state)
{
    (void)state;
    order("o1", "asha", "");
    order("o2", "asha", "");
    assert_int_equal(boxes_of("asha", NULL)->budget_max_minor, 60000);
    for (int i = 1; i <= 2; i++)
        flow_rig_send(&rig, HP_TOPIC_ORDERS, NULL,
            "{'order_id':'o%d','version':2,'user_id':'asha','ordered_at':%lld,'lines':["
            "{'item_id':'tea-2','quantity':1,'unit_price_minor':20000}]}",
            i, RIG_START_MS);
    assert_int_equal(boxes_of("asha", NULL)->budget_max_minor, 50000);
}

/* ---- the catalogue ---- */

static const char *
first_item(const struct hp_recommendation *standing)
{
    return hp_arena_text(&rig.arena, standing->boxes[0].items[0].item_id);
}

/* Two users; ravi's preferences keep the item in hand out of his boxes. */
static const char *
item_held_by_asha_alone(void)
{
    const char *item;
    char more[64];

    order("o1", "asha", "");
    item = first_item(boxes_of("asha", NULL));
    snprintf(more, sizeof(more), ",'disliked_items':['%s']", item);
    preferences("ravi", more);
    assert_false(flow_rig_holds(boxes_of("ravi", NULL), item));
    return item;
}

static void
expect_refresh_of_asha_alone(const char *item, bool gone)
{
    const struct hp_recommendation *standing = boxes_of("asha", NULL);

    assert_int_equal(standing->revision, 2);
    assert_int_equal(standing->cause, HP_CAUSE_CATALOGUE);
    assert_true(!gone || !flow_rig_holds(standing, item));
    assert_int_equal(records_of("ravi"), 1);
}

static void
a_new_price_reaches_those_who_hold_the_item(void **state)
{
    const char *item;

    (void)state;
    item = item_held_by_asha_alone();
    flow_rig_item(&rig, item, "tea", 14321, "'allergens':[],'diets':['vegan']");
    expect_refresh_of_asha_alone(item, false);
}

static void
a_delisted_item_leaves_all_boxes(void **state)
{
    const char *item;

    (void)state;
    item = item_held_by_asha_alone();
    flow_rig_send_raw(&rig, HP_TOPIC_CATALOGUE, 0, item, (struct hp_bytes){0});
    expect_refresh_of_asha_alone(item, true);
}

static void
an_inactive_item_leaves_all_boxes(void **state)
{
    const char *item;

    (void)state;
    item = item_held_by_asha_alone();
    flow_rig_item(&rig, item, "tea", 14000, "'active':false");
    expect_refresh_of_asha_alone(item, true);
}

/* Fail closed, told to its producer, and healed by the next good record. */
static void
garbage_makes_an_item_ineligible_until_a_good_record_comes(void **state)
{
    const char *item;
    size_t count;

    (void)state;
    item = item_held_by_asha_alone();
    flow_rig_send_raw(&rig, HP_TOPIC_CATALOGUE, 0, item, hp_bytes_text("garbage"));
    expect_refresh_of_asha_alone(item, true);
    assert_string_equal(flow_rig_dead(&rig, &count), "BAD_FRAME");
    assert_int_equal(count, 1);
    flow_rig_item(&rig, item, "tea", 10000, "'allergens':[],'diets':['vegan']");
    order("o2", "asha", "");
    flow_rig_settle(&rig);
    preferences("meera", "");
    flow_rig_settle(&rig);
    assert_true(flow_rig_holds(flow_rig_standing(&rig, "meera"), item));
}

static void
an_item_that_turns_out_to_hold_an_allergen_leaves_the_boxes(void **state)
{
    const char *item;

    (void)state;
    preferences("asha", ",'avoid_allergens':['sesame']");
    item = first_item(boxes_of("asha", NULL));
    flow_rig_item(&rig, item, "tea", 14000, "'allergens':['sesame']");
    assert_false(
        flow_rig_holds(boxes_of("asha", &(struct flow_rules){.allergen = "sesame"}), item));
    assert_int_equal(flow_rig_standing(&rig, "asha")->cause, HP_CAUSE_CATALOGUE);
}

static void
cup(int price, int stock)
{
    char more[80];

    snprintf(more, sizeof(more), "'allergens':[],'max_per_box':3,'stock':%d", stock);
    flow_rig_item(&rig, "cup-1", "cup", price, more);
}

/* Boxes that must hold the one cup there is. */
static int32_t
cups_held(void)
{
    const struct hp_recommendation *standing = boxes_of("asha", NULL);

    assert_int_equal(standing->box_count, 1);
    for (size_t i = 0; i < standing->boxes[0].item_count; i++)
        if (hp_bytes_is(standing->boxes[0].items[i].item_id, "cup-1"))
            return standing->boxes[0].items[i].quantity;
    return 0;
}

static void
stock_matters_when_it_falls_below_what_boxes_hold(void **state)
{
    (void)state;
    cup(20000, 900);
    preferences("asha", ",'boxes':1,'category_mix':[{'category':'cup','min':2,'max':2}]");
    assert_int_equal(cups_held(), 2);
    for (int stock = 899; stock > 3; stock -= 200)
        cup(20000, stock);
    flow_rig_item(&rig, "spice-0", "spice", 31000, "'allergens':[]"); /* nobody has seen it */
    cup(20000, 2);
    assert_int_equal(cups_held(), 2);
    assert_int_equal(records_of("asha"), 1);
    cup(20000, 1);
    flow_rig_settle(&rig);
    assert_int_equal(records_of("asha"), 2);
    assert_int_equal(flow_rig_standing(&rig, "asha")->cause, HP_CAUSE_CATALOGUE);
    assert_int_equal(flow_rig_standing(&rig, "asha")->status, HP_BOXES_INFEASIBLE);
}

/* Both changes are there before anybody looks. */
static void
a_tick_of_the_stock_does_not_hide_a_new_price(void **state)
{
    (void)state;
    cup(20000, 900);
    preferences("asha", ",'boxes':1,'category_mix':[{'category':'cup','min':2,'max':2}]");
    assert_int_equal(cups_held(), 2);
    cup(21000, 900);
    cup(21000, 2);
    assert_int_equal(cups_held(), 2);
    assert_int_equal(records_of("asha"), 2);
    cup(21000, 1);
    cup(21000, 3);
    assert_int_equal(cups_held(), 2);
    assert_int_equal(records_of("asha"), 2);
}

/* ---- feedback ---- */

static void
a_rejected_box_shares_at_most_half_with_what_follows(void **state)
{
    const struct hp_recommendation *before;
    const struct hp_recommendation *after;
    char more[64];

    (void)state;
    preferences("asha", ",'boxes':1,'budget_max_minor':120000");
    before = boxes_of("asha", NULL);
    snprintf(more, sizeof(more), ",'box_id':'%.*s'", HP_BYTES_FORMAT(before->boxes[0].box_id));
    feedback("REJECTED", "asha", more);
    after = boxes_of("asha", NULL);
    assert_int_equal(after->revision, 2);
    assert_int_equal(after->cause, HP_CAUSE_FEEDBACK);
    assert_true(after->box_count == 1);
    {
        size_t common = 0;

        for (size_t j = 0; j < after->boxes[0].item_count; j++)
            for (size_t k = 0; k < before->boxes[0].item_count; k++)
                common += hp_bytes_equal(
                    after->boxes[0].items[j].item_id, before->boxes[0].items[k].item_id);
        assert_true(2 * common <= before->boxes[0].item_count);
    }
}

static void
a_disliked_item_is_masked_until_it_is_ordered_again(void **state)
{
    (void)state;
    order("o1", "asha", "");
    order("o2", "asha", "");
    assert_true(flow_rig_holds(boxes_of("asha", NULL), "tea-2"));
    rig.now_ms += 1000;
    feedback("DISLIKED", "asha", ",'item_id':'tea-2'");
    assert_false(flow_rig_holds(boxes_of("asha", NULL), "tea-2"));
    assert_int_equal(flow_rig_standing(&rig, "asha")->cause, HP_CAUSE_FEEDBACK);
    rig.now_ms += 1000;
    order("o3", "asha", "");
    assert_true(flow_rig_holds(boxes_of("asha", NULL), "tea-2"));
}

/* ---- as_of ---- */

static void
as_of_names_every_input_and_where_it_stood(void **state)
{
    const struct hp_recommendation *standing;

    (void)state;
    preferences("asha", ",'boxes':1");
    order("o1", "asha", "");
    standing = boxes_of("asha", NULL);
    assert_int_equal(standing->as_of.input_count, HP_SOURCE_COUNT);
    for (size_t i = 0; i < HP_SOURCE_COUNT; i++) {
        int64_t low;
        int64_t high;

        assert_int_equal(standing->as_of.inputs[i].partition, flow_rig_place("asha"));
        assert_int_equal(hp_cluster_watermarks(rig.cluster,
                             hp_arena_text(&rig.arena, standing->as_of.inputs[i].topic),
                             flow_rig_place("asha"), &low, &high, NULL),
            HP_OK);
        assert_int_equal(standing->as_of.inputs[i].offset, high);
    }
    assert_int_equal(standing->as_of.catalogue_count, 1);
    assert_int_equal(standing->as_of.catalogue[0].offset, 32);
    assert_int_equal(standing->as_of.preferences_version.value, 1);
    assert_int_equal(standing->as_of.now, standing->generated_at);
}

/* ---- sweeps ---- */

static void
a_sweep_refreshes_only_what_is_due(void **state)
{
    const struct hp_recommendation *standing;

    (void)state;
    preferences("asha", "");
    preferences("ravi", ",'diets':['breatharian']");
    flow_rig_settle(&rig);
    rig.now_ms += RIG_DAY_MS;
    flow_rig_settle(&rig);
    assert_int_equal(records_of("asha"), 1);
    assert_int_equal(records_of("ravi"), 1);
    rig.now_ms += 3 * RIG_DAY_MS;
    flow_rig_settle(&rig);
    assert_int_equal(records_of("asha"), 1);
    rig.now_ms += RIG_DAY_MS;
    standing = boxes_of("asha", NULL);
    assert_int_equal(standing->revision, 2);
    assert_int_equal(standing->cause, HP_CAUSE_REFRESH);
    assert_true(standing->valid_until > rig.now_ms + 6 * RIG_DAY_MS);
}

/* ---- what other people's orders say ------------------------------------------------------ */

static void
buys(const char *user, const char *first, const char *second)
{
    flow_rig_send(&rig, HP_TOPIC_ORDERS, NULL,
        "{'order_id':'o-%s','user_id':'%s','ordered_at':%lld,'lines':["
        "{'item_id':'%s','quantity':1,'unit_price_minor':20000},"
        "{'item_id':'%s','quantity':1,'unit_price_minor':20000}]}",
        user, user, (long long)rig.now_ms, first, second);
}

static bool
says(const struct hp_recommendation *standing, const char *item, const char *code,
    const char *argument)
{
    for (size_t b = 0; b < standing->box_count; b++)
        for (size_t i = 0; i < standing->boxes[b].item_count; i++) {
            const struct hp_box_item *one = &standing->boxes[b].items[i];

            for (size_t r = 0; r < one->reason_count && hp_bytes_is(one->item_id, item); r++)
                if (hp_bytes_is(one->reasons[r].code, code) &&
                    (!argument || (one->reasons[r].arg_count == 1 &&
                                      hp_bytes_is(one->reasons[r].args[0].value, argument))))
                    return true;
        }
    return false;
}

static void
crowd(int pairs)
{
    for (int i = 0; i < 20; i++) {
        char user[16];

        snprintf(user, sizeof(user), "user-%d", i);
        if (i < pairs)
            buys(user, "nuts-2", "tea-2");
        else
            buys(user, "sweets-3", "fruit-4");
    }
    flow_rig_settle(&rig);
}

/* People who have nuts-2 have tea-2; asha has nuts-2. */
static void
what_others_chose_with_it_is_offered_and_named(void **state)
{
    const struct hp_recommendation *standing;

    (void)state;
    crowd(8);
    buys("asha", "nuts-2", "spice-1");
    standing = boxes_of("asha", NULL);
    assert_true(flow_rig_holds(standing, "tea-2"));
    assert_true(says(standing, "tea-2", "BECAUSE", "nuts-2"));
    assert_true(says(standing, "tea-2", "NEW_TO_YOU", NULL));
    assert_true(says(standing, "nuts-2", "BOUGHT_BEFORE", NULL));
    assert_true(says(standing, "nuts-2", "GOES_WITH", "tea-2"));
    assert_false(says(standing, "spice-1", "BECAUSE", NULL));
}

/* Four people are too few to be spoken of. */
static void
fewer_people_than_privacy_asks_for_are_never_a_reason(void **state)
{
    const struct hp_recommendation *standing;

    (void)state;
    crowd(3);
    buys("asha", "nuts-2", "tea-2"); /* the fourth */
    buys("noor", "nuts-2", "spice-1");
    standing = boxes_of("noor", NULL);
    for (size_t b = 0; b < standing->box_count; b++)
        for (size_t i = 0; i < standing->boxes[b].item_count; i++)
            for (size_t r = 0; r < standing->boxes[b].items[i].reason_count; r++) {
                const struct hp_reason *reason = &standing->boxes[b].items[i].reasons[r];

                assert_false(hp_bytes_is(reason->code, "BECAUSE") &&
                             hp_bytes_is(reason->args[0].value, "nuts-2"));
                assert_false(hp_bytes_is(reason->code, "GOES_WITH") &&
                             hp_bytes_is(standing->boxes[b].items[i].item_id, "nuts-2"));
            }
}

/* Boxes that change twice while a transaction is open, and boxes that are erased and made anew:
 * each record is in a commit of its own. Markers lie between those of two commits. */
static void
a_commit_has_one_record_of_a_user(void **state)
{
    struct flow_seen_list seen;

    (void)state;
    for (int version = 1; version <= 12; version++) {
        flow_rig_send(&rig, HP_TOPIC_PREFERENCES, NULL,
            "{'user_id':'asha','version':%d,'updated_at':%lld,'boxes':%d}", version,
            (long long)rig.now_ms, 1 + version % 2);
        flow_rig_step(&rig);
    }
    flow_rig_settle(&rig);
    flow_rig_send(&rig, HP_TOPIC_ERASURES, NULL,
        "{'erasure_id':'e1','user_id':'asha','requested_at':%lld}", (long long)rig.now_ms);
    flow_rig_send(&rig, HP_TOPIC_PREFERENCES, NULL,
        "{'user_id':'asha','version':20,'updated_at':%lld,'boxes':1}",
        (long long)rig.now_ms + 1);
    flow_rig_settle(&rig);
    seen = flow_rig_read(&rig, HP_TOPIC_BOX_RECOMMENDATIONS);
    assert_in_range(seen.count, 4, 14);
    for (size_t i = 1; i < seen.count; i++)
        assert_true(seen.items[i].offset > seen.items[i - 1].offset + 1);
    assert_non_null(flow_rig_standing(&rig, "asha"));
    assert_true(flow_rig_revisions(&rig));
}

/* What comes late changes boxes; it does not make them end before those that stand. */
static void
late_changes_end_no_sooner(void **state)
{
    const struct hp_recommendation *standing;
    int64_t until;

    (void)state;
    flow_rig_send(&rig, HP_TOPIC_PREFERENCES, NULL,
        "{'user_id':'asha','version':1,'updated_at':%lld,'boxes':1}", (long long)rig.now_ms);
    flow_rig_settle(&rig);
    rig.now_ms += 6 * RIG_DAY_MS; /* a sweep extends them */
    flow_rig_settle(&rig);
    standing = flow_rig_standing(&rig, "asha");
    until = standing->valid_until;
    assert_true(until > rig.now_ms + 6 * RIG_DAY_MS);
    flow_rig_send(&rig, HP_TOPIC_FEEDBACK, NULL,
        "{'feedback_id':'f1','user_id':'asha','at':%lld,'kind':'DISLIKED','item_id':'%.*s'}",
        (long long)RIG_START_MS, (int)standing->boxes[0].items[0].item_id.size,
        (const char *)standing->boxes[0].items[0].item_id.data);
    flow_rig_settle(&rig);
    standing = flow_rig_standing(&rig, "asha");
    assert_int_equal(standing->cause, HP_CAUSE_FEEDBACK);
    assert_int_equal(standing->valid_until, until);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(an_order_gives_three_valid_boxes),
        CASE(one_event_is_one_record_whatever_is_sent_twice),
        CASE(feedback_that_says_nothing_of_taste_is_no_record),
        CASE(an_avoided_allergen_is_in_no_box_and_what_does_not_say_is_out),
        CASE(an_allergen_nobody_knows_leaves_items_known_to_hold_none),
        CASE(vegan_items_suit_vegetarians_and_not_the_other_way_round),
        CASE(an_unknown_diet_has_no_box_and_says_why),
        CASE(what_preferences_say_of_boxes_holds),
        CASE(a_tombstone_forgets_preferences),
        CASE(one_order_is_no_habit_and_two_are),
        CASE(habits_are_kept_between_500_and_10000_rupees),
        CASE(a_ladder_of_floors_is_told_by_its_lowest_rung),
        CASE(a_stated_floor_is_hard),
        CASE(tiers_fill_parts_of_one_maximum),
        CASE(a_floor_above_the_usual_most_waits_for_a_higher_one),
        CASE(contradicting_preferences_are_a_dead_letter),
        CASE(cancelled_orders_leave_as_if_they_had_never_been),
        CASE(an_older_version_changes_nothing),
        CASE(a_partial_return_is_a_version_with_fewer_lines),
        CASE(a_new_price_reaches_those_who_hold_the_item),
        CASE(a_delisted_item_leaves_all_boxes),
        CASE(an_inactive_item_leaves_all_boxes),
        CASE(garbage_makes_an_item_ineligible_until_a_good_record_comes),
        CASE(an_item_that_turns_out_to_hold_an_allergen_leaves_the_boxes),
        CASE(stock_matters_when_it_falls_below_what_boxes_hold),
        CASE(a_tick_of_the_stock_does_not_hide_a_new_price),
        CASE(a_rejected_box_shares_at_most_half_with_what_follows),
        CASE(a_disliked_item_is_masked_until_it_is_ordered_again),
        CASE(as_of_names_every_input_and_where_it_stood),
        CASE(a_sweep_refreshes_only_what_is_due),
        CASE(a_commit_has_one_record_of_a_user),
        CASE(late_changes_end_no_sooner),
        CASE(what_others_chose_with_it_is_offered_and_named),
        CASE(fewer_people_than_privacy_asks_for_are_never_a_reason),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
