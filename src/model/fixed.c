/*
 * model/fixed.c - logarithm, power and root in integers.
 *
 * exp2 multiplies 2^(-2^-k) for every binary digit k that is set in the fraction; log2 squares
 * the mantissa and takes one digit each time it passes two (both in Knuth, TAOCP 1.2.2). All
 * products are 64 × 64 bits cut to the upper half, so every machine cuts alike. About 60 ns
 * each: they are used per item and day, not per candidate.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "model/fixed.h"

#include "base/status.h"

#define Q32_ONE (INT64_C(1) << 32)

/* 2^(-2^-k) in Q63, for k = 1 to 32. */
static const uint64_t halvings[32] = {
    UINT64_C(0x5a827999fcef3242),
    UINT64_C(0x6ba27e656b4eb57a),
    UINT64_C(0x75606373ee921c97),
    UINT64_C(0x7a92be8a92436616),
    UINT64_C(0x7d41d96db915019d),
    UINT64_C(0x7e9f06067a4360ba),
    UINT64_C(0x7f4f08ae3dc7c426),
    UINT64_C(0x7fa765aca88f6453),
    UINT64_C(0x7fd3ab290e46d769),
    UINT64_C(0x7fe9d3a8e07bf086),
    UINT64_C(0x7ff4e9597bed93ab),
    UINT64_C(0x7ffa748dff8dc61f),
    UINT64_C(0x7ffd3a3f50020332),
    UINT64_C(0x7ffe9d1dbc0a75aa),
    UINT64_C(0x7fff4e8e6306ed59),
    UINT64_C(0x7fffa74712c3cdfd),
    UINT64_C(0x7fffd3a381b1fa29),
    UINT64_C(0x7fffe9d1beed018a),
    UINT64_C(0x7ffff4e8defb81d7),
    UINT64_C(0x7ffffa746f5f012f),
    UINT64_C(0x7ffffd3a37a7d0a8),
    UINT64_C(0x7ffffe9d1bd1fc58),
    UINT64_C(0x7fffff4e8de8832d),
    UINT64_C(0x7fffffa746f422d7),
    UINT64_C(0x7fffffd3a37a09bb),
    UINT64_C(0x7fffffe9d1bd02f2),
    UINT64_C(0x7ffffff4e8de80fe),
    UINT64_C(0x7ffffffa746f4060),
    UINT64_C(0x7ffffffd3a37a028),
    UINT64_C(0x7ffffffe9d1bd012),
    UINT64_C(0x7fffffff4e8de809),
    UINT64_C(0x7fffffffa746f404),
};

/* The upper 64 bits of a product. */
static uint64_t
multiply_high(uint64_t a, uint64_t b)
{
    uint64_t a_low = a & UINT32_MAX;
    uint64_t b_low = b & UINT32_MAX;
    uint64_t a_high = a >> 32;
    uint64_t b_high = b >> 32;
    uint64_t middle = a_high * b_low + (a_low * b_low >> 32);
    uint64_t cross = a_low * b_high + (middle & UINT32_MAX);

    return a_high * b_high + (middle >> 32) + (cross >> 32);
}

uint64_t
hp_fixed_sqrt(uint64_t value)
{
    uint64_t root = 0;

    for (uint64_t bit = UINT64_C(1) << 31; bit; bit >>= 1)
        if ((root | bit) * (root | bit) <= value)
            root |= bit;
    return root;
}

int64_t
hp_fixed_log2(uint64_t value)
{
    uint64_t mantissa = value;
    int64_t whole = 63;
    uint64_t fraction = 0;

    HP_ASSERT(value > 0);
    for (; mantissa >> 63 == 0; mantissa <<= 1)
        whole--;
    for (int digit = 0; digit < 32; digit++) {
        mantissa = multiply_high(mantissa, mantissa);
        fraction = fraction << 1 | mantissa >> 63;
        if (mantissa >> 63 == 0)
            mantissa <<= 1;
    }
    return whole * Q32_ONE + (int64_t)fraction;
}

/* 2^-fraction in Q63, for a Q32 fraction below one. */
static uint64_t
power_of_fraction(uint64_t fraction)
{
    uint64_t power = UINT64_C(1) << 63;

    for (int k = 1; k <= 32; k++)
        if (fraction >> (32 - k) & 1)
            power = multiply_high(power, halvings[k - 1]) << 1;
    return power;
}

/* exponent = whole - fraction, so the power of the fraction lies in (1/2, 1]. */
uint64_t
hp_fixed_exp2(int64_t exponent)
{
    int64_t whole = exponent / Q32_ONE + (exponent % Q32_ONE > 0);
    int64_t shift = 31 - whole;

    if (exponent >= 32 * Q32_ONE)
        return UINT64_MAX;
    if (shift >= 64)
        return 0;
    if (shift == -1)
        return power_of_fraction((uint64_t)(whole * Q32_ONE - exponent)) << 1;
    return power_of_fraction((uint64_t)(whole * Q32_ONE - exponent)) >> shift;
}

int64_t
hp_fixed_decay(int64_t age_days, int64_t half_life_days)
{
    HP_ASSERT(half_life_days > 0);
    if (age_days <= 0)
        return HP_DECAY_ONE;
    if (age_days / half_life_days > HP_DECAY_BITS)
        return 0;
    return (int64_t)((hp_fixed_exp2(-(age_days * Q32_ONE / half_life_days)) +
                         (UINT64_C(1) << (31 - HP_DECAY_BITS))) >>
                     (32 - HP_DECAY_BITS));
}
