#!/bin/sh
# The model's numbers are the same whoever compiles them, and however hard.
# usage: model_bytes_test.sh COMPILER (run in the source directory)
# SPDX-License-Identifier: Apache-2.0
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
base="src/base/arena.c src/base/bytes.c src/base/hash.c src/base/status.c"
weights="tests/support/model_bytes.c src/model/llr.c src/model/ridge.c src/model/rate.c
    src/model/content.c src/model/fixed.c src/flow/sums.c src/flow/weights.c src/flow/items.c
    src/ledger/heads.c src/ledger/value.c $base"
scores="tests/support/score_bytes.c src/flow/score.c src/flow/candidates.c src/flow/top.c
    src/flow/pairs.c src/flow/offer.c src/flow/items.c src/model/rate.c src/model/content.c
    src/model/fixed.c src/ledger/aggregates.c src/ledger/orders.c src/ledger/value.c src/ledger/watermark.c $base"

# The digests of one program, by every compiler and level.
same() {
    first=
    builds=0
    for compiler in "$1" clang clang-14 clang-19; do
        command -v "$compiler" >/dev/null 2>&1 || continue
        for level in -O0 -O3 "-O2 -DHP_NO_AVX2"; do
            # shellcheck disable=SC2086
            "$compiler" -std=c17 -D_GNU_SOURCE -ffp-contract=off $level -Isrc \
                -o "$folder/bytes" $2 -lxxhash -lcrypto -lm
            found=$("$folder/bytes")
            echo "$found $compiler $level"
            : "${first:=$found}"
            [ "$found" = "$first" ] || { echo "differs from the first" >&2; exit 1; }
            builds=$((builds + 1))
        done
    done
    [ "$builds" -ge 3 ]
}

same "$1" "$weights"
same "$1" "$scores"
