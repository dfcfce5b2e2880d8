/*
 * eval/peers.c - the baselines.
 *
 * Decayed popularity is kept forward (Cormode et al. 2009): an order at t adds 2^((t - L) / 20
 * days), L the first order's time. Ranks do not depend on now then, and nothing is touched
 * again. A double holds 56 years of it.
 *
 * Cosine's neighbours: for each item walk its buyers and count what else they bought. Nothing
 * is kept per pair, so memory does not grow with their number.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "eval/peers.h"

#include <math.h>

#define DAY_MS          86400000.0
#define POPULARITY_DAYS 20
#define PROFILE_DAYS    120
#define NEIGHBOURS      20

const char *const hp_peer_names[HP_PEER_COUNT] = {
    "popularity", "popularity, decayed", "frequency", "cosine"};

struct had { /* of a user, by item */
    int64_t last_ms;
    uint32_t count;
};

struct person {
    uint32_t *items; /* sorted */
    struct had *had; /* beside it */
    uint32_t count;
    uint32_t capacity;
};

struct neighbour {
    double cosine;
    uint32_t item;
};

struct hp_peers {
    size_t user_count;
    size_t item_count;
    struct person *people;
    uint32_t *buyers; /* by item */
    uint32_t known;   /* users with an order */
    double *decayed;  /* by item */
    double decayed_max;
    int64_t start_ms;
    bool started;
    struct neighbour *neighbours; /* NEIGHBOURS an item */
    uint8_t *neighbour_count;
};

struct hp_peers *
hp_peers_new(size_t user_count, size_t item_count)
{
    struct hp_peers *peers = hp_alloc(sizeof(*peers));

    peers->user_count = user_count;
    peers->item_count = item_count;
    peers->people = hp_alloc((user_count + 1) * sizeof(*peers->people));
    peers->buyers = hp_alloc((item_count + 1) * sizeof(*peers->buyers));
    peers->decayed = hp_alloc((item_count + 1) * sizeof(*peers->decayed));
    peers->neighbours = hp_alloc((item_count + 1) * NEIGHBOURS * sizeof(*peers->neighbours));
    peers->neighbour_count = hp_alloc(item_count + 1);
    return peers;
}

void
hp_peers_free(struct hp_peers *peers)
{
    if (!peers)
        return;
    for (size_t i = 0; i < peers->user_count; i++) {
        free(peers->people[i].items);
        free(peers->people[i].had);
    }
    free(peers->people);
    free(peers->buyers);
    free(peers->decayed);
    free(peers->neighbours);
    free(peers->neighbour_count);
    free(peers);
}

static void
person_grow(struct person *person, uint32_t more)
{
    if (person->count + more <= person->capacity)
        return;
    person->capacity = (person->count + more) * 2;
    person->items = hp_realloc_array(person->items, person->capacity, sizeof(*person->items));
    person->had = hp_realloc_array(person->had, person->capacity, sizeof(*person->had));
}

/* Merges from behind, so that nothing is moved twice. Returns how many items are new. */
static uint32_t
person_learn(
    struct hp_peers *peers, struct person *person, int64_t at_ms, struct hp_item_set items)
{
    struct hp_item_set old = {person->items, person->count};
    uint32_t fresh = 0;
    size_t from = person->count, to;

    for (size_t i = 0; i < items.count; i++)
        fresh += !hp_item_set_has(old, items.items[i]);
    person_grow(person, fresh);
    to = person->count + fresh;
    for (size_t i = items.count; i > 0; i--) {
        uint32_t item = items.items[i - 1];

        while (from > 0 && person->items[from - 1] > item) {
            to--;
            from--;
            person->items[to] = person->items[from];
            person->had[to] = person->had[from];
        }
        to--;
        if (from > 0 && person->items[from - 1] == item) {
            from--;
            person->had[to] = (struct had){at_ms, person->had[from].count + 1};
        } else {
            person->had[to] = (struct had){at_ms, 1};
            peers->buyers[item]++;
        }
        person->items[to] = item;
    }
    person->count += fresh;
    return fresh;
}

void
hp_peers_learn(struct hp_peers *peers, uint32_t user, int64_t at_ms, struct hp_item_set items)
{
    struct person *person = &peers->people[user];
    double worth;

    HP_ASSERT(user < peers->user_count);
    if (!peers->started) {
        peers->started = true;
        peers->start_ms = at_ms;
    }
    worth = exp2((double)(at_ms - peers->start_ms) / DAY_MS / POPULARITY_DAYS);
    peers->known += person->count == 0 && items.count > 0;
    person_learn(peers, person, at_ms, items);
    for (size_t i = 0; i < items.count; i++) {
        double *decayed = &peers->decayed[items.items[i]];

        *decayed += worth;
        if (*decayed > peers->decayed_max)
            peers->decayed_max = *decayed;
    }
}

struct hp_item_set
hp_peers_had(const struct hp_peers *peers, uint32_t user)
{
    return (struct hp_item_set){peers->people[user].items, peers->people[user].count};
}

uint32_t
hp_peers_buyers(const struct hp_peers *peers, uint32_t item)
{
    return peers->buyers[item];
}

uint32_t
hp_peers_users(const struct hp_peers *peers)
{
    return peers->known;
}

/* ---- neighbours -------------------------------------------------------------------------- */

/* The buyers of each item: users of item i from starts[i] to starts[i + 1]. */
static uint32_t *
list_buyers(const struct hp_peers *peers, size_t **starts)
{
    size_t *at = hp_alloc((peers->item_count + 2) * sizeof(*at));
    uint32_t *users;

    for (size_t i = 0; i < peers->item_count; i++)
        at[i + 2] = at[i + 1] + peers->buyers[i];
    users = hp_alloc((at[peers->item_count + 1] + 1) * sizeof(*users));
    for (uint32_t user = 0; user < peers->user_count; user++) /* at[i + 1] moves to its end */
        for (uint32_t i = 0; i < peers->people[user].count; i++)
            users[at[peers->people[user].items[i] + 1]++] = user;
    *starts = at;
    return users;
}

static bool
nearer(const struct neighbour *a, const struct neighbour *b)
{
    return a->cosine != b->cosine ? a->cosine > b->cosine : a->item < b->item;
}

static void
keep_nearest(struct neighbour *best, uint8_t *count, struct neighbour candidate)
{
    size_t at;

    if (*count == NEIGHBOURS && !nearer(&candidate, &best[NEIGHBOURS - 1]))
        return;
    at = *count < NEIGHBOURS ? (*count)++ : NEIGHBOURS - 1;
    for (; at > 0 && nearer(&candidate, &best[at - 1]); at--)
        best[at] = best[at - 1];
    best[at] = candidate;
}

void
hp_peers_solve(struct hp_peers *peers)
{
    size_t *starts;
    uint32_t *users = list_buyers(peers, &starts);
    uint32_t *both = hp_alloc((peers->item_count + 1) * sizeof(*both));
    uint32_t *seen = hp_alloc((peers->item_count + 1) * sizeof(*seen));

    for (uint32_t item = 0; item < peers->item_count; item++) {
        struct neighbour *best = peers->neighbours + (size_t)item * NEIGHBOURS;
        size_t seen_count = 0;

        for (size_t i = starts[item]; i < starts[item + 1]; i++) {
            const struct person *person = &peers->people[users[i]];

            for (uint32_t j = 0; j < person->count; j++)
                if (both[person->items[j]]++ == 0)
                    seen[seen_count++] = person->items[j];
        }
        peers->neighbour_count[item] = 0;
        for (size_t i = 0; i < seen_count; i++) {
            uint32_t other = seen[i];
            double size = sqrt((double)peers->buyers[item] * (double)peers->buyers[other]);

            if (other != item)
                keep_nearest(best, &peers->neighbour_count[item],
                    (struct neighbour){both[other] / size, other});
            both[other] = 0;
        }
    }
    free(both);
    free(seen);
    free(users);
    free(starts);
}

/* ---- scores ------------------------------------------------------------------------------ */

static void
speak(const struct hp_peers *peers, uint32_t item, double weight, double *scores)
{
    const struct neighbour *best = peers->neighbours + (size_t)item * NEIGHBOURS;

    for (size_t i = 0; i < peers->neighbour_count[item]; i++)
        scores[best[i].item] += weight * best[i].cosine;
}

static void
score_frequency(const struct hp_peers *peers, const struct person *person, double *scores)
{
    double below_one = peers->decayed_max > 0 ? 1 / (2 * peers->decayed_max) : 0;

    for (size_t i = 0; i < peers->item_count; i++)
        scores[i] = peers->decayed[i] * below_one;
    for (uint32_t i = 0; i < person->count; i++)
        scores[person->items[i]] += person->had[i].count;
}

static void
score_cosine(
    const struct hp_peers *peers, const struct person *person, int64_t now_ms, double *scores)
{
    for (size_t i = 0; i < peers->item_count; i++)
        scores[i] = 0;
    for (uint32_t i = 0; i < person->count; i++) {
        double days = (double)(now_ms - person->had[i].last_ms) / DAY_MS;

        speak(peers, person->items[i], exp2(-days / PROFILE_DAYS), scores);
    }
}

void
hp_peers_score(const struct hp_peers *peers, enum hp_peer peer, uint32_t user, int64_t now_ms,
    double *scores)
{
    const struct person *person = &peers->people[user];

    HP_ASSERT(user < peers->user_count);
    switch (peer) {
    case HP_PEER_POPULARITY:
        for (size_t i = 0; i < peers->item_count; i++)
            scores[i] = peers->buyers[i];
        return;
    case HP_PEER_DECAYED:
        memcpy(scores, peers->decayed, peers->item_count * sizeof(*scores));
        return;
    case HP_PEER_FREQUENCY: score_frequency(peers, person, scores); return;
    case HP_PEER_COSINE: score_cosine(peers, person, now_ms, scores); return;
    }
}

void
hp_peers_complete(const struct hp_peers *peers, struct hp_item_set box, double *scores)
{
    for (size_t i = 0; i < peers->item_count; i++)
        scores[i] = 0;
    for (size_t i = 0; i < box.count; i++)
        speak(peers, box.items[i], 1, scores);
}
