/* tests/support/flow_rig.c - the whole stream in memory. SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/flow_rig.h"

#include "base/log.h"
#include "domain/limits.h"
#include "flow/topology.h"
#include "ledger/digest.h"
#include "store/kv_memory.h"

#include <stdarg.h>

#define QUIET_TURNS  60
#define TURNS_MAX    200000
#define JSON_MAX     16384
#define FAMILIES_MAX 64

static void
must(enum hp_status status, const struct hp_error *error)
{
    if (status)
        hp_die("flow rig: %s", error->text);
}

static int64_t
clock_ms(void *context)
{
    return ((struct flow_rig *)context)->now_ms;
}

static void
make_topics(struct flow_rig *rig)
{
    for (size_t i = 0; i < HP_TOPIC_COUNT; i++) {
        const struct hp_topic_row *row = &hp_topic_rows[i];
        struct hp_error error;
        size_t settings = 0;

        while (row->settings[settings].name)
            settings++;
        must(hp_cluster_create(rig->cluster,
                 &(struct hp_topic_spec){rig->topics.name[i],
                     row->by_partitions ? RIG_PARTITIONS : 1, 1, row->settings, settings},
                 &error),
            &error);
    }
}

static void
open_codec(struct flow_rig *rig)
{
    struct hp_error error;

    must(hp_registry_open(
             &(struct hp_registry_options){.url = "file:schemas"}, &rig->registry, &error),
        &error);
    rig->codec = hp_codec_new(rig->registry);
    for (size_t i = 0; i < HP_TOPIC_COUNT; i++) {
        char subject[128];

        if (hp_topic_rows[i].record_type < 0)
            continue;
        snprintf(subject, sizeof(subject), "%s-value", hp_topic_rows[i].default_name);
        must(hp_codec_prepare(rig->codec, (enum hp_record_type)hp_topic_rows[i].record_type,
                 subject, &error),
            &error);
    }
}

void
flow_rig_init(struct flow_rig *rig)
{
    struct hp_error error;

    hp_log_configure(&(struct hp_log_options){.level = HP_LOG_ERROR});
    *rig = (struct flow_rig){.now_ms = RIG_START_MS};
    rig->cluster = hp_cluster_memory_new(
        &(struct hp_memory_options){.clock = clock_ms, .clock_context = rig});
    hp_topic_names_init(&rig->topics, "hamper", NULL);
    make_topics(rig);
    open_codec(rig);
    must(hp_producer_new(rig->cluster, NULL, &rig->producer, &error), &error);
    rig->vocabulary = hp_vocabulary_new();
    rig->occasions = hp_occasions_new();
    rig->kv = hp_kv_memory_new();
    rig->options = (struct hp_flow_options){.application_id = "hamper",
        .topics = &rig->topics,
        .partitions = RIG_PARTITIONS,
        .currency = "INR",
        .cluster = rig->cluster,
        .codec = rig->codec,
        .vocabulary = rig->vocabulary,
        .occasions = rig->occasions,
        .erasure_key = hp_bytes_text("the key of the rig, 32 bytes long"),
        .clock_ms = clock_ms,
        .clock_context = rig,
        .budget_default_minor = 150000,
        .box_items_min = 3,
        .box_items_max = 12,
        .residue_ms = 8 * RIG_DAY_MS,
        .sweep_interval_ms = RIG_DAY_MS,
        .rows_publish_ms = 60000,
        .rows_cache_bytes = 1 << 24,
        .emit_batch_users = 100,
        .emit_defer_records = 100000,
        .privacy_min_buyers = 5,
        .eager_rows = true,
        .epoch_gap_ms = 50};
}

static void
stop(struct flow_rig *rig, bool abandon)
{
    if (rig->worker)
        hp_worker_free(rig->worker, abandon);
    rig->worker = NULL;
    hp_flow_free(rig->flow);
    rig->flow = NULL;
}

void
flow_rig_release(struct flow_rig *rig)
{
    stop(rig, false);
    hp_kv_free(rig->kv);
    hp_producer_free(rig->producer, false);
    hp_codec_free(rig->codec);
    hp_registry_free(rig->registry);
    hp_vocabulary_free(rig->vocabulary);
    hp_occasions_free(rig->occasions);
    hp_topic_names_release(&rig->topics);
    hp_cluster_free(rig->cluster);
    hp_arena_release(&rig->arena);
}

void
flow_rig_make(struct flow_rig *rig)
{
    struct hp_error error;

    must(hp_flow_new(&rig->options, &rig->flow, &error), &error);
}

void
flow_rig_start(struct flow_rig *rig)
{
    flow_rig_make(rig);
    flow_rig_join(rig);
}

void
flow_rig_join(struct flow_rig *rig)
{
    struct hp_error error;

    while (!hp_flow_ready(rig->flow))
        must(hp_flow_views_step(rig->flow, 0, &error), &error);
    must(
        hp_worker_new(&(struct hp_worker_options){.cluster = rig->cluster,
                          .kv = rig->kv,
                          .application = rig->wrap ? rig->wrap : hp_flow_application(rig->flow),
                          .application_id = "hamper",
                          .instance = "rig-0",
                          .changelog_topic = rig->topics.name[HP_TOPIC_LEDGER_CHANGELOG],
                          .dead_letter_topic = rig->topics.name[HP_TOPIC_DEAD_LETTERS],
                          .reroute_topic = rig->topics.name[HP_TOPIC_REROUTE],
                          .audit_topic = rig->topics.name[HP_TOPIC_AUDIT],
                          .partitions = RIG_PARTITIONS,
                          .dead_letter_partitions = RIG_PARTITIONS,
                          .clock_ms = clock_ms,
                          .clock_context = rig,
                          .commit_interval_ms = 100,
                          .commit_gap_ms = 10,
                          .fence_ms = 1000,
                          .overlay_bytes = 1 << 22,
                          .round_records = 256,
                          .breaker = true,
                          .delete_retention_ms = RIG_DAY_MS},
            &rig->worker, &error),
        &error);
}

void
flow_rig_crash(struct flow_rig *rig)
{
    stop(rig, true);
}

void
flow_rig_wipe(struct flow_rig *rig)
{
    HP_ASSERT(!rig->worker);
    hp_kv_free(rig->kv);
    rig->kv = hp_kv_memory_new();
}

/* ---- what goes in ------------------------------------------------------------------------ */

int32_t
flow_rig_place(const char *key)
{
    return hp_partition_of(hp_bytes_text(key), RIG_PARTITIONS);
}

void
flow_rig_send_raw(struct flow_rig *rig, enum hp_topic topic, int32_t partition, const char *key,
    struct hp_bytes value)
{
    struct hp_error error;

    must(hp_producer_send(rig->producer,
             &(struct hp_outgoing){.topic = rig->topics.name[topic],
                 .partition = hp_topic_rows[topic].by_partitions ? partition : 0,
                 .key = hp_bytes_text(key),
                 .value = value},
             &error),
        &error);
    must(hp_producer_flush(rig->producer, &error), &error);
}

/* The user or the item of a record of the inputs. */
static const char *
own_key(struct flow_rig *rig, enum hp_topic topic, const void *record)
{
    struct hp_bytes key = {0};

    switch (topic) {
    case HP_TOPIC_ORDERS: key = ((const struct hp_order *)record)->user_id; break;
    case HP_TOPIC_FEEDBACK: key = ((const struct hp_feedback *)record)->user_id; break;
    case HP_TOPIC_PREFERENCES: key = ((const struct hp_preferences *)record)->user_id; break;
    case HP_TOPIC_BOX_REQUESTS: key = ((const struct hp_box_request *)record)->user_id; break;
    case HP_TOPIC_ERASURES: key = ((const struct hp_erasure *)record)->user_id; break;
    case HP_TOPIC_CATALOGUE: key = ((const struct hp_catalogue_item *)record)->item_id; break;
    default: hp_die("flow rig: topic %d is no input", (int)topic);
    }
    return hp_arena_text(&rig->arena, key);
}

HP_PRINTF(5, 0)
static void
send_json(struct flow_rig *rig, enum hp_topic topic, const int32_t *partition, const char *key,
    const char *format, va_list arguments)
{
    enum hp_record_type type = (enum hp_record_type)hp_topic_rows[topic].record_type;
    void *record = hp_arena_alloc(&rig->arena, hp_record_size(type));
    struct hp_buffer value = {0};
    char json[JSON_MAX];
    struct hp_error error;

    HP_ASSERT(vsnprintf(json, sizeof(json), format, arguments) < (int)sizeof(json));
    for (char *at = json; *at; at++)
        *at = *at == '\'' ? '"' : *at;
    must(hp_event_from_json(type, hp_bytes_text(json), &rig->arena, record, &error), &error);
    must(hp_codec_encode(rig->codec, type, record, &value, &error), &error);
    key = key ? key : own_key(rig, topic, record);
    flow_rig_send_raw(
        rig, topic, partition ? *partition : flow_rig_place(key), key, hp_buffer_bytes(&value));
    hp_buffer_release(&value);
}

void
flow_rig_send(
    struct flow_rig *rig, enum hp_topic topic, const char *key, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    send_json(rig, topic, NULL, key, format, arguments);
    va_end(arguments);
}

void
flow_rig_send_to(struct flow_rig *rig, enum hp_topic topic, int32_t partition, const char *key,
    const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    send_json(rig, topic, &partition, key, format, arguments);
    va_end(arguments);
}

void
flow_rig_item(struct flow_rig *rig, const char *id, const char *category, int price_minor,
    const char *more)
{
    flow_rig_send(rig, HP_TOPIC_CATALOGUE, NULL,
        "{'item_id':'%s','version':1,'updated_at':%lld,'name':'%s','category':'%s',"
        "'price_minor':%d%s%s}",
        id, (long long)rig->now_ms, id, category, price_minor, *more ? "," : "", more);
}

/* Six categories of five items, 11,000 to 31,000 paise; odd ones vegan, even ones vegetarian.
 */
void
flow_rig_shop(struct flow_rig *rig)
{
    static const char *const categories[] = {
        "nuts", "sweets", "tea", "snacks", "fruit", "spice"};
    static const char *const allergens[] = {"'tree-nut'", "'milk'", "", "'wheat'", "", ""};

    for (int c = 0; c < 6; c++)
        for (int i = 1; i <= 5; i++) {
            char id[16];
            char more[160];

            snprintf(id, sizeof(id), "%s-%d", categories[c], i);
            snprintf(more, sizeof(more), "'allergens':[%s%s],'diets':['%s']", allergens[c],
                i == 1 ? (*allergens[c] ? ",'peanut'" : "'peanut'") : "",
                i % 2 ? "vegan" : "vegetarian");
            flow_rig_item(rig, id, categories[c], 6000 + 4000 * i + 1000 * c, more);
        }
    flow_rig_item(rig, "fruit-x", "fruit", 12000, "'diets':['vegan']"); /* does not say */
    flow_rig_item(rig, "tea-x", "tea", 12000, "'allergens':['moon-dust'],'diets':['vegan']");
}

/* ---- turns ------------------------------------------------------------------------------- */

void
flow_rig_step(struct flow_rig *rig)
{
    struct hp_error error;

    must(hp_flow_views_step(rig->flow, 0, &error), &error);
    must(hp_worker_step(rig->worker, 0, &error), &error);
    rig->now_ms += 5;
}

static bool
is_quiet(struct flow_rig *rig)
{
    struct hp_worker_state state;

    hp_worker_state(rig->worker, &state);
    return state.idle && state.task_count == RIG_PARTITIONS &&
           hp_flow_settled(rig->flow, rig->worker);
}

void
flow_rig_settle(struct flow_rig *rig)
{
    int quiet = 0;

    for (int i = 0; quiet < QUIET_TURNS; i++) {
        if (i == TURNS_MAX)
            hp_die("flow rig: does not settle");
        flow_rig_step(rig);
        quiet = is_quiet(rig) ? quiet + 1 : 0;
    }
}

/* ---- what can be seen -------------------------------------------------------------------- */

static struct hp_bytes
copied(struct hp_arena *arena, struct hp_bytes bytes)
{
    return bytes.data ? hp_arena_copy(arena, bytes) : bytes;
}

typedef void visit_message(void *context, const struct hp_message *message);

static void
each(struct flow_rig *rig, enum hp_topic topic, visit_message *visit, void *context)
{
    const char *name = rig->topics.name[topic];
    int32_t partitions = hp_topic_rows[topic].by_partitions ? RIG_PARTITIONS : 1;
    struct hp_error error;

    for (int32_t p = 0; p < partitions; p++) {
        const struct hp_reader_options options = {.topics = &name, .topic_count = 1};
        struct hp_reader *reader;
        struct hp_poll poll;

        must(hp_reader_new(rig->cluster, &options, &reader, &error), &error);
        must(hp_reader_assign(reader, 0, p, 0, &error), &error);
        do {
            must(hp_reader_poll(reader, 0, &poll, &error), &error);
            if (poll.kind == HP_POLL_RECORD)
                visit(context, &poll.message);
        } while (poll.kind == HP_POLL_RECORD);
        hp_reader_free(reader);
    }
}

struct reading {
    struct flow_rig *rig;
    struct hp_buffer seen; /* array of struct flow_seen */
    bool boxes;
};

static void
visit_seen(void *context, const struct hp_message *message)
{
    struct reading *reading = context;
    struct hp_arena *arena = &reading->rig->arena;
    struct flow_seen seen = {.partition = message->partition,
        .offset = message->offset,
        .timestamp_ms = message->timestamp_ms,
        .key = copied(arena, message->key),
        .value = copied(arena, message->value)};
    struct hp_error error;

    if (reading->boxes && seen.value.data)
        must(hp_codec_decode(reading->rig->codec, HP_RECORD_BOX_RECOMMENDATION, seen.value,
                 (struct hp_bytes){0}, arena, &seen.content, &error),
            &error);
    hp_buffer_append(&reading->seen, &seen, sizeof(seen));
}

static struct flow_seen_list
read_topic(struct flow_rig *rig, enum hp_topic topic, bool boxes)
{
    struct reading reading = {.rig = rig, .boxes = boxes};
    struct flow_seen_list list;

    each(rig, topic, visit_seen, &reading);
    list.count = reading.seen.size / sizeof(struct flow_seen);
    list.items = HP_ARENA_ARRAY(&rig->arena, list.count, struct flow_seen);
    if (list.count)
        memcpy(list.items, reading.seen.data, reading.seen.size);
    hp_buffer_release(&reading.seen);
    return list;
}

struct flow_seen_list
flow_rig_read(struct flow_rig *rig, enum hp_topic topic)
{
    return read_topic(
        rig, topic, topic == HP_TOPIC_BOX_RECOMMENDATIONS || topic == HP_TOPIC_BOX_ANSWERS);
}

struct flow_seen_list
flow_rig_read_raw(struct flow_rig *rig, enum hp_topic topic)
{
    return read_topic(rig, topic, false);
}

const struct hp_recommendation *
flow_rig_standing(struct flow_rig *rig, const char *user)
{
    struct flow_seen_list list = flow_rig_read(rig, HP_TOPIC_BOX_RECOMMENDATIONS);

    for (size_t i = list.count; i > 0; i--)
        if (hp_bytes_is(list.items[i - 1].key, user))
            return list.items[i - 1].value.data ? &list.items[i - 1].content : NULL;
    return NULL;
}

const struct hp_recommendation *
flow_rig_answer(struct flow_rig *rig, const char *request)
{
    struct flow_seen_list list = flow_rig_read(rig, HP_TOPIC_BOX_ANSWERS);

    for (size_t i = 0; i < list.count; i++)
        if (hp_bytes_is(list.items[i].content.request_id, request))
            return &list.items[i].content;
    return NULL;
}

size_t
flow_rig_count(struct flow_rig *rig, enum hp_topic topic, const char *key)
{
    struct flow_seen_list list = flow_rig_read(rig, topic);
    size_t count = 0;

    for (size_t i = 0; i < list.count; i++)
        count += hp_bytes_is(list.items[i].key, key);
    return count;
}

struct letters {
    struct hp_arena *arena;
    size_t count;
    const char *code;
};

static void
visit_letter(void *context, const struct hp_message *message)
{
    struct letters *letters = context;

    letters->count++;
    for (size_t i = 0; i < message->header_count; i++)
        if (hp_bytes_is(message->headers[i].name, "__connect.errors.exception.class.name"))
            letters->code = hp_arena_text(letters->arena, message->headers[i].value);
}

const char *
flow_rig_dead(struct flow_rig *rig, size_t *count)
{
    struct letters letters = {.arena = &rig->arena};

    each(rig, HP_TOPIC_DEAD_LETTERS, visit_letter, &letters);
    if (count)
        *count = letters.count;
    return letters.code;
}

struct hp_digest
flow_rig_set_digest(struct flow_rig *rig)
{
    struct hp_kv_cursor *cursor = hp_kv_scan(rig->kv, hp_bytes("", 0), (struct hp_bytes){0});
    struct hp_digest sum = {0, 0};
    struct hp_error error;
    struct hp_bytes key;
    struct hp_bytes value;

    while (hp_kv_next(cursor, &key, &value)) {
        uint8_t store = key.size > 4 ? key.data[4] : 0;

        if (store >= HP_STORE_ORDER && store <= HP_STORE_WATERMARK)
            sum = hp_digest_add(
                sum, hp_row_digest(store, hp_bytes(key.data + 5, key.size - 5), value));
    }
    must(hp_kv_cursor_free(cursor, &error), &error);
    return sum;
}

/* ---- validity, worked out a second time -------------------------------------------------- */

struct shelf_search {
    struct flow_rig *rig;
    struct hp_bytes item;
    bool found;
    struct hp_catalogue_item shelf;
};

static void
visit_shelf(void *context, const struct hp_message *message)
{
    struct shelf_search *search = context;

    if (!hp_bytes_equal(message->key, search->item))
        return;
    search->found = message->value.data &&
                    hp_codec_decode(search->rig->codec, HP_RECORD_CATALOGUE_ITEM,
                        copied(&search->rig->arena, message->value), (struct hp_bytes){0},
                        &search->rig->arena, &search->shelf, NULL) == HP_OK;
}

static bool
says(struct hp_strings strings, const char *text)
{
    for (size_t i = 0; text && i < strings.count; i++)
        if (hp_bytes_is(strings.items[i], text))
            return true;
    return false;
}

static bool
item_suits(const struct hp_catalogue_item *shelf, const struct flow_rules *rules)
{
    if (rules->allergen && (!shelf->allergens_known || says(shelf->allergens, rules->allergen)))
        return false;
    return !rules->diet || says(shelf->diets, rules->diet) ||
           says(shelf->diets, rules->or_diet);
}

static bool
wrong(const struct hp_recommendation *recommendation, const char *what, struct hp_bytes item)
{
    fprintf(stderr, "boxes of %.*s, revision %lld: %s %.*s\n",
        HP_BYTES_FORMAT(recommendation->user_id), (long long)recommendation->revision, what,
        HP_BYTES_FORMAT(item));
    return false;
}

struct families {
    struct hp_bytes items[FAMILIES_MAX];
    size_t count;
};

static bool
add_family(struct families *families, struct hp_bytes family)
{
    for (size_t i = 0; i < families->count; i++)
        if (hp_bytes_equal(families->items[i], family))
            return false;
    HP_ASSERT(families->count < FAMILIES_MAX);
    families->items[families->count++] = family;
    return true;
}

static bool
box_valid(struct flow_rig *rig, const struct hp_recommendation *whole, const struct hp_box *box,
    const struct flow_rules *rules, struct families *families)
{
    int64_t total = 0;
    int units = 0;

    families->count = 0;
    for (size_t i = 0; i < box->item_count; i++) {
        const struct hp_box_item *item = &box->items[i];
        struct shelf_search search = {.rig = rig, .item = item->item_id};

        each(rig, HP_TOPIC_CATALOGUE, visit_shelf, &search);
        if (!search.found || !search.shelf.active)
            return wrong(whole, "not for sale:", item->item_id);
        if (item->unit_price_minor != search.shelf.price_minor)
            return wrong(whole, "another price:", item->item_id);
        if (item->quantity < 1 || item->quantity > search.shelf.max_per_box ||
            (search.shelf.stock.present && item->quantity > search.shelf.stock.value))
            return wrong(whole, "too many of", item->item_id);
        if (!item_suits(&search.shelf, rules))
            return wrong(whole, "does not suit:", item->item_id);
        if (!(rules->must && hp_bytes_is(item->item_id, rules->must)) &&
            !add_family(
                families, search.shelf.family.size ? search.shelf.family : item->item_id))
            return wrong(whole, "two of the family of", item->item_id);
        total += item->quantity * item->unit_price_minor;
        units += item->quantity;
    }
    if (total != box->total_minor || total < whole->budget_min_minor ||
        total > whole->budget_max_minor)
        return wrong(whole, "outside its window:", box->box_id);
    if (units < (rules->items_min ? rules->items_min : 3) ||
        units > (rules->items_max ? rules->items_max : 12))
        return wrong(whole, "too few or too many units:", box->box_id);
    return true;
}

static size_t
shared(const struct families *a, const struct families *b)
{
    size_t count = 0;

    for (size_t i = 0; i < a->count; i++)
        for (size_t j = 0; j < b->count; j++)
            count += hp_bytes_equal(a->items[i], b->items[j]);
    return count;
}

bool
flow_rig_valid(struct flow_rig *rig, const struct hp_recommendation *recommendation,
    const struct flow_rules *rules)
{
    static const struct flow_rules none;
    struct families families[HP_BOXES_MAX];

    if (recommendation->valid_until != recommendation->generated_at + 7 * RIG_DAY_MS)
        return wrong(recommendation, "valid for other than seven days", (struct hp_bytes){0});
    for (size_t i = 0; i < recommendation->box_count; i++) {
        if (!box_valid(rig, recommendation, &recommendation->boxes[i], rules ? rules : &none,
                &families[i]))
            return false;
        for (size_t j = 0; j < i; j++)
            if (2 * shared(&families[i], &families[j]) > families[j].count)
                return wrong(recommendation,
                    "too much in common with an earlier box:", recommendation->boxes[i].box_id);
    }
    return true;
}

bool
flow_rig_holds(const struct hp_recommendation *recommendation, const char *item)
{
    for (size_t i = 0; i < recommendation->box_count; i++)
        for (size_t j = 0; j < recommendation->boxes[i].item_count; j++)
            if (hp_bytes_is(recommendation->boxes[i].items[j].item_id, item))
                return true;
    return false;
}

/* ---- revisions --------------------------------------------------------------------------- */

static size_t
count_revision(const struct flow_seen_list *list, struct hp_bytes user, int64_t revision)
{
    size_t count = 0;

    for (size_t i = 0; i < list->count; i++)
        count += list->items[i].value.data && hp_bytes_equal(list->items[i].key, user) &&
                 list->items[i].content.revision == revision;
    return count;
}

static bool
rising(const struct flow_seen_list *lists)
{
    for (int l = 0; l < 2; l++)
        for (size_t i = 0; i < lists[l].count; i++) {
            const struct flow_seen *seen = &lists[l].items[i];
            int64_t revision = seen->content.revision;

            if (!seen->value.data)
                continue;
            if (count_revision(&lists[0], seen->key, revision) +
                    count_revision(&lists[1], seen->key, revision) !=
                1)
                return wrong(&seen->content, "a revision twice", seen->key);
            if (revision > 1 && count_revision(&lists[0], seen->key, revision - 1) +
                                        count_revision(&lists[1], seen->key, revision - 1) ==
                                    0)
                return wrong(&seen->content, "a revision is left out before", seen->key);
        }
    return true;
}

bool
flow_rig_revisions(struct flow_rig *rig)
{
    const struct flow_seen_list lists[2] = {flow_rig_read(rig, HP_TOPIC_BOX_RECOMMENDATIONS),
        flow_rig_read(rig, HP_TOPIC_BOX_ANSWERS)};

    return rising(lists);
}
