#!/bin/bash
# Three brokers of one's own: with one killed and with one hanging, acknowledged records are still
# written and read. Tests of hamper against a cluster lean on this.
# timeout: 240
# SPDX-License-Identifier: Apache-2.0
. "$TESTING"
needs kcat

# send FIRST LAST: acknowledged by at least two brokers, or kcat fails.
send() {
    seq "$1" "$2" | kcat -P -b "$HAMPER_BROKERS" -t "$ID" -X acks=all -X enable.idempotence=true \
        -X message.timeout.ms=60000
}

# A broker that comes back thinks for a moment that it still leads, and shows what it knew.
all_there() { [ "$(records "$ID" '%s\n' | wc -l)" -ge 300 ]; }

own_broker 3
equals 'three addresses' 3 "$(tr ',' '\n' <<<"$HAMPER_BROKERS" | wc -l)"
topic "$ID" 3
send 1 100
"$KAFKA" kill "$WORK/kafka" 2
send 101 200
own_broker
"$KAFKA" freeze "$WORK/kafka" 3
send 201 300
"$KAFKA" thaw "$WORK/kafka" 3
within 30 all_there
equals 'every record once' "$(seq 1 300)" "$(records "$ID" '%s\n' | sort -n)"
