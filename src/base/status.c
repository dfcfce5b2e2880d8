/* base/status.c - error texts and the ways to stop. SPDX-License-Identifier: Apache-2.0 */
#include "base/status.h"

#include <stdarg.h>
#include <stdint.h>

HP_PRINTF(4, 0)
static void
error_write(struct hp_error *error, enum hp_status status, const char *code, const char *format,
    va_list args)
{
    if (!error)
        return;
    error->status = status;
    error->code = code;
    vsnprintf(error->text, sizeof(error->text), format, args);
}

enum hp_status
hp_fail(struct hp_error *error, enum hp_status status, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    error_write(error, status, "", format, args);
    va_end(args);
    return status;
}

enum hp_status
hp_bad(struct hp_error *error, const char *code, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    error_write(error, HP_BAD_RECORD, code, format, args);
    va_end(args);
    return HP_BAD_RECORD;
}

const char *
hp_status_name(enum hp_status status)
{
    switch (status) {
    case HP_OK: return "ok";
    case HP_BAD_RECORD: return "bad-record";
    case HP_RETRY: return "retry";
    case HP_CORRUPT: return "corrupt";
    case HP_FENCED: return "fenced";
    case HP_FATAL: return "fatal";
    case HP_USAGE: return "usage";
    case HP_STOP: return "stop";
    }
    return "unknown";
}

void
hp_die(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    fputs("hamper: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    abort();
}

void *
hp_alloc(size_t size)
{
    void *data = calloc(1, size ? size : 1);

    if (!data)
        hp_die("out of memory: %zu bytes", size);
    return data;
}

void *
hp_realloc_array(void *data, size_t count, size_t size)
{
    void *moved;
    size_t total;

    if (size && count > SIZE_MAX / size)
        hp_die("out of memory: %zu times %zu bytes", count, size);
    total = count * size;
    moved = realloc(data, total ? total : 1);
    if (!moved)
        hp_die("out of memory: %zu bytes", total);
    return moved;
}

char *
hp_strdup(const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = hp_alloc(size);

    memcpy(copy, text, size);
    return copy;
}
