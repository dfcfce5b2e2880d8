#!/bin/bash
# Twenty kills of instances and the broker, zombies, robbed state: nothing lost, nothing twice, and what
# is known is what an undisturbed run knows.
# timeout: 900
# SPDX-License-Identifier: Apache-2.0
. "$TESTING"
needs kcat python3
"$(dirname "$0")/attack" --kills 20 --seed 3 --keep "$WORK/attack"
