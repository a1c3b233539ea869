/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages and calls between reactors. A world carries a struct msg from any thread to a
 * reactor's loop, in order per sender. A call is a message that starts a fiber there; its
 * struct lies on the caller's stack, which is parked until the same message comes back. When
 * the receiver has no stack to give, the call waits until a fiber there ends.
 */
#include "run/fiber_int.h"

#include "base/check.h"

#include <errno.h>
#include <stdlib.h>

struct call {
    struct msg msg; /* on its way, or waiting on reactor.calls_waiting */
    void (*fn)(void *arg);
    void *arg;
    const char *name;
    struct reactor *from; /* NULL: nobody waits, and the call is malloc'd */
    struct fiber *caller;
};

void reactor_post(struct reactor *r, struct msg *m)
{
    r->run->ops->post(r, m);
}

void reactor_deliver(struct reactor *r, struct msg *m)
{
    r->stats.messages++;
    m->fn(m);
}

static void call_returned(struct msg *m)
{
    fiber_wake(container_of(m, struct call, msg)->caller);
}

static void call_fiber(void *arg)
{
    struct call *c = arg;
    if (c->from) {
        c->fn(c->arg);
        c->msg.fn = call_returned;
        reactor_post(c->from, &c->msg);
    } else {
        struct call own = *c;
        free(c);
        own.fn(own.arg);
    }
}

static bool call_begin(struct call *c)
{
    return c->from ? fiber_start_call(call_fiber, c, c->name)
                   : fiber_start(call_fiber, c, c->name);
}

static void call_arrived(struct msg *m)
{
    struct reactor *r = reactor_self();
    struct call *c = container_of(m, struct call, msg);
    if (!list_empty(&r->calls_waiting) || !call_begin(c))
        list_push(&r->calls_waiting, &m->node);
}

void calls_start_waiting(struct reactor *r)
{
    struct msg *m;
    while ((m = list_first(&r->calls_waiting, struct msg, node))) {
        list_remove(&m->node);
        if (!call_begin(container_of(m, struct call, msg))) {
            list_push_front(&r->calls_waiting, &m->node);
            return;
        }
    }
}

void call_on(struct reactor *r, void (*fn)(void *arg), void *arg)
{
    struct fiber *self = fiber_self();
    check(self != NULL);
    if (r == reactor_self()) {
        fn(arg);
        return;
    }
    struct call c = {.msg.fn = call_arrived,
                     .fn = fn,
                     .arg = arg,
                     .name = fiber_name(self),
                     .from = reactor_self(),
                     .caller = self};
    reactor_post(r, &c.msg);
    fiber_park();
}

int start_on(struct reactor *r, void (*fn)(void *arg), void *arg, const char *name)
{
    struct call *c = malloc(sizeof(*c));
    if (!c)
        return E(-ENOMEM);
    *c = (struct call){.msg.fn = call_arrived, .fn = fn, .arg = arg, .name = name};
    reactor_post(r, &c->msg);
    return 0;
}
