/*
 * ledger/value.h - the common rules of stored values: version byte first, one spelling only.
 *
 * A stored value is canonical: equal facts have equal bytes, so that digests can compare
 * ledgers. The readers therefore refuse what the writers would not write: an unknown version,
 * overlong integers, numbers out of range, bytes left over.
 *
 * Thread: any. Pure.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_LEDGER_VALUE_H
#define HP_LEDGER_VALUE_H

#include "base/arena.h"
#include "base/bytes.h"
#include "domain/event.h"

/* Starts reading a value whose first byte must be `version`. */
struct hp_cursor hp_value_open(struct hp_bytes value, uint8_t version);

/* HP_CORRUPT, naming `what`, unless everything was read and nothing failed. */
HP_MUST_CHECK enum hp_status hp_value_close(
    const struct hp_cursor *cursor, const char *what, struct hp_error *error);

/* A number in [low, high] in its shortest form; otherwise the cursor fails and `low` is given.
 */
int64_t hp_value_number(struct hp_cursor *cursor, int64_t low, int64_t high);

/* A list's length: at most `max`, and at most what the bytes left can hold at `least` bytes an
 * entry, so that no length field makes us allocate. */
size_t hp_value_count(struct hp_cursor *cursor, size_t max, size_t least);

/* Bytes of size [low, high] with a length in its shortest form. */
struct hp_bytes hp_value_bytes(struct hp_cursor *cursor, size_t low, size_t high);
/* The same, or absent. */
struct hp_bytes hp_value_bytes_maybe(struct hp_cursor *cursor, size_t low, size_t high);

struct hp_maybe hp_value_maybe(struct hp_cursor *cursor, int64_t low, int64_t high);
void hp_value_put_maybe(struct hp_buffer *out, struct hp_maybe maybe);

#endif
