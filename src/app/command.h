/*
 * app/command.h - what every subcommand shares: flags, exit statuses, the way to the cluster.
 *
 * Thread: main.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_APP_COMMAND_H
#define HP_APP_COMMAND_H

#include "app/options.h"
#include "broker/broker.h"

/* A `--name`, `--name=VALUE` or `--name VALUE`. */
struct hp_flag {
    const char *name;   /* without the dashes */
    bool *given;        /* set when it is there; may be NULL */
    const char **value; /* NULL: the flag takes none */
};

/*
 * Takes the flags out of argv; what is left are argv[0] and the positional arguments (a lone
 * `-` is one, and everything after `--`). HP_USAGE: an unknown flag (the nearest is named), a
 * missing or a superfluous value, a flag given twice.
 */
HP_MUST_CHECK enum hp_status hp_flags_take(
    int *argc, char **argv, const struct hp_flag *flags, size_t count, struct hp_error *error);

/* HP_USAGE unless argv holds as many positional arguments as `min` to `max`. */
HP_MUST_CHECK enum hp_status hp_positional_check(
    int argc, char **argv, int min, int max, struct hp_error *error);

/* 0, 2 for HP_USAGE, 3 for HP_STOP, 1 for all others. */
int hp_exit_status(enum hp_status status);

/* Prints `hamper COMMAND: text` to standard error unless HP_OK; returns the exit status. */
int hp_command_end(const char *command, enum hp_status status, const struct hp_error *error);

/* Flushes standard output. HP_FATAL when anything printed there was lost (a full disk). */
HP_MUST_CHECK enum hp_status hp_output_end(struct hp_error *error);

/*
 * The cluster of bootstrap.servers with the kafka.* settings; hp_command_cluster_free() ends
 * it. After hp_command_cluster_set() all commands of this process work on that cluster instead,
 * which stays the caller's (NULL: no longer).
 */
HP_MUST_CHECK enum hp_status hp_command_cluster(
    const struct hp_options *options, struct hp_cluster **cluster, struct hp_error *error);
void hp_command_cluster_free(struct hp_cluster *cluster);
void hp_command_cluster_set(struct hp_cluster *cluster);

/* Wall clock, milliseconds. */
int64_t hp_now_ms(void);

/*
 * The topic a user means: a name in force, or the last part of its key (`orders`,
 * `dead-letters`, `model`). HP_USAGE naming the nearest; HP_TOPIC_COUNT on failure.
 */
HP_MUST_CHECK enum hp_status hp_topic_find(const struct hp_options *options, const char *word,
    enum hp_topic *topic, struct hp_error *error);

#endif
