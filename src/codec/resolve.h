/*
 * codec/resolve.h - a writer's schema and one of our records, compiled into a flat program that
 * decodes straight into the C struct of domain/event.h.
 *
 * Resolution as the Avro specification says: fields by name or alias, defaults for what the
 * writer did not have, int to long to float to double, string and bytes either way, unions
 * widened or narrowed, enum defaults. Decoding is bounded: no length is believed beyond the
 * bytes that are there, lists keep the limits of domain/limits.h, everything must be consumed.
 *
 * Thread: a program is immutable and may be shared; a run belongs to its caller.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_CODEC_RESOLVE_H
#define HP_CODEC_RESOLVE_H

#include "base/arena.h"
#include "codec/records.h"
#include "codec/schema.h"

struct hp_program; /* opaque; lives in the arena it was compiled into */

/* HP_BAD_RECORD SCHEMA_MISMATCH: the text names the field and both types. */
HP_MUST_CHECK enum hp_status hp_program_compile(const struct hp_schema *writer,
    enum hp_record_type type, struct hp_arena *arena, const struct hp_program **program,
    struct hp_error *error);

/*
 * Decodes `body` (all of it) into `out`, which has hp_record_size() bytes. Strings borrow from
 * `body` or are static; lists live in `arena`. `out` is undefined unless HP_OK.
 * HP_BAD_RECORD: TRUNCATED, TRAILING_BYTES, BAD_LENGTH, BAD_UTF8, BAD_BOOLEAN, BAD_ENUM,
 * BAD_UNION, OVERFLOW, NOT_A_NUMBER, LIMIT; the text names the field.
 */
HP_MUST_CHECK enum hp_status hp_program_run(const struct hp_program *program,
    struct hp_bytes body, struct hp_arena *arena, void *out, struct hp_error *error);

#endif
