/*
 * app/pack.c - `hamper pack`: instances in, answers out, a line each, in order.
 *
 * A line that cannot be read gets an answer as well, with an error that names the field, and
 * the stream goes on; the exit status tells at the end.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "app/commands.h"
#include "app/pack_json.h"

#include <getopt.h>
#include <inttypes.h>
#include <unistd.h>

#define LINE_BYTES_MAX ((size_t)64 << 20)

static const char usage[] =
    "usage: hamper pack [--bound] < instances.jsonl > answers.jsonl\n"
    "\n"
    "Reads one hamper-box-instance/1 a line and writes one hamper-box-answer/1 a line.\n"
    "  --bound   add a proved upper bound of the value to every box\n"
    "Exit status: 0 every line answered, 1 some line could not be read, 2 wrong usage.\n";

struct pack_stream {
    struct hp_arena arena;
    bool want_bound;
    int64_t lines;
    int64_t refused;
    int64_t shown_ns; /* when progress was last shown */
    int64_t begun_ns;
};

static int64_t
now_ns(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static json_t *
answer_line(struct pack_stream *stream, struct hp_pack_line_in *line, struct hp_bytes text)
{
    struct hp_pack_answer answer;
    struct hp_error error;
    int64_t begun_ns;

    if (text.size > LINE_BYTES_MAX)
        hp_bad(&error, "INSTANCE", "line: longer than %zu bytes", LINE_BYTES_MAX);
    if (text.size > LINE_BYTES_MAX ||
        hp_pack_json_read(text, &stream->arena, line, &error) != HP_OK) {
        stream->refused++;
        return hp_pack_json_refusal(line, stream->lines, &error);
    }
    line->instance.want_bound = stream->want_bound;
    begun_ns = now_ns();
    hp_pack_solve(&line->instance, &stream->arena, &answer);
    return hp_pack_json_answer(line, &answer, now_ns() - begun_ns);
}

/* On a terminal, after two seconds, ten times a second. */
static void
show_progress(struct pack_stream *stream)
{
    int64_t now = now_ns();

    if (now - stream->begun_ns < 2000000000 || now - stream->shown_ns < 100000000)
        return;
    if (isatty(STDERR_FILENO) && !isatty(STDOUT_FILENO))
        fprintf(stderr, "\rpacked %" PRId64 " instances", stream->lines);
    stream->shown_ns = now;
}

static bool
print_answer(struct pack_stream *stream, struct hp_bytes text)
{
    struct hp_pack_line_in line = {.root = NULL};
    json_t *answer = answer_line(stream, &line, text);
    bool written = json_dumpf(answer, stdout, JSON_COMPACT) == 0 && putchar('\n') != EOF;

    json_decref(answer);
    json_decref(line.root);
    hp_arena_clear(&stream->arena);
    return written && !ferror(stdout);
}

static bool
blank(const char *text, size_t size)
{
    for (size_t k = 0; k < size; k++)
        if (text[k] != ' ' && text[k] != '\t' && text[k] != '\r' && text[k] != '\n')
            return false;
    return true;
}

static bool
pack_all(struct pack_stream *stream)
{
    char *text = NULL;
    size_t capacity = 0;
    bool written = true;
    ssize_t size;

    while (written && (size = getline(&text, &capacity, stdin)) >= 0) {
        stream->lines++;
        if (blank(text, (size_t)size))
            continue;
        written = print_answer(stream, hp_bytes(text, (size_t)size));
        show_progress(stream);
    }
    free(text);
    if (stream->begun_ns + 2000000000 < stream->shown_ns && isatty(STDERR_FILENO))
        fputc('\n', stderr);
    return fflush(stdout) == 0 && written;
}

int
hp_cmd_pack(int argc, char **argv)
{
    static const struct option options[] = {
        {"bound", no_argument, NULL, 'b'}, {"help", no_argument, NULL, 'h'}, {0}};
    struct pack_stream stream = {.begun_ns = now_ns()};
    bool written;
    int choice;

    optind = 1;
    while ((choice = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        if (choice == 'h') {
            fputs(usage, stdout);
            return 0;
        }
        if (choice != 'b') {
            fputs(usage, stderr);
            return 2;
        }
        stream.want_bound = true;
    }
    if (optind < argc) {
        fprintf(stderr, "hamper pack: unexpected argument \"%s\"\n%s", argv[optind], usage);
        return 2;
    }
    written = pack_all(&stream);
    hp_arena_release(&stream.arena);
    if (!written)
        fprintf(stderr, "hamper pack: standard output could not be written\n");
    if (stream.refused)
        fprintf(stderr, "hamper pack: %" PRId64 " of %" PRId64 " lines could not be read\n",
            stream.refused, stream.lines);
    return written && !stream.refused ? 0 : 1;
}
