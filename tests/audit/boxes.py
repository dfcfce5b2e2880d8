"""Whether a box keeps its rules, against the catalogue and the preferences of a moment.

SPDX-License-Identifier: Apache-2.0
"""
import bisect
import collections
import os

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def code(text):
    return text.strip().lower().replace("_", "-").replace(" ", "-")


class Vocabulary:
    """conf/vocabulary: what allergens and diets are called, and what follows from a diet."""

    def __init__(self, path=os.path.join(ROOT, "conf", "vocabulary")):
        self.allergens, self.diets, implied = {}, {}, collections.defaultdict(set)
        with open(path, encoding="utf-8") as lines:
            for line in lines:
                line = line.split("#")[0].strip()
                if not line:
                    continue
                line, _, follows = line.partition("=>")
                head, _, others = line.partition("=")
                sort, name = head.split()
                table = self.allergens if sort == "allergen" else self.diets
                for spelling in [name] + [code(word) for word in others.split(",") if word.strip()]:
                    table[spelling] = name
                implied[name] |= {code(word) for word in follows.split(",") if word.strip()}
        self.implied = implied

    def item_allergens(self, item):
        """A set, or None when unknown."""
        if item["allergens"] is None:
            return None
        names = [self.allergens.get(code(text)) for text in item["allergens"]]
        return None if None in names else set(names)

    def item_diets(self, item):
        names = {self.diets[code(text)] for text in item["diets"] if code(text) in self.diets}
        return names.union(*(self.implied[name] for name in names))

    def suits(self, item, avoid, diets):
        if avoid:
            has = self.item_allergens(item)
            unknown = any(code(text) not in self.allergens for text in avoid)
            wanted = {self.allergens.get(code(text)) for text in avoid}
            if has is None or has & wanted or (unknown and has):
                return False
        wanted = {self.diets.get(code(text)) for text in diets}
        return wanted <= self.item_diets(item)


class History:
    """What held for a key at an offset: the last record before it."""

    def __init__(self):
        self.offsets = collections.defaultdict(list)
        self.values = collections.defaultdict(list)

    def add(self, key, offset, value):
        self.offsets[key].append(offset)
        self.values[key].append(value)

    def at(self, key, before):
        index = bisect.bisect_left(self.offsets[key], before)
        return self.values[key][index - 1] if index else None


NOTHING = {name: None for name in ("budget_min_minor", "budget_max_minor", "items_min",
                                   "items_max", "boxes")}
NOTHING.update({name: [] for name in ("disliked_items", "avoid_allergens", "diets",
                                      "category_mix", "must_items", "exclude_items")})


class Wish:
    """Preferences and a request, joined."""

    def __init__(self, preferences, request):
        preferences, asked = preferences or NOTHING, request or NOTHING
        if asked["budget_min_minor"] is None and asked["budget_max_minor"] is None:
            self.least = preferences["budget_min_minor"]
        else:
            self.least = asked["budget_min_minor"]
        self.most = self.first(asked, preferences, "budget_max_minor")
        self.items_min = self.first(asked, preferences, "items_min")
        self.items_max = self.first(asked, preferences, "items_max")
        self.boxes = self.first(asked, preferences, "boxes")
        self.mix = asked["category_mix"] or preferences["category_mix"]
        self.avoid = preferences["avoid_allergens"] + asked["avoid_allergens"]
        self.diets = preferences["diets"] + asked["diets"]
        self.excluded = set(preferences["disliked_items"])
        if request:
            self.excluded |= set(request["exclude_items"])
        self.musts = set(request["must_items"]) if request else set()

    @staticmethod
    def first(asked, preferences, name):
        return asked[name] if asked[name] is not None else preferences[name]


def check_line(line, item, wish, vocabulary):
    name = line["item_id"]
    if item is None or not item["active"]:
        return [f"{name} is not for sale"]
    problems = []
    if line["unit_price_minor"] != item["price_minor"]:
        problems.append(f"{name} costs {item['price_minor']}, not {line['unit_price_minor']}")
    if line["category"] != item["category"] or line["name"] != item["name"]:
        problems.append(f"{name} has another name or category")
    if not 1 <= line["quantity"] <= item["max_per_box"]:
        problems.append(f"{line['quantity']} of {name}")
    if item["stock"] is not None and line["quantity"] > item["stock"]:
        problems.append(f"{line['quantity']} of {name}, {item['stock']} in stock")
    if not vocabulary.suits(item, wish.avoid, wish.diets):
        problems.append(f"{name} does not suit")
    if name in wish.excluded:
        problems.append(f"{name} is not wanted")
    return problems


def check_box(box, record, find, wish, vocabulary):
    """Problems of one box; find(item id) gives the catalogue's item or None."""
    lines = box["items"]
    items = {line["item_id"]: find(line["item_id"]) for line in lines}
    problems = [p for line in lines for p in check_line(line, items[line["item_id"]], wish,
                                                        vocabulary)]
    total = sum(line["quantity"] * line["unit_price_minor"] for line in lines)
    units = sum(line["quantity"] for line in lines)
    if total != box["total_minor"]:
        problems.append(f"total {box['total_minor']}, but {total} in sum")
    if not record["budget_min_minor"] <= total <= record["budget_max_minor"]:
        problems.append(f"total {total} outside its own window")
    if wish.most is not None and total > wish.most:
        problems.append(f"total {total} above {wish.most}")
    if wish.least is not None and total < wish.least:
        problems.append(f"total {total} below {wish.least}")
    if not (wish.items_min or 1) <= units <= min(wish.items_max or 40, 40):
        problems.append(f"{units} units")
    families = [(item and item["family"]) or name for name, item in items.items()]
    if len(set(families)) < len(families) or len(items) < len(lines):
        problems.append("two of a family")
    if not wish.musts - wish.excluded <= set(items):
        problems.append("a must is missing")
    sums = collections.Counter()
    for line in lines:
        sums[line["category"]] += line["quantity"]
    for mix in wish.mix:
        most = mix["max"] if mix["max"] is not None else 40
        if not mix["min"] <= sums[mix["category"]] <= most:
            problems.append(f"{sums[mix['category']]} units of {mix['category']}")
    return problems


def check_record(record, find, wish, vocabulary):
    """Problems of the boxes of one recommendation, against one moment."""
    problems = [p for box in record["boxes"]
                for p in check_box(box, record, find, wish, vocabulary)]
    slots = [box["slot"] for box in record["boxes"]]
    if slots != sorted(set(slots)) or (slots and slots[0] < 1):
        problems.append(f"slots {slots}")
    if len(slots) > (wish.boxes or 3) or (record["status"] == "OK") != (
            len(slots) == (wish.boxes or 3)) or (record["status"] == "INFEASIBLE") != (not slots):
        problems.append(f"{len(slots)} boxes are {record['status']}")
    if wish.most is not None and record["status"] != "INFEASIBLE" and (
            record["budget_max_minor"] != wish.most):
        problems.append(f"the most is {record['budget_max_minor']}, {wish.most} was stated")
    return problems
