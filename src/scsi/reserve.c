/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * RESERVE and RELEASE, (6) and (10), of SPC-2: one nexus has the LU to itself until it releases
 * it, loses its nexus, or the LU is reset. Nothing is saved. Next to persistent reservations
 * the rule is what REPORT CAPABILITIES calls CRH=1 (SPC-4 5.13.3): whoever has access under the
 * persistent reservation is told GOOD and nothing happens; while anybody is registered, all
 * others get a conflict. On the LU's home; doesn't park.
 */
#include "scsi/pr.h"

/* True: persistent registrations decided, the task has ended. */
static bool decided_by_pr(struct scsi_lu *lu, struct scsi_task *t)
{
    const struct pr_state *now = lu->pr->now;
    const struct pr_reg *me = pr_find(lu, t->itl);
    if (now->n == 0)
        return false;
    bool access = me && now->type != PR_TYPE_NONE && (pr_type_shared(now->type) || me->holder);
    task_status(t, access ? SCSI_STATUS_GOOD : SCSI_STATUS_CONFLICT);
    return true;
}

void op_reserve(struct scsi_lu *lu, struct scsi_task *t)
{
    if (decided_by_pr(lu, t))
        return;
    lu->reserved_by = t->itl; /* nobody else's: pr_conflicts() */
    task_good(t);
}

void op_release(struct scsi_lu *lu, struct scsi_task *t)
{
    if (decided_by_pr(lu, t))
        return;
    if (lu->reserved_by == t->itl)
        lu->reserved_by = NULL;
    task_good(t);
}
