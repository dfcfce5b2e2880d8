/*
 * domain/event.c - is this value inside the contract?
 *
 * One function a record, each a list of requirements in the order of the fields; the first that
 * fails names its field. Bounds come from domain/limits.h. What depends on the configuration
 * (currency) or on the key is not known here.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "domain/event.h"

#include "domain/limits.h"
#include "domain/reasons.h"

#include <inttypes.h>
#include <math.h>

bool
hp_strings_hold(struct hp_strings strings, struct hp_bytes text)
{
    for (size_t i = 0; i < strings.count; i++)
        if (hp_bytes_equal(strings.items[i], text))
            return true;
    return false;
}

struct hp_mix
hp_mixes_bounds(struct hp_mixes mixes, struct hp_bytes category)
{
    struct hp_mix bounds = {.category = category};

    for (size_t i = 0; i < mixes.count; i++) {
        const struct hp_mix *mix = &mixes.items[i];

        if (!hp_bytes_equal(mix->category, category))
            continue;
        if (mix->min > bounds.min)
            bounds.min = mix->min;
        if (mix->max.present && (!bounds.max.present || mix->max.value < bounds.max.value))
            bounds.max = mix->max;
    }
    return bounds;
}

/* Goes on only while all is well. */
#define REQUIRE(check)                                                                         \
    do {                                                                                       \
        enum hp_status required = (check);                                                     \
        if (required)                                                                          \
            return required;                                                                   \
    } while (0)

bool
hp_id_valid(struct hp_bytes id)
{
    bool ascii = true;

    if (!id.data || id.size == 0 || id.size > HP_ID_BYTES_MAX)
        return false;
    for (size_t i = 0; i < id.size; i++) {
        if (id.data[i] < 0x20 || id.data[i] == 0x7F)
            return false;
        if (id.data[i] == 0xC2 && i + 1 < id.size && id.data[i + 1] < 0xA0)
            return false; /* U+0080 to U+009F */
        ascii = ascii && id.data[i] < 0x80;
    }
    return ascii || hp_bytes_utf8(id);
}

static enum hp_status
check_id(struct hp_bytes id, const char *field, struct hp_error *error)
{
    if (hp_id_valid(id))
        return HP_OK;
    return hp_bad(error, HP_CODE_BAD_ID,
        "field %s: an id is 1 to %d bytes of UTF-8 without control characters; this one has "
        "%zu",
        field, HP_ID_BYTES_MAX, id.size);
}

static enum hp_status
check_id_if_any(struct hp_bytes id, const char *field, struct hp_error *error)
{
    return id.data ? check_id(id, field, error) : HP_OK;
}

static enum hp_status
check_text(struct hp_bytes text, size_t max, const char *field, struct hp_error *error)
{
    if (text.size > max || (text.size > 0 && !hp_bytes_utf8(text)))
        return hp_bad(error, HP_CODE_LIMIT,
            "field %s: %zu bytes, or not UTF-8; at most %zu bytes are allowed", field,
            text.size, max);
    return HP_OK;
}

static enum hp_status
check_some_text(struct hp_bytes text, size_t max, const char *field, struct hp_error *error)
{
    if (!text.data || text.size == 0)
        return hp_bad(error, HP_CODE_INCOMPLETE, "field %s: empty", field);
    return check_text(text, max, field, error);
}

struct range {
    int64_t low;
    int64_t high;
};

static const struct range money = {0, HP_MONEY_MAX};
static const struct range quantities = {1, HP_QUANTITY_MAX};
static const struct range versions = {0, INT64_MAX};
static const struct range units = {0, HP_BOX_UNITS_MAX};
static const struct range box_counts = {1, HP_BOXES_MAX};

static enum hp_status
check_range(int64_t value, struct range range, const char *field, struct hp_error *error)
{
    if (value >= range.low && value <= range.high)
        return HP_OK;
    return hp_bad(error, HP_CODE_LIMIT,
        "field %s: %" PRId64 " is not from %" PRId64 " to %" PRId64, field, value, range.low,
        range.high);
}

static enum hp_status
check_maybe(
    struct hp_maybe value, struct range range, const char *field, struct hp_error *error)
{
    return value.present ? check_range(value.value, range, field, error) : HP_OK;
}

static enum hp_status
check_count(size_t count, size_t max, const char *field, struct hp_error *error)
{
    if (count <= max)
        return HP_OK;
    return hp_bad(error, HP_CODE_LIMIT, "field %s: %zu members, at most %zu are allowed", field,
        count, max);
}

/* Whatever a broker's odd clock says, no time lies beyond the year 9999. */
static enum hp_status
check_time(int64_t ms, int64_t append_ms, const char *field, struct hp_error *error)
{
    int64_t latest = append_ms > HP_TIME_MS_MAX - HP_FUTURE_MS_MAX
                         ? HP_TIME_MS_MAX
                         : append_ms + HP_FUTURE_MS_MAX;

    if (ms > 0 && ms <= latest)
        return HP_OK;
    return hp_bad(error, HP_CODE_BAD_TIME,
        "field %s: %" PRId64
        " is not after 1970 and at most one hour after the append time %" PRId64,
        field, ms, append_ms);
}

static enum hp_status
check_texts(struct hp_strings texts, const char *field, struct hp_error *error)
{
    REQUIRE(check_count(texts.count, HP_LIST_MAX, field, error));
    for (size_t i = 0; i < texts.count; i++)
        REQUIRE(check_text(texts.items[i], HP_TEXT_BYTES_MAX, field, error));
    return HP_OK;
}

static enum hp_status
check_ids(struct hp_strings ids, const char *field, struct hp_error *error)
{
    REQUIRE(check_count(ids.count, HP_LIST_MAX, field, error));
    for (size_t i = 0; i < ids.count; i++)
        REQUIRE(check_id(ids.items[i], field, error));
    return HP_OK;
}

static enum hp_status
check_order_of(
    struct hp_maybe low, struct hp_maybe high, const char *field, struct hp_error *error)
{
    if (!low.present || !high.present || low.value <= high.value)
        return HP_OK;
    return hp_bad(error, HP_CODE_CONTRADICTION,
        "field %s: the least, %" PRId64 ", is above the most, %" PRId64, field, low.value,
        high.value);
}

static enum hp_status
check_mixes(struct hp_mixes mixes, struct hp_error *error)
{
    static const struct range any_units = {0, HP_QUANTITY_MAX};

    REQUIRE(check_count(mixes.count, HP_LIST_MAX, "category_mix", error));
    for (size_t i = 0; i < mixes.count; i++) {
        const struct hp_mix *mix = &mixes.items[i];
        struct hp_mix bounds =
            hp_mixes_bounds((struct hp_mixes){mixes.items, i + 1}, mix->category);

        REQUIRE(check_some_text(
            mix->category, HP_CATEGORY_BYTES_MAX, "category_mix.category", error));
        REQUIRE(check_range(mix->min, any_units, "category_mix.min", error));
        REQUIRE(check_maybe(mix->max, any_units, "category_mix.max", error));
        REQUIRE(check_order_of(
            (struct hp_maybe){true, bounds.min}, bounds.max, "category_mix.min", error));
    }
    return HP_OK;
}

enum hp_status
hp_catalogue_item_check(
    const struct hp_catalogue_item *item, int64_t append_ms, struct hp_error *error)
{
    static const struct range weights = {0, INT32_MAX};
    static const struct range margins = {-HP_MONEY_MAX, HP_MONEY_MAX};

    REQUIRE(check_id(item->item_id, "item_id", error));
    REQUIRE(check_range(item->version, versions, "version", error));
    REQUIRE(check_time(item->updated_at, append_ms, "updated_at", error));
    REQUIRE(check_some_text(item->name, HP_NAME_BYTES_MAX, "name", error));
    REQUIRE(check_some_text(item->category, HP_CATEGORY_BYTES_MAX, "category", error));
    REQUIRE(check_range(item->price_minor, money, "price_minor", error));
    REQUIRE(check_some_text(item->currency, HP_CODE_BYTES_MAX, "currency", error));
    REQUIRE(check_texts(item->tags, "tags", error));
    REQUIRE(check_texts(item->allergens, "allergens", error));
    REQUIRE(check_texts(item->diets, "diets", error));
    REQUIRE(check_id_if_any(item->family, "family", error));
    REQUIRE(check_range(item->max_per_box, quantities, "max_per_box", error));
    REQUIRE(check_maybe(item->weight_g, weights, "weight_g", error));
    return check_maybe(item->margin_minor, margins, "margin_minor", error);
}

/* Lines of one item add up; the sum keeps the limit of a line. */
static enum hp_status
check_merged_quantity(const struct hp_order *order, size_t at, struct hp_error *error)
{
    struct hp_bytes item_id = order->lines[at].item_id;
    int64_t sum = 0;

    for (size_t i = 0; i <= at; i++)
        if (hp_bytes_equal(order->lines[i].item_id, item_id))
            sum += order->lines[i].quantity;
    return check_range(sum, quantities, "lines.quantity (all lines of the item)", error);
}

static enum hp_status
check_lines(const struct hp_order *order, struct hp_error *error)
{
    REQUIRE(check_count(order->line_count, HP_ORDER_LINES_MAX, "lines", error));
    for (size_t i = 0; i < order->line_count; i++) {
        const struct hp_order_line *line = &order->lines[i];

        REQUIRE(check_id(line->item_id, "lines.item_id", error));
        REQUIRE(check_range(line->quantity, quantities, "lines.quantity", error));
        REQUIRE(check_range(line->unit_price_minor, money, "lines.unit_price_minor", error));
        REQUIRE(check_merged_quantity(order, i, error));
    }
    return HP_OK;
}

enum hp_status
hp_order_check(const struct hp_order *order, int64_t append_ms, struct hp_error *error)
{
    REQUIRE(check_id(order->order_id, "order_id", error));
    REQUIRE(check_range(order->version, versions, "version", error));
    REQUIRE(check_id(order->user_id, "user_id", error));
    REQUIRE(check_time(order->ordered_at, append_ms, "ordered_at", error));
    if (order->status == HP_ORDER_UNKNOWN)
        return hp_bad(error, HP_CODE_UNKNOWN_STATUS,
            "field status: UNKNOWN, or a symbol this version does not know");
    REQUIRE(check_lines(order, error));
    REQUIRE(check_id_if_any(order->box_id, "box_id", error));
    REQUIRE(check_id_if_any(order->recipient_id, "recipient_id", error));
    REQUIRE(check_id_if_any(order->occasion, "occasion", error));
    return check_maybe(order->budget_minor, money, "budget_minor", error);
}

/* Feedback that says something about an item needs to say which. */
static enum hp_status
check_feedback_parts(const struct hp_feedback *feedback, struct hp_error *error)
{
    bool somewhere = feedback->item_id.data || feedback->box_id.data;

    switch (feedback->kind) {
    case HP_FEEDBACK_RATED:
        if (!feedback->item_id.data || !feedback->rated)
            return hp_bad(
                error, HP_CODE_INCOMPLETE, "field kind: RATED needs item_id and rating");
        return HP_OK;
    case HP_FEEDBACK_LIKED:
    case HP_FEEDBACK_DISLIKED:
    case HP_FEEDBACK_ADDED:
    case HP_FEEDBACK_REMOVED:
        if (!somewhere)
            return hp_bad(
                error, HP_CODE_INCOMPLETE, "field kind: this kind needs item_id or box_id");
        return HP_OK;
    default: return HP_OK;
    }
}

static enum hp_status
check_rating(double rating, struct hp_error *error)
{
    if (!isfinite(rating))
        return hp_bad(error, HP_CODE_NOT_A_NUMBER, "field rating: NaN or infinite");
    if (rating < 1 || rating > 5)
        return hp_bad(error, HP_CODE_LIMIT, "field rating: %g is not from 1 to 5", rating);
    return HP_OK;
}

enum hp_status
hp_feedback_check(const struct hp_feedback *feedback, int64_t append_ms, struct hp_error *error)
{
    REQUIRE(check_id(feedback->feedback_id, "feedback_id", error));
    REQUIRE(check_id(feedback->user_id, "user_id", error));
    REQUIRE(check_time(feedback->at, append_ms, "at", error));
    REQUIRE(check_id_if_any(feedback->item_id, "item_id", error));
    REQUIRE(check_id_if_any(feedback->box_id, "box_id", error));
    REQUIRE(check_feedback_parts(feedback, error));
    return feedback->rated ? check_rating(feedback->rating, error) : HP_OK;
}

enum hp_status
hp_preferences_check(
    const struct hp_preferences *preferences, int64_t append_ms, struct hp_error *error)
{
    REQUIRE(check_id(preferences->user_id, "user_id", error));
    REQUIRE(check_range(preferences->version, versions, "version", error));
    REQUIRE(check_time(preferences->updated_at, append_ms, "updated_at", error));
    REQUIRE(check_maybe(preferences->budget_min_minor, money, "budget_min_minor", error));
    REQUIRE(check_maybe(preferences->budget_max_minor, money, "budget_max_minor", error));
    REQUIRE(check_order_of(preferences->budget_min_minor, preferences->budget_max_minor,
        "budget_min_minor", error));
    REQUIRE(check_texts(preferences->liked_categories, "liked_categories", error));
    REQUIRE(check_texts(preferences->disliked_categories, "disliked_categories", error));
    REQUIRE(check_texts(preferences->liked_tags, "liked_tags", error));
    REQUIRE(check_ids(preferences->disliked_items, "disliked_items", error));
    REQUIRE(check_texts(preferences->avoid_allergens, "avoid_allergens", error));
    REQUIRE(check_texts(preferences->diets, "diets", error));
    REQUIRE(check_mixes(preferences->category_mix, error));
    REQUIRE(check_maybe(preferences->items_min, units, "items_min", error));
    REQUIRE(check_maybe(preferences->items_max, units, "items_max", error));
    REQUIRE(check_order_of(preferences->items_min, preferences->items_max, "items_min", error));
    return check_maybe(preferences->boxes, box_counts, "boxes", error);
}

/* Budgets that contradict each other are for the answer to say, not for us to refuse. */
enum hp_status
hp_box_request_check(
    const struct hp_box_request *request, int64_t append_ms, struct hp_error *error)
{
    REQUIRE(check_id(request->request_id, "request_id", error));
    REQUIRE(check_id(request->user_id, "user_id", error));
    REQUIRE(check_time(request->requested_at, append_ms, "requested_at", error));
    REQUIRE(check_maybe(request->budget_min_minor, money, "budget_min_minor", error));
    REQUIRE(check_maybe(request->budget_max_minor, money, "budget_max_minor", error));
    REQUIRE(check_id_if_any(request->occasion, "occasion", error));
    REQUIRE(check_id_if_any(request->recipient_id, "recipient_id", error));
    REQUIRE(check_ids(request->must_items, "must_items", error));
    REQUIRE(check_ids(request->exclude_items, "exclude_items", error));
    REQUIRE(check_texts(request->avoid_allergens, "avoid_allergens", error));
    REQUIRE(check_texts(request->diets, "diets", error));
    REQUIRE(check_mixes(request->category_mix, error));
    REQUIRE(check_maybe(request->items_min, units, "items_min", error));
    REQUIRE(check_maybe(request->items_max, units, "items_max", error));
    REQUIRE(check_order_of(request->items_min, request->items_max, "items_min", error));
    return check_maybe(request->boxes, box_counts, "boxes", error);
}

/* Never refused for its time: the watermark is bounded by the append time anyway. */
enum hp_status
hp_erasure_check(const struct hp_erasure *erasure, int64_t append_ms, struct hp_error *error)
{
    (void)append_ms;
    REQUIRE(check_id(erasure->erasure_id, "erasure_id", error));
    REQUIRE(check_id(erasure->user_id, "user_id", error));
    return check_id_if_any(erasure->recipient_id, "recipient_id", error);
}
