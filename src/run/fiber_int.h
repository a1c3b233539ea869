/* SPDX-License-Identifier: BSD-2-Clause */
/* What fiber.c shares with the turn (reactor.c), calls (message.c) and the fault handler
 * (fault.c). */
#ifndef RUN_FIBER_INT_H
#define RUN_FIBER_INT_H

#include "run/fiber.h"
#include "run/run_int.h"

#include <signal.h>

#define FIBER_SLICE_NS (250 * NS_PER_US) /* what runs longer without yielding is counted */

enum fiber_state { FIBER_FREE, FIBER_READY, FIBER_RUNNING, FIBER_PARKED, FIBER_DONE };

/* Lives at the top of its own stack's mapping; the lowest page of the mapping is the guard. */
struct fiber {
    struct list node; /* on reactor.ready, .yielded or .free_stacks */
    struct list all;  /* on reactor.all_fibers */
    struct fiber_ctx ctx;
    enum fiber_state state;
    void (*fn)(void *arg);
    void *arg;
    const char *name;
    struct reactor *home;
    uint8_t *map;
    size_t map_len;
    uint8_t *stack; /* its lowest byte, above the guard */
    struct san_ctx san;
};

/* Saves the callee-saved registers and the stack pointer to *from and continues at *to
 * (switch_*.S). */
void fiber_switch(struct fiber_ctx *from, const struct fiber_ctx *to);
/* Prepares a context that begins in entry() on the stack ending at top (16-byte aligned). */
void fiber_ctx_init(struct fiber_ctx *ctx, void *top, void (*entry)(void));

/* Resumes a ready fiber; returns when it parks, yields or ends. From the loop only. */
void fiber_resume(struct fiber *f);
/* fiber_start() for a fiber that another reactor's fiber waits for: not limited by max_fibers,
 * since each has a caller that already counts there, and a limit on both sides could lock them
 * up. NULL: no memory for a stack. */
struct fiber *fiber_start_call(void (*fn)(void *arg), void *arg, const char *name);
/* Unmaps all stacks; of abandoned fibers too. */
void fiber_free_all(struct reactor *r);

/* message.c: starts calls that could not get a stack when they arrived. */
void calls_start_waiting(struct reactor *r);

/* timer.c: fires what is due at r->now. */
void timers_fire(struct reactor *r);

/* fault.c: a handler for SIGSEGV and SIGBUS that names the fiber whose stack overflowed, and
 * the alternate stack it needs on each thread that runs fibers. leave() undoes enter(). */
struct fault_stack {
    void *mem;
    stack_t old;
};
void fault_handler_enter(void);
void fault_handler_leave(void);
void fault_stack_enter(struct fault_stack *s);
void fault_stack_leave(const struct fault_stack *s);

#endif
