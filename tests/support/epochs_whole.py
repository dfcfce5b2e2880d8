#!/usr/bin/env python3
"""Whether every epoch of the model topic is whole, from lines of `hamper cat` on standard input.

Rows are folded by key, as a reader does; at each manifest there must be as many items as it says, and its number
must be the next. Rows behind the last manifest belong to no epoch: a reader must never see them.
Prints the epochs; exit status 1 names what is wrong.

SPDX-License-Identifier: Apache-2.0
"""
import json
import sys


def numbers(data):
    """The whole numbers of a value: zigzag, seven bits a byte."""
    value = shift = 0
    for byte in data:
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            yield value >> 1 if value & 1 == 0 else -(value + 1 >> 1)
            value = shift = 0


def main():
    items = set()
    epoch = behind = 0
    for line in sys.stdin:
        record = json.loads(line)
        key, value = record["key"], record["value"]
        if key != "!epoch":
            behind += 1
            items.discard(key) if value is None else items.add(key)
            continue
        told = numbers(bytes.fromhex(value["hex"])[1:])
        number, count = next(told), next(told)
        if number != epoch + 1:
            sys.exit(f"epoch {number} follows {epoch}")
        if count != len(items):
            sys.exit(f"epoch {number} says {count} items, a reader has {len(items)}")
        epoch, behind = number, 0
    if behind:
        sys.exit(f"{behind} rows behind the last manifest")
    print(f"{epoch} epochs, {len(items)} items")


if __name__ == "__main__":
    main()
