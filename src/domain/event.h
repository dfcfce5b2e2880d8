/*
 * domain/event.h - the records of the contract as plain values, one struct a schema.
 *
 * Strings are borrowed views (from the record or an arena); a view with data == NULL is an
 * absent nullable. Nullable numbers are `struct hp_maybe`. Money is paise, times are
 * milliseconds UTC.
 *
 * hp_*_check() say whether a decoded value keeps the contract's limits (DESIGN 2): HP_OK, or
 * HP_BAD_RECORD with a reason code of docs/topics.md and a text that names the field.
 *
 * Thread: any. Pure.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_DOMAIN_EVENT_H
#define HP_DOMAIN_EVENT_H

#include "base/bytes.h"

struct hp_maybe {
    bool present;
    int64_t value;
};

struct hp_strings {
    const struct hp_bytes *items;
    size_t count;
};
bool hp_strings_hold(struct hp_strings strings, struct hp_bytes text);

/* Enum values stand in the order of the schemas' symbols. */
enum hp_order_status {
    HP_ORDER_PLACED,
    HP_ORDER_CANCELLED,
    HP_ORDER_RETURNED,
    HP_ORDER_UNKNOWN
};

enum hp_feedback_kind {
    HP_FEEDBACK_SHOWN,
    HP_FEEDBACK_OPENED,
    HP_FEEDBACK_LIKED,
    HP_FEEDBACK_DISLIKED,
    HP_FEEDBACK_ADDED,
    HP_FEEDBACK_REMOVED,
    HP_FEEDBACK_ACCEPTED,
    HP_FEEDBACK_REJECTED,
    HP_FEEDBACK_RATED,
    HP_FEEDBACK_OTHER
};

enum hp_cause {
    HP_CAUSE_ORDER,
    HP_CAUSE_FEEDBACK,
    HP_CAUSE_PREFERENCES,
    HP_CAUSE_CATALOGUE,
    HP_CAUSE_REQUEST,
    HP_CAUSE_REFRESH
};

enum hp_box_status { HP_BOXES_OK, HP_BOXES_PARTIAL, HP_BOXES_INFEASIBLE, HP_BOXES_UNKNOWN };

struct hp_catalogue_item {
    struct hp_bytes item_id;
    int64_t version;
    int64_t updated_at;
    struct hp_bytes name;
    struct hp_bytes category;
    int64_t price_minor;
    struct hp_bytes currency;
    struct hp_strings tags;
    bool allergens_known; /* false: null on the wire */
    struct hp_strings allergens;
    struct hp_strings diets;
    struct hp_bytes family;
    struct hp_maybe stock;
    int32_t max_per_box;
    struct hp_maybe weight_g;
    struct hp_maybe margin_minor;
    bool active;
};

struct hp_order_line {
    struct hp_bytes item_id;
    int32_t quantity;
    int64_t unit_price_minor;
};

struct hp_order {
    struct hp_bytes order_id;
    int64_t version;
    struct hp_bytes user_id;
    int64_t ordered_at;
    enum hp_order_status status;
    const struct hp_order_line *lines;
    size_t line_count;
    struct hp_bytes box_id;
    struct hp_bytes recipient_id;
    struct hp_bytes occasion;
    struct hp_maybe budget_minor;
};

struct hp_feedback {
    struct hp_bytes feedback_id;
    struct hp_bytes user_id;
    int64_t at;
    enum hp_feedback_kind kind;
    struct hp_bytes item_id;
    struct hp_bytes box_id;
    bool rated; /* rating present */
    double rating;
};

struct hp_mix { /* one line of category_mix */
    struct hp_bytes category;
    int32_t min;
    struct hp_maybe max;
};

struct hp_mixes {
    const struct hp_mix *items;
    size_t count;
};
/* What all lines of a category ask together: the greatest min and the least max. */
struct hp_mix hp_mixes_bounds(struct hp_mixes mixes, struct hp_bytes category);

struct hp_preferences {
    struct hp_bytes user_id;
    int64_t version;
    int64_t updated_at;
    struct hp_maybe budget_min_minor;
    struct hp_maybe budget_max_minor;
    struct hp_strings liked_categories;
    struct hp_strings disliked_categories;
    struct hp_strings liked_tags;
    struct hp_strings disliked_items;
    struct hp_strings avoid_allergens;
    struct hp_strings diets;
    struct hp_mixes category_mix;
    struct hp_maybe items_min;
    struct hp_maybe items_max;
    struct hp_maybe boxes;
};

struct hp_box_request {
    struct hp_bytes request_id;
    struct hp_bytes user_id;
    int64_t requested_at;
    struct hp_maybe budget_min_minor;
    struct hp_maybe budget_max_minor;
    struct hp_bytes occasion;
    struct hp_bytes recipient_id;
    struct hp_strings must_items;
    struct hp_strings exclude_items;
    struct hp_strings avoid_allergens;
    struct hp_strings diets;
    struct hp_mixes category_mix;
    struct hp_maybe items_min;
    struct hp_maybe items_max;
    struct hp_maybe boxes;
    bool explore;
};

struct hp_erasure {
    struct hp_bytes erasure_id;
    struct hp_bytes user_id;
    int64_t requested_at;
    struct hp_bytes recipient_id;
};

struct hp_reason_arg {
    struct hp_bytes key;
    struct hp_bytes value;
};

struct hp_reason {
    struct hp_bytes code;
    const struct hp_reason_arg *args;
    size_t arg_count;
};

struct hp_box_item {
    struct hp_bytes item_id;
    struct hp_bytes name;
    struct hp_bytes category;
    int32_t quantity;
    int64_t unit_price_minor;
    int64_t score_micros;
    const struct hp_reason *reasons;
    size_t reason_count;
};

struct hp_box {
    struct hp_bytes box_id;
    int32_t slot; /* from 1 */
    const struct hp_box_item *items;
    size_t item_count;
    int64_t total_minor;
    int64_t value_micros;
    bool exploring;
    double propensity;
    const struct hp_reason *reasons;
    size_t reason_count;
};

struct hp_item_quantity {
    struct hp_bytes item_id;
    int32_t quantity;
};

struct hp_advice_option {
    struct hp_bytes relax;
    int64_t min_budget_minor;
};

struct hp_advice {
    struct hp_bytes reason;
    struct hp_bytes message;
    struct hp_maybe min_budget_minor;
    const struct hp_item_quantity *cheapest_box;
    size_t cheapest_count;
    const struct hp_advice_option *options;
    size_t option_count;
};

struct hp_input_position {
    struct hp_bytes topic;
    int32_t partition;
    int64_t offset; /* the next to read */
};

struct hp_as_of {
    const struct hp_input_position *inputs;
    size_t input_count;
    const struct hp_input_position *catalogue; /* topic unused */
    size_t catalogue_count;
    int64_t model_epoch;
    struct hp_maybe preferences_version;
    int64_t now;
};

struct hp_recommendation { /* BoxRecommendation */
    struct hp_bytes recommendation_id;
    struct hp_bytes user_id;
    int64_t revision;
    struct hp_bytes request_id;
    enum hp_cause cause;
    int64_t generated_at;
    int64_t valid_until;
    enum hp_box_status status;
    struct hp_bytes currency;
    int64_t budget_min_minor;
    int64_t budget_max_minor;
    struct hp_bytes occasion;
    struct hp_bytes arm;
    const struct hp_box *boxes;
    size_t box_count;
    bool advised; /* advice present */
    struct hp_advice advice;
    struct hp_as_of as_of;
    struct hp_bytes hamper_version;
};

struct hp_erasure_receipt {
    struct hp_bytes erasure_id;
    int64_t requested_at;
    int64_t erased_at;
    int64_t events_voided;
    int64_t residual_until;
    struct hp_bytes state_digest;
};

/* 1 to 128 bytes of UTF-8 without control characters (C0, DEL, C1). */
bool hp_id_valid(struct hp_bytes id);

/* `append_ms` is the record's append time; event times must be in (0, append_ms + 1 h] and
 * before the year 10000. */
HP_MUST_CHECK enum hp_status hp_catalogue_item_check(
    const struct hp_catalogue_item *item, int64_t append_ms, struct hp_error *error);
HP_MUST_CHECK enum hp_status hp_order_check(
    const struct hp_order *order, int64_t append_ms, struct hp_error *error);
HP_MUST_CHECK enum hp_status hp_feedback_check(
    const struct hp_feedback *feedback, int64_t append_ms, struct hp_error *error);
HP_MUST_CHECK enum hp_status hp_preferences_check(
    const struct hp_preferences *preferences, int64_t append_ms, struct hp_error *error);
HP_MUST_CHECK enum hp_status hp_box_request_check(
    const struct hp_box_request *request, int64_t append_ms, struct hp_error *error);
HP_MUST_CHECK enum hp_status hp_erasure_check(
    const struct hp_erasure *erasure, int64_t append_ms, struct hp_error *error);

#endif
