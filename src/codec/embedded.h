/*
 * codec/embedded.h - the schema texts that cmake/embed.cmake put into the binary.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_CODEC_EMBEDDED_H
#define HP_CODEC_EMBEDDED_H

#include <stddef.h>

struct hp_embedded {
    const char *name; /* file name without its ending */
    const unsigned char *data;
    size_t size;
};

extern const struct hp_embedded hp_embedded_schemas[];
extern const size_t hp_embedded_schema_count;

#endif
