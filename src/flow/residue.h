/*
 * flow/residue.h - what an erasure leaves behind for a while, and until when.
 *
 * In topics: records that stay until retention or compaction takes them. In the state
 * directory: deleted bytes that stay in files until these are written anew; a local row for
 * each erasure says that they are to be, and survives a crash.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_FLOW_RESIDUE_H
#define HP_FLOW_RESIDUE_H

#include "flow/topology.h"
#include "store/kv.h"

#define HP_RESIDUE_FOREVER INT64_MAX

/*
 * How long after an erasure the topics that hamper owns and that hold user ids may still have
 * records of before, by their settings as they are; topics that are missing count with the
 * settings they ought to have. HP_RESIDUE_FOREVER: a topic keeps records without end.
 */
HP_MUST_CHECK enum hp_status hp_residue_ms(struct hp_cluster *cluster,
    const struct hp_topic_names *names, int64_t *ms, struct hp_error *error);

/* Notes that the step erases. `source` and `offset` of its record are its name. */
HP_MUST_CHECK enum hp_status hp_residue_note(
    struct hp_step *step, uint8_t source, int64_t offset, struct hp_error *error);

/*
 * Writes the files of partitions with notes anew and takes these notes away. `*count`: of such
 * partitions. Any thread, beside the workers; takes seconds on a large state.
 */
HP_MUST_CHECK enum hp_status hp_residue_compact(
    struct hp_kv *kv, int32_t partitions, int32_t *count, struct hp_error *error);

#endif
