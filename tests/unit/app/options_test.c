/*
 * tests/unit/app/options_test.c - what a configuration may say, and how it is refused.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "app/options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

static struct hp_options options;
static struct hp_error error;

static enum hp_status
parse(const char *text)
{
    return hp_options_parse(hp_bytes_text(text), "t.conf", &options, &error);
}

static void
assert_refused(const char *text, const char *place, const char *what)
{
    assert_int_equal(parse(text), HP_USAGE);
    if (!strstr(error.text, place) || !strstr(error.text, what))
        fail_msg("%s: %s", text, error.text);
}

static void
defaults_are_those_of_the_contract(void **state)
{
    (void)state;
    assert_int_equal(parse(""), HP_OK);
    assert_string_equal(options.application_id, "hamper");
    assert_string_equal(options.schema_registry_url, "file:schemas");
    assert_string_equal(options.topics.name[HP_TOPIC_ORDERS], "gofig.orders");
    assert_string_equal(options.topics.name[HP_TOPIC_DEAD_LETTERS], "hamper-dead-letters");
    assert_int_equal(options.partitions, 4);
    assert_int_equal(options.commit_interval_ms, 100);
    assert_int_equal(options.sweep_interval_ms, 86400000);
    assert_int_equal(options.budget_default_minor, 150000);
    assert_int_equal(options.overlay_bytes, 64 << 20);
    assert_true(options.errors_breaker);
    assert_false(options.auto_register_schemas);
    assert_string_equal(options.http_host, "127.0.0.1");
    assert_int_equal(options.http_port, 8080);
    assert_null(options.vocabulary_file);
    assert_true(strlen(options.instance) > 0);
    hp_options_release(&options);
}

static void
values_are_read_by_their_kind(void **state)
{
    (void)state;
    assert_int_equal(parse("application.id = gifts\n"
                           "# a comment\n! another\n\n"
                           "topic.orders=shop.orders\r\n"
                           "sweep.interval=90m\n"
                           "overlay.bytes=2MiB\n"
                           "budget.default=1,500.50\n"
                           "slots=tiers\n"
                           "errors.breaker=off\n"
                           "log.level=debug\n"
                           "http.listen=[::1]:9090\n"
                           "state.dir=a\\u20b9\\\n   b\n"),
        HP_OK);
    assert_string_equal(options.topics.name[HP_TOPIC_ORDERS], "shop.orders");
    assert_string_equal(options.topics.name[HP_TOPIC_MODEL], "gifts-model");
    assert_int_equal(options.sweep_interval_ms, 90 * 60000);
    assert_int_equal(options.overlay_bytes, 2 << 20);
    assert_int_equal(options.budget_default_minor, 150050);
    assert_int_equal(options.slots, HP_SLOTS_TIERS);
    assert_int_equal(options.log_level, HP_LOG_DEBUG);
    assert_false(options.errors_breaker);
    assert_string_equal(options.http_host, "::1");
    assert_int_equal(options.http_port, 9090);
    assert_string_equal(options.state_dir, "a₹b");
    hp_options_release(&options);
}

static void
http_may_be_off(void **state)
{
    (void)state;
    assert_int_equal(parse("http.listen=off\n"), HP_OK);
    assert_null(options.http_host);
    hp_options_release(&options);
}

static void
unknown_key_names_the_nearest_with_its_place(void **state)
{
    (void)state;
    assert_refused("\n\ncommit.intervall.ms=100", "t.conf:3:", "mean commit.interval.ms?");
    assert_refused("topic.order=x", "t.conf:1:", "mean topic.orders?");
    assert_refused("something.else.entirely=1", "t.conf:1:", "unknown key");
}

static void
wrong_values_name_what_would_be_right(void **state)
{
    (void)state;
    assert_refused("partitions=0", "partitions=0", "from 1 to 10000");
    assert_refused("partitions=4x", "t.conf:1:", "a number");
    assert_refused("partitions=99999999999999999999", "t.conf:1:", "a number");
    assert_refused("commit.interval.ms=-1", "t.conf:1:", "from 1 ms to 10 s");
    assert_refused("commit.interval.ms=1 fortnight", "t.conf:1:", "a time");
    assert_refused("sweep.interval=9223372036854775807d", "t.conf:1:", "a time");
    assert_refused("slots=many", "t.conf:1:", "equal or tiers");
    assert_refused("errors.breaker=maybe", "t.conf:1:", "on or off");
    assert_refused("currency=inr", "t.conf:1:", "three capital letters");
    assert_refused("application.id=a b", "t.conf:1:", "a name");
    assert_refused("application.id=..", "t.conf:1:", "a name");
    assert_refused("bootstrap.servers=", "t.conf:1:", "a text");
    assert_refused("http.listen=8080", "t.conf:1:", "HOST:PORT");
    assert_refused("http.listen=localhost:65536", "t.conf:1:", "HOST:PORT");
    assert_refused("budget.default=-5", "t.conf:1:", "an amount");
}

static void
text_that_is_no_configuration_is_refused(void **state)
{
    (void)state;
    assert_refused("just words", "t.conf:1:", "KEY=VALUE");
    assert_refused("=x", "t.conf:1:", "KEY=VALUE");
    assert_refused("state.dir=C:\\dir", "t.conf:1:", "escape");
    assert_refused("state.dir=\\ud800", "t.conf:1:", "escape");
    assert_refused("state.dir=\xFF", "t.conf:1:", "UTF-8");
    assert_int_equal(
        hp_options_parse(hp_bytes("state.dir=a\0b", 13), "t.conf", &options, &error), HP_USAGE);
}

static void
a_key_is_set_once(void **state)
{
    (void)state;
    assert_refused("partitions=4\npartitions=4", "t.conf:2:", "first: t.conf:1");
    assert_refused("kafka.debug=a\nkafka.debug=b", "t.conf:2:", "twice");
}

static void
values_must_agree_with_each_other(void **state)
{
    (void)state;
    assert_refused("box.items.min=9\nbox.items.max=8", "box.items.min", "box.items.max");
    assert_refused("commit.interval.ms=5\ncommit.gap.ms=6", "commit.gap.ms", "greater");
    assert_refused("topic.orders=x\ntopic.feedback=x", "x", "both");
    assert_refused("topic.orders=hamper-model", "hamper-model", "both");
}

static void
librdkafka_gets_its_settings_without_prefix(void **state)
{
    (void)state;
    assert_int_equal(parse("kafka.client.id=x\nkafka.consumer.fetch.min.bytes=1\n"
                           "kafka.producer.linger.ms=0\nkafka.security.protocol=plaintext\n"),
        HP_OK);
    assert_int_equal(options.kafka.count, 2);
    assert_string_equal(options.kafka.items[0].name, "client.id");
    assert_string_equal(options.kafka.items[0].value, "x");
    assert_int_equal(options.kafka_consumer.count, 1);
    assert_string_equal(options.kafka_consumer.items[0].name, "fetch.min.bytes");
    assert_int_equal(options.kafka_producer.count, 1);
    assert_string_equal(options.kafka_producer.items[0].name, "linger.ms");
    hp_options_release(&options);
}

/* One of these changed by hand would quietly break exactly-once. */
static void
settings_that_exactly_once_owns_are_refused_with_the_reason(void **state)
{
    static const char *const owned[] = {"group.id", "group.instance.id", "transactional.id",
        "enable.idempotence", "acks", "enable.auto.commit", "enable.auto.offset.store",
        "isolation.level", "auto.offset.reset", "enable.partition.eof",
        "partition.assignment.strategy", "partitioner", "check.crcs"};
    static const char *const prefixes[] = {"kafka.", "kafka.consumer.", "kafka.producer."};
    char text[128];

    (void)state;
    for (size_t i = 0; i < HP_ARRAY_SIZE(owned); i++)
        for (size_t j = 0; j < HP_ARRAY_SIZE(prefixes); j++) {
            snprintf(text, sizeof(text), "%s%s=1", prefixes[j], owned[i]);
            assert_refused(text, owned[i], "may not be set");
        }
}

static void
secrets_are_taken_only_by_reference_and_never_shown(void **state)
{
    char path[] = "/tmp/hamper-secret-XXXXXX";
    char text[256];
    int file = mkstemp(path);

    (void)state;
    assert_true(file >= 0);
    assert_int_equal(write(file, "s3cret\n", 7), 7);
    close(file);
    snprintf(text, sizeof(text),
        "kafka.sasl.password=${file:%s}\nschema.registry.url=http://u:${file:%s}@h/\n", path,
        path);
    assert_int_equal(parse(text), HP_OK);
    assert_string_equal(options.kafka.items[0].value, "s3cret");
    assert_string_equal(options.schema_registry_url, "http://u:s3cret@h/");
    hp_options_release(&options);
    assert_refused("kafka.sasl.password=s3cret", "t.conf:1:", "${file:PATH}");
    assert_null(strstr(error.text, "s3cret"));
    assert_refused("schema.registry.url=http://u:s3cret@h/", "t.conf:1:", "${file:PATH}");
    assert_null(strstr(error.text, "s3cret"));
    snprintf(text, sizeof(text), "partitions=${file:%s}", path);
    assert_refused(text, "t.conf:1:", "a number");
    assert_null(strstr(error.text, "s3cret"));
    unlink(path);
    assert_refused(text, "t.conf:1:", "No such file");
    assert_refused("partitions=${file:/dev/zero}", "t.conf:1:", "regular file");
    assert_refused("partitions=${env:HAMPER_TEST_NOT_SET}", "t.conf:1:", "not set");
    assert_refused("partitions=${vault:x}", "t.conf:1:", "expected ${file:PATH}");
    assert_refused("partitions=${env:X", "t.conf:1:", "without }");
}

static void
command_line_wins_over_environment_over_file(void **state)
{
    char path[] = "/tmp/hamper-conf-XXXXXX";
    int file = mkstemp(path);
    const char *words[] = {"run", "-c", path, "--flag", "-opartitions=7", "-o", "slots=tiers",
        "x", "--", "-o", NULL};
    int argc = 10;

    (void)state;
    assert_true(file >= 0);
    assert_int_equal(write(file, "partitions=5\nstate.dir=/a\ncurrency=GBP\n", 39), 39);
    close(file);
    setenv("HAMPER_PARTITIONS", "6", 1);
    setenv("HAMPER_STATE_DIR", "/b", 1);
    assert_int_equal(hp_options_load(&argc, (char **)words, &options, &error), HP_OK);
    unsetenv("HAMPER_PARTITIONS");
    unsetenv("HAMPER_STATE_DIR");
    unlink(path);
    assert_int_equal(options.partitions, 7);
    assert_string_equal(options.state_dir, "/b");
    assert_string_equal(options.currency, "GBP");
    assert_int_equal(options.slots, HP_SLOTS_TIERS);
    assert_int_equal(argc, 5);
    assert_string_equal(words[1], "--flag");
    assert_string_equal(words[2], "x");
    assert_string_equal(words[3], "--");
    assert_string_equal(words[4], "-o");
    assert_null(words[5]);
    hp_options_release(&options);
}

static void
assert_load_refused(const char *a, const char *b, const char *what)
{
    const char *words[] = {"run", a, b, NULL};
    int argc = b ? 3 : 2;

    assert_int_equal(hp_options_load(&argc, (char **)words, &options, &error), HP_USAGE);
    if (!strstr(error.text, what))
        fail_msg("%s: %s", a, error.text);
}

static void
bad_arguments_are_refused(void **state)
{
    (void)state;
    assert_load_refused("-c", NULL, "-c needs a value");
    assert_load_refused("-o", "partitions", "KEY=VALUE");
    assert_load_refused("-o", "partition=1", "mean partitions?");
    assert_load_refused("-opartitions=1", "-opartitions=1", "twice");
    assert_load_refused("-c/nowhere/x.conf", NULL, "/nowhere/x.conf: No such file");
    assert_load_refused("-c/tmp", NULL, "regular file");
    assert_load_refused("-ca", "-cb", "twice");
}

/* The file in conf/ is what operators copy. */
static void
file_in_conf_lists_every_key_with_its_default(void **state)
{
    struct hp_buffer expected = {0};
    struct hp_buffer found = {0};
    FILE *file = fopen("conf/hamper.conf", "rb");
    size_t size;

    (void)state;
    assert_non_null(file);
    do {
        hp_buffer_reserve(&found, 4096);
        size = fread(found.data + found.size, 1, 4096, file);
        found.size += size;
    } while (size > 0);
    fclose(file);
    hp_options_document(&expected);
    assert_int_equal(found.size, expected.size);
    assert_memory_equal(found.data, expected.data, expected.size);
    assert_int_equal(
        hp_options_parse(hp_buffer_bytes(&found), "conf/hamper.conf", &options, &error), HP_OK);
    hp_options_release(&options);
    hp_buffer_release(&expected);
    hp_buffer_release(&found);
}

static void
nearest_is_near(void **state)
{
    static const char *const names[] = {"run", "topics", "produce"};

    (void)state;
    assert_string_equal(hp_nearest("topic", names, 3), "topics");
    assert_string_equal(hp_nearest("rnu", names, 3), "run");
    assert_null(hp_nearest("inspect", names, 3));
    assert_null(hp_nearest("x", names, 0));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_those_of_the_contract),
        cmocka_unit_test(values_are_read_by_their_kind),
        cmocka_unit_test(http_may_be_off),
        cmocka_unit_test(unknown_key_names_the_nearest_with_its_place),
        cmocka_unit_test(wrong_values_name_what_would_be_right),
        cmocka_unit_test(text_that_is_no_configuration_is_refused),
        cmocka_unit_test(a_key_is_set_once),
        cmocka_unit_test(values_must_agree_with_each_other),
        cmocka_unit_test(librdkafka_gets_its_settings_without_prefix),
        cmocka_unit_test(settings_that_exactly_once_owns_are_refused_with_the_reason),
        cmocka_unit_test(secrets_are_taken_only_by_reference_and_never_shown),
        cmocka_unit_test(command_line_wins_over_environment_over_file),
        cmocka_unit_test(bad_arguments_are_refused),
        cmocka_unit_test(file_in_conf_lists_every_key_with_its_default),
        cmocka_unit_test(nearest_is_near),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
