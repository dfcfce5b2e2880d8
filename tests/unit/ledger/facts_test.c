/* Watermarks, reactions, preferences, digests. SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "domain/reasons.h"
#include "ledger/digest.h"
#include "ledger/orders.h"
#include "ledger/preferences.h"
#include "ledger/reactions.h"

static struct hp_arena arena;

static struct hp_bytes
keep(struct hp_buffer *buffer)
{
    struct hp_bytes copy = hp_arena_copy(&arena, hp_buffer_bytes(buffer));

    hp_buffer_release(buffer);
    return copy;
}

static struct hp_bytes
mark_bytes(const struct hp_watermark *mark)
{
    struct hp_buffer out = {0};

    hp_watermark_encode(mark, &out);
    return keep(&out);
}

static struct hp_bytes
recipient(uint8_t number)
{
    uint8_t hash[HP_RECIPIENT_BYTES] = {number};

    return hp_arena_copy(&arena, hp_bytes(hash, sizeof(hash)));
}

static bool
raise(struct hp_watermark *mark, struct hp_bytes whom, int64_t ms)
{
    bool changed;

    assert_int_equal(hp_watermark_raise(mark, whom, ms, &arena, &changed, NULL), HP_OK);
    return changed;
}

/* Erasures arrive in any order and more than once. */
static void
watermarks_merge_in_any_order(void **state)
{
    const struct hp_bytes user = {0};
    struct hp_watermark one = {0};
    struct hp_watermark two = {0};
    struct hp_watermark read;

    (void)state;
    assert_true(raise(&one, recipient(2), 500));
    assert_true(raise(&one, recipient(1), 300));
    assert_true(raise(&one, user, 400));
    assert_false(raise(&one, recipient(1), 350));
    assert_false(raise(&one, user, 400));
    assert_true(raise(&two, user, 400));
    assert_false(raise(&two, recipient(1), 300));
    assert_true(raise(&two, recipient(2), 450));
    assert_true(raise(&two, recipient(2), 500));
    assert_true(hp_bytes_equal(mark_bytes(&one), mark_bytes(&two)));
    assert_int_equal(one.recipient_count, 1);
    assert_true(hp_watermark_hides(&one, recipient(2), 500));
    assert_false(hp_watermark_hides(&one, recipient(2), 501));
    assert_int_equal(hp_watermark_decode(mark_bytes(&one), &arena, &read, NULL), HP_OK);
    assert_true(hp_bytes_equal(mark_bytes(&read), mark_bytes(&one)));
}

static void
too_many_recipients_are_a_bad_record(void **state)
{
    struct hp_watermark mark = {0};
    struct hp_error error;
    bool changed;

    (void)state;
    for (int i = 0; i < HP_WATERMARK_RECIPIENTS_MAX; i++) {
        uint8_t hash[HP_RECIPIENT_BYTES] = {(uint8_t)(i >> 8), (uint8_t)i};

        assert_true(raise(&mark, hp_arena_copy(&arena, hp_bytes(hash, sizeof(hash))), 1));
    }
    assert_int_equal(
        hp_watermark_raise(&mark, recipient(255), 1, &arena, &changed, &error), HP_BAD_RECORD);
    assert_string_equal(error.code, HP_CODE_LIMIT);
    hp_arena_clear(&arena);
}

static struct hp_reaction
reaction(enum hp_feedback_kind kind, double rating, int64_t at, const char *id)
{
    struct hp_feedback feedback = {.feedback_id = hp_bytes_text(id),
        .at = at,
        .kind = kind,
        .item_id = hp_bytes_text("tea"),
        .rated = kind == HP_FEEDBACK_RATED,
        .rating = rating};
    struct hp_reaction out;

    assert_true(hp_reaction_from_event(&feedback, &out));
    return out;
}

static void
ratings_mean_what_the_contract_says(void **state)
{
    (void)state;
    assert_int_equal(reaction(HP_FEEDBACK_LIKED, 0, 1, "f").sense, HP_REACTION_POSITIVE);
    assert_int_equal(reaction(HP_FEEDBACK_DISLIKED, 0, 1, "f").sense, HP_REACTION_NEGATIVE);
    assert_int_equal(reaction(HP_FEEDBACK_REMOVED, 0, 1, "f").sense, HP_REACTION_REMOVED);
    assert_int_equal(reaction(HP_FEEDBACK_RATED, 4.0, 1, "f").sense, HP_REACTION_POSITIVE);
    assert_int_equal(reaction(HP_FEEDBACK_RATED, 3.9999, 1, "f").sense, HP_REACTION_NONE);
    assert_int_equal(reaction(HP_FEEDBACK_RATED, 2.0001, 1, "f").sense, HP_REACTION_NONE);
    assert_int_equal(reaction(HP_FEEDBACK_RATED, 2.0, 1, "f").sense, HP_REACTION_NEGATIVE);
    assert_int_equal(reaction(HP_FEEDBACK_RATED, 3.9999, 1, "f").rating_millis, 3999);
}

static void
only_item_reactions_are_kept(void **state)
{
    struct hp_feedback feedback = {
        .feedback_id = hp_bytes_text("f"), .at = 1, .kind = HP_FEEDBACK_LIKED};
    struct hp_reaction out;

    (void)state;
    assert_false(hp_reaction_from_event(&feedback, &out));
    feedback.item_id = hp_bytes_text("tea");
    feedback.kind = HP_FEEDBACK_RATED;
    assert_false(hp_reaction_from_event(&feedback, &out));
    for (int kind = HP_FEEDBACK_SHOWN; kind <= HP_FEEDBACK_OTHER; kind++) {
        bool expected = kind == HP_FEEDBACK_LIKED || kind == HP_FEEDBACK_DISLIKED ||
                        kind == HP_FEEDBACK_REMOVED;

        feedback.kind = (enum hp_feedback_kind)kind;
        assert_int_equal(hp_reaction_from_event(&feedback, &out), expected);
    }
}

static void
the_last_reaction_wins_and_ties_break_by_id(void **state)
{
    struct hp_reaction order[] = {
        reaction(HP_FEEDBACK_RATED, 5, 10, "a"),
        reaction(HP_FEEDBACK_LIKED, 0, 10, "b"),
        reaction(HP_FEEDBACK_DISLIKED, 0, 10, "b"),
        reaction(HP_FEEDBACK_RATED, 1, 11, "a"),
        reaction(HP_FEEDBACK_RATED, 1.5, 11, "a"),
    };

    (void)state;
    for (size_t i = 0; i < HP_ARRAY_SIZE(order); i++)
        for (size_t k = 0; k < HP_ARRAY_SIZE(order); k++)
            assert_int_equal(hp_reaction_wins(&order[i], &order[k]), i > k);
}

static struct hp_bytes
reaction_bytes(const struct hp_reaction *value)
{
    struct hp_buffer out = {0};

    hp_reaction_encode(value, &out);
    return keep(&out);
}

static void
damaged_reactions_are_refused_or_canonical(void **state)
{
    struct hp_reaction value = reaction(HP_FEEDBACK_RATED, 4.5, 123456789, "feedback");
    struct hp_bytes good = reaction_bytes(&value);
    struct hp_reaction read;

    (void)state;
    assert_int_equal(hp_reaction_decode(good, &read, NULL), HP_OK);
    assert_true(hp_bytes_equal(reaction_bytes(&read), good));
    for (size_t i = 0; i < good.size; i++) {
        assert_int_equal(hp_reaction_decode(hp_bytes(good.data, i), &read, NULL), HP_CORRUPT);
        for (int bit = 0; bit < 8; bit++) {
            struct hp_bytes bad = hp_arena_copy(&arena, good);

            ((uint8_t *)bad.data)[i] ^= (uint8_t)(1 << bit);
            if (hp_reaction_decode(bad, &read, NULL) == HP_OK)
                assert_true(hp_bytes_equal(reaction_bytes(&read), bad));
        }
    }
}

static struct hp_bytes
preferences_bytes(const struct hp_preferences *value)
{
    struct hp_buffer out = {0};

    hp_preferences_encode(value, &out);
    return keep(&out);
}

static void
preferences_survive_storage_and_damage(void **state)
{
    const struct hp_bytes texts[] = {hp_bytes_text("nuts"), hp_bytes_text("")};
    const struct hp_mix mixes[] = {
        {hp_bytes_text("Tea"), 1, {true, 3}}, {hp_bytes_text("Nuts"), 0, {false, 0}}};
    struct hp_preferences value = {.version = 9,
        .updated_at = 77,
        .budget_max_minor = {true, 150000},
        .liked_categories = {texts, 2},
        .disliked_items = {texts, 1},
        .diets = {texts, 1},
        .category_mix = {mixes, 2},
        .items_min = {true, 2},
        .boxes = {true, 4}};
    struct hp_bytes good = preferences_bytes(&value);
    struct hp_preferences read;

    (void)state;
    assert_int_equal(hp_preferences_decode(good, &arena, &read, NULL), HP_OK);
    assert_true(hp_bytes_equal(preferences_bytes(&read), good));
    assert_int_equal(read.liked_categories.count, 2);
    assert_int_equal(read.category_mix.items[0].max.value, 3);
    assert_false(read.budget_min_minor.present);
    for (size_t i = 0; i < good.size; i++) {
        assert_int_equal(
            hp_preferences_decode(hp_bytes(good.data, i), &arena, &read, NULL), HP_CORRUPT);
        for (int bit = 0; bit < 8; bit++) {
            struct hp_bytes bad = hp_arena_copy(&arena, good);

            ((uint8_t *)bad.data)[i] ^= (uint8_t)(1 << bit);
            if (hp_preferences_decode(bad, &arena, &read, NULL) == HP_OK)
                assert_true(hp_bytes_equal(preferences_bytes(&read), bad));
        }
    }
}

/* Length fields must not make us allocate what is not there. */
static void
lengths_beyond_the_bytes_are_refused(void **state)
{
    struct hp_buffer bytes = {0};
    struct hp_watermark mark;
    struct hp_order_fact fact;

    (void)state;
    hp_put_u8(&bytes, 1);
    hp_put_varint(&bytes, 5);
    hp_put_varint(&bytes, 4000);
    assert_int_equal(
        hp_watermark_decode(hp_buffer_bytes(&bytes), &arena, &mark, NULL), HP_CORRUPT);
    hp_buffer_clear(&bytes);
    hp_put_u8(&bytes, 1);
    hp_put_u8(&bytes, 0);
    hp_put_varint(&bytes, HP_ORDER_PLACED);
    hp_put_varint(&bytes, 1);
    hp_put_varint(&bytes, 1000);
    hp_put_u64(&bytes, 1);
    hp_put_varint(&bytes, INT64_MAX);
    assert_int_equal(
        hp_order_fact_decode(hp_buffer_bytes(&bytes), &arena, &fact, NULL), HP_CORRUPT);
    assert_int_equal(
        hp_order_fact_decode((struct hp_bytes){0}, &arena, &fact, NULL), HP_CORRUPT);
    hp_buffer_release(&bytes);
}

static void
digests_forget_what_is_taken_out(void **state)
{
    struct hp_ledger_digests digests = {0};
    struct hp_order order = {.version = 1, .ordered_at = 5, .status = HP_ORDER_CANCELLED};
    struct hp_order_fact fact;
    struct hp_buffer stub = {0};
    struct hp_bytes key = hp_bytes_text("key");
    struct hp_bytes like = hp_bytes_text("\1like");
    const struct hp_bytes none = {0};

    (void)state;
    hp_order_fact_from_event(&order, none, &arena, &fact);
    hp_order_fact_encode(&fact, &stub);
    hp_ledger_digests_change(&digests, HP_FACT_ORDER, 1, key, none, hp_buffer_bytes(&stub));
    assert_false(hp_digest_equal(digests.set, (struct hp_digest){0}));
    assert_true(hp_digest_equal(digests.effect, (struct hp_digest){0}));
    hp_ledger_digests_change(&digests, HP_FACT_ORDER, 1, key, hp_buffer_bytes(&stub), none);
    assert_true(hp_digest_equal(digests.set, (struct hp_digest){0}));
    hp_ledger_digests_change(&digests, HP_FACT_REACTION, 2, key, none, like);
    hp_ledger_digests_change(&digests, HP_FACT_WATERMARK, 4, key, none, like);
    hp_ledger_digests_change(&digests, HP_FACT_HISTORY, 6, key, none, like);
    hp_ledger_digests_change(&digests, HP_FACT_OTHER, 7, key, none, like);
    assert_true(hp_digest_equal(digests.effect, hp_row_digest(2, key, like)));
    assert_true(hp_digest_equal(
        digests.set, hp_digest_add(hp_row_digest(2, key, like), hp_row_digest(4, key, like))));
    assert_true(hp_digest_equal(digests.history, hp_row_digest(6, key, like)));
    hp_buffer_release(&stub);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(watermarks_merge_in_any_order),
        cmocka_unit_test(too_many_recipients_are_a_bad_record),
        cmocka_unit_test(ratings_mean_what_the_contract_says),
        cmocka_unit_test(only_item_reactions_are_kept),
        cmocka_unit_test(the_last_reaction_wins_and_ties_break_by_id),
        cmocka_unit_test(damaged_reactions_are_refused_or_canonical),
        cmocka_unit_test(preferences_survive_storage_and_damage),
        cmocka_unit_test(lengths_beyond_the_bytes_are_refused),
        cmocka_unit_test(digests_forget_what_is_taken_out),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    hp_arena_release(&arena);
    return failed;
}
