/* flow/standing.c - standing rows as bytes. SPDX-License-Identifier: Apache-2.0 */
#include "flow/standing.h"

#include "domain/limits.h"

#define STANDING_VERSION 1

void
hp_standing_encode(const struct hp_standing *standing, struct hp_buffer *out)
{
    hp_put_u8(out, STANDING_VERSION);
    hp_put_varint(out, standing->revision);
    hp_put_varint(out, standing->generated_at);
    hp_put_varint(out, standing->valid_until);
    hp_put_varint(out, standing->model_epoch);
    hp_put_u8(out, (uint8_t)standing->status);
    hp_put_u64(out, standing->content.high);
    hp_put_u64(out, standing->content.low);
    hp_put_varint(out, (int64_t)standing->box_count);
    for (size_t i = 0; i < standing->box_count; i++) {
        const struct hp_standing_box *box = &standing->boxes[i];

        hp_put_bytes(out, box->box_id);
        hp_put_varint(out, (int64_t)box->item_count);
        for (size_t j = 0; j < box->item_count; j++) {
            hp_put_bytes(out, box->items[j].item_id);
            hp_put_varint(out, box->items[j].quantity);
        }
        hp_put_varint(out, (int64_t)box->families.count);
        for (size_t j = 0; j < box->families.count; j++)
            hp_put_bytes(out, box->families.items[j]);
    }
}

/* A count that the stream could have written; anything else spoils the cursor. */
static size_t
read_count(struct hp_cursor *cursor, int64_t max)
{
    int64_t count = hp_get_varint(cursor);

    if (count < 0 || count > max)
        cursor->failed = true;
    return cursor->failed ? 0 : (size_t)count;
}

static void
read_box(struct hp_cursor *cursor, struct hp_arena *arena, struct hp_standing_box *box)
{
    struct hp_item_quantity *items;
    struct hp_bytes *families;

    box->box_id = hp_get_bytes(cursor);
    box->item_count = read_count(cursor, HP_BOX_UNITS_MAX);
    items = HP_ARENA_ARRAY(arena, box->item_count, struct hp_item_quantity);
    for (size_t i = 0; i < box->item_count; i++) {
        items[i].item_id = hp_get_bytes(cursor);
        items[i].quantity = (int32_t)hp_get_varint(cursor);
    }
    box->items = items;
    box->families.count = read_count(cursor, HP_BOX_UNITS_MAX);
    families = HP_ARENA_ARRAY(arena, box->families.count, struct hp_bytes);
    for (size_t i = 0; i < box->families.count; i++)
        families[i] = hp_get_bytes(cursor);
    box->families.items = families;
}

enum hp_status
hp_standing_decode(struct hp_bytes bytes, struct hp_arena *arena, struct hp_standing *standing,
    struct hp_error *error)
{
    struct hp_cursor cursor = hp_cursor(bytes);
    struct hp_standing_box *boxes;

    *standing = (struct hp_standing){0};
    if (hp_get_u8(&cursor) != STANDING_VERSION)
        cursor.failed = true;
    standing->revision = hp_get_varint(&cursor);
    standing->generated_at = hp_get_varint(&cursor);
    standing->valid_until = hp_get_varint(&cursor);
    standing->model_epoch = hp_get_varint(&cursor);
    standing->status = (enum hp_box_status)hp_get_u8(&cursor);
    standing->content.high = hp_get_u64(&cursor);
    standing->content.low = hp_get_u64(&cursor);
    standing->box_count = read_count(&cursor, HP_BOXES_MAX);
    boxes = HP_ARENA_ARRAY(arena, standing->box_count, struct hp_standing_box);
    for (size_t i = 0; i < standing->box_count; i++)
        read_box(&cursor, arena, &boxes[i]);
    standing->boxes = boxes;
    if (!hp_cursor_done(&cursor))
        return hp_fail(error, HP_CORRUPT, "standing row of %zu bytes is malformed", bytes.size);
    return HP_OK;
}

static int
compare_ids(const void *a, const void *b)
{
    return hp_bytes_compare(*(const struct hp_bytes *)a, *(const struct hp_bytes *)b);
}

bool
hp_standing_items(struct hp_bytes bytes, struct hp_arena *arena, struct hp_strings *items)
{
    struct hp_standing standing;
    struct hp_bytes *ids;
    size_t count = 0;
    size_t kept = 0;

    *items = (struct hp_strings){0};
    if (!bytes.data)
        return true;
    if (hp_standing_decode(bytes, arena, &standing, NULL))
        return false;
    for (size_t i = 0; i < standing.box_count; i++)
        count += standing.boxes[i].item_count;
    ids = HP_ARENA_ARRAY(arena, count, struct hp_bytes);
    count = 0;
    for (size_t i = 0; i < standing.box_count; i++)
        for (size_t j = 0; j < standing.boxes[i].item_count; j++)
            ids[count++] = standing.boxes[i].items[j].item_id;
    if (count)
        qsort(ids, count, sizeof(*ids), compare_ids);
    for (size_t i = 0; i < count; i++)
        if (i == 0 || !hp_bytes_equal(ids[i], ids[kept - 1]))
            ids[kept++] = ids[i];
    *items = (struct hp_strings){ids, kept};
    return true;
}
