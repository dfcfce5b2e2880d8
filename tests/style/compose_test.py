#!/usr/bin/env python3
"""What docker-compose.yml feeds to the platform must be what the schemas say, or the first thing a
stranger sees is a topic full of dead letters.

SPDX-License-Identifier: Apache-2.0
"""

import json
import re
import subprocess
import sys
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
AWK = ["awk", "-f", str(ROOT / "conf/compose/shop.awk")]
NOW = 1767225600


def events(what, **options):
    settings = {"what": what, "count": 200, "users": 40, "seed": 7, "batch": 1, "now": NOW}
    settings.update(options)
    pairs = [word for key, value in settings.items() for word in ("-v", f"{key}={value}")]
    done = subprocess.run([*AWK, *pairs, str(ROOT / "src/shop/catalogue.txt")],
                          capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


class EventsFitTheSchemas(unittest.TestCase):
    def fits(self, found, schema):
        fields = json.loads((ROOT / "schemas" / f"{schema}.avsc").read_text())["fields"]
        known = {field["name"] for field in fields}
        needed = {field["name"] for field in fields if "default" not in field}
        for event in found:
            self.assertEqual(set(event) - known, set(), f"{schema} has no such field")
            self.assertEqual(needed - set(event), set(), f"{schema} needs these")

    def test_every_kind_of_event_fits_its_schema(self):
        for what, schema, count in (
                ("preferences", "Preferences", 40), ("orders", "Order", 200),
                ("feedback", "Feedback", 200), ("requests", "BoxRequest", 200)):
            found = events(what)
            self.assertEqual(len(found), count, what)
            self.fits(found, schema)

    def test_the_whole_shelf_is_there_with_unknown_allergens_unknown(self):
        shelf = (ROOT / "src/shop/catalogue.txt").read_text().splitlines()
        lines = [l for l in shelf if l.strip() and l[0] not in "#["]
        found = events("catalogue")
        self.fits(found, "CatalogueItem")
        self.assertEqual([i["item_id"] for i in found], [l.split("|")[0].strip() for l in lines])
        for item, line in zip(found, lines):
            allergens = line.split("|")[6].strip()
            expected = {"?": None, "-": []}.get(allergens, allergens.replace(" ", "").split(","))
            self.assertEqual(item["allergens"], expected, line)

    def test_orders_name_items_and_prices_of_the_shelf(self):
        prices = {item["item_id"]: item["price_minor"] for item in events("catalogue")}
        for order in events("orders"):
            self.assertTrue(order["lines"])
            for line in order["lines"]:
                self.assertEqual(line["unit_price_minor"], prices[line["item_id"]])

    def test_a_seed_repeats_and_a_batch_does_not(self):
        self.assertEqual(events("orders"), events("orders"))
        ids = {o["order_id"] for batch in (1, 2) for o in events("orders", batch=batch)}
        self.assertEqual(len(ids), 400)
        self.assertNotEqual([o["lines"] for o in events("orders", batch=1)],
                            [o["lines"] for o in events("orders", batch=2)])

    def test_times_are_now(self):
        for order in events("orders"):
            self.assertTrue(0 <= order["ordered_at"] - NOW * 1000 < 1000)


class ThePlatformNamesWhatExists(unittest.TestCase):
    def test_its_options_are_options(self):
        known = set(re.findall(r"^#?([a-z.-]+)=", (ROOT / "conf/hamper.conf").read_text(), re.M))
        used = re.findall(r"^([^#=\s]+)=", (ROOT / "conf/compose/hamper.conf").read_text(), re.M)
        self.assertTrue(used)
        self.assertEqual([key for key in used if key not in known], [])

    def test_the_image_is_made_of_files_that_are_here(self):
        lines = re.findall(r"^COPY (?!--from)(.*) \S+$", (ROOT / "Dockerfile").read_text(), re.M)
        sources = [word for line in lines for word in line.split()]
        self.assertTrue(sources)
        self.assertEqual([name for name in sources if not (ROOT / name).exists()], [])

    def test_the_builder_has_what_cmake_embeds(self):
        build = (ROOT / "Dockerfile").read_text().split("\nFROM ")[1]
        copied = {word.split("/")[0] for line in re.findall(r"^COPY (.*) \S+$", build, re.M)
                  for word in line.split()}
        needed = re.findall(r"^hamper_embed\(.*\$\{CMAKE_SOURCE_DIR\}/(\w+)/",
                            (ROOT / "CMakeLists.txt").read_text(), re.M)
        self.assertTrue(needed)
        self.assertEqual(set(needed) - copied, set())


if __name__ == "__main__":
    sys.exit(unittest.main())
