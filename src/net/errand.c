/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Errands: calls into a volume that its store may never let return (a hung file server, a disk
 * whose queue stands still). Each is a fiber of its own, so that whoever sent it waits only as
 * long as it likes; an errand that is late ends by itself, whenever that is, and cleans up behind
 * itself. An errand's memory is reactor 0's but for what its run() works with.
 */
#include "net/net_int.h"

#include <errno.h>

#define LEAST_MS 250 /* that any errand gets */

static void go(void *arg)
{
    struct errand *e = arg;
    e->run(e);
}

static void errand_fiber(void *arg)
{
    struct errand *e = arg;
    struct net *net = e->net;
    call_on(e->home, go, e);
    e->done = true;
    if (e->abandoned)
        e->late(e);
    else
        waitq_wake_all(&e->ended);
    net->nerrands--;
    waitq_wake_all(&net->errand_over);
}

int errand_run(struct errand *e, struct patience *p)
{
    uint64_t until = run_deadline_ms(p->ms);
    waitq_init(&e->ended);
    e->done = e->abandoned = false;
    e->net->nerrands++;
    if (!fiber_start(errand_fiber, e, "errand"))
        errand_fiber(e); /* so be it: whoever asked waits */
    while (!e->done && waitq_wait(&e->ended, until, NULL) == 0)
        ;
    if (e->done)
        return 0;
    e->abandoned = true;
    p->ms = MIN(p->ms, (unsigned)LEAST_MS);
    return -ETIMEDOUT;
}

int errands_wait(struct net *net, uint64_t deadline)
{
    int rc = 0;
    while (rc == 0 && net->nerrands != 0)
        rc = waitq_wait(&net->errand_over, deadline, NULL);
    return rc;
}
