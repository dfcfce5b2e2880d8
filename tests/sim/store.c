/* tests/sim/store.c - state directories in memory. SPDX-License-Identifier: Apache-2.0 */
#include "store/kv_memory.h"
#include "tests/sim/sim.h"

struct seen {
    struct hp_kv_object object;
    struct sim_instance *instance;
};

static struct seen *
seen(struct hp_kv *kv)
{
    return (struct seen *)kv;
}

bool
sim_dies(struct sim_instance *instance)
{
    if (instance->dead)
        return true;
    if (instance->die_at != SIM_NEVER && instance->die_at-- <= 0)
        instance->dead = true;
    return instance->dead;
}

static bool
dies_writing(struct sim_instance *instance)
{
    if (instance->die_at_write != SIM_NEVER && instance->die_at_write-- <= 0)
        instance->dead = true;
    return instance->dead;
}

static enum hp_status
died(struct hp_error *error)
{
    return hp_fail(error, HP_FATAL, "the process died");
}

static void
seen_free(struct hp_kv *kv)
{
    free(kv);
}

static void
pass_read(struct sim_instance *instance)
{
    if (instance->freeze_at == SIM_NEVER || instance->freeze_at-- > 0)
        return;
    instance->freeze_at = SIM_NEVER;
    sim_freeze(instance);
}

static enum hp_status
seen_get(struct hp_kv *kv, struct hp_bytes key, struct hp_arena *arena, struct hp_bytes *value,
    struct hp_error *error)
{
    pass_read(seen(kv)->instance);
    return hp_kv_get(seen(kv)->instance->disk, key, arena, value, error);
}

/* A batch is applied whole or not at all, whatever happens to its writer. */
static enum hp_status
seen_write(struct hp_kv *kv, const struct hp_kv_batch *batch, struct hp_error *error)
{
    struct sim_instance *instance = seen(kv)->instance;
    bool was_dead = instance->dead;
    bool dies = sim_dies(instance) || dies_writing(instance);
    enum hp_status status = HP_OK;

    sim_trace(instance->sim, "write", (int64_t)batch->count);
    if (!dies || (!was_dead && instance->after))
        status = hp_kv_write(instance->disk, batch, error);
    return dies ? died(error) : status;
}

static struct hp_kv_cursor *
seen_scan(struct hp_kv *kv, struct hp_bytes from, struct hp_bytes to)
{
    return hp_kv_scan(seen(kv)->instance->disk, from, to);
}

static enum hp_status
seen_ingest(struct hp_kv *kv,
    bool (*next)(void *context, struct hp_bytes *key, struct hp_bytes *value), void *context,
    struct hp_error *error)
{
    struct sim_instance *instance = seen(kv)->instance;
    bool was_dead = instance->dead;
    bool dies = sim_dies(instance);
    enum hp_status status = HP_OK;

    if (!dies || (!was_dead && instance->after))
        status = hp_kv_ingest(instance->disk, next, context, error);
    return dies ? died(error) : status;
}

static enum hp_status
seen_compact(struct hp_kv *kv, struct hp_bytes from, struct hp_bytes to, struct hp_error *error)
{
    return hp_kv_compact(seen(kv)->instance->disk, from, to, error);
}

static const struct hp_kv_operations operations = {.free = seen_free,
    .get = seen_get,
    .write = seen_write,
    .scan = seen_scan,
    .ingest = seen_ingest,
    .compact = seen_compact};

struct hp_kv *
sim_disk_open(struct sim_instance *instance)
{
    struct seen *made = hp_alloc(sizeof(*made));

    made->object.operations = &operations;
    made->instance = instance;
    return (struct hp_kv *)made;
}

struct hp_kv *
sim_disk_copy(struct hp_kv *disk)
{
    struct hp_kv *copy = hp_kv_memory_new();
    struct hp_kv_cursor *cursor = hp_kv_scan(disk, hp_bytes("", 0), (struct hp_bytes){0});
    struct hp_kv_batch batch = {0};
    struct hp_error error;
    struct hp_bytes key;
    struct hp_bytes value;

    while (hp_kv_next(cursor, &key, &value))
        hp_kv_put(&batch, key, value);
    if (hp_kv_cursor_free(cursor, &error) || hp_kv_write(copy, &batch, &error))
        hp_die("copy of a disk: %s", error.text);
    hp_kv_batch_release(&batch);
    return copy;
}
