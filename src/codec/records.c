/*
 * codec/records.c - tables that say where each field of a schema stands in its C struct.
 *
 * One row a field, in the schema's order. Decoding, encoding and JSON all walk these tables
 * beside the schema tree, so a record is described once. What the tables claim is checked
 * against the schema at first use: same fields, fitting kinds, nullables that can be absent,
 * enums with the number of symbols the C enum has.
 *
 * The limits of BoxRecommendation are multiplied out at the end of this file: it cannot
 * outgrow a record.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "codec/records.h"

#include "codec/embedded.h"
#include "domain/event.h"
#include "domain/limits.h"

#include <pthread.h>

#define AT(type, field) (uint32_t) offsetof(type, field)
#define NONE            HP_SLOT_NONE

#define TEXT(type, field, max)                                                                 \
    {                                                                                          \
#field, HP_SLOT_TEXT, AT(type, field), NONE, NONE, max, NULL                           \
    }
#define ID(type, field) TEXT(type, field, HP_ID_BYTES_MAX)
#define INT32(type, field)                                                                     \
    {                                                                                          \
#field, HP_SLOT_INT32, AT(type, field), NONE, NONE, 0, NULL                            \
    }
#define INT64(type, field)                                                                     \
    {                                                                                          \
#field, HP_SLOT_INT64, AT(type, field), NONE, NONE, 0, NULL                            \
    }
#define MAYBE(type, field)                                                                     \
    {                                                                                          \
#field, HP_SLOT_INT64, AT(type, field.value), AT(type, field.present), NONE, 0, NULL   \
    }
#define BOOLEAN(type, field)                                                                   \
    {                                                                                          \
#field, HP_SLOT_BOOLEAN, AT(type, field), NONE, NONE, 0, NULL                          \
    }
#define ENUM(type, field, last)                                                                \
    {                                                                                          \
#field, HP_SLOT_ENUM, AT(type, field), NONE, NONE, (last) + 1, NULL                    \
    }
#define STRINGS(type, field)                                                                   \
    {                                                                                          \
#field, HP_SLOT_LIST, AT(type, field.items), NONE, AT(type, field.count), HP_LIST_MAX, \
            NULL                                                                               \
    }
#define LIST(type, field, number, max, of)                                                     \
    {                                                                                          \
#field, HP_SLOT_LIST, AT(type, field), NONE, AT(type, number), max, &of                \
    }
#define LAYOUT(variable, record_name, type)                                                    \
    static const struct hp_layout variable = {                                                 \
        record_name, sizeof(struct type), variable##_slots, HP_ARRAY_SIZE(variable##_slots)}

static const struct hp_slot item_slots[] = {
    ID(struct hp_catalogue_item, item_id),
    INT64(struct hp_catalogue_item, version),
    INT64(struct hp_catalogue_item, updated_at),
    TEXT(struct hp_catalogue_item, name, HP_NAME_BYTES_MAX),
    TEXT(struct hp_catalogue_item, category, HP_CATEGORY_BYTES_MAX),
    INT64(struct hp_catalogue_item, price_minor),
    TEXT(struct hp_catalogue_item, currency, HP_CODE_BYTES_MAX),
    STRINGS(struct hp_catalogue_item, tags),
    {"allergens", HP_SLOT_LIST, AT(struct hp_catalogue_item, allergens.items),
        AT(struct hp_catalogue_item, allergens_known),
        AT(struct hp_catalogue_item, allergens.count), HP_LIST_MAX, NULL},
    STRINGS(struct hp_catalogue_item, diets),
    ID(struct hp_catalogue_item, family),
    MAYBE(struct hp_catalogue_item, stock),
    INT32(struct hp_catalogue_item, max_per_box),
    MAYBE(struct hp_catalogue_item, weight_g),
    MAYBE(struct hp_catalogue_item, margin_minor),
    BOOLEAN(struct hp_catalogue_item, active),
};
LAYOUT(item, "CatalogueItem", hp_catalogue_item);

static const struct hp_slot order_line_slots[] = {
    ID(struct hp_order_line, item_id),
    INT32(struct hp_order_line, quantity),
    INT64(struct hp_order_line, unit_price_minor),
};
LAYOUT(order_line, "OrderLine", hp_order_line);

static const struct hp_slot order_slots[] = {
    ID(struct hp_order, order_id),
    INT64(struct hp_order, version),
    ID(struct hp_order, user_id),
    INT64(struct hp_order, ordered_at),
    ENUM(struct hp_order, status, HP_ORDER_UNKNOWN),
    LIST(struct hp_order, lines, line_count, HP_ORDER_LINES_MAX, order_line),
    ID(struct hp_order, box_id),
    ID(struct hp_order, recipient_id),
    ID(struct hp_order, occasion),
    MAYBE(struct hp_order, budget_minor),
};
LAYOUT(order, "Order", hp_order);

static const struct hp_slot feedback_slots[] = {
    ID(struct hp_feedback, feedback_id),
    ID(struct hp_feedback, user_id),
    INT64(struct hp_feedback, at),
    ENUM(struct hp_feedback, kind, HP_FEEDBACK_OTHER),
    ID(struct hp_feedback, item_id),
    ID(struct hp_feedback, box_id),
    {"rating", HP_SLOT_DOUBLE, AT(struct hp_feedback, rating), AT(struct hp_feedback, rated),
        NONE, 0, NULL},
};
LAYOUT(feedback, "Feedback", hp_feedback);

static const struct hp_slot mix_slots[] = {
    TEXT(struct hp_mix, category, HP_CATEGORY_BYTES_MAX),
    INT32(struct hp_mix, min),
    MAYBE(struct hp_mix, max),
};
LAYOUT(mix, "CategoryMix", hp_mix);

#define MIXES(type)                                                                            \
    {                                                                                          \
        "category_mix", HP_SLOT_LIST, AT(type, category_mix.items), NONE,                      \
            AT(type, category_mix.count), HP_LIST_MAX, &mix                                    \
    }

static const struct hp_slot preferences_slots[] = {
    ID(struct hp_preferences, user_id),
    INT64(struct hp_preferences, version),
    INT64(struct hp_preferences, updated_at),
    MAYBE(struct hp_preferences, budget_min_minor),
    MAYBE(struct hp_preferences, budget_max_minor),
    STRINGS(struct hp_preferences, liked_categories),
    STRINGS(struct hp_preferences, disliked_categories),
    STRINGS(struct hp_preferences, liked_tags),
    STRINGS(struct hp_preferences, disliked_items),
    STRINGS(struct hp_preferences, avoid_allergens),
    STRINGS(struct hp_preferences, diets),
    MIXES(struct hp_preferences),
    MAYBE(struct hp_preferences, items_min),
    MAYBE(struct hp_preferences, items_max),
    MAYBE(struct hp_preferences, boxes),
};
LAYOUT(preferences, "Preferences", hp_preferences);

static const struct hp_slot request_slots[] = {
    ID(struct hp_box_request, request_id),
    ID(struct hp_box_request, user_id),
    INT64(struct hp_box_request, requested_at),
    MAYBE(struct hp_box_request, budget_min_minor),
    MAYBE(struct hp_box_request, budget_max_minor),
    ID(struct hp_box_request, occasion),
    ID(struct hp_box_request, recipient_id),
    STRINGS(struct hp_box_request, must_items),
    STRINGS(struct hp_box_request, exclude_items),
    STRINGS(struct hp_box_request, avoid_allergens),
    STRINGS(struct hp_box_request, diets),
    MIXES(struct hp_box_request),
    MAYBE(struct hp_box_request, items_min),
    MAYBE(struct hp_box_request, items_max),
    MAYBE(struct hp_box_request, boxes),
    BOOLEAN(struct hp_box_request, explore),
};
LAYOUT(request, "BoxRequest", hp_box_request);

static const struct hp_slot erasure_slots[] = {
    ID(struct hp_erasure, erasure_id),
    ID(struct hp_erasure, user_id),
    INT64(struct hp_erasure, requested_at),
    ID(struct hp_erasure, recipient_id),
};
LAYOUT(erasure, "Erasure", hp_erasure);

static const struct hp_slot reason_arg_slots[] = {
    TEXT(struct hp_reason_arg, key, HP_CODE_BYTES_MAX),
    TEXT(struct hp_reason_arg, value, HP_REASON_ARG_BYTES_MAX),
};
LAYOUT(reason_arg, "args", hp_reason_arg);

static const struct hp_slot reason_slots[] = {
    TEXT(struct hp_reason, code, HP_CODE_BYTES_MAX),
    {"args", HP_SLOT_MAP, AT(struct hp_reason, args), NONE, AT(struct hp_reason, arg_count),
        HP_REASON_ARGS_MAX, &reason_arg},
};
LAYOUT(reason, "Reason", hp_reason);

static const struct hp_slot box_item_slots[] = {
    ID(struct hp_box_item, item_id),
    TEXT(struct hp_box_item, name, HP_NAME_BYTES_MAX),
    TEXT(struct hp_box_item, category, HP_CATEGORY_BYTES_MAX),
    INT32(struct hp_box_item, quantity),
    INT64(struct hp_box_item, unit_price_minor),
    INT64(struct hp_box_item, score_micros),
    LIST(struct hp_box_item, reasons, reason_count, HP_REASONS_MAX, reason),
};
LAYOUT(box_item, "BoxItem", hp_box_item);

static const struct hp_slot box_slots[] = {
    ID(struct hp_box, box_id),
    INT32(struct hp_box, slot),
    LIST(struct hp_box, items, item_count, HP_BOX_UNITS_MAX, box_item),
    INT64(struct hp_box, total_minor),
    INT64(struct hp_box, value_micros),
    BOOLEAN(struct hp_box, exploring),
    {"propensity", HP_SLOT_DOUBLE, AT(struct hp_box, propensity), NONE, NONE, 0, NULL},
    LIST(struct hp_box, reasons, reason_count, HP_REASONS_MAX, reason),
};
LAYOUT(box, "Box", hp_box);

static const struct hp_slot item_quantity_slots[] = {
    ID(struct hp_item_quantity, item_id),
    INT32(struct hp_item_quantity, quantity),
};
LAYOUT(item_quantity, "ItemQuantity", hp_item_quantity);

static const struct hp_slot option_slots[] = {
    ID(struct hp_advice_option, relax),
    INT64(struct hp_advice_option, min_budget_minor),
};
LAYOUT(option, "AdviceOption", hp_advice_option);

static const struct hp_slot advice_slots[] = {
    TEXT(struct hp_advice, reason, HP_CODE_BYTES_MAX),
    TEXT(struct hp_advice, message, HP_TEXT_BYTES_MAX),
    MAYBE(struct hp_advice, min_budget_minor),
    LIST(struct hp_advice, cheapest_box, cheapest_count, HP_BOX_UNITS_MAX, item_quantity),
    LIST(struct hp_advice, options, option_count, HP_OPTIONS_MAX, option),
};
LAYOUT(advice, "Advice", hp_advice);

static const struct hp_slot input_slots[] = {
    TEXT(struct hp_input_position, topic, HP_TOPIC_BYTES_MAX),
    INT32(struct hp_input_position, partition),
    INT64(struct hp_input_position, offset),
};
LAYOUT(input, "InputPosition", hp_input_position);

static const struct hp_slot catalogue_slots[] = {
    INT32(struct hp_input_position, partition),
    INT64(struct hp_input_position, offset),
};
LAYOUT(catalogue, "CataloguePosition", hp_input_position);

static const struct hp_slot as_of_slots[] = {
    LIST(struct hp_as_of, inputs, input_count, HP_INPUTS_MAX, input),
    LIST(struct hp_as_of, catalogue, catalogue_count, HP_CATALOGUE_PARTS_MAX, catalogue),
    INT64(struct hp_as_of, model_epoch),
    MAYBE(struct hp_as_of, preferences_version),
    INT64(struct hp_as_of, now),
};
LAYOUT(as_of, "AsOf", hp_as_of);

static const struct hp_slot recommendation_slots[] = {
    ID(struct hp_recommendation, recommendation_id),
    ID(struct hp_recommendation, user_id),
    INT64(struct hp_recommendation, revision),
    ID(struct hp_recommendation, request_id),
    ENUM(struct hp_recommendation, cause, HP_CAUSE_REFRESH),
    INT64(struct hp_recommendation, generated_at),
    INT64(struct hp_recommendation, valid_until),
    ENUM(struct hp_recommendation, status, HP_BOXES_UNKNOWN),
    TEXT(struct hp_recommendation, currency, HP_CODE_BYTES_MAX),
    INT64(struct hp_recommendation, budget_min_minor),
    INT64(struct hp_recommendation, budget_max_minor),
    ID(struct hp_recommendation, occasion),
    TEXT(struct hp_recommendation, arm, HP_CODE_BYTES_MAX),
    LIST(struct hp_recommendation, boxes, box_count, HP_BOXES_MAX, box),
    {"advice", HP_SLOT_RECORD, AT(struct hp_recommendation, advice),
        AT(struct hp_recommendation, advised), NONE, 0, &advice},
    {"as_of", HP_SLOT_RECORD, AT(struct hp_recommendation, as_of), NONE, NONE, 0, &as_of},
    TEXT(struct hp_recommendation, hamper_version, HP_CODE_BYTES_MAX),
};
LAYOUT(recommendation, "BoxRecommendation", hp_recommendation);

static const struct hp_slot receipt_slots[] = {
    ID(struct hp_erasure_receipt, erasure_id),
    INT64(struct hp_erasure_receipt, requested_at),
    INT64(struct hp_erasure_receipt, erased_at),
    INT64(struct hp_erasure_receipt, events_voided),
    INT64(struct hp_erasure_receipt, residual_until),
    ID(struct hp_erasure_receipt, state_digest),
};
LAYOUT(receipt, "ErasureReceipt", hp_erasure_receipt);

/* A BoxRecommendation at every limit at once. A text costs two bytes of length more, a number
 * at most ten, a nullable one, a list one block of at most five bytes and its end. */
#define SIZE_OF_TEXT(max)  ((max) + 2)
#define SIZE_OF_NUMBER     10
#define SIZE_OF_LIST(n, x) (6 + (n) * (x))
#define SIZE_OF_BOX_ITEM                                                                       \
    (SIZE_OF_TEXT(HP_ID_BYTES_MAX) + SIZE_OF_TEXT(HP_NAME_BYTES_MAX) +                         \
        SIZE_OF_TEXT(HP_CATEGORY_BYTES_MAX) + 3 * SIZE_OF_NUMBER + SIZE_OF_LIST(0, 0))
#define SIZE_OF_BOX                                                                            \
    (SIZE_OF_TEXT(HP_ID_BYTES_MAX) + 3 * SIZE_OF_NUMBER + 1 + 8 +                              \
        SIZE_OF_LIST(HP_BOX_UNITS_MAX, SIZE_OF_BOX_ITEM) + SIZE_OF_LIST(0, 0))
#define SIZE_OF_ADVICE                                                                         \
    (1 + SIZE_OF_TEXT(HP_CODE_BYTES_MAX) + SIZE_OF_TEXT(HP_TEXT_BYTES_MAX) + 1 +               \
        SIZE_OF_NUMBER +                                                                       \
        SIZE_OF_LIST(HP_BOX_UNITS_MAX, SIZE_OF_TEXT(HP_ID_BYTES_MAX) + SIZE_OF_NUMBER) +       \
        SIZE_OF_LIST(HP_OPTIONS_MAX, SIZE_OF_TEXT(HP_ID_BYTES_MAX) + SIZE_OF_NUMBER))
#define SIZE_OF_AS_OF                                                                          \
    (SIZE_OF_LIST(HP_INPUTS_MAX, SIZE_OF_TEXT(HP_TOPIC_BYTES_MAX) + 2 * SIZE_OF_NUMBER) +      \
        SIZE_OF_LIST(HP_CATALOGUE_PARTS_MAX, 2 * SIZE_OF_NUMBER) + 3 * SIZE_OF_NUMBER + 1)
static_assert(5 + 7 * (1 + SIZE_OF_TEXT(HP_ID_BYTES_MAX)) + 8 * SIZE_OF_NUMBER +
                      SIZE_OF_LIST(HP_BOXES_MAX, SIZE_OF_BOX) + SIZE_OF_ADVICE + SIZE_OF_AS_OF +
                      HP_REASON_BYTES_TOTAL_MAX <=
                  HP_RECORD_BYTES_MAX,
    "a BoxRecommendation at every limit fits a record");

static const struct hp_layout *const layouts[HP_RECORD_TYPES] = {
    [HP_RECORD_ORDER] = &order,
    [HP_RECORD_FEEDBACK] = &feedback,
    [HP_RECORD_PREFERENCES] = &preferences,
    [HP_RECORD_BOX_REQUEST] = &request,
    [HP_RECORD_ERASURE] = &erasure,
    [HP_RECORD_CATALOGUE_ITEM] = &item,
    [HP_RECORD_BOX_RECOMMENDATION] = &recommendation,
    [HP_RECORD_ERASURE_RECEIPT] = &receipt,
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct hp_arena schema_arena; /* lives as long as the process */
static const struct hp_schema *schemas[HP_RECORD_TYPES];

const struct hp_schema *
hp_schema_value(const struct hp_schema *schema, bool *nullable, size_t *null_branch)
{
    bool is_nullable = schema->kind == HP_SCHEMA_UNION && schema->branch_count == 2 &&
                       (schema->branches[0]->kind == HP_SCHEMA_NULL ||
                           schema->branches[1]->kind == HP_SCHEMA_NULL);
    size_t null_at = is_nullable && schema->branches[0]->kind != HP_SCHEMA_NULL;

    if (nullable)
        *nullable = is_nullable;
    if (null_branch)
        *null_branch = null_at;
    return is_nullable ? schema->branches[1 - null_at] : schema;
}

static void check_layout(const struct hp_layout *layout, const struct hp_schema *schema);

static bool
slot_fits(const struct hp_slot *slot, const struct hp_schema *schema)
{
    switch (slot->kind) {
    case HP_SLOT_TEXT: return schema->kind == HP_SCHEMA_STRING;
    case HP_SLOT_INT32: return schema->kind == HP_SCHEMA_INT;
    case HP_SLOT_INT64:
        return schema->kind == HP_SCHEMA_LONG ||
               (schema->kind == HP_SCHEMA_INT && slot->present != HP_SLOT_NONE);
    case HP_SLOT_BOOLEAN: return schema->kind == HP_SCHEMA_BOOLEAN;
    case HP_SLOT_DOUBLE: return schema->kind == HP_SCHEMA_DOUBLE;
    case HP_SLOT_ENUM:
        return schema->kind == HP_SCHEMA_ENUM && schema->symbols.count == slot->limit;
    case HP_SLOT_RECORD: check_layout(slot->of, schema); return true;
    case HP_SLOT_LIST:
        if (schema->kind != HP_SCHEMA_ARRAY)
            return false;
        if (slot->of)
            check_layout(slot->of, schema->items);
        return slot->of || schema->items->kind == HP_SCHEMA_STRING;
    case HP_SLOT_MAP:
        return schema->kind == HP_SCHEMA_MAP && schema->items->kind == HP_SCHEMA_STRING;
    }
    return false;
}

static void
check_layout(const struct hp_layout *layout, const struct hp_schema *schema)
{
    HP_ASSERT(schema->kind == HP_SCHEMA_RECORD);
    HP_ASSERT(strcmp(hp_schema_short_name(schema->name), layout->name) == 0);
    HP_ASSERT(schema->field_count == layout->count);
    for (size_t i = 0; i < layout->count; i++) {
        const struct hp_slot *slot = &layout->slots[i];
        const struct hp_schema_field *field = &schema->fields[i];
        bool nullable;
        const struct hp_schema *value = hp_schema_value(field->schema, &nullable, NULL);

        if (strcmp(field->name, slot->name) != 0 || !slot_fits(slot, value))
            hp_die("%s.%s: the schema and codec/records.c differ", layout->name, field->name);
        if (nullable != (slot->present != HP_SLOT_NONE) && slot->kind != HP_SLOT_TEXT)
            hp_die("%s.%s: the schema and codec/records.c differ on null", layout->name,
                field->name);
    }
}

static void
load_schemas(void)
{
    for (int type = 0; type < HP_RECORD_TYPES; type++) {
        struct hp_error error = {0};

        if (hp_schema_parse(hp_record_schema_json((enum hp_record_type)type), &schema_arena,
                &schemas[type], &error))
            hp_die("schemas/%s.avsc: %s", layouts[type]->name, error.text);
        check_layout(layouts[type], schemas[type]);
    }
}

const struct hp_layout *
hp_record_layout(enum hp_record_type type)
{
    return layouts[type];
}

const struct hp_schema *
hp_record_schema(enum hp_record_type type)
{
    pthread_once(&once, load_schemas);
    return schemas[type];
}

struct hp_bytes
hp_record_schema_json(enum hp_record_type type)
{
    for (size_t i = 0; i < hp_embedded_schema_count; i++)
        if (strcmp(hp_embedded_schemas[i].name, layouts[type]->name) == 0)
            return hp_bytes(hp_embedded_schemas[i].data, hp_embedded_schemas[i].size);
    hp_die("schemas/%s.avsc is not part of this binary", layouts[type]->name);
}

const char *
hp_record_name(enum hp_record_type type)
{
    return layouts[type]->name;
}

size_t
hp_record_size(enum hp_record_type type)
{
    return layouts[type]->size;
}
