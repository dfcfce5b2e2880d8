# tests/broker/hamper.sh - what tests of the whole product have in common: a configuration of their
# own, topics, event files in, boxes out. Sourced after testing.sh.
#
# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154

ROOT=$PWD
FIXTURE=$ROOT/tests/fixtures/online_retail

# configure NAME [KEY=VALUE]...: writes $WORK/NAME.conf with topics and state of its own.
configure() {
    local name=$1 topic
    shift
    {
        echo "application.id=$ID-$name"
        echo "bootstrap.servers=$HAMPER_BROKERS"
        echo "schema.registry.url=$HAMPER_REGISTRY"
        echo "auto.register.schemas=true"
        echo "state.dir=$WORK/$name-state"
        echo "group.instance.id=$ID-$name"
        echo "replication.factor=1"
        echo "http.listen=off"
        for topic in orders feedback preferences box-requests erasures catalogue \
            box-recommendations box-answers erasure-receipts dead-letters; do
            echo "topic.$topic=$ID-$name-$topic"
        done
        printf '%s\n' "$@"
    } >"$WORK/$name.conf"
    "$HAMPER" topics -c "$WORK/$name.conf" --create >/dev/null
}

# online_retail NAME: the settings that fit the fixture, whose money is pence.
online_retail() { configure "$1" currency=GBP budget.default=50 "${@:2}"; }

# feed NAME TOPIC FILE.gz [OPTION]...: event lines into a topic.
feed() { zcat "$3" | "$HAMPER" produce -c "$WORK/$1.conf" "${@:4}" "$2"; }

hamper_run() { "$HAMPER" run -c "$WORK/$1.conf" "${@:2}" 2>>"$WORK/$1.log"; }
hamper_cat() { "$HAMPER" cat -c "$WORK/$1.conf" "$2"; }
digest() { "$HAMPER" inspect -c "$WORK/$1.conf" digest | awk -v name="${2:-set}" '$1 == name { print $2 }'; }

# no_lag NAME: the group's lag is 0 on every partition of every input.
no_lag() {
    local topic count
    lag "$ID-$1" >"$WORK/lag"
    for topic in orders feedback preferences box-requests erasures; do
        count=$(awk -v topic="$ID-$1-$topic" '$1 == topic && $5 == 0' "$WORK/lag" | wc -l)
        [ "$count" = 4 ] || { cat "$WORK/lag"; fail "$topic: lag 0 on $count partitions of 4"; }
    done
}
