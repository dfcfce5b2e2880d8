/* codec/frame.c - five bytes before a body. SPDX-License-Identifier: Apache-2.0 */
#include "codec/frame.h"

#include "domain/limits.h"
#include "domain/reasons.h"

static enum hp_status
refuse_header(struct hp_bytes header, struct hp_error *error)
{
    if (header.size == 1 + HP_FRAME_GUID_SIZE && header.data[0] == 1)
        return hp_bad(error, HP_CODE_SCHEMA_GUID,
            "header " HP_FRAME_HEADER_NAME
            " carries a schema GUID; write the schema id into the "
            "value (magic 0 and four bytes)");
    return hp_bad(error, HP_CODE_BAD_FRAME,
        "header " HP_FRAME_HEADER_NAME " of %zu bytes is not a schema GUID", header.size);
}

enum hp_status
hp_frame_parse(struct hp_bytes value, struct hp_bytes schema_header, struct hp_frame *frame,
    struct hp_error *error)
{
    uint32_t id;

    if (schema_header.data)
        return refuse_header(schema_header, error);
    if (!value.data)
        return hp_bad(error, HP_CODE_NULL_VALUE, "the record has no value");
    if (value.size > HP_RECORD_BYTES_MAX)
        return hp_bad(error, HP_CODE_TOO_LARGE, "the value has %zu bytes, at most %d are read",
            value.size, HP_RECORD_BYTES_MAX);
    if (value.size < HP_FRAME_PREFIX_SIZE)
        return hp_bad(error, HP_CODE_BAD_FRAME,
            "the value has %zu bytes, too few for magic byte and schema id", value.size);
    if (value.data[0] != 0)
        return hp_bad(error, HP_CODE_BAD_FRAME, "magic byte is %u instead of 0", value.data[0]);

    id = (uint32_t)value.data[1] << 24 | (uint32_t)value.data[2] << 16 |
         (uint32_t)value.data[3] << 8 | value.data[4];
    if (id == 0 || id > INT32_MAX)
        return hp_bad(error, HP_CODE_BAD_FRAME, "schema id %u is not a positive int", id);
    frame->schema_id = (int32_t)id;
    frame->body =
        hp_bytes(value.data + HP_FRAME_PREFIX_SIZE, value.size - HP_FRAME_PREFIX_SIZE);
    return HP_OK;
}

void
hp_frame_put(struct hp_buffer *buffer, int32_t schema_id)
{
    HP_ASSERT(schema_id > 0);
    hp_put_u8(buffer, 0);
    hp_put_u32(buffer, (uint32_t)schema_id);
}
