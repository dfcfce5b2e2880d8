/* broker/kafka_errand.c - see the header. SPDX-License-Identifier: Apache-2.0 */
#include "broker/kafka_errand.h"

#include <pthread.h>

struct hp_errand {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    /* Under the lock. */
    bool quit;
    rd_kafka_topic_partition_list_t *list; /* until it is done */
    rd_kafka_t *client;
    rd_kafka_consumer_group_metadata_t *metadata;
    int timeout_ms;
    rd_kafka_error_t *failure;
};

static rd_kafka_error_t *
send_list(const struct hp_errand *errand)
{
    int64_t deadline_ms = hp_kafka_now_ms() + errand->timeout_ms;
    rd_kafka_error_t *failure;

    while ((failure = rd_kafka_send_offsets_to_transaction(
                errand->client, errand->list, errand->metadata, errand->timeout_ms))) {
        if (!rd_kafka_error_is_retriable(failure) || hp_kafka_now_ms() >= deadline_ms)
            break;
        rd_kafka_error_destroy(failure);
    }
    return failure;
}

static void *
errand_main(void *context)
{
    struct hp_errand *errand = context;

    pthread_mutex_lock(&errand->lock);
    for (;;) {
        rd_kafka_error_t *failure;

        while (!errand->list && !errand->quit)
            pthread_cond_wait(&errand->changed, &errand->lock);
        if (!errand->list)
            break;
        pthread_mutex_unlock(&errand->lock);
        failure = send_list(errand);
        pthread_mutex_lock(&errand->lock);
        rd_kafka_consumer_group_metadata_destroy(errand->metadata);
        rd_kafka_topic_partition_list_destroy(errand->list);
        errand->list = NULL;
        errand->failure = failure;
        pthread_cond_signal(&errand->changed);
    }
    pthread_mutex_unlock(&errand->lock);
    return NULL;
}

struct hp_errand *
hp_errand_new(void)
{
    struct hp_errand *errand = hp_alloc(sizeof(*errand));

    pthread_mutex_init(&errand->lock, NULL);
    pthread_cond_init(&errand->changed, NULL);
    if (pthread_create(&errand->thread, NULL, errand_main, errand) != 0)
        hp_die("no thread for a producer's offsets");
    return errand;
}

void
hp_errand_free(struct hp_errand *errand)
{
    rd_kafka_error_t *failure = hp_errand_join(errand);

    if (!errand)
        return;
    if (failure)
        rd_kafka_error_destroy(failure);
    pthread_mutex_lock(&errand->lock);
    errand->quit = true;
    pthread_cond_signal(&errand->changed);
    pthread_mutex_unlock(&errand->lock);
    pthread_join(errand->thread, NULL);
    pthread_mutex_destroy(&errand->lock);
    pthread_cond_destroy(&errand->changed);
    free(errand);
}

/* The member may go, or be given another generation, while this one is under way. */
static rd_kafka_consumer_group_metadata_t *
copy_of(const rd_kafka_consumer_group_metadata_t *metadata)
{
    rd_kafka_consumer_group_metadata_t *copy = NULL;
    void *bytes = NULL;
    size_t size;
    rd_kafka_error_t *failure = rd_kafka_consumer_group_metadata_write(metadata, &bytes, &size);

    if (!failure)
        failure = rd_kafka_consumer_group_metadata_read(&copy, bytes, size);
    if (failure)
        hp_die("group metadata: %s", rd_kafka_error_string(failure));
    rd_kafka_mem_free(NULL, bytes);
    return copy;
}

void
hp_errand_send(struct hp_errand *errand, rd_kafka_t *client,
    rd_kafka_topic_partition_list_t *list, const rd_kafka_consumer_group_metadata_t *metadata,
    int timeout_ms)
{
    pthread_mutex_lock(&errand->lock);
    HP_ASSERT(!errand->list && !errand->failure);
    errand->client = client;
    errand->list = list;
    errand->metadata = copy_of(metadata);
    errand->timeout_ms = timeout_ms;
    pthread_cond_signal(&errand->changed);
    pthread_mutex_unlock(&errand->lock);
}

rd_kafka_error_t *
hp_errand_join(struct hp_errand *errand)
{
    rd_kafka_error_t *failure;

    if (!errand)
        return NULL;
    pthread_mutex_lock(&errand->lock);
    while (errand->list)
        pthread_cond_wait(&errand->changed, &errand->lock);
    failure = errand->failure;
    errand->failure = NULL;
    pthread_mutex_unlock(&errand->lock);
    return failure;
}
