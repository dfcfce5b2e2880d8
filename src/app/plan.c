/* app/plan.c - topics needed and topics found. SPDX-License-Identifier: Apache-2.0 */
#include "app/plan.h"

static size_t
setting_count(const struct hp_topic_row *row)
{
    size_t count = 0;

    while (count < HP_ARRAY_SIZE(row->settings) && row->settings[count].name)
        count++;
    return count;
}

struct hp_topic_spec
hp_plan_spec(const struct hp_options *options, const struct hp_topic_row *row)
{
    return (struct hp_topic_spec){
        .name = options->topics.name[row->topic],
        .partitions = row->by_partitions ? (int32_t)options->partitions : 1,
        .replication = (int32_t)options->replication_factor,
        .settings = row->settings,
        .setting_count = setting_count(row),
    };
}

static const char *
setting_value(const struct hp_topic_info *info, const char *name)
{
    for (size_t i = 0; i < info->setting_count; i++)
        if (strcmp(info->settings[i].name, name) == 0)
            return info->settings[i].value;
    return NULL;
}

static bool
is_vital(const char *name)
{
    return strcmp(name, "cleanup.policy") == 0 || strcmp(name, "message.timestamp.type") == 0;
}

static void
compare_setting(const struct hp_setting *needed, const char *value, struct hp_buffer *out)
{
    if (!value || strcmp(value, needed->value) != 0)
        hp_buffer_printf(out, ", %s=%s, needs %s", needed->name, value ? value : "(not told)",
            needed->value);
}

void
hp_plan_compare(const struct hp_topic_row *row, const struct hp_topic_spec *spec,
    const struct hp_topic_info *info, bool vital, struct hp_buffer *out)
{
    if (info->partitions != spec->partitions && !row->partitions_free)
        hp_buffer_printf(
            out, ", %d partitions, needs %d", (int)info->partitions, (int)spec->partitions);
    if (!vital && info->replication < spec->replication)
        hp_buffer_printf(out, ", replicated %d times, needs %d", (int)info->replication,
            (int)spec->replication);
    for (size_t i = 0; i < spec->setting_count; i++) {
        const char *value = setting_value(info, spec->settings[i].name);

        if (!vital || (value && is_vital(spec->settings[i].name)))
            compare_setting(&spec->settings[i], value, out);
    }
}
