/*
 * codec/event.h - records to values and back: Avro in Confluent framing, and plain JSON lines.
 *
 * `out` and `record` are the struct that belongs to the type (codec/records.h). Decoding does
 * not check meaning: call the hp_*_check of domain/event.h next.
 *
 * Thread: hp_codec_prepare() while one thread has the codec; after that hp_codec_decode() and
 * hp_codec_encode() from any number of threads. A schema seen before takes no lock. The JSON
 * functions need no codec and may be called from anywhere.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_CODEC_EVENT_H
#define HP_CODEC_EVENT_H

#include "base/arena.h"
#include "codec/records.h"
#include "codec/registry.h"
#include "domain/event.h"

struct hp_codec; /* opaque */

/* Keeps the registry. */
struct hp_codec *hp_codec_new(struct hp_registry *registry);
void hp_codec_free(struct hp_codec *codec);

/*
 * Looks up (or registers, as the registry is set) this build's schema of `type` under
 * `subject`, so that hp_codec_encode() can frame with its id. HP_USAGE, HP_RETRY as
 * hp_registry_id().
 */
HP_MUST_CHECK enum hp_status hp_codec_prepare(struct hp_codec *codec, enum hp_record_type type,
    const char *subject, struct hp_error *error);

/*
 * `value` is a record's value as received; `schema_header` the value of its header
 * HP_FRAME_HEADER_NAME, or no value. The result borrows from `value`, `arena` and the codec.
 * HP_BAD_RECORD with a code of codec/frame.h, registry.h, schema.h or resolve.h; HP_RETRY while
 * the registry cannot be asked for a schema not seen before.
 */
HP_MUST_CHECK enum hp_status hp_codec_decode(struct hp_codec *codec, enum hp_record_type type,
    struct hp_bytes value, struct hp_bytes schema_header, struct hp_arena *arena, void *out,
    struct hp_error *error);

/*
 * Appends the framed record. HP_BAD_RECORD, and nothing appended: MISSING_FIELD, BAD_ENUM,
 * OVERFLOW or TOO_LARGE, for a value the schema cannot hold. Records hamper writes
 * (BoxRecommendation, ErasureReceipt) must also keep the limits: LIMIT, BAD_UTF8, NOT_A_NUMBER;
 * for records others write that is what the hp_*_check are for. Reasons of a BoxRecommendation
 * beyond HP_REASON_BYTES_TOTAL_MAX are left out, the last ones first; so one that keeps the
 * limits always fits HP_RECORD_BYTES_MAX.
 */
HP_MUST_CHECK enum hp_status hp_codec_encode(struct hp_codec *codec, enum hp_record_type type,
    const void *record, struct hp_buffer *out, struct hp_error *error);

/* The same without framing: the bare Avro body, for container files. */
HP_MUST_CHECK enum hp_status hp_event_encode(enum hp_record_type type, const void *record,
    struct hp_buffer *out, struct hp_error *error);

/*
 * One record as plain JSON: a nullable field is absent, null, the bare value or Avro's tagged
 * union; missing fields take their defaults; times are milliseconds or ISO 8601; aliases work.
 * All strings are copied into `arena`. HP_BAD_RECORD: BAD_JSON (text has line and column),
 * UNKNOWN_FIELD, MISSING_FIELD, BAD_ENUM, OVERFLOW, BAD_TIME, LIMIT; the text names the field.
 */
HP_MUST_CHECK enum hp_status hp_event_from_json(enum hp_record_type type, struct hp_bytes line,
    struct hp_arena *arena, void *out, struct hp_error *error);

/*
 * Appends one line of JSON without a line end: fields in the schema's order, absent nullables
 * left out, times in milliseconds, doubles in their shortest exact form. hp_event_from_json()
 * reads it back to an equal value.
 */
void hp_event_to_json(enum hp_record_type type, const void *record, struct hp_buffer *out);

#endif
