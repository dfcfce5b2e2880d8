#!/bin/bash
# Two instances share the work; one is killed without warning, the other loses its state directory. What is
# known at the end is what an undisturbed run knows, and nobody got a revision twice.
# timeout: 1500
# SPDX-License-Identifier: Apache-2.0
. "$TESTING"
. "$(dirname "$0")/hamper.sh"
needs kcat python3

online_retail calm
feed calm catalogue "$FIXTURE/catalogue.jsonl.gz"
feed calm orders "$FIXTURE/orders.jsonl.gz"
hamper_run calm --until-caught-up

online_retail storm
feed storm catalogue "$FIXTURE/catalogue.jsonl.gz"
feed storm orders "$FIXTURE/orders.jsonl.gz"
# The first one's seat is free soon after it dies; the second may be slow without losing its own.
one=(-o group.instance.id="$ID-one" -o state.dir="$WORK/one" -o kafka.consumer.session.timeout.ms=6000)
two=(-o group.instance.id="$ID-two" -o state.dir="$WORK/two")

"$HAMPER" run -c "$WORK/storm.conf" "${one[@]}" 2>"$WORK/one.log" &
first=$!
"$HAMPER" run -c "$WORK/storm.conf" "${two[@]}" 2>"$WORK/two.log" &
second=$!
trap 'kill -9 $first $second 2>/dev/null || true' EXIT

committed() { records "$ID-storm-audit" 'x\n' | wc -l; }
some() { [ "$(committed)" -ge 3 ]; }
within 120 some
kill -9 $first
wait $first || true
kill -TERM $second
wait $second || fail "SIGTERM did not end it with 0"
rm -rf "$WORK/two"

# Each comes back: boxes that were left for later are made by whoever holds the user's partition. A state
# directory knows its own tasks only, so the second is asked when it has them all: the first one's seat
# is free some seconds after its end.
hamper_run storm "${two[@]}" --until-caught-up
hamper_run storm "${one[@]}" --until-caught-up
trap - EXIT
calm=$(digest calm)
storm() { "$HAMPER" inspect -c "$WORK/storm.conf" "${two[@]}" digest | awk '$1 == "set" { print $2 }'; }
whole() {
    hamper_run storm "${two[@]}" --until-caught-up
    [ "$(storm)" = "$calm" ]
}
within 60 whole
hamper_cat storm box-recommendations | python3 tests/support/boxes_valid.py "$FIXTURE"
no_lag storm
