/*
 * app/commands.h - one function a subcommand; main() picks by name.
 *
 * Each gets its own arguments (argv[0] is the subcommand's name) and returns the exit status of
 * docs/operations.md: 0 done, 1 failed, 2 wrong usage or configuration, 3 stopped on purpose.
 * Data goes to standard output, everything else to standard error.
 *
 * Thread: main.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_APP_COMMANDS_H
#define HP_APP_COMMANDS_H

int hp_cmd_run(int argc, char **argv);
int hp_cmd_demo(int argc, char **argv);
int hp_cmd_topics(int argc, char **argv);
int hp_cmd_produce(int argc, char **argv);
int hp_cmd_cat(int argc, char **argv);
int hp_cmd_dlq(int argc, char **argv);
int hp_cmd_pack(int argc, char **argv);
int hp_cmd_eval(int argc, char **argv);
int hp_cmd_inspect(int argc, char **argv);
int hp_cmd_healthcheck(int argc, char **argv);
int hp_cmd_version(int argc, char **argv);
int hp_cmd_help(int argc, char **argv);

#endif
