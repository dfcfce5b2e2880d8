/*
 * archive/lines.c - a line is there as soon as it was written, however small the piece: zlib's
 * own reading waits until its buffer is full, which a pipe may take hours to do.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "archive/lines.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#define CHUNK_SIZE 65536
#define GZIP_ONLY  (16 + MAX_WBITS)

enum kind { UNKNOWN, PLAIN, GZIP };

struct hp_lines {
    int file;
    enum kind kind;
    z_stream gzip; /* its input is in `raw` */
    bool inside;   /* a gzip member has begun and not ended */
    char *name;
    int64_t number;
    struct hp_buffer line;
    uint8_t raw[CHUNK_SIZE];
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
    (*lines)->file = file;
    return HP_OK;
}

void
hp_lines_free(struct hp_lines *lines)
{
    if (!lines)
        return;
    if (lines->kind == GZIP)
        inflateEnd(&lines->gzip);
    close(lines->file);
    hp_buffer_release(&lines->line);
    free(lines->name);
    free(lines);
}

static enum hp_status
unreadable(const struct hp_lines *lines, const char *text, struct hp_error *error)
{
    return hp_fail(error, HP_FATAL, "%.200s: after line %lld: %s", lines->name,
        (long long)lines->number, text);
}

/* What there is, as soon as there is something; `*size` is 0 at the end. */
static enum hp_status
read_some(
    struct hp_lines *lines, uint8_t *to, size_t room, size_t *size, struct hp_error *error)
{
    ssize_t got;

    do
        got = read(lines->file, to, room);
    while (got < 0 && errno == EINTR);
    *size = got > 0 ? (size_t)got : 0;
    return got < 0 ? unreadable(lines, strerror(errno), error) : HP_OK;
}

/* The first two bytes tell. */
static enum hp_status
begin(struct hp_lines *lines, struct hp_error *error)
{
    enum hp_status status = HP_OK;
    size_t size = 0;
    size_t more;

    do {
        status = read_some(lines, lines->raw + size, CHUNK_SIZE - size, &more, error);
        size += more;
    } while (!status && more > 0 && size < 2);
    if (status)
        return status;
    if (size < 2 || lines->raw[0] != 0x1f || lines->raw[1] != 0x8b) {
        lines->kind = PLAIN;
        memcpy(lines->chunk, lines->raw, size);
        lines->end = size;
        return HP_OK;
    }
    lines->kind = GZIP;
    lines->gzip.next_in = lines->raw;
    lines->gzip.avail_in = (uInt)size;
    lines->inside = true;
    return inflateInit2(&lines->gzip, GZIP_ONLY) == Z_OK
               ? HP_OK
               : unreadable(lines, "zlib does not start", error);
}

/* A file may hold several members, one behind the other. */
static enum hp_status
inflate_some(struct hp_lines *lines, struct hp_error *error)
{
    z_stream *gzip = &lines->gzip;
    enum hp_status status = HP_OK;

    gzip->next_out = lines->chunk;
    gzip->avail_out = CHUNK_SIZE;
    while (gzip->avail_out == CHUNK_SIZE) {
        size_t size = gzip->avail_in;
        int code;

        if (size == 0) {
            gzip->next_in = lines->raw;
            status = read_some(lines, lines->raw, CHUNK_SIZE, &size, error);
            gzip->avail_in = (uInt)size;
        }
        if (status || (size == 0 && !lines->inside))
            return status;
        if (size == 0)
            return unreadable(lines, "unexpected end of file", error);
        if (!lines->inside)
            inflateReset(gzip);
        lines->inside = true;
        code = inflate(gzip, Z_NO_FLUSH);
        if (code == Z_STREAM_END)
            lines->inside = false;
        else if (code != Z_OK)
            return unreadable(lines, gzip->msg ? gzip->msg : "broken gzip stream", error);
    }
    lines->end = CHUNK_SIZE - gzip->avail_out;
    return HP_OK;
}

/* Sets at == end == 0 at the end of the file. */
static enum hp_status
fill(struct hp_lines *lines, struct hp_error *error)
{
    lines->at = lines->end = 0;
    if (lines->kind == UNKNOWN) {
        enum hp_status status = begin(lines, error);

        if (status || lines->kind == PLAIN)
            return status;
    }
    if (lines->kind == PLAIN)
        return read_some(lines, lines->chunk, CHUNK_SIZE, &lines->end, error);
    return inflate_some(lines, error);
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
