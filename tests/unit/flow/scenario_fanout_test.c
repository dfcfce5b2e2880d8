/*
 * tests/unit/flow/scenario_fanout_test.c - changes of the catalogue find those they concern,
 * those that matter most first, and nobody else.
 *
 * HAMPER_LONG=1 runs the full numbers of events, which takes minutes.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/metric.h"
#include "tests/support/flow_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static struct flow_rig rig;

static int
set_up(void **state)
{
    (void)state;
    flow_rig_init(&rig);
    flow_rig_shop(&rig);
    return 0;
}

static int
tear_down(void **state)
{
    (void)state;
    flow_rig_release(&rig);
    return 0;
}

static int
many(int usually, int at_length)
{
    return getenv("HAMPER_LONG") ? at_length : usually;
}

static int64_t
walks(void)
{
    return hp_metric_value(
        hp_metric_get(HP_METRIC_COUNTER, "hamper_catalogue_walks_total", "", ""));
}

static size_t
standing_records(void)
{
    size_t count = flow_rig_read(&rig, HP_TOPIC_BOX_RECOMMENDATIONS).count;

    hp_arena_clear(&rig.arena);
    return count;
}

static void
state_preferences(int user, int version, const char *more)
{
    flow_rig_send(&rig, HP_TOPIC_PREFERENCES, NULL,
        "{'user_id':'user-%d','version':%d,'updated_at':%lld,'boxes':1%s}", user, version,
        (long long)rig.now_ms, more);
}

/* Whatever people look at, their boxes stay; nobody is told the same twice. */
static void
being_shown_is_no_record(void **state)
{
    size_t before;

    (void)state;
    flow_rig_start(&rig);
    for (int user = 0; user < 20; user++)
        state_preferences(user, 1, "");
    flow_rig_settle(&rig);
    before = standing_records();
    assert_int_equal(before, 20);
    for (int i = 0; i < many(2000, 100000); i++) {
        flow_rig_send(&rig, HP_TOPIC_FEEDBACK, NULL,
            "{'feedback_id':'f%d','user_id':'user-%d','at':%lld,'kind':'SHOWN',"
            "'item_id':'tea-3','box_id':'b'}",
            i / 2, i % 20, (long long)rig.now_ms);
        if (i % 500 == 0) {
            flow_rig_step(&rig);
            hp_arena_clear(&rig.arena);
        }
    }
    flow_rig_settle(&rig);
    assert_int_equal(standing_records(), before);
}

/* Stock that ticks above what a box may hold concerns nobody, and nobody is looked for. */
static void
stock_that_crosses_nothing_walks_nobody(void **state)
{
    int64_t walked;
    size_t before;

    (void)state;
    flow_rig_item(&rig, "tea-1", "tea", 12000, "'allergens':[],'max_per_box':2,'stock':5000");
    flow_rig_start(&rig);
    for (int user = 0; user < 20; user++)
        state_preferences(user, 1, "");
    flow_rig_settle(&rig);
    before = standing_records();
    walked = walks();
    for (int i = 0; i < many(1000, 10000); i++) {
        char more[96];

        snprintf(more, sizeof(more), "'allergens':[],'max_per_box':2,'stock':%d",
            2 + (i * 7919) % 5000);
        flow_rig_item(&rig, "tea-1", "tea", 12000, more);
        if (i % 20 == 0) {
            flow_rig_step(&rig);
            hp_arena_clear(&rig.arena);
        }
    }
    flow_rig_settle(&rig);
    assert_int_equal(walks(), walked);
    assert_int_equal(standing_records(), before);
    /* The counter can count. */
    flow_rig_item(&rig, "tea-1", "tea", 13000, "'allergens':[],'max_per_box':2,'stock':5000");
    flow_rig_settle(&rig);
    assert_true(walks() > walked);
}

/* Somebody states an allergy and asks in the same moment: the answer knows of it. */
static void
an_allergy_stated_just_before_a_request_is_kept(void **state)
{
    static const char *const allergens[] = {"peanut", "milk", "tree-nut"};

    (void)state;
    flow_rig_start(&rig);
    for (int i = 0; i < many(200, 10000); i++) {
        const char *allergen = allergens[i % 3];
        char request[32];
        char more[64];

        snprintf(more, sizeof(more), ",'avoid_allergens':['%s']", allergen);
        snprintf(request, sizeof(request), "q%d", i);
        state_preferences(i % 50, i, more);
        rig.now_ms += 1;
        flow_rig_send(&rig, HP_TOPIC_BOX_REQUESTS, NULL,
            "{'request_id':'%s','user_id':'user-%d','requested_at':%lld}", request, i % 50,
            (long long)rig.now_ms);
        if (i % 4)
            continue; /* several at once as well */
        flow_rig_settle(&rig);
        rig.now_ms += 60000;
        for (int k = i > 3 ? i - 3 : 0; k <= i; k++) {
            const struct hp_recommendation *answer;

            snprintf(request, sizeof(request), "q%d", k);
            answer = flow_rig_answer(&rig, request);
            assert_non_null(answer);
            assert_int_equal(answer->status, HP_BOXES_OK);
            assert_true(flow_rig_valid(
                &rig, answer, &(struct flow_rules){.allergen = allergens[k % 3]}));
        }
        hp_arena_clear(&rig.arena);
    }
}

/* Offset of the first record of the user at or after `from`, over both partitions in time. */
static int64_t
refreshed_after(const char *user, size_t from)
{
    struct flow_seen_list list = flow_rig_read(&rig, HP_TOPIC_BOX_RECOMMENDATIONS);
    int64_t offset = -1;
    size_t seen = 0;

    for (size_t i = 0; i < list.count; i++)
        if (hp_bytes_is(list.items[i].key, user) && seen++ == from)
            offset = list.items[i].offset;
    return offset;
}

/* A long walk over a price is under way when another item turns out to hold peanuts. */
static void
what_is_unsafe_overtakes_a_walk_over_prices(void **state)
{
    char last[32] = "";
    int64_t late = 0;
    int64_t at;

    (void)state;
    rig.options.emit_batch_users = 10;
    flow_rig_item(&rig, "fudge", "treat", 90000, "'allergens':[]");
    flow_rig_start(&rig);
    for (int user = 0; user < 1200; user++)
        state_preferences(user, 1, user ? ",'items_min':1,'budget_max_minor':60000" : "");
    flow_rig_send(&rig, HP_TOPIC_PREFERENCES, NULL,
        "{'user_id':'allergic','version':1,'updated_at':%lld,'boxes':1,'items_min':1,"
        "'avoid_allergens':['peanut'],'budget_min_minor':85000,'budget_max_minor':200000,"
        "'category_mix':[{'category':'treat','min':1}]}",
        (long long)rig.now_ms);
    flow_rig_settle(&rig);
    assert_true(flow_rig_holds(flow_rig_standing(&rig, "allergic"), "fudge"));
    hp_arena_clear(&rig.arena);
    rig.now_ms += 60000;
    for (int i = 1; i <= 5; i++) {
        char id[16];

        snprintf(id, sizeof(id), "tea-%d", i);
        flow_rig_item(&rig, id, "tea", 9000 + 1000 * i, "'allergens':[]");
    }
    for (int i = 0; i < 2; i++)
        flow_rig_step(&rig);
    rig.now_ms += 60000;
    flow_rig_item(&rig, "fudge", "treat", 90000, "'allergens':['peanut']");
    flow_rig_settle(&rig);
    at = refreshed_after("allergic", 1);
    assert_true(at >= 0);
    for (int user = 0; user < 1200; user++) {
        snprintf(last, sizeof(last), "user-%d", user);
        if (flow_rig_place(last) == flow_rig_place("allergic") && refreshed_after(last, 1) > at)
            late++;
        hp_arena_clear(&rig.arena);
    }
    assert_true(late > 100); /* who waited for a price still waited then */
    assert_false(flow_rig_standing(&rig, "allergic") &&
                 flow_rig_holds(flow_rig_standing(&rig, "allergic"), "fudge"));
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(being_shown_is_no_record),
        CASE(stock_that_crosses_nothing_walks_nobody),
        CASE(an_allergy_stated_just_before_a_request_is_kept),
        CASE(what_is_unsafe_overtakes_a_walk_over_prices),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
