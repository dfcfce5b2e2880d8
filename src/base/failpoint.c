/* base/failpoint.c - places that fail when told to. SPDX-License-Identifier: Apache-2.0 */
#include "base/failpoint.h"

#ifdef HAMPER_FAILPOINTS

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define POINTS_MAX 32
#define LABEL_MAX  48

enum action { ACTION_DIE, ACTION_ERROR, ACTION_DELAY };

struct point {
    char label[LABEL_MAX];
    long hit;
    enum action action;
    long delay_ms;
    long passed;
};

static struct {
    pthread_mutex_t lock;
    bool read; /* the environment */
    struct point points[POINTS_MAX];
    size_t count;
    bool fired;
    void (*die)(void *);
    void *context;
} armed = {.lock = PTHREAD_MUTEX_INITIALIZER};

static bool
read_action(const char *text, struct point *point)
{
    if (strcmp(text, "die") == 0)
        point->action = ACTION_DIE;
    else if (strcmp(text, "error") == 0)
        point->action = ACTION_ERROR;
    else if (strncmp(text, "delay=", 6) == 0)
        point->action = ACTION_DELAY;
    else
        return false;
    point->delay_ms = point->action == ACTION_DELAY ? strtol(text + 6, NULL, 10) : 0;
    return point->delay_ms >= 0;
}

/* One "LABEL:HIT:ACTION"; the text is taken apart. */
static bool
read_point(char *text, struct point *point)
{
    char *hit = strchr(text, ':');
    char *action = hit ? strchr(hit + 1, ':') : NULL;

    if (!action || hit - text >= LABEL_MAX)
        return false;
    *hit++ = '\0';
    *action++ = '\0';
    *point = (struct point){.hit = strtol(hit, NULL, 10)};
    memcpy(point->label, text, strlen(text) + 1);
    return point->hit >= 1 && read_action(action, point);
}

enum hp_status
hp_failpoint_arm(const char *plan, struct hp_error *error)
{
    char *copy = hp_strdup(plan ? plan : "");
    enum hp_status status = HP_OK;
    char *rest = copy;
    char *text;

    armed.read = true;
    armed.count = 0;
    armed.fired = false;
    while (!status && (text = strsep(&rest, ",")))
        if (*text &&
            (armed.count == POINTS_MAX || !read_point(text, &armed.points[armed.count++])))
            status = hp_fail(error, HP_USAGE, "HAMPER_FAILPOINT: LABEL:HIT:ACTION expected");
    free(copy);
    return status;
}

void
hp_failpoint_on_die(void (*die)(void *), void *context)
{
    armed.die = die;
    armed.context = context;
}

bool
hp_failpoint_fired(void)
{
    return armed.fired;
}

static struct point *
pass(const char *label)
{
    struct point *due = NULL;

    pthread_mutex_lock(&armed.lock);
    if (!armed.read) {
        struct hp_error error;

        if (hp_failpoint_arm(getenv("HAMPER_FAILPOINT"), &error))
            hp_die("%s", error.text);
    }
    for (size_t i = 0; i < armed.count; i++)
        if (strcmp(armed.points[i].label, label) == 0 &&
            ++armed.points[i].passed == armed.points[i].hit)
            due = &armed.points[i];
    armed.fired |= due != NULL;
    pthread_mutex_unlock(&armed.lock);
    return due;
}

enum hp_status
hp_failpoint(const char *label, struct hp_error *error)
{
    const struct point *point = pass(label);

    if (!point)
        return HP_OK;
    switch (point->action) {
    case ACTION_DELAY: {
        struct timespec pause = {point->delay_ms / 1000, point->delay_ms % 1000 * 1000000};

        nanosleep(&pause, NULL);
        return HP_OK;
    }
    case ACTION_ERROR: return hp_fail(error, HP_RETRY, "failpoint %s", label);
    case ACTION_DIE: break;
    }
    if (!armed.die)
        kill(getpid(), SIGKILL);
    if (armed.die)
        armed.die(armed.context);
    return hp_fail(error, HP_FATAL, "failpoint %s: dead", label);
}

#endif
