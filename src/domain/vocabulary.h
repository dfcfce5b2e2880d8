/*
 * domain/vocabulary.h - the allergens and diets we know, and what is safe for whom.
 *
 * Codes written by people ("Tree Nuts", "tree_nut", "cashews") become small numbers, sets of
 * them become masks. Only codes decide safety, never free text, and what is not known is not
 * safe: an item with a code we do not know has unknown allergens, and a user who avoids a code
 * we do not know gets only items known to contain none.
 *
 * The text form, one entry a line; a name may be repeated, its lists add up:
 *
 *     # comment
 *     allergen peanut = peanuts, groundnut      other spellings after =
 *     diet     vegan  = plant-based => eggless  what follows from it after =>
 *
 * Codes are compared after trimming white space, in ASCII lower case, with `_` and space as
 * `-`.
 *
 * Thread: any, once made. Pure.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_DOMAIN_VOCABULARY_H
#define HP_DOMAIN_VOCABULARY_H

#include "domain/event.h"

#define HP_VOCABULARY_CODES_MAX 64 /* allergens, and diets: one bit each */
#define HP_VOCABULARY_BYTES_MAX 64
#define HP_CODE_UNKNOWN         (-1)

struct hp_vocabulary; /* opaque */

/*
 * Reads the text form. `name` is what errors call the text (a file name); they are HP_USAGE and
 * begin with `name:line:`. The caller frees `*out` with hp_vocabulary_free().
 */
HP_MUST_CHECK enum hp_status hp_vocabulary_parse(
    struct hp_bytes text, const char *name, struct hp_vocabulary **out, struct hp_error *error);

/* The vocabulary built into the program (conf/vocabulary). Never fails. */
struct hp_vocabulary *hp_vocabulary_new(void);

/* The text it is made from. */
struct hp_bytes hp_vocabulary_text(void);

void hp_vocabulary_free(struct hp_vocabulary *vocabulary);

/* A number from 0, or HP_CODE_UNKNOWN. `code` as people write it. */
int hp_vocabulary_allergen(const struct hp_vocabulary *vocabulary, struct hp_bytes code);
int hp_vocabulary_diet(const struct hp_vocabulary *vocabulary, struct hp_bytes code);

/* How many there are, and the first spelling of a number below that. */
int hp_vocabulary_allergen_count(const struct hp_vocabulary *vocabulary);
int hp_vocabulary_diet_count(const struct hp_vocabulary *vocabulary);
const char *hp_vocabulary_allergen_name(const struct hp_vocabulary *vocabulary, int number);
const char *hp_vocabulary_diet_name(const struct hp_vocabulary *vocabulary, int number);

/* What an item contains. Not known when the field is null or holds a code we do not know. */
struct hp_allergens {
    bool known;
    uint64_t mask;
};

/* What somebody avoids. Zeroed avoids nothing. */
struct hp_avoid {
    uint64_t mask;
    bool has_unknown;
};

/* The diets an item must suit. Zeroed asks for nothing. */
struct hp_diets {
    uint64_t mask;
    bool has_unknown; /* UNKNOWN_DIET: nothing can be shown to suit it */
};

struct hp_allergens hp_vocabulary_allergens(
    const struct hp_vocabulary *vocabulary, const struct hp_catalogue_item *item);

/* The diets an item suits, with everything that follows from them; claims we do not know
 * count for nothing. */
uint64_t hp_vocabulary_item_diets(
    const struct hp_vocabulary *vocabulary, const struct hp_catalogue_item *item);

/* Adds codes to what is avoided or asked for: of the preferences, then of a request. */
void hp_vocabulary_avoid(
    const struct hp_vocabulary *vocabulary, struct hp_strings codes, struct hp_avoid *avoid);
void hp_vocabulary_require(
    const struct hp_vocabulary *vocabulary, struct hp_strings codes, struct hp_diets *diets);

/* Both as one word, for columns of items: safe when they share no bit. An item that does not
 * say holds everything; who avoids what nobody knows avoids everything. */
static inline uint64_t
hp_allergens_word(struct hp_allergens item)
{
    return item.known ? item.mask : UINT64_MAX;
}

static inline uint64_t
hp_avoid_word(struct hp_avoid avoid)
{
    return avoid.has_unknown ? UINT64_MAX : avoid.mask;
}

static inline bool
hp_allergens_safe(struct hp_allergens item, struct hp_avoid avoid)
{
    return (hp_allergens_word(item) & hp_avoid_word(avoid)) == 0;
}

static inline bool
hp_diets_suit(uint64_t item_diets, struct hp_diets wanted)
{
    return !wanted.has_unknown && (item_diets & wanted.mask) == wanted.mask;
}

/*
 * The comparable form of a code: trimmed, ASCII lower case, `_` and space as `-`. Returns its
 * size, or 0 when nothing is left, or it holds a zero byte or more than
 * HP_VOCABULARY_BYTES_MAX.
 */
size_t hp_code_normalise(struct hp_bytes code, char out[HP_VOCABULARY_BYTES_MAX + 1]);

#endif
