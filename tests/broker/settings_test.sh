#!/bin/bash
# Topics with wrong settings lose records or change what times mean, and nobody would notice: the start is
# refused with the topic's name and nothing is written.
# SPDX-License-Identifier: Apache-2.0
. "$TESTING"
. "$(dirname "$0")/hamper.sh"

# refused NAME PATTERN: `run` ends with 2 and says PATTERN; nobody joined, nothing was written.
refused() {
    local status=0
    "$HAMPER" run -c "$WORK/$1.conf" --until-caught-up 2>"$WORK/told" || status=$?
    equals "status of $1" 2 $status
    grep -q "$2" "$WORK/told" || { cat "$WORK/told"; fail "$1: not told: $2"; }
    equals "lines of the group $1" '' "$(lag "$ID-$1")"
    [ ! -e "$WORK/$1-state" ] || fail "$1: there is a state directory"
}

# written NAME: a configuration without its topics.
written() { HAMPER=true configure "$@"; }

written missing
refused missing "topic $ID-missing-orders does not exist"

written few
topic "$ID-few-feedback" 3
"$HAMPER" topics -c "$WORK/few.conf" --create >"$WORK/told" && fail 'topics: status 0 in spite of a difference'
grep -q "^$ID-few-feedback *differs: 3 partitions, needs 4" "$WORK/told" || fail 'topics: difference not told'
refused few "topic $ID-few-feedback: 3 partitions, needs 4"

written kept
topic "$ID-kept-preferences" 4 message.timestamp.type=LogAppendTime
"$HAMPER" topics -c "$WORK/kept.conf" --create >/dev/null && fail 'topics: status 0 in spite of a difference'
refused kept "topic $ID-kept-preferences: cleanup.policy=delete, needs compact"

written dated
topic "$ID-dated-orders" 4
"$HAMPER" topics -c "$WORK/dated.conf" --create >/dev/null && fail 'topics: status 0 in spite of a difference'
refused dated "topic $ID-dated-orders: message.timestamp.type=CreateTime, needs LogAppendTime"

# What only costs comfort is told, and the work is done.
written brief
topic "$ID-brief-box-answers" 4 retention.ms=3600000
"$HAMPER" topics -c "$WORK/brief.conf" --create >/dev/null && fail 'topics: status 0 in spite of a difference'
hamper_run brief --until-caught-up
grep -q "topic differs.*$ID-brief-box-answers.*retention.ms=3600000" "$WORK/brief.log" || fail 'no warning'
