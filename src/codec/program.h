/*
 * codec/program.h - the operations that codec/resolve.c compiles and codec/decode.c runs.
 *
 * Internal to the two.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_CODEC_PROGRAM_H
#define HP_CODEC_PROGRAM_H

#include <stddef.h>
#include <stdint.h>

enum op_code {
    OP_TEXT,      /* string or bytes, checked UTF-8 */
    OP_INT32,     /* int into int32_t */
    OP_INT64,     /* long into int64_t */
    OP_INT64_INT, /* int into int64_t */
    OP_BOOLEAN,
    OP_DOUBLE,
    OP_DOUBLE_FLOAT,
    OP_DOUBLE_LONG, /* int or long into double */
    OP_ENUM,        /* data: struct symbol_map */
    OP_PRESENT,     /* sets the bool at offset */
    OP_NULLABLE,    /* extra: the null branch; length: operations to pass over when null */
    OP_UNION,       /* data: struct branches */
    OP_LIST,        /* data: struct list; body: length operations */
    OP_COPY,        /* extra bytes from data: a default */
    OP_SKIP_VARINT,
    OP_SKIP_BYTES, /* extra: how many */
    OP_SKIP_TEXT,
    OP_SKIP_BLOCKS, /* extra: fewest bytes of a member; body: length operations */
    OP_REFUSE,      /* a union's branch that has no place in our field */
};

struct op {
    uint32_t code;
    uint32_t offset; /* in the struct at hand */
    uint32_t length;
    uint32_t extra;
    const void *data;
    const char *path; /* for messages */
};

struct symbol_map {
    size_t count;
    int to[]; /* writer's position to ours, -1: none */
};

struct branches {
    size_t count;
    uint32_t end[]; /* of each body, counted from the operation behind the union */
};

struct list {
    uint32_t count_offset;
    uint32_t member_size; /* of the C struct */
    uint32_t limit;
    uint32_t size_min; /* of a member in the body */
};

struct hp_program {
    const struct op *ops;
    size_t count;
    size_t record_size;
};

#endif
