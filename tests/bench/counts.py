#!/usr/bin/env python3
"""Counts users of items and of pairs in event files once more, in plain Python, and compares.

    counts.py ORDERS.jsonl DUMP [SAMPLE]

DUMP is what ledger_bench wrote: item, item or nothing, users, by tabs. H_u is every item a user ordered; of more than
256 those with the smallest XXH3-64(user, 0x00, item), which is implemented here from its specification. The figures
without that sample are printed as well. SAMPLE is another number than 256, for a ledger_bench that was built with it:

    cmake -S . -B build/all -DHAMPER_TESTS=ON -DCMAKE_BUILD_TYPE=Release -DCMAKE_C_FLAGS=-DHP_SAMPLE_MAX=4096
    cmake --build build/all --target ledger_bench

Exit 1 at the first difference.

SPDX-License-Identifier: Apache-2.0
"""
import collections
import itertools
import json
import sys

SAMPLE = 256
MASK = (1 << 64) - 1
SECRET = bytes.fromhex("b8fe6c3923a44bbe7c01812cf721ad1cded46de9839097db7240a4a4b7b3671f"
                       "cb79e64eccc0e578825ad07dccff7221b8084674f743248ee03590e6813a264c")


def word(data, at):
    return int.from_bytes(data[at:at + 8], "little")


def xxh3_64(data):
    """Of 9 to 16 bytes, which is what these ids come to."""
    size = len(data)
    assert 9 <= size <= 16, size
    low = word(data, 0) ^ word(SECRET, 24) ^ word(SECRET, 32)
    high = word(data, size - 8) ^ word(SECRET, 40) ^ word(SECRET, 48)
    product = low * high
    swapped = int.from_bytes(low.to_bytes(8, "little"), "big")
    hash_ = (size + swapped + high + ((product & MASK) ^ (product >> 64))) & MASK
    hash_ = (hash_ ^ (hash_ >> 37)) * 0x165667919E3779F9 & MASK
    return hash_ ^ (hash_ >> 32)


def read_users(path):
    users = collections.defaultdict(set)
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            order = json.loads(line)
            users[order["user_id"]].update(l["item_id"] for l in order["lines"])
    return users


def sample(user, items, most):
    if len(items) <= most:
        return items
    return sorted(items, key=lambda i: (xxh3_64(f"{user}\0{i}".encode()), i))[:most]


def count(sets):
    counts = collections.Counter()
    for items in sets:
        ordered = sorted(items)
        counts.update((a, "") for a in ordered)
        counts.update(itertools.combinations(ordered, 2))
    return counts


def tell(name, counts, users):
    items = sum(not b for _, b in counts)
    print(f"{name}: {users} users, {items} items, {len(counts) - items} pairs")


def main():
    users = read_users(sys.argv[1])
    most = int(sys.argv[3]) if len(sys.argv) > 3 else SAMPLE
    sampled = count(sample(u, i, most) for u, i in users.items())
    tell(f"sample of {most}", sampled, len(users))
    there = {}
    with open(sys.argv[2], encoding="utf-8") as lines:
        for line in lines:
            a, b, n = line.rstrip("\n").split("\t")
            there[a, b] = int(n)
    for key in itertools.chain(sampled, there):
        if sampled.get(key, 0) != there.get(key, 0):
            print(f"{key}: counted {sampled.get(key, 0)}, hamper says {there.get(key, 0)}")
            return 1
    print(f"equal: {len(there)} counts")
    del there, sampled
    tell("all items", count(users.values()), len(users))
    print(f"users with more than {most} items: {sum(len(i) > most for i in users.values())}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
