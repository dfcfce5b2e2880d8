/*
 * app/properties.h - reads Java's .properties form, strictly.
 *
 * `key=value` with white space around both taken away, `#` and `!` comments, a line continued
 * by a backslash at its end, and the escapes \\ \t \n \r \= \: \# \! \uXXXX. The text must be
 * UTF-8. What Java would guess at (no `=`, an unknown escape) is an error here.
 *
 * Thread: one at a time. Pure; borrows the text.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_APP_PROPERTIES_H
#define HP_APP_PROPERTIES_H

#include "base/arena.h"
#include "base/status.h"

struct hp_properties {
    struct hp_bytes rest;
    const char *name; /* of the file, for errors */
    int line;         /* lines read so far */
    struct hp_arena *arena;
};

struct hp_property {
    const char *key;   /* NULL at the end; both live in the arena */
    const char *value; /* perhaps empty */
    int line;          /* where it begins, from 1 */
};

/* HP_USAGE: the text begins with `name:line:`. */
HP_MUST_CHECK enum hp_status hp_properties_next(
    struct hp_properties *properties, struct hp_property *property, struct hp_error *error);

#endif
