/* eval/picture.c - coordinates and text. SPDX-License-Identifier: Apache-2.0 */
#include "eval/picture.h"

#include "domain/instant.h"

#include <math.h>

#define WIDTH  860
#define HEIGHT 420
#define LEFT   60
#define RIGHT  190
#define TOP    50
#define BOTTOM 40
#define GRID   5
#define DATES  6

static const char *const colours[HP_PICTURE_LINES_MAX] = {
    "#c0392b", "#7f8c8d", "#2980b9", "#27ae60", "#8e44ad", "#d35400", "#16a085", "#2c3e50"};

static void
escape(struct hp_buffer *svg, const char *text)
{
    for (; *text; text++)
        switch (*text) {
        case '&': hp_buffer_printf(svg, "&amp;"); break;
        case '<': hp_buffer_printf(svg, "&lt;"); break;
        case '>': hp_buffer_printf(svg, "&gt;"); break;
        default: hp_buffer_append(svg, text, 1);
        }
}

/* A round number not below the greatest value: 1, 2 or 5 times a power of ten, in GRID steps.
 */
static double
top_of(const struct hp_picture *picture)
{
    double most = 0, step = 1e-6;
    int turn = 0;

    for (size_t i = 0; i < picture->line_count; i++)
        for (size_t j = 0; j < picture->point_count; j++)
            if (picture->lines[i].values[j] > most)
                most = picture->lines[i].values[j];
    for (; step * GRID < most; turn++)
        step *= turn % 3 == 1 ? 2.5 : 2;
    return step * GRID;
}

static double
x_of(const struct hp_picture *picture, int64_t time)
{
    int64_t first = picture->times[0];
    int64_t span = picture->times[picture->point_count - 1] - first;

    return LEFT + (span ? (double)(time - first) / (double)span : 0.5) * (WIDTH - LEFT - RIGHT);
}

static double
y_of(double value, double top)
{
    return HEIGHT - BOTTOM - value / top * (HEIGHT - TOP - BOTTOM);
}

static void
draw_axes(const struct hp_picture *picture, double top, struct hp_buffer *svg)
{
    int64_t first = picture->times[0];
    int64_t span = picture->times[picture->point_count - 1] - first;

    for (int i = 0; i <= GRID; i++) {
        double value = top * i / GRID, y = y_of(value, top);

        hp_buffer_printf(svg,
            "<line x1=\"%d\" y1=\"%.1f\" x2=\"%d\" y2=\"%.1f\" stroke=\"#ddd\"/>\n"
            "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%.3g</text>\n",
            LEFT, y, WIDTH - RIGHT, y, LEFT - 8, y + 4, value);
    }
    for (int i = 0; i < (span ? DATES : 1); i++) {
        int64_t time = first + span / (DATES - 1) * i;
        char text[HP_INSTANT_TEXT];

        hp_instant_text(time, text);
        hp_buffer_printf(svg, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%.10s</text>\n",
            x_of(picture, time), HEIGHT - BOTTOM + 20, text);
    }
}

static void
draw_line(const struct hp_picture *picture, size_t number, double top, struct hp_buffer *svg)
{
    const struct hp_picture_line *line = &picture->lines[number];
    int key_y = TOP + 10 + 22 * (int)number;
    bool drawing = false;

    hp_buffer_printf(svg, "<path fill=\"none\" stroke=\"%s\" stroke-width=\"%s\" d=\"",
        colours[number], number == 0 ? "2.5" : "1.5");
    for (size_t i = 0; i < picture->point_count; i++) {
        if (isnan(line->values[i])) {
            drawing = false;
            continue;
        }
        hp_buffer_printf(svg, "%s%.1f %.1f ", drawing ? "L" : "M",
            x_of(picture, picture->times[i]), y_of(line->values[i], top));
        if (!drawing) /* a lone point is a dot */
            hp_buffer_printf(svg, "h0.1 ");
        drawing = true;
    }
    hp_buffer_printf(svg,
        "\"/>\n<line x1=\"%d\" y1=\"%d\" x2=\"%d\" y2=\"%d\" stroke=\"%s\" "
        "stroke-width=\"3\"/>\n<text x=\"%d\" y=\"%d\">",
        WIDTH - RIGHT + 16, key_y, WIDTH - RIGHT + 36, key_y, colours[number],
        WIDTH - RIGHT + 42, key_y + 4);
    escape(svg, line->name);
    hp_buffer_printf(svg, "</text>\n");
}

void
hp_picture_draw(const struct hp_picture *picture, struct hp_buffer *svg)
{
    double top = top_of(picture);

    hp_buffer_printf(svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" "
        "font-family=\"sans-serif\" font-size=\"12\" stroke-linejoin=\"round\" "
        "stroke-linecap=\"round\">\n<title>",
        WIDTH, HEIGHT);
    escape(svg, picture->title);
    hp_buffer_printf(svg,
        "</title>\n<rect width=\"%d\" height=\"%d\" fill=\"white\"/>\n"
        "<text x=\"%d\" y=\"22\" font-size=\"15\">",
        WIDTH, HEIGHT, LEFT);
    escape(svg, picture->title);
    hp_buffer_printf(svg, "</text>\n<text x=\"%d\" y=\"40\" fill=\"#555\">", LEFT);
    escape(svg, picture->measure);
    hp_buffer_printf(svg, "</text>\n");
    if (picture->point_count > 0) {
        draw_axes(picture, top, svg);
        for (size_t i = 0; i < picture->line_count; i++)
            draw_line(picture, i, top, svg);
    }
    hp_buffer_printf(svg, "</svg>\n");
}
