/*
 * codec/schema.c - one walk over the schema's JSON that checks and builds at once.
 *
 * Invariants of a finished tree:
 * (1) it is a directed acyclic graph: a name may be referred to once its type is complete, so
 *     a type never contains itself and every walk ends;
 * (2) `weight` counts the nodes of the graph unfolded into a tree and is at most
 *     HP_SCHEMA_NODES_MAX, so every walk is also short (thirty records that hold the one
 *     before twice would unfold to 2^30);
 * (3) size_min is 0 only for types whose every value is empty, which is what lets list counts
 *     be bounded by the bytes that are left;
 * (4) names are those of the specification, so that none can confuse Avro C or a message.
 *
 * Cost: linear in the schema, some 100 us for ours; it happens once per schema id.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "codec/schema.h"

#include "domain/reasons.h"

#include <avro.h>
#include <jansson.h>
#include <pthread.h>

#define NAMED_TYPES_MAX 1000
#define BRANCHES_MAX    64

struct named_type {
    const struct hp_schema *schema;
    bool complete; /* keeps (1) */
};

struct parser {
    struct hp_arena *arena;
    struct hp_error *error;
    struct named_type *named;
    size_t named_count;
    size_t field_count;
    int depth;
};

static pthread_mutex_t avro_lock = PTHREAD_MUTEX_INITIALIZER;

static enum hp_status parse_type(
    struct parser *parser, const json_t *json, const char *space, struct hp_schema **schema);

#define REFUSE(parser, ...)                                                                    \
    hp_bad((parser)->error, HP_CODE_SCHEMA_REFUSED, "schema: " __VA_ARGS__)

static const char *const kind_names[] = {"null", "boolean", "int", "long", "float", "double",
    "bytes", "string", "fixed", "enum", "array", "map", "union", "record"};

const char *
hp_schema_kind_name(enum hp_schema_kind kind)
{
    return kind_names[kind];
}

const char *
hp_schema_short_name(const char *name)
{
    const char *dot = strrchr(name, '.');

    return dot ? dot + 1 : name;
}

bool
hp_names_have(struct hp_names names, const char *name)
{
    for (size_t i = 0; i < names.count; i++)
        if (strcmp(names.items[i], name) == 0)
            return true;
    return false;
}

static bool
is_word(const char *name, size_t size)
{
    if (size == 0 || (name[0] >= '0' && name[0] <= '9'))
        return false;
    for (size_t i = 0; i < size; i++) {
        char c = name[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                c == '_'))
            return false;
    }
    return true;
}

/* Words joined by dots. */
static bool
is_full_name(const char *name)
{
    size_t size = strlen(name);

    if (size > HP_SCHEMA_NAME_MAX)
        return false;
    for (;;) {
        size_t word = strcspn(name, ".");

        if (!is_word(name, word))
            return false;
        if (!name[word])
            return true;
        name += word + 1;
    }
}

/* `name` in the name space it is written in; "" is no name space. */
static const char *
full_name(struct parser *parser, const char *name, const char *space)
{
    if (strchr(name, '.') || !space[0])
        return hp_arena_text(parser->arena, hp_bytes_text(name));
    return hp_arena_printf(parser->arena, "%s.%s", space, name);
}

static const char *
space_of(struct parser *parser, const char *name)
{
    const char *dot = strrchr(name, '.');

    return dot ? hp_arena_text(parser->arena, hp_bytes(name, (size_t)(dot - name))) : "";
}

/* A list of names; `space` is NULL where names have none (fields, symbols). */
static enum hp_status
parse_names(struct parser *parser, const json_t *json, const char *space, const char *what,
    struct hp_names *names)
{
    size_t count = json_array_size(json);
    const char **items;

    if (!json)
        return HP_OK;
    if (!json_is_array(json) || count > HP_SCHEMA_FIELDS_MAX)
        return REFUSE(parser, "%s is no list of at most %d names", what, HP_SCHEMA_FIELDS_MAX);
    items = HP_ARENA_ARRAY(parser->arena, count, const char *);
    for (size_t i = 0; i < count; i++) {
        const char *name = json_string_value(json_array_get(json, i));

        if (!name || !is_full_name(name) || (!space && strchr(name, '.')))
            return REFUSE(parser, "%s holds something that is no name", what);
        items[i] = full_name(parser, name, space ? space : "");
    }
    *names = (struct hp_names){items, count};
    return HP_OK;
}

static struct named_type *
find_named(struct parser *parser, const char *name)
{
    for (size_t i = 0; i < parser->named_count; i++)
        if (strcmp(parser->named[i].schema->name, name) == 0)
            return &parser->named[i];
    return NULL;
}

/* Name, aliases and the entry that makes the type known while it is not yet complete. */
static enum hp_status
parse_name(struct parser *parser, const json_t *json, const char *space,
    struct hp_schema *schema, struct named_type **entry)
{
    const char *name = json_string_value(json_object_get(json, "name"));
    const json_t *own_space = json_object_get(json, "namespace");

    if (json_is_string(own_space))
        space = json_string_value(own_space);
    else if (own_space && !json_is_null(own_space))
        return REFUSE(parser, "a namespace is no string");
    if (!name || !is_full_name(name) || (space[0] && !is_full_name(space)))
        return REFUSE(parser, "a %s has no valid name", hp_schema_kind_name(schema->kind));
    schema->name = full_name(parser, name, space);
    if (strlen(schema->name) > HP_SCHEMA_NAME_MAX)
        return REFUSE(parser, "a name has more than %d bytes", HP_SCHEMA_NAME_MAX);
    if (find_named(parser, schema->name))
        return REFUSE(parser, "%s is defined twice", schema->name);
    if (parser->named_count == NAMED_TYPES_MAX)
        return REFUSE(parser, "more than %d named types", NAMED_TYPES_MAX);
    *entry = &parser->named[parser->named_count++];
    (*entry)->schema = schema;
    return parse_names(parser, json_object_get(json, "aliases"), space_of(parser, schema->name),
        "aliases", &schema->aliases);
}

/* Adds a part to a type. Keeps (2). */
static enum hp_status
add_part(struct parser *parser, struct hp_schema *schema, const struct hp_schema *part)
{
    schema->weight += part->weight;
    if (schema->weight > HP_SCHEMA_NODES_MAX)
        return REFUSE(
            parser, "more than %d nodes when references are spelled out", HP_SCHEMA_NODES_MAX);
    return HP_OK;
}

static enum hp_status
parse_field(
    struct parser *parser, const json_t *json, const char *space, struct hp_schema_field *field)
{
    const char *name = json_string_value(json_object_get(json, "name"));
    const json_t *value = json_object_get(json, "default");
    struct hp_schema *schema;
    enum hp_status status;

    if (!name || !is_word(name, strlen(name)) || strlen(name) > HP_SCHEMA_NAME_MAX)
        return REFUSE(parser, "a field has no valid name");
    if (++parser->field_count > HP_SCHEMA_FIELDS_MAX)
        return REFUSE(parser, "more than %d fields", HP_SCHEMA_FIELDS_MAX);
    field->name = hp_arena_text(parser->arena, hp_bytes_text(name));
    status = parse_names(
        parser, json_object_get(json, "aliases"), NULL, "aliases of a field", &field->aliases);
    if (status)
        return status;
    if (value) {
        char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);

        HP_ASSERT(text);
        field->default_json = hp_arena_text(parser->arena, hp_bytes_text(text));
        free(text);
    }
    status = parse_type(parser, json_object_get(json, "type"), space, &schema);
    field->schema = schema;
    return status;
}

static bool
field_repeats(const struct hp_schema_field *fields, size_t at)
{
    for (size_t i = 0; i < at; i++)
        if (strcmp(fields[i].name, fields[at].name) == 0)
            return true;
    return false;
}

static enum hp_status
parse_record(
    struct parser *parser, const json_t *json, const char *space, struct hp_schema *schema)
{
    const json_t *list = json_object_get(json, "fields");
    struct hp_schema_field *fields;
    struct named_type *entry;
    enum hp_status status = parse_name(parser, json, space, schema, &entry);

    if (status)
        return status;
    if (!json_is_array(list) || json_array_size(list) > HP_SCHEMA_FIELDS_MAX)
        return REFUSE(
            parser, "%s has no list of at most %d fields", schema->name, HP_SCHEMA_FIELDS_MAX);
    space = space_of(parser, schema->name);
    schema->field_count = json_array_size(list);
    schema->fields = fields =
        HP_ARENA_ARRAY(parser->arena, schema->field_count, struct hp_schema_field);
    for (size_t i = 0; i < schema->field_count; i++) {
        status = parse_field(parser, json_array_get(list, i), space, &fields[i]);
        if (!status)
            status = add_part(parser, schema, fields[i].schema);
        if (status)
            return status;
        if (field_repeats(fields, i))
            return REFUSE(parser, "%s has two fields %s", schema->name, fields[i].name);
        schema->size_min += fields[i].schema->size_min;
    }
    entry->complete = true;
    return HP_OK;
}

static enum hp_status
parse_enum(
    struct parser *parser, const json_t *json, const char *space, struct hp_schema *schema)
{
    const json_t *symbol_default = json_object_get(json, "default");
    struct named_type *entry;
    enum hp_status status = parse_name(parser, json, space, schema, &entry);

    if (!status)
        status = parse_names(
            parser, json_object_get(json, "symbols"), NULL, "symbols", &schema->symbols);
    if (status)
        return status;
    if (schema->symbols.count == 0)
        return REFUSE(parser, "enum %s has no symbols", schema->name);
    if (symbol_default) {
        const char *symbol = json_string_value(symbol_default);

        if (!symbol || !hp_names_have(schema->symbols, symbol))
            return REFUSE(parser, "the default of enum %s is no symbol of it", schema->name);
        schema->symbol_default = hp_arena_text(parser->arena, hp_bytes_text(symbol));
    }
    schema->size_min = 1;
    entry->complete = true;
    return HP_OK;
}

static enum hp_status
parse_fixed(
    struct parser *parser, const json_t *json, const char *space, struct hp_schema *schema)
{
    const json_t *size = json_object_get(json, "size");
    struct named_type *entry;
    enum hp_status status = parse_name(parser, json, space, schema, &entry);

    if (status)
        return status;
    if (!json_is_integer(size) || json_integer_value(size) < 1 ||
        json_integer_value(size) > HP_SCHEMA_FIXED_MAX)
        return REFUSE(
            parser, "fixed %s has no size from 1 to %d", schema->name, HP_SCHEMA_FIXED_MAX);
    schema->size = schema->size_min = (size_t)json_integer_value(size);
    entry->complete = true;
    return HP_OK;
}

static enum hp_status
parse_collection(
    struct parser *parser, const json_t *json, const char *space, struct hp_schema *schema)
{
    const char *key = schema->kind == HP_SCHEMA_ARRAY ? "items" : "values";
    struct hp_schema *items;
    enum hp_status status = parse_type(parser, json_object_get(json, key), space, &items);

    if (status)
        return status;
    schema->items = items;
    schema->size_min = 1;
    return add_part(parser, schema, items);
}

/* The specification allows one branch of each unnamed kind, and no union in a union. */
static bool
branch_repeats(const struct hp_schema *const *branches, size_t at)
{
    for (size_t i = 0; i < at; i++)
        if (branches[i]->kind == branches[at]->kind &&
            strcmp(branches[i]->name, branches[at]->name) == 0)
            return true;
    return false;
}

static enum hp_status
parse_union(
    struct parser *parser, const json_t *json, const char *space, struct hp_schema *schema)
{
    const struct hp_schema **branches;

    schema->branch_count = json_array_size(json);
    if (schema->branch_count == 0 || schema->branch_count > BRANCHES_MAX)
        return REFUSE(parser, "a union has %zu branches, not 1 to %d", schema->branch_count,
            BRANCHES_MAX);
    branches = HP_ARENA_ARRAY(parser->arena, schema->branch_count, const struct hp_schema *);
    for (size_t i = 0; i < schema->branch_count; i++) {
        struct hp_schema *branch;
        enum hp_status status = parse_type(parser, json_array_get(json, i), space, &branch);

        if (!status)
            status = add_part(parser, schema, branch);
        if (status)
            return status;
        branches[i] = branch;
        if (branch->kind == HP_SCHEMA_UNION || branch_repeats(branches, i))
            return REFUSE(parser, "a union holds a union, or one type twice");
    }
    schema->branches = branches;
    schema->size_min = 1;
    return HP_OK;
}

static bool
kind_by_name(const char *name, enum hp_schema_kind *kind)
{
    for (size_t i = 0; i < HP_ARRAY_SIZE(kind_names); i++)
        if (i != HP_SCHEMA_UNION && strcmp(name, kind_names[i]) == 0) {
            *kind = (enum hp_schema_kind)i;
            return true;
        }
    return false;
}

static void
set_primitive(struct hp_schema *schema, enum hp_schema_kind kind)
{
    static const uint8_t sizes[] = {[HP_SCHEMA_NULL] = 0,
        [HP_SCHEMA_BOOLEAN] = 1,
        [HP_SCHEMA_INT] = 1,
        [HP_SCHEMA_LONG] = 1,
        [HP_SCHEMA_FLOAT] = 4,
        [HP_SCHEMA_DOUBLE] = 8,
        [HP_SCHEMA_BYTES] = 1,
        [HP_SCHEMA_STRING] = 1};

    schema->kind = kind;
    schema->size_min = kind < HP_ARRAY_SIZE(sizes) ? sizes[kind] : 0;
}

/* A type written as a string: a primitive, or the name of a type defined before. */
static enum hp_status
parse_reference(
    struct parser *parser, const char *name, const char *space, struct hp_schema **schema)
{
    struct named_type *named;
    enum hp_schema_kind kind;

    if (kind_by_name(name, &kind)) {
        if (kind > HP_SCHEMA_STRING)
            return REFUSE(parser, "type %s needs its parts", name);
        set_primitive(*schema, kind);
        return HP_OK;
    }
    if (!is_full_name(name))
        return REFUSE(parser, "a type is no valid name");
    named = find_named(parser, full_name(parser, name, space));
    if (!named)
        named = find_named(parser, name);
    if (!named)
        return REFUSE(parser, "type %s is not defined", name);
    if (!named->complete)
        return REFUSE(parser, "type %s contains itself", name);
    **schema = *named->schema;
    return HP_OK;
}

static enum hp_status
parse_object(
    struct parser *parser, const json_t *json, const char *space, struct hp_schema **schema)
{
    const json_t *type = json_object_get(json, "type");
    const char *name = json_string_value(type);
    const char *logical = json_string_value(json_object_get(json, "logicalType"));

    if (!name) /* {"type": {…}} or {"type": […]}: only another pair of braces */
        return parse_type(parser, type, space, schema);
    if (!kind_by_name(name, &(*schema)->kind))
        return parse_reference(parser, name, space, schema);
    (*schema)->name = kind_names[(*schema)->kind];
    if (logical)
        (*schema)->logical_type = hp_arena_text(parser->arena, hp_bytes_text(logical));
    switch ((*schema)->kind) {
    case HP_SCHEMA_RECORD: return parse_record(parser, json, space, *schema);
    case HP_SCHEMA_ENUM: return parse_enum(parser, json, space, *schema);
    case HP_SCHEMA_FIXED: return parse_fixed(parser, json, space, *schema);
    case HP_SCHEMA_ARRAY:
    case HP_SCHEMA_MAP: return parse_collection(parser, json, space, *schema);
    default: set_primitive(*schema, (*schema)->kind); return HP_OK;
    }
}

static enum hp_status
parse_type(
    struct parser *parser, const json_t *json, const char *space, struct hp_schema **schema)
{
    enum hp_status status;

    *schema = HP_ARENA_NEW(parser->arena, struct hp_schema);
    (*schema)->weight = 1;
    if (++parser->depth > HP_SCHEMA_DEPTH_MAX)
        return REFUSE(parser, "more than %d levels", HP_SCHEMA_DEPTH_MAX);
    switch (json ? json_typeof(json) : JSON_NULL) {
    case JSON_STRING:
        status = parse_reference(parser, json_string_value(json), space, schema);
        break;
    case JSON_OBJECT: status = parse_object(parser, json, space, schema); break;
    case JSON_ARRAY:
        (*schema)->kind = HP_SCHEMA_UNION;
        status = parse_union(parser, json, space, *schema);
        break;
    default: status = REFUSE(parser, "a type is missing"); break;
    }
    parser->depth--;
    if (!status && !(*schema)->name)
        (*schema)->name = kind_names[(*schema)->kind];
    return status;
}

/* Avro C on a schema that passed our checks. */
static enum hp_status
second_opinion(struct hp_bytes json, struct hp_error *error)
{
    avro_schema_t schema = NULL;
    enum hp_status status = HP_OK;

    pthread_mutex_lock(&avro_lock);
    if (avro_schema_from_json_length((const char *)json.data, json.size, &schema))
        status =
            hp_bad(error, HP_CODE_SCHEMA_REFUSED, "schema: Avro says: %s", avro_strerror());
    else
        avro_schema_decref(schema);
    pthread_mutex_unlock(&avro_lock);
    return status;
}

enum hp_status
hp_schema_parse(struct hp_bytes json, struct hp_arena *arena, const struct hp_schema **schema,
    struct hp_error *error)
{
    struct parser parser = {.arena = arena, .error = error};
    struct hp_schema *parsed;
    enum hp_status status;
    json_error_t where;
    json_t *root;

    if (json.size > HP_SCHEMA_BYTES_MAX)
        return REFUSE(
            &parser, "%zu bytes, at most %d are read", json.size, HP_SCHEMA_BYTES_MAX);
    root = json_loadb(
        (const char *)json.data, json.size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &where);
    if (!root)
        return REFUSE(&parser, "line %d, column %d: %s", where.line, where.column, where.text);
    parser.named = HP_ARENA_ARRAY(arena, NAMED_TYPES_MAX, struct named_type);
    status = parse_type(&parser, root, "", &parsed);
    json_decref(root);
    if (!status)
        status = second_opinion(json, error);
    if (!status)
        *schema = parsed;
    return status;
}
