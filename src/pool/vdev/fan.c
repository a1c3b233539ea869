/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The same for many things at the same time: the caller's own fiber takes part, helpers are
 * started beside it, each takes the next number until none is left. When the fiber budget is
 * used up there are fewer helpers, so this cannot fail.
 */
#include "pool/vdev/vdev_int.h"

struct fan {
    void (*fn)(void *arg, unsigned i);
    void *arg;
    unsigned n, next;
    struct waitgroup left;
};

static void fan_work(struct fan *f)
{
    while (f->next < f->n)
        f->fn(f->arg, f->next++);
}

static void fan_helper(void *arg)
{
    struct fan *f = arg;
    fan_work(f);
    waitgroup_done(&f->left);
}

void fan_out(unsigned n, unsigned width, void (*fn)(void *arg, unsigned i), void *arg)
{
    struct fan f = {.fn = fn, .arg = arg, .n = n};
    waitgroup_init(&f.left);
    for (unsigned i = 1; i < MIN(n, width); i++) {
        if (!fiber_start(fan_helper, &f, "vdev io"))
            break;
        waitgroup_add(&f.left, 1);
    }
    fan_work(&f);
    waitgroup_wait(&f.left);
}
