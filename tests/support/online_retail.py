#!/usr/bin/env python3
"""Turns the Online Retail CSV into a folder of event files.

    online_retail.py CSV[.gz] DIR [--orders N] [--lines N]

Source of the data: "Online Retail", UCI Machine Learning Repository, dataset 352 (D. Chen, S. L. Sain,
K. Guo, 2012), CC BY 4.0. Rows with a customer, no cancellation, quantity and price above zero and a code
of five digits and letters become orders (one per invoice), their products the catalogue, priced at the
median; amounts are pence. `--orders` takes the first N, `--lines` at most so many lines of each.

SPDX-License-Identifier: Apache-2.0
"""
import argparse
import csv
import gzip
import json
import os
import re
import statistics
from collections import defaultdict
from datetime import datetime, timezone

CODE = re.compile(r"^[0-9]{5}[A-Z]*$")


def read_rows(path):
    opener = gzip.open if path.endswith(".gz") else open
    with opener(path, "rt", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            code = row["StockCode"].strip().upper()
            if not row["CustomerID"] or row["InvoiceNo"].startswith("C") or not CODE.match(code):
                continue
            quantity = int(row["Quantity"])
            price = round(float(row["UnitPrice"]) * 100)
            if quantity <= 0 or price <= 0:
                continue
            when = datetime.strptime(row["InvoiceDate"], "%Y-%m-%d %H:%M:%S").replace(tzinfo=timezone.utc)
            yield row["InvoiceNo"], code, row["Description"], quantity, int(when.timestamp() * 1000), price, \
                row["CustomerID"]


def write_lines(path, values):
    with open(path, "w", encoding="utf-8") as file:
        for value in values:
            file.write(json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("csv")
    parser.add_argument("dir")
    parser.add_argument("--orders", type=int, default=10**9)
    parser.add_argument("--lines", type=int, default=200)
    options = parser.parse_args()
    orders, prices, names = {}, defaultdict(list), {}
    first = None
    for invoice, code, name, quantity, at, price, customer in read_rows(options.csv):
        first = first or at
        if invoice not in orders:
            if len(orders) >= options.orders:
                continue
            orders[invoice] = {"order_id": invoice, "user_id": customer, "ordered_at": at, "lines": []}
        if len(orders[invoice]["lines"]) >= options.lines:
            continue
        orders[invoice]["lines"].append(
            {"item_id": code, "quantity": min(quantity, 50), "unit_price_minor": price})
        prices[code].append(price)
        names.setdefault(code, " ".join(name.split()).title() or code)
    os.makedirs(options.dir, exist_ok=True)
    write_lines(os.path.join(options.dir, "orders.jsonl"), orders.values())
    write_lines(os.path.join(options.dir, "catalogue.jsonl"), (
        {"item_id": code, "version": 1, "updated_at": first, "name": names[code],
         "category": "Range " + code[:2], "price_minor": int(statistics.median(prices[code])),
         "currency": "GBP", "max_per_box": 2, "allergens": []} for code in sorted(prices)))
    print(f"{len(orders)} orders, {len({o['user_id'] for o in orders.values()})} users, {len(prices)} items")


if __name__ == "__main__":
    main()
