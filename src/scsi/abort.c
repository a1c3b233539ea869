/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ending tasks before their time. A task that has not entered a volume operation is stopped:
 * its waits are cancelled, and task_commit() turns it away from the volume, so that its data
 * never land. A task past that point is waited for: it ends by itself, and what it would have
 * answered is dropped. If it does not end, for it is inside a stuck volume, it is fenced: the
 * wait goes on without it after 5 s. Its range lock stays, so nothing overtakes it on its
 * blocks.
 *
 * On the LU's home. lu_abort_mark(), lu_abort_answering(), lu_leave() and lu_left() do not park, the others do.
 */
#include "scsi/guard.h"

#include "base/mutant.h"

#define FENCE_MS 5000

struct match {
    const struct scsi_itl *itl; /* NULL: of any nexus */
    const struct scsi_task *except;
    const uint64_t *tag; /* NULL: any */
};

static bool matches(const struct match *m, const struct scsi_task *t)
{
    return (!m->itl || t->itl == m->itl) && t != m->except && (!m->tag || t->tag == *m->tag);
}

static void abort_one(struct scsi_lu *lu, struct scsi_task *t, const struct scsi_itl *by)
{
    if (t->aborting)
        return;
    t->aborting = true;
    if (by && by != t->itl) {
        t->tas = lu->control.tas;
        if (!t->tas)
            ua_raise(t->itl, UA_COMMANDS_CLEARED);
    }
    t->tas |= t->itl->answers;
    cancel_fire(&t->cancel);
    if (t->ops && t->ops->cancel)
        t->ops->cancel(t);
}

static unsigned mark(struct scsi_lu *lu, const struct match *m, const struct scsi_itl *by)
{
    struct scsi_task *t;
    unsigned n = 0;
    list_for_each (t, &lu->tasks, on_lu) {
        if (matches(m, t)) {
            abort_one(lu, t, by);
            n++;
        }
    }
    return n;
}

static bool any_left(const struct scsi_lu *lu, const struct match *m)
{
    const struct scsi_task *t;
    list_for_each (t, &lu->tasks, on_lu)
        if (matches(m, t) && t->aborting && !t->fenced)
            return true;
    return false;
}

static void fence(struct scsi_lu *lu, const struct match *m)
{
    struct scsi_task *t;
    list_for_each (t, &lu->tasks, on_lu) {
        if (!matches(m, t) || !t->aborting || t->fenced)
            continue;
        t->fenced = true;
        if (!t->tas && t->ops && t->ops->fenced)
            t->ops->fenced(t);
    }
}

static void wait_for(struct scsi_lu *lu, const struct match *m, uint64_t deadline)
{
    while (any_left(lu, m)) {
        if (waitq_wait(&lu->drained, deadline, NULL) < 0)
            fence(lu, m);
    }
}

void lu_abort_mark(struct scsi_lu *lu, const struct scsi_itl *itl,
                   const struct scsi_task *except, const struct scsi_itl *by)
{
    struct match m = {.itl = itl, .except = except};
    mark(lu, &m, by);
}

void lu_abort_tasks(struct scsi_lu *lu, const struct scsi_itl *itl,
                    const struct scsi_task *except, const struct scsi_itl *by)
{
    struct match m = {.itl = itl, .except = except};
    mark(lu, &m, by);
    wait_for(lu, &m, run_deadline_ms(FENCE_MS));
}

void lu_leave(struct scsi_lu *lu, struct scsi_itl *itl)
{
    struct match m = {.itl = itl};
    itl->leaving = true;
    if (lu->reserved_by == itl)
        lu->reserved_by = NULL;
    mark(lu, &m, NULL);
    if (itl->ntasks == 0)
        lu_left(lu, itl);
}

void lu_left(struct scsi_lu *lu, struct scsi_itl *itl)
{
    if (lu->reserved_by == itl) /* by one of the last */
        lu->reserved_by = NULL;
    copy_forget(lu, itl);
    list_remove(&itl->on_lu);
    guard_left(lu, itl);
    waitq_wake_all(&lu->drained);
}

void lu_abort_answering(struct scsi_lu *lu, struct scsi_itl *itl)
{
    bool answers = itl->answers;
    itl->answers = true;
    lu_abort_mark(lu, itl, NULL, NULL);
    itl->answers = answers;
}

void lu_abort_wait(struct scsi_lu *lu)
{
    struct match m = {.itl = NULL};
    wait_for(lu, &m, run_deadline_ms(FENCE_MS));
}

bool lu_abort_tag(struct scsi_lu *lu, const struct scsi_itl *itl, uint64_t tag)
{
    struct match m = {.itl = itl, .tag = &tag};
    if (mark(lu, &m, itl) == 0)
        return false;
    if (!mutant_on(MUTANT_LATE_ABORTED_DATA))
        wait_for(lu, &m, run_deadline_ms(FENCE_MS));
    return true;
}

bool lu_has_task(const struct scsi_lu *lu, const struct scsi_itl *itl, const uint64_t *tag)
{
    struct match m = {.itl = itl, .tag = tag};
    const struct scsi_task *t;
    list_for_each (t, &lu->tasks, on_lu)
        if (matches(&m, t))
            return true;
    return false;
}
