/*
 * app/eval_offpolicy.c - `hamper eval --off-policy`: impressions and a policy, from two files.
 *
 *     impressions.jsonl  {"position": 1, "item_id": "17", "propensity": 0.029, "reward": 0}
 *     policy.jsonl       {"position": 1, "item_id": "17", "probability": 0.034}
 *
 * Both may be .gz. What the policy does not name it never does; the probabilities of a position
 * add up to at most 1. Other fields are passed over.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "app/eval.h"

#include "app/json_text.h"
#include "archive/lines.h"
#include "eval/offpolicy.h"
#include "eval/roster.h"

#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define POSITIONS_MAX   1000
#define ITEMS_MAX       100000
#define CELLS_MAX       20000000 /* positions times items */
#define IMPRESSIONS_MAX 50000000
#define TOLERANCE       1e-6
#define REWARD_MAX      1e9

struct planned { /* a line of the policy */
    uint32_t item;
    uint32_t position;
    double probability;
};

struct logs {
    const struct hp_eval_plan *plan;
    struct hp_roster items;
    struct hp_impression *impressions;
    size_t count;
    size_t capacity;
    struct planned *planned;
    size_t planned_count;
    size_t planned_capacity;
    size_t positions;
    double *probabilities;
};

/* ---- lines --------------------------------------------------------------------------------
 */

static enum hp_status
read_real(const json_t *line, const char *name, double low, double high, double *value,
    struct hp_error *error)
{
    const json_t *field = json_object_get(line, name);

    if (!json_is_number(field))
        return hp_fail(error, HP_USAGE, "%s is missing or no number", name);
    *value = json_number_value(field);
    if (!isfinite(*value) || *value < low || *value > high)
        return hp_fail(error, HP_USAGE, "%s %g lies outside %g to %g", name, *value, low, high);
    return HP_OK;
}

/* The item and the position that both kinds of line name; positions count from 0 or 1. */
static enum hp_status
read_place(struct logs *logs, const json_t *line, uint32_t *item, uint32_t *position,
    struct hp_error *error)
{
    const json_t *id = json_object_get(line, "item_id");
    const json_t *place = json_object_get(line, "position");

    if (!json_is_string(id) || json_string_length(id) == 0)
        return hp_fail(error, HP_USAGE, "item_id is missing or no text");
    if (place && (!json_is_integer(place) || json_integer_value(place) < 0 ||
                     json_integer_value(place) >= POSITIONS_MAX))
        return hp_fail(
            error, HP_USAGE, "position is not a whole number from 0 to %d", POSITIONS_MAX - 1);
    *position = place ? (uint32_t)json_integer_value(place) : 0;
    *item =
        hp_roster_add(&logs->items, hp_bytes(json_string_value(id), json_string_length(id)));
    if (*item >= ITEMS_MAX)
        return hp_fail(error, HP_USAGE, "more than %d items", ITEMS_MAX);
    if (*position >= logs->positions)
        logs->positions = *position + 1;
    return HP_OK;
}

static enum hp_status
take_impression(struct logs *logs, const json_t *line, struct hp_error *error)
{
    struct hp_impression shown;
    enum hp_status status = read_place(logs, line, &shown.item, &shown.position, error);

    if (!status)
        status = read_real(line, "propensity", 0, 1, &shown.propensity, error);
    if (!status && shown.propensity <= 0)
        status = hp_fail(error, HP_USAGE, "propensity 0: what is never shown cannot be logged");
    if (!status)
        status = read_real(line, "reward", -REWARD_MAX, REWARD_MAX, &shown.reward, error);
    if (!status && logs->count >= IMPRESSIONS_MAX)
        status = hp_fail(error, HP_USAGE, "more than %d impressions", IMPRESSIONS_MAX);
    if (status)
        return status;
    if (logs->count == logs->capacity) {
        logs->capacity = logs->capacity ? 2 * logs->capacity : 1024;
        logs->impressions =
            hp_realloc_array(logs->impressions, logs->capacity, sizeof(*logs->impressions));
    }
    logs->impressions[logs->count++] = shown;
    return HP_OK;
}

static enum hp_status
take_planned(struct logs *logs, const json_t *line, struct hp_error *error)
{
    struct planned planned;
    enum hp_status status = read_place(logs, line, &planned.item, &planned.position, error);

    if (!status)
        status = read_real(line, "probability", 0, 1, &planned.probability, error);
    if (status)
        return status;
    if (logs->planned_count == logs->planned_capacity) {
        logs->planned_capacity = logs->planned_capacity ? 2 * logs->planned_capacity : 256;
        logs->planned =
            hp_realloc_array(logs->planned, logs->planned_capacity, sizeof(*logs->planned));
    }
    logs->planned[logs->planned_count++] = planned;
    return HP_OK;
}

static enum hp_status
parse_line(const struct hp_line *text, json_t **line, struct hp_error *error)
{
    json_error_t told;

    *line = text->too_long ? NULL
                           : json_loadb((const char *)text->text.data, text->text.size,
                                 JSON_REJECT_DUPLICATES, &told);
    if (text->too_long)
        return hp_fail(error, HP_USAGE, "the line is too long");
    if (!*line)
        return hp_fail(error, HP_USAGE, "%s", told.text);
    if (!json_is_object(*line))
        return hp_fail(error, HP_USAGE, "is no JSON object");
    return HP_OK;
}

static enum hp_status
find_file(
    const char *directory, const char *stem, struct hp_buffer *path, struct hp_error *error)
{
    static const char *const ends[] = {".jsonl", ".jsonl.gz"};
    struct stat info;

    if (stat(directory, &info) != 0 || !S_ISDIR(info.st_mode))
        return hp_fail(error, HP_USAGE, "%.200s: is not a directory", directory);
    for (size_t i = 0; i < HP_ARRAY_SIZE(ends); i++) {
        hp_buffer_clear(path);
        hp_buffer_printf(path, "%s/%s%s", directory, stem, ends[i]);
        if (access((const char *)path->data, F_OK) == 0)
            return HP_OK;
    }
    return hp_fail(error, HP_USAGE,
        "%.200s: holds no %s.jsonl; --off-policy needs impressions.jsonl and policy.jsonl",
        directory, stem);
}

static enum hp_status
read_file(struct logs *logs, const char *stem,
    enum hp_status (*take)(struct logs *, const json_t *, struct hp_error *),
    struct hp_error *error)
{
    struct hp_buffer path = {0};
    struct hp_lines *lines = NULL;
    struct hp_line text;
    enum hp_status status = find_file(logs->plan->path, stem, &path, error);

    if (!status)
        status = hp_lines_open((const char *)path.data, &lines, error);
    while (!status && !(status = hp_lines_next(lines, &text, error)) && text.number) {
        struct hp_error bad;
        json_t *line = NULL;

        status = parse_line(&text, &line, &bad);
        if (!status)
            status = take(logs, line, &bad);
        if (status)
            status = hp_fail(error, status, "%.200s:%" PRId64 ": %.200s",
                (const char *)path.data, text.number, bad.text);
        json_decref(line);
    }
    hp_lines_free(lines);
    hp_buffer_release(&path);
    return status;
}

/* ---- the policy ---------------------------------------------------------------------------
 */

static enum hp_status
fill_policy(struct logs *logs, struct hp_error *error)
{
    size_t items = logs->items.count;

    if (logs->positions * items > CELLS_MAX)
        return hp_fail(
            error, HP_USAGE, "%zu positions of %zu items are too many", logs->positions, items);
    logs->probabilities = hp_alloc((logs->positions * items + 1) * sizeof(double));
    for (size_t i = 0; i < logs->planned_count; i++)
        logs->probabilities[logs->planned[i].position * items + logs->planned[i].item] +=
            logs->planned[i].probability;
    for (size_t position = 0; position < logs->positions; position++) {
        double sum = 0;

        for (size_t item = 0; item < items; item++)
            sum += logs->probabilities[position * items + item];
        if (sum > 1 + TOLERANCE)
            return hp_fail(error, HP_USAGE,
                "%.200s: the policy's probabilities of position %zu add up to %.6f, above 1",
                logs->plan->path, position, sum);
    }
    return HP_OK;
}

/* ---- what came out ------------------------------------------------------------------------
 */

static void
print_result(const struct logs *logs, const struct hp_offpolicy *result)
{
    static const char *const meanings[HP_ESTIMATOR_COUNT] = {"what the log earned",
        "inverse propensity", "self-normalised", "reward model alone", "doubly robust"};

    printf("%s: %zu impressions, %zu items, seed %" PRIu64 "\n\n", logs->plan->path,
        logs->count, logs->items.count, logs->plan->seed);
    for (int i = 0; i < HP_ESTIMATOR_COUNT; i++)
        printf("  %-7s %.9f  95 %% [%.6f, %.6f]  %s\n", hp_estimator_names[i],
            result->estimates[i].value, result->estimates[i].low, result->estimates[i].high,
            meanings[i]);
    printf("\n  effective sample size %.0f, greatest weight %.3f, mean weight %.3f\n",
        result->effective, result->weight_max, result->weight_mean);
    if (result->effective < HP_EFFECTIVE_ENOUGH)
        printf("  No verdict: fewer than %d effective impressions say nothing.\n",
            HP_EFFECTIVE_ENOUGH);
}

static enum hp_status
write_json(const struct logs *logs, const struct hp_offpolicy *result, struct hp_error *error)
{
    struct hp_buffer out = {0};
    enum hp_status status;

    hp_buffer_printf(&out, "{\"data\": ");
    hp_json_text(&out, hp_bytes_text(logs->plan->path));
    hp_buffer_printf(&out,
        ",\n \"protocol\": \"off-policy\",\n \"impressions\": %zu,\n \"seed\": %" PRIu64
        ",\n \"rows\": [",
        logs->count, logs->plan->seed);
    for (int i = 0; i < HP_ESTIMATOR_COUNT; i++)
        hp_buffer_printf(&out,
            "%s\n  {\"estimator\": \"%s\", \"value\": %.12g, \"low\": %.9g, \"high\": %.9g}",
            i ? "," : "", hp_estimator_names[i], result->estimates[i].value,
            result->estimates[i].low, result->estimates[i].high);
    hp_buffer_printf(&out,
        "],\n \"effective_sample_size\": %.6f,\n \"weight_max\": %.9g,\n "
        "\"weight_mean\": %.9g,\n \"verdict\": %s}\n",
        result->effective, result->weight_max, result->weight_mean,
        result->effective < HP_EFFECTIVE_ENOUGH ? "false" : "true");
    status = hp_eval_write(logs->plan->json, hp_buffer_bytes(&out), error);
    hp_buffer_release(&out);
    return status;
}

static enum hp_status
estimate(struct logs *logs, struct hp_error *error)
{
    struct hp_offpolicy result;
    struct hp_policy policy = {logs->probabilities, logs->items.count, logs->positions};

    if (logs->count == 0)
        return hp_fail(error, HP_USAGE, "%.200s: there are no impressions", logs->plan->path);
    hp_offpolicy_estimate(logs->impressions, logs->count, &policy, logs->plan->seed, &result);
    print_result(logs, &result);
    return logs->plan->json ? write_json(logs, &result, error) : HP_OK;
}

enum hp_status
hp_eval_off_policy(const struct hp_eval_plan *plan, struct hp_error *error)
{
    struct logs logs = {.plan = plan};
    enum hp_status status = HP_OK;

    if (plan->svg)
        return hp_fail(error, HP_USAGE, "--svg shows quality over time, not --off-policy");
    status = read_file(&logs, "impressions", take_impression, error);
    if (!status)
        status = read_file(&logs, "policy", take_planned, error);
    if (!status)
        status = fill_policy(&logs, error);
    if (!status)
        status = estimate(&logs, error);
    hp_roster_release(&logs.items);
    free(logs.impressions);
    free(logs.planned);
    free(logs.probabilities);
    return status;
}
