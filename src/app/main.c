/* app/main.c - picks the command. SPDX-License-Identifier: Apache-2.0 */
#include "app/command.h"
#include "app/commands.h"
#include "app/help.h"

#include <locale.h>
#include <signal.h>

static int
refuse_command(const char *name)
{
    const char *nearest = hp_command_nearest(name);

    fprintf(stderr, "hamper: there is no command %.64s", name);
    if (nearest)
        fprintf(stderr, ", did you mean %s?\n", nearest);
    else
        fprintf(stderr, " (`hamper help` lists them)\n");
    return hp_exit_status(HP_USAGE);
}

static bool
asks_for_help(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return true;
    return false;
}

/* `hamper --version` and `hamper --help` are what people try first. */
static const char *
command_name(const char *word)
{
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
        return "help";
    return strcmp(word, "--version") == 0 ? "version" : word;
}

int
main(int argc, char **argv)
{
    const struct hp_command *command;

    signal(SIGPIPE, SIG_IGN); /* a closed pipe is an error of the write, told by its status */
    setlocale(LC_CTYPE, "");  /* numbers stay as in C */
    if (argc < 2) {
        hp_cmd_help(1, argv);
        return hp_exit_status(HP_USAGE);
    }
    command = hp_command_find(command_name(argv[1]));
    if (!command)
        return refuse_command(argv[1]);
    if (asks_for_help(argc - 1, argv + 1)) {
        fputs(command->usage, stdout);
        return 0;
    }
    return command->run(argc - 1, argv + 1);
}
