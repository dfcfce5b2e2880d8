/* app/command.c - flags, exits, names of topics. SPDX-License-Identifier: Apache-2.0 */
#include "app/command.h"

#include <errno.h>

#define FLAGS_MAX 16

static enum hp_status
refuse_flag(const char *flag, const struct hp_flag *flags, size_t count, struct hp_error *error)
{
    const char *names[FLAGS_MAX];
    const char *nearest;

    HP_ASSERT(count <= FLAGS_MAX);
    for (size_t i = 0; i < count; i++)
        names[i] = flags[i].name;
    nearest = flag[0] == '-' && flag[1] == '-' ? hp_nearest(flag + 2, names, count) : NULL;
    if (nearest)
        return hp_fail(
            error, HP_USAGE, "unknown flag %.64s, did you mean --%s?", flag, nearest);
    return hp_fail(error, HP_USAGE, "unknown flag %.64s", flag);
}

/* The flag that `argument` names; `*value` gets what follows its `=`, or NULL. */
static const struct hp_flag *
find_flag(const char *argument, const struct hp_flag *flags, size_t count, const char **value)
{
    const char *equals = strchr(argument, '=');
    size_t size = equals ? (size_t)(equals - argument) : strlen(argument);

    *value = equals ? equals + 1 : NULL;
    if (size < 3 || argument[1] != '-')
        return NULL;
    for (size_t i = 0; i < count; i++)
        if (hp_bytes_is(hp_bytes(argument + 2, size - 2), flags[i].name))
            return &flags[i];
    return NULL;
}

/* `next` is the argument after it, or NULL; `*used_next` says that it is the value. */
static enum hp_status
take_flag(const struct hp_flag *flag, const char *value, const char *next, bool *used_next,
    bool *seen, struct hp_error *error)
{
    *used_next = false;
    if (*seen)
        return hp_fail(error, HP_USAGE, "--%s is given twice", flag->name);
    *seen = true;
    if (!flag->value && value)
        return hp_fail(error, HP_USAGE, "--%s takes no value", flag->name);
    if (flag->value && !value) {
        if (!next)
            return hp_fail(error, HP_USAGE, "--%s needs a value", flag->name);
        *used_next = true;
        value = next;
    }
    if (flag->value)
        *flag->value = value;
    if (flag->given)
        *flag->given = true;
    return HP_OK;
}

static bool
is_flag(const char *argument)
{
    return argument[0] == '-' && argument[1] != '\0';
}

enum hp_status
hp_flags_take(
    int *argc, char **argv, const struct hp_flag *flags, size_t count, struct hp_error *error)
{
    bool seen[FLAGS_MAX] = {false};
    int kept = 1;
    int at = 1;

    for (; at < *argc && strcmp(argv[at], "--") != 0; at++) {
        const char *value;
        const struct hp_flag *flag = find_flag(argv[at], flags, count, &value);
        bool used_next;
        enum hp_status status;

        if (!is_flag(argv[at])) {
            argv[kept++] = argv[at];
            continue;
        }
        if (!flag)
            return refuse_flag(argv[at], flags, count, error);
        status = take_flag(flag, value, at + 1 < *argc ? argv[at + 1] : NULL, &used_next,
            &seen[flag - flags], error);
        if (status)
            return status;
        at += used_next;
    }
    for (at++; at < *argc; at++) /* after `--` */
        argv[kept++] = argv[at];
    *argc = kept;
    argv[kept] = NULL;
    return HP_OK;
}

enum hp_status
hp_positional_check(int argc, char **argv, int min, int max, struct hp_error *error)
{
    if (argc - 1 > max)
        return hp_fail(error, HP_USAGE, "unexpected argument %.64s", argv[max + 1]);
    if (argc - 1 < min)
        return hp_fail(
            error, HP_USAGE, "an argument is missing (see `hamper help %s`)", argv[0]);
    return HP_OK;
}

int
hp_exit_status(enum hp_status status)
{
    return status == HP_OK ? 0 : status == HP_USAGE ? 2 : status == HP_STOP ? 3 : 1;
}

int
hp_command_end(const char *command, enum hp_status status, const struct hp_error *error)
{
    if (status)
        fprintf(stderr, "hamper %s: %s\n", command, error->text);
    return hp_exit_status(status);
}

enum hp_status
hp_output_end(struct hp_error *error)
{
    if (fflush(stdout) != 0 || ferror(stdout))
        return hp_fail(error, HP_FATAL, "standard output: %s", strerror(errno));
    return HP_OK;
}

int64_t
hp_now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* `topic.box-answers` and `dead-letters` are box-answers and dead-letters. */
static const char *
short_name(enum hp_topic topic)
{
    const struct hp_topic_row *row = &hp_topic_rows[topic];

    return row->option ? row->option + strlen("topic.") : row->default_name;
}

enum hp_status
hp_topic_find(const struct hp_options *options, const char *word, enum hp_topic *topic,
    struct hp_error *error)
{
    const char *names[2 * HP_TOPIC_COUNT];
    const char *nearest;

    for (int i = 0; i < HP_TOPIC_COUNT; i++) {
        names[i] = options->topics.name[i];
        names[HP_TOPIC_COUNT + i] = short_name((enum hp_topic)i);
    }
    for (size_t i = 0; i < HP_ARRAY_SIZE(names); i++)
        if (strcmp(names[i], word) == 0) {
            *topic = (enum hp_topic)(i % HP_TOPIC_COUNT);
            return HP_OK;
        }
    *topic = HP_TOPIC_COUNT;
    nearest = hp_nearest(word, names, HP_ARRAY_SIZE(names));
    if (nearest)
        return hp_fail(
            error, HP_USAGE, "%.100s is none of our topics, did you mean %s?", word, nearest);
    return hp_fail(
        error, HP_USAGE, "%.100s is none of our topics (`hamper topics` lists them)", word);
}
