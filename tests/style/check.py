#!/usr/bin/env python3
"""tests/style/check.py RULE [ROOT] - reads the tree against one rule of its style.

Each rule prints `file:line: what is wrong` for everything it finds and exits 1, or one line that
says how much it looked at. Rules see only the files themselves, so they hold in an archive without
git as well. check_test.py breaks every rule once and expects to hear about it.

SPDX-License-Identifier: Apache-2.0
"""

import json
import os
import re
import shutil
import statistics
import subprocess
import sys
from pathlib import Path

CODE = {".c", ".h"}
TEXT = CODE | {".sh", ".py", ".cmake", ".md", ".yml", ".yaml", ".avsc", ".conf", ".properties"}
SKIPPED_FOLDERS = {"build", ".git", "__pycache__", "corpus", "golden", "node_modules"}

# What a C program on POSIX and Linux may include from anywhere. All else is an outside library and
# needs leave in src/LAYERS.
SYSTEM_HEADERS = set("""
assert.h complex.h ctype.h errno.h fenv.h float.h inttypes.h limits.h locale.h math.h setjmp.h
signal.h stdalign.h stdarg.h stdatomic.h stdbool.h stddef.h stdint.h stdio.h stdlib.h stdnoreturn.h
string.h strings.h tgmath.h threads.h time.h uchar.h wchar.h wctype.h aio.h arpa/inet.h dirent.h
dlfcn.h endian.h fcntl.h fnmatch.h ftw.h getopt.h glob.h grp.h libgen.h linux/limits.h malloc.h
net/if.h netdb.h netinet/in.h netinet/tcp.h poll.h pthread.h pwd.h regex.h sched.h semaphore.h
spawn.h sys/epoll.h sys/eventfd.h sys/file.h sys/ioctl.h sys/mman.h sys/random.h sys/resource.h
sys/select.h sys/socket.h sys/stat.h sys/statvfs.h sys/sysinfo.h sys/time.h sys/types.h sys/uio.h
sys/un.h sys/wait.h syslog.h termios.h unistd.h
""".split())

# Words that mark unfinished work. An open question is written out as one, with what would settle it.
UNFINISHED = re.compile(
    r"\b(TODO|FIXME|XXX|HACK)\b|\b(for now|placeholder|not (yet )?implemented)\b", re.ASCII)
UNFINISHED_ANY_CASE = re.compile(r"\b(todo|fixme|placeholder|for now)\b", re.IGNORECASE)


class Findings:
    """What a rule found, and how much it looked at."""

    def __init__(self):
        self.lines = []
        self.seen = 0

    def add(self, path, line, text):
        self.lines.append(f"{path}:{line}: {text}")

    def report(self, what):
        for line in self.lines:
            print(line)
        if self.seen == 0:
            print(f"nothing to check: no {what} found")
            return 1
        print(f"{self.seen} {what} checked, {len(self.lines)} findings")
        return 1 if self.lines else 0


def files(root, suffixes, *below):
    """The files with one of the suffixes below the folders named, in a fixed order."""
    for start in below or ("",):
        for folder, folders, names in os.walk(root / start):
            folders[:] = sorted(f for f in folders if f not in SKIPPED_FOLDERS)
            for name in sorted(names):
                path = Path(folder) / name
                if path.suffix in suffixes or name == "CMakeLists.txt" and ".cmake" in suffixes:
                    yield path.relative_to(root)


def lines_of(root, path):
    return (root / path).read_text(encoding="utf-8").splitlines()


def includes(root, path):
    """(line number, "own" or "system", header) of every include."""
    for number, line in enumerate(lines_of(root, path), 1):
        match = re.match(r'\s*#\s*include\s+(?:"([^"]+)"|<([^>]+)>)', line)
        if match:
            yield number, "own" if match[1] else "system", match[1] or match[2]


def read_layers(root):
    """src/LAYERS as {folder: (own folders or headers, outside prefixes)}."""
    layers = {}
    for line in lines_of(root, Path("src/LAYERS")):
        if line.strip() and not line.startswith("#"):
            folder, rule = line.split(":", 1)
            own, outside = rule.split("|", 1)
            layers[folder.strip()] = (own.split(), outside.split())
    return layers


def layers(root):
    """Every include of src/ is one that src/LAYERS allows to its folder."""
    found = Findings()
    table = read_layers(root)
    for path in files(root, CODE, "src"):
        folder = path.parts[1]
        found.seen += 1
        if folder not in table:
            found.add(path, 1, f"folder {folder} has no line in src/LAYERS")
            continue
        own, outside = table[folder]
        for number, kind, header in includes(root, path):
            if kind == "own":
                allowed = header.split("/")[0] in own + [folder] or header in own
                if "/" not in header:
                    found.add(path, number, f'"{header}" is not written from src/')
                elif not allowed:
                    found.add(path, number, f"{folder} may not include {header}")
            elif header not in SYSTEM_HEADERS and not header.startswith(tuple(outside)):
                found.add(path, number, f"{folder} may not use <{header}>")
    return found.report("files of src/")


def own_header_first(root):
    """A .c with a header of its own includes that first: so the header proves itself complete."""
    found = Findings()
    for path in files(root, {".c"}, "src"):
        header = path.with_suffix(".h")
        found.seen += 1
        if not (root / header).exists():
            continue
        first = next(includes(root, path), (1, "", "nothing"))
        if first[2] != str(header.relative_to("src")):
            found.add(path, first[0], f"includes {first[2]} before its own header")
    return found.report(".c files")


def licence(root):
    """Every file of code says under which licence it is, in its first forty lines."""
    found = Findings()
    scripts = (p for p in files(root, {""}, "script", ".ci", "tests") if p.name != "LAYERS")
    for path in [*files(root, CODE | {".sh", ".py"}, "src", "tests", "script"), *scripts]:
        found.seen += 1
        if not any("SPDX-License-Identifier: Apache-2.0" in l for l in lines_of(root, path)[:40]):
            found.add(path, 1, "no line SPDX-License-Identifier: Apache-2.0")
    return found.report("files")


def words(root):
    """No unfinished work, no trailing blanks, no tabs, no carriage returns."""
    found = Findings()
    for path in files(root, TEXT):
        if path.parts[:2] == ("tests", "style"):
            continue
        found.seen += 1
        for number, line in enumerate((root / path).read_bytes().decode().split("\n"), 1):
            unfinished = UNFINISHED.search(line) or UNFINISHED_ANY_CASE.search(line)
            if unfinished:
                found.add(path, number, f'"{unfinished[0]}": finish it, or write the open question')
            if line != line.rstrip():
                found.add(path, number, "blank at the end of the line")
            if "\t" in line and path.suffix in CODE:
                found.add(path, number, "tab")
    return found.report("files")


def headers(root):
    """Every header compiles alone, and twice in one file."""
    found = Findings()
    compiler = os.environ.get("CC", "cc").split()
    flags = os.environ.get("HEADER_FLAGS", "").split()
    for path in files(root, {".h"}, "src"):
        found.seen += 1
        include = f'#include "{path.relative_to("src")}"\n'
        done = subprocess.run(
            [*compiler, "-std=c17", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", *flags,
             "-fsyntax-only", "-I", str(root / "src"), "-x", "c", "-"],
            input=include + include, capture_output=True, text=True)
        if done.returncode:
            first = next((l for l in done.stderr.splitlines() if "error" in l), done.stderr)
            found.add(path, 1, f"does not compile alone: {first}")
    return found.report("headers")


def formatting(root):
    """clang-format 14 would change nothing. Another version has another taste: skipped."""
    tool = shutil.which("clang-format-14")
    if not tool:
        print("SKIPPED: clang-format-14 is not installed (Debian 13 does not have it)")
        return 77
    found = Findings()
    for path in files(root, CODE, "src", "tests"):
        found.seen += 1
        done = subprocess.run([tool, "--style=file", str(root / path)], capture_output=True,
                              text=True, check=True)
        before = (root / path).read_text(encoding="utf-8")
        if done.stdout != before:
            pairs = zip(before.splitlines(), done.stdout.splitlines())
            line = next((n for n, (a, b) in enumerate(pairs, 1) if a != b), 1)
            found.add(path, line, f"not in shape: script/format {path}")
    return found.report("files")


def fields_of(schema):
    """Every (record name, field) in a schema, nested ones included."""
    if isinstance(schema, list):
        for branch in schema:
            yield from fields_of(branch)
    elif isinstance(schema, dict):
        for field in schema.get("fields", []):
            yield schema.get("name"), field
            yield from fields_of(field["type"])
        for key in ("type", "items", "values"):
            if isinstance(schema.get(key), (dict, list)):
                yield from fields_of(schema[key])


def schemas(root):
    """Every field of every schema says what it means, and every record has an example."""
    found = Findings()
    for path in sorted((root / "schemas").glob("*.avsc")):
        name = path.relative_to(root)
        schema = json.loads(path.read_text(encoding="utf-8"))
        found.seen += 1
        if not schema.get("doc"):
            found.add(name, 1, f"{schema['name']} has no doc")
        if schema["name"] != path.stem:
            found.add(name, 1, f"holds {schema['name']}")
        for record, field in fields_of(schema):
            if not field.get("doc", "").strip():
                found.add(name, 1, f"{record}.{field['name']} has no doc")
        example = root / "schemas" / "examples" / f"{path.stem}.json"
        if not example.exists():
            found.add(name, 1, f"has no schemas/examples/{example.name}")
        else:
            json.loads(example.read_text(encoding="utf-8"))
    return found.report("schemas")


def links(root):
    """Links between the documents lead somewhere."""
    found = Findings()
    for path in files(root, {".md"}):
        found.seen += 1
        for number, line in enumerate(lines_of(root, path), 1):
            for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", line):
                if "://" not in target and not target.startswith("mailto:"):
                    if not (root / path.parent / target).exists():
                        found.add(path, number, f"leads nowhere: {target}")
    return found.report("documents")


def functions_of(root, path):
    """(lines, name, line number) of each function: name and braces stand in the first column."""
    name, start = None, None
    for number, line in enumerate(lines_of(root, path), 1):
        match = re.match(r"([a-z]\w*)\(", line)
        if match:
            name = match[1]
        elif line == "{":
            start = number
        elif line == "}" and name and start:
            yield number - start - 1, name, start
            name = start = None


def functions(root):
    """A report: how long functions and files are. Numbers to look at, not limits."""
    every, sizes = [], []
    for path in files(root, {".c"}, "src"):
        sizes.append((len(lines_of(root, path)), path))
        every += [(lines, name, path, at) for lines, name, at in functions_of(root, path)]
    if not every:
        print("nothing to report")
        return 1
    lengths = sorted(lines for lines, *_ in every)
    print(f"{len(every)} functions in {len(sizes)} files: median {statistics.median(lengths):.0f} "
          f"lines, nine in ten under {lengths[len(lengths) * 9 // 10] + 1}")
    for lines, name, path, at in sorted(every, key=lambda f: -f[0])[:12]:
        print(f"  {lines:4} {name} ({path}:{at})")
    for lines, path in sorted(sizes, key=lambda s: -s[0])[:5]:
        print(f"  {lines:4} lines in {path}")
    return 0


RULES = {rule.__name__.replace("_", "-"): rule for rule in (
    layers, own_header_first, licence, words, headers, formatting, schemas, links, functions)}


def main():
    if len(sys.argv) not in (2, 3) or sys.argv[1] not in RULES:
        print(f"usage: check.py {'|'.join(RULES)} [ROOT]", file=sys.stderr)
        return 2
    here = Path(__file__).resolve().parent.parent.parent
    return RULES[sys.argv[1]](Path(sys.argv[2]).resolve() if len(sys.argv) == 3 else here)


if __name__ == "__main__":
    sys.exit(main())
