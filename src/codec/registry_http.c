/*
 * codec/registry_http.c - a Confluent-compatible registry over HTTP.
 *
 * What an answer means decides the fate of records, so it is read narrowly. Only a 404 with a
 * registry's own error code (404xx) says "no such schema": a 404 of a wrong base URL, a log-in
 * page with status 200, redirects, 401 and 5xx all mean "ask again later", because a dead
 * letter for a good record cannot be taken back by fixing the configuration.
 *
 * Bounded: time per request, bytes per answer, no redirects, no other protocols, no compressed
 * bodies. After an unreachable server nobody is asked for `back_off_ms`; ids it did not know
 * stay unknown for `unknown_ttl_ms`, in a table of fixed size where a newer id displaces an
 * older one. Schemas themselves are kept by the codec, compiled.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "codec/registry_ops.h"
#include "domain/reasons.h"

#include <curl/curl.h>
#include <jansson.h>
#include <pthread.h>

#define ANSWER_MAX   (4 * HP_REGISTRY_SCHEMA_MAX) /* a schema inside a JSON string */
#define UNKNOWN_MAX  1024
#define CONTENT_TYPE "application/vnd.schemaregistry.v1+json"

struct unknown_id {
    int32_t id;
    int64_t until_ms;
};

struct http_registry {
    struct hp_registry registry; /* its name is the URL without user and password */
    char *user;                  /* NULL: none */
    char *password;
    struct hp_registry_options options;
    pthread_mutex_t lock;
    CURL *curl;
    struct curl_slist *headers;
    int64_t asleep_until_ms;
    struct unknown_id unknown[UNKNOWN_MAX];
};

struct answer {
    long status;
    struct hp_buffer body;
    bool too_large;
};

static int64_t
machine_now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static size_t
take_body(char *data, size_t size, size_t count, void *context)
{
    struct answer *answer = context;

    if (size * count > ANSWER_MAX - answer->body.size) {
        answer->too_large = true;
        return 0; /* ends the transfer */
    }
    hp_buffer_append(&answer->body, data, size * count);
    return size * count;
}

static void
set_options(struct http_registry *http)
{
    CURL *curl = http->curl;

    curl_easy_reset(curl);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)http->options.timeout_ms);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)http->options.timeout_ms);
    curl_easy_setopt(curl, CURLOPT_MAXFILESIZE, (long)ANSWER_MAX);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "hamper/" HAMPER_VERSION);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, http->headers);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
    if (http->user) {
        curl_easy_setopt(curl, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
        curl_easy_setopt(curl, CURLOPT_USERNAME, http->user);
        curl_easy_setopt(curl, CURLOPT_PASSWORD, http->password ? http->password : "");
    }
}

/* GET, or POST when there is a `body`. HP_RETRY when no whole answer came. */
static enum hp_status
ask(struct http_registry *http, const char *path, const char *body, struct answer *answer,
    struct hp_error *error)
{
    struct hp_buffer url = {0};
    int64_t now_ms = http->options.now_ms();
    CURLcode code;

    if (now_ms < http->asleep_until_ms)
        return hp_fail(error, HP_RETRY, "%s did not answer a moment ago", http->registry.name);
    hp_buffer_printf(&url, "%s%s", http->registry.name, path);
    hp_put_u8(&url, 0);
    set_options(http);
    curl_easy_setopt(http->curl, CURLOPT_URL, (const char *)url.data);
    curl_easy_setopt(http->curl, CURLOPT_WRITEDATA, answer);
    if (body)
        curl_easy_setopt(http->curl, CURLOPT_POSTFIELDS, body);
    code = curl_easy_perform(http->curl);
    hp_buffer_release(&url);
    curl_easy_getinfo(http->curl, CURLINFO_RESPONSE_CODE, &answer->status);
    if (code == CURLE_FILESIZE_EXCEEDED)
        answer->too_large = true;
    if (code == CURLE_OK || answer->too_large)
        return HP_OK;
    http->asleep_until_ms = http->options.now_ms() + http->options.back_off_ms;
    return hp_fail(
        error, HP_RETRY, "%s%s: %s", http->registry.name, path, curl_easy_strerror(code));
}

static json_t *
answer_json(const struct answer *answer)
{
    return answer->body.size
               ? json_loadb((const char *)answer->body.data, answer->body.size, 0, NULL)
               : NULL;
}

/* The registry itself says that there is no such thing. */
static bool
says_unknown(const struct answer *answer)
{
    json_t *json = answer->status == 404 ? answer_json(answer) : NULL;
    json_int_t code = json_integer_value(json_object_get(json, "error_code"));

    json_decref(json);
    return code >= 40400 && code <= 40499;
}

static enum hp_status
odd_answer(const struct http_registry *http, const char *path, const struct answer *answer,
    struct hp_error *error)
{
    return hp_fail(error, HP_RETRY, "%s%s: status %ld is no answer of a schema registry%s",
        http->registry.name, path, answer->status,
        answer->status == 401 || answer->status == 403 ? "; user or password missing?"
        : answer->status == 404                        ? "; is the base URL right?"
                                                       : "");
}

static enum hp_status
refused(int32_t id, const char *why, struct hp_error *error)
{
    return hp_bad(error, HP_CODE_SCHEMA_REFUSED, "schema id %d %s", id, why);
}

static enum hp_status
take_schema(const struct http_registry *http, const char *path, int32_t id,
    const struct answer *answer, struct hp_buffer *json, struct hp_error *error)
{
    json_t *root = answer->status == 200 ? answer_json(answer) : NULL;
    const json_t *text = json_object_get(root, "schema");
    const char *type = json_string_value(json_object_get(root, "schemaType"));
    enum hp_status status = HP_OK;

    if (!json_is_string(text))
        status = odd_answer(http, path, answer, error);
    else if (type && strcmp(type, "AVRO") != 0)
        status = refused(id, "is not Avro", error);
    else if (json_array_size(json_object_get(root, "references")) > 0)
        status =
            refused(id, "refers to other schemas; register it with its types inside", error);
    else if (json_string_length(text) > HP_REGISTRY_SCHEMA_MAX)
        status = refused(id, "is larger than 1 MiB", error);
    else
        hp_buffer_append(json, json_string_value(text), json_string_length(text));
    json_decref(root);
    return status;
}

static enum hp_status
fetch_schema(
    struct http_registry *http, int32_t id, struct hp_buffer *json, struct hp_error *error)
{
    struct unknown_id *unknown = &http->unknown[(uint32_t)id % UNKNOWN_MAX];
    struct answer answer = {0};
    enum hp_status status;
    char path[40];

    snprintf(path, sizeof(path), "/schemas/ids/%d", id);
    if (unknown->id == id && http->options.now_ms() < unknown->until_ms)
        return hp_bad(error, HP_CODE_UNKNOWN_SCHEMA, "schema id %d: %s does not know it", id,
            http->registry.name);
    status = ask(http, path, NULL, &answer, error);
    if (!status && answer.too_large)
        status = refused(id, "comes in an answer of more than 4 MiB", error);
    else if (!status && says_unknown(&answer)) {
        *unknown =
            (struct unknown_id){id, http->options.now_ms() + http->options.unknown_ttl_ms};
        status = hp_bad(error, HP_CODE_UNKNOWN_SCHEMA, "schema id %d: %s does not know it", id,
            http->registry.name);
    } else if (!status)
        status = take_schema(http, path, id, &answer, json, error);
    hp_buffer_release(&answer.body);
    return status;
}

static enum hp_status
http_schema(
    struct hp_registry *registry, int32_t id, struct hp_buffer *json, struct hp_error *error)
{
    struct http_registry *http = (struct http_registry *)registry;
    enum hp_status status;

    pthread_mutex_lock(&http->lock);
    status = fetch_schema(http, id, json, error);
    pthread_mutex_unlock(&http->lock);
    return status;
}

/* POST `body` to `path`; the answer's "id". `*unknown` instead when there is no such schema. */
static enum hp_status
post_schema(struct http_registry *http, const char *path, const char *body, int32_t *id,
    bool *unknown, struct hp_error *error)
{
    struct answer answer = {0};
    enum hp_status status = ask(http, path, body, &answer, error);
    json_t *root = NULL;
    json_int_t number;

    *unknown = !status && says_unknown(&answer);
    if (!status && !*unknown) {
        root = answer.status == 200 && !answer.too_large ? answer_json(&answer) : NULL;
        number = json_integer_value(json_object_get(root, "id"));
        if (number >= 1 && number <= INT32_MAX)
            *id = (int32_t)number;
        else if (answer.status == 409 || answer.status == 422)
            status = hp_fail(error, HP_USAGE,
                "%s%s: status %ld: the registry does not take this schema", http->registry.name,
                path, answer.status);
        else
            status = odd_answer(http, path, &answer, error);
    }
    json_decref(root);
    hp_buffer_release(&answer.body);
    return status;
}

static enum hp_status
look_up(struct http_registry *http, const char *subject, const char *body, int32_t *id,
    struct hp_error *error)
{
    char *escaped = curl_easy_escape(http->curl, subject, 0);
    struct hp_buffer path = {0};
    enum hp_status status;
    bool unknown;

    HP_ASSERT(escaped);
    hp_buffer_printf(&path, "/subjects/%s", escaped);
    hp_put_u8(&path, 0);
    status = post_schema(http, (const char *)path.data, body, id, &unknown, error);
    if (!status && unknown && http->options.auto_register) {
        path.size--;
        hp_buffer_printf(&path, "/versions");
        hp_put_u8(&path, 0);
        status = post_schema(http, (const char *)path.data, body, id, &unknown, error);
    }
    if (!status && unknown)
        status = hp_fail(error, HP_USAGE,
            "%s: subject %s does not have this program's schema; register it, or set "
            "auto.register.schemas=true",
            http->registry.name, subject);
    hp_buffer_release(&path);
    curl_free(escaped);
    return status;
}

static enum hp_status
http_id(struct hp_registry *registry, const char *subject, struct hp_bytes schema_json,
    int32_t *id, struct hp_error *error)
{
    struct http_registry *http = (struct http_registry *)registry;
    json_t *root = json_pack(
        "{s:o}", "schema", json_stringn((const char *)schema_json.data, schema_json.size));
    char *body = root ? json_dumps(root, JSON_COMPACT) : NULL;
    enum hp_status status;

    HP_ASSERT(body);
    pthread_mutex_lock(&http->lock);
    status = look_up(http, subject, body, id, error);
    pthread_mutex_unlock(&http->lock);
    free(body);
    json_decref(root);
    return status;
}

static void
http_free(struct hp_registry *registry)
{
    struct http_registry *http = (struct http_registry *)registry;

    curl_slist_free_all(http->headers);
    curl_easy_cleanup(http->curl);
    curl_free(http->user);
    curl_free(http->password);
    pthread_mutex_destroy(&http->lock);
    free(http);
}

/* Takes user and password out of the URL; what is left, without a last slash, is the name. */
static bool
split_url(struct http_registry *http, const char *text)
{
    CURLU *url = curl_url();
    char *query = NULL;
    char *rest = NULL;
    bool good;

    good = url && !curl_url_set(url, CURLUPART_URL, text, 0) &&
           curl_url_get(url, CURLUPART_QUERY, &query, 0) == CURLUE_NO_QUERY;
    if (good) {
        curl_url_get(url, CURLUPART_USER, &http->user, CURLU_URLDECODE);
        curl_url_get(url, CURLUPART_PASSWORD, &http->password, CURLU_URLDECODE);
        good = !curl_url_set(url, CURLUPART_USER, NULL, 0) &&
               !curl_url_set(url, CURLUPART_PASSWORD, NULL, 0) &&
               !curl_url_set(url, CURLUPART_FRAGMENT, NULL, 0) &&
               !curl_url_get(url, CURLUPART_URL, &rest, 0);
    }
    if (good) {
        http->registry.name = hp_strdup(rest);
        for (size_t i = strlen(rest); i > 0 && rest[i - 1] == '/'; i--)
            http->registry.name[i - 1] = 0;
    }
    curl_free(query);
    curl_free(rest);
    curl_url_cleanup(url);
    return good;
}

static void
global_init(void)
{
    HP_ASSERT(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK);
}

enum hp_status
hp_registry_http_open(const struct hp_registry_options *options, struct hp_registry **registry,
    struct hp_error *error)
{
    static const struct hp_registry_ops ops = {http_schema, http_id, http_free};
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct http_registry *http = hp_alloc(sizeof(*http));

    pthread_once(&once, global_init);
    http->registry.ops = &ops;
    http->options = *options;
    http->options.url = NULL;
    http->options.timeout_ms = options->timeout_ms > 0 ? options->timeout_ms : 3000;
    http->options.unknown_ttl_ms =
        options->unknown_ttl_ms > 0 ? options->unknown_ttl_ms : 30000;
    http->options.back_off_ms = options->back_off_ms > 0 ? options->back_off_ms : 500;
    http->options.now_ms = options->now_ms ? options->now_ms : machine_now_ms;
    pthread_mutex_init(&http->lock, NULL);
    http->curl = curl_easy_init();
    http->headers = curl_slist_append(NULL, "Content-Type: " CONTENT_TYPE);
    http->headers =
        curl_slist_append(http->headers, "Accept: " CONTENT_TYPE ", application/json");
    HP_ASSERT(http->curl && http->headers);
    if (!split_url(http, options->url)) {
        http_free(&http->registry);
        return hp_fail(error, HP_USAGE, "schema.registry.url is no URL without a query");
    }
    *registry = &http->registry;
    return HP_OK;
}
