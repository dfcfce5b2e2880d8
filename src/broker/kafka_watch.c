/*
 * broker/kafka_watch.c - partitions that nobody has.
 *
 * A cooperative rebalance takes a partition from one member first and gives it to another in a
 * second round, which the first one asks for. When that one dies in between and comes back
 * under its static name, the broker hands it the seat it had and calls no second round: the
 * partition stays without an owner until somebody else comes or goes (seen on 4.3.1 when all
 * instances were killed at once). So every static member looks now and then at what the group
 * has given away. When something is missing twice in a row, a guest without a static name joins
 * and leaves again, and the rounds that this calls give the partition to somebody.
 *
 * Thread: the member's, which waits for the answers. So the cluster's client asks, not the
 * member's: a broker answers a connection's requests in turn, and there each would wait behind
 * a fetch that waits for records. A look costs some milliseconds and one request to each
 * broker.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/bytes.h"
#include "base/log.h"
#include "broker/kafka_cluster.h"

#define LOOK_EACH_MS 5000
#define LOOK_MS      1000
#define GUEST_MS     20000
#define HEAD_VERSION 2 /* bytes of the assignment's version */

static void
mark_given(const struct rd_kafka_group_member_info *info, const char *topic, bool *given,
    int32_t count)
{
    struct hp_cursor cursor =
        hp_cursor(hp_bytes(info->member_assignment, (size_t)info->member_assignment_size));
    uint32_t topics;

    if (info->member_assignment_size <= HEAD_VERSION)
        return;
    (void)hp_get_u16(&cursor);
    topics = hp_get_u32(&cursor);
    for (uint32_t t = 0; t < topics && !cursor.failed; t++) {
        uint16_t size = hp_get_u16(&cursor);
        struct hp_bytes name = hp_bytes(cursor.at, size);
        uint32_t partitions;
        bool ours;

        if (cursor.failed || cursor.end - cursor.at < size)
            return;
        ours = hp_bytes_is(name, topic);
        cursor.at += size;
        partitions = hp_get_u32(&cursor);
        for (uint32_t i = 0; i < partitions && !cursor.failed; i++) {
            uint32_t partition = hp_get_u32(&cursor);

            if (!cursor.failed && ours && partition < (uint32_t)count)
                given[partition] = true;
        }
    }
}

static int32_t
partition_count(rd_kafka_t *client, const char *topic)
{
    rd_kafka_topic_t *handle = rd_kafka_topic_new(client, topic, NULL);
    const struct rd_kafka_metadata *metadata;
    int32_t count = 0;

    if (!handle)
        return 0;
    if (!rd_kafka_metadata(client, 0, handle, &metadata, LOOK_MS)) {
        count = metadata->topic_cnt == 1 ? metadata->topics[0].partition_cnt : 0;
        rd_kafka_metadata_destroy(metadata);
    }
    rd_kafka_topic_destroy(handle);
    return count;
}

/* The group is at rest, and a partition of the driver is nobody's. */
static bool
is_missing(rd_kafka_t *client, const struct hp_member_options *options)
{
    const struct rd_kafka_group_list *list;
    int32_t count = partition_count(client, options->topics[0]);
    bool *given = hp_alloc(((size_t)count + 1) * sizeof(*given));
    bool missing = false;

    if (count && !rd_kafka_list_groups(client, options->group, &list, LOOK_MS)) {
        const struct rd_kafka_group_info *group = list->groups;
        bool stable = list->group_cnt == 1 && strcmp(group->state, "Stable") == 0;

        for (int i = 0; stable && i < group->member_cnt; i++)
            mark_given(&group->members[i], options->topics[0], given, count);
        for (int32_t p = 0; stable && p < count; p++)
            missing |= !given[p];
        rd_kafka_group_list_destroy(list);
    }
    free(given);
    return missing;
}

static void
ignore_assigned(void *context, const int32_t *partitions, size_t count)
{
    (void)context, (void)partitions, (void)count;
}

static void
ignore_revoked(void *context, const int32_t *partitions, size_t count, bool lost)
{
    (void)context, (void)partitions, (void)count, (void)lost;
}

static void
invite(struct hp_kafka_watch *watch, struct hp_cluster *cluster,
    const struct hp_member_options *options, int64_t now_ms)
{
    struct hp_member_options guest = *options;
    struct hp_error error;

    guest.instance = NULL;
    guest.listener = (struct hp_member_listener){NULL, ignore_assigned, ignore_revoked};
    HP_LOG(HP_LOG_WARN, "a partition has no owner, the group is asked to share again",
        HP_S("group", options->group));
    if (hp_kafka_member_new(cluster, &guest, &watch->guest, &error))
        HP_LOG(HP_LOG_WARN, "no guest", HP_S("error", error.text));
    watch->until_ms = now_ms + GUEST_MS;
}

static void
attend(struct hp_kafka_watch *watch, int64_t now_ms)
{
    struct hp_poll poll;
    struct hp_error error;

    if (hp_kafka_member_poll(watch->guest, 0, &poll, &error))
        HP_LOG(HP_LOG_WARN, "the guest is in trouble", HP_S("error", error.text));
    if (hp_kafka_member_seated(watch->guest) || now_ms >= watch->until_ms)
        hp_kafka_watch_end(watch);
}

void
hp_kafka_watch(struct hp_kafka_watch *watch, struct hp_cluster *cluster,
    const struct hp_member_options *options)
{
    int64_t now_ms = hp_kafka_now_ms();
    bool before = watch->missing;

    if (!options->instance)
        return;
    if (watch->guest) {
        attend(watch, now_ms);
    } else if (now_ms >= watch->next_ms) {
        watch->missing = watch->next_ms && is_missing(cluster->admin, options);
        if (before && watch->missing)
            invite(watch, cluster, options, now_ms);
        watch->missing &= !before;
        watch->next_ms = now_ms + LOOK_EACH_MS;
    }
}

void
hp_kafka_watch_end(struct hp_kafka_watch *watch)
{
    if (watch->guest)
        hp_kafka_member_free(watch->guest, false);
    watch->guest = NULL;
}
