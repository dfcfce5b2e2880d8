/* Epochs: what a reader sees and what a solver publishes. SPDX-License-Identifier: Apache-2.0
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/rng.h"
#include "broker/broker_memory.h"
#include "engine/view.h"
#include "flow/epoch.h"
#include "flow/model_view.h"
#include "flow/solve.h"
#include "ledger/digest.h"
#include "ledger/partial.h"
#include "ledger/partial.h"

#define PARTITIONS 2

struct world {
    int64_t now_ms;
    struct hp_cluster *cluster;
    struct hp_producer *producer;
    struct hp_model_view *view;
    struct hp_solver *solver;
};

static int64_t
clock_ms(void *context)
{
    return ((struct world *)context)->now_ms;
}

static void
make_topic(struct world *world, const char *name, int32_t partitions)
{
    const struct hp_setting settings[] = {{"cleanup.policy", "compact"}};
    const struct hp_topic_spec spec = {name, partitions, 1, settings, 1};

    assert_int_equal(hp_cluster_create(world->cluster, &spec, NULL), HP_OK);
}

static void
start_solver(struct world *world)
{
    world->solver = hp_solver_new(&(struct hp_solver_options){.cluster = world->cluster,
        .application_id = "test",
        .rows_topic = "rows",
        .model_topic = "model",
        .partitions = PARTITIONS,
        .eager = true});
}

static int
set_up(void **state)
{
    struct world *world = hp_alloc(sizeof(*world));
    struct hp_memory_options memory = {.clock = clock_ms, .clock_context = world};

    world->now_ms = 1000000;
    world->cluster = hp_cluster_memory_new(&memory);
    make_topic(world, "rows", PARTITIONS);
    make_topic(world, "model", 1);
    assert_int_equal(hp_producer_new(world->cluster, NULL, &world->producer, NULL), HP_OK);
    assert_int_equal(hp_model_view_new(world->cluster, "model", &world->view, NULL), HP_OK);
    *state = world;
    return 0;
}

static int
tear_down(void **state)
{
    struct world *world = *state;

    hp_solver_free(world->solver);
    hp_model_view_free(world->view);
    hp_producer_free(world->producer, false);
    hp_cluster_free(world->cluster);
    free(world);
    return 0;
}

static void
send(struct world *world, const char *topic, int32_t partition, struct hp_bytes key,
    struct hp_bytes value)
{
    assert_int_equal(
        hp_producer_send(world->producer,
            &(struct hp_outgoing){
                .topic = topic, .partition = partition, .key = key, .value = value},
            NULL),
        HP_OK);
    assert_int_equal(hp_producer_flush(world->producer, NULL), HP_OK);
}

static void
send_row(struct world *world, int32_t partition, struct hp_bytes item, int64_t users,
    int64_t day, int64_t buyers)
{
    const struct hp_head_day days[] = {{day, buyers}};
    const struct hp_head head = {users, 4 * users, users, days, buyers ? 1 : 0};
    struct hp_buffer key = {0};
    struct hp_buffer value = {0};

    hp_put_u32(&key, (uint32_t)partition);
    hp_buffer_append(&key, item.data, item.size);
    if (users)
        hp_partial_encode(&(struct hp_partial){.head = head}, &value);
    send(world, "rows", partition, hp_buffer_bytes(&key), hp_buffer_bytes(&value));
    hp_buffer_release(&key);
    hp_buffer_release(&value);
}

static void
turn(struct world *world, int turns)
{
    for (int i = 0; i < turns; i++) {
        struct hp_error error = {0};

        if (world->solver && hp_solver_step(world->solver, false, world->now_ms, &error))
            fail_msg("solver: %s", error.text);
        if (hp_model_view_step(world->view, 0, &error))
            fail_msg("view: %s", error.text);
        world->now_ms += 100;
    }
}

static int64_t
high(struct world *world, const char *topic)
{
    int64_t low;
    int64_t end;

    assert_int_equal(hp_cluster_watermarks(world->cluster, topic, 0, &low, &end, NULL), HP_OK);
    return end;
}

static struct hp_model_item
find(struct world *world, const char *item)
{
    struct hp_model_snapshot *snapshot = hp_model_view_acquire(world->view);
    struct hp_model_item found = hp_model_snapshot_find(snapshot, hp_bytes_text(item));

    hp_model_snapshot_release(snapshot);
    return found;
}

static int64_t
shown_epoch(struct world *world)
{
    struct hp_model_snapshot *snapshot = hp_model_view_acquire(world->view);
    int64_t epoch = hp_model_snapshot_epoch(snapshot);

    hp_model_snapshot_release(snapshot);
    return epoch;
}

static void
partial_rows_add_up_to_an_epoch(void **state)
{
    struct world *world = *state;

    send_row(world, 0, hp_bytes_text("tea"), 3, 100, 2);
    send_row(world, 1, hp_bytes_text("tea"), 2, 100, 2);
    send_row(world, 1, hp_bytes_text("!epoch"), 1, 80, 1);
    send_row(world, 0, HP_HEAD_EVERYBODY, 4, 100, 4);
    send_row(world, 1, HP_HEAD_EVERYBODY, 2, 100, 4);
    start_solver(world);
    turn(world, 20);
    assert_true(hp_solver_idle(world->solver));
    assert_int_equal(shown_epoch(world), 1);
    assert_int_equal(find(world, "tea").users, 5);
    assert_int_equal(find(world, "tea").trend_micros, 500000);
    /* One buyer twenty days ago is half a buyer today. */
    assert_int_equal(find(world, "!epoch").trend_micros, 62500);
    assert_int_equal(find(world, "tea").repurchase_micros, 1000000);
    assert_int_equal(find(world, "coffee").users, 0);
    assert_int_equal(find(world, "coffee").repurchase_micros, 1000000);
    assert_int_equal(find(world, "\x01").users, 0);
}

static void
only_what_differs_is_published(void **state)
{
    struct world *world = *state;
    int64_t before;

    send_row(world, 0, hp_bytes_text("tea"), 3, 100, 2);
    send_row(world, 0, hp_bytes_text("nuts"), 3, 100, 2);
    start_solver(world);
    turn(world, 20);
    before = high(world, "model");
    send_row(world, 0, hp_bytes_text("tea"), 3, 100, 2);
    turn(world, 20);
    assert_true(hp_solver_idle(world->solver));
    assert_int_equal(high(world, "model"), before);
    send_row(world, 0, hp_bytes_text("tea"), 4, 100, 2);
    turn(world, 20);
    assert_int_equal(high(world, "model"), before + 3); /* row, manifest, commit marker */
    assert_int_equal(shown_epoch(world), 2);
    assert_int_equal(find(world, "tea").users, 4);
}

static void
a_new_solver_publishes_nothing_when_nothing_changed(void **state)
{
    struct world *world = *state;
    int64_t before;

    send_row(world, 0, hp_bytes_text("tea"), 3, 100, 2);
    start_solver(world);
    turn(world, 20);
    hp_solver_free(world->solver);
    start_solver(world);
    before = high(world, "model");
    turn(world, 20);
    assert_true(hp_solver_idle(world->solver));
    assert_true(high(world, "model") <= before + 1); /* at most the marker of an empty start */
    assert_int_equal(hp_solver_epoch(world->solver), 1);
    assert_int_equal(shown_epoch(world), 1);
}

static void
items_that_are_gone_leave_the_model(void **state)
{
    struct world *world = *state;

    send_row(world, 0, hp_bytes_text("tea"), 3, 100, 2);
    send_row(world, 0, hp_bytes_text("nuts"), 1, 100, 1);
    start_solver(world);
    turn(world, 20);
    send_row(world, 0, hp_bytes_text("tea"), 0, 0, 0);
    turn(world, 20);
    assert_int_equal(find(world, "tea").users, 0);
    assert_int_equal(find(world, "nuts").users, 1);
    assert_int_equal(shown_epoch(world), 2);
}

static void
the_newer_solver_fences_the_older(void **state)
{
    struct world *world = *state;
    struct hp_solver *older;

    start_solver(world);
    turn(world, 20);
    older = world->solver;
    start_solver(world);
    turn(world, 20);
    send_row(world, 0, hp_bytes_text("tea"), 3, 100, 2);
    for (int i = 0; i < 30; i++) {
        struct hp_error error;

        assert_int_equal(hp_solver_step(older, false, world->now_ms, &error), HP_OK);
        turn(world, 1);
    }
    hp_solver_free(older);
    turn(world, 200);
    assert_true(hp_solver_idle(world->solver));
    assert_int_equal(shown_epoch(world), 1);
    assert_int_equal(find(world, "tea").users, 3);
}

/* ---- weights ----------------------------------------------------------------------------- */

#define ITEMS  80
#define BUYERS 400

/* What each of some users has; the same at every call. */
static void
baskets(bool has[BUYERS][ITEMS])
{
    struct hp_rng rng = {9};

    memset(has, 0, BUYERS * ITEMS * sizeof(bool));
    for (int u = 0; u < BUYERS; u++)
        for (int k = 0; k < 12; k++)
            has[u][hp_rng_below(&rng, hp_rng_below(&rng, ITEMS) + 1)] = true;
}

static struct hp_bytes
item_id(int item, char text[16])
{
    /* The order of ids is not that of the numbers. */
    snprintf(text, 16, "i%02d", item * 37 % ITEMS);
    return hp_bytes_text(text);
}

static void
send_partial(struct world *world, int32_t partition, struct hp_bytes item,
    const struct hp_partial *partial)
{
    struct hp_buffer key = {0};
    struct hp_buffer value = {0};

    hp_put_u32(&key, (uint32_t)partition);
    hp_buffer_append(&key, item.data, item.size);
    hp_partial_encode(partial, &value);
    send(world, "rows", partition, hp_buffer_bytes(&key), hp_buffer_bytes(&value));
    hp_buffer_release(&key);
    hp_buffer_release(&value);
}

static int
by_partner(const void *a, const void *b)
{
    return hp_bytes_compare(((const struct hp_partial_partner *)a)->item_id,
        ((const struct hp_partial_partner *)b)->item_id);
}

/* The row of `item` over users from `from` to below `end`, in steps. */
static void
send_item(struct world *world, bool has[BUYERS][ITEMS], int item, int32_t partition, int from,
    int end, int step)
{
    static char texts[ITEMS][16];
    struct hp_partial_partner partners[ITEMS];
    struct hp_partial partial = {.partners = partners};
    char text[16];

    for (int u = from; u < end; u += step)
        partial.head.users += has[u][item];
    for (int j = 0; j < ITEMS; j++) {
        int64_t users = 0;

        for (int u = from; u < end && j != item; u += step)
            users += has[u][item] && has[u][j];
        if (users)
            partners[partial.partner_count++] =
                (struct hp_partial_partner){item_id(j, texts[j]), users};
    }
    qsort(partners, partial.partner_count, sizeof(*partners), by_partner);
    send_partial(world, partition, item_id(item, text), &partial);
}

static void
send_everybody(struct world *world, int32_t partition, int users)
{
    const struct hp_partial partial = {.head = {.users = users}};

    send_partial(world, partition, HP_HEAD_EVERYBODY, &partial);
}

struct reading { /* what stands in the model topic */
    struct hp_digest rows;
    struct hp_arena arena;
};

static void
take_model(void *context, const struct hp_message *message)
{
    struct reading *reading = context;
    struct hp_manifest manifest;

    if (!hp_bytes_is(message->key, HP_MANIFEST_KEY))
        return;
    assert_int_equal(
        hp_manifest_decode(message->value, &reading->arena, &manifest, NULL), HP_OK);
    reading->rows = manifest.rows;
}

static struct hp_digest
published(struct world *world)
{
    struct reading reading = {.rows = {0, 0}};
    struct hp_view *view = NULL;

    assert_int_equal(hp_view_new(&(struct hp_view_options){.cluster = world->cluster,
                                     .topic = "model",
                                     .context = &reading,
                                     .apply = take_model},
                         &view, NULL),
        HP_OK);
    while (!hp_view_ready(view))
        assert_int_equal(hp_view_step(view, 0, NULL), HP_OK);
    hp_view_free(view);
    hp_arena_release(&reading.arena);
    return reading.rows;
}

static void
settle(struct world *world)
{
    for (int i = 0; i < 1000 && !hp_solver_idle(world->solver); i++)
        turn(world, 1);
    assert_true(hp_solver_idle(world->solver));
    turn(world, 2);
}

/* Everything at once in one partition, or split over two, in another order, bit by bit, with
 * counts in between that do not hold any more: the rows of the model are the same bytes. */
static void
a_settled_model_is_a_function_of_the_rows_alone(void **state)
{
    static bool has[BUYERS][ITEMS];
    struct hp_digest once;
    struct world *world = *state;
    void *second = NULL;

    baskets(has);
    start_solver(world);
    for (int i = 0; i < ITEMS; i++)
        send_item(world, has, i, 0, 0, BUYERS, 1);
    send_everybody(world, 0, BUYERS);
    settle(world);
    once = published(world);
    assert_int_not_equal(once.low, 0);

    set_up(&second);
    world = second;
    start_solver(world);
    for (int i = ITEMS; i-- > 0;) {
        send_item(world, has, i, 1, 0, BUYERS / 2, 1);
        if (i % 7 == 0)
            turn(world, 3);
    }
    send_everybody(world, 1, BUYERS);
    settle(world);
    for (int i = 0; i < ITEMS; i++) {
        send_item(world, has, i * 3 % ITEMS, 0, 0, BUYERS, 2);
        send_item(world, has, i * 3 % ITEMS, 1, 1, BUYERS, 2);
        if (i % 5 == 0)
            turn(world, 2);
    }
    for (int i = 0; i < ITEMS; i++) {
        send_item(world, has, i, 0, 0, BUYERS, 2);
        send_item(world, has, i, 1, 1, BUYERS, 2);
    }
    send_everybody(world, 0, BUYERS / 2);
    send_everybody(world, 1, BUYERS / 2);
    settle(world);
    assert_true(hp_digest_equal(published(world), once));
    tear_down(&second);
}

/* A weight stands for at least privacy.min.buyers people. */
static void
rare_pairs_are_not_published(void **state)
{
    static bool has[BUYERS][ITEMS];
    struct world *world = *state;
    struct hp_model_snapshot *snapshot;
    size_t links = 0;

    baskets(has);
    start_solver(world);
    for (int i = 0; i < ITEMS; i++)
        send_item(world, has, i, 0, 0, BUYERS, 1);
    send_everybody(world, 0, BUYERS);
    settle(world);
    snapshot = hp_model_view_acquire(world->view);
    for (int i = 0; i < ITEMS; i++) {
        char text[16];
        uint32_t number = hp_model_snapshot_number(snapshot, item_id(i, text));
        struct hp_model_links speaks = hp_model_snapshot_speaks_for(snapshot, number);
        struct hp_model_links goes = hp_model_snapshot_goes_with(snapshot, number);

        for (size_t k = 0; k < speaks.count + goes.count; k++) {
            struct hp_bytes other = hp_model_snapshot_id(
                snapshot, k < speaks.count ? speaks.items[k] : goes.items[k - speaks.count]);
            int users = 0;

            for (int j = 0; j < ITEMS; j++)
                for (int u = 0; u < BUYERS && hp_bytes_equal(item_id(j, text), other); u++)
                    users += has[u][i] && has[u][j];
            assert_in_range(users, hp_weights_defaults.min_buyers, BUYERS);
            links++;
        }
    }
    assert_in_range(links, ITEMS, 2 * ITEMS * HP_PARTNERS_MAX);
    hp_model_snapshot_release(snapshot);
}

/* A solver that dies between its rows and its commit leaves nothing; the next one publishes. */
static void
a_publication_cut_short_is_never_seen(void **state)
{
    struct world *world = *state;
    struct hp_producer *dying = NULL;
    struct hp_model_row row = {.users = 77};
    struct hp_model_weights weights = {.count = 0};
    struct hp_buffer value = {0};

    send_row(world, 0, hp_bytes_text("tea"), 3, 100, 2);
    start_solver(world);
    turn(world, 20);
    hp_solver_free(world->solver);
    world->solver = NULL;
    hp_model_row_encode(&row, &weights, &value);
    assert_int_equal(hp_producer_new(world->cluster, "test-solver", &dying, NULL), HP_OK);
    assert_int_equal(hp_producer_begin(dying, NULL), HP_OK);
    assert_int_equal(hp_producer_send(dying,
                         &(struct hp_outgoing){.topic = "model",
                             .partition = 0,
                             .key = hp_bytes_text("tea"),
                             .value = hp_buffer_bytes(&value)},
                         NULL),
        HP_OK);
    hp_buffer_release(&value);
    hp_producer_free(dying, true);
    turn(world, 3);
    assert_int_equal(find(world, "tea").users, 3);
    assert_int_equal(shown_epoch(world), 1);
    send_row(world, 0, hp_bytes_text("tea"), 4, 100, 2);
    start_solver(world);
    turn(world, 200);
    assert_true(hp_solver_idle(world->solver));
    assert_int_equal(shown_epoch(world), 2);
    assert_int_equal(find(world, "tea").users, 4);
}

/* ---- the reader alone -------------------------------------------------------------------- */

static struct hp_digest
send_model_row(struct world *world, const char *item, int64_t users)
{
    struct hp_model_row row = {.users = users};
    struct hp_model_weights weights = {.count = 0};
    struct hp_buffer key = {0};
    struct hp_buffer value = {0};
    struct hp_digest digest;

    hp_model_key(hp_bytes_text(item), &key);
    hp_model_row_encode(&row, &weights, &value);
    send(world, "model", 0, hp_buffer_bytes(&key), hp_buffer_bytes(&value));
    digest = hp_row_digest(0, hp_buffer_bytes(&key), hp_buffer_bytes(&value));
    hp_buffer_release(&key);
    hp_buffer_release(&value);
    return digest;
}

static void
send_manifest(struct world *world, int64_t epoch, int64_t count, struct hp_digest rows)
{
    struct hp_manifest manifest = {.epoch = epoch, .item_count = count, .rows = rows};
    struct hp_buffer value = {0};

    hp_manifest_encode(&manifest, &value);
    send(world, "model", 0, hp_bytes_text(HP_MANIFEST_KEY), hp_buffer_bytes(&value));
    hp_buffer_release(&value);
}

static void
half_an_epoch_is_never_seen(void **state)
{
    struct world *world = *state;
    struct hp_digest tea = send_model_row(world, "tea", 1);
    struct hp_digest nuts;
    struct hp_model_snapshot *held;

    turn(world, 3);
    assert_int_equal(shown_epoch(world), 0);
    assert_int_equal(find(world, "tea").users, 0);
    send_manifest(world, 1, 1, tea);
    turn(world, 3);
    assert_int_equal(find(world, "tea").users, 1);
    held = hp_model_view_acquire(world->view);
    nuts = send_model_row(world, "nuts", 2);
    turn(world, 3);
    assert_int_equal(find(world, "nuts").users, 0);
    send_manifest(world, 2, 2, hp_digest_add(tea, nuts));
    turn(world, 3);
    assert_int_equal(find(world, "nuts").users, 2);
    assert_int_equal(hp_model_snapshot_find(held, hp_bytes_text("nuts")).users, 0);
    assert_int_equal(hp_model_snapshot_epoch(held), 1);
    hp_model_snapshot_release(held);
}

static void
an_epoch_that_does_not_fit_its_manifest_is_not_shown(void **state)
{
    struct world *world = *state;
    struct hp_digest tea = send_model_row(world, "tea", 1);
    struct hp_digest more;

    send_manifest(world, 1, 1, tea);
    turn(world, 3);
    more = hp_digest_add(tea, send_model_row(world, "nuts", 2));
    send(world, "model", 0, hp_bytes_text("cake"), hp_bytes_text("not a row"));
    send_manifest(world, 2, 3, more);
    turn(world, 3);
    assert_int_equal(shown_epoch(world), 1);
    assert_int_equal(find(world, "nuts").users, 0);
    send(world, "model", 0, hp_bytes_text(HP_MANIFEST_KEY), hp_bytes_text("not a manifest"));
    turn(world, 3);
    assert_int_equal(shown_epoch(world), 1);
    send_manifest(world, 3, 2, more);
    turn(world, 3);
    assert_int_equal(shown_epoch(world), 3);
    assert_int_equal(find(world, "nuts").users, 2);
}

/* What a solver finds broken in the topic, it mends. */
static void
a_new_solver_repairs_the_topic(void **state)
{
    struct world *world = *state;

    send_row(world, 0, hp_bytes_text("tea"), 3, 100, 2);
    start_solver(world);
    turn(world, 20);
    send(world, "model", 0, hp_bytes_text("tea"), hp_bytes_text("not a row"));
    send_manifest(world, 2, 7, (struct hp_digest){1, 1});
    turn(world, 3);
    hp_solver_free(world->solver);
    start_solver(world);
    turn(world, 20);
    assert_int_equal(shown_epoch(world), 3);
    assert_int_equal(find(world, "tea").users, 3);
}

static void
a_compacted_topic_gives_the_same_model(void **state)
{
    struct world *world = *state;

    start_solver(world);
    for (int i = 1; i <= 5; i++) {
        send_row(world, 0, hp_bytes_text("tea"), i, 100 + i, 1);
        send_row(world, 1, hp_bytes_text(i % 2 ? "nuts" : "cake"), i % 3, 100, i % 3);
        turn(world, 20);
    }
    assert_int_equal(hp_memory_compact(world->cluster, "model", 0, NULL), HP_OK);
    hp_model_view_free(world->view);
    assert_int_equal(hp_model_view_new(world->cluster, "model", &world->view, NULL), HP_OK);
    turn(world, 5);
    assert_int_equal(shown_epoch(world), hp_solver_epoch(world->solver));
    assert_int_equal(find(world, "tea").users, 5);
    assert_int_equal(find(world, "nuts").users, 2);
    assert_int_equal(find(world, "cake").users, 1);
}

static void
keys_of_items_never_meet_the_manifest(void **state)
{
    static const char *const items[] = {"tea", "!", "!epoch", "!!epoch"};

    (void)state;
    for (size_t i = 0; i < HP_ARRAY_SIZE(items); i++) {
        struct hp_buffer key = {0};

        hp_model_key(hp_bytes_text(items[i]), &key);
        assert_false(hp_bytes_is(hp_buffer_bytes(&key), HP_MANIFEST_KEY));
        assert_true(hp_bytes_is(hp_model_key_item(hp_buffer_bytes(&key)), items[i]));
        hp_buffer_release(&key);
    }
    assert_null(hp_model_key_item(hp_bytes_text(HP_MANIFEST_KEY)).data);
    assert_null(hp_model_key_item(hp_bytes_text("!")).data);
    assert_null(hp_model_key_item((struct hp_bytes){0}).data);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(partial_rows_add_up_to_an_epoch, set_up, tear_down),
        cmocka_unit_test_setup_teardown(only_what_differs_is_published, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            a_new_solver_publishes_nothing_when_nothing_changed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(items_that_are_gone_leave_the_model, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_newer_solver_fences_the_older, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            a_settled_model_is_a_function_of_the_rows_alone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(rare_pairs_are_not_published, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            a_publication_cut_short_is_never_seen, set_up, tear_down),
        cmocka_unit_test_setup_teardown(half_an_epoch_is_never_seen, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            an_epoch_that_does_not_fit_its_manifest_is_not_shown, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_new_solver_repairs_the_topic, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            a_compacted_topic_gives_the_same_model, set_up, tear_down),
        cmocka_unit_test(keys_of_items_never_meet_the_manifest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
