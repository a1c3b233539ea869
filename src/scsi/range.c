/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The range lock: whoever changes blocks holds the range he changes, so overlapping writes follow one another and
 * COMPARE AND WRITE, which reads and writes under it, is atomic against every write of the LU on every path.
 * Locks are granted in the order they were asked for: a request waits for every earlier one that it overlaps, held
 * or waiting, so that a wide one is not starved by narrow ones. The list is as long as writes are in flight. The caller
 * checked that the range lies inside the LU, so that no sum here wraps.
 * On the LU's home. range_lock() parks.
 */
#include "scsi/scsi_int.h"

#include <errno.h>

static bool overlaps(const struct range_lock *a, const struct range_lock *b)
{
    return a->nblk != 0 && b->nblk != 0 && a->lba < b->lba + b->nblk &&
           b->lba < a->lba + a->nblk;
}

/* Nobody before l on the list stands in its way. */
static bool is_free(const struct scsi_lu *lu, const struct range_lock *l)
{
    const struct range_lock *o;
    list_for_each (o, &lu->ranges, node) {
        if (o == l)
            return true;
        if (overlaps(o, l))
            return false;
    }
    return true;
}

static void grant(struct scsi_lu *lu)
{
    struct range_lock *l;
    if (lu->ranges_waiting == 0)
        return;
    list_for_each (l, &lu->ranges, node) {
        if (!l->held && is_free(lu, l)) {
            l->held = true;
            lu->ranges_waiting--;
            waitq_wake_one(&l->q);
        }
    }
}

int range_lock(struct scsi_lu *lu, struct range_lock *l, uint64_t lba, uint64_t nblk,
               struct cancel *c)
{
    *l = (struct range_lock){.lba = lba, .nblk = nblk};
    waitq_init(&l->q);
    list_push(&lu->ranges, &l->node);
    l->held = is_free(lu, l);
    if (l->held)
        return 0;
    lu->ranges_waiting++;
    while (!l->held) {
        int rc = waitq_wait(&l->q, NO_DEADLINE, c);
        if (rc < 0) {
            range_unlock(lu, l);
            return rc;
        }
    }
    return 0;
}

void range_unlock(struct scsi_lu *lu, struct range_lock *l)
{
    if (!l->held)
        lu->ranges_waiting--;
    list_remove(&l->node);
    l->held = false;
    grant(lu);
}
