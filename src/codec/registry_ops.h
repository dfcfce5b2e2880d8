/*
 * codec/registry_ops.h - what a registry must be able to do; internal to codec/registry*.c.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_CODEC_REGISTRY_OPS_H
#define HP_CODEC_REGISTRY_OPS_H

#include "codec/registry.h"

/* Functions of one kind of registry; as those of codec/registry.h. They lock for themselves. */
struct hp_registry_ops {
    enum hp_status (*schema)(struct hp_registry *registry, int32_t id, struct hp_buffer *json,
        struct hp_error *error);
    enum hp_status (*id)(struct hp_registry *registry, const char *subject,
        struct hp_bytes schema_json, int32_t *id, struct hp_error *error);
    void (*free)(struct hp_registry *registry);
};

struct hp_registry { /* first member of each kind's own struct */
    const struct hp_registry_ops *ops;
    char *name;
};

HP_MUST_CHECK enum hp_status hp_registry_file_open(
    const char *folder, struct hp_registry **registry, struct hp_error *error);
void hp_registry_embedded_open(struct hp_registry **registry);
HP_MUST_CHECK enum hp_status hp_registry_http_open(const struct hp_registry_options *options,
    struct hp_registry **registry, struct hp_error *error);

#endif
