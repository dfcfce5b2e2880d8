/*
 * domain/listing.h - lines of the form `keyword names = values => follows`, with # comments.
 *
 * The common reader of conf/vocabulary and conf/occasions.
 *
 * Thread: one at a time. Pure; borrows the text.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_DOMAIN_LISTING_H
#define HP_DOMAIN_LISTING_H

#include "base/bytes.h"

struct hp_listing {
    struct hp_bytes rest;
    int line; /* of the last entry, from 1 */
};

/* Parts are trimmed; a part that is not written has data == NULL. */
struct hp_listing_entry {
    struct hp_bytes keyword;
    struct hp_bytes names;   /* up to = or => */
    struct hp_bytes values;  /* after = */
    struct hp_bytes follows; /* after => */
};

/* The next entry; false at the end. Empty lines and comments are passed over. */
bool hp_listing_next(struct hp_listing *listing, struct hp_listing_entry *entry);

/* Takes the next comma-separated part, trimmed and perhaps empty; false when none is left. */
bool hp_listing_part(struct hp_bytes *list, struct hp_bytes *part);

/* Without white space at both ends. A null view stays null. */
struct hp_bytes hp_listing_trim(struct hp_bytes text);

#endif
