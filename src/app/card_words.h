/*
 * app/card_words.h - reason codes in words, item ids as names.
 *
 * Thread: any.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_APP_CARD_WORDS_H
#define HP_APP_CARD_WORDS_H

#include "app/cards.h"

/* The name of an item: from the box (may be NULL), from `options->name_of`, or its id. */
struct hp_bytes hp_card_item_name(
    struct hp_bytes id, const struct hp_box *box, const struct hp_card_options *options);

/* A reason in words, for instance "goes with Masala Chai 200 g", in UTF-8. `box` and `item` may
 * be NULL: they are asked for names, and not to name the item itself. */
void hp_reason_words(struct hp_buffer *out, const struct hp_reason *reason,
    const struct hp_box *box, const struct hp_box_item *item,
    const struct hp_card_options *options);

#endif
