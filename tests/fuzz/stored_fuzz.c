/*
 * tests/fuzz/stored_fuzz.c - stored values: whatever lies in the store or in an internal topic
 * is refused as corrupt or is exactly what we would have written.
 *
 * The first byte chooses the reader, the rest is the value.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "flow/epoch.h"
#include "flow/standing.h"
#include "ledger/heads.h"
#include "ledger/preferences.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum reader {
    ORDER,
    REACTION,
    PREFERENCES,
    WATERMARK,
    AGGREGATE,
    HEAD,
    ROW,
    MANIFEST,
    STANDING
};

static struct hp_arena arena;

static bool
order(struct hp_bytes value, struct hp_buffer *out)
{
    struct hp_order_fact fact;

    if (hp_order_fact_decode(value, &arena, &fact, NULL))
        return false;
    HP_ASSERT(hp_order_value_stub(value) == fact.stub);
    HP_ASSERT(hp_order_fact_total(&fact) >= 0);
    HP_ASSERT(!hp_order_fact_wins(&fact, &fact));
    hp_order_fact_encode(&fact, out);
    return true;
}

static bool
reaction(struct hp_bytes value, struct hp_buffer *out)
{
    struct hp_reaction read;

    if (hp_reaction_decode(value, &read, NULL))
        return false;
    hp_reaction_encode(&read, out);
    return true;
}

static bool
preferences(struct hp_bytes value, struct hp_buffer *out)
{
    struct hp_preferences read;

    if (hp_preferences_decode(value, &arena, &read, NULL))
        return false;
    hp_preferences_encode(&read, out);
    return true;
}

static bool
watermark(struct hp_bytes value, struct hp_buffer *out)
{
    struct hp_watermark read;

    if (hp_watermark_decode(value, &arena, &read, NULL))
        return false;
    hp_watermark_encode(&read, out);
    return true;
}

static bool
aggregate(struct hp_bytes value, struct hp_buffer *out)
{
    struct hp_aggregate read;

    if (hp_aggregate_decode(value, &arena, &read, NULL))
        return false;
    for (size_t i = 0; i < read.item_count; i++)
        HP_ASSERT(hp_aggregate_find(&read, read.items[i].item_id) == &read.items[i]);
    hp_aggregate_encode(&read, out);
    return true;
}

static bool
head(struct hp_bytes value, struct hp_buffer *out)
{
    struct hp_model_row row;
    struct hp_head read;
    struct hp_head sum = {0};

    if (hp_head_decode(value, &arena, &read, NULL))
        return false;
    HP_ASSERT(hp_head_add(&sum, &read, &arena, NULL) == HP_OK);
    row = hp_model_row_of(&sum);
    HP_ASSERT(hp_model_row_trend(&row, row.last_day) == row.trend);
    hp_head_encode(&sum, out);
    return true;
}

static bool
model_row(struct hp_bytes value, struct hp_buffer *out)
{
    struct hp_model_weights weights;
    struct hp_model_row read;

    if (hp_model_row_decode(value, &arena, &read, &weights, NULL))
        return false;
    HP_ASSERT(hp_model_row_trend(&read, read.last_day + 20) <= read.trend);
    hp_model_row_encode(&read, &weights, out);
    return true;
}

static bool
manifest(struct hp_bytes value, struct hp_buffer *out)
{
    struct hp_manifest read;

    if (hp_manifest_decode(value, &arena, &read, NULL))
        return false;
    hp_manifest_encode(&read, out);
    return true;
}

/* Both readers of a standing record agree on whether it is one. */
static void
standing(struct hp_bytes value)
{
    struct hp_standing read;
    struct hp_strings items;
    bool good = hp_standing_decode(value, &arena, &read, NULL) == HP_OK;

    HP_ASSERT(hp_standing_items(value, &arena, &items) == good);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool (*const readers[])(struct hp_bytes, struct hp_buffer *) = {
        order, reaction, preferences, watermark, aggregate, head, model_row, manifest};
    struct hp_buffer out = {0};
    struct hp_bytes value;

    if (size == 0)
        return 0;
    value = hp_bytes(data + 1, size - 1);
    if (data[0] % (STANDING + 1) == STANDING)
        standing(value);
    else if (readers[data[0] % (STANDING + 1)](value, &out))
        HP_ASSERT(hp_bytes_equal(hp_buffer_bytes(&out), value));
    hp_buffer_release(&out);
    hp_arena_clear(&arena);
    return 0;
}
