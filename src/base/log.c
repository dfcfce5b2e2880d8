/*
 * base/log.c - a line is put together in a buffer of its own and written with one write(2).
 *
 * Text that other people chose (topic names, error texts, header values) goes through the same
 * two gates: what is not UTF-8 or printable is escaped, and what is longer than TEXT_MAX is
 * cut, so that nobody can forge a second line or fill a disk with one record.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/log.h"

#include "base/hash.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <unistd.h>

#define TEXT_MAX 1024

static struct hp_log_options settings = {.level = HP_LOG_INFO};
static pthread_mutex_t line_lock = PTHREAD_MUTEX_INITIALIZER;

static const char *const level_names[] = {"debug", "info", "warn", "error"};

void
hp_log_configure(const struct hp_log_options *options)
{
    settings = *options;
}

bool
hp_log_enabled(enum hp_log_level level)
{
    return level >= settings.level;
}

/* RFC 3339 in UTC with milliseconds. */
static void
put_time(struct hp_buffer *line, int64_t now_ms)
{
    int64_t seconds = now_ms / 1000;
    time_t whole = (time_t)seconds;
    struct tm parts;

    if (!gmtime_r(&whole, &parts))
        return;
    hp_buffer_printf(line, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", parts.tm_year + 1900,
        parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec,
        (int)(now_ms % 1000));
}

/* Both formats share JSON's escapes; logfmt readers understand them inside quotes. */
static void
put_escaped(struct hp_buffer *line, struct hp_bytes text)
{
    bool utf8 = hp_bytes_utf8(text);

    for (size_t i = 0; i < text.size; i++) {
        uint8_t byte = text.data[i];

        if (byte == '"' || byte == '\\')
            hp_buffer_printf(line, "\\%c", byte);
        else if (byte == '\n')
            hp_buffer_append(line, "\\n", 2);
        else if (byte < 0x20 || byte == 0x7F)
            hp_buffer_printf(line, "\\u%04x", byte);
        else if (byte >= 0x80 && !utf8)
            hp_buffer_append(line, "\\ufffd", 6);
        else
            hp_put_u8(line, byte);
    }
}

static struct hp_bytes
cut(struct hp_bytes text)
{
    size_t size = TEXT_MAX;

    if (text.size <= TEXT_MAX)
        return text;
    while (size > TEXT_MAX - 4 && (text.data[size] & 0xC0) == 0x80)
        size--; /* not inside a character */
    return hp_bytes(text.data, size);
}

static void
put_text(struct hp_buffer *line, struct hp_bytes text)
{
    text = cut(text);
    hp_put_u8(line, '"');
    put_escaped(line, text);
    hp_put_u8(line, '"');
}

static bool
is_plain(struct hp_bytes text)
{
    for (size_t i = 0; i < text.size; i++)
        if (text.data[i] <= ' ' || text.data[i] >= 0x7F || strchr("=\"\\", text.data[i]))
            return false;
    return text.size > 0 && text.size <= TEXT_MAX;
}

static void
put_name(struct hp_buffer *line, const char *name)
{
    if (settings.format == HP_LOG_JSON)
        hp_buffer_printf(line, "%s\"%s\":", line->size ? "," : "{", name);
    else
        hp_buffer_printf(line, "%s%s=", line->size ? " " : "", name);
}

static void
put_field(struct hp_buffer *line, const char *name, struct hp_bytes text)
{
    put_name(line, name);
    if (settings.format == HP_LOG_LOGFMT && is_plain(text))
        hp_buffer_append(line, text.data, text.size);
    else
        put_text(line, text);
}

/* A user is recognisable from line to line, but not from the log alone. */
static void
put_user(struct hp_buffer *line, const char *name, struct hp_bytes user)
{
    struct hp_buffer keyed = {0};
    char text[17];

    hp_put_u64(&keyed, settings.user_seed);
    hp_buffer_append(&keyed, user.data, user.size);
    snprintf(text, sizeof(text), "%016" PRIx64, hp_hash64(hp_buffer_bytes(&keyed)));
    hp_buffer_release(&keyed);
    put_field(line, name, hp_bytes_text(text));
}

static void
put_any(struct hp_buffer *line, const struct hp_log_field *field)
{
    if (field->kind == HP_FIELD_USER) {
        put_user(line, field->name, field->text);
    } else if (field->kind == HP_FIELD_TEXT) {
        put_field(line, field->name, field->text);
    } else {
        put_name(line, field->name);
        hp_buffer_printf(line, "%" PRId64, field->integer);
    }
}

/* A log that cannot be written is not worth stopping for. */
static void
write_all(int descriptor, struct hp_bytes line)
{
    while (line.size) {
        ssize_t written = write(descriptor, line.data, line.size);

        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return;
        line = hp_bytes(line.data + written, line.size - (size_t)written);
    }
}

void
hp_log_write(
    enum hp_log_level level, const char *message, const struct hp_log_field *const *fields)
{
    struct hp_buffer line = {0};

    if (settings.clock_ms) {
        struct hp_buffer now = {0};

        put_time(&now, settings.clock_ms());
        put_field(&line, "time", hp_buffer_bytes(&now));
        hp_buffer_release(&now);
    }
    put_field(&line, "level", hp_bytes_text(level_names[level]));
    put_field(&line, "msg", hp_bytes_text(message));
    for (; *fields; fields++)
        put_any(&line, *fields);
    if (settings.format == HP_LOG_JSON)
        hp_put_u8(&line, '}');
    hp_put_u8(&line, '\n');

    pthread_mutex_lock(&line_lock);
    write_all(settings.descriptor ? settings.descriptor : 2, hp_buffer_bytes(&line));
    pthread_mutex_unlock(&line_lock);
    hp_buffer_release(&line);
}
