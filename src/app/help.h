/*
 * app/help.h - the subcommands as a table: name, one line, usage.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_APP_HELP_H
#define HP_APP_HELP_H

#include <stddef.h>

struct hp_command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *does;  /* one line */
    const char *usage; /* several lines */
};

extern const struct hp_command hp_commands[];
extern const size_t hp_command_count;

/* NULL when there is none of this name. */
const struct hp_command *hp_command_find(const char *name);

/* The nearest name, or NULL. */
const char *hp_command_nearest(const char *name);

#endif
