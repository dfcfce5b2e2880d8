#!/bin/bash
# A request that reaches the broker late, during the next transaction, can commit or abort that one while
# every call returns success. The product notices; the same scenes with a producer that believes what
# it is told go wrong, so that we know they are the real thing.
# timeout: 400
# SPDX-License-Identifier: Apache-2.0
. "$TESTING"
needs kcat python3
. "$(dirname "$0")/fetch.sh"
PROGRAMS=$(dirname "$HAMPER")/tests/broker

inner=$(free_port)
outer=$(free_port)
control=$(free_port)
mkdir -p "$WORK/kafka"
echo "$inner $outer" >"$WORK/kafka/proxy"
own_broker
python3 "$(dirname "$0")/proxy.py" "$outer" "$inner" "$control" &
proxy=$!
trap 'kill $proxy 2>/dev/null || true' EXIT
within 20 port_open "$control"

# once PROGRAM SCENE: its exit status, in $status
once() {
    status=0
    "$PROGRAMS/torn_$1" "$2" "$HAMPER_BROKERS" "127.0.0.1:$outer" "$control" >"$WORK/seen" 2>"$WORK/log" || status=$?
    echo "$2, $1: $(cat "$WORK/seen")"
}

# keeps SCENE: the product must never be wrong.
keeps() {
    once doubting "$1"
    [ $status = 0 ] || { tail -20 "$WORK/log"; fail "$1, doubting: status $status"; }
}

# tears SCENE: the other one must be, when the late request finds the broker as the scene wants it; it is
# a race, so there are several tries.
tears() {
    for _ in 1 2 3 4 5; do
        once trusting "$1"
        [ $status != 3 ] || return 0
    done
    tail -20 "$WORK/log"
    fail "$1, trusting: never wrong, so this scene shows nothing"
}

for scene in late-commit late-commit-without-offsets late-abort late-offsets late-partitions zombie; do
    keeps $scene
    tears $scene
done
