/*
 * app/pack_json.h - packing's instances and answers as lines of JSON (docs/boxes.md).
 *
 * Numbers are integers inside the limits of packing/instance.h or the line is refused; nothing
 * is rounded or wrapped. Unknown fields are ignored.
 *
 * Thread: any.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_APP_PACK_JSON_H
#define HP_APP_PACK_JSON_H

#include "packing/pack.h"

#include <jansson.h>

struct hp_pack_line_in { /* an instance and what it borrows from */
    json_t *root;        /* release with json_decref() */
    json_t *id;          /* as given, or NULL */
    json_t **item_ids;   /* as given: answers repeat them */
    json_t **category_ids;
    struct hp_pack_instance instance;
};

/* Zeroed first. HP_BAD_RECORD and a text "field: what is wrong with it". `line->root` may be
 * set even then. */
HP_MUST_CHECK enum hp_status hp_pack_json_read(struct hp_bytes text, struct hp_arena *arena,
    struct hp_pack_line_in *line, struct hp_error *error);

/* One answer; caller releases. */
json_t *hp_pack_json_answer(const struct hp_pack_line_in *line,
    const struct hp_pack_answer *answer, int64_t elapsed_ns);

/* The answer to line `number` that could not be read. */
json_t *hp_pack_json_refusal(
    const struct hp_pack_line_in *line, int64_t number, const struct hp_error *error);

#endif
