/*
 * base/wide.h - for functions that pass over long columns: also compiled for the 256-bit
 * registers most machines have, and chosen by what this one has when the program is loaded.
 *
 * The same operations in the same order either way (no fused multiply-add), so the results are
 * the same bits. Sanitizers cannot run what chooses; they get the plain form.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_BASE_WIDE_H
#define HP_BASE_WIDE_H

#if defined(__x86_64__) && defined(__GLIBC__) && !defined(HP_NO_AVX2) &&                       \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && !defined(__clang__)
#define HP_WIDE __attribute__((target_clones("avx2", "default")))
#else
#define HP_WIDE
#endif

#endif
