/*
 * packing/toll.c - Lagrange multipliers of the sharing rows.
 *
 * A sharing row lets a box have only so many families of an earlier box. A greedy fill under
 * such maxima begins with the best items, and those were in several of the earlier boxes: each
 * uses up several rows, and soon nothing of any of these boxes may come. So a row gets a price,
 * and an item pays the prices of its rows when a box is filled. The prices come from fills that
 * may break the rows: one that is broken becomes dearer, one with room cheaper, in steps that
 * grow smaller (subgradient steps; Held, Wolfe and Crowder 1974).
 *
 * Four steps, about 2 us, are worth a quarter of the mean gap; sixteen are not worth more. The
 * moves of the tabu search do without tolls: they keep the rows themselves.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "packing/toll.h"

#define STEPS    4
#define FIRST    4 /* the first step is the mean gain divided by this, for two units too many */
#define TOLL_MAX (HP_POINTS_MAX / 16)

static int64_t
mean_gain(const struct hp_core *core)
{
    int64_t sum = 0;
    uint32_t count = 0;

    for (uint32_t j = 0; j < core->count; j++)
        if (core->base[j] > 0) {
            sum += core->base[j];
            count++;
        }
    return count ? sum / count : 0;
}

static void
charge_columns(struct hp_core *core, const int64_t *tolls)
{
    memset(core->toll, 0, sizeof(core->toll));
    for (uint32_t row = core->share_row; row < core->row_count; row++)
        for (uint32_t w = 0; w < HP_CORE_WORDS; w++)
            for (uint64_t bits = core->row_columns[row].word[w]; bits; bits &= bits - 1)
                core->toll[w * 64 + (uint32_t)__builtin_ctzll(bits)] += (int32_t)tolls[row];
    core->fill_rate = INT64_MIN;
}

static int64_t
changed(int64_t toll, int64_t by)
{
    toll += by;
    return toll < 0 ? 0 : toll > TOLL_MAX ? TOLL_MAX : toll;
}

uint32_t
hp_toll_find(struct hp_core *core, int64_t rate)
{
    int64_t tolls[HP_ROWS_MAX] = {0};
    int32_t max[HP_ROWS_MAX];
    struct hp_rowset full = core->empty.full;
    int64_t step = mean_gain(core) / FIRST;
    uint32_t count = 0;

    if (core->share_row == core->row_count)
        return 0;
    for (uint32_t row = core->share_row; row < core->row_count; row++) {
        max[row] = core->row_max[row];
        core->row_max[row] = HP_PACK_NO_MAX;
        hp_rowset_put(&core->empty.full, row, false);
    }
    for (int k = 0; k < STEPS; k++) {
        hp_core_reset(core);
        hp_core_fill(core, rate, 0, NULL);
        for (uint32_t row = core->share_row; row < core->row_count; row++)
            tolls[row] = changed(tolls[row], step * (core->box.row[row] - max[row]) / 2);
        step = step * 3 / 4;
        charge_columns(core, tolls);
    }
    for (uint32_t row = core->share_row; row < core->row_count; row++) {
        core->row_max[row] = max[row];
        count += tolls[row] > 0;
    }
    core->empty.full = full;
    hp_core_reset(core);
    return count;
}
