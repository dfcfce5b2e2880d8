/*
 * app/demo_story.c - a made-up shop: first boxes, a season of shopping, four twists.
 *
 * The season lies in the past and ends an hour before now, since no event may be from the
 * future. Shoppers see their boxes and react, so the loop closes. Each twist is one event; what
 * it changed is told by comparing the boxes before and after, and how long it took from sending
 * the event to reading the boxes that follow from it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "app/columns.h"
#include "app/command.h"
#include "app/demo.h"
#include "shop/shoppers.h"

#include <errno.h>
#include <inttypes.h>

#define SHOPPERS       150
#define SEASON_EVENTS  2000
#define SEASON_MS      (60 * 86400000LL)
#define ROUND_EVENTS   50
#define TWIST_VERSION  1000000 /* above all the shop gives */
#define CATALOGUE_RATE 4       /* of 1 000 events */
#define HOUR_MS        3600000LL

struct story {
    struct hp_stage *stage;
    struct hp_shop *shop;
    struct hp_arena arena; /* of the act in hand */
    struct hp_card_options cards;
    int64_t began_ms;
};

static struct hp_bytes
name_of(void *context, struct hp_bytes item_id)
{
    const struct story *story = context;
    const struct hp_catalogue_item *item =
        hp_shop_catalogue_find(hp_shop_shelf(story->shop), item_id);

    return item ? item->name : (struct hp_bytes){0};
}

static void
show_to_shop(void *context, const struct hp_recommendation *recommendation)
{
    struct story *story = context;

    hp_shop_show(story->shop, recommendation);
}

/* A headline; names inside it are data. */
static void
headline(struct story *story, const char *text)
{
    struct hp_buffer line = {0};

    hp_columns_append(&line, hp_bytes_text(text), !story->cards.ascii);
    printf("\n%s%.*s%s\n", story->cards.colour ? "\033[1m" : "",
        HP_BYTES_FORMAT(hp_buffer_bytes(&line)), story->cards.colour ? "\033[0m" : "");
    hp_buffer_release(&line);
    fflush(stdout);
}

static struct hp_card_options
cards_of(const struct story *story, const struct hp_persona *persona, const char *footer)
{
    struct hp_card_options options = story->cards;

    options.name = persona ? persona->name : NULL;
    options.note = persona ? persona->note : NULL;
    options.footer = footer;
    return options;
}

static enum hp_status
send_event(struct story *story, const struct hp_shop_event *event, struct hp_error *error)
{
    struct hp_stage *stage = story->stage;

    switch (event->type) {
    case HP_SHOP_ORDER: return hp_stage_send(stage, HP_RECORD_ORDER, &event->order, error);
    case HP_SHOP_FEEDBACK:
        return hp_stage_send(stage, HP_RECORD_FEEDBACK, &event->feedback, error);
    case HP_SHOP_PREFERENCES:
        return hp_stage_send(stage, HP_RECORD_PREFERENCES, &event->preferences, error);
    case HP_SHOP_REQUEST:
        return hp_stage_send(stage, HP_RECORD_BOX_REQUEST, &event->request, error);
    case HP_SHOP_CATALOGUE:
        return hp_stage_send(stage, HP_RECORD_CATALOGUE_ITEM, &event->item, error);
    }
    return hp_fail(error, HP_FATAL, "the shop made an event of no known type");
}

/* ---- act one: the first box -------------------------------------------------------------- */

static enum hp_status
open_shop(struct story *story, struct hp_error *error)
{
    const struct hp_shop_catalogue *shelf = hp_shop_shelf(story->shop);
    enum hp_status status = HP_OK;

    for (size_t i = 0; i < shelf->count && !status; i++)
        status = hp_stage_send(story->stage, HP_RECORD_CATALOGUE_ITEM, &shelf->items[i], error);
    /* The personas come first and state their preferences. */
    for (size_t i = 0; i < hp_persona_count() && !status; i++) {
        struct hp_shop_event event;

        hp_stage_watch(story->stage, hp_bytes_text(hp_persona(i)->user_id));
        hp_shop_next_event(story->shop, &story->arena, &event);
        status = send_event(story, &event, error);
    }
    return status ? status : hp_stage_settle(story->stage, error);
}

/* A persona's boxes as they stand; HP_FATAL when there are none, which is a bug of ours. */
static enum hp_status
load_boxes(struct story *story, const struct hp_persona *persona,
    struct hp_recommendation *boxes, struct hp_error *error)
{
    struct hp_watched *watched = hp_stage_watch(story->stage, hp_bytes_text(persona->user_id));

    if (hp_stage_standing(story->stage, watched, &story->arena, boxes) && boxes->box_count)
        return HP_OK;
    return hp_fail(error, HP_FATAL, "%s has no box", persona->name);
}

static enum hp_status
first_box(struct story *story, struct hp_error *error)
{
    const struct hp_persona *asha = hp_persona(0);
    struct hp_recommendation boxes;
    struct hp_card_options options;
    enum hp_status status = open_shop(story, error);

    if (!status)
        status = load_boxes(story, asha, &boxes, error);
    if (status)
        return status;
    headline(story, "The first boxes: Asha has only said what she likes and must not eat.");
    options = cards_of(story, asha,
        hp_arena_printf(&story->arena, "%" PRId64 " ms after the start",
            hp_stage_clock_ms() - story->began_ms));
    hp_cards_write(stdout, &boxes, &options);
    fflush(stdout);
    return HP_OK;
}

/* ---- act two: a season ------------------------------------------------------------------- */

static enum hp_status
play_round(struct story *story, int *left, struct hp_error *error)
{
    struct hp_arena arena = {0};
    enum hp_status status = HP_OK;

    for (int i = 0; i<ROUND_EVENTS && * left> 0 && !status; i++, (*left)--) {
        struct hp_shop_event event;

        hp_arena_clear(&arena);
        hp_shop_next_event(story->shop, &arena, &event);
        if (event.at < hp_now_ms())
            status = send_event(story, &event, error);
    }
    hp_arena_release(&arena);
    return status ? status : hp_stage_turn(story->stage, 0, error);
}

static enum hp_status
play_season(struct story *story, struct hp_error *error)
{
    const struct hp_persona *asha = hp_persona(0);
    struct hp_card_options options = cards_of(story, asha, NULL);
    struct hp_recommendation before, after;
    enum hp_status status = load_boxes(story, asha, &before, error);
    int left = SEASON_EVENTS;

    headline(story, "Two months of shopping: orders, feedback, wishes, stocks and prices.");
    hp_stage_progress_begin(story->stage);
    while (!status && left > 0)
        status = play_round(story, &left, error);
    if (!status)
        status = hp_stage_settle(story->stage, error);
    hp_stage_progress_end(story->stage);
    if (!status)
        status = load_boxes(story, asha, &after, error);
    if (status)
        return status;
    headline(story, "What the season taught about Asha:");
    hp_cards_diff(stdout, &before, &after, &options);
    return HP_OK;
}

/* ---- act three: twists ------------------------------------------------------------------- */

/* Sends one event and waits; `*took_ms` is -1 when nothing came of it. */
static enum hp_status
strike(struct story *story, const struct hp_watched *watched, enum hp_record_type type,
    const void *record, int64_t *took_ms, struct hp_error *error)
{
    int64_t sent_ms = hp_stage_clock_ms();
    int64_t seen_ms = watched->seen_ms;
    enum hp_status status = hp_stage_send(story->stage, type, record, error);

    if (!status)
        status = hp_stage_settle(story->stage, error);
    *took_ms = watched->seen_ms > seen_ms ? watched->seen_ms - sent_ms : -1;
    return status;
}

/* One event about a persona's boxes, and what it changed. */
static enum hp_status
twist(struct story *story, const struct hp_persona *persona, enum hp_record_type type,
    const void *record, const struct hp_recommendation *before, struct hp_error *error)
{
    int64_t told = story->stage->recommendations;
    struct hp_watched *watched = hp_stage_watch(story->stage, hp_bytes_text(persona->user_id));
    struct hp_card_options options = cards_of(story, persona, NULL);
    struct hp_recommendation after;
    int64_t took_ms;
    enum hp_status status = strike(story, watched, type, record, &took_ms, error);

    if (!status)
        status = load_boxes(story, persona, &after, error);
    if (status)
        return status;
    hp_cards_diff(stdout, before, &after, &options);
    if (took_ms >= 0)
        printf("  %s: new boxes %" PRId64
               " ms after the event; shoppers who got new ones: %" PRId64 "\n",
            persona->name, took_ms, story->stage->recommendations - told);
    fflush(stdout);
    return HP_OK;
}

static bool
has_code(struct hp_strings codes, struct hp_bytes code)
{
    for (size_t i = 0; i < codes.count; i++)
        if (hp_bytes_equal(codes.items[i], code))
            return true;
    return false;
}

/* An allergen of something in the boxes that is not avoided yet, so that the twist shows. */
static struct hp_bytes
allergen_in(struct story *story, const struct hp_recommendation *boxes,
    struct hp_strings avoided, struct hp_bytes *item_name)
{
    for (size_t i = 0; i < boxes->box_count; i++)
        for (size_t j = 0; j < boxes->boxes[i].item_count; j++) {
            const struct hp_catalogue_item *item = hp_shop_catalogue_find(
                hp_shop_shelf(story->shop), boxes->boxes[i].items[j].item_id);

            for (size_t k = 0; item && k < item->allergens.count; k++)
                if (!has_code(avoided, item->allergens.items[k])) {
                    *item_name = item->name;
                    return item->allergens.items[k];
                }
        }
    return (struct hp_bytes){0};
}

static enum hp_status
twist_allergy(struct story *story, struct hp_error *error)
{
    const struct hp_persona *asha = hp_persona(0);
    struct hp_preferences preferences;
    struct hp_recommendation before;
    struct hp_bytes allergen, item, *avoided;
    enum hp_status status = load_boxes(story, asha, &before, error);

    if (status)
        return status;
    hp_persona_preferences(asha, TWIST_VERSION, hp_now_ms(), &story->arena, &preferences);
    allergen = allergen_in(story, &before, preferences.avoid_allergens, &item);
    if (!allergen.data) {
        allergen = hp_bytes_text("sesame");
        item = hp_bytes_text("til sweets");
    }
    avoided =
        HP_ARENA_ARRAY(&story->arena, preferences.avoid_allergens.count + 1, struct hp_bytes);
    for (size_t i = 0; i < preferences.avoid_allergens.count; i++)
        avoided[i] = preferences.avoid_allergens.items[i];
    avoided[preferences.avoid_allergens.count] = allergen;
    preferences.avoid_allergens.items = avoided;
    preferences.avoid_allergens.count++;
    headline(story, hp_arena_printf(&story->arena,
                        "Twist 1: Asha learns that she must avoid %.*s too (%.*s has it).",
                        HP_BYTES_FORMAT(allergen), HP_BYTES_FORMAT(item)));
    return twist(story, asha, HP_RECORD_PREFERENCES, &preferences, &before, error);
}

static enum hp_status
twist_stock(struct story *story, struct hp_error *error)
{
    const struct hp_persona *rohan = hp_persona(1);
    struct hp_recommendation before;
    const struct hp_catalogue_item *found;
    struct hp_catalogue_item item;
    enum hp_status status = load_boxes(story, rohan, &before, error);

    if (status)
        return status;
    found =
        hp_shop_catalogue_find(hp_shop_shelf(story->shop), before.boxes[0].items[0].item_id);
    HP_ASSERT(found);
    item = *found;
    item.version = TWIST_VERSION;
    item.updated_at = hp_now_ms();
    item.stock = (struct hp_maybe){true, 0};
    headline(story, hp_arena_printf(&story->arena, "Twist 2: %.*s is out of stock.",
                        HP_BYTES_FORMAT(item.name)));
    return twist(story, rohan, HP_RECORD_CATALOGUE_ITEM, &item, &before, error);
}

static enum hp_status
twist_rejection(struct story *story, struct hp_error *error)
{
    const struct hp_persona *farhan = hp_persona(3);
    struct hp_recommendation before;
    enum hp_status status = load_boxes(story, farhan, &before, error);
    struct hp_feedback feedback = {
        .feedback_id = hp_bytes_text("demo-rejection"),
        .user_id = hp_bytes_text(farhan->user_id),
        .at = hp_now_ms(),
        .kind = HP_FEEDBACK_REJECTED,
    };

    if (status)
        return status;
    feedback.box_id = before.boxes[0].box_id;
    headline(story, "Twist 3: Farhan rejects his first box.");
    return twist(story, farhan, HP_RECORD_FEEDBACK, &feedback, &before, error);
}

static enum hp_status
twist_stranger(struct story *story, struct hp_error *error)
{
    static const struct hp_bytes diets[] = {{(const uint8_t *)"vegan", 5}};
    struct hp_box_request request = {
        .request_id = hp_bytes_text("demo-request"),
        .user_id = hp_bytes_text("zoya"),
        .requested_at = hp_now_ms(),
        .budget_max_minor = {true, 80000},
        .occasion = hp_bytes_text("Birthday"),
        .diets = {diets, 1},
        .boxes = {true, 1},
        .explore = true,
    };
    struct hp_watched *watched = hp_stage_watch(story->stage, request.user_id);
    struct hp_card_options options = story->cards;
    struct hp_recommendation answer;
    int64_t took_ms;
    enum hp_status status;

    headline(story, "Twist 4: Zoya, never seen before, asks for a vegan birthday box.");
    status = strike(story, watched, HP_RECORD_BOX_REQUEST, &request, &took_ms, error);
    if (status)
        return status;
    if (!hp_stage_answer(story->stage, watched, &story->arena, &answer))
        return hp_fail(error, HP_FATAL, "the request has no answer");
    options.name = "Zoya";
    options.note = "vegan";
    options.footer =
        hp_arena_printf(&story->arena, "answered %" PRId64 " ms after the request", took_ms);
    hp_cards_write(stdout, &answer, &options);
    return HP_OK;
}

/* ---- all of it --------------------------------------------------------------------------- */

static void
say_end(struct story *story)
{
    const struct hp_stage *stage = story->stage;

    headline(story, hp_arena_printf(&story->arena,
                        "%" PRId64 " events, %zu users, %" PRId64 " transactions, %" PRId64
                        " boxes, %" PRId64 " dead letters in %.1f s.",
                        hp_stage_processed(stage), stage->user_count,
                        hp_stage_transactions(stage), stage->boxes, stage->dead_letters,
                        (double)(hp_stage_clock_ms() - story->began_ms) / 1000));
    printf("Nothing was kept. Next:\n"
           "  %s demo --events DIR    your own orders.jsonl, catalogue.jsonl and others\n"
           "  %s topics --format kafka-topics    what your Kafka needs\n"
           "  docker compose up    all of it on a real Kafka, with metrics\n",
        program_invocation_name, program_invocation_name);
}

enum hp_status
hp_demo_story(struct hp_stage *stage, uint64_t seed, struct hp_error *error)
{
    static enum hp_status (*const acts[])(struct story *, struct hp_error *) = {
        first_box, play_season, twist_allergy, twist_stock, twist_rejection, twist_stranger};
    const struct hp_shop_settings settings = {.seed = seed,
        .shoppers = SHOPPERS,
        .start_ms = hp_now_ms() - SEASON_MS - HOUR_MS,
        .gap_ms = SEASON_MS / SEASON_EVENTS,
        .catalogue_permille = CATALOGUE_RATE};
    struct story story = {.stage = stage, .began_ms = stage->start_ms};
    enum hp_status status = HP_OK;

    story.shop = hp_shop_new(&settings);
    hp_card_options_detect(stdout, &story.cards);
    story.cards.name_of = name_of;
    story.cards.context = &story;
    stage->shown = show_to_shop;
    stage->shown_context = &story;
    printf("hamper %s: the whole stream in this process, on a broker in memory. Shop %" PRIu64
           ": %zu items, %d shoppers.\n",
        HAMPER_VERSION, seed, hp_shop_shelf(story.shop)->count, SHOPPERS);
    fflush(stdout);
    for (size_t i = 0; i < HP_ARRAY_SIZE(acts) && !status; i++) {
        hp_arena_clear(&story.arena);
        status = acts[i](&story, error);
    }
    if (!status)
        say_end(&story);
    stage->shown = NULL;
    hp_arena_release(&story.arena);
    hp_shop_free(story.shop);
    return status;
}
