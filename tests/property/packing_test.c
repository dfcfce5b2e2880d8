/*
 * tests/property/packing_test.c - boxes against an exhaustive search, and what must not matter.
 *
 * The number of tiny instances and the seed come from the environment for long runs:
 * HAMPER_PACKING_CASES, HAMPER_PACKING_SEED.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/property/packing_cases.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>

static uint64_t
setting(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);

    return text ? strtoull(text, NULL, 10) : otherwise;
}

struct tally {
    uint64_t boxes;
    uint64_t optimal;
    uint64_t gaps;
    double gap_sum;
    double gap_most;
    uint64_t infeasible;
    uint64_t missed;
};

static void
complain(uint64_t seed, const char *what)
{
    fail_msg("instance of seed %llu: %s", (unsigned long long)seed, what);
}

static void
judge_gap(struct tally *tally, uint64_t seed, const struct exhaustive *all,
    const struct hp_pack_box *box)
{
    double gap;

    if (box->value > all->value)
        complain(seed, "worth more than the optimum");
    if (box->bounded && box->bound < all->value)
        complain(seed, "the bound is below the optimum");
    tally->boxes++;
    tally->optimal += box->value == all->value;
    if (all->value <= 0)
        return;
    gap = 100.0 * (double)(all->value - box->value) / (double)all->value;
    tally->gaps++;
    tally->gap_sum += gap;
    tally->gap_most = gap > tally->gap_most ? gap : tally->gap_most;
}

/* One slot against the exhaustive search, given the answer's own earlier boxes. */
static void
judge_slot(struct tally *tally, uint64_t seed, const struct hp_pack_instance *in,
    const struct hp_pack_answer *answer, size_t slot, int32_t **boxes)
{
    const struct hp_pack_slot *entry = &in->slots[slot];
    size_t steps = entry->ladder_count ? entry->ladder_count : 1;
    size_t b = 0;

    while (b < answer->box_count && answer->boxes[b].slot < slot)
        b++;
    for (size_t step = 0; step < steps; step++) {
        bool filled = b < answer->box_count && answer->boxes[b].slot == slot;
        struct exhaustive all = {.in = in,
            .slot = slot,
            .before = boxes,
            .before_count = b,
            .low = entry->ladder_count ? entry->ladder[step] : entry->min,
            .high = entry->max,
            .cheapest = -1};

        exhaust(&all, 0, 0, 0);
        if (filled && answer->boxes[b].fill_step == step) {
            judge_gap(tally, seed, &all, &answer->boxes[b]);
            return;
        }
        if (all.found)
            complain(seed, filled ? "an earlier step was possible" : "a box was missed");
    }
}

static void
judge_advice(uint64_t seed, struct hp_arena *arena, const struct hp_pack_instance *in,
    const struct hp_pack_advice *advice)
{
    struct exhaustive all = {.in = in, .low = 1, .high = 0, .cheapest = -1};
    bool too_low = true;

    exhaust(&all, 0, 0, 0);
    if (advice->has_min_budget != (all.cheapest >= 0))
        complain(seed, "whether any budget helps");
    for (size_t k = 0; k < in->slot_count; k++)
        too_low = too_low && all.cheapest > in->slots[k].max;
    if ((advice->obstacle == HP_PACK_BUDGET_TOO_LOW) != too_low)
        complain(seed, "BUDGET_TOO_LOW");
    if (advice->obstacle == HP_PACK_NO_OBSTACLE || advice->obstacle == HP_PACK_SEARCH_LIMIT)
        complain(seed, "no obstacle named");
    if (!advice->has_min_budget)
        return;
    if (advice->min_budget != all.cheapest || !advice->min_proved)
        complain(seed, "the least budget");
    {
        int32_t *quantity = quantities(arena, in, advice->cheapest, advice->cheapest_count);

        if (cost_of(in, quantity) != advice->min_budget || check_rules_of(in, quantity))
            complain(seed, "the cheapest box");
    }
}

/* Verdict, least budget, cheapest box and value are exact. */
static void
small_instances_agree_with_an_exhaustive_search(void **state)
{
    uint64_t count = setting("HAMPER_PACKING_CASES", 10000);
    uint64_t first = setting("HAMPER_PACKING_SEED", 1);
    struct hp_arena arena = {0};
    struct tally tally = {0};

    (void)state;
    for (uint64_t seed = first; seed < first + count; seed++) {
        struct hp_rng rng = {seed};
        struct hp_pack_instance *in = case_tiny(&rng, &arena);
        struct hp_pack_answer answer;
        int32_t *boxes[HP_BOXES_MAX];
        struct hp_error error;
        const char *wrong;

        if (hp_pack_instance_check(in, &error))
            complain(seed, error.text);
        hp_pack_solve(in, &arena, &answer);
        wrong = check_answer(&arena, in, &answer, boxes);
        if (wrong)
            complain(seed, wrong);
        for (size_t slot = 0; slot < in->slot_count; slot++)
            judge_slot(&tally, seed, in, &answer, slot, boxes);
        if (answer.status == HP_PACK_INFEASIBLE) {
            judge_advice(seed, &arena, in, &answer.advice);
            tally.infeasible++;
        }
        hp_arena_clear(&arena);
    }
    print_message("%llu instances, %llu without a box, %llu boxes: %.2f %% optimal, "
                  "gap mean %.4f %%, max %.2f %%\n",
        (unsigned long long)count, (unsigned long long)tally.infeasible,
        (unsigned long long)tally.boxes,
        100.0 * (double)tally.optimal / (double)(tally.boxes ? tally.boxes : 1),
        tally.gap_sum / (double)(tally.gaps ? tally.gaps : 1), tally.gap_most);
    assert_int_equal(tally.optimal, tally.boxes);
    hp_arena_release(&arena);
}

/* `items` things of which a box of `units` costs between `permille` less and exactly what is
 * asked for, so that there is one. */
static struct hp_pack_instance *
case_narrow(
    struct hp_rng *rng, struct hp_arena *arena, uint32_t items, int32_t units, int64_t permille)
{
    static const int64_t bonus[] = {60000, 20000};
    struct hp_pack_instance *in = HP_ARENA_NEW(arena, struct hp_pack_instance);
    struct hp_pack_item *item = HP_ARENA_ARRAY(arena, items, struct hp_pack_item);
    struct hp_pack_pair *pairs = HP_ARENA_ARRAY(arena, items, struct hp_pack_pair);
    struct hp_pack_category *categories = HP_ARENA_ARRAY(arena, 3, struct hp_pack_category);
    struct hp_pack_slot *slots = HP_ARENA_ARRAY(arena, 2, struct hp_pack_slot);
    int64_t cost = 0;

    for (uint32_t c = 0; c < 3; c++)
        categories[c] = (struct hp_pack_category){
            case_name(arena, "c", c), case_name(arena, "C", c), 0, 3, bonus, 2};
    for (uint32_t i = 0; i < items; i++) {
        item[i] = (struct hp_pack_item){.id = case_name(arena, "i", i),
            .price = 1000 + hp_rng_below(rng, 49000),
            .gain = 1 + hp_rng_below(rng, 1000000),
            .category = (int32_t)(i % 3)};
        pairs[i] = (struct hp_pack_pair){i, (i + 1 + hp_rng_below(rng, items - 1)) % items,
            hp_rng_between(rng, -50000, 90000)};
        if (i % 5 == 4)
            item[i].group = item[i - 3].group = case_name(arena, "f", i);
    }
    for (int32_t k = 0; k < units; k++) /* neighbours: three kinds, no two of a family */
        cost += item[(items / 10 * 5 + (uint32_t)k / 3 * 5 + (uint32_t)k % 3) % items].price;
    for (uint32_t k = 0; k < 2; k++)
        slots[k] = (struct hp_pack_slot){.name = case_name(arena, "s", k),
            .min = cost - cost * permille / 1000,
            .max = cost};
    *in = (struct hp_pack_instance){.slots = slots,
        .slot_count = 2,
        .count_min = 1,
        .count_max = units,
        .categories = categories,
        .category_count = 3,
        .items = item,
        .item_count = items,
        .pairs = pairs,
        .pair_count = items,
        .max_share_pct = 50};
    return in;
}

/* Where few boxes land in the window, the best of them is found. */
static void
narrow_windows_agree_with_an_exhaustive_search(void **state)
{
    static const int64_t widths[] = {0, 1, 3, 10, 30, 80};
    uint64_t first = setting("HAMPER_PACKING_SEED", 1);
    struct hp_arena arena = {0};
    struct tally tally = {0};

    (void)state;
    for (uint64_t seed = first; seed < first + 72; seed++) {
        struct hp_rng rng = {seed};
        struct hp_pack_instance *in = case_narrow(&rng, &arena, 20 + (uint32_t)(seed % 17),
            3 + (int32_t)(seed % 2), widths[seed % HP_ARRAY_SIZE(widths)]);
        struct hp_pack_answer answer;
        int32_t *boxes[HP_BOXES_MAX];
        const char *wrong;

        hp_pack_solve(in, &arena, &answer);
        wrong = check_answer(&arena, in, &answer, boxes);
        if (wrong)
            complain(seed, wrong);
        if (answer.box_count == 0)
            complain(seed, "no box");
        for (size_t slot = 0; slot < in->slot_count; slot++)
            judge_slot(&tally, seed, in, &answer, slot, boxes);
        hp_arena_clear(&arena);
    }
    print_message("%llu boxes in narrow windows, %llu of them the best\n",
        (unsigned long long)tally.boxes, (unsigned long long)tally.optimal);
    assert_int_equal(tally.optimal, tally.boxes);
    hp_arena_release(&arena);
}

/* Ones that cost exactly what is asked for, among more than all can be looked at. */
static void
exact_prices_are_met(void **state)
{
    uint64_t first = setting("HAMPER_PACKING_SEED", 1);
    struct hp_arena arena = {0};
    uint64_t missed = 0;

    (void)state;
    for (uint64_t seed = first; seed < first + 200; seed++) {
        struct hp_rng rng = {seed};
        struct hp_pack_answer answer;

        hp_pack_solve(
            case_narrow(&rng, &arena, 40 + (uint32_t)(seed % 50), 6 + (int32_t)(seed % 4), 0),
            &arena, &answer);
        missed += answer.box_count == 0;
        hp_arena_clear(&arena);
    }
    print_message("%llu of 200 exact prices were missed\n", (unsigned long long)missed);
    assert_true(missed <= 6);
    hp_arena_release(&arena);
}

/* Thousands of boxes of the size the stream asks for: not one may break a rule. */
static void
realistic_boxes_break_no_rule(void **state)
{
    uint64_t count = setting("HAMPER_PACKING_REALISTIC", 600);
    uint64_t first = setting("HAMPER_PACKING_SEED", 1);
    struct hp_arena arena = {0};
    uint64_t boxes_seen = 0;
    uint64_t limited = 0;

    (void)state;
    for (uint64_t seed = first; seed < first + count; seed++) {
        struct hp_rng rng = {seed};
        struct case_shape shape = {.kind = (int)(seed % CASE_KINDS),
            .items = 20 + hp_rng_below(&rng, 181),
            .slots = 1 + hp_rng_below(&rng, HP_BOXES_MAX)};
        struct hp_pack_instance *in = case_realistic(&rng, &arena, &shape);
        struct hp_pack_answer answer;
        int32_t *boxes[HP_BOXES_MAX];
        const char *wrong;

        in->want_bound = seed % 8 == 0;
        hp_pack_solve(in, &arena, &answer);
        wrong = check_answer(&arena, in, &answer, boxes);
        if (wrong)
            complain(seed, wrong);
        boxes_seen += answer.box_count;
        for (size_t k = 0; k < answer.missing_count; k++)
            limited += answer.missing[k].obstacle == HP_PACK_SEARCH_LIMIT;
        hp_arena_clear(&arena);
    }
    print_message("%llu boxes without a violation, %llu slots open at the step limit\n",
        (unsigned long long)boxes_seen, (unsigned long long)limited);
    hp_arena_release(&arena);
}

/* Item `i` of the one is item `place[i]` of the other. */
static void
assert_same_boxes(uint64_t seed, const struct hp_pack_answer *a, const struct hp_pack_answer *b,
    const uint32_t *place)
{
    if (a->status != b->status || a->box_count != b->box_count)
        complain(seed, "another status");
    for (size_t k = 0; k < a->box_count; k++) {
        const struct hp_pack_box *x = &a->boxes[k];
        const struct hp_pack_box *y = &b->boxes[k];

        if (x->slot != y->slot || x->line_count != y->line_count || x->value != y->value ||
            x->cost != y->cost || x->reason_count != y->reason_count)
            complain(seed, "another box");
        for (size_t l = 0; l < x->line_count; l++)
            if (place[x->lines[l].item] != y->lines[l].item ||
                x->lines[l].quantity != y->lines[l].quantity ||
                x->lines[l].points != y->lines[l].points)
                complain(seed, "another line");
    }
}

/* The same request with its items, pairs and lists in another order, and `chaff` more items
 * that no box may hold: excluded ones and ones beyond every budget. */
static struct hp_pack_instance *
disguise(struct hp_rng *rng, struct hp_arena *arena, const struct hp_pack_instance *in,
    uint32_t chaff, uint32_t *place)
{
    struct hp_pack_instance *out = HP_ARENA_NEW(arena, struct hp_pack_instance);
    size_t count = in->item_count + chaff;
    struct hp_pack_item *items = HP_ARENA_ARRAY(arena, count, struct hp_pack_item);
    struct hp_pack_pair *pairs = HP_ARENA_ARRAY(arena, in->pair_count, struct hp_pack_pair);
    struct hp_bytes *exclude =
        HP_ARENA_ARRAY(arena, in->exclude.count + chaff, struct hp_bytes);
    uint32_t *order = HP_ARENA_ARRAY(arena, count, uint32_t);
    size_t excluded = in->exclude.count;

    *out = *in;
    for (uint32_t i = 0; i < count; i++)
        order[i] = i;
    for (uint32_t i = (uint32_t)count; i > 1; i--) {
        uint32_t other = hp_rng_below(rng, i);
        uint32_t swap = order[i - 1];

        order[i - 1] = order[other];
        order[other] = swap;
    }
    if (excluded)
        memcpy(exclude, in->exclude.items, excluded * sizeof(*exclude));
    for (uint32_t i = 0; i < count; i++) {
        if (order[i] < in->item_count) {
            items[i] = in->items[order[i]];
            place[order[i]] = i;
            continue;
        }
        items[i] = in->items[0];
        items[i].id = case_name(arena, "chaff", order[i]);
        items[i].gain = 1000000;
        items[i].group = (struct hp_bytes){0};
        items[i].price = order[i] % 2 ? 100 : HP_PACK_PRICE_MAX;
        if (order[i] % 2)
            exclude[excluded++] = items[i].id;
    }
    for (size_t p = 0; p < in->pair_count; p++) {
        const struct hp_pack_pair *pair = &in->pairs[in->pair_count - 1 - p];

        pairs[p] = (struct hp_pack_pair){place[pair->b], place[pair->a], pair->weight};
    }
    out->items = items;
    out->item_count = count;
    out->pairs = pairs;
    out->exclude = (struct hp_strings){exclude, excluded};
    return out;
}

/* Where an answer comes from must not show in it: order and irrelevant items change nothing. */
static void
order_and_chaff_do_not_matter(void **state)
{
    uint64_t first = setting("HAMPER_PACKING_SEED", 1);
    uint32_t *place = hp_alloc(CASE_ITEMS_MAX * sizeof(*place));
    struct hp_arena arena = {0};

    (void)state;
    for (uint64_t seed = first; seed < first + 200; seed++) {
        struct hp_rng rng = {seed};
        struct case_shape shape = {
            .kind = (int)(seed % CASE_KINDS), .items = 30 + (uint32_t)(seed % 150), .slots = 3};
        struct hp_pack_instance *in = case_realistic(&rng, &arena, &shape);
        struct hp_pack_instance *other = disguise(&rng, &arena, in, 40, place);
        struct hp_pack_answer answer;
        struct hp_pack_answer again;

        hp_pack_solve(in, &arena, &answer);
        hp_pack_solve(other, &arena, &again);
        assert_same_boxes(seed, &answer, &again, place);
        hp_arena_clear(&arena);
    }
    free(place);
    hp_arena_release(&arena);
}

/* What a later box holds was allowed to an earlier one that asked for the same: had the search
 * found it there, it could not be worth more. */
static void
no_second_box_is_worth_more_than_the_first(void **state)
{
    struct hp_arena arena = {0};
    int compared = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= 400; seed++) {
        struct hp_rng rng = {seed};
        struct case_shape shape = {.kind = (int)(seed % CASE_KINDS), .items = 120, .slots = 2};
        struct hp_pack_instance *in = case_realistic(&rng, &arena, &shape);
        struct hp_pack_slot slots[2] = {in->slots[0], in->slots[0]};
        struct hp_pack_answer answer;

        in->slots = slots;
        hp_pack_solve(in, &arena, &answer);
        if (answer.box_count == 2) {
            if (answer.boxes[0].value < answer.boxes[1].value)
                complain(seed, "the second box is worth more");
            compared++;
        }
        hp_arena_clear(&arena);
    }
    assert_true(compared > 300);
    hp_arena_release(&arena);
}

struct losses { /* of boxes that must not be worse than others, in percent */
    double sum;
    double most;
    int count;
};

static void
add_loss(struct losses *losses, int64_t value, int64_t other)
{
    double loss = 100.0 - 100.0 * (double)value / (double)other;

    losses->sum += loss > 0 ? loss : 0;
    losses->most = loss > losses->most ? loss : losses->most;
    losses->count++;
}

static void
judge_losses(const struct losses *losses, double most, const char *what)
{
    print_message("%d %s: %.3f %%, at most %.2f %% worse\n", losses->count, what,
        losses->sum / losses->count, losses->most);
    assert_true(losses->count > 300);
    assert_true(losses->sum / losses->count < 0.1);
    assert_true(losses->most < most);
}

/* The slot of `answer`'s box b, asked for alone by a shopper who saw the boxes before it. */
static struct hp_pack_instance *
asked_alone(struct hp_arena *arena, const struct hp_pack_instance *in,
    const struct hp_pack_answer *answer, size_t b)
{
    struct hp_pack_instance *alone = HP_ARENA_NEW(arena, struct hp_pack_instance);
    struct hp_pack_earlier *earlier = HP_ARENA_ARRAY(arena, b, struct hp_pack_earlier);

    for (size_t e = 0; e < b; e++) {
        const struct hp_pack_box *box = &answer->boxes[e];
        struct hp_bytes *families = HP_ARENA_ARRAY(arena, box->line_count, struct hp_bytes);

        for (size_t l = 0; l < box->line_count; l++) {
            const struct hp_pack_item *item = &in->items[box->lines[l].item];

            families[l] = item->group.size ? item->group : item->id;
        }
        earlier[e].families = (struct hp_strings){families, box->line_count};
    }
    *alone = *in;
    alone->slots = &in->slots[answer->boxes[b].slot];
    alone->slot_count = 1;
    alone->earlier = earlier;
    alone->earlier_count = b;
    return alone;
}

/* What a newcomer's request looks like: a few favourites, nothing known of the other items,
 * many categories, cheap items and dear ones, and no pairs. */
static struct hp_pack_instance *
case_newcomer(struct hp_rng *rng, struct hp_arena *arena)
{
    static const int64_t bonus[] = {12500, 6250, 2083};
    static const int64_t ladder[] = {127500, 105000, 75000, 0};
    struct hp_pack_instance *in = HP_ARENA_NEW(arena, struct hp_pack_instance);
    struct hp_pack_category *categories = HP_ARENA_ARRAY(arena, 40, struct hp_pack_category);
    struct hp_pack_item *items = HP_ARENA_ARRAY(arena, 150, struct hp_pack_item);
    struct hp_pack_slot *slots = HP_ARENA_ARRAY(arena, 3, struct hp_pack_slot);

    for (uint32_t c = 0; c < 40; c++)
        categories[c] = (struct hp_pack_category){.id = case_name(arena, "c", c),
            .name = case_name(arena, "c", c),
            .max = HP_PACK_UNITS_MAX,
            .bonus = bonus,
            .bonus_count = 3};
    for (uint32_t i = 0; i < 150; i++)
        items[i] = (struct hp_pack_item){.id = case_name(arena, "i", i),
            .price = case_chance(rng, 55) ? hp_rng_between(rng, 50, 58) * 100
                                          : hp_rng_between(rng, 83, 599) * 100,
            .gain = i < 5 ? 166667 : 1,
            .category = (int32_t)hp_rng_below(rng, 40),
            .max_qty = 2};
    for (uint32_t k = 0; k < 3; k++)
        slots[k] = (struct hp_pack_slot){.name = case_name(arena, "box", k),
            .min = ladder[0],
            .max = 150000,
            .ladder = ladder,
            .ladder_count = HP_ARRAY_SIZE(ladder)};
    *in = (struct hp_pack_instance){.id = hp_bytes_text("newcomer"),
        .slots = slots,
        .slot_count = 3,
        .count_min = 3,
        .count_max = 12,
        .categories = categories,
        .category_count = 40,
        .items = items,
        .item_count = 150,
        .max_share_pct = 50};
    return in;
}

/* Later slots inherit what the search learnt in earlier ones, and may not pay for it: what
 * earlier boxes took changes what the rest of the money is worth. */
static void
later_boxes_are_as_good_as_if_asked_for_alone(void **state)
{
    struct hp_arena arena = {0};
    struct losses losses = {0};

    (void)state;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct hp_rng rng = {seed};
        struct hp_pack_instance *in = case_newcomer(&rng, &arena);
        struct hp_pack_answer answer;

        hp_pack_solve(in, &arena, &answer);
        for (size_t b = 1; b < answer.box_count; b++) {
            struct hp_pack_answer alone;

            hp_pack_solve(asked_alone(&arena, in, &answer, b), &arena, &alone);
            if (alone.box_count == 1)
                add_loss(&losses, answer.boxes[b].value, alone.boxes[0].value);
        }
        hp_arena_clear(&arena);
    }
    judge_losses(&losses, 8, "later boxes beside those asked for alone");
    hp_arena_release(&arena);
}

/* Prices of a long tail: half of all items a half dearer than the other half, and so on. */
static int64_t
tail_price(struct hp_rng *rng)
{
    int64_t price = 2000;

    while (case_chance(rng, 50) && price < 200000)
        price = price * 3 / 2;
    return price + hp_rng_below(rng, 800);
}

/* A request for a shopper nobody knows: every item is worth the same, what counts is the bonus
 * of categories, and the window wants money spent. */
static struct hp_pack_instance *
case_stranger(struct hp_rng *rng, struct hp_arena *arena)
{
    struct case_shape shape = {.kind = CASE_NOISY, .items = 300, .slots = 1};
    struct hp_pack_instance *in = case_realistic(rng, arena, &shape);
    struct hp_pack_item *items = HP_ARENA_ARRAY(arena, in->item_count, struct hp_pack_item);
    struct hp_pack_slot *slot = HP_ARENA_NEW(arena, struct hp_pack_slot);

    for (size_t i = 0; i < in->item_count; i++) {
        items[i] = in->items[i];
        items[i].price = tail_price(rng);
        items[i].gain = 1;
    }
    *slot = in->slots[0];
    slot->max = 40000 + hp_rng_below(rng, 60000);
    slot->min = slot->max / 100 * (85 + hp_rng_below(rng, 13));
    in->slots = slot;
    in->items = items;
    in->must.count = 0;
    in->pair_count = 0;
    return in;
}

/* A box of a fifth of the items could be packed from all of them, too. */
static void
more_to_choose_from_is_not_worse(void **state)
{
    struct hp_arena arena = {0};
    struct losses losses = {0};

    (void)state;
    for (uint64_t seed = 1; seed <= 400; seed++) {
        struct hp_rng rng = {seed};
        struct hp_pack_instance *in = case_stranger(&rng, &arena);
        struct hp_pack_instance fifth = *in;
        struct hp_pack_item *items =
            HP_ARENA_ARRAY(&arena, in->item_count / 5, struct hp_pack_item);
        struct hp_pack_answer answers[2];

        fifth.item_count = in->item_count / 5;
        for (size_t i = 0; i < fifth.item_count; i++)
            items[i] = in->items[i * 5 + hp_rng_below(&rng, 5)];
        fifth.items = items;
        hp_pack_solve(in, &arena, &answers[0]);
        hp_pack_solve(&fifth, &arena, &answers[1]);
        if (answers[1].box_count == 1) {
            if (answers[0].box_count == 0)
                complain(seed, "a box of a fifth of the items was not found among all");
            add_loss(&losses, answers[0].boxes[0].value, answers[1].boxes[0].value);
        }
        hp_arena_clear(&arena);
    }
    judge_losses(&losses, 5, "boxes beside those of a fifth of the items");
    hp_arena_release(&arena);
}

static uint64_t
digest_answer(uint64_t digest, const struct hp_pack_answer *answer)
{
    for (size_t b = 0; b < answer->box_count; b++)
        for (size_t l = 0; l < answer->boxes[b].line_count; l++) {
            const struct hp_pack_line *line = &answer->boxes[b].lines[l];

            digest = digest * 1099511628211U + line->item;
            digest = digest * 1099511628211U + (uint64_t)line->quantity;
            digest = digest * 1099511628211U + (uint64_t)line->points;
        }
    return digest;
}

/* One number for many answers: every compiler, level and machine must print the same. */
static void
answers_repeat_and_print_one_digest(void **state)
{
    uint64_t digests[2] = {0, 0};
    struct hp_arena arena = {0};

    (void)state;
    for (int run = 0; run < 2; run++)
        for (uint64_t seed = 1; seed <= 150; seed++) {
            struct hp_rng rng = {seed};
            struct case_shape shape = {
                .kind = (int)(seed % CASE_KINDS), .items = 120, .slots = 4};
            struct hp_pack_answer answer;

            hp_pack_solve(case_realistic(&rng, &arena, &shape), &arena, &answer);
            digests[run] = digest_answer(digests[run], &answer);
            hp_arena_clear(&arena);
        }
    assert_true(digests[0] == digests[1]);
    print_message("digest of 150 answers: %016llx\n", (unsigned long long)digests[0]);
    hp_arena_release(&arena);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(realistic_boxes_break_no_rule),
        cmocka_unit_test(order_and_chaff_do_not_matter),
        cmocka_unit_test(no_second_box_is_worth_more_than_the_first),
        cmocka_unit_test(later_boxes_are_as_good_as_if_asked_for_alone),
        cmocka_unit_test(more_to_choose_from_is_not_worse),
        cmocka_unit_test(answers_repeat_and_print_one_digest),
        cmocka_unit_test(small_instances_agree_with_an_exhaustive_search),
        cmocka_unit_test(narrow_windows_agree_with_an_exhaustive_search),
        cmocka_unit_test(exact_prices_are_met),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
