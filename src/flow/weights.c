/*
 * flow/weights.c - one item's partners and their weights.
 *
 *     C  = the 60 partners j of i with the greatest LLR(n_i, n_j, g_ij, N), g_ij >= min_buyers
 *     w  = (G_CC + λ I)⁻¹ g_C,i          G: g_jk, on the diagonal n_j
 *     next_ij = w(λ = 3 · mean n)_j + ⅓ √(LLR_ij / N)        box_ij = w(λ = 50)_j
 *
 * √(LLR / N) is close to the correlation of the two columns (χ² = N φ²). The ridge divides what
 * several partners explain together among them; a little of the plain correlation puts back
 * what it takes from partners that are alike, and lifts the ranking of new items by a tenth
 * (docs/model.md).
 *
 * Pairs below min_buyers are never partners. They are left out before the system is solved and
 * not after it, so that the others can take over what they explain.
 *
 * The counts among partners are looked up in the shorter of the two rows; short rows are passed
 * over once, long ones searched. An item costs some 30 µs for the ratios of 1,000 partners,
 * 20 µs for the counts and 2 × 20 µs for the two systems.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "flow/weights.h"

#include <assert.h>
#include <math.h>

#define MILLIS     1000
#define SIGNS      4  /* binary digits N and λ keep */
#define SCAN_STEPS 12 /* entries of a row that cost as much as one search */

const struct hp_weights_constants hp_weights_defaults = {
    .min_buyers = 5,
    .next_lambda_millis = 3000,
    .box_lambda = 50,
    .similarity_millis = 333,
};

struct hp_weigher {
    struct hp_sums *sums;
    struct hp_weights_constants constants;
    struct hp_llr_world world;
    int64_t next_lambda;
    uint8_t *places; /* by number: place in the partners + 1; 0 between items */
    size_t place_count;
    struct hp_ridge ridge;
    struct hp_partners partners;
    uint32_t numbers[HP_PARTNERS_MAX];
    struct hp_sums_row rows[HP_PARTNERS_MAX];
};

static_assert(HP_PARTNERS_MAX <= HP_RIDGE_MAX, "a system for all partners");

struct hp_weigher *
hp_weigher_new(struct hp_sums *sums, const struct hp_weights_constants *constants)
{
    struct hp_weigher *weigher = hp_alloc(sizeof(*weigher));

    weigher->sums = sums;
    weigher->constants = constants ? *constants : hp_weights_defaults;
    hp_weigher_look(weigher);
    return weigher;
}

void
hp_weigher_free(struct hp_weigher *weigher)
{
    if (!weigher)
        return;
    hp_llr_world_release(&weigher->world);
    free(weigher->places);
    free(weigher);
}

/* Up to the next number that has only SIGNS binary digits before its zeros. */
static int64_t
round_up(int64_t value)
{
    int64_t unit = 1;

    while (value / unit >= 1 << SIGNS)
        unit *= 2;
    return (value + unit - 1) / unit * unit;
}

bool
hp_weigher_look(struct hp_weigher *weigher)
{
    struct hp_sums *sums = weigher->sums;
    int64_t users = round_up(hp_sums_users(sums, hp_sums_number(sums, HP_HEAD_EVERYBODY)));
    int64_t chosen = hp_sums_chosen(sums);
    int64_t lambda =
        chosen ? weigher->constants.next_lambda_millis * hp_sums_choices(sums) / chosen : 0;

    lambda = round_up(lambda > MILLIS ? lambda / MILLIS : 1);
    if (users == weigher->world.users && lambda == weigher->next_lambda)
        return false;
    hp_llr_world_set(&weigher->world, users);
    weigher->next_lambda = lambda;
    return true;
}

/* ---- partners -----------------------------------------------------------------------------
 */

static void
choose_partners(struct hp_weigher *weigher, uint32_t number)
{
    struct hp_sums *sums = weigher->sums;
    struct hp_sums_row row = hp_sums_row(sums, number);
    struct hp_llr_item item = hp_llr_item(&weigher->world, hp_sums_users(sums, number));
    struct hp_partners *partners = &weigher->partners;

    partners->count = 0;
    for (size_t i = 0; i < row.count; i++) {
        uint32_t both = hp_sums_row_users(&row, i);
        uint32_t other = hp_sums_row_number(&row, i);
        struct hp_llr_item partner;
        int64_t llr;

        if (both < weigher->constants.min_buyers)
            continue;
        partner = hp_llr_item(&weigher->world, hp_sums_users(sums, other));
        llr = hp_llr(&weigher->world, &item, &partner, both);
        if (llr > 0)
            hp_partners_offer(
                partners, (struct hp_partner){hp_sums_rank(sums, other), (int32_t)both, llr});
    }
    hp_partners_sort(partners);
    for (size_t i = 0; i < partners->count; i++)
        weigher->numbers[i] = hp_sums_at_rank(sums, partners->items[i].item);
}

/* ---- the system ---------------------------------------------------------------------------
 */

static void
make_room(struct hp_weigher *weigher)
{
    size_t count = hp_sums_count(weigher->sums);

    if (weigher->place_count >= count)
        return;
    free(weigher->places);
    weigher->places = hp_alloc(2 * count);
    weigher->place_count = 2 * count;
}

static void
set_both(struct hp_ridge *ridge, size_t a, size_t b, int64_t users)
{
    ridge->gram[a < b ? a * HP_RIDGE_WIDTH + b : b * HP_RIDGE_WIDTH + a] = (int32_t)users;
}

/* Partners by the length of their rows: of two, the shorter is asked. */
static void
sort_places(const struct hp_weigher *weigher, size_t *order)
{
    for (size_t i = 0; i < weigher->partners.count; i++) {
        size_t at = i;

        for (; at > 0 && weigher->rows[order[at - 1]].count > weigher->rows[i].count; at--)
            order[at] = order[at - 1];
        order[at] = i;
    }
}

/* What partner `a` shares with those still marked. */
static void
fill_shared(struct hp_weigher *weigher, size_t a, const size_t *others, size_t other_count)
{
    const struct hp_sums_row *row = &weigher->rows[a];

    if (row->numbers && row->count < SCAN_STEPS * other_count) {
        for (size_t i = 0; i < row->count; i++) {
            uint8_t place = weigher->places[row->numbers[i]];

            if (place)
                set_both(&weigher->ridge, a, place - 1U, row->users[i]);
        }
        return;
    }
    for (size_t i = 0; i < other_count; i++)
        set_both(&weigher->ridge, a, others[i], hp_sums_both(row, weigher->numbers[others[i]]));
}

static void
set_up(struct hp_weigher *weigher)
{
    struct hp_ridge *ridge = &weigher->ridge;
    size_t count = weigher->partners.count;
    size_t order[HP_PARTNERS_MAX];

    make_room(weigher);
    ridge->count = count;
    for (size_t i = 0; i < count; i++) {
        weigher->rows[i] = hp_sums_row(weigher->sums, weigher->numbers[i]);
        weigher->places[weigher->numbers[i]] = (uint8_t)(i + 1);
        ridge->shared[i] = weigher->partners.items[i].both;
        memset(&ridge->gram[i * HP_RIDGE_WIDTH], 0, count * sizeof(ridge->gram[0]));
        ridge->gram[i * HP_RIDGE_WIDTH + i] =
            (int32_t)hp_sums_users(weigher->sums, weigher->numbers[i]);
    }
    sort_places(weigher, order);
    for (size_t i = 0; i < count; i++) {
        weigher->places[weigher->numbers[order[i]]] = 0;
        fill_shared(weigher, order[i], &order[i + 1], count - i - 1);
    }
}

/* ---- weights ------------------------------------------------------------------------------
 */

static void
add_similarity(const struct hp_weigher *weigher, double *next)
{
    double share = (double)weigher->constants.similarity_millis / MILLIS;
    double users = (double)weigher->world.users * HP_LLR_ONE;

    for (size_t i = 0; i < weigher->partners.count; i++) {
        double ratio = (double)weigher->partners.items[i].llr / users;

        next[i] = (next[i] > 0 ? next[i] : 0) + share * sqrt(ratio);
    }
}

void
hp_weigher_solve(struct hp_weigher *weigher, uint32_t number, struct hp_arena *arena,
    struct hp_model_weights *weights)
{
    struct hp_model_partner *partners;
    struct hp_quantised next;
    struct hp_quantised box;
    double solved[HP_RIDGE_MAX];

    *weights = (struct hp_model_weights){.count = 0};
    choose_partners(weigher, number);
    if (weigher->partners.count == 0)
        return;
    set_up(weigher);
    hp_ridge_solve(&weigher->ridge, (double)weigher->next_lambda, solved);
    add_similarity(weigher, solved);
    hp_ridge_quantise(solved, weigher->partners.count, &next);
    hp_ridge_solve(&weigher->ridge, (double)weigher->constants.box_lambda, solved);
    hp_ridge_quantise(solved, weigher->partners.count, &box);
    weights->next_shift = (uint8_t)next.shift;
    weights->box_shift = (uint8_t)box.shift;
    partners = HP_ARENA_ARRAY(arena, weigher->partners.count, struct hp_model_partner);
    for (size_t i = 0; i < weigher->partners.count; i++)
        if (next.bytes[i] || box.bytes[i])
            partners[weights->count++] =
                (struct hp_model_partner){hp_sums_id(weigher->sums, weigher->numbers[i]),
                    (uint8_t)next.bytes[i], (uint8_t)box.bytes[i]};
    weights->partners = partners;
}
