/*
 * docs/examples/read_boxes.c - keeps the boxes of every user as docs/consumers.md says, from
 * the topic itself, and prints what may be shown.
 *
 *     cc -o read_boxes docs/examples/read_boxes.c -lrdkafka -lavro
 *     read_boxes localhost:9092 gofig.box-recommendations schemas/BoxRecommendation.avsc
 *
 * A reader of a registered schema other than the file's would fetch it by the id in bytes 1 to
 * 4; this one refuses what it cannot read. Memory is not given back: the program ends.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <avro.h>
#include <librdkafka/rdkafka.h>

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define USERS_MAX 100000

struct user {
    char *id;
    int64_t revision;
    int64_t valid_until;
    const char *status; /* a symbol of the schema; NULL: unknown */
    size_t boxes;
};

static struct user users[USERS_MAX];
static size_t user_count;

static void
die(const char *what, const char *why)
{
    fprintf(stderr, "read_boxes: %s: %s\n", what, why);
    exit(1);
}

static struct user *
find_user(const void *key, size_t size)
{
    for (size_t i = 0; i < user_count; i++)
        if (strlen(users[i].id) == size && memcmp(users[i].id, key, size) == 0)
            return &users[i];
    if (user_count == USERS_MAX)
        die("users", "too many");
    users[user_count].id = strndup(key, size);
    return &users[user_count++];
}

static int64_t
number(const avro_value_t *record, const char *name)
{
    avro_value_t field;
    int64_t value = 0;

    if (avro_value_get_by_name(record, name, &field, NULL) ||
        avro_value_get_long(&field, &value))
        die(name, avro_strerror());
    return value;
}

/* Tombstone: forget. Lower or equal revision: late, or seen already. */
static void
take(avro_schema_t schema, avro_value_iface_t *class, const rd_kafka_message_t *message)
{
    struct user *user = find_user(message->key, message->key_len);
    avro_value_t record;
    avro_value_t field;
    avro_reader_t reader;
    int symbol = 0;

    if (!message->payload) {
        *user = (struct user){.id = user->id};
        return;
    }
    if (message->len < 5 || *(const char *)message->payload != 0)
        die(user->id, "not in Confluent's framing");
    avro_generic_value_new(class, &record);
    reader = avro_reader_memory((const char *)message->payload + 5, (int64_t)message->len - 5);
    if (avro_value_read(reader, &record))
        die(user->id, avro_strerror());
    avro_reader_free(reader);
    if (number(&record, "revision") > user->revision) {
        user->revision = number(&record, "revision");
        user->valid_until = number(&record, "valid_until");
        avro_value_get_by_name(&record, "status", &field, NULL);
        avro_value_get_enum(&field, &symbol);
        user->status = avro_schema_enum_get(avro_value_get_schema(&field), symbol);
        avro_value_get_by_name(&record, "boxes", &field, NULL);
        avro_value_get_size(&field, &user->boxes);
    }
    avro_value_decref(&record);
    (void)schema;
}

static bool
may_show(const struct user *user, int64_t now_ms)
{
    return user->status && user->valid_until > now_ms &&
           (strcmp(user->status, "OK") == 0 || strcmp(user->status, "PARTIAL") == 0);
}

static avro_schema_t
read_schema(const char *path)
{
    static char text[1 << 16];
    avro_schema_t schema;
    FILE *file = fopen(path, "r");

    if (!file)
        die(path, "cannot be read");
    text[fread(text, 1, sizeof(text) - 1, file)] = 0;
    fclose(file);
    if (avro_schema_from_json_length(text, strlen(text), &schema))
        die(path, avro_strerror());
    return schema;
}

static void
set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
    char error[256];

    if (rd_kafka_conf_set(conf, name, value, error, sizeof(error)) != RD_KAFKA_CONF_OK)
        die(name, error);
}

/* All partitions from their beginning to their present ends. */
static size_t
assign_all(rd_kafka_t *client, const char *topic)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(16);
    const struct rd_kafka_metadata *metadata;
    rd_kafka_topic_t *handle = rd_kafka_topic_new(client, topic, NULL);
    size_t count;

    if (rd_kafka_metadata(client, 0, handle, &metadata, 10000) || metadata->topic_cnt != 1)
        die(topic, "no metadata");
    count = (size_t)metadata->topics[0].partition_cnt;
    for (size_t i = 0; i < count; i++)
        rd_kafka_topic_partition_list_add(list, topic, (int32_t)i)->offset =
            RD_KAFKA_OFFSET_BEGINNING;
    rd_kafka_assign(client, list);
    return count;
}

int
main(int argc, char **argv)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    char error[256];
    avro_value_iface_t *class;
    avro_schema_t schema;
    rd_kafka_t *client;
    size_t open;

    if (argc != 4)
        die("usage", "read_boxes BROKERS TOPIC SCHEMA");
    schema = read_schema(argv[3]);
    class = avro_generic_class_from_schema(schema);
    set(conf, "bootstrap.servers", argv[1]);
    set(conf, "group.id", "read-boxes");
    set(conf, "isolation.level", "read_committed"); /* else boxes that never were */
    set(conf, "enable.partition.eof", "true");
    client = rd_kafka_new(RD_KAFKA_CONSUMER, conf, error, sizeof(error));
    if (!client)
        die("client", error);
    for (open = assign_all(client, argv[2]); open > 0;) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(client, 1000);

        if (!message)
            continue;
        if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
            open--;
        else if (message->err)
            die("poll", rd_kafka_message_errstr(message));
        else
            take(schema, class, message);
        rd_kafka_message_destroy(message);
    }
    for (size_t i = 0; i < user_count; i++)
        if (users[i].revision)
            printf("%s %" PRId64 " %zu %s\n", users[i].id, users[i].revision, users[i].boxes,
                may_show(&users[i], (int64_t)time(NULL) * 1000) ? "show" : "do not show");
    rd_kafka_destroy(client);
    return 0;
}
