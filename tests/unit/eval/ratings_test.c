/* Predicted ratings, against values worked out by hand. SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/rng.h"
#include "eval/ratings.h"

#include <math.h>

static void
near(double value, double expected)
{
    if (!(fabs(value - expected) <= 1e-6))
        fail_msg("%.9f is not %.9f", value, expected);
}

static void
nothing_known_is_the_middle(void **state)
{
    struct hp_ratings *ratings = hp_ratings_new(1, 1);
    double values[HP_RATER_COUNT];

    (void)state;
    hp_ratings_predict(ratings, 0, 0, values);
    for (int i = 0; i < HP_RATER_COUNT; i++)
        near(values[i], 3);
    hp_ratings_free(ratings);
}

/* Ratings 5 and 4 of item 0, 3 of item 1 by user 0: mu = 4, b_0 = 1/12... */
static void
biases_are_shrunk_sums(void **state)
{
    struct hp_ratings *ratings = hp_ratings_new(2, 2);
    double values[HP_RATER_COUNT];
    double item_0 = (9 - 2 * 4) / 12.0, item_1 = (3 - 4) / 11.0;
    double user_0 = ((5 - 4 - item_0) + (3 - 4 - item_1)) / 17;

    (void)state;
    hp_ratings_learn(ratings, 0, 0, 5);
    hp_ratings_learn(ratings, 1, 0, 4);
    hp_ratings_learn(ratings, 0, 1, 3);
    hp_ratings_predict(ratings, 0, 1, values);
    near(values[HP_RATER_MEAN], 4);
    near(values[HP_RATER_BIAS], 4 + item_1 + user_0);
    hp_ratings_free(ratings);
}

static void
a_second_rating_takes_the_place_of_the_first(void **state)
{
    struct hp_ratings *twice = hp_ratings_new(1, 1), *once = hp_ratings_new(1, 1);
    double a[HP_RATER_COUNT], b[HP_RATER_COUNT];

    (void)state;
    hp_ratings_learn(twice, 0, 0, 1);
    hp_ratings_learn(twice, 0, 0, 5);
    hp_ratings_learn(once, 0, 0, 5);
    hp_ratings_predict(twice, 0, 0, a);
    hp_ratings_predict(once, 0, 0, b);
    for (int i = 0; i < HP_RATER_COUNT; i++)
        near(a[i], b[i]);
    hp_ratings_free(twice);
    hp_ratings_free(once);
}

/* Two tastes, two kinds of items: biases cannot tell them apart, neighbours must. */
static void
neighbours_see_taste(void **state)
{
    struct hp_ratings *ratings = hp_ratings_new(400, 40);
    struct hp_rating_error errors[HP_RATER_COUNT] = {{0}};
    struct hp_rng rng = {5};

    (void)state;
    for (int i = 0; i < 8000; i++) {
        uint32_t user = hp_rng_below(&rng, 400), item = hp_rng_below(&rng, 40);
        double value = user % 2 == item % 2 ? 5 : 2, said[HP_RATER_COUNT];

        hp_ratings_predict(ratings, user, item, said);
        for (int rater = 0; rater < HP_RATER_COUNT && i > 4000; rater++)
            hp_rating_error_add(&errors[rater], said[rater], value);
        hp_ratings_learn(ratings, user, item, value);
    }
    assert_true(hp_rating_rmse(&errors[HP_RATER_BIAS]) > 1.2);
    assert_true(hp_rating_rmse(&errors[HP_RATER_NEIGHBOURS]) < 0.8);
    assert_true(hp_rating_mae(&errors[HP_RATER_NEIGHBOURS]) <
                hp_rating_rmse(&errors[HP_RATER_NEIGHBOURS]));
    hp_ratings_free(ratings);
}

static void
errors_by_hand(void **state)
{
    struct hp_rating_error error = {0};

    (void)state;
    near(hp_rating_rmse(&error), 0);
    hp_rating_error_add(&error, 3, 4);
    hp_rating_error_add(&error, 3, 6);
    near(hp_rating_rmse(&error), sqrt(5));
    near(hp_rating_mae(&error), 2);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_known_is_the_middle),
        cmocka_unit_test(biases_are_shrunk_sums),
        cmocka_unit_test(a_second_rating_takes_the_place_of_the_first),
        cmocka_unit_test(neighbours_see_taste),
        cmocka_unit_test(errors_by_hand),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
