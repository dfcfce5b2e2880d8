/*
 * app/cards.h: what people see of a recommendation is what is in it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "app/card_words.h"
#include "app/cards.h"
#include "app/columns.h"

#define T(text)                                                                                \
    {                                                                                          \
        (const uint8_t *)(text), sizeof(text) - 1                                              \
    }

static const struct hp_reason_arg to_makhana[] = {{T("item"), T("makhana")}};
static const struct hp_reason new_to_you = {T("NEW_TO_YOU"), NULL, 0};
static const struct hp_reason goes_with = {T("GOES_WITH"), to_makhana, 1};
static const struct hp_box_item items[] = {
    {T("makhana"), T("Roasted Makhana 100 g"), T("Healthy Foods"), 1, 18000, 1, &new_to_you, 1},
    {T("almonds"), T("California Almonds"), T("Dry Fruits"), 2, 34000, 1, &goes_with, 1},
    {T("katli"), T("काजू कतली"), T("Sweets"), 1, 60000, 1, NULL, 0},
};
static const struct hp_reason_arg from_one[] = {{T("from"), T("box 1")}};
static const struct hp_reason box_reasons[] = {
    {T("FILL"), NULL, 0}, {T("DIFFERS"), from_one, 1}};
static const struct hp_box boxes[] = {
    {T("b1"), 1, items, 3, 146000, 1, false, 1, NULL, 0},
    {T("b2"), 2, items, 1, 18000, 1, true, 0.5, box_reasons, 2},
};

static struct hp_recommendation
two_boxes(void)
{
    return (struct hp_recommendation){.user_id = T("u-1"),
        .currency = T("INR"),
        .budget_max_minor = 150000,
        .occasion = T("Diwali"),
        .boxes = boxes,
        .box_count = 2};
}

/* What is printed; the caller frees it. */
static char *
printed(const struct hp_recommendation *recommendation, const struct hp_card_options *options)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    hp_cards_write(out, recommendation, options);
    fclose(out);
    return text;
}

/* The same without colours. */
static void
strip_colours(char *text)
{
    char *to = text;

    for (const char *from = text; *from; from++) {
        if (*from == '\033')
            from = strchr(from, 'm');
        else
            *to++ = *from;
    }
    *to = 0;
}

static void
a_card_reads_like_this(void **state)
{
    const struct hp_card_options options = {.columns = 64,
        .name = "Asha",
        .note = "no peanuts",
        .footer = "38 ms after your event"};
    struct hp_recommendation recommendation = two_boxes();
    char *text;

    (void)state;
    recommendation.box_count = 1;
    text = printed(&recommendation, &options);
    assert_string_equal(text,
        "┌ Asha · ₹1,500 · Diwali · no peanuts ──────────────── box 1/1 ┐\n"
        "│ Roasted Makhana 100 g   ₹180  new to you                     │\n"
        "│ 2 × California Almonds  ₹680  goes with Roasted Makhana 100… │\n"
        "│ काजू कतली                ₹600                                 │\n"
        "│ ₹1,460 ███████████████████▍ 97% of ₹1,500                    │\n"
        "│ Dry Fruits 2 · Healthy Foods 1 · Sweets 1                    │\n"
        "└────────────────────────────────────── 38 ms after your event ┘\n");
    free(text);
}

static void
ascii_reads_like_this(void **state)
{
    const struct hp_card_options options = {.columns = 60, .ascii = true};
    struct hp_recommendation recommendation = two_boxes();
    char *text;

    (void)state;
    recommendation.boxes++;
    recommendation.box_count = 1;
    text = printed(&recommendation, &options);
    assert_string_equal(text, "+ u-1 - Rs 1,500 - Diwali ------------- exploring, box 2/2 +\n"
                              "| Roasted Makhana 100 g  Rs 180  new to you                |\n"
                              "| Rs 180 ##.................. 12% of Rs 1,500              |\n"
                              "| Healthy Foods 1                                          |\n"
                              "| differs from box 1                                       |\n"
                              "+----------------------------------------------------------+\n");
    free(text);
}

static void
every_line_is_as_wide_as_asked(void **state)
{
    static const char *const long_name = "A name that is much longer than any card is wide, "
                                         "and goes on and on without an end in sight";
    (void)state;
    for (int columns = HP_CARD_COLUMNS_MIN; columns <= 100; columns++) {
        for (int kind = 0; kind < 4; kind++) {
            const struct hp_card_options options = {.columns = columns,
                .ascii = kind & 1,
                .colour = kind & 2,
                .name = columns & 1 ? long_name : "Asha",
                .note = "jain"};
            struct hp_recommendation recommendation = two_boxes();
            char *text = printed(&recommendation, &options), *line = text, *rest = text;

            strip_colours(text);
            while ((line = strsep(&rest, "\n")) && rest)
                assert_int_equal(columns, hp_columns(hp_bytes_text(line)));
            free(text);
        }
    }
}

static void
colours_come_only_when_asked(void **state)
{
    struct hp_recommendation recommendation = two_boxes();
    const struct hp_card_options plain = {0}, coloured = {.colour = true};
    char *without = printed(&recommendation, &plain);
    char *with = printed(&recommendation, &coloured);

    (void)state;
    assert_null(strchr(without, '\033'));
    assert_non_null(strchr(with, '\033'));
    strip_colours(with);
    assert_string_equal(without, with);
    free(without);
    free(with);
}

static struct hp_bytes
look_up(void *context, struct hp_bytes item_id)
{
    (void)item_id;
    return hp_bytes_text(context);
}

static void
advice_says_what_would_help(void **state)
{
    static const struct hp_advice_option option = {T("category sweets"), 80000};
    static const struct hp_item_quantity cheapest = {T("tea"), 2};
    struct hp_recommendation recommendation = two_boxes();
    char name[] = "Assam Tea";
    struct hp_card_options options = {.name_of = look_up, .context = name};
    char *text;

    (void)state;
    recommendation.box_count = 0;
    recommendation.advised = true;
    recommendation.advice = (struct hp_advice){
        T("BUDGET_TOO_LOW"), T("too little"), {true, 190000}, &cheapest, 1, &option, 1};
    text = printed(&recommendation, &options);
    assert_non_null(strstr(text, "no box: too little"));
    assert_non_null(strstr(text, "possible from ₹1,900: 2 × Assam Tea"));
    assert_non_null(strstr(text, "without category sweets: from ₹800"));
    free(text);
}

static void
missing_boxes_are_said_below_the_others(void **state)
{
    struct hp_recommendation recommendation = two_boxes();
    const struct hp_card_options options = {0};
    char *text;

    (void)state;
    recommendation.advised = true;
    recommendation.advice.reason = (struct hp_bytes)T("SHARING_EXHAUSTED");
    text = printed(&recommendation, &options);
    assert_non_null(strstr(text, "box 2/2"));
    assert_non_null(strstr(text, "not every box could be made: SHARING_EXHAUSTED"));
    free(text);
}

static void
assert_words(struct hp_reason reason, const struct hp_box_item *item, const char *expected)
{
    const struct hp_card_options options = {0};
    struct hp_buffer words = {0};

    hp_reason_words(&words, &reason, &boxes[0], item, &options);
    assert_int_equal(strlen(expected), words.size);
    assert_memory_equal(expected, words.data, words.size);
    hp_buffer_release(&words);
}

static void
reasons_are_words(void **state)
{
    static const struct hp_reason_arg pair[] = {
        {T("item"), T("almonds")}, {T("with"), T("makhana")}};
    static const struct hp_reason_arg unknown[] = {{T("item"), T("ghee-1kg")}};
    static const struct hp_reason_arg percent[] = {{T("percent"), T("97")}};

    (void)state;
    assert_words(goes_with, &items[1], "goes with Roasted Makhana 100 g");
    assert_words(goes_with, &items[0], "goes with the others");
    assert_words((struct hp_reason){T("GOES_WITH"), pair, 2}, &items[1],
        "goes with Roasted Makhana 100 g");
    assert_words(
        (struct hp_reason){T("GOES_WITH"), pair, 2}, &items[0], "goes with California Almonds");
    assert_words((struct hp_reason){T("GOES_WITH"), pair, 2}, NULL,
        "California Almonds goes with Roasted Makhana 100 g");
    assert_words(
        (struct hp_reason){T("BECAUSE"), unknown, 1}, &items[0], "because of ghee-1kg");
    assert_words((struct hp_reason){T("BECAUSE"), to_makhana, 1}, &items[0], "chosen before");
    assert_words((struct hp_reason){T("BECAUSE"), NULL, 0}, &items[0], "matches your taste");
    assert_words((struct hp_reason){T("FILL"), percent, 1}, NULL, "uses 97% of the budget");
    assert_words((struct hp_reason){T("MUST"), NULL, 0}, &items[0], "you asked for it");
    assert_words((struct hp_reason){T("EXPLORING"), NULL, 0}, NULL, "something to explore");
    assert_words((struct hp_reason){T("LATER_CODE"), NULL, 0}, NULL, "later code");
}

static int
diff(const struct hp_recommendation *before, const struct hp_recommendation *after, char **text)
{
    const struct hp_card_options options = {.name = "Asha"};
    size_t size;
    FILE *out = open_memstream(text, &size);
    int lines = hp_cards_diff(out, before, after, &options);

    fclose(out);
    return lines;
}

static void
a_diff_names_what_went_came_and_changed(void **state)
{
    struct hp_box_item changed[] = {items[0], items[2]};
    const struct hp_box box = {T("b9"), 1, changed, 2, 0, 0, false, 1, NULL, 0};
    struct hp_recommendation before = two_boxes(), after = two_boxes();
    char *text;

    (void)state;
    changed[0].quantity = 2;
    changed[1].unit_price_minor = 65000;
    after.boxes = &box;
    after.box_count = 1;
    before.occasion = after.occasion = (struct hp_bytes){0};
    assert_int_equal(4, diff(&before, &after, &text));
    assert_string_equal(text, "Asha · ₹1,500\n"
                              "  box 1  − 2 × California Almonds  ₹680\n"
                              "  box 1  ~ 2 × Roasted Makhana 100 g  ₹360, was 1 for ₹180\n"
                              "  box 1  ~ काजू कतली  ₹650, was ₹600\n"
                              "  box 2  − Roasted Makhana 100 g  ₹180\n");
    free(text);
}

static void
a_diff_of_equals_says_so_and_of_nothing_is_all_new(void **state)
{
    struct hp_recommendation recommendation = two_boxes();
    char *text;

    (void)state;
    assert_int_equal(0, diff(&recommendation, &recommendation, &text));
    assert_non_null(strstr(text, "nothing changed"));
    free(text);
    assert_int_equal(4, diff(NULL, &recommendation, &text));
    assert_non_null(strstr(text, "+ 2 × California Almonds  ₹680"));
    free(text);
}

/* Output that is piped into a file must be plain. */
static void
a_file_gets_no_colours(void **state)
{
    struct hp_card_options options = {.colour = true};
    FILE *file = tmpfile();

    (void)state;
    assert_non_null(file);
    setenv("LC_ALL", "C", 1);
    hp_card_options_detect(file, &options);
    assert_false(options.colour);
    assert_true(options.ascii);
    setenv("LC_ALL", "en_IN.UTF-8", 1);
    hp_card_options_detect(file, &options);
    assert_false(options.ascii);
    assert_int_equal(HP_CARD_COLUMNS, options.columns);
    fclose(file);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_card_reads_like_this),
        cmocka_unit_test(ascii_reads_like_this),
        cmocka_unit_test(every_line_is_as_wide_as_asked),
        cmocka_unit_test(colours_come_only_when_asked),
        cmocka_unit_test(advice_says_what_would_help),
        cmocka_unit_test(missing_boxes_are_said_below_the_others),
        cmocka_unit_test(reasons_are_words),
        cmocka_unit_test(a_diff_names_what_went_came_and_changed),
        cmocka_unit_test(a_diff_of_equals_says_so_and_of_nothing_is_all_new),
        cmocka_unit_test(a_file_gets_no_colours),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
