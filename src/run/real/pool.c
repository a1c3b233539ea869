/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A job lies on the stack of the fiber that parks for it and comes back as a message to that
 * fiber's reactor.
 */
#include "run/real/pool.h"

#include "run/run_int.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>

#define HELPER_STACK                                                                           \
    (1u << 20) /* name service modules and libraries want more than a fiber has */

struct job {
    struct list node;
    void (*fn)(void *arg);
    void *arg;
    struct reactor *home;
    struct fiber *fiber;
    struct msg done;
};

static void job_done(struct msg *m)
{
    fiber_wake(container_of(m, struct job, done)->fiber);
}

static struct job *next_job(struct pool *p)
{
    pthread_mutex_lock(&p->lock);
    p->idle++;
    while (list_empty(&p->jobs) && !p->stopping)
        pthread_cond_wait(&p->work, &p->lock);
    p->idle--;
    struct list *n = p->stopping ? NULL : list_pop(&p->jobs);
    if (n)
        p->njobs--;
    pthread_mutex_unlock(&p->lock);
    return n ? list_entry(n, struct job, node) : NULL;
}

static void *helper_main(void *arg)
{
    struct pool *p = arg;
    struct job *j;
    pthread_setname_np(pthread_self(), p->name);
    if (p->behind)
        (void)sched_setscheduler(0, SCHED_BATCH, &(struct sched_param){0});
    while ((j = next_job(p))) {
        j->fn(j->arg);
        j->done.fn = job_done;
        reactor_post(j->home, &j->done);
    }
    return NULL;
}

int thread_start(pthread_t *ret_thread, const pthread_attr_t *attr, void *(*fn)(void *),
                 void *arg)
{
    static const int faults[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP};
    sigset_t blocked, before;
    sigfillset(&blocked);
    for (size_t i = 0; i < ARRAY_LEN(faults); i++)
        sigdelset(&blocked, faults[i]); /* a blocked fault kills without its handler */
    pthread_sigmask(SIG_SETMASK, &blocked, &before);
    int rc = -pthread_create(ret_thread, attr, fn, arg);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc;
}

/* Under the lock. A failure matters only when there is no thread at all. */
static int add_helper(struct pool *p)
{
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, HELPER_STACK);
    int rc = thread_start(&p->threads[p->n], &attr, helper_main, p);
    pthread_attr_destroy(&attr);
    if (rc == 0)
        p->n++;
    return rc;
}

static bool enqueue(struct pool *p, struct job *j)
{
    pthread_mutex_lock(&p->lock);
    list_push(&p->jobs, &j->node);
    if (++p->njobs > p->idle && p->n < p->max)
        add_helper(p);
    bool taken = p->n > 0;
    if (!taken) {
        list_remove(&j->node);
        p->njobs--;
    }
    pthread_cond_signal(&p->work);
    pthread_mutex_unlock(&p->lock);
    return taken;
}

void pool_run(struct pool *p, void (*fn)(void *arg), void *arg)
{
    struct job j = {.fn = fn, .arg = arg, .home = reactor_self(), .fiber = fiber_self()};
    if (enqueue(p, &j))
        fiber_park();
    else
        fn(arg); /* no thread could be started: slow, but right */
}

int pool_init(struct pool *p, const char *name, unsigned max, bool behind)
{
    *p = (struct pool){.max = max, .behind = behind, .name = name};
    list_init(&p->jobs);
    p->threads = calloc(max, sizeof(*p->threads));
    if (!p->threads)
        return E(-ENOMEM);
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->work, NULL);
    return 0;
}

void pool_fini(struct pool *p)
{
    if (!p->threads)
        return;
    pthread_mutex_lock(&p->lock);
    p->stopping = true;
    pthread_cond_broadcast(&p->work);
    pthread_mutex_unlock(&p->lock);
    for (unsigned i = 0; i < p->n; i++)
        pthread_join(p->threads[i], NULL);
    pthread_cond_destroy(&p->work);
    pthread_mutex_destroy(&p->lock);
    free(p->threads);
    p->threads = NULL;
}
