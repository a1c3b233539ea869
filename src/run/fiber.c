/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fibers: stacks and switches. A fiber is a stack with a struct fiber at its top; starting one
 * takes a stack from the reactor's pool (making one costs two system calls and page faults, so
 * they are kept) and puts it on the ready list. Only the loop resumes fibers, and a fiber only
 * ever switches back to its loop; whoever wakes a fiber merely makes it ready. Each stack has
 * an inaccessible page below it; fault.c tells its fiber's name when something touches it.
 *
 * Invariants: a fiber stays on its reactor; exactly one is RUNNING per reactor while
 * reactor.current is set; a PARKED one is on no list of run/ and is woken exactly once.
 */
#include "run/fiber_int.h"

#include "base/check.h"
#include "base/mutant.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define FREE_STACKS_MAX 4096 /* more are unmapped when their fibers end */

struct fiber *fiber_self(void)
{
    struct reactor *r = reactor_self();
    return r ? r->current : NULL;
}

const char *fiber_name(const struct fiber *f)
{
    return f->name;
}

static void switch_to_loop(struct fiber *f)
{
    struct reactor *r = f->home;
    san_before_switch(&f->san, &r->loop_san, f->state == FIBER_DONE);
    fiber_switch(&f->ctx, &r->loop_ctx);
    san_after_switch(&f->san, &r->loop_san);
}

/* The first function on every fiber's stack. */
static void fiber_main(void)
{
    struct fiber *f = reactor_self()->current;
    san_after_switch(&f->san, &f->home->loop_san);
    f->fn(f->arg);
    f->state = FIBER_DONE;
    switch_to_loop(f);
    check(false); /* an ended fiber was resumed */
}

/* ---- stacks ------------------------------------------------------------------------------ */

static struct fiber *stack_new(struct reactor *r)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t len = round_up(r->run->cfg.fiber_stack, page) + page;
    uint8_t *map =
        mmap(NULL, len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (map == MAP_FAILED)
        return NULL;
    if (mprotect(map + page, len - page, PROT_READ | PROT_WRITE) < 0) {
        munmap(map, len);
        return NULL;
    }
    struct fiber *f = (void *)(map + len - round_up(sizeof(*f), 64));
    *f = (struct fiber){.home = r, .map = map, .map_len = len, .stack = map + page};
    list_init(&f->node);
    list_push(&r->all_fibers, &f->all);
    return f;
}

static void stack_free(struct fiber *f)
{
    list_remove(&f->node);
    list_remove(&f->all);
    san_stack_fini(&f->san, f->map, f->map_len);
    munmap(f->map, f->map_len);
}

static struct fiber *stack_get(struct reactor *r)
{
    struct list *n = list_pop(&r->free_stacks);
    if (!n)
        return stack_new(r);
    r->nfree_stacks--;
    return list_entry(n, struct fiber, node);
}

static void stack_put(struct reactor *r, struct fiber *f)
{
    if (r->nfree_stacks >= FREE_STACKS_MAX) {
        stack_free(f);
        return;
    }
    f->state = FIBER_FREE;
    list_push_front(&r->free_stacks, &f->node);
    r->nfree_stacks++;
}

void fiber_free_all(struct reactor *r)
{
    while (!list_empty(&r->all_fibers))
        stack_free(list_first(&r->all_fibers, struct fiber, all));
    r->nfree_stacks = 0;
}

/* ---- life -------------------------------------------------------------------------------- */

struct fiber *fiber_start_call(void (*fn)(void *arg), void *arg, const char *name)
{
    struct reactor *r = reactor_self();
    struct fiber *f = stack_get(r);
    if (!f)
        return NULL;
    f->fn = fn;
    f->arg = arg;
    f->name = name;
    f->state = FIBER_READY;
    san_stack_init(&f->san, f->stack, (size_t)((uint8_t *)f - f->stack));
    fiber_ctx_init(&f->ctx, f, fiber_main); /* 64-byte aligned */
    list_push(&r->ready, &f->node);
    r->stats.fibers_started++;
    r->stats.fibers_live++;
    r->stats.fibers_peak = MAX(r->stats.fibers_peak, r->stats.fibers_live);
    return f;
}

struct fiber *fiber_start(void (*fn)(void *arg), void *arg, const char *name)
{
    struct reactor *r = reactor_self();
    if (r->stats.fibers_live >= r->run->cfg.max_fibers)
        return NULL;
    return fiber_start_call(fn, arg, name);
}

bool fiber_scarce(void)
{
    const struct reactor *r = reactor_self();
    uint32_t max = r->run->cfg.max_fibers;
    return r->stats.fibers_live >= max - max / 8;
}

void fiber_resume(struct fiber *f)
{
    struct reactor *r = f->home;
    check(f->state == FIBER_READY);
    f->state = FIBER_RUNNING;
    r->current = f;
    san_before_switch(&r->loop_san, &f->san, false);
    fiber_switch(&r->loop_ctx, &f->ctx);
    san_after_switch(&r->loop_san, &f->san);
    r->current = NULL;
    if (f->state != FIBER_DONE)
        return;
    r->stats.fibers_live--;
    stack_put(r, f);
    calls_start_waiting(r);
}

/* ---- parking ----------------------------------------------------------------------------- */

void fiber_park(void)
{
    struct fiber *f = fiber_self();
    check(f !=
          NULL); /* only fibers may park; turn hooks, timers and message handlers may not */
    f->state = FIBER_PARKED;
    switch_to_loop(f);
}

void fiber_wake(struct fiber *f)
{
    check(f->state == FIBER_PARKED && f->home == reactor_self());
    f->state = FIBER_READY;
    list_push(&f->home->ready, &f->node);
}

void fiber_yield(void)
{
    struct fiber *f = fiber_self();
    check(f != NULL);
    f->state = FIBER_READY;
    list_push(&f->home->yielded, &f->node);
    switch_to_loop(f);
}

void fiber_maybe_yield(void)
{
    struct reactor *r = reactor_self();
    uint64_t ran = run_now_precise() - r->slice_start;
    if (ran > FIBER_SLICE_NS / 2 || quirk_on(QUIRK_YIELDS)) /* the rest is for one step more */
        fiber_yield();
}
