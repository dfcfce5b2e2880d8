#!/bin/sh
# conf/compose/produce.sh - a seeded stream of events into the platform of docker-compose.yml.
#
# First the catalogue and the preferences of USERS shoppers, then every PAUSE seconds a batch of
# orders, likes and a request, until stopped. SEED makes the same shoppers buy the same things.
#
# SPDX-License-Identifier: Apache-2.0
set -eu
SEED=${SEED:-1}
USERS=${USERS:-50}
ORDERS=${ORDERS:-10}
PAUSE=${PAUSE:-2}
CONF=conf/compose/hamper.conf

# events WHAT COUNT: made-up events of one kind on standard output.
events() {
    awk -v what="$1" -v count="$2" -v users="$USERS" -v seed="$SEED" -v batch="$batch" \
        -v now="$(date +%s)" -f conf/compose/shop.awk src/shop/catalogue.txt
}

send() { events "$1" "$2" | hamper produce -c "$CONF" "$3"; }

batch=0
send catalogue 0 gofig.catalogue
send preferences 0 gofig.preferences
while :; do
    batch=$((batch + 1))
    send orders "$ORDERS" gofig.orders
    send feedback 3 gofig.feedback
    send requests 1 gofig.box-requests
    sleep "$PAUSE"
done
