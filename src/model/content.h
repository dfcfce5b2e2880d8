/*
 * model/content.h - which items are alike by what is said of them: words of the name, category,
 * tags, family.
 *
 * An item nobody has bought yet borrows from the items most like it; the model of counts has
 * nothing to say about it. Likeness is the cosine of word vectors weighted by rarity, in whole
 * numbers.
 *
 * Thread: any. Pure.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_MODEL_CONTENT_H
#define HP_MODEL_CONTENT_H

#include "domain/event.h"

#define HP_CONTENT_NEAREST 32
#define HP_CONTENT_NOBODY  UINT32_MAX

struct hp_content_item {
    struct hp_bytes name;
    struct hp_bytes category;
    struct hp_bytes family; /* no value: none */
    struct hp_strings tags;
};

/* nearest[item × HP_CONTENT_NEAREST + k]: the k-th most like it, ties by number;
 * HP_CONTENT_NOBODY behind the last that has anything in common. */
struct hp_content {
    size_t count;
    uint32_t *nearest; /* owned */
};

void hp_content_build(
    const struct hp_content_item *items, size_t count, struct hp_content *content);
void hp_content_release(struct hp_content *content); /* zeroed is fine */

#endif
