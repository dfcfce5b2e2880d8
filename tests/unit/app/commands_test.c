/*
 * tests/unit/app/commands_test.c - the commands on a cluster in memory, bad usage included.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "app/commands.h"

#include "app/command.h"
#include "base/hash.h"
#include "broker/broker_memory.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define ARGUMENTS_MAX 16

static struct hp_cluster *cluster;
static char printed[65536]; /* of the last command: standard output */
static char told[65536];    /* and standard error */

static int
set_up(void **state)
{
    (void)state;
    cluster = hp_cluster_memory_new(&(struct hp_memory_options){0});
    hp_command_cluster_set(cluster);
    return 0;
}

static int
tear_down(void **state)
{
    (void)state;
    hp_command_cluster_set(NULL);
    hp_cluster_free(cluster);
    return 0;
}

static int
redirect(int descriptor, char *path)
{
    int kept = dup(descriptor);
    int file = descriptor == 0 ? open(path, O_RDONLY) : mkstemp(path);

    assert_true(kept >= 0 && file >= 0);
    dup2(file, descriptor);
    close(file);
    return kept;
}

static void
put_back(int descriptor, int kept)
{
    dup2(kept, descriptor);
    close(kept);
}

static void
read_back(const char *path, char text[65536])
{
    FILE *file = fopen(path, "rb");

    assert_non_null(file);
    text[fread(text, 1, 65535, file)] = '\0';
    fclose(file);
    unlink(path);
}

/* Runs a command line of words between spaces, with `input` on standard input. */
static int
run(int (*command)(int, char **), const char *line, const char *input)
{
    char in_path[] = "/tmp/hamper-in-XXXXXX";
    char out_path[] = "/tmp/hamper-out-XXXXXX";
    char err_path[] = "/tmp/hamper-err-XXXXXX";
    char words[512];
    char *argv[ARGUMENTS_MAX + 1] = {0};
    char *rest = words;
    int argc = 0;
    int in = mkstemp(in_path);
    int kept[3];
    int result;

    assert_int_equal(write(in, input, strlen(input)), strlen(input));
    close(in);
    snprintf(words, sizeof(words), "%s", line);
    while (argc < ARGUMENTS_MAX && (argv[argc] = strsep(&rest, " ")))
        argc++;
    fflush(stdout);
    kept[0] = redirect(0, in_path);
    kept[1] = redirect(1, out_path);
    kept[2] = redirect(2, err_path);
    result = command(argc, argv);
    fflush(stdout);
    for (int i = 0; i < 3; i++)
        put_back(i, kept[i]);
    read_back(out_path, printed);
    read_back(err_path, told);
    unlink(in_path);
    return result;
}

static int64_t
records_of(const char *topic, int32_t partitions)
{
    int64_t sum = 0;

    for (int32_t i = 0; i < partitions; i++) {
        int64_t low;
        int64_t high;

        assert_int_equal(hp_cluster_watermarks(cluster, topic, i, &low, &high, NULL), HP_OK);
        sum += high;
    }
    return sum;
}

#define CREATE "topics --create -o replication.factor=1"

static void
create_makes_what_the_check_then_finds(void **state)
{
    (void)state;
    assert_int_equal(run(hp_cmd_topics, "topics -o replication.factor=1", ""), 1);
    assert_non_null(strstr(printed, "missing"));
    assert_int_equal(run(hp_cmd_topics, CREATE, ""), 0);
    assert_int_equal(run(hp_cmd_topics, "topics -o replication.factor=1", ""), 0);
    assert_null(strstr(printed, "missing"));
    assert_null(strstr(printed, "differs"));
}

/* Somebody's decision is told, not undone. */
static void
differences_are_told_and_never_altered(void **state)
{
    struct hp_arena arena = {0};
    struct hp_topic_info info;

    (void)state;
    assert_int_equal(run(hp_cmd_topics, CREATE, ""), 0);
    assert_int_equal(
        run(hp_cmd_topics, "topics --create -o replication.factor=1 -o partitions=6", ""), 1);
    assert_non_null(strstr(printed, "4 partitions, needs 6"));
    assert_int_equal(hp_cluster_topic(cluster, "gofig.orders", &arena, &info, NULL), HP_OK);
    assert_int_equal(info.partitions, 4);
    hp_arena_release(&arena);
}

static void
other_formats_name_every_topic(void **state)
{
    (void)state;
    assert_int_equal(run(hp_cmd_topics, "topics --format kafka-topics", ""), 0);
    assert_non_null(strstr(printed, "--create --if-not-exists --topic gofig.orders "
                                    "--partitions 4 --replication-factor 3"));
    assert_non_null(strstr(printed, "--config cleanup.policy=compact"));
    assert_int_equal(run(hp_cmd_topics, "topics --format=strimzi --cluster shop", ""), 0);
    assert_non_null(strstr(printed, "topicName: hamper-ledger-changelog\n"));
    assert_non_null(strstr(printed, "strimzi.io/cluster: shop\n"));
}

#define GOOD(id, user)                                                                         \
    "{\"order_id\":\"" id "\",\"user_id\":\"" user "\",\"ordered_at\":1767225600000,"          \
    "\"lines\":[{\"item_id\":\"i\",\"quantity\":1,\"unit_price_minor\":100}]}\n"

static void
good_lines_are_sent_and_bad_ones_listed(void **state)
{
    (void)state;
    assert_int_equal(run(hp_cmd_topics, CREATE, ""), 0);
    assert_int_equal(
        run(hp_cmd_produce, "produce orders",
            GOOD("o1", "asha") "\n{\"order_id\":7}\nnonsense\n" GOOD("o2", "ravi")),
        2);
    assert_non_null(strstr(told, "\n-:4: BAD_JSON: "));
    assert_non_null(strstr(told, "-:3: "));
    assert_non_null(strstr(told, "2 sent, 2 bad\n"));
    assert_int_equal(records_of("gofig.orders", 4), 2);
}

/* What the Java client would place must lie where it would. */
static void
records_are_placed_by_murmur2_of_the_user(void **state)
{
    int64_t low;
    int64_t high;

    (void)state;
    assert_int_equal(run(hp_cmd_topics, CREATE, ""), 0);
    assert_int_equal(run(hp_cmd_produce, "produce gofig.orders", GOOD("o1", "asha")), 0);
    assert_int_equal(hp_cluster_watermarks(cluster, "gofig.orders",
                         hp_partition_of(hp_bytes_text("asha"), 4), &low, &high, NULL),
        HP_OK);
    assert_int_equal(high, 1);
}

static void
check_sends_nothing(void **state)
{
    (void)state;
    assert_int_equal(run(hp_cmd_topics, CREATE, ""), 0);
    assert_int_equal(run(hp_cmd_produce, "produce --check orders", GOOD("o1", "asha")), 0);
    assert_non_null(strstr(told, "1 good, 0 bad"));
    assert_int_equal(records_of("gofig.orders", 4), 0);
}

static void
cat_shows_what_was_produced(void **state)
{
    (void)state;
    assert_int_equal(run(hp_cmd_topics, CREATE, ""), 0);
    assert_int_equal(run(hp_cmd_produce, "produce orders", GOOD("o1", "asha")), 0);
    assert_int_equal(run(hp_cmd_cat, "cat orders", ""), 0);
    assert_non_null(strstr(printed, "\"key\":\"asha\""));
    assert_non_null(strstr(printed, "\"order_id\":\"o1\""));
    assert_int_equal(run(hp_cmd_cat, "cat orders --from latest", ""), 0);
    assert_string_equal(printed, "");
    assert_int_equal(run(hp_cmd_cat, "cat orders --from 2999-01-01", ""), 0);
    assert_string_equal(printed, "");
}

static void
send_letter(const char *topic, const char *reason, const char *value, bool reduced)
{
    struct hp_header headers[] = {
        {hp_bytes_text("own"), hp_bytes_text("kept")},
        {hp_bytes_text("__connect.errors.topic"), hp_bytes_text(topic)},
        {hp_bytes_text("__connect.errors.partition"), hp_bytes_text("1")},
        {hp_bytes_text("__connect.errors.exception.class.name"), hp_bytes_text(reason)},
        {hp_bytes_text("hamper.value.size"), hp_bytes_text("300000")},
    };
    struct hp_outgoing record = {.topic = "hamper-dead-letters",
        .partition = 1,
        .key = hp_bytes_text("asha"),
        .value = hp_bytes_text(value),
        .headers = headers,
        .header_count = reduced ? 5 : 4};
    struct hp_producer *producer;

    assert_int_equal(hp_producer_new(cluster, NULL, &producer, NULL), HP_OK);
    assert_int_equal(hp_producer_send(producer, &record, NULL), HP_OK);
    assert_int_equal(hp_producer_flush(producer, NULL), HP_OK);
    hp_producer_free(producer, false);
}

static void
dead_letters_are_listed_by_topic_and_reason(void **state)
{
    (void)state;
    assert_int_equal(run(hp_cmd_topics, CREATE, ""), 0);
    send_letter("gofig.orders", "BAD_FRAME", "x", false);
    send_letter("gofig.orders", "BAD_FRAME", "y", false);
    send_letter("gofig.feedback", "LIMIT", "z", false);
    assert_int_equal(run(hp_cmd_dlq, "dlq list", ""), 0);
    assert_non_null(strstr(printed, "gofig.feedback"));
    assert_true(strstr(printed, "gofig.feedback") < strstr(printed, "gofig.orders"));
    assert_non_null(strstr(printed, "BAD_FRAME                   2"));
    assert_int_equal(run(hp_cmd_dlq, "dlq list --reason LIMIT", ""), 0);
    assert_null(strstr(printed, "gofig.orders"));
}

static void
replay_sends_back_without_the_error_headers(void **state)
{
    (void)state;
    assert_int_equal(run(hp_cmd_topics, CREATE, ""), 0);
    send_letter("gofig.orders", "BAD_FRAME", "x", false);
    send_letter("gofig.feedback", "LIMIT", "z", false);
    assert_int_equal(run(hp_cmd_dlq, "dlq replay --dry-run", ""), 0);
    assert_int_equal(records_of("gofig.orders", 4), 0);
    assert_int_equal(run(hp_cmd_dlq, "dlq replay --topic orders", ""), 0);
    assert_int_equal(records_of("gofig.orders", 4), 1);
    assert_int_equal(records_of("gofig.feedback", 4), 0);
    assert_int_equal(run(hp_cmd_cat, "cat orders", ""), 0);
    assert_non_null(strstr(printed, "\"headers\":[[\"own\",\"kept\"]]}"));
    assert_non_null(strstr(printed, "\"error\":\"BAD_FRAME\""));
}

static void
letters_without_their_value_are_not_replayed(void **state)
{
    (void)state;
    assert_int_equal(run(hp_cmd_topics, CREATE, ""), 0);
    send_letter("gofig.orders", "TOO_LARGE", "x", true);
    assert_int_equal(run(hp_cmd_dlq, "dlq replay", ""), 1);
    assert_non_null(strstr(told, "1 cannot be sent again"));
    assert_int_equal(records_of("gofig.orders", 4), 0);
}

/* Exit status 2 means: nothing was touched. */
static void
bad_usage_is_refused_with_a_clear_text(void **state)
{
    static const struct {
        int (*command)(int, char **);
        const char *line;
        const char *what;
    } cases[] = {
        {hp_cmd_topics, "topics --creat", "did you mean --create?"},
        {hp_cmd_topics, "topics now", "unexpected argument now"},
        {hp_cmd_topics, "topics --format xml", "expected text, kafka-topics or strimzi"},
        {hp_cmd_topics, "topics --create --format strimzi", "exclude each other"},
        {hp_cmd_topics, "topics --create=yes", "takes no value"},
        {hp_cmd_topics, "topics --format", "needs a value"},
        {hp_cmd_topics, "topics -o partition=3", "did you mean partitions?"},
        {hp_cmd_produce, "produce", "an argument is missing"},
        {hp_cmd_produce, "produce order", "did you mean orders?"},
        {hp_cmd_produce, "produce box-answers", "is not an input"},
        {hp_cmd_produce, "produce orders /nowhere/x.jsonl", "/nowhere/x.jsonl"},
        {hp_cmd_produce, "produce orders --partitioner md5", "expected murmur2"},
        {hp_cmd_cat, "cat", "an argument is missing"},
        {hp_cmd_cat, "cat orders --from yesterday", "expected earliest, latest"},
        {hp_cmd_cat, "cat orders --format cards", "topics of boxes"},
        {hp_cmd_cat, "cat orders --format xml", "expected json or cards"},
        {hp_cmd_dlq, "dlq", "an argument is missing"},
        {hp_cmd_dlq, "dlq delete", "expected list or replay"},
        {hp_cmd_dlq, "dlq list --dry-run", "belongs to replay"},
        {hp_cmd_healthcheck, "healthcheck -o http.listen=off", "nobody to ask"},
        {hp_cmd_healthcheck, "healthcheck --live --live", "given twice"},
        {hp_cmd_version, "version now", "unexpected argument now"},
    };

    (void)state;
    assert_int_equal(run(hp_cmd_topics, CREATE, ""), 0);
    for (size_t i = 0; i < HP_ARRAY_SIZE(cases); i++) {
        int result = run(cases[i].command, cases[i].line, "");

        if (result != 2 || !strstr(told, cases[i].what) || printed[0])
            fail_msg("%s: %d: %s", cases[i].line, result, told);
    }
    assert_int_equal(records_of("gofig.orders", 4), 0);
}

static void
healthcheck_fails_when_nobody_listens(void **state)
{
    (void)state;
    assert_int_equal(run(hp_cmd_healthcheck, "healthcheck -o http.listen=127.0.0.1:1", ""), 1);
    assert_non_null(strstr(told, "127.0.0.1:1: "));
}

static void
version_names_the_libraries(void **state)
{
    (void)state;
    assert_int_equal(run(hp_cmd_version, "version", ""), 0);
    assert_non_null(strstr(printed, "hamper " HAMPER_VERSION "\n"));
    assert_non_null(strstr(printed, "librdkafka "));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(create_makes_what_the_check_then_finds),
        TEST(differences_are_told_and_never_altered),
        TEST(other_formats_name_every_topic),
        TEST(good_lines_are_sent_and_bad_ones_listed),
        TEST(records_are_placed_by_murmur2_of_the_user),
        TEST(check_sends_nothing),
        TEST(cat_shows_what_was_produced),
        TEST(dead_letters_are_listed_by_topic_and_reason),
        TEST(replay_sends_back_without_the_error_headers),
        TEST(letters_without_their_value_are_not_replayed),
        TEST(bad_usage_is_refused_with_a_clear_text),
        TEST(healthcheck_fails_when_nobody_listens),
        TEST(version_names_the_libraries),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
