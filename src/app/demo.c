/* app/demo.c - `hamper demo`: the whole system at work in one process, nothing kept.
 * SPDX-License-Identifier: Apache-2.0 */
#include "app/demo.h"

#include "app/command.h"
#include "app/commands.h"
#include "base/log.h"
#include "serve/http.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

#define SERVE_MS     100
#define DEFER_EVENTS 200 /* own files: boxes once all is read, not after each record */

struct demo {
    struct hp_options options;
    uint64_t seed;
    const char *events; /* --events, or NULL */
    bool serve;
    struct hp_demo_files *files;
    struct hp_stage stage;
    struct hp_http *http;
};

static volatile sig_atomic_t signals_seen;

static void
on_signal(int number)
{
    (void)number;
    if (signals_seen++)
        _exit(1);
}

bool
hp_demo_interrupted(void)
{
    return signals_seen > 0;
}

static void
install_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal};

    signals_seen = 0;
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
}

static enum hp_status
read_seed(const char *text, uint64_t *seed, struct hp_error *error)
{
    char *end;

    *seed = 1;
    if (!text)
        return HP_OK;
    errno = 0;
    if (*text >= '0' && *text <= '9')
        *seed = strtoull(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || errno)
        return hp_fail(error, HP_USAGE, "--seed %.40s: expected a number below 2^64", text);
    return HP_OK;
}

static enum hp_status
take_arguments(struct demo *demo, int *argc, char **argv, struct hp_error *error)
{
    const char *seed = NULL;
    const struct hp_flag flags[] = {
        {"seed", NULL, &seed},
        {"events", NULL, &demo->events},
        {"serve", &demo->serve, NULL},
    };
    enum hp_status status = hp_options_load(argc, argv, &demo->options, error);

    if (!status)
        status = hp_flags_take(argc, argv, flags, HP_ARRAY_SIZE(flags), error);
    if (!status)
        status = hp_positional_check(*argc, argv, 0, 0, error);
    if (!status)
        status = read_seed(seed, &demo->seed, error);
    if (!status && seed && demo->events)
        return hp_fail(error, HP_USAGE, "--seed is for the made-up shop, not for --events");
    if (!status && demo->serve && !demo->options.http_host)
        return hp_fail(error, HP_USAGE, "--serve: http.listen is off");
    return status;
}

/* What an embedded broker and one thread imply, whatever the configuration says. */
static void
settle_options(struct demo *demo)
{
    struct hp_options *options = &demo->options;

    options->schema_registry_url = "embedded:";
    options->threads = 1;
    options->errors_breaker = false; /* nobody is there to let a paused partition go on */
    if (demo->events)
        options->emit_defer_records = DEFER_EVENTS;
}

/* Bad files and a taken port are told before anything is processed. */
static enum hp_status
open_all(struct demo *demo, struct hp_error *error)
{
    enum hp_status status = HP_OK;

    if (demo->events)
        status = hp_demo_files_open(demo->events, &demo->files, error);
    if (!status && demo->serve)
        status = hp_http_start(&(struct hp_http_options){.host = demo->options.http_host,
                                   .port = (int)demo->options.http_port},
            &demo->http, error);
    return status ? status : hp_stage_open(&demo->stage, &demo->options, error);
}

static enum hp_status
serve(struct demo *demo, struct hp_error *error)
{
    enum hp_status status = HP_OK;

    printf("\nServing http://%s:%d/metrics, /livez and /readyz; Ctrl-C ends it.\n",
        demo->options.http_host, hp_http_port(demo->http));
    fflush(stdout);
    while (!status)
        status = hp_stage_turn(&demo->stage, SERVE_MS, error);
    return status;
}

static enum hp_status
play(struct demo *demo, struct hp_error *error)
{
    enum hp_status status = open_all(demo, error);

    demo->stage.terminal = isatty(STDERR_FILENO);
    if (!status)
        status = demo->events ? hp_demo_files_play(demo->files, &demo->stage, error)
                              : hp_demo_story(&demo->stage, demo->seed, error);
    if (!status && demo->serve)
        status = serve(demo, error);
    hp_stage_progress_end(&demo->stage);
    return status;
}

static int64_t
log_clock(void)
{
    return hp_now_ms();
}

int
hp_cmd_demo(int argc, char **argv)
{
    struct demo *demo = hp_alloc(sizeof(*demo));
    struct hp_error error = {0};
    enum hp_status status = take_arguments(demo, &argc, argv, &error);

    if (!status) {
        hp_log_configure(&(struct hp_log_options){
            .level = HP_LOG_ERROR, .format = demo->options.log_format, .clock_ms = log_clock});
        settle_options(demo);
        install_signals();
        status = play(demo, &error);
    }
    hp_http_stop(demo->http);
    hp_stage_close(&demo->stage);
    hp_demo_files_free(demo->files);
    hp_options_release(&demo->options);
    free(demo);
    if (status == HP_STOP && hp_demo_interrupted())
        status = HP_OK;
    if (!status)
        status = hp_output_end(&error);
    return hp_command_end("demo", status, &error);
}
