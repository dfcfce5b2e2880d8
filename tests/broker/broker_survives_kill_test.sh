#!/bin/bash
# Tests that kill brokers are only worth something when the broker comes back with what it had
# acknowledged, on the address its clients know.
# SPDX-License-Identifier: Apache-2.0
. "$TESTING"
needs kcat

own_broker
before=$HAMPER_BROKERS
topic "$ID" 1
seq 1 1000 | kcat -P -b "$HAMPER_BROKERS" -t "$ID" -X acks=all
"$KAFKA" kill "$WORK/kafka"
kcat -L -m 1 -b "$HAMPER_BROKERS" >"$WORK/dead" 2>&1 && fail 'a killed broker answers'

own_broker
equals 'the address stays' "$before" "$HAMPER_BROKERS"
equals 'acknowledged records survive' "$(seq 1 1000 | cksum)" "$(records "$ID" '%s\n' | cksum)"
