/*
 * codec/event.c - schema ids seen, each with the program that reads it.
 *
 * A table of slots, open addressing, only ever filled. A reader takes no lock: it finds a slot
 * whose pointer is set (acquire) and never changes afterwards, or asks the registry and
 * compiles under the lock. What cannot be read (refused schema, no match) is remembered with
 * its error just the same, so a bad deploy costs one compilation, not one a record. When the
 * table is three quarters full, further schemas are compiled for each record: slow, right, and
 * bounded. Ids the registry does not know are not kept here; the registry forgets them after a
 * while.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "codec/event.h"

#include "codec/frame.h"
#include "codec/resolve.h"
#include "domain/reasons.h"

#include <pthread.h>
#include <stdatomic.h>

#define SLOTS     1024
#define SLOTS_MAX (SLOTS / 4 * 3)

struct reading {
    int32_t schema_id;
    enum hp_record_type type;
    const struct hp_program *program; /* NULL: `error` says why */
    struct hp_error error;
    struct hp_arena arena; /* holds the program */
};

struct hp_codec {
    struct hp_registry *registry;
    int32_t ids[HP_RECORD_TYPES]; /* of our own schemas; 0: not prepared */
    pthread_mutex_t lock;         /* guards the filling of slots */
    atomic_size_t count;          /* of slots filled */
    _Atomic(struct reading *) slots[SLOTS];
};

struct hp_codec *
hp_codec_new(struct hp_registry *registry)
{
    struct hp_codec *codec = hp_alloc(sizeof(*codec));

    codec->registry = registry;
    pthread_mutex_init(&codec->lock, NULL);
    return codec;
}

static void
reading_free(struct reading *reading)
{
    if (!reading)
        return;
    hp_arena_release(&reading->arena);
    free(reading);
}

void
hp_codec_free(struct hp_codec *codec)
{
    if (!codec)
        return;
    for (size_t i = 0; i < SLOTS; i++)
        reading_free(codec->slots[i]);
    pthread_mutex_destroy(&codec->lock);
    free(codec);
}

enum hp_status
hp_codec_prepare(struct hp_codec *codec, enum hp_record_type type, const char *subject,
    struct hp_error *error)
{
    return hp_registry_id(
        codec->registry, subject, hp_record_schema_json(type), &codec->ids[type], error);
}

/* The slot that holds the pair, or the empty one where it belongs. There is always one. */
static _Atomic(struct reading *) *
find_slot(struct hp_codec *codec, enum hp_record_type type, int32_t schema_id)
{
    uint32_t at = ((uint32_t)schema_id * HP_RECORD_TYPES + type) * 0x9E3779B1U >> 16;

    for (;; at++) {
        struct reading *reading =
            atomic_load_explicit(&codec->slots[at % SLOTS], memory_order_acquire);

        if (!reading || (reading->schema_id == schema_id && reading->type == type))
            return &codec->slots[at % SLOTS];
    }
}

/* Fetches and compiles into `arena`. HP_OK also when the schema cannot be read: the reading
 * says so. */
static enum hp_status
reading_init(struct hp_codec *codec, struct reading *reading, struct hp_arena *arena,
    struct hp_error *error)
{
    struct hp_buffer json = {0};
    const struct hp_schema *writer;
    struct hp_error why = {.code = ""};
    enum hp_status status =
        hp_registry_schema(codec->registry, reading->schema_id, &json, &why);

    if (status == HP_OK)
        status = hp_schema_parse(hp_buffer_bytes(&json), arena, &writer, &why);
    if (status == HP_OK)
        status = hp_program_compile(writer, reading->type, arena, &reading->program, &why);
    hp_buffer_release(&json);
    if (status == HP_BAD_RECORD && strcmp(why.code, HP_CODE_UNKNOWN_SCHEMA) != 0) {
        hp_bad(&reading->error, why.code, "schema id %d: %s", reading->schema_id, why.text);
        return HP_OK;
    }
    if (status && error)
        *error = why;
    return status;
}

static enum hp_status
reading_run(const struct reading *reading, struct hp_bytes body, struct hp_arena *arena,
    void *out, struct hp_error *error)
{
    if (reading->program)
        return hp_program_run(reading->program, body, arena, out, error);
    if (error)
        *error = reading->error;
    return HP_BAD_RECORD;
}

/* Puts a reading into the table, unless another thread was faster. The one to use comes back.
 */
static struct reading *
reading_keep(struct hp_codec *codec, struct reading *reading)
{
    _Atomic(struct reading *) *slot;
    struct reading *known;

    pthread_mutex_lock(&codec->lock);
    slot = find_slot(codec, reading->type, reading->schema_id);
    known = atomic_load_explicit(slot, memory_order_relaxed);
    if (!known) {
        HP_ASSERT(codec->count < SLOTS - 1); /* an empty slot ends every search */
        atomic_store_explicit(slot, reading, memory_order_release);
        codec->count++;
    }
    pthread_mutex_unlock(&codec->lock);
    if (known)
        reading_free(reading);
    return known ? known : reading;
}

/* A schema id not seen before. */
static enum hp_status
decode_first(struct hp_codec *codec, enum hp_record_type type, const struct hp_frame *frame,
    struct hp_arena *arena, void *out, struct hp_error *error)
{
    struct reading once = {.schema_id = frame->schema_id, .type = type};
    struct reading *reading;
    enum hp_status status;

    if (codec->count >= SLOTS_MAX) {
        status = reading_init(codec, &once, arena, error);
        return status ? status : reading_run(&once, frame->body, arena, out, error);
    }
    reading = hp_alloc(sizeof(*reading));
    *reading = once;
    status = reading_init(codec, reading, &reading->arena, error);
    if (status) {
        reading_free(reading);
        return status;
    }
    return reading_run(reading_keep(codec, reading), frame->body, arena, out, error);
}

enum hp_status
hp_codec_decode(struct hp_codec *codec, enum hp_record_type type, struct hp_bytes value,
    struct hp_bytes schema_header, struct hp_arena *arena, void *out, struct hp_error *error)
{
    struct hp_frame frame;
    enum hp_status status = hp_frame_parse(value, schema_header, &frame, error);
    struct reading *reading;

    if (status)
        return status;
    reading =
        atomic_load_explicit(find_slot(codec, type, frame.schema_id), memory_order_acquire);
    if (!reading)
        return decode_first(codec, type, &frame, arena, out, error);
    return reading_run(reading, frame.body, arena, out, error);
}

enum hp_status
hp_codec_encode(struct hp_codec *codec, enum hp_record_type type, const void *record,
    struct hp_buffer *out, struct hp_error *error)
{
    size_t start = out->size;
    enum hp_status status;

    if (codec->ids[type] == 0)
        return hp_fail(error, HP_FATAL, "%s: hp_codec_prepare was not called for it",
            hp_record_name(type));
    hp_frame_put(out, codec->ids[type]);
    status = hp_event_encode(type, record, out, error);
    if (status)
        out->size = start;
    return status;
}
