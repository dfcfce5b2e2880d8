/*
 * tests/support/c11_threads.c - C11 threads on POSIX threads, for the thread sanitizer.
 *
 * The sanitizer learns of threads and locks by replacing the POSIX functions. It does not know
 * C11's, and glibc's go past the POSIX ones, so a thread that librdkafka starts with
 * thrd_create() has no shadow state: the first allocation in it crashes. Only builds with
 * HAMPER_SANITIZE=thread contain this file; its functions take precedence over glibc's in every
 * shared library of the process. glibc lays both kinds of mutex and condition out alike.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <threads.h>

static_assert(sizeof(mtx_t) >= sizeof(pthread_mutex_t), "a mutex fits");
static_assert(sizeof(cnd_t) >= sizeof(pthread_cond_t), "a condition fits");

struct start {
    thrd_start_t function;
    void *argument;
};

static int
result(int error)
{
    switch (error) {
    case 0: return thrd_success;
    case ENOMEM: return thrd_nomem;
    case ETIMEDOUT: return thrd_timedout;
    case EBUSY: return thrd_busy;
    default: return thrd_error;
    }
}

static void *
run(void *argument)
{
    struct start start = *(struct start *)argument;

    free(argument);
    return (void *)(intptr_t)start.function(start.argument);
}

int
thrd_create(thrd_t *thread, thrd_start_t function, void *argument)
{
    struct start *start = malloc(sizeof(*start));
    int error;

    if (!start)
        return thrd_nomem;
    *start = (struct start){.function = function, .argument = argument};
    error = pthread_create(thread, NULL, run, start);
    if (error)
        free(start);
    return result(error);
}

int
thrd_join(thrd_t thread, int *value)
{
    void *returned;
    int error = pthread_join(thread, &returned);

    if (!error && value)
        *value = (int)(intptr_t)returned;
    return result(error);
}

int
thrd_detach(thrd_t thread)
{
    return result(pthread_detach(thread));
}

int
mtx_init(mtx_t *mutex, int type)
{
    pthread_mutexattr_t attributes;
    int error;

    pthread_mutexattr_init(&attributes);
    if (type & mtx_recursive)
        pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE);
    error = pthread_mutex_init((pthread_mutex_t *)mutex, &attributes);
    pthread_mutexattr_destroy(&attributes);
    return result(error);
}

void
mtx_destroy(mtx_t *mutex)
{
    pthread_mutex_destroy((pthread_mutex_t *)mutex);
}

int
mtx_lock(mtx_t *mutex)
{
    return result(pthread_mutex_lock((pthread_mutex_t *)mutex));
}

int
mtx_trylock(mtx_t *mutex)
{
    return result(pthread_mutex_trylock((pthread_mutex_t *)mutex));
}

int
mtx_unlock(mtx_t *mutex)
{
    return result(pthread_mutex_unlock((pthread_mutex_t *)mutex));
}

int
cnd_init(cnd_t *condition)
{
    return result(pthread_cond_init((pthread_cond_t *)condition, NULL));
}

void
cnd_destroy(cnd_t *condition)
{
    pthread_cond_destroy((pthread_cond_t *)condition);
}

int
cnd_signal(cnd_t *condition)
{
    return result(pthread_cond_signal((pthread_cond_t *)condition));
}

int
cnd_broadcast(cnd_t *condition)
{
    return result(pthread_cond_broadcast((pthread_cond_t *)condition));
}

int
cnd_wait(cnd_t *condition, mtx_t *mutex)
{
    return result(pthread_cond_wait((pthread_cond_t *)condition, (pthread_mutex_t *)mutex));
}

int
cnd_timedwait(
    cnd_t *restrict condition, mtx_t *restrict mutex, const struct timespec *restrict deadline)
{
    return result(pthread_cond_timedwait(
        (pthread_cond_t *)condition, (pthread_mutex_t *)mutex, deadline));
}

void
call_once(once_flag *flag, void (*function)(void))
{
    pthread_once((pthread_once_t *)flag, function);
}
