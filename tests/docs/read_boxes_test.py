#!/usr/bin/env python3
"""The rules of the reader's example, each with a stream that would break it. SPDX-License-Identifier: Apache-2.0"""
import json
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
EXAMPLE = os.path.join(ROOT, "docs", "examples", "read_boxes.py")


def value(revision, status="OK", valid_until=1000, total=5):
    return {"revision": revision, "status": status, "valid_until": valid_until,
            "boxes": [{"slot": 2, "total_minor": total}, {"slot": 1, "total_minor": total}]}


def shown(now_ms, *records):
    lines = "".join(json.dumps({"key": key, "value": value}) + "\n" for key, value in records)
    return subprocess.run([sys.executable, EXAMPLE, str(now_ms)], input=lines, text=True, check=True,
                          stdout=subprocess.PIPE).stdout.splitlines()


def main():
    assert shown(10, ("a", value(1)), ("a", value(2, total=7))) == ["a 1:7 2:7"]
    assert shown(10, ("a", value(2, total=7)), ("a", value(1))) == ["a 1:7 2:7"], "a lower revision"
    assert shown(1000, ("a", value(1))) == ["a -"], "past valid_until"
    assert shown(10, ("a", value(1, status="UNKNOWN"))) == ["a -"]
    assert shown(10, ("a", value(1, status="FRESH"))) == ["a -"], "a status of a newer version"
    assert shown(10, ("a", value(1)), ("a", None)) == [], "a tombstone"
    assert shown(10, ("a", value(1)), ("a", None), ("a", value(3, total=9))) == ["a 1:9 2:9"]


if __name__ == "__main__":
    main()
