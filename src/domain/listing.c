/*
 * domain/listing.c
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "domain/listing.h"

static bool
is_space(uint8_t byte)
{
    return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

struct hp_bytes
hp_listing_trim(struct hp_bytes text)
{
    while (text.size > 0 && is_space(text.data[0])) {
        text.data++;
        text.size--;
    }
    while (text.size > 0 && is_space(text.data[text.size - 1]))
        text.size--;
    return text;
}

/* Cuts `*text` at the first `mark`: returns what is before it and leaves what is after, or
 * leaves no value when there is no mark. */
static struct hp_bytes
cut(struct hp_bytes *text, const char *mark)
{
    struct hp_bytes before = *text;
    const uint8_t *at = NULL;

    if (text->data)
        at = memmem(text->data, text->size, mark, strlen(mark));
    if (at) {
        before.size = (size_t)(at - text->data);
        *text = hp_bytes(at + strlen(mark), text->size - before.size - strlen(mark));
    } else {
        *text = hp_bytes(NULL, 0);
    }
    return before;
}

static void
read_entry(struct hp_bytes line, struct hp_listing_entry *entry)
{
    struct hp_bytes head = cut(&line, "=>");

    entry->follows = hp_listing_trim(line);
    line = head;
    head = hp_listing_trim(cut(&line, "="));
    entry->values = hp_listing_trim(line);
    entry->keyword = head;
    for (entry->keyword.size = 0; entry->keyword.size < head.size; entry->keyword.size++)
        if (is_space(head.data[entry->keyword.size]))
            break;
    entry->names = hp_listing_trim(
        hp_bytes(head.data + entry->keyword.size, head.size - entry->keyword.size));
}

bool
hp_listing_next(struct hp_listing *listing, struct hp_listing_entry *entry)
{
    while (listing->rest.data) {
        struct hp_bytes line = cut(&listing->rest, "\n");

        listing->line++;
        line = hp_listing_trim(cut(&line, "#"));
        if (line.size > 0) {
            read_entry(line, entry);
            return true;
        }
    }
    return false;
}

bool
hp_listing_part(struct hp_bytes *list, struct hp_bytes *part)
{
    if (!list->data)
        return false;
    *part = hp_listing_trim(cut(list, ","));
    return true;
}
