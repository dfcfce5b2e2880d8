/*
 * packing/pack.c - slots in order, ladders, the answer; and how a box is found.
 * SPDX-License-Identifier: Apache-2.0
 *
 * With x[i] units of item i, y[i] = (x[i] > 0) and n[c] units of category c, a slot is
 *
 *     maximise  sum gain[i] y[i] + repeat gains + sum weight[i,j] y[i] y[j] + sum bonus(n[c])
 *     so that   low <= sum price[i] x[i] <= high, every row between its minimum and maximum,
 *               every capacity kept, at most one item a family, musts in.
 *
 * The terms y[i] y[j] make it a quadratic knapsack with side constraints: NP-hard, and a
 * general solver needs half a second to minutes a box. What is done instead, per slot:
 *
 *  1. Price of money (search.c). A rate in points per unit of money is found by bisection, at
 *     which the best items by worth - rate * price just cost the budget. Worth includes half
 *     of an item's best pair, otherwise pairs would be invisible here.
 *  2. Core (core.c). 128 columns: the best at that rate, with what minima need, the cheapest
 *     few and the best two items of every half octave of prices. Score alone or score per
 *     price would be the wrong filter: the first drops everything cheap, the second everything
 *     that could fill the window. So would any one rate: where items are worth much the same,
 *     it keeps only cheap ones or only dear ones, and no box of both (boxes of 300 such items
 *     are 1.3 % below boxes of a fifth of them then, 65 % at worst).
 *     Slots with the same gains and maximum begin with the core of the slot before, as long as
 *     it still holds what they need (5).
 *  3. Fill. Greedy with the pairs seen, at a few rates around the first one; an item of earlier
 *     boxes pays a toll for every sharing row it uses up (toll.c).
 *  4. Tabu (tabu.c) from the best fill: adds, drops and exchanges. Window and capacities are
 *     soft, missing minima are rewarded, maxima and families always hold. Money outside the
 *     window costs what money is worth on average, the bonus of categories included: where
 *     little else counts, boxes would stay outside without it.
 *  5. Recentre. The core again, with worth as seen from the best box: what its members add.
 *     A slot that begins with the core of another does without, unless what money is worth has
 *     moved by a quarter from the rate its columns were chosen at (earlier boxes took the
 *     favourites, and what is left must be dearer or cheaper), or pairs are worth more than
 *     what tells a good column from one at the core's edge. When its box is worth an eighth
 *     less than the best one before, the core is built afresh, too. Without these three checks
 *     boxes of shoppers with few orders (150 items, no pairs) are 7 % below CBC's on average of
 *     eight requests and 23 % at worst.
 *  6. Runs from elsewhere until eight in a row find nothing better, 12 or 16 where one or
 *     more sharing rows cost something: two from a strong pair the best box does not
 *     hold, filled up; one from the best box with an item forbidden, the least of it first;
 *     and so on. This is what finds boxes more than one exchange away; without it the mean gap
 *     is ten times as large. An item that nothing may replace just goes, and the minimum it
 *     leaves open is a reward for what comes. Narrow windows and capacities get more steps, and
 *     so does a box that was hard to find; where runs keep finding, their number grows by three
 *     each time, and from the fourth find on every slot gets a centre of its own.
 *  7. Step back. Slots are filled in order, and a box may only be worth less than one before it
 *     that asked for the same: what it may hold was allowed there, too. One that is worth more
 *     tells that the search failed in the earlier slot. It is put there, and the slots from
 *     there on are filled again, the boxes they had in mind; at most four times a request. No
 *     single slot shows such a failure, and it costs nothing to see: a quarter of the mean gap
 *     of realistic requests is gone, a third of adversarial ones (where it happens in every
 *     third request), for a tenth of the time, which two runs less in 6 give back.
 *
 * Most runs end up where another one was before them: of all moves, four in ten (six in ten of
 * hard slots) led to a box already passed. So digests of the boxes passed are kept, in the
 * manner of reactive tabu search (Battiti and Tecchiolli 1994), and a run that meets two known
 * ones in a row is over.
 *
 * In narrow windows a run ends with a landing (landing.c): up to two columns for up to two
 * whose prices close the gap, found in one walk over the columns by price.
 *
 * With few columns (small.c), or few boxes in a narrow window (landing.c), 5 and 6 are not
 * needed: every box that may be better is looked at.
 *
 * When all of this meets no box, cheapest.c decides exactly whether there is one: first the
 * window by branch and bound, and what it finds is improved by 4 to 6.
 *
 * Slots are filled one after another. Filling all together is worth 0.1 % and costs the
 * promise that the first box is the best one.
 *
 * Tried and turned down, with the mean gap or time on realistic requests of 60 to 200 items:
 * gain per price greedy with local search (2 to 3 %); longer tabu runs from one start (ten
 * times the moves still leave 0.25 %); a memory of seven moves for what left and three for what
 * came (with ten items in the box nothing may move any more); a core of 72 columns
 * (0.23 % whatever the number of runs: the columns a better box needs are not there);
 * quotas of columns per category (nothing gained); looking ahead to pairs while filling (worse
 * starts); bringing a column or a pair in by force instead of beginning from the pair (0.18
 * against 0.12 % for the same moves); looking only at the four worst columns to go (0.27 % and
 * no faster: a move costs more than its passes); the same core centred anew for every slot
 * (0.07 % better, a third slower); stopping early when the runs end far below the best box
 * (it does not tell easy slots from hard ones); patience counted from the best box of the run
 * itself, fewer runs or shorter ones (the gap follows the number of moves, however they are
 * saved); other shares of bans and pairs, dearer or cheaper money at the start (no difference);
 * a first slot's effort in all slots (the gap of a first box is a twentieth of a fourth one's);
 * taking three items out of the best box instead of forbidding one (a tenth better and a
 * twentieth slower); runs only from fills that are near the best box (they find no more);
 * tighter bounds on exchanges (one pass in twelve saved, less than they cost); not counting
 * runs that end at once among known boxes (a fifth better, half slower with 50 items); more
 * known boxes in a row before a run of a narrow slot ends (nothing better, two fifths slower);
 * the scarcest minimum first in every fill (capacities run out: single gaps of 20 %); spread
 * starts, a second round of runs or longer ones for a poor box (a better core finds more in
 * less time); starts from what each earlier box may share (0.03 % of the value); the dual bound
 * to tell a poor box (pairs make it a fifth too high, for good boxes and bad).
 *
 * Invariants: (1) a box leaves only after hp_content_valid() and the window were asserted;
 * (2) nothing depends on the order of the caller's arrays; (3) every loop counts steps.
 *
 * Cost, one core at about 3 GHz: 0.3 us a move, some 150 moves a box, 80 us a request for the
 * rest; docs/boxes.md has the table of tests/bench/pack_bench. Memory: about 160 KiB of arena a
 * request, most of it one core, and none of it taken while searching.
 */
#include "packing/pack.h"

#include "packing/advice.h"
#include "packing/bound.h"
#include "packing/cheapest.h"
#include "packing/explain.h"
#include "packing/search.h"

const char *
hp_pack_obstacle_name(enum hp_pack_obstacle obstacle)
{
    static const char *const names[] = {"", "BUDGET_TOO_LOW", "FILL_UNREACHABLE",
        "SHARING_EXHAUSTED", "CONTRADICTION", "MUST_CONFLICT", "CATEGORY_UNFILLABLE",
        "RULE_UNFILLABLE", "COUNT_UNREACHABLE", "RESOURCES_EXHAUSTED", "RULES_CONTRADICT",
        "SEARCH_LIMIT"};

    return (size_t)obstacle < HP_ARRAY_SIZE(names) ? names[obstacle] : "";
}

const char *
hp_pack_code_name(enum hp_pack_code code)
{
    static const char *const names[] = {
        "FILL", "COVERS", "GOES_WITH", "MUST", "DIFFERS", "BECAUSE", "NEW_TO_YOU"};

    return (size_t)code < HP_ARRAY_SIZE(names) ? names[code] : "";
}

struct packing { /* one call of hp_pack_solve() */
    const struct hp_pack_instance *instance;
    struct hp_arena *arena;
    struct hp_problem problem;
    struct hp_search *search;
    int64_t steps; /* left for exact searches */
    struct hp_cheapest unshared;
    struct hp_pack_box boxes[HP_BOXES_MAX];
    struct hp_content contents[HP_BOXES_MAX];
    uint32_t slots[HP_BOXES_MAX];
    uint32_t count;
    struct hp_content known[HP_BOXES_MAX]; /* boxes of slots that are filled again */
    uint32_t known_count;
    const int64_t *gains[HP_BOXES_MAX]; /* by slot; NULL: not used yet */
    struct hp_pack_missing missing[HP_BOXES_MAX];
    uint32_t missing_count;
};

/* Minima a slot may have, one after another, and the one of a step. */
static uint32_t
slot_steps(const struct hp_pack_slot *slot)
{
    return slot->ladder_count ? (uint32_t)slot->ladder_count : 1;
}

static int64_t
slot_low(const struct hp_pack_slot *slot, uint32_t step)
{
    return slot->ladder_count ? slot->ladder[step] : slot->min;
}

static const int64_t *
slot_gains(struct packing *packing, uint32_t slot)
{
    const struct hp_problem *problem = &packing->problem;
    const int64_t *from = packing->instance->slots[slot].gains;
    int64_t *gains;

    if (!from)
        return problem->gain;
    if (packing->gains[slot])
        return packing->gains[slot];
    gains = HP_ARENA_ARRAY(packing->arena, problem->item_count, int64_t);
    for (uint32_t i = 0; i < problem->item_count; i++)
        gains[i] = from[problem->source[i]];
    packing->gains[slot] = gains;
    return gains;
}

#define QUICK_STEPS 1500

static struct hp_best
valued(const struct hp_slot_task *task, const struct hp_content *box)
{
    return (struct hp_best){true, hp_content_value(task->problem, task->gain, box),
        hp_content_cost(task->problem, box), *box};
}

/* Exact search for any box of the window with at most `most` of the steps left, improved. */
static enum hp_verdict
fill_exactly(struct packing *packing, const struct hp_slot_task *task, int64_t most,
    struct hp_best *best)
{
    int64_t steps = packing->steps < most ? packing->steps : most;
    int64_t left = packing->steps - steps;
    enum hp_verdict verdict =
        hp_window_find(&packing->problem, task->low, task->high, &steps, &best->box);

    packing->steps = left + (steps > 0 ? steps : 0);
    if (verdict != HP_VERDICT_FOUND)
        return verdict;
    *best = valued(task, &best->box);
    hp_search_slot(packing->search, task, true, best);
    return HP_VERDICT_FOUND;
}

/* The best of the known boxes that the slot may have. */
static void
begin_known(struct packing *packing, const struct hp_slot_task *task, struct hp_best *best)
{
    for (uint32_t k = 0; k < packing->known_count; k++) {
        struct hp_best known = valued(task, &packing->known[k]);

        if (known.cost >= task->low && known.cost <= task->high &&
            (!best->found || known.value > best->value) &&
            hp_content_valid(task->problem, &known.box))
            *best = known;
    }
}

/* The best box of one window. When the search meets none, a short exact search may settle it;
 * then a harder search, then the exact one again. */
static enum hp_verdict
fill_slot(struct packing *packing, const struct hp_slot_task *task, struct hp_best *best)
{
    enum hp_verdict verdict;

    best->found = false;
    if (task->low > task->high || packing->problem.obstacle != HP_PACK_NO_OBSTACLE)
        return HP_VERDICT_IMPOSSIBLE;
    begin_known(packing, task, best);
    hp_search_slot(packing->search, task, false, best);
    if (best->found)
        return HP_VERDICT_FOUND;
    verdict = fill_exactly(packing, task, QUICK_STEPS, best);
    if (verdict != HP_VERDICT_OPEN)
        return verdict;
    hp_search_slot(packing->search, task, true, best);
    if (best->found)
        return HP_VERDICT_FOUND;
    return fill_exactly(packing, task, packing->steps, best);
}

static void
keep_box(struct packing *packing, const struct hp_slot_task *task, const struct hp_best *best,
    uint32_t slot, uint32_t step)
{
    struct hp_pack_box *box = &packing->boxes[packing->count];

    HP_ASSERT(hp_content_valid(&packing->problem, &best->box));
    HP_ASSERT(best->cost >= task->low && best->cost <= task->high);
    packing->contents[packing->count] = best->box;
    packing->slots[packing->count] = slot;
    *box = (struct hp_pack_box){
        .slot = slot, .cost = best->cost, .value = best->value, .fill_step = step};
    if (packing->instance->want_bound) {
        box->bounded = true;
        box->bound = hp_slot_bound(task);
    }
    packing->count++;
    hp_problem_share(&packing->problem, &best->box);
}

/* The slot before asked for the same and found nothing; no box has come since. */
static bool
repeats_missing(const struct packing *packing, uint32_t slot)
{
    const struct hp_pack_slot *entry = &packing->instance->slots[slot];

    return slot > 0 && packing->missing_count &&
           packing->missing[packing->missing_count - 1].slot == slot - 1 &&
           entry[-1].min == entry->min && entry[-1].max == entry->max &&
           !entry[-1].ladder_count && !entry->ladder_count;
}

static void
pack_slot(struct packing *packing, uint32_t slot)
{
    const struct hp_pack_slot *entry = &packing->instance->slots[slot];
    uint32_t steps = slot_steps(entry);
    struct hp_slot_task task = {
        .problem = &packing->problem, .gain = slot_gains(packing, slot), .high = entry->max};
    enum hp_verdict verdict = HP_VERDICT_IMPOSSIBLE;
    bool open = false;
    struct hp_best best;

    if (repeats_missing(packing, slot)) {
        enum hp_pack_obstacle same = packing->missing[packing->missing_count - 1].obstacle;

        packing->missing[packing->missing_count++] = (struct hp_pack_missing){slot, same};
        return;
    }
    for (uint32_t step = 0; step < steps; step++) {
        task.low = slot_low(entry, step);
        verdict = fill_slot(packing, &task, &best);
        if (verdict == HP_VERDICT_FOUND) {
            keep_box(packing, &task, &best, slot, step);
            return;
        }
        open = open || verdict == HP_VERDICT_OPEN;
    }
    packing->missing[packing->missing_count++] =
        (struct hp_pack_missing){slot, hp_advice_slot(packing->instance, &packing->problem,
                                           slot, open, &packing->unshared, &packing->steps)};
}

/* Would the box have served the slot better than what it has? */
static bool
serves(struct packing *packing, uint32_t slot, const struct hp_content *box)
{
    const struct hp_pack_slot *entry = &packing->instance->slots[slot];
    uint32_t steps = slot_steps(entry);
    const struct hp_pack_box *has = NULL;
    int64_t cost = hp_content_cost(&packing->problem, box);

    for (uint32_t k = 0; k < packing->count; k++)
        if (packing->slots[k] == slot)
            has = &packing->boxes[k];
    for (uint32_t step = 0; step < steps && (!has || step <= has->fill_step); step++)
        if (cost <= entry->max && cost >= slot_low(entry, step))
            return !has || step < has->fill_step ||
                   hp_content_value(&packing->problem, slot_gains(packing, slot), box) >
                       has->value;
    return false;
}

/* The first slot that the box of `slot` would have served better, or `slot`. */
static uint32_t
better_at(struct packing *packing, uint32_t slot)
{
    if (!packing->count || packing->slots[packing->count - 1] != slot)
        return slot;
    for (uint32_t s = 0; s < slot; s++)
        if (serves(packing, s, &packing->contents[packing->count - 1]))
            return s;
    return slot;
}

/* Takes back what slots from `slot` on got; their boxes stay known. */
static void
step_back(struct packing *packing, uint32_t slot)
{
    packing->known_count = 0;
    while (packing->count && packing->slots[packing->count - 1] >= slot) {
        packing->known[packing->known_count++] = packing->contents[--packing->count];
        hp_problem_unshare(&packing->problem);
    }
    while (packing->missing_count && packing->missing[packing->missing_count - 1].slot >= slot)
        packing->missing_count--;
}

/* What to blame when some slot could pay for the cheapest box: the first slot that could. */
static enum hp_pack_obstacle
first_obstacle(const struct packing *packing)
{
    for (uint32_t k = 0; k < packing->missing_count; k++)
        if (packing->missing[k].obstacle != HP_PACK_BUDGET_TOO_LOW)
            return packing->missing[k].obstacle;
    return HP_PACK_BUDGET_TOO_LOW;
}

#define STEPS_BACK 4 /* in a request */

static void
fill_slots(struct packing *packing)
{
    uint32_t slot = 0;
    int back = 0;

    while (slot < packing->instance->slot_count) {
        uint32_t better;

        pack_slot(packing, slot);
        better = back < STEPS_BACK ? better_at(packing, slot) : slot;
        if (better < slot) {
            step_back(packing, better);
            back++;
            slot = better;
        } else {
            slot++;
        }
    }
}

/* Not before the boxes are final. */
static void
explain_boxes(struct packing *packing)
{
    for (uint32_t k = 0; k < packing->count; k++) {
        struct hp_explained what = {.problem = &packing->problem,
            .gain = slot_gains(packing, packing->slots[k]),
            .box = &packing->contents[k],
            .slot = packing->slots[k],
            .before = packing->contents,
            .before_slots = packing->slots,
            .before_count = k};

        hp_explain_box(&what, &packing->boxes[k]);
    }
}

#define EXACT_STEPS 30000

void
hp_pack_solve(const struct hp_pack_instance *instance, struct hp_arena *arena,
    struct hp_pack_answer *answer)
{
    struct packing *packing = HP_ARENA_NEW(arena, struct packing);

    packing->instance = instance;
    packing->arena = arena;
    packing->steps = EXACT_STEPS;
    hp_problem_build(&packing->problem, instance, arena);
    packing->search = hp_search_new(&packing->problem);
    fill_slots(packing);
    explain_boxes(packing);
    *answer = (struct hp_pack_answer){.boxes = packing->boxes,
        .box_count = packing->count,
        .missing = packing->missing,
        .missing_count = packing->missing_count};
    answer->status = packing->missing_count == 0 ? HP_PACK_OK
                     : packing->count            ? HP_PACK_PARTIAL
                                                 : HP_PACK_INFEASIBLE;
    if (answer->status == HP_PACK_INFEASIBLE)
        hp_advice_give(
            instance, arena, first_obstacle(packing), &packing->unshared, &answer->advice);
}
