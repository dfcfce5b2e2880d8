/*
 * shop/catalogue.c
 *
 * The table is ours and built in, so a line that cannot be read is a broken invariant and ends
 * the process; a unit test reads it on every build.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "shop/catalogue.h"

#define ITEMS_MAX 512
#define LIST_MAX  16
#define MARGIN    28 /* per cent of the price */

extern const unsigned char hp_embed_catalogue[];
extern const size_t hp_embed_catalogue_size;

static struct hp_bytes
trim(struct hp_bytes text)
{
    while (text.size > 0 && text.data[0] == ' ') {
        text.data++;
        text.size--;
    }
    while (text.size > 0 && text.data[text.size - 1] == ' ')
        text.size--;
    return text;
}

/* Cuts off what is before `mark`, or everything. */
static struct hp_bytes
next_part(struct hp_bytes *text, char mark)
{
    const uint8_t *at = text->size ? memchr(text->data, mark, text->size) : NULL;
    struct hp_bytes part = *text;

    if (at)
        part.size = (size_t)(at - text->data);
    text->data += part.size + (at ? 1 : 0);
    text->size -= part.size + (at ? 1 : 0);
    return trim(part);
}

static int64_t
number(struct hp_bytes digits)
{
    int64_t value = 0;

    HP_ASSERT(digits.size > 0);
    HP_ASSERT(digits.size < 10);
    for (size_t i = 0; i < digits.size; i++) {
        HP_ASSERT(digits.data[i] >= '0');
        HP_ASSERT(digits.data[i] <= '9');
        value = value * 10 + (digits.data[i] - '0');
    }
    return value;
}

static struct hp_maybe
maybe_number(struct hp_bytes digits)
{
    if (digits.size == 0)
        return (struct hp_maybe){0};
    return (struct hp_maybe){true, number(digits)};
}

static struct hp_strings
list(struct hp_arena *arena, struct hp_bytes text, char mark)
{
    struct hp_bytes *parts = HP_ARENA_ARRAY(arena, LIST_MAX, struct hp_bytes);
    size_t count = 0;

    while (text.size > 0) {
        struct hp_bytes part = next_part(&text, mark);

        HP_ASSERT(count < LIST_MAX);
        if (part.size > 0)
            parts[count++] = part;
    }
    return (struct hp_strings){parts, count};
}

static void
read_allergens(struct hp_arena *arena, struct hp_bytes text, struct hp_catalogue_item *item)
{
    item->allergens_known = !hp_bytes_is(text, "?");
    if (item->allergens_known && !hp_bytes_is(text, "-"))
        item->allergens = list(arena, text, ',');
}

static struct hp_catalogue_item
read_item(struct hp_arena *arena, struct hp_bytes line, struct hp_bytes category)
{
    struct hp_catalogue_item item = {
        .version = 1,
        .category = category,
        .currency = hp_bytes_text("INR"),
        .active = true,
    };

    item.item_id = next_part(&line, '|');
    item.name = next_part(&line, '|');
    item.price_minor = number(next_part(&line, '|')) * 100;
    item.weight_g = maybe_number(next_part(&line, '|'));
    item.max_per_box = (int32_t)number(next_part(&line, '|'));
    item.family = next_part(&line, '|');
    read_allergens(arena, next_part(&line, '|'), &item);
    item.diets = list(arena, next_part(&line, '|'), ' ');
    item.tags = list(arena, next_part(&line, '|'), ' ');
    item.stock = maybe_number(next_part(&line, '|'));
    item.margin_minor = (struct hp_maybe){true, item.price_minor * MARGIN / 100};
    HP_ASSERT(line.size == 0);
    return item;
}

void
hp_shop_catalogue_load(
    struct hp_arena *arena, int64_t updated_at, struct hp_shop_catalogue *catalogue)
{
    struct hp_bytes text = hp_bytes(hp_embed_catalogue, hp_embed_catalogue_size);
    struct hp_bytes category = {0};

    catalogue->items = HP_ARENA_ARRAY(arena, ITEMS_MAX, struct hp_catalogue_item);
    catalogue->count = 0;
    while (text.size > 0) {
        struct hp_bytes line = next_part(&text, '\n');

        if (line.size == 0 || line.data[0] == '#')
            continue;
        if (line.data[0] == '[') {
            category = hp_bytes(line.data + 1, line.size - 2);
            continue;
        }
        HP_ASSERT(catalogue->count < ITEMS_MAX);
        catalogue->items[catalogue->count] = read_item(arena, line, category);
        catalogue->items[catalogue->count++].updated_at = updated_at;
    }
}

struct hp_catalogue_item *
hp_shop_catalogue_find(const struct hp_shop_catalogue *catalogue, struct hp_bytes item_id)
{
    for (size_t i = 0; i < catalogue->count; i++)
        if (hp_bytes_equal(catalogue->items[i].item_id, item_id))
            return &catalogue->items[i];
    return NULL;
}
