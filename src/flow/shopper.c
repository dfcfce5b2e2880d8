/* flow/shopper.c - load a user, work out the wish. SPDX-License-Identifier: Apache-2.0 */
#include "flow/shopper.h"

#include "base/bug.h"
#include "domain/limits.h"
#include "flow/derive.h"
#include "flow/ids.h"
#include "ledger/orders.h"

#define REVISION_VERSION 1
#define REJECTED_VERSION 1
#define RECIPIENT_MS     (365 * 86400000LL)
#define HUNDRED_RUPEES   10000
#define MEDIAN_MIN       50000
#define MEDIAN_MAX       1000000

static struct hp_bytes
keyed(struct hp_flow *flow, struct hp_step *step, struct hp_bytes user)
{
    return hp_id_keyed(hp_step_arena(step), flow->options.erasure_key, user);
}

enum hp_status
hp_revision_load(struct hp_flow *flow, struct hp_step *step, struct hp_bytes user,
    struct hp_revision *revision, struct hp_error *error)
{
    struct hp_cursor cursor;
    struct hp_bytes stored;
    enum hp_status status;

    *revision = (struct hp_revision){0};
    status = hp_step_get(step, HP_STORE_REVISION, keyed(flow, step, user), &stored, error);
    if (status || !stored.data)
        return status;
    cursor = hp_cursor(stored);
    if (hp_get_u8(&cursor) != REVISION_VERSION)
        cursor.failed = true;
    revision->last = (int64_t)hp_get_u64(&cursor);
    revision->had_standing = hp_get_u8(&cursor) != 0;
    if (!hp_cursor_done(&cursor))
        return hp_fail(
            error, HP_CORRUPT, "revision row of %zu bytes is malformed", stored.size);
    return HP_OK;
}

enum hp_status
hp_revision_save(struct hp_flow *flow, struct hp_step *step, struct hp_bytes user,
    const struct hp_revision *revision, struct hp_error *error)
{
    struct hp_buffer value = {0};
    enum hp_status status;

    if (hp_bug(HP_BUG_REVISION_LOST) && revision->last > 1)
        return HP_OK;
    hp_put_u8(&value, REVISION_VERSION);
    hp_put_u64(&value, (uint64_t)revision->last);
    hp_put_u8(&value, revision->had_standing);
    status = hp_step_put(
        step, HP_STORE_REVISION, keyed(flow, step, user), hp_buffer_bytes(&value), error);
    hp_buffer_release(&value);
    return status;
}

enum hp_status
hp_watermark_load(struct hp_flow *flow, struct hp_step *step, struct hp_bytes user,
    struct hp_watermark *mark, struct hp_error *error)
{
    struct hp_bytes stored;
    enum hp_status status;

    *mark = (struct hp_watermark){0};
    status = hp_step_get(step, HP_STORE_WATERMARK, keyed(flow, step, user), &stored, error);
    if (status || !stored.data)
        return status;
    return hp_watermark_decode(stored, hp_step_arena(step), mark, error);
}

enum hp_status
hp_rejected_load(struct hp_step *step, struct hp_bytes user, struct hp_rejected *rejected,
    struct hp_error *error)
{
    struct hp_cursor cursor;
    struct hp_bytes stored;
    enum hp_status status;

    *rejected = (struct hp_rejected){0};
    status = hp_step_get(step, HP_STORE_REJECTED, hp_key_user(step, user), &stored, error);
    if (status || !stored.data)
        return status;
    cursor = hp_cursor(stored);
    if (hp_get_u8(&cursor) != REJECTED_VERSION)
        cursor.failed = true;
    rejected->count = hp_get_u8(&cursor);
    if (rejected->count > HP_REJECTED_MAX)
        cursor.failed = true;
    for (size_t i = 0; i < rejected->count && !cursor.failed; i++) {
        size_t count = hp_get_u8(&cursor);
        struct hp_bytes *families = HP_ARENA_ARRAY(hp_step_arena(step), count, struct hp_bytes);

        for (size_t j = 0; j < count; j++)
            families[j] = hp_get_bytes(&cursor);
        rejected->boxes[i] = (struct hp_strings){families, count};
    }
    if (!hp_cursor_done(&cursor))
        return hp_fail(
            error, HP_CORRUPT, "rejected row of %zu bytes is malformed", stored.size);
    return HP_OK;
}

static bool
strings_equal(struct hp_strings a, struct hp_strings b)
{
    if (a.count != b.count)
        return false;
    for (size_t i = 0; i < a.count; i++)
        if (!hp_bytes_equal(a.items[i], b.items[i]))
            return false;
    return true;
}

enum hp_status
hp_rejected_add(struct hp_step *step, struct hp_bytes user, struct hp_strings families,
    bool *changed, struct hp_error *error)
{
    struct hp_rejected rejected;
    struct hp_buffer value = {0};
    enum hp_status status = hp_rejected_load(step, user, &rejected, error);

    *changed = false;
    if (status)
        return status;
    for (size_t i = 0; i < rejected.count; i++)
        if (strings_equal(rejected.boxes[i], families))
            return HP_OK;
    if (rejected.count == HP_REJECTED_MAX)
        rejected.count--;
    memmove(&rejected.boxes[1], &rejected.boxes[0], rejected.count * sizeof(rejected.boxes[0]));
    rejected.boxes[0] = families;
    rejected.count++;
    hp_put_u8(&value, REJECTED_VERSION);
    hp_put_u8(&value, (uint8_t)rejected.count);
    for (size_t i = 0; i < rejected.count; i++) {
        hp_put_u8(&value, (uint8_t)rejected.boxes[i].count);
        for (size_t j = 0; j < rejected.boxes[i].count; j++)
            hp_put_bytes(&value, rejected.boxes[i].items[j]);
    }
    status = hp_step_put(
        step, HP_STORE_REJECTED, hp_key_user(step, user), hp_buffer_bytes(&value), error);
    hp_buffer_release(&value);
    *changed = !status;
    return status;
}

enum hp_status
hp_shopper_load(struct hp_step *step, struct hp_bytes user, struct hp_shopper *shopper,
    struct hp_error *error)
{
    struct hp_flow_task *own = hp_task_user(hp_step_task(step));
    struct hp_bytes key = hp_key_user(step, user);
    struct hp_bytes stored;
    enum hp_status status;

    *shopper = (struct hp_shopper){.user = user};
    status = hp_derive_aggregate(&own->deriver, step, user, &shopper->aggregate, error);
    if (!status)
        status = hp_step_get(step, HP_STORE_PREFERENCES, key, &stored, error);
    if (!status && stored.data) {
        shopper->has_preferences = true;
        status =
            hp_preferences_decode(stored, hp_step_arena(step), &shopper->preferences, error);
    }
    if (!status)
        status = hp_rejected_load(step, user, &shopper->rejected, error);
    shopper->latest_at = shopper->aggregate.latest_at;
    if (shopper->has_preferences && shopper->preferences.updated_at > shopper->latest_at)
        shopper->latest_at = shopper->preferences.updated_at;
    return status;
}

/* ---- the wish --------------------------------------------------------------------------- */

static struct hp_strings
join(struct hp_arena *arena, struct hp_strings a, struct hp_strings b)
{
    struct hp_bytes *items = HP_ARENA_ARRAY(arena, a.count + b.count, struct hp_bytes);

    if (a.count)
        memcpy(items, a.items, a.count * sizeof(*items));
    if (b.count)
        memcpy(items + a.count, b.items, b.count * sizeof(*items));
    return (struct hp_strings){items, a.count + b.count};
}

/* Two live orders or more tell what the user spends: the lower median, in whole ₹100. */
static int64_t
usual_budget(const struct hp_flow *flow, const struct hp_aggregate *aggregate)
{
    int64_t rounded;

    if (aggregate->order_count < 2)
        return flow->options.budget_default_minor;
    rounded =
        (aggregate->median_total_minor + HUNDRED_RUPEES - 1) / HUNDRED_RUPEES * HUNDRED_RUPEES;
    return rounded < MEDIAN_MIN ? MEDIAN_MIN : rounded > MEDIAN_MAX ? MEDIAN_MAX : rounded;
}

static void
wish_budget(const struct hp_flow *flow, const struct hp_shopper *shopper,
    const struct hp_box_request *request, struct hp_wish *wish)
{
    const struct hp_preferences *preferences = &shopper->preferences;
    struct hp_maybe max = request ? request->budget_max_minor : (struct hp_maybe){0};
    struct hp_maybe min = request ? request->budget_min_minor : (struct hp_maybe){0};

    if (!min.present && !max.present)
        min = preferences->budget_min_minor;
    if (!max.present)
        max = preferences->budget_max_minor;
    wish->budget_max = max.present ? max.value : usual_budget(flow, &shopper->aggregate);
    wish->max_stated = max.present;
    wish->min_hard = min.present;
    wish->budget_min = min.value;
}

static int32_t
stated(struct hp_maybe first, struct hp_maybe second, int32_t otherwise)
{
    int64_t value = first.present ? first.value : second.present ? second.value : otherwise;

    return value < 0 ? 0 : value > INT32_MAX ? INT32_MAX : (int32_t)value;
}

static void
wish_counts(const struct hp_flow *flow, const struct hp_shopper *shopper,
    const struct hp_box_request *request, struct hp_wish *wish)
{
    static const struct hp_box_request none;
    const struct hp_box_request *asked = request ? request : &none;
    const struct hp_preferences *preferences = &shopper->preferences;
    bool min_stated = asked->items_min.present || preferences->items_min.present;
    bool max_stated = asked->items_max.present || preferences->items_max.present;

    wish->items_min =
        stated(asked->items_min, preferences->items_min, flow->options.box_items_min);
    wish->items_max =
        stated(asked->items_max, preferences->items_max, flow->options.box_items_max);
    if (min_stated && !max_stated && wish->items_max < wish->items_min)
        wish->items_max = wish->items_min;
    if (max_stated && !min_stated && wish->items_min > wish->items_max)
        wish->items_min = wish->items_max;
    if (wish->items_max > HP_BOX_UNITS_MAX)
        wish->items_max = HP_BOX_UNITS_MAX;
    if (wish->items_min < 1)
        wish->items_min = 1;
    if (wish->items_max < 1)
        wish->contradiction = "the most items wanted is 0, and a box holds at least one";
    else if (wish->items_min > wish->items_max)
        wish->contradiction = "the least number of items is above the most";
    wish->boxes = stated(asked->boxes, preferences->boxes, 3);
    wish->boxes = wish->boxes < 1 ? 1 : wish->boxes > HP_BOXES_MAX ? HP_BOXES_MAX : wish->boxes;
}

struct sent {
    struct hp_arena *arena;
    struct hp_bytes recipient;
    int64_t since;
    struct hp_buffer ids; /* array of struct hp_bytes */
    struct hp_error *error;
    enum hp_status status;
};

static bool
visit_order(void *context, struct hp_bytes key, struct hp_bytes value)
{
    struct sent *sent = context;
    struct hp_order_fact fact;

    (void)key;
    if (hp_order_value_stub(value))
        return true;
    sent->status = hp_order_fact_decode(
        hp_arena_copy(sent->arena, value), sent->arena, &fact, sent->error);
    if (sent->status)
        return false;
    if (!fact.recipient.data || !hp_bytes_equal(fact.recipient, sent->recipient) ||
        fact.ordered_at < sent->since)
        return true;
    for (size_t i = 0; i < fact.line_count; i++)
        hp_buffer_append(&sent->ids, &fact.lines[i].item_id, sizeof(struct hp_bytes));
    return true;
}

static enum hp_status
wish_recipient(struct hp_flow *flow, struct hp_step *step, struct hp_bytes user,
    const struct hp_box_request *request, struct hp_wish *wish, struct hp_error *error)
{
    struct hp_arena *arena = hp_step_arena(step);
    struct sent sent = {.arena = arena, .error = error};
    enum hp_status status;

    wish->for_recipient = true;
    sent.recipient = hp_id_keyed(arena, flow->options.erasure_key, request->recipient_id);
    sent.since = request->requested_at - RECIPIENT_MS;
    status = hp_step_scan(step, HP_STORE_ORDER, hp_key_user(step, user), (struct hp_bytes){0},
        visit_order, &sent, error);
    if (!status)
        status = sent.status;
    if (!status) {
        struct hp_bytes ids = hp_arena_copy(arena, hp_buffer_bytes(&sent.ids));

        wish->sent = (struct hp_strings){(const struct hp_bytes *)(const void *)ids.data,
            ids.size / sizeof(struct hp_bytes)};
    }
    hp_buffer_release(&sent.ids);
    return status;
}

enum hp_status
hp_wish_make(struct hp_flow *flow, struct hp_step *step, const struct hp_shopper *shopper,
    const struct hp_box_request *request, struct hp_wish *wish, struct hp_error *error)
{
    const struct hp_vocabulary *vocabulary = flow->options.vocabulary;
    const struct hp_preferences *preferences = &shopper->preferences;

    *wish = (struct hp_wish){
        .mix = preferences->category_mix, .exclude = preferences->disliked_items};
    hp_vocabulary_avoid(vocabulary, preferences->avoid_allergens, &wish->avoid);
    hp_vocabulary_require(vocabulary, preferences->diets, &wish->diets);
    if (request) {
        hp_vocabulary_avoid(vocabulary, request->avoid_allergens, &wish->avoid);
        hp_vocabulary_require(vocabulary, request->diets, &wish->diets);
        wish->must = request->must_items;
        wish->exclude = join(hp_step_arena(step), wish->exclude, request->exclude_items);
        if (request->category_mix.count)
            wish->mix = request->category_mix;
        wish->occasion = request->occasion;
    }
    wish->unknown_diet = wish->diets.has_unknown;
    wish_budget(flow, shopper, request, wish);
    wish_counts(flow, shopper, request, wish);
    if (request && request->recipient_id.data)
        return wish_recipient(flow, step, shopper->user, request, wish, error);
    return HP_OK;
}
