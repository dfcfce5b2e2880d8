/*
 * model/content.c - neighbours by words.
 *
 * Every item is a set of words: those of its name in lower case, its category, its tags, its
 * family, each kind apart. A word in k of n items weighs log2((n + 1) / k), and
 *
 *     likeness(a, b) = Σ weight² over common words / (|a| · |b|)
 *
 * which is the cosine of TF-IDF vectors with every frequency 1. One inverted index, one pass
 * over the lists of an item's words for each item. Lists longer than LIST_MAX say little about
 * an item and are not walked, so that a large catalogue costs no square.
 *
 * 10,000 items of six words: about 60 ms, once per change of what is said of items.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "model/content.h"

#include "base/hash.h"
#include "model/fixed.h"

#define LIST_MAX     2048
#define WEIGHT_SHIFT 22 /* a weight in 1/1024 */
#define WORD_BYTES   32 /* of a word that count */

struct word {
    uint64_t hash;
    uint32_t item;
    uint32_t weight; /* once lists are known */
};

struct words {
    struct word *items;
    size_t count;
    size_t capacity;
};

static void
add_word(struct words *words, uint32_t item, uint64_t hash)
{
    if (words->count == words->capacity) {
        size_t wider = words->capacity ? words->capacity * 2 : 1024;
        struct word *grown = hp_alloc(wider * sizeof(*grown));

        if (words->count)
            memcpy(grown, words->items, words->count * sizeof(*grown));
        free(words->items);
        words->items = grown;
        words->capacity = wider;
    }
    words->items[words->count++] = (struct word){hash, item, 0};
}

static uint64_t
hash_of(char kind, const uint8_t *text, size_t size)
{
    uint8_t word[WORD_BYTES + 1] = {(uint8_t)kind};
    size_t kept = size < WORD_BYTES ? size : WORD_BYTES;

    for (size_t i = 0; i < kept; i++)
        word[i + 1] = text[i] >= 'A' && text[i] <= 'Z' ? text[i] | 0x20 : text[i];
    return hp_hash64(hp_bytes(word, kept + 1));
}

static bool
in_word(uint8_t byte)
{
    return byte >= 0x80 || (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= 'a' && byte <= 'z');
}

/* Words of one letter say nothing. */
static void
add_name(struct words *words, uint32_t item, struct hp_bytes name)
{
    size_t from = 0;

    for (size_t at = 0; at <= name.size; at++) {
        if (at < name.size && in_word(name.data[at]))
            continue;
        if (at - from >= 2)
            add_word(words, item, hash_of('n', name.data + from, at - from));
        from = at + 1;
    }
}

static void
add_item(struct words *words, uint32_t number, const struct hp_content_item *item)
{
    add_name(words, number, item->name);
    if (item->category.size)
        add_word(words, number, hash_of('c', item->category.data, item->category.size));
    if (item->family.size)
        add_word(words, number, hash_of('f', item->family.data, item->family.size));
    for (size_t i = 0; i < item->tags.count; i++)
        add_word(
            words, number, hash_of('t', item->tags.items[i].data, item->tags.items[i].size));
}

static int
by_word(const void *a, const void *b)
{
    const struct word *left = a;
    const struct word *right = b;

    if (left->hash != right->hash)
        return left->hash < right->hash ? -1 : 1;
    return (left->item > right->item) - (left->item < right->item);
}

/* Sorted by word, each item once a word. */
static void
sort_words(struct words *words)
{
    size_t kept = 0;

    if (words->count)
        qsort(words->items, words->count, sizeof(*words->items), by_word);
    for (size_t i = 0; i < words->count; i++)
        if (i == 0 || by_word(&words->items[kept - 1], &words->items[i]) != 0)
            words->items[kept++] = words->items[i];
    words->count = kept;
}

static size_t
list_end(const struct words *words, size_t from)
{
    size_t end = from;

    while (end < words->count && words->items[end].hash == words->items[from].hash)
        end++;
    return end;
}

struct index { /* lists by word, and the lists of each item */
    const struct words *words;
    uint32_t *starts; /* of an item in `lists`; count + 1 numbers */
    uint32_t *lists;  /* where in `words` a list begins */
    uint64_t *lengths;
};

/* Weighs the words, and sums their squares by item. */
static void
weigh(struct words *words, size_t count, uint64_t *squares, uint32_t *sizes)
{
    for (size_t from = 0, end; from < words->count; from = end) {
        int64_t log = 0;

        end = list_end(words, from);
        log = hp_fixed_log2(count + 1) - hp_fixed_log2(end - from);
        for (size_t i = from; i < end; i++) {
            struct word *word = &words->items[i];

            word->weight = (uint32_t)(log >> WEIGHT_SHIFT);
            squares[word->item] += (uint64_t)word->weight * word->weight;
            sizes[word->item]++;
        }
    }
}

static void
index_build(struct words *words, size_t count, struct index *index)
{
    uint32_t *next = hp_alloc((count + 1) * sizeof(*next));

    index->words = words;
    index->lengths = hp_alloc((count + 1) * sizeof(*index->lengths));
    index->starts = hp_alloc((count + 1) * sizeof(*index->starts));
    index->lists = hp_alloc((words->count + 1) * sizeof(*index->lists));
    weigh(words, count, index->lengths, next);
    for (size_t i = 0; i < count; i++) {
        index->lengths[i] = hp_fixed_sqrt(index->lengths[i]);
        index->starts[i + 1] = index->starts[i] + next[i];
        next[i] = index->starts[i];
    }
    for (size_t from = 0, end; from < words->count; from = end) {
        end = list_end(words, from);
        for (size_t i = from; i < end; i++)
            index->lists[next[words->items[i].item]++] = (uint32_t)from;
    }
    free(next);
}

static void
index_release(struct index *index)
{
    free(index->starts);
    free(index->lists);
    free(index->lengths);
}

struct search {       /* for one item at a time */
    uint64_t *common; /* by item: Σ weight²; zero between items */
    uint32_t *found;
    size_t found_count;
};

static void
collect(const struct index *index, uint32_t item, struct search *search)
{
    search->found_count = 0;
    for (uint32_t at = index->starts[item]; at < index->starts[item + 1]; at++) {
        size_t from = index->lists[at];
        size_t end = from;
        uint64_t square =
            (uint64_t)index->words->items[from].weight * index->words->items[from].weight;

        while (end < index->words->count &&
               index->words->items[end].hash == index->words->items[from].hash &&
               end - from <= LIST_MAX)
            end++;
        if (end - from > LIST_MAX || square == 0)
            continue;
        for (size_t i = from; i < end; i++) {
            uint32_t other = index->words->items[i].item;

            if (search->common[other] == 0)
                search->found[search->found_count++] = other;
            search->common[other] += square;
        }
    }
}

struct likeness {
    uint64_t value;
    uint32_t item;
};

static bool
better(struct likeness a, struct likeness b)
{
    return a.value != b.value ? a.value > b.value : a.item < b.item;
}

/* Keeps the best in order; most that come fall behind the last. */
static void
pick(const struct index *index, uint32_t item, struct search *search, uint32_t *nearest)
{
    struct likeness best[HP_CONTENT_NEAREST];
    size_t count = 0;

    for (size_t i = 0; i < search->found_count; i++) {
        uint32_t other = search->found[i];
        uint64_t lengths = index->lengths[item] * index->lengths[other];
        struct likeness one = {lengths ? (search->common[other] << 20) / lengths : 0, other};
        size_t at;

        search->common[other] = 0;
        if (other == item ||
            (count == HP_CONTENT_NEAREST && !better(one, best[HP_CONTENT_NEAREST - 1])))
            continue;
        at = count < HP_CONTENT_NEAREST ? count++ : count - 1;
        for (; at > 0 && better(one, best[at - 1]); at--)
            best[at] = best[at - 1];
        best[at] = one;
    }
    for (size_t i = 0; i < HP_CONTENT_NEAREST; i++)
        nearest[i] = i < count ? best[i].item : HP_CONTENT_NOBODY;
}

void
hp_content_build(const struct hp_content_item *items, size_t count, struct hp_content *content)
{
    struct words words = {.count = 0};
    struct index index;
    struct search search;

    for (size_t i = 0; i < count; i++)
        add_item(&words, (uint32_t)i, &items[i]);
    sort_words(&words);
    index_build(&words, count, &index);
    search.common = hp_alloc((count + 1) * sizeof(*search.common));
    search.found = hp_alloc((count + 1) * sizeof(*search.found));
    content->count = count;
    content->nearest = hp_alloc((count * HP_CONTENT_NEAREST + 1) * sizeof(uint32_t));
    for (size_t i = 0; i < count; i++) {
        collect(&index, (uint32_t)i, &search);
        pick(&index, (uint32_t)i, &search, &content->nearest[i * HP_CONTENT_NEAREST]);
    }
    free(search.common);
    free(search.found);
    index_release(&index);
    free(words.items);
}

void
hp_content_release(struct hp_content *content)
{
    free(content->nearest);
    *content = (struct hp_content){0};
}
