/*
 * app/cards.h - recommendations as cards on a terminal, and what changed between two.
 *
 *     ┌ Asha · ₹1,500 · Diwali · no peanuts ───────────── box 1/3 ┐
 *     │ Roasted Makhana 100 g   ₹180  goes with Masala Chai 200 g │
 *     │ Ragi Cookies 200 g      ₹160  new to you                  │
 *     │ ...                                                       │
 *     │ ₹1,462 ███████████████████▌ 97% of ₹1,500                 │
 *     │ Healthy Foods 3 · Dry Fruits 2                            │
 *     └───────────────────────── refreshed 38 ms after your event ┘
 *
 * Names are data and made safe to print; nothing here fails. Strings are borrowed.
 *
 * Thread: any.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_APP_CARDS_H
#define HP_APP_CARDS_H

#include "domain/event.h"

#include <stdio.h>

#define HP_CARD_COLUMNS     78
#define HP_CARD_COLUMNS_MIN 48

struct hp_card_options {
    bool ascii;         /* plain ASCII instead of UTF-8 */
    bool colour;        /* ANSI colours */
    int columns;        /* width of a card; 0: HP_CARD_COLUMNS */
    const char *name;   /* of the user; NULL: the user id */
    const char *note;   /* what is special about them, or NULL */
    const char *footer; /* words in the lower edge, or NULL */
    /* The name of an item that reasons mention and the box does not hold; no value, or a NULL
     * function: its id is shown. */
    struct hp_bytes (*name_of)(void *context, struct hp_bytes item_id);
    void *context;
};

/* Colour when `out` is a terminal and NO_COLOR and TERM=dumb do not speak against it; ASCII
 * when the locale variables ask for something else than UTF-8; as wide as the terminal, to 100.
 */
void hp_card_options_detect(FILE *out, struct hp_card_options *options);

/* One card a box; one with advice when there is no box; a note below when some are missing. */
void hp_cards_write(FILE *out, const struct hp_recommendation *recommendation,
    const struct hp_card_options *options);

/*
 * What went from the boxes of `before` and came into those of `after`, box by box: a line each
 * for items gone, new, or with another quantity or price. Returns the number of lines; 0 prints
 * that nothing changed. `before` may be NULL: everything is new.
 */
int hp_cards_diff(FILE *out, const struct hp_recommendation *before,
    const struct hp_recommendation *after, const struct hp_card_options *options);

#endif
