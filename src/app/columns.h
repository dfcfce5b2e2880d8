/*
 * app/columns.h - how wide text is on a terminal, and text made safe to print.
 *
 * Thread: any. Pure.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_APP_COLUMNS_H
#define HP_APP_COLUMNS_H

#include "base/bytes.h"

/* Columns the text takes: marks of Indian and other scripts none, CJK and emoji two. Bytes that
 * are not UTF-8 count one each. */
int hp_columns(struct hp_bytes text);

/* The longest beginning of at most `columns` columns, never ending within a character. */
struct hp_bytes hp_columns_cut(struct hp_bytes text, int columns);

/*
 * Appends text for a terminal: what could steer it (control characters, changes of direction)
 * and bytes that are not UTF-8 become `?`. With `utf8` false the rest becomes ASCII: `₹` is
 * `Rs `, `·` and dashes are `-`, `×` is `x`, dots are `...`, and what has no such form is `?`.
 */
void hp_columns_append(struct hp_buffer *buffer, struct hp_bytes text, bool utf8);

#endif
