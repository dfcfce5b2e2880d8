/*
 * base/arena.h - memory that is freed all at once: one per record, one per transaction.
 *
 * Allocation is a pointer bump in chunks, from 256 bytes up to 64 KiB, that are kept for reuse
 * by hp_arena_clear(), so a settled program allocates nothing. A single request may exceed the
 * chunk size. After clear, chunks beyond 1 MiB in total are given back.
 *
 * Thread: one at a time.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_BASE_ARENA_H
#define HP_BASE_ARENA_H

#include "base/bytes.h"

struct hp_arena_chunk;

struct hp_arena { /* zeroed is empty and ready */
    struct hp_arena_chunk *chunks;
    struct hp_arena_chunk *current;
    size_t used; /* bytes handed out since the last clear */
};

void hp_arena_release(struct hp_arena *arena);
void hp_arena_clear(struct hp_arena *arena);

/* Zeroed memory aligned for any type; never NULL. */
void *hp_arena_alloc(struct hp_arena *arena, size_t size);
/* `count * size` is checked for overflow. */
void *hp_arena_array(struct hp_arena *arena, size_t count, size_t size);
struct hp_bytes hp_arena_copy(struct hp_arena *arena, struct hp_bytes bytes);
/* Copy with a terminating zero that `size` does not count. */
const char *hp_arena_text(struct hp_arena *arena, struct hp_bytes bytes);
char *hp_arena_printf(struct hp_arena *arena, const char *format, ...) HP_PRINTF(2, 3);

#define HP_ARENA_NEW(arena, type) ((type *)hp_arena_alloc((arena), sizeof(type)))
#define HP_ARENA_ARRAY(arena, count, type)                                                     \
    ((type *)hp_arena_array((arena), (count), sizeof(type)))

#endif
