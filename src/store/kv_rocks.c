/*
 * store/kv_rocks.c - kv.h on RocksDB's C API (Debian 12 ships 7.8.3; nothing newer is used).
 *
 * Durability: the write-ahead log is on and never synced. A killed process loses nothing, a
 * power cut loses a tail of whole batches, because recovery stops at the first torn record
 * (point in time). The changelog replays that tail.
 *
 * Memory: memtables together stay below write_buffer_bytes (db_write_buffer_size), and blocks,
 * indexes and filters share one LRU cache of cache_bytes; open tables are at most FILES_MAX.
 * RocksDB's own WriteBufferManager, which would put both under one limit, is not in the C API
 * of 7.8.3.
 *
 * Loading: sorted pairs are written to table files beside the database and moved into it, ten
 * times as fast as batches. The files of one load become visible together or not at all; what a
 * crash leaves behind is removed at the next open.
 *
 * Never fork() while a database is open: its threads would be missing in the child.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "store/kv_rocks.h"

#include "store/kv_operations.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <rocksdb/c.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define MIB            ((size_t)1 << 20)
#define BYTES_DEFAULT  (64 * MIB)
#define FILES_MAX      512
#define LOAD_FILE_SIZE (256 * MIB)
#define LOAD_PREFIX    "load-"
#define LOAD_PATH_MAX  4096

struct rocks {
    struct hp_kv_object object;
    char *path;
    rocksdb_t *db;
    rocksdb_options_t *options;
    rocksdb_readoptions_t *read_options;
    rocksdb_writeoptions_t *write_options;
    size_t free_bytes_least;
    unsigned load_count; /* files written by loads since the open */
    atomic_bool damaged;
};

struct rocks_cursor {
    struct hp_kv_object object;
    struct rocks *rocks;
    rocksdb_iterator_t *iterator;
    rocksdb_readoptions_t *read_options;
    struct hp_buffer to; /* the iterator borrows its upper bound */
    bool started;
};

/* Takes RocksDB's message. */
static enum hp_status
rocks_fail(struct rocks *rocks, struct hp_error *error, const char *what, const char *where,
    char *message)
{
    bool corrupt = strncmp(message, "Corruption", 10) == 0;
    bool held = strstr(message, "/LOCK: ") != NULL;

    hp_fail(error, corrupt ? HP_CORRUPT : HP_FATAL, "%s %s: %s%s", what, where, message,
        held ? " (another process uses this directory)" : "");
    rocksdb_free(message);
    if (corrupt && rocks)
        atomic_store(&rocks->damaged, true);
    return corrupt ? HP_CORRUPT : HP_FATAL;
}

/* All missing directories of the path, for the owner only. */
static enum hp_status
make_directories(const char *path, struct hp_error *error)
{
    char *copy = hp_strdup(path);
    enum hp_status status = HP_OK;

    for (char *at = copy + 1; !status && at[-1]; at++) {
        char kept = *at;

        if (kept != '/' && kept != '\0')
            continue;
        *at = '\0';
        if (mkdir(copy, 0700) != 0 && errno != EEXIST)
            status = hp_fail(error, HP_FATAL, "make directory %s: %s", copy, strerror(errno));
        *at = kept;
    }
    free(copy);
    return status;
}

/* A reader must not make a directory, which RocksDB would do for its own log. */
static enum hp_status
find_database(const char *path, struct hp_error *error)
{
    struct hp_buffer current = {0};
    bool found;

    hp_buffer_printf(&current, "%s/CURRENT", path);
    hp_put_u8(&current, 0);
    found = access((const char *)current.data, F_OK) == 0;
    hp_buffer_release(&current);
    return found ? HP_OK : hp_fail(error, HP_USAGE, "open %s: there is no state", path);
}

/* ---- a torn manifest --------------------------------------------------------------------
 *
 * RocksDB takes a last record that is cut for one that was never written. That is right for the
 * write-ahead log, where whole batches are lost from the end. A lost record of the manifest
 * loses a table whose log is gone already, while later batches are there: rows vanish from the
 * middle. So the manifest is walked here, record by record, before RocksDB opens it: blocks of
 * 32 KiB, records of a header (checksum 4 bytes, length 2, type 1) and bytes, which never cross
 * a block; type 1 is whole, 4 the last part.
 */

#define BLOCK_SIZE  32768
#define HEADER_SIZE 7
#define TYPE_WHOLE  1
#define TYPE_LAST   4

/* Whether the bytes end with the end of a record. */
static bool
ends_whole(FILE *file)
{
    static const int lengths_at = 4;
    long left_in_block = BLOCK_SIZE;
    bool whole = true;
    uint8_t header[HEADER_SIZE];

    for (;;) {
        size_t size;

        if (left_in_block < HEADER_SIZE) {
            if (fseek(file, left_in_block, SEEK_CUR) != 0)
                return false;
            left_in_block = BLOCK_SIZE;
        }
        size = fread(header, 1, HEADER_SIZE, file);
        if (size == 0)
            return whole;
        size = size < HEADER_SIZE ? SIZE_MAX
                                  : (size_t)(header[lengths_at] | header[lengths_at + 1] << 8);
        if (size > (size_t)(left_in_block - HEADER_SIZE))
            return false;
        left_in_block -= HEADER_SIZE + (long)size;
        for (; size > 0; size--)
            if (fgetc(file) == EOF)
                return false;
        whole = header[HEADER_SIZE - 1] == TYPE_WHOLE || header[HEADER_SIZE - 1] == TYPE_LAST;
    }
}

/* A directory without a database is not torn; what else is wrong with it RocksDB tells. */
static enum hp_status
check_manifest(const char *path, struct hp_error *error)
{
    char name[LOAD_PATH_MAX];
    char manifest[64] = "";
    enum hp_status status = HP_OK;
    FILE *file;

    snprintf(name, sizeof(name), "%s/CURRENT", path);
    file = fopen(name, "rb");
    if (!file)
        return HP_OK;
    if (fscanf(file, "%63s", manifest) != 1)
        manifest[0] = '\0';
    fclose(file);
    snprintf(name, sizeof(name), "%s/%s", path, manifest);
    file = *manifest ? fopen(name, "rb") : NULL;
    if (!file)
        return hp_fail(error, HP_CORRUPT, "open %s: CURRENT names no manifest", path);
    if (!ends_whole(file))
        status = hp_fail(error, HP_CORRUPT, "open %s: %s is cut", path, manifest);
    fclose(file);
    return status;
}

/* What a load left behind when the process died in it. */
static void
remove_leftovers(const char *path)
{
    DIR *directory = opendir(path);
    struct dirent *entry;

    if (!directory)
        return;
    while ((entry = readdir(directory)))
        if (strncmp(entry->d_name, LOAD_PREFIX, strlen(LOAD_PREFIX)) == 0)
            unlinkat(dirfd(directory), entry->d_name, 0);
    closedir(directory);
}

/*
 * Filters and indexes are cut into small parts: whole, the filter of a file of a million keys
 * is larger than a shard of the cache, is never kept, and every lookup reads it again.
 */
static void
set_tables(rocksdb_options_t *options, size_t cache_bytes)
{
    rocksdb_block_based_table_options_t *tables = rocksdb_block_based_options_create();
    rocksdb_cache_t *cache = rocksdb_cache_create_lru(cache_bytes);

    rocksdb_block_based_options_set_block_cache(tables, cache);
    rocksdb_block_based_options_set_block_size(tables, 8 << 10);
    rocksdb_block_based_options_set_filter_policy(
        tables, rocksdb_filterpolicy_create_bloom_full(10));
    rocksdb_block_based_options_set_partition_filters(tables, 1);
    rocksdb_block_based_options_set_index_type(
        tables, rocksdb_block_based_table_index_type_two_level_index_search);
    rocksdb_block_based_options_set_metadata_block_size(tables, 4 << 10);
    rocksdb_block_based_options_set_pin_top_level_index_and_filter(tables, 1);
    rocksdb_block_based_options_set_cache_index_and_filter_blocks(tables, 1);
    rocksdb_block_based_options_set_cache_index_and_filter_blocks_with_high_priority(tables, 1);
    rocksdb_block_based_options_set_pin_l0_filter_and_index_blocks_in_cache(tables, 1);
    rocksdb_options_set_block_based_table_factory(options, tables);
    rocksdb_cache_destroy(cache); /* the factory holds its own count */
    rocksdb_block_based_options_destroy(tables);
}

static rocksdb_options_t *
make_options(const struct hp_kv_rocks_options *given)
{
    size_t buffers = given->write_buffer_bytes ? given->write_buffer_bytes : BYTES_DEFAULT;
    rocksdb_options_t *options = rocksdb_options_create();

    rocksdb_options_set_create_if_missing(options, 1);
    rocksdb_options_set_db_write_buffer_size(options, buffers);
    rocksdb_options_set_write_buffer_size(options, buffers / 2);
    rocksdb_options_set_max_write_buffer_number(options, 3);
    rocksdb_options_set_max_background_jobs(options, 2);
    rocksdb_options_set_level_compaction_dynamic_level_bytes(options, 1);
    rocksdb_options_set_compression(options, rocksdb_lz4_compression);
    rocksdb_options_set_wal_recovery_mode(options, rocksdb_point_in_time_recovery);
    /* A reader beside a writer keeps every file open, so that none vanishes under it. */
    rocksdb_options_set_max_open_files(options, given->read_only ? -1 : FILES_MAX);
    rocksdb_options_set_info_log_level(options, 2); /* warnings */
    rocksdb_options_set_max_log_file_size(options, 4 * MIB);
    rocksdb_options_set_keep_log_file_num(options, 3);
    /* The list of files names their first and last keys: it is begun anew with every change,
     * so that keys of files that are gone are gone, too. */
    rocksdb_options_set_max_manifest_file_size(options, 1);
    set_tables(options, given->cache_bytes ? given->cache_bytes : BYTES_DEFAULT);
    return options;
}

static void
rocks_free(struct hp_kv *kv)
{
    struct rocks *rocks = (struct rocks *)kv;

    if (rocks->db)
        rocksdb_close(rocks->db);
    rocksdb_options_destroy(rocks->options);
    rocksdb_readoptions_destroy(rocks->read_options);
    rocksdb_writeoptions_destroy(rocks->write_options);
    free(rocks->path);
    free(rocks);
}

static enum hp_status
rocks_get(struct hp_kv *kv, struct hp_bytes key, struct hp_arena *arena, struct hp_bytes *value,
    struct hp_error *error)
{
    struct rocks *rocks = (struct rocks *)kv;
    rocksdb_pinnableslice_t *slice;
    char *message = NULL;

    *value = (struct hp_bytes){0};
    slice = rocksdb_get_pinned(
        rocks->db, rocks->read_options, (const char *)key.data, key.size, &message);
    if (message)
        return rocks_fail(rocks, error, "read from", rocks->path, message);
    if (slice) {
        size_t size;
        const char *data = rocksdb_pinnableslice_value(slice, &size);

        *value = hp_arena_copy(arena, hp_bytes(data ? data : "", size));
        rocksdb_pinnableslice_destroy(slice);
    }
    return HP_OK;
}

/* Raises `end` to just behind `key` when that is later. */
static void
raise_end(struct hp_buffer *end, struct hp_bytes key)
{
    if (hp_bytes_compare(hp_buffer_bytes(end), key) > 0)
        return;
    hp_buffer_clear(end);
    hp_buffer_append(end, key.data, key.size);
    hp_put_u8(end, 0);
}

/*
 * "To the end" needs a key to stop before: behind the last one of the database and of the puts
 * of this batch.
 */
static void
find_end(struct rocks *rocks, const struct hp_kv_batch *batch, struct hp_buffer *end)
{
    rocksdb_iterator_t *iterator = rocksdb_create_iterator(rocks->db, rocks->read_options);
    struct hp_cursor cursor = hp_cursor(hp_buffer_bytes(&batch->bytes));
    struct hp_kv_operation operation;

    hp_buffer_clear(end);
    rocksdb_iter_seek_to_last(iterator);
    if (rocksdb_iter_valid(iterator)) {
        size_t size;
        const char *key = rocksdb_iter_key(iterator, &size);

        raise_end(end, hp_bytes(key, size));
    }
    rocksdb_iter_destroy(iterator);
    while (hp_kv_batch_next(&cursor, &operation))
        if (operation.kind == HP_KV_PUT)
            raise_end(end, operation.a);
}

static void
add_range(struct rocks *rocks, const struct hp_kv_batch *batch, struct hp_bytes from,
    struct hp_bytes to, rocksdb_writebatch_t *out)
{
    struct hp_buffer end = {0};

    if (!to.data) {
        find_end(rocks, batch, &end);
        to = hp_buffer_bytes(&end);
    }
    if (hp_bytes_compare(from, to) < 0)
        rocksdb_writebatch_delete_range(
            out, (const char *)from.data, from.size, (const char *)to.data, to.size);
    hp_buffer_release(&end);
}

static void
add_operation(struct rocks *rocks, const struct hp_kv_batch *batch,
    const struct hp_kv_operation *operation, rocksdb_writebatch_t *out)
{
    const char *key = (const char *)operation->a.data;
    size_t size = operation->a.size;

    switch (operation->kind) {
    case HP_KV_PUT:
        rocksdb_writebatch_put(
            out, key, size, (const char *)operation->b.data, operation->b.size);
        break;
    case HP_KV_DELETE: rocksdb_writebatch_delete(out, key, size); break;
    case HP_KV_DELETE_RANGE: add_range(rocks, batch, operation->a, operation->b, out); break;
    }
}

/* Before RocksDB finds out for itself. Also keeps room for the flush of what is in memory. */
static enum hp_status
check_room(const struct rocks *rocks, struct hp_error *error)
{
    struct statvfs now;
    uint64_t free_bytes;

    if (statvfs(rocks->path, &now) != 0)
        return hp_fail(error, HP_FATAL, "write to %s: %s", rocks->path, strerror(errno));
    free_bytes = (uint64_t)now.f_bavail * now.f_frsize;
    if (free_bytes >= rocks->free_bytes_least)
        return HP_OK;
    return hp_fail(error, HP_FATAL,
        "write to %s: %" PRIu64 " MiB are free, below the %zu MiB that must be; free space and "
        "start again, nothing is lost",
        rocks->path, free_bytes / MIB, rocks->free_bytes_least / MIB);
}

static enum hp_status
rocks_write(struct hp_kv *kv, const struct hp_kv_batch *batch, struct hp_error *error)
{
    struct rocks *rocks = (struct rocks *)kv;
    enum hp_status status = check_room(rocks, error);
    rocksdb_writebatch_t *out;
    struct hp_cursor cursor = hp_cursor(hp_buffer_bytes(&batch->bytes));
    struct hp_kv_operation operation;
    char *message = NULL;

    if (status)
        return status;
    out = rocksdb_writebatch_create();

    while (hp_kv_batch_next(&cursor, &operation))
        add_operation(rocks, batch, &operation, out);
    rocksdb_write(rocks->db, rocks->write_options, out, &message);
    rocksdb_writebatch_destroy(out);
    return message ? rocks_fail(rocks, error, "write to", rocks->path, message) : HP_OK;
}

static const struct hp_kv_operations operations;

static struct hp_kv_cursor *
rocks_scan(struct hp_kv *kv, struct hp_bytes from, struct hp_bytes to)
{
    struct rocks *rocks = (struct rocks *)kv;
    struct rocks_cursor *cursor = hp_alloc(sizeof(*cursor));

    cursor->object.operations = &operations;
    cursor->rocks = rocks;
    cursor->read_options = rocksdb_readoptions_create();
    if (to.data) {
        hp_buffer_reserve(&cursor->to, to.size + 1);
        hp_buffer_append(&cursor->to, to.data, to.size);
        rocksdb_readoptions_set_iterate_upper_bound(
            cursor->read_options, (const char *)cursor->to.data, cursor->to.size);
    }
    cursor->iterator = rocksdb_create_iterator(rocks->db, cursor->read_options);
    rocksdb_iter_seek(cursor->iterator, from.data ? (const char *)from.data : "", from.size);
    return (struct hp_kv_cursor *)cursor;
}

static bool
rocks_next(struct hp_kv_cursor *object, struct hp_bytes *key, struct hp_bytes *value)
{
    struct rocks_cursor *cursor = (struct rocks_cursor *)object;
    const char *data;
    size_t size;

    if (!rocksdb_iter_valid(cursor->iterator))
        return false;
    if (cursor->started)
        rocksdb_iter_next(cursor->iterator);
    cursor->started = true;
    if (!rocksdb_iter_valid(cursor->iterator))
        return false;
    data = rocksdb_iter_key(cursor->iterator, &size);
    *key = hp_bytes(data, size);
    data = rocksdb_iter_value(cursor->iterator, &size);
    *value = hp_bytes(data ? data : "", size);
    return true;
}

static enum hp_status
rocks_cursor_free(struct hp_kv_cursor *object, struct hp_error *error)
{
    struct rocks_cursor *cursor = (struct rocks_cursor *)object;
    struct rocks *rocks = cursor->rocks;
    char *message = NULL;

    rocksdb_iter_get_error(cursor->iterator, &message);
    rocksdb_iter_destroy(cursor->iterator);
    rocksdb_readoptions_destroy(cursor->read_options);
    hp_buffer_release(&cursor->to);
    free(cursor);
    return message ? rocks_fail(rocks, error, "scan", rocks->path, message) : HP_OK;
}

/* The table files of one load. */
struct load {
    struct rocks *rocks;
    rocksdb_sstfilewriter_t *writer;
    char **files;
    size_t file_count;
    size_t file_bytes; /* in the file being written; 0 = none is open */
};

static enum hp_status
load_open_file(struct load *load, struct hp_error *error)
{
    char path[LOAD_PATH_MAX];
    char *message = NULL;
    int size = snprintf(path, sizeof(path), "%s/" LOAD_PREFIX "%u.sst", load->rocks->path,
        load->rocks->load_count++);

    if (size < 0 || (size_t)size >= sizeof(path))
        return hp_fail(
            error, HP_FATAL, "load into %s: the path is too long", load->rocks->path);
    load->files = hp_realloc_array(load->files, load->file_count + 1, sizeof(*load->files));
    load->files[load->file_count++] = hp_strdup(path);
    rocksdb_sstfilewriter_open(load->writer, path, &message);
    return message ? rocks_fail(load->rocks, error, "load into", path, message) : HP_OK;
}

static enum hp_status
load_close_file(struct load *load, struct hp_error *error)
{
    char *message = NULL;

    if (load->file_bytes == 0)
        return HP_OK;
    load->file_bytes = 0;
    rocksdb_sstfilewriter_finish(load->writer, &message);
    return message ? rocks_fail(load->rocks, error, "load into", load->rocks->path, message)
                   : HP_OK;
}

static enum hp_status
load_put(struct load *load, struct hp_bytes key, struct hp_bytes value, struct hp_error *error)
{
    char *message = NULL;
    enum hp_status status = HP_OK;

    if (load->file_bytes >= LOAD_FILE_SIZE)
        status = load_close_file(load, error);
    if (!status && load->file_bytes == 0)
        status = load_open_file(load, error);
    if (status)
        return status;
    load->file_bytes += key.size + value.size + 1;
    rocksdb_sstfilewriter_put(load->writer, (const char *)key.data, key.size,
        (const char *)value.data, value.size, &message);
    return message ? rocks_fail(load->rocks, error, "load into", load->rocks->path, message)
                   : HP_OK;
}

static enum hp_status
load_move(struct load *load, struct hp_error *error)
{
    rocksdb_ingestexternalfileoptions_t *options;
    char *message = NULL;

    if (load->file_count == 0)
        return HP_OK;
    options = rocksdb_ingestexternalfileoptions_create();
    rocksdb_ingestexternalfileoptions_set_move_files(options, 1);
    rocksdb_ingest_external_file(
        load->rocks->db, (const char *const *)load->files, load->file_count, options, &message);
    rocksdb_ingestexternalfileoptions_destroy(options);
    return message ? rocks_fail(load->rocks, error, "load into", load->rocks->path, message)
                   : HP_OK;
}

static enum hp_status
rocks_ingest(struct hp_kv *kv, bool (*next)(void *, struct hp_bytes *, struct hp_bytes *),
    void *context, struct hp_error *error)
{
    struct rocks *rocks = (struct rocks *)kv;
    rocksdb_envoptions_t *environment = rocksdb_envoptions_create();
    struct load load = {.rocks = rocks};
    struct hp_bytes key;
    struct hp_bytes value;
    enum hp_status status = check_room(rocks, error);

    load.writer = rocksdb_sstfilewriter_create(environment, rocks->options);
    while (!status && next(context, &key, &value))
        status = load_put(&load, key, value, error);
    if (!status)
        status = load_close_file(&load, error);
    rocksdb_sstfilewriter_destroy(load.writer);
    rocksdb_envoptions_destroy(environment);
    if (!status)
        status = load_move(&load, error);
    for (size_t i = 0; i < load.file_count; i++) {
        unlink(load.files[i]); /* already gone when it was moved */
        free(load.files[i]);
    }
    free(load.files);
    return status;
}

static enum hp_status
rocks_compact(
    struct hp_kv *kv, struct hp_bytes from, struct hp_bytes to, struct hp_error *error)
{
    struct rocks *rocks = (struct rocks *)kv;
    rocksdb_compactoptions_t *options = rocksdb_compactoptions_create();

    (void)error; /* RocksDB reports a failed compaction at the next write */
    rocksdb_compactoptions_set_exclusive_manual_compaction(options, 0);
    rocksdb_compactoptions_set_bottommost_level_compaction(options, 2); /* force */
    rocksdb_compact_range_opt(
        rocks->db, options, (const char *)from.data, from.size, (const char *)to.data, to.size);
    rocksdb_compactoptions_destroy(options);
    return HP_OK;
}

static const struct hp_kv_operations operations = {
    .free = rocks_free,
    .get = rocks_get,
    .write = rocks_write,
    .scan = rocks_scan,
    .next = rocks_next,
    .cursor_free = rocks_cursor_free,
    .ingest = rocks_ingest,
    .compact = rocks_compact,
};

enum hp_status
hp_kv_rocks_open(
    const struct hp_kv_rocks_options *options, struct hp_kv **kv, struct hp_error *error)
{
    struct rocks *rocks;
    char *message = NULL;
    enum hp_status status;

    *kv = NULL;
    status = options->read_only ? find_database(options->path, error)
                                : make_directories(options->path, error);
    if (!status && !options->read_only)
        status = check_manifest(options->path, error);
    if (status)
        return status;
    rocks = hp_alloc(sizeof(*rocks));
    rocks->object.operations = &operations;
    rocks->path = hp_strdup(options->path);
    rocks->free_bytes_least = options->free_bytes_least     ? options->free_bytes_least
                              : options->write_buffer_bytes ? 2 * options->write_buffer_bytes
                                                            : 2 * BYTES_DEFAULT;
    rocks->options = make_options(options);
    rocks->read_options = rocksdb_readoptions_create();
    rocks->write_options = rocksdb_writeoptions_create();
    if (options->read_only)
        rocks->db = rocksdb_open_for_read_only(rocks->options, rocks->path, 0, &message);
    else
        rocks->db = rocksdb_open(rocks->options, rocks->path, &message);
    if (message) {
        status = rocks_fail(rocks, error, "open", rocks->path, message);
        rocks->db = NULL;
        rocks_free((struct hp_kv *)rocks);
        return status;
    }
    if (!options->read_only)
        remove_leftovers(rocks->path);
    *kv = (struct hp_kv *)rocks;
    return HP_OK;
}

enum hp_status
hp_kv_rocks_destroy(const char *path, struct hp_error *error)
{
    rocksdb_options_t *options;
    char *message = NULL;

    if (access(path, F_OK) != 0)
        return HP_OK;
    remove_leftovers(path);
    options = rocksdb_options_create();
    rocksdb_destroy_db(options, path, &message);
    rocksdb_options_destroy(options);
    return message ? rocks_fail(NULL, error, "delete", path, message) : HP_OK;
}

bool
hp_kv_rocks_damaged(const struct hp_kv *kv)
{
    return atomic_load(&((const struct rocks *)kv)->damaged);
}
