/* Moves the clock that programs read the date from, by MOVED_CLOCK_S seconds; how long they wait is left alone.
   Loaded by LD_PRELOAD (moved_clock.py). libfaketime moves waits, too, and Python's threads then wait for years. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static time_t moved_by(void)
{
    const char *given = getenv("MOVED_CLOCK_S");
    return given ? (time_t)atoll(given) : 0;
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
    int failed = (int)syscall(SYS_clock_gettime, clock, now);
    if (!failed && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        now->tv_sec += moved_by();
    return failed;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
    (void)zone;
    struct timespec found;
    clock_gettime(CLOCK_REALTIME, &found);
    now->tv_sec = found.tv_sec;
    now->tv_usec = found.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *now)
{
    struct timespec found;
    clock_gettime(CLOCK_REALTIME, &found);
    if (now)
        *now = found.tv_sec;
    return found.tv_sec;
}

/* Whoever waits until a moment of the moved clock waits until that of the real one. A moment since the machine was
   started, of the other clock, is no date: those are larger. */
static const struct timespec *real_moment(const struct timespec *until, struct timespec *place)
{
    if (until->tv_sec < 1000000000)
        return until;
    *place = *until;
    place->tv_sec -= moved_by();
    return place;
}

int pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *mutex, const struct timespec *until)
{
    typedef int function(pthread_cond_t *, pthread_mutex_t *, const struct timespec *);
    static function *found;
    if (!found) {
        /* An older one of the same name knows other conditions. */
        found = (function *)dlvsym(RTLD_NEXT, "pthread_cond_timedwait", "GLIBC_2.3.2");
        if (!found)
            found = (function *)dlsym(RTLD_NEXT, "pthread_cond_timedwait");
    }
    struct timespec place;
    return found(condition, mutex, real_moment(until, &place));
}
