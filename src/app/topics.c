/*
 * app/topics.c - `hamper topics`: what is needed against what exists.
 *
 * A topic that exists is never altered: its settings may be somebody's decision, and a changed
 * number of partitions would move users between tasks. Differences are told, and the exit
 * status is 1.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "app/command.h"
#include "app/commands.h"
#include "app/plan.h"

#include <ctype.h>

#define DNS_NAME_MAX 253

enum format { FORMAT_TEXT, FORMAT_KAFKA_TOPICS, FORMAT_STRIMZI };

struct plan {
    const struct hp_options *options;
    struct hp_cluster *cluster; /* FORMAT_TEXT only */
    bool create;
    const char *strimzi_cluster;
    int different; /* topics */
};

static void
print_state(struct plan *plan, const struct hp_topic_row *row, const struct hp_topic_spec *spec,
    const struct hp_topic_info *info)
{
    struct hp_buffer differences = {0};

    hp_plan_compare(row, spec, info, false, &differences);
    if (differences.size) {
        plan->different++;
        printf("%-36s differs: %.*s\n", spec->name, (int)differences.size - 2,
            (const char *)differences.data + 2);
    } else {
        printf("%-36s ok\n", spec->name);
    }
    hp_buffer_release(&differences);
}

static enum hp_status
check_topic(struct plan *plan, const struct hp_topic_row *row, struct hp_error *error)
{
    struct hp_topic_spec spec = hp_plan_spec(plan->options, row);
    struct hp_topic_info info;
    struct hp_arena arena = {0};
    enum hp_status status = hp_cluster_topic(plan->cluster, spec.name, &arena, &info, error);

    if (!status && info.exists) {
        print_state(plan, row, &spec, &info);
    } else if (!status && plan->create) {
        status = hp_cluster_create(plan->cluster, &spec, error);
        if (!status)
            printf("%-36s created: %d partitions, replicated %d times\n", spec.name,
                (int)spec.partitions, (int)spec.replication);
    } else if (!status) {
        plan->different++;
        printf("%-36s missing\n", spec.name);
    }
    hp_arena_release(&arena);
    return status;
}

static void
print_kafka_topics(const struct plan *plan, const struct hp_topic_spec *spec)
{
    printf("kafka-topics.sh --bootstrap-server %s --create --if-not-exists --topic %s "
           "--partitions %d --replication-factor %d",
        plan->options->bootstrap_servers, spec->name, (int)spec->partitions,
        (int)spec->replication);
    for (size_t i = 0; i < spec->setting_count; i++)
        printf(" --config %s=%s", spec->settings[i].name, spec->settings[i].value);
    printf("\n");
}

/* Kubernetes allows lower case, digits, '-' and '.' in names, and letters or digits at the
 * ends.
 */
static void
resource_name(const char *topic, char name[DNS_NAME_MAX + 1])
{
    size_t size = 0;

    for (; topic[size] && size < DNS_NAME_MAX; size++) {
        int byte = tolower((unsigned char)topic[size]);

        name[size] = (char)(byte == '_' ? '-' : byte);
    }
    while (size && !isalnum((unsigned char)name[size - 1]))
        size--;
    name[size] = '\0';
}

static void
print_strimzi(const struct plan *plan, const struct hp_topic_spec *spec)
{
    char name[DNS_NAME_MAX + 1];

    resource_name(spec->name, name);
    printf("---\n"
           "apiVersion: kafka.strimzi.io/v1\n"
           "kind: KafkaTopic\n"
           "metadata:\n"
           "  name: %s\n"
           "  labels:\n"
           "    strimzi.io/cluster: %s\n"
           "spec:\n"
           "  topicName: %s\n"
           "  partitions: %d\n"
           "  replicas: %d\n",
        name + strspn(name, "-."), plan->strimzi_cluster, spec->name, (int)spec->partitions,
        (int)spec->replication);
    if (spec->setting_count)
        printf("  config:\n");
    for (size_t i = 0; i < spec->setting_count; i++)
        printf("    %s: \"%s\"\n", spec->settings[i].name, spec->settings[i].value);
}

static void
print_all(const struct plan *plan, enum format format)
{
    for (int i = 0; i < HP_TOPIC_COUNT; i++) {
        struct hp_topic_spec spec = hp_plan_spec(plan->options, &hp_topic_rows[i]);

        if (format == FORMAT_STRIMZI)
            print_strimzi(plan, &spec);
        else
            print_kafka_topics(plan, &spec);
    }
}

static enum hp_status
check_all(struct plan *plan, struct hp_error *error)
{
    enum hp_status status = hp_command_cluster(plan->options, &plan->cluster, error);

    if (status)
        return status;
    for (int i = 0; !status && i < HP_TOPIC_COUNT; i++)
        status = check_topic(plan, &hp_topic_rows[i], error);
    hp_command_cluster_free(plan->cluster);
    if (!status && plan->different)
        status = hp_fail(error, HP_FATAL, "%d of %d topics are missing or differ%s",
            plan->different, HP_TOPIC_COUNT,
            plan->create ? "; what exists is never altered" : "; --create makes missing ones");
    return status;
}

static enum hp_status
read_format(const char *word, enum format *format, struct hp_error *error)
{
    static const char *const names[] = {"text", "kafka-topics", "strimzi"};

    *format = FORMAT_TEXT;
    if (!word)
        return HP_OK;
    for (size_t i = 0; i < HP_ARRAY_SIZE(names); i++)
        if (strcmp(names[i], word) == 0) {
            *format = (enum format)i;
            return HP_OK;
        }
    return hp_fail(
        error, HP_USAGE, "--format %.64s: expected text, kafka-topics or strimzi", word);
}

static enum hp_status
topics(struct plan *plan, int argc, char **argv, struct hp_error *error)
{
    const char *format_word = NULL;
    const struct hp_flag flags[] = {
        {"create", &plan->create, NULL},
        {"format", NULL, &format_word},
        {"cluster", NULL, &plan->strimzi_cluster},
    };
    enum format format;
    enum hp_status status = hp_flags_take(&argc, argv, flags, HP_ARRAY_SIZE(flags), error);

    if (!status)
        status = hp_positional_check(argc, argv, 0, 0, error);
    if (!status)
        status = read_format(format_word, &format, error);
    if (!status && plan->create && format != FORMAT_TEXT)
        status = hp_fail(
            error, HP_USAGE, "--create and --format %s exclude each other", format_word);
    if (status)
        return status;
    if (!plan->strimzi_cluster)
        plan->strimzi_cluster = "kafka";
    if (format == FORMAT_TEXT) {
        struct hp_error lost;

        status = check_all(plan, error);
        return hp_output_end(&lost) && !status ? hp_fail(error, HP_FATAL, "%s", lost.text)
                                               : status;
    }
    print_all(plan, format);
    return hp_output_end(error);
}

int
hp_cmd_topics(int argc, char **argv)
{
    struct hp_options options;
    struct hp_error error;
    struct plan plan = {.options = &options};
    enum hp_status status = hp_options_load(&argc, argv, &options, &error);

    if (!status)
        status = topics(&plan, argc, argv, &error);
    hp_options_release(&options);
    return hp_command_end("topics", status, &error);
}
