/* Who is like whom. SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/rng.h"
#include "model/content.h"

static struct hp_content_item
named(const char *name, const char *category)
{
    return (struct hp_content_item){
        .name = hp_bytes_text(name), .category = hp_bytes_text(category)};
}

static uint32_t
nearest(const struct hp_content *content, size_t item, size_t k)
{
    return content->nearest[item * HP_CONTENT_NEAREST + k];
}

static void
rare_words_count_more_than_common_ones(void **state)
{
    const struct hp_content_item items[] = {
        named("Roasted almonds, salted", "nuts"),
        named("ROASTED cashews", "nuts"),
        named("almonds in chocolate", "sweets"),
        named("roasted chickpeas", "nuts"),
        named("roasted peanuts", "nuts"),
        named("green tea", "tea"),
    };
    struct hp_content content;

    (void)state;
    hp_content_build(items, HP_ARRAY_SIZE(items), &content);
    assert_int_equal(nearest(&content, 0, 0), 2); /* almonds, rarer than roasted nuts */
    assert_int_equal(nearest(&content, 0, 1), 1); /* a tie of three: by number */
    assert_int_equal(nearest(&content, 0, 2), 3);
    assert_int_equal(nearest(&content, 0, 3), 4);
    assert_int_equal(nearest(&content, 0, 4), HP_CONTENT_NOBODY);
    assert_int_equal(nearest(&content, 5, 0), HP_CONTENT_NOBODY); /* nothing in common */
    hp_content_release(&content);
}

static void
tags_and_family_speak_as_well(void **state)
{
    const struct hp_bytes tags[] = {hp_bytes_text("diwali")};
    struct hp_content_item items[] = {named("a b", ""), named("lamp", "lights"),
        named("sparkler", "toys"), named("rope", "tools"), named("lamp black", "paint")};
    struct hp_content content;

    (void)state;
    items[1].tags = items[2].tags = (struct hp_strings){tags, 1};
    items[1].family = items[4].family = hp_bytes_text("lamps");
    hp_content_build(items, HP_ARRAY_SIZE(items), &content);
    assert_int_equal(nearest(&content, 2, 0), 1);
    assert_int_equal(nearest(&content, 1, 0), 4); /* family and a word */
    assert_int_equal(nearest(&content, 1, 1), 2);
    assert_int_equal(nearest(&content, 0, 0), HP_CONTENT_NOBODY);
    hp_content_release(&content);
}

/* The lists hold no item twice, not the item itself, and likeness goes both ways. */
static void
lists_are_sane_for_any_catalogue(void **state)
{
    struct hp_content_item items[300];
    char names[300][32];
    struct hp_content content;
    struct hp_rng rng = {1};

    (void)state;
    for (size_t i = 0; i < HP_ARRAY_SIZE(items); i++) {
        snprintf(names[i], sizeof(names[i]), "w%u w%u x%u", (unsigned)hp_rng_below(&rng, 40),
            (unsigned)hp_rng_below(&rng, 40), (unsigned)hp_rng_below(&rng, 9));
        items[i] = named(names[i], "");
    }
    hp_content_build(items, HP_ARRAY_SIZE(items), &content);
    for (size_t i = 0; i < HP_ARRAY_SIZE(items); i++) {
        bool seen[300] = {false};
        bool ended = false;

        for (size_t k = 0; k < HP_CONTENT_NEAREST; k++) {
            uint32_t other = nearest(&content, i, k);

            if (other == HP_CONTENT_NOBODY) {
                ended = true;
                continue;
            }
            assert_false(ended);
            assert_in_range(other, 0, HP_ARRAY_SIZE(items) - 1);
            assert_int_not_equal(other, i);
            assert_false(seen[other]);
            seen[other] = true;
        }
    }
    hp_content_release(&content);
}

static void
an_empty_catalogue_is_fine(void **state)
{
    struct hp_content content;

    (void)state;
    hp_content_build(NULL, 0, &content);
    assert_int_equal(content.count, 0);
    hp_content_release(&content);
    hp_content_release(&content);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rare_words_count_more_than_common_ones),
        cmocka_unit_test(tags_and_family_speak_as_well),
        cmocka_unit_test(lists_are_sane_for_any_catalogue),
        cmocka_unit_test(an_empty_catalogue_is_fine),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
