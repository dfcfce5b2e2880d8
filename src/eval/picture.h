/*
 * eval/picture.h - a line chart as SVG: one line a model, over time.
 *
 * Pure text, no script, no font but the viewer's own; a `<title>` for those who do not see it.
 *
 * Thread: any. Pure.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_EVAL_PICTURE_H
#define HP_EVAL_PICTURE_H

#include "base/bytes.h"

#define HP_PICTURE_LINES_MAX 8

struct hp_picture_line {
    const char *name;
    const double *values; /* by point; NaN: no value, the line has a gap */
};

struct hp_picture {
    const char *title;
    const char *measure;  /* what the values are */
    const int64_t *times; /* of the points, milliseconds, rising */
    size_t point_count;
    struct hp_picture_line lines[HP_PICTURE_LINES_MAX];
    size_t line_count;
};

void hp_picture_draw(const struct hp_picture *picture, struct hp_buffer *svg);

#endif
