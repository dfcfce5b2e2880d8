/* archive/lines.c - zlib reads plain files as well. SPDX-License-Identifier: Apache-2.0 */
#include "archive/lines.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#define CHUNK_SIZE 65536

struct hp_lines {
    gzFile file;
    char *name;
    int64_t number;
    struct hp_buffer line;
    uint8_t chunk[CHUNK_SIZE];
    size_t at;
    size_t end;
};

enum hp_status
hp_lines_open(const char *path, struct hp_lines **lines, struct hp_error *error)
{
    bool is_input = strcmp(path, "-") == 0;
    int file = is_input ? dup(0) : open(path, O_RDONLY | O_CLOEXEC);
    struct stat info;

    *lines = NULL;
    if (file < 0)
        return hp_fail(error, HP_USAGE, "%.200s: %s", path, strerror(errno));
    if (fstat(file, &info) == 0 && S_ISDIR(info.st_mode)) {
        close(file);
        return hp_fail(error, HP_USAGE, "%.200s: is a directory", path);
    }
    *lines = hp_alloc(sizeof(**lines));
    (*lines)->name = hp_strdup(is_input ? "standard input" : path);
    (*lines)->file = gzdopen(file, "rb");
    HP_ASSERT((*lines)->file);
    return HP_OK;
}

void
hp_lines_free(struct hp_lines *lines)
{
    if (!lines)
        return;
    gzclose(lines->file);
    hp_buffer_release(&lines->line);
    free(lines->name);
    free(lines);
}

/* Sets at == end at the end of the file. */
static enum hp_status
fill(struct hp_lines *lines, struct hp_error *error)
{
    int size = gzread(lines->file, lines->chunk, CHUNK_SIZE);
    int code;
    const char *text = gzerror(lines->file, &code);

    lines->at = 0;
    lines->end = size > 0 ? (size_t)size : 0;
    if (size < 0 || (size == 0 && code == Z_BUF_ERROR))
        return hp_fail(error, HP_FATAL, "%.200s: after line %lld: %s", lines->name,
            (long long)lines->number, code == Z_ERRNO ? strerror(errno) : text);
    return HP_OK;
}

static void
keep(struct hp_lines *lines, const uint8_t *data, size_t size, bool *too_long)
{
    size_t room = HP_LINE_BYTES_MAX - lines->line.size;

    *too_long = *too_long || size > room;
    hp_buffer_append(&lines->line, data, size > room ? room : size);
}

/* One line, blank or not; false at the end of the file. */
static enum hp_status
take(struct hp_lines *lines, bool *found, bool *too_long, struct hp_error *error)
{
    hp_buffer_clear(&lines->line);
    hp_buffer_reserve(&lines->line, 1);
    *found = *too_long = false;
    for (;;) {
        const uint8_t *from = lines->chunk + lines->at;
        const uint8_t *newline = memchr(from, '\n', lines->end - lines->at);
        size_t size = newline ? (size_t)(newline - from) : lines->end - lines->at;
        enum hp_status status;

        *found = *found || lines->at < lines->end;
        keep(lines, from, size, too_long);
        lines->at += size + (newline != NULL);
        if (newline)
            break;
        status = fill(lines, error);
        if (status || lines->end == 0)
            return status;
    }
    return HP_OK;
}

static bool
is_blank(struct hp_bytes text)
{
    for (size_t i = 0; i < text.size; i++)
        if (!strchr(" \t\r", text.data[i]) || text.data[i] == '\0')
            return false;
    return true;
}

enum hp_status
hp_lines_next(struct hp_lines *lines, struct hp_line *line, struct hp_error *error)
{
    bool found;

    do {
        enum hp_status status = take(lines, &found, &line->too_long, error);

        line->text = hp_buffer_bytes(&lines->line);
        line->number = 0;
        if (status || !found)
            return status;
        lines->number++;
    } while (is_blank(line->text));
    line->number = lines->number;
    if (line->number == 1 && hp_bytes_starts(line->text, hp_bytes("\xEF\xBB\xBF", 3)))
        line->text = hp_bytes(line->text.data + 3, line->text.size - 3);
    return HP_OK;
}
