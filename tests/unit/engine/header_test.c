/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "engine/header.h"

static struct hp_local_header
example(void)
{
    return (struct hp_local_header){.changelog_offset = 77,
        .end_offset = 75,
        .wall_ms = 1700000000000,
        .digest = {1, 2},
        .end = {.present = true,
            .sequence = 9,
            .partitions = 4,
            .digest = {3, 4},
            .count = 2,
            .positions = {{hp_bytes_text("orders"), 5}, {hp_bytes_text("feedback"), 0}}}};
}

static void
a_local_header_reads_back(void **state)
{
    struct hp_local_header before = example();
    struct hp_local_header after;
    struct hp_buffer bytes = {0};

    (void)state;
    hp_local_header_encode(&before, &bytes);
    assert_true(hp_local_header_decode(hp_buffer_bytes(&bytes), &after));
    assert_int_equal(after.changelog_offset, 77);
    assert_int_equal(after.wall_ms, 1700000000000);
    assert_true(hp_digest_equal(after.digest, before.digest));
    assert_int_equal(after.end.sequence, 9);
    assert_int_equal(after.end.partitions, 4);
    assert_int_equal(hp_end_position(&after.end, "orders"), 5);
    assert_int_equal(hp_end_position(&after.end, "feedback"), 0);
    assert_int_equal(hp_end_position(&after.end, "other"), HP_OFFSET_NONE);
    hp_buffer_release(&bytes);
}

/* Every way to cut it short, and a version of the future, is told from a good one. */
static void
cut_and_foreign_headers_are_refused(void **state)
{
    struct hp_local_header before = example();
    struct hp_local_header after;
    struct hp_buffer bytes = {0};

    (void)state;
    hp_local_header_encode(&before, &bytes);
    for (size_t size = 0; size < bytes.size; size++)
        assert_false(hp_local_header_decode(hp_bytes(bytes.data, size), &after));
    bytes.data[0] = HP_HEADER_VERSION + 1;
    assert_false(hp_local_header_decode(hp_buffer_bytes(&bytes), &after));
    hp_buffer_release(&bytes);
}

static void
an_audit_record_reads_back(void **state)
{
    const struct hp_audit before = {.sequence = 3,
        .processed = 10,
        .dead = 1,
        .rerouted = 2,
        .emitted = 4,
        .digest = {5, 6},
        .count = 1,
        .sources = {{hp_bytes_text("orders"), 7, 17}}};
    struct hp_audit after;
    struct hp_buffer bytes = {0};

    (void)state;
    hp_audit_encode(&before, &bytes);
    assert_true(hp_audit_decode(hp_buffer_bytes(&bytes), &after));
    assert_int_equal(after.processed, 10);
    assert_int_equal(after.emitted, 4);
    assert_int_equal(after.sources[0].from, 7);
    assert_int_equal(after.sources[0].to, 17);
    assert_false(hp_audit_decode(hp_bytes(bytes.data, bytes.size - 1), &after));
    hp_buffer_release(&bytes);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_local_header_reads_back),
        cmocka_unit_test(cut_and_foreign_headers_are_refused),
        cmocka_unit_test(an_audit_record_reads_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
