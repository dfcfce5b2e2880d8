/*
 * tests/fuzz/standalone.c - replays a corpus folder through a fuzz target without a fuzzer,
 * plus every prefix and a flipped bit per byte of the small ones. Fails when the folder is
 * empty.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/bytes.h"

#include <dirent.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUTATE_MAX 4096

/* The target gets its own allocation, so that the address sanitizer sees one byte too far. */
static void
run_copy(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);

    HP_ASSERT(copy);
    if (size)
        memcpy(copy, data, size);
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

static void
run_mutations(uint8_t *data, size_t size)
{
    if (size > MUTATE_MAX)
        return;
    for (size_t i = 0; i < size; i++) {
        run_copy(data, i);
        data[i] ^= (uint8_t)(1U << (i % 8));
        run_copy(data, size);
        data[i] ^= (uint8_t)(1U << (i % 8));
    }
}

static int
run_file(const char *folder, const char *name)
{
    char path[4096];
    uint8_t *data;
    long size;
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END) != 0 || (size = ftell(file)) < 0) {
        fprintf(stderr, "cannot read %s\n", path);
        exit(1);
    }
    rewind(file);
    data = hp_alloc((size_t)size);
    HP_ASSERT(fread(data, 1, (size_t)size, file) == (size_t)size);
    fclose(file);
    run_copy(data, (size_t)size);
    run_mutations(data, (size_t)size);
    free(data);
    return 1;
}

int
main(int argc, char **argv)
{
    struct dirent *entry;
    DIR *folder = argc == 2 ? opendir(argv[1]) : NULL;
    int count = 0;

    if (!folder) {
        fprintf(stderr, "usage: %s CORPUS_FOLDER\n", argv[0]);
        return 2;
    }
    while ((entry = readdir(folder)))
        if (entry->d_name[0] != '.')
            count += run_file(argv[1], entry->d_name);
    closedir(folder);
    printf("%d inputs replayed\n", count);
    return count ? 0 : 1;
}
