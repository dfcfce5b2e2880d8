#!/usr/bin/env python3
"""Reads the box topics as a stranger would and looks for a box that breaks a rule.

    boxes_valid.py EVENTS_DIR < records      records: lines of `hamper cat`

Checks every box against catalogue and preferences in EVENTS_DIR (the last line of a key counts): budget, sums,
stock, max_per_box, allergens, diets, one of a family, counts, mix, dislikes; that no (user, revision) comes
twice; and that every user with an order in EVENTS_DIR has a standing box that is not refused. Shares no code
with the product.

SPDX-License-Identifier: Apache-2.0
"""
import gzip
import json
import os
import sys

IMPLIED = {"vegan": {"vegetarian", "eggless"}, "jain": {"vegetarian", "eggless"}}


def lines(folder, name):
    for path in (os.path.join(folder, name), os.path.join(folder, name + ".gz")):
        if os.path.exists(path):
            with (gzip.open if path.endswith(".gz") else open)(path, "rt", encoding="utf-8") as file:
                for line in file:
                    if line.strip():
                        yield json.loads(line)


def code(text):
    return text.strip().lower().replace("_", "-").replace(" ", "-")


def check_item(item, line, preferences, problems):
    if item is None or not item.get("active", True):
        problems.append("not in the catalogue")
        return
    if line["unit_price_minor"] != item["price_minor"]:
        problems.append(f"price {line['unit_price_minor']} is not {item['price_minor']}")
    if line["quantity"] < 1 or line["quantity"] > item.get("max_per_box", 1):
        problems.append("more than max_per_box")
    if item.get("stock") is not None and line["quantity"] > item["stock"]:
        problems.append("more than the stock")
    avoid = {code(a) for a in preferences.get("avoid_allergens", [])}
    if avoid and (item.get("allergens") is None or avoid & {code(a) for a in item["allergens"]}):
        problems.append("holds what the user avoids")
    has = {code(d) for d in item.get("diets", [])}
    for diet in list(has):
        has |= IMPLIED.get(diet, set())
    if not {code(d) for d in preferences.get("diets", [])} <= has:
        problems.append("does not suit the diet")
    if item["item_id"] in preferences.get("disliked_items", []):
        problems.append("is disliked")


def check_box(box, record, catalogue, preferences):
    problems = []
    total = sum(line["quantity"] * line["unit_price_minor"] for line in box["items"])
    units = sum(line["quantity"] for line in box["items"])
    if total != box["total_minor"]:
        problems.append(f"total {box['total_minor']} is not {total}")
    if not record["budget_min_minor"] <= total <= record["budget_max_minor"]:
        problems.append(f"total {total} outside the budget")
    if total > preferences.get("budget_max_minor", total) and "request_id" not in record:
        problems.append("above what the user states")
    if not preferences.get("items_min", 1) <= units <= preferences.get("items_max", 40):
        problems.append(f"{units} units")
    families = []
    counts = {}
    for line in box["items"]:
        item = catalogue.get(line["item_id"])
        check_item(item, line, preferences, problems)
        families.append((item or {}).get("family") or line["item_id"])
        counts[line["category"]] = counts.get(line["category"], 0) + line["quantity"]
    if len(set(families)) != len(families):
        problems.append("two of a family")
    for mix in preferences.get("category_mix", []):
        if not mix.get("min", 0) <= counts.get(mix["category"], 0) <= mix.get("max", 40):
            problems.append(f"mix of {mix['category']}")
    return problems


def main():
    folder = sys.argv[1]
    catalogue = {item["item_id"]: item for item in lines(folder, "catalogue.jsonl")}
    preferences = {p["user_id"]: p for p in lines(folder, "preferences.jsonl")}
    buyers = {o["user_id"] for o in lines(folder, "orders.jsonl")}
    last, seen, boxes, bad = {}, set(), 0, 0
    for line in sys.stdin:
        outer = json.loads(line)
        record = outer["value"]
        if record is None:
            last.pop(outer["key"], None)
            continue
        revision = (record["user_id"], record["revision"])
        if revision in seen:
            bad += 1
            print(f"twice: {revision}")
        seen.add(revision)
        if "request_id" not in record:
            last[record["user_id"]] = record
        for box in record["boxes"]:
            boxes += 1
            for problem in check_box(box, record, catalogue, preferences.get(record["user_id"], {})):
                bad += 1
                print(f"{revision} box {box['slot']}: {problem}")
    without = [user for user in buyers if not last.get(user, {}).get("boxes")]
    for user in without[:10]:
        print(f"no standing box: {user}")
    print(f"{len(seen)} records, {boxes} boxes, {len(last)} users, {bad} violations, {len(without)} without a box")
    sys.exit(1 if bad or without or boxes == 0 else 0)


if __name__ == "__main__":
    main()
