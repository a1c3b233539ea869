/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The first frame of a fiber, laid out as fiber_switch() of this machine would have left it:
 * saved registers (zero) and the address at which to go on. Knows the layouts of
 * switch_x86_64.S and switch_aarch64.S; other machines use switch_ucontext.c, which has a
 * fiber_ctx_init() of its own.
 */
#include "run/fiber_int.h"

#if defined(__x86_64__)
/* r15 r14 r13 r12 rbx rbp, the return address, and one word above it: the ABI wants rsp % 16 ==
 * 8 at a function's first instruction, and a zero return address ends a debugger's
 * backtrace. */
enum { FRAME_WORDS = 8, ENTRY_WORD = 6 };
#elif defined(__aarch64__)
/* x19..x28, x29, x30 (where ret goes), d8..d15. */
enum { FRAME_WORDS = 20, ENTRY_WORD = 11 };
#else
#error "this machine uses switch_ucontext.c"
#endif

void fiber_ctx_init(struct fiber_ctx *ctx, void *top, void (*entry)(void))
{
    uintptr_t *sp = (uintptr_t *)top - FRAME_WORDS;
    for (int i = 0; i < FRAME_WORDS; i++)
        sp[i] = 0;
    sp[ENTRY_WORD] = (uintptr_t)entry;
    ctx->sp = sp;
}
