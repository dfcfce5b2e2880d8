#!/bin/bash
# What stops on purpose says which way leads past it, and that way works: a gap in the log, a record
# nobody shall read, a changelog that is gone.
# timeout: 400
# SPDX-License-Identifier: Apache-2.0
. "$TESTING"
. "$(dirname "$0")/hamper.sh"
needs kcat python3
export PYTHONDONTWRITEBYTECODE=1

# stops WORDS OPTION...: run ends with 3 and names WORDS.
stops() {
    local words=$1 status=0
    shift
    hamper_run shop "$@" --until-caught-up || status=$?
    equals "status ($words)" 3 $status
    tail -1 "$WORK/shop.log" | grep -F -e "$words" >/dev/null || { tail -1 "$WORK/shop.log"; fail "no word of $words"; }
}

order() { # NUMBER
    printf '{"order_id":"o-%s","user_id":"user-1","ordered_at":%s,"lines":[{"item_id":"item-%s","quantity":1,"unit_price_minor":20000}]}\n' \
        "$1" $((1750000000000 + $1 * 60000)) $(($1 % 5))
}
send() { for i in $(seq "$1" "$2"); do order "$i"; done | "$HAMPER" produce -c "$WORK/shop.conf" orders 2>/dev/null; }
live() { "$HAMPER" inspect -c "$WORK/shop.conf" dump | grep -c '"order":' || true; }

configure shop
for i in 0 1 2 3 4; do
    echo "{\"item_id\":\"item-$i\",\"version\":1,\"updated_at\":1750000000000,\"name\":\"I\",\"category\":\"c\",\"price_minor\":20000,\"allergens\":[]}"
done | "$HAMPER" produce -c "$WORK/shop.conf" catalogue 2>/dev/null
send 1 5
hamper_run shop --until-caught-up
equals 'live orders' 5 "$(live)"
partition=$(kcat -C -q -e -b "$HAMPER_BROKERS" -t "$ID-shop-orders" -f '%p\n' | head -1)

# Retention takes three records that were never read.
send 6 10
echo "{\"partitions\":[{\"topic\":\"$ID-shop-orders\",\"partition\":$partition,\"offset\":8}],\"version\":1}" >"$WORK/trim.json"
"$KAFKA" tool DeleteRecordsCommand --bootstrap-server "$HAMPER_BROKERS" --offset-json-file "$WORK/trim.json" >/dev/null 2>&1
stops "--accept-gap $ID-shop-orders-$partition"
stops "--accept-gap $ID-shop-orders-$partition"
hamper_run shop --accept-gap "$ID-shop-orders-$partition" --until-caught-up
equals 'live orders after the gap' 7 "$(live)"

# A record is skipped unread: a dead letter with a code of its own.
send 11 12
hamper_run shop --skip "$ID-shop-orders-$partition@10" --until-caught-up
equals 'live orders without the skipped one' 8 "$(live)"
equals 'letters' 1 "$("$HAMPER" dlq -c "$WORK/shop.conf" list | grep -c SKIPPED)"

# The changelog is gone, the group still has offsets: the state is lost, and it says so.
rm -rf "$WORK/shop-state"
"$KAFKA" tool TopicCommand --bootstrap-server "$HAMPER_BROKERS" --delete --topic "$ID-shop-ledger-changelog" >/dev/null 2>&1
sleep 1
within 60 eval '"$HAMPER" topics -c "$WORK/shop.conf" --create >/dev/null 2>&1'
stops "--accept-gap $ID-shop-ledger-changelog-"
gaps=()
for p in 0 1 2 3; do gaps+=(--accept-gap "$ID-shop-ledger-changelog-$p"); done
hamper_run shop "${gaps[@]}" --until-caught-up
equals 'live orders of what is left' 4 "$(live)"
no_lag shop
