/*
 * tests/bench/model_bench.c - what the item model costs, and how good it is.
 *
 *     model_bench                          10,000 made-up items, 20,000 users: cost alone
 *     model_bench DIR [DAY [BUYERS]]       event files; learns what was ordered before DAY
 * (UTC, as 2011-07-05; default: all) with privacy.min.buyers BUYERS (default 1), asks for the
 * 45 days after it
 *
 * Costs are processor time of one thread. Quality goes the way of the stream: facts to
 * aggregates, shares and partial rows, rows topic, solver, model topic, view, scores; ranked is
 * the whole catalogue. Three protocols: a user's first order in the window (all items, and only
 * those new to him); half of each order from the other half; 300 items nobody was seen to buy,
 * ranked among themselves. The last two seed their choice with 1.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "archive/jsonl.h"
#include "base/rng.h"
#include "broker/broker_memory.h"
#include "domain/instant.h"
#include "domain/limits.h"
#include "flow/candidates.h"
#include "flow/pairs.h"
#include "flow/score.h"
#include "flow/solve.h"
#include "ledger/partial.h"

#include <math.h>
#include <time.h>

#define WINDOW_DAYS   45
#define TOP           20
#define COLD_ITEMS    300
#define ROUNDS        2001
#define PAST_ITEMS    100
#define MADE_UP       10000
#define MADE_UP_USERS 20000
#define PARTITIONS    2

struct shop { /* what is on sale, and who ordered what */
    struct hp_arena arena;
    struct hp_shelf *shelves;
    const struct hp_shelf **list;
    struct hp_catalogue catalogue;
    struct hp_user_order *orders; /* by user, then time */
    struct hp_bytes *buyers;      /* of each order */
    size_t order_count;
    size_t order_room;
};

struct user { /* after learning */
    struct hp_aggregate aggregate;
    uint32_t *sampled; /* indexes of H_u */
    size_t sampled_count;
    size_t first; /* order, and the first one past those */
    size_t end;
    size_t learnt; /* orders before the day */
};

struct learnt {
    struct hp_arena arena;
    int64_t before_ms;
    const bool *hidden; /* items taken out of every order, or NULL */
    struct user *users;
    size_t user_count;
    struct hp_partial *partials; /* partition × items */
    struct hp_partial everybody[PARTITIONS];
};

struct model {
    struct hp_cluster *cluster;
    struct hp_model_view *view;
    struct hp_model_snapshot *snapshot;
    struct hp_assortment *assortment;
};

static double
processor_seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void
must(enum hp_status status, const struct hp_error *error)
{
    if (status)
        hp_die("%s", error->text);
}

/* ---- the shop -----------------------------------------------------------------------------
 */

static int
by_shelf(const void *a, const void *b)
{
    return hp_bytes_compare((*(const struct hp_shelf *const *)a)->item.item_id,
        (*(const struct hp_shelf *const *)b)->item.item_id);
}

static void
open_catalogue(struct shop *shop, size_t count)
{
    for (size_t i = 0; i < count; i++)
        shop->list[i] = &shop->shelves[i];
    qsort(shop->list, count, sizeof(struct hp_shelf *), by_shelf);
    shop->catalogue = (struct hp_catalogue){.shelves = shop->list, .count = count};
}

static uint32_t
index_of(const struct shop *shop, struct hp_bytes id)
{
    size_t from = 0;
    size_t end = shop->catalogue.count;

    while (from < end) {
        size_t middle = (from + end) / 2;
        int order = hp_bytes_compare(shop->list[middle]->item.item_id, id);

        if (order == 0)
            return (uint32_t)middle;
        if (order < 0)
            from = middle + 1;
        else
            end = middle;
    }
    return HP_NO_INDEX;
}

static void
add_order(struct shop *shop, const struct hp_order *order)
{
    if (shop->order_count == shop->order_room) {
        size_t room = shop->order_room ? 2 * shop->order_room : 4096;
        struct hp_user_order *orders = hp_alloc(room * sizeof(*orders));
        struct hp_bytes *buyers = hp_alloc(room * sizeof(*buyers));

        if (shop->order_count) {
            memcpy(orders, shop->orders, shop->order_count * sizeof(*orders));
            memcpy(buyers, shop->buyers, shop->order_count * sizeof(*buyers));
        }
        free(shop->orders);
        free(shop->buyers);
        shop->orders = orders;
        shop->buyers = buyers;
        shop->order_room = room;
    }
    shop->buyers[shop->order_count] = order->user_id;
    shop->orders[shop->order_count].order_id = order->order_id;
    hp_order_fact_from_event(order, (struct hp_bytes){NULL, 0}, &shop->arena,
        &shop->orders[shop->order_count++].fact);
}

static const struct shop *sorting;

static int
by_buyer(const void *a, const void *b)
{
    size_t left = *(const size_t *)a;
    size_t right = *(const size_t *)b;
    const struct hp_user_order *first = &sorting->orders[left];
    const struct hp_user_order *second = &sorting->orders[right];
    int order = hp_bytes_compare(sorting->buyers[left], sorting->buyers[right]);

    if (order == 0 && first->fact.ordered_at != second->fact.ordered_at)
        order = first->fact.ordered_at < second->fact.ordered_at ? -1 : 1;
    return order ? order : hp_bytes_compare(first->order_id, second->order_id);
}

static void
sort_orders(struct shop *shop)
{
    size_t count = shop->order_count;
    size_t *places = hp_alloc((count + 1) * sizeof(*places));
    struct hp_user_order *orders = hp_alloc((count + 1) * sizeof(*orders));
    struct hp_bytes *buyers = hp_alloc((count + 1) * sizeof(*buyers));

    for (size_t i = 0; i < count; i++)
        places[i] = i;
    sorting = shop;
    qsort(places, count, sizeof(*places), by_buyer);
    for (size_t i = 0; i < count; i++) {
        orders[i] = shop->orders[places[i]];
        buyers[i] = shop->buyers[places[i]];
    }
    free(shop->orders);
    free(shop->buyers);
    free(places);
    shop->orders = orders;
    shop->buyers = buyers;
}

static void
read_shop(struct shop *shop, const char *path)
{
    struct hp_events_options options = {.path = path, .now_ms = INT64_MAX / 4};
    struct hp_events *events = NULL;
    struct hp_error error = {0};
    struct hp_file_event event;
    size_t room;
    size_t count = 0;

    must(hp_events_open(&options, &events, &error), &error);
    room = hp_events_count_of(events, HP_RECORD_CATALOGUE_ITEM) + 1;
    shop->shelves = hp_alloc(room * sizeof(*shop->shelves));
    shop->list = hp_alloc(room * sizeof(struct hp_shelf *));
    while (hp_events_next(events, &shop->arena, &event)) {
        if (event.type == HP_RECORD_ORDER)
            add_order(shop, &event.event->order);
        if (event.type == HP_RECORD_CATALOGUE_ITEM) {
            shop->shelves[count].item = event.event->catalogue_item;
            shop->shelves[count].rules.quantity_max = 1;
            shop->shelves[count++].family = event.event->catalogue_item.item_id;
        }
    }
    hp_events_free(events);
    open_catalogue(shop, count);
    sort_orders(shop);
}

static struct hp_bytes
made_text(struct shop *shop, const char *what, uint64_t number)
{
    return hp_bytes_text(hp_arena_printf(&shop->arena, "%s%06u", what, (unsigned)number));
}

/* Popularity falls with the number; tastes are 50 groups of items. */
static uint32_t
made_choice(struct hp_rng *rng, uint64_t taste)
{
    uint64_t item = hp_rng_below(rng, hp_rng_below(rng, MADE_UP) + 1);

    return (uint32_t)(hp_rng_below(rng, 3) ? item / 50 * 50 + taste : item) % MADE_UP;
}

static void
make_shop(struct shop *shop)
{
    struct hp_rng rng = {1};
    struct hp_order_line lines[30];

    shop->shelves = hp_alloc(MADE_UP * sizeof(*shop->shelves));
    shop->list = hp_alloc(MADE_UP * sizeof(struct hp_shelf *));
    for (uint32_t i = 0; i < MADE_UP; i++) {
        shop->shelves[i].item =
            (struct hp_catalogue_item){.item_id = made_text(shop, "item-", i),
                .name = hp_bytes_text(hp_arena_printf(&shop->arena, "thing %u of kind %u in %u",
                    (unsigned)hp_rng_below(&rng, 500), (unsigned)(i % 50),
                    (unsigned)hp_rng_below(&rng, 40))),
                .category = made_text(shop, "category ", i % 24),
                .price_minor = 5000 + (int64_t)hp_rng_below(&rng, 60000)};
        shop->shelves[i].rules.quantity_max = 1;
        shop->shelves[i].family = shop->shelves[i].item.item_id;
    }
    open_catalogue(shop, MADE_UP);
    for (uint32_t u = 0; u < MADE_UP_USERS; u++) {
        struct hp_order order = {.order_id = made_text(shop, "o", u),
            .user_id = made_text(shop, "u", u),
            .version = 1,
            .ordered_at = HP_DAY_MS * (20000 + (int64_t)hp_rng_below(&rng, 90)),
            .lines = lines,
            .line_count = 10 + hp_rng_below(&rng, 20)};

        for (size_t k = 0; k < order.line_count; k++)
            lines[k] = (struct hp_order_line){
                shop->shelves[made_choice(&rng, u % 50)].item.item_id, 1, 100};
        add_order(shop, &order);
    }
    sort_orders(shop);
}

/* ---- learning: facts to partial rows ------------------------------------------------------
 */

/* The fact without what is hidden. */
static struct hp_order_fact
shown_fact(const struct shop *shop, const struct learnt *learnt, struct hp_arena *arena,
    const struct hp_order_fact *fact)
{
    struct hp_order_line *lines = HP_ARENA_ARRAY(arena, fact->line_count, struct hp_order_line);
    struct hp_order_fact shown = *fact;

    shown.lines = lines;
    shown.line_count = 0;
    for (size_t i = 0; i < fact->line_count; i++) {
        uint32_t index = index_of(shop, fact->lines[i].item_id);

        if (index != HP_NO_INDEX && !(learnt->hidden && learnt->hidden[index]))
            lines[shown.line_count++] = fact->lines[i];
    }
    shown.stub = shown.line_count == 0;
    return shown;
}

static void
learn_user(const struct shop *shop, struct learnt *learnt, struct user *user)
{
    struct hp_arena *arena = &learnt->arena;
    struct hp_user_order *orders =
        HP_ARENA_ARRAY(arena, user->end - user->first, struct hp_user_order);
    struct hp_user_facts facts = {.user_id = shop->buyers[user->first], .orders = orders};

    for (size_t i = user->first; i < user->end; i++) {
        if (shop->orders[i].fact.ordered_at >= learnt->before_ms || shop->orders[i].fact.stub)
            continue;
        user->learnt++;
        orders[facts.order_count] = shop->orders[i];
        orders[facts.order_count++].fact =
            shown_fact(shop, learnt, arena, &shop->orders[i].fact);
    }
    hp_aggregate_build(&facts, arena, &user->aggregate);
    user->sampled = HP_ARENA_ARRAY(arena, user->aggregate.item_count, uint32_t);
    for (size_t i = 0; i < user->aggregate.item_count; i++)
        if (user->aggregate.items[i].sampled)
            user->sampled[user->sampled_count++] =
                index_of(shop, user->aggregate.items[i].item_id);
}

static int32_t
partition_of(const struct shop *shop, const struct user *user)
{
    return hp_partition_of(shop->buyers[user->first], PARTITIONS);
}

static void
add_shares(const struct shop *shop, struct learnt *learnt, const struct user *user)
{
    int32_t partition = partition_of(shop, user);
    struct hp_shares shares;
    struct hp_error error;

    hp_shares_build(&user->aggregate, &learnt->arena, &shares);
    for (size_t i = 0; i < shares.count; i++) {
        uint32_t index = index_of(shop, shares.items[i].item_id);
        struct hp_partial *partial =
            index == HP_NO_INDEX
                ? &learnt->everybody[partition]
                : &learnt->partials[(size_t)partition * shop->catalogue.count + index];

        must(
            hp_head_add(&partial->head, &shares.items[i].head, &learnt->arena, &error), &error);
    }
}

static void
fill_partners(const struct shop *shop, struct hp_arena *arena, const uint32_t *both,
    uint32_t item, struct hp_partial *partial)
{
    struct hp_partial_partner *partners;
    size_t count = 0;

    for (size_t i = 0; i < shop->catalogue.count; i++)
        count += both[i] > 0 && i != item;
    partners = HP_ARENA_ARRAY(arena, count, struct hp_partial_partner);
    for (size_t i = 0; i < shop->catalogue.count; i++)
        if (both[i] > 0 && i != item)
            partners[partial->partner_count++] =
                (struct hp_partial_partner){shop->list[i]->item.item_id, both[i]};
    partial->partners = partners;
}

static void
count_pairs(const struct shop *shop, struct learnt *learnt, int32_t partition)
{
    size_t items = shop->catalogue.count;
    uint32_t *both = hp_alloc(items * sizeof(*both));
    size_t *starts = hp_alloc((items + 2) * sizeof(*starts));
    const struct user **holders = NULL;

    for (size_t u = 0; u < learnt->user_count; u++)
        for (size_t k = 0; k < learnt->users[u].sampled_count; k++)
            starts[learnt->users[u].sampled[k] + 2]++;
    for (size_t i = 0; i < items; i++)
        starts[i + 2] += starts[i + 1];
    holders = hp_alloc((starts[items + 1] + 1) * sizeof(struct user *));
    for (size_t u = 0; u < learnt->user_count; u++)
        for (size_t k = 0; k < learnt->users[u].sampled_count; k++)
            holders[starts[learnt->users[u].sampled[k] + 1]++] = &learnt->users[u];
    for (uint32_t i = 0; i < items; i++) {
        memset(both, 0, items * sizeof(*both));
        for (size_t h = starts[i]; h < starts[i + 1]; h++)
            for (size_t k = 0;
                 k < holders[h]->sampled_count && partition_of(shop, holders[h]) == partition;
                 k++)
                both[holders[h]->sampled[k]]++;
        fill_partners(
            shop, &learnt->arena, both, i, &learnt->partials[(size_t)partition * items + i]);
    }
    free(both);
    free(starts);
    free(holders);
}

static void
learn(const struct shop *shop, struct learnt *learnt)
{
    learnt->users = hp_alloc((shop->order_count + 1) * sizeof(*learnt->users));
    learnt->partials =
        hp_alloc(PARTITIONS * (shop->catalogue.count + 1) * sizeof(*learnt->partials));
    for (size_t i = 0; i < shop->order_count;) {
        struct user *user = &learnt->users[learnt->user_count++];

        user->first = i;
        while (
            i < shop->order_count && hp_bytes_equal(shop->buyers[i], shop->buyers[user->first]))
            i++;
        user->end = i;
        learn_user(shop, learnt, user);
        add_shares(shop, learnt, user);
    }
    for (int32_t p = 0; p < PARTITIONS; p++)
        count_pairs(shop, learnt, p);
}

static void
forget(struct learnt *learnt)
{
    free(learnt->users);
    free(learnt->partials);
    hp_arena_release(&learnt->arena);
}

/* ---- the model through its topics ---------------------------------------------------------
 */

static int64_t
no_clock(void *context)
{
    (void)context;
    return 1000000;
}

static void
send_row(struct hp_producer *producer, int32_t partition, struct hp_bytes item,
    const struct hp_partial *partial)
{
    struct hp_buffer key = {0};
    struct hp_buffer value = {0};
    struct hp_error error;

    hp_put_u32(&key, (uint32_t)partition);
    hp_buffer_append(&key, item.data, item.size);
    hp_partial_encode(partial, &value);
    if (value.data)
        must(hp_producer_send(producer,
                 &(struct hp_outgoing){.topic = "rows",
                     .partition = partition,
                     .key = hp_buffer_bytes(&key),
                     .value = hp_buffer_bytes(&value)},
                 &error),
            &error);
    hp_buffer_release(&key);
    hp_buffer_release(&value);
}

static void
send_rows(const struct shop *shop, const struct learnt *learnt, struct hp_cluster *cluster)
{
    struct hp_producer *producer = NULL;
    struct hp_error error;

    must(hp_producer_new(cluster, NULL, &producer, &error), &error);
    for (int32_t p = 0; p < PARTITIONS; p++) {
        send_row(producer, p, HP_HEAD_EVERYBODY, &learnt->everybody[p]);
        for (size_t i = 0; i < shop->catalogue.count; i++)
            send_row(producer, p, shop->list[i]->item.item_id,
                &learnt->partials[(size_t)p * shop->catalogue.count + i]);
    }
    must(hp_producer_flush(producer, &error), &error);
    hp_producer_free(producer, false);
}

static void
publish_model(const struct shop *shop, const struct learnt *learnt, int64_t min_buyers,
    struct model *model)
{
    struct hp_memory_options memory = {.clock = no_clock};
    struct hp_weights_constants weights = hp_weights_defaults;
    const struct hp_topic_spec rows = {"rows", PARTITIONS, 1, NULL, 0};
    const struct hp_topic_spec topic = {"model", 1, 1, NULL, 0};
    struct hp_solver *solver;
    struct hp_error error;

    weights.min_buyers = min_buyers;
    model->cluster = hp_cluster_memory_new(&memory);
    must(hp_cluster_create(model->cluster, &rows, &error), &error);
    must(hp_cluster_create(model->cluster, &topic, &error), &error);
    send_rows(shop, learnt, model->cluster);
    must(hp_model_view_new(model->cluster, "model", &model->view, &error), &error);
    solver = hp_solver_new(&(struct hp_solver_options){.cluster = model->cluster,
        .application_id = "bench",
        .rows_topic = "rows",
        .model_topic = "model",
        .partitions = PARTITIONS,
        .eager = true,
        .weights = &weights});
    for (int64_t now = 0; !hp_solver_idle(solver); now += 1000)
        must(hp_solver_step(solver, false, now, &error), &error);
    hp_solver_free(solver);
    model->snapshot = hp_model_view_acquire(model->view);
    while (hp_model_snapshot_epoch(model->snapshot) == 0) {
        hp_model_snapshot_release(model->snapshot);
        must(hp_model_view_step(model->view, 0, &error), &error);
        model->snapshot = hp_model_view_acquire(model->view);
    }
    model->assortment = hp_assortment_new(&shop->catalogue, model->snapshot, NULL);
}

static void
close_model(struct model *model)
{
    hp_assortment_free(model->assortment);
    hp_model_snapshot_release(model->snapshot);
    hp_model_view_free(model->view);
    hp_cluster_free(model->cluster);
}

/* ---- measures -----------------------------------------------------------------------------
 */

struct measure {
    double ndcg;
    double recall;
    double hits;
    int users;
};

/* The TOP best by score, ties by index; below 0 is left out. */
static size_t
best_of(const double *scores, size_t count, uint32_t best[TOP])
{
    size_t kept = 0;

    for (size_t i = 0; i < count; i++) {
        size_t at;

        if (scores[i] < 0 || (kept == TOP && scores[i] <= scores[best[TOP - 1]]))
            continue;
        at = kept < TOP ? kept++ : TOP - 1;
        for (; at > 0 && scores[best[at - 1]] < scores[i]; at--)
            best[at] = best[at - 1];
        best[at] = (uint32_t)i;
    }
    return kept;
}

static void
measure_add(struct measure *measure, const double *scores, const bool *wanted, size_t count)
{
    uint32_t best[TOP];
    size_t kept = best_of(scores, count, best);
    double gain = 0;
    double ideal = 0;
    int wanted_count = 0;
    int found = 0;
    int found_ten = 0;

    for (size_t i = 0; i < count; i++)
        wanted_count += wanted[i];
    if (wanted_count == 0)
        return;
    for (size_t k = 0; k < kept; k++) {
        found += wanted[best[k]];
        found_ten += k < 10 && wanted[best[k]];
        gain += k < 10 && wanted[best[k]] ? 1 / log2((double)k + 2) : 0;
    }
    for (int k = 0; k < 10 && k < wanted_count; k++)
        ideal += 1 / log2(k + 2);
    measure->ndcg += gain / ideal;
    measure->recall += (double)found / wanted_count;
    measure->hits += found_ten > 0;
    measure->users++;
}

static void
measure_print(const char *name, const struct measure *measure)
{
    double users = measure->users ? measure->users : 1;

    printf("%-34s %6d   NDCG@10 %.4f   R@20 %.4f   HR@10 %.4f\n", name, measure->users,
        measure->ndcg / users, measure->recall / users, measure->hits / users);
}

static void
mark_items(const struct shop *shop, const struct hp_order_fact *fact, bool *marks)
{
    for (size_t i = 0; i < fact->line_count; i++) {
        uint32_t index = index_of(shop, fact->lines[i].item_id);

        if (index != HP_NO_INDEX)
            marks[index] = true;
    }
}

static bool
in_window(const struct learnt *learnt, const struct hp_order_fact *fact)
{
    return fact->ordered_at >= learnt->before_ms && !fact->stub &&
           fact->ordered_at < learnt->before_ms + WINDOW_DAYS * HP_DAY_MS;
}

static void
score_user(const struct model *model, const struct learnt *learnt, const struct user *user,
    struct hp_arena *arena, double *scores)
{
    struct hp_scores made;

    hp_scores_make(model->assortment,
        &(struct hp_score_query){.aggregate = &user->aggregate, .now = learnt->before_ms},
        arena, &made);
    for (size_t i = 0; i < made.count; i++)
        scores[i] = made.gains[i];
}

static void
next_orders(const struct shop *shop, const struct learnt *learnt, const struct model *model)
{
    size_t count = shop->catalogue.count;
    double *scores = hp_alloc(count * sizeof(*scores));
    bool *wanted = hp_alloc(count * sizeof(*wanted));
    struct measure all = {0};
    struct measure novel = {0};
    struct hp_arena arena = {0};

    for (size_t u = 0; u < learnt->user_count; u++) {
        const struct user *user = &learnt->users[u];
        size_t at = user->first;

        while (at < user->end && !in_window(learnt, &shop->orders[at].fact))
            at++;
        if (user->learnt == 0 || at == user->end)
            continue;
        memset(wanted, 0, count * sizeof(*wanted));
        mark_items(shop, &shop->orders[at].fact, wanted);
        score_user(model, learnt, user, &arena, scores);
        measure_add(&all, scores, wanted, count);
        for (size_t i = 0; i < user->aggregate.item_count; i++) {
            uint32_t index = index_of(shop, user->aggregate.items[i].item_id);

            scores[index] = -1;
            wanted[index] = false;
        }
        measure_add(&novel, scores, wanted, count);
        hp_arena_clear(&arena);
    }
    measure_print("next order, all items", &all);
    measure_print("next order, new to the user", &novel);
    free(scores);
    free(wanted);
    hp_arena_release(&arena);
}

static void
split_order(struct hp_rng *rng, const struct shop *shop, const struct hp_order_fact *fact,
    bool *given, bool *wanted)
{
    uint32_t items[HP_ORDER_LINES_MAX];
    size_t count = 0;

    for (size_t i = 0; i < fact->line_count; i++) {
        items[count] = index_of(shop, fact->lines[i].item_id);
        count += items[count] != HP_NO_INDEX;
    }
    for (size_t i = count; i > 1; i--) {
        size_t other = hp_rng_below(rng, i);
        uint32_t kept = items[i - 1];

        items[i - 1] = items[other];
        items[other] = kept;
    }
    for (size_t i = 0; i < count; i++)
        (i < count / 2 ? given : wanted)[items[i]] = true;
}

static void
complete_boxes(const struct shop *shop, const struct learnt *learnt, const struct model *model)
{
    size_t count = shop->catalogue.count;
    double *scores = hp_alloc(count * sizeof(*scores));
    bool *given = hp_alloc(count * sizeof(*given));
    bool *wanted = hp_alloc(count * sizeof(*wanted));
    struct hp_rng rng = {1};
    struct measure measure = {0};

    for (size_t o = 0; o < shop->order_count; o++) {
        if (!in_window(learnt, &shop->orders[o].fact) || shop->orders[o].fact.line_count < 4)
            continue;
        memset(given, 0, count * sizeof(*given));
        memset(wanted, 0, count * sizeof(*wanted));
        split_order(&rng, shop, &shop->orders[o].fact, given, wanted);
        for (size_t i = 0; i < count; i++) {
            struct hp_model_links links = hp_model_snapshot_goes_with(model->snapshot,
                hp_model_snapshot_number(model->snapshot, shop->list[i]->item.item_id));

            scores[i] = given[i] ? -1 : 0;
            for (size_t k = 0; k < links.count && !given[i]; k++) {
                uint32_t other = hp_assortment_of_number(model->assortment, links.items[k]);

                scores[i] += other != HP_NO_INDEX && given[other] ? links.weights[k] : 0;
            }
        }
        measure_add(&measure, scores, wanted, count);
    }
    measure_print("half an order from the other half", &measure);
    free(scores);
    free(given);
    free(wanted);
}

static void
cold_items(const struct shop *shop, int64_t before_ms, int64_t min_buyers)
{
    size_t count = shop->catalogue.count;
    bool *hidden = hp_alloc(count * sizeof(*hidden));
    bool *wanted = hp_alloc(count * sizeof(*wanted));
    double *scores = hp_alloc(count * sizeof(*scores));
    struct learnt learnt = {.before_ms = before_ms, .hidden = hidden};
    struct measure measure = {0};
    struct hp_arena arena = {0};
    struct hp_rng rng = {1};
    struct model model;

    for (size_t chosen = 0; chosen < COLD_ITEMS && chosen < count;) {
        size_t item = hp_rng_below(&rng, count);

        chosen += !hidden[item];
        hidden[item] = true;
    }
    learn(shop, &learnt);
    publish_model(shop, &learnt, min_buyers, &model);
    for (size_t u = 0; u < learnt.user_count; u++) {
        const struct user *user = &learnt.users[u];

        if (user->learnt == 0)
            continue;
        memset(wanted, 0, count * sizeof(*wanted));
        for (size_t o = user->first; o < user->end; o++)
            if (in_window(&learnt, &shop->orders[o].fact))
                mark_items(shop, &shop->orders[o].fact, wanted);
        score_user(&model, &learnt, user, &arena, scores);
        for (size_t i = 0; i < count; i++) {
            scores[i] = hidden[i] ? scores[i] : -1;
            wanted[i] = wanted[i] && hidden[i];
        }
        measure_add(&measure, scores, wanted, count);
        hp_arena_clear(&arena);
    }
    measure_print("300 unseen items among themselves", &measure);
    close_model(&model);
    forget(&learnt);
    free(hidden);
    free(wanted);
    free(scores);
    hp_arena_release(&arena);
}

/* ---- costs --------------------------------------------------------------------------------
 */

static void
fill_sums(const struct shop *shop, const struct learnt *learnt, struct hp_sums *sums)
{
    for (int32_t p = 0; p < PARTITIONS; p++) {
        hp_sums_set(sums, p, hp_sums_number(sums, HP_HEAD_EVERYBODY), &learnt->everybody[p]);
        for (size_t i = 0; i < shop->catalogue.count; i++)
            if (!hp_head_empty(&learnt->partials[(size_t)p * shop->catalogue.count + i].head))
                hp_sums_set(sums, p, hp_sums_number(sums, shop->list[i]->item.item_id),
                    &learnt->partials[(size_t)p * shop->catalogue.count + i]);
    }
}

/* The same counts the obvious way: the 60 greatest g / √(n n) of every item. */
static double
naive_cosine(struct hp_sums *sums)
{
    double began = processor_seconds();
    volatile int64_t sink = 0;

    for (uint32_t i = 0; i < hp_sums_count(sums); i++) {
        struct hp_sums_row row = hp_sums_row(sums, i);
        struct hp_partners partners = {.count = 0};
        double own = (double)hp_sums_users(sums, i);

        for (size_t k = 0; k < row.count; k++) {
            uint32_t other = hp_sums_row_number(&row, k);
            uint32_t both = hp_sums_row_users(&row, k);

            hp_partners_offer(&partners,
                (struct hp_partner){other, (int32_t)both,
                    (int64_t)(1e9 * both / sqrt(own * (double)hp_sums_users(sums, other)))});
        }
        sink += (int64_t)partners.count;
    }
    (void)sink;
    return processor_seconds() - began;
}

static int
by_number(const void *a, const void *b)
{
    double left = *(const double *)a;
    double right = *(const double *)b;

    return (left > right) - (left < right);
}

static void
solving_costs(const struct shop *shop, const struct learnt *learnt, int64_t min_buyers)
{
    struct hp_weights_constants constants = hp_weights_defaults;
    struct hp_sums *sums = hp_sums_new(PARTITIONS, (size_t)1 << 30);
    struct hp_model_weights weights;
    struct hp_weigher *weigher;
    struct hp_arena arena = {0};
    double began;
    double first;
    double second;
    double naive;
    double *each;
    size_t kept;
    size_t summed;
    size_t links = 0;
    double items;

    constants.min_buyers = min_buyers;
    fill_sums(shop, learnt, sums);
    items = (double)hp_sums_chosen(sums);
    weigher = hp_weigher_new(sums, &constants);
    began = processor_seconds();
    for (uint32_t i = 0; i < hp_sums_count(sums); i++) {
        hp_weigher_solve(weigher, i, &arena, &weights);
        links += weights.count;
        hp_arena_clear(&arena);
    }
    first = processor_seconds() - began;
    each = hp_alloc((hp_sums_count(sums) + 1) * sizeof(*each));
    began = processor_seconds();
    for (uint32_t i = 0; i < hp_sums_count(sums); i++) {
        double start = processor_seconds();

        hp_weigher_solve(weigher, i, &arena, &weights);
        hp_arena_clear(&arena);
        each[i] = processor_seconds() - start;
    }
    second = processor_seconds() - began;
    qsort(each, hp_sums_count(sums), sizeof(*each), by_number);
    naive = naive_cosine(sums);
    hp_sums_bytes(sums, &kept, &summed);
    printf(
        "solve %.0f items: %.3f s the first time, %.3f s again: %.4f ms an item; naive cosine "
        "%.3f s\n",
        items, first, second, second * 1000 / items, naive);
    printf("one item: p50 %.3f ms, p99 %.3f ms, the slowest %.3f ms\n",
        each[hp_sums_count(sums) / 2] * 1000, each[hp_sums_count(sums) * 99 / 100] * 1000,
        each[hp_sums_count(sums) - 1] * 1000);
    free(each);
    printf("solver memory an item: %.0f bytes of partial rows, %.0f summed; %.1f partners "
           "published\n",
        (double)kept / items, (double)summed / items, (double)links / items);
    hp_weigher_free(weigher);
    hp_sums_free(sums);
    hp_arena_release(&arena);
}

struct timing {
    const char *what;
    double times[ROUNDS];
};

static void
print_timing(struct timing *timing)
{
    qsort(timing->times, ROUNDS, sizeof(*timing->times), by_number);
    printf("  %-44s p50 %6.1f us  p99 %6.1f us\n", timing->what,
        timing->times[ROUNDS / 2] * 1e6, timing->times[ROUNDS * 99 / 100] * 1e6);
}

/* One user from the aggregate to what the optimiser sees. */
static void
scoring_costs(const struct shop *shop, const struct model *model, int64_t now)
{
    static struct timing scored = {.what = "scores alone"};
    static struct timing chosen = {.what = "masks, scores and the choice of candidates"};
    static struct timing paired = {.what = "the same, and pair weights of the chosen"};
    struct hp_user_item items[PAST_ITEMS] = {{.orders = 0}};
    struct hp_shopper shopper = {
        .aggregate = {.order_count = 20, .items = items, .item_count = PAST_ITEMS}};
    struct hp_wish wish = {.budget_max = 150000, .items_min = 3, .items_max = 12, .boxes = 3};
    struct hp_offer offer = {.catalogue = &shop->catalogue,
        .model = model->snapshot,
        .assortment = model->assortment};
    struct hp_arena arena = {0};
    struct hp_candidates candidates;
    const struct hp_pack_pair *pairs;
    struct hp_scores scores;
    struct hp_pool pool;

    hp_offer_fill(&offer);
    for (size_t i = 0; i < PAST_ITEMS; i++)
        items[i] = (struct hp_user_item){
            .item_id = shop->list[i * (shop->catalogue.count / PAST_ITEMS)]->item.item_id,
            .orders = 1,
            .last_order_at = now};
    for (int i = 0; i < ROUNDS; i++) {
        double began = processor_seconds();

        hp_scores_make(model->assortment,
            &(struct hp_score_query){.aggregate = &shopper.aggregate, .now = now}, &arena,
            &scores);
        scored.times[i] = processor_seconds() - began;
        hp_arena_clear(&arena);
        began = processor_seconds();
        hp_pool_fill(&offer, &shopper, &wish, now, &arena, &pool);
        hp_candidates_choose(&pool, &wish, &arena, &candidates);
        chosen.times[i] = processor_seconds() - began;
        hp_pairs_make(model->assortment, &candidates, candidates.count, &arena, &pairs);
        paired.times[i] = processor_seconds() - began;
        hp_arena_clear(&arena);
    }
    printf("a user with %d items of the past, %zu on the shelves:\n", PAST_ITEMS,
        shop->catalogue.count);
    print_timing(&scored);
    print_timing(&chosen);
    print_timing(&paired);
    printf("model memory an item: %.0f bytes\n",
        (double)hp_model_snapshot_bytes(model->snapshot) / (double)shop->catalogue.count);
    hp_offer_release_columns(&offer);
    hp_arena_release(&arena);
}

int
main(int argc, char **argv)
{
    struct shop shop = {.order_count = 0};
    struct learnt learnt = {.before_ms = INT64_MAX / 2};
    struct model model;
    int64_t min_buyers = argc > 3 ? strtol(argv[3], NULL, 10) : 1;

    if (argc > 2)
        if (argc > 2 && !hp_instant_parse(hp_bytes_text(argv[2]), &learnt.before_ms))
            hp_die("%s is no day", argv[2]);
    if (argc > 1)
        read_shop(&shop, argv[1]);
    else
        make_shop(&shop);
    learn(&shop, &learnt);
    printf("%zu items, %zu users, %zu orders, privacy.min.buyers %d\n", shop.catalogue.count,
        learnt.user_count, shop.order_count, (int)min_buyers);
    solving_costs(&shop, &learnt, min_buyers);
    publish_model(&shop, &learnt, min_buyers, &model);
    scoring_costs(&shop, &model, argc > 2 ? learnt.before_ms : HP_DAY_MS * 20090);
    if (argc > 2) {
        next_orders(&shop, &learnt, &model);
        complete_boxes(&shop, &learnt, &model);
    }
    close_model(&model);
    forget(&learnt);
    if (argc > 2)
        cold_items(&shop, learnt.before_ms, min_buyers);
    free(shop.orders);
    free(shop.buyers);
    free(shop.shelves);
    free(shop.list);
    hp_arena_release(&shop.arena);
    return 0;
}
