/*
 * domain/occasions.c
 *
 * A flat list of (occasion, category, per cent) with normalised names. There are a few dozen
 * rows and they are read once per box computation, so a scan is all it takes.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "domain/occasions.h"

#include "domain/listing.h"
#include "domain/vocabulary.h"

extern const unsigned char hp_embed_occasions[];
extern const size_t hp_embed_occasions_size;

struct bonus {
    char category[HP_VOCABULARY_BYTES_MAX + 1];
    int percent;
};

struct occasion {
    struct bonus bonuses[HP_OCCASION_LINES_MAX];
    size_t bonus_count;
};

struct name {
    char code[HP_VOCABULARY_BYTES_MAX + 1];
    size_t occasion;
};

struct hp_occasions {
    struct occasion occasions[HP_OCCASIONS_MAX];
    size_t occasion_count;
    struct name names[2 * HP_OCCASIONS_MAX];
    size_t name_count;
};

struct reader { /* where errors are */
    const char *name;
    int line;
    struct hp_error *error;
};

static const struct occasion *
find_occasion(const struct hp_occasions *occasions, struct hp_bytes written)
{
    char code[HP_VOCABULARY_BYTES_MAX + 1];

    if (hp_code_normalise(written, code) == 0)
        return NULL;
    for (size_t i = 0; i < occasions->name_count; i++)
        if (strcmp(occasions->names[i].code, code) == 0)
            return &occasions->occasions[occasions->names[i].occasion];
    return NULL;
}

static enum hp_status
add_name(struct hp_occasions *occasions, struct hp_bytes written, struct reader *reader)
{
    struct name *name = &occasions->names[occasions->name_count];

    if (find_occasion(occasions, written))
        return hp_fail(reader->error, HP_USAGE, "%s:%d: occasion '%.*s' is there twice",
            reader->name, reader->line, HP_BYTES_FORMAT(written));
    if (occasions->name_count == HP_ARRAY_SIZE(occasions->names))
        return hp_fail(reader->error, HP_USAGE, "%s:%d: more than %zu names of occasions",
            reader->name, reader->line, HP_ARRAY_SIZE(occasions->names));
    if (hp_code_normalise(written, name->code) == 0)
        return hp_fail(reader->error, HP_USAGE, "%s:%d: a name has 1 to %d bytes, not '%.*s'",
            reader->name, reader->line, HP_VOCABULARY_BYTES_MAX, HP_BYTES_FORMAT(written));
    name->occasion = occasions->occasion_count;
    occasions->name_count++;
    return HP_OK;
}

/* The number at the end of `*text`, which is cut off; -1 when there is none or it is too
 * large. */
static int
cut_percent(struct hp_bytes *text)
{
    int percent = 0, unit = 1, digits = 0;

    while (text->size > 0 && digits < 4) {
        uint8_t c = text->data[text->size - 1];

        if (c < '0' || c > '9')
            break;
        percent += (c - '0') * unit;
        unit *= 10;
        digits++;
        text->size--;
    }
    *text = hp_listing_trim(*text);
    return digits == 0 || percent > HP_OCCASION_BONUS_MAX ? -1 : percent;
}

static enum hp_status
add_bonus(struct occasion *occasion, struct hp_bytes part, struct reader *reader)
{
    struct bonus *bonus = &occasion->bonuses[occasion->bonus_count];
    struct hp_bytes category = part;

    if (occasion->bonus_count == HP_OCCASION_LINES_MAX)
        return hp_fail(reader->error, HP_USAGE, "%s:%d: more than %d categories", reader->name,
            reader->line, HP_OCCASION_LINES_MAX);
    bonus->percent = cut_percent(&category);
    if (bonus->percent < 0 || hp_code_normalise(category, bonus->category) == 0)
        return hp_fail(reader->error, HP_USAGE,
            "%s:%d: '%.*s' is not a category and its per cent from 0 to %d", reader->name,
            reader->line, HP_BYTES_FORMAT(part), HP_OCCASION_BONUS_MAX);
    occasion->bonus_count++;
    return HP_OK;
}

static enum hp_status
read_occasion(
    struct hp_occasions *occasions, struct hp_listing_entry *entry, struct reader *reader)
{
    enum hp_status status = HP_OK;
    struct hp_bytes part;

    if (!hp_bytes_is(entry->keyword, "occasion") || !entry->values.data || entry->follows.data)
        return hp_fail(reader->error, HP_USAGE,
            "%s:%d: a line reads 'occasion NAME = Category PERCENT'", reader->name,
            reader->line);
    if (occasions->occasion_count == HP_OCCASIONS_MAX)
        return hp_fail(reader->error, HP_USAGE, "%s:%d: more than %d occasions", reader->name,
            reader->line, HP_OCCASIONS_MAX);
    while (!status && hp_listing_part(&entry->names, &part))
        status = add_name(occasions, part, reader);
    while (!status && hp_listing_part(&entry->values, &part))
        status = add_bonus(&occasions->occasions[occasions->occasion_count], part, reader);
    occasions->occasion_count++;
    return status;
}

enum hp_status
hp_occasions_parse(
    struct hp_bytes text, const char *name, struct hp_occasions **out, struct hp_error *error)
{
    struct hp_occasions *occasions = hp_alloc(sizeof(*occasions));
    struct hp_listing listing = {text, 0};
    struct reader reader = {name, 0, error};
    struct hp_listing_entry entry;
    enum hp_status status = HP_OK;

    *out = NULL;
    while (!status && hp_listing_next(&listing, &entry)) {
        reader.line = listing.line;
        status = read_occasion(occasions, &entry, &reader);
    }
    if (status)
        hp_occasions_free(occasions);
    else
        *out = occasions;
    return status;
}

struct hp_bytes
hp_occasions_text(void)
{
    return hp_bytes(hp_embed_occasions, hp_embed_occasions_size);
}

struct hp_occasions *
hp_occasions_new(void)
{
    struct hp_occasions *occasions;
    struct hp_error error;

    if (hp_occasions_parse(hp_occasions_text(), "occasions", &occasions, &error))
        hp_die("built-in %s", error.text);
    return occasions;
}

void
hp_occasions_free(struct hp_occasions *occasions)
{
    free(occasions);
}

bool
hp_occasions_known(const struct hp_occasions *occasions, struct hp_bytes occasion)
{
    return find_occasion(occasions, occasion) != NULL;
}

int
hp_occasions_bonus(
    const struct hp_occasions *occasions, struct hp_bytes occasion, struct hp_bytes category)
{
    const struct occasion *found = find_occasion(occasions, occasion);
    char code[HP_VOCABULARY_BYTES_MAX + 1];

    if (!found || hp_code_normalise(category, code) == 0)
        return 0;
    for (size_t i = 0; i < found->bonus_count; i++)
        if (strcmp(found->bonuses[i].category, code) == 0)
            return found->bonuses[i].percent;
    return 0;
}
