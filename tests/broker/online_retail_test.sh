#!/bin/bash
# Ten thousand real orders, placed by murmur2 and by librdkafka's default: every buyer gets a valid box,
# nothing is lost, and where a record lay makes no difference to what is known.
# HAMPER_EVENTS names another folder of event files.
# timeout: 1500
# SPDX-License-Identifier: Apache-2.0
. "$TESTING"
. "$(dirname "$0")/hamper.sh"
needs kcat python3
EVENTS=${HAMPER_EVENTS:-$FIXTURE}

play() { # NAME PARTITIONER
    online_retail "$1"
    feed "$1" catalogue "$EVENTS/catalogue.jsonl.gz"
    feed "$1" orders "$EVENTS/orders.jsonl.gz" --partitioner "$2"
    hamper_run "$1" --until-caught-up
    hamper_cat "$1" box-recommendations | python3 tests/support/boxes_valid.py "$EVENTS"
    equals 'dead letters' 0 "$(records "$ID-$1-dead-letters" 'x\n' | wc -l)"
    no_lag "$1"
}

play java murmur2
play crc consistent_random
equals 'rerouted with murmur2' 0 "$(records "$ID-java-reroute-repartition" 'x\n' | wc -l)"
rerouted=$(records "$ID-crc-reroute-repartition" 'x\n' | wc -l)
[ "$rerouted" -gt 0 ] || fail "nothing was rerouted"
equals 'set digest' "$(digest java)" "$(digest crc)"
echo "rerouted $rerouted, set digest $(digest crc)"
