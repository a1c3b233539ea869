/* SPDX-License-Identifier: BSD-2-Clause */
/* Verifying blocks, several at a time, so that all disks have something to do. */
#include "pool/scan/scan_int.h"

#include <errno.h>

static void job_run(void *arg)
{
    struct scan_job *j = arg;
    struct scan *s = j->scan;
    uint64_t repaired;
    suspend_patience(s->p, NULL, fiber_self());
    int r = block_scrub(&s->p->blocks, &j->bp, &repaired);
    suspend_patience(s->p, fiber_self(), NULL);
    s->now.repaired += repaired;
    if (r == -ENOMEM) {
        s->error = r;
    } else if (r) {
        s->now.errors++;
        s->bad = j->bp;
        if (r != -ENXIO) /* disks that are away are no damage of the block's */
            errlog_add(s->p, &j->at);
    }
    j->busy = false;
    s->njobs--;
    waitq_wake_all(&s->job_done);
}

void job_start(struct scan *s, const struct bp *bp, const struct bookmark *at)
{
    unsigned i = 0;
    while (s->njobs == SCAN_DEPTH)
        waitq_wait(&s->job_done, NO_DEADLINE, NULL);
    while (s->job[i].busy)
        i++;
    s->job[i] = (struct scan_job){.scan = s, .bp = *bp, .at = *at, .busy = true};
    s->njobs++;
    if (fiber_scarce() || !fiber_start(job_run, &s->job[i], "pool-scan-block"))
        job_run(&s->job[i]);
}

void job_wait_all(struct scan *s)
{
    while (s->njobs > 0)
        waitq_wait(&s->job_done, NO_DEADLINE, NULL);
}
