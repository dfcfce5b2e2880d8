#!/usr/bin/env python3
"""A rule that cannot find anything protects nothing: each is broken once and must say where.

SPDX-License-Identifier: Apache-2.0
"""

import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

CHECK = Path(__file__).with_name("check.py")
SPDX = "/* SPDX-License-Identifier: Apache-2.0 */\n"
LAYERS = "base: |\nstore: base | rocksdb\nflow: base store/kv.h |\n"


class RuleFindsItsOffender(unittest.TestCase):
    def run_rule(self, rule, files):
        with tempfile.TemporaryDirectory() as folder:
            for name, text in files.items():
                path = Path(folder) / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
            return subprocess.run([sys.executable, CHECK, rule, folder], capture_output=True,
                                  text=True)

    def refuses(self, rule, files, *words):
        done = self.run_rule(rule, files)
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        for word in words:
            self.assertIn(word, done.stdout)

    def accepts(self, rule, files):
        done = self.run_rule(rule, files)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def include(self, folder, header):
        return {"src/LAYERS": LAYERS, f"src/{folder}/x.c": f"#include {header}\n"}

    def test_layers(self):
        self.refuses("layers", self.include("base", '"store/kv.h"'), "src/base/x.c:1", "store/kv.h")
        self.refuses("layers", self.include("flow", '"store/rocks.h"'), "store/rocks.h")
        self.refuses("layers", self.include("flow", "<rocksdb/c.h>"), "rocksdb/c.h")
        self.refuses("layers", self.include("store", "<unheard/of.h>"), "unheard/of.h")
        self.refuses("layers", self.include("store", '"kv.h"'), "from src/")
        self.refuses("layers", self.include("novel", "<stdio.h>"), "novel")
        self.accepts("layers", self.include("flow", '"store/kv.h"'))
        self.accepts("layers", self.include("store", "<rocksdb/c.h>"))
        self.accepts("layers", self.include("base", "<stdio.h>"))

    def test_own_header_first(self):
        files = {"src/base/x.h": "", "src/base/x.c": '#include <stdio.h>\n#include "base/x.h"\n'}
        self.refuses("own-header-first", files, "src/base/x.c:1")
        files["src/base/x.c"] = '#include "base/x.h"\n#include <stdio.h>\n'
        self.accepts("own-header-first", files)

    def test_licence(self):
        self.refuses("licence", {"src/base/x.c": "int x;\n"}, "src/base/x.c")
        self.refuses("licence", {"script/run": "#!/bin/sh\n"}, "script/run")
        self.accepts("licence", {"src/base/x.c": SPDX})

    def test_words(self):
        for word in ("TO" "DO", "fix" "me", "for " "now", "place" "holder"):
            self.refuses("words", {"src/base/x.c": f"int x;\n/* {word}: more */\n"},
                         "src/base/x.c:2", word)
        self.refuses("words", {"docs/x.md": "words \n"}, "blank at the end")
        self.refuses("words", {"src/base/x.c": "\tint x;\n"}, "tab")
        self.refuses("words", {"src/base/x.c": "int x;\r\n"}, "blank at the end")
        self.accepts("words", {"src/base/x.c": "/* Method: a stub of an order stays. */\n"})

    def test_headers(self):
        self.refuses("headers", {"src/base/x.h": "extern uint8_t x;\n"}, "src/base/x.h", "uint8_t")
        self.refuses("headers", {"src/base/x.h": "struct x {int i;};\n"}, "src/base/x.h")
        self.accepts("headers", {"src/base/x.h": "#ifndef X\n#define X\nstruct x {int i;};\n#endif\n"})

    def test_formatting(self):
        files = {".clang-format": "BasedOnStyle: LLVM\n", "src/base/x.c": "int  x;\n"}
        done = self.run_rule("formatting", files)
        if done.returncode == 77:
            self.skipTest(done.stdout.strip())
        self.refuses("formatting", files, "src/base/x.c:1")
        files["src/base/x.c"] = "int x;\n"
        self.accepts("formatting", files)

    def test_schemas(self):
        schema = '{"type":"record","name":"X","doc":"An x.","fields":[{"name":"n","type":' \
            '["null",{"type":"array","items":{"type":"record","name":"Y","fields":[' \
            '{"name":"deep","type":"int"%s}]}}],"doc":"Some."}]}'
        example = {"schemas/examples/X.json": "{}"}
        self.refuses("schemas", {"schemas/X.avsc": schema % "", **example}, "Y.deep has no doc")
        whole = schema % ',"doc":"How deep."'
        self.refuses("schemas", {"schemas/X.avsc": whole}, "schemas/examples/X.json")
        self.refuses("schemas", {"schemas/Z.avsc": whole, **example}, "holds X")
        self.accepts("schemas", {"schemas/X.avsc": whole, **example})

    def test_links(self):
        self.refuses("links", {"docs/a.md": "see [b](b.md#part)\n"}, "docs/a.md:1", "b.md")
        self.accepts("links", {"docs/a.md": "see [b](b.md#part)\n", "docs/b.md": "part\n"})

    def test_functions_are_measured(self):
        text = "static int\nhp_x_add(int a)\n{\n    a++;\n    return a;\n}\n"
        done = self.run_rule("functions", {"src/base/x.c": text})
        self.assertIn("2 hp_x_add (src/base/x.c:3)", done.stdout)

    def test_an_empty_tree_is_no_pass(self):
        for rule in ("own-header-first", "licence", "words", "headers", "schemas", "links"):
            self.refuses(rule, {})


if __name__ == "__main__":
    unittest.main()
