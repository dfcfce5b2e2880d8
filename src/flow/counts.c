/*
 * flow/counts.c - co-counts of several tasks, added up.
 *
 * Numbers of items are each task's own, so rows meet by id: items of all tasks are collected
 * and sorted first, then every pair is told once, by the task's row of its smaller id.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "flow/counts.h"

/* ---- the sum -------------------------------------------------------------------------------
 */

static int
compare_items(const void *a, const void *b)
{
    return hp_bytes_compare(((const struct hp_item_counts *)a)->item_id,
        ((const struct hp_item_counts *)b)->item_id);
}

static int
compare_pairs(const void *a, const void *b)
{
    const struct hp_pair_counts *left = a;
    const struct hp_pair_counts *right = b;

    if (left->a != right->a)
        return left->a < right->a ? -1 : 1;
    return (left->b > right->b) - (left->b < right->b);
}

struct task_rows {
    struct hp_state state;
    struct hp_blocks blocks;
};

static void
collect_items(struct hp_counts_sum *sum, const struct task_rows *tasks, int32_t partitions)
{
    size_t count = 0;

    for (int32_t p = 0; p < partitions; p++)
        count += hp_rows_count(tasks[p].blocks.rows);
    sum->items = hp_alloc((count + 1) * sizeof(*sum->items));
    for (int32_t p = 0; p < partitions; p++)
        for (uint32_t i = 0; i < hp_rows_count(tasks[p].blocks.rows); i++)
            sum->items[sum->item_count++].item_id =
                hp_arena_copy(&sum->arena, hp_rows_id(tasks[p].blocks.rows, i));
    if (count == 0)
        return;
    qsort(sum->items, count, sizeof(*sum->items), compare_items);
    sum->item_count = 1;
    for (size_t i = 1; i < count; i++)
        if (!hp_bytes_equal(sum->items[i].item_id, sum->items[sum->item_count - 1].item_id))
            sum->items[sum->item_count++] = sum->items[i];
}

static uint32_t
place_of(const struct hp_counts_sum *sum, struct hp_bytes id)
{
    const struct hp_item_counts wanted = {.item_id = id};
    const struct hp_item_counts *found =
        bsearch(&wanted, sum->items, sum->item_count, sizeof(wanted), compare_items);

    HP_ASSERT(found);
    return (uint32_t)(found - sum->items);
}

static void
add_pair(struct hp_counts_sum *sum, struct hp_pair_counts pair)
{
    if (sum->pair_count == sum->pair_room) {
        sum->pair_room = sum->pair_room ? sum->pair_room * 2 : 1024;
        sum->pairs = hp_realloc_array(sum->pairs, sum->pair_room, sizeof(*sum->pairs));
    }
    sum->pairs[sum->pair_count++] = pair;
}

static enum hp_status
add_row(struct hp_counts_sum *sum, struct task_rows *task, uint32_t item,
    const uint32_t *places, struct hp_error *error)
{
    struct hp_rows *rows = task->blocks.rows;
    struct hp_arena scratch = {0};
    struct hp_row_partner *partners;
    struct hp_head head;
    size_t count;
    enum hp_status status = hp_state_load_row(&task->state, &task->blocks, item, error);

    if (status)
        return status;
    head = hp_rows_head(rows, item, &scratch);
    status = hp_head_add(&sum->items[places[item]].head, &head, &sum->arena, error);
    count = hp_rows_partners(rows, item, &scratch, &partners);
    for (size_t i = 0; i < count; i++)
        if (places[item] < places[partners[i].item])
            add_pair(sum, (struct hp_pair_counts){
                              places[item], places[partners[i].item], partners[i].users});
    hp_arena_release(&scratch);
    return status;
}

static enum hp_status
add_task(struct hp_counts_sum *sum, struct task_rows *task, struct hp_error *error)
{
    uint32_t count = hp_rows_count(task->blocks.rows);
    uint32_t *places = hp_alloc((count + 1) * sizeof(*places));
    enum hp_status status = HP_OK;

    for (uint32_t i = 0; i < count; i++)
        places[i] = place_of(sum, hp_rows_id(task->blocks.rows, i));
    for (uint32_t i = 0; i < count && !status; i++)
        status = add_row(sum, task, i, places, error);
    free(places);
    return status;
}

/* Pairs of several tasks become one. */
static void
join_pairs(struct hp_counts_sum *sum)
{
    size_t kept = 0;

    if (sum->pair_count == 0)
        return;
    qsort(sum->pairs, sum->pair_count, sizeof(*sum->pairs), compare_pairs);
    for (size_t i = 1; i < sum->pair_count; i++) {
        if (compare_pairs(&sum->pairs[kept], &sum->pairs[i]) == 0)
            sum->pairs[kept].users += sum->pairs[i].users;
        else
            sum->pairs[++kept] = sum->pairs[i];
    }
    sum->pair_count = kept + 1;
}

enum hp_status
hp_counts_read(struct hp_kv *kv, int32_t first, int32_t end, struct hp_counts_sum *sum,
    struct hp_error *error)
{
    int32_t count = end - first;
    struct task_rows *tasks = hp_alloc((size_t)count * sizeof(*tasks));
    enum hp_status status = HP_OK;
    int32_t opened = 0;

    for (; opened < count && !status; opened++) {
        tasks[opened].state = (struct hp_state){.kv = kv, .partition = first + opened};
        status = hp_state_blocks(&tasks[opened].state, &tasks[opened].blocks, error);
    }
    if (!status)
        collect_items(sum, tasks, count);
    for (int32_t i = 0; i < count && !status; i++)
        status = add_task(sum, &tasks[i], error);
    for (int32_t i = 0; i < opened; i++) {
        hp_blocks_close(&tasks[i].blocks);
        hp_state_release(&tasks[i].state);
    }
    free(tasks);
    join_pairs(sum);
    return status;
}

void
hp_counts_release(struct hp_counts_sum *sum)
{
    hp_arena_release(&sum->arena);
    free(sum->items);
    free(sum->pairs);
    *sum = (struct hp_counts_sum){0};
}
