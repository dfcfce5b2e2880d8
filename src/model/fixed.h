/*
 * model/fixed.h - logarithm, power and root in integers: the same on every machine.
 *
 * Q32 means 32 binary digits after the point. Errors are below 2^-28 relative (exp2) and
 * 2^-30 absolute (log2).
 *
 * Thread: any. Pure.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_MODEL_FIXED_H
#define HP_MODEL_FIXED_H

#include <stdint.h>

#define HP_DECAY_BITS 24
#define HP_DECAY_ONE  (INT64_C(1) << HP_DECAY_BITS)

/* floor(sqrt(value)). */
uint64_t hp_fixed_sqrt(uint64_t value);

/* log2 of a whole number above 0, in Q32. */
int64_t hp_fixed_log2(uint64_t value);

/* 2^exponent in Q32 for a Q32 exponent; 0 when too small, UINT64_MAX when 2^32 or more. */
uint64_t hp_fixed_exp2(int64_t exponent);

/* 2^(-age / half_life) in units of 1 / HP_DECAY_ONE; an age below 0 counts as 0. half_life is
 * above 0. */
int64_t hp_fixed_decay(int64_t age_days, int64_t half_life_days);

#endif
