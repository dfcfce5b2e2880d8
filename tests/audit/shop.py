"""A made-up shop: events of all kinds, the same from the same seed, for brokers under attack.

Users change their minds, send things twice, late, to the wrong partition, and bytes that are
nothing. Event times are of the year 2025, so that they are never ahead of anybody's clock.

SPDX-License-Identifier: Apache-2.0
"""
import random

START = 1735689600000
STEP = 20 * 60000
CATEGORIES = ["nuts", "dry fruits", "sweets", "snacks", "tea"]
ALLERGENS = ["milk", "peanut", "tree-nut", "gluten", "sesame"]
DIETS = ["vegetarian", "vegan", "jain", "sugar-free"]


class Shop:
    """Batches of (topic, partitioner, list of records); a record of bytes is poison."""

    def __init__(self, seed, users=60, items=40):
        self.rng = random.Random(seed)
        self.users = [f"user-{i}" for i in range(users)]
        self.items = {f"item-{i}": self.new_item(i) for i in range(items)}
        self.now = START
        self.number = 0
        self.orders, self.sent = [], []
        self.versions = {}

    def new_item(self, i):
        rng = self.rng
        return {"item_id": f"item-{i}", "version": 1, "updated_at": START, "name": f"Item {i}",
                "category": CATEGORIES[i % len(CATEGORIES)], "price_minor": 4000 + 1700 * (i % 13),
                "allergens": rng.sample(ALLERGENS, rng.randrange(2)), "tags": [f"tag-{i % 4}"],
                "diets": rng.sample(DIETS, rng.randrange(3)), "max_per_box": 1 + i % 3,
                "family": f"family-{i // 2}" if i % 5 == 0 else None,
                "stock": rng.choice([None, 50])}

    def catalogue(self):
        return "catalogue", None, list(self.items.values())

    def batch(self, size):
        """Events of one kind and way go together: topics have no order among them."""
        batches = {}
        for _ in range(size):
            self.now += STEP
            self.number += 1
            kind, record = self.event()
            partitioner = None
            if kind in ("orders", "feedback", "box-requests") and self.rng.random() < 0.03:
                partitioner = "consistent_random"
            batches.setdefault((kind, partitioner), []).append(record)
        return [(*way, records) for way, records in batches.items()]

    def event(self):
        kinds = [(50, self.order), (8, self.change), (18, self.feedback), (6, self.preferences),
                 (11, self.request), (1.5, self.erasure), (4, self.item), (1.5, self.poison),
                 (3, self.again)]
        make = self.rng.choices([k for _, k in kinds], [w for w, _ in kinds])[0]
        kind, record = make()
        if kind in ("orders", "feedback", "box-requests") and not isinstance(record, bytes):
            self.sent = (self.sent + [(kind, record)])[-200:]
        return kind, record

    def user(self):
        return self.users[min(int(self.rng.expovariate(1 / 15)), len(self.users) - 1)]

    def item_id(self):
        return f"item-{min(int(self.rng.expovariate(1 / 12)), len(self.items) - 1)}"

    def lines(self):
        return [{"item_id": self.item_id(), "quantity": self.rng.randrange(1, 4),
                 "unit_price_minor": 5000 + self.rng.randrange(90) * 100}
                for _ in range(self.rng.randrange(1, 6))]

    def order(self):
        order = {"order_id": f"o-{self.number}", "user_id": self.user(), "version": 1,
                 "ordered_at": self.now, "lines": self.lines()}
        if self.rng.random() < 0.2:
            order["recipient_id"] = f"friend-{self.rng.randrange(5)}"
            order["occasion"] = "diwali"
        if self.rng.random() < 0.1:
            order["budget_minor"] = 100000
        self.orders = (self.orders + [order])[-300:]
        return "orders", order

    def change(self):
        if not self.orders:
            return self.order()
        order = dict(self.rng.choice(self.orders))
        order["version"] += self.rng.randrange(1, 4)
        order["status"] = self.rng.choice(["PLACED", "CANCELLED", "RETURNED"])
        if order["status"] == "PLACED":
            order["lines"] = self.lines()
        return "orders", order

    def feedback(self):
        kind = self.rng.choice(["LIKED", "DISLIKED", "RATED", "REMOVED", "SHOWN", "OPENED"])
        feedback = {"feedback_id": f"f-{self.number}", "user_id": self.user(), "at": self.now,
                    "kind": kind, "item_id": self.item_id()}
        if kind == "RATED":
            feedback["rating"] = float(self.rng.randrange(2, 11)) / 2
        return "feedback", feedback

    def preferences(self):
        user = self.user()
        self.versions[user] = self.versions.get(user, 0) + 1
        wish = {"user_id": user, "version": self.versions[user], "updated_at": self.now}
        if self.rng.random() < 0.7:
            wish["budget_max_minor"] = 60000 + self.rng.randrange(20) * 10000
        if self.rng.random() < 0.3:
            wish["avoid_allergens"] = self.rng.sample(ALLERGENS, 1)
        if self.rng.random() < 0.2:
            wish["diets"] = ["vegetarian"]
        if self.rng.random() < 0.3:
            wish["liked_categories"] = self.rng.sample(CATEGORIES, 2)
            wish["disliked_items"] = [self.item_id()]
        if self.rng.random() < 0.2:
            wish["boxes"] = self.rng.randrange(1, 4)
        return "preferences", wish

    def request(self):
        request = {"request_id": f"q-{self.number}", "user_id": self.user(),
                   "requested_at": self.now}
        if self.rng.random() < 0.5:
            request["budget_max_minor"] = 50000 + self.rng.randrange(20) * 10000
        if self.rng.random() < 0.2:
            request["must_items"] = [self.item_id()]
        if self.rng.random() < 0.2:
            request["exclude_items"] = [self.item_id()]
        if self.rng.random() < 0.1:
            request["recipient_id"] = f"friend-{self.rng.randrange(5)}"
        return "box-requests", request

    def erasure(self):
        erasure = {"erasure_id": f"e-{self.number}", "user_id": self.user(),
                   "requested_at": self.now}
        if self.rng.random() < 0.4:
            erasure["recipient_id"] = f"friend-{self.rng.randrange(5)}"
        return "erasures", erasure

    def item(self):
        item = self.items[self.item_id()]
        item["version"] += 1
        item["updated_at"] = self.now
        change = self.rng.randrange(4)
        if change == 0:
            item["price_minor"] = 4000 + self.rng.randrange(200) * 100
        elif change == 1:
            item["stock"] = self.rng.choice([None, 0, 1, 2, 60])
        elif change == 2:
            item["active"] = self.rng.random() < 0.8
        else:
            item["allergens"] = self.rng.sample(ALLERGENS, self.rng.randrange(3))
        return "catalogue", dict(item)

    def poison(self):
        kind = self.rng.choice(["orders", "feedback", "preferences", "box-requests", "erasures",
                                "catalogue"])
        return kind, self.rng.choice([b"\0", b"\x07nothing", b"\0\x77\x35\x94\x01" + b"\xff" * 12,
                                      b"\0\x00\x00\x00\x01abc"])

    def again(self):
        return self.rng.choice(self.sent) if self.sent else self.order()
