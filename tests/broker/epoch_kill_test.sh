#!/bin/bash
# The process that publishes the model is killed in the middle of epochs, seen by a reader of what is not
# committed. Readers of what is committed have whole epochs only, each the successor of the one before, and
# the model at the end is the one an undisturbed run publishes.
# timeout: 900
# SPDX-License-Identifier: Apache-2.0
. "$TESTING"
. "$(dirname "$0")/hamper.sh"
needs kcat python3
KILLS=${KILLS:-4}

# The rows of the model as a reader has them at the end; averages and numbers of epochs aside.
model_of() {
    hamper_cat "$1" "$ID-$1-model" | python3 -c '
import json, sys
rows = {}
for line in sys.stdin:
    record = json.loads(line)
    rows[record["key"]] = record["value"]
for key in sorted(rows):
    if key != "!epoch" and rows[key] is not None:
        print(key, rows[key]["hex"])'
}

zcat "$FIXTURE/orders.jsonl.gz" | sed -n "1,$((KILLS * 900))p" >"$WORK/orders"
online_retail calm
feed calm catalogue "$FIXTURE/catalogue.jsonl.gz"
"$HAMPER" produce -c "$WORK/calm.conf" "$ID-calm-orders" <"$WORK/orders"
hamper_run calm --until-caught-up

# A request for every row: an epoch takes long enough to be caught.
online_retail storm rows.publish.ms=200 kafka.producer.batch.num.messages=1
feed storm catalogue "$FIXTURE/catalogue.jsonl.gz"
middle=0
for ((i = 0; i < KILLS; i++)); do
    sed -n "$((i * 900 + 1)),$((i * 900 + 900))p" "$WORK/orders" |
        "$HAMPER" produce -c "$WORK/storm.conf" "$ID-storm-orders"
    end=$(kcat -b "$HAMPER_BROKERS" -Q -t "$ID-storm-model:0:-1" | awk '{ print $NF }')
    "$HAMPER" run -c "$WORK/storm.conf" 2>>"$WORK/storm.log" &
    hamper=$!
    trap 'kill -9 $hamper 2>/dev/null || true' EXIT
    # As soon as somebody who does not wait for the commit sees some of the rows.
    timeout 120 kcat -b "$HAMPER_BROKERS" -C -t "$ID-storm-model" -p 0 -o "$end" -c 1 -q -f '%k\n' \
        -X isolation.level=read_uncommitted -X fetch.wait.max.ms=5 >/dev/null || fail "no epoch was begun"
    kill -9 $hamper
    wait $hamper || true
    trap - EXIT
done

hamper_run storm --until-caught-up
hamper_cat storm "$ID-storm-model" >"$WORK/model"
python3 tests/support/epochs_whole.py <"$WORK/model" || fail "an epoch is not whole"
if sed 7d "$WORK/model" | python3 tests/support/epochs_whole.py 2>/dev/null; then
    fail "a missing row was not noticed"
fi
all=$(kcat -b "$HAMPER_BROKERS" -C -t "$ID-storm-model" -p 0 -o beginning -e -q -f 'x\n' \
    -X isolation.level=read_uncommitted | wc -l)
middle=$((all - $(wc -l <"$WORK/model")))
[ "$middle" -gt 0 ] || fail "no kill came before the commit: nothing was tried"
model_of calm >"$WORK/calm.model"
model_of storm >"$WORK/storm.model"
cmp "$WORK/calm.model" "$WORK/storm.model" || fail "the models differ"
echo "$KILLS kills, $middle rows of epochs that never were"
