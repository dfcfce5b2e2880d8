/* app/pack_json.c - see the header. SPDX-License-Identifier: Apache-2.0 */
#include "app/pack_json.h"

#include "base/hash.h"

#define PATH_MAX_BYTES 96
#define EXACT          9007199254740992.0 /* up to 2^53 a double holds every integer */

struct reader {
    struct hp_arena *arena;
    struct hp_error *error;
    struct hp_pack_line_in *line;
    uint32_t *slots; /* hash table: item index + 1 by id */
    size_t slot_mask;
};

static enum hp_status
wrong(struct reader *reader, const char *path, const char *what)
{
    return hp_bad(reader->error, "INSTANCE", "%s: %s", path, what);
}

/* "items", 3, "price" -> "items[3].price" in a buffer of PATH_MAX_BYTES. */
static const char *
path_to(char *path, const char *list, size_t index, const char *field)
{
    snprintf(path, PATH_MAX_BYTES, "%s[%zu]%s%s", list, index, *field ? "." : "", field);
    return path;
}

static enum hp_status
read_integer(struct reader *reader, const json_t *value, const char *path, int64_t low,
    int64_t high, int64_t *out)
{
    if (!value)
        return wrong(reader, path, "missing");
    if (json_is_real(value) &&
        (json_real_value(value) > EXACT || json_real_value(value) < -EXACT))
        return wrong(reader, path, "out of range");
    if (!json_is_integer(value))
        return wrong(reader, path, "not an integer");
    *out = json_integer_value(value);
    if (*out < low || *out > high)
        return wrong(reader, path, "out of range");
    return HP_OK;
}

/* The same with a default for a field that is absent or null. */
static enum hp_status
read_optional(struct reader *reader, const json_t *value, const char *path, int64_t low,
    int64_t high, int64_t otherwise, int64_t *out)
{
    if (!value || json_is_null(value)) {
        *out = otherwise;
        return HP_OK;
    }
    return read_integer(reader, value, path, low, high, out);
}

/* A name: text, or an integer, which becomes its digits. */
static enum hp_status
read_name(struct reader *reader, const json_t *value, const char *path, struct hp_bytes *out)
{
    if (json_is_string(value))
        *out = hp_bytes(json_string_value(value), json_string_length(value));
    else if (json_is_integer(value))
        *out = hp_bytes_text(
            hp_arena_printf(reader->arena, "%" JSON_INTEGER_FORMAT, json_integer_value(value)));
    else
        return wrong(reader, path, value ? "neither text nor an integer" : "missing");
    if (out->size > HP_ID_BYTES_MAX)
        return wrong(reader, path, "longer than 128 bytes");
    return HP_OK;
}

static enum hp_status
read_numbers(struct reader *reader, const json_t *value, const char *path, size_t most,
    const int64_t **out, size_t *count)
{
    int64_t *numbers;

    *count = 0;
    if (!value || json_is_null(value))
        return HP_OK;
    if (!json_is_array(value))
        return wrong(reader, path, "not a list");
    if (json_array_size(value) > most)
        return wrong(reader, path, "too many");
    numbers = HP_ARENA_ARRAY(reader->arena, json_array_size(value), int64_t);
    for (size_t k = 0; k < json_array_size(value); k++) {
        enum hp_status status = read_integer(reader, json_array_get(value, k), path,
            -HP_PACK_AMOUNT_MAX, HP_PACK_AMOUNT_MAX, &numbers[k]);

        if (status)
            return status;
    }
    *out = numbers;
    *count = json_array_size(value);
    return HP_OK;
}

/* An absent list is empty; `*count` is checked against `most`. */
static enum hp_status
read_list(struct reader *reader, const char *field, size_t most, json_t **list, size_t *count)
{
    json_t *value = json_object_get(reader->line->root, field);

    *list = value;
    *count = 0;
    if (!value || json_is_null(value))
        return HP_OK;
    if (!json_is_array(value))
        return wrong(reader, field, "not a list");
    if (json_array_size(value) > most)
        return wrong(reader, field, "too many");
    *count = json_array_size(value);
    return HP_OK;
}

static enum hp_status
read_object(
    struct reader *reader, const json_t *list, const char *field, size_t k, json_t **out)
{
    char path[PATH_MAX_BYTES];

    *out = json_array_get(list, k);
    if (!json_is_object(*out))
        return wrong(reader, path_to(path, field, k, ""), "not an object");
    return HP_OK;
}

/* One optional 32-bit count of an object in a list. */
static enum hp_status
read_count(struct reader *reader, const json_t *object, const char *list, size_t k,
    const char *field, int32_t otherwise, int32_t *out)
{
    char path[PATH_MAX_BYTES];
    int64_t number = 0;
    enum hp_status status = read_optional(reader, json_object_get(object, field),
        path_to(path, list, k, field), 0, INT32_MAX, otherwise, &number);

    *out = (int32_t)number;
    return status;
}

static enum hp_status
read_category(struct reader *reader, const json_t *list, size_t k, struct hp_pack_category *out)
{
    char path[PATH_MAX_BYTES];
    json_t *object;
    enum hp_status status = read_object(reader, list, "categories", k, &object);

    if (status)
        return status;
    reader->line->category_ids[k] = json_object_get(object, "id");
    out->id = hp_bytes_text(hp_arena_printf(reader->arena, "%zu", k));
    if (reader->line->category_ids[k])
        status = read_name(reader, reader->line->category_ids[k],
            path_to(path, "categories", k, "id"), &out->id);
    out->name = hp_bytes_text("");
    if (!status && json_object_get(object, "name"))
        status = read_name(reader, json_object_get(object, "name"),
            path_to(path, "categories", k, "name"), &out->name);
    if (!status)
        status = read_count(reader, object, "categories", k, "min", 0, &out->min);
    if (!status)
        status = read_count(reader, object, "categories", k, "max", HP_PACK_NO_MAX, &out->max);
    if (!status)
        status = read_numbers(reader, json_object_get(object, "bonus"),
            path_to(path, "categories", k, "bonus"), HP_QUANTITY_MAX, &out->bonus,
            &out->bonus_count);
    if (out->bonus_count > HP_PACK_BONUS_MAX) /* no box holds so many */
        out->bonus_count = HP_PACK_BONUS_MAX;
    return status;
}

static enum hp_status
read_categories(struct reader *reader)
{
    struct hp_pack_instance *in = &reader->line->instance;
    struct hp_pack_category *categories;
    json_t *list;
    enum hp_status status =
        read_list(reader, "categories", HP_PACK_CATEGORIES_MAX, &list, &in->category_count);

    if (status)
        return status;
    categories = HP_ARENA_ARRAY(reader->arena, in->category_count, struct hp_pack_category);
    reader->line->category_ids = HP_ARENA_ARRAY(reader->arena, in->category_count, json_t *);
    in->categories = categories;
    for (size_t k = 0; !status && k < in->category_count; k++)
        status = read_category(reader, list, k, &categories[k]);
    return status;
}

static enum hp_status
read_resources(struct reader *reader)
{
    struct hp_pack_instance *in = &reader->line->instance;
    struct hp_pack_resource *resources;
    json_t *list;
    enum hp_status status =
        read_list(reader, "resources", HP_PACK_RESOURCES_MAX, &list, &in->resource_count);

    if (status)
        return status;
    resources = HP_ARENA_ARRAY(reader->arena, in->resource_count, struct hp_pack_resource);
    in->resources = resources;
    for (size_t k = 0; !status && k < in->resource_count; k++) {
        char path[PATH_MAX_BYTES];
        json_t *object;

        status = read_object(reader, list, "resources", k, &object);
        if (!status && json_object_get(object, "name"))
            status = read_name(reader, json_object_get(object, "name"),
                path_to(path, "resources", k, "name"), &resources[k].name);
        if (!status)
            status = read_integer(reader, json_object_get(object, "max"),
                path_to(path, "resources", k, "max"), 0, HP_PACK_AMOUNT_MAX, &resources[k].max);
    }
    return status;
}

/* A category is its place in the list, which is its id as well, or any other id it has. */
static enum hp_status
read_category_of(struct reader *reader, const json_t *value, const char *path, int32_t *out)
{
    const struct hp_pack_instance *in = &reader->line->instance;
    struct hp_bytes name;
    enum hp_status status = read_name(reader, value, path, &name);

    if (status)
        return status;
    for (size_t c = 0; c < in->category_count; c++)
        if (hp_bytes_equal(in->categories[c].id, name)) {
            *out = (int32_t)c;
            return HP_OK;
        }
    return wrong(reader, path, "no such category");
}

static enum hp_status
read_item_extras(
    struct reader *reader, const json_t *object, size_t k, struct hp_pack_item *item)
{
    const struct hp_pack_instance *in = &reader->line->instance;
    const json_t *group = json_object_get(object, "group");
    const json_t *because = json_object_get(object, "because");
    char path[PATH_MAX_BYTES];
    enum hp_status status = HP_OK;
    size_t count = 0;

    if (group && !json_is_null(group))
        status = read_name(reader, group, path_to(path, "items", k, "group"), &item->group);
    if (!status && because && !json_is_null(because))
        status =
            read_name(reader, because, path_to(path, "items", k, "because"), &item->because);
    item->is_new = json_is_true(json_object_get(object, "new"));
    if (!status)
        status = read_count(reader, object, "items", k, "max_qty", 1, &item->max_qty);
    if (!status && item->max_qty < 1)
        status = wrong(reader, path_to(path, "items", k, "max_qty"), "less than 1");
    if (!status)
        status = read_numbers(reader, json_object_get(object, "repeat_gain"),
            path_to(path, "items", k, "repeat_gain"), HP_QUANTITY_MAX, &item->repeat_gains,
            &item->repeat_count);
    if (item->repeat_count > HP_PACK_UNITS_MAX) /* no box holds so many */
        item->repeat_count = HP_PACK_UNITS_MAX;
    if (!status)
        status = read_numbers(reader, json_object_get(object, "res"),
            path_to(path, "items", k, "res"), HP_PACK_RESOURCES_MAX, &item->resources, &count);
    if (!status && item->resources && count < in->resource_count)
        status = wrong(reader, path_to(path, "items", k, "res"), "too few numbers");
    return status;
}

static enum hp_status
read_item(struct reader *reader, const json_t *list, size_t k, struct hp_pack_item *item)
{
    char path[PATH_MAX_BYTES];
    json_t *object;
    enum hp_status status = read_object(reader, list, "items", k, &object);

    if (status)
        return status;
    reader->line->item_ids[k] = json_object_get(object, "id");
    status = read_name(
        reader, reader->line->item_ids[k], path_to(path, "items", k, "id"), &item->id);
    if (!status)
        status = read_integer(reader, json_object_get(object, "price"),
            path_to(path, "items", k, "price"), 0, HP_PACK_PRICE_MAX, &item->price);
    if (!status)
        status = read_integer(reader, json_object_get(object, "gain"),
            path_to(path, "items", k, "gain"), -HP_PACK_GAIN_MAX, HP_PACK_GAIN_MAX,
            &item->gain);
    if (!status)
        status = read_category_of(reader, json_object_get(object, "cat"),
            path_to(path, "items", k, "cat"), &item->category);
    return status ? status : read_item_extras(reader, object, k, item);
}

/* Where `id` is in the hash table, or the free place where it would be. */
static uint32_t *
find_slot(struct reader *reader, struct hp_bytes id)
{
    const struct hp_pack_item *items = reader->line->instance.items;
    size_t at = (size_t)hp_hash64(id) & reader->slot_mask;

    while (reader->slots[at] && !hp_bytes_equal(items[reader->slots[at] - 1].id, id))
        at = (at + 1) & reader->slot_mask;
    return &reader->slots[at];
}

static enum hp_status
read_items(struct reader *reader)
{
    struct hp_pack_instance *in = &reader->line->instance;
    struct hp_pack_item *items;
    json_t *list;
    enum hp_status status =
        read_list(reader, "items", HP_PACK_ITEMS_MAX, &list, &in->item_count);
    size_t size = 8;

    if (status)
        return status;
    while (size < in->item_count * 2)
        size *= 2;
    items = HP_ARENA_ARRAY(reader->arena, in->item_count, struct hp_pack_item);
    reader->line->item_ids = HP_ARENA_ARRAY(reader->arena, in->item_count, json_t *);
    reader->slots = HP_ARENA_ARRAY(reader->arena, size, uint32_t);
    reader->slot_mask = size - 1;
    in->items = items;
    for (size_t k = 0; !status && k < in->item_count; k++) {
        char path[PATH_MAX_BYTES];
        uint32_t *slot;

        status = read_item(reader, list, k, &items[k]);
        if (status)
            break;
        slot = find_slot(reader, items[k].id);
        if (*slot)
            return wrong(reader, path_to(path, "items", k, "id"), "appears twice");
        *slot = (uint32_t)k + 1;
    }
    return status;
}

/* Ids of a list, as far as they are items when `known` is set. */
static enum hp_status
read_ids(struct reader *reader, const json_t *list, const char *path, struct hp_strings *out)
{
    struct hp_bytes *ids;

    *out = (struct hp_strings){NULL, 0};
    if (!list || json_is_null(list))
        return HP_OK;
    if (!json_is_array(list))
        return wrong(reader, path, "not a list");
    if (json_array_size(list) > HP_PACK_ITEMS_MAX)
        return wrong(reader, path, "too many");
    ids = HP_ARENA_ARRAY(reader->arena, json_array_size(list), struct hp_bytes);
    for (size_t k = 0; k < json_array_size(list); k++) {
        enum hp_status status = read_name(reader, json_array_get(list, k), path, &ids[k]);

        if (status)
            return status;
    }
    *out = (struct hp_strings){ids, json_array_size(list)};
    return HP_OK;
}

static enum hp_status
read_pair(struct reader *reader, const json_t *value, size_t k, struct hp_pack_pair *pairs,
    size_t *count)
{
    char path[PATH_MAX_BYTES];
    struct hp_bytes ids[2];
    uint32_t found[2];
    int64_t weight;
    enum hp_status status = HP_OK;

    path_to(path, "pairs", k, "");
    if (!json_is_array(value) || json_array_size(value) != 3)
        return wrong(reader, path, "not a list of two items and a weight");
    for (size_t side = 0; !status && side < 2; side++) {
        status = read_name(reader, json_array_get(value, side), path, &ids[side]);
        found[side] = status ? 0 : *find_slot(reader, ids[side]);
    }
    if (!status)
        status = read_integer(reader, json_array_get(value, 2), path, -HP_PACK_GAIN_MAX,
            HP_PACK_GAIN_MAX, &weight);
    if (!status && found[0] && found[1])
        pairs[(*count)++] = (struct hp_pack_pair){found[0] - 1, found[1] - 1, weight};
    return status;
}

static enum hp_status
read_pairs(struct reader *reader)
{
    struct hp_pack_instance *in = &reader->line->instance;
    struct hp_pack_pair *pairs;
    json_t *list;
    size_t count;
    enum hp_status status = read_list(reader, "pairs", HP_PACK_PAIRS_MAX, &list, &count);

    if (status)
        return status;
    pairs = HP_ARENA_ARRAY(reader->arena, count, struct hp_pack_pair);
    in->pairs = pairs;
    for (size_t k = 0; !status && k < count; k++)
        status = read_pair(reader, json_array_get(list, k), k, pairs, &in->pair_count);
    return status;
}

static enum hp_status
read_rule(struct reader *reader, const json_t *list, size_t k, struct hp_pack_rule *rule)
{
    char path[PATH_MAX_BYTES];
    struct hp_strings ids = {NULL, 0};
    uint32_t *members;
    json_t *object;
    enum hp_status status = read_object(reader, list, "rules", k, &object);

    if (status)
        return status;
    rule->name = hp_bytes_text("");
    if (json_object_get(object, "name"))
        status = read_name(reader, json_object_get(object, "name"),
            path_to(path, "rules", k, "name"), &rule->name);
    if (!status)
        status = read_count(reader, object, "rules", k, "min", 0, &rule->min);
    if (!status)
        status = read_count(reader, object, "rules", k, "max", HP_PACK_NO_MAX, &rule->max);
    if (!status)
        status = read_ids(
            reader, json_object_get(object, "items"), path_to(path, "rules", k, "items"), &ids);
    members = HP_ARENA_ARRAY(reader->arena, ids.count, uint32_t);
    for (size_t m = 0; m < ids.count; m++) {
        uint32_t found = *find_slot(reader, ids.items[m]);

        if (found)
            members[rule->item_count++] = found - 1;
    }
    rule->items = members;
    return status;
}

static enum hp_status
read_rules(struct reader *reader)
{
    struct hp_pack_instance *in = &reader->line->instance;
    struct hp_pack_rule *rules;
    json_t *list;
    enum hp_status status =
        read_list(reader, "rules", HP_PACK_RULES_MAX, &list, &in->rule_count);

    if (status)
        return status;
    rules = HP_ARENA_ARRAY(reader->arena, in->rule_count, struct hp_pack_rule);
    in->rules = rules;
    for (size_t k = 0; !status && k < in->rule_count; k++)
        status = read_rule(reader, list, k, &rules[k]);
    return status;
}

static enum hp_status
read_slot(struct reader *reader, const json_t *list, size_t k, struct hp_pack_slot *slot)
{
    char path[PATH_MAX_BYTES];
    json_t *object;
    size_t gains = 0;
    enum hp_status status = read_object(reader, list, "slots", k, &object);

    if (status)
        return status;
    status = read_name(reader, json_object_get(object, "name"),
        path_to(path, "slots", k, "name"), &slot->name);
    if (!status)
        status = read_integer(reader, json_object_get(object, "min"),
            path_to(path, "slots", k, "min"), 0, HP_PACK_AMOUNT_MAX, &slot->min);
    if (!status)
        status = read_integer(reader, json_object_get(object, "max"),
            path_to(path, "slots", k, "max"), 0, HP_PACK_AMOUNT_MAX, &slot->max);
    if (!status)
        status = read_numbers(reader, json_object_get(object, "ladder"),
            path_to(path, "slots", k, "ladder"), HP_PACK_LADDER_MAX, &slot->ladder,
            &slot->ladder_count);
    if (!status)
        status = read_numbers(reader, json_object_get(object, "gains"),
            path_to(path, "slots", k, "gains"), HP_PACK_ITEMS_MAX, &slot->gains, &gains);
    if (!status && slot->gains && gains != reader->line->instance.item_count)
        status = wrong(reader, path_to(path, "slots", k, "gains"), "not one for every item");
    return status;
}

static enum hp_status
read_slots(struct reader *reader)
{
    struct hp_pack_instance *in = &reader->line->instance;
    struct hp_pack_slot *slots;
    json_t *list;
    enum hp_status status = read_list(reader, "slots", HP_BOXES_MAX, &list, &in->slot_count);

    if (status)
        return status;
    slots = HP_ARENA_ARRAY(reader->arena, in->slot_count, struct hp_pack_slot);
    in->slots = slots;
    for (size_t k = 0; !status && k < in->slot_count; k++)
        status = read_slot(reader, list, k, &slots[k]);
    return status;
}

static enum hp_status
read_earlier(struct reader *reader)
{
    struct hp_pack_instance *in = &reader->line->instance;
    struct hp_pack_earlier *earlier;
    char path[PATH_MAX_BYTES];
    json_t *list;
    enum hp_status status =
        read_list(reader, "earlier", HP_PACK_EARLIER_MAX, &list, &in->earlier_count);

    if (status)
        return status;
    earlier = HP_ARENA_ARRAY(reader->arena, in->earlier_count, struct hp_pack_earlier);
    in->earlier = earlier;
    for (size_t k = 0; !status && k < in->earlier_count; k++)
        status = read_ids(reader, json_array_get(list, k), path_to(path, "earlier", k, ""),
            &earlier[k].families);
    return status;
}

#define SHARE_DEFAULT 50 /* percent */

static enum hp_status
read_rest(struct reader *reader)
{
    struct hp_pack_instance *in = &reader->line->instance;
    const json_t *root = reader->line->root;
    const json_t *count = json_object_get(root, "count");
    const json_t *diversity = json_object_get(root, "diversity");
    int64_t least = 0;
    int64_t most = 0;
    int64_t share = 0;
    enum hp_status status = read_ids(reader, json_object_get(root, "must"), "must", &in->must);

    if (!status)
        status = read_ids(reader, json_object_get(root, "exclude"), "exclude", &in->exclude);
    if (!status && count && !json_is_object(count))
        status = wrong(reader, "count", "not an object");
    if (!status)
        status = read_optional(reader, json_object_get(count, "min"), "count.min", 0,
            HP_PACK_UNITS_MAX, 0, &least);
    if (!status)
        status = read_optional(reader, json_object_get(count, "max"), "count.max", 0,
            HP_PACK_UNITS_MAX, HP_PACK_UNITS_MAX, &most);
    if (!status)
        status = read_optional(reader, json_object_get(diversity, "max_share_pct"),
            "diversity.max_share_pct", 0, 100, SHARE_DEFAULT, &share);
    in->count_min = (int32_t)least;
    in->count_max = (int32_t)most;
    in->max_share_pct = (int32_t)share;
    return status;
}

static json_t *with_integers(json_t *value);

static void
members_with_integers(json_t *value)
{
    const char *key;
    json_t *member;
    void *next;
    size_t k;

    json_object_foreach_safe(value, next, key, member)
        json_object_set_new(value, key, with_integers(json_incref(member)));
    json_array_foreach(value, k, member)
        json_array_set_new(value, k, with_integers(json_incref(member)));
}

/* Whole numbers read as doubles become integers again, but for those too big. Takes and
 * returns a reference. */
static json_t *
with_integers(json_t *value)
{
    double number = json_real_value(value);

    if (!json_is_real(value)) {
        members_with_integers(value);
        return value;
    }
    if (number > EXACT || number < -EXACT || number != (double)(json_int_t)number)
        return value;
    json_decref(value);
    return json_integer((json_int_t)number);
}

/* The line again after an integer beyond 64 bits, so that whoever reads that field can refuse
 * it by name; in a field nobody reads it does no harm. */
static json_t *
load_wide(struct hp_bytes text, json_error_t *error)
{
    json_error_t again;
    json_t *root = json_loadb((const char *)text.data, text.size,
        JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL, &again);

    if (root)
        return with_integers(root);
    *error = again;
    return NULL;
}

static enum hp_status
read_root(struct reader *reader, struct hp_bytes text)
{
    struct hp_pack_line_in *line = reader->line;
    const json_t *format;
    json_error_t error;

    line->root = json_loadb((const char *)text.data, text.size, JSON_REJECT_DUPLICATES, &error);
    if (!line->root && json_error_code(&error) == json_error_numeric_overflow)
        line->root = load_wide(text, &error);
    if (!line->root)
        return hp_bad(
            reader->error, "INSTANCE", "line: %s at byte %d", error.text, error.position);
    if (!json_is_object(line->root))
        return wrong(reader, "line", "not an object");
    line->id = json_object_get(line->root, "id");
    format = json_object_get(line->root, "format");
    if (format && (!json_is_string(format) ||
                      strcmp(json_string_value(format), "hamper-box-instance/1") != 0))
        return wrong(reader, "format", "not hamper-box-instance/1");
    if (line->id && !json_is_null(line->id))
        return read_name(reader, line->id, "id", &line->instance.id);
    return HP_OK;
}

enum hp_status
hp_pack_json_read(struct hp_bytes text, struct hp_arena *arena, struct hp_pack_line_in *line,
    struct hp_error *error)
{
    struct reader reader = {.arena = arena, .error = error, .line = line};
    static enum hp_status (*const parts[])(struct reader *) = {read_categories, read_resources,
        read_items, read_pairs, read_rules, read_slots, read_earlier, read_rest};
    enum hp_status status = read_root(&reader, text);

    for (size_t k = 0; !status && k < HP_ARRAY_SIZE(parts); k++)
        status = parts[k](&reader);
    return status ? status : hp_pack_instance_check(&line->instance, error);
}

static json_t *
text_of(struct hp_bytes bytes)
{
    json_t *text = json_stringn(bytes.data ? (const char *)bytes.data : "", bytes.size);

    return text ? text : json_string("");
}

static json_t *
known_id(json_t *id, struct hp_bytes name)
{
    return id ? json_incref(id) : text_of(name);
}

static json_t *
item_id(const struct hp_pack_line_in *line, uint32_t item)
{
    return known_id(line->item_ids[item], line->instance.items[item].id);
}

/* [[id, quantity], ..], or [[id, points], ..] */
static json_t *
lines_of(const struct hp_pack_line_in *line, const struct hp_pack_line *lines, size_t count,
    bool points)
{
    json_t *list = json_array();

    for (size_t k = 0; k < count; k++) {
        json_t *pair = json_array();

        json_array_append_new(pair, item_id(line, lines[k].item));
        json_array_append_new(pair, json_integer(points ? lines[k].points : lines[k].quantity));
        json_array_append_new(list, pair);
    }
    return list;
}

static json_t *
args_of(const struct hp_pack_line_in *line, const struct hp_pack_reason *reason)
{
    const struct hp_pack_instance *in = &line->instance;
    json_t *args = json_object();
    json_t *list;

    switch (reason->code) {
    case HP_PACK_FILL: json_object_set_new(args, "pct", json_integer(reason->number)); break;
    case HP_PACK_COVERS:
        list = json_array();
        for (size_t k = 0; k < reason->list_count; k++)
            json_array_append_new(list, known_id(line->category_ids[reason->list[k]],
                                            in->categories[reason->list[k]].id));
        json_object_set_new(args, "categories", list);
        break;
    case HP_PACK_GOES_WITH:
        json_object_set_new(args, "a", item_id(line, reason->item));
        json_object_set_new(args, "b", item_id(line, reason->other));
        break;
    case HP_PACK_DIFFERS:
        json_object_set_new(args, "from", text_of(in->slots[reason->from].name));
        json_object_set_new(args, "shared", json_integer(reason->number));
        break;
    case HP_PACK_BECAUSE:
        json_object_set_new(args, "item", item_id(line, reason->item));
        json_object_set_new(args, "of", text_of(in->items[reason->item].because));
        break;
    case HP_PACK_MUST:
    case HP_PACK_NEW_TO_YOU:
        json_object_set_new(args, "item", item_id(line, reason->item));
        break;
    }
    return args;
}

static json_t *
box_of(const struct hp_pack_line_in *line, const struct hp_pack_box *box)
{
    json_t *object = json_object();
    json_t *explain = json_array();

    json_object_set_new(object, "slot", text_of(line->instance.slots[box->slot].name));
    json_object_set_new(object, "items", lines_of(line, box->lines, box->line_count, false));
    json_object_set_new(object, "cost", json_integer(box->cost));
    json_object_set_new(object, "value", json_integer(box->value));
    if (box->bounded)
        json_object_set_new(object, "bound", json_integer(box->bound));
    json_object_set_new(object, "fill_step", json_integer(box->fill_step));
    json_object_set_new(object, "why", lines_of(line, box->lines, box->line_count, true));
    for (size_t k = 0; k < box->reason_count; k++) {
        json_t *entry = json_object();

        json_object_set_new(
            entry, "code", json_string(hp_pack_code_name(box->reasons[k].code)));
        json_object_set_new(entry, "args", args_of(line, &box->reasons[k]));
        json_array_append_new(explain, entry);
    }
    json_object_set_new(object, "explain", explain);
    return object;
}

static json_t *
advice_of(const struct hp_pack_line_in *line, const struct hp_pack_advice *advice)
{
    json_t *object = json_object();
    json_t *options = json_array();

    json_object_set_new(object, "reason", json_string(hp_pack_obstacle_name(advice->obstacle)));
    if (*advice->subject)
        json_object_set_new(object, "subject", text_of(hp_bytes_text(advice->subject)));
    json_object_set_new(object, "min_budget",
        advice->has_min_budget ? json_integer(advice->min_budget) : json_null());
    if (advice->has_min_budget) {
        json_object_set_new(object, "cheapest_box",
            lines_of(line, advice->cheapest, advice->cheapest_count, false));
        if (!advice->min_proved)
            json_object_set_new(object, "proved", json_false());
    }
    for (size_t k = 0; k < advice->option_count; k++) {
        json_t *option = json_object();

        json_object_set_new(option, "relax", text_of(hp_bytes_text(advice->options[k].relax)));
        json_object_set_new(option, "min_budget", json_integer(advice->options[k].min_budget));
        json_array_append_new(options, option);
    }
    json_object_set_new(object, "options", options);
    return object;
}

static json_t *
answer_head(const struct hp_pack_line_in *line)
{
    json_t *object = json_object();

    json_object_set_new(object, "format", json_string("hamper-box-answer/1"));
    json_object_set_new(object, "id", line->id ? json_incref(line->id) : json_null());
    return object;
}

json_t *
hp_pack_json_answer(
    const struct hp_pack_line_in *line, const struct hp_pack_answer *answer, int64_t elapsed_ns)
{
    static const char *const names[] = {"ok", "partial", "infeasible"};
    json_t *object = answer_head(line);
    json_t *boxes = json_array();
    json_t *missing = json_array();

    json_object_set_new(object, "status", json_string(names[answer->status]));
    for (size_t k = 0; k < answer->box_count; k++)
        json_array_append_new(boxes, box_of(line, &answer->boxes[k]));
    json_object_set_new(object, "boxes", boxes);
    for (size_t k = 0; k < answer->missing_count; k++) {
        json_t *entry = json_object();

        json_object_set_new(
            entry, "slot", text_of(line->instance.slots[answer->missing[k].slot].name));
        json_object_set_new(
            entry, "reason", json_string(hp_pack_obstacle_name(answer->missing[k].obstacle)));
        json_array_append_new(missing, entry);
    }
    json_object_set_new(object, "missing", missing);
    if (answer->status == HP_PACK_INFEASIBLE)
        json_object_set_new(object, "infeasible", advice_of(line, &answer->advice));
    json_object_set_new(object, "elapsed_ns", json_integer(elapsed_ns));
    return object;
}

json_t *
hp_pack_json_refusal(
    const struct hp_pack_line_in *line, int64_t number, const struct hp_error *error)
{
    const char *colon = strstr(error->text, ": ");
    size_t field = colon ? (size_t)(colon - error->text) : 0;
    json_t *object = answer_head(line);
    json_t *entry = json_object();

    json_object_set_new(object, "line", json_integer(number));
    json_object_set_new(entry, "field", text_of(hp_bytes(error->text, field)));
    json_object_set_new(
        entry, "message", text_of(hp_bytes_text(colon ? colon + 2 : error->text)));
    json_object_set_new(object, "error", entry);
    return object;
}
