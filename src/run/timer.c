/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Timers: an intrusive pairing heap per reactor (Fredman et al. 1986). Arming is O(1), and
 * almost every timer here is cancelled before it is due, which costs one cut and a merge of a
 * few children. A node's prev is its left sibling, or its parent when it is the leftmost child;
 * the root has neither prev nor sibling.
 */
#include "run/fiber_int.h"

static struct timer *meld(struct timer *a, struct timer *b)
{
    if (!a || !b)
        return a ? a : b;
    if (b->deadline < a->deadline) {
        struct timer *t = a;
        a = b;
        b = t;
    }
    b->sibling = a->child;
    if (a->child)
        a->child->prev = b;
    b->prev = a;
    a->child = b;
    return a;
}

/* Melds a list of siblings in pairs from the left, then the pairs from the right. */
static struct timer *meld_siblings(struct timer *first)
{
    struct timer *pairs = NULL;
    while (first) {
        struct timer *a = first, *b = a->sibling;
        first = b ? b->sibling : NULL;
        a->prev = a->sibling = NULL;
        if (b)
            b->prev = b->sibling = NULL;
        struct timer *m = meld(a, b);
        m->sibling = pairs;
        pairs = m;
    }
    struct timer *root = NULL;
    while (pairs) {
        struct timer *next = pairs->sibling;
        pairs->sibling = NULL;
        root = meld(root, pairs);
        pairs = next;
    }
    return root;
}

static void detach(struct timer *t)
{
    if (t->prev->child == t)
        t->prev->child = t->sibling;
    else
        t->prev->sibling = t->sibling;
    if (t->sibling)
        t->sibling->prev = t->prev;
}

void timer_init(struct timer *t, void (*fn)(struct timer *t))
{
    *t = (struct timer){.fn = fn};
}

void timer_cancel(struct timer *t)
{
    if (!timer_armed(t))
        return;
    struct reactor *r = reactor_self();
    struct timer *rest = meld_siblings(t->child);
    if (r->timers == t) {
        r->timers = rest;
    } else {
        detach(t);
        r->timers = meld(r->timers, rest);
    }
    timer_init(t, t->fn);
}

void timer_arm(struct timer *t, uint64_t deadline)
{
    timer_cancel(t);
    if (deadline == NO_DEADLINE)
        return;
    struct reactor *r = reactor_self();
    t->deadline = MAX(deadline, r->now + 1); /* never in this turn again: a turn must end */
    r->timers = meld(r->timers, t);
}

void timers_fire(struct reactor *r)
{
    while (r->timers && r->timers->deadline <= r->now) {
        struct timer *t = r->timers;
        timer_cancel(t);
        t->fn(t);
    }
}

uint64_t reactor_next_deadline(const struct reactor *r)
{
    return r->timers ? r->timers->deadline : NO_DEADLINE;
}
