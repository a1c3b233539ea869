/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Everything a fiber can wait on: queue, deadline, cancellation token, mutex, group. One wait
 * is one struct waiter on the waiting fiber's stack, hooked to up to three sources; whichever
 * fires first takes it off all of them, stores the result and wakes the fiber. So a waiter is
 * woken exactly once and nothing points at it when its frame ends.
 */
#include "run/fiber_int.h"

#include "base/check.h"

#include <errno.h>

static void waiter_end(struct waiter *w, int result)
{
    list_remove(&w->on_queue);
    list_remove(&w->on_cancel);
    timer_cancel(&w->timeout);
    w->result = result;
    fiber_wake(w->fiber);
}

static void waiter_timeout(struct timer *t)
{
    waiter_end(container_of(t, struct waiter, timeout), -ETIMEDOUT);
}

/* queue may be NULL. */
static int wait_on(struct list *queue, uint64_t deadline, struct cancel *c)
{
    if (c && c->fired)
        return -ECANCELED;
    if (deadline <= run_now())
        return -ETIMEDOUT;
    struct waiter w = {.fiber = fiber_self()};
    list_init(&w.on_queue);
    list_init(&w.on_cancel);
    timer_init(&w.timeout, waiter_timeout);
    if (queue)
        list_push(queue, &w.on_queue);
    if (c)
        list_push(&c->waiters, &w.on_cancel);
    timer_arm(&w.timeout, deadline);
    fiber_park();
    return w.result;
}

int fiber_sleep_until(uint64_t deadline, struct cancel *c)
{
    int rc = wait_on(NULL, deadline, c);
    return rc == -ETIMEDOUT ? 0 : rc;
}

/* ---- cancellation ------------------------------------------------------------------------ */

void cancel_init(struct cancel *c)
{
    c->fired = false;
    list_init(&c->waiters);
}

void cancel_fire(struct cancel *c)
{
    c->fired = true;
    struct waiter *w;
    while ((w = list_first(&c->waiters, struct waiter, on_cancel)))
        waiter_end(w, -ECANCELED);
}

/* ---- wait queue -------------------------------------------------------------------------- */

void waitq_init(struct waitq *q)
{
    list_init(&q->waiters);
}

int waitq_wait(struct waitq *q, uint64_t deadline, struct cancel *c)
{
    return wait_on(&q->waiters, deadline, c);
}

bool waitq_wake_one(struct waitq *q)
{
    struct waiter *w = list_first(&q->waiters, struct waiter, on_queue);
    if (!w)
        return false;
    waiter_end(w, 0);
    return true;
}

void waitq_wake_all(struct waitq *q)
{
    while (waitq_wake_one(q))
        ;
}

/* ---- mutex: unlocking hands it to the longest waiter, so that nobody can overtake -------- */

void fmutex_init(struct fmutex *m)
{
    m->held = false;
    waitq_init(&m->q);
}

int fmutex_lock_cancel(struct fmutex *m, struct cancel *c)
{
    if (m->held)
        return waitq_wait(&m->q, NO_DEADLINE, c);
    m->held = true;
    return 0;
}

void fmutex_lock(struct fmutex *m)
{
    fmutex_lock_cancel(m, NULL);
}

void fmutex_unlock(struct fmutex *m)
{
    check(m->held);
    if (!waitq_wake_one(&m->q))
        m->held = false;
}

/* ---- wait group -------------------------------------------------------------------------- */

void waitgroup_init(struct waitgroup *g)
{
    g->n = 0;
    waitq_init(&g->q);
}

void waitgroup_done(struct waitgroup *g)
{
    check(g->n > 0);
    if (--g->n == 0)
        waitq_wake_all(&g->q);
}

void waitgroup_wait(struct waitgroup *g)
{
    while (g->n > 0)
        waitq_wait(&g->q, NO_DEADLINE, NULL);
}
