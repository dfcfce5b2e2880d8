#!/usr/bin/env python3
"""The whole stream on a real broker: what it does a second, how late a box is, what it costs, as one table.

    tests/bench/stream.py [--hamper BINARY] [--retail DIR] [--orders N] [--rate N] [--seconds N]
                          [--only NAME,...] [--brokers HOST:PORT] [--perf]

Seven parts, each in an application of its own:

  dense    Online Retail, cut to 5 lines an order unless --retail names it whole: orders read from a backlog,
           exactly once, boxes for all
  sparse   10,000 items, 200,000 users, 5 lines an order: the same
  latency  orders at 50 a second and at RATE: from the broker's append to the box at a read-committed reader
  race     an allergen to avoid, a request 1 ms later, TIMES times: boxes that hold it
  quiet    everything a second time, 100,000 SHOWN events, 10,000 stock changes that cross nothing: no box, no walk
  restart  SIGKILL with millions of pair counters: until the first record is processed, with the state and without
  fanout   a price changes that USERS standing boxes hold: time until all are new, and what requests wait meanwhile;
           an allergen comes in; both again with four SIGKILLs on the way

CPU seconds are user and system of the hamper process from its start to its end. Broker bytes are what the log
directory grew by without the inputs. Nothing here is judged by the clock in a test: this prints what is.

SPDX-License-Identifier: Apache-2.0
"""
import argparse
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
KAFKA = os.path.join(ROOT, "tests/broker/kafka.sh")
sys.path.insert(0, os.path.join(ROOT, "tests/support"))
from poison import long as number, text  # noqa: E402  Avro's long and string
INPUTS = ("orders", "feedback", "preferences", "box-requests", "erasures", "catalogue")
OUTPUTS = ("box-recommendations", "box-answers", "erasure-receipts", "dead-letters")
DAY_MS = 86400000
START_MS = 1760000000000


class Application:
    """Topics, configuration and state of one measurement."""

    def __init__(self, bench, name, settings):
        self.bench = bench
        self.name = f"{name}-{os.getpid()}"
        self.config = os.path.join(bench.work, f"{name}.conf")
        self.log = os.path.join(bench.work, f"{name}.log")
        self.state = os.path.join(bench.work, f"{name}-state")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.http = free.getsockname()[1]
        lines = [
            f"application.id={self.name}",
            f"bootstrap.servers={bench.brokers}",
            "schema.registry.url=file:schemas",
            f"state.dir={self.state}",
            "replication.factor=1",
            f"http.listen=127.0.0.1:{self.http}",
        ]
        lines += [f"topic.{topic}={self.topic(topic)}" for topic in INPUTS + OUTPUTS]
        lines += settings + bench.settings
        with open(self.config, "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")
        self.call("topics", "--create", output=subprocess.DEVNULL)

    def topic(self, name):
        return f"{self.name}-{name}"

    def call(self, command, *more, source=None, output=None):
        subprocess.run([self.bench.hamper, command, "-c", self.config, *more], cwd=ROOT, check=True,
                       stdin=source, stdout=output, stderr=subprocess.DEVNULL)

    def feed(self, name, path):
        self.call("produce", self.topic(name), path)

    def start(self, *more):
        with open(self.log, "a", encoding="utf-8") as log:
            command = [self.bench.hamper, "run", "-c", self.config, *more]
            if self.bench.perf:
                command = ["perf", "record", "-q", "-g", "-F", "499", "-o",
                           os.path.join(self.bench.work, self.name + ".perf"), *command]
            process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=log)
        self.bench.processes.append(process)
        return process

    def metric(self, name):
        """Its sum now; None as long as nobody answers, 0 when nothing was counted."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.http}/metrics", timeout=5) as answer:
                lines = answer.read().decode().splitlines()
        except OSError:
            return None
        return sum(int(float(line.split()[1])) for line in lines if line.split("{")[0].split()[0] == name)

    def run_to_end(self):
        """Processes everything there is; elapsed and CPU seconds, resident MB."""
        began = time.monotonic()
        process = self.start("--until-caught-up")
        _, status, usage = os.wait4(process.pid, 0)
        if status != 0:
            sys.exit(f"hamper failed, see {self.log}")
        return time.monotonic() - began, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024

    def broker_bytes(self):
        """Of everything this application wrote: by topic, and what all applications share."""
        sizes = {}
        inputs = {self.topic(name) for name in INPUTS}
        for folder in os.listdir(self.bench.logs):
            topic = folder.rsplit("-", 1)[0]
            if topic in inputs or not (topic.startswith(self.name) or topic.startswith("__")):
                continue
            size = sum(os.path.getsize(os.path.join(self.bench.logs, folder, file))
                       for file in os.listdir(os.path.join(self.bench.logs, folder)) if file.endswith(".log"))
            topic = topic.replace(self.name, "").lstrip("-")
            sizes[topic] = sizes.get(topic, 0) + size
        return sizes


def write_lines(path, records):
    with open(path, "w", encoding="utf-8") as file:
        for record in records:
            file.write(json.dumps(record, separators=(",", ":")) + "\n")


def sparse_events(folder, orders):
    """A shop of 10,000 items and 200,000 users whose choices overlap a little."""
    rng = random.Random(1)
    os.makedirs(folder, exist_ok=True)
    items = [{"item_id": f"item-{i:05d}", "version": 1, "updated_at": START_MS, "name": f"Item number {i}",
              "category": f"category {rng.randrange(40)}", "price_minor": rng.randrange(5000, 60000, 100),
              "allergens": rng.choice([[], [], ["peanut"], ["milk"]]),
              "diets": rng.choice([[], ["vegetarian"], ["vegan"]]), "max_per_box": 2} for i in range(10000)]
    write_lines(os.path.join(folder, "catalogue.jsonl"), items)

    def order(i):
        chosen = set()
        while len(chosen) < 5:
            chosen.add(int(len(items) * rng.random() ** 2))
        return {"order_id": f"o{i}", "user_id": f"user-{rng.randrange(200000):06d}", "ordered_at": START_MS + i * 20000,
                "lines": [{"item_id": items[n]["item_id"], "quantity": 1, "unit_price_minor": items[n]["price_minor"]}
                          for n in sorted(chosen)]}
    write_lines(os.path.join(folder, "orders.jsonl"), (order(i) for i in range(orders)))


def count_lines(path):
    with (subprocess.Popen(["zcat", path], stdout=subprocess.PIPE).stdout if path.endswith(".gz")
          else open(path, "rb")) as file:
        return sum(1 for _ in file)


def event_file(folder, name):
    path = os.path.join(folder, name + ".jsonl")
    return path if os.path.exists(path) else path + ".gz"


def throughput(bench, name, folder, settings):
    application = Application(bench, name, settings)
    application.feed("catalogue", event_file(folder, "catalogue"))
    application.feed("orders", event_file(folder, "orders"))
    orders = count_lines(event_file(folder, "orders"))
    before = application.broker_bytes()
    elapsed, cpu, resident = application.run_to_end()
    after = application.broker_bytes()
    grown = {topic: after[topic] - before.get(topic, 0) for topic in after}
    recommendations = count_records(bench, application.topic("box-recommendations"))
    bench.row(name, "orders", f"{orders}")
    bench.row(name, "recommendations", f"{recommendations}")
    bench.row(name, "orders per CPU second", f"{orders / cpu:.0f}")
    bench.row(name, "CPU s / elapsed s", f"{cpu:.1f} / {elapsed:.1f}")
    bench.row(name, "resident MB", f"{resident:.0f}")
    bench.row(name, "broker bytes per order", f"{sum(grown.values()) / orders:.0f}")
    for topic, size in sorted(grown.items(), key=lambda entry: -entry[1]):
        if size * 100 > sum(grown.values()):
            bench.row(name, f"  {topic}", f"{size / orders:.0f}")


# ---- what a user waits for -------------------------------------------------------------------


def framed(subject, body):
    with open(os.path.join(ROOT, "schemas/index.json"), encoding="utf-8") as file:
        return b"\0" + json.load(file)[subject]["id"].to_bytes(4, "big") + body


def order_value(order_id, user, items, now_ms):
    lines = b"".join(text(item) + number(1) + number(9900) for item in items)
    return framed("gofig.orders-value", text(order_id) + number(1) + text(user) + number(now_ms) + number(0) +
                  number(len(items)) + lines + number(0) + number(0) * 4)


def request_value(request_id, user, now_ms):
    return framed("gofig.box-requests-value", text(request_id) + text(user) + number(now_ms) + number(0) * 4 +
                  number(0) * 5 + number(0) * 3 + b"\1")


class Sender:
    """Sends what it is given at once (Debian: python3-confluent-kafka)."""

    def __init__(self, bench, topic):
        from confluent_kafka import Producer  # pylint: disable=import-outside-toplevel
        self.topic = topic
        self.producer = Producer({"bootstrap.servers": bench.brokers, "linger.ms": 0,
                                  "partitioner": "murmur2_random"})

    def send(self, key, value):
        self.producer.produce(self.topic, key=key.encode(), value=value)
        self.producer.poll(0)

    def close(self):
        self.producer.flush(30)


class Listener(threading.Thread):
    """When each key was first seen by a read-committed reader, from where the topic ends now."""

    def __init__(self, bench, topic):
        super().__init__(daemon=True)
        self.seen = {}
        self.count = 0
        self.kcat = subprocess.Popen(
            ["kcat", "-b", bench.brokers, "-C", "-t", topic, "-o", f"s@{int(time.time() * 1000)}", "-u", "-q", "-f", "%k\n",
             "-X", "isolation.level=read_committed", "-X", "fetch.wait.max.ms=100"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.start()
        time.sleep(2)

    def run(self):
        for line in self.kcat.stdout:
            self.count += 1
            self.seen.setdefault(line.strip().decode(errors="replace"), time.time())

    def close(self):
        self.kcat.terminate()
        self.kcat.wait()


def percentile(values, part):
    return sorted(values)[min(len(values) - 1, int(len(values) * part))] if values else float("nan")


def appended(bench, topic, since):
    """When the broker appended each key's record, by its own clock."""
    output = subprocess.run(
        ["kcat", "-b", bench.brokers, "-C", "-t", topic, "-o", f"s@{int(since * 1000)}", "-e", "-q", "-f", "%k %T\n"],
        stdout=subprocess.PIPE, check=True)
    return {key.decode(): int(stamp) / 1000 for key, stamp in (line.split() for line in output.stdout.splitlines())}


def waits(bench, topic, since, sent, listener, label):
    """From the broker's append of what was sent to its answer at the reader."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and any(key not in listener.seen for key in sent):
        time.sleep(0.05)
    came = appended(bench, topic, since)
    found = [(listener.seen[key] - came[key]) * 1000 for key in sent if key in listener.seen and key in came]
    bench.row(*label, f"{percentile(found, .5):.1f} / {percentile(found, .99):.1f}")
    if len(found) < len(sent):
        bench.row(label[0], "  without an answer", f"{len(sent) - len(found)}")
    return percentile(found, .99)


def paced(rate, seconds):
    began = time.monotonic()
    for i in range(int(rate * seconds)):
        delay = began + i / rate - time.monotonic()
        if delay > 0:
            time.sleep(delay)
        yield i


def latency(bench, rates, seconds):
    folder = os.path.join(bench.work, "latency")
    sparse_events(folder, 20000)
    application = Application(bench, "latency", [])
    application.feed("catalogue", event_file(folder, "catalogue"))
    application.feed("orders", event_file(folder, "orders"))
    application.run_to_end()
    process = application.start()
    listener = Listener(bench, application.topic("box-recommendations"))
    sender = Sender(bench, application.topic("orders"))
    rng = random.Random(2)
    time.sleep(8)
    sender.send("first", order_value("first", "first", ["item-00001"], int(time.time() * 1000)))
    sender.producer.flush(30)  # else the first half second comes as one burst
    for rate in rates:
        sent = set()
        since = time.time()
        for i in paced(rate, seconds):
            user = f"late-{rate}-{i:06d}"
            items = [f"item-{int(10000 * rng.random() ** 2):05d}" for _ in range(5)]
            sender.send(user, order_value("o" + user, user, sorted(set(items)), int(time.time() * 1000)))
            sent.add(user)
        waits(bench, application.topic("orders"), since, sent, listener, ("latency", f"order to box, {rate} a second, ms p50 / p99"))
    sender.close()
    listener.close()
    process.send_signal(signal.SIGTERM)
    process.wait()


def preferences_value(user, allergens, now_ms):
    avoid = number(len(allergens)) + b"".join(text(code) for code in allergens) + (number(0) if allergens else b"")
    return framed("gofig.preferences-value", text(user) + number(1) + number(now_ms) + number(0) * 2 +
                  number(0) * 4 + avoid + number(0) * 2 + number(0) * 3)


def race(bench, times, rate=400):
    """A new allergen, a request 1 ms later: every answer must know of it."""
    folder = os.path.join(bench.work, "race")
    os.makedirs(folder, exist_ok=True)
    write_lines(os.path.join(folder, "catalogue.jsonl"), (
        {"item_id": f"item-{i:02d}", "version": 1, "updated_at": START_MS, "name": f"Item {i}",
         "category": f"category {i % 6}", "price_minor": 20000 + 1000 * i,
         "allergens": ["peanut"] if i % 2 else []} for i in range(40)))
    application = Application(bench, "race", [])
    application.feed("catalogue", event_file(folder, "catalogue"))
    process = application.start()
    answers = Listener(bench, application.topic("box-answers"))
    preferences = Sender(bench, application.topic("preferences"))
    requests = Sender(bench, application.topic("box-requests"))
    time.sleep(8)
    since = time.time()
    preferences.send("control", preferences_value("control", [], int(time.time() * 1000)))
    preferences.producer.flush(30)
    requests.send("control", request_value("rcontrol", "control", int(time.time() * 1000)))
    for i in paced(rate, times / rate):
        user = f"racer-{i:05d}"
        preferences.send(user, preferences_value(user, ["Peanuts"], int(time.time() * 1000)))
        time.sleep(0.001)
        requests.send(user, request_value("r" + user, user, int(time.time() * 1000)))
    preferences.close()
    requests.close()
    deadline = time.monotonic() + 120
    while len(answers.seen) <= times and time.monotonic() < deadline:
        time.sleep(0.2)
    answers.close()
    process.send_signal(signal.SIGTERM)
    process.wait()
    told = subprocess.run([bench.hamper, "cat", "-c", application.config, application.topic("box-answers")],
                          cwd=ROOT, stdout=subprocess.PIPE, check=True, stderr=subprocess.DEVNULL).stdout
    told_at = appended(bench, application.topic("preferences"), since)
    asked_at = appended(bench, application.topic("box-requests"), since)
    boxes = wrong = answered = control = late = 0
    for line in told.splitlines():
        record = json.loads(line)
        answer = record.get("value", record)
        holds = [any(int(item["item_id"][5:]) % 2 for item in box["items"]) for box in answer["boxes"]]
        if answer["user_id"] == "control":
            control = sum(holds)
            continue
        if told_at[answer["user_id"]] > asked_at[answer["user_id"]]:
            late += 1  # the two producers overtook each other
            continue
        answered += 1
        boxes += len(holds)
        wrong += sum(holds)
    bench.row("race", "answers to requests 1 ms after an allergen", f"{answered}")
    bench.row("race", "their boxes, and those that hold it", f"{boxes}, {wrong}")
    bench.row("race", "requests the broker had before the allergen", f"{late}")
    bench.row("race", "boxes that hold it of one who does not mind", f"{control}")


# ---- restart ---------------------------------------------------------------------------------


def dense_events(folder, orders):
    """4,000 items, a user for four orders of 20 lines: every order touches thousands of counters."""
    rng = random.Random(3)
    os.makedirs(folder, exist_ok=True)
    write_lines(os.path.join(folder, "catalogue.jsonl"), (
        {"item_id": f"item-{i:04d}", "version": 1, "updated_at": START_MS, "name": f"Item {i}",
         "category": f"category {i % 40}", "price_minor": 20000 + i, "allergens": []} for i in range(4000)))

    def order(i):
        chosen = sorted({int(4000 * rng.random() ** 1.3) for _ in range(20)})
        return {"order_id": f"o{i}", "user_id": f"user-{rng.randrange(orders // 4):06d}", "ordered_at": START_MS + i * 20000,
                "lines": [{"item_id": f"item-{n:04d}", "quantity": 1, "unit_price_minor": 20000 + n} for n in chosen]}
    write_lines(os.path.join(folder, "orders.jsonl"), (order(i) for i in range(orders)))


def back_again(bench, application, name, late=100):
    """Kills nobody, starts: seconds from there to facts and to a box of orders that came meanwhile."""
    facts = Listener(bench, application.topic("ledger-changelog"))
    boxes = Listener(bench, application.topic("box-recommendations"))
    path = os.path.join(bench.work, name + ".jsonl")
    write_lines(path, ({"order_id": "late", "user_id": f"{name}-{i:03d}", "ordered_at": int(time.time() * 1000),
                        "lines": [{"item_id": "item-0001", "quantity": 1, "unit_price_minor": 20000}]}
                       for i in range(late)))
    application.feed("orders", path)
    began = time.time()
    process = application.start()
    while not boxes.seen and time.time() < began + 300 and process.poll() is None:
        time.sleep(0.05)
    told = [stamp for key, stamp in facts.seen.items() if name in key]
    bench.row("restart", f"{name}: s to the first record processed", f"{min(told) - began:.2f}")
    bench.row("restart", f"{name}: s to the first box", f"{min(boxes.seen.values()) - began:.2f}")
    facts.close()
    boxes.close()
    return process


def restart(bench, orders):
    folder = os.path.join(bench.work, "restart")
    dense_events(folder, orders)
    application = Application(bench, "restart", [f"group.instance.id=restart-{os.getpid()}"])
    application.feed("catalogue", event_file(folder, "catalogue"))
    application.feed("orders", event_file(folder, "orders"))
    _, cpu, resident = application.run_to_end()
    bench.row("restart", "orders, per CPU second, resident MB", f"{orders}, {orders / cpu:.0f}, {resident:.0f}")
    dump = subprocess.Popen([bench.hamper, "inspect", "-c", application.config, "dump"], cwd=ROOT,
                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    pairs = sum(line.startswith(b'{"pair"') for line in dump.stdout)
    bench.row("restart", "pair counters", f"{pairs}")
    dump.wait()
    process = application.start()
    for way in ("killed", "killed-again", "deleted"):
        time.sleep(5)
        process.kill()
        process.wait()
        if way == "deleted":
            shutil.rmtree(application.state)
        size = os.path.getsize(application.log)
        process = back_again(bench, application, way)
    process.send_signal(signal.SIGTERM)
    process.wait()
    with open(application.log, "rb") as log:
        log.seek(size)
        told = [dict(word.split("=", 1) for word in line.split() if "=" in word)
                for line in log.read().decode().splitlines() if "msg=restored" in line]
    rows = sum(int(line["rows"]) for line in told)
    seconds = max(int(line["read_ms"]) + int(line["derive_ms"]) for line in told) / 1000
    bench.row("restart", "deleted: rows, rows/s until tasks are open", f"{rows}, {rows / seconds:.0f}")


def fanout_events(folder, users):
    """A shop so small that every box holds what everybody likes."""
    os.makedirs(folder, exist_ok=True)
    items = [{"item_id": f"item-{i:02d}", "version": 1, "updated_at": START_MS, "name": f"Item {i}",
              "category": f"category {i % 6}", "price_minor": 20000 + 1000 * i, "allergens": []} for i in range(40)]
    write_lines(os.path.join(folder, "catalogue.jsonl"), items)
    write_lines(os.path.join(folder, "orders.jsonl"), (
        {"order_id": f"o{i}", "user_id": f"user-{i:06d}", "ordered_at": START_MS + i,
         "lines": [{"item_id": item, "quantity": 1, "unit_price_minor": 100}
                   for item in ("item-07", "item-17", f"item-{i % 40:02d}")]}
        for i in range(users)))
    changed = dict(items[7], price_minor=items[7]["price_minor"] + 500, version=2, updated_at=START_MS + 86400000)
    write_lines(os.path.join(folder, "price.jsonl"), [changed])
    changed = dict(changed, price_minor=changed["price_minor"] + 500, version=3)
    write_lines(os.path.join(folder, "price-killed.jsonl"), [changed])
    write_lines(os.path.join(folder, "preferences.jsonl"), (
        {"user_id": f"user-{i:06d}", "version": 1, "updated_at": START_MS, "avoid_allergens": ["milk"]}
        for i in range(users)))
    write_lines(os.path.join(folder, "allergen.jsonl"), [dict(changed, version=4, allergens=["milk"])])
    write_lines(os.path.join(folder, "allergen-killed.jsonl"),
                [dict(items[17], version=2, updated_at=START_MS + 86400000, allergens=["milk"])])


def quiet_events(folder, shown, stocks):
    """A bit of everything, and events that must not move a single box."""
    rng = random.Random(4)
    os.makedirs(folder, exist_ok=True)
    items = [{"item_id": f"item-{i:04d}", "version": 1, "updated_at": START_MS, "name": f"Item {i}",
              "category": f"category {i % 20}", "price_minor": rng.randrange(5000, 60000, 100),
              "allergens": rng.choice([[], ["peanut"]]), "max_per_box": 2, "stock": 1000} for i in range(2000)]
    kinds = ("LIKED", "DISLIKED", "REMOVED", "RATED", "OPENED", "ADDED", "ACCEPTED", "REJECTED")
    user = lambda: f"user-{rng.randrange(5000):04d}"
    item = lambda: items[int(2000 * rng.random() ** 2)]["item_id"]
    write_lines(os.path.join(folder, "catalogue.jsonl"), items)
    write_lines(os.path.join(folder, "orders.jsonl"), (
        {"order_id": f"o{i}", "user_id": user(), "ordered_at": START_MS + i * 20000,
         "lines": [{"item_id": n, "quantity": 1, "unit_price_minor": 9900} for n in sorted({item() for _ in range(5)})]}
        for i in range(20000)))
    write_lines(os.path.join(folder, "feedback.jsonl"), (
        {"feedback_id": f"f{i}", "user_id": user(), "at": START_MS + i * 20000, "kind": kinds[i % len(kinds)],
         "item_id": item(), "rating": 5.0 if i % 3 else 1.0, "box_id": "b" + "a" * 16} for i in range(20000)))
    write_lines(os.path.join(folder, "preferences.jsonl"), (
        {"user_id": f"user-{i:04d}", "version": 1, "updated_at": START_MS, "budget_max_minor": rng.randrange(80000, 300000, 5000),
         "avoid_allergens": rng.choice([[], ["peanut"]])} for i in range(2000)))
    write_lines(os.path.join(folder, "box-requests.jsonl"), (
        {"request_id": f"r{i}", "user_id": user(), "requested_at": START_MS + i} for i in range(2000)))
    write_lines(os.path.join(folder, "shown.jsonl"), (
        {"feedback_id": f"s{i}", "user_id": user(), "at": START_MS + i * 4000, "kind": "SHOWN", "item_id": item(),
         "box_id": "b" + "a" * 16} for i in range(shown)))
    for name, later in (("stock", 0), ("stock-again", stocks)):
        write_lines(os.path.join(folder, name + ".jsonl"), (
            dict(items[i % 2000], version=2 + (i + later) // 2000, updated_at=START_MS + 86400000 + i + later,
                 stock=rng.randrange(10, 2000)) for i in range(stocks)))
    write_lines(os.path.join(folder, "price.jsonl"), [
        dict(items[0], version=1000, updated_at=START_MS + 2 * 86400000, price_minor=items[0]["price_minor"] + 100)])


def quiet(bench, shown=100000, stocks=10000):
    folder = os.path.join(bench.work, "quiet")
    quiet_events(folder, shown, stocks)
    application = Application(bench, "quiet", [])
    every = [(name, event_file(folder, name)) for name in
             ("catalogue", "orders", "feedback", "preferences", "box-requests")]
    sent = [0, 0]

    def run(label, feeds):
        for name, path in feeds:
            application.feed(name, path)
        application.run_to_end()
        now = [count_records(bench, application.topic(name)) for name in ("box-recommendations", "box-answers")]
        events = sum(count_lines(path) for _, path in feeds)
        bench.row("quiet", f"{label}, {events}: boxes, answers", f"{now[0] - sent[0]}, {now[1] - sent[1]}")
        sent[:] = now
    run("everything once", every)
    run("everything again", every)
    run("SHOWN", [("feedback", os.path.join(folder, "shown.jsonl"))])
    run("stock that crosses nothing", [("catalogue", os.path.join(folder, "stock.jsonl"))])
    walks(bench, application, os.path.join(folder, "stock-again.jsonl"), os.path.join(folder, "price.jsonl"))


def walks(bench, application, stock, price):
    """Stock that crosses nothing while hamper runs; then one price, which shows that walks are counted."""
    process = application.start()
    for path, seconds in ((stock, 10), (price, 60)):
        while application.metric("hamper_transactions_total") is None:
            time.sleep(0.5)
        application.feed("catalogue", path)
        until = time.monotonic() + seconds
        while time.monotonic() < until and (path == stock or not application.metric("hamper_catalogue_walks_total")):
            time.sleep(0.5)
        bench.row("quiet", f"{os.path.basename(path)}, {count_lines(path)}: walks, users looked at",
                  f"{application.metric('hamper_catalogue_walks_total')}, "
                  f"{application.metric('hamper_catalogue_walked_users_total')}")
    process.terminate()
    process.wait()


def requests_meanwhile(bench, application, listener, label, until, rate=20):
    """Requests at a quiet pace for as long as `until` says no."""
    topic = application.topic("box-requests")
    sender = Sender(bench, topic)
    sent = set()
    since = time.time()
    for i in paced(rate, 600):
        if until(i / rate):
            break
        user = f"asks-{label}-{i:05d}"
        sender.send(user, request_value("r" + user, user, int(time.time() * 1000)))
        sent.add(user)
    sender.close()
    return waits(bench, topic, since, sent, listener, ("fanout", f"request to answer, {label}, ms p50 / p99"))


def fanout(bench, users):
    folder = os.path.join(bench.work, "fanout")
    fanout_events(folder, users)
    application = Application(bench, "fanout", [])
    application.feed("catalogue", event_file(folder, "catalogue"))
    application.feed("orders", event_file(folder, "orders"))
    application.feed("preferences", event_file(folder, "preferences"))
    elapsed, cpu, _ = application.run_to_end()
    bench.row("fanout", f"boxes for {users} users, s (CPU s)", f"{elapsed:.1f} ({cpu:.1f})")
    process = application.start()
    answers = Listener(bench, application.topic("box-answers"))
    boxes = Listener(bench, application.topic("box-recommendations"))
    time.sleep(8)
    idle = requests_meanwhile(bench, application, answers, "idle", lambda seconds: seconds >= 15)
    for change in ("price", "price-killed", "allergen", "allergen-killed"):
        kills = 4 if change.endswith("killed") else 0
        boxes.seen.clear()
        boxes.count = 0
        began = time.time()
        application.feed("catalogue", os.path.join(folder, change + ".jsonl"))
        state = {"count": -1, "since": time.monotonic(), "process": process, "kills": 0}

        def settled(_):
            if boxes.count != state["count"]:
                state.update(count=boxes.count, since=time.monotonic())
            if state["kills"] < kills and boxes.count > users * (1 + state["kills"]) // 6:
                state["process"].kill()
                state["process"].wait()
                state.update(process=application.start(), kills=state["kills"] + 1)
            return time.monotonic() - state["since"] > (20 if kills else 5)
        busy = requests_meanwhile(bench, application, answers, change, settled)
        process = state["process"]
        bench.row("fanout", f"{change}: users given new boxes", f"{len(boxes.seen)}")
        bench.row("fanout", f"{change}: records sent", f"{boxes.count}")
        bench.row("fanout", f"{change}: s until the last", f"{max(boxes.seen.values(), default=began) - began:.1f}")
        if kills:
            bench.row("fanout", f"{change}: times by SIGKILL", f"{state['kills']}")
        else:
            bench.row("fanout", f"{change}: request p99 against idle", f"{busy / idle:.1f}")
    answers.close()
    boxes.close()
    process.send_signal(signal.SIGTERM)
    process.wait()


def count_records(bench, topic):
    output = subprocess.run(["kcat", "-b", bench.brokers, "-C", "-t", topic, "-e", "-q", "-f", "x\n",
                             "-X", "isolation.level=read_committed"], stdout=subprocess.PIPE, check=True)
    return output.stdout.count(b"\n")


class Bench:
    def __init__(self, arguments):
        self.hamper = os.path.abspath(arguments.hamper)
        self.work = tempfile.mkdtemp(prefix="hamper-stream-")
        self.perf = arguments.perf
        self.settings = arguments.o
        self.rows = []
        self.processes = []
        self.own_broker = not arguments.brokers
        folder = arguments.kafka or os.path.join(self.work, "kafka")
        self.kafka = folder
        self.brokers = arguments.brokers or subprocess.run(
            [KAFKA, "start", folder], stdout=subprocess.PIPE, check=True, text=True).stdout.split()[-1]
        self.logs = next(root for root, folders, _ in os.walk(folder)
                         if any(name.startswith("__cluster_metadata") for name in folders))

    def row(self, part, what, value):
        self.rows.append((part, what, value))
        print(f"{part:<10} {what:<40} {value:>16}", flush=True)

    def close(self):
        for process in self.processes:
            if process.poll() is None:  # a part failed
                process.kill()
                process.wait()
        if self.own_broker:
            subprocess.run([KAFKA, "stop", self.kafka], check=False, stdout=subprocess.DEVNULL)
        if not self.perf:
            shutil.rmtree(self.work, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser(description="The stream on a real broker, as one table.")
    parser.add_argument("--hamper", default=os.path.join(ROOT, "build/release/hamper"))
    parser.add_argument("--retail", default=os.path.join(ROOT, "tests/fixtures/online_retail"))
    parser.add_argument("--orders", type=int, default=200000, help="of the sparse part")
    parser.add_argument("--dense", type=int, default=28000, help="orders of the restart")
    parser.add_argument("--rate", type=int, default=500)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--users", type=int, default=100000, help="of the fan-out")
    parser.add_argument("--times", type=int, default=10000, help="of the race")
    parser.add_argument("--only", default="dense,sparse,latency,race,quiet,fanout,restart")
    parser.add_argument("--brokers")
    parser.add_argument("--kafka", help="folder of the broker at --brokers")
    parser.add_argument("--perf", action="store_true", help="keep a profile of each part")
    parser.add_argument("-o", action="append", default=[], help="a further setting")
    arguments = parser.parse_args()
    bench = Bench(arguments)
    try:
        parts = arguments.only.split(",")
        if "dense" in parts:
            throughput(bench, "dense", arguments.retail, ["currency=GBP", "budget.default=50"])
        if "sparse" in parts:
            folder = os.path.join(bench.work, "sparse")
            sparse_events(folder, arguments.orders)
            throughput(bench, "sparse", folder, [])
        if "latency" in parts:
            latency(bench, (50, arguments.rate), arguments.seconds)
        if "restart" in parts:
            restart(bench, arguments.dense)
        if "race" in parts:
            race(bench, arguments.times)
        if "quiet" in parts:
            quiet(bench)
        if "fanout" in parts:
            fanout(bench, arguments.users)
        if bench.perf:
            print(bench.work)
    finally:
        bench.close()


if __name__ == "__main__":
    main()
