/*
 * base/hash.h - hashes other software can recompute: XXH3, murmur2, SHA-256, HMAC.
 *
 * Digests of sets are sums (mod 2^128) of XXH3-128 over their members, so that a member can be
 * taken out again and order does not matter (additive set hashing).
 * Sources: XXH3 github.com/Cyan4973/xxHash; murmur2 as org.apache.kafka.common.utils.Utils.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_BASE_HASH_H
#define HP_BASE_HASH_H

#include "base/bytes.h"

struct hp_digest {
    uint64_t high;
    uint64_t low;
};

uint64_t hp_hash64(struct hp_bytes bytes);
struct hp_digest hp_hash128(struct hp_bytes bytes);
struct hp_digest hp_digest_add(struct hp_digest a, struct hp_digest b);
struct hp_digest hp_digest_subtract(struct hp_digest a, struct hp_digest b);
static inline bool
hp_digest_equal(struct hp_digest a, struct hp_digest b)
{
    return a.high == b.high && a.low == b.low;
}
/* 32 lower-case hex digits and a zero. */
#define HP_DIGEST_TEXT 33
void hp_digest_text(struct hp_digest digest, char text[HP_DIGEST_TEXT]);

/* Kafka's default partitioner for keyed records: partition = (hash & 0x7fffffff) % count. */
uint32_t hp_murmur2(struct hp_bytes bytes);
int32_t hp_partition_of(struct hp_bytes key, int32_t count);

#define HP_SHA256_SIZE 32
void hp_sha256(struct hp_bytes bytes, uint8_t out[HP_SHA256_SIZE]);
void hp_hmac_sha256(struct hp_bytes key, struct hp_bytes bytes, uint8_t out[HP_SHA256_SIZE]);

#endif
