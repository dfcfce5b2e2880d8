/*
 * base/rng.h - seeded random numbers, the same on every machine (SplitMix64, Steele et al.
 * 2014).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_BASE_RNG_H
#define HP_BASE_RNG_H

#include <stdint.h>

struct hp_rng {
    uint64_t state; /* any value is a valid seed */
};

static inline uint64_t
hp_rng_next(struct hp_rng *rng)
{
    uint64_t z = rng->state += 0x9e3779b97f4a7c15U;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
}

/* Uniform in [0, bound); 0 when bound is 0. Multiply-shift (Lemire 2019), bias below 2^-32. */
static inline uint32_t
hp_rng_below(struct hp_rng *rng, uint32_t bound)
{
    return (uint32_t)((hp_rng_next(rng) >> 32) * bound >> 32);
}

/* Uniform in [low, high]. */
static inline int64_t
hp_rng_between(struct hp_rng *rng, int64_t low, int64_t high)
{
    return low + (int64_t)(hp_rng_next(rng) % (uint64_t)(high - low + 1));
}

#endif
