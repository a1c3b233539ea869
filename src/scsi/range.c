/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The range lock: whoever changes blocks holds the range he changes, so overlapping writes
 * follow one another and COMPARE AND WRITE, which reads and writes under it, is atomic against
 * every write of the LU on every path. Locks are granted in the order they were asked for: a
 * request waits for every earlier one that it overlaps, held or waiting, so that a wide one is
 * not starved by narrow ones. The caller checked that the range lies inside the LU, so that no
 * sum here wraps; an empty range locks nothing.
 *
 * Each write compares with all that are held, as many as writes are in flight. They lie side by
 * side in an array, and the waiting ones, mostly none, on a list; room for all of them in the
 * array is made before they wait, so granting cannot fail. On the LU's home. range_lock()
 * parks.
 */
#include "scsi/scsi_int.h"

#include "base/check.h"

#include <errno.h>
#include <stdlib.h>

#define CAP_MIN 64u

void range_init(struct scsi_lu *lu)
{
    list_init(&lu->ranges.waiting);
}

void lu_ranges_fini(struct scsi_lu *lu)
{
    check(lu_ranges_idle(lu));
    free(lu->ranges.held);
}

bool lu_ranges_idle(const struct scsi_lu *lu)
{
    return lu->ranges.nheld == 0 && list_empty(&lu->ranges.waiting);
}

/* Room for one more, those that wait included. */
static int reserve(struct range_set *s)
{
    if (s->nheld + s->nwaiting < s->cap)
        return 0;
    unsigned cap = MAX(CAP_MIN, 2 * s->cap);
    struct range_span *held = realloc(s->held, cap * sizeof(*held));
    if (!held)
        return -ENOMEM;
    s->held = held;
    s->cap = cap;
    return 0;
}

static bool overlaps_held(const struct range_set *s, const struct range_lock *l)
{
    bool any = false; /* no branch in the loop: mostly all of it is walked */
    for (unsigned i = 0; i < s->nheld; i++)
        any |= (l->lba < s->held[i].end) & (s->held[i].lba < l->end);
    return any;
}

/* Somebody waits who came before l. */
static bool overlaps_waiting(const struct range_set *s, const struct range_lock *l)
{
    const struct range_lock *o;
    list_for_each (o, &s->waiting, node) {
        if (o == l)
            return false;
        if (l->lba < o->end && o->lba < l->end)
            return true;
    }
    return false;
}

static bool is_free(const struct range_set *s, const struct range_lock *l)
{
    return !overlaps_held(s, l) && !overlaps_waiting(s, l);
}

static void take(struct range_set *s, struct range_lock *l)
{
    l->slot = s->nheld++;
    l->held = true;
    s->held[l->slot] = (struct range_span){l->lba, l->end, l};
}

static void give_back(struct range_set *s, struct range_lock *l)
{
    struct range_span *last = &s->held[--s->nheld];
    last->owner->slot = l->slot;
    s->held[l->slot] = *last;
    l->held = false;
}

static void grant(struct range_set *s)
{
    struct range_lock *l, *next;
    list_for_each_safe (l, next, &s->waiting, node) {
        if (is_free(s, l)) {
            list_remove(&l->node);
            s->nwaiting--;
            take(s, l);
            waitq_wake_one(&l->q);
        }
    }
}

int range_lock(struct scsi_lu *lu, struct range_lock *l, uint64_t lba, uint64_t nblk,
               struct cancel *c)
{
    struct range_set *s = &lu->ranges;
    *l = (struct range_lock){.lba = lba, .end = lba + nblk};
    list_init(&l->node);
    waitq_init(&l->q);
    int rc = nblk != 0 ? reserve(s) : 0;
    if (rc < 0 || nblk == 0)
        return rc;
    if (is_free(s, l)) {
        take(s, l);
        return 0;
    }
    list_push(&s->waiting, &l->node);
    s->nwaiting++;
    while (!l->held && rc == 0)
        rc = waitq_wait(&l->q, NO_DEADLINE, c);
    if (rc < 0)
        range_unlock(lu, l);
    return rc;
}

void range_unlock(struct scsi_lu *lu, struct range_lock *l)
{
    struct range_set *s = &lu->ranges;
    if (l->held) {
        give_back(s, l);
    } else if (!list_empty(&l->node)) { /* gives up waiting */
        list_remove(&l->node);
        s->nwaiting--;
    }
    grant(s);
}
