/*
 * store/kv_memory.c - a persistent treap: a search tree by key that is a heap by the hash of
 * the key (Seidel and Aragon 1996), with counted references.
 *
 *             root ──► m ◄── cursor's root        a node reached only once is changed in
 *                     / \                         place; a shared one is copied on the way
 *                    d   t                        down, and its children become shared
 *
 * So a snapshot is one more reference to the root, writes beside it cost a copy of the path
 * they touch, and writes without any cursor copy nothing.
 *
 * Invariants: (1) a node's (hash, key) is greater than its children's, so the shape follows
 * from the set of keys alone; (2) a node whose count is above one, or that hangs below such a
 * node, is never changed; (3) every holder of a pointer owns one count.
 *
 * Locks: readers share, a batch excludes; cursors hold no lock while they run. 56 bytes a pair
 * besides key and value; depth about 2.9 ln n (40 at a million).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "store/kv_memory.h"

#include "base/hash.h"
#include "store/kv_operations.h"

#include <pthread.h>
#include <stdatomic.h>

#define DEPTH_MAX 512

struct node {
    atomic_size_t references;
    uint64_t hash;
    struct node *left;
    struct node *right;
    size_t key_size;
    size_t value_size;
    uint8_t data[]; /* key, then value */
};

struct memory {
    struct hp_kv_object object;
    pthread_rwlock_t lock;
    struct node *root;
};

struct memory_cursor {
    struct hp_kv_object object;
    struct node *root;
    uint8_t *to; /* NULL = to the end */
    size_t to_size;
    size_t depth;
    struct node *path[DEPTH_MAX]; /* nodes still to be visited, the next one last */
};

static struct hp_bytes
node_key(const struct node *node)
{
    return hp_bytes(node->data, node->key_size);
}

static struct hp_bytes
node_value(const struct node *node)
{
    return hp_bytes(node->data + node->key_size, node->value_size);
}

static struct node *
keep(struct node *node)
{
    if (node)
        atomic_fetch_add_explicit(&node->references, 1, memory_order_relaxed);
    return node;
}

static void
drop(struct node *node)
{
    if (!node || atomic_fetch_sub_explicit(&node->references, 1, memory_order_acq_rel) > 1)
        return;
    drop(node->left);
    drop(node->right);
    free(node);
}

static struct node *
node_new(struct hp_bytes key, struct hp_bytes value)
{
    struct node *node = hp_alloc(sizeof(*node) + key.size + value.size);

    atomic_init(&node->references, 1);
    node->hash = hp_hash64(key);
    node->key_size = key.size;
    node->value_size = value.size;
    if (key.size)
        memcpy(node->data, key.data, key.size);
    if (value.size)
        memcpy(node->data + key.size, value.data, value.size);
    return node;
}

/* Turns the caller's count into a node that may be changed; keeps (2). */
static struct node *
own(struct node *node)
{
    struct node *copy;

    if (atomic_load_explicit(&node->references, memory_order_acquire) == 1)
        return node;
    copy = node_new(node_key(node), node_value(node));
    copy->left = keep(node->left);
    copy->right = keep(node->right);
    drop(node);
    return copy;
}

static bool
is_above(const struct node *a, const struct node *b)
{
    if (a->hash != b->hash)
        return a->hash > b->hash;
    return hp_bytes_compare(node_key(a), node_key(b)) > 0;
}

/* Takes `node`; *left gets the keys below `key`, *right the others. */
static void
split(struct node *node, struct hp_bytes key, struct node **left, struct node **right)
{
    if (!node) {
        *left = *right = NULL;
        return;
    }
    node = own(node);
    if (hp_bytes_compare(node_key(node), key) < 0) {
        split(node->right, key, &node->right, right);
        *left = node;
    } else {
        split(node->left, key, left, &node->left);
        *right = node;
    }
}

/* Takes both; every key of `left` is below every key of `right`. */
static struct node *
join(struct node *left, struct node *right)
{
    if (!left || !right)
        return left ? left : right;
    if (is_above(left, right)) {
        left = own(left);
        left->right = join(left->right, right);
        return left;
    }
    right = own(right);
    right->left = join(left, right->left);
    return right;
}

/* Takes both; an older node with the same key goes. */
static struct node *
insert(struct node *node, struct node *fresh)
{
    int order;

    if (!node)
        return fresh;
    order = hp_bytes_compare(node_key(fresh), node_key(node));
    if (order == 0) {
        fresh->left = keep(node->left);
        fresh->right = keep(node->right);
        drop(node);
        return fresh;
    }
    if (is_above(fresh, node)) { /* so the key is not below `node` either: keeps (1) */
        split(node, node_key(fresh), &fresh->left, &fresh->right);
        return fresh;
    }
    node = own(node);
    if (order < 0)
        node->left = insert(node->left, fresh);
    else
        node->right = insert(node->right, fresh);
    return node;
}

static const struct node *
find(const struct node *node, struct hp_bytes key)
{
    while (node) {
        int order = hp_bytes_compare(key, node_key(node));

        if (order == 0)
            break;
        node = order < 0 ? node->left : node->right;
    }
    return node;
}

/* Takes `node`; the key is there, so that nothing is copied in vain. */
static struct node *
erase(struct node *node, struct hp_bytes key)
{
    int order = hp_bytes_compare(key, node_key(node));

    if (order == 0) {
        struct node *left = keep(node->left);
        struct node *right = keep(node->right);

        drop(node); /* before the join, which would copy what is still shared */
        return join(left, right);
    }
    node = own(node);
    if (order < 0)
        node->left = erase(node->left, key);
    else
        node->right = erase(node->right, key);
    return node;
}

static struct node *
erase_range(struct node *node, struct hp_bytes from, struct hp_bytes to)
{
    struct node *below;
    struct node *inside;
    struct node *above = NULL;

    if (to.data && hp_bytes_compare(from, to) >= 0)
        return node;
    split(node, from, &below, &inside);
    if (to.data)
        split(inside, to, &inside, &above);
    drop(inside);
    return join(below, above);
}

static void
memory_free(struct hp_kv *kv)
{
    struct memory *memory = (struct memory *)kv;

    drop(memory->root);
    pthread_rwlock_destroy(&memory->lock);
    free(memory);
}

static enum hp_status
memory_get(struct hp_kv *kv, struct hp_bytes key, struct hp_arena *arena,
    struct hp_bytes *value, struct hp_error *error)
{
    struct memory *memory = (struct memory *)kv;
    const struct node *node;

    (void)error;
    pthread_rwlock_rdlock(&memory->lock);
    node = find(memory->root, key);
    *value = node ? hp_arena_copy(arena, node_value(node)) : (struct hp_bytes){0};
    pthread_rwlock_unlock(&memory->lock);
    return HP_OK;
}

static void
apply(struct memory *memory, const struct hp_kv_operation *operation)
{
    switch (operation->kind) {
    case HP_KV_PUT:
        memory->root = insert(memory->root, node_new(operation->a, operation->b));
        break;
    case HP_KV_DELETE:
        if (find(memory->root, operation->a))
            memory->root = erase(memory->root, operation->a);
        break;
    case HP_KV_DELETE_RANGE:
        memory->root = erase_range(memory->root, operation->a, operation->b);
        break;
    }
}

static enum hp_status
memory_write(struct hp_kv *kv, const struct hp_kv_batch *batch, struct hp_error *error)
{
    struct memory *memory = (struct memory *)kv;
    struct hp_cursor cursor = hp_cursor(hp_buffer_bytes(&batch->bytes));
    struct hp_kv_operation operation;

    (void)error;
    pthread_rwlock_wrlock(&memory->lock);
    while (hp_kv_batch_next(&cursor, &operation))
        apply(memory, &operation);
    pthread_rwlock_unlock(&memory->lock);
    return HP_OK;
}

static void
cursor_push(struct memory_cursor *cursor, struct node *node)
{
    HP_ASSERT(cursor->depth < DEPTH_MAX);
    cursor->path[cursor->depth++] = node;
}

static const struct hp_kv_operations operations;

static struct hp_kv_cursor *
memory_scan(struct hp_kv *kv, struct hp_bytes from, struct hp_bytes to)
{
    struct memory *memory = (struct memory *)kv;
    struct memory_cursor *cursor = hp_alloc(sizeof(*cursor));

    cursor->object.operations = &operations;
    pthread_rwlock_rdlock(&memory->lock);
    cursor->root = keep(memory->root);
    pthread_rwlock_unlock(&memory->lock);
    if (to.data) {
        cursor->to = hp_alloc(to.size ? to.size : 1);
        cursor->to_size = to.size;
        if (to.size)
            memcpy(cursor->to, to.data, to.size);
    }
    for (struct node *node = cursor->root; node;) {
        if (hp_bytes_compare(node_key(node), from) >= 0) {
            cursor_push(cursor, node);
            node = node->left;
        } else {
            node = node->right;
        }
    }
    return (struct hp_kv_cursor *)cursor;
}

static bool
memory_next(struct hp_kv_cursor *object, struct hp_bytes *key, struct hp_bytes *value)
{
    struct memory_cursor *cursor = (struct memory_cursor *)object;
    const struct node *node;

    if (cursor->depth == 0)
        return false;
    node = cursor->path[--cursor->depth];
    if (cursor->to &&
        hp_bytes_compare(node_key(node), hp_bytes(cursor->to, cursor->to_size)) >= 0) {
        cursor->depth = 0;
        return false;
    }
    for (struct node *next = node->right; next; next = next->left)
        cursor_push(cursor, next);
    *key = node_key(node);
    *value = node_value(node);
    return true;
}

static enum hp_status
memory_cursor_free(struct hp_kv_cursor *object, struct hp_error *error)
{
    struct memory_cursor *cursor = (struct memory_cursor *)object;

    (void)error;
    drop(cursor->root);
    free(cursor->to);
    free(cursor);
    return HP_OK;
}

/* Gathered first: next() may read this very map. */
static enum hp_status
memory_ingest(struct hp_kv *kv, bool (*next)(void *, struct hp_bytes *, struct hp_bytes *),
    void *context, struct hp_error *error)
{
    struct hp_kv_batch batch = {0};
    struct hp_buffer last = {0};
    struct hp_bytes key;
    struct hp_bytes value;
    enum hp_status status = HP_OK;

    while (next(context, &key, &value)) {
        if (batch.count && hp_bytes_compare(hp_buffer_bytes(&last), key) >= 0) {
            status = hp_fail(error, HP_FATAL, "load: keys are not in order");
            break;
        }
        hp_kv_put(&batch, key, value);
        hp_buffer_clear(&last);
        hp_buffer_append(&last, key.data, key.size);
    }
    if (!status)
        status = memory_write(kv, &batch, error);
    hp_kv_batch_release(&batch);
    hp_buffer_release(&last);
    return status;
}

/* Deleted bytes are already gone. */
static enum hp_status
memory_compact(
    struct hp_kv *kv, struct hp_bytes from, struct hp_bytes to, struct hp_error *error)
{
    (void)kv, (void)from, (void)to, (void)error;
    return HP_OK;
}

static const struct hp_kv_operations operations = {
    .free = memory_free,
    .get = memory_get,
    .write = memory_write,
    .scan = memory_scan,
    .next = memory_next,
    .cursor_free = memory_cursor_free,
    .ingest = memory_ingest,
    .compact = memory_compact,
};

struct hp_kv *
hp_kv_memory_new(void)
{
    struct memory *memory = hp_alloc(sizeof(*memory));

    memory->object.operations = &operations;
    HP_ASSERT(pthread_rwlock_init(&memory->lock, NULL) == 0);
    return (struct hp_kv *)memory;
}
