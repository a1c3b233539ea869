/* SPDX-License-Identifier: BSD-2-Clause */
/* A thread that does nothing but sigwait() and hand over to reactor 0: no handler, nothing
 * async-signal-unsafe anywhere. It ends with the process. */
#include "cmd/daemon/signals.h"

#include "run/fiber.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define IMPATIENT_S                                                                            \
    2 /* wrappers often pass one request on twice: that is not somebody who asks again */

struct signals {
    struct run *run;
    void (*fn)(void *arg);
    void *arg;
    pthread_t thread;
    atomic_bool stopping;
};

static void our_signals(sigset_t *ret_set)
{
    sigemptyset(ret_set);
    sigaddset(ret_set, SIGINT);
    sigaddset(ret_set, SIGTERM);
    sigaddset(ret_set, SIGHUP);
}

void signals_block(void)
{
    sigset_t set;
    our_signals(&set);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
}

static time_t seconds(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec + 1; /* never 0 */
}

static void *signals_thread(void *arg)
{
    struct signals *s = arg;
    sigset_t set;
    int sig;
    our_signals(&set);
    for (time_t asked = 0; sigwait(&set, &sig) == 0;) {
        time_t now = seconds();
        if (atomic_load(&s->stopping))
            return NULL;
        if (sig == SIGHUP || (asked && now < asked + IMPATIENT_S))
            continue;
        if (asked || start_on(run_reactor(s->run, 0), s->fn, s->arg, "stop") < 0)
            _exit(130);
        asked = now;
    }
    return NULL;
}

int signals_start(struct run *run, void (*fn)(void *arg), void *arg,
                  struct signals **ret_signals, struct err *reterr)
{
    struct signals *s = calloc(1, sizeof(*s));
    if (!s)
        return err_set(reterr, -ENOMEM, "out of memory");
    s->run = run;
    s->fn = fn;
    s->arg = arg;
    int rc = pthread_create(&s->thread, NULL, signals_thread, s);
    if (rc != 0) {
        free(s);
        return err_set(reterr, -rc, "the signal thread: %s", strerror(rc));
    }
    *ret_signals = s;
    return 0;
}

void signals_stop(struct signals *s)
{
    if (!s)
        return;
    atomic_store(&s->stopping, true);
    pthread_kill(s->thread, SIGHUP);
    pthread_join(s->thread, NULL);
    free(s);
}
