/*
 * tests/fuzz/options_fuzz.c - configuration from a hostile file.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "app/options.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hp_options options;
    struct hp_error error;
    enum hp_status status = hp_options_parse(hp_bytes(data, size), "fuzz", &options, &error);

    HP_ASSERT(status == HP_OK || status == HP_USAGE);
    if (status) {
        HP_ASSERT(error.status == HP_USAGE);
        HP_ASSERT(error.text[0]);
        return 0;
    }
    HP_ASSERT(options.box_items_min <= options.box_items_max);
    HP_ASSERT(options.partitions >= 1);
    for (int i = 0; i < HP_TOPIC_COUNT; i++)
        HP_ASSERT(options.topics.name[i][0]);
    hp_options_release(&options);
    return 0;
}
