#!/usr/bin/env python3
"""Keeps the boxes of every user as docs/consumers.md says, from lines of `hamper cat`.

    hamper cat -c hamper.conf gofig.box-recommendations | docs/examples/read_boxes.py [NOW_MS]

Prints what may be shown at NOW_MS (default: now), a line a user. The same rules hold behind any
client; this one needs nothing but Python.

SPDX-License-Identifier: Apache-2.0
"""
import json
import sys
import time

SHOWN = {"OK", "PARTIAL"}  # anything else, also what a newer version sends, is not shown


class Boxes:
    """The table behind the topic: the highest revision of a user holds."""

    def __init__(self):
        self.latest = {}

    def take(self, key, value):
        if value is None:  # erased: forget boxes; revisions go on, so keep no number either
            self.latest.pop(key, None)
            return
        held = self.latest.get(key)
        if held is None or value["revision"] > held["revision"]:
            self.latest[key] = value

    def to_show(self, key, now_ms):
        value = self.latest.get(key)
        if value is None or value["status"] not in SHOWN or value["valid_until"] <= now_ms:
            return []
        return sorted(value["boxes"], key=lambda box: box["slot"])


def main():
    now_ms = int(sys.argv[1]) if len(sys.argv) > 1 else int(time.time() * 1000)
    boxes = Boxes()
    for line in sys.stdin:
        record = json.loads(line)
        boxes.take(record["key"], record["value"])
    for user in sorted(boxes.latest):
        shown = boxes.to_show(user, now_ms)
        print(user, *(f"{box['slot']}:{box['total_minor']}" for box in shown) if shown else "-")


if __name__ == "__main__":
    main()
