#!/bin/bash
# The state directory is a copy: deleted, moved, cut by 20 bytes in any of its files, or another
# application's, it costs time and never changes what is known.
# timeout: 600
# SPDX-License-Identifier: Apache-2.0
. "$TESTING"
. "$(dirname "$0")/hamper.sh"
needs kcat python3

run_here() { "$HAMPER" run -c "$WORK/here.conf" -o state.dir="$1" --until-caught-up 2>>"$WORK/here.log"; }
digests() { "$HAMPER" inspect -c "$WORK/here.conf" -o state.dir="$1" digest; }

# same WHAT: restored, it knows what it knew.
same() {
    run_here "$WORK/state" || { tail -3 "$WORK/here.log"; fail "$1: run ends with $?"; }
    equals "$1" "$before" "$(digests "$WORK/state")"
}

online_retail here
feed here catalogue "$FIXTURE/catalogue.jsonl.gz"
zcat "$FIXTURE/orders.jsonl.gz" | awk 'NR <= 400' | "$HAMPER" produce -c "$WORK/here.conf" orders
run_here "$WORK/state"
before=$(digests "$WORK/state")

rm -rf "$WORK/state"
same deleted
mv "$WORK/state" "$WORK/moved"
run_here "$WORK/moved"
equals moved "$before" "$(digests "$WORK/moved")"
mv "$WORK/moved" "$WORK/state"

cp -r "$WORK/state" "$WORK/whole"
for path in "$WORK"/whole/*; do
    size=$(stat -c %s "$path")
    if [ "$size" -le 20 ] && [ "$(basename "$path")" != CURRENT ]; then
        continue
    fi
    rm -rf "$WORK/state"
    cp -r "$WORK/whole" "$WORK/state"
    truncate -s "$((size > 20 ? size - 20 : 0))" "$WORK/state/$(basename "$path")"
    same "$(basename "$path") cut"
done

online_retail other
feed other catalogue "$FIXTURE/catalogue.jsonl.gz"
zcat "$FIXTURE/orders.jsonl.gz" | tail -200 | "$HAMPER" produce -c "$WORK/other.conf" orders
hamper_run other --until-caught-up
rm -rf "$WORK/state"
mv "$WORK/other-state" "$WORK/state"
same "another application's"
equals 'lost' 0 "$(grep -c 'level=error' "$WORK/here.log" || true)"
echo "digests $before" | head -1
