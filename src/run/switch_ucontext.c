/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The same two functions for machines without a switch in assembly. A ucontext_t needs a home
 * while its fiber is switched out: the frame of fiber_switch() on that fiber's own stack. Costs
 * a system call per switch (the signal mask).
 */
#include "run/fiber_int.h"

#include "base/check.h"

#include <ucontext.h>

void fiber_switch(struct fiber_ctx *from, const struct fiber_ctx *to)
{
    ucontext_t here;
    from->sp = &here;
    check(swapcontext(&here, to->sp) == 0);
}

void fiber_ctx_init(struct fiber_ctx *ctx, void *top, void (*entry)(void))
{
    enum { STACK_SEEN = 16384 }; /* only makecontext() reads it, to find the top */
    uint8_t *place = (uint8_t *)top - round_up(sizeof(ucontext_t), 64);
    ucontext_t *first = (ucontext_t *)(void *)place;
    check(getcontext(first) == 0);
    first->uc_stack.ss_sp = place - STACK_SEEN;
    first->uc_stack.ss_size = STACK_SEEN;
    first->uc_link = NULL;
    makecontext(first, entry, 0);
    ctx->sp = first;
}
