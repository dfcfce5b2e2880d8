/* domain/reasons.c - what each reason code means. SPDX-License-Identifier: Apache-2.0 */
#include "domain/reasons.h"

#include "base/status.h"

const struct hp_code hp_codes[] = {
    {HP_CODE_NULL_VALUE,
        "The record has no value, and the topic gives a missing value no meaning."},
    {HP_CODE_BAD_FRAME,
        "The value does not begin with magic byte 0 and a positive schema id of "
        "four bytes. Use a Confluent-compatible Avro serialiser."},
    {HP_CODE_SCHEMA_GUID,
        "The schema is named by a GUID in the header __value_schema_id. Set the "
        "serialiser to write the schema id into the value."},
    {HP_CODE_UNKNOWN_SCHEMA,
        "The registry does not know the schema id. Register the schema with "
        "the registry hamper reads."},
    {HP_CODE_SCHEMA_REFUSED,
        "The schema breaks a bound (size, depth, fields, recursion) or is not "
        "Avro without references."},
    {HP_CODE_SCHEMA_MISMATCH,
        "The writer's schema cannot be read as this topic's record; the text "
        "names the field and both types."},
    {HP_CODE_TRUNCATED,
        "The body ends inside the named field. The schema id may be the wrong one."},
    {HP_CODE_TRAILING_BYTES,
        "Bytes are left after the last field. The schema id may be the wrong "
        "one."},
    {HP_CODE_TOO_LARGE, "The record has more than 262144 bytes."},
    {HP_CODE_BAD_LENGTH, "A length or block count is negative or larger than the bytes that "
                         "follow."},
    {HP_CODE_BAD_UTF8, "A string is not valid UTF-8."},
    {HP_CODE_BAD_BOOLEAN, "A boolean is neither 0 nor 1."},
    {HP_CODE_BAD_ENUM, "An enum's number or symbol is not one of the schema's, and there is no "
                       "default."},
    {HP_CODE_BAD_UNION, "A union's branch does not exist, or cannot be read into the field."},
    {HP_CODE_OVERFLOW, "A number does not fit its type."},
    {HP_CODE_NOT_A_NUMBER, "A floating point field is NaN or infinite."},
    {HP_CODE_BAD_JSON, "The line is not the JSON of this record; the text says where."},
    {HP_CODE_UNKNOWN_FIELD, "The JSON has a field the record does not have."},
    {HP_CODE_MISSING_FIELD, "The JSON lacks a field that has no default."},
    {HP_CODE_LIMIT, "A value or list is beyond the limits of the contract; the text names the "
                    "field and the bound."},
    {HP_CODE_BAD_ID, "An id is empty, longer than 128 bytes, or holds control characters."},
    {HP_CODE_BAD_TIME, "A time is not after 1970, or more than one hour ahead of the record's "
                       "append time, or not ISO 8601."},
    {HP_CODE_UNKNOWN_STATUS, "The order's status is UNKNOWN, or a symbol this version does not "
                             "know."},
    {HP_CODE_INCOMPLETE, "A field that this kind of record needs is missing."},
    {HP_CODE_CONTRADICTION, "A lower bound is above its upper bound."},
    {HP_CODE_CURRENCY, "The item's currency is not the application's."},
    {HP_CODE_KEY_MISMATCH, "The record's key is not the id in its value, on a topic where keys "
                           "decide."},
};

const size_t hp_code_count = HP_ARRAY_SIZE(hp_codes);

const char *
hp_code_find(const char *text)
{
    for (size_t i = 0; i < hp_code_count; i++)
        if (strcmp(hp_codes[i].code, text) == 0)
            return hp_codes[i].code;
    return NULL;
}
