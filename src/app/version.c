/* app/version.c - for bug reports. SPDX-License-Identifier: Apache-2.0 */
#include "app/command.h"
#include "app/commands.h"
#include "broker/broker_kafka.h"
#include "serve/http.h"

#include <jansson.h>

static enum hp_status
version(int argc, char **argv, struct hp_error *error)
{
    enum hp_status status = hp_positional_check(argc, argv, 0, 0, error);

    if (status)
        return status;
    printf("hamper %s\n", HAMPER_VERSION);
    printf("librdkafka %s\n", hp_kafka_library_version());
    printf("libmicrohttpd %s\n", hp_http_library_version());
    printf("jansson %s\n", JANSSON_VERSION);
    return hp_output_end(error);
}

int
hp_cmd_version(int argc, char **argv)
{
    struct hp_error error;

    return hp_command_end("version", version(argc, argv, &error), &error);
}
