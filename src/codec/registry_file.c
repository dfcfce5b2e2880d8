/*
 * codec/registry_file.c - a folder of schemas with an index.
 *
 * index.json maps each subject to {"id": N, "file": "Order.avsc", "older": [{"id": …, "file":
 * …}, …]}. The index is read when the folder is opened, and again when an id is asked for that
 * it does not have while the file has changed; so a new writer's schema can be dropped in
 * without a restart. A changed index that is broken is not taken: the record waits.
 *
 * Names in the index are not trusted: no absolute path, no `..`, no empty part, no control
 * character; and what a link leads to must lie inside the folder (Kubernetes mounts a ConfigMap
 * as links inside the folder, so links as such are fine). Files are regular and bounded.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/arena.h"
#include "codec/registry_ops.h"
#include "domain/reasons.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#define INDEX_NAME  "index.json"
#define ENTRIES_MAX 10000
#define NAME_MAX_   255

struct entry {
    const char *subject;
    const char *file;
    int32_t id;
};

struct index {
    struct hp_arena arena; /* holds the texts */
    struct entry *entries;
    size_t count;
    struct stat seen; /* the file as it was read */
};

struct file_registry {
    struct hp_registry registry;
    char folder[PATH_MAX]; /* resolved: absolute, without links */
    pthread_mutex_t lock;
    struct index index;
};

static bool
is_safe_name(const char *name)
{
    size_t size = strlen(name);

    if (size == 0 || size > NAME_MAX_)
        return false;
    for (size_t i = 0; i < size; i++)
        if ((unsigned char)name[i] < 0x20 || name[i] == 0x7F || name[i] == '\\')
            return false;
    for (;;) {
        size_t part = strcspn(name, "/");

        if (part == 0 || (part == 1 && name[0] == '.') || (part == 2 && !memcmp(name, "..", 2)))
            return false;
        if (!name[part])
            return true;
        name += part + 1;
    }
}

/* Where `name` leads, if that is inside the folder. */
static enum hp_status
resolve(const struct file_registry *files, const char *name, char resolved[PATH_MAX],
    struct hp_error *error)
{
    size_t length = strlen(files->folder);
    char path[PATH_MAX + NAME_MAX_ + 2];

    if (!is_safe_name(name))
        return hp_fail(error, HP_USAGE, "%s/" INDEX_NAME ": \"%.80s\" is no plain file name",
            files->folder, name);
    snprintf(path, sizeof(path), "%s/%s", files->folder, name);
    if (!realpath(path, resolved))
        return hp_fail(error, HP_USAGE, "%s: %s", path, strerror(errno));
    if (strncmp(resolved, files->folder, length) != 0 ||
        (resolved[length] != '/' && files->folder[length - 1] != '/'))
        return hp_fail(error, HP_USAGE, "%s leads out of the folder", path);
    return HP_OK;
}

static enum hp_status
read_all(
    int file, size_t size, struct hp_buffer *text, const char *path, struct hp_error *error)
{
    while (size > 0) {
        uint8_t bytes[4096];
        ssize_t got = read(file, bytes, size < sizeof(bytes) ? size : sizeof(bytes));

        if (got <= 0)
            return hp_fail(error, HP_USAGE, "%s: %s", path,
                got < 0 ? strerror(errno) : "became shorter while it was read");
        hp_buffer_append(text, bytes, (size_t)got);
        size -= (size_t)got;
    }
    return HP_OK;
}

static enum hp_status
read_file(const struct file_registry *files, const char *name, struct hp_buffer *text,
    struct stat *seen, struct hp_error *error)
{
    char path[PATH_MAX];
    enum hp_status status = resolve(files, name, path, error);
    int file;

    if (status)
        return status;
    file = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (file < 0)
        return hp_fail(error, HP_USAGE, "%s: %s", path, strerror(errno));
    if (fstat(file, seen) || !S_ISREG(seen->st_mode))
        status = hp_fail(error, HP_USAGE, "%s is no file", path);
    else if (seen->st_size > HP_REGISTRY_SCHEMA_MAX)
        status =
            hp_fail(error, HP_USAGE, "%s has more than %d bytes", path, HP_REGISTRY_SCHEMA_MAX);
    else
        status = read_all(file, (size_t)seen->st_size, text, path, error);
    close(file);
    return status;
}

/* One {"id": …, "file": …}; the file must be there. */
static enum hp_status
add_entry(const struct file_registry *files, struct index *index, const char *subject,
    const json_t *json, struct hp_error *error)
{
    const json_t *id = json_object_get(json, "id");
    const char *name = json_string_value(json_object_get(json, "file"));
    struct entry *entry;
    char path[PATH_MAX];

    if (!name || !json_is_integer(id) || json_integer_value(id) < 1 ||
        json_integer_value(id) > INT32_MAX)
        return hp_fail(error, HP_USAGE,
            "%s/" INDEX_NAME ": %.80s needs \"id\" (1 to 2147483647) and \"file\"",
            files->folder, subject);
    if (index->count == ENTRIES_MAX)
        return hp_fail(error, HP_USAGE, "%s/" INDEX_NAME ": more than %d entries",
            files->folder, ENTRIES_MAX);
    for (size_t i = 0; i < index->count; i++)
        if (index->entries[i].id == json_integer_value(id) &&
            strcmp(index->entries[i].file, name) != 0)
            return hp_fail(error, HP_USAGE, "%s/" INDEX_NAME ": id %d is both %s and %.80s",
                files->folder, index->entries[i].id, index->entries[i].file, name);
    entry = &index->entries[index->count++];
    entry->subject = hp_arena_text(&index->arena, hp_bytes_text(subject));
    entry->file = hp_arena_text(&index->arena, hp_bytes_text(name));
    entry->id = (int32_t)json_integer_value(id);
    return resolve(files, name, path, error);
}

static enum hp_status
fill_index(const struct file_registry *files, struct index *index, const json_t *root,
    struct hp_error *error)
{
    const char *subject;
    json_t *value;

    if (!json_is_object(root))
        return hp_fail(error, HP_USAGE, "%s/" INDEX_NAME " is no object", files->folder);
    index->entries = HP_ARENA_ARRAY(&index->arena, ENTRIES_MAX, struct entry);
    json_object_foreach((json_t *)root, subject, value)
    {
        const json_t *older = json_object_get(value, "older");
        enum hp_status status = add_entry(files, index, subject, value, error);

        for (size_t i = 0; i < json_array_size(older) && !status; i++)
            status = add_entry(files, index, subject, json_array_get(older, i), error);
        if (status)
            return status;
    }
    return HP_OK;
}

static enum hp_status
load_index(const struct file_registry *files, struct index *index, struct hp_error *error)
{
    struct hp_buffer text = {0};
    enum hp_status status = read_file(files, INDEX_NAME, &text, &index->seen, error);
    json_error_t where;
    json_t *root = NULL;

    if (!status) {
        root = json_loadb(text.data ? (const char *)text.data : "", text.size,
            JSON_REJECT_DUPLICATES, &where);
        status = root ? fill_index(files, index, root, error)
                      : hp_fail(error, HP_USAGE, "%s/" INDEX_NAME ": line %d: %s",
                            files->folder, where.line, where.text);
    }
    json_decref(root);
    hp_buffer_release(&text);
    return status;
}

static bool
index_changed(const struct file_registry *files)
{
    const struct stat *seen = &files->index.seen;
    char path[PATH_MAX + sizeof(INDEX_NAME) + 1];
    struct stat now;

    snprintf(path, sizeof(path), "%s/" INDEX_NAME, files->folder);
    if (stat(path, &now))
        return true;
    return now.st_ino != seen->st_ino || now.st_size != seen->st_size ||
           now.st_mtim.tv_sec != seen->st_mtim.tv_sec ||
           now.st_mtim.tv_nsec != seen->st_mtim.tv_nsec;
}

static const struct entry *
find_id(const struct index *index, int32_t id)
{
    for (size_t i = 0; i < index->count; i++)
        if (index->entries[i].id == id)
            return &index->entries[i];
    return NULL;
}

/* A changed index is taken only whole; files that cannot be read now are a reason to wait. */
static enum hp_status
reload(struct file_registry *files, struct hp_error *error)
{
    struct index fresh = {0};

    if (load_index(files, &fresh, error)) {
        hp_arena_release(&fresh.arena);
        if (error)
            error->status = HP_RETRY;
        return HP_RETRY;
    }
    hp_arena_release(&files->index.arena);
    files->index = fresh;
    return HP_OK;
}

static enum hp_status
file_schema(
    struct hp_registry *registry, int32_t id, struct hp_buffer *json, struct hp_error *error)
{
    struct file_registry *files = (struct file_registry *)registry;
    size_t start = json->size;
    enum hp_status status = HP_OK;
    const struct entry *entry;
    struct stat seen;

    pthread_mutex_lock(&files->lock);
    entry = find_id(&files->index, id);
    if (!entry && index_changed(files)) {
        status = reload(files, error);
        entry = find_id(&files->index, id);
    }
    if (!status && !entry)
        status = hp_bad(error, HP_CODE_UNKNOWN_SCHEMA, "schema id %d is not in %s/" INDEX_NAME,
            id, files->folder);
    else if (!status && read_file(files, entry->file, json, &seen, error)) {
        json->size = start;
        status = HP_RETRY;
        if (error)
            error->status = status;
    }
    pthread_mutex_unlock(&files->lock);
    return status;
}

static bool
same_json(const struct file_registry *files, const struct entry *entry, const json_t *schema)
{
    struct hp_buffer text = {0};
    struct stat seen;
    json_t *other = NULL;
    bool same;

    if (!read_file(files, entry->file, &text, &seen, NULL) && text.size)
        other = json_loadb((const char *)text.data, text.size, JSON_DECODE_ANY, NULL);
    same = other && json_equal(other, schema);
    json_decref(other);
    hp_buffer_release(&text);
    return same;
}

/* The subject's entry when it has the schema; a renamed topic's subject is not in the index,
 * and then any entry with the schema will do. */
static const struct entry *
find_schema(const struct file_registry *files, const char *subject, const json_t *schema)
{
    bool known = false;

    for (size_t i = 0; i < files->index.count; i++) {
        const struct entry *entry = &files->index.entries[i];

        if (strcmp(entry->subject, subject) != 0)
            continue;
        known = true;
        if (same_json(files, entry, schema))
            return entry;
    }
    for (size_t i = 0; i < files->index.count && !known; i++)
        if (same_json(files, &files->index.entries[i], schema))
            return &files->index.entries[i];
    return NULL;
}

static enum hp_status
file_id(struct hp_registry *registry, const char *subject, struct hp_bytes schema_json,
    int32_t *id, struct hp_error *error)
{
    struct file_registry *files = (struct file_registry *)registry;
    json_t *schema =
        json_loadb((const char *)schema_json.data, schema_json.size, JSON_DECODE_ANY, NULL);
    const struct entry *entry;

    pthread_mutex_lock(&files->lock);
    entry = schema ? find_schema(files, subject, schema) : NULL;
    if (entry)
        *id = entry->id;
    pthread_mutex_unlock(&files->lock);
    json_decref(schema);
    if (entry)
        return HP_OK;
    return hp_fail(error, HP_USAGE,
        "%s: %s has no schema equal to the one this program writes; use the schemas that came "
        "with it",
        files->folder, subject);
}

static void
file_free(struct hp_registry *registry)
{
    struct file_registry *files = (struct file_registry *)registry;

    pthread_mutex_destroy(&files->lock);
    hp_arena_release(&files->index.arena);
    free(files);
}

enum hp_status
hp_registry_file_open(const char *folder, struct hp_registry **registry, struct hp_error *error)
{
    static const struct hp_registry_ops ops = {file_schema, file_id, file_free};
    struct file_registry *files = hp_alloc(sizeof(*files));
    enum hp_status status;

    files->registry = (struct hp_registry){&ops, NULL};
    pthread_mutex_init(&files->lock, NULL);
    if (!realpath(folder, files->folder))
        status =
            hp_fail(error, HP_USAGE, "schema.registry.url: %s: %s", folder, strerror(errno));
    else
        status = load_index(files, &files->index, error);
    if (status) {
        file_free(&files->registry);
        return status;
    }
    files->registry.name = hp_alloc(strlen(folder) + sizeof("file:"));
    snprintf(files->registry.name, strlen(folder) + sizeof("file:"), "file:%s", folder);
    *registry = &files->registry;
    return HP_OK;
}
