/*
 * app/option_table.h - every configuration key as a row: how it is written, where it goes.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_APP_OPTION_TABLE_H
#define HP_APP_OPTION_TABLE_H

#include "app/options.h"

enum hp_option_kind {
    HP_OPTION_TEXT,     /* any text, not empty */
    HP_OPTION_NAME,     /* letters, digits, . _ - : what Kafka accepts as a name */
    HP_OPTION_TOPIC,    /* a NAME that renames topic number `offset` */
    HP_OPTION_NUMBER,   /* digits */
    HP_OPTION_DURATION, /* digits with ms, s, m, h or d; bare ones are milliseconds */
    HP_OPTION_BYTES,    /* digits, perhaps with KiB, MiB or GiB */
    HP_OPTION_MONEY,    /* 1500 or 1,500.50, in the application's currency */
    HP_OPTION_CURRENCY, /* three capital letters */
    HP_OPTION_SWITCH,   /* on or off, true or false */
    HP_OPTION_CHOICE,   /* one of `choices` */
    HP_OPTION_LISTEN,   /* HOST:PORT or off; sets http_host and http_port */
};

struct hp_option_row {
    const char *key;
    enum hp_option_kind kind;
    size_t offset;       /* of the field in struct hp_options */
    const char *initial; /* default as one would write it; NULL = unset */
    int64_t min;
    int64_t max;
    const char *choices[5]; /* ends with NULL */
    const char *comment;    /* one sentence or two */
    const char *section;    /* title of a group that begins here, or NULL */
};

extern const struct hp_option_row hp_option_rows[];
extern const size_t hp_option_row_count;

/* Whether `value` is what the row takes; if so it is stored. `what` gets what would be right.
 */
bool hp_option_store(const struct hp_option_row *row, const char *value,
    struct hp_options *options, char what[160]);

/* What the row takes, in words: "a number from 1 to 64". */
void hp_option_describe(const struct hp_option_row *row, char what[160]);

/* The value of librdkafka's `name` is a secret. */
bool hp_option_secret(const char *name);

#endif
