/*
 * domain/occasions.h - what a festival asks for: categories that gain weight on an occasion.
 *
 * The text form, one occasion a line, other names of it before the `=`:
 *
 *     occasion diwali, deepavali = Dry Fruits 30, Sweets 40
 *
 * The number is the bonus in per cent of a good item's gain. Names are compared like codes
 * (domain/vocabulary.h).
 *
 * Thread: any, once made. Pure.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_DOMAIN_OCCASIONS_H
#define HP_DOMAIN_OCCASIONS_H

#include "base/bytes.h"

#define HP_OCCASION_BONUS_MAX 200 /* per cent */
#define HP_OCCASIONS_MAX      64
#define HP_OCCASION_LINES_MAX 32 /* categories of one occasion */

struct hp_occasions; /* opaque */

/* As hp_vocabulary_parse(): errors are HP_USAGE and begin with `name:line:`. */
HP_MUST_CHECK enum hp_status hp_occasions_parse(
    struct hp_bytes text, const char *name, struct hp_occasions **out, struct hp_error *error);

/* The set built into the program (conf/occasions). Never fails. */
struct hp_occasions *hp_occasions_new(void);
struct hp_bytes hp_occasions_text(void);
void hp_occasions_free(struct hp_occasions *occasions);

bool hp_occasions_known(const struct hp_occasions *occasions, struct hp_bytes occasion);

/* Per cent, 0 when the occasion or the category is not in the set. */
int hp_occasions_bonus(
    const struct hp_occasions *occasions, struct hp_bytes occasion, struct hp_bytes category);

#endif
