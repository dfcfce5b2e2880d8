#!/bin/bash
# tests/broker/kafka.sh - a real Apache Kafka on loopback, for tests.
#
#   kafka.sh fetch                 bring Kafka into the cache; nothing runs
#   kafka.sh start DIR [NODES]     format and start 1 (default) or 3 brokers that live in DIR, wait
#                                  until they answer, print the bootstrap address
#   kafka.sh address DIR           print that address again
#   kafka.sh stop DIR [NODE]       end them (or one) in an orderly way; `start DIR` goes on with
#                                  the same data and the same ports
#   kafka.sh kill DIR [NODE]       the same with SIGKILL
#   kafka.sh freeze|thaw DIR [NODE]  SIGSTOP and SIGCONT: a broker that hangs
#   kafka.sh tool CLASS ARGS...    one of Kafka's Java tools; names that do not begin with kafka. or
#                                  org. are looked up below org.apache.kafka.tools
#
# DIR/overrides, written before the first `start`, is appended to every broker's properties. DIR/proxy
# with two ports, INNER OUTER, gives a single broker one more listener on INNER that says it is on OUTER.
# Settings are for speed on a small machine: short sessions and elections so that a killed broker
# is back within 2 to 4 seconds instead of 13, small cleaner buffers so that 256 MB of heap do.
# Three brokers keep the elections at their defaults: on two cores 200 ms elect without end.
#
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/fetch.sh"

TOOLS=org.apache.kafka.tools
JAVA_QUIET=-Dorg.slf4j.simpleLogger.defaultLogLevel=warn

class_path() { echo "$KAFKA_JARS/*"; }

nodes_of() { cat "$1/nodes"; }

# each DIR NODE COMMAND...: COMMAND FOLDER ..., for the folder of NODE, or of every node when NODE
# is empty.
each() {
    local dir=$1 node=$2 command=$3
    shift 3
    for node in ${node:-$(seq "$(nodes_of "$dir")")}; do
        "$command" "$dir/$node" "$@"
    done
}

shared_properties() {
    cat <<END
process.roles=broker,controller
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
auto.create.topics.enable=false
offsets.topic.num.partitions=4
transaction.state.log.num.partitions=4
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
log.cleaner.dedupe.buffer.size=2097152
log.cleaner.io.buffer.size=65536
log.cleaner.backoff.ms=200
log.initial.task.delay.ms=500
offsets.load.buffer.size=1048576
transaction.abort.timed.out.transaction.cleanup.interval.ms=1000
broker.session.timeout.ms=1000
broker.heartbeat.interval.ms=200
END
}

single_properties() {
    cat <<END
controller.quorum.bootstrap.servers=127.0.0.1:$1
controller.quorum.election.timeout.ms=200
controller.quorum.fetch.timeout.ms=400
controller.quorum.election.backoff.max.ms=100
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
END
}

cluster_properties() {
    cat <<END
controller.quorum.voters=$1
default.replication.factor=3
min.insync.replicas=2
offsets.topic.replication.factor=3
transaction.state.log.replication.factor=3
transaction.state.log.min.isr=2
share.coordinator.state.topic.replication.factor=3
share.coordinator.state.topic.min.isr=2
END
}

proxy_listener() {
    local inner outer
    read -r inner outer <"$2"
    echo "listeners=$1,PROXY://127.0.0.1:$inner"
    echo "advertised.listeners=$1,PROXY://127.0.0.1:$outer"
    echo "listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,PROXY:PLAINTEXT"
}

# configure DIR NODES: fresh ports, one properties file per node.
configure() {
    local dir=$1 nodes=$2 node client=() control=() voters=()
    for node in $(seq "$nodes"); do
        client[node]=$(free_port)
        control[node]=$(free_port)
        voters+=("$node@127.0.0.1:${control[node]}")
    done
    for node in $(seq "$nodes"); do
        local at="PLAINTEXT://127.0.0.1:${client[node]},CONTROLLER://127.0.0.1:${control[node]}"
        mkdir -p "$dir/$node"
        {
            shared_properties
            if [ "$nodes" = 1 ]; then
                single_properties "${control[1]}"
            else
                cluster_properties "$(IFS=,; echo "${voters[*]}")"
            fi
            printf '%s\n' "node.id=$node" "listeners=$at" "advertised.listeners=$at" \
                "log.dirs=$dir/$node/data"
            [ ! -e "$dir/proxy" ] || proxy_listener "$at" "$dir/proxy"
            [ ! -e "$dir/overrides" ] || cat "$dir/overrides"
        } >"$dir/$node/server.properties"
        echo "${client[node]}" >"$dir/$node/port"
    done
    echo "$nodes" >"$dir/nodes"
}

format() {
    local dir=$1 id standalone=--standalone node
    [ "$(nodes_of "$dir")" = 1 ] || standalone=
    # 16 random bytes as Kafka writes its cluster ids: URL-safe base64 without padding.
    id=$(head -c 16 /dev/urandom | base64 | tr '+/' '-_' | tr -d '=' | sed 's/^-/A/')
    for node in $(seq "$(nodes_of "$dir")"); do
        # shellcheck disable=SC2086
        java $JAVA_QUIET -Xmx64m -XX:TieredStopAtLevel=1 -cp "$(class_path)" \
            kafka.tools.StorageTool format $standalone -t "$id" \
            -c "$dir/$node/server.properties" >"$dir/$node/format.log" 2>&1 ||
            { tail -5 "$dir/$node/format.log" >&2; die "format failed, see $dir/$node"; }
    done
}

launch() {
    local at=$1
    runs "$at/pid" "$at/server.properties" && return
    # The working folder and all three streams are its own, and so is its session: the broker
    # must outlive the shell that started it, and must not hold that shell's pipes open.
    (
        cd "$at"
        exec setsid java -Xms64m -Xmx256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 \
            -Dorg.slf4j.simpleLogger.logFile="$at/kafka.log" -cp "$(class_path)" \
            kafka.Kafka "$at/server.properties" </dev/null >"$at/out.log" 2>&1
    ) 9>&- &
    echo $! >"$at/pid"
    wait_for 5 runs "$at/pid" "$at/server.properties" || die "java does not start, see $at/out.log"
}

listening() { port_open "$(cat "$1/port")" || ! runs "$1/pid" "$1/server.properties"; }

answers() {
    local port
    port=$(cat "$1/port")
    runs "$1/pid" "$1/server.properties" || die "the broker ended, see $1/kafka.log"
    kcat -L -m 2 -b "127.0.0.1:$port" 2>/dev/null | grep "broker .* at 127.0.0.1:$port" >/dev/null
}

await() {
    wait_for 60 listening "$1" && wait_for 60 answers "$1" ||
        die "the broker does not answer, see $1/kafka.log"
}

address() {
    local dir=$1 node list=()
    for node in $(seq "$(nodes_of "$dir")"); do
        list+=("127.0.0.1:$(cat "$dir/$node/port")")
    done
    (IFS=,; echo "${list[*]}")
}

start() {
    local dir nodes=${2:-1}
    mkdir -p "$1"
    dir=$(cd "$1" && pwd)
    need_command java kcat
    locked kafka fetch_kafka
    if [ ! -e "$dir/nodes" ]; then
        configure "$dir" "$nodes"
        format "$dir"
    fi
    each "$dir" "" launch
    each "$dir" "" await
    address "$dir"
}

end_one() { end "$1/pid" "$1/server.properties" "$2" "${3:-20}"; }

signal_one() { ! runs "$1/pid" "$1/server.properties" || kill "-$2" "$(cat "$1/pid")"; }

tool() {
    local class=$1
    shift
    case $class in
    kafka.* | org.* | com.*) ;;
    *) class=$TOOLS.$class ;;
    esac
    locked kafka fetch_kafka
    exec java $JAVA_QUIET -Xmx128m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 \
        -cp "$(class_path)" "$class" "$@"
}

# Stopping node by node cannot work for a whole cluster: the last ones wait for a quorum that is gone.
# So all hear the signal at once, and whoever still waits after some seconds is killed.
stop() {
    if [ "$(nodes_of "$1")" != 1 ] && [ -z "$2" ]; then
        each "$1" "" signal_one TERM
        each "$1" "" end_one TERM 6
    else
        each "$1" "$2" end_one TERM
    fi
}

usage() { sed -n '2,/^# DIR/p' "$0" | sed '$d; s/^# \{0,1\}//' >&2; exit 2; }

command=${1:-}
[ $# -gt 0 ] && shift
case $command in
fetch) locked kafka fetch_kafka ;;
start) [ $# -ge 1 ] || usage; start "$@" ;;
address) [ $# -eq 1 ] || usage; address "$1" ;;
tool) [ $# -ge 1 ] || usage; tool "$@" ;;
stop | kill | freeze | thaw)
    [ $# -ge 1 ] || usage
    [ -e "$1/nodes" ] || exit 0
    dir=$(cd "$1" && pwd)
    case $command in
    stop) stop "$dir" "${2:-}" ;;
    kill) each "$dir" "${2:-}" end_one KILL ;;
    freeze) each "$dir" "${2:-}" signal_one STOP ;;
    thaw) each "$dir" "${2:-}" signal_one CONT ;;
    esac
    ;;
*) usage ;;
esac
