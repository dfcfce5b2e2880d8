/* app/help.c - what every command does, and its flags. SPDX-License-Identifier: Apache-2.0 */
#include "app/help.h"

#include "app/command.h"
#include "app/commands.h"

#define CONFIGURED                                                                             \
    "  -c FILE          configuration in .properties form (conf/hamper.conf lists all keys)\n" \
    "  -o KEY=VALUE     one key, wins over file and environment; any number\n"

const struct hp_command hp_commands[] = {
    {"run", hp_cmd_run, "the stream processor",
        "usage: hamper run [-c FILE] [-o KEY=VALUE]… [--until-caught-up]\n"
        "                  [--skip TOPIC-P@OFFSET]… [--accept-gap TOPIC-P]…\n\n" CONFIGURED
        "  --until-caught-up           stop when what is in the inputs now is processed\n"
        "  --skip TOPIC-P@OFFSET       dead-letter this record without reading it\n"
        "  --accept-gap TOPIC-P        go on although records before the log's start are "
        "lost\n"},
    {"demo", hp_cmd_demo, "the whole system in one process, with a made-up shop",
        "usage: hamper demo [-c FILE] [-o KEY=VALUE]… [--seed N] [--events DIR] "
        "[--serve]\n\n" CONFIGURED "  --seed N         another shop and other shoppers\n"
        "  --events DIR     your own event files instead (catalogue.jsonl, orders.jsonl, …)\n"
        "  --serve          stay, and answer on http.listen\n"},
    {"topics", hp_cmd_topics, "the topics that are needed against those that exist",
        "usage: hamper topics [-c FILE] [-o KEY=VALUE]… [--create]\n"
        "                     [--format text|kafka-topics|strimzi] [--cluster "
        "NAME]\n\n" CONFIGURED
        "  --create         make what is missing; what exists is never altered\n"
        "  --format F       text compares with the cluster; kafka-topics and strimzi print\n"
        "                   commands or YAML for all topics and ask nobody\n"
        "  --cluster NAME   the Kafka resource's name in the YAML (default: kafka)\n\n"
        "Exit status 1 when topics are missing or differ.\n"},
    {"produce", hp_cmd_produce, "JSON lines into an input topic, checked",
        "usage: hamper produce [-c FILE] [-o KEY=VALUE]… TOPIC [FILE]\n"
        "                      [--check] [--partitioner "
        "murmur2|consistent_random]\n\n" CONFIGURED
        "  FILE             lines to send, .gz as well; standard input when absent or -\n"
        "  --check          only check, send nothing and ask nobody\n"
        "  --partitioner P  murmur2 as Java's clients (default), or consistent_random as\n"
        "                   librdkafka's default, to try what misplaced records do\n\n"
        "Bad lines are listed with number and reason code and not sent; the others are.\n"
        "Exit status 2 when there was a bad line.\n"},
    {"cat", hp_cmd_cat, "any of our topics as JSON lines",
        "usage: hamper cat [-c FILE] [-o KEY=VALUE]… TOPIC [--from WHERE] [--follow]\n"
        "                  [--format json|cards]\n\n" CONFIGURED
        "  --from WHERE     earliest (default), latest, an offset, or a time like\n"
        "                   2026-03-01T08:00 (records appended from then on)\n"
        "  --follow         wait for more\n"
        "  --format cards   boxes as cards on a terminal\n"},
    {"dlq", hp_cmd_dlq, "dead letters: list them, send them again",
        "usage: hamper dlq [-c FILE] [-o KEY=VALUE]… list|replay [--reason CODE]\n"
        "                  [--topic TOPIC] [--dry-run]\n\n" CONFIGURED
        "  list             how many there are, by topic and reason\n"
        "  replay           send them to the topics they came from, without error headers\n"
        "  --reason CODE    only those with this reason\n"
        "  --topic TOPIC    only those that came from this topic\n"
        "  --dry-run        say what replay would send\n"},
    {"pack", hp_cmd_pack, "the optimiser alone: instances in, boxes out",
        "usage: hamper pack [--bound] < instances.jsonl > answers.jsonl\n"},
    {"eval", hp_cmd_eval, "how good recommendations are on event files, against baselines",
        "usage: hamper eval DIR [--at TIME [--window DAYS] | --prequential | --off-policy]\n"
        "                  [--json FILE] [--svg FILE] [--seed N] [--cold N]\n"
        "                  [-c FILE] [-o KEY=VALUE]…\n\n"
        "  DIR              event files (catalogue.jsonl, orders.jsonl, …)\n"
        "  --at TIME        learn everything before it, predict each known user's first order\n"
        "                   within the window; without it: the last fifth of the time\n"
        "  --window DAYS    how long after it (30)\n"
        "  --prequential    predict each order from what came before, then learn it\n"
        "  --off-policy     what another policy would have earned, from impressions.jsonl "
        "with\n"
        "                   propensities and policy.jsonl (docs/evaluation.md)\n"
        "  --json FILE      all figures\n"
        "  --svg FILE       quality over time as a picture\n"
        "  --seed N         of what is drawn: intervals, halves, cold items (1)\n"
        "  --cold N         another trial, with N items nobody was seen to buy\n" CONFIGURED},
    {"inspect", hp_cmd_inspect, "the state directory, read only",
        "usage: hamper inspect [-c FILE] [-o KEY=VALUE]… digest|dump|verify|user ID|item "
        "ID|tasks"
        "\n\n" CONFIGURED "  digest           the digests of everything, one a line\n"
        "  dump             live orders and counts as JSON lines\n"
        "  verify           recompute what is derived and compare\n"
        "  user ID, item ID what is known of one\n"
        "  tasks            positions, and what is pending\n"},
    {"healthcheck", hp_cmd_healthcheck, "ask a running instance whether it is ready",
        "usage: hamper healthcheck [-c FILE] [-o KEY=VALUE]… [--live]\n\n" CONFIGURED
        "  --live           ask only whether it is alive\n"},
    {"version", hp_cmd_version, "versions of hamper and its libraries",
        "usage: hamper version\n"},
    {"help", hp_cmd_help, "this text, or that of a command",
        "usage: hamper help [COMMAND|options]\n\n"
        "  options          every configuration key with its default\n"},
};
const size_t hp_command_count = HP_ARRAY_SIZE(hp_commands);

const struct hp_command *
hp_command_find(const char *name)
{
    for (size_t i = 0; i < hp_command_count; i++)
        if (strcmp(hp_commands[i].name, name) == 0)
            return &hp_commands[i];
    return NULL;
}

const char *
hp_command_nearest(const char *name)
{
    const char *names[HP_ARRAY_SIZE(hp_commands)];

    for (size_t i = 0; i < hp_command_count; i++)
        names[i] = hp_commands[i].name;
    return hp_nearest(name, names, hp_command_count);
}

static void
print_overview(void)
{
    printf("usage: hamper COMMAND [ARGUMENT]…\n\n");
    for (size_t i = 0; i < hp_command_count; i++)
        printf("  %-12s %s\n", hp_commands[i].name, hp_commands[i].does);
    printf("\nExit status: 0 done, 1 failed, 2 wrong usage, configuration or input, 3 "
           "stopped on purpose.\n");
}

static void
print_options(void)
{
    struct hp_buffer out = {0};

    hp_options_document(&out);
    fwrite(out.data, 1, out.size, stdout);
    hp_buffer_release(&out);
}

static enum hp_status
help(int argc, char **argv, struct hp_error *error)
{
    const struct hp_command *command;
    enum hp_status status = hp_positional_check(argc, argv, 0, 1, error);

    if (status)
        return status;
    if (argc == 1) {
        print_overview();
    } else if (strcmp(argv[1], "options") == 0) {
        print_options();
    } else {
        command = hp_command_find(argv[1]);
        if (!command)
            return hp_fail(error, HP_USAGE, "there is no command %.64s", argv[1]);
        fputs(command->usage, stdout);
    }
    return hp_output_end(error);
}

int
hp_cmd_help(int argc, char **argv)
{
    struct hp_error error;

    return hp_command_end("help", help(argc, argv, &error), &error);
}
