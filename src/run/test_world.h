/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The smallest world, for the tests of run/'s core: a thread, a clock that jumps to the next
 * timer, messages that arrive in the receiver's next turn. It has no files and no sockets. Ends
 * by itself when nothing can happen any more.
 *
 * Tests record results in fibers and assert on them outside: cmocka leaves a failed test by
 * longjmp(), which must not cross stacks.
 */
#ifndef RUN_TEST_WORLD_H
#define RUN_TEST_WORLD_H

#include "run/fiber_int.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TEST_REACTORS 2

struct test_world {
    struct run run;
    uint64_t clock;
    struct list inbox[TEST_REACTORS];
};

static inline struct test_world *test_world_of(const struct run *run)
{
    return run->world;
}

static inline uint64_t test_now(struct reactor *r)
{
    return test_world_of(r->run)->clock;
}

static inline void test_post(struct reactor *r, struct msg *m)
{
    list_push(&test_world_of(r->run)->inbox[r->index], &m->node);
}

static inline void test_stop(struct run *run)
{
    atomic_store(&run->stopping, true);
}

/* One turn of one reactor; true when it has more to do at once. */
static inline bool test_turn(struct test_world *w, unsigned i)
{
    struct reactor *r = &w->run.reactors[i];
    reactor_set_self(r);
    reactor_tick(r);
    struct list mail;
    list_init(&mail);
    list_splice(&mail, &w->inbox[i]);
    struct list *n;
    while ((n = list_pop(&mail)))
        reactor_deliver(r, list_entry(n, struct msg, node));
    return reactor_turn(r) || !list_empty(&w->inbox[0]) || !list_empty(&w->inbox[1]);
}

static inline void test_loop(struct run *run)
{
    struct test_world *w = test_world_of(run);
    reactor_set_self(&run->reactors[0]);
    reactor_start_main(run);
    while (!atomic_load(&run->stopping)) {
        bool busy = false;
        uint64_t next = NO_DEADLINE;
        for (unsigned i = 0; i < TEST_REACTORS; i++)
            busy |= test_turn(w, i);
        for (unsigned i = 0; i < TEST_REACTORS; i++)
            next = MIN(next, reactor_next_deadline(&run->reactors[i]));
        if (!busy && next == NO_DEADLINE)
            return;
        if (!busy)
            w->clock = MAX(w->clock, next);
    }
}

static const struct world_ops test_ops = {
    .loop = test_loop, .now = test_now, .post = test_post, .stop = test_stop};

/* Runs fn(arg) as the main fiber of a fresh world until nothing is left to do. */
static inline struct reactor_stats test_run_with(const struct world_ops *ops,
                                                 const struct run_config *cfg,
                                                 void (*fn)(void *), void *arg)
{
    struct test_world w = {.clock = NS_PER_SEC};
    assert_int_equal(run_core_init(&w.run, ops, cfg, TEST_REACTORS), 0);
    w.run.world = &w;
    for (unsigned i = 0; i < TEST_REACTORS; i++)
        list_init(&w.inbox[i]);
    run_loop(&w.run, fn, arg);
    struct reactor_stats stats = w.run.reactors[0].stats;
    run_core_fini(&w.run);
    return stats;
}

static inline struct reactor_stats test_run(const struct run_config *cfg, void (*fn)(void *),
                                            void *arg)
{
    return test_run_with(&test_ops, cfg, fn, arg);
}

#endif
