/*
 * app/json_text.h - JSON put together for printing: strings and bytes.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_APP_JSON_TEXT_H
#define HP_APP_JSON_TEXT_H

#include "base/bytes.h"

/* A JSON string; bytes that are not UTF-8 become {"hex":"…"}; absent is null. */
void hp_json_text(struct hp_buffer *out, struct hp_bytes text);
/* The bytes as {"hex":"…"}; absent is null. */
void hp_json_hex(struct hp_buffer *out, struct hp_bytes bytes);

#endif
