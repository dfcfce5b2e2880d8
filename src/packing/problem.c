/* packing/problem.c - see the header. SPDX-License-Identifier: Apache-2.0 */
#include "packing/problem.h"

struct key { /* an id for sorting: its first eight bytes as a number, then the whole */
    uint64_t head;
    struct hp_bytes text;
    uint32_t index;
};

static uint64_t
text_head(struct hp_bytes text)
{
    uint64_t head = 0;
    size_t size = text.size < 8 ? text.size : 8;

    for (size_t k = 0; k < size; k++)
        head |= (uint64_t)text.data[k] << (56 - 8 * k);
    return head;
}

static int
key_compare(const struct key *a, const struct key *b)
{
    int order;

    if (a->head != b->head)
        return a->head < b->head ? -1 : 1;
    order = hp_bytes_compare(a->text, b->text);
    return order ? order : (a->index > b->index) - (a->index < b->index);
}

/* Merge sort: stable in time whatever the input, and linear on input already in order. */
static void
keys_sort(struct key *keys, size_t count, struct key *spare)
{
    size_t half = count / 2;
    size_t a = 0;
    size_t b = half;

    if (count < 2)
        return;
    keys_sort(keys, half, spare);
    keys_sort(keys + half, count - half, spare);
    if (key_compare(&keys[half - 1], &keys[half]) < 0)
        return;
    memcpy(spare, keys, count * sizeof(*keys));
    for (size_t k = 0; k < count; k++) {
        bool left = b == count || (a < half && key_compare(&spare[a], &spare[b]) < 0);

        keys[k] = left ? spare[a++] : spare[b++];
    }
}

static struct key *
keys_of_items(const struct hp_pack_instance *in, struct hp_arena *arena)
{
    struct key *keys = HP_ARENA_ARRAY(arena, in->item_count, struct key);
    bool sorted = true;

    for (size_t i = 0; i < in->item_count; i++) {
        struct hp_bytes id = in->items[i].id;

        keys[i] = (struct key){text_head(id), id, (uint32_t)i};
        sorted = sorted && (i == 0 || key_compare(&keys[i - 1], &keys[i]) < 0);
    }
    if (!sorted)
        keys_sort(keys, in->item_count, HP_ARENA_ARRAY(arena, in->item_count, struct key));
    return keys;
}

/* Position of `id` among the keys, or `count`. */
static size_t
keys_find(const struct key *keys, size_t count, struct hp_bytes id)
{
    size_t low = 0;
    size_t high = count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (hp_bytes_compare(keys[middle].text, id) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < count && hp_bytes_equal(keys[low].text, id) ? low : count;
}

static void
refuse(struct hp_problem *problem, enum hp_pack_obstacle obstacle, const char *what,
    struct hp_bytes id)
{
    if (problem->obstacle != HP_PACK_NO_OBSTACLE)
        return;
    problem->obstacle = obstacle;
    problem->subject = hp_arena_printf(problem->arena, "%s %.*s", what, HP_BYTES_FORMAT(id));
}

enum fate { FATE_FREE, FATE_EXCLUDED, FATE_MUST };

/* What must and exclude say of every item, by position among the keys. */
static uint8_t *
fates_of_items(struct hp_problem *problem, const struct key *keys)
{
    const struct hp_pack_instance *in = problem->instance;
    uint8_t *fate = HP_ARENA_ARRAY(problem->arena, in->item_count, uint8_t);
    const struct hp_bytes *impossible = NULL; /* the first by id */

    for (size_t k = 0; k < in->exclude.count; k++) {
        size_t at = keys_find(keys, in->item_count, in->exclude.items[k]);

        if (at < in->item_count)
            fate[at] = FATE_EXCLUDED;
    }
    for (size_t k = 0; k < in->must.count; k++) {
        size_t at = keys_find(keys, in->item_count, in->must.items[k]);

        if (at < in->item_count && fate[at] != FATE_EXCLUDED)
            fate[at] = FATE_MUST;
        else if (!impossible || hp_bytes_compare(in->must.items[k], *impossible) < 0)
            impossible = &in->must.items[k];
    }
    if (impossible)
        refuse(problem, HP_PACK_CONTRADICTION,
            keys_find(keys, in->item_count, *impossible) < in->item_count ? "excluded must"
                                                                          : "unknown must",
            *impossible);
    return fate;
}

/* Families by position among the keys: numbered from 0; a loner gets its own number. */
static uint32_t *
families_of_items(struct hp_problem *problem, const struct key *keys)
{
    const struct hp_pack_instance *in = problem->instance;
    uint32_t *family = HP_ARENA_ARRAY(problem->arena, in->item_count, uint32_t);
    struct key *groups = HP_ARENA_ARRAY(problem->arena, in->item_count, struct key);
    size_t grouped = 0;
    uint32_t next = 0;

    for (size_t i = 0; i < in->item_count; i++) {
        struct hp_bytes group = in->items[keys[i].index].group;

        if (group.size)
            groups[grouped++] = (struct key){text_head(group), group, (uint32_t)i};
        else
            family[i] = next++;
    }
    keys_sort(groups, grouped, HP_ARENA_ARRAY(problem->arena, grouped, struct key));
    for (size_t k = 0; k < grouped; k++) {
        if (k && !hp_bytes_equal(groups[k].text, groups[k - 1].text))
            next++;
        family[groups[k].index] = next;
    }
    problem->family_count = next + (grouped > 0);
    return family;
}

/* Which families a must claims; two musts of one family cannot be. */
static uint8_t *
claimed_families(struct hp_problem *problem, const struct key *keys, const uint8_t *fate,
    const uint32_t *family)
{
    size_t count = problem->instance->item_count;
    uint8_t *claimed = HP_ARENA_ARRAY(problem->arena, problem->family_count, uint8_t);

    for (size_t i = 0; i < count; i++) {
        if (fate[i] != FATE_MUST)
            continue;
        if (claimed[family[i]])
            refuse(problem, HP_PACK_MUST_CONFLICT, "two musts of the family of", keys[i].text);
        claimed[family[i]] = 1;
    }
    return claimed;
}

static void
allocate(struct hp_problem *problem, size_t count)
{
    struct hp_arena *arena = problem->arena;

    problem->source = HP_ARENA_ARRAY(arena, count, uint32_t);
    problem->price = HP_ARENA_ARRAY(arena, count, int64_t);
    problem->gain = HP_ARENA_ARRAY(arena, count, int64_t);
    problem->self = HP_ARENA_ARRAY(arena, count, int64_t);
    problem->category = HP_ARENA_ARRAY(arena, count, int32_t);
    problem->quantity = HP_ARENA_ARRAY(arena, count, int32_t);
    problem->family = HP_ARENA_ARRAY(arena, count, uint32_t);
    problem->must = HP_ARENA_ARRAY(arena, count, bool);
    problem->unit_rows = HP_ARENA_ARRAY(arena, count, struct hp_rowset);
    problem->first_rows = HP_ARENA_ARRAY(arena, count, struct hp_rowset);
}

/* Copies that the item's own limit, its category, the count and the capacities allow. */
static int32_t
quantity_of(const struct hp_pack_instance *in, const struct hp_pack_item *item)
{
    int64_t most = item->max_qty > 1 ? item->max_qty : 1;
    int32_t category_max = in->categories[item->category].max;

    if (most > in->count_max)
        most = in->count_max;
    if (most > category_max)
        most = category_max;
    for (size_t r = 0; item->resources && r < in->resource_count; r++)
        if (item->resources[r] > 0 && most > in->resources[r].max / item->resources[r])
            most = in->resources[r].max / item->resources[r];
    return (int32_t)most;
}

static void
keep_item(struct hp_problem *problem, uint32_t source, uint32_t family, bool must, int32_t most)
{
    const struct hp_pack_item *item = &problem->instance->items[source];
    uint32_t i = problem->item_count++;

    problem->source[i] = source;
    problem->price[i] = item->price;
    problem->gain[i] = item->gain;
    problem->category[i] = item->category;
    problem->quantity[i] = most;
    problem->family[i] = family;
    problem->must[i] = must;
    problem->must_count += must;
    hp_rowset_add(&problem->unit_rows[i], 0);
    hp_rowset_add(&problem->unit_rows[i], 1 + (uint32_t)item->category);
}

/* Fills the items and returns, for every instance index, the number here + 1, or 0. */
static uint32_t *
keep_items(struct hp_problem *problem)
{
    const struct hp_pack_instance *in = problem->instance;
    struct key *keys = keys_of_items(in, problem->arena);
    uint8_t *fate = fates_of_items(problem, keys);
    uint32_t *family = families_of_items(problem, keys);
    uint8_t *claimed = claimed_families(problem, keys, fate, family);
    uint32_t *number = HP_ARENA_ARRAY(problem->arena, in->item_count, uint32_t);

    allocate(problem, in->item_count);
    for (size_t i = 0; i < in->item_count; i++) {
        uint32_t source = keys[i].index;
        int32_t most = quantity_of(in, &in->items[source]);
        bool must = fate[i] == FATE_MUST;

        if (must && most < 1)
            refuse(problem, HP_PACK_MUST_CONFLICT, "no room for must", keys[i].text);
        if (fate[i] == FATE_EXCLUDED || most < 1 || (claimed[family[i]] && !must))
            continue;
        keep_item(problem, source, family[i], must, most);
        number[source] = problem->item_count;
    }
    return number;
}

static void
add_row(struct hp_problem *problem, int32_t min, int32_t max)
{
    uint32_t row = problem->row_count++;

    HP_ASSERT(row < HP_ROWS_MAX);
    problem->row_min[row] = min;
    problem->row_max[row] = max;
    problem->row_words = row / 64 + 1;
}

static void
add_rows(struct hp_problem *problem, const uint32_t *number)
{
    const struct hp_pack_instance *in = problem->instance;

    add_row(problem, in->count_min, in->count_max);
    for (size_t c = 0; c < in->category_count; c++)
        add_row(problem, in->categories[c].min, in->categories[c].max);
    for (size_t r = 0; r < in->rule_count; r++) {
        for (size_t k = 0; k < in->rules[r].item_count; k++) {
            uint32_t i = number[in->rules[r].items[k]];

            if (i)
                hp_rowset_add(&problem->unit_rows[i - 1], problem->row_count);
        }
        add_row(problem, in->rules[r].min, in->rules[r].max);
    }
    problem->share_row = problem->row_count;
    if (problem->item_count)
        memcpy(problem->first_rows, problem->unit_rows,
            problem->item_count * sizeof(*problem->unit_rows));
}

static void
add_credits(struct hp_problem *problem)
{
    problem->credit = HP_ARENA_ARRAY(problem->arena, problem->item_count, int64_t);
    for (uint32_t i = 0; i < problem->item_count; i++) {
        int64_t most = 0;

        for (uint32_t p = problem->pair_start[i]; p < problem->pair_start[i + 1]; p++)
            if (problem->pair_weight[p] > most)
                most = problem->pair_weight[p];
        problem->credit[i] = most / 2;
    }
}

static void
add_pairs(struct hp_problem *problem, const uint32_t *number)
{
    const struct hp_pack_instance *in = problem->instance;
    uint32_t *start = HP_ARENA_ARRAY(problem->arena, problem->item_count + 2, uint32_t);
    uint32_t total = 0;

    for (size_t p = 0; p < in->pair_count; p++) {
        uint32_t a = number[in->pairs[p].a];
        uint32_t b = number[in->pairs[p].b];

        if (!a || !b)
            continue;
        if (a == b) {
            problem->self[a - 1] += in->pairs[p].weight;
            continue;
        }
        start[a + 1]++;
        start[b + 1]++;
        total += 2;
    }
    for (uint32_t i = 1; i <= problem->item_count; i++)
        start[i + 1] += start[i];
    problem->pair_item = HP_ARENA_ARRAY(problem->arena, total, uint32_t);
    problem->pair_weight = HP_ARENA_ARRAY(problem->arena, total, int64_t);
    /* start[i + 1] is where item i begins; filling moves it to where i ends, which is where
     * i + 1 begins: afterwards start[i] is right. */
    for (size_t p = 0; p < in->pair_count; p++) {
        uint32_t a = number[in->pairs[p].a];
        uint32_t b = number[in->pairs[p].b];

        if (!a || !b || a == b)
            continue;
        problem->pair_item[start[a]] = b - 1;
        problem->pair_weight[start[a]++] = in->pairs[p].weight;
        problem->pair_item[start[b]] = a - 1;
        problem->pair_weight[start[b]++] = in->pairs[p].weight;
    }
    problem->pair_start = start;
    add_credits(problem);
}

/* A sharing row over the families marked; `count` of them, musts not counted. */
static void
share_families(struct hp_problem *problem, const uint8_t *shared, uint32_t count)
{
    uint32_t row = problem->row_count;

    add_row(problem, 0,
        (int32_t)((int64_t)problem->instance->max_share_pct * (int64_t)count / 100));
    for (uint32_t i = 0; i < problem->item_count; i++)
        if (shared[problem->family[i]] && !problem->must[i])
            hp_rowset_add(&problem->first_rows[i], row);
}

static struct hp_bytes
family_name(const struct hp_pack_item *item)
{
    return item->group.size ? item->group : item->id;
}

/* A box from before: its families are known by name only, and some may be unknown here. */
static void
share_earlier(struct hp_problem *problem, const struct hp_pack_earlier *earlier)
{
    uint8_t *shared = HP_ARENA_ARRAY(problem->arena, problem->family_count, uint8_t);
    uint8_t *named = HP_ARENA_ARRAY(problem->arena, earlier->families.count, uint8_t);
    uint32_t count = (uint32_t)earlier->families.count;

    for (uint32_t i = 0; i < problem->item_count; i++) {
        struct hp_bytes name = family_name(&problem->instance->items[problem->source[i]]);

        for (size_t k = 0; k < earlier->families.count; k++) {
            if (!hp_bytes_equal(name, earlier->families.items[k]))
                continue;
            if (problem->must[i] && !named[k]) {
                named[k] = 1;
                count--;
            }
            shared[problem->family[i]] = 1;
        }
    }
    share_families(problem, shared, count);
}

/* The musts alone must leave every maximum intact. */
static void
check_musts(struct hp_problem *problem)
{
    const struct hp_pack_instance *in = problem->instance;
    int64_t use[HP_PACK_RESOURCES_MAX] = {0};
    int32_t count[HP_ROWS_MAX] = {0};

    for (uint32_t i = 0; i < problem->item_count; i++) {
        if (!problem->must[i])
            continue;
        for (uint32_t row = 0; row < problem->row_count; row++)
            count[row] += hp_rowset_has(&problem->first_rows[i], row);
        for (size_t r = 0; r < in->resource_count; r++)
            use[r] += hp_problem_use(problem, i, r);
    }
    for (uint32_t row = 0; row < problem->row_count; row++)
        if (count[row] > problem->row_max[row])
            refuse(
                problem, HP_PACK_MUST_CONFLICT, "more musts than", hp_bytes_text("a maximum"));
    for (size_t r = 0; r < in->resource_count; r++)
        if (use[r] > in->resources[r].max)
            refuse(
                problem, HP_PACK_MUST_CONFLICT, "the musts need more", in->resources[r].name);
}

void
hp_problem_build(
    struct hp_problem *problem, const struct hp_pack_instance *instance, struct hp_arena *arena)
{
    uint32_t *number;

    *problem = (struct hp_problem){.instance = instance, .arena = arena, .subject = ""};
    number = keep_items(problem);
    add_rows(problem, number);
    add_pairs(problem, number);
    if (instance->max_share_pct < 100)
        for (size_t k = 0; k < instance->earlier_count; k++)
            share_earlier(problem, &instance->earlier[k]);
    if (problem->must_count)
        check_musts(problem);
}

void
hp_problem_share(struct hp_problem *problem, const struct hp_content *box)
{
    uint8_t *shared;
    uint32_t count = 0;

    if (problem->instance->max_share_pct >= 100)
        return;
    shared = HP_ARENA_ARRAY(problem->arena, problem->family_count, uint8_t);
    for (uint32_t k = 0; k < box->count; k++) {
        shared[problem->family[box->item[k]]] = 1;
        count += !problem->must[box->item[k]];
    }
    share_families(problem, shared, count);
}

void
hp_problem_unshare(struct hp_problem *problem)
{
    if (problem->instance->max_share_pct >= 100)
        return;
    problem->row_count--;
    problem->row_words = (problem->row_count + 63) / 64;
    for (uint32_t i = 0; i < problem->item_count; i++)
        hp_rowset_put(&problem->first_rows[i], problem->row_count, false);
}

int64_t
hp_content_cost(const struct hp_problem *problem, const struct hp_content *box)
{
    int64_t cost = 0;

    for (uint32_t k = 0; k < box->count; k++)
        cost += problem->price[box->item[k]] * box->quantity[k];
    return cost;
}

/* Gain of an item's copies, its weight with itself and its pairs with the items before it. */
static int64_t
line_value(const struct hp_problem *problem, const int64_t *gain, const struct hp_content *box,
    uint32_t k)
{
    uint32_t i = box->item[k];
    const struct hp_pack_item *item = &problem->instance->items[problem->source[i]];
    int64_t value = gain[i] + problem->self[i];

    for (size_t r = 0; r + 1 < (size_t)box->quantity[k] && r < item->repeat_count; r++)
        value += item->repeat_gains[r];
    for (uint32_t p = problem->pair_start[i]; p < problem->pair_start[i + 1]; p++)
        for (uint32_t before = 0; before < k; before++)
            if (box->item[before] == problem->pair_item[p])
                value += problem->pair_weight[p];
    return value;
}

int64_t
hp_content_value(
    const struct hp_problem *problem, const int64_t *gain, const struct hp_content *box)
{
    int32_t units[HP_PACK_CATEGORIES_MAX] = {0};
    int64_t value = 0;

    for (uint32_t k = 0; k < box->count; k++) {
        value += line_value(problem, gain, box, k);
        units[problem->category[box->item[k]]] += box->quantity[k];
    }
    for (size_t c = 0; c < problem->instance->category_count; c++) {
        const struct hp_pack_category *category = &problem->instance->categories[c];

        for (size_t u = 0; u < (size_t)units[c] && u < category->bonus_count; u++)
            value += category->bonus[u];
    }
    return value;
}

static bool
rows_hold(const struct hp_problem *problem, const struct hp_content *box)
{
    for (uint32_t row = 0; row < problem->row_count; row++) {
        int64_t count = 0;

        for (uint32_t k = 0; k < box->count; k++) {
            uint32_t i = box->item[k];

            if (hp_rowset_has(&problem->unit_rows[i], row))
                count += box->quantity[k];
            else if (hp_rowset_has(&problem->first_rows[i], row))
                count++;
        }
        if (count < problem->row_min[row] || count > problem->row_max[row])
            return false;
    }
    return true;
}

static bool
resources_hold(const struct hp_problem *problem, const struct hp_content *box)
{
    for (size_t r = 0; r < problem->instance->resource_count; r++) {
        int64_t use = 0;

        for (uint32_t k = 0; k < box->count; k++)
            use += hp_problem_use(problem, box->item[k], r) * box->quantity[k];
        if (use > problem->instance->resources[r].max)
            return false;
    }
    return true;
}

bool
hp_content_valid(const struct hp_problem *problem, const struct hp_content *box)
{
    uint32_t musts = 0;

    for (uint32_t k = 0; k < box->count; k++) {
        if (box->quantity[k] < 1 || box->quantity[k] > problem->quantity[box->item[k]])
            return false;
        musts += problem->must[box->item[k]];
        for (uint32_t before = 0; before < k; before++)
            if (problem->family[box->item[before]] == problem->family[box->item[k]])
                return false;
    }
    return musts == problem->must_count && rows_hold(problem, box) &&
           resources_hold(problem, box);
}
