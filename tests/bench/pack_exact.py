#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How far `hamper pack` is from the proven optimum, by CBC (Debian coinor-cbc).

    pack_exact.py PROGRAM [--count N] [--seed S] [--jobs J] [--prices CSV] [--keep FILE]
    pack_exact.py PROGRAM --wild [...]
    pack_exact.py PROGRAM --again FILE

Makes instances, packs them, and lets CBC solve every slot exactly given the answer's own earlier
boxes. Prints a table of gaps by kind and the time CBC took. --keep writes every slot as an
instance of its own with its optimum, which --again compares without CBC. --prices takes a CSV
(gzip too) with the columns sale_price and category. --wild draws the shape of requests, too: what
prices and gains look like, copies, categories, capacities, windows that rise or fall, few pairs.
"""
import argparse
import collections
import csv
import gzip
import json
import os
import random
import subprocess
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

REALISTIC = ["longtail", "correlated", "noisy"]
ADVERSARIAL = ["flat", "strong", "tight", "edge"]


def catalogue(rng, path):
    """Prices in paise with a category number each."""
    if not path:
        return [(min(90000, max(3900, int(rng.lognormvariate(5.3, 0.6)) * 100 + 900)), rng.randrange(8))
                for _ in range(4000)]
    opened = gzip.open(path, "rt") if path.endswith(".gz") else open(path)
    names = {}
    rows = []
    for row in csv.DictReader(opened):
        try:
            price = round(float(row["sale_price"]) * 100)
        except ValueError:
            continue
        if 2000 <= price <= 100000:
            rows.append((price, names.setdefault(row["category"], len(names))))
    return rows


def gains(rng, kind, prices):
    if kind == "longtail":
        return [int(20000 + 980000 * rng.random() ** 3) for _ in prices]
    if kind == "correlated":
        return [int(min(1000000, 100000 + p * 8 + rng.random() * 300000)) for p in prices]
    if kind == "noisy":
        return [max(1, int(rng.gauss(500000, 120000))) for _ in prices]
    if kind == "flat":
        return [500000 for _ in prices]
    if kind == "strong":
        return [p * 10 for p in prices]
    if kind == "tight":
        return [int(200000 + 500000 * rng.random()) for _ in prices]
    return [rng.choice([100000, 300000, 300000, 900000]) for _ in prices]


def instance(rng, name, kind, rows, sizes):
    n = rng.choice(sizes)
    k = rng.randint(3, 5)
    chosen = [rng.choice(rows) for _ in range(n)]
    cats = sorted({c for _, c in chosen})
    prices = [p for p, _ in chosen]
    worth = gains(rng, kind, prices)
    mean = sum(sorted(worth)[-20:]) / min(20, n)
    hard = kind in ("tight", "edge")
    categories = []
    for c in range(len(cats)):
        categories.append({"id": c, "name": f"c{c}", "min": 1 if hard and rng.random() < 0.5 or rng.random() < 0.15 else 0,
                           "max": rng.randint(2, 4),
                           "bonus": [int(mean * 0.30), int(mean * 0.15), int(mean * 0.05)]})
    items = []
    for i in range(n):
        item = {"id": f"{name}-{i:04d}", "price": prices[i], "gain": worth[i], "cat": cats.index(chosen[i][1])}
        if rng.random() < 0.15:
            item["group"] = f"g{rng.randrange(n // 12 + 1)}"
        if rng.random() < 0.15:
            item["max_qty"] = 2
            item["repeat_gain"] = [worth[i] // 3]
        items.append(item)
    least = sum(c["min"] for c in categories)
    count = {"min": max(3, least), "max": max(rng.randint(6, 12), least)}
    budget = rng.randrange(50000, 500001, 5000)
    budget = max(sum(sorted(prices)[: count["min"]]) * 2, min(budget, int(count["max"] * sum(prices) / n * 1.6)))
    share = rng.choice([34, 50, 50, 67])
    floor = {"tight": 0.97, "edge": 0.93}.get(kind, 0.85)
    pairs = []
    for _ in range(n * 3):
        a, b = rng.sample(range(n), 2)
        w = int(mean * rng.uniform(0.02, 0.2))
        pairs.append([items[a]["id"], items[b]["id"], -w if items[a]["cat"] == items[b]["cat"] else w])
    made = {"format": "hamper-box-instance/1", "id": name, "count": count, "categories": categories, "items": items,
            "pairs": pairs, "must": [], "exclude": [i["id"] for i in items if rng.random() < 0.08],
            "diversity": {"max_share_pct": share},
            "slots": [{"name": f"box{s + 1}", "min": int(budget * floor), "max": budget} for s in range(k)]}
    if rng.random() < 0.25:
        made["must"] = [rng.choice([i["id"] for i in items if i["id"] not in made["exclude"]])]
    if rng.random() < (0.8 if hard else 0.4):
        made["rules"] = [{"name": "sugar-free", "min": 1, "max": 100, "items": [i["id"] for i in items if rng.random() < 0.3]},
                         {"name": "fried", "min": 0, "max": 2, "items": [i["id"] for i in items if rng.random() < 0.3]},
                         {"name": "filler", "min": 0, "max": 1,
                          "items": [i["id"] for i in items if i["price"] < budget * 0.04]}]
    if kind == "edge":
        made["resources"] = [{"name": "grams", "max": 1500 * count["max"] // 8}]
        for item in items:
            item["res"] = [rng.randrange(50, 500)]
    return made


def wild_price(rng, shape):
    if shape == "uniform":
        return rng.randrange(1000, 60000)
    if shape == "two":
        return rng.randrange(4000, 6000) if rng.random() < 0.6 else rng.randrange(30000, 90000)
    if shape == "steps":
        return rng.choice([9900, 19900, 29900, 49900])
    if shape == "equal":
        return 20000
    return min(200000, int(2000 * rng.paretovariate(1.1)))


def wild_gain(rng, shape, price):
    if shape == "equal":
        return 1
    if shape == "favourites":
        return 1000000 if rng.random() < 0.05 else 1
    if shape == "signed":
        return int(rng.gauss(300000, 300000))
    if shape == "as price":
        return price * 10
    if shape == "against price":
        return 1000000 - min(price, 90000) * 8 + rng.randrange(200000)
    return int(20000 + 980000 * rng.random() ** 3)


def wild_items(rng, name, cats):
    n = rng.choice([20, 40, 100, 150, 300])
    prices = rng.choice(["uniform", "two", "steps", "equal", "tail"])
    worth = rng.choice(["equal", "favourites", "signed", "as price", "against price", "tail"])
    copies = rng.choice([1, 1, 2, 5])
    families = rng.choice([0, 0.15, 0.6])
    items = []
    for i in range(n):
        price = wild_price(rng, prices)
        item = {"id": f"{name}-{i:04d}", "price": price, "gain": wild_gain(rng, worth, price), "cat": rng.randrange(cats)}
        if rng.random() < families:
            item["group"] = f"g{rng.randrange(n // 6 + 1)}"
        if copies > 1 and rng.random() < 0.6:
            item["max_qty"] = rng.randint(2, copies)
            less = rng.choice([1, 2, 3])
            item["repeat_gain"] = [max(0, item["gain"]) // less ** (q + 1) for q in range(item["max_qty"] - 1)]
        items.append(item)
    return items


def wild(rng, name):
    cats = rng.choice([1, 3, 6, 10, 40])
    items = wild_items(rng, name, cats)
    n = len(items)
    mean = max(100, sum(sorted(i["gain"] for i in items)[-20:]) / 20)
    bonus = rng.choice([0, 0.1, 0.3, 1])
    most = rng.choice([4, 99])
    minima = most == 4 and cats <= 10 and rng.random() < 0.5
    categories = [{"id": c, "name": f"c{c}", "min": int(minima and rng.random() < 0.4),
                   "max": rng.randint(1, most) if most == 4 else most,
                   "bonus": [int(mean * bonus / d) for d in (1, 2, 6)] if bonus else []} for c in range(cats)]
    least = max(rng.choice([1, 3, 6]), sum(c["min"] for c in categories))
    count = {"min": least, "max": max(rng.choice([4, 8, 12, 20]), least)}
    budget = int(sum(i["price"] for i in items) / n * rng.uniform(least + 0.5, count["max"]) * rng.choice([0.5, 1, 1, 1.5]))
    floor = rng.choice([0, 0.5, 0.7, 0.85, 0.85, 0.95, 0.98])
    step = rng.choice([1, 1, 1.4, 0.75])
    pairs = []
    for _ in range(n * rng.choice([0, 0, 1])):
        a, b = rng.sample(range(n), 2)
        pairs.append([items[a]["id"], items[b]["id"], int(mean * rng.uniform(-0.1, 0.3))])
    made = {"format": "hamper-box-instance/1", "id": name, "count": count, "categories": categories, "items": items,
            "pairs": pairs, "must": [], "exclude": [], "diversity": {"max_share_pct": rng.choice([0, 25, 34, 50, 67, 100])},
            "slots": [{"name": f"box{s + 1}", "min": int(budget * step ** s * floor), "max": int(budget * step ** s)}
                      for s in range(rng.choice([1, 2, 3, 4]))],
            "rules": [{"name": f"r{r}", "min": rng.choice([0, 1, 2]), "max": rng.choice([2, 3, 100]),
                       "items": [i["id"] for i in items if rng.random() < 0.3]} for r in range(rng.choice([0, 0, 1, 3]))]}
    capacities = rng.choice([0, 0, 0, 1, 2])
    if capacities:
        made["resources"] = [{"name": f"x{r}", "max": int(275 * count["max"] * rng.choice([0.5, 0.8, 1.2]))} for r in range(capacities)]
        for item in items:
            item["res"] = [rng.randrange(50, 500) for _ in range(capacities)]
    if rng.random() < 0.15:
        made["must"] = [rng.choice(items)["id"]]
    return made


def family(item):
    return ("g", item["group"]) if item.get("group") else ("i", item["id"])


def write_lp(made, slot, boxes, path):
    """The slot as an LP file, given earlier boxes (lists of item ids)."""
    items = [i for i in made["items"] if i["id"] not in set(made["exclude"])]
    number = {i["id"]: k for k, i in enumerate(items)}
    musts = set(made["must"])
    goal, rows, binary = [], [], []
    weights = collections.Counter()
    for a, b, w in made["pairs"]:
        if a in number and b in number:
            weights[tuple(sorted((number[a], number[b])))] += w
    unit = {}
    for k, item in enumerate(items):
        copies = [f"y{k}"] + [f"r{k}_{q}" for q in range(2, item.get("max_qty", 1) + 1)]
        worth = [item["gain"]] + item.get("repeat_gain", [])
        for q, name in enumerate(copies):
            binary.append(name)
            goal.append((worth[q] if q < len(worth) else 0, name))
            if q:
                rows.append(f"{name} - {copies[q - 1]} <= 0")
        unit[k] = copies
        if item["id"] in musts:
            rows.append(f"y{k} >= 1")
    for p, ((a, b), w) in enumerate(weights.items()):
        if not w:
            continue
        z = f"z{p}"
        goal.append((w, z))
        if w > 0:
            rows += [f"{z} - y{a} <= 0", f"{z} - y{b} <= 0"]
        else:
            rows.append(f"{z} - y{a} - y{b} >= -1")
    sums = lambda ks, f=lambda k: 1: " ".join(f"+ {f(k)} {name}" for k in ks for name in unit[k])
    every = range(len(items))
    price = lambda k: items[k]["price"]
    rows += [f"{sums(every, price)} <= {slot['max']}", f"{sums(every, price)} >= {slot['min']}"]
    rows += [f"{sums(every)} <= {made['count']['max']}", f"{sums(every)} >= {made['count']['min']}"]
    for c, category in enumerate(made["categories"]):
        mine = [k for k in every if items[k]["cat"] == c]
        if not mine:
            if category["min"] > 0:
                rows.append("0 y0 >= 1")
            continue
        rows += [f"{sums(mine)} <= {category['max']}", f"{sums(mine)} >= {category['min']}"]
        for u, bonus in enumerate(category["bonus"]):
            goal.append((bonus, f"b{c}_{u}"))
            binary.append(f"b{c}_{u}")
        rows.append(" ".join(f"+ b{c}_{u}" for u in range(len(category["bonus"]))) + " - " + sums(mine).replace("+", "-")[2:] + " <= 0")
    for rule in made.get("rules", []):
        mine = [number[i] for i in rule["items"] if i in number]
        if mine:
            rows += [f"{sums(mine)} <= {rule['max']}", f"{sums(mine)} >= {rule['min']}"]
    for r, resource in enumerate(made.get("resources", [])):
        rows.append(f"{sums(every, lambda k: items[k]['res'][r])} <= {resource['max']}")
    families = collections.defaultdict(list)
    for k, item in enumerate(items):
        families[family(item)].append(k)
    for members in families.values():
        if len(members) > 1:
            rows.append(" ".join(f"+ y{k}" for k in members) + " <= 1")
    by_id = {i["id"]: i for i in made["items"]}
    for box in boxes:
        shared = {family(by_id[i]) for i in box if i not in musts}
        mine = [k for k in every if family(items[k]) in shared and items[k]["id"] not in musts]
        cap = made["diversity"]["max_share_pct"] * len(shared) // 100
        if mine:
            rows.append(" ".join(f"+ y{k}" for k in mine) + f" <= {cap}")
    with open(path, "w") as out:
        out.write("Maximize\n obj:")
        for number_of, (w, name) in enumerate(goal):
            out.write(f" {'+' if w >= 0 else '-'} {abs(w)} {name}" + ("\n" if number_of % 8 == 7 else ""))
        out.write("\nSubject To\n")
        for k, row in enumerate(rows):
            words = row.split(" ")
            text = ""
            for w in words:
                text += w + " "
                if len(text) - text.rfind("\n") > 200:
                    text += "\n"
            out.write(f" c{k}: {text}\n")
        out.write("Bounds\n")
        for p, (pair, w) in enumerate(weights.items()):
            if w:
                out.write(f" 0 <= z{p} <= 1\n")
        out.write("Binary\n " + "\n ".join(binary) + "\nEnd\n")


def cbc(path, limit):
    """(value or None when infeasible, seconds, proved)"""
    solution = path + ".sol"
    begin = time.time()
    subprocess.run(["cbc", path, "ratioGap", "0", "allowableGap", "0.5", "sec", str(limit), "solve", "solu", solution],
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    took = time.time() - begin
    head = open(solution).readline() if os.path.exists(solution) else ""
    if head.startswith("Optimal"):
        return round(abs(float(head.split()[-1]))), took, True
    if "nfeasible" in head:
        return None, took, True
    return None, took, False


def judge_slot(task):
    made, slot, boxes, limit = task
    with tempfile.TemporaryDirectory() as place:
        path = os.path.join(place, "slot.lp")
        write_lp(made, slot, boxes, path)
        return cbc(path, limit)


def pack(program, lines):
    run = subprocess.run(program.split() + ["--bound"], input="\n".join(lines) + "\n", capture_output=True, text=True)
    return [json.loads(line) for line in run.stdout.splitlines()]


def spread(values):
    values = sorted(values)
    at = lambda q: values[min(len(values) - 1, int(len(values) * q))]
    return f"{sum(values) / len(values):8.4f} {at(0.95):8.3f} {values[-1]:8.3f}"


def table(results):
    print(f"{'kind':12} {'slots':>6} {'none':>5} {'missed':>6} {'optimal%':>8} {'mean%':>8} {'p95%':>8} {'max%':>8}")
    for name, kinds in [(k, [k]) for k in REALISTIC + ADVERSARIAL + ["wild"]] + [("realistic", REALISTIC), ("adversarial", ADVERSARIAL)]:
        mine = [r for r in results if r["kind"] in kinds]
        gaps = [100 * (r["optimum"] - r["value"]) / r["optimum"] for r in mine if r["value"] is not None and r["optimum"]]
        missed = sum(r["value"] is None and r["optimum"] is not None for r in mine)
        none = sum(r["optimum"] is None for r in mine)
        if gaps:
            exact = 100 * sum(g <= 1e-9 for g in gaps) / len(gaps)
            print(f"{name:12} {len(mine):6} {none:5} {missed:6} {exact:8.1f} {spread(gaps)}")
            wrong = [g for g in gaps if g < -1e-6]
            if wrong:
                print("    BETTER THAN CBC:", wrong[:5])


def fresh(args):
    rng = random.Random(args.seed)
    kinds = ["wild"] if args.wild else REALISTIC + ADVERSARIAL
    if args.wild:
        made = [wild(rng, f"t{k}") for k in range(args.count)]
    else:
        rows = catalogue(rng, args.prices)
        made = [instance(rng, f"t{k}", kinds[k % len(kinds)], rows, [60, 100, 200]) for k in range(args.count)]
    answers = pack(args.program, [json.dumps(m) for m in made])
    tasks, results = [], []
    for k, (m, answer) in enumerate(zip(made, answers)):
        by_slot = {b["slot"]: b for b in answer["boxes"]}
        boxes = []
        for slot in m["slots"]:
            box = by_slot.get(slot["name"])
            tasks.append((m, slot, list(boxes), args.limit))
            results.append({"kind": kinds[k % len(kinds)], "value": box and box["value"], "bound": box and box.get("bound")})
            if box:
                boxes.append([i for i, _ in box["items"]])
    with ThreadPoolExecutor(args.jobs) as pool:
        solved = list(pool.map(judge_slot, tasks))
    kept = []
    for result, task, (optimum, took, proved) in zip(results, tasks, solved):
        result.update(optimum=optimum, took=took, proved=proved)
        if result["bound"] is not None and optimum is not None and result["bound"] < optimum:
            print("    BOUND BELOW THE OPTIMUM:", task[0]["id"], task[1]["name"], result)
        m, slot, boxes, _ = task
        by_id = {i["id"]: i for i in m["items"]}
        alone = dict(m, slots=[slot], earlier=[sorted({family(by_id[i])[1] for i in box}) for box in boxes])
        kept.append({"kind": result["kind"], "optimum": optimum, "proved": proved, "instance": alone})
    print(f"{sum(not r['proved'] for r in results)} of {len(results)} slots not proved by CBC within {args.limit} s, left out")
    results = [r for r in results if r["proved"]]
    times = sorted(r["took"] for r in results)
    print(f"CBC seconds a slot: p50 {times[len(times) // 2]:.2f}, p95 {times[int(len(times) * 0.95)]:.2f}, max {times[-1]:.2f}")
    ours = sorted(a["elapsed_ns"] / 1000 for a in answers)
    print(f"hamper microseconds an answer: p50 {ours[len(ours) // 2]:.0f}, p99 {ours[int(len(ours) * 0.99)]:.0f}, max {ours[-1]:.0f}")
    packed = sum(len(a["boxes"]) for a in answers)
    each = sum(ours) / max(1, packed)
    print(f"seconds a box, the mean: CBC {sum(times) / len(times):.3f}, hamper {each / 1e6:.6f} (with a proved bound): {sum(times) / len(times) * 1e6 / each:.0f} to 1")
    table(results)
    if args.keep:
        with open(args.keep, "w") as out:
            for k in kept:
                if k["proved"]:
                    out.write(json.dumps(k) + "\n")


def again(args):
    kept = [json.loads(line) for line in open(args.again)]
    answers = pack(args.program, [json.dumps(k["instance"]) for k in kept])
    table([{"kind": k["kind"], "optimum": k["optimum"], "value": a["boxes"][0]["value"] if a["boxes"] else None}
           for k, a in zip(kept, answers)])
    ours = sorted(a["elapsed_ns"] / 1000 for a in answers)
    print(f"microseconds a slot: p50 {ours[len(ours) // 2]:.0f}, p99 {ours[int(len(ours) * 0.99)]:.0f}, max {ours[-1]:.0f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", help='for instance "build/release/hamper pack"')
    parser.add_argument("--count", type=int, default=28)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--limit", type=int, default=60, help="seconds a slot")
    parser.add_argument("--prices")
    parser.add_argument("--wild", action="store_true")
    parser.add_argument("--keep")
    parser.add_argument("--again")
    args = parser.parse_args()
    again(args) if args.again else fresh(args)


if __name__ == "__main__":
    main()
