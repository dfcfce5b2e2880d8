#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`hamper pack` as a stranger sees it: lines in, lines out, checked from the format alone.

    pack_stranger.py PROGRAM [--count N] [--seed S]

Shares no code with packing. Random instances with every feature are answered and every promise
that needs no optimum is checked: each rule of each box, sums, split, truth of the codes, ladder,
status, missing slots; the least budget by trying everything where that is possible. The same
instances come back shuffled and with items no box may hold. Then single lines with something
wrong in them: each must be refused by the name of the field, and the lines around it answered.
"""
import argparse
import collections
import copy
import itertools
import json
import os
import random
import subprocess
import sys

HARD = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../fixtures/packing/hard.jsonl")
FORMAT = {"instance": "hamper-box-instance/1", "answer": "hamper-box-answer/1"}


def pack(program, lines, *options):
    run = subprocess.run(program.split() + list(options), input="".join(f"{line}\n" for line in lines), capture_output=True,
                         text=True, timeout=600)
    return [json.loads(line) for line in run.stdout.split("\n")[:-1]], run.returncode


# ---- the checker ----

def family_of(item):
    return ("group", item["group"]) if item.get("group") else ("item", item["id"])


class Checker:
    """The rules of one instance, read from its JSON."""

    def __init__(self, made):
        self.made = made
        self.items = {i["id"]: i for i in made["items"]}
        self.musts = set(made.get("must", []))
        self.excluded = set(made.get("exclude", []))
        self.count = made.get("count", {})
        self.number = {i["id"]: k for k, i in enumerate(made["items"])}
        self.pairs = collections.Counter()
        for a, b, w in made.get("pairs", []):
            if a in self.items and b in self.items:
                self.pairs[frozenset((a, b))] += w

    def broken(self, box):
        """Everything but window and sharing: the name of a broken rule, or None."""
        if any(i not in self.items for i in box) or any(q < 1 or q > self.items[i].get("max_qty", 1) for i, q in box.items()):
            return "quantity"
        if any(i in self.excluded for i in box):
            return "excluded"
        if not self.musts <= set(box):
            return "must"
        families = [family_of(self.items[i]) for i in box]
        if len(families) != len(set(families)):
            return "family"
        if not self.count.get("min", 0) <= sum(box.values()) <= self.count.get("max", 64):
            return "count"
        units = collections.Counter()
        for i, q in box.items():
            units[self.items[i]["cat"]] += q
        for c, category in enumerate(self.made["categories"]):
            if not category.get("min", 0) <= units[c] <= category.get("max", 10**9):
                return f"category {c}"
        for rule in self.made.get("rules", []):
            if not rule.get("min", 0) <= sum(box.get(i, 0) for i in set(rule["items"])) <= rule.get("max", 10**9):
                return f"rule {rule['name']}"
        for r, resource in enumerate(self.made.get("resources", [])):
            if sum(self.items[i].get("res", [0] * 9)[r] * q for i, q in box.items()) > resource["max"]:
                return f"resource {resource['name']}"
        return None

    def cost(self, box):
        return sum(self.items[i]["price"] * q for i, q in box.items())

    def gain(self, slot, i, quantity):
        gains = slot.get("gains")
        return (gains[self.number[i]] if gains else self.items[i]["gain"]) + sum(self.items[i].get("repeat_gain", [])[: quantity - 1])

    def split(self, slot, box):
        """Exact share of each item: (value, {item: twice-free fraction as float})"""
        units = collections.Counter()
        for i, q in box.items():
            units[self.items[i]["cat"]] += q
        bonus = {c: sum(self.made["categories"][c].get("bonus", [])[:u]) for c, u in units.items()}
        share = {i: self.gain(slot, i, q) + bonus[self.items[i]["cat"]] * q / units[self.items[i]["cat"]] for i, q in box.items()}
        value = sum(self.gain(slot, i, q) for i, q in box.items()) + sum(bonus.values())
        for pair, w in self.pairs.items():
            if all(i in box for i in pair):
                value += w
                for i in pair:
                    share[i] += w / len(pair)
        return value, share

    def shared(self, box, before):
        return len({family_of(self.items[i]) for i in box if i not in self.musts}
                   & {family_of(self.items[i]) for i in before if i not in self.musts})

    def cap(self, before):
        return self.made.get("diversity", {}).get("max_share_pct", 50) * len([i for i in before if i not in self.musts]) // 100

    def code_true(self, entry, slot, box, boxes):
        code, args = entry["code"], entry["args"]
        if code == "FILL":
            return args["pct"] == 100 * self.cost(box) // slot["max"]
        if code == "COVERS":
            return sorted(args["categories"]) == sorted({self.items[i]["cat"] for i in box})
        if code == "GOES_WITH":
            return args["a"] in box and args["b"] in box and self.pairs[frozenset((args["a"], args["b"]))] > 0
        if code == "MUST":
            return args["item"] in self.musts and args["item"] in box
        if code == "DIFFERS":
            return args["shared"] == self.shared(box, boxes[args["from"]])
        if code == "BECAUSE":
            return args["item"] in box and args["of"] == self.items[args["item"]]["because"]
        return code == "NEW_TO_YOU" and args["item"] in box and self.items[args["item"]].get("new") is True

    def box_wrong(self, answered, slot, boxes):
        box = dict(map(tuple, answered["items"]))
        floors = slot.get("ladder") or [slot["min"]]
        if self.broken(box):
            return self.broken(box)
        if answered["cost"] != self.cost(box) or not floors[answered["fill_step"]] <= answered["cost"] <= slot["max"]:
            return "cost"
        value, share = self.split(slot, box)
        points = dict(map(tuple, answered["why"]))
        if answered["value"] != value or (box and sum(points.values()) != value):
            return "value"
        if set(points) != set(box) or any(abs(points[i] - share[i]) > 1.001 for i in box):
            return "split"
        if answered.get("bound", value) < value:
            return "bound"
        if any(self.shared(box, before) > self.cap(before) for before in boxes.values()):
            return "sharing"
        if not answered["explain"]:
            return "no reason"
        return next((e["code"] for e in answered["explain"] if not self.code_true(e, slot, box, boxes)), None)

    def least(self):
        """Cost of the cheapest box by trying everything; None when there is none."""
        ids = sorted(self.items)
        costs = [self.cost(box) for chosen in itertools.product(*[range(self.items[i].get("max_qty", 1) + 1) for i in ids])
                 for box in [{i: q for i, q in zip(ids, chosen) if q}] if not self.broken(box)]
        return min(costs, default=None)

    def advice_wrong(self, advice):
        if advice["min_budget"] is not None:
            box = dict(map(tuple, advice["cheapest_box"]))
            if self.broken(box) or self.cost(box) != advice["min_budget"]:
                return "cheapest box"
        if len(self.items) <= 8 and advice["min_budget"] != self.least():
            return f"least budget, should be {self.least()}"
        too_low = advice["min_budget"] is not None and all(advice["min_budget"] > s["max"] for s in self.made["slots"])
        return "BUDGET_TOO_LOW" if (advice["reason"] == "BUDGET_TOO_LOW") != too_low else None

    def wrong(self, answer):
        boxes, told = {}, []
        if answer["format"] != FORMAT["answer"] or answer["id"] != self.made["id"]:
            return "format or id"
        slots = {s["name"]: s for s in self.made["slots"]}
        for answered in answer["boxes"]:
            problem = self.box_wrong(answered, slots[answered["slot"]], boxes)
            if problem:
                return f"{answered['slot']}: {problem}"
            boxes[answered["slot"]] = dict(map(tuple, answered["items"]))
        told = list(boxes) + [m["slot"] for m in answer["missing"] if m["reason"]]
        if sorted(told) != sorted(slots):
            return "a slot is not accounted for"
        status = "ok" if not answer["missing"] else "partial" if boxes else "infeasible"
        if answer["status"] != status or ("infeasible" in answer) != (status == "infeasible"):
            return "status"
        return self.advice_wrong(answer["infeasible"]) if status == "infeasible" else None


# ---- instances ----

NAMES = ["barfi", "काजू", "naïve-mix", "🥜", "a b", "\"q\"", "x" * 100, "007"]


def instance(rng, k):
    small = rng.random() < 0.5
    n = rng.randint(0, 8) if small else rng.randint(9, 90)
    categories = [{"id": c, "name": rng.choice(NAMES), "min": int(rng.random() < 0.2), "max": rng.choice([1, 2, 4, 10**6]),
                   "bonus": sorted((rng.randrange(200000) for _ in range(rng.randint(0, 4))), reverse=True)}
                  for c in range(rng.randint(1, 6))]
    resources = [{"name": f"r{r}", "max": rng.choice([0, 900, 4000, 10**12])} for r in range(rng.choice([0, 0, 1, 2]))]
    items = []
    for i in range(n):
        item = {"id": f"{rng.choice(NAMES)}-{i}", "price": rng.choice([0, 1, 10**9]) if rng.random() < 0.03 else rng.randint(50, 60000),
                "gain": rng.randint(-10**12, 10**12) if rng.random() < 0.02 else rng.randint(-50000, 10**6), "cat": rng.randrange(len(categories))}
        if rng.random() < 0.2:
            item["group"] = f"g{rng.randrange(n // 4 + 1)}"
        if rng.random() < 0.15:
            item["max_qty"] = rng.choice([2, 3]) if small else rng.choice([2, 3, 10000])
            item["repeat_gain"] = [item["gain"] // d if item["gain"] > 0 else item["gain"] for d in range(2, 2 + rng.randint(0, 3))]
        if resources:
            item["res"] = [rng.randrange(700) for _ in resources]
        if rng.random() < 0.1:
            item["because"] = rng.choice(NAMES)
        if rng.random() < 0.1:
            item["new"] = True
        items.append(item)
    ids = [i["id"] for i in items]
    some = lambda share: [i for i in ids if rng.random() < share]
    slots = []
    for s in range(rng.choice([1, 2, 3, 4, 8])):
        most = rng.randint(0, 400000)
        least = int(most * rng.choice([0, 0.5, 0.85, 0.97]))
        slot = {"name": f"box{s + 1}", "min": least, "max": most}
        if s and rng.random() < 0.6:
            slot = dict(slots[0], name=slot["name"])
        if rng.random() < 0.3:
            slot["ladder"] = [slot["min"], slot["min"] * 3 // 4, 0]
        if rng.random() < 0.2:
            slot["gains"] = [rng.randint(0, 10**6) for _ in items]
        slots.append(slot)
    least = rng.randint(0, 4)
    return {"format": FORMAT["instance"], "id": f"s{k}", "slots": slots, "categories": categories, "items": items,
            "count": {"min": least, "max": max(0, least + rng.randint(-1, 9))}, "resources": resources,
            "pairs": [[rng.choice(ids), rng.choice(ids + ["nobody"]), rng.randint(-10**5, 10**5)] for _ in range(3 * n)],
            "must": some(0.03), "exclude": some(0.05), "diversity": {"max_share_pct": rng.choice([0, 34, 50, 67, 100])},
            "rules": [{"name": f"t{r}", "min": int(rng.random() < 0.3), "max": rng.choice([0, 1, 2, 100]), "items": some(0.4)}
                      for r in range(rng.choice([0, 0, 1, 3]))], "unknown": {"field": [1, 2.5, None]}}


def disguised(rng, made):
    """The same request in another order, with items that no box may hold."""
    other = copy.deepcopy(made)
    chaff = [{"id": f"chaff{k}", "price": 1, "gain": 10**6, "cat": 0, "res": [0] * len(made["resources"])} for k in range(5)]
    other["exclude"] += [c["id"] for c in chaff]
    order = list(range(len(made["items"]) + len(chaff)))
    rng.shuffle(order)
    other["items"] = [(other["items"] + chaff)[k] for k in order]
    for slot in other["slots"]:
        if "gains" in slot:
            slot["gains"] = [(slot["gains"] + [7] * len(chaff))[k] for k in order]
    for field in ("pairs", "must", "exclude", "rules"):
        rng.shuffle(other[field])
    other["rules"].sort(key=lambda r: r["name"])
    return other


# ---- lines with something wrong in them ----

def hostile():
    """(field that must be named, line)"""
    base = {"format": FORMAT["instance"], "id": "h", "slots": [{"name": "a", "min": 0, "max": 100}], "count": {"min": 0, "max": 3},
            "categories": [{"id": 0, "name": "c", "min": 0, "max": 3}], "items": [{"id": "i", "price": 10, "gain": 5, "cat": 0}]}
    item, slot, category = base["items"][0], base["slots"][0], base["categories"][0]
    with_item = lambda **f: dict(base, items=[dict(item, **f)])
    with_slot = lambda **f: dict(base, slots=[dict(slot, **f)])
    with_category = lambda **f: dict(base, categories=[dict(category, **f)])
    yield "slots", dict(base, slots=[])
    yield "slots", dict(base, slots=[slot] * 9)
    yield "slots", {k: v for k, v in base.items() if k != "slots"}
    yield "slots[0].max", with_slot(max=2**62)
    yield "slots[0].max", with_slot(max=2**64)
    yield "slots[0].min", with_slot(min=-1)
    yield "slots[0].gains", with_slot(gains=[1, 2])
    yield "slots[0].ladder", with_slot(ladder=[50, 20])
    yield "slots[0].ladder", with_slot(ladder=["x"])
    yield "items[0].price", with_item(price=-1)
    yield "items[0].price", with_item(price=2**62)
    yield "items[0].price", with_item(price=10.5)
    yield "items[0].price", with_item(price="10")
    yield "items[0].price", with_item(price=None)
    yield "items[0].gain", with_item(gain=-2**63)
    yield "items[0].gain", with_item(gain=10**30)
    yield "items[0].cat", with_item(cat=1)
    yield "items[0].cat", with_item(cat=-1)
    yield "items[0].max_qty", with_item(max_qty=0)
    yield "items[0].max_qty", with_item(max_qty=10001)
    yield "items[0].id", with_item(id="")
    yield "items[0].id", with_item(id=None)
    yield "items[0].id", with_item(id="x" * 129)
    yield "items[1].id", dict(base, items=[item, item])
    yield "items[0]", dict(base, items=["i"])
    yield "items", dict(base, items={"i": 1})
    yield "categories[0].bonus", with_category(bonus=[1, 2])
    yield "categories[0].min", with_category(min=-1)
    yield "count.max", dict(base, count={"min": 0, "max": 10**9})
    yield "count", dict(base, count=[1, 2])
    yield "pairs[0]", dict(base, pairs=[["i", "i"]])
    yield "pairs[0]", dict(base, pairs=[["i", "i", 2**62]])
    yield "resources[0].max", dict(base, resources=[{"name": "g", "max": -1}])
    yield "items[0].res", dict(with_item(res=[-1]), resources=[{"name": "g", "max": 1}])
    yield "diversity.max_share_pct", dict(base, diversity={"max_share_pct": 101})
    yield "must", dict(base, must="i")
    yield "rules[0].min", dict(base, rules=[{"name": "r", "min": -1, "max": 1, "items": []}])
    yield "format", dict(base, format="hamper-box-instance/2")
    yield "line", "{"
    yield "line", "[]"
    yield "line", "\u0000"


def complain(problems):
    for problem in problems[:10]:
        print(problem)
    print(f"{len(problems)} problems")
    return 1 if problems else 0


def refused_by_name(program):
    problems, lines, fields = [], [], []
    for field, line in hostile():
        fields += [field, None]
        lines += [line if isinstance(line, str) else json.dumps(line), json.dumps(instance(random.Random(1), 0))]
    answers, status = pack(program, lines)
    if status != 1 or len(answers) != len(lines):
        problems.append(f"status {status}, {len(answers)} answers for {len(lines)} lines")
    for field, line, answer in zip(fields, lines, answers):
        named = answer.get("error", {}).get("field")
        if named != field:
            problems.append(f"{named} named instead of {field}: {line[:120]} {answer.get('error')}")
    return problems


def hard(program):
    """Requests whose best box, or least budget, is known."""
    with open(HARD, encoding="utf-8") as file:
        made = [json.loads(line) for line in file]
    problems = []
    for m, answer in zip(made, pack(program, [json.dumps(m) for m in made])[0]):
        found = {"value": sum(box["value"] for box in answer["boxes"])} if answer["boxes"] else answer["infeasible"]
        problems += [f"{m['id']}: {key} is {found.get(key)} instead of {value}"
                     for key, value in m["known"].items() if found.get(key) != value]
    return problems


def strip(answer):
    return json.dumps({k: v for k, v in answer.items() if k != "elapsed_ns"}, sort_keys=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", help='for instance "build/release/hamper pack"')
    parser.add_argument("--count", type=int, default=1500)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    rng = random.Random(args.seed)
    made = [instance(rng, k) for k in range(args.count)]
    lines = [json.dumps(m, ensure_ascii=False) for m in made]
    answers, status = pack(args.program, lines, "--bound")
    problems = [] if status == 0 and len(answers) == len(lines) else [f"status {status}"]
    for m, answer in zip(made, answers):
        wrong = f"refused: {answer['error']}" if "error" in answer else Checker(m).wrong(answer)
        if wrong:
            problems.append(f"{m['id']}: {wrong}")
    others, _ = pack(args.program, [json.dumps(disguised(rng, m)) for m in made], "--bound")
    problems += [f"{m['id']}: another answer in disguise" for m, a, b in zip(made, answers, others) if strip(a) != strip(b)]
    problems += refused_by_name(args.program) + hard(args.program)
    boxes = sum(len(a.get("boxes", [])) for a in answers)
    print(f"{len(made)} instances, {boxes} boxes, {sum(a.get('status') == 'infeasible' for a in answers)} without a box; "
          f"longest {max(a.get('elapsed_ns', 0) for a in answers) / 1e6:.1f} ms")
    return complain(problems)


if __name__ == "__main__":
    sys.exit(main())
