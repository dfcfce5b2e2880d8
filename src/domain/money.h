/*
 * domain/money.h - amounts as people write them: 14950000 paise is ₹1,49,500.
 *
 * Thread: any. Pure.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_DOMAIN_MONEY_H
#define HP_DOMAIN_MONEY_H

#include "base/bytes.h"

#define HP_MONEY_TEXT 48 /* bytes that hold any amount, its currency and the zero */

/*
 * INR (or no currency) with the rupee sign and Indian grouping (₹1,23,456 or ₹1,23,456.50:
 * paise only when there are any); any other currency plainly (GBP 1234.50). Minus in front.
 * Currencies are cut at 8 bytes.
 */
void hp_money_text(int64_t minor, struct hp_bytes currency, char text[HP_MONEY_TEXT]);

/*
 * Reads what people type: an optional `₹`, `Rs`, `Rs.` or `INR`, digits with commas between
 * them, at most two decimals. False, and `*minor` untouched, on anything else, a minus
 * included, and above HP_MONEY_MAX.
 */
bool hp_money_parse(struct hp_bytes text, int64_t *minor);

#endif
