/*
 * hamper-churn: a shop whose catalogue, users and rules never stand still, and every box it
 * brings forth worked out a second time.
 *
 *     hamper-churn [--boxes N] [--seed N]   > records
 *
 * Schedules of some thousand boxes each, until N boxes were sent. Standard output has every
 * record of inputs and outputs as JSON lines for a validator (valid.py) that knows nothing of
 * us; the shadow (shadow.h) works each recommendation out again from the topics and compares
 * bytes. Duplicates of events are sent all along; what they may bring forth is nothing.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/rng.h"
#include "tests/churn/shadow.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define USERS       60
#define ITEMS       48
#define ROUNDS      220
#define BOXES_KNOWN 4

struct churn {
    struct flow_rig rig;
    struct hp_rng rng;
    int64_t number; /* of events, for ids */
    int schedule;
    struct hp_reader *boxes;
    char box_ids[USERS][BOXES_KNOWN][32];
};

static void
must(enum hp_status status, const struct hp_error *error)
{
    if (status)
        hp_die("churn: %s", error->text);
}

static uint32_t
below(struct churn *churn, uint32_t count)
{
    return hp_rng_below(&churn->rng, count);
}

static const char *
one_of(struct churn *churn, const char *const *words, uint32_t count)
{
    return words[below(churn, count)];
}

#define ONE_OF(churn, words) one_of((churn), (words), HP_ARRAY_SIZE(words))

static const char *const allergen_lists[] = {"[]", "[]", "[]", "['peanut']", "['Milk']",
    "['groundnut','soy']", "['tree-nut']", "['moon dust']", "null"};
static const char *const diet_lists[] = {
    "[]", "[]", "['vegan']", "['vegetarian']", "['jain']", "['vegetarian','gluten_free']"};
static const char *const categories[] = {"nuts", "sweets", "tea", "snacks", "fruit", "spice"};

/* ---- what happens ------------------------------------------------------------------------ */

static void
change_item(struct churn *churn)
{
    uint32_t item = below(churn, ITEMS);
    char id[16];
    char more[256];
    char stock[32] = "";

    snprintf(id, sizeof(id), "item-%02u", item);
    if (below(churn, 25) == 0) {
        flow_rig_send_raw(&churn->rig, HP_TOPIC_CATALOGUE, 0, id,
            below(churn, 2) ? (struct hp_bytes){0} : hp_bytes_text("no item"));
        return;
    }
    if (below(churn, 2))
        snprintf(stock, sizeof(stock), ",'stock':%u", below(churn, 5));
    snprintf(more, sizeof(more),
        "'allergens':%s,'diets':%s,'max_per_box':%u,'active':%s,'tags':['t%u']%s%s",
        ONE_OF(churn, allergen_lists), ONE_OF(churn, diet_lists), 1 + below(churn, 3),
        below(churn, 20) ? "true" : "false", below(churn, 3), stock,
        item % 5 == 0 ? ",'family':'kin'" : "");
    flow_rig_item(
        &churn->rig, id, categories[item % 6], 5000 + 500 * (int)below(churn, 60), more);
}

static void
state_preferences(struct churn *churn, const char *user)
{
    char budget[80] = "";
    char counts[80] = "";
    char mix[80] = "";

    if (below(churn, 2))
        snprintf(budget, sizeof(budget), ",'budget_min_minor':%u,'budget_max_minor':%u",
            20000 + below(churn, 60000), 80000 + below(churn, 120000));
    if (below(churn, 3) == 0)
        snprintf(counts, sizeof(counts), ",'items_min':%u,'items_max':%u,'boxes':%u",
            1 + below(churn, 4), 5 + below(churn, 8), 1 + below(churn, 5));
    if (below(churn, 4) == 0)
        snprintf(mix, sizeof(mix), ",'category_mix':[{'category':'%s','min':1,'max':%u}]",
            ONE_OF(churn, categories), 1 + below(churn, 4));
    flow_rig_send(&churn->rig, HP_TOPIC_PREFERENCES, NULL,
        "{'user_id':'%s','version':%lld,'updated_at':%lld,'avoid_allergens':%s,'diets':%s,"
        "'liked_categories':['%s'],'liked_tags':['t1'],'disliked_items':['item-%02u']%s%s%s}",
        user, (long long)churn->number, (long long)churn->rig.now_ms,
        below(churn, 2) ? "['peanut']" : "[]", below(churn, 3) ? "[]" : "['Vegetarian']",
        ONE_OF(churn, categories), below(churn, ITEMS), budget, counts, mix);
}

static void
place_order(struct churn *churn, const char *user)
{
    static const char *const states[] = {"PLACED", "PLACED", "PLACED", "CANCELLED", "RETURNED"};

    flow_rig_send(&churn->rig, HP_TOPIC_ORDERS, NULL,
        "{'order_id':'o%u','version':%u,'user_id':'%s','ordered_at':%lld,'status':'%s',"
        "'lines':[{'item_id':'item-%02u','quantity':%u,'unit_price_minor':20000},"
        "{'item_id':'item-%02u','quantity':1,'unit_price_minor':30000}]%s}",
        below(churn, 6), 1 + below(churn, 3), user,
        (long long)churn->rig.now_ms - 60000LL * below(churn, 5000), ONE_OF(churn, states),
        below(churn, ITEMS), 1 + below(churn, 3), below(churn, ITEMS),
        below(churn, 3) ? "" : ",'recipient_id':'aunt'");
}

static void
react(struct churn *churn, const char *user, uint32_t number)
{
    static const char *const kinds[] = {
        "LIKED", "DISLIKED", "REMOVED", "RATED", "SHOWN", "OPENED", "ADDED"};

    if (below(churn, 3) == 0) {
        const char *box = churn->box_ids[number][below(churn, BOXES_KNOWN)];

        flow_rig_send(&churn->rig, HP_TOPIC_FEEDBACK, NULL,
            "{'feedback_id':'f%lld','user_id':'%s','at':%lld,'kind':'%s','box_id':'%s'}",
            (long long)churn->number, user, (long long)churn->rig.now_ms,
            below(churn, 2) ? "REJECTED" : "SHOWN", *box ? box : "bnone");
        return;
    }
    flow_rig_send(&churn->rig, HP_TOPIC_FEEDBACK, NULL,
        "{'feedback_id':'f%lld','user_id':'%s','at':%lld,'kind':'%s','item_id':'item-%02u',"
        "'rating':%u}",
        (long long)churn->number, user, (long long)churn->rig.now_ms, ONE_OF(churn, kinds),
        below(churn, ITEMS), 1 + below(churn, 5));
}

static void
ask(struct churn *churn, const char *user)
{
    static const char *const rules[] = {"", "", ",'avoid_allergens':['milk']",
        ",'diets':['vegan']", ",'diets':['breatharian']", ",'avoid_allergens':['star-dust']",
        ",'must_items':['item-07']", ",'exclude_items':['item-01','item-02','item-03']",
        ",'recipient_id':'aunt'", ",'occasion':'diwali'", ",'boxes':8,'items_max':3",
        ",'category_mix':[{'category':'tea','min':2}]", ",'budget_max_minor':9000",
        ",'budget_min_minor':300000,'budget_max_minor':310000"};

    flow_rig_send(&churn->rig, HP_TOPIC_BOX_REQUESTS, NULL,
        "{'request_id':'q%lld','user_id':'%s','requested_at':%lld%s}", (long long)churn->number,
        user, (long long)churn->rig.now_ms, ONE_OF(churn, rules));
}

static void
erase(struct churn *churn, const char *user)
{
    flow_rig_send(&churn->rig, HP_TOPIC_ERASURES, NULL,
        "{'erasure_id':'e%lld','user_id':'%s','requested_at':%lld%s}", (long long)churn->number,
        user, (long long)churn->rig.now_ms, below(churn, 3) ? "" : ",'recipient_id':'aunt'");
}

static void
something_happens(struct churn *churn)
{
    uint32_t number = below(churn, USERS);
    uint32_t kind = below(churn, 100);
    char user[16];

    snprintf(user, sizeof(user), "user-%02u", number);
    churn->number++;
    if (kind < 22)
        change_item(churn);
    else if (kind < 42)
        state_preferences(churn, user);
    else if (kind < 62)
        place_order(churn, user);
    else if (kind < 76)
        react(churn, user, number);
    else if (kind < 97)
        ask(churn, user);
    else if (kind < 98)
        flow_rig_send_raw(&churn->rig, HP_TOPIC_PREFERENCES, flow_rig_place(user), user,
            (struct hp_bytes){0});
    else
        erase(churn, user);
}

/* Ids of the boxes that were sent since. */
static void
learn_boxes(struct churn *churn)
{
    struct hp_recommendation sent;
    struct hp_poll poll;
    int number; /* keys are user-00 and so on */
    struct hp_error error;

    for (;;) {
        must(hp_reader_poll(churn->boxes, 0, &poll, &error), &error);
        if (poll.kind == HP_POLL_NOTHING)
            return;
        if (poll.kind != HP_POLL_RECORD || !poll.message.value.data)
            continue;
        must(hp_codec_decode(churn->rig.codec, HP_RECORD_BOX_RECOMMENDATION, poll.message.value,
                 (struct hp_bytes){0}, &churn->rig.arena, &sent, &error),
            &error);
        number = (poll.message.key.data[5] - '0') * 10 + poll.message.key.data[6] - '0';
        for (size_t i = 0; i < sent.box_count && i < BOXES_KNOWN; i++)
            snprintf(
                churn->box_ids[number][i], 32, "%.*s", HP_BYTES_FORMAT(sent.boxes[i].box_id));
    }
}

static void
run_round(struct churn *churn)
{
    uint32_t events = 1 + below(churn, 40);

    for (uint32_t i = 0; i < events; i++)
        something_happens(churn);
    for (uint32_t i = below(churn, 12); i > 0; i--)
        flow_rig_step(&churn->rig);
    if (below(churn, 6) == 0)
        flow_rig_settle(&churn->rig);
    if (below(churn, 9) == 0)
        churn->rig.now_ms += RIG_DAY_MS / 2;
    if (below(churn, 60) == 0) {
        flow_rig_crash(&churn->rig);
        if (below(churn, 2))
            flow_rig_wipe(&churn->rig);
        flow_rig_start(&churn->rig);
    }
    learn_boxes(churn);
    hp_arena_clear(&churn->rig.arena);
}

/* ---- what was seen ----------------------------------------------------------------------- */

static void
write_record(struct churn *churn, enum hp_topic topic, const struct flow_seen *seen)
{
    enum hp_record_type type = (enum hp_record_type)hp_topic_rows[topic].record_type;
    void *record = hp_arena_alloc(&churn->rig.arena, hp_record_size(type));
    struct hp_buffer line = {0};
    struct hp_error error;

    hp_buffer_printf(&line,
        "{\"schedule\":%d,\"topic\":\"%s\",\"partition\":%d,\"offset\":%lld,\"key\":\"%.*s\","
        "\"value\":",
        churn->schedule, hp_topic_rows[topic].default_name, (int)seen->partition,
        (long long)seen->offset, HP_BYTES_FORMAT(seen->key));
    if (seen->value.data &&
        hp_codec_decode(churn->rig.codec, type, seen->value, (struct hp_bytes){0},
            &churn->rig.arena, record, &error) == HP_OK)
        hp_event_to_json(type, record, &line);
    else
        hp_buffer_printf(&line, "null"); /* a tombstone, or what counts as one */
    printf("%.*s}\n", (int)line.size, (const char *)line.data);
    hp_buffer_release(&line);
}

static void
write_topics(struct churn *churn)
{
    static const enum hp_topic topics[] = {HP_TOPIC_CATALOGUE, HP_TOPIC_PREFERENCES,
        HP_TOPIC_BOX_REQUESTS, HP_TOPIC_ERASURES, HP_TOPIC_BOX_RECOMMENDATIONS,
        HP_TOPIC_BOX_ANSWERS};

    for (size_t t = 0; t < HP_ARRAY_SIZE(topics); t++) {
        struct flow_seen_list list = flow_rig_read_raw(&churn->rig, topics[t]);

        for (size_t i = 0; i < list.count; i++)
            write_record(churn, topics[t], &list.items[i]);
    }
}

static void
open_boxes(struct churn *churn)
{
    const char *name = churn->rig.topics.name[HP_TOPIC_BOX_RECOMMENDATIONS];
    const struct hp_reader_options options = {.topics = &name, .topic_count = 1};
    struct hp_error error;

    must(hp_reader_new(churn->rig.cluster, &options, &churn->boxes, &error), &error);
    for (int32_t p = 0; p < RIG_PARTITIONS; p++)
        must(hp_reader_assign(churn->boxes, 0, p, 0, &error), &error);
}

static void
run_schedule(uint64_t seed, int schedule, struct shadow_result *result)
{
    struct churn *churn = hp_alloc(sizeof(*churn));

    churn->schedule = schedule;
    churn->rng = (struct hp_rng){seed + (uint64_t)schedule};
    flow_rig_init(&churn->rig);
    churn->rig.options.emit_batch_users = below(churn, 2) ? 100 : 3;
    churn->rig.options.slots = below(churn, 3) ? HP_SLOTS_EQUAL : HP_SLOTS_TIERS;
    for (int i = 0; i < ITEMS; i++)
        change_item(churn);
    flow_rig_start(&churn->rig);
    open_boxes(churn);
    for (int i = 0; i < ROUNDS; i++)
        run_round(churn);
    flow_rig_settle(&churn->rig);
    write_topics(churn);
    shadow_check(&churn->rig, result);
    if (!flow_rig_revisions(&churn->rig))
        result->different++;
    hp_reader_free(churn->boxes);
    flow_rig_release(&churn->rig);
    free(churn);
}

int
main(int argc, char **argv)
{
    struct shadow_result result = {0};
    long long boxes = 3000;
    unsigned long long seed = 1;

    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--boxes") == 0)
            boxes = strtoll(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--seed") == 0)
            seed = strtoull(argv[i + 1], NULL, 10);
        else
            hp_die("usage: hamper-churn [--boxes N] [--seed N]");
    }
    for (int schedule = 0; result.boxes < (size_t)boxes && result.different == 0; schedule++)
        run_schedule(seed * 1000000, schedule, &result);
    fprintf(stderr,
        "%zu boxes of %zu recommendations worked out again, %zu differ; %zu answers by clock "
        "or "
        "rate; seed %llu\n",
        result.boxes, result.recommendations, result.different, result.refused, seed);
    /* Also where a validator at the other end of the pipe decides. */
    printf("{\"topic\":\"end\",\"recomputed\":%zu,\"different\":%zu}\n", result.boxes,
        result.different);
    return result.different || result.recommendations == 0 ? 1 : 0;
}
