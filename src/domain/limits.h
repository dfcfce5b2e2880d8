/*
 * domain/limits.h - how large anything may be. Static bounds; those of DESIGN that operators
 * may lower are configuration and never exceed these.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_DOMAIN_LIMITS_H
#define HP_DOMAIN_LIMITS_H

#include <assert.h>

#define HP_RECORD_BYTES_MAX     (256 * 1024)
#define HP_ID_BYTES_MAX         128
#define HP_TEXT_BYTES_MAX       512 /* names, categories, tags: UTF-8 bytes */
#define HP_ORDER_LINES_MAX      200
#define HP_LIST_MAX             256 /* tags, allergens, diets, items in a preference or request */
#define HP_QUANTITY_MAX         10000
#define HP_MONEY_MAX            1000000000LL /* paise */
#define HP_FUTURE_MS_MAX        3600000LL /* an event may be this far ahead of its append time */
#define HP_TIME_MS_MAX          253402300799999LL /* the last moment of the year 9999 */
#define HP_BOXES_MAX            8
#define HP_BOX_UNITS_MAX        40
#define HP_REASONS_MAX          4 /* per item, and per box */
#define HP_REASON_ARGS_MAX      4 /* pairs of key and value */
#define HP_REASON_ARG_BYTES_MAX 160
#define HP_REQUESTS_KNOWN_MAX   64
#define HP_OPTIONS_MAX          8

/* What may stand in a BoxRecommendation; codec/records.c proves that it fits a record. */
#define HP_NAME_BYTES_MAX         256 /* item names */
#define HP_CATEGORY_BYTES_MAX     96
#define HP_CODE_BYTES_MAX         32          /* reason and advice codes, arms, currencies */
#define HP_TOPIC_BYTES_MAX        249         /* Kafka's own limit */
#define HP_INPUTS_MAX             8           /* inputs of a task in as_of */
#define HP_CATALOGUE_PARTS_MAX    256         /* catalogue partitions in as_of */
#define HP_REASON_BYTES_TOTAL_MAX (48 * 1024) /* all reasons of one record, encoded */

#endif
