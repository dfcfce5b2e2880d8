/*
 * ledger/rows.h - how many users chose both of two items: the rows of one task, in memory.
 *
 * A row is an item's head and its partners, each with the number of users who have both in
 * their H_u (g_ij). Rows change by changes of users: of the items of H_u before and after,
 * those kept, added and removed. One user adds at most 1 to a pair, whatever they send.
 *
 * Items have numbers, given in the order of their first use and never taken away. A row is
 * loaded when it is needed and may be dropped when its stored block holds all of it. Each block
 * tells the sequence of the last change it contains; a change that is applied again, since a
 * log is replayed, passes over rows that have it.
 *
 * Thread: the task's. Nothing uncommitted belongs in here. Ids and views are borrowed.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_LEDGER_ROWS_H
#define HP_LEDGER_ROWS_H

#include "ledger/heads.h"

#define HP_ROWS_ITEMS_MAX ((UINT32_C(1) << 24) - 2) /* numbers of one task */

struct hp_rows;

struct hp_row_head {
    uint32_t item;
    struct hp_head change;
};

/* What became of one user. Lists of numbers rise. */
struct hp_row_change {
    const uint32_t *kept; /* in H_u before and after; empty when nothing else changed */
    size_t kept_count;
    const uint32_t *added;
    size_t added_count;
    const uint32_t *removed;
    size_t removed_count;
    const struct hp_row_head *heads; /* differences of shares, by rising number */
    size_t head_count;
};

void hp_row_change_encode(const struct hp_row_change *change, struct hp_buffer *out);
HP_MUST_CHECK enum hp_status hp_row_change_decode(struct hp_bytes value, struct hp_arena *arena,
    struct hp_row_change *change, struct hp_error *error);

struct hp_rows *hp_rows_new(void);
void hp_rows_free(struct hp_rows *rows); /* NULL is fine */

/* ---- numbers ------------------------------------------------------------------------- */

/* The item's number; a new one, hp_rows_count() before, when it had none. */
uint32_t hp_rows_number(struct hp_rows *rows, struct hp_bytes item_id);
bool hp_rows_find(const struct hp_rows *rows, struct hp_bytes item_id, uint32_t *item);
struct hp_bytes hp_rows_id(const struct hp_rows *rows, uint32_t item);
uint32_t hp_rows_count(const struct hp_rows *rows);
/* Numbers from `count` on are given again; nothing was applied to them. */
void hp_rows_forget(struct hp_rows *rows, uint32_t count);

/* ---- blocks -------------------------------------------------------------------------- */

/* Where rows that are not in memory come from; an absent value is an empty row. */
struct hp_rows_reader {
    void *context;
    enum hp_status (*read)(
        void *context, uint32_t item, struct hp_bytes *value, struct hp_error *error);
};

/* Tells of a stored block without loading it. */
HP_MUST_CHECK enum hp_status hp_rows_announce(
    struct hp_rows *rows, uint32_t item, struct hp_bytes block, struct hp_error *error);
HP_MUST_CHECK enum hp_status hp_rows_load(struct hp_rows *rows,
    const struct hp_rows_reader *reader, uint32_t item, struct hp_error *error);
/* `sequence` rises from change to change. HP_CORRUPT when a count would leave its range. */
HP_MUST_CHECK enum hp_status hp_rows_apply(struct hp_rows *rows,
    const struct hp_rows_reader *reader, uint64_t sequence, const struct hp_row_change *change,
    struct hp_error *error);

/* The row whose oldest unstored change is oldest. False: every row is stored. */
bool hp_rows_oldest(const struct hp_rows *rows, uint32_t *item, uint64_t *sequence);
/* Writes the block of a loaded row and takes it off the list of unstored rows. It stays in
 * memory until hp_rows_stored(); hp_rows_unstored() puts it back, newest first. */
void hp_rows_store(struct hp_rows *rows, uint32_t item, struct hp_buffer *out);
void hp_rows_stored(struct hp_rows *rows, uint32_t item);
void hp_rows_unstored(struct hp_rows *rows, uint32_t item);

/* Bytes of rows in memory, numbers not included. */
size_t hp_rows_bytes(const struct hp_rows *rows);
/* Drops stored rows, those not used lately first, until `bytes` are left or none can go. */
void hp_rows_shrink(struct hp_rows *rows, size_t bytes);

/* ---- reading ------------------------------------------------------------------------- */

/* Of loaded rows. Days are in the arena. */
struct hp_head hp_rows_head(const struct hp_rows *rows, uint32_t item, struct hp_arena *arena);
struct hp_row_partner {
    uint32_t item;
    int64_t users; /* above 0 */
};
/* All partners in no order, in the arena. */
size_t hp_rows_partners(const struct hp_rows *rows, uint32_t item, struct hp_arena *arena,
    struct hp_row_partner **partners);
/* Of any row. */
uint64_t hp_rows_changed(const struct hp_rows *rows, uint32_t item); /* 0: never */

#endif
