/* SPDX-License-Identifier: BSD-2-Clause */
/* The world's frame: what every world is made of, and the calls that go straight to its
 * operations. */
#include "run/fiber_int.h"

#include "base/check.h"

#include <errno.h>
#include <stdlib.h>

#define STACK_DEFAULT      (64u << 10)
#define STACK_SANITIZERS   (256u << 10) /* instrumented frames are several times larger */
#define MAX_FIBERS_DEFAULT 8192u
#define BUF_BUDGET_DEFAULT (256ull << 20)

static void config_defaults(struct run_config *cfg)
{
    if (cfg->fiber_stack == 0)
        cfg->fiber_stack = RUN_SANITIZED ? STACK_SANITIZERS : STACK_DEFAULT;
    if (cfg->max_fibers == 0)
        cfg->max_fibers = MAX_FIBERS_DEFAULT;
    if (cfg->buf_budget == 0)
        cfg->buf_budget = BUF_BUDGET_DEFAULT;
}

static void reactor_init(struct run *run, unsigned index)
{
    struct reactor *r = &run->reactors[index];
    r->run = run;
    r->index = index;
    struct list *lists[] = {&r->ready,   &r->hooks,      &r->free_stacks,
                            &r->yielded, &r->all_fibers, &r->calls_waiting};
    for (size_t i = 0; i < ARRAY_LEN(lists); i++)
        list_init(lists[i]);
    iobuf_init(r);
}

int run_core_init(struct run *run, const struct world_ops *ops, const struct run_config *cfg,
                  unsigned nreactors)
{
    check(nreactors >= 1 && nreactors <= RUN_MAX_REACTORS);
    *run = (struct run){.ops = ops, .cfg = *cfg, .nreactors = nreactors};
    config_defaults(&run->cfg);
    atomic_init(&run->budget, run->cfg.buf_budget);
    run->reactors = calloc(nreactors, sizeof(*run->reactors));
    if (!run->reactors)
        return E(-ENOMEM);
    for (unsigned i = 0; i < nreactors; i++)
        reactor_init(run, i);
    return 0;
}

void run_core_fini(struct run *run)
{
    for (unsigned i = 0; i < run->nreactors; i++) {
        struct reactor *r = &run->reactors[i];
        fiber_free_all(r);
        slabs_fini(&r->slabs);
    }
    free(run->reactors);
    run->reactors = NULL;
}

void run_free(struct run *run)
{
    if (run)
        run->ops->free(run);
}

void run_loop(struct run *run, void (*main_fn)(void *arg), void *arg)
{
    struct fault_stack stack;
    run->main_fn = main_fn;
    run->main_arg = arg;
    fault_handler_enter();
    fault_stack_enter(&stack);
    run->ops->loop(run);
    reactor_set_self(NULL);
    fault_stack_leave(&stack);
    fault_handler_leave();
}

void reactor_start_main(struct run *run)
{
    check(fiber_start(run->main_fn, run->main_arg, "main") != NULL);
}

void run_stop(struct run *run)
{
    run->ops->stop(run);
}

unsigned run_nreactors(const struct run *run)
{
    return run->nreactors;
}

struct reactor *run_reactor(struct run *run, unsigned index)
{
    check(index < run->nreactors);
    return &run->reactors[index];
}

const char *run_io_name(const struct run *run)
{
    return run->ops->io_name(run);
}

void run_random(void *ret_bytes, size_t len)
{
    struct run *run = reactor_self()->run;
    run->ops->random(run, ret_bytes, len);
}

void run_offload(void (*fn)(void *arg), void *arg)
{
    reactor_self()->run->ops->offload(fn, arg);
}

void run_blocking(void (*fn)(void *arg), void *arg)
{
    reactor_self()->run->ops->blocking(fn, arg);
}
