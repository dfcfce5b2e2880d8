#!/bin/bash
# Who is erased is gone: from the state directory's bytes, from what a reader of hamper's topics
# still gets for his key, and from what comes late. Also when his records came to wrong partitions
# or were dead letters. In the end Kafka compacts, and no segment of hamper's topics names him.
# timeout: 400
# SPDX-License-Identifier: Apache-2.0
. "$TESTING"
. "$(dirname "$0")/hamper.sh"
needs kcat python3
export PYTHONDONTWRITEBYTECODE=1

WHO=zebedee-quux-7719 # nothing else looks like it
OTHER=magnolia-thud-4406
START=$(($(date +%s) * 1000 - 86400000))

order() { # USER NUMBER [FIELDS]
    printf '{"order_id":"%s-o%s","user_id":"%s","ordered_at":%s,"lines":[{"item_id":"item-%s","quantity":1,"unit_price_minor":20000}]%s}\n' \
        "$1" "$2" "$1" $((START + $2 * 60000)) $(($2 % 5)) "${3:-}"
}
tell() { "$HAMPER" produce -c "$WORK/shop.conf" "$@" 2>/dev/null; }
erase() { # USER ID [FIELDS]
    printf '{"erasure_id":"%s","user_id":"%s","requested_at":%s%s}\n' "$2" "$1" \
        "$(date +%s%3N)" "${3:-}" | tell erasures
}
# misplace TOPIC: the user's first record there again, on a partition that is not his.
misplace() {
    local at
    at=$(kcat -C -q -e -b "$HAMPER_BROKERS" -t "$ID-shop-$1" -f '%p %o %k %S\n' |
        awk -v who="$WHO" '$3 == who && $4 > 40 && !found { print $1, $2; found = 1 }')
    set -- "$1" $at
    kcat -C -q -e -b "$HAMPER_BROKERS" -t "$ID-shop-$1" -p "$2" -o "$3" -c 1 -D '' >"$WORK/record"
    kcat -P -b "$HAMPER_BROKERS" -t "$ID-shop-$1" -p $((($2 + 1) % 4)) -k "$WHO" "$WORK/record"
}
receipt() { hamper_cat shop erasure-receipts | grep -F "\"$1\""; }
field() { receipt "$1" | sed -E "s/.*\"$2\": *\"?([^\",}]*).*/\1/"; }
lines() { "$HAMPER" inspect -c "$WORK/shop.conf" user "$1" | grep -c "${2:-.}" || true; }
# The latest value of each key of a compacted topic, as a reader after compaction gets it.
live() { # TOPIC
    kcat -C -q -e -o beginning -X isolation.level=read_committed -b "$HAMPER_BROKERS" -t "$1" \
        -f '%p %k %S\n' | grep -a -F "$WHO" | awk '{ last[$1 " " $2] = $NF } END { for (k in last) if (last[k] >= 0) print k, last[k] }'
}
clean() { # WHAT ID: no byte of it in the state directory
    local found
    found=$(grep -a -r -l -F -e "$2" "$WORK/shop-state" || true)
    equals "$1: files of the state that name $2" '' "$found"
}

# compact TOPIC POLICY: what is superseded or old goes as soon as a later segment is begun.
compact() {
    "$KAFKA" tool kafka.admin.ConfigCommand --bootstrap-server "$HAMPER_BROKERS" --alter \
        --entity-type topics --entity-name "$ID-shop-$1" --add-config "$2,segment.ms=500,file.delete.delay.ms=100" >/dev/null
}
# Segments of hamper's own topics that hold the id; what waits for its deletion does not count.
holders() {
    grep -a -l -F -e "$1" "$WORK"/kafka/1/data/"$ID"-shop-{ledger-changelog,box-recommendations,box-answers,dead-letters,reroute-repartition,rows,model,audit,erasure-receipts}-*/*.log 2>/dev/null || true
}
# New users order, so that every partition gets facts and boxes; then whether nothing of hamper's holds the id.
gone_from_topics() {
    ROUND=$((${ROUND:-0} + 1))
    for i in {1..16}; do order "other-$ROUND-$i" 1; done | tell orders
    sleep 1
    [ -z "$(holders "$1")" ]
}

mkdir -p "$WORK/kafka"
echo log.retention.check.interval.ms=500 >"$WORK/kafka/overrides"
own_broker
configure shop
for i in 0 1 2 3 4; do
    echo "{\"item_id\":\"item-$i\",\"version\":1,\"updated_at\":1750000000000,\"name\":\"I\",\"category\":\"c$i\",\"price_minor\":20000,\"allergens\":[]}"
done | tell catalogue
for i in 1 2 3 4; do order $WHO "$i"; order $OTHER "$i" ',"recipient_id":"aunt-xylia-31"'; done | tell orders
printf '{"feedback_id":"f1","user_id":"%s","at":%s,"kind":"LIKED","item_id":"item-4"}\n' $WHO "$START" | tell feedback
printf '{"user_id":"%s","version":1,"updated_at":%s,"liked_tags":["vegan"]}\n' $WHO "$START" | tell preferences
printf '{"request_id":"r1","user_id":"%s","requested_at":%s}\n' $WHO "$START" | tell box-requests
misplace orders
misplace feedback
printf 'no record of %s' $WHO | kcat -P -b "$HAMPER_BROKERS" -t "$ID-shop-orders" -k $WHO -p 0
hamper_run shop --until-caught-up

grep -a -r -q -F -e $WHO "$WORK/shop-state" || fail "the state never named $WHO"
[ -n "$(live "$ID-shop-box-recommendations")" ] || fail 'no boxes before the erasure'
[ -n "$(live "$ID-shop-ledger-changelog")" ] || fail 'no facts before the erasure'
equals 'rerouted' 2 "$(records "$ID-shop-reroute-repartition" '%k\n' | grep -c $WHO)"
equals 'letters' 1 "$("$HAMPER" dlq -c "$WORK/shop.conf" list | grep -c orders)"
[ "$(lines $WHO)" -gt 6 ] || fail 'inspect user tells little before the erasure'
"$HAMPER" inspect -c "$WORK/shop.conf" digest >"$WORK/before"

erase $WHO e1
erase $OTHER e2 ',"recipient_id":"aunt-xylia-31"'
hamper_run shop --until-caught-up
equals 'events voided' 6 "$(field e1 events_voided)"
equals 'orders that no longer name the recipient' 4 "$(field e2 events_voided)"
equals 'left of the user' 00000000000000000000000000000000 "$(field e1 state_digest)"
clean erased $WHO
clean 'recipient erased' aunt-xylia-31
equals 'boxes after' '' "$(live "$ID-shop-box-recommendations")"
equals 'facts after' '' "$(live "$ID-shop-ledger-changelog")"
equals 'inspect user' 0 "$(lines $WHO '"order"\|"reaction"\|"preferences"\|"standing"\|"pending"')"
equals 'orders of the other' 4 "$(lines $OTHER '"order"')"
"$HAMPER" inspect -c "$WORK/shop.conf" verify >/dev/null

# His past comes late: void; the state is as clean as before.
for i in 5 6; do order $WHO "$i"; done | tell orders
misplace orders
hamper_run shop --until-caught-up
equals 'rerouted late' 3 "$(records "$ID-shop-reroute-repartition" '%k\n' | grep -c $WHO)"
clean late $WHO
equals 'late boxes' '' "$(live "$ID-shop-box-recommendations")"

# He returns: only what is new counts.
printf '{"order_id":"back","user_id":"%s","ordered_at":%s,"lines":[{"item_id":"item-1","quantity":1,"unit_price_minor":20000}]}\n' \
    $WHO "$(date +%s%3N)" | tell orders
hamper_run shop --until-caught-up
equals 'orders of who returned' 1 "$(lines $WHO '"order"')"
[ -n "$(live "$ID-shop-box-recommendations")" ] || fail 'no boxes for who returned'

# And goes again; hamper dies after the commit: the next run still writes the files anew.
"$HAMPER" run -c "$WORK/shop.conf" 2>>"$WORK/shop.log" &
running=$!
trap 'kill -KILL $running 2>/dev/null || true' EXIT
within 60 grep -q 'msg=running' "$WORK/shop.log"
erase $WHO e3
within 60 receipt e3 >/dev/null
kill -KILL $running
wait $running 2>/dev/null || true
hamper_run shop --until-caught-up
clean 'erased again' $WHO
equals 'boxes at last' '' "$(live "$ID-shop-box-recommendations")"
equals 'facts at last' '' "$(live "$ID-shop-ledger-changelog")"
"$HAMPER" inspect -c "$WORK/shop.conf" verify >/dev/null

# Kafka compacts at last: no segment of hamper's topics names him.
[ -n "$(holders $WHO)" ] || fail 'no segment named him before compaction'
for topic in ledger-changelog box-recommendations; do
    compact $topic min.cleanable.dirty.ratio=0.001,max.compaction.lag.ms=500,delete.retention.ms=0
done
for topic in box-answers dead-letters reroute-repartition; do compact $topic retention.ms=500; done
"$HAMPER" run -c "$WORK/shop.conf" 2>>"$WORK/shop.log" &
running=$!
within 120 gone_from_topics $WHO
kill -TERM $running
wait $running || fail 'hamper ended badly'
clean compacted $WHO
"$HAMPER" inspect -c "$WORK/shop.conf" verify >/dev/null
echo "residue until $(field e1 residual_until)"
