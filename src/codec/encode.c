/*
 * codec/encode.c - values to Avro, by walking layout and schema side by side.
 *
 * Our own schema is the writer's, so nothing is resolved. Lists are one block with its count,
 * without a size. The bytes are a function of the value alone: maps keep the order they have in
 * the struct.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "codec/event.h"

#include "codec/frame.h"
#include "domain/limits.h"
#include "domain/reasons.h"

#include <inttypes.h>
#include <math.h>

struct writer {
    struct hp_buffer *out;
    struct hp_error *error;
    const struct hp_layout *layout; /* of the record at hand, for messages */
    bool strict;                    /* ours to keep the limits */
    size_t reason_bytes_left;
    size_t size_max; /* of the buffer */
};

static enum hp_status write_record(struct writer *writer, const struct hp_layout *layout,
    const struct hp_schema *schema, const uint8_t *base);

static enum hp_status
refuse(struct writer *writer, const struct hp_slot *slot, const char *code, const char *what)
{
    return hp_bad(
        writer->error, code, "field %s.%s: %s", writer->layout->name, slot->name, what);
}

static enum hp_status
write_text(struct writer *writer, const struct hp_slot *slot, struct hp_bytes text)
{
    if (!text.data)
        return refuse(writer, slot, HP_CODE_MISSING_FIELD, "has no value");
    if (text.size > HP_RECORD_BYTES_MAX)
        return refuse(writer, slot, HP_CODE_TOO_LARGE, "does not fit a record");
    if (writer->strict && slot->limit && text.size > slot->limit)
        return refuse(writer, slot, HP_CODE_LIMIT, "is longer than its limit");
    if (writer->strict && !hp_bytes_utf8(text))
        return refuse(writer, slot, HP_CODE_BAD_UTF8, "is not valid UTF-8");
    hp_put_varint(writer->out, (int64_t)text.size);
    hp_buffer_append(writer->out, text.data, text.size);
    return HP_OK;
}

static enum hp_status
write_double(struct writer *writer, const struct hp_slot *slot, double value)
{
    uint8_t bytes[8];
    uint64_t bits;

    if (writer->strict && !isfinite(value))
        return refuse(writer, slot, HP_CODE_NOT_A_NUMBER, "is NaN or infinite");
    memcpy(&bits, &value, sizeof(bits));
    for (int i = 0; i < 8; i++)
        bytes[i] = (uint8_t)(bits >> (8 * i));
    hp_buffer_append(writer->out, bytes, sizeof(bytes));
    return HP_OK;
}

static enum hp_status
write_integer(struct writer *writer, const struct hp_slot *slot, const struct hp_schema *schema,
    int64_t value)
{
    if (schema->kind == HP_SCHEMA_INT && (value < INT32_MIN || value > INT32_MAX))
        return refuse(writer, slot, HP_CODE_OVERFLOW, "does not fit an int");
    hp_put_varint(writer->out, value);
    return HP_OK;
}

static enum hp_status
write_enum(struct writer *writer, const struct hp_slot *slot, const struct hp_schema *schema,
    int value)
{
    if (value < 0 || (size_t)value >= schema->symbols.count)
        return refuse(writer, slot, HP_CODE_BAD_ENUM, "is no symbol of its enum");
    hp_put_varint(writer->out, value);
    return HP_OK;
}

/* As many of the first reasons as fit into what the record may spend on them. */
static enum hp_status
write_reasons(struct writer *writer, const struct hp_slot *slot, const struct hp_schema *schema,
    const uint8_t *members, size_t count)
{
    static_assert(HP_REASONS_MAX < 64, "a list of reasons has a count of one byte");
    size_t head = writer->out->size;
    size_t kept = 0;

    hp_put_varint(writer->out, 0);
    for (; kept < count; kept++) {
        size_t start = writer->out->size;
        enum hp_status status =
            write_record(writer, slot->of, schema->items, members + kept * slot->of->size);

        if (status)
            return status;
        if (writer->out->size - start > writer->reason_bytes_left) {
            writer->out->size = start;
            writer->reason_bytes_left = 0;
            break;
        }
        writer->reason_bytes_left -= writer->out->size - start;
    }
    if (kept == 0)
        return HP_OK;
    writer->out->data[head] = (uint8_t)(2 * kept);
    hp_put_varint(writer->out, 0);
    return HP_OK;
}

static enum hp_status
write_members(struct writer *writer, const struct hp_slot *slot, const struct hp_schema *schema,
    const uint8_t *members, size_t count)
{
    size_t size = slot->of ? slot->of->size : sizeof(struct hp_bytes);
    enum hp_status status = HP_OK;

    if (count)
        hp_put_varint(writer->out, (int64_t)count);
    for (size_t i = 0; i < count && !status; i++) {
        const uint8_t *member = members + i * size;

        if (slot->of)
            status = write_record(writer, slot->of, schema->items, member);
        else
            status = write_text(writer, slot, *(const struct hp_bytes *)member);
        if (!status && writer->out->size > writer->size_max)
            status = refuse(writer, slot, HP_CODE_TOO_LARGE, "does not fit a record");
    }
    hp_put_varint(writer->out, 0);
    return status;
}

static enum hp_status
write_list(struct writer *writer, const struct hp_slot *slot, const struct hp_schema *schema,
    const uint8_t *base)
{
    const uint8_t *members = *(const uint8_t *const *)(base + slot->offset);
    size_t count = *(const size_t *)(base + slot->count);

    if (writer->strict && count > slot->limit)
        return refuse(writer, slot, HP_CODE_LIMIT, "has more members than its limit");
    if (slot->kind == HP_SLOT_LIST && slot->of && strcmp(slot->of->name, "Reason") == 0)
        return write_reasons(writer, slot, schema, members, count);
    return write_members(writer, slot, schema, members, count);
}

/* Keys and values; the layout of a map's member has the key first. */
static enum hp_status
write_map(struct writer *writer, const struct hp_slot *slot, const uint8_t *base)
{
    const struct hp_slot *parts = slot->of->slots;
    const uint8_t *members = *(const uint8_t *const *)(base + slot->offset);
    size_t count = *(const size_t *)(base + slot->count);
    enum hp_status status = HP_OK;

    if (writer->strict && count > slot->limit)
        return refuse(writer, slot, HP_CODE_LIMIT, "has more members than its limit");
    if (count)
        hp_put_varint(writer->out, (int64_t)count);
    for (size_t i = 0; i < count && !status; i++) {
        const uint8_t *member = members + i * slot->of->size;

        status =
            write_text(writer, &parts[0], *(const struct hp_bytes *)(member + parts[0].offset));
        if (!status)
            status = write_text(
                writer, &parts[1], *(const struct hp_bytes *)(member + parts[1].offset));
    }
    hp_put_varint(writer->out, 0);
    return status;
}

static enum hp_status
write_value(struct writer *writer, const struct hp_slot *slot, const struct hp_schema *schema,
    const uint8_t *base)
{
    const void *at = base + slot->offset;

    switch (slot->kind) {
    case HP_SLOT_TEXT: return write_text(writer, slot, *(const struct hp_bytes *)at);
    case HP_SLOT_INT32: return write_integer(writer, slot, schema, *(const int32_t *)at);
    case HP_SLOT_INT64: return write_integer(writer, slot, schema, *(const int64_t *)at);
    case HP_SLOT_BOOLEAN: hp_put_u8(writer->out, *(const bool *)at); return HP_OK;
    case HP_SLOT_DOUBLE: return write_double(writer, slot, *(const double *)at);
    case HP_SLOT_ENUM: return write_enum(writer, slot, schema, *(const int *)at);
    case HP_SLOT_RECORD: return write_record(writer, slot->of, schema, at);
    case HP_SLOT_LIST: return write_list(writer, slot, schema, base);
    case HP_SLOT_MAP: return write_map(writer, slot, base);
    }
    hp_die("slot %s has no kind", slot->name);
}

static enum hp_status
write_slot(struct writer *writer, const struct hp_slot *slot, const struct hp_schema *schema,
    const uint8_t *base)
{
    bool nullable;
    bool absent;
    size_t null_branch;
    const struct hp_schema *value = hp_schema_value(schema, &nullable, &null_branch);

    if (!nullable)
        return write_value(writer, slot, value, base);
    if (slot->present != HP_SLOT_NONE)
        absent = !*(const bool *)(base + slot->present);
    else
        absent = !((const struct hp_bytes *)(base + slot->offset))->data;
    hp_put_varint(writer->out, (int64_t)(absent ? null_branch : 1 - null_branch));
    return absent ? HP_OK : write_value(writer, slot, value, base);
}

static enum hp_status
write_record(struct writer *writer, const struct hp_layout *layout,
    const struct hp_schema *schema, const uint8_t *base)
{
    const struct hp_layout *outer = writer->layout;
    enum hp_status status = HP_OK;

    writer->layout = layout;
    for (size_t i = 0; i < layout->count && !status; i++)
        status = write_slot(writer, &layout->slots[i], schema->fields[i].schema, base);
    writer->layout = outer;
    return status;
}

enum hp_status
hp_event_encode(
    enum hp_record_type type, const void *record, struct hp_buffer *out, struct hp_error *error)
{
    struct hp_buffer body = *out; /* handed back, so that a failure leaves `out` as it was */
    struct writer writer = {
        .out = &body,
        .error = error,
        .strict = type == HP_RECORD_BOX_RECOMMENDATION || type == HP_RECORD_ERASURE_RECEIPT,
        .reason_bytes_left = HP_REASON_BYTES_TOTAL_MAX,
        .size_max = out->size + HP_RECORD_BYTES_MAX - HP_FRAME_PREFIX_SIZE,
    };
    enum hp_status status =
        write_record(&writer, hp_record_layout(type), hp_record_schema(type), record);

    if (!status && body.size > writer.size_max)
        status = hp_bad(error, HP_CODE_TOO_LARGE, "%s: %zu bytes do not fit a record of %d",
            hp_record_name(type), body.size - out->size, HP_RECORD_BYTES_MAX);
    if (status)
        body.size = out->size;
    *out = body;
    return status;
}
