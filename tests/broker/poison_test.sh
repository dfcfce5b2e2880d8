#!/bin/bash
# Whatever bytes somebody writes to an input, they come back with a reason, unchanged, once; and what is
# known of the users is what it would be without them.
# timeout: 300
# SPDX-License-Identifier: Apache-2.0
. "$TESTING"
. "$(dirname "$0")/hamper.sh"
needs kcat python3
POISON=tests/support/poison.py

serve() { # NAME: a small shop's good events
    local topic
    configure "$1" errors.breaker=off erasure.key.file="$WORK/key" # watermarks hang on it
    for topic in catalogue orders feedback preferences box-requests erasures; do
        "$HAMPER" produce -c "$WORK/$1.conf" "$topic" <"$WORK/$topic.jsonl"
    done
}

# letters_as_listed COUNT: `dlq list` sums up to COUNT.
letters_as_listed() {
    "$HAMPER" dlq -c "$WORK/bad.conf" list >"$WORK/list"
    equals 'letters listed' "$1" "$(awk '{ n += $3 } END { print n }' "$WORK/list")"
}

head -c 32 /dev/urandom >"$WORK/key"
python3 $POISON good "$WORK"
serve clean
hamper_run clean --until-caught-up
serve bad
python3 $POISON send "$WORK/bad.conf" "$HAMPER_BROKERS" "$HAMPER_REGISTRY"
hamper_run bad --until-caught-up
count=$(python3 $POISON check "$WORK/bad.conf" "$HAMPER_BROKERS" 1)
equals 'set digest' "$(digest clean)" "$(digest bad)"
equals 'refusals' 4 "$(hamper_cat bad box-answers | grep -c '"request_id":"bad-q[1-4]".*"status":"INFEASIBLE"')"
letters_as_listed "$count"

# A second chance changes nothing about them: each is refused once more.
"$HAMPER" dlq -c "$WORK/bad.conf" replay
hamper_run bad --until-caught-up
again=$(python3 $POISON check "$WORK/bad.conf" "$HAMPER_BROKERS" 2)
equals 'letters after the replay, of each' "$count" "$again"
equals 'set digest after the replay' "$(digest clean)" "$(digest bad)"
no_lag bad
echo "$count poison records, each back as it was, and once more after its replay"
