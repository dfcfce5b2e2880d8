/*
 * shop/personas.h - nine people with names, budgets and rules, for demos and examples.
 *
 * They are invented. Each shows something: an allergy, a diet, a festival, a tight budget.
 *
 * Thread: any. Pure.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_SHOP_PERSONAS_H
#define HP_SHOP_PERSONAS_H

#include "base/arena.h"
#include "domain/event.h"

#define HP_PERSONA_LIST_MAX 4

struct hp_persona {
    const char *user_id;
    const char *name;
    const char *note; /* what is special, a few words: "no peanuts" */
    const char *occasion;
    int64_t budget_max_minor;
    const char *liked_categories[HP_PERSONA_LIST_MAX]; /* lists end at the first NULL */
    const char *disliked_categories[HP_PERSONA_LIST_MAX];
    const char *liked_tags[HP_PERSONA_LIST_MAX];
    const char *avoid_allergens[HP_PERSONA_LIST_MAX];
    const char *diets[HP_PERSONA_LIST_MAX];
    const char *must_category; /* category_mix asks for at least one of it, or NULL */
};

size_t hp_persona_count(void);
const struct hp_persona *hp_persona(size_t index);
/* NULL when nobody has that id. */
const struct hp_persona *hp_persona_find(struct hp_bytes user_id);

/* What the persona states. Lists live in the arena, strings are static. */
void hp_persona_preferences(const struct hp_persona *persona, int64_t version, int64_t at,
    struct hp_arena *arena, struct hp_preferences *preferences);

/* A request for boxes for the persona's occasion; rules are left to the preferences. */
void hp_persona_request(const struct hp_persona *persona, struct hp_bytes request_id,
    int64_t at, struct hp_box_request *request);

#endif
