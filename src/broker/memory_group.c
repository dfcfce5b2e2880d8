/*
 * broker/memory_group.c - the group coordinator, and members with their seats.
 *
 * A seat is what the coordinator knows of a member. Every change of seats computes a new target
 * (partition -> seat, sticky, even) and raises the generation; each member learns of it in its
 * next poll, as with cooperative-sticky:
 *
 *     generation seen < group's ──► give up what is not mine in the target   revoked()
 *                               ──► take what is mine and has no owner       assigned()
 *
 * Giving up raises the generation once more, so that whoever waits for the partition comes by.
 *
 * Invariants:
 *  (1) a partition has at most one owner, and only its owner or a removed seat held it last;
 *  (2) a member may commit only with the group's present generation: between a change and its
 *      next poll its offsets are refused, exactly as a broker refuses a stale generation;
 *  (3) a static member's successor takes over seat, owned partitions and generation at once;
 *  (4) seats, targets and hand-over depend on the calls and the clock alone.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "broker/memory_cluster.h"

#include "base/bug.h"

#define NOBODY 0

struct seat {
    uint64_t id;
    char *instance; /* NULL: dynamic */
    bool present;   /* a member sits in it */
    int64_t seen_ms;
};

struct hp_memory_group {
    struct hp_memory_group *next;
    char *name;
    int generation;
    struct hp_memory_topic *driver;
    uint64_t *owners; /* seat per partition of the driver */
    uint64_t *target;
    struct seat *seats; /* in order of arrival */
    size_t seat_count;
    size_t seat_capacity;
    struct hp_memory_offsets offsets;
};

struct hp_member {
    struct hp_broker_object object;
    struct hp_cluster *cluster;
    struct hp_member_options options;
    struct hp_memory_topic **topics;
    struct hp_memory_group *group;
    uint64_t seat;
    int generation; /* last seen; -1 before the first poll */
    bool *held;     /* per partition of the driver */
    bool *untold;   /* lost without having been told of it */
    int32_t *list;  /* handed to the listener */
    struct hp_memory_cursors cursors;
};

/* ---- offsets ------------------------------------------------------------------------- */

static struct hp_memory_offset *
offset_find(
    struct hp_memory_offsets *offsets, const struct hp_memory_topic *topic, int32_t partition)
{
    for (size_t i = 0; i < offsets->count; i++)
        if (offsets->items[i].topic == topic && offsets->items[i].partition == partition)
            return &offsets->items[i];
    return NULL;
}

int64_t
hp_memory_offset(
    struct hp_memory_offsets *offsets, const struct hp_memory_topic *topic, int32_t partition)
{
    const struct hp_memory_offset *found = offset_find(offsets, topic, partition);

    return found ? found->offset : HP_OFFSET_NONE;
}

void
hp_memory_offset_set(struct hp_memory_offsets *offsets, struct hp_memory_topic *topic,
    int32_t partition, int64_t offset)
{
    struct hp_memory_offset *found = offset_find(offsets, topic, partition);

    if (!found) {
        if (offsets->count == offsets->capacity) {
            offsets->capacity = offsets->capacity ? offsets->capacity * 2 : 16;
            offsets->items =
                hp_realloc_array(offsets->items, offsets->capacity, sizeof(*offsets->items));
        }
        found = &offsets->items[offsets->count++];
    }
    *found = (struct hp_memory_offset){topic, partition, offset};
}

void
hp_memory_offsets_apply(
    struct hp_cluster *cluster, struct hp_memory_group *group, struct hp_memory_offsets *from)
{
    for (size_t i = 0; i < from->count; i++) {
        const struct hp_memory_offset *item = &from->items[i];

        hp_memory_offset_set(&group->offsets, item->topic, item->partition, item->offset);
        hp_memory_retain(cluster, item->topic, item->partition);
    }
}

int64_t
hp_memory_offset_least(
    const struct hp_cluster *cluster, const struct hp_memory_topic *topic, int32_t partition)
{
    int64_t least = HP_OFFSET_NONE;

    for (struct hp_memory_group *group = cluster->groups; group; group = group->next) {
        int64_t offset = hp_memory_offset(&group->offsets, topic, partition);

        if (offset != HP_OFFSET_NONE && (least == HP_OFFSET_NONE || offset < least))
            least = offset;
    }
    return least;
}

static struct hp_memory_group *
group_find(const struct hp_cluster *cluster, const char *name)
{
    struct hp_memory_group *group = cluster->groups;

    while (group && strcmp(group->name, name) != 0)
        group = group->next;
    return group;
}

void
hp_memory_forget(struct hp_cluster *cluster, const char *group, const char *topic)
{
    struct hp_memory_group *found;

    hp_memory_enter(cluster);
    found = group_find(cluster, group);
    for (size_t i = 0; found && i < found->offsets.count;) {
        struct hp_memory_offset *item = &found->offsets.items[i];

        if (strcmp(item->topic->name, topic) == 0)
            *item = found->offsets.items[--found->offsets.count];
        else
            i++;
    }
    hp_memory_leave(cluster);
}

/* An open transaction holds offsets for one of the positions: they are not stable. */
static bool
pending(const struct hp_cluster *cluster, const struct hp_memory_group *group,
    const struct hp_position *positions, size_t count)
{
    struct hp_memory_transaction *transaction = cluster->transactions;

    for (; transaction; transaction = transaction->next) {
        if (!transaction->ongoing || transaction->group != group)
            continue;
        for (size_t i = 0; i < count; i++)
            if (offset_find(&transaction->offsets, hp_memory_topic(cluster, positions[i].topic),
                    positions[i].partition))
                return true;
    }
    return false;
}

enum hp_status
hp_memory_committed(struct hp_cluster *cluster, const char *name, struct hp_position *positions,
    size_t count, struct hp_error *error)
{
    int64_t deadline_ms =
        hp_memory_deadline((int)cluster->options.transaction_timeout_ms + 1000);
    struct hp_memory_group *group;
    enum hp_status status;

    hp_memory_enter(cluster);
    status = hp_memory_ask(cluster, "committed", error);
    group = group_find(cluster, name);
    while (!status && group && pending(cluster, group, positions, count))
        if (!hp_memory_wait(cluster, deadline_ms))
            status = hp_fail(
                error, HP_RETRY, "offsets of group %s: a transaction holds them open", name);
    for (size_t i = 0; !status && i < count; i++)
        positions[i].offset =
            group ? hp_memory_offset(&group->offsets,
                        hp_memory_topic(cluster, positions[i].topic), positions[i].partition)
                  : HP_OFFSET_NONE;
    hp_memory_leave(cluster);
    return status;
}

/* ---- seats and targets --------------------------------------------------------------- */

static struct seat *
seat_find(struct hp_memory_group *group, uint64_t id)
{
    for (size_t i = 0; i < group->seat_count; i++)
        if (group->seats[i].id == id)
            return &group->seats[i];
    return NULL;
}

static struct seat *
seat_of_instance(struct hp_memory_group *group, const char *instance)
{
    for (size_t i = 0; instance && i < group->seat_count; i++)
        if (group->seats[i].instance && strcmp(group->seats[i].instance, instance) == 0)
            return &group->seats[i];
    return NULL;
}

static int32_t
target_count(const struct hp_memory_group *group, uint64_t seat)
{
    int32_t count = 0;

    for (int32_t p = 0; p < group->driver->partitions; p++)
        count += group->target[p] == seat;
    return count;
}

/* How many partitions each seat gets. The larger shares go first to who has many already. */
static void
share_out(const struct hp_memory_group *group, int32_t *shares)
{
    int32_t seats = (int32_t)group->seat_count;
    int32_t base = group->driver->partitions / seats;
    int32_t larger = group->driver->partitions % seats;

    for (int32_t s = 0; s < seats; s++) {
        bool rich = target_count(group, group->seats[s].id) > base && larger > 0;

        shares[s] = base + rich;
        larger -= rich;
    }
    for (int32_t s = 0; s < seats && larger > 0; s++)
        if (shares[s] == base) {
            shares[s]++;
            larger--;
        }
}

/* Sticky and even: a seat keeps up to its share of what it has, the rest is dealt in order. */
static void
retarget(struct hp_memory_group *group)
{
    int32_t partitions = group->driver->partitions;
    int32_t *shares = hp_alloc((group->seat_count + 1) * sizeof(*shares));
    int32_t next = 0;

    if (group->seat_count)
        share_out(group, shares);
    for (int32_t p = 0; p < partitions; p++) {
        struct seat *seat = seat_find(group, group->target[p]);

        if (seat && shares[seat - group->seats] > 0)
            shares[seat - group->seats]--;
        else
            group->target[p] = NOBODY;
    }
    for (size_t s = 0; s < group->seat_count; s++)
        for (; shares[s] > 0; next++)
            if (group->target[next] == NOBODY) {
                group->target[next] = group->seats[s].id;
                shares[s]--;
            }
    free(shares);
    group->generation++;
}

static void
seat_remove(struct hp_cluster *cluster, struct hp_memory_group *group, struct seat *seat)
{
    for (int32_t p = 0; p < group->driver->partitions; p++)
        if (group->owners[p] == seat->id)
            group->owners[p] = NOBODY;
    free(seat->instance);
    group->seat_count--;
    memmove(
        seat, seat + 1, (group->seat_count - (size_t)(seat - group->seats)) * sizeof(*seat));
    retarget(group);
    hp_memory_changed(cluster);
}

void
hp_memory_groups_expire(struct hp_cluster *cluster, int64_t now_ms)
{
    for (struct hp_memory_group *group = cluster->groups; group; group = group->next)
        for (size_t i = group->seat_count; i-- > 0;) {
            struct seat *seat = &group->seats[i];
            int64_t limit_ms = seat->present ? cluster->options.poll_interval_ms
                                             : cluster->options.session_timeout_ms;

            if (seat->seen_ms + limit_ms <= now_ms)
                seat_remove(cluster, group, seat);
        }
}

void
hp_memory_groups_release(struct hp_cluster *cluster)
{
    while (cluster->groups) {
        struct hp_memory_group *group = cluster->groups;

        cluster->groups = group->next;
        for (size_t i = 0; i < group->seat_count; i++)
            free(group->seats[i].instance);
        free(group->seats);
        free(group->offsets.items);
        free(group->owners);
        free(group->target);
        free(group->name);
        free(group);
    }
}

static struct hp_memory_group *
group_get(struct hp_cluster *cluster, const char *name, struct hp_memory_topic *driver)
{
    struct hp_memory_group *group = group_find(cluster, name);

    if (!group) {
        group = hp_alloc(sizeof(*group));
        group->name = hp_strdup(name);
        group->driver = driver;
        group->owners = hp_alloc((size_t)driver->partitions * sizeof(*group->owners));
        group->target = hp_alloc((size_t)driver->partitions * sizeof(*group->target));
        group->next = cluster->groups;
        cluster->groups = group;
    }
    HP_ASSERT(group->driver == driver);
    return group;
}

static void
seat_add(struct hp_memory_group *group, uint64_t id, const char *instance, int64_t now_ms)
{
    if (group->seat_count == group->seat_capacity) {
        group->seat_capacity = group->seat_capacity ? group->seat_capacity * 2 : 4;
        group->seats =
            hp_realloc_array(group->seats, group->seat_capacity, sizeof(*group->seats));
    }
    group->seats[group->seat_count++] =
        (struct seat){id, instance ? hp_strdup(instance) : NULL, true, now_ms};
    retarget(group);
}

/*
 * Keeps (3): the partitions stay targeted at the seat, its owner has yet to come by. One that
 * the predecessor owed to another seat is free now, which that seat must learn.
 */
static void
seat_replace(struct hp_memory_group *group, struct seat *seat, uint64_t id, int64_t now_ms)
{
    bool owed = false;

    for (int32_t p = 0; p < group->driver->partitions; p++) {
        if (group->owners[p] == seat->id) {
            owed = owed || group->target[p] != seat->id;
            group->owners[p] = NOBODY;
        }
        if (group->target[p] == seat->id)
            group->target[p] = id;
    }
    seat->id = id;
    seat->present = true;
    seat->seen_ms = now_ms;
    group->generation += owed;
}

static void
sit_down(struct hp_member *member)
{
    struct hp_cluster *cluster = member->cluster;
    struct seat *seat = seat_of_instance(member->group, member->options.instance);
    int64_t now_ms = hp_memory_now(cluster);

    member->seat = cluster->next_id++;
    member->generation = -1;
    if (seat)
        seat_replace(member->group, seat, member->seat, now_ms);
    else
        seat_add(member->group, member->seat, member->options.instance, now_ms);
    hp_memory_changed(cluster);
}

/* ---- members ------------------------------------------------------------------------- */

static struct hp_memory_topic **
find_topics(
    struct hp_cluster *cluster, const struct hp_member_options *options, struct hp_error *error)
{
    struct hp_memory_topic **topics =
        hp_alloc(options->topic_count * sizeof(struct hp_memory_topic *));

    for (size_t i = 0; i < options->topic_count; i++) {
        topics[i] = hp_memory_topic(cluster, options->topics[i]);
        if (!topics[i]) {
            hp_fail(error, HP_USAGE, "group %s: topic %s does not exist", options->group,
                options->topics[i]);
            free(topics);
            return NULL;
        }
    }
    return topics;
}

static struct hp_member *
member_make(struct hp_cluster *cluster, const struct hp_member_options *options,
    struct hp_memory_topic **topics)
{
    struct hp_member *member = hp_alloc(sizeof(*member));
    size_t partitions = (size_t)topics[0]->partitions;

    member->object = cluster->object;
    member->cluster = cluster;
    member->options = *options;
    member->topics = topics;
    member->group = group_get(cluster, options->group, topics[0]);
    member->held = hp_alloc(partitions * sizeof(*member->held));
    member->untold = hp_alloc(partitions * sizeof(*member->untold));
    member->list = hp_alloc(partitions * sizeof(*member->list));
    hp_memory_cursors_init(cluster, &member->cursors);
    return member;
}

enum hp_status
hp_memory_member_new(struct hp_cluster *cluster, const struct hp_member_options *options,
    struct hp_member **out, struct hp_error *error)
{
    struct hp_memory_topic **topics;
    enum hp_status status;

    HP_ASSERT(options->topic_count > 0);
    hp_memory_enter(cluster);
    status = hp_memory_ask(cluster, "member_new", error);
    topics = status ? NULL : find_topics(cluster, options, error);
    if (topics) {
        *out = member_make(cluster, options, topics);
        sit_down(*out);
    } else if (!status) {
        status = HP_USAGE;
    }
    hp_memory_leave(cluster);
    return status;
}

/* Calls the listener without the lock, which is held before and after. */
static void
tell_revoked(struct hp_member *member, size_t count, bool lost)
{
    const struct hp_member_listener *listener = &member->options.listener;

    if (count == 0)
        return;
    hp_memory_leave(member->cluster);
    listener->revoked(listener->context, member->list, count, lost);
    hp_memory_enter(member->cluster);
    for (size_t i = 0; i < count; i++) {
        member->held[member->list[i]] = false;
        hp_memory_cursors_drop(&member->cursors, member->list[i]);
    }
}

static void
tell_assigned(struct hp_member *member, size_t count)
{
    const struct hp_member_listener *listener = &member->options.listener;

    if (count == 0)
        return;
    for (size_t i = 0; i < count; i++)
        for (size_t t = 0; t < member->options.topic_count; t++)
            if (member->list[i] < member->topics[t]->partitions)
                hp_memory_cursor_add(
                    &member->cursors, member->topics[t], (int)t, member->list[i]);
    hp_memory_leave(member->cluster);
    listener->assigned(listener->context, member->list, count);
    hp_memory_enter(member->cluster);
}

/* Lists what is held and, unless `all`, is another's in the target. */
static size_t
list_leaving(struct hp_member *member, bool all)
{
    size_t count = 0;

    for (int32_t p = 0; p < member->group->driver->partitions; p++)
        if (member->held[p] && (all || member->group->target[p] != member->seat))
            member->list[count++] = p;
    return count;
}

/* Lists and owns what the target gives and nobody owns. */
static size_t
list_coming(struct hp_member *member)
{
    size_t count = 0;

    for (int32_t p = 0; p < member->group->driver->partitions; p++)
        if (member->group->target[p] == member->seat && member->group->owners[p] == NOBODY) {
            member->group->owners[p] = member->seat;
            member->held[p] = true;
            member->list[count++] = p;
        }
    return count;
}

/* The listener may commit while it gives up: the member is in the generation that asks for it.
 */
static void
give_up(struct hp_member *member)
{
    struct hp_memory_group *group = member->group;
    size_t count = list_leaving(member, false);

    tell_revoked(member, count, false);
    for (size_t i = 0; i < count; i++)
        if (group->owners[member->list[i]] == member->seat)
            group->owners[member->list[i]] = NOBODY;
    if (count) {
        group->generation++;
        hp_memory_changed(member->cluster);
    }
}

/* What was lost in silence and did not come back is told at last. */
static void
tell_lost(struct hp_member *member)
{
    size_t count = 0;

    for (int32_t p = 0; p < member->group->driver->partitions; p++) {
        if (member->untold[p] && !member->held[p])
            member->list[count++] = p;
        member->untold[p] = false;
    }
    tell_revoked(member, count, true);
}

static void
follow(struct hp_member *member)
{
    member->generation = member->group->generation;
    give_up(member);
    if (!seat_find(member->group, member->seat))
        return; /* put out meanwhile: the next poll sees to it */
    member->generation = member->group->generation;
    tell_assigned(member, list_coming(member));
    tell_lost(member);
}

/* The seat is gone. A static member was replaced and stays out, a dynamic one joins again. */
static enum hp_status
lose_seat(struct hp_member *member, struct hp_error *error)
{
    size_t count = list_leaving(member, true);

    if (!seat_of_instance(member->group, member->options.instance) &&
        hp_memory_ask(member->cluster, "callback_lost", NULL)) {
        for (size_t i = 0; i < count; i++) {
            member->held[member->list[i]] = false;
            member->untold[member->list[i]] = true;
            hp_memory_cursors_drop(&member->cursors, member->list[i]);
        }
        sit_down(member);
        return HP_OK;
    }
    tell_revoked(member, count, true);
    if (seat_of_instance(member->group, member->options.instance))
        return hp_fail(error, HP_FENCED, "group %s: another process joined as %s",
            member->options.group, member->options.instance);
    sit_down(member);
    return HP_OK;
}

static enum hp_status
keep_up(struct hp_member *member, struct hp_error *error)
{
    struct seat *seat = seat_find(member->group, member->seat);

    if (!seat && lose_seat(member, error))
        return HP_FENCED;
    seat = seat_find(member->group, member->seat);
    seat->seen_ms = hp_memory_now(member->cluster);
    if (member->generation != member->group->generation)
        follow(member);
    return HP_OK;
}

enum hp_status
hp_memory_member_poll(
    struct hp_member *member, int timeout_ms, struct hp_poll *poll, struct hp_error *error)
{
    int64_t deadline_ms = hp_memory_deadline(timeout_ms);
    enum hp_status status;

    hp_memory_enter(member->cluster);
    status = hp_memory_ask(member->cluster, "member_poll", error);
    while (!status) {
        status = keep_up(member, error);
        if (!status)
            status = hp_memory_cursors_next(&member->cursors, poll, error);
        if (status || poll->kind != HP_POLL_NOTHING ||
            !hp_memory_wait(member->cluster, deadline_ms))
            break;
    }
    hp_memory_leave(member->cluster);
    return status;
}

enum hp_status
hp_memory_member_start(
    struct hp_member *member, int32_t partition, const int64_t *offsets, struct hp_error *error)
{
    enum hp_status status = HP_OK;

    hp_memory_enter(member->cluster);
    for (size_t t = 0; t < member->options.topic_count; t++) {
        struct hp_memory_cursor *cursor = hp_memory_cursor(&member->cursors, (int)t, partition);
        bool paused;

        if (!member->held[partition]) {
            status = hp_fail(error, HP_RETRY, "partition %d is not assigned", partition);
            break;
        }
        if (!cursor)
            continue; /* this topic has fewer partitions than the driver */
        paused = cursor->paused;
        cursor = hp_memory_cursor_add(&member->cursors, member->topics[t], (int)t, partition);
        cursor->paused = paused;
        cursor->position =
            offsets[t] == HP_OFFSET_NONE ? cursor->topic->logs[partition].start : offsets[t];
    }
    hp_memory_leave(member->cluster);
    return status;
}

enum hp_status
hp_memory_member_pause(struct hp_member *member, int source, int32_t partition, bool paused,
    struct hp_error *error)
{
    struct hp_memory_cursor *cursor;

    hp_memory_enter(member->cluster);
    cursor = hp_memory_cursor(&member->cursors, source, partition);
    if (cursor)
        cursor->paused = paused;
    hp_memory_leave(member->cluster);
    if (!cursor)
        return hp_fail(error, HP_RETRY, "%s-%d is not assigned", member->options.topics[source],
            partition);
    return HP_OK;
}

/* ---- leaving ------------------------------------------------------------------------- */

static void
stand_up(struct hp_member *member, bool abandon)
{
    struct seat *seat = seat_find(member->group, member->seat);

    if (!abandon)
        tell_revoked(member, list_leaving(member, true), !seat);
    seat = seat_find(member->group, member->seat);
    if (!seat)
        return;
    seat->present = false;
    seat->seen_ms = hp_memory_now(member->cluster);
    if (!abandon && !member->options.instance)
        seat_remove(member->cluster, member->group, seat);
}

void
hp_memory_member_free(struct hp_member *member, bool abandon)
{
    struct hp_cluster *cluster = member->cluster;

    hp_memory_enter(cluster);
    if (!abandon && seat_find(member->group, member->seat))
        member->generation = member->group->generation;
    stand_up(member, abandon);
    hp_memory_cursors_release(cluster, &member->cursors);
    hp_memory_leave(cluster);
    free(member->topics);
    free(member->held);
    free(member->untold);
    free(member->list);
    free(member);
}

void
hp_memory_evict(struct hp_member *member)
{
    struct seat *seat;

    hp_memory_enter(member->cluster);
    seat = seat_find(member->group, member->seat);
    if (seat)
        seat_remove(member->cluster, member->group, seat);
    hp_memory_leave(member->cluster);
}

void
hp_memory_evict_instance(struct hp_cluster *cluster, const char *name, const char *instance)
{
    struct hp_memory_group *group;
    struct seat *seat;

    hp_memory_enter(cluster);
    group = group_find(cluster, name);
    seat = group ? seat_of_instance(group, instance) : NULL;
    if (seat)
        seat_remove(cluster, group, seat);
    hp_memory_leave(cluster);
}

enum hp_status
hp_memory_member_group(
    struct hp_member *member, struct hp_memory_group **group, struct hp_error *error)
{
    *group = member->group;
    if (hp_bug(HP_BUG_GROUP_STALE))
        return HP_OK;
    if (!seat_find(member->group, member->seat))
        return hp_fail(error, HP_RETRY, "group %s: the member was put out or replaced",
            member->options.group);
    if (member->generation != member->group->generation)
        return hp_fail(error, HP_RETRY, "group %s: generation %d is over, it is now %d",
            member->options.group, member->generation, member->group->generation);
    return HP_OK;
}
