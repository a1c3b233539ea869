/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One turn of a reactor: due timers, then ready fibers, then the hooks that send what the turn
 * has produced. A world calls reactor_turn() after having delivered messages and completions.
 * Turns are what makes batches: everything that became ready together is answered together.
 *
 * A turn ends: fibers that yield come back in the next one, timers armed while it runs are due
 * later, and at most TURN_SLICES fibers are resumed, so that two fibers which wake each other
 * for ever cannot keep the loop from its I/O.
 */
#include "run/fiber_int.h"

#include "base/check.h"
#include "base/log.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define TURN_SLICES 512

static _Thread_local struct reactor *self;

struct reactor *reactor_self(void)
{
    return self;
}

void reactor_set_self(struct reactor *r)
{
    self = r;
}

struct run *reactor_run(const struct reactor *r)
{
    return r->run;
}

unsigned reactor_index(const struct reactor *r)
{
    return r->index;
}

/* ---- time -------------------------------------------------------------------------------- */

uint64_t run_now(void)
{
    return self->now;
}

uint64_t run_now_precise(void)
{
    return self->run->ops->now(self);
}

uint64_t run_wall(void)
{
    return self->run->ops->wall(self);
}

void reactor_tick(struct reactor *r)
{
    r->now = r->run->ops->now(r);
}

/* ---- the turn ---------------------------------------------------------------------------- */

static void slow_slice(struct reactor *r, const char *name, uint64_t ns)
{
    uint64_t us = ns / NS_PER_US;
    r->stats.slow_slices++;
    log_debug("run.slow_fiber", KV("fiber", "%s", name), KV("us", "%" PRIu64, us));
    if (r->run->cfg.fatal_slow_fiber) {
        fprintf(stderr, "fiber %s ran for %" PRIu64 " us without yielding\n", name, us);
        abort();
    }
}

static void run_ready(struct reactor *r)
{
    r->slice_start = r->now;
    for (unsigned n = 0; n < TURN_SLICES; n++) {
        struct fiber *f = list_first(&r->ready, struct fiber, node);
        if (!f)
            return;
        const char *name = f->name;
        list_remove(&f->node);
        fiber_resume(f);
        uint64_t now = run_now_precise();
        if (now - r->slice_start > FIBER_SLICE_NS)
            slow_slice(r, name, now - r->slice_start);
        r->slice_start = now;
    }
}

/* Hooks that are queued meanwhile wait for the next turn. */
static void run_hooks(struct reactor *r)
{
    struct list now;
    list_init(&now);
    list_splice(&now, &r->hooks);
    struct list *n;
    while ((n = list_pop(&now))) {
        struct turn_hook *h = list_entry(n, struct turn_hook, node);
        h->fn(h);
    }
}

void reactor_at_turn_end(struct turn_hook *h)
{
    if (list_empty(&h->node))
        list_push(&self->hooks, &h->node);
}

/* Counters for readers on other threads: single words, each of them whole. */
static void publish_stats(struct reactor *r)
{
    static_assert(sizeof(r->stats) % sizeof(uint64_t) == 0, "all counters are 64 bits");
    const uint64_t *from = (const uint64_t *)&r->stats;
    uint64_t *to = (uint64_t *)&r->published;
    for (size_t i = 0; i < sizeof(r->stats) / sizeof(uint64_t); i++)
        __atomic_store_n(&to[i], from[i], __ATOMIC_RELAXED);
}

bool reactor_turn(struct reactor *r)
{
    check(r == self);
    r->stats.turns++;
    san_loop_enter(&r->loop_san);
    reactor_tick(r);
    timers_fire(r);
    if (!list_empty(&r->calls_waiting))
        calls_start_waiting(r);
    run_ready(r);
    run_hooks(r);
    list_splice(&r->ready, &r->yielded);
    publish_stats(r);
    return !list_empty(&r->ready) || !list_empty(&r->hooks);
}

void reactor_stats(const struct reactor *r, struct reactor_stats *ret_stats)
{
    const uint64_t *from = (const uint64_t *)&r->published;
    uint64_t *to = (uint64_t *)ret_stats;
    for (size_t i = 0; i < sizeof(*ret_stats) / sizeof(uint64_t); i++)
        to[i] = __atomic_load_n(&from[i], __ATOMIC_RELAXED);
    if (r->run->ops->cpu_ns)
        ret_stats->cpu_ns = r->run->ops->cpu_ns(r);
}
