/*
 * A producer with another serialiser must learn which mistake it makes from the reason alone.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "codec/frame.h"
#include "domain/limits.h"
#include "domain/reasons.h"

static const struct hp_bytes no_header;

static void
refused(struct hp_bytes value, struct hp_bytes header, const char *code)
{
    struct hp_error error = {0};
    struct hp_frame frame;

    assert_int_equal(hp_frame_parse(value, header, &frame, &error), HP_BAD_RECORD);
    assert_string_equal(error.code, code);
}

static void
what_is_put_is_parsed(void **state)
{
    struct hp_buffer buffer = {0};
    struct hp_frame frame;

    (void)state;
    hp_frame_put(&buffer, 2000000001);
    hp_buffer_append(&buffer, "body", 4);
    assert_int_equal(hp_frame_parse(hp_buffer_bytes(&buffer), no_header, &frame, NULL), HP_OK);
    assert_int_equal(frame.schema_id, 2000000001);
    assert_true(hp_bytes_is(frame.body, "body"));
    hp_buffer_release(&buffer);
}

static void
empty_body_is_a_frame(void **state)
{
    struct hp_frame frame;

    (void)state;
    assert_int_equal(hp_frame_parse(hp_bytes("\0\0\0\0\1", 5), no_header, &frame, NULL), HP_OK);
    assert_int_equal(frame.schema_id, 1);
    assert_int_equal(frame.body.size, 0);
    assert_non_null(frame.body.data);
}

static void
odd_frames_are_refused_by_reason(void **state)
{
    uint8_t *large = hp_alloc(HP_RECORD_BYTES_MAX + 1);

    (void)state;
    refused((struct hp_bytes){0}, no_header, HP_CODE_NULL_VALUE);
    refused(hp_bytes("", 0), no_header, HP_CODE_BAD_FRAME);
    refused(hp_bytes("\0\0\0\1", 4), no_header, HP_CODE_BAD_FRAME);
    refused(hp_bytes("\1\0\0\0\1x", 6), no_header, HP_CODE_BAD_FRAME);
    refused(hp_bytes("{\"a\":1}", 7), no_header, HP_CODE_BAD_FRAME);
    refused(hp_bytes("\0\0\0\0\0x", 6), no_header, HP_CODE_BAD_FRAME);
    refused(hp_bytes("\0\xFF\xFF\xFF\xFFx", 6), no_header, HP_CODE_BAD_FRAME);
    refused(hp_bytes(large, HP_RECORD_BYTES_MAX + 1), no_header, HP_CODE_TOO_LARGE);
    free(large);
}

static void
guid_in_a_header_has_its_own_reason(void **state)
{
    static const uint8_t guid[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17};
    struct hp_bytes value = hp_bytes("\0\0\0\0\1x", 6);

    (void)state;
    refused(value, hp_bytes(guid, sizeof(guid)), HP_CODE_SCHEMA_GUID);
    refused(value, hp_bytes(guid, sizeof(guid) - 1), HP_CODE_BAD_FRAME);
    refused(value, hp_bytes(guid + 1, sizeof(guid) - 1), HP_CODE_BAD_FRAME);
    refused(value, hp_bytes("", 0), HP_CODE_BAD_FRAME);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_put_is_parsed),
        cmocka_unit_test(empty_body_is_a_frame),
        cmocka_unit_test(odd_frames_are_refused_by_reason),
        cmocka_unit_test(guid_in_a_header_has_its_own_reason),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
