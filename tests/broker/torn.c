/*
 * tests/broker/torn.c - late requests on a real broker, one scene a call.
 *
 *     torn SCENE BROKERS PROXIED CONTROL
 *
 * A request of a producer's first transaction is kept by proxy.py and reaches the broker during
 * the second one (docs/decisions/doubt-rule.md). Exit status 0: what readers and the group see
 * is what the calls said; 3: it is not; 1: the scene could not be played. Built twice: as the
 * product is, and with HAMPER_TRUSTING, which believes what librdkafka returns.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "broker/broker_kafka.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define WRONG           3
#define KEY_HEARTBEAT   "12"
#define KEY_ADD_PARTS   "24"
#define KEY_END         "26"
#define KEY_OFFSETS     "28"
#define BROKER_TIME_OUT 3000 /* transaction.timeout.ms */

struct scene {
    struct hp_cluster *direct;
    struct hp_cluster *proxied;
    struct hp_member *member;
    struct hp_producer *producer;
    int control;
    bool assigned;
    char group[64];
    char in[80];
    char out[80];
    const char *topics[1];
    struct hp_error error; /* of the act that failed */
};

static void
pause_ms(int64_t ms)
{
    struct timespec time = {ms / 1000, ms % 1000 * 1000000};

    nanosleep(&time, NULL);
}

static void
must(enum hp_status status, const struct hp_error *error)
{
    if (status)
        hp_die("%s", error->text);
}

static int
dial(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
        .sin_port = htons((uint16_t)port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int handle = socket(AF_INET, SOCK_STREAM, 0);

    if (handle < 0 || connect(handle, (struct sockaddr *)&address, sizeof(address)))
        hp_die("the proxy's control port %d does not answer", port);
    return handle;
}

static void
tell(const struct scene *scene, const char *word, const char *key)
{
    char line[64];
    ssize_t size = snprintf(line, sizeof(line), "%s %s\n", word, key);

    if (write(scene->control, line, (size_t)size) != size ||
        read(scene->control, line, sizeof(line)) != 3)
        hp_die("the proxy does not take orders");
}

/* ---- players ------------------------------------------------------------------------- */

static struct hp_cluster *
open_cluster(const char *brokers, const struct hp_setting *producer, size_t count,
    const struct hp_setting *consumer, size_t consumer_count)
{
    struct hp_kafka_options options = {.bootstrap = brokers,
        .producer_settings = producer,
        .producer_setting_count = count,
        .consumer_settings = consumer,
        .consumer_setting_count = consumer_count};
    struct hp_cluster *cluster;
    struct hp_error error;

    must(hp_cluster_kafka_new(&options, &cluster, &error), &error);
    return cluster;
}

static void
on_assigned(void *context, const int32_t *partitions, size_t count)
{
    bool *assigned = context;

    (void)partitions;
    if (count)
        *assigned = true;
}

/* Who is told gives up what is in hand; who trusts its own memory does not. */
static void
on_revoked(void *context, const int32_t *partitions, size_t count, bool lost)
{
    bool *assigned = context;

    (void)partitions, (void)count, (void)lost;
#ifdef HAMPER_TRUSTING
    (void)assigned;
#else
    *assigned = false;
#endif
}

static void
join(struct scene *scene, struct hp_cluster *cluster, struct hp_member **member, bool *assigned)
{
    struct hp_member_options options = {.group = scene->group,
        .topics = scene->topics,
        .topic_count = 1,
        .listener = {assigned, on_assigned, on_revoked}};
    struct hp_error error;

    must(hp_member_new(cluster, &options, member, &error), &error);
    for (int i = 0; i < 600 && !*assigned; i++) {
        struct hp_poll poll;

        must(hp_member_poll(*member, 100, &poll, &error), &error);
    }
    if (!*assigned)
        hp_die("%s: nothing is assigned", scene->group);
}

static void
make_topics(const struct scene *scene)
{
    const char *names[] = {scene->in, scene->out};
    struct hp_error error;

    for (size_t i = 0; i < HP_ARRAY_SIZE(names); i++)
        must(hp_cluster_create(
                 scene->direct, &(struct hp_topic_spec){names[i], 1, 1, NULL, 0}, &error),
            &error);
}

/* ---- acts ---------------------------------------------------------------------------- */

static enum hp_status
send_value(struct scene *scene, struct hp_bytes value)
{
    return hp_producer_send(scene->producer,
        &(struct hp_outgoing){.topic = scene->out, .key = hp_bytes_text("key"), .value = value},
        &scene->error);
}

/* Small transactions are not sent before their commit, so there is filling. */
static enum hp_status
begin_and_send(struct scene *scene, const char *value)
{
    static const uint8_t filling[256 << 10];
    enum hp_status status = hp_producer_begin(scene->producer, &scene->error);

    if (!status)
        status = send_value(scene, hp_bytes(filling, sizeof(filling)));
    if (!status)
        status = send_value(scene, hp_bytes_text(value));
    pause_ms(300); /* until the broker has it */
    return status;
}

static enum hp_status
send_offset(
    struct hp_producer *producer, struct scene *scene, struct hp_member *member, int64_t offset)
{
    struct hp_position position = {scene->in, 0, offset};
    enum hp_status status = hp_producer_offsets(producer, member, &position, 1, &scene->error);

    pause_ms(300); /* until the broker has it */
    return status;
}

static int64_t
committed(const struct scene *scene)
{
    struct hp_position position = {scene->in, 0, HP_OFFSET_NONE};
    struct hp_error error;

    must(hp_cluster_committed(scene->direct, scene->group, &position, 1, &error), &error);
    return position.offset;
}

static bool
visible(const struct scene *scene, const char *value)
{
    const char *topics[] = {scene->out};
    struct hp_reader_options options = {.topics = topics, .topic_count = 1};
    struct hp_reader *reader;
    struct hp_error error;
    bool found = false;

    must(hp_reader_new(scene->direct, &options, &reader, &error), &error);
    must(hp_reader_assign(reader, 0, 0, 0, &error), &error);
    for (;;) {
        struct hp_poll poll;

        must(hp_reader_poll(reader, 5000, &poll, &error), &error);
        if (poll.kind != HP_POLL_RECORD)
            break;
        found |= hp_bytes_is(poll.message.value, value);
    }
    hp_reader_free(reader);
    return found;
}

static int
judge(bool right, const char *seen)
{
    printf("%s: %s\n", right ? "as it was said" : "WRONG", seen);
    return right ? 0 : WRONG;
}

/* Transaction 1, whose `key` request the proxy keeps; `commit` or abort. */
static void
first(struct scene *scene, const char *key, bool commit)
{
    struct hp_error error;

    if (strcmp(key, KEY_ADD_PARTS) == 0)
        tell(scene, "hold", key);
    must(begin_and_send(scene, "one"), &scene->error);
    if (strcmp(key, KEY_OFFSETS) == 0)
        tell(scene, "hold", key);
    must(send_offset(scene->producer, scene, scene->member, 1), &scene->error);
    if (strcmp(key, KEY_END) == 0)
        tell(scene, "hold", key);
    if (commit)
        must(hp_producer_commit(scene->producer, &error), &error);
    else
        hp_producer_abort(scene->producer);
    tell(scene, "wait", "");
}

static int
late_commit(struct scene *scene)
{
    first(scene, KEY_END, true);
    if (!begin_and_send(scene, "two") && !send_offset(scene->producer, scene, scene->member, 5))
        tell(scene, "release", "");
    hp_producer_abort(scene->producer);
    return judge(!visible(scene, "two") && committed(scene) == 1,
        visible(scene, "two") ? "an aborted record is visible" : "aborted is aborted");
}

static int
late_commit_without_offsets(struct scene *scene)
{
    first(scene, KEY_END, true);
    must(begin_and_send(scene, "two"), &scene->error);
    tell(scene, "release", "");
    hp_producer_abort(scene->producer);
    return judge(!visible(scene, "two"),
        visible(scene, "two") ? "an aborted record is visible" : "aborted is aborted");
}

static int
late_abort(struct scene *scene)
{
    struct hp_error error;
    bool done;

    first(scene, KEY_END, false);
    must(begin_and_send(scene, "two"), &scene->error);
    tell(scene, "release", "");
    must(send_offset(scene->producer, scene, scene->member, 5), &scene->error);
    done = hp_producer_commit(scene->producer, &error) == HP_OK;
    return judge(done == visible(scene, "two") && done == (committed(scene) == 5),
        visible(scene, "two") ? "the commit counts"
                              : "the commit succeeded, its record is lost");
}

static int
late_offsets(struct scene *scene)
{
    struct hp_error error;
    bool done;

    first(scene, KEY_OFFSETS, true);
    must(begin_and_send(scene, "two"), &scene->error);
    must(send_offset(scene->producer, scene, scene->member, 5), &scene->error);
    tell(scene, "release", "");
    done = hp_producer_commit(scene->producer, &error) == HP_OK;
    return judge(done && committed(scene) == 5,
        committed(scene) == 5 ? "the offset stands" : "the committed offset went back");
}

static int
late_partitions(struct scene *scene)
{
    struct hp_error error;
    bool done;

    first(scene, KEY_ADD_PARTS, true);
    pause_ms(
        500); /* until the first transaction is quite over: the request must open another */
    tell(scene, "release", "");
    pause_ms(BROKER_TIME_OUT + 2000); /* the broker ends what nobody else will */
    done = !begin_and_send(scene, "two") &&
           !send_offset(scene->producer, scene, scene->member, 5) &&
           !hp_producer_commit(scene->producer, &error);
    return judge(done && visible(scene, "two"),
        done ? "the next transaction counts" : "the next transaction is fenced by nobody");
}

/*
 * Silent beyond its session; another has its partition; then it is a member again, of the
 * newest generation, and commits what it has in hand. The broker does not ask who has what.
 */
static int
zombie(struct scene *scene)
{
    static const struct hp_setting short_session[] = {
        {"session.timeout.ms", "2000"}, {"heartbeat.interval.ms", "300"}};
    struct hp_cluster *through =
        open_cluster(getenv("PROXIED"), NULL, 0, short_session, HP_ARRAY_SIZE(short_session));
    struct hp_member *sleeper;
    struct hp_member *heir;
    struct hp_producer *late;
    struct hp_error error;
    bool slept = false;
    bool inherited = false;
    bool done;

    join(scene, through, &sleeper, &slept);
    must(hp_producer_new(scene->direct, "torn-sleeper", &late, &error), &error);
    must(hp_producer_begin(late, &error), &error);
    tell(scene, "freeze", KEY_HEARTBEAT);
    join(scene, scene->direct, &heir, &inherited);
    must(hp_producer_begin(scene->producer, &error), &error);
    must(send_offset(scene->producer, scene, heir, 7), &scene->error);
    must(hp_producer_commit(scene->producer, &error), &error);
    tell(scene, "thaw", "");
    for (int i = 0; i < 50; i++) { /* both take part in the rebalance */
        struct hp_poll poll;

        must(hp_member_poll(sleeper, 50, &poll, &error), &error);
        must(hp_member_poll(heir, 50, &poll, &error), &error);
    }
    done = slept && !send_offset(late, scene, sleeper, 3) && !hp_producer_commit(late, &error);
    return judge(!done && committed(scene) == 7,
        done ? "who lost the partition commits for it" : "it has nothing left to commit");
}

/* ---- the programme ------------------------------------------------------------------- */

static const struct {
    const char *name;
    int (*play)(struct scene *);
    bool joins;
} scenes[] = {
    {"late-commit", late_commit, true},
    {"late-commit-without-offsets", late_commit_without_offsets, true},
    {"late-abort", late_abort, true},
    {"late-offsets", late_offsets, true},
    {"late-partitions", late_partitions, true},
    {"zombie", zombie, false},
};

int
main(int argc, char **argv)
{
    static const struct hp_setting settings[] = {{"transaction.timeout.ms", "3000"}};
    struct scene scene = {0};
    struct hp_error error;

    if (argc != 5)
        hp_die("usage: torn SCENE BROKERS PROXIED CONTROL");
    setenv("PROXIED", argv[3], 1);
    snprintf(scene.group, sizeof(scene.group), "torn-%d", (int)getpid());
    snprintf(scene.in, sizeof(scene.in), "%s-in", scene.group);
    snprintf(scene.out, sizeof(scene.out), "%s-out", scene.group);
    scene.topics[0] = scene.in;
    scene.direct = open_cluster(argv[2], NULL, 0, NULL, 0);
    scene.proxied = open_cluster(argv[3], settings, 1, NULL, 0);
    scene.control = dial((int)strtol(argv[4], NULL, 10));
    make_topics(&scene);
    must(hp_producer_new(scene.proxied, scene.group, &scene.producer, &error), &error);
    for (size_t i = 0; i < HP_ARRAY_SIZE(scenes); i++) {
        if (strcmp(scenes[i].name, argv[1]) != 0)
            continue;
        if (scenes[i].joins)
            join(&scene, scene.direct, &scene.member, &scene.assigned);
        i = (size_t)scenes[i].play(&scene);
        fflush(stdout);
        _exit((int)i); /* as a crash: nothing is tidied up */
    }
    hp_die("no scene %s", argv[1]);
}
