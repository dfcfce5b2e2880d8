/*
 * store/keys.h - how keys are laid out: partition (4 bytes, big-endian) | store (1) | key.
 *
 * Parts of a composed key are escaped so that order and prefixes survive: 0x00 becomes 00 FF, a
 * part ends with 00 01 (as FoundationDB's tuple layer does for byte strings).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_STORE_KEYS_H
#define HP_STORE_KEYS_H

#include "base/bytes.h"

#define HP_KEY_HEAD 5

void hp_key_head(struct hp_buffer *out, int32_t partition, uint8_t store);
/* Appends one escaped part. */
void hp_key_part(struct hp_buffer *out, struct hp_bytes part);
/* Reads one part back into `out` (cleared first); false when malformed. */
bool hp_key_part_read(struct hp_cursor *cursor, struct hp_buffer *out);
/* The smallest key greater than every key with this prefix; false when there is none (all
 * 0xFF). */
bool hp_key_after_prefix(struct hp_bytes prefix, struct hp_buffer *out);

#endif
