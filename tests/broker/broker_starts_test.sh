#!/bin/bash
# The harness itself: the shared broker is a Kafka that takes records and gives them back, places
# keys as Java does, and whose own tools can be used to look at groups. Every other broker test
# leans on this.
# SPDX-License-Identifier: Apache-2.0
. "$TESTING"
needs kcat

topic "$ID" 4 message.timestamp.type=LogAppendTime
printf 'user-%d:order %d\n' 1 1 2 2 3 3 |
    kcat -P -b "$HAMPER_BROKERS" -t "$ID" -K : -X topic.partitioner=murmur2_random

equals 'what was sent comes back' "$(printf 'user-%d order %d\n' 1 1 2 2 3 3)" \
    "$(records "$ID" '%k %s\n' | sort)"

# Kafka's Java producer decides where the same keys go; murmur2 must agree with it.
topic "$ID-java" 4
printf 'user-%d:order %d\n' 1 1 2 2 3 3 |
    "$KAFKA" tool ConsoleProducer --bootstrap-server "$HAMPER_BROKERS" --topic "$ID-java" \
        --reader-property parse.key=true --reader-property key.separator=: >/dev/null
equals 'Java places keys where murmur2 does' "$(records "$ID-java" '%p %k\n' | sort)" \
    "$(records "$ID" '%p %k\n' | sort)"

kcat -q -e -b "$HAMPER_BROKERS" -X auto.offset.reset=earliest -G "$ID-group" "$ID" >"$WORK/read"
equals 'the group read everything' 3 "$(wc -l <"$WORK/read")"
equals 'Kafka says nothing is left to read' 0 \
    "$(lag "$ID-group" | awk '{ sum += $5 } END { print sum + 0 }')"
