/*
 * What a registry answers decides whether a record waits or is lost, so every kind of answer is
 * tried: from folders somebody else may write to, and from servers that are slow, wrong or
 * down.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "codec/records.h"
#include "codec/registry.h"
#include "domain/reasons.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* A folder of schemas that a test fills as it likes. */

struct folder {
    char path[64];
    struct hp_error error;
    struct hp_registry *registry;
};

static int
folder_set_up(void **state)
{
    struct folder *folder = hp_alloc(sizeof(*folder));

    snprintf(folder->path, sizeof(folder->path), "/tmp/hamper-registry-XXXXXX");
    assert_non_null(mkdtemp(folder->path));
    *state = folder;
    return 0;
}

static int
folder_tear_down(void **state)
{
    static const char *const names[] = {"inside/in.avsc", "inside", "index.json", "a.avsc",
        "b.avsc", "link.avsc", "huge.avsc", "pipe.avsc", ""};
    struct folder *folder = *state;

    hp_registry_free(folder->registry);
    for (size_t i = 0; i < HP_ARRAY_SIZE(names); i++) {
        char path[128];

        snprintf(path, sizeof(path), "%s/%s", folder->path, names[i]);
        remove(path);
    }
    free(folder);
    return 0;
}

static void
put_file(struct folder *folder, const char *name, const char *text)
{
    char path[128];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", folder->path, name);
    file = fopen(path, "wb");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static enum hp_status
open_folder(struct folder *folder)
{
    char url[80];
    struct hp_registry_options options = {.url = url};

    snprintf(url, sizeof(url), "file:%s", folder->path);
    return hp_registry_open(&options, &folder->registry, &folder->error);
}

static void
refused_folder(struct folder *folder, const char *index, const char *word)
{
    put_file(folder, "index.json", index);
    assert_int_equal(open_folder(folder), HP_USAGE);
    if (!strstr(folder->error.text, word))
        fail_msg("%s gave: %s", index, folder->error.text);
}

static void
folder_gives_schemas_by_id_older_ones_too(void **state)
{
    struct folder *folder = *state;
    struct hp_buffer json = {0};
    int32_t id = 0;

    put_file(folder, "a.avsc", "\"int\"");
    put_file(folder, "b.avsc", " \"long\" ");
    put_file(folder, "index.json",
        "{\"t-value\":{\"id\":7,\"file\":\"a.avsc\",\"older\":[{\"id\":5,\"file\":\"b.avsc\"}]}"
        "}");
    assert_int_equal(open_folder(folder), HP_OK);
    assert_int_equal(hp_registry_schema(folder->registry, 5, &json, &folder->error), HP_OK);
    assert_true(hp_bytes_is(hp_buffer_bytes(&json), " \"long\" "));
    assert_int_equal(
        hp_registry_schema(folder->registry, 6, &json, &folder->error), HP_BAD_RECORD);
    assert_string_equal(folder->error.code, HP_CODE_UNKNOWN_SCHEMA);
    assert_int_equal(hp_registry_id(folder->registry, "t-value", hp_bytes_text("\"long\""), &id,
                         &folder->error),
        HP_OK);
    assert_int_equal(id, 5); /* equal as JSON, whatever the white space */
    assert_int_equal(hp_registry_id(folder->registry, "renamed-value", hp_bytes_text("\"int\""),
                         &id, &folder->error),
        HP_OK);
    assert_int_equal(id, 7);
    assert_int_equal(hp_registry_id(folder->registry, "t-value", hp_bytes_text("\"double\""),
                         &id, &folder->error),
        HP_USAGE);
    hp_buffer_release(&json);
}

static void
names_that_leave_the_folder_are_refused(void **state)
{
    static const char *const names[] = {"../a.avsc", "/etc/passwd", "", ".", "..", "inside/..",
        "inside/../../x", "a//b", "a.avsc/", "./a.avsc", "a\\\\b", "a\\nb"};
    struct folder *folder = *state;

    put_file(folder, "a.avsc", "\"int\"");
    for (size_t i = 0; i < HP_ARRAY_SIZE(names); i++) {
        char index[128];

        snprintf(index, sizeof(index), "{\"t-value\":{\"id\":1,\"file\":\"%s\"}}", names[i]);
        refused_folder(folder, index, "no plain file name");
    }
}

/* Kubernetes mounts a ConfigMap as links inside its folder; those are fine. */
static void
links_may_stay_inside_but_not_leave(void **state)
{
    struct folder *folder = *state;
    char link_path[128];
    struct hp_buffer json = {0};

    snprintf(link_path, sizeof(link_path), "%s/inside", folder->path);
    assert_int_equal(mkdir(link_path, 0700), 0);
    put_file(folder, "inside/in.avsc", "\"int\"");
    snprintf(link_path, sizeof(link_path), "%s/link.avsc", folder->path);
    assert_int_equal(symlink("inside/in.avsc", link_path), 0);
    put_file(folder, "index.json", "{\"t-value\":{\"id\":1,\"file\":\"link.avsc\"}}");
    assert_int_equal(open_folder(folder), HP_OK);
    assert_int_equal(hp_registry_schema(folder->registry, 1, &json, &folder->error), HP_OK);
    hp_buffer_release(&json);
    hp_registry_free(folder->registry);
    folder->registry = NULL;

    assert_int_equal(unlink(link_path), 0);
    assert_int_equal(symlink("/etc/passwd", link_path), 0);
    assert_int_equal(open_folder(folder), HP_USAGE);
    assert_non_null(strstr(folder->error.text, "leads out"));
}

static void
broken_index_names_file_and_entry(void **state)
{
    struct folder *folder = *state;

    assert_int_equal(open_folder(folder), HP_USAGE);
    assert_non_null(strstr(folder->error.text, "index.json"));
    put_file(folder, "a.avsc", "\"int\"");
    put_file(folder, "b.avsc", "\"int\"");
    refused_folder(folder, "{", "line 1");
    refused_folder(folder, "[]", "no object");
    refused_folder(folder, "{\"t-value\":{\"file\":\"a.avsc\"}}", "t-value");
    refused_folder(folder, "{\"t-value\":{\"id\":0,\"file\":\"a.avsc\"}}", "t-value");
    refused_folder(folder, "{\"t-value\":{\"id\":2147483648,\"file\":\"a.avsc\"}}", "t-value");
    refused_folder(folder, "{\"t-value\":{\"id\":1}}", "t-value");
    refused_folder(folder, "{\"t-value\":{\"id\":1,\"file\":\"gone.avsc\"}}", "gone.avsc");
    refused_folder(folder,
        "{\"t-value\":{\"id\":1,\"file\":\"a.avsc\"},\"u-value\":{\"id\":1,\"file\":\"b.avsc\"}"
        "}",
        "id 1 is both");
    refused_folder(folder,
        "{\"t-value\":{\"id\":1,\"file\":\"a.avsc\",\"older\":[{\"id\":2,\"file\":\"../x\"}]}}",
        "no plain file name");
}

/* A schema can be dropped in while hamper runs; a half-written index makes the record wait. */
static void
changed_index_is_read_again(void **state)
{
    struct folder *folder = *state;
    struct hp_buffer json = {0};

    put_file(folder, "a.avsc", "\"int\"");
    put_file(folder, "index.json", "{\"t-value\":{\"id\":1,\"file\":\"a.avsc\"}}");
    assert_int_equal(open_folder(folder), HP_OK);
    put_file(folder, "index.json", "{\"t-value\":{\"id\":1,");
    assert_int_equal(hp_registry_schema(folder->registry, 2, &json, &folder->error), HP_RETRY);
    assert_int_equal(folder->error.status, HP_RETRY);
    assert_int_equal(hp_registry_schema(folder->registry, 1, &json, &folder->error), HP_OK);
    put_file(folder, "index.json",
        "{\"t-value\":{\"id\":1,\"file\":\"a.avsc\",\"older\":[{\"id\":2,\"file\":\"a.avsc\"}]}"
        "}");
    assert_int_equal(hp_registry_schema(folder->registry, 2, &json, &folder->error), HP_OK);
    assert_int_equal(
        hp_registry_schema(folder->registry, 3, &json, &folder->error), HP_BAD_RECORD);
    hp_buffer_release(&json);
}

static void
huge_files_and_pipes_are_not_read(void **state)
{
    struct folder *folder = *state;
    struct hp_buffer json = {0};
    char path[128];

    snprintf(path, sizeof(path), "%s/huge.avsc", folder->path);
    put_file(folder, "huge.avsc", "x");
    assert_int_equal(truncate(path, HP_REGISTRY_SCHEMA_MAX + 1), 0);
    snprintf(path, sizeof(path), "%s/pipe.avsc", folder->path);
    assert_int_equal(mkfifo(path, 0600), 0);
    put_file(folder, "index.json",
        "{\"t-value\":{\"id\":1,\"file\":\"huge.avsc\"},\"u-value\":{\"id\":2,\"file\":"
        "\"pipe.avsc\"}}");
    assert_int_equal(open_folder(folder), HP_OK);
    assert_int_equal(hp_registry_schema(folder->registry, 1, &json, &folder->error), HP_RETRY);
    assert_int_equal(hp_registry_schema(folder->registry, 2, &json, &folder->error), HP_RETRY);
    assert_int_equal(json.size, 0);
    hp_buffer_release(&json);
}

static void
odd_urls_are_refused(void **state)
{
    static const char *const urls[] = {
        "", "schemas", "ftp://x/", "https://", "http://h/?a=b", "file:/no/such/folder"};
    struct hp_error error;
    struct hp_registry *registry;

    (void)state;
    for (size_t i = 0; i < HP_ARRAY_SIZE(urls); i++) {
        struct hp_registry_options options = {.url = urls[i]};

        assert_int_equal(hp_registry_open(&options, &registry, &error), HP_USAGE);
        assert_non_null(strstr(error.text, "schema.registry.url"));
    }
}

/* A server that gives one prepared answer a connection, and remembers what it was asked. */

struct server {
    int listener;
    pthread_t thread;
    pthread_mutex_t lock;
    const char *answer; /* NULL: takes the request and stays silent */
    size_t padding;     /* bytes of 'x' after the answer */
    int count;          /* of requests */
    char request[2048]; /* the last one */
    char url[80];
    struct hp_error error;
    struct hp_registry *registry;
    struct hp_buffer json;
};

static int64_t fake_now_ms;

static int64_t
fake_now(void)
{
    return fake_now_ms;
}

static void
read_request(struct server *server, int client)
{
    char request[sizeof(server->request)] = "";
    size_t size = 0;
    const char *body = NULL;
    size_t wanted = 0;

    while (size < sizeof(request) - 1 && !(body && strlen(body) >= wanted)) {
        ssize_t got = recv(client, request + size, sizeof(request) - 1 - size, 0);
        const char *length;

        if (got <= 0)
            break;
        size += (size_t)got;
        request[size] = 0;
        body = strstr(request, "\r\n\r\n");
        length = strcasestr(request, "content-length:");
        wanted = 4 + (length ? strtoul(length + 15, NULL, 10) : 0);
    }
    pthread_mutex_lock(&server->lock);
    memcpy(server->request, request, sizeof(request));
    server->count++;
    pthread_mutex_unlock(&server->lock);
}

static void
send_answer(struct server *server, int client)
{
    static const char block[4096] = "xxxxxxxxxxxxxxxx";
    const char *answer;
    size_t padding;

    pthread_mutex_lock(&server->lock);
    answer = server->answer;
    padding = server->padding;
    pthread_mutex_unlock(&server->lock);
    if (answer)
        send(client, answer, strlen(answer), MSG_NOSIGNAL);
    else
        recv(client, &(char){0}, 1, 0); /* until the client gives up */
    for (; padding > 0; padding -= sizeof(block) < padding ? sizeof(block) : padding)
        if (send(client, block, sizeof(block), MSG_NOSIGNAL) < 0)
            break;
}

static void *
serve(void *argument)
{
    struct server *server = argument;
    int client;

    while ((client = accept(server->listener, NULL, NULL)) >= 0) {
        read_request(server, client);
        send_answer(server, client);
        close(client);
    }
    return NULL;
}

static void
open_http(struct server *server, bool auto_register)
{
    struct hp_registry_options options = {.url = server->url,
        .auto_register = auto_register,
        .timeout_ms = 400,
        .unknown_ttl_ms = 1000,
        .back_off_ms = 500,
        .now_ms = fake_now};

    hp_registry_free(server->registry);
    if (hp_registry_open(&options, &server->registry, &server->error))
        fail_msg("%s", server->error.text);
}

static int
server_set_up(void **state)
{
    struct server *server = hp_alloc(sizeof(*server));
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof(address);

    unsetenv("http_proxy"); /* the loop back is not asked for by way of somebody else */
    unsetenv("HTTP_PROXY");
    unsetenv("all_proxy");
    unsetenv("ALL_PROXY");
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    pthread_mutex_init(&server->lock, NULL);
    server->listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(server->listener >= 0);
    assert_int_equal(bind(server->listener, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(server->listener, 8), 0);
    assert_int_equal(getsockname(server->listener, (struct sockaddr *)&address, &size), 0);
    snprintf(server->url, sizeof(server->url), "http://me:s%%40fe@127.0.0.1:%d/base/",
        ntohs(address.sin_port));
    assert_int_equal(pthread_create(&server->thread, NULL, serve, server), 0);
    fake_now_ms = 1000;
    open_http(server, false);
    *state = server;
    return 0;
}

static int
server_tear_down(void **state)
{
    struct server *server = *state;

    hp_registry_free(server->registry);
    shutdown(server->listener, SHUT_RDWR);
    pthread_join(server->thread, NULL);
    close(server->listener);
    pthread_mutex_destroy(&server->lock);
    hp_buffer_release(&server->json);
    free(server);
    return 0;
}

static void
set_answer(struct server *server, const char *answer, size_t padding)
{
    pthread_mutex_lock(&server->lock);
    server->answer = answer;
    server->padding = padding;
    pthread_mutex_unlock(&server->lock);
}

static int
request_count(struct server *server)
{
    int count;

    pthread_mutex_lock(&server->lock);
    count = server->count;
    pthread_mutex_unlock(&server->lock);
    return count;
}

static void
assert_asked(struct server *server, const char *text)
{
    pthread_mutex_lock(&server->lock);
    if (!strstr(server->request, text))
        print_error("asked: %s\n", server->request);
    assert_non_null(strstr(server->request, text));
    pthread_mutex_unlock(&server->lock);
}

static enum hp_status
get(struct server *server, int32_t id)
{
    server->json.size = 0;
    server->error.text[0] = 0;
    return hp_registry_schema(server->registry, id, &server->json, &server->error);
}

#define ANSWER(status, body) "HTTP/1.1 " status "\r\nConnection: close\r\n\r\n" body

static void
server_gives_a_schema_and_sees_who_asks(void **state)
{
    struct server *server = *state;

    set_answer(server, ANSWER("200 OK", "{\"schema\":\"{\\\"type\\\": \\\"int\\\"}\"}"), 0);
    assert_int_equal(get(server, 42), HP_OK);
    assert_true(hp_bytes_is(hp_buffer_bytes(&server->json), "{\"type\": \"int\"}"));
    assert_asked(server, "GET /base/schemas/ids/42 HTTP/1.1\r\n");
    assert_asked(server, "Authorization: Basic bWU6c0BmZQ==\r\n"); /* me:s@fe */
    assert_null(strstr(hp_registry_name(server->registry), "me"));
}

static void
unknown_id_is_believed_for_a_while(void **state)
{
    struct server *server = *state;

    set_answer(server,
        ANSWER("404 Not Found", "{\"error_code\":40403,\"message\":\"Schema not found\"}"), 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(get(server, 9), HP_BAD_RECORD);
        assert_string_equal(server->error.code, HP_CODE_UNKNOWN_SCHEMA);
    }
    assert_int_equal(request_count(server), 1);
    fake_now_ms += 1001;
    set_answer(server, ANSWER("200 OK", "{\"schema\":\"1\"}"), 0);
    assert_int_equal(get(server, 9), HP_OK);
    assert_int_equal(request_count(server), 2);
}

/* None of these says that the schema does not exist, so none may cost a record. */
static void
answers_that_are_none_make_the_record_wait(void **state)
{
    static const char *const answers[] = {
        ANSWER("404 Not Found", "<html>no such page</html>"),
        ANSWER("404 Not Found", "{\"error_code\":404,\"message\":\"HTTP 404 Not Found\"}"),
        ANSWER("200 OK", "<html>please log in</html>"),
        ANSWER("200 OK", "{\"schema\":7}"),
        ANSWER("200 OK", ""),
        ANSWER("401 Unauthorized", "{\"error_code\":40101}"),
        ANSWER("500 Internal Server Error", "{\"error_code\":50001}"),
        ANSWER("503 Busy", ""),
        "HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nConnection: close\r\n\r\n",
        "HTTP/1.1 307 Moved\r\nLocation: file:///etc/passwd\r\nConnection: close\r\n\r\n",
        "garbage\r\n\r\n",
    };
    struct server *server = *state;

    for (size_t i = 0; i < HP_ARRAY_SIZE(answers); i++) {
        int before = request_count(server);

        set_answer(server, answers[i], 0);
        fake_now_ms += 1000;
        assert_int_equal(get(server, 4), HP_RETRY);
        assert_true(server->error.text[0] != 0);
        assert_int_equal(server->json.size, 0);
        assert_int_equal(request_count(server), before + 1); /* redirects are not followed */
    }
}

static void
schemas_that_are_no_avro_are_refused(void **state)
{
    static const char *const answers[] = {
        ANSWER("200 OK", "{\"schemaType\":\"PROTOBUF\",\"schema\":\"syntax\"}"),
        ANSWER("200 OK", "{\"schema\":\"1\",\"references\":[{\"name\":\"a\",\"subject\":\"s\","
                         "\"version\":1}]}"),
    };
    struct server *server = *state;

    for (size_t i = 0; i < HP_ARRAY_SIZE(answers); i++) {
        set_answer(server, answers[i], 0);
        assert_int_equal(get(server, 4), HP_BAD_RECORD);
        assert_string_equal(server->error.code, HP_CODE_SCHEMA_REFUSED);
    }
}

static void
endless_answer_is_cut_off(void **state)
{
    struct server *server = *state;

    set_answer(server, ANSWER("200 OK", "{\"schema\":\""), (size_t)64 << 20);
    assert_int_equal(get(server, 4), HP_BAD_RECORD);
    assert_string_equal(server->error.code, HP_CODE_SCHEMA_REFUSED);
    set_answer(server,
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\nConnection: close\r\n\r\n{", 0);
    assert_int_equal(get(server, 5), HP_BAD_RECORD);
    assert_string_equal(server->error.code, HP_CODE_SCHEMA_REFUSED);
}

/* One slow answer costs one time-out, not one a record. */
static void
silent_server_is_given_a_rest(void **state)
{
    struct server *server = *state;

    set_answer(server, NULL, 0);
    assert_int_equal(get(server, 4), HP_RETRY);
    assert_int_equal(get(server, 4), HP_RETRY);
    assert_int_equal(get(server, 5), HP_RETRY);
    assert_int_equal(request_count(server), 1);
    set_answer(server, ANSWER("200 OK", "{\"schema\":\"1\"}"), 0);
    fake_now_ms += 501;
    assert_int_equal(get(server, 4), HP_OK);
}

static void
server_that_is_down_is_a_reason_to_wait(void **state)
{
    struct server *server = *state;

    shutdown(server->listener, SHUT_RDWR);
    pthread_join(server->thread, NULL);
    assert_int_equal(pthread_create(&server->thread, NULL, serve, server), 0);
    assert_int_equal(get(server, 4), HP_RETRY);
    assert_null(strstr(server->error.text, "s@fe"));
}

static void
subject_is_looked_up_and_not_registered_unasked(void **state)
{
    struct server *server = *state;
    int32_t id = 0;

    set_answer(server, ANSWER("200 OK", "{\"subject\":\"a\",\"id\":12,\"version\":1}"), 0);
    assert_int_equal(hp_registry_id(server->registry, "a/b ?-value", hp_bytes_text("\"int\""),
                         &id, &server->error),
        HP_OK);
    assert_int_equal(id, 12);
    assert_asked(server, "POST /base/subjects/a%2Fb%20%3F-value HTTP/1.1\r\n");
    assert_asked(server, "Content-Type: application/vnd.schemaregistry.v1+json\r\n");
    assert_asked(server, "{\"schema\":\"\\\"int\\\"\"}");

    set_answer(server, ANSWER("404 Not Found", "{\"error_code\":40401}"), 0);
    assert_int_equal(
        hp_registry_id(server->registry, "a", hp_bytes_text("\"int\""), &id, &server->error),
        HP_USAGE);
    assert_non_null(strstr(server->error.text, "auto.register.schemas"));
    assert_int_equal(request_count(server), 2);
}

static void
schema_is_registered_when_asked_to(void **state)
{
    struct server *server = *state;
    int32_t id = 0;

    open_http(server, true);
    set_answer(server, ANSWER("404 Not Found", "{\"error_code\":40403}"), 0);
    assert_int_equal(
        hp_registry_id(server->registry, "a", hp_bytes_text("\"int\""), &id, &server->error),
        HP_USAGE);
    assert_asked(server, "POST /base/subjects/a/versions HTTP/1.1\r\n");
    set_answer(server, ANSWER("409 Conflict", "{\"error_code\":409}"), 0);
    assert_int_equal(
        hp_registry_id(server->registry, "a", hp_bytes_text("\"int\""), &id, &server->error),
        HP_USAGE);
    assert_non_null(strstr(server->error.text, "does not take"));
}

#define FOLDER(name) cmocka_unit_test_setup_teardown(name, folder_set_up, folder_tear_down)
#define SERVER(name) cmocka_unit_test_setup_teardown(name, server_set_up, server_tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        FOLDER(folder_gives_schemas_by_id_older_ones_too),
        FOLDER(names_that_leave_the_folder_are_refused),
        FOLDER(links_may_stay_inside_but_not_leave),
        FOLDER(broken_index_names_file_and_entry),
        FOLDER(changed_index_is_read_again),
        FOLDER(huge_files_and_pipes_are_not_read),
        cmocka_unit_test(odd_urls_are_refused),
        SERVER(server_gives_a_schema_and_sees_who_asks),
        SERVER(unknown_id_is_believed_for_a_while),
        SERVER(answers_that_are_none_make_the_record_wait),
        SERVER(schemas_that_are_no_avro_are_refused),
        SERVER(endless_answer_is_cut_off),
        SERVER(silent_server_is_given_a_rest),
        SERVER(server_that_is_down_is_a_reason_to_wait),
        SERVER(subject_is_looked_up_and_not_registered_unasked),
        SERVER(schema_is_registered_when_asked_to),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
