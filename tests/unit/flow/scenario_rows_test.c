/*
 * tests/unit/flow/scenario_rows_test.c - co-counts on their way through memory, the store and
 * the rows topic: within rows.cache.bytes, and the same as with plenty of it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/metric.h"
#include "tests/support/flow_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define ITEMS  80
#define ORDERS 600
#define LINES  12
#define SCARCE (64 << 10)
#define PLENTY (16 << 20)

static int64_t
rows_in_memory(void)
{
    return hp_metric_value(hp_metric_get(HP_METRIC_GAUGE, "hamper_rows_cache_bytes", "", ""));
}

/* Every second pair of items is bought together by some of two hundred users. */
static void
send_orders(struct flow_rig *rig)
{
    for (int i = 0; i < ORDERS; i++) {
        char lines[LINES * 64] = "";
        size_t used = 0;

        for (int line = 0; line < LINES; line++)
            used += (size_t)snprintf(&lines[used], sizeof(lines) - used,
                "%s{'item_id':'thing-%02d','quantity':1,'unit_price_minor':100}",
                line ? "," : "", (i * 7 + line * (line + 1) / 2) % ITEMS);
        flow_rig_send(rig, HP_TOPIC_ORDERS, NULL,
            "{'order_id':'o-%d','user_id':'user-%d','ordered_at':%lld,'lines':[%s]}", i,
            i % 211, (long long)rig->now_ms, lines);
        if (i % 100 == 99)
            flow_rig_settle(rig);
    }
    flow_rig_settle(rig);
}

/* The newest record of every key, in the order of the log, of a fresh shop. */
static struct flow_seen_list
rows_with(struct flow_rig *rig, size_t cache_bytes, int64_t *in_memory)
{
    struct flow_seen_list all;
    size_t kept = 0;

    flow_rig_init(rig);
    rig->options.rows_cache_bytes = cache_bytes;
    flow_rig_start(rig);
    send_orders(rig);
    *in_memory = rows_in_memory();
    all = flow_rig_read_raw(rig, HP_TOPIC_ROWS);
    for (size_t i = 0; i < all.count; i++) {
        bool newest = true;

        for (size_t later = i + 1; later < all.count && newest; later++)
            newest = !hp_bytes_equal(all.items[i].key, all.items[later].key);
        if (newest)
            all.items[kept++] = all.items[i];
    }
    all.count = kept;
    return all;
}

static struct hp_bytes
value_of(struct flow_seen_list list, struct hp_bytes key)
{
    for (size_t i = 0; i < list.count; i++)
        if (hp_bytes_equal(list.items[i].key, key))
            return list.items[i].value;
    return (struct hp_bytes){0};
}

static void
co_counts_keep_within_their_memory(void **state)
{
    struct flow_rig scarce;
    struct flow_rig plenty;
    int64_t least;
    int64_t most;
    struct flow_seen_list few = rows_with(&scarce, SCARCE, &least);
    struct flow_seen_list all;

    (void)state;
    assert_true(least > 0);
    assert_true(least <= SCARCE / 4 * 3);
    flow_rig_crash(&scarce);
    all = rows_with(&plenty, PLENTY, &most);
    assert_true(most > SCARCE); /* or the bound was not put to the test */
    assert_true(all.count >= ITEMS);
    assert_int_equal(few.count, all.count);
    for (size_t i = 0; i < all.count; i++)
        assert_true(hp_bytes_equal(all.items[i].value, value_of(few, all.items[i].key)));
    flow_rig_release(&scarce);
    flow_rig_release(&plenty);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(co_counts_keep_within_their_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
