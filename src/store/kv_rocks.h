/*
 * store/kv_rocks.h - the ordered map on RocksDB: one database a process, write-ahead log on,
 * sync off (a lost tail is replayed from the changelog), memory bounded.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_STORE_KV_ROCKS_H
#define HP_STORE_KV_ROCKS_H

#include "store/kv.h"

struct hp_kv_rocks_options {
    const char *path;          /* made when missing, mode 0700 */
    bool read_only;            /* beside a running process; sees what was committed at open */
    size_t cache_bytes;        /* block cache, index and filters included; 0 = 64 MiB */
    size_t write_buffer_bytes; /* all memtables together; 0 = 64 MiB */
    /*
     * Writes stop with HP_FATAL while the file system has less than this: RocksDB 7.8.3 ends
     * the process when it meets a full one in the wrong place. 0 = twice the write buffer;
     * SIZE_MAX never lets a write pass.
     */
    size_t free_bytes_least;
};

/*
 * HP_FATAL when the path cannot be used (another process holds it, no space, no right),
 * HP_USAGE when there is nothing to read for a reader,
 * HP_CORRUPT when its files contradict themselves: hp_kv_rocks_destroy() and a restore help.
 */
HP_MUST_CHECK enum hp_status hp_kv_rocks_open(
    const struct hp_kv_rocks_options *options, struct hp_kv **kv, struct hp_error *error);

/*
 * Something read or written since the open was HP_CORRUPT. Dropping ranges does not mend a file
 * that does not keep its checksums, and the next process would meet it again. Any thread.
 */
bool hp_kv_rocks_damaged(const struct hp_kv *kv);

/* Deletes the database's files; nobody may have it open. A missing one is HP_OK. */
HP_MUST_CHECK enum hp_status hp_kv_rocks_destroy(const char *path, struct hp_error *error);

#endif
