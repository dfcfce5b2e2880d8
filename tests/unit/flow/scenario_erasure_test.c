/*
 * tests/unit/flow/scenario_erasure_test.c - what is forgotten is gone, and what arrives late
 * stays gone; a crash in the middle changes neither facts nor revisions.
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
order_at(const char *id, const char *user, int64_t at, const char *more)
{
    flow_rig_send(&rig, HP_TOPIC_ORDERS, NULL,
        "{'order_id':'%s','user_id':'%s','ordered_at':%lld%s,'lines':[{'item_id':'tea-2',"
        "'quantity':1,'unit_price_minor':70000}]}",
        id, user, (long long)at, more);
}

static void
liked_at(const char *id, const char *user, int64_t at)
{
    flow_rig_send(&rig, HP_TOPIC_FEEDBACK, NULL,
        "{'feedback_id':'%s','user_id':'%s','at':%lld,'kind':'LIKED','item_id':'tea-3'}", id,
        user, (long long)at);
}

static void
preferences_at(const char *user, int64_t at, const char *more)
{
    flow_rig_send(&rig, HP_TOPIC_PREFERENCES, NULL,
        "{'user_id':'%s','version':1,'updated_at':%lld%s}", user, (long long)at, more);
}

static void
erase(const char *id, const char *user, int64_t at, const char *more)
{
    flow_rig_send(&rig, HP_TOPIC_ERASURES, NULL,
        "{'erasure_id':'%s','user_id':'%s','requested_at':%lld%s}", id, user, (long long)at,
        more);
}

/* The only receipt with this id. */
static struct hp_erasure_receipt
receipt(const char *id)
{
    struct flow_seen_list list = flow_rig_read(&rig, HP_TOPIC_ERASURE_RECEIPTS);
    struct hp_erasure_receipt found = {0};
    size_t count = 0;

    for (size_t i = 0; i < list.count; i++)
        if (hp_bytes_is(list.items[i].key, id)) {
            struct hp_error error;

            assert_int_equal(
                hp_codec_decode(rig.codec, HP_RECORD_ERASURE_RECEIPT, list.items[i].value,
                    (struct hp_bytes){0}, &rig.arena, &found, &error),
                HP_OK);
            count++;
        }
    assert_int_equal(count, 1);
    return found;
}

static size_t
standing_records(const char *user)
{
    return flow_rig_count(&rig, HP_TOPIC_BOX_RECOMMENDATIONS, user);
}

/* No key and no value of the store holds the text. */
static bool
store_is_free_of(const char *text)
{
    struct hp_kv_cursor *cursor = hp_kv_scan(rig.kv, hp_bytes("", 0), (struct hp_bytes){0});
    struct hp_error error;
    struct hp_bytes key;
    struct hp_bytes value;
    bool found = false;

    while (hp_kv_next(cursor, &key, &value))
        found |= (key.size && memmem(key.data, key.size, text, strlen(text))) ||
                 (value.size && memmem(value.data, value.size, text, strlen(text)));
    assert_int_equal(hp_kv_cursor_free(cursor, &error), HP_OK);
    return !found;
}

static void
an_erasure_leaves_a_tombstone_a_receipt_and_nothing_of_the_user(void **state)
{
    struct hp_erasure_receipt told;
    int64_t before;

    (void)state;
    order_at("o1", "asha-patil", rig.now_ms, "");
    order_at("o2", "asha-patil", rig.now_ms, ",'status':'CANCELLED'");
    liked_at("f1", "asha-patil", rig.now_ms);
    preferences_at("asha-patil", rig.now_ms, "");
    flow_rig_settle(&rig);
    assert_false(store_is_free_of("asha-patil"));
    before = rig.now_ms;
    erase("e1", "asha-patil", before, "");
    flow_rig_settle(&rig);
    assert_null(flow_rig_standing(&rig, "asha-patil"));
    assert_true(standing_records("asha-patil") > 1); /* boxes, then the tombstone */
    assert_true(store_is_free_of("asha-patil"));
    told = receipt("e1");
    assert_int_equal(told.events_voided, 3);
    assert_int_equal(told.requested_at, before);
    assert_true(told.erased_at >= before);
    assert_true(told.residual_until > told.erased_at);
    assert_string_equal(
        hp_arena_text(&rig.arena, told.state_digest), "00000000000000000000000000000000");
}

static void
who_never_stood_gets_a_receipt_and_no_tombstone(void **state)
{
    (void)state;
    erase("e1", "asha", rig.now_ms, "");
    flow_rig_settle(&rig);
    assert_int_equal(receipt("e1").events_voided, 0);
    assert_int_equal(standing_records("asha"), 0);
}

static void
late_events_of_the_erased_are_void(void **state)
{
    struct hp_digest digest;
    int64_t early = rig.now_ms;
    int64_t mark;

    (void)state;
    rig.now_ms += 5000;
    mark = rig.now_ms;
    erase("e1", "asha", mark, "");
    flow_rig_settle(&rig);
    digest = flow_rig_set_digest(&rig);
    order_at("o1", "asha", early, "");
    order_at("o2", "asha", mark, "");
    liked_at("f1", "asha", early);
    preferences_at("asha", mark, "");
    flow_rig_send(&rig, HP_TOPIC_BOX_REQUESTS, NULL,
        "{'request_id':'q1','user_id':'asha','requested_at':%lld}", (long long)mark);
    flow_rig_settle(&rig);
    assert_int_equal(standing_records("asha"), 0);
    assert_null(flow_rig_answer(&rig, "q1"));
    assert_true(hp_digest_equal(digest, flow_rig_set_digest(&rig)));
}

/* The same events, the erasure first or last, leave the same facts. */
static void
the_erasure_may_come_before_what_it_voids(void **state)
{
    int64_t mark = rig.now_ms + 60000;
    struct hp_digest digests[2];

    for (int first = 0; first < 2; first++) {
        if (first)
            set_up(state);
        rig.now_ms = mark + 60000;
        for (int i = 0; i < 2; i++) {
            if (i != first) {
                erase("e1", "asha", mark, "");
            } else {
                order_at("o1", "asha", mark - 1000, "");
                order_at("o2", "asha", mark + 1000, "");
                liked_at("f1", "asha", mark - 1000);
                preferences_at("asha", mark + 1000, "");
                preferences_at("asha", mark - 1000, ",'boxes':2");
                preferences_at("ravi", mark - 1000, ",'boxes':2");
            }
            flow_rig_settle(&rig);
        }
        digests[first] = flow_rig_set_digest(&rig);
        assert_int_equal(flow_rig_standing(&rig, "asha")->box_count, 3);
        assert_int_equal(flow_rig_standing(&rig, "ravi")->box_count, 2);
        if (!first)
            tear_down(state);
    }
    assert_true(hp_digest_equal(digests[0], digests[1]));
}

static void
what_came_after_the_moment_goes_on_counting(void **state)
{
    int64_t mark = rig.now_ms + 1000;
    const struct hp_recommendation *standing;

    (void)state;
    rig.now_ms += 5000;
    order_at("o1", "asha", mark - 1, "");
    order_at("o2", "asha", mark + 1, "");
    flow_rig_settle(&rig);
    assert_int_equal(flow_rig_standing(&rig, "asha")->budget_max_minor, 70000);
    erase("e1", "asha", mark, "");
    flow_rig_settle(&rig);
    assert_int_equal(receipt("e1").events_voided, 1);
    standing = flow_rig_standing(&rig, "asha");
    assert_non_null(standing);
    assert_int_equal(standing->budget_max_minor, 150000);
    assert_int_equal(standing_records("asha"), 3);
    assert_true(flow_rig_revisions(&rig));
}

static void
revisions_go_on_where_the_erased_stopped(void **state)
{
    (void)state;
    preferences_at("asha", rig.now_ms, "");
    flow_rig_settle(&rig);
    preferences_at("asha", rig.now_ms, ",'boxes':1");
    flow_rig_settle(&rig);
    erase("e1", "asha", rig.now_ms, "");
    flow_rig_settle(&rig);
    preferences_at("asha", rig.now_ms, "");
    flow_rig_settle(&rig);
    assert_int_equal(flow_rig_standing(&rig, "asha")->revision, 3);
    erase("e2", "asha", rig.now_ms, "");
    erase("e3", "asha", rig.now_ms, "");
    flow_rig_settle(&rig);
    assert_int_equal(receipt("e2").events_voided, 1);
    assert_int_equal(receipt("e3").events_voided, 0);
    assert_true(flow_rig_revisions(&rig));
}

/* A moment in the future erases up to now, and one before all time is no crash. */
static void
an_erasure_is_never_refused_for_its_time(void **state)
{
    size_t dead;

    (void)state;
    order_at("o1", "asha", rig.now_ms, "");
    flow_rig_settle(&rig);
    erase("e1", "asha", INT64_MAX, "");
    erase("e2", "ravi", INT64_MIN, "");
    flow_rig_settle(&rig);
    assert_int_equal(receipt("e1").events_voided, 1);
    assert_int_equal(receipt("e2").events_voided, 0);
    order_at("o2", "asha", rig.now_ms, "");
    flow_rig_settle(&rig);
    assert_non_null(flow_rig_standing(&rig, "asha"));
    flow_rig_dead(&rig, &dead);
    assert_int_equal(dead, 0);
}

/* The order goes on counting for its buyer; whom it was for is not known any more. */
static void
an_erased_recipient_leaves_the_orders_of_the_buyer(void **state)
{
    (void)state;
    order_at("o1", "asha", rig.now_ms, ",'recipient_id':'mum','occasion':'diwali'");
    order_at("o2", "asha", rig.now_ms, ",'recipient_id':'dad'");
    flow_rig_settle(&rig);
    assert_true(store_is_free_of("mum"));
    assert_false(store_is_free_of("diwali"));
    erase("e1", "asha", rig.now_ms, ",'recipient_id':'mum'");
    flow_rig_settle(&rig);
    assert_int_equal(receipt("e1").events_voided, 1);
    assert_true(store_is_free_of("diwali"));
    assert_int_equal(flow_rig_standing(&rig, "asha")->budget_max_minor, 70000);
    for (int i = 0; i < 2; i++)
        flow_rig_send(&rig, HP_TOPIC_BOX_REQUESTS, NULL,
            "{'request_id':'%s','user_id':'asha','requested_at':%lld,'recipient_id':'%s',"
            "'category_mix':[{'category':'tea','min':1}],'boxes':1,"
            "'exclude_items':['tea-1','tea-3','tea-4','tea-5','tea-x']}",
            i ? "q-dad" : "q-mum", (long long)rig.now_ms, i ? "dad" : "mum");
    flow_rig_settle(&rig);
    assert_true(flow_rig_holds(flow_rig_answer(&rig, "q-mum"), "tea-2"));
    assert_int_equal(flow_rig_answer(&rig, "q-dad")->status, HP_BOXES_INFEASIBLE);
}

static void
a_late_order_for_an_erased_recipient_is_kept_without_them(void **state)
{
    int64_t early = rig.now_ms;

    (void)state;
    rig.now_ms += 5000;
    erase("e1", "asha", rig.now_ms, ",'recipient_id':'mum'");
    flow_rig_settle(&rig);
    order_at("o1", "asha", early, ",'recipient_id':'mum','occasion':'diwali'");
    flow_rig_settle(&rig);
    assert_non_null(flow_rig_standing(&rig, "asha"));
    assert_true(store_is_free_of("diwali"));
}

/* ---- crashes ---- */

#define USERS 12

static void
send_some(int from, int to)
{
    for (int i = from; i < to; i++) {
        char user[16];
        char id[16];

        snprintf(user, sizeof(user), "user-%d", i % USERS);
        snprintf(id, sizeof(id), "x%d", i);
        order_at(id, user, RIG_START_MS - i, "");
        if (i % 3 == 0)
            liked_at(id, user, RIG_START_MS - i);
        if (i % 5 == 0)
            preferences_at(user, RIG_START_MS - i, i % 2 ? "" : ",'boxes':2");
        if (i % 17 == 0)
            erase(id, user, RIG_START_MS - i - 3, "");
        if (i % 11 == 0)
            flow_rig_item(&rig, "tea-3", "tea", 20000 + i, "'allergens':[]");
    }
}

static struct hp_digest
undisturbed(void **state)
{
    struct hp_digest digest;

    send_some(0, 200);
    flow_rig_settle(&rig);
    digest = flow_rig_set_digest(&rig);
    tear_down(state);
    set_up(state);
    return digest;
}

static void
crashing_changes_nothing(void **state, bool wipe)
{
    struct hp_digest digest = undisturbed(state);

    for (int i = 0; i < 10; i++) {
        send_some(20 * i, 20 * i + 20);
        for (int turn = 0; turn < 7 * i + 1; turn++)
            flow_rig_step(&rig);
        flow_rig_crash(&rig);
        if (wipe)
            flow_rig_wipe(&rig);
        rig.now_ms += 60000;
        flow_rig_start(&rig);
    }
    flow_rig_settle(&rig);
    assert_true(hp_digest_equal(digest, flow_rig_set_digest(&rig)));
    assert_true(flow_rig_revisions(&rig));
    for (int i = 0; i < USERS; i++) {
        char user[16];

        snprintf(user, sizeof(user), "user-%d", i);
        assert_non_null(flow_rig_standing(&rig, user));
        assert_true(flow_rig_valid(&rig, flow_rig_standing(&rig, user), NULL));
    }
}

static void
crashes_with_the_store_kept_end_in_the_same_facts(void **state)
{
    crashing_changes_nothing(state, false);
}

static void
crashes_with_the_store_lost_end_in_the_same_facts(void **state)
{
    crashing_changes_nothing(state, true);
}

/* An item vanished, and its tombstone was compacted away, while nobody ran. */
static void
a_change_nobody_saw_reaches_the_boxes_after_a_start(void **state)
{
    struct hp_error error;
    const char *item;

    (void)state;
    preferences_at("asha", rig.now_ms, "");
    flow_rig_settle(&rig);
    item =
        hp_arena_text(&rig.arena, flow_rig_standing(&rig, "asha")->boxes[0].items[0].item_id);
    flow_rig_crash(&rig);
    flow_rig_send_raw(&rig, HP_TOPIC_CATALOGUE, 0, item, (struct hp_bytes){0});
    flow_rig_item(&rig, "last", "tea", 12000, "'allergens':[]");
    for (int i = 0; i < 3; i++) {
        rig.now_ms += 3 * RIG_DAY_MS;
        assert_int_equal(
            hp_memory_compact(rig.cluster, rig.topics.name[HP_TOPIC_CATALOGUE], 0, &error),
            HP_OK);
    }
    flow_rig_wipe(&rig);
    flow_rig_start(&rig);
    flow_rig_settle(&rig);
    assert_false(flow_rig_holds(flow_rig_standing(&rig, "asha"), item));
    assert_true(flow_rig_valid(&rig, flow_rig_standing(&rig, "asha"), NULL));
    assert_true(flow_rig_revisions(&rig));
}

/* The price changed while nobody ran. */
static void
a_new_price_during_a_pause_reaches_the_boxes(void **state)
{
    const char *item;

    (void)state;
    preferences_at("asha", rig.now_ms, "");
    flow_rig_settle(&rig);
    item =
        hp_arena_text(&rig.arena, flow_rig_standing(&rig, "asha")->boxes[0].items[0].item_id);
    flow_rig_crash(&rig);
    rig.now_ms += 60000;
    flow_rig_item(&rig, item, "tea", 12345, "'allergens':[]");
    flow_rig_start(&rig);
    flow_rig_settle(&rig);
    assert_int_equal(flow_rig_standing(&rig, "asha")->revision, 2);
    assert_int_equal(flow_rig_standing(&rig, "asha")->cause, HP_CAUSE_CATALOGUE);
    assert_true(flow_rig_valid(&rig, flow_rig_standing(&rig, "asha"), NULL));
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(an_erasure_leaves_a_tombstone_a_receipt_and_nothing_of_the_user),
        CASE(who_never_stood_gets_a_receipt_and_no_tombstone),
        CASE(late_events_of_the_erased_are_void),
        CASE(the_erasure_may_come_before_what_it_voids),
        CASE(what_came_after_the_moment_goes_on_counting),
        CASE(revisions_go_on_where_the_erased_stopped),
        CASE(an_erasure_is_never_refused_for_its_time),
        CASE(an_erased_recipient_leaves_the_orders_of_the_buyer),
        CASE(a_late_order_for_an_erased_recipient_is_kept_without_them),
        CASE(crashes_with_the_store_kept_end_in_the_same_facts),
        CASE(crashes_with_the_store_lost_end_in_the_same_facts),
        CASE(a_change_nobody_saw_reaches_the_boxes_after_a_start),
        CASE(a_new_price_during_a_pause_reaches_the_boxes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
