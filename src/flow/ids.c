/* flow/ids.c - ids by hash. SPDX-License-Identifier: Apache-2.0 */
#include "flow/ids.h"

#include "base/hash.h"

#define ID_BYTES 10

/* RFC 4648 base32 in lower case; 10 bytes make 16 letters without padding. */
static struct hp_bytes
id_of(struct hp_arena *arena, char prefix, struct hp_bytes seed)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz234567";
    uint8_t hash[HP_SHA256_SIZE];
    char *text = hp_arena_alloc(arena, 1 + ID_BYTES * 8 / 5);
    unsigned bits = 0;
    uint32_t held = 0;
    size_t size = 0;

    hp_sha256(seed, hash);
    text[size++] = prefix;
    for (size_t i = 0; i < ID_BYTES; i++) {
        held = held << 8 | hash[i];
        bits += 8;
        while (bits >= 5) {
            bits -= 5;
            text[size++] = letters[held >> bits & 31];
        }
    }
    return hp_bytes(text, size);
}

static struct hp_bytes
seed_of(struct hp_arena *arena, const char *application_id, struct hp_bytes user,
    int64_t revision, int32_t slot)
{
    struct hp_buffer seed = {0};
    struct hp_bytes copy;

    hp_buffer_append(&seed, application_id, strlen(application_id) + 1);
    hp_buffer_append(&seed, user.data, user.size);
    hp_put_u8(&seed, 0);
    hp_buffer_printf(&seed, "%lld", (long long)revision);
    if (slot) {
        hp_put_u8(&seed, 0);
        hp_buffer_printf(&seed, "%d", (int)slot);
    }
    copy = hp_arena_copy(arena, hp_buffer_bytes(&seed));
    hp_buffer_release(&seed);
    return copy;
}

struct hp_bytes
hp_id_recommendation(
    struct hp_arena *arena, const char *application_id, struct hp_bytes user, int64_t revision)
{
    return id_of(arena, 'r', seed_of(arena, application_id, user, revision, 0));
}

struct hp_bytes
hp_id_box(struct hp_arena *arena, const char *application_id, struct hp_bytes user,
    int64_t revision, int32_t slot)
{
    return id_of(arena, 'b', seed_of(arena, application_id, user, revision, slot));
}

struct hp_bytes
hp_id_keyed(struct hp_arena *arena, struct hp_bytes key, struct hp_bytes id)
{
    uint8_t *out = hp_arena_alloc(arena, HP_SHA256_SIZE);

    hp_hmac_sha256(key, id, out);
    return hp_bytes(out, HP_SHA256_SIZE);
}
