#!/bin/bash
# tests/broker/fixture.sh start|stop STATE - the broker and the registry all tests of a run share.
#
# What a run that was interrupted left behind ends first. Where Kafka cannot be had, `start` writes
# the reason to STATE/missing and succeeds: each test then reports itself as skipped. With CI set
# it fails, because there a skip would look like a pass.
#
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail
HERE=$(cd "$(dirname "$0")" && pwd)
SKIPPED=77

stop() {
    "$HERE/kafka.sh" stop "$1/kafka"
    "$HERE/registry.sh" stop "$1/registry"
}

# bring WHAT STATE: starts it; its address ends up in STATE/WHAT.address.
bring() {
    local status=0
    "$HERE/$1.sh" start "$2/$1" >"$2/$1.address" 2>"$2/$1.log" || status=$?
    cat "$2/$1.log" >&2
    if [ $status = $SKIPPED ]; then
        tail -2 "$2/$1.log" | head -1 >"$2/missing"
        exit 0
    fi
    [ $status = 0 ] || exit $status
}

case ${1:-}/$# in
start/2)
    stop "$2"
    rm -rf "$2"
    mkdir -p "$2"
    bring kafka "$2"
    bring registry "$2"
    ;;
stop/2) stop "$2" ;;
*)
    sed -n 's/^# \(tests.*\)/\1/p' "$0" >&2
    exit 2
    ;;
esac
