/* base/arena.c - chunks in a list, reused in order. SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"

#include <stdalign.h>
#include <stdarg.h>

#define FIRST_SIZE ((size_t)256) /* an arena of one small thing stays small */
#define CHUNK_SIZE ((size_t)64 << 10)
#define KEEP_SIZE  ((size_t)1 << 20)

struct hp_arena_chunk {
    struct hp_arena_chunk *next;
    size_t size;
    size_t used;
    alignas(max_align_t) uint8_t data[];
};

void
hp_arena_release(struct hp_arena *arena)
{
    struct hp_arena_chunk *chunk = arena->chunks;

    while (chunk) {
        struct hp_arena_chunk *next = chunk->next;

        free(chunk);
        chunk = next;
    }
    *arena = (struct hp_arena){0};
}

void
hp_arena_clear(struct hp_arena *arena)
{
    struct hp_arena_chunk **link = &arena->chunks;
    size_t kept = 0;

    while (*link) {
        struct hp_arena_chunk *chunk = *link;

        if (kept + chunk->size > KEEP_SIZE) {
            *link = chunk->next;
            free(chunk);
            continue;
        }
        kept += chunk->size;
        chunk->used = 0;
        link = &chunk->next;
    }
    arena->current = arena->chunks;
    arena->used = 0;
}

static struct hp_arena_chunk *
chunk_new(struct hp_arena *arena, size_t size)
{
    size_t usual = arena->current ? 2 * arena->current->size : FIRST_SIZE;
    size_t capacity = usual < CHUNK_SIZE ? usual : CHUNK_SIZE;
    struct hp_arena_chunk *chunk;

    capacity = size > capacity ? size : capacity;
    chunk = malloc(sizeof(*chunk) + capacity);
    if (!chunk)
        hp_die("out of memory: arena chunk of %zu bytes", capacity);
    chunk->size = capacity;
    chunk->used = 0;
    if (arena->current) {
        chunk->next = arena->current->next;
        arena->current->next = chunk;
    } else {
        chunk->next = arena->chunks;
        arena->chunks = chunk;
    }
    return chunk;
}

void *
hp_arena_alloc(struct hp_arena *arena, size_t size)
{
    size_t rounded = (size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
    struct hp_arena_chunk *chunk = arena->current;
    void *data;

    if (rounded < size)
        hp_die("out of memory: arena block of %zu bytes", size);
    while (chunk && chunk->size - chunk->used < rounded && chunk->next)
        chunk = chunk->next;
    if (!chunk || chunk->size - chunk->used < rounded) {
        arena->current = chunk;
        chunk = chunk_new(arena, rounded);
    }
    arena->current = chunk;
    data = chunk->data + chunk->used;
    chunk->used += rounded;
    arena->used += rounded;
    return memset(data, 0, size);
}

void *
hp_arena_array(struct hp_arena *arena, size_t count, size_t size)
{
    if (size && count > SIZE_MAX / size)
        hp_die("out of memory: %zu times %zu bytes", count, size);
    return hp_arena_alloc(arena, count * size);
}

struct hp_bytes
hp_arena_copy(struct hp_arena *arena, struct hp_bytes bytes)
{
    uint8_t *data;

    if (!bytes.data)
        return bytes;
    data = hp_arena_alloc(arena, bytes.size);
    if (bytes.size)
        memcpy(data, bytes.data, bytes.size);
    return hp_bytes(data, bytes.size);
}

const char *
hp_arena_text(struct hp_arena *arena, struct hp_bytes bytes)
{
    char *text = hp_arena_alloc(arena, bytes.size + 1);

    if (bytes.size)
        memcpy(text, bytes.data, bytes.size);
    return text;
}

char *
hp_arena_printf(struct hp_arena *arena, const char *format, ...)
{
    va_list args;
    va_list again;
    char *text;
    int size;

    va_start(args, format);
    va_copy(again, args);
    size = vsnprintf(NULL, 0, format, args);
    HP_ASSERT(size >= 0);
    text = hp_arena_alloc(arena, (size_t)size + 1);
    vsnprintf(text, (size_t)size + 1, format, again);
    va_end(again);
    va_end(args);
    return text;
}
