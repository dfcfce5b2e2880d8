/*
 * shop/personas.c
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "shop/personas.h"

static const struct hp_persona personas[] = {
    {
        .user_id = "asha",
        .name = "Asha",
        .note = "no peanuts",
        .occasion = "Diwali",
        .budget_max_minor = 150000,
        .liked_categories = {"Healthy Foods", "Dry Fruits"},
        .liked_tags = {"festive", "roasted"},
        .avoid_allergens = {"peanut"},
    },
    {
        .user_id = "rohan",
        .name = "Rohan",
        .note = "gifts for the office",
        .occasion = "Corporate",
        .budget_max_minor = 250000,
        .liked_categories = {"Coffee", "Chocolates"},
        .liked_tags = {"premium", "strong"},
    },
    {
        .user_id = "meera",
        .name = "Meera",
        .note = "Jain",
        .occasion = "Navratri",
        .budget_max_minor = 120000,
        .liked_categories = {"Sweets", "Snacks"},
        .liked_tags = {"gujarati", "classic"},
        .diets = {"jain"},
    },
    {
        .user_id = "farhan",
        .name = "Farhan",
        .note = "dates and dry fruits first",
        .occasion = "Eid",
        .budget_max_minor = 300000,
        .liked_categories = {"Dry Fruits", "Sweets"},
        .liked_tags = {"premium", "fruity"},
        .must_category = "Dry Fruits",
    },
    {
        .user_id = "lakshmi",
        .name = "Lakshmi",
        .note = "no milk",
        .occasion = "Pongal",
        .budget_max_minor = 100000,
        .liked_categories = {"Tea", "Spices"},
        .liked_tags = {"southern", "kerala"},
        .avoid_allergens = {"dairy"},
        .diets = {"vegetarian"},
    },
    {
        .user_id = "vikram",
        .name = "Vikram",
        .note = "gluten-free",
        .occasion = "Fathers Day",
        .budget_max_minor = 200000,
        .liked_categories = {"Snacks", "Coffee"},
        .disliked_categories = {"Sweets"},
        .liked_tags = {"spicy", "protein"},
        .avoid_allergens = {"wheat"},
        .diets = {"gluten-free"},
    },
    {
        .user_id = "divya",
        .name = "Divya",
        .note = "vegan",
        .occasion = "Birthday",
        .budget_max_minor = 180000,
        .liked_categories = {"Chocolates", "Healthy Foods"},
        .liked_tags = {"bitter", "cocoa"},
        .diets = {"vegan"},
    },
    {
        .user_id = "joseph",
        .name = "Joseph",
        .note = "a chocolate in every box",
        .occasion = "Christmas",
        .budget_max_minor = 220000,
        .liked_categories = {"Biscuits & Bakery", "Chocolates"},
        .liked_tags = {"festive", "winter"},
        .must_category = "Chocolates",
    },
    {
        .user_id = "kabir",
        .name = "Kabir",
        .note = "sugar-free, no tree nuts",
        .occasion = "Get Well",
        .budget_max_minor = 90000,
        .liked_categories = {"Healthy Foods", "Tea"},
        .liked_tags = {"herbal", "seeds"},
        .avoid_allergens = {"tree nut"},
        .diets = {"sugar-free"},
    },
};

size_t
hp_persona_count(void)
{
    return HP_ARRAY_SIZE(personas);
}

const struct hp_persona *
hp_persona(size_t index)
{
    HP_ASSERT(index < HP_ARRAY_SIZE(personas));
    return &personas[index];
}

const struct hp_persona *
hp_persona_find(struct hp_bytes user_id)
{
    for (size_t i = 0; i < HP_ARRAY_SIZE(personas); i++)
        if (hp_bytes_is(user_id, personas[i].user_id))
            return &personas[i];
    return NULL;
}

static struct hp_strings
strings(struct hp_arena *arena, const char *const list[HP_PERSONA_LIST_MAX])
{
    struct hp_bytes *items = HP_ARENA_ARRAY(arena, HP_PERSONA_LIST_MAX, struct hp_bytes);
    size_t count = 0;

    while (count < HP_PERSONA_LIST_MAX && list[count]) {
        items[count] = hp_bytes_text(list[count]);
        count++;
    }
    return (struct hp_strings){items, count};
}

static struct hp_mixes
mixes(struct hp_arena *arena, const char *category)
{
    struct hp_mix *mix;

    if (!category)
        return (struct hp_mixes){0};
    mix = HP_ARENA_NEW(arena, struct hp_mix);
    mix->category = hp_bytes_text(category);
    mix->min = 1;
    return (struct hp_mixes){mix, 1};
}

void
hp_persona_preferences(const struct hp_persona *persona, int64_t version, int64_t at,
    struct hp_arena *arena, struct hp_preferences *preferences)
{
    *preferences = (struct hp_preferences){
        .user_id = hp_bytes_text(persona->user_id),
        .version = version,
        .updated_at = at,
        .budget_max_minor = {true, persona->budget_max_minor},
        .liked_categories = strings(arena, persona->liked_categories),
        .disliked_categories = strings(arena, persona->disliked_categories),
        .liked_tags = strings(arena, persona->liked_tags),
        .avoid_allergens = strings(arena, persona->avoid_allergens),
        .diets = strings(arena, persona->diets),
        .category_mix = mixes(arena, persona->must_category),
    };
}

void
hp_persona_request(const struct hp_persona *persona, struct hp_bytes request_id, int64_t at,
    struct hp_box_request *request)
{
    *request = (struct hp_box_request){
        .request_id = request_id,
        .user_id = hp_bytes_text(persona->user_id),
        .requested_at = at,
        .occasion = hp_bytes_text(persona->occasion),
        .explore = true,
    };
}
