#!/usr/bin/env python3
"""A reason code that no document explains is a riddle to the producer who gets it; one that stands
in the document and nowhere else is a promise nobody keeps. docs/topics.md has one row for each.

SPDX-License-Identifier: Apache-2.0
"""

import re
import sys
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent

# Calls that take a code as a literal, and what else holds some: the start of each; it ends with the
# bracket that closes the one it opened.
GIVERS = re.compile(
    r"\b(?:hp_bad|hp_boxes_refuse|reason|add)\(|\(struct refusal\)\{"
    r"|^hp_pack_(?:obstacle|code)_name\(enum \w+ \w+\)\s*\{", re.MULTILINE)
NAMED = re.compile(r'^#define HP_CODE_\w+\s+"([A-Z_]+)"', re.MULTILINE)
LITERAL = re.compile(r'"([A-Z][A-Z_]+)"')
ROW = re.compile(r"^\| `([A-Z][A-Z_]+)` \|", re.MULTILINE)
NO_CODES = {"TRANSFORMATION"}  # the stage of a dead letter
CLOSES = {"(": ")", "{": "}"}


def bracketed(text, at):
    """What stands between the bracket at `at` and the one that closes it; strings are stepped over."""
    opening, depth = text[at], 0
    for piece in re.finditer(r'"(?:\\.|[^"\\])*"|[(){}]', text[at:]):
        if piece[0] == opening:
            depth += 1
        elif piece[0] == CLOSES[opening]:
            depth -= 1
            if depth == 0:
                return text[at:at + piece.end()]
    return text[at:]


def codes_in(text):
    """Every code that this source gives."""
    found = set(NAMED.findall(text))
    for call in GIVERS.finditer(text):
        found |= set(LITERAL.findall(bracketed(text, call.end() - 1)))
    return found - NO_CODES


def used_codes():
    """{code: a file that gives it} over src/."""
    used = {}
    for path in sorted((ROOT / "src").rglob("*.[ch]")):
        for code in codes_in(path.read_text()):
            used.setdefault(code, path.relative_to(ROOT))
    return used


class ReasonCodes(unittest.TestCase):
    def setUp(self):
        self.used = used_codes()
        self.rows = ROW.findall((ROOT / "docs/topics.md").read_text())

    def test_every_code_has_a_row(self):
        missing = {code: str(path) for code, path in self.used.items() if code not in self.rows}
        self.assertEqual({}, missing, "given in src, but without a row in docs/topics.md")

    def test_every_row_has_a_code(self):
        self.assertEqual([], [code for code in self.rows if code not in self.used])

    def test_codes_are_found_wherever_they_are_given(self):
        for text, code in (
                ('#define HP_CODE_BAD_ID         "BAD_ID"\n', "BAD_ID"),
                ('return hp_bad(\n    error, "LATE", "a text (with %s", x);', "LATE"),
                ('hp_boxes_refuse(o, f(a) ? "ONE_THING" : "OTHER", r);', "OTHER"),
                ('refusal = (struct refusal){"EXPIRED", "too (late"};', "EXPIRED"),
                ('hp_pack_code_name(enum hp_pack_code code)\n{\n    x = {"FILL", "MUST"};\n}\n',
                 "MUST")):
            self.assertIn(code, codes_in(text))
        self.assertEqual(set(), codes_in('hp_fail(error, HP_STOP, "GONE");'))

    def test_what_the_sources_are_known_to_give_is_found(self):
        for code in ("NULL_VALUE", "KEY_MISMATCH", "EXPIRED", "NOTHING_SUITS", "BUDGET_TOO_LOW",
                     "REROUTE", "SKIPPED", "BAD_RECORD", "TRENDING", "BECAUSE"):
            self.assertIn(code, self.used)


if __name__ == "__main__":
    sys.exit(unittest.main())
