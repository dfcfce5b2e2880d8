/*
 * codec/json.c - plain JSON lines to values and back, driven by schema and layout side by side.
 *
 * Reading is strict where a slip would be silent (unknown or repeated fields, a fraction where
 * an integer belongs, trailing text) and lenient where people write the same thing in several
 * ways (nullables bare or tagged, times as numbers or ISO 8601, aliases). The path of the field
 * at hand is kept while walking, so every message names it: `lines[2].quantity`.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "codec/json.h"

#include "codec/event.h"
#include "domain/instant.h"
#include "domain/reasons.h"

#include <inttypes.h>
#include <jansson.h>
#include <math.h>

#define LINE_BYTES_MAX (1 << 20)
#define PATH_MAX_BYTES 160

struct reader {
    struct hp_arena *arena;
    struct hp_error *error;
    char path[PATH_MAX_BYTES]; /* of the value at hand; cut when too long */
};

static enum hp_status read_record(struct reader *reader, const struct hp_layout *layout,
    const struct hp_schema *schema, const json_t *json, uint8_t *base);

static const char *
json_kind(const json_t *json)
{
    static const char *const names[] = {
        "an object", "a list", "a string", "an integer", "a fraction", "true", "false", "null"};

    return json ? names[json_typeof(json)] : "nothing";
}

static enum hp_status
wrong_kind(struct reader *reader, const char *expected, const json_t *json)
{
    return hp_bad(reader->error, HP_CODE_BAD_JSON, "%s: expected %s, found %s", reader->path,
        expected, json_kind(json));
}

static enum hp_status
read_text(struct reader *reader, const json_t *json, struct hp_bytes *text)
{
    if (!json_is_string(json))
        return wrong_kind(reader, "a string", json);
    *text = hp_arena_copy(
        reader->arena, hp_bytes(json_string_value(json), json_string_length(json)));
    return HP_OK;
}

/* An integer, also when written as 3.0 the way data frames do; or a time as text. */
static enum hp_status
read_integer(
    struct reader *reader, const struct hp_schema *schema, const json_t *json, int64_t *value)
{
    bool is_time =
        schema->logical_type && strcmp(schema->logical_type, "timestamp-millis") == 0;
    double real = json_is_real(json) ? json_real_value(json) : 0.5;

    if (is_time && json_is_string(json)) {
        struct hp_bytes text = {
            (const uint8_t *)json_string_value(json), json_string_length(json)};

        if (!hp_instant_parse(text, value))
            return hp_bad(reader->error, HP_CODE_BAD_TIME, "%s: \"%.40s\" is no ISO 8601 time",
                reader->path, json_string_value(json));
        return HP_OK;
    }
    if (json_is_integer(json))
        *value = json_integer_value(json);
    else if (real == floor(real) && fabs(real) <= 9007199254740992.0)
        *value = (int64_t)real;
    else
        return wrong_kind(reader, is_time ? "milliseconds or ISO 8601" : "an integer", json);
    if (schema->kind == HP_SCHEMA_INT && (*value < INT32_MIN || *value > INT32_MAX))
        return hp_bad(reader->error, HP_CODE_OVERFLOW, "%s: %" PRId64 " does not fit an int",
            reader->path, *value);
    return HP_OK;
}

static enum hp_status
read_enum(struct reader *reader, const struct hp_schema *schema, const json_t *json, int *value)
{
    const char *symbol = json_string_value(json);

    if (!symbol)
        return wrong_kind(reader, "a symbol", json);
    for (size_t i = 0; i < schema->symbols.count; i++)
        if (strcmp(schema->symbols.items[i], symbol) == 0) {
            *value = (int)i;
            return HP_OK;
        }
    return hp_bad(reader->error, HP_CODE_BAD_ENUM, "%s: \"%.40s\" is no %s", reader->path,
        symbol, hp_schema_short_name(schema->name));
}

static size_t
push_index(struct reader *reader, size_t index)
{
    size_t length = strlen(reader->path);

    snprintf(reader->path + length, sizeof(reader->path) - length, "[%zu]", index);
    return length;
}

static size_t
push_name(struct reader *reader, const char *name)
{
    size_t length = strlen(reader->path);

    snprintf(reader->path + length, sizeof(reader->path) - length, "%s%.60s", length ? "." : "",
        name);
    return length;
}

static enum hp_status
check_count(struct reader *reader, const struct hp_slot *slot, size_t count)
{
    if (count <= slot->limit)
        return HP_OK;
    return hp_bad(reader->error, HP_CODE_LIMIT, "%s: %zu members, at most %u are allowed",
        reader->path, count, slot->limit);
}

static void
put_list(const struct hp_slot *slot, uint8_t *base, const void *items, size_t count)
{
    memcpy(base + slot->offset, &items, sizeof(items));
    memcpy(base + slot->count, &count, sizeof(count));
}

static enum hp_status
read_list(struct reader *reader, const struct hp_slot *slot, const struct hp_schema *schema,
    const json_t *json, uint8_t *base)
{
    size_t size = slot->of ? slot->of->size : sizeof(struct hp_bytes);
    size_t count = json_array_size(json);
    enum hp_status status = HP_OK;
    uint8_t *items;

    if (!json_is_array(json))
        return wrong_kind(reader, "a list", json);
    status = check_count(reader, slot, count);
    if (status)
        return status;
    items = hp_arena_array(reader->arena, count, size);
    for (size_t i = 0; i < count && !status; i++) {
        const json_t *member = json_array_get(json, i);
        size_t length = push_index(reader, i);

        status = slot->of
                     ? read_record(reader, slot->of, schema->items, member, items + i * size)
                     : read_text(reader, member, (struct hp_bytes *)(items + i * size));
        if (!status)
            reader->path[length] = 0;
    }
    put_list(slot, base, items, count);
    return status;
}

static enum hp_status
read_map(struct reader *reader, const struct hp_slot *slot, const json_t *json, uint8_t *base)
{
    size_t count = json_object_size(json);
    enum hp_status status;
    uint8_t *items;
    const char *key;
    json_t *value;
    size_t i = 0;

    if (!json_is_object(json))
        return wrong_kind(reader, "an object", json);
    status = check_count(reader, slot, count);
    if (status)
        return status;
    items = hp_arena_array(reader->arena, count, slot->of->size);
    json_object_foreach((json_t *)json, key, value)
    {
        uint8_t *item = items + i++ * slot->of->size;
        struct hp_bytes *name = (struct hp_bytes *)(item + slot->of->slots[0].offset);

        *name = hp_arena_copy(reader->arena, hp_bytes_text(key));
        status =
            read_text(reader, value, (struct hp_bytes *)(item + slot->of->slots[1].offset));
        if (status)
            return status;
    }
    put_list(slot, base, items, count);
    return HP_OK;
}

static enum hp_status
read_value(struct reader *reader, const struct hp_slot *slot, const struct hp_schema *schema,
    const json_t *json, uint8_t *base)
{
    void *at = base + slot->offset;
    enum hp_status status;
    int64_t integer = 0;

    switch (slot->kind) {
    case HP_SLOT_TEXT: return read_text(reader, json, at);
    case HP_SLOT_INT32:
        status = read_integer(reader, schema, json, &integer);
        *(int32_t *)at = (int32_t)integer;
        return status;
    case HP_SLOT_INT64: return read_integer(reader, schema, json, at);
    case HP_SLOT_BOOLEAN:
        *(bool *)at = json_is_true(json);
        return json_is_boolean(json) ? HP_OK : wrong_kind(reader, "true or false", json);
    case HP_SLOT_DOUBLE:
        *(double *)at = json_number_value(json);
        return json_is_number(json) ? HP_OK : wrong_kind(reader, "a number", json);
    case HP_SLOT_ENUM: return read_enum(reader, schema, json, at);
    case HP_SLOT_RECORD: return read_record(reader, slot->of, schema, json, at);
    case HP_SLOT_LIST: return read_list(reader, slot, schema, json, base);
    case HP_SLOT_MAP: return read_map(reader, slot, json, base);
    }
    hp_die("slot %s has no kind", slot->name);
}

/* The value inside {"long": 5}, when `json` is such a pair for this branch; else `json`. */
static const json_t *
untag(const struct hp_schema *schema, const json_t *json)
{
    const json_t *value;

    if (json_object_size(json) != 1)
        return json;
    value = json_object_get(json, schema->name);
    if (!value)
        value = json_object_get(json, hp_schema_short_name(schema->name));
    return value ? value : json;
}

static enum hp_status
read_slot(struct reader *reader, const struct hp_slot *slot, const struct hp_schema *schema,
    const json_t *json, uint8_t *base)
{
    bool nullable;
    const struct hp_schema *value = hp_schema_value(schema, &nullable, NULL);

    if (!nullable)
        return read_value(reader, slot, value, json, base);
    if (json_is_null(json))
        return HP_OK;
    if (slot->present != HP_SLOT_NONE)
        *(bool *)(base + slot->present) = true;
    return read_value(reader, slot, value, untag(value, json), base);
}

/* The field's value under its name or one of its aliases; NULL when absent. */
static enum hp_status
find_value(struct reader *reader, const struct hp_schema_field *field, const json_t *json,
    const json_t **value, size_t *found)
{
    *value = json_object_get(json, field->name);
    for (size_t i = 0; i < field->aliases.count; i++) {
        const json_t *other = json_object_get(json, field->aliases.items[i]);

        if (other && *value)
            return hp_bad(reader->error, HP_CODE_BAD_JSON, "%s: also given as %s", reader->path,
                field->aliases.items[i]);
        if (other)
            *value = other;
    }
    *found += *value != NULL;
    return HP_OK;
}

/* There is a field too many: name it. */
static enum hp_status
unknown_field(struct reader *reader, const struct hp_schema *schema, const json_t *json)
{
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)json, key, value)
    {
        bool known = false;

        for (size_t i = 0; i < schema->field_count && !known; i++)
            known = strcmp(schema->fields[i].name, key) == 0 ||
                    hp_names_have(schema->fields[i].aliases, key);
        if (!known) {
            push_name(reader, key);
            return hp_bad(reader->error, HP_CODE_UNKNOWN_FIELD, "%s: %s has no such field",
                reader->path, hp_schema_short_name(schema->name));
        }
    }
    return HP_OK;
}

static enum hp_status
read_record(struct reader *reader, const struct hp_layout *layout,
    const struct hp_schema *schema, const json_t *json, uint8_t *base)
{
    size_t found = 0;

    if (!json_is_object(json))
        return wrong_kind(reader, "an object", json);
    for (size_t i = 0; i < layout->count; i++) {
        const struct hp_schema_field *field = &schema->fields[i];
        size_t length = push_name(reader, field->name);
        const json_t *value;
        enum hp_status status = find_value(reader, field, json, &value, &found);

        if (!status && value)
            status = read_slot(reader, &layout->slots[i], field->schema, value, base);
        else if (!status && !hp_slot_default(&layout->slots[i], field, reader->arena, base))
            status = hp_bad(reader->error, HP_CODE_MISSING_FIELD,
                "%s: missing, and has no default", reader->path);
        if (status)
            return status;
        reader->path[length] = 0;
    }
    return found == json_object_size(json) ? HP_OK : unknown_field(reader, schema, json);
}

bool
hp_slot_default(const struct hp_slot *slot, const struct hp_schema_field *field,
    struct hp_arena *arena, void *base)
{
    struct hp_error error = {0};
    struct reader reader = {.arena = arena, .error = &error};
    json_t *json;

    if (!field->default_json)
        return false;
    if (strcmp(field->default_json, "null") == 0 || strcmp(field->default_json, "[]") == 0)
        return true; /* what a zeroed struct says already */
    json = json_loads(field->default_json, JSON_DECODE_ANY, NULL);
    HP_ASSERT(json);
    if (read_slot(&reader, slot, field->schema, json, base))
        hp_die("default of %s: %s", field->name, error.text);
    json_decref(json);
    return true;
}

size_t
hp_slot_size(const struct hp_slot *slot)
{
    switch (slot->kind) {
    case HP_SLOT_TEXT: return sizeof(struct hp_bytes);
    case HP_SLOT_INT32: return sizeof(int32_t);
    case HP_SLOT_INT64: return sizeof(int64_t);
    case HP_SLOT_BOOLEAN: return sizeof(bool);
    case HP_SLOT_DOUBLE: return sizeof(double);
    case HP_SLOT_ENUM: return sizeof(int);
    case HP_SLOT_RECORD: return slot->of->size;
    case HP_SLOT_LIST:
    case HP_SLOT_MAP: return sizeof(void *);
    }
    return 0;
}

enum hp_status
hp_event_from_json(enum hp_record_type type, struct hp_bytes line, struct hp_arena *arena,
    void *out, struct hp_error *error)
{
    const struct hp_schema *schema = hp_record_schema(type);
    struct reader reader = {.arena = arena, .error = error};
    enum hp_status status;
    json_error_t where;
    json_t *json;

    if (line.size > LINE_BYTES_MAX)
        return hp_bad(error, HP_CODE_TOO_LARGE, "the line has %zu bytes, at most %d are read",
            line.size, LINE_BYTES_MAX);
    json = json_loadb(line.data ? (const char *)line.data : "", line.size,
        JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &where);
    if (!json)
        return hp_bad(error, HP_CODE_BAD_JSON, "line %d, column %d: %s", where.line,
            where.column, where.text);
    memset(out, 0, hp_record_size(type));
    if (json_is_object(json))
        status = read_record(&reader, hp_record_layout(type), schema, json, out);
    else
        status = hp_bad(error, HP_CODE_BAD_JSON, "%s: expected an object, found %s",
            hp_record_name(type), json_kind(json));
    json_decref(json);
    return status;
}

static void write_record(struct hp_buffer *out, const struct hp_layout *layout,
    const struct hp_schema *schema, const uint8_t *base);

static void
write_escaped(struct hp_buffer *out, uint8_t byte)
{
    switch (byte) {
    case '"': hp_buffer_append(out, "\\\"", 2); return;
    case '\\': hp_buffer_append(out, "\\\\", 2); return;
    case '\n': hp_buffer_append(out, "\\n", 2); return;
    case '\r': hp_buffer_append(out, "\\r", 2); return;
    case '\t': hp_buffer_append(out, "\\t", 2); return;
    default: hp_buffer_printf(out, "\\u%04x", byte); return;
    }
}

static void
write_text(struct hp_buffer *out, struct hp_bytes text)
{
    size_t from = 0;

    hp_put_u8(out, '"');
    for (size_t i = 0; i < text.size; i++) {
        uint8_t byte = text.data[i];

        if (byte >= 0x20 && byte != '"' && byte != '\\' && byte != 0x7F)
            continue;
        hp_buffer_append(out, text.data + from, i - from);
        write_escaped(out, byte);
        from = i + 1;
    }
    if (text.size)
        hp_buffer_append(out, text.data + from, text.size - from);
    hp_put_u8(out, '"');
}

/* The fewest digits that read back as the same double; JSON knows no NaN, so null. */
static void
write_double(struct hp_buffer *out, double value)
{
    char text[40];

    if (!isfinite(value)) {
        hp_buffer_append(out, "null", 4);
        return;
    }
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(text, sizeof(text), "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    hp_buffer_append(out, text, strlen(text));
    if (!strpbrk(text, ".e"))
        hp_buffer_append(out, ".0", 2);
}

static void
write_list(struct hp_buffer *out, const struct hp_slot *slot, const struct hp_schema *schema,
    const uint8_t *base)
{
    size_t size = slot->of ? slot->of->size : sizeof(struct hp_bytes);
    const uint8_t *items = *(const uint8_t *const *)(base + slot->offset);
    size_t count = *(const size_t *)(base + slot->count);

    hp_put_u8(out, '[');
    for (size_t i = 0; i < count; i++) {
        if (i)
            hp_put_u8(out, ',');
        if (slot->of)
            write_record(out, slot->of, schema->items, items + i * size);
        else
            write_text(out, *(const struct hp_bytes *)(items + i * size));
    }
    hp_put_u8(out, ']');
}

static void
write_map(struct hp_buffer *out, const struct hp_slot *slot, const uint8_t *base)
{
    const uint8_t *items = *(const uint8_t *const *)(base + slot->offset);
    size_t count = *(const size_t *)(base + slot->count);

    hp_put_u8(out, '{');
    for (size_t i = 0; i < count; i++) {
        const uint8_t *item = items + i * slot->of->size;

        if (i)
            hp_put_u8(out, ',');
        write_text(out, *(const struct hp_bytes *)(item + slot->of->slots[0].offset));
        hp_put_u8(out, ':');
        write_text(out, *(const struct hp_bytes *)(item + slot->of->slots[1].offset));
    }
    hp_put_u8(out, '}');
}

static void
write_symbol(struct hp_buffer *out, const struct hp_schema *schema, int value)
{
    HP_ASSERT(value >= 0 && (size_t)value < schema->symbols.count);
    write_text(out, hp_bytes_text(schema->symbols.items[value]));
}

static void
write_value(struct hp_buffer *out, const struct hp_slot *slot, const struct hp_schema *schema,
    const uint8_t *base)
{
    const void *at = base + slot->offset;

    switch (slot->kind) {
    case HP_SLOT_TEXT: write_text(out, *(const struct hp_bytes *)at); return;
    case HP_SLOT_INT32: hp_buffer_printf(out, "%" PRId32, *(const int32_t *)at); return;
    case HP_SLOT_INT64: hp_buffer_printf(out, "%" PRId64, *(const int64_t *)at); return;
    case HP_SLOT_BOOLEAN: hp_buffer_printf(out, *(const bool *)at ? "true" : "false"); return;
    case HP_SLOT_DOUBLE: write_double(out, *(const double *)at); return;
    case HP_SLOT_ENUM: write_symbol(out, schema, *(const int *)at); return;
    case HP_SLOT_RECORD: write_record(out, slot->of, schema, at); return;
    case HP_SLOT_LIST: write_list(out, slot, schema, base); return;
    case HP_SLOT_MAP: write_map(out, slot, base); return;
    }
}

static bool
is_absent(const struct hp_slot *slot, bool nullable, const uint8_t *base)
{
    if (!nullable)
        return false;
    if (slot->present != HP_SLOT_NONE)
        return !*(const bool *)(base + slot->present);
    return !((const struct hp_bytes *)(base + slot->offset))->data;
}

static void
write_record(struct hp_buffer *out, const struct hp_layout *layout,
    const struct hp_schema *schema, const uint8_t *base)
{
    const char *comma = "";

    hp_put_u8(out, '{');
    for (size_t i = 0; i < layout->count; i++) {
        bool nullable;
        const struct hp_schema *value =
            hp_schema_value(schema->fields[i].schema, &nullable, NULL);

        if (is_absent(&layout->slots[i], nullable, base))
            continue;
        hp_buffer_printf(out, "%s\"%s\":", comma, layout->slots[i].name);
        write_value(out, &layout->slots[i], value, base);
        comma = ",";
    }
    hp_put_u8(out, '}');
}

void
hp_event_to_json(enum hp_record_type type, const void *record, struct hp_buffer *out)
{
    write_record(out, hp_record_layout(type), hp_record_schema(type), record);
}
