/*
 * tests/fuzz/decode_fuzz.c - bodies of writers that differ from us, so that skipping, unions of
 * many branches, blocks with sizes and defaults are all reached.
 *
 * The first byte chooses the writer; the rest is the body.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "codec/resolve.h"
#include "domain/event.h"
#include "domain/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define RECORD(name, fields)                                                                   \
    "{\"type\":\"record\",\"name\":\"" name "\",\"fields\":[" fields "]}"
#define FIELD(name, type) "{\"name\":\"" name "\",\"type\":" type "}"
#define S                 "\"string\""

static const struct {
    enum hp_record_type type;
    const char *json;
} writers[] = {
    {HP_RECORD_ORDER,
        RECORD("Order",
            FIELD("extra", "{\"type\":\"map\",\"values\":[\"null\",\"double\",{\"type\":"
                           "\"array\",\"items\":\"null\"}]}") "," FIELD("order_id",
                "\"bytes\"") "," FIELD("customer_id",
                "[\"int\",\"string\"]") "," FIELD("ordered_at", "\"int\"") "," FIELD("lines",
                "{\"type\":\"array\",\"items\":" RECORD(
                    "OrderLine", FIELD("note", "[\"null\",\"string\"]") "," FIELD(
                                     "quantity", "\"int\"") "," FIELD("item_id",
                                     S) "," FIELD("unit_price_minor", "\"int\"")) "}"))},
    {HP_RECORD_CATALOGUE_ITEM,
        RECORD("CatalogueItem",
            FIELD("item_id", S) "," FIELD("version", "\"int\"") "," FIELD(
                "updated_at", "\"long\"") "," FIELD("title", S) "," FIELD("category",
                S) "," FIELD("price_minor", "\"long\"") "," FIELD("allergens",
                "[\"string\",\"null\",{\"type\":\"array\",\"items\":\"bytes\"}]") "," FIELD("f",
                "{\"type\":\"fixed\",\"name\":\"F\",\"size\":2}") "," FIELD("stock",
                "[\"int\",\"null\"]"))},
    {HP_RECORD_FEEDBACK,
        RECORD("Feedback",
            FIELD("feedback_id", S) "," FIELD("user_id", S) "," FIELD(
                "at", "\"long\"") "," FIELD("kind",
                "{\"type\":\"enum\",\"name\":\"FeedbackKind\",\"symbols\":[\"LIKED\","
                "\"NEW\",\"RATED\"]}") "," FIELD("rating", "[\"null\",\"float\",\"long\"]"))},
};

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct hp_program *programs[HP_ARRAY_SIZE(writers)];
    static struct hp_arena schemas;
    struct hp_arena arena = {0};
    struct hp_error error = {0};
    size_t at;
    uint8_t *out;

    if (size == 0)
        return 0;
    at = data[0] % HP_ARRAY_SIZE(writers);
    if (!programs[at]) {
        const struct hp_schema *writer;

        HP_ASSERT(hp_schema_parse(hp_bytes_text(writers[at].json), &schemas, &writer, &error) ==
                  HP_OK);
        HP_ASSERT(hp_program_compile(
                      writer, writers[at].type, &schemas, &programs[at], &error) == HP_OK);
    }
    out = hp_alloc(hp_record_size(writers[at].type));
    if (hp_program_run(programs[at], hp_bytes(data + 1, size - 1), &arena, out, &error))
        HP_ASSERT(error.code[0]);
    /* What is allocated is bounded by what is there and by the limits of the lists. */
    HP_ASSERT(arena.used <= 64 * (size + HP_LIST_MAX * sizeof(struct hp_order_line)));
    free(out);
    hp_arena_release(&arena);
    return 0;
}
