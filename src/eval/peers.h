/*
 * eval/peers.h - what a recommender has to beat: four baselines that learn order by order.
 *
 *     popularity   users who ever bought the item
 *     decayed      orders with the item, each worth half after 20 days
 *     frequency    the user's own orders with the item; ties, and what he never bought, by
 *                  decayed popularity
 *     cosine       sum over what the user bought of 2^(-age / 120 days) cos(i, j), of each
 *                  bought item its 20 nearest others, cos = users with both / sqrt(n_i n_j)
 *
 * Cosine's neighbours are those of the last hp_peers_solve(); everything else is up to date.
 *
 * Costs 24 bytes per user and item bought, and 320 bytes an item for its neighbours; solving
 * takes the sum over users of (items bought)² steps.
 *
 * Thread: one at a time.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_EVAL_PEERS_H
#define HP_EVAL_PEERS_H

#include "eval/ranking.h"

enum hp_peer { HP_PEER_POPULARITY, HP_PEER_DECAYED, HP_PEER_FREQUENCY, HP_PEER_COSINE };
#define HP_PEER_COUNT 4

extern const char *const hp_peer_names[HP_PEER_COUNT];

struct hp_peers; /* opaque */

struct hp_peers *hp_peers_new(size_t user_count, size_t item_count);
void hp_peers_free(struct hp_peers *peers); /* NULL is fine */

/* An order; in the order of time. */
void hp_peers_learn(
    struct hp_peers *peers, uint32_t user, int64_t at_ms, struct hp_item_set items);
void hp_peers_solve(struct hp_peers *peers);

/* What the user bought so far; empty: nobody knows the user. Valid until the next learn. */
struct hp_item_set hp_peers_had(const struct hp_peers *peers, uint32_t user);
/* Users who ever bought the item, and all users who bought. */
uint32_t hp_peers_buyers(const struct hp_peers *peers, uint32_t item);
uint32_t hp_peers_users(const struct hp_peers *peers);

/* Scores of all items for the user; `now_ms` not before the last order learned. */
void hp_peers_score(const struct hp_peers *peers, enum hp_peer peer, uint32_t user,
    int64_t now_ms, double *scores);
/* Cosine of what stands in a box already: every item of it speaks with weight 1. */
void hp_peers_complete(const struct hp_peers *peers, struct hp_item_set box, double *scores);

#endif
