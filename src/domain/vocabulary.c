/*
 * domain/vocabulary.c
 *
 * Two tables of the same shape, allergens and diets. A table is a list of names (bit n is name
 * n) and a list of spellings sorted for binary search, each pointing at its name. "Follows
 * from" is a mask per name, closed once after reading, so that asking costs one OR.
 *
 *     diets   0 vegetarian  1 eggless  2 vegan {0 1}      implied[2] = 0b111
 *     spelling "plant-based" -> 2, "veg" -> 0, "vegan" -> 2, ...
 *
 * Invariants:
 *  (1) a spelling belongs to one name of its table;
 *  (2) implied[n] holds bit n, and with bit m all of implied[m].
 *
 * A lookup is a normalisation into a stack buffer and eight comparisons, about 60 ns.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "domain/vocabulary.h"

#include "domain/listing.h"

#define SPELLINGS_MAX 1024

extern const unsigned char hp_embed_vocabulary[];
extern const size_t hp_embed_vocabulary_size;

struct spelling {
    char code[HP_VOCABULARY_BYTES_MAX + 1];
    int number;
};

struct table {
    int count;
    char names[HP_VOCABULARY_CODES_MAX][HP_VOCABULARY_BYTES_MAX + 1];
    uint64_t implied[HP_VOCABULARY_CODES_MAX];
    struct spelling *spellings;
    size_t spelling_count;
};

struct hp_vocabulary {
    struct table allergens;
    struct table diets;
};

struct reader { /* where errors are */
    const char *name;
    int line;
    struct hp_error *error;
};

size_t
hp_code_normalise(struct hp_bytes code, char out[HP_VOCABULARY_BYTES_MAX + 1])
{
    code = hp_listing_trim(code);
    out[0] = 0;
    if (code.size == 0 || code.size > HP_VOCABULARY_BYTES_MAX ||
        memchr(code.data, 0, code.size))
        return 0;
    for (size_t i = 0; i < code.size; i++) {
        char c = (char)code.data[i];

        if (c == '_' || c == ' ')
            c = '-';
        else if (c >= 'A' && c <= 'Z')
            c = (char)(c - 'A' + 'a');
        out[i] = c;
    }
    out[code.size] = 0;
    return code.size;
}

/* Where `code` is, or would be put. */
static size_t
find_place(const struct table *table, const char *code)
{
    size_t low = 0, high = table->spelling_count;

    while (low < high) {
        size_t middle = (low + high) / 2;

        if (strcmp(table->spellings[middle].code, code) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static int
find_code(const struct table *table, struct hp_bytes written)
{
    char code[HP_VOCABULARY_BYTES_MAX + 1];
    size_t place;

    if (hp_code_normalise(written, code) == 0)
        return HP_CODE_UNKNOWN;
    place = find_place(table, code);
    if (place < table->spelling_count && strcmp(table->spellings[place].code, code) == 0)
        return table->spellings[place].number;
    return HP_CODE_UNKNOWN;
}

/* Normalises a code of the text, which holds none of the text's own marks. */
static enum hp_status
read_code(
    struct reader *reader, struct hp_bytes written, char code[HP_VOCABULARY_BYTES_MAX + 1])
{
    if (hp_code_normalise(written, code) > 0 && !strpbrk(code, ",=>"))
        return HP_OK;
    return hp_fail(reader->error, HP_USAGE, "%s:%d: a code has 1 to %d bytes, not '%.*s'",
        reader->name, reader->line, HP_VOCABULARY_BYTES_MAX, HP_BYTES_FORMAT(written));
}

/* Keeps (1). */
static enum hp_status
add_spelling(struct table *table, struct hp_bytes written, int number, struct reader *reader)
{
    char code[HP_VOCABULARY_BYTES_MAX + 1];
    struct spelling *at;
    size_t place;
    int owner = find_code(table, written);

    if (read_code(reader, written, code))
        return HP_USAGE;
    if (owner == number)
        return HP_OK;
    if (owner != HP_CODE_UNKNOWN)
        return hp_fail(reader->error, HP_USAGE, "%s:%d: '%s' already means %s", reader->name,
            reader->line, code, table->names[owner]);
    if (table->spelling_count == SPELLINGS_MAX)
        return hp_fail(reader->error, HP_USAGE, "%s:%d: more than %d spellings", reader->name,
            reader->line, SPELLINGS_MAX);
    place = find_place(table, code);
    at = table->spellings + place;
    memmove(at + 1, at, (table->spelling_count - place) * sizeof(*at));
    memcpy(at->code, code, sizeof(code));
    at->number = number;
    table->spelling_count++;
    return HP_OK;
}

/* The number of a name, new ones in order of appearance. */
static enum hp_status
add_name(struct table *table, struct hp_bytes written, struct reader *reader, int *number)
{
    char code[HP_VOCABULARY_BYTES_MAX + 1];

    *number = find_code(table, written);
    if (read_code(reader, written, code))
        return HP_USAGE;
    if (*number != HP_CODE_UNKNOWN && strcmp(table->names[*number], code) == 0)
        return HP_OK;
    if (table->count == HP_VOCABULARY_CODES_MAX)
        return hp_fail(reader->error, HP_USAGE, "%s:%d: more than %d names of one kind",
            reader->name, reader->line, HP_VOCABULARY_CODES_MAX);
    *number = table->count;
    memcpy(table->names[*number], code, sizeof(code));
    table->implied[*number] = UINT64_C(1) << *number;
    table->count++;
    return add_spelling(table, written, *number, reader);
}

static enum hp_status
add_values(struct table *table, struct hp_bytes list, int number, struct reader *reader)
{
    enum hp_status status = HP_OK;
    struct hp_bytes part;

    while (!status && hp_listing_part(&list, &part))
        status = add_spelling(table, part, number, reader);
    return status;
}

/* First reading: names and spellings. */
static enum hp_status
read_names(
    struct hp_vocabulary *vocabulary, struct hp_listing_entry *entry, struct reader *reader)
{
    bool allergen = hp_bytes_is(entry->keyword, "allergen");
    struct table *table = allergen ? &vocabulary->allergens : &vocabulary->diets;
    enum hp_status status;
    int number;

    if (!allergen && !hp_bytes_is(entry->keyword, "diet"))
        return hp_fail(reader->error, HP_USAGE, "%s:%d: a line begins with allergen or diet",
            reader->name, reader->line);
    if (allergen && entry->follows.data)
        return hp_fail(reader->error, HP_USAGE, "%s:%d: nothing follows from an allergen",
            reader->name, reader->line);
    status = add_name(table, entry->names, reader, &number);
    if (status)
        return status;
    return add_values(table, entry->values, number, reader);
}

/* Second reading: what follows, when every name is known. */
static enum hp_status
read_follows(struct table *diets, struct hp_listing_entry *entry, struct reader *reader)
{
    int number = find_code(diets, entry->names);
    struct hp_bytes part;

    while (hp_listing_part(&entry->follows, &part)) {
        int implied = find_code(diets, part);

        if (implied == HP_CODE_UNKNOWN)
            return hp_fail(reader->error, HP_USAGE, "%s:%d: unknown diet '%.*s' after =>",
                reader->name, reader->line, HP_BYTES_FORMAT(part));
        diets->implied[number] |= UINT64_C(1) << implied;
    }
    return HP_OK;
}

/* Makes (2) true: Warshall's closure, a bit matrix at a time. */
static void
close_implied(struct table *table)
{
    for (int via = 0; via < table->count; via++)
        for (int from = 0; from < table->count; from++)
            if (table->implied[from] >> via & 1)
                table->implied[from] |= table->implied[via];
}

static enum hp_status
read_text(struct hp_vocabulary *vocabulary, struct hp_bytes text, struct reader *reader)
{
    struct hp_listing names = {text, 0};
    struct hp_listing follows = {text, 0};
    struct hp_listing_entry entry;
    enum hp_status status = HP_OK;

    while (!status && hp_listing_next(&names, &entry)) {
        reader->line = names.line;
        status = read_names(vocabulary, &entry, reader);
    }
    while (!status && hp_listing_next(&follows, &entry)) {
        reader->line = follows.line;
        status = read_follows(&vocabulary->diets, &entry, reader);
    }
    close_implied(&vocabulary->diets);
    return status;
}

enum hp_status
hp_vocabulary_parse(
    struct hp_bytes text, const char *name, struct hp_vocabulary **out, struct hp_error *error)
{
    struct hp_vocabulary *vocabulary = hp_alloc(sizeof(*vocabulary));
    struct reader reader = {name, 0, error};
    enum hp_status status;

    *out = NULL;
    vocabulary->allergens.spellings = hp_alloc(SPELLINGS_MAX * sizeof(struct spelling));
    vocabulary->diets.spellings = hp_alloc(SPELLINGS_MAX * sizeof(struct spelling));
    status = read_text(vocabulary, text, &reader);
    if (status)
        hp_vocabulary_free(vocabulary);
    else
        *out = vocabulary;
    return status;
}

struct hp_bytes
hp_vocabulary_text(void)
{
    return hp_bytes(hp_embed_vocabulary, hp_embed_vocabulary_size);
}

struct hp_vocabulary *
hp_vocabulary_new(void)
{
    struct hp_vocabulary *vocabulary;
    struct hp_error error;

    if (hp_vocabulary_parse(hp_vocabulary_text(), "vocabulary", &vocabulary, &error))
        hp_die("built-in %s", error.text);
    return vocabulary;
}

void
hp_vocabulary_free(struct hp_vocabulary *vocabulary)
{
    if (!vocabulary)
        return;
    free(vocabulary->allergens.spellings);
    free(vocabulary->diets.spellings);
    free(vocabulary);
}

int
hp_vocabulary_allergen(const struct hp_vocabulary *vocabulary, struct hp_bytes code)
{
    return find_code(&vocabulary->allergens, code);
}

int
hp_vocabulary_diet(const struct hp_vocabulary *vocabulary, struct hp_bytes code)
{
    return find_code(&vocabulary->diets, code);
}

int
hp_vocabulary_allergen_count(const struct hp_vocabulary *vocabulary)
{
    return vocabulary->allergens.count;
}

int
hp_vocabulary_diet_count(const struct hp_vocabulary *vocabulary)
{
    return vocabulary->diets.count;
}

const char *
hp_vocabulary_allergen_name(const struct hp_vocabulary *vocabulary, int number)
{
    HP_ASSERT(number >= 0 && number < vocabulary->allergens.count);
    return vocabulary->allergens.names[number];
}

const char *
hp_vocabulary_diet_name(const struct hp_vocabulary *vocabulary, int number)
{
    HP_ASSERT(number >= 0 && number < vocabulary->diets.count);
    return vocabulary->diets.names[number];
}

/* ORs the bits of `codes` into `*mask`; false when one of them is unknown. */
static bool
add_codes(const struct table *table, struct hp_strings codes, bool implied, uint64_t *mask)
{
    bool known = true;

    for (size_t i = 0; i < codes.count; i++) {
        int number = find_code(table, codes.items[i]);

        if (number == HP_CODE_UNKNOWN)
            known = false;
        else
            *mask |= implied ? table->implied[number] : UINT64_C(1) << number;
    }
    return known;
}

struct hp_allergens
hp_vocabulary_allergens(
    const struct hp_vocabulary *vocabulary, const struct hp_catalogue_item *item)
{
    struct hp_allergens allergens = {item->allergens_known, 0};

    if (!add_codes(&vocabulary->allergens, item->allergens, false, &allergens.mask))
        allergens.known = false;
    return allergens;
}

uint64_t
hp_vocabulary_item_diets(
    const struct hp_vocabulary *vocabulary, const struct hp_catalogue_item *item)
{
    uint64_t mask = 0;

    add_codes(&vocabulary->diets, item->diets, true, &mask);
    return mask;
}

void
hp_vocabulary_avoid(
    const struct hp_vocabulary *vocabulary, struct hp_strings codes, struct hp_avoid *avoid)
{
    if (!add_codes(&vocabulary->allergens, codes, false, &avoid->mask))
        avoid->has_unknown = true;
}

void
hp_vocabulary_require(
    const struct hp_vocabulary *vocabulary, struct hp_strings codes, struct hp_diets *diets)
{
    if (!add_codes(&vocabulary->diets, codes, false, &diets->mask))
        diets->has_unknown = true;
}
