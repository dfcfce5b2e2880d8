#!/usr/bin/env python3
"""Reads records as hamper-churn writes them and looks for a box that breaks a rule at its as_of.

    hamper-churn | valid.py [--mutate]

Shares no code with hamper; what a box must keep is in tests/audit/boxes.py. With --mutate each
recommendation that is good is broken in one random way, and every break must be noticed.

SPDX-License-Identifier: Apache-2.0
"""
import collections
import copy
import itertools
import json
import os
import random
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "audit"))
from boxes import History, Vocabulary, Wish, check_record  # noqa: E402

ITEM = {"tags": [], "allergens": None, "diets": [], "family": None, "stock": None, "max_per_box": 1,
        "active": True}
WISH = {"budget_min_minor": None, "budget_max_minor": None, "items_min": None, "items_max": None,
        "boxes": None, "disliked_items": [], "avoid_allergens": [], "diets": [], "category_mix": [],
        "must_items": [], "exclude_items": [], "liked_categories": []}


def whole(defaults, value):
    return {**defaults, **value}


def mixes(value):
    for mix in value["category_mix"]:
        mix.setdefault("min", 0)
        mix.setdefault("max", None)
    return value


class Shop:
    """What the inputs of one schedule said, by offset."""

    def __init__(self):
        self.items, self.stated = History(), History()
        self.marks = collections.defaultdict(list)
        self.requests = {}
        self.outputs = []

    def take(self, line):
        topic, value, key = line["topic"], line["value"], line["key"]
        if topic.endswith("catalogue"):
            self.items.add(key, line["offset"], value and whole(ITEM, value))
        elif topic.endswith("preferences"):
            self.stated.add(key, line["offset"], value and mixes(whole(WISH, value)))
        elif topic.endswith("box-requests"):
            self.requests[value["user_id"], value["request_id"]] = mixes(whole(WISH, value))
        elif topic.endswith("erasures"):
            if value.get("recipient_id") is None:
                self.marks[value["user_id"]].append((line["offset"], value["requested_at"]))
        elif value is not None:
            self.outputs.append(value)

    def judge(self, value):
        """Problems of one recommendation."""
        user = value["user_id"]
        at = {place["topic"].split(".")[-1]: place["offset"] for place in value["as_of"]["inputs"]}
        catalogue = value["as_of"]["catalogue"][0]["offset"] if value["as_of"]["catalogue"] else 0
        preferences = self.stated.at(user, at["preferences"])
        mark = max((mark for offset, mark in self.marks[user] if offset < at["erasures"]), default=0)
        if preferences and preferences["updated_at"] <= mark:
            preferences = None
        asked = None
        if value.get("request_id") is not None:
            asked = self.requests.get((user, value["request_id"]))
            if asked is None:
                return ["an answer to no request"]
        problems = check_record(value, lambda item: self.items.at(item, catalogue),
                                Wish(preferences, asked), VOCABULARY)
        if value["as_of"].get("preferences_version") != (preferences and preferences["version"]):
            problems.append("preferences_version")
        if value["status"] != "OK" and not value.get("advice"):
            problems.append("no advice")
        return problems

    def revisions(self):
        """Each user's rise by one over both topics."""
        seen = collections.defaultdict(list)
        for value in self.outputs:
            seen[value["user_id"]].append(value["revision"])
        return [f"revisions of {user}" for user, list_ in seen.items()
                if sorted(list_) != list(range(1, len(list_) + 1))]


def broken(value, rng):
    """A copy with one box spoilt, in a way no catalogue allows."""
    value = copy.deepcopy(value)
    box = rng.choice(value["boxes"])
    line = rng.choice(box["items"])
    kind = rng.randrange(6)
    if kind == 0:
        line["unit_price_minor"] += 1
    elif kind == 1:
        box["total_minor"] -= 1
    elif kind == 2:
        line["quantity"] += 7
        box["total_minor"] += 7 * line["unit_price_minor"]
    elif kind == 3:
        value["budget_max_minor"] = box["total_minor"] - 1
    elif kind == 4:
        box["items"].append(dict(line))
    else:
        line["item_id"] = "item-of-nobody"
    return value


VOCABULARY = Vocabulary()


def main():
    mutate = "--mutate" in sys.argv[1:]
    rng = random.Random(1)
    records = boxes = wrong = missed = spoilt = 0
    end = None
    lines = (json.loads(line) for line in sys.stdin)
    for schedule, group in itertools.groupby(lines, key=lambda line: line.get("schedule")):
        shop = Shop()
        for line in group:
            if line["topic"] == "end":
                end = line
            else:
                shop.take(line)
        for value in shop.outputs:
            records += 1
            boxes += len(value["boxes"])
            problems = shop.judge(value)
            if problems:
                wrong += 1
                if wrong <= 10:
                    print(f"schedule {schedule}, {value['user_id']}, revision {value['revision']}: "
                          f"{'; '.join(problems)}")
            elif mutate and value["boxes"]:
                spoilt += 1
                missed += not shop.judge(broken(value, rng))
        for problem in shop.revisions():
            wrong += 1
            print(f"schedule {schedule}: {problem}")
    print(f"{records} recommendations, {boxes} boxes, {wrong} violations"
          + (f"; {spoilt} spoilt ones, {missed} not noticed" if mutate else ""))
    if end is None or end["different"] or end["recomputed"] == 0:
        print("the boxes were not worked out again to the same bytes")
        wrong += 1
    sys.exit(1 if wrong or missed or boxes == 0 or (mutate and spoilt == 0) else 0)


if __name__ == "__main__":
    main()
