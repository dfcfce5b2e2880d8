/*
 * flow/epoch.c - model rows and manifests as bytes.
 *
 * Layout of a row: u8 version | varint users | varint opportunities | varint hits | varint last
 * day | varint trend | u8 shift of the next choice | u8 shift inside a box | varint count |
 * count × (bytes id | u8 next | u8 box), by id. Of a manifest: u8 version | varint epoch |
 * varint items | the five numbers of `all` | u64 high | u64 low of the digest | varint count |
 * count × varint position.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "flow/epoch.h"

#include "domain/instant.h"
#include "domain/limits.h"
#include "ledger/value.h"
#include "model/rate.h"

#define ROW_VERSION   2 /* 1 had no weights */
#define VERSION       1
#define WEIGHT_MAX    127
#define POSITIONS_MAX 65536
#define NUMBER_MAX    (INT64_MAX / 2)

struct hp_model_row
hp_model_row_of(const struct hp_head *head)
{
    struct hp_model_row row = {
        .users = head->users, .opportunities = head->opportunities, .hits = head->hits};

    if (head->day_count == 0)
        return row;
    row.last_day = head->days[head->day_count - 1].day;
    for (size_t i = 0; i < head->day_count; i++) {
        int64_t users = head->days[i].users;
        int64_t weight = hp_fixed_decay(row.last_day - head->days[i].day, HP_TREND_HALF_LIFE);

        row.trend =
            users * weight > NUMBER_MAX - row.trend ? NUMBER_MAX : row.trend + users * weight;
    }
    return row;
}

/* Upper and lower half apart, so that the product fits. */
int64_t
hp_model_row_trend(const struct hp_model_row *row, int64_t day)
{
    int64_t weight = hp_fixed_decay(day - row->last_day, HP_TREND_HALF_LIFE);

    return (row->trend >> HP_DECAY_BITS) * weight +
           ((row->trend & (HP_DECAY_ONE - 1)) * weight >> HP_DECAY_BITS);
}

void
hp_model_key(struct hp_bytes item_id, struct hp_buffer *out)
{
    if (item_id.size && item_id.data[0] == '!')
        hp_put_u8(out, '!');
    hp_buffer_append(out, item_id.data, item_id.size);
}

struct hp_bytes
hp_model_key_item(struct hp_bytes key)
{
    if (key.size == 0)
        return (struct hp_bytes){0};
    if (key.data[0] != '!')
        return key;
    if (key.size < 2 || key.data[1] != '!')
        return (struct hp_bytes){0};
    return hp_bytes(key.data + 1, key.size - 1);
}

static void
put_numbers(const struct hp_model_row *row, struct hp_buffer *out)
{
    hp_put_varint(out, row->users);
    hp_put_varint(out, row->opportunities);
    hp_put_varint(out, row->hits);
    hp_put_varint(out, row->last_day);
    hp_put_varint(out, row->trend);
}

static void
read_numbers(struct hp_cursor *cursor, struct hp_model_row *row)
{
    row->users = hp_value_number(cursor, 0, NUMBER_MAX);
    row->opportunities = hp_value_number(cursor, 0, NUMBER_MAX);
    row->hits = hp_value_number(cursor, 0, NUMBER_MAX);
    row->last_day = hp_value_number(cursor, 0, INT64_MAX / HP_DAY_MS);
    row->trend = hp_value_number(cursor, 0, NUMBER_MAX);
    if (row->hits > row->opportunities)
        cursor->failed = true;
}

void
hp_model_row_encode(const struct hp_model_row *row, const struct hp_model_weights *weights,
    struct hp_buffer *out)
{
    hp_put_u8(out, ROW_VERSION);
    put_numbers(row, out);
    hp_put_u8(out, weights->next_shift);
    hp_put_u8(out, weights->box_shift);
    hp_put_varint(out, (int64_t)weights->count);
    for (size_t i = 0; i < weights->count; i++) {
        hp_put_bytes(out, weights->partners[i].item_id);
        hp_put_u8(out, weights->partners[i].next);
        hp_put_u8(out, weights->partners[i].box);
    }
}

static bool
good_partner(const struct hp_model_partner *partner, const struct hp_model_partner *before)
{
    return partner->next <= WEIGHT_MAX && partner->box <= WEIGHT_MAX &&
           partner->next + partner->box > 0 &&
           (!before || hp_bytes_compare(before->item_id, partner->item_id) < 0);
}

static void
read_weights(struct hp_cursor *cursor, struct hp_arena *arena, struct hp_model_weights *weights)
{
    struct hp_model_partner *partners;

    weights->next_shift = hp_get_u8(cursor);
    weights->box_shift = hp_get_u8(cursor);
    if (weights->next_shift > HP_RIDGE_SHIFT_MAX || weights->box_shift > HP_RIDGE_SHIFT_MAX)
        cursor->failed = true;
    weights->count = hp_value_count(cursor, HP_PARTNERS_MAX, 4);
    partners = HP_ARENA_ARRAY(arena, weights->count, struct hp_model_partner);
    for (size_t i = 0; i < weights->count && !cursor->failed; i++) {
        partners[i].item_id = hp_value_bytes(cursor, 1, HP_ID_BYTES_MAX);
        partners[i].next = hp_get_u8(cursor);
        partners[i].box = hp_get_u8(cursor);
        if (!good_partner(&partners[i], i ? &partners[i - 1] : NULL))
            cursor->failed = true;
    }
    weights->partners = partners;
}

enum hp_status
hp_model_row_decode(struct hp_bytes value, struct hp_arena *arena, struct hp_model_row *row,
    struct hp_model_weights *weights, struct hp_error *error)
{
    struct hp_cursor cursor = hp_value_open(value, ROW_VERSION);

    read_numbers(&cursor, row);
    read_weights(&cursor, arena, weights);
    return hp_value_close(&cursor, "model row", error);
}

void
hp_manifest_encode(const struct hp_manifest *manifest, struct hp_buffer *out)
{
    hp_put_u8(out, VERSION);
    hp_put_varint(out, manifest->epoch);
    hp_put_varint(out, manifest->item_count);
    put_numbers(&manifest->all, out);
    hp_put_u64(out, manifest->rows.high);
    hp_put_u64(out, manifest->rows.low);
    hp_put_varint(out, (int64_t)manifest->position_count);
    for (size_t i = 0; i < manifest->position_count; i++)
        hp_put_varint(out, manifest->positions[i]);
}

enum hp_status
hp_manifest_decode(struct hp_bytes value, struct hp_arena *arena, struct hp_manifest *manifest,
    struct hp_error *error)
{
    struct hp_cursor cursor = hp_value_open(value, VERSION);
    int64_t *positions;

    *manifest = (struct hp_manifest){.epoch = hp_value_number(&cursor, 1, NUMBER_MAX)};
    manifest->item_count = hp_value_number(&cursor, 0, NUMBER_MAX);
    read_numbers(&cursor, &manifest->all);
    manifest->rows.high = hp_get_u64(&cursor);
    manifest->rows.low = hp_get_u64(&cursor);
    manifest->position_count = hp_value_count(&cursor, POSITIONS_MAX, 1);
    positions = HP_ARENA_ARRAY(arena, manifest->position_count, int64_t);
    for (size_t i = 0; i < manifest->position_count; i++)
        positions[i] = hp_value_number(&cursor, 0, INT64_MAX);
    manifest->positions = positions;
    return hp_value_close(&cursor, "epoch manifest", error);
}
