/*
 * flow/pending.h - users whose standing boxes must be looked at again.
 *
 * A step that changes what a user's boxes depend on marks the user; the emit step drains marks,
 * oldest first, usually in the same transaction, so that the mark never reaches the changelog.
 * What does not fit stays a fact: a crash loses no refresh.
 *
 * Thread: the task's.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_FLOW_PENDING_H
#define HP_FLOW_PENDING_H

#include "domain/event.h"
#include "engine/engine.h"

struct hp_pending {
    enum hp_cause cause; /* the first in the order of enum hp_cause wins when causes meet */
    int64_t since;       /* append time of the first trigger; earlier for what is urgent */
    int64_t now;         /* the latest time any trigger tells */
    bool conditional;    /* only a sweep asks: skip unless something is due */
};

/* Merges with a mark that is there. */
HP_MUST_CHECK enum hp_status hp_pending_mark(struct hp_step *step, struct hp_bytes user,
    const struct hp_pending *pending, struct hp_error *error);
HP_MUST_CHECK enum hp_status hp_pending_clear(
    struct hp_step *step, struct hp_bytes user, struct hp_error *error);
/* HP_CORRUPT when malformed. */
HP_MUST_CHECK enum hp_status hp_pending_decode(
    struct hp_bytes bytes, struct hp_pending *pending, struct hp_error *error);

/* fact_changed for HP_STORE_PENDING: keeps the queue in order of age. */
HP_MUST_CHECK enum hp_status hp_pending_changed(struct hp_step *step, struct hp_bytes key,
    struct hp_bytes before, struct hp_bytes after, struct hp_error *error);

/* The oldest marks, at most `max`; users in the step's arena. */
struct hp_pending_user {
    struct hp_bytes user;
    struct hp_pending pending;
};
HP_MUST_CHECK enum hp_status hp_pending_oldest(struct hp_step *step, size_t max,
    struct hp_pending_user *users, size_t *count, struct hp_error *error);

#endif
