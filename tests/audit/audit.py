#!/usr/bin/env python3
"""Looks at a running application as a stranger would and says what is wrong with it.

    audit.py record CONF FILE [INSPECT OPTION]...   reads topics, offsets and `inspect dump`
    audit.py check FILE...                          judges recordings; exit status 1 when any is bad

Shares no code with hamper. KAFKA and HAMPER name tests/broker/kafka.sh and the binary. What is
checked: docs/decisions/audit.md.

SPDX-License-Identifier: Apache-2.0
"""
import base64
import collections
import hashlib
import hmac
import json
import os
import re
import sys

import rows
from avro import Malformed, Schema
from boxes import History, Vocabulary, Wish, check_record
from fold import Fold, counts, judge
from recording import INPUTS, Recording, record, schema_id

DECODED = {}
REQUESTS_KNOWN = 64
SHOWN = 30


def murmur2(data):
    """As Kafka's Java client places keys."""
    length, mask = len(data), 0xFFFFFFFF
    value = (0x9747B28C ^ length) & mask
    for at in range(0, length - length % 4, 4):
        k = int.from_bytes(data[at:at + 4], "little") * 0x5BD1E995 & mask
        k = (k ^ k >> 24) * 0x5BD1E995 & mask
        value = (value * 0x5BD1E995 & mask) ^ k
    if length % 4:
        value ^= int.from_bytes(data[length - length % 4:], "little")
        value = value * 0x5BD1E995 & mask
    value = (value ^ value >> 13) * 0x5BD1E995 & mask
    return (value ^ value >> 15) & 0x7FFFFFFF


def public_id(prefix, *words):
    seed = b"\0".join(str(word).encode() for word in words)
    return prefix + base64.b32encode(hashlib.sha256(seed).digest()[:10]).decode().lower()


class Audit:
    """One recording under judgement; `wrong` lists what was found."""

    def __init__(self, recording):
        self.seen = recording
        self.wrong = []
        self.numbers = collections.Counter()
        self.schemas = {number: Schema(parsed) for number, parsed in recording.schemas.items()}
        self.vocabulary = Vocabulary()
        self.tasks = {str(p).encode(): p for p in range(recording.partitions)}
        self.inputs, self.told, self.bad = {}, [], {}
        self.outputs = collections.defaultdict(list)  # user -> (record, value or None, kind)

    def say(self, what):
        self.wrong.append(what)

    def expect(self, condition, what):
        if not condition:
            self.say(what)

    def decode(self, value):
        """Values are read once for all recordings, and never changed."""
        if value in DECODED:
            return DECODED[value]
        schema = self.schemas.get(schema_id(value))
        if schema is None:
            raise Malformed("schema")
        DECODED[value] = schema.read(value, 5)
        return DECODED[value]

    def home(self, user):
        return murmur2(user.encode()) % self.seen.partitions

    def keyed(self, name):
        return hmac.new(self.seen.erasure_key, name.encode(), hashlib.sha256).digest()

    def run(self):
        self.check_logs()
        self.read_inputs()
        self.fold = Fold(self.inputs)
        self.read_outputs()
        self.check_dump()
        self.check_changelog()
        self.check_audit()
        self.check_letters()
        self.check_revisions()
        self.check_requests()
        self.check_receipts()
        self.check_standing()
        self.check_boxes()
        return self.wrong

    # ---- reading

    def check_logs(self):
        for kind, records in self.seen.topics.items():
            before = collections.defaultdict(lambda: -1)
            for one in records:
                self.expect(one.offset > before[one.partition],
                            f"{kind}-{one.partition}: offset {one.offset} again")
                self.expect(one.offset < self.seen.ends[kind].get(one.partition, 0),
                            f"{kind}-{one.partition}: offset {one.offset} after the end")
                before[one.partition] = one.offset

    def read_inputs(self):
        for kind in INPUTS + ["catalogue"]:
            self.inputs[kind] = []
            for one in self.seen.topics[kind]:
                value, verdict = judge(kind, one, self.decode, self.seen.currency)
                self.numbers[verdict] += 1
                if verdict == "bad":
                    self.bad[self.seen.names[kind], one.partition, one.offset] = one
                elif verdict == "told":
                    self.told.append((one, value))
                else:
                    self.inputs[kind].append((one, value))

    def read_outputs(self):
        for kind in ("box-recommendations", "box-answers"):
            for one in self.seen.topics[kind]:
                user = (one.key or b"").decode("utf-8", "replace")
                self.expect(one.partition == self.home(user),
                            f"{kind}: {user} on partition {one.partition}")
                value = None
                if one.value is not None:
                    try:
                        value = self.decode(one.value)
                    except Malformed as error:
                        self.say(f"{kind}-{one.partition}@{one.offset}: {error}")
                        continue
                    self.expect(value["user_id"] == user, f"{kind}: key {user}, "
                                f"value of {value['user_id']}")
                self.outputs[user].append((one, value, kind))

    # ---- state

    def check_dump(self):
        live, doubtful = self.fold.live()
        heads, pairs = counts(live, self.fold.reactions)
        self.numbers.update(orders=len(live), items=len(heads))
        shown = {"order": {}, "item": {}, "pair": {}}
        for line in self.seen.dump:
            row = json.loads(line)
            sort = next((name for name in shown if name in row), None)
            if sort is None:
                continue
            key = {"order": lambda: (row["user"], row["order"]), "item": lambda: row["item"],
                   "pair": lambda: tuple(row["pair"])}[sort]()
            self.expect(key not in shown[sort], f"dump: {sort} {key} twice")
            shown[sort][key] = row
        self.compare("order", shown["order"], live, lambda row: [
            row["version"], row["status"], row["ordered_at"], row["lines"]], lambda fact: [
            fact["version"], fact["status"], fact["ordered_at"], fact["lines"]], doubtful)
        if doubtful:
            return
        self.compare("item", shown["item"], heads, lambda row: [
            row["users"], row["opportunities"], row["hits"],
            {int(day): users for day, users in row["days"].items()}], lambda head: [
            head.users, head.opportunities, head.hits, dict(head.days)], ())
        if shown["pair"]:
            self.compare("pair", shown["pair"], pairs, lambda row: row["users"],
                         lambda users: users, ())

    def compare(self, sort, found, wanted, show, want, doubtful):
        for key in found.keys() | wanted.keys():
            if key in doubtful:
                continue
            here = show(found[key]) if key in found else None
            there = want(wanted[key]) if key in wanted else None
            self.expect(here == there, f"{sort} {key}: held {here}, the inputs say {there}")

    def check_changelog(self):
        """Folds the changelog; at each !end row the digest of all rows is that of the row."""
        hash128 = rows.hash_function()
        self.ends, self.end_rows, self.states = {}, {}, {}
        for partition in range(self.seen.partitions):
            self.fold_changelog(partition, hash128)
        self.check_facts()

    def fold_changelog(self, partition, hash128):
        state, hashes, digest, last = {}, {}, rows.Digest(), None
        self.states[partition] = state
        open_rows = 0
        for one in self.seen.topics["changelog"]:
            if one.partition != partition:
                continue
            if one.key == b"\0!end":
                last = self.next_end(one, last)
                if last:
                    self.end_rows[partition, last["sequence"]] = last
                if hash128 and last:
                    self.expect(digest.bytes() == last["digest"],
                                f"changelog-{partition}@{one.offset}: rows have another digest")
                open_rows = 0
                continue
            open_rows += 1
            if hash128:
                if one.key in hashes:
                    digest.change(hashes.pop(one.key), -1)
                if one.value is not None:
                    hashes[one.key] = hash128(one.key + one.value)
                    digest.change(hashes[one.key], 1)
            if one.value is None:
                state.pop(one.key, None)
            else:
                state[one.key] = one.value
        self.expect(open_rows == 0, f"changelog-{partition}: rows after the last !end")
        self.ends[partition] = last

    def next_end(self, one, last):
        where = f"changelog-{one.partition}@{one.offset}"
        try:
            row = rows.end(one.value)
        except (Malformed, TypeError) as error:
            self.say(f"{where}: {error}")
            return last
        before = last["sequence"] if last else row["sequence"] - 1
        self.expect(row["sequence"] == before + 1,
                    f"{where}: sequence {row['sequence']} after {before}")
        self.expect(row["partitions"] == self.seen.partitions, f"{where}: partitions")
        for topic, offset in (last or row)["positions"].items():
            self.expect(row["positions"].get(topic, -1) >= offset,
                        f"{where}: {topic} falls behind {offset}")
        return row

    def check_facts(self):
        """The rows of the ledger say what the inputs say."""
        found = {"orders": {}, "reactions": {}, "preferences": {}, "marks": {}}
        self.standing, self.revisions = {}, {}
        pending = 0
        for partition, state in self.states.items():
            for key, value in state.items():
                try:
                    self.take_fact(partition, key[0], key[1:], value, found)
                except (Malformed, ValueError, IndexError) as error:
                    self.say(f"changelog-{partition}: row {key!r}: {error}")
                pending += key[0] == rows.PENDING
        self.expect(pending == 0, f"{pending} users are pending")
        self.compare_facts(found)

    def take_fact(self, partition, store, key, value, found):
        if store in (rows.ORDER, rows.REACTION):
            user, at = rows.part(key)
            name, _ = rows.part(key, at)
            read = rows.order if store == rows.ORDER else rows.reaction
            found["orders" if store == rows.ORDER else "reactions"][user, name] = read(value)
        elif store in (rows.PREFERENCES, rows.STANDING):
            user, _ = rows.part(key)
            if store == rows.PREFERENCES:
                found["preferences"][user] = rows.preferences(value)
            else:
                cursor = rows.Cursor(value)
                self.standing[user] = cursor.number()
        elif store == rows.WATERMARK:
            cursor = rows.Cursor(value)
            mark = cursor.number()
            found["marks"][key] = mark, {cursor.raw(32): cursor.number()
                                         for _ in range(cursor.number())}
            return
        elif store == rows.REVISION:
            self.revisions[key] = int.from_bytes(value[1:9], "big"), value[9] == 1
            return
        else:
            return
        self.expect(self.home(user) == partition, f"changelog-{partition}: row of {user}")

    def compare_facts(self, found):
        fold = self.fold

        def fact(order):
            order = dict(order)
            for name in ("box", "occasion"):
                if isinstance(order.get(name), bytes):
                    order[name] = order[name].decode()
            return order
        for key in found["orders"].keys() | fold.orders.keys():
            here = fact(found["orders"][key]) if key in found["orders"] else None
            there = []
            for one in fold.orders.get(key, (None, []))[1]:
                one = dict(one)
                if one.get("recipient") is not None:
                    one["recipient"] = self.keyed(one["recipient"])
                there.append(one)
            self.expect(here in there, f"order row {key}: {here}, the inputs say {there}")
        self.compare("reaction row", found["reactions"], fold.reactions, dict, dict, ())
        names = ("version", "updated_at", "budget_min_minor", "budget_max_minor",
                 "liked_categories", "disliked_categories", "liked_tags", "disliked_items",
                 "avoid_allergens", "diets", "category_mix", "items_min", "items_max", "boxes")
        self.compare("preferences row", found["preferences"], fold.preferences, dict,
                     lambda value: {name: value[name] for name in names}, fold.scattered)
        marks = {}
        for user in fold.marks.keys() | fold.recipient_marks.keys():
            most = fold.marks.get(user, 0)
            marks[self.keyed(user)] = most, {
                self.keyed(name): mark for name, mark in fold.recipient_marks.get(user, {}).items()
                if mark > most}
        self.compare("watermark", found["marks"], marks, tuple, tuple, ())

    # ---- positions

    def read_audits(self):
        """Tasks and rows. They stand in any partition, and in each one a task's in their order."""
        last = {}
        for one in self.seen.topics["audit"]:
            where = f"audit-{one.partition}@{one.offset}"
            try:
                row = rows.audit(one.value)
            except (Malformed, TypeError) as error:
                self.say(f"{where}: {error}")
                continue
            if one.key not in self.tasks:
                self.say(f"{where}: key {one.key}")
                continue
            before = last.get((one.partition, one.key), 0)
            self.expect(row["sequence"] > before,
                        f"{where}: sequence {row['sequence']} after {before}")
            last[one.partition, one.key] = row["sequence"]
            yield self.tasks[one.key], row

    def check_audit(self):
        """Each task's transactions tile its inputs from the beginning to what is committed."""
        sums = collections.Counter()
        sequence = collections.Counter()
        at = {}
        for task, row in sorted(self.read_audits(), key=lambda told: (told[0], told[1]["sequence"])):
            where = f"audit of {task}, sequence {row['sequence']}"
            sequence[task] += 1
            self.expect(row["sequence"] == sequence[task], f"{where}: {sequence[task]} is expected")
            sequence[task] = row["sequence"]
            self.expect(set(row["ranges"]) == {self.seen.names[kind]
                                               for kind in INPUTS + ["reroute"]},
                        f"{where}: other inputs")
            for topic, (start, stop) in row["ranges"].items():
                before = at.get((task, topic), 0)
                self.expect(start == before and start <= stop, f"{where}: {topic} from {start} "
                            f"to {stop} after {before}")
                at[task, topic] = stop
            for name in ("processed", "dead", "rerouted", "emitted"):
                sums[task, name] += row[name]
            self.compare_end(task, row)
        self.check_positions(at, sequence)
        self.check_sums(sums)
        self.numbers["transactions"] = sum(sequence.values())

    def compare_end(self, partition, row):
        end = self.end_rows.get((partition, row["sequence"]))
        if end:
            self.expect(row["digest"] == end["digest"], f"audit-{partition}: another digest")
            self.expect({topic: stop for topic, (_, stop) in row["ranges"].items()}
                        == end["positions"], f"audit-{partition}: other positions than !end")

    def check_positions(self, at, sequence):
        for partition in range(self.seen.partitions):
            end = self.ends.get(partition)
            self.expect((end["sequence"] if end else 0) == sequence[partition],
                        f"audit-{partition} ends at {sequence[partition]}, the changelog at "
                        f"{end and end['sequence']}")
            for kind in INPUTS + ["reroute"]:
                topic = self.seen.names[kind]
                told = at.get((partition, topic), 0)
                group = self.seen.offsets.get(kind, {}).get(partition)
                last = self.seen.ends[kind].get(partition, 0)
                self.expect(told == group == last, f"{kind}-{partition}: audit says {told}, the "
                            f"group {group}, the log ends at {last}")

    def check_sums(self, sums):
        """What the transactions say they did is what lies in the topics."""
        here = collections.Counter()
        for kind in INPUTS + ["reroute"]:
            for one in self.seen.topics[kind]:
                here[one.partition, "processed"] += 1
        for partition in range(self.seen.partitions):
            self.expect(sums[partition, "processed"] == here[partition, "processed"],
                        f"task {partition} processed {sums[partition, 'processed']} records of "
                        f"{here[partition, 'processed']}")
        total = {name: sum(sums[p, name] for p in range(self.seen.partitions))
                 for name in ("rerouted", "emitted")}
        topics = self.seen.topics
        self.expect(total["rerouted"] == len(topics["reroute"]),
                    f"{total['rerouted']} rerouted, {len(topics['reroute'])} there")
        sent = sum(len(topics[kind]) for kind in ("box-recommendations", "box-answers",
                                                  "erasure-receipts", "rows"))
        self.expect(total["emitted"] == sent, f"{total['emitted']} emitted, {sent} there")

    # ---- outputs

    def check_letters(self):
        wanted = dict(self.bad)
        for letter in self.seen.topics["dead-letters"]:
            found = dict(re.findall(r"__connect\.errors\.(topic|partition|offset)=([^,]*)",
                                    letter.headers))
            try:
                place = found["topic"], int(found["partition"]), int(found["offset"])
            except (KeyError, ValueError):
                self.say(f"dead letter {letter.place()} does not say of what")
                continue
            one = wanted.pop(place, None)
            if one is None:
                self.say(f"dead letter of {place}: a second one, or of a good record")
                continue
            self.expect((one.key, one.time) == (letter.key, letter.time) and (
                one.value == letter.value or letter.value is None), f"dead letter of {place}: "
                "other bytes")
            self.expect(letter.headers.startswith(one.headers), f"dead letter of {place}: "
                        "its own headers are gone")
        for place in wanted:
            self.say(f"no dead letter of {place}")

    def check_revisions(self):
        for user, outputs in self.outputs.items():
            revisions = [(value["revision"], kind, one.offset) for one, value, kind in outputs
                         if value]
            self.expect(sorted(r for r, _, _ in revisions) == list(range(1, len(revisions) + 1)),
                        f"{user}: revisions {sorted(r for r, _, _ in revisions)}")
            for kind in ("box-recommendations", "box-answers"):
                here = [r for r, k, _ in revisions if k == kind]
                self.expect(here == sorted(here), f"{user}: {kind} out of order, {here}")
            told = self.revisions.get(self.keyed(user), (0, False))
            self.expect(told[0] == len(revisions),
                        f"{user}: {len(revisions)} revisions, the state knows {told[0]}")
            for _, value, _ in outputs:
                if value:
                    self.check_ids(user, value)
        self.numbers["outputs"] = sum(map(len, self.outputs.values()))

    def check_ids(self, user, value):
        head = self.seen.application, user, value["revision"]
        self.expect(value["recommendation_id"] == public_id("r", *head),
                    f"{user}, revision {head[2]}: another id")
        for box in value["boxes"]:
            self.expect(box["box_id"] == public_id("b", *head, box["slot"]),
                        f"{user}, revision {head[2]}: another id of slot {box['slot']}")

    def check_requests(self):
        asked = collections.defaultdict(list)
        for one, value in self.inputs["box-requests"] + self.told:
            at = value["requested_at"]
            at = at if 0 < at <= one.time + 3600000 else one.time
            asked[value["user_id"], value["request_id"]].append(at)
        of_user = collections.Counter(user for user, _ in asked)
        answers = collections.Counter(
            (user, value["request_id"]) for user, outputs in self.outputs.items()
            for _, value, kind in outputs if kind == "box-answers" and value)
        for key in answers.keys() | asked.keys():
            user, times = key[0], asked.get(key, [])
            most = 1 if of_user[user] <= REQUESTS_KNOWN else len(times)
            least = 1
            if user in self.fold.marks:
                most = len(times)
                least = 0 if any(self.fold.void(user, at) for at in times) else 1
            self.expect(times and least <= answers[key] <= most,
                        f"request {key}: asked {len(times)} times, answered {answers[key]}")
        for user, outputs in self.outputs.items():
            for _, value, kind in outputs:
                if value:
                    self.expect((value["cause"] == "REQUEST") == (kind == "box-answers") == (
                        value["request_id"] is not None), f"{user}: a {value['cause']} in {kind}")

    def check_receipts(self):
        wanted = collections.Counter(
            (value["erasure_id"], value["requested_at"], one.time)
            for one, value in self.inputs["erasures"])
        found = collections.Counter()
        for one in self.seen.topics["erasure-receipts"]:
            try:
                value = self.decode(one.value)
            except (Malformed, TypeError) as error:
                self.say(f"receipt {one.place()}: {error}")
                continue
            self.expect(one.key == value["erasure_id"].encode(), "receipt under another key")
            self.expect(value["residual_until"] > value["erased_at"] and
                        value["events_voided"] >= 0, f"receipt {value['erasure_id']}: times")
            found[value["erasure_id"], value["requested_at"], value["erased_at"]] += 1
        self.expect(wanted == found, f"receipts missing {dict(wanted - found)}, too many "
                    f"{dict(found - wanted)}")

    def check_standing(self):
        """Who is known has standing boxes, and a tombstone is the last word about who is not."""
        fold = self.fold
        known = {user for user, _ in fold.live()[0]} | {user for user, _ in fold.reactions}
        known |= set(fold.preferences)
        for user in known | self.outputs.keys():
            sent = [(one, value) for one, value, kind in self.outputs.get(user, [])
                    if kind == "box-recommendations"]
            stands = bool(sent) and sent[-1][1] is not None
            self.expect(stands or user not in known, f"{user} has no standing boxes")
            self.expect(self.standing.get(user) == (sent[-1][1]["revision"] if stands else None),
                        f"{user}: the state holds revision {self.standing.get(user)}")
            if user not in fold.marks:
                self.expect(all(value for _, value in sent), f"{user}: a tombstone")

    def check_boxes(self):
        self.items, self.stated = History(), History()
        for one in self.seen.topics["catalogue"]:
            value, verdict = judge("catalogue", one, self.decode, self.seen.currency)
            self.items.add(one.key, one.offset, value if verdict == "good" else None)
        for one, value in self.inputs["preferences"]:
            self.stated.add(one.key.decode(), one.offset, value)
        self.marks = collections.defaultdict(list)
        for one, value in self.inputs["erasures"]:
            if value["recipient_id"] is None:
                self.marks[value["user_id"]].append(
                    (one.offset, min(one.time, value["requested_at"])))
        requests = collections.defaultdict(list)
        for _, value in self.inputs["box-requests"]:
            requests[value["user_id"], value["request_id"]].append(value)
        for user, outputs in self.outputs.items():
            if user in self.fold.scattered:
                continue
            before = {}
            for _, value, kind in outputs:
                if value:
                    self.check_one(user, value, requests, before.setdefault(kind, {}))
            self.check_final(user, outputs)

    def check_one(self, user, value, requests, before):
        head = f"{user}, revision {value['revision']}"
        as_of = {place["topic"]: place["offset"] for place in value["as_of"]["inputs"]}
        for kind in INPUTS + ["reroute"]:
            topic = self.seen.names[kind]
            offset = as_of.get(topic, -1)
            self.expect(before.get(topic, 0) <= offset
                        <= self.seen.ends[kind].get(self.home(user), 0),
                        f"{head}: as_of {topic} {offset}")
            before[topic] = offset
        catalogue = value["as_of"]["catalogue"][0]["offset"] if value["as_of"]["catalogue"] else 0
        preferences = self.stated.at(user, as_of.get(self.seen.names["preferences"], 0))
        mark = max((mark for offset, mark in self.marks[user]
                    if offset < as_of.get(self.seen.names["erasures"], 0)), default=0)
        if preferences and preferences["updated_at"] <= mark:
            preferences = None
        self.expect(value["as_of"]["preferences_version"] ==
                    (preferences and preferences["version"]), f"{head}: preferences_version")
        asked = [None]
        if value["request_id"] is not None:
            asked = requests.get((user, value["request_id"]), [])
            if not asked:
                self.expect(value["status"] == "INFEASIBLE", f"{head}: boxes for a bad request")
                return
        problems = [check_record(value, lambda item: self.items.at(item.encode(), catalogue),
                                 Wish(preferences, one), self.vocabulary) for one in asked]
        if value["status"] == "INFEASIBLE":
            self.expect(value["advice"] is not None, f"{head}: no advice")
        self.expect(not all(problems), f"{head}: {problems[0]}")
        self.numbers["boxes"] += len(value["boxes"])

    def check_final(self, user, outputs):
        """Nothing is pending, so what stands fits the catalogue and the wishes of now."""
        sent = [value for _, value, kind in outputs if kind == "box-recommendations"]
        if not sent or sent[-1] is None:
            return
        problems = check_record(sent[-1], lambda item: self.items.at(item.encode(), 1 << 62),
                                Wish(self.fold.preferences.get(user), None), self.vocabulary)
        self.expect(not problems, f"{user}, what stands: {problems}")


def check(paths):
    bad = 0
    for path in paths:
        audit = Audit(Recording.load(path))
        wrong = audit.run()
        bad += len(wrong)
        for line in wrong[:SHOWN]:
            print(line)
        print(f"{path}: {len(wrong)} violations; " + ", ".join(
            f"{count} {name}" for name, count in sorted(audit.numbers.items())))
    return 1 if bad else 0


def main(words):
    if len(words) >= 3 and words[0] == "record":
        record(words[1], os.environ["KAFKA"], os.environ["HAMPER"], *words[3:]).save(words[2])
        return 0
    if len(words) >= 2 and words[0] == "check":
        return check(words[1:])
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
