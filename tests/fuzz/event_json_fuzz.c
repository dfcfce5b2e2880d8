/*
 * tests/fuzz/event_json_fuzz.c - lines of event files. The first byte chooses the record.
 *
 * Whatever is read is printed, read again and printed again: the two prints are equal.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "codec/event.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

union any_record {
    struct hp_recommendation recommendation; /* the largest */
    struct hp_box_request request;
    struct hp_preferences preferences;
    struct hp_catalogue_item item;
};

static void
check_again(enum hp_record_type type, const union any_record *record, struct hp_arena *arena)
{
    struct hp_buffer first = {0};
    struct hp_buffer second = {0};
    union any_record again;

    hp_event_to_json(type, record, &first);
    HP_ASSERT(hp_event_from_json(type, hp_buffer_bytes(&first), arena, &again, NULL) == HP_OK);
    hp_event_to_json(type, &again, &second);
    HP_ASSERT(hp_bytes_equal(hp_buffer_bytes(&first), hp_buffer_bytes(&second)));
    hp_buffer_release(&first);
    hp_buffer_release(&second);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hp_arena arena = {0};
    struct hp_error error = {0};
    union any_record record;
    enum hp_record_type type;

    if (size == 0)
        return 0;
    type = (enum hp_record_type)(data[0] % HP_RECORD_TYPES);
    if (hp_event_from_json(type, hp_bytes(data + 1, size - 1), &arena, &record, &error) ==
        HP_OK)
        check_again(type, &record, &arena);
    else
        HP_ASSERT(error.code[0]);
    hp_arena_release(&arena);
    return 0;
}
