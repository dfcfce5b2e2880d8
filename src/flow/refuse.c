/*
 * flow/refuse.c - task 0 reads the catalogue once more, only to dead-letter what nobody can
 * use.
 *
 * Every instance reads the catalogue as a view, outside any transaction; one of them has to
 * tell the producer of a bad record. Task 0 does, with a reader of its own whose positions are
 * a fact: a bounded number of records an emit step, dead letters and positions in one
 * transaction, so that each refused record makes exactly one. What an abort forgets is read
 * again from the fact.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "flow/internal.h"

#include "base/log.h"

#define REFUSE_STEP      500
#define PROGRESS_VERSION 1

struct hp_refuser {
    struct hp_reader *reader;
    const char *topics[1];
    int32_t partitions;
    int64_t positions[HP_CATALOGUE_PARTITIONS_MAX]; /* next to read */
    int64_t saved[HP_CATALOGUE_PARTITIONS_MAX];
    bool ended[HP_CATALOGUE_PARTITIONS_MAX]; /* the end was seen at least once */
};

static const char refused_key[] = "refused";

void
hp_refuser_free(struct hp_refuser *refuser)
{
    if (!refuser)
        return;
    hp_reader_free(refuser->reader);
    free(refuser);
}

static enum hp_status
load_positions(struct hp_refuser *refuser, struct hp_step *step, struct hp_error *error)
{
    struct hp_cursor cursor;
    struct hp_bytes stored;
    enum hp_status status =
        hp_step_get(step, HP_STORE_PROGRESS, hp_bytes_text(refused_key), &stored, error);

    if (status || !stored.data)
        return status;
    cursor = hp_cursor(stored);
    if (hp_get_u8(&cursor) != PROGRESS_VERSION)
        cursor.failed = true;
    for (int i = 0, count = hp_get_u16(&cursor); i < count && !cursor.failed; i++) {
        int64_t position = (int64_t)hp_get_u64(&cursor);

        if (i < HP_CATALOGUE_PARTITIONS_MAX)
            refuser->positions[i] = refuser->saved[i] = position;
    }
    if (!hp_cursor_done(&cursor))
        return hp_fail(
            error, HP_CORRUPT, "progress row of %zu bytes is malformed", stored.size);
    return HP_OK;
}

static enum hp_status
save_positions(struct hp_refuser *refuser, struct hp_step *step, struct hp_error *error)
{
    size_t size = (size_t)refuser->partitions * sizeof(int64_t);
    struct hp_buffer value = {0};
    enum hp_status status;

    if (memcmp(refuser->positions, refuser->saved, size) == 0)
        return HP_OK;
    hp_put_u8(&value, PROGRESS_VERSION);
    hp_put_u16(&value, (uint16_t)refuser->partitions);
    for (int i = 0; i < refuser->partitions; i++)
        hp_put_u64(&value, (uint64_t)refuser->positions[i]);
    status = hp_step_put(
        step, HP_STORE_PROGRESS, hp_bytes_text(refused_key), hp_buffer_bytes(&value), error);
    hp_buffer_release(&value);
    memcpy(refuser->saved, refuser->positions, size);
    return status;
}

static enum hp_status
refuser_open(struct hp_flow *flow, struct hp_step *step, struct hp_refuser *refuser,
    struct hp_error *error)
{
    struct hp_topic_info info;
    enum hp_status status;

    refuser->topics[0] = flow->options.topics->name[HP_TOPIC_CATALOGUE];
    status = hp_cluster_topic(
        flow->options.cluster, refuser->topics[0], hp_step_arena(step), &info, error);
    if (!status && info.partitions > HP_CATALOGUE_PARTITIONS_MAX)
        status = hp_fail(error, HP_STOP, "topic %s has more than %d partitions",
            refuser->topics[0], HP_CATALOGUE_PARTITIONS_MAX);
    if (!status)
        status = load_positions(refuser, step, error);
    if (!status)
        status = hp_reader_new(flow->options.cluster,
            &(struct hp_reader_options){.topics = refuser->topics, .topic_count = 1},
            &refuser->reader, error);
    if (!status)
        refuser->partitions = info.partitions;
    for (int32_t p = 0; p < refuser->partitions && !status; p++)
        status = hp_reader_assign(refuser->reader, 0, p, refuser->positions[p], error);
    return status;
}

static enum hp_status
refuse_bad(struct hp_flow *flow, struct hp_step *step, const struct hp_message *message,
    struct hp_error *error)
{
    struct hp_catalogue_item item;
    struct hp_error reason = {0};
    enum hp_status status;

    if (!message->value.data && hp_id_valid(message->key))
        return HP_OK;
    status = hp_catalogue_decode(&flow->options, message, hp_step_arena(step), &item, &reason);
    if (status == HP_BAD_RECORD)
        return hp_step_dead_letter(
            step, flow->options.topics->name[HP_TOPIC_CATALOGUE], message, &reason, error);
    return status ? hp_fail(error, status, "%s", reason.text) : HP_OK;
}

static bool
all_ended(const struct hp_refuser *refuser)
{
    for (int32_t p = 0; p < refuser->partitions; p++)
        if (!refuser->ended[p])
            return false;
    return true;
}

static enum hp_status
refuse_some(struct hp_flow *flow, struct hp_step *step, struct hp_refuser *refuser, bool *more,
    struct hp_error *error)
{
    enum hp_status status = HP_OK;
    size_t taken = 0;

    while (!status && taken < REFUSE_STEP) {
        struct hp_poll poll;

        status = hp_reader_poll(refuser->reader, 0, &poll, error);
        if (status || poll.kind == HP_POLL_NOTHING)
            break;
        if (poll.kind == HP_POLL_END) {
            refuser->ended[poll.message.partition] = true;
            if (poll.message.offset > refuser->positions[poll.message.partition])
                refuser->positions[poll.message.partition] = poll.message.offset;
            continue;
        }
        status = refuse_bad(flow, step, &poll.message, error);
        refuser->positions[poll.message.partition] = poll.message.offset + 1;
        taken++;
    }
    if (taken == REFUSE_STEP || !all_ended(refuser))
        *more = true;
    return status ? status : save_positions(refuser, step, error);
}

enum hp_status
hp_flow_refuse(struct hp_flow *flow, struct hp_step *step, bool *more, struct hp_error *error)
{
    struct hp_flow_task *own = hp_task_user(hp_step_task(step));
    enum hp_status status;

    if (hp_task_partition(hp_step_task(step)) != 0)
        return HP_OK;
    if (own->refuser)
        return refuse_some(flow, step, own->refuser, more, error);
    own->refuser = hp_alloc(sizeof(*own->refuser));
    status = refuser_open(flow, step, own->refuser, error);
    if (status) {
        hp_refuser_free(own->refuser);
        own->refuser = NULL;
        return status;
    }
    return refuse_some(flow, step, own->refuser, more, error);
}
