/*
 * model/ridge.h - one item explained by its partners: (G + λ I) w = g, and the weights as
 * bytes.
 *
 * G counts the users two partners have in common (on the diagonal, a partner's users), g those
 * a partner shares with the item. Nothing but + - × ÷ and square roots of doubles in a fixed
 * order (no fused multiply-add), so that the bytes are the same on every machine.
 *
 * Thread: any. Pure.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_MODEL_RIDGE_H
#define HP_MODEL_RIDGE_H

#include <stddef.h>
#include <stdint.h>

#define HP_RIDGE_MAX       60
#define HP_RIDGE_WIDTH     64 /* numbers from one row of `gram` to the next */
#define HP_RIDGE_SHIFT_MAX 14

struct hp_ridge {
    size_t count;                                /* partners, at most HP_RIDGE_MAX */
    int32_t gram[HP_RIDGE_MAX * HP_RIDGE_WIDTH]; /* the upper triangle, diagonal included */
    int32_t shared[HP_RIDGE_MAX];                /* g */
};

/*
 * `weights` gets `count` numbers. A λ for which G + λ I is not positive definite is doubled
 * until it is. λ is above 0.
 */
void hp_ridge_solve(const struct hp_ridge *ridge, double lambda, double *weights);

/*
 * Weights as whole numbers: bytes[k] = round(2^shift · weights[k]) with the greatest shift, 0
 * to HP_RIDGE_SHIFT_MAX, that keeps all of them within ±127. Without positive weights all are
 * 0. Weights below 0 become 0.
 */
struct hp_quantised {
    int8_t bytes[HP_RIDGE_MAX];
    int32_t shift;
};
void hp_ridge_quantise(const double *weights, size_t count, struct hp_quantised *quantised);

#endif
