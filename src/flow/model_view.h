/*
 * flow/model_view.h - the item model as every process reads it: whole epochs, or nothing.
 *
 * The model topic has one partition, an epoch is one transaction on it, and its manifest comes
 * last; so everything in front of a manifest belongs to it, and rows behind the last manifest
 * are held back until theirs arrives. A snapshot is immutable and counted.
 *
 * Thread: step() one thread; acquire, release and lookups any.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_FLOW_MODEL_VIEW_H
#define HP_FLOW_MODEL_VIEW_H

#include "broker/broker.h"

struct hp_model_view;
struct hp_model_snapshot;

#define HP_MODEL_NOBODY     UINT32_MAX
#define HP_MODEL_WEIGHT_ONE 16384 /* a weight of 1 */

/* What the model says of an item; zeroed but for `repurchase_micros` when it says nothing. */
struct hp_model_item {
    int64_t users;             /* n_i */
    int64_t trend_micros;      /* t_j: decayed buyers of a day against all decayed buyers */
    int64_t repurchase_micros; /* rho_j / rho_0 */
};

HP_MUST_CHECK enum hp_status hp_model_view_new(struct hp_cluster *cluster, const char *topic,
    struct hp_model_view **view, struct hp_error *error);
void hp_model_view_free(struct hp_model_view *view); /* snapshots held stay good */
HP_MUST_CHECK enum hp_status hp_model_view_step(
    struct hp_model_view *view, int timeout_ms, struct hp_error *error);
bool hp_model_view_ready(const struct hp_model_view *view);

/* Never NULL: before the first epoch it is the empty model of epoch 0. */
struct hp_model_snapshot *hp_model_view_acquire(struct hp_model_view *view);
void hp_model_snapshot_release(struct hp_model_snapshot *snapshot); /* NULL is fine */

int64_t hp_model_snapshot_epoch(const struct hp_model_snapshot *snapshot);
int64_t hp_model_snapshot_users(const struct hp_model_snapshot *snapshot);
int64_t hp_model_snapshot_latest_day(const struct hp_model_snapshot *snapshot);
size_t hp_model_snapshot_count(const struct hp_model_snapshot *snapshot);
struct hp_model_item hp_model_snapshot_find(
    const struct hp_model_snapshot *snapshot, struct hp_bytes item_id);

/*
 * By number, for those who ask often. Numbers count from 0 to below hp_model_snapshot_numbers()
 * and mean something in this snapshot only; a few may belong to items without a row.
 */
size_t hp_model_snapshot_numbers(const struct hp_model_snapshot *snapshot);
uint32_t hp_model_snapshot_number(/* HP_MODEL_NOBODY when the model never heard of it */
    const struct hp_model_snapshot *snapshot, struct hp_bytes item_id);
struct hp_model_item hp_model_snapshot_item(
    const struct hp_model_snapshot *snapshot, uint32_t number);
struct hp_bytes hp_model_snapshot_id(const struct hp_model_snapshot *snapshot, uint32_t number);

/* Items and weights side by side, by number; weights are above 0. */
struct hp_model_links {
    const uint32_t *items;
    const uint16_t *weights; /* in 1 / HP_MODEL_WEIGHT_ONE */
    size_t count;
};
/* Which items a purchase of this one speaks for: next choice. */
struct hp_model_links hp_model_snapshot_speaks_for(
    const struct hp_model_snapshot *snapshot, uint32_t number);
/* Which items speak for this one when they are in the same box. */
struct hp_model_links hp_model_snapshot_goes_with(
    const struct hp_model_snapshot *snapshot, uint32_t number);
/* Bytes it occupies. */
size_t hp_model_snapshot_bytes(const struct hp_model_snapshot *snapshot);

#endif
