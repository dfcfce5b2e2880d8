/*
 * tests/sim/check.c - what must hold at every quiet moment, worked out from the topics, the
 * stores and what was written, not from what the stream says of itself.
 *
 *     digests     set and effect digest equal those of a world without trouble
 *     rows        every fact equals that of a cold restore, what is derived its recomputation
 *     letters     each bad record has one dead letter, no other has one
 *     answers     each request has one answer; each erasure one receipt
 *     revisions   a user has each revision once, over both topics, without gaps
 *     commits     none holds two standing records of a user
 *     boxes       valid against the catalogue and the preferences at their as_of
 *     audit       the records of the audit topic tile the inputs
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "codec/event.h"
#include "engine/header.h"
#include "flow/topology.h"
#include "flow/verify.h"
#include "ledger/digest.h"
#include "store/keys.h"
#include "store/kv_memory.h"
#include "tests/sim/sim.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#define ERRORS      "__connect.errors."
#define OUTPUTS_MAX 4096

static bool HP_PRINTF(2, 3) wrong(const struct sim *sim, const char *format, ...)
{
    va_list arguments;

    fprintf(stderr, "seed %" PRIu64 ": ", sim->seed);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    return false;
}

/* ---- reading topics as a stranger does --------------------------------------------------- */

struct outputs {
    struct hp_message *messages; /* by partition, in log order */
    size_t count;
};

static void
read_partition(
    struct sim *sim, struct hp_reader *reader, struct hp_arena *arena, struct outputs *outputs)
{
    struct hp_error error;
    struct hp_poll poll;

    for (;;) {
        struct hp_message *message = &outputs->messages[outputs->count];

        if (hp_reader_poll(reader, 0, &poll, &error))
            hp_die("seed %" PRIu64 ": %s", sim->seed, error.text);
        if (poll.kind == HP_POLL_NOTHING)
            return;
        if (poll.kind == HP_POLL_END)
            continue;
        HP_ASSERT(outputs->count < OUTPUTS_MAX);
        *message = poll.message;
        message->key = poll.message.key.data ? hp_arena_copy(arena, poll.message.key)
                                             : (struct hp_bytes){0};
        message->value = poll.message.value.data ? hp_arena_copy(arena, poll.message.value)
                                                 : (struct hp_bytes){0};
        if (message->header_count) {
            struct hp_header *headers =
                HP_ARENA_ARRAY(arena, message->header_count, struct hp_header);

            for (size_t i = 0; i < message->header_count; i++) {
                headers[i].name = hp_arena_copy(arena, poll.message.headers[i].name);
                headers[i].value = hp_arena_copy(arena, poll.message.headers[i].value);
            }
            message->headers = headers;
        }
        outputs->count++;
    }
}

static struct outputs
read_topic(struct sim *sim, enum hp_topic topic, struct hp_arena *arena)
{
    const char *name = sim->topics.name[topic];
    int32_t partitions = hp_topic_rows[topic].by_partitions ? sim->tunables.partitions : 1;
    struct outputs outputs = {HP_ARENA_ARRAY(arena, OUTPUTS_MAX, struct hp_message), 0};
    struct hp_error error;

    for (int32_t p = 0; p < partitions; p++) {
        struct hp_reader *reader;

        if (hp_reader_new(sim->cluster,
                &(struct hp_reader_options){.topics = &name, .topic_count = 1}, &reader,
                &error) ||
            hp_reader_assign(reader, 0, p, 0, &error))
            hp_die("seed %" PRIu64 ": %s", sim->seed, error.text);
        read_partition(sim, reader, arena, &outputs);
        hp_reader_free(reader);
    }
    return outputs;
}

/* ---- digests ----------------------------------------------------------------------------- */

static struct sim_instance *
owner(struct sim *sim, int32_t partition)
{
    for (int i = 0; i < sim->tunables.instances; i++)
        if (sim->instances[i]->worker && hp_worker_task(sim->instances[i]->worker, partition))
            return sim->instances[i];
    return NULL;
}

static struct hp_kv_cursor *
scan_partition(struct hp_kv *kv, int32_t partition)
{
    struct hp_buffer from = {0};
    struct hp_buffer to = {0};
    struct hp_kv_cursor *cursor;

    hp_key_head(&from, partition, 0);
    hp_key_head(&to, partition + 1, 0);
    cursor = hp_kv_scan(kv, hp_buffer_bytes(&from), hp_buffer_bytes(&to));
    hp_buffer_release(&from);
    hp_buffer_release(&to);
    return cursor;
}

static void
add_digests(struct hp_kv *kv, int32_t partition, struct hp_ledger_digests *digests)
{
    static const enum hp_fact_kind facts[256] = {[HP_STORE_ORDER] = HP_FACT_ORDER,
        [HP_STORE_REACTION] = HP_FACT_REACTION,
        [HP_STORE_PREFERENCES] = HP_FACT_PREFERENCES,
        [HP_STORE_WATERMARK] = HP_FACT_WATERMARK};
    struct hp_kv_cursor *cursor = scan_partition(kv, partition);
    struct hp_error error;
    struct hp_bytes key;
    struct hp_bytes value;

    while (hp_kv_next(cursor, &key, &value)) {
        uint8_t store = key.data[HP_KEY_HEAD - 1];

        if (store >= HP_STORE_ORDER && store <= HP_STORE_WATERMARK)
            hp_ledger_digests_change(digests, facts[store], store,
                hp_bytes(key.data + HP_KEY_HEAD, key.size - HP_KEY_HEAD), (struct hp_bytes){0},
                value);
    }
    if (hp_kv_cursor_free(cursor, &error))
        hp_die("%s", error.text);
}

static struct hp_ledger_digests
digests_of(struct sim *sim)
{
    struct hp_ledger_digests digests = {0};

    for (int32_t p = 0; p < sim->tunables.partitions; p++)
        add_digests(owner(sim, p)->disk, p, &digests);
    return digests;
}

/* Brings the world without trouble up to what was written, and asks what it knows. */
static bool
follow_reference(struct sim *sim)
{
    if (!sim->reference) {
        sim->reference = hp_alloc(sizeof(*sim->reference));
        sim_init(sim->reference, sim->seed);
        sim->reference->tunables.instances = 1;
        sim->reference->tunables.overlay_bytes = 1U << 20;
        sim->reference->tunables.round_records = 200;
        sim->reference->tunables.emit_batch_users = 50;
    }
    sim_replay(sim->reference, sim);
    if (sim_settle(sim->reference))
        return true;
    return wrong(sim, "the world without trouble: %s", sim->reference->error.text);
}

static void
print_row(const char *whose, struct hp_bytes key, struct hp_bytes value)
{
    fprintf(stderr, "  %s: store %d, ", whose, key.data[HP_KEY_HEAD - 1]);
    for (size_t i = HP_KEY_HEAD; i < key.size; i++)
        fprintf(stderr, key.data[i] > 32 && key.data[i] < 127 ? "%c" : "\\%02x", key.data[i]);
    fputs(" = ", stderr);
    for (size_t i = 0; i < value.size; i++)
        fprintf(stderr, "%02x", value.data[i]);
    fputc('\n', stderr);
}

/* The first rows of the ledger in which two stores differ. */
static void
print_difference(struct hp_kv *here, struct hp_kv *there, int32_t partition)
{
    struct hp_kv *stores[2] = {here, there};

    for (int s = 0; s < 2; s++) {
        struct hp_kv_cursor *cursor = scan_partition(stores[s], partition);
        struct hp_arena arena = {0};
        struct hp_error error;
        struct hp_bytes key;
        struct hp_bytes value;
        struct hp_bytes other;

        while (hp_kv_next(cursor, &key, &value)) {
            uint8_t store = key.data[HP_KEY_HEAD - 1];

            if (store < HP_STORE_ORDER || store > HP_STORE_WATERMARK)
                continue;
            if (hp_kv_get(stores[!s], key, &arena, &other, &error))
                hp_die("%s", error.text);
            if (!other.data || !hp_bytes_equal(value, other))
                print_row(s ? "without trouble" : "here", key, value);
        }
        if (hp_kv_cursor_free(cursor, &error))
            hp_die("%s", error.text);
        hp_arena_release(&arena);
    }
}

static bool
check_digests(struct sim *sim)
{
    struct hp_ledger_digests here = digests_of(sim);
    struct hp_ledger_digests there = {0};

    if (!follow_reference(sim))
        return false;
    there = digests_of(sim->reference);
    sim_trace(sim, "set", (int64_t)here.set.low);
    if (!hp_digest_equal(here.set, there.set))
        for (int32_t p = 0; p < sim->tunables.partitions; p++)
            print_difference(owner(sim, p)->disk, owner(sim->reference, p)->disk, p);
    if (!hp_digest_equal(here.set, there.set))
        return wrong(sim, "the set digest is not that of a run without trouble");
    if (!hp_digest_equal(here.effect, there.effect))
        return wrong(sim, "the effect digest is not that of a run without trouble");
    return true;
}

/* ---- rows -------------------------------------------------------------------------------- */

/* What a restore owes: facts and what is kept beside each of them. The rest it works out later;
 * hp_verify() looks at that. */
static bool
is_compared(struct hp_bytes key)
{
    uint8_t store = key.data[HP_KEY_HEAD - 1];

    return (store != HP_STORE_HEADER && store < HP_STORE_DERIVED) ||
           store == HP_STORE_ITEM_USERS || store == HP_STORE_QUEUE;
}

static bool
next_compared(struct hp_kv_cursor *cursor, struct hp_bytes *key, struct hp_bytes *value)
{
    while (hp_kv_next(cursor, key, value))
        if (is_compared(*key))
            return true;
    return false;
}

static bool
same_rows(struct sim *sim, struct hp_kv *here, struct hp_kv *restored, int32_t partition)
{
    struct hp_kv_cursor *left = scan_partition(here, partition);
    struct hp_kv_cursor *right = scan_partition(restored, partition);
    struct hp_bytes keys[2];
    struct hp_bytes values[2];
    struct hp_error error;
    bool more[2];
    bool same = true;

    do {
        more[0] = next_compared(left, &keys[0], &values[0]);
        more[1] = next_compared(right, &keys[1], &values[1]);
        same = more[0] == more[1] && (!more[0] || (hp_bytes_equal(keys[0], keys[1]) &&
                                                      hp_bytes_equal(values[0], values[1])));
    } while (same && more[0]);
    if (!same)
        wrong(sim, "partition %d: rows of store %d and %d are not those of a cold restore",
            partition, more[0] ? keys[0].data[HP_KEY_HEAD - 1] : -1,
            more[1] ? keys[1].data[HP_KEY_HEAD - 1] : -1);
    if (hp_kv_cursor_free(left, &error) || hp_kv_cursor_free(right, &error))
        hp_die("%s", error.text);
    return same;
}

static bool
check_derived(struct sim *sim, int32_t partition)
{
    struct hp_verdict verdict;
    struct hp_error error;

    if (hp_verify(owner(sim, partition)->disk, partition, &verdict, &error))
        return wrong(sim, "partition %d: %s", partition, error.text);
    if (!verdict.same || verdict.waiting)
        return wrong(sim, "partition %d: %" PRId64 " users wait; %s", partition,
            verdict.waiting, verdict.difference);
    return true;
}

static bool
check_rows(struct sim *sim)
{
    struct hp_kv *restored = sim_restore_cold(sim);
    bool same = restored != NULL;

    for (int32_t p = 0; p < sim->tunables.partitions && same; p++)
        same = same_rows(sim, owner(sim, p)->disk, restored, p) && check_derived(sim, p);
    hp_kv_free(restored);
    return same;
}

/* ---- letters ----------------------------------------------------------------------------- */

static const char *
header_text(struct hp_arena *arena, const struct hp_message *message, const char *name)
{
    for (size_t i = 0; i < message->header_count; i++)
        if (hp_bytes_is(message->headers[i].name, name))
            return hp_arena_text(arena, message->headers[i].value);
    return "";
}

static bool
is_letter_of(const struct sim *sim, struct hp_arena *arena, const struct hp_message *letter,
    const struct sim_input *input)
{
    return strcmp(header_text(arena, letter, ERRORS "topic"), sim->topics.name[input->topic]) ==
               0 &&
           strtoll(header_text(arena, letter, ERRORS "partition"), NULL, 10) ==
               input->partition &&
           strtoll(header_text(arena, letter, ERRORS "offset"), NULL, 10) == input->offset;
}

static bool
check_letters(struct sim *sim, struct hp_arena *arena)
{
    struct outputs letters = read_topic(sim, HP_TOPIC_DEAD_LETTERS, arena);
    const struct sim_input *inputs;
    size_t count = sim_inputs(sim, &inputs);
    size_t matched = 0;

    for (size_t i = 0; i < count; i++) {
        size_t found = 0;

        for (size_t k = 0; inputs[i].bad && k < letters.count; k++)
            found += is_letter_of(sim, arena, &letters.messages[k], &inputs[i]);
        matched += found;
        if (found != inputs[i].bad)
            return wrong(sim, "%s-%d@%" PRId64 " has %zu dead letters",
                sim->topics.name[inputs[i].topic], inputs[i].partition, inputs[i].offset,
                found);
    }
    if (matched != letters.count)
        return wrong(sim, "%zu dead letters, %zu of bad records: %s", letters.count, matched,
            header_text(
                arena, &letters.messages[letters.count - 1], ERRORS "exception.message"));
    return true;
}

/* ---- answers and receipts ---------------------------------------------------------------- */

/* Whether the user was forgotten, at or after `at_ms` in the user's own time. */
static bool
is_erased(const struct sim *sim, struct hp_bytes user, int64_t at_ms)
{
    const struct sim_input *inputs;
    size_t count = sim_inputs(sim, &inputs);

    for (size_t i = 0; i < count; i++) {
        const struct hp_erasure *erasure = inputs[i].record;

        if (inputs[i].topic == HP_TOPIC_ERASURES && erasure && !erasure->recipient_id.data &&
            hp_bytes_equal(erasure->user_id, user) && erasure->requested_at >= at_ms)
            return true;
    }
    return false;
}

struct answers {
    struct outputs topics[2]; /* standing, answers */
    struct hp_recommendation *boxes[2];
};

static bool
check_answers(struct sim *sim, const struct answers *answers)
{
    const struct sim_input *inputs;
    size_t count = sim_inputs(sim, &inputs);

    for (size_t i = 0; i < count; i++) {
        const struct hp_box_request *request = inputs[i].record;
        size_t found = 0;

        if (inputs[i].topic != HP_TOPIC_BOX_REQUESTS || inputs[i].bad)
            continue;
        for (size_t k = 0; k < answers->topics[1].count; k++)
            found += hp_bytes_equal(answers->boxes[1][k].request_id, request->request_id);
        if (found > 1 && !is_erased(sim, request->user_id, 0))
            return wrong(sim, "request %.*s has %zu answers",
                HP_BYTES_FORMAT(request->request_id), found);
        if (found == 0 && !is_erased(sim, request->user_id, request->requested_at))
            return wrong(
                sim, "request %.*s has no answer", HP_BYTES_FORMAT(request->request_id));
    }
    return true;
}

static bool
check_receipts(struct sim *sim, struct hp_arena *arena)
{
    struct outputs receipts = read_topic(sim, HP_TOPIC_ERASURE_RECEIPTS, arena);
    const struct sim_input *inputs;
    size_t count = sim_inputs(sim, &inputs);
    size_t wanted = 0;

    for (size_t i = 0; i < count; i++) {
        const struct hp_erasure *erasure = inputs[i].record;
        size_t sent = 0;
        size_t found = 0;

        if (inputs[i].topic != HP_TOPIC_ERASURES || inputs[i].bad)
            continue;
        wanted++;
        for (size_t k = 0; k < count; k++)
            sent += inputs[k].topic == HP_TOPIC_ERASURES && inputs[k].record == erasure;
        for (size_t k = 0; k < receipts.count; k++)
            found += hp_bytes_equal(receipts.messages[k].key, erasure->erasure_id);
        if (found != sent)
            return wrong(sim, "erasure %.*s was sent %zu times and has %zu receipts",
                HP_BYTES_FORMAT(erasure->erasure_id), sent, found);
    }
    return wanted == receipts.count ||
           wrong(sim, "%zu receipts of %zu erasures", receipts.count, wanted);
}

/* ---- revisions --------------------------------------------------------------------------- */

static size_t
count_revision(const struct answers *answers, struct hp_bytes user, int64_t revision)
{
    size_t count = 0;

    for (int t = 0; t < 2; t++)
        for (size_t i = 0; i < answers->topics[t].count; i++)
            count += answers->topics[t].messages[i].value.data &&
                     hp_bytes_equal(answers->topics[t].messages[i].key, user) &&
                     answers->boxes[t][i].revision == revision;
    return count;
}

static bool
check_revisions(struct sim *sim, const struct answers *answers)
{
    for (int t = 0; t < 2; t++)
        for (size_t i = 0; i < answers->topics[t].count; i++) {
            const struct hp_message *message = &answers->topics[t].messages[i];
            int64_t revision = answers->boxes[t][i].revision;

            if (!message->value.data)
                continue;
            if (count_revision(answers, message->key, revision) != 1)
                return wrong(sim, "%.*s has revision %" PRId64 " twice",
                    HP_BYTES_FORMAT(message->key), revision);
            if (revision > 1 && count_revision(answers, message->key, revision - 1) != 1)
                return wrong(sim, "%.*s has revision %" PRId64 " but not the one before",
                    HP_BYTES_FORMAT(message->key), revision);
        }
    return true;
}

/* ---- commits ----------------------------------------------------------------------------- */

/* Records of one commit stand together; a marker lies between those of two. A tombstone of an
 * erasure does not wait. */
static bool
check_commits(struct sim *sim, const struct outputs *standing)
{
    for (size_t i = 0; i < standing->count; i++) {
        const struct hp_message *message = &standing->messages[i];

        if (!message->value.data)
            continue;
        for (size_t k = i; k > 0; k--) {
            const struct hp_message *before = &standing->messages[k - 1];

            if (before->partition != message->partition ||
                before->offset + 1 != standing->messages[k].offset)
                break;
            if (hp_bytes_equal(before->key, message->key))
                return wrong(sim, "%.*s has two records in one commit, at %d-%" PRId64,
                    HP_BYTES_FORMAT(message->key), message->partition, message->offset);
        }
    }
    return true;
}

/* ---- boxes ------------------------------------------------------------------------------- */

/* The newest good record of a key below an offset; NULL when there is none, or a tombstone. */
static const void *
newest(const struct sim *sim, enum hp_topic topic, int32_t partition, struct hp_bytes key,
    int64_t below)
{
    const struct sim_input *inputs;
    const void *record = NULL;
    size_t count = sim_inputs(sim, &inputs);

    for (size_t i = 0; i < count; i++)
        if (inputs[i].topic == topic && inputs[i].partition == partition &&
            inputs[i].offset < below && hp_bytes_equal(inputs[i].key, key))
            record = inputs[i].record;
    return record;
}

static bool
holds(struct hp_strings strings, struct hp_bytes text)
{
    for (size_t i = 0; i < strings.count; i++)
        if (hp_bytes_equal(strings.items[i], text))
            return true;
    return false;
}

struct rules {
    struct hp_strings allergens[2];
    struct hp_strings diets;
};

static const char *
item_fault(const struct hp_catalogue_item *shelf, const struct hp_box_item *item,
    const struct rules *rules)
{
    if (!shelf || !shelf->active)
        return "is not for sale";
    if (item->unit_price_minor != shelf->price_minor)
        return "has another price";
    if (item->quantity < 1 || item->quantity > shelf->max_per_box ||
        (shelf->stock.present && item->quantity > shelf->stock.value))
        return "is there too often";
    for (int r = 0; r < 2; r++)
        for (size_t i = 0; i < rules->allergens[r].count; i++)
            if (!shelf->allergens_known ||
                holds(shelf->allergens, rules->allergens[r].items[i]))
                return "holds what the user must not eat";
    for (size_t i = 0; i < rules->diets.count; i++)
        if (!holds(shelf->diets, rules->diets.items[i]))
            return "does not suit the diet";
    return NULL;
}

/* Against the newest record at its position; a log that was compacted may have lost that one to
 * a later, so that any earlier one may be what was seen. */
static const char *
shelf_fault(const struct sim *sim, const struct hp_recommendation *whole,
    const struct hp_box_item *item, const struct rules *rules)
{
    int64_t position = whole->as_of.catalogue[0].offset;
    const char *fault =
        item_fault(newest(sim, HP_TOPIC_CATALOGUE, 0, item->item_id, position), item, rules);
    const struct sim_input *inputs;
    size_t count = sim_inputs(sim, &inputs);

    if (position == INT64_MAX)
        return fault;
    for (size_t i = 0; fault && sim->compacted[HP_TOPIC_CATALOGUE] && i < count; i++)
        if (inputs[i].topic == HP_TOPIC_CATALOGUE && inputs[i].offset < position &&
            hp_bytes_equal(inputs[i].key, item->item_id) &&
            !item_fault(inputs[i].record, item, rules))
            return NULL;
    return fault;
}

static bool
check_box(struct sim *sim, const struct hp_recommendation *whole, const struct hp_box *box,
    const struct rules *rules)
{
    int64_t total = 0;
    int64_t units = 0;

    for (size_t i = 0; i < box->item_count; i++) {
        const struct hp_box_item *item = &box->items[i];
        const char *fault = shelf_fault(sim, whole, item, rules);

        if (fault)
            return wrong(sim, "%.*s, revision %" PRId64 ": %.*s %s",
                HP_BYTES_FORMAT(whole->user_id), whole->revision,
                HP_BYTES_FORMAT(item->item_id), fault);
        for (size_t k = 0; k < i; k++)
            if (hp_bytes_equal(box->items[k].item_id, item->item_id))
                return wrong(sim, "%.*s, revision %" PRId64 ": an item twice",
                    HP_BYTES_FORMAT(whole->user_id), whole->revision);
        total += item->quantity * item->unit_price_minor;
        units += item->quantity;
    }
    if (total != box->total_minor || total < whole->budget_min_minor ||
        total > whole->budget_max_minor || units < 3 || units > 12)
        return wrong(sim, "%.*s, revision %" PRId64 ": outside its window",
            HP_BYTES_FORMAT(whole->user_id), whole->revision);
    return true;
}

static int64_t
position_at(const struct sim *sim, const struct hp_recommendation *whole, enum hp_topic topic)
{
    for (size_t i = 0; i < whole->as_of.input_count; i++)
        if (hp_bytes_is(whole->as_of.inputs[i].topic, sim->topics.name[topic]))
            return whole->as_of.inputs[i].offset;
    return 0;
}

static const struct hp_box_request *
request_of(const struct sim *sim, struct hp_bytes id, int64_t *at_ms)
{
    const struct sim_input *inputs;
    size_t count = sim_inputs(sim, &inputs);

    for (size_t i = 0; id.data && i < count; i++) {
        const struct hp_box_request *request = inputs[i].record;

        if (inputs[i].topic == HP_TOPIC_BOX_REQUESTS && request &&
            hp_bytes_equal(request->request_id, id)) {
            *at_ms = inputs[i].at_ms;
            return request;
        }
    }
    return NULL;
}

/* With a fence that never gives up, an answer knows what was said before it was asked for. */
static bool
check_fence(struct sim *sim, const struct hp_recommendation *whole, int64_t asked_ms)
{
    const struct sim_input *inputs;
    size_t count = sim_inputs(sim, &inputs);
    int32_t partition = hp_partition_of(whole->user_id, sim->tunables.partitions);

    if (sim->tunables.fence_ms < SIM_DAY_MS)
        return true;
    for (size_t i = 0; i < count; i++)
        if ((inputs[i].topic == HP_TOPIC_PREFERENCES || inputs[i].topic == HP_TOPIC_ERASURES) &&
            inputs[i].partition == partition && inputs[i].at_ms < asked_ms &&
            inputs[i].offset >= position_at(sim, whole, inputs[i].topic))
            return wrong(sim, "the answer to %.*s does not know of %s-%d@%" PRId64,
                HP_BYTES_FORMAT(whole->request_id), sim->topics.name[inputs[i].topic],
                partition, inputs[i].offset);
    return true;
}

/*
 * The preferences a recommendation was made with: the newest at its position, or, when the log
 * may have lost that one to a later, any that it says it knew.
 */
static const struct hp_preferences *
preferences_at(const struct sim *sim, const struct hp_recommendation *whole)
{
    int32_t partition = hp_partition_of(whole->user_id, sim->tunables.partitions);
    int64_t position = position_at(sim, whole, HP_TOPIC_PREFERENCES);
    const struct sim_input *inputs;
    size_t count = sim_inputs(sim, &inputs);

    for (size_t i = 0; sim->compacted[HP_TOPIC_PREFERENCES] && i < count; i++) {
        const struct hp_preferences *preferences = inputs[i].record;

        if (inputs[i].topic == HP_TOPIC_PREFERENCES && preferences &&
            inputs[i].offset < position &&
            preferences->version == whole->as_of.preferences_version.value)
            return preferences;
    }
    return newest(sim, HP_TOPIC_PREFERENCES, partition, whole->user_id, position);
}

static bool
check_recommendation(struct sim *sim, const struct hp_recommendation *whole)
{
    int64_t asked_ms = 0;
    const struct hp_box_request *request = request_of(sim, whole->request_id, &asked_ms);
    struct rules rules = {0};

    if (whole->as_of.preferences_version.present) {
        const struct hp_preferences *preferences = preferences_at(sim, whole);

        if (!preferences || preferences->version != whole->as_of.preferences_version.value)
            return wrong(sim,
                "%.*s, revision %" PRId64 ": preferences %" PRId64
                ", those before %s-%d@%" PRId64 " are %" PRId64,
                HP_BYTES_FORMAT(whole->user_id), whole->revision,
                whole->as_of.preferences_version.value, sim->topics.name[HP_TOPIC_PREFERENCES],
                hp_partition_of(whole->user_id, sim->tunables.partitions),
                position_at(sim, whole, HP_TOPIC_PREFERENCES),
                preferences ? preferences->version : -1);
        rules.allergens[0] = preferences->avoid_allergens;
        rules.diets = preferences->diets;
    }
    if (request)
        rules.allergens[1] = request->avoid_allergens;
    for (size_t i = 0; i < whole->box_count; i++)
        if (!check_box(sim, whole, &whole->boxes[i], &rules))
            return false;
    return !request || check_fence(sim, whole, asked_ms);
}

static bool
is_stored(struct sim *sim, uint8_t store, struct hp_bytes user)
{
    int32_t partition = hp_partition_of(user, sim->tunables.partitions);
    struct hp_buffer key = {0};
    struct hp_arena arena = {0};
    struct hp_bytes value;
    struct hp_error error;
    bool stored;

    hp_key_head(&key, partition, store);
    hp_key_part(&key, user);
    if (hp_kv_get(owner(sim, partition)->disk, hp_buffer_bytes(&key), &arena, &value, &error))
        hp_die("%s", error.text);
    stored = value.data != NULL;
    hp_buffer_release(&key);
    hp_arena_release(&arena);
    return stored;
}

/* The same against what is newest of everything. */
static bool
check_standing_rules(struct sim *sim, const struct hp_recommendation *whole)
{
    const struct hp_preferences *preferences = newest(sim, HP_TOPIC_PREFERENCES,
        hp_partition_of(whole->user_id, sim->tunables.partitions), whole->user_id, INT64_MAX);
    struct rules rules = {0};

    if (preferences && is_stored(sim, HP_STORE_PREFERENCES, whole->user_id)) {
        rules.allergens[0] = preferences->avoid_allergens;
        rules.diets = preferences->diets;
    }
    for (size_t i = 0; i < whole->box_count; i++)
        if (!check_box(sim, whole, &whole->boxes[i], &rules))
            return false;
    return true;
}

static bool
check_boxes(struct sim *sim, const struct answers *answers)
{
    for (int t = 0; t < 2; t++)
        for (size_t i = 0; i < answers->topics[t].count; i++)
            if (answers->topics[t].messages[i].value.data &&
                !check_recommendation(sim, &answers->boxes[t][i]))
                return false;
    return true;
}

static void
read_answers(struct sim *sim, struct hp_arena *arena, struct answers *answers)
{
    static const enum hp_topic topics[] = {HP_TOPIC_BOX_RECOMMENDATIONS, HP_TOPIC_BOX_ANSWERS};
    struct hp_error error;

    for (int t = 0; t < 2; t++) {
        struct outputs *outputs = &answers->topics[t];

        *outputs = read_topic(sim, topics[t], arena);
        answers->boxes[t] = HP_ARENA_ARRAY(arena, outputs->count, struct hp_recommendation);
        for (size_t i = 0; i < outputs->count; i++)
            if (outputs->messages[i].value.data &&
                hp_codec_decode(sim_codec(), HP_RECORD_BOX_RECOMMENDATION,
                    outputs->messages[i].value, (struct hp_bytes){0}, arena,
                    &answers->boxes[t][i], &error))
                hp_die("seed %" PRIu64 ": %s", sim->seed, error.text);
    }
}

/* ---- standing boxes ---------------------------------------------------------------------- */

static const struct hp_recommendation *
standing_of(const struct answers *answers, struct hp_bytes user)
{
    const struct outputs *outputs = &answers->topics[0];

    for (size_t i = outputs->count; i-- > 0;)
        if (hp_bytes_equal(outputs->messages[i].key, user))
            return outputs->messages[i].value.data ? &answers->boxes[0][i] : NULL;
    return NULL;
}

/* No refresh was lost: whoever is known has boxes, and they suit what is known now. */
static bool
check_standing(struct sim *sim, const struct answers *answers)
{
    for (int u = 0; u < SIM_USERS; u++) {
        char text[8];
        struct hp_bytes user;
        const struct hp_recommendation *standing;
        struct hp_recommendation now;
        struct hp_input_position newest_catalogue = {.offset = INT64_MAX};

        snprintf(text, sizeof(text), "u%d", u);
        user = hp_bytes_text(text);
        standing = standing_of(answers, user);
        if (!standing) {
            if (is_stored(sim, HP_STORE_PREFERENCES, user) ||
                is_stored(sim, HP_STORE_AGGREGATE, user))
                return wrong(sim, "%s is known and has no boxes", text);
            continue;
        }
        now = *standing;
        now.as_of.catalogue = &newest_catalogue;
        if (!check_standing_rules(sim, &now))
            return wrong(sim, "the boxes that stand for %s are out of date", text);
    }
    return true;
}

/* ---- audit ------------------------------------------------------------------------------- */

static const struct hp_audit_source *
audit_source(const struct hp_audit *audit, const char *topic)
{
    for (size_t i = 0; i < audit->count; i++)
        if (hp_bytes_is(audit->sources[i].topic, topic))
            return &audit->sources[i];
    return NULL;
}

struct tiling {
    int64_t sequence;
    int64_t to[HP_SOURCES_MAX];
    int64_t processed;
    int64_t dead;
    int64_t rerouted;
    struct hp_digest digest;
};

static const enum hp_topic sources[] = {HP_TOPIC_ORDERS, HP_TOPIC_FEEDBACK,
    HP_TOPIC_PREFERENCES, HP_TOPIC_BOX_REQUESTS, HP_TOPIC_ERASURES, HP_TOPIC_REROUTE};

static bool
tile(struct sim *sim, struct tiling *tiling, int32_t partition, const struct hp_audit *audit)
{
    if (audit->sequence != tiling->sequence + 1)
        return wrong(sim, "audit of partition %d: %" PRId64 " follows %" PRId64, partition,
            audit->sequence, tiling->sequence);
    for (size_t i = 0; i < HP_ARRAY_SIZE(sources); i++) {
        const struct hp_audit_source *source =
            audit_source(audit, sim->topics.name[sources[i]]);

        if (!source || source->from != tiling->to[i] || source->to < source->from)
            return wrong(sim, "audit of %s-%d goes on at %" PRId64 ", not at %" PRId64,
                sim->topics.name[sources[i]], partition, source ? source->from : -1,
                tiling->to[i]);
        tiling->to[i] = source->to;
    }
    tiling->sequence = audit->sequence;
    tiling->processed += audit->processed;
    tiling->dead += audit->dead;
    tiling->rerouted += audit->rerouted;
    tiling->digest = audit->digest;
    return true;
}

static bool
check_ends(struct sim *sim, const struct tiling *tiling, int32_t partition)
{
    for (size_t i = 0; i < HP_ARRAY_SIZE(sources); i++) {
        struct hp_error error;
        int64_t low;
        int64_t high;

        if (hp_cluster_watermarks(
                sim->cluster, sim->topics.name[sources[i]], partition, &low, &high, &error))
            hp_die("seed %" PRIu64 ": %s", sim->seed, error.text);
        if (tiling->to[i] != high && !(tiling->sequence == 0 && high == 0))
            return wrong(sim, "audit of %s-%d ends at %" PRId64 ", the log at %" PRId64,
                sim->topics.name[sources[i]], partition, tiling->to[i], high);
    }
    return true;
}

static int64_t
count_inputs(struct sim *sim, int32_t partition, const struct outputs *reroute)
{
    const struct sim_input *inputs;
    size_t count = sim_inputs(sim, &inputs);
    int64_t records = 0;

    for (size_t i = 0; i < count; i++)
        records += inputs[i].topic != HP_TOPIC_CATALOGUE && inputs[i].partition == partition;
    for (size_t i = 0; i < reroute->count; i++)
        records += reroute->messages[i].partition == partition;
    return records;
}

struct told { /* an audit record */
    int32_t task;
    int32_t partition; /* where it stands */
    struct hp_audit audit;
};

static int
compare_told(const void *a, const void *b)
{
    const struct told *x = a;
    const struct told *y = b;

    if (x->task != y->task)
        return x->task < y->task ? -1 : 1;
    return (x->audit.sequence > y->audit.sequence) - (x->audit.sequence < y->audit.sequence);
}

/* The number of partitions when it is no task's. */
static int32_t
task_of(const struct sim *sim, struct hp_bytes key)
{
    char text[16];
    int32_t p = -1;

    do
        snprintf(text, sizeof(text), "%" PRId32, ++p);
    while (p < sim->tunables.partitions && !hp_bytes_is(key, text));
    return p;
}

/* In a partition a task's records stand in their order. */
static bool
stands_right(const struct told *told, size_t i)
{
    for (size_t k = i; k-- > 0 && told[k].partition == told[i].partition;)
        if (told[k].task == told[i].task)
            return told[k].audit.sequence < told[i].audit.sequence;
    return true;
}

/* Sorted by task and sequence: a task's records may stand in any partition. NULL: wrong. */
static struct told *
read_audits(struct sim *sim, struct hp_arena *arena, size_t *count)
{
    struct outputs audits = read_topic(sim, HP_TOPIC_AUDIT, arena);
    struct told *told = HP_ARENA_ARRAY(arena, audits.count, struct told);
    bool right = true;

    for (size_t i = 0; i < audits.count && right; i++) {
        const struct hp_message *message = &audits.messages[i];

        told[i].task = task_of(sim, message->key);
        told[i].partition = message->partition;
        if (!hp_audit_decode(message->value, &told[i].audit))
            right = wrong(sim, "an audit record cannot be read");
        else if (told[i].task == sim->tunables.partitions)
            right = wrong(sim, "an audit record of no task");
        else if (!stands_right(told, i))
            right = wrong(sim, "audit of partition %d: %" PRId64 " stands behind a later one",
                told[i].task, told[i].audit.sequence);
    }
    qsort(told, audits.count, sizeof(*told), compare_told);
    *count = audits.count;
    return right ? told : NULL;
}

static bool
check_audit(struct sim *sim, struct hp_arena *arena)
{
    struct outputs reroute = read_topic(sim, HP_TOPIC_REROUTE, arena);
    size_t count;
    struct told *told = read_audits(sim, arena, &count);
    int64_t rerouted = 0;
    size_t at = 0;

    if (!told)
        return false;
    for (int32_t p = 0; p < sim->tunables.partitions; p++) {
        struct tiling tiling = {0};

        for (; at < count && told[at].task == p; at++)
            if (!tile(sim, &tiling, p, &told[at].audit))
                return false;
        rerouted += tiling.rerouted;
        if (!check_ends(sim, &tiling, p))
            return false;
        if (!sim->compacted[HP_TOPIC_PREFERENCES] && !sim->trimmed[HP_TOPIC_REROUTE] &&
            tiling.processed != count_inputs(sim, p, &reroute))
            return wrong(sim, "audit of partition %d: %" PRId64 " records, %" PRId64 " written",
                p, tiling.processed, count_inputs(sim, p, &reroute));
    }
    return sim->trimmed[HP_TOPIC_REROUTE] || rerouted == (int64_t)reroute.count ||
           wrong(
               sim, "%zu records forwarded, the audit says %" PRId64, reroute.count, rerouted);
}

/* No copy was found to contradict itself; disks are exchanged here, but never spoilt. */
static bool
check_rebuilds(struct sim *sim)
{
    return sim->rebuilds == sim_rebuilds() ||
           wrong(sim, "a local copy was dropped because it contradicted itself");
}

/* ---- all of it --------------------------------------------------------------------------- */

bool
sim_check(struct sim *sim)
{
    struct hp_arena arena = {0};
    struct answers answers;
    bool right;

    read_answers(sim, &arena, &answers);
    right = check_digests(sim) && check_rows(sim) && check_letters(sim, &arena) &&
            check_answers(sim, &answers) && check_receipts(sim, &arena) &&
            check_revisions(sim, &answers) && check_commits(sim, &answers.topics[0]) &&
            check_boxes(sim, &answers) && check_standing(sim, &answers) &&
            check_rebuilds(sim) && check_audit(sim, &arena);
    hp_arena_release(&arena);
    return right;
}
