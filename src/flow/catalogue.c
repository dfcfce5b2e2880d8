/*
 * flow/catalogue.c - the catalogue view.
 *
 * A shelf is immutable once made and counted by the snapshots that hold it; a snapshot is an
 * array of pointers sorted by id, counted by its readers and by the view itself. A batch of
 * changes builds one new array: 8 bytes an item copied, however many items changed.
 *
 * Invariants: (1) a snapshot never changes; (2) for one key and partition offsets only rise;
 * (3) `material_at` and `stock_at` are carried over by changes that cannot matter to any box,
 * so that stock ticking along wakes nobody, and none of the two hides the other; (4) a record
 * whose schema cannot be fetched now makes its item ineligible at once and is tried again at
 * every step.
 *
 * Thread: one lock guards the counts and the current pointer, held for a few instructions.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "flow/catalogue.h"

#include "base/log.h"
#include "codec/frame.h"

#include <pthread.h>

struct shelf_object {
    struct hp_shelf shelf;
    size_t holders; /* snapshots, and the view's list of changes */
    struct hp_arena arena;
};

struct snapshot {
    struct hp_catalogue catalogue;
    struct shelf_object **objects;
    size_t holders;
};

struct unresolved { /* waits for the registry */
    struct hp_message message;
    struct hp_arena arena;
    struct unresolved *next;
};

struct hp_catalogue_view {
    const struct hp_flow_options *options;
    struct hp_view *view;
    pthread_mutex_t lock;
    struct snapshot *current;
    struct shelf_object **changed; /* of this batch, newest last */
    size_t changed_count;
    size_t changed_capacity;
    struct unresolved *unresolved;
    struct hp_arena scratch;
};

static void
shelf_drop(struct shelf_object *object)
{
    if (--object->holders)
        return;
    hp_arena_release(&object->arena);
    free(object);
}

static void
snapshot_drop(struct snapshot *snapshot)
{
    if (--snapshot->holders)
        return;
    for (size_t i = 0; i < snapshot->catalogue.count; i++)
        shelf_drop(snapshot->objects[i]);
    free(snapshot->objects);
    free((void *)snapshot->catalogue.shelves);
    free(snapshot);
}

static struct hp_strings
copy_strings(struct hp_arena *arena, struct hp_strings strings)
{
    struct hp_bytes *items = HP_ARENA_ARRAY(arena, strings.count, struct hp_bytes);

    for (size_t i = 0; i < strings.count; i++)
        items[i] = hp_arena_copy(arena, strings.items[i]);
    return (struct hp_strings){items, strings.count};
}

static void
copy_item(
    struct hp_arena *arena, const struct hp_catalogue_item *from, struct hp_catalogue_item *to)
{
    *to = *from;
    to->item_id = hp_arena_copy(arena, from->item_id);
    to->name = hp_arena_copy(arena, from->name);
    to->category = hp_arena_copy(arena, from->category);
    to->currency = hp_arena_copy(arena, from->currency);
    to->family = hp_arena_copy(arena, from->family);
    to->tags = copy_strings(arena, from->tags);
    to->allergens = copy_strings(arena, from->allergens);
    to->diets = copy_strings(arena, from->diets);
}

/* Position of the id in the current snapshot, or where it would stand. */
static size_t
find_index(const struct hp_catalogue *catalogue, struct hp_bytes item_id, bool *found)
{
    size_t low = 0;
    size_t high = catalogue->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = hp_bytes_compare(catalogue->shelves[middle]->item.item_id, item_id);

        if (order == 0) {
            *found = true;
            return middle;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *found = false;
    return low;
}

const struct hp_shelf *
hp_catalogue_find(const struct hp_catalogue *catalogue, struct hp_bytes item_id)
{
    bool found;
    size_t index = find_index(catalogue, item_id, &found);

    return found ? catalogue->shelves[index] : NULL;
}

/* The newest version of a key, this batch included. */
static const struct hp_shelf *
newest(const struct hp_catalogue_view *view, struct hp_bytes item_id)
{
    for (size_t i = view->changed_count; i > 0; i--)
        if (hp_bytes_equal(view->changed[i - 1]->shelf.item.item_id, item_id))
            return &view->changed[i - 1]->shelf;
    return hp_catalogue_find(&view->current->catalogue, item_id);
}

static bool
rules_equal(const struct hp_shelf *a, const struct hp_shelf *b)
{
    return a->rules.allergens.known == b->rules.allergens.known &&
           a->rules.allergens.mask == b->rules.allergens.mask &&
           a->rules.diets == b->rules.diets &&
           hp_bytes_equal(a->item.category, b->item.category) &&
           hp_bytes_equal(a->family, b->family);
}

/* Invariant (3): what of the change can matter to a box that holds the item. */
static void
mark_material(const struct hp_shelf *before, struct hp_shelf *after)
{
    after->material_at = after->offset;
    after->stock_at = after->offset;
    after->severity = 0;
    if (!before || after->vanished || before->vanished)
        return;
    if (!rules_equal(before, after))
        return;
    if (before->rules.quantity_max > 0 && after->rules.quantity_max == 0 &&
        (!after->item.stock.present || after->item.stock.value > 0))
        return; /* no longer sold at all */
    after->severity = 1;
    if (before->item.price_minor != after->item.price_minor ||
        before->partition != after->partition)
        return;
    after->material_at = before->material_at;
    after->severity = before->severity;
    if (after->rules.quantity_max >= before->rules.quantity_max)
        after->stock_at = before->stock_at;
}

static struct shelf_object *
shelf_new(struct hp_catalogue_view *view, const struct hp_message *message,
    const struct hp_catalogue_item *item)
{
    struct shelf_object *object = hp_alloc(sizeof(*object));
    struct hp_shelf *shelf = &object->shelf;

    if (item) {
        copy_item(&object->arena, item, &shelf->item);
        shelf->rules = hp_item_rules(
            &shelf->item, hp_bytes_text(view->options->currency), view->options->vocabulary);
        shelf->changed_at = item->updated_at;
    } else {
        shelf->item.item_id = hp_arena_copy(&object->arena, message->key);
        shelf->vanished = true;
        shelf->changed_at = message->timestamp_ms;
    }
    shelf->family = shelf->item.family.size ? shelf->item.family : shelf->item.item_id;
    shelf->partition = message->partition;
    shelf->offset = message->offset;
    shelf->appended_at = message->timestamp_ms;
    return object;
}

static void
add_changed(struct hp_catalogue_view *view, struct shelf_object *object)
{
    if (view->changed_count == view->changed_capacity) {
        view->changed_capacity = view->changed_capacity ? view->changed_capacity * 2 : 64;
        view->changed = hp_realloc_array(
            view->changed, view->changed_capacity, sizeof(struct shelf_object *));
    }
    object->holders = 1;
    view->changed[view->changed_count++] = object;
}

/* Of two partitions the later append time wins, of equal times the higher partition. */
static bool
is_older(const struct hp_shelf *before, const struct hp_message *message)
{
    if (!before)
        return false;
    if (before->partition == message->partition)
        return message->offset < before->offset;
    HP_LOG(HP_LOG_WARN, "item on two catalogue partitions", HP_B("item", before->item.item_id),
        HP_I("partition", message->partition), HP_I("other", before->partition));
    if (message->timestamp_ms != before->appended_at)
        return message->timestamp_ms < before->appended_at;
    return message->partition < before->partition;
}

enum hp_status
hp_catalogue_decode(const struct hp_flow_options *options, const struct hp_message *message,
    struct hp_arena *arena, struct hp_catalogue_item *item, struct hp_error *error)
{
    struct hp_bytes schema_header = {0};
    enum hp_status status;

    if (!hp_id_valid(message->key))
        return hp_bad(error, "KEY_MISMATCH", "the key is no item id");
    for (size_t i = 0; i < message->header_count; i++)
        if (hp_bytes_is(message->headers[i].name, HP_FRAME_HEADER_NAME))
            schema_header = message->headers[i].value;
    status = hp_codec_decode(options->codec, HP_RECORD_CATALOGUE_ITEM, message->value,
        schema_header, arena, item, error);
    if (status)
        return status;
    status = hp_catalogue_item_check(item, message->timestamp_ms, error);
    if (status)
        return status;
    if (!hp_bytes_equal(item->item_id, message->key))
        return hp_bad(error, "KEY_MISMATCH", "the key is not the value's item_id");
    if (!hp_bytes_is(item->currency, options->currency))
        return hp_bad(error, "CURRENCY", "currency %.*s is not %s",
            HP_BYTES_FORMAT(item->currency), options->currency);
    return HP_OK;
}

static void
keep_unresolved(struct hp_catalogue_view *view, const struct hp_message *message)
{
    struct unresolved *entry = hp_alloc(sizeof(*entry));
    struct hp_header *headers;

    entry->message = *message;
    entry->message.key = hp_arena_copy(&entry->arena, message->key);
    entry->message.value = hp_arena_copy(&entry->arena, message->value);
    headers = HP_ARENA_ARRAY(&entry->arena, message->header_count, struct hp_header);
    for (size_t i = 0; i < message->header_count; i++) {
        headers[i].name = hp_arena_copy(&entry->arena, message->headers[i].name);
        headers[i].value = hp_arena_copy(&entry->arena, message->headers[i].value);
    }
    entry->message.headers = headers;
    entry->next = view->unresolved;
    view->unresolved = entry;
}

/* True when the record is settled, false when its schema must be asked for again. */
static bool
take(struct hp_catalogue_view *view, const struct hp_message *message)
{
    const struct hp_shelf *before = newest(view, message->key);
    struct hp_catalogue_item item;
    struct shelf_object *object;
    struct hp_error error = {0};
    enum hp_status status = HP_OK;

    if (is_older(before, message))
        return true;
    if (message->value.data)
        status = hp_catalogue_decode(view->options, message, &view->scratch, &item, &error);
    if (status && status != HP_RETRY)
        HP_LOG(HP_LOG_WARN, "catalogue record refused, item not for sale",
            HP_B("item", message->key), HP_S("reason", error.code), HP_S("text", error.text));
    if (before && before->offset == message->offset &&
        before->partition == message->partition && status == HP_RETRY)
        return false;
    object = shelf_new(view, message, message->value.data && !status ? &item : NULL);
    mark_material(before, &object->shelf);
    add_changed(view, object);
    hp_arena_clear(&view->scratch);
    return status != HP_RETRY;
}

static void
apply(void *context, const struct hp_message *message)
{
    struct hp_catalogue_view *view = context;

    if (!hp_id_valid(message->key))
        return; /* names no item */
    if (!take(view, message))
        keep_unresolved(view, message);
}

static int
compare_changed(const void *a, const void *b)
{
    const struct shelf_object *left = *(struct shelf_object *const *)a;
    const struct shelf_object *right = *(struct shelf_object *const *)b;
    int order = hp_bytes_compare(left->shelf.item.item_id, right->shelf.item.item_id);

    if (order)
        return order;
    if (left->shelf.partition != right->shelf.partition) {
        if (left->shelf.appended_at != right->shelf.appended_at)
            return left->shelf.appended_at < right->shelf.appended_at ? -1 : 1;
        return left->shelf.partition < right->shelf.partition ? -1 : 1;
    }
    return left->shelf.offset < right->shelf.offset ? -1
           : left->shelf.offset > right->shelf.offset
               ? 1
               : (left->shelf.vanished ? -1 : 1); /* a marker, then the same record resolved */
}

/* Merges the batch, of each key only its last version, into a new array. */
static struct snapshot *
snapshot_merge(struct hp_catalogue_view *view)
{
    const struct snapshot *old = view->current;
    size_t room = old->catalogue.count + view->changed_count;
    struct snapshot *next = hp_alloc(sizeof(*next));
    size_t at = 0;

    next->objects = hp_alloc((room ? room : 1) * sizeof(struct shelf_object *));
    if (view->changed_count)
        qsort(
            view->changed, view->changed_count, sizeof(struct shelf_object *), compare_changed);
    for (size_t i = 0; i < view->changed_count; i++) {
        struct shelf_object *object = view->changed[i];
        struct hp_bytes id = object->shelf.item.item_id;

        if (i + 1 < view->changed_count &&
            hp_bytes_equal(id, view->changed[i + 1]->shelf.item.item_id))
            continue;
        while (at < old->catalogue.count &&
               hp_bytes_compare(old->objects[at]->shelf.item.item_id, id) < 0)
            next->objects[next->catalogue.count++] = old->objects[at++];
        if (at < old->catalogue.count &&
            hp_bytes_equal(old->objects[at]->shelf.item.item_id, id))
            at++;
        next->objects[next->catalogue.count++] = object;
    }
    while (at < old->catalogue.count)
        next->objects[next->catalogue.count++] = old->objects[at++];
    return next;
}

static void
publish(struct hp_catalogue_view *view, const int64_t *positions, int32_t partitions)
{
    struct snapshot *next = snapshot_merge(view);
    const struct hp_shelf **shelves =
        hp_alloc((next->catalogue.count ? next->catalogue.count : 1) * sizeof(*shelves));

    for (size_t i = 0; i < next->catalogue.count; i++)
        shelves[i] = &next->objects[i]->shelf;
    next->catalogue.shelves = shelves;
    next->catalogue.generation = view->current->catalogue.generation + 1;
    next->catalogue.partitions = partitions;
    memcpy(next->catalogue.positions, positions, (size_t)partitions * sizeof(int64_t));
    next->holders = 1;
    pthread_mutex_lock(&view->lock);
    for (size_t i = 0; i < next->catalogue.count; i++)
        next->objects[i]->holders++;
    for (size_t i = 0; i < view->changed_count; i++)
        shelf_drop(view->changed[i]);
    view->changed_count = 0;
    snapshot_drop(view->current);
    view->current = next;
    pthread_mutex_unlock(&view->lock);
}

static void
batch_done(void *context, const int64_t *positions, int32_t partitions)
{
    HP_ASSERT(partitions <= HP_CATALOGUE_PARTITIONS_MAX);
    publish(context, positions, partitions);
}

static void
retry_unresolved(struct hp_catalogue_view *view)
{
    struct unresolved **link = &view->unresolved;
    bool settled = false;

    while (*link) {
        struct unresolved *entry = *link;

        if (!take(view, &entry->message)) {
            link = &entry->next;
            continue;
        }
        settled = true;
        *link = entry->next;
        hp_arena_release(&entry->arena);
        free(entry);
    }
    if (settled)
        publish(view, view->current->catalogue.positions, view->current->catalogue.partitions);
}

enum hp_status
hp_catalogue_view_new(const struct hp_flow_options *options, struct hp_catalogue_view **view,
    struct hp_error *error)
{
    struct hp_catalogue_view *made = hp_alloc(sizeof(*made));
    enum hp_status status;

    made->options = options;
    made->current = hp_alloc(sizeof(*made->current));
    made->current->holders = 1;
    pthread_mutex_init(&made->lock, NULL);
    status = hp_view_new(&(struct hp_view_options){.cluster = options->cluster,
                             .topic = options->topics->name[HP_TOPIC_CATALOGUE],
                             .context = made,
                             .apply = apply,
                             .batch_done = batch_done},
        &made->view, error);
    if (status) {
        hp_catalogue_view_free(made);
        return status;
    }
    *view = made;
    return HP_OK;
}

void
hp_catalogue_view_free(struct hp_catalogue_view *view)
{
    if (!view)
        return;
    hp_view_free(view->view);
    while (view->unresolved) {
        struct unresolved *next = view->unresolved->next;

        hp_arena_release(&view->unresolved->arena);
        free(view->unresolved);
        view->unresolved = next;
    }
    for (size_t i = 0; i < view->changed_count; i++)
        shelf_drop(view->changed[i]);
    free(view->changed);
    snapshot_drop(view->current);
    hp_arena_release(&view->scratch);
    pthread_mutex_destroy(&view->lock);
    free(view);
}

enum hp_status
hp_catalogue_view_step(struct hp_catalogue_view *view, int timeout_ms, struct hp_error *error)
{
    if (view->unresolved)
        retry_unresolved(view);
    return hp_view_step(view->view, timeout_ms, error);
}

bool
hp_catalogue_view_ready(const struct hp_catalogue_view *view)
{
    return hp_view_ready(view->view) && !view->unresolved;
}

const struct hp_catalogue *
hp_catalogue_acquire(struct hp_catalogue_view *view)
{
    struct snapshot *snapshot;

    pthread_mutex_lock(&view->lock);
    snapshot = view->current;
    snapshot->holders++;
    pthread_mutex_unlock(&view->lock);
    return &snapshot->catalogue;
}

void
hp_catalogue_release(struct hp_catalogue_view *view, const struct hp_catalogue *catalogue)
{
    if (!catalogue)
        return;
    pthread_mutex_lock(&view->lock);
    snapshot_drop((struct snapshot *)catalogue); /* the catalogue is its first member */
    pthread_mutex_unlock(&view->lock);
}
