"""What a stranger can see of a running application, kept in one file.

A recording is JSON, gzipped: names and settings, every committed record of its topics, the ends
of their partitions, the group's offsets, the schemas by id, and the lines of `hamper inspect dump`.

SPDX-License-Identifier: Apache-2.0
"""
import base64
import dataclasses
import gzip
import hashlib
import json
import os
import re
import subprocess
import urllib.error
import urllib.request

INPUTS = ["orders", "feedback", "preferences", "box-requests", "erasures"]
NAMES = INPUTS + ["catalogue", "box-recommendations", "box-answers", "erasure-receipts",
                  "dead-letters"]
INTERNAL = {"reroute": "reroute-repartition", "changelog": "ledger-changelog", "rows": "rows",
            "audit": "audit"}
END = b"\n--end of record--\n"
FORMAT = "%p %o %T %K %S\\n%k%s%h" + END.decode().replace("\n", "\\n")


@dataclasses.dataclass
class Record:
    """A committed record, bytes as they are."""
    partition: int
    offset: int
    time: int
    key: bytes
    value: bytes
    headers: str = ""

    def place(self):
        return self.partition, self.offset


def pack(data):
    return None if data is None else base64.b85encode(data).decode()


def unpack(text):
    return None if text is None else base64.b85decode(text)


class Recording:
    """Topics are named by what they are for (`orders`), not as they are called."""

    def __init__(self):
        self.application = ""
        self.partitions = 0
        self.currency = "INR"
        self.erasure_key = None
        self.names = {}     # what for -> as it is called
        self.topics = {}    # what for -> records
        self.ends = {}      # what for -> {partition: next offset}
        self.offsets = {}   # what for -> {partition: the group's}
        self.schemas = {}   # id -> parsed
        self.dump = []

    def save(self, path):
        body = {name: getattr(self, name) for name in
                ("application", "partitions", "currency", "names", "ends", "offsets", "schemas",
                 "dump")}
        body["erasure_key"] = pack(self.erasure_key)
        body["topics"] = {kind: [[r.partition, r.offset, r.time, pack(r.key), pack(r.value),
                                  r.headers] for r in records]
                          for kind, records in self.topics.items()}
        with gzip.GzipFile(path, "wb", mtime=0) as out:
            out.write(json.dumps(body).encode())

    @staticmethod
    def load(path):
        with gzip.open(path) as file:
            body = json.load(file)
        self = Recording()
        for name in ("application", "partitions", "currency", "names", "dump"):
            setattr(self, name, body[name])
        for name in ("ends", "offsets"):
            setattr(self, name, {kind: {int(p): offset for p, offset in places.items()}
                                 for kind, places in body[name].items()})
        self.schemas = {int(number): schema for number, schema in body["schemas"].items()}
        self.erasure_key = unpack(body["erasure_key"])
        self.topics = {kind: [Record(p, o, t, unpack(k), unpack(v), h)
                              for p, o, t, k, v, h in records]
                       for kind, records in body["topics"].items()}
        return self


def settings(path):
    with open(path, encoding="utf-8") as lines:
        return dict(re.findall(r"^([a-z][\w.-]*)=(.*)$", lines.read(), re.M))


def run(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout


def read_topic(brokers, topic):
    """All committed records of a topic."""
    stream = run("kcat", "-C", "-q", "-e", "-o", "beginning", "-b", brokers, "-t", topic,
                 "-X", "isolation.level=read_committed", "-X", "check.crcs=true", "-f", FORMAT)
    at, records = 0, []
    while at < len(stream):
        line = stream.index(b"\n", at)
        partition, offset, stamp, key_size, size = map(int, stream[at:line].split())
        at = line + 1
        key = stream[at:at + key_size] if key_size >= 0 else None
        at += max(key_size, 0)
        value = stream[at:at + size] if size >= 0 else None
        at += max(size, 0)
        end = stream.index(END, at)
        records.append(Record(partition, offset, stamp, key, value, stream[at:end].decode()))
        at = end + len(END)
    return sorted(records, key=Record.place)


def read_ends(brokers, topic, partitions):
    found = run("kcat", "-Q", "-b", brokers,
                *(word for p in range(partitions) for word in ("-t", f"{topic}:{p}:-1")))
    return {int(p): int(offset) for p, offset in
            re.findall(r"\[(\d+)\] offset (\d+)", found.decode())}


def read_offsets(kafka, brokers, group, names):
    """The group's offsets, as Kafka's own tool tells them."""
    text = run(kafka, "tool", "consumer.group.ConsumerGroupCommand", "--bootstrap-server", brokers,
               "--describe", "--group", group).decode()
    kinds = {name: kind for kind, name in names.items()}
    offsets = {}
    for line in text.splitlines():
        words = line.split()
        if len(words) > 4 and words[0] == group and words[1] in kinds and words[3] != "-":
            offsets.setdefault(kinds[words[1]], {})[int(words[2])] = int(words[3])
    return offsets


def read_schema(url, number):
    if url.startswith("file:"):
        folder = url[5:]
        with open(os.path.join(folder, "index.json"), encoding="utf-8") as index:
            for subject in json.load(index).values():
                for entry in [subject, *subject["older"]]:
                    if entry["id"] == number:
                        with open(os.path.join(folder, entry["file"]), encoding="utf-8") as file:
                            return json.load(file)
        return None
    try:
        with urllib.request.urlopen(f"{url}/schemas/ids/{number}", timeout=10) as answer:
            return json.loads(json.load(answer)["schema"])
    except urllib.error.HTTPError:
        return None


def schema_id(value):
    if value is None or len(value) < 5 or value[0] != 0:
        return None
    return int.from_bytes(value[1:5], "big")


def record(conf, kafka, hamper, *options):
    """Reads everything now. The application should be at rest, its state complete in one place."""
    config = settings(conf)
    self = Recording()
    self.application = config["application.id"]
    self.partitions = int(config.get("partitions", 4))
    self.currency = config.get("currency", "INR")
    secret = f"hamper erasure key of {self.application}".encode()
    if "erasure.key.file" in config:
        with open(config["erasure.key.file"], "rb") as file:
            secret = file.read()
    self.erasure_key = hashlib.sha256(secret).digest()
    brokers = config["bootstrap.servers"]
    self.names = {kind: config.get("topic." + kind, "gofig." + kind) for kind in NAMES}
    self.names["dead-letters"] = config.get("topic.dead-letters",
                                            f"{self.application}-dead-letters")
    for kind, rest in INTERNAL.items():
        self.names[kind] = f"{self.application}-{rest}"
    numbers = set()
    for kind, name in self.names.items():
        self.topics[kind] = read_topic(brokers, name)
        partitions = 1 if kind in ("catalogue", "erasure-receipts") else self.partitions
        self.ends[kind] = read_ends(brokers, name, partitions)
        numbers |= {schema_id(r.value) for r in self.topics[kind]}
    url = config.get("schema.registry.url", "file:schemas")
    for number in numbers - {None}:
        schema = read_schema(url, number)
        if schema:
            self.schemas[number] = schema
    for _ in range(3):  # the tool says nothing when the broker is slow to answer
        self.offsets = self.offsets or read_offsets(kafka, brokers, self.application, self.names)
    self.dump = run(hamper, "inspect", "-c", conf, *options, "dump").decode().splitlines()
    return self
