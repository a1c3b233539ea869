/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One list of those who hold or want a range, in order of arrival; one of them holds as soon as
 * none before it overlaps. That is fair and cannot deadlock, and the list is as short as the
 * number of commands in flight.
 */
#include "store/range.h"

void ranges_init(struct range_lock *l)
{
    list_init(&l->holds);
}

static bool overlap(const struct range_hold *a, const struct range_hold *b)
{
    return a->off < b->end && b->off < a->end;
}

static bool blocked(const struct range_lock *l, const struct range_hold *h)
{
    const struct range_hold *before;
    list_for_each (before, &l->holds, node) {
        if (before == h)
            return false;
        if (overlap(before, h))
            return true;
    }
    return false;
}

void range_take(struct range_lock *l, struct range_hold *h, uint64_t off, uint64_t len)
{
    h->off = off;
    h->end = off + len;
    waitq_init(&h->granted);
    list_push(&l->holds, &h->node);
    while (blocked(l, h))
        waitq_wait(&h->granted, NO_DEADLINE, NULL);
}

void range_drop(struct range_lock *l, struct range_hold *h)
{
    struct range_hold *after;
    list_remove(&h->node);
    list_for_each (after, &l->holds, node) {
        if (overlap(after, h))
            waitq_wake_one(&after->granted);
    }
}
