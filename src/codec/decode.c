/*
 * codec/decode.c - runs the programs of codec/resolve.c over a body.
 *
 * One loop over a switch; only lists, maps and unions of more than two branches call it again
 * for their bodies, so the C stack is as deep as the schema, at most 32.
 *
 * Invariants of a run:
 * (1) `at` never passes `end`, and every read compares before it reads;
 * (2) memory grows by what is there: a block of n members is allocated only when n times the
 *     fewest bytes of a member are left, and when the list's limit allows n more;
 * (3) every member of every list costs at least a byte (writers' types without bytes are not
 *     looped over when skipped), so a run is linear in the body;
 * (4) all bytes are consumed, or it is not this schema's value.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "codec/resolve.h"

#include "codec/program.h"
#include "domain/reasons.h"

#include <inttypes.h>
#include <math.h>

struct run {
    const uint8_t *at;
    const uint8_t *end;
    struct hp_arena *arena;
    struct hp_error *error;
};

static enum hp_status run_ops(
    struct run *run, const struct op *op, const struct op *stop, uint8_t *base);

static enum hp_status __attribute__((noinline, cold))
fail(struct run *run, const struct op *op, const char *code, const char *what)
{
    return hp_bad(run->error, code, "field %s: %s", op->path, what);
}

static inline size_t
left(const struct run *run)
{
    return (size_t)(run->end - run->at);
}

static enum hp_status __attribute__((noinline))
take_long_slow(struct run *run, const struct op *op, int64_t *value)
{
    uint64_t bits = 0;

    for (unsigned shift = 0; shift < 64; shift += 7) {
        uint8_t byte;

        if (run->at == run->end)
            return fail(run, op, HP_CODE_TRUNCATED, "the body ends inside a number");
        byte = *run->at++;
        if (shift == 63 && byte > 1)
            break;
        bits |= (uint64_t)(byte & 0x7F) << shift;
        if (byte < 0x80) {
            *value = (int64_t)(bits >> 1) ^ -(int64_t)(bits & 1);
            return HP_OK;
        }
    }
    return fail(run, op, HP_CODE_OVERFLOW, "a number has more than 64 bits");
}

/* Most numbers of a record are lengths and counts of one byte. */
static inline enum hp_status
take_long(struct run *run, const struct op *op, int64_t *value)
{
    if (run->at < run->end && *run->at < 0x80) {
        uint8_t bits = *run->at++;

        *value = (int64_t)(bits >> 1) ^ -(int64_t)(bits & 1);
        return HP_OK;
    }
    return take_long_slow(run, op, value);
}

static inline enum hp_status
take_int(struct run *run, const struct op *op, int64_t *value)
{
    enum hp_status status = take_long(run, op, value);

    if (!status && (*value < INT32_MIN || *value > INT32_MAX))
        return fail(run, op, HP_CODE_OVERFLOW, "a number does not fit an int");
    return status;
}

static inline enum hp_status
take_bytes(struct run *run, const struct op *op, struct hp_bytes *bytes)
{
    int64_t size;
    enum hp_status status = take_long(run, op, &size);

    if (status)
        return status;
    if (size < 0)
        return fail(run, op, HP_CODE_BAD_LENGTH, "a negative length");
    if ((uint64_t)size > left(run))
        return fail(run, op, HP_CODE_BAD_LENGTH, "a length beyond the end of the body");
    *bytes = hp_bytes(run->at, (size_t)size);
    run->at += size;
    return HP_OK;
}

static inline uint64_t
load64(const uint8_t *at)
{
    uint64_t word;

    memcpy(&word, at, sizeof(word));
    return word;
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

static inline enum hp_status
run_text(struct run *run, const struct op *op, uint8_t *base)
{
    struct hp_bytes *text = (struct hp_bytes *)(base + op->offset);
    enum hp_status status = take_bytes(run, op, text);

    if (status)
        return status;
    if (!is_ascii(text->data, text->size) && !hp_bytes_utf8(*text))
        return fail(run, op, HP_CODE_BAD_UTF8, "not valid UTF-8");
    return HP_OK;
}

static enum hp_status
run_boolean(struct run *run, const struct op *op, uint8_t *base)
{
    if (run->at == run->end)
        return fail(run, op, HP_CODE_TRUNCATED, "the body ends before it");
    if (*run->at > 1)
        return fail(run, op, HP_CODE_BAD_BOOLEAN, "neither 0 nor 1");
    *(bool *)(base + op->offset) = *run->at++;
    return HP_OK;
}

/* IEEE, little-endian. */
static enum hp_status
run_double(struct run *run, const struct op *op, uint8_t *base)
{
    size_t size = op->code == OP_DOUBLE_FLOAT ? 4 : 8;
    double *value = (double *)(base + op->offset);
    uint64_t bits = 0;

    if (left(run) < size)
        return fail(run, op, HP_CODE_TRUNCATED, "the body ends inside it");
    for (size_t i = 0; i < size; i++)
        bits |= (uint64_t)*run->at++ << (8 * i);
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
    return HP_OK;
}

static enum hp_status
run_double_long(struct run *run, const struct op *op, uint8_t *base)
{
    int64_t value;
    enum hp_status status = take_long(run, op, &value);

    if (!status)
        *(double *)(base + op->offset) = (double)value;
    return status;
}

static enum hp_status
run_enum(struct run *run, const struct op *op, uint8_t *base)
{
    const struct symbol_map *map = op->data;
    int64_t symbol;
    enum hp_status status = take_long(run, op, &symbol);

    if (status)
        return status;
    if (symbol < 0 || (uint64_t)symbol >= map->count)
        return fail(run, op, HP_CODE_BAD_ENUM, "not a symbol of the writer's enum");
    if (map->to[symbol] < 0)
        return fail(run, op, HP_CODE_BAD_ENUM, "a symbol we do not know, without a default");
    *(int *)(base + op->offset) = map->to[symbol];
    return HP_OK;
}

/* `*is_null` when the branch read is the null one. */
static inline enum hp_status
run_nullable(struct run *run, const struct op *op, bool *is_null)
{
    int64_t branch;
    enum hp_status status = take_long(run, op, &branch);

    if (status)
        return status;
    if (branch != 0 && branch != 1)
        return fail(run, op, HP_CODE_BAD_UNION, "a union has no such branch");
    *is_null = branch == op->extra;
    return HP_OK;
}

static enum hp_status
run_union(struct run *run, const struct op *op, uint8_t *base)
{
    const struct branches *branches = op->data;
    int64_t branch;
    enum hp_status status = take_long(run, op, &branch);

    if (status)
        return status;
    if (branch < 0 || (uint64_t)branch >= branches->count)
        return fail(run, op, HP_CODE_BAD_UNION, "a union has no such branch");
    return run_ops(run, op + 1 + (branch ? branches->end[branch - 1] : 0),
        op + 1 + branches->end[branch], base);
}

/* A block's head: how many members, and where it ends (NULL: not said). */
static inline enum hp_status
take_block(struct run *run, const struct op *op, uint32_t size_min, uint64_t *count,
    const uint8_t **block_end)
{
    int64_t number;
    int64_t size;
    enum hp_status status = take_long(run, op, &number);

    *block_end = NULL;
    if (status)
        return status;
    *count = (uint64_t)number;
    if (number < 0) {
        *count = 0 - (uint64_t)number;
        status = take_long(run, op, &size);
        if (status)
            return status;
        if (size < 0 || (uint64_t)size > left(run))
            return fail(run, op, HP_CODE_BAD_LENGTH, "a block beyond the end of the body");
        *block_end = run->at + size;
    }
    if (size_min && *count > left(run) / size_min)
        return fail(run, op, HP_CODE_BAD_LENGTH, "more members than bytes are left for");
    return HP_OK;
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

static enum hp_status
run_list(struct run *run, const struct op *op, uint8_t *base)
{
    const struct list *list = op->data;
    const struct op *body = op + 1;
    const struct op *stop = body + op->length;
    const uint8_t *block_end;
    uint8_t *members = NULL;
    size_t capacity = 0;
    size_t count = 0;
    uint64_t more;

    for (;;) {
        enum hp_status status = take_block(run, op, list->size_min, &more, &block_end);

        if (status)
            return status;
        if (more == 0)
            break;
        if (more > list->limit - count)
            return hp_bad(run->error, HP_CODE_LIMIT,
                "field %s: %" PRIu64 " members, at most %u are allowed", op->path, count + more,
                list->limit);
        members = grow_list(run, list, members, count, &capacity, (size_t)more);
        for (; more > 0 && !status; more--, count++)
            status = run_ops(run, body, stop, members + count * list->member_size);
        if (status)
            return status;
        if (block_end && run->at != block_end)
            return fail(run, op, HP_CODE_BAD_LENGTH, "a block is not as long as it says");
    }
    memcpy(base + op->offset, &members, sizeof(members));
    memcpy(base + list->count_offset, &count, sizeof(count));
    return HP_OK;
}

static enum hp_status
skip_block_members(struct run *run, const struct op *op, uint64_t count)
{
    enum hp_status status = HP_OK;

    if (op->extra == 0) /* keeps (3): members without bytes */
        return HP_OK;
    for (; count > 0 && !status; count--)
        status = run_ops(run, op + 1, op + 1 + op->length, NULL);
    return status;
}

static enum hp_status
run_skip_blocks(struct run *run, const struct op *op)
{
    for (;;) {
        const uint8_t *block_end;
        uint64_t count;
        enum hp_status status = take_block(run, op, op->extra, &count, &block_end);

        if (status || count == 0)
            return status;
        if (block_end)
            run->at = block_end;
        else
            status = skip_block_members(run, op, count);
        if (status)
            return status;
    }
}

static enum hp_status
run_skip_bytes(struct run *run, const struct op *op)
{
    if (left(run) < op->extra)
        return fail(run, op, HP_CODE_TRUNCATED, "the body ends inside it");
    run->at += op->extra;
    return HP_OK;
}

static enum hp_status
run_ops(struct run *run, const struct op *op, const struct op *stop, uint8_t *base)
{
    for (; op < stop; op++) {
        enum hp_status status = HP_OK;
        struct hp_bytes bytes;
        int64_t number;
        bool is_null = false;

        switch ((enum op_code)op->code) {
        case OP_TEXT: status = run_text(run, op, base); break;
        case OP_INT32:
            status = take_int(run, op, &number);
            if (!status)
                *(int32_t *)(base + op->offset) = (int32_t)number;
            break;
        case OP_INT64: status = take_long(run, op, (int64_t *)(base + op->offset)); break;
        case OP_INT64_INT: status = take_int(run, op, (int64_t *)(base + op->offset)); break;
        case OP_BOOLEAN: status = run_boolean(run, op, base); break;
        case OP_DOUBLE:
        case OP_DOUBLE_FLOAT: status = run_double(run, op, base); break;
        case OP_DOUBLE_LONG: status = run_double_long(run, op, base); break;
        case OP_ENUM: status = run_enum(run, op, base); break;
        case OP_PRESENT: *(bool *)(base + op->offset) = true; break;
        case OP_NULLABLE:
            status = run_nullable(run, op, &is_null);
            if (!status && is_null)
                op += op->length;
            break;
        case OP_UNION:
            status = run_union(run, op, base);
            op += op->length;
            break;
        case OP_LIST:
            status = run_list(run, op, base);
            op += op->length;
            break;
        case OP_COPY: memcpy(base + op->offset, op->data, op->extra); break;
        case OP_SKIP_VARINT: status = take_long(run, op, &number); break;
        case OP_SKIP_BYTES: status = run_skip_bytes(run, op); break;
        case OP_SKIP_TEXT: status = take_bytes(run, op, &bytes); break;
        case OP_SKIP_BLOCKS:
            status = run_skip_blocks(run, op);
            op += op->length;
            break;
        case OP_REFUSE:
            return hp_bad(run->error, HP_CODE_BAD_UNION,
                "field %s: %s has no place in this field", op->path, (const char *)op->data);
        }
        if (status)
            return status;
    }
    return HP_OK;
}

enum hp_status
hp_program_run(const struct hp_program *program, struct hp_bytes body, struct hp_arena *arena,
    void *out, struct hp_error *error)
{
    struct run run = {body.data, body.data + body.size, arena, error};
    enum hp_status status;

    memset(out, 0, program->record_size);
    status = run_ops(&run, program->ops, program->ops + program->count, out);
    if (status)
        return status;
    if (run.at != run.end)
        return hp_bad(error, HP_CODE_TRAILING_BYTES, "%zu bytes are left after the last field",
            left(&run));
    return HP_OK;
}
