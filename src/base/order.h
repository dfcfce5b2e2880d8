/*
 * base/order.h - whole numbers in rising order, for qsort() and bsearch().
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_BASE_ORDER_H
#define HP_BASE_ORDER_H

#include <stdint.h>

static inline int
hp_order_int64(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a;
    int64_t right = *(const int64_t *)b;

    return (left > right) - (left < right);
}

static inline int
hp_order_uint32(const void *a, const void *b)
{
    uint32_t left = *(const uint32_t *)a;
    uint32_t right = *(const uint32_t *)b;

    return (left > right) - (left < right);
}

#endif
