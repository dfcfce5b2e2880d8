/*
 * app/eval_report.c - what came out: a table, JSON, a picture.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "app/eval.h"

#include "app/command.h"
#include "app/json_text.h"
#include "domain/instant.h"
#include "eval/picture.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>

#define POINTS_MAX 60

enum hp_status
hp_eval_write(const char *path, struct hp_bytes text, struct hp_error *error)
{
    FILE *file = fopen(path, "w");
    bool written;

    if (!file)
        return hp_fail(error, HP_FATAL, "%.200s: %s", path, strerror(errno));
    written = fwrite(text.data, 1, text.size, file) == text.size;
    if (fclose(file) != 0 || !written)
        return hp_fail(error, HP_FATAL, "%.200s: %s", path, strerror(errno));
    return HP_OK;
}

/* ---- the table ----------------------------------------------------------------------------
 */

static void
print_slice(const struct hp_eval *eval, enum hp_slice slice)
{
    static const char *const titles[] = {
        "All items", "Novel: what the user never had", "Repeat: only what the user had before"};

    if (hp_tally_cases(eval->tally, slice) == 0)
        return;
    printf("\n%s (%zu predictions, %zu users)\n", titles[slice],
        hp_tally_cases(eval->tally, slice), hp_tally_users(eval->tally, slice));
    printf("  %-20s %9s %17s %9s %9s %9s %9s %8s\n", "", "NDCG@10", "95 %", "recall@10",
        "recall@20", "hit@10", "coverage", "novelty");
    for (size_t model = 0; model < HP_EVAL_MODELS; model++) {
        struct hp_tally_row ten, twenty;

        hp_tally_row(eval->tally, model, slice, 0, &ten);
        hp_tally_row(eval->tally, model, slice, 1, &twenty);
        printf("  %-20s %9.4f [%6.4f, %6.4f]  %8.4f %9.4f %9.4f %9.3f %8.2f\n",
            hp_eval_model_names[model], ten.mean[HP_MEASURE_NDCG], ten.low, ten.high,
            ten.mean[HP_MEASURE_RECALL], twenty.mean[HP_MEASURE_RECALL],
            ten.mean[HP_MEASURE_HIT], ten.coverage, ten.novelty);
    }
}

static void
print_gaps(const struct hp_eval *eval)
{
    printf("\nhamper minus each baseline, paired (95 %%)\n  %-20s %-8s %28s %28s\n", "", "",
        "NDCG@10", "recall@20");
    for (size_t model = 1; model < HP_EVAL_MODELS; model++)
        for (int slice = 0; slice <= HP_SLICE_NOVEL; slice++) {
            struct hp_tally_gap ndcg, recall;

            if (hp_tally_cases(eval->tally, (enum hp_slice)slice) == 0)
                continue;
            hp_tally_gap(
                eval->tally, 0, model, (enum hp_slice)slice, 0, HP_MEASURE_NDCG, &ndcg);
            hp_tally_gap(
                eval->tally, 0, model, (enum hp_slice)slice, 1, HP_MEASURE_RECALL, &recall);
            printf("  %-20s %-8s %+9.4f [%+.4f, %+.4f] %+9.4f [%+.4f, %+.4f]\n",
                hp_eval_model_names[model], hp_slice_names[slice], ndcg.mean, ndcg.low,
                ndcg.high, recall.mean, recall.low, recall.high);
        }
}

static void
print_pair(const struct hp_tally *tally, const char *title, enum hp_slice slice,
    const char *first, const char *second)
{
    const char *const names[] = {first, second};

    if (!tally || hp_tally_cases(tally, slice) == 0)
        return;
    printf("\n%s (%zu)\n", title, hp_tally_cases(tally, slice));
    for (size_t model = 0; model < 2; model++) {
        struct hp_tally_row row;

        hp_tally_row(tally, model, slice, 0, &row);
        printf("  %-20s NDCG@10 %.4f [%.4f, %.4f]  hit@10 %.4f\n", names[model],
            row.mean[HP_MEASURE_NDCG], row.low, row.high, row.mean[HP_MEASURE_HIT]);
    }
}

static void
print_boxes(const struct hp_box_measures *boxes)
{
    if (boxes->boxes == 0)
        return;
    printf("\nBoxes asked for by %zu of the users: %zu boxes\n"
           "  budget fill %.3f, %.1f items of %.1f categories, overlap of two boxes %.3f,\n"
           "  users with a bought item in a box %.3f, boxed items that were bought %.3f\n",
        boxes->users, boxes->boxes, boxes->fill, boxes->items, boxes->categories,
        boxes->overlap, boxes->hit_rate, boxes->precision);
}

static void
print_ratings(const struct hp_eval *eval)
{
    if (eval->rating_errors[0].count == 0)
        return;
    printf(
        "\nRatings (%zu predicted, none of them by hamper, which takes from a rating whether "
        "it was good)\n",
        eval->rating_errors[0].count);
    for (int rater = 0; rater < HP_RATER_COUNT; rater++)
        printf("  %-20s RMSE %.4f  MAE %.4f\n", hp_rater_names[rater],
            hp_rating_rmse(&eval->rating_errors[rater]),
            hp_rating_mae(&eval->rating_errors[rater]));
}

static void
print_table(const struct hp_eval *eval)
{
    const char *reason, *topic;
    int64_t refused = hp_trial_refused(eval->trial, &reason, &topic);

    printf("%s: %s\n", eval->plan.path, eval->protocol);
    printf("%zu users, %zu orders and %zu items in all; privacy.min.buyers=%" PRId64
           ", seed %" PRIu64 "\n",
        eval->purchases.users.count, eval->purchases.order_count, eval->purchases.items.count,
        eval->options.privacy_min_buyers, eval->plan.seed);
    if (refused)
        printf("%" PRId64 " events were refused, the first ones from %s: %s\n", refused,
            topic ? topic : "?", reason ? reason : "?");
    for (int slice = 0; slice < HP_SLICE_COUNT; slice++)
        print_slice(eval, (enum hp_slice)slice);
    print_gaps(eval);
    print_pair(eval->completion, "Half an order shown, the other half sought", HP_SLICE_ALL,
        "hamper", "cosine");
    print_pair(eval->cold, "Items nobody was seen to buy, ranked among themselves",
        HP_SLICE_NOVEL, "hamper", "cosine");
    print_boxes(&eval->boxes);
    print_ratings(eval);
}

/* ---- JSON ---------------------------------------------------------------------------------
 */

static void
json_rows(const struct hp_eval *eval, struct hp_buffer *out)
{
    static const int cuts[] = {HP_EVAL_CUT, HP_EVAL_CUT_MAX};
    const char *comma = "";

    for (int slice = 0; slice < HP_SLICE_COUNT; slice++)
        for (size_t model = 0; model < HP_EVAL_MODELS; model++)
            for (size_t cut = 0; cut < 2; cut++) {
                struct hp_tally_row row;

                if (hp_tally_cases(eval->tally, (enum hp_slice)slice) == 0)
                    continue;
                hp_tally_row(eval->tally, model, (enum hp_slice)slice, cut, &row);
                hp_buffer_printf(out,
                    "%s\n  {\"model\": \"%s\", \"slice\": \"%s\", \"k\": %d, \"ndcg\": %.6f, "
                    "\"recall\": %.6f, \"hit_rate\": %.6f, \"coverage\": %.6f, "
                    "\"low\": %.6f, \"high\": %.6f}",
                    comma, hp_eval_model_names[model], hp_slice_names[slice], cuts[cut],
                    row.mean[HP_MEASURE_NDCG], row.mean[HP_MEASURE_RECALL],
                    row.mean[HP_MEASURE_HIT], row.coverage, row.low, row.high);
                comma = ",";
            }
}

static void
json_gaps(const struct hp_eval *eval, struct hp_buffer *out)
{
    const char *comma = "";

    for (int slice = 0; slice < HP_SLICE_COUNT; slice++)
        for (size_t model = 1; model < HP_EVAL_MODELS; model++)
            for (size_t cut = 0; cut < 2; cut++) {
                enum hp_measure measure = cut == 0 ? HP_MEASURE_NDCG : HP_MEASURE_RECALL;
                struct hp_tally_gap gap;

                if (hp_tally_cases(eval->tally, (enum hp_slice)slice) == 0)
                    continue;
                hp_tally_gap(eval->tally, 0, model, (enum hp_slice)slice, cut, measure, &gap);
                hp_buffer_printf(out,
                    "%s\n  {\"model\": \"%s\", \"slice\": \"%s\", \"measure\": \"%s\", "
                    "\"k\": %d, \"hamper_minus_model\": %.6f, \"low\": %.6f, "
                    "\"high\": %.6f}",
                    comma, hp_eval_model_names[model], hp_slice_names[slice],
                    hp_measure_names[measure], cut == 0 ? HP_EVAL_CUT : HP_EVAL_CUT_MAX,
                    gap.mean, gap.low, gap.high);
                comma = ",";
            }
}

static void
json_novelty(const struct hp_eval *eval, struct hp_buffer *out)
{
    const char *comma = "";

    for (size_t model = 0; model < HP_EVAL_MODELS; model++) {
        struct hp_tally_row row;

        hp_tally_row(eval->tally, model, HP_SLICE_ALL, 0, &row);
        hp_buffer_printf(out, "%s\"%s\": %.4f", comma, hp_eval_model_names[model], row.novelty);
        comma = ", ";
    }
}

static void
json_pair(
    const struct hp_tally *tally, const char *key, enum hp_slice slice, struct hp_buffer *out)
{
    static const char *const names[] = {"hamper", "cosine"};

    if (!tally || hp_tally_cases(tally, slice) == 0)
        return;
    hp_buffer_printf(out, ",\n \"%s\": [", key);
    for (size_t model = 0; model < 2; model++) {
        struct hp_tally_row row;

        hp_tally_row(tally, model, slice, 0, &row);
        hp_buffer_printf(out,
            "%s\n  {\"model\": \"%s\", \"k\": %d, \"cases\": %zu, \"ndcg\": %.6f, "
            "\"hit_rate\": %.6f, \"low\": %.6f, \"high\": %.6f}",
            model ? "," : "", names[model], HP_EVAL_CUT, hp_tally_cases(tally, slice),
            row.mean[HP_MEASURE_NDCG], row.mean[HP_MEASURE_HIT], row.low, row.high);
    }
    hp_buffer_printf(out, "]");
}

static void
json_boxes(const struct hp_box_measures *boxes, struct hp_buffer *out)
{
    if (boxes->boxes == 0)
        return;
    hp_buffer_printf(out,
        ",\n \"boxes\": {\"users\": %zu, \"boxes\": %zu, \"budget_fill\": %.6f, "
        "\"items\": %.4f, \"categories\": %.4f, \"overlap\": %.6f, \"hit_rate\": %.6f, "
        "\"precision\": %.6f}",
        boxes->users, boxes->boxes, boxes->fill, boxes->items, boxes->categories,
        boxes->overlap, boxes->hit_rate, boxes->precision);
}

static void
json_ratings(const struct hp_eval *eval, struct hp_buffer *out)
{
    if (eval->rating_errors[0].count == 0)
        return;
    hp_buffer_printf(out, ",\n \"ratings\": [");
    for (int rater = 0; rater < HP_RATER_COUNT; rater++)
        hp_buffer_printf(out,
            "%s\n  {\"model\": \"%s\", \"ratings\": %zu, \"rmse\": %.6f, \"mae\": %.6f}",
            rater ? "," : "", hp_rater_names[rater], eval->rating_errors[rater].count,
            hp_rating_rmse(&eval->rating_errors[rater]),
            hp_rating_mae(&eval->rating_errors[rater]));
    hp_buffer_printf(out, "]");
}

static enum hp_status
write_json(const struct hp_eval *eval, struct hp_error *error)
{
    struct hp_buffer out = {0};
    enum hp_status status;

    hp_buffer_printf(&out, "{\"data\": ");
    hp_json_text(&out, hp_bytes_text(eval->plan.path));
    hp_buffer_printf(&out, ",\n \"protocol\": ");
    hp_json_text(&out, hp_bytes_text(eval->protocol));
    hp_buffer_printf(&out, ",\n \"users\": %zu,\n \"seed\": %" PRIu64 ",\n \"rows\": [",
        hp_tally_users(eval->tally, HP_SLICE_ALL), eval->plan.seed);
    json_rows(eval, &out);
    hp_buffer_printf(&out, "],\n \"differences\": [");
    json_gaps(eval, &out);
    hp_buffer_printf(&out, "],\n \"novelty_bits\": {");
    json_novelty(eval, &out);
    hp_buffer_printf(&out, "}");
    json_pair(eval->completion, "completion", HP_SLICE_ALL, &out);
    json_pair(eval->cold, "cold", HP_SLICE_NOVEL, &out);
    json_boxes(&eval->boxes, &out);
    json_ratings(eval, &out);
    hp_buffer_printf(&out, "}\n");
    status = hp_eval_write(eval->plan.json, hp_buffer_bytes(&out), error);
    hp_buffer_release(&out);
    return status;
}

/* ---- the picture --------------------------------------------------------------------------
 */

/* Weeks, or longer stretches when there are too many. */
static enum hp_status
write_svg(const struct hp_eval *eval, struct hp_error *error)
{
    double values[HP_EVAL_MODELS][POINTS_MAX];
    int64_t times[POINTS_MAX], first, last, step = 7 * HP_DAY_MS;
    struct hp_picture picture = {
        .title = eval->protocol, .measure = "NDCG@10, all items", .times = times};
    struct hp_buffer svg = {0};
    enum hp_status status;

    hp_tally_span(eval->tally, &first, &last);
    if ((last - first) / step >= POINTS_MAX)
        step = ((last - first) / POINTS_MAX / HP_DAY_MS + 1) * HP_DAY_MS;
    for (int64_t at = first; at <= last; at += step)
        times[picture.point_count++] = at;
    for (size_t model = 0; model < HP_EVAL_MODELS; model++) {
        for (size_t i = 0; i < picture.point_count; i++)
            if (!hp_tally_mean_between(eval->tally, model, HP_SLICE_ALL, 0, times[i],
                    times[i] + step, &values[model][i]))
                values[model][i] = NAN;
        picture.lines[picture.line_count++] =
            (struct hp_picture_line){hp_eval_model_names[model], values[model]};
    }
    hp_picture_draw(&picture, &svg);
    status = hp_eval_write(eval->plan.svg, hp_buffer_bytes(&svg), error);
    hp_buffer_release(&svg);
    return status;
}

enum hp_status
hp_eval_report(struct hp_eval *eval, struct hp_error *error)
{
    enum hp_status status = HP_OK;

    print_table(eval);
    if (eval->plan.json)
        status = write_json(eval, error);
    if (!status && eval->plan.svg)
        status = write_svg(eval, error);
    return status;
}
