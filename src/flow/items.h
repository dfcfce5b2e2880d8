/*
 * flow/items.h - a hash table from item ids to what somebody knows about them.
 *
 * The user's struct begins with struct hp_item_node; the table allocates it zeroed with a copy
 * of the id. Chained, doubling; the order of a walk means nothing.
 *
 * Thread: one at a time.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_FLOW_ITEMS_H
#define HP_FLOW_ITEMS_H

#include "base/bytes.h"

struct hp_item_node {
    struct hp_item_node *next; /* in its slot */
    uint64_t hash;
    struct hp_bytes id;
};

struct hp_items { /* zeroed is empty */
    struct hp_item_node **slots;
    size_t slot_count;
    size_t count;
};

struct hp_item_node *hp_items_find(const struct hp_items *items, struct hp_bytes id);
/* The node of `id`, made with `size` bytes when there is none. */
struct hp_item_node *hp_items_get(struct hp_items *items, struct hp_bytes id, size_t size);
/* Frees the node; what it owns is the caller's matter. */
void hp_items_remove(struct hp_items *items, struct hp_item_node *node);
/* Walks all: NULL first, then the node given back; NULL at the end. No changes meanwhile. */
struct hp_item_node *hp_items_next(const struct hp_items *items, struct hp_item_node *node);
/* Frees all nodes. */
void hp_items_release(struct hp_items *items);

#endif
