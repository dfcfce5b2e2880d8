/*
 * app/cards.c
 *
 * Every cell is first made as plain text in a buffer (already safe, already ASCII when that is
 * asked for), measured, cut and padded, and only then printed with its colour around it: escape
 * sequences never take part in measuring.
 *
 * A card is `columns` wide, two for each edge; inside, an item's line is
 *
 *     name (what is left, at least 16) | two spaces | price (as wide as the widest) | reason
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "app/cards.h"

#include "app/card_words.h"
#include "app/columns.h"
#include "domain/limits.h"
#include "domain/money.h"

#include <sys/ioctl.h>
#include <unistd.h>

#define NAME_COLUMNS_MIN 16
#define COLUMNS_MAX      100
#define BAR_COLUMNS      20

enum paint { PLAIN, BOLD, DIM, GREEN, RED, YELLOW, CYAN };

struct pen { /* where and how a card is drawn */
    FILE *out;
    const struct hp_card_options *options;
    struct hp_bytes currency;
    int columns;
};

static struct pen
new_pen(FILE *out, const struct hp_recommendation *recommendation,
    const struct hp_card_options *options)
{
    struct pen pen = {out, options, recommendation->currency, options->columns};

    if (pen.columns == 0)
        pen.columns = HP_CARD_COLUMNS;
    if (pen.columns < HP_CARD_COLUMNS_MIN)
        pen.columns = HP_CARD_COLUMNS_MIN;
    return pen;
}

static bool
asks_for_utf8(void)
{
    static const char *const variables[] = {"LC_ALL", "LC_CTYPE", "LANG"};

    for (size_t i = 0; i < HP_ARRAY_SIZE(variables); i++) {
        const char *value = getenv(variables[i]);

        if (value && *value)
            return strcasestr(value, "UTF-8") || strcasestr(value, "UTF8");
    }
    return true; /* containers set none of them, on terminals that are UTF-8 today */
}

void
hp_card_options_detect(FILE *out, struct hp_card_options *options)
{
    const char *terminal = getenv("TERM");
    const char *no_colour = getenv("NO_COLOR");
    struct winsize size;

    options->ascii = !asks_for_utf8();
    options->colour = false;
    options->columns = HP_CARD_COLUMNS;
    if (!isatty(fileno(out)))
        return;
    options->colour = terminal && strcmp(terminal, "dumb") != 0 && !(no_colour && *no_colour);
    if (ioctl(fileno(out), TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        options->columns = size.ws_col < COLUMNS_MAX ? size.ws_col : COLUMNS_MAX;
}

static void
add_bytes(const struct pen *pen, struct hp_buffer *text, struct hp_bytes bytes)
{
    hp_columns_append(text, bytes, !pen->options->ascii);
}

static void
add(const struct pen *pen, struct hp_buffer *text, const char *words)
{
    add_bytes(pen, text, hp_bytes_text(words));
}

static void
add_money(const struct pen *pen, struct hp_buffer *text, int64_t minor)
{
    char money[HP_MONEY_TEXT];

    hp_money_text(minor, pen->currency, money);
    add(pen, text, money);
}

static void
print(const struct pen *pen, enum paint paint, struct hp_bytes text)
{
    static const char *const codes[] = {"", "1", "2", "32", "31", "33", "36"};
    bool colour = pen->options->colour && paint != PLAIN;

    if (text.size == 0)
        return;
    if (colour)
        fprintf(pen->out, "\033[%sm", codes[paint]);
    fwrite(text.data, 1, text.size, pen->out);
    if (colour)
        fputs("\033[0m", pen->out);
}

static void
print_times(const struct pen *pen, const char *mark, int times)
{
    for (int i = 0; i < times; i++)
        fputs(mark, pen->out);
}

/* The text cut with an ellipsis to `columns`, then padded to it on the right, or on the left
 * for numbers. */
static void
print_cell(const struct pen *pen, enum paint paint, const struct hp_buffer *text, int columns,
    bool right)
{
    struct hp_bytes cell = hp_buffer_bytes(text);
    const char *ellipsis = pen->options->ascii ? "..." : "…";
    bool cut = hp_columns(cell) > columns;
    int used;

    if (cut)
        cell = hp_columns_cut(cell, columns - hp_columns(hp_bytes_text(ellipsis)));
    used = hp_columns(cell) + (cut ? hp_columns(hp_bytes_text(ellipsis)) : 0);
    if (right)
        print_times(pen, " ", columns - used);
    print(pen, paint, cell);
    if (cut)
        print(pen, paint, hp_bytes_text(ellipsis));
    if (!right)
        print_times(pen, " ", columns - used);
}

static const char *
edge(const struct pen *pen, const char *drawn)
{
    return pen->options->ascii ? "+" : drawn;
}

/* A horizontal edge with words in it: `┌ left ─── right ┐`. */
static void
print_edge(const struct pen *pen, const char *first, const char *last,
    const struct hp_buffer *left, const struct hp_buffer *right)
{
    struct hp_bytes start = hp_buffer_bytes(left), end = hp_buffer_bytes(right);
    int right_columns = end.size ? hp_columns(end) + 2 : 0;
    int left_columns, room = pen->columns - 4 - right_columns;

    if (hp_columns(start) > room - 2)
        start = hp_columns_cut(start, room - 2);
    left_columns = start.size ? hp_columns(start) + 2 : 0;
    fprintf(pen->out, "%s", edge(pen, first));
    if (start.size) {
        fputc(' ', pen->out);
        print(pen, BOLD, start);
        fputc(' ', pen->out);
    }
    print_times(
        pen, pen->options->ascii ? "-" : "─", pen->columns - 2 - left_columns - right_columns);
    if (end.size) {
        fputc(' ', pen->out);
        print(pen, DIM, end);
        fputc(' ', pen->out);
    }
    fprintf(pen->out, "%s\n", edge(pen, last));
}

static void
begin_row(const struct pen *pen)
{
    fputs(pen->options->ascii ? "| " : "│ ", pen->out);
}

static void
end_row(const struct pen *pen)
{
    fputs(pen->options->ascii ? " |\n" : " │\n", pen->out);
}

static void
print_row(const struct pen *pen, enum paint paint, const struct hp_buffer *text)
{
    begin_row(pen);
    print_cell(pen, paint, text, pen->columns - 4, false);
    end_row(pen);
}

/* A sentence over as many rows as it needs, broken at spaces. */
static void
print_wrapped(const struct pen *pen, enum paint paint, const struct hp_buffer *text)
{
    struct hp_bytes rest = hp_buffer_bytes(text);
    int room = pen->columns - 4;

    while (rest.size > 0) {
        struct hp_bytes row = hp_columns_cut(rest, room);
        struct hp_buffer line = {0};

        if (row.size < rest.size) {
            const uint8_t *space = memrchr(rest.data, ' ', row.size + 1);

            if (space && space > rest.data)
                row.size = (size_t)(space - rest.data);
        }
        hp_buffer_append(&line, row.data, row.size);
        print_row(pen, paint, &line);
        hp_buffer_release(&line);
        rest = hp_bytes(rest.data + row.size, rest.size - row.size);
        while (rest.size > 0 && rest.data[0] == ' ')
            rest = hp_bytes(rest.data + 1, rest.size - 1);
    }
}

static void
make_title(const struct pen *pen, const struct hp_recommendation *recommendation,
    struct hp_buffer *title)
{
    const struct hp_card_options *options = pen->options;

    if (options->name)
        add(pen, title, options->name);
    else
        add_bytes(pen, title, recommendation->user_id);
    add(pen, title, " · ");
    add_money(pen, title, recommendation->budget_max_minor);
    if (recommendation->occasion.size > 0) {
        add(pen, title, " · ");
        add_bytes(pen, title, recommendation->occasion);
    }
    if (options->note) {
        add(pen, title, " · ");
        add(pen, title, options->note);
    }
}

static void
print_top(const struct pen *pen, const struct hp_recommendation *recommendation,
    const struct hp_box *box)
{
    struct hp_buffer title = {0}, place = {0};
    int32_t last = (int32_t)recommendation->box_count;

    make_title(pen, recommendation, &title);
    for (size_t i = 0; i < recommendation->box_count; i++)
        if (recommendation->boxes[i].slot > last)
            last = recommendation->boxes[i].slot;
    if (box)
        hp_buffer_printf(&place, "%sbox %d/%d", box->exploring ? "exploring, " : "",
            (int)box->slot, (int)last);
    print_edge(pen, "┌", "┐", &title, &place);
    hp_buffer_release(&title);
    hp_buffer_release(&place);
}

static void
print_bottom(const struct pen *pen)
{
    struct hp_buffer nothing = {0}, footer = {0};

    if (pen->options->footer)
        add(pen, &footer, pen->options->footer);
    print_edge(pen, "└", "┘", &nothing, &footer);
    hp_buffer_release(&footer);
}

static void
make_item_name(const struct pen *pen, const struct hp_box_item *item, struct hp_buffer *name)
{
    if (item->quantity > 1) {
        hp_buffer_printf(name, "%d ", (int)item->quantity);
        add(pen, name, "× ");
    }
    add_bytes(pen, name, item->name.size ? item->name : item->item_id);
}

static int
widest(const struct pen *pen, const struct hp_box *box, bool price)
{
    int columns = 0;

    for (size_t i = 0; i < box->item_count; i++) {
        const struct hp_box_item *item = &box->items[i];
        struct hp_buffer text = {0};

        if (price)
            add_money(pen, &text, item->quantity * item->unit_price_minor);
        else
            make_item_name(pen, item, &text);
        if (hp_columns(hp_buffer_bytes(&text)) > columns)
            columns = hp_columns(hp_buffer_bytes(&text));
        hp_buffer_release(&text);
    }
    return columns;
}

static void
print_item(const struct pen *pen, const struct hp_box *box, const struct hp_box_item *item,
    int name_columns, int price_columns)
{
    struct hp_buffer name = {0}, price = {0}, words = {0}, reason = {0};

    make_item_name(pen, item, &name);
    add_money(pen, &price, item->quantity * item->unit_price_minor);
    if (item->reason_count > 0)
        hp_reason_words(&words, &item->reasons[0], box, item, pen->options);
    add_bytes(pen, &reason, hp_buffer_bytes(&words));
    begin_row(pen);
    print_cell(pen, PLAIN, &name, name_columns, false);
    fputs("  ", pen->out);
    print_cell(pen, BOLD, &price, price_columns, true);
    fputs("  ", pen->out);
    print_cell(pen, CYAN, &reason, pen->columns - 8 - name_columns - price_columns, false);
    end_row(pen);
    hp_buffer_release(&name);
    hp_buffer_release(&price);
    hp_buffer_release(&words);
    hp_buffer_release(&reason);
}

static void
print_items(const struct pen *pen, const struct hp_box *box)
{
    int price_columns = widest(pen, box, true);
    int name_columns = widest(pen, box, false);
    int most = (pen->columns - 8 - price_columns) * 3 / 5;

    if (name_columns > most)
        name_columns = most;
    if (name_columns < NAME_COLUMNS_MIN)
        name_columns = NAME_COLUMNS_MIN;
    for (size_t i = 0; i < box->item_count; i++)
        print_item(pen, box, &box->items[i], name_columns, price_columns);
}

/* `percent` of the bar in eighths of a column. */
static void
make_bar(const struct pen *pen, int64_t percent, struct hp_buffer *bar)
{
    static const char *const parts[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
    int eighths = (int)((percent > 100 ? 100 : percent) * BAR_COLUMNS * 8 / 100);

    for (int i = 0; i < BAR_COLUMNS; i++) {
        if (pen->options->ascii)
            hp_buffer_printf(bar, "%s", eighths >= 8 * (i + 1) ? "#" : ".");
        else if (eighths >= 8 * (i + 1))
            hp_buffer_printf(bar, "█");
        else if (eighths > 8 * i)
            hp_buffer_printf(bar, "%s", parts[eighths - 8 * i]);
        else
            hp_buffer_printf(bar, " ");
    }
}

static void
print_total(const struct pen *pen, const struct hp_box *box, const struct hp_recommendation *of)
{
    int64_t percent =
        of->budget_max_minor > 0 ? box->total_minor * 100 / of->budget_max_minor : 0;
    struct hp_buffer total = {0}, bar = {0}, words = {0};
    int total_columns;

    add_money(pen, &total, box->total_minor);
    make_bar(pen, percent, &bar);
    hp_buffer_printf(&words, " %lld%% of ", (long long)percent);
    add_money(pen, &words, of->budget_max_minor);
    total_columns = hp_columns(hp_buffer_bytes(&total));
    begin_row(pen);
    print(pen, BOLD, hp_buffer_bytes(&total));
    fputc(' ', pen->out);
    print(pen, percent >= 85 ? GREEN : YELLOW, hp_buffer_bytes(&bar));
    print_cell(pen, PLAIN, &words, pen->columns - 5 - total_columns - BAR_COLUMNS, false);
    end_row(pen);
    hp_buffer_release(&total);
    hp_buffer_release(&bar);
    hp_buffer_release(&words);
}

struct share {
    struct hp_bytes category;
    int32_t units;
};

static int
by_units(const void *a, const void *b)
{
    const struct share *x = a, *y = b;

    if (x->units != y->units)
        return x->units < y->units ? 1 : -1;
    return hp_bytes_compare(x->category, y->category);
}

static size_t
count_categories(const struct hp_box *box, struct share shares[HP_BOX_UNITS_MAX])
{
    size_t count = 0;

    for (size_t i = 0; i < box->item_count; i++) {
        size_t at = 0;

        while (at < count && !hp_bytes_equal(shares[at].category, box->items[i].category))
            at++;
        if (at == HP_BOX_UNITS_MAX)
            break;
        if (at == count)
            shares[count++] = (struct share){box->items[i].category, 0};
        shares[at].units += box->items[i].quantity;
    }
    qsort(shares, count, sizeof(shares[0]), by_units);
    return count;
}

static void
print_mix(const struct pen *pen, const struct hp_box *box)
{
    struct share shares[HP_BOX_UNITS_MAX];
    size_t count = count_categories(box, shares);
    struct hp_buffer mix = {0};

    for (size_t i = 0; i < count; i++) {
        add(pen, &mix, i ? " · " : "");
        add_bytes(pen, &mix, shares[i].category);
        hp_buffer_printf(&mix, " %d", (int)shares[i].units);
    }
    print_wrapped(pen, DIM, &mix);
    hp_buffer_release(&mix);
}

/* Reasons of the box that bar and mix do not show already. */
static void
print_box_reasons(const struct pen *pen, const struct hp_box *box)
{
    struct hp_buffer words = {0}, line = {0};

    for (size_t i = 0; i < box->reason_count; i++) {
        const struct hp_reason *reason = &box->reasons[i];

        if (hp_bytes_is(reason->code, "FILL") || hp_bytes_is(reason->code, "COVERS"))
            continue;
        hp_buffer_printf(&words, "%s", words.size ? " · " : "");
        hp_reason_words(&words, reason, box, NULL, pen->options);
    }
    add_bytes(pen, &line, hp_buffer_bytes(&words));
    print_wrapped(pen, CYAN, &line);
    hp_buffer_release(&words);
    hp_buffer_release(&line);
}

static void
print_card(const struct pen *pen, const struct hp_recommendation *recommendation, size_t index)
{
    const struct hp_box *box = &recommendation->boxes[index];

    print_top(pen, recommendation, box);
    print_items(pen, box);
    print_total(pen, box, recommendation);
    print_mix(pen, box);
    print_box_reasons(pen, box);
    print_bottom(pen);
}

static void
print_option(const struct pen *pen, const struct hp_advice_option *option)
{
    struct hp_buffer text = {0};

    add(pen, &text, "without ");
    add_bytes(pen, &text, option->relax);
    add(pen, &text, ": from ");
    add_money(pen, &text, option->min_budget_minor);
    print_row(pen, PLAIN, &text);
    hp_buffer_release(&text);
}

static void
print_cheapest(const struct pen *pen, const struct hp_advice *advice)
{
    struct hp_buffer text = {0};

    if (!advice->min_budget_minor.present)
        return;
    add(pen, &text, "possible from ");
    add_money(pen, &text, advice->min_budget_minor.value);
    for (size_t i = 0; i < advice->cheapest_count; i++) {
        const struct hp_item_quantity *item = &advice->cheapest_box[i];

        add(pen, &text, i ? ", " : ": ");
        if (item->quantity > 1) {
            hp_buffer_printf(&text, "%d ", (int)item->quantity);
            add(pen, &text, "× ");
        }
        add_bytes(pen, &text, hp_card_item_name(item->item_id, NULL, pen->options));
    }
    print_wrapped(pen, GREEN, &text);
    hp_buffer_release(&text);
}

/* What stands in the way, and what would help. */
static void
print_advice(const struct pen *pen, const struct hp_recommendation *recommendation)
{
    const struct hp_advice *advice = &recommendation->advice;
    struct hp_buffer text = {0};

    print_top(pen, recommendation, NULL);
    add(pen, &text, recommendation->box_count ? "not every box could be made: " : "no box: ");
    if (recommendation->advised) {
        add_bytes(pen, &text, advice->message.size ? advice->message : advice->reason);
    } else {
        add(pen, &text, "nothing is known about why");
    }
    print_wrapped(pen, YELLOW, &text);
    print_cheapest(pen, advice);
    for (size_t i = 0; i < advice->option_count; i++)
        print_option(pen, &advice->options[i]);
    print_bottom(pen);
    hp_buffer_release(&text);
}

void
hp_cards_write(FILE *out, const struct hp_recommendation *recommendation,
    const struct hp_card_options *options)
{
    struct pen pen = new_pen(out, recommendation, options);

    for (size_t i = 0; i < recommendation->box_count; i++)
        print_card(&pen, recommendation, i);
    if (recommendation->box_count == 0 || recommendation->advised)
        print_advice(&pen, recommendation);
}

static const struct hp_box *
box_in_slot(const struct hp_recommendation *recommendation, int32_t slot)
{
    for (size_t i = 0; recommendation && i < recommendation->box_count; i++)
        if (recommendation->boxes[i].slot == slot)
            return &recommendation->boxes[i];
    return NULL;
}

static const struct hp_box_item *
item_in_box(const struct hp_box *box, struct hp_bytes item_id)
{
    for (size_t i = 0; box && i < box->item_count; i++)
        if (hp_bytes_equal(box->items[i].item_id, item_id))
            return &box->items[i];
    return NULL;
}

static void
print_change(const struct pen *pen, int32_t slot, enum paint paint, const char *mark,
    const struct hp_box_item *item, const struct hp_box_item *was)
{
    struct hp_buffer text = {0};

    add(pen, &text, mark);
    make_item_name(pen, item, &text);
    add(pen, &text, "  ");
    add_money(pen, &text, item->quantity * item->unit_price_minor);
    if (was) {
        add(pen, &text, ", was ");
        if (was->quantity != item->quantity)
            hp_buffer_printf(&text, "%d for ", (int)was->quantity);
        add_money(pen, &text, was->quantity * was->unit_price_minor);
    }
    fprintf(pen->out, "  box %d  ", (int)slot);
    print(pen, paint, hp_buffer_bytes(&text));
    fputc('\n', pen->out);
    hp_buffer_release(&text);
}

static int
diff_boxes(const struct pen *pen, int32_t slot, const struct hp_box *before,
    const struct hp_box *after)
{
    int lines = 0;

    for (size_t i = 0; before && i < before->item_count; i++) {
        if (item_in_box(after, before->items[i].item_id))
            continue;
        print_change(pen, slot, RED, "− ", &before->items[i], NULL);
        lines++;
    }
    for (size_t i = 0; after && i < after->item_count; i++) {
        const struct hp_box_item *item = &after->items[i];
        const struct hp_box_item *was = item_in_box(before, item->item_id);

        if (was && was->quantity == item->quantity &&
            was->unit_price_minor == item->unit_price_minor)
            continue;
        print_change(pen, slot, was ? YELLOW : GREEN, was ? "~ " : "+ ", item, was);
        lines++;
    }
    return lines;
}

int
hp_cards_diff(FILE *out, const struct hp_recommendation *before,
    const struct hp_recommendation *after, const struct hp_card_options *options)
{
    struct pen pen = new_pen(out, after, options);
    struct hp_buffer title = {0};
    int lines = 0;

    make_title(&pen, after, &title);
    print(&pen, BOLD, hp_buffer_bytes(&title));
    fputc('\n', out);
    hp_buffer_release(&title);
    for (int32_t slot = 1; slot <= HP_BOXES_MAX; slot++)
        lines += diff_boxes(&pen, slot, box_in_slot(before, slot), box_in_slot(after, slot));
    if (lines == 0)
        fputs("  nothing changed\n", out);
    return lines;
}
