/*
 * app/card_words.c
 *
 * Arguments are looked up under more than one name: an item's reason says `item` and `with`,
 * the optimiser's answer `a` and `b`, and a card should read well from either.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "app/card_words.h"

static struct hp_bytes
argument(const struct hp_reason *reason, const char *const keys[3])
{
    for (int k = 0; k < 3 && keys[k]; k++)
        for (size_t i = 0; i < reason->arg_count; i++)
            if (hp_bytes_is(reason->args[i].key, keys[k]))
                return reason->args[i].value;
    return hp_bytes(NULL, 0);
}

struct hp_bytes
hp_card_item_name(
    struct hp_bytes id, const struct hp_box *box, const struct hp_card_options *options)
{
    struct hp_bytes name = {0};

    for (size_t i = 0; box && i < box->item_count; i++)
        if (hp_bytes_equal(box->items[i].item_id, id))
            return box->items[i].name;
    if (options->name_of)
        name = options->name_of(options->context, id);
    return name.data ? name : id;
}

static void
add_name(struct hp_buffer *out, struct hp_bytes id, const struct hp_box *box,
    const struct hp_card_options *options)
{
    struct hp_bytes name = hp_card_item_name(id, box, options);

    hp_buffer_append(out, name.data, name.size);
}

static void
goes_with_words(struct hp_buffer *out, const struct hp_reason *reason, const struct hp_box *box,
    const struct hp_box_item *item, const struct hp_card_options *options)
{
    struct hp_bytes a = argument(reason, (const char *const[3]){"a", "item", "with"});
    struct hp_bytes b = argument(reason, (const char *const[3]){"b", "other", "with"});
    bool a_is_this = item && hp_bytes_equal(a, item->item_id);
    bool b_is_this = item && hp_bytes_equal(b, item->item_id);

    if (!item && a.data && b.data && !hp_bytes_equal(a, b)) {
        add_name(out, a, box, options);
        hp_buffer_printf(out, " goes with ");
        add_name(out, b, box, options);
        return;
    }
    hp_buffer_printf(out, "goes with ");
    if (a.data && !a_is_this)
        add_name(out, a, box, options);
    else if (b.data && !b_is_this)
        add_name(out, b, box, options);
    else
        hp_buffer_printf(out, "the others");
}

static void
because_words(struct hp_buffer *out, const struct hp_reason *reason, const struct hp_box *box,
    const struct hp_box_item *item, const struct hp_card_options *options)
{
    struct hp_bytes of = argument(reason, (const char *const[3]){"item", "because", "of"});
    struct hp_bytes category = argument(reason, (const char *const[3]){"category"});

    if (of.data && item && hp_bytes_equal(of, item->item_id)) {
        hp_buffer_printf(out, "chosen before");
    } else if (of.data) {
        hp_buffer_printf(out, "because of ");
        add_name(out, of, box, options);
    } else if (category.data) {
        hp_buffer_printf(out, "because of %.*s", HP_BYTES_FORMAT(category));
    } else {
        hp_buffer_printf(out, "matches your taste");
    }
}

/* A code nobody told us about, readable all the same: `SOME_CODE` is "some code". */
static void
plain_words(struct hp_buffer *out, struct hp_bytes code)
{
    for (size_t i = 0; i < code.size; i++) {
        char c = (char)code.data[i];

        if (c >= 'A' && c <= 'Z')
            c = (char)(c - 'A' + 'a');
        hp_buffer_printf(out, "%c", c == '_' ? ' ' : c);
    }
}

void
hp_reason_words(struct hp_buffer *out, const struct hp_reason *reason, const struct hp_box *box,
    const struct hp_box_item *item, const struct hp_card_options *options)
{
    struct hp_bytes value;

    if (hp_bytes_is(reason->code, "GOES_WITH")) {
        goes_with_words(out, reason, box, item, options);
    } else if (hp_bytes_is(reason->code, "BECAUSE")) {
        because_words(out, reason, box, item, options);
    } else if (hp_bytes_is(reason->code, "NEW_TO_YOU")) {
        hp_buffer_printf(out, "new to you");
    } else if (hp_bytes_is(reason->code, "EXPLORING")) {
        hp_buffer_printf(out, "something to explore");
    } else if (hp_bytes_is(reason->code, "MUST")) {
        hp_buffer_printf(out, "you asked for it");
    } else if (hp_bytes_is(reason->code, "FILL")) {
        value = argument(reason, (const char *const[3]){"percent", "pct"});
        hp_buffer_printf(out, "uses %.*s%% of the budget", HP_BYTES_FORMAT(value));
    } else if (hp_bytes_is(reason->code, "COVERS")) {
        value = argument(reason, (const char *const[3]){"categories", "category"});
        hp_buffer_printf(out, "covers %.*s", HP_BYTES_FORMAT(value));
    } else if (hp_bytes_is(reason->code, "DIFFERS")) {
        value = argument(reason, (const char *const[3]){"from", "slot", "box"});
        hp_buffer_printf(out, "differs from %.*s", HP_BYTES_FORMAT(value));
    } else {
        plain_words(out, reason->code);
    }
}
