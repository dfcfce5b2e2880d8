# tests/broker/testing.sh - what broker tests written in shell have in common.
#
#   . "$TESTING"
#
# Gives strict mode, the shared topic names' prefix, and the words below. Tests share one broker,
# so every topic, group and application.id a test makes begins with $ID.
#
# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
set -euo pipefail

# A name no other test of this broker has.
ID=$(basename "$0" | sed 's/_test.*//; s/_/-/g')-$$

fail() {
    echo "FAILED: $*" >&2
    exit 1
}

# equals WHAT EXPECTED FOUND: the two are the same text.
equals() { [ "$2" = "$3" ] || fail "$1: expected '$2', found '$3'"; }

# needs COMMAND...: what is not installed skips the test.
needs() {
    local name
    for name in "$@"; do
        command -v "$name" >/dev/null || { echo "SKIPPED: no $name"; exit 77; }
    done
}

# within SECONDS COMMAND...: COMMAND succeeds at last, tried five times a second. The limit is a
# guard against waiting forever, not a measurement.
within() {
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        [ $SECONDS -lt $end ] || fail "not so in time: $*"
        sleep 0.2
    done
}

# own_broker [NODES]: a Kafka of this test's own, to be killed at will; `run` ends it. The shared
# one stays untouched. Sets HAMPER_BROKERS; "$KAFKA" kill "$WORK/kafka" and friends act on it.
own_broker() { HAMPER_BROKERS=$("$KAFKA" start "$WORK/kafka" "${1:-1}"); }

# own_registry: the same for a registry. Sets HAMPER_REGISTRY.
own_registry() { HAMPER_REGISTRY=$("$REGISTRY" start "$WORK/registry"); }

# topic NAME PARTITIONS [SETTING=VALUE]...: makes a topic and waits until clients see it.
topic() {
    local name=$1 partitions=$2 setting settings=()
    shift 2
    for setting in "$@"; do
        settings+=(--config "$setting")
    done
    "$KAFKA" tool TopicCommand --bootstrap-server "$HAMPER_BROKERS" --create --topic "$name" \
        --partitions "$partitions" "${settings[@]}" >/dev/null
    within 30 topic_visible "$name" "$partitions"
}

topic_visible() {
    kcat -L -b "$HAMPER_BROKERS" -t "$1" | grep "topic \"$1\" with $2 partitions" >/dev/null
}

# records TOPIC [FORMAT]: everything a read-committed reader sees, one record a line; the format is
# kcat's, by default partition, key and value.
records() {
    kcat -C -q -e -o beginning -X isolation.level=read_committed -b "$HAMPER_BROKERS" -t "$1" \
        -f "${2:-%p %k %s\n}"
}

# lag GROUP: the group's lines as Kafka's own tool shows them: TOPIC PARTITION CURRENT END LAG.
lag() {
    "$KAFKA" tool consumer.group.ConsumerGroupCommand --bootstrap-server "$HAMPER_BROKERS" \
        --describe --group "$1" 2>/dev/null |
        awk -v group="$1" '$1 == group { print $2, $3, $4, $5, $6 }' | sort
}
