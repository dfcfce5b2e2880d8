/* flow/topology.c - the stream's topics and stores as data. SPDX-License-Identifier: Apache-2.0
 */
#include "flow/topology.h"

#define APPEND_TIME                                                                            \
    {                                                                                          \
        "message.timestamp.type", "LogAppendTime"                                              \
    }
#define CREATE_TIME                                                                            \
    {                                                                                          \
        "message.timestamp.type", "CreateTime"                                                 \
    }
#define COMPACT                                                                                \
    {                                                                                          \
        "cleanup.policy", "compact"                                                            \
    }
#define DELETE                                                                                 \
    {                                                                                          \
        "cleanup.policy", "delete"                                                             \
    }
#define DAYS(n)                                                                                \
    {                                                                                          \
        "retention.ms", n                                                                      \
    }
#define SEVEN_DAYS "604800000"
#define TWO_WEEKS  "1209600000"
#define DAY        "86400000"
#define ONE_DAY                                                                                \
    {                                                                                          \
        "delete.retention.ms", DAY                                                             \
    }
/* What was erased is in the log until its segment is compacted, or deleted as a whole. */
#define COMPACT_DAILY                                                                          \
    {                                                                                          \
        "max.compaction.lag.ms", DAY                                                           \
    }
#define SEGMENT_DAILY                                                                          \
    {                                                                                          \
        "segment.ms", DAY                                                                      \
    }

const struct hp_topic_row hp_topic_rows[HP_TOPIC_COUNT] = {
    {HP_TOPIC_ORDERS, "topic.orders", "gofig.orders", HP_ROLE_INPUT, true, false,
        HP_RECORD_ORDER, {DELETE, APPEND_TIME}},
    {HP_TOPIC_FEEDBACK, "topic.feedback", "gofig.feedback", HP_ROLE_INPUT, true, false,
        HP_RECORD_FEEDBACK, {DELETE, APPEND_TIME}},
    {HP_TOPIC_PREFERENCES, "topic.preferences", "gofig.preferences", HP_ROLE_INPUT, true, false,
        HP_RECORD_PREFERENCES, {COMPACT, APPEND_TIME}},
    {HP_TOPIC_BOX_REQUESTS, "topic.box-requests", "gofig.box-requests", HP_ROLE_INPUT, true,
        false, HP_RECORD_BOX_REQUEST, {DELETE, APPEND_TIME}},
    {HP_TOPIC_ERASURES, "topic.erasures", "gofig.erasures", HP_ROLE_INPUT, true, false,
        HP_RECORD_ERASURE, {DELETE, APPEND_TIME}},
    {HP_TOPIC_CATALOGUE, "topic.catalogue", "gofig.catalogue", HP_ROLE_INPUT, false, true,
        HP_RECORD_CATALOGUE_ITEM, {COMPACT, APPEND_TIME}},
    {HP_TOPIC_BOX_RECOMMENDATIONS, "topic.box-recommendations", "gofig.box-recommendations",
        HP_ROLE_OUTPUT, true, false, HP_RECORD_BOX_RECOMMENDATION,
        {COMPACT, ONE_DAY, COMPACT_DAILY}},
    {HP_TOPIC_BOX_ANSWERS, "topic.box-answers", "gofig.box-answers", HP_ROLE_OUTPUT, true,
        false, HP_RECORD_BOX_RECOMMENDATION, {DELETE, DAYS(SEVEN_DAYS), SEGMENT_DAILY}},
    {HP_TOPIC_ERASURE_RECEIPTS, "topic.erasure-receipts", "gofig.erasure-receipts",
        HP_ROLE_OUTPUT, false, false, HP_RECORD_ERASURE_RECEIPT, {DELETE}},
    {HP_TOPIC_DEAD_LETTERS, "topic.dead-letters", "dead-letters", HP_ROLE_OUTPUT, true, false,
        -1, {DELETE, DAYS(SEVEN_DAYS), SEGMENT_DAILY, CREATE_TIME}},
    {HP_TOPIC_REROUTE, NULL, "reroute-repartition", HP_ROLE_INTERNAL, true, false, -1,
        {DELETE, DAYS(SEVEN_DAYS), SEGMENT_DAILY, APPEND_TIME}},
    {HP_TOPIC_LEDGER_CHANGELOG, NULL, "ledger-changelog", HP_ROLE_INTERNAL, true, false, -1,
        {COMPACT, ONE_DAY, COMPACT_DAILY}},
    {HP_TOPIC_ROWS, NULL, "rows", HP_ROLE_INTERNAL, true, false, -1, {COMPACT}},
    {HP_TOPIC_MODEL, NULL, "model", HP_ROLE_INTERNAL, false, false, -1, {COMPACT}},
    {HP_TOPIC_AUDIT, NULL, "audit", HP_ROLE_INTERNAL, true, false, -1,
        {DELETE, DAYS(TWO_WEEKS)}},
};

const struct hp_store_spec hp_flow_stores[] = {
    {HP_STORE_ORDER, "order", true},
    {HP_STORE_REACTION, "reaction", true},
    {HP_STORE_PREFERENCES, "preferences", true},
    {HP_STORE_WATERMARK, "watermark", true},
    {HP_STORE_REVISION, "revision", true},
    {HP_STORE_STANDING, "standing", true},
    {HP_STORE_PENDING, "pending", true},
    {HP_STORE_REQUESTS, "requests", true},
    {HP_STORE_REJECTED, "rejected", true},
    {HP_STORE_PROGRESS, "progress", true},
    {HP_STORE_AGGREGATE, "aggregate", false},
    {HP_STORE_BLOCK, "block", false},
    {HP_STORE_ROW_LOG, "row-log", false},
    {HP_STORE_ITEM_USERS, "item-users", false},
    {HP_STORE_QUEUE, "queue", false},
    {HP_STORE_TOUCHED, "touched", false},
    {HP_STORE_NUMBER, "number", false},
    {HP_STORE_ROW_META, "row-meta", false},
    {HP_STORE_FORGOTTEN, "forgotten", false},
};
const size_t hp_flow_store_count = HP_ARRAY_SIZE(hp_flow_stores);

void
hp_topic_names_init(struct hp_topic_names *names, const char *application_id,
    const char *const renamed[HP_TOPIC_COUNT])
{
    for (int i = 0; i < HP_TOPIC_COUNT; i++) {
        const struct hp_topic_row *row = &hp_topic_rows[i];
        struct hp_buffer name = {0};

        HP_ASSERT(row->topic == (enum hp_topic)i);
        if (renamed && renamed[i])
            hp_buffer_printf(&name, "%s", renamed[i]);
        else if (row->role == HP_ROLE_INTERNAL || i == HP_TOPIC_DEAD_LETTERS)
            hp_buffer_printf(&name, "%s-%s", application_id, row->default_name);
        else
            hp_buffer_printf(&name, "%s", row->default_name);
        names->name[i] = (char *)name.data;
    }
}

void
hp_topic_names_release(struct hp_topic_names *names)
{
    for (int i = 0; i < HP_TOPIC_COUNT; i++) {
        free(names->name[i]);
        names->name[i] = NULL;
    }
}
