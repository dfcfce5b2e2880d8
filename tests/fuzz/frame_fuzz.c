/*
 * tests/fuzz/frame_fuzz.c - a value as it comes from the network, through the whole codec.
 *
 * The first byte chooses the record type; the rest is the value. Whatever decodes must encode
 * again, and decode to the same JSON.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "codec/event.h"
#include "codec/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

union any_record {
    struct hp_recommendation recommendation; /* the largest */
    struct hp_box_request request;
    struct hp_preferences preferences;
    struct hp_catalogue_item item;
};

static struct hp_codec *codec;

static void
open_codec(void)
{
    struct hp_registry_options options = {.url = "file:schemas"};
    struct hp_error error = {0};
    struct hp_registry *registry;

    if (hp_registry_open(&options, &registry, &error))
        hp_die("%s", error.text);
    codec = hp_codec_new(registry);
}

/* The index gives our schemas the ids 2000000001 and on, in the order of the types. */
static void
check_again(enum hp_record_type type, const union any_record *record, struct hp_arena *arena)
{
    union any_record again;
    struct hp_buffer framed = {0};
    struct hp_buffer first = {0};
    struct hp_buffer second = {0};

    hp_frame_put(&framed, 2000000001 + (int32_t)type);
    if (hp_event_encode(type, record, &framed, NULL) == HP_OK) {
        HP_ASSERT(hp_codec_decode(codec, type, hp_buffer_bytes(&framed), (struct hp_bytes){0},
                      arena, &again, NULL) == HP_OK);
        hp_event_to_json(type, record, &first);
        hp_event_to_json(type, &again, &second);
        HP_ASSERT(hp_bytes_equal(hp_buffer_bytes(&first), hp_buffer_bytes(&second)));
    }
    hp_buffer_release(&framed);
    hp_buffer_release(&first);
    hp_buffer_release(&second);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hp_arena arena = {0};
    struct hp_error error = {0};
    union any_record record;
    enum hp_record_type type;

    if (!codec)
        open_codec();
    if (size == 0)
        return 0;
    type = (enum hp_record_type)(data[0] % HP_RECORD_TYPES);
    if (hp_codec_decode(codec, type, hp_bytes(data + 1, size - 1), (struct hp_bytes){0}, &arena,
            &record, &error) == HP_OK)
        check_again(type, &record, &arena);
    else
        HP_ASSERT(error.code && error.code[0]);
    hp_arena_release(&arena);
    return 0;
}
