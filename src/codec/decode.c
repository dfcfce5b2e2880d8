/*
 * codec/decode.c - runs the programs of codec/resolve.c over a body.
 *
 * One loop over the operations; only lists, maps and unions of more than two branches call it
 * again for their bodies, so the C stack is as deep as the schema, at most 32.
 *
 * Invariants of a run:
 * (1) `at` never passes the end, and every read compares before it reads;
 * (2) memory grows by what is there: a block of n members is allocated only when n times the
 *     fewest bytes of a member are left, and when the list's limit allows n more;
 * (3) every member of every list costs at least a byte (writers' types without bytes are not
 *     looped over when skipped), so a run is linear in the body;
 * (4) all bytes are consumed, or it is not this schema's value.
 *
 * Speed comes from four habits, each measured (tests/bench/codec_bench.c):
 * - The position is passed by value and returned, so that it stays in a register; kept in a
 *   struct it goes through memory at every operation, which takes half again as long.
 * - Few branches, since those of one order are already more than a processor remembers and a
 *   wrong guess costs as much as two fields: eight bytes of a number at once, 32 bytes of a
 * text at once, whatever their length. One branch for each length of a number was slower.
 * - What records have most, texts, numbers and nullables, is asked for in the order in which
 *   they mostly follow one another, and stands in the loop; a switch over everything was
 * slower.
 * - One call runs all members of a list's block.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "codec/resolve.h"

#include "codec/program.h"
#include "domain/reasons.h"

#include <endian.h>
#include <inttypes.h>
#include <math.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* The compiler's own guess leaves some of these out of the loop, which costs a third. */
#define HOT static inline __attribute__((always_inline))

struct run {
    const uint8_t *end;
    struct hp_arena *arena;
    struct hp_error *error;
    int64_t number; /* what take_long_slow() read */
};

/* From here on a position is where to read next, and NULL means refused: `error` is written. */

struct members {
    size_t count; /* at least one */
    size_t size;  /* of the C struct; the base moves by it */
};

static const uint8_t *run_members(struct run *run, const struct op *op, const struct op *stop,
    uint8_t *base, const uint8_t *at, struct members members);

static const uint8_t *__attribute__((noinline, cold))
fail(struct run *run, const struct op *op, const char *code, const char *what)
{
    hp_bad(run->error, code, "field %s: %s", op->path, what);
    return NULL;
}

HOT size_t
left(const struct run *run, const uint8_t *at)
{
    return (size_t)(run->end - at);
}

static const uint8_t *__attribute__((noinline))
take_long_slow(struct run *run, const struct op *op, const uint8_t *at)
{
    uint64_t bits = 0;

    for (unsigned shift = 0; shift < 64; shift += 7) {
        uint8_t byte;

        if (at == run->end)
            return fail(run, op, HP_CODE_TRUNCATED, "the body ends inside a number");
        byte = *at++;
        if (shift == 63 && byte > 1)
            break;
        bits |= (uint64_t)(byte & 0x7F) << shift;
        if (byte < 0x80) {
            run->number = (int64_t)(bits >> 1) ^ -(int64_t)(bits & 1);
            return at;
        }
    }
    return fail(run, op, HP_CODE_OVERFLOW, "a number has more than 64 bits");
}

/* The first byte is the lowest. */
HOT uint64_t
load64(const uint8_t *at)
{
    uint64_t word;

    memcpy(&word, at, sizeof(word));
    return le64toh(word);
}

/*
 * The seven-bit groups of a number that ends within the eight bytes of `word`, pushed together
 * in three steps: pairs of groups, fours, eight. `ends` has the top bit of every last byte.
 */
HOT uint64_t
join_groups(uint64_t word, uint64_t ends)
{
    word &= (ends ^ (ends - 1)) & 0x7F7F7F7F7F7F7F7FU;
    word = (word & 0x007F007F007F007FU) | (word & 0x7F007F007F007F00U) >> 1;
    word = (word & 0x00003FFF00003FFFU) | (word & 0x3FFF00003FFF0000U) >> 2;
    return (word & 0x000000000FFFFFFFU) | (word & 0x0FFFFFFF00000000U) >> 4;
}

/* A number that likely has several bytes, as times and prices do. */
HOT const uint8_t *
take_wide(struct run *run, const struct op *op, const uint8_t *at, int64_t *value)
{
    uint64_t bits;
    uint64_t ends;

    if (left(run, at) >= sizeof(uint64_t)) {
        bits = load64(at);
        ends = ~bits & 0x8080808080808080U;
        if (ends) {
            bits = join_groups(bits, ends);
            *value = (int64_t)(bits >> 1) ^ -(int64_t)(bits & 1);
            return at + __builtin_ctzll(ends) / 8 + 1;
        }
    }
    at = take_long_slow(run, op, at);
    *value = run->number;
    return at;
}

/* A number that likely has one byte, as lengths, counts and branches do. */
HOT const uint8_t *
take_long(struct run *run, const struct op *op, const uint8_t *at, int64_t *value)
{
    if (at < run->end && *at < 0x80) {
        *value = (int64_t)(*at >> 1) ^ -(int64_t)(*at & 1);
        return at + 1;
    }
    return take_wide(run, op, at, value);
}

HOT const uint8_t *
take_int(struct run *run, const struct op *op, const uint8_t *at, int64_t *value)
{
    at = take_long(run, op, at, value);
    if (at && (*value < INT32_MIN || *value > INT32_MAX))
        return fail(run, op, HP_CODE_OVERFLOW, "a number does not fit an int");
    return at;
}

HOT const uint8_t *
take_bytes(struct run *run, const struct op *op, const uint8_t *at, struct hp_bytes *bytes)
{
    int64_t size;

    at = take_long(run, op, at, &size);
    if (!at)
        return NULL;
    if (size < 0)
        return fail(run, op, HP_CODE_BAD_LENGTH, "a negative length");
    if ((uint64_t)size > left(run, at))
        return fail(run, op, HP_CODE_BAD_LENGTH, "a length beyond the end of the body");
    *bytes = hp_bytes(at, (size_t)size);
    return at + size;
}

/* Eight bytes at a time, the last eight overlapping. */
static inline bool
is_ascii(const uint8_t *data, size_t size)
{
    uint64_t bits = 0;

    if (size < sizeof(uint64_t)) {
        for (size_t i = 0; i < size; i++)
            bits |= data[i];
        return bits < 0x80;
    }
    for (size_t i = 0; i + sizeof(uint64_t) <= size; i += sizeof(uint64_t))
        bits |= load64(data + i);
    bits |= load64(data + size - sizeof(uint64_t));
    return !(bits & 0x8080808080808080U);
}

#define SHORT_MAX 31

/* The same for at most SHORT_MAX bytes, when 32 may be read. */
HOT bool
is_short_ascii(const uint8_t *data, uint32_t size)
{
#ifdef __SSE2__
    __m128i low = _mm_loadu_si128((const __m128i *)data);
    __m128i high = _mm_loadu_si128((const __m128i *)(data + 16));
    uint32_t tops = (uint32_t)_mm_movemask_epi8(low) | (uint32_t)_mm_movemask_epi8(high) << 16;

    return !(tops & ((UINT32_C(1) << size) - 1));
#else
    return is_ascii(data, size);
#endif
}

static const uint8_t *__attribute__((noinline))
run_any_text(struct run *run, const struct op *op, uint8_t *base, const uint8_t *at)
{
    struct hp_bytes text;

    at = take_bytes(run, op, at, &text);
    if (!at)
        return NULL;
    if (!is_ascii(text.data, text.size) && !hp_bytes_utf8(text))
        return fail(run, op, HP_CODE_BAD_UTF8, "not valid UTF-8");
    *(struct hp_bytes *)(base + op->offset) = text;
    return at;
}

/* Ids, mostly: short and ASCII. A negative length has its lowest bit set, which as the highest
 * makes it a long one; so has every length of more than one byte. */
HOT const uint8_t *
run_text(struct run *run, const struct op *op, uint8_t *base, const uint8_t *at)
{
    uint32_t size;

    if (left(run, at) < 1 + 32)
        return run_any_text(run, op, base, at);
    size = (uint8_t)(*at >> 1 | *at << 7);
    if (size > SHORT_MAX || !is_short_ascii(at + 1, size))
        return run_any_text(run, op, base, at);
    *(struct hp_bytes *)(base + op->offset) = hp_bytes(at + 1, size);
    return at + 1 + size;
}

static const uint8_t *__attribute__((noinline))
run_boolean(struct run *run, const struct op *op, uint8_t *base, const uint8_t *at)
{
    if (at == run->end)
        return fail(run, op, HP_CODE_TRUNCATED, "the body ends before it");
    if (*at > 1)
        return fail(run, op, HP_CODE_BAD_BOOLEAN, "neither 0 nor 1");
    *(bool *)(base + op->offset) = *at;
    return at + 1;
}

/* IEEE, little-endian. */
static const uint8_t *__attribute__((noinline))
run_double(struct run *run, const struct op *op, uint8_t *base, const uint8_t *at)
{
    size_t size = op->code == OP_DOUBLE_FLOAT ? 4 : 8;
    double *value = (double *)(base + op->offset);
    uint64_t bits = 0;

    if (left(run, at) < size)
        return fail(run, op, HP_CODE_TRUNCATED, "the body ends inside it");
    for (size_t i = 0; i < size; i++)
        bits |= (uint64_t)*at++ << (8 * i);
    if (size == 8) {
        memcpy(value, &bits, sizeof(*value));
    } else {
        uint32_t bits32 = (uint32_t)bits;
        float narrow;

        memcpy(&narrow, &bits32, sizeof(narrow));
        *value = (double)narrow;
    }
    if (!isfinite(*value))
        return fail(run, op, HP_CODE_NOT_A_NUMBER, "NaN or infinite");
    return at;
}

static const uint8_t *
run_enum(struct run *run, const struct op *op, uint8_t *base, const uint8_t *at)
{
    const struct symbol_map *map = op->data;
    int64_t symbol;

    at = take_long(run, op, at, &symbol);
    if (!at)
        return NULL;
    if (symbol < 0 || (uint64_t)symbol >= map->count)
        return fail(run, op, HP_CODE_BAD_ENUM, "not a symbol of the writer's enum");
    if (map->to[symbol] < 0)
        return fail(run, op, HP_CODE_BAD_ENUM, "a symbol we do not know, without a default");
    *(int *)(base + op->offset) = map->to[symbol];
    return at;
}

static const uint8_t *__attribute__((noinline))
run_union(struct run *run, const struct op *op, uint8_t *base, const uint8_t *at)
{
    const struct branches *branches = op->data;
    int64_t branch;

    at = take_long(run, op, at, &branch);
    if (!at)
        return NULL;
    if (branch < 0 || (uint64_t)branch >= branches->count)
        return fail(run, op, HP_CODE_BAD_UNION, "a union has no such branch");
    return run_members(run, op + 1 + (branch ? branches->end[branch - 1] : 0),
        op + 1 + branches->end[branch], base, at, (struct members){1, 0});
}

struct block {
    uint64_t count;     /* of members */
    const uint8_t *end; /* NULL: not said */
};

/* A block's head. Keeps (2). */
HOT const uint8_t *
take_block(struct run *run, const struct op *op, uint32_t size_min, const uint8_t *at,
    struct block *block)
{
    int64_t number;
    int64_t size;

    at = take_long(run, op, at, &number);
    if (!at)
        return NULL;
    *block = (struct block){(uint64_t)number, NULL};
    if (number == 0)
        return at;
    if (number < 0) {
        at = take_long(run, op, at, &size);
        if (!at)
            return NULL;
        if (size < 0 || (uint64_t)size > left(run, at))
            return fail(run, op, HP_CODE_BAD_LENGTH, "a block beyond the end of the body");
        *block = (struct block){0 - (uint64_t)number, at + size};
    }
    if (size_min && (block->count > left(run, at) || block->count * size_min > left(run, at)))
        return fail(run, op, HP_CODE_BAD_LENGTH, "more members than bytes are left for");
    return at;
}

/* Room for `more` members behind the `count` there are. Doubles, so that many small blocks cost
 * no more than one large one. */
static uint8_t *
grow_list(struct run *run, const struct list *list, uint8_t *members, size_t count,
    size_t *capacity, size_t more)
{
    size_t needed = count + more;
    uint8_t *grown;

    if (needed <= *capacity)
        return members;
    if (count && needed < 2 * *capacity)
        needed = 2 * *capacity;
    grown = hp_arena_array(run->arena, needed, list->member_size);
    if (count)
        memcpy(grown, members, count * list->member_size);
    *capacity = needed;
    return grown;
}

static const uint8_t *__attribute__((noinline))
too_many(struct run *run, const struct op *op, uint64_t count, uint32_t limit)
{
    hp_bad(run->error, HP_CODE_LIMIT, "field %s: %" PRIu64 " members, at most %u are allowed",
        op->path, count, limit);
    return NULL;
}

static const uint8_t *__attribute__((noinline))
run_list(struct run *run, const struct op *op, uint8_t *base, const uint8_t *at)
{
    const struct list *list = op->data;
    const struct op *body = op + 1;
    struct block block;
    uint8_t *members = NULL;
    size_t capacity = 0;
    size_t count = 0;

    for (;;) {
        at = take_block(run, op, list->size_min, at, &block);
        if (!at || block.count == 0)
            break;
        if (block.count > list->limit - count)
            return too_many(run, op, count + block.count, list->limit);
        members = grow_list(run, list, members, count, &capacity, (size_t)block.count);
        at = run_members(run, body, body + op->length, members + count * list->member_size, at,
            (struct members){(size_t)block.count, list->member_size});
        if (!at)
            return NULL;
        if (block.end && at != block.end)
            return fail(run, op, HP_CODE_BAD_LENGTH, "a block is not as long as it says");
        count += (size_t)block.count;
    }
    memcpy(base + op->offset, &members, sizeof(members));
    memcpy(base + list->count_offset, &count, sizeof(count));
    return at;
}

static const uint8_t *__attribute__((noinline))
run_skip_blocks(struct run *run, const struct op *op, uint8_t *base, const uint8_t *at)
{
    struct block block;

    for (;;) {
        at = take_block(run, op, op->extra, at, &block);
        if (!at || block.count == 0)
            return at;
        if (block.end) {
            at = block.end;
            continue;
        }
        if (op->extra == 0) /* members without bytes; keeps (3) */
            continue;
        at = run_members(run, op + 1, op + 1 + op->length, base, at,
            (struct members){(size_t)block.count, 0});
        if (!at)
            return NULL;
    }
}

static const uint8_t *__attribute__((noinline))
run_skip_bytes(struct run *run, const struct op *op, const uint8_t *at)
{
    if (left(run, at) < op->extra)
        return fail(run, op, HP_CODE_TRUNCATED, "the body ends inside it");
    return at + op->extra;
}

static const uint8_t *__attribute__((noinline)) run_refuse(struct run *run, const struct op *op)
{
    hp_bad(run->error, HP_CODE_BAD_UNION, "field %s: %s has no place in this field", op->path,
        (const char *)op->data);
    return NULL;
}

/* What is seldom asked for, and is not passed over by its body's length. */
static const uint8_t *__attribute__((noinline))
run_seldom(struct run *run, const struct op *op, uint8_t *base, const uint8_t *at)
{
    struct hp_bytes bytes;
    int64_t number;

    switch ((enum op_code)op->code) {
    case OP_INT64_INT:
        at = take_int(run, op, at, &number);
        *(int64_t *)(base + op->offset) = number;
        return at;
    case OP_BOOLEAN: return run_boolean(run, op, base, at);
    case OP_DOUBLE:
    case OP_DOUBLE_FLOAT: return run_double(run, op, base, at);
    case OP_DOUBLE_LONG:
        at = take_long(run, op, at, &number);
        *(double *)(base + op->offset) = (double)number;
        return at;
    case OP_COPY: memcpy(base + op->offset, op->data, op->extra); return at;
    case OP_UNION: return run_union(run, op, base, at);
    case OP_SKIP_VARINT: return take_long(run, op, at, &number);
    case OP_SKIP_BYTES: return run_skip_bytes(run, op, at);
    case OP_SKIP_TEXT: return take_bytes(run, op, at, &bytes);
    case OP_SKIP_BLOCKS: return run_skip_blocks(run, op, base, at);
    case OP_REFUSE: return run_refuse(run, op);
    case OP_TEXT:
    case OP_INT32:
    case OP_INT64:
    case OP_ENUM:
    case OP_PRESENT:
    case OP_NULLABLE:
    case OP_LIST: break; /* run_members() */
    }
    hp_die("operation %u of a program is none", op->code);
}

HOT const uint8_t *
run_nullable(struct run *run, const struct op *op, const uint8_t *at, bool *null)
{
    if (at < run->end && (*at == 0 || *at == 2)) {
        *null = *at == 2 * op->extra;
        return at + 1;
    }
    at = take_long_slow(run, op, at);
    *null = false;
    if (at && (uint64_t)run->number > 1)
        return fail(run, op, HP_CODE_BAD_UNION, "a union has no such branch");
    *null = at && run->number == op->extra;
    return at;
}

/* What a line of an order does not have. */
HOT const uint8_t *
run_other(struct run *run, const struct op *op, uint8_t *base, const uint8_t *at)
{
    if (op->code == OP_LIST)
        return run_list(run, op, base, at);
    if (op->code == OP_TEXT)
        return run_text(run, op, base, at);
    if (op->code == OP_ENUM)
        return run_enum(run, op, base, at);
    return run_seldom(run, op, base, at);
}

/* The operations from `first` to before `stop`, for one member after the other. */
static const uint8_t *
run_members(struct run *run, const struct op *first, const struct op *stop, uint8_t *base,
    const uint8_t *at, struct members members)
{
    for (; members.count > 0; members.count--, base += members.size)
        for (const struct op *op = first; op < stop; op++) {
            int64_t number;
            bool null;

            if (op->code == OP_TEXT) {
                at = run_text(run, op, base, at);
                if (!at)
                    return NULL;
                if (++op == stop)
                    break;
            }
            if (op->code == OP_INT32) {
                at = take_int(run, op, at, &number);
                if (!at)
                    return NULL;
                *(int32_t *)(base + op->offset) = (int32_t)number;
                if (++op == stop)
                    break;
            }
            if (op->code == OP_INT64) {
                at = take_wide(run, op, at, &number);
                if (!at)
                    return NULL;
                *(int64_t *)(base + op->offset) = number;
                continue;
            }
            if (op->code == OP_NULLABLE) {
                at = run_nullable(run, op, at, &null);
                if (!at)
                    return NULL;
                if (null)
                    op += op->length;
                continue;
            }
            if (op->code == OP_PRESENT) {
                *(bool *)(base + op->offset) = true;
                continue;
            }
            at = run_other(run, op, base, at);
            if (!at)
                return NULL;
            op += op->length;
        }
    return at;
}

enum hp_status
hp_program_run(const struct hp_program *program, struct hp_bytes body, struct hp_arena *arena,
    void *out, struct hp_error *error)
{
    struct run run = {body.data + body.size, arena, error, 0};
    const uint8_t *at;

    memset(out, 0, program->record_size);
    at = run_members(&run, program->ops, program->ops + program->count, out, body.data,
        (struct members){1, 0});
    if (!at)
        return HP_BAD_RECORD;
    if (at != run.end)
        return hp_bad(error, HP_CODE_TRAILING_BYTES, "%zu bytes are left after the last field",
            left(&run, at));
    return HP_OK;
}
