#!/usr/bin/env python3
"""Poison for a real broker, and the comparison of what became of it.

    poison.py good DIR                   event files DIR/TOPIC.jsonl of a small shop
    poison.py send CONF BROKERS REGISTRY bad records of all kinds, as raw bytes through kcat
    poison.py check CONF BROKERS TIMES   every bad record lies TIMES among the dead letters, byte
                                         for byte, with a known reason; prints how many there are

A record is bad when it was not sent by `hamper produce`: it carries the header `poison`. One that
says `poison=told` is a request that is answered instead.

SPDX-License-Identifier: Apache-2.0
"""
import collections
import json
import os
import random
import re
import struct
import subprocess
import sys
import tempfile
import time
import urllib.request

END = b"\n--end of record--\n"
KINDS = ["orders", "feedback", "preferences", "box-requests", "erasures", "catalogue"]
NOW = int(time.time() * 1000)
FORMAT = "%p %o %T %K %S\\n%k%s%h" + END.decode().replace("\n", "\\n")


def good(folder):
    """Twelve items, twenty users, everything they may send."""
    past = NOW - 86400000
    shop = {
        "catalogue": [{"item_id": f"item-{i}", "version": 1, "updated_at": past,
                       "name": f"Item {i}", "category": "nuts", "price_minor": 15000 + 2000 * i,
                       "allergens": [], "max_per_box": 2} for i in range(12)],
        "orders": [{"order_id": f"o-{n}", "user_id": f"user-{n % 20}", "ordered_at": past + n,
                    "lines": [{"item_id": f"item-{(n + k) % 12}", "quantity": 1,
                               "unit_price_minor": 15000} for k in range(3)]}
                   for n in range(200)],
        "feedback": [{"feedback_id": f"f-{n}", "user_id": f"user-{n % 20}", "at": past + n,
                      "kind": "LIKED", "item_id": f"item-{n % 12}"} for n in range(100)],
        "preferences": [{"user_id": f"user-{n}", "version": 1, "updated_at": past,
                         "budget_max_minor": 100000} for n in range(20)],
        "box-requests": [{"request_id": f"q-{n}", "user_id": f"user-{n}",
                          "requested_at": past + 1000} for n in range(20)],
        "erasures": [{"erasure_id": "e-1", "user_id": "user-19", "requested_at": past + 100}],
    }
    for topic, records in shop.items():
        with open(os.path.join(folder, topic + ".jsonl"), "w", encoding="utf-8") as out:
            out.writelines(json.dumps(record) + "\n" for record in records)


def long(number):
    """Avro's long: zigzag, seven bits a byte."""
    number = (number << 1) ^ (number >> 63)
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def text(value):
    value = value if isinstance(value, bytes) else value.encode()
    return long(len(value)) + value


def null(count):
    return b"\0" * count


def order(order_id="bad-o", at=NOW, status=0, lines=((b"item-1", 1, 100),), user="asker"):
    block = b"".join(text(i) + long(q) + long(p) for i, q, p in lines)
    block = long(len(lines)) + block if lines else b""
    return (text(order_id) + long(1) + text(user) + long(at) + long(status) + block + long(0)
            + null(4))


def feedback(at=NOW, kind=8, item="item-1", rating=4.0, feedback_id="bad-f"):
    return (text(feedback_id) + text("asker") + long(at) + long(kind) + long(1) + text(item)
            + null(1) + long(1) + struct.pack("<d", rating))


def preferences(at=NOW, low=None, high=None, tags=(), user="key"):
    def maybe(value):
        return null(1) if value is None else long(1) + long(value)
    tags = (long(len(tags)) + b"".join(map(text, tags)) if tags else b"") + long(0)
    return (text(user) + long(1) + long(at) + maybe(low) + maybe(high) + null(2) + tags
            + null(4) + null(3))


def request(request_id="bad-q", at=NOW, must=(), user="asker"):
    must = (long(len(must)) + b"".join(map(text, must)) if must else b"") + long(0)
    return (text(request_id) + text(user) + long(at) + null(4) + must + null(4) + null(3)
            + b"\1")


def erasure(erasure_id="bad-e", user="asker", recipient=None):
    return (text(erasure_id) + text(user) + long(NOW)
            + (null(1) if recipient is None else long(1) + text(recipient)))


def item(item_id="key", at=NOW, price=100, currency="INR", tags=()):
    tags = (long(len(tags)) + b"".join(map(text, tags)) if tags else b"") + long(0)
    return (text(item_id) + long(1) + long(at) + text("n") + text("c") + long(price)
            + text(currency) + tags + null(1) + null(1) + null(1) + null(1) + long(1) + null(2)
            + b"\1")


WHOLE = {"orders": order, "feedback": feedback, "preferences": preferences,
         "box-requests": request, "erasures": erasure, "catalogue": item}
LONG = "x" * 129
AHEAD = NOW + 30 * 86400000
MANY = ["item-1"] * 257


def mangled(topic, schema, rng):
    """Bytes that are no record of this topic, of the kinds all topics share."""
    head = b"\0" + struct.pack(">I", schema)
    whole = head + WHOLE[topic]()
    yield bytes([rng.randrange(1, 256)]) + rng.randbytes(rng.randrange(1, 300))
    yield b"\0"
    yield b"\7" + whole[1:]
    yield b"\0" + struct.pack(">I", 2000000000 + rng.randrange(100000)) + whole[5:]
    yield whole[:-1]
    yield whole[:rng.randrange(5, len(whole))]
    yield whole + rng.randbytes(1 + rng.randrange(9))
    for power in (20, 31, 32, 47, 62):
        yield head + long(1 << power) + rng.randbytes(30)
    yield head + long(-5) + rng.randbytes(30)
    yield head + b"\xff" * 12 + b"\1"
    for bad in (b"\xff\xfe", b"\xc0\xaf", b"\xed\xa0\x80", b"ab\xe2\x82"):
        yield head + text(bad) + whole[10:]
    yield head + bytes(300000 - 5)


def odd(topic, schema):
    """Records that are well-formed and break a rule of their topic."""
    head = b"\0" + struct.pack(">I", schema)
    start = text("bad-o") + long(1) + text("asker") + long(NOW)
    bodies = {
        "orders": [
            order(order_id=LONG), order(lines=((b"item-1", 1, 100),) * 201), order(at=AHEAD),
            order(at=-1), order(status=99), order(status=3), order(lines=((b"i", 1 << 40, 1),)),
            order(lines=((b"i", 6000, 1),) * 2), order(lines=((b"i", 1, 10**9 + 1),)),
            start + long(0) + long(2 * 10**9) + b"\2a\2\2",
            start + long(0) + long(-2 * 10**9) + long(1 << 40) + b"\2a\2\2"],
        "feedback": [
            feedback(rating=float("nan")), feedback(rating=float("inf")), feedback(rating=9),
            feedback(item=LONG), feedback(kind=77), feedback(at=AHEAD), feedback(feedback_id="")],
        "preferences": [
            preferences(at=AHEAD), preferences(low=9, high=5), preferences(high=10**9 + 1),
            preferences(tags=MANY), preferences(user=LONG), preferences(user="other"),
            text("key") + long(1) + long(NOW) + null(2) + long(2 * 10**9) + b"\2a"],
        "box-requests": [request(user=LONG), request(request_id=""), request(request_id=LONG)],
        "erasures": [erasure(user=LONG), erasure(recipient=LONG), erasure(erasure_id="a\nb")],
        "catalogue": [
            item(at=AHEAD), item(price=10**9 + 1), item(currency="USD"), item(tags=MANY),
            item(item_id=LONG), item(item_id="other")],
    }
    return [head + body for body in bodies[topic]]


def told(schema):
    """Requests whose sender can be told."""
    head = b"\0" + struct.pack(">I", schema)
    return [head + body for body in (request("bad-q1", at=AHEAD), request("bad-q2", at=-1),
                                     request("bad-q3", must=[LONG]), request("bad-q4", must=MANY))]


def topics(conf):
    with open(conf, encoding="utf-8") as lines:
        names = dict(re.findall(r"^topic\.([a-z-]+)=(\S+)$", lines.read(), re.M))
    return names


def put(brokers, topic, partition, values, mark):
    """One kcat call: each value is a file, each file a record."""
    with tempfile.TemporaryDirectory() as folder:
        files = []
        for number, value in enumerate(values):
            files.append(os.path.join(folder, str(number)))
            with open(files[-1], "wb") as out:
                out.write(value)
        subprocess.run(["kcat", "-P", "-q", "-b", brokers, "-t", topic, "-p", str(partition),
                        "-k", "key", "-H", "trace=a,b", "-H", "poison=" + mark, *files],
                       check=True)


def send(conf, brokers, registry):
    rng = random.Random(5)
    names = topics(conf)
    for kind in KINDS:
        url = f"{registry}/subjects/{names[kind]}-value/versions/latest"
        with urllib.request.urlopen(url, timeout=10) as answer:
            schema = json.load(answer)["id"]
        for partition in range(1 if kind == "catalogue" else 4):
            values = list(mangled(kind, schema, rng)) + odd(kind, schema)
            rng.shuffle(values)
            put(brokers, names[kind], partition, values, "letter")
        if kind == "box-requests":
            put(brokers, names[kind], 0, told(schema), "told")
        if kind not in ("preferences", "catalogue"):
            empty(brokers, names[kind])


def empty(brokers, topic):
    """A record without a value, where that means nothing."""
    subprocess.run(["kcat", "-P", "-q", "-b", brokers, "-t", topic, "-p", "1", "-Z", "-K", ":",
                    "-H", "poison=letter"], input=b"key:\n", check=True)


Record = collections.namedtuple("Record", "partition offset time key value headers")


def read(brokers, topic):
    """All committed records of a topic, bytes as they are."""
    stream = subprocess.run(
        ["kcat", "-C", "-q", "-e", "-o", "beginning", "-X", "isolation.level=read_committed",
         "-b", brokers, "-t", topic, "-f", FORMAT], check=True, stdout=subprocess.PIPE).stdout
    at = 0
    while at < len(stream):
        line = stream.index(b"\n", at)
        partition, offset, stamp, key_size, size = map(int, stream[at:line].split())
        at = line + 1
        key = stream[at:at + key_size] if key_size >= 0 else None
        at += max(key_size, 0)
        value = stream[at:at + size] if size >= 0 else None
        at += max(size, 0)
        end = stream.index(END, at)
        yield Record(partition, offset, stamp, key, value, stream[at:end].decode())
        at = end + len(END)


def error(letter, name):
    found = re.search(r"__connect\.errors\." + re.escape(name) + r"=([^,]*)", letter.headers)
    if not found:
        sys.exit(f"a dead letter without {name}: {letter.headers}")
    return found.group(1)


def check(conf, brokers, times):
    names = topics(conf)
    wanted = {}
    for kind in KINDS:
        for record in read(brokers, names[kind]):
            if "poison=letter" in record.headers:
                wanted[names[kind], record.partition, record.offset] = record
    found = 0
    reasons = collections.Counter()
    for letter in read(brokers, names["dead-letters"]):
        place = error(letter, "topic"), int(error(letter, "partition")), int(error(letter, "offset"))
        record = wanted.pop(place, None)
        if not record:
            sys.exit(f"a second letter, or one of a good record: {place} {letter.headers}")
        if (letter.key, letter.value, letter.time) != (record.key, record.value, record.time):
            sys.exit(f"other bytes or time: {place}")
        if not letter.headers.startswith(record.headers):
            sys.exit(f"its own headers are gone: {place} {letter.headers}")
        reasons[error(letter, "exception.class.name")] += 1
        found += 1
    if wanted:
        sys.exit(f"no letter of {len(wanted)}, the first {min(wanted)}")
    if found % times or len(reasons) < 15:
        sys.exit(f"{found} letters in {times} rounds, reasons {dict(reasons)}")
    print(found // times)


if __name__ == "__main__":
    if sys.argv[1] == "good":
        good(sys.argv[2])
    elif sys.argv[1] == "send":
        send(*sys.argv[2:])
    else:
        check(sys.argv[2], sys.argv[3], int(sys.argv[4]))
