/*
 * archive/lines.h - a text file line by line, plain or gzip, with lines of bounded size.
 *
 * Thread: one at a time.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_ARCHIVE_LINES_H
#define HP_ARCHIVE_LINES_H

#include "base/bytes.h"

#define HP_LINE_BYTES_MAX ((size_t)1 << 20) /* four times a record, for JSON's escapes */

struct hp_lines; /* opaque */

struct hp_line {
    struct hp_bytes text; /* without its end; valid until the next call */
    int64_t number;       /* from 1 */
    bool too_long;        /* `text` holds its first HP_LINE_BYTES_MAX bytes */
};

/* "-" is standard input. gzip is recognised by its first bytes. HP_USAGE when it cannot be
 * read. */
HP_MUST_CHECK enum hp_status hp_lines_open(
    const char *path, struct hp_lines **lines, struct hp_error *error);
void hp_lines_free(struct hp_lines *lines);

/* The next line that is not blank, as soon as it was written; `line->number` is 0 at the end.
 * HP_FATAL: the rest cannot be read (a broken gzip stream, the disk). */
HP_MUST_CHECK enum hp_status hp_lines_next(
    struct hp_lines *lines, struct hp_line *line, struct hp_error *error);

#endif
