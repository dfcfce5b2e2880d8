#!/bin/bash
# tests/broker/registry.sh - a real schema registry on loopback, for tests.
#
#   registry.sh fetch        bring the registry into the cache; nothing runs
#   registry.sh start DIR    start it (empty, state in memory), wait until it answers, print the
#                            address to configure as schema.registry.url
#   registry.sh address DIR  print that address again
#   registry.sh stop DIR     end it; `start DIR` brings an empty one back on the same port
#   registry.sh kill DIR     the same with SIGKILL
#
# It is Apicurio Registry; Confluent's API lives below /apis/ccompat/v7.
#
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/fetch.sh"

JAR=$REGISTRY_HOME/apicurio-registry-app-$REGISTRY_VERSION-runner.jar

address() { echo "http://127.0.0.1:$(cat "$1/port")/apis/ccompat/v7"; }

launch() {
    local dir=$1
    # The marker in the command line tells this registry from any other of the same machine.
    (
        cd "$dir"
        export QUARKUS_HTTP_HOST=127.0.0.1 QUARKUS_HTTP_PORT
        QUARKUS_HTTP_PORT=$(cat port)
        export APICURIO_STORAGE_KIND=sql
        exec setsid java -Xmx160m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 "-Dhamper.dir=$dir" \
            -jar "$JAR" </dev/null >out.log 2>&1
    ) 9>&- &
    echo $! >"$dir/pid"
    wait_for 5 runs "$dir/pid" "-Dhamper.dir=$dir" || die "java does not start, see $dir/out.log"
}

answers() {
    runs "$1/pid" "-Dhamper.dir=$1" || die "the registry ended, see $1/out.log"
    curl -fsS -m 5 -o /dev/null "$(address "$1")/subjects" 2>/dev/null
}

start() {
    local dir
    need_command java curl
    locked registry fetch_registry
    mkdir -p "$1"
    dir=$(cd "$1" && pwd)
    [ -e "$dir/port" ] || free_port >"$dir/port"
    runs "$dir/pid" "-Dhamper.dir=$dir" || launch "$dir"
    wait_for 90 answers "$dir" || die "the registry does not answer, see $dir/out.log"
    address "$dir"
}

stop() {
    [ -d "$1" ] || return 0
    local dir
    dir=$(cd "$1" && pwd)
    end "$dir/pid" "-Dhamper.dir=$dir" "$2" 20
}

usage() {
    sed -n '2,/kill DIR/s/^# \{0,1\}//p' "$0" >&2
    exit 2
}

case ${1:-}/$# in
fetch/1) locked registry fetch_registry ;;
start/2) start "$2" ;;
address/2) address "$2" ;;
stop/2) stop "$2" TERM ;;
kill/2) stop "$2" KILL ;;
*) usage ;;
esac
