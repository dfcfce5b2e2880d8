"""hamper's own topics as state/README.md describes them: changelog rows, audit records, digests.

SPDX-License-Identifier: Apache-2.0
"""
import ctypes
import ctypes.util

from avro import Malformed, read_bytes, read_long

HEADER, ORDER, REACTION, PREFERENCES, WATERMARK, REVISION, STANDING, PENDING = range(8)
STATUS = ["PLACED", "CANCELLED", "RETURNED"]
KINDS = ["SHOWN", "OPENED", "LIKED", "DISLIKED", "ADDED", "REMOVED", "ACCEPTED", "REJECTED",
         "RATED", "OTHER"]
SENSES = ["none", "positive", "negative", "removed"]


class Hash128(ctypes.Structure):
    """As the library returns it."""
    _fields_ = [("low", ctypes.c_uint64), ("high", ctypes.c_uint64)]


def hash_function():
    """XXH3-128 of bytes as one number; None where the library is not installed."""
    name = ctypes.util.find_library("xxhash")
    if not name:
        return None
    function = ctypes.CDLL(name).XXH3_128bits
    function.restype = Hash128
    function.argtypes = [ctypes.c_char_p, ctypes.c_size_t]

    def hash128(data):
        found = function(data, len(data))
        return found.high << 64 | found.low
    return hash128


class Digest:
    """Sum of row hashes, modulo 2 to the 128."""

    def __init__(self):
        self.sum = 0

    def change(self, row, sign):
        self.sum = (self.sum + sign * row) % (1 << 128)

    def bytes(self):
        return self.sum.to_bytes(16, "big")


class Cursor:
    """Reads fields in turn."""

    def __init__(self, data):
        self.data, self.at = data, 1
        if not data or data[0] != 1:
            raise Malformed("version")

    def number(self):
        value, self.at = read_long(self.data, self.at)
        return value

    def one_of(self, words):
        number = self.number()
        if not 0 <= number < len(words):
            raise Malformed("symbol")
        return words[number]

    def maybe(self):
        return self.number() if self.number() else None

    def text(self):
        value, self.at = read_bytes(self.data, self.at)
        try:
            return value.decode()
        except UnicodeDecodeError as error:
            raise Malformed("text") from error

    def blob(self):
        """Bytes, or None when absent."""
        size, at = read_long(self.data, self.at)
        if size == -1:
            self.at = at
            return None
        value, self.at = read_bytes(self.data, self.at)
        return value

    def raw(self, size):
        if self.at + size > len(self.data):
            raise Malformed("row")
        self.at += size
        return self.data[self.at - size:self.at]

    def done(self):
        if self.at != len(self.data):
            raise Malformed("bytes are left")

    def texts(self):
        return [self.text() for _ in range(self.number())]


def part(key, at=0):
    """A part of a composed key, and where the next begins."""
    out = bytearray()
    while True:
        stop = key.index(0, at)
        out += key[at:stop]
        mark = key[stop + 1]
        at = stop + 2
        if mark == 1:
            return out.decode(), at
        out.append(0)


def order(value):
    cursor = Cursor(value)
    stub = cursor.raw(1)[0] == 1
    fact = {"stub": stub, "status": cursor.one_of(STATUS), "version": cursor.number(),
            "ordered_at": cursor.number()}
    cursor.raw(8)
    if not stub:
        fact["lines"] = [[cursor.text(), cursor.number(), cursor.number()]
                         for _ in range(cursor.number())]
        fact["box"] = cursor.blob()
        fact["recipient"] = cursor.blob()
        fact["occasion"] = cursor.blob()
        fact["budget"] = cursor.maybe()
    cursor.done()
    return fact


def reaction(value):
    cursor = Cursor(value)
    fact = {"at": cursor.number(), "feedback": cursor.text(), "kind": cursor.one_of(KINDS),
            "millis": cursor.number(), "sense": cursor.one_of(SENSES)}
    cursor.done()
    return fact


def preferences(value):
    cursor = Cursor(value)
    fact = {"version": cursor.number(), "updated_at": cursor.number(),
            "budget_min_minor": cursor.maybe(), "budget_max_minor": cursor.maybe()}
    for name in ("liked_categories", "disliked_categories", "liked_tags", "disliked_items",
                 "avoid_allergens", "diets"):
        fact[name] = cursor.texts()
    fact["category_mix"] = [{"category": cursor.text(), "min": cursor.number(),
                             "max": cursor.maybe()} for _ in range(cursor.number())]
    for name in ("items_min", "items_max", "boxes"):
        fact[name] = cursor.maybe()
    cursor.done()
    return fact


def end(value):
    cursor = Cursor(value)
    row = {"sequence": cursor.number(), "partitions": cursor.number(), "digest": cursor.raw(16)}
    row["positions"] = {}
    for _ in range(cursor.number()):
        topic = cursor.text()
        row["positions"][topic] = cursor.number()
    cursor.done()
    return row


def audit(value):
    cursor = Cursor(value)
    row = {name: cursor.number()
           for name in ("sequence", "processed", "dead", "rerouted", "emitted")}
    row["digest"] = cursor.raw(16)
    row["ranges"] = {}
    for _ in range(cursor.number()):
        topic = cursor.text()
        row["ranges"][topic] = (cursor.number(), cursor.number())
    cursor.done()
    return row
