#!/bin/bash
# Twenty kills of instances and the broker, zombies, robbed state: nothing lost, nothing twice, and what
# is known is what an undisturbed run knows.
# timeout: 900
# SPDX-License-Identifier: Apache-2.0
. "$TESTING"
needs kcat python3

attack() { "$(dirname "$0")/attack" --kills 20 --seed "$1" --keep "$WORK/attack-$1"; }

# 3: the broker itself left a transaction hanging. Once is bad luck.
attack 3 || { [ $? = 3 ] && attack 4; }
