#!/usr/bin/env python3
"""Tests the audit: nothing is wrong with a good recording, and something with every mutant of it.

    mutants.py [--count N] RECORDING...     240 mutants of each unless N says otherwise

A mutant has one record dropped, doubled, exchanged with another or changed, one offset moved or
one line of the dump altered; only such changes are made as a stranger can notice.

SPDX-License-Identifier: Apache-2.0
"""
import copy
import dataclasses
import json
import random
import sys

from audit import Audit
from avro import Schema
from fold import judge
from recording import INPUTS, Recording, schema_id

OUTPUTS = ["box-recommendations", "box-answers", "erasure-receipts", "dead-letters", "audit",
           "changelog"]


def mutant(recording, **parts):
    """A copy in which only `parts` differ."""
    other = copy.copy(recording)
    for name, value in parts.items():
        setattr(other, name, value)
    return other


def with_records(recording, kind, records):
    return mutant(recording, topics={**recording.topics, kind: records})


def with_value(recording, kind, index, value):
    records = list(recording.topics[kind])
    records[index] = dataclasses.replace(records[index], value=value)
    return with_records(recording, kind, records)


class Mutants:
    """Makes them, in a random order that a seed repeats."""

    def __init__(self, recording, seed=1):
        self.good = recording
        self.rng = random.Random(seed)
        self.schemas = {number: Schema(parsed) for number, parsed in recording.schemas.items()}
        self.audit = Audit(recording)
        self.audit.run()

    def take(self, count):
        """(what was done, mutant) pairs, each family in turn."""
        families = [self.drops(), self.doubles(), self.late_doubles(), self.exchanges(),
                    self.flips(), self.outputs(), self.inputs(), self.offsets(), self.lines(),
                    self.letters()]
        families = [list(family) for family in families]
        for family in families:
            self.rng.shuffle(family)
        made = []
        while len(made) < count and any(families):
            for family in families:
                if family:
                    what, make = family.pop()
                    made.append((what, make()))
        return made[:count]

    def drops(self):
        for kind in OUTPUTS + INPUTS + ["reroute"]:
            for index, one in enumerate(self.good.topics[kind]):
                records = self.good.topics[kind]
                if kind == "changelog" and one.value is None:
                    continue  # perhaps of a row that never was
                yield f"drop {kind} {one.place()}", lambda k=kind, i=index, r=records: (
                    with_records(self.good, k, r[:i] + r[i + 1:]))

    def doubles(self):
        for kind in OUTPUTS + INPUTS + ["catalogue"]:
            for index, one in enumerate(self.good.topics[kind]):
                records = self.good.topics[kind]
                yield f"double {kind} {one.place()}", lambda k=kind, i=index, r=records: (
                    with_records(self.good, k, r[:i + 1] + r[i:]))

    def late_doubles(self):
        """The record again, as a later one."""
        for kind in OUTPUTS + INPUTS:
            for one in self.good.topics[kind]:
                yield f"again {kind} {one.place()}", lambda k=kind, o=one: self.append(k, o)

    def append(self, kind, one):
        end = self.good.ends[kind][one.partition]
        ends = {**self.good.ends, kind: {**self.good.ends[kind], one.partition: end + 1}}
        records = self.good.topics[kind] + [dataclasses.replace(one, offset=end)]
        return mutant(with_records(self.good, kind, records), ends=ends)

    def exchanges(self):
        for kind in OUTPUTS + ["preferences", "catalogue"]:
            records = self.good.topics[kind]
            for _ in range(min(60, len(records) ** 2)):
                i, k = self.rng.randrange(len(records)), self.rng.randrange(len(records))
                if kind == "erasure-receipts" or records[i].value == records[k].value or (
                        kind in ("preferences", "catalogue") and records[i].key == records[k].key):
                    continue
                yield f"exchange {kind} {records[i].place()} {records[k].place()}", (
                    lambda n=kind, a=i, b=k, r=records: with_records(self.good, n, [
                        dataclasses.replace(one, value=r[{a: b, b: a}.get(at, at)].value)
                        for at, one in enumerate(r)]))

    def flips(self):
        """One bit of a record whose every bit counts."""
        for kind in ("audit", "changelog", "dead-letters"):
            for index, one in enumerate(self.good.topics[kind]):
                if not one.value:
                    continue
                data = bytearray(one.value)
                data[self.rng.randrange(len(data))] ^= 1 << self.rng.randrange(8)
                yield f"flip {kind} {one.place()}", lambda k=kind, i=index, d=bytes(data): (
                    with_value(self.good, k, i, d))

    def change(self, kind, index, name, alter):
        """A field of an Avro value, changed and encoded again."""
        one = self.good.topics[kind][index]
        schema = self.schemas[schema_id(one.value)]
        value = copy.deepcopy(schema.read(one.value, 5))
        alter(value)
        return f"change {name} of {kind} {one.place()}", lambda: with_value(
            self.good, kind, index, one.value[:5] + schema.write(value))

    def outputs(self):
        def add(name, by):
            return lambda value: value.__setitem__(name, value[name] + by)

        def line(name, new):
            return lambda value: value["boxes"][0]["items"][0].__setitem__(
                name, new(value["boxes"][0]["items"][0][name]))
        for kind in ("box-recommendations", "box-answers"):
            for index, one in enumerate(self.good.topics[kind]):
                if one.value is None:
                    continue
                for name, by in (("revision", 1), ("recommendation_id", "x"), ("user_id", "x")):
                    yield self.change(kind, index, name, add(name, by))
                if not self.schemas[schema_id(one.value)].read(one.value, 5)["boxes"]:
                    continue
                yield self.change(kind, index, "price", line("unit_price_minor", lambda p: p + 1))
                yield self.change(kind, index, "item", line("item_id", lambda _: "item-none"))
                yield self.change(kind, index, "quantity", line("quantity", lambda q: q + 1))
                yield self.change(kind, index, "total", lambda v: v["boxes"][0].__setitem__(
                    "total_minor", v["boxes"][0]["total_minor"] + 1))
                yield self.change(kind, index, "boxes", lambda v: v["boxes"].pop())
                yield self.change(kind, index, "as_of", lambda v: v["as_of"]["inputs"][0].
                                  __setitem__("offset", 1 << 40))
                yield self.change(kind, index, "budget", add("budget_max_minor", -10**8))
        for index, _ in enumerate(self.good.topics["erasure-receipts"]):
            for name in ("requested_at", "erased_at"):
                yield self.change("erasure-receipts", index, name, add(name, 1))

    def counts_now(self, kind, one, value):
        """Whether a change of the record is a change of what is known."""
        fold = self.audit.fold
        if kind == "orders":
            best, facts = fold.orders.get((value["user_id"], value["order_id"]), (None, []))
            return best and best[0] == value["version"] and len(facts) == 1 and (
                not facts[0]["stub"]) and value["status"] == "PLACED"
        if kind == "feedback":
            held = fold.reactions.get((value["user_id"], value["item_id"]))
            return held and held["feedback"] == value["feedback_id"]
        if kind == "preferences":
            last = [r for r in self.good.topics[kind] if r.key == one.key][-1]
            return value["user_id"] in fold.preferences and last is one
        return False

    def inputs(self):
        for kind in INPUTS:
            for index, one in enumerate(self.good.topics[kind]):
                value, verdict = judge(kind, one, self.audit.decode, self.good.currency)
                if verdict == "bad" or value is None:
                    if verdict == "bad" and one.value:
                        yield f"mend {kind} {one.place()}", lambda k=kind, i=index: with_value(
                            self.good, k, i, one.value + b"\0")
                elif kind == "box-requests":
                    yield self.change(kind, index, "request_id", lambda v: v.__setitem__(
                        "request_id", v["request_id"] + "x"))
                elif kind == "erasures":
                    yield self.change(kind, index, "erasure_id", lambda v: v.__setitem__(
                        "erasure_id", v["erasure_id"] + "x"))
                elif self.counts_now(kind, one, value):
                    yield from self.counting(kind, index)

    def counting(self, kind, index):
        def bump(name, by):
            return lambda value: value.__setitem__(name, value[name] + by)
        if kind == "orders":
            for name in ("version", "ordered_at"):
                yield self.change(kind, index, name, bump(name, 1))
            for name in ("quantity", "unit_price_minor"):
                yield self.change(kind, index, name, lambda value, n=name: value["lines"][0].
                                  __setitem__(n, value["lines"][0][n] + 10))
            yield self.change(kind, index, "status",
                              lambda value: value.__setitem__("status", "CANCELLED"))
        elif kind == "feedback":
            yield self.change(kind, index, "at", bump("at", 1))
            yield self.change(kind, index, "kind", lambda value: value.__setitem__(
                "kind", "LIKED" if value["kind"] != "LIKED" else "DISLIKED"))
        else:
            yield self.change(kind, index, "version", bump("version", 1))
            yield self.change(kind, index, "diets",
                              lambda value: value["diets"].append("halal"))

    def offsets(self):
        for kind, places in self.good.offsets.items():
            for partition in places:
                for by in (-1, 1):
                    yield f"offset of {kind}-{partition} by {by}", lambda k=kind, p=partition, b=by: (
                        mutant(self.good, offsets={**self.good.offsets, k: {
                            **self.good.offsets[k], p: self.good.offsets[k][p] + b}}))
                yield f"no offset of {kind}-{partition}", lambda k=kind, p=partition: mutant(
                    self.good, offsets={**self.good.offsets, k: {
                        q: o for q, o in self.good.offsets[k].items() if q != p}})

    def lines(self):
        dump = self.good.dump
        for index, line in enumerate(dump):
            row = json.loads(line)
            yield f"drop dump line {index}", lambda i=index: mutant(
                self.good, dump=dump[:i] + dump[i + 1:])
            yield f"double dump line {index}", lambda i=index: mutant(
                self.good, dump=dump[:i + 1] + dump[i:])
            for name in ("version", "ordered_at", "users", "opportunities", "hits"):
                if name in row:
                    changed = json.dumps({**row, name: row[name] + 1})
                    yield f"change {name} in dump line {index}", lambda i=index, c=changed: (
                        mutant(self.good, dump=dump[:i] + [c] + dump[i + 1:]))

    def letters(self):
        for index, one in enumerate(self.good.topics["dead-letters"]):
            for old in ("errors.offset=", "errors.partition=", "errors.topic="):
                records = list(self.good.topics["dead-letters"])
                records[index] = dataclasses.replace(one, headers=one.headers.replace(
                    old, old + "9"))
                yield f"{old} of dead letter {one.place()}", lambda r=records: with_records(
                    self.good, "dead-letters", r)


def main(words):
    count = 240
    if words and words[0] == "--count":
        count, words = int(words[1]), words[2:]
    missed = 0
    for path in words:
        good = Recording.load(path)
        alarms = Audit(good).run()
        for line in alarms[:10]:
            print(f"{path}: false alarm: {line}")
        missed += len(alarms)
        made = Mutants(good).take(count)
        for what, other in made:
            if not Audit(other).run():
                print(f"{path}: not caught: {what}")
                missed += 1
        print(f"{path}: {len(made)} mutants, {missed} missed or false alarms")
    return 1 if missed or not words else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
