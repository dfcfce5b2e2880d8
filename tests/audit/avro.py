"""A small Avro: values from and to bytes, by the schemas in schemas/.

Knows what those schemas use. Nothing is resolved between writer and reader; names that a record
has as aliases are not followed, and what is left over after a value is an error.

SPDX-License-Identifier: Apache-2.0
"""
import struct


class Malformed(ValueError):
    """These bytes are no value of the schema."""


def read_long(data, at):
    shift = result = 0
    while True:
        if at >= len(data) or shift > 63:
            raise Malformed("number")
        byte = data[at]
        at += 1
        result |= (byte & 0x7F) << shift
        if byte < 0x80:
            break
        shift += 7
    result = (result >> 1) ^ -(result & 1)
    if not -(1 << 63) <= result < 1 << 63:
        raise Malformed("number")
    return result, at


def write_long(number):
    number = (number << 1) ^ (number >> 63)
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def read_bytes(data, at):
    size, at = read_long(data, at)
    if size < 0 or at + size > len(data):
        raise Malformed("length")
    return data[at:at + size], at + size


def read_string(data, at):
    raw, at = read_bytes(data, at)
    try:
        return raw.decode(), at
    except UnicodeDecodeError as error:
        raise Malformed("text") from error


def read_int(data, at):
    number, at = read_long(data, at)
    if not -(1 << 31) <= number < 1 << 31:
        raise Malformed("int")
    return number, at


def read_double(data, at):
    if at + 8 > len(data):
        raise Malformed("double")
    return struct.unpack_from("<d", data, at)[0], at + 8


def read_boolean(data, at):
    if at >= len(data) or data[at] > 1:
        raise Malformed("boolean")
    return data[at] == 1, at + 1


def write_string(text):
    raw = text.encode()
    return write_long(len(raw)) + raw


READ = {"null": lambda data, at: (None, at), "long": read_long, "int": read_int,
        "string": read_string, "double": read_double, "boolean": read_boolean}
WRITE = {"null": lambda value: b"", "long": write_long, "int": write_long,
         "string": write_string, "double": lambda value: struct.pack("<d", value),
         "boolean": lambda value: b"\1" if value else b"\0"}


class Schema:
    """One record type, compiled."""

    def __init__(self, parsed):
        self.named = {}
        self.read_value, self.write_value = self.compile(parsed)

    def read(self, data, at=0):
        value, at = self.read_value(data, at)
        if at != len(data):
            raise Malformed("bytes are left")
        return value

    def write(self, value):
        return self.write_value(value)

    def compile(self, kind):
        if isinstance(kind, list):
            return self.union(kind)
        if isinstance(kind, dict):
            if kind["type"] in ("record", "enum", "array", "map"):
                return getattr(self, kind["type"])(kind)
            return self.compile(kind["type"])
        if kind in READ:
            return READ[kind], WRITE[kind]
        return self.named[kind]

    def union(self, branches):
        parts = [self.compile(branch) for branch in branches]
        empty = branches.index("null")

        def read(data, at):
            index, at = read_long(data, at)
            if not 0 <= index < len(parts):
                raise Malformed("branch")
            return parts[index][0](data, at)

        def write(value):
            index = empty if value is None else 1 - empty
            return write_long(index) + parts[index][1](value)
        return read, write

    def enum(self, kind):
        symbols = kind["symbols"]

        def read(data, at):
            index, at = read_long(data, at)
            if not 0 <= index < len(symbols):
                raise Malformed("symbol")
            return symbols[index], at
        self.named[kind["name"]] = pair = read, lambda value: write_long(symbols.index(value))
        return pair

    def record(self, kind):
        fields = [(field["name"], *self.compile(field["type"])) for field in kind["fields"]]

        def read(data, at):
            value = {}
            for name, part, _ in fields:
                value[name], at = part(data, at)
            return value, at
        self.named[kind["name"]] = pair = read, lambda value: b"".join(
            part(value[name]) for name, _, part in fields)
        return pair

    def blocks(self, element):
        def read(data, at):
            values = []
            while True:
                count, at = read_long(data, at)
                if count < 0:
                    count = -count
                    _, at = read_long(data, at)
                if count == 0:
                    return values, at
                if count > len(data):
                    raise Malformed("count")
                for _ in range(count):
                    value, at = element(data, at)
                    values.append(value)
        return read

    def array(self, kind):
        element, write_element = self.compile(kind["items"])

        def write(values):
            body = b"".join(map(write_element, values))
            return (write_long(len(values)) + body if values else b"") + b"\0"
        return self.blocks(element), write

    def map(self, kind):
        value_of, write_value = self.compile(kind["values"])

        def entry(data, at):
            key, at = read_string(data, at)
            value, at = value_of(data, at)
            return (key, value), at
        entries = self.blocks(entry)

        def read(data, at):
            pairs, at = entries(data, at)
            return dict(pairs), at

        def write(values):
            body = b"".join(write_string(k) + write_value(v) for k, v in values.items())
            return (write_long(len(values)) + body if values else b"") + b"\0"
        return read, write
