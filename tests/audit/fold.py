"""What the inputs say, folded by a second mind: only from docs/topics.md and docs/model.md.

Every input record is good, told (a request that is answered with what was wrong with it) or bad
(a dead letter). The good ones are folded without looking at where they lay, because what is known
is a function of the set of events; of preferences alone the order of the log counts.

SPDX-License-Identifier: Apache-2.0
"""
import collections
import ctypes
import ctypes.util
import math

from avro import Malformed

ID_MAX, TEXT_MAX, NAME_MAX, CATEGORY_MAX, CODE_MAX = 128, 512, 256, 96, 32
LIST_MAX, LINES_MAX, RECORD_MAX = 256, 200, 262144
MONEY_MAX, QUANTITY_MAX, UNITS_MAX, BOXES_MAX, HOUR = 10**9, 10000, 40, 8, 3600000
DAY = 86400000
SAMPLE_MAX, LATER_BASKETS = 256, 8
RANK = {"PLACED": 0, "RETURNED": 1, "CANCELLED": 2}
KIND_RANK = {kind: i for i, kind in enumerate(
    ["SHOWN", "OPENED", "LIKED", "DISLIKED", "ADDED", "REMOVED", "ACCEPTED", "REJECTED", "RATED",
     "OTHER"])}
SENSE_RANK = {"none": 0, "positive": 1, "negative": 2, "removed": 3}


class Bad(ValueError):
    """The record can never be used."""


def need(condition, what):
    if not condition:
        raise Bad(what)


def is_id(text):
    return text is not None and 1 <= len(text.encode()) <= ID_MAX and not any(
        ord(letter) < 32 or 127 <= ord(letter) < 160 for letter in text)


def need_id(record, *names):
    for name in names:
        need(is_id(record[name]), name)


def need_id_or_none(record, *names):
    for name in names:
        need(record[name] is None or is_id(record[name]), name)


def need_range(value, low, high, name):
    need(value is None or low <= value <= high, name)


def need_time(value, appended, name):
    need(0 < value <= appended + HOUR, name)


def need_texts(record, *names):
    for name in names:
        need(len(record[name] or []) <= LIST_MAX, name)
        need(all(len(text.encode()) <= TEXT_MAX for text in record[name] or []), name)


def need_order(low, high, name):
    need(low is None or high is None or low <= high, name)


def need_mix(mixes):
    need(len(mixes) <= LIST_MAX, "category_mix")
    least, most = {}, {}
    for mix in mixes:
        need(0 < len(mix["category"].encode()) <= CATEGORY_MAX, "category")
        need_range(mix["min"], 0, QUANTITY_MAX, "min")
        need_range(mix["max"], 0, QUANTITY_MAX, "max")
        name = mix["category"]
        least[name] = max(mix["min"], least.get(name, 0))
        if mix["max"] is not None:
            most[name] = min(mix["max"], most.get(name, mix["max"]))
        need_order(least[name], most.get(name), "min")


def check_order(order, appended):
    need_id(order, "order_id", "user_id")
    need_range(order["version"], 0, 1 << 63, "version")
    need_time(order["ordered_at"], appended, "ordered_at")
    need(order["status"] != "UNKNOWN", "status")
    need(len(order["lines"]) <= LINES_MAX, "lines")
    sums = collections.Counter()
    for line in order["lines"]:
        need_id(line, "item_id")
        need_range(line["quantity"], 1, QUANTITY_MAX, "quantity")
        need_range(line["unit_price_minor"], 0, MONEY_MAX, "price")
        sums[line["item_id"]] += line["quantity"]
    need(all(total <= QUANTITY_MAX for total in sums.values()), "quantity")
    need_id_or_none(order, "box_id", "recipient_id", "occasion")
    need_range(order["budget_minor"], 0, MONEY_MAX, "budget")


def check_feedback(feedback, appended):
    need_id(feedback, "feedback_id", "user_id")
    need_time(feedback["at"], appended, "at")
    need_id_or_none(feedback, "item_id", "box_id")
    kind, rating = feedback["kind"], feedback["rating"]
    if kind == "RATED":
        need(feedback["item_id"] is not None and rating is not None, "incomplete")
    if kind in ("LIKED", "DISLIKED", "ADDED", "REMOVED"):
        need(feedback["item_id"] is not None or feedback["box_id"] is not None, "incomplete")
    need(rating is None or (math.isfinite(rating) and 1 <= rating <= 5), "rating")


def check_wishes(record):
    need_range(record["budget_min_minor"], 0, MONEY_MAX, "budget")
    need_range(record["budget_max_minor"], 0, MONEY_MAX, "budget")
    need_texts(record, "avoid_allergens", "diets")
    need_mix(record["category_mix"])
    need_range(record["items_min"], 0, UNITS_MAX, "items_min")
    need_range(record["items_max"], 0, UNITS_MAX, "items_max")
    need_order(record["items_min"], record["items_max"], "items_min")
    need_range(record["boxes"], 1, BOXES_MAX, "boxes")


def need_ids(record, *names):
    for name in names:
        need(len(record[name]) <= LIST_MAX and all(map(is_id, record[name])), name)


def check_preferences(preferences, appended):
    need_id(preferences, "user_id")
    need_range(preferences["version"], 0, 1 << 63, "version")
    need_time(preferences["updated_at"], appended, "updated_at")
    need_order(preferences["budget_min_minor"], preferences["budget_max_minor"], "budget")
    need_texts(preferences, "liked_categories", "disliked_categories", "liked_tags")
    need_ids(preferences, "disliked_items")
    check_wishes(preferences)


def check_request(request, appended):
    need_id(request, "request_id", "user_id")
    need_time(request["requested_at"], appended, "requested_at")
    need_id_or_none(request, "occasion", "recipient_id")
    need_ids(request, "must_items", "exclude_items")
    check_wishes(request)


def check_erasure(erasure, _):
    need_id(erasure, "erasure_id", "user_id")
    need_id_or_none(erasure, "recipient_id")


def check_item(item, appended):
    need_id(item, "item_id")
    need_range(item["version"], 0, 1 << 63, "version")
    need_time(item["updated_at"], appended, "updated_at")
    for name, most in (("name", NAME_MAX), ("category", CATEGORY_MAX), ("currency", CODE_MAX)):
        need(0 < len(item[name].encode()) <= most, name)
    need_range(item["price_minor"], 0, MONEY_MAX, "price")
    need_texts(item, "tags", "allergens", "diets")
    need_id_or_none(item, "family")
    need_range(item["max_per_box"], 1, QUANTITY_MAX, "max_per_box")
    need_range(item["weight_g"], 0, 1 << 31, "weight_g")
    need_range(item["margin_minor"], -MONEY_MAX, MONEY_MAX, "margin_minor")


CHECKS = {"orders": check_order, "feedback": check_feedback, "preferences": check_preferences,
          "box-requests": check_request, "erasures": check_erasure, "catalogue": check_item}


def judge(kind, record, decode, currency):
    """(value, verdict): verdict is good, told or bad; a tombstone that means something is good
    and has no value."""
    if record.value is None:
        if kind not in ("preferences", "catalogue"):
            return None, "bad"
        try:
            return None, "good" if is_id((record.key or b"").decode()) else "bad"
        except UnicodeDecodeError:
            return None, "bad"
    if len(record.value) > RECORD_MAX:
        return None, "bad"
    try:
        value = decode(record.value)
    except Malformed:
        return None, "bad"
    try:
        CHECKS[kind](value, record.time)
        key = {"preferences": "user_id", "catalogue": "item_id"}.get(kind)
        need(not key or record.key == value[key].encode(), "key")
        need(kind != "catalogue" or value["currency"] == currency, "currency")
        return value, "good"
    except Bad:
        told = (kind == "box-requests" and is_id(value["user_id"])
                and is_id(value["request_id"]))
        return (value, "told") if told else (None, "bad")


def merged(lines):
    """Lines of one item added up, at the greatest price, in the order of ids' bytes."""
    sums = {}
    for line in lines:
        quantity, price = sums.get(line["item_id"], (0, 0))
        sums[line["item_id"]] = (quantity + line["quantity"],
                                 max(price, line["unit_price_minor"]))
    return [[item, *sums[item]] for item in sorted(sums, key=str.encode)]


def reaction_of(feedback):
    kind, rating = feedback["kind"], feedback["rating"]
    if kind not in ("LIKED", "DISLIKED", "RATED", "REMOVED") or feedback["item_id"] is None:
        return None
    sense = {"LIKED": "positive", "DISLIKED": "negative", "REMOVED": "removed"}.get(kind)
    if kind == "RATED":
        sense = "positive" if rating >= 4 else "negative" if rating <= 2 else "none"
    return {"at": feedback["at"], "feedback": feedback["feedback_id"], "kind": kind,
            "millis": int(rating * 1000.0) if kind == "RATED" else 0, "sense": sense}


def reaction_order(reaction):
    return (reaction["at"], reaction["feedback"].encode(), KIND_RANK[reaction["kind"]],
            reaction["millis"], SENSE_RANK[reaction["sense"]])


def hash64():
    """XXH3-64, which decides for users with more items than count."""
    function = ctypes.CDLL(ctypes.util.find_library("xxhash")).XXH3_64bits
    function.restype = ctypes.c_uint64
    function.argtypes = [ctypes.c_char_p, ctypes.c_size_t]
    return lambda data: function(data, len(data))


class Fold:
    """The facts of all users, from the good inputs: lists of (record, value)."""

    def __init__(self, inputs):
        self.marks = {}
        self.recipient_marks = {}
        for record, erasure in inputs["erasures"]:
            self.raise_mark(erasure, min(erasure["requested_at"], record.time))
        self.orders = {}
        self.ties = set()
        for _, order in inputs["orders"]:
            self.take_order(order)
        self.reactions = {}
        for _, feedback in inputs["feedback"]:
            self.take_feedback(feedback)
        self.preferences = {}
        self.scattered = set()
        self.take_preferences(inputs["preferences"])

    def raise_mark(self, erasure, until):
        user, recipient = erasure["user_id"], erasure["recipient_id"]
        marks, key = ((self.marks, user) if recipient is None
                      else (self.recipient_marks.setdefault(user, {}), recipient))
        marks[key] = max(marks.get(key, 0), until)

    def void(self, user, at):
        return at <= self.marks.get(user, 0)

    def take_order(self, order):
        if self.void(order["user_id"], order["ordered_at"]):
            return
        key = order["user_id"], order["order_id"]
        rank = order["version"], RANK[order["status"]], order["ordered_at"]
        lines = merged(order["lines"])
        fact = {"version": order["version"], "status": order["status"],
                "ordered_at": order["ordered_at"],
                "stub": order["status"] != "PLACED" or not lines}
        if not fact["stub"]:
            marks = self.recipient_marks.get(order["user_id"], {})
            hidden = order["recipient_id"] is not None and (
                order["ordered_at"] <= marks.get(order["recipient_id"], 0))
            fact.update(lines=lines, box=order["box_id"], budget=order["budget_minor"],
                        recipient=None if hidden else order["recipient_id"],
                        occasion=None if hidden else order["occasion"])
        best, facts = self.orders.get(key, (None, []))
        if best is None or rank > best:
            self.orders[key] = rank, [fact]
        elif rank == best and fact not in facts:
            facts.append(fact)

    def take_feedback(self, feedback):
        reaction = reaction_of(feedback)
        if reaction is None or self.void(feedback["user_id"], feedback["at"]):
            return
        key = feedback["user_id"], feedback["item_id"]
        if key not in self.reactions or reaction_order(reaction) > reaction_order(
                self.reactions[key]):
            self.reactions[key] = reaction

    def take_preferences(self, records):
        places = collections.defaultdict(set)
        for record, value in records:  # in the order of each partition's log
            user = value["user_id"] if value else record.key.decode()
            places[user].add(record.partition)
            self.preferences[user] = value
        self.scattered = {user for user, where in places.items() if len(where) > 1}
        self.preferences = {user: value for user, value in self.preferences.items()
                            if value and not self.void(user, value["updated_at"])}

    def live(self):
        """(user, order id) to fact, of what counts and is beyond doubt; and the doubtful keys."""
        live, doubtful = {}, set()
        for key, (_, facts) in self.orders.items():
            if len(facts) > 1:
                doubtful.add(key)
            elif not facts[0]["stub"]:
                live[key] = facts[0]
        return live, doubtful


class Head:
    """Counts of one item."""

    def __init__(self):
        self.users = self.opportunities = self.hits = 0
        self.days = collections.Counter()


def counts(live, reactions):
    """Heads by item, and pairs of items with their users."""
    baskets = collections.defaultdict(list)
    for (user, order_id), fact in live.items():
        baskets[user].append((fact["ordered_at"], order_id.encode(), fact["lines"]))
    liked = collections.defaultdict(set)
    for (user, item), reaction in reactions.items():
        if reaction["sense"] == "positive":
            liked[user].add(item)
    heads, pairs = collections.defaultdict(Head), collections.Counter()
    for user in set(baskets) | set(liked):
        add_user(user, sorted(baskets[user]), liked[user], heads, pairs)
    return heads, pairs


def add_user(user, baskets, liked, heads, pairs):
    places = collections.defaultdict(list)
    for index, (_, _, lines) in enumerate(baskets):
        for item, _, _ in lines:
            places[item].append(index)
    chosen = sorted(set(places) | liked, key=str.encode)
    if len(chosen) > SAMPLE_MAX:
        number = hash64()
        chosen.sort(key=lambda item: (number(user.encode() + b"\0" + item.encode()),
                                      item.encode()))
        chosen = sorted(chosen[:SAMPLE_MAX], key=str.encode)
    for item in chosen:
        head, where = heads[item], places.get(item, [])
        head.users += 1
        for day in {baskets[index][0] // DAY for index in where}:
            head.days[day] += 1
        if where:
            head.opportunities += min(len(baskets) - 1 - where[0], LATER_BASKETS)
            head.hits += sum(1 for index in where[1:] if index - where[0] <= LATER_BASKETS)
    for left, item in enumerate(chosen):
        for other in chosen[left + 1:]:
            pairs[item, other] += 1
