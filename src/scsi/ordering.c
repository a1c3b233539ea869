/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who waits for whom. A task may begin when no task before it on the LU's list stands in its
 * way; the list is in order of arrival, with HEAD OF QUEUE tasks put in front. Two tables
 * decide: what the task attributes demand (SAM-5 8.6), and, among simple tasks, the class of
 * the command.
 *
 * Simple reads and writes never wait here: SAM leaves their order to us, and what must not
 * overlap in time is kept apart by the range lock. Commands that change the LU's own state
 * (ORDER_MODE) come one at a time, and media commands behind them wait, so that they see the
 * change. They do not wait for older reads and writes: a write that hangs on the data of a dead
 * initiator would hold up everybody. For the same reason reservations have no order of their
 * own: PREEMPT AND ABORT must get past the very tasks that it is going to abort.
 *
 * On the LU's home. Only ordering_wait() parks. While no task is strict (not simple, or
 * ORDER_MODE), nothing is searched.
 */
#include "scsi/scsi_int.h"

#include "base/check.h"

#include <errno.h>

enum rule { PASS, WAIT, BY_CLASS };

/* clang-format off: matrices */
/* A newer task of the row's attribute meets an older one of the column's. */
static const enum rule by_attr[3][3] = {
  /*                       SIMPLE    ORDERED  HEAD */
    [SCSI_ATTR_SIMPLE] = {BY_CLASS, WAIT, WAIT},
    [SCSI_ATTR_ORDERED] = {WAIT,     WAIT, WAIT},
    [SCSI_ATTR_HEAD] = {PASS,     PASS, PASS},
};

/* The same for the classes of two simple tasks. */
static const enum rule by_class[ORDER_COUNT][ORDER_COUNT] = {
  /*                 FREE  READ  WRITE SYNC  MODE */
    [ORDER_FREE] = {PASS, PASS, PASS, PASS, PASS},
    [ORDER_READ] = {PASS, PASS, PASS, PASS, WAIT},
    [ORDER_WRITE] = {PASS, PASS, PASS, PASS, WAIT},
    [ORDER_SYNC] = {PASS, PASS, PASS, PASS, WAIT},
    [ORDER_MODE] = {PASS, PASS, PASS, PASS, WAIT},
};
/* clang-format on */

static bool is_strict(const struct scsi_task *t)
{
    return t->attr != SCSI_ATTR_SIMPLE || t->order_class == ORDER_MODE;
}

static bool stands_in_way(const struct scsi_lu *lu, const struct scsi_task *older,
                          const struct scsi_task *t)
{
    if (t->order_class == ORDER_FREE || older->order_class == ORDER_FREE)
        return false;
    enum rule rule = by_attr[t->attr][older->attr];
    if (lu->control.tst == 1 && older->itl != t->itl)
        rule = BY_CLASS; /* another task set: attributes order nothing across them */
    if (rule == BY_CLASS)
        rule = by_class[t->order_class][older->order_class];
    return rule == WAIT;
}

static bool may_begin(const struct scsi_lu *lu, const struct scsi_task *t)
{
    const struct scsi_task *older;
    list_for_each (older, &lu->tasks, on_lu) {
        if (older == t)
            return true;
        if (stands_in_way(lu, older, t))
            return false;
    }
    return true;
}

void ordering_enter(struct scsi_lu *lu, struct scsi_task *t, enum scsi_order order)
{
    check(t->attr <= SCSI_ATTR_HEAD);
    t->order_class = (uint16_t)order;
    if (t->attr == SCSI_ATTR_HEAD)
        list_push_front(&lu->tasks, &t->on_lu);
    else
        list_push(&lu->tasks, &t->on_lu);
    lu->ntasks++;
    if (is_strict(t))
        lu->nstrict++;
}

int ordering_wait(struct scsi_lu *lu, struct scsi_task *t)
{
    t->enabled = lu->nstrict == 0 || may_begin(lu, t);
    if (t->enabled)
        return t->aborting ? -ECANCELED : 0;
    int rc = 0;
    lu->nblocked++;
    while (!t->enabled && rc == 0)
        rc = waitq_wait(&t->blocked, NO_DEADLINE, &t->cancel);
    lu->nblocked--;
    return rc;
}

void ordering_leave(struct scsi_lu *lu, struct scsi_task *t)
{
    struct scsi_task *next;
    list_remove(&t->on_lu);
    lu->ntasks--;
    if (is_strict(t))
        lu->nstrict--;
    if (lu->nblocked == 0)
        return;
    list_for_each (next, &lu->tasks, on_lu) {
        if (!next->enabled && may_begin(lu, next)) {
            next->enabled = true;
            waitq_wake_one(&next->blocked);
        }
    }
}
