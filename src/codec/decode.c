/*
 * codec/decode.c - runs the programs of codec/resolve.c over a body.
 *
 * One loop over a switch; only lists, maps and unions of more than two branches call it again
 * for their bodies, so the C stack is as deep as the schema, at most 32.
 *
 * Invariants of a run:
 * (1) `at` never passes the end, and every read compares before it reads;
 * (2) memory grows by what is there: a block of n members is allocated only when n times the
 *     fewest bytes of a member are left, and when the list's limit allows n more;
 * (3) every member of every list costs at least a byte (writers' types without bytes are not
 *     looped over when skipped), so a run is linear in the body;
 * (4) all bytes are consumed, or it is not this schema's value.
 *
 * Speed comes from one habit: the position is passed by value and returned, so that it stays in
 * a register; kept in a struct it goes through memory at every operation, which was measured to
 * take half again as long.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "codec/resolve.h"

#include "codec/program.h"
#include "domain/reasons.h"

#include <endian.h>
#include <inttypes.h>
#include <math.h>

struct run {
    const uint8_t *end;
    struct hp_arena *arena;
    struct hp_error *error;
    int64_t number; /* what take_long_slow() read */
};

/* From here on a position is where to read next, and NULL means refused: `error` is written. */

static const uint8_t *run_ops(struct run *run, const struct op *op, const struct op *stop,
    uint8_t *base, const uint8_t *at);

static const uint8_t *__attribute__((noinline, cold))
fail(struct run *run, const struct op *op, const char *code, const char *what)
{
    hp_bad(run->error, code, "field %s: %s", op->path, what);
    return NULL;
}

static inline size_t
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
static inline uint64_t
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
static inline uint64_t
join_groups(uint64_t word, uint64_t ends)
{
    word &= (ends ^ (ends - 1)) & 0x7F7F7F7F7F7F7F7FU;
    word = (word & 0x007F007F007F007FU) | (word & 0x7F007F007F007F00U) >> 1;
    word = (word & 0x00003FFF00003FFFU) | (word & 0x3FFF00003FFF0000U) >> 2;
    return (word & 0x000000000FFFFFFFU) | (word & 0x0FFFFFFF00000000U) >> 4;
}

/* Most numbers of a record are lengths and counts of one byte; most others, prices and times,
 * have two to eight. */
static inline const uint8_t *
take_long(struct run *run, const struct op *op, const uint8_t *at, int64_t *value)
{
    uint64_t bits;
    uint64_t ends;

    if (at < run->end && *at < 0x80) {
        *value = (int64_t)(*at >> 1) ^ -(int64_t)(*at & 1);
        return at + 1;
    }
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

static inline const uint8_t *
take_int(struct run *run, const struct op *op, const uint8_t *at, int64_t *value)
{
    at = take_long(run, op, at, value);
    if (at && (*value < INT32_MIN || *value > INT32_MAX))
        return fail(run, op, HP_CODE_OVERFLOW, "a number does not fit an int");
    return at;
}

static inline const uint8_t *
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

static inline const uint8_t *
run_text(struct run *run, const struct op *op, uint8_t *base, const uint8_t *at)
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

static const uint8_t *
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
static const uint8_t *
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

static const uint8_t *
run_union(struct run *run, const struct op *op, uint8_t *base, const uint8_t *at)
{
    const struct branches *branches = op->data;
    int64_t branch;

    at = take_long(run, op, at, &branch);
    if (!at)
        return NULL;
    if (branch < 0 || (uint64_t)branch >= branches->count)
        return fail(run, op, HP_CODE_BAD_UNION, "a union has no such branch");
    return run_ops(run, op + 1 + (branch ? branches->end[branch - 1] : 0),
        op + 1 + branches->end[branch], base, at);
}

struct block {
    uint64_t count;     /* of members */
    const uint8_t *end; /* NULL: not said */
};

/* A block's head. Keeps (2). */
static inline const uint8_t *
take_block(struct run *run, const struct op *op, uint32_t size_min, const uint8_t *at,
    struct block *block)
{
    int64_t number;
    int64_t size;

    at = take_long(run, op, at, &number);
    if (!at)
        return NULL;
    *block = (struct block){(uint64_t)number, NULL};
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

static const uint8_t *
too_many(struct run *run, const struct op *op, uint64_t count, uint32_t limit)
{
    hp_bad(run->error, HP_CODE_LIMIT, "field %s: %" PRIu64 " members, at most %u are allowed",
        op->path, count, limit);
    return NULL;
}

static const uint8_t *
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
        for (; block.count > 0 && at; block.count--, count++)
            at = run_ops(run, body, body + op->length, members + count * list->member_size, at);
        if (at && block.end && at != block.end)
            return fail(run, op, HP_CODE_BAD_LENGTH, "a block is not as long as it says");
        if (!at)
            return NULL;
    }
    memcpy(base + op->offset, &members, sizeof(members));
    memcpy(base + list->count_offset, &count, sizeof(count));
    return at;
}

static const uint8_t *
run_skip_blocks(struct run *run, const struct op *op, const uint8_t *at)
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
        for (; block.count > 0 && at; block.count--)
            at = run_ops(run, op + 1, op + 1 + op->length, NULL, at);
        if (!at)
            return NULL;
    }
}

static const uint8_t *
run_skip_bytes(struct run *run, const struct op *op, const uint8_t *at)
{
    if (left(run, at) < op->extra)
        return fail(run, op, HP_CODE_TRUNCATED, "the body ends inside it");
    return at + op->extra;
}

static const uint8_t *
run_refuse(struct run *run, const struct op *op)
{
    hp_bad(run->error, HP_CODE_BAD_UNION, "field %s: %s has no place in this field", op->path,
        (const char *)op->data);
    return NULL;
}

static const uint8_t *
run_ops(struct run *run, const struct op *op, const struct op *stop, uint8_t *base,
    const uint8_t *at)
{
    for (; op < stop; op++) {
        struct hp_bytes bytes;
        int64_t number;

        switch ((enum op_code)op->code) {
        case OP_TEXT: at = run_text(run, op, base, at); break;
        case OP_INT32:
            at = take_int(run, op, at, &number);
            *(int32_t *)(base + op->offset) = (int32_t)number;
            break;
        case OP_INT64:
            at = take_long(run, op, at, &number);
            *(int64_t *)(base + op->offset) = number;
            break;
        case OP_INT64_INT:
            at = take_int(run, op, at, &number);
            *(int64_t *)(base + op->offset) = number;
            break;
        case OP_BOOLEAN: at = run_boolean(run, op, base, at); break;
        case OP_DOUBLE:
        case OP_DOUBLE_FLOAT: at = run_double(run, op, base, at); break;
        case OP_DOUBLE_LONG:
            at = take_long(run, op, at, &number);
            *(double *)(base + op->offset) = (double)number;
            break;
        case OP_ENUM: at = run_enum(run, op, base, at); break;
        case OP_PRESENT: *(bool *)(base + op->offset) = true; break;
        case OP_NULLABLE:
            at = take_long(run, op, at, &number);
            if (at && (uint64_t)number > 1)
                return fail(run, op, HP_CODE_BAD_UNION, "a union has no such branch");
            if (number == op->extra)
                op += op->length;
            break;
        case OP_UNION:
            at = run_union(run, op, base, at);
            op += op->length;
            break;
        case OP_LIST:
            at = run_list(run, op, base, at);
            op += op->length;
            break;
        case OP_COPY: memcpy(base + op->offset, op->data, op->extra); break;
        case OP_SKIP_VARINT: at = take_long(run, op, at, &number); break;
        case OP_SKIP_BYTES: at = run_skip_bytes(run, op, at); break;
        case OP_SKIP_TEXT: at = take_bytes(run, op, at, &bytes); break;
        case OP_SKIP_BLOCKS:
            at = run_skip_blocks(run, op, at);
            op += op->length;
            break;
        case OP_REFUSE: return run_refuse(run, op);
        }
        if (!at)
            return NULL;
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
    at = run_ops(&run, program->ops, program->ops + program->count, out, body.data);
    if (!at)
        return HP_BAD_RECORD;
    if (at != run.end)
        return hp_bad(error, HP_CODE_TRAILING_BYTES, "%zu bytes are left after the last field",
            left(&run, at));
    return HP_OK;
}
