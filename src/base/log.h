/*
 * base/log.h - one line an event, logfmt or JSON, to standard error; fields instead of prose.
 *
 *     HP_LOG(HP_LOG_WARN, "task restored", HP_I("partition", 3), HP_S("topic", name));
 *
 * Never log a user id in clear: HP_U() prints a keyed hash of it. Secrets are never fields.
 * The clock is handed in by app/, so pure code that logs stays reproducible.
 *
 * Thread: any; a line is written at once under a lock.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_BASE_LOG_H
#define HP_BASE_LOG_H

#include "base/bytes.h"

enum hp_log_level { HP_LOG_DEBUG, HP_LOG_INFO, HP_LOG_WARN, HP_LOG_ERROR };
enum hp_log_format { HP_LOG_LOGFMT, HP_LOG_JSON };

struct hp_log_field {
    const char *name;
    enum { HP_FIELD_TEXT, HP_FIELD_INTEGER, HP_FIELD_USER } kind;
    int64_t integer;
    struct hp_bytes text;
};

#define HP_S(n, value)                                                                         \
    (&(struct hp_log_field){.name = (n), .kind = HP_FIELD_TEXT, .text = hp_bytes_text(value)})
#define HP_B(n, value)                                                                         \
    (&(struct hp_log_field){.name = (n), .kind = HP_FIELD_TEXT, .text = (value)})
#define HP_I(n, value)                                                                         \
    (&(struct hp_log_field){.name = (n), .kind = HP_FIELD_INTEGER, .integer = (int64_t)(value)})
#define HP_U(n, value)                                                                         \
    (&(struct hp_log_field){.name = (n), .kind = HP_FIELD_USER, .text = (value)})

struct hp_log_options {
    enum hp_log_level level; /* lines below it are dropped */
    enum hp_log_format format;
    int64_t (*clock_ms)(void); /* NULL: lines carry no time */
    uint64_t user_seed;        /* keys the hash of user ids */
    int descriptor;            /* where lines go; 2 when 0 */
};

/* Call once, before other threads start. Until then: info, logfmt, no time. */
void hp_log_configure(const struct hp_log_options *options);
bool hp_log_enabled(enum hp_log_level level);
/* `fields` ends with NULL; use the macro. */
void hp_log_write(
    enum hp_log_level level, const char *message, const struct hp_log_field *const *fields);

#define HP_LOG(level, message, ...)                                                            \
    do {                                                                                       \
        if (hp_log_enabled(level))                                                             \
            hp_log_write(level, message,                                                       \
                (const struct hp_log_field *const[]){__VA_ARGS__ __VA_OPT__(, ) NULL});        \
    } while (0)

#endif
