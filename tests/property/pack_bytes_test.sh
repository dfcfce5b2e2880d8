#!/bin/sh
# Boxes are the same whoever compiles the search, and however hard; with eight lanes at once too.
# usage: pack_bytes_test.sh COMPILER (run in the source directory)
# SPDX-License-Identifier: Apache-2.0
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
sources="tests/support/pack_bytes.c src/packing/*.c src/base/arena.c src/base/bytes.c src/base/hash.c
    src/base/status.c"
first=
builds=0
for compiler in "$1" clang clang-14 clang-19; do
    command -v "$compiler" >/dev/null 2>&1 || continue
    for level in -O0 -O3 "-O2 -DHP_NO_AVX2"; do
        # shellcheck disable=SC2086
        "$compiler" -std=c17 -D_GNU_SOURCE $level -I. -Isrc -o "$folder/bytes" $sources -lxxhash -lcrypto -lm
        found=$("$folder/bytes")
        echo "$found $compiler $level"
        : "${first:=$found}"
        [ "$found" = "$first" ] || { echo "differs from the first" >&2; exit 1; }
        builds=$((builds + 1))
    done
done
[ "$builds" -ge 3 ]
