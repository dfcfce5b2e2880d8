/* flow/items.c - chained hashing. SPDX-License-Identifier: Apache-2.0 */
#include "flow/items.h"

#include "base/hash.h"

#define SLOTS_FIRST 64

struct hp_item_node *
hp_items_find(const struct hp_items *items, struct hp_bytes id)
{
    uint64_t hash = hp_hash64(id);
    struct hp_item_node *node =
        items->slot_count ? items->slots[hash & (items->slot_count - 1)] : NULL;

    while (node && !(node->hash == hash && hp_bytes_equal(node->id, id)))
        node = node->next;
    return node;
}

static void
link_node(struct hp_items *items, struct hp_item_node *node)
{
    struct hp_item_node **slot = &items->slots[node->hash & (items->slot_count - 1)];

    node->next = *slot;
    *slot = node;
}

static void
grow(struct hp_items *items)
{
    struct hp_items wider = {
        .slot_count = items->slot_count ? items->slot_count * 2 : SLOTS_FIRST};

    wider.slots = hp_alloc(wider.slot_count * sizeof(struct hp_item_node *));
    for (size_t i = 0; i < items->slot_count; i++)
        for (struct hp_item_node *node = items->slots[i]; node;) {
            struct hp_item_node *next = node->next;

            link_node(&wider, node);
            node = next;
        }
    free(items->slots);
    items->slots = wider.slots;
    items->slot_count = wider.slot_count;
}

struct hp_item_node *
hp_items_get(struct hp_items *items, struct hp_bytes id, size_t size)
{
    struct hp_item_node *node = hp_items_find(items, id);

    if (node)
        return node;
    if (items->count >= items->slot_count)
        grow(items);
    node = hp_alloc(size + id.size);
    memcpy((uint8_t *)node + size, id.data, id.size);
    node->id = hp_bytes((uint8_t *)node + size, id.size);
    node->hash = hp_hash64(id);
    link_node(items, node);
    items->count++;
    return node;
}

void
hp_items_remove(struct hp_items *items, struct hp_item_node *node)
{
    struct hp_item_node **link = &items->slots[node->hash & (items->slot_count - 1)];

    while (*link != node)
        link = &(*link)->next;
    *link = node->next;
    items->count--;
    free(node);
}

struct hp_item_node *
hp_items_next(const struct hp_items *items, struct hp_item_node *node)
{
    size_t slot = 0;

    if (node) {
        if (node->next)
            return node->next;
        slot = (node->hash & (items->slot_count - 1)) + 1;
    }
    while (slot < items->slot_count && !items->slots[slot])
        slot++;
    return slot < items->slot_count ? items->slots[slot] : NULL;
}

void
hp_items_release(struct hp_items *items)
{
    struct hp_item_node *node = hp_items_next(items, NULL);

    while (node) {
        struct hp_item_node *next = hp_items_next(items, node);

        free(node);
        node = next;
    }
    free(items->slots);
    *items = (struct hp_items){0};
}
