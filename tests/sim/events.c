/*
 * tests/sim/events.c - what the platform writes: orders in versions and twice, cancellations,
 * feedback, preferences, requests, erasures, a moving catalogue; some of it on the wrong
 * partition, some of it not readable at all.
 *
 * Everything is kept as it was appended, so that the same can be written again to a world
 * without trouble, and so that the checks know what to look for.
 *
 * Three things are left out since the platform's own contract decides them, not hamper:
 * preferences of a user lie on the user's partition (their order is the log's); no bad record
 * takes the key of a good one in a compacted topic (it would be the good one's end); and an
 * order that an erasure may void keeps time and recipient through its versions (otherwise what
 * a void version had superseded would be back or not, as they came).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "codec/event.h"
#include "flow/topology.h"
#include "tests/sim/sim.h"

#include <stdio.h>

#define NAME_MAX_BYTES 24
#define ORDERS_OF_USER 4
#define ERASED_USERS   4 /* of SIM_USERS */
#define LINES_MAX      4
#define HOUR_MS        3600000LL

static const char *const categories[] = {"nuts", "sweets", "tea", "snacks"};
static const char *const allergens[] = {"peanut", "milk", "tree-nut"};

size_t
sim_inputs(const struct sim *sim, const struct sim_input **inputs)
{
    *inputs = (const struct sim_input *)(const void *)sim->inputs.data;
    return sim->inputs.size / sizeof(struct sim_input);
}

/* ---- writing ----------------------------------------------------------------------------- */

static void
append(struct sim *sim, struct sim_input *input)
{
    const char *topic = sim->topics.name[input->topic];
    struct hp_error error = {0};
    int64_t low;

    if (hp_producer_send(sim->producer,
            &(struct hp_outgoing){.topic = topic,
                .partition = input->partition,
                .key = input->key,
                .value = input->value},
            &error) ||
        hp_producer_flush(sim->producer, &error) ||
        hp_cluster_watermarks(
            sim->cluster, topic, input->partition, &low, &input->offset, &error))
        hp_die("sim: %s", error.text);
    input->offset--;
    input->at_ms = sim->now_ms;
    hp_buffer_append(&sim->inputs, input, sizeof(*input));
    sim_trace(sim, topic, input->offset);
}

void
sim_replay(struct sim *to, const struct sim *from)
{
    const struct sim_input *inputs;
    size_t count = sim_inputs(from, &inputs);

    for (size_t i = to->inputs.size / sizeof(*inputs); i < count; i++) {
        struct sim_input copy = inputs[i];

        to->now_ms = copy.at_ms;
        append(to, &copy);
        HP_ASSERT(copy.offset == inputs[i].offset);
    }
}

static struct hp_bytes
name(struct sim *sim, const char *prefix, int64_t number)
{
    return hp_bytes_text(hp_arena_printf(&sim->arena, "%s%lld", prefix, (long long)number));
}

static int32_t
home(const struct sim *sim, struct hp_bytes user)
{
    return hp_partition_of(user, sim->tunables.partitions);
}

static void
send(struct sim *sim, enum hp_topic topic, struct hp_bytes key, int32_t partition,
    const void *record)
{
    struct sim_input input = {
        .topic = topic, .partition = partition, .key = key, .record = record};
    struct hp_buffer value = {0};
    struct hp_error error;

    if (record &&
        hp_codec_encode(sim_codec(), (enum hp_record_type)hp_topic_rows[topic].record_type,
            record, &value, &error))
        hp_die("sim: %s", error.text);
    if (record)
        input.value = hp_arena_copy(&sim->arena, hp_buffer_bytes(&value));
    hp_buffer_release(&value);
    append(sim, &input);
}

/* Where the record belongs, or sometimes where it does not. */
static int32_t
place(struct sim *sim, struct hp_bytes user)
{
    if (hp_rng_below(&sim->rng, 8))
        return home(sim, user);
    return (int32_t)hp_rng_below(&sim->rng, (uint32_t)sim->tunables.partitions);
}

static int64_t
event_time(struct sim *sim)
{
    return hp_rng_below(&sim->rng, 3) ? sim->now_ms
                                      : sim->now_ms - hp_rng_between(&sim->rng, 0, 2 * HOUR_MS);
}

static struct hp_bytes
some_user(struct sim *sim, uint32_t of)
{
    return name(sim, "u", hp_rng_below(&sim->rng, of));
}

static struct hp_bytes
some_item(struct sim *sim)
{
    return name(sim, "item-", hp_rng_below(&sim->rng, SIM_ITEMS));
}

/* ---- the catalogue ----------------------------------------------------------------------- */

static void
send_item(struct sim *sim, int64_t number)
{
    struct hp_catalogue_item *item = HP_ARENA_NEW(&sim->arena, struct hp_catalogue_item);
    struct hp_bytes *texts = HP_ARENA_ARRAY(&sim->arena, 2, struct hp_bytes);

    *item = (struct hp_catalogue_item){.item_id = name(sim, "item-", number),
        .version = ++sim->events,
        .updated_at = sim->now_ms,
        .name = name(sim, "Item ", number),
        .category = hp_bytes_text(categories[number % (int64_t)HP_ARRAY_SIZE(categories)]),
        .price_minor = 10000 + 1000 * (int64_t)hp_rng_below(&sim->rng, 20),
        .currency = hp_bytes_text("INR"),
        .allergens_known = hp_rng_below(&sim->rng, 12) > 0,
        .max_per_box = 1 + (int32_t)hp_rng_below(&sim->rng, 3),
        .stock = {hp_rng_below(&sim->rng, 3) == 0, hp_rng_below(&sim->rng, 4)},
        .active = hp_rng_below(&sim->rng, 12) > 0};
    texts[0] = hp_bytes_text(allergens[hp_rng_below(&sim->rng, HP_ARRAY_SIZE(allergens))]);
    texts[1] = hp_bytes_text("vegetarian");
    if (item->allergens_known && hp_rng_below(&sim->rng, 3) == 0)
        item->allergens = (struct hp_strings){texts, 1};
    if (hp_rng_below(&sim->rng, 2))
        item->diets = (struct hp_strings){texts + 1, 1};
    send(sim, HP_TOPIC_CATALOGUE, item->item_id, 0, item);
}

void
sim_stock(struct sim *sim)
{
    for (int64_t i = 0; i < SIM_ITEMS; i++)
        send_item(sim, i);
}

void
sim_send_catalogue(struct sim *sim)
{
    if (hp_rng_below(&sim->rng, 8))
        send_item(sim, hp_rng_below(&sim->rng, SIM_ITEMS));
    else
        send(sim, HP_TOPIC_CATALOGUE, some_item(sim), 0, NULL);
}

/* ---- users ------------------------------------------------------------------------------- */

/* When it was ordered: of those who may be erased the same in each of its versions. */
static int64_t
order_time(struct sim *sim, uint32_t user, uint32_t number)
{
    if (user >= ERASED_USERS)
        return event_time(sim);
    return SIM_START_MS - 2 * HOUR_MS + (user * ORDERS_OF_USER + number) * 7 * 60000LL;
}

static void
send_order(struct sim *sim)
{
    static const enum hp_order_status statuses[] = {
        HP_ORDER_PLACED, HP_ORDER_PLACED, HP_ORDER_PLACED, HP_ORDER_CANCELLED};
    struct hp_order *order = HP_ARENA_NEW(&sim->arena, struct hp_order);
    struct hp_order_line *lines = HP_ARENA_ARRAY(&sim->arena, LINES_MAX, struct hp_order_line);
    uint32_t first = hp_rng_below(&sim->rng, SIM_ITEMS);
    uint32_t user = hp_rng_below(&sim->rng, SIM_USERS);
    uint32_t number = hp_rng_below(&sim->rng, ORDERS_OF_USER);

    *order = (struct hp_order){.order_id = name(sim, "o", number),
        .version = 1 + hp_rng_below(&sim->rng, 5),
        .user_id = name(sim, "u", user),
        .ordered_at = order_time(sim, user, number),
        .status = statuses[hp_rng_below(&sim->rng, HP_ARRAY_SIZE(statuses))],
        .lines = lines,
        .line_count = 1 + hp_rng_below(&sim->rng, LINES_MAX)};
    for (size_t i = 0; i < order->line_count; i++)
        lines[i] = (struct hp_order_line){name(sim, "item-", (first + 5 * i) % SIM_ITEMS),
            1 + (int32_t)hp_rng_below(&sim->rng, 3), 10000};
    if (user >= ERASED_USERS ? hp_rng_below(&sim->rng, 4) == 0 : number == 0)
        order->recipient_id =
            name(sim, "r", user >= ERASED_USERS ? hp_rng_below(&sim->rng, 2) : user % 2);
    send(sim, HP_TOPIC_ORDERS, order->user_id, place(sim, order->user_id), order);
}

static void
send_feedback(struct sim *sim)
{
    static const enum hp_feedback_kind kinds[] = {
        HP_FEEDBACK_LIKED, HP_FEEDBACK_DISLIKED, HP_FEEDBACK_REMOVED};
    struct hp_feedback *feedback = HP_ARENA_NEW(&sim->arena, struct hp_feedback);

    *feedback = (struct hp_feedback){.feedback_id = name(sim, "f", ++sim->events),
        .user_id = some_user(sim, SIM_USERS),
        .at = event_time(sim),
        .kind = kinds[hp_rng_below(&sim->rng, HP_ARRAY_SIZE(kinds))],
        .item_id = some_item(sim)};
    send(sim, HP_TOPIC_FEEDBACK, feedback->user_id, place(sim, feedback->user_id), feedback);
}

static struct hp_strings
one_of(struct sim *sim, const char *const *texts, uint32_t count, uint32_t often)
{
    struct hp_bytes *text = HP_ARENA_NEW(&sim->arena, struct hp_bytes);

    *text = hp_bytes_text(texts[hp_rng_below(&sim->rng, count)]);
    return (struct hp_strings){text, hp_rng_below(&sim->rng, often) == 0};
}

static void
send_preferences_of(struct sim *sim, struct hp_bytes user)
{
    static const char *const diets[] = {"vegetarian"};
    struct hp_preferences *preferences = HP_ARENA_NEW(&sim->arena, struct hp_preferences);

    if (hp_rng_below(&sim->rng, 8) == 0) {
        send(sim, HP_TOPIC_PREFERENCES, user, home(sim, user), NULL);
        return;
    }
    *preferences = (struct hp_preferences){.user_id = user,
        .version = ++sim->events,
        .updated_at = event_time(sim),
        .avoid_allergens = one_of(sim, allergens, HP_ARRAY_SIZE(allergens), 2),
        .diets = one_of(sim, diets, 1, 3)};
    if (hp_rng_below(&sim->rng, 3) == 0)
        preferences->budget_max_minor =
            (struct hp_maybe){true, 80000 + 10000 * (int64_t)hp_rng_below(&sim->rng, 10)};
    send(sim, HP_TOPIC_PREFERENCES, user, home(sim, user), preferences);
}

static void
send_request_of(struct sim *sim, struct hp_bytes user)
{
    struct hp_box_request *request = HP_ARENA_NEW(&sim->arena, struct hp_box_request);

    *request = (struct hp_box_request){.request_id = name(sim, "q", ++sim->events),
        .user_id = user,
        .requested_at = sim->now_ms,
        .avoid_allergens = one_of(sim, allergens, HP_ARRAY_SIZE(allergens), 4),
        .boxes = {true, 1 + hp_rng_below(&sim->rng, 2)}};
    send(sim, HP_TOPIC_BOX_REQUESTS, request->user_id, place(sim, request->user_id), request);
}

/* The user says something new and asks the moment after. */
static void
send_both(struct sim *sim)
{
    struct hp_bytes user = some_user(sim, SIM_USERS);

    send_preferences_of(sim, user);
    sim->now_ms++;
    send_request_of(sim, user);
}

static void
send_erasure(struct sim *sim)
{
    struct hp_erasure *erasure = HP_ARENA_NEW(&sim->arena, struct hp_erasure);

    *erasure = (struct hp_erasure){.erasure_id = name(sim, "e", ++sim->events),
        .user_id = some_user(sim, ERASED_USERS),
        .requested_at = event_time(sim)};
    if (hp_rng_below(&sim->rng, 4) == 0)
        erasure->recipient_id = name(sim, "r", hp_rng_below(&sim->rng, 2));
    send(sim, HP_TOPIC_ERASURES, erasure->user_id, place(sim, erasure->user_id), erasure);
}

static void
send_bad(struct sim *sim)
{
    static const enum hp_topic topics[] = {HP_TOPIC_ORDERS, HP_TOPIC_FEEDBACK,
        HP_TOPIC_PREFERENCES, HP_TOPIC_BOX_REQUESTS, HP_TOPIC_ERASURES, HP_TOPIC_CATALOGUE};
    enum hp_topic topic = topics[hp_rng_below(&sim->rng, HP_ARRAY_SIZE(topics))];
    struct sim_input input = {.topic = topic, .bad = true};

    if (topic == HP_TOPIC_CATALOGUE && !sim->tunables.catalogue_bad)
        return;
    input.key = name(sim, "bad", ++sim->events);
    input.value = input.key;
    if (hp_topic_rows[topic].by_partitions)
        input.partition = (int32_t)hp_rng_below(&sim->rng, (uint32_t)sim->tunables.partitions);
    append(sim, &input);
}

/* Something that was written already, once more. */
static void
send_again(struct sim *sim)
{
    const struct sim_input *inputs;
    size_t count = sim_inputs(sim, &inputs);
    struct sim_input copy = inputs[hp_rng_below(&sim->rng, (uint32_t)count)];

    if (copy.topic == HP_TOPIC_CATALOGUE || copy.topic == HP_TOPIC_PREFERENCES || copy.bad)
        return;
    append(sim, &copy);
}

static void
send_one(struct sim *sim)
{
    uint32_t draw = hp_rng_below(&sim->rng, 100);

    if (draw < 40)
        send_order(sim);
    else if (draw < 50)
        send_feedback(sim);
    else if (draw < 58)
        send_preferences_of(sim, some_user(sim, SIM_USERS));
    else if (draw < 66)
        send_request_of(sim, some_user(sim, SIM_USERS));
    else if (draw < 72)
        send_both(sim);
    else if (draw < 76)
        send_erasure(sim);
    else if (draw < 84)
        sim_send_catalogue(sim);
    else if (draw < 90)
        send_bad(sim);
    else
        send_again(sim);
}

void
sim_send_some(struct sim *sim)
{
    uint32_t count = 1 + hp_rng_below(&sim->rng, 5);

    for (uint32_t i = 0; i < count; i++)
        send_one(sim);
}
