/*
 * flow/flow.h - the recipe of the stream: what happens with each record, and what comes out.
 *
 * A flow is what the workers of one process share: settings, codec, vocabulary, the catalogue
 * and model views. hp_flow_application() is what the engine calls. Steps read like recipes:
 * decode, load, decide, save, emit.
 *
 * Thread: the flow is made before the workers; views are stepped by one thread and read by all;
 * callbacks run on the worker's thread.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_FLOW_FLOW_H
#define HP_FLOW_FLOW_H

#include "domain/occasions.h"
#include "domain/vocabulary.h"
#include "engine/view.h"
#include "flow/topology.h"

struct hp_catalogue_view;
struct hp_model_view;
struct hp_rate_constants;
struct hp_weights_constants;
struct hp_flow;

enum hp_slot_plan { HP_SLOTS_EQUAL, HP_SLOTS_TIERS };

struct hp_flow_options {
    const char *application_id;
    const struct hp_topic_names *topics;
    int32_t partitions;
    const char *currency;
    struct hp_cluster *cluster;
    struct hp_codec *codec; /* prepared for the two outputs */
    const struct hp_vocabulary *vocabulary;
    const struct hp_occasions *occasions;
    struct hp_bytes erasure_key;
    int64_t (*clock_ms)(void *);
    void *clock_context;
    int64_t budget_default_minor;
    int32_t box_items_min;
    int32_t box_items_max;
    enum hp_slot_plan slots;
    int64_t residue_ms; /* hp_residue_ms() */
    int64_t sweep_interval_ms;
    int64_t rows_publish_ms;
    size_t rows_cache_bytes; /* of all tasks */
    int32_t emit_batch_users;
    int32_t walk_users;         /* holders of changed items looked at in one call; 0: 32 */
    int64_t emit_defer_records; /* below 0: standing boxes are never made, requests are */
    int32_t privacy_min_buyers;
    bool eager_rows;      /* batch mode: publish rows at once, settle the model at once */
    int64_t epoch_gap_ms; /* 0: the solver's default */
    int64_t resolve_ms;   /* 0: the solver's default */
    const struct hp_rate_constants *rate;       /* NULL: defaults */
    const struct hp_weights_constants *weights; /* NULL: defaults; privacy_min_buyers rules */
};

/* All of `options` points to things that outlive the flow. */
HP_MUST_CHECK enum hp_status hp_flow_new(
    const struct hp_flow_options *options, struct hp_flow **flow, struct hp_error *error);
void hp_flow_free(struct hp_flow *flow);

/* Filled for hp_worker_options; kept by the flow. */
const struct hp_application *hp_flow_application(struct hp_flow *flow);

/* Steps both views (one thread); ready when both have seen the ends read at start. */
HP_MUST_CHECK enum hp_status hp_flow_views_step(
    struct hp_flow *flow, int timeout_ms, struct hp_error *error);
bool hp_flow_ready(const struct hp_flow *flow);
/* The views, for those who read beside the stream. */
struct hp_catalogue_view *hp_flow_catalogue(struct hp_flow *flow);
struct hp_model_view *hp_flow_model(struct hp_flow *flow);
/* The solver, when this worker runs it, has published everything there is. */
bool hp_flow_settled(struct hp_flow *flow, struct hp_worker *worker);

#endif
