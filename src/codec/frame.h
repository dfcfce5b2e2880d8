/*
 * codec/frame.h - Confluent framing: which schema wrote these bytes.
 *
 * byte 0: magic 0; bytes 1 to 4: schema id, big-endian; then the Avro body. The variant with a
 * record header (magic 1 and a 16-byte schema GUID, the body bare) is recognised so that it can
 * be refused by name.
 *
 * Thread: any. Pure.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_CODEC_FRAME_H
#define HP_CODEC_FRAME_H

#include "base/bytes.h"

#define HP_FRAME_HEADER_NAME "__value_schema_id"
#define HP_FRAME_PREFIX_SIZE 5
#define HP_FRAME_GUID_SIZE   16

struct hp_frame {
    int32_t schema_id;    /* positive */
    struct hp_bytes body; /* borrows from the value */
};

/*
 * Takes a record's value apart. `schema_header` is the value of the record header named
 * HP_FRAME_HEADER_NAME, or no value when the record has none.
 * HP_BAD_RECORD: NULL_VALUE, BAD_FRAME, SCHEMA_GUID, TOO_LARGE.
 */
HP_MUST_CHECK enum hp_status hp_frame_parse(struct hp_bytes value,
    struct hp_bytes schema_header, struct hp_frame *frame, struct hp_error *error);

/* Appends the five bytes that go before a body. */
void hp_frame_put(struct hp_buffer *buffer, int32_t schema_id);

#endif
