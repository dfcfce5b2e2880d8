/*
 * tests/support/model_bytes.c - one digest of everything the item model decides with doubles.
 *
 * Built by tests/property/model_bytes_test.sh with each compiler at hand, without and with all
 * optimisation: the digests must be one.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/rng.h"
#include "flow/weights.h"
#include "model/content.h"
#include "model/rate.h"

#define ITEMS 300
#define USERS 700

static struct hp_bytes ids[ITEMS];
static int64_t users_of[ITEMS];
static int64_t both[ITEMS][ITEMS];

static void
count_users(struct hp_rng *rng)
{
    for (int u = 0; u < USERS; u++) {
        uint32_t has[24];
        size_t count = 1 + hp_rng_below(rng, 24);

        for (size_t k = 0; k < count; k++)
            has[k] = hp_rng_below(rng, hp_rng_below(rng, ITEMS) + 1);
        for (size_t a = 0; a < count; a++) {
            users_of[has[a]]++;
            for (size_t b = 0; b < count; b++)
                both[has[a]][has[b]] += has[a] != has[b];
        }
    }
}

static void
fill_sums(struct hp_sums *sums)
{
    struct hp_partial everybody = {.head = {.users = USERS}};

    hp_sums_set(sums, 0, hp_sums_number(sums, HP_HEAD_EVERYBODY), &everybody);
    for (int i = 0; i < ITEMS; i++) {
        struct hp_partial_partner partners[ITEMS];
        struct hp_partial partial = {.head = {.users = users_of[i]}, .partners = partners};

        for (int j = 0; j < ITEMS; j++)
            if (both[i][j])
                partners[partial.partner_count++] =
                    (struct hp_partial_partner){ids[j], both[i][j]};
        if (users_of[i])
            hp_sums_set(sums, 0, hp_sums_number(sums, ids[i]), &partial);
    }
}

static void
put_weights(struct hp_arena *arena, struct hp_buffer *out)
{
    struct hp_sums *sums = hp_sums_new(1, 1 << 20);
    struct hp_weigher *weigher;

    fill_sums(sums);
    weigher = hp_weigher_new(sums, NULL);
    for (int i = 0; i < ITEMS; i++) {
        struct hp_model_weights weights;

        hp_weigher_solve(weigher, hp_sums_number(sums, ids[i]), arena, &weights);
        hp_put_u8(out, weights.next_shift);
        hp_put_u8(out, weights.box_shift);
        for (size_t k = 0; k < weights.count; k++) {
            hp_put_bytes(out, weights.partners[k].item_id);
            hp_put_u8(out, weights.partners[k].next);
            hp_put_u8(out, weights.partners[k].box);
        }
    }
    hp_weigher_free(weigher);
    hp_sums_free(sums);
}

static void
put_rates(struct hp_rng *rng, struct hp_buffer *out)
{
    for (int i = 0; i < 100000; i++) {
        struct hp_rate_input input = {.tag_liked = i % 2 == 1};

        input.count = hp_rng_below(rng, 9);
        input.baskets = hp_rng_below(rng, 60);
        input.repurchase_micros = hp_rng_below(rng, 5000000);
        input.history_micros = hp_rng_below(rng, 1000000);
        input.trend_micros = hp_rng_below(rng, 200000);
        hp_put_varint(out, hp_rate_score(&input, NULL));
    }
}

static void
put_neighbours(struct hp_arena *arena, struct hp_rng *rng, struct hp_buffer *out)
{
    struct hp_content_item items[ITEMS] = {{.category = {NULL, 0}}};
    struct hp_content content;

    for (int i = 0; i < ITEMS; i++) {
        unsigned first = hp_rng_below(rng, 90);
        unsigned second = hp_rng_below(rng, 90);

        items[i].name = hp_bytes_text(
            hp_arena_printf(arena, "w%u w%u x%u", first, second, (unsigned)i % 9));
    }
    hp_content_build(items, ITEMS, &content);
    for (size_t i = 0; i < content.count * HP_CONTENT_NEAREST; i++)
        hp_put_u32(out, content.nearest[i]);
    hp_content_release(&content);
}

int
main(void)
{
    struct hp_rng rng = {1};
    struct hp_arena arena = {0};
    struct hp_buffer out = {0};
    char text[HP_DIGEST_TEXT];

    for (int i = 0; i < ITEMS; i++)
        ids[i] = hp_bytes_text(hp_arena_printf(&arena, "item-%03d", i));
    count_users(&rng);
    put_weights(&arena, &out);
    put_rates(&rng, &out);
    put_neighbours(&arena, &rng, &out);
    hp_digest_text(hp_hash128(hp_buffer_bytes(&out)), text);
    printf("%s %zu bytes\n", text, out.size);
    hp_buffer_release(&out);
    hp_arena_release(&arena);
    return 0;
}
