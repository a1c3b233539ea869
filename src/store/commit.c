/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A flush covers only writes that had completed when it was submitted. So a caller never joins
 * a flush in flight: it waits for the next, numbered submitted + 1 at the time of its call. At
 * most one is in flight; the first caller that finds none becomes the leader, lets the fibers
 * that are ready now arrive too (their writes completed in the same turn), and submits one
 * flush for all. Who arrives later wakes when that one ends, and one of them leads the next.
 * Under load a device's flush time is thus shared by everything that completed during the flush
 * before.
 */
#include "store/commit.h"

void commit_init(struct commit *c, int (*flush)(void *arg), void *arg)
{
    *c = (struct commit){.flush = flush, .arg = arg};
    waitq_init(&c->q);
}

static void lead(struct commit *c)
{
    c->leading = true;
    fiber_yield();
    c->submitted++;
    int rc = c->failed != 0 ? c->failed : c->flush(c->arg);
    if (rc != 0)
        c->failed = rc;
    c->finished = c->submitted;
    c->leading = false;
    waitq_wake_all(&c->q);
}

int commit_wait(struct commit *c)
{
    uint64_t mine = c->submitted + 1;
    while (c->failed == 0 && c->finished < mine) {
        if (c->leading)
            waitq_wait(&c->q, NO_DEADLINE, NULL);
        else
            lead(c);
    }
    return c->failed;
}
