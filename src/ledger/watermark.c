/*
 * ledger/watermark.c - marks that only rise.
 *
 * Layout: u8 version | varint user_ms | varint count | count × (32 bytes hash, varint ms).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ledger/watermark.h"

#include "domain/limits.h"
#include "domain/reasons.h"

#define VERSION 1

static const struct hp_recipient_mark *
find(const struct hp_watermark *mark, struct hp_bytes recipient)
{
    for (size_t i = 0; i < mark->recipient_count; i++)
        if (hp_bytes_equal(mark->recipients[i].recipient, recipient))
            return &mark->recipients[i];
    return NULL;
}

/* The list without `recipient` and without marks the user's own covers, and room for one. */
static struct hp_recipient_mark *
copy_others(struct hp_watermark *mark, struct hp_bytes recipient, struct hp_arena *arena)
{
    struct hp_recipient_mark *list =
        HP_ARENA_ARRAY(arena, mark->recipient_count + 1, struct hp_recipient_mark);
    size_t count = 0;

    for (size_t i = 0; i < mark->recipient_count; i++) {
        const struct hp_recipient_mark *old = &mark->recipients[i];

        if (old->ms > mark->user_ms && !hp_bytes_equal(old->recipient, recipient))
            list[count++] = *old;
    }
    mark->recipients = list;
    mark->recipient_count = count;
    return list;
}

static void
insert(struct hp_watermark *mark, struct hp_recipient_mark *list, struct hp_bytes recipient,
    int64_t ms)
{
    size_t at = mark->recipient_count;

    for (; at > 0 && hp_bytes_compare(list[at - 1].recipient, recipient) > 0; at--)
        list[at] = list[at - 1];
    list[at] = (struct hp_recipient_mark){recipient, ms};
    mark->recipient_count++;
}

static enum hp_status
raise_recipient(struct hp_watermark *mark, struct hp_bytes recipient, int64_t ms,
    struct hp_arena *arena, bool *changed, struct hp_error *error)
{
    const struct hp_recipient_mark *old = find(mark, recipient);

    HP_ASSERT(recipient.size == HP_RECIPIENT_BYTES);
    if (ms <= mark->user_ms || (old && ms <= old->ms))
        return HP_OK;
    if (!old && mark->recipient_count >= HP_WATERMARK_RECIPIENTS_MAX)
        return hp_bad(error, HP_CODE_LIMIT, "recipient_id: more than %d erased recipients",
            HP_WATERMARK_RECIPIENTS_MAX);
    recipient = hp_arena_copy(arena, recipient);
    insert(mark, copy_others(mark, recipient, arena), recipient, ms);
    *changed = true;
    return HP_OK;
}

enum hp_status
hp_watermark_raise(struct hp_watermark *mark, struct hp_bytes recipient, int64_t ms,
    struct hp_arena *arena, bool *changed, struct hp_error *error)
{
    *changed = false;
    if (recipient.data)
        return raise_recipient(mark, recipient, ms, arena, changed, error);
    if (ms > mark->user_ms) {
        mark->user_ms = ms;
        copy_others(mark, recipient, arena);
        *changed = true;
    }
    return HP_OK;
}

bool
hp_watermark_hides(const struct hp_watermark *mark, struct hp_bytes recipient, int64_t ms)
{
    const struct hp_recipient_mark *found;

    if (!mark || !recipient.data)
        return false;
    found = find(mark, recipient);
    return found && ms <= found->ms;
}

void
hp_watermark_encode(const struct hp_watermark *mark, struct hp_buffer *out)
{
    hp_put_u8(out, VERSION);
    hp_put_varint(out, mark->user_ms);
    hp_put_varint(out, (int64_t)mark->recipient_count);
    for (size_t i = 0; i < mark->recipient_count; i++) {
        hp_buffer_append(out, mark->recipients[i].recipient.data, HP_RECIPIENT_BYTES);
        hp_put_varint(out, mark->recipients[i].ms);
    }
}

static void
read_mark(struct hp_cursor *cursor, const struct hp_watermark *mark,
    struct hp_recipient_mark *entry, const struct hp_recipient_mark *before)
{
    if (cursor->failed || cursor->end - cursor->at < HP_RECIPIENT_BYTES) {
        cursor->failed = true;
        return;
    }
    entry->recipient = hp_bytes(cursor->at, HP_RECIPIENT_BYTES);
    cursor->at += HP_RECIPIENT_BYTES;
    entry->ms = hp_value_number(cursor, 1, INT64_MAX);
    if (entry->ms <= mark->user_ms)
        cursor->failed = true;
    if (before && hp_bytes_compare(before->recipient, entry->recipient) >= 0)
        cursor->failed = true;
}

enum hp_status
hp_watermark_decode(struct hp_bytes value, struct hp_arena *arena, struct hp_watermark *mark,
    struct hp_error *error)
{
    struct hp_cursor cursor = hp_value_open(value, VERSION);
    struct hp_recipient_mark *list;

    *mark = (struct hp_watermark){.user_ms = hp_value_number(&cursor, 0, INT64_MAX)};
    mark->recipient_count =
        hp_value_count(&cursor, HP_WATERMARK_RECIPIENTS_MAX, HP_RECIPIENT_BYTES + 1);
    list = HP_ARENA_ARRAY(arena, mark->recipient_count, struct hp_recipient_mark);
    for (size_t i = 0; i < mark->recipient_count; i++)
        read_mark(&cursor, mark, &list[i], i ? &list[i - 1] : NULL);
    mark->recipients = list;
    return hp_value_close(&cursor, "watermark", error);
}
