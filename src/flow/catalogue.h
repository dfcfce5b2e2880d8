/*
 * flow/catalogue.h - the catalogue as every instance sees it: all partitions of the topic, the
 * record at the highest offset of a key wins, immutable snapshots swapped after each batch.
 *
 * Fail closed: a key whose newest record cannot be decoded, breaks a limit, names another item
 * or is null keeps a marker that is never for sale, until a good record comes. Of the same key
 * on two partitions the later append time wins.
 *
 * Thread: the view's thread writes; anybody acquires.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_FLOW_CATALOGUE_H
#define HP_FLOW_CATALOGUE_H

#include "domain/item.h"
#include "engine/view.h"
#include "flow/flow.h"

#define HP_CATALOGUE_PARTITIONS_MAX 64

struct hp_shelf {                  /* one key of the topic */
    struct hp_catalogue_item item; /* only item_id when `vanished` */
    struct hp_item_rules rules;    /* quantity_max 0 when vanished or not for sale */
    struct hp_bytes family;        /* family, or the item's id */
    bool vanished;
    int32_t partition;
    int64_t offset;
    int64_t appended_at;
    int64_t material_at; /* offset of the last change that matters to every box with the item */
    int64_t stock_at;    /* of the last that left fewer to be had: matters to boxes with more */
    int64_t changed_at;  /* updated_at, or the append time of what made it vanish */
    int severity;        /* of the one at `material_at`: 0 safety, 1 price */
};

struct hp_catalogue {                      /* a snapshot */
    const struct hp_shelf *const *shelves; /* by item id */
    size_t count;
    uint64_t generation;
    int32_t partitions;
    int64_t positions[HP_CATALOGUE_PARTITIONS_MAX]; /* next to read */
};

/*
 * A record's item, in the arena. HP_BAD_RECORD with a reason code when it cannot be sold from:
 * malformed, beyond a limit, another key, another currency. HP_RETRY: no schema to be had now.
 */
HP_MUST_CHECK enum hp_status hp_catalogue_decode(const struct hp_flow_options *options,
    const struct hp_message *message, struct hp_arena *arena, struct hp_catalogue_item *item,
    struct hp_error *error);

struct hp_catalogue_view;

HP_MUST_CHECK enum hp_status hp_catalogue_view_new(const struct hp_flow_options *options,
    struct hp_catalogue_view **view, struct hp_error *error);
void hp_catalogue_view_free(struct hp_catalogue_view *view);
HP_MUST_CHECK enum hp_status hp_catalogue_view_step(
    struct hp_catalogue_view *view, int timeout_ms, struct hp_error *error);
bool hp_catalogue_view_ready(const struct hp_catalogue_view *view);

/* The newest snapshot, never NULL; give it back with the release. */
const struct hp_catalogue *hp_catalogue_acquire(struct hp_catalogue_view *view);
void hp_catalogue_release(struct hp_catalogue_view *view, const struct hp_catalogue *catalogue);

const struct hp_shelf *hp_catalogue_find(
    const struct hp_catalogue *catalogue, struct hp_bytes item_id);

#endif
