/*
 * base/hash.c - thin over xxHash and OpenSSL; murmur2 by hand.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/hash.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

uint64_t
hp_hash64(struct hp_bytes bytes)
{
    return XXH3_64bits(bytes.data, bytes.size);
}

struct hp_digest
hp_hash128(struct hp_bytes bytes)
{
    XXH128_hash_t hash = XXH3_128bits(bytes.data, bytes.size);

    return (struct hp_digest){hash.high64, hash.low64};
}

struct hp_digest
hp_digest_add(struct hp_digest a, struct hp_digest b)
{
    struct hp_digest sum = {a.high + b.high, a.low + b.low};

    sum.high += sum.low < a.low;
    return sum;
}

struct hp_digest
hp_digest_subtract(struct hp_digest a, struct hp_digest b)
{
    return (struct hp_digest){a.high - b.high - (a.low < b.low), a.low - b.low};
}

void
hp_digest_text(struct hp_digest digest, char text[HP_DIGEST_TEXT])
{
    snprintf(text, HP_DIGEST_TEXT, "%016llx%016llx", (unsigned long long)digest.high,
        (unsigned long long)digest.low);
}

uint32_t
hp_murmur2(struct hp_bytes bytes)
{
    const uint32_t m = 0x5bd1e995;
    const uint8_t *at = bytes.data;
    size_t left = bytes.size;
    uint32_t hash = 0x9747b28cU ^ (uint32_t)bytes.size;

    for (; left >= 4; at += 4, left -= 4) {
        uint32_t k = (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 |
                     (uint32_t)at[3] << 24;

        k *= m;
        k ^= k >> 24;
        k *= m;
        hash = hash * m ^ k;
    }
    if (left >= 3)
        hash ^= (uint32_t)at[2] << 16;
    if (left >= 2)
        hash ^= (uint32_t)at[1] << 8;
    if (left >= 1)
        hash = (hash ^ at[0]) * m;
    hash ^= hash >> 13;
    hash *= m;
    return hash ^ hash >> 15;
}

int32_t
hp_partition_of(struct hp_bytes key, int32_t count)
{
    return (int32_t)((hp_murmur2(key) & 0x7fffffffU) % (uint32_t)count);
}

void
hp_sha256(struct hp_bytes bytes, uint8_t out[HP_SHA256_SIZE])
{
    HP_ASSERT(EVP_Digest(bytes.data, bytes.size, out, NULL, EVP_sha256(), NULL) == 1);
}

void
hp_hmac_sha256(struct hp_bytes key, struct hp_bytes bytes, uint8_t out[HP_SHA256_SIZE])
{
    HP_ASSERT(HMAC(EVP_sha256(), key.data, (int)key.size, bytes.data, bytes.size, out, NULL));
}
