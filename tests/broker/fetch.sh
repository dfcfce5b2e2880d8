# tests/broker/fetch.sh - the real Kafka and registry, fetched once, checked always.
#
# Sourced by kafka.sh and registry.sh. The Maven client does the fetching, so that a machine's own
# mirrors and proxies are honoured and no download address stands here; the .lock files say what
# the bytes must be, and what differs is thrown away. Everything rests in $HAMPER_CACHE (default:
# hamper/ in the user's cache folder). Fetching twice at once is safe: a lock file orders it.
#
# SPDX-License-Identifier: Apache-2.0

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
CACHE=${HAMPER_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/hamper}
KAFKA_VERSION=4.3.1
REGISTRY_VERSION=3.0.9
KAFKA_JARS=$CACHE/kafka-$KAFKA_VERSION
REGISTRY_HOME=$CACHE/registry-$REGISTRY_VERSION
# copy-dependencies needs a recent plugin; the old `copy` is the last one that can take a single
# artefact whose parent POM nobody published.
MAVEN_RESOLVE=org.apache.maven.plugins:maven-dependency-plugin:3.6.1
MAVEN_COPY=org.apache.maven.plugins:maven-dependency-plugin:2.10
SKIPPED=77

say() { echo "$*" >&2; }

# die TEXT: something that should work does not.
die() {
    say "$(basename "$0"): $*"
    exit 1
}

# missing TEXT: this machine lacks what the test needs. A skip, but a failure where CI is set:
# there a silent skip would look like a pass.
missing() {
    say "$(basename "$0"): $*"
    [ -z "${CI:-}" ] || exit 1
    say SKIPPED
    exit $SKIPPED
}

need_command() {
    local name
    for name in "$@"; do
        command -v "$name" >/dev/null || missing "$name is not installed (script/bootstrap test)"
    done
}

# locked NAME COMMAND...: one process at a time runs COMMAND.
locked() {
    local name=$1
    shift
    mkdir -p "$CACHE"
    (
        flock 9
        "$@"
    ) 9>"$CACHE/$name.lock"
}

# matches LOCK DIR: DIR holds exactly the bytes LOCK names, and no jar beside them.
matches() {
    [ -d "$2" ] || return 1
    [ "$(find "$2" -maxdepth 1 -name '*.jar' | wc -l)" -le "$(wc -l <"$1")" ] || return 1
    (cd "$2" && sha256sum --check --quiet --status "$1") 2>/dev/null
}

# twice COMMAND...: the network fails in passing; the second failure counts.
twice() { "$@" || { sleep 5; "$@"; }; }

fetch_kafka() {
    matches "$HERE/kafka.lock" "$KAFKA_JARS" && return
    need_command mvn java
    say "fetching Apache Kafka $KAFKA_VERSION (45 MB)"
    rm -rf "$KAFKA_JARS"
    twice mvn -q -B -Dstyle.color=never -f "$HERE/pom.xml" $MAVEN_RESOLVE:copy-dependencies \
        -DincludeScope=runtime "-DoutputDirectory=$KAFKA_JARS" >&2 ||
        missing "Apache Kafka could not be fetched"
    matches "$HERE/kafka.lock" "$KAFKA_JARS" || die "$KAFKA_JARS differs from kafka.lock"
}

fetch_registry() {
    [ -e "$REGISTRY_HOME/complete" ] && return
    need_command mvn java
    say "fetching Apicurio Registry $REGISTRY_VERSION (108 MB)"
    rm -rf "$REGISTRY_HOME"
    mkdir -p "$REGISTRY_HOME/archive"
    twice mvn -q -B -Dstyle.color=never $MAVEN_COPY:copy \
        -Dartifact=io.apicurio:apicurio-registry-app:$REGISTRY_VERSION:tar.gz:all \
        "-DoutputDirectory=$REGISTRY_HOME/archive" >&2 ||
        missing "Apicurio Registry could not be fetched"
    matches "$HERE/registry.lock" "$REGISTRY_HOME/archive" ||
        die "$REGISTRY_HOME/archive differs from registry.lock"
    tar -xzf "$REGISTRY_HOME"/archive/*.tar.gz -C "$REGISTRY_HOME"
    rm -r "$REGISTRY_HOME/archive"
    touch "$REGISTRY_HOME/complete"
}

# free_port: a loopback port nobody listens on, below the range the kernel hands out to clients.
free_port() {
    local port
    while :; do
        port=$((10240 + (RANDOM * 32768 + RANDOM) % 22000))
        port_open $port || { echo $port; return; }
    done
}

port_open() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# wait_for SECONDS COMMAND...: until COMMAND succeeds; fails when the time is over.
wait_for() {
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        [ $SECONDS -lt $end ] || return 1
        sleep 0.1
    done
}

# runs PIDFILE WORD: the process of PIDFILE is alive and is ours (WORD is in its command line).
# Process ids are reused; a signal must never reach a stranger.
runs() {
    local pid
    pid=$(cat "$1" 2>/dev/null) || return 1
    { tr "\0" "\n" <"/proc/$pid/cmdline"; } 2>/dev/null | grep -F -- "$2" >/dev/null
}

stopped() { ! runs "$@"; }

# end PIDFILE WORD SIGNAL SECONDS: signals the process, kills it when it is still there after
# SECONDS, and returns when it is gone.
end() {
    if runs "$1" "$2"; then
        kill "-$3" "$(cat "$1")"
        wait_for "$4" stopped "$1" "$2" || kill -KILL "$(cat "$1")"
        wait_for 10 stopped "$1" "$2" || die "process $(cat "$1") does not end"
    fi
    rm -f "$1"
}
