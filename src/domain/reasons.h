/*
 * domain/reasons.h - the reason codes of refused records: one word a producer can act on.
 *
 * A code is the value of `struct hp_error.code` and of the header
 * `__connect.errors.exception.class.name` of a dead letter. Codes are part of the contract
 * (docs/topics.md lists them): they are added, never renamed.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_DOMAIN_REASONS_H
#define HP_DOMAIN_REASONS_H

#include <stddef.h>

/* The envelope: framing and schema. */
#define HP_CODE_NULL_VALUE      "NULL_VALUE"
#define HP_CODE_BAD_FRAME       "BAD_FRAME"
#define HP_CODE_SCHEMA_GUID     "SCHEMA_GUID"
#define HP_CODE_UNKNOWN_SCHEMA  "UNKNOWN_SCHEMA"
#define HP_CODE_SCHEMA_REFUSED  "SCHEMA_REFUSED"
#define HP_CODE_SCHEMA_MISMATCH "SCHEMA_MISMATCH"

/* The body: bytes that do not fit the schema. */
#define HP_CODE_TRUNCATED      "TRUNCATED"
#define HP_CODE_TRAILING_BYTES "TRAILING_BYTES"
#define HP_CODE_TOO_LARGE      "TOO_LARGE"
#define HP_CODE_BAD_LENGTH     "BAD_LENGTH"
#define HP_CODE_BAD_UTF8       "BAD_UTF8"
#define HP_CODE_BAD_BOOLEAN    "BAD_BOOLEAN"
#define HP_CODE_BAD_ENUM       "BAD_ENUM"
#define HP_CODE_BAD_UNION      "BAD_UNION"
#define HP_CODE_OVERFLOW       "OVERFLOW"
#define HP_CODE_NOT_A_NUMBER   "NOT_A_NUMBER"
#define HP_CODE_BAD_JSON       "BAD_JSON"
#define HP_CODE_UNKNOWN_FIELD  "UNKNOWN_FIELD"
#define HP_CODE_MISSING_FIELD  "MISSING_FIELD"

/* The meaning: values outside the contract. */
#define HP_CODE_LIMIT          "LIMIT"
#define HP_CODE_BAD_ID         "BAD_ID"
#define HP_CODE_BAD_TIME       "BAD_TIME"
#define HP_CODE_UNKNOWN_STATUS "UNKNOWN_STATUS"
#define HP_CODE_INCOMPLETE     "INCOMPLETE"
#define HP_CODE_CONTRADICTION  "CONTRADICTION"
#define HP_CODE_CURRENCY       "CURRENCY"
#define HP_CODE_KEY_MISMATCH   "KEY_MISMATCH"

struct hp_code {
    const char *code;
    const char *meaning; /* what is wrong, and what a producer can do */
};

/* All of the above, in this order. */
extern const struct hp_code hp_codes[];
extern const size_t hp_code_count;

/* The static string equal to `text`, or NULL: for codes read back from a header. */
const char *hp_code_find(const char *text);

#endif
